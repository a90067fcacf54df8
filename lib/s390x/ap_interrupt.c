// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a guest's queues, as the guest has them: see s390x/ap.h.
 */
#include <string.h>

#include "s390x/ap.h"
#include "test_util.h"

#define LOWCORE_PROGRAM_CODE 0x8e
#define LOWCORE_IO_WORD 0xc0
#define LOWCORE_PROGRAM_NEW 0x1d0
#define LOWCORE_IO_NEW 0x1f0
#define CODE 0x13000UL
#define OPERANDS 0x14000UL
#define PSW_64_BIT 0x0000000180000000UL
#define AQIC 0x03000000UL
#define ENABLE (1UL << 47)

/*
 * Registers 0 to 2 of a PQAP, and 1 after it; a mask for control register 6 and one of the PSW,
 * and how often to loop with them
 */
struct operands {
	uint64_t r0, r1, r2, status, subclasses;
	uint8_t mask;
	uint32_t loops;
};

/* PQAP; a loop with interruptions enabled */
asm(".pushsection .rodata\n"
    "	.balign 8\n"
    "ap_pqap:\n"
    "	llilf	%r6,0x14000\n"
    "	lg	%r0,0(%r6)\n"
    "	lg	%r1,8(%r6)\n"
    "	lg	%r2,16(%r6)\n"
    "	.insn	rre,0xb2af0000,0,0\n"
    "	stg	%r1,24(%r6)\n"
    "	diag	%r0,%r0,0x501\n"
    "ap_wait:\n"
    "	llilf	%r6,0x14000\n"
    "	lctlg	%c6,%c6,32(%r6)\n"
    "	l	%r8,44(%r6)\n"
    "	ssm	40(%r6)\n"
    "1:	brct	%r8,1b\n"
    "	diag	%r0,%r0,0x501\n"
    "ap_interrupted:\n"
    "	diag	%r0,%r0,0x501\n"
    "ap_programs_end:\n"
    ".popsection\n");

extern const uint8_t ap_pqap[], ap_wait[], ap_interrupted[], ap_programs_end[];

static unsigned long interrupted(void)
{
	return CODE + (unsigned long)(ap_interrupted - ap_pqap);
}

/* Runs @program; true if an interruption with the new PSW at @lowcore ended it */
static bool run(struct ap_guest *g, const uint8_t *program, unsigned long lowcore,
		const struct operands *o)
{
	const uint64_t psw[2] = { PSW_64_BIT, interrupted() };
	unsigned long end;

	memcpy(ap_guest_memory(g, CODE), ap_pqap, (size_t)(ap_programs_end - ap_pqap));
	memcpy(ap_guest_memory(g, OPERANDS), o, sizeof(*o));
	memcpy(ap_guest_memory(g, lowcore), psw, sizeof(psw));
	end = ap_guest_run(g, CODE + (unsigned long)(program - ap_pqap));
	TEST_ASSERT(end, "the guest's program came to user space");
	return end > interrupted();
}

static struct ap_status pqap(struct ap_guest *g, const struct operands *o)
{
	struct ap_status s = { 0 };
	struct operands after;

	if (run(g, ap_pqap, LOWCORE_PROGRAM_NEW, o)) {
		memcpy(&s.program, ap_guest_memory(g, LOWCORE_PROGRAM_CODE), sizeof(s.program));
		return s;
	}
	memcpy(&after, ap_guest_memory(g, OPERANDS), sizeof(after));
	s.word = (uint32_t)after.status;
	return s;
}

struct ap_status ap_guest_test(struct ap_guest *g, unsigned int queue)
{
	return pqap(g, &(struct operands){ .r0 = queue });
}

struct ap_status ap_guest_control(struct ap_guest *g, unsigned int queue, bool enable,
				  unsigned int subclass, unsigned long byte)
{
	return pqap(g, &(struct operands){ .r0 = AQIC | queue,
					   .r1 = (enable ? ENABLE : 0) | subclass,
					   .r2 = byte });
}

uint32_t ap_guest_wait(struct ap_guest *g, uint32_t loops)
{
	uint32_t word = 0;

	if (run(g, ap_wait, LOWCORE_IO_NEW,
		&(struct operands){ .subclasses = 0xff000000, .mask = 0x02, .loops = loops }))
		memcpy(&word, ap_guest_memory(g, LOWCORE_IO_WORD), sizeof(word));
	return word;
}
