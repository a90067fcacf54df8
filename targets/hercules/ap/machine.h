/* SPDX-License-Identifier: QPL-1.0 */
/*
 * The cards of this emulator's machine: their description, the state of their queues, and
 * the trace; they change when the machine writes to the disk that they are described on.
 */
#ifndef AP_MACHINE_H
#define AP_MACHINE_H

#include "description.h"

struct ap_queue {
	bool interrupts;
	uint64_t nib;	   /* where an interruption is notified, absolute */
	uint32_t gisa;	   /* whose it is, 0 for the host */
	unsigned int gisc; /* its subclass there */
	unsigned int busy; /* how often it will still answer "reset in progress" */
};

struct ap_machine {
	struct ap_description d;
	struct ap_queue queue[AP_IDS * AP_IDS];
};

/* The machine, locked; each AP instruction is done between these two */
struct ap_machine *ap_machine_get(void);
void ap_machine_put(void);

/* A line of the trace, if one is wanted. The machine is locked. */
void ap_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Queues make the interruptions that the description asks for. The machine is locked. */
void ap_interrupt(struct ap_machine *machine);

#endif
