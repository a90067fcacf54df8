// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request against the oracle: see trial.h.
 *
 * Over 300 lines: one request has one life, from its layout to its comparison.
 */
#include <stdio.h>
#include <stdlib.h>

#include "case/bytes.h"
#include "s390x/memop_deviation.h"
#include "s390x/memop.h"
#include "case/report.h"
#include "s390x/trial.h"

#define STATE_TEXT 400

static void describe(const struct trial *t, char *text)
{
	const struct prediction *p = &t->prediction;
	size_t used = 0;

	text[0] = 0;
	if (t->state)
		used = (size_t)snprintf(text, STATE_TEXT, "%s", t->state);
	for (size_t i = 0; i < p->fragments && i < 3 && used < STATE_TEXT; i++) {
		const struct fragment *f = &p->fragment[i];

		for (size_t n = 0; n < t->arena->state.slots; n++) {
			const struct storage *s = &t->arena->storage[n];

			if (f->gpa - s->gpa < s->size && used < STATE_TEXT)
				used += (size_t)snprintf(
					text + used, STATE_TEXT - used,
					"%s%u bytes at absolute %#llx with storage key 0x%02x",
					used ? ", " : "", f->len, (unsigned long long)f->gpa,
					s->key[(f->gpa - s->gpa) / CONTRACT_PAGE]);
		}
	}
}

void trial_wrong(const struct trial *t, const char *clause, const char *expected,
		 const char *observed, long offset)
{
	char request[MEMOP_TEXT], state[STATE_TEXT], what[MEMOP_TEXT + 16];
	const char *fault = fault_of_access_list(&t->arena->state, &t->request);

	if (t->quiet)
		return;
	if (fault)
		report_blame(fault);
	describe(t, state);
	snprintf(what, sizeof(what), "%s on the %s", memop_text(&t->request.op, request),
		 t->request.on_vcpu ? "vCPU" : "VM");
	report_fail(&(struct finding){ .clause = clause,
				       .state = state,
				       .request = what,
				       .expected = expected,
				       .observed = observed,
				       .offset = offset });
}

void trial_fail(const struct trial *t, const char *expected, const char *observed, long offset)
{
	trial_wrong(t, t->prediction.clause, expected, observed, offset);
}

static bool same(const struct trial *t, const void *is, const void *is_to_be, size_t len,
		 const char *expected, long base)
{
	long d = bytes_differ(is, is_to_be, len);

	if (d >= 0)
		trial_fail(t, expected, "another byte", base + d);
	return d < 0;
}

static uint32_t buffer_size(const struct trial *t)
{
	return t->request.op.size <= t->arena->user.room ? t->request.op.size : 4096;
}

/*
 * The buffer and its guards are filled with bytes of no place, and where the range is
 * known, with the inverse of the guest's: none of its bytes looks like a guest's. A
 * caller's buffer holds the same.
 */
static void fill_buffer(struct trial *t)
{
	uint32_t size = buffer_size(t);
	size_t shift = (size + t->request.op.gaddr / (size | 1)) % 8; /* any alignment */
	uint8_t *filled = t->arena->user.filled;
	uint8_t *buf = t->arena->user.buffer + BYTES_GUARD + shift;

	bytes_copy(filled, bytes_inverted(9), size + 2 * BYTES_GUARD);
	for (size_t i = 0; i < t->prediction.fragments; i++) {
		const struct fragment *f = &t->prediction.fragment[i];

		bytes_copy(filled + BYTES_GUARD + f->offset, arena_rest(t->arena, f->gpa, true),
			   f->len);
	}
	if (t->buf_given)
		return;
	bytes_copy(buf - BYTES_GUARD, filled, size + 2 * BYTES_GUARD);
	t->request.op.buf = (uintptr_t)buf;
}

/* What the guest's bytes in the range are to be: those of the buffer, or at rest */
static bool fragment_holds(const struct trial *t, const struct fragment *f, bool stored)
{
	const uint8_t *rest = arena_rest(t->arena, f->gpa, false);
	const uint8_t *is = arena_at(t->arena, f->gpa);
	const uint8_t *from = t->arena->user.filled + BYTES_GUARD + f->offset;

	if (stored)
		return same(t, is, from, f->len, "guest memory holds the bytes of the buffer",
			    f->offset);
	return same(t, is, rest, f->len, "guest memory is left alone", f->offset);
}

/* Is a piece of the range among the @len bytes at @gpa? */
static bool meets_range(const struct trial *t, uint64_t gpa, uint64_t len)
{
	for (size_t i = 0; i < t->prediction.fragments; i++) {
		const struct fragment *f = &t->prediction.fragment[i];

		if (f->gpa < gpa + len && gpa < f->gpa + f->len)
			return true;
	}
	return false;
}

