// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots, and a guest that looks at them: see region.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "compat.h"
#include "region.h"
#include "report.h"
#include "ucall_common.h"

struct outcome region_set(int vm_fd, bool second, const struct region *r)
{
	struct kvm_userspace_memory_region region = {
		.slot = r->slot,
		.flags = r->flags,
		.guest_phys_addr = r->gpa,
		.memory_size = r->size,
		.userspace_addr = r->user,
	};

#ifdef KVM_SET_USER_MEMORY_REGION2
	if (second) {
		struct kvm_userspace_memory_region2 region2 = {
			.slot = r->slot,
			.flags = r->flags,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = r->user,
			.guest_memfd = r->memfd,
			.guest_memfd_offset = r->memfd_offset,
		};

		return outcome_of(ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION2, &region2));
	}
#endif
	(void)second;
	return outcome_of(ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region));
}

bool region_has_second(void)
{
#ifdef KVM_SET_USER_MEMORY_REGION2
	return kvm_check_cap(KVM_CAP_USER_MEMORY2) > 0;
#else
	return false;
#endif
}

struct outcome region_memfd(int vm_fd, uint64_t size, uint64_t flags)
{
#ifdef KVM_CREATE_GUEST_MEMFD
	struct kvm_create_guest_memfd create = { .size = size, .flags = flags };

	return outcome_of(ioctl(vm_fd, KVM_CREATE_GUEST_MEMFD, &create));
#else
	(void)vm_fd;
	(void)size;
	(void)flags;
	return outcome_error(ENOTTY);
#endif
}

const char *region_text(const struct region *r, char *text)
{
	int length =
		snprintf(text, REGION_TEXT, "slot %#x flags %#x gpa %#llx size %#llx user %#llx",
			 r->slot, r->flags, (unsigned long long)r->gpa, (unsigned long long)r->size,
			 (unsigned long long)r->user);

	if (r->flags & KVM_MEM_GUEST_MEMFD)
		snprintf(text + length, REGION_TEXT - (size_t)length,
			 " guest_memfd %d offset %#llx", (int)r->memfd,
			 (unsigned long long)r->memfd_offset);
	return text;
}

