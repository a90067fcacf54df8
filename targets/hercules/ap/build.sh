#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh EMULATOR OUTFILE: build the module that gives the emulator in the folder EMULATOR
# (as ../build.sh made it) crypto cards. OUTFILE appears only when it is complete. With
# SANITIZE=1 in the environment it is built with AddressSanitizer, as the emulator has to be, and
# UndefinedBehaviorSanitizer; with SANITIZE_AP=1 with the latter alone, for the emulator as it always is. What
# either finds ends the emulator.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)

main() {
	(($# == 2)) || { printf 'usage: build.sh EMULATOR OUTFILE\n' >&2 && exit 2; }
	local flags=(-std=gnu99 -fcommon -O2 -fno-strict-aliasing -Wall -Wno-unused -Wno-address)

	[[ -z ${SANITIZE:-}${SANITIZE_AP:-} ]] || flags+=(-fsanitize=undefined -fno-sanitize-recover=undefined -g)
	[[ -z ${SANITIZE:-} ]] || flags+=(-fsanitize=address -fno-omit-frame-pointer)
	gcc -shared -fPIC "${flags[@]}" -DHAVE_CONFIG_H -I"$1/include" -o "$2.new" \
		"$here"/*.c
	mv "$2.new" "$2"
}

main "$@"
