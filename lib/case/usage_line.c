// SPDX-License-Identifier: GPL-2.0-only
/*
 * What many kinds of requests leave behind: see usage.h. A look costs as much as thousands of
 * requests, so that all kinds of a line are looked at together first.
 */
#include "case/report.h"
#include "case/usage.h"

static struct {
	unsigned long times;
	bool (*once)(void); /* of the kind under way */
	void (*goes_on)(const char *name);
	enum { TOGETHER, CLOSELY, ONCE } look;
	bool odd;
} line;

static void one_kind(void)
{
	for (unsigned long i = 0; i < line.times; i++)
		line.odd |= !line.once();
}

bool usage_kind(const char *name, const char *clause, bool (*once)(void))
{
	char what[USAGE_TEXT];

	line.once = once;
	if (line.look == TOGETHER) {
		one_kind();
		return true;
	}
	if (!report_case())
		return true;
	report_decided(clause);
	if (line.look == ONCE)
		return once();
	line.odd = false;
	if (usage_grows(one_kind, line.times, what))
		report_wrong(name, "nothing of it stays in use", "%s", what);
	line.goes_on(name);
	return !line.odd;
}

bool usage_each_once(void (*kinds)(void))
{
	line.times = 1;
	line.look = TOGETHER;
	line.odd = false;
	kinds();
	return !line.odd;
}

void usage_line(void (*kinds)(void), unsigned long times, void (*goes_on)(const char *name))
{
	char what[USAGE_TEXT] = "";
	bool grows;

	line.times = times;
	line.goes_on = goes_on;
	line.look = TOGETHER;
	line.odd = false;
	grows = usage_grows(kinds, times, what);
	report_check(!grows, "all of them, many times", "nothing of them stays in use", "%s", what);
	goes_on("all of them, many times");
	line.look = grows || line.odd ? CLOSELY : ONCE;
	kinds();
}
