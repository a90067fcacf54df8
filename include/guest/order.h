/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one protocol between a test and a guest that works for it. For every
 * architecture.
 *
 * A guest has a desk: a table in memory that both sides see. The host puts orders
 * on it and lets the vCPU run; the guest carries them out in turn, writes what
 * came of each into the order itself, and comes back by an exit of its own. What
 * exits before that is told to the test.
 *
 * Orders of the program here are accesses, and calls of functions of the test
 * itself, which kvm_util loads into the guest with everything else. A guest with
 * another program (s390x/judge.h) has orders of its own kind on the same desk.
 */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm_util.h"

#define ORDER_ROOM 64 /* orders at once */
#define ORDER_VCPUS 4

/* Where a guest takes its orders from */
struct order_desk {
	struct kvm_vcpu *vcpu;
	void *table;				/* in this process */
	size_t each, room;			/* bytes of an order, and how many fit */
	bool (*is_back)(struct kvm_vcpu *vcpu); /* has it come back by its own exit? */
	struct order_turn *turn;		/* of the program here, NULL with another */
	volatile uint64_t *exception; /* the same: a code that no absent memory explains */
};

/* How many orders there are, and which one the guest is at */
struct order_turn {
	uint64_t count, at;
};

enum order_kind {
	ORDER_READ,  /* value becomes what is at address */
	ORDER_WRITE, /* of value to address */
	ORDER_CALL,  /* value becomes what the function at address returns for it */
};

/* Read and written by the guest */
struct order {
	uint64_t kind, address;
	uint64_t size; /* bytes of an access: 1, 2, 4 or 8 */
	uint64_t value;
	uint64_t met; /* written by the guest: 0 if it met an addressing exception, else 1 */
};

/*
 * order_call - an order for @function, of the test, in the guest
 *
 * KVM may have to emulate what a guest does near a slot that changes, and does not
 * know all of SSE: what such a function writes is to be volatile, so that no compiler
 * makes vectors of it.
 */
struct order order_call(uint64_t (*function)(uint64_t), uint64_t value);

/* What a guest reads where KVM asks user space: bytes of 0x5a */
#define ORDER_ABSENT 0x5a5a5a5a5a5a5a5aUL

/* The access that came to user space as KVM_EXIT_MMIO: the last one of an order */
struct order_mmio {
	uint64_t address, data; /* the latter of a write */
	uint32_t length, exits; /* the latter: how many came */
	bool write;
};

/*
 * order_desk_open - the desk of the vCPU with this number, which runs order_main()
 * A vCPU that vm_vcpu_add() or vm_create_with_one_vcpu() made, and has not run.
 */
struct order_desk order_desk_open(struct kvm_vm *vm, struct kvm_vcpu *vcpu, unsigned int number);

/* order_main - what such a vCPU starts with */
void order_main(uint64_t number);

/* order_put - put @count orders on the desk; asserts that they fit */
void order_put(const struct order_desk *desk, const void *orders, size_t count);

/* order_take - take the first @count of them back, with what came of each */
void order_take(const struct order_desk *desk, void *orders, size_t count);

/*
 * order_run - let the guest carry out what is on its desk, or go on with it
 * @mmio: NULL, or one for each order: filled in for those that came to user space,
 * which are given ORDER_ABSENT to read, and the guest runs on
 *
 * Returns whether the guest came back by its own exit; if not, vcpu->run tells of the
 * exit that is left to the caller.
 */
bool order_run(const struct order_desk *desk, struct order_mmio *mmio);

/* order_guest_access - for functions that ORDER_CALL calls: does it meet memory? */
bool order_guest_access(uint64_t address, uint64_t size, bool write, uint64_t *value);

#endif
