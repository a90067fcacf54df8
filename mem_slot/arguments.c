// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which slots can be set: every field of the request, one wrong at a time.
 *
 * docs/contract.md, SLOT-02 to SLOT-07, SLOT-10, SLOT-14; api.rst,
 * KVM_SET_USER_MEMORY_REGION and KVM_SET_USER_MEMORY_REGION2.
 *
 * How it is seen: in a VM with three slots, of which two are adjacent, requests are
 * made that differ from a good one in a single field. Each has its documented
 * outcome, and after each refusal the three slots must still be what they were:
 * their first and last unit are taken, the free places beside them are not.
 *
 * Over 300 lines: one table of refusals for each argument of one ioctl.
 */
#include <stdio.h>
#include <unistd.h>

#include "compat.h"
#include "slot/deviation.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "case/report.h"

#define SPARE 30 /* slot ids that are free */
#define PROBE 31
#define MEMORY 36 /* units: 16 that are used by turns, and 20 from any of them on */

static struct {
	struct kvm_vm *vm;
	uint64_t unit;
	uint8_t *memory; /* MEMORY units */
	uint32_t limit;
	bool second; /* which ioctl */
} host;

/* Slots 5 and 6 side by side, 7 behind a hole; all two units */
static const struct {
	uint32_t slot;
	uint64_t at; /* unit of guest physical and user address */
} known[] = { { 5, 64 }, { 6, 66 }, { 7, 72 } };

static struct region good(uint32_t slot, uint64_t at, uint64_t units)
{
	return (struct region){ .slot = slot,
				.gpa = at * host.unit,
				.size = units * host.unit,
				.user = (uintptr_t)host.memory + at % 16 * host.unit };
}

static struct outcome set(struct region r)
{
	return region_set(host.vm->fd, host.second, &r);
}

static void open_vm(void)
{
	host.vm = vm_create_barebones();
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		TEST_ASSERT(set(good(known[i].slot, known[i].at, 2)).ret == 0, "slot %u",
			    known[i].slot);
}

static void close_vm(void)
{
	kvm_vm_free(host.vm);
}

static void lost(const struct region *r, const char *what, uint64_t at)
{
	char text[REGION_TEXT], observed[80];

	snprintf(observed, sizeof(observed), "%s at unit %llu", what, (unsigned long long)at);
	report_fail(&(struct finding){ .state = "after the request",
				       .request = region_text(r, text),
				       .expected = "the slots are as before",
				       .observed = observed,
				       .offset = -1 });
}

/* Is a unit free? By trying to take it, and giving it back */
static bool is_free(uint64_t at)
{
	struct outcome o = set(good(PROBE, at, 1));

	if (o.ret == 0)
		set(good(PROBE, at, 0));
	return o.ret == 0;
}

static void check_slots(const struct region *r)
{
	static const struct {
		uint64_t at;
		bool taken;
	} units[] = { { 63, false }, { 64, true },  { 65, true }, { 66, true }, { 67, true },
		      { 68, false }, { 71, false }, { 72, true }, { 73, true }, { 74, false } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (is_free(units[i].at) == units[i].taken) {
			lost(r, units[i].taken ? "nothing" : "a slot", units[i].at);
			return;
		}
}

/* One case; a request that succeeds is undone by its opposite */
static void expect(struct outcome expected, struct region r, const char *state)
{
	bool right = region_case(host.vm->fd, host.second, &r, expected, state);

	if (expected.ret == 0 || !right) {
		r.size = 0;
		set(r);
	}
	if (right && expected.ret) {
		report_decided("SLOT-17");
		check_slots(&r);
	}
	if (right)
		return;
	/* What a wrong outcome has done to the slots must not reach the next case */
	close_vm();
	open_vm();
}

static void slot_ids(void)
{
	const uint32_t free_id[] = { 0, 1, SPARE, host.limit - 1 };
	const uint32_t bad_id[] = { host.limit, host.limit + 1, 0x7fff + 1, 0xfffe, 0xffff };
	int spaces = kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE);
	uint32_t first = spaces > 1 ? (uint32_t)spaces : 1;

	report_deciding("SLOT-02");
	for (size_t i = 0; i < ARRAY_SIZE(free_id); i++)
		expect(outcome_success(), good(free_id[i], 80, 1), "a free id");
	for (size_t i = 0; i < ARRAY_SIZE(bad_id); i++)
		expect(outcome_error(EINVAL), good(bad_id[i], 80, 1), "an id from the limit on");
	report_deciding("SLOT-06");
	for (uint32_t space = first; space < 0x10000; space = space < 16 ? space + 1 : space * 2)
		expect(outcome_error(EINVAL), good(space << 16 | SPARE, 80, 1),
		       "an address space that is not there");
	expect(outcome_error(EINVAL), good(0xffff0000 | SPARE, 80, 1), "the last address space");
}

