// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CAP_NR_MEMSLOTS memory slots exist at once, and not one more.
 *
 * mem_slot/contract.md, SLOT-01 to SLOT-04, SLOT-11; api.rst,
 * KVM_SET_USER_MEMORY_REGION: a slot is named by bits 0-15 of "slot", and must be
 * less than the number of slots that KVM_CAP_NR_MEMSLOTS reports.
 *
 * How it is seen: slots of the smallest size that the architecture takes are added
 * side by side, ids and addresses shuffled differently and every second one with a
 * dirty log, until the number is reached. The next one is refused with EINVAL. That
 * those before exist is seen through every 64th: guest and host find what the other
 * has written, its log has the page; deleted, its place alone is free; added again it
 * is what it was. Each of these has memory of its own, one piece backs all others.
 * Ascending and descending ids up to the last are a line of their own, of --slots.
 *
 * What costs the time is that each change waits for the readers of the slots (SRCU):
 * to delete takes twice as long as to add.
 *
 * Over 300 lines: three orders of filling share one check of all slots.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"

#define EACH 64	   /* the sample is each 64th of the slots */
#define TRIED 16   /* of the sample, by the guest */
#define NOTED 2048 /* slots after which the time is told */
#define BASE (1UL << 32)

static struct {
	uint32_t limit;			/* KVM_CAP_NR_MEMSLOTS */
	uint64_t unit;			/* size of each slot */
	uint32_t id_step, address_step; /* of the shuffled order */
	uint8_t *memory;		/* a unit for each that is tried, and one for all others */
	char state[40];
} host;

static unsigned long some_slots = 512;
static struct worker worker;

/* Those that are not the guest's own */
static uint32_t count(void)
{
	return host.limit - REGION_FREE_SLOT;
}

