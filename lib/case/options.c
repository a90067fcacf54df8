// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of a test binary: see report.h. What cannot be meant is refused
 * with 2, so that a typing error never makes a run that checks less.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

struct plan plan;

static void usage(FILE *f)
{
	fprintf(f,
		"usage: %s [--case ID | --lines LIST | -t NAME] [--list]\n"
		"  --case ID     only the case with this number, as a failure prints it\n"
		"  --lines LIST  only these lines, in this order: A, A-B or A-, with commas "
		"between\n"
		"  -t NAME       only the line with this name\n"
		"  --list, -l    the lines of this test\n",
		plan.program);
	for (size_t i = 0; i < plan.number_count; i++)
		fprintf(f, "  %s N  %s (%#lx)\n", plan.numbers[i].option, plan.numbers[i].help,
			*plan.numbers[i].value);
}

static _Noreturn __attribute__((format(printf, 1, 2))) void refuse(const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", plan.program);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(EXIT_USAGE);
}

void report_numbers(const struct report_number *numbers, size_t count)
{
	plan.numbers = numbers;
	plan.number_count = count;
}

/* Is @option one of the test's own? Then @text becomes its value. */
static bool read_number(const char *option, const char *text)
{
	for (size_t i = 0; i < plan.number_count; i++) {
		char *end = NULL;

		if (strcmp(option, plan.numbers[i].option))
			continue;
		errno = 0;
		if (text && *text)
			*plan.numbers[i].value = strtoul(text, &end, 0);
		if (!end || *end || errno || *text < '0' || *text > '9')
			refuse("%s takes a number, not: %s", option, text ? text : "(nothing)");
		return true;
	}
	return false;
}

static void list_and_exit(void)
{
	for (size_t i = 0; i < plan.count; i++)
		printf("%zu %s\n", i + 1, plan.lines[i].name);
	exit(fflush(stdout) || ferror(stdout) ? 3 : 0);
}

static void choose(size_t line)
{
	plan.chosen = realloc(plan.chosen, (plan.planned + 1) * sizeof(*plan.chosen));
	if (!plan.chosen)
		abort();
	plan.chosen[plan.planned++] = line;
}

static void parse_case(const char *text)
{
	char *end;
	size_t line;

	plan.only = text ? strtoul(text, &end, 0) : 0;
	line = plan.only >> LINE_SHIFT;
	if (!text || *end || !line || line > plan.count || !(plan.only & CASE_MASK))
		refuse("--case takes a number as a failure prints it, not: %s",
		       text ? text : "(nothing)");
	choose(line);
}

/* A number of a line at *@text, which moves behind it; 0 if there is none */
static size_t line_number(const char **text)
{
	char *end;
	unsigned long n;

	if (**text < '0' || **text > '9')
		return 0;
	n = strtoul(*text, &end, 10);
	*text = end;
	return n;
}

/* "3", "2-5" or "4-", separated by commas */
static void parse_lines(const char *text)
{
	const char *at = text ? text : "";

	do {
		size_t first = line_number(&at), last = first;
		bool open = false;

		if (*at == '-') {
			at++;
			open = *at == ',' || !*at;
			last = open ? plan.count : line_number(&at);
		}
		if (!first || (!open && (last < first || last > plan.count)) || (*at && *at != ','))
			refuse("--lines takes numbers of its %zu lines, not: %s", plan.count,
			       text ? text : "(nothing)");
		for (size_t n = first; n <= last; n++)
			choose(n);
	} while (*at++);
}

static void parse_name(const char *name)
{
	for (size_t i = 0; name && i < plan.count; i++)
		if (!strcmp(name, plan.lines[i].name)) {
			choose(i + 1);
			return;
		}
	refuse("-t takes the name of a line, as --list tells it, not: %s",
	       name ? name : "(nothing)");
}

/* FAMILY/NAME, by where the program is; as it was called where that cannot be told */
static void name_program(const char *called)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const char *from = called;

	if (len > 0) {
		path[len] = 0;
		from = path;
	}
	for (const char *s = strchr(from, '/'); s && strchr(s + 1, '/'); s = strchr(from, '/'))
		from = s + 1;
	snprintf(plan.program, sizeof(plan.program), "%.*s", PROGRAM_TEXT - 1, from);
}

static void need_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	char why[120];

	if (fd >= 0) {
		close(fd);
		return;
	}
	snprintf(why, sizeof(why), "/dev/kvm that can be opened: %s", strerror(errno));
	report_need(false, errno == EACCES || errno == EPERM ? SKIP_PERMISSION : SKIP_CAPABILITY,
		    why);
}

/* Options that say which lines; each takes a value */
static bool read_choice(const char *option, const char *value)
{
	if (!strcmp(option, "--case"))
		parse_case(value);
	else if (!strcmp(option, "--lines"))
		parse_lines(value);
	else if (!strcmp(option, "-t"))
		parse_name(value);
	else
		return false;
	return true;
}

void report_options(int argc, char **argv, const struct line *lines, size_t count)
{
	unsigned int choices = 0;

	name_program(argv[0]);
	plan.lines = lines;
	plan.count = count;
	for (int i = 1; i < argc; i++) {
		if (read_choice(argv[i], argv[i + 1])) {
			choices++;
			i++;
		} else if (read_number(argv[i], argv[i + 1])) {
			i++;
		} else if (!strcmp(argv[i], "--list") || !strcmp(argv[i], "-l")) {
			list_and_exit();
		} else if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			usage(stdout);
			exit(0);
		} else {
			usage(stderr);
			refuse("unknown option %s", argv[i]);
		}
	}
	if (choices > 1)
		refuse("one of --case, --lines and -t, and once");
	for (size_t n = 1; !choices && n <= count; n++)
		choose(n);
	need_kvm();
}
