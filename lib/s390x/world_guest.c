// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of a world on s390x: see s390x/world.h.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "case/bytes.h"
#include "compat.h"
#include "s390x/world.h"
#include "s390x/world_modes.h"
#include "s390x/world_request.h"

#define HOME_SLOT 0U
#define CODE 0x10000UL
#define ORDER 0x1400UL /* real address, out of the reach of low-address protection */

/* Real addresses (PoP, chapter 4, "Assigned Storage Locations") */
#define SVC_NEW_PSW 0x1c0
#define PROGRAM_NEW_PSW 0x1d0
#define LC_ILC 0x8c
#define LC_CODE 0x8e
#define LC_ACCESS_ID 0xa0
#define LC_TEID 0xa8
#define LC_OLD_PSW 0x150

/* Order in the guest: address, PSW mask, value, kind, count of program interruptions */
asm(".pushsection .rodata\n"
    "	.balign 64\n"
    "world_code:\n"
    "	lghi	%r2,0x1400\n"
    "	lg	%r4,0(%r2)\n"
    "	lg	%r6,8(%r2)\n"
    "	lg	%r8,16(%r2)\n"
    "	lg	%r5,24(%r2)\n"
    "	sllg	%r5,%r5,5\n"
    "	larl	%r10,world_kinds\n"
    "	agr	%r5,%r10\n"
    "	lghi	%r12,0x1800\n"
    "	stg	%r6,0(%r12)\n"
    "	stg	%r5,8(%r12)\n"
    "	lpswe	0(%r12)\n"
    "	.balign 32\n"
    "world_kinds:\n"
    "	diag	%r0,%r0,0x501\n"
    "	svc	0\n"
    "	.balign 32\n"
    "	lg	%r8,0(%r4)\n"
    "	diag	%r0,%r0,0x501\n"
    "	svc	0\n"
    "	.balign 32\n"
    "	stg	%r8,0(%r4)\n"
    "	diag	%r0,%r0,0x501\n"
    "	svc	0\n"
    "	.balign 32\n"
    "	iske	%r8,%r4\n"
    "	diag	%r0,%r0,0x501\n"
    "	svc	0\n"
    "	.balign 32\n"
    "	sske	%r8,%r4\n"
    "	diag	%r0,%r0,0x501\n"
    "	svc	0\n"
    "	.balign 32\n"
    "	rrbe	%r0,%r4\n"
    "	ipm	%r8\n"
    "	diag	%r0,%r0,0x501\n"
    "	svc	0\n"
    "	.balign 32\n"
    "world_program:\n"
    "	lghi	%r2,0x1400\n"
    "	lg	%r7,32(%r2)\n"
    "	aghi	%r7,1\n"
    "	stg	%r7,32(%r2)\n"
    "	larl	%r10,world_kinds\n"
    "	lghi	%r12,0x1800\n"
    "	stg	%r10,8(%r12)\n"
    /* With access key 0: the instruction's own page may be what is denied */
    "	lg	%r6,0(%r12)\n"
    "	nihh	%r6,0xff0f\n"
    "	stg	%r6,0(%r12)\n"
    "	lpswe	0(%r12)\n"
    "world_end:\n"
    ".popsection\n");

extern const uint8_t world_code[], world_program[], world_end[];

uint8_t *world_home;

struct cpu_model *world_cpu(struct world *w, unsigned int vcpu)
{
	return w->vcpu[vcpu].own;
}

static uint8_t *lowcore(unsigned int vcpu)
{
	return world_home + (HOME_PREFIX(vcpu) - HOME_GPA);
}

static uint64_t read_lowcore(unsigned int vcpu, size_t at)
{
	return *(const volatile uint64_t *)(lowcore(vcpu) + at);
}

static void create(struct world *w)
{
	struct kvm_userspace_memory_region region = {
		.slot = HOME_SLOT,
		.guest_phys_addr = HOME_GPA,
		.memory_size = WORLD_UNIT,
	};

	if (!world_home) {
		uint8_t *whole = mmap(NULL, 4 * WORLD_UNIT, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		TEST_ASSERT(whole != MAP_FAILED, "mmap");
		world_home = (uint8_t *)(((uintptr_t)whole + 2 * WORLD_UNIT - 1) & -WORLD_UNIT);
		/* A fork makes pages read-only, and these keep former keys then (FIND-23) */
		TEST_ASSERT(!madvise(world_home, WORLD_UNIT, MADV_DONTFORK), "madvise");
		bytes_copy(world_home + CODE, world_code, (size_t)(world_end - world_code));
		world_modes_build(w);
	}
	region.userspace_addr = (uintptr_t)world_home;
	w->vm = vm_create_barebones();
	world_set_options(w);
	w->base = 0;
	w->lowest = 2 * WORLD_PAGE; /* what is below is prefixed */
	w->first_slot = HOME_SLOT + 1;
	w->has_keys = true;
	w->extension = (unsigned int)kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION);
	TEST_ASSERT(!ioctl(w->vm->fd, KVM_SET_USER_MEMORY_REGION, &region), "the guest's slot");
}

