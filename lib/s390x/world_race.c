// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two host threads at once: a MEM_OP in one, in the other a request or an access of a vCPU
 * that meets the same byte, or takes its slot away. Either may be first, and what both
 * return, and what is left, has to be as if one had been (SLOT-18, MEMOP-XCHG-05).
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "s390x/memop.h"
#include "s390x/world_modes.h"
#include "s390x/world_request.h"
#include "slot/region.h"
#include "world/action.h"

enum deed { READ, WRITE, EXCHANGE, STORE, LOAD, DELETE, MOVE, LOG, DEEDS };

static const char *const deed_text[] = { "ABSOLUTE_READ",     "ABSOLUTE_WRITE",
					 "ABSOLUTE_CMPXCHG",  "a vCPU's store",
					 "a vCPU's load",     "its slot is deleted",
					 "its slot is moved", "its log is read" };

/* What a thread does, and what comes of it: about one byte */
struct side {
	struct world *w;
	enum deed deed;
	unsigned int slot, place;
	uint64_t gpa;
	uint8_t value, old; /* to be stored; of a cmpxchg, and what was found or read */
	struct outcome o;
	uint8_t bits[WORLD_LONGEST * WORLD_UNIT_PAGES / 8];
	pthread_barrier_t *barrier;
};

static void change_slot(struct side *s)
{
	const struct slot *slot = &s->w->slot[s->slot];
	const struct memory *m = &s->w->memory[slot->memory];
	struct region r = { .slot = s->w->first_slot + s->slot,
			    .flags = slot->flags,
			    .gpa = s->w->base +
				   (s->deed == MOVE ? s->place : slot->place) * WORLD_UNIT,
			    .size = s->deed == MOVE ? m->units * WORLD_UNIT : 0,
			    .user = (uintptr_t)m->host };

	s->o = region_set(s->w->vm->fd, false, &r);
}

static void do_memop(struct side *s)
{
	static const uint32_t ops[] = { KVM_S390_MEMOP_ABSOLUTE_READ, KVM_S390_MEMOP_ABSOLUTE_WRITE,
					KVM_S390_MEMOP_ABSOLUTE_CMPXCHG };
	struct kvm_s390_mem_op op = { .op = ops[s->deed],
				      .gaddr = s->gpa,
				      .size = 1,
				      .buf = (uintptr_t)(s->deed == READ ? &s->old : &s->value) };

	if (s->deed == EXCHANGE)
		compat_set_old_addr(&op, &s->old);
	s->o = memop(s->w->vm->fd, &op);
}

static void do_access(struct side *s)
{
	uint64_t value = s->value * 0x0101010101010101UL;
	bool met = world_guest.access(s->w, 1, s->gpa, s->deed == STORE, &value);

	s->o = (struct outcome){ .ret = met ? 0 : PGM_ADDRESSING };
	s->old = (uint8_t)(value >> 56);
}

static void *perform(void *side)
{
	struct side *s = side;
	struct kvm_dirty_log log = { .slot = s->w->first_slot + s->slot, .dirty_bitmap = s->bits };

	pthread_barrier_wait(s->barrier);
	if (s->deed <= EXCHANGE)
		do_memop(s);
	else if (s->deed <= LOAD)
		do_access(s);
	else if (s->deed == LOG)
		s->o = outcome_of(ioctl(s->w->vm->fd, KVM_GET_DIRTY_LOG, &log));
	else
		change_slot(s);
	return NULL;
}

/* The byte and its slot, as a side finds and leaves them */
struct place {
	bool there, stored;
	uint8_t value;
};

/* Would @s, now, have returned what it did? */
static bool fits(const struct side *s, uint8_t expected_old, struct place *p)
{
	if (s->deed > LOAD) {
		p->there &= s->deed == LOG;
		return s->o.ret == 0;
	}
	if (!p->there)
		return s->o.ret == PGM_ADDRESSING;
	if (s->o.ret)
		return false;
	if (s->deed == READ || s->deed == LOAD)
		return s->old == p->value;
	if (s->deed == EXCHANGE && p->value != expected_old)
		return s->old == p->value;
	p->value = s->value;
	p->stored = true;
	return s->deed != EXCHANGE || s->old == expected_old;
}

static bool in_order(const struct side *first, const struct side *second, uint8_t before,
		     uint8_t now, struct place *p)
{
	*p = (struct place){ .there = true, .value = before };
	return fits(first, before, p) && fits(second, before, p) && p->value == now;
}

/* slot, page, first deed, second deed, seed */
static void draw(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
	a[1] = world_page(w, w->slot[a[0]].memory);
	a[2] = world_below(w, EXCHANGE + 1);
	a[3] = WRITE + world_below(w, DEEDS - WRITE);
	a[4] = world_random(w);
}

