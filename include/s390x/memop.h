/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_S390_MEM_OP requests (api.rst, "KVM_S390_MEM_OP").
 */
#ifndef MEMOP_H
#define MEMOP_H

#include <stddef.h>
#include <stdint.h>

#include "kvm_util.h"
#include "case/outcome.h"
#include "case/report.h"

#define MEMOP_TEXT 160

/*
 * memop - issue @op on @fd, a VM's or a vCPU's
 * Returns what came of it; nothing is asserted.
 */
struct outcome memop(int fd, const struct kvm_s390_mem_op *op);

/*
 * memop_text - the request in words, for a failure
 * @text: MEMOP_TEXT bytes
 * Returns @text.
 */
const char *memop_text(const struct kvm_s390_mem_op *op, char *text);

/*
 * memop_max_size - bytes that one request may move
 * Returns what KVM_CAP_S390_MEM_OP reports, 0 where there is no such capability.
 */
size_t memop_max_size(void);

/* What a test needs of KVM's MEM_OP */
enum memop_need {
	MEMOP_ANY,     /* KVM_CAP_S390_MEM_OP */
	MEMOP_KEYED,   /* and KVM_CAP_S390_MEM_OP_EXTENSION: absolute accesses, access keys */
	MEMOP_CMPXCHG, /* and its bit for cmpxchg */
};

/*
 * memop_begin - read the options of a test of MEM_OP; exits with a skip where what
 * it needs is missing (see report_options())
 */
void memop_begin(int argc, char **argv, const struct line *lines, size_t count,
		 enum memop_need need);

#endif
