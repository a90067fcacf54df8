// SPDX-License-Identifier: GPL-2.0-only
/*
 * What these tests change of a host is put back, also when they are killed.
 *
 * vfio-ap.rst, "When the guest is shut down, the vfio_ap mediated devices may be removed"; clauses
 * AP-MDEV-04, AP-MASK-08. How it is seen: a process like a test of this family takes queues,
 * makes a device, unbinds a queue and gives the device to a guest; then it is killed. What it
 * leaves would keep queues from the host, and the next test from its start.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "s390x/ap.h"
#include "test_util.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void take(enum ap_deed deed, enum ap_kind kind, uint64_t number)
{
	ap_take(&(struct ap_step){ .deed = deed, .mdev = 1, .kind = kind, .number = number });
}

/* Until it is killed */
static void __attribute__((noreturn)) live(int ready)
{
	char text[20];

	ap_guard();
	snprintf(text, sizeof(text), "-%u", ap.domain[0]);
	ap_take(&(struct ap_step){ .deed = AP_EDIT, .kind = AP_DOMAIN, .text = text });
	take(AP_CREATE, 0, 0);
	take(AP_ASSIGN, AP_ADAPTER, ap.adapter[0]);
	take(AP_ASSIGN, AP_DOMAIN, ap.domain[0]);
	take(AP_OPEN, 0, 1);
	take(AP_UNBIND, 0, ap_queue(ap.adapter[1], ap.domain[1]));
	TEST_ASSERT(write(ready, "", 1) == 1, "a pipe");
	for (;;)
		pause();
}

static void killed(void)
{
	struct ap_wrong wrong = { .observed = "" };
	int ends[2];
	bool good = false;
	char byte;
	pid_t child;

	report_case();
	TEST_ASSERT(!pipe(ends), "pipe");
	child = fork();
	if (!child)
		live(ends[1]);
	TEST_ASSERT(read(ends[0], &byte, 1) == 1, "the process that is to be killed");
	report_decided("AP-MDEV-04 AP-MASK-08");
	report_check(!access(ap_mdev_file(1, NULL), F_OK), "before it is killed",
		     "its device is there", "it is not");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (int ms = 0; ms < 5000 && !good; ms += 50) {
		usleep(50000);
		good = ap_judge(NULL, NULL, false, &wrong);
	}
	report_check(good, "a test is killed", "everything is as before it", "expected %s, is %s",
		     wrong.expected, wrong.observed);
}

static const struct line lines[] = {
	{ "masks, bindings and devices are put back when a test is killed", "AP-MDEV-04 AP-MASK-08",
	  killed },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
