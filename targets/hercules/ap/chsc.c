// SPDX-License-Identifier: QPL-1.0
/*
 * Channel Subsystem Call for KVM, which offers a guest interruptions of its queues where the
 * channel subsystem has the adapter-interruption virtualization facility (AIV), and tells it where
 * the block for alerts (GIB) is. Nothing is alerted here: interrupt.c.
 */
#include "hstdinc.h"
#include "hercules.h"
#include "chsc.h"

#include "ap_chsc.h"

#define STORE_CHARACTERISTICS 0x0010
#define SET_GIB 0x0021

/* Of the general characteristics: bit 61 */
#define GENERAL_AIV_BYTE 7
#define GENERAL_AIV 0x04

static void respond(CHSC_RSP *response, U16 length)
{
	STORE_HW(response->length, length);
	STORE_HW(response->rsp, CHSC_REQ_OK);
	STORE_FW(response->info, 0);
}

static void store_characteristics(CHSC_RSP *response)
{
	CHSC_RSP10 *words = (CHSC_RSP10 *)(response + 1);

	memset(words, 0, sizeof(*words));
	((BYTE *)words->general_char)[GENERAL_AIV_BYTE] = GENERAL_AIV;
	respond(response, sizeof(*response) + sizeof(*words));
}

void *ap_chsc(void *to, void *from, REGS *regs)
{
	CHSC_RSP *response = to;
	CHSC_REQ *request = from;
	U16 code, length;

	FETCH_HW(code, request->req);
	FETCH_HW(length, request->length);
	if (code == STORE_CHARACTERISTICS &&
	    length + sizeof(*response) + sizeof(CHSC_RSP10) <= 0x1000)
		store_characteristics(response);
	else if (code == SET_GIB)
		respond(response, sizeof(*response));
	else
		return NULL;
	regs->psw.cc = 0;
	return response;
}
