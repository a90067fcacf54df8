// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle for MEM_OP: see contract.h. Each rule stands once, with the clause
 * of docs/contract.md or the section of the Principles of Operation it is from.
 *
 * Over 300 lines: the rules of one request, in the order of the documentation.
 */
#include <errno.h>
#include <stdio.h>

#include "oracle/contract.h"
#include "rules.h"

#define on contract_on

#define SIDA_SMALLEST 4096UL

struct operation {
	bool known, on_vcpu, sida, logical, store, exchange;
	uint64_t flags;
	unsigned int extension;
};

/* MEMOP-OP-01: what each operation needs and takes */
static const struct operation operations[] = {
	[KVM_S390_MEMOP_LOGICAL_READ] = { .known = true,
					  .on_vcpu = true,
					  .logical = true,
					  .flags = KVM_S390_MEMOP_F_CHECK_ONLY |
						   KVM_S390_MEMOP_F_INJECT_EXCEPTION |
						   KVM_S390_MEMOP_F_SKEY_PROTECTION },
	[KVM_S390_MEMOP_LOGICAL_WRITE] = { .known = true,
					   .on_vcpu = true,
					   .logical = true,
					   .store = true,
					   .flags = KVM_S390_MEMOP_F_CHECK_ONLY |
						    KVM_S390_MEMOP_F_INJECT_EXCEPTION |
						    KVM_S390_MEMOP_F_SKEY_PROTECTION },
	[KVM_S390_MEMOP_SIDA_READ] = { .known = true, .on_vcpu = true, .sida = true },
	[KVM_S390_MEMOP_SIDA_WRITE] = { .known = true, .on_vcpu = true, .sida = true },
	[KVM_S390_MEMOP_ABSOLUTE_READ] = { .known = true,
					   .extension = KVM_S390_MEMOP_EXTENSION_CAP_BASE,
					   .flags = KVM_S390_MEMOP_F_CHECK_ONLY |
						    KVM_S390_MEMOP_F_SKEY_PROTECTION },
	[KVM_S390_MEMOP_ABSOLUTE_WRITE] = { .known = true,
					    .store = true,
					    .extension = KVM_S390_MEMOP_EXTENSION_CAP_BASE,
					    .flags = KVM_S390_MEMOP_F_CHECK_ONLY |
						     KVM_S390_MEMOP_F_SKEY_PROTECTION },
	[KVM_S390_MEMOP_ABSOLUTE_CMPXCHG] = { .known = true,
					      .store = true,
					      .exchange = true,
					      .extension = KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG,
					      .flags = KVM_S390_MEMOP_F_SKEY_PROTECTION },
};

static void allow(struct prediction *p, struct outcome o, const char *clause)
{
	size_t i = 0;

	if (!p->answers)
		p->clause = clause;
	while (i < p->answers && !outcome_equal(o, p->any[i]))
		i++;
	if (i == p->answers && i < CONTRACT_ANSWERS) {
		p->any[i] = o;
		p->by[i] = clause;
		p->partial[i] = false;
		p->answers++;
	} else if (i < p->answers && p->by[i] && strcmp(p->by[i], clause)) {
		p->by[i] = NULL;
	}
}

/* The same for an exception after which earlier pages may have been stored */
static void allow_late(struct prediction *p, enum pgm code, const char *clause)
{
	size_t i = 0;

	allow(p, outcome_exception(code), clause);
	while (i < p->answers && p->any[i].ret != (int)code)
		i++;
	if (i < p->answers)
		p->partial[i] = true;
}

static void refuse(struct prediction *p, bool wrong, int err, const char *clause)
{
	if (wrong)
		allow(p, outcome_error(err), clause);
}

static struct operation operation_of(const struct request *r)
{
	if (r->op.op < sizeof(operations) / sizeof(operations[0]))
		return operations[r->op.op];
	return (struct operation){ 0 };
}

static bool has(const struct request *r, uint64_t flag)
{
	return r->op.flags & flag;
}

static uint64_t flags_defined(const struct state *s, const struct operation *op)
{
	/* MEMOP-KEY-01 */
	return s->extension ? op->flags : op->flags & ~(uint64_t)KVM_S390_MEMOP_F_SKEY_PROTECTION;
}

static bool is_exchange_size(uint32_t size)
{
	return size <= 16 && !(size & (size - 1));
}

/*
 * What makes a request invalid, whatever it would access. The order in which
 * the reasons are found is open, so each that applies is allowed.
 */
static void refusals(const struct state *s, const struct request *r, const struct operation *op,
		     struct prediction *p)
{
	const struct kvm_s390_mem_op *m = &r->op;
	uint64_t unknown = m->flags & ~flags_defined(s, op);

