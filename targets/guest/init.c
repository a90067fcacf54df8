// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process 1 of the emulated machine.
 *
 * Loads the modules, announces READY (the moment at which the host suspends
 * the machine and from which it is resumed for each job), waits for a job on
 * the second disk, runs it, and powers off. The four disks, in order:
 *
 *   a  guest to host: what the job prints (chan.h)
 *   b  host to guest: block 0 "JOB <mode> <seconds> <bytes>", mode run or shell,
 *      then a tar archive of <bytes> from CHAN_BLOCK on, with a script "run"
 *   c  guest to host: a tar archive (chan.h) with status, dmesg, taint, boot
 *   d  host to guest: what is typed at the shell (chan.h)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chan.h"

#define DISK_WAIT_MS 20000
#define JOB_POLL_US 10000
#define SHELL_POLL_MS 20

enum { SYSLOG_READ_ALL = 3, SYSLOG_CLEAR = 5, SYSLOG_SIZE = 10 };

struct job {
	char mode[8];
	int seconds;
	uint64_t bytes;
	pid_t pid;
	int pidfd;
	int fd; /* the job's output; at the shell its terminal, for input too */
};

static FILE *console;

static void tell(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(console, format, ap);
	va_end(ap);
	fputc('\n', console);
	fflush(console);
}

static int put_file(const char *path, const char *format, ...)
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

/* The text of a short file */
static int read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return -1;
	text[n] = 0;
	return 0;
}

static void copy_file(const char *from, const char *to)
{
	char text[256];

	if (!read_file(from, text, sizeof(text)))
		put_file(to, "%s", text);
}

static void mount_all(void)
{
	static const struct {
		const char *type, *where, *options;
	} mounts[] = {
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		{ "devtmpfs", "/dev", NULL },
		{ "devpts", "/dev/pts", "ptmxmode=0666" },
		{ "tmpfs", "/dev/shm", NULL },
		{ "tmpfs", "/tmp", NULL },
		{ "tmpfs", "/job", "size=80%" },
		{ "tmpfs", "/out", NULL },
		{ "debugfs", "/sys/kernel/debug", NULL },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i].where, 0755);
		mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, mounts[i].options);
	}
}

/* /lib/modules.list: a line a module, file name and parameters */
static void load_modules(void)
{
	FILE *list = fopen("/lib/modules.list", "r"), *log = fopen("/out/boot", "w");
	char line[256];

	while (list && log && fgets(line, sizeof(line), list)) {
		char path[300], *params;
		int fd;

		line[strcspn(line, "\n")] = 0;
		params = strchr(line, ' ');
		if (params)
			*params++ = 0;
		snprintf(path, sizeof(path), "/lib/%s", line);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, params ? params : "", 0)) {
			fprintf(log, "%s: %s\n", line, strerror(errno));
			tell("module %s: %s", line, strerror(errno));
		}
		if (fd >= 0)
			close(fd);
	}
	if (list)
		fclose(list);
	if (log)
		fclose(log);
}

enum { DISK_OUT, DISK_JOB, DISK_RESULTS, DISK_IN };
static const char *const disk_names[] = { "out", "job", "res", "in" };

/* virtio disks come up in any order and are told apart by serial; DASDs have theirs by number */
static int disk_path(int disk, char *path, size_t size)
{
	const char *prefix = getenv("disks") ? getenv("disks") : "dasd";
	char serial[32];

	for (char letter = 'a'; letter < 'e'; letter++) {
		snprintf(path, size, "/sys/block/%s%c/serial", prefix, letter);
		if (!strcmp(prefix, "vd") ? !read_file(path, serial, sizeof(serial)) &&
						    !strcmp(serial, disk_names[disk])
					  : letter == 'a' + disk) {
			snprintf(path, size, "/dev/%s%c", prefix, letter);
			return access(path, F_OK);
		}
	}
	return -1;
}

static int open_disk(struct chan *c, int disk, int flags)
{
	char path[64];

	for (int ms = 0; disk_path(disk, path, sizeof(path)) && ms < DISK_WAIT_MS; ms += 10)
		usleep(10000);
	if (chan_open(c, path, flags)) {
		tell("disk %s: %s: %s", disk_names[disk], path, strerror(errno));
		return -1;
	}
	return 0;
}

static void run_shell_command(const char *command)
{
	if (system(command) == -1)
		tell("%s: %s", command, strerror(errno));
}

static void wait_for_job(struct chan *c, struct job *job)
{
	const char *head;
	unsigned long long bytes;

	do {
		usleep(JOB_POLL_US);
		head = chan_head(c);
	} while (!head || sscanf(head, "JOB %7s %d %llu", job->mode, &job->seconds, &bytes) != 3);
	job->bytes = bytes;
}

static int unpack_job(struct chan *c, const struct job *job)
{
	FILE *tar = popen("tar x -C /job", "w");
	uint64_t done = 0;

	while (tar && done < job->bytes) {
		uint64_t left = job->bytes - done;
		size_t n = left < CHAN_BUFFER ? left : CHAN_BUFFER;
		size_t padded = (n + CHAN_BLOCK - 1) / CHAN_BLOCK * CHAN_BLOCK;

		if (pread(c->fd, c->buf, padded, (off_t)(CHAN_BLOCK + done)) < (ssize_t)n)
			break;
		if (fwrite(c->buf, 1, n, tar) != n)
			break;
		done += n;
	}
	return tar && !pclose(tar) && done == job->bytes ? 0 : -1;
}

