/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Actions on a world: what each needs, what it does to VM and model, and what has to
 * come of it. Tables of them, a file for each group, are what a walk draws from.
 */
#ifndef ACTION_H
#define ACTION_H

#include "world/world.h"

#define ACTION_ARGS 7
#define ACTION_AT_ONCE 200U /* a weight: two threads, only in walks that have them */

struct action {
	const char *name;
	unsigned int weight; /* how often it is drawn, beside others */
	/* Arguments by chance, in favour of what is rare and was just touched */
	void (*draw)(struct world *w, uint64_t *a);
	/* Precondition: can it be done with these arguments in this world? */
	bool (*ready)(struct world *w, const uint64_t *a);
	/* Do it, judge the outcome, bring the model up to date */
	void (*act)(struct world *w, const uint64_t *a);
	/* In words, to WORLD_TEXT bytes; before it is done */
	void (*text)(struct world *w, const uint64_t *a, char *text);
};

struct actions {
	const struct action *action;
	size_t count;
	/* Can this machine do it? Asked once, by the process that makes walks; NULL: each can */
	bool (*there)(const struct action *action);
};

/* What becomes of the model when KVM has deleted or moved a slot */
void world_slot_deleted(struct world *w, unsigned int slot);
void world_slot_moved(struct world *w, unsigned int slot, unsigned int place);

/* world_discarded - and when the process has discarded a page */
void world_discarded(struct world *w, unsigned int memory, unsigned int page);

/* world_spares_log - does a move of this slot lose nothing known, or is it free to lose it? */
bool world_spares_log(const struct world *w, unsigned int slot);

extern const struct actions world_slot_actions, world_log_actions, world_history_actions,
	world_guest_actions, world_limit_actions;

#endif
