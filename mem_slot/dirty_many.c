// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logs of several slots, of a large one, and while the guest writes.
 *
 * mem_slot/contract.md, DIRTY-01, DIRTY-02, DIRTY-13; api.rst, KVM_GET_DIRTY_LOG.
 *
 * How it is seen: slots side by side of which some have a log, written on both sides
 * of each border; a slot of more than 1 GiB of which a few pages are ever touched; and
 * what user space does that migrates a guest: it reads the log again and again while
 * the guest writes, and copies the pages that are in it. When the guest has
 * stopped and the last log is copied, the copy must be what the guest has.
 *
 * Over 300 lines: the sizes that only many segments show, each with its own check.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/bytes.h"
#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"
#include "slot/request.h"

#define SLOT 9
#define HERE 0x80000000UL
#define SLOTS 5
#define MIB (1UL << 20)
#define STORM_PAGES 600UL
#define STORM 500

static struct worker worker;
static uint64_t page_size, unit;
static unsigned long rounds = 20;

static void begin(void)
{
	worker_create(&worker);
}

static void end(void)
{
	worker_free(&worker);
}

static void set(uint32_t slot, uint64_t gpa, uint64_t size, uint8_t *memory, uint32_t flags)
{
	struct region r = {
		.slot = slot, .flags = flags, .gpa = gpa, .size = size, .user = (uintptr_t)memory
	};
	struct outcome o = region_set(worker.vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "slot %u, errno %d", slot, o.err);
}

/* Slots of one and two MiB side by side; the bits are which of them have a log */
static struct {
	uint64_t gpa, size;
	struct dirty_log log;
	struct pages dirty;
} slots[SLOTS];

static void lay_out(uint8_t *memory, unsigned int logged)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < SLOTS; i++) {
		slots[i].gpa = HERE + at;
		slots[i].size = (i % 2 + 1UL) << 20;
		slots[i].log =
			(struct dirty_log){ worker.vm->fd, SLOT + i, slots[i].size / page_size };
		slots[i].dirty = pages_none(slots[i].log.pages);
		/* Their memory lies the other way round */
		set(SLOT + i, slots[i].gpa, slots[i].size,
		    memory + (SLOTS << 21) - at - slots[i].size,
		    logged >> i & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0);
		at += slots[i].size;
	}
}

static void guest_writes(uint32_t i, size_t page)
{
	worker_write(&worker, slots[i].gpa + page * page_size, page);
	pages_put(&slots[i].dirty, page);
}

static void check_logs(unsigned int logged, const char *state)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (logged >> i & 1) {
			dirty_is(&slots[i].log, &slots[i].dirty, state);
		} else {
			struct pages ignored = pages_none(slots[i].log.pages);

			report_outcome(outcome_error(ENOENT), dirty_get(&slots[i].log, &ignored),
				       "the log of a slot that has none");
			pages_free(&ignored);
		}
		pages_empty(&slots[i].dirty);
	}
}

