// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's IPTE and the logical accesses that translate by its tables.
 *
 * memop/contract.md, MEMOP-LOG-09. PoP, chapter 10, "INVALIDATE PAGE TABLE ENTRY": it is not
 * complete before all accesses are that use the entry; and then it is.
 *
 * How it is seen: one vCPU issues IPTE after logical requests of another one that came to
 * each kind of result, so that a lock that was kept is met; and while userfaultfd holds a
 * request in the middle of its access, or of its translation (slot/hold.h), where IPTE has to
 * wait; and beside two of them, of which one has come to its end.
 *
 * Over 300 lines: each place where a request can be held has a set-up of its own.
 */
#include <sys/mman.h>

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/dat.h"
#include "s390x/judge.h"
#include "s390x/memop.h"
#include "slot/backing.h"
#include "slot/hold.h"
#include "slot/region.h"

#define PAGE CONTRACT_PAGE
#define TABLES 0x400000UL
#define SLOT 9
#define SIZE (1UL << 20)
#define HERE 0x40000000UL /* virtual addresses of the slot's pages are their absolute ones */
#define LENGTH 16
#define KEYED KVM_S390_MEMOP_F_SKEY_PROTECTION
#define CHECK KVM_S390_MEMOP_F_CHECK_ONLY
#define READ KVM_S390_MEMOP_LOGICAL_READ
#define WRITE KVM_S390_MEMOP_LOGICAL_WRITE

/* Pages of the slot, by number */
enum { HELD = 5, INVALID = 7, GUARDED, ABSENT, OTHER, TABLE, SPARE = 16, LAST = SIZE / PAGE - 1 };

static struct arena *arena;
static struct dat dat;
static struct kvm_vcpu *accessing, *invalidating, *beside;
static uint64_t asce, space = PSW_AS_PRIMARY;
static uint8_t *memory, buffer[LENGTH];
static struct kvm_s390_mem_op request, other_request;
static struct outcome outcome, other_outcome;
static uint64_t *entry; /* that IPTE invalidates */
static struct judge_order ipte;

static uint64_t *entry_of(unsigned int page)
{
	return dat_entry(&dat, asce, HERE + page * PAGE, DAT_PAGE);
}

static void set_up(void)
{
	struct region r = { .slot = SLOT, .gpa = HERE, .size = SIZE };

	arena = arena_create(NULL, 0, 0);
	judge_create(arena);
	dat_create(&dat, arena, TABLES);
	memory = region_memory(SIZE);
	r.user = (uintptr_t)memory;
	TEST_ASSERT(!region_set(arena->vm->fd, false, &r).ret, "the slot");
	asce = dat_space(&dat, DAT_REGION_THIRD);
	for (unsigned int page = 0; page < SIZE / PAGE; page++)
		dat_map(&dat, asce, HERE + page * PAGE, HERE + page * PAGE);
	*entry_of(INVALID) |= DAT_PAGE_INVALID;
	*entry_of(GUARDED) |= DAT_PROTECTED;
	*entry_of(ABSENT) = 2 * HERE;
	accessing = arena->vcpu;
	invalidating = __vm_vcpu_add(arena->vm, 1);
	beside = __vm_vcpu_add(arena->vm, 2);
	arena->state.cpu.psw_mask = JUDGE_PSW | PSW_DAT | space;
	/* Whichever it is; access register 0 designates the primary one */
	arena->state.cpu.cr[1] = arena->state.cpu.cr[7] = arena->state.cpu.cr[13] = asce;
	arena->vcpu = beside;
	arena_cpu(arena);
	arena->vcpu = accessing;
	arena_cpu(arena);
}

static void tear_down(void)
{
	arena->vcpu = accessing;
	arena_free(arena);
	munmap(memory, SIZE);
}

static void access_memory(void)
{
	outcome = memop(accessing->fd, &request);
}

/* By the other vCPU, of the entry of this page */
static void aim(unsigned int page)
{
	uint64_t index = (HERE + page * PAGE) >> 12 & 0xff;

	entry = entry_of(page);
	ipte = (struct judge_order){
		.address = TABLES + (uint64_t)((uint8_t *)entry - (uint8_t *)dat_at(&dat, TABLES)) -
			   8 * index,
		.psw_mask = JUDGE_PSW,
		.value = HERE + page * PAGE,
		.kind = JUDGE_IPTE,
	};
}

