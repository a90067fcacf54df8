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
 *
 * Over 300 lines: one attribute, with what it allows before and after.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "compat.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"
#include "case/report.h"

#ifdef __s390x__

static uint64_t unit;
static uint8_t *memory;

static uint64_t get_limit(int fd)
{
	uint64_t value = 0;

	TEST_ASSERT(!region_limit(fd, KVM_GET_DEVICE_ATTR, &value).ret,
		    "KVM_S390_VM_MEM_LIMIT_SIZE");
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
	report_outcome(outcome_success(), region_limit(fd, KVM_HAS_DEVICE_ATTR, &value),
		       "is KVM_S390_VM_MEM_LIMIT_SIZE there?");
}

/* devices/vm.rst: rounded up to 2048 MB, 4096 GB, 8192 TB, or no limit */
static uint64_t rounded(uint64_t value)
{
	static const uint64_t levels[] = { 1UL << 31, 1UL << 42, 1UL << 53 };

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (value <= levels[i])
			return levels[i];
	return UINT64_MAX;
}

/* One case: what is read after @value was set; the machine has @top at most */
static void reads_back(int fd, uint64_t value, uint64_t top)
{
	uint64_t is = get_limit(fd), to_be = rounded(value) < top ? rounded(value) : top;

	if (!report_case() || is == to_be)
		return;
	if (is == top)
		report_fault("FIND-11");
	else
		report_wrong("KVM_S390_VM_MEM_LIMIT_SIZE, read after it was set",
			     "the limit that was set, rounded up", "%#llx, set was %#llx",
			     (unsigned long long)is, (unsigned long long)value);
}

/* One case: a slot at or across the limit that was set */
static void refused_at(int fd, struct region r, const char *state)
{
	char text[REGION_TEXT], got[OUTCOME_TEXT];
	struct outcome o = region_set(fd, false, &r);

	if (report_case()) {
		if (o.ret == 0)
			report_fault("FIND-12");
		else if (!outcome_equal(o, outcome_error(EINVAL)))
			report_wrong(region_text(&r, text), "errno 22 (Invalid argument)", "%s, %s",
				     outcome_text(o, got), state);
	}
	r.size = 0;
	if (o.ret == 0)
		region_set(fd, false, &r);
}

/* A VM whose limit is set: it is read, and slots obey it */
static void limited_to(uint64_t value)
{
	struct kvm_vm *vm = vm_create_barebones();
	uint64_t top = get_limit(vm->fd), set = value, end = rounded(value);
	struct region r = { .size = unit, .user = (uintptr_t)memory };

	report_deciding("SLOT-20");
	expect(outcome_success(), region_limit(vm->fd, KVM_SET_DEVICE_ATTR, &set), "set", value);
	reads_back(vm->fd, value, top);
	report_deciding("SLOT-19");
	if (end < top) {
		r.gpa = end - unit;
		region_case(vm->fd, false, &r, outcome_success(), "the last below the limit");
		r.slot = 1;
		r.gpa = end;
		refused_at(vm->fd, r, "the first at the limit");
		r.gpa = 4 * end;
		refused_at(vm->fd, r, "far beyond the limit");
		r.slot = 2;
		r.gpa = end - 2 * unit;
		region_case(vm->fd, false, &r, outcome_success(), "two below the limit");
	}
	kvm_vm_free(vm);
}

static void limit_is_set(void)
{
	static const uint64_t values[] = { 1UL << 20,	       (1UL << 31) - 4096, 1UL << 31,
					   (1UL << 31) + 4096, 1UL << 32,	   1UL << 42 };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		limited_to(values[i]);
}

/* KVM_S390_NO_MEM_LIMIT, which is no more than the machine has only if it has no limit */
static void no_limit(int fd, uint64_t top)
{
	uint64_t value = UINT64_MAX;
	struct outcome o = region_limit(fd, KVM_SET_DEVICE_ATTR, &value);

	if (compat_new_memory_management() && outcome_equal(o, outcome_error(EINVAL))) {
		if (report_case())
			report_fault("FIND-16");
	} else {
		expect(top == UINT64_MAX ? outcome_success() : outcome_error(E2BIG), o, "set",
		       value);
	}
}

/* lghi %r1,0x55; stg %r1,0x2000; diag 0,0,0x501, which exits */
static const uint8_t guest_code[] = { 0xa7, 0x19, 0x00, 0x55, 0xe3, 0x10, 0x00,
				      0x00, 0x02, 0x24, 0x83, 0x00, 0x05, 0x01 };
#define CODE_AT 0x1000
#define STORED_AT 0x2000
#define PSW_64_BIT 0x180000000UL

/* One case: the guest runs its code from @from on, and its store is found */
static void guest_stores(struct kvm_vcpu *vcpu, uint64_t from, uint8_t *at, const char *state)
{
	volatile uint64_t *stored = (volatile uint64_t *)(at + STORED_AT);
	int ret;

	*stored = 0;
	vcpu->run->psw_mask = PSW_64_BIT;
	vcpu->run->psw_addr = from + CODE_AT;
	ret = __vcpu_run(vcpu);
	report_check(!ret && vcpu->run->exit_reason == KVM_EXIT_S390_SIEIC && *stored == 0x55,
		     state, "the guest's store is in memory, then it exits",
		     "returned %d, exit reason %u, %#llx in memory", ret, vcpu->run->exit_reason,
		     (unsigned long long)*stored);
}

