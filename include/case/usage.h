/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel holds: its memory by kinds, files, VMs. For tests of what requests
 * leave behind.
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>

#define USAGE_TEXT 160

/*
 * usage_grows - is more in use after @round than before, each time that it runs?
 * @round: does something @times, of which each may leave an object or a page behind
 * @times: usage_enough(), or more
 * @what: USAGE_TEXT bytes, in words what has grown
 *
 * Watched: objects of each slab cache, pages of vmalloc, of page tables, for CPUs and stacks,
 * pages of which no counter tells, open files. More than one for every second time is
 * growth. What comes by chance (caches that fill, memory that is freed late) does not come
 * five times in a row; as a rule the first round ends it.
 */
bool usage_grows(void (*round)(void), unsigned long times, char *what);

/*
 * usage_enough - how often something has to be done to see one object of each time
 * Few times for root where the kernel counts objects in use (SLUB), else very many.
 */
unsigned long usage_enough(void);

/*
 * usage_line - what do many kinds of requests leave behind?
 * @kinds: calls usage_kind() for each; first all of them are made @times, and looked at
 *         together. If that is conspicuous, each kind is looked at alone.
 * @goes_on: reports it if other requests, which want the same locks, do not go on
 */
void usage_line(void (*kinds)(void), unsigned long times, void (*goes_on)(const char *name));

/*
 * usage_kind - one of them, a case of its own
 * @once: makes it; was it as expected?
 * Returns whether it was, each time; true as well while it is made with all others.
 */
bool usage_kind(const char *name, const char *clause, bool (*once)(void));

/* usage_each_once - make each kind of @kinds, and look at nothing; was each as expected? */
bool usage_each_once(void (*kinds)(void));

/* usage_objects - how many objects of a slab cache are in use; -1 if nobody tells */
long usage_objects(const char *cache);

/* usage_vms - how many VMs that this process made are there? -1 if nobody tells (debugfs) */
long usage_vms(void);

#endif
