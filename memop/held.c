// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request is held in the middle of its access while its slot is deleted, moved, made
 * anew, gets a log, and while the VM is closed.
 *
 * mem_slot/contract.md, SLOT-18: an access sees a slot as it was before a change or after
 * it; once the slot is deleted, nothing reaches its memory. memop/contract.md, MEMOP-RET-01.
 *
 * How it is seen: userfaultfd holds each request at a page of guest memory (slot/hold.h);
 * another thread makes the change. If the change is complete first, the request must not
 * have found the memory when it goes on: no byte stored, none read, no success. A lock that
 * is not taken is found each time, on one CPU too.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/bytes.h"
#include "case/report.h"
#include "compat.h"
#include "s390x/judge.h"
#include "s390x/memop.h"
#include "s390x/page_op.h"
#include "s390x/skey.h"
#include "slot/backing.h"
#include "slot/hold.h"
#include "slot/region.h"

#define SLOT 9
#define SIZE (1UL << 20)
#define HERE 0x40000000UL
#define AWAY 0x50000000UL
#define OFFSET (5 * CONTRACT_PAGE + 0x340)

static struct arena *arena;
static uint8_t *memory[2]; /* that back the slot in turn */
static struct page_access access_now;
static const struct page_op *op;
static bool vm_closed;

static void set(uint64_t gpa, uint64_t size, uint32_t flags, const uint8_t *at)
{
	struct region r = {
		.slot = SLOT, .flags = flags, .gpa = gpa, .size = size, .user = (uintptr_t)at
	};
	struct outcome o = region_set(arena->vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "slot at %#llx, errno %d", (unsigned long long)gpa, o.err);
}

/* ------------------------------------------------------------------ what changes */

static void deleted(void)
{
	set(HERE, 0, 0, memory[0]);
}

static void moved(void)
{
	set(AWAY, SIZE, 0, memory[0]);
}

static void made_anew(void)
{
	set(HERE, 0, 0, memory[0]);
	set(HERE, SIZE, 0, memory[1]);
}

static void logged(void)
{
	set(HERE, SIZE, KVM_MEM_LOG_DIRTY_PAGES, memory[0]);
}

static void closed(void)
{
	close(arena->vm->fd);
	vm_closed = true;
}

static const struct change {
	const char *name;
	void (*make)(void);
	bool takes_it_away; /* nothing may reach the memory afterwards */
	uint64_t gpa;	    /* of the slot afterwards; 0: there is none */
} changes[] = {
	{ "deleted", deleted, true, 0 },
	{ "moved", moved, true, AWAY },
	{ "made anew with other memory", made_anew, true, HERE },
	{ "given a log", logged, false, HERE },
	{ "of a VM that is closed", closed, false, 0 },
};

/* ------------------------------------------------------------------------ a case */

static void make_access(void)
{
	page_op_run(op, &access_now);
}

/* As the case is to find it: nobody has touched the memory, and the slot is there */
static void set_up(void)
{
	arena = arena_create(NULL, 0, 0);
	judge_create(arena);
	arena_cpu(arena); /* logical accesses have 64-bit addresses */
	for (int i = 0; i < 2; i++)
		memory[i] = region_memory(SIZE);
	set(HERE, SIZE, 0, memory[0]);
	vm_closed = false;
}

static void tear_down(const struct change *c)
{
	if (!vm_closed && c->gpa)
		set(c->gpa, 0, 0, memory[0]);
	if (vm_closed)
		arena->vm->fd = dup(arena->vcpu->fd); /* for kvm_util, which closes it again */
	arena_free(arena);
	for (int i = 0; i < 2; i++)
		munmap(memory[i], SIZE);
}

static bool is_exception(struct outcome o)
{
	return o.ret == PGM_ADDRESSING;
}

