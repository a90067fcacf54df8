// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest's PFMF, SSKE and RRBE make of frames, and what its ISKE and TPROT tell of them, is
 * what MEM_OP and GET_SKEYS find.
 *
 * memop/contract.md, SKEY-10, MEMOP-KEY-03, -KEY-08; PoP, chapter 10, "PERFORM FRAME MANAGEMENT
 * FUNCTION", "SET STORAGE KEY EXTENDED" and others, "TEST PROTECTION", chapter 3, "Dynamic Address
 * Translation".
 *
 * How it is seen: PFMF sets the key of frames of 4 KiB and of 1 MiB, clears them, or both,
 * from frames at each place of a segment on; GET_SKEYS must find the new key in these
 * frames alone, and keyed requests must be denied by it. TPROT with DAT on meets pages of
 * every kind, under keys and controls; its condition code must be what MEM_OP's checks of a
 * fetch and of a store come to.
 *
 * Over 300 lines: five instructions, whose outcome is asked of MEM_OP in one way.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "case/report.h"
#include "s390x/bench.h"
#include "s390x/dat.h"
#include "s390x/judge.h"
#include "s390x/memop_deviation.h"
#include "s390x/skey.h"
#include "s390x/trial.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"

#define BASE 0x100000UL
#define FRAMES 0x200000UL /* a segment that PFMF works on */
#define FRESH 0x300000UL  /* likewise, never touched */
#define TABLES 0x400000UL
#define NOWHERE 0x600000UL
#define OLD_KEY 0x50
#define GUARD 0xa5

/* PFMF's first operand: PoP, chapter 10, figure "Frame-Management Function" */
#define PFMF_SET_KEY 0x20000UL
#define PFMF_CLEAR 0x10000UL
#define PFMF_1M 0x1000UL
#define PFMF_BYPASS 0x600UL /* MR and MC */

static const uint64_t slots[] = { 0, BASE };
static struct arena *arena;
static struct dat dat;
static char state[160];

/* A keyed request, on what the arena's state says of key and bytes */
static bool agrees(uint32_t op, uint64_t gaddr, uint8_t key, struct trial *t)
{
	*t = (struct trial){
		.arena = arena,
		.state = state,
		.request.on_vcpu = op <= KVM_S390_MEMOP_LOGICAL_WRITE,
		.request.op = { .op = op,
				.gaddr = gaddr,
				.size = 1,
				.key = key,
				.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION |
					 KVM_S390_MEMOP_F_CHECK_ONLY },
	};
	return trial_issue(t);
}

/* The frame's storage key, as user space gets it */
static uint8_t key_found(uint64_t gpa)
{
	uint8_t key;

	TEST_ASSERT(!skey_get(arena->vm, gpa, 1, &key).ret, "KVM_S390_GET_SKEYS");
	return key;
}

/* ---------------------------------------------------------------------------- PFMF */

/* The arena's own record of keys, for what the guest sets */
static uint8_t *keys_of(uint64_t slot)
{
	for (size_t i = 0; i < arena->state.slots; i++)
		if (arena->storage[i].gpa == slot)
			return arena->keys[i];
	return NULL;
}

/* Where bytes and protection are looked at */
static size_t places(size_t from, size_t to, size_t *at)
{
	size_t n = 0;

	at[n++] = from;
	at[n++] = to - 1;
	if (from)
		at[n++] = from - 1;
	if (to < ARENA_PAGES)
		at[n++] = to;
	return n;
}

static void perform(uint64_t slot, uint64_t function, size_t page, uint64_t end)
{
	struct judge_order o = { .address = slot + page * CONTRACT_PAGE + 0x123,
				 .psw_mask = JUDGE_PSW,
				 .kind = JUDGE_PFMF,
				 .value = function };
	uint64_t address = function & PFMF_1M ? end : o.address;

	judge_run(arena, &o, 1);
	if (o.code || o.value / CONTRACT_PAGE != address / CONTRACT_PAGE)
		report_wrong(state, "it completes, and large frames advance the address",
			     "code %#x, address %#lx", o.code, (unsigned long)o.value);
}

