/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a line of a MEM_OP test begins and ends with: an arena of its own with what
 * the test asks for, and at the end the look at every byte of it. So each line
 * passes alone and in any order, and what one leaves behind reaches no other.
 */
#ifndef BENCH_H
#define BENCH_H

#include "s390x/arena.h"
#include "s390x/dat.h"
#include "s390x/memop.h"

struct bench {
	enum memop_need need;
	const uint64_t *slots; /* of the arena, in ascending order */
	size_t count;
	uint32_t flags;	      /* of the slots */
	bool huge;	      /* each slot is a huge page; skipped where there are none */
	struct arena **arena; /* set for each line; its facilities are the guest's */
	struct dat *dat;      /* translation tables, may be NULL: */
	uint64_t tables;      /* their scratch slot */
	bool judge;	      /* the CPU is asked too: judge.h */
	void (*begin)(void);  /* more, once the arena is there; may be NULL */
	void (*end)(void);    /* likewise, before it goes; may be NULL */
};

/* bench_main - a whole test binary; returns the exit status */
int bench_main(int argc, char **argv, const struct line *lines, size_t count,
	       const struct bench *b);

/* bench_run - the same once memop_begin() is done, for a test that needs more */
int bench_run(const struct bench *b);

#endif
