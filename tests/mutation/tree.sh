#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tree.sh KERNEL [kvm|vfio_ap]: build kvm.ko or vfio_ap.ko of a Debian kernel (a name of --list-kernels)
# once, unchanged and out of tree, from its headers, its source and this host's cross compiler. Prints the
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

# What the build of a module takes: FOLDER gets its files and a makefile
write_kvm() {
	mkdir -p "$1/arch/s390" "$1/virt"
	cp -a "$2/arch/s390/kvm" "$1/arch/s390/"
	cp -a "$2/virt/kvm" "$1/virt/"
	write_kbuild "$1"
}

# With what exports to vfio_ap.ko: mdev.ko, and all of vfio where the kernel lacks it, as 6.1 does
write_vfio_ap() {
	local symbols=$3/headers/Module.symvers pairs=(mdev:drivers/vfio/mdev vfio_ap:drivers/s390/crypto)

	grep -qw vfio_pin_pages "$symbols" || pairs=("${MODULES_LEFT_OUT[@]}")
	write_external "$1" "$2" "$symbols" "${pairs[@]}"
}

main() {
	(($# == 1 || $# == 2)) || die "usage: tree.sh KERNEL (a name of ./run.sh --list-kernels) [kvm|vfio_ap]"
	local suite=$1 module=${2:-kvm} dir source image headers

	[[ $module == kvm || $module == vfio_ap ]] || die "tree.sh builds kvm or vfio_ap, not: $module"
	CACHE=${CACHE:-$here/build}
	dir=$CACHE/${module//_/-}-module/$suite
	if [[ ! -e $dir/complete ]]; then
		source=$(source_prepare "$suite" drivers/s390/crypto/Makefile)
		debian_lists "$suite" s390x
		image=$(kernel_packages "$suite" | head -n 1)
		step "build $module.ko of $suite once, unchanged"
		rm -rf "$dir"
		mkdir -p "$dir/source"
		headers=$(headers_prepare "$suite" "${image#linux-image-}")
		"write_$module" "$dir/source" "$source" "$headers"
		ln -s "$headers/headers" "$headers/cc" "$dir/"
		external_make "$headers" "$dir/source" "$dir/log" || die "$module.ko does not build: $dir/log"
		touch "$dir/complete"
	fi
	printf '%s\n' "$dir"
}

main "$@"
