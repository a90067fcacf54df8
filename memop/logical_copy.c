// SPDX-License-Identifier: GPL-2.0-only
/*
 * LOGICAL_READ and LOGICAL_WRITE move exactly the bytes they name.
 *
 * api.rst, KVM_S390_MEM_OP: a logical access translates "gaddr" to an absolute
 * address by the state of the vCPU, here DAT in primary-space mode, and then
 * reads or writes "size" bytes there; with KVM_S390_MEMOP_F_SKEY_PROTECTION it
 * also needs an access key that the storage key permits.
 *
 * How it is seen: as in absolute_copy, and the pages that are neighbours in the
 * guest's virtual memory are none in absolute memory. An access that translated
 * only its first page, or took the virtual address for the absolute one, would
 * change or fetch bytes of another page, and each byte tells where it is from.
 */
#define MOVES "MEMOP-LOG-02"

#include "copies.h"

#define TABLES 0x400000UL
#define SPACE 0x40000000UL
#define MIRROR_SPACE 0x50000000UL
/* Odd, so that n * STEP mod ARENA_PAGES meets each page once, and no two neighbours stay so */
#define STEP 37

static struct dat dat;

/* The primary space: the frames in an order of their own, mirror and judge as they are */
static void set_up(void)
{
	struct cpu *cpu = &arena->state.cpu;
	uint64_t asce = dat_space(&dat, DAT_SEGMENT);

	for (uint64_t n = 0; n < ARENA_PAGES; n++) {
		dat_map(&dat, asce, SPACE + n * CONTRACT_PAGE,
			FRAMES + n * STEP % ARENA_PAGES * CONTRACT_PAGE);
		dat_map(&dat, asce, MIRROR_SPACE + n * CONTRACT_PAGE, MIRROR + n * CONTRACT_PAGE);
		dat_map(&dat, asce, JUDGE_GPA + n * CONTRACT_PAGE, JUDGE_GPA + n * CONTRACT_PAGE);
	}
	cpu->cr[1] = asce;
	cpu->psw_mask = JUDGE_PSW | PSW_DAT | PSW_AS_PRIMARY;
	arena_cpu(arena);
	max = (uint32_t)memop_max_size();
	path.on_vcpu = true;
	path.base = SPACE;
	path.mirror = MIRROR_SPACE;
	path.flags = path.key = 0;
}

static const struct bench bench = {
	.need = MEMOP_ANY,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.dat = &dat,
	.tables = TABLES,
	.judge = true,
	.begin = set_up,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
