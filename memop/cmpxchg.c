// SPDX-License-Identifier: GPL-2.0-only
/*
 * ABSOLUTE_CMPXCHG: what is exchanged, what is not, and what is refused.
 *
 * docs/contract.md, MEMOP-XCHG; api.rst, "Absolute cmpxchg". PoP, chapter 3,
 * "Key-Controlled Protection": an exchange is a store.
 *
 * How it is seen: every size at every aligned offset of two adjacent pages, which
 * lie in different slots, with an old value that is equal, or differs in one bit,
 * each bit in turn. Guest bytes, the old value and the buffer, with guard bytes
 * around all of them, are compared with the oracle.
 */
#include <sys/mman.h>

#include "case/bytes.h"
#include "compat.h"
#include "s390x/judge.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define BORDER 0x100000UL /* between two adjacent slots */
#define END 0x200000UL	  /* of the second, then a hole */
#define PLACE 0x110000UL

static const uint64_t slots[] = { 0, BORDER };
static const uint32_t sizes[] = { 1, 2, 4, 8, 16 };

static struct arena *arena;

static struct trial exchange(uint64_t gaddr, uint32_t size)
{
	return (struct trial){ .arena = arena,
			       .request.op = { .op = KVM_S390_MEMOP_ABSOLUTE_CMPXCHG,
					       .gaddr = gaddr,
					       .size = size } };
}

static void equal_at(uint64_t gaddr, uint32_t size)
{
	struct trial t = exchange(gaddr, size);

	trial_run(&t);
}

static void differs_at(uint64_t gaddr, uint32_t size, unsigned int bit)
{
	struct trial t = exchange(gaddr, size);

	t.old_differs = true;
	t.old_bit = bit;
	trial_run(&t);
}

static void success(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint64_t at = BORDER - 4096; at < BORDER + 4096; at += sizes[i])
			equal_at(at, sizes[i]);
}

static void failure(void)
{
	unsigned int bit = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint64_t at = BORDER - 4096; at < BORDER + 4096; at += sizes[i])
			differs_at(at, sizes[i], bit++ % (8 * sizes[i]));
}

/* Each single bit, at each place that a smaller exchange has in a larger word */
static void each_bit(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint64_t at = PLACE; at < PLACE + 16; at += sizes[i])
			for (unsigned int bit = 0; bit < 8 * sizes[i]; bit++)
				differs_at(at, sizes[i], bit);
}

static void other_sizes(void)
{
	const uint32_t max = (uint32_t)memop_max_size();
	const uint32_t large[] = { 4095, 4096, max - 1, max, max + 1, 1U << 31, UINT32_MAX };

	for (uint32_t size = 0; size <= 300; size++)
		equal_at(PLACE, size);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		equal_at(PLACE, large[i]);
}

static void misaligned(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint64_t at = PLACE; at < PLACE + 32; at++) {
			equal_at(at, sizes[i]);
			differs_at(at, sizes[i], 3);
		}
}

/* The last bytes of storage, the first behind it, across the ends of slots */
static void edges(void)
{
	static const uint64_t ends[] = {
		0, BORDER, END, 1UL << 31, 1UL << 32, 1UL << 52, 1UL << 63
	};

	for (size_t e = 0; e < ARRAY_SIZE(ends); e++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (int from = -17; from <= 17; from++) {
				equal_at(ends[e] + (uint64_t)from, sizes[i]);
				differs_at(ends[e] + (uint64_t)from, sizes[i], 7);
			}
}

static void keyed(unsigned int key, uint32_t size, bool differs)
{
	struct trial t = exchange(PLACE + 16, size);

	t.request.op.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
	t.request.op.key = (uint8_t)key;
	t.old_differs = differs;
	t.old_bit = key % 8;
	trial_run(&t);
}

static void keys(void)
{
	for (unsigned int n = 0; n < 2 * SKEY_ACCESS_KEYS; n++) {
		arena_key(arena, PLACE, 1, skey_byte(n / 2, n % 2));
		for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
			for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
				keyed(key, sizes[i], false);
				keyed(key, sizes[i], true);
			}
		equal_at(PLACE, 8); /* without the flag */
	}
}

/* Only denied ones: the old value stays (DEV-02) */
static void denied(void)
{
	arena_key(arena, PLACE, 1, skey_byte(4, true));
	for (unsigned int key = 5; key < SKEY_ACCESS_KEYS; key++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (int differs = 0; differs < 2; differs++)
				keyed(key, sizes[i], differs);
	arena_key(arena, PLACE, 1, 0);
}

/* CS by the guest under the same key is denied exactly when cmpxchg is */
static void cpu_keys(void)
{
	struct judge_order orders[SKEY_ACCESS_KEYS];

	for (unsigned int n = 0; n < 2 * SKEY_ACCESS_KEYS; n++) {
		arena_key(arena, PLACE, 1, skey_byte(n / 2, n % 2));
		for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
			orders[key] =
				(struct judge_order){ .address = PLACE,
						      .psw_mask = JUDGE_PSW | JUDGE_PSW_KEY(key),
						      .kind = JUDGE_CS };
		judge_run(arena, orders, SKEY_ACCESS_KEYS);
		arena_reset(arena, PLACE, 8);
		for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++) {
			struct trial t = exchange(PLACE, 4);

			t.request.op.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
			t.request.op.key = (uint8_t)key;
			if (report_case() && trial_issue(&t))
				judge_compare(&t, &orders[key]);
		}
	}
}