static void check_keys(uint64_t slot, size_t from, size_t to, uint8_t before, uint8_t key)
{
	static uint8_t found[ARENA_PAGES];
	uint8_t *recorded = keys_of(slot);

	TEST_ASSERT(!skey_get(arena->vm, slot, ARENA_PAGES, found).ret, "KVM_S390_GET_SKEYS");
	for (size_t i = 0; i < ARENA_PAGES; i++) {
		/* What clearing makes of R and C is not at issue */
		uint8_t wanted = i >= from && i < to ? key : before, mask = 0xf8;

		recorded[i] = wanted & mask;
		if ((found[i] & mask) != recorded[i]) {
			report_wrong(state, "these frames alone have the key",
				     "frame %zu of the segment: %#04x, not %#04x", i, found[i],
				     wanted);
			return;
		}
	}
}

static void check_frame(uint64_t gpa, uint8_t byte, uint8_t key)
{
	const uint8_t keys[] = { 0, OLD_KEY >> SKEY_ACC_SHIFT, key >> SKEY_ACC_SHIFT, 13 };
	const uint8_t *at = arena_at(arena, gpa);
	struct trial t;

	if (at[0] != byte || at[CONTRACT_PAGE - 1] != byte || memcmp(at, at + 1, CONTRACT_PAGE - 1))
		report_wrong(state, "a cleared frame is zero, another one as it was",
			     "frame at %#lx begins with %#04x", (unsigned long)gpa, at[0]);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		agrees(KVM_S390_MEMOP_ABSOLUTE_READ, gpa + 8, keys[k], &t);
		agrees(KVM_S390_MEMOP_ABSOLUTE_WRITE, gpa + 8, keys[k], &t);
	}
}

static void one(uint64_t slot, uint64_t function, uint8_t key, size_t page)
{
	const size_t to = function & PFMF_1M ? ARENA_PAGES : page + 1;
	const bool fresh = slot == FRESH, set = function & PFMF_SET_KEY;
	size_t at[4], n = places(page, to, at);
	uint8_t *frames = arena_at(arena, slot), before = fresh ? 0 : OLD_KEY;

	if (!report_case())
		return;
	report_decided(set ? "SKEY-10 MEMOP-KEY-03" : "MEMOP-KEY-03");
	snprintf(state, sizeof(state), "PFMF %#lx of the guest, from frame %zu of a segment%s",
		 (unsigned long)(function | key), page, fresh ? " that nobody has touched" : "");
	if (!fresh) {
		arena_key(arena, slot, ARENA_PAGES, OLD_KEY);
		for (size_t i = 0; i < n; i++)
			memset(frames + at[i] * CONTRACT_PAGE, GUARD, CONTRACT_PAGE);
	}
	perform(slot, function | key, page, slot + ARENA_UNIT);
	check_keys(slot, page, to, before, set ? key : before);
	for (size_t i = 0; i < n; i++) {
		bool within = at[i] >= page && at[i] < to;

		check_frame(slot + at[i] * CONTRACT_PAGE,
			    fresh || (within && function & PFMF_CLEAR) ? 0 : GUARD, key);
	}
}

static void frame_management(uint64_t size)
{
	static const uint8_t keys[] = { 0x00, 0x30, 0x38, 0x5e, 0xf8 };
	static const size_t pages[] = { 0, 200 };

	arena_scratch(arena, FRAMES);
	arena_scratch(arena, FRESH);
	/* First, while no key is in use; 0 is what they are */
	one(FRESH, size | PFMF_SET_KEY, 0x38, 100);
	for (size_t p = 0; p < ARRAY_SIZE(pages); p++)
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			for (uint64_t f = 0; f <= (PFMF_SET_KEY | PFMF_CLEAR); f += PFMF_CLEAR)
				if (k == 2 || f == PFMF_SET_KEY)
					one(FRAMES, size | f, keys[k], pages[p]);
}

