// SPDX-License-Identifier: GPL-2.0-only
/*
 * ABSOLUTE_CMPXCHG is atomic, against other requests and against the guest's own
 * compare-and-swap instructions.
 *
 * docs/contract.md, MEMOP-XCHG-05; PoP, chapter 7, "COMPARE AND SWAP", "COMPARE
 * DOUBLE AND SWAP".
 *
 * How it is seen: targets of all sizes lie in one cache line, several in each word,
 * doubleword and quadword. Every actor, threads with MEM_OP and a running guest,
 * owns one token for each target, and again and again exchanges it for the one it
 * finds there. At the end each token is there exactly once, at the target or with
 * an owner: one lost or doubled means that two exchanges overlapped. All bytes of
 * a token are the same, so that a torn value is seen by the first who reads it.
 * Meanwhile another thread changes the slot's flags and discards pages beside.
 *
 * Over 300 lines: each rival of the exchange is a thread or a guest of its own.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "case/bytes.h"
#include "compat.h"
#include "case/report.h"
#include "guest/worker.h"
#include "s390x/memop.h"
#include "s390x/memop_deviation.h"

#define GPA 0x10000000UL
#define SIZE (1UL << 20)
#define SLOT 10
#define LINE_BYTES 128

#define THREADS 2
#define ACTORS (THREADS + 1) /* the guest is the last */
#define GUEST THREADS
#define BATCH 64 /* exchanges of the guest in one order */
#define CONFLICTS_NEEDED 100
#define PATIENCE 20 /* times --seconds, at most */

/* Neighbours in words, doublewords, quadwords; what lies between must stay 0 */
static const struct target {
	uint32_t offset, size;
} targets[] = {
	{ 0, 1 },  { 1, 1 },   { 3, 1 },   { 4, 2 },  { 6, 2 },	 { 8, 4 },  { 12, 4 }, { 16, 8 },
	{ 24, 8 }, { 32, 16 }, { 48, 16 }, { 64, 1 }, { 66, 2 }, { 68, 4 }, { 72, 8 },
};

#define TARGETS ARRAY_SIZE(targets)

/* In a page of guest memory that both sides know */
struct board {
	uint8_t line[LINE_BYTES];	/* the targets */
	uint8_t token[ACTORS][TARGETS]; /* what each actor owns, as its repeated byte */
	uint64_t exchanges[ACTORS], conflicts[ACTORS], torn[ACTORS];
	/* Of the threads, for each target: other values found, and times that KVM gave up */
	uint64_t found[THREADS][TARGETS], gave_up[THREADS][TARGETS];
	/* For a single exchange by the guest */
	uint64_t at, size, exchanged;
	unsigned __int128 old_value, new_value;
};

static struct worker worker;
static struct board *board; /* the host's view; the guest's is at GPA */
static unsigned long seconds = 1;
static volatile bool stop;

/* ------------------------------------------------------------------ the guest */

/* Compare and swap of a word or more; returns what was found */
static unsigned __int128 swap(void *at, uint64_t size, unsigned __int128 old, unsigned __int128 new)
{
	if (size == 16) {
		asm volatile("cdsg %0,%2,%1"
			     : "+d"(old), "+QS"(*(unsigned __int128 *)at)
			     : "d"(new)
			     : "cc", "memory");
		return old;
	}
	if (size == 8) {
		uint64_t found = (uint64_t)old;

		asm volatile("csg %0,%2,%1"
			     : "+d"(found), "+QS"(*(uint64_t *)at)
			     : "d"((uint64_t) new)
			     : "cc", "memory");
		return found;
	}
	uint32_t found = (uint32_t)old;

	asm volatile("csy %0,%2,%1"
		     : "+d"(found), "+QS"(*(uint32_t *)at)
		     : "d"((uint32_t) new)
		     : "cc", "memory");
	return found;
}

/* The same of 1 or 2 bytes, in the word around them */
static unsigned __int128 swap_small(uint8_t *at, uint64_t size, unsigned __int128 old,
				    unsigned __int128 new)
{
	uint32_t *word = (uint32_t *)((uintptr_t)at & -4UL), is = *(volatile uint32_t *)word;
	unsigned int shift = (unsigned int)(32 - 8 * size - 8 * ((uintptr_t)at & 3));
	uint32_t mask = (size == 1 ? 0xffU : 0xffffU) << shift;

	while (((is & mask) >> shift) == (uint32_t)old) {
		uint32_t to = (is & ~mask) | (uint32_t) new << shift;
		uint32_t found = (uint32_t)swap(word, 4, is, to);

		if (found == is)
			return old;
		is = found;
	}
	return (is & mask) >> shift;
}