	refuse(p, on(RULE_OPERATION) && !op->known, EINVAL, "MEMOP-OP-01");
	refuse(p, on(RULE_FD) && op->known && op->on_vcpu != r->on_vcpu, EINVAL,
	       op->sida	      ? "MEMOP-SIDA-01"
	       : op->logical  ? "MEMOP-LOG-01"
	       : op->exchange ? "MEMOP-XCHG-01"
			      : "MEMOP-ABS-01");
	if (op->exchange)
		refuse(p, on(RULE_CMPXCHG_EXTENSION) && !(s->extension & op->extension), EINVAL,
		       "MEMOP-XCHG-01");
	else
		refuse(p, on(RULE_EXTENSION) && (s->extension & op->extension) != op->extension,
		       EINVAL, "MEMOP-ABS-02");
	refuse(p, on(RULE_SIZE_ZERO) && !m->size, EINVAL, "MEMOP-SIZE-01");
	refuse(p, on(RULE_FLAGS) && op->known && unknown, EINVAL, "MEMOP-FLAG-01");
	refuse(p, on(RULE_SIZE_MAX) && !op->sida && m->size > s->max_size, E2BIG, "MEMOP-SIZE-02");
	refuse(p,
	       on(RULE_KEY_RANGE) && has(r, KVM_S390_MEMOP_F_SKEY_PROTECTION) && m->key > 15 &&
		       !op->sida,
	       EINVAL, "MEMOP-KEY-02");
	refuse(p, on(RULE_AR_RANGE) && op->logical && m->ar > 15, EINVAL, "MEMOP-LOG-03");
	refuse(p, on(RULE_EXCHANGE_SIZE) && op->exchange && !is_exchange_size(m->size), EINVAL,
	       "MEMOP-XCHG-02");
	refuse(p, on(RULE_PROTECTED) && s->protected_guest && op->known && !op->sida, EINVAL,
	       op->logical ? "MEMOP-LOG-08" : "MEMOP-ABS-06");
	if (op->sida) {
		refuse(p, on(RULE_SIDA) && !s->protected_guest, EINVAL, "MEMOP-SIDA-02");
		refuse(p, (uint64_t)m->size + m->sida_offset > SIDA_SMALLEST, E2BIG,
		       "MEMOP-SIDA-04");
	}
}

static const struct storage *storage_at(const struct state *s, uint64_t gpa)
{
	for (size_t i = 0; i < s->slots; i++)
		if (gpa >= s->storage[i].gpa && gpa - s->storage[i].gpa < s->storage[i].size)
			return &s->storage[i];
	return NULL;
}

/* PoP, chapter 5, "Address Size and Wraparound": the bits that make an effective address */
static uint64_t effective(const struct cpu *cpu, uint64_t address)
{
	if (!on(RULE_ADDRESSING_MODE) || cpu->psw_mask & PSW_EA)
		return address;
	return cpu->psw_mask & PSW_BA ? address & 0x7fffffff : address & 0xffffff;
}

/* One access of a few bytes within a page */
struct access {
	uint64_t logical; /* effective address of a logical access */
	struct fragment f;
	bool is_logical, store, private;
	uint8_t key; /* 0 where no key is in effect */
	uint8_t ar;
};

/* PoP, chapter 3, "Key-Controlled Protection": the table of conditions */
static bool key_denies(uint8_t access_key, uint8_t storage_key, bool store)
{
	if (on(RULE_KEY_ZERO) && !access_key)
		return false;
	if (on(RULE_KEY_MATCH) && access_key == storage_key >> 4)
		return false;
	if (store)
		return on(RULE_STORE_PROTECTION);
	return !on(RULE_FETCH_PROTECTION) || storage_key & 0x08;
}

/* PoP, chapter 3, "Fetch-Protection-Override Control" and "Storage-Protection-Override Control" */
static bool override_would_permit(const struct cpu *cpu, const struct access *a,
				  uint8_t storage_key)
{
	if (on(RULE_FETCH_OVERRIDE) && !a->store && !a->private &&
	    cpu->cr[0] & CR0_FETCH_PROTECTION_OVERRIDE && a->logical < 2048 &&
	    a->logical + a->f.len <= 2048)
		return true;
	return on(RULE_STORAGE_OVERRIDE) && cpu->cr[0] & CR0_STORAGE_PROTECTION_OVERRIDE &&
	       storage_key >> 4 == 9;
}

static bool override_permits(const struct cpu *cpu, const struct access *a, uint8_t storage_key,
			     struct prediction *p)
{
	if (!override_would_permit(cpu, a, storage_key))
		return false;
	/* MEMOP-ABS-05: control registers are a vCPU's */
	p->override = a->is_logical ? OVERRIDE_USED : OVERRIDE_FOREIGN;
	return a->is_logical || !on(RULE_ABSOLUTE_OVERRIDES);
}

