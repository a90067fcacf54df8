// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process 1 of the emulated machine.
 *
 * Loads the modules, says what the machine is, announces READY (the moment at which
 * the host suspends the machine and from which it is resumed for each job), waits for
 * a job on the second disk, runs it, and powers off. The disks, in order:
 *
 *   out  guest to host: what the job prints (chan.h)
 *   job  host to guest: block 0 "JOB <mode> <seconds> <bytes> <crc>", mode run, exec or
 *        shell, then a tar archive of <bytes> from CHAN_BLOCK on, with a script "run"
 *   res  guest to host: a tar archive (chan.h) with status, tested, dmesg, taint, boot
 *   in   host to guest: what the job reads (chan.h)
 *   err  guest to host: what it prints to its standard error, for mode exec (chan.h)
 *
 * Lines on the console that begin with "init: " tell people why it went wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "klog.h"

#define DISK_WAIT_MS 20000

static FILE *console;

void tell(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(console, format, ap);
	va_end(ap);
	fputc('\n', console);
	fflush(console);
}

int put_file(const char *path, const char *format, ...)
{
	FILE *f = fopen(path, "w");
	va_list ap;

	if (!f)
		return -1;
	va_start(ap, format);
	vfprintf(f, format, ap);
	va_end(ap);
	return fclose(f);
}

ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n >= 0)
		text[n] = 0;
	return n;
}

static void copy_taint(const char *to)
{
	char text[64];

	if (read_file("/proc/sys/kernel/tainted", text, sizeof(text)) > 0)
		put_file(to, "%s\n", text);
}

static int mount_all(void)
{
	static const struct {
		const char *type, *where, *options, *config;
	} mounts[] = {
		{ "proc", "/proc", NULL, "CONFIG_PROC_FS" },
		{ "sysfs", "/sys", NULL, "CONFIG_SYSFS" },
		{ "devtmpfs", "/dev", NULL, "CONFIG_DEVTMPFS" },
		{ "devpts", "/dev/pts", "ptmxmode=0666", NULL },
		{ "tmpfs", "/dev/shm", NULL, "CONFIG_SHMEM and CONFIG_TMPFS" },
		{ "tmpfs", "/tmp", NULL, NULL },
		{ "tmpfs", "/job", "size=80%", NULL },
		{ "tmpfs", "/out", NULL, NULL },
		{ "debugfs", "/sys/kernel/debug", NULL, NULL },
	};
	int bad = 0;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i].where, 0755);
		if (!mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, mounts[i].options) ||
		    !mounts[i].config)
			continue;
		tell("init: cannot mount %s on %s (%s): the kernel needs %s", mounts[i].type,
		     mounts[i].where, strerror(errno), mounts[i].config);
		bad = -1;
	}
	return bad;
}

static const char *const disk_names[DISKS] = { "out", "job", "res", "in", "err" };

/* virtio disks come up in any order and are told apart by serial; DASDs have theirs by number */
static int disk_path(int disk, char *path, size_t size)
{
	const char *prefix = getenv("disks") ? getenv("disks") : "dasd";
	char serial[32];

	for (char letter = 'a'; letter < 'a' + DISKS; letter++) {
		snprintf(path, size, "/sys/block/%s%c/serial", prefix, letter);
		if (!strcmp(prefix, "vd") ? read_file(path, serial, sizeof(serial)) > 0 &&
						    !strcmp(serial, disk_names[disk])
					  : letter == 'a' + disk) {
			snprintf(path, size, "/dev/%s%c", prefix, letter);
			return access(path, F_OK);
		}
	}
	return -1;
}

