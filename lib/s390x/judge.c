// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPU as judge: see judge.h. Its slot: the prefix area, a page of code, then
 * the orders.
 */
#include <stdio.h>

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/judge.h"

#define CODE (2 * CONTRACT_PAGE)
#define TABLE (4 * CONTRACT_PAGE)

/* Real addresses of new PSWs (PoP, chapter 4, "Assigned Storage Locations") */
#define SVC_NEW_PSW 0x1c0
#define PROGRAM_NEW_PSW 0x1d0

_Static_assert(sizeof(struct judge_order) == 64, "the code below counts on it");
_Static_assert(TABLE + JUDGE_ORDERS * 64 <= ARENA_UNIT, "the orders fit");

/*
 * r2 the order, r3 how many are left. An order's instruction stands in 64 bytes
 * of its own, ends with SVC, and is reached by LPSWE with the order's PSW.
 */
asm(".pushsection .rodata\n"
    "	.balign 64\n"
    "judge_code:\n"
    "	lg	%r4,0(%r2)\n"
    "	lg	%r6,8(%r2)\n"
    "	lg	%r8,16(%r2)\n"
    "	lgf	%r5,24(%r2)\n"
    "	sllg	%r5,%r5,6\n"
    "	larl	%r10,judge_kinds\n"
    "	agr	%r5,%r10\n"
    "	lghi	%r12,0x1800\n"
    "	stg	%r6,0(%r12)\n"
    "	stg	%r5,8(%r12)\n"
    "	srlg	%r6,%r6,48\n"
    "	srlg	%r9,%r8,32\n"
    "	lpswe	0(%r12)\n"
    "	.balign 64\n"
    "judge_kinds:\n"
    "	lg	%r8,0(%r4)\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	stg	%r8,0(%r4)\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	tprot	0(%r4),0(%r6)\n"
    "	ipm	%r8\n"
    "	svc	1\n"
    "	.balign 64\n"
    "	iske	%r8,%r4\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	sske	%r8,%r4\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	llgc	%r8,0(%r4)\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	stc	%r8,0(%r4)\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	cs	%r9,%r8,0(%r4)\n"
    "	llgfr	%r8,%r9\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	diag	%r0,%r0,0x501\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	nill	%r6,0xf0\n" /* MVCOS from the operand: its key, and key 0 for the copy */
    "	sllg	%r0,%r6,8\n"
    "	oilf	%r0,0x00020002\n"
    "	lghi	%r1,8\n"
    "	mvcos	16(%r12),0(%r4),%r1\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	nill	%r6,0xf0\n" /* MVCOS to the operand: likewise the other way round */
    "	sllg	%r0,%r6,24\n"
    "	oilf	%r0,0x00020002\n"
    "	lghi	%r1,8\n"
    "	mvcos	0(%r4),16(%r12),%r1\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	lgr	%r0,%r8\n"
    "	llgf	%r1,44(%r2)\n"
    "	lgr	%r8,%r4\n"
    "	lgr	%r9,%r1\n"
    "1:	mvcle	%r0,%r8,0\n"
    "	jo	1b\n"
    "	svc	0\n"
    "	.balign 64\n"
    "	rrbe	%r0,%r4\n"
    "	ipm	%r8\n"
    "	svc	1\n"
    "	.balign 64\n"
    "judge_program:\n"
    "	lh	%r7,0x8e\n"
    "	sth	%r7,28(%r2)\n"
    "	lh	%r7,0x8c\n"
    "	sth	%r7,30(%r2)\n"
    "	lg	%r7,0xa8\n"
    "	stg	%r7,32(%r2)\n"
    "	mvc	40(1,%r2),0xa0\n"
    "	mvc	41(1,%r2),0xa2\n"
    "	mvc	48(16,%r2),0x150\n"
    "	j	judge_next\n"
    "	.balign 16\n"
    "judge_svc:\n"
    "	lh	%r7,0x8a\n" /* SVC 1: the condition code */
    "	ltr	%r7,%r7\n"
    "	jz	0f\n"
    "	llgfr	%r8,%r8\n"
    "	srlg	%r8,%r8,28\n"
    "0:	stg	%r8,16(%r2)\n"
    "	lghi	%r7,0\n"
    "	sth	%r7,28(%r2)\n"
    "judge_next:\n"
    "	la	%r2,64(%r2)\n"
    "	brctg	%r3,judge_code\n"
    "	diag	%r0,%r0,0x501\n"
    "judge_end:\n"
    ".popsection\n");

