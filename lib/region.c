// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots, and a guest that looks at them: see region.h.
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "compat.h"
#include "region.h"
#include "report.h"
#include "ucall_common.h"

struct outcome region_set(int vm_fd, bool second, const struct region *r)
{
	struct kvm_userspace_memory_region region = {
		.slot = r->slot,
		.flags = r->flags,
		.guest_phys_addr = r->gpa,
		.memory_size = r->size,
		.userspace_addr = r->user,
	};

#ifdef KVM_SET_USER_MEMORY_REGION2
	if (second) {
		struct kvm_userspace_memory_region2 region2 = {
			.slot = r->slot,
			.flags = r->flags,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = r->user,
		};

		return outcome_of(ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION2, &region2));
	}
#endif
	(void)second;
	return outcome_of(ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region));
}

bool region_has_second(void)
{
#ifdef KVM_SET_USER_MEMORY_REGION2
	return kvm_check_cap(KVM_CAP_USER_MEMORY2) > 0;
#else
	return false;
#endif
}

const char *region_text(const struct region *r, char *text)
{
	snprintf(text, REGION_TEXT, "slot %#x flags %#x gpa %#llx size %#llx user %#llx", r->slot,
		 r->flags, (unsigned long long)r->gpa, (unsigned long long)r->size,
		 (unsigned long long)r->user);
	return text;
}

uint8_t *region_memory(size_t size)
{
	uint64_t unit = compat_slot_unit();
	uint8_t *memory = mmap(NULL, size + unit, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	TEST_ASSERT(memory != MAP_FAILED, "mmap of %zu bytes", size);
	return (uint8_t *)(((uintptr_t)memory + unit - 1) & -unit);
}

bool region_case(int vm_fd, bool second, const struct region *r, struct outcome expected,
		 const char *state)
{
	char text[REGION_TEXT], want[OUTCOME_TEXT], got[OUTCOME_TEXT];
	struct outcome o = region_set(vm_fd, second, r);

	if (!report_case() || outcome_equal(o, expected))
		return true;
	report_fail(&(struct finding){ .state = state,
				       .request = region_text(r, text),
				       .expected = outcome_text(expected, want),
				       .observed = outcome_text(o, got),
				       .offset = -1 });
	return false;
}

/* What the guest is to do next, and what came of it */
static struct {
	uint64_t address, write, value;
} order;

static void guest_main(void)
{
	for (;;) {
		volatile uint64_t *at = (volatile uint64_t *)order.address;

		if (order.write)
			*at = order.value;
		else if (order.address)
			order.value = *at;
		GUEST_SYNC(order.value);
	}
}

/* Until the guest has done it; returns false if it met MMIO on the way */
static bool run(struct worker *w)
{
	struct ucall uc;
	bool memory = true;

	for (;;) {
		vcpu_run(w->vcpu);
		if (get_ucall(w->vcpu, &uc) == UCALL_SYNC)
			return memory;
		TEST_ASSERT(w->vcpu->run->exit_reason == KVM_EXIT_MMIO,
			    "the guest ended otherwise than by its ucall, exit reason %u",
			    w->vcpu->run->exit_reason);
		memory = false;
	}
}

void worker_create(struct worker *w)
{
	w->vm = vm_create_with_one_vcpu(&w->vcpu, guest_main);
}

void worker_free(struct worker *w)
{
	kvm_vm_free(w->vm);
}

void worker_map(struct worker *w, uint64_t gpa, uint64_t pages)
{
	virt_map(w->vm, gpa, gpa, (unsigned int)pages);
}

static bool told(struct worker *w, uint64_t gpa, bool write, uint64_t value)
{
	bool memory;

	order.address = gpa;
	order.write = write;
	order.value = value;
	sync_global_to_guest(w->vm, order);
	memory = run(w);
	sync_global_from_guest(w->vm, order);
	return memory;
}

uint64_t worker_read(struct worker *w, uint64_t gpa)
{
	told(w, gpa, false, 0);
	return order.value;
}

void worker_write(struct worker *w, uint64_t gpa, uint64_t value)
{
	told(w, gpa, true, value);
}

bool worker_try(struct worker *w, uint64_t gpa, bool write, uint64_t value)
{
#ifdef __s390x__
	struct kvm_s390_mem_op op = {
		.op = KVM_S390_MEMOP_ABSOLUTE_READ,
		.gaddr = gpa,
		.size = 8,
		.flags = KVM_S390_MEMOP_F_CHECK_ONLY,
	};

	if (ioctl(w->vm->fd, KVM_S390_MEM_OP, &op))
		return false;
#endif
	return told(w, gpa, write, value);
}
