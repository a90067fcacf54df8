// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CLEAR_DIRTY_LOG, and KVM_GET_DIRTY_LOG that leaves the bits to it.
 *
 * mem_slot/contract.md, DIRTY-02, DIRTY-04, DIRTY-05, DIRTY-10 to DIRTY-12; api.rst,
 * KVM_CLEAR_DIRTY_LOG and KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2.
 *
 * How it is seen: the guest writes pages all over a slot, bitmaps that have some of
 * them are cleared, and the log has to hold exactly the others. A page that was
 * cleared is written again, and has to come back: tracking is on for it. The slot
 * ends within a word of the bitmap, where a number of pages that is no multiple of
 * 64 is allowed.
 *
 * Over 300 lines: the bitmaps of one ioctl, piece by piece.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "case/report.h"
#include "compat.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/dirty_log.h"
#include "slot/region.h"

#define SLOT 9
#define HERE 0x40000000UL

static struct worker worker;
static struct dirty_log the_log;
static uint8_t *memory;
static uint64_t page_size;
static size_t pages; /* of the slot */
static int defined;  /* bits of the capability */
static struct pages dirty, mask;

static struct outcome enable(uint64_t flags)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { flags } };

	return outcome_of(ioctl(worker.vm->fd, KVM_ENABLE_CAP, &cap));
}

static void set(uint64_t size, uint32_t flags)
{
	struct region r = {
		.slot = SLOT, .flags = flags, .gpa = HERE, .size = size, .user = (uintptr_t)memory
	};
	struct outcome o = region_set(worker.vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "the slot, errno %d", o.err);
}

static void begin(void)
{
	worker_create(&worker);
	worker_map(&worker, HERE, pages);
	memory = region_memory(pages * page_size);
	the_log = (struct dirty_log){ .vm_fd = worker.vm->fd, .slot = SLOT, .pages = pages };
	dirty = pages_none(pages);
	mask = pages_none(pages);
}

static void end(void)
{
	worker_free(&worker);
	region_free_memory(memory, pages * page_size);
	pages_free(&dirty);
	pages_free(&mask);
}

/* Is it there? With @flags for the VM, and the slot with a log. */
static bool manual(uint64_t flags)
{
	if (defined <= 0 || (flags & ~(uint64_t)defined)) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 with %#llx",
			    (unsigned long long)flags);
		return false;
	}
	if (flags)
		TEST_ASSERT(!enable(flags).ret, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	set(pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	return true;
}

static void guest_writes(size_t page)
{
	worker_write(&worker, HERE + page * page_size, page);
	pages_put(&dirty, page);
}

static void write_some(void)
{
	static const size_t at[] = { 0, 3, 63, 64, 70, 127, 128, 200, 255, 256, 300, 511, 512 };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		guest_writes(at[i]);
	guest_writes(pages - 2);
	guest_writes(pages - 1);
}

/* Clear @count pages from @first on that are in mask, and note that they are */
static void clear(size_t first, size_t count, const char *request)
{
	report_outcome(outcome_success(),
		       dirty_clear(&the_log, first, (uint32_t)count, mask.bits + first / 8),
		       request);
	for (size_t page = first; page < first + count; page++)
		if (pages_has(&mask, page))
			pages_drop(&dirty, page);
}

static void bits_stay(void)
{
	if (!manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE))
		return;
	dirty_is(&the_log, &dirty, "a new slot");
	write_some();
	dirty_is(&the_log, &dirty, "written");
	dirty_is(&the_log, &dirty, "asked again: still there");
	set(pages * page_size, 0);
	set(pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	dirty_is_empty(&the_log, "logging off and on again");
}

static void cleared(void)
{
	if (!manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE))
		return;
	report_deciding("DIRTY-04 DIRTY-10");
	write_some();
	pages_put_all(&mask);
	clear(64, 64, "the second 64 pages");
	dirty_is(&the_log, &dirty, "those cleared, others not");
	guest_writes(70);
	dirty_is(&the_log, &dirty, "one of them written again");
	/* Bits that are 0 clear nothing, whatever is in the log */
	pages_empty(&mask);
	clear(0, pages, "no page of the whole slot");
	dirty_is(&the_log, &dirty, "nothing cleared");
	pages_put(&mask, 200);
	pages_put(&mask, 201);
	pages_put(&mask, 512);
	clear(192, 384, "two written pages of 384, and one that was not");
	dirty_is(&the_log, &dirty, "these cleared, and no neighbour");
	guest_writes(200);
	guest_writes(201);
	guest_writes(512);
	dirty_is(&the_log, &dirty, "tracked again, the unwritten one too");
	pages_put_all(&mask);
	clear(0, pages, "all pages of the slot");
	dirty_is_empty(&the_log, "all cleared");
}

