// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage attributes of s390 (CMMA): set, peeked at, and taken along in a migration.
 *
 * mem_slot/contract.md, CMMA-03 to CMMA-07, MIGR-02, MIGR-04; api.rst,
 * KVM_S390_GET_CMMA_BITS and KVM_S390_SET_CMMA_BITS; devices/vm.rst,
 * KVM_S390_VM_MEM_ENABLE_CMMA, KVM_S390_VM_MEM_CLR_CMMA, KVM_S390_VM_MIGRATION.
 *
 * How it is seen: a model has the value of each page of three slots, two of them adjacent,
 * and which are dirty. Each request is made of the model too: number of values, first
 * page, values, what remains, and the bytes behind them in the buffer are compared.
 *
 * Over 300 lines: one model, and a line for each request that it is held against.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "case/report.h"
#include "compat.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/dirty_log.h"
#include "slot/region.h"
#include "slot/request.h"

#ifdef __s390x__

#define SEGMENT 256U /* pages of a slot */
#define SLOTS 3U
#define PAGES (SLOTS * SEGMENT)
#define HOLE (2 * SEGMENT) /* first page without memory */
#define FAR (4 * SEGMENT)  /* first page of the last slot */
#define TOP (FAR + SEGMENT)
#define MOST KVM_S390_SKEYS_MAX
#define BITS 0x43U /* of a value: two of usage, one of "no DAT" */
#define UNUSED 1U
#define GAP 16U /* so many clean values may be sent along */
#define OTHER 0xee

static struct kvm_vm *vm;
static uint8_t *memory, *buffer; /* MOST values and a page */

/* What KVM has to know of each page */
static struct {
	uint8_t value;
	uint8_t masked;	     /* only what a mask had of it: FIND-27 */
	bool dirty, skipped; /* skipped: it was clean when it was sent along */
} model[PAGES];

static uint64_t gfn_of(uint64_t i)
{
	return i < HOLE ? i : FAR + i - HOLE;
}

/* The page's place in the model, PAGES if it is in no slot */
static uint64_t place_of(uint64_t gfn)
{
	if (gfn < HOLE)
		return gfn;
	return gfn >= FAR && gfn < TOP ? gfn - FAR + HOLE : PAGES;
}

static struct outcome control(unsigned long nr, uint64_t group, uint64_t attr)
{
	struct kvm_device_attr request = { .group = group, .attr = attr };

	return outcome_of(ioctl(vm->fd, nr, &request));
}

static struct outcome mem_control(uint64_t attr)
{
	return control(KVM_SET_DEVICE_ATTR, KVM_S390_VM_MEM_CTRL, attr);
}

static struct outcome migration(uint64_t attr)
{
	return control(KVM_SET_DEVICE_ATTR, KVM_S390_VM_MIGRATION, attr);
}

static void set_slot(uint32_t slot, uint32_t flags)
{
	/* Memory lies the other way round */
	struct region r = { .slot = slot,
			    .flags = flags,
			    .gpa = gfn_of(slot * SEGMENT) * 4096,
			    .size = 1UL << 20,
			    .user = (uintptr_t)memory + (SLOTS - 1 - slot) * (1UL << 20) };

	TEST_ASSERT(!region_set(vm->fd, false, &r).ret, "slot %u", slot);
}

static struct outcome bits(unsigned long nr, struct kvm_s390_cmma_log *log)
{
	return outcome_of(ioctl(vm->fd, nr, log));
}

static struct outcome set_values(uint64_t gfn, uint32_t count, uint64_t mask, const void *values)
{
	struct kvm_s390_cmma_log log = {
		.start_gfn = gfn, .count = count, .mask = mask, .values = (uintptr_t)values
	};

	return bits(KVM_S390_SET_CMMA_BITS, &log);
}

/* A value of its own for each page, and for each @round of them */
static uint8_t value_of(uint64_t i, unsigned int round)
{
	static const uint8_t all[] = { 0x40, 0, 0x41, 2, 0x43, 1, 0x42, 3 };

	return all[(i * 5 + i / 8 + round * 3) % 8];
}

/* Set them and tell the model */
static void give(uint64_t gfn, uint32_t count, uint64_t mask, unsigned int round)
{
	for (uint64_t n = 0; n < count; n++) {
		uint64_t i = place_of(gfn + n);
		uint8_t kept = BITS & (uint8_t)(mask >> 24);

		buffer[n] = value_of(i, round);
		model[i].value = (uint8_t)((model[i].value & ~kept) | (buffer[n] & kept));
		model[i].masked = buffer[n] & kept;
	}
	report_outcome(outcome_success(), set_values(gfn, count, mask, buffer), "set");
}

