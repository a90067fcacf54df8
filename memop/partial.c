// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests over several pages of which one cannot be accessed: what has moved by then.
 *
 * memop/contract.md, MEMOP-ADDR-03, MEMOP-RET-01, -02, MEMOP-CHK-02; DIRTY-03; api.rst,
 * KVM_S390_MEM_OP: 0 is success, an error is an errno, and the log has the pages written.
 * The process's own hindrances are no exceptions of the guest; what the storage key denies
 * is in memop/recording.
 *
 * How it is seen: five pages, in one slot, across the border of two, or of both by turns
 * in the guest's address space. The process makes one of them inaccessible, read-only, the
 * end of its file, or nothing at all, or deletes the second slot. Whatever the outcome, each
 * page was moved as a whole or not, none from the hindrance on, and exactly those that were
 * stored have their change bit and are in the dirty log. A request that tells the log
 * first, or goes on behind the hindrance, is seen.
 *
 * Over 300 lines: a table of hindrances, and all that can be seen of five pages.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/bench.h"
#include "s390x/memop_deviation.h"
#include "s390x/skey.h"
#include "slot/backing.h"

#define BASE 0x100000UL
#define NEXT (BASE + ARENA_UNIT) /* the second slot */
#define PAGE CONTRACT_PAGE
#define PAGES 5
#define KEY 4
#define RW (PROT_READ | PROT_WRITE)

/* The vCPU's prefix area, and those in question */
static const uint64_t slots[] = { 0, BASE, NEXT };
#define FIRST 1
#define SECOND 2
static struct arena *arena;
static struct dat dat;
static uint8_t *buf;
static bool second_there = true;

static const struct form {
	uint32_t op;
	bool on_vcpu, store;
} forms[] = {
	{ KVM_S390_MEMOP_ABSOLUTE_READ, false, false },
	{ KVM_S390_MEMOP_ABSOLUTE_WRITE, false, true },
	{ KVM_S390_MEMOP_LOGICAL_READ, true, false },
	{ KVM_S390_MEMOP_LOGICAL_WRITE, true, true },
};

/* Where the pages of the range are */
static const struct place {
	const char *name;
	bool dat; /* at VIRTUAL in the guest's primary space */
	uint64_t page[PAGES];
} places[] = {
	/* Bits of two words of the log */
	{ "in one slot",
	  false,
	  { BASE + 62 * PAGE, BASE + 63 * PAGE, BASE + 64 * PAGE, BASE + 65 * PAGE,
	    BASE + 66 * PAGE } },
	{ "of which three are in the next slot",
	  false,
	  { NEXT - 2 * PAGE, NEXT - PAGE, NEXT, NEXT + PAGE, NEXT + 2 * PAGE } },
	{ "of which one is in the next slot",
	  false,
	  { NEXT - 4 * PAGE, NEXT - 3 * PAGE, NEXT - 2 * PAGE, NEXT - PAGE, NEXT } },
	{ "of two slots by turns, with DAT",
	  true,
	  { BASE + 9 * PAGE, NEXT + 200 * PAGE, BASE + 8 * PAGE, NEXT + 9 * PAGE,
	    BASE + 255 * PAGE } },
};
#define VIRTUAL 0x80000000UL

/* The case: requests differ in where they begin and end in their pages */
static struct {
	const struct place *place;
	const struct hindrance *hindrance;
	size_t at; /* the page that is hindered, PAGES: none */
	struct kvm_s390_mem_op op;
	const struct form *form;
	struct outcome outcome;
	uint64_t log[SECOND + 1][ARENA_PAGES / 64];
	uint8_t keys[PAGES];
	enum moved { KEPT, MOVED, TORN } moved[PAGES];
} now;

/* ------------------------------------------------------------------- hindrances */

static void protect(uint8_t *page, int protection)
{
	TEST_ASSERT(!mprotect(page, PAGE, protection), "mprotect, errno %d", errno);
}

static void no_access(uint8_t *page)
{
	protect(page, PROT_NONE);
}

static void read_only(uint8_t *page)
{
	protect(page, PROT_READ);
}

static void allowed(uint8_t *page)
{
	protect(page, RW);
}

static void beyond_end(uint8_t *page)
{
	int fd = memfd_create("partial", MFD_CLOEXEC);

	TEST_ASSERT(fd >= 0 && mmap(page, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0) == page,
		    "a file, errno %d", errno);
	close(fd);
}

static void unmapped(uint8_t *page)
{
	TEST_ASSERT(!munmap(page, PAGE), "munmap, errno %d", errno);
}

