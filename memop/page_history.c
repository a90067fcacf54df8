// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every request and instruction works on a page of every history.
 *
 * memop/contract.md, MEMOP-RET-01, MEMOP-KEY-03, MEMOP-RC-01, SKEY-05; mem_slot's;
 * api.rst and PoP know no histories of a page: memory is memory.
 *
 * How it is seen: a page gets a history (slot/history.h), with its neighbours and a storage
 * key in use, or alone in a segment that nobody touched; in a process that uses storage keys
 * and in one that does not yet. Then one of s390x/page_op.h's operations. Held against what
 * must be: outcome, the bytes read, the whole page and its neighbours, keys, R and C bits,
 * the dirty log. Storage keys cannot be given up again: each group of operations has a
 * process of its own, whose verdicts come back in shared memory.
 *
 * Longer than others, since it judges all that can be seen of a page in one place.
 *
 * Over 300 lines: every history with every operation is one product.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/judge.h"
#include "s390x/memop.h"
#include "s390x/memop_deviation.h"
#include "s390x/page_op.h"
#include "s390x/skey.h"
#include "slot/backing.h"
#include "slot/history.h"
#include "slot/reclaim.h"
#include "slot/region.h"

#define CLAUSES "MEMOP-RET-01 SKEY-05"
#define SLOT 9
#define SEGMENT (1UL << 20)
#define SIZE (16 * SEGMENT) /* the first is for pages with others, the last for the guest */
#define HERE 0x40000000UL
#define PAGE CONTRACT_PAGE
#define OFFSET 0x340 /* of the bytes in the page */
#define KEY 0x38
#define BESIDE 0x40 /* the neighbours' key */

/* What became of a case; read after a fork, so that pointers to strings hold */
struct verdict {
	char state[160], expected[80], observed[80];
	char missing[80]; /* for it to happen */
	long offset;
	bool wrong;
	const char *deviation, *fault;
};

/* In the process that does it */
static struct {
	struct arena *arena;
	uint8_t *memory, *log;
	size_t count; /* of pages alone, and with others */
	bool alone, keys_in_use;
	const struct page_op *op;
	struct history_page page;
	struct page_access access;
	uint8_t key; /* of the page */
	struct verdict *verdict;
} now;

static void wrong(const char *expected, const char *observed, long offset)
{
	struct verdict *v = now.verdict;

	if (v->wrong)
		return;
	v->wrong = true;
	v->offset = offset;
	snprintf(v->expected, sizeof(v->expected), "%s", expected);
	snprintf(v->observed, sizeof(v->observed), "%s", observed);
}

static void guest(struct history_page *p, bool write)
{
	struct judge_order o = { .address = p->gpa,
				 .psw_mask = JUDGE_PSW,
				 .kind = write ? JUDGE_STORE : JUDGE_FETCH };

	bytes_copy(&o.value, p->bytes, 8);
	judge_run(now.arena, &o, 1);
}

