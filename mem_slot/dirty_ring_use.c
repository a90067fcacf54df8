// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings in use: they get full, their slots change, what is in them is spoilt.
 *
 * mem_slot/contract.md, RING-04 to RING-07; api.rst, KVM_CAP_DIRTY_LOG_RING. dirty_ring.c has
 * the rings themselves.
 *
 * How it is seen: two vCPUs write more pages than the smallest ring holds, to slots whose log is
 * turned on and off, which move and are deleted; the process writes nonsense into entries
 * before they are reset. No page that was written may be missing from the entries. At last the
 * process does what a migration does: it keeps a copy of what the guests write, by the
 * rings alone.
 */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "case/bytes.h"
#include "case/report.h"
#include "compat.h"
#include "guest/ring_pair.h"
#include "slot/backing.h"

#define SLOT 9
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define STORM 300

static struct ring_pair pair;
static uint64_t smallest;
static unsigned long rounds = 200;

/* -------------------------------------------------------------------------- the end */

/* In the guest: write the number of each page to it */
static uint64_t guest_writes_all(uint64_t pages)
{
	for (uint64_t page = 0; page < pages; page++)
		order_guest_access(RING_PAIR_HERE + page * 4096, 8, true, &page);
	return pages;
}

/* One case: what is in memory has an entry, now that the vCPU has come back */
static void full_ring(struct pages *found)
{
	size_t others = 0, lost = 0, count = ring_collect(&pair.rings[0], SLOT, found, &others);

	for (uint64_t page = 1; page < RING_PAIR_PAGES; page++)
		lost += *(volatile uint64_t *)(pair.memory + page * RING_PAIR_PAGE) &&
			!pages_has(found, page);
	report_check(!lost && !others && count, "the ring is full",
		     "all that was written has an entry",
		     "%zu pages have none, %zu of %zu entries are wrong", lost, others, count);
}

static void full(void)
{
	const struct order o = order_call(guest_writes_all, RING_PAIR_PAGES);
	struct pages found = pages_none(RING_PAIR_PAGES);
	size_t times = 0, missing = 0;

	ring_pair_open(&pair, smallest);
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, LOG);
	order_put(&pair.desks[0], &o, 1);
	for (; !ring_pair_goes_on(&pair, 0) && times < RING_PAIR_PAGES; times++) {
		report_check(!ring_pair_goes_on(&pair, 0), "KVM_RUN again",
			     "the ring is full as before", "the guest has run to its end");
		full_ring(&found);
		report_check(!ring_pair_goes_on(&pair, 0), "harvested, not reset",
			     "the ring is full as before", "the guest has run to its end");
		ring_pair_access(&pair, 1, RING_PAIR_HERE,
				 false); /* The other vCPU has a ring of its own */
		report_check(ring_reset(pair.vm).ret > 0, "KVM_RESET_DIRTY_RINGS",
			     "the number of entries", "none");
	}
	ring_collect(&pair.rings[0], SLOT, &found, &missing);
	for (uint64_t page = 0; page < RING_PAIR_PAGES; page++)
		missing += !pages_has(&found, page);
	report_check(!missing && times && times < RING_PAIR_PAGES, "all pages were written",
		     "all had an entry, none got lost when the ring was full",
		     "%zu had none, the ring was full %zu times", missing, times);
	report_note("full", (double)times, "times");
	pages_free(&found);
	ring_pair_close(&pair);
}

/* ---------------------------------------------------------------------------- slots */

