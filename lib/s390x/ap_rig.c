// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tests of vfio-ap begin and end with: see s390x/ap.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "s390x/ap.h"
#include "test_util.h"

struct ap_rig ap;

static int alive = -1; /* closed by the end of this process, however it ends */
static pid_t guardian;
static bool was_there[AP_MDEVS]; /* devices, when it began */

/* ------------------------------------------------------------------- the guardian */

static struct ap_mask read_mask(const char *file)
{
	struct ap_mask mask = { { 0 } };
	char text[200];

	ap_read(file, text, sizeof(text));
	text[strcspn(text, "\n")] = 0;
	TEST_ASSERT(!ap_mask_edit(&mask, text), "%s holds '%s'", file, text);
	return mask;
}

static void remove_device(unsigned int mdev)
{
	if (!access(ap_mdev_file(mdev, NULL), F_OK))
		ap_write(ap_mdev_file(mdev, "remove"), "1");
}

static void put_mask(const char *file, const struct ap_mask *mask)
{
	char text[AP_MASK_TEXT];

	ap_write(file, ap_mask_text(mask, text));
}

/* What a test unbound by hand gets the driver that the masks give it */
static void bind_again(void)
{
	char name[20];

	AP_EACH(d, &ap.model.host.config.domains)
	{
		for (unsigned int i = 0; i < ap.adapters; i++) {
			if (ap_driver_is(ap_queue(ap.adapter[i], d)) != AP_NO_DRIVER)
				continue;
			snprintf(name, sizeof(name), "%02x.%04x", ap.adapter[i], d);
			ap_write(AP_BUS "drivers_probe", name);
		}
	}
}

static void restore(void)
{
	for (unsigned int i = 0; i < AP_MDEVS; i++)
		if (!was_there[i])
			remove_device(i);
	put_mask(AP_BUS "aqmask", &ap.aqmask_first);
	put_mask(AP_BUS "apmask", &ap.apmask_first);
	bind_again();
}

/* A child that outlives this process, by as long as it takes to restore what is the host's */
void ap_guard(void)
{
	int ends[2];
	char byte;

	for (unsigned int i = 0; i < AP_MDEVS; i++)
		was_there[i] = !access(ap_mdev_file(i, NULL), F_OK);
	ap.apmask_first = read_mask(AP_BUS "apmask");
	ap.aqmask_first = read_mask(AP_BUS "aqmask");
	TEST_ASSERT(!pipe(ends), "pipe");
	guardian = fork();
	TEST_ASSERT(guardian >= 0, "fork");
	if (guardian) {
		alive = ends[1];
		fcntl(alive, F_SETFD, FD_CLOEXEC);
		close(ends[0]);
		return;
	}
	close(ends[1]);
	/* The runner lets a process of this name end by itself, where it kills what a test leaves
	 */
	prctl(PR_SET_NAME, "restorer");
	for (int fd = 0; fd < 3; fd++)
		dup2(open("/dev/null", O_RDWR | O_CLOEXEC), fd);
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	restore();
	_exit(0);
}

static void end_guardian(void)
{
	close(alive);
	waitpid(guardian, NULL, 0);
}

/* ------------------------------------------------------- what there is to be used */

/* AP_ADAPTERS=4,5,0x6 */
static unsigned int take_spare(const char *variable, unsigned int *number)
{
	const char *at = getenv(variable);
	unsigned int count = 0;
	char *end;

	while (at && *at && count < AP_SPARE) {
		unsigned long n = strtoul(at, &end, 0);

		if (end == at || n >= AP_NUMBERS)
			return 0;
		number[count++] = (unsigned int)n;
		at = *end == ',' ? end + 1 : end;
	}
	return count;
}

static unsigned int read_number(const char *file)
{
	char text[50];

	TEST_ASSERT(ap_read(file, text, sizeof(text)), "%s", file);
	return (unsigned int)strtoul(text, NULL, 0);
}

static struct ap_host read_host(void)
{
	return (struct ap_host){
		.config = { .adapters = read_mask(AP_BUS "ap_adapter_mask"),
			    .domains = read_mask(AP_BUS "ap_usage_domain_mask"),
			    .controls = read_mask(AP_BUS "ap_control_domain_mask") },
		.max_adapter = read_number(AP_BUS "ap_max_adapter_id"),
		.max_domain = read_number(AP_BUS "ap_max_domain_id"),
	};
}

/* The emulated machine: card 3 is nobody's to take, and 4 to 7 are to be used */
static struct ap_host machine_host(void)
{
	struct ap_host host = { .max_adapter = 255, .max_domain = 255 };
	static const unsigned int domains[] = { 4, 6, 11 };

