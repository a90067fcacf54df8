// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings: each vCPU tells which pages it has written in a ring of its own.
 *
 * mem_slot/contract.md, RING-01 to RING-09; api.rst, KVM_CAP_DIRTY_LOG_RING,
 * KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP; 4.5 KVM_GET_VCPU_MMAP_SIZE for where a ring is.
 *
 * How it is seen: two vCPUs write to pages of slots with and without a log. After each step
 * the rings are harvested, and the pages of their entries are those that were written since:
 * no page is missing, which a migration would lose, no other is there. An entry may come
 * twice, nothing forbids it. Rings as small as they can be get full and wrap around. At last
 * a copy is kept of what the guests write, by the rings alone.
 *
 * Over 300 lines: a ring has a size, a place, entries, and an end, each with its own check.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/bytes.h"
#include "case/report.h"
#include "compat.h"
#include "guest/order.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/dirty_ring.h"
#include "slot/region.h"

#define SLOT 9
#define HERE 0x40000000UL
#define AWAY 0x48000000UL
#define PAGES 2048UL /* of a slot; more than the smallest ring holds */
#define VCPUS 2U
#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define STORM 300

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[VCPUS];
static struct order_desk desks[VCPUS];
static struct dirty_ring rings[VCPUS];
static struct pages written; /* what the next harvest has to find */
static uint64_t page_size, smallest;
static uint8_t *memory;
static unsigned long rounds = 200;

/* ---------------------------------------------------------------- machines with rings */

static bool is_missing(void)
{
	if (!ring_capability())
		report_skip(SKIP_CAPABILITY, "KVM_CAP_DIRTY_LOG_RING");
	return !ring_capability();
}

static bool takes(long capability, uint64_t size)
{
	struct kvm_vm *other = vm_create_barebones();
	bool taken = !ring_enable(other, capability, size).ret;

	kvm_vm_free(other);
	return taken;
}

static void set(uint32_t slot, uint64_t gpa, uint64_t pages, uint32_t flags)
{
	struct region r = { .slot = slot,
			    .flags = flags,
			    .gpa = gpa,
			    .size = pages * page_size,
			    .user = (uintptr_t)memory };
	struct outcome o = region_set(vm->fd, false, &r);

	TEST_ASSERT(!o.ret, "slot %u, errno %d", slot, o.err);
}

static void open_rings(size_t bytes)
{
	vm = vm_create(VCPUS);
	TEST_ASSERT(!ring_enable(vm, ring_capability(), bytes).ret, "rings of %zu bytes", bytes);
	memory = region_memory(PAGES * page_size);
	written = pages_none(PAGES);
	for (unsigned int v = 0; v < VCPUS; v++) {
		vcpus[v] = vm_vcpu_add(vm, v, order_main);
		desks[v] = order_desk_open(vm, vcpus[v], v);
		rings[v] = ring_open(vcpus[v], bytes);
	}
	virt_map(vm, HERE, HERE, PAGES);
	virt_map(vm, AWAY, AWAY, PAGES);
}

static void close_rings(void)
{
	for (unsigned int v = 0; v < VCPUS; v++)
		ring_close(&rings[v]);
	kvm_vm_free(vm);
	region_free_memory(memory, PAGES * page_size);
	pages_free(&written);
}

/* Go on with what is on the desk; false if the ring is full */
static bool goes_on(unsigned int v)
{
	if (order_run(&desks[v], NULL))
		return true;
	TEST_ASSERT(vcpus[v]->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL, "exit reason %u",
		    vcpus[v]->run->exit_reason);
	return false;
}

static void access_page(unsigned int v, uint64_t gpa, bool write)
{
	struct order o = { write ? ORDER_WRITE : ORDER_READ, gpa, 8, gpa, 0 };

	order_put(&desks[v], &o, 1);
	TEST_ASSERT(goes_on(v), "the ring is full");
}

/* A write that the next harvest has to find */
static void writes(unsigned int v, uint64_t page)
{
	access_page(v, HERE + page * page_size, true);
	pages_put(&written, page);
}

