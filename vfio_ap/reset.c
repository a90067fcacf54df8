// SPDX-License-Identifier: GPL-2.0-only
/*
 * No data of one guest reaches the next: a queue that leaves a guest is zeroized.
 *
 * vfio-ap.rst, "close_device" and "ioctl" (VFIO_DEVICE_RESET) of "callback interfaces"; clauses
 * AP-RESET. How it is seen: the emulated machine's trace has each PQAP(ZAPQ) and PQAP(RAPQ) with
 * its queue; what is in it after a step is held against who had which queue before and after.
 * A reset left out, and one too many, which loses the requests of a guest, both show.
 */
#include "s390x/ap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Adapters 0 and 1, domains 0 and 1, in a guest */
static bool guest_begins(void)
{
	if (!ap_need_machine())
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		ap_assign(0, AP_ADAPTER, ap.adapter[i], "AP-RESET-03");
		ap_assign(0, AP_DOMAIN, ap.domain[i], "AP-RESET-03");
	}
	ap_do(AP_OPEN, 0, 1, "AP-RESET-03");
	return true;
}

static void unassigned(void)
{
	if (!guest_begins())
		return;
	ap_unassign(0, AP_ADAPTER, ap.adapter[0], "AP-RESET-01 AP-RESET-03");
	ap_unassign(0, AP_DOMAIN, ap.domain[0], "AP-RESET-01 AP-RESET-03");
	ap_assign(0, AP_ADAPTER, ap.adapter[2], "AP-RESET-03");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-RESET-03");
	ap_assign(0, AP_CONTROL, ap.domain[0], "AP-RESET-03");
	ap_unassign(0, AP_CONTROL, ap.domain[0], "AP-RESET-03");
}

/* The whole adapter leaves by one queue of it, with queues that are still bound */
static void filtered(void)
{
	unsigned int queue = ap_queue(ap.adapter[0], ap.domain[2]);

	if (!guest_begins())
		return;
	ap_do(AP_UNBIND, 0, queue, "AP-RESET-03");
	ap_assign(0, AP_DOMAIN, ap.domain[2], "AP-RESET-01 AP-RESET-03");
	ap_do(AP_BIND, 0, queue, "AP-RESET-03");
	ap_do(AP_UNBIND, 0, queue, "AP-RESET-01 AP-RESET-03");
}

static void host_changes(void)
{
	static struct ap_host host;

	if (!guest_begins())
		return;
	ap_assign(0, AP_CONTROL, 13, "AP-RESET-03");
	host = ap.model.host;
	ap_put(&host.config.controls, 13, true);
	ap_host(&host, "AP-RESET-03");
	ap_put(&host.config.adapters, ap.adapter[3], false);
	ap_host(&host, "AP-RESET-03");
	ap_put(&host.config.adapters, ap.adapter[3], true);
	ap_host(&host, "AP-RESET-03");
}

static void given_back(void)
{
	if (!guest_begins())
		return;
	ap_do(AP_RESET, 0, 0, "AP-RESET-02");
	ap_do(AP_CLOSE, 0, 0, "AP-RESET-02");
	ap_do(AP_OPEN, 0, 2, "AP-RESET-02");
	ap_do(AP_CLOSE, 0, 0, "AP-RESET-02");
}

/* The neighbour's queues are its own */
static void two_guests(void)
{
	if (!guest_begins())
		return;
	ap_do(AP_CREATE, 1, 0, "AP-RESET-03");
	ap_assign(1, AP_ADAPTER, ap.adapter[2], "AP-RESET-03");
	ap_assign(1, AP_DOMAIN, ap.domain[0], "AP-RESET-03");
	ap_do(AP_OPEN, 1, 2, "AP-RESET-03");
	ap_do(AP_RESET, 0, 0, "AP-RESET-02 AP-RESET-03");
	ap_unassign(0, AP_ADAPTER, ap.adapter[1], "AP-RESET-01 AP-RESET-03");
	ap_assign(1, AP_ADAPTER, ap.adapter[1], "AP-RESET-03");
	ap_do(AP_CLOSE, 0, 0, "AP-RESET-02 AP-RESET-03");
}

static const struct line lines[] = {
	{ "queues that are unassigned are zeroized, others are not (observed)",
	  "AP-RESET-01 AP-RESET-03", unassigned },
	{ "so are those of an adapter that the filter takes (observed)", "AP-RESET-01 AP-RESET-03",
	  filtered },
	{ "what comes to the host and goes resets no queue of a guest (observed)", "AP-RESET-03",
	  host_changes },
	{ "VFIO_DEVICE_RESET and the guest's end zeroize all of them (observed)", "AP-RESET-02",
	  given_back },
	{ "a guest's queues are not reset for its neighbour (observed)",
	  "AP-RESET-01 AP-RESET-02 AP-RESET-03", two_guests },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
