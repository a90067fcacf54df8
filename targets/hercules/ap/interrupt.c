// SPDX-License-Identifier: QPL-1.0
/*
 * A queue's adapter interruption for a guest, at the wish of the description since no message
 * is ever answered: its notification byte, and its subclass in the mask of pending ones of the
 * guest's interruption state area (GISA). KVM finds it there when it enters the guest next.
 * A guest that runs in SIE leaves it for the interruption of the disk that the wish was written
 * to, or for enabled.c. What a machine does besides is missing: the alert that wakes a guest
 * that waits, since that is an adapter interruption for the host.
 */
#include "arch.h"

#include "machine.h"

#define NOTIFIED 0x80
#define GISA_PENDING 4

static void set_bits(uint64_t address, uint8_t bits)
{
	if (address > sysblk.mainsize - 1)
		return;
	__atomic_fetch_or(sysblk.mainstor + address, bits, __ATOMIC_SEQ_CST);
	STORAGE_KEY(address, &sysblk) |= STORKEY_REF | STORKEY_CHANGE;
}

void ap_interrupt(struct ap_machine *machine)
{
	for (unsigned int qid = 0; qid < AP_IDS * AP_IDS; qid++) {
		const struct ap_queue *queue = &machine->queue[qid];

		if (!machine->d.interrupt[qid])
			continue;
		if (!queue->interrupts || !queue->gisa) {
			ap_trace("error: irq %02x.%04x is not enabled for a guest", qid / AP_IDS,
				 qid % AP_IDS);
			continue;
		}
		set_bits(queue->nib, NOTIFIED);
		set_bits(queue->gisa + GISA_PENDING, 0x80 >> queue->gisc);
		ap_trace("irq %02x.%04x gisc %u", qid / AP_IDS, qid % AP_IDS, queue->gisc);
	}
}
