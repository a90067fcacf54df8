// SPDX-License-Identifier: GPL-2.0-only
/*
 * For LD_PRELOAD: CLOCK_REALTIME runs off by as many seconds as the file CLOCK_JUMP has in
 * its first eight bytes, which may change at any moment. Who waits until a point of that
 * clock waits for the shifted one, also while it jumps, as with clock_settime(2). All other
 * clocks go on. (libfaketime 0.9.10 cannot leave CLOCK_MONOTONIC alone: clock_nanosleep(2)
 * until a point of it ends with EINVAL, and that is how Python sleeps.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 20000000L
#define NS 1000000000L
/* A deadline before this is one of CLOCK_MONOTONIC: condition variables may have either */
#define REALTIME_FROM 1000000000L

static const volatile int64_t *jump;

__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("CLOCK_JUMP");
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void *page;

	if (fd < 0)
		return;
	page = mmap(NULL, sizeof(*jump), PROT_READ, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		jump = page;
	close(fd);
}

static void now(struct timespec *ts, bool shifted)
{
	syscall(SYS_clock_gettime, CLOCK_REALTIME, ts);
	if (jump && shifted)
		ts->tv_sec += *jump;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
		return syscall(SYS_clock_gettime, clock, ts);
	now(ts, true);
	return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	now(&ts, true);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *into)
{
	struct timespec ts;

	now(&ts, true);
	if (into)
		*into = ts.tv_sec;
	return ts.tv_sec;
}

static bool is_past(const struct timespec *deadline)
{
	struct timespec ts;

	now(&ts, true);
	return ts.tv_sec != deadline->tv_sec ? ts.tv_sec > deadline->tv_sec
					     : ts.tv_nsec >= deadline->tv_nsec;
}

/* The next point, of the clock as it is, to look again at how far DEADLINE is */
static struct timespec next_look(const struct timespec *deadline)
{
	struct timespec shifted, ts;
	int64_t left;

	now(&shifted, true);
	now(&ts, false);
	left = deadline->tv_sec - shifted.tv_sec > 1 ? SLICE_NS
						     : (deadline->tv_sec - shifted.tv_sec) * NS +
							       deadline->tv_nsec - shifted.tv_nsec;
	if (left > SLICE_NS)
		left = SLICE_NS;
	if (left > 0)
		ts.tv_nsec += left;
	ts.tv_sec += ts.tv_nsec / NS;
	ts.tv_nsec %= NS;
	return ts;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
			   const struct timespec *restrict deadline)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	struct timespec look;
	int rc;

	if (!real)
		real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
	if (!real)
		real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	if (!jump || deadline->tv_sec < REALTIME_FROM)
		return real(cond, mutex, deadline);
	do {
		look = next_look(deadline);
		rc = real(cond, mutex, &look);
	} while (rc == ETIMEDOUT && !is_past(deadline));
	return rc;
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict deadline)
{
	static int (*real)(sem_t *, const struct timespec *);
	struct timespec look;
	int rc;

	if (!real)
		real = dlsym(RTLD_NEXT, "sem_timedwait");
	if (!jump)
		return real(sem, deadline);
	do {
		look = next_look(deadline);
		rc = real(sem, &look);
	} while (rc && errno == ETIMEDOUT && !is_past(deadline));
	return rc;
}