static int open_disks(struct chan disks[DISKS])
{
	char path[64];

	for (int disk = 0; disk < DISKS; disk++) {
		int writes = disk == DISK_OUT || disk == DISK_RESULTS || disk == DISK_ERR;

		for (int ms = 0; disk_path(disk, path, sizeof(path)) && ms < DISK_WAIT_MS; ms += 10)
			usleep(10000);
		if (!chan_open(&disks[disk], path, writes ? O_WRONLY : O_RDONLY))
			continue;
		tell("init: the disk \"%s\" did not come up (%s: %s): the kernel needs"
		     " CONFIG_DASD and CONFIG_DASD_FBA, or under QEMU CONFIG_VIRTIO_BLK and"
		     " CONFIG_S390_GUEST, built in or as modules",
		     disk_names[disk], path, strerror(errno));
		klog_last(5, tell);
		return -1;
	}
	return 0;
}

/*
 * The disk on which a machine's crypto cards are described has a name by its number, as
 * udev would give it one: docs/targets.md, "AP"
 */
static int await_cards(void)
{
	static const char name[] = "/dev/dasdf";

	for (int ms = 0; access(name, F_OK) && ms < DISK_WAIT_MS; ms += 10)
		usleep(10000);
	mkdir("/dev/disk", 0755);
	mkdir("/dev/disk/by-path", 0755);
	if (!access(name, F_OK) && !symlink(name, "/dev/disk/by-path/ccw-0.0.0ac0"))
		return 0;
	tell("init: the disk for crypto cards did not come up: %s", strerror(errno));
	return -1;
}

static void run_shell_command(const char *command)
{
	if (system(command) == -1)
		tell("%s: %s", command, strerror(errno));
}

/* The end mark is set only over a whole archive */
static void send_results(struct chan *results)
{
	static char buf[CHAN_BUFFER];
	FILE *tar = popen("tar c -C /out .", "r");
	int bad = !tar;
	size_t n;

	while (!bad && (n = fread(buf, 1, sizeof(buf), tar)) > 0)
		bad = chan_write(results, buf, n);
	if (bad || pclose(tar) || chan_end(results))
		tell("RESULTS LOST: %s", strerror(errno));
}

static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* 0 if the machine can run jobs; the console says what is missing */
static int set_up(struct chan disks[DISKS])
{
	if (mount_all() || modules_load())
		return -1;
	put_file("/proc/sys/vm/allocate_pgste", "1");
	if (open_disks(disks))
		return -1;
	return getenv("devices") ? await_cards() : 0;
}

/*
 * The state of a machine that has been up for long: until random numbers have been
 * credited, the kernel makes each one, and each process, from a hash of all it has.
 * The suspended machine's are the same in each job anyway.
 */
static void ready_random_numbers(void)
{
	struct {
		struct rand_pool_info info;
		uint32_t words[8];
	} pool = { .info = { .entropy_count = 256, .buf_size = sizeof(pool.words) } };
	int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	if (fd < 0 || read(fd, pool.words, sizeof(pool.words)) != sizeof(pool.words) ||
	    ioctl(fd, RNDADDENTROPY, &pool))
		tell("init: random numbers are not ready: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	struct chan disks[DISKS];

	console = fopen("/dev/console", "w");
	if (!console)
		console = stderr;
	setenv("PATH", "/bin", 1);
	setenv("HOME", "/job", 1);
	if (set_up(disks)) {
		tell("READY 0");
		/* The console takes its time, and what is said there is all that is known */
		sleep(5);
		power_off();
	}
	ready_random_numbers();
	/* What each job needs shall be in the page cache of the suspended machine */
	run_shell_command("tar --help >/dev/null 2>&1");
	checks_forget();
	tested_write();
	if (access("/dev/kvm", R_OK | W_OK)) {
		tell("init: there is no /dev/kvm: %s", strerror(errno));
		klog_last(10, tell);
	}
	tell("READY %d", access("/dev/kvm", R_OK | W_OK) == 0);

	copy_taint("/out/taint_before");
	job_run(disks);
	copy_taint("/out/taint_after");
	checks_report();
	if (chan_end(&disks[DISK_OUT]) || chan_end(&disks[DISK_ERR]))
		put_file("/out/lost", "%s\n", strerror(errno));
	send_results(&disks[DISK_RESULTS]);
	power_off();
}
