// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log and the histories of pages: see history_log.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "case/bytes.h"
#include "case/report.h"
#include "guest/history_log.h"
#include "slot/deviation.h"

enum before { WRITTEN, READ, UNTOUCHED };

static struct {
	const struct history_log *l;
	enum history h;
	struct history_page page[HISTORY_LOG_PAGES];
	uint8_t *bits;
	const char *missing;
} now;

static size_t pages(void)
{
	return now.l->size / history_page_size();
}

static enum before before(size_t i)
{
	return (enum before)(i % 3);
}

static void guest(struct history_page *p, bool write)
{
	uint64_t value;

	bytes_copy(&value, p->bytes, sizeof(value));
	if (!write && now.l->read)
		now.l->read(p->gpa);
	else if (!write)
		worker_read(now.l->worker, p->gpa);
	else if (now.l->write)
		now.l->write(p->gpa, value);
	else
		worker_write(now.l->worker, p->gpa, value);
}

static void take_log(void)
{
	struct kvm_dirty_log log = { .slot = now.l->slot, .dirty_bitmap = now.bits };

	memset(now.bits, 0xa5, (pages() + 63) / 64 * 8);
	TEST_ASSERT(!ioctl(now.l->worker->vm->fd, KVM_GET_DIRTY_LOG, &log),
		    "KVM_GET_DIRTY_LOG, errno %d", errno);
}

static bool in_log(size_t page)
{
	return now.bits[page / 8] >> page % 8 & 1;
}

static void wrong(const char *step, size_t page, const char *expected)
{
	char state[200], observed[60];

	snprintf(state, sizeof(state), "a page that %s; %s by %s", history_name(now.h), step,
		 now.l->by ? now.l->by : "the guest");
	snprintf(observed, sizeof(observed), "page %zu %s", page,
		 in_log(page) ? "is in it" : "is not in it");
	report_fail(&(struct finding){
		.state = state, .expected = expected, .observed = observed, .offset = -1 });
}

/* Whether what the process writes is in the log is said nowhere */
static bool host_writes(void)
{
	return now.h == HISTORY_HOST_WRITTEN || now.h == HISTORY_FORKED_WRITTEN ||
	       now.h == HISTORY_MOVED_HERE || now.h == HISTORY_PRIVATE_FILE;
}

/* A page that nobody has written shares its zeroes, or counts as written when it gets some */
static bool shares_zeroes(void)
{
	return !now.l->keys_in_use && !deviation_of_untouched_page();
}

/* May a page be in the log that the guest has not written? */
static bool may(size_t i, bool happened)
{
	/* DEV-05 and DEV-15, which mem_slot/dirty_log counts */
	if (before(i) == READ && (!shares_zeroes() || deviation_of_read_page()))
		return true;
	if (!shares_zeroes() && (now.h == HISTORY_HOST_READ || now.h == HISTORY_GUEST_READ))
		return happened;
	return happened && host_writes();
}

/* Has the process, or the kernel for it, changed the mapping of a page with its contents there? */
static bool unmapped(void)
{
	switch (now.h) {
	case HISTORY_UNTOUCHED:
	case HISTORY_HOST_READ:
	case HISTORY_GUEST_READ:
	case HISTORY_HOST_WRITTEN:
	case HISTORY_GUEST_WRITTEN:
	case HISTORY_FILE:
	case HISTORY_PRIVATE_FILE:
	case HISTORY_AGED:
		return false;
	default:
		return true;
	}
}

/* What is known of released kernels: a page that was written, and then unmapped or made old */
static const char *known_lost(bool happened)
{
	if (happened && now.h == HISTORY_AGED)
		return fault_of_aged_log();
	return happened && unmapped() ? fault_of_unmapped_log() : NULL;
}

/* Pass over words of the log that are empty, up to page number @next of those looked at closely */
static size_t skip_empty(size_t page, size_t next)
{
	size_t end = next < now.l->count ? now.l->page[next] : pages();

	while (page % 64 == 63 && page + 64 < end && !((uint64_t *)now.bits)[page / 64 + 1])
		page += 64;
	return page;
}

/* One case: the log has what was written, and no other page */
static void check_log(const char *step, bool written, bool happened)
{
	const char *known = NULL;
	size_t next = 0;

	take_log();
	if (!report_case())
		return;
	for (size_t page = 0; page < pages(); page++) {
		bool named = next < now.l->count && now.l->page[next] == page;
		bool must = named && ((written && before(next) == WRITTEN) ||
				      (happened && now.h == HISTORY_GUEST_WRITTEN));
		const char *expected = NULL;

		if (must && !in_log(page) && known_lost(happened))
			known = known_lost(happened);
		else if (must && !in_log(page))
			expected = "the page that was written is in the dirty log";
		else if (!must && in_log(page) && !(named && may(next, happened)))
			expected = "only pages that were written are in the dirty log";
		if (expected) {
			wrong(step, page, expected);
			return;
		}
		next += named;
		page = skip_empty(page, next);
	}
	if (known)
		report_fault(known);
}

static void write_pages(uint64_t salt)
{
	for (size_t i = 0; i < now.l->count; i++) {
		struct history_page *p = &now.page[i];

		p->bytes[7] = (uint8_t)(salt + i);
		if (before(i) == WRITTEN && p->writable)
			guest(p, true);
		else if (before(i) == READ && p->readable)
			guest(p, false);
	}
}

static void begin(void)
{
	for (size_t i = 0; i < now.l->count; i++) {
		struct history_page *p = &now.page[i];
		uint64_t offset = now.l->page[i] * history_page_size();

		*p = (struct history_page){ .at = now.l->memory + offset,
					    .memory = now.l->memory,
					    .size = now.l->size,
					    .guest = guest,
					    .gpa = now.l->gpa + offset };
		history_begin(now.h, p);
	}
}

/* Returns false where this kernel has nothing that makes it happen */
static bool happen(void)
{
	for (size_t i = 0; i < now.l->count; i++) {
		/* Pages that nobody wrote cannot be merged or swapped out, nor made old */
		if (before(i) != WRITTEN &&
		    (now.h == HISTORY_MERGED || now.h == HISTORY_SWAPPED || now.h == HISTORY_AGED))
			continue;
		now.missing = history_happen(now.h, &now.page[i]);
		if (now.missing)
			return false;
	}
	return true;
}

static void end(void)
{
	for (size_t i = 0; i < now.l->count; i++) {
		history_allow(&now.page[i]);
		history_end(now.h, &now.page[i]);
	}
}

const char *history_log_cases(const struct history_log *l, enum history h)
{
	now.l = l;
	now.h = h;
	now.missing = NULL;
	now.bits = calloc((l->size / history_page_size() + 63) / 64, 8);
	TEST_ASSERT(now.bits && l->count <= HISTORY_LOG_PAGES, "no memory");
	begin();
	take_log();
	write_pages(0x40);
	if (happen()) {
		check_log("written before that", true, true);
		check_log("asked again after what was written", false, false);
		for (size_t i = 0; i < l->count; i++)
			history_allow(&now.page[i]);
		take_log();
		write_pages(0x80);
		check_log("written after that", true, false);
	}
	end();
	free(now.bits);
	return now.missing;
}

void history_log_line(const struct history_log *l, enum history h)
{
	const char *missing = history_log_cases(l, h);

	if (missing)
		report_skip(SKIP_RESOURCE, "needs %s", missing);
}