/* One case: are the entries of the ring those of the pages written? Returns their number */
static size_t harvest(unsigned int v, uint32_t slot, const char *state)
{
	struct pages found = pages_none(PAGES);
	size_t others = 0, wrong = 0, first = 0;
	size_t count = ring_collect(&rings[v], slot, &found, &others);

	for (size_t page = PAGES; page--;)
		if (pages_has(&found, page) != pages_has(&written, page)) {
			first = page;
			wrong++;
		}
	report_check(!wrong && !others, state, "an entry for each page written since, no other",
		     "%zu entries of other slots or offsets; %zu pages are wrong, page %zu is %s",
		     others, wrong, first, pages_has(&found, first) ? "there" : "not there");
	pages_empty(&written);
	pages_free(&found);
	return count;
}

/* One case: the ioctl returns the number of entries harvested since it was called last */
static void reset(size_t count, const char *state)
{
	struct outcome o = ring_reset(vm);

	report_check(o.ret == (int)count, state,
		     "KVM_RESET_DIRTY_RINGS returns the number of harvested entries",
		     "%d, with %zu harvested", o.ret, count);
}

/* ------------------------------------------------------------------ sizes and places */

/* @err: 0 if any will do */
static void check_size(long capability, uint64_t size, bool good, int err, const char *state)
{
	struct kvm_vm *other = vm_create_barebones();
	struct outcome bad = err ? outcome_error(err) : outcome_refused();
	struct outcome o = ring_enable(other, capability, size);
	const char *known = good ? NULL : deviation_of_ring_size(size, o);

	if (known) {
		if (report_case())
			report_deviation(known);
	} else {
		report_outcome(good ? outcome_success() : bad, o, state);
	}
	kvm_vm_free(other);
}

static void sizes(void)
{
	const long capabilities[] = { KVM_CAP_DIRTY_LOG_RING, KVM_CAP_DIRTY_LOG_RING_ACQ_REL };
	uint64_t most;

	if (is_missing())
		return;
	most = ring_most_bytes();
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		long c = capabilities[i];

		if (kvm_check_cap(c) <= 0)
			continue;
		check_size(c, 0, false, EINVAL, "a ring of no bytes");
		for (uint64_t size = 1; size < page_size; size *= 2)
			check_size(c, size, false, EINVAL, "a ring smaller than a page");
		for (uint64_t size = smallest; size <= most; size *= 2) {
			check_size(c, size, true, 0, "a power of two");
			check_size(c, size + page_size, size == page_size, EINVAL,
				   "a page more than a power of two");
			check_size(c, size - 16, false, EINVAL, "an entry less");
			check_size(c, size | 1UL << 32, false, 0, "4 GiB more");
		}
		for (uint64_t size = 2 * most; size; size *= 2)
			check_size(c, size, false, size >> 32 ? 0 : E2BIG,
				   "more than the capability says");
	}
}

static void asked_for(void)
{
	struct kvm_vm *other;

	if (is_missing())
		return;
	other = vm_create_barebones();
	report_outcome(outcome_success(), ring_enable(other, ring_capability(), smallest),
		       "before there is a vCPU");
	report_outcome(outcome_error(EINVAL), ring_enable(other, ring_capability(), smallest),
		       "again");
	report_outcome(outcome_error(EINVAL), ring_enable(other, ring_capability(), 2 * smallest),
		       "again, with another size");
	kvm_vm_free(other);
	vm = vm_create(1);
	vm_vcpu_add(vm, 0, order_main);
	report_outcome(outcome_error(EINVAL), ring_enable(vm, ring_capability(), smallest),
		       "when there is a vCPU");
	kvm_vm_free(vm);
}

/* Can the kernel read there? It has no signal for what is not there, as a load has */
static bool is_there(const uint8_t *at)
{
	int ends[2];
	bool there;

	TEST_ASSERT(!pipe(ends), "pipe, errno %d", errno);
	there = write(ends[1], at, 1) == 1;
	close(ends[0]);
	close(ends[1]);
	return there;
}

