// SPDX-License-Identifier: GPL-2.0-only
/*
 * The modules of the machine, and what it says of the kernel and the KVM that it
 * really runs: results are about that, not about what a command line named.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest.h"
#include "klog.h"

/* As insmod puts it */
static const char *refusal(int error)
{
	switch (error) {
	case ENOEXEC:
		return "Exec format error (no module of this very kernel, or the kernel has it "
		       "built in)";
	case EEXIST:
		return "File exists (the kernel has it built in)";
	case ENODEV:
		return "No such device";
	case ENOENT:
		return "No such file, or a symbol that the kernel does not offer";
	default:
		return strerror(error);
	}
}

static int load(const char *name, const char *parameters)
{
	char path[300];
	int fd, error = 0;

	snprintf(path, sizeof(path), "/lib/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

int modules_load(void)
{
	FILE *list = fopen("/lib/modules.list", "r"), *log = fopen("/out/boot", "w");
	char line[256], name[64], origin[8];
	int bad = 0;

	while (list && log && fgets(line, sizeof(line), list)) {
		int at = 0, error;

		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%63s %7s %n", name, origin, &at) != 2)
			continue;
		error = load(name, line + at);
		if (!error)
			continue;
		fprintf(log, "%s: %s\n", name, refusal(error));
		tell("init: the kernel refused %s%s: %s", name,
		     strcmp(origin, "given") ? "" : " that you gave", refusal(error));
		klog_last(3, tell);
		/* Without SIE no KVM loads, whoever gave it */
		if (!strcmp(origin, "given") && error != ENODEV)
			bad = -1;
	}
	if (list)
		fclose(list);
	if (log)
		fclose(log);
	return bad;
}

/* The build id of a loaded module: its note is a header, "GNU", then the id */
static int build_id(char *text, size_t size)
{
	unsigned char note[64];
	int fd = open("/sys/module/kvm/notes/.note.gnu.build-id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, note, sizeof(note));

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 16; i < n && (size_t)(i - 16) * 2 + 3 < size; i++)
		sprintf(text + (i - 16) * 2, "%02x", note[i]);
	return n > 16 ? 0 : -1;
}

/* For a module without any id the file's checksum: it is the one that was loaded */
static int file_sum(char *text, size_t size)
{
	FILE *f = popen("sha256sum /lib/kvm.ko", "r");
	int good = f && fgets(text, (int)size, f);

	if (f && pclose(f))
		good = 0;
	text[strcspn(text, " \n")] = 0;
	return good ? 0 : -1;
}

static void kvm_tested(char *text, size_t size)
{
	char id[128] = "";

	if (access("/dev/kvm", F_OK))
		snprintf(text, size, "none");
	else if (access("/sys/module/kvm/initstate", F_OK))
		snprintf(text, size, "builtin");
	else if (read_file("/sys/module/kvm/srcversion", id, sizeof(id)) > 0 ||
		 !build_id(id, sizeof(id)) || !file_sum(id, sizeof(id)))
		snprintf(text, size, "module %s", id);
	else
		snprintf(text, size, "module of unknown origin");
}

/* The machine's memory in MiB, what the kernel keeps for itself included */
static unsigned long long memory(void)
{
	FILE *f = fopen("/proc/iomem", "r");
	unsigned long long from, to, sum = 0;
	struct sysinfo info;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (line[0] != ' ' && strstr(line, ": System RAM") &&
		    sscanf(line, "%llx-%llx", &from, &to) == 2)
			sum += to - from + 1;
	if (f)
		fclose(f);
	if (!sum && !sysinfo(&info))
		sum = (unsigned long long)info.totalram * info.mem_unit;
	return sum >> 20;
}

void tested_write(void)
{
	FILE *f = fopen("/out/tested", "w");
	struct utsname name;
	char kvm[256], all[1024];

	uname(&name);
	kvm_tested(kvm, sizeof(kvm));
	snprintf(all, sizeof(all), "release %s\nkvm %s\ncpus %d\nmemory %llu\n", name.release, kvm,
		 get_nprocs(), memory());
	if (f) {
		fputs(all, f);
		fclose(f);
	}
	for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n"))
		tell("TESTED %s", line);
}
