// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every exception of dynamic address translation, by MEM_OP and by the CPU.
 *
 * docs/contract.md, MEMOP-LOG-06, MEMOP-LOG-07; PoP, chapter 3, "Dynamic Address
 * Translation", "DAT Protection"; chapter 6 for the exceptions.
 *
 * How it is seen: two pages meet at an address where each has tables of its own
 * at every level. One entry on the path of one of them is spoilt: invalid, of the
 * wrong type, with a table that is too short or begins too late, protected, with
 * reserved bits, or leading outside of storage. Reads, writes and check-only
 * accesses to that page, to the other, and across both are compared with the
 * oracle; then the guest makes the same accesses with the same tables in its
 * secondary space, and the CPU's interruption code must be the same.
 *
 * Over 300 lines: entries, tables and spaces are spoilt for one pair of pages.
 */
#include <stdio.h>

#include "s390x/dat.h"
#include "s390x/judge.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/trial.h"

#define TABLES 0x400000UL
#define NOWHERE 0x70000000UL
#define FIRST_FRAME 0x103000UL
#define SECOND_FRAME 0x305000UL
#define LARGE_FRAME 0x300000UL

static const uint64_t slots[] = { 0x100000, 0x300000 };

static struct arena *arena;
static struct dat dat;

#define LEVEL(l) (1U << ((l) + 1))
#define REGIONS (LEVEL(DAT_REGION_THIRD) | LEVEL(DAT_REGION_SECOND) | LEVEL(DAT_REGION_FIRST))

/* One way to spoil an entry: keep @keep of it and turn @set on */
struct fault {
	const char *name;
	unsigned int levels;
	uint64_t keep, set;
};

static const struct fault faults[] = {
	{ "nothing", LEVEL(DAT_SEGMENT), ~0UL, 0 },
	{ "invalid", REGIONS | LEVEL(DAT_SEGMENT), ~0UL, DAT_INVALID },
	{ "invalid", LEVEL(DAT_PAGE), ~0UL, DAT_PAGE_INVALID },
	{ "table type one more", REGIONS | LEVEL(DAT_SEGMENT), ~0xcUL, 0 },
	{ "table type 3", LEVEL(DAT_REGION_THIRD) | LEVEL(DAT_REGION_SECOND) | LEVEL(DAT_SEGMENT),
	  ~0UL, 0xc },
	{ "table length 0", REGIONS, ~3UL, 0 },
	{ "table length 2", REGIONS, ~3UL, 2 },
	{ "table offset 1", REGIONS, ~0xc0UL, 1 << DAT_OFFSET_SHIFT },
	{ "table offset 3", REGIONS, ~0xc0UL, 3 << DAT_OFFSET_SHIFT },
	{ "protected", REGIONS | LEVEL(DAT_SEGMENT) | LEVEL(DAT_PAGE), ~0UL, DAT_PROTECTED },
	{ "bit 52", LEVEL(DAT_PAGE), ~0UL, DAT_PAGE_BIT_52 },
	{ "common", LEVEL(DAT_SEGMENT) | LEVEL(DAT_REGION_THIRD), ~0UL, DAT_COMMON },
	/* Of a region-third entry it makes a frame of 2 GiB, where there is enhanced DAT 2 */
	{ "format control", REGIONS, ~0UL, DAT_LARGE },
	{ "outside of storage", REGIONS | LEVEL(DAT_SEGMENT) | LEVEL(DAT_PAGE), 0xfff, NOWHERE },
	{ "protected and outside of storage", LEVEL(DAT_PAGE), 0xfff, NOWHERE | DAT_PROTECTED },
	{ "invalid and protected", LEVEL(DAT_PAGE), ~0UL, DAT_PAGE_INVALID | DAT_PROTECTED },
};

/* Below a protected entry frames of 1 MiB are protected too */
static const struct fault large = { "a frame of 1 MiB", LEVEL(DAT_SEGMENT), 0,
				    LARGE_FRAME | DAT_LARGE };
static const struct fault protected = { "protected", REGIONS | LEVEL(DAT_SEGMENT), ~0UL,
					DAT_PROTECTED };

#define PLACES 3

static char state[160];

