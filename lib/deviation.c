// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known deviations: see deviation.h. Each condition is as narrow as its reason.
 */
#include <stdio.h>

#include "deviation.h"

static bool is_absolute(const struct request *r)
{
	return r->op.op == KVM_S390_MEMOP_ABSOLUTE_READ ||
	       r->op.op == KVM_S390_MEMOP_ABSOLUTE_WRITE;
}

static uint8_t key_in_effect(const struct request *r)
{
	return r->op.flags & KVM_S390_MEMOP_F_SKEY_PROTECTION ? r->op.key : 0;
}

/*
 * Is this KVM's memory management that of Linux 7.1 and later? It came with slots in
 * units of a page, and which deviations are known depends on it.
 */
static bool has_new_memory_management(void)
{
	return compat_slot_unit() < 1UL << 20;
}

/*
 * DEV-01: CHECK_ONLY looks for the storage of each page only where it has to
 * look at the storage key, which access key 0 does not need
 */
static bool check_misses_hole(const struct request *r, const struct prediction *p, struct outcome o)
{
	return !has_new_memory_management() && is_absolute(r) &&
	       r->op.flags & KVM_S390_MEMOP_F_CHECK_ONLY && !key_in_effect(r) && p->answers == 1 &&
	       p->any[0].ret == PGM_ADDRESSING && o.ret == 0;
}

const char *deviation_known(const struct state *s, const struct request *r,
			    const struct prediction *p, struct outcome o)
{
	(void)s;
	if (check_misses_hole(r, p, o))
		return "DEV-01";
	return NULL;
}

/* DEV-02: a denied cmpxchg zeroes the old value, as if the target had been 0 */
const char *deviation_of_old(struct outcome o, const uint8_t *old, size_t size)
{
	if (o.ret != PGM_PROTECTION)
		return NULL;
	for (size_t i = 0; i < size; i++)
		if (old[i])
			return NULL;
	return "DEV-02";
}

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

/* DEV-04: the page is made writable, and logged, before the key or the value is looked at */
const char *deviation_of_dirty_page(bool attempted)
{
	return attempted && has_new_memory_management() ? "DEV-04" : NULL;
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