	for (unsigned int a = 3; a < 8; a++)
		ap_put(&host.config.adapters, a, true);
	for (size_t i = 0; i < sizeof(domains) / sizeof(*domains); i++) {
		ap_put(&host.config.domains, domains[i], true);
		ap_put(&host.config.controls, domains[i], true);
	}
	ap_put(&host.config.controls, 14, true);
	return host;
}

static void find_spare(void)
{
	static const unsigned int adapter[] = { 4, 5, 6, 7 }, domain[] = { 4, 6, 11 };

	ap.machine = ap_machine_there();
	if (ap.machine) {
		memcpy(ap.adapter, adapter, sizeof(adapter));
		memcpy(ap.domain, domain, sizeof(domain));
		ap.adapters = 4;
		ap.domains = 3;
		return;
	}
	ap.adapters = take_spare("AP_ADAPTERS", ap.adapter);
	ap.domains = take_spare("AP_DOMAINS", ap.domain);
}

void ap_options(int argc, char **argv, const struct line *lines, size_t count)
{
	report_options(argc, argv, lines, count);
	report_need(!access(AP_MATRIX, F_OK), SKIP_CAPABILITY, "vfio_ap, loaded");
	report_need(!access(AP_BUS "apmask", W_OK), SKIP_PERMISSION, "root, to write apmask");
	report_need(!access("/dev/vfio/vfio", R_OK | W_OK), SKIP_CAPABILITY, "/dev/vfio/vfio");
	find_spare();
	report_need(
		ap.adapters >= 3 && ap.domains >= 2, SKIP_RESOURCE,
		"spare cards: AP_ADAPTERS=A,B,C and AP_DOMAINS=D,E, which the host can do without");
	ap.model.host = read_host();
	ap_guard();
	atexit(end_guardian);
}

bool ap_need_machine(void)
{
	if (!ap.machine)
		report_skip(SKIP_TARGET,
			    "cards that can be changed: the emulated machine has them");
	return ap.machine;
}

/* ------------------------------------------------------------------ around each line */

/*
 * Adapters whose resets failed while they were off are reset by a device that has them all:
 * a kernel of FIND-41 would keep them from guests of this line
 */
static void forget_failed_resets(void)
{
	char number[20];

	ap_write(AP_MATRIX "mdev_supported_types/vfio_ap-passthrough/create", ap_mdev_uuid(0));
	for (unsigned int i = 0; i < ap.adapters; i++) {
		snprintf(number, sizeof(number), "%u", ap.adapter[i]);
		ap_write(ap_mdev_file(0, "assign_adapter"), number);
	}
	for (unsigned int i = 0; i < ap.domains; i++) {
		snprintf(number, sizeof(number), "%u", ap.domain[i]);
		ap_write(ap_mdev_file(0, "assign_domain"), number);
	}
	remove_device(0);
}

void ap_begin(void)
{
	struct ap_host host = ap.machine ? machine_host() : read_host();

	for (unsigned int i = 0; i < AP_MDEVS; i++)
		remove_device(i);
	ap_model_begin(&ap.model, &host);
	if (!ap.machine) {
		ap.model.apmask = ap.apmask_first;
		ap.model.aqmask = ap.aqmask_first;
	}
	for (unsigned int i = 0; i < ap.adapters; i++)
		ap_put(&ap.model.apmask, ap.adapter[i], false);
	put_mask(AP_BUS "aqmask", &ap.model.aqmask);
	put_mask(AP_BUS "apmask", &ap.model.apmask);
	ap.more = NULL;
	ap.lost = false;
	ap.controls_left = (struct ap_mask){ { 0 } };
	if (ap.machine)
		ap_machine_describe(&host, ap.more);
	bind_again();
	/* Kernels that have the file are newer than these faults */
	ap.minds_resets = ap.machine && access(AP_MATRIX "features", F_OK);
	if (ap.minds_resets)
		forget_failed_resets();
	ap_take(&(struct ap_step){ .deed = AP_CREATE });
	ap.has_config = !access(ap_mdev_file(0, "ap_config"), F_OK);
}

void ap_end(void)
{
	/* Once more, over all queue numbers: a case that decides no clause of the line */
	for (unsigned int i = 0; i < AP_MDEVS; i++) {
		if (!ap.vm[i] || ap.lost)
			continue;
		ap_look(true, NULL);
		break;
	}
	for (unsigned int i = 0; i < AP_MDEVS; i++) {
		if (ap.vm[i])
			ap_guest_free(ap.vm[i]);
		ap.vm[i] = NULL;
	}
	for (unsigned int i = 0; i < AP_MDEVS; i++)
		remove_device(i);
}
