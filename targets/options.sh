# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run.sh uses what is set here, and sets here
#
# The words that ./run.sh takes: read, and refused with what to do about it.
#
# To be sourced after host.sh.

# What was installed by a package keeps nothing beside itself, and installs nothing
installed_defaults() {
	me=./run.sh
	[[ -r $here/installed ]] || return 0
	me=kvm-s390-memory NO_INSTALL=1 AGAIN=(kvm-s390-memory)
	CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/$me
	RESULTS=${XDG_STATE_HOME:-${HOME:-/root}/.local/state}/$me/results
}

usage() {
	cat <<-END
		usage: $me [OPTION...] [-- ARGUMENT-FOR-EACH-TEST...]

		Runs the conformance suite for guest memory under KVM on s390. Without options:
		installs, fetches and builds what is missing, boots an emulated s390x machine
		(once), runs every test in it, and reports.

		What to run
		  -t, --filter GLOB    only tests whose name matches, e.g. -t 'memop/absolute*'
		                       (may be repeated; --list shows the names)
		  --exec PROG [ARG...] run a static s390x program in the machine instead; its
		                       output and exit status are passed on, and what is piped
		                       into run.sh goes to its standard input
		  --shell              a prompt in the machine; "exit", Ctrl-D or Ctrl-] ends it
		  --suite DIR          run this installed suite (make install) and build nothing
		  --list               the names of the tests
		  --matrix A,B,...     run on several kernels side by side (each as for --kernel), and
		                       show a table of them and what differs
		  --soak MINUTES       walks and fuzzers (or the tests of -t) about so long, from a seed
		                       that no soak of this cache had, and beside each of them others
		                       that are stopped and killed all the time
		  --prepare            set up, build and boot, but run nothing
		  --clean              what the cache keeps, how big, since when; removes what was
		                       not used for a month and what is beyond --keep
		                       (make clean removes what make built, not the cache)

		Where
		  --target NAME        hercules  the emulated machine, on any x86-64 host
		                       native    this host's own /dev/kvm
		                       qemu      a QEMU guest (KVM in it needs an s390x host)
		                       a path    a program of yours, see docs/targets.md
		                       default: native on s390x with /dev/kvm, else hercules
		  --kernel WHAT        the kernel that is tested: a name from --list-kernels or its
		                       series (6.12), debug (the default kernel with KASAN, lockdep
		                       and others, built here once), a kernel build tree (a folder),
		                       its bzImage, or a linux-image .deb (repeat it where a kernel is
		                       split over several packages)
		  --kvm-module FILE    this kvm.ko in place of the kernel's own
		  --vfio-ap-module FILE  this vfio_ap.ko in place of the kernel's own
		  --list-kernels       the names for --kernel, with versions
		  --memory MIB         memory of the machine (default: what each family says)
		  --cpus N             CPUs of the machine (default: what each test needs)
		  --devices ap         a machine with crypto cards (default: what each test needs)

		How
		  -j N                 tests side by side (default: this host's CPUs; 1
		                       where the target is one machine: native)
		  --timeout SECONDS    for each test, instead of its family's
		  --strict             known faults of released kernels are failures
		  --strict-skips       a skip that expected/ or --expect does not name is a failure
		  --expect FILE        lines that are expected to fail or to be skipped, beside those of
		                       expected/ (docs/expected.md); may be repeated
		  --no-install         install nothing with apt: say what is missing
		  --cache DIR          for downloads, builds, machines (default: build)
		  --keep GIB           the most that the cache may hold (default: 8)
		  --refresh            look for newer packages than those fetched

		Reports of runs that ended (a run: its folder, or its name below --results)
		  --compare A B        what is worse, better or other in run B; status 1 if worse
		  --report RUN         its report.html and junit.xml anew
		  --doctor             what this host can run, why not the rest, and what would help

		Output
		  --annotate FORM      failures for a code host: github (on stdout) or gitlab (a file
		                       codequality.json in the folder of the run)
		  --results DIR        a folder for each run is made in it (default: results)
		  --tap                KTAP of all tests on stdout, everything else on stderr
		  -v, --verbose        every line that the tests print
		  -h, --help           this text

		Environment: KSRC, a kernel source tree to build kvm_util from (default: the
		distribution's source of the tested kernel); CC; WERROR.

		Exit status: 0 nothing failed; 1 a test failed; 2 usage or set-up; 3 the run
		broke: a test crashed, hung or left out results, the guest panicked, the
		emulator died; 4 every test was skipped; 128 + N ended by signal N.
	END
}

