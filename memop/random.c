// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random states and requests: the oracle against KVM.
 *
 * Proves nothing that the other tests do not; it looks where nobody thought of
 * looking. docs/contract.md, all of MEMOP but injection.
 *
 * How it is seen: for each world, tables, faults in them, storage keys, control
 * registers, PSW mode, prefix and access registers are drawn; then requests near
 * what is mapped. Everything is derived from --seed and the number of the case. A
 * case that fails is made smaller, property by property, while it still fails.
 *
 * Over 300 lines: one generator of states and requests, and its shrinking.
 */
#include <stdio.h>
#include <time.h>

#include "s390x/dat.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define TABLES 0x400000UL
#define NOWHERE 0x70000000UL
#define PER_WORLD 48
#define PAGES 12
#define FAULTS 3
#define SHRINK 10

static const uint64_t slots[] = { 0, 0x100000, 0x300000, 0x500000 };

static struct arena *arena;
static struct dat dat;
static unsigned long seed = 0x1d1c, cases = 4000;

static uint64_t random_state;

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t limit)
{
	return draw() % limit;
}

static bool one_in(unsigned int n)
{
	return below(n) == 0;
}

static void begin(uint64_t stream)
{
	random_state = seed ^ stream * 0xd1342543de82ef95;
	draw();
}

/* What can be left out of a world to make a failing case smaller */
enum {
	DROP_FAULT = 0, /* and following: FAULTS of them */
	DROP_KEYS = FAULTS,
	DROP_CR0,
	DROP_PREFIX,
	DROP_MODE,
	DROP_COUNT,
};

static struct {
	uint64_t base; /* of the mapped pages */
	uint64_t address[PAGES];
	enum dat_level top;
	unsigned int dropped;
	char text[200];
} world;

static bool kept(unsigned int property)
{
	return !(world.dropped >> property & 1);
}

static uint64_t frame(void)
{
	return slots[below(ARRAY_SIZE(slots))] + below(ARENA_PAGES) * CONTRACT_PAGE;
}

/* Another fault of the path to this page: several of them meet */
static void spoil(uint64_t asce, uint64_t address, bool keep)
{
	int level = (int)below((uint64_t)world.top + 2) - 1;
	uint64_t kind = below(7), large = slots[below(ARRAY_SIZE(slots))];
	uint64_t *entry = keep ? dat_entry(&dat, asce, address, (enum dat_level)level) : NULL;

	if (!entry)
		return;
	switch (kind) {
	case 0:
		*entry |= level == DAT_PAGE ? DAT_PAGE_INVALID : DAT_INVALID;
		break;
	case 1:
		*entry |= DAT_PROTECTED;
		break;
	case 2:
		*entry ^= level == DAT_PAGE ? DAT_PAGE_BIT_52 : 4;
		break;
	case 3:
		*entry = (*entry & 0xfff) | NOWHERE;
		break;
	case 4:
		*entry |= level == DAT_PAGE ? 0 : DAT_COMMON;
		break;
	case 5:
		*entry ^= level > DAT_SEGMENT ? 3 : 0;
		break;
	case 6: /* a large frame */
		if (level == DAT_SEGMENT)
			*entry = large | (*entry & 0xff) | DAT_LARGE;
		else if (level == DAT_REGION_THIRD)
			*entry = (*entry & 0xff) | DAT_LARGE;
		break;
	}
}

static uint64_t mapped_space(bool keep_faults)
{
	static const uint64_t bases[] = { 0, 0xff0000, 0x100000, 0x7fffa000, 0x7ff000 };
	uint64_t asce, spoilt;

	world.top = (enum dat_level)below(4);
	asce = dat_space(&dat, world.top);
	world.base = bases[below(ARRAY_SIZE(bases))];
	if (world.top > DAT_SEGMENT && one_in(2))
		world.base = (1UL << (20 + 11 * world.top)) - 4 * CONTRACT_PAGE;
	for (unsigned int n = 0; n < PAGES; n++) {
		world.address[n] = world.base + n * CONTRACT_PAGE;
		if (world.top == DAT_SEGMENT)
			world.address[n] &= 0x7fffffff;
		dat_map(&dat, asce, world.address[n], frame());
	}
	spoilt = below(PAGES);
	for (unsigned int n = 0; n < FAULTS; n++) {
		spoil(asce, world.address[spoilt], keep_faults && kept(DROP_FAULT + n));
		if (one_in(2))
			spoilt = below(PAGES);
	}
	asce |= one_in(4) ? DAT_ASCE_PRIVATE : 0;
	return asce | (one_in(16) ? DAT_ASCE_REAL : 0);
}

/* This bit, of a word, in one of @n draws */
static uint32_t bit_in(unsigned int bit, unsigned int n)
{
	return one_in(n) ? 1U << bit : 0;
}

/* An authorization index, of 16 bits; the first of them are the authority table's */
static uint32_t random_index(void)
{
	return (uint32_t)below(4) * 0x4001;
}

