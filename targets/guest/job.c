// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one job of the machine: received, run, watched until it or its time ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "klog.h"

#define JOB_POLL_US 10000
#define INPUT_POLL_MS 20

/* What the job prints goes to @out and, where the two are kept apart, to @err */
struct job {
	char mode[8]; /* run: all to out; exec: with input, and errors apart; shell: a terminal */
	int seconds;
	uint64_t bytes;
	uint32_t crc;
	pid_t pid;
	int pidfd;
	int out, err, in; /* -1: not there, or over */
};

static void wait_for_job(struct chan *c, struct job *job)
{
	const char *head;
	unsigned long long bytes;

	do {
		usleep(JOB_POLL_US);
		head = chan_head(c);
	} while (!head || sscanf(head, "JOB %7s %d %llu %x", job->mode, &job->seconds, &bytes,
				 &job->crc) != 4);
	job->bytes = bytes;
}

static int unpack(struct chan *c, const struct job *job)
{
	FILE *tar = popen("exec tar x -C /job", "w");
	uint64_t done = 0;
	uint32_t crc = 0;

	while (tar && done < job->bytes) {
		uint64_t left = job->bytes - done;
		size_t n = left < CHAN_BUFFER ? left : CHAN_BUFFER;
		size_t padded = (n + CHAN_BLOCK - 1) / CHAN_BLOCK * CHAN_BLOCK;

		if (pread(c->fd, c->buf, padded, (off_t)(CHAN_BLOCK + done)) < (ssize_t)n)
			break;
		if (fwrite(c->buf, 1, n, tar) != n)
			break;
		crc = chan_crc(crc, c->buf, n);
		done += n;
	}
	if (!tar || pclose(tar) || done != job->bytes)
		return -1;
	if (crc == job->crc)
		return 0;
	errno = EBADMSG;
	return -1;
}

static void exec_job(void)
{
	signal(SIGPIPE, SIG_DFL);
	if (!chdir("/job"))
		execl("/bin/busybox", "sh", "./run", (char *)NULL);
	dprintf(STDERR_FILENO, "cannot run the job: %s\n", strerror(errno));
	_exit(127);
}

static int start_in_terminal(struct job *job)
{
	job->pid = forkpty(&job->out, NULL, NULL, NULL);
	if (!job->pid)
		exec_job();
	job->in = job->out;
	return job->pid < 0 ? -1 : 0;
}

/* Input and errors of their own only for "exec": results are one stream */
static int start_with_pipes(struct job *job, int apart)
{
	int in[2] = { open("/dev/null", O_RDONLY | O_CLOEXEC), -1 }, out[2], err[2] = { -1, -1 };

	if (pipe2(out, O_CLOEXEC) ||
	    (apart && (close(in[0]) || pipe2(in, O_CLOEXEC) || pipe2(err, O_CLOEXEC))))
		return -1;
	job->pid = fork();
	if (!job->pid) {
		setsid();
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(apart ? err[1] : out[1], STDERR_FILENO);
		exec_job();
	}
	close(in[0]);
	close(out[1]);
	if (apart)
		close(err[1]);
	job->in = in[1];
	job->out = out[0];
	job->err = err[0];
	return job->pid < 0 ? -1 : 0;
}

static int start(struct job *job)
{
	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(job->mode, "shell") ? start_in_terminal(job)
					: start_with_pipes(job, !strcmp(job->mode, "exec")))
		return -1;
	job->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	return job->pidfd < 0 ? -1 : 0;
}

/* One read of what the job printed to *@fd, which is closed at its end */
static void copy_output(int *fd, struct chan *disk)
{
	static char buf[CHAN_BUFFER];
	static int lost;
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close(*fd);
		*fd = -1;
	} else if (!lost && chan_write(disk, buf, (size_t)n)) {
		lost = errno;
		tell("OUTPUT LOST: %s", strerror(lost));
		put_file("/out/lost", "%s\n", strerror(lost));
	}
}

/* Only as much as a pipe takes at once: who does not read must not stop the rest */
static void copy_input(struct job *job, struct chan *disk)
{
	struct pollfd room = { job->in, POLLOUT, 0 };
	char buf[CHAN_BLOCK];
	long n;

	if (job->in < 0 || poll(&room, 1, 0) <= 0)
		return;
	n = chan_read(disk, buf, sizeof(buf));
	if ((n > 0 && write(job->in, buf, (size_t)n) < 0) || (!n && disk->ended)) {
		if (job->in != job->out)
			close(job->in);
		job->in = -1;
	}
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Milliseconds to sleep at most; -1 if the job's time is over */
static int patience(const struct job *job, long long end)
{
	long long left = job->seconds ? end - now_ms() : 1000;

	if (left <= 0)
		return -1;
	if (job->in >= 0)
		return INPUT_POLL_MS;
	return left < 1000 ? (int)left : 1000;
}

/* Copy until the job ends; returns 0, or -1 if its time was over before */
static int serve(struct job *job, struct chan disks[DISKS])
{
	long long end = now_ms() + job->seconds * 1000LL;
	int wait;

	while ((wait = patience(job, end)) >= 0) {
		/* poll() passes over negative descriptors */
		struct pollfd fds[] = {
			{ job->out, POLLIN, 0 },
			{ job->err, POLLIN, 0 },
			{ job->pidfd, POLLIN, 0 },
			{ klog_fd(), POLLIN, 0 },
		};

		if (poll(fds, 4, wait) < 0 && errno != EINTR)
			return -1;
		if (fds[0].revents)
			copy_output(&job->out, &disks[DISK_OUT]);
		if (fds[1].revents)
			copy_output(&job->err, &disks[DISK_ERR]);
		if (fds[3].revents)
			klog_take();
		if (!fds[0].revents && !fds[1].revents && fds[2].revents)
			return 0;
		copy_input(job, &disks[DISK_IN]);
	}
	return -1;
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

void job_run(struct chan disks[DISKS])
{
	struct job job = { .out = -1, .err = -1, .in = -1 };

	wait_for_job(&disks[DISK_JOB], &job);
	klog_start();
	if (unpack(&disks[DISK_JOB], &job) || start(&job)) {
		tell("init: cannot start the job: %s", strerror(errno));
		put_file("/out/status", "unstarted 0\n");
	} else {
		save_status(&job, !serve(&job, disks));
		/* Nothing that the job left behind may hold its output open */
		kill(-1, SIGKILL);
		while (job.out >= 0)
			copy_output(&job.out, &disks[DISK_OUT]);
		while (job.err >= 0)
			copy_output(&job.err, &disks[DISK_ERR]);
	}
	klog_take();
}
