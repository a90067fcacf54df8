// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which clauses a request decided: those without which the oracle would have said
 * something else, and those whose words the comparison that follows checks. What has
 * several possible reasons decides none of them.
 */
#include "oracle/contract.h"

struct names {
	const char **name;
	size_t count;
};

static void add(struct names *n, bool decides, const char *clause)
{
	for (size_t i = 0; decides && i < n->count; i++)
		decides = n->name[i] != clause;
	if (decides && n->count < CONTRACT_DECIDED)
		n->name[n->count++] = clause;
}

static bool has(const struct request *r, uint64_t flag)
{
	return r->op.flags & flag;
}

static const struct storage *storage_of(const struct state *s, const struct fragment *f)
{
	for (size_t i = 0; i < s->slots; i++)
		if (f->gpa - s->storage[i].gpa < s->storage[i].size)
			return &s->storage[i];
	return NULL;
}

static uint8_t storage_key(const struct state *s, const struct fragment *f)
{
	const struct storage *storage = storage_of(s, f);

	return storage && storage->key ? storage->key[(f->gpa - storage->gpa) / CONTRACT_PAGE] : 0;
}

static bool is_logical(const struct request *r)
{
	return r->op.op <= KVM_S390_MEMOP_LOGICAL_WRITE;
}

static bool is_exchange(const struct request *r)
{
	return r->op.op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG;
}

static bool is_store(const struct request *r)
{
	return r->op.op == KVM_S390_MEMOP_LOGICAL_WRITE ||
	       r->op.op == KVM_S390_MEMOP_ABSOLUTE_WRITE || is_exchange(r);
}

/* Access key and storage keys: did they have a say, were they of several kinds? */
static void by_keys(const struct state *s, const struct request *r, const struct prediction *p,
		    struct names *n)
{
	bool keyed = has(r, KVM_S390_MEMOP_F_SKEY_PROTECTION);
	bool several = false, matter = false;
	uint8_t first = p->fragments ? storage_key(s, &p->fragment[0]) : 0;

	for (size_t i = 0; i < p->fragments; i++) {
		uint8_t key = storage_key(s, &p->fragment[i]);

		several |= key >> 3 != first >> 3;
		matter |= r->op.key && r->op.key != key >> 4;
	}
	matter |= first & 0xf8;
	add(n, keyed && matter, "MEMOP-KEY-03");
	add(n, keyed && matter && is_exchange(r), "MEMOP-XCHG-07");
	add(n, keyed && several, "MEMOP-KEY-05");
	add(n, !keyed && matter && r->op.key, "MEMOP-KEY-04");
}

static void by_success(const struct state *s, const struct request *r, const struct prediction *p,
		       struct names *n)
{
	bool checks = has(r, KVM_S390_MEMOP_F_CHECK_ONLY);
	const struct fragment *last = &p->fragment[p->fragments - 1];

	add(n, is_logical(r) && !checks, "MEMOP-LOG-02");
	add(n, !is_logical(r) && !checks, "MEMOP-ABS-03");
	add(n, is_logical(r) && r->op.flags, "MEMOP-LOG-04");
	add(n, !is_logical(r) && !is_exchange(r) && r->op.flags, "MEMOP-ABS-04");
	add(n, !checks, "MEMOP-BUF-04");
	add(n, r->op.size == s->max_size, "MEMOP-SIZE-02");
	add(n, p->fragments > 1 && storage_of(s, &p->fragment[0]) != storage_of(s, last),
	    "MEMOP-ADDR-02");
	add(n,
	    is_logical(r) && s->cpu.psw_mask & PSW_DAT &&
		    PSW_AS(s->cpu.psw_mask) == PSW_AS(PSW_AS_REGISTER),
	    "MEMOP-LOG-05");
	add(n, p->override == OVERRIDE_USED, "MEMOP-LOG-07");
	if (!is_exchange(r))
		return;
	add(n, true, "MEMOP-XCHG-02");
	add(n, true, "MEMOP-XCHG-03");
	add(n, true, "MEMOP-XCHG-04");
	add(n, r->op.flags, "MEMOP-XCHG-06");
}

static void by_exception(const struct request *r, const struct prediction *p, struct names *n)
{
	bool checks = has(r, KVM_S390_MEMOP_F_CHECK_ONLY);

	add(n, !checks && p->fragments > 0, "MEMOP-ADDR-03");
	add(n, !checks && !is_store(r), "MEMOP-BUF-03");
	add(n, !checks && p->cause.protection == PROTECTED_KEY, "MEMOP-KEY-06");
	add(n, !checks && p->cause.protection == PROTECTED_KEY && p->reachable, "MEMOP-KEY-07");
	add(n, is_exchange(r), "MEMOP-XCHG-04");
}

/* A flag that other operations define */
static void by_refused_flag(const struct state *s, const struct request *r, struct names *n)
{
	uint64_t elsewhere = KVM_S390_MEMOP_F_CHECK_ONLY | KVM_S390_MEMOP_F_INJECT_EXCEPTION;
	bool sida = r->op.op == KVM_S390_MEMOP_SIDA_READ || r->op.op == KVM_S390_MEMOP_SIDA_WRITE;

	add(n, !s->extension && has(r, KVM_S390_MEMOP_F_SKEY_PROTECTION), "MEMOP-KEY-01");
	add(n, is_exchange(r) && r->op.flags & elsewhere, "MEMOP-XCHG-06");
	add(n, !is_logical(r) && !sida && !is_exchange(r) && r->op.flags & elsewhere,
	    "MEMOP-ABS-04");
	add(n, sida, "MEMOP-SIDA-03");
}

static bool buffer_is_short(const struct state *s, const struct request *r)
{
	return s->buf.readable < r->op.size || s->buf.writable < r->op.size;
}

size_t contract_decided(const struct state *s, const struct request *r, const struct prediction *p,
			struct outcome o, const char **name)
{
	struct names n = { .name = name };
	size_t i = 0;

	while (i < p->answers && !outcome_equal(o, p->any[i]))
		i++;
	if (i == p->answers)
		return 0;
	add(&n, p->by[i], p->by[i]);
	add(&n, p->answers > 1 || !p->by[i], "MEMOP-ORDER-01");
	add(&n, o.ret, "MEMOP-RET-02");
	if (p->refused) {
		if (p->by[i] && !strcmp(p->by[i], "MEMOP-FLAG-01"))
			by_refused_flag(s, r, &n);
		return n.count;
	}
	add(&n, o.ret == -1 && is_store(r), "MEMOP-BUF-02");
	if (p->answers == 1) {
		by_keys(s, r, p, &n);
		add(&n, p->override == OVERRIDE_FOREIGN, "MEMOP-ABS-05");
	}
	if (o.ret == 0)
		by_success(s, r, p, &n);
	else if (o.ret > 0)
		by_exception(r, p, &n);
	add(&n, has(r, KVM_S390_MEMOP_F_CHECK_ONLY), "MEMOP-CHK-02");
	add(&n, has(r, KVM_S390_MEMOP_F_CHECK_ONLY) && buffer_is_short(s, r), "MEMOP-CHK-03");
	return n.count;
}
