// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request, or the guest, is held in the middle of its access while its slot is deleted,
 * moved, made anew, gets a log, its log is read, storage keys are set and read, and while
 * the VM is closed.
 *
 * mem_slot/contract.md, SLOT-18: an access sees a slot as it was before a change or after
 * it; once the slot is deleted, nothing reaches its memory. DIRTY-13: what is written
 * while the log is read is in it or in the next one. memop/contract.md, MEMOP-RET-01, -KEY-03.
 *
 * How it is seen: userfaultfd holds each request at a page of guest memory (slot/hold.h);
 * another thread makes the change. If the change is complete first, the request must not
 * have found the memory when it goes on: no byte stored, none read, no success. A lock that
 * is not taken is found each time, on one CPU too. GET_SKEYS cannot be held: what has no
 * page has no key but 0.
 *
 * Over 300 lines: one judge for every change.
 */
#include <string.h>
#include <sys/ioctl.h>
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
#include "slot/deviation.h"
#include "slot/hold.h"
#include "slot/region.h"

#define SLOT 9
#define SIZE (1UL << 20)
#define HERE 0x40000000UL
#define AWAY 0x50000000UL
#define PAGE 5 /* of the slot */
#define OFFSET (PAGE * CONTRACT_PAGE + 0x340)
#define KEY 0x38       /* of the page, where storage keys are in use */
#define OTHER_KEY 0x58 /* that it is given */
#define SET_BY_GUEST 0x50

static struct arena *arena;
static uint8_t *memory[2]; /* that back the slot in turn */
static struct page_access access_now;
static const struct page_op *op;
static bool vm_closed, with_keys;
static bool machine_has_keys; /* the vCPU has used them: its machine carries them out itself */
static uint64_t logs[2][SIZE / CONTRACT_PAGE / 64]; /* while it is held, and after it */
static struct outcome key_request;
static uint8_t key_found;

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

static void read_log(uint64_t *bits)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bits };

	TEST_ASSERT(!ioctl(arena->vm->fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG, errno %d",
		    errno);
}

static void log_read(void)
{
	read_log(logs[0]);
}

static void key_set(void)
{
	key_request = skey_set(arena->vm, HERE + PAGE * CONTRACT_PAGE, 1, OTHER_KEY);
}

