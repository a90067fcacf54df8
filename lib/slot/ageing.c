// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking whether memory is in use: see ageing.h.
 *
 * DAMON (Documentation/admin-guide/mm/damon) does it on request: it makes a page old as what
 * reclaims memory does, by the MMU notifier clear_young of each VM that has it, and says
 * so in the page's flags.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/pagemap.h"
#include "slot/ageing.h"

/* Headers of the C library may be older */
#ifndef MADV_COLD
#define MADV_COLD 20
#endif

#define STATISTICS "/sys/module/damon_stat/parameters/enabled"
#define DAMON "/sys/kernel/mm/damon/admin/kdamonds/"
#define CONTEXT DAMON "0/contexts/0/"
#define TARGET CONTEXT "targets/0/"

static bool put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	bool good = file && fprintf(file, "%s\n", text) > 0;

	return file && !fclose(file) && good;
}

static bool put_number(const char *path, unsigned long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", number);
	return put(path, text);
}

static void statistics_again(void)
{
	put(STATISTICS, "Y");
}

void ageing_rest(void)
{
	static bool known;
	FILE *file = known ? NULL : fopen(STATISTICS, "r");
	bool running = file && fgetc(file) == 'Y';

	if (file)
		fclose(file);
	known = true;
	if (running && put(STATISTICS, "N"))
		atexit(statistics_again);
}

static bool start(const uint8_t *at, size_t size)
{
	unsigned long begin = (unsigned long)(uintptr_t)at;

	return put_number(DAMON "nr_kdamonds", 1) &&
	       put_number(DAMON "0/contexts/nr_contexts", 1) &&
	       put(CONTEXT "operations", "fvaddr") && put_number(CONTEXT "targets/nr_targets", 1) &&
	       put_number(TARGET "pid_target", (unsigned long)getpid()) &&
	       put_number(TARGET "regions/nr_regions", 1) &&
	       put_number(TARGET "regions/0/start", begin) &&
	       put_number(TARGET "regions/0/end", begin + size) && put(DAMON "0/state", "on");
}

static void stop(void)
{
	put(DAMON "0/state", "off");
	put_number(DAMON "nr_kdamonds", 0);
}

const char *ageing_look(uint8_t *at, size_t size)
{
	bool old = false;

	ageing_rest();
	/* A page that waits to be put on a list of the kernel's is passed over; this has it put
	 * there */
	madvise(at, size, MADV_COLD);
	if (!start(at, size)) {
		stop();
		return "DAMON, and root to start it";
	}
	for (int ms = 0; ms < 1000 && !old; ms++) {
		old = pageflag_is(at, PAGEFLAG_IDLE);
		usleep(1000);
	}
	stop();
	return old ? NULL : "DAMON that tells what it looked at (/proc/kpageflags)";
}
