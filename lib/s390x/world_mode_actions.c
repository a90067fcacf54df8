// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions of vCPUs on s390x: modes, their own accesses in each, and what is pending.
 */
#include <stdio.h>

#include "s390x/world_modes.h"
#include "s390x/world_request.h"
#include "world/action.h"

/* vCPU, mode */
static void draw_mode(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, w->vcpus);
	a[1] = world_below(w, world_modes_count());
}

static bool ready_vcpu(struct world *w, const uint64_t *a)
{
	return a[0] < w->vcpus;
}

static bool ready_mode(struct world *w, const uint64_t *a)
{
	return a[0] < w->vcpus && a[1] < world_modes_count() &&
	       !world_cpu(w, (unsigned int)a[0])->pending;
}

static void act_mode(struct world *w, const uint64_t *a)
{
	world_modes_set(w, world_cpu(w, (unsigned int)a[0]), (unsigned int)a[1]);
	world_take_pending(w, (unsigned int)a[0]);
}

static void text_mode(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	snprintf(text, WORLD_TEXT, "vCPU %u: %s", (unsigned int)a[0],
		 world_modes_name((unsigned int)a[1]));
}

static void act_run(struct world *w, const uint64_t *a)
{
	world_take_pending(w, (unsigned int)a[0]);
}

static void text_run(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "vCPU %u runs: %s", (unsigned int)a[0],
		 world_cpu(w, (unsigned int)a[0])->pending ? "an exception is pending"
							   : "nothing is pending");
}

/* vCPU, address, store?, key, value */
static void draw_access(struct world *w, uint64_t *a)
{
	static const uint8_t keys[] = { 0, 4, 5, 9 };
	unsigned int slot = world_below(w, WORLD_SLOTS);
	uint64_t gpa = w->base;

	if (w->slot[slot].used)
		gpa = world_gpa(w, slot) + world_page(w, w->slot[slot].memory) * WORLD_PAGE;
	gpa += world_one_in(w, 4) ? WORLD_PAGE - 4 : 8 * world_below(w, WORLD_PAGE / 8);
	a[0] = world_below(w, w->vcpus);
	a[1] = world_modes_virtual(world_cpu(w, (unsigned int)a[0]), gpa, 4);
	a[2] = world_below(w, 2);
	a[3] = keys[world_below(w, ARRAY_SIZE(keys))];
	a[4] = world_random(w);
}

static bool ready_access(struct world *w, const uint64_t *a)
{
	struct attempt t = { .r.on_vcpu = true,
			     .r.op = { .op = a[2] ? KVM_S390_MEMOP_LOGICAL_WRITE
						  : KVM_S390_MEMOP_LOGICAL_READ,
				       .gaddr = a[1],
				       .size = 8,
				       .ar = 4 } };

	if (a[0] >= w->vcpus || a[3] > 15 || !world_key_is_known(w, a[3]) ||
	    world_cpu(w, (unsigned int)a[0])->pending)
		return false;
	world_predict(w, (unsigned int)a[0], &t);
	/* Its own prefix area is left alone: see docs/walk.md, "What is left out" */
	for (size_t i = 0; i < t.p.fragments; i++)
		if (t.p.fragment[i].gpa - HOME_GPA < WORLD_UNIT)
			return false;
	return true;
}

static void act_access(struct world *w, const uint64_t *a)
{
	world_access(w, (unsigned int)a[0], a[1], a[2], (uint8_t)a[3], a[4]);
}

static void text_access(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "vCPU %u (%s) %s 8 bytes at its address %#llx with key %u",
		 (unsigned int)a[0], world_modes_name(world_cpu(w, (unsigned int)a[0])->mode),
		 a[2] ? "stores" : "loads", (unsigned long long)a[1], (unsigned int)a[3]);
}

static const struct action table[] = {
	{ "vcpu-mode", 12, draw_mode, ready_mode, act_mode, text_mode },
	{ "vcpu-run", 8, draw_mode, ready_vcpu, act_run, text_run },
	{ "vcpu-access", 12, draw_access, ready_access, act_access, text_access },
};

const struct actions world_mode_actions = { .action = table, .count = ARRAY_SIZE(table) };
