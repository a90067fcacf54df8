// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known deviations, held to their reasons: for each a state in which it applies, and
 * for each part of its condition a neighbour in which it must not. An excuse that is
 * too wide hides what the tests would find. Runs on any host, without KVM.
 *
 * Over 300 lines: a row for each state, and for each of its neighbours.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ap/deviation.h"
#include "s390x/memop_deviation.h"
#include "slot/deviation.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CHECK KVM_S390_MEMOP_F_CHECK_ONLY
#define KEYED KVM_S390_MEMOP_F_SKEY_PROTECTION
#define LREAD KVM_S390_MEMOP_LOGICAL_READ
#define AREAD KVM_S390_MEMOP_ABSOLUTE_READ
#define AWRITE KVM_S390_MEMOP_ABSOLUTE_WRITE

/* Pages 0 and 1 are there, the second has ACC 3 and is fetch-protected; all others are not */
static const uint8_t keys[] = { 0x00, 0x38 };
static const struct storage storage[] = { { .gpa = 0, .size = 0x2000, .key = keys } };

#define OLD_KERNEL (1UL << 20)
#define NEW_KERNEL 4096UL

static uint64_t slot_unit;

/* What lib/compat.c finds out of a kernel */
uint64_t compat_slot_unit(void)
{
	return slot_unit;
}

static bool zero_page;

bool compat_has_zero_page(void)
{
	return zero_page;
}

static int number, failed;

static void tell(const char *got, const char *expected, const char *why)
{
	bool good = got && expected ? !strcmp(got, expected) : got == expected;

	failed += !good;
	printf("%sok %d %s%s%s\n", good ? "" : "not ", ++number, expected ? expected : "not known",
	       ": ", why);
}

static const struct {
	const char *name; /* NULL: it must not be excused */
	const char *why;
	uint64_t unit;
	uint32_t op, size;
	uint64_t gaddr, flags;
	uint8_t key;
	int ret;
} requests[] = {
	{ "DEV-01", "the second page is missing, no key", OLD_KERNEL, AREAD, 16, 0x1ff8, CHECK,
	  .ret = 0 },
	{ "DEV-01", "the third page is missing, key 0", OLD_KERNEL, AWRITE, 0x1800, 0x1000,
	  CHECK | KEYED, .ret = 0 },
	{ NULL, "the first page is missing", OLD_KERNEL, AREAD, 16, 0x2000, CHECK, .ret = 0 },
	{ NULL, "all of several pages are missing", OLD_KERNEL, AWRITE, 0x2000, 0x2800, CHECK,
	  .ret = 0 },
	{ NULL, "a key has to be looked at", OLD_KERNEL, AREAD, 16, 0x1ff8, CHECK | KEYED,
	  .key = 3 },
	{ NULL, "the access itself", OLD_KERNEL, AREAD, 16, 0x1ff8, .flags = 0 },
	{ NULL, "a kernel that looks for all of it", NEW_KERNEL, AREAD, 16, 0x1ff8, CHECK,
	  .ret = 0 },
	{ NULL, "nothing is missing", OLD_KERNEL, AREAD, 16, 0x1000, CHECK, .ret = 0 },
	{ NULL, "another exception is reported", OLD_KERNEL, AREAD, 16, 0x1ff8, CHECK,
	  .ret = 0x10 },
	{ NULL, "an error is reported", OLD_KERNEL, AREAD, 16, 0x1ff8, CHECK, .ret = -EFAULT },
	{ NULL, "a logical access", OLD_KERNEL, LREAD, 16, 0x1ff8, CHECK, .ret = 0 },
};

static struct outcome came_to(int ret)
{
	return ret < 0 ? outcome_error(-ret) : (struct outcome){ .ret = ret };
}

static void check_requests(void)
{
	for (size_t i = 0; i < COUNT(requests); i++) {
		const struct state s = { .max_size = 65536,
					 .extension = 3,
					 .storage = storage,
					 .slots = COUNT(storage),
					 .buf = { UINT64_MAX, UINT64_MAX },
					 .old = { UINT64_MAX, UINT64_MAX } };
		struct request r = { .on_vcpu = requests[i].op == LREAD,
				     .op = { .op = requests[i].op,
					     .gaddr = requests[i].gaddr,
					     .size = requests[i].size,
					     .flags = requests[i].flags } };
		struct prediction p;

		r.op.key = requests[i].key;
		slot_unit = requests[i].unit;
		contract_memop(&s, &r, &p);
		tell(deviation_known(&s, &r, &p, came_to(requests[i].ret)), requests[i].name,
		     requests[i].why);
	}
}

