// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known deviations of MEM_OP: see memop_deviation.h. Each condition is as narrow as its
 * reason.
 */
#include <errno.h>

#include "s390x/memop_deviation.h"

static bool is_absolute(const struct request *r)
{
	return r->op.op == KVM_S390_MEMOP_ABSOLUTE_READ ||
	       r->op.op == KVM_S390_MEMOP_ABSOLUTE_WRITE;
}

static bool is_logical(const struct request *r)
{
	return r->op.op == KVM_S390_MEMOP_LOGICAL_READ || r->op.op == KVM_S390_MEMOP_LOGICAL_WRITE;
}

static uint8_t key_in_effect(const struct request *r)
{
	return r->op.flags & KVM_S390_MEMOP_F_SKEY_PROTECTION ? r->op.key : 0;
}

/* Is there storage where the range begins? */
static bool begins_in_storage(const struct prediction *p)
{
	return p->fragments && !p->fragment[0].offset;
}

/*
 * DEV-01: CHECK_ONLY looks for the storage of each page only where it has to
 * look at the storage key, which access key 0 does not need
 */
static bool check_misses_hole(const struct request *r, const struct prediction *p, struct outcome o)
{
	return !compat_new_memory_management() && is_absolute(r) &&
	       r->op.flags & KVM_S390_MEMOP_F_CHECK_ONLY && !key_in_effect(r) && p->answers == 1 &&
	       p->any[0].ret == PGM_ADDRESSING && begins_in_storage(p) && o.ret == 0;
}

const char *deviation_known(const struct state *s, const struct request *r,
			    const struct prediction *p, struct outcome o)
{
	(void)s;
	if (check_misses_hole(r, p, o))
		return "DEV-01";
	return NULL;
}

/*
 * DEV-08: CHECK_ONLY of a logical range meets key and translation of each page in turn; the
 * access translates all pages before it looks at the first key
 */
const char *deviation_of_check(const struct request *r, const struct prediction *p,
			       struct outcome checked, struct outcome done)
{
	return is_logical(r) && p->cause.protection == PROTECTED_KEY &&
			       checked.ret == PGM_PROTECTION && done.ret > 0 &&
			       done.ret != PGM_PROTECTION
		       ? "DEV-08"
		       : NULL;
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

/* DEV-09: whatever fails in the access by key is taken for key-controlled protection */
const char *deviation_of_host_fault(struct outcome o)
{
	return o.ret == PGM_PROTECTION ? "DEV-09" : NULL;
}

/* DEV-10: whether keys are in use is looked at before the count */
const char *deviation_of_unused_keys(struct outcome o)
{
	return o.ret == 1 ? "DEV-10" : NULL; /* KVM_S390_GET_SKEYS_NONE */
}

/* DEV-11: 1 and 2 bytes are exchanged within their word, whose other bytes may keep changing */
const char *deviation_of_busy_word(size_t size, struct outcome o)
{
	return size < 4 && o.ret == -1 && o.err == EAGAIN ? "DEV-11" : NULL;
}

/*
 * DEV-04: the page is made writable, and logged, before the key or the value is looked at.
 * Up to 7.0 it is the process that cannot store to it at once, and the log is collected from
 * what the guest has met; the new memory management logs whatever it makes writable.
 * DEV-12: there a key that is set marks the entry, which is looked at once it maps a page.
 */
const char *deviation_of_dirty_page(const struct dirty_attempt *a)
{
	if (a->keyed && compat_new_memory_management())
		return "DEV-12";
	if (a->by_guest || !a->store)
		return NULL;
	return compat_new_memory_management() || (a->guest_met && !a->writable) ? "DEV-04" : NULL;
}

/* FIND-02: seen on 6.1, which has no cmpxchg yet */
const char *fault_of_access_list(const struct state *s, const struct request *r)
{
	bool by_register =
		s->cpu.psw_mask & PSW_DAT && PSW_AS(s->cpu.psw_mask) == PSW_AS(PSW_AS_REGISTER);

	return is_logical(r) && by_register &&
			       !(s->extension & KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG)
		       ? "FIND-02"
		       : NULL;
}

/*
 * FIND-22: while a VM uses no keys nobody makes those of its frames 0, and they are looked at
 * FIND-23: when it begins to, only the frames are cleared that the process may write
 */
const char *fault_of_former_keys(bool keys_used, bool read_only)
{
	if (!keys_used)
		return "FIND-22";
	return read_only && !compat_new_memory_management() ? "FIND-23" : NULL;
}

/* FIND-48: nobody makes the keys of a huge page 0 but when the VM's first key does */
const char *fault_of_huge_keys(void)
{
	return compat_new_memory_management() ? "FIND-48" : NULL;
}

/* FIND-45: what the key is to be is stored before it is compared with what the key is */
const char *fault_of_conditional_key(void)
{
	return compat_new_memory_management() ? "FIND-45" : NULL;
}

/* FIND-49: check_gva_range() asks for the space before it makes the address effective */
const char *fault_of_checked_address(const struct kvm_s390_mem_op *op, uint64_t psw_mask,
				     uint64_t teid_wrong)
{
	uint64_t beyond = psw_mask & PSW_EA ? 0 : psw_mask & PSW_BA ? ~0UL << 31 : ~0UL << 24;

	if (!(op->flags & KVM_S390_MEMOP_F_CHECK_ONLY) ||
	    PSW_AS(psw_mask) != PSW_AS(PSW_AS_REGISTER))
		return NULL;
	return teid_wrong && teid_wrong == (op->gaddr & beyond) ? "FIND-49" : NULL;
}
