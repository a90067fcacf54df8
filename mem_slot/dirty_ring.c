// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings: each vCPU tells which pages it has written in a ring of its own.
 *
 * mem_slot/contract.md, RING-01 to RING-05, RING-08 to RING-10; api.rst,
 * KVM_CAP_DIRTY_LOG_RING, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP; 4.5 KVM_GET_VCPU_MMAP_SIZE for
 * where a ring is.
 *
 * How it is seen: rings of every size are asked for, and looked for in the files of vCPUs.
 * Two vCPUs write to pages of a slot; the rings are harvested, and the pages of their entries
 * are those that were written since: no page is missing, which a migration would lose, no
 * other is there. An entry may come twice, nothing forbids it. dirty_ring_use.c goes on.
 *
 * Over 300 lines: a ring has a size, a place and entries, each with its own check.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/ring_pair.h"
#include "slot/deviation.h"

#define SLOT 9
#define LOG KVM_MEM_LOG_DIRTY_PAGES

static struct ring_pair pair;
static uint64_t smallest;

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

	if (ring_pair_missing())
		return;
	most = ring_most_bytes();
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		long c = capabilities[i];

		if (kvm_check_cap(c) <= 0)
			continue;
		check_size(c, 0, false, EINVAL, "a ring of no bytes");
		for (uint64_t size = 1; size < RING_PAIR_PAGE; size *= 2)
			check_size(c, size, false, EINVAL, "a ring smaller than a page");
		for (uint64_t size = smallest; size <= most; size *= 2) {
			check_size(c, size, true, 0, "a power of two");
			check_size(c, size + RING_PAIR_PAGE, size == RING_PAIR_PAGE, EINVAL,
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

	if (ring_pair_missing())
		return;
	other = vm_create_barebones();
	report_outcome(outcome_success(), ring_enable(other, ring_capability(), smallest),
		       "before there is a vCPU");
	report_outcome(outcome_error(EINVAL), ring_enable(other, ring_capability(), smallest),
		       "again");
	report_outcome(outcome_error(EINVAL), ring_enable(other, ring_capability(), 2 * smallest),
		       "again, with another size");
	kvm_vm_free(other);
	pair.vm = vm_create(1);
	vm_vcpu_add(pair.vm, 0, order_main);
	report_outcome(outcome_error(EINVAL), ring_enable(pair.vm, ring_capability(), smallest),
		       "when there is a vCPU");
	kvm_vm_free(pair.vm);
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
	uint8_t *at = mmap(NULL, bytes + 2 * RING_PAIR_PAGE, PROT_READ, MAP_SHARED, vcpu->fd,
			   (off_t)((COMPAT_RING_OFFSET - 1) * RING_PAIR_PAGE));
	size_t wrong = 0;

	TEST_ASSERT(at != MAP_FAILED, "mmap, errno %d", errno);
	for (size_t page = 0; page < bytes / RING_PAIR_PAGE + 2; page++)
		wrong += is_there(at + page * RING_PAIR_PAGE) !=
			 (page >= 1 && page <= bytes / RING_PAIR_PAGE);
	report_check(!wrong, state, "its ring is there, and nothing beside it",
		     "%zu pages are otherwise", wrong);
	munmap(at, bytes + 2 * RING_PAIR_PAGE);
}

static void check_mapping(int protection, int flags, bool good, const char *state)
{
	void *at = mmap(NULL, smallest, protection, flags, pair.vcpus[1]->fd,
			(off_t)(COMPAT_RING_OFFSET * RING_PAIR_PAGE));

	report_outcome(good ? outcome_success() : outcome_refused(),
		       outcome_of(at == MAP_FAILED ? -1 : 0), state);
	if (at != MAP_FAILED)
		munmap(at, smallest);
}

static void places(void)
{
	if (ring_pair_missing())
		return;
	for (size_t bytes = smallest; bytes <= ring_most_bytes(); bytes *= 4) {
		ring_pair_open(&pair, bytes);
		for (unsigned int v = 0; v < RING_PAIR_VCPUS; v++)
			check_place(pair.vcpus[v], bytes, "a vCPU of a VM with rings");
		ring_pair_close(&pair);
	}
	ring_pair_open(&pair, smallest);
	check_mapping(PROT_READ | PROT_WRITE, MAP_SHARED, true, "shared");
	check_mapping(PROT_READ, MAP_SHARED, true, "shared, to be read only");
	check_mapping(PROT_READ | PROT_WRITE, MAP_PRIVATE, false, "private");
	check_mapping(PROT_READ | PROT_EXEC, MAP_SHARED, false, "executable");
	ring_pair_close(&pair);
}

/* ----------------------------------------------------------------------- the entries */

static void entries(void)
{
	const uint64_t at[] = {
		0, 1, 63, 64, 65, 127, 511, 512, RING_PAIR_PAGES - 2, RING_PAIR_PAGES - 1
	};
	size_t count;

	if (ring_pair_missing())
		return;
	ring_pair_open(&pair, ring_most_bytes());
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, LOG);
	ring_pair_harvest(&pair, 0, SLOT, "a new slot");
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		ring_pair_access(&pair, 0, RING_PAIR_HERE + at[i] * RING_PAIR_PAGE, false);
	ring_pair_harvest(&pair, 0, SLOT, "pages that were only read");
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		ring_pair_writes(&pair, 0, at[i]);
		if (i && i % 2 == 0)
			continue;
		count = ring_pair_harvest(&pair, 0, SLOT, "one page or two");
		count += ring_pair_harvest(&pair, 1, SLOT,
					   "the ring of the vCPU that has written nothing");
		ring_pair_reset(&pair, count, "one page or two");
	}
	ring_reset(pair.vm);
	for (size_t i = ARRAY_SIZE(at); i--;)
		ring_pair_writes(&pair, i % 2, at[i]);
	for (unsigned int v = 0; v < RING_PAIR_VCPUS; v++) {
		pages_empty(&pair.written);
		for (size_t i = v; i < ARRAY_SIZE(at); i += RING_PAIR_VCPUS)
			pages_put(&pair.written, at[i]);
		ring_pair_harvest(&pair, v, SLOT, "vCPUs by turns");
	}
	pair.memory[5 * RING_PAIR_PAGE] = 1;
	ring_pair_harvest(&pair, 0, SLOT, "the process has written");
	ring_pair_close(&pair);
}