extern const uint8_t judge_code[], judge_program[], judge_svc[], judge_end[];

static uint8_t *memory; /* of the one slot of the one judge in this process */

static void put_psw(size_t at, const uint8_t *code)
{
	const uint64_t psw[2] = { JUDGE_PSW, JUDGE_GPA + CODE + (uint64_t)(code - judge_code) };

	bytes_copy(memory + at, psw, sizeof(psw));
}

void judge_create(struct arena *a)
{
	memory = arena_scratch(a, JUDGE_GPA);
	bytes_copy(memory + CODE, judge_code, (size_t)(judge_end - judge_code));
	put_psw(PROGRAM_NEW_PSW, judge_program);
	put_psw(SVC_NEW_PSW, judge_svc);
	a->state.cpu.prefix = JUDGE_PREFIX;
	a->state.cpu.psw_mask = JUDGE_PSW;
}

static void run_guest(struct arena *a)
{
	struct kvm_run *run = a->vcpu->run;
	int ret = _vcpu_run(a->vcpu);

	TEST_ASSERT(!ret && run->exit_reason == KVM_EXIT_S390_SIEIC &&
			    run->s390_sieic.icptcode == 4 && run->s390_sieic.ipa == 0x8300,
		    "the judging guest did not come back: returned %d, exit reason %u, "
		    "intercept %u, PSW %#llx %#llx",
		    ret, run->exit_reason, run->s390_sieic.icptcode,
		    (unsigned long long)run->psw_mask, (unsigned long long)run->psw_addr);
}

void judge_run(struct arena *a, struct judge_order *orders, size_t count)
{
	struct kvm_run *run = a->vcpu->run;

	TEST_ASSERT(count && count <= JUDGE_ORDERS, "%zu orders", count);
	bytes_copy(memory + TABLE, orders, count * sizeof(*orders));
	run->psw_mask = JUDGE_PSW;
	run->psw_addr = JUDGE_GPA + CODE;
	run->s.regs.gprs[2] = JUDGE_GPA + TABLE;
	run->s.regs.gprs[3] = count;
	run->s.regs.prefix = JUDGE_PREFIX;
	for (int i = 0; i < 16; i++) {
		run->s.regs.crs[i] = a->state.cpu.cr[i];
		run->s.regs.acrs[i] = a->state.cpu.ar[i];
	}
	run->kvm_dirty_regs = KVM_SYNC_GPRS | KVM_SYNC_PREFIX | KVM_SYNC_CRS | KVM_SYNC_ACRS;
	run_guest(a);
	bytes_copy(orders, memory + TABLE, count * sizeof(*orders));
}

void judge_go_on(struct arena *a, struct judge_order *orders, size_t count)
{
	run_guest(a);
	bytes_copy(orders, memory + TABLE, count * sizeof(*orders));
}

bool judge_stray(struct arena *a)
{
	const uint64_t invalid[2] = { JUDGE_PSW | 1UL << 63, 0 };
	struct kvm_run *run = a->vcpu->run;
	int ret;

	bytes_copy(memory + PROGRAM_NEW_PSW, invalid, sizeof(invalid));
	ret = _vcpu_run(a->vcpu);
	put_psw(PROGRAM_NEW_PSW, judge_program);
	return !ret && run->exit_reason == KVM_EXIT_S390_SIEIC && run->s390_sieic.icptcode != 4;
}

uint64_t judge_real(uint64_t gpa)
{
	return gpa < 2 * CONTRACT_PAGE ? JUDGE_PREFIX + gpa : gpa;
}

void judge_compare(const struct trial *t, const struct judge_order *o)
{
	char expected[120], observed[OUTCOME_TEXT];

	report_decided("MEMOP-KEY-08");
	if (t->outcome.ret == o->code ||
	    (o->code && prediction_allows(&t->prediction, (struct outcome){ .ret = o->code })))
		return;
	/* Two against one: a released KVM and an independent oracle are seldom wrong alike */
	snprintf(expected, sizeof(expected), "what the CPU has stored: code %#x%s", o->code,
		 prediction_allows(&t->prediction, t->outcome)
			 ? "; the contract sides with MEM_OP: suspect the machine"
			 : "");
	trial_fail(t, expected, outcome_text(t->outcome, observed), -1);
}
