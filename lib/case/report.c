// SPDX-License-Identifier: GPL-2.0-only
/*
 * Result lines: see report.h. The numbering of cases is the order in which
 * report_case() is called, so it is stable as long as a test enumerates.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kselftest.h"
#include "case/report.h"

#define BLOCKS_PER_LINE 10
#define LINE_SHIFT 24
#define CASE_MASK ((1UL << LINE_SHIFT) - 1)

static struct {
	const char *program;
	const struct line *lines;
	size_t count;
	const struct report_number *numbers;
	size_t number_count;
	size_t current;	       /* the line that is being checked, from 1 */
	unsigned long only;    /* --case, 0 for all */
	unsigned long cases;   /* begun in this line */
	unsigned long checked; /* of these, those that were run */
	unsigned long failed;
	unsigned long deviated;
	const char *deviation; /* the last one's name */
	double begun;	       /* the line, by report_seconds() */
	char skip[200];
	bool running; /* between plan and last result */
} report;

static void usage(FILE *f)
{
	fprintf(f,
		"usage: %s [--case ID] [--list]\n"
		"  --case ID  only the case with this number, as a failure prints it\n"
		"  --list     the results of this test\n",
		report.program);
	for (size_t i = 0; i < report.number_count; i++)
		fprintf(f, "  %s N  %s (%#lx)\n", report.numbers[i].option, report.numbers[i].help,
			*report.numbers[i].value);
}

void report_numbers(const struct report_number *numbers, size_t count)
{
	report.numbers = numbers;
	report.number_count = count;
}

/* Is @option one of the test's own? Then @text becomes its value. */
static bool read_number(const char *option, const char *text)
{
	for (size_t i = 0; i < report.number_count; i++) {
		char *end = NULL;

		if (strcmp(option, report.numbers[i].option))
			continue;
		errno = 0;
		if (text && *text)
			*report.numbers[i].value = strtoul(text, &end, 0);
		if (!end || *end || errno || *text == '-') {
			fprintf(stderr, "%s: %s takes a number, not: %s\n", report.program, option,
				text ? text : "(nothing)");
			exit(2);
		}
		return true;
	}
	return false;
}

static void list_and_exit(void)
{
	for (size_t i = 0; i < report.count; i++)
		printf("%zu %s\n", i + 1, report.lines[i].name);
	exit(KSFT_PASS);
}

static void parse_case(const char *text)
{
	char *end;
	size_t line;

	report.only = text ? strtoul(text, &end, 0) : 0;
	line = report.only >> LINE_SHIFT;
	if (!text || *end || !line || line > report.count || !(report.only & CASE_MASK)) {
		fprintf(stderr, "%s: --case takes a number as a failure prints it, not: %s\n",
			report.program, text ? text : "(nothing)");
		exit(2);
	}
}

static void need_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("TAP version 13\n1..0 # SKIP /dev/kvm cannot be opened: %s\n",
		       strerror(errno));
		exit(KSFT_SKIP);
	}
	close(fd);
}

void report_options(int argc, char **argv, const struct line *lines, size_t count)
{
	report.program = argv[0];
	report.lines = lines;
	report.count = count;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--case")) {
			parse_case(argv[i + 1]);
			i++;
		} else if (read_number(argv[i], argv[i + 1])) {
			i++;
		} else if (!strcmp(argv[i], "--list")) {
			list_and_exit();
		} else if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			usage(stdout);
			exit(KSFT_PASS);
		} else {
			fprintf(stderr, "%s: unknown option %s\n", report.program, argv[i]);
			usage(stderr);
			exit(2);
		}
	}
	need_kvm();
}

