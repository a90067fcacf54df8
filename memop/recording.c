// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a MEM_OP leaves behind besides its bytes: reference and change bits, and
 * the dirty log.
 *
 * PoP, chapter 3, "Storage Key": a store turns change and reference bit on, a
 * fetch the reference bit. api.rst, KVM_GET_DIRTY_LOG: the pages written since
 * the last call. What did not take place, denied or check-only, changes neither
 * change bit nor log; ACC and fetch protection never change (docs/contract.md,
 * MEMOP-RC, MEMOP-CHK-02, DIRTY).
 *
 * How it is seen: bits and log are cleared, one request is issued, both are read
 * again. Nothing else touches the guest's memory in between, since this process
 * would leave traces of its own.
 *
 * Over 300 lines: reference bits, change bits and logs of the same accesses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "case/bytes.h"
#include "compat.h"
#include "s390x/memop_deviation.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define SLOT 1
#define BASE 0x100000UL
#define FIRST 8 /* page of the slot where accesses begin */
#define PAGES 20
#define ACC 4

static const uint64_t slots[] = { 0, BASE };

static struct arena *arena;
static uint8_t *buf;
static uint32_t max;

enum how {
	PERMITTED,
	CHECKED,
	DENIED,
	DIFFERS, /* a cmpxchg that finds another value */
};

static const char *const how_text[] = { "permitted", "check-only", "denied", "unequal" };

struct attempt {
	enum how how;
	bool store;
	struct kvm_s390_mem_op op;
	bool on_vcpu;
	size_t first, last; /* pages of the slot that it touches */
};

static struct attempt attempt(uint32_t op, enum how how, uint32_t size, bool keyed)
{
	uint64_t gaddr = BASE + FIRST * CONTRACT_PAGE + (size > 1 ? CONTRACT_PAGE - 1 : 0);
	struct attempt a = {
		.how = how,
		.store = op == KVM_S390_MEMOP_LOGICAL_WRITE || op == KVM_S390_MEMOP_ABSOLUTE_WRITE,
		.on_vcpu = op <= KVM_S390_MEMOP_LOGICAL_WRITE,
		.op = { .op = op,
			.gaddr = gaddr,
			.size = size,
			.buf = (uintptr_t)buf,
			.key = how == DENIED ? ACC + 1 : ACC,
			.flags = (how == CHECKED ? KVM_S390_MEMOP_F_CHECK_ONLY : 0) |
				 (keyed ? KVM_S390_MEMOP_F_SKEY_PROTECTION : 0) },
	};

	a.first = (gaddr - BASE) / CONTRACT_PAGE;
	a.last = (gaddr + size - 1 - BASE) / CONTRACT_PAGE;
	return a;
}

#define ATTEMPT_TEXT (MEMOP_TEXT + 80)

/* What is said of a page of it */
static const char *attempt_text(const struct attempt *a, size_t page, char *text)
{
	char request[MEMOP_TEXT];

	snprintf(text, ATTEMPT_TEXT, "%s; storage key %#x, %s, page %zu of pages %zu to %zu",
		 memop_text(&a->op, request), skey_byte(ACC, true), how_text[a->how], page,
		 a->first, a->last);
	return text;
}

static void log_is_wrong(const struct attempt *a, size_t page, bool logged)
{
	char text[ATTEMPT_TEXT];

	report_wrong(attempt_text(a, page, text),
		     logged ? "in the dirty log" : "not in the dirty log",
		     logged ? "not in it" : "in it");
}

static bool outcome_is_right(const struct attempt *a, struct outcome o)
{
	struct outcome expected =
		a->how == DENIED ? outcome_exception(PGM_PROTECTION) : outcome_success();
	char text[ATTEMPT_TEXT], want[OUTCOME_TEXT], got[OUTCOME_TEXT];

	if (outcome_equal(o, expected))
		return true;
	report_wrong(attempt_text(a, a->first, text), outcome_text(expected, want), "%s",
		     outcome_text(o, got));
	return false;
}

static bool touches(const struct attempt *a, size_t page)
{
	return page >= a->first && page <= a->last;
}

