// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots, dirty logs and attributes of a VM's memory with anything in every field.
 *
 * mem_slot/contract.md, SLOT-25, SLOT-26 and what each line names; api.rst,
 * KVM_SET_USER_MEMORY_REGION, KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG, KVM_SET_DEVICE_ATTR;
 * devices/vm.rst; ioctl(2).
 *
 * How it is seen: requests are drawn from --seed, with edges (0, all ones, powers of two and
 * what is beside them) in each field; they lie anywhere, at the end of what can be read, across
 * it, read-only or nowhere, and some are made on another file. A model has the slots, the
 * oracle says what each request may come to. Where slots really are is asked of KVM every
 * few requests, all memory behind them is compared, and so are all bytes around requests and
 * bitmaps. In the last line another thread takes both away while KVM uses them.
 *
 * Over 300 lines: one generator and one comparison for each of three kinds of requests.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "case/bytes.h"
#include "case/report.h"
#include "compat.h"
#include "fuzz/fuzz.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/region.h"
#include "slot/request.h"

#define PLACES 12U /* units of guest storage, of the process's memory, and the most slots */
#define BITMAP 64U /* bytes, of the longest slot's */

static struct {
	struct kvm_vm *vm;
	struct fuzz_files files;
	struct fuzz_memory requests, bitmaps;
	uint8_t *memory;
	uint64_t unit, page;
	int kvm;
} host;

/* The model: slots that are there */
static struct raw_slot slot[PLACES];
static struct raw_slots model = { .slot = slot };

static uint64_t limit(void)
{
	uint64_t value = 0;

	return region_limit(host.vm->fd, KVM_GET_DEVICE_ATTR, &value).ret ? UINT64_MAX : value;
}

static void begin(void)
{
	host.vm = vm_create_barebones();
	host.kvm = open_kvm_dev_path_or_exit();
	host.files = fuzz_files(host.vm->fd, host.kvm);
	host.requests = fuzz_memory(3000);
	host.bitmaps = fuzz_memory(3000);
	host.memory = region_memory(PLACES * host.unit);
	for (uint64_t i = 0; i < PLACES; i++)
		bytes_copy(host.memory + i * host.unit, bytes_rest(i * 64), host.page);
	model.count = 0;
	model.page = host.page;
	model.unit = host.unit;
	model.top = limit();
	/* How many guest addresses another machine has is not told */
	model.surely = model.top == UINT64_MAX ? 1UL << 32 : model.top;
	model.no_user = 1UL << 63;
	model.limit = (uint32_t)kvm_check_cap(KVM_CAP_NR_MEMSLOTS);
	model.spaces = (uint32_t)kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE);
	model.spaces += !model.spaces;
	model.manual_log = kvm_check_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) > 0;
	model.flags = KVM_MEM_LOG_DIRTY_PAGES;
	if (kvm_check_cap(KVM_CAP_READONLY_MEM) > 0)
		model.flags |= KVM_MEM_READONLY;
}

/* One case: no byte of the memory behind slots has changed */
static void end(void)
{
	if (report_case()) {
		report_decided("SLOT-26");
		for (uint64_t i = 0; i < PLACES; i++)
			if (bytes_differ(host.memory + i * host.unit, bytes_rest(i * 64),
					 host.page) >= 0)
				report_wrong("all requests", "no byte of the memory changes",
					     "unit %u has another", (unsigned int)i);
	}
	fuzz_files_close(&host.files);
	close(host.kvm);
	kvm_vm_free(host.vm);
	region_free_memory(host.memory, PLACES * host.unit);
	fuzz_memory_free(&host.requests);
	fuzz_memory_free(&host.bitmaps);
}

/* ------------------------------------------------------------------ slots */

static uint32_t id_drawn(struct draw *d)
{
	if (draw_one_in(d, 8))
		return (uint32_t)draw_edge(d, 32);
	return draw_one_in(d, 12) ? model.limit - 1 + (uint32_t)draw_below(d, 2)
				  : (uint32_t)draw_below(d, 6);
}

/* Of few units, or what cannot be: a size that could be and is huge would cost its bitmap */
static uint64_t size_drawn(struct draw *d)
{
	uint64_t edge = draw_edge(d, 64);

	if (draw_one_in(d, 4))
		return 0;
	if (draw_one_in(d, 8) && (edge % host.page || edge / host.page >= 1UL << 31))
		return edge;
	return (1 + draw_below(d, 3)) * host.unit;
}