static void put_psw(unsigned int vcpu, size_t at, const uint8_t *code)
{
	const uint64_t psw[2] = { PLAIN_PSW, HOME_GPA + CODE + (uint64_t)(code - world_code) };

	bytes_copy(lowcore(vcpu) + at, psw, sizeof(psw));
}

static void add_vcpu(struct world *w)
{
	unsigned int n = w->vcpus++;
	struct cpu_model *model = calloc(1, sizeof(*model));
	struct order none = { .psw_mask = PLAIN_PSW };
	struct taken taken;
	struct kvm_run *run;

	TEST_ASSERT(model, "no memory");
	w->vcpu[n].vcpu = __vm_vcpu_add(w->vm, n);
	w->vcpu[n].own = model;
	put_psw(n, SVC_NEW_PSW, world_code);
	put_psw(n, PROGRAM_NEW_PSW, world_program);
	model->cpu.psw_mask = PLAIN_PSW;
	model->cpu.prefix = HOME_PREFIX(n);
	run = w->vcpu[n].vcpu->run;
	run->psw_mask = PLAIN_PSW;
	run->psw_addr = HOME_GPA + CODE;
	run->s.regs.prefix = model->cpu.prefix;
	run->kvm_dirty_regs = KVM_SYNC_PREFIX;
	world_modes_facilities(w, &model->cpu);
	TEST_ASSERT(world_order(w, n, &none, &taken) && !taken.any, "the vCPU does not start");
}

static void destroy(struct world *w)
{
	for (unsigned int i = 0; i < w->vcpus; i++)
		free(w->vcpu[i].own);
	kvm_vm_free(w->vm);
	w->vcpus = 0;
}

static void put_order(unsigned int vcpu, const struct order *o)
{
	volatile uint64_t *at = (volatile uint64_t *)(lowcore(vcpu) + ORDER);

	at[0] = o->address;
	at[1] = o->psw_mask | (uint64_t)o->key << 52;
	at[2] = o->value;
	at[3] = o->kind;
}

static void read_taken(unsigned int vcpu, struct taken *t)
{
	uint64_t word = read_lowcore(vcpu, LC_ILC - 4);

	t->ilc = (uint16_t)(word >> 16);
	t->code = (uint16_t)word;
	t->teid = read_lowcore(vcpu, LC_TEID);
	t->exception_access_id = (uint8_t)(read_lowcore(vcpu, LC_ACCESS_ID) >> 56);
	t->old_psw[0] = read_lowcore(vcpu, LC_OLD_PSW);
	t->old_psw[1] = read_lowcore(vcpu, LC_OLD_PSW + 8);
}

bool world_order(struct world *w, unsigned int vcpu, struct order *o, struct taken *taken)
{
	struct kvm_run *run = w->vcpu[vcpu].vcpu->run;
	const struct cpu *cpu = &world_cpu(w, vcpu)->cpu;
	uint64_t before = read_lowcore(vcpu, ORDER + 32);
	int ret;

	put_order(vcpu, o);
	for (int i = 0; i < 16; i++) {
		run->s.regs.crs[i] = cpu->cr[i];
		run->s.regs.acrs[i] = cpu->ar[i];
	}
	run->kvm_dirty_regs |= KVM_SYNC_CRS | KVM_SYNC_ACRS;
	ret = _vcpu_run(w->vcpu[vcpu].vcpu);
	if (ret || run->exit_reason != KVM_EXIT_S390_SIEIC || run->s390_sieic.icptcode != 4 ||
	    run->s390_sieic.ipa != 0x8300) {
		world_wrong(w, "SLOT-18", "KVM_RUN comes back by the guest's own exit",
			    "returned %d, exit reason %u, intercept %u, PSW %#llx %#llx", ret,
			    run->exit_reason, run->s390_sieic.icptcode,
			    (unsigned long long)run->psw_mask, (unsigned long long)run->psw_addr);
		return false;
	}
	o->value = run->s.regs.gprs[8];
	*taken = (struct taken){ .any = read_lowcore(vcpu, ORDER + 32) != before };
	if (taken->any)
		read_taken(vcpu, taken);
	return true;
}

/* In the plain mode: 64 bits, DAT off, key 0, nothing in control register 0 */
static bool access_memory(struct world *w, unsigned int vcpu, uint64_t gpa, bool store,
			  uint64_t *value)
{
	struct cpu_model *model = world_cpu(w, vcpu);
	struct order o = { .address = gpa,
			   .psw_mask = PLAIN_PSW,
			   .value = *value,
			   .kind = store ? ORDER_STORE : ORDER_LOAD };
	struct taken taken;

	if (model->pending)
		world_take_pending(w, vcpu);
	world_modes_set(w, model, MODE_PLAIN);
	if (world_is_wrong() || !world_order(w, vcpu, &o, &taken))
		return false;
	if (taken.any && taken.code != PGM_ADDRESSING)
		world_wrong(w, "SLOT-18", "memory or an addressing exception", "code %#x",
			    taken.code);
	*value = o.value;
	return !taken.any;
}

const struct guest world_guest = { create, add_vcpu, destroy, access_memory };
