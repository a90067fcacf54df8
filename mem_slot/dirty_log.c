// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_DIRTY_LOG: exactly the pages that were written.
 *
 * mem_slot/contract.md, DIRTY; api.rst, KVM_GET_DIRTY_LOG. KVM_CLEAR_DIRTY_LOG is
 * mem_slot/dirty_clear, what MEM_OP marks is memop/recording.
 *
 * How it is seen: the guest writes single pages, the first, the last, around the
 * borders of the bitmap's words and of segments of 1 MiB, or only reads them. The
 * whole bitmap, bits behind the slot included, is compared after each call with the
 * set of pages written since.
 *
 * Over 300 lines: each way to write a page, and each to read the log.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/dirty_log.h"
#include "slot/region.h"
#include "slot/request.h"

#define SLOT 9
#define HERE 0x40000000UL
#define THERE 0x48000000UL

static struct worker worker;
static struct dirty_log the_log;
static uint8_t *memory;
static uint64_t page_size;
static size_t pages; /* of the slot: three segments, and an odd number where that may be */

static void set(uint64_t gpa, uint64_t size, uint32_t flags)
{
	struct region r = {
		.slot = SLOT, .flags = flags, .gpa = gpa, .size = size, .user = (uintptr_t)memory
	};
	struct outcome o = region_set(worker.vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "the slot, errno %d", o.err);
}

