// SPDX-License-Identifier: QPL-1.0
#include "arch.h"
#include "guest.h"

/* Of a state description, and of the crypto control block designation in it */
#define SIE_ECA 0x4c
#define ECA_APIE 0x00000008
#define SIE_CRYCBD 0xfc
#define CRYCB_ADDRESS 0x7ffffff8
#define CRYCB_FORMAT 3

bool ap_interpreted(REGS *regs)
{
	return fetch_fw((BYTE *)regs->siebk + SIE_ECA) & ECA_APIE;
}

/*
 * What a guest is left: format 2 has 256 bits each; 0 and 1 have 64 cards and 16 domains at the
 * head of the block. Without a block it is nothing.
 */
void ap_guest_masks(REGS *regs, struct ap_masks *m)
{
	U32 designation = fetch_fw((BYTE *)regs->siebk + SIE_CRYCBD);
	RADR address = APPLY_PREFIXING(designation & CRYCB_ADDRESS, regs->hostregs->PX);
	const BYTE *block = sysblk.mainstor + address;

	memset(m, 0, sizeof(*m));
	if (!(designation & CRYCB_ADDRESS) || address + 0xff > regs->hostregs->mainlim)
		return;
	if ((designation & CRYCB_FORMAT) == 3) {
		memcpy(m, block + 0x80, sizeof(*m));
		return;
	}
	memcpy(m->apm, block, 8);
	memcpy(m->aqm, block + 8, 2);
	memcpy(m->adm, block + 16, 2);
}
