// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel holds: see usage.h.
 *
 * Slabs: /proc/slabinfo counts the free objects in slabs that are a CPU's as used. Caches
 * for small objects are shrunk first (/sys/kernel/slab), which gives these slabs back.
 * Pages: the counters of /proc/vmstat are exact once /proc/sys/vm/stat_refresh was read, and
 * with them the number of pages that none of them tells of.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case/usage.h"

#define ROUNDS 5
#define CACHES 400
#define NAME 40
#define EXACT 96    /* requests, where caches can be told and shrunk */
#define ROUGH 10000 /* where they cannot: 10,000 of the smallest objects are 78 KiB */

/*
 * Caches of which a CPU may have more free objects than a round takes. The last one is that
 * of which each write to these files takes an object.
 */
static const char *const shrunk[] = {
	"mm_struct",	  "kmalloc-cg-1k", "kmalloc-cg-512", "kmalloc-cg-256", "kmalloc-cg-192",
	"kmalloc-cg-128", "kmalloc-cg-96", "kmalloc-cg-64",  "kmalloc-cg-32",  "kmalloc-cg-16",
	"kmalloc-cg-8",	  "kmalloc-1k",	   "kmalloc-512",    "kmalloc-256",    "kmalloc-192",
	"kmalloc-128",	  "kmalloc-96",	   "kmalloc-64",     "kmalloc-32",     "kmalloc-16",
	"kmalloc-8",
};
#define SHRUNK (sizeof(shrunk) / sizeof(*shrunk))

enum source { MEMINFO, VMSTAT, ZONES };

/* What is counted in pages, or KiB; the pages that are in use for something known */
static const struct counter {
	const char *name;
	enum source source;
	bool watched; /* by itself */
	bool kib;
} counters[] = {
	{ "VmallocUsed", MEMINFO, true, true },
	{ "Percpu", MEMINFO, true, true },
	{ "nr_page_table_pages", VMSTAT, true, false },
	{ "nr_kernel_stack", VMSTAT, true, true },
	{ "nr_slab_unreclaimable", VMSTAT, false, false },
	{ "nr_slab_reclaimable", VMSTAT, false, false },
	{ "nr_anon_pages", VMSTAT, false, false },
	{ "nr_file_pages", VMSTAT, false, false },
	{ "nr_free_pages", VMSTAT, false, false },
	{ "count", ZONES, false, false }, /* free, in a CPU's hands */
};
#define COUNTERS (sizeof(counters) / sizeof(*counters))

static const char *const files[] = {
	[MEMINFO] = "/proc/meminfo",
	[VMSTAT] = "/proc/vmstat",
	[ZONES] = "/proc/zoneinfo",
};

struct look {
	long counted[COUNTERS], unknown; /* pages */
	long open_files;
	size_t caches;
	struct cache {
		char name[NAME];
		long active;
	} cache[CACHES];
};

/*
 * Files stay open: to open one takes small objects, and so a CPU takes a slab, of which all
 * that is free counts as used.
 */
static int open_file(const char *path, int flags)
{
	static struct {
		char path[80];
		int fd;
	} known[SHRUNK + 8];
	static size_t count;
	size_t i = 0;

	while (i < count && strcmp(known[i].path, path))
		i++;
	if (i == count) {
		snprintf(known[i].path, sizeof(known[i].path), "%s", path);
		known[i].fd = open(path, flags | O_CLOEXEC);
		count++;
	}
	return known[i].fd;
}

/* The whole of a file of /proc, which ends with a NUL; NULL if it cannot be read */
static const char *text_of(const char *path)
{
	static char text[1 << 16];
	int fd = open_file(path, O_RDONLY);
	size_t used = 0;
	ssize_t n = fd < 0 ? -1 : 0;

	while (fd >= 0 && (n = pread(fd, text + used, sizeof(text) - 1 - used, (off_t)used)) > 0)
		used += (size_t)n;
	text[used] = 0;
	return n < 0 ? NULL : text;
}

static const char *next_line(const char *at)
{
	at = strchr(at, '\n');
	return at ? at + 1 : NULL;
}

/* The sum of all lines that begin with @name; -1 if there is none */
static long number_of(const char *text, const char *name)
{
	size_t length = strlen(name);
	long sum = -1;

	for (const char *at = text; at; at = next_line(at)) {
		at += strspn(at, " ");
		if (strncmp(at, name, length) || !strchr(": ", at[length]))
			continue;
		sum = (sum < 0 ? 0 : sum) +
		      strtol(at + length + strspn(at + length, ": "), NULL, 10);
	}
	return sum;
}

