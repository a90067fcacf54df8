// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel tells user space of what changes: uevents, as udev would get them.
 *
 * Clause AP-EVENT-01, observed: Documentation has no list of them; lszcrypt and udev rules of the
 * s390 tools live on them. How it is seen: a netlink socket of the kernel's object events is
 * opened before a step, and after it has to hold one with the action, the device and the
 * variable. Left out, automation would not see a card that goes.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "s390x/ap.h"
#include "test_util.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KERNEL_EVENTS 1 /* multicast group */

static int listener = -1;

static void listen_anew(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS };

	if (listener >= 0)
		close(listener);
	listener = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			  NETLINK_KOBJECT_UEVENT);
	TEST_ASSERT(listener >= 0 && !bind(listener, (struct sockaddr *)&address, sizeof(address)),
		    "a netlink socket");
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool ends(const char *text, const char *with)
{
	size_t size = strlen(text), wanted = strlen(with);

	return size >= wanted && !strcmp(text + size - wanted, with);
}

/* "ACTION@PATH" and then variables: of this device, and none above or below it? */
static bool is_event(const char *event, ssize_t size, const char *action, const char *device,
		     const char *variable)
{
	if (!begins(event, action) || event[strlen(action)] != '@' || !ends(event, device))
		return false;
	for (const char *at = event; at < event + size; at += strlen(at) + 1)
		if (begins(at, variable))
			return true;
	return false;
}

/* One event since listen_anew() of the device, with the variable, as a case */
static void came(const char *what, const char *action, const char *device, const char *variable)
{
	char event[4096];
	bool found = false;
	ssize_t size;

	if (ap.lost || !report_case())
		return;
	for (int ms = 0; ms < 200 && !found; ms += 10) {
		while (!found && (size = recv(listener, event, sizeof(event) - 1, 0)) > 0) {
			event[size] = 0;
			found = is_event(event, size, action, device, variable);
		}
		if (!found)
			usleep(10000);
	}
	report_check(found, what, "a uevent", "none is %s@...%s with %s", action, device, variable);
}

static void of_mask(enum ap_kind kind, const char *edit, const struct ap_mask *mask)
{
	char variable[8 + AP_MASK_TEXT], text[AP_MASK_TEXT];

	listen_anew();
	ap_edit(kind, edit, "AP-EVENT-01");
	ap_mask_text(mask, text);
	snprintf(variable, sizeof(variable), "%s=%s", kind == AP_ADAPTER ? "APMASK" : "AQMASK",
		 text);
	came(kind == AP_ADAPTER ? "apmask is changed" : "aqmask is changed", "change",
	     "/devices/ap", variable);
}

static void of_masks(void)
{
	char text[20];

	snprintf(text, sizeof(text), "+%u", ap.adapter[0]);
	of_mask(AP_ADAPTER, text, &ap.model.apmask);
	snprintf(text, sizeof(text), "-%u", ap.domain[0]);
	of_mask(AP_DOMAIN, text, &ap.model.aqmask);
}

static void of_devices(void)
{
	char path[80];

	snprintf(path, sizeof(path), "/devices/vfio_ap/matrix/%s", ap_mdev_uuid(1));
	listen_anew();
	ap_do(AP_CREATE, 1, 0, "AP-EVENT-01");
	came("a device is made", "add", path, "SUBSYSTEM=mdev");
	listen_anew();
	ap_do(AP_REMOVE, 1, 0, "AP-EVENT-01");
	came("it is removed", "remove", path, "SUBSYSTEM=mdev");
}

static void of_cards(void)
{
	static struct ap_host host;
	char card[40], queue[40];

	if (!ap_need_machine())
		return;
	snprintf(card, sizeof(card), "/card%02x", ap.adapter[0]);
	snprintf(queue, sizeof(queue), "/%02x.%04x", ap.adapter[0], ap.domain[0]);
	host = ap.model.host;
	host.state[ap.adapter[0]] = AP_DECONFIGURED;
	listen_anew();
	ap_host(&host, "AP-EVENT-01");
	came("a card is deconfigured", "change", card, "CONFIG=0");
	host.state[ap.adapter[0]] = AP_ONLINE;
	listen_anew();
	ap_host(&host, "AP-EVENT-01");
	came("it is configured", "change", card, "CONFIG=1");
	ap_put(&host.config.adapters, ap.adapter[0], false);
	listen_anew();
	ap_host(&host, "AP-EVENT-01");
	came("the card leaves the host", "remove", queue, "SUBSYSTEM=ap");
	ap_put(&host.config.adapters, ap.adapter[0], true);
	listen_anew();
	ap_host(&host, "AP-EVENT-01");
	came("it comes back", "add", queue, "SUBSYSTEM=ap");
}

static const struct line lines[] = {
	{ "a change of a mask is told (observed)", "AP-EVENT-01", of_masks },
	{ "devices that are made and removed are told (observed)", "AP-EVENT-01", of_devices },
	{ "cards and queues that change, go and come are told (observed)", "AP-EVENT-01",
	  of_cards },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
