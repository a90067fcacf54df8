// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's cards, domains and control domains change under a guest, and queues their driver.
 *
 * vfio-ap.rst, "Hot plug/unplug support", "Over-provisioning of AP queues for a KVM guest" and
 * the filtering of "Configure the guest's AP resources"; clauses AP-PLUG, AP-BUS, AP-FILTER. How
 * it is seen: the emulated machine's description changes, the AP bus looks, and the guest's
 * PQAP(TAPQ) and PQAP(QCI) find what the model says. "rawqci" has QCI show the guest's masks as
 * they are: a bit that stayed behind is seen before the machine has what it stands for.
 */
#include "s390x/ap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum part { CARD, USAGE, CONTROL };

/* One adapter, domain or control domain leaves the host's configuration, or comes back */
static void host_has(enum part part, unsigned int n, bool there, const char *decides)
{
	static struct ap_host host;

	host = ap.model.host;
	ap_put(part == CARD    ? &host.config.adapters
	       : part == USAGE ? &host.config.domains
			       : &host.config.controls,
	       n, there);
	ap_host(&host, decides);
}

static void card_is(unsigned int adapter, enum ap_state state, const char *decides)
{
	static struct ap_host host;

	host = ap.model.host;
	host.state[adapter] = (uint8_t)state;
	ap_host(&host, decides);
}

/* A guest with adapters 0 and 1, domains 0 and 1, control domain 0 */
static bool guest_begins(void)
{
	if (!ap_need_machine())
		return false;
	ap.more = "rawqci\n";
	ap_machine_describe(&ap.model.host, ap.more);
	for (unsigned int i = 0; i < 2; i++) {
		ap_assign(0, AP_ADAPTER, ap.adapter[i], "AP-PLUG-01");
		ap_assign(0, AP_DOMAIN, ap.domain[i], "AP-PLUG-01");
	}
	ap_assign(0, AP_CONTROL, ap.domain[0], "AP-PLUG-01");
	ap_do(AP_OPEN, 0, 1, "AP-PLUG-01");
	return true;
}

/* What came with a change of the host is over with it: a queue that is bound later is plugged in */
static void queue_comes_back(unsigned int adapter, unsigned int domain)
{
	unsigned int queue = ap_queue(ap.adapter[adapter], ap.domain[domain]);

	ap_do(AP_UNBIND, 0, queue, "AP-PLUG-05");
	ap_do(AP_BIND, 0, queue, "AP-PLUG-05");
}

static void assigned(void)
{
	if (!guest_begins())
		return;
	ap_assign(0, AP_ADAPTER, ap.adapter[2], "AP-PLUG-01");
	ap_assign(0, AP_DOMAIN, ap.domain[2], "AP-PLUG-01");
	ap_assign(0, AP_CONTROL, ap.domain[1], "AP-PLUG-01");
	ap_look(true, "AP-PLUG-01");
	ap_unassign(0, AP_CONTROL, ap.domain[0], "AP-PLUG-02");
	ap_unassign(0, AP_ADAPTER, ap.adapter[0], "AP-PLUG-02");
	ap_unassign(0, AP_DOMAIN, ap.domain[0], "AP-PLUG-02");
	ap_unassign(0, AP_ADAPTER, ap.adapter[1], "AP-PLUG-02");
	ap_unassign(0, AP_ADAPTER, ap.adapter[2], "AP-PLUG-02");
	ap_assign(0, AP_ADAPTER, ap.adapter[1], "AP-PLUG-01");
}

static void cards(void)
{
	if (!guest_begins())
		return;
	ap_assign(0, AP_ADAPTER, ap.adapter[2], "AP-PLUG-01");
	host_has(CARD, ap.adapter[3], false, "AP-BUS-01");
	host_has(CARD, ap.adapter[0], false, "AP-PLUG-04 AP-BUS-01");
	host_has(CARD, ap.adapter[3], true, "AP-BUS-01");
	host_has(CARD, ap.adapter[0], true, "AP-PLUG-03 AP-BUS-01");
	queue_comes_back(0, 0);
	queue_comes_back(1, 1);
	host_has(CARD, ap.adapter[1], false, "AP-PLUG-04");
	/* What is unassigned while it is away does not come back */
	ap_unassign(0, AP_ADAPTER, ap.adapter[1], "AP-PLUG-02");
	host_has(CARD, ap.adapter[1], true, "AP-PLUG-02");
	ap_look(true, "AP-PLUG-03 AP-PLUG-04");
}

