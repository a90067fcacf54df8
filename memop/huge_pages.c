// SPDX-License-Identifier: GPL-2.0-only
/*
 * MEM_OP on slots of huge pages.
 *
 * api.rst, KVM_SET_USER_MEMORY_REGION: hugetlbfs may back a slot, and
 * KVM_CAP_S390_HPAGE_1M: a VM has to ask for that. Nothing in the contract of
 * MEM_OP and of the storage keys depends on what backs a slot: each block of 4 KiB
 * has a storage key of its own, though the host's page has 1 MiB.
 *
 * How it is seen: the oracle is asked as for any other memory. An access that takes
 * the huge page for one block, or a key that reaches the neighbouring blocks, moves
 * bytes or returns codes that it does not predict.
 */
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define BASE 0x100000UL

/* Each is one huge page; they are neighbours */
static const uint64_t slots[] = { 0, BASE };
static struct arena *arena;

static const uint32_t accesses[] = {
	KVM_S390_MEMOP_ABSOLUTE_READ,
	KVM_S390_MEMOP_ABSOLUTE_WRITE,
	KVM_S390_MEMOP_LOGICAL_READ,
	KVM_S390_MEMOP_LOGICAL_WRITE,
};

static struct trial access_of(uint32_t op, uint64_t gaddr, uint32_t size)
{
	return (struct trial){
		.arena = arena,
		.request = { .on_vcpu = op <= KVM_S390_MEMOP_LOGICAL_WRITE,
			     .op = { .op = op, .gaddr = gaddr, .size = size } },
	};
}

static void request(struct trial t, unsigned int key)
{
	t.request.op.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
	t.request.op.key = (uint8_t)key;
	if (!report_case())
		return;
	report_decided("SLOT-08");
	trial_issue(&t);
}

static void ranges(void)
{
	const uint32_t sizes[] = { 1, 8, 4096, 4097, 16384, (uint32_t)memop_max_size() };
	static const uint64_t places[] = { 0,
					   0x7ff,
					   0xfff,
					   0x1000,
					   0x81234,
					   BASE - 0x1000,
					   BASE - 1,
					   BASE,
					   BASE + 0x55fff,
					   BASE + ARENA_UNIT - 0x1000,
					   BASE + ARENA_UNIT - 1,
					   BASE + ARENA_UNIT };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			for (size_t o = 0; o < ARRAY_SIZE(accesses); o++) {
				struct trial t = access_of(accesses[o], places[i], sizes[s]);

				if (!report_case())
					continue;
				report_decided("SLOT-08");
				trial_both(&t);
			}
}

/* The block in question, between neighbours of which nobody with a key may have anything */
static void keys_of_blocks(void)
{
	static const uint64_t blocks[] = { BASE, BASE + 0x7f000, BASE + ARENA_UNIT - 0x1000 };

	arena_key(arena, BASE, ARENA_PAGES, skey_byte(15, true));
	for (size_t b = 0; b < ARRAY_SIZE(blocks); b++) {
		for (unsigned int n = 0; n < 2 * SKEY_ACCESS_KEYS; n++) {
			arena_key(arena, blocks[b], 1, skey_byte(n / 2, n % 2));
			for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
				for (size_t o = 0; o < ARRAY_SIZE(accesses); o++)
					request(access_of(accesses[o], blocks[b] + 0x123, 40), key);
		}
		arena_key(arena, blocks[b], 1, skey_byte(15, true));
	}
}

/* An access over the border of two blocks of one huge page: either may deny it */
static void across_blocks(void)
{
	const uint64_t at = BASE + 0x80000;

	for (unsigned int first = 0; first < SKEY_ACCESS_KEYS; first += 3)
		for (unsigned int second = 0; second < SKEY_ACCESS_KEYS; second += 3) {
			arena_key(arena, at, 1, skey_byte(first, true));
			arena_key(arena, at + 0x1000, 1, skey_byte(second, true));
			for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
				for (size_t o = 0; o < ARRAY_SIZE(accesses); o++)
					request(access_of(accesses[o], at + 0xff0, 48), key);
		}
}

static uint8_t key_of(unsigned int page)
{
	return skey_byte(page * 7 % SKEY_ACCESS_KEYS, page % 3 == 0);
}

static void all_keys(void)
{
	uint8_t keys[ARENA_PAGES];

	report_deciding("SLOT-08 SKEY-04 SKEY-05");
	for (unsigned int page = 0; page < ARENA_PAGES; page++)
		arena_key(arena, BASE + page * CONTRACT_PAGE, 1, key_of(page));
	report_outcome(outcome_success(), skey_get(arena->vm, BASE, ARENA_PAGES, keys),
		       "KVM_S390_GET_SKEYS of a whole huge page");
	for (unsigned int page = 0; page < ARENA_PAGES; page++)
		/* Reference and change may have been recorded since */
		if (report_case() && (keys[page] & ~(SKEY_REFERENCE | SKEY_CHANGE)) != key_of(page))
			report_wrong("the key of each block in turn", "the one that was set",
				     "%#x in block %u", keys[page], page);
}

static void exchanges(void)
{
	static const uint64_t places[] = { BASE, BASE + 0x80000, BASE + ARENA_UNIT - 16 };

	arena_key(arena, BASE, ARENA_PAGES, skey_byte(3, false));
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (uint32_t size = 1; size <= 16; size *= 2)
			for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
				for (unsigned int differs = 0; differs < 2; differs++) {
					struct trial t = {
						.arena = arena,
						.request.op = {
							.op = KVM_S390_MEMOP_ABSOLUTE_CMPXCHG,
							.gaddr = places[i],
							.size = size,
						},
						.old_differs = differs,
						.old_bit = size * 8 - 1,
					};

					request(t, key);
				}
}

static const struct line lines[] = {
	{ "ranges in huge pages, over the border of two, beyond them",
	  "SLOT-08 MEMOP-RET-01 MEMOP-CHK-01", ranges },
	{ "each block has its key, between others that deny all",
	  "SLOT-08 MEMOP-KEY-03 MEMOP-KEY-06", keys_of_blocks },
	{ "over the border of two blocks, of which either denies", "SLOT-08 MEMOP-KEY-05",
	  across_blocks },
	{ "all storage keys of a huge page", "SLOT-08 SKEY-04 SKEY-05", all_keys },
	{ "cmpxchg, every size and key", "SLOT-08 MEMOP-XCHG-03 MEMOP-XCHG-04", exchanges },
};

static const struct bench bench = {
	.need = MEMOP_CMPXCHG,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.huge = true,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