static void exec_job(void)
{
	if (!chdir("/job"))
		execl("/bin/busybox", "sh", "./run", (char *)NULL);
	dprintf(STDERR_FILENO, "cannot run the job: %s\n", strerror(errno));
	_exit(127);
}

static int start_job(struct job *job)
{
	int fds[2];

	if (!strcmp(job->mode, "shell")) {
		job->pid = forkpty(&job->fd, NULL, NULL, NULL);
		if (!job->pid)
			exec_job();
	} else {
		if (pipe2(fds, O_CLOEXEC))
			return -1;
		job->pid = fork();
		if (!job->pid) {
			setsid();
			dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
			dup2(fds[1], STDOUT_FILENO);
			dup2(fds[1], STDERR_FILENO);
			exec_job();
		}
		close(fds[1]);
		job->fd = fds[0];
	}
	if (job->pid < 0)
		return -1;
	job->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	return job->pidfd < 0 ? -1 : 0;
}

/* One read of the job's output; returns 0 at its end */
static int copy_output(struct job *job, struct chan *out)
{
	static char buf[CHAN_BUFFER];
	static int lost;
	ssize_t n = read(job->fd, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (!lost && chan_write(out, buf, (size_t)n)) {
		lost = errno;
		tell("OUTPUT LOST: %s", strerror(lost));
		put_file("/out/lost", "%s\n", strerror(lost));
	}
	return 1;
}

static void copy_input(struct job *job, struct chan *in)
{
	char buf[CHAN_BLOCK];
	long n = chan_read(in, buf, sizeof(buf));

	if (n > 0 && write(job->fd, buf, (size_t)n) < 0)
		tell("shell: %s", strerror(errno));
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Copy until the job ends; returns 0, or -1 if its time was over before */
static int serve_job(struct job *job, struct chan *out, struct chan *in)
{
	long long end = now_ms() + job->seconds * 1000LL;

	for (;;) {
		struct pollfd fds[] = { { job->fd, POLLIN, 0 }, { job->pidfd, POLLIN, 0 } };
		long long left = end - now_ms();

		if (job->seconds && left <= 0)
			return -1;
		if (!job->seconds || left > 1000)
			left = 1000;
		if (in)
			left = SHELL_POLL_MS;
		if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
			return -1;
		/* poll() passes over a negative descriptor: after a hang-up wait for the job alone
		 */
		if (fds[0].revents && !copy_output(job, out)) {
			close(job->fd);
			job->fd = -1;
		}
		if (!fds[0].revents && fds[1].revents)
			return 0;
		if (in)
			copy_input(job, in);
	}
}

static void save_status(const struct job *job, int in_time)
{
	int status = 0;

	if (!in_time)
		kill(-job->pid, SIGKILL);
	waitpid(job->pid, &status, 0);
	if (!in_time)
		put_file("/out/status", "timeout %d\n", job->seconds);
	else if (WIFSIGNALED(status))
		put_file("/out/status", "signal %d\n", WTERMSIG(status));
	else
		put_file("/out/status", "exit %d\n", WEXITSTATUS(status));
}

static void save_kernel_log(void)
{
	int size = klogctl(SYSLOG_SIZE, NULL, 0);
	char *buf = size > 0 ? malloc((size_t)size + 1) : NULL;
	int n = buf ? klogctl(SYSLOG_READ_ALL, buf, size) : -1;
	FILE *f = n < 0 ? NULL : fopen("/out/dmesg", "w");

	if (f) {
		fwrite(buf, 1, (size_t)n, f);
		fclose(f);
	}
	free(buf);
	copy_file("/proc/sys/kernel/tainted", "/out/taint_after");
}

static void send_results(struct chan *results)
{
	static char buf[CHAN_BUFFER];
	FILE *tar = popen("tar c -C /out .", "r");
	size_t n;

	while (tar && (n = fread(buf, 1, sizeof(buf), tar)) > 0)
		if (chan_write(results, buf, n)) {
			tell("RESULTS LOST: %s", strerror(errno));
			break;
		}
	if (tar)
		pclose(tar);
}

static void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

int main(void)
{
	struct chan out, jobs, results, in;
	struct job job = { .fd = -1 };
	int in_time;

	mount_all();
	console = fopen("/dev/console", "w");
	setenv("PATH", "/bin", 1);
	setenv("HOME", "/job", 1);
	load_modules();
	put_file("/proc/sys/vm/allocate_pgste", "1");
	if (open_disk(&out, DISK_OUT, O_WRONLY) || open_disk(&jobs, DISK_JOB, O_RDONLY) ||
	    open_disk(&results, DISK_RESULTS, O_WRONLY) || open_disk(&in, DISK_IN, O_RDONLY))
		power_off();
	/* What each job needs shall be in the page cache of the suspended machine */
	run_shell_command("tar --help >/dev/null 2>&1");
	tell("READY %d", access("/dev/kvm", R_OK | W_OK) == 0);

	wait_for_job(&jobs, &job);
	copy_file("/proc/sys/kernel/tainted", "/out/taint_before");
	klogctl(SYSLOG_CLEAR, NULL, 0);
	if (unpack_job(&jobs, &job) || start_job(&job)) {
		tell("cannot start the job: %s", strerror(errno));
		put_file("/out/status", "unstarted 0\n");
	} else {
		in_time = !serve_job(&job, &out, strcmp(job.mode, "shell") ? NULL : &in);
		save_status(&job, in_time);
		/* Nothing that the job left behind may hold its output open */
		kill(-1, SIGKILL);
		while (copy_output(&job, &out))
			;
	}
	save_kernel_log();
	send_results(&results);
	power_off();
}
