#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What lies between ./run.sh and a machine: options that a target does not take, exit
# codes, kernels and their checks, streams with checksums, what a run holds and leaves.
# Needs no KVM, no emulator and no network.
#
# Over 300 lines: one case for each option and each end of a machine.

bats_require_minimum_version 1.5.0
# shellcheck disable=SC2016,SC2154 # code for other shells; bats sets status, output, stderr

setup() {
	root=$BATS_TEST_DIRNAME/..
	dir=$BATS_TEST_TMPDIR
	suite=$dir/suite
	mkdir -p "$suite/fam" "$dir/cache/kernel" "$dir/cache/run"
	printf 'architectures=any\ntimeout=20\n' >"$suite/fam/family"
	: >"$suite/fam/contract.md"
	: >"$suite/list"
	unset KSRC NO_INSTALL
}

# add_test NAME < SCRIPT
add_test() {
	cat >"$suite/fam/$1"
	sed -i '1i #!/bin/sh' "$suite/fam/$1"
	chmod +x "$suite/fam/$1"
	echo "fam/$1" >>"$suite/list"
}

add_passing() {
	add_test "$1" <<<'echo 1..1; echo "# cases: 1"; echo ok 1 a'
}

# run_sh ARG...: run.sh with a cache, results and a suite of this test's own
run_sh() {
	run --separate-stderr "$root/run.sh" --suite "$suite" --cache "$dir/cache" \
		--results "$dir/results" "$@"
}

in_fake() {
	run_sh --target "$root/tests/fake/target" "$@"
}

complains() {
	grep -qE -- "$1" <<<"$stderr" || {
		printf 'no line of stderr matches: %s\n%s\n' "$1" "$stderr"
		return 1
	}
}

# gone PATTERN: no process has it in its command line
gone() {
	! pgrep -f "$1" || return 1
}

# with_parts COMMAND...: in a shell that has run.sh's parts
with_parts() {
	run --separate-stderr env CACHE="$dir/cache" WORK="$dir/cache/run" PYTHON=python3 \
		bash -c 'set -euo pipefail; shopt -s inherit_errexit; here=$1; shift
		for part in host options remember packages debian kernel guest source debug keep job; do
			. "$here/targets/$part.sh"; done; "$@"' run.sh "$root" "$@"
}

# in_python CODE...: with the modules of targets/
in_python() {
	PYTHONPATH=$root/targets/guest:$root/targets/hercules run python3 -c "$@"
}

# make_deb FILE ARCH PATH...: a package with a file at each path
make_deb() {
	local deb=$1 arch=$2 tree=$dir/deb path
	shift 2

	rm -rf "$tree"
	mkdir -p "$tree/DEBIAN"
	printf 'Package: linux-image-x\nVersion: 1\nArchitecture: %s\nMaintainer: a <a@b.example>\nDescription: x\nDepends: linux-modules-x\n' \
		"$arch" >"$tree/DEBIAN/control"
	for path in "$@"; do
		mkdir -p "$tree/$(dirname "$path")"
		printf 'of %s %s' "$deb" "$path" | cat - <(head -c 20000 /dev/urandom) >"$tree/$path"
	done
	dpkg-deb -b --root-owner-group "$tree" "$deb" >/dev/null
}

# make_image FILE: what looks like a bzImage
make_image() {
	mkdir -p "$(dirname "$1")"
	{ head -c 65544 /dev/zero; printf 'S390EP%s' "$1"; } >"$1"
}

@test "a target refuses what it does not take, and says what to do" {
	add_passing good
	: >"$dir/kvm.ko"
	for words in '--kernel sid' "--kvm-module $dir/kvm.ko" '--memory 512' '--cpus 4' --shell; do
		# shellcheck disable=SC2086 # words
		run_sh --target native $words
		[ "$status" -eq 2 ] || { echo "$words: $status"; return 1; }
		complains "^run.sh: --target native does not take ${words%% *}, .*: leave it out"
	done
	FAKE_TAKES="" in_fake --exec /bin/true
	[ "$status" -eq 2 ]
	FAKE_TAKES="cpus" in_fake --cpus 2
	[ "$status" -eq 0 ]
}

