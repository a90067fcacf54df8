// SPDX-License-Identifier: GPL-2.0-only
/*
 * Byte streams over a raw disk: see chan.h for the layout.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chan.h"

/* Of a byte that is followed by 0 to 7 others: eight bytes at a time, since all go through here */
static uint32_t table[8][256];

static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t r = i;

		for (int bit = 0; bit < 8; bit++)
			r = r & 1 ? r >> 1 ^ 0xedb88320 : r >> 1;
		table[0][i] = r;
	}
	for (int k = 1; k < 8; k++)
		for (int i = 0; i < 256; i++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

uint32_t chan_crc(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (crc = ~crc; len >= 8; len -= 8, p += 8) {
		uint32_t low, high;

		memcpy(&low, p, 4);
		memcpy(&high, p + 4, 4);
		low = le32toh(low) ^ crc;
		high = le32toh(high);
		crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^
		      table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^ table[3][high & 0xff] ^
		      table[2][high >> 8 & 0xff] ^ table[1][high >> 16 & 0xff] ^
		      table[0][high >> 24];
	}
	for (; len; len--)
		crc = table[0][(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

int chan_open(struct chan *c, const char *path, int flags)
{
	void *buf, *head;

	memset(c, 0, sizeof(*c));
	make_table(); /* now: the machine is suspended with it */
	if (posix_memalign(&buf, CHAN_BLOCK, CHAN_BUFFER) ||
	    posix_memalign(&head, CHAN_BLOCK, CHAN_BLOCK)) {
		errno = ENOMEM;
		return -1;
	}
	c->buf = buf;
	c->head = head;
	c->fd = open(path, flags | O_DIRECT | O_CLOEXEC);
	return c->fd < 0 ? -1 : 0;
}

static int write_at(int fd, const void *buf, size_t len, uint64_t offset)
{
	ssize_t n = pwrite(fd, buf, len, (off_t)offset);

	if (n == (ssize_t)len)
		return 0;
	if (n >= 0)
		errno = ENOSPC;
	return -1;
}

/* Write what is pending, padded to a block; keep the last, partial block */
static int flush(struct chan *c)
{
	size_t whole = c->pending / CHAN_BLOCK * CHAN_BLOCK;
	size_t padded = (c->pending + CHAN_BLOCK - 1) / CHAN_BLOCK * CHAN_BLOCK;

	memset(c->buf + c->pending, 0, padded - c->pending);
	if (write_at(c->fd, c->buf, padded, CHAN_BLOCK + c->base))
		return -1;
	memmove(c->buf, c->buf + whole, c->pending - whole);
	c->base += whole;
	c->pending -= whole;
	return 0;
}

static int write_head(struct chan *c, const char *end)
{
	memset(c->head, 0, CHAN_BLOCK);
	snprintf((char *)c->head, CHAN_BLOCK, "%llu %08x%s\n", (unsigned long long)c->total, c->crc,
		 end);
	return write_at(c->fd, c->head, CHAN_BLOCK, 0);
}

int chan_write(struct chan *c, const void *data, size_t len)
{
	const unsigned char *p = data;

	c->crc = chan_crc(c->crc, data, len);
	while (len) {
		size_t n = CHAN_BUFFER - c->pending;

		if (n > len)
			n = len;
		memcpy(c->buf + c->pending, p, n);
		c->pending += n;
		p += n;
		len -= n;
		if (flush(c))
			return -1;
	}
	c->total = c->base + c->pending;
	return write_head(c, "");
}

int chan_end(struct chan *c)
{
	return write_head(c, " end");
}

const char *chan_head(struct chan *c)
{
	if (pread(c->fd, c->head, CHAN_BLOCK, 0) != CHAN_BLOCK)
		return NULL;
	c->head[CHAN_BLOCK - 1] = 0;
	return (const char *)c->head;
}

long chan_read(struct chan *c, void *data, size_t len)
{
	const char *head = chan_head(c);
	uint64_t from, have;
	size_t n, skip;

	if (!head)
		return -1;
	c->total = strtoull(head, NULL, 10);
	if (c->total <= c->base) {
		c->ended = strstr(head, " end\n") != NULL;
		return 0;
	}
	have = c->total - c->base;
	skip = c->base % CHAN_BLOCK;
	from = c->base - skip;
	n = have < len ? have : len;
	if (n > CHAN_BUFFER - skip)
		n = CHAN_BUFFER - skip;
	if (pread(c->fd, c->buf, (skip + n + CHAN_BLOCK - 1) / CHAN_BLOCK * CHAN_BLOCK,
		  (off_t)(CHAN_BLOCK + from)) < (ssize_t)(skip + n))
		return -1;
	memcpy(data, c->buf + skip, n);
	c->base += n;
	return (long)n;
}
