#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What the runner runs when: parts of tests, what it learns for the next run,
# machines of several kinds, ends before the end, and what is left of them.
# Needs no KVM, no emulator and no network.
#
# Over 300 lines: one case for each way in which tests are cut and placed.

bats_require_minimum_version 1.5.0
load fake/suite

setup() {
	fake_suite_setup
	echo isolation=line >>"$suite/memop/family"
}

# add_lines NAME COUNT [COMMAND]: a test with lines of its own; COMMAND sees $n, the line's number
add_lines() {
	add_test "$1" <<-END
		total=$2 first=1 last=$2
		[ "\$1" = --lines ] && { first=\${2%-*} last=\${2#*-}; last=\${last:-$2}; }
		echo "TAP version 13"; echo "1..\$((last - first + 1))"; echo "# program: memop/$1 \$total"
		n=\$first i=0
		while [ \$n -le \$last ]; do
			i=\$((i + 1))
			echo "# begin: \$n sentence \$n"
			${3:-:}
			echo "# cases: 1"; echo "ok \$i sentence \$n"
			n=\$((n + 1))
		done
	END
}

# learn NAME SECONDS...: what the last run is to have cost, line by line
learn() {
	local name=$1
	shift
	/usr/bin/python3 - "$root" "$dir/costs" "$root/tests/fake/target" "$suite" "$name" "$@" <<-'END'
		import json, sys
		sys.path.insert(0, sys.argv[1] + "/runner")
		import schedule
		path, target, suite, name, lines = *sys.argv[2:6], [float(a) for a in sys.argv[6:]]
		costs = schedule.Costs(path, target)
		costs.tests[name] = {"of": schedule.identity(suite, name), "seconds": sum(lines), "lines": lines}
		costs.save()
	END
}

# fact EXPRESSION: of the results, as Python sees them
fact() {
	/usr/bin/python3 -c "import json, sys; d = json.load(open('$dir/results/run/results.json')); print($1)"
}

valid() {
	"$root/tests/validate_results.py" "$dir/results/run/results.json"
}

@test "a long test is cut, its parts are one test again, each line once" {
	add_lines long 6
	add_passing short
	learn memop/long 3 3 3 3 3 3
	learn memop/short 1 1
	in_runner --costs "$dir/costs"
	[ "$status" -eq 0 ]
	has '^memop/long   ok 6 sentence 6'
	has '^memop/long   passed: 6 passed, 0 failed, 0 skipped, 6 cases'
	[ "$(fact '[p["lines"] for t in d["tests"] for p in t["parts"] if p["lines"]].__len__()')" -gt 2 ]
	[ "$(fact '[l["number"] for l in d["tests"][0]["lines"]]')" = '[1, 2, 3, 4, 5, 6]' ]
	valid
	in_runner --costs "$dir/costs" --tap
	[ "$(grep -c '^    1\.\.6' <<<"$output")" -eq 1 ]
	[ "$(grep -cE '^    ok [1-6] sentence [1-6]$' <<<"$output")" -eq 6 ]
}

@test "what a run costs is kept, and another binary's costs cut nothing" {
	add_lines long 4
	in_runner --costs "$dir/costs"
	grep -q '"memop/long"' "$dir/costs"
	learn memop/long 9 9 9 9
	echo '# changed' >>"$suite/memop/long"
	in_runner --costs "$dir/costs"
	[ "$status" -eq 0 ]
	[ "$(fact 'len(d["tests"][0]["parts"])')" -eq 1 ]
	echo '{"damaged' >"$dir/costs"
	in_runner --costs "$dir/costs"
	[ "$status" -eq 0 ]
}

@test "a line that no part decided, or two did: broken" {
	add_lines long 4
	learn memop/long 9 9 9 9
	sed -i 's/total=4/total=5/' "$suite/memop/long"
	learn memop/long 9 9 9 9
	in_runner --costs "$dir/costs"
	[ "$status" -eq 3 ]
	has 'BROKEN: .*line 5 was not decided'
	add_lines other 4
	sed -i 's/first=\${2%-\*}/first=1/' "$suite/memop/other"
	learn memop/other 9 9 9 9
	in_runner --costs "$dir/costs" --filter memop/other
	[ "$status" -eq 3 ]
	has 'BROKEN: .*line 1 was decided twice'
}

@test "a crash costs one line where lines stand alone" {
	# shellcheck disable=SC2016 # for the test's shell
	add_lines dies 4 '[ $n != 2 ] || kill -SEGV $$'
	in_runner
	[ "$status" -eq 3 ]
	has '^memop/dies  BROKEN: 3 passed, 1 failed'
	has '^memop/dies  killed by signal 11'
	has 'in line 2, sentence 2'
	[ "$(fact '[l["verdict"] for l in d["tests"][0]["lines"]]')" = "['passed', 'broken', 'passed', 'passed']" ]
	valid
}

@test "a test that crashes in each line ends, too" {
	# shellcheck disable=SC2016
	add_lines dies 30 'kill -SEGV $$'
	in_runner
	[ "$status" -eq 3 ]
	[ "$(fact 'len(d["tests"][0]["parts"])')" -le 7 ]
}

@test "--needs tells the machines that tests need, --state goes to those that need it" {
	printf 'cpus=1\nmemory=512\nbig.memory=1024\nbig.cpus=2\n' >>"$suite/memop/family"
	for name in small big; do
		# shellcheck disable=SC2016
		add_test $name <<<'echo 1..1; echo "ok 1 $CPUS CPUs $MEMORY MiB $TARGET_STATE"'
	done
	run /usr/bin/python3 "$root/runner/main.py" --suite "$suite" --needs
	[ "$output" = $'1 512\n2 1024' ]
	run /usr/bin/python3 "$root/runner/main.py" --suite "$suite" --needs --filter '*/small' --cpus 4
	[ "$output" = '4 512' ]
	in_runner --state 1:512=one --state '2:1024=two words'
	[ "$status" -eq 0 ]
	has 'memop/small  ok 1 1 CPUs 512 MiB one'
	has 'memop/big    ok 1 2 CPUs 1024 MiB two words'
	in_runner --state 1:512=one
	[ "$status" -eq 2 ]
	complains 'no --state for 2 CPUs and 1024 MiB'
}

@test "a test that needs a device gets a machine of its own" {
	printf 'cards.devices=ap\n' >>"$suite/memop/family"
	for name in plain cards; do
		# shellcheck disable=SC2016
		add_test $name <<<'echo 1..1; echo "ok 1 devices <$DEVICES> $TARGET_STATE"'
	done
	run /usr/bin/python3 "$root/runner/main.py" --suite "$suite" --needs
	[ "$output" = $'1 512\n1 512 ap' ]
	in_runner --state 1:512=one --state 1:512:ap=two
	[ "$status" -eq 0 ]
	has 'memop/plain  ok 1 devices <> one'
	has 'memop/cards  ok 1 devices <ap> two'
	in_runner --state 1:512=one
	[ "$status" -eq 2 ]
	complains 'no --state for 1 CPUs and 512 MiB with ap'
}

@test "a family that cannot be understood: exit 2" {
	add_passing good
	for line in devices=tape timeout=abc timeout=0 cpus=two isolation=none good.timeout=²; do
		echo "$line" >"$suite/memop/family"
		in_runner
		[ "$status" -eq 2 ] || { echo "$line: $status"; return 1; }
		complains 'family:1: '
	done
	echo colour=blue >"$suite/memop/family"
	in_runner
	complains 'KEY=VALUE is wanted'
}

@test "filters: each has to match, and a hint says what was meant" {
	add_passing random
	add_passing other
	in_runner --filter random
	[ "$status" -eq 2 ]
	complains 'did you mean memop/random'
	in_runner --filter memop
	[ "$status" -eq 2 ]
	complains "all of that family: -t 'memop/\*'"
	in_runner --filter 'memop/other' --filter nonsense
	[ "$status" -eq 2 ]
	complains 'no test matches nonsense'
}

@test "failures: all their fields, and the whole command that repeats each" {
	printf '| AA-01 | documented | text | |\n' >"$suite/memop/contract.md"
	add_test bad <<-'END'
		echo "Random seed: 0x1"; echo "TAP version 13"; echo 1..1; echo "# option: --seed 0x1"; echo "# names: AA-01"
		echo "# FAILED: it holds"; echo "#   clause    AA-01"; echo "#   state     two"; echo "#     lines"
		echo "#   expected  0"; echo "#   observed  -1 EINVAL"; echo "#   at byte   12"
		echo "#   again     memop/bad --seed 0x1 --case 0x1000001"; echo not ok 1 it holds; exit 1
	END
	in_runner --command './run.sh --kernel sid'
	[ "$status" -eq 1 ]
	again='./run.sh --kernel sid -t memop/bad -- --seed 0x1 --case 0x1000001'
	[ "$(fact 'd["tests"][0]["lines"][0]["failures"][0]["command"]')" = "$again" ]
	[ "$(fact 'd["tests"][0]["lines"][0]["failures"][0]["fields"]["state"]')" = $'two\n  lines' ]
	[ "$(fact 'd["tests"][0]["lines"][0]["failures"][0]["fields"]["at_byte"]')" = 12 ]
	[ "$(fact 'd["tests"][0]["options"]')" = "['--seed 0x1']" ]
	has "^again:   $again"
	has '^FAILED   memop/bad'
	lacks 'Random seed|TAP version'
	grep -qF "$again" "$dir/results/run/summary.txt"
	valid
}

# in_background ARG...: the runner on the fake suite as a process of its own, $pid
in_background() {
	mkdir -p "$dir/work" "$dir/results/run"
	env --default-signal=INT /usr/bin/python3 -ES "$root/runner/main.py" --target "$root/tests/fake/target" \
		--suite "$suite" --results "$dir/results/run" --work "$dir/work" "$@" >"$dir/out" 2>"$dir/err" 3>&- &
	pid=$!
	for _ in $(seq 100); do
		grep -q begun "$dir/out" && return
		sleep 0.1
	done
	return 1
}

gone() {
	for _ in $(seq 50); do
		pgrep -f "$1" >/dev/null || return 0
		sleep 0.1
	done
	return 1
}

@test "kill -9: the results say that they are not complete, nothing runs on" {
	add_passing first
	add_test slow <<<'echo 1..2; echo not ok 1 begun; exec sleep 98760'
	in_background
	kill -KILL "$pid"
	wait "$pid" || true
	valid
	[ "$(fact 'd["run"]["complete"]')" = False ]
	[ "$(fact '[t["verdict"] for t in d["tests"]]')" = "['passed', 'running']" ]
	[ "$(readlink "$dir/results/latest")" = run ]
	grep -q '^not finished' "$dir/results/run/summary.txt"
	gone 'sleep 98760'
}

@test "signals: 129, 130, 143, with the results that had come" {
	add_test slow <<<'echo 1..2; echo not ok 1 begun; exec sleep 98761'
	for signal in HUP:129 INT:130 TERM:143; do
		in_background
		kill "-${signal%:*}" "$pid"
		rc=0
		wait "$pid" || rc=$?
		[ "$rc" -eq "${signal#*:}" ]
		grep -q 'not ok 1 begun' "$dir/results/run/summary.txt"
		tail -n 1 "$dir/out" | grep -q '0 passed, 1 failed'
		valid
		rm -rf "$dir/results" "$dir/out"
	done
	gone 'sleep 98761'
}

@test "a second Ctrl-C ends a target that ignores the first, at once" {
	add_test slow <<<'trap "" TERM INT; echo 1..2; echo ok 1 begun; sleep 98762; sleep 98762'
	sed 's/^job()/trap "" TERM; job()/; s|^\. "$(dirname.*|. "'"$root"'/targets/host.sh"|' "$root/tests/fake/target" >"$dir/target"
	sed -i 's/trap "kill/: "kill/' "$dir/target"
	chmod +x "$dir/target"
	in_background --target "$dir/target"
	SECONDS=0
	kill -INT "$pid"
	sleep 0.5
	kill -INT "$pid"
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq 130 ]
	[ "$SECONDS" -lt 8 ]
	gone 'sleep 98762'
}

@test "a reader that goes away ends the run in order: 141, with a summary" {
	for n in 1 2 3; do
		add_test "slow$n" <<<'echo 1..1; sleep 1; echo ok 1 a'
	done
	mkdir -p "$dir/work" "$dir/results/run"
	rc=$({
		{
			rc=0
			/usr/bin/python3 -ES "$root/runner/main.py" --target "$root/tests/fake/target" --suite "$suite" \
				--results "$dir/results/run" --work "$dir/work" 2>"$dir/err" || rc=$?
			echo $rc >&3
		} | head -n 1 >/dev/null
	} 3>&1)
	[ "$rc" -eq 141 ]
	grep -q '^interrupted by signal 13' "$dir/results/run/summary.txt"
	valid
}

@test "stdout that cannot be written: exit 3, the results are there" {
	add_passing good
	mkdir -p "$dir/work" "$dir/results/run"
	rc=0
	/usr/bin/python3 -ES "$root/runner/main.py" --target "$root/tests/fake/target" --suite "$suite" \
		--results "$dir/results/run" --work "$dir/work" >/dev/full 2>"$dir/err" || rc=$?
	[ "$rc" -eq 3 ]
	grep -q 'No space left on device' "$dir/err"
	grep -q '^passed   memop/good' "$dir/results/run/summary.txt"
	rm -rf "$dir/results/run" && mkdir -p "$dir/work" "$dir/results/run"
	rc=0
	/usr/bin/python3 -ES "$root/runner/main.py" --target "$root/tests/fake/target" --suite "$suite" \
		--results "$dir/results/run" --work "$dir/work" >&- 2>"$dir/err" || rc=$?
	[ "$rc" -eq 2 ]
	grep -q 'stdout is closed' "$dir/err"
}

@test "nohup is not defeated" {
	add_test slow <<<'echo 1..1; echo "# begun"; sleep 2; echo ok 1 begun'
	mkdir -p "$dir/work" "$dir/results/run"
	(
		trap '' HUP
		exec /usr/bin/python3 -ES "$root/runner/main.py" --target "$root/tests/fake/target" --suite "$suite" \
			--results "$dir/results/run" --work "$dir/work" >"$dir/out" 2>&1 3>&-
	) &
	pid=$!
	sleep 1
	kill -HUP "$pid"
	wait "$pid"
	tail -n 1 "$dir/out" | grep -q '^1 passed'
}

@test "names and output that are no UTF-8, in the C locale" {
	add_test "$(printf 'w\366rd')" <<<"printf '1..1\nok 1 \366\342\202\254\n'"
	LC_ALL=C in_runner
	[ "$status" -eq 0 ]
	valid
	LC_ALL=en_US.ISO-8859-1 PYTHONCOERCECLOCALE=0 in_runner
	[ "$status" -eq 0 ]
}

@test "--tap: reasons of several lines and odd names forge nothing; an interrupt bails out" {
	add_test '#SKIP' <<-'END'
		#fake: panic
		echo 1..1
	END
	in_runner --tap
	[ "$status" -eq 3 ]
	has '^# Kernel panic - not syncing'
	has '^not ok 1 memop/\\#SKIP$'
	: >"$suite/list"
	add_test slow <<<'echo 1..2; echo ok 1 begun; exec sleep 98763'
	mkdir -p "$dir/work"
	rm -rf "$dir/results" && mkdir -p "$dir/results/run"
	/usr/bin/python3 -ES "$root/runner/main.py" --tap --target "$root/tests/fake/target" --suite "$suite" \
		--results "$dir/results/run" --work "$dir/work" >"$dir/out" 2>"$dir/err" 3>&- &
	pid=$!
	sleep 1.5
	kill -TERM "$pid"
	wait "$pid" || true
	grep -q '^Bail out! ended by signal 15' "$dir/out"
}

@test "a test that is named twice runs once" {
	add_passing good
	echo memop/good >>"$suite/list"
	in_runner
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
}