static unsigned __int128 guest_swap(void *at, uint64_t size, unsigned __int128 old,
				    unsigned __int128 new)
{
	return size < 4 ? swap_small(at, size, old, new) : swap(at, size, old, new);
}

static unsigned __int128 repeated(uint8_t byte, uint64_t size)
{
	unsigned __int128 value = 0;

	for (uint64_t i = 0; i < size; i++)
		value = value << 8 | byte;
	return value;
}

static void guest_exchange(struct board *b, uint64_t n, uint32_t offset, uint64_t size)
{
	uint8_t mine = b->token[GUEST][n], *at = b->line + offset;
	/* What was seen last time is a good guess, and makes for conflicts */
	unsigned __int128 found = repeated(*(volatile uint8_t *)at, size), old;

	do {
		old = found;
		found = guest_swap(at, size, old, repeated(mine, size));
		if (found != repeated((uint8_t)found, size))
			b->torn[GUEST]++;
		if (found != old)
			b->conflicts[GUEST]++;
	} while (found != old);
	b->token[GUEST][n] = (uint8_t)old;
	b->exchanges[GUEST]++;
}

/* Orders for the guest: one exchange, and a batch of them */
static uint64_t guest_single(uint64_t board_gpa)
{
	struct board *b = (struct board *)board_gpa;
	unsigned __int128 found = guest_swap((void *)b->at, b->size, b->old_value, b->new_value);

	b->exchanged = found == b->old_value;
	b->old_value = found;
	return 0;
}

static uint64_t guest_batch(uint64_t board_gpa)
{
	for (uint64_t i = 0; i < BATCH; i++) {
		uint64_t n = i % TARGETS;

		guest_exchange((struct board *)board_gpa, n, targets[n].offset, targets[n].size);
	}
	return 0;
}

/* ------------------------------------------------------------------- the host */

static struct outcome exchange(uint64_t gpa, uint32_t size, void *old, const void *new)
{
	struct kvm_s390_mem_op op = {
		.op = KVM_S390_MEMOP_ABSOLUTE_CMPXCHG,
		.gaddr = gpa,
		.size = size,
		.buf = (uintptr_t) new,
	};

	compat_set_old_addr(&op, old);
	return memop(worker.vm->fd, &op);
}

/* One token for the one at the target; the value that others may change in between is old */
static void host_exchange(unsigned int actor, size_t n, unsigned int *random)
{
	const struct target *t = &targets[n];
	uint8_t old[16], new[16], before[16];

	for (uint32_t i = 0; i < t->size; i++) {
		old[i] = *(volatile uint8_t *)(board->line + t->offset);
		new[i] = board->token[actor][n];
	}
	for (;;) {
		struct outcome o;

		*random = *random * 1103515245 + 12345;
		if (*random >> 16 & 1)
			sched_yield();
		bytes_copy(before, old, t->size);
		o = exchange(GPA + t->offset, t->size, old, new);
		if (deviation_of_busy_word(t->size, o)) {
			board->gave_up[actor][n]++;
			continue;
		}
		TEST_ASSERT(o.ret == 0, "cmpxchg of %u bytes returned %d, errno %d", t->size, o.ret,
			    o.err);
		for (uint32_t i = 1; i < t->size; i++)
			if (old[i] != old[0])
				board->torn[actor]++;
		if (bytes_differ(before, old, t->size) < 0)
			break;
		board->conflicts[actor]++;
		board->found[actor][n]++;
	}
	board->token[actor][n] = old[0];
	board->exchanges[actor]++;
}

static void *host_actor(void *argument)
{
	unsigned int actor = (unsigned int)(uintptr_t)argument, random = actor;

	for (size_t n = 0; !stop; n++)
		host_exchange(actor, n * 7 % TARGETS, &random);
	return NULL;
}

static void *guest_actor(void *argument)
{
	while (!stop)
		worker_call(&worker, guest_batch, GPA);
	return argument;
}