/* What the oracle says that is left behind of a page of it */
static struct record record_of(const struct attempt *a, size_t page)
{
	const struct request r = { .on_vcpu = a->on_vcpu, .op = a->op };
	const struct prediction p = { .moves = a->how == DIFFERS ? MOVES_TO_OLD
					       : a->store	 ? MOVES_TO_GUEST
								 : MOVES_TO_BUF };
	const struct outcome o =
		a->how == DENIED ? outcome_exception(PGM_PROTECTION) : outcome_success();

	if (!touches(a, page))
		return (struct record){ 0 };
	return contract_record(&r, &p, o, a->store && a->how == PERMITTED);
}

/* Storage key of @page: are the bits those of @r, and the rest as it was set? */
static bool bits_are(uint8_t key, uint8_t set, struct record r, char *expected, size_t size)
{
	uint8_t must = set | r.must, may = must | r.may;

	snprintf(expected, size, "a storage key with at least %#04x, at most %#04x", must, may);
	return (key & must) == must && !(key & ~may);
}

static void check_bits(const struct attempt *a)
{
	char text[ATTEMPT_TEXT], expected[80];
	uint8_t keys[PAGES];
	struct outcome o;

	if (!report_case())
		return;
	report_decided(a->how == CHECKED  ? "MEMOP-CHK-02"
		       : a->how == DENIED ? "MEMOP-RC-02"
					  : "MEMOP-RC-01");
	arena_key(arena, BASE, PAGES, skey_byte(ACC, true));
	o = memop(a->on_vcpu ? arena->vcpu->fd : arena->vm->fd, &a->op);
	TEST_ASSERT(skey_get(arena->vm, BASE, PAGES, keys).ret == 0, "KVM_S390_GET_SKEYS");
	if (outcome_is_right(a, o))
		for (size_t page = 0; page < PAGES; page++) {
			if (bits_are(keys[page], skey_byte(ACC, true), record_of(a, page), expected,
				     sizeof(expected)))
				continue;
			report_wrong(attempt_text(a, page, text), expected, "%#04x", keys[page]);
			break;
		}
	arena_reset(arena, BASE, ARENA_UNIT);
}

