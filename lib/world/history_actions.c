// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions of the process on its own memory: what may happen to the pages of a guest on a
 * host that works. KVM_CAP_SYNC_MMU: the guest sees the change of the mapping at once
 * (SLOT-09); nothing of it may lose bytes, storage keys, or what the log has to hold.
 *
 * Over 300 lines: what each does to VM and model, and what of it is known to go wrong.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "case/bytes.h"
#include "slot/deviation.h"
#include "slot/reclaim.h"
#include "world/action.h"
#include "world/look.h"

/* memory, page, count, value */
static void draw_pages(struct world *w, uint64_t *a)
{
	a[0] = w->hot[w->hottest].memory;
	if (world_one_in(w, 3))
		a[0] = world_below(w, WORLD_MEMORIES);
	a[1] = world_page(w, (unsigned int)a[0]);
	a[2] = 1 + (world_one_in(w, 3) ? world_below(w, 4) : 0);
	if (world_one_in(w, 12)) {
		a[1] = 0;
		a[2] = w->memory[a[0]].units * WORLD_UNIT_PAGES;
	}
	a[3] = world_random(w);
}

static bool ready_pages(struct world *w, const uint64_t *a)
{
	return a[0] < WORLD_MEMORIES && a[1] + a[2] <= w->memory[a[0]].units * WORLD_UNIT_PAGES &&
	       a[2];
}

static bool ready_file(struct world *w, const uint64_t *a)
{
	return ready_pages(w, a) && w->memory[a[0]].file >= 0;
}

static uint8_t *pages_at(struct world *w, const uint64_t *a)
{
	return w->memory[a[0]].host + a[1] * WORLD_PAGE;
}

/* What the process does to a page may be logged or not, and be in R and C or not */
static void touched(struct world *w, const uint64_t *a, uint8_t may, uint8_t states)
{
	struct memory *m = &w->memory[a[0]];

	for (uint64_t p = a[1]; p < a[1] + a[2]; p++) {
		m->may[p] |= may;
		m->state[p] |= states;
		m->unmapped[p] = true;
	}
	world_heat(w, (unsigned int)a[0], (unsigned int)a[1]);
}

/* Its mapping has changed, and with FIND-14 that of the MiB which one entry of KVM's may map */
static void remapped(struct world *w, const uint64_t *a)
{
	struct memory *m = &w->memory[a[0]];
	uint64_t first = a[1], end = a[1] + a[2];

	if (fault_of_unmapped_log()) {
		first &= -WORLD_UNIT_PAGES;
		end = (end + WORLD_UNIT_PAGES - 1) & -WORLD_UNIT_PAGES;
	}
	for (uint64_t p = first; p < end; p++)
		m->unmapped[p] = true;
}

/* FIND-21: are there page tables that this range of pages may take away as a whole? */
static bool may_lose_tables(const uint64_t *a)
{
	return fault_of_lost_table() && a[2] > WORLD_UNIT_PAGES / 2;
}

/* Can it lose what the log has to hold? */
static bool spares_log(const struct world *w, const uint64_t *a)
{
	if (!w->avoid || !may_lose_tables(a))
		return true;
	for (uint64_t p = a[1]; p < a[1] + a[2]; p++)
		if (w->memory[a[0]].state[p] & PAGE_MUST_LOG)
			return false;
	return true;
}

static bool ready_remap(struct world *w, const uint64_t *a)
{
	return ready_pages(w, a) && spares_log(w, a);
}

/* The host may have given up its storage, and its page tables too */
static void untouched(struct world *w, const uint64_t *a)
{
	remapped(w, a);
	for (uint64_t p = a[1]; p < a[1] + a[2]; p++)
		w->memory[a[0]].state[p] &= (uint8_t) ~(PAGE_THERE | PAGE_TABLED);
	/* With a page table goes what it knew (FIND-21) */
	if (may_lose_tables(a))
		memset(w->memory[a[0]].torn + a[1], 1, a[2]);
}

static void act_write(struct world *w, const uint64_t *a)
{
	struct memory *m = &w->memory[a[0]];

	for (uint64_t p = a[1]; p < a[1] + a[2]; p++) {
		size_t at = p * WORLD_PAGE + a[3] % (WORLD_PAGE / 8) * 8;

		*(volatile uint64_t *)(m->host + at) = a[3] + p;
		*(volatile uint64_t *)(m->bytes + at) = a[3] + p;
	}
	touched(w, a, LOOK_RC, PAGE_MAY_LOG | PAGE_THERE);
}

static void act_read(struct world *w, const uint64_t *a)
{
	world_look(w, (unsigned int)a[0], (unsigned int)a[1], (unsigned int)a[2]);
}

static void zeroed(struct world *w, const uint64_t *a)
{
	/* A shadow of untouched pages: zero again, and nothing is spent on it */
	madvise(w->memory[a[0]].bytes + a[1] * WORLD_PAGE, a[2] * WORLD_PAGE, MADV_DONTNEED);
}