static void with_slots(void)
{
	size_t count;

	ring_pair_open(&pair, ring_most_bytes());
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, 0);
	ring_pair_access(&pair, 0, RING_PAIR_HERE + 3 * RING_PAIR_PAGE, true);
	ring_pair_access(&pair, 0, RING_PAIR_HERE + 4 * RING_PAIR_PAGE, true);
	ring_pair_harvest(&pair, 0, SLOT, "a slot without a log");
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, LOG);
	ring_pair_writes(&pair, 0, 3);
	count = ring_pair_harvest(&pair, 0, SLOT,
				  "its log turned on, a page written before and after");
	ring_pair_reset(&pair, count, "its log turned on");
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, 0);
	ring_pair_access(&pair, 0, RING_PAIR_HERE + 3 * RING_PAIR_PAGE, true);
	ring_pair_access(&pair, 0, RING_PAIR_HERE + 5 * RING_PAIR_PAGE, true);
	ring_pair_harvest(&pair, 0, SLOT, "its log turned off");
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, LOG);
	ring_pair_writes(&pair, 0, 5);
	count = ring_pair_harvest(&pair, 0, SLOT, "and on again");
	ring_pair_slot(&pair, SLOT, RING_PAIR_AWAY, RING_PAIR_PAGES, LOG);
	ring_pair_reset(&pair, count, "entries of a slot that was moved");
	ring_pair_access(&pair, 0, RING_PAIR_AWAY + 5 * RING_PAIR_PAGE, true);
	ring_pair_access(&pair, 0, RING_PAIR_AWAY + 6 * RING_PAIR_PAGE, true);
	pages_put(&pair.written, 5);
	pages_put(&pair.written, 6);
	count = ring_pair_harvest(&pair, 0, SLOT, "written where it was moved to");
	ring_pair_slot(&pair, SLOT, 0, 0, 0);
	ring_pair_reset(&pair, count, "entries of a slot that was deleted");
	ring_pair_slot(&pair, SLOT + 1, RING_PAIR_HERE, RING_PAIR_PAGES / 2, LOG);
	ring_pair_slot(&pair, SLOT + 2, RING_PAIR_HERE + RING_PAIR_PAGES / 2 * RING_PAIR_PAGE,
		       RING_PAIR_PAGES / 2, LOG);
	ring_pair_writes(&pair, 0, 7);
	count = ring_pair_harvest(&pair, 0, SLOT + 1, "the first of two slots");
	ring_pair_access(&pair, 1, RING_PAIR_HERE + (RING_PAIR_PAGES / 2 + 8) * RING_PAIR_PAGE,
			 true);
	pages_put(&pair.written, 8);
	count += ring_pair_harvest(&pair, 1, SLOT + 2, "the second of two slots");
	ring_pair_reset(&pair, count, "entries of two slots, in the rings of two vCPUs");
	ring_pair_close(&pair);
}

/* What the process may make of an entry before it is reset: KVM has to be safe from it */
static void spoilt(void)
{
	const uint32_t slots[] = { SLOT, SLOT + 1, 0xffff, 0x70000 | SLOT, UINT32_MAX };
	const uint64_t offsets[] = { 0,
				     62,
				     63,
				     64,
				     RING_PAIR_PAGES - 1,
				     RING_PAIR_PAGES,
				     1UL << 52,
				     1UL << 63,
				     UINT64_MAX - 63,
				     UINT64_MAX };
	size_t page = 0, count = 0;

	ring_pair_open(&pair, ring_most_bytes());
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, LOG);
	for (size_t s = 0; s < ARRAY_SIZE(slots); s++)
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
			for (size_t then = 0; then < ARRAY_SIZE(offsets); then++)
				ring_pair_writes(&pair, 0, page++ % RING_PAIR_PAGES);
	while (ring_flags(&pair.rings[0], 0) == KVM_DIRTY_GFN_F_DIRTY) {
		struct kvm_dirty_gfn *entry = &pair.rings[0].entries[pair.rings[0].next++];
		size_t n = count++ / 2;

		/* Each offset behind each other one: those of one slot are reset together */
		entry->slot =
			slots[n / ARRAY_SIZE(offsets) / ARRAY_SIZE(offsets) % ARRAY_SIZE(slots)];
		entry->offset = offsets[count % 2 ? n % ARRAY_SIZE(offsets)
						  : n / ARRAY_SIZE(offsets) % ARRAY_SIZE(offsets)];
		__atomic_store_n(&entry->flags, UINT32_MAX, __ATOMIC_RELEASE);
	}
	ring_pair_reset(&pair, count,
			"slots and offsets that the process has written into entries");
	pages_empty(&pair.written);
	/* Pages that KVM was not told of are not tracked, and one that it was told of is */
	ring_pair_writes(&pair, 0, RING_PAIR_PAGES - 1);
	count = ring_pair_harvest(&pair, 0, SLOT, "a page written after that");
	ring_pair_reset(&pair, count, "a page written after that");
	ring_pair_close(&pair);
}

/* -------------------------------------------------------------------------- migration */

static volatile bool stop;