/* How many entries from the next one on have these flags? */
static size_t alike(unsigned int v, uint32_t flags)
{
	size_t count = 0;

	while (count < pair.rings[v].count && ring_flags(&pair.rings[v], count) == flags)
		count++;
	return count;
}

/* Dirty, harvested, unused: as many of each as there have to be, for one round */
static void harvest_some(size_t some, uint32_t flags)
{
	struct kvm_dirty_gfn entry;
	size_t all, begin = pair.rings[0].next;

	for (uint64_t page = 0; page < 40; page++)
		ring_pair_writes(&pair, 0, page * 3);
	all = alike(0, KVM_DIRTY_GFN_F_DIRTY);
	report_check(all >= 40 && ring_flags(&pair.rings[0], all) == 0, "40 pages were written",
		     "their entries are dirty, the next is unused", "%zu are dirty", all);
	for (size_t i = 0; i < some; i++)
		if (ring_harvest(&pair.rings[0], flags, &entry))
			pages_drop(&pair.written, entry.offset);
	ring_pair_reset(&pair, some, "some of the entries were harvested");
	pair.rings[0].next = begin;
	report_check(alike(0, 0) >= some, "reset", "what was harvested is unused", "%zu of %zu are",
		     alike(0, 0), some);
	pair.rings[0].next = begin + some;
	report_check(alike(0, KVM_DIRTY_GFN_F_DIRTY) == all - some, "reset",
		     "what was not harvested is dirty as before", "%zu of %zu are",
		     alike(0, KVM_DIRTY_GFN_F_DIRTY), all - some);
	all = ring_pair_harvest(&pair, 0, SLOT, "the rest of them");
	ring_pair_reset(&pair, all, "the rest of them");
	ring_pair_reset(&pair, 0, "there is none left");
}

