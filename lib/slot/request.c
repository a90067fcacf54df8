// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access to guest memory through KVM: see request.h.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "case/outcome.h"
#include "kvm_util.h"
#include "slot/request.h"

#ifdef __s390x__
bool request_there(void)
{
	return kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION) > 0;
}

enum request_result request_move(int vm_fd, bool write, uint64_t gpa, void *bytes, uint32_t size,
				 int *why)
{
	struct kvm_s390_mem_op op = {
		.op = write ? KVM_S390_MEMOP_ABSOLUTE_WRITE : KVM_S390_MEMOP_ABSOLUTE_READ,
		.gaddr = gpa,
		.size = size,
		.buf = (uintptr_t)bytes,
	};
	int ret = ioctl(vm_fd, KVM_S390_MEM_OP, &op);

	if (!ret)
		return REQUEST_DONE;
	if (ret == PGM_ADDRESSING)
		return REQUEST_ABSENT;
	*why = ret < 0 ? errno : ret;
	return REQUEST_FAILED;
}
#else
bool request_there(void)
{
	return false;
}

enum request_result request_move(int vm_fd, bool write, uint64_t gpa, void *bytes, uint32_t size,
				 int *why)
{
	(void)vm_fd;
	(void)write;
	(void)gpa;
	(void)bytes;
	(void)size;
	*why = ENOTTY;
	return REQUEST_FAILED;
}
#endif
