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
for part in host remember packages debian kernel guest source module; do
	# shellcheck source=/dev/null # each is checked by itself
	. "$here/targets/$part.sh"
done

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

main() {
	(($# == 1)) || die "usage: tree.sh KERNEL (a name of ./run.sh --list-kernels)"
	local suite=$1 dir source image headers

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
		headers=$(headers_prepare "$suite" "${image#linux-image-}")
		ln -s "$headers/headers" "$headers/cc" "$dir/"
		external_make "$headers" "$dir/source" "$dir/log" || die "kvm.ko does not build: $dir/log"
		touch "$dir/complete"
	fi
	printf '%s\n' "$dir"
}

main "$@"
