// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks at the VM, compared with the model: bytes, storage keys, dirty logs.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "case/bytes.h"
#include "slot/deviation.h"
#include "world/look.h"

static const uint8_t *host_page(const struct memory *m, size_t page)
{
	return m->host + page * WORLD_PAGE;
}

void world_look(struct world *w, unsigned int memory, unsigned int page, unsigned int pages)
{
	struct memory *m = &w->memory[memory];

	for (unsigned int p = page; p < page + pages; p++) {
		long d = bytes_differ(host_page(m, p), m->bytes + p * WORLD_PAGE, WORLD_PAGE);

		/* A process that reads does so with the real storage key of the page */
		m->may[p] |= LOOK_REFERENCE;
		/* A page that gets its storage counts as written where there is no zero page */
		m->state[p] |= m->state[p] & PAGE_THERE ? 0 : PAGE_MAY_LOG | PAGE_THERE;
		world_around(m, p);
		if (d < 0)
			continue;
		world_wrong(w, "SLOT-09", "the bytes that were stored last",
			    "memory %u page %u byte %ld: is %#x, has to be %#x", memory, p, d,
			    host_page(m, p)[d], m->bytes[p * WORLD_PAGE + (size_t)d]);
		return;
	}
}

/* Only what has storage: a look at the rest would give it some */
static void look_at_all(struct world *w, unsigned int memory)
{
	struct memory *m = &w->memory[memory];
	unsigned int pages = m->units * (unsigned int)WORLD_UNIT_PAGES;
	unsigned char there[WORLD_LONGEST * WORLD_UNIT_PAGES];

	TEST_ASSERT(!mincore(m->host, pages * WORLD_PAGE, there), "mincore");
	for (unsigned int p = 0; p < pages; p++)
		if (there[p] & 1 || m->state[p] & PAGE_THERE)
			world_look(w, memory, p, 1);
}

/*
 * s390 up to 6.12: what the guest wrote before its slot was moved is in the log only
 * once it has used that segment again, so it may come later, too. 7.2: it is lost.
 */
static bool is_excused(struct world *w, struct memory *m, unsigned int p)
{
	const char *fault = NULL;

	if (m->state[p] & PAGE_MOVED)
		fault = fault_of_moved_log();
	if (!fault && m->unmapped[p])
		fault = fault_of_unmapped_log();
	if (!fault && m->torn[p])
		fault = fault_of_lost_table();
	if (!w->excuse || !fault)
		return false;
	world_found(w, fault);
	m->state[p] &= (uint8_t) ~(PAGE_MUST_LOG | PAGE_MOVED);
	return true;
}

void world_judge_log(struct world *w, unsigned int slot, unsigned int p, bool is)
{
	struct memory *m = world_memory(w, slot);

	if (is && !(m->state[p] & PAGE_MAY_LOG))
		world_wrong(w, "DIRTY-01", "pages not written are not in the log",
			    "slot %u page %u is in it", slot, p);
	if (!is && m->state[p] & PAGE_MUST_LOG) {
		if (is_excused(w, m, p))
			return;
		world_wrong(w, "DIRTY-01", "each page written is in the log",
			    "slot %u page %u is not in it", slot, p);
	}
	/* What may be in it and is not may come with the next use of the page (DIRTY-07) */
	if (is && m->state[p] & PAGE_AGAIN)
		m->state[p] &= (uint8_t) ~(PAGE_MUST_LOG | PAGE_MOVED | PAGE_AGAIN);
	else if (is && !w->has.manual_log)
		m->state[p] &= (uint8_t) ~(PAGE_MUST_LOG | PAGE_MAY_LOG | PAGE_MOVED);
}

