// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races made certain by userfaultfd: see hold.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "kvm_util.h"
#include "slot/hold.h"

#define ARRIVES_MS 5000 /* for the access to come to the page */
#define EARLY_MS 60	/* a change that waits for nothing takes far less */
#define STUCK_S 20

const char *hold_begin(struct hold *h, uint8_t *at)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (uintptr_t)at, (uint64_t)getpagesize() },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	h->at = at;
	h->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (h->fd < 0)
		return errno == EPERM ? "root, or vm.unprivileged_userfaultfd" : "userfaultfd";
	TEST_ASSERT(!ioctl(h->fd, UFFDIO_API, &api) && !ioctl(h->fd, UFFDIO_REGISTER, &range),
		    "userfaultfd, errno %d", errno);
	return NULL;
}

void hold_end(struct hold *h)
{
	close(h->fd);
}

static bool arrives(const struct hold *h)
{
	struct pollfd poll_fd = { h->fd, POLLIN, 0 };
	struct uffd_msg message;

	return poll(&poll_fd, 1, ARRIVES_MS) == 1 &&
	       read(h->fd, &message, sizeof(message)) == (ssize_t)sizeof(message) &&
	       message.event == UFFD_EVENT_PAGEFAULT;
}

static void let_go(const struct hold *h, const void *bytes)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)h->at,
				    .src = (uintptr_t)bytes,
				    .len = (uint64_t)getpagesize() };

	TEST_ASSERT(!ioctl(h->fd, UFFDIO_COPY, &copy), "UFFDIO_COPY, errno %d", errno);
}

struct runner {
	pthread_t thread;
	void (*function)(void);
	volatile bool done;
};

static void *run(void *arg)
{
	struct runner *r = arg;

	r->function();
	r->done = true;
	return NULL;
}

static void start(struct runner *r, void (*function)(void))
{
	r->function = function;
	r->done = false;
	TEST_ASSERT(!pthread_create(&r->thread, NULL, run, r), "no thread");
}

static bool ends(struct runner *r)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STUCK_S;
	return !pthread_timedjoin_np(r->thread, NULL, &until);
}

struct hold_race hold_race(struct hold *h, void (*access)(void), void (*change)(void),
			   const void *bytes)
{
	/* Of threads that are stuck the memory stays in use */
	static struct runner accesses, changes;
	struct hold_race race = { 0 };

	start(&accesses, access);
	race.held = arrives(h);
	start(&changes, change);
	for (int ms = 0; ms < EARLY_MS && !changes.done; ms++)
		usleep(1000);
	race.early = changes.done;
	if (race.held)
		let_go(h, bytes);
	race.stuck = !ends(&accesses) || !ends(&changes);
	return race;
}

bool hold_comes_back(void (*function)(void))
{
	static struct runner runner;

	start(&runner, function);
	return ends(&runner);
}
