# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script of this project says and needs of the host: messages, exit
# codes, child processes that die with their parent, Debian packages.
#
# To be sourced; the caller has "set -euo pipefail".

readonly EXIT_USAGE=2

say() {
	printf '%s\n' "$*" >&2
}

# step TEXT...: one line of progress
step() {
	say "==> $*"
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

# in_group CMD...: run CMD in a process group of its own and wait for it, so
# that an interrupt ends CMD and all that it started before this script goes
in_group() {
	local group rc=0

	set -m
	"$@" </dev/null &
	group=$!
	set +m
	# shellcheck disable=SC2064 # the group is known now
	trap "kill -TERM -- -$group 2>/dev/null; wait $group 2>/dev/null || true; exit 130" INT
	# shellcheck disable=SC2064
	trap "kill -TERM -- -$group 2>/dev/null; wait $group 2>/dev/null || true; exit 143" TERM HUP
	wait "$group" || rc=$?
	trap - INT TERM HUP
	return "$rc"
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

packages_missing() {
	local p

	for p in "$@"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] ||
			printf '%s\n' "$p"
	done
}

# packages_need PACKAGE...: install what is missing. With NO_INSTALL set, or
# where there is no way to become root, say what to type instead.
packages_need() {
	local missing sudo=() log

	(($#)) || return 0
	command -v dpkg-query >/dev/null ||
		die "this host is not Debian: install what these packages hold by hand, then use" \
			"--no-install: $*"
	# One query for the usual case, in which nothing is missing
	if [[ $(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null |
		grep -cx installed) -ge $# ]]; then
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]})) || return 0

	if ((EUID)); then
		if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
			sudo=(sudo)
		else
			NO_INSTALL=1
		fi
	fi
	if [[ -n ${NO_INSTALL:-} ]]; then
		die "packages are missing; as root, type: apt-get install ${missing[*]}"
	fi
	step "install ${missing[*]}"
	log=$(mktemp)
	if ! { retry 3 "${sudo[@]}" apt-get -qq update &&
		retry 2 "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
			apt-get -qq -y --no-install-recommends install "${missing[@]}"; } >"$log" 2>&1; then
		tail -n 15 "$log" >&2
		rm -f "$log"
		die "apt-get could not install: ${missing[*]}"
	fi
	rm -f "$log"
}

# lock_folder DIR: wait until no one else holds DIR. The lock is on the folder
# itself and goes with this (sub)shell, so nothing stays behind.
lock_folder() {
	local fd

	exec {fd}<"$1"
	flock -n "$fd" && return
	say "... waiting for another run that prepares $1"
	flock "$fd"
}
