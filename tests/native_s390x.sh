#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# native_s390x.sh [TESTS-GLOB]: a build on an s390x host, without one. In a Debian for s390x,
# whose programs qemu-user runs, "make" builds the suite with that Debian's gcc and "make
# run_tests" runs it. There is no /dev/kvm in it, so each test has to be skipped for that
# reason: a test that passes, fails or crashes there is a fault of the suite.
#
# It takes a quarter of an hour and more, the root of that Debian (build/native-s390x) as long
# once. For root; the handler of s390x programs is registered in a user namespace of its own
# (Linux 6.7 or later), so nothing of this host changes. The last line counts.
set -euo pipefail
# shellcheck source=tests/parts.sh
. "$(dirname "$(readlink -f "$0")")/parts.sh"

# ELF, 64 bits, big endian, for s390; the emulator is opened once and works in any root
readonly handler=':s390x:M::\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16:\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/usr/bin/qemu-s390x-static:F'
readonly packages=gcc,libc6-dev,make,python3-minimal

# in_s390x CMD...: CMD in a namespace in which programs for s390x run. All users are themselves
# there; what it started ends with it.
in_s390x() {
	local child rc=0

	mkfifo "$scratch/ready" "$scratch/go"
	# shellcheck disable=SC2016 # for that shell
	unshare -U -m -p -f --kill-child bash -c 'echo >"$1/ready"; read -r _ <"$1/go"
		mount -t proc proc /proc && mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 2
		printf "%s" "$2" >/proc/sys/fs/binfmt_misc/register || exit 2
		shift 2; "$@"' - "$scratch" "$handler" "$@" &
	child=$!
	read -r _ <"$scratch/ready"
	printf '0 0 65536\n' | tee "/proc/$child/uid_map" >"/proc/$child/gid_map"
	echo >"$scratch/go"
	wait "$child" || rc=$?
	rm "$scratch/ready" "$scratch/go"
	return "$rc"
}

# The root, kept in the cache
root_prepare() {
	local suite uri

	[[ ! -e $CACHE/native-s390x/usr/bin/gcc ]] || return 0
	suite=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	uri=$(debian_uri "$suite")
	step "a root of $suite for s390x"
	rm -rf "$CACHE/native-s390x" "$CACHE/native-s390x.new"
	in_s390x mmdebstrap --quiet --mode=root --arch=s390x --variant=apt --skip=check/qemu \
		--include="$packages" "$suite" "$CACHE/native-s390x.new" "$uri" >&2 ||
		die "mmdebstrap made no root for s390x"
	mv "$CACHE/native-s390x.new" "$CACHE/native-s390x"
}

# What runs in it: the checkout and the kernel's source are only read
build_and_run() {
	# shellcheck disable=SC2016 # for that shell
	in_s390x bash -c 'set -e
		mkdir -p "$1"/{src,ksrc,proc}
		mount --bind -o ro "$2" "$1/src"
		mount --bind -o ro "$3" "$1/ksrc"
		mount -t proc proc "$1/proc"
		exec chroot "$1" make -s -j "$5" -C /src KSRC=/ksrc OUTPUT=/tmp/o TESTS="$4" run_tests' \
		- "$CACHE/native-s390x" "$here" "$KSRC" "$glob" "$(nproc)"
}

# Each test is skipped, and for the reason that there is no KVM
judge() {
	local planned skipped other

	planned=$(sed -n 's/^1\.\.//p' "$scratch/said" | head -n 1)
	skipped=$(grep -cE '^ok [0-9]+ .* # SKIP .*/dev/kvm' "$scratch/said" || true)
	other=$(grep -E '^(not )?ok [0-9]' "$scratch/said" | grep -vE '# SKIP .*/dev/kvm' || true)
	[[ -z $other ]] || printf '%s\n' "$other"
	printf '%d passed, %d failed, %d skipped\n' "$skipped" "$((${planned:-1} - skipped))" 0
	[[ -n $planned && $planned -gt 0 && $skipped -eq $planned ]]
}

main() {
	glob=${1:-*}
	CACHE=$here/build
	((EUID == 0)) || die "this is for root: it maps all users into a namespace"
	packages_need mmdebstrap qemu-user-static
	KSRC=$(readlink -f "${KSRC:-$(source_prepare "$(debian_default_suite)")}")
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	root_prepare
	step "make run_tests TESTS='$glob' in it"
	# Its status is not 0: where all is skipped nothing was tested
	build_and_run 2>&1 | tee "$scratch/said" || true
	judge
}

main "$@"
