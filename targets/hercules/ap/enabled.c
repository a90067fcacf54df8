// SPDX-License-Identifier: QPL-1.0
/*
 * A guest that runs enables interruptions for which its interruption state area (GISA) has one
 * pending. A machine interrupts it there and then; here it is intercepted as for an I/O request,
 * and the hypervisor, which looks at the GISA before it enters the guest again, interrupts it.
 * Without this it would be interrupted after whatever ends SIE next, a tick of the host's clock.
 */
#include <stdbool.h>

#include "arch.h"
#include "enabled.h"

/* Of a state description: the GISA's designation; of a GISA: the mask of pending subclasses */
#define SIE_GD 0x70
#define GISA_ADDRESS 0x7fffffe0
#define GISA_PENDING 4

static bool is_open(REGS *regs)
{
	U32 gisa = fetch_fw((BYTE *)regs->siebk + SIE_GD) & GISA_ADDRESS;
	RADR address = APPLY_PREFIXING((RADR)gisa, regs->hostregs->PX);

	if (!gisa || address + GISA_PENDING > regs->hostregs->mainlim ||
	    !(regs->psw.sysmask & PSW_IOMASK))
		return false;
	return sysblk.mainstor[address + GISA_PENDING] & regs->CR_L(6) >> 24;
}

/* These instructions end by a jump, so that what they enabled is looked for */
static void carry_out(void(ATTR_REGPARM(2) * instruction)(BYTE *inst, REGS *regs), BYTE *inst,
		      REGS *regs)
{
	jmp_buf outer;
	int code;

	if (!SIE_MODE(regs)) {
		instruction(inst, regs);
		return;
	}
	memcpy(&outer, &regs->progjmp, sizeof(outer));
	code = setjmp(regs->progjmp);
	if (!code)
		instruction(inst, regs);
	memcpy(&regs->progjmp, &outer, sizeof(outer));
	if ((!code || code == SIE_NO_INTERCEPT) && is_open(regs))
		code = SIE_INTERCEPT_IOREQ;
	if (code)
		longjmp(regs->progjmp, code);
}

/* SSM */
DEF_INST(ap_ssm)
{
	carry_out(z900_set_system_mask, inst, regs);
}

/* STOSM */
DEF_INST(ap_stosm)
{
	carry_out(z900_store_then_or_system_mask, inst, regs);
}

/* LPSWE */
DEF_INST(ap_lpswe)
{
	carry_out(z900_load_program_status_word_extended, inst, regs);
}

/* LCTLG, that of subclasses among others */
DEF_INST(ap_lctlg)
{
	carry_out(z900_load_control_long, inst, regs);
}
