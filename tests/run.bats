#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh against a fake target (fake/target): what it prints and how it exits
# for every way in which a test, a machine or the user's words can go wrong.
# Needs no KVM, no emulator and no network.
#
# Over 300 lines: one case for each way in which a run can end.

bats_require_minimum_version 1.5.0

load fake/suite

setup() {
	fake_suite_setup
}

# in_terminal TERM ARG...: run.sh on the fake suite, in a terminal of 80 columns
in_terminal() {
	TERM=$1 run timeout 60 script -qec "stty cols 80; '$root/run.sh' --target '$root/tests/fake/target' \
		--suite '$suite' --cache '$dir/cache' --results '$dir/results' ${*:2}" /dev/null
}

# entry NAME ROW...: an entry of a file of expectations
entry() {
	printf '[%s]\nreason it does so\nclause X-01\nreference here\nfixed no\n' "$1"
	printf '%s\n' "${@:2}"
}

@test "a passing test: exit 0, its lines, cases and totals" {
	add_passing good
	in_fake
	[ "$status" -eq 0 ]
	has '^memop/good  ok 1 reads what was written$'
	has '^memop/good  passed: 2 passed, 0 failed, 0 skipped, 42 cases'
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
	nothing_left
}

@test "a failing test: exit 1, the block before the result, the rest still runs" {
	add_failing bad
	add_passing good
	in_fake -j 1
	[ "$status" -eq 1 ]
	has 'expected PGM 0x04, got 0'
	has '^memop/bad .*FAILED: 1 passed, 1 failed'
	has '^memop/good .*passed: 2 passed'
	[ "${lines[-1]}" = "3 passed, 1 failed, 0 skipped" ]
}

@test "nothing but skipped tests: exit 4 and the reason; beside others exit 0" {
	add_test skips <<<'echo "1..0 # SKIP needs KVM_CAP_S390_PROTECTED"; exit 4'
	in_fake
	[ "$status" -eq 4 ]
	has 'skipped: .*needs KVM_CAP_S390_PROTECTED'
	has '^nothing was tested: every test was skipped$'
	[ "${lines[-1]}" = "0 passed, 0 failed, 1 skipped" ]
	grep -qx 'nothing was tested: every test was skipped' "$dir/results/latest/summary.txt"
	add_passing good
	in_fake
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "2 passed, 0 failed, 1 skipped" ]
}

@test "a machine without KVM: each test is skipped for that reason" {
	add_test any <<<'#fake: no-kvm'
	in_fake
	[ "$status" -eq 4 ]
	has 'skipped: .*this machine has no SIE'
}

@test "a test that hangs: exit 3, what it printed is kept" {
	add_test hangs <<<'echo 1..2; echo ok 1 before; sleep 60'
	in_fake --timeout 1
	[ "$status" -eq 3 ]
	has 'BROKEN: 1 passed, 1 failed.*hung: not finished within 1 s'
	grep -q 'ok 1 before' "$dir/results/latest/memop/hangs.ktap"
}

@test "a test whose machine's clock jumped past its time: exit 3, and the clock is named" {
	add_test jumps <<<'#fake: jump
echo 1..2; echo ok 1 before'
	in_fake --timeout 240
	[ "$status" -eq 3 ]
	has 'BROKEN: 1 passed, 1 failed.*clock jumped: 240 s by it were [0-9]* s by that of this host.*run it again'
}

@test "a machine that hung while the host's clock was set back: exit 3, and the clock is named" {
	cc -O2 -shared -fPIC -o "$dir/clock.so" "$BATS_TEST_DIRNAME/reliability/clock.c"
	head -c 8 /dev/zero >"$dir/seconds"
	add_test jumps <<'END'
#fake: hung
echo 1..2
echo ok 1 before
python3 -c 'import os, struct; open(os.environ["CLOCK_JUMP"], "r+b").write(struct.pack("=q", -86400))'
END
	export CLOCK_JUMP=$dir/seconds
	LD_PRELOAD=$dir/clock.so in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN: .*the machine hung: .*; this host.s clock was set by -86400 s meanwhile.*run it again'
}

