// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory to back slots with: see backing.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "compat.h"
#include "kvm_util.h"
#include "slot/backing.h"

uint8_t *region_memory(size_t size)
{
	uint64_t unit = compat_slot_unit();
	uint8_t *all = mmap(NULL, size + unit, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *memory = (uint8_t *)(((uintptr_t)all + unit - 1) & -unit);

	TEST_ASSERT(all != MAP_FAILED, "mmap of %zu bytes", size);
	if (memory > all)
		munmap(all, (size_t)(memory - all));
	munmap(memory + size, (size_t)(all + size + unit - (memory + size)));
	return memory;
}

void region_free_memory(uint8_t *memory, size_t size)
{
	TEST_ASSERT(!munmap(memory, size), "munmap of %zu bytes", size);
}

#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"

static long huge_pages_before;

static void give_huge_pages_back(void)
{
	FILE *file = fopen(HUGE_PAGES, "w");

	if (file) {
		fprintf(file, "%ld\n", huge_pages_before);
		fclose(file);
	}
}

/* More huge pages, enough where they have 1 MiB, until this process ends; which takes root */
static void reserve_huge_pages(size_t size)
{
	FILE *file = fopen(HUGE_PAGES, "r+");

	if (file && fscanf(file, "%ld", &huge_pages_before) == 1) {
		atexit(give_huge_pages_back);
		rewind(file);
		fprintf(file, "%ld\n", huge_pages_before + 2 + (long)(size >> 20));
	}
	if (file)
		fclose(file);
}

static uint8_t *map_huge(size_t size)
{
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

uint8_t *region_huge_memory(size_t size)
{
	/* Once: what is given back is how many there were before */
	static bool reserved;
	uint8_t *memory = map_huge(size);

	if (memory)
		return memory;
	if (!reserved)
		reserve_huge_pages(size);
	reserved = true;
	return map_huge(size);
}
