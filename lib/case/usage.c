// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel holds: see usage.h.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "case/usage.h"

#define ROUNDS 5

/*
 * Of /proc/meminfo, in KiB; then two numbers of files, of this process and of the system.
 * 10,000 of the smallest objects are 78 KiB of slabs, give or take what else goes on.
 */
static const struct {
	const char *name;
	long tolerated;
	bool falls; /* the less it is, the more is in use */
} kinds[] = {
	{ "SUnreclaim", 40, false },  { "VmallocUsed", 64, false },
	{ "Percpu", 64, false },      { "PageTables", 64, false },
	{ "KernelStack", 64, false }, { "MemAvailable", 8192, true },
	{ "open files", 0, false },   { "files of the system", 100, false },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))
#define FILES (KINDS - 2)

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

static long files_of_system(void)
{
	FILE *file = fopen("/proc/sys/fs/file-nr", "r");
	long n = 0;

	if (file && fscanf(file, "%ld", &n) != 1)
		n = 0;
	if (file)
		fclose(file);
	return n;
}

long usage_of(const char *kind)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[120], name[64];
	long value, found = -1;

	while (file && found < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63[^:]: %ld", name, &value) == 2 && !strcmp(name, kind))
			found = value;
	if (file)
		fclose(file);
	return found;
}

/* What is not told is the same each time */
static void look(long *now)
{
	for (size_t i = 0; i < FILES; i++)
		now[i] = usage_of(kinds[i].name);
	now[FILES] = files_open();
	now[FILES + 1] = files_of_system();
}

bool usage_grows(void (*round)(void), char *what)
{
	bool grew[KINDS], any = true;
	long before[KINDS], after[KINDS];

	memset(grew, true, sizeof(grew));
	for (int n = 0; n < ROUNDS && any; n++) {
		any = false;
		look(before);
		round();
		look(after);
		for (size_t i = 0; i < KINDS; i++) {
			long more = kinds[i].falls ? before[i] - after[i] : after[i] - before[i];

			grew[i] &= more > kinds[i].tolerated;
			any |= grew[i];
			if (grew[i])
				snprintf(what, USAGE_TEXT, "%s, by %ld in the last of %d rounds",
					 kinds[i].name, more, n + 1);
		}
	}
	return any;
}
