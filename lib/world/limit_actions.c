// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions on the memory limit of a VM, which s390 has: KVM_S390_VM_MEM_LIMIT_SIZE
 * (devices/vm.rst). A VM is made with one by "vm-renew"; here it is read, held against
 * slots, and found to stay once there are vCPUs.
 */
#include <stdio.h>

#include "slot/region.h"
#include "world/action.h"

/* Of the limit that was set, released kernels know nothing (FIND-11, FIND-12) */
static bool may_be_drawn(const struct world *w)
{
	return !w->avoid || !w->has.limit;
}

static uint64_t limit_of(const struct world *w)
{
	return w->has.limit ? w->has.limit : w->most;
}

static void draw_set(struct world *w, uint64_t *a)
{
	a[0] = 1UL << (20 + world_below(w, 20));
}

static bool ready_set(struct world *w, const uint64_t *a)
{
	return w->vcpus && a[0] && a[0] <= w->most;
}

static void act_set(struct world *w, const uint64_t *a)
{
	uint64_t value = a[0];

	world_expect(w, "SLOT-20", outcome_error(EBUSY),
		     region_limit(w->vm->fd, KVM_SET_DEVICE_ATTR, &value));
}

static void text_set(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "a memory limit of %#llx is refused: there are %u vCPUs",
		 (unsigned long long)a[0], w->vcpus);
}

static void draw_nothing(struct world *w, uint64_t *a)
{
	(void)w;
	(void)a;
}

static bool ready_read(struct world *w, const uint64_t *a)
{
	(void)a;
	return may_be_drawn(w);
}

static void act_read(struct world *w, const uint64_t *a)
{
	uint64_t is = 0;

	(void)a;
	if (!world_expect(w, "SLOT-20", outcome_success(),
			  region_limit(w->vm->fd, KVM_GET_DEVICE_ATTR, &is)) ||
	    is == limit_of(w))
		return;
	if (w->excuse && w->has.limit && is == w->most)
		world_found(w, FOUND_LIMIT_READ);
	else
		world_wrong(w, "SLOT-20", "the limit that the VM has", "%#llx, has to be %#llx",
			    (unsigned long long)is, (unsigned long long)limit_of(w));
}

static void text_read(struct world *w, const uint64_t *a, char *text)
{
	(void)a;
	snprintf(text, WORLD_TEXT, "the memory limit is read: %#llx",
		 (unsigned long long)limit_of(w));
}

/* slot, memory, units of it that are below the limit */
static void draw_slot(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
	a[1] = world_below(w, WORLD_MEMORIES);
	a[2] = world_below(w, w->memory[a[1]].units);
}

static bool ready_slot(struct world *w, const uint64_t *a)
{
	return may_be_drawn(w) && limit_of(w) != UINT64_MAX && a[0] < WORLD_SLOTS &&
	       !w->slot[a[0]].used && a[1] < WORLD_MEMORIES && a[2] < w->memory[a[1]].units;
}

static void act_slot(struct world *w, const uint64_t *a)
{
	struct region r = { .slot = w->first_slot + (uint32_t)a[0],
			    .gpa = (limit_of(w) & -WORLD_UNIT) - a[2] * WORLD_UNIT,
			    .size = w->memory[a[1]].units * WORLD_UNIT,
			    .user = (uintptr_t)w->memory[a[1]].host };
	struct outcome o = region_set(w->vm->fd, false, &r);

	if (o.ret || !w->excuse || !w->has.limit) {
		world_expect(w, "SLOT-19", outcome_error(EINVAL), o);
		return;
	}
	world_found(w, FOUND_LIMIT_SLOT);
	r.size = 0;
	world_expect(w, "SLOT-04", outcome_success(), region_set(w->vm->fd, false, &r));
}

static void text_slot(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "slot %u is refused: %u MiB, %u of them below the limit %#llx",
		 (unsigned int)a[0], w->memory[a[1]].units, (unsigned int)a[2],
		 (unsigned long long)limit_of(w));
}

static const struct action table[] = {
	{ "limit-set", 1, draw_set, ready_set, act_set, text_set },
	{ "limit-read", 1, draw_nothing, ready_read, act_read, text_read },
	{ "limit-slot", 1, draw_slot, ready_slot, act_slot, text_slot },
};

static bool there(const struct action *action)
{
	(void)action;
#ifdef __s390x__
	return true;
#else
	return false;
#endif
}

const struct actions world_limit_actions = { .action = table,
					     .count = ARRAY_SIZE(table),
					     .there = there };