/* The end of a slot within a word: the number of pages reaches to it */
static void cleared_at_the_end(void)
{
	size_t first = pages / 64 * 64;

	if (!manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE))
		return;
	report_deciding("DIRTY-04 DIRTY-10");
	write_some();
	/* Bits behind the slot are nobody's */
	memset(mask.bits, 0xff, (pages + 63) / 64 * 8);
	clear(first, pages - first, "the last pages, fewer than 64");
	dirty_is(&the_log, &dirty, "the last pages cleared");
	guest_writes(pages - 1);
	dirty_is(&the_log, &dirty, "the last page written again");
	clear(first - 64, pages - first + 64, "the last pages, more than 64");
	dirty_is(&the_log, &dirty, "the last pages cleared again");
	clear(0, pages, "all, in one call");
	dirty_is_empty(&the_log, "all cleared");
}

static void refuse(int err, uint32_t slot, uint64_t first, uint32_t count, const void *bits,
		   const char *request)
{
	struct dirty_log log = the_log;

	log.slot = slot;
	report_outcome(outcome_error(err), dirty_clear(&log, first, count, bits), request);
}

static void refused_ranges(void)
{
	uint32_t end = (uint32_t)pages;

	report_deciding("DIRTY-04");
	refuse(EINVAL, SLOT, 1, 64, mask.bits, "first page 1");
	refuse(EINVAL, SLOT, 32, 64, mask.bits, "first page 32");
	refuse(EINVAL, SLOT, 63, 64, mask.bits, "first page 63");
	refuse(EINVAL, SLOT, 0, 63, mask.bits, "63 pages, before the end");
	refuse(EINVAL, SLOT, 0, 65, mask.bits, "65 pages, before the end");
	refuse(EINVAL, SLOT, 0, end - 1, mask.bits, "all pages but the last");
	refuse(EINVAL, SLOT, 0, end + 1, mask.bits, "a page more than the slot has");
	refuse(EINVAL, SLOT, end / 64 * 64, 64, mask.bits, "64 pages, of which some are behind");
	refuse(EINVAL, SLOT, (end + 63) / 64 * 64, 64, mask.bits, "behind the slot");
	refuse(EINVAL, SLOT, 1UL << 40, 64, mask.bits, "far behind the slot");
	refuse(EINVAL, SLOT, -64UL, 128, mask.bits, "beyond 2^64");
}

static void refused(void)
{
	uint32_t limit = (uint32_t)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	int spaces = kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE);

	if (!manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE))
		return;
	write_some();
	pages_put_all(&mask);
	refused_ranges();
	report_deciding("DIRTY-11");
	refuse(ENOENT, SLOT + 1, 0, 64, mask.bits, "a slot that is not there");
	refuse(EINVAL, limit, 0, 64, mask.bits, "a slot beyond the limit by one");
	refuse(EINVAL, (uint32_t)(spaces > 1 ? spaces : 1) << 16 | SLOT, 0, 64, mask.bits,
	       "an address space that is not there");
	refuse(EFAULT, SLOT, 0, 64, NULL, "a bitmap at NULL");
	dirty_is(&the_log, &dirty, "nothing is cleared by what is refused");
	set(pages * page_size, 0);
	refuse(ENOENT, SLOT, 0, 64, mask.bits, "a slot without a log");
}

