/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest with two areas of memory and a program that copies between them, so
 * that what a MEM_OP stores is seen by the guest's own instructions, and what
 * they store by a MEM_OP.
 */
#ifndef COPY_GUEST_H
#define COPY_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include "case/bytes.h"
#include "kvm_util.h"

#define COPY_GUEST_SIZE (1UL << 20) /* of each area: what a slot of 6.12 takes at least */

struct copy_guest {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	uint64_t tested_gpa;  /* the tested area: its absolute, and a virtual, address */
	uint64_t tested_gva;  /* the same, page by page in another order: guest virtual address */
	struct view absolute; /* as absolute addresses see it */
	struct view logical;  /* as the guest's virtual addresses see it */
	struct view mirror;   /* the other area */
};

/*
 * copy_guest_create - a VM with one vCPU and both areas mapped; the mirror is at rest
 *
 * Its DAT is on in the primary-space mode of kvm_util; the pages of the tested
 * area are mapped in an order of their own, so that an access that crosses a
 * page has to translate each page. Asserts where KVM does not give it.
 */
struct copy_guest *copy_guest_create(void);

void copy_guest_free(struct copy_guest *g);

/* The guest copies @len bytes at its virtual address @gva to @offset of the mirror */
void copy_guest_fetch(struct copy_guest *g, uint64_t gva, size_t offset, size_t len);

/* The guest copies @len bytes at @offset of the mirror to its virtual address @gva */
void copy_guest_store(struct copy_guest *g, uint64_t gva, size_t offset, size_t len);

#endif
