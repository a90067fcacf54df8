// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of the AP bus and of mediated devices: see s390x/ap.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "s390x/ap.h"

static const char *const uuid[AP_MDEVS] = {
	"6ac0ac01-52b1-4c7e-9d3a-0f4d5e6b7c81",
	"6ac0ac02-52b1-4c7e-9d3a-0f4d5e6b7c82",
	"6ac0ac03-52b1-4c7e-9d3a-0f4d5e6b7c83",
};

int ap_write_bytes(const char *path, const void *bytes, size_t count)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;
	ssize_t written;

	if (fd < 0)
		return errno;
	written = write(fd, bytes, count);
	if (written < 0)
		err = errno;
	else if ((size_t)written != count)
		err = EIO;
	close(fd);
	return err;
}

int ap_write(const char *path, const char *line)
{
	char text[1000];
	int count = snprintf(text, sizeof(text), "%s\n", line);

	return ap_write_bytes(path, text, (size_t)count);
}

bool ap_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t count = 0, used = 0;

	text[0] = 0;
	if (fd < 0)
		return false;
	while ((size_t)used < size - 1 &&
	       (count = read(fd, text + used, size - 1 - (size_t)used)) > 0)
		used += count;
	text[used] = 0;
	close(fd);
	return count >= 0;
}

const char *ap_mdev_uuid(unsigned int mdev)
{
	return uuid[mdev];
}

const char *ap_mdev_file(unsigned int mdev, const char *file)
{
	static char path[AP_PATH];

	snprintf(path, sizeof(path), AP_MATRIX "%s%s%s", uuid[mdev], file ? "/" : "",
		 file ? file : "");
	return path;
}

enum ap_driver ap_driver_is(unsigned int queue)
{
	char path[AP_PATH], link[AP_PATH];
	ssize_t count;

	snprintf(path, sizeof(path), AP_BUS "devices/%02x.%04x", queue >> 8, queue & 255);
	if (access(path, F_OK))
		return AP_NO_DEVICE;
	strcat(path, "/driver");
	count = readlink(path, link, sizeof(link) - 1);
	if (count < 0)
		return AP_NO_DRIVER;
	link[count] = 0;
	return strcmp(strrchr(link, '/') + 1, "vfio_ap") ? AP_DEFAULT_DRIVER : AP_VFIO;
}
