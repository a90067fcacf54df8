// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key-controlled protection of absolute accesses, every key on every key.
 *
 * PoP, chapter 3, "Key-Controlled Protection": a store needs access key 0 or the
 * ACC of the storage key; a fetch needs the same, or storage without fetch
 * protection. Each page of a range has its own say (docs/contract.md, MEMOP-KEY).
 *
 * How it is seen: all 16 access keys on all 32 storage keys, reads and writes,
 * real ones and check-only, in page 0 below and above 2048, in another page, and
 * across a page's end with all 32 keys on one side and each kind of condition on
 * the other. A denied access must say PGM_PROTECTION and leave every byte of the
 * page that denies it; a check-only must say what the real access then says.
 */
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define OTHER_PAGE 0x105000UL

static const uint64_t slots[] = { 0, 0x100000 };
static const uint32_t ops[] = { KVM_S390_MEMOP_ABSOLUTE_READ, KVM_S390_MEMOP_ABSOLUTE_WRITE };

static struct arena *arena;

/* What each access key met on each storage key: a letter each, for the report's picture */
static struct {
	char expected[2 * SKEY_ACCESS_KEYS + 1], observed[2 * SKEY_ACCESS_KEYS + 1];
} answers[ARRAY_SIZE(ops)][SKEY_ACCESS_KEYS];

static uint8_t storage_key(unsigned int n)
{
	return skey_byte(n / 2, n % 2);
}

static char letter(struct outcome o)
{
	if (outcome_equal(o, outcome_success()))
		return 'p';
	return outcome_equal(o, outcome_exception(PGM_PROTECTION)) ? 'd' : 'e';
}

/* Check-only, then the access itself: each as the oracle says, and alike */
static struct trial both(uint64_t gaddr, uint32_t size, uint32_t op, unsigned int key,
			 uint64_t flags)
{
	struct trial t = {
		.arena = arena,
		.request.op = { .op = op,
				.gaddr = gaddr,
				.size = size,
				.key = (uint8_t)key,
				.flags = flags },
	};

	if (report_case())
		trial_both(&t);
	return t;
}

static void place(uint64_t gaddr, uint32_t size)
{
	for (unsigned int n = 0; n < 2 * SKEY_ACCESS_KEYS; n++) {
		arena_key(arena, gaddr & -CONTRACT_PAGE, 1, storage_key(n));
		for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
			for (size_t o = 0; o < ARRAY_SIZE(ops); o++) {
				struct trial t = both(gaddr, size, ops[o], key,
						      KVM_S390_MEMOP_F_SKEY_PROTECTION);

				answers[o][key].observed[n] =
					t.prediction.answers ? letter(t.outcome) : '-';
				answers[o][key].expected[n] =
					t.prediction.answers ? letter(t.prediction.any[0]) : '-';
			}
	}
}

static void note_answers(void)
{
	for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
		for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++) {
			char name[24], text[4 * SKEY_ACCESS_KEYS + 16];

			snprintf(name, sizeof(name), "keys:%s:%u", o ? "store" : "fetch", key);
			snprintf(text, sizeof(text), "cases %s %s", answers[o][key].expected,
				 answers[o][key].observed);
			report_note(name, 2 * SKEY_ACCESS_KEYS, text);
		}
}

static void page_zero_low(void)
{
	place(0x200, 16);
}

static void page_zero_across(void)
{
	place(2040, 16);
}

static void page_zero_high(void)
{
	place(0xa00, 16);
}

static void other_page(void)
{
	place(OTHER_PAGE + 0x123, 40);
	note_answers();
}

static void whole_page(void)
{
	place(OTHER_PAGE, CONTRACT_PAGE);
}

static void without_flag(void)
{
	for (unsigned int n = 0; n < 2 * SKEY_ACCESS_KEYS; n++) {
		arena_key(arena, OTHER_PAGE, 1, storage_key(n));
		for (unsigned int key = 0; key < 256; key += n % 2 ? 17 : 5)
			for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
				both(OTHER_PAGE + 8, 8, ops[o], key, 0);
	}
}

/* Storage keys that stand for each condition that access key @key can meet */
static unsigned int kinds(unsigned int key, uint8_t *kind)
{
	kind[0] = skey_byte(key, true);
	kind[1] = skey_byte((key + 1) % SKEY_ACCESS_KEYS, true);
	kind[2] = skey_byte((key + 1) % SKEY_ACCESS_KEYS, false);
	return 3;
}