static void mapped_anew(uint8_t *page)
{
	TEST_ASSERT(mmap(page, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page,
		    "mmap, errno %d", errno);
}

static void set_second(uint64_t size)
{
	struct kvm_userspace_memory_region r = { .slot = SECOND,
						 .flags = KVM_MEM_LOG_DIRTY_PAGES,
						 .guest_phys_addr = NEXT,
						 .memory_size = size,
						 .userspace_addr = (uintptr_t)arena->host[SECOND] };

	TEST_ASSERT(!ioctl(arena->vm->fd, KVM_SET_USER_MEMORY_REGION, &r), "slot, errno %d", errno);
	second_there = size;
}

static void hole(uint8_t *page)
{
	(void)page;
	set_second(0);
}

static void filled_hole(uint8_t *page)
{
	(void)page;
	set_second(ARENA_UNIT);
}

static const struct hindrance {
	const char *name;
	void (*begin)(uint8_t *page), (*end)(uint8_t *page);
	bool reads;   /* does not hinder them */
	bool is_hole; /* the guest's own: there is no storage */
	bool forgets; /* the page's bytes */
} hindrances[] = {
	{ "not accessible to the process", no_access, allowed, false, false, false },
	{ "read-only for the process", read_only, allowed, true, false, false },
	{ "beyond the end of its file", beyond_end, mapped_anew, false, false, true },
	{ "not mapped in the process", unmapped, mapped_anew, false, false, true },
	{ "the first one without a slot", hole, filled_hole, false, true, false },
};

/* --------------------------------------------------------------- what came of it */

static bool checks(void)
{
	return now.op.flags & KVM_S390_MEMOP_F_CHECK_ONLY;
}

/* Offset in page @i, and how many bytes, of the range; @in_buf: where they are in the buffer */
static size_t piece(size_t i, size_t *from, size_t *in_buf)
{
	size_t start = now.op.gaddr % PAGE, end = start + now.op.size;

	*from = i ? 0 : start;
	*in_buf = i * PAGE + *from - start;
	return (end < (i + 1) * PAGE ? end : (i + 1) * PAGE) - i * PAGE - *from;
}

/* Of the guest's page by a store, of the buffer by a fetch */
static enum moved moved(size_t i)
{
	const uint8_t *rest = arena_rest(arena, now.place->page[i], false);
	const uint8_t *inverted = arena_rest(arena, now.place->page[i], true);
	const uint8_t *page = arena_at(arena, now.place->page[i]), *is;
	size_t from, in_buf, len = piece(i, &from, &in_buf);
	bool same, other;

	if (now.form->store &&
	    (bytes_differ(page, rest, from) >= 0 ||
	     bytes_differ(page + from + len, rest + from + len, PAGE - from - len) >= 0))
		return TORN;
	is = now.form->store ? page + from : buf + in_buf;
	same = bytes_differ(is, rest + from, len) < 0;
	other = bytes_differ(is, inverted + from, len) < 0;
	if (same == other)
		return TORN;
	return (now.form->store ? other : same) ? MOVED : KEPT;
}

static void fill_buffer(void)
{
	for (size_t i = 0; i < PAGES; i++) {
		size_t from, in_buf, len = piece(i, &from, &in_buf);

		bytes_copy(buf + in_buf, arena_rest(arena, now.place->page[i], true) + from, len);
	}
}

static void take_log(void)
{
	for (uint32_t slot = FIRST; slot <= SECOND; slot++) {
		struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = now.log[slot] };

		if (slot != SECOND || second_there)
			TEST_ASSERT(!ioctl(arena->vm->fd, KVM_GET_DIRTY_LOG, &log),
				    "KVM_GET_DIRTY_LOG, errno %d", errno);
	}
}

static void prepare(void)
{
	for (size_t i = 0; i < PAGES; i++) {
		arena_map(arena, now.place->page[i], 1, KEY);
		arena_key(arena, now.place->page[i], 1, skey_byte(KEY, true));
	}
	fill_buffer();
	if (now.at < PAGES)
		now.hindrance->begin(arena_at(arena, now.place->page[now.at]));
	take_log();
}

/* Without a trace: the hindrance goes, and everything is looked at before it is put to rest */
static void observe(void)
{
	uint8_t *hindered = now.at < PAGES ? arena_at(arena, now.place->page[now.at]) : NULL;

	take_log();
	if (hindered)
		now.hindrance->end(hindered);
	for (size_t i = 0; i < PAGES; i++)
		TEST_ASSERT(!skey_get(arena->vm, now.place->page[i], 1, &now.keys[i]).ret,
			    "KVM_S390_GET_SKEYS");
	if (hindered && now.hindrance->forgets)
		arena_reset(arena, now.place->page[now.at], PAGE);
	for (size_t i = 0; i < PAGES; i++) {
		now.moved[i] = moved(i);
		if (now.moved[i] != KEPT && now.form->store)
			arena_reset(arena, now.place->page[i], PAGE);
	}
}

