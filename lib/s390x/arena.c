// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM with storage laid out by the test: see arena.h.
 *
 * Over 300 lines: VM, slots, keys, vCPU and the user's buffers are one thing to a test.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "s390x/arena.h"
#include "case/bytes.h"
#include "s390x/memop.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "s390x/skey.h"

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

/*
 * Units of arenas that are gone: a page fault for each of their pages is most of what an
 * arena costs
 */
static struct {
	uint8_t *unit[ARENA_SLOTS];
	size_t count;
} kept;

static void give_unit(const struct arena *a, size_t n)
{
	if (a->again && !a->scratch[n] && kept.count < ARENA_SLOTS)
		kept.unit[kept.count++] = a->host[n];
	else
		munmap(a->host[n], ARENA_UNIT);
}

static void add_slot(struct arena *a, size_t n, uint64_t gpa, uint32_t flags, uint8_t *memory)
{
	const struct region r = { .slot = (uint32_t)n,
				  .flags = flags,
				  .gpa = gpa,
				  .size = ARENA_UNIT,
				  .user = (uintptr_t)memory };
	struct outcome o;

	a->host[n] = memory;
	a->keys[n] = calloc(1, ARENA_PAGES);
	TEST_ASSERT(a->keys[n], "no memory");
	a->storage[n] = (struct storage){
		.gpa = gpa, .size = ARENA_UNIT, .key = a->keys[n], .bytes = a->host[n]
	};
	o = region_set(a->vm->fd, false, &r);
	TEST_ASSERT(!o.ret, "no memory slot of %lu bytes at %#lx, errno %d", ARENA_UNIT,
		    (unsigned long)gpa, o.err);
	a->state.slots = n + 1;
}

/* Of both, with guards at any alignment; behind the buffer is a page that nobody can write */
static size_t user_bytes(const struct arena_user *u)
{
	return (u->room + 2 * BYTES_GUARD + 8 + BYTES_PAGE - 1) & -BYTES_PAGE;
}

/* Room for a size that KVM has to refuse, too: if it does not, that is seen, and hurts nobody */
static void map_user(struct arena_user *u, size_t max_size)
{
	size_t size;

	u->room = 2 * max_size;
	size = user_bytes(u);
	TEST_ASSERT(size <= BYTES_MAX, "the bytes known are too few for requests of %zu", max_size);
	u->buffer = mmap(NULL, 2 * size + BYTES_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(u->buffer != MAP_FAILED && !mprotect(u->buffer + size, BYTES_PAGE, PROT_NONE),
		    "no memory");
	u->filled = u->buffer + size + BYTES_PAGE;
}

/* A VM without slots and vCPU */
static struct arena *empty(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	TEST_ASSERT(a, "no memory");
	a->vm = vm_create_barebones();
	a->state = (struct state){
		.max_size = memop_max_size(),
		.extension = (unsigned int)kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION),
		.storage = a->storage,
	};
	map_user(&a->user, a->state.max_size);
	return a;
}

/* Storage keys that an earlier arena left, if this process has got to use any */
static void without_keys(struct arena *a, uint64_t gpa)
{
	uint8_t key;

	if (skey_get(a->vm, gpa, 1, &key).ret != KVM_S390_GET_SKEYS_NONE)
		arena_key(a, gpa, ARENA_PAGES, 0);
}

static void model(struct arena *a, unsigned long request, struct kvm_s390_vm_cpu_processor *p)
{
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_CPU_MODEL,
		.attr = KVM_S390_VM_CPU_PROCESSOR,
		.addr = (uintptr_t)p,
	};

	TEST_ASSERT(!ioctl(a->vm->fd, request, &attr), "the guest's CPU model");
}

static uint8_t *facility_byte(struct kvm_s390_vm_cpu_processor *p, unsigned int number)
{
	return (uint8_t *)p->fac_list + number / 8;
}

bool arena_facility(struct arena *a, unsigned int number)
{
	struct kvm_s390_vm_cpu_processor processor;

	model(a, KVM_GET_DEVICE_ATTR, &processor);
	return *facility_byte(&processor, number) & 0x80 >> number % 8;
}

static unsigned int left_out;

void arena_leave_out(unsigned int number)
{
	left_out = number;
}

/* As long as the VM has no vCPU */
static void leave_out(struct arena *a)
{
	struct kvm_s390_vm_cpu_processor processor;

	if (!left_out)
		return;
	model(a, KVM_GET_DEVICE_ATTR, &processor);
	*facility_byte(&processor, left_out) &= (uint8_t) ~(0x80 >> left_out % 8);
	model(a, KVM_SET_DEVICE_ATTR, &processor);
}

