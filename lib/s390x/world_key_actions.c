// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions on storage keys: KVM_S390_SET_SKEYS, KVM_S390_GET_SKEYS, and the guest's ISKE,
 * SSKE, RRBE.
 *
 * Over 300 lines: the actions share what a key must hold after each of them.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "s390x/world_modes.h"
#include "s390x/memop_deviation.h"
#include "s390x/skey.h"
#include "s390x/world_request.h"
#include "world/action.h"
#include "world/look.h"

#define MOST 300U

/* slot, page, count, seed of the keys */
static void draw_range(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
	a[1] = world_page(w, w->slot[a[0]].memory);
	a[2] = world_one_in(w, 6) ? 1 + world_below(w, MOST - 1) : 1 + world_below(w, 4);
	a[3] = world_random(w);
}

static bool ready_range(struct world *w, const uint64_t *a)
{
	return a[0] < WORLD_SLOTS && w->slot[a[0]].used && a[2] && a[2] <= MOST &&
	       a[1] + a[2] <= world_memory(w, (unsigned int)a[0])->units * WORLD_UNIT_PAGES;
}

/* Few values, so that some deny and some do not; R and C now and then */
static uint8_t key_of(uint64_t seed, uint64_t n)
{
	static const uint8_t keys[] = { 0x40, 0x58, 0x90, 0x48, 0x50, 0x46, 0x5c, 0x00 };

	return keys[(seed >> n % 16 * 3) % ARRAY_SIZE(keys)];
}

static struct outcome skeys(struct world *w, unsigned long request, uint64_t gfn, uint64_t count,
			    uint8_t *keys)
{
	struct kvm_s390_skeys args = { .start_gfn = gfn,
				       .count = count,
				       .skeydata_addr = (uintptr_t)keys };

	return outcome_of(ioctl(w->vm->fd, request, &args));
}

/* s390: from then on there is no zero page; what had it gets its storage with the next use */
static void no_zero_page(uint8_t *state)
{
	if (*state & PAGE_THERE)
		*state |= PAGE_TABLED | PAGE_MAY_LOG;
	*state &= (uint8_t)~PAGE_THERE;
	*state |= PAGE_RC_OPEN;
}

/* May it be a frame whose former key nobody clears (FIND-23)? */
static bool may_have_former_key(const struct world *w, const struct memory *m, size_t p)
{
	return w->excuse && fault_of_former_keys(true, true) &&
	       (m->unmapped[p] || !(m->key[p] & SKEY_CHANGE));
}

static void begin_use(struct world *w)
{
	if (w->keys_used)
		return;
	w->keys_used = true;
	/* What KVM does to get ready for them may show in R and C */
	for (unsigned int i = 0; i < WORLD_MEMORIES; i++) {
		struct memory *m = &w->memory[i];

		for (size_t p = 0; p < m->units * WORLD_UNIT_PAGES; p++) {
			if (may_have_former_key(w, m, p))
				m->state[p] |= PAGE_KEY_OPEN;
			no_zero_page(&m->state[p]);
		}
	}
}

static void have_key(struct memory *m, uint64_t p, uint8_t key)
{
	m->key[p] = key;
	m->may[p] = key & LOOK_RC;
	m->state[p] &= (uint8_t) ~(PAGE_KEY_OPEN | PAGE_RC_OPEN);
	m->state[p] |= PAGE_MAY_LOG;
}

static bool unit_is_untouched(const struct memory *m, uint64_t page)
{
	uint64_t first = page / WORLD_UNIT_PAGES * WORLD_UNIT_PAGES;

	for (uint64_t p = first; p < first + WORLD_UNIT_PAGES; p++)
		if (m->state[p] & (PAGE_THERE | PAGE_TABLED))
			return false;
	return true;
}

/*
 * s390 up to 6.12: where no page of a MiB of the process has ever been used, the first key
 * other than 0 only makes room for the page, and is not set
 */
static bool is_lost(struct world *w, struct memory *m, const uint64_t *a, const uint8_t *set,
		    const uint8_t *is, bool *tabled)
{
	bool lost[MOST] = { false };

	for (uint64_t n = 0; n < a[2]; n++) {
		uint64_t p = a[1] + n, unit = p / WORLD_UNIT_PAGES;

		if (!set[n] || tabled[unit])
			continue;
		tabled[unit] = true;
		/* The new page's R and C are there, or not */
		lost[n] = set[n] & LOOK_ACC_F && !(is[n] & LOOK_ACC_F);
	}
	for (uint64_t n = 0; n < a[2]; n++) {
		if (!lost[n])
			continue;
		if (!w->excuse)
			return false;
		world_found(w, FOUND_KEYS);
		m->key[a[1] + n] = m->may[a[1] + n] = 0;
		m->state[a[1] + n] |= PAGE_RC_OPEN;
	}
	return true;
}

