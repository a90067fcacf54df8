# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2153,SC2034 # the caller sets here, target ...
#
# The debug kernel: the default kernel's source with all of the kernel's own checks (KASAN,
# lockdep, UBSAN, kmemleak and others), in a small configuration, built here once. It is kept
# as every kernel is, under a checksum; kernel/debug is a link to it, and linux-debug is the
# tree, in which modules for it can be built.
#
# To be sourced after host.sh, packages.sh, debian.sh, kernel.sh, source.sh and remember.sh.
# Uses $CACHE and $here.

readonly DEBUG_PACKAGES=(bc binutils-s390x-linux-gnu bison flex gcc gcc-s390x-linux-gnu libc6-dev make perl xz-utils)
readonly DEBUG_CONFIGS=("$here"/targets/guest/{kernel,debug}.config)
# Consistency checks and red zones, but not who allocated each object: KASAN keeps that
readonly DEBUG_PARAMETERS=slab_debug=FZ
# Folders whose code no such kernel has
readonly DEBUG_LEFT_OUT=(drivers/{gpu,net,media,staging,infiniband,scsi,usb,iio,hid,mtd} sound
	arch/{arm,arm64,mips,powerpc,riscv,x86})

# debug_key: a name for all that the kernel is made of, but for the release of its source
debug_key() {
	{
		cat "${DEBUG_CONFIGS[@]}" "$here/targets/debug.sh"
		s390x-linux-gnu-gcc -dumpfullversion
	} | sha256sum | cut -c 1-16
}

# debug_kernel_prepare: prints the folder with image and modules
debug_kernel_prepare() {
	local link=$CACHE/kernel/$DEBUG_KERNEL key

	packages_need "${DEBUG_PACKAGES[@]}"
	key=$(debug_key)
	[[ ! -L $link ]] || drop_damaged "$(readlink -f "$link")"
	if [[ ! -e $link/vmlinuz || $(<"$link/key") != "$key" ]]; then
		debug_source
		step "build the debug kernel (twenty minutes on two CPUs, once)"
		patiently "the debug kernel builds" debug_build "$key"
	fi
	readlink -f "$link"
}

# Makefiles and Kconfig files stay, "make" reads them all
debug_source() {
	local dir=$CACHE/linux-$DEBUG_KERNEL left_out

	[[ ! -e $dir/Makefile ]] || return 0
	left_out=("${DEBUG_LEFT_OUT[@]/#/--exclude=linux-source-*/}")
	source_unpack "$(debian_default_suite)" "$dir" --wildcards-match-slash "${left_out[@]/%//*.[chS]}"
}

# debug_make LOG WORD...: as little in the way of others as can be
debug_make() {
	local log=$1
	shift

	logged "$log" nice -n 10 make -s -C "$CACHE/linux-$DEBUG_KERNEL" -j "$(nproc)" ARCH=s390 \
		CROSS_COMPILE=s390x-linux-gnu- KBUILD_BUILD_TIMESTAMP='1970-01-01' "$@"
}

# debug_configure TREE: every option of both files has to be what they say
debug_configure() {
	local tree=$1 log=$CACHE/log/debug-config.log line missing=()

	debug_make "$log" allnoconfig || die "the debug kernel cannot be configured: $log"
	(cd "$tree" && ARCH=s390 scripts/kconfig/merge_config.sh -m .config "${DEBUG_CONFIGS[@]}") >>"$log" 2>&1 ||
		die "the debug kernel cannot be configured: $log"
	debug_make "$log" olddefconfig || die "the debug kernel cannot be configured: $log"
	while read -r line; do
		grep -q "^${line%%=*}=[ym0-9\"]" "$tree/.config" || missing+=("${line%%=*}")
	done < <(grep -h '^CONFIG_' "${DEBUG_CONFIGS[@]}")
	((!${#missing[@]})) || die "this source has no ${missing[*]}, which the debug kernel is to have"
}

# debug_build KEY: and keep it. What an ended one has compiled is not compiled again.
debug_build() {
	local tree=$CACHE/linux-$DEBUG_KERNEL log=$CACHE/log/debug-build.log temp dir module

	mkdir -p "$CACHE/log"
	debug_configure "$tree"
	debug_make "$log" bzImage modules ||
		die "the debug kernel does not build; the last lines of $log: $(tail -n 5 "$log")"
	temp=$(mktemp -d "$CACHE/kernel/.new-XXXXXX")
	chmod 755 "$temp"
	cp "$tree/arch/s390/boot/bzImage" "$temp/vmlinuz"
	# Those of an earlier configuration lie there too
	while read -r module; do cp "$tree/${module%.o}.ko" "$temp/"; done <"$tree/modules.order"
	cp "$tree/.config" "$temp/config"
	cat "$tree/include/config/kernel.release" >"$temp/release"
	printf '%s\n' "$DEBUG_PARAMETERS" >"$temp/parameters"
	printf '%s\n' "$1" >"$temp/key"
	seal "$temp"
	dir=$CACHE/kernel/$(checksum "$temp/vmlinuz" "$temp/key")
	rm -rf "$dir"
	mv -T "$temp" "$dir"
	ln -sfn "${dir##*/}" "$CACHE/kernel/$DEBUG_KERNEL"
	# Objects are three quarters of the tree; what modules are built with stays
	debug_make "$log" clean
}
