# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A suite of shell scripts for the fake target, and what is looked for in what
# comes of it. To be loaded by *.bats, whose variables it uses.
#
# shellcheck disable=SC2154,SC2119,SC2120

fake_suite_setup() {
	root=$BATS_TEST_DIRNAME/..
	dir=$BATS_TEST_TMPDIR
	suite=$dir/suite
	mkdir -p "$suite/memop"
	echo timeout=20 >"$suite/memop/family"
	: >"$suite/memop/contract.md"
	: >"$suite/list"
	unset KSRC NO_INSTALL
}

# add_test NAME < SCRIPT
add_test() {
	cat >"$suite/memop/$1"
	sed -i '1i #!/bin/sh' "$suite/memop/$1"
	chmod +x "$suite/memop/$1"
	echo "memop/$1" >>"$suite/list"
}

add_passing() {
	add_test "$1" <<-'END'
		echo "TAP version 13"; echo "1..2"
		echo "# cases: 40"; echo "ok 1 reads what was written"
		echo "# cases: 2"; echo "ok 2 writes what is read"
	END
}

add_failing() {
	add_test "$1" <<-'END'
		echo "TAP version 13"; echo "1..2"; echo "ok 1 first"
		echo "# expected PGM 0x04, got 0"; echo "not ok 2 key 5 is denied"; exit 1
	END
}

# in_fake ARG...: run.sh on the fake suite
in_fake() {
	run --separate-stderr "$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" \
		--cache "$dir/cache" --results "$dir/results" "$@"
}

# in_runner ARG...: the runner on the fake suite, without run.sh
in_runner() {
	rm -rf "$dir/work" "$dir/results"
	mkdir -p "$dir/work" "$dir/results/run"
	run --separate-stderr /usr/bin/python3 -ES "$root/runner/main.py" --target "$root/tests/fake/target" \
		--suite "$suite" --results "$dir/results/run" --work "$dir/work" --jobs 2 "$@"
}

# verdict STATUS PATTERN < SCRIPT: a test of its own ends the runner with STATUS and says PATTERN
verdict() {
	rm -f "$suite/memop/case"
	: >"$suite/list"
	add_test case
	in_runner
	[ "$status" -eq "$1" ] || {
		printf 'exit status %s, not %s:\n%s\n%s\n' "$status" "$1" "$output" "$stderr"
		return 1
	}
	has "$2"
	"$root/tests/validate_results.py" "$dir/results/run/results.json"
}

# Any of the lines of stdout matches the pattern
has() {
	grep -qE -- "$1" <<<"$output" || {
		printf 'no line matches: %s\nstdout:\n%s\nstderr:\n%s\n' "$1" "$output" "$stderr"
		return 1
	}
}

# No line of stdout matches the pattern
lacks() {
	if grep -E -- "$1" <<<"$output"; then
		printf 'a line matches: %s\n' "$1"
		return 1
	fi
}

complains() {
	grep -qE -- "$1" <<<"$stderr" || {
		printf 'no line of stderr matches: %s\n%s\n' "$1" "$stderr"
		return 1
	}
}

nothing_left() {
	[[ -z $(find "$dir/cache/run" -mindepth 1 2>/dev/null) ]]
	! pgrep -f "$dir/cache" >/dev/null
}
