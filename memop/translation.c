// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logical accesses go where the state of the vCPU says.
 *
 * docs/contract.md, MEMOP-LOG-02; PoP, chapter 3, "Dynamic Address Translation"
 * and "Prefixing", chapter 5, "Address Size and Wraparound".
 *
 * How it is seen: pages that follow each other in the address space are scattered
 * over two slots, every byte of which is known. Ranges within a page, across
 * pages, segments and regions, and around the end of the address space, are read,
 * written and checked in every mode. A page translated by the wrong table, in the
 * wrong space or at the wrong address shows other bytes.
 *
 * Over 300 lines: each kind of table, mode and model lays out tables of its own.
 */
#include "s390x/dat.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/trial.h"

#define TABLES 0x400000UL

/* The last is where 31-bit addresses end, and the last prefix area is */
static const uint64_t slots[] = { 0, 0x100000, 0x300000, 0x7ff00000 };

static struct arena *arena;
static struct dat dat;
static uint32_t max;

static const uint64_t modes[] = { 0, PSW_BA, PSW_EA | PSW_BA };

/* A page of one of both larger slots, never twice the same in 512 */
static uint64_t scattered(unsigned int n)
{
	n = n * 37 % 512;
	return (n & 1 ? 0x100000UL : 0x300000UL) + (n / 2) * CONTRACT_PAGE;
}

/* @pages pages from @address on, wrapping at @limit */
static void map(uint64_t asce, uint64_t address, unsigned int pages, uint64_t limit)
{
	for (unsigned int n = 0; n < pages; n++)
		dat_map(&dat, asce, (address + n * CONTRACT_PAGE) & (limit - 1), scattered(n));
}

static void each(uint64_t gaddr, uint32_t size, uint8_t ar)
{
	for (uint32_t op = KVM_S390_MEMOP_LOGICAL_READ; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++)
		for (unsigned int check = 0; check < 2; check++) {
			struct trial t = {
				.arena = arena,
				.request.on_vcpu = true,
				.request.op = { .op = op,
						.gaddr = gaddr,
						.size = size,
						.flags = check ? KVM_S390_MEMOP_F_CHECK_ONLY : 0 },
			};

			t.request.op.ar = ar;
			trial_run(&t);
		}
}

/* Ranges around @border, before which @before pages are mapped */
static void around(uint64_t border, uint64_t before, uint8_t ar)
{
	const uint32_t sizes[] = { 1, 2, 16, 4096, 4097, 12288, max };
	static const uint64_t back[] = { 1, 9, 4096, 4099, 8192 };

	for (size_t b = 0; b < ARRAY_SIZE(back); b++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			if (back[b] <= before * CONTRACT_PAGE)
				each(border - back[b], sizes[i], ar);
}

static void set_cpu(uint64_t psw_mask, uint64_t asce, unsigned int cr)
{
	struct cpu *cpu = &arena->state.cpu;

	for (int i = 0; i < 16; i++) {
		cpu->cr[i] = i == 0 ? 0xe0 : 0;
		cpu->ar[i] = 0;
	}
	/* What is not meant translates to nothing: a segment table of invalid entries */
	cpu->cr[1] = cpu->cr[7] = cpu->cr[13] = dat_space(&dat, DAT_SEGMENT);
	cpu->cr[cr] = asce;
	cpu->psw_mask = psw_mask;
	arena_cpu(arena);
}

/* The address-space controls, and the control register with the ASCE */
static const struct {
	uint64_t as;
	unsigned int cr;
	uint32_t alet;
} spaces[] = {
	{ PSW_AS_PRIMARY, 1, 0 },  { PSW_AS_SECONDARY, 7, 0 }, { PSW_AS_HOME, 13, 0 },
	{ PSW_AS_REGISTER, 1, 0 }, { PSW_AS_REGISTER, 7, 1 },
};

/* In each mode and space, across the border that a table of @level has */
static void levels(enum dat_level top)
{
	const uint64_t border = top == DAT_SEGMENT ? 0x100000UL : 1UL << (20 + 11 * top);

	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		uint64_t asce;

		dat_reset(&dat);
		asce = dat_space(&dat, top);
		map(asce, border - 4 * CONTRACT_PAGE, 24, 0);
		set_cpu(PSW_DAT | PSW_EA | PSW_BA | spaces[i].as, asce, spaces[i].cr);
		for (unsigned int ar = 0; ar < 16; ar += spaces[i].alet ? 5 : 15) {
			/* Access register 0 is as if it held 0 (PoP, chapter 5) */
			if (!ar && spaces[i].alet)
				continue;
			arena->state.cpu.ar[ar] = ar ? spaces[i].alet : 1;
			arena_cpu(arena);
			around(border, 4, (uint8_t)ar);
		}
	}
}

