// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access-register translation: which space "ar" designates, and every exception
 * on the way.
 *
 * docs/contract.md, MEMOP-LOG-05 and MEMOP-LOG-06; PoP, chapter 5,
 * "Access-Register Translation".
 *
 * How it is seen: an access list holds one good entry, which leads to a space
 * whose two pages hold known bytes. One field of the access-list-entry token, the
 * list's designation, the entry or the address-space table entry is spoilt in
 * turn. MEM_OP with each access register, oracle, and a CPU that makes the same
 * access by the same access register must agree.
 *
 * Over 300 lines: one table of access lists, spoilt entry by entry.
 */
#include <stdio.h>

#include "s390x/dat.h"
#include "s390x/judge.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/trial.h"

#define TABLES 0x400000UL
#define NOWHERE 0x70000000UL
#define ADDRESS 0x234000UL
#define FIRST_FRAME 0x103000UL
#define SECOND_FRAME 0x305000UL
#define PRIMARY_FRAME 0x108000UL
#define SECONDARY_FRAME 0x30c000UL

/* The good entry of the list */
#define NUMBER 10U
#define SEQUENCE 0x5aU
#define ASTE_SEQUENCE 0x12345678U
#define IGNORED_8 0xffffffff0000ffffUL /* of control register 8 */

static const uint64_t slots[] = { 0x100000, 0x300000 };

static struct arena *arena;
static struct dat dat;
static char state[160];

/* Where the pieces of the good path are, in this process */
static struct {
	uint32_t *ald;	/* access-list designation */
	uint32_t *ale;	/* access-list entry, 4 words */
	uint32_t *aste; /* address-space table entry, 16 words */
	uint8_t *authority;
	uint64_t space; /* the ASCE that it leads to */
	uint32_t alet;
} path;

static uint64_t two_pages(uint64_t first, uint64_t second)
{
	uint64_t asce = dat_space(&dat, DAT_SEGMENT);

	dat_map(&dat, asce, ADDRESS, first);
	dat_map(&dat, asce, ADDRESS + CONTRACT_PAGE, second);
	return asce;
}

static uint32_t low(uint64_t address)
{
	return (uint32_t)address;
}

/* The good path, by the primary list (control register 5) or the dispatchable unit's (2) */
static void build(bool primary)
{
	struct cpu *cpu = &arena->state.cpu;
	uint64_t control, list, aste, authority;

	dat_reset(&dat);
	dat_alloc(&dat, 64, 128); /* What follows is at a multiple of 64 and of no more */
	control = dat_alloc(&dat, 64, 64);
	list = dat_alloc(&dat, 16 * 32, 128);
	aste = dat_alloc(&dat, 64, 64);
	authority = dat_alloc(&dat, 64, 4);
	path.ald = (uint32_t *)dat_at(&dat, control) + 4;
	path.ale = (uint32_t *)dat_at(&dat, list) + 4 * NUMBER;
	path.aste = dat_at(&dat, aste);
	path.authority = dat_at(&dat, authority);
	path.space = two_pages(FIRST_FRAME, SECOND_FRAME);
	path.alet = (primary ? 1U << 24 : 0) | SEQUENCE << 16 | NUMBER;

	*path.ald = low(list) | 3; /* 32 entries */
	path.ale[0] = SEQUENCE << 16;
	path.ale[2] = low(aste);
	path.ale[3] = ASTE_SEQUENCE;
	path.aste[0] = low(authority);
	path.aste[1] = 3 << 4; /* 64 authority indexes */
	path.aste[2] = (uint32_t)(path.space >> 32);
	path.aste[3] = low(path.space);
	path.aste[5] = ASTE_SEQUENCE;

	for (int i = 0; i < 16; i++)
		cpu->cr[i] = 0;
	cpu->cr[1] = JUDGE_REAL_SPACE;
	cpu->cr[7] = two_pages(SECONDARY_FRAME, PRIMARY_FRAME);
	/* The other list designation is no good, so that the right one is used */
	cpu->cr[2] = primary ? NOWHERE : control;
	cpu->cr[5] = primary ? control : NOWHERE;
	/* Bits that are no part of the origins and of the authorization index */
	cpu->cr[2] |= 0xa5a5a5a580000000;
	cpu->cr[5] |= 0x5a5a5a5a8000003f;
	cpu->cr[8] = IGNORED_8;
	cpu->psw_mask = JUDGE_PSW | PSW_DAT | PSW_AS_REGISTER;
}

