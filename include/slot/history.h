/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The history of a page that backs a slot: how the process came by it and what it did to
 * it since. To the guest, and to every request, pages of all histories are the same
 * memory; to the kernel they are not.
 *
 *	history_begin()   the page gets the backing that its history needs
 *	history_fill()    where history_is_filled(), or a write of the test's own
 *	history_happen()  what happens to it
 *	...               what is tested, by the bytes and permissions in struct history_page
 *	history_end()     it is an anonymous page that was never touched again
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Each of them, with its name: "a page that ..." */
#define HISTORY_EACH(X)                                                                            \
	X(UNTOUCHED, "was never touched")                                                          \
	X(HOST_READ, "was only read by the process")                                               \
	X(GUEST_READ, "was only read by the guest")                                                \
	X(HOST_WRITTEN, "was written by the process")                                              \
	X(GUEST_WRITTEN, "was written by the guest")                                               \
	X(DISCARDED, "was discarded by MADV_DONTNEED")                                             \
	X(FREED, "was given up by MADV_FREE")                                                      \
	X(READ_ONLY_AND_BACK, "was read-only and is writable again")                               \
	X(READ_ONLY, "is read-only")                                                               \
	X(NO_ACCESS_AND_BACK, "was not accessible and is so again")                                \
	X(NO_ACCESS, "is not accessible")                                                          \
	X(FORKED, "is shared with a child process")                                                \
	X(FORKED_WRITTEN, "was written after a fork, the child alive")                             \
	X(MERGED, "was merged by KSM")                                                             \
	X(MOVED_AWAY_AND_BACK, "was moved away and back by mremap")                                \
	X(MOVED_HERE, "was replaced by another by mremap")                                         \
	X(REPLACED, "was replaced by a new one by mmap")                                           \
	X(FILE, "is of a file")                                                                    \
	X(PRIVATE_FILE, "is of a file, private and not copied yet")                                \
	X(PUNCHED, "is of a file with a hole punched there")                                       \
	X(TRUNCATED_AND_GROWN, "is of a file that was cut off and grew")                           \
	X(BEYOND_END, "is beyond the end of its file")                                             \
	X(SWAPPED, "was swapped out")                                                              \
	X(HUGE, "became part of a huge page")                                                      \
	X(SPLIT, "is part of a huge page that was split")                                          \
	X(AGED, "was made old by DAMON, which looks what is in use")

#define HISTORY_ENUM(name, text) HISTORY_##name,
enum history { HISTORY_EACH(HISTORY_ENUM) HISTORIES };

struct history_page {
	/* To be set before history_begin() */
	uint8_t *at;	 /* the page in this process, part of an anonymous private mapping: */
	uint8_t *memory; /* of this address */
	size_t size;	 /* and size */
	size_t length;	 /* of the page, 0: history_page_size() */
	bool hugetlb;	 /* it is one of hugetlbfs, at a multiple of its length */
	/* Lets the guest read the page's first 8 bytes, or write them, from @bytes */
	void (*guest)(struct history_page *p, bool write);
	uint64_t gpa; /* for it: what the guest calls the page */

	/* What the page must hold from now on, @length bytes; the test's own writes too */
	uint8_t *bytes;
	bool or_zero;		 /* or zeroes, as the kernel likes */
	bool readable, writable; /* by the process, and so by whoever reaches it through KVM */
	pid_t child;		 /* that has a copy of the page as it was; 0: none */

	int fd;		/* of the file that it is mapped from, -1: none */
	uint8_t *other; /* the page that it was merged with, 1 page */
};

/* Bytes of a page */
size_t history_page_size(void);

/* history_name - in words, e.g. "was discarded by MADV_DONTNEED" */
const char *history_name(enum history h);

/* A result line for each: { "a page that ...", clauses, a function that calls @line */
#define HISTORY_CHECK(name, text)                                                                  \
	static void check_##name(void)                                                             \
	{                                                                                          \
		line(HISTORY_##name);                                                              \
	}
#define HISTORY_LINE(name, text) { "a page that " text, CLAUSES, check_##name },

/* history_is_filled - does the page have bytes of its own before it happens? */
bool history_is_filled(enum history h);

/* history_leaves_none - is there no page until the next access? It may count as written by that. */
bool history_leaves_none(enum history h);

/* history_begin - @p gets its backing, and is not touched yet */
void history_begin(enum history h, struct history_page *p);

/* history_fill - the process writes bytes that depend on @salt, no two pages' alike */
void history_fill(struct history_page *p, uint64_t salt);

/*
 * history_happen - it happens to @p
 * Returns NULL, or in words what is missing here for it to happen.
 */
const char *history_happen(enum history h, struct history_page *p);

/*
 * history_differs - offset of the first byte that the page must not hold, -1 if there is none
 * For pages that are readable.
 */
long history_differs(const struct history_page *p);

/* history_child_differs - the same of the copy that the child has: bytes as they were at fork */
bool history_child_differs(const struct history_page *p, const uint8_t *then);

/* history_allow - the process may read and write the page again, if it may not */
void history_allow(struct history_page *p);

/* history_end - undo it all */
void history_end(enum history h, struct history_page *p);

#endif
