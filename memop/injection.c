// SPDX-License-Identifier: GPL-2.0-only
/*
 * INJECT_EXCEPTION: the guest gets the exception that MEM_OP reports.
 *
 * docs/contract.md, MEMOP-INJ; PoP, chapter 6, "Program Interruption" and
 * "Instruction-Length Code"; chapter 3, "Suppression on Protection" and
 * "Translation-Exception Identification"; chapter 5 for the access id.
 *
 * How it is seen: the guest leaves to user space in the middle of an instruction
 * stream, under the PSW that MEM_OP then goes by. After the MEM_OP it runs on. Its
 * program-interruption handler writes down what the CPU stored, or the next
 * instruction that nothing was pending. Code, length, old PSW, TEID and access id
 * are compared with what the oracle's cause says; fields that the manual leaves
 * undefined, or ties to a facility that may be missing, are not.
 */
#include <stdio.h>

#include "case/bytes.h"
#include "s390x/dat.h"
#include "s390x/judge.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define TABLES 0x400000UL
#define NOWHERE 0x70000000UL
#define FRAME 0x304000UL
#define BASE 0x1000000UL /* of the pages below */
#define AR 7
#define ALET_SEQUENCE 3U
#define DIAG_LENGTH 4U

#define CHECK KVM_S390_MEMOP_F_CHECK_ONLY
#define INJECT KVM_S390_MEMOP_F_INJECT_EXCEPTION
#define KEYED KVM_S390_MEMOP_F_SKEY_PROTECTION

/* TEID (PoP, chapter 4, "Assigned Storage Locations", 168-175) */
#define TEID_ADDRESS (~0xfffUL)
#define TEID_SPACE 3UL
/* Bits 56, 60, 61: what suppressed, with enhanced suppression on protection 2 */
#define TEID_WHAT 0x8cUL
#define TEID_LOW_ADDRESS 0x80UL
#define TEID_KEY 0x08UL
#define TEID_LIST 0x0cUL
#define TEID_DAT 0x04UL

static const uint64_t slots[] = { 0x100000, 0x300000 };

static struct arena *arena;
static struct dat dat;

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

static char state[160];

static uint64_t address_of(enum tested_page page)
{
	return BASE + (uint64_t)page * 2 * CONTRACT_PAGE;
}

static void build(uint64_t as)
{
	struct cpu *cpu = &arena->state.cpu;
	uint64_t asce, control, list, aste;
	uint32_t *word;

	dat_reset(&dat);
	asce = dat_space(&dat, DAT_SEGMENT);
	for (enum tested_page p = 0; p < PAGES; p++) {
		/* The page before each is good: what crosses into it fails late */
		dat_map(&dat, asce, address_of(p) - CONTRACT_PAGE, FRAME + 16 * CONTRACT_PAGE);
		dat_map(&dat, asce, address_of(p), FRAME + (uint64_t)p * CONTRACT_PAGE);
	}
	*dat_entry(&dat, asce, address_of(PROTECTED), DAT_PAGE) |= DAT_PROTECTED;
	*dat_entry(&dat, asce, address_of(INVALID), DAT_PAGE) |= DAT_PAGE_INVALID;
	*dat_entry(&dat, asce, address_of(BIT_52), DAT_PAGE) |= DAT_PAGE_BIT_52;
	dat_map(&dat, asce, address_of(MISSING), NOWHERE);
	arena_key(arena, FRAME, 2 * PAGES + 16, skey_byte(4, false));
	arena_key(arena, FRAME + KEY_FETCH * CONTRACT_PAGE, 1, skey_byte(5, true));
	arena_key(arena, FRAME + KEY_STORE * CONTRACT_PAGE, 1, skey_byte(5, false));

	control = dat_alloc(&dat, 64, 64);
	list = dat_alloc(&dat, 128, 128);
	aste = dat_alloc(&dat, 64, 64);
	*((uint32_t *)dat_at(&dat, control) + 4) = (uint32_t)list;
	word = (uint32_t *)dat_at(&dat, list) + 4 * 2; /* entry 2, entry 3 is fetch-only */
	for (int i = 0; i < 2; i++, word += 4) {
		word[0] = ALET_SEQUENCE << 16 | (i ? 1U << 25 : 0);
		word[2] = (uint32_t)aste;
	}
	*((uint32_t *)dat_at(&dat, aste) + 3) = (uint32_t)asce;

	for (int i = 0; i < 16; i++)
		cpu->cr[i] = cpu->ar[i] = 0;
	cpu->cr[0] = CR0_LOW_ADDRESS_PROTECTION;
	cpu->cr[1] = JUDGE_REAL_SPACE;
	cpu->cr[2] = control;
	cpu->cr[5] = NOWHERE;
	cpu->cr[7] = asce;
	cpu->ar[AR] = ALET_SEQUENCE << 16 | 2;
	cpu->psw_mask = JUDGE_PSW | PSW_DAT | as;
}

