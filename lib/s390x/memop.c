// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_S390_MEM_OP requests: see memop.h.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "compat.h"
#include "s390x/memop.h"

struct outcome memop(int fd, const struct kvm_s390_mem_op *op)
{
	return outcome_of(ioctl(fd, KVM_S390_MEM_OP, op));
}

static const char *const op_names[] = {
	[KVM_S390_MEMOP_LOGICAL_READ] = "LOGICAL_READ",
	[KVM_S390_MEMOP_LOGICAL_WRITE] = "LOGICAL_WRITE",
	[KVM_S390_MEMOP_SIDA_READ] = "SIDA_READ",
	[KVM_S390_MEMOP_SIDA_WRITE] = "SIDA_WRITE",
	[KVM_S390_MEMOP_ABSOLUTE_READ] = "ABSOLUTE_READ",
	[KVM_S390_MEMOP_ABSOLUTE_WRITE] = "ABSOLUTE_WRITE",
	[KVM_S390_MEMOP_ABSOLUTE_CMPXCHG] = "ABSOLUTE_CMPXCHG",
};

const char *memop_text(const struct kvm_s390_mem_op *op, char *text)
{
	const char *name = op->op < ARRAY_SIZE(op_names) ? op_names[op->op] : NULL;

	snprintf(text, MEMOP_TEXT,
		 "op %u %s gaddr %#llx size %u flags %#llx ar %u key %u buf %#llx", op->op,
		 name ? name : "(undefined)", (unsigned long long)op->gaddr, op->size,
		 (unsigned long long)op->flags, op->ar, op->key, (unsigned long long)op->buf);
	return text;
}

size_t memop_max_size(void)
{
	int max = kvm_check_cap(KVM_CAP_S390_MEM_OP);

	return max > 0 ? (size_t)max : 0;
}

/* Linux before 6.4: lines that mix all operations cannot decide what is said of a valid exchange */
static void without_cmpxchg(void)
{
	report_without("MEMOP-XCHG-02");
	report_without("MEMOP-XCHG-03");
	report_without("MEMOP-XCHG-05");
	report_without("MEMOP-XCHG-06");
}

void memop_begin(int argc, char **argv, const struct line *lines, size_t count,
		 enum memop_need need)
{
	int extension;
	const char *why;

	report_options(argc, argv, lines, count);
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(memop_max_size() > 0, SKIP_CAPABILITY, "KVM_CAP_S390_MEM_OP");
	extension = (int)kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION);
	report_capability("KVM_CAP_S390_MEM_OP", (long)memop_max_size());
	report_capability("KVM_CAP_S390_MEM_OP_EXTENSION", extension);
	report_need(need == MEMOP_ANY || extension > 0, SKIP_CAPABILITY,
		    "KVM_CAP_S390_MEM_OP_EXTENSION");
	report_need(need != MEMOP_CMPXCHG || extension & KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG,
		    SKIP_CAPABILITY,
		    "KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG in KVM_CAP_S390_MEM_OP_EXTENSION");
	if (!(extension & KVM_S390_MEMOP_EXTENSION_CAP_CMPXCHG))
		without_cmpxchg();
}
