// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest's lowcore shows of an exception: PoP, chapter 6, "Program
 * Interruption"; chapter 5, "Types of Instruction Ending"; chapter 3, "Suppression on
 * Protection" and "Translation-Exception Identification"; chapter 4, "Assigned Storage
 * Locations". What the manual leaves undefined is not in the mask.
 */
#include "oracle/contract.h"
#include "rules.h"

#define on contract_on

/* Translation-exception identification, real locations 168-175 */
#define TEID_ADDRESS (~0xfffUL)
#define TEID_FETCH_STORE 0xc00UL /* facility 75 */
#define TEID_IS_STORE 0x400UL
#define TEID_IS_FETCH 0x800UL
#define TEID_WHAT 0x8cUL /* bits 56, 60, 61: what suppressed the operation */
#define TEID_SPACE 3UL

static bool is_translation(int code)
{
	return code == PGM_SEGMENT_TRANSLATION || code == PGM_PAGE_TRANSLATION ||
	       (code >= PGM_ASCE_TYPE && code <= PGM_REGION_THIRD_TRANSLATION);
}

static bool is_register_translation(int code)
{
	return code >= PGM_ALEN_TRANSLATION && code <= PGM_EXTENDED_AUTHORITY;
}

static uint64_t what_of(enum protection protection)
{
	static const uint64_t of[] = {
		[PROTECTED_LOW_ADDRESS] = 0x80,
		[PROTECTED_KEY] = 0x08,
		[PROTECTED_LIST] = 0x0c,
		[PROTECTED_DAT] = 0x04,
	};

	return of[protection];
}

static void identify(const struct state *s, const struct request *r, const struct prediction *p,
		     struct interruption *i)
{
	bool store = r->op.op == KVM_S390_MEMOP_LOGICAL_WRITE;

	i->teid = p->cause.address & TEID_ADDRESS;
	i->teid_mask = on(RULE_TEID_ADDRESS) ? TEID_ADDRESS : 0;
	if (s->cpu.psw_mask & PSW_DAT && on(RULE_TEID_SPACE)) {
		i->teid |= PSW_AS(s->cpu.psw_mask);
		i->teid_mask |= TEID_SPACE;
	}
	if (s->cpu.fetch_store && on(RULE_TEID_FETCH_STORE)) {
		i->teid |= store ? TEID_IS_STORE : TEID_IS_FETCH;
		i->teid_mask |= TEID_FETCH_STORE;
	}
}

void contract_interruption(const struct state *s, const struct request *r,
			   const struct prediction *p, int code, unsigned int ilc, bool changed,
			   struct interruption *i)
{
	bool known =
		code == p->cause.code; /* else a later page decided, the manual leaves it open */

	*i = (struct interruption){ .code = code, .access_id = r->op.ar };
	if ((is_translation(code) || is_register_translation(code)) && on(RULE_NULLIFICATION))
		i->psw_back = ilc;
	if (code == PGM_PROTECTION && changed && on(RULE_TEID_CHANGED)) {
		i->teid_mask = TEID_WHAT; /* no suppression, and then no more is defined */
	} else if (code == PGM_PROTECTION && known) {
		identify(s, r, p, i);
		i->teid |= what_of(p->cause.protection);
		i->teid_mask |= on(RULE_TEID_SUPPRESSION) ? TEID_WHAT : 0;
	} else if (is_translation(code) && known) {
		identify(s, r, p, i);
	}
	i->has_access_id =
		on(RULE_ACCESS_ID) && s->cpu.psw_mask & PSW_DAT &&
		PSW_AS(s->cpu.psw_mask) == PSW_AS(PSW_AS_REGISTER) &&
		(is_translation(code) || is_register_translation(code) ||
		 (code == PGM_PROTECTION && known && !changed &&
		  (p->cause.protection == PROTECTED_LIST || p->cause.protection == PROTECTED_DAT)));
}