static bool is_nullifying(int code)
{
	return code == PGM_SEGMENT_TRANSLATION || code == PGM_PAGE_TRANSLATION ||
	       (code >= PGM_ALEN_TRANSLATION && code <= PGM_EXTENDED_AUTHORITY) ||
	       (code >= PGM_ASCE_TYPE && code <= PGM_REGION_THIRD_TRANSLATION);
}

static bool has_address(int code)
{
	return code == PGM_SEGMENT_TRANSLATION || code == PGM_PAGE_TRANSLATION ||
	       (code >= PGM_ASCE_TYPE && code <= PGM_REGION_THIRD_TRANSLATION);
}

static bool is_register_exception(int code)
{
	return code >= PGM_ALEN_TRANSLATION && code <= PGM_EXTENDED_AUTHORITY;
}

static uint64_t what_of(enum protection protection)
{
	static const uint64_t of[] = {
		[PROTECTED_LOW_ADDRESS] = TEID_LOW_ADDRESS,
		[PROTECTED_KEY] = TEID_KEY,
		[PROTECTED_LIST] = TEID_LIST,
		[PROTECTED_DAT] = TEID_DAT,
	};

	return of[protection];
}

static void field(const struct trial *t, const char *name, uint64_t is, uint64_t is_to_be)
{
	char expected[80], observed[40];

	if (is == is_to_be)
		return;
	snprintf(expected, sizeof(expected), "%s %#llx in the guest's lowcore", name,
		 (unsigned long long)is_to_be);
	snprintf(observed, sizeof(observed), "%#llx", (unsigned long long)is);
	trial_fail(t, expected, observed, -1);
}

/* Did the failed store change the page before the one that failed? */
static bool stored_in_part(const struct trial *t, const uint8_t *before)
{
	const struct fragment *f = &t->prediction.fragment[0];

	return t->prediction.reachable &&
	       bytes_differ(arena_at(arena, f->gpa), before, f->len) >= 0;
}

static void check_lowcore(const struct trial *t, const struct judge_order *o, uint64_t psw_addr,
			  bool changed)
{
	const struct cause *cause = &t->prediction.cause;
	uint64_t nullified = is_nullifying(o->code) ? DIAG_LENGTH : 0;
	uint64_t space = PSW_AS(arena->state.cpu.psw_mask);

	field(t, "interruption code", o->code, (uint64_t)t->outcome.ret);
	field(t, "instruction length", o->ilc & 7, DIAG_LENGTH);
	field(t, "old PSW mask", o->old_psw[0] & ~(3UL << 44), arena->state.cpu.psw_mask);
	field(t, "old PSW address", o->old_psw[1], psw_addr - nullified);
	if (has_address(o->code)) {
		field(t, "TEID address", o->teid & TEID_ADDRESS, cause->address & TEID_ADDRESS);
		field(t, "TEID space", o->teid & TEID_SPACE, space);
	}
	if (o->code == PGM_PROTECTION) {
		report_decided("MEMOP-INJ-04");
		field(t, "TEID indication of suppression", o->teid & TEID_WHAT,
		      changed ? 0 : what_of(cause->protection));
		if (!changed)
			field(t, "TEID address", o->teid & TEID_ADDRESS,
			      cause->address & TEID_ADDRESS);
	}
	if (space == PSW_AS(PSW_AS_REGISTER) &&
	    (has_address(o->code) || is_register_exception(o->code)))
		field(t, "exception access id", o->exception_access_id, t->request.op.ar);
}