/*
 * An access list, of which each entry is good or wrong in some ways: PoP, chapter 5,
 * "Access-Register Translation". Returns the origin of what designates it.
 */
static uint64_t access_list(uint64_t asce)
{
	uint64_t control = dat_alloc(&dat, 64, 64), list = dat_alloc(&dat, 16 * 16, 128);
	uint64_t space = dat_alloc(&dat, 64, 64), authority = dat_alloc(&dat, 64, 4);
	uint32_t *aste = dat_at(&dat, space), *ale = dat_at(&dat, list);
	uint8_t *table = dat_at(&dat, authority);

	((uint32_t *)dat_at(&dat, control))[4] = (uint32_t)list | (uint32_t)below(2);
	for (int n = 0; n < 16; n++, ale += 4) {
		/* A statement for each draw: operands of one are drawn in any order */
		ale[0] = bit_in(31, 8);
		ale[0] |= bit_in(25, 4);
		ale[0] |= bit_in(24, 2);
		ale[0] |= bit_in(16, 8);
		ale[0] |= random_index();
		ale[2] = (uint32_t)(one_in(16) ? NOWHERE : space);
		ale[3] = one_in(8);
	}
	for (int n = 0; n < 64; n++)
		table[n] = (uint8_t)draw();
	aste[0] = (uint32_t)authority | bit_in(31, 16);
	aste[1] = (uint32_t)below(4) << 4;
	aste[2] = (uint32_t)(asce >> 32);
	aste[3] = (uint32_t)asce;
	return control;
}

static uint32_t random_alet(void)
{
	uint32_t alet;

	if (one_in(8))
		return (uint32_t)draw();
	if (one_in(2))
		return (uint32_t)below(2);
	alet = bit_in(24, 2);
	alet |= bit_in(16, 8);
	return alet | (uint32_t)below(18);
}

/* The storage keys of the frames that are mapped */
static void random_keys(void)
{
	for (size_t s = 0; s < ARRAY_SIZE(slots); s++)
		arena_key(arena, slots[s], ARENA_PAGES, 0);
	for (unsigned int n = 0; n < 60; n++) {
		uint64_t first = frame(), room = (ARENA_UNIT - first % ARENA_UNIT) / CONTRACT_PAGE;
		static const uint8_t accs[] = { 1, 2, 9, 9, 15 };
		uint64_t pages = 1 + below(40);
		uint8_t key = skey_byte(accs[below(ARRAY_SIZE(accs))], one_in(2));

		if (kept(DROP_KEYS))
			arena_key(arena, first, pages < room ? pages : room, key);
	}
}

static void make_world(uint64_t number)
{
	static const uint64_t modes[] = { 0, PSW_BA, PSW_EA | PSW_BA, PSW_EA | PSW_BA };
	static const uint64_t prefixes[] = { 0, 0x2000, 0x100000, 0x500000 };
	struct cpu *cpu = &arena->state.cpu;
	uint64_t mode, prefix, controls;

	begin(number << 32);
	dat_reset(&dat);
	for (int i = 0; i < 16; i++) {
		cpu->cr[i] = 0;
		cpu->ar[i] = random_alet();
	}
	cpu->cr[1] = mapped_space(true);
	cpu->cr[7] = one_in(2) ? cpu->cr[1] ^ DAT_ASCE_PRIVATE : mapped_space(true);
	cpu->cr[13] = one_in(2) ? cpu->cr[1] : DAT_ASCE_REAL;
	cpu->cr[2] = one_in(8) ? NOWHERE : access_list(mapped_space(true));
	cpu->cr[5] = one_in(8) ? NOWHERE : access_list(cpu->cr[7]);
	cpu->cr[8] = random_index() << 16;
	mode = modes[below(ARRAY_SIZE(modes))];
	prefix = prefixes[below(ARRAY_SIZE(prefixes))];
	controls = draw() & (CR0_FETCH_PROTECTION_OVERRIDE | CR0_STORAGE_PROTECTION_OVERRIDE |
			     CR0_LOW_ADDRESS_PROTECTION | CR0_EDAT);
	cpu->psw_mask = (kept(DROP_MODE) ? mode : PSW_EA | PSW_BA) | below(4) << 46;
	cpu->psw_mask |= one_in(6) ? 0 : PSW_DAT;
	cpu->prefix = kept(DROP_PREFIX) ? prefix : 0;
	cpu->cr[0] = kept(DROP_CR0) ? controls : 0;
	random_keys();
	arena_cpu(arena);
	snprintf(world.text, sizeof(world.text),
		 "PSW mask %#lx CR0 %#lx CR1 %#lx CR7 %#lx CR13 %#lx prefix %#lx, left out %#x",
		 (unsigned long)cpu->psw_mask, (unsigned long)cpu->cr[0], (unsigned long)cpu->cr[1],
		 (unsigned long)cpu->cr[7], (unsigned long)cpu->cr[13], (unsigned long)cpu->prefix,
		 world.dropped);
}