/* Page 1 denies by its key, what the access meets is further on */
static void check_order(void)
{
	static const struct {
		const char *name, *why;
		uint32_t op;
		enum protection cause;
		int checked, done;
	} orders[] = {
		{ "DEV-08", "denied by key, then a page that cannot be translated", LREAD,
		  PROTECTED_KEY, PGM_PROTECTION, PGM_PAGE_TRANSLATION },
		{ "DEV-08", "the same of a store", KVM_S390_MEMOP_LOGICAL_WRITE, PROTECTED_KEY,
		  PGM_PROTECTION, PGM_SEGMENT_TRANSLATION },
		{ NULL, "an absolute read", AREAD, PROTECTED_KEY, PGM_PROTECTION, PGM_ADDRESSING },
		{ NULL, "an absolute write", AWRITE, PROTECTED_KEY, PGM_PROTECTION,
		  PGM_ADDRESSING },
		{ NULL, "denied by DAT", LREAD, PROTECTED_DAT, PGM_PROTECTION,
		  PGM_PAGE_TRANSLATION },
		{ NULL, "nothing is denied", LREAD, PROTECTED_NOT, PGM_PROTECTION,
		  PGM_PAGE_TRANSLATION },
		{ NULL, "CHECK_ONLY overlooks the key", LREAD, PROTECTED_KEY, 0,
		  PGM_PAGE_TRANSLATION },
		{ NULL, "CHECK_ONLY tells of the later page", LREAD, PROTECTED_KEY,
		  PGM_PAGE_TRANSLATION, PGM_PROTECTION },
		{ NULL, "the access is permitted", LREAD, PROTECTED_KEY, PGM_PROTECTION, 0 },
		{ NULL, "the access is refused", LREAD, PROTECTED_KEY, PGM_PROTECTION, -EFAULT },
	};

	for (size_t i = 0; i < COUNT(orders); i++) {
		const struct request r = { .op.op = orders[i].op };
		const struct prediction p = { .cause.protection = orders[i].cause };

		tell(deviation_of_check(&r, &p, came_to(orders[i].checked),
					came_to(orders[i].done)),
		     orders[i].name, orders[i].why);
	}
}

static void check_host_faults(void)
{
	tell(deviation_of_host_fault(came_to(PGM_PROTECTION)), "DEV-09", "as if a key denied it");
	tell(deviation_of_host_fault(came_to(PGM_ADDRESSING)), NULL, "as if it were not there");
	tell(deviation_of_host_fault(came_to(0)), NULL, "as if it had taken place");
	tell(deviation_of_host_fault(came_to(-EINVAL)), NULL, "another error");
}

static void check_unused_keys(void)
{
	tell(deviation_of_unused_keys(came_to(1)), "DEV-10", "keys are not in use: that is told");
	tell(deviation_of_unused_keys(came_to(0)), NULL, "a bad count that is taken");
	tell(deviation_of_unused_keys(came_to(-EFAULT)), NULL, "another error");
}

static void check_old_values(void)
{
	static const uint8_t zero[16], last[16] = { [15] = 1 }, first[16] = { 1 };

	tell(deviation_of_old(came_to(PGM_PROTECTION), zero, 16), "DEV-02", "denied, zeroes");
	tell(deviation_of_old(came_to(PGM_PROTECTION), last, 16), NULL, "the last byte is none");
	tell(deviation_of_old(came_to(PGM_PROTECTION), first, 1), NULL, "its one byte is none");
	tell(deviation_of_old(came_to(PGM_ADDRESSING), zero, 16), NULL, "another exception");
	tell(deviation_of_old(came_to(0), zero, 16), NULL, "it was not denied");
	tell(deviation_of_old(came_to(-EFAULT), zero, 16), NULL, "it was refused");
}

