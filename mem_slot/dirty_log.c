// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG: exactly the pages that were written.
 *
 * docs/contract.md, DIRTY; api.rst, KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG,
 * KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2. What MEM_OP marks is memop/recording.
 *
 * How it is seen: the guest writes single pages, the first, the last, around the
 * borders of the bitmap's words, or only reads them. The whole bitmap is compared,
 * after each call, with the set of pages written since.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "compat.h"
#include "slot/deviation.h"
#include "guest/worker.h"
#include "slot/backing.h"
#include "slot/region.h"
#include "case/report.h"

#define SLOT 9
#define PAGES 256UL
#define HERE 0x40000000UL
#define THERE 0x48000000UL

struct bitmap {
	uint8_t bits[PAGES / 8];
};

static struct worker worker;
static uint8_t *memory;
static uint64_t page_size;

static void put(struct bitmap *b, size_t page)
{
	b->bits[page / 8] |= (uint8_t)(1 << page % 8);
}

static bool has(const struct bitmap *b, size_t page)
{
	return b->bits[page / 8] >> page % 8 & 1;
}

static void set(uint64_t gpa, uint64_t size, uint32_t flags)
{
	struct region r = {
		.slot = SLOT, .flags = flags, .gpa = gpa, .size = size, .user = (uintptr_t)memory
	};
	struct outcome o = region_set(worker.vm->fd, false, &r);

	TEST_ASSERT(o.ret == 0, "the slot, errno %d", o.err);
}

static struct outcome get(uint32_t slot, struct bitmap *b)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = b };

	return outcome_of(ioctl(worker.vm->fd, KVM_GET_DIRTY_LOG, &log));
}

/* Has the log all pages of @must, and none but those of @may? */
static void compare(struct outcome o, const struct bitmap *log, const struct bitmap *must,
		    const struct bitmap *may, const char *state)
{
	char observed[80];

	for (size_t page = 0; page < PAGES; page++) {
		bool is = has(log, page);

		if (!o.ret && (is ? has(may, page) : !has(must, page)))
			continue;
		snprintf(observed, sizeof(observed), "returned %d, page %zu %s", o.ret, page,
			 is ? "is in it" : "is not in it");
		report_fail(&(struct finding){ .state = state,
					       .expected = "exactly the pages written since",
					       .observed = observed,
					       .offset = -1 });
		return;
	}
}

/* The log as it is now, of a case or not: it is cleared in any case */
static struct outcome take_log(struct bitmap *log)
{
	memset(log, 0xa5, sizeof(*log));
	return get(SLOT, log);
}

static void log_between(const struct bitmap *must, const struct bitmap *may, const char *state)
{
	struct bitmap log;
	struct outcome o = take_log(&log);

	if (report_case())
		compare(o, &log, must, may, state);
}

static void log_is(const struct bitmap *expected, const char *state)
{
	log_between(expected, expected, state);
}

static void guest_writes(uint64_t gpa, size_t page)
{
	worker_write(&worker, gpa + page * page_size + page % 500 * 8, page);
}

static const size_t single[] = { 0, 1, 7, 8, 62, 63, 64, 65, 127, 128, 191, 192, 254, 255 };

static void each_page(void)
{
	struct bitmap none = { 0 };

	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	log_is(&none, "a new slot");
	for (size_t i = 0; i < ARRAY_SIZE(single); i++) {
		struct bitmap one = { 0 };

		guest_writes(HERE, single[i]);
		put(&one, single[i]);
		report_deciding("DIRTY-01 DIRTY-06");
		log_is(&one, "one page written");
		report_deciding("DIRTY-02");
		log_is(&none, "asked again");
		report_deciding("DIRTY-01 DIRTY-06");
		guest_writes(HERE, single[i]);
		guest_writes(HERE, single[i]);
		log_is(&one, "written twice");
	}
	set(HERE, 0, 0);
}

static void only_read(size_t page)
{
	struct bitmap none = { 0 }, read = { 0 }, log;
	struct outcome o = take_log(&log);

	put(&read, page);
	if (!report_case())
		return;
	if (deviation_of_read_page() && !memcmp(&log, &read, sizeof(log)))
		report_deviation(deviation_of_read_page());
	else
		compare(o, &log, &none, &none, "the guest reads a page that the host has written");
}