static void get_log(uint64_t *bitmap)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };

	TEST_ASSERT(!ioctl(arena->vm->fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
}

/* Bit 0 is that of the first byte, on big-endian machines too (DIRTY-06) */
static bool in_log(const uint64_t *bitmap, size_t page)
{
	return ((const uint8_t *)bitmap)[page / 8] >> page % 8 & 1;
}

/* The guest has never run here */
static const char *deviation_of_log(const struct attempt *a)
{
	return deviation_of_dirty_page(
		&(struct dirty_attempt){ .store = a->store && a->how != CHECKED });
}

static void check_log(const struct attempt *a)
{
	uint64_t bitmap[ARENA_PAGES / 64];
	char text[ATTEMPT_TEXT];
	struct outcome o;

	if (!report_case())
		return;
	report_decided(a->how == CHECKED ? "DIRTY-03 MEMOP-CHK-02" : "DIRTY-03");
	if (a->store && a->how == PERMITTED)
		report_decided("DIRTY-01 DIRTY-02 DIRTY-06");
	arena_key(arena, BASE, PAGES, skey_byte(ACC, true));
	get_log(bitmap);
	o = memop(a->on_vcpu ? arena->vcpu->fd : arena->vm->fd, &a->op);
	get_log(bitmap);
	if (outcome_is_right(a, o))
		for (size_t page = 0; page < ARENA_PAGES; page++) {
			bool expected = record_of(a, page).logged;

			if (in_log(bitmap, page) == expected)
				continue;
			if (!expected && touches(a, page) && deviation_of_log(a)) {
				report_deviation(deviation_of_log(a));
				continue;
			}
			log_is_wrong(a, page, expected);
			break;
		}
	get_log(bitmap);
	for (size_t i = 0; i < ARRAY_SIZE(bitmap); i++)
		if (bitmap[i])
			report_wrong(attempt_text(a, i * 64, text), "a second call finds nothing",
				     "a page is still in the log");
	arena_reset(arena, BASE, ARENA_UNIT);
}

static void each(void (*check)(const struct attempt *a), enum how how)
{
	static const uint32_t ops[] = {
		KVM_S390_MEMOP_LOGICAL_READ,
		KVM_S390_MEMOP_LOGICAL_WRITE,
		KVM_S390_MEMOP_ABSOLUTE_READ,
		KVM_S390_MEMOP_ABSOLUTE_WRITE,
	};
	const uint32_t sizes[] = { 1, 2, 4096, 4098, 12288, max / 2 };

	for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (int keyed = how == DENIED; keyed < 2; keyed++) {
				struct attempt a = attempt(ops[o], how, sizes[i], keyed);

				check(&a);
			}
}

/* An exchange at each size, in the middle of a page */
static void exchanges(void (*check)(const struct attempt *a), enum how how)
{
	static uint8_t old[16];

	for (uint32_t size = 1; size <= 16; size *= 2)
		for (int keyed = how == DENIED; keyed < 2; keyed++) {
			struct attempt a =
				attempt(KVM_S390_MEMOP_ABSOLUTE_CMPXCHG, how, size, keyed);

			a.store = true;
			a.on_vcpu = false;
			a.op.gaddr = BASE + FIRST * CONTRACT_PAGE + 0x340;
			a.first = a.last = FIRST;
			bytes_copy(old, arena_rest(arena, a.op.gaddr, how == DIFFERS), size);
			compat_set_old_addr(&a.op, old);
			check(&a);
		}
}

static bool has_exchange(void)
{
	if (arena->state.extension & KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG)
		return true;
	report_skip(SKIP_CAPABILITY, "needs KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG");
	return false;
}

static void bits_exchange(void)
{
	if (!has_exchange())
		return;
	exchanges(check_bits, PERMITTED);
	exchanges(check_bits, DIFFERS);
	exchanges(check_bits, DENIED);
}

static void log_exchange(void)
{
	if (!has_exchange())
		return;
	exchanges(check_log, PERMITTED);
	exchanges(check_log, DIFFERS);
	exchanges(check_log, DENIED);
}

static void bits_permitted(void)
{
	each(check_bits, PERMITTED);
}

static void bits_checked(void)
{
	each(check_bits, CHECKED);
}

static void bits_denied(void)
{
	each(check_bits, DENIED);
}

static void log_permitted(void)
{
	each(check_log, PERMITTED);
}

static void log_checked(void)
{
	each(check_log, CHECKED);
}

static void log_denied(void)
{
	each(check_log, DENIED);
}

/* The first page, the last, and both sides of the bitmap's words */
static void log_places(void)
{
	static const size_t pages[] = { 0, 1, 62, 63, 64, 65, 127, 128, 191, 192, 254, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct attempt a = attempt(KVM_S390_MEMOP_ABSOLUTE_WRITE, PERMITTED, 1, false);

		a.op.gaddr = BASE + pages[i] * CONTRACT_PAGE + i;
		a.first = a.last = pages[i];
		check_log(&a);
	}
}

/*
 * A store that page @denies of those it touches denies, or the end of storage: each page
 * whose bytes have changed has its change bit and is in the log, and no other
 */
static void store_in_part(uint32_t op, uint64_t from, uint32_t size, size_t denies)
{
	const size_t first = (from - BASE) / CONTRACT_PAGE, pages = ARENA_PAGES - first;
	struct request r = { .on_vcpu = op == KVM_S390_MEMOP_LOGICAL_WRITE,
			     .op = { .op = op,
				     .gaddr = from,
				     .size = size,
				     .buf = (uintptr_t)buf,
				     .key = ACC,
				     .flags = KVM_S390_MEMOP_F_SKEY_PROTECTION } };
	struct attempt a = {
		.how = DENIED, .store = true, .op = r.op, .first = first, .last = first + denies
	};
	uint64_t bitmap[ARENA_PAGES / 64];
	uint8_t keys[ARENA_PAGES], set;
	struct state s = arena->state;
	char text[ATTEMPT_TEXT], expected[80];
	struct prediction p;
	struct outcome o;

	if (!report_case())
		return;
	report_decided("MEMOP-RC-03 DIRTY-03");
	arena_key(arena, BASE, ARENA_PAGES, skey_byte(ACC, true));
	if (denies < pages)
		arena_key(arena, from + denies * CONTRACT_PAGE, 1, skey_byte(ACC + 1, true));
	s.buf = (struct user_area){ UINT64_MAX, UINT64_MAX };
	contract_memop(&s, &r, &p);
	get_log(bitmap);
	o = memop(r.on_vcpu ? arena->vcpu->fd : arena->vm->fd, &r.op);
	TEST_ASSERT(skey_get(arena->vm, BASE, ARENA_PAGES, keys).ret == 0, "KVM_S390_GET_SKEYS");
	get_log(bitmap);
	if (!prediction_allows(&p, o) || o.ret <= 0)
		report_wrong(attempt_text(&a, first, text), "an access exception",
			     "another outcome");
	for (size_t page = 0; page < ARENA_PAGES; page++) {
		uint64_t at = BASE + page * CONTRACT_PAGE;
		bool changed = bytes_differ(arena_at(arena, at), arena_rest(arena, at, false),
					    CONTRACT_PAGE) >= 0;
		struct record rec = contract_record(&r, &p, o, changed);

		if (page < first || page > first + denies)
			rec = (struct record){ 0 };
		if (changed && (page < first || page >= first + denies))
			report_wrong(attempt_text(&a, page, text),
				     "no byte at or after the page that denies", "a change");
		set = skey_byte(page == first + denies ? ACC + 1 : ACC, true);
		if (!bits_are(keys[page], set, rec, expected, sizeof(expected)))
			report_wrong(attempt_text(&a, page, text), expected, "%#04x, bytes %s",
				     keys[page], changed ? "changed" : "as before");
		if (in_log(bitmap, page) == rec.logged)
			continue;
		if (page == first + denies && deviation_of_log(&a))
			report_deviation(deviation_of_log(&a));
		else
			log_is_wrong(&a, page, rec.logged);
	}
	arena_reset(arena, BASE, ARENA_UNIT);
}

static void partial(void)
{
	static const uint32_t ops[] = { KVM_S390_MEMOP_LOGICAL_WRITE,
					KVM_S390_MEMOP_ABSOLUTE_WRITE };
	const uint64_t end = BASE + ARENA_UNIT;

	for (size_t o = 0; o < ARRAY_SIZE(ops); o++) {
		for (size_t denies = 0; denies < 16; denies++) {
			store_in_part(ops[o], BASE + 60 * CONTRACT_PAGE, 16 * CONTRACT_PAGE,
				      denies);
			store_in_part(ops[o], BASE + 60 * CONTRACT_PAGE + 4090,
				      (uint32_t)(denies * CONTRACT_PAGE + 100), denies);
		}
		/* Into the hole behind the slot */
		for (size_t pages = 1; pages < 9; pages++)
			store_in_part(ops[o], end - pages * CONTRACT_PAGE,
				      (uint32_t)(pages * CONTRACT_PAGE + 8), pages);
	}
}

static const struct line lines[] = {
	{ "a permitted access records reference and change", "MEMOP-RC-01", bits_permitted },
	{ "check-only leaves reference and change alone", "MEMOP-CHK-02", bits_checked },
	{ "a denied access leaves change alone", "MEMOP-RC-02", bits_denied },
	{ "dirty log: exactly the pages that a permitted write stored",
	  "DIRTY-01 DIRTY-02 DIRTY-03 DIRTY-06", log_permitted },
	{ "dirty log: check-only marks none", "DIRTY-03 MEMOP-CHK-02", log_checked },
	{ "dirty log: a denied write marks none", "DIRTY-03", log_denied },
	{ "cmpxchg records reference and change", "MEMOP-RC-01 MEMOP-RC-02", bits_exchange },
	{ "dirty log: cmpxchg marks its page if it stored", "DIRTY-03", log_exchange },
	{ "dirty log: first, last and word-boundary pages of a slot", "DIRTY-01 DIRTY-02 DIRTY-06",
	  log_places },
	{ "a store that a later page denies: change bits and log of the pages it changed",
	  "MEMOP-RC-03 DIRTY-03", partial },
};

static void set_up(void)
{
	max = (uint32_t)memop_max_size();
	buf = malloc(max);
	TEST_ASSERT(buf, "no memory");
	arena_map(arena, BASE, ARENA_PAGES, ACC);
	bytes_copy(buf, bytes_inverted(0), max);
}

static void tear_down(void)
{
	free(buf);
}

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.flags = KVM_MEM_LOG_DIRTY_PAGES,
	.begin = set_up,
	.end = tear_down,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
