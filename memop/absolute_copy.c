// SPDX-License-Identifier: GPL-2.0-only
/*
 * ABSOLUTE_READ and ABSOLUTE_WRITE move exactly the bytes they name.
 *
 * api.rst, KVM_S390_MEM_OP: an absolute access reads or writes "size" bytes of
 * absolute memory at "gaddr", at most KVM_CAP_S390_MEM_OP of them, from or to
 * "buf"; with KVM_S390_MEMOP_F_SKEY_PROTECTION it also needs an access key that
 * the storage key permits.
 *
 * How it is seen: the guest's memory and the buffer hold known bytes, and what a
 * request moves is their inverse. A request that moved a byte too few, too many
 * or to the wrong place would leave one that differs, on one of both sides or
 * in the guards around. The guest itself copies the same bytes with its own
 * instructions, so memory that only the host sees would be found too.
 */
#define MOVES "MEMOP-ABS-03"

#include "copies.h"

static void set_up(void)
{
	max = (uint32_t)memop_max_size();
	path.on_vcpu = false;
	path.base = FRAMES;
	path.mirror = MIRROR;
	path.flags = path.key = 0;
}

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.judge = true,
	.begin = set_up,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