static void begin(void)
{
	worker_create(&worker);
	worker_map(&worker, HERE, pages);
	worker_map(&worker, THERE, pages);
	memory = region_memory(pages * page_size);
	the_log = (struct dirty_log){ .vm_fd = worker.vm->fd, .slot = SLOT, .pages = pages };
	set(HERE, pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
}

static void end(void)
{
	worker_free(&worker);
	region_free_memory(memory, pages * page_size);
}

static void guest_writes(uint64_t gpa, size_t page)
{
	worker_write(&worker, gpa + page * page_size + page % 500 * 8, page);
}

/* Borders of bytes, of words, of segments of 256 pages; n from the end is -n */
static const int single[] = { 0,   1,	7,   8,	  62,  63,  64,	 65,  127, 128, 191, 192, 254,
			      255, 256, 257, 319, 320, 511, 512, 513, -1,  -2,	-64, -65 };

static size_t page_of(size_t i)
{
	return single[i] < 0 ? pages - (size_t)-single[i] : (size_t)single[i];
}

static void each_page(void)
{
	dirty_is_empty(&the_log, "a new slot");
	for (size_t i = 0; i < ARRAY_SIZE(single); i++) {
		size_t page = page_of(i);

		guest_writes(HERE, page);
		report_deciding("DIRTY-01 DIRTY-06");
		dirty_is_only(&the_log, page, "one page written");
		report_deciding("DIRTY-02");
		dirty_is_empty(&the_log, "asked again");
		report_deciding("DIRTY-01 DIRTY-06");
		guest_writes(HERE, page);
		guest_writes(HERE, page);
		dirty_is_only(&the_log, page, "written twice");
	}
}

static void only_read(size_t page)
{
	struct pages none = pages_none(pages), read = pages_none(pages);

	pages_put(&read, page);
	dirty_is_or(&the_log, &none, &read, deviation_of_read_page(),
		    "the guest reads a page that the process has written");
	pages_free(&none);
	pages_free(&read);
}

static void read_pages(void)
{
	struct pages ignored = pages_none(pages);

	/* The guest has met each segment before */
	for (size_t page = 100; page < pages; page += 100)
		worker_read(&worker, HERE + page * page_size);
	for (size_t i = 0; i < ARRAY_SIZE(single); i++) {
		uint64_t at = page_of(i) * page_size;

		*(volatile uint64_t *)(memory + at) = i;
		/*
		 * Whether what the process itself writes is logged is not said anywhere. s390
		 * does, once the guest has met the slot.
		 */
		dirty_get(&the_log, &ignored);
		worker_read(&worker, HERE + at);
		only_read(page_of(i));
	}
	pages_free(&ignored);
}

/* Memory that nobody has written has the zero page, which is written by nobody */
static void untouched_pages(void)
{
	struct pages none = pages_none(pages), read = pages_none(pages);

	for (size_t i = 0; i < ARRAY_SIZE(single); i++) {
		worker_read(&worker, HERE + page_of(i) * page_size);
		pages_empty(&read);
		pages_put(&read, page_of(i));
		dirty_is_or(&the_log, &none, &read, deviation_of_untouched_page(),
			    "the guest reads a page that was never written");
	}
	pages_free(&none);
	pages_free(&read);
	guest_writes(HERE, 256);
	dirty_is_only(&the_log, 256, "one of them is written");
}

static void many_pages(void)
{
	struct pages some = pages_none(pages);

	for (size_t step = 1; step < pages; step = step * 3 + 1) {
		pages_empty(&some);
		for (size_t page = step / 2; page < pages; page += step) {
			guest_writes(HERE, page);
			pages_put(&some, page);
		}
		report_deciding("DIRTY-01");
		dirty_is(&the_log, &some, "every n-th page written");
	}
	report_deciding("DIRTY-02");
	dirty_is_empty(&the_log, "asked again");
	pages_free(&some);
}

/* Pages written before: the log may have them or not */
static void logged_again(size_t before, const char *state)
{
	struct pages must = pages_none(pages), may = pages_none(pages);

	guest_writes(HERE, pages - 1);
	guest_writes(HERE, 6);
	pages_put(&must, 6);
	pages_put(&must, pages - 1);
	pages_add(&may, &must);
	pages_put(&may, before);
	dirty_between(&the_log, &must, &may, state);
	dirty_is_empty(&the_log, "asked again");
	pages_free(&must);
	pages_free(&may);
}

static void recreated(void)
{
	report_deciding("DIRTY-01 DIRTY-07");
	guest_writes(HERE, 300);
	set(HERE, 0, 0);
	set(HERE, pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	logged_again(300, "deleted and added again, then written");

	set(HERE, pages * page_size, 0);
	guest_writes(HERE, 5);
	guest_writes(HERE, 6);
	set(HERE, pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	logged_again(5, "logging off and on again, then written");
}

/* A move takes the log along: it is the same slot, and logging was on all the time */
static void moved_to(uint64_t from, uint64_t to, size_t met)
{
	struct pages written = pages_none(pages), known = pages_none(pages);

	uint8_t byte = 1;
	int why;

	guest_writes(from, 300);
	guest_writes(from, 5);
	/* What user space writes through KVM is in the log at once, but where KVM maps it for that
	 */
	if (request_there() && request_move(worker.vm->fd, true, from + 600 * page_size, &byte, 1,
					    &why) == REQUEST_DONE) {
		pages_put(&written, 600);
		if (!compat_new_memory_management())
			pages_put(&known, 600);
	}
	set(to, pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	worker_read(&worker, to + met * page_size);
	pages_put(&written, 300);
	pages_put(&written, 5);
	/* What is left of it: what the guest has met again; with new tables nothing */
	if (!compat_new_memory_management())
		pages_put(&known, met / 256 ? 300 : 5);
	if (deviation_of_untouched_page())
		pages_put(&known, met);
	dirty_is_or(&the_log, &written, &known, fault_of_moved_log(), "written, then moved");
	/* What was missing turns up when the guest has met it, and is no matter of this case */
	worker_read(&worker, to + 299 * page_size);
	worker_read(&worker, to + 4 * page_size);
	worker_read(&worker, to + 601 * page_size);
	dirty_get(&the_log, &known);
	guest_writes(to, 6);
	dirty_is_only(&the_log, 6, "moved, then written");
	pages_free(&written);
	pages_free(&known);
}

static void moved(void)
{
	moved_to(HERE, THERE, 256);
	moved_to(THERE, HERE, 7);
}

static void refused_by(uint32_t slot, int err, const char *request)
{
	struct dirty_log log = the_log;
	struct pages found = pages_none(pages);

	log.slot = slot;
	report_outcome(outcome_error(err), dirty_get(&log, &found), request);
	pages_free(&found);
}

static void refused(void)
{
	int spaces = kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE);
	uint32_t limit = (uint32_t)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);

	refused_by(SLOT + 1, ENOENT, "a slot that is not there");
	refused_by(limit - 1, ENOENT, "the last slot, not there");
	refused_by(limit, EINVAL, "a slot beyond the limit by one");
	refused_by(0xffff, EINVAL, "a slot beyond the limit");
	refused_by((uint32_t)(spaces > 1 ? spaces : 1) << 16 | SLOT, EINVAL,
		   "an address space that is not there");
	report_outcome(outcome_error(EFAULT), dirty_get_to(&the_log, NULL), "a bitmap at NULL");
	set(HERE, pages * page_size, 0);
	refused_by(SLOT, ENOENT, "a slot without a log");
	set(HERE, 0, 0);
	refused_by(SLOT, ENOENT, "a slot that is deleted");
}

/* A call that fails has reported nothing: the next one has all of it */
static void failed_call(void)
{
	uint8_t *two = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pages written = pages_none(pages), none = pages_none(pages);

	TEST_ASSERT(two != MAP_FAILED && !mprotect(two + page_size, page_size, PROT_NONE), "mmap");
	for (int round = 0; round < 2; round++) {
		guest_writes(HERE, 3);
		guest_writes(HERE, pages - 1);
		pages_put(&written, 3);
		pages_put(&written, pages - 1);
		report_outcome(outcome_error(EFAULT),
			       dirty_get_to(&the_log, round ? two + page_size - 8 : NULL),
			       round ? "a bitmap whose end cannot be written" : "a bitmap at NULL");
		dirty_is_or(&the_log, &written, &none, deviation_of_failed_log(),
			    "asked again after EFAULT");
		dirty_is_empty(&the_log, "asked once more");
	}
	pages_free(&written);
	pages_free(&none);
	munmap(two, 2 * page_size);
}

/* The guest writes in address space 0; a slot of the same id elsewhere has its own log */
static void address_spaces(void)
{
	struct region r = { .slot = 1U << 16 | SLOT,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = HERE,
			    .size = pages * page_size,
			    .user = (uintptr_t)memory };
	struct dirty_log other = the_log;

	if (kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE) <= 1) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_MULTI_ADDRESS_SPACE");
		return;
	}
	other.slot = r.slot;
	region_case(worker.vm->fd, false, &r, outcome_success(), "in another address space");
	guest_writes(HERE, 65);
	dirty_is_empty(&other, "the other address space");
	dirty_is_only(&the_log, 65, "address space 0");
	r.size = 0;
	region_case(worker.vm->fd, false, &r, outcome_success(), "deleted there");
	refused_by(r.slot, ENOENT, "the deleted slot's log");
	guest_writes(HERE, 65);
	dirty_is_only(&the_log, 65, "address space 0, written again");
}

static const struct line lines[] = {
	{ "single pages, at the borders of words and segments", "DIRTY-01 DIRTY-02 DIRTY-06",
	  each_page },
	{ "pages that the guest only reads", "DIRTY-01", read_pages },
	{ "pages that nobody has written, read by the guest", "DIRTY-01", untouched_pages },
	{ "many pages", "DIRTY-01 DIRTY-02", many_pages },
	{ "slots that are made anew", "DIRTY-01 DIRTY-07", recreated },
	{ "slots that are moved keep what is in their log", "DIRTY-01", moved },
	{ "requests that are refused (observed)", "DIRTY-08", refused },
	{ "a call that fails loses nothing", "DIRTY-08", failed_call },
	{ "address spaces have logs of their own", "DIRTY-09", address_spaces },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = (uint64_t)getpagesize();
	pages = compat_slot_unit() == page_size ? 3 * 256 + 13 : 3 * 256;
	report_around(begin, end);
	return report_run();
}
