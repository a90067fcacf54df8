// SPDX-License-Identifier: GPL-2.0-only
/*
 * From 7.2 on kvm.ko has this function for vfio_ap.ko, if it was configured together with it.
 * Where Debian's was not, it is added to vfio_ap.ko, whose own sources are unchanged. As
 * kvm_is_gpa_in_memslot(), which needs what kvm.ko keeps to itself: a slot that can be
 * written, and is not going away.
 */
#include <linux/kvm_host.h>

bool kvm_s390_is_gpa_in_memslot(struct kvm *kvm, gpa_t gpa);

bool kvm_s390_is_gpa_in_memslot(struct kvm *kvm, gpa_t gpa)
{
	struct kvm_memory_slot *slot = __gfn_to_memslot(kvm_memslots(kvm), gpa_to_gfn(gpa));

	return slot && !(slot->flags & (KVM_MEMSLOT_INVALID | KVM_MEM_READONLY));
}
