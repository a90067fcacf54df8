#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Do walks find faults by themselves? walk.sh FOLDER [SEED...]: for each FOLDER/NAME.ko, a
# kvm.ko with one fault, memop/walk from each seed (default 1 to 5), at most 20 minutes, and
# the table of docs/walk.md on stdout. The faults as changes of Linux 6.12 are in
# tests/evidence/walk/. KVM as it is comes first, without excuse for what it is known to lose.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
folder=${1:?walk.sh FOLDER [SEED...]: the folder holds NAME.ko, a kvm.ko for each fault}
shift
seeds=("$@")
((${#seeds[@]})) || seeds=(1 2 3 4 5)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# row NAME EXCUSE [OPTION...]: one line of the table
row() {
	local name=$1 excuse=$2 seed found=() steps=() length=() state
	shift 2
	for seed in "${seeds[@]}"; do
		"$here/run.sh" -v --timeout 1500 "$@" -t memop/walk -- --seed "$seed" \
			--minutes 20 --failures 1 --excuse "$excuse" --lines 1 >"$log" 2>&1 || true
		state=$(grep -om1 'failed after .*' "$log" || true)
		[[ -n $state ]] || continue
		found+=("$seed")
		# shellcheck disable=SC2001 # a number in the middle of words
		steps+=("$(sed 's/failed after \([0-9]*\).*/\1/' <<<"$state")")
		# shellcheck disable=SC2001
		length+=("$(sed 's/.*shrunk to \([0-9]*\).*/\1/' <<<"$state")")
	done
	printf '| %s | %s of %s | %s | %s |\n' "$name" "${#found[@]}" "${#seeds[@]}" \
		"${steps[*]:--}" "${length[*]:--}"
}

printf '| fault | seeds that found it | steps to the first failure | actions of the script |\n'
printf '|---|---|---|---|\n'
row "none, nothing excused" 0
for module in "$folder"/*.ko; do
	row "$(basename "$module" .ko)" 1 --kvm-module "$module"
done
