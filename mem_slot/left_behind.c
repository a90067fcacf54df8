// SPDX-License-Identifier: GPL-2.0-only
/*
 * What slots leave behind in the kernel's memory: nothing.
 *
 * mem_slot/contract.md, SLOT-23; api.rst, KVM_SET_USER_MEMORY_REGION. The documentation
 * does not tell of memory, but a process that adds and deletes slots, turns logs on and
 * off, or is refused, must not use up the system's.
 *
 * How it is seen: each kind of change is made many times, a page and more of kernel memory
 * for each would be lost: what /proc/meminfo has of memory for logs (VmallocUsed) and for
 * small objects (SUnreclaim) does not grow with them. Since others use memory too, it has
 * to grow three times running to be a failure.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "case/report.h"
#include "case/usage.h"
#include "compat.h"
#include "slot/backing.h"
#include "slot/region.h"

#define SLOT 9
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define TIMES 300L
#define VMS 24L /* with so many slots that they are TIMES in all */
#define TRIES 3
#define OBJECT 192L /* bytes of a slot, at least */

static struct kvm_vm *vm;
static uint64_t unit, limit;
static uint8_t *memory;

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

/* Each returns whether all was as it is to be */
static bool add_and_delete(void)
{
	bool good = true;

	for (long i = 0; i < TIMES; i++)
		good &= !set(0, unit, LOG) && !set(0, 0, 0);
	return good;
}

static bool log_on_and_off(void)
{
	bool good = !set(0, unit, 0);

	for (long i = 0; i < TIMES; i++)
		good &= !set(0, unit, LOG) && !set(0, unit, 0);
	return good && !set(0, 0, 0);
}

static bool move_and_back(void)
{
	bool good = !set(0, unit, LOG);

	for (long i = 0; i < TIMES; i++)
		good &= !set(unit, unit, LOG) && !set(0, unit, LOG);
	return good && !set(0, 0, 0);
}

static bool move_and_log_off(void)
{
	bool good = !set(0, unit, LOG);

	for (long i = 0; i < TIMES; i++)
		good &= !set(unit, unit, 0) && !set(0, unit, LOG);
	return good && !set(0, 0, 0);
}

/* By what the architecture looks at, when log and slot are there already */
static bool refused(void)
{
	bool good = !set(0, unit, LOG);

	for (long i = 0; i < TIMES; i++)
		good &= set_in(vm->fd, SLOT + 1, limit, unit, LOG) < 0;
	return good && !set(0, 0, 0);
}

static bool move_refused(void)
{
	bool good = !set(0, unit, LOG);

	for (long i = 0; i < TIMES; i++)
		good &= set(limit, unit, LOG) < 0;
	return good && !set(0, 0, 0);
}

static bool close_vms(void)
{
	bool good = true;

	for (long n = 0; n < VMS; n++) {
		struct kvm_vm *other = vm_create_barebones();

		for (uint32_t i = 0; i <= TIMES / VMS; i++)
			good &= !set_in(other->fd, i, i * unit, unit, LOG);
		kvm_vm_free(other);
	}
	return good;
}

/* One case: more than half of what TIMES slots or logs would take, again and again? */
static void leaves_nothing(bool (*change)(void), const char *request)
{
	const long logs = TIMES * (getpagesize() / 1024) / 2, slots = TIMES * OBJECT / 1024 / 2;
	long more_logs = 0, more_slots = 0;
	bool good = change(), grown = true;

	TEST_ASSERT(usage_of("VmallocUsed") >= 0 && usage_of("SUnreclaim") >= 0, "/proc/meminfo");
	for (int i = 0; grown && i < TRIES; i++) {
		more_logs = -usage_of("VmallocUsed");
		more_slots = -usage_of("SUnreclaim");
		good &= change();
		more_logs += usage_of("VmallocUsed");
		more_slots += usage_of("SUnreclaim");
		grown = more_logs > logs || more_slots > slots;
	}
	report_check(good && !grown, request, "each is as it is to be, and nothing is left of it",
		     "%s, VmallocUsed grew by %ld KiB, SUnreclaim by %ld KiB with %ld of them",
		     good ? "each is" : "another outcome", more_logs, more_slots, TIMES);
}

static void come_and_go(void)
{
	leaves_nothing(add_and_delete, "slots with a log are added and deleted");
	leaves_nothing(close_vms, "VMs with slots are closed");
}

static void changes(void)
{
	leaves_nothing(log_on_and_off, "a log is turned on and off");
	leaves_nothing(move_and_back, "a slot is moved");
	leaves_nothing(move_and_log_off, "a slot is moved, and its log turned off");
}

/* s390 tells how much storage a guest may have; elsewhere nothing is refused so late */
static bool find_limit(void)
{
#ifdef __s390x__
	struct kvm_device_attr attr = { .group = KVM_S390_VM_MEM_CTRL,
					.attr = KVM_S390_VM_MEM_LIMIT_SIZE,
					.addr = (uintptr_t)&limit };

	return !ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr) && limit != UINT64_MAX;
#else
	return false;
#endif
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
	report_around(begin, end);
	return report_run();
}
