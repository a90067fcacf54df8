/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place that knows how kernel trees (KSRC) and kernels differ.
 *
 * kvm_util of 6.8 and later adds memory with KVM_SET_USER_MEMORY_REGION2 only,
 * so the kernel it runs on has to have that; compat_kernel_fits() finds out.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/kvm.h>

/* Headers for other architectures have lost it: as api.rst describes it, for the oracle */
#ifndef KVM_S390_MEMOP_LOGICAL_READ
struct kvm_s390_mem_op {
	__u64 gaddr, flags;
	__u32 size, op;
	__u64 buf;
	union {
		struct {
			__u8 ar, key;
		};
		__u32 sida_offset;
		__u8 reserved[32];
	};
};

struct kvm_s390_skeys {
	__u64 start_gfn, count, skeydata_addr;
	__u32 flags, reserved[9];
};

struct kvm_s390_cmma_log {
	__u64 start_gfn;
	__u32 count, flags;
	union {
		__u64 remaining, mask;
	};
	__u64 values;
};

#define KVM_S390_SKEYS_MAX 1048576
#define KVM_S390_CMMA_PEEK (1 << 0)
#define KVM_S390_MEMOP_LOGICAL_READ 0
#define KVM_S390_MEMOP_LOGICAL_WRITE 1
#define KVM_S390_MEMOP_SIDA_READ 2
#define KVM_S390_MEMOP_SIDA_WRITE 3
#define KVM_S390_MEMOP_ABSOLUTE_READ 4
#define KVM_S390_MEMOP_ABSOLUTE_WRITE 5
#define KVM_S390_MEMOP_F_CHECK_ONLY (1ULL << 0)
#define KVM_S390_MEMOP_F_INJECT_EXCEPTION (1ULL << 1)
#define KVM_S390_MEMOP_F_SKEY_PROTECTION (1ULL << 2)
#endif

/* Older than 6.4: what cmpxchg came with */
#ifndef KVM_S390_MEMOP_ABSOLUTE_CMPXCHG
#define KVM_S390_MEMOP_ABSOLUTE_CMPXCHG 6
#define KVM_S390_MEMOP_EXTENSION_CAP_BASE (1 << 0)
#define KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG (1 << 1)
#endif

/* Older than 6.8, and 6.18: guest_memfd and its flags */
#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD (1UL << 2)
#define KVM_CAP_GUEST_MEMFD 234
#endif
#ifndef KVM_CAP_GUEST_MEMFD_FLAGS
#define KVM_CAP_GUEST_MEMFD_FLAGS 244
#define GUEST_MEMFD_FLAG_MMAP (1ULL << 0)
#define GUEST_MEMFD_FLAG_INIT_SHARED (1ULL << 1)
#endif

/* Older than 6.4: what is behind a dirty ring */
#ifndef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
#define KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP 225
#endif

/*
 * Where in a vCPU's file its dirty ring is, in pages: 0 of an architecture that has none, though
 * page 0 is something else
 */
#if KVM_DIRTY_LOG_PAGE_OFFSET
#define COMPAT_RING_OFFSET KVM_DIRTY_LOG_PAGE_OFFSET
#else
#define COMPAT_RING_OFFSET 64
#endif

/* "old_addr" of struct kvm_s390_mem_op, bytes 8 to 15 of its union */
static inline void compat_set_old_addr(struct kvm_s390_mem_op *op, const void *old_addr)
{
	uint64_t value = (uintptr_t)old_addr;

	memcpy(op->reserved + 8, &value, sizeof(value));
}

/*
 * compat_kernel_fits - can kvm_util of this KSRC work on the running kernel, and
 * does KVM take memory slots at all?
 * @why: set to what is missing
 */
bool compat_kernel_fits(const char **why);

/*
 * compat_slot_unit - smallest size, and alignment of user addresses, of a slot
 *
 * s390 asked for 1 MiB up to 6.x and asks for a page since its new gmap code;
 * api.rst, KVM_SET_USER_MEMORY_REGION, leaves it to the architecture. Found by
 * trying on a VM of its own.
 */
uint64_t compat_slot_unit(void);

/*
 * compat_new_memory_management - is KVM's memory management for s390 that of Linux 7.1 and later?
 *
 * It came with slots in units of a page; which deviations and faults are known depends
 * on it. It means nothing on other machines.
 */
static inline bool compat_new_memory_management(void)
{
	return compat_slot_unit() < 1UL << 20;
}

/*
 * compat_has_zero_page - does memory that nobody has written have a page of zeroes behind it that
 * all share, in a process that has a VM?
 *
 * On s390 it has not up to Linux 6.9. Found by trying.
 */
bool compat_has_zero_page(void);

#endif
