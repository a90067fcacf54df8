// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's TEST BLOCK clears the block that it is asked for, and the log has that page.
 *
 * mem_slot/contract.md, DIRTY-01; memop/contract.md, MEMOP-ABS-03, MEMOP-LOG-07; PoP, chapter 10,
 * "TEST BLOCK": a real address, the block of 4 KiB that it lies in; not subject to
 * key-controlled protection, subject to low-address protection; privileged.
 *
 * How it is seen: KVM carries the instruction out, by a store of its own. Bytes of the block
 * and of those around it are compared in the memory behind the slots, at their
 * ends and where prefixing applies, by addresses of each addressing mode; then the log.
 */
#include <stdio.h>
#include <string.h>

#include "case/report.h"
#include "s390x/bench.h"
#include "s390x/judge.h"
#include "s390x/memop.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"

#define BASE 0x100000UL /* of the second slot, right behind the first */
#define NOWHERE 0x600000UL
#define GUARD 0xa5
#define LOGGED 0x40000000UL
#define LOGGED_SLOT 9
#define TEID_STORE 0x400UL
#define FAR (1UL << 44) /* its frame number has 33 bits */

static const uint64_t slots[] = { 0, BASE };
static struct arena *arena;
static char state[120];

/* The bits of an address that count in a mode, and what the others may be */
static const struct mode {
	const char *name;
	uint64_t psw_mask, garbage;
} modes[] = {
	{ "64-bit", JUDGE_PSW, 0 },
	{ "31-bit", PSW_BA, 0xffffffff80000000 },
	{ "24-bit", 0, 0xffffffffff000000 },
};

/* PoP, chapter 3, "Translation-Exception Identification": with facility 75 */
static uint64_t store_bit(void)
{
	return arena_facility(arena, 75) ? TEID_STORE : 0;
}

static uint64_t test_block(uint64_t address, uint64_t psw_mask, uint16_t wanted)
{
	struct judge_order o = { .address = address,
				 .psw_mask = psw_mask,
				 .kind = JUDGE_TEST_BLOCK };

	judge_run(arena, &o, 1);
	if (o.code != wanted)
		report_wrong(state, wanted ? "a program interruption" : "it completes",
			     "code %#x, not %#x", o.code, wanted);
	else if (wanted == PGM_PROTECTION && (o.teid & TEID_STORE) != store_bit())
		report_wrong(state, "a TEID that tells of a store", "%#lx", (unsigned long)o.teid);
	else if (!wanted && o.value)
		report_wrong(state, "condition code 0: the block is usable", "%d", (int)o.value);
	return o.code;
}

/* @page of absolute storage and those beside it, as far as they are in the slots */
static void fill(uint64_t page)
{
	for (uint64_t p = page - 1; p <= page + 1; p++)
		memset(arena_at(arena, p * CONTRACT_PAGE), GUARD, CONTRACT_PAGE);
}

static void compare(uint64_t page, bool cleared)
{
	for (uint64_t p = page - 1; p <= page + 1; p++) {
		const uint8_t *at = arena_at(arena, p * CONTRACT_PAGE);
		uint8_t byte = p == page && cleared ? 0 : GUARD;

		if (at[0] != byte || memcmp(at, at + 1, CONTRACT_PAGE - 1))
			report_wrong(state,
				     p == page && cleared ? "the block is zero" : "it is as it was",
				     "page %#lx begins with %#04x", (unsigned long)p, at[0]);
		arena_reset(arena, p * CONTRACT_PAGE, CONTRACT_PAGE);
	}
}

static void one(const struct mode *m, uint64_t page, uint64_t offset, uint8_t storage_key,
		uint8_t access_key)
{
	if (!report_case())
		return;
	snprintf(state, sizeof(state), "TEST BLOCK of absolute %#lx, %s, storage key %#04x, key %u",
		 (unsigned long)(page * CONTRACT_PAGE + offset), m->name, storage_key, access_key);
	report_decided("MEMOP-ABS-03");
	fill(page);
	arena_key(arena, page * CONTRACT_PAGE, 1, storage_key);
	test_block((judge_real(page * CONTRACT_PAGE) + offset) | m->garbage,
		   m->psw_mask | JUDGE_PSW_KEY(access_key), 0);
	compare(page, true);
}

/* In both slots, at the ends that meet, and at absolute 0x1000, which prefixing moves */
static void cleared(void)
{
	static const uint64_t pages[] = { 1, 5, 254, 255, 256, 300 };
	static const uint64_t offsets[] = { 0, 0x128, 0xfff };
	static const uint8_t keys[] = { 0x00, 0x30, 0x58 };

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
		for (size_t p = 0; p < ARRAY_SIZE(pages); p++)
			for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
				one(&modes[m], pages[p], offsets[i], keys[i], i == 1 ? 5 : 0);
}