static uint64_t random_address(void)
{
	uint64_t near = below(64) - 32;

	switch (below(8)) {
	case 0:
		return near;
	case 1:
		return arena->state.cpu.prefix + below(3) * CONTRACT_PAGE + near;
	case 2:
		return slots[below(ARRAY_SIZE(slots))] + ARENA_UNIT + near;
	case 3:
		return frame() + below(CONTRACT_PAGE);
	case 4:
		return draw();
	case 5:
		return 2048 * below(5) + near;
	}
	return world.base + below((PAGES + 1) * CONTRACT_PAGE);
}

static uint32_t random_size(uint32_t op)
{
	static const uint32_t sizes[] = {
		1, 2, 4, 8, 16, 100, 2048, 4096, 4097, 8192, 20000, 65536
	};

	if (op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG)
		return sizes[below(5)];
	return one_in(3) ? 1 + (uint32_t)below(9000) : sizes[below(ARRAY_SIZE(sizes))];
}

static struct trial random_request(void)
{
	static const uint32_t ops[] = { 0, 1, 0, 1, 0, 1, 4, 5, 6 };
	static const uint8_t keys[] = { 0, 1, 2, 9, 3 };
	struct trial t = { .arena = arena, .state = world.text };
	struct kvm_s390_mem_op *m = &t.request.op;

	m->op = ops[below(ARRAY_SIZE(ops))];
	/* A request that KVM does not know, of storage that is not there, is refused for either */
	if (!(arena->state.extension & KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG) &&
	    m->op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG)
		m->op = KVM_S390_MEMOP_ABSOLUTE_WRITE;
	t.request.on_vcpu = m->op <= KVM_S390_MEMOP_LOGICAL_WRITE;
	m->gaddr = random_address();
	m->size = random_size(m->op);
	if (m->op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG && !one_in(8))
		m->gaddr &= -(uint64_t)m->size;
	m->flags = one_in(2) ? KVM_S390_MEMOP_F_SKEY_PROTECTION : 0;
	if (one_in(3) && m->op != KVM_S390_MEMOP_ABSOLUTE_CMPXCHG)
		m->flags |= KVM_S390_MEMOP_F_CHECK_ONLY;
	m->key = keys[below(ARRAY_SIZE(keys))];
	m->ar = (uint8_t)below(16);
	t.old_differs = one_in(2);
	t.old_bit = (unsigned int)below(8UL * (m->size < 16 ? m->size : 16));
	return t;
}

static bool fails(struct trial t)
{
	t.quiet = true;
	return !trial_issue(&t);
}

static bool passes(struct trial *t)
{
	bool good;

	t->quiet = true;
	good = trial_issue(t);
	t->quiet = false;
	if (good)
		trial_tell(t);
	return good;
}

/* Leave out of the world what the failure does not need, then simplify the request */
static void shrink(uint64_t number, struct trial *t)
{
	struct trial smaller;

	for (unsigned int property = 0; property < DROP_COUNT; property++) {
		world.dropped |= 1U << property;
		make_world(number);
		if (fails(*t))
			continue;
		world.dropped &= ~(1U << property);
		make_world(number);
	}
	for (smaller = *t; smaller.request.op.size > 1; *t = smaller) {
		smaller.request.op.size /= 2;
		if (!fails(smaller))
			break;
	}
	smaller = *t;
	smaller.request.op.flags &= ~(uint64_t)KVM_S390_MEMOP_F_SKEY_PROTECTION;
	smaller.request.op.key = 0;
	if (fails(smaller))
		*t = smaller;
	smaller = *t;
	smaller.request.op.ar = 0;
	if (fails(smaller))
		*t = smaller;
}

static void random_cases(void)
{
	unsigned long failed = 0;
	struct trial t;

	if (!seed) {
		seed = (unsigned long)time(NULL);
		printf("# option: --seed %#lx\n", seed);
	}
	for (uint64_t n = 0; n < cases; n++) {
		uint64_t number = n / PER_WORLD;

		if (n % PER_WORLD == 0 && report_wants(PER_WORLD))
			make_world(number);
		if (!report_case())
			continue;
		begin(number << 32 | (n % PER_WORLD + 1));
		t = random_request();
		if (passes(&t))
			continue;
		/* As many as are printed; after that it is only counted */
		if (failed++ < SHRINK)
			shrink(number, &t);
		trial_issue(&t);
		world.dropped = 0;
		make_world(number);
	}
}

static const struct line lines[] = {
	{ "random tables, keys, modes and requests are as the oracle predicts",
	  "MEMOP-LOG-02 MEMOP-LOG-06 MEMOP-LOG-07 MEMOP-KEY-03 MEMOP-KEY-05 MEMOP-ADDR-01 "
	  "MEMOP-ADDR-03 MEMOP-XCHG-03",
	  random_cases },
};

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.dat = &dat,
	.tables = TABLES,
};

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--seed", "of the cases; 0: from the clock", &seed },
		{ "--cases", "how many", &cases },
	};

	report_numbers(numbers, ARRAY_SIZE(numbers));
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
