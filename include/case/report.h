/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Result lines of a test binary: a kselftest that states facts in KTAP. Every result
 * says how many cases stand behind it and which clauses these decided, and every
 * failure can be run alone.
 *
 *	int main(int argc, char **argv)
 *	{
 *		report_options(argc, argv, lines, ARRAY_SIZE(lines));
 *		report_need(kvm_has_cap(...), SKIP_CAPABILITY, "KVM_CAP_...");
 *		report_around(set_up, tear_down);
 *		return report_run();
 *	}
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case/outcome.h"

/* One result line */
struct line {
	const char *name;    /* a sentence in the contract's words; it never changes */
	const char *clauses; /* that it promises to decide: numbers of the family's contract.md */
	void (*check)(void); /* calls report_case() for each case */
};

/* What a failed case prints; strings that are NULL are left out */
struct finding {
	const char *clause; /* NULL: those that the case decides, or those of the line */
	const char *state;
	const char *request;
	const char *expected;
	const char *observed;
	long offset; /* first differing byte, -1 if no bytes are at issue */
};

/* A number that a test takes as an option of its own */
struct report_number {
	const char *option; /* e.g. "--seed" */
	const char *help;
	unsigned long *value; /* its default, until the option is read */
};

/* What is missing where something cannot be checked */
enum skip_class {
	SKIP_ARCHITECTURE, /* the machine is of another kind, or has not the facility */
	SKIP_CAPABILITY,   /* KVM, or the rest of the kernel, does not have it */
	SKIP_PERMISSION,   /* the user may not */
	SKIP_RESOURCE,	   /* memory, CPUs, files, lines */
	SKIP_TARGET,	   /* the place where the test runs cannot have it */
};

/* report_numbers - options besides those of report_options(), to be told before it */
void report_numbers(const struct report_number *numbers, size_t count);

/*
 * report_options - read the options --case ID, --lines LIST, -t NAME, --list and -h
 * @lines: all results of this binary, in order
 *
 * Exits after --list and -h, with 2 after a bad option, and with 4 and a skip
 * where there is no /dev/kvm to open.
 */
void report_options(int argc, char **argv, const struct line *lines, size_t count);

/*
 * report_need - skip the whole binary unless @there
 * @what: what is missing, e.g. the name of a capability
 */
void report_need(bool there, enum skip_class class, const char *what);

/* report_capability - state what this kernel answers, with the results */
void report_capability(const char *name, long value);

/*
 * report_without - what is missing here leaves this clause undecided: no line promises it
 * @clause: one name; the string has to last
 */
void report_without(const char *clause);

/*
 * report_around - what each line begins and ends with
 * @begin: sets up all that a line needs, before its check; may be NULL. Where it calls
 *         report_skip() it leaves nothing behind, and neither check nor @end follow.
 * @end: looks at what is left, as a case or as many of them, and takes it down; may be NULL
 */
void report_around(void (*begin)(void), void (*end)(void));

/*
 * report_run - check the lines (all, those asked for, or the one case) and print the results
 * Returns the exit status: 0 nothing failed, 1 a line failed, 3 the results could not be
 * written, 4 all skipped.
 */
int report_run(void);

/*
 * report_case - begin the next case of this line
 * Returns false if the case is not to be run, because --case names another one.
 */
bool report_case(void);

/* report_wants - is any of the next @count cases to be run? For state that is costly to make. */
bool report_wants(unsigned long count);

/*
 * report_decided - these clauses decide the case that report_case() began
 * @names: a string that lasts, names between blanks; NULL: none, it decides nothing
 *
 * A case of which neither this nor report_deciding() tells counts for the line's
 * clause if the line names one, and for none if it names several.
 */
void report_decided(const char *names);

/* report_deciding - the same for each case from here on to the line's end, or to NULL */
void report_deciding(const char *names);

/* report_undecided - is there a clause that this line promises, and none of its cases decided? */
bool report_undecided(void);

/*
 * report_deviation - the case deviates from the contract as kernels are known to
 * @name: in the family's contract.md
 *
 * It counts for no clause. A line all of whose cases deviate is no pass: it is XFAIL.
 */
void report_deviation(const char *name);

/*
 * report_fault - the case meets a fault of released kernels, as docs/findings.md explains it
 * @name: e.g. "FIND-02"
 *
 * It counts for no clause. A line with such a case, and no other that failed, is XFAIL.
 */
void report_fault(const char *name);

/* report_blame - the failure of this case is that fault's, which nothing excuses */
void report_blame(const char *name);

/* report_fail - the case that report_case() began has failed */
void report_fail(const struct finding *finding);

/*
 * report_outcome - a whole case: is what was observed what is expected?
 * @request: in words
 * Returns false if it is not, which is reported then.
 */
bool report_outcome(struct outcome expected, struct outcome observed, const char *request);

/*
 * report_check - the same for anything else that either holds or does not
 * @request: in words, may be NULL
 * @format: what was observed
 * Returns @good; true too where --case leaves this case out.
 */
bool report_check(bool good, const char *request, const char *expected, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * report_same - the begun case: do @len bytes at @is hold those at @to_be?
 * @expected: in words
 * Returns false if they do not: then it has failed, at the first byte that differs.
 */
bool report_same(const void *is, const void *to_be, size_t len, const char *request,
		 const char *expected);

/* report_wrong - the begun case has failed, and bytes are not at issue */
void report_wrong(const char *request, const char *expected, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * report_skip - this line cannot be checked here
 * @format: why, in terms of what is missing
 */
void report_skip(enum skip_class class, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* report_skipped - has this line been skipped, e.g. by what it begins with? */
bool report_skipped(void);

/* report_note - a measured value; @name is a single word, and so is @unit, or it begins with one */
void report_note(const char *name, double value, const char *unit);

/*
 * report_about - what is about to happen, for a reader of what a crash leaves
 * At most one for each group of cases: it is written at once.
 */
void report_about(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds since some fixed point, for rates */
double report_seconds(void);

#endif
