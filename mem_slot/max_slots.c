// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CAP_NR_MEMSLOTS memory slots exist at once, and not one more.
 *
 * docs/contract.md, SLOT-01 to SLOT-04, SLOT-11; api.rst,
 * KVM_SET_USER_MEMORY_REGION: a slot is named by bits 0-15 of "slot", and must be
 * less than the number of slots that KVM_CAP_NR_MEMSLOTS reports.
 *
 * How it is seen: slots of the smallest size that the architecture takes are
 * added side by side in ascending, descending and shuffled order of ids and
 * addresses until the number is reached. The next one is refused with EINVAL. That
 * those before exist is seen from their addresses: a second slot over each of a
 * sample is refused; and, where a guest runs, through the first, the last and those
 * of a sample guest and host find what the other has written. Then all are deleted
 * in another order, and the addresses are free again. Memory of its own backs each
 * slot of the sample, one piece all others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "case/report.h"

#define SAMPLE 16
#define CURVE 8 /* points of the curve that is printed */

enum pattern {
	ASCENDING,
	DESCENDING,
	SHUFFLED,
};

static struct {
	int fd;				/* of the VM */
	uint32_t first;			/* slots below belong to the guest's own memory */
	uint32_t limit;			/* KVM_CAP_NR_MEMSLOTS */
	uint64_t base;			/* guest address of number 0 */
	uint64_t unit;			/* size of each slot */
	uint32_t id_step, address_step; /* of the shuffled order */
	uint8_t *memory;		/* a unit for each of the sample, and one for all others */
} host;