static void check_busy_words(void)
{
	tell(deviation_of_busy_word(1, came_to(-EAGAIN)), "DEV-11", "a byte of a busy word");
	tell(deviation_of_busy_word(2, came_to(-EAGAIN)), "DEV-11", "two bytes of a busy word");
	tell(deviation_of_busy_word(4, came_to(-EAGAIN)), NULL, "a whole word");
	tell(deviation_of_busy_word(16, came_to(-EAGAIN)), NULL, "more than a word");
	tell(deviation_of_busy_word(1, came_to(-EINVAL)), NULL, "another error");
	tell(deviation_of_busy_word(2, came_to(0)), NULL, "no error");
}

static void check_access_list(void)
{
	static const struct {
		const char *name, *why;
		uint32_t op;
		uint64_t psw_mask;
		unsigned int extension;
	} lists[] = {
		{ "FIND-02", "a fetch by access register", LREAD, PSW_DAT | PSW_AS_REGISTER, 1 },
		{ "FIND-02", "a store", KVM_S390_MEMOP_LOGICAL_WRITE, PSW_DAT | PSW_AS_REGISTER,
		  0 },
		{ NULL, "a kernel with cmpxchg", LREAD, PSW_DAT | PSW_AS_REGISTER, 3 },
		{ NULL, "the primary space", LREAD, PSW_DAT | PSW_AS_PRIMARY, 1 },
		{ NULL, "the home space", LREAD, PSW_DAT | PSW_AS_HOME, 1 },
		{ NULL, "DAT is off", LREAD, PSW_AS_REGISTER, 1 },
		{ NULL, "an absolute access", AREAD, PSW_DAT | PSW_AS_REGISTER, 1 },
	};

	for (size_t i = 0; i < COUNT(lists); i++) {
		const struct state s = { .extension = lists[i].extension,
					 .cpu.psw_mask = lists[i].psw_mask };
		const struct request r = { .op.op = lists[i].op };

		tell(fault_of_access_list(&s, &r), lists[i].name, lists[i].why);
	}
}

static void check_checked_address(void)
{
	const struct kvm_s390_mem_op check = { .op = KVM_S390_MEMOP_LOGICAL_WRITE,
					       .flags = KVM_S390_MEMOP_F_CHECK_ONLY,
					       .gaddr = 0xa5a5a5a580003008 };
	const uint64_t registers = PSW_DAT | PSW_AS_REGISTER, beyond_31 = 0xa5a5a5a580000000;
	struct kvm_s390_mem_op store = check;

	store.flags = 0;
	tell(fault_of_checked_address(&check, registers | PSW_BA, beyond_31), "FIND-49",
	     "bits beyond 31");
	tell(fault_of_checked_address(&check, registers, beyond_31), "FIND-49", "bits beyond 24");
	tell(fault_of_checked_address(&check, registers | PSW_BA, 0), NULL, "a TEID that is right");
	tell(fault_of_checked_address(&check, registers | PSW_BA, beyond_31 | 4), NULL,
	     "another bit too");
	tell(fault_of_checked_address(&check, registers | PSW_BA | PSW_EA, beyond_31), NULL,
	     "64-bit addresses");
	tell(fault_of_checked_address(&check, PSW_DAT | PSW_BA, beyond_31), NULL,
	     "the primary space");
	tell(fault_of_checked_address(&store, registers | PSW_BA, beyond_31), NULL,
	     "the store itself");
}

static void check_former_keys(void)
{
	slot_unit = NEW_KERNEL;
	tell(fault_of_former_keys(false, false), "FIND-22",
	     "keys that nobody uses on a new kernel");
	tell(fault_of_former_keys(true, true), NULL, "a page read-only on a new kernel");
	tell(fault_of_huge_keys(), "FIND-48", "a huge page mapped later on a new kernel");
	tell(fault_of_conditional_key(), "FIND-45", "R and C bypassed on a new kernel");
	slot_unit = OLD_KERNEL;
	tell(fault_of_former_keys(false, false), "FIND-22", "keys that nobody uses");
	tell(fault_of_former_keys(false, true), "FIND-22",
	     "keys that nobody uses, a read-only page");
	tell(fault_of_former_keys(true, true), "FIND-23",
	     "a page read-only when keys came into use");
	tell(fault_of_former_keys(true, false), NULL, "a page that was writable then");
	tell(fault_of_huge_keys(), NULL, "a huge page mapped later on an old kernel");
	tell(fault_of_conditional_key(), NULL, "R and C bypassed on an old kernel");
}

