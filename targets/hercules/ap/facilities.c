// SPDX-License-Identifier: QPL-1.0
/*
 * Facility 76, the message-security assist extension 3, which KVM wants before it gives a guest
 * a crypto control block in format 1 or 2, and its instruction. Hercules has it only together
 * with the functions for messages, which are not wanted here: so its bit goes into what
 * STFLE has stored.
 */
#include <stdbool.h>

#include "arch.h"
#include "facilities.h"

#define BYTE_OF_76 9
#define BIT_OF_76 0x08

/* STFLE */
DEF_INST(ap_stfle)
{
	int base = inst[2] >> 4;
	VADR address = (inst[2] & 0x0f) << 8 | inst[3];
	bool more = regs->GR_LHLCL(0) >= 1;
	BYTE byte;

	address = (address + (base ? regs->GR(base) : 0)) & ADDRESS_MAXWRAP(regs);
	/* This does not return where the list is not stored, or is a guest's */
	z900_store_facility_list_extended(inst, regs);
	if (!more || SIE_MODE(regs))
		return;
	byte = ARCH_DEP(vfetchb)(address + BYTE_OF_76, base, regs);
	ARCH_DEP(vstoreb)(byte | BIT_OF_76, address + BYTE_OF_76, base, regs);
}

/* PCKMO: which functions there are, and that there is none */
DEF_INST(ap_pckmo)
{
	static BYTE functions[16] = { 0x80 };

	INST_UPDATE_PSW(regs, 4, 4);
	PRIV_CHECK(regs);
	if (regs->GR_L(0) & 0x7f)
		ARCH_DEP(program_interrupt)(regs, PGM_SPECIFICATION_EXCEPTION);
	ARCH_DEP(vstorec)
	(functions, sizeof(functions) - 1, regs->GR_G(1) & ADDRESS_MAXWRAP(regs), 1, regs);
}
