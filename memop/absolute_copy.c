// SPDX-License-Identifier: GPL-2.0-only
/*
 * ABSOLUTE_READ and ABSOLUTE_WRITE move exactly the bytes they name.
 *
 * api.rst, KVM_S390_MEM_OP: an absolute access reads or writes "size" bytes of
 * absolute memory at "gaddr", at most KVM_CAP_S390_MEM_OP of them, from or to
 * "buf"; with KVM_S390_MEMOP_F_SKEY_PROTECTION it also needs an access key that
 * the storage key permits.
 *
 * How it is seen: the guest's memory and the buffer hold known bytes, and what a
 * request moves is their inverse. A request that moved a byte too few, too many
 * or to the wrong place would leave one that differs, on one of both sides or
 * in the guards around. The guest itself copies the same bytes with its own
 * instructions, so memory that only the host sees would be found too.
 */
#include "s390x/copy_check.h"
#include "case/report.h"

static void absolute(struct copy_path *p)
{
	report_need(kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION) > 0, SKIP_CAPABILITY, 		    "KVM_CAP_S390_MEM_OP_EXTENSION");
	p->view = &p->guest->absolute;
	p->fd = p->guest->vm->fd;
	p->read_op = KVM_S390_MEMOP_ABSOLUTE_READ;
	p->write_op = KVM_S390_MEMOP_ABSOLUTE_WRITE;
	p->base = p->guest->tested_gpa;
}

int main(int argc, char **argv)
{
	return copy_check_main(argc, argv, "MEMOP-ABS-03 MEMOP-RET-01 MEMOP-BUF-04 MEMOP-KEY-03",
			       absolute);
}