@test "an empty value is an error, not the default" {
	add_passing good
	for option in --kernel --kvm-module --timeout --memory --cpus --target --results --filter -j; do
		in_fake "$option" ''
		[ "$status" -eq 2 ] || { echo "$option: $status"; return 1; }
		complains "$option needs a value, not an empty one"
	done
	in_fake --kernel=
	[ "$status" -eq 2 ]
}

@test "a usage error leaves no folders" {
	add_passing good
	in_fake -t 'fam/nosuch'
	[ "$status" -eq 2 ]
	[ ! -e "$dir/results" ]
	[ -z "$(find "$dir/cache/run" -mindepth 1)" ]
}

@test "set-up that fails in whatever way: exit 2" {
	add_passing good
	for how in false 'exit 1' 'exit 100' 'kill -9 0' 'nosuchprogram'; do
		FAKE_PREPARE=$how in_fake
		[ "$status" -eq 2 ] || { echo "$how: $status"; return 1; }
	done
}

@test "a step of set-up that is killed: exit 2, and what to do" {
	add_passing good
	printf '#!/bin/sh\nkill -KILL $PPID\n' >"$dir/killer"
	chmod +x "$dir/killer"
	FAKE_PREPARE=$dir/killer in_fake
	[ "$status" -eq 2 ]
	complains '^run.sh: a step before the first test ended with status 137 \(killed by signal 9\): run it again'
}

@test "a cache that one may not write to, or with a blank in its name: exit 2 and what to do" {
	add_passing good
	run_sh --cache "$dir/a b"
	[ "$status" -eq 2 ]
	complains 'has a blank in its name.*--cache DIR'
	[ "$EUID" -eq 0 ] || skip "needs root to become someone else"
	chmod 755 "$dir" "$dir/.." "$dir/../.." 2>/dev/null || true
	mkdir "$dir/of-root"
	run --separate-stderr setpriv --reuid 65534 --clear-groups "$root/run.sh" --suite "$suite" \
		--cache "$dir/of-root" --list
	[ "$status" -eq 2 ]
}

@test "--exec that does not end in time: exit 3" {
	printf '#!/bin/sh\nsleep 60\n' >"$dir/prog"
	chmod +x "$dir/prog"
	in_fake --timeout 1 --exec "$dir/prog"
	[ "$status" -eq 3 ]
	complains 'not finished within 1 s'
}

@test "--exec passes standard input on, and keeps standard error apart" {
	printf '#!/bin/sh\necho "to err" >&2\nexec tr a-z A-Z\n' >"$dir/prog"
	chmod +x "$dir/prog"
	run --separate-stderr bash -c "echo typed | '$root/run.sh' --target native --cache '$dir/cache' --exec '$dir/prog'"
	if [ ! -e /dev/kvm ]; then skip "native needs /dev/kvm"; fi
	[ "$status" -eq 0 ]
	[ "$output" = TYPED ]
	complains '^to err$'
}

@test "--exec of a program for another machine: exit 2, and how to build it" {
	printf '\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\2\0\26' >"$dir/s390x"
	printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\267\0' >"$dir/aarch64"
	chmod +x "$dir/s390x" "$dir/aarch64"
	in_fake --exec "$dir/aarch64"
	[ "$status" -eq 2 ]
	complains "aarch64 is a program for aarch64, the machine is $(uname -m): build it with"
	[ "$(uname -m)" = s390x ] || { in_fake --exec "$dir/s390x"; [ "$status" -eq 2 ]; }
}

@test "SIGHUP while the machine is prepared: 129; nohup goes on" {
	add_passing good
	FAKE_PREPARE="sleep 30" setsid "$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" \
		--cache "$dir/cache" --results "$dir/results" >"$dir/out" 2>&1 3>&- &
	pid=$!
	for _ in $(seq 100); do pgrep -g "$pid" >/dev/null && pgrep -f 'sleep 30' >/dev/null && break; sleep 0.1; done
	sleep 0.3
	kill -HUP "$pid"
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq 129 ]
	FAKE_PREPARE="sleep 2" nohup setsid "$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" \
		--cache "$dir/cache" --results "$dir/results" >"$dir/out" 2>&1 3>&- &
	pid=$!
	sleep 1
	kill -HUP "$pid"
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq 0 ] || { cat "$dir/out"; return 1; }
}