static uint32_t count(void)
{
	return host.limit - host.first;
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

/* What the VM's first free slot is, and where the slots are to be */
static void lay_out(int fd, uint32_t first, uint64_t base)
{
	host.fd = fd;
	host.first = first;
	host.base = base;
	host.id_step = coprime(7919);
	host.address_step = coprime(104729);
}

/* The n-th to be set: ids and addresses are shuffled differently */
static uint32_t shuffled(uint32_t n, uint32_t step)
{
	return (uint32_t)((uint64_t)n * step % count());
}

static uint32_t id_of(uint32_t n, enum pattern order)
{
	if (order == DESCENDING)
		return host.limit - 1 - n;
	return host.first + (order == SHUFFLED ? shuffled(n, host.id_step) : n);
}

static uint64_t address_of(uint32_t n, enum pattern order)
{
	if (order == DESCENDING)
		n = count() - 1 - n;
	else if (order == SHUFFLED)
		n = shuffled(n, host.address_step);
	return host.base + (uint64_t)n * host.unit;
}

/* The number of the i-th of the sample: first, last, and what lies between */
static uint32_t sample(uint32_t i)
{
	return (uint32_t)((uint64_t)i * (count() - 1) / (SAMPLE - 1));
}

static uint8_t *memory_of(uint32_t n)
{
	for (uint32_t i = 0; i < SAMPLE; i++)
		if (sample(i) == n)
			return host.memory + (i + 1) * host.unit;
	return host.memory;
}

static bool expect_with(const uint8_t *memory, struct outcome expected, uint32_t slot, uint64_t gpa,
			uint64_t size, uint32_t flags)
{
	struct region r = {
		.slot = slot,
		.flags = flags,
		.gpa = gpa,
		.size = size,
		.user = (uintptr_t)memory,
	};
	char state[60];

	snprintf(state, sizeof(state), "KVM_CAP_NR_MEMSLOTS %u", host.limit);
	return region_case(host.fd, false, &r, expected, state);
}

static bool expect(struct outcome expected, uint32_t slot, uint64_t gpa, uint64_t size,
		   uint32_t flags)
{
	return expect_with(host.memory, expected, slot, gpa, size, flags);
}

static long kernel_memory(void)
{
	char line[100];
	long kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static bool add_all(enum pattern order, uint32_t flags)
{
	double begin = report_seconds(), last = begin;
	long before = kernel_memory();
	uint32_t step = count() / CURVE;
	char name[40];

	report_deciding(flags & KVM_MEM_READONLY ? "SLOT-01 SLOT-11" : "SLOT-01");
	for (uint32_t n = 0; n < count(); n++) {
		if (!expect_with(memory_of(n), outcome_success(), id_of(n, order),
				 address_of(n, order), host.unit, flags))
			return false;
		if ((n + 1) % step == 0) {
			double now = report_seconds();

			snprintf(name, sizeof(name), "each_up_to_%u", n + 1);
			report_note(name, (now - last) / step * 1e6, "us");
			last = now;
		}
	}
	report_note("slots", count(), "slots");
	report_note("filled_in", report_seconds() - begin, "s");
	report_note("memory_each", (double)(before - kernel_memory()) / count(), "KiB");
	return true;
}

static void one_more(enum pattern order, uint32_t flags)
{
	uint64_t beyond = host.base + (uint64_t)count() * host.unit;
	uint32_t id = id_of(sample(1), order);

	report_deciding("SLOT-02");
	expect(outcome_error(EINVAL), host.limit, beyond, host.unit, flags);
	report_deciding("SLOT-03");
	/* An id that is free: the address alone is the reason to refuse it */
	expect(outcome_success(), id, 0, 0, flags);
	for (uint32_t i = 0; i < SAMPLE; i++)
		if (i != 1)
			expect(outcome_error(EEXIST), id, address_of(sample(i), order), host.unit,
			       flags);
	expect(outcome_success(), id, address_of(sample(1), order), host.unit, flags);
	expect(outcome_error(EINVAL), host.limit, beyond, host.unit, flags);
}

/* In the opposite order of ids, then the addresses are free for a slot that spans some */
static void delete_all(enum pattern order)
{
	report_deciding("SLOT-04");
	for (uint32_t n = 0; n < count(); n++)
		if (!expect(outcome_success(), id_of(count() - 1 - n, order), 0, 0, 0))
			return;
	for (uint32_t i = 0; i < SAMPLE; i++) {
		expect(outcome_success(), host.first, address_of(sample(i), order), host.unit, 0);
		expect(outcome_success(), host.first, 0, 0, 0);
	}
}

static void fill(enum pattern order, uint32_t flags)
{
	struct kvm_vm *vm = vm_create_barebones();

	lay_out(vm->fd, 0, 0);
	if (add_all(order, flags)) {
		one_more(order, flags);
		delete_all(order);
	}
	kvm_vm_free(vm);
}

static void ascending(void)
{
	fill(ASCENDING, 0);
}

static void descending(void)
{
	fill(DESCENDING, KVM_MEM_LOG_DIRTY_PAGES);
}

static void read_only(void)
{
	if (!kvm_check_cap(KVM_CAP_READONLY_MEM)) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_READONLY_MEM");
		return;
	}
	fill(ASCENDING, KVM_MEM_READONLY);
}

static void read_only_refused(void)
{
	struct kvm_vm *vm;

	if (kvm_check_cap(KVM_CAP_READONLY_MEM)) {
		report_skip(SKIP_CAPABILITY, "KVM_CAP_READONLY_MEM is there");
		return;
	}
	vm = vm_create_barebones();
	host.fd = vm->fd;
	expect(outcome_error(EINVAL), 0, 0, host.unit, KVM_MEM_READONLY);
	kvm_vm_free(vm);
}

/* The guest writes through the slot, and reads what the host writes */
static void guest_uses_slot(struct worker *w, uint32_t i)
{
	uint64_t value = 0x1122334455667788U * (i + 1), offset = 8 * i, found;
	uint64_t gpa = address_of(sample(i), SHUFFLED) + offset;
	volatile uint64_t *here = (volatile uint64_t *)(memory_of(sample(i)) + offset);
	char state[80], observed[60];

	if (!report_case())
		return;
	worker_write(w, gpa, value);
	found = *here;
	*here = ~value;
	if (found == value && worker_read(w, gpa) == ~value)
		return;
	snprintf(state, sizeof(state), "slot %u at %#llx", id_of(sample(i), SHUFFLED),
		 (unsigned long long)gpa);
	snprintf(observed, sizeof(observed), "%#llx written as %#llx", (unsigned long long)found,
		 (unsigned long long)value);
	report_fail(&(struct finding){ .state = state,
				       .expected = "guest and host find what the other wrote",
				       .observed = observed,
				       .offset = -1 });
}

static void guest_uses_slots(void)
{
	struct worker w;

	worker_create(&w);
	lay_out(w.vm->fd, REGION_FREE_SLOT, 1UL << 32);
	for (uint32_t i = 0; i < SAMPLE; i++)
		worker_map(&w, address_of(sample(i), SHUFFLED), 1);
	if (add_all(SHUFFLED, 0)) {
		report_deciding("SLOT-01");
		for (uint32_t i = 0; i < SAMPLE; i++)
			guest_uses_slot(&w, i);
		one_more(SHUFFLED, 0);
	}
	worker_free(&w);
}

static const struct line lines[] = {
	{ "KVM_CAP_NR_MEMSLOTS slots in ascending order, one more is refused",
	  "SLOT-01 SLOT-02 SLOT-03 SLOT-04", ascending },
	{ "KVM_CAP_NR_MEMSLOTS slots with a dirty log in descending order, one more is refused",
	  "SLOT-01 SLOT-02 SLOT-03 SLOT-04", descending },
	{ "KVM_CAP_NR_MEMSLOTS read-only slots, one more is refused",
	  "SLOT-01 SLOT-02 SLOT-03 SLOT-04 SLOT-11", read_only },
	{ "KVM_MEM_READONLY is refused without its capability", "SLOT-11", read_only_refused },
	{ "KVM_CAP_NR_MEMSLOTS slots in shuffled order, used by a running guest",
	  "SLOT-01 SLOT-02 SLOT-03", guest_uses_slots },
};

int main(int argc, char **argv)
{
	const char *why;
	int limit;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	limit = (int)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	report_need(limit > 0, SKIP_CAPABILITY, "KVM_CAP_NR_MEMSLOTS");
	host.limit = (uint32_t)limit;
	host.unit = compat_slot_unit();
	host.memory = region_memory((SAMPLE + 1) * host.unit);
	return report_run();
}
