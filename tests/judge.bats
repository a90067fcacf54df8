#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The runner's verdict for each way in which a document, a machine or its
# evidence can be less than whole. Each of these was once taken for a pass, or
# lost results. Needs no KVM, no emulator and no network.

bats_require_minimum_version 1.5.0
load fake/suite

setup() {
	fake_suite_setup
}

@test "what looks like a result and is none breaks the document" {
	for line in 'not ok - b' 'not ok 2: b' '\tnot ok 2 b' ' not ok 2 b' '\033[31mnot ok 2 b\033[0m' '\000not ok 2 b' \
		'not ok' 'not  ok 2 b' 'NOT OK 2 b' '\357\273\277not ok 2 b' 'ok 99999999999 b' ' 1..7' '1.. 3'; do
		verdict 3 'BROKEN' <<<"printf 'TAP version 13\n1..1\n$line\nok 1 a\n'" || {
			echo "for: $line"
			return 1
		}
	done
}

@test "lines end at line feeds only: no comment forges a result" {
	verdict 1 'not ok 1 a' <<<"printf '1..1\n# note\014ok 1 forged\342\200\250ok 1 forged\nnot ok 1 a\n'; exit 1"
	verdict 0 '^memop/case  ok 1 a' <<<"printf '1..1\n# said\014not ok 1 forged\015not ok 1 forged\nok 1 a\n'"
}

@test "an escaped directive is a name, and an unescaped one without blank no directive" {
	verdict 1 'FAILED' <<<'echo 1..1; echo "not ok 1 a \# TODO"; exit 1'
	verdict 1 'FAILED' <<<'echo 1..1; echo "not ok 1 a\# SKIP b"; exit 1'
	verdict 1 'FAILED' <<<'echo 1..1; echo "not ok 1 a # SKIP b"; exit 1'
}

@test "a failed subtest fails its parent, a nested bail-out is one" {
	verdict 1 'a subtest of it failed' <<<'echo 1..1; echo "    1..1"; echo "    not ok 1 b"; echo ok 1 a'
	verdict 0 'passed' <<<'echo 1..1; echo "    1..1"; echo "    not ok 1 b # TODO"; echo ok 1 a'
	verdict 3 'bailed out: no more' <<<'echo 1..1; echo "    Bail out! no more"; echo ok 1 a'
	verdict 3 'this is no result' <<<'echo 1..1; echo "    not ok: b"; echo ok 1 a'
}

@test "a fact that has not its form breaks the document" {
	for fact in 'clause: A-01' 'cases: many' 'begin: a' 'names:' 'deviation: DEV-01 -3' 'program: memop/case' \
		'note: rate fast' 'cases: 9999999999999999999999'; do
		verdict 3 'this is no fact of its form' <<<"echo 1..1; echo '# $fact'; echo ok 1 a" || {
			echo "for: $fact"
			return 1
		}
	done
}

@test "numbers of 5000 digits, and digits of other scripts, are no numbers" {
	verdict 3 'BROKEN' <<<'printf "1..1\nok %05000d a\n" 1'
	verdict 3 'BROKEN' <<<'printf "1..%05000d\nok 1 a\n" 1'
	verdict 3 'BROKEN' <<<'printf "1..\302\262\nok 1 a\n"'
}

@test "evidence that is not there is no evidence" {
	for what in dmesg taint_before taint_after; do
		verdict 3 'the machine left no' <<-END
			#fake: without:$what
			echo 1..1; echo ok 1 a
		END
	done
	verdict 3 'the kernel log is not complete: 300 lines' <<-'END'
		#fake: overrun
		echo 1..1; echo ok 1 a
	END
	verdict 0 'passed' <<-'END'
		#fake: unread
		echo 1..1; echo ok 1 a
	END
	grep -q 'kernel log not read: you may not' "$dir/results/run/summary.txt"
}

@test "broken wins over an exit status of 0; skip needs a reason and no results" {
	verdict 3 'a block of its output is damaged' <<-'END'
		#fake: quietly-broken
		echo 1..1; echo ok 1 a
	END
	verdict 3 'and not why' <<<'#fake: mute-skip'
	verdict 3 'can run here, after results' <<-'END'
		#fake: no-kvm
		echo 1..1; echo not ok 1 a
	END
}

@test "a kernel that was tainted before proves nothing" {
	for taint in 512 128 32 16384; do
		verdict 1 'kernel: the kernel was tainted before the test' <<-END
			#fake: tainted:$taint
			echo 1..1; echo ok 1 a
		END
	done
	verdict 0 'passed' <<-'END'
		#fake: tainted:8192
		echo 1..1; echo ok 1 a
	END
}

