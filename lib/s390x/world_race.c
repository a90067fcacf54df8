// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two host threads at once: a MEM_OP or an access of a vCPU in one, in the other a request
 * or an access of another vCPU that meets the same bytes, or takes their slot or page away. Either
 * may be first, and what both return, and what is left, has to be as if one had been (SLOT-18,
 * MEMOP-XCHG-05).
 *
 * Over 300 lines: what two threads may do, and what each order of it comes to.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "s390x/memop.h"
#include "s390x/world_modes.h"
#include "s390x/world_request.h"
#include "slot/region.h"
#include "world/action.h"

enum deed { READ, WRITE, EXCHANGE, STORE, LOAD, DELETE, MOVE, LOG, DISCARD, DEEDS };

static const char *const deed_text[] = { "ABSOLUTE_READ",	 "ABSOLUTE_WRITE",
					 "ABSOLUTE_CMPXCHG",	 "a vCPU's store",
					 "a vCPU's load",	 "its slot is deleted",
					 "its slot is moved",	 "its log is read",
					 "its page is discarded" };

#define DELAYS 2000U /* turns, at most */
#define BYTES 8U     /* what a vCPU loads and stores; a MEM_OP is about the first of them */

/* What a thread does, and what comes of it */
struct side {
	struct world *w;
	enum deed deed;
	unsigned int vcpu, slot, place;
	uint64_t gpa, loaded;
	uint8_t value, old; /* to be stored; of a cmpxchg, and what was found or read */
	struct outcome o;
	uint8_t bits[WORLD_LONGEST * WORLD_UNIT_PAGES / 8];
	uint8_t *at;	    /* where the process has the page */
	bool file;	    /* and it is a file's */
	unsigned int delay; /* turns */
	atomic_uint *here;  /* how many threads are */
};

/* To be awake when the other one is: a thread that sleeps is always the second */
static void wait_for_both(const struct side *s)
{
	unsigned int turns = 0;

	atomic_fetch_add(s->here, 1);
	while (atomic_load(s->here) < 2)
		if (++turns % 4096 == 0)
			sched_yield();
	for (unsigned int i = 0; i < s->delay; i++)
		atomic_load(s->here);
}

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
	bool met;

	s->loaded = s->value * 0x0101010101010101UL;
	met = world_guest.access(s->w, s->vcpu, s->gpa, s->deed == STORE, &s->loaded);
	s->o = (struct outcome){ .ret = met ? 0 : PGM_ADDRESSING };
	s->old = (uint8_t)(s->loaded >> 56);
}

static void *perform(void *side)
{
	struct side *s = side;
	struct kvm_dirty_log log = { .slot = s->w->first_slot + s->slot, .dirty_bitmap = s->bits };

	wait_for_both(s);
	if (s->deed <= EXCHANGE)
		do_memop(s);
	else if (s->deed <= LOAD)
		do_access(s);
	else if (s->deed == DISCARD)
		s->o = outcome_of(madvise(s->at, WORLD_PAGE, MADV_DONTNEED));
	else if (s->deed == LOG)
		s->o = outcome_of(ioctl(s->w->vm->fd, KVM_GET_DIRTY_LOG, &log));
	else
		change_slot(s);
	return NULL;
}

/* The bytes and their slot, as a side finds and leaves them */
struct place {
	bool there, stored;
	bool gone; /* discarded, and not stored to since */
	uint8_t bytes[BYTES];
};

/* Would @s, now, have returned what it did? */
static bool fits(const struct side *s, uint8_t expected_old, struct place *p)
{
	if (s->deed > LOAD) {
		p->there &= s->deed >= LOG;
		p->gone = s->deed == DISCARD;
		if (p->gone && !s->file)
			memset(p->bytes, 0, BYTES);
		return s->o.ret == 0;
	}
	if (!p->there)
		return s->o.ret == PGM_ADDRESSING;
	if (s->o.ret)
		return false;
	if (s->deed == LOAD)
		return !memcmp(&s->loaded, p->bytes, BYTES);
	if (s->deed == READ || (s->deed == EXCHANGE && p->bytes[0] != expected_old))
		return s->old == p->bytes[0];
	memset(p->bytes, s->value, s->deed == STORE ? BYTES : 1);
	p->stored = true;
	p->gone = false;
	return s->deed != EXCHANGE || s->old == expected_old;
}

