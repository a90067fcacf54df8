// SPDX-License-Identifier: GPL-2.0-only
/*
 * Result lines: see report.h. The numbering of cases is the order in which
 * report_case() is called, so it is stable as long as a test enumerates.
 *
 * Over 300 lines: what a line counts, prints and tells belongs to one state.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kselftest.h"
#include "case/bytes.h"
#include "internal.h"

#define BLOCKS_PER_LINE 10
#define KINDS 8 /* of deviations, or of faults, in one line */
#define CAPABILITIES 16
#define PROGRESS_SECONDS 2.0
#define EXIT_LOST 3

/* Names with the number of cases that met them */
struct tally {
	const char *name[KINDS];
	unsigned long cases[KINDS];
	size_t kinds;
};

static struct {
	void (*begin)(void), (*end)(void);
	struct {
		const char *name;
		long value;
	} capability[CAPABILITIES];
	size_t capabilities;
	size_t current;	       /* the line that is being checked, from 1 */
	unsigned long cases;   /* begun in this line */
	unsigned long checked; /* of these, those that were run */
	unsigned long failed;
	unsigned long deviated;
	unsigned long aside;	    /* that decide nothing */
	bool open;		    /* a case has begun that is not counted yet */
	bool open_excused;	    /* and it deviates, or meets a fault */
	uint64_t decided, deciding; /* masks of clauses: this case's, and until further notice */
	struct tally deviation, fault;
	double begun, told; /* the line, and its progress, by report_seconds() */
	char skip[200];
	bool running; /* between plan and last result */
} report;

static const char *const class_text[] = {
	[SKIP_ARCHITECTURE] = "architecture",
	[SKIP_CAPABILITY] = "capability",
	[SKIP_PERMISSION] = "permission",
	[SKIP_RESOURCE] = "resource",
	[SKIP_TARGET] = "target",
};

double report_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What is printed has to arrive, or the run is no evidence */
static int end_with(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: the results could not be written\n", plan.program);
		return EXIT_LOST;
	}
	return status;
}

static _Noreturn void skip_all(enum skip_class class, const char *what)
{
	ksft_print_header();
	printf("1..0 # SKIP %s: %s\n", class_text[class], what);
	exit(end_with(KSFT_SKIP));
}

void report_need(bool there, enum skip_class class, const char *what)
{
	char why[200];

	if (there)
		return;
	snprintf(why, sizeof(why), "needs %s", what);
	skip_all(class, why);
}

void report_capability(const char *name, long value)
{
	if (report.capabilities == CAPABILITIES)
		return;
	report.capability[report.capabilities].name = name;
	report.capability[report.capabilities++].value = value;
}

void report_around(void (*begin)(void), void (*end)(void))
{
	report.begin = begin;
	report.end = end;
}

/*
 * kvm_util ends the process where one of its assertions fails, with a status
 * that may read as a skip. That is no result: what was planned did not happen.
 */
static void ended_early(void)
{
	if (!report.running)
		return;
	printf("Bail out! ended in line %zu, case %#lx, before the plan was complete\n",
	       report.current, (report.current << LINE_SHIFT) + report.cases);
	fflush(stdout);
	_exit(KSFT_FAIL);
}

static void close_case(void)
{
	if (report.open && !report.open_excused)
		clauses_count(report.decided | report.deciding);
	report.open = false;
}

static void tell_progress(void)
{
	double now = report_seconds();

	if (now - report.told < PROGRESS_SECONDS)
		return;
	report.told = now;
	printf("# progress: %zu %lu\n", report.current, report.cases);
}

bool report_case(void)
{
	close_case();
	report.cases++;
	/* Not each time, since many cases cost less than a look at the clock */
	if (report.cases < 256 || report.cases % 16 == 0)
		tell_progress();
	if (plan.only && (plan.only & CASE_MASK) != report.cases)
		return false;
	report.checked++;
	report.open = true;
	report.open_excused = false;
	report.decided = 0;
	return true;
}

