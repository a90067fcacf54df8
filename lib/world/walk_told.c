// SPDX-License-Identifier: GPL-2.0-only
/*
 * What came up in walks, told with the results and judged: see walk_internal.h.
 */
#include <stdio.h>

#include "case/report.h"
#include "world/walk_internal.h"

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
	for (unsigned int i = 0; i < CLAUSES && t->clause_met[i].name[0]; i++) {
		snprintf(name, sizeof(name), "decided:%s", t->clause_met[i].name);
		report_note(name, (double)t->clause_met[i].count, "times");
	}
}

static bool is_missing(unsigned int action)
{
	return !walk_trace->count[action] &&
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