static struct raw_slot drawn(struct draw *d)
{
	struct raw_slot r = {
		.id = id_drawn(d),
		.flags = draw_one_in(d, 8)
				 ? (uint32_t)draw_edge(d, 32) & ~(uint32_t)KVM_MEM_GUEST_MEMFD
				 : (uint32_t)draw_below(d, 2),
		.gpa = draw_one_in(d, 10) ? draw_edge(d, 64) : draw_below(d, PLACES) * host.unit,
		.size = size_drawn(d),
		.user = (uintptr_t)host.memory + draw_below(d, PLACES - 2) * host.unit,
	};
	const struct raw_slot *old = raw_slot_of(&model, r.id);

	/* FIND-30: what begins within a unit is taken, and is nowhere */
	if (fault_of_unaligned_slot() && !(r.gpa % host.page))
		r.gpa &= -host.unit;
	/* Most changes of a slot are refused for its size or address: one in two keeps both */
	if (old && r.size && draw_one_in(d, 2)) {
		r.size = old->size;
		r.user = old->user;
	}
	/* DEV-03: on s390 an address that no process has is as good as any */
	if (draw_one_in(d, 16) && !deviation_of_user_address(outcome_success()))
		r.user = 1UL << 63 | draw_edge(d, 63);
	else if (draw_one_in(d, 16))
		r.user += 1 + draw_below(d, host.page - 1);
	return r;
}

/* The request took place: so it does in the model */
static void take(const struct raw_slot *r)
{
	for (size_t i = 0; i < model.count; i++)
		if (slot[i].id == r->id) {
			slot[i] = r->size ? *r : slot[--model.count];
			return;
		}
	slot[model.count++] = *r;
}

static bool there(uint64_t gpa)
{
	for (size_t i = 0; i < model.count; i++)
		if (!(slot[i].id >> 16) && gpa - slot[i].gpa < slot[i].size)
			return true;
	return false;
}

static uint64_t user_of(uint64_t gpa)
{
	for (size_t i = 0; i < model.count; i++)
		if (!(slot[i].id >> 16) && gpa - slot[i].gpa < slot[i].size)
			return slot[i].user + (gpa - slot[i].gpa);
	return 0;
}

/* One case: each unit of guest storage is in the slot it is to be in, or in none */
static void look(const struct fuzz *f)
{
	uint8_t found[8];

	if (!request_there() || !report_case())
		return;
	report_decided("SLOT-17");
	for (uint64_t n = 0; n < PLACES; n++) {
		int why = 0;
		enum request_result is =
			request_move(host.vm->fd, false, n * host.unit, found, sizeof(found), &why);
		enum request_result due = there(n * host.unit) ? REQUEST_DONE : REQUEST_ABSENT;
		const void *bytes = (const void *)(uintptr_t)user_of(n * host.unit);

		if (is != due || (bytes && bytes_differ(found, bytes, sizeof(found)) >= 0)) {
			fuzz_wrong(f, "where slots are after a request", "the slots of the model",
				   "unit %u: %s (%d)", (unsigned int)n,
				   is == due		  ? "other memory"
				   : is == REQUEST_ABSENT ? "none"
							  : "one",
				   why);
			return;
		}
	}
}

static void region_case_of(struct fuzz *f)
{
	struct raw_slot r = drawn(&f->draw);
	bool second = region_has_second() && draw_one_in(&f->draw, 2);
	/* Both begin alike; the second one's rest has no meaning without its flag */
	uint64_t words[20] = { (uint64_t)r.id << 32 | r.flags, r.gpa, r.size, r.user };
	struct kvm_userspace_memory_region head = { .slot = r.id,
						    .flags = r.flags,
						    .guest_phys_addr = r.gpa,
						    .memory_size = r.size,
						    .userspace_addr = r.user };
	struct fuzz_call call = { .nr = KVM_SET_USER_MEMORY_REGION,
				  .request = words,
				  .raw.unreadable = "SLOT-21" };
	struct answers a;
	char text[200];

	for (size_t i = 4; i < ARRAY_SIZE(words); i++)
		words[i] = draw_edge(&f->draw, 64);
	bytes_copy(words, &head, sizeof(head));
#ifdef KVM_SET_USER_MEMORY_REGION2
	if (second)
		call.nr = KVM_SET_USER_MEMORY_REGION2;
#endif
	if (model.count == PLACES)
		r.size = words[2] = 0;
	fuzz_lay(&call, f, &host.requests);
	if (!contract_raw(&call.raw, false, &a))
		contract_region(&model, &r, &a);
	snprintf(text, sizeof(text), "%s slot %#x flags %#x gpa %#llx size %#llx user %#llx",
		 second ? "REGION2" : "REGION", r.id, r.flags, (unsigned long long)r.gpa,
		 (unsigned long long)r.size, (unsigned long long)r.user);
	fuzz_issue(&call, &host.files);
	if (!call.outcome.ret)
		take(&r);
	fuzz_judge(f, &call, &a, NULL, text);
	if (f->number % 16 == 0)
		look(f);
}

