// SPDX-License-Identifier: GPL-2.0-only
/*
 * Histories of pages: see history.h. KSM and swap are in lib/slot/reclaim.c.
 *
 * Over 300 lines: one table of histories and the step of each.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case/bytes.h"
#include "kvm_util.h"
#include "slot/ageing.h"
#include "slot/history.h"
#include "slot/reclaim.h"

#define RW (PROT_READ | PROT_WRITE)

/* Kernel headers of the C library may be older */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

size_t history_page_size(void)
{
	return (size_t)getpagesize();
}

/* Anonymous memory for @p; @at: here, or NULL: somewhere */
static uint8_t *map_anonymous(const struct history_page *p, uint8_t *at)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (p->hugetlb ? MAP_HUGETLB : MAP_NORESERVE);
	uint8_t *memory = mmap(at, p->length, RW, flags | (at ? MAP_FIXED : 0), -1, 0);

	TEST_ASSERT(memory != MAP_FAILED, "mmap, errno %d", errno);
	return memory;
}

/* ------------------------------------------------------------ what backs it */

static void back_by_file(struct history_page *p, int flags)
{
	p->fd = memfd_create("history", MFD_CLOEXEC | (p->hugetlb ? MFD_HUGETLB : 0));
	TEST_ASSERT(p->fd >= 0 && !ftruncate(p->fd, (off_t)p->length), "memfd, errno %d", errno);
	TEST_ASSERT(mmap(p->at, p->length, RW, flags | MAP_FIXED, p->fd, 0) == p->at,
		    "mmap of a file, errno %d", errno);
}

static void shared_file(struct history_page *p)
{
	back_by_file(p, MAP_SHARED);
}

static void private_file(struct history_page *p)
{
	back_by_file(p, MAP_PRIVATE);
	/* What was never written comes from the file */
	memset(p->bytes, 0x3c, p->length);
	TEST_ASSERT(pwrite(p->fd, p->bytes, p->length, 0) == (ssize_t)p->length, "pwrite");
}

/* -------------------------------------------------------------- what happens */

static void advise(uint8_t *at, size_t size, int advice)
{
	TEST_ASSERT(!madvise(at, size, advice), "madvise %d, errno %d", advice, errno);
}

static void protect(struct history_page *p, int protection)
{
	TEST_ASSERT(!mprotect(p->at, p->length, protection), "mprotect, errno %d", errno);
	p->readable = protection & PROT_READ;
	p->writable = protection & PROT_WRITE;
}

static const char *nothing(struct history_page *p)
{
	(void)p;
	return NULL;
}

static const char *host_reads(struct history_page *p)
{
	(void)*(volatile uint8_t *)p->at;
	return NULL;
}

static const char *guest_reads(struct history_page *p)
{
	p->guest(p, false);
	return NULL;
}

static const char *host_writes(struct history_page *p)
{
	history_fill(p, 0x77);
	return NULL;
}

static const char *guest_writes(struct history_page *p)
{
	p->bytes[0] ^= 0xff;
	p->guest(p, true);
	return NULL;
}

static const char *discarded(struct history_page *p)
{
	advise(p->at, p->length, MADV_DONTNEED);
	memset(p->bytes, 0, p->length);
	return NULL;
}

static const char *freed(struct history_page *p)
{
	advise(p->at, p->length, MADV_FREE);
	p->or_zero = true;
	return NULL;
}

static const char *read_only_and_back(struct history_page *p)
{
	protect(p, PROT_READ);
	protect(p, RW);
	return NULL;
}

static const char *read_only(struct history_page *p)
{
	protect(p, PROT_READ);
	return NULL;
}

static const char *no_access_and_back(struct history_page *p)
{
	protect(p, PROT_NONE);
	protect(p, RW);
	return NULL;
}

static const char *no_access(struct history_page *p)
{
	protect(p, PROT_NONE);
	return NULL;
}

