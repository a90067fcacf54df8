/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM whose absolute storage is laid out by the test: slots, holes, page 0, and
 * a vCPU that has not run. Every byte is known (bytes.h), every storage key too,
 * so that the oracle's state is at hand for any request.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "oracle/contract.h"
#include "kvm_util.h"

#define ARENA_SLOTS 8
#define ARENA_UNIT (1UL << 20) /* size of each slot, and its alignment */
#define ARENA_PAGES (ARENA_UNIT / CONTRACT_PAGE)

/* What requests have in this process: trial.c fills it in */
struct arena_user {
	uint8_t *buffer, *filled; /* guards, bytes, guards, as they are and as they were filled */
	size_t room;		  /* bytes that fit between guards: more than KVM takes */
	uint8_t old[3 * 16], old_filled[3 * 16]; /* likewise a cmpxchg's old value */
};

struct arena {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	uint8_t *host[ARENA_SLOTS]; /* memory of each slot; no two are neighbours */
	uint8_t *keys[ARENA_SLOTS]; /* storage key of each page, ARENA_PAGES of them */
	struct storage storage[ARENA_SLOTS];
	bool scratch[ARENA_SLOTS]; /* not at rest: the test's own */
	bool again;		   /* its memory stays for the next arena_create_again() */
	struct state state;	   /* of the VM, for the oracle */
	struct arena_user user;
};

/*
 * arena_create - a VM with a slot of ARENA_UNIT at each of @count addresses
 * @gpa: in ascending order
 * @flags: of each slot, e.g. KVM_MEM_LOG_DIRTY_PAGES
 *
 * All bytes are at rest, all storage keys 0. Asserts where KVM does not give it.
 */
struct arena *arena_create(const uint64_t *gpa, size_t count, uint32_t flags);

/*
 * arena_create_again - the same, without flags, on memory of earlier ones where there is
 * Bytes and storage keys are as if it was fresh; that its pages were touched is not.
 */
struct arena *arena_create_again(const uint64_t *gpa, size_t count);

/*
 * arena_create_huge - the same, without flags, and each slot is one huge page
 * Returns NULL if there are no huge pages, or KVM does not allow them (api.rst,
 * KVM_CAP_S390_HPAGE_1M).
 */
struct arena *arena_create_huge(const uint64_t *gpa, size_t count);

void arena_free(struct arena *a);

/*
 * arena_scratch - add a slot of ARENA_UNIT at @gpa whose bytes are the test's own
 * For translation tables and programs. All its bytes are 0. Asserts success.
 * Returns where it is in this process.
 */
uint8_t *arena_scratch(struct arena *a, uint64_t gpa);

/*
 * arena_cpu - make the vCPU's state that of a->state.cpu
 * The vCPU is left in a disabled wait, with the PSW mask given. Asserts success.
 */
void arena_cpu(struct arena *a);

/*
 * arena_leave_out - arenas made from now on have a CPU model without this facility; 0: with all
 * Of arena_create() and arena_create_again().
 */
void arena_leave_out(unsigned int number);

/* arena_facility - does the guest's CPU model have this facility? */
bool arena_facility(struct arena *a, unsigned int number);

/* arena_at - where the absolute address @gpa is in this process, NULL if nowhere */
uint8_t *arena_at(const struct arena *a, uint64_t gpa);

/*
 * arena_rest - what the byte at @gpa is at rest
 * @inverted: the inverse of it
 * Returns a pointer to it; what follows are the next bytes of the slot. In scratch
 * slots, what is there now.
 */
const uint8_t *arena_rest(const struct arena *a, uint64_t gpa, bool inverted);

/* arena_reset - put @len bytes at @gpa, all within one slot, to rest */
void arena_reset(struct arena *a, uint64_t gpa, size_t len);

/* arena_differs - address of the first byte in all slots that is not at rest, or -1 */
long arena_differs(const struct arena *a);

/* arena_key - set the storage key of @pages pages from @gpa on; asserts success */
void arena_key(struct arena *a, uint64_t gpa, size_t pages, uint8_t key);

/*
 * arena_map - KVM maps these pages, where it has tables of its own for that
 * A key that is set before it has shows in the dirty log when it does: DEV-12, which is
 * memop/page_history's. @key: what reads them
 */
void arena_map(struct arena *a, uint64_t gpa, size_t pages, uint8_t key);

#endif
