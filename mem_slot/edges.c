// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where memory ends: accesses beside slots and across their edges, byte by byte.
 *
 * mem_slot/contract.md, SLOT-04, SLOT-05, SLOT-11, SLOT-15, SLOT-24; api.rst, KVM_EXIT_MMIO and
 * KVM_SET_USER_MEMORY_REGION; Principles of Operation, chapter 6, "Addressing exception"
 * (the operation is suppressed) for s390x.
 *
 * How it is seen: a guest reads and writes 1 to 8 bytes at every distance from an edge that
 * makes a difference. What comes to user space has to be the bytes of this access that no
 * slot has, each once, with their address and what is written to them; what user space
 * answers, the guest reads. The rest of the access is in memory, and no byte beside it
 * changes. On s390x the guest meets an addressing exception and no byte changes at all.
 *
 * Over 300 lines: what may come of a byte in each place, and the places.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/region.h"

#define SLOT 9
#define SIZE (2UL << 20) /* two segments of s390 */
#define HERE 0x40000000UL
#define AWAY (HERE + 2 * SIZE)
#define BESIDE 8UL /* bytes on both sides that must not change */
#define VALUE 0x8899aabbccddeeffUL
#define ANSWER 0x51 /* what user space answers for the first byte of an access */

static struct worker worker;
static uint8_t *memory[2];

/* The slots as they are */
static struct place {
	uint64_t gpa; /* 0: there is none */
	uint32_t flags;
	uint8_t *memory;
} places[2];

/* Returns whether it is taken: the slot is as before if not */
static bool takes(unsigned int slot, uint64_t gpa, unsigned int which, uint32_t flags)
{
	struct region r = { .slot = SLOT + slot,
			    .flags = flags,
			    .gpa = gpa,
			    .size = gpa ? SIZE : 0,
			    .user = (uintptr_t)memory[which] };

	if (region_set(worker.vm->fd, false, &r).ret)
		return false;
	places[slot] = (struct place){ gpa, flags, memory[which] };
	return true;
}

static void put(unsigned int slot, uint64_t gpa, unsigned int which, uint32_t flags)
{
	TEST_ASSERT(takes(slot, gpa, which, flags), "slot %u, errno %d", slot, errno);
}

/* Where a byte is in this process; NULL if no slot has it, or it may not be written */
static uint8_t *byte_at(uint64_t gpa, bool write)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i].gpa && gpa - places[i].gpa < SIZE)
			return write && places[i].flags & KVM_MEM_READONLY
				       ? NULL
				       : places[i].memory + (gpa - places[i].gpa);
	return NULL;
}

/* Byte @i of an access, the one with the lowest address first */
static uint8_t *byte_of(uint64_t *value, uint64_t size, uint64_t i)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return (uint8_t *)value + 8 - size + i;
#else
	(void)size;
	return (uint8_t *)value + i;
#endif
}

/* An access, and what has come of it so far */
struct attempt {
	struct order order;
	uint8_t before[8 + 2 * BESIDE]; /* from BESIDE bytes in front of it on */
	unsigned int exits, asked;	/* the latter: bits of the bytes that came to user space */
	const char *wrong;
};

static bool is_write(const struct attempt *a)
{
	return a->order.kind == ORDER_WRITE;
}

/* Is this exit a part of the access that no slot has? Answer it */
static void take_exit(struct attempt *a, struct kvm_run *run)
{
	uint64_t value = VALUE, from = run->mmio.phys_addr - a->order.address;

	a->exits++;
	if (run->exit_reason != KVM_EXIT_MMIO)
		a->wrong = "another exit than KVM_EXIT_MMIO";
	else if (from >= a->order.size || run->mmio.len > a->order.size - from)
		a->wrong = "KVM_EXIT_MMIO for bytes that are not of the access";
	else if (run->mmio.is_write != is_write(a))
		a->wrong = "KVM_EXIT_MMIO in the wrong direction";
	if (a->wrong)
		return;
	for (uint64_t i = 0; i < run->mmio.len; i++) {
		if (byte_at(a->order.address + from + i, is_write(a)))
			a->wrong = "KVM_EXIT_MMIO for a byte that a slot has";
		if (a->asked >> (from + i) & 1)
			a->wrong = "KVM_EXIT_MMIO twice for a byte";
		a->asked |= 1U << (from + i);
		if (!is_write(a))
			run->mmio.data[i] = (uint8_t)(ANSWER + from + i);
		else if (run->mmio.data[i] != *byte_of(&value, a->order.size, from + i))
			a->wrong = "KVM_EXIT_MMIO with data that was not written";
	}
}

/* Fill the surroundings of the access with bytes that tell where they are */
static void fill(struct attempt *a)
{
	for (size_t i = 0; i < sizeof(a->before); i++) {
		uint64_t gpa = a->order.address - BESIDE + i;
		uint8_t *at = byte_at(gpa, false);

		a->before[i] = (uint8_t)(gpa * 7 + 3);
		if (at)
			*(volatile uint8_t *)at = a->before[i];
	}
}