/* Every flag bit, alone and with the key flag; bit 3 was a draft's "cmpxchg" of writes */
static void flags(void)
{
	for (unsigned int bit = 0; bit < 64; bit++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (int key = 0; key < 2; key++) {
				struct trial t = exchange(PLACE, sizes[i]);

				t.request.op.flags =
					1UL << bit | (key ? KVM_S390_MEMOP_F_SKEY_PROTECTION : 0);
				trial_run(&t);
				t.request.on_vcpu = true;
				trial_run(&t);
				t.request.on_vcpu = false;
				t.request.op.op = KVM_S390_MEMOP_ABSOLUTE_WRITE;
				trial_run(&t);
			}
}

/* The new or the old value lies across the border of two pages of this process */
struct placing {
	int protection; /* of the second page, NOT_MAPPED */
	uint32_t size;
	uint32_t good; /* bytes in the first page */
	bool old;      /* the old value, else the new one */
	bool differs;  /* the old value, from the target */
};

#define NOT_MAPPED -1

/* The value that is placed so, in two pages of which the second is protected afterwards */
static uint8_t *place(const struct placing *p)
{
	uint8_t *area = mmap(NULL, 2 * CONTRACT_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *border = area + CONTRACT_PAGE, *at = border - p->good;

	TEST_ASSERT(area != MAP_FAILED, "mmap");
	bytes_copy(at, arena_rest(arena, PLACE, !p->old), p->size);
	if (p->old && p->differs)
		at[0] ^= 1;
	if (p->protection == NOT_MAPPED)
		munmap(border, CONTRACT_PAGE);
	else
		TEST_ASSERT(!mprotect(border, CONTRACT_PAGE, p->protection), "mprotect");
	return at;
}

static void placed(struct placing p)
{
	struct trial t = exchange(PLACE, p.size);
	bool reaches = p.good < p.size;
	struct user_area usable = {
		.readable = reaches && !(p.protection > 0) ? p.good : p.size,
		.writable = p.good,
	};
	uint8_t *at = place(&p);

	if (p.old) {
		t.old_given = true;
		t.old_area = usable;
		t.given_old_value = at;
		compat_set_old_addr(&t.request.op, at);
	} else {
		t.buf_given = true;
		t.area = usable;
		t.request.op.buf = (uintptr_t)at;
		t.old_differs = p.differs;
	}
	trial_run(&t);
	munmap(at + p.good - CONTRACT_PAGE, 2 * CONTRACT_PAGE);
}

static void user_memory(void)
{
	static const int protections[] = { NOT_MAPPED, PROT_NONE, PROT_READ };

	for (size_t p = 0; p < ARRAY_SIZE(protections); p++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (uint32_t good = 0; good <= sizes[i]; good++)
				for (int n = 0; n < 4; n++)
					placed((struct placing){ .protection = protections[p],
								 .size = sizes[i],
								 .good = good,
								 .old = n / 2,
								 .differs = n % 2 });
}

static const struct line lines[] = {
	{ "an equal value is exchanged, at every aligned place",
	  "MEMOP-XCHG-02 MEMOP-XCHG-03 MEMOP-XCHG-04", success },
	{ "a value that differs is fetched, at every aligned place", "MEMOP-XCHG-03 MEMOP-XCHG-04",
	  failure },
	{ "each single bit makes a value differ", "MEMOP-XCHG-03 MEMOP-XCHG-04", each_bit },
	{ "other sizes are refused", "MEMOP-XCHG-02", other_sizes },
	{ "misaligned targets are refused (observed)", "MEMOP-XCHG-08", misaligned },
	{ "at the ends of storage", "MEMOP-ADDR-01 MEMOP-XCHG-08", edges },
	{ "every key on every storage key, equal or not", "MEMOP-XCHG-07 MEMOP-KEY-03", keys },
	{ "a denied exchange leaves the old value alone", "MEMOP-XCHG-04 MEMOP-XCHG-07", denied },
	{ "the guest's CS is denied exactly when cmpxchg is", "MEMOP-XCHG-07 MEMOP-KEY-08",
	  cpu_keys },
	{ "flags: the key's alone; none makes a write an exchange", "MEMOP-XCHG-06 MEMOP-FLAG-01",
	  flags },
	{ "new and old value in memory that cannot be read or written",
	  "MEMOP-XCHG-09 MEMOP-BUF-01", user_memory },
};

static const struct bench bench = {
	.need = MEMOP_CMPXCHG,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.judge = true,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
