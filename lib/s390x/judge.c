// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPU as judge: see judge.h. Its slot: the prefix area, a page of code, then
 * its desk (guest/order.h).
 *
 * The orders are of a kind of their own, and so is the program: order_main() is C, runs
 * with DAT on in kvm_util's tables and comes back by a ucall. A judge meets exceptions for
 * a living: each access has a PSW of its own (key, DAT, addressing mode, address space),
 * with control and access registers that the tests lay out, so there is no stack and no
 * table to count on.
 */
#include <stdio.h>

#include "case/bytes.h"
#include "case/report.h"
#include "guest/order.h"
#include "s390x/judge.h"

#define CODE (2 * CONTRACT_PAGE)
#define TABLE (4 * CONTRACT_PAGE)

/* Real addresses in the prefix area (PoP, chapter 4, "Assigned Storage Locations") */
#define SVC_NEW_PSW 0x1c0
#define PROGRAM_NEW_PSW 0x1d0
#define SVC_CODE "0x8a"
#define PROGRAM_ILC "0x8c"
#define PROGRAM_CODE "0x8e"
#define EXCEPTION_ACCESS_ID "0xa0"
#define OPERAND_ACCESS_ID "0xa2"
#define TEID "0xa8"
#define PROGRAM_OLD_PSW "0x150"

#define SCRATCH "0x1800" /* in the prefix area's second page: the PSW to load, then 8 bytes */
#define ROOM_SHIFT "6"	 /* of an order's instruction: 64 bytes */
#define EXIT "diag	%%r0,%%r0,0x501"
#define EXIT_IPA 0x8300

_Static_assert(sizeof(struct judge_order) == 64, "no bytes between its fields");
_Static_assert(TABLE + JUDGE_ORDERS * sizeof(struct judge_order) <= ARENA_UNIT, "the orders fit");

#define FIELD(name) [name] "i"(offsetof(struct judge_order, name))
#define NUMBER(name) [name] "i"(name)

/* The instruction of one kind of order, in its place of the table of kinds */
#define KIND(kind, code) ".org	judge_kinds+(%[" #kind "]<<" ROOM_SHIFT ")\n" code "svc	0\n"
/* SVC 1: the result is the condition code in r8 */
#define KIND_CC(kind, code)                                                                        \
	".org	judge_kinds+(%[" #kind "]<<" ROOM_SHIFT ")\n" code "ipm	%%r8\nsvc	1\n"

/* Operands of one asm are few: kinds that come after the last that is one of them */
#define KIND_BEHIND(n, code)                                                                       \
	".org	judge_kinds+((%[JUDGE_TEST_BLOCK]+" #n ")<<" ROOM_SHIFT ")\n" code "svc	0\n"
#define KIND_BEHIND_CC(n, code) KIND_BEHIND(n, code "ipm	%%r8\nsvc	1\n")
_Static_assert(JUDGE_SSKE_BYPASS_R == JUDGE_TEST_BLOCK + 1 &&
		       JUDGE_SSKE_BYPASS_C == JUDGE_TEST_BLOCK + 2 &&
		       JUDGE_ALET == JUDGE_TEST_BLOCK + 3 &&
		       JUDGE_EXECUTE_TPROT == JUDGE_TEST_BLOCK + 4 &&
		       JUDGE_SSKE_OLD_KEY == JUDGE_TEST_BLOCK + 5,
	       "the places of the last kinds");

/*
 * Never called: it is the guest's program, inside a function so that offsets can be operands.
 * r2 the order, r3 how many are left. An order's instruction ends with SVC, and is reached
 * by LPSWE with the order's PSW.
 */
