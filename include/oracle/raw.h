/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle for requests other than MEM_OP whose fields may hold anything: what the
 * documented contract lets them come to. Where one thing is wrong with a request there is
 * one answer; where several are, any of theirs, since no order is documented.
 *
 * Pure, as contract.h is; the clauses are those of memop/ and mem_slot/contract.md.
 */
#ifndef RAW_H
#define RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case/outcome.h"
#include "oracle/contract.h"

#define ANSWERS 12
#define ANSWERS_TEXT 240

/* What a request may come to, and the clause that each is from */
struct answers {
	struct outcome any[ANSWERS];
	const char *by[ANSWERS];
	size_t count;
};

/* answers_clause - the clause by which @o is allowed, NULL if it is not */
const char *answers_clause(const struct answers *a, struct outcome o);

/* answers_text - all of them in words, to @text of ANSWERS_TEXT bytes; returns @text */
const char *answers_text(const struct answers *a, char *text);

/* The descriptor that a request is made on */
enum raw_file {
	RAW_RIGHT,
	RAW_OTHER,   /* KVM's, of a kind that does not have this request */
	RAW_FOREIGN, /* a file of someone else */
	RAW_CLOSED,
	RAW_FILES,
};

/* How it comes to KVM */
struct raw {
	enum raw_file file;
	bool readable, writable; /* all of the request */
	const char *unreadable;	 /* the clause by which one that is not is EFAULT */
};

/*
 * contract_raw - what comes of a request before a field of it matters
 * @answered: is the answer written into it?
 * Returns whether that decides it: then @a is complete. Otherwise @a is empty, or has what
 * may come of it besides.
 */
bool contract_raw(const struct raw *r, bool answered, struct answers *a);

/* contract_skeys - KVM_S390_GET_SKEYS, or SET of keys of which one is @invalid; keys are in use */
void contract_skeys(const struct state *s, bool get, const struct kvm_s390_skeys *r, bool invalid,
		    struct user_area data, struct answers *a);

/* contract_cmma - KVM_S390_GET_CMMA_BITS or SET, outside of migration mode */
void contract_cmma(const struct state *s, bool enabled, bool get, const struct kvm_s390_cmma_log *r,
		   struct user_area values, struct answers *a);

/* A memory slot, as it is or as it is asked for */
struct raw_slot {
	uint32_t id, flags;
	uint64_t gpa, size, user;
};

struct raw_slots {
	const struct raw_slot *slot; /* those that are there */
	size_t count;
	uint32_t limit, spaces; /* KVM_CAP_NR_MEMSLOTS, KVM_CAP_MULTI_ADDRESS_SPACE */
	uint32_t flags;		/* those that are defined for this request */
	uint64_t page, unit;	/* docs: compat_slot_unit() */
	uint64_t top, surely;	/* no guest storage from @top on, and there is some below @surely */
	uint64_t no_user;	/* from here on no process has memory */
	bool manual_log;	/* KVM_CLEAR_DIRTY_LOG is there */
};

/* raw_slot_of - the slot with that id, NULL if there is none */
const struct raw_slot *raw_slot_of(const struct raw_slots *s, uint32_t id);

/* contract_region - KVM_SET_USER_MEMORY_REGION or ..._REGION2 of @r */
void contract_region(const struct raw_slots *s, const struct raw_slot *r, struct answers *a);

/* contract_get_log - KVM_GET_DIRTY_LOG of the slot @id, to a bitmap */
void contract_get_log(const struct raw_slots *s, uint32_t id, struct user_area bitmap,
		      struct answers *a);

/* contract_clear_log - KVM_CLEAR_DIRTY_LOG of @count pages from @first on */
void contract_clear_log(const struct raw_slots *s, uint32_t id, uint64_t first, uint32_t count,
			struct user_area bitmap, struct answers *a);

/* Groups and attributes of a VM: devices/vm.rst */
enum raw_attribute {
	RAW_MEM_CTRL = 0,
	RAW_ENABLE_CMMA = 0,
	RAW_CLR_CMMA = 1,
	RAW_LIMIT_SIZE = 2,
	RAW_MIGRATION = 4,
	RAW_STOP = 0,
	RAW_START = 1,
	RAW_STATUS = 2,
};

struct raw_attributes {
	bool cmma, enabled; /* the machine has CMMA, the VM uses it */
	bool vcpu;	    /* there is one */
	bool all_logged;    /* there are slots, and each has a dirty log */
	uint64_t top;	    /* the limit of storage */
};

enum raw_verb {
	RAW_HAS,
	RAW_GET,
	RAW_SET,
};

/* contract_attribute - of a group that is RAW_MEM_CTRL, RAW_MIGRATION, or not there */
void contract_attribute(const struct raw_attributes *s, enum raw_verb verb,
			const struct kvm_device_attr *r, uint64_t value, struct user_area at,
			struct answers *a);

#endif
