// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known deviations of memory slots: see slot/deviation.h. Each condition is as narrow as
 * its reason.
 */
#include <stdio.h>

#include "compat.h"
#include "slot/deviation.h"

/* DEV-03: where user and kernel have address spaces of their own, every address may be a user's */
const char *deviation_of_user_address(struct outcome o)
{
#ifdef __s390x__
	return o.ret == 0 ? "DEV-03" : NULL;
#else
	(void)o;
	return NULL;
#endif
}

/*
 * DEV-05: KVM for x86 maps a page writable when it is read, if the process may write it,
 * and logs what it maps writable
 */
const char *deviation_of_read_page(void)
{
#ifdef __x86_64__
	return "DEV-05";
#else
	return NULL;
#endif
}

/* DEV-15: without a page of zeroes to share it gets one of its own, which counts as written */
const char *deviation_of_untouched_page(void)
{
#ifdef __s390x__
	return compat_has_zero_page() ? NULL : "DEV-15";
#else
	return NULL;
#endif
}

/* DEV-07: KVM for x86 and arm64 empties the log before it copies it out */
const char *deviation_of_failed_log(void)
{
#ifdef __s390x__
	return NULL;
#else
	return "DEV-07";
#endif
}

/* DEV-16: of the size only the lower 32 bits are looked at */
const char *deviation_of_ring_size(uint64_t size, struct outcome o)
{
	uint32_t low = (uint32_t)size;

	return size >> 32 && low && !(low & (low - 1)) && o.ret == 0 ? "DEV-16" : NULL;
}

/* DEV-13: how far the next dirty page is, is asked after the value beside it was copied */
const char *deviation_of_clean_value(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? NULL : "DEV-13";
#else
	return NULL;
#endif
}

/* DEV-23: KVM_HAS_DEVICE_ATTR looks at the group alone */
const char *deviation_of_migration_attribute(struct outcome o)
{
	return o.ret == 0 ? "DEV-23" : NULL;
}

/* FIND-27: a page's value is made of the bits under the mask, and no others are kept */
const char *fault_of_attribute_mask(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? "FIND-27" : NULL;
#else
	return NULL;
#endif
}

/* FIND-47: that its memory may be huge is looked at no more when CMMA is enabled */
const char *fault_of_attributes_and_huge_pages(struct outcome o)
{
#ifdef __s390x__
	return !o.ret && compat_new_memory_management() ? "FIND-47" : NULL;
#else
	(void)o;
	return NULL;
#endif
}

/* FIND-28: only the values of dirty pages are read, those between them are left 0 */
const char *fault_of_clean_attribute(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? "FIND-28" : NULL;
#else
	return NULL;
#endif
}

/* FIND-10: the pages of a segment are looked at once the guest has met it at its new place */
const char *fault_of_moved_log(void)
{
#ifdef __s390x__
	return "FIND-10";
#else
	return NULL;
#endif
}

/* FIND-14: an entry is emptied, and the dirty bit that it had goes with it */
const char *fault_of_unmapped_log(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? "FIND-14" : NULL;
#else
	return NULL;
#endif
}

/* FIND-24: what was written since the entry was made is known by its protection alone, till then */
const char *fault_of_aged_log(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? "FIND-24" : NULL;
#else
	return NULL;
#endif
}

/* FIND-15: a slot is seen by everybody before its tables are there */
const char *fault_of_added_slot(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? "FIND-15" : NULL;
#else
	return NULL;
#endif
}

/* FIND-30: only the size and the user address are looked at before the slot is made */
const char *fault_of_unaligned_slot(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? NULL : "FIND-30";
#else
	return NULL;
#endif
}

/* FIND-21: the pages that a guest has written are known to the process's page tables only */
const char *fault_of_lost_table(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? NULL : "FIND-21";
#else
	return NULL;
#endif
}

/* FIND-31: all of the log is set to 0 when it has been copied */
const char *fault_of_late_emptying(void)
{
#ifdef __s390x__
	return "FIND-31";
#else
	return NULL;
#endif
}

/* FIND-25: the page is linked to where the guest's address led before the fault */
const char *fault_of_held_guest(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? NULL : "FIND-25";
#else
	return NULL;
#endif
}

/* FIND-26: the keys of a huge page are those of its frames, and nobody copies them */
const char *fault_of_copied_huge_page(void)
{
#ifdef __s390x__
	return compat_new_memory_management() ? NULL : "FIND-26";
#else
	return NULL;
#endif
}

#ifdef __x86_64__
static bool is_on(const char *parameter)
{
	FILE *file = fopen(parameter, "r");
	bool on = file && fgetc(file) == 'Y';

	if (file)
		fclose(file);
	return on;
}

/* Does the processor translate guest physical addresses, and not KVM's shadow tables? */
static bool has_nested_paging(void)
{
	return is_on("/sys/module/kvm_intel/parameters/ept") ||
	       is_on("/sys/module/kvm_amd/parameters/npt");
}
#endif

/* DEV-06: what shadow tables take in beside a fault is looked up by the user address */
const char *deviation_of_memfd(void)
{
#ifdef __x86_64__
	return has_nested_paging() ? NULL : "DEV-06";
#else
	return NULL;
#endif
}