/* In the guest: numbers that go up, to pages in a shuffled order, each vCPU at its own word */
static uint64_t guest_storm(uint64_t number)
{
	uint64_t word = number & 1, from = number / 2 * STORM;

	for (uint64_t i = from; i < from + STORM; i++)
		order_guest_access(RING_PAIR_HERE + i * 37 % RING_PAIR_PAGES * 4096 + 8 * word, 8,
				   true, &i);
	return number;
}

/* Until it is told to stop, and its orders are carried out */
static void *storm_thread(void *argument)
{
	unsigned int v = *(unsigned int *)argument;

	for (uint64_t number = v; !stop; number += 2) {
		const struct order o = order_call(guest_storm, number);

		order_put(&pair.desks[v], &o, 1);
		while (!ring_pair_goes_on(&pair, v))
			sched_yield();
	}
	return argument;
}

/* As a migration does; returns how many pages it copied */
static size_t copy_dirty(uint8_t *copy)
{
	struct pages found = pages_none(RING_PAIR_PAGES);
	size_t others = 0, count = 0;

	for (unsigned int v = 0; v < RING_PAIR_VCPUS; v++)
		ring_collect(&pair.rings[v], SLOT, &found, &others);
	TEST_ASSERT(!others, "%zu entries are wrong", others);
	/* Before the pages are read: what is written from here on gets another entry */
	TEST_ASSERT(ring_reset(pair.vm).ret >= 0, "KVM_RESET_DIRTY_RINGS");
	for (uint64_t page = 0; page < RING_PAIR_PAGES; page++)
		if (pages_has(&found, page)) {
			bytes_copy(copy + page * RING_PAIR_PAGE,
				   pair.memory + page * RING_PAIR_PAGE, RING_PAIR_PAGE);
			count++;
		}
	pages_free(&found);
	return count;
}

static void while_they_write(void)
{
	static unsigned int numbers[RING_PAIR_VCPUS] = { 0, 1 };
	uint8_t *copy;
	pthread_t threads[RING_PAIR_VCPUS];
	size_t copied = 0;
	long differs;

	ring_pair_open(&pair, smallest);
	copy = region_memory(RING_PAIR_PAGES * RING_PAIR_PAGE);
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, LOG);
	stop = false;
	for (unsigned int v = 0; v < RING_PAIR_VCPUS; v++)
		pthread_create(&threads[v], NULL, storm_thread, &numbers[v]);
	for (unsigned long i = 0; i < rounds; i++) {
		usleep(1000);
		copied += copy_dirty(copy);
	}
	stop = true;
	for (unsigned int v = 0; v < RING_PAIR_VCPUS; v++)
		/* Its ring may be full still */
		while (pthread_tryjoin_np(threads[v], NULL))
			copied += copy_dirty(copy);
	copied += copy_dirty(copy);
	report_deciding("RING-05 RING-06");
	differs = bytes_differ(copy, pair.memory, RING_PAIR_PAGES * RING_PAIR_PAGE);
	report_check(differs < 0, "pages copied whenever a ring had them",
		     "the copy is what the guest has", "page %ld is not",
		     differs / (long)RING_PAIR_PAGE);
	report_check(copied > RING_PAIR_PAGES, NULL, "more copies than there are pages",
		     "%zu pages were copied", copied);
	report_note("copied", (double)copied, "pages");
	region_free_memory(copy, RING_PAIR_PAGES * RING_PAIR_PAGE);
	ring_pair_close(&pair);
}

static const struct line lines[] = {
	{ "a full ring ends KVM_RUN until it is reset, and loses nothing", "RING-06", full },
	{ "logs turned on and off, slots moved and deleted", "RING-04", with_slots },
	{ "what the process writes into entries does no harm (observed)", "RING-07", spoilt },
	{ "rings are harvested while two vCPUs write: nothing is lost", "RING-05 RING-06",
	  while_they_write },
};

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--rounds", "how often the rings are read while the guests write", &rounds },
	};
	const char *why;

	report_numbers(numbers, ARRAY_SIZE(numbers));
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(getpagesize() == RING_PAIR_PAGE, SKIP_ARCHITECTURE, "pages of 4 KiB");
	report_need(ring_capability(), SKIP_CAPABILITY, "KVM_CAP_DIRTY_LOG_RING");
	smallest = ring_least_bytes();
	return report_run();
}
