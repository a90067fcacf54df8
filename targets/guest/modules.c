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
static int build_id(const char *module, char *text, size_t size)
{
	char path[128];
	unsigned char note[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/notes/.note.gnu.build-id", module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, note, sizeof(note));

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 16; i < n && (size_t)(i - 16) * 2 + 3 < size; i++)
		sprintf(text + (i - 16) * 2, "%02x", note[i]);
	return n > 16 ? 0 : -1;
}

/* For a module without any id the file's checksum: it is the one that was loaded */
static int file_sum(const char *module, char *text, size_t size)
{
	char command[128];
	FILE *f;
	int good;

	snprintf(command, sizeof(command), "sha256sum /lib/%s.ko", module);
	f = popen(command, "r");
	good = f && fgets(text, (int)size, f);

	if (f && pclose(f))
		good = 0;
	text[strcspn(text, " \n")] = 0;
	return good ? 0 : -1;
}

static void module_tested(const char *module, char *text, size_t size)
{
	char path[128], id[128] = "";

	snprintf(path, sizeof(path), "/sys/module/%s/srcversion", module);
	if (read_file(path, id, sizeof(id)) > 0 || !build_id(module, id, sizeof(id)) ||
	    !file_sum(module, id, sizeof(id)))
		snprintf(text, size, "module %s", id);
	else
		snprintf(text, size, "module of unknown origin");
}

static void kvm_tested(char *text, size_t size)
{
	if (access("/dev/kvm", F_OK))
		snprintf(text, size, "none");
	else if (access("/sys/module/kvm/initstate", F_OK))
		snprintf(text, size, "builtin");
	else
		module_tested("kvm", text, size);
}

/* Modules that are not the kernel's own, but for kvm: a line each, appended to @all */
static void others_tested(char *all, size_t size)
{
	FILE *list = fopen("/lib/modules.list", "r");
	char line[256], name[64], path[128], id[256], origin[8];

	while (list && fgets(line, sizeof(line), list)) {
		if (sscanf(line, "%63[^.].ko %7s", name, origin) != 2 || !strcmp(origin, "own") ||
		    !strcmp(name, "kvm"))
			continue;
		snprintf(path, sizeof(path), "/sys/module/%s", name);
		if (access(path, F_OK))
			continue;
		module_tested(name, id, sizeof(id));
		snprintf(all + strlen(all), size - strlen(all), "%s %s\n", name, id);
	}
	if (list)
		fclose(list);
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
	others_tested(all, sizeof(all));
	if (f) {
		fputs(all, f);
		fclose(f);
	}
	for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n"))
		tell("TESTED %s", line);
}
