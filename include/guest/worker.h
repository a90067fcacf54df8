/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that reads and writes what is in memory slots. For every architecture.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/order.h"
#include "kvm_util.h"

/* A guest that looks at memory; its own slots are 0 to REGION_FREE_SLOT - 1 */
#define REGION_FREE_SLOT 4

struct worker {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	struct order_desk desk;
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

/* worker_do - the guest carries out @count orders, however many; all have to meet memory */
void worker_do(struct worker *w, struct order *orders, size_t count);

/* worker_read - what the guest reads, 8 bytes, at @gpa */
uint64_t worker_read(struct worker *w, uint64_t gpa);

/* worker_write - the guest writes 8 bytes at @gpa */
void worker_write(struct worker *w, uint64_t gpa, uint64_t value);

/*
 * worker_try - the guest carries out an order where there may be no memory, or none to write
 * @mmio: what came to user space
 * Returns true if it met memory, false if its access came to user space as MMIO, or
 * on s390x met an addressing exception.
 */
bool worker_try(struct worker *w, struct order *o, struct order_mmio *mmio);

/* worker_finds_memory - does the guest meet memory when it reads @gpa? */
bool worker_finds_memory(struct worker *w, uint64_t gpa);

/*
 * worker_denied - the guest reads, or writes, 8 bytes that the process itself cannot
 * @allow: makes it possible, with @arg; the guest goes on then
 * Returns true if the access did not take place before. How KVM tells of it is its own
 * affair: KVM_RUN fails, or the guest meets an exception.
 */
bool worker_denied(struct worker *w, uint64_t gpa, bool write, uint64_t value,
		   void (*allow)(void *arg), void *arg);

/* worker_call - what @function of the test, called in the guest, returns for @value */
uint64_t worker_call(struct worker *w, uint64_t (*function)(uint64_t), uint64_t value);

#endif
