/* SPDX-License-Identifier: QPL-1.0 */
/*
 * What the channel subsystem has to say for adapter interruptions of guests.
 */
#ifndef AP_CHSC_H
#define AP_CHSC_H

/*
 * ap_chsc - Channel Subsystem Call, for requests that Hercules does not know: a CHSC_RSP, a
 * CHSC_REQ Returns NULL if this does not know it either.
 */
void *ap_chsc(void *response, void *request, REGS *regs);

#endif
