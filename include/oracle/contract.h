/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle: what the documented contract says that a request comes to.
 *
 * A pure function of a state and a request, from api.rst and the Principles of
 * Operation (PoP); docs/contract.md numbers its clauses. It never calls KVM, runs
 * on any host, and is tested there (tests/contract_test.c).
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compat.h"
#include "case/outcome.h"

#define CONTRACT_PAGE 4096UL

/* Absolute storage that is there: a memory slot */
struct storage {
	uint64_t gpa, size;   /* bytes, whole pages */
	const uint8_t *key;   /* storage key of each page, as ISKE shows it; NULL: all 0 */
	const uint8_t *bytes; /* its contents before the request; NULL if never looked at */
};

/* How much of a user's buffer, from its first byte on, the process may read and write */
struct user_area {
	uint64_t readable, writable;
};

/* PSW bits that matter to an access (PoP, chapter 4, "Program-Status-Word Format") */
#define PSW_DAT (1UL << 58)
#define PSW_PROBLEM (1UL << 48)
#define PSW_AS(mask) ((mask) >> 46 & 3) /* address-space control */
#define PSW_AS_PRIMARY 0UL
#define PSW_AS_REGISTER (1UL << 46)
#define PSW_AS_SECONDARY (2UL << 46)
#define PSW_AS_HOME (3UL << 46)
#define PSW_EA (1UL << 32)
#define PSW_BA (1UL << 31)

/* Control register 0 (PoP, chapter 4, "Control Registers") */
#define CR0_LOW_ADDRESS_PROTECTION (1UL << 28)
#define CR0_FETCH_PROTECTION_OVERRIDE (1UL << 25)
#define CR0_STORAGE_PROTECTION_OVERRIDE (1UL << 24)
#define CR0_EDAT (1UL << 23)

struct cpu {
	uint64_t psw_mask;
	uint64_t prefix; /* absolute address of the prefix area, 8 KiB aligned */
	uint64_t cr[16];
	uint32_t ar[16];
	bool edat1, edat2; /* facilities 8 and 78 */
	bool fetch_store;  /* facility 75: the TEID tells fetches from stores */
};

struct state {
	size_t max_size;	/* KVM_CAP_S390_MEM_OP */
	unsigned int extension; /* KVM_CAP_S390_MEM_OP_EXTENSION */
	bool protected_guest;
	const struct storage *storage;
	size_t slots;		  /* how many of them */
	struct user_area buf;	  /* what "buf" points to */
	struct user_area old;	  /* what "old_addr" points to */
	const uint8_t *old_value; /* what is there, where it is readable */
	struct cpu cpu;
};

struct request {
	bool on_vcpu; /* which file descriptor */
	struct kvm_s390_mem_op op;
};

/* A piece of the accessed range that lies within one page */
struct fragment {
	uint64_t gpa; /* absolute address */
	uint32_t offset, len;
};

/* What denies a store or fetch, as the TEID tells it */
enum protection {
	PROTECTED_NOT,
	PROTECTED_LOW_ADDRESS,
	PROTECTED_KEY,
	PROTECTED_LIST, /* access-list-controlled */
	PROTECTED_DAT,
};

/* The exception that the first failing piece of a range meets */
struct cause {
	int code; /* 0: none */
	enum protection protection;
	uint64_t address; /* effective */
};

#define CONTRACT_FRAGMENTS 34 /* for the largest size that is known, 64 KiB, twice */
#define CONTRACT_ANSWERS 8
#define CONTRACT_DECIDED 20

/* What a request may be seen to do */
struct prediction {
	/* Each of these outcomes is allowed, and no other */
	struct outcome any[CONTRACT_ANSWERS];
	/* An exception that may come after leading bytes were stored (MEMOP-KEY-07) */
	bool partial[CONTRACT_ANSWERS];
	const char *by[CONTRACT_ANSWERS]; /* the clause that each is from; NULL: one of several */
	size_t answers;
	const char *clause; /* the first of them, for a failure */
	bool refused;	    /* whatever it would access */
	/* Where the bytes of the range are, up to the first that does not exist */
	struct fragment fragment[CONTRACT_FRAGMENTS];
	size_t fragments;
	uint64_t reachable; /* leading bytes, up to the first page that meets an exception */
	struct cause cause;
	/* Is there an access that a control register 0 permits, or would for a vCPU? */
	enum {
		OVERRIDE_NONE,
		OVERRIDE_USED,
		OVERRIDE_FOREIGN,
	} override;
	/* After success */
	enum {
		MOVES_NOTHING,
		MOVES_TO_GUEST,
		MOVES_TO_BUF,
		MOVES_TO_OLD,
	} moves;
};

/* contract_memop - fill in @p, what @r is to come to in @s */
void contract_memop(const struct state *s, const struct request *r, struct prediction *p);

/*
 * contract_decided - the clauses that decided @o, which @p allows
 * @name: room for CONTRACT_DECIDED names
 * Returns how many; none where @p does not allow it.
 */
size_t contract_decided(const struct state *s, const struct request *r, const struct prediction *p,
			struct outcome o, const char **name);

/*
 * contract_translate - what translation makes of a logical address
 * @address: effective
 * @ar: access register number
 * @gpa: the absolute address, where there is one
 * Returns what is met: code 0, or an exception. Storage need not be there.
 */
struct cause contract_translate(const struct state *s, uint64_t address, uint8_t ar, bool store,
				uint64_t *gpa);

/* contract_private - is the address space of this access private? */
bool contract_private(const struct state *s, uint8_t ar);

/*
 * prediction_reach - leading bytes that a store may have changed where @o came of it
 * Only key-controlled protection (api.rst) and addressing exceptions may come late;
 * all others nullify or suppress (PoP, chapter 5, "Types of Instruction Ending").
 */
uint64_t prediction_reach(const struct prediction *p, struct outcome o);

/* prediction_allows - is @o one of the outcomes that are allowed? */
bool prediction_allows(const struct prediction *p, struct outcome o);

#define PREDICTION_TEXT 200

/* prediction_text - the allowed outcomes in words, to @text of PREDICTION_TEXT bytes */
const char *prediction_text(const struct prediction *p, char *text);

/* What the guest's lowcore must show of an exception that was injected (MEMOP-INJ) */
struct interruption {
	int code;
	uint64_t psw_back; /* the old PSW's address lies so much before the next instruction */
	uint64_t teid, teid_mask; /* of it, what the manual defines */
	bool has_access_id;
	uint8_t access_id;
};

/*
 * contract_interruption - what @code, which @r has met, is to look like in the lowcore
 * @ilc: length of the guest's last instruction
 * @changed: has the store changed an earlier page?
 */
void contract_interruption(const struct state *s, const struct request *r,
			   const struct prediction *p, int code, unsigned int ilc, bool changed,
			   struct interruption *i);

/* Reference and change bits, as in a storage key */
#define KEY_REFERENCE 0x04
#define KEY_CHANGE 0x02

/* What a request leaves behind of a page that it touches, besides the bytes (MEMOP-RC, DIRTY-03) */
struct record {
	uint8_t must, may; /* bits that have to be turned on, and that may */
	bool logged;	   /* in the dirty log */
};

/*
 * contract_record - what @r leaves behind, @o having come of it
 * @changed: has it changed bytes of this page?
 */
struct record contract_record(const struct request *r, const struct prediction *p, struct outcome o,
			      bool changed);

#endif
