// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much storage a guest on s390 may have, and whose VM takes no slots.
 *
 * docs/contract.md, SLOT-12, SLOT-19, SLOT-20; api.rst,
 * KVM_SET_USER_MEMORY_REGION, "S390"; devices/vm.rst,
 * KVM_S390_VM_MEM_LIMIT_SIZE.
 *
 * How it is seen: slots at both sides of the limit that KVM reports; the
 * attribute with good and bad values, before and after a vCPU exists; a UCONTROL
 * VM, where the kernel has them. The first line is the one that fails on a kernel
 * that takes no slot at all: all other tests then skip and name this one.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "compat.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "case/report.h"

#ifdef __s390x__

static uint64_t unit;
static uint8_t *memory;

static struct outcome limit(int fd, unsigned long nr, uint64_t *value)
{
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_MEM_CTRL,
		.attr = KVM_S390_VM_MEM_LIMIT_SIZE,
		.addr = (uintptr_t)value,
	};

	return outcome_of(ioctl(fd, nr, &attr));
}

static uint64_t get_limit(int fd)
{
	uint64_t value = 0;

	TEST_ASSERT(!limit(fd, KVM_GET_DEVICE_ATTR, &value).ret, "KVM_S390_VM_MEM_LIMIT_SIZE");
	return value;
}

static void expect(struct outcome expected, struct outcome o, const char *request, uint64_t value)
{
	char text[120];

	snprintf(text, sizeof(text), "%s %#llx", request, (unsigned long long)value);
	report_outcome(expected, o, text);
}

static void takes_slots(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct region r = { .size = unit, .user = (uintptr_t)memory };
	char state[80];

	snprintf(state, sizeof(state), "KVM_S390_VM_MEM_LIMIT_SIZE reads %#llx",
		 (unsigned long long)get_limit(vm->fd));
	region_case(vm->fd, false, &r, outcome_success(), state);
	kvm_vm_free(vm);
}

static void around_limit_of(struct kvm_vm *vm)
{
	uint64_t top = get_limit(vm->fd);
	struct region r = { .slot = 1, .size = unit, .user = (uintptr_t)memory };
	char state[80];

	snprintf(state, sizeof(state), "KVM_S390_VM_MEM_LIMIT_SIZE reads %#llx",
		 (unsigned long long)top);
	if (top == UINT64_MAX) {
		report_skip(SKIP_ARCHITECTURE, "needs a machine with a limit of guest storage");
	} else {
		for (int second = 0; second <= (int)region_has_second(); second++) {
			r.gpa = top - unit;
			r.size = unit;
			region_case(vm->fd, second, &r, outcome_success(), state);
			r.size = 0;
			region_case(vm->fd, second, &r, outcome_success(), state);
			r.size = unit;
			r.gpa = top;
			region_case(vm->fd, second, &r, outcome_error(EINVAL), state);
			r.gpa = top - unit;
			r.size = 2 * unit;
			region_case(vm->fd, second, &r, outcome_error(EINVAL), state);
		}
	}
}

static void around_limit(void)
{
	struct kvm_vm *vm;
	const char *why;

	/* Where no slot is taken at all, the line before has said so */
	if (!compat_kernel_fits(&why)) {
		report_skip(SKIP_CAPABILITY, "needs %s", why);
		return;
	}
	vm = vm_create_barebones();
	around_limit_of(vm);
	kvm_vm_free(vm);
}

/* api.rst, KVM_SET_DEVICE_ATTR: what is not there is ENXIO */
static void unknown_attributes(int fd)
{
	static const unsigned long requests[] = { KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR,
						  KVM_HAS_DEVICE_ATTR };
	uint64_t value = 1UL << 31;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_MEM_CTRL,
		.attr = 0x7fff,
		.addr = (uintptr_t)&value,
	};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		report_outcome(outcome_error(ENXIO), outcome_of(ioctl(fd, requests[i], &attr)),
			       "an attribute of KVM_S390_VM_MEM_CTRL that is not there");
	report_outcome(outcome_success(), limit(fd, KVM_HAS_DEVICE_ATTR, &value),
		       "is KVM_S390_VM_MEM_LIMIT_SIZE there?");
}

static void attribute(void)
{
	static const uint64_t good[] = { 1UL << 20, 1UL << 31, (1UL << 31) + 4096, 1UL << 32 };
	struct kvm_vm *vm = vm_create_barebones();
	uint64_t top = get_limit(vm->fd), value;

	unknown_attributes(vm->fd);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		value = good[i];
		expect(outcome_success(), limit(vm->fd, KVM_SET_DEVICE_ATTR, &value), "set", value);
		if (report_case() && get_limit(vm->fd) < value)
			report_fail(&(struct finding){ .request = "get after set",
						       .expected = "the limit, or more",
						       .observed = "less",
						       .offset = -1 });
	}
	value = top + 4096;
	if (top != UINT64_MAX)
		expect(outcome_error(E2BIG), limit(vm->fd, KVM_SET_DEVICE_ATTR, &value), "set",
		       value);
	expect(outcome_error(EFAULT), limit(vm->fd, KVM_SET_DEVICE_ATTR, NULL), "set from", 0);
	expect(outcome_error(EFAULT), limit(vm->fd, KVM_GET_DEVICE_ATTR, NULL), "get to", 0);
	__vm_vcpu_add(vm, 0);
	value = 1UL << 31;
	expect(outcome_error(EBUSY), limit(vm->fd, KVM_SET_DEVICE_ATTR, &value), "with a vCPU: set",
	       value);
	expect(outcome_success(), limit(vm->fd, KVM_GET_DEVICE_ATTR, &value), "with a vCPU: get",
	       0);
	kvm_vm_free(vm);
}

static void user_controlled(void)
{
	const int limit = (int)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	const uint32_t slots[] = { 0, 1, (uint32_t)limit / 2, (uint32_t)limit - 1 };
	struct region r = { .size = unit, .user = (uintptr_t)memory };
	int kvm, fd;

	/* To ask for such a VM where there are none makes 6.12 warn in its log */
	if (kvm_check_cap(KVM_CAP_S390_UCONTROL) <= 0) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_S390_UCONTROL");
		return;
	}
	kvm = open_kvm_dev_path_or_exit();
	fd = ioctl(kvm, KVM_CREATE_VM, KVM_VM_S390_UCONTROL);
	if (fd < 0) {
		report_skip(SKIP_PERMISSION, "needs CAP_SYS_ADMIN");
	} else {
		for (int second = 0; second <= (int)region_has_second(); second++)
			for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
				r.slot = slots[i];
				region_case(fd, second, &r, outcome_error(EINVAL), "a UCONTROL VM");
			}
		close(fd);
	}
	close(kvm);
}

static const struct line lines[] = {
	{ "KVM takes a memory slot", "SLOT-01", takes_slots },
	{ "slots up to the limit of guest storage, none beyond", "SLOT-19", around_limit },
	{ "the limit is read and set", "SLOT-20", attribute },
	{ "a UCONTROL VM takes no slots", "SLOT-12", user_controlled },
};

int main(int argc, char **argv)
{
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	unit = compat_slot_unit();
	memory = region_memory(2 * unit);
	return report_run();
}

#else

static void nothing(void)
{
}

static const struct line lines[] = { { "limits of s390", "SLOT-19", nothing } };

int main(int argc, char **argv)
{
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(false, SKIP_ARCHITECTURE, "s390x");
	return report_run();
}

#endif
