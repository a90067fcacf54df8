/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels are known to differ from the contract of memory slots: the contract's
 * "Known deviations" tells of each, with its reason.
 */
#ifndef SLOT_DEVIATION_H
#define SLOT_DEVIATION_H

#include <stdint.h>

#include "case/outcome.h"

/* deviation_of_user_address - is it known of kernels to take a user address that no process has? */
const char *deviation_of_user_address(struct outcome o);

/* deviation_of_read_page - is it known of kernels to log a page that the guest has only read? */
const char *deviation_of_read_page(void);

/*
 * deviation_of_untouched_page - is it known of this kernel to log a page that nobody has ever
 * written when the guest reads it?
 */
const char *deviation_of_untouched_page(void);

/* deviation_of_failed_log - is it known of kernels that KVM_GET_DIRTY_LOG with EFAULT empties the
 * log? */
const char *deviation_of_failed_log(void);

/*
 * deviation_of_ring_size - is it known of kernels to take a dirty ring of @size bytes for a
 * smaller one?
 */
const char *deviation_of_ring_size(uint64_t size, struct outcome o);

/* deviation_of_migration_attribute - likewise, that KVM has an attribute of migration that there is
 * not */
const char *deviation_of_migration_attribute(struct outcome o);

/*
 * deviation_of_clean_value - is it known of kernels that KVM_S390_GET_CMMA_BITS gives a clean value
 * behind the last dirty one?
 */
const char *deviation_of_clean_value(void);

/* fault_of_attribute_mask - does SET_CMMA_BITS in this kernel set bits that its mask leaves out to
 * 0? */
const char *fault_of_attribute_mask(void);

/*
 * fault_of_attributes_and_huge_pages - does this kernel enable CMMA in a VM with huge pages?
 * @o: what it came to
 */
const char *fault_of_attributes_and_huge_pages(struct outcome o);

/* fault_of_clean_attribute - does this kernel send 0 for a clean page between two dirty ones? */
const char *fault_of_clean_attribute(void);

/*
 * fault_of_moved_log - do released kernels lose the log of what the guest has not met since a
 * move? docs/findings.md
 */
const char *fault_of_moved_log(void);

/*
 * fault_of_unmapped_log - does this kernel lose from the log what the guest wrote to a page whose
 * mapping the process changed since?
 */
const char *fault_of_unmapped_log(void);

/*
 * fault_of_aged_log - does this kernel lose from the log what the guest wrote to a page that the
 * kernel made old since, to see whether it is in use?
 */
const char *fault_of_aged_log(void);

/* fault_of_added_slot - does an access hang in this kernel that meets a slot while it is added? */
const char *fault_of_added_slot(void);

/*
 * fault_of_unaligned_slot - has a slot at a guest address of no whole MiB, which this kernel takes,
 * no memory? docs/findings.md
 */
const char *fault_of_unaligned_slot(void);

/*
 * fault_of_lost_table - does this kernel lose the log of pages whose page table the process has
 * given up? docs/findings.md
 */
const char *fault_of_lost_table(void);

/*
 * fault_of_late_emptying - does this kernel empty a log after it has copied it out, with what a
 * request has put into it meanwhile? docs/findings.md
 */
const char *fault_of_late_emptying(void);

/*
 * fault_of_held_guest - does a guest in this kernel get at memory whose slot was deleted while
 * the process was looking for the page? docs/findings.md
 */
const char *fault_of_held_guest(void);

/*
 * fault_of_copied_huge_page - does this kernel lose the storage keys of a huge page that it copies?
 * docs/findings.md
 */
const char *fault_of_copied_huge_page(void);

/*
 * deviation_of_memfd - is it known of kernels that a guest reaches the slot's user address
 * where it should reach its guest_memfd?
 */
const char *deviation_of_memfd(void);

#endif