static void read_pages(void)
{
	struct bitmap ignored;

	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	worker_read(&worker, HERE + 100 * page_size);
	for (size_t i = 0; i < ARRAY_SIZE(single); i++) {
		*(volatile uint64_t *)(memory + single[i] * page_size) = i;
		/*
		 * Whether what the process itself writes is logged is not said anywhere. s390
		 * does, once the guest has met the slot.
		 */
		take_log(&ignored);
		worker_read(&worker, HERE + single[i] * page_size);
		only_read(single[i]);
	}
	set(HERE, 0, 0);
}

static void many_pages(void)
{
	struct bitmap none = { 0 };

	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	for (size_t step = 1; step < PAGES; step = step * 3 + 1) {
		struct bitmap some = { 0 };

		for (size_t page = step / 2; page < PAGES; page += step) {
			guest_writes(HERE, page);
			put(&some, page);
		}
		report_deciding("DIRTY-01");
		log_is(&some, "every n-th page written");
	}
	report_deciding("DIRTY-02");
	log_is(&none, "asked again");
	set(HERE, 0, 0);
}

/* Pages that were written before a slot got its log anew: the log may have them or not */
static void recreated(void)
{
	struct bitmap none = { 0 }, before = { 0 }, after = { 0 }, both;

	report_deciding("DIRTY-01 DIRTY-07");
	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	guest_writes(HERE, 5);
	put(&before, 5);
	set(HERE, 0, 0);
	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	guest_writes(HERE, 6);
	put(&after, 6);
	both = before;
	put(&both, 6);
	log_between(&after, &both, "deleted and added again, then written");
	log_is(&none, "asked again");

	set(HERE, PAGES * page_size, 0);
	guest_writes(HERE, 5);
	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	guest_writes(HERE, 6);
	log_between(&after, &both, "logging off and on again, then written");
	log_is(&none, "asked again");

	guest_writes(HERE, 5);
	set(THERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	guest_writes(THERE, 6);
	log_between(&after, &both, "moved, then written");
	log_is(&none, "asked again");
	set(THERE, 0, 0);
}

static void refused(void)
{
	int spaces = kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE);
	uint32_t limit = (uint32_t)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	struct kvm_dirty_log nowhere = { .slot = SLOT };
	struct bitmap b;

	set(HERE, PAGES * page_size, 0);
	report_outcome(outcome_error(ENOENT), get(SLOT, &b), "a slot without a log");
	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	report_outcome(outcome_error(ENOENT), get(SLOT + 1, &b), "a slot that is not there");
	report_outcome(outcome_error(ENOENT), get(limit - 1, &b), "the last slot, not there");
	report_outcome(outcome_error(EINVAL), get(limit, &b), "a slot beyond the limit by one");
	report_outcome(outcome_error(EINVAL), get(0xffff, &b), "a slot beyond the limit");
	report_outcome(outcome_error(EINVAL),
		       get((uint32_t)(spaces > 1 ? spaces : 1) << 16 | SLOT, &b),
		       "an address space that is not there");
	report_outcome(outcome_error(EFAULT),
		       outcome_of(ioctl(worker.vm->fd, KVM_GET_DIRTY_LOG, &nowhere)),
		       "a bitmap at NULL");
	set(HERE, 0, 0);
}

/* The guest writes in address space 0; a slot of the same id elsewhere has its own log */
static void address_spaces(void)
{
	struct bitmap none = { 0 }, one = { 0 }, log;
	struct region r = { .slot = 1U << 16 | SLOT,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = HERE,
			    .size = PAGES * page_size,
			    .user = (uintptr_t)memory };
	struct outcome o;

	if (kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE) <= 1) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_MULTI_ADDRESS_SPACE");
		return;
	}
	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	region_case(worker.vm->fd, false, &r, outcome_success(), "in another address space");
	guest_writes(HERE, 65);
	put(&one, 65);
	o = get(r.slot, &log);
	if (report_case())
		compare(o, &log, &none, &none, "the other address space");
	log_is(&one, "address space 0");
	r.size = 0;
	region_case(worker.vm->fd, false, &r, outcome_success(), "deleted there");
	report_outcome(outcome_error(ENOENT), get(r.slot, &log), "the deleted slot's log");
	guest_writes(HERE, 65);
	log_is(&one, "address space 0, written again");
	set(HERE, 0, 0);
}