@test "lines of the kernel log that no good test leaves" {
	while read -r line; do
		verdict 1 'kernel: ' <<-END || { echo "for: $line"; return 1; }
			#fake: log:$line
			echo 1..1; echo ok 1 a
		END
	done <<-'END'
		general protection fault: 0000 [#1] SMP
		divide error: 0000 [#1] SMP
		addressing exception: 0005 ilc:2 [#1] SMP
		data exception: 0007 ilc:2 [#1] SMP
		BUG kmalloc-64 (Not tainted): Redzone overwritten
		NMI watchdog: Watchdog detected hard LOCKUP on cpu 0
		INFO: trying to register non-static key.
		kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
		Unable to handle kernel pointer dereference in virtual kernel address space
	END
	verdict 0 'passed' <<-'END'
		#fake: log:traps: other[7] general protection fault ip:401000 sp:7ffe error:0 in other[401000+1000]
		echo 1..1; echo ok 1 a
	END
}

@test "much output: in time, and no more than a bound" {
	SECONDS=0
	verdict 1 'FAILED' <<<"echo 1..1; seq -f '# comment %.0f' 200000; echo not ok 1 a; exit 1"
	has 'more lines: they are in the KTAP'
	[ "$SECONDS" -lt 30 ]
	verdict 3 'it printed more than 16 MiB' <<<'echo 1..1; while :; do printf "%09999d\n" 1; done'
	[ "$(stat -c %s "$dir/results/run/memop/case.ktap")" -lt 18000000 ]
}

@test "processes that outlive a test are ended, and told" {
	SECONDS=0
	verdict 3 'processes outlived the test: sleep' <<<'setsid sleep 98765 & sleep 0.3; echo 1..1; echo ok 1 a'
	[ "$SECONDS" -lt 15 ]
	run ! pgrep -f 'sleep 98765'
}

@test "a target that closes stdout and lives on is waited for, one that ends is not read on" {
	add_passing good
	cat >"$dir/target" <<-END
		#!/bin/sh
		[ "\$1" = run ] || exec "$root/tests/fake/target" "\$@"
		"$root/tests/fake/target" "\$@"
		exec >&-
		sleep 1
	END
	chmod +x "$dir/target"
	in_runner --target "$dir/target"
	[ "$status" -eq 0 ]
	has '^memop/good  passed'
}

@test "a test that kills its parent is broken, and nothing hangs" {
	SECONDS=0
	# shellcheck disable=SC2016 # for the test's shell
	verdict 3 'BROKEN' <<<'echo 1..1; echo ok 1 a; kill -9 $PPID; sleep 60'
	[ "$SECONDS" -lt 20 ]
}

@test "a line that gets through no case is stuck: its machine ends in order, its place is told" {
	add_test hangs <<-'END'
		trap 'exit 0' TERM
		echo "1..2"; echo "# begin: 1 quick"; echo ok 1 quick
		echo "# begin: 2 the slow sentence"; echo "# progress: 2 120"; echo "# about: sizes of 4096"
		sleep 300 & wait
	END
	in_runner --stuck 1 --slow 2
	[ "$status" -eq 3 ]
	has 'BROKEN: .*stuck: no case in 2 s'
	has 'in line 2, the slow sentence, after 120 cases, while: sizes of 4096'
	has 'lost 2|ok 1 quick'
}

@test "one test's missing file is that test's, the run goes on" {
	add_passing good
	echo memop/nowhere >>"$suite/list"
	in_runner
	[ "$status" -eq 3 ]
	has '^memop/nowhere  BROKEN: .*could not be started: No such file'
	has '^memop/good .*passed'
}

@test "clauses: unknown ones break a test, known ones pass by their cases only" {
	printf '| AA-01 | documented | text | |\n| AA-02 | documented | text | |\n' >"$suite/memop/contract.md"
	verdict 3 'line 1 names AA-03, which no contract.md of this suite has' <<-'END'
		echo 1..1; echo "# clause: AA-03 4"; echo ok 1 a
	END
	verdict 0 passed <<-'END'
		echo 1..2; echo "# clause: AA-01 4"; echo "# cases: 4"; echo ok 1 a; echo "# cases: 1"; echo ok 2 b
	END
	grep -q '^AA-01 .*passed .*memop/case:1 4 cases' "$dir/results/run/summary.txt"
	grep -q '^AA-02 .*-  *not in this run' "$dir/results/run/summary.txt"
	mkdir -p "$suite/mem_slot"
	: >"$suite/mem_slot/family"
	echo '| SS-01 | documented | of another family | |' >"$suite/mem_slot/contract.md"
	verdict 0 passed <<<'echo 1..1; echo "# clause: SS-01 4"; echo ok 1 a'
}

@test "a promise that no case kept is an error of the suite, but not of lines that were chosen" {
	printf '| AA-01 | documented | text | |\n' >"$suite/memop/contract.md"
	verdict 3 'error of the suite: line 1 promises AA-01, and no case' <<<'echo 1..1; echo "# names: AA-01"; echo ok 1 a'
	in_runner -- --case 0x1
	[ "$status" -eq 0 ]
}

@test "a test that is broken, failed or troubled proves no clause" {
	printf '| AA-01 | documented | text | |\n| AA-02 | documented | text | |\n' >"$suite/memop/contract.md"
	verdict 3 BROKEN <<<'echo 1..2; echo "# clause: AA-01 4"; echo ok 1 a'
	grep -q '^AA-01 .*BROKEN' "$dir/results/run/summary.txt"
	verdict 1 FAILED <<<'echo 1..2; echo "# clause: AA-01 4"; echo ok 1 a; echo "# clause: AA-02 1"; echo not ok 2 b; exit 1'
	grep -q '^AA-01 .*unproven' "$dir/results/run/summary.txt"
	grep -q '^AA-02 .*FAILED' "$dir/results/run/summary.txt"
	verdict 1 FAILED <<-'END'
		#fake: warn
		echo 1..1; echo "# clause: AA-01 4"; echo ok 1 a
	END
	grep -q '^AA-01 .*unproven' "$dir/results/run/summary.txt"
}

@test "known deviations are XFAIL, on the screen and in the summary, and no skips" {
	echo '| DEV-01 | AA-01 | what the kernel does. Seen on 6.12. | why |' >"$suite/memop/contract.md"
	verdict 0 'passed: 1 passed, 0 failed, 0 skipped, 1 known to fail \(DEV-01, FIND-02\)' <<-'END'
		echo 1..2; echo "# deviation: DEV-01 7"; echo "# finding: FIND-02 1"; echo "ok 1 a # XFAIL DEV-01"; echo ok 2 b
	END
	has '^memop/case  ok 1 a # XFAIL DEV-01'
	has '^DEV-01 in 7 cases: what the kernel does'
	[ "${lines[-1]}" = "1 passed, 0 failed, 0 skipped" ]
	grep -q 'ok 1 a # XFAIL DEV-01 (DEV-01 in 7 cases, FIND-02 in 1 cases)' "$dir/results/run/summary.txt"
	in_runner --strict
	[ "$status" -eq 1 ]
	in_fake --strict
	[ "$status" -eq 1 ]
}

@test "a contract that cannot be read: exit 3, what ran is in the summary" {
	add_passing good
	echo '| AA-01 | sometimes | text | |' >"$suite/memop/contract.md"
	in_runner
	[ "$status" -eq 3 ]
	complains "the suite's contract cannot be read: .*the row of AA-01"
	grep -q '^the run broke: ' "$dir/results/run/summary.txt"
	grep -q 'memop/good: 2 passed' "$dir/results/run/summary.txt"
}

@test "long silence: a line says what runs, how far it is, and how much is left" {
	add_test slow <<<'echo 1..1; echo "# begin: 1 a"; echo "# progress: 1 77"; sleep 17; echo ok 1 a'
	in_runner
	[ "$status" -eq 0 ]
	has '^\.\.\. 1[0-9] s, 0 of 1 tests done, about [0-9]+ s left: memop/slow line 1 \(77 cases\)'
}

@test "two kernels in one run: the second is not what was tested" {
	for n in 1 2; do
		add_test "on$n" <<-END
			#fake: tested:6.$n
			echo 1..1; echo ok 1 a
		END
	done
	in_runner --jobs 1
	[ "$status" -eq 3 ]
	has 'BROKEN: .*this machine ran 6\.[12], others 6\.[12]'
}

@test "damaged texts and results: both judges agree, no reader crashes, nothing is passed for it" {
	add_passing good
	add_failing bad
	in_runner
	"$root/tests/fuzz_readers.py" --count 300 "$dir/results/run"
	"$root/tests/fuzz_readers.py" --count 100 --seed "$RANDOM" --awk "busybox awk" "$dir/results/run"
}
