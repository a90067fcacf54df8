// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translation tables of a guest: see dat.h.
 */
#include "s390x/dat.h"

#define TABLE_SIZE (2048 * 8UL)
#define PAGE_TABLE_SIZE (256 * 8UL)

void dat_create(struct dat *d, struct arena *a, uint64_t gpa)
{
	d->arena = a;
	d->gpa = gpa;
	d->host = arena_scratch(a, gpa);
	d->used = 0;
}

void dat_reset(struct dat *d)
{
	d->used = 0;
}

uint64_t dat_alloc(struct dat *d, size_t len, size_t align)
{
	size_t at = (d->used + align - 1) & -align;

	TEST_ASSERT(at + len <= ARENA_UNIT, "too many translation tables");
	for (size_t i = at; i < at + len; i++)
		d->host[i] = 0;
	d->used = at + len;
	return d->gpa + at;
}

void *dat_at(const struct dat *d, uint64_t gpa)
{
	return d->host + (gpa - d->gpa);
}

static uint64_t new_table(struct dat *d, enum dat_level level)
{
	size_t size = level == DAT_PAGE ? PAGE_TABLE_SIZE : TABLE_SIZE;
	uint64_t table = dat_alloc(d, size, level == DAT_PAGE ? PAGE_TABLE_SIZE : CONTRACT_PAGE);
	uint64_t *entry = dat_at(d, table);

	for (size_t i = 0; i < size / 8; i++)
		entry[i] = level == DAT_PAGE ? DAT_PAGE_INVALID
					     : DAT_INVALID | (uint64_t)level << DAT_TYPE_SHIFT;
	return table;
}

/* Designation of a table of full length: type and length are where an ASCE has them too */
static uint64_t designation(struct dat *d, enum dat_level level)
{
	return new_table(d, level) | (uint64_t)level << DAT_TYPE_SHIFT | 3;
}

uint64_t dat_space(struct dat *d, enum dat_level level)
{
	return designation(d, level);
}

uint64_t *dat_entry(struct dat *d, uint64_t asce, uint64_t address, enum dat_level level)
{
	int at = (int)(asce >> DAT_TYPE_SHIFT & 3);
	uint64_t origin = asce & -CONTRACT_PAGE;

	for (;; at--) {
		uint64_t *entry;

		if (origin < d->gpa || origin - d->gpa >= d->used)
			return NULL;
		entry = (uint64_t *)dat_at(d, origin) +
			(at == DAT_PAGE ? address >> 12 & 0xff : address >> (20 + 11 * at) & 0x7ff);

		if (at == (int)level)
			return entry;
		if (*entry & DAT_INVALID && at == DAT_SEGMENT)
			*entry = new_table(d, DAT_PAGE);
		else if (*entry & DAT_INVALID)
			*entry = new_table(d, (enum dat_level)(at - 1)) |
				 (uint64_t)at << DAT_TYPE_SHIFT | 3;
		origin = *entry & (at == DAT_SEGMENT ? -PAGE_TABLE_SIZE : -CONTRACT_PAGE);
	}
}

void dat_map(struct dat *d, uint64_t asce, uint64_t address, uint64_t gpa)
{
	*dat_entry(d, asce, address, DAT_PAGE) = gpa & -CONTRACT_PAGE;
}
