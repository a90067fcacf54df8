// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each vCPU takes an injected exception in a prefix area of its own, or not at all once it
 * was reset.
 *
 * memop/contract.md, MEMOP-INJ-01, MEMOP-INJ-07; api.rst, KVM_S390_MEM_OP: the exception is
 * raised "at that vCPU"; KVM_S390_NORMAL_RESET, KVM_S390_INITIAL_RESET, KVM_S390_CLEAR_RESET.
 * PoP, chapter 4, "Assigned Storage Locations", "Breaking-Event Address", "CPU Reset":
 * a CPU reset clears the interruption conditions that are pending for the CPU.
 *
 * How it is seen: two vCPUs have different prefixes, and in each prefix area a program-new PSW
 * with another address, at which the vCPU waits. After an injection and KVM_RUN the vCPU
 * waits where its own new PSW says, its prefix area has code, old PSW and breaking-event
 * address, and that of the other vCPU has not changed by one byte. injection.c looks at
 * what is stored, in one prefix area.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "case/report.h"
#include "compat.h"
#include "s390x/arena.h"
#include "s390x/memop.h"

#define BASE 0x100000UL
#define VCPUS 2U
#define WAITING (1UL << 49 | 3UL << 31) /* 64-bit, and no interruption is taken */
#define INJECT KVM_S390_MEMOP_F_INJECT_EXCEPTION
#define CHECK KVM_S390_MEMOP_F_CHECK_ONLY

/* Real addresses */
#define LENGTH 0x8c
#define CODE 0x8e
#define TEID 0xa8
#define BREAKING_EVENT 0x110
#define OLD_PSW 0x150
#define NEW_PSW 0x1d0

/* The second vCPU's prefix is the last that there is: 18 bits, PoP, chapter 3, "Prefixing" */
static const uint64_t prefix[VCPUS] = { BASE, 0x7fffe000 };
static const uint64_t slots[] = { BASE, 0x7ff00000 };
static struct arena *arena;
static struct kvm_vcpu *vcpus[VCPUS];

static uint8_t *area(unsigned int n)
{
	return arena_at(arena, prefix[n]);
}

static uint64_t new_address(unsigned int n)
{
	return 0x11110 + n * 0x2220;
}

/* It waits, with registers and prefix as they are to be, and has nothing in its prefix area */
static void set_up(unsigned int n)
{
	const uint64_t psw[2] = { WAITING, new_address(n) };

	memset(area(n), 0xa5, 2 * CONTRACT_PAGE);
	memcpy(area(n) + NEW_PSW, psw, sizeof(psw));
	arena->vcpu = vcpus[n];
	arena->state.cpu = (struct cpu){ .psw_mask = 3UL << 31, .prefix = prefix[n] };
	arena_cpu(arena);
	arena->vcpu = vcpus[0];
}

static void begin(void)
{
	arena = arena_create(slots, ARRAY_SIZE(slots), 0);
	vcpus[0] = arena->vcpu;
	vcpus[1] = __vm_vcpu_add(arena->vm, 1);
	for (unsigned int n = 0; n < VCPUS; n++)
		set_up(n);
}

static void end(void)
{
	arena_free(arena);
}

static struct outcome inject(unsigned int n, uint64_t flags)
{
	uint8_t bytes[8];
	const struct kvm_s390_mem_op op = { .op = KVM_S390_MEMOP_LOGICAL_READ,
					    .gaddr = 0x70000000,
					    .size = sizeof(bytes),
					    .flags = INJECT | flags,
					    .buf = (uintptr_t)bytes };

	return memop(vcpus[n]->fd, &op);
}

static uint64_t word(unsigned int n, size_t at)
{
	uint64_t value;

	memcpy(&value, area(n) + at, sizeof(value));
	return value;
}

static uint64_t goes_on(unsigned int n, uint64_t breaking_event)
{
	struct kvm_run *run = vcpus[n]->run;

	run->s.regs.gbea = breaking_event;
	run->kvm_dirty_regs = KVM_SYNC_ARCH0;
	if (_vcpu_run(vcpus[n]) || run->exit_reason != KVM_EXIT_S390_SIEIC)
		report_wrong("KVM_RUN", "the vCPU waits", "exit reason %u", run->exit_reason);
	return run->psw_addr;
}

static void each_has_its_own(void)
{
	static uint8_t others[2 * CONTRACT_PAGE];
	char state[80];

	for (unsigned int n = 0; n < VCPUS; n++)
		for (uint64_t flags = 0; flags <= CHECK; flags += CHECK) {
			const unsigned int other = 1 - n;
			uint64_t address;

			if (!report_case())
				continue;
			set_up(n);
			memcpy(others, area(other), sizeof(others));
			snprintf(state, sizeof(state), "vCPU %u, flags %#lx", n,
				 (unsigned long)flags);
			if (!outcome_equal(inject(n, flags), outcome_exception(PGM_ADDRESSING)))
				report_wrong(state, "an addressing exception", "it is none");
			address = goes_on(n, 0x123456 + n);
			if (address != new_address(n))
				report_wrong(state, "it goes on at its own program-new PSW",
					     "it is at %#lx", (unsigned long)address);
			if (*(uint16_t *)(area(n) + CODE) != PGM_ADDRESSING ||
			    word(n, OLD_PSW) != WAITING)
				report_wrong(state, "code and old PSW in its own prefix area",
					     "code %#x, PSW %#lx", *(uint16_t *)(area(n) + CODE),
					     (unsigned long)word(n, OLD_PSW));
			if (word(n, BREAKING_EVENT) != 0x123456 + n)
				report_wrong(state, "its breaking-event address", "%#lx",
					     (unsigned long)word(n, BREAKING_EVENT));
			if (memcmp(others, area(other), sizeof(others)))
				report_wrong(state, "nothing in another vCPU's prefix area",
					     "it has changed");
		}
}

