#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The Makefile as its users meet it: both compilers, both architectures,
# rebuilds, installation, errors. KSRC names the kernel tree; needs no KVM.

bats_require_minimum_version 1.5.0

setup_file() {
	export root=$BATS_TEST_DIRNAME/.. out=$BATS_FILE_TMPDIR
	export sanitized="-fsanitize=address,undefined -fno-sanitize-recover=all"
}

# build ARCH CC GOAL...
build() {
	local arch=$1 cc=$2 cross=''
	shift 2

	[[ $arch == "$(uname -m)" ]] || cross=$arch-linux-gnu-
	make -s -C "$root" -j "$(nproc)" CC="$cc" CROSS_COMPILE="$cross" OUTPUT="$out/$arch-$cc" "$@"
}

@test "gcc builds everything for s390x, without warnings" {
	build s390x gcc
	file "$out/s390x-gcc/memop/absolute_copy" | grep -q 'IBM S/390.*statically linked'
}

@test "gcc builds the memory-slot tests for x86_64, without warnings" {
	build x86_64 gcc
	[ -x "$out/x86_64-gcc/mem_slot/max_slots" ]
	[ ! -e "$out/x86_64-gcc/memop" ]
}

@test "clang builds everything for s390x, without warnings" {
	build s390x clang
	[ -x "$out/s390x-clang/memop/absolute_copy" ]
}

@test "clang builds the memory-slot tests for x86_64, without warnings" {
	build x86_64 clang
	[ -x "$out/x86_64-clang/mem_slot/max_slots" ]
}

@test "the kernel tree is not written to" {
	build s390x gcc
	[ -z "$(find "$KSRC/" -newer "$out/s390x-gcc/config" -print -quit)" ]
}

@test "a second make does nothing, a changed header and other flags build again" {
	build s390x gcc
	cp -a "$out/s390x-gcc/memop/absolute_copy" "$out/before"
	[ -z "$(build s390x gcc)" ]
	[ ! "$out/s390x-gcc/memop/absolute_copy" -nt "$out/before" ]
	sleep 1
	run make -C "$root" -n -W "$(readlink -f "$root/include/case/outcome.h")" CROSS_COMPILE=s390x-linux-gnu- \
		OUTPUT="$out/s390x-gcc"
	[[ $output == *LINK* ]]
	# The flags here take away what headers before 6.4 and 6.8 lack: compat.h has it
	printf '#include <linux/kvm.h>\n' >"$out/older.h"
	printf '#undef %s\n' KVM_{MEM,CAP}_GUEST_MEMFD KVM_CAP_GUEST_MEMFD_FLAGS KVM_S390_MEMOP_ABSOLUTE_CMPXCHG \
		>>"$out/older.h"
	build s390x gcc EXTRA_CFLAGS="-include $out/older.h"
	[ "$out/s390x-gcc/memop/absolute_copy" -nt "$out/before" ]
}

@test "install makes a folder that needs nothing else" {
	build s390x gcc install INSTALL_PATH="$out/installed"
	for file in memop/absolute_keys mem_slot/max_slots {memop,mem_slot}/{family,contract.md,settings} \
		list run_tests version COPYING runner/{judge.py,judge.awk,one_test.sh}; do
		[ -e "$out/installed/$file" ]
	done
	grep -qx 'machine s390x' "$out/installed/version"
	grep -qx timeout=600 "$out/installed/mem_slot/settings"
	[ "$(sort "$out/installed/list")" = "$(make -s -C "$root" list | sort)" ]
	sh "$out/installed/run_tests" -l | cmp - "$out/installed/list"
	# The judge is whole: silence is judged, and not by a traceback
	mkdir "$out/left"
	cd "$out/installed"
	run --separate-stderr /usr/bin/python3 runner/verdict.py . "$out/left" 1 </dev/null
	[[ $status -eq 0 && ${lines[0]} == broken ]]
	[[ $(uname -m) == s390x ]] && return
	run sh "$out/installed/run_tests"
	[ "$status" -eq 2 ]
	[[ $output == *"these tests are for s390x, and this machine is $(uname -m)"* ]]
}