/* PoP, chapter 3, "Low-Address Protection" */
static bool is_low_address(const struct cpu *cpu, const struct access *a, struct prediction *p)
{
	bool low = a->store && !a->private && cpu->cr[0] & CR0_LOW_ADDRESS_PROTECTION &&
		   (a->logical & ~0x11ffUL) == 0;

	if (low && !a->is_logical)
		p->override = OVERRIDE_FOREIGN;
	return on(RULE_LOW_ADDRESS) && a->is_logical && low;
}

static struct cause met(int code, enum protection protection, const struct access *a)
{
	return (struct cause){ .code = code, .protection = protection, .address = a->logical };
}

/* Key-controlled protection, where there is storage */
static struct cause key_exception(const struct state *s, const struct access *a,
				  const struct storage *storage, struct prediction *p)
{
	uint8_t key = storage->key ? storage->key[(a->f.gpa - storage->gpa) / CONTRACT_PAGE] : 0;

	if (key_denies(a->key, key, a->store) && !override_permits(&s->cpu, a, key, p) &&
	    (on(RULE_EACH_PAGE) || !a->f.offset))
		return met(PGM_PROTECTION, PROTECTED_KEY, a);
	return met(0, PROTECTED_NOT, a);
}

static const char *clause_of(const struct cause *c)
{
	return c->protection == PROTECTED_NOT ? "MEMOP-LOG-06" : "MEMOP-LOG-07";
}

/*
 * The exceptions that the access meets, allowed in @p each, and the first by
 * priority (PoP, chapter 6, "Access Exceptions"). DAT protection and a missing
 * target are both allowed where both are there.
 */
static struct cause exceptions_of(const struct state *s, struct access *a, struct prediction *p,
				  bool *exists)
{
	struct cause first = met(0, PROTECTED_NOT, a), c;
	const struct storage *storage;

	*exists = false;
	if (is_low_address(&s->cpu, a, p)) {
		allow(p, outcome_exception(PGM_PROTECTION), "MEMOP-LOG-07");
		first = met(PGM_PROTECTION, PROTECTED_LOW_ADDRESS, a);
	}
	if (a->is_logical) {
		c = contract_translate(s, a->logical, a->ar, a->store, &a->f.gpa);
		/*
		 * Whether a low address is protected depends on the space, which
		 * access registers have to designate first: either may be reported
		 */
		if (c.code && first.code && PSW_AS(s->cpu.psw_mask) == PSW_AS(PSW_AS_REGISTER))
			allow(p, outcome_exception((enum pgm)c.code), clause_of(&c));
		if (c.code && !first.code) {
			allow(p, outcome_exception((enum pgm)c.code), clause_of(&c));
			first = met(c.code, c.protection, a);
		}
		if (c.code && c.protection != PROTECTED_DAT)
			return first;
	}
	storage = storage_at(s, a->f.gpa);
	*exists = storage;
	if (!storage && on(RULE_STORAGE)) {
		allow_late(p, PGM_ADDRESSING, "MEMOP-ADDR-01");
		return first.code ? first : met(PGM_ADDRESSING, PROTECTED_NOT, a);
	}
	if (first.code || !storage)
		return first;
	first = key_exception(s, a, storage, p);
	if (first.code)
		allow_late(p, PGM_PROTECTION, "MEMOP-KEY-03");
	return first;
}

/*
 * The range, page by page. An access exception is due if any piece meets one;
 * which of several is reported is open (PoP, chapter 6, "Access Exceptions").
 */
static void walk(const struct state *s, const struct request *r, const struct operation *op,
		 struct prediction *p)
{
	bool keyed = has(r, KVM_S390_MEMOP_F_SKEY_PROTECTION) || !on(RULE_KEY_FLAG);
	uint64_t address = r->op.gaddr;
	uint32_t offset = 0;

	while (offset < r->op.size) {
		struct access a = {
			.is_logical = op->logical,
			.store = op->store,
			.private = op->logical && contract_private(s, r->op.ar),
			.key = keyed ? r->op.key : 0,
			.ar = r->op.ar,
			.f.offset = offset,
		};
		struct cause c;
		bool exists;

		if (op->logical)
			address = effective(&s->cpu, address);
		a.logical = a.f.gpa = address;
		a.f.len = (uint32_t)(CONTRACT_PAGE - address % CONTRACT_PAGE);
		if (a.f.len > r->op.size - offset)
			a.f.len = r->op.size - offset;
		c = exceptions_of(s, &a, p, &exists);
		if (c.code && !p->cause.code) {
			p->reachable = offset;
			p->cause = c;
		}
		if (exists && p->fragments < CONTRACT_FRAGMENTS)
			p->fragment[p->fragments++] = a.f;
		offset += a.f.len;
		address += a.f.len;
	}
}

