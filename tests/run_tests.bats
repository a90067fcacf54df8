#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# run_tests, the path of s390x hosts and of packages: what it takes for a pass,
# how it exits, and that nothing which a test started is left. Once as it is
# here, with python3, and for the most important things with a shell and a few
# utilities, also those of busybox. The verdicts themselves: both_judges.bats.

bats_require_minimum_version 1.5.0

setup() {
	root=$BATS_TEST_DIRNAME/..
	suite=$BATS_TEST_TMPDIR/suite
	mkdir -p "$suite/memop" "$suite/runner"
	cp "$root/runner/run_tests" "$suite/"
	cp "$root"/runner/*.py "$root"/runner/judge.awk "$root"/runner/one_test.sh "$suite/runner/"
	printf 'architectures=any\ntimeout=30\nhangs.timeout=2 # seconds\n' >"$suite/memop/family"
	echo '| T-01 | documented | text | |' >"$suite/memop/contract.md"
	: >"$suite/list"
	shell=(sh)
}

# add NAME SCRIPT
add() {
	printf '#!/bin/sh\n%s\n' "$2" >"$suite/memop/$1"
	chmod +x "$suite/memop/$1"
	printf '%smemop/%s' "$([[ ! -s $suite/list ]] || echo)" "$1" >>"$suite/list"
	printf '\n' >>"$suite/list"
}

run_tests() {
	# bats holds descriptor 3, which no background process may keep
	run --separate-stderr "${shell[@]}" "$suite/run_tests" "$@" 3>&-
}

has() {
	grep -qE -- "$1" <<<"$output" || {
		printf 'no line matches: %s\nstatus %s, stdout:\n%s\nstderr:\n%s\n' "$1" "$status" "$output" "$stderr"
		return 1
	}
}

ends() {
	[ "$status" -eq "$1" ] || { printf 'status %s\n%s\n%s\n' "$status" "$output" "$stderr" && return 1; }
}

busybox_path() {
	command -v busybox
}

everything() {
	add good 'echo TAP version 13; echo 1..2; echo "# cases: 3"; echo ok 1 a; echo ok 2 b'
	add bad 'echo 1..1; echo not ok 1 a; exit 1'
	add skips 'echo "1..0 # SKIP capability: needs KVM_CAP_X"; exit 4'
	add silent 'exit 0'
	add short 'echo 1..3; echo ok 1 a'
	# shellcheck disable=SC2016 # for the test's shell
	add dies 'echo 1..1; echo ok 1 a; kill -SEGV $$'
	add hangs 'trap "" TERM; echo 1..2; echo ok 1 a; while :; do sleep 50; done'
	add daemon '(trap "" TERM HUP; sleep 50 & sleep 50) & echo 1..1; echo ok 1 a'
	run_tests
	ends 3
	has '^ok 1 memop: good$'
	has '^not ok 2 memop: bad$'
	has '^ok 3 memop: skips # SKIP needs KVM_CAP_X$'
	has '^# BROKEN: no plan in its output'
	has '^not ok 4 memop: silent$'
	has '^# BROKEN: 1 of 3 planned results'
	has '^# BROKEN: killed by signal 11$'
	has '^# BROKEN: hung: not finished within 2 s$'
	has '^# BROKEN: processes outlived the test: sleep'
	has '^# 6 passed, 6 failed, 1 skipped, 0 expected failures$'
	[ -z "$(pgrep -f "$suite/memop/hangs")" ]
}

# everything_with FIND: with nothing in the PATH but the tools that FIND finds
everything_with() {
	local few=$BATS_TEST_TMPDIR/few

	mkdir "$few"
	for tool in awk cat cp dirname dmesg grep ls mkdir mktemp mv rm sed sh sleep sort tail tr uname wc; do
		ln -s "$("$@" "$tool")" "$few/$tool"
	done
	sed -i 's,/usr/bin/python3,/nowhere/python3,' "$suite/run_tests"
	shell=(env PATH="$few" "$few/sh")
	everything
	has 'judged by awk'
}

@test "run_tests: passes, fails, skips, and what is broken" {
	everything
	has 'judged by /usr/bin/python3'
}

@test "the same without python3 and with few utilities" {
	everything_with command -v
}

@test "the same with busybox and nothing else" {
	command -v busybox >/dev/null || skip "no busybox here"
	everything_with busybox_path
}

@test "run_tests: exit 0, 1 and 4; a run that tested nothing is no pass" {
	add good 'echo 1..1; echo ok 1 a'
	add skips 'echo "1..0 # SKIP permission: /dev/kvm cannot be opened"; exit 4'
	add bad 'echo 1..1; echo not ok 1 a; exit 1'
	run_tests memop/good memop/skips
	ends 0
	run_tests memop/bad memop/good
	ends 1
	run_tests memop/skips
	ends 4
	has '^# nothing was tested'
}

@test "run_tests: names and patterns choose, several of them, unknown ones are refused" {
	for name in one two three; do add "$name" 'echo 1..1; echo ok 1 a'; done
	run_tests memop/two
	ends 0
	has '^1\.\.1$'
	has '^ok 1 memop: two$'
	run_tests -t '*/o*' -t '*/th*'
	has '^ok 1 memop: one$'
	has '^ok 2 memop: three$'
	has '^1\.\.2$'
	for words in nothing '-t nothing' 'memop/one nothing' -x '-t' '-o' '--list'; do
		# shellcheck disable=SC2086 # words
		run_tests $words
		ends 2
		[[ $stderr == "run_tests: "* ]]
	done
	run_tests -l
	ends 0
	[ "$output" = $'memop/one\nmemop/two\nmemop/three' ]
	run_tests -h
	ends 0
	has 'Exit status'
}

