// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_DIRTY_LOG is held in the middle of its bitmap, while pages are written, the log
 * is read by somebody else, turned off, and its slot is moved and deleted.
 *
 * mem_slot/contract.md, DIRTY-13: what is written while the log is read is in it or in the
 * next one. DIRTY-14: a log that is read while its slot changes is that of before, or the slot
 * has none; of two that are read at once, each page is in one.
 *
 * How it is seen: the bitmap has two pages, of which userfaultfd does not hand out the
 * second (slot/hold.h), so that the first half of the slot is done when the other thread
 * makes its change. A page that is in no log afterwards would be missing on the other side of
 * a migration. A lock that is not taken is met each time, on one CPU too. A second reader waits
 * meanwhile, and signals come to it: when it gets the log, it gets all of it.
 *
 * Over 300 lines: one race, and each thing that can happen in it.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/dirty_log.h"
#include "slot/hold.h"
#include "slot/region.h"
#include "slot/request.h"

#define SLOT 9
#define HERE 0x40000000UL
#define AWAY 0x80000000UL
#define SEGMENT 256 /* pages, of which the guest meets some in the first one of each half */

static struct worker worker;
static struct dirty_log the_log;
static uint8_t *memory, *bitmap;
static uint64_t page_size, size;
static size_t half;		 /* of the slot's pages: those that one page of bitmap tells of */
static struct outcome read_log;	 /* the one that is held */
static struct pages other, next; /* of somebody else meanwhile, and of the end */
static struct outcome read_other;
static size_t target;	/* page that is written meanwhile */
static bool by_request; /* it is written by a request, not by the guest */

static struct outcome set(uint64_t gpa, uint64_t bytes, uint32_t flags)
{
	struct region r = {
		.slot = SLOT, .flags = flags, .gpa = gpa, .size = bytes, .user = (uintptr_t)memory
	};

	return region_set(worker.vm->fd, false, &r);
}

/* ------------------------------------------------------------------ what happens meanwhile */

static void written(void)
{
	uint64_t value = 0x1122334455667788, gpa = HERE + target * page_size;
	int why = 0;

	if (by_request)
		TEST_ASSERT(request_move(worker.vm->fd, true, gpa, &value, sizeof(value), &why) ==
				    REQUEST_DONE,
			    "the request, %d", why);
	else
		worker_write(&worker, gpa, value);
}

static void read_too(void)
{
	read_other = dirty_get(&the_log, &other);
}

/* Pages that the guest writes once the first log has been collected: all are in the second one */
static size_t page_after(size_t i)
{
	const size_t after[] = { 4, SEGMENT + 5, half + 201, half + SEGMENT + 5 };

	return i < ARRAY_SIZE(after) ? after[i] : 0;
}

static void unblock_alarms(bool unblock)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { 0 };
	sigset_t alarms;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(unblock ? SIG_UNBLOCK : SIG_BLOCK, &alarms, NULL);
	setitimer(ITIMER_REAL, unblock ? &often : &never, NULL);
}

/* Each signal is for this thread: in all others they are blocked */
static void read_interrupted(void)
{
	for (size_t i = 0; page_after(i); i++)
		worker_write(&worker, HERE + page_after(i) * page_size, 2);
	unblock_alarms(true);
	read_too();
	unblock_alarms(false);
}

static void turned_off(void)
{
	TEST_ASSERT(!set(HERE, size, 0).ret, "the log is turned off");
}

static void moved(void)
{
	TEST_ASSERT(!set(AWAY, size, KVM_MEM_LOG_DIRTY_PAGES).ret, "the slot is moved");
}

static void deleted(void)
{
	TEST_ASSERT(!set(HERE, 0, 0).ret, "the slot is deleted");
}

static void made_anew(void)
{
	deleted();
	TEST_ASSERT(!set(HERE, size, KVM_MEM_LOG_DIRTY_PAGES).ret, "the slot is made anew");
}

/* ------------------------------------------------------------------ a case */

static void read_it(void)
{
	read_log = dirty_get_to(&the_log, bitmap);
}

/* Pages that are in the log before: in both halves */
static const size_t before[] = { 3, 200 };

static size_t page_before(size_t i)
{
	return i ? half + before[i] : before[i];
}

