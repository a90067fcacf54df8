/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of this room share: options.c reads what is to be run, clauses.c
 * counts what cases decided, report.c runs the lines and prints.
 */
#ifndef CASE_INTERNAL_H
#define CASE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "case/report.h"

#define LINE_SHIFT 24
#define CASE_MASK ((1UL << LINE_SHIFT) - 1)
#define EXIT_USAGE 2
#define PROGRAM_TEXT 120

/* What the command line asks for */
struct plan {
	char program[PROGRAM_TEXT]; /* FAMILY/NAME */
	const struct line *lines;
	size_t count;
	const struct report_number *numbers;
	size_t number_count;
	size_t *chosen; /* numbers of lines, from 1, in the order in which they are to run */
	size_t planned;
	unsigned long only; /* --case, 0 for all */
};

extern struct plan plan;

/* clauses_begin - a line that names @promised begins; prints what it promises here */
void clauses_begin(const char *promised);

/* clauses_mask - a bit for each of @names; the string has to last */
uint64_t clauses_mask(const char *names);

/* clauses_count - one more case decided by those in @mask; 0: by the line's, if it names one */
void clauses_count(uint64_t mask);

/* clauses_left - is there one that was promised and not decided? */
bool clauses_left(void);

/* clauses_print - a comment for each clause that was decided */
void clauses_print(void);

#endif
