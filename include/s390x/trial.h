/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One case: a MEM_OP on an arena, compared with the oracle in all that can be
 * seen: outcome, the bytes of guest memory in the range and around it, the
 * user's buffer and its guards, what "old_addr" points to.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "s390x/arena.h"
#include "oracle/contract.h"

struct trial {
	struct arena *arena;
	struct request request; /* "buf" and "old_addr" are filled in unless given */
	bool buf_given;		/* "buf" is the caller's; area says what of it is usable */
	struct user_area area;
	bool old_given; /* likewise "old_addr", where there is: */
	const uint8_t *given_old_value;
	struct user_area old_area;
	bool old_differs; /* not given: one bit of the old value is wrong, number old_bit */
	unsigned int old_bit;
	void *place,
		*place_alias; /* where the request lies, and the same bytes, writable; or NULL */
	const char *state;    /* words for a failure, may be NULL */
	bool quiet;	      /* nothing is reported, but returned: see trial_tell() */
	bool keep;	      /* what is stored stays, until trial_restore() */
	/* What came of it */
	struct prediction prediction;
	struct outcome outcome;
	const char *decided[CONTRACT_DECIDED]; /* clauses */
	size_t decisions;
	const char *deviation, *old_deviation; /* known ones; NULL: none */
};

/*
 * trial_run - begin the next case of the line, issue the request, compare
 *
 * A failure is reported, and guest memory put to rest again. Returns whether
 * all was as predicted; true too where --case leaves this case out.
 */
bool trial_run(struct trial *t);

/* trial_issue - the same without report_case(): for a case of several requests */
bool trial_issue(struct trial *t);

/*
 * trial_both - CHECK_ONLY, then the access itself: each as predicted, and both alike
 * For a case that has begun. Returns whether all was so; @t holds the access.
 */
bool trial_both(struct trial *t);

/* trial_tell - for quiet trials: count what it decided, and its known deviations */
void trial_tell(const struct trial *t);

/* trial_wrong - the same, for another clause than the one that decides the outcome */
void trial_wrong(const struct trial *t, const char *clause, const char *expected,
		 const char *observed, long offset);

/* trial_restore - put the guest's bytes in the range to rest */
void trial_restore(const struct trial *t);

/* trial_fail - report what the caller found wrong with it */
void trial_fail(const struct trial *t, const char *expected, const char *observed, long offset);

/* trial_rest - one more case: no byte of the whole arena has changed */
void trial_rest(struct arena *a);

#endif