static void check_dirty_pages(void)
{
	static const struct {
		const char *name, *why;
		uint64_t unit;
		struct dirty_attempt attempt;
	} pages[] = {
		{ "DEV-04", "a denied store on a new kernel", NEW_KERNEL, { .store = true } },
		{ NULL, "a page that no store was tried on", NEW_KERNEL, { .store = false } },
		{ "DEV-12",
		  "a page read for the first time since its key was set",
		  NEW_KERNEL,
		  { .keyed = true } },
		{ "DEV-12",
		  "the same by the guest",
		  NEW_KERNEL,
		  { .keyed = true, .by_guest = true } },
		{ NULL, "the same on an old kernel", OLD_KERNEL, { .keyed = true } },
		{ NULL, "the guest's own store", NEW_KERNEL, { .store = true, .by_guest = true } },
		{ "DEV-04",
		  "a page that the guest has met, not writable",
		  OLD_KERNEL,
		  { .store = true, .guest_met = true } },
		{ NULL,
		  "a page that is writable",
		  OLD_KERNEL,
		  { .store = true, .guest_met = true, .writable = true } },
		{ NULL, "a page that the guest has not met", OLD_KERNEL, { .store = true } },
		{ NULL, "a fetch of it", OLD_KERNEL, { .guest_met = true } },
		{ NULL,
		  "the guest's own store, on an old kernel",
		  OLD_KERNEL,
		  { .store = true, .by_guest = true, .guest_met = true } },
	};

	for (size_t i = 0; i < COUNT(pages); i++) {
		slot_unit = pages[i].unit;
		tell(deviation_of_dirty_page(&pages[i].attempt), pages[i].name, pages[i].why);
	}
}

/* Compiled once for this host and once as if for s390x */
static void check_slots(void)
{
	tell(deviation_of_user_address(came_to(-EINVAL)), NULL, "an address that is refused");
	tell(deviation_of_user_address(came_to(-EFAULT)), NULL, "another error");
	tell(deviation_of_ring_size(1UL << 32 | 4096, came_to(0)), "DEV-16", "4 GiB too much");
	tell(deviation_of_migration_attribute(came_to(0)), "DEV-23",
	     "an attribute that is not there");
	tell(deviation_of_migration_attribute(outcome_error(EINVAL)), NULL,
	     "the same, another error");
	tell(deviation_of_ring_size(1UL << 32 | 4096, came_to(-EINVAL)), NULL, "a ring refused");
	tell(deviation_of_ring_size(3UL << 12, came_to(0)), NULL, "three pages");
	tell(deviation_of_ring_size(1UL << 32, came_to(0)), NULL, "4 GiB and nothing else");
	tell(deviation_of_ring_size(1UL << 32 | 3UL << 12, came_to(0)), NULL, "4 GiB, three pages");
#ifdef __s390x__
	tell(deviation_of_user_address(came_to(0)), "DEV-03", "an address taken on s390x");
	tell(deviation_of_failed_log(), NULL, "a failed read of the log on s390x");
	tell(fault_of_moved_log(), "FIND-10", "a moved slot on s390x");
	tell(fault_of_late_emptying(), "FIND-31", "a log that is written to while it is read");
	zero_page = true;
	tell(deviation_of_untouched_page(), NULL, "a page that shares its zeroes");
	zero_page = false;
	tell(deviation_of_untouched_page(), "DEV-15", "a page with zeroes of its own on s390x");
	slot_unit = NEW_KERNEL;
	tell(deviation_of_clean_value(), NULL, "a clean attribute on a new kernel");
	tell(fault_of_attribute_mask(), "FIND-27", "bits beside the mask on a new kernel");
	tell(fault_of_clean_attribute(), "FIND-28", "a clean page between dirty ones, there");
	tell(fault_of_attributes_and_huge_pages(came_to(0)), "FIND-47",
	     "CMMA with huge pages, there");
	tell(fault_of_attributes_and_huge_pages(came_to(EINVAL)), NULL, "CMMA refused, there");
	tell(fault_of_unmapped_log(), "FIND-14", "an unmapped page on a new kernel for s390x");
	tell(fault_of_aged_log(), "FIND-24", "a page made old on a new kernel for s390x");
	tell(fault_of_added_slot(), "FIND-15", "a slot being added on a new kernel for s390x");
	tell(fault_of_lost_table(), NULL, "a page table that goes, on a new kernel");
	tell(fault_of_held_guest(), NULL, "a slot deleted during a fault, on a new kernel");
	tell(fault_of_unaligned_slot(), NULL, "a slot at any page, on a new kernel");
	tell(fault_of_copied_huge_page(), NULL, "a huge page copied, on a new kernel");
	slot_unit = OLD_KERNEL;
	tell(deviation_of_clean_value(), "DEV-13", "a clean attribute on an old kernel");
	tell(fault_of_lost_table(), "FIND-21", "a page table that goes, on an old kernel");
	tell(fault_of_held_guest(), "FIND-25", "a slot deleted during a fault, on an old kernel");
	tell(fault_of_unaligned_slot(), "FIND-30", "a slot at any page, on an old kernel");
	tell(fault_of_copied_huge_page(), "FIND-26", "a huge page copied, on an old kernel");
	tell(fault_of_attribute_mask(), NULL, "bits beside the mask on an old kernel");
	tell(fault_of_clean_attribute(), NULL, "a clean page between dirty ones, there");
	tell(fault_of_unmapped_log(), NULL, "an unmapped page on a kernel that logs it");
	tell(fault_of_aged_log(), NULL, "a page made old on a kernel that logs it");
	tell(fault_of_added_slot(), NULL, "a slot being added on an old kernel");
#else
	tell(deviation_of_user_address(came_to(0)), NULL, "an address taken elsewhere");
	tell(fault_of_moved_log(), NULL, "a moved slot elsewhere");
	tell(fault_of_late_emptying(), NULL,
	     "a log that is written to while it is read, elsewhere");
	tell(deviation_of_untouched_page(), NULL, "a page with zeroes of its own elsewhere");
	tell(fault_of_held_guest(), NULL, "a slot deleted during a fault elsewhere");
	tell(fault_of_unaligned_slot(), NULL, "a slot at any page elsewhere");
	tell(fault_of_copied_huge_page(), NULL, "a huge page copied elsewhere");
	tell(deviation_of_clean_value(), NULL, "a clean attribute elsewhere");
	slot_unit = NEW_KERNEL;
	tell(fault_of_attribute_mask(), NULL, "bits beside the mask elsewhere");
	tell(fault_of_clean_attribute(), NULL, "a clean page between dirty ones elsewhere");
	tell(fault_of_unmapped_log(), NULL, "an unmapped page elsewhere");
	tell(fault_of_aged_log(), NULL, "a page made old elsewhere");
	tell(fault_of_added_slot(), NULL, "a slot being added elsewhere");
#ifdef __x86_64__
	tell(deviation_of_read_page(), "DEV-05", "a page that was read, on x86");
	tell(deviation_of_failed_log(), "DEV-07", "a failed read of the log on x86");
#endif
#endif
}

