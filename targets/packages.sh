# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Packages that this host must have. Where there is no dpkg and --no-install is
# given, they are taken to be there: what is missing says so when it is used.
#
# To be sourced after host.sh.

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
	if ! command -v dpkg-query >/dev/null; then
		[[ -z ${NO_INSTALL:-} ]] || return 0
		die "this host is not Debian: install what these packages hold by hand, then use" \
			"--no-install: $*"
	fi
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
