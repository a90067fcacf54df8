#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One command: prepare, build, boot a target, run the suite on it, report.
set -euo pipefail
shopt -s inherit_errexit
# No other process for this, here and below: who types the command waits for each
here=$0
[[ ! -L $here && $here == */* ]] || here=$(readlink -f "$here")
here=$(cd "${here%/*}" && pwd) || { printf 'run.sh: its own folder could not be found: run it again\n' >&2 && exit 2; }
for part in host options remember packages debian kernel guest source debug keep job folders gate soak; do
	# shellcheck source=/dev/null # each is checked by itself
	. "$here/targets/$part.sh"
done

choose_target() {
	if [[ -z $TARGET ]]; then
		TARGET=hercules
		[[ $HOSTTYPE != s390x || ! -e /dev/kvm ]] || TARGET=native
	fi
	if [[ $TARGET == */* ]]; then
		target=$(readlink -f "$TARGET") || true
	else
		target=$here/targets/$TARGET/target
	fi
	[[ -x ${target:-} ]] || die "--target $TARGET: choose hercules, native, qemu, or the path" \
		"of a program (docs/targets.md)"
}

ask_target() {
	target_facts=$("$target" info) || die "--target $TARGET: \"$target info\" failed"
}

# target_info KEY: the rest of the line that starts with KEY
target_info() {
	local key rest

	while read -r key rest; do
		[[ $key != "$1" ]] || printf '%s\n' "$rest"
	done <<<"$target_facts"
}

