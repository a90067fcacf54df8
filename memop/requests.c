// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which requests are valid: every operation and beyond, on both kinds of file
 * descriptor, with every flag, size and key that matters.
 *
 * docs/contract.md, "KVM_S390_MEM_OP: every request": an undefined operation, an
 * undefined flag, a size of 0 or above the maximum, a key above 15 are refused;
 * each operation has its own file descriptor and flags; unused fields mean nothing.
 *
 * How it is seen: the whole product of these, against the oracle. A request that
 * is valid takes place, and is compared byte by byte; one that is refused must
 * say so with the errno of a reason that applies, and touch nothing. A child of the
 * process, which has the files and a copy of the memory, is refused each of them.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat.h"
#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define PLACE 0x110000UL
#define ACC 5

static const uint64_t slots[] = { 0, 0x100000 };
static const uint32_t ops[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 0x10004, 1U << 31, UINT32_MAX };
static const uint64_t defined[] = {
	KVM_S390_MEMOP_F_CHECK_ONLY,
	KVM_S390_MEMOP_F_INJECT_EXCEPTION,
	KVM_S390_MEMOP_F_SKEY_PROTECTION,
};
/* What fields that mean nothing are filled with */
static const uint8_t junk[] = { 0, 0xff, 0x5a };

static struct arena *arena;
static uint32_t max;

static uint64_t combination(unsigned int n)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(defined); i++)
		if (n >> i & 1)
			flags |= defined[i];
	return flags;
}

static struct trial request(uint32_t op, bool on_vcpu, uint64_t flags, uint32_t size)
{
	return (struct trial){ .arena = arena,
			       .request.on_vcpu = on_vcpu,
			       .request.op = {
				       .op = op,
				       .gaddr = PLACE,
				       .flags = flags,
				       .size = size,
			       } };
}

static void every_key(uint32_t op, bool on_vcpu, uint64_t flags, uint32_t size)
{
	static const uint8_t keys[] = { 0,  1,	2,  3,	4,  5,	6,  7,	 8,  9,
					10, 11, 12, 13, 14, 15, 16, 128, 255 };
	bool keyed = flags & KVM_S390_MEMOP_F_SKEY_PROTECTION;

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		struct trial t = request(op, on_vcpu, flags, size);

		t.request.op.key = keys[k];
		if (keyed || k % 6 == 0)
			trial_run(&t);
	}
}

static void every_size(uint32_t op, bool on_vcpu, unsigned int flags)
{
	const uint32_t sizes[] = { 0, 1, 8, 16, 17, max, max + 1, 1U << 31, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		every_key(op, on_vcpu, combination(flags), sizes[i]);
}

static void product(bool on_vcpu)
{
	for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
		for (unsigned int flags = 0; flags < 8; flags++)
			every_size(ops[o], on_vcpu, flags);
}

static void product_vm(void)
{
	product(false);
}

static void product_vcpu(void)
{
	product(true);
}

/* Each bit that is not defined at all: alone, and beside each combination of defined ones */
static void undefined_flags(void)
{
	for (unsigned int bit = 0; bit < 64; bit++)
		for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
			for (unsigned int flags = 0; flags < 8; flags++) {
				uint64_t all = combination(flags) | 1UL << bit;
				struct trial t = request(ops[o], false, all, 8);

				trial_run(&t);
				t = request(ops[o], true, all, 8);
				trial_run(&t);
			}
}

/* Every size up to some more than what an exchange takes, on either descriptor */
static void small_sizes(void)
{
	for (size_t o = 0; o < ARRAY_SIZE(ops); o++)
		for (uint32_t size = 0; size <= 40; size++)
			for (unsigned int keyed = 0; keyed < 2; keyed++) {
				struct trial t =
					request(ops[o], false, combination(4 * keyed), size);

				trial_run(&t);
				t = request(ops[o], true, combination(4 * keyed), size);
				trial_run(&t);
			}
}

/* All that @op does not use, filled with @with */
static void fill_unused(struct kvm_s390_mem_op *m, uint8_t with)
{
	bool logical = m->op <= KVM_S390_MEMOP_LOGICAL_WRITE;
	bool exchange = m->op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG;
	uint8_t key = m->key;

	memset(m->reserved, with, sizeof(m->reserved));
	if (logical)
		m->ar = 3;
	if (m->flags & KVM_S390_MEMOP_F_SKEY_PROTECTION)
		m->key = key;
	if (exchange)
		compat_set_old_addr(m, NULL); /* the trial's */
}

static void unused_fields(void)
{
	for (uint32_t op = 0; op <= KVM_S390_MEMOP_ABSOLUTE_CMPXCHG; op++)
		for (unsigned int flags = 0; flags < 8; flags++)
			for (size_t j = 0; j < ARRAY_SIZE(junk); j++)
				for (uint32_t size = 1; size <= 4096; size *= 16) {
					bool on_vcpu = op < KVM_S390_MEMOP_ABSOLUTE_READ;
					struct trial t =
						request(op, on_vcpu, combination(flags), size);

					t.request.op.key = ACC;
					fill_unused(&t.request.op, junk[j]);
					if (!report_case())
						continue;
					report_decided("MEMOP-RES-01");
					trial_issue(&t);
				}
}

static void access_registers(void)
{
	for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++)
		for (unsigned int ar = 0; ar < 256; ar++)
			for (unsigned int flags = 0; flags < 8; flags++) {
				struct trial t = request(op, true, combination(flags), 8);

				t.request.op.ar = (uint8_t)ar;
				trial_run(&t);
			}
}

