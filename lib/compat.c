// SPDX-License-Identifier: GPL-2.0-only
/*
 * Differences between kernels: see compat.h.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"
#include "kvm_util.h"

#define LARGEST_UNIT (1UL << 20)

/* One slot of the largest unit: a kernel that refuses it refuses every one */
static bool takes_a_slot(void)
{
	struct kvm_userspace_memory_region region = { .memory_size = LARGEST_UNIT };
	struct kvm_vm *vm = vm_create_barebones();
	char *memory = mmap(NULL, 2 * LARGEST_UNIT, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool taken;

	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	region.userspace_addr = ((uintptr_t)memory + LARGEST_UNIT - 1) & -LARGEST_UNIT;
	taken = !ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	kvm_vm_free(vm);
	munmap(memory, 2 * LARGEST_UNIT);
	return taken;
}

bool compat_kernel_fits(const char **why)
{
#ifdef KVM_CAP_USER_MEMORY2
	if (!kvm_check_cap(KVM_CAP_USER_MEMORY2)) {
		*why = "KVM_CAP_USER_MEMORY2 (Linux 6.8): build against a KSRC of the running "
		       "kernel's age";
		return false;
	}
#endif
	*why = "memory slots, of which KVM here takes none: see mem_slot/memory_limit";
	return takes_a_slot();
}

uint64_t compat_slot_unit(void)
{
	static uint64_t unit;
	struct kvm_userspace_memory_region region = { .memory_size = getpagesize() };
	struct kvm_vm *vm;
	char *memory;

	if (unit)
		return unit;
	vm = vm_create_barebones();
	memory = mmap(NULL, 2 * LARGEST_UNIT, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	/* One page past an address with the largest alignment: suits only a unit of a page */
	memory = (char *)(((uintptr_t)memory + LARGEST_UNIT - 1) & -LARGEST_UNIT);
	region.userspace_addr = (uintptr_t)memory + getpagesize();
	unit = ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) ? LARGEST_UNIT
								  : (uint64_t)getpagesize();
	munmap(memory, LARGEST_UNIT);
	kvm_vm_free(vm);
	return unit;
}

/* Bit 56 of /proc/self/pagemap: a page of this mapping alone; not where it cannot be read */
static bool is_own_page(const volatile uint8_t *at)
{
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(map, &entry, 8, (off_t)((uintptr_t)at / (size_t)getpagesize() * 8)) != 8)
		entry = 0;
	close(map);
	return entry >> 56 & 1;
}

bool compat_has_zero_page(void)
{
	static enum { UNKNOWN, IT_HAS, IT_HAS_NOT } known;
	struct kvm_vm *vm;
	volatile uint8_t *page;

	if (known)
		return known == IT_HAS;
	vm = vm_create_barebones();
	page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	TEST_ASSERT(page != MAP_FAILED, "mmap");
	(void)*page;
	known = is_own_page(page) ? IT_HAS_NOT : IT_HAS;
	munmap((void *)page, getpagesize());
	kvm_vm_free(vm);
	return known == IT_HAS;
}
