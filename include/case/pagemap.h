/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel tells of a page of this process: /proc/self/pagemap and, to root,
 * /proc/kpageflags (Documentation/admin-guide/mm/pagemap.rst).
 */
#ifndef PAGEMAP_H
#define PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

#define PAGEMAP_SWAPPED 62 /* swapped out */

#define PAGEFLAG_KSM 21	 /* merged by KSM */
#define PAGEFLAG_IDLE 25 /* not used since it was made old */

/* pagemap_is - is this bit on in the entry of the page at @at? Not where it cannot be read. */
bool pagemap_is(const volatile void *at, unsigned int bit);

/* pageflag_is - the same for a flag of the page's frame */
bool pageflag_is(const volatile void *at, unsigned int bit);

#endif
