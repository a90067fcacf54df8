# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2153,SC2034 # the caller sets here, target ...
#
# Modules of a Debian kernel that its makers leave out: built unchanged from its own source,
# out of tree, against its headers and with this host's cross compiler. What is built is
# kept under a checksum of all that went into it.
#
# To be sourced after host.sh, packages.sh, debian.sh, kernel.sh, guest.sh, source.sh and
# remember.sh. Uses $CACHE and $here.

readonly MODULE_PACKAGES=(binutils-s390x-linux-gnu gcc-s390x-linux-gnu libc6-dev-s390x-cross make xz-utils)
# Those that can be built, in an order in which one may need another: the folder in the source
readonly MODULES_LEFT_OUT=(vfio:drivers/vfio vfio_iommu_type1:drivers/vfio mdev:drivers/vfio/mdev
	vfio_ap:drivers/s390/crypto)

# headers_prepare SUITE RELEASE: what external modules of the kernel RELEASE are built with, kept in
# the folder that it prints: "headers" to build in, "cc" to build with
headers_prepare() {
	packages_need "${MODULE_PACKAGES[@]}"
	locked "headers-$2" headers_fetch "$1" "$2"
}

headers_fetch() {
	local suite=$1 release=$2 dir=$CACHE/headers/$2

	if [[ ! -e $dir/headers ]]; then
		debian_lists_or_die "$suite" s390x
		step "fetch the headers of $release"
		fresh_folder "$dir"
		headers_unpack "$suite" "$release" "$dir.new"
		headers_tools "$suite" "$dir.new"
		# The links of Debian's makefiles are those of an installed system
		sed -i "s%\(include \|KBUILD_OUTPUT=\)/usr%\1$dir/root/usr%" \
			"$dir.new/root/usr/src/linux-headers-$release/Makefile"
		ln -s "root/usr/src/linux-headers-$release" "$dir.new/headers"
		keep_folder "$dir"
	fi
	printf '%s\n' "$dir"
}

headers_unpack() {
	local suite=$1 release=$2 dir=$3 version=${2%-s390x} package tools host

	host=$(dpkg --print-architecture)
	debian_fetch "$suite" s390x "$dir/deb" "linux-headers-$release" "linux-headers-$version-common"
	debian_lists_or_die "$suite" "$host"
	tools=$(dpkg-deb -f "$dir/deb/linux-headers-${release}_"*.deb Depends |
		grep -o 'linux-kbuild-[^ ,(]*')
	debian_fetch "$suite" "$host" "$dir/deb" "$tools"
	for package in "$dir"/deb/*.deb; do
		dpkg-deb -x "$package" "$dir/root"
	done
	rm -r "$dir/deb"
	# Type information of the whole kernel is of no use here, and needs a tool of its own
	rm -f "$dir/root/usr/src/linux-headers-$release/vmlinux"
}

# The kernel may have been configured for a compiler and a C library newer than this host's
headers_tools() {
	local suite=$1 dir=$2 modpost libraries

	cat >"$dir/cc" <<-'END'
		#!/usr/bin/env bash
		# This host's compiler, without options that it does not know
		known=(-fno-stack-protector)
		for option; do
			case $option in
			-fmin-function-alignment=* | -mstack-protector-guard* | -fstack-protector*) ;;
			*) known+=("$option") ;;
			esac
		done
		exec s390x-linux-gnu-gcc "${known[@]}"
	END
	chmod +x "$dir/cc"
	for modpost in "$dir"/root/usr/lib/linux-kbuild-*/scripts/mod/modpost; do
		[[ $("$modpost.real-msb-64" </dev/null 2>&1) == *GLIBC_*"not found"* ]] || continue
		debian_fetch "$suite" amd64 "$dir/libc" libc6
		dpkg-deb -x "$dir"/libc/libc6_*.deb "$dir/libc"
		libraries=usr/lib/x86_64-linux-gnu
		rm "$modpost"
		# shellcheck disable=SC2016 # for that script
		{
			printf '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\n'
			printf 'lib=$here/../../../../../../libc/%s\n' "$libraries"
			printf 'exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$here/modpost.real-msb-64" "$@"\n'
		} >"$modpost"
		chmod +x "$modpost"
	done
}

