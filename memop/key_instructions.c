// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's storage-key instructions in each addressing mode, with each bypass, in
 * access-register mode and under EXECUTE: by the CPU, and where KVM carries them out.
 *
 * memop/contract.md, SKEY-10, MEMOP-KEY-08; PoP, chapter 10, "INSERT STORAGE KEY EXTENDED", "RESET
 * REFERENCE BIT EXTENDED", "SET STORAGE KEY EXTENDED", "PERFORM FRAME MANAGEMENT FUNCTION", "TEST
 * PROTECTION"; chapter 3, "Address Generation", "Prefixing"; chapter 6, "Instruction-Length Code".
 *
 * How it is seen: registers have bits that the mode leaves out, frames are those that a slip in
 * the order of cutting and prefixing would miss, and GET_SKEYS tells what has become of
 * them. frame_keys.c is about the same instructions and every kind of frame.
 *
 * Over 300 lines: four instructions, each by the CPU and by KVM.
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

#define BASE 0x100000UL
#define TABLES 0x400000UL
#define BLOCKS 0x200000UL
#define LAST_OF_24 0xf00000UL	/* the last segment that 24-bit addresses reach */
#define LAST_OF_31 0x7ff00000UL /* 31-bit addresses */
#define OLD_KEY 0x50
#define UPPER 0xa5a5a5a500000000UL
#define PFMF_SET_KEY 0x20000UL
#define PFMF_1M 0x1000UL
#define PFMF_MR 0x400UL
#define PFMF_MC 0x200UL

static const uint64_t slots[] = { 0, BASE };
static struct arena *arena;
static struct dat dat;
static char state[160];

/* @address: the bits of an address that count; @garbage: what the others are */
static const struct mode {
	const char *name;
	uint64_t psw_mask, address, garbage;
} modes[] = {
	{ "64-bit", JUDGE_PSW, ~0UL, 0 },
	{ "31-bit", PSW_BA, 0x7fffffff, UPPER | 0x80000000 },
	{ "24-bit", 0, 0xffffff, UPPER | 0x5a000000 },
};

static uint8_t key_found(uint64_t gpa)
{
	uint8_t key;

	TEST_ASSERT(!skey_get(arena->vm, gpa, 1, &key).ret, "KVM_S390_GET_SKEYS");
	return key;
}

static uint64_t instruct(const struct mode *m, enum judge_kind kind, uint64_t gpa, uint64_t value)
{
	struct judge_order o = { .address = (judge_real(gpa) + 0x123) | m->garbage,
				 .psw_mask = m->psw_mask,
				 .kind = kind,
				 .value = value };

	judge_run(arena, &o, 1);
	if (o.code)
		report_wrong(state, "no exception", "%#x", o.code);
	return o.value;
}

static void one_frame(const struct mode *m, uint64_t gpa, uint8_t key)
{
	uint64_t inserted, cc;
	uint8_t reset, set;

	if (!report_case())
		return;
	report_decided("SKEY-10");
	snprintf(state, sizeof(state), "%s, the frame at absolute %#lx, storage key %#04x", m->name,
		 (unsigned long)gpa, key);
	arena_key(arena, gpa, 1, key);
	inserted = instruct(m, JUDGE_ISKE, gpa, 0) & 0xff;
	cc = instruct(m, JUDGE_RRBE, gpa, 0);
	reset = key_found(gpa);
	instruct(m, JUDGE_SSKE, gpa, key ^ 0xfe);
	set = key_found(gpa);
	if (inserted != key || cc != (key & 6) >> 1 || reset != (key & ~SKEY_REFERENCE) ||
	    set != (key ^ 0xfe))
		report_wrong(state, "ISKE finds it, RRBE tells and resets R, SSKE sets another",
			     "%#04lx, condition code %lu and %#04x, %#04x", (unsigned long)inserted,
			     (unsigned long)cc, reset, set);
}

