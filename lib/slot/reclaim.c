// SPDX-License-Identifier: GPL-2.0-only
/*
 * KSM and swap on request: see reclaim.h.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "case/pagemap.h"
#include "slot/reclaim.h"

#define KSM "/sys/kernel/mm/ksm/"

/* The number in a file of the kernel, -1 where there is none */
static long number_in(const char *path)
{
	FILE *file = fopen(path, "r");
	long number = -1;

	if (file && fscanf(file, "%ld", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number;
}

static bool put_number(const char *path, long number)
{
	FILE *file = fopen(path, "w");
	bool good = file && fprintf(file, "%ld\n", number) > 0;

	return file && !fclose(file) && good;
}

/* ------------------------------------------------------------------------ KSM */

/* Each page at once, also where one was at the same address before; "run" wakes ksmd, so it is last
 */
static const struct {
	const char *file;
	long now;
} ksm_settings[] = {
	{ KSM "smart_scan", 0 }, /* since Linux 6.7 */
	{ KSM "pages_to_scan", 1000 },
	{ KSM "sleep_millisecs", 0 },
	{ KSM "run", 1 },
};
#define KSM_SETTINGS (sizeof(ksm_settings) / sizeof(*ksm_settings))
static long ksm_before[KSM_SETTINGS];
static bool ksm_known;

static void ksm_restore(void)
{
	for (size_t i = 0; i < KSM_SETTINGS; i++)
		if (ksm_before[i] >= 0)
			put_number(ksm_settings[i].file, ksm_before[i]);
}

bool reclaim_can_merge(void)
{
	for (size_t i = 0; i < KSM_SETTINGS && !ksm_known; i++)
		ksm_before[i] = number_in(ksm_settings[i].file);
	if (!ksm_known)
		atexit(ksm_restore);
	ksm_known = true;
	return !access(KSM "run", W_OK);
}

static bool ksm_run(void)
{
	bool running = reclaim_can_merge();

	for (size_t i = 0; i < KSM_SETTINGS; i++)
		if (ksm_before[i] >= 0 || i)
			running &= put_number(ksm_settings[i].file, ksm_settings[i].now);
	return running;
}

const char *reclaim_merge(uint8_t *a, uint8_t *b, size_t size)
{
	const char *missing = "KSM, and root to start it";

	/* Each page is looked at twice before it is merged; ksmd is woken by a write of "run" */
	if (madvise(a, size, MADV_MERGEABLE) || madvise(b, size, MADV_MERGEABLE) || !ksm_run())
		return missing;
	for (int ms = 0; ms < 1000; ms += 5) {
		if (pageflag_is(a, PAGEFLAG_KSM))
			return NULL;
		usleep(5000);
	}
	return "KSM that merges these pages";
}

void reclaim_unmerge(void)
{
	if (ksm_known)
		ksm_restore();
}

/* ----------------------------------------------------------------------- swap */

#define ZRAM "/dev/zram0"
#define ZRAM_SIZE (32L << 20)

static bool has_swap(void)
{
	FILE *file = fopen("/proc/swaps", "r");
	char line[256];
	int lines = 0;

	while (file && fgets(line, sizeof(line), file))
		lines++;
	if (file)
		fclose(file);
	return lines > 1;
}

static void swap_off(void)
{
	swapoff(ZRAM);
	put_number("/sys/block/zram0/reset", 1);
}

/* What mkswap(8) writes: version, last page, and the magic at the end of the first page */
static bool make_swap(void)
{
	size_t size = (size_t)getpagesize();
	uint8_t *page = calloc(1, size);
	uint32_t info[2] = { 1, (uint32_t)((size_t)ZRAM_SIZE / size - 1) };
	int fd = open(ZRAM, O_WRONLY | O_CLOEXEC);
	bool good;

	if (page) {
		memcpy(page + 1024, info, sizeof(info));
		memcpy(page + size - 10, "SWAPSPACE2", 10);
	}
	good = page && write(fd, page, size) == (ssize_t)size;
	free(page);
	return !close(fd) && good;
}

bool reclaim_can_swap(void)
{
	if (has_swap())
		return true;
	if (number_in("/sys/block/zram0/disksize") != 0 ||
	    !put_number("/sys/block/zram0/disksize", ZRAM_SIZE) || !make_swap())
		return false;
	atexit(swap_off);
	return !swapon(ZRAM, 0);
}

const char *reclaim_swap(uint8_t *at, size_t size)
{
	if (!reclaim_can_swap())
		return "swap, or /dev/zram0 and root";
	/* Pages that wait to be put on a list of the kernel's are not taken at once */
	for (int n = 0; n < 100; n++) {
		if (madvise(at, size, MADV_PAGEOUT) || pagemap_is(at, PAGEMAP_SWAPPED))
			break;
		usleep(1000);
	}
	return pagemap_is(at, PAGEMAP_SWAPPED) ? NULL
					       : "a kernel that swaps the page out (MADV_PAGEOUT)";
}

size_t reclaim_huge_size(void)
{
	long size = number_in("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");

	return size > 0 ? (size_t)size : 0;
}
