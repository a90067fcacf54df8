/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Byte streams over a raw disk that host and guest both have open.
 *
 * Block 0 holds, as text, the number of valid bytes, their CRC-32, and " end" once
 * no more come; the bytes follow from CHAN_BLOCK on. The writer stores data first and
 * block 0 after it, so whatever number the reader sees, the data below it is there.
 * That nothing was lost on the way (a full file system of the host takes the machine's
 * writes and drops them) is what the checksum and the end show. O_DIRECT on the guest's
 * side: the page cache would hide what the host does.
 */
#ifndef CHAN_H
#define CHAN_H

#include <stddef.h>
#include <stdint.h>

#define CHAN_BLOCK 4096
#define CHAN_BUFFER (16 * CHAN_BLOCK)

struct chan {
	int fd;
	int ended;	     /* a reader has seen the end */
	uint32_t crc;	     /* of what was written */
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
 * chan_end - say that no more will come
 * Returns 0, or -1 with errno.
 */
int chan_end(struct chan *c);

/*
 * chan_read - up to @len bytes that the host has appended since the last call
 * Returns their number, 0 if there are none (@c->ended: and none will come), or -1
 * with errno.
 */
long chan_read(struct chan *c, void *data, size_t len);

/*
 * chan_head - the text in block 0, read anew
 * Returns a string that the next call overwrites, or NULL with errno.
 */
const char *chan_head(struct chan *c);

/*
 * chan_crc - CRC-32, as zlib has it, of @len bytes that follow those of @crc (0: none)
 */
uint32_t chan_crc(uint32_t crc, const void *data, size_t len);

#endif
