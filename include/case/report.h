/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Result lines of a test binary: a kselftest in KTAP whose every result says
 * how many cases stand behind it, and whose every failure can be run alone.
 *
 *	int main(int argc, char **argv)
 *	{
 *		report_options(argc, argv, lines, ARRAY_SIZE(lines));
 *		report_need(kvm_has_cap(...), "KVM_CAP_...");
 *		set up;
 *		return report_run();
 *	}
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "case/outcome.h"

/* One result line */
struct line {
	const char *name;    /* a sentence in the contract's words; it never changes */
	const char *clauses; /* numbers of docs/contract.md */
	void (*check)(void); /* calls report_case() for each case */
};

/* What a failed case prints; strings that are NULL are left out */
struct finding {
	const char *clause; /* NULL: those of the line */
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

/* report_numbers - options besides those of report_options(), to be told before it */
void report_numbers(const struct report_number *numbers, size_t count);

/*
 * report_options - read the options --case ID, --list and -h
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
void report_need(bool there, const char *what);

/*
 * report_run - check every line (or the one case asked for) and print the results
 * Returns the exit status of a kselftest: 0 all passed, 1 a line failed, 4 all skipped.
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
 * report_deviation - the case deviates from the contract as kernels are known to
 * @name: in docs/contract.md
 *
 * A line all of whose cases deviate is no pass: its result is XFAIL.
 */
void report_deviation(const char *name);

/* report_fail - the case that report_case() began has failed */
void report_fail(const struct finding *finding);

/*
 * report_outcome - a whole case: is what was observed what is expected?
 * @request: in words
 * Returns false if it is not, which is reported then.
 */
bool report_outcome(struct outcome expected, struct outcome observed, const char *request);

/*
 * report_skip - this line cannot be checked here
 * @format: why, in terms of the capability that is missing
 */
void report_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* report_note - a comment line, e.g. a measured rate */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds since some fixed point, for rates */
double report_seconds(void);

#endif