bool report_wants(unsigned long count)
{
	unsigned long only = plan.only & CASE_MASK;

	return !plan.only || (only > report.cases && only <= report.cases + count);
}

void report_decided(const char *names)
{
	if (names) {
		report.decided |= clauses_mask(names);
	} else if (report.open) {
		report.open = false;
		report.aside++;
	}
}

void report_deciding(const char *names)
{
	close_case();
	report.deciding = names ? clauses_mask(names) : 0;
}

bool report_undecided(void)
{
	close_case();
	return clauses_left();
}

static void count(struct tally *t, const char *name)
{
	size_t i = 0;

	while (i < t->kinds && strcmp(t->name[i], name))
		i++;
	if (i == KINDS)
		abort();
	if (i == t->kinds) {
		t->name[t->kinds++] = name;
		t->cases[i] = 0;
	}
	t->cases[i]++;
}

void report_deviation(const char *name)
{
	if (!report.open_excused)
		count(&report.deviation, name);
	report.deviated += !report.open_excused;
	report.open_excused = true;
}

void report_fault(const char *name)
{
	report.open_excused = true;
	count(&report.fault, name);
}

void report_blame(const char *name)
{
	count(&report.fault, name);
}

static void print_field(const char *name, const char *text)
{
	if (text)
		printf("#   %-9s %s\n", name, text);
}

void report_fail(const struct finding *f)
{
	const struct line *line = &plan.lines[report.current - 1];

	if (report.failed++ >= BLOCKS_PER_LINE)
		return;
	if (f->clause)
		report_decided(f->clause);
	printf("# FAILED: %s\n", line->name);
	print_field("clause", f->clause ? f->clause : line->clauses);
	print_field("state", f->state);
	print_field("request", f->request);
	print_field("expected", f->expected);
	print_field("observed", f->observed);
	if (f->offset >= 0)
		printf("#   at byte   %ld\n", f->offset);
	printf("#   again     %s", plan.program);
	for (size_t i = 0; i < plan.number_count; i++)
		printf(" %s %#lx", plan.numbers[i].option, *plan.numbers[i].value);
	printf(" --case %#lx\n", (report.current << LINE_SHIFT) + report.cases);
	/* What comes next may be that this process hangs */
	fflush(stdout);
}

bool report_outcome(struct outcome expected, struct outcome observed, const char *request)
{
	char want[OUTCOME_TEXT], got[OUTCOME_TEXT];

	if (!report_case() || outcome_equal(observed, expected))
		return true;
	report_wrong(request, outcome_text(expected, want), "%s", outcome_text(observed, got));
	return false;
}

static void wrong(const char *request, const char *expected, const char *format, va_list ap)
{
	char text[200];

	vsnprintf(text, sizeof(text), format, ap);
	report_fail(&(struct finding){
		.request = request, .expected = expected, .observed = text, .offset = -1 });
}

bool report_same(const void *is, const void *to_be, size_t len, const char *request,
		 const char *expected)
{
	long d = bytes_differ(is, to_be, len);

	if (d >= 0)
		report_fail(&(struct finding){ .request = request,
					       .expected = expected,
					       .observed = "another byte",
					       .offset = d });
	return d < 0;
}

void report_wrong(const char *request, const char *expected, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	wrong(request, expected, format, ap);
	va_end(ap);
}

bool report_check(bool good, const char *request, const char *expected, const char *format, ...)
{
	va_list ap;

	if (!report_case() || good)
		return true;
	va_start(ap, format);
	wrong(request, expected, format, ap);
	va_end(ap);
	return false;
}

void report_skip(enum skip_class class, const char *format, ...)
{
	int used = snprintf(report.skip, sizeof(report.skip), "%s: ", class_text[class]);
	va_list ap;

	va_start(ap, format);
	vsnprintf(report.skip + used, sizeof(report.skip) - (size_t)used, format, ap);
	va_end(ap);
}

