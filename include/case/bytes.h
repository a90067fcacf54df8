/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory whose every byte is known, so that each byte that moves, or
 * does not, is seen.
 *
 * A view is a range of guest addresses, page by page over host memory that the
 * guest shares. At rest each byte of it holds bytes_rest() of its offset, a
 * fixed random sequence; what a test stores are the inverted bytes, so a byte
 * that was stored never looks like one that was not, and a misplaced byte
 * never like the right one.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

#define BYTES_PAGE 4096UL
#define BYTES_MAX ((1UL << 20) + (1UL << 16)) /* size of the largest view */
#define BYTES_GUARD 64UL		      /* bytes on either side that must stay */

struct view {
	uint8_t *host;	      /* where the guest's memory is in this process */
	size_t size;	      /* bytes, whole pages, at most BYTES_MAX */
	const uint16_t *page; /* page n of the view is page page[n] of host; NULL: in order */
};

/* The bytes at rest from @offset of a view on; valid up to BYTES_MAX */
const uint8_t *bytes_rest(size_t offset);

/* The same bytes, each inverted */
const uint8_t *bytes_inverted(size_t offset);

/* bytes_differ - offset of the first byte in which @a and @b differ, -1 if none */
long bytes_differ(const void *a, const void *b, size_t len);

/* bytes_copy - as memcpy(), but fast in an emulator too */
void bytes_copy(void *to, const void *from, size_t len);

/* view_store - put @len bytes at @offset of the view, from the host */
void view_store(const struct view *v, size_t offset, const void *from, size_t len);

/* view_differ - as bytes_differ(), of @len bytes at @offset of the view and @with */
long view_differ(const struct view *v, size_t offset, const void *with, size_t len);

/* view_rest - put the bytes at rest into all of the view */
void view_rest(const struct view *v);

/*
 * view_disturbed - is there a byte within BYTES_GUARD of the range that is not at rest?
 * Returns its offset in the view, or -1.
 */
long view_disturbed(const struct view *v, size_t offset, size_t len);

#endif
