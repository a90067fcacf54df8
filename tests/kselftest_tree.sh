#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kselftest_tree.sh [GLOB]: the kernel tree's own way. In a scratch copy of what KSRC has for
# selftests, with this project linked in as tools/testing/selftests/kvm-s390-memory:
#
#   make -C tools/testing/selftests TARGETS=kvm-s390-memory gen_tar
#   make -C tools/testing/selftests TARGETS=kvm-s390-memory run_tests
#
# for this host's architecture, and what gen_tar packed is unpacked and run by the kernel's
# run_kselftest.sh. Of the tests those that GLOB matches are run (default: edges); without
# /dev/kvm they are skipped. The last line counts.
set -euo pipefail
# shellcheck source=tests/parts.sh
. "$(dirname "$(readlink -f "$0")")/parts.sh"

readonly collection=kvm-s390-memory
glob=${1:-edges}

# What selftests, kvm_util and "make headers" take of a kernel tree. It looks like one that was
# configured in place, as an author's does.
copy_tree() {
	mkdir -p tree/tools/testing/selftests
	cp -r "$KSRC"/{Makefile,Kbuild,Kconfig,scripts,include,usr} tree/
	mkdir tree/arch
	cp -r "$KSRC"/arch/{Kconfig,arm64,s390,x86} tree/arch/
	cp -r "$KSRC"/tools/{include,arch,scripts,build,lib} tree/tools/
	(cd "$KSRC/tools/testing/selftests" &&
		cp -r Makefile lib.mk run_kselftest.sh kselftest ./*.h kvm rseq "$scratch/tree/tools/testing/selftests/")
	touch tree/.config
}

copy_project() {
	own_sources "$scratch/project"
	ln -s ../../../../project "tree/tools/testing/selftests/$collection"
}

# verb GOAL...: at most as many at once as there are CPUs
verb() {
	# What is given on make's command line above is not for this one
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u KSRC make -s -j "$(nproc)" -C tree/tools/testing/selftests \
		TARGETS="$collection" "$@"
}

lists_every_test() {
	diff <(sed -n "s/^$collection://p" unpacked/kselftest-list.txt | sort) <(sort "unpacked/$collection/list") &&
		[[ -s unpacked/kselftest-list.txt ]]
}

# Its exit status says nothing: a result for each test that was asked for does
kernel_runner() {
	local tests=() test

	while read -r test; do
		# shellcheck disable=SC2053 # it is a pattern
		[[ ${test##*/} != $glob ]] || tests+=(-t "$test")
	done <unpacked/kselftest-list.txt
	unpacked/run_kselftest.sh "${tests[@]}" >kernel.log 2>&1 || true
	if ((!${#tests[@]} || $(grep -c "^ok .* selftests: $collection: " kernel.log) * 2 != ${#tests[@]})); then
		tail -n 30 kernel.log
		return 1
	fi
	grep "^ok .* selftests: " kernel.log
}

own_runner() {
	verb TESTS="$glob" run_tests >own.log 2>&1 || { tail -n 30 own.log && return 1; }
	grep -E '^(ok|#.*: every) |^# [0-9]+ passed' own.log
}

# O= is the whole kernel's: selftests go to a folder of theirs in it
builds_elsewhere() {
	verb O="$scratch/elsewhere" all >elsewhere.log 2>&1 || { tail -n 30 elsewhere.log && return 1; }
	[[ -x elsewhere/kselftest/$collection/mem_slot/edges ]] && nothing_lost
}

nothing_lost() {
	[[ -e project/Makefile && -e project/lib/compat.c && -z $(find project/build -type f) ]]
}

main() {
	# shellcheck disable=SC2034 # for source_prepare
	CACHE=$here/build
	packages_need gcc git libc6-dev make
	KSRC=$(readlink -f "${KSRC:-$(source_prepare "$(debian_default_suite)")}")
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	cd "$scratch"
	copy_tree
	copy_project
	holds "gen_tar builds and packs it" verb gen_tar FORCE_TARGETS=1
	mkdir unpacked
	tar -xf tree/tools/testing/selftests/kselftest_install/kselftest-packages/kselftest.tar.gz -C unpacked
	holds "the package lists every test" lists_every_test
	holds "run_kselftest.sh runs $glob of the package" kernel_runner
	holds "run_tests runs $glob" own_runner
	holds "clean removes what was built, and nothing else" verb clean
	holds "the linked project is whole" nothing_lost
	holds "O= builds it elsewhere" builds_elsewhere
	totals
}

main
