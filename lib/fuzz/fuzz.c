// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fuzzers have in common: see fuzz/fuzz.h.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "case/bytes.h"
#include "case/report.h"
#include "kvm_util.h"
#include "fuzz/fuzz.h"

static unsigned long seed = 0x1d1c, steps, minutes;

void fuzz_options(void)
{
	static const struct report_number numbers[] = {
		{ "--seed", "of the requests; 0: from the clock", &seed },
		{ "--steps", "requests of each line; 0: as many as usual", &steps },
		{ "--minutes", "make requests so long, line by line", &minutes },
	};

	report_numbers(numbers, ARRAY_SIZE(numbers));
}

struct fuzz fuzz_begin(unsigned int line, uint64_t usual)
{
	if (!seed) {
		seed = (unsigned long)time(NULL);
		printf("# option: --seed %#lx\n", seed);
	}
	return (struct fuzz){ .line = line,
			      .steps = steps ? steps : usual,
			      .end = minutes ? report_seconds() + 60.0 * (double)minutes : 0 };
}

bool fuzz_next(struct fuzz *f)
{
	if (f->end ? report_seconds() >= f->end : f->number >= f->steps)
		return false;
	draw_begin(&f->draw, seed, f->line << 40 | ++f->number);
	return true;
}

const char *fuzz_text(const struct fuzz *f, char *text)
{
	snprintf(text, FUZZ_TEXT, "--seed %#lx, request %llu", seed, (unsigned long long)f->number);
	return text;
}

/* ------------------------------------------------------------------ requests */

struct fuzz_files fuzz_files(int right, int other)
{
	struct fuzz_files f = { .fd = { right, other, open("/dev/null", O_RDWR | O_CLOEXEC) } };

	/* A number that no later file gets */
	f.fd[RAW_CLOSED] = fcntl(right, F_DUPFD_CLOEXEC, 900);
	TEST_ASSERT(f.fd[RAW_FOREIGN] >= 0 && f.fd[RAW_CLOSED] >= 0, "descriptors");
	close(f.fd[RAW_CLOSED]);
	return f;
}

void fuzz_files_close(struct fuzz_files *f)
{
	close(f->fd[RAW_FOREIGN]);
}

void fuzz_lay(struct fuzz_call *c, struct fuzz *f, const struct fuzz_memory *m)
{
	const size_t size = _IOC_SIZE(c->nr);

	c->raw.file = RAW_RIGHT;
	if (draw_one_in(&f->draw, 24))
		c->raw.file = (enum raw_file)draw_below(&f->draw, RAW_FILES);
	c->place = fuzz_place(m, &f->draw, size, 8);
	c->raw.readable = c->place.readable == size;
	c->raw.writable = c->place.writable == size;
	fuzz_fill(&c->place, c->request);
}

void fuzz_issue(struct fuzz_call *c, const struct fuzz_files *files)
{
	c->outcome = outcome_of(ioctl(files->fd[c->raw.file], c->nr, c->place.user));
}

void fuzz_wrong(const struct fuzz *f, const char *text, const char *expected, const char *format,
		...)
{
	char state[FUZZ_TEXT], observed[200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(observed, sizeof(observed), format, ap);
	va_end(ap);
	report_fail(&(struct finding){ .state = fuzz_text(f, state),
				       .request = text,
				       .expected = expected,
				       .observed = observed,
				       .offset = -1 });
}

bool fuzz_judge(const struct fuzz *f, const struct fuzz_call *c, const struct answers *a,
		void *answered, const char *text)
{
	const char *clause = answers_clause(a, c->outcome);
	char want[ANSWERS_TEXT], got[OUTCOME_TEXT];
	bool begun = report_case();
	long changed;

	if (answered && c->place.alias)
		bytes_copy(answered, c->place.alias, c->place.readable);
	changed = fuzz_changed(&c->place, answered ? NULL : c->request);
	if (!begun)
		return false;
	report_decided(clause);
	if (!clause)
		fuzz_wrong(f, text, answers_text(a, want), "%s", outcome_text(c->outcome, got));
	else if (changed != LONG_MIN)
		fuzz_wrong(f, text, "the request, and the bytes around it, stay",
			   "the byte at offset %ld has changed", changed);
	return clause && changed == LONG_MIN;
}