static void segments(void)
{
	levels(DAT_SEGMENT);
}

static void region_third(void)
{
	levels(DAT_REGION_THIRD);
}

static void region_second(void)
{
	levels(DAT_REGION_SECOND);
}

static void region_first(void)
{
	levels(DAT_REGION_FIRST);
}

/* 24, 31 and 64 bits: the bits beyond mean nothing, and the end leads to 0 */
static void wraparound(void)
{
	static const uint64_t limits[] = { 1UL << 24, 1UL << 31, 0 };

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
		for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
			uint64_t asce;

			dat_reset(&dat);
			asce = dat_space(&dat, limits[m] ? DAT_SEGMENT : DAT_REGION_FIRST);
			map(asce, limits[m] - 4 * CONTRACT_PAGE, 24, limits[m]);
			set_cpu(PSW_DAT | modes[m] | spaces[i].as, asce, spaces[i].cr);
			arena->state.cpu.ar[3] = spaces[i].alet;
			arena_cpu(arena);
			around(limits[m], 4, 3);
			if (limits[m])
				around(0x5a5a5a5a00000000 | limits[m], 4, 3);
			if (m == 0)
				around(0x5a000000, 4, 3);
		}
}

/* DAT off: real addresses, prefixed */
static void prefixes(void)
{
	static const uint64_t prefix[] = { 0, 0x2000, 0x100000, 0x1fe000, 0x300000, 0x7fffe000 };
	enum { WITH_PREFIX = 1 }; /* the one that meets all places in all modes */
	static const uint64_t places[] = { 0x1000,   0x2000,   0x4000,	 0x100000, 0x101000,
					   0x102000, 0x200000, 0x301000, 0x302000 };

	for (size_t i = 0; i < ARRAY_SIZE(prefix); i++)
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			arena->state.cpu.prefix = prefix[i];
			set_cpu(modes[m], 0, 1);
			/* Modes and prefixes have nothing to do with each other but at the ends */
			for (size_t p = 0; p < ARRAY_SIZE(places); p++)
				if (i == WITH_PREFIX || p % ARRAY_SIZE(modes) == m)
					around(places[p], 1, 0);
			around(prefix[i] + 0x1000, 1, 0);
			if (m < 2)
				around(m ? 1UL << 31 : 1UL << 24, 1, 0);
		}
	arena->state.cpu.prefix = 0;
}

/* DAT on: what comes out of a page table, and a real-space ASCE, is prefixed too */
static void prefixes_with_dat(void)
{
	static const uint64_t frames[] = { 0, 0x1000, 0x2000, 0x100000, 0x101000, 0x102000 };
	static const uint64_t prefix[] = { 0, 0x2000, 0x100000, 0x7fffe000 };

	for (size_t i = 0; i < ARRAY_SIZE(prefix); i++) {
		uint64_t asce;

		dat_reset(&dat);
		asce = dat_space(&dat, DAT_SEGMENT);
		for (size_t f = 0; f < ARRAY_SIZE(frames); f++)
			dat_map(&dat, asce, (f + 1) * CONTRACT_PAGE, frames[f]);
		arena->state.cpu.prefix = prefix[i];
		set_cpu(PSW_DAT | PSW_EA | PSW_BA, asce, 1);
		for (size_t f = 0; f < ARRAY_SIZE(frames); f++)
			around((f + 2) * CONTRACT_PAGE, 1, 0);
		set_cpu(PSW_DAT | PSW_EA | PSW_BA, DAT_ASCE_REAL, 1);
		around(0x1000, 1, 0);
		around(0x3000, 1, 0);
		around(0x102000, 1, 0);
		around(0x200000, 1, 0);
	}
	arena->state.cpu.prefix = 0;
}

/* Segments of 1 MiB without page tables: EDAT-1, by bit 40 of control register 0 */
static void large_segments(void)
{
	uint64_t asce;

	if (!arena->state.cpu.edat1) {
		report_skip(SKIP_ARCHITECTURE, "needs facility 8 (EDAT-1)");
		return;
	}
	dat_reset(&dat);
	asce = dat_space(&dat, DAT_REGION_THIRD);
	*dat_entry(&dat, asce, 0x500000, DAT_SEGMENT) = 0x300000 | DAT_LARGE;
	*dat_entry(&dat, asce, 0x600000, DAT_SEGMENT) = 0x100000 | DAT_LARGE;
	set_cpu(PSW_DAT | PSW_EA | PSW_BA, asce, 1);
	arena->state.cpu.cr[0] |= CR0_EDAT;
	arena_cpu(arena);
	around(0x580000, 1, 0);
	around(0x600000, 4, 0);
	/* What they map is an absolute address: no prefixing */
	arena->state.cpu.prefix = 0x100000;
	arena_cpu(arena);
	around(0x602000, 3, 0);
	arena->state.cpu.prefix = 0;
}