static void side_by_side(void)
{
	static const unsigned int patterns[] = { 0x1f, 0x15, 0x0a, 0x04 };

	worker_map(&worker, HERE, (SLOTS << 21) / page_size);
	for (size_t n = 0; n < ARRAY_SIZE(patterns); n++) {
		unsigned int logged = patterns[n];
		/* Of its own: a log may have what was written to its memory before (DIRTY-07) */
		uint8_t *memory = region_memory(SLOTS << 21);
		struct pages before = pages_none(512);

		lay_out(memory, logged);
		for (uint32_t i = 0; i < SLOTS; i++) {
			guest_writes(i, 0);
			guest_writes(i, slots[i].log.pages - 1);
			guest_writes(i, 100 + i);
		}
		check_logs(logged, "each written at both ends");
		guest_writes(1, 300);
		check_logs(logged, "one slot written");
		/* The log of one goes off and on, the others go on */
		guest_writes(0, 7);
		guest_writes(2, 8);
		set(SLOT + 1, slots[1].gpa, slots[1].size,
		    memory + (SLOTS << 21) - (slots[1].gpa - HERE) - slots[1].size,
		    logged & 2 ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
		logged ^= 2;
		if (logged & 2)
			dirty_get(&slots[1].log, &before);
		guest_writes(1, 9);
		guest_writes(4, 10);
		check_logs(logged, "the log of one slot turned off or on");
		for (uint32_t i = 0; i < SLOTS; i++) {
			pages_free(&slots[i].dirty);
			set(SLOT + i, 0, 0, NULL, 0);
		}
		pages_free(&before);
		region_free_memory(memory, SLOTS << 21);
	}
}

/* A GiB and three pages, or MiB where these are the unit: almost all of it is never touched */
static void large(void)
{
	const uint64_t size = (1UL << 30) + 3 * unit;
	const size_t pages = size / page_size;
	const size_t at[] = { 0,
			      1,
			      255,
			      256,
			      511,
			      512,
			      65535,
			      65536,
			      131071,
			      131072,
			      200000,
			      262143,
			      262144 < pages ? 262144 : 1,
			      pages - 2,
			      pages - 1 };
	struct dirty_log log = { worker.vm->fd, SLOT, pages };
	struct pages all = pages_none(pages);
	uint8_t *memory = region_memory(size);

	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		if (!pages_has(&all, at[i])) {
			worker_map(&worker, HERE + at[i] * page_size, 1);
			pages_put(&all, at[i]);
		}
	set(SLOT, HERE, size, memory, KVM_MEM_LOG_DIRTY_PAGES);
	report_deciding("DIRTY-01");
	dirty_is_empty(&log, "a new slot");
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		worker_write(&worker, HERE + at[i] * page_size, i);
		if (i % 4 == 3)
			dirty_get(&log, &all);
	}
	worker_write(&worker, HERE + (pages - 1) * page_size, 1);
	dirty_get(&log, &all);
	pages_empty(&all);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		worker_write(&worker, HERE + at[i] * page_size, i);
		pages_put(&all, at[i]);
	}
	dirty_is(&log, &all, "pages all over it");
	for (size_t i = 0; i < ARRAY_SIZE(at); i += 3) {
		worker_write(&worker, HERE + at[i] * page_size, i);
		dirty_is_only(&log, at[i], "one page");
	}
	report_deciding("DIRTY-02");
	dirty_is_empty(&log, "asked again");
	set(SLOT, 0, 0, NULL, 0);
	region_free_memory(memory, size);
	pages_free(&all);
}

/* Offsets into it do not fit into 32 bits; all that is written lies beyond */
static void beyond_4_gib(void)
{
	const uint64_t size = (4UL << 30) + (unit > MIB ? unit : MIB);
	const size_t pages = size / page_size, fourth = (4UL << 30) / page_size;
	const size_t at[] = { fourth, fourth + 5, pages - 1 };
	struct dirty_log log = { worker.vm->fd, SLOT, pages };
	struct pages written = pages_none(pages);
	uint8_t *memory = region_memory(size), byte = 1;
	bool right = true;
	int why;

	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		worker_map(&worker, HERE + at[i] * page_size, 1);
	set(SLOT, HERE, size, memory, KVM_MEM_LOG_DIRTY_PAGES);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		worker_write(&worker, HERE + at[i] * page_size, i + 1);
		pages_put(&written, at[i]);
		right &= *(volatile uint64_t *)(memory + at[i] * page_size) == i + 1;
	}
	/* What user space writes through KVM takes another way into the log */
	if (request_there() && request_move(worker.vm->fd, true, HERE + (fourth + 9) * page_size,
					    &byte, 1, &why) == REQUEST_DONE)
		pages_put(&written, fourth + 9);
	report_check(right, "the guest writes beyond 4 GiB", "the process finds it there",
		     "it does not");
	dirty_is(&log, &written, "pages beyond the first 4 GiB");
	pages_empty(&written);
	dirty_is(&log, &written, "asked again");
	set(SLOT, 0, 0, NULL, 0);
	region_free_memory(memory, size);
	pages_free(&written);
}