uint8_t *region_memory(size_t size)
{
	uint64_t unit = compat_slot_unit();
	uint8_t *memory = mmap(NULL, size + unit, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	TEST_ASSERT(memory != MAP_FAILED, "mmap of %zu bytes", size);
	return (uint8_t *)(((uintptr_t)memory + unit - 1) & -unit);
}

#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"

static long huge_pages_before;

static void give_huge_pages_back(void)
{
	FILE *file = fopen(HUGE_PAGES, "w");

	if (file) {
		fprintf(file, "%ld\n", huge_pages_before);
		fclose(file);
	}
}

/* Two more huge pages until this process ends, which takes root */
static void reserve_huge_pages(void)
{
	FILE *file = fopen(HUGE_PAGES, "r+");

	if (file && fscanf(file, "%ld", &huge_pages_before) == 1) {
		atexit(give_huge_pages_back);
		rewind(file);
		fprintf(file, "%ld\n", huge_pages_before + 2);
	}
	if (file)
		fclose(file);
}

static uint8_t *map_huge(size_t size)
{
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

uint8_t *region_huge_memory(size_t size)
{
	/* Once: what is given back is how many there were before */
	static bool reserved;
	uint8_t *memory = map_huge(size);

	if (memory)
		return memory;
	if (!reserved)
		reserve_huge_pages();
	reserved = true;
	return map_huge(size);
}

bool region_case(int vm_fd, bool second, const struct region *r, struct outcome expected,
		 const char *state)
{
	char text[REGION_TEXT], want[OUTCOME_TEXT], got[OUTCOME_TEXT];
	struct outcome o = region_set(vm_fd, second, r);

	if (!report_case() || outcome_equal(o, expected))
		return true;
	report_fail(&(struct finding){ .state = state,
				       .request = region_text(r, text),
				       .expected = outcome_text(expected, want),
				       .observed = outcome_text(o, got),
				       .offset = -1 });
	return false;
}

/*
 * One access of the guest. Where there is no memory, its CPU meets an addressing
 * exception on s390x, whose handler goes on behind the access; elsewhere the
 * access comes to user space as MMIO.
 */
#ifdef __s390x__
asm(".pushsection .text\n"
    "worker_exception:\n"
    "	br	%r13\n"
    ".popsection\n");

extern const uint8_t worker_exception[];

static bool guest_access(uint64_t address, bool write, uint64_t *value)
{
	uint64_t met;

	asm volatile("	larl	%%r13,1f\n"
		     "	lghi	%0,0\n"
		     "	ltgr	%3,%3\n"
		     "	jz	0f\n"
		     "	stg	%1,0(%2)\n"
		     "	j	2f\n"
		     "0:	lg	%1,0(%2)\n"
		     "2:	lghi	%0,1\n"
		     "1:"
		     : "=&d"(met), "+&d"(*value)
		     : "a"(address), "d"((uint64_t)write)
		     : "r13", "cc", "memory");
	return met;
}

/* The program-new PSW of a guest as kvm_util starts it: DAT on, 64 bits */
static void install_handler(struct kvm_vm *vm)
{
	uint64_t *psw = addr_gpa2hva(vm, 0x1d0);

	psw[0] = 0x0400000180000000;
	psw[1] = (uintptr_t)worker_exception;
}
#else
static bool guest_access(uint64_t address, bool write, uint64_t *value)
{
	if (write)
		*(volatile uint64_t *)address = *value;
	else
		*value = *(volatile uint64_t *)address;
	return true;
}

static void install_handler(struct kvm_vm *vm)
{
	(void)vm;
}
#endif

/* What the guest is to do next, and what came of it */
static struct {
	uint64_t address, write, value, met;
	/* A storm of reads and writes, see worker_storm() */
	uint64_t storm, allowed[3], bad, seen;
} order;

/* Read a word that has one of the allowed values, write the one behind it */
static void guest_storm(void)
{
	for (uint64_t i = 0; i < order.storm; i++) {
		uint64_t value = 0, next = order.value + i;

		if (guest_access(order.address, false, &value)) {
			order.seen++;
			if (value != order.allowed[0] && value != order.allowed[1] &&
			    value != order.allowed[2])
				order.bad = value;
		}
		guest_access(order.address + 8, true, &next);
	}
}

static void guest_main(void)
{
	for (;;) {
		if (order.storm)
			guest_storm();
		else if (order.address)
			order.met = guest_access(order.address, order.write, &order.value);
		GUEST_SYNC(order.value);
	}
}

/* What a guest reads from MMIO */
#define ABSENT 0x5a5a5a5a5a5a5a5a

/* Until the guest has done it; returns false if it met MMIO on the way */
static bool run(struct worker *w)
{
	const uint64_t absent = ABSENT;
	struct kvm_run *kvm_run = w->vcpu->run;
	struct ucall uc;
	bool memory = true;

	for (;;) {
		vcpu_run(w->vcpu);
		if (get_ucall(w->vcpu, &uc) == UCALL_SYNC)
			return memory;
		TEST_ASSERT(kvm_run->exit_reason == KVM_EXIT_MMIO,
			    "the guest ended otherwise than by its ucall, exit reason %u",
			    kvm_run->exit_reason);
		if (!kvm_run->mmio.is_write)
			memcpy(kvm_run->mmio.data, &absent, sizeof(absent));
		memory = false;
	}
}

void worker_create(struct worker *w)
{
	w->vm = vm_create_with_one_vcpu(&w->vcpu, guest_main);
	install_handler(w->vm);
}

#ifdef __s390x__
bool worker_create_huge(struct worker *w)
{
	if (kvm_check_cap(KVM_CAP_S390_HPAGE_1M) <= 0)
		return false;
	w->vm = vm_create(1);
	/* It has to be asked for before there is a vCPU */
	vm_enable_cap(w->vm, KVM_CAP_S390_HPAGE_1M, 0);
	w->vcpu = vm_vcpu_add(w->vm, 0, guest_main);
	install_handler(w->vm);
	return true;
}
#else
bool worker_create_huge(struct worker *w)
{
	worker_create(w);
	return true;
}
#endif

void worker_free(struct worker *w)
{
	kvm_vm_free(w->vm);
}

void worker_map(struct worker *w, uint64_t gpa, uint64_t pages)
{
	virt_map(w->vm, gpa, gpa, (unsigned int)pages);
}

static bool told(struct worker *w, uint64_t gpa, bool write, uint64_t value)
{
	bool memory;

	order.address = gpa;
	order.write = write;
	order.value = value;
	sync_global_to_guest(w->vm, order);
	memory = run(w);
	sync_global_from_guest(w->vm, order);
	return memory && order.met;
}

static void need_memory(bool memory, uint64_t gpa)
{
	TEST_ASSERT(memory, "the guest met no memory at %#llx", (unsigned long long)gpa);
}

uint64_t worker_read(struct worker *w, uint64_t gpa)
{
	need_memory(told(w, gpa, false, 0), gpa);
	return order.value;
}

void worker_write(struct worker *w, uint64_t gpa, uint64_t value)
{
	need_memory(told(w, gpa, true, value), gpa);
}

bool worker_try(struct worker *w, uint64_t gpa, bool write, uint64_t value)
{
	return told(w, gpa, write, value);
}

uint64_t worker_storm(struct worker *w, uint64_t gpa, const uint64_t allowed[2], uint64_t count,
		      uint64_t *seen)
{
	order.address = gpa;
	order.allowed[0] = allowed[0];
	order.allowed[1] = allowed[1];
	order.allowed[2] = ABSENT;
	order.storm = count;
	order.bad = order.seen = 0;
	sync_global_to_guest(w->vm, order);
	run(w);
	sync_global_from_guest(w->vm, order);
	order.storm = 0;
	*seen += order.seen;
	return order.bad;
}