/* Another device's guest has the domain beside one that stays */
static void domain_of_another(void)
{
	ap_do(AP_CREATE, 1, 0, "AP-PLUG-04");
	ap_assign(1, AP_ADAPTER, ap.adapter[2], "AP-PLUG-04");
	ap_assign(1, AP_DOMAIN, ap.domain[0], "AP-PLUG-04");
	ap_assign(1, AP_DOMAIN, ap.domain[2], "AP-PLUG-04");
	ap_do(AP_OPEN, 1, 2, "AP-PLUG-04");
	host_has(USAGE, ap.domain[2], false, "AP-PLUG-04");
	host_has(USAGE, ap.domain[2], true, "AP-PLUG-03");
	ap_do(AP_CLOSE, 1, 0, "AP-PLUG-04");
	ap_do(AP_REMOVE, 1, 0, "AP-PLUG-04");
}

static void domains(void)
{
	if (!guest_begins())
		return;
	domain_of_another();
	host_has(USAGE, ap.domain[2], false, "AP-BUS-01");
	host_has(USAGE, ap.domain[0], false, "AP-PLUG-04 AP-BUS-01");
	host_has(USAGE, ap.domain[0], true, "AP-PLUG-03 AP-BUS-01");
	queue_comes_back(0, 0);
	queue_comes_back(1, 1);
	ap_assign(0, AP_DOMAIN, ap.domain[2], "AP-PLUG-03");
	host_has(USAGE, ap.domain[2], true, "AP-PLUG-03");
	host_has(USAGE, ap.domain[1], false, "AP-PLUG-04");
	ap_unassign(0, AP_DOMAIN, ap.domain[1], "AP-PLUG-02");
	host_has(USAGE, ap.domain[1], true, "AP-PLUG-02");
	ap_look(true, "AP-PLUG-03 AP-PLUG-04");
}

/* All that a guest has of one kind: nothing of it may stay in its masks */
static void all_cards(void)
{
	static struct ap_host host;

	if (!guest_begins())
		return;
	host = ap.model.host;
	for (unsigned int i = 0; i < 2; i++)
		ap_put(&host.config.adapters, ap.adapter[i], false);
	ap_host(&host, "AP-PLUG-04");
}

static void all_domains(void)
{
	static struct ap_host host;

	if (!guest_begins())
		return;
	host = ap.model.host;
	for (unsigned int i = 0; i < 2; i++)
		ap_put(&host.config.domains, ap.domain[i], false);
	ap_host(&host, "AP-PLUG-04");
}

static void control_domain_goes(void)
{
	if (!guest_begins())
		return;
	host_has(CONTROL, ap.domain[0], false, "AP-PLUG-04");
}

static void control_domain_comes(void)
{
	if (!guest_begins())
		return;
	ap_assign(0, AP_CONTROL, 13, "AP-PLUG-03");
	host_has(CONTROL, 13, true, "AP-PLUG-03 AP-FILTER-01");
}

static void without_a_guest(void)
{
	if (!guest_begins())
		return;
	ap_do(AP_CLOSE, 0, 0, "AP-PLUG-03");
	host_has(CARD, ap.adapter[0], false, "AP-PLUG-04");
	host_has(USAGE, ap.domain[0], false, "AP-PLUG-04");
	ap_do(AP_OPEN, 0, 1, "AP-PLUG-04");
	host_has(USAGE, ap.domain[0], true, "AP-PLUG-03");
	ap_do(AP_CLOSE, 0, 0, "AP-PLUG-03");
	host_has(CARD, ap.adapter[0], true, "AP-PLUG-03");
	ap_do(AP_OPEN, 0, 1, "AP-PLUG-03");
}

