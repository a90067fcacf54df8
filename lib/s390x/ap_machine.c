// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated machine's cards, and its trace: see s390x/ap.h, and docs/targets.md, "AP".
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "s390x/ap.h"
#include "test_util.h"

#define DISK "/dev/disk/by-path/ccw-0.0.0ac0"
#define TRACE_AT 65536
#define BLOCK 4096UL
#define DESCRIPTION (2 * BLOCK)

static off_t read_up_to = TRACE_AT; /* what was in the trace before is known */

bool ap_machine_there(void)
{
	return !access(DISK, W_OK);
}

static char *block(size_t size)
{
	char *b = aligned_alloc(BLOCK, size);

	TEST_ASSERT(b, "no memory");
	memset(b, 0, size);
	return b;
}

static void __attribute__((format(printf, 3, 4)))
add(char *text, size_t *used, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*used += (size_t)vsnprintf(text + *used, DESCRIPTION - *used, format, args);
	va_end(args);
	TEST_ASSERT(*used < DESCRIPTION, "the description is too long");
}

/* A list of numbers, or nothing at all */
static void add_list(char *text, size_t *used, const char *word, const struct ap_mask *mask)
{
	const char *before = " ";

	if (ap_is_empty(mask) && !strcmp(word, "domains"))
		return;
	add(text, used, "%s", word);
	AP_EACH(n, mask)
	{
		add(text, used, "%s%u", before, n);
		before = ",";
	}
	add(text, used, "\n");
}

static void describe(char *text, const struct ap_host *host, const char *more)
{
	size_t used = 0;

	add(text, &used, "max %u %u\n", host->max_adapter, host->max_domain);
	AP_EACH(a, &host->config.adapters)
	{
		add(text, &used, "card %u %s ep11%s\n", a,
		    ap_has(&host->old, a) ? "cex3"
		    : a % 2		  ? "cex7"
					  : "cex8",
		    host->state[a] == AP_DECONFIGURED	? " off"
		    : host->state[a] == AP_CHECKSTOPPED ? " chkstop"
							: "");
	}
	add_list(text, &used, "domains", &host->config.domains);
	if (!ap_is_empty(&host->config.controls))
		add_list(text, &used, "cdomains", &host->config.controls);
	add(text, &used, "%strace\nend\n", more ? more : "");
}

void ap_machine_describe(const struct ap_host *host, const char *more)
{
	char *text = block(DESCRIPTION);
	int fd = open(DISK, O_WRONLY | O_DIRECT | O_CLOEXEC);

	describe(text, host, more);
	TEST_ASSERT(fd >= 0 && pwrite(fd, text, DESCRIPTION, 0) == DESCRIPTION, "%s, errno %d",
		    DISK, errno);
	close(fd);
	free(text);
	TEST_ASSERT(!ap_write(AP_BUS "scans", "1"), AP_BUS "scans, errno %d", errno);
}

/* One line of the trace */
static void count(struct ap_trace *t, const char *line)
{
	unsigned int adapter, domain, rc;

	TEST_ASSERT(strncmp(line, "error:", 6), "the machine: %s", line);
	if (sscanf(line, "ZAPQ %x.%x rc %x", &adapter, &domain, &rc) == 3) {
		t->zeroized[ap_queue(adapter & 255, domain & 255)]++;
		t->failed[ap_queue(adapter & 255, domain & 255)] = rc;
	} else if (sscanf(line, "RAPQ %x.%x", &adapter, &domain) == 2) {
		t->reset[ap_queue(adapter & 255, domain & 255)]++;
	}
}

/* Whole lines from where the last call ended */
void ap_trace(struct ap_trace *t)
{
	char *text = block(BLOCK + 1 + BLOCK), *line, *end;
	int fd = open(DISK, O_RDONLY | O_DIRECT | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "%s, errno %d", DISK, errno);
	for (;;) {
		off_t from = read_up_to / (off_t)BLOCK * (off_t)BLOCK;
		ssize_t got = pread(fd, text, 2 * BLOCK, from);
		off_t start = read_up_to;

		if (got <= 0)
			break;
		text[got - 1] = (size_t)got < 2 * BLOCK ? 0 : text[got - 1];
		for (line = text + (read_up_to - from);
		     line < text + got && *line &&
		     (end = memchr(line, '\n', (size_t)(text + got - line)));
		     line = end + 1) {
			*end = 0;
			count(t, line);
			read_up_to += end + 1 - line;
		}
		if (read_up_to == start)
			break;
	}
	close(fd);
	free(text);
}
