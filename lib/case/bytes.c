// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory whose every byte is known: see bytes.h.
 */
#include <stdlib.h>

#include "case/bytes.h"

/* Not static arrays: kvm_util would load them into each guest */
static uint8_t *rest, *inverted;

static void make_bytes(void)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	if (rest)
		return;
	rest = malloc(2 * BYTES_MAX);
	if (!rest)
		abort();
	inverted = rest + BYTES_MAX;
	for (size_t i = 0; i < BYTES_MAX; i += 8) {
		/* xorshift64: any sequence without short periods will do */
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		*(uint64_t *)(rest + i) = x;
		*(uint64_t *)(inverted + i) = ~x;
	}
}

const uint8_t *bytes_rest(size_t offset)
{
	make_bytes();
	return rest + offset;
}

const uint8_t *bytes_inverted(size_t offset)
{
	make_bytes();
	return inverted + offset;
}

/*
 * With a constant length the builtins become single instructions, MVC and CLC,
 * which an emulator does as fast as its host; memcpy() itself is kvm_util's loop
 * over bytes.
 */
#define COPY_BLOCKS(size)                                                                          \
	for (; len >= (size); len -= (size), x += (size), y += (size))                             \
	__builtin_memcpy(x, y, size)
#define SKIP_EQUAL_BLOCKS(size)                                                                    \
	while (len - i >= (size) && !__builtin_memcmp(x + i, y + i, size))                         \
	i += (size)

void bytes_copy(void *to, const void *from, size_t len)
{
	uint8_t *x = to;
	const uint8_t *y = from;

	COPY_BLOCKS(256);
	COPY_BLOCKS(32);
	COPY_BLOCKS(8);
	COPY_BLOCKS(1);
}

long bytes_differ(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;
	size_t i = 0;

	SKIP_EQUAL_BLOCKS(256);
	SKIP_EQUAL_BLOCKS(32);
	SKIP_EQUAL_BLOCKS(8);
	SKIP_EQUAL_BLOCKS(1);
	return i < len ? (long)i : -1;
}

static uint8_t *at(const struct view *v, size_t offset)
{
	size_t page = offset / BYTES_PAGE;

	return v->host + (v->page ? v->page[page] : page) * BYTES_PAGE + offset % BYTES_PAGE;
}

/* Bytes from @offset on that lie together in the host, at most @len */
static size_t together(const struct view *v, size_t offset, size_t len)
{
	size_t left = BYTES_PAGE - offset % BYTES_PAGE;

	return v->page && left < len ? left : len;
}

void view_store(const struct view *v, size_t offset, const void *from, size_t len)
{
	const uint8_t *p = from;

	while (len) {
		size_t n = together(v, offset, len);

		bytes_copy(at(v, offset), p, n);
		offset += n;
		p += n;
		len -= n;
	}
}

long view_differ(const struct view *v, size_t offset, const void *with, size_t len)
{
	const uint8_t *p = with;
	size_t done = 0;

	while (done < len) {
		size_t n = together(v, offset + done, len - done);
		long d = bytes_differ(at(v, offset + done), p + done, n);

		if (d >= 0)
			return (long)done + d;
		done += n;
	}
	return -1;
}

void view_rest(const struct view *v)
{
	view_store(v, 0, bytes_rest(0), v->size);
}

long view_disturbed(const struct view *v, size_t offset, size_t len)
{
	size_t before = offset < BYTES_GUARD ? offset : BYTES_GUARD;
	size_t end = offset + len;
	size_t after = v->size - end < BYTES_GUARD ? v->size - end : BYTES_GUARD;
	long d = view_differ(v, offset - before, bytes_rest(offset - before), before);

	if (d >= 0)
		return (long)(offset - before) + d;
	d = view_differ(v, end, bytes_rest(end), after);
	return d < 0 ? -1 : (long)end + d;
}