static void begin(void)
{
	vm = vm_create_barebones();
	memset(model, 0, sizeof(model));
	memory = region_memory(SLOTS << 20);
	memset(memory, 1, SLOTS << 20);
	buffer = region_memory(MOST + 4096);
	if (control(KVM_HAS_DEVICE_ATTR, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA).ret)
		report_skip(SKIP_ARCHITECTURE, "needs a machine with CMMA");
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		set_slot(slot, KVM_MEM_LOG_DIRTY_PAGES);
	if (!report_skipped())
		return;
	kvm_vm_free(vm);
	region_free_memory(memory, SLOTS << 20);
	region_free_memory(buffer, MOST + 4096);
}

static void end(void)
{
	kvm_vm_free(vm);
	region_free_memory(memory, SLOTS << 20);
	region_free_memory(buffer, MOST + 4096);
}

static void enabled(void)
{
	TEST_ASSERT(!mem_control(KVM_S390_VM_MEM_ENABLE_CMMA).ret, "enable CMMA");
	give(0, HOLE, ~0UL, 0);
	give(FAR, SEGMENT, ~0UL, 0);
}

static uint64_t remaining(void)
{
	uint64_t count = 0;

	for (size_t i = 0; i < PAGES; i++)
		count += model[i].dirty;
	return count;
}

/* What a request is to give: @count values from @first on, or one more as kernels are known to */
struct answer {
	uint64_t first, left;
	uint32_t count;
	const char *known; /* the deviation's name */
};

/* Are the values those that a kernel with a known fault gives? Returns its name, or NULL. */
static const char *known_fault(uint64_t first, uint32_t count, uint32_t flags)
{
	bool masked = fault_of_attribute_mask();
	bool skipped = fault_of_clean_attribute() && !(flags & KVM_S390_CMMA_PEEK);

	for (uint32_t n = 0; n < count; n++) {
		uint64_t i = place_of(first + n);

		masked &= buffer[n] == model[i].masked;
		skipped &= buffer[n] == (model[i].skipped ? 0 : model[i].value);
	}
	return masked ? fault_of_attribute_mask() : skipped ? fault_of_clean_attribute() : NULL;
}

/* One case: get @count values from @gfn on */
static void gets(uint64_t gfn, uint32_t count, uint32_t flags, struct answer a, const char *state)
{
	struct kvm_s390_cmma_log log = {
		.start_gfn = gfn, .count = count, .flags = flags, .values = (uintptr_t)buffer
	};
	uint32_t wrong = 0, want = a.count;
	const char *fault = NULL;
	struct outcome o;

	memset(buffer, OTHER, PAGES + 16);
	log.remaining = OTHER;
	o = bits(KVM_S390_GET_CMMA_BITS, &log);
	if (a.known && log.count == want + 1)
		want++;
	while (wrong < want && buffer[wrong] == model[place_of(a.first + wrong)].value)
		wrong++;
	if (wrong < want)
		fault = known_fault(a.first, want, flags);
	if (fault)
		wrong = want;
	if (report_check(
		    o.ret == 0 && log.count == want && (!want || log.start_gfn == a.first) &&
			    log.remaining == a.left && wrong == want && buffer[want] == OTHER,
		    state, "the values of the pages that are due, and what remains",
		    "errno %d, %u values from %#llx, due %u from %#llx; %llu remain, due %llu; "
		    "%u are right, %#x behind them",
		    o.err, log.count, (unsigned long long)log.start_gfn, want,
		    (unsigned long long)a.first, (unsigned long long)log.remaining,
		    (unsigned long long)a.left, wrong, buffer[want])) {
		if (want > a.count)
			report_deviation(a.known);
		if (fault)
			report_fault(fault);
	}
}

static void peek(uint64_t gfn, uint32_t count, uint32_t want, uint64_t left, const char *state)
{
	gets(gfn, count, KVM_S390_CMMA_PEEK, (struct answer){ gfn, left, want, NULL }, state);
}

static void peek_all(uint64_t left, const char *state)
{
	peek(0, HOLE, HOLE, left, state);
	peek(FAR, SEGMENT, SEGMENT, left, state);
}

