/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that can be done to a page of guest memory with one request or one
 * instruction, as a list: for tests that are about the page's state.
 */
#ifndef PAGE_OP_H
#define PAGE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case/outcome.h"
#include "s390x/arena.h"

#define PAGE_OP_BYTES 16 /* that are read, written or compared */

enum page_op_kind {
	PAGE_OP_MEMOP,	  /* a read or write, or its check */
	PAGE_OP_EXCHANGE, /* a cmpxchg whose old value is the target's */
	PAGE_OP_DIFFERS,  /* a cmpxchg whose old value is another */
	PAGE_OP_GET_KEY,  /* KVM_S390_GET_SKEYS */
	PAGE_OP_SET_KEY,  /* KVM_S390_SET_SKEYS */
	PAGE_OP_GUEST,	  /* an instruction of the guest's */
};

struct page_op {
	const char *name;
	enum page_op_kind kind;
	uint32_t op;	/* of MEM_OP, or a judge_kind */
	bool store;	/* asks for access to store */
	bool check;	/* CHECK_ONLY */
	int key;	/* access key, -1: none is given */
	bool uses_keys; /* makes the VM one that uses storage keys */
};

extern const struct page_op page_ops[];
extern const size_t page_op_count;

/* What one of them works with, and what comes of it */
struct page_access {
	struct arena *arena;	    /* with a judge */
	uint64_t gpa;		    /* of the bytes, all in one page */
	uint8_t now[PAGE_OP_BYTES]; /* what they are */
	uint8_t new[PAGE_OP_BYTES]; /* what is to be stored */
	uint8_t key;		    /* that is set, or was found */
	/* Results */
	struct outcome outcome;
	uint8_t buf[PAGE_OP_BYTES]; /* what was read; of an instruction the first 8 */
};

/* page_op_run - do it */
void page_op_run(const struct page_op *o, struct page_access *x);

/* page_op_denied - does a page with this storage key deny it? */
bool page_op_denied(const struct page_op *o, uint8_t storage_key);

/* page_op_stores - does it change bytes of a page that denies nothing? Returns how many. */
size_t page_op_stores(const struct page_op *o);

/* page_op_reads - does it tell the bytes of a page that denies nothing? Returns how many. */
size_t page_op_reads(const struct page_op *o);

#endif