/* ----------------------------------------------------------------------- verdicts */

static void wrong(size_t page, const char *expected, const char *observed)
{
	char state[200], text[MEMOP_TEXT], got[OUTCOME_TEXT], all[OUTCOME_TEXT + 80];

	if (now.at < PAGES)
		snprintf(state, sizeof(state), "five pages %s, page %zu is %s", now.place->name,
			 now.at, now.hindrance->name);
	else
		snprintf(state, sizeof(state), "five pages %s", now.place->name);
	if (page < PAGES)
		snprintf(all, sizeof(all), "%s, page %zu: %s", outcome_text(now.outcome, got), page,
			 observed);
	else
		snprintf(all, sizeof(all), "%s%s%s", outcome_text(now.outcome, got),
			 observed ? ", " : "", observed ? observed : "");
	report_fail(&(struct finding){ .state = state,
				       .request = memop_text(&now.op, text),
				       .expected = expected,
				       .observed = all,
				       .offset = -1 });
}

/* The guest has no storage there: the oracle knows */
static void judge_hole(void)
{
	struct request r = { .on_vcpu = now.form->on_vcpu, .op = now.op };
	struct storage without[ARENA_SLOTS];
	struct state s = arena->state;
	const char *known;
	struct prediction p;

	memcpy(without, arena->storage, sizeof(without));
	without[SECOND] = without[0];
	s.storage = without;
	s.buf = (struct user_area){ UINT64_MAX, UINT64_MAX };
	contract_memop(&s, &r, &p);
	known = deviation_known(&s, &r, &p, now.outcome);
	report_decided("MEMOP-ADDR-01 MEMOP-ADDR-03 DIRTY-03");
	if (prediction_allows(&p, now.outcome))
		return;
	if (known)
		report_deviation(known);
	else
		wrong(PAGES, "PGM 0x05 (addressing)", NULL);
}

/*
 * The process's own hindrance is no access exception of the guest's, which is what a check
 * looks for: it may say either.
 */
static void judge_outcome(bool hindered)
{
	const char *known = deviation_of_host_fault(now.outcome);

	if (hindered && now.hindrance->is_hole) {
		judge_hole();
	} else if (!hindered) {
		report_decided("MEMOP-RET-01 DIRTY-03");
		if (now.outcome.ret)
			wrong(PAGES, "success", NULL);
	} else {
		report_decided("MEMOP-RET-02 MEMOP-ADDR-03 DIRTY-03");
		if (now.outcome.ret > 0 && known && !checks())
			report_deviation(known);
		else if (now.outcome.ret > 0 || (!now.outcome.ret && !checks()))
			wrong(PAGES, "an error, and no exception", NULL);
	}
}

static bool logged(size_t slot, size_t page)
{
	return ((const uint8_t *)now.log[slot])[page / 8] >> page % 8 & 1;
}

/* The log has the pages that were stored, and no other page of both slots */
static void judge_log(void)
{
	char observed[60];

	for (size_t slot = FIRST; slot <= SECOND; slot++)
		for (size_t page = 0; page < ARENA_PAGES; page++) {
			uint64_t gpa = slots[slot] + page * PAGE;
			bool stored = false;

			for (size_t i = 0; i < PAGES; i++)
				if (now.place->page[i] == gpa)
					stored = now.form->store && now.moved[i] == MOVED;
			if (now.at < PAGES && now.hindrance->is_hole && slot == SECOND)
				continue; /* there was none */
			if (logged(slot, page) == stored)
				continue;
			snprintf(observed, sizeof(observed), "%#lx %s in it", (unsigned long)gpa,
				 stored ? "is not" : "is");
			wrong(PAGES, "the dirty log has exactly the pages that were stored",
			      observed);
			return;
		}
}

