// SPDX-License-Identifier: GPL-2.0-only
/*
 * One walk, in a process of its own: see walk_internal.h.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "world/walk_internal.h"

/*
 * Of waking, and with the process's CPU time told: an emulated machine of a busy host is slow.
 * All of them, and a shrinking, have to end before the runner takes the test for dead (90 s).
 */
#define STUCK_SECONDS 40
#define STUCK_AGAIN_SECONDS 4
#define TRIES 6
#define CANDIDATES 3

struct trace *walk_trace;

static const struct walk_subject whole_vm = { world_create, world_harvest, "SLOT-18" };
static const struct walk_subject *subject = &whole_vm;

void walk_through(const struct walk_subject *other)
{
	subject = other;
}

void world_wrong(struct world *w, const char *clause, const char *expected, const char *format, ...)
{
	va_list ap;

	(void)w;
	if (walk_trace->wrong)
		return;
	snprintf(walk_trace->clause, sizeof(walk_trace->clause), "%s", clause);
	snprintf(walk_trace->expected, sizeof(walk_trace->expected), "%s", expected);
	va_start(ap, format);
	vsnprintf(walk_trace->observed, sizeof(walk_trace->observed), format, ap);
	va_end(ap);
	walk_trace->wrong = true;
}

bool world_is_wrong(void)
{
	return walk_trace->wrong;
}

bool world_expect(struct world *w, const char *clause, struct outcome expected, struct outcome o)
{
	char want[OUTCOME_TEXT], got[OUTCOME_TEXT];

	if (outcome_equal(o, expected)) {
		world_decided(clause);
		return true;
	}
	world_wrong(w, clause, outcome_text(expected, want), "%s", outcome_text(o, got));
	return false;
}

static void meet(struct met *m, unsigned int count, const char *name)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!m[i].name[0])
			snprintf(m[i].name, sizeof(m[i].name), "%s", name);
		if (strcmp(m[i].name, name))
			continue;
		m[i].count += walk_trace->counted;
		m[i].now = true;
		return;
	}
}

void world_found(struct world *w, const char *finding)
{
	(void)w;
	meet(walk_trace->finding, FINDINGS, finding);
}

void world_decided(const char *clause)
{
	meet(walk_trace->clause_met, CLAUSES, clause);
}

void world_saw(const char *what)
{
	meet(walk_trace->sight, SIGHTS, what);
}

static void take(struct world *w, unsigned int n)
{
	const struct step *s = &walk_trace->script.step[n];
	const struct action *action = walk_action(s->action);

	walk_trace->taken[n] = walk_action_there(s->action) && action->ready(w, s->a);
	walk_trace->progress++;
	if (!walk_trace->taken[n])
		return;
	if (walk_trace->spoken)
		action->text(w, s->a, walk_trace->words[n]);
	walk_trace->done = n + 1;
	if (walk_trace->counted) {
		walk_trace->total++;
		walk_trace->count[s->action]++;
		if (n)
			walk_trace->pair[walk_trace->script.step[n - 1].action][s->action]++;
	}
	action->act(w, s->a);
}

/* By weight, the more so the less often it came up */
static unsigned int draw_action(struct world *w)
{
	uint64_t sum = 0, at, share[WALK_ACTIONS];

	for (unsigned int i = 0; i < walk_actions(); i++) {
		share[i] = 1000000UL * walk_action(i)->weight /
			   (walk_trace->count[i] / walk_action(i)->weight + 50);
		if (!walk_action_there(i) ||
		    (walk_action(i)->weight == ACTION_AT_ONCE && !walk_trace->at_once))
			share[i] = 0;
		sum += share[i];
	}
	at = world_random(w) % sum;
	for (unsigned int i = 0;; i++) {
		if (at < share[i])
			return i;
		at -= share[i];
	}
}

/* Of a few, the one that has come up least after the last one */
static bool draw_step(struct world *w, unsigned int n)
{
	struct step *s = &walk_trace->script.step[n], candidate;
	unsigned long least = ~0UL;
	bool found = false;

	for (unsigned int c = 0; c < CANDIDATES; c++) {
		unsigned long pairs;

		candidate = (struct step){ .action = (uint16_t)draw_action(w) };
		pairs = n ? walk_trace->pair[s[-1].action][candidate.action] : 0;
		if (pairs >= least)
			continue;
		for (unsigned int i = 0; i < TRIES; i++) {
			memset(candidate.a, 0, sizeof(candidate.a));
			walk_action(candidate.action)->draw(w, candidate.a);
			if (!walk_action(candidate.action)->ready(w, candidate.a))
				continue;
			*s = candidate;
			found = true;
			least = pairs;
			break;
		}
	}
	return found;
}

/* An assertion of kvm_util ends the process by exit() */
static void end_here(void)
{
	_exit(99);
}

static void __attribute__((noreturn))
walk(uint64_t seed, unsigned int steps, bool excuse, bool drawn)
{
	struct world *w;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	atexit(end_here);
	w = subject->create(excuse);
	w->random = seed;
	w->avoid = drawn && walk_trace->avoid;
	for (unsigned int n = 0, tries = 0; n < steps && tries < 2 * steps && !walk_trace->wrong;
	     tries++) {
		if (drawn && !draw_step(w, n))
			continue;
		if (drawn)
			walk_trace->script.steps = n + 1;
		take(w, n++);
	}
	walk_trace->progress++;
	if (!walk_trace->wrong)
		subject->judge(w);
	if (w->child)
		kill(w->child, SIGKILL);
	_exit(0);
}

/* What a process that lives on has had of the CPUs */
static double cpu_seconds(pid_t process)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(process, &clock) || clock_gettime(clock, &t))
		return -1;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Until the process has ended, or nothing has happened for long */
static int wait_for(pid_t child)
{
	unsigned long progress = 0;
	const struct timespec second = { .tv_sec = 1 };
	sigset_t set;
	int status, limit = walk_trace->stuck ? STUCK_AGAIN_SECONDS : STUCK_SECONDS;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (int idle = 0; idle < limit; idle++) {
		if (waitpid(child, &status, WNOHANG) == child)
			return status;
		sigtimedwait(&set, NULL, &second);
		if (progress != walk_trace->progress)
			idle = 0;
		progress = walk_trace->progress;
	}
	world_wrong(NULL, subject->stuck, "each request comes back",
		    "after %d seconds this one has not; the process had a CPU for %.1f of its life",
		    limit, cpu_seconds(child));
	walk_trace->stuck = true;
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return 0;
}

bool walk_run(const struct script *script, uint64_t seed, unsigned int steps, bool excuse)
{
	sigset_t set;
	pid_t child;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	walk_trace->wrong = false;
	walk_trace->done = 0;
	for (unsigned int i = 0; i < FINDINGS; i++)
		walk_trace->finding[i].now = false;
	for (unsigned int i = 0; i < CLAUSES; i++)
		walk_trace->clause_met[i].now = false;
	walk_trace->counted = !script;
	if (script)
		walk_trace->script = *script;
	else
		walk_trace->script.steps = 0;
	fflush(stdout);
	child = fork();
	TEST_ASSERT(child >= 0, "fork");
	if (!child)
		walk(seed, script ? script->steps : steps, excuse, !script);
	status = wait_for(child);
	if (WIFSIGNALED(status))
		world_wrong(NULL, "SLOT-18", "the process lives", "signal %d ended it",
			    WTERMSIG(status));
	else if (WEXITSTATUS(status))
		world_wrong(NULL, "SLOT-18", "what every action may take for granted",
			    "an assertion failed, see above");
	return !walk_trace->wrong;
}