static bool is_dirty(uint64_t gfn)
{
	return place_of(gfn) < PAGES && model[place_of(gfn)].dirty;
}

/* How many are due from @first, which is dirty: up to the last dirty one before a gap */
static uint32_t due(uint64_t first, uint32_t count)
{
	uint32_t last = 0;

	for (uint32_t n = 0; n < count && n - last <= GAP + 1 && place_of(first + n) < PAGES; n++)
		if (is_dirty(first + n))
			last = n;
	return last + 1;
}

/* Is there a dirty page behind those @due, which would have been due but for the gap? */
static bool ends_in_a_gap(uint64_t first, uint32_t due, uint32_t count)
{
	if (due == 1 || place_of(first + due) == PAGES)
		return false;
	for (uint32_t n = due; n < count; n++)
		if (is_dirty(first + n))
			return true;
	return false;
}

/* One case: get in migration mode, which makes clean what it reports */
static void take(uint64_t gfn, uint32_t count, const char *state)
{
	struct answer a = { .first = gfn < TOP ? gfn : 0 }; /* from the top it begins anew */

	while (a.first < TOP && !is_dirty(a.first))
		a.first++;
	if (a.first < TOP)
		a.count = due(a.first, count);
	if (a.count && ends_in_a_gap(a.first, a.count, count))
		a.known = deviation_of_clean_value();
	for (uint32_t n = 0; n < a.count; n++) {
		uint64_t i = place_of(a.first + n);

		model[i].skipped = !model[i].dirty;
		model[i].dirty = false;
	}
	a.left = remaining();
	gets(gfn, count, 0, a, state);
}

static void starts(void)
{
	report_outcome(outcome_success(), migration(KVM_S390_VM_MIGRATION_START),
		       "start of migration mode");
}

static void all_dirty(void)
{
	starts();
	for (size_t i = 0; i < PAGES; i++)
		model[i].dirty = true;
}

/* ------------------------------------------------------------------ set */

/* A mask has bits for values alone: storage keys are none (PoP, chapter 3, "Storage Key") */
static void keys_stay(uint64_t gfn, uint64_t mask)
{
	uint8_t keys[16], found[16];
	struct kvm_s390_skeys set = { .start_gfn = gfn,
				      .count = ARRAY_SIZE(keys),
				      .skeydata_addr = (uintptr_t)keys },
			      get = set;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		keys[i] = (uint8_t)(i << 4 | 0xe);
	get.skeydata_addr = (uintptr_t)found;
	TEST_ASSERT(!ioctl(vm->fd, KVM_S390_SET_SKEYS, &set), "storage keys");
	give(gfn, ARRAY_SIZE(keys), mask, 9);
	TEST_ASSERT(!ioctl(vm->fd, KVM_S390_GET_SKEYS, &get), "storage keys");
	report_check(!memcmp(keys, found, sizeof(keys)), "values set under a mask",
		     "the storage keys are as they were", "of the first page %#04x", found[0]);
}

static void masks(void)
{
	static const uint64_t mask[] = { 0,	     0x01000000, 0x02000000, 0x03000000,
					 0x40000000, 0x43000000, ~0UL,	     ~0x43000000UL };

	enabled();
	peek_all(0, "all pages set");
	for (unsigned int n = 0; n < ARRAY_SIZE(mask); n++) {
		give(3, 7, mask[n], n + 1);
		give(SEGMENT - 20, 50, mask[n], n + 2);
		give(FAR, 1, mask[n], n + 3);
		give(TOP - 9, 9, mask[n], n + 4);
		peek_all(0, "some of them set under a mask");
	}
	keys_stay(0, ~0UL);
	keys_stay(16, ~0x43000000UL);
}

static void refused(uint64_t gfn, uint32_t count, uint32_t flags, const void *values, int err,
		    const char *state)
{
	struct kvm_s390_cmma_log log = { .start_gfn = gfn,
					 .count = count,
					 .flags = flags,
					 .mask = ~0UL,
					 .values = (uintptr_t)values };

	report_outcome(err ? outcome_error(err) : outcome_success(),
		       bits(KVM_S390_SET_CMMA_BITS, &log), state);
}

