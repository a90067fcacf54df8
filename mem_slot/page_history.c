// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest and process share a page, whatever its history.
 *
 * mem_slot/contract.md, SLOT-09, DIRTY-01; api.rst, KVM_SET_USER_MEMORY_REGION:
 * with KVM_CAP_SYNC_MMU what the process does to the memory behind a slot is seen by the
 * guest at once.
 *
 * How it is seen: a page that was never touched gets a history (slot/history.h), then
 * guest and process read and write it in turn. Held against what must be: values, the
 * bytes of the whole page and of the pages on both sides, the copy that a child process
 * has, the whole dirty log. A history that KVM does not follow shows old bytes, loses a
 * write, or loses the page in the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "compat.h"
#include "case/bytes.h"
#include "case/report.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/history.h"
#include "slot/region.h"

#define CLAUSES "SLOT-09 DIRTY-01"
#define SLOT 9
#define SIZE (4UL << 20)
#define HERE 0x40000000UL

static struct worker worker;
static uint8_t *memory, *log_bits;
static size_t page_size, pages, next_page;
static struct history_page page;
static const char *step; /* of the case, in words */

static void set(uint64_t size)
{
	struct region r = { .slot = SLOT,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = HERE,
			    .size = size,
			    .user = (uintptr_t)memory };
	struct outcome o = region_set(worker.vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "the slot, errno %d", o.err);
}

