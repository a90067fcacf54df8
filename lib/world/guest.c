// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of a world, where the architecture brings none of its own: vCPUs of kvm_util
 * that load and store what they are told.
 */
#ifndef __s390x__
#include "ucall_common.h"
#include "world/world.h"

#define BASE 0x40000000UL
#define OWN_SLOTS 8U

static struct {
	uint64_t address, write, value;
} order[WORLD_VCPUS];

static void guest_main(uint64_t n)
{
	for (;;) {
		volatile uint64_t *at = (volatile uint64_t *)order[n].address;

		if (order[n].write)
			*at = order[n].value;
		else if (at)
			order[n].value = *at;
		GUEST_SYNC(0);
	}
}

static void create(struct world *w)
{
	w->vm = vm_create(WORLD_VCPUS);
	world_set_options(w);
	w->base = w->lowest = BASE;
	w->first_slot = OWN_SLOTS;
	virt_map(w->vm, BASE, BASE, WORLD_PLACES * WORLD_UNIT_PAGES);
}

static void add_vcpu(struct world *w)
{
	w->vcpu[w->vcpus].vcpu = vm_vcpu_add(w->vm, w->vcpus, guest_main);
	vcpu_args_set(w->vcpu[w->vcpus].vcpu, 1, (uint64_t)w->vcpus);
	w->vcpus++;
}

static void destroy(struct world *w)
{
	kvm_vm_free(w->vm);
	w->vcpus = 0;
}

static bool access_memory(struct world *w, unsigned int vcpu, uint64_t gpa, bool store,
			  uint64_t *value)
{
	struct kvm_run *run = w->vcpu[vcpu].vcpu->run;
	bool memory = true;
	struct ucall uc;

	order[vcpu].address = gpa;
	order[vcpu].write = store;
	order[vcpu].value = *value;
	sync_global_to_guest(w->vm, order[vcpu]);
	for (;;) {
		vcpu_run(w->vcpu[vcpu].vcpu);
		if (get_ucall(w->vcpu[vcpu].vcpu, &uc) == UCALL_SYNC)
			break;
		TEST_ASSERT(run->exit_reason == KVM_EXIT_MMIO, "exit reason %u", run->exit_reason);
		if (run->mmio.phys_addr != gpa || run->mmio.len != 8 ||
		    run->mmio.is_write != store || (store && memcmp(run->mmio.data, value, 8)))
			world_wrong(w, "SLOT-11", "MMIO of exactly that access",
				    "%s of %u bytes at %#llx",
				    run->mmio.is_write ? "a write" : "a read", run->mmio.len,
				    (unsigned long long)run->mmio.phys_addr);
		memory = false;
	}
	sync_global_from_guest(w->vm, order[vcpu]);
	*value = order[vcpu].value;
	return memory;
}

const struct guest world_guest = { create, add_vcpu, destroy, access_memory };
#endif
