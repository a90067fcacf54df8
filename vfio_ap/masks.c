// SPDX-License-Identifier: GPL-2.0-only
/*
 * apmask and aqmask: which queues the default drivers have, and that none is taken from a device.
 *
 * vfio-ap.rst, "Reserve APQNs for exclusive use of KVM guests" and step 2 of its example;
 * clauses AP-MASK, AP-BUS-02. How it is seen: after each write its errno, and then both masks,
 * the driver of each queue, and every file and guest of the devices. A mask that takes a queue
 * from a guest would show in the guest's own TAPQ; one that took part of a list in the mask.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "s390x/ap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ALL "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void by_default(void)
{
	struct ap_mask all = { { ~0UL, ~0UL, ~0UL, ~0UL } };

	if (!ap_need_machine())
		return;
	report_case();
	report_check(ap_mask_equal(&ap.apmask_first, &all) && ap_mask_equal(&ap.aqmask_first, &all),
		     "apmask and aqmask before any write", "all bits are set", "they are not");
}

static void absolute(void)
{
	static const char *const texts[] = {
		"0x41",
		"0x0",
		"0x00000000000000000000000000000000000000000000000000000000",
		"0xFFffF",
		"0xf9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		ALL,
		"0x0000000000000000000000000000000000000000000000000000000000000001"
	};

	if (!ap_need_machine())
		return;
	for (size_t i = 0; i < COUNT(texts); i++) {
		ap_edit(AP_ADAPTER, texts[i], "AP-MASK-02 AP-BUS-02");
		ap_edit(AP_DOMAIN, texts[COUNT(texts) - 1 - i], "AP-MASK-02 AP-BUS-02");
	}
	ap_edit(AP_ADAPTER, ALL "0", "AP-MASK-03");
	ap_edit(AP_DOMAIN, ALL "ffffffffffffffff", "AP-MASK-03");
}

static void relative(void)
{
	static const char *const texts[] = {
		"-5",	       "+5,-6", "+0x41", "-0xff", "+0,-6,+0x47,-0xf0",
		"-0,-1,-2,-3", "+255",	"-6,+6", "+6,-6", "+7,+7"
	};

	if (!ap_need_machine())
		return;
	for (size_t i = 0; i < COUNT(texts); i++) {
		ap_edit(AP_ADAPTER, texts[i], "AP-MASK-04");
		ap_edit(AP_DOMAIN, texts[i], "AP-MASK-04");
	}
}

static void refused(void)
{
	static const char *const texts[] = { "hugo",	   "+",	    "-",    "+256",
					     "-0x100",	   "+5,*6", "+x",   "0x12g",
					     "+1,-2,+256", "++1",   "+1;+2" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		ap_edit(AP_ADAPTER, texts[i], "AP-MASK-05");
		ap_edit(AP_DOMAIN, texts[i], "AP-MASK-05");
	}
}

/* ------------------------------------------------------------- what devices have */

/* A bit of a mask, switched relative to it, or with all others as a whole mask */
static void put_bit(enum ap_kind kind, unsigned int n, bool on, bool whole, const char *decides)
{
	char text[AP_MASK_TEXT];

	if (whole) {
		struct ap_mask mask = kind == AP_ADAPTER ? ap.model.apmask : ap.model.aqmask;

		ap_put(&mask, n, on);
		ap_mask_text(&mask, text);
	} else {
		snprintf(text, sizeof(text), "%c%u", on ? '+' : '-', n);
	}
	ap_edit(kind, text, decides);
}

static void give_queues(unsigned int mdev, unsigned int adapter, unsigned int domain)
{
	ap_assign(mdev, AP_ADAPTER, ap.adapter[adapter], "AP-MASK-08");
	ap_assign(mdev, AP_DOMAIN, ap.domain[domain], "AP-MASK-08");
}

/* Both forms of both masks, of queues that are there and of one that is not */
static void try_to_take(void)
{
	for (unsigned int whole = 0; whole < 2; whole++) {
		put_bit(AP_ADAPTER, ap.adapter[0], true, whole, "AP-MASK-06");
		put_bit(AP_ADAPTER, ap.adapter[1], true, whole, "AP-MASK-08");
		/* Once the adapter is the default drivers', the domain is what is left */
		put_bit(AP_ADAPTER, ap.adapter[1], false, whole, "AP-MASK-08");
	}
}