/* Whatever offset and size: there is no SIDA */
static void sida(void)
{
	static const uint32_t offsets[] = { 0, 1, 4095, 4096, 1U << 31, UINT32_MAX };
	const uint32_t sizes[] = { 0, 1, 8, 4096, 4097, max, UINT32_MAX };

	for (uint32_t op = KVM_S390_MEMOP_SIDA_READ; op <= KVM_S390_MEMOP_SIDA_WRITE; op++)
		for (unsigned int bit = 0; bit <= 64; bit++)
			for (size_t o = 0; o < ARRAY_SIZE(offsets); o++)
				for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
					uint64_t flags = bit < 64 ? 1UL << bit : 0;
					struct trial t = request(op, true, flags, sizes[i]);

					t.request.op.sida_offset = offsets[o];
					trial_run(&t);
					if (bit > 2 && bit < 64)
						continue;
					t.request.on_vcpu = false;
					trial_run(&t);
				}
}

/* A short one first: its result is what a start is waited for */
/* In a child: how many requests are not refused. Its memory is the child's own, and has their place
 */
static int taken(void)
{
	static uint8_t bytes[8];
	int count = 0;

	for (uint32_t op = KVM_S390_MEMOP_LOGICAL_READ; op <= KVM_S390_MEMOP_ABSOLUTE_WRITE; op++)
		for (uint64_t check = 0; check <= KVM_S390_MEMOP_F_CHECK_ONLY; check++) {
			const struct kvm_s390_mem_op request = { .op = op,
								 .gaddr = PLACE,
								 .size = sizeof(bytes),
								 .buf = (uintptr_t)bytes,
								 .flags = check };
			const bool on_vcpu = op <= KVM_S390_MEMOP_LOGICAL_WRITE;

			if (op > KVM_S390_MEMOP_LOGICAL_WRITE && op < KVM_S390_MEMOP_ABSOLUTE_READ)
				continue;
			count += !outcome_equal(
				memop(on_vcpu ? arena->vcpu->fd : arena->vm->fd, &request),
				outcome_error(EIO));
		}
	return count;
}

static void another_process(void)
{
	static uint8_t before[CONTRACT_PAGE];
	const uint8_t *at = arena_at(arena, PLACE);
	int status = 0;
	pid_t child;

	memcpy(before, at, sizeof(before));
	child = fork();
	if (!child)
		_exit(taken());
	TEST_ASSERT(child > 0 && waitpid(child, &status, 0) == child, "fork");
	report_check(WIFEXITED(status) && !WEXITSTATUS(status),
		     "a child of the VM's process reads, writes and checks by vCPU and VM",
		     "each is refused with EIO", "status %#x", status);
	report_check(!memcmp(before, at, sizeof(before)), "afterwards", "guest memory is as it was",
		     "it has changed");
}

static const struct line lines[] = {
	{ "what an operation does not use is ignored", "MEMOP-RES-01 MEMOP-KEY-04", unused_fields },
	{ "VM: every operation, flag combination, size and key",
	  "MEMOP-OP-01 MEMOP-SIZE-01 MEMOP-SIZE-02 MEMOP-KEY-02 MEMOP-KEY-04 MEMOP-LOG-01 "
	  "MEMOP-ABS-04 MEMOP-XCHG-06 MEMOP-ORDER-01 MEMOP-RET-01",
	  product_vm },
	{ "vCPU: every operation, flag combination, size and key",
	  "MEMOP-OP-01 MEMOP-SIZE-01 MEMOP-SIZE-02 MEMOP-KEY-02 MEMOP-KEY-04 MEMOP-ABS-01 "
	  "MEMOP-LOG-04 MEMOP-XCHG-01 MEMOP-ORDER-01 MEMOP-RET-01",
	  product_vcpu },
	{ "each undefined flag bit is refused, alone and beside defined ones", "MEMOP-FLAG-01",
	  undefined_flags },
	{ "small sizes: all are taken by reads and writes, powers of two by cmpxchg",
	  "MEMOP-SIZE-01 MEMOP-XCHG-02", small_sizes },
	{ "access registers 0 to 15 are taken, others refused", "MEMOP-LOG-03", access_registers },
	{ "SIDA operations are refused for a guest that is not protected",
	  "MEMOP-SIDA-02 MEMOP-ORDER-01", sida },
	{ "requests of another process (observed)", "SLOT-22", another_process },
};

static void set_up(void)
{
	max = (uint32_t)memop_max_size();
	arena_key(arena, PLACE, 32, skey_byte(ACC, true));
}

static const struct bench bench = {
	.need = MEMOP_ANY,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.begin = set_up,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
