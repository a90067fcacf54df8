#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench.sh: what a user waits for, and what the suite's checks cost, in the
# emulated machine. Prints figures; nothing depends on them. The last line is
# the rate of checked MEM_OP requests in percent of a bare ioctl loop.
# COLD=0 in the environment leaves out the runs that fetch and build anew.
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
		[[ -n $first || $line != *" ok 1 "* ]] || first=$(now)
	done < <("$@" 2>&1)
	printf '%-44s first result %6d ms, end %7d ms\n' "$name" \
		$(((${first:-$begin} - begin) / 1000000)) $((($(now) - begin) / 1000000))
}

main() {
	local out=$here/build/out/bench

	"$here/run.sh" --prepare >/dev/null
	for _ in 1 2 3; do
		timed "warm, one test (-t 'memop/absolute*')" "$here/run.sh" -t 'memop/absolute*'
	done
	timed "warm, all tests" "$here/run.sh"
	if [[ ${COLD:-1} != 0 ]]; then
		rm -rf "$cold"
		timed "cold: nothing fetched, built or booted" "$here/run.sh" --cache "$cold"
		rm -rf "$cold/machine"
		timed "machine to be booted anew" "$here/run.sh" --cache "$cold"
		rm -rf "$cold"
	fi
	make -s -C "$here" CROSS_COMPILE=s390x-linux-gnu- OUTPUT="$out" bench_programs
	"$here/run.sh" --exec "$out/tests/evidence/memop_rate" 2>/dev/null |
		sed -n 's/^# note: \(suite\|bare_loop\|share\)/MEM_OP \1/p'
}

main "$@"
