// SPDX-License-Identifier: GPL-2.0-only
/*
 * What slots leave behind in the kernel's memory: nothing.
 *
 * mem_slot/contract.md, SLOT-23; api.rst, KVM_SET_USER_MEMORY_REGION. The documentation
 * does not tell of memory, but a process that adds and deletes slots, turns logs on and
 * off, or is refused, must not use up the system's.
 *
 * How it is seen: each kind of change is made so often that what the kernel says of its
 * memory (case/usage.h) tells one object or page of each. A VM that is closed is no longer
 * among those of /sys/kernel/debug/kvm.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "case/report.h"
#include "case/usage.h"
#include "compat.h"
#include "slot/backing.h"
#include "slot/region.h"

#define SLOT 9
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define SLOTS_OF_VM 8UL

static struct kvm_vm *vm;
static uint64_t unit, limit;
static uint8_t *memory;
static unsigned long times;
static bool good; /* all was as it is to be, up to now */

static void begin(void)
{
	vm = vm_create_barebones();
}

static void end(void)
{
	kvm_vm_free(vm);
}

static int set_in(int fd, uint32_t slot, uint64_t gpa, uint64_t size, uint32_t flags)
{
	struct region r = {
		.slot = slot, .flags = flags, .gpa = gpa, .size = size, .user = (uintptr_t)memory
	};

	return region_set(fd, false, &r).ret;
}

static int set(uint64_t gpa, uint64_t size, uint32_t flags)
{
	return set_in(vm->fd, SLOT, gpa, size, flags);
}

static void add_and_delete(void)
{
	for (unsigned long i = 0; i < times; i++)
		good &= !set(0, unit, LOG) && !set(0, 0, 0);
}

static void log_on_and_off(void)
{
	good &= !set(0, unit, 0);
	for (unsigned long i = 0; i < times; i++)
		good &= !set(0, unit, LOG) && !set(0, unit, 0);
	good &= !set(0, 0, 0);
}

static void move_and_back(void)
{
	good &= !set(0, unit, LOG);
	for (unsigned long i = 0; i < times; i++)
		good &= !set(i % 2 ? 0 : unit, unit, LOG);
	good &= !set(0, 0, 0);
}

static void move_and_log_off(void)
{
	good &= !set(0, unit, LOG);
	for (unsigned long i = 0; i < times; i++)
		good &= !set(unit, unit, 0) && !set(0, unit, LOG);
	good &= !set(0, 0, 0);
}

/* By what the architecture looks at, when log and slot are there already */
static void refused(void)
{
	good &= !set(0, unit, LOG);
	for (unsigned long i = 0; i < times; i++)
		good &= set_in(vm->fd, SLOT + 1, limit, unit, LOG) < 0;
	good &= !set(0, 0, 0);
}

static void move_refused(void)
{
	good &= !set(0, unit, LOG);
	for (unsigned long i = 0; i < times; i++)
		good &= set(limit, unit, LOG) < 0;
	good &= !set(0, 0, 0);
}

/* With so many slots that they are as many in all */
static void close_vms(void)
{
	for (unsigned long n = 0; n < times / SLOTS_OF_VM; n++) {
		struct kvm_vm *other = vm_create_barebones();

		for (uint32_t i = 0; i < SLOTS_OF_VM; i++)
			good &= !set_in(other->fd, i, i * unit, unit, LOG);
		kvm_vm_free(other);
	}
}

/* s390: each time the guest gets other tables */
static void set_limit(void)
{
	for (unsigned long i = 0; i < times; i++) {
		uint64_t value = i % 2 ? 1UL << 31 : 1UL << 42;

		good &= !region_limit(vm->fd, KVM_SET_DEVICE_ATTR, &value).ret;
	}
}

static void leaves_nothing(void (*change)(void), const char *request)
{
	char what[USAGE_TEXT];
	bool grows;

	if (!report_case())
		return;
	good = true;
	grows = usage_grows(change, times, what);
	if (grows || !good)
		report_wrong(request, "each is as it is to be, and nothing is left of it", "%s",
			     good ? what : "another outcome");
}

/* The line's own VM is there still */
static void nobody_is_left(void)
{
	long vms = usage_vms();

	if (vms >= 0)
		report_check(vms == 1, "VMs are closed", "none of them is left in debugfs",
			     "%ld are", vms - 1);
}

static void come_and_go(void)
{
	leaves_nothing(add_and_delete, "slots with a log are added and deleted");
	leaves_nothing(close_vms, "VMs with slots are closed");
	nobody_is_left();
}

static void changes(void)
{
	leaves_nothing(log_on_and_off, "a log is turned on and off");
	leaves_nothing(move_and_back, "a slot is moved");
	leaves_nothing(move_and_log_off, "a slot is moved, and its log turned off");
	if (!region_limit(vm->fd, KVM_GET_DEVICE_ATTR, &limit).ret)
		leaves_nothing(set_limit, "a memory limit is set");
}

/* s390 tells how much storage a guest may have; elsewhere nothing is refused so late */
static bool find_limit(void)
{
	return !region_limit(vm->fd, KVM_GET_DEVICE_ATTR, &limit).ret && limit != UINT64_MAX;
}

static void refusals(void)
{
	if (!find_limit()) {
		report_skip(SKIP_ARCHITECTURE, "needs a machine with a limit of guest storage");
		return;
	}
	leaves_nothing(refused, "a slot at the limit of guest storage is refused");
	leaves_nothing(move_refused, "a move to the limit of guest storage is refused");
}

static const struct line lines[] = {
	{ "slots that are gone leave nothing in the kernel's memory (observed)", "SLOT-23",
	  come_and_go },
	{ "logs and places that a slot had leave nothing there (observed)", "SLOT-23", changes },
	{ "requests that are refused leave nothing there (observed)", "SLOT-23", refusals },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	unit = compat_slot_unit() > 1UL << 20 ? compat_slot_unit() : 1UL << 20;
	memory = region_memory(unit);
	times = usage_enough();
	report_around(begin, end);
	return report_run();
}
