# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run.sh sets and uses these
#
# The folders of a run: one while it lasts, one for its results.
#
# To be sourced after host.sh.

# A folder for what this run needs while it lasts; those of killed runs go
make_work_folder() {
	local old all own

	[[ -d $CACHE/run ]] || mkdir -p "$CACHE/run"
	exec {all}<"$CACHE/run"
	flock "$all"
	for old in "$CACHE"/run/session-*; do
		[[ ! -d $old ]] || flock -n "$old" rm -rf "$old" || true
	done
	WORK=$(mktemp -d "$CACHE/run/session-XXXXXX")
	# Held until this process, or the one that takes its place, is gone
	exec {own}<"$WORK"
	flock "$own"
	exec {all}<&-
}

# A folder of its own for this run's results, also if another starts at once
make_results_folder() {
	local base n=1

	# shellcheck disable=SC2153 # not the folder of this run
	[[ -d $RESULTS ]] || mkdir -p "$RESULTS" 2>/dev/null || die "cannot make the results folder $RESULTS"
	printf -v base '%s/%(%Y-%m-%dT%H-%M-%S)T' "$RESULTS" -1
	results=$base
	until mkdir "$results" 2>/dev/null; do
		((n < 100)) || die "cannot make a folder in $RESULTS: is it writable, is the disk full?"
		results=$base-$((++n))
	done
}