@test "a test that does not end after its last line: exit 3, soon, its results are kept" {
	add_test stays <<<'echo 1..1; echo "not ok 1 stuck"; echo "# Totals: pass:0 fail:1 skip:0"; sleep 60'
	in_fake --timeout 4
	[ "$status" -eq 3 ]
	has 'BROKEN: .*has told all its results, and then did not end'
	grep -q 'not ok 1 stuck' "$dir/results/latest/memop/stays.ktap"
}

@test "a test killed by a signal: exit 3" {
	# shellcheck disable=SC2016 # for the test's shell
	add_test dies <<<'echo 1..2; echo ok 1 before; kill -SEGV $$'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*killed by signal 11'
}

@test "the emulator dies half-way: exit 3, what came before is reported" {
	add_test half <<-'END'
		#fake: death
		echo 1..3; echo ok 1 first; echo "not ok 2 second"
	END
	add_passing good
	in_fake
	[ "$status" -eq 3 ]
	has '^memop/half  ok 1 first'
	has '^memop/half  not ok 2 second'
	has 'BROKEN: .*the emulator died'
	has '^memop/good  passed'
}

@test "the guest panics: exit 3 and the kernel's trace" {
	add_test oops <<-'END'
		#fake: panic
		echo 1..1
	END
	in_fake
	[ "$status" -eq 3 ]
	has 'Kernel panic - not syncing: asked to'
	grep -q 'Kernel panic' "$dir/results/latest/summary.txt"
}

@test "the target itself crashes: exit 3" {
	add_test any <<-'END'
		#fake: crash
		echo 1..1; echo ok 1 x
	END
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN: .*the target ended with status 7'
}

@test "results lost: exit 3" {
	add_test any <<-'END'
		#fake: lost
		echo 1..1; echo ok 1 x
	END
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*no exit status'
}

@test "fewer results than planned: exit 3" {
	add_test short <<<'echo 1..3; echo ok 1 a; echo ok 2 b'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*2 of 3 planned results'
}

@test "more results than planned: exit 3" {
	add_test long <<<'echo 1..1; echo ok 1 a; echo ok 2 b'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*2 of 1 planned results'
}

@test "garbage instead of KTAP: exit 3" {
	add_test noise <<<'head -c 4000 /dev/urandom; exit 0'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*no plan in its output'
}

@test "silence: exit 3" {
	add_test mute <<<'exit 0'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*no plan in its output'
}

@test "an empty plan without a skip: exit 3" {
	add_test empty <<<'echo 1..0; exit 0'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*checked nothing'
}

@test "results out of order: exit 3" {
	add_test order <<<'echo 1..2; echo ok 2 b; echo ok 1 a'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*result 2 where 1 was due'
}

@test "exit 0 with a failed result counts as failed" {
	add_test liar <<<'echo 1..1; echo not ok 1 a; exit 0'
	in_fake
	[ "$status" -eq 1 ]
}

@test "exit 1 without a failed result: exit 3" {
	add_test odd <<<'echo 1..1; echo ok 1 a; exit 1'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*exit status 1 although no result failed'
}

@test "exit 254 after a failed assertion: exit 3" {
	add_test assert <<<'echo 1..1; echo ok 1 a; exit 254'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*exit status 254'
}

@test "skip after results that passed: exit 3" {
	add_test odd <<<'echo 1..1; echo ok 1 a; exit 4'
	in_fake
	[ "$status" -eq 3 ]
	has 'although results passed'
}

@test "bail out: exit 3" {
	add_test bails <<<'echo 1..2; echo ok 1 a; echo "Bail out! no memory"; exit 1'
	in_fake
	[ "$status" -eq 3 ]
	has 'BROKEN.*bailed out: no memory'
}

