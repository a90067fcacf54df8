/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory slots: KVM_SET_USER_MEMORY_REGION and KVM_SET_USER_MEMORY_REGION2, and files of
 * guest_memfd. For every architecture.
 */
#ifndef REGION_H
#define REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm_util.h"
#include "case/outcome.h"

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

/*
 * region_limit - the limit of the VM's storage, KVM_S390_VM_MEM_LIMIT_SIZE
 * @request: KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR or KVM_SET_DEVICE_ATTR
 * ENXIO where the architecture has none. devices/vm.rst, KVM_S390_VM_MEM_CTRL
 */
struct outcome region_limit(int vm_fd, unsigned long request, uint64_t *value);

#define REGION_TEXT 180

/* region_text - the request in words, to @text of REGION_TEXT bytes; returns @text */
const char *region_text(const struct region *r, char *text);

/*
 * region_case - begin the next case: is the ioctl for @r what is expected?
 * Reports what is wrong. Returns whether all was right, true where the case is left out;
 * the ioctl is issued in any case, since later cases build on it.
 */
bool region_case(int vm_fd, bool second, const struct region *r, struct outcome expected,
		 const char *state);

/*
 * region_case_user - one case: is the user address of @r, which no process can have, refused?
 * Known of kernels: it is taken. The slot is deleted again.
 */
bool region_case_user(int vm_fd, bool second, struct region r, const char *state);

#endif