/*
 * One case. The guest leaves, MEM_OP is issued, the guest goes on: with what is to
 * be pending, or without.
 */
static void inject(uint32_t op, uint64_t gaddr, uint32_t size, uint64_t flags, uint8_t key)
{
	struct judge_order order = { .psw_mask = arena->state.cpu.psw_mask, .kind = JUDGE_EXIT };
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
	bool expected, changed, fine;
	uint64_t psw_addr;

	if (!report_case())
		return;
	t.request.op.ar = AR;
	t.keep = true;
	judge_run(arena, &order, 1);
	psw_addr = arena->vcpu->run->psw_addr;
	report_decided(!(flags & INJECT) ? "MEMOP-INJ-02"
		       : flags & CHECK	 ? "MEMOP-INJ-03"
					 : "MEMOP-INJ-01");
	fine = trial_issue(&t);
	changed = op == KVM_S390_MEMOP_LOGICAL_WRITE && t.prediction.fragments &&
		  t.outcome.ret > 0 &&
		  stored_in_part(&t, arena_rest(arena, t.prediction.fragment[0].gpa, false));
	trial_restore(&t);
	judge_go_on(arena, &order, 1);
	expected = flags & INJECT && t.outcome.ret > 0;
	if (!fine)
		return;
	if (expected)
		check_lowcore(&t, &order, psw_addr, changed);
	else
		field(&t, "nothing pending: code", order.code, 0);
	/* The judge's last exit was behind the interruption, or there was none */
	if (arena->vcpu->run->psw_addr < psw_addr)
		trial_fail(&t, "the guest goes on", "it does not", -1);
}

static void each_flag(uint32_t op, uint64_t gaddr, uint32_t size, uint8_t key)
{
	for (unsigned int n = 0; n < 8; n++)
		inject(op, gaddr, size,
		       (n & 1 ? CHECK : 0) | (n & 2 ? INJECT : 0) | (n & 4 ? KEYED : 0), key);
}

/* Each page, within it and across its beginning, with key 4 */
static void each_page(uint64_t as)
{
	build(as);
	for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++)
		for (enum tested_page p = 0; p < PAGES; p++) {
			snprintf(state, sizeof(state), "%s", page_text[p]);
			each_flag(op, address_of(p) + 0x123, 8, 4);
			each_flag(op, address_of(p) - 3, 8, 4);
			each_flag(op, address_of(p) - CONTRACT_PAGE + 8, 8180, 4);
		}
	/* No page of it: low address, segment translation, ASCE type */
	for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
		snprintf(state, sizeof(state), "addresses without a page");
		each_flag(op, 0x10, 8, 4);
		each_flag(op, BASE + 0x100000, 8, 4);
		each_flag(op, 1UL << 31, 8, 4);
		each_flag(op, -8UL, 8, 4);
	}
}

static void secondary(void)
{
	each_page(PSW_AS_SECONDARY);
}

static void access_register(void)
{
	each_page(PSW_AS_REGISTER);
}

static void dat_off(void)
{
	build(0);
	arena->state.cpu.psw_mask = JUDGE_PSW;
	arena_key(arena, FRAME, 1, skey_byte(5, true));
	snprintf(state, sizeof(state), "DAT off");
	for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
		each_flag(op, FRAME + 8, 8, 4);
		each_flag(op, FRAME - 3, 8, 4);
		each_flag(op, NOWHERE, 8, 4);
		each_flag(op, NOWHERE - 8, 8, 4);
		each_flag(op, FRAME + CONTRACT_PAGE, 8, 4);
	}
}