static void fresh_slot(void)
{
	if (next_page)
		set(0);
	TEST_ASSERT(mmap(memory, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == memory,
		    "mmap");
	set(SIZE);
	/*
	 * Whether the log has what the process itself writes is said nowhere. s390 logs it until
	 * the guest has met the segment.
	 */
	for (size_t n = 0; n < pages; n += pages / 8)
		worker_read(&worker, HERE + (n + 2) / 3 * 3 * page_size);
	next_page = 1;
}

static void wrong(enum history h, const char *clause, const char *expected, const char *observed,
		  long offset)
{
	char state[160];

	snprintf(state, sizeof(state), "a page that %s; %s", history_name(h), step);
	report_fail(&(struct finding){ .clause = clause,
				       .state = state,
				       .expected = expected,
				       .observed = observed,
				       .offset = offset });
}

static void take_log(void)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = log_bits };

	TEST_ASSERT(!ioctl(worker.vm->fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
}

static void guest(struct history_page *p, bool write)
{
	uint64_t value;

	memcpy(&value, p->bytes, sizeof(value));
	if (write)
		worker_write(&worker, p->gpa, value);
	else
		worker_read(&worker, p->gpa);
}

static void allow(void *arg)
{
	history_allow(arg);
}

/* The neighbours hold bytes of their own */
static void fill_neighbours(uint8_t *at)
{
	for (int side = -1; side <= 1; side += 2)
		bytes_copy(at + side * (long)page_size, bytes_rest(0), page_size);
}

enum access { GUEST_READS, GUEST_WRITES, HOST_WRITES, ACCESSES };

/* ------------------------------------------------------------------ one access */

static uint64_t first_bytes(const struct history_page *p)
{
	uint64_t value;

	memcpy(&value, p->bytes, sizeof(value));
	return value;
}

static void check_read(enum history h)
{
	uint64_t found = worker_read(&worker, page.gpa);
	char observed[40];

	if (found == first_bytes(&page) || (page.or_zero && !found))
		return;
	snprintf(observed, sizeof(observed), "%#llx", (unsigned long long)found);
	wrong(h, "SLOT-09", "the guest reads what the page holds", observed, -1);
}

/* Returns whether the page was written: where the process cannot, the guest cannot either */
static bool guest_access(enum history h, bool write)
{
	uint64_t value = first_bytes(&page) ^ 0x123456789abcdefUL;

	if (write ? !page.writable : !page.readable) {
		if (!worker_denied(&worker, page.gpa, write, value, allow, &page))
			wrong(h, "SLOT-09", "the access does not take place", "it does", -1);
		/* What it came to after that is as the machine has it: the access is done or not */
		bytes_copy(page.bytes, page.at, sizeof(value));
		return false;
	}
	if (!write) {
		check_read(h);
		return false;
	}
	worker_write(&worker, page.gpa, value);
	bytes_copy(page.bytes, &value, sizeof(value));
	/* A page that may be zeroes is one or the other, seen at once */
	if (page.or_zero && !page.at[page_size - 1])
		memset(page.bytes + sizeof(value), 0, page_size - sizeof(value));
	page.or_zero = false;
	return true;
}

static bool logged(long offset)
{
	size_t n = next_page + (size_t)offset;

	return log_bits[n / 8] >> n % 8 & 1;
}

/* @must: the page was written by the guest; @may: nobody says whether it is in the log */
static void check_log(enum history h, enum access a, bool must, bool may)
{
	bool neighbours = logged(-1) || logged(1);

	if (must && !logged(0))
		wrong(h, "DIRTY-01", "the page is in the dirty log", "it is not", -1);
	if (!must && !may && logged(0)) {
		if (a == GUEST_READS && deviation_of_read_page())
			report_deviation(deviation_of_read_page());
		else if (a == GUEST_READS && history_leaves_none(h) &&
			 deviation_of_untouched_page())
			report_deviation(deviation_of_untouched_page());
		else
			wrong(h, "DIRTY-01", "the page is not in the dirty log", "it is", -1);
	}
	if (neighbours)
		wrong(h, "DIRTY-01", "the pages beside it are not in the dirty log", "one is", -1);
}

static void check_bytes(enum history h, const uint8_t *at_fork)
{
	long d = history_differs(&page);

	if (d >= 0)
		wrong(h, "SLOT-09", "the page's bytes", "another byte", d);
	for (int side = -1; side <= 1; side += 2) {
		d = bytes_differ(page.at + side * (long)page_size, bytes_rest(0), page_size);
		if (d >= 0)
			wrong(h, "SLOT-09", "the page beside it is left alone", "another byte",
			      d + side * (long)page_size);
	}
	if (page.child && history_child_differs(&page, at_fork))
		wrong(h, "SLOT-09", "the child's copy is as it was at fork", "it is not", -1);
}

static bool access_page(enum history h, enum access a)
{
	if (a == HOST_WRITES) {
		history_fill(&page, 0x99);
		page.or_zero = false;
		check_read(h);
		return false;
	}
	return guest_access(h, a == GUEST_WRITES);
}

/* Returns what is missing for this history, NULL if the case was judged */
static const char *one(enum history h, enum access a)
{
	static uint8_t at_fork[1 << 16];
	const char *missing;
	bool written, denied;

	page.at = memory + next_page * page_size;
	page.gpa = HERE + next_page * page_size;
	history_begin(h, &page);
	if (history_is_filled(h))
		history_fill(&page, next_page);
	bytes_copy(at_fork, page.bytes, page_size);
	missing = history_happen(h, &page);
	if (!missing) {
		fill_neighbours(page.at);
		take_log();
		report_decided(CLAUSES);
		denied = !page.readable || !page.writable;
		written = access_page(h, a);
		take_log();
		check_log(h, a, written, a == HOST_WRITES || denied);
		check_bytes(h, at_fork);
	}
	history_end(h, &page);
	return missing;
}

static bool host_cannot_write(enum history h)
{
	return h == HISTORY_READ_ONLY || h == HISTORY_NO_ACCESS || h == HISTORY_BEYOND_END;
}

static void line(enum history h)
{
	static const char *const steps[] = { "the guest reads it", "the guest writes it",
					     "the process writes it, then the guest reads it" };

	for (enum access a = 0; a < ACCESSES; a++) {
		const char *missing;

		if (!next_page || next_page + 4 >= pages || h == HISTORY_HUGE || h == HISTORY_SPLIT)
			fresh_slot();
		else
			next_page += 3;
		step = steps[a];
		if (a == HOST_WRITES && host_cannot_write(h))
			continue;
		if (!report_case())
			continue;
		missing = one(h, a);
		if (missing) {
			report_skip(SKIP_RESOURCE, "needs %s", missing);
			return;
		}
	}
}

HISTORY_EACH(HISTORY_CHECK)

static const struct line lines[] = { HISTORY_EACH(HISTORY_LINE) };

int main(int argc, char **argv)
{
	const char *why;
	int status;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = history_page_size();
	pages = SIZE / page_size;
	log_bits = calloc(1, pages / 8);
	/* Huge pages lie in it as a whole */
	memory = (uint8_t *)(((uintptr_t)region_memory(2 * SIZE) + SIZE - 1) & -SIZE);
	page.memory = memory;
	page.size = SIZE;
	page.guest = guest;
	TEST_ASSERT(log_bits, "no memory");
	worker_create(&worker);
	worker_map(&worker, HERE, pages);
	status = report_run();
	worker_free(&worker);
	return status;
}