/* The real addresses of the first two are the prefix area's */
static void frames(void)
{
	static const uint64_t at[] = { 0, 0x1000, 0x2000, BASE, BASE + 0xff000 };
	static const uint8_t keys[] = { 0x06, 0x38, 0x54 };

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
		for (size_t f = 0; f < ARRAY_SIZE(at); f++)
			for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
				one_frame(&modes[m], at[f], keys[k]);
}

/* From frame @page on to the end of a segment: the address goes on, within what the mode has */
static void one_segment(const struct mode *m, uint64_t segment, size_t page, bool frame_management)
{
	struct judge_order o = { .address = (segment + page * CONTRACT_PAGE) | m->garbage,
				 .psw_mask = m->psw_mask,
				 .kind = frame_management ? JUDGE_PFMF : JUDGE_SSKE_BLOCKS,
				 .value = frame_management ? PFMF_SET_KEY | PFMF_1M | 0x30 : 0x30 };
	uint64_t wanted = ((segment + ARENA_UNIT) & m->address) | (m->garbage & UPPER);

	if (!report_case())
		return;
	report_decided("SKEY-10");
	snprintf(state, sizeof(state), "%s, %s from absolute %#lx on", m->name,
		 frame_management ? "PFMF of 1 MiB" : "SSKE with MB",
		 (unsigned long)(segment + page * CONTRACT_PAGE));
	arena_key(arena, segment, ARENA_PAGES, OLD_KEY);
	judge_run(arena, &o, 1);
	if (o.code || o.value != wanted)
		report_wrong(state, "it completes, and bits 0-31 of the register stay",
			     "code %#x, address %#lx, not %#lx", o.code, (unsigned long)o.value,
			     (unsigned long)wanted);
	for (size_t i = page ? page - 1 : 0; i < ARENA_PAGES; i += i == page ? 50 : 1) {
		uint8_t key = key_found(segment + i * CONTRACT_PAGE);

		if ((key & 0xf8) != (i < page ? OLD_KEY : 0x30)) {
			report_wrong(state, "frames from there on have the key", "frame %zu: %#04x",
				     i, key);
			break;
		}
	}
}

static void segments(void)
{
	static const uint64_t at[] = { BLOCKS, LAST_OF_24, LAST_OF_31 };

	if (!arena_facility(arena, 8)) {
		report_skip(SKIP_ARCHITECTURE, "needs facility 8");
		return;
	}
	for (size_t s = 0; s < ARRAY_SIZE(at); s++)
		arena_scratch(arena, at[s]);
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
		for (size_t s = 0; s < ARRAY_SIZE(at) && at[s] < modes[m].address; s++)
			for (size_t page = 0; page < ARENA_PAGES; page += 100) {
				one_segment(&modes[m], at[s], page, true);
				one_segment(&modes[m], at[s], page, false);
			}
}

/* Set, unless it is the same but for what is bypassed; R and C that are bypassed may be anything */
static void conditional(bool frame_management, bool reference, bool change, uint8_t key)
{
	const uint64_t function = PFMF_SET_KEY | (reference ? PFMF_MR : 0) | (change ? PFMF_MC : 0);
	const uint8_t old = OLD_KEY | SKEY_REFERENCE;
	const uint8_t minded = 0xf8 | (reference ? 0 : SKEY_REFERENCE) | (change ? 0 : SKEY_CHANGE);
	struct judge_order o = { .address = BASE + 0x7000,
				 .psw_mask = JUDGE_PSW,
				 .kind = frame_management ? JUDGE_PFMF
					 : reference	  ? JUDGE_SSKE_BYPASS_R
							  : JUDGE_SSKE_BYPASS_C,
				 .value = frame_management ? function | key : key };
	bool stays = (key & minded) == (old & minded);
	uint8_t found;

	if (!report_case())
		return;
	report_decided("SKEY-10");
	snprintf(state, sizeof(state), "%s of key %#04x to %#04x, with %s bypassed",
		 frame_management ? "PFMF" : "SSKE", old, key,
		 !change     ? "R"
		 : reference ? "R and C"
			     : "C");
	arena_key(arena, BASE + 0x7000, 1, old);
	judge_run(arena, &o, 1);
	found = key_found(BASE + 0x7000);
	if (stays && !o.code && fault_of_conditional_key() &&
	    (found != old || (!frame_management && o.value == 1))) {
		report_fault(fault_of_conditional_key());
		return;
	}
	if (o.code || (!frame_management && o.value != !stays))
		report_wrong(state, "condition code 0 where the key stays, 1 where it is set",
			     "condition code %d, exception %#x", (int)o.value, o.code);
	if (stays ? found != old : (found ^ key) & minded)
		report_wrong(state, stays ? "it is left alone" : "it is set", "%#04x", found);
}