/* What of the flags is taken depends on capabilities */
static bool flag_defined(unsigned int bit)
{
	if (1U << bit == KVM_MEM_LOG_DIRTY_PAGES)
		return true;
	return 1U << bit == KVM_MEM_READONLY && kvm_check_cap(KVM_CAP_READONLY_MEM) > 0;
}

static void flags(void)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		struct region r = good(SPARE, 80, 1);

		report_deciding(1U << bit == KVM_MEM_READONLY ? "SLOT-11" : "SLOT-10");
		r.flags = 1U << bit;
		expect(flag_defined(bit) ? outcome_success() : outcome_error(EINVAL), r,
		       "one flag alone");
		r.flags |= KVM_MEM_LOG_DIRTY_PAGES;
		expect(flag_defined(bit) ? outcome_success() : outcome_error(EINVAL), r,
		       "one flag beside the dirty log");
	}
}

static void alignment(void)
{
	static const int64_t off[] = { 1, 8, 2048, 4095, -1 };
	const uint64_t page = (uint64_t)getpagesize();
	struct region r;

	report_deciding("SLOT-15");
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		r = good(SPARE, 80, 1);
		r.gpa += (uint64_t)off[i];
		expect(outcome_error(EINVAL), r, "guest address within a page");
		r = good(SPARE, 80, 1);
		r.user += (uint64_t)off[i];
		expect(outcome_error(EINVAL), r, "user address within a page");
		r = good(SPARE, 80, 1);
		r.size += (uint64_t)off[i];
		expect(outcome_error(EINVAL), r, "size of no whole pages");
	}
	report_note("slot_unit", (double)host.unit / 1024, "KiB");
	if (host.unit == page)
		return;
	for (uint64_t more = page; more < host.unit; more *= 2) {
		r = good(SPARE, 80, 1);
		r.size = more;
		expect(outcome_error(EINVAL), r, "size of a part of the unit");
		r.size = host.unit + more;
		expect(outcome_error(EINVAL), r, "size of the unit and a part");
		r = good(SPARE, 80, 1);
		r.user += more;
		expect(outcome_error(EINVAL), r, "user address within the unit");
	}
	/* The guest address is not bound to the unit: api.rst, and every kernel */
	r = good(SPARE, 80, 1);
	r.gpa += page;
	expect(outcome_success(), r, "guest address a page behind the unit");
}

/* Guest addresses that the machine has; s390 tells, elsewhere it is taken for too few */
static uint64_t most_storage(void)
{
	uint64_t limit = 0;

	return region_limit(host.vm->fd, KVM_GET_DEVICE_ATTR, &limit).ret ? 0 : limit;
}

static void sizes_and_wrap(void)
{
	static const uint64_t huge[] = { 1UL << 43, 1UL << 52, 1UL << 63, -(1UL << 20) };
	struct region r;

	report_deciding("SLOT-16");
	for (size_t i = 0; i < ARRAY_SIZE(huge); i++) {
		r = good(SPARE, 80, 1);
		r.size = huge[i];
		expect(outcome_error(EINVAL), r, "more pages than a slot can have");
	}
	r = good(SPARE, 80, 2);
	r.gpa = -host.unit;
	expect(outcome_error(EINVAL), r, "guest addresses beyond 2^64");
	expect(outcome_error(EINVAL), good(SPARE, 80, 0), "delete a slot that is not there");
	expect(outcome_error(EINVAL), good(host.limit, 80, 0), "delete a slot beyond the limit");
}

/* As long as a process of this architecture can have them: the number of pages is the limit */
static void page_limit(void)
{
	static const uint64_t pages[] = { 1UL << 31, (1UL << 31) + 1, 1UL << 32, 1UL << 33 };
	const uint64_t page = (uint64_t)getpagesize(), most = (1UL << 31) - host.unit / page;
	struct region r;

	report_deciding("SLOT-16");
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		r = good(SPARE, 0, 1);
		r.gpa = 1UL << 44;
		r.user = 0x40000000;
		r.size = pages[i] * page;
		expect(outcome_error(EINVAL), r,
		       "2^31 pages or more, at a user address that is legal");
	}
	/* Below it, where the machine has that many addresses */
	r.size = most * page;
	if (most_storage() > r.gpa + r.size)
		expect(outcome_success(), r, "fewer than 2^31 pages");
}