@test "install takes TARGETS and TESTS, and says what it lacks" {
	build s390x gcc install INSTALL_PATH="$out/part" TARGETS=memop TESTS='absolute*'
	grep -qx memop/absolute_copy "$out/part/list"
	run ! grep -q mem_slot "$out/part/list"
	run build s390x gcc install
	[ "$status" -ne 0 ]
	[[ $output == *"install needs INSTALL_PATH="* ]]
	run build s390x gcc install INSTALL_PATH="$out/none" TESTS='nothing*'
	[ "$status" -ne 0 ]
	[[ $output == *"No test matches TESTS=nothing"* ]]
}

@test "settings are the longest limit of a family, and a limit that is none is refused" {
	printf 'timeout = 10 # s\nx.timeout=77\ncpus=99\n' >"$out/limits"
	[ "$("$root/runner/settings.sh" "$out/limits")" = timeout=77 ]
	for limit in abc 0 -1 ''; do
		echo "timeout=$limit" >"$out/limits"
		run "$root/runner/settings.sh" "$out/limits"
		[[ $status -eq 1 && $output == *"timeout takes a whole number"* ]]
	done
}

@test "gen_tar packs it" {
	tar=$(build s390x gcc gen_tar)
	tar -tzf "$tar" | grep -q '/memop/absolute_copy$'
}

@test "help, list and clean need neither compiler nor kernel tree" {
	for goal in help list clean; do
		make -s -C "$root" CC=/no/cc KSRC=/no/tree OUTPUT="$out/empty" "$goal" >/dev/null
	done
}

@test "a missing kernel tree or compiler: a clear error" {
	run make -C "$root" KSRC=/no/tree
	[ "$status" -ne 0 ]
	[[ $output == *"KSRC=/no/tree is no readable kernel tree"* ]]
	run make -C "$root" KSRC=
	[ "$status" -ne 0 ]
	[[ $output == *"No kernel source: run ./run.sh once"* ]]
	run make -C "$root" CROSS_COMPILE=nowhere-
	[ "$status" -ne 0 ]
	[[ $output == *'"nowhere-gcc" does not run: install it'* ]]
}

@test "shell scripts are clean" {
	cd "$root"
	git ls-files -z | xargs -0 grep -lE '^#!.*(bash|sh)$|^# shellcheck shell=' |
		grep -vE '\.bats$|\.py$' | xargs shellcheck
}

@test "Python compiles, and every file says its licence" {
	cd "$root"
	for file in $(git ls-files '*.py'); do
		/usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file"
	done
	run git grep -L SPDX-License-Identifier -- ':!COPYING' ':!*.md' ':!*.patch' ':!.editorconfig' \
		':!.shellcheckrc' ':!debian/changelog' ':!debian/copyright' ':!debian/source/format'
	[ -z "$output" ]
}