static void queues(void)
{
	unsigned int queue = ap_queue(ap.adapter[0], ap.domain[1]);

	if (!guest_begins())
		return;
	ap_do(AP_UNBIND, 0, queue, "AP-PLUG-05");
	ap_do(AP_BIND, 0, queue, "AP-PLUG-05");
	ap_do(AP_UNBIND, 0, ap_queue(ap.adapter[2], ap.domain[0]), "AP-PLUG-05");
	ap_do(AP_UNBIND, 0, queue, "AP-PLUG-05");
	ap_do(AP_UNBIND, 0, ap_queue(ap.adapter[0], ap.domain[0]), "AP-PLUG-05");
	ap_do(AP_BIND, 0, queue, "AP-PLUG-05");
	ap_do(AP_BIND, 0, ap_queue(ap.adapter[0], ap.domain[0]), "AP-PLUG-05");
	ap_look(true, "AP-PLUG-05");
}

static void states(void)
{
	if (!guest_begins())
		return;
	card_is(ap.adapter[0], AP_DECONFIGURED, "AP-PLUG-06");
	card_is(ap.adapter[1], AP_CHECKSTOPPED, "AP-PLUG-06");
	ap_look(true, "AP-PLUG-06");
	ap_assign(0, AP_DOMAIN, ap.domain[2], "AP-PLUG-06");
	ap_unassign(0, AP_ADAPTER, ap.adapter[0], "AP-PLUG-06");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-PLUG-06");
}

static void states_end(void)
{
	if (!guest_begins())
		return;
	card_is(ap.adapter[0], AP_DECONFIGURED, "AP-PLUG-06");
	ap_assign(0, AP_DOMAIN, ap.domain[2], "AP-PLUG-06 AP-RESET-03");
	card_is(ap.adapter[0], AP_ONLINE, "AP-PLUG-06 AP-RESET-03");
}

static void old_cards(void)
{
	static struct ap_host host;

	if (!guest_begins())
		return;
	host = ap.model.host;
	ap_put(&host.config.adapters, 9, true);
	ap_put(&host.old, 9, true);
	ap_edit(AP_ADAPTER, "-9", "AP-BUS-03");
	ap_host(&host, "AP-BUS-03");
	ap_assign(0, AP_ADAPTER, 9, "AP-BUS-03");
}

static const struct line lines[] = {
	{ "what is assigned is plugged into a running guest, what is unassigned is unplugged",
	  "AP-PLUG-01 AP-PLUG-02", assigned },
	{ "cards leave the host and come back",
	  "AP-BUS-01 AP-PLUG-02 AP-PLUG-03 AP-PLUG-04 AP-PLUG-05", cards },
	{ "domains leave the host and come back",
	  "AP-BUS-01 AP-PLUG-02 AP-PLUG-03 AP-PLUG-04 AP-PLUG-05", domains },
	{ "all cards of a guest leave the host", "AP-PLUG-04", all_cards },
	{ "all domains of a guest leave the host", "AP-PLUG-04", all_domains },
	{ "a control domain leaves the host", "AP-PLUG-04", control_domain_goes },
	{ "a control domain comes to the host", "AP-PLUG-03 AP-FILTER-01", control_domain_comes },
	{ "cards and domains leave and come back while no guest has the device",
	  "AP-PLUG-03 AP-PLUG-04", without_a_guest },
	{ "a queue that is unbound takes its adapter from the guest (observed)", "AP-PLUG-05",
	  queues },
	{ "deconfigured and checkstopped cards stay in the guest's matrix (observed)", "AP-PLUG-06",
	  states },
	{ "a deconfigured card is configured again, and its queues are the guest's (observed)",
	  "AP-PLUG-06 AP-RESET-03", states_end },
	{ "a card older than CEX4 is nobody's", "AP-BUS-03", old_cards },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
