// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks through the states of devices, masks, cards and guests: actions by chance, against the
 * model of the contract (include/ap/model.h).
 *
 * vfio_ap/contract.md. How it is seen: after each action its answer, every file, every queue's
 * driver and status, what each guest finds by its own instructions, and the machine's trace of
 * resets. A walk that fails is shrunk to the fewest actions. What other tests do in one order
 * happens here in many, with three devices and three guests.
 */
#include "s390x/ap.h"
#include "s390x/ap_walk.h"

static const struct actions *const groups[] = { &ap_walk_actions };

static void walks(void)
{
	if (ap_need_machine())
		walk_line(150, WALK_PLAIN);
}

static void walks_with_findings(void)
{
	if (ap_need_machine())
		walk_line(60, WALK_FINDINGS);
}

static const struct walk_kept kept[] = {
#include "../tests/walks/vfio_ap.inc"
};

static void kept_walks(void)
{
	if (ap_need_machine())
		walk_kept_line(kept, sizeof(kept) / sizeof(*kept));
}

static const struct line lines[] = {
	{ "random histories of devices, masks, cards and guests are as the model has them",
	  "AP-GUEST-01 AP-GUEST-02 AP-STATUS-01 AP-ASSIGN-05 AP-ASSIGN-09 AP-MASK-06", walks },
	{ "walks that once found something pass", "AP-GUEST-01", kept_walks },
	{ "random histories that may meet known faults of released kernels", "AP-GUEST-01",
	  walks_with_findings },
};

int main(int argc, char **argv)
{
	walk_options("AP", &argc, argv);
	ap_options(argc, argv, lines, sizeof(lines) / sizeof(*lines));
	walk_through(&ap_walk_subject);
	walk_begin(groups, 1, "vfio_ap/walk");
	return report_run();
}