@test "a kernel warning while a test passed: exit 1 and the line" {
	add_test warns <<-'END'
		#fake: warn
		echo 1..1; echo ok 1 a
	END
	in_fake
	[ "$status" -eq 1 ]
	has 'kernel: WARNING: CPU: 0'
	[ "${lines[-1]}" = "1 passed, 1 failed, 0 skipped" ]
}

@test "a new taint of the kernel: exit 1" {
	add_test taints <<-'END'
		#fake: taint
		echo 1..1; echo ok 1 a
	END
	in_fake
	[ "$status" -eq 1 ]
	has "the kernel's taint went from 0 to 512"
}

@test "a full disk: exit 3, and it says so" {
	add_passing before
	add_test big <<<'echo 1..1; head -c 3000000 /dev/zero | tr "\0" x; echo; echo ok 1 a'
	add_passing never
	mkdir "$dir/results"
	if ! mount -t tmpfs -o size=8300k none "$dir/results" 2>/dev/null; then
		skip "needs to mount a small file system"
	fi
	in_fake -j 1
	"$root/tests/validate_results.py" "$dir/results/latest/results.json"
	grep -q 'writes what is read' "$dir/results/latest/results.json"
	umount "$dir/results"
	[ "$status" -eq 3 ]
	has '^memop/big .*BROKEN.*its output is lost: No space left on device'
	complains 'ended, as no more results can be kept: No space left on device'
	[ "${lines[-1]}" = "2 passed, 1 failed, 0 skipped" ]
	nothing_left
}

@test "a disk without room for results: exit 2 before anything runs" {
	add_passing good
	mkdir "$dir/results"
	if ! mount -t tmpfs -o size=6m none "$dir/results" 2>/dev/null; then
		skip "needs to mount a small file system"
	fi
	in_fake
	umount "$dir/results"
	[ "$status" -eq 2 ]
	complains 'no room for results, which may take 8 MiB, in .*No space left on device.*--results DIR'
	nothing_left
}

@test "a missing package: exit 2 and the one command to type" {
	add_passing good
	FAKE_PACKAGES="bash no-such-package-x" in_fake --no-install
	[ "$status" -eq 2 ]
	complains 'as root, type: apt-get install no-such-package-x'
}

@test "set-up that fails: exit 2; a kernel that does not boot: exit 3" {
	add_passing good
	FAKE_PREPARE=false in_fake
	[ "$status" -ne 0 ]
	FAKE_PREPARE="exit 3" in_fake
	[ "$status" -eq 3 ]
}

@test "an unreadable KSRC: exit 2 and what to do" {
	add_passing good
	KSRC=$dir/nowhere in_fake
	[ "$status" -eq 2 ]
	complains 'KSRC=.*nowhere is no readable kernel source tree.*unset it'
}

@test "a suite that is none: exit 2" {
	rm "$suite/list"
	in_fake
	[ "$status" -eq 2 ]
	complains 'make install INSTALL_PATH='
}

@test "wrong words: exit 2 and a hint" {
	for words in --nonsense '--target nowhere' '--memory lots' '-j 0' '--timeout -1' '--filter' \
		'--exec' '--exec /no/such/program' '--kernel /no/such/tree' stray; do
		# shellcheck disable=SC2086 # words
		in_fake $words
		[ "$status" -eq 2 ] || { echo "$words: $status"; return 1; }
		complains '^run.sh: '
	done
}

@test "a filter that matches nothing: exit 2" {
	add_passing good
	in_fake -t 'mem_slot/*'
	[ "$status" -eq 2 ]
	complains 'no test matches mem_slot/\*: see --list'
}

@test "filters choose, --list names" {
	add_passing one
	add_passing two
	add_passing three
	in_fake --list
	[ "$output" = $'memop/one\nmemop/two\nmemop/three' ]
	in_fake -t '*/t*'
	[ "$status" -eq 0 ]
	lacks 'memop/one'
	has '^memop/two .*passed'
	has '^memop/three .*passed'
}

