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

#include "s390x/copy_guest.h"

/* How the guest's memory is reached */
struct copy_path {
	struct copy_guest *guest;
	const struct view *view; /* what the addresses below mean */
	int fd;			 /* VM or vCPU */
	uint32_t read_op, write_op;
	uint64_t base; /* guest address of the view's first byte */
	uint64_t flags;
	uint8_t key;
	size_t max; /* largest size of a request */
};

/* One case: a request for @size bytes at @offset of the view */
typedef void copy_case(const struct copy_path *p, size_t offset, size_t size);

copy_case copy_check_write;
copy_case copy_check_read;

/* Every offset within a page, with a size from 1 to 16: all short accesses across a page's end */
void copy_every_offset(const struct copy_path *p, copy_case *check);

/*
 * copy_check_main - a whole test binary of reads and writes
 * @clauses: of docs/contract.md, that all its lines prove
 * @open: fills in view, fd, operations and base for the guest that the path has
 *
 * Returns the exit status. Where KVM_CAP_S390_MEM_OP is missing it skips; where
 * only the extension is, absolute accesses and those with an access key do.
 */
int copy_check_main(int argc, char **argv, const char *clauses, void (*open)(struct copy_path *p));

#endif