static const char *forked(struct history_page *p)
{
	pid_t parent = getpid();

	p->child = fork();
	TEST_ASSERT(p->child >= 0, "fork, errno %d", errno);
	if (!p->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	return NULL;
}

static const char *forked_written(struct history_page *p)
{
	forked(p);
	return host_writes(p);
}

static const char *merged(struct history_page *p)
{
	bytes_copy(p->other, p->bytes, p->length);
	return reclaim_merge(p->at, p->other, p->length);
}

static void move(const struct history_page *p, uint8_t *from, uint8_t *to)
{
	TEST_ASSERT(mremap(from, p->length, p->length, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
		    "mremap, errno %d", errno);
}

static const char *moved_away_and_back(struct history_page *p)
{
	move(p, p->at, p->other);
	move(p, p->other, p->at);
	map_anonymous(p, p->other);
	return NULL;
}

/* Another page, with bytes of its own, comes from elsewhere */
static const char *moved_here(struct history_page *p)
{
	for (size_t i = 0; i < p->length; i++)
		p->other[i] = p->bytes[i] ^= 0x5a;
	move(p, p->other, p->at);
	map_anonymous(p, p->other);
	return NULL;
}

static const char *replaced(struct history_page *p)
{
	map_anonymous(p, p->at);
	memset(p->bytes, 0, p->length);
	return NULL;
}

static const char *punched(struct history_page *p)
{
	TEST_ASSERT(
		!fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)p->length),
		"fallocate, errno %d", errno);
	memset(p->bytes, 0, p->length);
	return NULL;
}

static const char *beyond_end(struct history_page *p)
{
	TEST_ASSERT(!ftruncate(p->fd, 0), "ftruncate, errno %d", errno);
	memset(p->bytes, 0, p->length);
	p->readable = p->writable = false;
	return NULL;
}

static const char *truncated_and_grown(struct history_page *p)
{
	beyond_end(p);
	TEST_ASSERT(!ftruncate(p->fd, (off_t)p->length), "ftruncate, errno %d", errno);
	p->readable = p->writable = true;
	return NULL;
}

static const char *swapped(struct history_page *p)
{
	return reclaim_swap(p->at, p->length);
}

/* Where the huge page is that the page would be a part of; NULL if it is beyond the mapping */
static uint8_t *huge_around(const struct history_page *p)
{
	size_t size = reclaim_huge_size();
	uint8_t *at = (uint8_t *)((uintptr_t)p->at & -size);

	return size && at >= p->memory && at + size <= p->memory + p->size ? at : NULL;
}

static const char *huge(struct history_page *p)
{
	uint8_t *at = huge_around(p);

	if (!at || madvise(at, reclaim_huge_size(), MADV_COLLAPSE))
		return "transparent huge pages (MADV_COLLAPSE) for memory of a VM";
	return NULL;
}

/* A protection of another of its pages splits it; what it has now is not the page's own doing */
static const char *split(struct history_page *p)
{
	const char *missing = huge(p);
	uint8_t *last = huge_around(p) + reclaim_huge_size() - p->length;

	if (missing)
		return missing;
	TEST_ASSERT(!mprotect(last, p->length, PROT_READ) && !mprotect(last, p->length, RW),
		    "mprotect, errno %d", errno);
	return NULL;
}

static const char *aged(struct history_page *p)
{
	return ageing_look(p->at, p->length);
}

/* ------------------------------------------------------------------ all of it */

#define NAME(name, text) [HISTORY_##name] = text,
static const char *const names[HISTORIES] = { HISTORY_EACH(NAME) };