static void take_log(void)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = now.log };

	TEST_ASSERT(!ioctl(now.arena->vm->fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
}

static bool logged(long beside)
{
	size_t n = (size_t)((long)((now.page.gpa - HERE) / PAGE) + beside);

	return now.log[n / 8] >> n % 8 & 1;
}

static uint8_t key_of(long beside)
{
	uint8_t key = 0xff;

	skey_get(now.arena->vm, now.page.gpa + (uint64_t)(beside * (long)PAGE), 1, &key);
	return key;
}

/* ---------------------------------------------------------------- before it */

static void set_key(long beside, uint8_t key)
{
	struct outcome o =
		skey_set(now.arena->vm, now.page.gpa + (uint64_t)(beside * (long)PAGE), 1, key);

	TEST_ASSERT(o.ret == 0, "KVM_S390_SET_SKEYS, errno %d", o.err);
}

static void fill_beside(void)
{
	for (long side = -1; side <= 1; side += 2) {
		bytes_copy(now.page.at + side * (long)PAGE, bytes_rest(0), PAGE);
		if (now.keys_in_use)
			set_key(side, BESIDE);
	}
}

/* Its backing is another one now: whether its key is, too, is the kernel's affair */
static bool has_another_backing(enum history h)
{
	return h == HISTORY_DISCARDED || h == HISTORY_FREED || h == HISTORY_MOVED_AWAY_AND_BACK ||
	       h == HISTORY_MOVED_HERE || h == HISTORY_REPLACED || h == HISTORY_PUNCHED ||
	       h == HISTORY_TRUNCATED_AND_GROWN || h == HISTORY_BEYOND_END;
}

/* Stores what is there: R and C are on from then on (PoP, chapter 3, "Change Recording") */
static void store_the_same(void)
{
	struct kvm_s390_mem_op op = { .op = KVM_S390_MEMOP_ABSOLUTE_WRITE,
				      .gaddr = now.page.gpa,
				      .size = 8,
				      .buf = (uintptr_t)now.page.bytes };

	TEST_ASSERT(!memop(now.arena->vm->fd, &op).ret, "a write");
}

/* The key that was set is there still, R and C with it; then it is set again, without them */
static void settle_key(enum history h)
{
	uint8_t key = key_of(0);

	if ((key & 0xf8) != KEY && !(has_another_backing(h) && !(key & 0xf8)))
		wrong("the storage key outlasts it", "another key", -1);
	else if (history_is_filled(h) && !has_another_backing(h) && (key & 6) != 6)
		wrong("R and C outlast it", "one of them is off", -1);
	set_key(0, now.key);
}

static const char *prepare(enum history h)
{
	const char *missing;
	uint64_t at =
		now.alone ? (1 + now.count) * SEGMENT + 37 * PAGE : (2 + 4 * now.count) * PAGE;

	TEST_ASSERT(at + SEGMENT < SIZE, "the slot is too small");
	now.page.at = now.memory + at;
	now.page.gpa = HERE + at;
	now.page.memory = now.memory;
	now.page.size = SIZE;
	now.page.guest = guest;
	now.key = now.keys_in_use && !now.alone ? KEY : 0;
	history_begin(h, &now.page);
	if (!now.alone)
		fill_beside();
	if (now.key)
		set_key(0, now.key);
	if (history_is_filled(h)) {
		history_fill(&now.page, now.count);
		if (now.key)
			store_the_same();
	}
	missing = history_happen(h, &now.page);
	if (!missing && now.key)
		settle_key(h);
	return missing;
}

/* ----------------------------------------------------------------- after it */

static bool reachable(void)
{
	return now.op->store ? now.page.writable : now.page.readable;
}

/* Returns whether it was done */
static bool check_outcome(bool denied)
{
	struct outcome o = now.access.outcome;
	char text[OUTCOME_TEXT];
	bool keys = now.op->kind == PAGE_OP_GET_KEY || now.op->kind == PAGE_OP_SET_KEY;

	if (now.op->kind == PAGE_OP_GET_KEY && !now.keys_in_use) {
		if (o.ret != KVM_S390_GET_SKEYS_NONE)
			wrong("KVM_S390_GET_SKEYS_NONE", outcome_text(o, text), -1);
	} else if (denied) {
		if (reachable() ? o.ret != PGM_PROTECTION : o.ret == 0)
			wrong("PGM 0x04 (protection)", outcome_text(o, text), -1);
	} else if (reachable() && o.ret) {
		wrong("success", outcome_text(o, text), -1);
	} else if (!reachable() && !o.ret && !keys && !now.op->check) {
		wrong("no success: the process cannot reach it", "success", -1);
	}
	return !o.ret && !denied && reachable();
}

static void check_read(void)
{
	size_t size = page_op_reads(now.op);
	long d = size ? bytes_differ(now.access.buf, now.access.now, size) : -1;

	if (d >= 0)
		wrong("the bytes of the page are read", "another byte", d);
}

static void check_bytes(void)
{
	long d;

	history_allow(&now.page);
	d = history_differs(&now.page);
	if (d >= 0)
		wrong("the page holds what it must", "another byte", d);
	for (long side = -1; side <= 1 && !now.alone; side += 2) {
		d = bytes_differ(now.page.at + side * (long)PAGE, bytes_rest(0), PAGE);
		if (d >= 0)
			wrong("the page beside it is left alone", "another byte", d);
	}
}

/* Has it a key that was set before KVM mapped it, and has nothing taken its entry away since? */
static bool is_as_keyed(enum history h)
{
	/* The key of a page that was stored to is set anew behind what the host did to it */
	return now.key && (history_is_filled(h) || h == HISTORY_HOST_READ ||
			   h == HISTORY_HOST_WRITTEN || h == HISTORY_PRIVATE_FILE);
}

/* Nobody has stored to it since take_log() */
static const char *known_of_log(enum history h)
{
	const struct dirty_attempt a = {
		.store = now.op->store && !now.op->check,
		.by_guest = now.op->kind == PAGE_OP_GUEST,
		.guest_met = !now.alone || h == HISTORY_GUEST_READ || h == HISTORY_GUEST_WRITTEN,
		.keyed = is_as_keyed(h),
	};

	return deviation_of_dirty_page(&a);
}

/*
 * A store that a key denies, which the frame's key of another VM has permitted until the frame
 * was copied for it: FIND-22, and the copy is in the log
 */
static const char *former_key_before_copy(void)
{
	return now.op->kind == PAGE_OP_GUEST && now.op->store && now.op->key > 0 && !now.keys_in_use
		       ? fault_of_former_keys(false, false)
		       : NULL;
}

static void check_log(enum history h, bool stored)
{
	bool sets = now.op->kind == PAGE_OP_SET_KEY || now.op->op == JUDGE_SSKE;

	if (stored && !logged(0))
		wrong("the page that was stored to is in the dirty log", "it is not", -1);
	/*
	 * To set a key, or to reach it, KVM may touch the page. Whether the log has what the
	 * process wrote before the guest met the segment is said nowhere.
	 */
	if (!stored && logged(0) && !sets && !now.op->uses_keys &&
	    !(now.alone && now.op->kind == PAGE_OP_GUEST) && !history_leaves_none(h)) {
		now.verdict->deviation = known_of_log(h);
		if (!now.verdict->deviation)
			now.verdict->fault = former_key_before_copy();
		if (!now.verdict->deviation && !now.verdict->fault)
			wrong("the page is not in the dirty log", "it is", -1);
	}
	if (!now.alone && (logged(-1) || logged(1)))
		wrong("the pages beside it are not in the dirty log", "one is", -1);
}

static bool sets_key(void)
{
	return now.op->kind == PAGE_OP_SET_KEY ||
	       (now.op->kind == PAGE_OP_GUEST && now.op->op == JUDGE_SSKE);
}

/*
 * FIND-01 (docs/findings.md): a key other than 0 that SET_SKEYS gives to a page in whose segment
 * there is no page table is not set
 */
static bool is_lost_key(enum history h, uint8_t key)
{
	return now.op->kind == PAGE_OP_SET_KEY && now.alone && !(key & 0xf8) &&
	       (h == HISTORY_UNTOUCHED || h == HISTORY_PRIVATE_FILE);
}

static void check_key(enum history h, bool done, bool stored)
{
	uint8_t key = key_of(0), expected = sets_key() ? now.access.key : now.key;
	char text[40];

	if (!now.keys_in_use && !now.op->uses_keys)
		return;
	snprintf(text, sizeof(text), "0x%02x", key);
	if (is_lost_key(h, key))
		now.verdict->fault = "FIND-01";
	else if ((key ^ expected) & 0xf8 && (done || !sets_key()))
		wrong("the storage key that it must have", text, -1);
	if (stored && now.keys_in_use && (key & 6) != 6)
		wrong("R and C are on", text, -1);
	/* A comparison that fails may have needed a page to store to */
	if (!stored && now.key && !sets_key() && now.op->kind != PAGE_OP_DIFFERS &&
	    key & SKEY_CHANGE)
		wrong("C stays off", text, -1);
	if (now.alone || !now.keys_in_use)
		return;
	for (long side = -1; side <= 1; side += 2)
		if ((key_of(side) & 0xf8) != BESIDE)
			wrong("the keys of the pages beside it stay", "another key", -1);
}

/* While no keys are in use: has it met one that the frame had in another VM? */
static const char *former_key_met(bool denied)
{
	bool success = now.access.outcome.ret == 0;

	if (now.keys_in_use || now.op->key <= 0 || !reachable() || success == !denied)
		return NULL;
	return success || now.access.outcome.ret == PGM_PROTECTION
		       ? fault_of_former_keys(false, false)
		       : NULL;
}

static void operate(enum history h)
{
	bool denied = page_op_denied(now.op, now.key), done, stored;

	now.access = (struct page_access){ .arena = now.arena, .gpa = now.page.gpa + OFFSET };
	now.access.key = sets_key() ? 0x50 : 0xff;
	if (now.page.or_zero && bytes_differ(now.page.at, now.page.bytes, PAGE) >= 0)
		memset(now.page.bytes, 0, PAGE);
	now.page.or_zero = false;
	bytes_copy(now.access.now, now.page.bytes + OFFSET, PAGE_OP_BYTES);
	bytes_copy(now.access.new, bytes_inverted(77), PAGE_OP_BYTES);
	take_log();
	page_op_run(now.op, &now.access);
	take_log();
	now.verdict->fault = former_key_met(denied);
	if (now.verdict->fault)
		return;
	done = check_outcome(denied);
	stored = done && page_op_stores(now.op);
	if (stored)
		bytes_copy(now.page.bytes + OFFSET, now.access.new, page_op_stores(now.op));
	if (done)
		check_read();
	check_log(h, stored);
	check_key(h, done, stored);
	check_bytes();
}

/* ------------------------------------------------------------------ processes */

static void set_up(void)
{
	struct region r = {
		.slot = SLOT, .flags = KVM_MEM_LOG_DIRTY_PAGES, .gpa = HERE, .size = SIZE
	};

	now.memory = region_memory(SIZE);
	now.log = calloc(1, SIZE / PAGE / 8);
	now.arena = arena_create(NULL, 0, 0);
	judge_create(now.arena);
	r.user = (uintptr_t)now.memory;
	TEST_ASSERT(now.log && !region_set(now.arena->vm->fd, false, &r).ret, "the slot");
	/* The guest's first run comes before all: it meets the first segment */
	now.page.gpa = HERE;
	now.page.bytes = now.log;
	guest(&now.page, false);
	if (now.keys_in_use)
		set_key(0, 0x10);
}

static void one(enum history h, struct verdict *v)
{
	const char *missing;

	now.verdict = v;
	missing = prepare(h);
	snprintf(v->state, sizeof(v->state), "a page that %s, %s, storage keys %s; %s",
		 history_name(h), now.alone ? "alone" : "with others",
		 now.keys_in_use ? "in use" : "not in use", now.op->name);
	if (missing)
		snprintf(v->missing, sizeof(v->missing), "%s", missing);
	else
		operate(h);
	history_end(h, &now.page);
	now.count++;
}

/* What the process cannot reach the guest cannot either: mem_slot/page_history */
static bool is_left_out(enum history h, const struct page_op *o)
{
	return o->kind == PAGE_OP_GUEST &&
	       (h == HISTORY_NO_ACCESS || h == HISTORY_BEYOND_END || h == HISTORY_READ_ONLY);
}

/* Is it a case? Alone, or without keys, what differs in its key or path alone adds nothing. */
static bool is_case(enum history h, const struct page_op *o, bool alone, bool keys)
{
	bool reads_or_writes = o->kind == PAGE_OP_MEMOP && (o->op == KVM_S390_MEMOP_ABSOLUTE_READ ||
							    o->op == KVM_S390_MEMOP_ABSOLUTE_WRITE);

	if (is_left_out(h, o))
		return false;
	if (!keys && o->uses_keys)
		return alone ? o->kind == PAGE_OP_SET_KEY : o->op == JUDGE_SSKE;
	if (!keys && (o->check || (o->key == 5 && !o->store) || o->key == 3))
		return false;
	return !alone ||
	       (keys && o->key <= 0 && !o->check && (o->kind != PAGE_OP_MEMOP || reads_or_writes));
}

#define ARRANGEMENTS 4 /* alone or not, storage keys in use or not */
static struct verdict *verdicts;

/* All operations, or that one which takes up the use of storage keys */
static void operations(enum history h, int arrangement, long only)
{
	now.alone = arrangement & 1;
	now.count = 0;
	for (size_t i = 0; i < page_op_count; i++) {
		now.op = &page_ops[i];
		if (only < 0 ? !now.keys_in_use && now.op->uses_keys : i != (size_t)only)
			continue;
		if (is_case(h, now.op, now.alone, now.keys_in_use))
			one(h, &verdicts[(size_t)arrangement * page_op_count + i]);
	}
}

static void process(enum history h, bool keys, long only)
{
	pid_t child;

	fflush(stdout);
	bytes_rest(0); /* made once, not in each process */
	/* Who makes swap ready takes it away when it exits, which the child does not in order */
	if (h == HISTORY_SWAPPED)
		reclaim_can_swap();
	child = fork();
	TEST_ASSERT(child >= 0, "fork, errno %d", errno);
	if (!child) {
		now.keys_in_use = keys;
		set_up();
		operations(h, keys * 2, only);
		operations(h, keys * 2 + 1, only);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void report(const struct verdict *v, const struct page_op *o)
{
	if (!report_case())
		return;
	if (!v->state[0])
		report_wrong(o->name, "a verdict", "the process ended before it");
	else if (v->wrong)
		report_fail(&(struct finding){ .state = v->state,
					       .expected = v->expected,
					       .observed = v->observed,
					       .offset = v->offset });
	else if (v->fault)
		report_fault(v->fault);
	else if (v->deviation)
		report_deviation(v->deviation);
	else if (o->kind != PAGE_OP_GUEST)
		report_decided(o->kind == PAGE_OP_SET_KEY ? "SKEY-05" : "MEMOP-RET-01");
}

static void line(enum history h)
{
	const size_t count = ARRANGEMENTS * page_op_count;
	const char *missing = NULL;
	size_t there = 0;

	verdicts = mmap(NULL, count * sizeof(*verdicts), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(verdicts != MAP_FAILED, "no memory");
	process(h, true, -1);
	process(h, false, -1);
	for (size_t i = 0; i < page_op_count; i++)
		if (page_ops[i].uses_keys && (is_case(h, &page_ops[i], false, false) ||
					      is_case(h, &page_ops[i], true, false)))
			process(h, false, (long)i);
	for (size_t i = 0; i < count; i++) {
		const struct page_op *o = &page_ops[i % page_op_count];

		if (!is_case(h, o, i / page_op_count & 1, i / page_op_count & 2))
			continue;
		if (verdicts[i].missing[0])
			missing = verdicts[i].missing;
		else
			report(&verdicts[i], o);
		there += !verdicts[i].missing[0];
	}
	if (!there)
		report_skip(SKIP_RESOURCE, "needs %s", missing);
	munmap(verdicts, count * sizeof(*verdicts));
}

HISTORY_EACH(HISTORY_CHECK)

static const struct line lines[] = { HISTORY_EACH(HISTORY_LINE) };

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	return report_run();
}
