# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What an emulated machine boots: a kernel (a suite's, a .deb, a build tree), a
# static busybox, the initial file system; and the kernel source that the suite
# builds against.
#
# To be sourced after host.sh and debian.sh. Uses $CACHE, $here (the root of this
# project) and $MODULES (what the tests need loaded, NAME[:PARAMETERS] each).

readonly KERNEL_FILES=('./boot/vmlinu*' './usr/lib/modules/*/vmlinu*' '*/kvm.ko*' '*/dasd_mod.ko*'
	'*/dasd_fba_mod.ko*' '*/virtio*.ko*')
readonly SOURCE_PARTS_LEFT_OUT=(drivers sound fs net samples security crypto
	arch/alpha arch/arc arch/arm arch/csky arch/hexagon arch/loongarch arch/m68k
	arch/microblaze arch/mips arch/nios2 arch/openrisc arch/parisc arch/powerpc arch/riscv
	arch/sh arch/sparc arch/um arch/xtensa)

# fresh_folder DIR: an empty DIR.new, to be moved to DIR when it is complete
fresh_folder() {
	rm -rf "$1.new"
	mkdir -p "$1.new"
}

keep_folder() {
	rm -rf "$1"
	mv "$1.new" "$1"
}

# unpack_kernel DIR DEB...: what the machine needs out of kernel packages
unpack_kernel() {
	local dir=$1 deb image
	shift

	for deb in "$@"; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$dir" --wildcards "${KERNEL_FILES[@]}" 2>/dev/null || true
	done
	image=$(find "$dir" -name 'vmlinu*' -type f -print -quit)
	[[ -n $image ]] || return 1
	mv "$image" "$dir/vmlinuz"
}

# kernel_packages SUITE: the packages that make up its default s390x kernel
kernel_packages() {
	local suite=$1 image release

	image=$(debian_depends "$suite" s390x linux-image-s390x | awk '/^linux-image-/ && !n++')
	[[ -n $image ]] || die "$suite has no s390x kernel: see ./run.sh --list-kernels"
	release=${image#linux-image-}
	printf '%s\n' "$image"
	debian_depends "$suite" s390x "$image" |
		grep -E "^linux-(binary|modules)-${release//+/\\+}\$" || true
}

kernel_from_suite() {
	local suite=$1 dir=$CACHE/kernel/$1 names packages

	[[ -e $dir/vmlinuz ]] && return
	debian_lists "$suite" s390x
	names=$(kernel_packages "$suite")
	mapfile -t packages <<<"$names"
	step "fetch the s390x kernel of $suite: ${packages[0]#linux-image-}"
	fresh_folder "$dir"
	debian_fetch "$suite" s390x "$dir.new/deb" "${packages[@]}"
	unpack_kernel "$dir.new" "$dir.new"/deb/*.deb ||
		die "the kernel packages of $suite hold no kernel: ${packages[*]}"
	rm -rf "$dir.new/deb"
	printf '%s\n' "${packages[0]#linux-image-}" >"$dir.new/release"
	keep_folder "$dir"
}

kernel_from_deb() {
	local deb=$1 dir=$CACHE/kernel/from-deb

	dpkg-deb -f "$deb" Architecture >/dev/null 2>&1 || die "$deb is no Debian package"
	[[ $(dpkg-deb -f "$deb" Architecture) == s390x ]] ||
		die "$deb is for $(dpkg-deb -f "$deb" Architecture): an s390x kernel is needed"
	fresh_folder "$dir"
	unpack_kernel "$dir.new" "$deb" ||
		die "$deb holds no kernel (boot/vmlinuz-...): name the linux-image package"
	dpkg-deb -f "$deb" Package >"$dir.new/release"
	keep_folder "$dir"
}

kernel_from_tree() {
	local tree=$1 dir=$CACHE/kernel/from-tree image=$1/arch/s390/boot/bzImage module

	[[ -r $image ]] || die "$tree has no arch/s390/boot/bzImage: build it there first" \
		"(make ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- bzImage modules)"
	fresh_folder "$dir"
	cp "$image" "$dir.new/vmlinuz"
	for module in arch/s390/kvm/kvm drivers/s390/block/dasd_mod drivers/s390/block/dasd_fba_mod \
		drivers/s390/virtio/virtio_ccw drivers/block/virtio_blk; do
		[[ -r $tree/$module.ko ]] && cp "$tree/$module.ko" "$dir.new/"
	done
	cat "$tree/include/config/kernel.release" >"$dir.new/release" 2>/dev/null ||
		printf '%s\n' "$tree" >"$dir.new/release"
	keep_folder "$dir"
}

# kernel_prepare KERNEL: a suite's name, a .deb or a build tree; prints the
# folder with vmlinuz, modules and a file release
kernel_prepare() {
	local kernel=$1

	mkdir -p "$CACHE/kernel"
	if [[ -d $kernel && $kernel == */* ]]; then
		kernel_from_tree "$kernel" >&2
		printf '%s\n' "$CACHE/kernel/from-tree"
	elif [[ $kernel == *.deb ]]; then
		[[ -r $kernel ]] || die "cannot read $kernel"
		kernel_from_deb "$kernel" >&2
		printf '%s\n' "$CACHE/kernel/from-deb"
	elif [[ " ${DEBIAN_SUITES[*]} " == *" $kernel "* ]]; then
		kernel_from_suite "$kernel" >&2
		printf '%s\n' "$CACHE/kernel/$kernel"
	else
		die "--kernel $kernel: no such suite (see --list-kernels), folder or .deb file"
	fi
}