static struct arena *create(const uint64_t *gpa, size_t count, uint32_t flags, bool again)
{
	struct arena *a = empty();

	TEST_ASSERT(count <= ARENA_SLOTS, "no arena of %zu slots", count);
	a->again = again;
	for (size_t n = 0; n < count; n++) {
		bool former = again && kept.count;

		add_slot(a, n, gpa[n], flags, former ? kept.unit[--kept.count] : map_unit());
		arena_reset(a, gpa[n], ARENA_UNIT);
		if (former)
			without_keys(a, gpa[n]);
	}
	leave_out(a);
	a->vcpu = __vm_vcpu_add(a->vm, 0);
	return a;
}

struct arena *arena_create(const uint64_t *gpa, size_t count, uint32_t flags)
{
	return create(gpa, count, flags, false);
}

struct arena *arena_create_again(const uint64_t *gpa, size_t count)
{
	return create(gpa, count, 0, true);
}

struct arena *arena_create_huge(const uint64_t *gpa, size_t count)
{
	struct arena *a;

	if (kvm_check_cap(KVM_CAP_S390_HPAGE_1M) <= 0)
		return NULL;
	a = empty();
	vm_enable_cap(a->vm, KVM_CAP_S390_HPAGE_1M, 0);
	for (size_t n = 0; n < count; n++) {
		uint8_t *memory = region_huge_memory(ARENA_UNIT);

		if (!memory) {
			arena_free(a);
			return NULL;
		}
		add_slot(a, n, gpa[n], 0, memory);
		arena_reset(a, gpa[n], ARENA_UNIT);
	}
	a->vcpu = __vm_vcpu_add(a->vm, 0);
	return a;
}

uint8_t *arena_scratch(struct arena *a, uint64_t gpa)
{
	size_t n = a->state.slots;

	TEST_ASSERT(n < ARENA_SLOTS, "too many slots");
	add_slot(a, n, gpa, 0, map_unit());
	a->scratch[n] = true;
	return a->host[n];
}

/* A vCPU takes PSW and registers over when it is run; in a disabled wait it comes back at once */
#define PSW_WAIT (1UL << 49)

void arena_cpu(struct arena *a)
{
	const struct cpu *cpu = &a->state.cpu;
	struct kvm_run *run = a->vcpu->run;
	int ret;

	run->psw_mask = cpu->psw_mask | PSW_WAIT;
	run->psw_addr = 0;
	run->s.regs.prefix = cpu->prefix;
	for (int i = 0; i < 16; i++) {
		run->s.regs.crs[i] = cpu->cr[i];
		run->s.regs.acrs[i] = cpu->ar[i];
	}
	run->kvm_dirty_regs = KVM_SYNC_PREFIX | KVM_SYNC_ACRS | KVM_SYNC_CRS;
	ret = _vcpu_run(a->vcpu);
	TEST_ASSERT(!ret && run->exit_reason == KVM_EXIT_S390_SIEIC && run->psw_mask & PSW_WAIT,
		    "the vCPU did not enter its wait: returned %d, exit reason %u, PSW mask %#llx",
		    ret, run->exit_reason, (unsigned long long)run->psw_mask);
}

void arena_free(struct arena *a)
{
	kvm_vm_free(a->vm);
	for (size_t n = 0; n < a->state.slots; n++) {
		give_unit(a, n);
		free(a->keys[n]);
	}
	munmap(a->user.buffer, 2 * user_bytes(&a->user) + BYTES_PAGE);
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
	if (a->scratch[n])
		return inverted ? bytes_inverted(0) : a->host[n] + (gpa - a->storage[n].gpa);
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
		long d = a->scratch[n]
				 ? -1
				 : bytes_differ(a->host[n], arena_rest(a, gpa, false), ARENA_UNIT);

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

void arena_map(struct arena *a, uint64_t gpa, size_t pages, uint8_t key)
{
	uint8_t byte;
	struct kvm_s390_mem_op op = { .op = KVM_S390_MEMOP_ABSOLUTE_READ,
				      .flags = KVM_S390_MEMOP_F_SKEY_PROTECTION,
				      .size = 1,
				      .buf = (uintptr_t)&byte,
				      .key = key };

	for (size_t i = 0; i < pages && compat_new_memory_management(); i++) {
		op.gaddr = gpa + i * CONTRACT_PAGE;
		TEST_ASSERT(!memop(a->vm->fd, &op).ret, "a read at %#lx", (unsigned long)op.gaddr);
	}
}