@test "arguments after -- reach the test" {
	add_test echoes <<<'echo 1..1; echo "ok 1 got $1 and $2"'
	in_fake -- --case "a b'c"
	has "got --case and a b'c"
}

@test "--tap is one KTAP document" {
	add_passing good
	add_failing bad
	in_fake --tap
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "KTAP version 1" ]
	[ "${lines[1]}" = "1..2" ]
	[ "$(grep -cE '^(ok|not ok) ' <<<"$output")" -eq 2 ]
	has '^    not ok 2 key 5 is denied'
	has '^not ok [12] memop/bad'
	complains '3 passed, 1 failed'
}

@test "results are kept, summary.txt and latest too" {
	add_passing good
	add_failing bad
	in_fake
	grep -q 'not ok 2 key 5 is denied' "$dir/results/latest/summary.txt"
	grep -q 'FAILED.*memop/bad' "$dir/results/latest/summary.txt"
	grep -q 'ok 1 reads' "$dir/results/latest/memop/good.ktap"
	[ -e "$dir/results/latest/memop/good.console" ]
	[ -e "$dir/results/latest/memop/good.dmesg" ]
}

@test "tests run side by side" {
	for i in 1 2 3 4; do
		add_test "slow$i" <<<'sleep 1; echo 1..1; echo ok 1 a'
	done
	SECONDS=0
	in_fake -j 4
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "4 passed, 0 failed, 0 skipped" ]
}

