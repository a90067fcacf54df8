// SPDX-License-Identifier: QPL-1.0
/*
 * The disk on which the machine's cards are described, and their trace is kept: an FBA disk
 * like any other (device type AP9336 in the configuration), but that the description is read
 * again at the end of each channel program that wrote to it. That is before the interruption
 * that tells the guest of that end, so what comes after it meets the new cards.
 */
#include "hstdinc.h"
#include "hercules.h"

#include "disk.h"
#include "machine.h"

#define BLKGRP_SIZE (CFBA_BLOCK_NUM * 512)

extern DEVHND fbadasd_device_hndinfo;
DEVHND ap_disk;

static struct ap_machine machine;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int image = -1;
static off_t image_size, trace_end = AP_TEXT;
static bool trace_on, trace_full, written;

struct ap_machine *ap_machine_get(void)
{
	pthread_mutex_lock(&lock);
	return &machine;
}

void ap_machine_put(void)
{
	pthread_mutex_unlock(&lock);
}

static void append(const char *line)
{
	size_t length = strlen(line);

	if (image < 0 || trace_full || pwrite(image, line, length, trace_end) != (ssize_t)length)
		return;
	trace_end += length;
}

void ap_trace(const char *format, ...)
{
	static const char full[] = "error: the trace is full\n";
	char line[200];
	va_list ap;

	if (!trace_on)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	strcat(line, "\n");
	if (trace_end + sizeof(line) + sizeof(full) < image_size) {
		append(line);
	} else {
		append(full);
		trace_full = true;
	}
}

static void trace_clear(void)
{
	static const char zeros[65536];

	for (off_t at = AP_TEXT; at < trace_end; at += sizeof(zeros))
		if (pwrite(image, zeros, sizeof(zeros), at) < 0)
			logmsg("AP: the trace cannot be cleared: %s\n", strerror(errno));
	trace_end = AP_TEXT;
	trace_full = false;
}

/* A queue that is not there, or not in operation, keeps nothing */
static void forget_queues(void)
{
	for (unsigned int qid = 0; qid < AP_IDS * AP_IDS; qid++)
		if (ap_queue_rc(&machine.d, qid) != AP_NORMAL)
			machine.queue[qid] = (struct ap_queue){ 0 };
}

/* The errors of a description belong to the trace that it begins */
static char errors[8192];

static void collect_error(const char *format, ...)
{
	size_t length = strlen(errors);
	va_list ap;

	if (length + 200 > sizeof(errors))
		return;
	va_start(ap, format);
	vsnprintf(errors + length, 198, format, ap);
	va_end(ap);
	strcat(errors, "\n");
}

static void read_description(void)
{
	static char text[AP_TEXT + 1];
	ssize_t n = pread(image, text, AP_TEXT, 0);

	errors[0] = 0;
	text[n < 0 ? 0 : n] = 0;
	if (!ap_describe(&machine.d, text, collect_error))
		return;
	trace_on = machine.d.trace != AP_TRACE_OFF;
	if (machine.d.trace == AP_TRACE_NEW)
		trace_clear();
	append(errors);
	forget_queues();
	ap_interrupt(&machine);
}

static int disk_init(DEVBLK *dev, int argc, char *argv[])
{
	int rc;

	/* Its model is taken from the name of its type */
	free(dev->typname);
	dev->typname = strdup("9336");
	rc = fbadasd_device_hndinfo.init(dev, argc, argv);
	if (rc < 0)
		return rc;
	ap_machine_get();
	image = dev->fd;
	image_size = dev->fbaend;
	read_description();
	ap_machine_put();
	return rc;
}

static int disk_write(DEVBLK *dev, int blkgrp, int off, BYTE *buf, int len, BYTE *unitstat)
{
	if ((long)blkgrp * BLKGRP_SIZE + off < AP_TEXT)
		written = true;
	return fbadasd_device_hndinfo.write(dev, blkgrp, off, buf, len, unitstat);
}

static void disk_end(DEVBLK *dev)
{
	fbadasd_device_hndinfo.end(dev);
	if (!written)
		return;
	written = false;
	ap_machine_get();
	read_description();
	ap_machine_put();
}

void ap_disk_prepare(void)
{
	ap_no_cards(&machine.d);
	ap_disk = fbadasd_device_hndinfo;
	ap_disk.init = disk_init;
	ap_disk.write = disk_write;
	ap_disk.end = disk_end;
}