/* The bytes around a piece, as far as they are in its slot and no piece's */
static bool guards_alone(const struct trial *t, const struct fragment *f)
{
	const struct arena *a = t->arena;
	uint64_t in_slot = f->gpa % ARENA_UNIT;
	uint64_t before = f->offset == 0 ? in_slot : 0, after = ARENA_UNIT - in_slot - f->len;
	bool last = f->offset + f->len == t->request.op.size;

	before = before < BYTES_GUARD ? before : BYTES_GUARD;
	after = !last ? 0 : after < BYTES_GUARD ? after : BYTES_GUARD;
	if (before && meets_range(t, f->gpa - before, before))
		before = 0;
	if (after && meets_range(t, f->gpa + f->len, after))
		after = 0;
	if (before && !same(t, arena_at(a, f->gpa - before), arena_rest(a, f->gpa - before, false),
			    before, "guest bytes before the range are left alone", -(long)before))
		return false;
	return !after ||
	       same(t, arena_at(a, f->gpa) + f->len, arena_rest(a, f->gpa, false) + f->len, after,
		    "guest bytes after the range are left alone", (long)f->offset + f->len);
}

/* MEMOP-KEY-07, MEMOP-ADDR-03: only a leading part, page by page, may be stored */
static bool partly_stored(const struct trial *t)
{
	bool kept = false;

	for (size_t i = 0; i < t->prediction.fragments; i++) {
		const struct fragment *f = &t->prediction.fragment[i];
		const uint8_t *is = arena_at(t->arena, f->gpa);

		if (f->offset >= prediction_reach(&t->prediction, t->outcome))
			kept = true;
		else if (bytes_differ(is, t->arena->user.filled + BYTES_GUARD + f->offset, f->len) <
				 0 &&
			 !kept)
			continue;
		kept = true;
		if (!fragment_holds(t, f, false))
			return false;
	}
	return true;
}

static bool guest_as_predicted(const struct trial *t)
{
	const struct prediction *p = &t->prediction;
	bool stored = t->outcome.ret == 0 && p->moves == MOVES_TO_GUEST;

	for (size_t i = 0; i < p->fragments; i++)
		if (!guards_alone(t, &p->fragment[i]))
			return false;
	if (prediction_reach(p, t->outcome))
		return partly_stored(t);
	for (size_t i = 0; i < p->fragments; i++)
		if (!fragment_holds(t, &p->fragment[i], stored))
			return false;
	return true;
}

/* Where the oracle has no range, the request is refused: its place must be untouched */
static bool place_untouched(const struct trial *t)
{
	uint64_t gpa = t->request.op.gaddr & -512UL;
	const uint8_t *is = arena_at(t->arena, gpa);

	return t->prediction.fragments || !is ||
	       same(t, is, arena_rest(t->arena, gpa, false), 512,
		    "a refused request leaves guest memory alone", 0);
}

static bool buffer_as_predicted(const struct trial *t)
{
	const struct prediction *p = &t->prediction;
	const uint8_t *buf = (const uint8_t *)(uintptr_t)t->request.op.buf;
	const uint8_t *filled = t->arena->user.filled;
	uint32_t size = buffer_size(t);

	if (t->buf_given)
		return true;
	if (!same(t, buf - BYTES_GUARD, filled, BYTES_GUARD,
		  "bytes before the buffer are left alone", -(long)BYTES_GUARD) ||
	    !same(t, buf + size, filled + BYTES_GUARD + size, BYTES_GUARD,
		  "bytes after the buffer are left alone", (long)size))
		return false;
	if (t->outcome.ret || p->moves != MOVES_TO_BUF)
		return same(t, buf, filled + BYTES_GUARD, size, "the buffer is left alone", 0);
	for (size_t i = 0; i < p->fragments; i++) {
		const struct fragment *f = &p->fragment[i];

		if (!same(t, buf + f->offset, arena_rest(t->arena, f->gpa, false), f->len,
			  "the buffer holds the guest's bytes", f->offset))
			return false;
	}
	return true;
}

/* The old value: the target's, or with one bit changed; guards around it */
static void fill_old(struct trial *t, struct state *s)
{
	struct arena_user *u = &t->arena->user;
	uint32_t size = t->request.op.size <= 16 ? t->request.op.size : 16;
	const uint8_t *target = arena_at(t->arena, t->request.op.gaddr);

	bytes_copy(u->old, bytes_inverted(77), sizeof(u->old));
	if (target && arena_at(t->arena, t->request.op.gaddr + size - 1) == target + size - 1)
		bytes_copy(u->old + 16, target, size);
	if (t->old_differs)
		u->old[16 + t->old_bit / 8] ^= (uint8_t)(0x80 >> t->old_bit % 8);
	bytes_copy(u->old_filled, u->old, sizeof(u->old));
	compat_set_old_addr(&t->request.op, u->old + 16);
	s->old = (struct user_area){ UINT64_MAX, UINT64_MAX };
	s->old_value = u->old_filled + 16;
}

