// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest reaches: the filtered matrix, by its own instructions, and nothing else.
 *
 * vfio-ap.rst, "Configure the guest's AP resources", "AP and SIE", "The CPU model features for
 * AP"; clauses AP-GUEST, AP-FILTER. How it is seen: the guest runs PQAP(TAPQ) for all 65,536
 * queues and PQAP(QCI); the CPU decides what it finds, not the kernel's file. A bit too many in
 * its control block would show as a queue that answers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "s390x/ap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void finds_its_matrix(void)
{
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-01");
	ap_look(true, "AP-GUEST-01 AP-GUEST-02");
	ap_do(AP_CLOSE, 0, 0, "AP-GUEST-05");
	for (unsigned int i = 0; i < 2; i++) {
		ap_assign(0, AP_ADAPTER, ap.adapter[i], "AP-GUEST-02");
		ap_assign(0, AP_DOMAIN, ap.domain[i], "AP-GUEST-02");
		ap_assign(0, AP_CONTROL, ap.domain[i], "AP-GUEST-02");
	}
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-01");
	ap_look(true, "AP-GUEST-01 AP-GUEST-02");
	ap_do(AP_CLOSE, 0, 0, "AP-GUEST-05");
	ap_look(true, "AP-GUEST-05");
	/* The next guest, and the same one once more */
	ap_do(AP_OPEN, 0, 2, "AP-GUEST-01");
	ap_do(AP_CLOSE, 0, 0, "AP-GUEST-05");
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-01");
}

static void opened_once(void)
{
	ap_do(AP_CREATE, 1, 0, "AP-GUEST-03");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-GUEST-02");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-GUEST-02");
	ap_assign(1, AP_ADAPTER, ap.adapter[1], "AP-GUEST-02");
	ap_assign(1, AP_DOMAIN, ap.domain[0], "AP-GUEST-02");
	ap_do(AP_OPEN, 0, 0, "AP-GUEST-03");
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-01");
	ap_do(AP_OPEN, 1, 0, "AP-GUEST-03");
	ap_do(AP_OPEN, 1, 1, "AP-GUEST-03");
	ap_do(AP_OPEN, 0, 2, "AP-GUEST-03");
	ap_do(AP_OPEN, 1, 2, "AP-GUEST-01");
	ap_do(AP_OPEN, 0, 3, "AP-GUEST-03");
	ap_do(AP_CLOSE, 0, 0, "AP-GUEST-05");
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-01");
}

static void tells_of_itself(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-GUEST-02");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-GUEST-02");
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-01");
	if (ap.lost || !report_case())
		return;
	report_decided("AP-GUEST-04");
	report_outcome(outcome_success(),
		       outcome_of(ioctl(ap_guest_device(ap.vm[0]), VFIO_DEVICE_GET_INFO, &info)),
		       "VFIO_DEVICE_GET_INFO");
	report_check((info.flags & (VFIO_DEVICE_FLAGS_AP | VFIO_DEVICE_FLAGS_RESET)) ==
				     (VFIO_DEVICE_FLAGS_AP | VFIO_DEVICE_FLAGS_RESET) &&
			     !info.num_regions,
		     "VFIO_DEVICE_GET_INFO", "flags of AP and of a reset, and no region",
		     "flags %#x, %u regions", info.flags, info.num_regions);
	ap_do(AP_RESET, 0, 0, "AP-GUEST-04");
}

/* The feature is off: no instruction of AP is carried out, whatever the device has */
static void without_the_feature(void)
{
	static struct ap_scan scan = { .count = 1 };

	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-GUEST-02");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-GUEST-02");
	ap.vm[0] = ap_guest_create(false);
	if (!report_case())
		return;
	report_decided("AP-GUEST-06");
	scan.queue[0] = (uint16_t)ap_queue(ap.adapter[0], ap.domain[0]);
	report_check(!ap_guest_open(ap.vm[0], 0) && !ap_guest_scan(ap.vm[0], &scan), "PQAP(TAPQ)",
		     "comes to user space", "response code %02x", scan.rc[0]);
	ap_guest_free(ap.vm[0]);
	ap.vm[0] = NULL;
}

