// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots change while a guest runs in them, and while MEM_OPs are under way.
 *
 * mem_slot/contract.md, SLOT-04, SLOT-05, SLOT-18, SLOT-24; api.rst,
 * KVM_SET_USER_MEMORY_REGION, KVM_EXIT_MMIO.
 *
 * How it is seen: two pieces of memory, in which each word says whose it is and where, take
 * turns as the backing of a slot, which is deleted, added, moved away and back, and gets
 * other flags, read-only too, while neighbours come and go and its log is read. A guest reads
 * and writes all the time, where the slot is and where it is moved to, and on s390x threads do
 * by MEM_OP. Each access must see the word of this place in one of both, or that there
 * is no memory. The guest notes each access before it makes it: what comes to user space as MMIO
 * must be this access, no other, and once; what it writes last must be in one of the
 * memories or have come to user space. Once the ioctl that deletes a slot has come back,
 * nothing may be written to its memory any more. What the kernel has to say in its log fails the
 * test too, and so does a request that never comes back.
 *
 * Over 300 lines: each race has a thread, a guest and a judgement of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/dirty_log.h"
#include "slot/region.h"
#include "slot/request.h"
#include "case/report.h"

#define SLOT 9
#define SIZE (1UL << 20)
#define HERE 0x40000000UL
#define AWAY 0x48000000UL
#define WORD 0x3000UL /* offset of what is accessed */
#define COPY 8192U    /* bytes of a MEM_OP */
#define STORM 500
#define CHANGES_NEEDED 20
#define PATIENCE 20 /* times --seconds, at most */
#define STUCK 60    /* seconds, for a request that takes milliseconds */

static struct worker worker;
static uint8_t *memory[3]; /* the last: a neighbour's */
static const uint64_t words[2] = { 0xaaaaaaaa11111111, 0xbbbbbbbb22222222 };
static unsigned long seconds = 1;
static volatile bool stop;
static bool has_read_only; /* slots */

static struct {
	uint64_t reads, bad, bad_value;	 /* of the guest; the latter the last of those */
	uint64_t exits;			 /* of the guest, for MMIO */
	const char *wrong;		 /* what is wrong with one of them, or with a write */
	struct order_mmio exit;		 /* which */
	uint64_t requests, absent, torn; /* of MEM_OP */
	int failed;			 /* its errno, or another exception code */
	uint64_t changes, stale;
	uint64_t logs;		   /* that were read */
	int log_failed, neighbour; /* an errno; whether a change failed */
	const char *stuck;	   /* what has not come back */
} seen;

static void set(uint64_t gpa, uint64_t size, unsigned int which, uint32_t flags)
{
	struct region r = { .slot = SLOT,
			    .flags = flags,
			    .gpa = gpa,
			    .size = size,
			    .user = (uintptr_t)memory[which] };
	struct outcome o = region_set(worker.vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "the slot, errno %d", o.err);
	seen.changes++;
}

/* In the guest's memory: the access that it makes, and what it has seen */
static volatile struct {
	uint64_t number, address, value, write, met;
	uint64_t reads, bad, bad_value;
} noted;

static void guest_accesses(uint64_t address, bool write)
{
	uint64_t value = ++noted.number, at = address % SIZE;

	noted.address = address;
	noted.value = value;
	noted.write = write;
	noted.met = order_guest_access(address, 8, write, &value);
	if (write || !noted.met || value == ORDER_ABSENT)
		return;
	noted.reads++;
	if (value == words[0] + at || value == words[1] + at)
		return;
	noted.bad++;
	noted.bad_value = value;
}

/* In the guest: read words, write those behind them */
static uint64_t guest_storm(uint64_t count)
{
	noted.reads = noted.bad = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = WORD + i % 2 * 4096;

		guest_accesses(HERE + at, false);
		if (i % 4 == 3)
			guest_accesses(AWAY + at, false);
		guest_accesses(HERE + at + 8, true);
	}
	return noted.reads;
}

static bool is_in_memory(uint64_t address, uint64_t value)
{
	for (size_t i = 0; i < 2; i++)
		if (*(volatile uint64_t *)(memory[i] + address % SIZE) == value)
			return true;
	return false;
}

