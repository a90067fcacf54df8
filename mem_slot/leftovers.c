// SPDX-License-Identifier: GPL-2.0-only
/*
 * What slots and logs that are refused leave behind in the kernel, when there are very many.
 *
 * mem_slot/contract.md, SLOT-17 and what refuses each; api.rst, KVM_SET_USER_MEMORY_REGION,
 * KVM_GET_DIRTY_LOG. A request that has failed is over: no memory, no file, no lock.
 *
 * How it is seen: each kind of refusal so often that what the kernel says of its memory and
 * files (case/usage.h) tells one object or page of each; --times makes it more. Afterwards a
 * slot can be added and deleted.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "case/report.h"
#include "case/usage.h"
#include "compat.h"
#include "slot/backing.h"
#include "slot/region.h"

#define SLOT 5
#define SIZE (2UL << 20)
#define HERE 0x40000000UL
#define AWAY 0x80000000UL
#define NOWHERE (1UL << 62)
#define LARGE (1UL << 30) /* its log has 32 KiB */

static struct kvm_vm *vm;
static uint8_t *memory;
static unsigned long times;

static struct {
	struct region region;
	bool second;
	struct kvm_dirty_log log; /* is asked for, if there is no region */
} now;

static bool once(void)
{
	struct outcome o = now.region.user ? region_set(vm->fd, now.second, &now.region)
					   : outcome_of(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &now.log));

	return outcome_equal(o, outcome_refused());
}

static void slot_is_there(const char *name)
{
	struct region r = { .slot = SLOT + 1,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = AWAY,
			    .size = SIZE,
			    .user = (uintptr_t)memory + SIZE };
	struct outcome added = region_set(vm->fd, false, &r), deleted;

	r.size = 0;
	deleted = region_set(vm->fd, false, &r);
	if (added.ret || deleted.ret)
		report_wrong(name, "a good slot is added and deleted afterwards", "it is refused");
}

static void many(const char *name, const char *clause)
{
	if (!usage_kind(name, clause, once))
		report_wrong(name, "it is refused, each time", "it is taken");
}

/* What is said of a request before it is known to be bad differs: with a log and without */
static void slot_many(const char *name, const char *clause, struct region r)
{
	for (int second = 0; second < 1 + region_has_second(); second++)
		for (int logged = 0; logged < 2; logged++) {
			now.region = r;
			now.region.flags ^= logged ? KVM_MEM_LOG_DIRTY_PAGES : 0;
			now.second = second;
			many(name, clause);
		}
}

/* A slot that is good, at AWAY */
static struct region good(void)
{
	return (struct region){
		.slot = SLOT + 1, .gpa = AWAY, .size = SIZE, .user = (uintptr_t)memory + SIZE
	};
}

static void refused(void)
{
	struct region r = good();

	r.slot = 0xffff;
	slot_many("a slot number that is too large", "SLOT-02", r);
	r = good();
	r.gpa = HERE + SIZE / 2;
	slot_many("a slot that overlaps", "SLOT-03", r);
	r = good();
	r.flags = 1U << 31;
	slot_many("an undefined flag", "SLOT-10", r);
	r = good();
	r.size += 100;
	slot_many("a size of no whole pages", "SLOT-15", r);
	r = good();
	r.user += 100;
	slot_many("a user address in a page", "SLOT-15", r);
	r = good();
	r.size = 0;
	slot_many("a slot that is not there, deleted", "SLOT-16", r);
	r.gpa = -(SIZE / 2);
	r.size = SIZE;
	slot_many("a range beyond 2^64", "SLOT-16", r);
}

/* These are refused late: memory was allocated, the slot was taken out and comes back */
static void refused_late(void)
{
	struct region r = good();

	r.gpa = NOWHERE;
	r.size = LARGE;
	slot_many("a slot where the machine has no addresses", "SLOT-17", r);
	r = (struct region){
		.slot = SLOT, .gpa = NOWHERE, .size = SIZE, .user = (uintptr_t)memory
	};
	slot_many("a slot that moves there", "SLOT-17", r);
	r.gpa = HERE;
	r.size = SIZE / 2;
	slot_many("a slot that changes its size", "SLOT-05", r);
	r.size = SIZE;
	r.user += SIZE;
	slot_many("a slot that changes its memory", "SLOT-17", r);
}

static void logs(void)
{
	const struct {
		const char *name;
		uint32_t slot;
		void *bitmap;
	} asked[] = {
		{ "the log of a slot that is not there", SLOT + 7, memory },
		{ "the log of a slot that has none", SLOT + 2, memory },
		{ "the log of a slot number that is too large", 0xffff, memory },
		{ "a log with no bitmap for it", SLOT, (void *)1 },
	};
	struct region r = good();

	r.slot = SLOT + 2;
	r.gpa = AWAY + SIZE;
	TEST_ASSERT(!region_set(vm->fd, false, &r).ret, "slot, errno %d", errno);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		now.region = (struct region){ 0 };
		now.log = (struct kvm_dirty_log){ .slot = asked[i].slot,
						  .dirty_bitmap = asked[i].bitmap };
		many(asked[i].name, "DIRTY-08");
	}
}

static void line_refused(void)
{
	usage_line(refused, times, slot_is_there);
}

static void line_refused_late(void)
{
	usage_line(refused_late, times, slot_is_there);
}

static void line_logs(void)
{
	usage_line(logs, times, slot_is_there);
}

static const struct line lines[] = {
	{ "slots that are refused", "SLOT-02 SLOT-03 SLOT-10 SLOT-15 SLOT-16", line_refused },
	{ "slots that are refused late", "SLOT-05 SLOT-17", line_refused_late },
	{ "logs that cannot be read", "DIRTY-08", line_logs },
};

static void set_up(void)
{
	struct region r = {
		.slot = SLOT, .flags = KVM_MEM_LOG_DIRTY_PAGES, .gpa = HERE, .size = SIZE
	};

	memory = region_memory(2 * SIZE);
	vm = vm_create_barebones();
	r.user = (uintptr_t)memory;
	TEST_ASSERT(!region_set(vm->fd, false, &r).ret, "slot, errno %d", errno);
}

static void tear_down(void)
{
	kvm_vm_free(vm);
	region_free_memory(memory, 2 * SIZE);
}

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--times", "how often each request is made", &times },
	};
	const char *why;

	times = usage_enough();
	report_numbers(numbers, ARRAY_SIZE(numbers));
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_around(set_up, tear_down);
	return report_run();
}
