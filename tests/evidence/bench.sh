#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench.sh [PART...]: what a user waits for, and what the suite's checks cost, in the
# emulated machine. Prints figures; nothing depends on them.
#
#   start  warm, some tests; the steps of a start
#   all    warm, all tests; what that would take on more cores
#   cold   all tests with nothing fetched and built, and with the machine to be booted
#   rate   checked MEM_OP requests in percent of a bare ioctl loop
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
cold=$here/build/bench

now() {
	date +%s%N
}

# timed NAME CMD...: milliseconds to the first result line and to the end
timed() {
	local name=$1 begin first='' line
	shift

	begin=$(now)
	while IFS= read -r line; do
		[[ -n $first || ! $line =~ \ ok\ [0-9]+\  ]] || first=$(now)
	done < <("$@" 2>&1)
	printf '%-44s first result %6d ms, end %7d ms\n' "$name" \
		$(((${first:-$begin} - begin) / 1000000)) $((($(now) - begin) / 1000000))
}

# shares: the steps between Enter and the first result of a warm run with one test
shares() {
	local moments results

	moments=$(mktemp)
	results=$(mktemp -d)
	printf '%s begin\n' "$EPOCHREALTIME" >"$moments"
	MOMENTS=$moments "$here/run.sh" --results "$results" -t memop/requests >/dev/null 2>&1
	python3 - "$moments" "$results/latest/results.json" <<-'END'
		import json, sys
		steps = [line.split(" ", 1) for line in open(sys.argv[1])]
		at = [(float(time), name.strip()) for time, name in steps]
		moments = json.load(open(sys.argv[2]))["run"]["moments"]
		at += [(at[-1][0] + moments[key], name) for key, name in
		       (("first_job", "the runner begins"), ("first_result", "machine resumed, first line run"))]
		whole = at[-1][0] - at[0][0]
		print(f"{'step of a warm start (-t memop/requests)':<44} {'ms':>7} {'share':>6}")
		for (before, _), (time, name) in zip(at, at[1:]):
		    print(f"{name:<44} {(time - before) * 1000:7.0f} {(time - before) / whole:6.0%}")
		print(f"{'first result':<44} {whole * 1000:7.0f}")
	END
	rm -rf "$moments" "$results"
}

# cores: what a whole run would take on more cores, from the results of the last one
cores() {
	python3 - "$here/results/latest/results.json" <<-'END'
		import json, sys
		run = json.load(open(sys.argv[1]))["run"]
		cpu, longest = run["cpu_seconds"], run["longest"]
		print(f"whole run: {cpu:.0f} CPU seconds; longest part {longest['test']} {longest['lines']}"
		      f" {longest['seconds']:.1f} s of wall clock (with what ran beside it)")
		for count in (2, 4, 8, 16):
		    print(f"{count:3} cores: at least {max(cpu / count, longest['seconds']):.1f} s")
	END
}

start() {
	for _ in 1 2 3; do
		timed "warm, some tests (-t 'memop/absolute*')" "$here/run.sh" -t 'memop/absolute*'
	done
	shares
}

all() {
	timed "warm, all tests" "$here/run.sh"
	cores
}

cold() {
	rm -rf "$cold"
	timed "cold: nothing fetched, built or booted" "$here/run.sh" --cache "$cold"
	rm -rf "$cold/machine"
	timed "machine to be booted anew" "$here/run.sh" --cache "$cold"
	rm -rf "$cold"
}

rate() {
	local out=$here/build/out/bench

	make -s -C "$here" CROSS_COMPILE=s390x-linux-gnu- OUTPUT="$out" bench_programs
	"$here/run.sh" --exec "$out/tests/evidence/memop_rate" 2>/dev/null |
		sed -n 's/^# note: \(suite\|bare_loop\|share\)/MEM_OP \1/p'
}

main() {
	local part

	(($#)) || set -- start all cold rate
	for part in "$@"; do
		[[ " start all cold rate " == *" $part "* ]] || {
			printf 'bench.sh: no such part: %s\n' "$part" >&2
			exit 2
		}
	done
	"$here/run.sh" --prepare >/dev/null
	for part in "$@"; do "$part"; done
}

main "$@"