parse_options() {
	MODE=run FILTERS=() TARGET='' KERNEL='' MEMORY='' CPUS='' DEVICES='' JOBS='' TIMEOUT='' RESULTS=$here/results
	CACHE=$here/build SUITE='' VIEW=() EXEC=() MATRIX='' MATRIX_WORDS=() COMPARED=() REPORTED=''
	ARGUMENTS=() KVM_MODULE='' VFIO_AP_MODULE='' REFRESH='' KEEP=8 SOAK='' AGAIN=(./run.sh)
	installed_defaults
	while (($#)); do
		case $1 in
		-h | --help) usage && exit 0 ;;
		-v | --verbose) VIEW+=(--verbose) ;;
		--tap) VIEW+=(--tap) ;;
		--strict | --strict-skips) VIEW+=("$1") MATRIX_WORDS+=("$1") ;;
		--doctor) MODE=doctor ;;
		--compare)
			(($# > 2)) || die "--compare needs two runs: --compare A B, each the folder of a run"
			MODE=compare COMPARED=("$2" "$3")
			shift 2
			;;
		--list) MODE=list ;;
		--list-kernels) MODE=kernels ;;
		--prepare) MODE=prepare ;;
		--clean) MODE=clean ;;
		--shell) MODE=shell ;;
		--exec)
			MODE='exec'
			EXEC=("${@:2}")
			((${#EXEC[@]})) || die "--exec needs a program: --exec PROG [ARG...]"
			break
			;;
		--no-install) NO_INSTALL=1 MATRIX_WORDS+=("$1") ;;
		--refresh) REFRESH=1 ;;
		--) ARGUMENTS=("${@:2}") && break ;;
		-j[0-9]*) JOBS=${1#-j} ;;
		-t | --filter | --target | --kernel | --kvm-module | --vfio-ap-module | --memory | --cpus | --devices | -j | \
			--timeout | --cache | --results | --suite | --keep | --matrix | --report | --expect | --annotate | --soak)
			(($# > 1)) || die "$1 needs a value: see $me --help"
			set_option "$1" "$2"
			shift
			;;
		--*=*) set_option "${1%%=*}" "${1#*=}" ;;
		*) die "unknown argument: $1 (see $me --help)" ;;
		esac
		shift
	done
}

set_option() {
	[[ -n $2 ]] || die "$1 needs a value, not an empty one (an empty variable?): leave it out" \
		"for the default"
	case $1 in
	--target | --kernel | --kvm-module | --vfio-ap-module | --memory | --cpus | --devices | --timeout | --cache | \
		--suite | --expect) AGAIN+=("$1" "$2") ;;&
	-t | --filter | --target | --kvm-module | --vfio-ap-module | --memory | --cpus | --devices | --timeout | \
		--cache | --suite | --keep | --expect | --annotate) MATRIX_WORDS+=("$1" "$2") ;;&
	-t | --filter) FILTERS+=(--filter "$2") ;;
	--target) TARGET=$2 ;;
	--kernel) KERNEL+=${KERNEL:+$'\n'}$2 ;;
	--kvm-module) KVM_MODULE=$2 ;;
	--vfio-ap-module) VFIO_AP_MODULE=$2 ;;
	--memory) MEMORY=$2 ;;
	--cpus) CPUS=$2 ;;
	--devices) DEVICES=$2 ;;
	-j) JOBS=$2 ;;
	--timeout) TIMEOUT=$2 ;;
	--cache) CACHE=$2 ;;
	--results) RESULTS=$2 ;;
	--suite) SUITE=$2 ;;
	--keep) KEEP=$2 ;;
	--matrix) MODE=matrix MATRIX=$2 ;;
	--soak) SOAK=$2 ;;
	--report) MODE=report REPORTED=$2 ;;
	--expect) VIEW+=(--expect "$(readlink -f "$2")") ;;
	--annotate) VIEW+=(--annotate "$2") ;;
	*) die "unknown option: $1 (see $me --help)" ;;
	esac
}

