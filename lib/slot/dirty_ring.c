// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings: see dirty_ring.h.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"
#include "slot/dirty_ring.h"

long ring_capability(void)
{
	if (kvm_check_cap(KVM_CAP_DIRTY_LOG_RING) > 0)
		return KVM_CAP_DIRTY_LOG_RING;
	return kvm_check_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL) > 0 ? KVM_CAP_DIRTY_LOG_RING_ACQ_REL
								 : 0;
}

uint64_t ring_most_bytes(void)
{
	return (uint64_t)kvm_check_cap(ring_capability());
}

struct outcome ring_enable(struct kvm_vm *vm, long capability, uint64_t argument)
{
	struct kvm_enable_cap cap = { .cap = (uint32_t)capability, .args = { argument } };

	return outcome_of(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
}

bool ring_takes(long capability, uint64_t bytes)
{
	struct kvm_vm *vm = vm_create_barebones();
	bool taken = !ring_enable(vm, capability, bytes).ret;

	kvm_vm_free(vm);
	return taken;
}

uint64_t ring_least_bytes(void)
{
	const long capability = ring_capability();
	uint64_t bytes = (uint64_t)getpagesize();

	/* Where the CPU logs by itself, KVM keeps more entries free than a page has */
	while (capability && bytes < ring_most_bytes() && !ring_takes(capability, bytes))
		bytes *= 2;
	return bytes;
}

struct dirty_ring ring_open(struct kvm_vcpu *vcpu, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd,
			(off_t)COMPAT_RING_OFFSET * getpagesize());

	TEST_ASSERT(at != MAP_FAILED, "the mapping of a dirty ring, errno %d", errno);
	return (struct dirty_ring){ .entries = at, .count = bytes / sizeof(struct kvm_dirty_gfn) };
}

void ring_close(struct dirty_ring *r)
{
	munmap(r->entries, r->count * sizeof(*r->entries));
	r->entries = NULL;
}

uint32_t ring_flags(const struct dirty_ring *r, size_t ahead)
{
	return __atomic_load_n(&r->entries[(r->next + ahead) % r->count].flags, __ATOMIC_ACQUIRE);
}

bool ring_harvest(struct dirty_ring *r, uint32_t flags, struct kvm_dirty_gfn *entry)
{
	struct kvm_dirty_gfn *next = &r->entries[r->next % r->count];

	if (ring_flags(r, 0) != KVM_DIRTY_GFN_F_DIRTY)
		return false;
	*entry = *next;
	__atomic_store_n(&next->flags, flags, __ATOMIC_RELEASE);
	r->next++;
	return true;
}

size_t ring_collect(struct dirty_ring *r, uint32_t slot, struct pages *found, size_t *others)
{
	struct kvm_dirty_gfn entry;
	size_t count = 0;

	/* No more than fit: a guest that runs on meanwhile is no reason to stay here */
	for (; count < r->count && ring_harvest(r, KVM_DIRTY_GFN_F_RESET, &entry); count++) {
		if (entry.slot == slot && entry.offset < found->count)
			pages_put(found, entry.offset);
		else
			++*others;
	}
	return count;
}

struct outcome ring_reset(struct kvm_vm *vm)
{
	return outcome_of(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0));
}