/* Regions of 2 GiB without segment tables: EDAT-2 */
static void large_regions(void)
{
	const uint64_t region = 1UL << 31, frame = DAT_LARGE | DAT_REGION_THIRD << DAT_TYPE_SHIFT;
	uint64_t asce;

	if (!arena->state.cpu.edat2) {
		report_skip(SKIP_ARCHITECTURE, "needs facility 78 (EDAT-2)");
		return;
	}
	dat_reset(&dat);
	asce = dat_space(&dat, DAT_REGION_SECOND);
	*dat_entry(&dat, asce, region, DAT_REGION_THIRD) = frame;
	*dat_entry(&dat, asce, 2 * region, DAT_REGION_THIRD) = frame | DAT_PROTECTED;
	map(asce, region - 4 * CONTRACT_PAGE, 4, 0);
	set_cpu(PSW_DAT | PSW_EA | PSW_BA, asce, 1);
	arena->state.cpu.cr[0] |= CR0_EDAT;
	arena_cpu(arena);
	around(region, 4, 0);
	around(region + 0x180000, 1, 0);
	around(region + 0x300000, 4, 0);
	around(2 * region, 4, 0);
	around(2 * region + 0x180000, 1, 0);
	/* What they map is an absolute address: no prefixing */
	arena->state.cpu.prefix = 0x100000;
	arena_cpu(arena);
	around(region + 0x102000, 3, 0);
	arena->state.cpu.prefix = 0;
	trial_rest(arena);
}

/*
 * A model without EDAT-1 or -2: control register 0 and the format-control bits say nothing
 * then, and what follows are tables, made of whatever bytes are there.
 */
static void without(unsigned int facility)
{
	struct arena *whole = arena;
	uint64_t asce;

	arena_leave_out(facility);
	arena = arena_create(slots, ARRAY_SIZE(slots), 0);
	arena_leave_out(0);
	arena->state.cpu.edat1 = arena_facility(arena, 8);
	arena->state.cpu.edat2 = arena_facility(arena, 78);
	dat_create(&dat, arena, TABLES);
	asce = dat_space(&dat, DAT_REGION_THIRD);
	*dat_entry(&dat, asce, 0x500000, DAT_SEGMENT) = 0x300000 | DAT_LARGE;
	*dat_entry(&dat, asce, 0x600000, DAT_SEGMENT) = 0x100000 | DAT_LARGE | DAT_PROTECTED;
	map(asce, 0x700000, 4, 0);
	*dat_entry(&dat, asce, 0x700000, DAT_SEGMENT) |= DAT_LARGE;
	map(asce, 0x80000000, 4, 0);
	*dat_entry(&dat, asce, 0x80000000, DAT_REGION_THIRD) |= DAT_LARGE | DAT_PROTECTED;
	set_cpu(PSW_DAT | PSW_EA | PSW_BA, asce, 1);
	arena->state.cpu.cr[0] |= CR0_EDAT;
	arena_cpu(arena);
	around(0x580000, 1, 0);
	around(0x600000, 4, 0);
	around(0x702000, 2, 0);
	around(0x80002000, 2, 0);
	trial_rest(arena);
	arena_free(arena);
	arena = whole;
}

static void without_edat(void)
{
	without(8);
	without(78);
}

static const struct line lines[] = {
	{ "segment tables, across segments", "MEMOP-LOG-02 MEMOP-LOG-05", segments },
	{ "region-third tables, across their entries", "MEMOP-LOG-02", region_third },
	{ "region-second tables, across their entries", "MEMOP-LOG-02", region_second },
	{ "region-first tables, across their entries", "MEMOP-LOG-02", region_first },
	{ "24-, 31- and 64-bit addressing, around the end", "MEMOP-LOG-02", wraparound },
	{ "DAT off: prefixing", "MEMOP-LOG-02", prefixes },
	{ "DAT on: prefixing of frames and of a real space", "MEMOP-LOG-02", prefixes_with_dat },
	{ "DAT on: large segments", "MEMOP-LOG-02", large_segments },
	{ "DAT on: large regions", "MEMOP-LOG-02", large_regions },
	{ "DAT on: a CPU model without enhanced DAT", "MEMOP-LOG-02", without_edat },
};

static void take_size(void)
{
	max = (uint32_t)memop_max_size();
}

static const struct bench bench = {
	.need = MEMOP_ANY,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.dat = &dat,
	.tables = TABLES,
	.begin = take_size,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
