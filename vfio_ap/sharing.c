// SPDX-License-Identifier: GPL-2.0-only
/*
 * No queue has two owners: devices beside each other, with guests and without.
 *
 * vfio-ap.rst, "Must NOT be assigned to another vfio_ap mediated device", and its examples of
 * valid and invalid configurations; clauses AP-ASSIGN-06, -07, AP-MDEV-04. How it is seen:
 * after each step each guest's own TAPQ of all queues around: a queue that two guests reach
 * would answer in both.
 */
#include "s390x/ap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define REFUSED "AP-ASSIGN-06 AP-ASSIGN-07"

/* Device 0: adapters 0 and 1, domain 0. Device 1: adapters 0 and 1, domain 1 */
static void beside_each_other(void)
{
	ap_do(AP_CREATE, 1, 0, "AP-MDEV-02");
	for (unsigned int m = 0; m < 2; m++) {
		ap_assign(m, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-01");
		ap_assign(m, AP_ADAPTER, ap.adapter[1], "AP-ASSIGN-01");
		ap_assign(m, AP_DOMAIN, ap.domain[m], "AP-ASSIGN-01");
		ap_assign(m, AP_CONTROL, ap.domain[0], "AP-ASSIGN-08");
	}
}

/* As a domain, as an adapter, and with one queue of many in common */
static void try_to_share(void)
{
	ap_assign(0, AP_DOMAIN, ap.domain[1], REFUSED);
	ap_assign(1, AP_DOMAIN, ap.domain[0], REFUSED);
	ap_assign(1, AP_ADAPTER, ap.adapter[2], "AP-ASSIGN-01");
	ap_unassign(1, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-09");
	ap_unassign(1, AP_ADAPTER, ap.adapter[1], "AP-ASSIGN-09");
	ap_assign(1, AP_DOMAIN, ap.domain[0], "AP-ASSIGN-01");
	ap_assign(1, AP_ADAPTER, ap.adapter[0], REFUSED);
	ap_assign(0, AP_ADAPTER, ap.adapter[2], REFUSED);
	ap_unassign(0, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-09");
	ap_assign(1, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-01");
}

/* Each case is a refusal: what leads to it is taken without being one */
static void answers(void)
{
	ap_take(&(struct ap_step){ .deed = AP_CREATE, .mdev = 1 });
	for (unsigned int m = 0; m < 2; m++) {
		ap_take(&(struct ap_step){ .deed = AP_ASSIGN,
					   .mdev = m,
					   .kind = AP_ADAPTER,
					   .number = ap.adapter[0] });
		ap_take(&(struct ap_step){
			.deed = AP_ASSIGN, .mdev = m, .kind = AP_DOMAIN, .number = ap.domain[m] });
	}
	for (unsigned int m = 0; m < 2; m++)
		ap_assign(m, AP_DOMAIN, ap.domain[1 - m], REFUSED);
	/* Whoever was made first and last: a third one has nothing in common with either */
	ap_take(&(struct ap_step){ .deed = AP_CREATE, .mdev = 2 });
	ap_take(&(struct ap_step){
		.deed = AP_ASSIGN, .mdev = 2, .kind = AP_ADAPTER, .number = ap.adapter[1] });
	for (unsigned int m = 0; m < 2; m++)
		ap_assign(m, AP_DOMAIN, ap.domain[1 - m], REFUSED);
}

static void without_guests(void)
{
	beside_each_other();
	try_to_share();
}

static void with_guests(void)
{
	beside_each_other();
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-01");
	try_to_share();
	ap_do(AP_OPEN, 1, 2, "AP-GUEST-01");
	ap_unassign(1, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-09");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-01");
	ap_assign(1, AP_ADAPTER, ap.adapter[0], REFUSED);
	ap_look(true, "AP-GUEST-01");
	ap_do(AP_CLOSE, 0, 0, "AP-GUEST-05");
	ap_assign(1, AP_ADAPTER, ap.adapter[0], REFUSED);
}

/* A device that is gone has nothing */
static void removed(void)
{
	beside_each_other();
	ap_assign(1, AP_DOMAIN, ap.domain[0], REFUSED);
	ap_do(AP_REMOVE, 0, 0, "AP-MDEV-04");
	ap_assign(1, AP_DOMAIN, ap.domain[0], "AP-MDEV-04");
	ap_do(AP_CREATE, 0, 0, "AP-MDEV-04");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-01");
	ap_assign(0, AP_DOMAIN, ap.domain[0], REFUSED);
}

static const struct line lines[] = {
	{ "a queue of another device cannot be assigned (EBUSY)", REFUSED, answers },
	{ "devices beside each other have their own queues", "AP-ASSIGN-01 AP-ASSIGN-09",
	  without_guests },
	{ "so have their guests, and what is refused changes nothing for them",
	  "AP-GUEST-01 AP-GUEST-05", with_guests },
	{ "the queues of a device that is removed are free", "AP-MDEV-04", removed },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
