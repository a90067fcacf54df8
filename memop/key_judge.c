// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPU as judge of key-controlled protection: an access by an instruction is
 * denied exactly when MEM_OP's under the same key is.
 *
 * docs/contract.md, MEMOP-KEY-08; PoP, chapter 3, "Key-Controlled Protection",
 * and chapter 10, "TEST PROTECTION" and "MOVE WITH OPTIONAL SPECIFICATIONS"
 * (facility 27, which every machine has that KVM runs on).
 *
 * How it is seen: for each of the 32 storage keys the guest fetches, stores and
 * tests protection (TPROT) under each of the 16 access keys of its PSW, and moves
 * bytes with MVCOS under each key, within a page and
 * across a page's end, and writes down the interruption code. The same accesses
 * by MEM_OP, real and check-only, must return the same code.
 */
#include <stdio.h>

#include "s390x/judge.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define OTHER_PAGE 0x105000UL

static const uint64_t slots[] = { 0, 0x100000 };
static const enum judge_kind kinds[] = { JUDGE_FETCH, JUDGE_STORE, JUDGE_TPROT, JUDGE_MVCOS_FETCH,
					 JUDGE_MVCOS_STORE };

static const char *const instructions[] = {
	[JUDGE_FETCH] = "LG",	       [JUDGE_STORE] = "STG",	      [JUDGE_TPROT] = "TPROT",
	[JUDGE_MVCOS_FETCH] = "MVCOS", [JUDGE_MVCOS_STORE] = "MVCOS",
};

static struct arena *arena;

/* The code that the guest's CPU has for the access */
static int cpu_code(const struct judge_order *o, bool store)
{
	if (o->kind != JUDGE_TPROT)
		return o->code;
	/* 0: both are permitted, 1: fetch alone, 2: none */
	return o->value > (store ? 0 : 1) ? PGM_PROTECTION : 0;
}

/* What MEM_OP has for an access, done and only checked: the same for each instruction */
struct answer {
	struct trial t;
	bool asked, good;
	struct outcome done, checked;
};

static struct answer question(uint64_t gpa, uint32_t size, unsigned int key, bool store)
{
	return (struct answer){
		.t.arena = arena,
		.t.request.op = {
			.op = store ? KVM_S390_MEMOP_ABSOLUTE_WRITE : KVM_S390_MEMOP_ABSOLUTE_READ,
			.gaddr = gpa,
			.size = size,
			.key = (uint8_t)key,
			.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION,
		},
	};
}

static bool ask(struct answer *a)
{
	if (a->asked)
		return a->good;
	a->asked = true;
	a->good = trial_issue(&a->t);
	a->done = a->t.outcome;
	a->t.request.op.flags |= KVM_S390_MEMOP_F_CHECK_ONLY;
	a->good = a->good && trial_issue(&a->t);
	a->checked = a->t.outcome;
	return a->good;
}

static void compare(struct answer *a, const struct judge_order *o, bool store)
{
	char expected[60], observed[OUTCOME_TEXT];
	int code = cpu_code(o, store);

	if (!report_case())
		return;
	report_decided("MEMOP-KEY-08");
	if (!ask(a) || (a->done.ret == code && a->checked.ret == code))
		return;
	snprintf(expected, sizeof(expected), "what the CPU has for %s: code %#x",
		 instructions[o->kind], (unsigned int)code);
	trial_fail(&a->t, expected,
		   outcome_text(a->done.ret == code ? a->checked : a->done, observed), -1);
}

/* MVCOS exists with DAT on only: in the primary space, which is real here */
static uint64_t psw_of(enum judge_kind kind, unsigned int key)
{
	bool dat = kind == JUDGE_MVCOS_FETCH || kind == JUDGE_MVCOS_STORE;

	return JUDGE_PSW | JUDGE_PSW_KEY(key) | (dat ? PSW_DAT : 0);
}

/* All access keys and kinds of access at @gpa, in one run of the guest */
static void judge(uint64_t gpa)
{
	struct judge_order orders[SKEY_ACCESS_KEYS * ARRAY_SIZE(kinds)];
	size_t n = 0;

	for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			orders[n++] = (struct judge_order){ .address = judge_real(gpa),
							    .psw_mask = psw_of(kinds[k], key),
							    .kind = kinds[k] };
	judge_run(arena, orders, n);
	arena_reset(arena, gpa, 8);
	n = 0;
	for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++) {
		struct answer wide[2] = { question(gpa, 8, key, false),
					  question(gpa, 8, key, true) };
		/* TPROT is about one byte */
		struct answer byte[2] = { question(gpa, 1, key, false),
					  question(gpa, 1, key, true) };

		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++, n++) {
			struct answer *a = kinds[k] == JUDGE_TPROT ? byte : wide;

			if (kinds[k] != JUDGE_STORE && kinds[k] != JUDGE_MVCOS_STORE)
				compare(&a[0], &orders[n], false);
			if (kinds[k] != JUDGE_FETCH && kinds[k] != JUDGE_MVCOS_FETCH)
				compare(&a[1], &orders[n], true);
		}
	}
}

static void at(uint64_t gpa)
{
	for (unsigned int n = 0; n < 2 * SKEY_ACCESS_KEYS; n++) {
		arena_key(arena, gpa & -CONTRACT_PAGE, 1, skey_byte(n / 2, n % 2));
		judge(gpa);
	}
}

static void page_zero(void)
{
	at(0x200);
	at(0xa00);
}

static void other_page(void)
{
	at(OTHER_PAGE + 0x120);
}

static void across(void)
{
	for (unsigned int n = 0; n < 2 * SKEY_ACCESS_KEYS; n++)
		for (unsigned int m = 0; m < 2 * SKEY_ACCESS_KEYS; m += 7) {
			arena_key(arena, OTHER_PAGE, 1, skey_byte(m / 2, m % 2));
			arena_key(arena, OTHER_PAGE + CONTRACT_PAGE, 1, skey_byte(n / 2, n % 2));
			judge(OTHER_PAGE + CONTRACT_PAGE - 3);
		}
}

static const struct line lines[] = {
	{ "page 0, below and above 2048", "MEMOP-KEY-08 MEMOP-KEY-03", page_zero },
	{ "another page", "MEMOP-KEY-08 MEMOP-KEY-03", other_page },
	{ "across two pages with keys of their own", "MEMOP-KEY-08 MEMOP-KEY-05", across },
};

static void set_up(void)
{
	arena->state.cpu.cr[1] = JUDGE_REAL_SPACE;
}

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.judge = true,
	.begin = set_up,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
