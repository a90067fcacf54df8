// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that looks at memory slots: see worker.h.
 */
#include "guest/worker.h"
#include "ucall_common.h"

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