static void frames_4k(void)
{
	frame_management(0);
}

static void frames_1m(void)
{
	if (!arena_facility(arena, 8))
		report_skip(SKIP_ARCHITECTURE, "needs frames of 1 MiB (facility 8)");
	else
		frame_management(PFMF_1M);
}

/* PoP, "PERFORM FRAME MANAGEMENT FUNCTION": clearing is a store, setting a key is none */
static void low_frames(void)
{
	static const uint64_t functions[] = { PFMF_CLEAR, PFMF_CLEAR | PFMF_SET_KEY, PFMF_SET_KEY };

	arena->state.cpu.cr[0] = CR0_LOW_ADDRESS_PROTECTION;
	for (uint64_t frame = 0; frame < 2; frame++)
		for (size_t f = 0; f < ARRAY_SIZE(functions); f++) {
			bool clears = functions[f] & PFMF_CLEAR;
			struct judge_order o = { .address = frame * CONTRACT_PAGE + 0x234,
						 .psw_mask = JUDGE_PSW,
						 .kind = JUDGE_PFMF,
						 .value = functions[f] };

			if (!report_case())
				continue;
			report_decided("SKEY-10");
			judge_run(arena, &o, 1);
			if (o.code != (clears ? PGM_PROTECTION : 0))
				report_wrong("PFMF of a frame with low addresses",
					     clears ? "it is protected" : "it completes",
					     "function %#lx, code %#x", (unsigned long)functions[f],
					     o.code);
		}
	arena->state.cpu.cr[0] = 0;
}

static void bypass(uint64_t function, uint8_t key)
{
	bool same = (key & 0xf8) == (OLD_KEY & 0xf8), bypassed = function & PFMF_BYPASS;
	uint8_t found, wanted = bypassed && same ? OLD_KEY : key;

	if (!report_case())
		return;
	report_decided("SKEY-10");
	snprintf(state, sizeof(state), "PFMF %#lx of the guest, to key %#04x",
		 (unsigned long)(function | key), OLD_KEY);
	arena_key(arena, FRAMES, ARENA_PAGES, OLD_KEY);
	perform(FRAMES, function | key, 7, FRAMES + ARENA_UNIT);
	found = key_found(FRAMES + 7 * CONTRACT_PAGE);
	if (found != wanted && bypassed && same && found == key && fault_of_conditional_key())
		report_fault(fault_of_conditional_key());
	else if (found != wanted)
		report_wrong(state, "it is set, or left alone with R and C", "%#04x, not %#04x",
			     found, wanted);
}

static void bypassed(void)
{
	static const uint8_t keys[] = { 0x50, 0x52, 0x54, 0x56, 0x58, 0x30, 0x36 };

	if (!arena_facility(arena, 8) || !arena_facility(arena, 10)) {
		report_skip(SKIP_ARCHITECTURE, "needs facilities 8 and 10");
		return;
	}
	arena_scratch(arena, FRAMES);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		for (uint64_t size = 0; size <= PFMF_1M; size += PFMF_1M) {
			bypass(PFMF_SET_KEY | size, keys[k]);
			bypass(PFMF_SET_KEY | PFMF_BYPASS | size, keys[k]);
		}
}

#define LOGGED 0x40000000UL
#define LOGGED_SLOT 9