static struct outcome clear(uint64_t first, uint32_t count, const struct bitmap *b)
{
	struct kvm_clear_dirty_log log = {
		.slot = SLOT,
		.num_pages = count,
		.first_page = first,
		.dirty_bitmap = (void *)b,
	};

	return outcome_of(ioctl(worker.vm->fd, KVM_CLEAR_DIRTY_LOG, &log));
}

static int manual_caps(void)
{
	int caps = kvm_check_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);

	if (caps <= 0)
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	return caps;
}

/* A VM of its own: the capability stays on */
static void with_manual(uint64_t flags, void (*check)(void))
{
	struct worker ordinary = worker;

	worker_create(&worker);
	worker_map(&worker, HERE, PAGES);
	vm_enable_cap(worker.vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, flags);
	set(HERE, PAGES * page_size, KVM_MEM_LOG_DIRTY_PAGES);
	check();
	set(HERE, 0, 0);
	worker_free(&worker);
	worker = ordinary;
}

static void check_manual(void)
{
	struct bitmap some = { 0 }, all = { 0 };
	static const size_t pages[] = { 3, 64, 70, 200 };

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		guest_writes(HERE, pages[i]);
		put(&some, pages[i]);
	}
	report_deciding("DIRTY-02");
	log_is(&some, "written");
	log_is(&some, "asked again: still there");
	report_deciding("DIRTY-04");
	memset(&all, 0xff, sizeof(all));
	report_outcome(outcome_error(EINVAL), clear(1, 64, &all), "first page no multiple of 64");
	report_outcome(outcome_error(EINVAL), clear(0, 63, &all),
		       "number of pages no multiple of 64");
	report_outcome(outcome_error(EINVAL), clear(PAGES, 64, &all), "behind the slot");
	report_outcome(outcome_error(EINVAL), clear(192, 128, &all), "beyond the end of the slot");
	log_is(&some, "nothing cleared");
	report_outcome(outcome_success(), clear(64, 64, &all), "the second 64 pages");
	some.bits[8] = 0;
	log_is(&some, "those cleared, others not");
	guest_writes(HERE, 70);
	put(&some, 70);
	log_is(&some, "written again");
	report_outcome(outcome_success(), clear(0, PAGES, &all), "all");
	log_is(&(struct bitmap){ 0 }, "all cleared");
}

static void manual(void)
{
	if (manual_caps() > 0)
		with_manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, check_manual);
}

static void check_initially_set(void)
{
	struct bitmap all, rest;

	memset(&all, 0xff, sizeof(all));
	rest = all;
	log_is(&all, "a new slot");
	report_outcome(outcome_success(), clear(128, 64, &all), "the third 64 pages");
	memset(rest.bits + 16, 0, 8);
	log_is(&rest, "those cleared");
	guest_writes(HERE, 130);
	put(&rest, 130);
	log_is(&rest, "one of them written");
}

static void initially_set(void)
{
	int caps = manual_caps();

	if (caps > 0 && !(caps & KVM_DIRTY_LOG_INITIALLY_SET))
		report_skip(SKIP_CAPABILITY, "needs KVM_DIRTY_LOG_INITIALLY_SET");
	else if (caps > 0)
		with_manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET,
			    check_initially_set);
}

static const struct line lines[] = {
	{ "single pages, at the borders of words", "DIRTY-01 DIRTY-02 DIRTY-06", each_page },
	{ "pages that the guest only reads", "DIRTY-01", read_pages },
	{ "many pages", "DIRTY-01 DIRTY-02", many_pages },
	{ "slots that are made anew or moved", "DIRTY-01 DIRTY-07", recreated },
	{ "requests that are refused (observed)", "DIRTY-08", refused },
	{ "address spaces have logs of their own", "DIRTY-09", address_spaces },
	{ "manual protection: bits stay until cleared", "DIRTY-02 DIRTY-04", manual },
	{ "all bits initially set", "DIRTY-05", initially_set },
};

int main(int argc, char **argv)
{
	const char *why;
	int status;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	page_size = (uint64_t)getpagesize();
	memory = region_memory(PAGES * page_size);
	worker_create(&worker);
	worker_map(&worker, HERE, PAGES);
	worker_map(&worker, THERE, PAGES);
	status = report_run();
	worker_free(&worker);
	return status;
}
