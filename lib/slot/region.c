// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls for memory slots: see region.h.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "compat.h"
#include "slot/ageing.h"
#include "slot/deviation.h"
#include "slot/region.h"
#include "case/report.h"

struct outcome region_set(int vm_fd, bool second, const struct region *r)
{
	struct kvm_userspace_memory_region region = {
		.slot = r->slot,
		.flags = r->flags,
		.guest_phys_addr = r->gpa,
		.memory_size = r->size,
		.userspace_addr = r->user,
	};

	/* What it loses from a log at random, mem_slot/dirty_history has it lose for certain */
	if (r->flags & KVM_MEM_LOG_DIRTY_PAGES && fault_of_aged_log())
		ageing_rest();
#ifdef KVM_SET_USER_MEMORY_REGION2
	if (second) {
		struct kvm_userspace_memory_region2 region2 = {
			.slot = r->slot,
			.flags = r->flags,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = r->user,
			.guest_memfd = r->memfd,
			.guest_memfd_offset = r->memfd_offset,
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

struct outcome region_memfd(int vm_fd, uint64_t size, uint64_t flags)
{
#ifdef KVM_CREATE_GUEST_MEMFD
	struct kvm_create_guest_memfd create = { .size = size, .flags = flags };

	return outcome_of(ioctl(vm_fd, KVM_CREATE_GUEST_MEMFD, &create));
#else
	(void)vm_fd;
	(void)size;
	(void)flags;
	return outcome_error(ENOTTY);
#endif
}

struct outcome region_limit(int vm_fd, unsigned long request, uint64_t *value)
{
#ifdef __s390x__
	struct kvm_device_attr attr = { .group = KVM_S390_VM_MEM_CTRL,
					.attr = KVM_S390_VM_MEM_LIMIT_SIZE,
					.addr = (uintptr_t)value };

	return outcome_of(ioctl(vm_fd, request, &attr));
#else
	(void)vm_fd;
	(void)request;
	(void)value;
	return outcome_error(ENXIO);
#endif
}

const char *region_text(const struct region *r, char *text)
{
	int length =
		snprintf(text, REGION_TEXT, "slot %#x flags %#x gpa %#llx size %#llx user %#llx",
			 r->slot, r->flags, (unsigned long long)r->gpa, (unsigned long long)r->size,
			 (unsigned long long)r->user);

	if (r->flags & KVM_MEM_GUEST_MEMFD)
		snprintf(text + length, REGION_TEXT - (size_t)length,
			 " guest_memfd %d offset %#llx", (int)r->memfd,
			 (unsigned long long)r->memfd_offset);
	return text;
}

bool region_case(int vm_fd, bool second, const struct region *r, struct outcome expected,
		 const char *state)
{
	char text[REGION_TEXT], want[OUTCOME_TEXT], got[OUTCOME_TEXT];
	struct outcome o = region_set(vm_fd, second, r);

	if (!report_case())
		return true;
	if (second)
		report_decided("SLOT-14");
	if (outcome_equal(o, expected))
		return true;
	report_fail(&(struct finding){ .state = state,
				       .request = region_text(r, text),
				       .expected = outcome_text(expected, want),
				       .observed = outcome_text(o, got),
				       .offset = -1 });
	return false;
}

bool region_case_user(int vm_fd, bool second, struct region r, const char *state)
{
	struct outcome o = region_set(vm_fd, second, &r);
	const char *known = deviation_of_user_address(o);
	char text[REGION_TEXT], got[OUTCOME_TEXT];
	bool good = known || outcome_equal(o, outcome_error(EINVAL));

	if (report_case()) {
		if (second)
			report_decided("SLOT-14");
		if (known)
			report_deviation(known);
		else if (!good)
			report_wrong(region_text(&r, text), "errno 22 (Invalid argument)",
				     "%s, with %s", outcome_text(o, got), state);
	}
	r.size = 0;
	if (o.ret == 0)
		region_set(vm_fd, second, &r);
	return good;
}