static void clear_in_log(const struct dirty_log *log, uint64_t function, size_t page)
{
	const bool clears = function & PFMF_CLEAR;
	const size_t to = function & PFMF_1M ? ARENA_PAGES : page + 1;
	struct pages found = pages_none(ARENA_PAGES);

	if (!report_case())
		return;
	report_decided("DIRTY-01");
	snprintf(state, sizeof(state), "PFMF %#lx of the guest, from frame %zu of a logged slot",
		 (unsigned long)function, page);
	perform(LOGGED, function, page, LOGGED + ARENA_UNIT);
	TEST_ASSERT(!dirty_get(log, &found).ret, "KVM_GET_DIRTY_LOG");
	for (size_t i = 0; i < ARENA_PAGES; i++)
		if (clears && pages_has(&found, i) != (i >= page && i < to)) {
			report_wrong(state, "the frames that are cleared are in the log, no other",
				     "frame %zu is%s", i, pages_has(&found, i) ? "" : " not");
			break;
		}
	pages_free(&found);
}

/* The guest never touches the memory itself: nothing but PFMF tells that it is written */
static void cleared_in_log(void)
{
	struct region r = { .slot = LOGGED_SLOT,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = LOGGED,
			    .size = ARENA_UNIT };
	struct dirty_log log = { arena->vm->fd, LOGGED_SLOT, ARENA_PAGES };
	uint8_t *memory = region_memory(ARENA_UNIT);

	r.user = (uintptr_t)memory;
	TEST_ASSERT(!region_set(arena->vm->fd, false, &r).ret, "the slot");
	for (size_t page = 0; page < ARENA_PAGES; page += 85) {
		clear_in_log(&log, PFMF_CLEAR, page);
		clear_in_log(&log, PFMF_CLEAR | PFMF_SET_KEY | 0x30, page);
		if (arena_facility(arena, 8))
			clear_in_log(&log, PFMF_CLEAR | PFMF_1M, page);
	}
	r.size = 0;
	TEST_ASSERT(!region_set(arena->vm->fd, false, &r).ret, "the slot");
	region_free_memory(memory, ARENA_UNIT);
}

/* ---------------------------------------------------------------------------- SSKE */

static void set_blocks(uint8_t key, size_t page)
{
	struct judge_order o = { .address = FRAMES + page * CONTRACT_PAGE,
				 .psw_mask = JUDGE_PSW,
				 .kind = JUDGE_SSKE_BLOCKS,
				 .value = key };

	if (!report_case())
		return;
	report_decided("SKEY-10");
	snprintf(state, sizeof(state),
		 "SSKE %#04x with MB of the guest, from frame %zu of a segment", key, page);
	arena_key(arena, FRAMES, ARENA_PAGES, OLD_KEY);
	judge_run(arena, &o, 1);
	if (o.code || o.value / CONTRACT_PAGE != (FRAMES + ARENA_UNIT) / CONTRACT_PAGE)
		report_wrong(state, "it completes, and advances the address",
			     "code %#x, address %#lx", o.code, (unsigned long)o.value);
	check_keys(FRAMES, page, ARENA_PAGES, OLD_KEY, key);
}

/* With both bits bypassed the key is set unless it is the same but for R and C */
static void set_bypassing(uint8_t key)
{
	struct judge_order o = {
		.address = FRAMES, .psw_mask = JUDGE_PSW, .kind = JUDGE_SSKE_BYPASS, .value = key
	};
	bool same = (key & 0xf8) == (OLD_KEY & 0xf8);
	uint8_t found, wanted = same ? OLD_KEY : key;

	if (!report_case())
		return;
	report_decided("SKEY-10");
	snprintf(state, sizeof(state), "SSKE %#04x with MR and MC of the guest, to key %#04x", key,
		 OLD_KEY);
	arena_key(arena, FRAMES, 1, OLD_KEY);
	judge_run(arena, &o, 1);
	found = key_found(FRAMES);
	if (!o.code && same && o.value == 1 && fault_of_conditional_key()) {
		report_fault(fault_of_conditional_key());
		return;
	}
	if (o.code || o.value != !same)
		report_wrong(state, "condition code 0 where the key stays, 1 where it is set",
			     "condition code %d, exception %#x", (int)o.value, o.code);
	if ((found & 0xf8) != (wanted & 0xf8) || (same && found != wanted))
		report_wrong(state, "it is set, or left alone with R and C", "%#04x, not %#04x",
			     found, wanted);
}

