// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a kernel that watches itself (the debug kernel) says of a job only when it is asked:
 * kmemleak, of what the job leaves allocated and nobody can reach; lockdep, that after a
 * report it has given up. It goes to what is kept of the kernel's log.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/module.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"
#include "klog.h"

#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define AGE_SECONDS 6 /* nothing younger than five is lost for kmemleak */

/* It counts what two scans found alike */
static int scan_twice(void)
{
	sleep(AGE_SECONDS);
	return put_file(KMEMLEAK, "scan\n") || put_file(KMEMLEAK, "scan\n");
}

void checks_forget(void)
{
	if (!access(KMEMLEAK, W_OK) && !scan_twice())
		put_file(KMEMLEAK, "clear\n");
}

/*
 * A scan takes hundreds of thousands of locks, and lockdep most of its time. After a load
 * by force, though it is refused for a module that is there, the kernel no longer relies on
 * lockdep.
 */
static void locks_end(void)
{
	int fd = open("/lib/kvm.ko", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		syscall(SYS_finit_module, fd, "", MODULE_INIT_IGNORE_VERMAGIC);
		close(fd);
	}
}

/* The kernel's log has their number; where they were allocated stands in the file alone */
static void leaks_report(void)
{
	char line[256];
	FILE *f;

	if (scan_twice())
		klog_add("kmemleak: it is disabled\n");
	klog_take();
	f = fopen(KMEMLEAK, "r");
	while (f && fgets(line, sizeof(line), f))
		klog_add(line);
	if (f)
		fclose(f);
}

/* That may have come while the kernel booted, of which no job has the log */
static void locks_report(void)
{
	FILE *f = fopen("/proc/lockdep_stats", "r");
	char line[256];
	int on;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " debug_locks: %d", &on) == 1 && !on)
			klog_add("INFO: lockdep is turned off\n");
	if (f)
		fclose(f);
}

void checks_report(void)
{
	locks_report();
	if (!access(KMEMLEAK, W_OK)) {
		locks_end();
		leaks_report();
	}
	klog_take();
}