/* PoP, "SET STORAGE KEY EXTENDED": bits 48-55 of the first operand become the key that there was */
static void told_key(uint8_t key)
{
	struct judge_order o = { .address = BASE + 0x7000,
				 .psw_mask = JUDGE_PSW,
				 .kind = JUDGE_SSKE_OLD_KEY,
				 .value = UPPER | 0xa5a5af00 | key };
	uint64_t wanted = (o.value & ~0xff00UL) | OLD_KEY << 8;

	if (!report_case())
		return;
	report_decided("SKEY-10");
	arena_key(arena, BASE + 0x7000, 1, OLD_KEY);
	judge_run(arena, &o, 1);
	if (o.code || (o.value & ~0x600UL) != wanted)
		report_wrong("SSKE with R and C bypassed", "it tells the key that there was",
			     "%#lx, not %#lx, exception %#x", (unsigned long)o.value,
			     (unsigned long)wanted, o.code);
}

static void bypasses(void)
{
	static const uint8_t keys[] = { 0x50, 0x52, 0x54, 0x56, 0x58, 0x34, 0x36 };

	if (!arena_facility(arena, 8) || !arena_facility(arena, 10)) {
		report_skip(SKIP_ARCHITECTURE, "needs facilities 8 and 10");
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		conditional(true, true, false, keys[k]);
		conditional(true, false, true, keys[k]);
		conditional(true, true, true, keys[k]);
		conditional(false, true, false, keys[k]);
		conditional(false, false, true, keys[k]);
		told_key(keys[k]);
	}
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
	/* Touched, or it is FIND-01's state */
	for (size_t n = 0; n < ARRAY_SIZE(slots); n++)
		memset(arena_scratch(arena, slots[n]), 0xff, CONTRACT_PAGE);
	judge_create(arena);
	frames();
	segments();
	bypasses();
}

/* --------------------------------------------------------------------------- TPROT */

#define PAGE 0x5000UL	  /* real, and logical in the secondary space */
#define OF_SPACE 0x9000UL /* its frame there, in BASE's slot */
#define NOWHERE 0x600000UL
#define ALLOWED 0x50
#define DENIED 0x38

/* The host has taken both frames away, so that the CPU cannot look for itself */
static void lay_out(void)
{
	uint64_t asce;

	dat_reset(&dat);
	asce = dat_space(&dat, DAT_SEGMENT);
	dat_map(&dat, asce, PAGE, BASE + OF_SPACE);
	dat_map(&dat, asce, PAGE + CONTRACT_PAGE, NOWHERE);
	arena->state.cpu.cr[1] = JUDGE_REAL_SPACE;
	arena->state.cpu.cr[7] = asce;
	arena_key(arena, PAGE, 1, DENIED);
	arena_key(arena, BASE + OF_SPACE, 1, ALLOWED);
	TEST_ASSERT(
		!madvise(arena_at(arena, PAGE), CONTRACT_PAGE, MADV_DONTNEED) &&
			!madvise(arena_at(arena, BASE + OF_SPACE), CONTRACT_PAGE, MADV_DONTNEED),
		"madvise");
}

static void put_to_rest(void)
{
	arena_reset(arena, PAGE, CONTRACT_PAGE);
	arena_reset(arena, BASE + OF_SPACE, CONTRACT_PAGE);
}