static void invalidate(void)
{
	arena->vcpu = invalidating;
	judge_run(arena, &ipte, 1);
}

static bool is_invalidated(const char *what)
{
	const volatile uint64_t *now = entry;

	if (!ipte.code && *now & DAT_PAGE_INVALID)
		return true;
	report_wrong(what, "IPTE takes place: the entry is invalid", "code %#x, entry %#llx",
		     ipte.code, (unsigned long long)*now);
	return false;
}

/* ------------------------------------------------------------------ after a request */

static const struct result {
	const char *name;
	uint32_t op;
	uint64_t flags;
	unsigned int page;
	bool bad_buffer;
	struct outcome outcome;
} results[] = {
	{ "a read", READ, 0, 0, false, { 0, 0 } },
	{ "a write with a key", WRITE, KEYED, 1, false, { 0, 0 } },
	{ "a check of a write", WRITE, CHECK, 2, false, { 0, 0 } },
	{ "a read of an invalid page", READ, 0, INVALID, false, { PGM_PAGE_TRANSLATION, 0 } },
	{ "a check of one, with a key",
	  READ,
	  CHECK | KEYED,
	  INVALID,
	  false,
	  { PGM_PAGE_TRANSLATION, 0 } },
	{ "a write to a protected page", WRITE, 0, GUARDED, false, { PGM_PROTECTION, 0 } },
	{ "a write into one, with a key", WRITE, KEYED, GUARDED, false, { PGM_PROTECTION, 0 } },
	{ "a read of no storage", READ, 0, ABSENT, false, { PGM_ADDRESSING, 0 } },
	{ "a read to a bad buffer", READ, 0, 3, true, { -1, EFAULT } },
	{ "a write from a bad buffer", WRITE, 0, 3, true, { -1, EFAULT } },
};

static void after_requests(void)
{
	set_up();
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		const struct result *r = &results[i];
		char want[OUTCOME_TEXT], got[OUTCOME_TEXT];

		if (!report_case())
			continue;
		request = (struct kvm_s390_mem_op){
			.op = r->op,
			.gaddr = HERE + r->page * PAGE,
			.size = LENGTH,
			.flags = r->flags,
			.buf = r->bad_buffer ? 0 : (uintptr_t)buffer,
		};
		access_memory();
		aim(SPARE + (unsigned int)i);
		if (!hold_comes_back(invalidate)) {
			report_wrong(r->name, "IPTE of another vCPU comes back", "it is stuck");
			TEST_ASSERT(false, "a thread of this process cannot be ended");
		}
		if (is_invalidated(r->name) && !outcome_equal(outcome, r->outcome))
			report_wrong(r->name, outcome_text(r->outcome, want), "%s",
				     outcome_text(outcome, got));
	}
	tear_down();
}

/* ------------------------------------------------------------------ beside a request */

/* All that took part has come back, IPTE not before an access that had used its entry */
static void race_over(const char *name, struct hold_race race, bool waits)
{
	if (!race.held || race.stuck)
		report_wrong(name, "all come back", race.stuck ? "they are stuck" : "no access");
	else if (race.early && waits)
		report_wrong(name, "IPTE waits for the access by its entry", "it was complete");
	else if (outcome.ret || other_outcome.ret)
		report_wrong(name, "success", "%d and %d", outcome.ret, other_outcome.ret);
	else
		is_invalidated(name);
	TEST_ASSERT(!race.stuck, "a thread of this process cannot be ended");
}

static void beside_request(const char *name, uint32_t op, uint64_t flags, unsigned int page)
{
	struct hold hold;
	struct hold_race race;
	const char *missing;

	if (!report_case())
		return;
	set_up();
	missing = hold_begin(&hold, memory + HELD * PAGE);
	if (missing) {
		report_skip(SKIP_PERMISSION, "needs %s", missing);
		tear_down();
		return;
	}
	request = (struct kvm_s390_mem_op){ .op = op,
					    .gaddr = HERE + HELD * PAGE,
					    .size = LENGTH,
					    .flags = flags,
					    .buf = (uintptr_t)buffer };
	/* The vCPU has run before, and its table is there: nothing else can keep it waiting */
	aim(SPARE);
	invalidate();
	aim(page);
	race = hold_race(&hold, access_memory, invalidate, bytes_rest(0));
	race_over(name, race, page == HELD);
	hold_end(&hold);
	tear_down();
}

/* The second page is looked for in a table that is held, when the first one's entry has been used
 */
