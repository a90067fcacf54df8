// SPDX-License-Identifier: GPL-2.0-only
/*
 * MEM_OP and memory slots of a protected guest.
 *
 * docs/contract.md: logical and absolute accesses are refused, the secure
 * instruction data area (SIDA) is read and written, no slot can be set.
 *
 * How it is seen: KVM_PV_ENABLE makes the VM and its vCPU protected; no guest
 * image is needed for what is checked here. What is written to the SIDA is read
 * back in pieces, with guard bytes around the buffer.
 */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "bytes.h"
#include "compat.h"
#include "memop.h"
#include "report.h"
#include "trial.h"

#define PLACE 0x100000UL
#define SIDA_SIZE 4096U

static const uint64_t slots[] = { 0, PLACE };

static struct arena *arena;

static int pv_command(uint32_t command)
{
	struct kvm_pv_cmd cmd = { .cmd = command };

	return ioctl(arena->vm->fd, KVM_S390_PV_COMMAND, &cmd);
}

static void refused(void)
{
	static const uint32_t sizes[] = { 0, 1, 8, 16, 4096, 65536, 65537 };

	for (uint32_t op = 0; op <= KVM_S390_MEMOP_ABSOLUTE_CMPXCHG; op++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (uint64_t flags = 0; flags < 16; flags++)
				for (int on_vcpu = 0; on_vcpu < 2; on_vcpu++) {
					struct trial t = {
						.arena = arena,
						.request.on_vcpu = on_vcpu,
						.request.op = { .op = op,
								.gaddr = PLACE,
								.size = sizes[i],
								.flags = flags },
					};
					bool sida = op == KVM_S390_MEMOP_SIDA_READ ||
						    op == KVM_S390_MEMOP_SIDA_WRITE;

					if (!sida || !on_vcpu || flags || !sizes[i] ||
					    sizes[i] > SIDA_SIZE)
						trial_run(&t);
				}
}

static struct outcome sida(uint32_t op, uint8_t *buf, uint32_t offset, uint32_t size)
{
	struct kvm_s390_mem_op request = { .op = op, .size = size, .buf = (uintptr_t)buf };

	request.sida_offset = offset;
	return memop(arena->vcpu->fd, &request);
}

static void expect(bool good, const char *expected)
{
	if (!good)
		report_fail(&(struct finding){ .request = "SIDA",
					       .expected = expected,
					       .observed = "otherwise",
					       .offset = -1 });
}

static void round_trip(void)
{
	static const uint32_t sizes[] = { 1, 2, 8, 255, 256, 2048, 4095, 4096 };
	uint8_t *buf = malloc(SIDA_SIZE + 2 * BYTES_GUARD);

	TEST_ASSERT(buf, "no memory");
	bytes_copy(buf, bytes_rest(0), SIDA_SIZE);
	if (report_case())
		expect(sida(KVM_S390_MEMOP_SIDA_WRITE, buf, 0, SIDA_SIZE).ret == 0,
		       "a write of all");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint32_t offset = 0; offset + sizes[i] <= SIDA_SIZE; offset += 61) {
			uint8_t *at = buf + BYTES_GUARD;

			if (!report_case())
				continue;
			bytes_copy(buf, bytes_inverted(offset), sizes[i] + 2 * BYTES_GUARD);
			expect(sida(KVM_S390_MEMOP_SIDA_READ, at, offset, sizes[i]).ret == 0,
			       "a read");
			expect(bytes_differ(at, bytes_rest(offset), sizes[i]) < 0,
			       "the bytes written");
			expect(bytes_differ(buf, bytes_inverted(offset), BYTES_GUARD) < 0 &&
				       bytes_differ(at + sizes[i],
						    bytes_inverted(offset) + BYTES_GUARD + sizes[i],
						    BYTES_GUARD) < 0,
			       "bytes beside the buffer are left alone");
		}
	free(buf);
}

static void no_slots(void)
{
	struct kvm_userspace_memory_region region = {
		.slot = 5,
		.guest_phys_addr = 0x40000000,
		.memory_size = ARENA_UNIT,
		.userspace_addr = (uintptr_t)arena->host[1],
	};

	if (report_case())
		expect(ioctl(arena->vm->fd, KVM_SET_USER_MEMORY_REGION, &region) == -1 &&
			       errno == EINVAL,
		       "KVM_SET_USER_MEMORY_REGION is refused with EINVAL");
}

static const struct line lines[] = {
	{ "all but SIDA accesses are refused",
	  "MEMOP-ABS-06 MEMOP-LOG-08 MEMOP-SIDA-01 MEMOP-SIDA-03 MEMOP-SIDA-04", refused },
	{ "what is written to the SIDA is read back", "MEMOP-SIDA-05", round_trip },
	{ "no memory slot can be set", "SLOT-13", no_slots },
};

int main(int argc, char **argv)
{
	const char *why;
	int status;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), why);
	report_need(kvm_check_cap(KVM_CAP_S390_PROTECTED) > 0, "KVM_CAP_S390_PROTECTED");
	arena = arena_create(slots, ARRAY_SIZE(slots), 0);
	TEST_ASSERT(!pv_command(KVM_PV_ENABLE), "KVM_PV_ENABLE");
	arena->state.protected_guest = true;
	status = report_run();
	pv_command(KVM_PV_DISABLE);
	arena_free(arena);
	return status;
}
