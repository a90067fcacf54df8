// SPDX-License-Identifier: GPL-2.0-only
/*
 * The world's model: see world/world.h.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "case/bytes.h"
#include "compat.h"
#include "slot/deviation.h"
#include "slot/region.h"
#include "world/world.h"

/* R and C, as ISKE shows them */
#define REFERENCE 0x04
#define CHANGE 0x02

/* Addresses of their own, so that nothing of one memory is a neighbour of another's */
static void make_memory(struct memory *m, unsigned int units)
{
	size_t size = units * WORLD_UNIT, pages = units * WORLD_UNIT_PAGES;
	uint8_t *whole = mmap(NULL, size + 3 * WORLD_UNIT, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	TEST_ASSERT(whole != MAP_FAILED, "mmap of %zu bytes", size);
	m->host = (uint8_t *)(((uintptr_t)whole + 2 * WORLD_UNIT - 1) & -WORLD_UNIT);
	m->units = units;
	if (m->file >= 0) {
		TEST_ASSERT(!ftruncate(m->file, (off_t)size), "ftruncate");
		TEST_ASSERT(mmap(m->host, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				 m->file, 0) == m->host,
			    "mmap of a file");
	} else {
		TEST_ASSERT(!mprotect(m->host, size, PROT_READ | PROT_WRITE), "mprotect");
	}
	m->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	m->key = calloc(4 + sizeof(bool), pages);
	TEST_ASSERT(m->bytes != MAP_FAILED && m->key, "no memory");
	m->may = m->key + pages;
	m->state = m->may + pages;
	m->unmapped = (bool *)(m->state + pages);
	m->torn = (uint8_t *)(m->unmapped + pages);
}

void world_set_options(struct world *w)
{
	uint64_t limit = w->asked.limit;

	w->has = w->asked;
	if (region_limit(w->vm->fd, KVM_GET_DEVICE_ATTR, &w->most).ret)
		w->most = UINT64_MAX;
	if (limit)
		world_expect(w, "SLOT-20", outcome_success(),
			     region_limit(w->vm->fd, KVM_SET_DEVICE_ATTR, &limit));
	if (w->asked.manual_log)
		vm_enable_cap(w->vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, w->asked.manual_log);
}

static void make_vm(struct world *w)
{
	w->keys_used = false;
	world_guest.create(w);
	world_guest.add_vcpu(w);
}

struct world *world_create(bool excuse)
{
	static const unsigned int units[WORLD_MEMORIES] = { 2, 3, 1, 2, 1 };
	struct world *w = calloc(1, sizeof(*w));

	TEST_ASSERT(w, "no memory");
	w->excuse = excuse;
	w->guest = &world_guest;
	for (unsigned int i = 0; i < WORLD_MEMORIES; i++) {
		w->memory[i].file = i == 3 ? memfd_create("world", 0) : -1;
		make_memory(&w->memory[i], units[i]);
	}
	w->may_read_only = kvm_check_cap(KVM_CAP_READONLY_MEM) > 0;
	make_vm(w);
	return w;
}

void world_free(struct world *w)
{
	world_guest.destroy(w);
	free(w);
}

void world_renew_vm(struct world *w)
{
	bool keys_used = w->keys_used;

	world_guest.destroy(w);
	for (unsigned int i = 0; i < WORLD_SLOTS; i++)
		w->slot[i].used = false;
	for (unsigned int i = 0; i < WORLD_MEMORIES; i++)
		for (size_t p = 0; p < w->memory[i].units * WORLD_UNIT_PAGES; p++)
			w->memory[i].state[p] |= PAGE_KEY_OPEN | PAGE_RC_OPEN;
	make_vm(w);
	/* From 7.1 on it is the VM that uses keys, before it was the process */
	w->keys_used = keys_used && !compat_new_memory_management();
}

uint64_t world_gpa(const struct world *w, unsigned int slot)
{
	return w->base + w->slot[slot].place * WORLD_UNIT;
}

int world_slot_of(const struct world *w, uint64_t gpa)
{
	for (unsigned int i = 0; i < WORLD_SLOTS; i++)
		if (w->slot[i].used && gpa >= world_gpa(w, i) &&
		    gpa - world_gpa(w, i) < w->memory[w->slot[i].memory].units * WORLD_UNIT)
			return (int)i;
	return -1;
}

int world_slot_with(const struct world *w, unsigned int memory)
{
	for (unsigned int i = 0; i < WORLD_SLOTS; i++)
		if (w->slot[i].used && w->slot[i].memory == memory)
			return (int)i;
	return -1;
}

const uint8_t *world_bytes(struct world *w, uint64_t gpa)
{
	int slot = world_slot_of(w, gpa);

	return slot < 0 ? NULL
			: world_memory(w, (unsigned int)slot)->bytes +
				  (gpa - world_gpa(w, (unsigned int)slot));
}

void world_heat(struct world *w, unsigned int memory, unsigned int page)
{
	w->hottest = (w->hottest + 1) % WORLD_HOT;
	w->hot[w->hottest].memory = memory;
	w->hot[w->hottest].page = page;
}

void world_stored(struct world *w, uint64_t gpa, const void *from, size_t len)
{
	unsigned int slot = (unsigned int)world_slot_of(w, gpa);
	struct memory *m = world_memory(w, slot);
	size_t offset = gpa - world_gpa(w, slot);

	bytes_copy(m->bytes + offset, from, len);
	for (size_t p = offset / WORLD_PAGE; p <= (offset + len - 1) / WORLD_PAGE; p++) {
		m->key[p] |= REFERENCE | CHANGE;
		m->may[p] |= REFERENCE | CHANGE;
		m->state[p] |= PAGE_MAY_LOG | PAGE_THERE;
		m->unmapped[p] = false;
		m->torn[p] = 0;
		if (w->slot[slot].flags & KVM_MEM_LOG_DIRTY_PAGES)
			m->state[p] |= PAGE_MUST_LOG;
		world_heat(w, w->slot[slot].memory, (unsigned int)p);
	}
}

/* Linux: "fault_around_bytes" is 64 KiB, which lie as they are aligned */
#define AROUND 16U

void world_around(struct memory *m, size_t page)
{
	size_t first = page & -(size_t)AROUND;

	if (m->file < 0)
		return;
	for (size_t p = first; p < first + AROUND; p++)
		if (m->unmapped[p])
			m->state[p] |= PAGE_MAY_LOG;
}

void world_fetched(struct world *w, uint64_t gpa, size_t len)
{
	unsigned int slot = (unsigned int)world_slot_of(w, gpa);
	struct memory *m = world_memory(w, slot);
	size_t offset = gpa - world_gpa(w, slot);

	for (size_t p = offset / WORLD_PAGE; p <= (offset + len - 1) / WORLD_PAGE; p++) {
		m->key[p] |= REFERENCE;
		m->may[p] |= REFERENCE;
		/* s390: no zero page once keys are used; the page that it gets counts as written
		 * (DEV-15) */
		if ((w->keys_used || deviation_of_untouched_page()) && !(m->state[p] & PAGE_THERE))
			m->state[p] |= PAGE_MAY_LOG;
		m->state[p] |= PAGE_THERE;
		world_around(m, p);
		world_heat(w, w->slot[slot].memory, (unsigned int)p);
	}
}

uint64_t world_random(struct world *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

unsigned int world_below(struct world *w, unsigned int limit)
{
	return (unsigned int)((world_random(w) >> 32) * limit >> 32);
}

unsigned int world_page(struct world *w, unsigned int memory)
{
	static const unsigned int borders[] = { 0, 1, 63, 64, 254, 255, 256, 257, 511, 512 };
	unsigned int pages = w->memory[memory].units * (unsigned int)WORLD_UNIT_PAGES, page;
	unsigned int kind = world_below(w, 8);

	if (kind < 5) {
		unsigned int n = world_below(w, WORLD_HOT);

		page = w->hot[n].page + (kind == 4 ? 1U : 0U) - (kind == 3 ? 1U : 0U);
		if (w->hot[n].memory == memory && page < pages)
			return page;
	}
	page = kind < 7 ? borders[world_below(w, ARRAY_SIZE(borders))] : world_below(w, pages);
	return page < pages ? page : pages - 1;
}
