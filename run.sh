#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One command: prepare, build, boot a target, run the suite on it, report.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
. "$here/targets/host.sh"
. "$here/targets/debian.sh"
. "$here/targets/linux.sh"
readonly EXIT_BROKEN=3

usage() {
	cat <<-END
		usage: ./run.sh [OPTION...] [-- ARGUMENT-FOR-EACH-TEST...]

		Runs the conformance suite for guest memory under KVM on s390. Without options:
		installs, fetches and builds what is missing, boots an emulated s390x machine
		(once), runs every test in it, and reports.

		What to run
		  -t, --filter GLOB    only tests whose name matches, e.g. -t 'memop/absolute*'
		                       (may be repeated; --list shows the names)
		  --exec PROG [ARG...] run a static s390x program in the machine instead; its
		                       output and exit status are passed on
		  --shell              a prompt in the machine; "exit" or Ctrl-D leaves it
		  --suite DIR          run this installed suite (make install) and build nothing
		  --list               the names of the tests
		  --prepare            set up, build and boot, but run nothing

		Where
		  --target NAME        hercules  the emulated machine, on any x86-64 host
		                       native    this host's own /dev/kvm
		                       qemu      a QEMU guest (KVM in it needs an s390x host)
		                       a path    a program of yours, see docs/targets.md
		                       default: native on s390x with /dev/kvm, else hercules
		  --kernel WHAT        the kernel that is tested: a name from --list-kernels, a
		                       kernel build tree (a folder), or a linux-image .deb
		  --kvm-module FILE    this kvm.ko in place of the kernel's own
		  --list-kernels       the names for --kernel, with versions
		  --memory MIB         memory of the machine (default 512)
		  --cpus N             CPUs of the machine (default 1)

		How
		  -j N                 machines side by side (default: this host's CPUs)
		  --timeout SECONDS    for each test, instead of its settings
		  --no-install         install nothing with apt: say what is missing
		  --cache DIR          for downloads, builds, machines (default: build)
		  --refresh            look for newer packages than those fetched

		Output
		  --results DIR        a folder for each run is made in it (default: results)
		  --tap                KTAP of all tests on stdout, everything else on stderr
		  -v, --verbose        every line that the tests print
		  -h, --help           this text

		Environment: KSRC, a kernel source tree to build kvm_util from (default: the
		distribution's source of the tested kernel); CC; WERROR.

		Exit status: 0 all passed or skipped; 1 a test failed; 2 usage or set-up;
		3 the run broke: a test crashed, hung or left out results, the guest panicked,
		the emulator died; 128 + N ended by signal N.
	END
}

parse_options() {
	MODE=run FILTERS=() TARGET='' KERNEL='' MEMORY=512 CPUS=1 JOBS='' TIMEOUT='' RESULTS=$here/results
	CACHE=$here/build SUITE='' VIEW=() EXEC=() ARGUMENTS=() KVM_MODULE='' REFRESH='' AGAIN=(./run.sh)
	while (($#)); do
		case $1 in
		-h | --help) usage && exit 0 ;;
		-v | --verbose) VIEW+=(--verbose) ;;
		--tap) VIEW+=(--tap) ;;
		--list) MODE=list ;;
		--list-kernels) MODE=kernels ;;
		--prepare) MODE=prepare ;;
		--shell) MODE=shell ;;
		--exec)
			MODE='exec'
			EXEC=("${@:2}")
			((${#EXEC[@]})) || die "--exec needs a program: --exec PROG [ARG...]"
			break
			;;
		--no-install) NO_INSTALL=1 ;;
		--refresh) REFRESH=1 ;;
		--) ARGUMENTS=("${@:2}") && break ;;
		-j[0-9]*) JOBS=${1#-j} ;;
		-t | --filter | --target | --kernel | --kvm-module | --memory | --cpus | -j | --timeout | \
			--cache | --results | --suite)
			(($# > 1)) || die "$1 needs a value: see ./run.sh --help"
			set_option "$1" "$2"
			shift
			;;
		--*=*) set_option "${1%%=*}" "${1#*=}" ;;
		*) die "unknown argument: $1 (see ./run.sh --help)" ;;
		esac
		shift
	done
}

set_option() {
	case $1 in
	-t | --filter) FILTERS+=(--filter "$2") ;;
	--target | --kernel | --kvm-module | --memory | --cpus | --timeout | --cache | --suite) AGAIN+=("$1" "$2") ;;&
	--target) TARGET=$2 ;;
	--kernel) KERNEL=$2 ;;
	--kvm-module) KVM_MODULE=$2 ;;
	--memory) MEMORY=$2 ;;
	--cpus) CPUS=$2 ;;
	-j) JOBS=$2 ;;
	--timeout) TIMEOUT=$2 ;;
	--cache) CACHE=$2 ;;
	--results) RESULTS=$2 ;;
	--suite) SUITE=$2 ;;
	*) die "unknown option: $1 (see ./run.sh --help)" ;;
	esac
}

