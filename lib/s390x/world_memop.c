// SPDX-License-Identifier: GPL-2.0-only
/*
 * MEM_OP as an action of a world: one request, judged by the oracle in the state that the
 * model has, and the model brought up to date; see s390x/world_request.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "case/bytes.h"
#include "s390x/memop.h"
#include "s390x/memop_deviation.h"
#include "s390x/world_request.h"
#include "world/look.h"

#define BUFFER 0x4000U

void world_state(struct world *w, const struct cpu *cpu, struct state *s)
{
	static struct storage storage[WORLD_SLOTS + 1];

	*s = (struct state){ .max_size = memop_max_size(),
			     .extension = w->extension,
			     .storage = storage,
			     .cpu = *cpu,
			     .buf = { UINT64_MAX, UINT64_MAX } };
	storage[s->slots++] =
		(struct storage){ .gpa = HOME_GPA, .size = WORLD_UNIT, .bytes = world_home };
	for (unsigned int i = 0; i < WORLD_SLOTS; i++) {
		const struct memory *m = world_memory(w, i);

		if (w->slot[i].used)
			storage[s->slots++] = (struct storage){ .gpa = world_gpa(w, i),
								.size = m->units * WORLD_UNIT,
								.key = m->key,
								.bytes = m->bytes };
	}
}

static bool is_exchange(const struct request *r)
{
	return r->op.op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG;
}

static uint32_t filled_size(const struct attempt *t)
{
	return t->r.op.size < BUFFER ? t->r.op.size : 8;
}

static bool is_store(const struct request *r)
{
	return r->op.op == KVM_S390_MEMOP_LOGICAL_WRITE ||
	       r->op.op == KVM_S390_MEMOP_ABSOLUTE_WRITE || is_exchange(r);
}

static const uint8_t *bytes_at(struct world *w, uint64_t gpa)
{
	return gpa - HOME_GPA < WORLD_UNIT ? world_home + (gpa - HOME_GPA) : world_bytes(w, gpa);
}

/* Where it is in the model; NULL for the guest's home */
static struct memory *page_of(struct world *w, uint64_t gpa, size_t *page)
{
	int slot = world_slot_of(w, gpa);

	if (slot < 0)
		return NULL;
	*page = (gpa - world_gpa(w, (unsigned int)slot)) / WORLD_PAGE;
	return world_memory(w, (unsigned int)slot);
}

bool world_key_is_known(const struct world *w, uint64_t key)
{
	return !key || w->keys_used || !w->excuse || !fault_of_former_keys(false, false);
}

/* Keys that are open would leave the outcome open: look first */
void world_settle_keys(struct world *w, const struct prediction *p)
{
	for (size_t i = 0; i < p->fragments; i++) {
		size_t page;
		struct memory *m = page_of(w, p->fragment[i].gpa, &page);

		if (!m || !(m->state[page] & PAGE_KEY_OPEN))
			continue;
		if (w->keys_used) {
			world_look_at_keys(w, (unsigned int)world_slot_of(w, p->fragment[i].gpa),
					   page, 1);
			continue;
		}
		/* Keys that nobody uses are 0 */
		m->key[page] = 0;
		m->state[page] = (uint8_t)((m->state[page] & ~PAGE_KEY_OPEN) | PAGE_RC_OPEN);
	}
}

static void may(struct world *w, const struct fragment *f, uint8_t rc, uint8_t state)
{
	size_t page;
	struct memory *m = page_of(w, f->gpa, &page);

	if (m) {
		m->may[page] |= rc;
		m->state[page] |= state;
		world_around(m, page);
	}
}

static bool same(struct world *w, const struct attempt *t, const void *is, const void *has_to_be,
		 const struct fragment *f, const char *expected)
{
	long d = bytes_differ(is, has_to_be, f->len);

	if (d >= 0)
		world_wrong(w, t->p.clause, expected, "byte %ld at absolute %#llx: %#x, not %#x",
			    f->offset + d, (unsigned long long)f->gpa, ((const uint8_t *)is)[d],
			    ((const uint8_t *)has_to_be)[d]);
	return d < 0;
}