@test "a run that ends at its last step before the tests: no test has failed, and it says so" {
	add_passing good
	: >"$dir/cache/costs"
	in_fake
	[ "$status" -eq 2 ]
	complains "cannot make the folder $dir/cache/costs: make room"
	rm "$dir/cache/costs"
	mkfifo "$suite/version"
	setsid "$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" --cache "$dir/cache" \
		--results "$dir/results" >"$dir/out" 2>&1 3>&- &
	pid=$!
	exec 8>"$suite/version" # returns when it is read
	kill -HUP "$pid"
	exec 8>&-
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq 129 ]
	grep -q '^run.sh: ended before any test ran' "$dir/out" || { cat "$dir/out"; return 1; }
}

@test "kill -9 while the machine is prepared: what it started ends, and no lock stays" {
	add_passing good
	FAKE_PREPARE="sleep 314" setsid "$root/run.sh" --target "$root/tests/fake/target" --suite "$suite" \
		--cache "$dir/cache" --results "$dir/results" >"$dir/out" 2>&1 3>&- &
	pid=$!
	for _ in $(seq 100); do pgrep -f 'sleep 314' >/dev/null && break; sleep 0.1; done
	kill -KILL "$pid"
	for _ in $(seq 30); do pgrep -f 'sleep 314' >/dev/null || break; sleep 0.1; done
	gone 'sleep 314'
	in_fake
	[ "$status" -eq 0 ]
	[[ $stderr != *waiting* ]]
}

@test "without dpkg --no-install takes the packages to be there" {
	add_passing good
	mkdir "$dir/bin"
	for program in /usr/bin/* /bin/* /usr/sbin/* /sbin/*; do
		case ${program##*/} in dpkg* | apt*) ;; *) ln -sf "$program" "$dir/bin/" ;; esac
	done
	PATH=$dir/bin FAKE_PACKAGES="bash no-such-package-x" in_fake --no-install
	[ "$status" -eq 0 ]
	rm -rf "$dir/cache"
	PATH=$dir/bin FAKE_PACKAGES="bash no-such-package-x" in_fake
	[ "$status" -eq 2 ]
	complains 'use --no-install'
}

@test "a step is done again when what it was made from changes, and only then" {
	with_parts eval 'step_done() { depends "$1"; echo x >>"$1.times"; cat "$1"; }
		echo one >"$CACHE/source"
		remember s a -- step_done "$CACHE/source"; remember s a -- step_done "$CACHE/source"
		echo other >"$CACHE/source"; remember s a -- step_done "$CACHE/source"
		rm "$CACHE/source.times"; remember s b -- step_done "$CACHE/source"; wc -l <"$CACHE/source.times"'
	[ "$status" -eq 0 ]
	[ "$output" = $'one\none\nother\nother\n1' ]
}

@test "a step that fails half-way is no result" {
	with_parts eval 'bad() { depends /etc/passwd; false; echo result; }; remember s -- bad; echo went on'
	[ "$status" -ne 0 ]
	[ -z "$output" ]
	[ -z "$(find "$dir/cache/ready" -name 's-*')" ]
}

@test "a step with others in it is remembered as long as all that they depend on is unchanged" {
	mkdir -p "$dir/cache/run"
	echo a >"$dir/cache/one"
	echo b >"$dir/cache/two"
	with_parts eval 'inner() { depends "$CACHE/two"; echo inner; }
		outer() { depends "$CACHE/one"; remember i -- inner; echo x >>"$CACHE/times"; }
		remember o -- outer; remember o -- outer; wc -l <"$CACHE/times"
		echo c >"$CACHE/two"; remember o -- outer; wc -l <"$CACHE/times"
		echo d >"$CACHE/one"; remember o -- outer; remember o -- outer; wc -l <"$CACHE/times"
		echo e >"$CACHE/two"; remember o -- outer; wc -l <"$CACHE/times"'
	[ "$(grep -v inner <<<"$output" | tr '\n' ' ')" = "1 2 3 4 " ]
	# Nor is one with a step that is done each time
	with_parts eval 'inner() { echo inner; }
		outer() { depends "$CACHE/one"; remember n -- inner; echo x >>"$CACHE/each"; }
		remember p -- outer; remember p -- outer; wc -l <"$CACHE/each"'
	[ "${lines[-1]}" = 2 ]
}