/* In the guest: numbers that go up, to pages in a shuffled order */
static uint64_t guest_storm(uint64_t number)
{
	for (uint64_t i = 0; i < STORM; i++) {
		uint64_t page = (number * STORM + i) * 37 % STORM_PAGES, value = number * STORM + i;

		order_guest_access(HERE + page * 4096 + 8 * (page % 500), 8, true, &value);
	}
	return number;
}

static volatile bool stop;

static void *storm_thread(void *argument)
{
	for (uint64_t number = 1; !stop; number++)
		worker_call(&worker, guest_storm, number);
	return argument;
}

/* Copy what is in the log, as a migration does; returns how many pages */
static size_t copy_dirty(const struct dirty_log *log, const uint8_t *memory, uint8_t *copy,
			 struct pages *found)
{
	size_t count = 0;

	TEST_ASSERT(!dirty_get(log, found).ret, "KVM_GET_DIRTY_LOG");
	for (size_t page = 0; page < log->pages; page++)
		if (pages_has(found, page)) {
			bytes_copy(copy + page * page_size, memory + page * page_size, page_size);
			count++;
		}
	return count;
}

static void compare_copy(const struct dirty_log *log, const uint8_t *memory, const uint8_t *copy)
{
	size_t lost = 0, first = 0;

	for (size_t page = 0; page < log->pages; page++)
		if (bytes_differ(copy + page * page_size, memory + page * page_size, page_size) >=
		    0) {
			if (!lost++)
				first = page;
		}
	report_check(!lost, "pages copied whenever the log had them",
		     "the copy is what the guest has", "%zu pages are not, the first is page %zu",
		     lost, first);
}

static void while_the_guest_writes(void)
{
	const uint64_t size = (STORM_PAGES * page_size + unit - 1) & -unit;
	struct dirty_log log = { worker.vm->fd, SLOT, size / page_size };
	struct pages found = pages_none(log.pages);
	uint8_t *memory = region_memory(size), *copy = region_memory(size);
	size_t copied = 0;
	pthread_t thread;

	worker_map(&worker, HERE, size / page_size);
	for (unsigned int round = 0; round < 2; round++) {
		set(SLOT, HERE, size, memory, KVM_MEM_LOG_DIRTY_PAGES);
		stop = false;
		bytes_copy(copy, memory, size);
		pthread_create(&thread, NULL, storm_thread, NULL);
		for (unsigned long i = 0; i < rounds; i++) {
			usleep(2000);
			copied += copy_dirty(&log, memory, copy, &found);
		}
		stop = true;
		pthread_join(thread, NULL);
		copied += copy_dirty(&log, memory, copy, &found);
		compare_copy(&log, memory, copy);
		dirty_is_empty(&log, "asked again, the guest has stopped");
		set(SLOT, 0, 0, NULL, 0);
	}
	report_note("copied", (double)copied, "pages");
	report_check(copied > STORM_PAGES, NULL, "more copies than there are pages",
		     "%zu pages were copied", copied);
	region_free_memory(memory, size);
	region_free_memory(copy, size);
	pages_free(&found);
}

static const struct line lines[] = {
	{ "slots side by side, some of them logged", "DIRTY-01", side_by_side },
	{ "a slot of more than 1 GiB", "DIRTY-01 DIRTY-02", large },
	{ "a slot of more than 4 GiB", "DIRTY-01", beyond_4_gib },
	{ "the log is read while the guest writes: nothing is lost", "DIRTY-13",
	  while_the_guest_writes },
};

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--rounds", "how often the log is read while the guest writes", &rounds },
	};
	const char *why;

	report_numbers(numbers, ARRAY_SIZE(numbers));
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = (uint64_t)getpagesize();
	report_need(page_size == 4096, SKIP_ARCHITECTURE, "pages of 4 KiB");
	unit = compat_slot_unit();
	report_around(begin, end);
	return report_run();
}
