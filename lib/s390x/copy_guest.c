// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that copies: see copy_guest.h.
 */
#include <stdlib.h>

#include "s390x/copy_guest.h"
#include "ucall_common.h"

#define TESTED_GPA 0x10000000UL
#define TESTED_GVA 0x40000000UL
#define MIRROR_GPA 0x20000000UL
#define PAGES (COPY_GUEST_SIZE / BYTES_PAGE)
/* Odd, so that n * STEP mod PAGES meets each page once, and no two neighbours stay so */
#define STEP 37

enum { SLOT_TESTED = 10, SLOT_MIRROR };

/* What the guest is to do next: in its memory, written by the host */
static struct {
	uint64_t from, to, len;
} order;

static void guest_main(void)
{
	for (;;) {
		uint8_t *to = (uint8_t *)order.to;
		const uint8_t *from = (const uint8_t *)order.from;

		for (uint64_t i = 0; i < order.len; i++)
			to[i] = from[i];
		GUEST_SYNC(order.len);
	}
}

static void copy_in_guest(struct copy_guest *g, uint64_t to, uint64_t from, uint64_t len)
{
	struct ucall uc;

	order.to = to;
	order.from = from;
	order.len = len;
	sync_global_to_guest(g->vm, order);
	vcpu_run(g->vcpu);
	TEST_ASSERT(get_ucall(g->vcpu, &uc) == UCALL_SYNC && uc.args[1] == len,
		    "the copying guest ended otherwise than by its ucall, exit reason %u",
		    g->vcpu->run->exit_reason);
}

struct copy_guest *copy_guest_create(void)
{
	static uint16_t page[PAGES];
	struct copy_guest *g = calloc(1, sizeof(*g));

	TEST_ASSERT(g, "no memory");
	g->vm = vm_create_with_one_vcpu(&g->vcpu, guest_main);
	vm_userspace_mem_region_add(g->vm, VM_MEM_SRC_ANONYMOUS, TESTED_GPA, SLOT_TESTED, PAGES, 0);
	vm_userspace_mem_region_add(g->vm, VM_MEM_SRC_ANONYMOUS, MIRROR_GPA, SLOT_MIRROR, PAGES, 0);
	for (uint64_t n = 0; n < PAGES; n++) {
		page[n] = (uint16_t)(n * STEP % PAGES);
		virt_map(g->vm, TESTED_GVA + n * BYTES_PAGE, TESTED_GPA + page[n] * BYTES_PAGE, 1);
	}
	virt_map(g->vm, TESTED_GPA, TESTED_GPA, PAGES);
	virt_map(g->vm, MIRROR_GPA, MIRROR_GPA, PAGES);
	g->tested_gpa = TESTED_GPA;
	g->tested_gva = TESTED_GVA;
	g->absolute =
		(struct view){ .host = addr_gpa2hva(g->vm, TESTED_GPA), .size = COPY_GUEST_SIZE };
	g->logical = g->absolute;
	g->logical.page = page;
	g->mirror =
		(struct view){ .host = addr_gpa2hva(g->vm, MIRROR_GPA), .size = COPY_GUEST_SIZE };
	view_rest(&g->mirror);
	/* The PSW of kvm_run, with DAT on, becomes the vCPU's with the first KVM_RUN */
	copy_in_guest(g, MIRROR_GPA, MIRROR_GPA, 0);
	return g;
}

void copy_guest_free(struct copy_guest *g)
{
	kvm_vm_free(g->vm);
	free(g);
}

void copy_guest_fetch(struct copy_guest *g, uint64_t gva, size_t offset, size_t len)
{
	copy_in_guest(g, MIRROR_GPA + offset, gva, len);
}

void copy_guest_store(struct copy_guest *g, uint64_t gva, size_t offset, size_t len)
{
	copy_in_guest(g, gva, MIRROR_GPA + offset, len);
}