# number NAME VALUE LOW HIGH
number() {
	if ! [[ $2 =~ ^[0-9]{1,6}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
		die "$1 takes a whole number from $3 to $4, not: $2"
	fi
}

check_options() {
	number --memory "$MEMORY" 256 1536
	number --cpus "$CPUS" 1 8
	number -j "${JOBS:=$(nproc)}" 1 64
	[[ -z $TIMEOUT ]] || number --timeout "$TIMEOUT" 1 100000
	[[ -z $KVM_MODULE || -r $KVM_MODULE ]] || die "--kvm-module: cannot read $KVM_MODULE"
	if [[ $MODE == exec ]]; then
		[[ -f ${EXEC[0]} && -r ${EXEC[0]} ]] || die "--exec: there is no program ${EXEC[0]}"
		[[ -x ${EXEC[0]} ]] || die "--exec: ${EXEC[0]} is not executable: chmod +x it"
	fi
	[[ -z $SUITE || -r $SUITE/list ]] ||
		die "--suite: $SUITE holds no list: make it with make install INSTALL_PATH=$SUITE"
	if [[ -n ${KSRC:-} ]]; then
		[[ -r $KSRC/tools/testing/selftests/kvm/include/kvm_util.h ||
			-r $KSRC/tools/testing/selftests/kvm/include/kvm_util_base.h ]] ||
			die "KSRC=$KSRC is no readable kernel source tree (no tools/testing/selftests/kvm):" \
				"unset it to use the distribution's source"
	fi
}

choose_target() {
	if [[ -z $TARGET ]]; then
		TARGET=hercules
		[[ $(uname -m) != s390x || ! -e /dev/kvm ]] || TARGET=native
	fi
	if [[ $TARGET == */* ]]; then
		target=$(readlink -f "$TARGET") || true
	else
		target=$here/targets/$TARGET/target
	fi
	[[ -x ${target:-} ]] || die "--target $TARGET: choose hercules, native, qemu, or the path" \
		"of a program (docs/targets.md)"
	KERNEL=${KERNEL:-$(debian_default_suite)}
}

# target_info KEY: the rest of the line that starts with KEY
target_info() {
	sed -n "s/^$1 //p" <<<"$target_facts"
}

# The kernel tree to build against: that of the tested kernel where it has one
source_tree() {
	local tree

	for tree in "${KSRC:-}" "$KERNEL" "$KERNEL/source"; do
		if [[ -n $tree && -d $tree/tools/testing/selftests/kvm ]]; then
			readlink -f "$tree"
			return
		fi
	done
	if [[ " ${DEBIAN_SUITES[*]} " == *" $KERNEL "* ]]; then
		source_prepare "$KERNEL"
	else
		source_prepare "$(debian_default_suite)"
	fi
}

# build_suite ARCH: builds and installs; prints the folder
build_suite() {
	local arch=$1 tree name cross='' log

	tree=$(source_tree)
	name=$arch-$(basename "$tree")
	[[ $arch == "$(uname -m)" ]] || cross=$arch-linux-gnu-
	log=$CACHE/build-$name.log
	[[ -e $CACHE/suite/$name/list ]] || step "build the suite for $arch against $(basename "$tree")"
	# Plain make takes the default kernel's tree, whichever was tested last
	if [[ $CACHE == "$here/build" && (! -e $here/build/linux-source || ${tree##*/} == linux-$(debian_default_suite)) ]]; then
		ln -sfn "$tree" "$here/build/linux-source"
	fi
	if ! make -s -C "$here" -j "$(nproc)" KSRC="$tree" CROSS_COMPILE="$cross" \
		OUTPUT="$CACHE/out/$name" INSTALL_PATH="$CACHE/suite/$name" install >"$log" 2>&1; then
		tail -n 25 "$log" >&2
		die "the suite does not build against $tree; all of it: $log"
	fi
	printf '%s\n' "$CACHE/suite/$name"
}