@test "a run that finds its suite built depends on that suite's sources all the same" {
	mkdir -p "$dir/cache/run"
	echo a >"$dir/cache/source"
	with_parts eval 'outer() { build_suite s390x sid; echo x >>"$CACHE/times"; }
		built() { depends "$CACHE/source"; echo suite; }
		remember suite s390x sid "" "" "" -- built
		remember o -- outer; remember o -- outer; wc -l <"$CACHE/times"
		echo b >"$CACHE/source"; remember suite s390x sid "" "" "" -- built
		remember o -- outer; wc -l <"$CACHE/times"'
	[ "$(grep -v suite <<<"$output" | tr '\n' ' ')" = "1 2 " ]
}

@test "kernels of two packages are kept apart, and each under its content" {
	make_deb "$dir/a.deb" s390x boot/vmlinuz-1.0-x lib/modules/1.0-x/kernel/arch/s390/kvm/kvm.ko
	make_deb "$dir/b.deb" s390x boot/vmlinuz-2.0-x lib/modules/2.0-x/kernel/arch/s390/kvm/kvm.ko
	with_parts kernel_prepare "$dir/a.deb"
	[ "$status" -eq 0 ]
	first=${output%%$'\t'*}
	with_parts kernel_prepare "$dir/b.deb"
	second=${output%%$'\t'*}
	[ "$first" != "$second" ]
	grep -q "a.deb boot" "$first"
	grep -q "b.deb boot" "$second"
	[ "$(cat "$(dirname "$second")/release")" = 2.0-x ]
	with_parts kernel_prepare "$dir/a.deb"
	[ "${output%%$'\t'*}" = "$first" ]
}