static void sske_masks(void)
{
	static const uint8_t keys[] = { 0x00, 0x38, 0x50, 0x56, 0x58, 0xf8 };

	if (!arena_facility(arena, 8) || !arena_facility(arena, 10)) {
		report_skip(SKIP_ARCHITECTURE, "needs facilities 8 and 10");
		return;
	}
	arena_scratch(arena, FRAMES);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		set_blocks(keys[k], k * 51);
		set_bypassing(keys[k]);
	}
}

/* -------------------------------------------------------- ISKE, RRBE, SSKE of a frame */

static uint64_t instruct(enum judge_kind kind, uint64_t gpa, uint64_t value)
{
	struct judge_order o = { .address = judge_real(gpa) + 0x123,
				 .psw_mask = JUDGE_PSW,
				 .kind = kind,
				 .value = value };

	judge_run(arena, &o, 1);
	if (o.code)
		report_wrong(state, "no exception", "%#x", o.code);
	return o.value;
}

/* PoP, "INSERT STORAGE KEY EXTENDED", "RESET REFERENCE BIT EXTENDED", "SET STORAGE KEY EXTENDED" */
static void instructions(uint64_t gpa, uint8_t key)
{
	uint64_t inserted, cc;
	uint8_t reset, set;

	if (!report_case())
		return;
	report_decided("SKEY-10");
	snprintf(state, sizeof(state), "the frame at absolute %#lx, storage key %#04x",
		 (unsigned long)gpa, key);
	arena_key(arena, gpa, 1, key);
	inserted = instruct(JUDGE_ISKE, gpa, 0) & 0xff;
	cc = instruct(JUDGE_RRBE, gpa, 0);
	reset = key_found(gpa);
	instruct(JUDGE_SSKE, gpa, key ^ 0xfe);
	set = key_found(gpa);
	if (inserted != key || cc != (key & 6) >> 1 || reset != (key & ~SKEY_REFERENCE) ||
	    set != (key ^ 0xfe))
		report_wrong(state, "ISKE finds it, RRBE tells and resets R, SSKE sets another",
			     "%#04lx, condition code %lu and %#04x, %#04x", (unsigned long)inserted,
			     (unsigned long)cc, reset, set);
}

static void each_instruction(void)
{
	/* With the prefix of the judge the first one's real address is another */
	static const uint64_t frames[] = { 0, CONTRACT_PAGE, BASE, BASE + 0xff000 };
	static const uint8_t keys[] = { 0x00, 0x02, 0x04, 0x36, 0x5e, 0x98, 0xf8 };

	for (size_t f = 0; f < ARRAY_SIZE(frames); f++)
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			instructions(frames[f], keys[k]);
}

/* What the CPU does of itself, where the VM may have huge pages KVM has to do */
static void by_kvm(void)
{
	struct arena *huge = arena_create_huge(NULL, 0);

	if (!huge) {
		report_skip(SKIP_CAPABILITY,
			    "needs KVM_CAP_S390_HPAGE_1M (module parameter hpage=1)");
		return;
	}
	arena_free(arena);
	arena = huge;
	for (size_t n = 0; n < ARRAY_SIZE(slots); n++)
		arena_scratch(arena, slots[n]);
	judge_create(arena);
	each_instruction();
	sske_masks();
}

/* --------------------------------------------------------------------------- TPROT */

#define SEGMENT 0x100000UL

/* Logical addresses, each of a page of another kind */
enum {
	GOOD = 0x3000,
	GUARDED = 0x4000,
	INVALID = 0x5000,
	ABSENT = 0x6000,
	SPOILT = 0x7000,
	GUARDED_SEGMENT = SEGMENT + 0x3000,
	INVALID_SEGMENT = 2 * SEGMENT,
};

