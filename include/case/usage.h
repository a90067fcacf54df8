/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel holds: its memory by kinds, and open files. For tests of what
 * failing requests leave behind.
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>

#define USAGE_TEXT 160

/*
 * usage_grows - is more in use after @round than before, each time that it runs?
 * @round: does something many times, of which each may leave a few bytes behind: 10,000
 *         times 8 bytes are more than what is tolerated
 * @what: USAGE_TEXT bytes, in words what has grown
 *
 * Growth by chance (caches that fill, memory that is freed late) does not come five times
 * in a row; as a rule the first round ends it.
 */
bool usage_grows(void (*round)(void), char *what);

/* usage_of - what /proc/meminfo tells of @kind, in KiB; -1 if nothing */
long usage_of(const char *kind);

#endif