@test "a kernel that is split over packages: all of them, and a hint for one alone" {
	make_deb "$dir/image.deb" s390x usr/share/doc/x
	make_deb "$dir/binary.deb" s390x usr/lib/modules/3.0-x/vmlinuz
	make_deb "$dir/modules.deb" s390x usr/lib/modules/3.0-x/kernel/arch/s390/kvm/kvm.ko
	with_parts kernel_prepare "$dir/image.deb"
	[ "$status" -eq 2 ]
	complains 'holds no kernel.*linux-modules-x.*--kernel of its own'
	with_parts kernel_prepare "$(printf '%s\n' "$dir"/{image,binary,modules}.deb)"
	[ "$status" -eq 0 ]
	grep -q binary.deb "${output%%$'\t'*}"
	[ -n "$(find "${output##*$'\t'}" -name kvm.ko)" ]
}

@test "a package that is cut, for another machine, or none: exit 2" {
	make_deb "$dir/a.deb" s390x boot/vmlinuz-1.0-x lib/modules/1.0-x/kvm.ko
	head -c $(($(stat -c %s "$dir/a.deb") * 8 / 10)) "$dir/a.deb" >"$dir/cut.deb"
	with_parts kernel_prepare "$dir/cut.deb"
	[ "$status" -eq 2 ]
	complains 'cut.deb is damaged'
	make_deb "$dir/amd64.deb" amd64 boot/vmlinuz-1.0-x
	with_parts kernel_prepare "$dir/amd64.deb"
	[ "$status" -eq 2 ]
	complains 'is for amd64: an s390x kernel is needed'
	echo text >"$dir/text.deb"
	with_parts kernel_prepare "$dir/text.deb"
	[ "$status" -eq 2 ]
	[ -z "$(find "$dir/cache/kernel" -mindepth 1)" ]
}

@test "a build tree without a slash in its name, and its image" {
	make_image "$dir/tree/arch/s390/boot/bzImage"
	cd "$dir"
	with_parts kernel_prepare tree
	[ "$status" -eq 0 ]
	[ "${output##*$'\t'}" = "$dir/tree" ]
	cmp "${output%%$'\t'*}" "$dir/tree/arch/s390/boot/bzImage"
	make_image "$dir/image"
	with_parts kernel_prepare "$dir/image"
	[ "$status" -eq 0 ]
	[ "${output##*$'\t'}" = "" ]
	with_parts kernel_prepare /bin/true
	[ "$status" -eq 2 ]
	complains 'is no s390x kernel image'
}

@test "a build tree whose configuration cannot run the machine: the options by name" {
	make_image "$dir/tree/arch/s390/boot/bzImage"
	grep "=" "$root/targets/guest/kernel.config" | grep -v -e CONFIG_DASD= -e CONFIG_DEVTMPFS= >"$dir/tree/.config"
	with_parts kernel_prepare "$dir/tree"
	[ "$status" -eq 2 ]
	complains 'lacks what the machine needs: .*CONFIG_D'
	complains CONFIG_DASD
	complains CONFIG_DEVTMPFS
	grep "=" "$root/targets/guest/kernel.config" | sed 's/^CONFIG_DASD=y/CONFIG_DASD=m/' >"$dir/tree/.config"
	with_parts kernel_prepare "$dir/tree"
	[ "$status" -eq 0 ]
	# What only some tests use is no condition
	sed '/^# Without/q' "$root/targets/guest/kernel.config" | grep = >"$dir/tree/.config"
	with_parts kernel_prepare "$dir/tree"
	[ "$status" -eq 0 ]
}

@test "what is kept and was damaged is made anew, and said" {
	for damage in ': >' 'truncate -s 100 ' 'printf x | dd bs=1 seek=5000 conv=notrunc status=none of='; do
		with_parts init_prepare
		[ "$status" -eq 0 ]
		good=$(sha256sum <"$output")
		eval "$damage$output"
		with_parts init_prepare
		[ "$(sha256sum <"$output")" = "$good" ]
		complains 'guest/[0-9a-f]* is damaged: it is made anew'
	done
	make_deb "$dir/a.deb" s390x boot/vmlinuz-6 lib/modules/6/kvm.ko
	with_parts keep_debs "$dir/a.deb"
	kept=$output
	for name in sums lib/modules/6/kvm.ko vmlinuz; do
		: >"$kept/$name"
		with_parts keep_debs "$dir/a.deb"
		[ "$output" = "$kept" ]
		grep -q 'of .*kvm.ko' "$kept/lib/modules/6/kvm.ko"
		complains 'is damaged'
	done
	with_parts keep_debs "$dir/a.deb"
	[ -z "$stderr" ]
}

@test "initial file systems with different modules never meet" {
	mkdir "$dir/images" "$dir/kernel"
	printf 'module one\0depends=\0' >"$dir/one.ko"
	printf 'module two\0depends=\0' >"$dir/two.ko"
	: >"$dir/init"
	image() {
		python3 "$root/targets/guest/mkinitrd.py" --init "$dir/init" --busybox "$dir/init" \
			--modules "$dir/kernel" --module kvm:hpage=1 --disks dasd "$@" "$dir/images"
	}
	first=$(image --given kvm="$dir/one.ko")
	second=$(image --given kvm="$dir/two.ko")
	[ "$first" != "$second" ]
	grep -q 'module one' "$first"
	grep -q 'kvm.ko given hpage=1' "$first"
	grep -q 'module two' "$second"
	[ "$(image --given kvm="$dir/one.ko")" = "$first" ]
}

@test "package lists that could not be read are not taken for read" {
	mkdir "$dir/bin"
	cat >"$dir/bin/apt-get" <<-'END'
		#!/bin/sh
		case "$*" in
		*indextargets*) echo "http://archive.example/debian main Debian x" ;;
		*update*--error-on=any*) echo "W: Failed to fetch" >&2; exit 100 ;;
		*update*) echo "W: Failed to fetch" >&2 ;;
		esac
	END
	printf '#!/bin/sh\nexit 0\n' >"$dir/bin/sleep"
	chmod +x "$dir/bin/apt-get" "$dir/bin/sleep"
	PATH=$dir/bin:$PATH with_parts debian_lists_or_die sid s390x
	[ "$status" -eq 2 ]
	complains 'could not read the package lists of sid'
	[ ! -e "$dir/cache/apt/sid-s390x/updated" ]
	PATH=$dir/bin:$PATH with_parts kernel_list
	[ "$status" -eq 2 ]
	grep -qE '^sid +\(did not answer\)' <<<"$output"
	complains 'package lists of sid'
}

@test "a kernel that watches itself has more time, and its own parameters" {
	mkdir "$dir/tree" "$dir/plain"
	echo CONFIG_PROVE_LOCKING=y >"$dir/tree/.config"
	echo '# CONFIG_KASAN is not set' >"$dir/plain/.config"
	for tree in debug "$dir/tree" "$dir/tree/arch/s390/boot/bzImage"; do
		with_parts slowness "$tree"
		[ "$output" -gt 1 ]
	done
	for tree in '' sid "$dir/plain" $'a.deb\nb.deb'; do
		with_parts slowness "$tree"
		[ "$output" = 1 ]
	done
	echo slab_debug=FZ >"$dir/tree/parameters"
	MODULES='kvm:hpage=1 zram' with_parts boot_parameters "$dir/tree"
	[ "$output" = 'slab_debug=FZ kvm.hpage=1' ]
	MODULES=kvm with_parts boot_parameters "$dir/plain"
	[ "$output" = '' ]
}