/* After an exception: a leading part, page by page, may have been stored (MEMOP-KEY-07) */
static void judge_partial(struct world *w, struct attempt *t)
{
	bool ended = false;

	for (size_t i = 0; i < t->p.fragments && !world_is_wrong(); i++) {
		const struct fragment *f = &t->p.fragment[i];
		const uint8_t *host;
		size_t page;
		struct memory *m = page_of(w, f->gpa, &page);

		if (!m || f->offset >= t->p.reachable)
			break;
		host = m->host + page * WORLD_PAGE + f->gpa % WORLD_PAGE;
		m->may[page] |= LOOK_REFERENCE;
		m->state[page] |= PAGE_THERE;
		if (!ended && bytes_differ(host, t->buf + f->offset, f->len) < 0) {
			world_stored(w, f->gpa, t->buf + f->offset, f->len);
			t->changed = true;
			may(w, f, 0, PAGE_AGAIN);
			continue;
		}
		ended = true;
		same(w, t, host, bytes_at(w, f->gpa), f, "a page is stored in full or left alone");
	}
}

static void judge_old(struct world *w, struct attempt *t)
{
	uint32_t size = t->r.op.size;
	const char *deviation = deviation_of_old(t->o, t->old, size);

	if (deviation) {
		world_found(w, deviation);
		return;
	}
	if (t->o.ret == 0 && t->p.moves == MOVES_TO_OLD)
		bytes_copy(t->old_filled, bytes_at(w, t->r.op.gaddr), size);
	if (bytes_differ(t->old, t->old_filled, sizeof(t->old)) >= 0)
		world_wrong(w, "MEMOP-XCHG-04", "the old value is the target's if they differ",
			    "other bytes");
}

static void judge_moved(struct world *w, struct attempt *t)
{
	for (size_t i = 0; i < t->p.fragments && !world_is_wrong(); i++) {
		const struct fragment *f = &t->p.fragment[i];

		if (t->p.moves == MOVES_TO_GUEST) {
			world_stored(w, f->gpa, t->buf + f->offset, f->len);
			may(w, f, 0, PAGE_AGAIN);
			continue;
		}
		if (t->p.moves == MOVES_NOTHING)
			continue;
		if (t->p.moves == MOVES_TO_BUF)
			same(w, t, t->buf + f->offset, bytes_at(w, f->gpa), f,
			     "the buffer holds the guest's bytes");
		if (world_slot_of(w, f->gpa) >= 0)
			world_fetched(w, f->gpa, f->len);
		/* It may count as a store (PoP, chapter 7, "COMPARE AND SWAP") */
		if (t->p.moves == MOVES_TO_OLD)
			may(w, f, LOOK_RC, PAGE_MAY_LOG);
	}
}

/*
 * The host may make a page writable, or give it storage, before the key is looked at, and
 * such a page counts as written. memop/recording has where it must not.
 */
static uint8_t attempt_may_log(struct world *w, const struct attempt *t, size_t fragment)
{
	size_t page;
	const struct memory *m = page_of(w, t->p.fragment[fragment].gpa, &page);

	return m && (is_store(&t->r) || !(m->state[page] & PAGE_THERE)) ? PAGE_MAY_LOG : 0;
}

static void judge_denied(struct world *w, struct attempt *t)
{
	bool attempted = !(t->r.op.flags & KVM_S390_MEMOP_F_CHECK_ONLY);

	for (size_t i = 0; i < t->p.fragments; i++)
		may(w, &t->p.fragment[i], LOOK_REFERENCE, attempted ? attempt_may_log(w, t, i) : 0);
	if (t->p.reachable && !t->by_cpu)
		judge_partial(w, t);
	if (!world_is_wrong() && !t->by_cpu && (!is_store(&t->r) || is_exchange(&t->r)) &&
	    bytes_differ(t->buf, t->filled, filled_size(t)) >= 0)
		world_wrong(w, t->p.clause, "the buffer is left alone", "other bytes");
}

