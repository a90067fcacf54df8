// SPDX-License-Identifier: GPL-2.0-only
/*
 * Result lines of walks: see world/walk.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "case/report.h"
#include "world/walk_internal.h"

#define PER_WALK 150U
#define GOES_ON 4UL /* times the steps, until all has come up */
#define MOST_WALKS (1UL << 23)
#define SHRINK_SECONDS 40 /* for each failure */
#define SHRINK_STUCK_SECONDS 30
#define FAILURES 8U /* that are told apart, at most */
#define SCRIPT_TEXT 8192

/* What was asked for */
struct walk_options {
	unsigned long seed, steps, minutes, excuse, failures, shrink;
	const char *replay;   /* a file, or the script itself */
	const char *contract; /* what the clauses of the test's own family begin with, in words */
};

static const struct action *all[WALK_ACTIONS];
static bool there[WALK_ACTIONS];
static unsigned int actions;
static struct walk_options options = {
	.seed = 0x1d1c, .excuse = 1, .failures = 3, .shrink = SHRINK_SECONDS
};
static const char *program;

const struct action *walk_action(unsigned int number)
{
	return all[number];
}

unsigned int walk_actions(void)
{
	return actions;
}

bool walk_action_there(unsigned int number)
{
	return there[number];
}

/* The script is no number */
static void take_replay(int *argc, char **argv)
{
	for (int i = 1; i < *argc - 1; i++) {
		if (strcmp(argv[i], "--replay"))
			continue;
		options.replay = argv[i + 1];
		for (int k = i; k < *argc - 2; k++)
			argv[k] = argv[k + 2];
		*argc -= 2;
		argv[*argc] = NULL;
	}
}

void walk_options(const char *contract, int *argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--seed", "of the walks; 0: from the clock", &options.seed },
		{ "--steps", "how many actions, and more until all came up", &options.steps },
		{ "--minutes", "walk so long", &options.minutes },
		{ "--failures", "end after as many", &options.failures },
		{ "--shrink", "seconds to shrink each failure", &options.shrink },
		{ "--excuse", "0: known faults of released kernels fail", &options.excuse },
	};

	options.contract = contract;
	take_replay(argc, argv);
	report_numbers(numbers, ARRAY_SIZE(numbers));
}

void walk_begin(const struct actions *const *groups, size_t count, const char *name)
{
	walk_trace = mmap(NULL, sizeof(*walk_trace), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(walk_trace != MAP_FAILED, "mmap");
	program = name;
	for (size_t g = 0; g < count; g++) {
		for (size_t i = 0; i < groups[g]->count; i++, actions++) {
			all[actions] = &groups[g]->action[i];
			there[actions] = !groups[g]->there || groups[g]->there(all[actions]);
		}
	}
}

/* A line can name, and decide, clauses of its family's contract only */
static bool is_ours(const char *clause)
{
	size_t length = strcspn(clause, "-");

	for (const char *at = options.contract; at; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (!strncmp(at, clause, length) && (at[length] == ' ' || !at[length]))
			return true;
	}
	return false;
}

/* The failure in the form of every failure, with the script as numbered sentences */
static void report(const char *state)
{
	static char text[SCRIPT_TEXT];
	const struct trace *t = walk_trace;
	char expected[WORLD_TEXT + 50];

	snprintf(expected, sizeof(expected), "%s (%s)", t->expected, t->clause);
	report_fail(&(struct finding){ .clause = is_ours(t->clause) ? t->clause : NULL,
				       .state = state,
				       .request = t->done ? t->words[t->done - 1] : NULL,
				       .expected = expected,
				       .observed = t->observed,
				       .offset = -1 });
	for (unsigned int i = 0; i < t->script.steps; i++)
		printf("#   action %-3u %s\n", i + 1, t->words[i]);
	walk_script_text(&t->script, "; ", text, sizeof(text));
	printf("#   replay    %s --replay '%s'\n", program, text);
}

/* Has a walk failed by this clause at this action before? Then it is the same once more. */
static bool is_new(unsigned int *failures)
{
	static struct {
		unsigned int action;
		char clause[sizeof(walk_trace->clause)];
	} seen[FAILURES];
	const struct trace *t = walk_trace;
	unsigned int action = t->done ? t->script.step[t->done - 1].action : WALK_ACTIONS;

	for (unsigned int i = 0; i < *failures; i++)
		if (seen[i].action == action && !strcmp(seen[i].clause, t->clause))
			return false;
	seen[*failures].action = action;
	strcpy(seen[(*failures)++].clause, t->clause);
	return true;
}

static void failed(uint64_t seed, unsigned long steps)
{
	unsigned int length = walk_trace->done;
	char state[200];
	bool again;

	again = walk_shrink(options.excuse,
			    walk_trace->stuck && options.shrink > SHRINK_STUCK_SECONDS
				    ? SHRINK_STUCK_SECONDS
				    : options.shrink);
	walk_trace->stuck = false;
	snprintf(state, sizeof(state),
		 "walk %#llx failed after %lu steps in all, its step %u; shrunk to %u actions%s",
		 (unsigned long long)seed, steps, length, walk_trace->script.steps,
		 again ? "" : ", which is all of it: less does not fail each time");
	report(state);
}

/* What has decided the walk: the case counts for these clauses */
static void tell_clauses(void)
{
	const struct trace *t = walk_trace;

	for (unsigned int i = 0; i < CLAUSES && t->clause_met[i].name[0]; i++)
		if (t->clause_met[i].now && is_ours(t->clause_met[i].name))
			report_decided(t->clause_met[i].name);
}

/* What is known of kernels and was met, each as a case of its own: such a case counts for no clause
 */
static void tell_known(void)
{
	const struct trace *t = walk_trace;

	for (unsigned int i = 0; i < FINDINGS && t->finding[i].name[0]; i++) {
		if (!t->finding[i].now || !report_case())
			continue;
		if (!strncmp(t->finding[i].name, "DEV", 3))
			report_deviation(t->finding[i].name);
		else
			report_fault(t->finding[i].name);
	}
}

static char *contents(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, SCRIPT_TEXT);

	if (!f || !text)
		return NULL;
	text[fread(text, 1, SCRIPT_TEXT - 1, f)] = 0;
	fclose(f);
	return text;
}