/* Every exception of access-register translation that one token can lead to */
static void tokens(void)
{
	static const uint32_t alets[] = {
		ALET_SEQUENCE << 16 | 3,	    /* fetch-only */
		1U << 25,			    /* ALET specification */
		ALET_SEQUENCE << 16 | 100,	    /* ALEN translation */
		(ALET_SEQUENCE + 1) << 16 | 2,	    /* ALE sequence */
		1U << 24 | ALET_SEQUENCE << 16 | 2, /* no primary list */
	};

	for (size_t i = 0; i < ARRAY_SIZE(alets); i++) {
		build(PSW_AS_REGISTER);
		arena->state.cpu.ar[AR] = alets[i];
		snprintf(state, sizeof(state), "ALET %#x", alets[i]);
		for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++)
			each_flag(op, address_of(GOOD) + 8, 8, 4);
	}
}

/* The second of two injections must not get lost, nor leave a third */
static void two_in_a_row(void)
{
	static const enum tested_page pages[] = { INVALID, PROTECTED, KEY_STORE, BIT_52, MISSING };

	build(PSW_AS_SECONDARY);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		for (size_t k = 0; k < ARRAY_SIZE(pages); k++) {
			struct judge_order orders[2] = {
				{ .psw_mask = arena->state.cpu.psw_mask, .kind = JUDGE_EXIT },
				{ .psw_mask = arena->state.cpu.psw_mask, .kind = JUDGE_EXIT },
			};
			struct trial t = {
				.arena = arena,
				.state = "second of two injections",
				.request.on_vcpu = true,
				.request.op = { .op = KVM_S390_MEMOP_LOGICAL_WRITE,
						.gaddr = address_of(pages[i]),
						.size = 8,
						.key = 4,
						.flags = INJECT | KEYED },
			};
			int first;

			if (!report_case())
				continue;
			report_decided("MEMOP-INJ-01");
			judge_run(arena, orders, 2);
			trial_issue(&t);
			first = t.outcome.ret;
			t.request.op.gaddr = address_of(pages[k]);
			trial_issue(&t);
			judge_go_on(arena, orders, 2);
			if (orders[0].code != first && orders[0].code != t.outcome.ret)
				field(&t, "interruption code", orders[0].code,
				      (uint64_t)t.outcome.ret);
			judge_go_on(arena, orders, 2);
			if (orders[1].code && orders[1].code != first &&
			    orders[1].code != t.outcome.ret)
				field(&t, "interruption code, if any", orders[1].code, 0);
		}
}

/* The interruption cannot be taken: the vCPU must come back, and not loop in the kernel */
static void invalid_new_psw(void)
{
	static const enum tested_page pages[] = { INVALID, PROTECTED, MISSING };

	build(PSW_AS_SECONDARY);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct judge_order order = { .psw_mask = arena->state.cpu.psw_mask,
					     .kind = JUDGE_EXIT };
		struct trial t = {
			.arena = arena,
			.state = "program-new PSW not valid",
			.request.on_vcpu = true,
			.request.op = { .op = KVM_S390_MEMOP_LOGICAL_WRITE,
					.gaddr = address_of(pages[i]),
					.size = 8,
					.flags = INJECT },
		};

		if (!report_case())
			continue;
		report_decided("MEMOP-INJ-05");
		judge_run(arena, &order, 1);
		if (trial_issue(&t) && !judge_stray(arena))
			trial_fail(&t, "KVM_RUN comes back with an intercept", "another exit", -1);
	}
}

#define CLAUSES "MEMOP-INJ-01 MEMOP-INJ-02 MEMOP-INJ-03 MEMOP-INJ-04"

static const struct line lines[] = {
	{ "secondary space: each exception, with and without the flag", CLAUSES, secondary },
	{ "access-register mode: each exception, with and without the flag", CLAUSES,
	  access_register },
	{ "DAT off: addressing and protection", CLAUSES, dat_off },
	{ "exceptions of access-register translation", CLAUSES, tokens },
	{ "two injections in a row", "MEMOP-INJ-01", two_in_a_row },
	{ "injection while the program-new PSW is not valid (observed)", "MEMOP-INJ-05",
	  invalid_new_psw },
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