/* One case: has the vCPU @bytes of a ring in its file, and nothing before and behind it? */
static void check_place(struct kvm_vcpu *vcpu, size_t bytes, const char *state)
{
	uint8_t *at = mmap(NULL, bytes + 2 * page_size, PROT_READ, MAP_SHARED, vcpu->fd,
			   (off_t)((COMPAT_RING_OFFSET - 1) * page_size));
	size_t wrong = 0;

	TEST_ASSERT(at != MAP_FAILED, "mmap, errno %d", errno);
	for (size_t page = 0; page < bytes / page_size + 2; page++)
		wrong +=
			is_there(at + page * page_size) != (page >= 1 && page <= bytes / page_size);
	report_check(!wrong, state, "its ring is there, and nothing beside it",
		     "%zu pages are otherwise", wrong);
	munmap(at, bytes + 2 * page_size);
}

static void check_mapping(int protection, int flags, bool good, const char *state)
{
	void *at = mmap(NULL, smallest, protection, flags, vcpus[1]->fd,
			(off_t)(COMPAT_RING_OFFSET * page_size));

	report_outcome(good ? outcome_success() : outcome_refused(),
		       outcome_of(at == MAP_FAILED ? -1 : 0), state);
	if (at != MAP_FAILED)
		munmap(at, smallest);
}

static void places(void)
{
	if (is_missing())
		return;
	for (size_t bytes = smallest; bytes <= ring_most_bytes(); bytes *= 4) {
		open_rings(bytes);
		for (unsigned int v = 0; v < VCPUS; v++)
			check_place(vcpus[v], bytes, "a vCPU of a VM with rings");
		close_rings();
	}
	open_rings(smallest);
	check_mapping(PROT_READ | PROT_WRITE, MAP_SHARED, true, "shared");
	check_mapping(PROT_READ, MAP_SHARED, true, "shared, to be read only");
	check_mapping(PROT_READ | PROT_WRITE, MAP_PRIVATE, false, "private");
	check_mapping(PROT_READ | PROT_EXEC, MAP_SHARED, false, "executable");
	close_rings();
}

/* ----------------------------------------------------------------------- the entries */

static void entries(void)
{
	const uint64_t at[] = { 0, 1, 63, 64, 65, 127, 511, 512, PAGES - 2, PAGES - 1 };
	size_t count;

	if (is_missing())
		return;
	open_rings(ring_most_bytes());
	set(SLOT, HERE, PAGES, LOG);
	harvest(0, SLOT, "a new slot");
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		access_page(0, HERE + at[i] * page_size, false);
	harvest(0, SLOT, "pages that were only read");
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		writes(0, at[i]);
		if (i && i % 2 == 0)
			continue;
		count = harvest(0, SLOT, "one page or two");
		count += harvest(1, SLOT, "the ring of the vCPU that has written nothing");
		reset(count, "one page or two");
	}
	ring_reset(vm);
	for (size_t i = ARRAY_SIZE(at); i--;)
		writes(i % 2, at[i]);
	for (unsigned int v = 0; v < VCPUS; v++) {
		pages_empty(&written);
		for (size_t i = v; i < ARRAY_SIZE(at); i += VCPUS)
			pages_put(&written, at[i]);
		harvest(v, SLOT, "vCPUs by turns");
	}
	memory[5 * page_size] = 1;
	harvest(0, SLOT, "the process has written");
	close_rings();
}

/* How many entries from the next one on have these flags? */
static size_t alike(unsigned int v, uint32_t flags)
{
	size_t count = 0;

	while (count < rings[v].count && ring_flags(&rings[v], count) == flags)
		count++;
	return count;
}

