/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels are known to differ from the contract of MEM_OP: docs/contract.md, "Known
 * deviations", tells of each, with its reason. The oracle does not know them: a
 * case that deviates in the known way, and in no other, is counted apart.
 */
#ifndef MEMOP_DEVIATION_H
#define MEMOP_DEVIATION_H

#include "oracle/contract.h"

/*
 * deviation_known - is @o, which the contract does not allow, known of kernels?
 * @p: what the oracle says of @r in @s
 * Returns the deviation's name, e.g. "DEV-01", or NULL.
 */
const char *deviation_known(const struct state *s, const struct request *r,
			    const struct prediction *p, struct outcome o);

/*
 * deviation_of_check - is it known that CHECK_ONLY of @r comes to @checked, and @r to @done?
 * Each alone is allowed by @p.
 */
const char *deviation_of_check(const struct request *r, const struct prediction *p,
			       struct outcome checked, struct outcome done);

/*
 * deviation_of_old - is what became of the old value of a cmpxchg known of kernels?
 * @old: the @size bytes at "old_addr" after an outcome @o that leaves them alone
 */
const char *deviation_of_old(struct outcome o, const uint8_t *old, size_t size);

/*
 * deviation_of_busy_word - is it known that a cmpxchg of @size bytes, beside which others are
 * stored to all the time, comes to @o?
 */
const char *deviation_of_busy_word(size_t size, struct outcome o);

/* deviation_of_unused_keys - is it known that GET_SKEYS with a bad count comes to @o so early? */
const char *deviation_of_unused_keys(struct outcome o);

/*
 * deviation_of_host_fault - is it known that an access of which the process, and not the
 * guest, is not capable comes to @o?
 */
const char *deviation_of_host_fault(struct outcome o);

/* An access that stored nothing, and the page that it was of */
struct dirty_attempt {
	bool store;	/* it asked for a store: denied, or a cmpxchg that found another value */
	bool by_guest;	/* an instruction of the guest, no request */
	bool guest_met; /* the guest has accessed the page's segment before */
	bool writable;	/* the process stored to the page since the log was read: it can at once */
	bool keyed;	/* its storage key was changed before KVM mapped it, and it has not since */
};

/* deviation_of_dirty_page - is it known of kernels to log such a page? */
const char *deviation_of_dirty_page(const struct dirty_attempt *a);

/*
 * fault_of_access_list - does a released kernel make such a request with access registers that are
 * not the guest's? docs/findings.md; it says why a case fails, and excuses none
 */
const char *fault_of_access_list(const struct state *s, const struct request *r);

/*
 * fault_of_former_keys - does this kernel let a VM meet the storage keys that frames had in
 * another one? docs/findings.md
 * @keys_used: the VM uses keys by now
 * @read_only: the process could not write to the page when it began to
 */
const char *fault_of_former_keys(bool keys_used, bool read_only);

/* fault_of_huge_keys - the same of huge pages that KVM maps once the VM uses keys */
const char *fault_of_huge_keys(void);

/*
 * fault_of_conditional_key - does this kernel change R and C of a key that PFMF or SSKE with these
 * bits bypassed has to leave alone? docs/findings.md
 */
const char *fault_of_conditional_key(void);

/*
 * fault_of_checked_address - has the TEID of a CHECK_ONLY that an access-list entry denies bits of
 * @op's address that the addressing mode of @psw_mask leaves out? docs/findings.md
 * @teid_wrong: the bits of the TEID that are not as they have to be
 */
const char *fault_of_checked_address(const struct kvm_s390_mem_op *op, uint64_t psw_mask,
				     uint64_t teid_wrong);

#endif
