# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# storm.sh TEST SEED: processes of TEST beside the one that is judged, again and again, none of
# which comes to a good end: they are stopped and go on, are told to end, and are killed in
# the middle of whatever they do. What is left of memory goes to the kernel's log. It ends
# with SIGTERM. Runs in the machine, under busybox.
# shellcheck disable=SC2086 # words of $victims
test=$1 seed=$2 round=0 victims=

trap 'kill -KILL $victims 2>/dev/null; exit 0' TERM
while :; do
	round=$((round + 1)) victims=
	for n in 1 2 3; do
		"./$test" --seed $(((seed << 16) + round * 4 + n)) --minutes 1 >/dev/null 2>&1 &
		victims="$victims $!"
	done
	sleep 1
	for signal in STOP CONT STOP CONT; do
		kill -$signal $victims 2>/dev/null
		sleep 1
	done
	set -- HUP TERM KILL
	for victim in $victims; do
		kill "-$1" "$victim" 2>/dev/null
		shift
	done
	wait $victims
	awk -v round="$round" '/^MemAvailable:/ { free = $2 } /^Slab:/ { slab = $2 }
		END { print "soak: round " round ", " free " KiB available, " slab " KiB in slabs" }' \
		/proc/meminfo >/dev/kmsg
done
