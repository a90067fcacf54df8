/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel does to memory on its own, made to happen now: pages merged by KSM,
 * swapped out. Settings of the system are as before when the process ends.
 */
#ifndef RECLAIM_H
#define RECLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * reclaim_can_merge, reclaim_can_swap - may this process; what that needs is made ready
 * Whoever asks first takes it away again, by exit(): a child that ends by _exit() is not to be.
 */
bool reclaim_can_merge(void);
bool reclaim_can_swap(void);

/*
 * reclaim_merge - KSM makes one of @a and @b, two equal pages of @size bytes
 * Returns NULL, or in words what is missing.
 */
const char *reclaim_merge(uint8_t *a, uint8_t *b, size_t size);

/* reclaim_unmerge - KSM merges no more; what is merged stays until it is written */
void reclaim_unmerge(void);

/*
 * reclaim_swap - the pages at @at go to swap
 * Where the system has no swap, root gets some in /dev/zram0, if that is there.
 * Returns NULL, or in words what is missing.
 */
const char *reclaim_swap(uint8_t *at, size_t size);

/* reclaim_huge_size - bytes of a transparent huge page, 0 where there are none */
size_t reclaim_huge_size(void);

#endif
