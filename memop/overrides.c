// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protection of logical accesses under the controls of control register 0.
 *
 * docs/contract.md, MEMOP-LOG-07; PoP, chapter 3, "Key-Controlled Protection",
 * "Fetch-Protection-Override Control", "Storage-Protection-Override Control",
 * "Low-Address Protection", "Private-Space Control".
 *
 * How it is seen: all combinations of the three controls, with DAT off, on, and on
 * in a private space, access keys and storage keys of every relation, at
 * addresses on both sides of 512, 2048, 4096, 4608 and of the wrap to 0. With DAT
 * on, the guest makes the same accesses, and its CPU must agree.
 */
#include <stdio.h>

#include "s390x/dat.h"
#include "s390x/judge.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define TABLES 0x400000UL
#define PAGES 3 /* at addresses 0, 4096, 8192; then the last one of all */
#define FRAME 0x304000UL

static const uint64_t slots[] = { 0x100000, 0x300000 };
static const uint8_t access_keys[] = { 0, 1, 9, 12 };

static const struct {
	uint64_t gaddr;
	uint32_t size;
} places[] = {
	{ 0, 8 },    { 504, 8 },  { 508, 8 },  { 512, 8 },  { 2032, 8 }, { 2040, 8 },
	{ 2041, 8 }, { 2048, 8 }, { 4088, 8 }, { 4092, 8 }, { 4096, 8 }, { 4600, 8 },
	{ 4607, 8 }, { 4608, 8 }, { 6136, 8 }, { 8192, 8 }, { 8700, 8 },
};

static struct arena *arena;
static struct dat dat;
static char state[160];

static uint64_t cr0_of(unsigned int n)
{
	return (n & 1 ? CR0_FETCH_PROTECTION_OVERRIDE : 0) |
	       (n & 2 ? CR0_STORAGE_PROTECTION_OVERRIDE : 0) |
	       (n & 4 ? CR0_LOW_ADDRESS_PROTECTION : 0);
}

static bool mem_op(struct trial *t, uint32_t op, uint64_t gaddr, uint32_t size, uint8_t key)
{
	*t = (struct trial){
		.arena = arena,
		.state = state,
		.request.on_vcpu = true,
		.request.op = { .op = op,
				.gaddr = gaddr,
				.size = size,
				.key = key,
				.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION },
	};
	return report_case() && trial_both(t);
}

/*
 * Storage keys' ACC: the access key itself; 9, which has an override; its neighbours, each
 * at a third of the places
 */
static const uint8_t acc_of[] = { 0, 9, 8, 10, 13 };
#define ALL_PLACES 2

static bool is_met(size_t place, size_t acc)
{
	return acc < ALL_PLACES || place % (ARRAY_SIZE(acc_of) - ALL_PLACES) == acc - ALL_PLACES;
}

static void each_place(uint8_t key, size_t acc)
{
	struct trial t;

	for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
		if (!is_met(p, acc))
			continue;
		for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++)
			mem_op(&t, op, places[p].gaddr, places[p].size, key);
	}
	if (acc >= ALL_PLACES)
		return;
	/* Wider: over the whole of what is overridden and protected, and more */
	for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
		mem_op(&t, op, 0, 2048, key);
		mem_op(&t, op, 0, 2049, key);
		mem_op(&t, op, 1024, 4096, key);
		mem_op(&t, op, 512, 3584, key);
	}
}

/* The guest makes the same accesses of 8 bytes */
static void judge_places(uint8_t key, size_t acc)
{
	struct judge_order orders[2 * ARRAY_SIZE(places)];
	struct trial t;
	size_t n = 0;

	for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
		if (!is_met(p, acc))
			continue;
		for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++)
			orders[n++] = (struct judge_order){
				.address = places[p].gaddr,
				.psw_mask = arena->state.cpu.psw_mask | JUDGE_PSW_KEY(key),
				.kind = op == KVM_S390_MEMOP_LOGICAL_WRITE ? JUDGE_STORE
									   : JUDGE_FETCH,
			};
	}
	judge_run(arena, orders, n);
	arena_reset(arena, FRAME, (PAGES + 1) * CONTRACT_PAGE);
	arena_cpu(arena);
	n = 0;
	for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
		if (!is_met(p, acc))
			continue;
		for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++, n++)
			if (mem_op(&t, op, places[p].gaddr, places[p].size, key))
				judge_compare(&t, &orders[n]);
	}
}

