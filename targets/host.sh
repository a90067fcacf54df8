# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script of this project says and needs of the host: messages, exit
# codes, child processes that die with their parent, locks.
#
# To be sourced; the caller has "set -euo pipefail".

readonly EXIT_USAGE=2

# In a terminal a long one is broken at blanks, and indented where it goes on.
say() {
	local text=$* line width=0

	((${#text} < 80)) || [[ ! -t 2 ]] || read -r _ width < <(stty size <&2 2>/dev/null) || true
	while ((width >= 40 && ${#text} > width)); do
		line=${text:0:width+1}
		[[ ${line:4} == *' '* ]] || break
		line=${line% *}
		printf '%s\n' "$line" >&2
		text="    ${text:${#line}+1}"
	done
	printf '%s\n' "$text" >&2
}

# step TEXT...: one line of progress
step() {
	say "==> $*"
}

# moment STEP: that STEP is done, in the file MOMENTS, for tests/evidence/bench.sh
moment() {
	[[ -z ${MOMENTS:-} ]] || printf '%s %s\n' "$EPOCHREALTIME" "$1" >>"$MOMENTS"
}

# die TEXT...: a usage or set-up error; the text says what to do about it
die() {
	say "${0##*/}: $*"
	exit "$EXIT_USAGE"
}

# Python from Debian, not from a user's shim: the suite promises 3.11 and no more
host_python() {
	local p

	for p in /usr/bin/python3 "$(command -v python3 || true)"; do
		[[ -n $p && -x $p ]] || continue
		"$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
			printf '%s\n' "$p" && return
	done
	die "no python3 of version 3.11 or later: apt-get install python3"
}

# in_group CMD...: run CMD in a process group of its own and wait for it, so that a
# signal ends CMD and all that it started before this script goes. If this script is
# killed outright, CMD's group ends too: its guard sees the pipe close. INPUT is a
# descriptor for CMD to read from, if it is to read at all. Not to be called in a
# condition if CMD is a function: a failure within it would go unnoticed. ON_SIGNALS is what
# a signal does after it, as for on_signals.
in_group() {
	local group rc=0 life null

	exec {life}<> <(:) {null}</dev/null
	set -m
	guarded "$life" "$@" <&"${INPUT:-$null}" &
	group=$!
	set +m
	on_signals "end_group $group"
	wait "$group" || rc=$?
	on_signals "${ON_SIGNALS:--}"
	exec {life}>&- {null}>&-
	return "$rc"
}

guarded() {
	local life=$1 mine
	shift

	exec {mine}</dev/fd/"$life" {life}>&-
	(read -r -u "$mine" _ || kill -TERM 0) &
	# shellcheck disable=SC2064 # the guard is known now
	trap "kill $! 2>/dev/null" EXIT
	exec {mine}>&-
	# Plainly: after "||" a failure within it would go unnoticed
	"$@"
}

# on_signals CMD: CMD NUMBER on a signal that ends this script; "-" for no more. Who was
# started to ignore hang-ups (nohup) goes on doing so: a shell cannot trap those.
on_signals() {
	local name

	for name in HUP:1 INT:2 TERM:15; do
		# shellcheck disable=SC2064 # the command is known now
		if [[ $1 == - ]]; then trap - "${name%:*}"; else trap "$1 ${name#*:}" "${name%:*}"; fi
	done
}

# leave NUMBER: end as one whom a signal ended
leave() {
	exit $((128 + $1))
}

# logged FILE CMD...: CMD with all that it says in FILE
logged() {
	local log=$1
	shift

	"$@" >"$log" 2>&1
}

# end_group GROUP NUMBER
end_group() {
	kill -TERM -- "-$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
	exit $((128 + $2))
}

# retry N CMD...: archives are in the middle of an update now and then
retry() {
	local n=$1 i
	shift

	for ((i = 1; i < n; i++)); do
		"$@" && return
		say "... trying again ($((i + 1)) of $n)"
		sleep "$i"
	done
	"$@"
}

# locked NAME CMD...: run CMD while no one else does so under the same NAME in this
# cache. The lock goes with the process that holds it, so a killed one leaves none, and
# what CMD leaves behind does not hold it. CMD is the last that runs, so that it fails
# here as it would by itself.
locked() (
	name=$1
	shift
	mkdir -p "$CACHE/lock" || die "cannot write to the cache folder $CACHE: give --cache DIR"
	exec {fd}>"$CACHE/lock/$name"
	if ! flock -n "$fd"; then
		say "... waiting for another run: $name"
		flock "$fd"
	fi
	"$@" {fd}>&-
)

# patiently TEXT CMD...: CMD with a sign of life each quarter of a minute
patiently() {
	local text=$1 job rc=0 clock
	shift

	"$@" &
	job=$!
	(while sleep 15 && kill -0 "$job" 2>/dev/null; do say "... $text, $SECONDS s"; done) &
	clock=$!
	wait "$job" || rc=$?
	kill "$clock" 2>/dev/null || true
	return "$rc"
}
