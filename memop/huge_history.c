// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every request and instruction works on huge pages of every history.
 *
 * memop/contract.md, MEMOP-RET-01, MEMOP-KEY-03, SKEY-05, DIRTY-03; api.rst,
 * KVM_SET_USER_MEMORY_REGION: hugetlbfs may back a slot, and KVM_CAP_S390_HPAGE_1M. What
 * lies between the contract and a page of 4 KiB are the same histories; a huge page has
 * no page table beside which KVM could keep storage keys and what was written.
 *
 * How it is seen: a slot of three huge pages, of which the one in the middle gets a history
 * (slot/history.h), all of its 1 MiB: discarded, its file punched or cut off, shared with a
 * child process. Then one of s390x/page_op.h's operations on 16 bytes of it. Held against
 * what must be: outcome, the bytes of all three pages and of the child's copy, storage
 * keys before and after, the change bit, the dirty log.
 *
 * Over 300 lines: every history with every operation is one product.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/judge.h"
#include "s390x/memop.h"
#include "s390x/page_op.h"
#include "s390x/skey.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/history.h"
#include "slot/region.h"

#define SLOT 9
#define HUGE (1UL << 20)
#define SIZE (3 * HUGE)
#define HERE 0x40000000UL
#define PAGE CONTRACT_PAGE
#define NUMBER 37		       /* the block of 4 KiB in question */
#define OFFSET (NUMBER * PAGE + 0x340) /* and the bytes, in the huge page */
#define FIRST_BLOCK (HUGE / PAGE + NUMBER)
#define KEY 0x38
#define BESIDE 0x40 /* the next block's key */
#define SPARE_PAGES 5

static struct arena *arena;
static uint8_t *memory;
static uint64_t dirty[SIZE / PAGE / 64];
static struct history_page page;
static struct page_access access_now;
static const struct page_op *op;
static enum history history;
static bool keys_in_use;

static void wrong(const char *expected, const char *observed)
{
	char state[160];

	snprintf(state, sizeof(state), "a huge page that %s, storage keys %s",
		 history_name(history), keys_in_use ? "in use" : "not in use");
	report_fail(&(struct finding){ .state = state,
				       .request = op->name,
				       .expected = expected,
				       .observed = observed,
				       .offset = -1 });
}

static void guest(struct history_page *p, bool write)
{
	struct judge_order o = { .address = p->gpa,
				 .psw_mask = JUDGE_PSW,
				 .kind = write ? JUDGE_STORE : JUDGE_FETCH };

	bytes_copy(&o.value, p->bytes, 8);
	judge_run(arena, &o, 1);
}

