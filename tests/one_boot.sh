#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# one_boot.sh [--short] [--passes N] [--seed N] [RUN.SH-OPTION...]: the installed
# suite as on real hardware: run_tests, all tests one after another, three times in
# one boot of the machine, the last time in an order drawn from the seed, which is
# printed. The machine is made old first (tests/evidence/purges). After each pass
# nothing may have been left behind: settings, huge pages, mounts, files, processes,
# memory. --short: two passes of the tests that used to depend on what ran before.
#
# The last line adds up the results of all passes. Exit status 0 if none failed.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)

# What failed after thousands of purges, what sets keys, what reserves huge pages
readonly short=(memop/absolute_keys memop/overrides memop/storage_keys memop/huge_pages
	mem_slot/dirty_log mem_slot/contents memop/absolute_keys)
readonly rounds=3000

parse() {
	passes='' seed=$RANDOM$RANDOM tests=() options=()
	while (($#)); do
		case $1 in
		--short) tests=("${short[@]}") ;;
		--passes) passes=$2 && shift ;;
		--seed) seed=$2 && shift ;;
		-h | --help) sed -n 's/^# \{0,1\}//; 3,12p' "$0" && exit 0 ;;
		*) options+=("$1") ;;
		esac
		shift
	done
	passes=${passes:-$((${#tests[@]} ? 2 : 3))}
}

# shuffled SEED: the lines of the input in an order that the seed decides
shuffled() {
	awk -v seed="$1" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' | sort -n | cut -f 2-
}

# The script that runs in the machine; the archive of the suite follows it
guest_script() {
	printf '#!/bin/sh\nPASSES=%d ROUNDS=%d\n' "$passes" "$rounds"
	cat <<-'END'
		at=$(($(sed -n '/^exit # the archive begins here$/{=;q}' "$0") + 1))
		mkdir /tmp/suite && tail -n +"$at" "$0" | tar x -C /tmp/suite && cd /tmp/suite || exit 2

		# What has to be the same after a pass as before it
		settings() {
			grep -s . /proc/sys/vm/* /sys/kernel/mm/hugepages/*/nr_*huge* /sys/kernel/mm/ksm/run \
				/sys/kernel/mm/transparent_hugepage/* /sys/module/kvm/refcnt \
				/proc/sys/kernel/tainted /proc/mounts /proc/swaps
			find /tmp /dev/shm ! -path '/tmp/suite*' ! -name 'one_boot.*' ! -path /tmp | sed 's/^/file: /'
			sed -n 's/^Name:/process:/p' $(grep -sl . /proc/[0-9]*/cmdline |
				sed 's/cmdline$/status/') 2>/dev/null | sort | uniq -c
		}

		# What is free once there are no caches, in KiB, with the pages that a CPU keeps at
		# hand: ten of 1 MiB may be among them, and MemFree is without those
		free_memory() {
			sync
			echo 3 >/proc/sys/vm/drop_caches
			sleep 1
			is=$(sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo)
			for pages in $(sed -n 's/^ *count: *//p' /proc/zoneinfo); do
				is=$((is + 4 * pages))
			done
			echo "$is"
		}

		chmod +x purges run_tests
		./purges "$ROUNDS" || exit 2
		settings >/tmp/one_boot.before
		n=1 bad=0 free=
		while [ "$n" -le "$PASSES" ]; do
			echo "# pass $n of $PASSES"
			cp "lists/$n" list
			./run_tests || bad=1
			settings >/tmp/one_boot.after
			if cmp -s /tmp/one_boot.before /tmp/one_boot.after; then
				echo "ok - pass $n left no setting, file, mount or process behind"
			else
				echo "# before this pass only, or other:"
				grep -vxFf /tmp/one_boot.after /tmp/one_boot.before | sed 's/^/#   /'
				echo "# after it:"
				grep -vxFf /tmp/one_boot.before /tmp/one_boot.after | sed 's/^/#   /'
				echo "not ok - pass $n left no setting, file, mount or process behind"
				cp /tmp/one_boot.after /tmp/one_boot.before
			fi
			now=$(free_memory)
			# The first pass fills what the kernel keeps for ever
			if [ -z "$free" ] || [ "$((free - now))" -le 4096 ]; then
				echo "ok - pass $n left no memory in use: $now KiB free${free:+, $free before}"
			else
				echo "not ok - pass $n left no memory in use: $now KiB free, $free before"
			fi
			free=$now
			n=$((n + 1))
		done
		exit "$bad"
		exit # the archive begins here
	END
}

main() {
	parse "$@"
	local job log status=0 n

	options=(--memory 1024 "${options[@]}")
	"$here/run.sh" "${options[@]}" --prepare
	job=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder is known now
	trap "rm -rf '$job'" EXIT
	make -s -C "$here" -j "$(nproc)" CROSS_COMPILE=s390x-linux-gnu- OUTPUT="$here/build/out/one_boot" \
		INSTALL_PATH="$job/suite" install bench_programs
	cp "$here/build/out/one_boot/tests/evidence/purges" "$job/suite/"
	mkdir "$job/suite/lists"
	((${#tests[@]})) || mapfile -t tests <"$job/suite/list"
	for n in "${tests[@]}"; do
		grep -qxF "$n" "$job/suite/list" || { printf 'there is no test %s\n' "$n" >&2 && exit 2; }
	done
	for ((n = 1; n <= passes; n++)); do
		if ((n < passes)); then
			printf '%s\n' "${tests[@]}"
		else
			printf '%s\n' "${tests[@]}" | shuffled "$seed"
		fi >"$job/suite/lists/$n"
	done
	{ guest_script && tar -c -C "$job/suite" --format=gnu .; } >"$job/one_boot"
	chmod +x "$job/one_boot"
	log=$job/log
	printf '# one boot: %d passes, seed %s\n' "$passes" "$seed"
	"$here/run.sh" --timeout 7200 "${options[@]}" --exec "$job/one_boot" 2>&1 |
		tee "$log" || status=$?
	awk -v wanted="$((passes * (${#tests[@]} + 2)))" -v seed="$seed" '
		/^not ok / { failed++; next }
		/^ok .*# SKIP/ { skipped++; next }
		/^ok / { passed++ }
		END {
			if (passed + failed + skipped < wanted) {
				print "results are missing: the machine ended early"
				failed++
			}
			if (failed) printf "the same order again: tests/one_boot.sh --seed %s\n", seed
			printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
			exit failed > 0
		}' "$log" || status=1
	exit "$status"
}

main "$@"
