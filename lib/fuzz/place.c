// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory in which a request or its buffer lies, and the thread that takes it away: see
 * fuzz/fuzz.h.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/bytes.h"
#include "fuzz/fuzz.h"
#include "kvm_util.h"

#define GUARD 64UL
#define FILLED 0xa5

/* Not on a guest's pages: kvm_util loads all static data into it */
static const uint8_t *filled(void)
{
	static uint8_t *bytes;

	if (!bytes) {
		bytes = malloc(BYTES_PAGE);
		TEST_ASSERT(bytes, "no memory");
		for (size_t i = 0; i < BYTES_PAGE; i++)
			bytes[i] = FILLED;
	}
	return bytes;
}

static void fill(uint8_t *at, size_t size)
{
	for (; size > BYTES_PAGE; size -= BYTES_PAGE, at += BYTES_PAGE)
		bytes_copy(at, filled(), BYTES_PAGE);
	bytes_copy(at, filled(), size);
}

/* Twice: what can be accessed, a page that cannot; the second time it is read-only */
struct fuzz_memory fuzz_memory(size_t size)
{
	const size_t page = (size_t)getpagesize(), room = (size + 2 * GUARD + page - 1) & -page;
	const size_t half = room + page;
	struct fuzz_memory m = { .size = room, .fd = memfd_create("fuzz", MFD_CLOEXEC) };

	TEST_ASSERT(m.fd >= 0 && !ftruncate(m.fd, (off_t)(2 * half)), "memfd");
	m.user = mmap(NULL, 2 * half, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0);
	m.alias = mmap(NULL, 2 * half, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0);
	TEST_ASSERT(m.user != MAP_FAILED && m.alias != MAP_FAILED, "mmap");
	fill(m.alias, 2 * half);
	TEST_ASSERT(!mprotect(m.user + room, page, PROT_NONE) &&
			    !mprotect(m.user + half, room, PROT_READ) &&
			    !mprotect(m.user + half + room, page, PROT_NONE),
		    "mprotect");
	return m;
}

static size_t whole(const struct fuzz_memory *m)
{
	return 2 * (m->size + (size_t)getpagesize());
}

void fuzz_memory_free(struct fuzz_memory *m)
{
	munmap(m->user, whole(m));
	munmap(m->alias, whole(m));
	close(m->fd);
}

/* At offset @at; what of it lies behind @end cannot be accessed */
static struct fuzz_place place_at(const struct fuzz_memory *m, size_t at, size_t end, size_t size)
{
	size_t good = end - at < size ? end - at : size;

	return (struct fuzz_place){ .memory = m,
				    .user = m->user + at,
				    .alias = m->alias + at,
				    .size = size,
				    .readable = good,
				    .writable = good };
}

static struct fuzz_place nowhere(const struct fuzz_memory *m, struct draw *d, size_t size)
{
	static const uint64_t addresses[] = { 0, 8, -4096UL, -1UL, 1UL << 63 };

	return (struct fuzz_place){
		.memory = m,
		.user = (void *)(uintptr_t)addresses[draw_below(d, ARRAY_SIZE(addresses))],
		.size = size
	};
}

struct fuzz_place fuzz_place(const struct fuzz_memory *m, struct draw *d, size_t size,
			     unsigned int odd)
{
	/* What is longer has its end behind what can be accessed */
	const size_t fits = size < m->size - GUARD ? size : m->size - GUARD;
	const size_t again = m->size + (size_t)getpagesize();
	struct fuzz_place p;

	if (!draw_one_in(d, odd))
		return place_at(m, GUARD + draw_below(d, m->size - fits - GUARD + 1), m->size,
				size);
	switch (draw_below(d, 4)) {
	case 0:
		return place_at(m, m->size - fits, m->size, size);
	case 1:
		return place_at(m, m->size - draw_below(d, fits + 1), m->size, size);
	case 2:
		p = place_at(m, again + GUARD, again + m->size, size);
		p.writable = 0;
		return p;
	}
	return nowhere(m, d, size);
}

void fuzz_fill(const struct fuzz_place *p, const void *bytes)
{
	if (p->alias)
		bytes_copy(p->alias, bytes, p->readable);
}

long fuzz_changed(const struct fuzz_place *p, const void *bytes)
{
	const uint8_t *all = p->memory->alias, *end = all + whole(p->memory);
	long before = p->alias ? p->alias - all : 0, at;
	long changed = LONG_MIN;

	if (p->alias && bytes && (at = bytes_differ(p->alias, bytes, p->readable)) >= 0)
		changed = at;
	if (p->alias)
		fill(p->alias, p->readable);
	for (const uint8_t *page = all; page < end && changed == LONG_MIN; page += BYTES_PAGE) {
		at = bytes_differ(page, filled(), BYTES_PAGE);
		if (at >= 0)
			changed = page - all + at - before;
	}
	if (changed != LONG_MIN)
		fill(p->memory->alias, whole(p->memory));
	return changed;
}

/* ------------------------------------------------------------------ the other thread */

struct fuzz_thief {
	struct fuzz_memory memory;
	pthread_t thread;
	volatile bool over;
	unsigned long times;
};

/* As long as a request takes, or several */
static void linger(void)
{
	for (int i = 0; i < 8; i++)
		sched_yield();
}

static void take_and_give(struct fuzz_thief *t)
{
	const size_t page = (size_t)getpagesize();
	size_t part = t->times % 3 && t->memory.size > page ? t->memory.size / page / 2 * page
							    : t->memory.size;
	size_t from = t->memory.size - part;
	uint8_t *at = t->memory.user + from;

	if (t->times++ % 2) {
		TEST_ASSERT(!mprotect(at, part, PROT_NONE), "mprotect");
		linger();
		TEST_ASSERT(!mprotect(at, part, PROT_READ | PROT_WRITE), "mprotect");
	} else {
		/* Unmapped, but for that nobody else comes to the place; then the same bytes again
		 */
		TEST_ASSERT(mmap(at, part, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				 0) == at,
			    "mmap");
		linger();
		TEST_ASSERT(mmap(at, part, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				 t->memory.fd, (off_t)from) == at,
			    "mmap back");
	}
	sched_yield();
}

static void *steal(void *data)
{
	struct fuzz_thief *t = data;

	while (!t->over)
		take_and_give(t);
	return NULL;
}

struct fuzz_thief *fuzz_thief(const struct fuzz_memory *m)
{
	struct fuzz_thief *t = calloc(1, sizeof(*t));

	TEST_ASSERT(t, "no memory");
	t->memory = *m;
	TEST_ASSERT(!pthread_create(&t->thread, NULL, steal, t), "pthread_create");
	return t;
}

unsigned long fuzz_thief_end(struct fuzz_thief *t)
{
	unsigned long times;

	t->over = true;
	pthread_join(t->thread, NULL);
	times = t->times;
	free(t);
	return times;
}