# debug_with MAKE: build the debug kernel with a "make" of which this is the code
debug_with() {
	mkdir -p "$dir/bin" "$dir/cache/linux-debug/scripts/kconfig"
	printf '#!/bin/sh\n%s\n' "$1" >"$dir/bin/make"
	printf '#!/bin/sh\n' >"$dir/cache/linux-debug/scripts/kconfig/merge_config.sh"
	chmod +x "$dir/bin/make" "$dir/cache/linux-debug/scripts/kconfig/merge_config.sh"
	PATH=$dir/bin:$PATH with_parts debug_build key
	[ "$status" -eq 2 ]
	[ ! -e "$dir/cache/kernel/debug" ]
}

@test "a debug kernel that does not build, or has not all its checks, is none" {
	debug_with 'exit 1'
	complains 'cannot be configured: .*debug-config.log'
	: >"$dir/cache/linux-debug/.config"
	debug_with 'exit 0'
	complains 'this source has no .*CONFIG_KASAN .*which the debug kernel is to have'
	cat "$root"/targets/guest/{kernel,debug}.config >"$dir/cache/linux-debug/.config"
	debug_with 'case $* in *bzImage*) echo "kvm.c:7: error: it is wrong"; exit 1 ;; esac'
	complains 'does not build; the last lines of .*debug-build.log: kvm.c:7: error: it is wrong'
}