static void key_read(void)
{
	key_request = skey_get(arena->vm, HERE + PAGE * CONTRACT_PAGE, 1, &key_found);
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
#define CHANGES ARRAY_SIZE(changes)

static const struct change reading = { "in a log that is read", log_read, false, HERE };
static const struct change key_setting = { "given a key", key_set, false, HERE };
static const struct change key_reading = { "asked for its key", key_read, false, HERE };

/* ------------------------------------------------------------------------ a case */

static void make_access(void)
{
	page_op_run(op, &access_now);
}

/*
 * As the case is to find it: nobody has touched the memory, and the slot is there. For a
 * storage key the page next to it was touched: KVM keeps keys beside the page table.
 */
static void set_up(uint32_t flags)
{
	arena = arena_create(NULL, 0, 0);
	judge_create(arena);
	arena_cpu(arena); /* logical accesses have 64-bit addresses */
	for (int i = 0; i < 2; i++)
		memory[i] = region_memory(SIZE);
	set(HERE, SIZE, flags, memory[0]);
	vm_closed = false;
	if (machine_has_keys) {
		struct judge_order o = { .address = judge_real(JUDGE_GPA),
					 .psw_mask = JUDGE_PSW,
					 .kind = JUDGE_ISKE };

		judge_run(arena, &o, 1);
	}
	if (!with_keys)
		return;
	memory[0][(PAGE + 1) * CONTRACT_PAGE] = 1;
	TEST_ASSERT(!skey_set(arena->vm, HERE + PAGE * CONTRACT_PAGE, 1, KEY).ret,
		    "KVM_S390_SET_SKEYS");
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

/* The slot is away, as far as the access says */
static bool is_gone(struct outcome o)
{
	return o.ret == PGM_ADDRESSING || (o.ret == -1 && o.err == EFAULT);
}

/* What the storage key has to say: while one is set, it may be the former or the new one */
static bool denied(const struct change *c, bool *may_be)
{
	bool by_key = with_keys && page_op_denied(op, KEY);

	*may_be = by_key || (c == &key_setting && page_op_denied(op, OTHER_KEY));
	return by_key && c != &key_setting;
}

/* Bytes in memory and in the buffer: all of them where it succeeded, else none */
static void judge_bytes(bool gone)
{
	const uint8_t *at = memory[0] + OFFSET, *held = bytes_rest(OFFSET % CONTRACT_PAGE);
	bool success = access_now.outcome.ret == 0;
	size_t stores = page_op_stores(op), reads = page_op_reads(op);

	if (gone && memcmp(at, held, PAGE_OP_BYTES))
		report_wrong(op->name, "memory of the slot that is away is left alone",
			     "it has changed");
	else if (!success && memcmp(at, held, PAGE_OP_BYTES))
		report_wrong(op->name, "what fails stores nothing", "it has");
	else if (success && stores && memcmp(at, access_now.new, stores))
		report_wrong(op->name, "what was stored is in memory", "it is not");
	else if (success && reads && memcmp(access_now.buf, held, reads))
		report_wrong(op->name, "what memory holds is read", "it is not");
}

/* What the guest meets that comes once more, with access key 0 */
static struct judge_order come_again(void)
{
	struct judge_order o = { .address = judge_real(HERE + OFFSET),
				 .psw_mask = JUDGE_PSW,
				 .kind = JUDGE_FETCH };

	judge_run(arena, &o, 1);
	return o;
}

static bool is_new_memory(const struct judge_order *o)
{
	uint64_t now;

	memcpy(&now, memory[1] + OFFSET, sizeof(now));
	return !o->code && o->value == now;
}

/* It meets what the slot is now */
static void judge_again(const struct change *c)
{
	struct judge_order o = come_again();

	if (c->gpa != HERE && o.code != PGM_ADDRESSING)
		report_wrong(op->name, "the guest, coming again, meets no memory", "code %#x",
			     o.code);
	else if (c->gpa == HERE && !is_new_memory(&o))
		report_wrong(op->name, "the guest, coming again, meets the new memory",
			     "code %#x, %#llx", o.code, (unsigned long long)o.value);
}

/*
 * The slot was made anew while the guest was held: its access may have met the new memory,
 * with the key 0 of that, and not a byte of the old one
 */
static bool met_new_memory(const struct change *c)
{
	static const uint8_t untouched[PAGE_OP_BYTES];
	size_t stores = page_op_stores(op), reads = page_op_reads(op);
	bool denied_now = page_op_denied(op, 0);
	struct judge_order again;

	if (c->gpa != HERE || access_now.outcome.ret != (denied_now ? PGM_PROTECTION : 0))
		return false;
	again = come_again();
	return is_new_memory(&again) &&
	       !memcmp(memory[0] + OFFSET, bytes_rest(OFFSET % CONTRACT_PAGE), PAGE_OP_BYTES) &&
	       (denied_now || (!memcmp(memory[1] + OFFSET, access_now.new, stores) &&
			       !memcmp(access_now.buf, untouched, reads)));
}

/* FIND-25: the access went on, and met the memory, whether or not its key let it */
static bool is_known(void)
{
	bool known = access_now.outcome.ret != PGM_ADDRESSING && fault_of_held_guest();

	if (known)
		report_fault(fault_of_held_guest());
	return known;
}

static void judge_case(const struct change *c, const struct hold_race *race)
{
	bool gone = c->takes_it_away && race->early, success = access_now.outcome.ret == 0;
	bool may_be_denied, is_denied = denied(c, &may_be_denied);
	char got[OUTCOME_TEXT];

	outcome_text(access_now.outcome, got);
	if (!race->held)
		report_wrong(op->name, "the access comes to the page", "it does not: %s", got);
	else if (race->stuck)
		report_wrong(op->name, "access and change come back", "they are stuck");
	else if (gone && success)
		report_wrong(op->name, "no success: the slot was away before it went on", "%s",
			     got);
	else if (success ? is_denied
			 : !(may_be_denied && access_now.outcome.ret == PGM_PROTECTION) &&
				   !(c->takes_it_away && is_gone(access_now.outcome)))
		report_wrong(op->name,
			     is_denied ? "protection, or that the slot is not there"
				       : "success, or that the slot is not there",
			     "%s", got);
	else
		judge_bytes(gone);
}

/* A guest's access whose slot went away while it was held begins anew, with what is there now */
static void judge_race(const struct change *c, const struct hold_race *race)
{
	bool guest = op->kind == PAGE_OP_GUEST && c->takes_it_away && !race->stuck;

	if (guest && race->held && race->early && (met_new_memory(c) || is_known()))
		return;
	judge_case(c, race);
	if (guest)
		judge_again(c);
}

static bool in_log(int n)
{
	return ((const uint8_t *)logs[n])[PAGE / 8] >> PAGE % 8 & 1;
}

/* A log that was complete before the store cannot have it: then it is in the next one */
static void judge_logs(const struct hold_race *race)
{
	bool stored = !access_now.outcome.ret && page_op_stores(op);

	read_log(logs[1]);
	if (stored && !in_log(1) && (race->early || !in_log(0)))
		report_wrong(op->name,
			     "the page that was stored to is in the log that was read, "
			     "or in the next one",
			     race->early ? "it is not in the one read after it" : "in neither");
}

static void judge_keys(const struct change *c)
{
	uint8_t wanted = c == &key_setting ? OTHER_KEY : with_keys ? KEY : 0;

	if (c == &key_setting)
		skey_get(arena->vm, HERE + PAGE * CONTRACT_PAGE, 1, &key_found);
	key_found &= (uint8_t) ~(SKEY_REFERENCE | SKEY_CHANGE);
	if (key_request.ret)
		report_wrong(op->name, "the keys are set, or read", "returned %d, errno %d",
			     key_request.ret, key_request.err);
	else if (key_found != wanted)
		report_wrong(op->name, "the key that the page was given", "%#x, not %#x", key_found,
			     wanted);
}

/* ISKE finds the key of memory that is new, and what SSKE sets is set */
static void judge_key_instruction(const struct change *c)
{
	uint8_t key = access_now.key, wanted = op->op == JUDGE_SSKE ? SET_BY_GUEST : 0;

	if (access_now.outcome.ret || c->takes_it_away || vm_closed)
		return;
	if (op->op != JUDGE_ISKE)
		skey_get(arena->vm, HERE + PAGE * CONTRACT_PAGE, 1, &key);
	key &= (uint8_t) ~(SKEY_REFERENCE | SKEY_CHANGE);
	if (key != wanted)
		report_wrong(op->name, "the key of the page is as it is to be", "%#x, not %#x", key,
			     wanted);
}

static void one(const struct change *c)
{
	struct hold hold;
	struct hold_race race;
	const char *missing;

	set_up(c == &reading ? KVM_MEM_LOG_DIRTY_PAGES : 0);
	missing = hold_begin(&hold, memory[0] + OFFSET / CONTRACT_PAGE * CONTRACT_PAGE);
	if (missing) {
		report_skip(SKIP_PERMISSION, "needs %s", missing);
		tear_down(&(struct change){ .gpa = HERE });
		return;
	}
	access_now =
		(struct page_access){ .arena = arena, .gpa = HERE + OFFSET, .key = SET_BY_GUEST };
	bytes_copy(access_now.now, bytes_rest(OFFSET % CONTRACT_PAGE), PAGE_OP_BYTES);
	bytes_copy(access_now.new, bytes_inverted(7), PAGE_OP_BYTES);
	memset(logs, 0, sizeof(logs));
	race = hold_race(&hold, make_access, c->make, bytes_rest(0));
	judge_race(c, &race);
	if (machine_has_keys && race.held && !race.stuck)
		judge_key_instruction(c);
	if (c == &reading && !race.stuck)
		judge_logs(&race);
	else if ((c == &key_setting || c == &key_reading) && !race.stuck)
		judge_keys(c);
	TEST_ASSERT(!race.stuck, "a thread of this process cannot be ended");
	hold_end(&hold);
	tear_down(c);
}

/* Whose accesses are held */
enum who { REQUESTS, KEYED_REQUESTS, GUEST, KEYED_GUEST, KEY_INSTRUCTIONS };

/* Does it touch memory, and is it one of these? */
static bool is_held(const struct page_op *o, enum who who)
{
	bool guest = o->kind == PAGE_OP_GUEST && !o->uses_keys;
	bool request = o->kind == PAGE_OP_MEMOP || o->kind == PAGE_OP_EXCHANGE ||
		       o->kind == PAGE_OP_DIFFERS;

	if (o->check)
		return false;
	switch (who) {
	case REQUESTS:
		/* From 7.1 on keys are kept where the page does not matter */
		return (request && o->key <= 0) ||
		       (o->kind == PAGE_OP_SET_KEY && !compat_new_memory_management());
	case KEYED_REQUESTS:
		return request;
	case GUEST:
		return guest && !o->key;
	case KEY_INSTRUCTIONS:
		return o->kind == PAGE_OP_GUEST && o->uses_keys;
	default:
		return guest;
	}
}

static void all(const struct change *c, enum who who)
{
	with_keys = who == KEYED_REQUESTS || who == KEYED_GUEST;
	machine_has_keys = who == KEY_INSTRUCTIONS;
	for (size_t i = 0; i < page_op_count && !report_skipped(); i++) {
		op = &page_ops[i];
		if (is_held(op, who) && report_case())
			one(c);
	}
}

static void line(const struct change *c)
{
	report_deciding(c->takes_it_away ? "SLOT-18" : "MEMOP-RET-01");
	all(c, REQUESTS);
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

static void every_change(enum who who)
{
	for (size_t i = 0; i < CHANGES; i++) {
		report_deciding(changes[i].takes_it_away ? "SLOT-18" : "MEMOP-RET-01");
		all(&changes[i], who);
	}
}

static void line_keyed(void)
{
	every_change(KEYED_REQUESTS);
}

static void line_guest(void)
{
	report_deciding("SLOT-18");
	for (size_t i = 0; i < CHANGES; i++)
		all(&changes[i], GUEST);
}

static void line_keyed_guest(void)
{
	report_deciding("SLOT-18");
	for (size_t i = 0; i < CHANGES; i++)
		all(&changes[i], KEYED_GUEST);
}

/*
 * Where KVM has no table yet in which the key is kept; then the page is what it asks for.
 * From 7.1 on the table is KVM's own, and the page does not matter.
 */
static void line_key_instructions(void)
{
	if (compat_new_memory_management()) {
		report_skip(SKIP_CAPABILITY, "needs keys that are kept beside the host's tables");
		return;
	}
	report_deciding("SLOT-18");
	for (size_t i = 0; i < CHANGES; i++)
		all(&changes[i], KEY_INSTRUCTIONS);
	report_deciding("DIRTY-13");
	all(&reading, KEY_INSTRUCTIONS);
}

static void line_log(void)
{
	for (enum who who = REQUESTS; who <= KEYED_GUEST; who++)
		all(&reading, who);
}

static void line_keys(void)
{
	report_deciding("MEMOP-KEY-03 SKEY-05");
	all(&key_setting, KEYED_REQUESTS);
	all(&key_setting, KEYED_GUEST);
	report_deciding("SKEY-05");
	all(&key_reading, KEYED_REQUESTS);
	all(&key_reading, KEYED_GUEST);
}

static const struct line lines[] = {
	{ "a request is held while its slot is deleted", "SLOT-18", line_deleted },
	{ "a request is held while its slot is moved", "SLOT-18", line_moved },
	{ "a request is held while its slot is made anew with other memory", "SLOT-18", line_anew },
	{ "a request is held while its slot gets a log", "MEMOP-RET-01", line_logged },
	{ "a request is held while its VM is closed", "MEMOP-RET-01", line_closed },
	{ "a request is held while its log is read", "DIRTY-13", line_log },
	{ "the guest is held while its slot changes, and its VM is closed", "SLOT-18", line_guest },
	/* These use storage keys, which cannot be given up again */
	{ "a request with a key is held while its slot changes, and its VM is closed",
	  "SLOT-18 MEMOP-RET-01", line_keyed },
	{ "the guest is held, with an access key, while its slot changes, and its VM is closed",
	  "SLOT-18", line_keyed_guest },
	{ "an access is held while storage keys are set and read", "MEMOP-KEY-03 SKEY-05",
	  line_keys },
	{ "the guest is held at ISKE, SSKE and RRBE while its slot changes, and its VM is closed",
	  "SLOT-18 DIRTY-13", line_key_instructions },
};

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	hold_prepare();
	return report_run();
}
