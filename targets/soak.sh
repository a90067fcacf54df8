# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run.sh and options.sh set these
#
# A soak: walks and fuzzers for a given time, in several machines, each beside others of
# its kind that are stopped and killed (runner/storm.sh).
#
# To be sourced after host.sh and options.sh.

readonly SOAK_LINES=16 # of the walks and fuzzers together

# next_seed: one that no soak of this cache had
next_seed() {
	local seed=0

	[[ ! -r $CACHE/soak-seed ]] || read -r seed <"$CACHE/soak-seed"
	printf '%s\n' $((seed + 1)) | tee "$CACHE/soak-seed"
}

# soak_options: what makes a run of the tests a soak. Each line walks its share of the time.
soak_options() {
	local seed minutes jobs=${JOBS:-$(nproc)}

	[[ -n $SOAK ]] || return 0
	((${#FILTERS[@]})) || FILTERS=(--filter 'm*/walk' --filter 'm*/fuzz')
	minutes=$((SOAK * jobs / SOAK_LINES))
	((minutes)) || minutes=1
	seed=$(locked soak-seed next_seed)
	ARGUMENTS=(--seed "$seed" --minutes "$minutes")
	# All lines of a test may be in one machine, which others keep busy
	TIMEOUT=${TIMEOUT:-$((minutes * 600 + 600 < 100000 ? minutes * 600 + 600 : 100000))}
	if [[ $target == */targets/hercules/target ]]; then
		CPUS=${CPUS:-2} MEMORY=${MEMORY:-1024}
		VIEW+=(--storm "$seed")
	fi
	step "soak: seed $seed, $minutes minutes for each line"
}