static void regions(void)
{
	for (struct fuzz f = fuzz_begin(1, 300); fuzz_next(&f);)
		region_case_of(&f);
}

/* ------------------------------------------------------------------ dirty logs */

/* Slots of one to three units; the last has no log */
static void log_slots(void)
{
	uint64_t at = 0;

	for (uint32_t id = 0; id < 4; at += id + 1, id++) {
		uint64_t units = id < 3 ? id + 1 : 1;
		struct raw_slot r = { .id = id,
				      .flags = id < 3 ? KVM_MEM_LOG_DIRTY_PAGES : 0,
				      .gpa = at * host.unit,
				      .size = units * host.unit,
				      .user = (uintptr_t)host.memory + at * host.unit };
		struct region region = {
			.slot = id, .flags = r.flags, .gpa = r.gpa, .size = r.size, .user = r.user
		};

		TEST_ASSERT(!region_set(host.vm->fd, false, &region).ret, "slot %u", id);
		take(&r);
	}
}

/* What is behind a bitmap's slot stays; what of it is filled is any, but for pages that there are
 * not */
static void log_case(struct fuzz *f, bool get)
{
	struct fuzz_place map =
		fuzz_place(&host.bitmaps, &f->draw, 3 * host.unit / host.page / 8 + 8, 3);
	struct user_area area = { map.readable, map.writable };
	struct kvm_clear_dirty_log clear = {
		.slot = id_drawn(&f->draw),
		.num_pages = (uint32_t)(draw_one_in(&f->draw, 4) ? draw_edge(&f->draw, 32)
								 : draw_below(&f->draw, 9) * 64),
		.first_page = draw_one_in(&f->draw, 4) ? draw_edge(&f->draw, 64)
						       : draw_below(&f->draw, 9) * 64,
		.dirty_bitmap = map.user,
	};
	struct kvm_dirty_log log = { .slot = clear.slot, .dirty_bitmap = map.user };
	struct fuzz_call call = { .nr = get ? KVM_GET_DIRTY_LOG : KVM_CLEAR_DIRTY_LOG,
				  .request = get ? (const void *)&log : &clear,
				  .raw.unreadable = "SLOT-21" };
	const struct raw_slot *of = raw_slot_of(&model, clear.slot);
	size_t due = of && get ? (of->size / host.page + 63) / 64 * 8 : 0;
	struct answers a;
	char text[160];

	log.padding1 = (uint32_t)draw_next(&f->draw);
	fuzz_lay(&call, f, &host.requests);
	fuzz_fill(&map, bytes_inverted(0));
	/* Where there is no such request nobody looks at it */
	call.raw.readable |= !get && !model.manual_log;
	if (!contract_raw(&call.raw, false, &a)) {
		if (get)
			contract_get_log(&model, log.slot, area, &a);
		else
			contract_clear_log(&model, clear.slot, clear.first_page, clear.num_pages,
					   area, &a);
	}
	snprintf(text, sizeof(text), "%s slot %#x first_page %#llx num_pages %#x, %zu bytes usable",
		 get ? "GET_DIRTY_LOG" : "CLEAR_DIRTY_LOG", clear.slot,
		 (unsigned long long)clear.first_page, clear.num_pages,
		 get ? area.writable : area.readable);
	fuzz_issue(&call, &host.files);
	if (!fuzz_judge(f, &call, &a, NULL, text)) {
		fuzz_changed(&map, NULL);
		return;
	}
	/* Behind the last page's byte */
	if (call.outcome.ret || !get)
		due = get && call.outcome.err == EFAULT ? map.readable : 0;
	if (map.alias && due < map.readable &&
	    bytes_differ(map.alias + due, bytes_inverted(due), map.readable - due) >= 0)
		fuzz_wrong(f, text, "only the bitmap of the slot is written",
			   "bytes behind it are");
	if (fuzz_changed(&map, NULL) != LONG_MIN)
		fuzz_wrong(f, text, "bytes around the bitmap stay", "one has changed");
}