static const uint64_t addresses[] = { 0x100,  0x700,	       0xa00,		0x1100,
				      GOOD,   GUARDED,	       INVALID,		ABSENT,
				      SPOILT, GUARDED_SEGMENT, INVALID_SEGMENT, 1UL << 40 };
static const uint8_t access_keys[] = { 0, 3, 5, 9 };

static void lay_out(void)
{
	uint64_t asce;

	dat_reset(&dat);
	asce = dat_space(&dat, DAT_REGION_THIRD);
	for (uint64_t page = 0; page < 8; page++) {
		dat_map(&dat, asce, page * CONTRACT_PAGE, BASE + page * CONTRACT_PAGE);
		dat_map(&dat, asce, SEGMENT + page * CONTRACT_PAGE, BASE + page * CONTRACT_PAGE);
	}
	*dat_entry(&dat, asce, GUARDED, DAT_PAGE) |= DAT_PROTECTED;
	*dat_entry(&dat, asce, INVALID, DAT_PAGE) |= DAT_PAGE_INVALID;
	*dat_entry(&dat, asce, SPOILT, DAT_PAGE) |= DAT_PAGE_BIT_52;
	dat_map(&dat, asce, ABSENT, NOWHERE);
	*dat_entry(&dat, asce, GUARDED_SEGMENT, DAT_SEGMENT) |= DAT_PROTECTED;
	*dat_entry(&dat, asce, INVALID_SEGMENT, DAT_SEGMENT) |= DAT_INVALID;
	arena->state.cpu.cr[1] = JUDGE_REAL_SPACE;
	arena->state.cpu.cr[7] = asce;
	arena->state.cpu.psw_mask = JUDGE_PSW | PSW_DAT | PSW_AS_SECONDARY;
}

/* PoP, "TEST PROTECTION": the condition code, or an interruption; codes begin at 4 */
static int told(struct outcome fetch, struct outcome store)
{
	if (fetch.ret == PGM_ADDRESSING || fetch.ret == PGM_TRANSLATION_SPECIFICATION)
		return 4 + fetch.ret;
	if (fetch.ret == PGM_PROTECTION)
		return 2;
	if (fetch.ret)
		return 3; /* translation not available */
	return store.ret ? 1 : 0;
}

static void compare(uint64_t address, uint8_t key, const struct judge_order *o)
{
	struct trial fetch, store;
	int wanted, found = o->code ? 4 + o->code : (int)o->value;

	if (!report_case())
		return;
	report_decided("MEMOP-KEY-08");
	if (!agrees(KVM_S390_MEMOP_LOGICAL_READ, address, key, &fetch) ||
	    !agrees(KVM_S390_MEMOP_LOGICAL_WRITE, address, key, &store))
		return;
	wanted = told(fetch.outcome, store.outcome);
	if (found != wanted)
		report_wrong(state,
			     wanted < 4 ? "the condition code of MEM_OP's checks"
					: "the exception that MEM_OP's checks meet",
			     "TPROT of %#lx, key %u: condition code %d, exception %#x, not %d",
			     (unsigned long)address, key, (int)o->value, o->code,
			     wanted < 4 ? wanted : wanted - 4);
}

static void each_address(void)
{
	struct judge_order orders[ARRAY_SIZE(addresses) * ARRAY_SIZE(access_keys)];
	size_t n = 0;

	for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
		for (size_t k = 0; k < ARRAY_SIZE(access_keys); k++)
			orders[n++] = (struct judge_order){
				.address = addresses[a],
				.psw_mask =
					arena->state.cpu.psw_mask | JUDGE_PSW_KEY(access_keys[k]),
				.kind = JUDGE_TPROT,
			};
	judge_run(arena, orders, n);
	arena_reset(arena, BASE, 8 * CONTRACT_PAGE);
	arena_cpu(arena);
	n = 0;
	for (size_t a = 0; a < ARRAY_SIZE(addresses); a++)
		for (size_t k = 0; k < ARRAY_SIZE(access_keys); k++)
			compare(addresses[a], access_keys[k], &orders[n++]);
}