/* Dirty, harvested, unused: as many of each as there have to be, for one round */
static void harvest_some(size_t some, uint32_t flags)
{
	struct kvm_dirty_gfn entry;
	size_t all, begin = rings[0].next;

	for (uint64_t page = 0; page < 40; page++)
		writes(0, page * 3);
	all = alike(0, KVM_DIRTY_GFN_F_DIRTY);
	report_check(all >= 40 && ring_flags(&rings[0], all) == 0, "40 pages were written",
		     "their entries are dirty, the next is unused", "%zu are dirty", all);
	for (size_t i = 0; i < some; i++)
		if (ring_harvest(&rings[0], flags, &entry))
			pages_drop(&written, entry.offset);
	reset(some, "some of the entries were harvested");
	rings[0].next = begin;
	report_check(alike(0, 0) >= some, "reset", "what was harvested is unused", "%zu of %zu are",
		     alike(0, 0), some);
	rings[0].next = begin + some;
	report_check(alike(0, KVM_DIRTY_GFN_F_DIRTY) == all - some, "reset",
		     "what was not harvested is dirty as before", "%zu of %zu are",
		     alike(0, KVM_DIRTY_GFN_F_DIRTY), all - some);
	all = harvest(0, SLOT, "the rest of them");
	reset(all, "the rest of them");
	reset(0, "there is none left");
}

static void resets(void)
{
	static const uint32_t flags[] = { KVM_DIRTY_GFN_F_RESET, KVM_DIRTY_GFN_F_MASK };

	if (is_missing())
		return;
	open_rings(smallest);
	set(SLOT, HERE, PAGES, LOG);
	reset(0, "new rings");
	/* Often enough for the ring to wrap around */
	for (size_t some = 0; some <= 40 || rings[0].next < 3 * rings[0].count; some++)
		harvest_some(some % 41, flags[some % 2]);
	/* Entries in one ring behind one that was not harvested */
	for (uint64_t page = 100; page < 104; page++)
		writes(0, page);
	rings[0].entries[(rings[0].next + 1) % rings[0].count].flags |= KVM_DIRTY_GFN_F_RESET;
	reset(0, "the second entry is harvested, the first is not");
	report_check(ring_flags(&rings[0], 0) == KVM_DIRTY_GFN_F_DIRTY, "the same",
		     "the first is dirty", "flags %#x", ring_flags(&rings[0], 0));
	close_rings();
}

/* -------------------------------------------------------------------------- the end */

/* In the guest: write the number of each page to it */
static uint64_t guest_writes_all(uint64_t pages)
{
	for (uint64_t page = 0; page < pages; page++)
		order_guest_access(HERE + page * 4096, 8, true, &page);
	return pages;
}

/* One case: what is in memory has an entry, now that the vCPU has come back */
static void full_ring(struct pages *found)
{
	size_t others = 0, lost = 0, count = ring_collect(&rings[0], SLOT, found, &others);

	for (uint64_t page = 1; page < PAGES; page++)
		lost += *(volatile uint64_t *)(memory + page * page_size) &&
			!pages_has(found, page);
	report_check(!lost && !others && count, "the ring is full",
		     "all that was written has an entry",
		     "%zu pages have none, %zu of %zu entries are wrong", lost, others, count);
}

static void full(void)
{
	const struct order o = order_call(guest_writes_all, PAGES);
	struct pages found = pages_none(PAGES);
	size_t times = 0, missing = 0;

	if (is_missing())
		return;
	open_rings(smallest);
	set(SLOT, HERE, PAGES, LOG);
	order_put(&desks[0], &o, 1);
	for (; !goes_on(0) && times < PAGES; times++) {
		report_check(!goes_on(0), "KVM_RUN again", "the ring is full as before",
			     "the guest has run to its end");
		full_ring(&found);
		report_check(!goes_on(0), "harvested, not reset", "the ring is full as before",
			     "the guest has run to its end");
		access_page(1, HERE, false); /* The other vCPU has a ring of its own */
		report_check(ring_reset(vm).ret > 0, "KVM_RESET_DIRTY_RINGS",
			     "the number of entries", "none");
	}
	ring_collect(&rings[0], SLOT, &found, &missing);
	for (uint64_t page = 0; page < PAGES; page++)
		missing += !pages_has(&found, page);
	report_check(!missing && times && times < PAGES, "all pages were written",
		     "all had an entry, none got lost when the ring was full",
		     "%zu had none, the ring was full %zu times", missing, times);
	report_note("full", (double)times, "times");
	pages_free(&found);
	close_rings();
}