@test "two runs at once do not meet" {
	add_test slow <<<'sleep 2; echo 1..1; echo ok 1 a'
	"$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" --cache "$dir/cache" \
		--results "$dir/results" >"$dir/first" 2>&1 3>&- &
	first=$!
	in_fake
	[ "$status" -eq 0 ]
	wait "$first" || { cat "$dir/first"; false; }
	[ "$(find "$dir/results" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 2 ]
	tail -n 1 "$dir/first" | grep -q '^1 passed'
}

@test "runs that begin at once with an empty cache all end well" {
	local pids out

	add_passing good
	for round in 1 2 3 4 5 6 7 8; do
		rm -rf "$dir/cache" "$dir/results"
		pids=()
		for out in 1 2 3; do
			"$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" --cache "$dir/cache" \
				--results "$dir/results" >"$dir/said-$out" 2>&1 3>&- &
			pids+=($!)
		done
		for out in 1 2 3; do
			wait "${pids[out - 1]}" || { cat "$dir/said-$out"; false; }
		done
	done
}

interrupted_by() {
	add_test first <<<'echo 1..1; echo ok 1 a'
	add_test slow <<<'echo 1..2; echo ok 1 begun; sleep 300'
	env --default-signal=INT setsid "$root/run.sh" -j 1 --target "$root/tests/fake/target" \
		--suite "$suite" --cache "$dir/cache" --results "$dir/results" >"$dir/out" 2>&1 3>&- &
	pid=$!
	for _ in $(seq 100); do
		grep -q begun "$dir/out" && break
		sleep 0.1
	done
	kill "-$1" "$pid"
	rc=0
	wait "$pid" || rc=$?
	grep -q '^memop/first  *passed' "$dir/out"
	grep -q '^interrupted' "$dir/results/latest/summary.txt"
	nothing_left
}

@test "Ctrl-C: exit 130, results so far, nothing left behind" {
	interrupted_by INT
	[ "$rc" -eq 130 ]
}

@test "kill: exit 143, results so far, nothing left behind" {
	interrupted_by TERM
	[ "$rc" -eq 143 ]
}

@test "kill -9: the next run clears up" {
	add_test slow <<<'echo 1..2; echo ok 1 begun; sleep 20'
	setsid "$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" \
		--cache "$dir/cache" --results "$dir/results" >"$dir/out" 2>&1 3>&- &
	pid=$!
	for _ in $(seq 100); do
		grep -q begun "$dir/out" && break
		sleep 0.1
	done
	kill -KILL "$pid"
	wait "$pid" || true
	sleep 0.5
	: >"$suite/list"
	add_passing good
	in_fake
	[ "$status" -eq 0 ]
	nothing_left
}

@test "--exec passes output and exit status on" {
	printf '#!/bin/sh\necho "got: $*"\nexit 5\n' >"$dir/prog"
	chmod +x "$dir/prog"
	in_fake --exec "$dir/prog" one 'two words' "it's"
	[ "$status" -eq 5 ]
	[ "$output" = "got: one two words it's" ]
	nothing_left
}

@test "--exec of what is no program: exit 2" {
	echo text >"$dir/text"
	in_fake --exec "$dir/text"
	[ "$status" -eq 2 ]
	complains 'not executable'
}

@test "--help explains, and needs nothing" {
	run "$root/run.sh" --help
	[ "$status" -eq 0 ]
	for word in --target --kernel --exec --shell --tap --results 'Exit status'; do
		has "$word"
	done
}

@test "Ctrl-C and kill while the machine is prepared: 130 and 143, nothing left" {
	add_passing good
	for signal in INT:130 TERM:143; do
		FAKE_PREPARE="sleep 300" env --default-signal=INT setsid "$root/run.sh" \
			--target "$root/tests/fake/target" --suite "$suite" --cache "$dir/cache" \
			--results "$dir/results" >"$dir/out" 2>&1 3>&- &
		pid=$!
		for _ in $(seq 100); do
			pgrep -g "$pid" >/dev/null && pgrep -f 'sleep 300' >/dev/null && break
			sleep 0.1
		done
		sleep 0.3
		kill "-${signal%:*}" "$pid"
		rc=0
		wait "$pid" || rc=$?
		[ "$rc" -eq "${signal#*:}" ]
		nothing_left
	done
}

@test "in a terminal lines break at blanks and are indented; elsewhere a result is a line" {
	local text='the second page is denied to whom the first is permitted, in each of the four address spaces'

	add_test bad <<-END
		echo "TAP version 13"; echo "1..2"; echo "ok 1 first"
		echo "# FAILED: $text"
		echo "#   state     CR0 0x00000000 CR1 0x00000000001001ff, entry at level 1 of 3 spoilt, key 0x90"
		echo "#   again     memop/bad --case 0x1000001 --and --a --word --more --that --makes --it --long"
		echo "not ok 2 $text"; exit 1
	END
	in_terminal dumb
	output=$(tr -d '\r' <<<"$output")
	has '^memop/bad  not ok 2 the second page is denied to whom the first is permitted, in$'
	has '^                    each of the four address spaces$'
	has '^memop/bad  FAILED: 1 passed, 1 failed'
	# What is to be copied, and a path, stay whole
	[ -z "$(grep -E '.{81}' <<<"$output" | grep -vE 'again|results:|report:')" ]
	in_fake
	has "^memop/bad  not ok 2 $text\$"
}

@test "a terminal shows what is wrong in colour, passed lines with -v only, and a line that moves" {
	add_failing bad
	add_test slow <<<'echo "TAP version 13"; echo "1..1"; sleep 2; echo "# cases: 3"; echo "ok 1 it waits"'
	in_terminal xterm
	[[ $output == *$'\r\e[K... 1 s, '*' of 2 tests done, about '*' s left: memop/slow'* ]]
	output=$(sed -E 's/.*\r\x1b\[K//; s/\r//g' <<<"$output")
	has $'^\e\\[1;31mmemop/bad   not ok 2 key 5 is denied\e\\[0m$'
	has $'^\e\\[32mmemop/slow  passed: 1 passed'
	[[ $output != *"ok 1 first"* ]]
	[ "${lines[-1]//$'\r'/}" = "2 passed, 1 failed, 0 skipped" ]
	export NO_COLOR=1
	in_terminal xterm
	[[ $output != *$'\e['[0-9]* ]]
	in_terminal xterm -v
	[[ $output == *"ok 1 first"* ]]
}

@test "a line that fails and then crashes tells of both" {
	add_test crashes <<-'END'
		echo "TAP version 13"; echo "1..1"; echo "# program: memop/crashes 1"; echo "# begin: 1 comes back"
		echo "# FAILED: comes back"; echo "#   clause    "; echo "#   observed  it is stuck"; kill -11 $$
	END
	in_fake
	[ "$status" -eq 3 ]
	has '^memop/crashes  FAILED 1 comes back'
	has '^memop/crashes    observed  it is stuck'
	has '^memop/crashes .*BROKEN: .*killed by signal 11'
}

@test "known deviations and findings: as many cases as expected pass, fewer, more and others fail" {
	mkdir "$suite/expected"
	echo '| DEV-02 | X | It deviates. | |' >"$suite/memop/contract.md"
	add_test known <<-'END'
		#fake: tested:6.12.1
		echo "TAP version 13"; echo "1..1"; echo "# deviation: DEV-02 5"; echo "# cases: 9"; echo "ok 1 exchanges"
	END
	for case in "5 0" "3-5 0" "4 1" "6-9 1" "none 1"; do
		printf '# %s\n' "$case" >"$suite/expected/fake-6.12"
		[[ $case == none* ]] || entry DEV-02 "memop/known 1 ${case% *}" >>"$suite/expected/fake-6.12"
		rm -rf "$dir/work" "$dir/results"
		in_runner --about=target=fake
		[ "$status" -eq "${case#* }" ] || { printf "%s: %s\n%s\n" "$case" "$status" "$output$stderr"; false; }
	done
	has 'FAILED: 0 passed, 1 failed'
	has 'DEV-02 in 5 cases, expected in 0'
	entry DEV-02 'memop/known 1 6-9' >"$suite/expected/fake-6.12"
	in_runner --about=target=fake --about=asked=/home/me/linux
	[ "$status" -eq 0 ]
	entry DEV-02 'memop/known 1 4' >"$suite/expected/fake-6.12"
	in_runner --about=target=fake --about=asked=/home/me/linux
	[ "$status" -eq 1 ]
	in_runner --about=target=other
	[ "$status" -eq 0 ]
	has 'not held against expected counts'
	in_runner --about=target=fake -- --seed 5
	[ "$status" -eq 0 ]
	echo 'memop/known 1' >>"$suite/expected/fake-6.12"
	in_runner --about=target=fake
	[ "$status" -eq 3 ]
	has 'what is expected cannot be read: .*fake-6.12:7: a row is TEST LINES CASES'
}

@test "a user's own expectations: fails is XFAIL, a pass where a failure was expected fails" {
	add_failing bad
	add_passing good
	entry OUR-1 'memop/bad 2 fails' >"$dir/own"
	in_runner --expect "$dir/own"
	[ "$status" -eq 0 ]
	has '^memop/bad .*1 known to fail'
	has '^memop/bad 2 failed, as expected: OUR-1: it does so'
	in_runner --expect "$dir/own" --strict
	[ "$status" -eq 1 ]
	entry OUR-1 'memop/good 1 fails' 'memop/bad 2 fails' >"$dir/own"
	in_runner --expect "$dir/own"
	[ "$status" -eq 1 ]
	has 'it passed, and was expected to fail \(OUR-1: it does so\): remove the row'
	echo 'memop/bad 2 fails' >"$dir/own"
	in_runner --expect "$dir/own"
	[ "$status" -eq 2 ]
	complains 'own:1: an entry begins with its \[NAME\]'
}

@test "--strict-skips: a skip that nothing expects is a failure" {
	add_passing good
	add_test skips <<<'echo "1..0 # SKIP capability: needs more"; exit 4'
	in_runner
	[ "$status" -eq 0 ]
	in_runner --strict-skips
	[ "$status" -eq 1 ]
	has 'nothing expects that \(--strict-skips\)'
	printf '[SKIP-1]\nreason no such hardware\nmemop/skips * skips\n' >"$dir/own"
	in_runner --strict-skips --expect "$dir/own"
	[ "$status" -eq 0 ]
}