/* Accesses of 8 bytes at these places beside @border: MEM_OP, then the CPU */
static void at_places(uint64_t border, const int *places, size_t count)
{
	struct judge_order orders[2 * PLACES];
	struct trial trials[2 * PLACES];
	bool run[2 * PLACES], any = false;
	size_t n = 0;

	arena->state.cpu.psw_mask = JUDGE_PSW | PSW_DAT | PSW_AS_SECONDARY;
	arena_cpu(arena);
	for (size_t p = 0; p < count; p++)
		for (uint32_t op = KVM_S390_MEMOP_LOGICAL_READ; op <= KVM_S390_MEMOP_LOGICAL_WRITE;
		     op++, n++) {
			struct trial *t = &trials[n];

			*t = (struct trial){
				.arena = arena,
				.state = state,
				.request.on_vcpu = true,
				.request.op = { .op = op,
						.gaddr = border + (uint64_t)places[p],
						.size = 8 },
			};
			orders[n] = (struct judge_order){
				.address = t->request.op.gaddr,
				.psw_mask = arena->state.cpu.psw_mask,
				.kind = op == KVM_S390_MEMOP_LOGICAL_WRITE ? JUDGE_STORE
									   : JUDGE_FETCH,
			};
			run[n] = report_case();
			if (!run[n])
				continue;
			any = true;
			run[n] = trial_both(t);
		}
	if (!any)
		return;
	judge_run(arena, orders, n);
	arena_reset(arena, FIRST_FRAME, CONTRACT_PAGE);
	arena_reset(arena, SECOND_FRAME, CONTRACT_PAGE);
	for (size_t i = 0; i < n; i++)
		if (run[i])
			judge_compare(&trials[i], &orders[i]);
}

static void around(uint64_t border)
{
	static const int places[PLACES] = { -0x800, -4, 0x7f8 };

	at_places(border, places, PLACES);
}

static void spoil(uint64_t *entry, const struct fault *f, int level)
{
	*entry = (*entry & f->keep) | f->set;
	/* "one more": types are numbered by level */
	if (f->keep == ~0xcUL)
		*entry |= (uint64_t)((level + 1) % 4) << DAT_TYPE_SHIFT;
}

static uint64_t border_of(int top)
{
	return top == DAT_SEGMENT ? 0x100000UL : 1UL << (20 + 11 * top);
}

static void set_registers(uint64_t asce, uint64_t cr0)
{
	arena->state.cpu.cr[0] = cr0;
	arena->state.cpu.cr[1] = JUDGE_REAL_SPACE;
	arena->state.cpu.cr[7] = asce;
}

/* Each fault at each level, on either page's path, in ordinary and private spaces */
static void spoilt(int top, uint64_t cr0)
{
	uint64_t border = border_of(top);

	for (size_t f = 0; f < ARRAY_SIZE(faults); f++)
		for (int level = DAT_PAGE; level <= top; level++)
			for (int second = 0; second < 2; second++) {
				uint64_t asce;

				if (!(faults[f].levels & LEVEL(level)))
					continue;
				dat_reset(&dat);
				asce = dat_space(&dat, (enum dat_level)top);
				dat_map(&dat, asce, border - CONTRACT_PAGE, FIRST_FRAME);
				dat_map(&dat, asce, border, SECOND_FRAME);
				spoil(dat_entry(&dat, asce, second ? border : border - 1,
						(enum dat_level)level),
				      &faults[f], level);
				for (uint64_t private = 0; private <= DAT_ASCE_PRIVATE;
				     private += DAT_ASCE_PRIVATE) {
					snprintf(state, sizeof(state),
						 "%s entry at level %d of %d, of the %s page; CR0 "
						 "%#lx%s",
						 faults[f].name, level, top,
						 second ? "second" : "first", (unsigned long)cr0,
						 private ? ", private space" : "");
					set_registers(asce | private, cr0);
					around(border);
				}
			}
}

static void spoilt_tables(void)
{
	for (int top = DAT_SEGMENT; top <= DAT_REGION_FIRST; top++)
		spoilt(top, 0);
}

static void spoilt_tables_edat(void)
{
	if (!arena->state.cpu.edat1) {
		report_skip(SKIP_ARCHITECTURE, "needs facility 8 (EDAT-1)");
		return;
	}
	for (int top = DAT_SEGMENT; top <= DAT_REGION_FIRST; top++)
		spoilt(top, CR0_EDAT);
}

/* One page, by tables of all levels, with a fault in the entry of each of two of them, or in one */
static void two(const struct fault *f, int upper, const struct fault *g, int lower)
{
	static const int inside = 0x100;
	/* As a frame of 1 MiB or of 2 GiB is, too */
	const uint64_t address = border_of(DAT_REGION_FIRST) + SECOND_FRAME;
	uint64_t asce;

	if (!(f->levels & LEVEL(upper)) || !(g->levels & LEVEL(lower)))
		return;
	dat_reset(&dat);
	asce = dat_space(&dat, DAT_REGION_FIRST);
	dat_map(&dat, asce, address, SECOND_FRAME);
	/* Both entries are there before one of them is no entry any more */
	uint64_t *first = dat_entry(&dat, asce, address, (enum dat_level)upper),
		 *second = dat_entry(&dat, asce, address, (enum dat_level)lower);
	spoil(first, f, upper);
	spoil(second, g, lower);
	snprintf(state, sizeof(state), "%s entry at level %d, and at level %d %s", f->name, upper,
		 lower, g->name);
	set_registers(asce, CR0_EDAT);
	at_places(address, &inside, 1);
}

