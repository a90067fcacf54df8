/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the walker share: the script, and the memory in which the process
 * that walks leaves what came of it.
 */
#ifndef WALK_INTERNAL_H
#define WALK_INTERNAL_H

#include "world/walk.h"

#define FINDINGS 16U
#define CLAUSES 100U
#define SIGHTS 8U

struct step {
	uint16_t action;
	uint64_t a[ACTION_ARGS];
};

struct script {
	struct step step[WALK_STEPS];
	unsigned int steps;
};

/* Mapped shared between the process that judges and the one that walks */
struct trace {
	struct script script;
	unsigned int done;	/* steps begun */
	unsigned long progress; /* of any kind: a walk without is stuck */
	bool wrong, counted, spoken, at_once, avoid;
	bool stuck;		/* a walk was: from then on there is less patience */
	bool taken[WALK_STEPS]; /* its precondition held */
	char words[WALK_STEPS][WORLD_TEXT];
	char clause[40], expected[WORLD_TEXT], observed[WORLD_TEXT + 100];
	unsigned long total, count[WALK_ACTIONS], pair[WALK_ACTIONS][WALK_ACTIONS];
	struct met {
		char name[20];
		unsigned long count;
		bool now; /* in the last walk */
	} finding[FINDINGS], clause_met[CLAUSES], sight[SIGHTS];
};

extern struct trace *walk_trace;

/* All actions of this test, by number */
const struct action *walk_action(unsigned int number);
unsigned int walk_actions(void);
/* walk_action_there - can this machine do it? */
bool walk_action_there(unsigned int number);

/*
 * walk_run - one walk in a process of its own, into walk_trace
 * @script: to be followed; NULL: drawn from @seed, @steps long
 * Returns whether all was right.
 */
bool walk_run(const struct script *script, uint64_t seed, unsigned int steps, bool excuse);

/*
 * walk_shrink - leave out of the script of walk_trace, which failed, all that it fails without
 * @seconds: until then
 * The trace is that of the shortest script afterwards, or of the whole one where that does
 * not fail again: then it returns false.
 */
bool walk_shrink(bool excuse, double seconds);

/* walk_tell_notes - how often what came up in this line's walks, as notes of its result */
void walk_tell_notes(double seconds);
/* walk_lacks_action - is there an action that has to come up, and did not yet? */
bool walk_lacks_action(void);
/* walk_check_coverage - an action that never came up is a failure of the walk, not a pass */
void walk_check_coverage(void);

/* walk_script_text - in the form that --replay takes, actions separated by @separator */
void walk_script_text(const struct script *s, const char *separator, char *text, size_t size);
/* walk_script_read - the other way round; returns NULL, or what is wrong with it */
const char *walk_script_read(const char *text, struct script *s);

#endif