static void in_use(void)
{
	give_queues(0, 0, 0);
	try_to_take();
	ap_do(AP_OPEN, 0, 1, "AP-MASK-08");
	try_to_take();
	put_bit(AP_DOMAIN, ap.domain[0], false, false, "AP-MASK-08");
	ap_assign(0, AP_ADAPTER, ap.adapter[1], "AP-MASK-08");
	put_bit(AP_ADAPTER, ap.adapter[0], true, false, "AP-MASK-08");
	put_bit(AP_DOMAIN, ap.domain[0], true, false, "AP-MASK-06");
	put_bit(AP_DOMAIN, ap.domain[0], true, true, "AP-MASK-06");
	ap_unassign(0, AP_ADAPTER, ap.adapter[0], "AP-MASK-08");
	put_bit(AP_DOMAIN, ap.domain[0], true, false, "AP-MASK-08");
}

/* A queue that nobody has, but a device's matrix */
static void in_use_and_absent(void)
{
	unsigned int adapter = 60, domain = 61;

	while (ap_has(&ap.model.host.config.adapters, adapter))
		adapter--;
	put_bit(AP_ADAPTER, adapter, false, false, "AP-MASK-08");
	ap_assign(0, AP_ADAPTER, adapter, "AP-MASK-08");
	put_bit(AP_ADAPTER, adapter, true, false, "AP-MASK-08");
	put_bit(AP_ADAPTER, adapter, false, false, "AP-MASK-08");
	ap_assign(0, AP_DOMAIN, domain, "AP-MASK-08");
	put_bit(AP_ADAPTER, adapter, true, false, "AP-MASK-06");
	put_bit(AP_ADAPTER, adapter, true, true, "AP-MASK-06");
	ap_unassign(0, AP_DOMAIN, domain, "AP-MASK-08");
	put_bit(AP_ADAPTER, adapter, true, false, "AP-MASK-08");
}

/* ----------------------------------------------------------------- the kernel log */

/* All that is in the log from where @fd is: does a line have both? */
static bool log_has(int fd, const char *one, const char *other)
{
	char line[8192];
	ssize_t count;

	while ((count = read(fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[count > 0 ? count : 0] = 0;
		if (strstr(line, one) && strstr(line, other))
			return true;
	}
	return false;
}

static void told(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		report_skip(SKIP_PERMISSION, "/dev/kmsg");
		return;
	}
	give_queues(0, 0, 0);
	ap_assign(0, AP_ADAPTER, ap.adapter[1], "AP-MASK-08");
	for (unsigned int a = 0; a < 2; a++) {
		char queue[20];

		lseek(fd, 0, SEEK_END);
		put_bit(AP_ADAPTER, ap.adapter[a], true, false, "AP-MASK-06");
		snprintf(queue, sizeof(queue), "%02x.%04x", ap.adapter[a], ap.domain[0]);
		if (report_case())
			report_check(log_has(fd, queue, ap_mdev_uuid(0)), "the log after it",
				     "a line with the queue and the device", "none has %s and %s",
				     queue, ap_mdev_uuid(0));
		report_decided("AP-MASK-07");
	}
	close(fd);
}

static const struct line lines[] = {
	{ "by default the masks reserve all queues for the default drivers", "AP-MASK-01",
	  by_default },
	{ "hexadecimal digits set a mask, and queues change their driver",
	  "AP-MASK-02 AP-MASK-03 AP-BUS-02", absolute },
	{ "numbers with signs switch bits of a mask", "AP-MASK-04", relative },
	{ "what is no mask is EINVAL (observed)", "AP-MASK-05", refused },
	{ "queues of a device cannot be given to the default drivers, others can",
	  "AP-MASK-06 AP-MASK-08", in_use },
	{ "neither can queues that are not there", "AP-MASK-06 AP-MASK-08", in_use_and_absent },
	{ "the kernel log names the queue and the device", "AP-MASK-06 AP-MASK-07", told },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