static void *disturber(void *argument)
{
	uint8_t *memory = (uint8_t *)board;
	struct kvm_userspace_memory_region region = {
		.slot = SLOT,
		.guest_phys_addr = GPA,
		.memory_size = SIZE,
		.userspace_addr = (uintptr_t)memory,
	};

	while (!stop) {
		region.flags ^= KVM_MEM_LOG_DIRTY_PAGES;
		TEST_ASSERT(!ioctl(worker.vm->fd, KVM_SET_USER_MEMORY_REGION, &region),
			    "flags of a slot");
		madvise(memory + BYTES_PAGE, 16 * BYTES_PAGE, MADV_DONTNEED);
		sched_yield();
	}
	return argument;
}

/* Token k of a target: 1 at the target, the others with the actors */
static void deal(void)
{
	for (size_t i = 0; i < sizeof(*board); i++)
		((uint8_t *)board)[i] = 0;
	for (size_t n = 0; n < TARGETS; n++) {
		for (uint32_t i = 0; i < targets[n].size; i++)
			board->line[targets[n].offset + i] = 1;
		for (unsigned int actor = 0; actor < ACTORS; actor++)
			board->token[actor][n] = (uint8_t)(2 + actor + 16 * n);
	}
}

/* Every token of target @n is there once */
static void count_tokens(size_t n)
{
	const struct target *t = &targets[n];
	unsigned int seen[256] = { 0 };
	char request[80];

	if (!report_case())
		return;
	snprintf(request, sizeof(request), "exchanges of %u bytes at offset %u", t->size,
		 t->offset);
	seen[board->line[t->offset]]++;
	for (uint32_t i = 1; i < t->size; i++)
		if (board->line[t->offset + i] != board->line[t->offset])
			report_wrong(request, "all bytes of a token are the same",
				     "a torn value at the end");
	for (unsigned int actor = 0; actor < ACTORS; actor++)
		seen[board->token[actor][n]]++;
	for (unsigned int k = 0; k <= ACTORS; k++) {
		uint8_t token = (uint8_t)(k ? 1 + k + 16 * n : 1);

		if (seen[token] == 1)
			continue;
		report_wrong(request, "every token is there exactly once",
			     "token %#x is there %u times", token, seen[token]);
		return;
	}
}

/*
 * DEV-11: for an exchange of 1 or 2 bytes KVM may give up while the word around them keeps
 * changing. That takes many changes in a row: it is to tell what it found far more often.
 */
static void count_given_up(size_t n)
{
	uint64_t gave_up = 0, found = 0;
	char request[80];

	for (unsigned int actor = 0; actor < THREADS; actor++) {
		gave_up += board->gave_up[actor][n];
		found += board->found[actor][n];
	}
	snprintf(request, sizeof(request), "exchanges of %u bytes at offset %u by threads",
		 targets[n].size, targets[n].offset);
	if (report_check(gave_up <= found, request, "no errno EAGAIN, or seldom",
			 "%llu times EAGAIN, %llu times another value", (unsigned long long)gave_up,
			 (unsigned long long)found) &&
	    gave_up)
		report_deviation(deviation_of_busy_word(targets[n].size, outcome_error(EAGAIN)));
}

static bool is_target(uint32_t offset)
{
	for (size_t n = 0; n < TARGETS; n++)
		if (offset - targets[n].offset < targets[n].size)
			return true;
	return false;
}

static void judge_end(double took)
{
	uint64_t exchanges = 0, conflicts = 0, torn = 0;
	char name[40];

	for (size_t n = 0; n < TARGETS; n++) {
		count_tokens(n);
		count_given_up(n);
	}
	for (uint32_t i = 0; i < LINE_BYTES; i++)
		if (!is_target(i))
			report_check(!board->line[i], "exchanges beside",
				     "bytes between the targets stay",
				     "that at offset %u has changed", i);
	for (unsigned int actor = 0; actor < ACTORS; actor++) {
		exchanges += board->exchanges[actor];
		conflicts += board->conflicts[actor];
		torn += board->torn[actor];
		snprintf(name, sizeof(name), "%s%u_exchanges", actor == GUEST ? "guest" : "thread",
			 actor);
		report_note(name, (double)board->exchanges[actor], "exchanges");
		report_check(board->exchanges[actor], "exchanges", "every actor makes some",
			     "actor %u has made none", actor);
	}
	report_note("exchanges", (double)exchanges / took, "exchanges/s");
	report_note("conflicts", (double)conflicts / took, "conflicts/s");
	report_check(!torn, "exchanges", "no value is ever torn", "%llu were",
		     (unsigned long long)torn);
	report_check(conflicts >= CONFLICTS_NEEDED, "exchanges",
		     "enough conflicts to mean anything", "%llu", (unsigned long long)conflicts);
}

