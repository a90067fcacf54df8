/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation tables of a guest (PoP, chapter 3, "Dynamic Address Translation"),
 * in a scratch slot of an arena.
 */
#ifndef DAT_H
#define DAT_H

#include <stddef.h>
#include <stdint.h>

#include "s390x/arena.h"

/* Levels of tables; of the others, the number is that in DT and TT */
enum dat_level {
	DAT_PAGE = -1,
	DAT_SEGMENT,
	DAT_REGION_THIRD,
	DAT_REGION_SECOND,
	DAT_REGION_FIRST,
};

#define DAT_ASCE_PRIVATE 0x100UL
#define DAT_ASCE_REAL 0x20UL

/* Bits of region- and segment-table entries */
#define DAT_INVALID 0x20UL
#define DAT_PROTECTED 0x200UL /* of page-table entries too */
#define DAT_LARGE 0x400UL
#define DAT_COMMON 0x10UL
#define DAT_OFFSET_SHIFT 6
#define DAT_TYPE_SHIFT 2

/* Bits of page-table entries */
#define DAT_PAGE_INVALID 0x400UL
#define DAT_PAGE_BIT_52 0x800UL

struct dat {
	struct arena *arena;
	uint8_t *host;
	uint64_t gpa;
	size_t used;
};

/* dat_create - tables are to be in a new scratch slot at @gpa */
void dat_create(struct dat *d, struct arena *a, uint64_t gpa);

/* dat_reset - forget all tables */
void dat_reset(struct dat *d);

/* dat_space - an empty address space whose top table is of @level; returns its ASCE */
uint64_t dat_space(struct dat *d, enum dat_level level);

/*
 * dat_entry - the entry that translates @address in the table of @level
 * Tables above it are made as needed. Returns where it is in this process, or NULL
 * where a spoilt entry above it leads away from the tables.
 */
uint64_t *dat_entry(struct dat *d, uint64_t asce, uint64_t address, enum dat_level level);

/* dat_map - map the page at @address to that at the absolute address @gpa */
void dat_map(struct dat *d, uint64_t asce, uint64_t address, uint64_t gpa);

/* dat_alloc - @len zero bytes of the scratch slot, aligned to @align; returns the address */
uint64_t dat_alloc(struct dat *d, size_t len, size_t align);

/* dat_at - where that address is in this process */
void *dat_at(const struct dat *d, uint64_t gpa);

#endif
