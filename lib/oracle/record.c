// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reference and change bits and the dirty log: PoP, chapter 3, "Storage Key"; api.rst,
 * KVM_GET_DIRTY_LOG: pages that were written.
 */
#include "oracle/contract.h"
#include "rules.h"

#define on contract_on

static bool is_store(const struct request *r)
{
	return r->op.op == KVM_S390_MEMOP_LOGICAL_WRITE ||
	       r->op.op == KVM_S390_MEMOP_ABSOLUTE_WRITE ||
	       r->op.op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG;
}

static struct record stored(void)
{
	uint8_t bits = (on(RULE_RECORD_REFERENCE) ? KEY_REFERENCE : 0) |
		       (on(RULE_RECORD_CHANGE) ? KEY_CHANGE : 0);

	return (struct record){ .must = bits, .may = bits, .logged = true };
}

struct record contract_record(const struct request *r, const struct prediction *p, struct outcome o,
			      bool changed)
{
	uint8_t reference = on(RULE_RECORD_REFERENCE) ? KEY_REFERENCE : 0;

	if (r->op.flags & KVM_S390_MEMOP_F_CHECK_ONLY && on(RULE_RECORD_CHECK))
		return (struct record){ 0 }; /* MEMOP-CHK-02 */
	if (o.ret == 0 && is_store(r) && p->moves == MOVES_TO_OLD && on(RULE_RECORD_UNEQUAL))
		/* PoP, chapter 7, "COMPARE AND SWAP": it may count as a store */
		return (struct record){ .must = reference, .may = reference | KEY_CHANGE };
	if (o.ret == 0)
		return is_store(r) ? stored()
				   : (struct record){ .must = reference, .may = reference };
	/* What has been stored before a later page denied it was stored all the same */
	if (changed && on(RULE_RECORD_PARTIAL))
		return stored();
	/* PoP does not say that a prohibited access leaves the reference bit off */
	return (struct record){ .may = reference };
}