void world_judge(struct world *w, struct attempt *t)
{
	char want[PREDICTION_TEXT], got[OUTCOME_TEXT];
	const char *name[CONTRACT_DECIDED], *deviation;
	size_t names;

	if (prediction_allows(&t->p, t->o)) {
		names = contract_decided(&t->s, &t->r, &t->p, t->o, name);
		if (t->by_cpu)
			world_decided("MEMOP-KEY-08");
		for (size_t i = 0; i < names; i++)
			world_decided(name[i]);
	} else {
		deviation = deviation_known(&t->s, &t->r, &t->p, t->o);
		if (!deviation) {
			world_wrong(w, t->p.clause, prediction_text(&t->p, want), "%s",
				    outcome_text(t->o, got));
			return;
		}
		world_found(w, deviation);
	}
	if (t->o.ret)
		judge_denied(w, t);
	else if (!(t->r.op.flags & KVM_S390_MEMOP_F_CHECK_ONLY))
		judge_moved(w, t);
	if (is_exchange(&t->r) && !t->p.refused && !world_is_wrong())
		judge_old(w, t);
}

/* The bytes to be stored, by the request's own seed: no two requests store the same */
static void fill(struct world *w, struct attempt *t, uint64_t seed)
{
	uint32_t size = filled_size(t);
	const uint8_t *target;

	bytes_copy(t->buf, bytes_rest(seed % 65536), size);
	for (uint32_t i = 0; i + 8 <= size; i += 64)
		*(uint64_t *)(t->buf + i) ^= seed;
	bytes_copy(t->filled, t->buf, size);
	t->r.op.buf = (uintptr_t)t->buf;
	if (!is_exchange(&t->r) || !size)
		return;
	bytes_copy(t->old, bytes_inverted(99), sizeof(t->old));
	target = bytes_at(w, t->r.op.gaddr);
	if (target && size <= 16 && t->r.op.gaddr % size == 0)
		bytes_copy(t->old, target, size);
	if (seed & 1)
		t->old[seed / 2 % (size < 16 ? size : 16)] ^= 0x10;
	bytes_copy(t->old_filled, t->old, sizeof(t->old));
	compat_set_old_addr(&t->r.op, t->old);
	t->s.old = (struct user_area){ UINT64_MAX, UINT64_MAX };
	t->s.old_value = t->old_filled;
}

void world_predict(struct world *w, unsigned int vcpu, struct attempt *t)
{
	world_state(w, &world_cpu(w, vcpu)->cpu, &t->s);
	contract_memop(&t->s, &t->r, &t->p);
}

void world_memop(struct world *w, unsigned int vcpu, struct attempt *t, uint64_t seed)
{
	static uint8_t buffer[2][BUFFER];

	t->buf = buffer[0];
	t->filled = buffer[1];
	world_predict(w, vcpu, t);
	world_settle_keys(w, &t->p);
	fill(w, t, seed);
	contract_memop(&t->s, &t->r, &t->p);
	t->o = memop(t->r.on_vcpu ? w->vcpu[vcpu].vcpu->fd : w->vm->fd, &t->r.op);
	world_judge(w, t);
}

bool world_request_spares_home(const struct attempt *t)
{
	if (!is_store(&t->r) || t->r.op.flags & KVM_S390_MEMOP_F_CHECK_ONLY || t->p.refused)
		return true;
	for (size_t i = 0; i < t->p.fragments; i++)
		if (t->p.fragment[i].gpa - HOME_GPA < WORLD_UNIT &&
		    (!t->p.cause.code || t->p.fragment[i].offset < t->p.reachable))
			return false;
	return true;
}