static void user_addresses(void)
{
	static const uint64_t bad[] = { 0xffffffff00000000, 1UL << 63, -(1UL << 20) };
	struct region r;

	report_deciding("SLOT-07");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		r = good(SPARE, 80, 1);
		r.user = bad[i];
		region_case_user(host.vm->fd, host.second, r, "a user address that no process has");
	}
#ifdef __x86_64__
	/* A range that begins where a process can have memory, and ends beyond it */
	r = good(SPARE, 80, 1);
	r.user = (1UL << 63) - host.unit;
	region_case_user(host.vm->fd, host.second, r, "the last addresses below 2^63");
	r.user = (1UL << 63) - 2 * host.unit;
	r.size = 4 * host.unit;
	region_case_user(host.vm->fd, host.second, r, "a range across 2^63");
#endif
}

/* Every kind of overlap, with a free id; and what is adjacent, which is allowed */
static void overlaps(void)
{
	static const struct {
		uint64_t at, units;
		const char *what;
		bool free;
	} places[] = {
		{ 72, 2, "equal", false },
		{ 72, 1, "its first half", false },
		{ 73, 1, "its second half", false },
		{ 71, 4, "around it", false },
		{ 71, 2, "its left part", false },
		{ 73, 2, "its right part", false },
		{ 64, 4, "two slots", false },
		{ 65, 2, "where two slots meet", false },
		{ 60, 20, "all slots", false },
		{ 67, 6, "across a hole", false },
		{ 68, 4, "the whole hole", true },
		{ 62, 2, "adjacent on the left", true },
		{ 74, 2, "adjacent on the right", true },
	};
	struct region r;

	report_deciding("SLOT-03");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		expect(places[i].free ? outcome_success() : outcome_error(EEXIST),
		       good(SPARE, places[i].at, places[i].units), places[i].what);
	r = good(SPARE, 70, 2);
	r.gpa += (uint64_t)getpagesize();
	expect(outcome_error(EEXIST), r, "by one page on the left");
	r = good(SPARE, 74, 2);
	r.gpa -= (uint64_t)getpagesize();
	expect(outcome_error(EEXIST), r, "by one page on the right");
}

/* One case: change slot 7, then check where it is, and put it back */
static void change(struct outcome expected, struct region r, const char *state, uint64_t now_at)
{
	struct region back = good(7, 72, 2);
	bool right = region_case(host.vm->fd, host.second, &r, expected, state);

	if (right && (is_free(now_at) || is_free(now_at + 1) || (now_at != 72 && !is_free(72))))
		lost(&r, "not what the request says", now_at);
	region_set(host.vm->fd, host.second, &back);
	if (right)
		check_slots(&r);
}

static void changes(void)
{
	struct region r = good(7, 72, 2);

	report_deciding("SLOT-05");
	change(outcome_success(), r, "the identical request", 72);
	r.flags = KVM_MEM_LOG_DIRTY_PAGES;
	change(outcome_success(), r, "other flags", 72);
	r = good(7, 72, 2);
	r.gpa = 80 * host.unit;
	change(outcome_success(), r, "moved to a free place", 80);
	r.flags = KVM_MEM_LOG_DIRTY_PAGES;
	change(outcome_success(), r, "moved, with other flags", 80);
	r.gpa = 73 * host.unit;
	change(outcome_success(), r, "moved by half its size", 73);
	r = good(7, 72, 2);
	r.gpa = 65 * host.unit;
	change(outcome_error(EEXIST), r, "moved onto other slots", 72);
	r.gpa = 67 * host.unit;
	change(outcome_error(EEXIST), r, "moved halfway onto another slot", 72);
	change(outcome_error(EINVAL), good(7, 72, 1), "made smaller", 72);
	change(outcome_error(EINVAL), good(7, 72, 3), "made larger", 72);
	r = good(7, 72, 3);
	r.gpa = 80 * host.unit;
	change(outcome_error(EINVAL), r, "moved and made larger", 72);
	r = good(7, 72, 2);
	r.user += host.unit;
	change(outcome_error(EINVAL), r, "another user address", 72);
	r = good(7, 72, 2);
	r.flags = KVM_MEM_READONLY;
	change(outcome_error(EINVAL), r, "made read-only", 72);
}

