/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world: a whole VM as the contract sees it. Slots, the memory behind them, its
 * bytes, storage keys, what the dirty log has to hold and may hold, vCPUs.
 *
 * Actions (world/action.h) change VM and model together. What the contract leaves open
 * the model holds open, until a look at the VM settles it.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm_util.h"
#include "case/outcome.h"

#define WORLD_PAGE 4096UL
#define WORLD_UNIT (1UL << 20) /* sizes and places of slots: what every kernel takes */
#define WORLD_UNIT_PAGES (WORLD_UNIT / WORLD_PAGE)
#define WORLD_PLACES 12U /* units of guest addresses, from base on */
#define WORLD_SLOTS 4U
#define WORLD_MEMORIES 5U
#define WORLD_LONGEST 3U /* units */
#define WORLD_VCPUS 3U
#define WORLD_HOT 8U
#define WORLD_TEXT 200

/* What is known of a page of memory */
enum page_state {
	PAGE_MUST_LOG = 1, /* written since the last look at the log */
	PAGE_MAY_LOG = 2,  /* the contract does not say whether the log has it */
	PAGE_KEY_OPEN = 4, /* nobody has said what its key is */
	PAGE_THERE = 8,	   /* certainly has storage of the host: it was used */
	PAGE_RC_OPEN = 16, /* R and C may be on or off, whatever key[] has */
	PAGE_AGAIN = 128, /* stored by a request: may come once more when the guest meets its MiB */
	PAGE_TABLED = 64, /* was used, or had a key: its MiB certainly has a page table */
	PAGE_MOVED = 32,  /* with its slot, since it was written and not yet in the log */
};

/* Memory of this process, in one piece; at most one slot has it (see docs/contract.md) */
struct memory {
	uint8_t *host;	/* as the process sees it */
	uint8_t *bytes; /* as it has to be; untouched pages cost nothing */
	uint8_t *key;	/* of each page: ACC, F, and R and C that are on for certain */
	uint8_t *may;	/* of each page: R and C that may be on */
	uint8_t *state; /* of each page: enum page_state */
	bool *unmapped; /* of each page: its mapping was changed since it was stored to */
	uint8_t *torn;	/* of each page: its page table went since it was written (FIND-21) */
	unsigned int units;
	int file;	/* that backs it, -1: none */
	bool protected; /* some page has been mprotect()ed: leave it alone until it is back */
};

struct slot {
	bool used;
	uint32_t flags;
	unsigned int place, memory; /* numbers */
};

struct guest;

struct world_vcpu {
	struct kvm_vcpu *vcpu;
	void *own; /* the guest's */
};

struct world {
	struct kvm_vm *vm;
	const struct guest *guest;
	uint64_t base;	 /* guest address of place 0 */
	uint64_t lowest; /* where a guest's load and store reach the absolute address they name */
	struct slot slot[WORLD_SLOTS];
	struct memory memory[WORLD_MEMORIES];
	struct world_vcpu vcpu[WORLD_VCPUS];
	unsigned int vcpus;
	bool has_keys, keys_used, may_read_only;
	/* What the VM was made with; its maker takes it from asked */
	struct vm_options {
		uint64_t manual_log; /* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
		uint64_t limit;	     /* KVM_S390_VM_MEM_LIMIT_SIZE, 0: as the machine has it */
	} asked, has;
	uint64_t most;		/* storage that a guest may have */
	uint32_t first_slot;	/* number that slot 0 has for KVM */
	unsigned int extension; /* KVM_CAP_S390_MEM_OP_EXTENSION */
	int child;		/* that shares all memory since a fork, 0: none */
	uint64_t random;
	struct {
		unsigned int memory, page;
	} hot[WORLD_HOT]; /* touched last */
	unsigned int hottest;
	bool excuse; /* what is known of released kernels is no failure */
	bool avoid;  /* draw nothing that would meet it */
};

/* How the guest of a world is made and used; one for each architecture */
struct guest {
	void (*create)(struct world *w); /* vm, base, first_slot; no vCPU */
	void (*add_vcpu)(struct world *w);
	void (*destroy)(struct world *w);
	/*
	 * A load or store of 8 bytes at an absolute address, nothing forbidding it
	 * Returns whether there was memory that takes it.
	 */
	bool (*access)(struct world *w, unsigned int vcpu, uint64_t gpa, bool store,
		       uint64_t *value);
};