void report_need(bool there, const char *what)
{
	if (there)
		return;
	printf("TAP version 13\n1..0 # SKIP needs %s\n", what);
	exit(KSFT_SKIP);
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

bool report_case(void)
{
	report.cases++;
	if (report.only && (report.only & CASE_MASK) != report.cases)
		return false;
	report.checked++;
	return true;
}

bool report_wants(unsigned long count)
{
	unsigned long only = report.only & CASE_MASK;

	return !report.only || (only > report.cases && only <= report.cases + count);
}

void report_fail(const struct finding *f)
{
	const struct line *line = &report.lines[report.current - 1];
	unsigned long id = (report.current << LINE_SHIFT) + report.cases;

	if (report.failed++ >= BLOCKS_PER_LINE)
		return;
	printf("# FAILED: %s\n", line->name);
	printf("#   clause    %s\n", f->clause ? f->clause : line->clauses);
	if (f->state)
		printf("#   state     %s\n", f->state);
	if (f->request)
		printf("#   request   %s\n", f->request);
	printf("#   expected  %s\n", f->expected);
	printf("#   observed  %s\n", f->observed);
	if (f->offset >= 0)
		printf("#   at byte   %ld\n", f->offset);
	printf("#   again     %s", report.program);
	for (size_t i = 0; i < report.number_count; i++)
		printf(" %s %#lx", report.numbers[i].option, *report.numbers[i].value);
	printf(" --case %#lx\n", id);
}

bool report_outcome(struct outcome expected, struct outcome observed, const char *request)
{
	char want[OUTCOME_TEXT], got[OUTCOME_TEXT];

	if (!report_case() || outcome_equal(observed, expected))
		return true;
	report_fail(&(struct finding){ .request = request,
				       .expected = outcome_text(expected, want),
				       .observed = outcome_text(observed, got),
				       .offset = -1 });
	return false;
}

void report_deviation(const char *name)
{
	report.deviated++;
	report.deviation = name;
}

void report_skip(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(report.skip, sizeof(report.skip), format, ap);
	va_end(ap);
}

void report_note(const char *format, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

double report_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool only_deviations(void)
{
	return report.deviated && report.deviated == report.checked && !report.failed;
}

/* Print the result of the current line under the number @number */
static void print_result(size_t number)
{
	const char *name = report.lines[report.current - 1].name;

	printf("# clauses: %s\n", report.lines[report.current - 1].clauses);
	if (report.failed > BLOCKS_PER_LINE)
		printf("# %lu more cases of this line failed\n", report.failed - BLOCKS_PER_LINE);
	if (report.skip[0] && !report.failed) {
		printf("ok %zu %s # SKIP %s\n", number, name, report.skip);
		return;
	}
	if (!report.checked)
		printf("# no case was checked\n");
	else
		printf("# cases: %lu\n# rate: %.0f cases per second\n", report.checked,
		       (double)report.checked / (report_seconds() - report.begun));
	if (report.deviated)
		printf("# known deviation %s: %lu cases\n", report.deviation, report.deviated);
	printf("%s %zu %s%s%s\n", report.failed || !report.checked ? "not ok" : "ok", number, name,
	       only_deviations() ? " # XFAIL known deviation " : "",
	       only_deviations() ? report.deviation : "");
}

int report_run(void)
{
	size_t passed = 0, failed = 0, skipped = 0, number = 0;

	atexit(ended_early);
	printf("TAP version 13\n1..%zu\n", report.only ? 1 : report.count);
	report.running = true;
	for (report.current = 1; report.current <= report.count; report.current++) {
		if (report.only && report.only >> LINE_SHIFT != report.current)
			continue;
		report.cases = report.checked = report.failed = report.deviated = 0;
		report.skip[0] = 0;
		report.begun = report_seconds();
		report.lines[report.current - 1].check();
		print_result(++number);
		if (report.failed || (!report.checked && !report.skip[0]))
			failed++;
		else if (report.skip[0] || only_deviations())
			skipped++;
		else
			passed++;
	}
	report.running = false;
	printf("# Totals: pass:%zu fail:%zu skip:%zu\n", passed, failed, skipped);
	if (failed)
		return KSFT_FAIL;
	return passed ? KSFT_PASS : KSFT_SKIP;
}
