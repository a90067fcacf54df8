// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where there is storage an absolute access takes place, and nowhere else.
 *
 * A range that touches an address outside all slots meets an addressing
 * exception, wherever in the range that is; adjacent slots make one range,
 * though their memory lies apart in this process. Bytes at and after the first
 * missing one do not move (docs/contract.md, MEMOP-ADDR).
 *
 * How it is seen: ranges of many sizes begin some bytes before, at and behind
 * every edge of the slots, and at powers of two up to the wrap at 2^64. Each is
 * read, written and checked, without a key, with the key of the storage and with
 * one that is denied, and compared with the oracle byte by byte.
 */
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define MATCHING 3
#define OTHER 5
#define NEAR 9 /* bytes on either side of an edge */

/* Two adjacent slots, a hole, one alone, one that ends at 2 GiB and one beyond 4 GiB */
static const uint64_t slots[] = { 0, 0x100000, 0x300000, 0x7ff00000, 0x200000000 };

static struct arena *arena;

static const uint64_t edges[] = {
	0,	    0x100000,	 0x200000,    0x300000,	   0x400000,  0x7ff00000,
	0x80000000, 0x100000000, 0x200000000, 0x200100000, 1UL << 40, 1UL << 42,
	1UL << 47,  1UL << 52,	 1UL << 53,   1UL << 62,   1UL << 63,
};

static void range(uint64_t gaddr, uint32_t size, uint32_t op)
{
	static const struct {
		uint64_t flag;
		uint8_t key;
	} keys[] = {
		{ 0, OTHER },
		{ KVM_S390_MEMOP_F_SKEY_PROTECTION, MATCHING },
		{ KVM_S390_MEMOP_F_SKEY_PROTECTION, OTHER },
	};

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		struct trial t = {
			.arena = arena,
			.request.op = {
				.op = op,
				.gaddr = gaddr,
				.size = size,
				.key = keys[k].key,
				.flags = keys[k].flag,
			},
		};

		if (report_case())
			trial_both(&t);
	}
}

static void around_edges(uint32_t op)
{
	static const uint32_t sizes[] = { 1, 2, 8, NEAR, 17, 4096, 4097, 8192 };

	/* What is longer than all that is near meets the edge at the same bytes or none */
	for (size_t e = 0; e < ARRAY_SIZE(edges); e++)
		for (int near = -NEAR; near <= NEAR; near++)
			for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
				if (sizes[i] < CONTRACT_PAGE || near % 4 == 0 || near * near == 1)
					range(edges[e] + (uint64_t)near, sizes[i], op);
}

/* The last byte lies at, just before, or just behind the edge */
static void up_to_edges(uint32_t op)
{
	const uint32_t max = (uint32_t)memop_max_size();
	const uint32_t sizes[] = { 1, 16, 4095, 4096, 4097, 12288, max - 1, max };

	for (size_t e = 0; e < ARRAY_SIZE(edges); e++)
		for (int beyond = -1; beyond <= 1; beyond++)
			for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
				range(edges[e] - sizes[i] + (uint64_t)beyond, sizes[i], op);
}

static void read_from_edges(void)
{
	around_edges(KVM_S390_MEMOP_ABSOLUTE_READ);
}

static void write_from_edges(void)
{
	around_edges(KVM_S390_MEMOP_ABSOLUTE_WRITE);
}

static void read_to_edges(void)
{
	up_to_edges(KVM_S390_MEMOP_ABSOLUTE_READ);
}

static void write_to_edges(void)
{
	up_to_edges(KVM_S390_MEMOP_ABSOLUTE_WRITE);
}

/* The second page is missing, access key 0 is in effect: DEV-01 */
static void check_runs_past(void)
{
	static const uint32_t ops[] = { KVM_S390_MEMOP_ABSOLUTE_READ,
					KVM_S390_MEMOP_ABSOLUTE_WRITE };
	static const uint64_t ends[] = { 0x200000, 0x400000, 0x80000000, 0x200100000 };

	for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
		for (size_t e = 0; e < ARRAY_SIZE(ends); e++)
			for (uint32_t size = 2; size <= 8192; size *= 2) {
				struct trial t = {
					.arena = arena,
					.request.op = {
						.op = ops[o],
						.gaddr = ends[e] - 1,
						.size = size,
					},
				};

				if (report_case())
					trial_both(&t);
			}
}

#define CLAUSES "MEMOP-ADDR-01 MEMOP-ADDR-02 MEMOP-ADDR-03 MEMOP-RET-02 MEMOP-CHK-01"

static const struct line lines[] = {
	{ "check-only: a range that runs past the end of a slot", "MEMOP-CHK-01 MEMOP-ADDR-01",
	  check_runs_past },
	{ "read: ranges that begin around the edges of slots", CLAUSES, read_from_edges },
	{ "write: ranges that begin around the edges of slots", CLAUSES, write_from_edges },
	{ "read: ranges that end around the edges of slots", CLAUSES, read_to_edges },
	{ "write: ranges that end around the edges of slots", CLAUSES, write_to_edges },
};

static void set_keys(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		arena_key(arena, slots[i], ARENA_PAGES, skey_byte(MATCHING, true));
}

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.begin = set_keys,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
