// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory whose backing the process has made inaccessible.
 *
 * docs/contract.md, MEMOP-RET-01; api.rst, KVM_S390_MEM_OP: 0 is success,
 * an access exception of the guest is a program interruption code, another error an
 * errno.
 *
 * How it is seen: one page of a slot may not be accessed, or not be written, by the
 * process. Requests within it, into it and out of it must be refused if they touch it
 * in a way that is not allowed, and otherwise move their bytes; when it may be
 * accessed again, its bytes have to be as they were.
 */
#include <sys/mman.h>

#include "case/bytes.h"
#include "compat.h"
#include "s390x/bench.h"
#include "s390x/memop_deviation.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "case/report.h"
#include "s390x/trial.h"

#define BASE 0x100000UL
#define PAGE (BASE + 8 * CONTRACT_PAGE) /* the one in question */
#define KEY 4

static const uint64_t slots[] = { 0, BASE };
static struct arena *arena;
static struct dat dat;
static uint8_t *buf;

static const struct form {
	uint32_t op;
	bool on_vcpu, store;
	uint64_t flags;
} forms[] = {
	{ KVM_S390_MEMOP_ABSOLUTE_READ, false, false, 0 },
	{ KVM_S390_MEMOP_ABSOLUTE_READ, false, false, KVM_S390_MEMOP_F_SKEY_PROTECTION },
	{ KVM_S390_MEMOP_ABSOLUTE_WRITE, false, true, 0 },
	{ KVM_S390_MEMOP_ABSOLUTE_WRITE, false, true, KVM_S390_MEMOP_F_SKEY_PROTECTION },
	{ KVM_S390_MEMOP_LOGICAL_READ, true, false, 0 },
	{ KVM_S390_MEMOP_LOGICAL_READ, true, false, KVM_S390_MEMOP_F_SKEY_PROTECTION },
	{ KVM_S390_MEMOP_LOGICAL_WRITE, true, true, 0 },
	{ KVM_S390_MEMOP_LOGICAL_WRITE, true, true, KVM_S390_MEMOP_F_SKEY_PROTECTION },
};

/* Done, or an error: it is not the guest that lacks access, so no exception of its own */
static void compare(const struct kvm_s390_mem_op *op, struct outcome o, bool done)
{
	const struct outcome expected = done ? outcome_success() : outcome_refused();
	const char *deviation = done ? NULL : deviation_of_host_fault(o);
	char text[MEMOP_TEXT], want[OUTCOME_TEXT], got[OUTCOME_TEXT];

	report_decided(done ? "MEMOP-RET-01" : "MEMOP-RET-02");
	if (deviation)
		report_deviation(deviation);
	else if (!outcome_equal(o, expected))
		report_wrong(memop_text(op, text), outcome_text(expected, want), "%s",
			     outcome_text(o, got));
}

/* One case: is the request done, or refused? */
static void request(const struct form *form, uint64_t gaddr, uint32_t size, bool done)
{
	struct kvm_s390_mem_op op = { .op = form->op,
				      .gaddr = gaddr,
				      .size = size,
				      .flags = form->flags,
				      .buf = (uintptr_t)buf,
				      .key = KEY };
	char text[MEMOP_TEXT];
	struct outcome o;

	if (!report_case())
		return;
	/* What is stored is what is there, so that a store into a good page leaves no trace */
	bytes_copy(buf, form->store ? arena_rest(arena, gaddr, false) : bytes_inverted(gaddr),
		   size);
	o = memop(form->on_vcpu ? arena->vcpu->fd : arena->vm->fd, &op);
	compare(&op, o, done);
	if (done && !form->store)
		report_same(buf, arena_rest(arena, gaddr, false), size, memop_text(&op, text),
			    "the bytes of guest memory");
}

static void exchange(uint32_t size, uint64_t flags, bool done)
{
	uint8_t old[16];
	struct kvm_s390_mem_op op = { .op = KVM_S390_MEMOP_ABSOLUTE_CMPXCHG,
				      .gaddr = PAGE + 64,
				      .size = size,
				      .flags = flags,
				      .buf = (uintptr_t)buf,
				      .key = KEY };
	struct outcome o;

	if (!report_case())
		return;
	compat_set_old_addr(&op, old);
	bytes_copy(old, arena_rest(arena, op.gaddr, false), size);
	bytes_copy(buf, arena_rest(arena, op.gaddr, !done), size);
	o = memop(arena->vm->fd, &op);
	compare(&op, o, done);
}