static uint64_t conflicts_so_far(void)
{
	uint64_t conflicts = 0;

	for (unsigned int actor = 0; actor < ACTORS; actor++)
		conflicts += *(volatile uint64_t *)&board->conflicts[actor];
	return conflicts;
}

static void atomic(void)
{
	pthread_t threads[THREADS + 2];
	double begin;

	deal();
	stop = false;
	begin = report_seconds();
	for (uintptr_t actor = 0; actor < THREADS; actor++)
		pthread_create(&threads[actor], NULL, host_actor, (void *)actor);
	pthread_create(&threads[THREADS], NULL, guest_actor, NULL);
	pthread_create(&threads[THREADS + 1], NULL, disturber, NULL);
	/* Longer on a busy machine, until there is something to judge */
	while (report_seconds() - begin < (double)seconds ||
	       (conflicts_so_far() < 2 * CONFLICTS_NEEDED &&
		report_seconds() - begin < PATIENCE * (double)seconds))
		usleep(10000);
	stop = true;
	for (size_t i = 0; i < THREADS + 2; i++)
		pthread_join(threads[i], NULL);
	judge_end(report_seconds() - begin);
}

/* The guest's instruction and MEM_OP on the same data: one case */
static void same(uint32_t size, uint32_t offset, bool equal)
{
	uint8_t *target = board->line + offset, old[16], new[16], of_guest[48], of_memop[48];
	bool exchanged;

	if (!report_case())
		return;
	bytes_copy(new, bytes_inverted(offset), 16);
	for (int memop_turn = 0; memop_turn < 2; memop_turn++) {
		bytes_copy(board->line, bytes_rest(0), LINE_BYTES);
		bytes_copy(old, target, size);
		old[size - 1] ^= (uint8_t)!equal;
		if (memop_turn) {
			uint8_t before[16];

			bytes_copy(before, old, size);
			exchange(GPA + offset, size, old, new);
			exchanged = bytes_differ(before, old, size) < 0;
			bytes_copy(of_memop, board->line + (offset & -16U), 16);
			bytes_copy(of_memop + 16, old, size);
			if (exchanged != (bool)board->exchanged)
				report_wrong("cmpxchg", "exchanged as by the guest", "otherwise");
			continue;
		}
		board->at = GPA + offset;
		board->size = size;
		board->old_value = board->new_value = 0;
		bytes_copy((uint8_t *)&board->old_value + 16 - size, old, size);
		bytes_copy((uint8_t *)&board->new_value + 16 - size, new, size);
		worker_call(&worker, guest_single, GPA);
		bytes_copy(of_guest, board->line + (offset & -16U), 16);
		bytes_copy(of_guest + 16, (uint8_t *)&board->old_value + 16 - size, size);
	}
	if (bytes_differ(of_guest, of_memop, 16 + size) >= 0)
		report_wrong("cmpxchg", "memory and old value as after the guest's CS",
			     "another byte");
}

static void same_as_cpu(void)
{
	report_deciding("MEMOP-XCHG-03 MEMOP-XCHG-04");
	for (uint32_t size = 1; size <= 16; size *= 2)
		for (uint32_t offset = 0; offset < 64; offset += size)
			for (int equal = 0; equal < 2; equal++)
				same(size, offset, equal);
}

static const struct line lines[] = {
	{ "the guest's CSY, CSG and CDSG do the same", "MEMOP-XCHG-03 MEMOP-XCHG-04", same_as_cpu },
	{ "no exchange is lost, doubled or torn", "MEMOP-XCHG-05", atomic },
};

static void set_up(void)
{
	worker_create(&worker);
	vm_userspace_mem_region_add(worker.vm, VM_MEM_SRC_ANONYMOUS, GPA, SLOT, SIZE / BYTES_PAGE,
				    0);
	worker_map(&worker, GPA, SIZE / BYTES_PAGE);
	board = addr_gpa2hva(worker.vm, GPA);
	stop = false;
}

static void tear_down(void)
{
	worker_free(&worker);
}

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--seconds", "how long to exchange", &seconds },
	};

	report_numbers(numbers, ARRAY_SIZE(numbers));
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	report_around(set_up, tear_down);
	return report_run();
}
