/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM of two vCPUs with dirty rings, which write to pages of its slots as they are told.
 */
#ifndef RING_PAIR_H
#define RING_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/order.h"
#include "slot/dirty_ring.h"

#define RING_PAIR_VCPUS 2U
#define RING_PAIR_PAGE 4096UL
#define RING_PAIR_PAGES 2048UL	    /* of the memory; more than the smallest ring holds */
#define RING_PAIR_HERE 0x40000000UL /* two places for a slot, where the guest reaches it */
#define RING_PAIR_AWAY 0x48000000UL

struct ring_pair {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[RING_PAIR_VCPUS];
	struct order_desk desks[RING_PAIR_VCPUS];
	struct dirty_ring rings[RING_PAIR_VCPUS];
	uint8_t *memory;
	struct pages written; /* what the next harvest has to find */
};

/* ring_pair_missing - there are no rings: then the line is skipped */
bool ring_pair_missing(void);

/* ring_pair_open - the VM with rings of @bytes, and without slots but its own */
void ring_pair_open(struct ring_pair *p, size_t bytes);
void ring_pair_close(struct ring_pair *p);

/* ring_pair_slot - set a slot of the memory's first @pages pages; it must be taken */
void ring_pair_slot(struct ring_pair *p, uint32_t slot, uint64_t gpa, uint64_t pages,
		    uint32_t flags);

/* ring_pair_goes_on - with what is on the desk of vCPU @v; false if its ring is full */
bool ring_pair_goes_on(struct ring_pair *p, unsigned int v);

/* ring_pair_access - vCPU @v reads or writes 8 bytes; its ring must not be full */
void ring_pair_access(struct ring_pair *p, unsigned int v, uint64_t gpa, bool write);

/* ring_pair_writes - it writes a page of the slot at RING_PAIR_HERE: for the next harvest to find
 */
void ring_pair_writes(struct ring_pair *p, unsigned int v, uint64_t page);

/*
 * ring_pair_harvest - one case: are the entries of its ring those of the pages written?
 * Returns their number. None is to be found after that.
 */
size_t ring_pair_harvest(struct ring_pair *p, unsigned int v, uint32_t slot, const char *state);

/* ring_pair_reset - one case: does KVM_RESET_DIRTY_RINGS return @count? */
void ring_pair_reset(struct ring_pair *p, size_t count, const char *state);

#endif