/* An entry with two faults, and any fault below an entry that protects */
static void spoilt_twice(void)
{
	if (!arena->state.cpu.edat1) {
		report_skip(SKIP_ARCHITECTURE, "needs facility 8 (EDAT-1)");
		return;
	}
	for (int level = DAT_PAGE; level <= DAT_REGION_FIRST; level++)
		for (size_t f = 1; f < ARRAY_SIZE(faults); f++) {
			for (size_t g = f + 1; g < ARRAY_SIZE(faults); g++)
				two(&faults[f], level, &faults[g], level);
			for (int above = level + 1; above <= DAT_REGION_FIRST; above++)
				two(&protected, above, &faults[f], level);
		}
	for (int above = DAT_REGION_THIRD; above <= DAT_REGION_FIRST; above++)
		two(&protected, above, &large, DAT_SEGMENT);
}

/* The address is beyond what the ASCE's type or length designates */
static void beyond_asce(void)
{
	for (int top = DAT_SEGMENT; top <= DAT_REGION_FIRST; top++)
		for (uint64_t length = 0; length < 4; length++) {
			uint64_t asce, unit = 1UL << (20 + 11 * top);

			dat_reset(&dat);
			asce = (dat_space(&dat, (enum dat_level)top) & ~3UL) | length;
			snprintf(state, sizeof(state), "ASCE %#lx", (unsigned long)asce);
			set_registers(asce, 0);
			/* What stands behind the table would translate: its length forbids it */
			for (uint64_t quarter = 1; quarter < 4; quarter++)
				dat_map(&dat, asce, quarter * 512 * unit, SECOND_FRAME);
			for (uint64_t quarter = 0; quarter < 4; quarter++)
				around((quarter + 1) * 512 * unit);
			for (int bit = 31 + 11 * top; bit < 64; bit += 3)
				around((1UL << bit) + 0x10000);
			around(0);
		}
}

/* The designated table itself is not in storage */
static void missing_table(void)
{
	for (int top = DAT_SEGMENT; top <= DAT_REGION_FIRST; top++) {
		snprintf(state, sizeof(state), "top table of level %d outside of storage", top);
		set_registers(NOWHERE | (uint64_t)top << DAT_TYPE_SHIFT | 3, 0);
		around(border_of(top));
		around(0x100000);
	}
}

/*
 * Large segments: protected, outside of storage, with common-segment bit. With
 * enhanced DAT off they are none: what is there is taken for a page table.
 */
static void large_segments(void)
{
	static const uint64_t entries[] = {
		0x300000 | DAT_LARGE,
		0x300000 | DAT_LARGE | DAT_PROTECTED,
		0x300000 | DAT_LARGE | DAT_COMMON,
		0x300000 | DAT_LARGE | DAT_INVALID,
		0x300000 | DAT_LARGE | 4,
		NOWHERE | DAT_LARGE,
		NOWHERE | DAT_LARGE | DAT_PROTECTED,
	};

	if (!arena->state.cpu.edat1) {
		report_skip(SKIP_ARCHITECTURE, "needs facility 8 (EDAT-1)");
		return;
	}
	for (size_t i = 0; i < 2 * ARRAY_SIZE(entries); i++)
		for (uint64_t private = 0; private <= DAT_ASCE_PRIVATE;
		     private += DAT_ASCE_PRIVATE) {
			uint64_t entry = entries[i / 2], cr0 = i % 2 ? 0 : CR0_EDAT, asce;

			dat_reset(&dat);
			asce = dat_space(&dat, DAT_REGION_THIRD);
			*dat_entry(&dat, asce, 0x500000, DAT_SEGMENT) = 0x100000 | DAT_LARGE;
			*dat_entry(&dat, asce, 0x600000, DAT_SEGMENT) = entry;
			snprintf(state, sizeof(state),
				 "second segment-table entry %#lx, CR0 %#lx%s",
				 (unsigned long)entry, (unsigned long)cr0,
				 private ? ", private space" : "");
			set_registers(asce | private, cr0);
			around(0x600000);
			around(0x605000);
			arena_reset(arena, 0x100000, ARENA_UNIT);
			arena_reset(arena, 0x300000, ARENA_UNIT);
		}
}

#define CLAUSES "MEMOP-LOG-06 MEMOP-LOG-07 MEMOP-CHK-01 MEMOP-ADDR-03"

static const struct line lines[] = {
	{ "each entry of each table spoilt in each way", CLAUSES, spoilt_tables },
	{ "the same with enhanced DAT", CLAUSES, spoilt_tables_edat },
	{ "addresses beyond type and length of the ASCE", "MEMOP-LOG-06 MEMOP-CHK-01",
	  beyond_asce },
	{ "tables outside of storage", "MEMOP-LOG-06 MEMOP-CHK-01", missing_table },
	{ "large segments", CLAUSES, large_segments },
	{ "two faults of the path to a page", CLAUSES, spoilt_twice },
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