static void replay(const char *name, const char *text)
{
	static struct script script;
	const char *wrong = walk_script_read(text, &script);

	TEST_ASSERT(!wrong, "no script: what is \"%s\"?", wrong);
	if (!report_case())
		return;
	walk_trace->spoken = true;
	if (!walk_run(&script, 0, 0, options.excuse))
		report(name);
	tell_clauses();
	tell_known();
	walk_trace->spoken = false;
}

/* 0: from the clock, and said */
static uint64_t first_seed(void)
{
	if (!options.seed) {
		options.seed = (unsigned long)time(NULL);
		printf("# option: --seed %#lx\n", options.seed);
	}
	return options.seed;
}

static bool is_due(unsigned long done, unsigned long steps, double end)
{
	return options.minutes ? report_seconds() < end : done < steps;
}

/* What came up by chance so far may not be all that the line has to see */
static bool has_all(enum walk_kind kind)
{
	return (kind == WALK_FINDINGS || !walk_lacks_action()) && !report_undecided();
}

void walk_line(unsigned long steps, enum walk_kind kind)
{
	double begun = report_seconds(), end = begun + 60.0 * (double)options.minutes;
	unsigned int failures = 0;
	unsigned long done = 0;
	/* Lines of one test do not walk the same ways */
	uint64_t seed = (first_seed() << 20) + ((uint64_t)kind << 18);

	if (options.replay) {
		char *file = contents(options.replay);

		replay("a script", file ? file : options.replay);
		free(file);
		return;
	}
	walk_trace->at_once = kind == WALK_AT_ONCE;
	walk_trace->avoid = options.excuse && kind != WALK_FINDINGS;
	walk_trace->total = 0;
	memset(walk_trace->count, 0, sizeof(walk_trace->count));
	memset(walk_trace->pair, 0, sizeof(walk_trace->pair));
	/* Their names stay where they are: report_decided() has been told of them */
	for (unsigned int i = 0; i < CLAUSES; i++)
		walk_trace->clause_met[i].count = 0;
	for (unsigned int i = 0; i < SIGHTS; i++)
		walk_trace->sight[i].count = 0;
	steps = options.steps ? options.steps : steps;
	for (; is_due(done, steps, end) || (!failures && done < GOES_ON * steps && !has_all(kind));
	     seed++) {
		bool right;

		/* What is drawn depends on what came before: a case alone needs that too */
		if (!report_case()) {
			if (!report_wants(MOST_WALKS))
				return;
			walk_run(NULL, seed, PER_WALK, options.excuse);
			done += walk_trace->done;
			tell_known();
			continue;
		}
		right = walk_run(NULL, seed, PER_WALK, options.excuse);
		done += walk_trace->done;
		tell_clauses();
		if (!right && is_new(&failures))
			failed(seed, done);
		tell_known();
		if (failures == FAILURES || failures >= options.failures)
			break;
	}
	walk_tell_notes(report_seconds() - begun);
	if (!failures && kind != WALK_FINDINGS)
		walk_check_coverage();
}

void walk_kept_line(const struct walk_kept *kept, size_t count)
{
	for (size_t i = 0; i < count; i++)
		replay(kept[i].name, kept[i].script);
}
