// SPDX-License-Identifier: GPL-2.0-only
/*
 * Set-up and tear-down of a line: see bench.h.
 */
#include "case/report.h"
#include "s390x/bench.h"
#include "s390x/judge.h"
#include "s390x/trial.h"

static const struct bench *bench;

static struct arena *create(void)
{
	if (bench->huge)
		return arena_create_huge(bench->slots, bench->count);
	/* What was written before is in no log that a slot has later */
	return bench->flags ? arena_create(bench->slots, bench->count, bench->flags)
			    : arena_create_again(bench->slots, bench->count);
}

static void begin(void)
{
	struct arena *a = create();

	if (!a) {
		report_skip(SKIP_RESOURCE, "needs huge pages (root, or reserved), and "
					   "KVM_CAP_S390_HPAGE_1M (module parameter hpage=1)");
		return;
	}
	a->state.cpu.edat1 = arena_facility(a, 8);
	a->state.cpu.edat2 = arena_facility(a, 78);
	*bench->arena = a;
	if (bench->dat)
		dat_create(bench->dat, a, bench->tables);
	if (bench->judge)
		judge_create(a);
	if (bench->begin)
		bench->begin();
}

static void end(void)
{
	trial_rest(*bench->arena);
	if (bench->end)
		bench->end();
	arena_free(*bench->arena);
	*bench->arena = NULL;
}

int bench_run(const struct bench *b)
{
	bench = b;
	report_around(begin, end);
	return report_run();
}

int bench_main(int argc, char **argv, const struct line *lines, size_t count, const struct bench *b)
{
	memop_begin(argc, argv, lines, count, b->need);
	return bench_run(b);
}
