#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# trees.sh: the suite builds with kvm_util of each kernel tree that it is for, with gcc and
# clang, without warnings. 6.12 is what the other tests build with; here are the oldest
# and the newest. Fetches their source. The last line counts.
set -euo pipefail
# shellcheck source=tests/parts.sh
. "$(dirname "$(readlink -f "$0")")/parts.sh"

# builds SUITE TREE CC
builds() {
	local out=$temp/$1-$3 rc=0

	make -s -C "$here" -j "$(nproc)" KSRC="$2" CC="$3" CROSS_COMPILE=s390x-linux-gnu- OUTPUT="$out" &&
		[[ -x $out/memop/walk && -x $out/mem_slot/max_slots ]] || rc=1
	rm -rf "$out"
	return "$rc"
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
		holds "gcc of $suite" builds "$suite" "$tree" gcc
		holds "clang of $suite" builds "$suite" "$tree" clang
	done
	totals
}

main "$@"