bool world_take_log(struct world *w, unsigned int slot, uint8_t *bits)
{
	struct memory *m = world_memory(w, slot);
	unsigned int pages = m->units * (unsigned int)WORLD_UNIT_PAGES;
	struct kvm_dirty_log log = { .slot = w->first_slot + slot, .dirty_bitmap = bits };
	struct outcome o = outcome_of(ioctl(w->vm->fd, KVM_GET_DIRTY_LOG, &log));

	if (!world_expect(w, "DIRTY-01", outcome_success(), o))
		return false;
	for (unsigned int p = 0; p < pages; p++)
		world_judge_log(w, slot, p, bits[p / 8] >> p % 8 & 1);
	return !world_is_wrong();
}

void world_harvest(struct world *w)
{
	uint8_t bits[WORLD_LOG_BYTES];

	for (unsigned int i = 0; i < WORLD_SLOTS && !world_is_wrong(); i++)
		if (w->slot[i].used && w->slot[i].flags & KVM_MEM_LOG_DIRTY_PAGES)
			world_take_log(w, i, bits);
	for (unsigned int i = 0; i < WORLD_SLOTS && !world_is_wrong(); i++)
		if (w->slot[i].used)
			world_look_at_keys(w, i, 0, world_memory(w, i)->units * WORLD_UNIT_PAGES);
	for (unsigned int i = 0; i < WORLD_MEMORIES && !world_is_wrong(); i++)
		look_at_all(w, i);
}

#ifdef __s390x__
static bool key_fits(const struct memory *m, size_t p, uint8_t is)
{
	if (m->state[p] & PAGE_KEY_OPEN)
		return !(is & 1);
	if ((is ^ m->key[p]) & LOOK_ACC_F)
		return false;
	if (m->state[p] & PAGE_RC_OPEN)
		return true;
	return (is & LOOK_RC & m->key[p]) == (m->key[p] & LOOK_RC) &&
	       !(is & LOOK_RC & ~(m->key[p] | m->may[p]));
}

/* What was seen is known from now on */
static void learn_key(struct memory *m, size_t p, uint8_t is)
{
	if (m->state[p] & (PAGE_KEY_OPEN | PAGE_RC_OPEN))
		m->key[p] = is;
	else
		m->key[p] |= is & LOOK_RC;
	m->may[p] |= m->key[p] & LOOK_RC;
	m->state[p] &= (uint8_t) ~(PAGE_KEY_OPEN | PAGE_RC_OPEN);
}

bool world_look_at_key(struct world *w, unsigned int memory, size_t p, uint8_t is)
{
	struct memory *m = &w->memory[memory];

	if (!key_fits(m, p, is)) {
		world_wrong(w, (is ^ m->key[p]) & LOOK_ACC_F ? "SKEY-05" : "MEMOP-RC-01",
			    "the storage key that was set, and R and C of the accesses since",
			    "memory %u page %zu: is %#04x, has to be %#04x, may have %#04x too",
			    memory, p, is, m->key[p], m->may[p]);
		return false;
	}
	learn_key(m, p, is);
	return true;
}

bool world_look_at_keys(struct world *w, unsigned int slot, size_t page, size_t pages)
{
	uint8_t keys[WORLD_LONGEST * WORLD_UNIT_PAGES];
	struct kvm_s390_skeys request = {
		.start_gfn = world_gpa(w, slot) / WORLD_PAGE + page,
		.count = pages,
		.skeydata_addr = (uintptr_t)keys,
	};
	struct outcome o = outcome_of(ioctl(w->vm->fd, KVM_S390_GET_SKEYS, &request));

	if (!w->keys_used)
		return world_expect(w, "SKEY-01",
				    (struct outcome){ .ret = KVM_S390_GET_SKEYS_NONE }, o);
	if (!world_expect(w, "SKEY-04", outcome_success(), o))
		return false;
	for (size_t p = 0; p < pages; p++)
		if (!world_look_at_key(w, w->slot[slot].memory, page + p, keys[p]))
			return false;
	return true;
}
#else
bool world_look_at_keys(struct world *w, unsigned int slot, size_t page, size_t pages)
{
	(void)w;
	(void)slot;
	(void)page;
	(void)pages;
	return true;
}
#endif