/* What came to user space has to be the access that the guest has noted */
static void take_exit(const volatile typeof(noted) *is, struct kvm_run *run, uint64_t *number)
{
	const uint64_t absent = ORDER_ABSENT;
	struct order_mmio exit = { run->mmio.phys_addr, 0, run->mmio.len, 1, run->mmio.is_write };

	memcpy(&exit.data, run->mmio.data, sizeof(exit.data));
	if (run->exit_reason != KVM_EXIT_MMIO)
		seen.wrong = "another exit";
	else if (exit.address != is->address || exit.length != 8 || exit.write != is->write)
		seen.wrong = "another access than the guest makes";
	else if (exit.write && exit.data != is->value)
		seen.wrong = "data that the guest does not write";
	else if (*number == is->number)
		seen.wrong = "the same access a second time";
	else if (exit.write && is_in_memory(exit.address, exit.data))
		seen.wrong = "a write that has reached memory as well";
	if (seen.wrong)
		seen.exit = exit;
	*number = is->number;
	seen.exits++;
	if (!exit.write)
		memcpy(run->mmio.data, &absent, sizeof(absent));
}

static void *guest_thread(void *argument)
{
	const struct order storm = order_call(guest_storm, STORM);
	const volatile typeof(noted) *is = addr_gva2hva(worker.vm, (uintptr_t)&noted);
	uint64_t number = 0;

	while (!stop && !seen.wrong) {
		order_put(&worker.desk, &storm, 1);
		while (!order_run(&worker.desk, NULL) && !seen.wrong)
			take_exit(is, worker.vcpu->run, &number);
		seen.reads += is->reads;
		seen.bad += is->bad;
		if (is->bad)
			seen.bad_value = is->bad_value;
		/* The last access of a storm is a write */
		if (!seen.wrong && is->met && number != is->number &&
		    !is_in_memory(is->address, is->value))
			seen.wrong = "nothing, and the last write is in no memory";
	}
	return argument;
}

/*
 * Has the page, at this offset, words that are not those of one of both memories? The two behind
 * the first are written meanwhile
 */
static bool is_torn(const uint64_t *page, uint64_t at)
{
	for (size_t i = 0; i < 512; i++)
		if (i != 1 && i != 2 && page[i] != page[0] + i * 8)
			return true;
	return page[0] != words[0] + at && page[0] != words[1] + at;
}

/* By turns: read two pages, and write the third word, which must not reach a deleted slot */
static void *request_thread(void *argument)
{
	uint64_t buffer[COPY / 8], count = 0;

	while (!stop) {
		bool write = ++count % 2;
		enum request_result done =
			request_move(worker.vm->fd, write, HERE + WORD + (write ? 16 : 0),
				     write ? &count : buffer, write ? 8 : COPY, &seen.failed);

		__atomic_add_fetch(&seen.requests, 1, __ATOMIC_RELAXED);
		if (done == REQUEST_ABSENT)
			__atomic_add_fetch(&seen.absent, 1, __ATOMIC_RELAXED);
		else if (done == REQUEST_DONE && !write &&
			 (is_torn(buffer, WORD) || is_torn(buffer + 512, WORD + 4096)))
			__atomic_add_fetch(&seen.torn, 1, __ATOMIC_RELAXED);
		sched_yield();
	}
	return argument;
}

/* The log of a slot that comes and goes: it is there, or it is not */
static void *log_thread(void *argument)
{
	struct dirty_log log = { worker.vm->fd, SLOT, SIZE / (size_t)getpagesize() };
	struct pages found = pages_none(log.pages);

	while (!stop) {
		struct outcome o = dirty_get(&log, &found);

		if (o.ret && o.err != ENOENT)
			seen.log_failed = o.err;
		seen.logs += !o.ret;
		usleep(200);
	}
	pages_free(&found);
	return argument;
}

/* Slots beside it are added, deleted and get other flags: it must not notice */
static void *neighbour_thread(void *argument)
{
	struct region r = { .slot = SLOT + 1, .gpa = HERE + SIZE, .size = SIZE };

	r.user = (uintptr_t)memory[2];
	while (!stop) {
		r.size = SIZE;
		r.flags = 0;
		seen.neighbour |= region_set(worker.vm->fd, false, &r).ret;
		r.flags = KVM_MEM_LOG_DIRTY_PAGES;
		seen.neighbour |= region_set(worker.vm->fd, false, &r).ret;
		r.size = 0;
		seen.neighbour |= region_set(worker.vm->fd, false, &r).ret;
		usleep(1000);
	}
	return argument;
}