@test "security suites have names" {
	mkdir "$dir/bin"
	printf '#!/bin/sh\necho "http://a.example/debian/ main Debian x"\n' >"$dir/bin/apt-get"
	chmod +x "$dir/bin/apt-get"
	PATH=$dir/bin:$PATH with_parts debian_uri trixie-security
	[ "$output" = http://a.example/debian-security/ ]
	printf '#!/bin/sh\necho "http://b.example/sec main Debian-Security x"\n' >"$dir/bin/apt-get"
	PATH=$dir/bin:$PATH with_parts debian_uri trixie-security
	[ "$output" = http://b.example/sec ]
}

@test "--clean shows what is kept, removes what is old or too much, never what is in use" {
	for name in old used big new; do
		mkdir -p "$dir/cache/machine/$name"
		head -c 3000000 /dev/zero >"$dir/cache/machine/$name/snap"
	done
	touch -d '2 months ago' "$dir/cache/machine/old" "$dir/cache/machine/used"
	exec 8<"$dir/cache/machine/used"
	flock -s 8
	run_sh --clean
	exec 8<&-
	[ "$status" -eq 0 ]
	complains 'removed machine/old'
	[ ! -e "$dir/cache/machine/old" ]
	[ -e "$dir/cache/machine/used" ]
	grep -qE ' 2 .* machine/new' <<<"$output"
	with_parts eval 'KEEP=0; touch -d "1 day ago" "$CACHE/machine/big"; kept_items() { printf "%s\n" "$CACHE"/machine/{big,new}; }
		KEEP=0 keep_bound quiet'
	[ ! -e "$dir/cache/machine/big" ]
}

@test "what a run uses is held, and counts as used now" {
	mkdir -p "$dir/cache/machine/one" "$dir/cache/hercules/two/bin"
	: >"$dir/cache/hercules/two/bin/hercules"
	touch -d '2 months ago' "$dir/cache/machine/one" "$dir/cache/hercules/two"
	with_parts eval 'hold "$CACHE/hercules/two/bin/hercules" "$CACHE/machine/one"; KEEP=8; keep_bound quiet
		remove "$CACHE/machine/one" || echo held'
	[ "$output" = held ]
	[ -n "$(find "$dir/cache/machine/one" -maxdepth 0 -mtime -1)" ]
}

@test "a stream that lost bytes on the way, or its end, is broken" {
	in_python "
import sys, zlib
from pathlib import Path
from disks import BLOCK, Broken, Reader
image = Path('$dir/out.img')
def stream(data, head):
    image.write_bytes(head.ljust(BLOCK, b'\0') + data)
    reader = Reader(image)
    while reader.read(): pass
    try:
        reader.verify()
        return 'sound'
    except Broken as error:
        return str(error)
data = b'ok 1 a\n' * 2000
crc = zlib.crc32(data)
print(stream(data, b'%d %08x end\n' % (len(data), crc)))
holed = data[:4096] + bytes(4096) + data[8192:]
print(stream(holed, b'%d %08x end\n' % (len(data), crc)))
print(stream(data, b'%d %08x\n' % (len(data), crc)))
print(stream(data[:-7], b'%d %08x end\n' % (len(data), crc)))
print(stream(data, b''))
"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = sound ]
	for i in 1 2 3 4; do
		[[ ${lines[i]} == *"results lost"* ]] || { echo "$output"; return 1; }
	done
	[[ ${lines[1]} == *"was this host's disk full"* ]]
}

@test "results that are cut, damaged or incomplete are refused" {
	in_python "
import io, tarfile, zlib
from pathlib import Path
from disks import BLOCK, Broken, REQUIRED, take_results
def archive(names):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode='w') as tar:
        for name in names:
            info = tarfile.TarInfo('./' + name)
            info.size = 7
            tar.addfile(info, io.BytesIO(b'exit 0\n'))
    return packed.getvalue()
def take(data, head=None):
    work, out = Path('$dir/work'), Path('$dir/out')
    for folder in (work, out):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir(): path.unlink()
    head = head or b'%d %08x end\n' % (len(data), zlib.crc32(data))
    (work / 'res.img').write_bytes(head.ljust(BLOCK, b'\0') + data)
    try:
        take_results(work, out)
        return 'taken'
    except Broken as error:
        return str(error).splitlines()[0]
whole = archive(REQUIRED)
print(take(whole))
print(take(whole[:1024], b'%d %08x end\n' % (len(whole), zlib.crc32(whole))))
print(take(bytes(512) + whole[512:], b'%d %08x end\n' % (len(whole), zlib.crc32(whole))))
print(take(whole[:1024], b'1024 %08x\n' % zlib.crc32(whole[:1024])))
for name in REQUIRED:
    print(take(archive(n for n in REQUIRED if n != name)))
"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	[ "${lines[0]}" = taken ]
	[ "${#lines[@]}" -eq 9 ]
	for line in "${lines[@]:1}"; do
		[[ $line == "results lost"* ]] || { echo "$output"; return 1; }
	done
}

@test "a suspended machine is known whole: copies are, damage anywhere is found" {
	mkdir "$dir/machine"
	cd "$dir/machine"
	truncate -s 3M snap
	printf hello | dd of=snap bs=1 seek=1000000 conv=notrunc status=none
	echo "resume snap" >resume.rc
	echo "MAINSIZE 512" >herc.cnf
	whole() {
		in_python "
from pathlib import Path
from snapshot import folder_checksum, intact
import sys
f = Path(sys.argv[1])
if len(sys.argv) > 2: (f / 'checksum').write_text(folder_checksum(f))
print(intact(f))" "$@"
		[ "$status" -eq 0 ]
	}
	whole "$dir/machine" make
	[ "$output" = True ]
	cp -a --sparse=never "$dir/machine" "$dir/copy"
	whole "$dir/copy"
	[ "$output" = True ]
	for file in resume.rc herc.cnf snap; do
		cp -a "$dir/machine" "$dir/damaged"
		printf X | dd of="$dir/damaged/$file" bs=1 seek=3 conv=notrunc status=none
		whole "$dir/damaged"
		[ "$output" = False ]
		rm -rf "$dir/damaged"
	done
	rm "$dir/copy/resume.rc"
	whole "$dir/copy"
	[ "$output" = False ]
}

# native SCRIPT [SECONDS]: a job on this host itself
native() {
	rm -rf "$dir/job" "$dir/out"
	mkdir "$dir/job" "$dir/out"
	printf '%s\n' "$1" >"$dir/job/run"
	run --separate-stderr timeout 30 python3 "$root/targets/native/machine.py" run "$dir/job" "$dir/out" "${2:-20}"
}

@test "native: what a test leaves behind ends with it, and does not hold its output" {
	SECONDS=0
	native 'setsid sleep 271 & setsid sh -c "trap \"\" TERM; sleep 272; sleep 273" & echo out'
	[ "$status" -eq 0 ]
	[ "$output" = out ]
	[ "$(cat "$dir/out/status")" = "exit 0" ]
	gone 'sleep 27[123]'
	((SECONDS < 15))
}

@test "native: a test that closes its output, ignores SIGTERM, or is killed" {
	native 'exec >&- 2>&-; trap "" TERM; sleep 1; exit 7'
	[ "$(cat "$dir/out/status")" = "exit 7" ]
	native 'trap "" TERM; sleep 274' 1
	[ "$(cat "$dir/out/status")" = "timeout 1" ]
	gone 'sleep 274'
	# shellcheck disable=SC2016 # for the test's shell
	native 'kill -SEGV $$'
	[ "$(cat "$dir/out/status")" = "signal 11" ]
}

@test "native: the kernel's log of that time, or why not" {
	native 'echo "<4>a line of this test" >/dev/kmsg 2>/dev/null; true'
	[ -e "$dir/out/taint_before" ]
	[ -e "$dir/out/taint_after" ]
	grep -q "^release $(uname -r)$" "$dir/out/tested"
	grep -q '^kvm ' "$dir/out/tested"
	if [ -w /dev/kmsg ]; then
		grep -q '\] a line of this test$' "$dir/out/dmesg"
	fi
	rm -rf "$dir/out" && mkdir -m 777 "$dir/out"
	chmod 755 "$dir"
	PYTHONPATH=$root/targets/native run python3 -c "
import machine, os, pathlib
real = os.open
def closed(path, *rest):
    if path == '/dev/kmsg': raise PermissionError(13, 'Permission denied')
    return real(path, *rest)
os.open = closed
log = machine.KernelLog(pathlib.Path('$dir/out'))
log.save()"
	grep -q 'may not read' "$dir/out/log_lost"
}

@test "native: a target that is stopped takes its test along" {
	mkdir "$dir/job" "$dir/out"
	echo 'setsid sleep 275 & sleep 276' >"$dir/job/run"
	python3 "$root/targets/native/machine.py" run "$dir/job" "$dir/out" 20 3>&- &
	pid=$!
	for _ in $(seq 50); do pgrep -f 'sleep 276' >/dev/null && break; sleep 0.1; done
	kill -TERM "$pid"
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -eq 143 ]
	gone 'sleep 27[56]'
}