static const char *set_up(struct hold *h)
{
	worker_create(&worker);
	worker_map(&worker, HERE, 2 * SEGMENT);
	worker_map(&worker, HERE + half * page_size, 2 * SEGMENT);
	memory = region_memory(size);
	TEST_ASSERT(!set(HERE, size, KVM_MEM_LOG_DIRTY_PAGES).ret, "the slot");
	the_log.vm_fd = worker.vm->fd;
	pages_empty(&other);
	pages_empty(&next);
	read_other = (struct outcome){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		worker_write(&worker, HERE + page_before(i) * page_size, 1);
	bitmap = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	TEST_ASSERT(bitmap != MAP_FAILED, "no memory for the bitmap");
	bitmap[0] = 0;
	return hold_begin(h, bitmap + page_size);
}

static void tear_down(struct hold *h)
{
	if (h)
		hold_end(h);
	worker_free(&worker);
	region_free_memory(memory, size);
	munmap(bitmap, 2 * page_size);
}

static bool is_reported(size_t page)
{
	return (!read_log.ret && bitmap[page / 8] >> page % 8 & 1) ||
	       (!read_other.ret && pages_has(&other, page)) || pages_has(&next, page);
}

/*
 * FIND-31: the log is emptied as a whole after it was copied. Of pages in a MiB that the guest
 * has met KVM finds out a second time that they were written.
 */
static bool is_known(void)
{
	const char *fault =
		by_request && target >= SEGMENT && target < half ? fault_of_late_emptying() : NULL;

	if (fault)
		report_fault(fault);
	return fault;
}

static void judge(const char *name, const struct hold_race *race, void (*change)(void))
{
	bool writes = change == written, reads = change == read_too || change == read_interrupted;
	bool may_have_none = !writes && !reads;

	if (!race->held || race->stuck) {
		report_wrong(name, "both come back",
			     race->stuck ? "they are stuck" : "the log is not held");
		return;
	}
	if (read_log.ret && !(may_have_none && read_log.err == ENOENT)) {
		report_wrong(name, "the log is read", "errno %d", read_log.err);
		return;
	}
	if (change == turned_off || change == deleted)
		pages_empty(&next);
	else
		dirty_get(&the_log, &next);
	for (size_t i = 0; i < ARRAY_SIZE(before) && !read_log.ret; i++) {
		if (!is_reported(page_before(i)))
			report_wrong(name, "what was written before is in a log",
				     "page %zu is in none", page_before(i));
	}
	for (size_t i = 0; change == read_interrupted && page_after(i); i++)
		if (read_other.ret || !pages_has(&other, page_after(i)))
			report_wrong(name, "the log that is read then has all that was written",
				     "errno %d, page %zu is not in it", read_other.err,
				     page_after(i));
	if (writes && !is_reported(target) && !is_known())
		report_wrong(name, "the page that is written meanwhile is in this log or the next",
			     "page %zu is in none", target);
}

static void one(const char *name, void (*change)(void))
{
	static const uint8_t zeroes[1 << 16];
	struct hold hold;
	struct hold_race race;
	const char *missing;

	if (report_skipped() || !report_case())
		return;
	missing = set_up(&hold);
	if (missing) {
		report_skip(SKIP_PERMISSION, "needs %s", missing);
		tear_down(NULL);
		return;
	}
	race = hold_race(&hold, read_it, change, zeroes);
	judge(name, &race, change);
	TEST_ASSERT(!race.stuck, "a thread of this process cannot be ended");
	tear_down(&hold);
}

/* ------------------------------------------------------------------ the lines */

static void writes(void)
{
	const size_t targets[] = { 4, SEGMENT + 5, half + 201, half + SEGMENT + 5 };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		target = targets[i];
		one("the guest writes to the slot", written);
	}
}

static void guest_writes(void)
{
	by_request = false;
	writes();
}

static void requests_write(void)
{
	if (!request_there()) {
		report_skip(SKIP_ARCHITECTURE, "needs requests that store");
		return;
	}
	by_request = true;
	writes();
}

static void read_twice(void)
{
	one("the log is read", read_too);
}

static void ignore(int signal)
{
	(void)signal;
}

static void read_under_signals(void)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &action, NULL);
	unblock_alarms(false);
	one("the log is read, and signals come", read_interrupted);
}

static void changes(void)
{
	one("the log is turned off", turned_off);
	one("the slot is moved", moved);
	one("the slot is deleted", deleted);
	one("the slot is made anew", made_anew);
}

static const struct line lines[] = {
	{ "the guest writes while its log is held: nothing is lost", "DIRTY-13", guest_writes },
	{ "requests write while the log is held: nothing is lost", "DIRTY-13", requests_write },
	{ "two logs at once: each page is in one (observed)", "DIRTY-14", read_twice },
	{ "the slot of a log that is held changes (observed)", "DIRTY-14", changes },
	{ "signals come while a log is read: it is all of it", "DIRTY-01", read_under_signals },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = (uint64_t)getpagesize();
	half = page_size * 8;
	size = 2 * half * page_size;
	the_log = (struct dirty_log){ .slot = SLOT, .pages = 2 * half };
	other = pages_none(2 * half);
	next = pages_none(2 * half);
	hold_prepare();
	return report_run();
}