# family_modules DEVICES: what is to be loaded in a machine with DEVICES, NAME[:PARAMETERS] each:
# what those families name that have a test for it
family_modules() {
	local family line modules=' ' all

	for family in "${SUITE:-$here}"/*/family; do
		[[ -r $family ]] || continue
		all=$'\n'$(<"$family")$'\n'
		[[ -n $1 || $all != *$'\n'devices=* ]] || continue
		[[ -z $1 || $all == *[$'\n.']"devices=$1"$'\n'* ]] || continue
		while read -r line; do
			[[ $line == modules=* ]] || continue
			for line in ${line#modules=}; do
				[[ $modules == *" $line "* ]] || modules+="$line "
			done
		done <"$family"
	done
	modules=${modules:1}
	printf '%s\n' "${modules:-kvm}"
}

# What the host must have; prints the Python to use
host_prepare() {
	packages_need "$@"
	depends /var/lib/dpkg/status
	PYTHON=$(host_python)
	depends "$PYTHON"
	printf '%s\n' "$PYTHON"
}

# machine_needs SUITE: "CPUS MEMORY [DEVICES]" a line, for each machine that the chosen tests need
machine_needs() {
	local suite=$1

	if [[ -z $suite || $MODE == prepare ]]; then
		printf '%s %s %s\n' "${CPUS:-1}" "${MEMORY:-512}" "$DEVICES"
		return
	fi
	remember needs "$suite" "$CPUS" "$MEMORY" "$DEVICES" "${FILTERS[@]}" -- list_needs "$suite"
}

list_needs() {
	depends "$1" "$here/runner"
	"$PYTHON" -ES "$here/runner/main.py" --suite "$1" "${FILTERS[@]}" ${CPUS:+--cpus "$CPUS"} \
		${MEMORY:+--memory "$MEMORY"} ${DEVICES:+--devices "$DEVICES"} --needs
}

# state CPUS MEMORY DEVICES: what the target says of such a machine, as in docs/targets.md
state() {
	local modules

	modules=$(family_modules "$3")
	CPUS=$1 MEMORY=$2 DEVICES=$3 MODULES=$modules remember state "$target" "$KERNEL" "$KVM_MODULE" \
		"$VFIO_AP_MODULE" "$modules" "$1" "$2" "$3" "${CC:-}" "${SANITIZE:-}" "${SANITIZE_AP:-}" -- "$target" prepare
}

# Everything that has to be there before a test can run; prints shell assignments
prepare_all() {
	local suite='' needs cpus memory devices said

	depends "$target" /var/lib/dpkg/status "$PYTHON"
	printf '%s=%q\n' PYTHON "$PYTHON" KERNEL "$KERNEL" target_facts "$target_facts"
	if [[ $MODE == run || $MODE == list || $MODE == prepare ]]; then
		suite=${SUITE:+$(readlink -f "$SUITE")}
		suite=${suite:-$(installed_suite)}
		suite=${suite:-$(build_suite "$(target_info arch)" "$KERNEL")}
		printf 'suite=%q\n' "$suite"
	fi
	moment "suite"
	[[ $MODE != list ]] || return 0
	needs=$(machine_needs "$suite")
	moment "machines that are needed"
	while read -r cpus memory devices; do
		said=$(state "$cpus" "$memory" "$devices")
		printf 'STATES+=(%q) FACTS=%q\n' "$cpus:$memory${devices:+:$devices}=${said%%$'\n'*}" "${said#*$'\n'}"
	done <<<"$needs"
	moment "machines"
}

# Whatever fails before the tests run is a set-up error
at_exit() {
	local rc=$?

	[[ -z ${WORK:-} ]] || rm -rf "$WORK"
	[[ ${SET_UP:-} != 1 || " 129 130 143 " != *" $rc "* ]] ||
		say "run.sh: ended before any test ran; what was prepared until then is kept"
	if [[ ${SET_UP:-} == 1 && " 0 $EXIT_USAGE $EXIT_BROKEN 129 130 143 " != *" $rc "* ]]; then
		((rc <= 128)) || rc+=" (killed by signal $((rc - 128)))"
		say "run.sh: a step before the first test ended with status $rc: run it again; what it said is above"
		exit "$EXIT_USAGE"
	fi
}

# What the machine said of itself, a checksum cut short; a target that cannot tell before a
# job says nothing
tested() {
	local key value words="$TARGET"

	while read -r key value; do
		case $key in
		release) words+=", Linux $value" ;;
		kvm)
			[[ $value != "module "* ]] || value=${value:7:12}
			words+=", kvm $value${KVM_MODULE:+ ($KVM_MODULE)}"
			;;
		vfio_ap) words+=", vfio_ap ${value:7:12}${VFIO_AP_MODULE:+ ($VFIO_AP_MODULE)}" ;;
		esac
	done <<<"$FACTS"
	printf '%s\n' "$words"
}

run_suite() {
	local version=unknown key rest about name=${suite##*/}

	[[ ! -r $suite/version ]] || while read -r key rest; do
		[[ $key != suite ]] || version=$rest
	done <"$suite/version"
	about=("suite=$version" "target=$TARGET" "asked=$(asked)")
	make_results_folder
	step "run on $(tested), $JOBS at a time"
	[[ -d $CACHE/costs ]] || mkdir -p "$CACHE/costs" || die "cannot make the folder $CACHE/costs: make room, or give another with --cache"
	moment "held, results folder"
	# "exec" keeps the locks on $WORK and what is used; the runner removes $WORK. Without
	# its site packages and the user's settings Python is there sooner.
	# shellcheck disable=SC2154 # made by make_results_folder
	exec "$PYTHON" -ES "$here/runner/main.py" --target "$target" --suite "$suite" --results "$results" \
		--work "$WORK" --costs "$CACHE/costs/${name%%.*}.json" --jobs "$JOBS" "${STATES[@]/#/--state=}" \
		--command "$(quoted "${AGAIN[@]}")" --slow "$SLOW" ${TIMEOUT:+--timeout "$TIMEOUT"} ${CPUS:+--cpus "$CPUS"} \
		${MEMORY:+--memory "$MEMORY"} ${DEVICES:+--devices "$DEVICES"} "${FILTERS[@]}" "${VIEW[@]}" "${about[@]/#/--about=}" \
		-- "${ARGUMENTS[@]}"
}

