# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# bash: what may follow kvm-s390-memory, or ./run.sh of a checkout.

# The names of the tests, from their sources beside the command
_kvm_s390_memory_tests() {
	local top family test

	top=$(readlink -f "$(command -v "$1")") || return 0
	top=${top%/*}
	for family in "$top"/*/family; do
		for test in "${family%/family}"/*.c; do
			[[ ! -e $test ]] || printf '%s\n' "${test:${#top}+1:-2}"
		done
	done
}

_kvm_s390_memory() {
	local word=$2 before=$3 i

	COMPREPLY=()
	# What follows --exec and -- is another program's
	for ((i = 1; i < COMP_CWORD - 1; i++)); do
		[[ ${COMP_WORDS[i]} != --exec && ${COMP_WORDS[i]} != -- ]] || return 0
	done
	case $before in
	--target)
		mapfile -t COMPREPLY < <(compgen -W 'hercules native qemu' -- "$word" && compgen -f -- "$word")
		;;
	--kernel)
		mapfile -t COMPREPLY < <(compgen -W 'bookworm bookworm-security bookworm-backports trixie
			trixie-security trixie-backports sid debug' -- "$word" && compgen -f -- "$word")
		;;
	--exec | --kvm-module | --vfio-ap-module | --expect)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		;;
	--suite | --cache | --results | --compare | --report)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		;;
	--annotate)
		mapfile -t COMPREPLY < <(compgen -W 'github gitlab' -- "$word")
		;;
	--devices)
		mapfile -t COMPREPLY < <(compgen -W ap -- "$word")
		;;
	-t | --filter)
		mapfile -t COMPREPLY < <(compgen -W "$(_kvm_s390_memory_tests "$1")" -- "$word")
		;;
	--memory | --cpus | -j | --timeout | --keep | --matrix | --soak | --) ;;
	*)
		mapfile -t COMPREPLY < <(compgen -W '-t --filter --exec --shell --suite --list --prepare --clean
			--target --kernel --kvm-module --vfio-ap-module --list-kernels --memory --cpus --devices
			-j --timeout --strict --strict-skips --expect --no-install --cache --keep --refresh
			--matrix --soak --compare --report --doctor --annotate
			--results --tap -v --verbose -h --help --' -- "$word")
		;;
	esac
}

complete -o filenames -F _kvm_s390_memory kvm-s390-memory run.sh ./run.sh