static void across(bool first_varies)
{
	uint8_t kind[3];

	for (unsigned int n = 0; n < 2 * SKEY_ACCESS_KEYS; n++) {
		arena_key(arena, OTHER_PAGE + (first_varies ? 0 : CONTRACT_PAGE), 1,
			  storage_key(n));
		for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
			for (unsigned int k = 0; k < kinds(key, kind); k++) {
				arena_key(arena, OTHER_PAGE + (first_varies ? CONTRACT_PAGE : 0), 1,
					  kind[k]);
				for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
					both(OTHER_PAGE + CONTRACT_PAGE - 5, 12, ops[o], key,
					     KVM_S390_MEMOP_F_SKEY_PROTECTION);
			}
	}
}

static void across_first(void)
{
	across(true);
}

static void across_second(void)
{
	across(false);
}

/* The page that denies is the n-th of many: none at or after it is touched */
static void late_denial(void)
{
	const uint32_t max = (uint32_t)memop_max_size();

	arena_key(arena, OTHER_PAGE, 24, skey_byte(2, true));
	for (unsigned int n = 0; n <= max / CONTRACT_PAGE; n++) {
		arena_key(arena, OTHER_PAGE + n * CONTRACT_PAGE, 1, skey_byte(3, true));
		for (size_t o = 0; o < ARRAY_SIZE(ops); o++) {
			both(OTHER_PAGE + 17, max, ops[o], 2, KVM_S390_MEMOP_F_SKEY_PROTECTION);
			both(OTHER_PAGE + 17, max, ops[o], 3, KVM_S390_MEMOP_F_SKEY_PROTECTION);
			both(OTHER_PAGE + 17, max, ops[o], 0, KVM_S390_MEMOP_F_SKEY_PROTECTION);
		}
		arena_key(arena, OTHER_PAGE + n * CONTRACT_PAGE, 1, skey_byte(2, true));
	}
}

/* Overrides and low-address protection in control register 0 of the only vCPU */
static void overrides(void)
{
	const uint64_t controls[] = { CR0_FETCH_PROTECTION_OVERRIDE,
				      CR0_STORAGE_PROTECTION_OVERRIDE, CR0_LOW_ADDRESS_PROTECTION };
	struct kvm_sregs sregs;

	vcpu_sregs_get(arena->vcpu, &sregs);
	for (unsigned int n = 1; n < 8; n++) {
		uint64_t cr0 = sregs.crs[0];

		for (size_t i = 0; i < ARRAY_SIZE(controls); i++)
			sregs.crs[0] |= n >> i & 1 ? controls[i] : 0;
		arena->state.cpu.cr[0] = sregs.crs[0];
		vcpu_sregs_set(arena->vcpu, &sregs);
		for (unsigned int acc = 8; acc < 11; acc++) {
			arena_key(arena, 0, 2, skey_byte(acc, true));
			for (unsigned int key = 0; key < SKEY_ACCESS_KEYS; key++)
				for (size_t o = 0; o < ARRAY_SIZE(ops); o++) {
					both(8, 8, ops[o], key, KVM_S390_MEMOP_F_SKEY_PROTECTION);
					both(4096, 8, ops[o], key,
					     KVM_S390_MEMOP_F_SKEY_PROTECTION);
				}
		}
		sregs.crs[0] = cr0;
	}
	vcpu_sregs_set(arena->vcpu, &sregs);
	arena->state.cpu.cr[0] = sregs.crs[0];
}

#define KEYED "MEMOP-KEY-03 MEMOP-KEY-06 MEMOP-CHK-01 MEMOP-CHK-02 MEMOP-BUF-03 MEMOP-BUF-04"

static const struct line lines[] = {
	{ "every key on every storage key: page 0 below 2048", KEYED, page_zero_low },
	{ "every key on every storage key: page 0 across 2048", KEYED, page_zero_across },
	{ "every key on every storage key: page 0 above 2048", KEYED, page_zero_high },
	{ "every key on every storage key: another page", KEYED, other_page },
	{ "every key on every storage key: a whole page", KEYED, whole_page },
	{ "without the flag no key is in effect", "MEMOP-KEY-04", without_flag },
	{ "across two pages, every storage key on the first", KEYED " MEMOP-KEY-05 MEMOP-KEY-07",
	  across_first },
	{ "across two pages, every storage key on the second", KEYED " MEMOP-KEY-05 MEMOP-KEY-07",
	  across_second },
	{ "of the largest access, each page in turn denies", KEYED " MEMOP-KEY-05 MEMOP-KEY-07",
	  late_denial },
	{ "control register 0 does not apply to absolute accesses (observed)", "MEMOP-ABS-05",
	  overrides },
};

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
