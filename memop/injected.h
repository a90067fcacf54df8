/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of what comes after an exception: an address space with one page of each
 * kind, in any space and addressing mode.
 */
#ifndef INJECTED_H
#define INJECTED_H

#include <stdio.h>

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/bench.h"
#include "s390x/judge.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define TABLES 0x400000UL
#define NOWHERE 0x70000000UL
#define FRAME 0x304000UL
#define BASE 0x800000UL /* of the pages below; 24-bit addressing reaches them */
#define AR 7
#define ALET_SEQUENCE 3U
#define DIAG_LENGTH 4U
#define FRAMES (2 * PAGES + 16)

#define CHECK KVM_S390_MEMOP_F_CHECK_ONLY
#define INJECT KVM_S390_MEMOP_F_INJECT_EXCEPTION
#define KEYED KVM_S390_MEMOP_F_SKEY_PROTECTION

static const uint64_t slots[] = { 0x100000, 0x300000 };

static struct arena *arena;
static struct dat dat;
static char state[160];

/* Pages of the address space, by number from BASE on, and what is wrong with them */
enum tested_page {
	GOOD,
	GOOD_TOO,
	KEY_FETCH, /* ACC 5, fetch-protected */
	KEY_STORE, /* ACC 5 */
	PROTECTED, /* by DAT */
	INVALID,
	BIT_52,	 /* translation specification */
	MISSING, /* no storage */
	PAGES,
};

static const char *const page_text[] = {
	"good page",	 "good page",	 "fetch-protected by key 5", "key 5",
	"DAT-protected", "invalid page", "page-table bit 52",	     "no storage",
};

static uint64_t address_of(enum tested_page page)
{
	return BASE + (uint64_t)page * 2 * CONTRACT_PAGE;
}

static uint64_t build_space(void)
{
	uint64_t asce = dat_space(&dat, DAT_SEGMENT);

	for (enum tested_page p = 0; p < PAGES; p++) {
		/* The page before each is good: what crosses into it fails late */
		dat_map(&dat, asce, address_of(p) - CONTRACT_PAGE, FRAME + 16 * CONTRACT_PAGE);
		dat_map(&dat, asce, address_of(p), FRAME + (uint64_t)p * CONTRACT_PAGE);
	}
	*dat_entry(&dat, asce, address_of(PROTECTED), DAT_PAGE) |= DAT_PROTECTED;
	*dat_entry(&dat, asce, address_of(INVALID), DAT_PAGE) |= DAT_PAGE_INVALID;
	*dat_entry(&dat, asce, address_of(BIT_52), DAT_PAGE) |= DAT_PAGE_BIT_52;
	dat_map(&dat, asce, address_of(MISSING), NOWHERE);
	/* The judge's own code, for spaces that instructions come from */
	for (uint64_t page = 2; page < 4; page++)
		dat_map(&dat, asce, JUDGE_GPA + page * CONTRACT_PAGE,
			JUDGE_GPA + page * CONTRACT_PAGE);
	arena_key(arena, FRAME, FRAMES, skey_byte(4, false));
	arena_key(arena, FRAME + KEY_FETCH * CONTRACT_PAGE, 1, skey_byte(5, true));
	arena_key(arena, FRAME + KEY_STORE * CONTRACT_PAGE, 1, skey_byte(5, false));
	return asce;
}

/* An access list whose entry 2 leads to the space, 3 for fetches only, and 4 for others only */
static uint64_t build_list(uint64_t asce)
{
	uint64_t control = dat_alloc(&dat, 64, 64), list = dat_alloc(&dat, 128, 128),
		 aste = dat_alloc(&dat, 64, 64);
	uint32_t *word = (uint32_t *)dat_at(&dat, list) + 4 * 2;

	*((uint32_t *)dat_at(&dat, control) + 4) = (uint32_t)list;
	for (int i = 0; i < 3; i++, word += 4) {
		static const uint32_t kinds[] = { 0, 1U << 25, 1U << 24 | 1 };

		word[0] = ALET_SEQUENCE << 16 | kinds[i];
		word[2] = (uint32_t)aste;
	}
	*((uint32_t *)dat_at(&dat, aste) + 3) = (uint32_t)asce;
	return control;
}

/* The space is reached by the address-space control @as, in the addressing mode @mode */
static void build(uint64_t as, uint64_t mode)
{
	struct cpu *cpu = &arena->state.cpu;
	uint64_t asce;

	dat_reset(&dat);
	asce = build_space();
	for (int i = 0; i < 16; i++)
		cpu->cr[i] = cpu->ar[i] = 0;
	cpu->cr[0] = CR0_LOW_ADDRESS_PROTECTION;
	cpu->cr[1] = as == PSW_AS_PRIMARY ? asce : JUDGE_REAL_SPACE;
	cpu->cr[2] = build_list(asce);
	cpu->cr[5] = NOWHERE;
	/* Not the one that is meant, so that a wrong choice is seen */
	cpu->cr[7] = as == PSW_AS_SECONDARY ? asce : NOWHERE;
	cpu->cr[13] = as == PSW_AS_HOME ? asce : NOWHERE;
	cpu->ar[AR] = ALET_SEQUENCE << 16 | 2;
	cpu->psw_mask = mode | PSW_DAT | as;
	cpu->fetch_store = arena_facility(arena, 75);
}

static struct trial request(uint32_t op, uint64_t gaddr, uint32_t size, uint64_t flags, uint8_t key)
{
	struct trial t = {
		.arena = arena,
		.state = state,
		.request.on_vcpu = true,
		.request.op = { .op = op,
				.gaddr = gaddr,
				.size = size,
				.flags = flags,
				.key = key },
	};

	t.request.op.ar = AR;
	return t;
}

#endif
