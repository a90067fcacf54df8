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
#include "compat.h"
#include "slot/backing.h"
#include "slot/hold.h"
#include "slot/region.h"

#define ARRIVES_MS 5000 /* for the access to come to the page */
#define LOOKS 5000	/* at a change that neither ends nor sleeps: 200 us each, and more */
#define STUCK_S 20
#define LIKES 2 /* of a change, elsewhere */

static int like[2]; /* to the process that makes changes elsewhere, and from it */

/* A vCPU that comes to another thread waits for readers (RCU) of who had it before */
static void *run_elsewhere(void *arg)
{
	__vcpu_run(arg);
	return NULL;
}

static bool give_to_another_thread(struct kvm_vcpu *vcpu)
{
	pthread_t thread;

	return !pthread_create(&thread, NULL, run_elsewhere, vcpu) && !pthread_join(thread, NULL);
}

/* What waits for readers of slots (SRCU) where there are none; and KVM_RUN, which ends at once */
static _Noreturn void change_elsewhere(int orders, int answers)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct kvm_vcpu *vcpu = __vm_vcpu_add(vm, 0);
	struct region added = { .size = compat_slot_unit() }, deleted = { 0 };
	bool good = true;
	char order;

	added.user = (uintptr_t)region_memory(added.size);
	vcpu->run->immediate_exit = 1;
	while (good && read(orders, &order, 1) == 1) {
		for (int i = 0; i < LIKES; i++)
			good &= !region_set(vm->fd, false, &added).ret &&
				!region_set(vm->fd, false, &deleted).ret &&
				give_to_another_thread(vcpu);
		good &= write(answers, &order, 1) == 1;
	}
	_exit(0);
}

void hold_prepare(void)
{
	int orders[2], answers[2];
	pid_t child;

	TEST_ASSERT(!pipe2(orders, O_CLOEXEC) && !pipe2(answers, O_CLOEXEC), "no pipe");
	child = fork();
	TEST_ASSERT(child >= 0, "no process, errno %d", errno);
	if (!child) {
		close(orders[1]);
		close(answers[0]);
		change_elsewhere(orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	like[0] = orders[1];
	like[1] = answers[0];
}

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
	volatile pid_t id; /* 0: it has not begun */
	volatile bool done;
};

static void *run(void *arg)
{
	struct runner *r = arg;

	r->id = (pid_t)syscall(SYS_gettid);
	r->function();
	r->done = true;
	return NULL;
}

static void start(struct runner *r, void (*function)(void))
{
	r->function = function;
	r->id = 0;
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

/* How often has it gone to sleep, if it sleeps now? Else 0 */
static unsigned long sleeps(const struct runner *r)
{
	char path[60], line[120], state = 'R';
	unsigned long times = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)r->id);
	file = r->id ? fopen(path, "r") : NULL;
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "voluntary_ctxt_switches: %lu", &times);
	}
	if (file)
		fclose(file);
	return state == 'D' || state == 'S' ? times : 0;
}

/*
 * Is it complete, or waiting? A change that waits for nobody in particular sleeps, too, but
 * wakes up while its like elsewhere, begun later, comes to its end.
 */
static bool is_early(const struct runner *r)
{
	char answer;

	for (int i = 0; i < LOOKS && !r->done; i++) {
		unsigned long asleep = sleeps(r);

		if (!asleep) {
			usleep(200);
			continue;
		}
		TEST_ASSERT(write(like[0], "", 1) == 1 && read(like[1], &answer, 1) == 1,
			    "the other process has ended");
		if (!r->done && sleeps(r) == asleep)
			return false;
	}
	return r->done;
}

/* Of threads that are stuck the memory stays in use */
static struct runner others, accesses, changes;

static struct hold_race change_while_held(const struct hold *h, bool held, void (*change)(void),
					  const void *bytes)
{
	struct hold_race race = { .held = held };

	start(&changes, change);
	race.early = is_early(&changes);
	if (race.held)
		let_go(h, bytes);
	race.stuck = !ends(&accesses) || !ends(&changes);
	return race;
}

struct hold_race hold_race(struct hold *h, void (*access)(void), void (*change)(void),
			   const void *bytes)
{
	start(&accesses, access);
	return change_while_held(h, arrives(h), change, bytes);
}

struct hold_race hold_race_after(struct hold *first, void (*other)(void), struct hold *h,
				 void (*access)(void), void (*change)(void), const void *bytes)
{
	struct hold_race race;
	bool held, back;

	start(&others, other);
	held = arrives(first);
	start(&accesses, access);
	held = arrives(h) && held;
	let_go(first, bytes);
	back = ends(&others);
	race = change_while_held(h, held, change, bytes);
	race.stuck = race.stuck || !back;
	return race;
}

bool hold_comes_back(void (*function)(void))
{
	static struct runner runner;

	start(&runner, function);
	return ends(&runner);
}
