// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast the suite issues and checks MEM_OP requests, against a bare loop of
 * the same ioctls: what the checking costs. Prints rates and asserts nothing
 * about them.
 */
#include <sys/ioctl.h>

#include "compat.h"
#include "kvm_util.h"
#include "s390x/copy_check.h"
#include "s390x/memop.h"
#include "case/report.h"

#define ROUNDS 4

static struct copy_path path;

/* The requests of copy_every_offset(), and nothing else */
static void bare_loop(uint32_t op)
{
	uint8_t buf[16] = { 0 };

	for (size_t offset = 0; offset < BYTES_PAGE; offset++) {
		struct kvm_s390_mem_op request = {
			.op = op,
			.gaddr = path.base + 3 * BYTES_PAGE + offset,
			.size = (uint32_t)(1 + (BYTES_PAGE - offset) % 16),
			.buf = (uintptr_t)buf,
		};

		if (ioctl(path.fd, KVM_S390_MEM_OP, &request))
			report_fail(&(struct finding){
				.expected = "success", .observed = "an error", .offset = -1 });
	}
}

static void rates(void)
{
	double suite = 0, bare = 0;

	/* In turns, as the host may be busy with something else for a while */
	for (int i = 0; i < ROUNDS; i++) {
		double begin = report_seconds(), middle;

		copy_every_offset(&path, copy_check_write);
		copy_every_offset(&path, copy_check_read);
		middle = report_seconds();
		bare_loop(path.write_op);
		bare_loop(path.read_op);
		suite += middle - begin;
		bare += report_seconds() - middle;
		view_rest(path.view);
	}
	report_note("suite", 2 * ROUNDS * BYTES_PAGE / suite, "requests/s");
	report_note("bare_loop", 2 * ROUNDS * BYTES_PAGE / bare, "requests/s");
	report_note("share", 100 * bare / suite, "%");
}

static const struct line lines[] = {
	{ "absolute accesses of 1 to 16 bytes", "", rates },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION) > 0, SKIP_CAPABILITY, 		    "KVM_CAP_S390_MEM_OP_EXTENSION");
	path = (struct copy_path){
		.guest = copy_guest_create(),
		.read_op = KVM_S390_MEMOP_ABSOLUTE_READ,
		.write_op = KVM_S390_MEMOP_ABSOLUTE_WRITE,
		.max = memop_max_size(),
	};
	path.view = &path.guest->absolute;
	path.fd = path.guest->vm->fd;
	path.base = path.guest->tested_gpa;
	view_rest(path.view);
	return report_run();
}