static void __attribute__((__used__, __noinline__)) program(void)
{
	asm volatile(
		".pushsection .rodata\n"
		".balign 64\n"
		"judge_code:\n"
		"lg	%%r4,%[address](%%r2)\n"
		"lg	%%r6,%[psw_mask](%%r2)\n"
		"lg	%%r8,%[value](%%r2)\n"
		"lgf	%%r5,%[kind](%%r2)\n"
		"sllg	%%r5,%%r5," ROOM_SHIFT "\n"
		"larl	%%r10,judge_kinds\n"
		"agr	%%r5,%%r10\n"
		"lghi	%%r12," SCRATCH "\n"
		"stg	%%r6,0(%%r12)\n"
		"stg	%%r5,8(%%r12)\n"
		"srlg	%%r6,%%r6,48\n"
		"srlg	%%r9,%%r8,32\n"
		"lpswe	0(%%r12)\n"
		".balign 64\n"
		"judge_kinds:\n"
		/* clang-format off */
		KIND(JUDGE_FETCH, "lg	%%r8,0(%%r4)\n")
		KIND(JUDGE_STORE, "stg	%%r8,0(%%r4)\n")
		KIND_CC(JUDGE_TPROT, "tprot	0(%%r4),0(%%r6)\n")
		KIND(JUDGE_ISKE, "iske	%%r8,%%r4\n")
		KIND(JUDGE_SSKE, "sske	%%r8,%%r4\n")
		KIND(JUDGE_FETCH_BYTE, "llgc	%%r8,0(%%r4)\n")
		KIND(JUDGE_STORE_BYTE, "stc	%%r8,0(%%r4)\n")
		KIND(JUDGE_CS, "cs	%%r9,%%r8,0(%%r4)\n"
			       "llgfr	%%r8,%%r9\n")
		KIND(JUDGE_EXIT, EXIT "\n")
		/* From the operand: its key, and key 0 for the copy */
		KIND(JUDGE_MVCOS_FETCH, "nill	%%r6,0xf0\n"
					"sllg	%%r0,%%r6,8\n"
					"oilf	%%r0,0x00020002\n"
					"lghi	%%r1,8\n"
					"mvcos	16(%%r12),0(%%r4),%%r1\n")
		/* To the operand: likewise the other way round */
		KIND(JUDGE_MVCOS_STORE, "nill	%%r6,0xf0\n"
					"sllg	%%r0,%%r6,24\n"
					"oilf	%%r0,0x00020002\n"
					"lghi	%%r1,8\n"
					"mvcos	0(%%r4),16(%%r12),%%r1\n")
		KIND(JUDGE_MOVE, "lgr	%%r0,%%r8\n"
				 "llgf	%%r1,%[length](%%r2)\n"
				 "lgr	%%r8,%%r4\n"
				 "lgr	%%r9,%%r1\n"
				 "1:	mvcle	%%r0,%%r8,0\n"
				 "jo	1b\n")
		KIND(JUDGE_IPTE, "ipte	%%r4,%%r8\n")
		KIND_CC(JUDGE_RRBE, "rrbe	%%r0,%%r4\n")
		KIND(JUDGE_PFMF, "pfmf	%%r8,%%r4\n"
				 "lgr	%%r8,%%r4\n")
		KIND(JUDGE_SSKE_BLOCKS, ".insn	rrf,0xb22b0000,%%r8,%%r4,1,0\n"
					"lgr	%%r8,%%r4\n")
		KIND_CC(JUDGE_SSKE_BYPASS, ".insn	rrf,0xb22b0000,%%r8,%%r4,6,0\n")
		/* The condition code is another one before it */
		KIND_CC(JUDGE_TEST_BLOCK, "lghi	%%r0,1\n"
					  "ltgr	%%r0,%%r0\n"
					  "lghi	%%r0,0\n"
					  "tb	%%r0,%%r4\n")
		KIND_BEHIND_CC(1, ".insn	rrf,0xb22b0000,%%r8,%%r4,4,0\n")
		KIND_BEHIND_CC(2, ".insn	rrf,0xb22b0000,%%r8,%%r4,2,0\n")
		KIND_BEHIND(3, "sar	%%a4,%%r8\n"
			       "xilf	%%r8,1\n"
			       "sar	%%a6,%%r8\n")
		KIND_BEHIND_CC(4, "larl	%%r10,1f\n"
				  "ex	0,0(%%r10)\n"
				  "j	2f\n"
				  "1:	tprot	0(%%r4),0(%%r6)\n"
				  "2:\n")
		KIND_BEHIND(5, ".insn	rrf,0xb22b0000,%%r8,%%r4,6,0\n")
		/* clang-format on */
		".balign 64\n"
		"judge_program:\n"
		"lh	%%r7," PROGRAM_CODE "\n"
		"sth	%%r7,%[code](%%r2)\n"
		"lh	%%r7," PROGRAM_ILC "\n"
		"sth	%%r7,%[ilc](%%r2)\n"
		"lg	%%r7," TEID "\n"
		"stg	%%r7,%[teid](%%r2)\n"
		"mvc	%[exception_access_id](1,%%r2)," EXCEPTION_ACCESS_ID "\n"
		"mvc	%[operand_access_id](1,%%r2)," OPERAND_ACCESS_ID "\n"
		"mvc	%[old_psw](16,%%r2)," PROGRAM_OLD_PSW "\n"
		"j	judge_next\n"
		".balign 16\n"
		"judge_svc:\n"
		"lh	%%r7," SVC_CODE "\n"
		"ltr	%%r7,%%r7\n"
		"jz	0f\n"
		"llgfr	%%r8,%%r8\n"
		"srlg	%%r8,%%r8,28\n"
		"0:	stg	%%r8,%[value](%%r2)\n"
		"lghi	%%r7,0\n"
		"sth	%%r7,%[code](%%r2)\n"
		"judge_next:\n"
		"la	%%r2,%[size](%%r2)\n"
		"brctg	%%r3,judge_code\n" EXIT "\n"
		"judge_end:\n"
		".popsection\n"
		:
		: FIELD(address), FIELD(psw_mask), FIELD(value), FIELD(kind), FIELD(length),
		  FIELD(code), FIELD(ilc), FIELD(teid), FIELD(exception_access_id),
		  FIELD(operand_access_id), FIELD(old_psw), [size] "i"(sizeof(struct judge_order)),
		  NUMBER(JUDGE_FETCH), NUMBER(JUDGE_STORE), NUMBER(JUDGE_TPROT), NUMBER(JUDGE_ISKE),
		  NUMBER(JUDGE_SSKE), NUMBER(JUDGE_FETCH_BYTE), NUMBER(JUDGE_STORE_BYTE),
		  NUMBER(JUDGE_CS), NUMBER(JUDGE_EXIT), NUMBER(JUDGE_MVCOS_FETCH),
		  NUMBER(JUDGE_MVCOS_STORE), NUMBER(JUDGE_MOVE), NUMBER(JUDGE_IPTE),
		  NUMBER(JUDGE_RRBE), NUMBER(JUDGE_PFMF), NUMBER(JUDGE_SSKE_BLOCKS),
		  NUMBER(JUDGE_SSKE_BYPASS), NUMBER(JUDGE_TEST_BLOCK));
}

