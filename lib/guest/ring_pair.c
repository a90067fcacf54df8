// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs with dirty rings: see ring_pair.h.
 */
#include "case/report.h"
#include "guest/ring_pair.h"
#include "slot/backing.h"
#include "slot/region.h"

bool ring_pair_missing(void)
{
	if (!ring_capability())
		report_skip(SKIP_CAPABILITY, "KVM_CAP_DIRTY_LOG_RING");
	return !ring_capability();
}

void ring_pair_slot(struct ring_pair *p, uint32_t slot, uint64_t gpa, uint64_t pages,
		    uint32_t flags)
{
	struct region r = { .slot = slot,
			    .flags = flags,
			    .gpa = gpa,
			    .size = pages * RING_PAIR_PAGE,
			    .user = (uintptr_t)p->memory };
	struct outcome o = region_set(p->vm->fd, false, &r);

	TEST_ASSERT(!o.ret, "slot %u, errno %d", slot, o.err);
}

void ring_pair_open(struct ring_pair *p, size_t bytes)
{
	p->vm = vm_create(RING_PAIR_VCPUS);
	TEST_ASSERT(!ring_enable(p->vm, ring_capability(), bytes).ret, "rings of %zu bytes", bytes);
	p->memory = region_memory(RING_PAIR_PAGES * RING_PAIR_PAGE);
	p->written = pages_none(RING_PAIR_PAGES);
	for (unsigned int v = 0; v < RING_PAIR_VCPUS; v++) {
		p->vcpus[v] = vm_vcpu_add(p->vm, v, order_main);
		p->desks[v] = order_desk_open(p->vm, p->vcpus[v], v);
		p->rings[v] = ring_open(p->vcpus[v], bytes);
	}
	virt_map(p->vm, RING_PAIR_HERE, RING_PAIR_HERE, RING_PAIR_PAGES);
	virt_map(p->vm, RING_PAIR_AWAY, RING_PAIR_AWAY, RING_PAIR_PAGES);
}

void ring_pair_close(struct ring_pair *p)
{
	for (unsigned int v = 0; v < RING_PAIR_VCPUS; v++)
		ring_close(&p->rings[v]);
	kvm_vm_free(p->vm);
	region_free_memory(p->memory, RING_PAIR_PAGES * RING_PAIR_PAGE);
	pages_free(&p->written);
}

bool ring_pair_goes_on(struct ring_pair *p, unsigned int v)
{
	if (order_run(&p->desks[v], NULL))
		return true;
	TEST_ASSERT(p->vcpus[v]->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL, "exit reason %u",
		    p->vcpus[v]->run->exit_reason);
	return false;
}

void ring_pair_access(struct ring_pair *p, unsigned int v, uint64_t gpa, bool write)
{
	struct order o = { write ? ORDER_WRITE : ORDER_READ, gpa, 8, gpa, 0 };

	order_put(&p->desks[v], &o, 1);
	TEST_ASSERT(ring_pair_goes_on(p, v), "the ring is full");
}

void ring_pair_writes(struct ring_pair *p, unsigned int v, uint64_t page)
{
	ring_pair_access(p, v, RING_PAIR_HERE + page * RING_PAIR_PAGE, true);
	pages_put(&p->written, page);
}

size_t ring_pair_harvest(struct ring_pair *p, unsigned int v, uint32_t slot, const char *state)
{
	struct pages found = pages_none(RING_PAIR_PAGES);
	size_t others = 0, wrong = 0, first = 0;
	size_t count = ring_collect(&p->rings[v], slot, &found, &others);

	for (size_t page = RING_PAIR_PAGES; page--;)
		if (pages_has(&found, page) != pages_has(&p->written, page)) {
			first = page;
			wrong++;
		}
	report_check(!wrong && !others, state, "an entry for each page written since, no other",
		     "%zu entries of other slots or offsets; %zu pages are wrong, page %zu is %s",
		     others, wrong, first, pages_has(&found, first) ? "there" : "not there");
	pages_empty(&p->written);
	pages_free(&found);
	return count;
}

void ring_pair_reset(struct ring_pair *p, size_t count, const char *state)
{
	struct outcome o = ring_reset(p->vm);

	report_check(o.ret == (int)count, state,
		     "KVM_RESET_DIRTY_RINGS returns the number of harvested entries",
		     "%d, with %zu harvested", o.ret, count);
}
