/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that reads and writes what is in memory slots. For every architecture.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm_util.h"

/* A guest that looks at memory; its own slots are 0 to REGION_FREE_SLOT - 1 */
#define REGION_FREE_SLOT 4

struct worker {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
};

/* worker_create - a VM with a guest that waits for what it is told */
void worker_create(struct worker *w);

/*
 * worker_create_huge - the same, and hugetlbfs may back the slots
 * Returns false if KVM does not allow that: s390, api.rst, KVM_CAP_S390_HPAGE_1M.
 */
bool worker_create_huge(struct worker *w);

void worker_free(struct worker *w);

/*
 * worker_map - let the guest reach @pages pages from @gpa on, at the same address
 * Has to be done before the first worker_read() or worker_write().
 */
void worker_map(struct worker *w, uint64_t gpa, uint64_t pages);

/* worker_read - what the guest reads, 8 bytes, at @gpa */
uint64_t worker_read(struct worker *w, uint64_t gpa);

/* worker_write - the guest writes 8 bytes at @gpa */
void worker_write(struct worker *w, uint64_t gpa, uint64_t value);

/*
 * worker_try - the guest reads, or writes, where there may be no memory, or none to write
 * Returns true if it met memory, false if its access came to user space as MMIO, or
 * on s390x met an addressing exception.
 */
bool worker_try(struct worker *w, uint64_t gpa, bool write, uint64_t value);

/*
 * worker_storm - the guest reads the 8 bytes at @gpa and writes those behind, @count times
 * @allowed: what may be read, where memory is met
 * @seen: is increased by the reads that met memory
 *
 * For slots that change meanwhile. Returns a value that was read and is not allowed,
 * or 0.
 */
uint64_t worker_storm(struct worker *w, uint64_t gpa, const uint64_t allowed[2], uint64_t count,
		      uint64_t *seen);

#endif
