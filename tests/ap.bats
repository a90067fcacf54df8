#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine with crypto cards, as far as it can be seen without an emulator: what a
# description makes of it, and what the kernel's modules are built from.

bats_require_minimum_version 1.5.0

setup_file() {
	export root=$BATS_TEST_DIRNAME/.. out=$BATS_FILE_TMPDIR
	gcc -O1 -std=gnu11 -Wall -Wextra -Werror -fsanitize=address,undefined -I"$root/targets/hercules/ap" \
		-o "$out/describe" "$root/tests/ap_description_test.c" "$root/targets/hercules/ap/description.c"
}

# describes TEXT: sets output to the machine that it makes
describes() {
	run "$out/describe" <<<"$1"
	[ "$status" -eq 0 ]
}

@test "a description: cards, domains, control domains, states and response codes" {
	describes $'max 0x20 71 # of both\n\n# nothing\ncard 4 cex7 cca\n card 0x10\tcex8 ep11 off\ncard 5 cex4 accel chkstop
domains 4,6-7,0x47\nrc 04.0006 42\nbusy 3\ntrace\nend'
	[ "$output" = $'max 32 71 busy 3 trace 1
domains 4 6 7 71
cdomains 4 6 7 71
card 4 type 13 mode 10 rc 00
card 5 type 10 mode 08 rc 04
card 16 type 14 mode 04 rc 03
queue 04.0004 rc 00\nqueue 04.0006 rc 42\nqueue 04.0007 rc 00\nqueue 04.0047 rc 00
queue 05.0004 rc 04\nqueue 05.0006 rc 04\nqueue 05.0007 rc 04\nqueue 05.0047 rc 04
queue 10.0004 rc 03\nqueue 10.0006 rc 03\nqueue 10.0007 rc 03\nqueue 10.0047 rc 03' ]
	describes $'cdomains 1\ncard 255 cex6 cca\ndomains 255\nrawqci\ntrace new\nirq fe.0001\nend\n\n'
	[ "$output" = $'max 255 255 busy 0 trace 2 rawqci
domains 255\ncdomains 1\ncard 255 type 12 mode 10 rc 00\nqueue ff.00ff rc 00\nirq fe.0001' ]
	describes end
	[ "$output" = $'max 255 255 busy 0 trace 0\ndomains\ncdomains' ]
}

@test "a description without its end changes nothing" {
	for text in '' 'card 4 cex7 cca' $'card 4 cex7 cca\ndomains 4\nen' $'end\ncard 4 cex7 cca' friend; do
		describes "$text"
		[[ $output == $'unchanged\nmax 255 255 '*$'\ndomains 9\n'* ]]
	done
}

@test "a description says what it does not understand, and does the rest" {
	for line in crad 'card 4' 'card 4 cex7' 'card 4 cex9 cca' 'card 256 cex7 cca' 'card -1 cex7 cca' 'card 4x cex7 cca' \
		'card 4 cex7 des' 'card 4 cex7 cca on' 'card 4 cex7 cca off 1' 'card 9 cex7 cca' 'max 1' 'max 1 2 3' 'max 256 1' \
		'domains 4;5' 'domains 5-4' 'domains 4,' 'domains 256' 'domains 4 5' 'cdomains x' 'rc 4 3' 'rc 4.4' 'rc 4.100 3' \
		'rc 4.4 100' 'rc 4.4 3 3' irq 'irq 4' 'irq 4.4 1' 'busy' 'busy many' 'busy 1 2' 'noapxa 1' 'rawqci 1' 'trace old' 'trace new 1'; do
		describes $'card 9 cex7 cca\n'"$line"$'\nend'
		[[ ${lines[0]} == "error: "*"${line%% *}"* ]] || { echo "$line: $output" && false; }
		[[ $output == *$'\ncard 9 type 13 '* ]]
	done
}

@test "what is beyond the machine's highest numbers is not there" {
	describes $'max 5 6\ncard 5 cex7 cca\ncard 6 cex7 cca\ndomains 6,7\nend'
	[ "$output" = $'error: card 6 is above 5\nerror: domain 7 is above 6\nerror: control domain 7 is above 6
max 5 6 busy 0 trace 0\ndomains 6\ncdomains 6\ncard 5 type 13 mode 10 rc 00\nqueue 05.0006 rc 00' ]
	describes $'noapxa\ncard 64 cex7 cca\ncard 63 cex7 cca\ndomains 15,16\nend'
	[[ $output == $'error: card 64 is above 63\nerror: domain 16 is above 15\n'*$'\nmax 63 15 noapxa '* ]]
}

@test "modules that a kernel lacks are made of what its makefiles name" {
	source=$out/source
	mkdir -p "$source"/drivers/{vfio/mdev,s390/crypto} "$out/built" "$out/kernel"
	# shellcheck disable=SC2016 # for make
	printf 'vfio-y += a.o \\\n\t  b.o \\\n\tc.o\nobj-$(X) += vfio.o\nvfio_x-y := d.o\n' >"$source/drivers/vfio/Makefile"
	printf 'vfio_ap-objs := vfio_ap_ops.o\n' >"$source/drivers/s390/crypto/Makefile"
	for name in a b c d vfio_iommu_type1 x; do echo "int $name;" >"$source/drivers/vfio/$name.c"; done
	echo 'kvm_s390_is_gpa_in_memslot()' >"$source/drivers/s390/crypto/vfio_ap_ops.c"
	touch "$source"/drivers/{vfio/vfio,s390/crypto/ap_bus}.h "$out/kernel/mdev.ko.xz" "$out/symbols"
	run bash -c '
		set -euo pipefail
		here=$root MODULES="kvm:hpage=1 vfio_ap vfio mdev vfio_iommu_type1"
		. "$root/targets/host.sh"
		. "$root/targets/module.sh"
		mapfile -t pairs < <(left_out "$out/kernel")
		echo "${pairs[@]%%:*}"
		write_external "$out/built" "$out/source" "$out/symbols" "${pairs[@]}"
		cat "$out/built/Kbuild"
		cd "$out/built" && echo *.[ch]'
	[ "$output" = $'vfio vfio_iommu_type1 vfio_ap
obj-m += vfio.o\nvfio-y := a.o b.o c.o\nobj-m += vfio_iommu_type1.o\nobj-m += vfio_ap.o\nvfio_ap-y := vfio_ap_ops.o
vfio_ap-y += vfio_ap_memslot.o
a.c ap_bus.h b.c c.c vfio.h vfio_ap_memslot.c vfio_ap_ops.c vfio_iommu_type1.c' ]
}
