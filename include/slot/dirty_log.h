/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dirty log of a slot: KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG, and the comparison
 * with the set of pages that is to be in it. For every architecture.
 */
#ifndef DIRTY_LOG_H
#define DIRTY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case/outcome.h"

/* A set of pages of a slot, as KVM has them: page n is bit n % 8 of byte n / 8 */
struct pages {
	size_t count;
	uint8_t *bits; /* whole words of 64 pages */
};

/* pages_none - the empty set of @count pages; pages_free() gives it back */
struct pages pages_none(size_t count);
void pages_free(struct pages *p);

void pages_put(struct pages *p, size_t page);
void pages_drop(struct pages *p, size_t page);
bool pages_has(const struct pages *p, size_t page);
void pages_put_all(struct pages *p);
void pages_empty(struct pages *p);
/* pages_add - put all of @q, of the same count, into @p */
void pages_add(struct pages *p, const struct pages *q);

/* A slot with a log */
struct dirty_log {
	int vm_fd;
	uint32_t slot; /* with its address space */
	size_t pages;
};

/*
 * dirty_get - KVM_GET_DIRTY_LOG, into @found
 * Asserts that nothing is written behind the bitmap.
 */
struct outcome dirty_get(const struct dirty_log *log, struct pages *found);

/* dirty_get_to - the same with a bitmap of the caller's */
struct outcome dirty_get_to(const struct dirty_log *log, void *bitmap);

/* dirty_clear - KVM_CLEAR_DIRTY_LOG of @count pages from @first on, with a bitmap that begins there
 */
struct outcome dirty_clear(const struct dirty_log *log, uint64_t first, uint32_t count,
			   const void *bitmap);

/*
 * dirty_between - one case: has the log all pages of @must, and none but those of @may?
 * @may holds @must. The log is read, and so emptied, in any case. Returns whether it has.
 */
bool dirty_between(const struct dirty_log *log, const struct pages *must, const struct pages *may,
		   const char *state);

/* dirty_is - one case: are the pages of the log those of @expected? */
bool dirty_is(const struct dirty_log *log, const struct pages *expected, const char *state);

/*
 * dirty_is_or - the same, or is it as kernels are known to have it?
 * @known: what it is then; @known_as: the deviation's name, or the finding's, NULL if it
 * is not known here
 */
bool dirty_is_or(const struct dirty_log *log, const struct pages *expected,
		 const struct pages *known, const char *known_as, const char *state);

/* dirty_is_only - one case: is @page the only one in it? */
bool dirty_is_only(const struct dirty_log *log, size_t page, const char *state);

/* dirty_is_empty - one case: is there none in it? */
bool dirty_is_empty(const struct dirty_log *log, const char *state);

#endif
