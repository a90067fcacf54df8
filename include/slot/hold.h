/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A race made certain: an access is held in the middle, at a page that userfaultfd does
 * not hand out, while something else is changed; then it goes on.
 */
#ifndef HOLD_H
#define HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hold {
	int fd;
	uint8_t *at; /* the page */
};

/*
 * hold_prepare - once, before the first VM of a process that holds accesses
 * A process beside it makes changes in a VM of its own, where nobody is held: a change that
 * sleeps on while these come to their end is one that waits.
 */
void hold_prepare(void);

/*
 * hold_begin - whoever touches the page at @at next, is held there
 * It must be an anonymous page that was never touched. Accesses of the kernel are held
 * too, which takes root or the sysctl vm.unprivileged_userfaultfd.
 * Returns NULL, or in words what is missing.
 */
const char *hold_begin(struct hold *h, uint8_t *at);

void hold_end(struct hold *h);

/* What came of a race */
struct hold_race {
	bool held;  /* the access was: it came to the page */
	bool early; /* the change was complete while the access was held */
	bool stuck; /* one of both has not come back: the process had better end */
};

/*
 * hold_race - @access in a thread of its own until it is held, then @change in another one
 * @bytes: a page of them, which the access finds when it goes on
 */
struct hold_race hold_race(struct hold *h, void (*access)(void), void (*change)(void),
			   const void *bytes);

/*
 * hold_race_after - the same, and before the change another one, which was held at @first
 * while @access was, has gone on and come back
 */
struct hold_race hold_race_after(struct hold *first, void (*other)(void), struct hold *h,
				 void (*access)(void), void (*change)(void), const void *bytes);

/*
 * hold_comes_back - does @function, in a thread of its own, come back?
 * False if it is stuck: the process had better end.
 */
bool hold_comes_back(void (*function)(void));

#endif