static void logs(void)
{
	log_slots();
	for (struct fuzz f = fuzz_begin(2, 400); fuzz_next(&f);)
		log_case(&f, !draw_one_in(&f.draw, 3));
}

/* ------------------------------------------------------------------ attributes */

#ifdef __s390x__

static struct raw_attributes attributes;

/* Limits that are refused, or are the machine's: FIND-11 and FIND-12 are of those that are lower */
static uint64_t limit_drawn(struct draw *d)
{
	uint64_t edge = draw_edge(d, 64);

	if (attributes.vcpu || edge > model.top)
		return edge == UINT64_MAX ? 0 : edge; /* FIND-16: of what is no limit */
	return draw_one_in(d, 2) ? model.top : 0;
}

static struct kvm_device_attr attribute_drawn(struct draw *d, enum raw_verb verb)
{
	static const uint32_t groups[] = { RAW_MEM_CTRL, RAW_MIGRATION };
	struct kvm_device_attr r = {
		.group = draw_one_in(d, 8) ? (uint32_t)draw_edge(d, 32) : groups[draw_below(d, 2)],
		.attr = draw_one_in(d, 6) ? draw_edge(d, 64) : draw_below(d, 4),
	};

	/* Time, CPU model, crypto and topology are nobody's here */
	if (r.group != RAW_MEM_CTRL && r.group != RAW_MIGRATION && r.group < 64)
		r.group += 64;
	/* FIND-13: migration mode starts without a log */
	if (verb == RAW_SET && r.group == RAW_MIGRATION && r.attr == RAW_START &&
	    !attributes.all_logged)
		r.attr = RAW_STOP;
	return r;
}

static void attribute_case(struct fuzz *f)
{
	static const unsigned long nrs[] = { [RAW_HAS] = KVM_HAS_DEVICE_ATTR,
					     [RAW_GET] = KVM_GET_DEVICE_ATTR,
					     [RAW_SET] = KVM_SET_DEVICE_ATTR };
	enum raw_verb verb = (enum raw_verb)draw_below(&f->draw, 3);
	struct kvm_device_attr r = attribute_drawn(&f->draw, verb);
	uint64_t value = limit_drawn(&f->draw);
	struct fuzz_place at = fuzz_place(&host.bitmaps, &f->draw, sizeof(value), 3);
	struct fuzz_call call = { .nr = nrs[verb], .request = &r, .raw.unreadable = "SLOT-21" };
	struct user_area area = { at.readable, at.writable };
	const char *known = NULL;
	struct answers a;
	char text[160];

	r.addr = (uintptr_t)at.user;
	fuzz_lay(&call, f, &host.requests);
	fuzz_fill(&at, &value);
	if (!contract_raw(&call.raw, false, &a))
		contract_attribute(&attributes, verb, &r, value, area, &a);
	snprintf(text, sizeof(text), "%s group %#x attribute %#llx, value %#llx, %zu bytes usable",
		 verb == RAW_HAS   ? "HAS"
		 : verb == RAW_GET ? "GET"
				   : "SET",
		 r.group, (unsigned long long)r.attr, (unsigned long long)value,
		 verb == RAW_GET ? area.writable : area.readable);
	fuzz_issue(&call, &host.files);
	if (!answers_clause(&a, call.outcome) && verb == RAW_HAS && r.group == RAW_MIGRATION)
		known = deviation_of_migration_attribute(call.outcome);
	if (verb == RAW_SET && !call.outcome.ret && r.group == RAW_MEM_CTRL &&
	    r.attr == RAW_ENABLE_CMMA)
		attributes.enabled = true;
	if (known) {
		a = (struct answers){ .any = { call.outcome }, .by = { NULL }, .count = 1 };
		if (report_case())
			report_deviation(known);
		fuzz_changed(&call.place, &r);
	} else {
		fuzz_judge(f, &call, &a, NULL, text);
	}
	if (fuzz_changed(&at, verb == RAW_GET ? NULL : (const void *)&value) != LONG_MIN && !known)
		fuzz_wrong(f, text, "bytes around the value stay", "one has changed");
}