@test "a machine that does not come up gives the guest's own reason" {
	in_python "
from emulator import guest_reasons, machine_facts
log = '''HHCPN008I Script
TESTED release 6.12
TESTED kvm builtin
init: the kernel refused kvm.ko that you gave: Exec format error
[    1.234567] kvm: exports duplicate symbol (owned by kernel)
HHCIN900I Begin Hercules shutdown
'''
print('|'.join(guest_reasons(log)))
print(machine_facts(log).replace(chr(10), '|'))"
	[ "${lines[0]}" = "the kernel refused kvm.ko that you gave: Exec format error|[    1.234567] kvm: exports duplicate symbol (owned by kernel)" ]
	[ "${lines[1]}" = "release 6.12|kvm builtin|" ]
}

@test "--shell: what is typed arrives, Ctrl-] and the end leave it, the terminal is as before" {
	run timeout 60 python3 "$root/tests/fake/shell.py" "$root" "$dir"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

@test "an emulated machine is as nice as the run is" {
	printf '#!/bin/sh\necho "nice $NICENESS, of itself $(nice)" >said\n' >"$dir/emulator"
	chmod +x "$dir/emulator"
	in_python "
import os, sys
from pathlib import Path
from hercules import start
os.nice(3)
start(Path('$dir/emulator'), Path('$dir'), 'none').wait(20)"
	[ "$(cat "$dir/said")" = "nice $((3 + $(nice))), of itself $((3 + $(nice)))" ]
	[ "$(grep -c 'PRIO \$(NICENESS)$' "$root/targets/hercules/boot.py")" = 4 ]
}

@test "the programs of the emulated machines read their arguments" {
	for program in qemu/machine.py hercules/boot.py; do
		python3 -ES "$root/targets/$program" --help | grep -q -- --parameters
	done
	run python3 -ES "$root/targets/qemu/machine.py" --kernel none --initrd none --work "$dir/work" \
		--job "$dir/none" --out "$dir/out" --timeout 1
	[ "$status" -eq 3 ]
	[ -s "$dir/out/broken" ]
}