@test "the oracle is as the hand-worked tables, and each of its rules matters" {
	gcc -O1 -std=gnu11 -Wall -Wextra -Werror $sanitized -I"$root/include" -o "$out/contract_test" \
		"$root/tests/contract_test.c" "$root"/lib/oracle/*.c "$root/lib/case/outcome.c"
	run "$out/contract_test"
	[ "$status" -eq 0 ] || { grep -B1 '^not ok' <<<"$output"; false; }
	[[ $output == *"ok "[0-9]*" without rule "* ]]
}

@test "the model of vfio-ap agrees with histories worked out by hand" {
	gcc -O1 -std=gnu11 -Wall -Wextra -Werror $sanitized -I"$root/include" -o "$out/ap_model_test" \
		"$root/tests/ap_model_test.c" "$root"/lib/ap/*.c
	run "$out/ap_model_test"
	[ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "every documented clause has a test or a reason, every test names clauses that exist" {
	"$root/runner/contract.py"
	mkdir -p "$out/tree/memop"
	echo architectures=any >"$out/tree/memop/family"
	printf '| MEMOP-AA-01 | documented | text | |\n| MEMOP-AA-02 | documented | text | hard |\n' \
		>"$out/tree/memop/contract.md"
	echo 'x = "MEMOP-AA-03";' >"$out/tree/memop/test.c"
	run "$root/runner/contract.py" "$out/tree"
	[ "$status" -eq 1 ]
	[[ $output == *"MEMOP-AA-01: no test names it"* && $output == *"memop/test: names MEMOP-AA-03"* ]]
	[[ $output != *"MEMOP-AA-02"* ]]
}

# copy_tree DIR: what git has of this project
copy_tree() {
	mkdir "$1"
	(cd "$root" && git ls-files -z | xargs -0 cp --parents -t "$1")
}

@test "a folder with a test, a family and a contract is all that a new family takes" {
	tree=$out/with_family
	copy_tree "$tree"
	mkdir "$tree/vfio_ccw"
	printf 'architectures=any\nmodules=kvm vfio_ccw\ntimeout=77\nreset.timeout=99\n' >"$tree/vfio_ccw/family"
	printf '| CCW-QUEUE-01 | documented | A queue can be reset. | |\n' >"$tree/vfio_ccw/contract.md"
	cat >"$tree/vfio_ccw/reset.c" <<-'END'
		// SPDX-License-Identifier: GPL-2.0-only
		#include "case/report.h"

		static void reset(void)
		{
			report_case();
		}

		static const struct line lines[] = {
			{ "a queue is reset", "CCW-QUEUE-01", reset },
		};

		int main(int argc, char **argv)
		{
			report_options(argc, argv, lines, 1);
			return report_run();
		}
	END
	make -s -C "$tree" list | grep -qx vfio_ccw/reset
	make -s -C "$tree" OUTPUT="$out/family" TARGETS=vfio_ccw install INSTALL_PATH="$out/family/suite"
	[ "$(<"$out/family/suite/list")" = vfio_ccw/reset ]
	[ -e "$out/family/suite/vfio_ccw/contract.md" ]
	grep -qx timeout=99 "$out/family/suite/vfio_ccw/settings"
	[ "$("$out/family/suite/vfio_ccw/reset" --list)" = "1 a queue is reset" ]
	"$tree/runner/contract.py"
	sed -i s/CCW-QUEUE-01/AP-QUEUE-02/ "$tree/vfio_ccw/reset.c"
	run "$tree/runner/contract.py"
	[ "$status" -eq 1 ]
	[[ $output == *"vfio_ccw/reset: names AP-QUEUE-02"* && $output == *"CCW-QUEUE-01: no test names it"* ]]
	# Families of another architecture are left out, unknown ones refused
	sed -i s/=any/=mips/ "$tree/vfio_ccw/family"
	run make -s -C "$tree" OUTPUT="$out/family" TARGETS=vfio_ccw install INSTALL_PATH="$out/family/none"
	[[ $status -ne 0 && $output == *"No test matches"* ]]
	run make -s -C "$tree" TARGETS=vfio list
	[[ $status -ne 0 && $output == *'there is no family "vfio"'* ]]
}

@test "new-test writes a test that builds, and is red until it asserts something" {
	tree=$out/with_family
	[ -d "$tree" ] || copy_tree "$tree"
	rm -rf "$tree/vfio_ccw"
	"$tree/tools/new-test" mem_slot/first SLOT-04
	"$tree/runner/contract.py"
	if [[ $(clang-format --version 2>/dev/null) == *" version 14."* ]]; then
		clang-format --style="file:$root/.clang-format" --dry-run -Werror "$tree/mem_slot/first.c"
	fi
	make -s -C "$tree" -j "$(nproc)" OUTPUT="$out/family" TARGETS=mem_slot TESTS=first
	# What kvm_util prints when it is loaded comes first
	[ "$("$out/family/mem_slot/first" --list | tail -n 1)" = "1 a sentence in the contract's words" ]
	[[ -r /dev/kvm && -w /dev/kvm ]] || skip "it builds; there is no /dev/kvm to run it on"
	run "$out/family/mem_slot/first"
	[ "$status" -eq 1 ]
	[[ $output == *"# FAILED: a sentence in the contract's words"*"clause    SLOT-04"*"not ok 1 "* ]]
	# And green once it does
	sed -i 's/report_check(false/report_check(vm->fd >= 0/' "$tree/mem_slot/first.c"
	make -s -C "$tree" OUTPUT="$out/family" TARGETS=mem_slot TESTS=first
	run "$out/family/mem_slot/first"
	[ "$status" -eq 0 ]
}

@test "clean says what it leaves" {
	mkdir -p "$out/leaves/build/kernel"
	cp "$root/Makefile" "$out/leaves/"
	run make -s -C "$out/leaves" OUTPUT="$out/leaves/build/out" clean
	[[ $status -eq 0 && $output == "left: "*"make distclean"* ]]
	make -s -C "$out/leaves" distclean
	[ ! -e "$out/leaves/build" ]
}