/* By two bits each: adapters, domains and control domains 4 and 5 */
static struct ap_matrix ap_of(unsigned int adapters, unsigned int domains, unsigned int controls)
{
	return (struct ap_matrix){ .adapters = { { (uint64_t)adapters << 58 } },
				   .domains = { { (uint64_t)domains << 58 } },
				   .controls = { { (uint64_t)controls << 58 } } };
}

static void check_ap_answers(void)
{
	const char three[] = "0x0000000000000000000000000000000000000000000000000000000000000000,"
			     "0x0000000000000000000000000000000000000000000000000000000000000000,"
			     "0x0000000000000000000000000000000000000000000000000000000000000000\n";

	tell(ap_known_sharing((struct ap_answer){ EBUSY, EBUSY }, EADDRINUSE), "DEV-17",
	     "a queue of another device");
	tell(ap_known_sharing((struct ap_answer){ EADDRNOTAVAIL, EADDRNOTAVAIL }, EADDRINUSE), NULL,
	     "a queue of the default drivers");
	tell(ap_known_sharing((struct ap_answer){ EBUSY, EBUSY }, EINVAL), NULL, "another error");
	tell(ap_known_features("guest_matrix hotplug ap_config\n"), "DEV-18", "the other word");
	tell(ap_known_features("guest_matrix ap_config\n"), NULL, "no word for hot plug");
	tell(ap_known_number("18446744073709551616", ERANGE), "DEV-19", "2^64");
	tell(ap_known_number("18446744073709551615", ERANGE), NULL, "2^64 - 1");
	tell(ap_known_number("18446744073709551616", EINVAL), NULL, "2^64 is no number");
	tell(ap_known_number("18446744073709551616x", ERANGE), NULL, "no number");
	tell(ap_known_config("0,0,0\n", 0), "DEV-20", "short masks");
	tell(ap_known_config(three, 0), NULL, "three masks");
	tell(ap_known_config("0,0,0\n", EBUSY), NULL, "short masks, refused");
	tell(ap_known_removal(false), "DEV-21", "a removal that waits");
	tell(ap_known_removal(true), NULL, "one that comes back");
	tell(ap_known_takeover(0x01), "FIND-36", "AQIC beside a second device");
	tell(ap_known_takeover(0x06), NULL, "AQIC refused otherwise");
}