@test "run_tests: the last name of a list counts without a line feed, another machine's tests do not run" {
	add one 'echo 1..1; echo ok 1 a'
	add last 'echo 1..1; echo not ok 1 a; exit 1'
	truncate -s -1 "$suite/list"
	run_tests
	ends 1
	has '^1\.\.2$'
	printf 'suite x\nmachine nowhere\n' >"$suite/version"
	run_tests
	ends 2
	[[ $stderr == *"these tests are for nowhere, and this machine is "* ]]
}

@test "run_tests: a limit that is none is refused" {
	add one 'echo 1..1; echo ok 1 a'
	echo 'one.timeout=abc' >>"$suite/memop/family"
	run_tests
	ends 2
	[[ $stderr == *"timeout takes a whole number"* ]]
}

@test "run_tests: text comes through as it is, a forged end too" {
	# shellcheck disable=SC2016 # for the test's shell
	add text 'printf "1..1\n# a \\\\c b %%s\n"; echo "exit status 0"; printf "ok 1 a"; exit 0'
	run_tests
	ends 0
	has '^    # a \\c b %s$'
	has '^    ok 1 a$'
	add forges 'echo exit status 0; exit 1'
	run_tests memop/forges
	ends 3
}

@test "run_tests: arguments after -- reach each test, and not all lines are due then" {
	# shellcheck disable=SC2016 # for the test's shell
	add one 'echo 1..1; echo "# program: memop/one 2"; echo "# begin: 1 a"; echo "ok 1 got $1 $2"'
	run_tests -- --case '0x1 *'
	ends 0
	has '^    ok 1 got --case 0x1 \*$'
	run_tests
	ends 3
	has 'line 2 was not decided'
}

@test "run_tests: -o keeps results" {
	add good 'echo 1..1; echo ok 1 a'
	add bad 'echo 1..1; echo not ok 1 a; exit 1'
	cd "$BATS_TEST_TMPDIR"
	run_tests -o kept
	ends 1
	grep -q '^not ok 1 a' kept/memop/bad.ktap
	grep -q '^passed memop/good: 1 passed' kept/summary.txt
	tail -n 1 kept/summary.txt | grep -qx '1 passed, 1 failed, 0 skipped, 0 expected failures'
	run_tests -o /dev/null/kept
	ends 2
}

@test "run_tests: what cannot be printed is no pass" {
	add good 'echo 1..1; echo ok 1 a'
	rc=0
	sh "$suite/run_tests" >/dev/full 2>"$BATS_TEST_TMPDIR/said" || rc=$?
	[ "$rc" -eq 3 ]
	grep -q 'results lost: cannot write to stdout' "$BATS_TEST_TMPDIR/said"
}

@test "run_tests: Ctrl-C and kill leave nothing" {
	add slow 'echo 1..1; sleep 70'
	for signal in INT:130 TERM:143; do
		env --default-signal=INT TMPDIR="$BATS_TEST_TMPDIR" sh "$suite/run_tests" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		pid=$!
		for _ in $(seq 100); do
			grep -q '1\.\.1' <(tail -n 1 "$BATS_TEST_TMPDIR/out") && break
			sleep 0.1
		done
		kill "-${signal%:*}" "$pid"
		rc=0
		wait "$pid" || rc=$?
		[ "$rc" -eq "${signal#*:}" ]
		[ -z "$(find "$BATS_TEST_TMPDIR" -name 'run_tests.*' -print)" ]
		[ -z "$(pgrep -f "$suite/memop/slow")" ]
	done
}

@test "a Python without its library, as python3-minimal brings it, is none: awk judges" {
	add good 'echo "TAP version 13"; echo 1..1; echo "# cases: 1"; echo "ok 1 fine"'
	echo 'raise ModuleNotFoundError("No module named dataclasses")' >"$suite/runner/dataclasses.py"
	run_tests
	[ "$status" -eq 0 ]
	has 'judged by awk$'
	has '^ok 1 memop: good'
}