static bool ready_set(struct world *w, const uint64_t *a)
{
	if (!ready_range(w, a))
		return false;
	for (uint64_t n = 0; n < a[2] && w->avoid; n++)
		if (key_of(a[3], n) &&
		    unit_is_untouched(world_memory(w, (unsigned int)a[0]), a[1] + n))
			return false;
	return true;
}

static void act_set(struct world *w, const uint64_t *a)
{
	struct memory *m = world_memory(w, (unsigned int)a[0]);
	uint64_t gfn = world_gpa(w, (unsigned int)a[0]) / WORLD_PAGE + a[1];
	uint8_t set[MOST], is[MOST];
	bool tabled[WORLD_LONGEST];

	for (unsigned int unit = 0; unit < m->units; unit++)
		tabled[unit] = !unit_is_untouched(m, unit * WORLD_UNIT_PAGES);
	for (uint64_t n = 0; n < a[2]; n++)
		set[n] = key_of(a[3], n);
	if (!world_expect(w, "SKEY-05", outcome_success(),
			  skeys(w, KVM_S390_SET_SKEYS, gfn, a[2], set)))
		return;
	begin_use(w);
	for (uint64_t n = 0; n < a[2]; n++)
		have_key(m, a[1] + n, set[n]);
	if (skeys(w, KVM_S390_GET_SKEYS, gfn, a[2], is).ret == 0)
		is_lost(w, m, a, set, is, tabled);
	world_look_at_keys(w, (unsigned int)a[0], a[1], a[2]);
	for (uint64_t n = 0; n < a[2]; n++)
		if (set[n])
			m->state[a[1] + n] |= PAGE_TABLED;
	world_heat(w, w->slot[a[0]].memory, (unsigned int)a[1]);
}

static void text_set(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT,
		 "SET_SKEYS, slot %u pages %u to %u (absolute %#llx): %#04x %#04x ...",
		 (unsigned int)a[0], (unsigned int)a[1], (unsigned int)(a[1] + a[2] - 1),
		 (unsigned long long)(world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE),
		 key_of(a[3], 0), key_of(a[3], 1));
}

static void act_get(struct world *w, const uint64_t *a)
{
	world_look_at_keys(w, (unsigned int)a[0], a[1], a[2]);
}

static void text_get(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	snprintf(text, WORLD_TEXT, "GET_SKEYS, slot %u pages %u to %u", (unsigned int)a[0],
		 (unsigned int)a[1], (unsigned int)(a[1] + a[2] - 1));
}

/* An invalid key among them; what is before it may be set or not */
static void act_invalid(struct world *w, const uint64_t *a)
{
	struct memory *m = world_memory(w, (unsigned int)a[0]);
	uint8_t set[MOST];

	for (uint64_t n = 0; n < a[2]; n++)
		set[n] = key_of(a[3], n);
	set[a[3] % a[2]] |= 1;
	world_expect(w, "SKEY-06", outcome_error(EINVAL),
		     skeys(w, KVM_S390_SET_SKEYS,
			   world_gpa(w, (unsigned int)a[0]) / WORLD_PAGE + a[1], a[2], set));
	begin_use(w);
	for (uint64_t n = 0; n < a[2]; n++)
		m->state[a[1] + n] |= PAGE_KEY_OPEN | PAGE_RC_OPEN | PAGE_MAY_LOG;
}

static void text_invalid(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	snprintf(text, WORLD_TEXT,
		 "SET_SKEYS, slot %u pages %u to %u, number %u has its last bit on",
		 (unsigned int)a[0], (unsigned int)a[1], (unsigned int)(a[1] + a[2] - 1),
		 (unsigned int)(a[3] % a[2]));
}

/* The guest's instructions: slot, page, vCPU, key; by real addresses */
static void draw_guest(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
	a[1] = world_page(w, w->slot[a[0]].memory);
	a[2] = world_below(w, w->vcpus);
	a[3] = key_of(world_random(w), 0);
}