static void take_log(void)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = dirty };

	TEST_ASSERT(!ioctl(arena->vm->fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
}

static bool logged(size_t block)
{
	return ((const uint8_t *)dirty)[block / 8] >> block % 8 & 1;
}

static uint8_t key_of(size_t block)
{
	uint8_t key = 0xff;

	skey_get(arena->vm, HERE + block * PAGE, 1, &key);
	return key;
}

static void set_key(size_t block, uint8_t key)
{
	TEST_ASSERT(!skey_set(arena->vm, HERE + block * PAGE, 1, key).ret, "KVM_S390_SET_SKEYS");
}

/* ---------------------------------------------------------------- before it */

/* Other frames than before: whether they have the keys, too, is the kernel's affair */
static bool has_another_backing(void)
{
	return history == HISTORY_DISCARDED || history == HISTORY_REPLACED ||
	       history == HISTORY_PUNCHED || history == HISTORY_TRUNCATED_AND_GROWN ||
	       history == HISTORY_BEYOND_END;
}

/* Of what was never touched there are no frames that could have keys */
static bool has_keys(void)
{
	return keys_in_use && history_is_filled(history);
}

static void begin(void)
{
	page = (struct history_page){ .at = memory + HUGE,
				      .memory = memory,
				      .size = SIZE,
				      .length = HUGE,
				      .hugetlb = true,
				      .guest = guest,
				      .gpa = HERE + HUGE };
	history_begin(history, &page);
	if (history_is_filled(history))
		history_fill(&page, (uint64_t)history);
	if (has_keys()) {
		set_key(FIRST_BLOCK, KEY);
		set_key(FIRST_BLOCK + 1, BESIDE);
	}
}

/* ----------------------------------------------------------------- after it */

static bool reachable(void)
{
	return op->store ? page.writable : page.readable;
}

/* Returns whether it was done */
static bool check_outcome(bool denied)
{
	struct outcome o = access_now.outcome;
	bool keys = op->kind == PAGE_OP_GET_KEY || op->kind == PAGE_OP_SET_KEY;
	char text[OUTCOME_TEXT];

	outcome_text(o, text);
	if (op->kind == PAGE_OP_GET_KEY && !keys_in_use) {
		if (o.ret != KVM_S390_GET_SKEYS_NONE)
			wrong("KVM_S390_GET_SKEYS_NONE", text);
	} else if (denied) {
		if (reachable() ? o.ret != PGM_PROTECTION : o.ret == 0)
			wrong("PGM 0x04 (protection)", text);
	} else if (reachable() && o.ret) {
		wrong("success", text);
	} else if (!reachable() && !o.ret && !keys && !op->check) {
		wrong("no success: the process cannot reach it", text);
	}
	return !o.ret && !denied && reachable();
}

static void check_bytes(void)
{
	history_allow(&page);
	if (history_differs(&page) >= 0)
		wrong("the huge page holds what it must", "another byte");
}

/* A block that was stored to is in it; more of the same huge page may be, of others nothing */
static void check_log(bool stored)
{
	if (stored && !logged(FIRST_BLOCK))
		wrong("the block that was stored to is in the dirty log", "it is not");
	for (size_t block = 0; block < SIZE / PAGE; block++)
		if (block / (HUGE / PAGE) != 1 && logged(block)) {
			wrong("the huge pages beside it are not in the dirty log", "one is");
			return;
		}
}

static bool sets_key(void)
{
	return op->kind == PAGE_OP_SET_KEY || (op->kind == PAGE_OP_GUEST && op->op == JUDGE_SSKE);
}

/* FIND-01 (docs/findings.md): SET_SKEYS makes the huge page, and does not set the key */
static bool is_lost_key(uint8_t key)
{
	return op->kind == PAGE_OP_SET_KEY && !(key & 0xf8) &&
	       (history == HISTORY_UNTOUCHED || has_another_backing());
}

/* FIND-26: has the huge page been copied, to a frame without its keys? */
static bool was_copied_without_keys(void)
{
	return has_keys() && (history == HISTORY_FORKED || history == HISTORY_FORKED_WRITTEN) &&
	       fault_of_copied_huge_page() && !(key_of(FIRST_BLOCK + 1) & 0xf8);
}

static void check_keys(uint8_t key, uint8_t beside, bool stored)
{
	uint8_t is = key_of(FIRST_BLOCK), expected = key;
	char text[60];

	if (!keys_in_use)
		return;
	/* Keys can be set where the process may not access */
	if (sets_key() && !access_now.outcome.ret)
		expected = access_now.key;
	snprintf(text, sizeof(text), "%#04x, it was %#04x", is, key);
	if (is_lost_key(is))
		report_fault("FIND-01");
	else if ((is ^ expected) & 0xf8)
		wrong("the storage key that it must have", text);
	else if (stored && !(is & SKEY_CHANGE))
		wrong("the change bit is on", text);
	if ((key_of(FIRST_BLOCK + 1) ^ beside) & 0xf8)
		wrong("the storage key of the next block stays", "another one");
}

static void operate(void)
{
	uint8_t key = keys_in_use ? key_of(FIRST_BLOCK) : 0;
	uint8_t beside = keys_in_use ? key_of(FIRST_BLOCK + 1) : 0;
	uint8_t *then = history == HISTORY_FORKED ? malloc(HUGE) : NULL;
	bool lost = was_copied_without_keys(), denied, done, stored;

	if (!lost && has_keys() && (key & 0xf8) != KEY && !(has_another_backing() && !(key & 0xf8)))
		wrong("the storage key outlasts it", "another key");
	denied = page_op_denied(op, key);
	access_now = (struct page_access){ .arena = arena, .gpa = page.gpa + OFFSET, .key = 0x50 };
	bytes_copy(access_now.now, page.bytes + OFFSET, PAGE_OP_BYTES);
	bytes_copy(access_now.new, bytes_inverted(77), PAGE_OP_BYTES);
	if (then)
		bytes_copy(then, page.bytes, HUGE);
	take_log();
	page_op_run(op, &access_now);
	take_log();
	lost |= was_copied_without_keys();
	/* What came of a key that was lost on the way is no more than that */
	done = lost && op->key > 0 ? !access_now.outcome.ret : check_outcome(denied);
	stored = done && page_op_stores(op);
	if (stored)
		bytes_copy(page.bytes + OFFSET, access_now.new, page_op_stores(op));
	if (done && page_op_reads(op) && memcmp(access_now.buf, access_now.now, page_op_reads(op)))
		wrong("the bytes of the page are read", "others");
	check_log(stored);
	if (lost)
		report_fault(fault_of_copied_huge_page());
	else
		check_keys(key, beside, stored);
	check_bytes();
	if (then && history_child_differs(&page, then))
		wrong("the child has its own copy, as it was", "another byte");
	free(then);
}

/* ---------------------------------------------------------------------- the lines */

/* Keys of frames that another VM had are memop/former_keys' affair */
static bool is_case(const struct page_op *o)
{
	if (!keys_in_use && (o->uses_keys || o->key > 0))
		return false;
	return !(o->kind == PAGE_OP_GUEST &&
		 (history == HISTORY_NO_ACCESS || history == HISTORY_BEYOND_END ||
		  history == HISTORY_READ_ONLY));
}

static void histories(const enum history *list, size_t count, bool keys)
{
	keys_in_use = keys;
	if (keys)
		set_key(0, 0); /* from here on for ever */
	for (size_t h = 0; h < count; h++)
		for (size_t i = 0; i < page_op_count; i++) {
			const char *missing;

			history = list[h];
			op = &page_ops[i];
			if (!is_case(op) || !report_case())
				continue;
			begin();
			missing = history_happen(history, &page);
			TEST_ASSERT(!missing, "no %s", missing);
			operate();
			history_end(history, &page);
		}
}

static const enum history plain[] = {
	HISTORY_UNTOUCHED,	     HISTORY_HOST_READ,		 HISTORY_GUEST_READ,
	HISTORY_HOST_WRITTEN,	     HISTORY_DISCARDED,		 HISTORY_READ_ONLY,
	HISTORY_READ_ONLY_AND_BACK,  HISTORY_NO_ACCESS_AND_BACK, HISTORY_NO_ACCESS,
	HISTORY_MOVED_AWAY_AND_BACK, HISTORY_REPLACED,
};
static const enum history files[] = { HISTORY_FILE, HISTORY_PUNCHED, HISTORY_TRUNCATED_AND_GROWN,
				      HISTORY_BEYOND_END };
static const enum history forks[] = { HISTORY_FORKED, HISTORY_FORKED_WRITTEN };

static void line_plain(void)
{
	histories(plain, ARRAY_SIZE(plain), false);
}

static void line_files(void)
{
	histories(files, ARRAY_SIZE(files), false);
}

static void line_forks(void)
{
	histories(forks, ARRAY_SIZE(forks), false);
}

static void line_plain_keys(void)
{
	histories(plain, ARRAY_SIZE(plain), true);
}

static void line_files_keys(void)
{
	histories(files, ARRAY_SIZE(files), true);
}

static void line_forks_keys(void)
{
	histories(forks, ARRAY_SIZE(forks), true);
}

static const struct line lines[] = {
	{ "huge pages, however touched, protected, discarded, moved", "MEMOP-RET-01", line_plain },
	{ "huge pages of files, with holes and cut off", "MEMOP-RET-01", line_files },
	{ "huge pages that are shared with a child", "MEMOP-RET-01", line_forks },
	/* Storage keys cannot be given up again */
	{ "with storage keys: however touched, protected, discarded, moved", "SKEY-05",
	  line_plain_keys },
	{ "with storage keys: of files, with holes and cut off", "SKEY-05", line_files_keys },
	{ "with storage keys: shared with a child", "SKEY-05", line_forks_keys },
};

static void set_up(void)
{
	/* For the slot, and for what histories need beside it */
	uint8_t *reserve = region_huge_memory(SIZE + SPARE_PAGES * HUGE);
	struct region r = {
		.slot = SLOT, .flags = KVM_MEM_LOG_DIRTY_PAGES, .gpa = HERE, .size = SIZE
	};

	arena = reserve ? arena_create_huge(NULL, 0) : NULL;
	if (reserve)
		munmap(reserve, SIZE + SPARE_PAGES * HUGE);
	if (!arena) {
		report_skip(SKIP_RESOURCE, "needs huge pages (root, or reserved), and "
					   "KVM_CAP_S390_HPAGE_1M (module parameter hpage=1)");
		return;
	}
	memory = region_huge_memory(SIZE);
	TEST_ASSERT(memory, "no huge pages");
	judge_create(arena);
	arena_cpu(arena);
	for (size_t side = 0; side < SIZE; side += 2 * HUGE)
		bytes_copy(memory + side, bytes_rest(0), HUGE);
	r.user = (uintptr_t)memory;
	TEST_ASSERT(!region_set(arena->vm->fd, false, &r).ret, "the slot, errno %d", errno);
}

static void tear_down(void)
{
	for (size_t side = 0; side < SIZE; side += 2 * HUGE)
		report_check(bytes_differ(memory + side, bytes_rest(0), HUGE) < 0,
			     "all of the line's requests",
			     "the huge pages beside it are left alone", "another byte");
	arena_free(arena);
	munmap(memory, SIZE);
}

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	report_around(set_up, tear_down);
	return report_run();
}
