// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page that was written stays in the dirty log, whatever happens to it after that.
 *
 * mem_slot/contract.md, DIRTY-01, DIRTY-07; api.rst, KVM_GET_DIRTY_LOG: the pages dirtied
 * since the last call. A process may discard, protect, share, swap or replace its memory
 * between the write and the call; a page that is lost on the way is lost in a migration.
 *
 * How it is seen: the guest writes some pages, reads others, leaves more alone; then each
 * of the histories of slot/history.h happens to all of them; the whole log is compared with
 * the set of pages written. The pages lie at the borders of segments of 1 and 2 MiB.
 */
#include <string.h>
#include <sys/mman.h>

#include "compat.h"
#include "case/report.h"
#include "guest/history_log.h"
#include "slot/backing.h"
#include "slot/region.h"

#define CLAUSES "DIRTY-01"
#define SLOT 9
#define HERE 0x40000000UL
#define THERE 0x100000000UL
#define FAR 0x180000000UL
#define MIB (1UL << 20)

static struct worker worker;
static uint8_t *memory;
static size_t page_size;

static struct outcome try_set(uint32_t slot, uint64_t gpa, uint64_t size, const uint8_t *at)
{
	struct region r = { .slot = slot,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = gpa,
			    .size = size,
			    .user = (uintptr_t)at };

	return region_set(worker.vm->fd, false, &r);
}

static void set(uint32_t slot, uint64_t gpa, uint64_t size, const uint8_t *at)
{
	struct outcome o = try_set(slot, gpa, size, at);

	TEST_ASSERT(o.ret == 0, "slot %u at %#llx, errno %d", slot, (unsigned long long)gpa, o.err);
}

/* @size bytes that nobody has touched, in which huge pages lie as a whole */
static uint8_t *fresh(size_t size)
{
	return (uint8_t *)(((uintptr_t)region_memory(size + 4 * MIB) + 4 * MIB - 1) & -(4 * MIB));
}

/* The guest has met each segment, at page @n of it: see mem_slot/page_history */
static void meet(const struct history_log *l, size_t n)
{
	for (size_t i = 0; i < l->count; i++) {
		uint64_t segment = l->page[i] * page_size & -MIB;

		worker_read(&worker, l->gpa + segment + n * page_size);
	}
}

static void run(struct history_log l, enum history h)
{
	l.worker = &worker;
	/* The end of a sparse slot has no more than three pages */
	meet(&l, l.size > 4 * MIB ? 1 : 4);
	history_log_line(&l, h);
}

/* Pages at both ends of four segments; of three, one is written, one read, one left alone */
static size_t border[13];

static void make_border(void)
{
	const size_t e = MIB / page_size;
	const size_t pages[] = { 0,	1,	   2,	      e - 1,	 e,
				 e + 1, 2 * e - 1, 2 * e + 1, 2 * e + 2, 3 * e - 1,
				 3 * e, 4 * e - 2, 4 * e - 1 };

	memcpy(border, pages, sizeof(border));
}

static void line(enum history h)
{
	set(SLOT, HERE, 4 * MIB, memory);
	run((struct history_log){ .slot = SLOT,
				  .gpa = HERE,
				  .size = 4 * MIB,
				  .memory = memory,
				  .page = border,
				  .count = ARRAY_SIZE(border) },
	    h);
	set(SLOT, HERE, 0, memory);
}

HISTORY_EACH(HISTORY_CHECK)

/* What the kernel does by other ways each: unmap, protect, copy */
static const enum history few[] = { HISTORY_UNTOUCHED, HISTORY_DISCARDED,
				    HISTORY_READ_ONLY_AND_BACK, HISTORY_FORKED };

static void moved(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(few); i++) {
		set(SLOT, HERE, 4 * MIB, memory);
		worker_write(&worker, HERE, 1);
		set(SLOT, THERE, 4 * MIB, memory);
		run((struct history_log){ .slot = SLOT,
					  .gpa = THERE,
					  .size = 4 * MIB,
					  .memory = memory,
					  .page = border,
					  .count = ARRAY_SIZE(border) },
		    few[i]);
		set(SLOT, THERE, 0, memory);
	}
}

static void adjacent(void)
{
	size_t each = MIB / page_size;
	const size_t pages[] = { 0, 1, 2, each / 2, each - 2, each - 1 };
	const size_t turned[] = { 1, 2, 3, each - 3, each - 2, each - 1 };

	for (uint32_t n = 0; n < 4; n++)
		set(SLOT + n, HERE + n * MIB, MIB, memory + n * MIB);
	for (uint32_t n = 0; n < 4; n++)
		for (size_t i = 0; i < ARRAY_SIZE(few); i++)
			run((struct history_log){ .slot = SLOT + n,
						  .gpa = HERE + n * MIB,
						  .size = MIB,
						  .memory = memory + n * MIB,
						  .page = n % 2 ? turned : pages,
						  .count = ARRAY_SIZE(pages) },
			    few[i]);
	for (uint32_t n = 0; n < 4; n++)
		set(SLOT + n, HERE + n * MIB, 0, memory);
}

/* 1 GiB and what a slot has at least, of which only these pages ever are */
static void sparse(void)
{
	static const uint64_t at[] = { 0,	  16 * MIB + 5, 512 * MIB - 1,
				       512 * MIB, 1023 * MIB,	1024 * MIB - 1 };
	uint64_t extra = compat_slot_unit() > 3 * page_size ? compat_slot_unit() : 3 * page_size;
	uint64_t size = 1024 * MIB + extra;
	uint8_t *large = fresh(size);
	size_t pages[ARRAY_SIZE(at) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		pages[i] = at[i] / page_size;
	pages[ARRAY_SIZE(at)] = size / page_size - 1;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		uint64_t segment = pages[i] * page_size & -MIB;

		worker_map(&worker, FAR + pages[i] * page_size, 1);
		if (!i || pages[i - 1] * page_size < segment)
			worker_map(&worker, FAR + segment + page_size, 1);
	}
	set(SLOT, FAR, size, large);
	/* Of this size a log takes its time: two are enough */
	for (size_t i = 1; i <= 2; i++)
		run((struct history_log){ .slot = SLOT,
					  .gpa = FAR,
					  .size = size,
					  .memory = large,
					  .page = pages,
					  .count = ARRAY_SIZE(pages) },
		    few[i]);
	set(SLOT, FAR, 0, large);
	munmap(large, size);
}

static const struct line lines[] = {
	HISTORY_EACH(HISTORY_LINE) /**/
	{ "a slot that was moved", CLAUSES, moved },
	{ "adjacent slots with a log each", CLAUSES, adjacent },
	{ "a slot of more than 1 GiB, hardly used", CLAUSES, sparse },
};

static void set_up(void)
{
	memory = fresh(4 * MIB);
	worker_create(&worker);
	worker_map(&worker, HERE, 4 * MIB / page_size);
	worker_map(&worker, THERE, 4 * MIB / page_size);
}

static void tear_down(void)
{
	worker_free(&worker);
	munmap(memory, 4 * MIB);
}

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = history_page_size();
	make_border();
	report_around(set_up, tear_down);
	return report_run();
}
