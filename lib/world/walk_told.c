// SPDX-License-Identifier: GPL-2.0-only
/*
 * What came up in walks, told with the results and judged: see walk_internal.h.
 */
#include <stdio.h>

#include "case/report.h"
#include "world/walk_internal.h"

static void note_each(const char *kind, const struct met *m, unsigned int count)
{
	char name[60];

	for (unsigned int i = 0; i < count && m[i].name[0]; i++) {
		snprintf(name, sizeof(name), "%s:%s", kind, m[i].name);
		report_note(name, (double)m[i].count, "times");
	}
}

/* Which actions came after this one, and how often: a note of them all, since pairs are many */
static void note_pairs(unsigned int action)
{
	const unsigned long *pair = walk_trace->pair[action];
	static char unit[WALK_ACTIONS * 30];
	char name[60];
	unsigned long sum = 0;
	size_t used = (size_t)snprintf(unit, sizeof(unit), "times");

	for (unsigned int i = 0; i < walk_actions(); i++) {
		if (!pair[i])
			continue;
		used += (size_t)snprintf(unit + used, sizeof(unit) - used, " %s=%lu",
					 walk_action(i)->name, pair[i]);
		sum += pair[i];
	}
	snprintf(name, sizeof(name), "after:%s", walk_action(action)->name);
	report_note(name, (double)sum, unit);
}

void walk_tell_notes(double seconds)
{
	const struct trace *t = walk_trace;
	char name[60];
	unsigned long pairs = 0;

	for (unsigned int i = 0; i < walk_actions(); i++)
		for (unsigned int k = 0; k < walk_actions(); k++)
			pairs += t->pair[i][k] > 0;
	report_note("steps", (double)t->total, "actions");
	report_note("rate", (double)t->total / seconds, "steps/s");
	report_note("pairs", (double)pairs, "pairs");
	report_note("pairs-there-are", (double)walk_actions() * walk_actions(), "pairs");
	for (unsigned int i = 0; i < walk_actions(); i++) {
		snprintf(name, sizeof(name), "action:%s", walk_action(i)->name);
		report_note(name, (double)t->count[i], "times");
	}
	for (unsigned int i = 0; i < walk_actions(); i++)
		note_pairs(i);
	note_each("decided", t->clause_met, CLAUSES);
	note_each("seen", t->sight, SIGHTS);
}

static bool is_missing(unsigned int action)
{
	return walk_action_there(action) && !walk_trace->count[action] &&
	       (walk_action(action)->weight == ACTION_AT_ONCE) == walk_trace->at_once;
}

void walk_check_coverage(void)
{
	for (unsigned int i = 0; i < walk_actions(); i++)
		report_check(!is_missing(i), walk_action(i)->name, "each action comes up",
			     "this one never did");
}

bool walk_lacks_action(void)
{
	for (unsigned int i = 0; i < walk_actions(); i++)
		if (is_missing(i))
			return true;
	return false;
}
