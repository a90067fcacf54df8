// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions that are requests of KVM_S390_MEM_OP, with all flags.
 */
#include <stdio.h>

#include "s390x/memop.h"
#include "s390x/world_modes.h"
#include "s390x/world_request.h"
#include "world/action.h"

#define CHECK KVM_S390_MEMOP_F_CHECK_ONLY
#define TRIES 12 /* at a request of a rare kind */
#define INJECT KVM_S390_MEMOP_F_INJECT_EXCEPTION
#define KEYED KVM_S390_MEMOP_F_SKEY_PROTECTION

/* Arguments */
enum { OP, FLAGS, VCPU, ADDRESS, SIZE, KEY_AR, DATA };

static uint32_t draw_size(struct world *w)
{
	static const uint32_t sizes[] = { 1, 2, 8, 8, 256, 4096, 4097, 8192, 9000 };

	return world_one_in(w, 3) ? 1 + world_below(w, 600)
				  : sizes[world_below(w, ARRAY_SIZE(sizes))];
}

/* An absolute address: near a page of a slot, and near its end or the next one's beginning */
static uint64_t draw_address(struct world *w)
{
	static const uint64_t in_page[] = { 0, 8, 4088, 4095, 4093, 2048 };
	unsigned int slot = world_below(w, WORLD_SLOTS);
	uint64_t at = world_below(w, WORLD_PLACES * (unsigned int)WORLD_UNIT_PAGES) * WORLD_PAGE;

	if (w->slot[slot].used && !world_one_in(w, 12))
		at = w->slot[slot].place * WORLD_UNIT +
		     world_page(w, w->slot[slot].memory) * WORLD_PAGE;
	if (world_one_in(w, 40))
		at = 0;
	return w->base + at +
	       (world_one_in(w, 3) ? world_below(w, WORLD_PAGE)
				   : in_page[world_below(w, ARRAY_SIZE(in_page))]);
}

static uint64_t draw_key(struct world *w)
{
	static const uint8_t keys[] = { 0, 4, 5, 9, 4, 5, 15, 1 };

	return keys[world_below(w, ARRAY_SIZE(keys))];
}

static void draw_absolute(struct world *w, uint64_t *a, uint32_t op)
{
	a[OP] = op;
	a[FLAGS] = world_one_in(w, 2) ? KEYED : 0;
	a[ADDRESS] = draw_address(w);
	a[SIZE] = draw_size(w);
	a[KEY_AR] = draw_key(w);
	a[DATA] = world_random(w);
}

static void draw_read(struct world *w, uint64_t *a)
{
	draw_absolute(w, a, KVM_S390_MEMOP_ABSOLUTE_READ);
}

static void draw_write(struct world *w, uint64_t *a)
{
	draw_absolute(w, a, KVM_S390_MEMOP_ABSOLUTE_WRITE);
}

static void draw_check(struct world *w, uint64_t *a)
{
	draw_absolute(w, a, KVM_S390_MEMOP_ABSOLUTE_READ + world_below(w, 2));
	a[FLAGS] |= CHECK;
}

static void draw_exchange(struct world *w, uint64_t *a)
{
	draw_absolute(w, a, KVM_S390_MEMOP_ABSOLUTE_CMPXCHG);
	a[SIZE] = 1U << world_below(w, 5);
	if (!world_one_in(w, 8))
		a[ADDRESS] &= -a[SIZE];
}

static void draw_logical(struct world *w, uint64_t *a, uint32_t op)
{
	unsigned int vcpu = world_below(w, w->vcpus);

	draw_absolute(w, a, op);
	a[VCPU] = vcpu;
	a[KEY_AR] |= world_below(w, world_one_in(w, 2) ? 4 : 16) << 8;
	a[ADDRESS] =
		world_modes_virtual(world_cpu(w, vcpu), a[ADDRESS], (unsigned int)(a[KEY_AR] >> 8));
	if (world_one_in(w, 3))
		a[FLAGS] |= INJECT;
	/* Mostly not translated: what is injected then has an address and a space */
	if (world_one_in(w, a[FLAGS] & INJECT ? 6 : 40))
		a[ADDRESS] = world_random(w) >> world_below(w, 64);
}

static void draw_logical_read(struct world *w, uint64_t *a)
{
	draw_logical(w, a, KVM_S390_MEMOP_LOGICAL_READ);
}

static void draw_logical_write(struct world *w, uint64_t *a)
{
	draw_logical(w, a, KVM_S390_MEMOP_LOGICAL_WRITE);
}

static void draw_logical_check(struct world *w, uint64_t *a)
{
	draw_logical(w, a, world_below(w, 2));
	a[FLAGS] |= CHECK;
}

static struct attempt attempt_of(const uint64_t *a)
{
	struct attempt t = { .r.op = { .op = (uint32_t)a[OP],
				       .flags = a[FLAGS],
				       .gaddr = a[ADDRESS],
				       .size = (uint32_t)a[SIZE],
				       .key = (uint8_t)a[KEY_AR],
				       .ar = (uint8_t)(a[KEY_AR] >> 8) } };

	t.r.on_vcpu = a[OP] <= KVM_S390_MEMOP_SIDA_WRITE;
	return t;
}

/*
 * Draw until the request is one that is wanted, or a few times: what is rare by chance, but
 * what much goes wrong in
 */