/* ---------------------------------------------------------------------------- slots */

static void with_slots(void)
{
	size_t count;

	if (is_missing())
		return;
	open_rings(ring_most_bytes());
	set(SLOT, HERE, PAGES, 0);
	access_page(0, HERE + 3 * page_size, true);
	access_page(0, HERE + 4 * page_size, true);
	harvest(0, SLOT, "a slot without a log");
	set(SLOT, HERE, PAGES, LOG);
	writes(0, 3);
	count = harvest(0, SLOT, "its log turned on, a page written before and after");
	reset(count, "its log turned on");
	set(SLOT, HERE, PAGES, 0);
	access_page(0, HERE + 3 * page_size, true);
	access_page(0, HERE + 5 * page_size, true);
	harvest(0, SLOT, "its log turned off");
	set(SLOT, HERE, PAGES, LOG);
	writes(0, 5);
	count = harvest(0, SLOT, "and on again");
	set(SLOT, AWAY, PAGES, LOG);
	reset(count, "entries of a slot that was moved");
	access_page(0, AWAY + 5 * page_size, true);
	access_page(0, AWAY + 6 * page_size, true);
	pages_put(&written, 5);
	pages_put(&written, 6);
	count = harvest(0, SLOT, "written where it was moved to");
	set(SLOT, 0, 0, 0);
	reset(count, "entries of a slot that was deleted");
	set(SLOT + 1, HERE, PAGES / 2, LOG);
	set(SLOT + 2, HERE + PAGES / 2 * page_size, PAGES / 2, LOG);
	writes(0, 7);
	count = harvest(0, SLOT + 1, "the first of two slots");
	access_page(1, HERE + (PAGES / 2 + 8) * page_size, true);
	pages_put(&written, 8);
	count += harvest(1, SLOT + 2, "the second of two slots");
	reset(count, "entries of two slots, in the rings of two vCPUs");
	close_rings();
}

/* What the process may make of an entry before it is reset: KVM has to be safe from it */
static void spoilt(void)
{
	const uint32_t slots[] = { SLOT, SLOT + 1, 0xffff, 0x70000 | SLOT, UINT32_MAX };
	const uint64_t offsets[] = {
		0, 62, 63, 64, PAGES - 1, PAGES, 1UL << 52, 1UL << 63, UINT64_MAX - 63, UINT64_MAX
	};
	size_t page = 0, count = 0;

	if (is_missing())
		return;
	open_rings(ring_most_bytes());
	set(SLOT, HERE, PAGES, LOG);
	for (size_t s = 0; s < ARRAY_SIZE(slots); s++)
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
			for (size_t then = 0; then < ARRAY_SIZE(offsets); then++)
				writes(0, page++ % PAGES);
	while (ring_flags(&rings[0], 0) == KVM_DIRTY_GFN_F_DIRTY) {
		struct kvm_dirty_gfn *entry = &rings[0].entries[rings[0].next++];
		size_t n = count++ / 2;

		/* Each offset behind each other one: those of one slot are reset together */
		entry->slot =
			slots[n / ARRAY_SIZE(offsets) / ARRAY_SIZE(offsets) % ARRAY_SIZE(slots)];
		entry->offset = offsets[count % 2 ? n % ARRAY_SIZE(offsets)
						  : n / ARRAY_SIZE(offsets) % ARRAY_SIZE(offsets)];
		__atomic_store_n(&entry->flags, UINT32_MAX, __ATOMIC_RELEASE);
	}
	reset(count, "slots and offsets that the process has written into entries");
	pages_empty(&written);
	/* Pages that KVM was not told of are not tracked, and one that it was told of is */
	writes(0, PAGES - 1);
	count = harvest(0, SLOT, "a page written after that");
	reset(count, "a page written after that");
	close_rings();
}