static void judge_case(const struct change *c, const struct hold_race *race)
{
	const uint8_t *at = memory[0] + OFFSET;
	bool gone = c->takes_it_away && race->early, success = access_now.outcome.ret == 0;
	size_t stores = page_op_stores(op), reads = page_op_reads(op);
	const uint8_t *held = bytes_rest(OFFSET % CONTRACT_PAGE);
	char got[OUTCOME_TEXT];

	outcome_text(access_now.outcome, got);
	if (!race->held)
		report_wrong(op->name, "the request comes to the page", "it does not: %s", got);
	else if (race->stuck)
		report_wrong(op->name, "request and change come back", "they are stuck");
	else if (gone && success && op->kind != PAGE_OP_SET_KEY)
		report_wrong(op->name, "no success: the slot was away before it went on", "%s",
			     got);
	else if (gone && memcmp(at, held, PAGE_OP_BYTES))
		report_wrong(op->name, "memory of the slot that is away is left alone",
			     "it has changed");
	else if (!success && !(c->takes_it_away && (is_exception(access_now.outcome) ||
						    access_now.outcome.err == EFAULT)))
		report_wrong(op->name, "success, or that the slot is not there", "%s", got);
	else if (success && stores && memcmp(at, access_now.new, stores))
		report_wrong(op->name, "what was stored is in memory", "it is not");
	else if (success && reads && memcmp(access_now.buf, held, reads))
		report_wrong(op->name, "what memory holds is read", "it is not");
}

static void one(const struct change *c)
{
	struct hold hold;
	struct hold_race race;
	const char *missing;

	set_up();
	missing = hold_begin(&hold, memory[0] + OFFSET / CONTRACT_PAGE * CONTRACT_PAGE);
	if (missing) {
		report_skip(SKIP_PERMISSION, "needs %s", missing);
		tear_down(&(struct change){ .gpa = HERE });
		return;
	}
	access_now = (struct page_access){ .arena = arena, .gpa = HERE + OFFSET, .key = 0x50 };
	bytes_copy(access_now.now, bytes_rest(OFFSET % CONTRACT_PAGE), PAGE_OP_BYTES);
	bytes_copy(access_now.new, bytes_inverted(7), PAGE_OP_BYTES);
	race = hold_race(&hold, make_access, c->make, bytes_rest(0));
	judge_case(c, &race);
	TEST_ASSERT(!race.stuck, "a thread of this process cannot be ended");
	hold_end(&hold);
	tear_down(c);
}

/* Does it touch memory, by a request? From 7.1 on keys are kept where the page does not matter */
static bool is_held(const struct page_op *o)
{
	return !o->check && o->key <= 0 &&
	       (o->kind == PAGE_OP_MEMOP || o->kind == PAGE_OP_EXCHANGE ||
		o->kind == PAGE_OP_DIFFERS ||
		(o->kind == PAGE_OP_SET_KEY && !compat_new_memory_management()));
}

static void line(const struct change *c)
{
	report_deciding(c->takes_it_away ? "SLOT-18" : "MEMOP-RET-01");
	for (size_t i = 0; i < page_op_count && !report_skipped(); i++) {
		op = &page_ops[i];
		if (is_held(op) && report_case())
			one(c);
	}
}

static void line_deleted(void)
{
	line(&changes[0]);
}

static void line_moved(void)
{
	line(&changes[1]);
}

static void line_anew(void)
{
	line(&changes[2]);
}

static void line_logged(void)
{
	line(&changes[3]);
}

static void line_closed(void)
{
	line(&changes[4]);
}

static const struct line lines[] = {
	{ "a request is held while its slot is deleted", "SLOT-18", line_deleted },
	{ "a request is held while its slot is moved", "SLOT-18", line_moved },
	{ "a request is held while its slot is made anew with other memory", "SLOT-18", line_anew },
	{ "a request is held while its slot gets a log", "MEMOP-RET-01", line_logged },
	{ "a request is held while its VM is closed", "MEMOP-RET-01", line_closed },
};

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	return report_run();
}
