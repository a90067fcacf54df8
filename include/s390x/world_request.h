/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One MEM_OP on a world, and one access of a vCPU, judged by the oracle.
 */
#ifndef WORLD_REQUEST_H
#define WORLD_REQUEST_H

#include "s390x/world.h"

struct attempt {
	struct request r;
	struct state s;
	struct prediction p;
	struct outcome o;
	uint8_t *buf, *filled; /* and what it was filled with */
	uint8_t old[16], old_filled[16];
	bool by_cpu;  /* an instruction's, and no MEM_OP */
	bool changed; /* in part, though an exception came */
};

/* world_predict - what the oracle says of @t->r, where that vCPU is */
void world_predict(struct world *w, unsigned int vcpu, struct attempt *t);

/* world_memop - issue it, judge it, bring the model up to date */
void world_memop(struct world *w, unsigned int vcpu, struct attempt *t, uint64_t seed);

/* world_request_spares_home - does it store nothing where the guest's program is? */
bool world_request_spares_home(const struct attempt *t);

/* world_settle_keys - look at keys that are open where the prediction depends on them */
void world_settle_keys(struct world *w, const struct prediction *p);

/*
 * world_key_is_known - does the contract tell what an access with this key comes to?
 * False where it would meet FIND-22, which is to be excused.
 */
bool world_key_is_known(const struct world *w, uint64_t key);

/* world_judge - is @t->o, and what has moved, as predicted? The model then has it. */
void world_judge(struct world *w, struct attempt *t);

/* world_access - a load or store of 8 bytes by the vCPU, with this access key, judged likewise */
void world_access(struct world *w, unsigned int vcpu, uint64_t address, bool store, uint8_t key,
		  uint64_t value);

/*
 * world_pend - INJECT_EXCEPTION has made the exception of @t pending at that vCPU
 * world_take_pending - let it run: it finds what is pending, and nothing else
 */
void world_pend(struct world *w, unsigned int vcpu, const struct attempt *t);
void world_take_pending(struct world *w, unsigned int vcpu);

extern const struct actions world_memop_actions, world_key_actions, world_mode_actions,
	world_race_actions;

#endif