/* Storage keys in each relation to the access key */
static void each_key(bool judged, const char *what)
{
	/* Each control alone, both overrides, all */
	static const unsigned int combinations[] = { 0, 1, 2, 3, 4, 7 };

	for (size_t c = 0; c < ARRAY_SIZE(combinations); c++) {
		arena->state.cpu.cr[0] = cr0_of(combinations[c]);
		arena_cpu(arena);
		for (size_t k = 0; k < ARRAY_SIZE(access_keys); k++)
			for (unsigned int kind = 0; kind < 10; kind++) {
				uint8_t acc = kind / 2 ? acc_of[kind / 2] : access_keys[k];

				arena_key(arena, FRAME, PAGES + 1, skey_byte(acc, kind & 1));
				snprintf(state, sizeof(state), "%s, CR0 %#lx", what,
					 (unsigned long)arena->state.cpu.cr[0]);
				if (judged)
					judge_places(access_keys[k], kind / 2);
				else
					each_place(access_keys[k], kind / 2);
			}
	}
}

static void dat_off(void)
{
	arena->state.cpu.prefix = FRAME;
	arena->state.cpu.psw_mask = PSW_EA | PSW_BA;
	each_key(false, "DAT off");
	arena->state.cpu.prefix = JUDGE_PREFIX;
}

/* Where the address space ends in each addressing mode */
static const struct {
	uint64_t mode, end;
} ends[] = { { PSW_EA | PSW_BA, 0 }, { PSW_BA, 1UL << 31 }, { 0, 1UL << 24 } };

static void space(uint64_t flags)
{
	uint64_t asce;

	dat_reset(&dat);
	asce = dat_space(&dat, DAT_REGION_FIRST) | flags;
	for (uint64_t page = 0; page < PAGES; page++)
		dat_map(&dat, asce, page * CONTRACT_PAGE, FRAME + page * CONTRACT_PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		dat_map(&dat, asce, ends[i].end - CONTRACT_PAGE, FRAME + PAGES * CONTRACT_PAGE);
	arena->state.cpu.cr[1] = JUDGE_REAL_SPACE;
	arena->state.cpu.cr[7] = asce;
	arena->state.cpu.psw_mask = JUDGE_PSW | PSW_DAT | PSW_AS_SECONDARY;
}

static void ordinary_space(void)
{
	space(0);
	each_key(true, "DAT on");
}

static void private_space(void)
{
	space(DAT_ASCE_PRIVATE);
	each_key(true, "DAT on, private space");
}

/* The last page and the first each have a storage key of their own */
static void keys_at_the_end(uint64_t end)
{
	static const uint8_t of[] = { 0x18, 0x20, 0x28, 0x98 };
	struct trial t;

	for (unsigned int n = 0; n < 16; n++) {
		arena_key(arena, FRAME, 1, of[n % 4]);
		arena_key(arena, FRAME + PAGES * CONTRACT_PAGE, 1, of[n / 4]);
		for (uint8_t key = 0; key < 3; key++)
			for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
				mem_op(&t, op, end - 4, 8, key);
				mem_op(&t, op, end - 600, 1200, key);
				mem_op(&t, op, end - 8, 2056, key);
				mem_op(&t, op, end - 8, 2057, key);
			}
	}
}

static void around_the_end(void)
{
	static const unsigned int combinations[] = { 0, 1, 4, 7 };

	for (unsigned int private = 0; private < 2; private ++)
		for (size_t e = 0; e < ARRAY_SIZE(ends); e++) {
			space(private ? DAT_ASCE_PRIVATE : 0);
			arena->state.cpu.psw_mask = ends[e].mode | PSW_DAT | PSW_AS_SECONDARY;
			for (size_t c = 0; c < ARRAY_SIZE(combinations); c++) {
				arena->state.cpu.cr[0] = cr0_of(combinations[c]);
				arena_cpu(arena);
				snprintf(state, sizeof(state),
					 "CR0 %#lx%s, address space of %#lx bytes",
					 (unsigned long)arena->state.cpu.cr[0],
					 private ? ", private space" : "",
					 (unsigned long)ends[e].end);
				keys_at_the_end(ends[e].end);
			}
		}
}

#define CLAUSES "MEMOP-LOG-07 MEMOP-KEY-03 MEMOP-CHK-01"

static const struct line lines[] = {
	{ "DAT off: keys, overrides, low addresses", CLAUSES, dat_off },
	{ "DAT on: keys, overrides, low addresses, judged by the CPU", CLAUSES " MEMOP-KEY-08",
	  ordinary_space },
	{ "private space: fetch override and low-address protection do not apply",
	  CLAUSES " MEMOP-KEY-08", private_space },
	{ "from the end of the address space to its beginning", CLAUSES " MEMOP-KEY-05",
	  around_the_end },
};

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.dat = &dat,
	.tables = TABLES,
	.judge = true,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