/* ALET 0 is the primary space, 1 the secondary one: that of the operand decides, as it is now */
static void access_registers(void)
{
	for (uint32_t first = 0; first < 2; first++) {
		struct judge_order orders[] = {
			{ .kind = JUDGE_ALET, .value = first, .psw_mask = JUDGE_PSW },
			{ .kind = JUDGE_TPROT },
			{ .kind = JUDGE_ALET, .value = !first, .psw_mask = JUDGE_PSW },
			{ .kind = JUDGE_TPROT },
		};

		lay_out();
		arena->state.cpu.psw_mask = JUDGE_PSW | PSW_DAT | PSW_AS_REGISTER;
		for (size_t n = 1; n < ARRAY_SIZE(orders); n += 2) {
			orders[n].address = PAGE + 0x10;
			orders[n].psw_mask = arena->state.cpu.psw_mask | JUDGE_PSW_KEY(5);
		}
		arena_cpu(arena);
		judge_run(arena, orders, ARRAY_SIZE(orders));
		put_to_rest();
		for (size_t n = 1; n < ARRAY_SIZE(orders); n += 2) {
			uint64_t wanted = orders[n - 1].code || (first ^ (n == 3)) ? 0 : 2;

			if (!report_case())
				continue;
			report_decided("MEMOP-KEY-08");
			if (orders[n].code || orders[n].value != wanted)
				report_wrong("TPROT in access-register mode, discarded pages",
					     "the condition code of the space of its operand",
					     "%d, exception %#x, not %d", (int)orders[n].value,
					     orders[n].code, (int)wanted);
		}
	}
}

/* PoP, chapter 6, "Instruction-Length Code": under EXECUTE it is that of EXECUTE */
static void lengths(void)
{
	struct judge_order orders[] = {
		{ .kind = JUDGE_TPROT, .address = PAGE + CONTRACT_PAGE },
		{ .kind = JUDGE_EXECUTE_TPROT, .address = PAGE + CONTRACT_PAGE },
		{ .kind = JUDGE_TPROT, .address = PAGE },
		{ .kind = JUDGE_EXECUTE_TPROT, .address = PAGE },
	};
	static const struct {
		uint16_t code, ilc;
	} wanted[] = { { PGM_ADDRESSING, 6 }, { PGM_ADDRESSING, 4 }, { 0, 0 }, { 0, 0 } };

	lay_out();
	arena->state.cpu.psw_mask = JUDGE_PSW | PSW_DAT | PSW_AS_SECONDARY;
	for (size_t n = 0; n < ARRAY_SIZE(orders); n++)
		orders[n].psw_mask = arena->state.cpu.psw_mask;
	arena_cpu(arena);
	judge_run(arena, orders, ARRAY_SIZE(orders));
	put_to_rest();
	for (size_t n = 0; n < ARRAY_SIZE(orders); n++) {
		if (!report_case())
			continue;
		report_decided("MEMOP-KEY-08");
		if (orders[n].code != wanted[n].code ||
		    (wanted[n].code ? orders[n].ilc != wanted[n].ilc : orders[n].value != 0))
			report_wrong(orders[n].kind == JUDGE_TPROT ? "TPROT" : "TPROT by EX",
				     wanted[n].code ? "an addressing exception, of its length"
						    : "condition code 0",
				     "condition code %d, exception %#x, length %u",
				     (int)orders[n].value, orders[n].code, orders[n].ilc);
	}
}

static const struct line lines[] = {
	{ "ISKE, RRBE and SSKE in each addressing mode", "SKEY-10", frames },
	{ "PFMF and SSKE of many frames in each addressing mode", "SKEY-10", segments },
	{ "PFMF and SSKE with R or C bypassed", "SKEY-10", bypasses },
	{ "TPROT in access-register mode, of pages that the host has discarded", "MEMOP-KEY-08",
	  access_registers },
	{ "TPROT under EXECUTE", "MEMOP-KEY-08", lengths },
	{ "the first three where KVM carries the instructions out", "SKEY-10", by_kvm },
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
