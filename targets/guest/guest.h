/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of process 1 share.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <sys/types.h>

#include "chan.h"

enum disk { DISK_OUT, DISK_JOB, DISK_RESULTS, DISK_IN, DISK_ERR, DISKS };

/* A line on the machine's console */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write a text file; 0, or -1 with errno */
int put_file(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first bytes of a file as text, without its last newline; their number, or -1 with errno */
ssize_t read_file(const char *path, char *text, size_t size);

/*
 * modules_load - load those of /lib/modules.list, a line each: file name, "given" (by
 * the user: it must load), "built" (for the kernel, which lacks it) or "own", parameters
 * Returns 0, or -1 if one that was given did not load; the console says why.
 */
int modules_load(void);

/*
 * tested_write - /out/tested: what this machine is, read from it, and the same on the
 * console, each line after "TESTED "
 */
void tested_write(void);

/* checks_forget - what the kernel has lost so far is no job's */
void checks_forget(void);

/*
 * checks_report - what its own checks say since is added to what is kept of its log; the
 * last thing that is asked of the kernel under test, which it taints
 */
void checks_report(void);

/*
 * job_run - receive the job from @disks, run it to its end or its limit, leave its
 * status in /out
 */
void job_run(struct chan disks[DISKS]);

#endif
