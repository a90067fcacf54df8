// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dirty log that is turned on and off over huge pages.
 *
 * mem_slot/contract.md, DIRTY-01, DIRTY-02, SLOT-05, SLOT-08; api.rst, KVM_GET_DIRTY_LOG and
 * KVM_SET_USER_MEMORY_REGION: hugetlbfs may back a slot, its flags may be changed.
 *
 * How it is seen: the guest has written all of the slot, so that KVM maps it in huge pages.
 * Then the log is turned on, which must find the next write to each single page, and off,
 * so that KVM may join pages again, and so on; or the slot is new and has a log from the first. All
 * that the guest has ever written is in the memory of the process. s390 keeps one dirty
 * bit for a huge page: there the rest of one that was written may be in the log.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"

#define SLOT 9
#define HERE 0x40000000UL
#define PAGE 4096UL
#define SIZE (4UL << 20) /* two huge pages of x86, four of s390 */
#define PAGES (SIZE / PAGE)
#define LOG KVM_MEM_LOG_DIRTY_PAGES

static struct worker worker;
static struct dirty_log the_log;
static struct pages must, may;
static uint8_t *memory;
static uint64_t expected[PAGES]; /* what each page begins with */

static void set(uint64_t size, uint32_t flags)
{
	struct region r = {
		.slot = SLOT, .flags = flags, .gpa = HERE, .size = size, .user = (uintptr_t)memory
	};
	struct outcome o = region_set(worker.vm->fd, false, &r);

	TEST_ASSERT(!o.ret, "the slot, errno %d", o.err);
}

static void begin(void)
{
	memory = region_huge_memory(SIZE);
	if (!memory) {
		report_skip(SKIP_RESOURCE, "needs huge pages, reserved or root (vm.nr_hugepages)");
		return;
	}
	if (!worker_create_huge(&worker)) {
		munmap(memory, SIZE);
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_S390_HPAGE_1M");
		return;
	}
	worker_map(&worker, HERE, PAGES);
	the_log = (struct dirty_log){ worker.vm->fd, SLOT, PAGES };
	must = pages_none(PAGES);
	may = pages_none(PAGES);
	memset(expected, 0, sizeof(expected));
}

static void end(void)
{
	pages_free(&must);
	pages_free(&may);
	worker_free(&worker);
	munmap(memory, SIZE);
}

/* The guest writes a page, which the next log must have */
static void writes(size_t page, uint64_t value)
{
	worker_write(&worker, HERE + page * PAGE, value);
	expected[page] = value;
	pages_put(&must, page);
	pages_put(&may, page);
#ifdef __s390x__
	for (size_t other = page & ~255UL; other <= (page | 255); other++)
		pages_put(&may, other);
#endif
}

/* One case each: the log, and the memory of the process */
static void check(const char *state)
{
	size_t wrong = 0;

	dirty_between(&the_log, &must, &may, state);
	pages_empty(&must);
	pages_empty(&may);
	for (size_t page = 0; page < PAGES; page++)
		wrong += *(volatile uint64_t *)(memory + page * PAGE) != expected[page];
	report_check(!wrong, state, "what the guest has written is in every page",
		     "%zu pages have other bytes", wrong);
}

/* Something in every huge page, or single pages at their borders */
static void writes_all(uint64_t value)
{
	for (size_t page = 0; page < PAGES; page += 64)
		writes(page, value + page);
}

static void writes_some(uint64_t value)
{
	static const size_t some[] = { 0, 1, 63, 255, 256, 511, PAGES - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(some); i++)
		writes(some[i], value + some[i]);
}

static void on_and_off(void)
{
	struct pages before = pages_none(PAGES);

	report_deciding("DIRTY-01 SLOT-05 SLOT-08");
	set(SIZE, 0);
	for (uint64_t round = 1; round <= 3; round++) {
		writes_all(round << 32);
		set(SIZE, LOG);
		/* What was written before may be in it (DIRTY-07) */
		dirty_get(&the_log, &before);
		pages_empty(&must);
		pages_empty(&may);
		check("the log was turned on");
		writes_some(round << 32 | 1UL << 16);
		check("single pages");
		writes(300, round);
		check("one page");
		writes(300, round + 1);
		check("the same page again");
		check("nothing");
		writes_all(round << 32 | 2UL << 16);
		check("pages all over it");
		writes(700, round);
		set(SIZE, 0);
		pages_empty(&must);
		pages_empty(&may);
		writes_some(round << 32 | 3UL << 16);
	}
	set(0, 0);
	pages_free(&before);
}

static void from_the_first(void)
{
	report_deciding("DIRTY-01 SLOT-08");
	for (uint64_t round = 1; round <= 2; round++) {
		struct pages before = pages_none(PAGES);

		set(SIZE, LOG);
		dirty_get(&the_log, &before);
		check("a new slot");
		writes(256, round);
		check("its first page that was written");
		writes_some(round << 32);
		check("single pages");
		writes_all(round << 32 | 1UL << 16);
		check("pages all over it");
		set(0, 0);
		pages_free(&before);
	}
}

static const struct line lines[] = {
	{ "a log is turned on and off over huge pages", "DIRTY-01 SLOT-05 SLOT-08", on_and_off },
	{ "huge pages in a slot that has a log from the first", "DIRTY-01 SLOT-08",
	  from_the_first },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(getpagesize() == PAGE, SKIP_ARCHITECTURE, "pages of 4 KiB");
	report_around(begin, end);
	return report_run();
}