/* Is each byte around the access as it has to be, where it took place and where it did not? */
static void check_memory(struct attempt *a, bool took_place)
{
	uint64_t value = VALUE;

	for (size_t i = 0; i < sizeof(a->before); i++) {
		uint64_t gpa = a->order.address - BESIDE + i;
		bool stored = took_place && is_write(a) && gpa - a->order.address < a->order.size &&
			      byte_at(gpa, true);
		uint8_t *at = byte_at(gpa, false);
		uint8_t expected =
			stored ? *byte_of(&value, a->order.size, i - BESIDE) : a->before[i];

		if (at && *(volatile uint8_t *)at != expected)
			a->wrong = stored ? "a byte in a slot that was not stored"
					  : "a byte changed that was not to be";
	}
}

static void check_read(struct attempt *a)
{
	for (uint64_t i = 0; i < a->order.size; i++) {
		uint8_t expected = byte_at(a->order.address + i, false) ? a->before[BESIDE + i]
									: (uint8_t)(ANSWER + i);

		if (*byte_of(&a->order.value, a->order.size, i) != expected)
			a->wrong = "the guest reads another byte";
	}
}

static unsigned int bytes_without_slot(const struct attempt *a)
{
	unsigned int bits = 0;

	for (uint64_t i = 0; i < a->order.size; i++)
		bits |= !byte_at(a->order.address + i, is_write(a)) ? 1U << i : 0;
	return bits;
}

/* A finding by which a slot may have no memory, if that is so of the slots as they are */
static const char *known;
static const char no_memory[] = "an addressing exception, where a slot is";

static void check_attempt(struct attempt *a)
{
	unsigned int without = bytes_without_slot(a);

#ifdef __s390x__
	if (a->exits)
		a->wrong = "an exit to user space";
	else if (without && a->order.met)
		a->wrong = "no addressing exception";
	else if (!without && !a->order.met)
		a->wrong = no_memory;
	else
		check_memory(a, a->order.met);
	if (!a->wrong && a->order.met && !is_write(a))
		check_read(a);
#else
	if (!a->wrong && a->asked != without)
		a->wrong = "no KVM_EXIT_MMIO for a byte that no slot has";
	if (!a->wrong)
		check_memory(a, true);
	if (!a->wrong && !is_write(a))
		check_read(a);
#endif
}

/* One case */
static void attempt(uint64_t gpa, uint64_t size, bool write, const char *state)
{
	struct attempt a = { .order = { write ? ORDER_WRITE : ORDER_READ, gpa, size,
					write ? VALUE : 0, 0 } };
	const char *whole = "bytes in slots, and the others as KVM_EXIT_MMIO or not at all";
	char request[100];

	if (!report_case())
		return;
	fill(&a);
	order_put(&worker.desk, &a.order, 1);
	while (!order_run(&worker.desk, NULL) && !a.wrong)
		take_exit(&a, worker.vcpu->run);
	order_take(&worker.desk, &a.order, 1);
	check_attempt(&a);
	if (!a.wrong)
		return;
	if (known && a.wrong == no_memory) {
		report_fault(known);
		return;
	}
	snprintf(request, sizeof(request), "%s: the guest %s %u bytes at %#llx", state,
		 write ? "writes" : "reads", (unsigned int)size, (unsigned long long)gpa);
	if (!a.exits)
		report_wrong(request, whole, "%s", a.wrong);
	else
		report_wrong(request, whole, "%s; %u exits, the last of %u bytes at %#llx", a.wrong,
			     a.exits, worker.vcpu->run->mmio.len,
			     (unsigned long long)worker.vcpu->run->mmio.phys_addr);
}