static void check_ap_masks(void)
{
	struct ap_model before = { .mdev[1] = { .there = true, .matrix = ap_of(1, 2, 0) } };
	struct ap_model after = before;

	after.apmask = ap_of(1, 0, 0).adapters;
	tell(ap_known_mask(&before, &after, EBUSY), "DEV-22",
	     "an adapter of a device, in one mask");
	tell(ap_known_mask(&before, &after, EINVAL), NULL, "another error");
	after.apmask = ap_of(2, 0, 0).adapters;
	tell(ap_known_mask(&before, &after, EBUSY), NULL, "an adapter of nobody");
	after.aqmask = ap_of(0, 2, 0).domains;
	tell(ap_known_mask(&before, &after, EBUSY), "DEV-22", "a domain of a device, in one mask");
	tell(ap_known_mask(&after, &before, EBUSY), NULL, "bits that are taken out");
	before.mdev[1].matrix.adapters = ap_of(0, 0, 0).adapters;
	tell(ap_known_mask(&before, &after, EBUSY), NULL, "a device without queues");
}

static void check_ap_faults(void)
{
	const struct ap_mask left = ap_of(0, 0, 1).controls;
	static const struct {
		const char *name, *why;
		unsigned int had[3], to_be[3], is[3];
		bool host_changed;
		unsigned int filtered, unreset;
		bool bound;
	} seen[] = {
		{ "FIND-32",
		  "an adapter that was filtered",
		  { 2, 1, 0 },
		  { 3, 1, 0 },
		  { 2, 1, 0 },
		  .filtered = 1 },
		{ NULL,
		  "one whose queue was bound",
		  { 2, 1, 0 },
		  { 3, 1, 0 },
		  { 2, 1, 0 },
		  .filtered = 1,
		  .bound = true },
		{ NULL,
		  "one that was not assigned",
		  { 2, 1, 0 },
		  { 3, 1, 0 },
		  { 2, 1, 0 },
		  .filtered = 0 },
		{ NULL,
		  "one that the guest had",
		  { 3, 1, 0 },
		  { 3, 1, 0 },
		  { 2, 1, 0 },
		  .filtered = 0 },
		{ NULL, "and a domain", { 2, 1, 0 }, { 3, 3, 0 }, { 2, 1, 0 }, .filtered = 1 },
		{ "FIND-41",
		  "a reset of it failed",
		  { 3, 1, 0 },
		  { 3, 1, 0 },
		  { 2, 1, 0 },
		  .unreset = 1 },
		{ NULL,
		  "a reset of another one failed",
		  { 3, 1, 0 },
		  { 3, 1, 0 },
		  { 2, 1, 0 },
		  .unreset = 2 },
		{ NULL, "and a domain", { 3, 3, 0 }, { 3, 3, 0 }, { 2, 1, 0 }, .unreset = 1 },
		{ "FIND-33",
		  "all adapters left",
		  { 3, 1, 1 },
		  { 0, 1, 1 },
		  { 3, 1, 1 },
		  .host_changed = true },
		{ "FIND-33",
		  "all domains left",
		  { 3, 1, 1 },
		  { 3, 0, 1 },
		  { 3, 1, 1 },
		  .host_changed = true },
		{ NULL,
		  "one of two left",
		  { 3, 1, 1 },
		  { 1, 1, 1 },
		  { 3, 1, 1 },
		  .host_changed = true },
		{ NULL,
		  "all are unassigned",
		  { 3, 1, 1 },
		  { 0, 1, 1 },
		  { 3, 1, 1 },
		  .host_changed = false },
		{ NULL,
		  "another one stays",
		  { 3, 1, 1 },
		  { 0, 1, 1 },
		  { 1, 1, 1 },
		  .host_changed = true },
		{ "FIND-34",
		  "a control domain left",
		  { 3, 1, 1 },
		  { 3, 1, 0 },
		  { 3, 1, 1 },
		  .host_changed = true },
		{ NULL,
		  "one that has not",
		  { 3, 1, 2 },
		  { 3, 1, 0 },
		  { 3, 1, 2 },
		  .host_changed = true },
		{ NULL,
		  "and a domain stays",
		  { 3, 1, 1 },
		  { 3, 2, 0 },
		  { 3, 3, 1 },
		  .host_changed = true },
		{ NULL,
		  "all is well",
		  { 3, 1, 1 },
		  { 1, 1, 1 },
		  { 1, 1, 1 },
		  .host_changed = true },
	};

	for (size_t i = 0; i < COUNT(seen); i++) {
		struct ap_seen s = {
			.had = ap_of(seen[i].had[0], seen[i].had[1], seen[i].had[2]),
			.to_be = ap_of(seen[i].to_be[0], seen[i].to_be[1], seen[i].to_be[2]),
			.is = ap_of(seen[i].is[0], seen[i].is[1], seen[i].is[2]),
			.host_changed = seen[i].host_changed,
			.filtered = ap_of(seen[i].filtered, 0, 0).adapters,
			.unreset = ap_of(seen[i].unreset, 0, 0).adapters,
			.bound = seen[i].bound,
			.left = left,
		};

		tell(ap_known_fault(&s), seen[i].name, seen[i].why);
	}
}

