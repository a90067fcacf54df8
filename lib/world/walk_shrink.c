// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shrinking of a failing script, and its form as text: see walk_internal.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "case/report.h"
#include "world/walk_internal.h"

/* Does the script without its steps [@from, @from + @count) still fail by the same clause? */
static bool fails_without(const struct script *s, unsigned int from, unsigned int count,
			  const char *clause, bool excuse, struct script *smaller)
{
	smaller->steps = 0;
	for (unsigned int i = 0; i < s->steps; i++)
		if (i < from || i >= from + count)
			smaller->step[smaller->steps++] = s->step[i];
	/* Twice, so that what fails now and then is not taken for the reason */
	for (int i = 0; i < 2; i++)
		if (walk_run(smaller, 0, 0, excuse) || strcmp(walk_trace->clause, clause) != 0)
			return false;
	return true;
}

/* What was reached, without steps whose precondition did not hold */
static void keep_taken(struct script *s)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < walk_trace->done; i++)
		if (walk_trace->taken[i])
			s->step[kept++] = s->step[i];
	s->steps = kept;
}

bool walk_shrink(bool excuse, double seconds)
{
	double end = report_seconds() + seconds;
	static struct script best, smaller, whole;
	char clause[sizeof(walk_trace->clause)];
	bool shorter = true, again;

	best = whole = walk_trace->script;
	strcpy(clause, walk_trace->clause);
	keep_taken(&best);
	for (unsigned int size = best.steps / 2; size && report_seconds() < end;
	     size = size > 1 || shorter ? (size + 1) / 2 : 0) {
		shorter = false;
		for (unsigned int from = 0; from < best.steps && report_seconds() < end;) {
			if (!fails_without(&best, from, size, clause, excuse, &smaller)) {
				from += size;
				continue;
			}
			best = smaller;
			keep_taken(&best);
			shorter = true;
		}
		if (size == 1 && !shorter)
			break;
	}
	walk_trace->spoken = true;
	again = !walk_run(&best, 0, 0, excuse);
	if (!again) {
		/* It does not fail each time: then all of it tells more */
		walk_run(&whole, 0, 0, excuse);
		walk_trace->script = whole;
	}
	walk_trace->spoken = false;
	return again;
}

void walk_script_text(const struct script *s, const char *separator, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (unsigned int i = 0; i < s->steps && used < size; i++) {
		unsigned int last = ACTION_ARGS;

		while (last && !s->step[i].a[last - 1])
			last--;
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? separator : "",
					 walk_action(s->step[i].action)->name);
		for (unsigned int k = 0; k < last && used < size; k++)
			used += (size_t)snprintf(text + used, size - used, " %#llx",
						 (unsigned long long)s->step[i].a[k]);
	}
}

/* One action with its arguments */
static const char *read_step(char *line, struct script *s)
{
	static char wrong[100];
	char *name = strtok(line, " \t"), *word;
	struct step *step = &s->step[s->steps];
	unsigned int n = 0;

	if (!name)
		return NULL;
	*step = (struct step){ 0 };
	while (step->action < walk_actions() && strcmp(walk_action(step->action)->name, name))
		step->action++;
	snprintf(wrong, sizeof(wrong), "%s", name);
	if (step->action == walk_actions() || s->steps == WALK_STEPS - 1)
		return wrong;
	while ((word = strtok(NULL, " \t"))) {
		char *end;

		if (n == ACTION_ARGS)
			return wrong;
		step->a[n++] = strtoull(word, &end, 0);
		if (*end)
			return wrong;
	}
	s->steps++;
	return NULL;
}

const char *walk_script_read(const char *text, struct script *s)
{
	char *copy = strdup(text), *line = copy;
	const char *wrong = NULL;

	s->steps = 0;
	while (line && !wrong) {
		char *next = strpbrk(line, ";\n");

		if (next)
			*next++ = 0;
		line[strcspn(line, "#")] = 0;
		wrong = read_step(line, s);
		line = next;
	}
	free(copy);
	return wrong;
}