/* The slot is deleted: does anybody write to what backed it? */
static void look_for_stale_writes(unsigned int which)
{
	volatile uint64_t *word = (volatile uint64_t *)(memory[which] + WORD + 8);
	uint64_t of_guest = word[0], of_requests = word[1];

	for (int i = 0; i < 20; i++) {
		sched_yield();
		seen.stale += word[0] != of_guest || word[1] != of_requests;
	}
}

static void *change_thread(void *argument)
{
	for (unsigned int which = 0; !stop; which ^= 1) {
		set(HERE, SIZE, which, 0);
		usleep(500);
		set(HERE, SIZE, which, KVM_MEM_LOG_DIRTY_PAGES);
		sched_yield();
		set(AWAY, SIZE, which, KVM_MEM_LOG_DIRTY_PAGES);
		look_for_stale_writes(which);
		set(HERE, SIZE, which, 0);
		usleep(500);
		set(HERE, 0, which, 0);
		look_for_stale_writes(which);
		if (!has_read_only)
			continue;
		set(HERE, SIZE, which, KVM_MEM_READONLY);
		look_for_stale_writes(which);
		set(AWAY, SIZE, which, KVM_MEM_READONLY);
		set(HERE, 0, which, 0);
	}
	return argument;
}

static bool enough(void)
{
	return *(volatile uint64_t *)&seen.reads > STORM &&
	       *(volatile uint64_t *)&seen.changes > CHANGES_NEEDED;
}

/* Longer on a busy machine, until there is something to judge */
static void wait_a_while(void)
{
	double begin = report_seconds();

	while (report_seconds() - begin < (double)seconds ||
	       (!enough() && report_seconds() - begin < PATIENCE * (double)seconds))
		usleep(10000);
	stop = true;
}

static struct racer {
	const char *what;
	void *(*race)(void *);
	pthread_t thread;
} racers[] = {
	{ "the change of a slot", change_thread, 0 },
	{ "the run of a guest", guest_thread, 0 },
	{ "KVM_GET_DIRTY_LOG", log_thread, 0 },
	{ "the change of a neighbour", neighbour_thread, 0 },
	{ "a request for the memory", request_thread, 0 },
	{ "another one", request_thread, 0 },
};

#define WITHOUT_REQUESTS 4 /* of the racers */

static void race(size_t count)
{
	struct timespec deadline;

	stop = false;
	for (size_t i = 0; i < count; i++)
		pthread_create(&racers[i].thread, NULL, racers[i].race, NULL);
	wait_a_while();
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STUCK;
	for (size_t i = 0; i < count; i++)
		if (pthread_timedjoin_np(racers[i].thread, NULL, &deadline) && !seen.stuck)
			seen.stuck = racers[i].what;
}

static void fill(void)
{
	for (unsigned int which = 0; which < 2; which++)
		for (size_t i = 0; i < SIZE / 8; i++)
			((uint64_t *)memory[which])[i] = words[which] + i * 8;
}

static void expect(bool good, const char *expected, uint64_t observed)
{
	report_check(good, NULL, expected, "%#llx", (unsigned long long)observed);
}

static void judge_requests(void)
{
	report_note("requests", (double)seen.requests, "MEM_OPs");
	report_note("without_slot", (double)seen.absent, "MEM_OPs");
	expect(!seen.failed, "MEM_OP: success or an addressing exception", (uint64_t)seen.failed);
	expect(!seen.torn, "MEM_OP: each page of one memory or the other", seen.torn);
	expect(seen.absent && seen.absent < seen.requests,
	       "MEM_OPs that met the slot and such that did not", seen.absent);
}

static void judge_exits(void)
{
	report_note("exits", (double)seen.exits, "MMIO");
	report_check(!seen.wrong, "the guest, where a slot comes and goes",
		     "its access in memory, or as KVM_EXIT_MMIO, or no memory",
		     "%s: a %s of %#llx at %#llx, length %u", seen.wrong,
		     seen.exit.write ? "write" : "read", (unsigned long long)seen.exit.data,
		     (unsigned long long)seen.exit.address, seen.exit.length);
}

