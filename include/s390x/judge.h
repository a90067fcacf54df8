/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU as judge: a guest that makes accesses with its own instructions, each
 * under a PSW of its own, and writes down what its CPU stored for the exception.
 *
 * The guest is a few instructions of machine code in a slot of its own, with the
 * vCPU's prefix area. It goes from order to order with DAT off; only the one
 * instruction that is judged runs under the order's PSW.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include "s390x/arena.h"
#include "s390x/trial.h"

/* Below 16 MiB, so that 24-bit addressing reaches its code */
#define JUDGE_GPA 0xe00000UL
#define JUDGE_PREFIX JUDGE_GPA
#define JUDGE_ORDERS 4096 /* that fit */

/* PSW bits: EA and BA, 64-bit addressing; with an access key */
#define JUDGE_PSW (PSW_EA | PSW_BA)
#define JUDGE_PSW_KEY(key) ((uint64_t)(key) << 52)

enum judge_kind {
	JUDGE_FETCH,	  /* LG */
	JUDGE_STORE,	  /* STG of value */
	JUDGE_TPROT,	  /* value becomes the condition code */
	JUDGE_ISKE,	  /* value becomes the storage key */
	JUDGE_SSKE,	  /* the storage key becomes value */
	JUDGE_FETCH_BYTE, /* LLGC */
	JUDGE_STORE_BYTE, /* STC of value */
	JUDGE_CS,	  /* by the high word of value, CS with the low word; value as found */
	JUDGE_EXIT,	  /* no access: judge_run() returns in the middle, see judge_go_on() */
	/* MVCOS of 8 bytes, by its operand access control with the key of psw_mask */
	JUDGE_MVCOS_FETCH,
	JUDGE_MVCOS_STORE,
	JUDGE_MOVE,	   /* MVCLE of length bytes from address to value, DAT in effect for both */
	JUDGE_IPTE,	   /* of the page-table entry for value, in the table at address */
	JUDGE_RRBE,	   /* value becomes the condition code: 2 R, 1 C, as they were */
	JUDGE_PFMF,	   /* by value; value becomes the address as it is then */
	JUDGE_SSKE_BLOCKS, /* with MB, to the end of the segment; value as for PFMF */
	JUDGE_SSKE_BYPASS, /* with MR and MC: R and C are no reason; value becomes the cc */
	JUDGE_TEST_BLOCK,  /* value becomes the condition code */
	/* SSKE with MR, or with MC; value becomes the condition code */
	JUDGE_SSKE_BYPASS_R,
	JUDGE_SSKE_BYPASS_C,
	JUDGE_ALET,	     /* access register 4 becomes value, 6 with its last bit inverted */
	JUDGE_EXECUTE_TPROT, /* JUDGE_TPROT, as the target of EX */
	JUDGE_SSKE_OLD_KEY,  /* JUDGE_SSKE_BYPASS; value becomes the first operand as it is then */
};

/* Read and written by the guest: 64 bytes */
struct judge_order {
	uint64_t address; /* as the instruction uses it */
	uint64_t psw_mask;
	uint64_t value;
	uint32_t kind;
	/* What the CPU stored at the interruption; code 0: none */
	uint16_t code, ilc;
	uint64_t teid;
	uint8_t exception_access_id, operand_access_id, unused[2];
	uint32_t length; /* of a JUDGE_MOVE */
	uint64_t old_psw[2];
};

/*
 * judge_create - give the arena's vCPU the program; its prefix becomes JUDGE_PREFIX
 * For arenas without a slot at JUDGE_GPA. Asserts where KVM does not give it.
 */
void judge_create(struct arena *a);

/*
 * judge_run - let the guest carry out @count orders; asserts that it comes back
 *
 * Control and access registers are those of a->state.cpu, the prefix is
 * JUDGE_PREFIX. For orders with DAT on, control register 1 has to hold an ASCE by
 * which the program itself is where it is, e.g. JUDGE_REAL_SPACE: instructions
 * come from the primary space in all modes but home. The operand's base is
 * register 4, so its access register is 4.
 */
#define JUDGE_REAL_SPACE 0x20UL
#define JUDGE_AR 4
void judge_run(struct arena *a, struct judge_order *orders, size_t count);

/*
 * judge_go_on - after an order of kind JUDGE_EXIT: let the guest run on
 *
 * If an interruption is pending, that order shows it; else its code is 0. With
 * further orders behind it, these are carried out.
 */
void judge_go_on(struct arena *a, struct judge_order *orders, size_t count);

/*
 * judge_stray - as judge_go_on(), with a program-new PSW that is not valid
 * Returns whether KVM_RUN came back, otherwise than by the program's own exit, for
 * the intercept to be handled in user space. The new PSW is valid again afterwards.
 */
bool judge_stray(struct arena *a);

/* judge_real - the real address, under JUDGE_PREFIX, of the absolute address @gpa */
uint64_t judge_real(uint64_t gpa);

/*
 * judge_compare - report it if MEM_OP's outcome in @t is not what the CPU stored for @o
 * Where the manual leaves open which of several exceptions is recognized, CPU and
 * MEM_OP may decide each for itself.
 */
void judge_compare(const struct trial *t, const struct judge_order *o);

#endif
