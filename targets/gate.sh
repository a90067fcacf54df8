# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2153 # run.sh and options.sh set these
#
# What a gate does with runs: several kernels beside each other, two runs held against each
# other, reports made anew, and what this host could run at all.
#
# To be sourced after host.sh and options.sh.

# results_of WORD: the folder of a run: a path, or its name below --results
results_of() {
	if [[ -r $1/results.json ]]; then
		printf '%s\n' "$1"
	elif [[ -r $RESULTS/$1/results.json ]]; then
		printf '%s\n' "$RESULTS/$1"
	else
		die "$1 holds no results.json, and no run below $RESULTS has that name: give the folder" \
			"that a run names at its end"
	fi
}

report() {
	"$(host_python)" -ES "$here/runner/report.py" "$@"
}

run_compare() {
	local a b page rc=0

	a=$(results_of "${COMPARED[0]}")
	b=$(results_of "${COMPARED[1]}")
	page=$b/compare-$(basename "$(readlink -f "$a")").html
	report compare "$a" "$b" "$page" || rc=$?
	say "report: $page"
	return "$rc"
}

run_report() {
	local folder

	folder=$(results_of "$REPORTED")
	report make "$folder"
	printf '%s\n' "$folder/report.html" "$folder/junit.xml"
}

run_doctor() {
	local target name words=() lacking

	for target in "$here"/targets/*/target; do
		name=${target%/target}
		name=${name##*/}
		mapfile -t -d ' ' lacking < <("$target" info | sed -n 's/^packages //p' | tr -d '\n')
		lacking=("$(packages_missing "${lacking[@]}")")
		words+=("$name=$(tr -s ' \n' ',' <<<"${lacking[0]}" | sed 's/^,//; s/,$//')")
	done
	"$(host_python)" -ES "$here/runner/doctor.py" "$CACHE" "$RESULTS" "${words[@]}"
}

# one_of_matrix KERNEL JOBS FOLDER: a run of its own; what it says gets the kernel in front
one_of_matrix() {
	local kernel=$1 jobs=$2 folder=$3

	mkdir -p "$folder"
	"$here/run.sh" "${MATRIX_WORDS[@]}" --kernel "$kernel" --results "$folder" -j "$jobs" -- \
		"${ARGUMENTS[@]}" 2>&1 | tee "$folder/said" |
		awk -v kernel="$kernel" '/^==> |^run\.sh: |  (FAILED|BROKEN)|^[0-9]+ passed, / {
			print kernel ": " $0; fflush() }' || true
}

# The results of each kernel, in the order in which they were asked for
matrix_folders() {
	local kernel

	for kernel in "${kernels[@]}"; do
		[[ -r $1/${kernel//\//_}/latest/results.json ]] || continue
		printf '%s\n' "$1/${kernel//\//_}/latest"
	done
}

# all_of_matrix BASE SIDE JOBS: SIDE kernels at a time. Waits for them by name: the group
# that this runs in has a guard, which stays.
all_of_matrix() {
	local kernel runs=()

	for kernel in "${kernels[@]}"; do
		if ((${#runs[@]} >= $2)); then
			wait "${runs[0]}" || true
			runs=("${runs[@]:1}")
		fi
		one_of_matrix "$kernel" "$3" "$1/${kernel//\//_}" &
		runs+=($!)
	done
	wait "${runs[@]}" || true
}

# Kernels side by side, as many as there are CPUs; each run keeps to its share of them
run_matrix() {
	local kernels folders side rc=0

	IFS=, read -r -a kernels <<<"$MATRIX"
	side=$(nproc)
	((side <= ${#kernels[@]})) || side=${#kernels[@]}
	make_results_folder
	step "${#kernels[@]} kernels, $side side by side: $results"
	in_group all_of_matrix "$results" "$side" "${JOBS:-$(($(nproc) / side))}"
	folders=$(matrix_folders "$results")
	[[ -n $folders ]] || die "no kernel got as far as a test: see $results/*/said"
	mapfile -t folders <<<"$folders"
	report matrix "$results/report.html" "${folders[@]}" || rc=$?
	printf 'report: %s\n' "$results/report.html"
	((${#folders[@]} == ${#kernels[@]})) || {
		say "run.sh: $((${#kernels[@]} - ${#folders[@]})) of ${#kernels[@]} kernels did not get as far as a" \
			"test: see $results/*/said"
		rc=$EXIT_BROKEN
	}
	return "$rc"
}
