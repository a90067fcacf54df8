// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CAP_NR_MEMSLOTS memory slots exist at once, and not one more.
 *
 * api.rst, KVM_SET_USER_MEMORY_REGION: a slot is named by bits 0-15 of "slot",
 * and must be less than the number of slots that KVM_CAP_NR_MEMSLOTS reports;
 * a flag whose capability is missing is refused.
 *
 * How it is seen: slots of the smallest size that the architecture takes are
 * added side by side, all backed by the same piece of memory, until the number
 * is reached. The next one is refused with EINVAL. That those before exist is
 * seen from their addresses: a second slot over each of a sample is refused,
 * which would succeed if KVM had taken the first one without adding it; and
 * after deleting one, another can be added, and the one beyond still not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "compat.h"
#include "kvm_util.h"
#include "outcome.h"
#include "report.h"

static struct {
	struct kvm_vm *vm;
	uint32_t limit; /* KVM_CAP_NR_MEMSLOTS */
	uint64_t unit;	/* size of each slot */
	void *memory;	/* unit bytes that back all of them */
} host;

static struct outcome set_region(uint32_t slot, uint64_t gpa, uint64_t size, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host.memory,
	};

	return outcome_of(ioctl(host.vm->fd, KVM_SET_USER_MEMORY_REGION, &region));
}

/* One case: a region ioctl and what it is to come to */
static bool expect(struct outcome expected, uint32_t slot, uint64_t gpa, uint64_t size,
		   uint32_t flags)
{
	char request[120], want[OUTCOME_TEXT], got[OUTCOME_TEXT], state[80];
	struct outcome o = set_region(slot, gpa, size, flags);

	if (!report_case())
		return true;
	if (outcome_equal(o, expected))
		return true;
	snprintf(request, sizeof(request), "slot %u flags %#x gpa %#llx size %#llx", slot, flags,
		 (unsigned long long)gpa, (unsigned long long)size);
	snprintf(state, sizeof(state), "KVM_CAP_NR_MEMSLOTS %u", host.limit);
	report_fail(&(struct finding){ .state = state,
				       .request = request,
				       .offset = -1,
				       .expected = outcome_text(expected, want),
				       .observed = outcome_text(o, got) });
	return false;
}

static uint64_t address_of(uint32_t slot)
{
	return (uint64_t)slot * host.unit;
}

static void sample_exists(uint32_t flags)
{
	/* An id that is free: the address alone is the reason to refuse it */
	const uint32_t free_id = host.limit - 1;

	expect(outcome_success(), free_id, 0, 0, flags);
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t slot = (uint32_t)((uint64_t)i * (host.limit - 2) / 15);

		expect(outcome_refused(), free_id, address_of(slot), host.unit, flags);
	}
	expect(outcome_success(), free_id, address_of(free_id), host.unit, flags);
}

static void fill_to_limit(uint32_t flags)
{
	double begin = report_seconds();
	uint32_t slot;

	host.vm = vm_create_barebones();
	for (slot = 0; slot < host.limit; slot++)
		if (!expect(outcome_success(), slot, address_of(slot), host.unit, flags))
			break;
	if (slot == host.limit) {
		report_note("%u slots of %llu KiB added in %.2f s", slot,
			    (unsigned long long)host.unit >> 10, report_seconds() - begin);
		expect(outcome_error(EINVAL), slot, address_of(slot), host.unit, flags);
		sample_exists(flags);
		expect(outcome_success(), slot / 2, 0, 0, flags);
		expect(outcome_success(), slot / 2, address_of(slot), host.unit, flags);
		expect(outcome_error(EINVAL), slot, address_of(slot + 1), host.unit, flags);
	}
	kvm_vm_free(host.vm);
}

static void no_flags(void)
{
	fill_to_limit(0);
}

static void dirty_log(void)
{
	fill_to_limit(KVM_MEM_LOG_DIRTY_PAGES);
}

static void read_only(void)
{
	if (!kvm_check_cap(KVM_CAP_READONLY_MEM)) {
		report_skip("needs KVM_CAP_READONLY_MEM");
		return;
	}
	fill_to_limit(KVM_MEM_READONLY);
}

static void read_only_refused(void)
{
	if (kvm_check_cap(KVM_CAP_READONLY_MEM)) {
		report_skip("KVM_CAP_READONLY_MEM is there");
		return;
	}
	host.vm = vm_create_barebones();
	expect(outcome_error(EINVAL), 0, 0, host.unit, KVM_MEM_READONLY);
	kvm_vm_free(host.vm);
}

static const struct line lines[] = {
	{ "KVM_CAP_NR_MEMSLOTS slots without flags, one more is refused",
	  "SLOT-01 SLOT-02 SLOT-03 SLOT-04", no_flags },
	{ "KVM_CAP_NR_MEMSLOTS slots with a dirty log, one more is refused",
	  "SLOT-01 SLOT-02 SLOT-03 SLOT-04", dirty_log },
	{ "KVM_CAP_NR_MEMSLOTS read-only slots, one more is refused",
	  "SLOT-01 SLOT-02 SLOT-03 SLOT-04 SLOT-11", read_only },
	{ "KVM_MEM_READONLY is refused without its capability",
	  "SLOT-11", read_only_refused },
};

int main(int argc, char **argv)
{
	int limit;
	char *memory;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	limit = kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	report_need(limit > 0, "KVM_CAP_NR_MEMSLOTS");
	host.limit = (uint32_t)limit;
	host.unit = compat_slot_unit();
	/* Twice the unit, so that an aligned unit lies within */
	memory = mmap(NULL, 2 * host.unit, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	host.memory = (void *)(((uintptr_t)memory + host.unit - 1) & -host.unit);
	return report_run();
}
