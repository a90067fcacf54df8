// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions of the guest that every architecture has: vCPUs, loads and stores.
 */
#include <stdio.h>

#include "slot/deviation.h"
#include "world/action.h"

static void draw_nothing(struct world *w, uint64_t *a)
{
	(void)w;
	(void)a;
}

static bool ready_add(struct world *w, const uint64_t *a)
{
	(void)a;
	return w->vcpus < WORLD_VCPUS;
}

static void act_add(struct world *w, const uint64_t *a)
{
	(void)a;
	world_guest.add_vcpu(w);
}

static void text_add(struct world *w, const uint64_t *a, char *text)
{
	(void)a;
	snprintf(text, WORLD_TEXT, "vCPU %u is added", w->vcpus);
}

/* vCPU, place, offset in it, value: mostly where a slot is */
static void draw_access(struct world *w, uint64_t *a)
{
	unsigned int slot = world_below(w, WORLD_SLOTS);
	uint64_t at = world_below(w, WORLD_PLACES * (unsigned int)WORLD_UNIT_PAGES) * WORLD_PAGE;

	if (w->slot[slot].used && !world_one_in(w, 12))
		at = w->slot[slot].place * WORLD_UNIT +
		     world_page(w, w->slot[slot].memory) * WORLD_PAGE;
	at += world_below(w, WORLD_PAGE / 8) * 8;
	a[0] = world_below(w, w->vcpus);
	a[1] = at / WORLD_UNIT;
	a[2] = at % WORLD_UNIT;
	a[3] = world_random(w);
}

static uint64_t gpa_of(const struct world *w, const uint64_t *a)
{
	return w->base + a[1] * WORLD_UNIT + a[2];
}

static bool ready_access(struct world *w, const uint64_t *a)
{
	return a[0] < w->vcpus && a[1] < WORLD_PLACES && a[2] <= WORLD_UNIT - 8 &&
	       gpa_of(w, a) >= w->lowest;
}

static void act_load(struct world *w, const uint64_t *a)
{
	uint64_t gpa = gpa_of(w, a), value = 0, expected;
	int slot = world_slot_of(w, gpa);
	bool met = world_guest.access(w, (unsigned int)a[0], gpa, false, &value);
	struct memory *m;

	if (met != (slot >= 0))
		world_wrong(w, "SLOT-18",
			    slot >= 0 ? "the load meets memory" : "the load meets no memory",
			    "it does%s", met ? "" : " not");
	world_decided(slot >= 0 ? "SLOT-09" : "SLOT-18");
	if (slot < 0 || !met)
		return;
	memcpy(&expected, world_bytes(w, gpa), 8);
	if (value != expected)
		world_wrong(w, "SLOT-09", "the load gives the bytes stored last",
			    "%#llx, has to be %#llx", (unsigned long long)value,
			    (unsigned long long)expected);
	world_fetched(w, gpa, 8);
	m = world_memory(w, (unsigned int)slot);
	if (deviation_of_read_page())
		m->state[(gpa - world_gpa(w, (unsigned int)slot)) / WORLD_PAGE] |= PAGE_MAY_LOG;
}

static void act_store(struct world *w, const uint64_t *a)
{
	uint64_t gpa = gpa_of(w, a), value = a[3];
	int slot = world_slot_of(w, gpa);
	bool met = world_guest.access(w, (unsigned int)a[0], gpa, true, &value);
	bool takes = slot >= 0 && !(w->slot[slot].flags & KVM_MEM_READONLY);

	if (met != takes)
		world_wrong(w, takes ? "SLOT-18" : "SLOT-11",
			    takes ? "the store meets memory" : "the store meets no memory",
			    "it does%s", met ? "" : " not");
	world_decided(takes ? "SLOT-09" : "SLOT-18");
	if (met && takes)
		world_stored(w, gpa, &value, 8);
	else if (slot >= 0)
		world_memory(w, (unsigned int)slot)
			->state[(gpa - world_gpa(w, (unsigned int)slot)) / WORLD_PAGE] |=
			PAGE_THERE;
}

static void text_load(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "vCPU %u loads 8 bytes at %#llx (slot %d)", (unsigned int)a[0],
		 (unsigned long long)gpa_of(w, a), world_slot_of(w, gpa_of(w, a)));
}

static void text_store(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "vCPU %u stores 8 bytes at %#llx (slot %d)", (unsigned int)a[0],
		 (unsigned long long)gpa_of(w, a), world_slot_of(w, gpa_of(w, a)));
}

static const struct action table[] = {
	{ "vcpu-add", 12, draw_nothing, ready_add, act_add, text_add },
	{ "guest-load", 10, draw_access, ready_access, act_load, text_load },
	{ "guest-store", 16, draw_access, ready_access, act_store, text_store },
};

const struct actions world_guest_actions = { .action = table, .count = ARRAY_SIZE(table) };