/* MEMOP-XCHG-03: does the target hold what the caller takes for old? */
static bool exchange_equal(const struct state *s, const struct request *r,
			   const struct prediction *p)
{
	const struct storage *storage = storage_at(s, r->op.gaddr);

	if (!on(RULE_EXCHANGE_EQUAL) || !storage || !storage->bytes || !p->fragments)
		return true;
	return !memcmp(storage->bytes + (r->op.gaddr - storage->gpa), s->old_value, r->op.size);
}

static void exchange(const struct state *s, const struct request *r, struct prediction *p)
{
	uint32_t size = r->op.size;
	bool equal;

	refuse(p, on(RULE_EXCHANGE_ALIGNMENT) && r->op.gaddr % size, EINVAL, "MEMOP-XCHG-08");
	refuse(p, on(RULE_BUFFER) && s->buf.readable < size, EFAULT, "MEMOP-BUF-01");
	refuse(p, on(RULE_OLD_BUFFER) && s->old.readable < size, EFAULT, "MEMOP-XCHG-09");
	if (s->old.readable < size)
		return;
	equal = exchange_equal(s, r, p);
	refuse(p, on(RULE_OLD_BUFFER) && s->old.writable < size && (!equal || p->answers), EFAULT,
	       "MEMOP-XCHG-09");
	p->moves = equal ? MOVES_TO_GUEST : MOVES_TO_OLD;
}

static void buffers(const struct state *s, const struct request *r, const struct operation *op,
		    struct prediction *p)
{
	uint64_t there = op->store ? s->buf.readable : s->buf.writable;

	if (has(r, KVM_S390_MEMOP_F_CHECK_ONLY) && on(RULE_CHECK_ONLY_BUFFER))
		return; /* MEMOP-CHK-03 */
	refuse(p, on(RULE_BUFFER) && there < r->op.size, EFAULT, "MEMOP-BUF-01");
}

/* For a refused request: unusable buffers may be found first */
static void buffers_of_refused(const struct state *s, const struct request *r, struct prediction *p)
{
	uint32_t size = r->op.size;

	refuse(p, s->buf.readable < size || s->buf.writable < size, EFAULT, "MEMOP-BUF-01");
}

/*
 * api.rst has no order of checks: that there is no storage may be found before that the
 * operation is none of the VM's. Linux 6.1 does so.
 */
static void storage_of_refused(const struct state *s, const struct request *r,
			       const struct operation *op, struct prediction *p)
{
	bool is_vms = op->known && !op->on_vcpu && (s->extension & op->extension) == op->extension;

	if (on(RULE_REFUSED_STORAGE) && !r->on_vcpu && !is_vms && !storage_at(s, r->op.gaddr))
		allow(p, outcome_exception(PGM_ADDRESSING), "MEMOP-OP-01");
}

void contract_memop(const struct state *s, const struct request *r, struct prediction *p)
{
	const struct operation op = operation_of(r);

	p->answers = p->fragments = 0;
	p->moves = MOVES_NOTHING;
	p->reachable = 0;
	p->clause = NULL;
	p->refused = false;
	p->override = OVERRIDE_NONE;
	p->cause = (struct cause){ 0 };
	refusals(s, r, &op, p);
	if (p->answers) {
		p->refused = true;
		buffers_of_refused(s, r, p);
		storage_of_refused(s, r, &op, p);
		return;
	}
	if (!op.sida)
		walk(s, r, &op, p);
	if (op.exchange) {
		p->reachable = 0; /* one piece: all or nothing (MEMOP-XCHG-05) */
		exchange(s, r, p);
	} else {
		buffers(s, r, &op, p);
		p->moves = op.store ? MOVES_TO_GUEST : MOVES_TO_BUF;
	}
	if (has(r, KVM_S390_MEMOP_F_CHECK_ONLY) && on(RULE_CHECK_ONLY)) {
		p->moves = MOVES_NOTHING; /* MEMOP-CHK-02 */
		p->reachable = 0;
	}
	if (!p->answers) {
		allow(p, outcome_success(), "MEMOP-RET-01");
	}
}

uint64_t prediction_reach(const struct prediction *p, struct outcome o)
{
	for (size_t i = 0; i < p->answers; i++)
		if (o.ret > 0 && outcome_equal(o, p->any[i]))
			return p->partial[i] || !on(RULE_PARTIAL) ? p->reachable : 0;
	return 0;
}

bool prediction_allows(const struct prediction *p, struct outcome o)
{
	for (size_t i = 0; i < p->answers; i++)
		if (outcome_equal(o, p->any[i]))
			return true;
	return false;
}

const char *prediction_text(const struct prediction *p, char *text)
{
	char one[OUTCOME_TEXT];
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < p->answers && used < PREDICTION_TEXT; i++)
		used += (size_t)snprintf(text + used, PREDICTION_TEXT - used, "%s%s",
					 i ? " or " : "", outcome_text(p->any[i], one));
	return text;
}