static unsigned int place_to_move_to(struct world *w, const uint64_t *a)
{
	unsigned int units = world_memory(w, (unsigned int)a[0])->units;

	for (unsigned int place = 1; place + units <= WORLD_PLACES; place++) {
		bool free = true;

		for (unsigned int i = 0; i < WORLD_SLOTS; i++)
			free &= !w->slot[i].used ||
				place >= w->slot[i].place + world_memory(w, i)->units ||
				w->slot[i].place >= place + units;
		if (free)
			return place;
	}
	return 0;
}

static bool ready(struct world *w, const uint64_t *a)
{
	return a[0] < WORLD_SLOTS && w->slot[a[0]].used && w->slot[a[0]].place && w->vcpus > 1 &&
	       !world_cpu(w, 1)->pending && a[2] <= EXCHANGE && a[3] > READ && a[3] < DEEDS &&
	       a[1] < world_memory(w, (unsigned int)a[0])->units * WORLD_UNIT_PAGES &&
	       (a[3] != MOVE ||
		(place_to_move_to(w, a) &&
		 (!w->avoid || !(w->slot[a[0]].flags & KVM_MEM_LOG_DIRTY_PAGES)))) &&
	       (a[3] != LOG || w->slot[a[0]].flags & KVM_MEM_LOG_DIRTY_PAGES);
}

/* What was stored is in the log that was read meanwhile, or has to be in the next */
static void settle_log(struct world *w, const uint64_t *a, const struct side *log, bool stored)
{
	uint8_t *state = world_memory(w, (unsigned int)a[0])->state;
	unsigned int pages = world_memory(w, (unsigned int)a[0])->units * WORLD_UNIT_PAGES;

	for (unsigned int p = 0; p < pages; p++)
		if (p != a[1] || !stored)
			world_judge_log(w, (unsigned int)a[0], p, log->bits[p / 8] >> p % 8 & 1);
	state[a[1]] |= PAGE_MAY_LOG;
	if (stored && log->bits[a[1] / 8] >> a[1] % 8 & 1)
		state[a[1]] &= (uint8_t)~PAGE_MUST_LOG;
}

static void settle(struct world *w, const uint64_t *a, const struct side *b, const struct place *p)
{
	struct memory *m = world_memory(w, (unsigned int)a[0]);
	uint8_t bytes[8];

	memcpy(bytes, m->host + a[1] * WORLD_PAGE, sizeof(bytes));
	m->state[a[1]] |= PAGE_MAY_LOG | PAGE_RC_OPEN | PAGE_AGAIN;
	if (p->stored)
		world_stored(w, world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE, bytes, 8);
	if (b->deed == LOG)
		settle_log(w, a, b, p->stored);
	if (b->deed == DELETE)
		world_slot_deleted(w, (unsigned int)a[0]);
	if (b->deed == MOVE)
		world_slot_moved(w, (unsigned int)a[0], b->place);
	if (b->deed == EXCHANGE)
		world_decided("MEMOP-XCHG-05");
	if (b->o.ret == PGM_ADDRESSING)
		world_decided("MEMOP-ADDR-01");
}

static void act(struct world *w, const uint64_t *a)
{
	struct memory *m = world_memory(w, (unsigned int)a[0]);
	const uint8_t before = m->bytes[a[1] * WORLD_PAGE];
	pthread_barrier_t barrier;
	struct side side[2];
	struct place p;
	pthread_t thread;
	uint8_t now;

	for (int i = 0; i < 2; i++)
		side[i] =
			(struct side){ .w = w,
				       .deed = (enum deed)a[2 + i],
				       .slot = (unsigned int)a[0],
				       .place = place_to_move_to(w, a),
				       .gpa = world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE,
				       .value = (uint8_t)(before + 1 + i + a[4] % 100),
				       .old = before,
				       .barrier = &barrier };
	pthread_barrier_init(&barrier, NULL, 2);
	TEST_ASSERT(!pthread_create(&thread, NULL, perform, &side[1]), "pthread_create");
	perform(&side[0]);
	pthread_join(thread, NULL);
	now = m->host[a[1] * WORLD_PAGE];
	if (in_order(&side[0], &side[1], before, now, &p) ||
	    in_order(&side[1], &side[0], before, now, &p))
		settle(w, a, &side[1], &p);
	else
		world_wrong(w, "SLOT-18", "what one after the other would do",
			    "%s: returned %d, %#04x; %s: %d, %#04x; the byte was %#04x, is %#04x",
			    deed_text[side[0].deed], side[0].o.ret, side[0].old,
			    deed_text[side[1].deed], side[1].o.ret, side[1].old, before, now);
}

static void text(struct world *w, const uint64_t *a, char *words)
{
	snprintf(words, WORLD_TEXT, "at once, slot %u page %u (absolute %#llx): %s; %s",
		 (unsigned int)a[0], (unsigned int)a[1],
		 (unsigned long long)(world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE),
		 deed_text[a[2]], deed_text[a[3]]);
}

static const struct action table[] = {
	{ "race", ACTION_AT_ONCE, draw, ready, act, text },
};

const struct actions world_race_actions = { table, ARRAY_SIZE(table) };
