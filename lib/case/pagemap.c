// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel tells of a page: see pagemap.h.
 */
#include <fcntl.h>
#include <unistd.h>

#include "case/pagemap.h"

#define FRAME ((1ULL << 55) - 1) /* of an entry of /proc/self/pagemap */

static uint64_t word_of(const char *path, uint64_t number)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t word = 0;

	if (pread(fd, &word, sizeof(word), (off_t)(number * sizeof(word))) != sizeof(word))
		word = 0;
	close(fd);
	return word;
}

static uint64_t entry_of(const volatile void *at)
{
	return word_of("/proc/self/pagemap", (uintptr_t)at / (size_t)getpagesize());
}

bool pagemap_is(const volatile void *at, unsigned int bit)
{
	return entry_of(at) >> bit & 1;
}

bool pageflag_is(const volatile void *at, unsigned int bit)
{
	uint64_t entry = entry_of(at);

	return entry && word_of("/proc/kpageflags", entry & FRAME) >> bit & 1;
}
