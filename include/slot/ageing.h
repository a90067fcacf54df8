/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a kernel does to learn which memory is in use: it makes pages old, and looks later
 * whether somebody made them young again. Settings of the system are as before when the
 * process ends.
 */
#ifndef AGEING_H
#define AGEING_H

#include <stddef.h>
#include <stdint.h>

/*
 * ageing_look - the kernel makes the page of @size bytes at @at old, once or more
 * Returns NULL, or in words what is missing.
 */
const char *ageing_look(uint8_t *at, size_t size);

/* ageing_rest - it does so of its own accord no more, as DAMON's statistics do all the time */
void ageing_rest(void);

#endif