kernel_list() {
	local suite version state

	printf '%-20s %-24s %s\n' NAME VERSION STATE
	for suite in "${DEBIAN_SUITES[@]}"; do
		version=$( (debian_lists "$suite" s390x && debian_version "$suite" s390x linux-image-s390x) \
			2>/dev/null) || version=
		state=
		[[ $suite != "$(debian_default_suite)" ]] || state='default '
		[[ -e $CACHE/kernel/$suite/vmlinuz ]] && state+="fetched: $(<"$CACHE/kernel/$suite/release")"
		printf '%-20s %-24s %s\n' "$suite" "${version:-(not in the archive)}" "$state"
	done
}

# busybox_prepare: a static s390x busybox; prints its path
busybox_prepare() {
	local dir=$CACHE/busybox suite

	if [[ ! -x $dir/bin/busybox ]]; then
		suite=$(debian_default_suite)
		suite=${suite%-backports}
		debian_lists "$suite" s390x
		step "fetch a static s390x busybox"
		fresh_folder "$dir"
		debian_fetch "$suite" s390x "$dir.new/deb" busybox-static
		dpkg-deb -x "$dir.new"/deb/*.deb "$dir.new"
		rm -rf "$dir.new/deb"
		if [[ ! -e $dir.new/bin/busybox ]]; then
			mkdir -p "$dir.new/bin"
			mv "$dir.new/usr/bin/busybox" "$dir.new/bin/"
		fi
		keep_folder "$dir"
	fi
	printf '%s\n' "$dir/bin/busybox"
}

# initrd_prepare KERNEL-DIR DISKS [KVM-MODULE]: prints the path of the image
initrd_prepare() {
	local kernel=$1 disks=$2 kvm=${3:-} init=$CACHE/guest/init image cc=s390x-linux-gnu-gcc
	local sources=("$here"/targets/guest/{init,chan}.c) module modules=()

	[[ $(uname -m) == s390x ]] && cc=gcc
	image=$kernel/initrd-$disks
	for module in $MODULES; do modules+=(--module "$module"); done
	mkdir -p "$CACHE/guest"
	if [[ ! -e $init || -n $(find "$here/targets/guest" -name '*.[ch]' -newer "$init") ]]; then
		"$cc" -O2 -Wall -Wextra -static -o "$init.new" "${sources[@]}" -lutil
		mv "$init.new" "$init"
	fi
	if [[ ! -e $image || $init -nt $image || $kernel/vmlinuz -nt $image ||
		$here/targets/guest/mkinitrd.py -nt $image || -n $kvm || -e $image-kvm ||
		$MODULES != "$(cat "$image-modules" 2>/dev/null)" ]]; then
		"$PYTHON" "$here/targets/guest/mkinitrd.py" --init "$init" \
			--busybox "$(busybox_prepare)" --modules "$kernel" --disks "$disks" \
			--strip "${cc%gcc}strip" "${modules[@]}" ${kvm:+--kvm "$kvm"} "$image.new" >&2 ||
			die "the machine's initial file system could not be made"
		mv "$image.new" "$image"
		printf '%s\n' "$MODULES" >"$image-modules"
		if [[ -n $kvm ]]; then touch "$image-kvm"; else rm -f "$image-kvm"; fi
	fi
	printf '%s\n' "$image"
}

# source_prepare SUITE: the kernel source of SUITE, what the suite needs of it;
# prints its folder
source_prepare() {
	local suite=$1 dir=$CACHE/linux-$1 package exclude=() part

	if [[ ! -e $dir/Makefile ]]; then
		packages_need xz-utils
		debian_lists "$suite" s390x
		package=$(debian_depends "$suite" s390x linux-source | awk '/^linux-source-/ && !n++')
		[[ -n $package ]] || die "$suite has no kernel source: give KSRC=, a kernel tree"
		step "fetch $package of $suite"
		fresh_folder "$dir"
		debian_fetch "$suite" s390x "$dir.new/deb" "$package"
		for part in "${SOURCE_PARTS_LEFT_OUT[@]}"; do
			exclude+=("--exclude=linux-source-*/$part")
		done
		dpkg-deb --fsys-tarfile "$dir.new"/deb/*.deb |
			tar -xO "./usr/src/$package.tar.xz" |
			tar -xJ -C "$dir.new" --strip-components=1 --no-wildcards-match-slash "${exclude[@]}"
		rm -rf "$dir.new/deb"
		keep_folder "$dir"
	fi
	printf '%s\n' "$dir"
}