static void no_bitmap(void)
{
	struct pages found = pages_none(PAGES);
	struct dirty_log log;

	if (is_missing())
		return;
	open_rings(smallest);
	set(SLOT, HERE, PAGES, LOG);
	log = (struct dirty_log){ vm->fd, SLOT, PAGES };
	writes(0, 3);
	report_outcome(outcome_refused(), dirty_get(&log, &found), "KVM_GET_DIRTY_LOG");
	report_outcome(outcome_refused(), dirty_clear(&log, 0, 64, found.bits),
		       "KVM_CLEAR_DIRTY_LOG");
	harvest(0, SLOT, "the ring, after that");
	pages_free(&found);
	close_rings();
}

/* The bitmap behind the rings: of VMs that have rings and no slots, where it is there at all */
static void bitmap_is_refused(void)
{
	const long bitmap = KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP;
	struct kvm_vm *other = vm_create_barebones();

	report_outcome(outcome_error(EINVAL), ring_enable(other, bitmap, 0),
		       "KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP of a VM without rings");
	kvm_vm_free(other);
	if (!ring_capability())
		return;
	open_rings(smallest);
	report_outcome(outcome_error(EINVAL), ring_enable(vm, bitmap, 0),
		       "KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP of a VM with slots");
	close_rings();
	if (kvm_check_cap(bitmap) > 0)
		return;
	other = vm_create_barebones();
	ring_enable(other, ring_capability(), smallest);
	report_outcome(outcome_error(EINVAL), ring_enable(other, bitmap, 0),
		       "KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, which is not there");
	kvm_vm_free(other);
}

/* A VM that has not asked for rings has none, whether it could or not */
static void without_rings(void)
{
	struct kvm_vcpu *vcpu;

	if (!ring_capability())
		for (uint64_t size = 0; size <= 1UL << 20; size = size ? 2 * size : page_size) {
			report_check(!takes(KVM_CAP_DIRTY_LOG_RING, size),
				     "KVM_CAP_DIRTY_LOG_RING, which is not there", "it is refused",
				     "it is taken with %#llx bytes", (unsigned long long)size);
			report_check(!takes(KVM_CAP_DIRTY_LOG_RING_ACQ_REL, size),
				     "KVM_CAP_DIRTY_LOG_RING_ACQ_REL, which is not there",
				     "it is refused", "it is taken with %#llx bytes",
				     (unsigned long long)size);
		}
	vm = vm_create(1);
	report_outcome(outcome_refused(), ring_reset(vm), "KVM_RESET_DIRTY_RINGS");
	vcpu = vm_vcpu_add(vm, 0, order_main);
	report_outcome(outcome_refused(), ring_reset(vm), "KVM_RESET_DIRTY_RINGS, with a vCPU");
	check_place(vcpu, 0, "a vCPU of a VM without rings");
	kvm_vm_free(vm);
}

/* -------------------------------------------------------------------------- migration */

static volatile bool stop;

/* In the guest: numbers that go up, to pages in a shuffled order, each vCPU at its own word */
static uint64_t guest_storm(uint64_t number)
{
	uint64_t word = number & 1, from = number / 2 * STORM;

	for (uint64_t i = from; i < from + STORM; i++)
		order_guest_access(HERE + i * 37 % PAGES * 4096 + 8 * word, 8, true, &i);
	return number;
}

/* Until it is told to stop, and its orders are carried out */
static void *storm_thread(void *argument)
{
	unsigned int v = *(unsigned int *)argument;

	for (uint64_t number = v; !stop; number += 2) {
		const struct order o = order_call(guest_storm, number);

		order_put(&desks[v], &o, 1);
		while (!goes_on(v))
			sched_yield();
	}
	return argument;
}

