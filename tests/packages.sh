#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# packages.sh [PART...]: the packages, built outside of the checkout from what git has of it:
#
#   native   debian/, for this host; lintian finds nothing; the package's own test
#            (debian/tests) with what it installs
#   s390x    debian/, cross
#   rpm      packaging/rpm, for this host
#
# Without PART all of them. KSRC names the kernel tree; without it, and without the packages
# that it takes, they are fetched by apt. The last line counts.
set -euo pipefail
# shellcheck source=tests/parts.sh
. "$(dirname "$(readlink -f "$0")")/parts.sh"

readonly deb_packages=(build-essential debhelper lintian) rpm_packages=(rpm)
readonly cross_packages=(gcc-s390x-linux-gnu libc6-dev-s390x-cross)
deb_options="parallel=$(nproc) noautodbgsym"
parts=("$@")
((${#parts[@]})) || parts=(native s390x rpm)

# quietly CMD...: what it says is shown if it fails
quietly() {
	"$@" >"$scratch/log" 2>&1 && return
	tail -n 40 "$scratch/log"
	return 1
}

# build_deb ARCH: to the folder ARCH
build_deb() {
	own_sources "$scratch/$1/source"
	cd "$scratch/$1/source"
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS DEB_BUILD_OPTIONS="$deb_options" DPKG_DEB_COMPRESSOR_LEVEL=0 \
		dpkg-buildpackage -us -uc -b -a"$1" -Ppkg.kvm-s390-memory.ksrc
}

# A package of compressor level 0 is large, and says nothing of ours
lintian_clean() {
	local said

	said=$(lintian --allow-root --profile debian --display-info --fail-on error,warning "$scratch/$1"/*.changes 2>&1) ||
		{ printf '%s\n' "$said" && return 1; }
	! grep -E '^[EW]:' <<<"$said"
}

# The package's test on this host, with what it installs in a folder. Where the host has no
# KVM the test is skipped, and says so.
autopkgtest() {
	local installed=$scratch/installed rc=0

	dpkg-deb -x "$scratch/$1"/kvm-s390-memory_*.deb "$installed"
	sed "s,/usr/libexec/,$installed/usr/libexec/,g" "$scratch/$1/source/debian/tests/suite" >"$scratch/suite"
	PATH=$installed/usr/bin:$PATH HOME=$scratch AUTOPKGTEST_ARTIFACTS=$scratch/artifacts \
		sh "$scratch/suite" mem_slot/edges || rc=$?
	((rc == 0 || rc == 77))
}

is_for() {
	dpkg-deb -x "$scratch/$1"/kvm-s390-memory_*_"$1".deb "$scratch/files-$1"
	file "$scratch/files-$1/usr/libexec/kvm-s390-memory/mem_slot/edges" | grep -q "$2.*statically linked"
}

part_native() {
	local arch

	arch=$(dpkg --print-architecture)
	packages_need "${deb_packages[@]}"
	holds "dpkg-buildpackage builds for $arch" quietly build_deb "$arch"
	holds "lintian finds nothing" quietly lintian_clean "$arch"
	holds "the package's test passes, or is skipped where there is no KVM" quietly autopkgtest "$arch"
}

part_s390x() {
	packages_need "${deb_packages[@]}" "${cross_packages[@]}" file
	holds "dpkg-buildpackage -as390x builds across" quietly build_deb s390x
	holds "its programs are for s390x, and static" quietly is_for s390x S/390
	holds "lintian finds nothing" quietly lintian_clean s390x
}

build_rpm() {
	local spec=$here/packaging/rpm/kvm-s390-memory.spec version

	version=$(sed -n 's/^Version: *//p' "$spec")
	mkdir -p "$scratch/rpm/SOURCES"
	own_sources "$scratch/rpm/kvm-s390-memory-$version"
	tar -czf "$scratch/rpm/SOURCES/kvm-s390-memory-$version.tar.gz" -C "$scratch/rpm" "kvm-s390-memory-$version"
	# What it takes is Debian's here, of which rpm knows nothing
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS rpmbuild -bb --nodeps --define "_topdir $scratch/rpm" \
		--define "ksrc $KSRC" --define '_binary_payload w0.gzdio' "$spec"
}

rpm_lists() {
	rpm -qlp "$scratch"/rpm/RPMS/*/*.rpm >"$scratch/files"
	for file in /usr/bin/kvm-s390-memory /usr/libexec/kvm-s390-memory/run_tests \
		/usr/libexec/kvm-s390-memory/mem_slot/edges /usr/share/kvm-s390-memory/run.sh; do
		grep -qx "$file" "$scratch/files" || return 1
	done
	grep -q '/man1/kvm-s390-memory\.1' "$scratch/files"
}

part_rpm() {
	packages_need "${rpm_packages[@]}" gcc libc6-dev make
	holds "rpmspec reads the spec file" quietly rpmspec -P --define "ksrc $KSRC" "$here/packaging/rpm/kvm-s390-memory.spec"
	holds "rpmbuild builds for this host" quietly build_rpm
	holds "the package has what it has to have" quietly rpm_lists
}

main() {
	local part

	# shellcheck disable=SC2034 # for source_prepare
	CACHE=$here/build
	KSRC=$(readlink -f "${KSRC:-$(source_prepare "$(debian_default_suite)")}")
	export KSRC
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	for part in "${parts[@]}"; do
		[[ $(type -t "part_$part") == function ]] || die "no such part: $part (native, s390x, rpm)"
		"part_$part"
	done
	totals
}

main