static void concurrent(void)
{
	bool with_requests = request_there();

	if (fault_of_added_slot()) {
		report_case();
		report_fault(fault_of_added_slot());
		report_skip(SKIP_TARGET, "it would hang this kernel: %s, docs/findings.md",
			    fault_of_added_slot());
		return;
	}
	fill();
	race(with_requests ? ARRAY_SIZE(racers) : WITHOUT_REQUESTS);
	report_note("changes", (double)seen.changes, "slots");
	report_note("guest_reads", (double)seen.reads, "reads");
	report_deciding("SLOT-04 SLOT-05 SLOT-18 SLOT-24");
	if (report_case() && seen.stuck) {
		report_fail(&(struct finding){ .request = seen.stuck,
					       .expected = "it comes back",
					       .observed = "it has not, a minute after all "
							   "threads were told to stop",
					       .offset = -1 });
		return;
	}
	if (with_requests)
		judge_requests();
	expect(!seen.log_failed, "KVM_GET_DIRTY_LOG: success or ENOENT", (uint64_t)seen.log_failed);
	expect(!seen.neighbour, "a neighbour is added and deleted", 1);
	judge_exits();
	report_check(!seen.bad, NULL, "the guest reads the word of this place in one memory",
		     "%llu times another, %#llx at last", (unsigned long long)seen.bad,
		     (unsigned long long)seen.bad_value);
	expect(!seen.stale, "no write to the memory of a deleted slot", seen.stale);
	expect(enough(), "enough of both to mean anything", seen.reads);
}

#define FLAG_CHANGES 100

/* Until it has changed often enough; the slot is there all the time */
static void *flags_thread(void *argument)
{
	for (unsigned int i = 0; i < FLAG_CHANGES; i++) {
		set(HERE, SIZE, 0, i % 2 ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
		sched_yield();
	}
	stop = true;
	return argument;
}

static void flags_change(void)
{
	void *(*const race[])(void *) = { flags_thread, request_thread, request_thread };
	pthread_t threads[ARRAY_SIZE(race)];

	if (!request_there()) {
		report_skip(SKIP_ARCHITECTURE, "needs requests that reach memory while a slot "
					       "changes");
		return;
	}
	fill();
	memset(&seen, 0, sizeof(seen));
	set(HERE, SIZE, 0, 0);
	stop = false;
	for (size_t i = 0; i < ARRAY_SIZE(race); i++)
		pthread_create(&threads[i], NULL, race[i], NULL);
	for (size_t i = 0; i < ARRAY_SIZE(race); i++)
		pthread_join(threads[i], NULL);
	report_deciding("SLOT-05 SLOT-18");
	report_note("requests_meanwhile", (double)seen.requests, "MEM_OPs");
	expect(!seen.failed && !seen.absent, "MEM_OP: success, the slot is there all the time",
	       seen.absent);
	expect(!seen.torn, "MEM_OP: the bytes of the slot's memory", seen.torn);
	expect(seen.requests > FLAG_CHANGES, "enough of them to mean anything", seen.requests);
}

static const struct line lines[] = {
	{ "a slot is deleted, moved and added while it is in use",
	  "SLOT-04 SLOT-05 SLOT-18 SLOT-24", concurrent },
	{ "a slot is there while its flags change", "SLOT-05 SLOT-18", flags_change },
};

static void begin(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(memory); i++)
		memory[i] = region_memory(SIZE);
	worker_create(&worker);
	worker_map(&worker, HERE, SIZE / (uint64_t)getpagesize());
	worker_map(&worker, AWAY, SIZE / (uint64_t)getpagesize());
}

static void end(void)
{
	/* What has not come back would use it */
	if (seen.stuck)
		return;
	worker_free(&worker);
	for (size_t i = 0; i < ARRAY_SIZE(memory); i++)
		region_free_memory(memory[i], SIZE);
}

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--seconds", "how long", &seconds },
	};
	const char *why;

	report_numbers(numbers, ARRAY_SIZE(numbers));
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	has_read_only = kvm_check_cap(KVM_CAP_READONLY_MEM) > 0;
	report_around(begin, end);
	return report_run();
}
