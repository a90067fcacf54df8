/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests by which user space reaches guest memory through KVM, and so through its
 * slots: KVM_S390_MEM_OP on s390x, none elsewhere. Without an opinion of what they do.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum request_result {
	REQUEST_DONE,
	REQUEST_ABSENT, /* there was no slot, for a part of the range at least */
	REQUEST_FAILED, /* anything else; *why tells */
};

/* request_there - are there such requests? */
bool request_there(void);

/* request_move - read @size bytes at @gpa into @bytes, or write them */
enum request_result request_move(int vm_fd, bool write, uint64_t gpa, void *bytes, uint32_t size,
				 int *why);

#endif
