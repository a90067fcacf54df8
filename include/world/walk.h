/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks: sequences of actions, drawn from a seed, each in a process of its own, so that
 * nothing of one reaches the next, and a crash or hang is a result. One that fails is
 * shrunk to the fewest actions that still fail, and printed as a script.
 */
#ifndef WALK_H
#define WALK_H

#include "world/action.h"

#define WALK_STEPS 400U	  /* of one walk, at most */
#define WALK_ACTIONS 100U /* kinds of actions, at most */

/*
 * walk_options - the options of a walk, which are taken out of the arguments or told to
 * report_options(), which comes next
 * @contract: what the clauses of the test's own family begin with, in words
 */
void walk_options(const char *contract, int *argc, char **argv);

/* What walks go through: a whole VM (world/world.h), unless a test says otherwise */
struct walk_subject {
	/* A world for one walk; where it is not a VM, only its random numbers and flags count */
	struct world *(*create)(bool excuse);
	void (*judge)(struct world *w); /* at the end: is everything as it has to be? */
	const char *stuck;		/* the clause by which each request comes back */
};

/* walk_through - before walk_begin() */
void walk_through(const struct walk_subject *subject);

/* walk_begin - the groups of actions of this test, and its name */
void walk_begin(const struct actions *const *groups, size_t count, const char *program);

/*
 * walk_line - a whole result line: walks until the steps or minutes are over, judged, and
 * on from there, to four times the steps, until each action has come up and each clause that
 * the line promises has decided something; with "--replay" that script only
 * @steps: by default
 */
enum walk_kind {
	WALK_PLAIN,    /* draws nothing that meets a known fault of released kernels */
	WALK_AT_ONCE,  /* and two threads at once, which otherwise do not come */
	WALK_FINDINGS, /* draws all, and tells which faults it met; actions may be missing */
};
void walk_line(unsigned long steps, enum walk_kind kind);

/* walk_kept_line - a whole result line: each of these scripts passes */
struct walk_kept {
	const char *name, *script;
};
void walk_kept_line(const struct walk_kept *kept, size_t count);

#endif
