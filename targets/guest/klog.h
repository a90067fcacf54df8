/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's log from a saved position on, without gaps.
 */
#ifndef KLOG_H
#define KLOG_H

/*
 * klog_start - what the kernel says from now on goes to /out/dmesg
 */
void klog_start(void);

/*
 * klog_take - take what it has said since; to be called while the job runs, so that
 * the kernel's ring does not come round. Where it did, or where the log cannot be
 * read, /out/log_lost says so.
 */
void klog_take(void);

/*
 * klog_add - a line, with its end, that the log itself does not have
 */
void klog_add(const char *line);

/*
 * klog_fd - descriptor that becomes readable when there is something to take, or -1
 */
int klog_fd(void);

/*
 * klog_last - call @tell with each of the last @count lines of the whole log
 */
void klog_last(int count, void (*tell)(const char *format, ...));

#endif
