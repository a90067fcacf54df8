#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# soak.sh [BOOTS [RESUMES [RUN.SH-OPTION...]]]: boot the emulated machine anew so
# many times (default 50), and resume it so many times (default 300), each time
# with a real job: the kernel's selftest tprot, whose guest makes 5 results. Prints
# a count and each failure; exit status 0 if there was none. With SANITIZE=1 in the
# environment the emulator is built with AddressSanitizer.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
boots=${1:-50} resumes=${2:-300} options=("${@:3}")
cache=$here/build/soak${SANITIZE:+-sanitized} out=$here/build/out/upstream
failed=0 done=0

# job NAME: one run of tprot, 5 of 5
job() {
	local log=$cache/last.log rc=0

	"$here/run.sh" --cache "$cache" --timeout 300 "${options[@]}" --exec "$out/upstream/tprot" >"$log" 2>&1 || rc=$?
	if ((rc)) || [[ $(grep -c '^ok ' "$log") != 5 ]]; then
		failed=$((failed + 1))
		printf '%s failed with status %d:\n' "$1" "$rc"
		tail -n 20 "$log"
	fi
	done=$((done + 1))
	((done % 10)) || printf '%s: %d failed so far\n' "$1" "$failed"
}

mkdir -p "$cache"
# What is fetched already need not be fetched again; the machines are this test's own
for part in apt kernel busybox hercules; do
	[[ -e $cache/$part || ! -e $here/build/$part ]] || cp -al "$here/build/$part" "$cache/"
done
make -s -C "$here" CROSS_COMPILE=s390x-linux-gnu- OUTPUT="$out" upstream
for ((i = 1; i <= boots; i++)); do
	rm -rf "$cache/machine"
	job "boot $i"
done
printf '%d boots, %d failed\n' "$done" "$failed"
done=0 failed_boots=$failed failed=0
for ((i = 1; i <= resumes; i++)); do
	job "resume $i"
done
printf '%d resumes, %d failed\n' "$done" "$failed"
((failed + failed_boots == 0))
