/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * That reads and writes of MEM_OP move exactly the bytes they name: shared by
 * the tests of absolute and of logical accesses, which differ in the address.
 *
 * A case is one request. A write hands over inverted bytes and is expected to
 * change just these bytes of the guest, and none of the user's buffer; a read
 * is expected to fill just the buffer and to leave the guest alone. Guard bytes
 * surround both sides of each.
 */
#ifndef COPY_CHECK_H
#define COPY_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "copy_guest.h"

/* How the guest's memory is reached */
struct copy_path {
	struct copy_guest *guest;
	const struct view *view;	/* what the addresses below mean */
	int fd;				/* VM or vCPU */
	uint32_t read_op, write_op;
	uint64_t base;			/* guest address of the view's first byte */
	uint64_t flags;
	uint8_t key;
	size_t max;			/* largest size of a request */
};

/* One case: a request for @size bytes at @offset of the view */
typedef void copy_case(const struct copy_path *p, size_t offset, size_t size);

copy_case copy_check_write;
copy_case copy_check_read;
/* A write whose bytes the guest then copies with its own instructions */
copy_case copy_check_write_guest;
/* A read of bytes that the guest has stored with its own instructions */
copy_case copy_check_read_guest;

/* Sizes around each number of whole pages up to the maximum, from offsets 0, 1, half and last */
void copy_around_pages(const struct copy_path *p, copy_case *check);

/* Every size from 1 to a page and one byte, at an offset of its own; then the maximum */
void copy_every_size(const struct copy_path *p, copy_case *check);

/* Every offset within a page, with a size from 1 to 16: all short accesses across a page's end */
void copy_every_offset(const struct copy_path *p, copy_case *check);

/* Sizes in powers of 2 up to the maximum, across page ends; few, for guests that copy by bytes */
void copy_some(const struct copy_path *p, copy_case *check);

/*
 * copy_matching_keys - each access key on storage of its own ACC with fetch
 * protection, and key 0 on each ACC: all of it is permitted
 */
void copy_matching_keys(const struct copy_path *p, copy_case *check);

/*
 * copy_other_keys - access keys 1 to 15 on storage of another ACC with fetch
 * protection: PGM_PROTECTION, and no byte moves (Principles of Operation,
 * chapter 3, "Key-Controlled Protection")
 */
void copy_other_keys(const struct copy_path *p);

#endif