static bool ready_guest(struct world *w, const uint64_t *a)
{
	return a[0] < WORLD_SLOTS && w->slot[a[0]].used && a[2] < w->vcpus &&
	       !world_cpu(w, (unsigned int)a[2])->pending &&
	       a[1] < world_memory(w, (unsigned int)a[0])->units * WORLD_UNIT_PAGES &&
	       world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE >= w->lowest;
}

static bool guest_does(struct world *w, const uint64_t *a, enum order_kind kind, uint64_t *value)
{
	struct cpu_model *cpu = world_cpu(w, (unsigned int)a[2]);
	struct order o = { .address = world_gpa(w, (unsigned int)a[0]) + a[1] * WORLD_PAGE,
			   .psw_mask = PLAIN_PSW,
			   .value = *value,
			   .kind = kind };
	struct taken taken;
	uint8_t *state = &world_memory(w, (unsigned int)a[0])->state[a[1]];

	world_modes_set(w, cpu, MODE_PLAIN);
	if (!world_order(w, (unsigned int)a[2], &o, &taken))
		return false;
	if (taken.any)
		world_wrong(w, "SKEY-10", "the instruction takes place", "interruption %#x",
			    taken.code);
	begin_use(w);
	/* It may get storage by this, which counts as written: keys are known without, too */
	if (!(*state & PAGE_THERE))
		*state |= PAGE_MAY_LOG;
	*value = o.value;
	return !taken.any;
}

static void act_iske(struct world *w, const uint64_t *a)
{
	uint64_t value = 0;

	if (guest_does(w, a, ORDER_ISKE, &value) &&
	    world_look_at_key(w, w->slot[a[0]].memory, a[1], (uint8_t)value))
		world_decided("SKEY-10");
}

static void act_sske(struct world *w, const uint64_t *a)
{
	uint64_t value = a[3];

	if (!guest_does(w, a, ORDER_SSKE, &value))
		return;
	have_key(world_memory(w, (unsigned int)a[0]), a[1], (uint8_t)a[3]);
	if (a[3])
		world_memory(w, (unsigned int)a[0])->state[a[1]] |= PAGE_TABLED;
	world_heat(w, w->slot[a[0]].memory, (unsigned int)a[1]);
}

/* PoP, chapter 10, "RESET REFERENCE BIT EXTENDED": R and C as they were, in the condition code */
static void act_rrbe(struct world *w, const uint64_t *a)
{
	struct memory *m = world_memory(w, (unsigned int)a[0]);
	uint64_t value = 0;
	uint8_t was;

	if (!guest_does(w, a, ORDER_RRBE, &value))
		return;
	was = (uint8_t)((value >> 29 & 1 ? LOOK_REFERENCE : 0) |
			(value >> 28 & 1 ? LOOK_CHANGE : 0));
	if (m->state[a[1]] & PAGE_KEY_OPEN)
		m->may[a[1]] |= LOOK_RC;
	else if (world_look_at_key(w, w->slot[a[0]].memory, a[1],
				   (uint8_t)((m->key[a[1]] & LOOK_ACC_F) | was)))
		world_decided("SKEY-10");
	m->key[a[1]] &= (uint8_t)~LOOK_REFERENCE;
	m->may[a[1]] &= (uint8_t)~LOOK_REFERENCE;
}

#define GUEST_TEXT(name, words)                                                                    \
	static void text_##name(struct world *w, const uint64_t *a, char *text)                    \
	{                                                                                          \
		(void)w;                                                                           \
		snprintf(text, WORLD_TEXT, words " by vCPU %u, slot %u page %u (key %#04x)",       \
			 (unsigned int)a[2], (unsigned int)a[0], (unsigned int)a[1],               \
			 (unsigned int)a[3]);                                                      \
	}

GUEST_TEXT(iske, "ISKE")
GUEST_TEXT(sske, "SSKE")
GUEST_TEXT(rrbe, "RRBE")

static const struct action table[] = {
	{ "skeys-set", 10, draw_range, ready_set, act_set, text_set },
	{ "skeys-get", 6, draw_range, ready_range, act_get, text_get },
	{ "skeys-invalid", 1, draw_range, ready_range, act_invalid, text_invalid },
	{ "guest-iske", 5, draw_guest, ready_guest, act_iske, text_iske },
	{ "guest-sske", 6, draw_guest, ready_guest, act_sske, text_sske },
	{ "guest-rrbe", 4, draw_guest, ready_guest, act_rrbe, text_rrbe },
};

const struct actions world_key_actions = { .action = table, .count = ARRAY_SIZE(table) };