/* Everywhere in the place of a slot, whether it is there or not; its pages' borders, too */
static void inside(uint64_t gpa, const char *state)
{
	static const struct {
		uint64_t at, size;
	} some[] = { { 0, 1 },	      { 1, 2 },	      { 4088, 8 },
		     { 4093, 8 },     { 4096, 4 },    { SIZE / 2 - 3, 8 },
		     { SIZE - 8, 8 }, { SIZE - 1, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(some); i++)
		for (int write = 0; write <= 1; write++)
			attempt(gpa + some[i].at, some[i].size, write, state);
}

/* Accesses that end, begin or lie across where one place meets the next */
static void across(uint64_t edge, const char *state)
{
	for (uint64_t size = 1; size <= 8; size *= 2)
		for (uint64_t before = 0; before <= size; before++)
			for (int write = 0; write <= 1; write++)
				attempt(edge - before, size, write, state);
}

static void both(const char *state)
{
	inside(HERE, state);
	inside(AWAY, state);
}

static void changes(void)
{
	report_deciding("SLOT-24");
	both("no slot");
	report_deciding("SLOT-04 SLOT-05 SLOT-24");
	put(0, HERE, 0, 0);
	both("added");
	put(0, AWAY, 0, 0);
	both("moved");
	put(0, AWAY, 0, KVM_MEM_LOG_DIRTY_PAGES);
	both("moved, its log turned on");
	put(0, HERE, 0, KVM_MEM_LOG_DIRTY_PAGES);
	both("moved back");
	put(0, HERE, 0, 0);
	put(1, AWAY, 1, 0);
	both("its log turned off, another slot where it was");
	put(0, 0, 0, 0);
	both("deleted, the other one is there");
	put(1, HERE, 1, 0);
	both("the other one moved to its place");
	put(1, 0, 1, 0);
	both("both deleted");
}

static void moved_over_itself(void)
{
	report_deciding("SLOT-05 SLOT-24");
	put(0, HERE, 0, 0);
	inside(HERE, "added");
	/* Half of its places are those of other bytes of it now */
	put(0, HERE + SIZE / 2, 0, 0); /* Whole MiB: any_page() has others */
	inside(HERE + SIZE / 2, "moved over itself, up");
	inside(HERE, "moved over itself, up");
	across(HERE + SIZE / 2, "moved over itself, up");
	put(0, HERE, 0, KVM_MEM_LOG_DIRTY_PAGES);
	inside(HERE, "moved over itself, down");
	inside(HERE + SIZE, "moved over itself, down");
	across(HERE + SIZE, "moved over itself, down");
}

/* A slot of whole pages may lie at any page: it is refused, or it is there */
static void any_page(void)
{
	static const uint64_t at[] = { 4096, SIZE / 4, SIZE / 2 - 4096, SIZE - 4096 };
	char state[100];

	report_deciding("SLOT-05 SLOT-15 SLOT-24");
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		uint64_t gpa = HERE + at[i];

		snprintf(state, sizeof(state), "a slot at %#llx", (unsigned long long)gpa);
		known = fault_of_unaligned_slot();
		if (takes(0, gpa, 0, 0)) {
			inside(gpa, state);
			across(gpa + SIZE, state);
			put(0, HERE, 0, 0);
			inside(HERE, "moved from there to a whole MiB");
			put(0, 0, 0, 0);
		}
		known = NULL;
		put(0, HERE, 0, 0);
		inside(HERE, "deleted, and added at a whole MiB");
		if (takes(0, gpa, 0, 0))
			known = fault_of_unaligned_slot();
		inside(gpa, "a slot moved there");
		inside(HERE, "a slot moved there, and where it was");
		put(0, 0, 0, 0);
		known = NULL;
		inside(gpa, "deleted");
	}
}

static void edges(void)
{
	report_deciding("SLOT-24");
	put(0, HERE, 0, 0);
	across(HERE, "the begin of a slot");
	across(HERE + SIZE, "the end of a slot");
	/* Adjacent, and their memory is not */
	put(1, HERE + SIZE, 1, 0);
	across(HERE + SIZE, "where one slot meets the next");
	put(0, 0, 0, 0);
	across(HERE + SIZE, "the slot before is deleted");
	put(0, HERE, 0, KVM_MEM_LOG_DIRTY_PAGES);
	across(HERE + SIZE, "it is added again, with a log");
	put(1, HERE + 2 * SIZE, 1, 0);
	across(HERE + SIZE, "the slot behind is moved away");
}

static void read_only(void)
{
	if (kvm_check_cap(KVM_CAP_READONLY_MEM) <= 0) {
		report_skip(SKIP_CAPABILITY, "KVM_CAP_READONLY_MEM");
		return;
	}
	report_deciding("SLOT-11 SLOT-24");
	put(0, HERE, 0, KVM_MEM_READONLY);
	inside(HERE, "read-only");
	across(HERE, "the begin of a read-only slot");
	put(1, HERE + SIZE, 1, 0);
	across(HERE + SIZE, "where a read-only slot meets another");
	put(0, 0, 0, 0);
	put(0, HERE, 0, 0);
	inside(HERE, "deleted, and added again to be written");
	put(1, 0, 1, 0);
	put(1, HERE + SIZE, 1, KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES);
	across(HERE + SIZE, "where a slot meets a read-only one");
	put(1, HERE + 2 * SIZE, 1, KVM_MEM_READONLY);
	inside(HERE + 2 * SIZE, "read-only, moved");
	inside(HERE + SIZE, "read-only, moved");
}

static const struct line lines[] = {
	{ "an access beside slots that come, move and go is exactly that access",
	  "SLOT-04 SLOT-05 SLOT-24", changes },
	{ "a slot moved over itself", "SLOT-05 SLOT-24", moved_over_itself },
	{ "slots at guest addresses of whole pages", "SLOT-05 SLOT-15 SLOT-24", any_page },
	{ "accesses across the edges of slots", "SLOT-24", edges },
	{ "accesses inside and across the edges of read-only slots", "SLOT-11 SLOT-24", read_only },
};

static void begin(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(memory); i++)
		memory[i] = region_memory(SIZE);
	memset(places, 0, sizeof(places));
	worker_create(&worker);
	worker_map(&worker, HERE - SIZE, 5 * SIZE / (uint64_t)getpagesize());
}

static void end(void)
{
	worker_free(&worker);
	for (size_t i = 0; i < ARRAY_SIZE(memory); i++)
		region_free_memory(memory[i], SIZE);
}

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_around(begin, end);
	return report_run();
}