static void mem_op(uint32_t op, uint64_t gaddr, uint8_t ar, struct trial *t)
{
	*t = (struct trial){
		.arena = arena,
		.state = state,
		.request.on_vcpu = true,
		.request.op = { .op = op, .gaddr = gaddr, .size = 8 },
	};
	t->request.op.ar = ar;
}

/* With @alet in access register @ar: fetch and store, within a page and across */
static void with_register(uint32_t alet, uint8_t ar)
{
	static const uint64_t places[] = { ADDRESS + 0x100, ADDRESS + 0xffc };
	struct judge_order orders[4];
	struct trial trials[4];
	bool good[4], any = false;
	size_t n = 0;

	for (int i = 0; i < 16; i++)
		arena->state.cpu.ar[i] = i == ar ? alet : 0xfe000000;
	arena_cpu(arena);
	for (size_t p = 0; p < ARRAY_SIZE(places); p++)
		for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++, n++) {
			mem_op(op, places[p], ar, &trials[n]);
			orders[n] = (struct judge_order){
				.address = places[p],
				.psw_mask = arena->state.cpu.psw_mask,
				.kind = op == KVM_S390_MEMOP_LOGICAL_WRITE ? JUDGE_STORE
									   : JUDGE_FETCH,
			};
			good[n] = report_case();
			if (!good[n])
				continue;
			any = true;
			good[n] = trial_both(&trials[n]);
		}
	/* ALET 0 leads the judge to its real space, where it would store into its own */
	if (!any || ar != JUDGE_AR || !alet)
		return;
	judge_run(arena, orders, n);
	arena_reset(arena, slots[0], ARENA_UNIT);
	arena_reset(arena, slots[1], ARENA_UNIT);
	for (size_t i = 0; i < n; i++)
		if (good[i])
			judge_compare(&trials[i], &orders[i]);
}

static void all_registers(uint32_t alet)
{
	for (uint8_t ar = 1; ar < 16; ar++)
		with_register(alet, ar);
}

static void good_path(void)
{
	for (int primary = 0; primary < 2; primary++) {
		build(primary);
		snprintf(state, sizeof(state), "good path, %s list",
			 primary ? "primary" : "unit's");
		all_registers(path.alet);
		all_registers(1);
		/* Register 0 designates the primary space, whatever it holds */
		arena->state.cpu.cr[1] = two_pages(PRIMARY_FRAME, SECONDARY_FRAME);
		with_register(path.alet, 0);
		with_register(0, 3);
	}
}

static void each_list(void (*spoil)(unsigned int n), unsigned int count, const char *what)
{
	for (int primary = 0; primary < 2; primary++)
		for (unsigned int n = 0; n < count; n++) {
			build(primary);
			spoil(n);
			snprintf(state, sizeof(state), "%s, number %u, %s list", what, n,
				 primary ? "primary" : "unit's");
			with_register(path.alet, JUDGE_AR);
			with_register(path.alet, 15);
		}
}

static void spoil_alet(unsigned int n)
{
	if (n < 7) /* reserved bits */
		path.alet |= 1U << (25 + n);
	else if (n < 15) /* sequence number */
		path.alet ^= 1U << (16 + n - 7);
	else if (n < 31) /* entry number */
		path.alet ^= 1U << (n - 15);
	else
		path.alet ^= 1U << 24; /* the other list */
}

static void alets(void)
{
	each_list(spoil_alet, 32, "ALET with one bit wrong");
}

/* Lists of each length, on both sides of the entry; list and control block out of storage */
static void spoil_list(unsigned int n)
{
	if (n < 4) {
		*path.ald = (*path.ald & ~0x7fU) | n;
	} else if (n == 4) {
		*path.ald = low(NOWHERE) | 3;
	} else if (n == 5) {
		arena->state.cpu.cr[2] = arena->state.cpu.cr[5] = NOWHERE;
	} else {
		path.alet += n - 6; /* entries behind: not used, or behind the list */
		path.ale[4 * (n - 6)] |= n & 1 ? 0 : 1U << 31;
	}
}

static void lists(void)
{
	each_list(spoil_list, 20, "access list");
}

static void spoil_entry(unsigned int n)
{
	if (n < 32)
		path.ale[0] ^= 1U << n;
	else if (n < 64)
		path.ale[3] ^= 1U << (n - 32);
	else if (n == 64)
		path.ale[2] = low(NOWHERE);
	else
		path.ale[1] = ~0U; /* not looked at */
}

