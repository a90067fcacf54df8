/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dirty log of a slot whose pages are written, and then have a history: what was
 * written is in it, whatever happened to the page since, and nothing else is.
 */
#ifndef HISTORY_LOG_H
#define HISTORY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/worker.h"
#include "slot/history.h"

#define HISTORY_LOG_PAGES 16 /* that are looked at closely */

struct history_log {
	struct worker *worker;
	uint32_t slot;
	uint64_t gpa, size; /* of the slot, that has a log */
	uint8_t *memory;
	const size_t *page; /* numbers of the pages that get a history, in ascending order: */
	size_t count;	    /* every third is written before, read, and not touched at all */
	/* Requests that read and write 8 bytes for the guest; NULL: it loads and stores itself */
	void (*read)(uint64_t gpa);
	void (*write)(uint64_t gpa, uint64_t value);
	const char *by; /* what they are, in words; NULL: the guest */
	/* s390: with storage keys in use a read makes a page that may count as written from the
	 * first */
	bool keys_in_use;
};

/*
 * history_log_line - all cases of a line about @h
 * The memory must be anonymous, private, and as the slot was made. It is so afterwards.
 */
void history_log_line(const struct history_log *l, enum history h);

/*
 * history_log_cases - the same as a part of a line
 * Returns NULL, or in words what is missing for it to happen: then there were no cases.
 */
const char *history_log_cases(const struct history_log *l, enum history h);

#endif
