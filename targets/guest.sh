# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2153,SC2034 # the caller sets here, target ...
#
# What an emulated machine runs beside the kernel: process 1, a static busybox, and
# the initial file system with both and the modules that the tests need.
#
# To be sourced after host.sh, packages.sh and debian.sh. Uses $CACHE, $here (the root of this
# project) and $MODULES (what the tests need loaded, NAME[:PARAMETERS] each).

# fresh_folder DIR: an empty DIR.new, to be moved to DIR when it is complete
fresh_folder() {
	rm -rf "$1.new"
	mkdir -p "$1.new"
}

keep_folder() {
	rm -rf "$1"
	mv "$1.new" "$1"
}

# busybox_prepare: a static s390x busybox; prints its path
busybox_prepare() {
	local dir=$CACHE/busybox suite

	drop_damaged "$dir"
	if [[ ! -x $dir/bin/busybox ]]; then
		suite=$(debian_default_suite)
		suite=${suite%-backports}
		debian_lists_or_die "$suite" s390x
		step "fetch a static s390x busybox"
		fresh_folder "$dir"
		debian_fetch "$suite" s390x "$dir.new/deb" busybox-static
		dpkg-deb -x "$dir.new"/deb/*.deb "$dir.new"
		rm -rf "$dir.new/deb"
		if [[ ! -e $dir.new/bin/busybox ]]; then
			mkdir -p "$dir.new/bin"
			mv "$dir.new/usr/bin/busybox" "$dir.new/bin/"
		fi
		seal "$dir.new"
		keep_folder "$dir"
	fi
	printf '%s\n' "$dir/bin/busybox"
}

guest_compiler() {
	if [[ $(uname -m) == s390x ]]; then printf 'gcc\n'; else printf 's390x-linux-gnu-gcc\n'; fi
}

# init_prepare: process 1, kept under a checksum of its sources; prints its path
init_prepare() {
	local cc dir temp

	cc=$(guest_compiler)
	dir=$CACHE/guest/$(checksum "$here"/targets/guest/*.[ch] "$(command -v "$cc")")
	drop_damaged "$dir"
	if [[ ! -x $dir/init ]]; then
		mkdir -p "$CACHE/guest"
		temp=$(mktemp -d "$CACHE/guest/.new-XXXXXX")
		"$cc" -O2 -Wall -Wextra -static -o "$temp/init" "$here"/targets/guest/*.c -lutil >&2 ||
			die "the machine's process 1 does not build with $cc"
		seal "$temp"
		mv -T "$temp" "$dir" 2>/dev/null || rm -rf "$temp"
	fi
	printf '%s\n' "$dir/init"
}

# boot_parameters FOLDER: what kernel parameters make of MODULES' parameters, for what is built
# into the kernel, and what the kernel in FOLDER wants besides
boot_parameters() {
	local module words=()

	[[ ! -r $1/parameters ]] || words+=("$(<"$1/parameters")")
	for module in $MODULES; do
		[[ $module != *:* ]] || words+=("${module%%:*}.${module#*:}")
	done
	printf '%s\n' "${words[*]}"
}

# initrd_prepare DISKS [FOLDER...]: prints the path of the image; of the folders with modules
# the first is the kernel's own
initrd_prepare() {
	local disks=$1 folders=() folder init busybox cc module modules=() used

	init=$(init_prepare)
	busybox=$(locked busybox busybox_prepare)
	cc=$(guest_compiler)
	shift
	for folder; do [[ -z $folder ]] || folders+=(--modules "$folder"); done
	for module in $MODULES; do modules+=(--module "$module"); done
	mkdir -p "$CACHE/initrd"
	depends "$here/targets/guest" "$(command -v "$cc")" ${KVM_MODULE:+"$KVM_MODULE"} \
		${VFIO_AP_MODULE:+"$VFIO_AP_MODULE"}
	used=$(mktemp "$WORK/used-XXXXXX")
	"$PYTHON" "$here/targets/guest/mkinitrd.py" --init "$init" --busybox "$busybox" \
		"${folders[@]}" --disks "$disks" --devices "${DEVICES:-}" --strip "${cc%gcc}strip" "${modules[@]}" \
		${KVM_MODULE:+--given kvm="$KVM_MODULE"} ${VFIO_AP_MODULE:+--given vfio_ap="$VFIO_AP_MODULE"} --used "$used" "$CACHE/initrd" ||
		die "the machine's initial file system could not be made"
	mapfile -t modules <"$used"
	depends "${modules[@]}"
}