static void requests(int protection)
{
	static const struct {
		int64_t from; /* of the page */
		uint32_t size;
		bool touches;
	} ranges[] = {
		{ 0, 1, true },		{ 0, 8, true },		{ 2044, 8, true },
		{ 4095, 1, true },	{ 0, 4096, true },	{ -1, 2, true },
		{ -4096, 4097, true },	{ -4096, 12288, true }, { -8, 16, true },
		{ 4088, 16, true },	{ 4095, 4097, true },	{ -8192, 20480, true },
		{ -4096, 4096, false }, { 4096, 4096, false },	{ -1, 1, false },
		{ 4096, 1, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		for (size_t f = 0; f < ARRAY_SIZE(forms); f++) {
			bool may = protection & PROT_WRITE ||
				   (protection & PROT_READ && !forms[f].store);

			request(&forms[f], PAGE + (uint64_t)ranges[i].from, ranges[i].size,
				may || !ranges[i].touches);
		}
	for (uint32_t size = 1; size <= 16; size *= 2) {
		exchange(size, 0, protection & PROT_WRITE);
		exchange(size, KVM_S390_MEMOP_F_SKEY_PROTECTION, protection & PROT_WRITE);
	}
}

/* One case: 8 bytes at @address, of which the tables can be read or not */
static void tables_case(const struct form *form, uint64_t address, bool done)
{
	struct kvm_s390_mem_op op = { .op = form->op,
				      .gaddr = address,
				      .size = 8,
				      .flags = form->flags,
				      .buf = (uintptr_t)buf };

	if (!report_case())
		return;
	bytes_copy(buf, arena_rest(arena, PAGE + 0x10, false), 8);
	compare(&op, memop(arena->vcpu->fd, &op), done);
}

static void with(int protection)
{
	uint8_t *page = arena_at(arena, PAGE);

	arena_key(arena, BASE, ARENA_PAGES, KEY << 4);
	TEST_ASSERT(!mprotect(page, CONTRACT_PAGE, protection), "mprotect");
	requests(protection);
	TEST_ASSERT(!mprotect(page, CONTRACT_PAGE, PROT_READ | PROT_WRITE), "mprotect");
	trial_rest(arena);
	requests(PROT_READ | PROT_WRITE);
}

static void no_access(void)
{
	with(PROT_NONE);
}

static void no_store(void)
{
	with(PROT_READ);
}

/* The guest's translation tables are in memory that the process cannot read */
static void no_tables(void)
{
	const uint64_t asce = dat_space(&dat, DAT_REGION_THIRD), address = 0x80000000 + 0x3000;
	struct cpu *cpu = &arena->state.cpu;
	uint64_t tables[3] = { asce & -CONTRACT_PAGE };

	dat_map(&dat, asce, address, PAGE);
	tables[1] = *dat_entry(&dat, asce, address, DAT_REGION_THIRD) & -CONTRACT_PAGE;
	tables[2] = *dat_entry(&dat, asce, address, DAT_SEGMENT) & -CONTRACT_PAGE;
	cpu->cr[7] = asce;
	cpu->psw_mask = PSW_EA | PSW_BA | PSW_DAT | PSW_AS_SECONDARY;
	arena_cpu(arena);
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (int good = 0; good < 2; good++)
			for (uint64_t flags = 0; flags < 2; flags++)
				for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
					const struct form form = { op, true, op & 1, flags };

					TEST_ASSERT(!mprotect(dat_at(&dat, tables[t]),
							      CONTRACT_PAGE,
							      good ? PROT_READ | PROT_WRITE
								   : PROT_NONE),
						    "mprotect");
					tables_case(&form, address + 0x10, good);
				}
}

static const struct line lines[] = {
	{ "memory that the process cannot access", "MEMOP-RET-01", no_access },
	{ "memory that the process cannot write", "MEMOP-RET-01", no_store },
	{ "translation tables that the process cannot read", "MEMOP-RET-01 MEMOP-RET-02",
	  no_tables },
};

static void set_up(void)
{
	buf = region_memory(ARENA_UNIT);
}

static void tear_down(void)
{
	munmap(buf, ARENA_UNIT);
}

static const struct bench bench = {
	.need = MEMOP_CMPXCHG,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.dat = &dat,
	.tables = 0x400000,
	.begin = set_up,
	.end = tear_down,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