static void beside_translation(const char *name, uint32_t op, uint64_t flags)
{
	uint64_t table[PAGE / 8] = { HERE + SPARE * PAGE };
	struct hold hold;
	struct hold_race race;
	const char *missing;

	if (!report_case())
		return;
	set_up();
	*dat_entry(&dat, asce, HERE + SIZE, DAT_SEGMENT) = HERE + TABLE * PAGE;
	memory[LAST * PAGE] = 0;
	missing = hold_begin(&hold, memory + TABLE * PAGE);
	if (missing) {
		report_skip(SKIP_PERMISSION, "needs %s", missing);
		tear_down();
		return;
	}
	request = (struct kvm_s390_mem_op){ .op = op,
					    .gaddr = HERE + SIZE - LENGTH / 2,
					    .size = LENGTH,
					    .flags = flags,
					    .buf = (uintptr_t)buffer };
	aim(SPARE);
	invalidate();
	aim(LAST);
	race = hold_race(&hold, access_memory, invalidate, table);
	race_over(name, race, true);
	hold_end(&hold);
	tear_down();
}

static void beside_translations(void)
{
	beside_translation("a read", READ, 0);
	beside_translation("a write with a key", WRITE, KEYED);
	beside_translation("a check of a read", READ, CHECK);
	beside_translation("a check of a write with a key", WRITE, CHECK | KEYED);
}

static void access_beside(void)
{
	other_outcome = memop(beside->fd, &other_request);
}

/* Two vCPUs are held, and one of them comes to its end: IPTE waits for the other one */
static void beside_two(const char *name, uint32_t op)
{
	struct hold first, hold;
	struct hold_race race;
	const char *missing;

	if (report_skipped() || !report_case())
		return;
	set_up();
	missing = hold_begin(&first, memory + OTHER * PAGE);
	if (missing) {
		report_skip(SKIP_PERMISSION, "needs %s", missing);
		tear_down();
		return;
	}
	TEST_ASSERT(!hold_begin(&hold, memory + HELD * PAGE), "a second userfaultfd");
	request = (struct kvm_s390_mem_op){
		.op = op, .gaddr = HERE + HELD * PAGE, .size = LENGTH, .buf = (uintptr_t)buffer
	};
	other_request = request;
	other_request.gaddr = HERE + OTHER * PAGE;
	aim(SPARE);
	invalidate();
	aim(HELD);
	race = hold_race_after(&first, access_beside, &hold, access_memory, invalidate,
			       bytes_rest(0));
	race_over(name, race, true);
	hold_end(&first);
	hold_end(&hold);
	tear_down();
}

static void beside_several(void)
{
	beside_two("two reads", READ);
	beside_two("two writes", WRITE);
}

static void beside_requests(void)
{
	static const unsigned int pages[] = { HELD, SPARE + 1 };

	for (size_t i = 0; i < ARRAY_SIZE(pages) && !report_skipped(); i++) {
		beside_request("a read", READ, 0, pages[i]);
		beside_request("a read with a key", READ, KEYED, pages[i]);
		beside_request("a write", WRITE, 0, pages[i]);
		beside_request("a write with a key", WRITE, KEYED, pages[i]);
	}
}

static void beside_each_space(void)
{
	static const struct {
		const char *name;
		uint64_t space;
	} spaces[] = { { "secondary space", PSW_AS_SECONDARY },
		       { "by access registers", PSW_AS_REGISTER },
		       { "home space", PSW_AS_HOME } };

	for (size_t i = 0; i < ARRAY_SIZE(spaces) && !report_skipped(); i++) {
		space = spaces[i].space;
		beside_request(spaces[i].name, i % 2 ? WRITE : READ, i ? 0 : KEYED, HELD);
	}
	space = PSW_AS_PRIMARY;
}

static const struct line lines[] = {
	{ "an IPTE takes place after logical accesses, whatever they came to", "MEMOP-LOG-09",
	  after_requests },
	{ "an IPTE waits for a logical access that is held in the middle", "MEMOP-LOG-09",
	  beside_requests },
	{ "an IPTE waits for a request that is held in the middle of its translation",
	  "MEMOP-LOG-09", beside_translations },
	{ "an IPTE waits for the second of two accesses when the first is complete", "MEMOP-LOG-09",
	  beside_several },
	{ "an IPTE waits for logical accesses in each space", "MEMOP-LOG-09", beside_each_space },
};

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	hold_prepare();
	return report_run();
}
