// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM with storage laid out by the test: see arena.h.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "arena.h"
#include "bytes.h"
#include "memop.h"
#include "skey.h"

/* Bytes at rest differ between slots, so that one taken for another is seen */
#define SALT 4104UL

/* ARENA_UNIT of memory at an address that is aligned to it, with nothing mapped around */
static uint8_t *map_unit(void)
{
	uint8_t *whole = mmap(NULL, 4 * ARENA_UNIT, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *unit;

	TEST_ASSERT(whole != MAP_FAILED, "mmap of %lu bytes", 4 * ARENA_UNIT);
	unit = (uint8_t *)(((uintptr_t)whole + 2 * ARENA_UNIT - 1) & -ARENA_UNIT);
	TEST_ASSERT(!mprotect(unit, ARENA_UNIT, PROT_READ | PROT_WRITE), "mprotect");
	return unit;
}

static void add_slot(struct arena *a, size_t n, uint64_t gpa, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = (uint32_t)n,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = ARENA_UNIT,
	};

	a->host[n] = map_unit();
	a->keys[n] = calloc(1, ARENA_PAGES);
	TEST_ASSERT(a->keys[n], "no memory");
	a->storage[n] = (struct storage){
		.gpa = gpa, .size = ARENA_UNIT, .key = a->keys[n], .bytes = a->host[n]
	};
	region.userspace_addr = (uintptr_t)a->host[n];
	TEST_ASSERT(!ioctl(a->vm->fd, KVM_SET_USER_MEMORY_REGION, &region),
		    "no memory slot of %lu bytes at %#lx, errno %d", ARENA_UNIT, (unsigned long)gpa,
		    errno);
	arena_reset(a, gpa, ARENA_UNIT);
}

struct arena *arena_create(const uint64_t *gpa, size_t count, uint32_t flags)
{
	struct arena *a = calloc(1, sizeof(*a));

	TEST_ASSERT(a && count <= ARENA_SLOTS, "no arena of %zu slots", count);
	a->vm = vm_create_barebones();
	a->state = (struct state){
		.max_size = memop_max_size(),
		.extension = (unsigned int)kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION),
		.storage = a->storage,
	};
	for (size_t n = 0; n < count; n++) {
		a->state.slots = n + 1;
		add_slot(a, n, gpa[n], flags);
	}
	a->vcpu = __vm_vcpu_add(a->vm, 0);
	return a;
}

void arena_free(struct arena *a)
{
	kvm_vm_free(a->vm);
	for (size_t n = 0; n < a->state.slots; n++) {
		munmap(a->host[n], ARENA_UNIT);
		free(a->keys[n]);
	}
	free(a);
}

static size_t slot_of(const struct arena *a, uint64_t gpa)
{
	size_t n;

	for (n = 0; n < a->state.slots; n++)
		if (gpa >= a->storage[n].gpa && gpa - a->storage[n].gpa < ARENA_UNIT)
			break;
	return n;
}

uint8_t *arena_at(const struct arena *a, uint64_t gpa)
{
	size_t n = slot_of(a, gpa);

	return n < a->state.slots ? a->host[n] + (gpa - a->storage[n].gpa) : NULL;
}

const uint8_t *arena_rest(const struct arena *a, uint64_t gpa, bool inverted)
{
	size_t n = slot_of(a, gpa), offset;

	TEST_ASSERT(n < a->state.slots, "%#lx is in no slot", (unsigned long)gpa);
	offset = gpa - a->storage[n].gpa + n * SALT;
	return inverted ? bytes_inverted(offset) : bytes_rest(offset);
}

void arena_reset(struct arena *a, uint64_t gpa, size_t len)
{
	bytes_copy(arena_at(a, gpa), arena_rest(a, gpa, false), len);
}

long arena_differs(const struct arena *a)
{
	for (size_t n = 0; n < a->state.slots; n++) {
		uint64_t gpa = a->storage[n].gpa;
		long d = bytes_differ(a->host[n], arena_rest(a, gpa, false), ARENA_UNIT);

		if (d >= 0)
			return (long)gpa + d;
	}
	return -1;
}

void arena_key(struct arena *a, uint64_t gpa, size_t pages, uint8_t key)
{
	struct outcome o = skey_set(a->vm, gpa, pages, key);

	TEST_ASSERT(o.ret == 0, "KVM_S390_SET_SKEYS at %#lx, errno %d", (unsigned long)gpa, o.err);
	for (size_t i = 0; i < pages; i++) {
		size_t n = slot_of(a, gpa + i * CONTRACT_PAGE);

		a->keys[n][(gpa + i * CONTRACT_PAGE - a->storage[n].gpa) / CONTRACT_PAGE] = key;
	}
}