static void draw_until(struct world *w, uint64_t *a, void (*draw)(struct world *, uint64_t *),
		       bool (*wanted)(struct world *, const uint64_t *, const struct attempt *))
{
	for (int i = 0; i < TRIES; i++) {
		struct attempt t;

		draw(w, a);
		t = attempt_of(a);
		world_predict(w, (unsigned int)a[VCPU], &t);
		if (!t.p.refused && wanted(w, a, &t))
			return;
	}
}

static void draw_some_logical(struct world *w, uint64_t *a)
{
	draw_logical(w, a, world_below(w, 2));
	a[FLAGS] |= INJECT;
}

/* Of what is not the primary space: its bits in the TEID are not 0 */
static bool meets_exception(struct world *w, const uint64_t *a, const struct attempt *t)
{
	const struct cpu *cpu = &world_cpu(w, (unsigned int)a[VCPU])->cpu;

	return t->p.cause.code && (cpu->psw_mask & PSW_AS_HOME || world_one_in(w, 4));
}

/* An exception in a space, which is injected */
static void draw_injection(struct world *w, uint64_t *a)
{
	draw_until(w, a, draw_some_logical, meets_exception);
}

/* Into two pages of a slot, or out of it */
static void draw_two_pages(struct world *w, uint64_t *a)
{
	draw_absolute(w, a, KVM_S390_MEMOP_ABSOLUTE_WRITE);
	a[FLAGS] = world_one_in(w, 4) ? 0 : KEYED;
	a[ADDRESS] |= WORLD_PAGE - 8;
	a[SIZE] = 16 + world_below(w, 64);
}

static bool ends_after_a_page(struct world *w, const uint64_t *a, const struct attempt *t)
{
	(void)w;
	(void)a;
	return t->p.cause.code && t->p.reachable;
}

/* A store of which a part takes place */
static void draw_part(struct world *w, uint64_t *a)
{
	draw_until(w, a, draw_two_pages, ends_after_a_page);
}

/* One thing of it is wrong */
static void draw_refused(struct world *w, uint64_t *a)
{
	static const uint32_t ops[] = { 2, 3, 7, 4, 5, 6, 0, 1 };

	draw_logical(w, a, ops[world_below(w, ARRAY_SIZE(ops))]);
	switch (world_below(w, 5)) {
	case 0:
		a[SIZE] = 0;
		break;
	case 1:
		a[SIZE] = 65537;
		break;
	case 2:
		a[FLAGS] |= 8UL << world_below(w, 60);
		break;
	case 3:
		a[FLAGS] |= KEYED;
		a[KEY_AR] |= 16;
		break;
	case 4:
		a[KEY_AR] |= 16 << 8;
	}
}

static bool ready(struct world *w, const uint64_t *a, bool refused)
{
	struct attempt t = attempt_of(a);

	if (a[VCPU] >= w->vcpus || a[SIZE] > 65537 ||
	    (a[FLAGS] & INJECT && world_cpu(w, (unsigned int)a[VCPU])->pending))
		return false;
	world_predict(w, (unsigned int)a[VCPU], &t);
	return t.p.refused == refused && world_request_spares_home(&t);
}

static bool ready_memop(struct world *w, const uint64_t *a)
{
	return a[SIZE] <= 9000 && world_key_is_known(w, a[FLAGS] & KEYED ? a[KEY_AR] & 15 : 0) &&
	       ready(w, a, false);
}

static bool ready_refused(struct world *w, const uint64_t *a)
{
	return ready(w, a, true);
}

static void act_memop(struct world *w, const uint64_t *a)
{
	struct attempt t = attempt_of(a);

	world_memop(w, (unsigned int)a[VCPU], &t, a[DATA]);
	if (a[FLAGS] & INJECT && t.o.ret > 0 && !world_is_wrong())
		world_pend(w, (unsigned int)a[VCPU], &t);
}

static void text_memop(struct world *w, const uint64_t *a, char *text)
{
	char words[MEMOP_TEXT];
	struct attempt t = attempt_of(a);
	int length = snprintf(text, WORLD_TEXT, "%s", memop_text(&t.r.op, words));

	if (t.r.on_vcpu)
		snprintf(text + length, WORLD_TEXT - (size_t)length, " on vCPU %u (%s)",
			 (unsigned int)a[VCPU],
			 world_modes_name(world_cpu(w, (unsigned int)a[VCPU])->mode));
}

static const struct action table[] = {
	{ "memop-read", 8, draw_read, ready_memop, act_memop, text_memop },
	{ "memop-write", 12, draw_write, ready_memop, act_memop, text_memop },
	{ "memop-check", 6, draw_check, ready_memop, act_memop, text_memop },
	{ "memop-cmpxchg", 8, draw_exchange, ready_memop, act_memop, text_memop },
	{ "memop-logical-read", 8, draw_logical_read, ready_memop, act_memop, text_memop },
	{ "memop-logical-write", 12, draw_logical_write, ready_memop, act_memop, text_memop },
	{ "memop-logical-check", 6, draw_logical_check, ready_memop, act_memop, text_memop },
	{ "memop-inject", 8, draw_injection, ready_memop, act_memop, text_memop },
	{ "memop-part", 8, draw_part, ready_memop, act_memop, text_memop },
	{ "memop-refused", 3, draw_refused, ready_refused, act_memop, text_memop },
};

const struct actions world_memop_actions = { .action = table, .count = ARRAY_SIZE(table) };
