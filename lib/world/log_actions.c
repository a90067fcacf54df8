// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions on the dirty log.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "world/action.h"

static void draw_slot(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
}

static bool has_log(struct world *w, uint64_t slot)
{
	return slot < WORLD_SLOTS && w->slot[slot].used &&
	       w->slot[slot].flags & KVM_MEM_LOG_DIRTY_PAGES;
}

static bool ready_get(struct world *w, const uint64_t *a)
{
	return has_log(w, a[0]);
}

static void act_get(struct world *w, const uint64_t *a)
{
	world_take_log(w, (unsigned int)a[0]);
}

static void text_get(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	snprintf(text, WORLD_TEXT, "the log of slot %u is read", (unsigned int)a[0]);
}

static bool ready_none(struct world *w, const uint64_t *a)
{
	return a[0] < WORLD_SLOTS && !has_log(w, a[0]);
}

static void act_none(struct world *w, const uint64_t *a)
{
	uint8_t bits[WORLD_LONGEST * WORLD_UNIT_PAGES / 8];
	struct kvm_dirty_log log = { .slot = w->first_slot + (uint32_t)a[0], .dirty_bitmap = bits };

	world_expect(w, "DIRTY-08", outcome_error(ENOENT),
		     outcome_of(ioctl(w->vm->fd, KVM_GET_DIRTY_LOG, &log)));
}

static void text_none(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	snprintf(text, WORLD_TEXT, "slot %u has no log to be read", (unsigned int)a[0]);
}

static const struct action table[] = {
	{ "log-read", 12, draw_slot, ready_get, act_get, text_get },
	{ "log-none", 2, draw_slot, ready_none, act_none, text_none },
};

const struct actions world_log_actions = { table, ARRAY_SIZE(table) };
