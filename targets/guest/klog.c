// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's log, record by record from /dev/kmsg: unlike syslog(2) it keeps a
 * position for each reader, and says when the ring has overtaken it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "klog.h"

#define RECORD 8192
#define MOST (16 << 20) /* /out is memory of the machine */

static int kmsg = -1;
static FILE *kept;
static long bytes;

static void lost(const char *reason)
{
	FILE *f = fopen("/out/log_lost", "w");

	if (f) {
		fprintf(f, "%s\n", reason);
		fclose(f);
	}
}

/* "level,number,microseconds,flags;text\n key=value..." as "[seconds] text" */
static void format(char *record, char *line, size_t size)
{
	unsigned long long us = 0;
	char *text = strchr(record, ';');
	size_t n;

	if (!text)
		text = record;
	else
		*text++ = 0;
	sscanf(record, "%*u,%*u,%llu", &us);
	text[strcspn(text, "\n")] = 0;
	n = (size_t)snprintf(line, size, "[%5llu.%06llu] ", us / 1000000, us % 1000000);
	while (*text && n + 1 < size) {
		unsigned int byte;

		if (text[0] == '\\' && text[1] == 'x' && sscanf(text + 2, "%2x", &byte) == 1) {
			line[n++] = (char)byte;
			text += 4;
		} else {
			line[n++] = *text++;
		}
	}
	line[n] = 0;
}

/* The next record of @fd as a line; 0 at the end, -1 where some were lost */
static int next(int fd, char *line, size_t size)
{
	char record[RECORD + 1];
	ssize_t n;

	do
		n = read(fd, record, RECORD);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EPIPE ? -1 : 0;
	record[n] = 0;
	format(record, line, size);
	return 1;
}

void klog_start(void)
{
	kept = fopen("/out/dmesg", "w");
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (!kept || kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		lost("/dev/kmsg cannot be read");
}

void klog_take(void)
{
	char line[RECORD];
	int got;

	while (kept && kmsg >= 0 && (got = next(kmsg, line, sizeof(line)))) {
		if (got < 0) {
			lost("the kernel said more than its log holds");
		} else if (bytes > MOST) {
			lost("the kernel said more than 16 MiB");
		} else {
			int n = fprintf(kept, "%s\n", line);

			bytes += n > 0 ? n : 0;
		}
	}
	if (kept && fflush(kept))
		lost(strerror(errno));
}

void klog_add(const char *line)
{
	if (kept && bytes <= MOST) {
		fputs(line, kept);
		bytes += (long)strlen(line);
	}
}

int klog_fd(void)
{
	return kmsg;
}

void klog_last(int count, void (*tell)(const char *format, ...))
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), all = 0, got;
	char line[RECORD];

	while (fd >= 0 && (got = next(fd, line, sizeof(line))))
		all += got > 0;
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	while (fd >= 0 && (got = next(fd, line, sizeof(line))))
		if (got > 0 && all-- <= count)
			tell("%s", line);
	if (fd >= 0)
		close(fd);
}