/* As a migration does; returns how many pages it copied */
static size_t copy_dirty(uint8_t *copy)
{
	struct pages found = pages_none(PAGES);
	size_t others = 0, count = 0;

	for (unsigned int v = 0; v < VCPUS; v++)
		ring_collect(&rings[v], SLOT, &found, &others);
	TEST_ASSERT(!others, "%zu entries are wrong", others);
	/* Before the pages are read: what is written from here on gets another entry */
	TEST_ASSERT(ring_reset(vm).ret >= 0, "KVM_RESET_DIRTY_RINGS");
	for (uint64_t page = 0; page < PAGES; page++)
		if (pages_has(&found, page)) {
			bytes_copy(copy + page * page_size, memory + page * page_size, page_size);
			count++;
		}
	pages_free(&found);
	return count;
}

static void while_they_write(void)
{
	static unsigned int numbers[VCPUS] = { 0, 1 };
	uint8_t *copy;
	pthread_t threads[VCPUS];
	size_t copied = 0;
	long differs;

	if (is_missing())
		return;
	open_rings(smallest);
	copy = region_memory(PAGES * page_size);
	set(SLOT, HERE, PAGES, LOG);
	stop = false;
	for (unsigned int v = 0; v < VCPUS; v++)
		pthread_create(&threads[v], NULL, storm_thread, &numbers[v]);
	for (unsigned long i = 0; i < rounds; i++) {
		usleep(1000);
		copied += copy_dirty(copy);
	}
	stop = true;
	for (unsigned int v = 0; v < VCPUS; v++)
		/* Its ring may be full still */
		while (pthread_tryjoin_np(threads[v], NULL))
			copied += copy_dirty(copy);
	copied += copy_dirty(copy);
	report_deciding("RING-05 RING-06");
	differs = bytes_differ(copy, memory, PAGES * page_size);
	report_check(differs < 0, "pages copied whenever a ring had them",
		     "the copy is what the guest has", "page %ld is not",
		     differs / (long)page_size);
	report_check(copied > PAGES, NULL, "more copies than there are pages",
		     "%zu pages were copied", copied);
	report_note("copied", (double)copied, "pages");
	region_free_memory(copy, PAGES * page_size);
	close_rings();
}

static const struct line lines[] = {
	{ "sizes of a ring: a power of two, a page at least, no more than there may be", "RING-01",
	  sizes },
	{ "rings are asked for once, before there is a vCPU", "RING-02", asked_for },
	{ "each vCPU has its ring in its file, and nothing beside it", "RING-03", places },
	{ "a write is an entry in the ring of the vCPU that wrote", "RING-04", entries },
	{ "harvested entries are reset, and their pages tracked again", "RING-05", resets },
	{ "a full ring ends KVM_RUN until it is reset, and loses nothing", "RING-06", full },
	{ "logs turned on and off, slots moved and deleted", "RING-04", with_slots },
	{ "what the process writes into entries does no harm (observed)", "RING-07", spoilt },
	{ "with rings there is no bitmap (observed)", "RING-08", no_bitmap },
	{ "the bitmap behind rings is for VMs with rings and without slots", "RING-09",
	  bitmap_is_refused },
	{ "a VM that has not asked for rings has none", "RING-10", without_rings },
	{ "rings are harvested while two vCPUs write: nothing is lost", "RING-05 RING-06",
	  while_they_write },
};

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--rounds", "how often the rings are read while the guests write", &rounds },
	};
	const char *why;

	report_numbers(numbers, ARRAY_SIZE(numbers));
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = (uint64_t)getpagesize();
	report_need(page_size == 4096, SKIP_ARCHITECTURE, "pages of 4 KiB");
	report_capability("KVM_CAP_DIRTY_LOG_RING", kvm_check_cap(KVM_CAP_DIRTY_LOG_RING));
	report_capability("KVM_CAP_DIRTY_LOG_RING_ACQ_REL",
			  kvm_check_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL));
	/* Where KVM notes what the CPU logs itself, it keeps more entries free than a page has */
	for (smallest = page_size; ring_capability() && smallest < ring_most_bytes(); smallest *= 2)
		if (takes(ring_capability(), smallest))
			break;
	return report_run();
}