static void end_of_bitmap(void)
{
	uint8_t *two;

	if (!manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE))
		return;
	two = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(two != MAP_FAILED && !mprotect(two + page_size, page_size, PROT_NONE), "mmap");
	write_some();
	memset(two, 0xff, page_size);
	report_deciding("DIRTY-11");
	refuse(EFAULT, SLOT, 0, 128, two + page_size - 8, "a bitmap whose end cannot be read");
	dirty_is(&the_log, &dirty, "nothing is cleared");
	report_deciding("DIRTY-10");
	report_outcome(outcome_success(), dirty_clear(&the_log, 64, 64, two + page_size - 8),
		       "a bitmap at the end of what can be read");
	for (size_t page = 64; page < 128; page++)
		pages_drop(&dirty, page);
	dirty_is(&the_log, &dirty, "the second 64 pages are cleared");
	munmap(two, 2 * page_size);
}

/* It can be used though the VM has not enabled the capability */
static void without_enabling(void)
{
	if (!manual(0))
		return;
	write_some();
	pages_put_all(&mask);
	clear(64, 128, "128 pages");
	dirty_is(&the_log, &dirty, "those cleared, others not");
	dirty_is_empty(&the_log, "and the call has cleared the rest");
}

static void without_capability(void)
{
	if (defined > 0) {
		report_skip(SKIP_CAPABILITY, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 is there");
		return;
	}
	set(pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	guest_writes(70);
	pages_put_all(&mask);
	report_outcome(outcome_refused(), dirty_clear(&the_log, 64, 64, mask.bits),
		       "KVM_CLEAR_DIRTY_LOG");
	for (unsigned int bit = 0; bit < 64; bit++)
		report_outcome(outcome_refused(), enable(1UL << bit), "KVM_ENABLE_CAP, one bit");
	dirty_is(&the_log, &dirty, "nothing is cleared, nor kept");
	dirty_is_empty(&the_log, "asked again");
}

static void bits_of_the_capability(void)
{
	if (defined <= 0) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
		return;
	}
	for (unsigned int bit = 0; bit < 64; bit++)
		if (bit > 31 || !(defined >> bit & 1)) {
			report_outcome(outcome_error(EINVAL), enable(1UL << bit),
				       "an undefined bit alone");
			report_outcome(outcome_error(EINVAL),
				       enable((uint64_t)defined | 1UL << bit),
				       "an undefined bit beside the others");
		}
	report_outcome(outcome_error(EINVAL), enable(KVM_DIRTY_LOG_INITIALLY_SET),
		       "KVM_DIRTY_LOG_INITIALLY_SET alone");
	set(pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	guest_writes(70);
	dirty_is(&the_log, &dirty, "nothing is enabled");
	dirty_is_empty(&the_log, "asked again");
}

static void initially_set(void)
{
	if (!manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET))
		return;
	pages_put_all(&dirty);
	pages_put_all(&mask);
	dirty_is(&the_log, &dirty, "a new slot");
	clear(128, 64, "the third 64 pages");
	dirty_is(&the_log, &dirty, "those cleared");
	guest_writes(130);
	dirty_is(&the_log, &dirty, "one of them written");
	set(pages * page_size, 0);
	set(pages * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	pages_put_all(&dirty);
	dirty_is(&the_log, &dirty, "logging off and on again");
}

static const struct line lines[] = {
	{ "manual protection: bits stay until cleared", "DIRTY-02", bits_stay },
	{ "exactly the pages of the bitmap are cleared, and tracked again", "DIRTY-04 DIRTY-10",
	  cleared },
	{ "the last pages of a slot that ends within a word", "DIRTY-04 DIRTY-10",
	  cleared_at_the_end },
	{ "ranges, slots and bitmaps that are refused", "DIRTY-04 DIRTY-11", refused },
	{ "a bitmap that ends where nothing can be read", "DIRTY-10 DIRTY-11", end_of_bitmap },
	{ "pages are cleared without enabling the capability", "DIRTY-10", without_enabling },
	{ "nothing can be cleared or enabled without the capability", "DIRTY-12",
	  without_capability },
	{ "bits of the capability that are not defined, or need another", "DIRTY-12",
	  bits_of_the_capability },
	{ "all bits initially set", "DIRTY-05", initially_set },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	defined = kvm_check_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	report_capability("KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2", defined);
	page_size = (uint64_t)getpagesize();
	pages = compat_slot_unit() == page_size ? 3 * 256 + 13 : 3 * 256;
	report_around(begin, end);
	return report_run();
}