/* A step from @start on that meets each number once: without a divisor in common */
static uint32_t coprime(uint32_t start)
{
	for (uint32_t step = start;; step++) {
		uint32_t a = count(), b = step;

		while (b) {
			uint32_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return step;
	}
}

/* The n-th to be set: ids and addresses are shuffled differently */
static uint32_t shuffled(uint32_t n, uint32_t step)
{
	return (uint32_t)((uint64_t)n * step % count());
}

/* Which of those that the guest tries is the n-th? -1: none */
static int tried(uint32_t n)
{
	uint32_t step = count() / EACH / (TRIED - 1) * EACH;

	if (!step)
		step = EACH;
	return n % step || n / step >= TRIED ? -1 : (int)(n / step);
}

static uint8_t *memory_of(uint32_t n)
{
	return host.memory + (size_t)(tried(n) + 1) * host.unit;
}

static struct region nth(uint32_t n)
{
	return (struct region){
		.slot = REGION_FREE_SLOT + shuffled(n, host.id_step),
		.flags = n % 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0,
		.gpa = BASE + (uint64_t)shuffled(n, host.address_step) * host.unit,
		.size = host.unit,
		.user = (uintptr_t)memory_of(n),
	};
}

static bool expect(struct outcome expected, struct region r)
{
	return region_case(worker.vm->fd, false, &r, expected, host.state);
}

static void note_cost(uint32_t slots, double seconds)
{
	char name[24];

	snprintf(name, sizeof(name), "slots:%u", slots);
	report_note(name, seconds, "s");
}

static bool add_all(void)
{
	double begin = report_seconds();

	report_deciding("SLOT-01");
	for (uint32_t n = 0; n < count(); n++) {
		if (!expect(outcome_success(), nth(n)))
			return false;
		if ((n + 1) % NOTED == 0 || n + 1 == count())
			note_cost(n + 1, report_seconds() - begin);
	}
	return true;
}

static void one_more(void)
{
	struct region r = nth(0);

	report_deciding("SLOT-02");
	r.gpa = BASE + (uint64_t)count() * host.unit;
	for (uint32_t id = host.limit; id <= 0xffff; id = id * 2 + 1) {
		r.slot = id;
		expect(outcome_error(EINVAL), r);
	}
}

/* The guest writes through the slot, and reads what the host writes */
static void guest_uses_slot(uint32_t n)
{
	uint64_t value = 0x1122334455667788U * (n + 1), offset = 8 * (n % 500), found;
	volatile uint64_t *here = (volatile uint64_t *)(memory_of(n) + offset);
	struct region r = nth(n);

	report_deciding("SLOT-01");
	worker_write(&worker, r.gpa + offset, value);
	found = *here;
	*here = ~value;
	report_check(found == value && worker_read(&worker, r.gpa + offset) == ~value, host.state,
		     "guest and host find what the other wrote",
		     "slot %u at %#llx: %#llx written as %#llx", r.slot, (unsigned long long)r.gpa,
		     (unsigned long long)found, (unsigned long long)value);
	*here = 0;
}

static void has_log(uint32_t n)
{
	const struct region r = nth(n);
	struct dirty_log log = { worker.vm->fd, r.slot, r.size / (size_t)getpagesize() };
	struct pages ignored = pages_none(log.pages);

	report_outcome(r.flags ? outcome_success() : outcome_error(ENOENT),
		       dirty_get(&log, &ignored), r.flags ? "its log" : "a log that it has not");
	if (r.flags && tried(n) >= 0) {
		worker_write(&worker, r.gpa, n);
		dirty_is_only(&log, 0, "the guest has written the first page");
	}
	pages_free(&ignored);
}

/* Deleted, its place alone is free; added again, it is what it was */
static void made_anew(uint32_t n)
{
	struct region r = nth(n), gone = r, other = nth((n + EACH / 2) % count());

	gone.size = 0;
	report_deciding("SLOT-04");
	expect(outcome_success(), gone);
	report_deciding("SLOT-03");
	other.slot = r.slot;
	expect(outcome_error(EEXIST), other);
	report_deciding("SLOT-04");
	expect(outcome_success(), r);
}

static void shuffled_fill(void)
{
	for (uint32_t n = 0; n < count(); n++)
		if (tried(n) >= 0)
			worker_map(&worker, nth(n).gpa, 1);
	if (!add_all())
		return;
	one_more();
	for (uint32_t n = 0; n < count(); n += EACH) {
		has_log(n);
		has_log(n + 1 < count() ? n + 1 : 0);
		if (tried(n) >= 0)
			guest_uses_slot(n);
		made_anew(n);
		if (tried(n) >= 0)
			guest_uses_slot(n);
	}
	one_more();
}

/* @up: ids and addresses ascend to the last, else they descend from it */
static void in_order(bool up, uint32_t flags, const char *clauses)
{
	uint32_t some = some_slots && some_slots < count() ? (uint32_t)some_slots : count();
	struct region r = { .flags = flags, .size = host.unit, .user = (uintptr_t)host.memory };

	for (uint32_t n = 0; n < some; n++) {
		uint32_t i = up ? n : some - 1 - n;

		report_deciding(clauses);
		r.slot = host.limit - some + i;
		r.gpa = BASE + i * host.unit;
		if (!expect(outcome_success(), r))
			return;
	}
	report_deciding("SLOT-02");
	r.slot = host.limit;
	r.gpa = BASE + some * host.unit;
	expect(outcome_error(EINVAL), r);
	report_deciding("SLOT-04");
	r.size = 0;
	for (uint32_t n = 0; n < some; n++) {
		r.slot = host.limit - some + (up ? n : some - 1 - n);
		expect(outcome_success(), r);
	}
	/* One slot where all have been */
	r.size = some * host.unit;
	region_case(worker.vm->fd, false, &r, outcome_success(), "all addresses are free");
}

static void ascending(void)
{
	in_order(true, 0, "SLOT-01");
}

static void descending(void)
{
	in_order(false, KVM_MEM_LOG_DIRTY_PAGES, "SLOT-01");
}

static void read_only(void)
{
	if (kvm_check_cap(KVM_CAP_READONLY_MEM) <= 0)
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_READONLY_MEM");
	else
		in_order(true, KVM_MEM_READONLY, "SLOT-01 SLOT-11");
}

static void read_only_refused(void)
{
	struct region r = nth(0);

	r.flags = KVM_MEM_READONLY;
	if (kvm_check_cap(KVM_CAP_READONLY_MEM) > 0)
		report_skip(SKIP_CAPABILITY, "KVM_CAP_READONLY_MEM is there");
	else
		expect(outcome_error(EINVAL), r);
}

static void no_slots(void)
{
	const uint64_t page = (uint64_t)getpagesize();
	struct kvm_vm *vm = vm_create_barebones();
	struct region r = { .size = host.unit, .user = (uintptr_t)host.memory }, gone = { 0 };

	report_deciding("SLOT-16");
	region_case(vm->fd, false, &gone, outcome_error(EINVAL), "a VM that never had a slot");
	report_deciding("SLOT-01");
	region_case(vm->fd, false, &r, outcome_success(), "slot 0 at guest address 0");
	r.slot = 1;
	r.gpa = host.unit;
	region_case(vm->fd, false, &r, outcome_success(), "slot 1 behind it");
	gone.slot = 1;
	report_deciding("SLOT-04");
	region_case(vm->fd, false, &gone, outcome_success(), "delete slot 1");
	gone.slot = 0;
	region_case(vm->fd, false, &gone, outcome_success(), "delete slot 0, the last");
	report_deciding("SLOT-16");
	region_case(vm->fd, false, &gone, outcome_error(EINVAL), "delete it again");
	report_deciding("SLOT-04");
	r.slot = 0;
	r.gpa = host.unit == page ? page : 0;
	region_case(vm->fd, false, &r, outcome_success(), "slot 0 again");
	kvm_vm_free(vm);
}

static const struct line lines[] = {
	{ "KVM_CAP_NR_MEMSLOTS slots in shuffled order, used by a running guest",
	  "SLOT-01 SLOT-02 SLOT-03 SLOT-04", shuffled_fill },
	{ "slots in ascending order up to the last id, one more is refused",
	  "SLOT-01 SLOT-02 SLOT-04", ascending },
	{ "slots with a dirty log in descending order from the last id", "SLOT-01 SLOT-02 SLOT-04",
	  descending },
	{ "read-only slots up to the last id, one more is refused",
	  "SLOT-01 SLOT-02 SLOT-04 SLOT-11", read_only },
	{ "KVM_MEM_READONLY is refused without its capability", "SLOT-11", read_only_refused },
	{ "a VM without slots, and slot 0", "SLOT-01 SLOT-04 SLOT-16", no_slots },
};

static void begin(void)
{
	worker_create(&worker);
	host.memory = region_memory((TRIED + 1) * host.unit);
}

static void end(void)
{
	worker_free(&worker);
	region_free_memory(host.memory, (TRIED + 1) * host.unit);
}

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--slots", "of the lines in order; 0: as many as there can be", &some_slots },
	};
	const char *why;
	int limit;

	report_numbers(numbers, ARRAY_SIZE(numbers));
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	limit = (int)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	report_need(limit > REGION_FREE_SLOT, SKIP_CAPABILITY, "KVM_CAP_NR_MEMSLOTS");
	report_capability("KVM_CAP_NR_MEMSLOTS", limit);
	host.limit = (uint32_t)limit;
	host.unit = compat_slot_unit();
	host.id_step = coprime(7919);
	host.address_step = coprime(104729);
	snprintf(host.state, sizeof(host.state), "KVM_CAP_NR_MEMSLOTS %u", host.limit);
	report_around(begin, end);
	return report_run();
}
