// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two VMs of one process whose slots have the same memory.
 *
 * mem_slot/contract.md, SLOT-04, SLOT-09; api.rst, KVM_SET_USER_MEMORY_REGION: "changes in the
 * backing of the memory region are automatically reflected into the guest".
 *
 * How it is seen: both guests have read and written all of two units of memory, at addresses
 * of their own. Then the process replaces, drops or moves pages or whole units: what each guest
 * reads must be what the process does, and what it writes must be there. A slot that is
 * deleted in one VM, and a VM that is closed, must leave the other one alone. Who tells only
 * the first VM that memory goes, leaves the old one to the second.
 */
#include <string.h>
#include <sys/mman.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/region.h"

#define SLOT 9
#define VMS 2
#define UNITS 2
#define UNIT (1UL << 20)
#define SIZE (UNITS * UNIT)

static const uint64_t places[VMS] = { 0x40000000, 0x50000000 };
static struct worker workers[VMS];
static uint8_t *memory;
static uint64_t page_size;

static struct outcome set(unsigned int vm, uint64_t size)
{
	struct region r = {
		.slot = SLOT, .gpa = places[vm], .size = size, .user = (uintptr_t)memory
	};

	return region_set(workers[vm].vm->fd, false, &r);
}

static void begin(void)
{
	memory = region_memory(SIZE);
	for (unsigned int vm = 0; vm < VMS; vm++) {
		worker_create(&workers[vm]);
		worker_map(&workers[vm], places[vm], SIZE / page_size);
		TEST_ASSERT(!set(vm, SIZE).ret, "the slot");
	}
}

static void end(void)
{
	for (unsigned int vm = 0; vm < VMS; vm++)
		worker_free(&workers[vm]);
	region_free_memory(memory, SIZE);
}

/* Where accesses are made: in the first and last page of each unit */
static uint64_t place(unsigned int n)
{
	return n / 2 * UNIT + (n % 2 ? UNIT - page_size : 0) + 0x40 * n;
}
#define PLACES (2 * UNITS)

/* Each guest finds what the process has, and the process what each writes */
static void agree(unsigned int vm, const char *state)
{
	for (unsigned int n = 0; n < PLACES; n++) {
		volatile uint64_t *at = (volatile uint64_t *)(memory + place(n));
		uint64_t found, value = 0x0101010101010101 * (n + 1) + *at;

		if (!report_case())
			continue;
		found = worker_read(&workers[vm], places[vm] + place(n));
		if (found != *at)
			report_wrong(state, "a guest reads what the process does",
				     "VM %u at %#lx: %#lx, not %#lx", vm, (unsigned long)place(n),
				     (unsigned long)found, (unsigned long)*at);
		worker_write(&workers[vm], places[vm] + place(n), value);
		if (*at != value)
			report_wrong(state, "what a guest writes is in memory",
				     "VM %u at %#lx: %#lx, not %#lx", vm, (unsigned long)place(n),
				     (unsigned long)*at, (unsigned long)value);
	}
}

static void both(const char *state)
{
	for (unsigned int vm = 0; vm < VMS; vm++)
		agree(vm, state);
}

/* The same again, the second VM first */
static void both_again(const char *state)
{
	agree(1, state);
	agree(0, state);
}

static void replace(uint8_t *at, size_t size)
{
	TEST_ASSERT(mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			 -1, 0) == at,
		    "mmap");
}

static void backing(void)
{
	both("nothing has happened");
	TEST_ASSERT(!madvise(memory, page_size, MADV_DONTNEED), "madvise");
	both_again("a page was dropped");
	replace(memory + UNIT - page_size, page_size);
	both("a page was replaced");
	TEST_ASSERT(!madvise(memory, SIZE, MADV_DONTNEED), "madvise");
	both_again("all of it was dropped");
	replace(memory, UNIT);
	both_again("a MiB was replaced");
	replace(memory, SIZE);
	both("all of it was replaced");
	TEST_ASSERT(!mprotect(memory, SIZE, PROT_READ) &&
			    !mprotect(memory, SIZE, PROT_READ | PROT_WRITE),
		    "mprotect");
	both_again("it was read-only meanwhile");
}

static void slots(void)
{
	both("nothing has happened");
	for (unsigned int vm = 0; vm < VMS; vm++) {
		TEST_ASSERT(!set(vm, 0).ret, "the slot is deleted");
		report_check(!worker_finds_memory(&workers[vm], places[vm]),
			     "its slot was deleted in one VM", "this one has no memory", "it has");
		agree(!vm, "its slot was deleted in the other VM");
		replace(memory, SIZE);
		agree(!vm, "the same, and the memory was replaced");
		TEST_ASSERT(!set(vm, SIZE).ret, "the slot is made anew");
		both_again("the slot is there again");
	}
}

static void closed(void)
{
	for (unsigned int vm = 0; vm < VMS; vm++) {
		both("nothing has happened");
		worker_free(&workers[vm]);
		agree(!vm, "the other VM was closed");
		replace(memory, SIZE);
		agree(!vm, "the same, and the memory was replaced");
		worker_create(&workers[vm]);
		worker_map(&workers[vm], places[vm], SIZE / page_size);
		TEST_ASSERT(!set(vm, SIZE).ret, "the slot");
	}
}

static const struct line lines[] = {
	{ "what backs the slots of two VMs changes for both", "SLOT-09", backing },
	{ "a slot is deleted and made anew in one of two VMs", "SLOT-04", slots },
	{ "one of two VMs is closed", "SLOT-09", closed },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = (uint64_t)getpagesize();
	report_around(begin, end);
	return report_run();
}
