# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2153,SC2034 # the caller sets here, target ...
#
# The kernel that an emulated machine boots: of a suite, out of packages, of a build
# tree, or an image. Each is kept in a folder that is named by what it is made of and
# never changes, so that runs with different kernels do not meet.
#
# To be sourced after host.sh, packages.sh and debian.sh. Uses $CACHE and $here.

readonly KERNEL_FILES=('./boot/vmlinu*' './usr/lib/modules/*/vmlinu*' '*.ko' '*.ko.xz' '*.ko.gz'
	'*.ko.zst')
# The name of the one that is built here: debug.sh
readonly DEBUG_KERNEL=debug SLOW_KERNEL=10
readonly KERNEL_HINT="(make ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- bzImage modules)"

# checksum FILE...: a name for what they hold
checksum() {
	sha256sum -- "$@" | cut -d ' ' -f 1 | sha256sum | cut -c 1-16
}

# unpack_kernel DIR DEB...: what a machine needs out of kernel packages
unpack_kernel() {
	local dir=$1 deb image release
	shift

	for deb in "$@"; do
		{ dpkg-deb --fsys-tarfile "$deb" || : >"$dir/damaged"; } |
			tar -x -C "$dir" --wildcards "${KERNEL_FILES[@]}" 2>/dev/null || true
		[[ ! -e $dir/damaged ]] || die "$deb is damaged, dpkg-deb cannot read it: fetch it anew"
	done
	image=$(find "$dir" -name 'vmlinu*' -type f -print -quit)
	[[ -n $image ]] || return 1
	release=${image##*/}
	[[ $release == *-* ]] || release=-$(basename "$(dirname "$image")")
	printf '%s\n' "${release#*-}" >"$dir/release"
	mv "$image" "$dir/vmlinuz"
}

# keep_debs DEB...: unpacked, under a name made of all their contents; prints the folder
keep_debs() {
	local dir temp

	dir=$CACHE/kernel/$(checksum "$@")
	drop_damaged "$dir"
	if [[ ! -e $dir/vmlinuz ]]; then
		temp=$(mktemp -d "$CACHE/kernel/.new-XXXXXX")
		chmod 755 "$temp"
		if ! (unpack_kernel "$temp" "$@"); then
			rm -rf "$temp"
			return 1
		fi
		seal "$temp"
		mv -T "$temp" "$dir" 2>/dev/null || rm -rf "$temp"
	fi
	printf '%s\n' "$dir"
}

# keep_image FILE: a copy under its checksum; prints the folder
keep_image() {
	local dir temp

	temp=$(mktemp -d "$CACHE/kernel/.new-XXXXXX")
	chmod 755 "$temp"
	cp "$1" "$temp/vmlinuz"
	dir=$CACHE/kernel/$(checksum "$temp/vmlinuz")
	seal "$temp"
	drop_damaged "$dir"
	mv -T "$temp" "$dir" 2>/dev/null || rm -rf "$temp"
	printf '%s\n' "$dir"
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

# kernel_from_suite SUITE: its name is a link to the kernel that was fetched for it
kernel_from_suite() {
	local suite=$1 link=$CACHE/kernel/$1 temp dir names packages

	[[ ! -L $link ]] || drop_damaged "$(readlink -f "$link")"
	if [[ ! -L $link || ! -e $link/vmlinuz ]]; then
		debian_lists_or_die "$suite" s390x
		names=$(kernel_packages "$suite")
		mapfile -t packages <<<"$names"
		step "fetch the s390x kernel of $suite: ${packages[0]#linux-image-}"
		temp=$(mktemp -d "$CACHE/kernel/.new-XXXXXX")
		debian_fetch "$suite" s390x "$temp" "${packages[@]}"
		dir=$(keep_debs "$temp"/*.deb) ||
			die "the kernel packages of $suite hold no kernel: ${packages[*]}"
		rm -rf "$temp" "$link"
		ln -s "${dir##*/}" "$link"
	fi
	readlink -f "$link"
}

kernel_from_debs() {
	local deb depends arch

	for deb in "$@"; do
		[[ -r $deb ]] || die "--kernel: cannot read $deb"
		arch=$(dpkg-deb -f "$deb" Architecture 2>/dev/null) || die "$deb is no Debian package"
		[[ $arch == s390x ]] || die "$deb is for $arch: an s390x kernel is needed"
	done
	depends=$(dpkg-deb -f "$1" Depends | grep -oE 'linux-(binary|modules)-[^ ,]+' | paste -sd ' ' || true)
	keep_debs "$@" || die "$* holds no kernel (boot/vmlinuz-...): name the linux-image package" \
		"${depends:+and those that it is split over ($depends), each after a --kernel of its own}"
}

# check_config TREE: a kernel that cannot run the machine is told before it boots
check_config() {
	local option missing=() config=$1/.config

	[[ -r $config ]] || return 0
	while read -r option; do
		grep -qE "^$option=[ym]" "$config" || missing+=("$option")
	done < <(sed -n -e '/^# Without/q' -e 's/^\(CONFIG_[A-Z0-9_]*\)=y$/\1/p' \
		"$here/targets/guest/kernel.config")
	((${#missing[@]} == 0)) || die "$config lacks what the machine needs: ${missing[*]}." \
		"targets/guest/kernel.config has it all: scripts/kconfig/merge_config.sh -m .config" \
		"$here/targets/guest/kernel.config, then make olddefconfig and build again"
}

# kernel_from_file IMAGE: its modules are beside it if it lies in a build tree
kernel_from_file() {
	local image=$1 tree=${1%/arch/s390/boot/bzImage} kept

	[[ $(tail -c +65545 "$image" 2>/dev/null | head -c 6 | tr -d '\0') == S390EP ]] ||
		die "--kernel $image is no s390x kernel image: give arch/s390/boot/bzImage, a build" \
			"tree, or .deb files"
	[[ $tree != "$image" ]] || tree=
	[[ -z $tree ]] || check_config "$tree"
	depends "$image" ${tree:+"$tree/.config"}
	kept=$(keep_image "$image")
	printf '%s\t%s\n' "$kept/vmlinuz" "$tree"
}

# kernel_prepare KERNEL: what --kernel was given, one a line; prints the image and the
# folder with its modules, a tab between
kernel_prepare() {
	local kernel dir

	mapfile -t kernel <<<"$1"
	mkdir -p "$CACHE/kernel"
	if [[ " ${DEBIAN_SUITES[*]} " == *" $1 "* ]]; then
		dir=$(locked "kernel-$1" kernel_from_suite "$1")
	elif [[ $1 == "$DEBUG_KERNEL" ]]; then
		dir=$(locked kernel-debug debug_kernel_prepare)
		depends "${DEBUG_CONFIGS[@]}" "$here/targets/debug.sh"
	elif [[ ${kernel[0]} == *.deb ]]; then
		depends "${kernel[@]}"
		dir=$(kernel_from_debs "${kernel[@]}")
	elif ((${#kernel[@]} > 1)); then
		die "--kernel is given more than once: only .deb files of one kernel can be"
	elif [[ -d $1 ]]; then
		[[ -r $1/arch/s390/boot/bzImage ]] || die "$1 has no arch/s390/boot/bzImage: build it" \
			"there first $KERNEL_HINT"
		kernel_from_file "$(readlink -f "$1")/arch/s390/boot/bzImage"
		return
	elif [[ -f $1 ]]; then
		kernel_from_file "$(readlink -f "$1")"
		return
	else
		die "--kernel $1: no such suite (see --list-kernels), folder or file"
	fi
	depends "$dir/vmlinuz"
	printf '%s\t%s\n' "$dir/vmlinuz" "$dir"
}

# kernel_of_series 6.12: the suite that has it; what was fetched before is asked first, and
# releases before what is added to them
kernel_of_series() {
	local suite release releases=(bookworm bookworm-backports trixie sid)

	for suite in "${DEBIAN_SUITES[@]}"; do
		release=$CACHE/kernel/$suite/release
		[[ ! -r $release || $(<"$release") != "$1".* ]] || { printf '%s\n' "$suite" && return; }
	done
	for suite in "${releases[@]}" "${DEBIAN_SUITES[@]}"; do
		(debian_lists "$suite" s390x) || continue
		[[ $(debian_version "$suite" s390x linux-image-s390x) != "$1".* ]] || { printf '%s\n' "$suite" && return; }
	done
	die "--kernel $1: no suite has a kernel of that series (see --list-kernels)"
}

# slowness KERNEL: how many times as long all may take on one that watches itself: the debug
# kernel, a build tree that was configured like it
slowness() {
	if [[ $1 == "$DEBUG_KERNEL" ]] || grep -qsE '^CONFIG_(KASAN|PROVE_LOCKING)=y' "${1%/arch/s390/boot/bzImage}/.config"; then
		printf '%s\n' "$SLOW_KERNEL"
	else
		printf '1\n'
	fi
}

# kernel_list: the names for --kernel; status 2 if an archive did not answer
kernel_list() {
	local suite version state unreachable=0

	printf '%-20s %-24s %s\n' NAME VERSION STATE
	for suite in "${DEBIAN_SUITES[@]}"; do
		state=
		[[ $suite != "$(debian_default_suite)" ]] || state='default '
		[[ ! -e $CACHE/kernel/$suite/release ]] ||
			state+="fetched: $(<"$CACHE/kernel/$suite/release")"
		if (debian_lists "$suite" s390x); then
			version=$(debian_version "$suite" s390x linux-image-s390x)
			version=${version:-(not in the archive)}
		else
			version='(did not answer)' unreachable=$EXIT_USAGE
		fi
		printf '%-20s %-24s %s\n' "$suite" "$version" "$state"
	done
	state='built here, once'
	[[ ! -e $CACHE/kernel/$DEBUG_KERNEL/release ]] || state="built: $(<"$CACHE/kernel/$DEBUG_KERNEL/release")"
	printf '%-20s %-24s %s\n' "$DEBUG_KERNEL" '(of the default)' "$state"
	((!unreachable)) || say "run.sh: some package lists could not be read: see apt's messages above"
	return "$unreachable"
}