/* ------------------------------------------------------------------------ the filter */

static unsigned int absent(const struct ap_mask *mask)
{
	unsigned int n = 1;

	while (ap_has(mask, n))
		n++;
	return n;
}

/* Adapter, domain and control domain that the host has not, each beside one that it has */
static void not_the_host_s(void)
{
	unsigned int adapter = absent(&ap.model.host.config.adapters);
	char text[20];

	/* QCI of the guest is to show what it was given, not only what there is */
	if (ap.machine)
		ap_machine_describe(&ap.model.host, ap.more = "rawqci\n");
	sprintf(text, "-%u", adapter);
	ap_edit(AP_ADAPTER, text, "AP-FILTER-01");
	ap_assign(0, AP_ADAPTER, adapter, "AP-FILTER-01");
	ap_assign(0, AP_DOMAIN, absent(&ap.model.host.config.domains), "AP-FILTER-01");
	ap_assign(0, AP_CONTROL, absent(&ap.model.host.config.controls), "AP-FILTER-01");
	ap_do(AP_OPEN, 0, 1, "AP-FILTER-01");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-FILTER-01");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-FILTER-01");
	ap_assign(0, AP_CONTROL, ap.domain[0], "AP-FILTER-01");
	ap_look(true, "AP-FILTER-01 AP-GUEST-01");
}

/* One queue of four is not bound: before the guest begins, and as the second domain comes */
static void not_bound(void)
{
	unsigned int queue = ap_queue(ap.adapter[0], ap.domain[1]);

	ap_do(AP_UNBIND, 0, queue, "AP-FILTER-02");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-FILTER-02");
	ap_assign(0, AP_ADAPTER, ap.adapter[1], "AP-FILTER-02");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-FILTER-02");
	ap_do(AP_OPEN, 0, 1, "AP-FILTER-02");
	ap_assign(0, AP_DOMAIN, ap.domain[1], "AP-FILTER-02");
	ap_look(true, "AP-FILTER-02 AP-GUEST-01");
	ap_do(AP_CLOSE, 0, 0, "AP-GUEST-05");
	ap_do(AP_OPEN, 0, 1, "AP-FILTER-02");
	ap_unassign(0, AP_ADAPTER, ap.adapter[0], "AP-FILTER-02");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-FILTER-02");
	ap_do(AP_BIND, 0, queue, "AP-FILTER-02");
}

/* The queue that kept an adapter from the guest is not the device's any more */
static void not_bound_and_unassigned(void)
{
	ap_do(AP_UNBIND, 0, ap_queue(ap.adapter[0], ap.domain[1]), "AP-FILTER-02");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-FILTER-02");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-FILTER-02");
	ap_assign(0, AP_DOMAIN, ap.domain[1], "AP-FILTER-02");
	ap_unassign(0, AP_DOMAIN, ap.domain[1], "AP-FILTER-02");
	ap_do(AP_OPEN, 0, 1, "AP-FILTER-02");
}

static const struct line lines[] = {
	{ "a guest finds the queues of its device and no other of all 65,536",
	  "AP-GUEST-01 AP-GUEST-02 AP-GUEST-05", finds_its_matrix },
	{ "a device is opened by one VM, and a VM opens one device (observed)", "AP-GUEST-03",
	  opened_once },
	{ "a device tells what it is, and can be reset", "AP-GUEST-04", tells_of_itself },
	{ "a guest without the feature has no AP instructions", "AP-GUEST-06",
	  without_the_feature },
	{ "what the host does not have is not the guest's", "AP-FILTER-01 AP-GUEST-01",
	  not_the_host_s },
	{ "an adapter with a queue that is not bound to vfio_ap is not the guest's",
	  "AP-FILTER-02 AP-GUEST-01", not_bound },
	{ "it is the guest's once that queue's domain is not the device's", "AP-FILTER-02",
	  not_bound_and_unassigned },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
