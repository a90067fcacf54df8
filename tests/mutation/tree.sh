#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tree.sh KERNEL: build kvm.ko of a Debian kernel (a name of --list-kernels) once, unchanged
# and out of tree, from its headers, its source and this host's cross compiler. Prints the
# folder: "source" with the module's own files and objects, "headers" to build in, and
# "cc" to build with: make -C headers/ M=source ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- CC=cc
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
for part in host remember packages debian kernel guest source; do
	# shellcheck source=/dev/null # each is checked by itself
	. "$here/targets/$part.sh"
done

readonly tree_packages=(gcc-s390x-linux-gnu libc6-dev-s390x-cross make xz-utils)

# The objects that make up kvm.ko, in the words of the kernel's own makefiles
write_kbuild() {
	local common=$1/virt/kvm/Makefile.kvm own=$1/arch/s390/kvm/Makefile

	# shellcheck disable=SC2016 # make expands them
	{
		sed 's|^KVM ?=.*|KVM ?= virt/kvm|' "$common"
		sed -E -e '/^include/d' -e '/^ccflags-y/d' -e 's/(^|[ \t])([a-z0-9-]+\.o)/\1arch\/s390\/kvm\/\2/g' \
			-e 's|arch/s390/kvm/kvm\.o|kvm.o|; s|^obj-.*|obj-m += kvm.o|' "$own"
		printf 'ccflags-y := -I$(src)/virt/kvm -I$(src)/arch/s390/kvm\n'
	} >"$1/Kbuild"
}

fetch_headers() {
	local suite=$1 dir=$2 release=$3 version=${3%-s390x} package tools

	debian_fetch "$suite" s390x "$dir/deb" "linux-headers-$release" "linux-headers-$version-common"
	debian_lists "$suite" amd64
	tools=$(dpkg-deb -f "$dir/deb/linux-headers-${release}_"*.deb Depends |
		grep -o 'linux-kbuild-[^ ,(]*')
	debian_fetch "$suite" amd64 "$dir/deb" "$tools"
	for package in "$dir"/deb/*.deb; do
		dpkg-deb -x "$package" "$dir/root"
	done
	rm -r "$dir/deb"
	ln -s "root/usr/src/linux-headers-$release" "$dir/headers"
	# Type information of the whole kernel is of no use here, and needs a tool of its own
	rm -f "$dir/headers/vmlinux"
}

# The kernel may have been configured for a compiler and a C library newer than this host's
write_tools() {
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
	modpost=$(readlink -f "$dir/headers/scripts/mod/modpost")
	if [[ $("$modpost.real-msb-64" </dev/null 2>&1) == *GLIBC_*"not found"* ]]; then
		debian_fetch "$suite" amd64 "$dir/libc" libc6
		dpkg-deb -x "$dir"/libc/libc6_*.deb "$dir/libc"
		libraries=$dir/libc/usr/lib/x86_64-linux-gnu
		rm "$modpost"
		printf '#!/bin/sh\nexec %s/ld-linux-x86-64.so.2 --library-path %s %s.real-msb-64 "$@"\n' \
			"$libraries" "$libraries" "$modpost" >"$modpost"
		chmod +x "$modpost"
	fi
}

build_module() {
	local dir=$1

	sed -i "s%\(include \|KBUILD_OUTPUT=\)/usr%\1$dir/root/usr%" "$dir/headers/Makefile"
	make -s -j "$(nproc)" -C "$dir/headers/" M="$dir/source" ARCH=s390 \
		CROSS_COMPILE=s390x-linux-gnu- CC="$dir/cc" modules >"$dir/log" 2>&1 ||
		{ tail -n 20 "$dir/log" >&2; die "kvm.ko does not build: $dir/log"; }
}

main() {
	(($# == 1)) || die "usage: tree.sh KERNEL (a name of ./run.sh --list-kernels)"
	local suite=$1 dir source image

	packages_need "${tree_packages[@]}"
	CACHE=${CACHE:-$here/build}
	dir=$CACHE/kvm-module/$suite
	if [[ ! -e $dir/complete ]]; then
		source=$(source_prepare "$suite")
		debian_lists "$suite" s390x
		image=$(kernel_packages "$suite" | head -n 1)
		step "build kvm.ko of $suite once, unchanged"
		rm -rf "$dir"
		mkdir -p "$dir/source/arch/s390" "$dir/source/virt"
		cp -a "$source/arch/s390/kvm" "$dir/source/arch/s390/"
		cp -a "$source/virt/kvm" "$dir/source/virt/"
		write_kbuild "$dir/source"
		fetch_headers "$suite" "$dir" "${image#linux-image-}"
		write_tools "$suite" "$dir"
		build_module "$dir"
		touch "$dir/complete"
	fi
	printf '%s\n' "$dir"
}

main "$@"