/* The host has given up its storage: the next use, a read too, counts as written */
static void given_up(struct world *w, const uint64_t *a)
{
	uint8_t *state = w->memory[a[0]].state;

	for (uint64_t p = a[1]; p < a[1] + a[2]; p++) {
		/* Its page table stays; what was never used has none from this */
		if (state[p] & PAGE_THERE)
			state[p] |= PAGE_TABLED;
		state[p] &= (uint8_t)~PAGE_THERE;
	}
	touched(w, a, 0, PAGE_MAY_LOG);
	remapped(w, a);
}

static void discarded(struct world *w, const uint64_t *a)
{
	if (w->memory[a[0]].file < 0)
		zeroed(w, a);
	given_up(w, a);
}

void world_discarded(struct world *w, unsigned int memory, unsigned int page)
{
	discarded(w, (const uint64_t[]){ memory, page, 1 });
}

static void act_discard(struct world *w, const uint64_t *a)
{
	TEST_ASSERT(!madvise(pages_at(w, a), a[2] * WORLD_PAGE, MADV_DONTNEED), "MADV_DONTNEED");
	discarded(w, a);
}

static void act_punch(struct world *w, const uint64_t *a)
{
	TEST_ASSERT(!fallocate(w->memory[a[0]].file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       (off_t)(a[1] * WORLD_PAGE), (off_t)(a[2] * WORLD_PAGE)),
		    "FALLOC_FL_PUNCH_HOLE");
	zeroed(w, a);
	given_up(w, a);
}

static void act_protect(struct world *w, const uint64_t *a)
{
	size_t size = a[2] * WORLD_PAGE;

	TEST_ASSERT(!mprotect(pages_at(w, a), size, a[3] & 1 ? PROT_READ : PROT_NONE) &&
			    !mprotect(pages_at(w, a), size, PROT_READ | PROT_WRITE),
		    "mprotect");
	touched(w, a, 0, PAGE_MAY_LOG);
	remapped(w, a);
}

static void act_pageout(struct world *w, const uint64_t *a)
{
	/* EINVAL where it is not known, nothing to do where there is no swap */
	madvise(pages_at(w, a), a[2] * WORLD_PAGE, MADV_PAGEOUT);
	touched(w, a, 0, PAGE_MAY_LOG);
	remapped(w, a);
}

/* No other process has them: what is shared stays */
static bool ready_swap(struct world *w, const uint64_t *a)
{
	return ready_pages(w, a) && w->memory[a[0]].file < 0 && !w->child;
}

/* What was never written has nothing to be swapped out */
static void act_swap(struct world *w, const uint64_t *a)
{
	act_write(w, a);
	world_saw(reclaim_swap(pages_at(w, a), a[2] * WORLD_PAGE) ? "not-swapped" : "swapped");
	remapped(w, a);
}

/* memory, page, value, and the same of another page */
static void draw_merge(struct world *w, uint64_t *a)
{
	draw_pages(w, a);
	a[2] = world_below(w, WORLD_MEMORIES);
	a[4] = world_page(w, (unsigned int)a[2]);
}

/* s390: KSM lets a process alone that uses storage keys */
static bool ready_merge(struct world *w, const uint64_t *a)
{
	const uint64_t one[] = { a[0], a[1], 1 }, other[] = { a[2], a[4], 1 };

	return ready_swap(w, one) && ready_swap(w, other) && !w->keys_used &&
	       (a[0] != a[2] || a[1] != a[4]);
}

static void act_merge(struct world *w, const uint64_t *a)
{
	const uint64_t one[] = { a[0], a[1], 1, a[3] }, other[] = { a[2], a[4], 1, a[3] };
	struct memory *to = &w->memory[a[2]];

	act_write(w, one);
	bytes_copy(pages_at(w, other), pages_at(w, one), WORLD_PAGE);
	bytes_copy(to->bytes + a[4] * WORLD_PAGE, w->memory[a[0]].bytes + a[1] * WORLD_PAGE,
		   WORLD_PAGE);
	touched(w, other, LOOK_RC, PAGE_MAY_LOG | PAGE_THERE);
	world_saw(reclaim_merge(pages_at(w, one), pages_at(w, other), WORLD_PAGE) ? "not-merged"
										  : "merged");
	reclaim_unmerge();
	remapped(w, one);
	remapped(w, other);
}

static void text_merge(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT,
		 "memory %u (slot %d) page %u and memory %u (slot %d) page %u become equal, and "
		 "KSM merges them",
		 (unsigned int)a[0], world_slot_with(w, (unsigned int)a[0]), (unsigned int)a[1],
		 (unsigned int)a[2], world_slot_with(w, (unsigned int)a[2]), (unsigned int)a[4]);
}

/* Page by page where they are not of one kind, e.g. some for KSM */
static void move_pages(uint8_t *from, uint8_t *to, size_t size)
{
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	if (mremap(from, size, size, flags, to) == to)
		return;
	for (size_t at = 0; at < size; at += WORLD_PAGE)
		TEST_ASSERT(mremap(from + at, WORLD_PAGE, WORLD_PAGE, flags, to + at) == to + at,
			    "mremap, errno %d", errno);
}