static void judge_pages(bool hindered)
{
	size_t end = hindered ? now.at : PAGES;
	bool all = !checks() && !now.outcome.ret, none = checks();

	for (size_t i = 0; i < PAGES; i++) {
		uint8_t change = now.form->store && now.moved[i] == MOVED ? SKEY_CHANGE : 0;

		if (now.moved[i] == TORN)
			wrong(i, "a page is moved as a whole, or not", "a part of it");
		else if (i >= end && now.moved[i] != KEPT)
			wrong(i, "nothing moves from the hindrance on", "it has moved");
		else if (i < end && all && now.moved[i] != MOVED)
			wrong(i, "the page moves", "it has not");
		else if (none && now.moved[i] != KEPT)
			wrong(i, "a check moves nothing", "it has moved");
		else if (i && now.moved[i] == MOVED && now.moved[i - 1] != MOVED)
			wrong(i, "pages move in turn", "it has, and the one before has not");
		if (i >= end && now.hindrance->is_hole)
			continue; /* no page, no key */
		if ((now.keys[i] & SKEY_CHANGE) != change)
			wrong(i, change ? "what is stored has its change bit" : "no change bit",
			      "it is otherwise");
		if (!(i >= end && now.hindrance->forgets) &&
		    (now.keys[i] & ~(SKEY_REFERENCE | SKEY_CHANGE)) != skey_byte(KEY, true))
			wrong(i, "access control and fetch protection stay", "another storage key");
	}
}

static void one(const struct form *f, uint64_t flags, uint64_t offset, uint32_t size)
{
	bool hindered = now.at < PAGES && (f->store || !now.hindrance->reads);

	if (!report_case())
		return;
	now.form = f;
	now.op = (struct kvm_s390_mem_op){
		.op = f->op,
		.gaddr = (now.place->dat ? VIRTUAL : now.place->page[0]) + offset,
		.size = size,
		.flags = flags,
		.buf = (uintptr_t)buf,
		.key = KEY,
	};
	prepare();
	now.outcome = memop(f->on_vcpu ? arena->vcpu->fd : arena->vm->fd, &now.op);
	observe();
	judge_outcome(hindered);
	judge_pages(hindered);
	judge_log();
}

/* ---------------------------------------------------------------------- the lines */

static void requests(void)
{
	static const uint64_t flags[] = {
		0,
		KVM_S390_MEMOP_F_SKEY_PROTECTION,
		KVM_S390_MEMOP_F_CHECK_ONLY,
		KVM_S390_MEMOP_F_CHECK_ONLY | KVM_S390_MEMOP_F_SKEY_PROTECTION,
	};

	for (size_t f = 0; f < ARRAY_SIZE(forms); f++)
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
			if (now.place->dat && !forms[f].on_vcpu)
				continue;
			one(&forms[f], flags[i], 0x7f8, (PAGES - 1) * PAGE);
			one(&forms[f], flags[i], 0, PAGES * PAGE);
		}
}

static void set_place(const struct place *p)
{
	struct cpu *cpu = &arena->state.cpu;

	now.place = p;
	cpu->psw_mask = PSW_EA | PSW_BA | (p->dat ? PSW_DAT : 0);
	dat_reset(&dat);
	cpu->cr[1] = dat_space(&dat, DAT_REGION_THIRD);
	for (size_t i = 0; i < PAGES; i++)
		dat_map(&dat, cpu->cr[1], VIRTUAL + i * PAGE, p->page[i]);
	arena_cpu(arena);
}

/* Can a hole begin at page @i, and with it everything of the second slot? */
static bool hole_begins(size_t i)
{
	for (size_t n = 0; n < i; n++)
		if (now.place->page[n] >= NEXT)
			return false;
	return now.place->page[i] >= NEXT;
}

static void line(const struct hindrance *h)
{
	now.hindrance = h;
	for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
		set_place(&places[p]);
		for (now.at = 0; now.at < PAGES; now.at++)
			if (!h->is_hole || hole_begins(now.at))
				requests();
	}
}

static void line_none(void)
{
	now.hindrance = hindrances;
	now.at = PAGES;
	for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
		set_place(&places[p]);
		requests();
	}
}

static void line_no_access(void)
{
	line(&hindrances[0]);
}

static void line_read_only(void)
{
	line(&hindrances[1]);
}

static void line_beyond_end(void)
{
	line(&hindrances[2]);
}

static void line_unmapped(void)
{
	line(&hindrances[3]);
}

static void line_hole(void)
{
	line(&hindrances[4]);
}

#define HINDERED "MEMOP-RET-02 MEMOP-ADDR-03 DIRTY-03"

static const struct line lines[] = {
	{ "five pages of one slot, of two, of both by turns", "MEMOP-RET-01 DIRTY-03", line_none },
	{ "a page that the process cannot access", HINDERED, line_no_access },
	{ "a page that the process cannot write", HINDERED " MEMOP-RET-01", line_read_only },
	{ "a page beyond the end of its file", HINDERED, line_beyond_end },
	{ "a page that is not mapped in the process", HINDERED, line_unmapped },
	{ "pages without a slot", "MEMOP-ADDR-01 MEMOP-ADDR-03 DIRTY-03", line_hole },
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
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.flags = KVM_MEM_LOG_DIRTY_PAGES,
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