/* A queue that the filter takes from a guest with another one's adapter */
static void check_ap_kept(void)
{
	struct ap_model before = { .mdev[1] = { .there = true, .vm = 1, .matrix = ap_of(3, 3, 0) },
				   .host.config = ap_of(3, 3, 0) };
	struct ap_model after = before;

	ap_model_bind(&after, ap_queue(4, 4), false);
	tell(ap_known_kept(&before, &after, ap_queue(4, 5)), "FIND-40", "bound, of that adapter");
	tell(ap_known_kept(&before, &after, ap_queue(4, 4)), NULL, "the one that is unbound");
	tell(ap_known_kept(&before, &after, ap_queue(5, 5)), NULL, "one that stays");
	ap_model_close(&after, 1);
	tell(ap_known_kept(&before, &after, ap_queue(4, 5)), NULL, "of a guest that is gone");
	after = before;
	ap_model_assign(&after, 1, AP_DOMAIN, 5, false);
	tell(ap_known_kept(&before, &after, ap_queue(4, 5)), NULL, "one that is unassigned");
}

/* A queue of a guest is reset while it stays */
static void check_ap_resets(void)
{
	struct ap_model before = { .mdev[1] = { .there = true, .vm = 1, .matrix = ap_of(3, 3, 1) },
				   .host.config = ap_of(3, 3, 2) };
	struct ap_model after = before;

	before.host.state[4] = AP_DECONFIGURED;
	tell(ap_known_reset(&before, &after, ap_queue(4, 4)), "FIND-35", "a card configured again");
	tell(ap_known_reset(&before, &after, ap_queue(5, 4)), NULL,
	     "a card that was there all the time");
	tell(ap_known_reset(&after, &before, ap_queue(4, 4)), NULL, "a card deconfigured");
	before = after;
	after.host.config.controls = ap_of(0, 0, 3).controls;
	tell(ap_known_reset(&before, &after, ap_queue(5, 4)), "FIND-38", "a control domain came");
	tell(ap_known_reset(&after, &before, ap_queue(5, 4)), NULL, "a control domain left");
	after.host.config.domains = ap_of(0, 1, 0).domains;
	tell(ap_known_reset(&before, &after, ap_queue(5, 4)), NULL, "and a domain left");
	after = before;
	after.mdev[1].vm = 0;
	after.host.config.controls = ap_of(0, 0, 3).controls;
	tell(ap_known_reset(&before, &after, ap_queue(5, 4)), NULL, "without a guest");
}

int main(void)
{
	check_ap_answers();
	check_ap_resets();
	check_ap_masks();
	check_ap_faults();
	check_ap_kept();
	check_requests();
	check_order();
	check_host_faults();
	check_unused_keys();
	check_old_values();
	check_busy_words();
	check_access_list();
	check_checked_address();
	check_former_keys();
	check_dirty_pages();
	check_slots();
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}