/* Away to another address, and back */
static void act_remap(struct world *w, const uint64_t *a)
{
	size_t size = a[2] * WORLD_PAGE;
	uint8_t *here = pages_at(w, a), *away;

	away = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	move_pages(here, away, size);
	move_pages(away, here, size);
	/* Do keys move with the memory, or stay with the address? */
	touched(w, a, 0, PAGE_MAY_LOG | PAGE_KEY_OPEN | PAGE_RC_OPEN);
	untouched(w, a);
}

static bool ready_replace(struct world *w, const uint64_t *a)
{
	return ready_remap(w, a) && w->memory[a[0]].file < 0;
}

static void act_replace(struct world *w, const uint64_t *a)
{
	TEST_ASSERT(mmap(pages_at(w, a), a[2] * WORLD_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
			 0) == pages_at(w, a),
		    "mmap");
	zeroed(w, a);
	touched(w, a, 0, PAGE_MAY_LOG | PAGE_KEY_OPEN | PAGE_RC_OPEN);
	untouched(w, a);
}

/* A fork protects every page that has storage */
static void unmapped_all(struct world *w)
{
	for (unsigned int i = 0; i < WORLD_MEMORIES; i++)
		for (size_t p = 0; p < w->memory[i].units * WORLD_UNIT_PAGES; p++)
			w->memory[i].unmapped[p] = true;
}

/* A child that shares every page until it ends */
static bool ready_fork(struct world *w, const uint64_t *a)
{
	(void)a;
	return !w->child;
}

static void act_fork(struct world *w, const uint64_t *a)
{
	(void)a;
	w->child = fork();
	TEST_ASSERT(w->child >= 0, "fork");
	if (w->child) {
		/* Nobody says that a page is logged only if its bytes have changed */
		for (unsigned int i = 0; i < WORLD_MEMORIES; i++)
			for (size_t p = 0; p < w->memory[i].units * WORLD_UNIT_PAGES; p++)
				if (w->memory[i].state[p] & PAGE_THERE)
					w->memory[i].state[p] |= PAGE_MAY_LOG;
		unmapped_all(w);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_range(3, ~0U, 0); /* the VM is not to live on by it */
	for (;;)
		pause();
}

static bool ready_fork_end(struct world *w, const uint64_t *a)
{
	(void)a;
	return w->child;
}

static void act_fork_end(struct world *w, const uint64_t *a)
{
	(void)a;
	kill(w->child, SIGKILL);
	waitpid(w->child, NULL, 0);
	w->child = 0;
}

static void draw_nothing(struct world *w, uint64_t *a)
{
	(void)w;
	(void)a;
}

#define PAGES_TEXT(name, words)                                                                    \
	static void text_##name(struct world *w, const uint64_t *a, char *text)                    \
	{                                                                                          \
		int slot = world_slot_with(w, (unsigned int)a[0]);                                 \
                                                                                                   \
		snprintf(text, WORLD_TEXT, "memory %u (slot %d), pages %u to %u: " words,          \
			 (unsigned int)a[0], slot, (unsigned int)a[1],                             \
			 (unsigned int)(a[1] + a[2] - 1));                                         \
	}

PAGES_TEXT(write, "the process writes 8 bytes into each")
PAGES_TEXT(read, "the process reads them")
PAGES_TEXT(discard, "MADV_DONTNEED")
PAGES_TEXT(punch, "a hole is punched into the file")
PAGES_TEXT(protect, "mprotect() without writing, and back")
PAGES_TEXT(pageout, "MADV_PAGEOUT")
PAGES_TEXT(swap, "written, and swapped out")
PAGES_TEXT(remap, "mremap() away and back")
PAGES_TEXT(replace, "another mmap() in their place")

static void text_fork(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	(void)a;
	snprintf(text, WORLD_TEXT, "fork(), the child lives on");
}

static void text_fork_end(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	(void)a;
	snprintf(text, WORLD_TEXT, "that child ends");
}

static const struct action table[] = {
	{ "host-write", 6, draw_pages, ready_pages, act_write, text_write },
	{ "host-read", 4, draw_pages, ready_pages, act_read, text_read },
	{ "host-discard", 6, draw_pages, ready_pages, act_discard, text_discard },
	{ "host-punch", 4, draw_pages, ready_file, act_punch, text_punch },
	{ "host-protect", 6, draw_pages, ready_pages, act_protect, text_protect },
	{ "host-pageout", 3, draw_pages, ready_pages, act_pageout, text_pageout },
	{ "host-swap", 2, draw_pages, ready_swap, act_swap, text_swap },
	{ "host-merge", 4, draw_merge, ready_merge, act_merge, text_merge },
	{ "host-remap", 3, draw_pages, ready_remap, act_remap, text_remap },
	{ "host-replace", 3, draw_pages, ready_replace, act_replace, text_replace },
	{ "fork", 2, draw_nothing, ready_fork, act_fork, text_fork },
	{ "fork-end", 3, draw_nothing, ready_fork_end, act_fork_end, text_fork_end },
};

static bool there(const struct action *action)
{
	if (action->act == act_swap)
		return reclaim_can_swap();
	return action->act != act_merge || reclaim_can_merge();
}

const struct actions world_history_actions = { .action = table,
					       .count = ARRAY_SIZE(table),
					       .there = there };