static void set_refused(void)
{
	uint8_t *other = buffer + MOST;

	enabled();
	/* Values that no page has; none of them may get to one */
	memset(buffer, 0x80, MOST);
	for (uint32_t flag = 1; flag; flag <<= 1)
		refused(0, 8, flag, buffer, EINVAL, "a flag");
	refused(0, MOST + 1, 0, buffer, EINVAL, "one value more than there may be");
	refused(0, 0xffffffff, 0, buffer, EINVAL, "2^32 - 1 values");
	refused(HOLE, MOST, 0, buffer, EFAULT, "as many values as there may be, and no slot");
	refused(HOLE, 1, 0, buffer, EFAULT, "a page behind a slot");
	refused(FAR - 1, 2, 0, buffer, EFAULT, "a page before a slot, and its first");
	refused(TOP, 1, 0, buffer, EFAULT, "a page behind the last slot");
	refused(1UL << 52, 1, 0, buffer, EFAULT, "a page beyond all");
	refused(0, 8, 0, NULL, EFAULT, "values at NULL");
	refused(0, 0, 0, buffer, 0, "no value");
	refused(HOLE, 0, 0, NULL, 0, "no value, of no page, at no address");
	TEST_ASSERT(!mprotect(other, 4096, PROT_NONE), "mprotect");
	refused(0, 8, 0, other - 7, EFAULT, "values of which the last cannot be read");
	TEST_ASSERT(!mprotect(other, 4096, PROT_READ | PROT_WRITE), "mprotect");
	report_outcome(outcome_error(EFAULT),
		       outcome_of(ioctl(vm->fd, KVM_S390_SET_CMMA_BITS, NULL)),
		       "a request at NULL");
	peek_all(0, "after requests that are refused");
	/* Those before the hole get what they have */
	for (uint64_t n = 0; n < 8; n++)
		buffer[n] = model[HOLE - 8 + n].value;
	refused(HOLE - 8, 9, 0, buffer, EFAULT, "across the end of a slot");
	peek_all(0, "after it");
}

/* ------------------------------------------------------------------ peek */

static void peek_refused(uint64_t gfn, uint32_t count, uint32_t flags, void *values, int err,
			 const char *state)
{
	struct kvm_s390_cmma_log log = {
		.start_gfn = gfn, .count = count, .flags = flags, .values = (uintptr_t)values
	};

	report_outcome(outcome_error(err), bits(KVM_S390_GET_CMMA_BITS, &log), state);
}

