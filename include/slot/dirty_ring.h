/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty rings: what vCPUs have written, in memory that they share with the process.
 * api.rst, KVM_CAP_DIRTY_LOG_RING. For every architecture that has them.
 */
#ifndef DIRTY_RING_H
#define DIRTY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case/outcome.h"
#include "kvm_util.h"
#include "slot/dirty_log.h"

/* The ring of a vCPU, and how far it has been harvested */
struct dirty_ring {
	struct kvm_dirty_gfn *entries;
	size_t count, next;
};

/* ring_capability - the one by which rings are enabled, 0 if there is none */
long ring_capability(void);

/* ring_most_bytes - what it says: how large a ring may be */
uint64_t ring_most_bytes(void);

/* ring_enable - KVM_ENABLE_CAP of @capability for the VM, with @argument */
struct outcome ring_enable(struct kvm_vm *vm, long capability, uint64_t argument);

/* ring_takes - are rings of @bytes enabled by @capability, in a VM of their own? */
bool ring_takes(long capability, uint64_t bytes);

/* ring_least_bytes - how small a ring may be, found by trying */
uint64_t ring_least_bytes(void);

/* ring_open - map the ring of @bytes that @vcpu has */
struct dirty_ring ring_open(struct kvm_vcpu *vcpu, size_t bytes);
void ring_close(struct dirty_ring *r);

/* ring_flags - of the entry @ahead entries behind the next one to harvest */
uint32_t ring_flags(const struct dirty_ring *r, size_t ahead);

/*
 * ring_harvest - take the next entry, if it is dirty
 * @flags: it has afterwards; KVM_DIRTY_GFN_F_RESET has to be among them
 */
bool ring_harvest(struct dirty_ring *r, uint32_t flags, struct kvm_dirty_gfn *entry);

/*
 * ring_collect - harvest all that is there
 * @found: gets the pages of @slot
 * @others: gets the number of entries for anything else
 * Returns the number of entries.
 */
size_t ring_collect(struct dirty_ring *r, uint32_t slot, struct pages *found, size_t *others);

/* ring_reset - KVM_RESET_DIRTY_RINGS */
struct outcome ring_reset(struct kvm_vm *vm);

#endif
