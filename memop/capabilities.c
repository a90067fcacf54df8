// SPDX-License-Identifier: GPL-2.0-only
/*
 * The capabilities say what the kernel does: sizes up to KVM_CAP_S390_MEM_OP,
 * operations by the bits of KVM_CAP_S390_MEM_OP_EXTENSION.
 *
 * How it is seen: each capability has the same value on /dev/kvm and on the VM;
 * each operation is tried with the largest size that is reported, one byte less,
 * and one byte more; and an operation whose bit is off has to be refused. On a
 * kernel that reports too much or too little, one of both sides fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "s390x/bench.h"
#include "case/report.h"
#include "s390x/trial.h"

#define PLACE 0x100000UL

static const uint64_t slots[] = { 0, 0x100000 };

static struct arena *arena;

static void values(void)
{
	static const struct {
		int cap;
		const char *name;
	} caps[] = {
		{ KVM_CAP_S390_MEM_OP, "KVM_CAP_S390_MEM_OP" },
		{ KVM_CAP_S390_MEM_OP_EXTENSION, "KVM_CAP_S390_MEM_OP_EXTENSION" },
		{ KVM_CAP_S390_SKEYS, "KVM_CAP_S390_SKEYS" },
	};
	const unsigned int known =
		KVM_S390_MEMOP_EXTENSION_CAP_BASE | KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG;
	unsigned int extension = arena->state.extension;

	report_deciding("MEMOP-ABS-02 MEMOP-KEY-01");
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		int here = ioctl(arena->vm->fd, KVM_CHECK_EXTENSION, caps[i].cap);

		report_check(here == (int)kvm_check_cap(caps[i].cap), caps[i].name,
			     "the same value on the VM and on /dev/kvm", "%d", here);
	}
	report_check(!(extension & ~known), "KVM_CAP_S390_MEM_OP_EXTENSION",
		     "no bit that is not defined", "%#x", extension);
	report_check(!extension || extension & KVM_S390_MEMOP_EXTENSION_CAP_BASE,
		     "KVM_CAP_S390_MEM_OP_EXTENSION", "if not 0, with the base bit", "%#x",
		     extension);
}

static void sizes(void)
{
	const uint32_t max = (uint32_t)memop_max_size();
	const uint32_t around[] = { 1, max / 2, max - 1, max, max + 1, max + 4096, 2 * max };

	for (uint32_t op = 0; op <= KVM_S390_MEMOP_ABSOLUTE_WRITE; op++)
		for (size_t i = 0; i < ARRAY_SIZE(around); i++) {
			struct trial t = {
				.arena = arena,
				.request.on_vcpu = op <= KVM_S390_MEMOP_LOGICAL_WRITE,
				.request.op = { .op = op, .gaddr = PLACE, .size = around[i] },
			};

			if (op == KVM_S390_MEMOP_SIDA_READ || op == KVM_S390_MEMOP_SIDA_WRITE)
				continue;
			trial_run(&t);
			t.request.op.flags = KVM_S390_MEMOP_F_CHECK_ONLY;
			trial_run(&t);
		}
}

/* One request of each operation that @bit promises; the oracle knows whether it is on */
static void by_bit(uint32_t first, uint32_t last, uint64_t flags, bool on_vcpu)
{
	for (uint32_t op = first; op <= last; op++) {
		struct trial t = {
			.arena = arena,
			.request.on_vcpu = on_vcpu,
			.request.op = { .op = op, .gaddr = PLACE, .size = 8, .flags = flags },
		};

		trial_run(&t);
	}
	report_deciding(NULL);
}

static void base_bit(void)
{
	const uint64_t keyed = KVM_S390_MEMOP_F_SKEY_PROTECTION;

	report_deciding("MEMOP-ABS-02");
	by_bit(KVM_S390_MEMOP_ABSOLUTE_READ, KVM_S390_MEMOP_ABSOLUTE_WRITE, 0, false);
	report_deciding("MEMOP-KEY-01");
	by_bit(KVM_S390_MEMOP_ABSOLUTE_READ, KVM_S390_MEMOP_ABSOLUTE_WRITE, keyed, false);
	report_deciding("MEMOP-KEY-01");
	by_bit(KVM_S390_MEMOP_LOGICAL_READ, KVM_S390_MEMOP_LOGICAL_WRITE, keyed, true);
}

static void cmpxchg_bit(void)
{
	report_deciding("MEMOP-XCHG-01");
	by_bit(KVM_S390_MEMOP_ABSOLUTE_CMPXCHG, KVM_S390_MEMOP_ABSOLUTE_CMPXCHG, 0, false);
	report_deciding("MEMOP-XCHG-01");
	by_bit(KVM_S390_MEMOP_ABSOLUTE_CMPXCHG, KVM_S390_MEMOP_ABSOLUTE_CMPXCHG,
	       KVM_S390_MEMOP_F_SKEY_PROTECTION, false);
}

static const struct line lines[] = {
	{ "values are the same everywhere, with defined bits only", "MEMOP-ABS-02 MEMOP-KEY-01",
	  values },
	{ "KVM_CAP_S390_MEM_OP is the largest size, one byte more is refused", "MEMOP-SIZE-02",
	  sizes },
	{ "absolute and keyed accesses are there exactly if the base bit is",
	  "MEMOP-ABS-02 MEMOP-KEY-01", base_bit },
	{ "cmpxchg is there exactly if its bit is", "MEMOP-XCHG-01", cmpxchg_bit },
};

static const struct bench bench = {
	.need = MEMOP_ANY,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
};

int main(int argc, char **argv)
{
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
