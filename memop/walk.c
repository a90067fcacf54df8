// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks through the states of a VM: requests of MEM_OP and for storage keys, vCPUs in many
 * modes, slots, logs and whatever happens to the memory behind them, by chance, against a
 * model of all of it (include/world/world.h, include/s390x/world.h) and the oracle.
 *
 * contract.md, MEMOP and SKEY; what mem_slot/walk has is in it too. How it is seen: each
 * action's outcome is judged, and at the end of each walk every log, key and byte. A walk
 * that fails is shrunk to the fewest actions.
 */
#include "s390x/memop.h"
#include "s390x/world_request.h"
#include "world/walk.h"

static const struct actions *const groups[] = {
	&world_slot_actions,  &world_log_actions,   &world_history_actions,
	&world_guest_actions, &world_limit_actions, &world_memop_actions,
	&world_key_actions,   &world_mode_actions,  &world_race_actions,
};

/* Clauses that decide an outcome in nearly every walk: that one never did is an error */
#define MET_EACH_TIME                                                                              \
	"MEMOP-RET-01 MEMOP-RET-02 MEMOP-ADDR-01 MEMOP-ADDR-03 MEMOP-BUF-03 MEMOP-BUF-04 "         \
	"MEMOP-KEY-03 MEMOP-KEY-04 MEMOP-KEY-06 MEMOP-KEY-08 MEMOP-CHK-02 MEMOP-ORDER-01 "         \
	"MEMOP-ABS-03 MEMOP-ABS-04 MEMOP-LOG-02 MEMOP-LOG-04 MEMOP-XCHG-02 MEMOP-XCHG-03 "         \
	"MEMOP-XCHG-04 MEMOP-XCHG-07 MEMOP-INJ-01 MEMOP-INJ-02 SKEY-04 SKEY-05 SKEY-10"

static void walks(void)
{
	walk_line(1000, WALK_PLAIN);
}

static void walks_at_once(void)
{
	walk_line(600, WALK_AT_ONCE);
}

static const struct walk_kept known[] = {
#include "../tests/walks/memop_findings.inc"
};

static void walks_with_findings(void)
{
	walk_kept_line(known, ARRAY_SIZE(known));
	walk_line(300, WALK_FINDINGS);
}

static const struct walk_kept kept[] = {
#include "../tests/walks/memop.inc"
};

static void kept_walks(void)
{
	walk_kept_line(kept, ARRAY_SIZE(kept));
}

static const struct line lines[] = {
	{ "random histories of memory, keys, vCPUs and slots are as the model has them",
	  MET_EACH_TIME, walks },
	{ "the same, with two host threads at once on the same byte and its slot",
	  MET_EACH_TIME " MEMOP-XCHG-05", walks_at_once },
	{ "walks that once found something pass", "MEMOP-INJ-01 SKEY-01 SKEY-06", kept_walks },
	{ "random histories that may meet known faults of released kernels", "SKEY-05",
	  walks_with_findings },
};

int main(int argc, char **argv)
{
	walk_options("MEMOP SKEY", &argc, argv);
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	walk_begin(groups, ARRAY_SIZE(groups), "memop/walk");
	return report_run();
}
