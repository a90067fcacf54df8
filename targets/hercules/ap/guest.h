/* SPDX-License-Identifier: QPL-1.0 */
/*
 * What a guest's state description and crypto control block say of its AP instructions;
 * to be included after arch.h.
 */
#ifndef AP_GUEST_H
#define AP_GUEST_H

#include "description.h"

struct ap_masks {
	uint8_t apm[AP_MASK], aqm[AP_MASK], adm[AP_MASK];
};

/* Are they carried out here, not intercepted? */
bool ap_interpreted(REGS *regs);

/* The cards, domains and control domains that a guest is left */
void ap_guest_masks(REGS *regs, struct ap_masks *m);

#endif
