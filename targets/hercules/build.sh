#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh TARBALL OUTDIR: build Hercules from its upstream tarball with the
# patches beside this script; OUTDIR/bin/hercules then runs from anywhere, and what is
# loaded into it is built with OUTDIR/include.
# OUTDIR appears only when it is complete. With SANITIZE=1 in the environment it
# is built with AddressSanitizer.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)

fail() {
	printf 'build.sh: %s\n' "$*" >&2
	[[ ! -e ${log:-} ]] || tail -n 15 "$log" >&2
	exit 2
}

# The code is of 2015: later compilers refuse by default what it relies on
flags() {
	printf '%s' '-std=gnu99 -fcommon -w -Wno-error'
	[[ -z ${SANITIZE:-} ]] || printf '%s' ' -fsanitize=address -fno-omit-frame-pointer -g'
}

unpack() {
	tar -xzf "$1" -C "$2" --strip-components=1 ||
		fail "$1 is no readable source archive: remove it and run again to fetch it anew"
	for patch in "$here"/patches/*.patch; do
		patch -d "$2" -p1 --fuzz=0 --silent --no-backup-if-mismatch <"$patch" ||
			fail "${patch##*/} does not apply"
	done
}

compile() {
	local part goals

	mkdir "$1/b"
	cd "$1/b"
	# libtool looks for a C++ preprocessor, which nothing of this needs
	CXXCPP='gcc -E -x c' CFLAGS="$(flags)" LDFLAGS="${SANITIZE:+-fsanitize=address}" ../configure \
		--enable-optimization="-O2" --disable-external-gui --disable-nls >"$log" 2>&1 ||
		fail "configure failed"
	for part in decNumber softfloat .; do
		goals=()
		[[ $part != . ]] || goals=(hercules)
		make -j "$(nproc)" -C "$part" "${goals[@]}" >>"$log" 2>&1 ||
			fail "the build failed"
	done
}

# collect BUILD OUT: the program and its libraries, found relative to each other
collect() {
	mkdir -p "$2/bin" "$2/lib" "$2/include"
	cp "$1"/../*.h "$1/config.h" "$2/include/"
	cp -a "$1"/.libs/libherc*.so "$1"/decNumber/.libs/*.so "$1"/softfloat/.libs/*.so "$2/lib/"
	cp "$1/.libs/hercules" "$2/bin/hercules.bin"
	cat >"$2/bin/hercules" <<-'END'
		#!/bin/sh
		d=$(dirname "$(readlink -f "$0")")
		LD_LIBRARY_PATH=$d/../lib exec "$d/hercules.bin" "$@"
	END
	chmod +x "$2/bin/hercules"
}

main() {
	(($# == 2)) || fail "usage: build.sh TARBALL OUTDIR"
	local temp

	mkdir -p "$(dirname "$2")"
	out=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
	temp=$(mktemp -d "$out.new-XXXXXX")
	# shellcheck disable=SC2064 # the folder is known now
	trap "rm -rf '$temp'" EXIT
	log=$temp/build.log
	mkdir "$temp/source" "$temp/tree"
	unpack "$(readlink -f "$1")" "$temp/source"
	(compile "$temp/source")
	collect "$temp/source/b" "$temp/tree"
	rm -rf "$out"
	mv "$temp/tree" "$out"
}

main "$@"