static void resets(void)
{
	static const uint32_t flags[] = { KVM_DIRTY_GFN_F_RESET, KVM_DIRTY_GFN_F_MASK };

	if (ring_pair_missing())
		return;
	ring_pair_open(&pair, smallest);
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, LOG);
	ring_pair_reset(&pair, 0, "new rings");
	/* Often enough for the ring to wrap around */
	for (size_t some = 0; some <= 40 || pair.rings[0].next < 3 * pair.rings[0].count; some++)
		harvest_some(some % 41, flags[some % 2]);
	/* Entries in one ring behind one that was not harvested */
	for (uint64_t page = 100; page < 104; page++)
		ring_pair_writes(&pair, 0, page);
	pair.rings[0].entries[(pair.rings[0].next + 1) % pair.rings[0].count].flags |=
		KVM_DIRTY_GFN_F_RESET;
	ring_pair_reset(&pair, 0, "the second entry is harvested, the first is not");
	report_check(ring_flags(&pair.rings[0], 0) == KVM_DIRTY_GFN_F_DIRTY, "the same",
		     "the first is dirty", "flags %#x", ring_flags(&pair.rings[0], 0));
	ring_pair_close(&pair);
}

static void no_bitmap(void)
{
	struct pages found = pages_none(RING_PAIR_PAGES);
	struct dirty_log log;

	if (ring_pair_missing())
		return;
	ring_pair_open(&pair, smallest);
	ring_pair_slot(&pair, SLOT, RING_PAIR_HERE, RING_PAIR_PAGES, LOG);
	log = (struct dirty_log){ pair.vm->fd, SLOT, RING_PAIR_PAGES };
	ring_pair_writes(&pair, 0, 3);
	report_outcome(outcome_refused(), dirty_get(&log, &found), "KVM_GET_DIRTY_LOG");
	report_outcome(outcome_refused(), dirty_clear(&log, 0, 64, found.bits),
		       "KVM_CLEAR_DIRTY_LOG");
	ring_pair_harvest(&pair, 0, SLOT, "the ring, after that");
	pages_free(&found);
	ring_pair_close(&pair);
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
	ring_pair_open(&pair, smallest);
	report_outcome(outcome_error(EINVAL), ring_enable(pair.vm, bitmap, 0),
		       "KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP of a VM with slots");
	ring_pair_close(&pair);
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
		for (uint64_t size = 0; size <= 1UL << 20;
		     size = size ? 2 * size : RING_PAIR_PAGE) {
			report_check(!ring_takes(KVM_CAP_DIRTY_LOG_RING, size),
				     "KVM_CAP_DIRTY_LOG_RING, which is not there", "it is refused",
				     "it is taken with %#llx bytes", (unsigned long long)size);
			report_check(!ring_takes(KVM_CAP_DIRTY_LOG_RING_ACQ_REL, size),
				     "KVM_CAP_DIRTY_LOG_RING_ACQ_REL, which is not there",
				     "it is refused", "it is taken with %#llx bytes",
				     (unsigned long long)size);
		}
	pair.vm = vm_create(1);
	report_outcome(outcome_refused(), ring_reset(pair.vm), "KVM_RESET_DIRTY_RINGS");
	vcpu = vm_vcpu_add(pair.vm, 0, order_main);
	report_outcome(outcome_refused(), ring_reset(pair.vm),
		       "KVM_RESET_DIRTY_RINGS, with a vCPU");
	check_place(vcpu, 0, "a vCPU of a VM without rings");
	kvm_vm_free(pair.vm);
}

static const struct line lines[] = {
	{ "sizes of a ring: a power of two, a page at least, no more than there may be", "RING-01",
	  sizes },
	{ "rings are asked for once, before there is a vCPU", "RING-02", asked_for },
	{ "each vCPU has its ring in its file, and nothing beside it", "RING-03", places },
	{ "a write is an entry in the ring of the vCPU that wrote", "RING-04", entries },
	{ "harvested entries are reset, and their pages tracked again", "RING-05", resets },
	{ "with rings there is no bitmap (observed)", "RING-08", no_bitmap },
	{ "the bitmap behind rings is for VMs with rings and without slots", "RING-09",
	  bitmap_is_refused },
	{ "a VM that has not asked for rings has none", "RING-10", without_rings },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(getpagesize() == RING_PAIR_PAGE, SKIP_ARCHITECTURE, "pages of 4 KiB");
	report_capability("KVM_CAP_DIRTY_LOG_RING", kvm_check_cap(KVM_CAP_DIRTY_LOG_RING));
	report_capability("KVM_CAP_DIRTY_LOG_RING_ACQ_REL",
			  kvm_check_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL));
	smallest = ring_least_bytes();
	return report_run();
}