# external_make HEADERS SOURCE LOG [WORD...]: build the external modules in SOURCE
external_make() {
	local headers=$1 source=$2 log=$3
	shift 3

	make -s -j "$(nproc)" -C "$headers/headers/" M="$source" ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- \
		CC="$headers/cc" "$@" modules >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		return 1
	}
}

# left_out FOLDER: those modules that the tests need, that the kernel in FOLDER lacks, and that can be built
left_out() {
	local pair name module wanted

	for pair in "${MODULES_LEFT_OUT[@]}"; do
		name=${pair%%:*} wanted=
		for module in $MODULES; do [[ ${module%%:*} != "$name" ]] || wanted=1; done
		[[ -z $wanted || -n $(find "$1" \( -name "$name.ko*" -o -name "${name//_/-}.ko*" \) -print -quit) ]] ||
			printf '%s\n' "$pair"
	done
}

# objects_of NAME MAKEFILE: those of a module, none where it is its one object
objects_of() {
	sed -e ':join' -e '/\\$/N; s/\\\n//; tjoin' "$2" | sed -nE "s/^$1-(y|objs)[ \t]*[:+]?=//p" |
		grep -oE '[a-z0-9_]+\.o' || true
}

# write_external DIR SOURCE SYMBOLS PAIR...: copies what makes up these modules, with a makefile
# of the objects that the kernel's own names; SYMBOLS has what that kernel exports
write_external() {
	local dir=$1 source=$2 symbols=$3 pair name folder objects object
	shift 3

	for pair in "$@"; do
		name=${pair%%:*} folder=$source/${pair#*:}
		mapfile -t objects < <(objects_of "$name" "$folder/Makefile")
		printf 'obj-m += %s.o\n' "$name" >>"$dir/Kbuild"
		if ((${#objects[@]})); then
			printf '%s-y := %s\n' "$name" "${objects[*]}" >>"$dir/Kbuild"
		else
			objects=("$name.o")
		fi
		cp "$folder"/*.h "$dir/"
		for object in "${objects[@]}"; do
			cp "$folder/${object%.o}.c" "$dir/"
		done
	done
	if grep -qs kvm_s390_is_gpa_in_memslot "$dir/vfio_ap_ops.c" && ! grep -q kvm_s390_is_gpa_in_memslot "$symbols"; then
		cp "$here/targets/modules/vfio_ap_memslot.c" "$dir/"
		printf 'vfio_ap-y += vfio_ap_memslot.o\n' >>"$dir/Kbuild"
	fi
}

# modules_prepare KERNEL FOLDER: builds what the kernel KERNEL, which lies in FOLDER, lacks; prints
# the folder with it, nothing if nothing can or must be built
modules_prepare() {
	local suite=$1 release pairs source headers temp dir

	mapfile -t pairs < <(left_out "$2")
	[[ ${#pairs[@]} -gt 0 && " ${DEBIAN_SUITES[*]} " == *" $suite "* ]] || return 0
	release=$(<"$2/release")
	source=$(source_prepare "$suite" drivers/s390/crypto/Makefile)
	headers=$(headers_prepare "$suite" "$release")
	depends "$headers/cc" "$source/Makefile" "$here/targets/modules"
	temp=$(mktemp -d "$WORK/modules-XXXXXX")
	write_external "$temp" "$source" "$headers/headers/Module.symvers" "${pairs[@]}"
	dir=$CACHE/modules/$({ cat "$temp"/*.[ch] "$temp/Kbuild" "$headers/cc" && printf '%s\n' "$release" && "$headers/cc" --version; } |
		sha256sum | cut -c 1-16)
	locked "modules-${dir##*/}" modules_build "$dir" "$temp" "$headers" "${pairs[@]%%:*}"
	depends "$dir"
	printf '%s\n' "$dir"
}

modules_build() {
	local dir=$1 temp=$2 headers=$3 name
	shift 3

	[[ ! -d $dir ]] || return 0
	step "build what the kernel lacks: $*"
	mkdir -p "$CACHE/modules" "$CACHE/log" "$temp/made/source"
	# For who wants to change them
	cp "$temp"/*.[ch] "$temp/Kbuild" "$temp/made/source/"
	external_make "$headers" "$temp" "$CACHE/log/modules.log" ||
		die "what the kernel lacks does not build: $CACHE/log/modules.log"
	for name; do
		s390x-linux-gnu-strip --strip-debug -o "$temp/made/$name.ko" "$temp/$name.ko"
	done
	mv -T "$temp/made" "$dir"
}