static void after_a_reset(void)
{
	const unsigned long resets[] = { KVM_S390_INITIAL_RESET, KVM_S390_NORMAL_RESET,
					 KVM_S390_CLEAR_RESET };
	const size_t count = kvm_check_cap(KVM_CAP_S390_VCPU_RESETS) > 0 ? 3 : 1;
	struct kvm_s390_mem_op op = { .op = KVM_S390_MEMOP_LOGICAL_READ,
				      .gaddr = 0x200,
				      .size = 1 };
	char state[80];

	for (unsigned int n = 0; n < VCPUS; n++)
		for (size_t r = 0; r < count; r++) {
			if (!report_case())
				continue;
			set_up(n);
			inject(n, 0);
			snprintf(state, sizeof(state), "vCPU %u, reset %zu", n, r);
			if (ioctl(vcpus[n]->fd, resets[r], 0))
				report_wrong(state, "it is reset", "errno %d", errno);
			/* There is no storage at absolute 0; a normal reset leaves the prefix */
			op.flags = CHECK;
			if (!outcome_equal(memop(vcpus[n]->fd, &op),
					   resets[r] == KVM_S390_NORMAL_RESET
						   ? outcome_success()
						   : outcome_exception(PGM_ADDRESSING)))
				report_wrong(state, "the prefix is 0, or as it was",
					     "MEM_OP finds another one");
			set_up(n); /* its KVM_RUN would take what is pending */
			if (word(n, OLD_PSW) != 0xa5a5a5a5a5a5a5a5)
				report_wrong(state, "the exception is gone", "code %#x",
					     *(uint16_t *)(area(n) + CODE));
		}
}

/* Low-address protection: an exception that has more to tell than its code */
static void inject_protection(unsigned int n)
{
	uint64_t value = 0;
	const struct kvm_s390_mem_op op = { .op = KVM_S390_MEMOP_LOGICAL_WRITE,
					    .gaddr = 0x100,
					    .size = sizeof(value),
					    .flags = INJECT | CHECK,
					    .buf = (uintptr_t)&value };

	arena->vcpu = vcpus[n];
	arena->state.cpu.prefix = prefix[n];
	arena->state.cpu.cr[0] = CR0_LOW_ADDRESS_PROTECTION;
	arena_cpu(arena);
	arena->state.cpu.cr[0] = 0;
	arena->vcpu = vcpus[0];
	if (!outcome_equal(memop(vcpus[n]->fd, &op), outcome_exception(PGM_PROTECTION)))
		report_wrong("CHECK_ONLY of a low address", "protection", "it is none");
}

/* api.rst, KVM_S390_GET_IRQ_STATE: all that is pending, for a migration; the other vCPU gets it */
static void taken_along(void)
{
	static uint8_t pending[0x1000];
	struct kvm_s390_irq_state state = { .buf = (uintptr_t)pending, .len = sizeof(pending) };

	for (unsigned int n = 0; n < VCPUS; n++) {
		const unsigned int other = 1 - n;

		if (!report_case())
			continue;
		set_up(0);
		set_up(1);
		inject_protection(n);
		state.len = sizeof(pending);
		state.len = (uint32_t)ioctl(vcpus[n]->fd, KVM_S390_GET_IRQ_STATE, &state);
		if (state.len != sizeof(struct kvm_s390_irq))
			report_wrong("KVM_S390_GET_IRQ_STATE", "one interruption", "%u bytes",
				     state.len);
		if (ioctl(vcpus[other]->fd, KVM_S390_SET_IRQ_STATE, &state))
			report_wrong("KVM_S390_SET_IRQ_STATE", "0", "errno %d", errno);
		for (unsigned int v = 0; v < VCPUS; v++)
			goes_on(v, 0);
		if (!word(n, TEID) || word(n, TEID) != word(other, TEID) ||
		    memcmp(area(n) + LENGTH, area(other) + LENGTH, 4))
			report_wrong("an exception that is taken along by another vCPU",
				     "length, code and TEID are those that it has here",
				     "TEID %#lx, there %#lx, code %#x",
				     (unsigned long)word(n, TEID), (unsigned long)word(other, TEID),
				     *(uint16_t *)(area(other) + CODE));
	}
}

static const struct line lines[] = {
	{ "of several vCPUs each has its own new PSW, old PSW and breaking-event address",
	  "MEMOP-INJ-01", each_has_its_own },
	{ "a reset takes the exception away that is pending", "MEMOP-INJ-07", after_a_reset },
	{ "what is pending can be taken along by another vCPU, whole", "MEMOP-INJ-01",
	  taken_along },
};

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_ANY);
	report_around(begin, end);
	return report_run();
}
