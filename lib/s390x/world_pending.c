// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU finds of an exception that INJECT_EXCEPTION has made pending, and its own
 * accesses: see s390x/world_request.h. PoP, chapter 6, "Program Interruption"; chapter 3,
 * "Suppression on Protection"; chapter 4, "Assigned Storage Locations".
 */
#include "s390x/world_modes.h"
#include "s390x/world_request.h"
#include "world/look.h"

/* TEID: bytes 168-175 of the lowcore */
#define TEID_ADDRESS (~0xfffUL)
#define TEID_SPACE 3UL
/* Bits 56, 60, 61: what suppressed, with enhanced suppression on protection 2 */
#define TEID_WHAT 0x8cUL
#define PSW_CC_KEY (3UL << 44 | 15UL << 52) /* as the last order left them */
#define DIAG_LENGTH 4U
#define BASE_REGISTER 4U

static bool is_between(int code, int first, int last)
{
	return code >= first && code <= last;
}

static bool has_address(int code)
{
	return is_between(code, PGM_SEGMENT_TRANSLATION, PGM_PAGE_TRANSLATION) ||
	       is_between(code, PGM_ASCE_TYPE, PGM_REGION_THIRD_TRANSLATION);
}

static bool is_register_exception(int code)
{
	return is_between(code, PGM_ALEN_TRANSLATION, PGM_EXTENDED_AUTHORITY);
}

static uint64_t what_of(enum protection protection)
{
	static const uint64_t of[] = { [PROTECTED_LOW_ADDRESS] = 0x80,
				       [PROTECTED_KEY] = 0x08,
				       [PROTECTED_LIST] = 0x0c,
				       [PROTECTED_DAT] = 0x04 };

	return of[protection];
}

static void field(struct world *w, unsigned int vcpu, const char *name, uint64_t is, uint64_t to_be)
{
	if (is == to_be)
		world_decided("MEMOP-INJ-01");
	else
		world_wrong(w, "MEMOP-INJ-01", "the exception that MEM_OP reported, in the lowcore",
			    "vCPU %u: %s %#llx, has to be %#llx", vcpu, name,
			    (unsigned long long)is, (unsigned long long)to_be);
}

void world_pend(struct world *w, unsigned int vcpu, const struct attempt *t)
{
	struct cpu_model *m = world_cpu(w, vcpu);

	m->pending = true;
	m->injected = t->o;
	m->cause = t->p.cause;
	m->changed = t->changed;
	m->ar = t->r.op.ar;
	/* Where several exceptions are due, the fields are those of the one reported */
	m->fields_known = t->p.cause.code == t->o.ret && t->p.answers == 1;
}

static void check_fields(struct world *w, unsigned int vcpu, const struct taken *t)
{
	const struct cpu_model *m = world_cpu(w, vcpu);
	uint64_t space = PSW_AS(m->cpu.psw_mask);

	if (has_address(t->code)) {
		field(w, vcpu, "TEID address", t->teid & TEID_ADDRESS,
		      m->cause.address & TEID_ADDRESS);
		field(w, vcpu, "TEID space", t->teid & TEID_SPACE, space);
	}
	if (t->code == PGM_PROTECTION)
		field(w, vcpu, "TEID: what suppressed", t->teid & TEID_WHAT,
		      m->changed ? 0 : what_of(m->cause.protection));
	if (t->code == PGM_PROTECTION && !m->changed) {
		field(w, vcpu, "TEID address", t->teid & TEID_ADDRESS,
		      m->cause.address & TEID_ADDRESS);
		if (m->cause.protection == PROTECTED_DAT && m->cpu.psw_mask & PSW_DAT)
			field(w, vcpu, "TEID space", t->teid & TEID_SPACE, space);
	}
	if (space == PSW_AS(PSW_AS_REGISTER) && m->cpu.psw_mask & PSW_DAT &&
	    (has_address(t->code) || is_register_exception(t->code)))
		field(w, vcpu, "exception access id", t->exception_access_id, m->ar);
}

void world_take_pending(struct world *w, unsigned int vcpu)
{
	struct cpu_model *m = world_cpu(w, vcpu);
	struct order none = { .psw_mask = m->cpu.psw_mask };
	struct taken t;

	if (!world_order(w, vcpu, &none, &t))
		return;
	if (t.any && !m->pending) {
		world_wrong(w, "MEMOP-INJ-02", "nothing is pending at this vCPU",
			    "vCPU %u takes a program interruption, code %#x", vcpu, t.code);
		return;
	}
	if (!m->pending) {
		world_decided("MEMOP-INJ-02");
		return;
	}
	m->pending = false;
	if (!t.any) {
		world_wrong(w, "MEMOP-INJ-01", "the exception is raised at that vCPU",
			    "vCPU %u goes on without one", vcpu);
		return;
	}
	field(w, vcpu, "code", t.code, (uint64_t)m->injected.ret);
	field(w, vcpu, "instruction length", t.ilc & 7, DIAG_LENGTH);
	field(w, vcpu, "old PSW mask", t.old_psw[0] & ~PSW_CC_KEY, m->cpu.psw_mask);
	if (m->fields_known)
		check_fields(w, vcpu, &t);
}

/* The same access as a MEM_OP: 8 bytes by a base register, all or nothing */
void world_access(struct world *w, unsigned int vcpu, uint64_t address, bool store, uint8_t key,
		  uint64_t value)
{
	struct cpu_model *m = world_cpu(w, vcpu);
	struct order o = { .address = address,
			   .psw_mask = m->cpu.psw_mask,
			   .value = value,
			   .kind = store ? ORDER_STORE : ORDER_LOAD,
			   .key = key };
	struct attempt t = { .r.on_vcpu = true,
			     .r.op = { .op = store ? KVM_S390_MEMOP_LOGICAL_WRITE
						   : KVM_S390_MEMOP_LOGICAL_READ,
				       .flags = KVM_S390_MEMOP_F_SKEY_PROTECTION,
				       .gaddr = address,
				       .size = 8,
				       .key = key,
				       .ar = BASE_REGISTER } };
	struct taken taken;
	uint64_t read = 0;

	world_predict(w, vcpu, &t);
	world_settle_keys(w, &t.p);
	world_predict(w, vcpu, &t);
	if (world_is_wrong() || !world_order(w, vcpu, &o, &taken))
		return;
	t.o = (struct outcome){ .ret = taken.any ? taken.code : 0 };
	read = o.value;
	t.buf = (uint8_t *)(store ? &value : &read);
	t.filled = (uint8_t *)&value;
	t.by_cpu = true;
	world_judge(w, &t);
}