static const struct {
	bool filled;
	void (*back)(struct history_page *p);
	const char *(*happen)(struct history_page *p);
} histories[HISTORIES] = {
	[HISTORY_UNTOUCHED] = { false, NULL, nothing },
	[HISTORY_HOST_READ] = { false, NULL, host_reads },
	[HISTORY_GUEST_READ] = { false, NULL, guest_reads },
	[HISTORY_HOST_WRITTEN] = { false, NULL, host_writes },
	[HISTORY_GUEST_WRITTEN] = { false, NULL, guest_writes },
	[HISTORY_DISCARDED] = { true, NULL, discarded },
	[HISTORY_FREED] = { true, NULL, freed },
	[HISTORY_READ_ONLY_AND_BACK] = { true, NULL, read_only_and_back },
	[HISTORY_READ_ONLY] = { true, NULL, read_only },
	[HISTORY_NO_ACCESS_AND_BACK] = { true, NULL, no_access_and_back },
	[HISTORY_NO_ACCESS] = { true, NULL, no_access },
	[HISTORY_FORKED] = { true, NULL, forked },
	[HISTORY_FORKED_WRITTEN] = { true, NULL, forked_written },
	[HISTORY_MERGED] = { true, NULL, merged },
	[HISTORY_MOVED_AWAY_AND_BACK] = { true, NULL, moved_away_and_back },
	[HISTORY_MOVED_HERE] = { true, NULL, moved_here },
	[HISTORY_REPLACED] = { true, NULL, replaced },
	[HISTORY_FILE] = { true, shared_file, nothing },
	[HISTORY_PRIVATE_FILE] = { false, private_file, nothing },
	[HISTORY_PUNCHED] = { true, shared_file, punched },
	[HISTORY_TRUNCATED_AND_GROWN] = { true, shared_file, truncated_and_grown },
	[HISTORY_BEYOND_END] = { true, shared_file, beyond_end },
	[HISTORY_SWAPPED] = { true, NULL, swapped },
	[HISTORY_HUGE] = { true, NULL, huge },
	[HISTORY_SPLIT] = { true, NULL, split },
	[HISTORY_AGED] = { true, NULL, aged },
};

const char *history_name(enum history h)
{
	return names[h];
}

bool history_is_filled(enum history h)
{
	return histories[h].filled;
}

bool history_leaves_none(enum history h)
{
	return h == HISTORY_UNTOUCHED || h == HISTORY_DISCARDED || h == HISTORY_REPLACED;
}

void history_begin(enum history h, struct history_page *p)
{
	if (!p->length)
		p->length = history_page_size();
	p->bytes = calloc(1, p->length);
	p->other = map_anonymous(p, NULL);
	TEST_ASSERT(p->bytes, "no memory");
	p->or_zero = false;
	p->readable = p->writable = true;
	p->child = 0;
	p->fd = -1;
	if (histories[h].back)
		histories[h].back(p);
}

void history_fill(struct history_page *p, uint64_t salt)
{
	size_t page = history_page_size();

	for (size_t i = 0; i < page; i++)
		p->bytes[i] = (uint8_t)(i * 7 + (i >> 8) + (salt + 1) * 0x95 + (salt >> 8));
	for (size_t at = page; at < p->length; at += page)
		bytes_copy(p->bytes + at, p->bytes, page);
	bytes_copy(p->at, p->bytes, p->length);
}

const char *history_happen(enum history h, struct history_page *p)
{
	return histories[h].happen(p);
}

long history_differs(const struct history_page *p)
{
	long d = bytes_differ(p->at, p->bytes, p->length);

	if (d >= 0 && p->or_zero) {
		for (size_t i = 0; i < p->length; i++)
			if (p->at[i])
				return d;
		d = -1;
	}
	return d;
}

/* By /proc, which every kernel has that the suite runs on; process_vm_readv() not each */
bool history_child_differs(const struct history_page *p, const uint8_t *then)
{
	uint8_t *copy = malloc(p->length);
	char path[40];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)p->child);
	fd = open(path, O_RDONLY);
	TEST_ASSERT(copy && fd >= 0, "%s, errno %d", path, errno);
	got = pread(fd, copy, p->length, (off_t)(uintptr_t)p->at);
	TEST_ASSERT(got == (ssize_t)p->length, "read the child's memory, errno %d", errno);
	got = memcmp(copy, then, p->length);
	close(fd);
	free(copy);
	return got;
}

void history_allow(struct history_page *p)
{
	if (p->fd >= 0)
		TEST_ASSERT(!ftruncate(p->fd, (off_t)p->length), "ftruncate, errno %d", errno);
	if (!p->readable || !p->writable)
		protect(p, RW);
}

void history_end(enum history h, struct history_page *p)
{
	if (h == HISTORY_MERGED)
		reclaim_unmerge();
	if (p->child) {
		kill(p->child, SIGKILL);
		waitpid(p->child, NULL, 0);
	}
	if (p->fd >= 0)
		close(p->fd);
	map_anonymous(p, p->at);
	munmap(p->other, p->length);
	free(p->bytes);
}
