// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which rule is left out: see rules.h.
 */
#include "rules.h"

static enum contract_rule broken;

void contract_break(enum contract_rule rule)
{
	broken = rule;
}

bool contract_on(enum contract_rule rule)
{
	return rule != broken;
}
