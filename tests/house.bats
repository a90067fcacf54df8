#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The house keeps to its map and its rules: includes, lengths, form, excuses; and
# a new author's first test is red. Needs no KVM.

bats_require_minimum_version 1.5.0

setup_file() {
	export root=$BATS_TEST_DIRNAME/.. out=$BATS_FILE_TMPDIR
	export sanitized="-fsanitize=address,undefined -fno-sanitize-recover=all"
}

@test "each room includes what docs/house.md lets it, long files say why" {
	"$root/tests/house.py"
}

@test "a wrong include and a long file without a reason are seen" {
	tree=$out/tree
	mkdir -p "$tree"/{docs,lib/case,lib/slot,memop,mem_slot}
	cp "$root/docs/house.md" "$tree/docs/"
	echo architectures=s390x >"$tree/memop/family"
	echo architectures=any >"$tree/mem_slot/family"
	echo '#include "kvm_util.h"' >"$tree/lib/case/a.c"
	echo '#include <linux/kvm.h>' >"$tree/lib/case/b.c"
	echo '#include "oracle/contract.h"' | tee "$tree/lib/slot/c.c" "$tree/memop/fine.c" >"$tree/mem_slot/d.c"
	seq 301 >"$tree/memop/long.c"
	{ echo '/* Over 300 lines: one table */' && seq 301; } >"$tree/memop/said.c"
	run "$root/tests/house.py" "$tree"
	[ "$status" -eq 1 ]
	for wrong in lib/case/a.c lib/case/b.c lib/slot/c.c mem_slot/d.c memop/long.c; do
		[[ $output == *"$wrong: "* ]]
	done
	[ "${#lines[@]}" -eq 5 ]
}

@test "C is as clang-format of Debian 12 has it" {
	[[ $(clang-format --version 2>/dev/null) == *" version 14."* ]] || skip "no clang-format of version 14 here"
	cd "$root"
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror
}

@test "known deviations apply where their reason does, and to no neighbour" {
	for as in '' -D__s390x__; do
		# shellcheck disable=SC2086 # no word or one
		gcc -O1 -std=gnu11 -Wall -Wextra -Werror $sanitized $as -I"$root/include" -o "$out/deviation_test" \
			"$root/tests/deviation_test.c" "$root"/lib/oracle/*.c "$root/lib/case/outcome.c" \
			"$root/lib/s390x/memop_deviation.c" "$root/lib/slot/deviation.c" "$root"/lib/ap/*.c
		run "$out/deviation_test"
		[ "$status" -eq 0 ] || { grep '^not ok' <<<"$output" && false; }
	done
	# Each name that the code knows has a row
	for name in $(grep -rhoE '"(DEV|FIND)-[0-9]+"' "$root"/lib/*/*deviation.c | sort -u); do
		[[ $name == '"DEV-06"' ]] || grep -q "$name" "$root/tests/deviation_test.c" # asks the running KVM
	done
}

@test "a number of a finding is used once" {
	[ -z "$(grep -o '^## FIND-[0-9]*' "$root/docs/findings.md" | sort | uniq -d)" ]
}

@test "what is expected has reasons, and is of tests, clauses and findings that there are" {
	local file wrong

	python3 "$root/runner/expected.py" "$root" "$root"/expected/*
	file=$BATS_TEST_TMPDIR/expected
	entry='[DEV-02]\nreason x\nclause SLOT-01\nreference y\nfixed no\n'
	for wrong in '[DEV-02]\nclause SLOT-01\nreference y\nfixed no\nmemop/cmpxchg 7 1' "$entry" \
		"${entry}memop/cmpxchg 7" "${entry}memop/cmpxchg 0 1" "${entry}memop/* 7 1" "${entry}memop/nosuch 1 1" \
		"${entry}memop/cmpxchg 7 1\n$entry" "memop/cmpxchg 7 1" "${entry/SLOT-01/SLOT-99}memop/cmpxchg 7 1" \
		"${entry}memop/cmpxchg 7-8 1\nmemop/cmpxchg 8 2" "${entry}memop/cmpxchg 8-7 1" \
		"${entry/DEV-02/DEV-99}memop/cmpxchg 7 1" "${entry/DEV-02/OUR-1}memop/cmpxchg 7 1"; do
		printf '%b\n' "$wrong" >"$file"
		run python3 "$root/runner/expected.py" "$root" "$file"
		[ "$status" -eq 1 ] || { printf 'taken: %b\n' "$wrong"; false; }
	done
	printf '%bmemop/cmpxchg 7-8,9 1\n[OUR-1]\nreason none of it is here\nmemop/* * skips\n' "$entry" >"$file"
	python3 "$root/runner/expected.py" "$root" "$file"
}

@test "new-test refuses what is no test, and overwrites none" {
	for words in '' memop nosuch/x memop/X memop/absolute_keys 'memop/x NO-SUCH-01' 'memop/x a b'; do
		# shellcheck disable=SC2086 # words
		run "$root/tools/new-test" $words
		[ "$status" -eq 2 ]
		[[ $output == "new-test: "* ]]
	done
	[ ! -e "$root/memop/x.c" ]
}
