/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory slots: KVM_SET_USER_MEMORY_REGION and KVM_SET_USER_MEMORY_REGION2, and a
 * guest that reads and writes what is in them. For every architecture.
 */
#ifndef REGION_H
#define REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm_util.h"
#include "outcome.h"

struct region {
	uint32_t slot, flags;
	uint64_t gpa, size; /* bytes */
	uint64_t user;	    /* address of the memory */
	uint64_t memfd_offset;
	uint32_t memfd; /* with KVM_MEM_GUEST_MEMFD, which only the second ioctl knows */
};

/*
 * region_set - the ioctl for @r
 * @second: KVM_SET_USER_MEMORY_REGION2
 */
struct outcome region_set(int vm_fd, bool second, const struct region *r);

/* region_has_second - is KVM_SET_USER_MEMORY_REGION2 there? */
bool region_has_second(void);

/*
 * region_memfd - KVM_CREATE_GUEST_MEMFD: a file of @size bytes that belongs to the VM
 * Its return value is a file descriptor. ENOTTY if KSRC's headers are older than it.
 */
struct outcome region_memfd(int vm_fd, uint64_t size, uint64_t flags);

#define REGION_TEXT 180

/* region_text - the request in words, to @text of REGION_TEXT bytes; returns @text */
const char *region_text(const struct region *r, char *text);

/* region_memory - @size bytes of zeroes, aligned to compat_slot_unit() */
uint8_t *region_memory(size_t size);

/*
 * region_huge_memory - @size bytes of zeroes in huge pages, NULL if there are none
 * Root needs none reserved: two are for the time of this process.
 */
uint8_t *region_huge_memory(size_t size);

/*
 * region_case - begin the next case: is the ioctl for @r what is expected?
 * Reports what is wrong. Returns whether all was right, true where the case is left out;
 * the ioctl is issued in any case, since later cases build on it.
 */
bool region_case(int vm_fd, bool second, const struct region *r, struct outcome expected,
		 const char *state);

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