/* Without slots and without a vCPU; with slots that have logs; and with a vCPU */
static void vm_attributes(void)
{
	struct kvm_device_attr cmma = { .group = RAW_MEM_CTRL, .attr = RAW_ENABLE_CMMA };

	attributes =
		(struct raw_attributes){ .cmma = !ioctl(host.vm->fd, KVM_HAS_DEVICE_ATTR, &cmma),
					 .top = model.top };
	for (struct fuzz f = fuzz_begin(3, 300); fuzz_next(&f);) {
		if (f.number == 100) {
			struct region r = { .flags = KVM_MEM_LOG_DIRTY_PAGES,
					    .size = host.unit,
					    .user = (uintptr_t)host.memory };

			TEST_ASSERT(!region_set(host.vm->fd, false, &r).ret, "a slot");
			attributes.all_logged = true;
		} else if (f.number == 200) {
			__vm_vcpu_add(host.vm, 0);
			attributes.vcpu = true;
		}
		attribute_case(&f);
	}
}

#else

static void vm_attributes(void)
{
	report_skip(SKIP_ARCHITECTURE, "needs s390x");
}

#endif

/* ------------------------------------------------------------------ what goes away meanwhile */

/* One case: the bitmap or the request, or both, are there or not: success or EFAULT */
static void stolen_case(struct fuzz *f)
{
	struct fuzz_place map = fuzz_place(&host.bitmaps, &f->draw, BITMAP * 8, 1000);
	struct kvm_dirty_log log = { .slot = (uint32_t)draw_below(&f->draw, 3),
				     .dirty_bitmap = map.user };
	struct region r = { .slot = log.slot,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = slot[log.slot].gpa,
			    .size = slot[log.slot].size,
			    .user = slot[log.slot].user };
	struct kvm_userspace_memory_region region = { .slot = r.slot,
						      .flags = r.flags,
						      .guest_phys_addr = r.gpa,
						      .memory_size = r.size,
						      .userspace_addr = r.user };
	bool get = !draw_one_in(&f->draw, 4);
	struct fuzz_place at =
		fuzz_place(&host.requests, &f->draw, get ? sizeof(log) : sizeof(region), 1000);
	char got[OUTCOME_TEXT];
	struct outcome o;

	fuzz_fill(&at, get ? (const void *)&log : &region);
	fuzz_fill(&map, bytes_inverted(0));
	o = outcome_of(
		ioctl(host.vm->fd, get ? KVM_GET_DIRTY_LOG : KVM_SET_USER_MEMORY_REGION, at.user));
	if (report_case()) {
		report_decided("SLOT-26");
		if (o.ret && !outcome_equal(o, outcome_error(EFAULT)))
			fuzz_wrong(f, get ? "GET_DIRTY_LOG" : "REGION, as it is",
				   "success or EFAULT", "%s", outcome_text(o, got));
	}
	if (fuzz_changed(&map, get ? NULL : bytes_inverted(0)) != LONG_MIN ||
	    fuzz_changed(&at, get ? (const void *)&log : &region) != LONG_MIN)
		fuzz_wrong(f, "a request", "bytes that were not named stay", "some are others");
}

static void stolen(void)
{
	struct fuzz_thief *request, *bitmap;
	unsigned long times;

	log_slots();
	request = fuzz_thief(&host.requests);
	bitmap = fuzz_thief(&host.bitmaps);
	for (struct fuzz f = fuzz_begin(4, 200); fuzz_next(&f);)
		stolen_case(&f);
	times = fuzz_thief_end(request) + fuzz_thief_end(bitmap);
	report_note("taken_away", (double)times, "times");
}

static const struct line lines[] = {
	{ "slots: requests with anything in their fields (observed)",
	  "SLOT-02 SLOT-03 SLOT-04 SLOT-05 SLOT-06 SLOT-10 SLOT-14 SLOT-15 SLOT-16 SLOT-21 SLOT-25 "
	  "SLOT-26",
	  regions },
	{ "dirty logs: requests with anything in their fields (observed)",
	  "DIRTY-01 DIRTY-08 SLOT-21 SLOT-25 SLOT-26", logs },
	{ "attributes: requests with anything in their fields (observed)",
	  "SLOT-20 MIGR-01 MIGR-04 MIGR-05 SLOT-21 SLOT-25 SLOT-26", vm_attributes },
	{ "memory of requests that goes away while they are made (observed)", "SLOT-26", stolen },
};

int main(int argc, char **argv)
{
	const char *why;

	fuzz_options();
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	host.unit = compat_slot_unit();
	host.page = (uint64_t)getpagesize();
	report_around(begin, end);
	return report_run();
}
