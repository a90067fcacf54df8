// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logs of slots: see dirty_log.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "case/bytes.h"
#include "case/report.h"
#include "kvm_util.h"
#include "slot/dirty_log.h"

#define GUARD 64 /* bytes behind a bitmap that are looked at */
#define UNTOUCHED 0xa5

static size_t bytes_of(size_t pages)
{
	return (pages + 63) / 64 * 8;
}

struct pages pages_none(size_t count)
{
	struct pages p = { .count = count, .bits = calloc(1, bytes_of(count) + GUARD) };

	TEST_ASSERT(p.bits, "a bitmap of %zu pages", count);
	return p;
}

void pages_free(struct pages *p)
{
	free(p->bits);
	p->bits = NULL;
}

void pages_put(struct pages *p, size_t page)
{
	p->bits[page / 8] |= (uint8_t)(1 << page % 8);
}

void pages_drop(struct pages *p, size_t page)
{
	p->bits[page / 8] &= (uint8_t) ~(1 << page % 8);
}

bool pages_has(const struct pages *p, size_t page)
{
	return p->bits[page / 8] >> page % 8 & 1;
}

void pages_put_all(struct pages *p)
{
	for (size_t page = 0; page < p->count; page++)
		pages_put(p, page);
}

void pages_empty(struct pages *p)
{
	memset(p->bits, 0, bytes_of(p->count));
}

void pages_add(struct pages *p, const struct pages *q)
{
	for (size_t i = 0; i < bytes_of(p->count); i++)
		p->bits[i] |= q->bits[i];
}

struct outcome dirty_get_to(const struct dirty_log *log, void *bitmap)
{
	struct kvm_dirty_log request = { .slot = log->slot, .dirty_bitmap = bitmap };

	return outcome_of(ioctl(log->vm_fd, KVM_GET_DIRTY_LOG, &request));
}

struct outcome dirty_get(const struct dirty_log *log, struct pages *found)
{
	size_t size = bytes_of(log->pages);
	struct outcome o;

	memset(found->bits, UNTOUCHED, size + GUARD);
	o = dirty_get_to(log, found->bits);
	for (size_t i = 0; i < GUARD; i++)
		TEST_ASSERT(found->bits[size + i] == UNTOUCHED,
			    "KVM_GET_DIRTY_LOG writes behind the bitmap of %zu pages", log->pages);
	return o;
}

struct outcome dirty_clear(const struct dirty_log *log, uint64_t first, uint32_t count,
			   const void *bitmap)
{
	struct kvm_clear_dirty_log request = {
		.slot = log->slot,
		.num_pages = count,
		.first_page = first,
		.dirty_bitmap = (void *)bitmap,
	};

	return outcome_of(ioctl(log->vm_fd, KVM_CLEAR_DIRTY_LOG, &request));
}

/* The first page that is wrong, bits behind the last one included; -1 if none is */
static long wrong_page(const struct pages *found, const struct pages *must, const struct pages *may)
{
	size_t size = bytes_of(found->count), byte = 0;

	/* As a rule all is as it must be, and compared fast */
	if (bytes_differ(found->bits, must->bits, size) < 0)
		return -1;
	for (; byte < size; byte++) {
		uint8_t is = found->bits[byte];
		uint8_t wrong =
			(is & (uint8_t)~may->bits[byte]) | (must->bits[byte] & (uint8_t)~is);

		if (wrong)
			return (long)byte * 8 + __builtin_ctz(wrong);
	}
	return -1;
}

static size_t count_wrong(const struct pages *found, const struct pages *must,
			  const struct pages *may)
{
	size_t wrong = 0;

	for (size_t page = 0; page < found->count; page++)
		wrong += pages_has(found, page) ? !pages_has(may, page) : pages_has(must, page);
	return wrong;
}

static void tell(const struct dirty_log *log, long page, const struct pages *found, size_t wrong,
		 const char *state)
{
	bool is = pages_has(found, (size_t)page);
	char text[160], request[60];

	snprintf(request, sizeof(request), "KVM_GET_DIRTY_LOG of slot %#x, %zu pages", log->slot,
		 log->pages);
	snprintf(text, sizeof(text), "page %ld is %s; %zu pages are wrong", page,
		 (size_t)page >= found->count ? "in it, and behind the slot"
		 : is			      ? "in it, though not written"
					      : "not in it, though written",
		 wrong);
	report_fail(&(struct finding){ .state = state,
				       .request = request,
				       .expected = "exactly the pages written since",
				       .observed = text,
				       .offset = -1 });
}

/* What was read, as a case that has begun */
static bool compare(const struct dirty_log *log, struct outcome o, const struct pages *found,
		    const struct pages *must, const struct pages *may, const char *state)
{
	char text[OUTCOME_TEXT];
	long page;

	if (o.ret) {
		report_wrong(state, "KVM_GET_DIRTY_LOG succeeds", "%s", outcome_text(o, text));
		return false;
	}
	page = wrong_page(found, must, may);
	if (page < 0)
		return true;
	tell(log, page, found, count_wrong(found, must, may), state);
	return false;
}

bool dirty_between(const struct dirty_log *log, const struct pages *must, const struct pages *may,
		   const char *state)
{
	struct pages found = pages_none(log->pages);
	struct outcome o = dirty_get(log, &found);
	bool good = !report_case() || compare(log, o, &found, must, may, state);

	pages_free(&found);
	return good;
}

bool dirty_is(const struct dirty_log *log, const struct pages *expected, const char *state)
{
	return dirty_between(log, expected, expected, state);
}

bool dirty_is_or(const struct dirty_log *log, const struct pages *expected,
		 const struct pages *known, const char *known_as, const char *state)
{
	struct pages found = pages_none(log->pages);
	struct outcome o = dirty_get(log, &found);
	bool deviates = known_as && !o.ret && wrong_page(&found, known, known) < 0;
	bool good = true;

	if (report_case()) {
		if (deviates && !strncmp(known_as, "FIND", 4))
			report_fault(known_as);
		else if (deviates)
			report_deviation(known_as);
		else
			good = compare(log, o, &found, expected, expected, state);
	}
	pages_free(&found);
	return good;
}

bool dirty_is_only(const struct dirty_log *log, size_t page, const char *state)
{
	struct pages one = pages_none(log->pages);
	bool good;

	pages_put(&one, page);
	good = dirty_is(log, &one, state);
	pages_free(&one);
	return good;
}

bool dirty_is_empty(const struct dirty_log *log, const char *state)
{
	struct pages none = pages_none(log->pages);
	bool good = dirty_is(log, &none, state);

	pages_free(&none);
	return good;
}