bool report_skipped(void)
{
	return report.skip[0];
}

void report_note(const char *name, double value, const char *unit)
{
	printf("# note: %s %.10g %s\n", name, value, unit);
}

void report_about(const char *format, ...)
{
	va_list ap;

	printf("# about: ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

static bool only_deviations(void)
{
	return report.deviated && report.deviated == report.checked - report.aside;
}

static void print_tally(const char *what, const struct tally *t)
{
	for (size_t i = 0; i < t->kinds; i++)
		printf("# %s: %s %lu\n", what, t->name[i], t->cases[i]);
}

static void print_facts(void)
{
	if (report.failed > BLOCKS_PER_LINE)
		printf("# %lu more cases of this line failed\n", report.failed - BLOCKS_PER_LINE);
	clauses_print();
	print_tally("deviation", &report.deviation);
	print_tally("finding", &report.fault);
	if (!report.checked)
		return;
	report_note("rate", (double)report.checked / (report_seconds() - report.begun), "cases/s");
	printf("# cases: %lu\n", report.checked);
}

/* kselftest's own forms of these have no room for a name */
static void print_excused(const char *name, const char *directive, const char *why)
{
	printf("ok %u %s # %s %s\n", (unsigned int)ksft_test_num(), name, directive, why);
}

static void print_result(void)
{
	const char *name = plan.lines[report.current - 1].name;

	print_facts();
	if (report.failed) {
		ksft_test_result_fail("%s\n", name);
	} else if (report.skip[0]) {
		ksft_inc_xskip_cnt();
		print_excused(name, "SKIP", report.skip);
	} else if (!report.checked) {
		printf("# no case was checked\n");
		ksft_test_result_fail("%s\n", name);
	} else if (report.fault.kinds || only_deviations()) {
		ksft_inc_xfail_cnt();
		print_excused(name, "XFAIL",
			      report.fault.kinds ? report.fault.name[0] : report.deviation.name[0]);
	} else {
		ksft_test_result_pass("%s\n", name);
	}
}

static void check_line(size_t number)
{
	const struct line *line = &plan.lines[number - 1];

	report.current = number;
	report.cases = report.checked = report.failed = report.deviated = report.aside = 0;
	report.deviation.kinds = report.fault.kinds = 0;
	report.deciding = 0;
	report.skip[0] = 0;
	printf("# begin: %zu %s\n", number, line->name);
	clauses_begin(line->clauses);
	fflush(stdout);
	report.begun = report.told = report_seconds();
	if (report.begin)
		report.begin();
	if (!report_skipped()) {
		line->check();
		if (report.end)
			report.end();
	}
	close_case();
	print_result();
}

static void print_head(void)
{
	ksft_print_header();
	ksft_set_plan((unsigned int)plan.planned);
	printf("# program: %s %zu\n", plan.program, plan.count);
	for (size_t i = 0; i < plan.number_count; i++)
		printf("# option: %s %#lx\n", plan.numbers[i].option, *plan.numbers[i].value);
	for (size_t i = 0; i < report.capabilities; i++)
		printf("# capability: %s %ld\n", report.capability[i].name,
		       report.capability[i].value);
}

int report_run(void)
{
	char why[60];

	if (!plan.planned) {
		snprintf(why, sizeof(why), "it has only %zu lines", plan.count);
		skip_all(SKIP_RESOURCE, why);
	}
	atexit(ended_early);
	print_head();
	report.running = true;
	for (size_t i = 0; i < plan.planned; i++)
		check_line(plan.chosen[i]);
	report.running = false;
	ksft_print_cnts();
	if (ksft_get_fail_cnt())
		return end_with(KSFT_FAIL);
	return end_with(ksft_get_pass_cnt() || ksft_get_xfail_cnt() ? KSFT_PASS : KSFT_SKIP);
}