# What the families of tests need loaded, NAME[:PARAMETERS] each
family_modules() {
	sed -n 's/^modules=//p' "${SUITE:-$here}"/*/family 2>/dev/null | tr -s ' ' '\n' | sort -u | paste -sd ' '
}

# Everything that has to be there before a test can run; prints shell assignments
prepare_all() {
	local suite='' state

	lock_folder "$CACHE"
	[[ -z $REFRESH ]] || rm -rf "$CACHE"/apt "$CACHE/kernel/$KERNEL" "$CACHE/linux-$KERNEL"
	if [[ $MODE == run || $MODE == list || $MODE == prepare ]]; then
		suite=${SUITE:+$(readlink -f "$SUITE")}
		suite=${suite:-$(build_suite "$(target_info arch)")}
	fi
	if [[ $MODE != list ]]; then
		state=$("$target" prepare)
		printf 'TARGET_STATE=%q\n' "$state"
	fi
	printf 'suite=%q\n' "$suite"
}

# A folder for what this run needs while it lasts; those of killed runs go
make_work_folder() {
	local old all own

	mkdir -p "$CACHE/run"
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
	trap 'rm -rf "$WORK"' EXIT
}

# A folder of its own for this run's results, also if another starts at once
make_results_folder() {
	local base n=1

	base=$RESULTS/$(date +%Y-%m-%dT%H-%M-%S)
	mkdir -p "$RESULTS" 2>/dev/null || die "cannot make the results folder $RESULTS"
	results=$base
	until mkdir "$results" 2>/dev/null; do
		((n < 100)) || die "cannot make a folder in $RESULTS: is it writable, is the disk full?"
		results=$base-$((++n))
	done
}

run_suite() {
	local about=("suite=$(cat "$suite/version" 2>/dev/null || printf unknown)" "target=$TARGET"
		"asked=$(tested_kernel)")

	make_results_folder
	step "run on $TARGET, $(tested_kernel), $JOBS at a time"
	# "exec" keeps the lock on $WORK; the runner removes it. Without its site packages
	# and the user's settings Python is there sooner.
	exec "$PYTHON" -ES "$here/runner/main.py" --target "$target" --suite "$suite" --results "$results" \
		--work "$WORK" --costs "$CACHE/costs.json" --jobs "$JOBS" ${TIMEOUT:+--timeout "$TIMEOUT"} \
		--command "$(quoted "${AGAIN[@]}")" "${FILTERS[@]}" "${VIEW[@]}" \
		"${about[@]/#/--about=}" -- "${ARGUMENTS[@]}"
}

tested_kernel() {
	local release=$CACHE/kernel/$KERNEL/release

	[[ ! -d $KERNEL ]] || release=$CACHE/kernel/from-tree/release
	[[ $KERNEL != *.deb ]] || release=$CACHE/kernel/from-deb/release
	if [[ $(target_info kernels) == yes && -r $release ]]; then
		printf 'Linux %s%s\n' "$(<"$release")" "${KVM_MODULE:+ with $KVM_MODULE}"
	else
		printf "this host's Linux %s\n" "$(uname -r)"
	fi
}

# Words, quoted for any POSIX shell where that is needed
quoted() {
	local word text=()

	for word in "$@"; do
		[[ $word =~ ^[A-Za-z0-9%+,./:=@_-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
		text+=("$word")
	done
	printf '%s' "${text[*]}"
}

# exit_as OUT: pass the job's status on
exit_as() {
	local how='' n=''

	if [[ -s $1/broken ]]; then
		cat "$1/broken" >&2
		exit "$EXIT_BROKEN"
	fi
	if [[ -s $1/skip ]]; then
		die "$(<"$1/skip")"
	fi
	[[ ! -e $1/status ]] || read -r how n <"$1/status"
	case $how in
	exit) exit "$n" ;;
	signal) exit $((128 + n)) ;;
	timeout) die "not finished within $n s" ;;
	*) say "run.sh: the machine left no exit status" && exit "$EXIT_BROKEN" ;;
	esac
}

run_program() {
	local job=$WORK/job

	mkdir -p "$job" "$WORK/out"
	cp "${EXEC[0]}" "$job/program"
	printf 'exec ./program %s\n' "$(quoted "${EXEC[@]:1}")" >"$job/run"
	in_group "$target" run "$job" "$WORK/out" "${TIMEOUT:-0}" || true
	exit_as "$WORK/out"
}

run_shell() {
	local job=$WORK/job size

	mkdir -p "$job" "$WORK/out"
	size=$(stty size 2>/dev/null || printf '24 80')
	cat >"$job/run" <<-END
		stty rows ${size% *} cols ${size#* } 2>/dev/null
		export TERM=${TERM:-vt100} PS1='s390x:\w# '
		exec sh
	END
	step "a shell on $(tested_kernel); \"exit\" ends it"
	"$target" shell "$job" "$WORK/out" 0 || true
	exit_as "$WORK/out"
}

main() {
	local prepared

	parse_options "$@"
	check_options
	choose_target
	mkdir -p "$CACHE" 2>/dev/null || die "cannot make the cache folder $CACHE"
	CACHE=$(cd "$CACHE" && pwd)
	MODULES=$(family_modules || true)
	MODULES=${MODULES:-kvm}
	export CACHE KERNEL MEMORY CPUS KVM_MODULE MODULES NO_INSTALL=${NO_INSTALL:-}
	target_facts=$("$target" info)
	mapfile -t -d ' ' needed < <(printf '%s' "$(target_info packages)")
	packages_need "${needed[@]}"
	PYTHON=$(host_python)
	export PYTHON
	if [[ $MODE == kernels ]]; then
		in_group kernel_list
		exit
	fi
	make_work_folder
	export WORK
	prepared=$WORK/prepared
	in_group prepare_all >"$prepared"
	# shellcheck source=/dev/null # assignments by prepare_all
	. "$prepared"
	export TARGET_STATE=${TARGET_STATE:-}
	case $MODE in
	list) "$PYTHON" -ES "$here/runner/main.py" --suite "$suite" "${FILTERS[@]}" --list ;;
	exec) run_program ;;
	shell) run_shell ;;
	run) run_suite ;;
	esac
}

main "$@"