extern const struct guest world_guest;

/* world_create - a VM without slots and with one vCPU, and memory that nobody has touched */
struct world *world_create(bool excuse);
void world_free(struct world *w);
/* world_renew_vm - destroy the VM and make it anew, as asked: memory stays, slots are gone */
void world_renew_vm(struct world *w);
/* world_set_options - for the guest's create(): the VM is there, it has no vCPU, nor slots on s390
 */
void world_set_options(struct world *w);

/* world_slot_of - number of the slot that has @gpa, -1: none */
int world_slot_of(const struct world *w, uint64_t gpa);
uint64_t world_gpa(const struct world *w, unsigned int slot);
static inline struct memory *world_memory(struct world *w, unsigned int slot)
{
	return &w->memory[w->slot[slot].memory];
}
/* world_slot_with - number of the slot that has this memory, -1: none */
int world_slot_with(const struct world *w, unsigned int memory);

/* world_stored - @len bytes at @gpa, all in one slot, have become those at @from */
void world_stored(struct world *w, uint64_t gpa, const void *from, size_t len);
/* world_fetched - they have been read through the VM */
void world_fetched(struct world *w, uint64_t gpa, size_t len);
/*
 * world_around - a page of a file has been mapped by a read: so may be its neighbours in the
 * page cache, and those count as written if the file's page is
 */
void world_around(struct memory *m, size_t page);
/* world_bytes - what they have to be */
const uint8_t *world_bytes(struct world *w, uint64_t gpa);
/* world_heat - remember the page as one just touched */
void world_heat(struct world *w, unsigned int memory, unsigned int page);

/* Random numbers of this world's walk */
uint64_t world_random(struct world *w);
unsigned int world_below(struct world *w, unsigned int limit);
static inline bool world_one_in(struct world *w, unsigned int n)
{
	return world_below(w, n) == 0;
}
/* world_page - a page of this memory: mostly one just touched, its neighbour, or at a border */
unsigned int world_page(struct world *w, unsigned int memory);

/*
 * world_wrong - what the VM did is not what it has to do; ends the walk
 * @clause: that decides
 */
void world_wrong(struct world *w, const char *clause, const char *expected, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* world_is_wrong - has it been called? */
bool world_is_wrong(void);
/* world_expect - is @o what is expected? Else it is wrong. */
bool world_expect(struct world *w, const char *clause, struct outcome expected, struct outcome o);
/* world_decided - a clause has decided an outcome, which was right; @clause has to last */
void world_decided(const char *clause);
/* world_saw - something that either happens or not, told with the results; @what has to last */
void world_saw(const char *what);

/* Known faults of released kernels (docs/findings.md) */
#define FOUND_KEYS "FIND-01"	   /* SET_SKEYS loses a key on memory that was never touched */
#define FOUND_LIMIT_READ "FIND-11" /* the limit that was set is not what is read */
#define FOUND_LIMIT_SLOT "FIND-12" /* nor what slots obey */

/* world_found - a known fault of released kernels has been met (docs/findings.md) */
void world_found(struct world *w, const char *finding);

/* world_harvest - compare everything with the model */
void world_harvest(struct world *w);
#define WORLD_LOG_BYTES (WORLD_LONGEST * WORLD_UNIT_PAGES / 8)
/*
 * world_take_log - KVM_GET_DIRTY_LOG of this slot, compared; it is empty then, unless the VM
 * leaves that to KVM_CLEAR_DIRTY_LOG
 * @bits: for the log, WORLD_LOG_BYTES
 */
bool world_take_log(struct world *w, unsigned int slot, uint8_t *bits);
/* world_judge_log - may the page be in the log that was read, or not be in it? */
void world_judge_log(struct world *w, unsigned int slot, unsigned int page, bool is);
/* world_look - compare the bytes of @pages pages, as the process reads them */
void world_look(struct world *w, unsigned int memory, unsigned int page, unsigned int pages);

#endif