static void entries(void)
{
	each_list(spoil_entry, 66, "access-list entry");
}

static void spoil_aste(unsigned int n)
{
	if (n == 0)
		path.aste[0] |= 1U << 31;
	else if (n <= 32)
		path.aste[5] ^= 1U << (n - 1);
	else if (n == 33)
		path.aste[3] = low(NOWHERE) | 3; /* the space's table is missing */
	else
		path.aste[3] ^= 0xc; /* no segment table */
}

static void address_spaces(void)
{
	each_list(spoil_aste, 35, "address-space table entry");
}

/* Index 77, or with one of its 16 bits wrong: 77 is behind the table of 64 */
static unsigned int index_77(unsigned int wrong)
{
	return wrong < 16 ? 77 ^ 1U << wrong : 77;
}

/*
 * A private entry: equal extended authorization indexes permit, else the
 * authority table's secondary bit. Index 0 to 79, of which the table has 64;
 * no table; each bit of either index that makes them unequal.
 */
static void spoil_authority(unsigned int n)
{
	unsigned int index = n < 80 ? n : index_77(n - 81), wanted = index_77(n - 97);

	path.ale[0] |= 1U << 24 | wanted; /* private */
	arena->state.cpu.cr[8] = IGNORED_8 | (uint64_t)index << 16;
	for (unsigned int i = 0; i < 16; i++)
		path.authority[i] = i & 1 ? 0x40 >> (i / 2 % 4) * 2 : 0xaa;
	/* Behind the table's end everything would be permitted */
	for (unsigned int i = 16; i < 64; i++)
		path.authority[i] = 0xff;
	if (n == 80) {
		path.aste[0] = low(NOWHERE);
		arena->state.cpu.cr[8] = IGNORED_8;
	}
}

static void authority(void)
{
	each_list(spoil_authority, 113, "extended authorization index");
}

/* ---------------------------------------------------------------- two faults at once */

static void no_authority(void)
{
	path.ale[0] |= 1U << 24 | 77;
	arena->state.cpu.cr[8] = IGNORED_8;
	memset(path.authority, 0, 16);
}

static void behind_the_authority_table(void)
{
	path.ale[0] |= 1U << 24 | 77;
	arena->state.cpu.cr[8] = IGNORED_8 | 70 << 16;
}

static void fetch_only(void)
{
	path.ale[0] |= 1U << 25;
}

static void entry_invalid(void)
{
	path.ale[0] |= 1U << 31;
}

static void entry_out_of_sequence(void)
{
	path.ale[0] ^= 1U << 16;
}

static void space_nowhere(void)
{
	path.ale[2] = low(NOWHERE);
}

static void space_invalid(void)
{
	path.aste[0] |= 1U << 31;
}

static void space_out_of_sequence(void)
{
	path.aste[5] ^= 1;
}

static void list_too_short(void)
{
	*path.ald &= ~0x7fU;
}

static void (*const faults[])(void) = {
	list_too_short, entry_invalid,	       entry_out_of_sequence, space_nowhere,
	space_invalid,	space_out_of_sequence, no_authority,	      behind_the_authority_table,
	fetch_only,
};
#define FAULTS ARRAY_SIZE(faults)

/* Each pair; with itself it is one fault, and the rest of the path is good */
static void spoil_twice(unsigned int n)
{
	faults[n / FAULTS]();
	faults[n % FAULTS]();
}

static void pairs(void)
{
	each_list(spoil_twice, FAULTS * FAULTS, "two faults of the path");
}

static const struct line lines[] = {
	{ "the space that the access list designates, by each access register", "MEMOP-LOG-05",
	  good_path },
	{ "each bit of the ALET", "MEMOP-LOG-06 MEMOP-CHK-01", alets },
	{ "length and place of the access list", "MEMOP-LOG-06", lists },
	{ "each bit of the access-list entry", "MEMOP-LOG-06 MEMOP-LOG-07", entries },
	{ "the address-space table entry", "MEMOP-LOG-06", address_spaces },
	{ "private entries and extended authority", "MEMOP-LOG-06", authority },
	{ "of two faults of the path, the one that translation meets first", "MEMOP-LOG-06",
	  pairs },
};

static const struct bench bench = {
	.need = MEMOP_ANY,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.dat = &dat,
	.tables = TABLES,
	.judge = true,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
