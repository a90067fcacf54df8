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

static void fail(const struct attempt *a, size_t page, const char *expected, const char *observed)
{
	char request[MEMOP_TEXT], state[80];

	snprintf(state, sizeof(state), "storage key %#x, %s, page %zu of pages %zu to %zu",
		 skey_byte(ACC, true), how_text[a->how], page, a->first, a->last);
	report_fail(&(struct finding){ .state = state,
				       .request = memop_text(&a->op, request),
				       .expected = expected,
				       .observed = observed,
				       .offset = -1 });
}

static bool outcome_is_right(const struct attempt *a, struct outcome o)
{
	struct outcome expected =
		a->how == DENIED ? outcome_exception(PGM_PROTECTION) : outcome_success();
	char want[OUTCOME_TEXT], got[OUTCOME_TEXT];

	if (outcome_equal(o, expected))
		return true;
	fail(a, a->first, outcome_text(expected, want), outcome_text(o, got));
	return false;
}

static bool touches(const struct attempt *a, size_t page)
{
	return page >= a->first && page <= a->last;
}

/* Which of the bits that may be on have to be */
static void bits_expected(const struct attempt *a, size_t page, uint8_t *must, uint8_t *may)
{
	*must = *may = 0;
	if (!touches(a, page))
		return;
	if (a->how == PERMITTED)
		*must = *may = a->store ? SKEY_REFERENCE | SKEY_CHANGE : SKEY_REFERENCE;
	if (a->how == DENIED)
		*may = SKEY_REFERENCE; /* PoP does not say that a prohibited access leaves it */
	if (a->how == DIFFERS) {
		/* PoP, chapter 7, "COMPARE AND SWAP": it may count as a store */
		*must = SKEY_REFERENCE;
		*may = SKEY_REFERENCE | SKEY_CHANGE;
	}
}

static void check_bits(const struct attempt *a)
{
	uint8_t keys[PAGES], must, may;
	char expected[80], observed[40];
	struct outcome o;

	if (!report_case())
		return;
	report_decided(a->how == CHECKED ? "MEMOP-CHK-02"
		       : a->how == DENIED ? "MEMOP-RC-02"
					  : "MEMOP-RC-01");
	arena_key(arena, BASE, PAGES, skey_byte(ACC, true));
	o = memop(a->on_vcpu ? arena->vcpu->fd : arena->vm->fd, &a->op);
	TEST_ASSERT(skey_get(arena->vm, BASE, PAGES, keys).ret == 0, "KVM_S390_GET_SKEYS");
	if (outcome_is_right(a, o))
		for (size_t page = 0; page < PAGES; page++) {
			bits_expected(a, page, &must, &may);
			must |= skey_byte(ACC, true);
			may |= must;
			if ((keys[page] & must) == must && !(keys[page] & ~may))
				continue;
			snprintf(expected, sizeof(expected),
				 "a storage key with at least %#04x, at most %#04x", must, may);
			snprintf(observed, sizeof(observed), "%#04x", keys[page]);
			fail(a, page, expected, observed);
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

static void check_log(const struct attempt *a)
{
	uint64_t bitmap[ARENA_PAGES / 64];
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
			bool expected = a->store && a->how == PERMITTED && touches(a, page);

			if (in_log(bitmap, page) == expected)
				continue;
			if (!expected && touches(a, page) &&
			    deviation_of_dirty_page(a->store && a->how != CHECKED)) {
				report_deviation(deviation_of_dirty_page(true));
				continue;
			}
			fail(a, page, expected ? "in the dirty log" : "not in the dirty log",
			     expected ? "not in it" : "in it");
			break;
		}
	get_log(bitmap);
	for (size_t i = 0; i < ARRAY_SIZE(bitmap); i++)
		if (bitmap[i])
			fail(a, i * 64, "a second call finds nothing",
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
};

static void set_up(void)
{
	max = (uint32_t)memop_max_size();
	buf = malloc(max);
	TEST_ASSERT(buf, "no memory");
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
