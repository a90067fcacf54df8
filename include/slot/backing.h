/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of this process to back slots with: ordinary and huge pages.
 */
#ifndef BACKING_H
#define BACKING_H

#include <stddef.h>
#include <stdint.h>

/* region_memory - @size bytes of zeroes, aligned to compat_slot_unit() */
uint8_t *region_memory(size_t size);

/* region_free_memory - give back what region_memory(@size) gave */
void region_free_memory(uint8_t *memory, size_t size);

/*
 * region_huge_memory - @size bytes of zeroes in huge pages, NULL if there are none
 * Root needs none reserved: the first call makes them, for the time of this process.
 */
uint8_t *region_huge_memory(size_t size);

#endif
