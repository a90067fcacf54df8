#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# upstream.sh [RUN.SH-OPTION...]: run the kernel's own KVM selftests, unchanged,
# in the emulated machine, and print a table. They say of the machine what nobody
# of this project wrote. Exit status: 0 if none failed.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
out=$here/build/out/upstream
# Some of them take 1 GiB for their guest
options=(--memory 1536 --timeout 900 "$@")
failed=0

make -s -C "$here" -j "$(nproc)" CROSS_COMPILE=s390x-linux-gnu- OUTPUT="$out" \
	${KSRC:+KSRC="$KSRC"} upstream
mkdir -p "$out/log"
printf '%-24s %-8s %8s  %s\n' TEST RESULT SECONDS RESULTS
for program in "$out"/upstream/*; do
	[[ -x $program && $program != *.d ]] || continue
	name=$(basename "$program")
	arguments=()
	# The least that a benchmark takes
	[[ $name != *perf* ]] || arguments=(-i 2 -b 16M)
	SECONDS=0
	rc=0
	"$here/run.sh" "${options[@]}" --exec "$program" "${arguments[@]}" >"$out/log/$name" 2>&1 || rc=$?
	case $rc in
	0) verdict=pass ;;
	4) verdict=skip ;;
	*) verdict="FAIL:$rc" failed=1 ;;
	esac
	printf '%-24s %-8s %8d  %s\n' "$name" "$verdict" "$SECONDS" \
		"$(grep -cE '^ok ' "$out/log/$name" || true) ok, $(grep -cE '^not ok ' "$out/log/$name" || true) not ok"
done
exit "$failed"
