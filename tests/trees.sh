#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# trees.sh: the suite builds with kvm_util of each kernel tree that it is for, with gcc and
# clang, without warnings. 6.12 is what the other tests build with; here are the oldest
# and the newest. Fetches their source. The last line counts.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
for part in host remember packages debian kernel guest source; do
	# shellcheck source=/dev/null # each is checked by itself
	. "$here/targets/$part.sh"
done

passed=0 failed=0 skipped=0

# try SUITE TREE CC
try() {
	local out=$temp/$1-$3

	if make -s -C "$here" -j "$(nproc)" KSRC="$2" CC="$3" CROSS_COMPILE=s390x-linux-gnu- OUTPUT="$out" &&
		[[ -x $out/memop/walk && -x $out/mem_slot/max_slots ]]; then
		printf 'ok %s of %s\n' "$3" "$1"
		passed=$((passed + 1))
	else
		printf 'not ok %s of %s\n' "$3" "$1"
		failed=$((failed + 1))
	fi
	rm -rf "$out"
}

main() {
	local suite tree

	CACHE=$here/build
	mkdir -p "$CACHE"
	packages_need clang gcc-s390x-linux-gnu libc6-dev-s390x-cross make
	temp=$(mktemp -d)
	trap 'rm -rf "$temp"' EXIT
	for suite in bookworm sid; do
		if ! tree=$(source_prepare "$suite"); then
			printf 'skipped: no source of %s came, see above\n' "$suite"
			skipped=$((skipped + 2))
			continue
		fi
		try "$suite" "$tree" gcc
		try "$suite" "$tree" clang
	done
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	((failed == 0))
}

main "$@"
