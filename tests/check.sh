#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh: the suite's own tests; they need no KVM and no emulator. Installs
# and fetches what they need (see run.sh --no-install). The longest file of tests
# runs beside all others; each one's results come when it has ended. The last line
# counts.
set -euo pipefail
# shellcheck source=tests/parts.sh
. "$(dirname "$(readlink -f "$0")")/parts.sh"

readonly check_packages=(apt bats busybox chromium clang clang-format debian-archive-keyring file gcc gcc-s390x-linux-gnu git
	libc6-dev libc6-dev-s390x-cross libxml2-utils make man-db perl procps python3 python3-yaml
	shellcheck util-linux xz-utils)

# run_file LOGS FILE: keep its TAP, and print it with its name and time
run_file() {
	local log=$1/${2##*/} rc=0

	SECONDS=0
	# make's own variables are not for the makes that the tests run
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS bats --tap "$2" >"$log" 2>&1 || rc=$?
	printf '# %s: %d s\n' "${2##*/}" "$SECONDS" >>"$log"
	((rc == 0)) || touch "$1/failed"
	sed '/^1\.\./d' "$log"
}

# run_files FILE...: the first one beside all others
run_files() {
	local file beside

	run_file "$logs" "$1" &
	beside=$!
	shift
	for file in "$@"; do
		run_file "$logs" "$file"
	done
	wait "$beside"
}

main() {
	local rc=0 files

	packages_need "${check_packages[@]}"
	CACHE=$here/build
	mkdir -p "$CACHE"
	if [[ -z ${KSRC:-} ]]; then
		KSRC=$(source_prepare "$(debian_default_suite)")
		ln -sfn "$KSRC" "$CACHE/linux-source"
	fi
	export KSRC
	logs=$(mktemp -d)
	trap 'rm -rf "$logs"' EXIT
	files=("$here"/tests/build.bats)
	for file in "$here"/tests/*.bats; do
		[[ $file == */build.bats ]] || files+=("$file")
	done
	in_group run_files "${files[@]}"
	[[ ! -e $logs/failed ]] || rc=1
	awk -v rc="$rc" '/^1\.\./ { planned += substr($0, 4) }
		/^not ok / { failed++ } /^ok .*# skip/ { skipped++; next } /^ok / { passed++ }
		END {
			lost = planned - passed - failed - skipped
			if (!planned || lost) print "results are missing:", lost + 0
			printf "%d passed, %d failed, %d skipped\n", passed, failed + (lost != 0), skipped
			exit rc || failed || lost || !planned
		}' "$logs"/*.bats
}

main "$@"