extern const uint8_t judge_code[], judge_program[], judge_svc[], judge_end[];

static uint8_t *memory; /* of the one slot of the one judge in this process */

static void put_psw(size_t at, const uint8_t *code)
{
	const uint64_t psw[2] = { JUDGE_PSW, JUDGE_GPA + CODE + (uint64_t)(code - judge_code) };

	bytes_copy(memory + at, psw, sizeof(psw));
}

static bool has_exited(struct kvm_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return run->exit_reason == KVM_EXIT_S390_SIEIC && run->s390_sieic.icptcode == 4 &&
	       run->s390_sieic.ipa == EXIT_IPA;
}

/* Of the arena's vCPU: tests let several take turns */
static struct order_desk desk_of(const struct arena *a)
{
	return (struct order_desk){ .vcpu = a->vcpu,
				    .table = memory + TABLE,
				    .each = sizeof(struct judge_order),
				    .room = JUDGE_ORDERS,
				    .is_back = has_exited };
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

void judge_go_on(struct arena *a, struct judge_order *orders, size_t count)
{
	const struct order_desk desk = desk_of(a);
	const struct kvm_run *run = a->vcpu->run;

	TEST_ASSERT(order_run(&desk, NULL),
		    "the judging guest did not come back: exit reason %u, intercept %u, "
		    "PSW %#llx %#llx",
		    run->exit_reason, run->s390_sieic.icptcode, (unsigned long long)run->psw_mask,
		    (unsigned long long)run->psw_addr);
	order_take(&desk, orders, count);
}

void judge_run(struct arena *a, struct judge_order *orders, size_t count)
{
	const struct order_desk desk = desk_of(a);
	struct kvm_run *run = a->vcpu->run;

	order_put(&desk, orders, count);
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
	judge_go_on(a, orders, count);
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
