// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many cases of a line each clause decided.
 *
 * Names become bits, and each string is taken apart once: a test says the same few
 * strings a hundred thousand times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define NAMES 64
#define WITHOUT 16
#define SETS 256 /* remembered by their address */

struct name {
	const char *text;
	int len;
	unsigned long cases;
};

static struct {
	struct name name[NAMES];
	size_t names;
	struct {
		const char *text;
		uint64_t mask;
	} set[SETS];
	uint64_t promised;
	const char *without[WITHOUT];
	size_t withouts;
} clauses;

void report_without(const char *clause)
{
	if (clauses.withouts == WITHOUT)
		abort();
	clauses.without[clauses.withouts++] = clause;
}

static bool is_without(const struct name *n)
{
	for (size_t i = 0; i < clauses.withouts; i++)
		if (strlen(clauses.without[i]) == (size_t)n->len &&
		    !strncmp(clauses.without[i], n->text, (size_t)n->len))
			return true;
	return false;
}

static uint64_t bit_of(const char *text, size_t len)
{
	for (size_t i = 0; i < clauses.names; i++)
		if ((size_t)clauses.name[i].len == len && !strncmp(clauses.name[i].text, text, len))
			return 1UL << i;
	if (clauses.names == NAMES) {
		fprintf(stderr, "a line decides more than %d clauses\n", NAMES);
		abort();
	}
	clauses.name[clauses.names].text = text;
	clauses.name[clauses.names].len = (int)len;
	clauses.name[clauses.names].cases = 0;
	return 1UL << clauses.names++;
}

static uint64_t take_apart(const char *names)
{
	uint64_t mask = 0;

	while (*(names += strspn(names, " "))) {
		size_t len = strcspn(names, " ");

		mask |= bit_of(names, len);
		names += len;
	}
	return mask;
}

uint64_t clauses_mask(const char *names)
{
	/* Addresses are near to each other: the multiplier spreads them */
	size_t i = (uintptr_t)names * 0x9e3779b97f4a7c15UL >> 56;

	if (clauses.set[i].text != names) {
		clauses.set[i].text = names;
		clauses.set[i].mask = take_apart(names);
	}
	return clauses.set[i].mask;
}

void clauses_begin(const char *promised)
{
	clauses.names = 0;
	memset(clauses.set, 0, sizeof(clauses.set));
	clauses.promised = clauses_mask(promised);
	printf("# names:");
	for (size_t i = 0; i < clauses.names; i++)
		if (!is_without(&clauses.name[i]))
			printf(" %.*s", clauses.name[i].len, clauses.name[i].text);
	printf("\n");
}

void clauses_count(uint64_t mask)
{
	if (!mask && !(clauses.promised & (clauses.promised - 1)))
		mask = clauses.promised;
	for (size_t i = 0; mask; i++, mask >>= 1)
		clauses.name[i].cases += mask & 1;
}

bool clauses_left(void)
{
	for (size_t i = 0; i < clauses.names; i++)
		if (clauses.promised >> i & 1 && !clauses.name[i].cases &&
		    !is_without(&clauses.name[i]))
			return true;
	return false;
}

void clauses_print(void)
{
	for (size_t i = 0; i < clauses.names; i++)
		if (clauses.name[i].cases)
			printf("# clause: %.*s %lu\n", clauses.name[i].len, clauses.name[i].text,
			       clauses.name[i].cases);
}