/*
 * The guest's tables are new with the limit; they have to follow the process as those before. Its
 * code is at @from, in a slot there where that is not 0.
 */
static void runs_with(uint64_t value, uint64_t from)
{
	const uint64_t size = 1UL << 20, code = from ? size : 0;
	struct kvm_vm *vm = vm_create_barebones();
	uint8_t *at = region_memory(2 * size);
	struct region r = { .size = size, .user = (uintptr_t)at };
	struct kvm_vcpu *vcpu;

	memcpy(at + code + CODE_AT, guest_code, sizeof(guest_code));
	expect(outcome_success(), region_limit(vm->fd, KVM_SET_DEVICE_ATTR, &value), "set", value);
	region_case(vm->fd, false, &r, outcome_success(), "a slot at 0");
	if (from) {
		r = (struct region){ .slot = 1, .gpa = from, .size = size, .user = r.user + size };
		region_case(vm->fd, false, &r, outcome_success(), "a slot for its code");
	}
	vcpu = __vm_vcpu_add(vm, 0);
	guest_stores(vcpu, from, at, "a VM whose limit was set");
	/* Prefixed pages are watched; this takes them away */
	TEST_ASSERT(!madvise(at, CODE_AT, MADV_DONTNEED), "madvise");
	guest_stores(vcpu, from, at, "its first page was discarded");
	kvm_vm_free(vm);
	region_free_memory(at, 2 * size);
}

static void runs(void)
{
	runs_with(1UL << 31, 0);
	runs_with(1UL << 42, 0);
	/* A byte more than a level holds takes the next one: what is behind 2 GiB can be used */
	runs_with((1UL << 31) + 1, 1UL << 31);
}

static void attribute(void)
{
	static const uint64_t good[] = { 1UL << 20, 1UL << 31, (1UL << 31) + 4096, 1UL << 32 };
	struct kvm_vm *vm = vm_create_barebones();
	uint64_t top = get_limit(vm->fd), value;

	unknown_attributes(vm->fd);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		value = good[i];
		expect(outcome_success(), region_limit(vm->fd, KVM_SET_DEVICE_ATTR, &value), "set",
		       value);
	}
	value = top;
	expect(outcome_success(), region_limit(vm->fd, KVM_SET_DEVICE_ATTR, &value), "set", value);
	value = 0;
	expect(outcome_error(EINVAL), region_limit(vm->fd, KVM_SET_DEVICE_ATTR, &value), "set",
	       value);
	for (value = top + 1; top != UINT64_MAX && value; value = value == top + 1 ? top + 4096 : 0)
		expect(outcome_error(E2BIG), region_limit(vm->fd, KVM_SET_DEVICE_ATTR, &value),
		       "set", value);
	no_limit(vm->fd, top);
	expect(outcome_error(EFAULT), region_limit(vm->fd, KVM_SET_DEVICE_ATTR, NULL), "set from",
	       0);
	expect(outcome_error(EFAULT), region_limit(vm->fd, KVM_GET_DEVICE_ATTR, NULL), "get to", 0);
	__vm_vcpu_add(vm, 0);
	value = 1UL << 31;
	expect(outcome_error(EBUSY), region_limit(vm->fd, KVM_SET_DEVICE_ATTR, &value),
	       "with a vCPU: set", value);
	expect(outcome_success(), region_limit(vm->fd, KVM_GET_DEVICE_ATTR, &value),
	       "with a vCPU: get", 0);
	kvm_vm_free(vm);
}

static void user_controlled(void)
{
	const int count = (int)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	const uint32_t slots[] = { 0, 1, (uint32_t)count / 2, (uint32_t)count - 1 };
	struct region r = { .size = unit, .user = (uintptr_t)memory };
	uint64_t value = 1UL << 31;
	struct dirty_log log = { 0 };
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
		log.vm_fd = fd;
		for (int second = 0; second <= (int)region_has_second(); second++)
			for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
				r.slot = slots[i];
				region_case(fd, second, &r, outcome_error(EINVAL), "a UCONTROL VM");
			}
		expect(outcome_error(EINVAL), region_limit(fd, KVM_SET_DEVICE_ATTR, &value),
		       "a UCONTROL VM: set", value);
		report_outcome(outcome_error(EINVAL), dirty_get_to(&log, &value),
			       "a UCONTROL VM: KVM_GET_DIRTY_LOG");
		close(fd);
	}
	close(kvm);
}

static const struct line lines[] = {
	{ "KVM takes a memory slot", "SLOT-01", takes_slots },
	{ "slots up to the limit of guest storage, none beyond", "SLOT-19", around_limit },
	{ "the limit is read and set", "SLOT-20", attribute },
	{ "the limit that is set holds, and is what is read", "SLOT-19 SLOT-20", limit_is_set },
	{ "a guest runs in a VM whose limit was set", "SLOT-20", runs },
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