static bool old_as_predicted(struct trial *t)
{
	struct arena_user *u = &t->arena->user;

	t->old_deviation = NULL;
	if (t->old_given || t->request.op.op != KVM_S390_MEMOP_ABSOLUTE_CMPXCHG)
		return true;
	t->old_deviation = deviation_of_old(t->outcome, u->old + 16, t->request.op.size);
	if (t->old_deviation)
		memset(u->old_filled + 16, 0, t->request.op.size);
	if (t->outcome.ret == 0 && t->prediction.moves == MOVES_TO_OLD)
		bytes_copy(u->old_filled + 16, arena_rest(t->arena, t->request.op.gaddr, false),
			   t->request.op.size);
	return same(t, u->old, u->old_filled, sizeof(u->old),
		    t->prediction.moves == MOVES_TO_OLD
			    ? "the old value becomes the target's, bytes beside it stay"
			    : "the old value and the bytes beside it stay",
		    -16);
}

void trial_restore(const struct trial *t)
{
	for (size_t i = 0; i < t->prediction.fragments; i++)
		arena_reset(t->arena, t->prediction.fragment[i].gpa, t->prediction.fragment[i].len);
}

void trial_tell(const struct trial *t)
{
	for (size_t i = 0; i < t->decisions; i++)
		report_decided(t->decided[i]);
	if (t->deviation)
		report_deviation(t->deviation);
	if (t->old_deviation)
		report_deviation(t->old_deviation);
}

static struct outcome issue(const struct trial *t)
{
	int fd = t->request.on_vcpu ? t->arena->vcpu->fd : t->arena->vm->fd;

	if (!t->place)
		return memop(fd, &t->request.op);
	bytes_copy(t->place_alias, &t->request.op, sizeof(t->request.op));
	return memop(fd, t->place);
}

bool trial_issue(struct trial *t)
{
	struct state s = t->arena->state;
	char want[PREDICTION_TEXT], got[OUTCOME_TEXT];
	bool good;

	s.buf = t->buf_given ? t->area : (struct user_area){ UINT64_MAX, UINT64_MAX };
	s.old = t->old_area;
	s.old_value = t->given_old_value;
	if (t->request.op.op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG && !t->old_given)
		fill_old(t, &s);
	contract_memop(&s, &t->request, &t->prediction);
	fill_buffer(t);
	t->outcome = issue(t);
	good = prediction_allows(&t->prediction, t->outcome);
	t->deviation = good ? NULL : deviation_known(&s, &t->request, &t->prediction, t->outcome);
	t->decisions = contract_decided(&s, &t->request, &t->prediction, t->outcome, t->decided);
	if (!good && !t->deviation)
		trial_fail(t, prediction_text(&t->prediction, want), outcome_text(t->outcome, got),
			   -1);
	good = (good || t->deviation) && guest_as_predicted(t) && place_untouched(t) &&
	       buffer_as_predicted(t) && old_as_predicted(t);
	if (!t->quiet)
		trial_tell(t);
	if (!t->keep && (!good || t->prediction.moves == MOVES_TO_GUEST))
		trial_restore(t);
	return good;
}

bool trial_both(struct trial *t)
{
	uint64_t flags = t->request.op.flags & ~(uint64_t)KVM_S390_MEMOP_F_CHECK_ONLY;
	char want[OUTCOME_TEXT + 40], got[OUTCOME_TEXT];
	const char *deviation;
	struct outcome checked;

	t->request.op.flags = flags | KVM_S390_MEMOP_F_CHECK_ONLY;
	if (!trial_issue(t))
		return false;
	deviation = t->deviation;
	checked = t->outcome;
	t->request.op.flags = flags;
	if (!trial_issue(t))
		return false;
	if (deviation || t->deviation)
		return true;
	report_decided("MEMOP-CHK-01");
	if (outcome_equal(t->outcome, checked))
		return true;
	deviation = deviation_of_check(&t->request, &t->prediction, checked, t->outcome);
	if (deviation) {
		report_deviation(deviation);
		return true;
	}
	snprintf(want, sizeof(want), "as CHECK_ONLY has said: %s", outcome_text(checked, got));
	trial_wrong(t, "MEMOP-CHK-01", want, outcome_text(t->outcome, got), -1);
	return false;
}

bool trial_run(struct trial *t)
{
	return !report_case() || trial_issue(t);
}

void trial_rest(struct arena *a)
{
	char where[60];
	long d;

	if (!report_case())
		return;
	report_decided(NULL);
	d = arena_differs(a);
	if (d < 0)
		return;
	snprintf(where, sizeof(where), "the byte at absolute %#lx", (unsigned long)d);
	report_fail(&(struct finding){ .expected = "no byte outside the requests has changed",
				       .observed = where,
				       .offset = -1 });
}