static void peek_each(uint64_t left)
{
	static const struct {
		uint64_t gfn;
		uint32_t count, want;
	} each[] = {
		{ 0, 1, 1 },
		{ 1, 2, 2 },
		{ 255, 1, 1 },
		{ 255, 2, 2 },
		{ 300, 100, 100 },
		{ HOLE - 1, 1, 1 },
		{ HOLE - 1, 2, 1 },
		{ 0, HOLE + 1, HOLE },
		{ 0, MOST, HOLE },
		{ 0, 0xffffffff, HOLE },
		{ FAR, SEGMENT, SEGMENT },
		{ FAR, SEGMENT + 1, SEGMENT },
		{ TOP - 1, 5, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		peek(each[i].gfn, each[i].count, each[i].want, left, "peek");
	peek(0, 0, 0, 0, "peek at nothing");
}

static void peeks(void)
{
	uint8_t *other = buffer + MOST;

	enabled();
	peek_each(0);
	for (uint32_t flag = 2; flag; flag <<= 1) {
		peek_refused(0, 8, flag, buffer, EINVAL, "an undefined flag");
		peek_refused(0, 8, flag | KVM_S390_CMMA_PEEK, buffer, EINVAL,
			     "an undefined flag beside KVM_S390_CMMA_PEEK");
	}
	peek_refused(HOLE, 8, KVM_S390_CMMA_PEEK, buffer, EFAULT, "peek behind a slot");
	peek_refused(FAR - 1, 8, KVM_S390_CMMA_PEEK, buffer, EFAULT, "peek before a slot");
	peek_refused(TOP, 8, KVM_S390_CMMA_PEEK, buffer, EFAULT, "peek behind all slots");
	peek_refused(0, 8, KVM_S390_CMMA_PEEK, NULL, EFAULT, "peek to NULL");
	TEST_ASSERT(!mprotect(other, 4096, PROT_READ), "mprotect");
	peek_refused(0, 8, KVM_S390_CMMA_PEEK, other - 7, EFAULT, "peek to the end of a buffer");
	TEST_ASSERT(!mprotect(other, 4096, PROT_READ | PROT_WRITE), "mprotect");
	all_dirty();
	peek_each(PAGES);
	peek_all(PAGES, "in migration mode");
	take(5, 3, "what was peeked at is dirty");
	peek_each(PAGES - 3);
}

/* ------------------------------------------------------------------ get */

static void taken(void)
{
	static const struct {
		uint64_t gfn;
		uint32_t count;
		const char *what;
	} each[] = {
		{ 10, 5, "the first of all" },
		{ 0, 4, "before them" },
		{ 2, 20, "across a few that are clean" },
		{ 12, 1, "from a clean one on" },
		{ 100, 15, "15 in the middle" },
		{ 90, 40, "across 15 clean ones" },
		{ 160, 16, "16 in the middle" },
		{ 150, 40, "across 16 clean ones" },
		{ 60, 17, "17 in the middle" },
		{ 50, 40, "up to 17 clean ones" },
		{ 82, 3, "after them, with a gap" },
		{ 77, 8, "a clean end is not sent" },
		{ 250, 20, "from slot to slot" },
		{ 240, 40, "from slot to slot, around clean ones" },
		{ HOLE - 7, 50, "up to the end of a slot" },
		{ HOLE - 3, 8, "behind it, the next slot" },
		{ HOLE + 9, 1, "from a place without memory" },
		{ TOP - 6, 64, "up to the end of memory" },
		{ TOP, 2, "from the end of memory" },
		{ TOP + 1000, 2, "from behind all memory" },
	};
	struct kvm_s390_cmma_log log = { .values = (uintptr_t)buffer };

	enabled();
	all_dirty();
	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		take(each[i].gfn, each[i].count, each[i].what);
	report_outcome(outcome_success(), bits(KVM_S390_GET_CMMA_BITS, &log), "get no value");
	/* All the rest, as a migration does */
	for (unsigned int n = 0; n < PAGES && remaining(); n++)
		take(0, 64, "the rest");
	take(0, 64, "nothing is dirty");
	take(300, 64, "nothing is dirty, from the middle");
	peek_all(0, "in the end");
}

static void get_refused(void)
{
	enabled();
	peek_refused(0, 8, 0, buffer, EINVAL, "not in migration mode");
	all_dirty();
	for (uint32_t flag = 2; flag; flag <<= 1)
		peek_refused(0, 8, flag, buffer, EINVAL, "an undefined flag");
	take(20, 8, "after requests that are refused");
	set_slot(1, 0);
	peek_refused(0, 8, 0, buffer, EINVAL, "a slot without a log has ended it");
	peek_all(0, "peek does not need it");
	set_slot(1, KVM_MEM_LOG_DIRTY_PAGES);
	peek_refused(0, 8, 0, buffer, EINVAL, "the slot has a log again");
	all_dirty();
	take(20, 8, "started again, all are dirty");
	report_outcome(outcome_success(), migration(KVM_S390_VM_MIGRATION_STOP), "stop");
	peek_refused(0, 8, 0, buffer, EINVAL, "stopped");
	starts();
	peek_refused(0, 8, 0, NULL, EFAULT, "to NULL");
}

/* ------------------------------------------------------------------ mode */

static void dirty_again(void)
{
	struct dirty_log log = { vm->fd, 1, SEGMENT };
	struct pages found = pages_none(SEGMENT);
	uint8_t byte = 1;
	int why;

	enabled();
	all_dirty();
	take(0, 100, "some are clean");
	starts();
	take(150, 100, "started when it was on: these stay clean");
	request_move(vm->fd, true, (SEGMENT + 60) * 4096UL, &byte, 1, &why);
	report_outcome(outcome_success(), dirty_get(&log, &found), "the dirty log is read");
	take(250, 100, "it is another one");
	report_outcome(outcome_success(), migration(KVM_S390_VM_MIGRATION_STOP), "stop");
	all_dirty();
	take(120, 64, "stopped and started: all are dirty");
	pages_free(&found);
}

static void needs_logs(void)
{
	enabled();
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		set_slot(slot, 0);
		report_outcome(outcome_error(EINVAL), migration(KVM_S390_VM_MIGRATION_START),
			       "start with a slot that has no log");
		peek_refused(0, 8, 0, buffer, EINVAL, "it is not on");
		set_slot(slot, KVM_MEM_LOG_DIRTY_PAGES);
	}
	all_dirty();
	take(0, 100, "all have one");
}

/* One case: the last four pages of a slot, and four behind it of memory that nobody has touched */
static void untouched_values(uint32_t flags, const char *state)
{
	struct kvm_s390_cmma_log log = {
		.start_gfn = HOLE - 4, .count = 8, .flags = flags, .values = (uintptr_t)buffer
	};
	struct outcome o = bits(KVM_S390_GET_CMMA_BITS, &log);
	/* A migration need not send what nobody has touched: 6.12 does, 7.2 does not */
	bool right = log.count == 8 || (log.count == 4 && !(flags & KVM_S390_CMMA_PEEK));

	for (unsigned int i = 0; i < 8 && i < log.count; i++)
		right &= buffer[i] == (i < 4 ? model[HOLE - 4 + i].value : 0);
	report_check(!o.ret && log.start_gfn == HOLE - 4 && right, state,
		     "four values, and four of 0", "errno %d, %u values, the last is %#x", o.err,
		     log.count, buffer[7]);
}

static void untouched(void)
{
	uint8_t *fresh = region_memory(2UL << 20);
	struct region r = { .slot = SLOTS,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = HOLE * 4096UL,
			    .size = 1UL << 20,
			    .user = (uintptr_t)fresh };

	enabled();
	give(HOLE - 4, 4, ~0UL, 4);
	region_case(vm->fd, false, &r, outcome_success(), "a slot of memory that nobody has");
	untouched_values(KVM_S390_CMMA_PEEK, "peek");
	starts();
	untouched_values(0, "get");
	r.size = 0;
	region_case(vm->fd, false, &r, outcome_success(), "deleted");
	region_free_memory(fresh, 2UL << 20);
}

static void enable_and_reset(void)
{
	uint8_t any = 0;

	report_outcome(outcome_error(EINVAL), mem_control(KVM_S390_VM_MEM_CLR_CMMA),
		       "reset what is not enabled");
	report_outcome(outcome_success(), mem_control(KVM_S390_VM_MEM_ENABLE_CMMA), "enable");
	report_outcome(outcome_success(), mem_control(KVM_S390_VM_MEM_ENABLE_CMMA), "enable again");
	report_outcome(
		outcome_error(ENXIO),
		control(KVM_GET_DEVICE_ATTR, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA),
		"read whether it is enabled");
	give(0, HOLE, ~0UL, 0);
	give(FAR, SEGMENT, ~0UL, 0);
	__vm_vcpu_add(vm, 0);
	report_outcome(outcome_error(EBUSY), mem_control(KVM_S390_VM_MEM_ENABLE_CMMA),
		       "enable with a vCPU");
	peek_all(0, "after that");
	report_outcome(outcome_success(), mem_control(KVM_S390_VM_MEM_CLR_CMMA), "reset");
	for (uint64_t i = 0; i < PAGES; i += SEGMENT) {
		struct kvm_s390_cmma_log log = { .start_gfn = gfn_of(i),
						 .count = SEGMENT,
						 .flags = KVM_S390_CMMA_PEEK,
						 .values = (uintptr_t)buffer };

		report_outcome(outcome_success(), bits(KVM_S390_GET_CMMA_BITS, &log), "peek");
		for (size_t n = 0; n < SEGMENT; n++)
			any |= (buffer[n] & 3) == UNUSED;
	}
	report_check(!any, "reset", "no page is unused", "some are");
	any = 0;
	for (size_t i = 0; i < SLOTS << 20; i += 4096)
		any |= memory[i] != 1;
	report_check(!any, "reset", "memory is as it was", "it is not");
}

static void enabled_too_late(void)
{
	struct kvm_s390_cmma_log log = { .count = 8, .values = (uintptr_t)buffer };

	__vm_vcpu_add(vm, 0);
	report_outcome(outcome_error(EBUSY), mem_control(KVM_S390_VM_MEM_ENABLE_CMMA),
		       "enable with a vCPU");
	report_outcome(outcome_error(EINVAL), mem_control(KVM_S390_VM_MEM_CLR_CMMA), "reset");
	report_outcome(outcome_error(ENXIO), bits(KVM_S390_GET_CMMA_BITS, &log), "get");
	report_outcome(outcome_error(ENXIO), bits(KVM_S390_SET_CMMA_BITS, &log), "set");
}

static struct outcome ask_for_huge_pages(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_HPAGE_1M };

	return outcome_of(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
}

/* api.rst, KVM_CAP_S390_HPAGE_1M: which errno CMMA has then it does not say (observed) */
static void or_huge_pages(void)
{
	struct kvm_s390_cmma_log log = { .count = 8, .values = (uintptr_t)buffer };
	struct outcome with_pages;
	const char *fault;

	if (kvm_check_cap(KVM_CAP_S390_HPAGE_1M) <= 0) {
		report_skip(SKIP_CAPABILITY,
			    "needs KVM_CAP_S390_HPAGE_1M (module parameter hpage=1)");
		return;
	}
	enabled();
	report_outcome(outcome_error(EINVAL), ask_for_huge_pages(), "huge pages with CMMA");
	peek_all(0, "after that");
	end();
	begin();
	report_outcome(outcome_success(), ask_for_huge_pages(), "huge pages");
	with_pages = mem_control(KVM_S390_VM_MEM_ENABLE_CMMA);
	fault = fault_of_attributes_and_huge_pages(with_pages);
	if (fault) {
		if (report_case())
			report_fault(fault);
		return;
	}
	report_outcome(outcome_error(EINVAL), with_pages, "CMMA with huge pages");
	report_outcome(outcome_error(ENXIO), bits(KVM_S390_GET_CMMA_BITS, &log), "get");
}

/*
 * The bitmap of a slot of 128 MiB fills pages: what is kept behind it needs room of its own. Its
 * values are set first: nobody has to send those that pages begin with, as line 8 has it.
 */
static void large_slot(void)
{
	const uint64_t size = 128UL << 20;
	struct region r = {
		.slot = SLOTS, .flags = KVM_MEM_LOG_DIRTY_PAGES, .gpa = size, .size = size
	};
	struct kvm_s390_cmma_log log = { .start_gfn = size / 4096,
					 .count = 8,
					 .values = (uintptr_t)buffer };
	struct outcome o;

	enabled();
	r.user = (uintptr_t)region_memory(size);
	TEST_ASSERT(!region_set(vm->fd, false, &r).ret, "the large slot");
	for (uint64_t n = 0; n < size / 4096; n++)
		buffer[n] = value_of(n, 0);
	TEST_ASSERT(!set_values(size / 4096, size / 4096, ~0UL, buffer).ret, "its values");
	report_deciding("MIGR-04");
	starts();
	report_deciding("CMMA-05");
	o = bits(KVM_S390_GET_CMMA_BITS, &log);
	report_check(!o.ret && log.start_gfn == size / 4096 && log.count == 8 &&
			     log.remaining == PAGES + size / 4096 - 8,
		     "a slot of 128 MiB", "eight values from its first page, the rest remain",
		     "errno %d, %u values from %#llx; %llu remain", o.err, log.count,
		     (unsigned long long)log.start_gfn, (unsigned long long)log.remaining);
	r.size = 0;
	region_set(vm->fd, false, &r);
	region_free_memory((uint8_t *)(uintptr_t)r.user, size);
}

static const struct line lines[] = {
	{ "values are set as the mask says", "CMMA-03", masks },
	{ "values that are not set", "CMMA-03", set_refused },
	{ "values are peeked at", "CMMA-04", peeks },
	{ "a migration gets each dirty value once", "CMMA-05", taken },
	{ "values that are not got", "CMMA-02", get_refused },
	{ "all values are dirty when migration mode starts", "MIGR-04", dirty_again },
	{ "migration mode needs a dirty log of every slot", "MIGR-02", needs_logs },
	{ "pages that nobody has touched have no attributes (observed)", "CMMA-04", untouched },
	{ "CMMA is enabled, and its state reset", "CMMA-06", enable_and_reset },
	{ "CMMA is not enabled once there is a vCPU", "CMMA-06", enabled_too_late },
	{ "all values of a slot of 128 MiB are dirty when migration mode starts", "MIGR-04 CMMA-05",
	  large_slot },
	{ "CMMA is for a VM without huge pages", "CMMA-07", or_huge_pages },
};

int main(int argc, char **argv)
{
	const char *why;

	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(kvm_check_cap(KVM_CAP_S390_CMMA_MIGRATION) > 0, SKIP_CAPABILITY,
		    "KVM_CAP_S390_CMMA_MIGRATION");
	report_around(begin, end);
	return report_run();
}

#else

static void nothing(void)
{
}

static const struct line lines[] = { { "storage attributes of s390", "CMMA-03", nothing } };

int main(int argc, char **argv)
{
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(false, SKIP_ARCHITECTURE, "s390x");
	return report_run();
}

#endif
