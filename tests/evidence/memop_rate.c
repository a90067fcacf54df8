// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast the suite issues and checks MEM_OP requests, against a bare loop of
 * the same ioctls: what the checking costs. Prints rates and asserts nothing
 * about them.
 */
#include <sys/ioctl.h>

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/bench.h"
#include "s390x/trial.h"

#define ROUNDS 4
#define PLACE 0x103000UL

static const uint64_t slots[] = { 0x100000 };
static struct arena *arena;

static struct kvm_s390_mem_op request(uint32_t op, size_t offset)
{
	return (struct kvm_s390_mem_op){
		.op = op,
		.gaddr = PLACE + offset,
		.size = (uint32_t)(1 + (BYTES_PAGE - offset) % 16),
	};
}

static void checked_loop(uint32_t op)
{
	for (size_t offset = 0; offset < BYTES_PAGE; offset++) {
		struct trial t = { .arena = arena, .request.op = request(op, offset) };

		trial_run(&t);
	}
}

/* The same requests, and nothing else */
static void bare_loop(uint32_t op)
{
	uint8_t buf[16] = { 0 };

	for (size_t offset = 0; offset < BYTES_PAGE; offset++) {
		struct kvm_s390_mem_op bare = request(op, offset);

		bare.buf = (uintptr_t)buf;
		if (ioctl(arena->vm->fd, KVM_S390_MEM_OP, &bare))
			report_wrong(NULL, "success", "an error");
	}
}

static void rates(void)
{
	double suite = 0, bare = 0;

	/* In turns, as the host may be busy with something else for a while */
	for (int i = 0; i < ROUNDS; i++) {
		double begin = report_seconds(), middle;

		checked_loop(KVM_S390_MEMOP_ABSOLUTE_WRITE);
		checked_loop(KVM_S390_MEMOP_ABSOLUTE_READ);
		middle = report_seconds();
		bare_loop(KVM_S390_MEMOP_ABSOLUTE_WRITE);
		bare_loop(KVM_S390_MEMOP_ABSOLUTE_READ);
		suite += middle - begin;
		bare += report_seconds() - middle;
		arena_reset(arena, PLACE, 2 * BYTES_PAGE);
	}
	report_note("suite", 2 * ROUNDS * BYTES_PAGE / suite, "requests/s");
	report_note("bare_loop", 2 * ROUNDS * BYTES_PAGE / bare, "requests/s");
	report_note("share", 100 * bare / suite, "%");
}

static const struct line lines[] = {
	{ "absolute accesses of 1 to 16 bytes", "", rates },
};

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
