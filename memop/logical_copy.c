// SPDX-License-Identifier: GPL-2.0-only
/*
 * LOGICAL_READ and LOGICAL_WRITE move exactly the bytes they name.
 *
 * api.rst, KVM_S390_MEM_OP: a logical access translates "gaddr" to an absolute
 * address by the state of the vCPU, here DAT in primary-space mode, and then
 * reads or writes "size" bytes there; with KVM_S390_MEMOP_F_SKEY_PROTECTION it
 * also needs an access key that the storage key permits.
 *
 * How it is seen: as in absolute_copy, and the pages that are neighbours in the
 * guest's virtual memory are none in absolute memory. An access that translated
 * only its first page, or took the virtual address for the absolute one, would
 * change or fetch bytes of another page, and each byte tells where it is from.
 */
#include "s390x/copy_check.h"

static void logical(struct copy_path *p)
{
	p->view = &p->guest->logical;
	p->fd = p->guest->vcpu->fd;
	p->read_op = KVM_S390_MEMOP_LOGICAL_READ;
	p->write_op = KVM_S390_MEMOP_LOGICAL_WRITE;
	p->base = p->guest->tested_gva;
}

int main(int argc, char **argv)
{
	return copy_check_main(argc, argv, "MEMOP-LOG-02 MEMOP-RET-01 MEMOP-BUF-04 MEMOP-KEY-03",
			       logical);
}
