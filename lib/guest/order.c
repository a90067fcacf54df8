// SPDX-License-Identifier: GPL-2.0-only
/*
 * Orders for guests: see order.h.
 */
#include "case/outcome.h"
#include "guest/order.h"
#include "ucall_common.h"

/* ------------------------------------------------------------------ the guest */

static struct {
	struct order_turn turn;
	struct order orders[ORDER_ROOM];
} desks[ORDER_VCPUS];

/* On s390x: what an access met other than memory and an addressing exception, of any vCPU */
static volatile uint64_t other_exception;

/*
 * One access. Where there is no memory, the CPU meets an addressing exception on
 * s390x, whose handler goes on behind the access; elsewhere the access comes to
 * user space as MMIO.
 */
#ifdef __s390x__
asm(".pushsection .text\n"
    "order_exception:\n"
    "	br	%r13\n"
    ".popsection\n");

extern const uint8_t order_exception[];

#define ACCESS(instruction)                                                                        \
	asm volatile("	larl	%%r13,1f\n"                                                            \
		     "	lghi	%0,0\n"                                                                \
		     "	" instruction "	%1,0(%2)\n"                                                \
		     "	lghi	%0,1\n"                                                                \
		     "1:"                                                                          \
		     : "=&d"(met), "+&d"(*value)                                                   \
		     : "a"(address)                                                                \
		     : "r13", "cc", "memory")

static bool reads(uint64_t address, uint64_t size, uint64_t *value)
{
	uint64_t met;

	if (size == 1)
		ACCESS("llgc");
	else if (size == 2)
		ACCESS("llgh");
	else if (size == 4)
		ACCESS("llgf");
	else
		ACCESS("lg");
	return met;
}

static bool writes(uint64_t address, uint64_t size, uint64_t *value)
{
	uint64_t met;

	if (size == 1)
		ACCESS("stc");
	else if (size == 2)
		ACCESS("sth");
	else if (size == 4)
		ACCESS("st");
	else
		ACCESS("stg");
	return met;
}

/* The code of the last program interruption: bytes 142 and 143 of the real storage */
static uint64_t interruption_code(void)
{
	uint64_t word = 0, at = 140;

	asm volatile("lura	%0,%1" : "+d"(word) : "a"(at) : "memory");
	return word & 0xffff;
}

bool order_guest_access(uint64_t address, uint64_t size, bool write, uint64_t *value)
{
	bool met = write ? writes(address, size, value) : reads(address, size, value);

	if (!met && interruption_code() != PGM_ADDRESSING)
		other_exception = interruption_code();
	return met;
}

/* The program-new PSW of a guest as kvm_util starts it: DAT on, 64 bits */
static void install_handler(struct kvm_vm *vm)
{
	uint64_t *psw = addr_gpa2hva(vm, 0x1d0);

	psw[0] = 0x0400000180000000;
	psw[1] = (uintptr_t)order_exception;
}
#else
bool order_guest_access(uint64_t address, uint64_t size, bool write, uint64_t *value)
{
	if (size == 1)
		write ? (void)(*(volatile uint8_t *)address = (uint8_t)*value)
		      : (void)(*value = *(volatile uint8_t *)address);
	else if (size == 2)
		write ? (void)(*(volatile uint16_t *)address = (uint16_t)*value)
		      : (void)(*value = *(volatile uint16_t *)address);
	else if (size == 4)
		write ? (void)(*(volatile uint32_t *)address = (uint32_t)*value)
		      : (void)(*value = *(volatile uint32_t *)address);
	else
		write ? (void)(*(volatile uint64_t *)address = *value)
		      : (void)(*value = *(volatile uint64_t *)address);
	return true;
}

static void install_handler(struct kvm_vm *vm)
{
	(void)vm;
}
#endif

static void carry_out(struct order *o)
{
	o->met = 1;
	if (o->kind == ORDER_CALL)
		o->value = ((uint64_t(*)(uint64_t))o->address)(o->value);
	else
		o->met = order_guest_access(o->address, o->size, o->kind == ORDER_WRITE, &o->value);
}

void order_main(uint64_t number)
{
	volatile struct order_turn *turn = &desks[number].turn;

	for (;;) {
		for (turn->at = 0; turn->at < turn->count; turn->at++)
			carry_out(&desks[number].orders[turn->at]);
		GUEST_SYNC(turn->at);
	}
}

/* ------------------------------------------------------------------- the host */

static bool has_synced(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	return get_ucall(vcpu, &uc) == UCALL_SYNC;
}

struct order_desk order_desk_open(struct kvm_vm *vm, struct kvm_vcpu *vcpu, unsigned int number)
{
	TEST_ASSERT(number < ORDER_VCPUS, "a desk for vCPU %u", number);
	install_handler(vm);
	vcpu_args_set(vcpu, 1, (uint64_t)number);
	return (struct order_desk){
		.vcpu = vcpu,
		.table = addr_gva2hva(vm, (uintptr_t)desks[number].orders),
		.each = sizeof(struct order),
		.room = ORDER_ROOM,
		.is_back = has_synced,
		.turn = addr_gva2hva(vm, (uintptr_t)&desks[number].turn),
		.exception = addr_gva2hva(vm, (uintptr_t)&other_exception),
	};
}

struct order order_call(uint64_t (*function)(uint64_t), uint64_t value)
{
	return (struct order){ .kind = ORDER_CALL, .address = (uintptr_t)function, .value = value };
}

void order_put(const struct order_desk *desk, const void *orders, size_t count)
{
	TEST_ASSERT(count && count <= desk->room, "%zu orders", count);
	memcpy(desk->table, orders, count * desk->each);
	if (desk->turn)
		*desk->turn = (struct order_turn){ .count = count };
}

void order_take(const struct order_desk *desk, void *orders, size_t count)
{
	memcpy(orders, desk->table, count * desk->each);
}

/* Note the access, and let it read what is nowhere else */
static void take_mmio(struct kvm_run *run, struct order_mmio *mmio)
{
	const uint64_t absent = ORDER_ABSENT;

	mmio->exits++;
	mmio->address = run->mmio.phys_addr;
	mmio->length = run->mmio.len;
	mmio->write = run->mmio.is_write;
	mmio->data = 0;
	if (run->mmio.is_write)
		/* What is behind its length may be of an earlier exit */
		memcpy(&mmio->data, run->mmio.data, run->mmio.len <= 8 ? run->mmio.len : 8);
	else
		memcpy(run->mmio.data, &absent, sizeof(absent));
}

bool order_run(const struct order_desk *desk, struct order_mmio *mmio)
{
	struct kvm_run *run = desk->vcpu->run;
	uint64_t code;

	for (;;) {
		TEST_ASSERT(!_vcpu_run(desk->vcpu), "KVM_RUN, errno %d", errno);
		code = desk->exception ? *desk->exception : 0;
		TEST_ASSERT(!code, "the guest met program interruption %#x", (unsigned int)code);
		if (run->exit_reason != KVM_EXIT_MMIO || !mmio)
			return desk->is_back(desk->vcpu);
		take_mmio(run, &mmio[desk->turn ? desk->turn->at : 0]);
	}
}