long usage_vms(void)
{
	DIR *dir = opendir("/sys/kernel/debug/kvm");
	const struct dirent *entry;
	char mine[24];
	long n = 0;

	if (!dir)
		return -1;
	snprintf(mine, sizeof(mine), "%d-", (int)getpid());
	while ((entry = readdir(dir)))
		n += !strncmp(entry->d_name, mine, strlen(mine));
	closedir(dir);
	return n;
}

static long files_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static bool shrink(void)
{
	char path[80];
	size_t done = 0;

	for (size_t i = 0; i < SHRUNK; i++) {
		int fd;

		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", shrunk[i]);
		fd = open_file(path, O_WRONLY);
		done += fd >= 0 && pwrite(fd, "1", 1, 0) == 1;
	}
	return done;
}

static void look_at_caches(struct look *now)
{
	const char *at = text_of("/proc/slabinfo");

	now->caches = 0;
	/* Two lines of headings */
	for (at = at ? next_line(at) : NULL; at && now->caches < CACHES;) {
		struct cache *c = &now->cache[now->caches];
		size_t length;

		at = next_line(at);
		length = at ? strcspn(at, " ") : 0;
		/* Areas of vmalloc are put back late, and many at once: their pages tell */
		if (!length || length >= NAME || !strncmp(at, "vmap_area ", length + 1))
			continue;
		memcpy(c->name, at, length);
		c->name[length] = 0;
		c->active = strtol(at + length, NULL, 10);
		now->caches++;
	}
}

/* What is not told is the same each time */
static void look(struct look *now)
{
	const long page = getpagesize() / 1024;

	shrink();
	look_at_caches(now);
	text_of("/proc/sys/vm/stat_refresh");
	now->unknown = 0;
	for (enum source s = MEMINFO; s <= ZONES; s++) {
		const char *text = text_of(files[s]);

		for (size_t i = 0; i < COUNTERS; i++) {
			if (counters[i].source != s)
				continue;
			now->counted[i] = text ? number_of(text, counters[i].name) : 0;
			if (counters[i].kib)
				now->counted[i] /= page;
			now->unknown -= now->counted[i];
		}
	}
	now->open_files = files_open();
}

long usage_objects(const char *cache)
{
	static struct look now;
	size_t i = 0;

	shrink();
	look_at_caches(&now);
	while (i < now.caches && strcmp(now.cache[i].name, cache))
		i++;
	return i < now.caches ? now.cache[i].active : -1;
}

unsigned long usage_enough(void)
{
	static struct look now;

	look_at_caches(&now);
	return now.caches && shrink() ? EXACT : ROUGH;
}

/* Kinds are numbered: unknown pages, open files, the counters, then the caches */
static bool has_grown(const struct look *before, const struct look *after, size_t kind, long limit,
		      char *what)
{
	const char *name = kind ? "open files" : "pages in use of which no counter tells";
	long more =
		kind ? after->open_files - before->open_files : after->unknown - before->unknown;

	if (kind >= 2 + COUNTERS) {
		const struct cache *c = &after->cache[kind - 2 - COUNTERS];

		name = c->name;
		more = c->active - before->cache[kind - 2 - COUNTERS].active;
	} else if (kind >= 2) {
		if (!counters[kind - 2].watched)
			return false;
		name = counters[kind - 2].name;
		more = after->counted[kind - 2] - before->counted[kind - 2];
	}
	if (more <= (kind == 1 ? 0 : limit))
		return false;
	snprintf(what, USAGE_TEXT, "%s%s, by %ld in each of %d rounds", name,
		 kind >= 2 + COUNTERS ? " in /proc/slabinfo" : "", more, ROUNDS);
	return true;
}

bool usage_grows(void (*round)(void), unsigned long times, char *what)
{
	static struct look looks[2];
	static bool grew[2 + COUNTERS + CACHES];
	bool any = true;

	memset(grew, true, sizeof(grew));
	look(&looks[0]);
	for (int n = 0; n < ROUNDS && any; n++) {
		struct look *before = &looks[n % 2], *after = &looks[(n + 1) % 2];
		size_t kinds;

		round();
		look(after);
		kinds = 2 + COUNTERS + (after->caches == before->caches ? after->caches : 0);
		any = false;
		for (size_t i = 0; i < kinds; i++) {
			grew[i] &= has_grown(before, after, i, (long)times / 2, what);
			any |= grew[i];
		}
	}
	return any;
}