static void refused_at(const char *what, uint64_t address, uint64_t psw_mask, uint16_t code,
		       const char *clause)
{
	if (!report_case())
		return;
	report_decided(clause);
	snprintf(state, sizeof(state), "TEST BLOCK %s, %#lx", what, (unsigned long)address);
	fill(5);
	test_block(address, psw_mask, code);
	compare(5, false);
}

/* The prefix area would be cleared with it: then the guest does not come back */
static void refused(void)
{
	refused_at("of no storage", NOWHERE, JUDGE_PSW, PGM_ADDRESSING, "MEMOP-ABS-03");
	refused_at("behind the last slot", BASE + ARENA_UNIT, JUDGE_PSW, PGM_ADDRESSING,
		   "MEMOP-ABS-03");
	refused_at("in the problem state", 5 * CONTRACT_PAGE, JUDGE_PSW | PSW_PROBLEM,
		   PGM_PRIVILEGED_OPERATION, "MEMOP-ABS-03");
	arena->state.cpu.cr[0] = CR0_LOW_ADDRESS_PROTECTION;
	refused_at("of a protected block", 0x234, JUDGE_PSW, PGM_PROTECTION, "MEMOP-LOG-07");
	refused_at("of a protected block", 0x1800, JUDGE_PSW, PGM_PROTECTION, "MEMOP-LOG-07");
	arena->state.cpu.cr[0] = 0;
}

static void in_log(const struct dirty_log *log, uint64_t gpa, uint64_t page, enum judge_kind kind)
{
	struct pages found = pages_none(ARENA_PAGES);
	struct judge_order o = { .address = gpa + page * CONTRACT_PAGE + 0x778,
				 .psw_mask = JUDGE_PSW,
				 .kind = kind };

	if (!report_case())
		return;
	report_decided("DIRTY-01");
	snprintf(state, sizeof(state), "%s of page %lu of a logged slot at %#lx",
		 kind == JUDGE_STORE ? "a store" : "TEST BLOCK", (unsigned long)page,
		 (unsigned long)gpa);
	judge_run(arena, &o, 1);
	if (o.code)
		report_wrong(state, "it completes", "code %#x", o.code);
	TEST_ASSERT(!dirty_get(log, &found).ret, "KVM_GET_DIRTY_LOG");
	for (size_t i = 0; i < ARENA_PAGES; i++)
		if (pages_has(&found, i) != (i == page)) {
			report_wrong(state, "that page is in the log, and no other",
				     "page %zu is%s", i, pages_has(&found, i) ? "" : " not");
			break;
		}
	pages_free(&found);
}

/* The guest touches the memory by this alone: of TEST BLOCK, nothing but KVM's own store tells */
static void logged_at(uint64_t gpa)
{
	struct region r = { .slot = LOGGED_SLOT,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = gpa,
			    .size = ARENA_UNIT };
	struct dirty_log log = { arena->vm->fd, LOGGED_SLOT, ARENA_PAGES };
	uint8_t *memory = region_memory(ARENA_UNIT);

	r.user = (uintptr_t)memory;
	TEST_ASSERT(!region_set(arena->vm->fd, false, &r).ret, "the slot");
	for (uint64_t page = 0; page < ARENA_PAGES; page += 17)
		for (int again = 0; again < 2; again++) {
			in_log(&log, gpa, page, JUDGE_TEST_BLOCK);
			in_log(&log, gpa, page, JUDGE_STORE);
		}
	r.size = 0;
	TEST_ASSERT(!region_set(arena->vm->fd, false, &r).ret, "the slot");
	region_free_memory(memory, ARENA_UNIT);
}

/* Beyond frame numbers of 32 bits too, where guest storage goes as far */
static void logged(void)
{
	uint64_t limit = 0;

	logged_at(LOGGED);
	if (!region_limit(arena->vm->fd, KVM_GET_DEVICE_ATTR, &limit).ret &&
	    limit > FAR + ARENA_UNIT)
		logged_at(FAR);
}

static const struct line lines[] = {
	{ "TEST BLOCK clears its block, and no byte beside it", "MEMOP-ABS-03", cleared },
	{ "TEST BLOCK that is refused clears nothing", "MEMOP-ABS-03 MEMOP-LOG-07", refused },
	{ "what TEST BLOCK clears, or a store changes, is in the log, and no other page",
	  "DIRTY-01", logged },
};

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.judge = true,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
