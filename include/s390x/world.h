/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a world on s390x has besides: vCPUs with modes, their lowcores, and the oracle's
 * view of storage.
 *
 * The guest has a slot of its own, its home: a prefix area for each vCPU, a few
 * instructions, translation tables. A vCPU makes one access at a time, as an order in its
 * lowcore says, under the PSW of the order; then it leaves to user space under that same
 * PSW, which is the one that MEM_OP goes by.
 */
#ifndef S390X_WORLD_H
#define S390X_WORLD_H

#include "oracle/contract.h"
#include "world/world.h"

/* Below 16 MiB, so that 24-bit addressing reaches it */
#define HOME_GPA 0xe00000UL
#define HOME_PREFIX(n) (HOME_GPA + (n)*0x2000UL)
#define HOME_TABLES 0x20000UL /* offset */

#define PLAIN_PSW (PSW_EA | PSW_BA)

enum order_kind {
	ORDER_NONE,
	ORDER_LOAD,  /* LG */
	ORDER_STORE, /* STG */
	ORDER_ISKE,
	ORDER_SSKE,
	ORDER_RRBE, /* the value is the condition code */
};

struct order {
	uint64_t address, psw_mask, value;
	enum order_kind kind;
	uint8_t key; /* of the PSW */
};

/* What a program interruption left in the lowcore (PoP, chapter 4) */
struct taken {
	bool any;
	uint16_t ilc, code;
	uint64_t teid, old_psw[2];
	uint8_t exception_access_id;
};

struct cpu_model {
	struct cpu cpu;	   /* as the vCPU is when it is out of KVM_RUN */
	unsigned int mode; /* number */
	bool pending;	   /* an exception has been injected: */
	struct outcome injected;
	struct cause cause;
	bool changed;	   /* in part: the exception does not suppress */
	bool fields_known; /* of the TEID: no other exception was due */
	uint8_t ar;
};

extern uint8_t *world_home; /* memory of that slot */

struct cpu_model *world_cpu(struct world *w, unsigned int vcpu);

/*
 * world_order - let the vCPU carry it out, in the mode that its model has
 * @taken: the program interruption that it met, if any
 * Sets the order's value. Returns false where the guest did not come back as it has to.
 */
bool world_order(struct world *w, unsigned int vcpu, struct order *o, struct taken *taken);

/* world_state - the oracle's view; @s->storage is valid until the next call */
void world_state(struct world *w, const struct cpu *cpu, struct state *s);

#endif
