// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are one frame in the host have storage keys of their own.
 *
 * memop/contract.md, SKEY-05, SKEY-10; PoP, chapter 3, "Storage Key": each block of absolute
 * storage has its key, and the kernel may not keep pages together that differ in theirs.
 *
 * How it is seen: pages of equal bytes, in states in which the kernel has one frame for all,
 * get a key each, and some beside them get none. SET_SKEYS or the guest's SSKE is what brings
 * keys into use. GET_SKEYS and ISKE must find each page's own. Once a process has used keys it
 * stays so, which is why each case has a process.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/judge.h"
#include "s390x/memop.h"
#include "s390x/skey.h"
#include "slot/reclaim.h"

#define BASE 0x200000UL
#define PAGES 16 /* the first half of them get a key */

enum sharing { READ_BY_PROCESS, READ_BY_GUEST, MERGED };

/* What a process finds, for the one that reports it */
struct found {
	const char *missing;
	uint8_t key[PAGES], inserted[PAGES];
	bool other_bytes, done;
};

static const uint64_t slots[] = { BASE };
static struct arena *arena;

static uint8_t key_of(size_t page)
{
	return page < PAGES / 2 ? skey_byte(page + 3, page & 1) : 0;
}

static uint64_t instruct(enum judge_kind kind, size_t page, uint64_t value)
{
	struct judge_order o = { .address = BASE + page * CONTRACT_PAGE,
				 .psw_mask = JUDGE_PSW,
				 .kind = kind,
				 .value = value };

	judge_run(arena, &o, 1);
	TEST_ASSERT(!o.code, "the guest's instruction: exception %#x", o.code);
	return o.value;
}

static const char *merge(uint8_t *memory)
{
	const char *missing = NULL;

	for (size_t p = 0; p < PAGES; p++)
		bytes_copy(memory + p * CONTRACT_PAGE, bytes_rest(0), CONTRACT_PAGE);
	for (size_t p = 1; p < PAGES && !missing; p++)
		missing = reclaim_merge(memory, memory + p * CONTRACT_PAGE, CONTRACT_PAGE);
	return missing;
}

/* They are anonymous memory that nobody has touched before */
static const char *share(enum sharing how)
{
	const char *missing = how == MERGED ? merge(arena->host[0]) : NULL;

	for (size_t p = 0; p < PAGES; p++)
		if (how == READ_BY_PROCESS)
			(void)*(volatile uint8_t *)(arena->host[0] + p * CONTRACT_PAGE);
		else
			instruct(JUDGE_FETCH, p, 0);
	return missing;
}

static void set_keys(bool by_guest)
{
	for (size_t p = 0; p < PAGES / 2; p++)
		if (by_guest)
			instruct(JUDGE_SSKE, p, key_of(p));
		else
			TEST_ASSERT(
				!skey_set(arena->vm, BASE + p * CONTRACT_PAGE, 1, key_of(p)).ret,
				"KVM_S390_SET_SKEYS, errno %d", errno);
}

static void examine(enum sharing how, bool by_guest, struct found *f)
{
	const uint8_t zeroes[CONTRACT_PAGE] = { 0 };

	arena = arena_create(slots, ARRAY_SIZE(slots), 0);
	judge_create(arena);
	madvise(arena->host[0], ARENA_UNIT, MADV_DONTNEED);
	TEST_ASSERT(skey_get(arena->vm, BASE, 1, f->key).ret == KVM_S390_GET_SKEYS_NONE,
		    "keys are in use before they are to be");
	f->missing = share(how);
	set_keys(by_guest);
	TEST_ASSERT(!skey_get(arena->vm, BASE, PAGES, f->key).ret, "KVM_S390_GET_SKEYS");
	for (size_t p = 0; p < PAGES; p++) {
		f->inserted[p] = (uint8_t)instruct(JUDGE_ISKE, p, 0);
		f->other_bytes |=
			bytes_differ(arena->host[0] + p * CONTRACT_PAGE,
				     how == MERGED ? bytes_rest(0) : zeroes, CONTRACT_PAGE) >= 0;
	}
	f->done = true;
}

static void judge(const struct found *f)
{
	report_check(f->done && !f->other_bytes, "the pages' bytes", "are what they were",
		     f->done ? "other bytes" : "the process ended before");
	for (size_t p = 0; p < PAGES && f->done; p++) {
		if (!report_case())
			continue;
		report_decided("SKEY-05 SKEY-10");
		if ((f->key[p] & 0xf8) != key_of(p) || (f->inserted[p] & 0xf8) != key_of(p))
			report_wrong("the key of one of the pages", "its own",
				     "page %zu: %#04x, ISKE %#04x instead of %#04x", p, f->key[p],
				     f->inserted[p], key_of(p));
	}
}

static void line(enum sharing how)
{
	struct found *f =
		mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(f != MAP_FAILED, "no memory");
	/* Who makes KSM ready takes it away when it exits, which the child does not in order */
	if (how == MERGED)
		reclaim_can_merge();
	for (int by_guest = 0; by_guest <= 1; by_guest++) {
		pid_t child;

		report_about("keys set by %s", by_guest ? "SSKE" : "SET_SKEYS");
		memset(f, 0, sizeof(*f));
		fflush(stdout);
		bytes_rest(0);
		child = fork();
		TEST_ASSERT(child >= 0, "fork, errno %d", errno);
		if (!child) {
			examine(how, by_guest, f);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		if (!f->missing)
			judge(f);
	}
	if (f->missing)
		report_skip(SKIP_RESOURCE, "needs %s", f->missing);
	munmap(f, sizeof(*f));
}

static void read_by_process(void)
{
	line(READ_BY_PROCESS);
}

static void read_by_guest(void)
{
	line(READ_BY_GUEST);
}

static void merged(void)
{
	line(MERGED);
}

static const struct line lines[] = {
	{ "pages that the process has only read", "SKEY-05 SKEY-10", read_by_process },
	{ "pages that the guest has only read", "SKEY-05 SKEY-10", read_by_guest },
	{ "pages that KSM has merged", "SKEY-05 SKEY-10", merged },
};

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), 0);
	return report_run();
}