# number NAME VALUE LOW HIGH
number() {
	if ! [[ $2 =~ ^[0-9]{1,6}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
		die "$1 takes a whole number from $3 to $4, not: $2"
	fi
}

check_options() {
	[[ -z $MEMORY ]] || number --memory "$MEMORY" 256 1536
	[[ -z $CPUS ]] || number --cpus "$CPUS" 1 8
	[[ -z $DEVICES || $DEVICES == ap ]] || die "--devices takes ap, not: $DEVICES"
	[[ -z $JOBS ]] || number -j "$JOBS" 1 64
	number --keep "$KEEP" 1 1000
	[[ -z $MATRIX || -z $KERNEL ]] || die "--matrix names the kernels: leave --kernel out"
	[[ -z $MATRIX || " ${VIEW[*]} " != *" --tap "* ]] || die "--matrix shows a table: --tap is of one kernel"
	[[ -z $SOAK ]] || number --soak "$SOAK" 1 100000
	[[ -z $SOAK || $MODE == run ]] || die "--soak is a run of its own: leave the other option out"
	[[ -z $SOAK || ${#ARGUMENTS[@]} == 0 ]] || die "--soak has arguments of its own for the tests: leave -- out"
	[[ -z $TIMEOUT ]] || number --timeout "$TIMEOUT" 1 100000
	[[ -z $KVM_MODULE || -r $KVM_MODULE ]] || die "--kvm-module: cannot read $KVM_MODULE"
	[[ -z $KVM_MODULE ]] || KVM_MODULE=$(readlink -f "$KVM_MODULE")
	[[ -z $VFIO_AP_MODULE || -r $VFIO_AP_MODULE ]] || die "--vfio-ap-module: cannot read $VFIO_AP_MODULE"
	[[ -z $VFIO_AP_MODULE ]] || VFIO_AP_MODULE=$(readlink -f "$VFIO_AP_MODULE")
	if [[ $MODE == exec ]]; then
		[[ -f ${EXEC[0]} && -r ${EXEC[0]} ]] || die "--exec: there is no program ${EXEC[0]}"
		[[ -x ${EXEC[0]} ]] || die "--exec: ${EXEC[0]} is not executable: chmod +x it"
	fi
	[[ -z $SUITE || -r $SUITE/list ]] ||
		die "--suite: $SUITE holds no list: make it with make install INSTALL_PATH=$SUITE"
	check_source
}

check_source() {
	[[ -n ${KSRC:-} ]] || return 0
	[[ -r $KSRC/tools/testing/selftests/kvm/include/kvm_util.h ||
		-r $KSRC/tools/testing/selftests/kvm/include/kvm_util_base.h ]] ||
		die "KSRC=$KSRC is no readable kernel source tree (no tools/testing/selftests/kvm):" \
			"unset it to use the distribution's source"
}

# check_taken: refuse what the target does not take, as its info says. It would run on
# something else than what was asked for.
check_taken() {
	local option taken
	taken=" $(target_info takes) "

	for option in kernel:"$KERNEL" module:"$KVM_MODULE$VFIO_AP_MODULE" memory:"$MEMORY" cpus:"$CPUS" \
		devices:"$DEVICES"; do
		[[ -z ${option#*:} || $taken == *" ${option%%:*} "* ]] || refuse "${option%%:*}"
	done
	[[ $MODE != exec && $MODE != shell || $taken == *" $MODE "* ]] || refuse "$MODE"
}

# Beside each other in one kernel, tests would find each other's memory and log
choose_jobs() {
	if [[ -n $JOBS ]]; then
		return
	elif [[ $(target_info machines) == one ]]; then
		JOBS=1
	else
		JOBS=$(nproc)
	fi
}

refuse() {
	local option=$1

	if [[ $option == module ]]; then
		[[ -n $KVM_MODULE ]] && option=kvm-module || option=vfio-ap-module
	fi
	die "--target $TARGET does not take --$option$(refusal_reason "$1"): leave it out, or take" \
		"--target hercules"
}

refusal_reason() {
	[[ $TARGET != native ]] || case $1 in
	kernel | module) printf '%s' ", it runs on this host's Linux $(uname -r) as it is" ;;
	memory | cpus | devices) printf '%s' ', it is this very host' ;;
	shell) printf '%s' ', you are there already' ;;
	esac
}

# A path with a blank is nothing that make can work in
check_cache() {
	[[ $CACHE != *[[:space:]]* ]] ||
		die "the cache folder $CACHE has a blank in its name, which make cannot cope with:" \
			"give --cache DIR without one"
	[[ -d $CACHE ]] || mkdir -p "$CACHE" 2>/dev/null || die "cannot make the cache folder $CACHE: give --cache DIR"
	CACHE=$(cd "$CACHE" && pwd)
	[[ -w $CACHE && (! -e $CACHE/run || -w $CACHE/run) && (! -e $CACHE/lock || -w $CACHE/lock) ]] ||
		die "you may not write to the cache folder $CACHE, which is $(stat -c %U "$CACHE")'s:" \
			"give --cache DIR, a folder of yours"
}
