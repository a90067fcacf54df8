# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2153,SC2034 # the caller sets here, target ...
#
# The kernel source that the suite builds against, and the suite built with it.
#
# To be sourced after host.sh, packages.sh, debian.sh, guest.sh and remember.sh. Uses
# $CACHE and $here.

# Of drivers all but s390 and vfio
readonly SOURCE_PARTS_LEFT_OUT=('drivers/[!sv]*' 'drivers/s[!3]*' 'drivers/v[!f]*' sound fs net samples security crypto
	arch/alpha arch/arc arch/arm arch/csky arch/hexagon arch/loongarch arch/m68k
	arch/microblaze arch/mips arch/nios2 arch/openrisc arch/parisc arch/powerpc arch/riscv
	arch/sh arch/sparc arch/um arch/xtensa)

# source_prepare SUITE [FILE]: the kernel source of SUITE, what the suite needs of it; prints its
# folder. One that an earlier version of this fetched may lack FILE: then it is fetched again.
source_prepare() {
	locked "source-$1" source_fetch "$@"
}

source_fetch() {
	local suite=$1 dir=$CACHE/linux-$1

	[[ -e $dir/Makefile && -e $dir/${2:-Makefile} ]] ||
		source_unpack "$suite" "$dir" --no-wildcards-match-slash "${SOURCE_PARTS_LEFT_OUT[@]/#/--exclude=linux-source-*/}"
	printf '%s\n' "$dir"
}

# source_unpack SUITE DIR TAR-OPTION...: the kernel source of SUITE into DIR, as tar is told
source_unpack() {
	local suite=$1 dir=$2 package
	shift 2

	packages_need xz-utils
	debian_lists_or_die "$suite" s390x
	package=$(debian_depends "$suite" s390x linux-source | awk '/^linux-source-/ && !n++')
	[[ -n $package ]] || die "$suite has no kernel source: give KSRC=, a kernel tree"
	step "fetch $package of $suite"
	fresh_folder "$dir"
	debian_fetch "$suite" s390x "$dir.new/deb" "$package"
	dpkg-deb --fsys-tarfile "$dir.new"/deb/*.deb |
		tar -xO "./usr/src/$package.tar.xz" |
		tar -xJ -C "$dir.new" --strip-components=1 "$@"
	rm -rf "$dir.new/deb"
	keep_folder "$dir"
}

# source_tree KERNEL: the kernel tree to build against: that of the tested kernel where it has one
source_tree() {
	local tree

	for tree in "${KSRC:-}" "$1" "$1/source" "${1%/arch/s390/boot/bzImage}"; do
		if [[ -n $tree && -d $tree/tools/testing/selftests/kvm ]]; then
			readlink -f "$tree"
			return
		fi
	done
	if [[ " ${DEBIAN_SUITES[*]} " == *" $1 "* && $1 != *-security ]]; then
		source_prepare "$1"
	else
		source_prepare "$(debian_default_suite)"
	fi
}

# What a change of which makes the suite be built anew
suite_sources() {
	local tree=$1 family git

	printf '%s\n' "$here"/{Makefile,lib,include,runner,tests/walks,expected,COPYING}
	for family in "$here"/*/family; do printf '%s\n' "${family%/family}"; done
	git=$(git -C "$here" rev-parse --absolute-git-dir 2>/dev/null) && printf '%s\n' "$git/logs/HEAD"
	if [[ $tree == "$CACHE"/* ]]; then
		printf '%s\n' "$tree/Makefile"
	else
		printf '%s\n' "$tree"/{Makefile,tools/testing/selftests/kvm,tools/testing/selftests/kselftest.h} \
			"$tree"/{tools/include,include/uapi/linux/kvm.h,arch/s390/include/uapi/asm}
	fi
}

# The suite that a package brought, for a target that takes no kernel: it knows which tree it is of
installed_suite() {
	local suite

	[[ -r $here/installed && -z ${KSRC:-} && $(target_info kernels) != yes ]] || return 0
	suite=$(readlink -f "$here/$(<"$here/installed")") || return 0
	! grep -qsx "machine $(target_info arch)" "$suite/version" || printf '%s\n' "$suite"
}

# build_suite ARCH KERNEL: builds and installs; prints the folder
build_suite() {
	local arch=$1 tree name cross='' compiler

	if recall suite "$arch" "$2" "${KSRC:-}" "${CC:-}" "${WERROR:-}"; then
		include_step "$memo"
		printf '%s\n' "$REPLY"
		return
	fi
	tree=$(source_tree "$2")
	name=$arch-$(basename "$tree")
	# What another checkout builds in this cache depends on its sources, and goes with them
	[[ $CACHE == "$here/build" ]] || name+=-$(cksum <<<"$here" | cut -d ' ' -f 1)
	[[ $arch == "$(uname -m)" ]] || cross=$arch-linux-gnu-
	# Plain make takes the default kernel's tree, whichever was tested last
	if [[ $CACHE == "$here/build" && (! -e $here/build/linux-source || ${tree##*/} == linux-$(debian_default_suite)) ]]; then
		ln -sfn "$tree" "$here/build/linux-source"
	fi
	compiler=$(command -v "$cross${CC:-gcc}" || command -v "${CC:-gcc}" || true)
	locked "suite-$name" remember suite "$arch" "$2" "${KSRC:-}" "${CC:-}" "${WERROR:-}" \
		-- make_suite "$name" "$tree" "$cross" "$compiler"
}

# make_suite NAME TREE CROSS COMPILER: what remember() keeps; prints the folder. It is
# named by what it holds: a build that comes later does not change a suite that runs.
# Programs for another machine go there without their symbols: each start waits for them.
make_suite() {
	local name=$1 tree=$2 sources log=$CACHE/log/build-$1.log made=$CACHE/out/$1/installed suite

	mkdir -p "$CACHE/log" "$CACHE/suite"
	step "build the suite for ${name%%-*} against $(basename "$tree")"
	mapfile -t sources < <(suite_sources "$tree")
	depends "${sources[@]}" ${4:+"$4"}
	if ! patiently "it builds" logged "$log" make -s -C "$here" -j "$(nproc)" KSRC="$tree" CROSS_COMPILE="$3" \
		OUTPUT="$CACHE/out/$name" INSTALL_PATH="$made" ${3:+STRIP=1} install; then
		grep -E 'error|Error' "$log" | head -n 25 >&2 || tail -n 25 "$log" >&2
		die "the suite does not build against $tree; all of it: $log"
	fi
	suite=$(cd "$made" && find . -type f ! -name '*.new' -print0 | sort -z | xargs -0 sha256sum |
		sha256sum | cut -c 1-12)
	suite=$CACHE/suite/$name.$suite
	if [[ ! -d $suite ]]; then
		cp -al "$made" "$WORK/suite-$name"
		mv -T "$WORK/suite-$name" "$suite" 2>/dev/null || rm -rf "$WORK/suite-$name"
	fi
	depends "$suite"
	printf '%s\n' "$suite"
}