static bool in_order(const struct side *first, const struct side *second, const uint8_t *before,
		     const uint8_t *now, struct place *p)
{
	*p = (struct place){ .there = true };
	memcpy(p->bytes, before, BYTES);
	return fits(first, before[0], p) && fits(second, before[0], p) &&
	       !memcmp(p->bytes, now, BYTES);
}

/* slot, page, first deed, second deed, seed */
static void draw(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
	a[1] = world_page(w, w->slot[a[0]].memory);
	a[2] = world_below(w, LOAD + 1);
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
	       !world_cpu(w, 0)->pending && !world_cpu(w, 1)->pending && a[2] <= LOAD &&
	       a[3] > READ && a[3] < DEEDS &&
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
	if (b->deed == DISCARD)
		world_discarded(w, w->slot[a[0]].memory, (unsigned int)a[1]);
	m->state[a[1]] |= PAGE_MAY_LOG | PAGE_RC_OPEN | PAGE_AGAIN;
	if (p->stored)
		world_stored(w, world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE, bytes, 8);
	m->unmapped[a[1]] |= p->gone;
	if (b->deed == LOG)
		settle_log(w, a, b, p->stored);
	if (b->deed == DELETE)
		world_slot_deleted(w, (unsigned int)a[0]);
	if (b->deed == MOVE)
		world_slot_moved(w, (unsigned int)a[0], b->place);
	if (a[2] == EXCHANGE || b->deed == EXCHANGE)
		world_decided("MEMOP-XCHG-05");
	if (b->o.ret == PGM_ADDRESSING)
		world_decided("MEMOP-ADDR-01");
}

static void make_side(struct world *w, const uint64_t *a, unsigned int n, uint8_t before,
		      struct side *s)
{
	const struct memory *m = world_memory(w, (unsigned int)a[0]);

	*s = (struct side){ .w = w,
			    .deed = (enum deed)a[2 + n],
			    .vcpu = n,
			    .slot = (unsigned int)a[0],
			    .place = place_to_move_to(w, a),
			    .gpa = world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE,
			    .value = (uint8_t)(before + 1 + n + a[4] % 100),
			    .old = before,
			    .at = m->host + a[1] * WORLD_PAGE,
			    .file = m->file >= 0,
			    .delay = (unsigned int)(a[4] >> (16 + 16 * n)) % DELAYS };
}

/* Both at once, as far as there are CPUs for it */
static void perform_both(struct side *side)
{
	atomic_uint here = 0;
	pthread_t thread;

	side[0].here = side[1].here = &here;
	TEST_ASSERT(!pthread_create(&thread, NULL, perform, &side[1]), "pthread_create");
	perform(&side[0]);
	pthread_join(thread, NULL);
}

static void act(struct world *w, const uint64_t *a)
{
	struct memory *m = world_memory(w, (unsigned int)a[0]);
	const uint8_t *now = m->host + a[1] * WORLD_PAGE;
	struct side side[2];
	struct place p, other;
	uint8_t before[BYTES];
	bool first, second;

	memcpy(before, m->bytes + a[1] * WORLD_PAGE, BYTES);
	for (unsigned int i = 0; i < 2; i++)
		make_side(w, a, i, before[0], &side[i]);
	perform_both(side);
	first = in_order(&side[0], &side[1], before, now, &p);
	second = in_order(&side[1], &side[0], before, now, first ? &other : &p);
	if (first || second) {
		world_saw(first && second ? "either-order" : first ? "one-first" : "other-first");
		settle(w, a, &side[1], &p);
		return;
	}
	world_wrong(w, "SLOT-18", "what one after the other would do",
		    "%s: returned %d, %#04x; %s: %d, %#04x; the bytes were %#04x %#04x, are %#04x "
		    "%#04x",
		    deed_text[side[0].deed], side[0].o.ret, side[0].old, deed_text[side[1].deed],
		    side[1].o.ret, side[1].old, before[0], before[1], now[0], now[1]);
}

static void text(struct world *w, const uint64_t *a, char *words)
{
	snprintf(words, WORLD_TEXT, "at once, slot %u page %u (absolute %#llx): %s (0); %s (1)",
		 (unsigned int)a[0], (unsigned int)a[1],
		 (unsigned long long)(world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE),
		 deed_text[a[2]], deed_text[a[3]]);
}

static const struct action table[] = {
	{ "race", ACTION_AT_ONCE, draw, ready, act, text },
};

const struct actions world_race_actions = { .action = table, .count = ARRAY_SIZE(table) };