# The kernel that was asked for; which one it was the machine says
asked() {
	if [[ $(target_info kernels) == yes ]]; then
		printf '%s%s\n' "${KERNEL//$'\n'/ }" "${KVM_MODULE:+ with $KVM_MODULE}${VFIO_AP_MODULE:+ with $VFIO_AP_MODULE}"
	else
		printf "this host's\n"
	fi
}

# What decides what a run needs; sets words
words_of_run() {
	words=(run "$target" "$KERNEL" "$KVM_MODULE" "$VFIO_AP_MODULE" "$CPUS" "$MEMORY" "$DEVICES" "$SUITE" "${FILTERS[*]}" "${KSRC:-}"
		"${CC:-}" "${WERROR:-}" "${SANITIZE:-}" "${SANITIZE_AP:-}" "${NO_INSTALL:-}")
}

# Nothing of what the same run needed has changed since: all is there
prepared_before() {
	local words

	[[ $MODE == run && -z $REFRESH ]] || return 1
	words_of_run
	recall "${words[@]}" || return 1
	eval "$REPLY"
	moment "nothing has changed"
}

# What a target finds in its environment (docs/targets.md)
for_the_target() {
	make_work_folder
	SLOW=$(slowness "$KERNEL")
	export CACHE KERNEL MEMORY CPUS DEVICES KVM_MODULE VFIO_AP_MODULE NO_INSTALL=${NO_INSTALL:-} WORK PYTHON SLOW
}

prepare() {
	local words packages needed

	words_of_run
	ask_target
	check_taken
	KERNEL=${KERNEL:-$(debian_default_suite)}
	[[ ! $KERNEL =~ ^[0-9]+\.[0-9]+$ ]] || KERNEL=$(kernel_of_series "$KERNEL")
	packages=$(target_info packages)
	[[ -n $SUITE || -n $(installed_suite) ]] || packages+=" $(target_info build_packages)"
	read -r -a needed <<<"$packages"
	moment "options, target"
	for_the_target
	PYTHON=$(remember host "${needed[@]}" -- host_prepare "${needed[@]}")
	moment "work folder, packages"
	if [[ $MODE == kernels ]]; then
		in_group kernel_list
		exit
	fi
	[[ -z $REFRESH ]] || rm -rf "$CACHE"/apt "$CACHE/kernel/$KERNEL" "$CACHE/linux-$KERNEL"
	if [[ $MODE == run ]]; then
		in_group remember "${words[@]}" -- prepare_all >"$WORK/prepared"
	else
		in_group prepare_all >"$WORK/prepared"
	fi
	# shellcheck source=/dev/null # assignments by prepare_all
	. "$WORK/prepared"
}

main() {
	SET_UP=1
	trap at_exit EXIT
	ON_SIGNALS=leave
	on_signals "$ON_SIGNALS"
	moment "scripts read"
	parse_options "$@"
	check_options
	check_cache
	case $MODE in
	clean) keep_bound show && exit ;;
	compare | report | doctor | matrix)
		SET_UP=
		"run_$MODE"
		exit
		;;
	esac
	choose_target
	soak_options
	STATES=() FACTS=''
	if prepared_before; then
		for_the_target
	else
		prepare
	fi
	choose_jobs
	local IFS=$'\t'
	# shellcheck disable=SC2048,SC2086 # words of the states
	hold ${STATES[*]#*=}
	IFS=$' \t\n'
	[[ ! -e $WORK/made ]] || keep_bound quiet
	export TARGET_STATE=${STATES[0]-}
	TARGET_STATE=${TARGET_STATE#*=}
	# With "run" all until the runner takes this process over is set-up
	[[ $MODE == run ]] || SET_UP=
	case $MODE in
	list) "$PYTHON" -ES "$here/runner/main.py" --suite "$suite" "${FILTERS[@]}" --list ;;
	exec) run_program ;;
	shell) run_shell ;;
	run) run_suite ;;
	esac
}

main "$@"
