// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks through the states of a VM's slots: actions by chance on slots, logs, guest and
 * on the memory that backs them, against a model of all of it (include/world/world.h).
 *
 * mem_slot/contract.md, SLOT and DIRTY. How it is seen: each action's outcome is judged, and
 * at the end of each walk all logs and all bytes. A walk that fails is shrunk to the
 * fewest actions. What other tests do in one order, from one state, happens here in many.
 */
#include "compat.h"
#include "case/report.h"
#include "world/walk.h"

static const struct actions *const groups[] = {
	&world_slot_actions,  &world_log_actions,   &world_history_actions,
	&world_guest_actions, &world_limit_actions,
};

static void walks(void)
{
	walk_line(600, WALK_PLAIN);
}

static void walks_with_findings(void)
{
	walk_line(300, WALK_FINDINGS);
}

static const struct walk_kept kept[] = {
#include "../tests/walks/mem_slot.inc"
};

static void kept_walks(void)
{
	walk_kept_line(kept, ARRAY_SIZE(kept));
}

static const struct line lines[] = {
	{ "random histories of slots, their memory and logs are as the model has them",
	  "SLOT-01 SLOT-04 SLOT-05 SLOT-09 SLOT-10 SLOT-15 SLOT-18 DIRTY-01 DIRTY-08", walks },
	{ "walks that once found something pass", "DIRTY-01 SLOT-05", kept_walks },
	{ "random histories that may meet known faults of released kernels", "DIRTY-01",
	  walks_with_findings },
};

int main(int argc, char **argv)
{
	const char *why;

	walk_options("SLOT DIRTY", &argc, argv);
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	walk_begin(groups, ARRAY_SIZE(groups), "mem_slot/walk");
	return report_run();
}
