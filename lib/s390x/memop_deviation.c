// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known deviations of MEM_OP: see memop_deviation.h. Each condition is as narrow as its
 * reason.
 */
#include "s390x/memop_deviation.h"

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

/* DEV-04: the page is made writable, and logged, before the key or the value is looked at */
const char *deviation_of_dirty_page(bool attempted)
{
	return attempted && has_new_memory_management() ? "DEV-04" : NULL;
}
