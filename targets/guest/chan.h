/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Byte streams over a raw disk that host and guest both have open.
 *
 * Block 0 holds the number of valid bytes as decimal text, the bytes follow
 * from CHAN_BLOCK on. The writer stores data first and the number after it, so
 * whatever number the reader sees, the data below it is there. O_DIRECT on the
 * guest's side: the page cache would hide what the host does.
 */
#ifndef CHAN_H
#define CHAN_H

#include <stddef.h>
#include <stdint.h>

#define CHAN_BLOCK 4096
#define CHAN_BUFFER (16 * CHAN_BLOCK)

struct chan {
	int fd;
	uint64_t total;	     /* valid bytes, as block 0 says */
	uint64_t base;	     /* bytes that are on the disk in whole blocks */
	size_t pending;	     /* bytes in buf, from base on */
	unsigned char *buf;  /* CHAN_BUFFER bytes, aligned */
	unsigned char *head; /* CHAN_BLOCK bytes, aligned */
};

/*
 * chan_open - open the disk @path
 * @path: block device
 * @flags: O_RDONLY or O_WRONLY
 * Returns 0, or -1 with errno.
 */
int chan_open(struct chan *c, const char *path, int flags);

/*
 * chan_write - append @len bytes of @data and make them visible to the host
 * Returns 0, or -1 with errno (ENOSPC: the disk is full, EIO: the host's is).
 */
int chan_write(struct chan *c, const void *data, size_t len);

/*
 * chan_read - up to @len bytes that the host has appended since the last call
 * Returns their number, 0 if there are none, or -1 with errno.
 */
long chan_read(struct chan *c, void *data, size_t len);

/*
 * chan_head - the text in block 0, read anew
 * Returns a string that the next call overwrites, or NULL with errno.
 */
const char *chan_head(struct chan *c);

#endif