static void delete_and_add(void)
{
	struct region gone = good(7, 72, 0), r = good(7, 72, 2);

	report_deciding("SLOT-04");
	for (int round = 0; round < 3; round++) {
		region_case(host.vm->fd, host.second, &gone, outcome_success(), "delete");
		if (report_case() && (!is_free(72) || !is_free(73)))
			lost(&gone, "still a slot", 72);
		region_case(host.vm->fd, host.second, &gone, outcome_error(EINVAL), "delete again");
		region_case(host.vm->fd, host.second, &r, outcome_success(), "add again");
		check_slots(&r);
	}
	/* With another size and another user address than before */
	region_case(host.vm->fd, host.second, &gone, outcome_success(), "delete");
	r = good(7, 72, 1);
	r.user += host.unit;
	region_case(host.vm->fd, host.second, &r, outcome_success(), "add a smaller one");
	if (report_case() && (is_free(72) || !is_free(73)))
		lost(&r, "not what the request says", 73);
}

/* What is taken in the address space 0 is free in another, and the other way round */
static void other_space(uint32_t space)
{
	struct region r, inside;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		report_deciding("SLOT-06");
		r = good(space << 16 | known[i].slot, known[i].at, 2);
		region_case(host.vm->fd, host.second, &r, outcome_success(),
			    "the same id and place in another address space");
		inside = good(space << 16 | SPARE, known[i].at + 1, 1);
		report_deciding("SLOT-03");
		expect(outcome_error(EEXIST), inside, "overlap within that address space");
		report_deciding("SLOT-06");
		inside.slot = SPARE;
		inside.gpa = 100 * host.unit;
		expect(outcome_success(), inside, "a free place of address space 0");
		r.size = 0;
		region_case(host.vm->fd, host.second, &r, outcome_success(), "delete it there");
		check_slots(&r);
		region_case(host.vm->fd, host.second, &r, outcome_error(EINVAL),
			    "delete it there again");
	}
}

static void address_spaces(void)
{
	int spaces = kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE);

	if (spaces <= 1)
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_MULTI_ADDRESS_SPACE");
	for (int space = 1; space < spaces; space++)
		other_space((uint32_t)space);
}

static void with_both(void (*check)(void))
{
	for (int second = 0; second < (region_has_second() ? 2 : 1); second++) {
		host.second = second;
		open_vm();
		check();
		close_vm();
	}
}

#define LINE(name)                                                                                 \
	static void line_##name(void)                                                              \
	{                                                                                          \
		with_both(name);                                                                   \
	}
LINE(slot_ids)
LINE(flags)
LINE(alignment)
LINE(sizes_and_wrap)
LINE(page_limit)
LINE(user_addresses)
LINE(overlaps)
LINE(changes)
LINE(delete_and_add)
LINE(address_spaces)

static const struct line lines[] = {
	{ "slot ids and address spaces up to their limits", "SLOT-02 SLOT-06 SLOT-14",
	  line_slot_ids },
	{ "each flag bit", "SLOT-10 SLOT-11 SLOT-14 SLOT-17", line_flags },
	{ "alignment of addresses and size (observed)", "SLOT-15 SLOT-14", line_alignment },
	{ "too large, beyond 2^64, absent (observed)", "SLOT-16 SLOT-14", line_sizes_and_wrap },
	{ "2^31 pages are too many, at any address (observed)", "SLOT-16 SLOT-14",
	  line_page_limit },
	{ "user addresses that are not addressable", "SLOT-07 SLOT-14", line_user_addresses },
	{ "no overlap of any kind, adjacency allowed", "SLOT-03 SLOT-14", line_overlaps },
	{ "a slot may be moved and change its flags, and nothing else", "SLOT-05 SLOT-14",
	  line_changes },
	{ "delete and add again", "SLOT-04 SLOT-14", line_delete_and_add },
	{ "address spaces have slots of their own", "SLOT-03 SLOT-06 SLOT-14",
	  line_address_spaces },
};

int main(int argc, char **argv)
{
	const char *why;
	int limit;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	limit = (int)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	report_need(limit > 0, SKIP_CAPABILITY, "KVM_CAP_NR_MEMSLOTS");
	report_capability("KVM_CAP_NR_MEMSLOTS", limit);
	if (!region_has_second())
		report_without("SLOT-14");
	if (kvm_check_cap(KVM_CAP_READONLY_MEM) <= 0)
		report_without("SLOT-11");
	host.limit = (uint32_t)limit;
	host.unit = compat_slot_unit();
	host.memory = region_memory(MEMORY * host.unit);
	return report_run();
}
