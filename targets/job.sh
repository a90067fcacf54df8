# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2153,SC2034 # the caller sets here, target ...
#
# One program, or a shell, in the machine instead of the tests.
#
# To be sourced after host.sh. Uses what run.sh has set.

readonly EXIT_BROKEN=3

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
	timeout) say "run.sh: not finished within $n s" && exit "$EXIT_BROKEN" ;;
	*) say "run.sh: the machine left no exit status" && exit "$EXIT_BROKEN" ;;
	esac
}

# elf_machine FILE: the architecture of an ELF program, nothing for a script
elf_machine() {
	local head

	head=$(od -An -v -tx1 -N 20 "$1" | tr -d ' \n')
	case $head in
	7f454c460202????????????????????????0016) printf 's390x\n' ;;
	7f454c460201????????????????????????3e00) printf 'x86_64\n' ;;
	7f454c460201????????????????????????b700) printf 'aarch64\n' ;;
	7f454c46*) printf 'of another kind\n' ;;
	esac
}

check_program() {
	local machine arch reader

	arch=$(target_info arch)
	machine=$(elf_machine "$1")
	[[ -z $machine || $machine == "$arch" ]] ||
		die "--exec: $1 is a program for $machine, the machine is $arch: build it with" \
			"$arch-linux-gnu-gcc -static"
	reader=$(command -v readelf || command -v s390x-linux-gnu-readelf || true)
	if [[ -n $machine && -n $reader && $(target_info kernels) == yes ]] &&
		"$reader" -lW "$1" 2>/dev/null | grep -q ' INTERP '; then
		die "--exec: $1 needs shared libraries, which the machine does not have: link it with -static"
	fi
}

run_program() {
	local job=$WORK/job

	check_program "${EXEC[0]}"
	mkdir -p "$job" "$WORK/out"
	cp "${EXEC[0]}" "$job/program"
	printf 'exec ./program %s\n' "$(quoted "${EXEC[@]:1}")" >"$job/run"
	# A terminal is not for a process in the background
	[[ -t 0 ]] || INPUT=0
	in_group "$target" exec "$job" "$WORK/out" "${TIMEOUT:-0}" || true
	exit_as "$WORK/out"
}

run_shell() {
	local job=$WORK/job size shell

	mkdir -p "$job" "$WORK/out"
	size=$(stty size 2>/dev/null || printf '24 80')
	cat >"$job/run" <<-END
		stty rows ${size% *} cols ${size#* } 2>/dev/null
		export TERM=${TERM:-vt100} PS1='$(target_info arch):\w# '
		exec sh
	END
	step "a shell on $(tested); \"exit\", Ctrl-D or Ctrl-] ends it"
	# Beside this script, not below it: a signal to it is passed on at once, and the
	# terminal stays the target's
	"$target" shell "$job" "$WORK/out" "${TIMEOUT:-0}" <&0 &
	shell=$!
	on_signals "end_shell $shell"
	wait "$shell" || true
	on_signals -
	exit_as "$WORK/out"
}

# end_shell PID NUMBER
end_shell() {
	kill -TERM "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
	exit $((128 + $2))
}
