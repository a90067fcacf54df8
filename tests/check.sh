#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh: the suite's own tests; they need no KVM and no emulator. Installs
# and fetches what they need (see run.sh --no-install). The last line counts.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
for part in host remember packages debian kernel guest source; do
	# shellcheck source=/dev/null # each is checked by itself
	. "$here/targets/$part.sh"
done

readonly check_packages=(apt bats busybox clang clang-format debian-archive-keyring file gcc gcc-s390x-linux-gnu git libc6-dev
	libc6-dev-s390x-cross make procps python3 shellcheck util-linux xz-utils)

main() {
	local log rc=0

	packages_need "${check_packages[@]}"
	CACHE=$here/build
	mkdir -p "$CACHE"
	if [[ -z ${KSRC:-} ]]; then
		KSRC=$(source_prepare "$(debian_default_suite)")
		ln -sfn "$KSRC" "$CACHE/linux-source"
	fi
	export KSRC
	log=$(mktemp)
	# shellcheck disable=SC2064 # the name is known now
	trap "rm -f '$log'" EXIT
	# make's own variables are not for the makes that the tests run
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS bats --tap "$here"/tests/*.bats | tee "$log" || rc=$?
	awk -v rc="$rc" '/^1\.\./ { planned = substr($0, 4) }
		/^not ok / { failed++ } /^ok .*# skip/ { skipped++; next } /^ok / { passed++ }
		END {
			lost = planned - passed - failed - skipped
			if (!planned || lost) print "results are missing:", lost + 0
			printf "%d passed, %d failed, %d skipped\n", passed, failed + (lost != 0), skipped
			exit rc || failed || lost || !planned
		}' "$log"
}

main "$@"
