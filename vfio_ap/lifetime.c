// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices are made and removed, and neither they nor the module go while a guest uses them.
 *
 * vfio-ap.rst, "Set up the VFIO mediated device interfaces", step 3 of its example, "When the
 * guest is shut down", "Driver Features"; clauses AP-MDEV, AP-BUS-04. How it is seen: the files
 * that the documentation lists, errnos, and the guest's own TAPQ after each attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ap/deviation.h"
#include "s390x/ap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TYPE AP_MATRIX "mdev_supported_types/vfio_ap-passthrough/"

static void type(void)
{
	static const char *const files[] = { "name", "device_api", "available_instances",
					     "create" };
	char text[AP_TEXT];

	for (size_t i = 0; i < COUNT(files); i++) {
		char path[AP_PATH];

		snprintf(path, sizeof(path), TYPE "%s", files[i]);
		report_case();
		report_check(!access(path, F_OK), path, "is there", "errno %d", errno);
	}
	report_case();
	ap_read(TYPE "device_api", text, sizeof(text));
	report_check(!strcmp(text, "vfio-ap\n"), "device_api", "vfio-ap", "%s", text);
}

static void features(void)
{
	static const char *const words[] = { "guest_matrix", "dyn", "ap_config" };
	char text[AP_TEXT], copy[AP_TEXT];
	size_t found = 0;

	report_case();
	if (!ap_read("/sys/bus/matrix/devices/matrix/features", text, sizeof(text))) {
		report_skip(SKIP_CAPABILITY, "the file features");
		return;
	}
	if (ap_known_features(text)) {
		report_deviation(ap_known_features(text));
		return;
	}
	strcpy(copy, text);
	for (char *word = strtok(copy, " \n"); word; word = strtok(NULL, " \n"))
		for (size_t i = 0; i < COUNT(words); i++)
			found += !strcmp(word, words[i]);
	report_check(found == COUNT(words), "features", "guest_matrix, dyn and ap_config", "%s",
		     text);
}

static void made(void)
{
	static const char *const files[] = { "assign_adapter",	 "assign_control_domain",
					     "assign_domain",	 "matrix",
					     "unassign_adapter", "unassign_control_domain",
					     "unassign_domain",	 "guest_matrix",
					     "control_domains" };

	ap_do(AP_REMOVE, 0, 0, "AP-MDEV-04");
	for (unsigned int m = 0; m < AP_MDEVS; m++) {
		ap_do(AP_CREATE, m, 0, "AP-MDEV-02");
		for (size_t i = 0; i < COUNT(files); i++) {
			report_case();
			report_decided("AP-MDEV-02");
			report_check(!access(ap_mdev_file(m, files[i]), F_OK), files[i], "is there",
				     "errno %d", errno);
		}
	}
	ap_assign(1, AP_ADAPTER, ap.adapter[0], "AP-MDEV-02");
	ap_assign(1, AP_DOMAIN, ap.domain[0], "AP-MDEV-02");
	ap_assign(1, AP_CONTROL, ap.domain[0], "AP-MDEV-02");
	ap_do(AP_REMOVE, 1, 0, "AP-MDEV-04");
	ap_do(AP_CREATE, 1, 0, "AP-MDEV-04");
	for (unsigned int m = 0; m < AP_MDEVS; m++)
		ap_do(AP_REMOVE, m, 0, "AP-MDEV-04");
}

static void not_made(void)
{
	static const char *const texts[] = { "hugo",
					     "",
					     "6ac0ac01-52b1-4c7e-9d3a",
					     "6ac0ac0152b14c7e",
					     "6ac0ac01-52b1-4c7e-9d3a-0f4d5e6b7c8g",
					     "6ac0ac01-52b1-4c7e-9d3a-0f4d5e6b7c81-00" };

	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-MDEV-03");
	ap_do(AP_CREATE, 0, 0, "AP-MDEV-03");
	for (size_t i = 0; i < COUNT(texts); i++) {
		int err;

		if (!report_case())
			continue;
		report_decided("AP-MDEV-03");
		err = ap_write(TYPE "create", texts[i]);
		report_outcome(outcome_error(EINVAL), err ? outcome_error(err) : outcome_success(),
			       texts[i]);
		ap_look(false, "AP-MDEV-03");
	}
}

static void give_a_guest(void)
{
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-MDEV-05");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-MDEV-05");
	ap_do(AP_OPEN, 0, 1, "AP-MDEV-05");
}

/*
 * A process of its own writes to "remove": where the kernel lets it wait until the device is
 * closed, it must not be this one.
 */
static void removed_in_use(void)
{
	int status = 0, ended = 0;
	pid_t child;

	give_a_guest();
	if (ap.lost || !report_case())
		return;
	report_decided("AP-MDEV-05");
	child = fork();
	if (!child) {
		/* The device is to be open in the other process alone */
		for (int fd = 3; fd < 1000; fd++)
			close(fd);
		_exit(ap_write(ap_mdev_file(0, "remove"), "1"));
	}
	for (int ms = 0; ms < 300 && !ended; ms += 10) {
		ended = waitpid(child, &status, WNOHANG) == child;
		usleep(10000);
	}
	if (ap_known_removal(ended)) {
		/* The guest goes on with what it has; the device goes once it is closed */
		report_deviation(ap_known_removal(ended));
		ap_guest_close(ap.vm[0]);
		ap_model_close(&ap.model, 0);
		waitpid(child, &status, 0);
		ap_model_remove(&ap.model, 0);
		ap.model.mdev[0] = (struct ap_mdev){ 0 };
	} else {
		report_check(WEXITSTATUS(status), "1 to remove", "an error", "success");
	}
	ap_look(false, "AP-MDEV-05");
}

static void unloaded_in_use(void)
{
	give_a_guest();
	if (ap.lost || !report_case())
		return;
	report_decided("AP-MDEV-06");
	report_outcome(outcome_error(EAGAIN),
		       outcome_of((int)syscall(SYS_delete_module, "vfio_ap", O_NONBLOCK)),
		       "delete_module of vfio_ap");
	ap_look(false, "AP-MDEV-06");
}

static const struct line lines[] = {
	{ "the type of devices has its files", "AP-MDEV-01", type },
	{ "the module's features are told", "AP-BUS-04", features },
	{ "a UUID makes a device, and remove takes all of it", "AP-MDEV-02 AP-MDEV-04", made },
	{ "a UUID that is there, and what is none, make no device (observed)", "AP-MDEV-03",
	  not_made },
	{ "a device cannot be removed while a guest uses it", "AP-MDEV-05", removed_in_use },
	{ "the module cannot be unloaded while a guest uses a device (observed)", "AP-MDEV-06",
	  unloaded_in_use },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
