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
	uint8_t bits[WORLD_LOG_BYTES];

	world_take_log(w, (unsigned int)a[0], bits);
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

/* slot, first page, pages, seed of the bitmap */
static void draw_clear(struct world *w, uint64_t *a)
{
	unsigned int words, first;

	draw_slot(w, a);
	words = w->memory[w->slot[a[0]].memory].units * (unsigned int)WORLD_UNIT_PAGES / 64;
	first = world_below(w, words);
	if (world_one_in(w, 2))
		first = 0;
	a[1] = 64 * first;
	a[2] = 64 * (world_one_in(w, 2) ? words - first : 1 + world_below(w, words - first));
	a[3] = world_one_in(w, 2) ? ~0UL : world_random(w);
}

static bool ready_clear(struct world *w, const uint64_t *a)
{
	return has_log(w, a[0]) && a[1] % 64 == 0 && a[2] % 64 == 0 && a[2] &&
	       a[1] + a[2] <= world_memory(w, (unsigned int)a[0])->units * WORLD_UNIT_PAGES;
}

/* As user space does it: read, then clear what it is about to send */
static void act_clear(struct world *w, const uint64_t *a)
{
	uint8_t *state = world_memory(w, (unsigned int)a[0])->state;
	uint8_t bits[WORLD_LOG_BYTES], mask[WORLD_LOG_BYTES];
	struct kvm_clear_dirty_log log = { .slot = w->first_slot + (uint32_t)a[0],
					   .first_page = a[1],
					   .num_pages = (uint32_t)a[2],
					   .dirty_bitmap = mask };

	if (!world_take_log(w, (unsigned int)a[0], bits))
		return;
	for (unsigned int i = 0; i < WORLD_LOG_BYTES; i++)
		mask[i] = (uint8_t)(a[3] >> i % 8 * 8);
	if (!world_expect(w, "DIRTY-10", outcome_success(),
			  outcome_of(ioctl(w->vm->fd, KVM_CLEAR_DIRTY_LOG, &log))))
		return;
	for (unsigned int n = 0; n < a[2]; n++)
		if (mask[n / 8] >> n % 8 & 1 && bits[(a[1] + n) / 8] >> n % 8 & 1)
			state[a[1] + n] &= (uint8_t) ~(PAGE_MUST_LOG | PAGE_MAY_LOG | PAGE_MOVED);
}

static void text_clear(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	snprintf(text, WORLD_TEXT, "the log of slot %u is read, and %s of pages %u to %u cleared",
		 (unsigned int)a[0], ~a[3] ? "some" : "all", (unsigned int)a[1],
		 (unsigned int)(a[1] + a[2] - 1));
}

static const struct action table[] = {
	{ "log-read", 12, draw_slot, ready_get, act_get, text_get },
	{ "log-clear", 6, draw_clear, ready_clear, act_clear, text_clear },
	{ "log-none", 2, draw_slot, ready_none, act_none, text_none },
};

static bool there(const struct action *action)
{
	return action->act != act_clear || kvm_check_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) > 0;
}

const struct actions world_log_actions = { .action = table,
					   .count = ARRAY_SIZE(table),
					   .there = there };