/* While KVM does TPROT it holds IPTEs of the guest off: one that comes after it is carried out */
static void invalidate_after(void)
{
	const uint8_t *entry = (uint8_t *)dat_entry(&dat, arena->state.cpu.cr[7], GOOD, DAT_PAGE);
	struct judge_order ipte = {
		.address = TABLES + (uint64_t)(entry - (uint8_t *)dat_at(&dat, TABLES)) -
			   8 * (GOOD / CONTRACT_PAGE),
		.psw_mask = JUDGE_PSW,
		.value = GOOD,
		.kind = JUDGE_IPTE,
	};

	if (!report_case())
		return;
	report_decided("MEMOP-KEY-08");
	judge_run(arena, &ipte, 1);
	if (!(*dat_entry(&dat, arena->state.cpu.cr[7], GOOD, DAT_PAGE) & DAT_PAGE_INVALID))
		report_wrong("IPTE after TPROT", "the entry is invalid", "it is not, code %#x",
			     ipte.code);
}

static const uint8_t storage_keys[] = { 0x00, 0x30, 0x38, 0x98 };

static void tests(void)
{
	static const uint64_t controls[] = { 0, CR0_FETCH_PROTECTION_OVERRIDE,
					     CR0_STORAGE_PROTECTION_OVERRIDE,
					     CR0_LOW_ADDRESS_PROTECTION };

	lay_out();
	for (size_t c = 0; c < ARRAY_SIZE(controls); c++)
		for (size_t k = 0; k < ARRAY_SIZE(storage_keys); k++) {
			arena->state.cpu.cr[0] = controls[c];
			arena_key(arena, BASE, 8, storage_keys[k]);
			snprintf(state, sizeof(state), "DAT on, CR0 %#lx, storage keys %#04x",
				 (unsigned long)controls[c], storage_keys[k]);
			each_address();
		}
	invalidate_after();
}

/* The host has taken the page away: the CPU cannot look for itself */
static void tests_of_discarded(void)
{
	lay_out();
	for (size_t k = 0; k < ARRAY_SIZE(storage_keys); k++) {
		arena_key(arena, BASE, 8, storage_keys[k]);
		snprintf(state, sizeof(state), "DAT on, pages discarded, storage keys %#04x",
			 storage_keys[k]);
		TEST_ASSERT(!madvise(arena_at(arena, BASE), 8 * CONTRACT_PAGE, MADV_DONTNEED),
			    "madvise");
		each_address();
	}
	invalidate_after();
}

static const struct line lines[] = {
	{ "PFMF of 4 KiB: keys and cleared bytes are what keyed requests find",
	  "SKEY-10 MEMOP-KEY-03", frames_4k },
	{ "PFMF of 1 MiB: from its frame to the end of the segment", "SKEY-10 MEMOP-KEY-03",
	  frames_1m },
	{ "PFMF: low addresses are not cleared where they are protected", "SKEY-10", low_frames },
	{ "PFMF with R and C bypassed", "SKEY-10", bypassed },
	{ "PFMF: frames that are cleared are in the log", "DIRTY-01", cleared_in_log },
	{ "SSKE of many blocks, and with R and C bypassed", "SKEY-10", sske_masks },
	{ "TPROT with DAT on tells what MEM_OP's checks find", "MEMOP-KEY-08", tests },
	{ "TPROT of pages that the host has discarded", "MEMOP-KEY-08", tests_of_discarded },
	{ "ISKE, RRBE and SSKE of a frame", "SKEY-10", each_instruction },
	{ "the same, and SSKE of blocks, where KVM carries them out", "SKEY-10", by_kvm },
};

static const struct bench bench = {
	.need = MEMOP_KEYED,
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
