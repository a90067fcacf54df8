// SPDX-License-Identifier: GPL-2.0-only
/*
 * MEM_OP, storage keys and storage attributes with anything in every field.
 *
 * memop/contract.md and mem_slot/contract.md, SLOT-25, SLOT-26, CMMA; api.rst, "KVM_S390_MEM_OP",
 * "KVM_S390_GET_SKEYS", "KVM_S390_GET_CMMA_BITS" and their opposites; ioctl(2).
 *
 * How it is seen: requests are drawn from --seed, with edges (0, all ones, powers of two and
 * what is beside them) in each field, reserved bytes included; they lie anywhere, at the end of
 * what can be read, across it, read-only or nowhere, so do their buffers, and some are made on
 * another file. The oracle says what each may come to. All of guest memory, all keys and
 * values, and all bytes around request and buffer are compared. In the last line another
 * thread takes request and buffer away while KVM reads them.
 *
 * Over 300 lines: one generator and one comparison for each of three pairs of requests.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "case/bytes.h"
#include "case/report.h"
#include "fuzz/fuzz.h"
#include "s390x/bench.h"
#include "s390x/skey.h"
#include "s390x/trial.h"
#include "slot/backing.h"
#include "slot/deviation.h"
#include "slot/region.h"

#define SLOTS 3
#define ROOM (1UL << 16)
#define STOLEN 12000UL /* bytes of a buffer that goes away */
#define ACC 5

static const uint64_t slots[SLOTS] = { 0, 0x100000, 0x300000 };

static struct arena *arena;
static struct fuzz_memory requests, tables, buffers, stolen_data;
static struct fuzz_files vm_files, vcpu_files;
static uint8_t *bytes; /* as many as a buffer can hold, for what it is to hold */
static uint32_t max;
static int kvm;

static uint64_t pick(struct draw *d, const uint64_t *from, size_t count)
{
	return from[draw_below(d, count)];
}

static void junk(struct draw *d, void *at, size_t size)
{
	for (uint8_t *byte = at; size--; byte++)
		*byte = draw_one_in(d, 3) ? 0xff : (uint8_t)draw_next(d);
}

/* An address in a slot or beside it, or any */
static uint64_t address(struct draw *d)
{
	uint64_t slot = pick(d, slots, SLOTS);

	switch (draw_below(d, 8)) {
	case 0:
		return draw_edge(d, 64);
	case 1:
		return slot + draw_below(d, 64) - 32;
	case 2:
		return slot + ARENA_UNIT + draw_below(d, 64) - 32;
	}
	return slot + draw_below(d, ARENA_UNIT);
}

/* ------------------------------------------------------------------ MEM_OP */

static uint64_t flags(struct draw *d)
{
	return draw_one_in(d, 6) ? draw_edge(d, 64) : draw_below(d, 8);
}

static uint32_t size(struct draw *d, uint32_t op)
{
	const uint64_t edges[] = { 0, 1, 2, 4, 8, 16, 17, 4096, 4097, max, max + 1 };

	if (op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG)
		return (uint32_t)pick(d, edges, 7);
	if (draw_one_in(d, 8))
		return (uint32_t)draw_edge(d, 32);
	return (uint32_t)(draw_one_in(d, 3) ? pick(d, edges, ARRAY_SIZE(edges))
					    : 1 + draw_below(d, 300));
}

static struct trial drawn(struct draw *d)
{
	uint32_t op = draw_one_in(d, 8) ? (uint32_t)draw_edge(d, 32) : (uint32_t)draw_below(d, 7);
	bool own = op <= KVM_S390_MEMOP_SIDA_WRITE;
	struct trial t = { .arena = arena, .request.on_vcpu = draw_one_in(d, 8) ? !own : own };
	struct kvm_s390_mem_op *m = &t.request.op;

	junk(d, m->reserved, sizeof(m->reserved));
	m->op = op;
	m->gaddr = address(d);
	m->flags = flags(d);
	m->size = size(d, op);
	if (op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG && !draw_one_in(d, 8) && m->size)
		m->gaddr &= -(uint64_t)(m->size & -m->size);
	if (op == KVM_S390_MEMOP_SIDA_READ || op == KVM_S390_MEMOP_SIDA_WRITE) {
		m->sida_offset = (uint32_t)draw_edge(d, 32);
	} else {
		m->ar = (uint8_t)(draw_one_in(d, 8) ? draw_edge(d, 8) : draw_below(d, 16));
		m->key = (uint8_t)(draw_one_in(d, 8) ? draw_edge(d, 8) : draw_below(d, 16));
	}
	t.old_differs = draw_one_in(d, 2);
	t.old_bit = (unsigned int)draw_below(d, 8UL * (m->size && m->size < 16 ? m->size : 16));
	if (op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG && draw_one_in(d, 8)) {
		t.old_given = true;
		compat_set_old_addr(m, NULL);
	}
	return t;
}

/* A buffer holds the inverse of what it is moved to or from: no byte of both is alike */
static void fill_buffer(const struct trial *t, const struct fuzz_place *p)
{
	struct prediction prediction;

	bytes_copy(bytes, bytes_inverted(9) + BYTES_GUARD, buffers.size);
	contract_memop(&t->arena->state, &t->request, &prediction);
	for (size_t i = 0; i < prediction.fragments; i++) {
		const struct fragment *f = &prediction.fragment[i];

		bytes_copy(bytes + f->offset, arena_rest(arena, f->gpa, true), f->len);
	}
	fuzz_fill(p, bytes);
}

/* What it holds then: NULL where a part of it may have been filled */
static const uint8_t *buffer_after(const struct trial *t)
{
	const struct prediction *p = &t->prediction;

	if (t->outcome.ret < 0 && t->outcome.err == EFAULT)
		return NULL;
	for (size_t i = 0; !t->outcome.ret && p->moves == MOVES_TO_BUF && i < p->fragments; i++)
		bytes_copy(bytes + p->fragment[i].offset,
			   arena_rest(arena, p->fragment[i].gpa, false), p->fragment[i].len);
	return bytes;
}

/* One case: a request that comes as far as KVM's own checks */
static void memop_case(struct fuzz *f, struct trial *t, const struct fuzz_place *place)
{
	char state[FUZZ_TEXT], text[MEMOP_TEXT];
	struct fuzz_place buffer = { .alias = NULL };
	long changed = LONG_MIN;

	t->state = fuzz_text(f, state);
	t->place = place->user;
	t->place_alias = place->alias;
	t->buf_given = draw_one_in(&f->draw, 2);
	if (t->buf_given) {
		buffer = fuzz_place(&buffers, &f->draw, t->request.op.size, 2);
		t->request.op.buf = (uintptr_t)buffer.user;
		t->area = (struct user_area){ buffer.readable, buffer.writable };
		fill_buffer(t, &buffer);
	}
	if (!report_case())
		return;
	trial_issue(t);
	if (t->buf_given)
		changed = fuzz_changed(&buffer, buffer_after(t));
	if (changed != LONG_MIN)
		fuzz_wrong(f, memop_text(&t->request.op, text),
			   "the buffer holds what is due, and bytes around it stay",
			   "the byte at offset %ld is another", changed);
	changed = fuzz_changed(place, &t->request.op);
	if (changed != LONG_MIN)
		fuzz_wrong(f, memop_text(&t->request.op, text), "the request is only read",
			   "the byte at offset %ld has changed", changed);
}

static void memops(void)
{
	for (struct fuzz f = fuzz_begin(1, 1200); fuzz_next(&f);) {
		struct trial t = drawn(&f.draw);
		struct fuzz_call call = { .nr = KVM_S390_MEM_OP,
					  .request = &t.request.op,
					  .raw.unreadable = "MEMOP-BUF-05" };
		char text[MEMOP_TEXT];
		struct answers a;

		fuzz_lay(&call, &f, &requests);
		if (contract_raw(&call.raw, false, &a)) {
			fuzz_issue(&call, t.request.on_vcpu ? &vcpu_files : &vm_files);
			fuzz_judge(&f, &call, &a, NULL, memop_text(&t.request.op, text));
		} else {
			memop_case(&f, &t, &call.place);
		}
		/* Whatever was told to be written, and where */
		if (f.number % 256 == 0)
			trial_rest(arena);
	}
}

/* ------------------------------------------------------------------ storage keys */

#define KEY 0xf8UL /* of a key: R and C are anybody's */

static uint8_t *keys[SLOTS]; /* as they have to be */

static uint8_t *key_of(uint64_t gfn)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (gfn - slots[i] / CONTRACT_PAGE < ARENA_PAGES)
			return &keys[i][gfn - slots[i] / CONTRACT_PAGE];
	return NULL;
}

static uint64_t count(struct draw *d)
{
	const uint64_t edges[] = { 0, 1, 2, KVM_S390_SKEYS_MAX, KVM_S390_SKEYS_MAX + 1 };

	if (draw_one_in(d, 8))
		return draw_edge(d, 64);
	return draw_one_in(d, 4) ? pick(d, edges, ARRAY_SIZE(edges)) : 1 + draw_below(d, 300);
}

static struct kvm_s390_skeys skeys_drawn(struct draw *d)
{
	struct kvm_s390_skeys r = { .start_gfn = draw_one_in(d, 8) ? draw_edge(d, 64)
								   : address(d) / CONTRACT_PAGE,
				    .count = count(d) };

	junk(d, r.reserved, sizeof(r.reserved));
	if (draw_one_in(d, 8))
		r.flags = (uint32_t)draw_edge(d, 32);
	return r;
}

/* Keys to be set; returns whether one of them is invalid */
static bool fill_keys(struct draw *d, uint64_t many)
{
	uint64_t all = many < tables.size ? many : tables.size;
	uint64_t bad = draw_one_in(d, 6) && all ? draw_below(d, all) : all;

	for (uint64_t i = 0; i < tables.size; i += 8) {
		uint64_t eight = draw_next(d) & KEY * 0x0101010101010101;

		bytes_copy(bytes + i, &eight, 8);
	}
	if (bad < all)
		bytes[bad] |= 1;
	return bad < all;
}

/* All keys of all slots, as the guest's process sees them */
static void all_keys(const struct fuzz *f)
{
	static uint8_t found[ARENA_PAGES];

	for (size_t i = 0; i < SLOTS && report_case(); i++) {
		struct outcome o = skey_get(arena->vm, slots[i], ARENA_PAGES, found);

		report_decided("SKEY-05");
		for (size_t n = 0; n < ARENA_PAGES; n++)
			if (o.ret || (found[n] & KEY) != keys[i][n]) {
				fuzz_wrong(f, "all keys after a request", "each as it was set",
					   "%#x in place of %#x at frame %#llx", found[n],
					   keys[i][n],
					   (unsigned long long)(slots[i] / CONTRACT_PAGE + n));
				return;
			}
	}
}

/* What SET has done: all of it, or up to a missing frame or an invalid key at the most */
static void take_keys(const struct fuzz *f, const struct kvm_s390_skeys *r, struct outcome o)
{
	for (uint64_t i = 0; i < r->count && key_of(r->start_gfn + i); i++) {
		uint8_t *key = key_of(r->start_gfn + i), now;

		if (!o.ret) {
			*key = bytes[i];
		} else if (!skey_get(arena->vm, (r->start_gfn + i) * CONTRACT_PAGE, 1, &now).ret) {
			if ((now & KEY) != *key && (now & KEY) != (bytes[i] & KEY))
				fuzz_wrong(f, "SET_SKEYS that failed", "old keys or new ones",
					   "%#x in place of %#x", now, *key);
			*key = now & KEY;
		}
	}
}

/* What GET has filled in: the keys, and nothing behind them */
static void given_keys(const struct fuzz *f, const struct kvm_s390_skeys *r,
		       const struct fuzz_place *p)
{
	for (uint64_t i = 0; i < r->count; i++) {
		const uint8_t *key = key_of(r->start_gfn + i);

		if (!key || (p->alias[i] & KEY) != *key) {
			fuzz_wrong(f, "GET_SKEYS", "the key of each frame",
				   "another at frame %#llx",
				   (unsigned long long)(r->start_gfn + i));
			return;
		}
	}
}

static void skeys_case(struct fuzz *f, bool get)
{
	struct kvm_s390_skeys r = skeys_drawn(&f->draw);
	struct fuzz_place data = fuzz_place(&tables, &f->draw, r.count, 4);
	struct fuzz_call call = { .nr = get ? KVM_S390_GET_SKEYS : KVM_S390_SET_SKEYS,
				  .request = &r,
				  .raw.unreadable = "SKEY-09" };
	struct user_area area = { data.readable, data.writable };
	bool invalid = fill_keys(&f->draw, r.count), right;
	struct answers a;
	char text[160];

	r.skeydata_addr = (uintptr_t)data.user;
	fuzz_lay(&call, f, &requests);
	fuzz_fill(&data, bytes);
	if (!contract_raw(&call.raw, false, &a))
		contract_skeys(&arena->state, get, &r, invalid, area, &a);
	snprintf(text, sizeof(text), "%s start_gfn %#llx count %#llx flags %#x, %zu bytes usable",
		 get ? "GET_SKEYS" : "SET_SKEYS", (unsigned long long)r.start_gfn,
		 (unsigned long long)r.count, r.flags, get ? data.writable : data.readable);
	fuzz_issue(&call, &vm_files);
	right = fuzz_judge(f, &call, &a, NULL, text);
	if (!get && call.raw.file == RAW_RIGHT && call.raw.readable && data.readable >= r.count)
		take_keys(f, &r, call.outcome);
	if (right && get && !call.outcome.ret)
		given_keys(f, &r, &data);
	if (fuzz_changed(&data, get && data.writable ? NULL : bytes) != LONG_MIN && right)
		fuzz_wrong(f, text, "only the bytes named are changed", "others are");
}

static void skeys(void)
{
	for (size_t i = 0; i < SLOTS; i++) {
		arena_key(arena, slots[i], ARENA_PAGES, 0);
		keys[i] = calloc(1, ARENA_PAGES);
		TEST_ASSERT(keys[i], "no memory");
	}
	for (struct fuzz f = fuzz_begin(2, 300); fuzz_next(&f);) {
		skeys_case(&f, draw_one_in(&f.draw, 2));
		if (f.number % 32 == 0)
			all_keys(&f);
	}
	for (size_t i = 0; i < SLOTS; i++)
		free(keys[i]);
}

/* ------------------------------------------------------------------ storage attributes */

#define BITS 0x43U /* of a value: two of usage, one of "no DAT" */

static struct {
	struct kvm_vm *vm;
	struct fuzz_files files;
	uint8_t *memory, value[SLOTS][ARENA_PAGES];
	bool enabled;
} attributes;

static uint8_t *value_of(uint64_t gfn)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (gfn - slots[i] / CONTRACT_PAGE < ARENA_PAGES)
			return &attributes.value[i][gfn - slots[i] / CONTRACT_PAGE];
	return NULL;
}

static void attributes_begin(void)
{
	attributes.vm = vm_create_barebones();
	attributes.files = fuzz_files(attributes.vm->fd, kvm);
	attributes.memory = region_memory(SLOTS * ARENA_UNIT);
	attributes.enabled = false;
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint8_t *at = attributes.memory + i * ARENA_UNIT;
		struct region r = {
			.slot = i, .gpa = slots[i], .size = ARENA_UNIT, .user = (uintptr_t)at
		};

		TEST_ASSERT(!region_set(attributes.vm->fd, false, &r).ret, "slot %u", i);
		bytes_copy(at, bytes_rest(0), ARENA_UNIT);
	}
}

/* Each page has its value from the first on: before that KVM answers without a look at one */
static void attributes_enable(void)
{
	struct kvm_device_attr attr = { .group = KVM_S390_VM_MEM_CTRL,
					.attr = KVM_S390_VM_MEM_ENABLE_CMMA };
	struct kvm_s390_cmma_log log = { .count = ARENA_PAGES, .mask = ~0UL };

	TEST_ASSERT(!ioctl(attributes.vm->fd, KVM_SET_DEVICE_ATTR, &attr), "enable CMMA");
	for (size_t i = 0; i < SLOTS; i++) {
		for (size_t n = 0; n < ARENA_PAGES; n++)
			attributes.value[i][n] = *bytes_rest(n) & BITS;
		log.start_gfn = slots[i] / CONTRACT_PAGE;
		log.values = (uintptr_t)attributes.value[i];
		TEST_ASSERT(!ioctl(attributes.vm->fd, KVM_S390_SET_CMMA_BITS, &log),
			    "SET_CMMA_BITS");
	}
	attributes.enabled = true;
}

static void attributes_end(void)
{
	if (report_case()) {
		report_decided("SLOT-26");
		for (size_t i = 0; i < SLOTS; i++)
			if (bytes_differ(attributes.memory + i * ARENA_UNIT, bytes_rest(0),
					 ARENA_UNIT) >= 0)
				report_wrong("all requests", "no byte of the guest changes",
					     "one did");
	}
	fuzz_files_close(&attributes.files);
	kvm_vm_free(attributes.vm);
	region_free_memory(attributes.memory, SLOTS * ARENA_UNIT);
}

static struct kvm_s390_cmma_log cmma_drawn(struct draw *d, bool get)
{
	struct kvm_s390_cmma_log r = {
		.start_gfn = draw_one_in(d, 8) ? draw_edge(d, 64) : address(d) / CONTRACT_PAGE,
		.count = (uint32_t)count(d),
		.mask = draw_edge(d, 64),
		.flags = get ? KVM_S390_CMMA_PEEK : 0,
	};

	if (draw_one_in(d, 8))
		r.flags = (uint32_t)draw_edge(d, 32);
	/* FIND-27: of a mask that leaves something out more is lost than it says */
	if (fault_of_attribute_mask())
		r.mask = ~0UL;
	return r;
}

/* SET: under the mask; up to a missing frame at the most, and what is there then is asked for */
static void take_values(const struct kvm_s390_cmma_log *r, struct outcome o)
{
	uint8_t under = BITS & (uint8_t)(r->mask >> 24);

	for (uint64_t i = 0; i < r->count && value_of(r->start_gfn + i); i++) {
		uint8_t *value = value_of(r->start_gfn + i);
		uint8_t next = (uint8_t)((*value & ~under) | (bytes[i] & under));
		struct kvm_s390_cmma_log one = { .start_gfn = r->start_gfn + i,
						 .count = 1,
						 .flags = KVM_S390_CMMA_PEEK };
		uint8_t now = next;

		one.values = (uintptr_t)&now;
		if (o.ret && ioctl(attributes.vm->fd, KVM_S390_GET_CMMA_BITS, &one))
			continue;
		if (now == next)
			*value = next;
	}
}

/* GET: as many values as there are frames, each as it has to be */
static void given_values(const struct fuzz *f, const struct kvm_s390_cmma_log *r,
			 const struct kvm_s390_cmma_log *answer, const struct fuzz_place *p)
{
	uint64_t due = 0;

	while (due < r->count && value_of(r->start_gfn + due))
		due++;
	if (answer->count != due || (due && answer->start_gfn != r->start_gfn) || answer->remaining)
		fuzz_wrong(f, "GET_CMMA_BITS", "a value for each frame that is there",
			   "%u from %#llx, %llu remain", answer->count,
			   (unsigned long long)answer->start_gfn,
			   (unsigned long long)answer->remaining);
	for (uint64_t i = 0; i < due; i++)
		if (p->alias[i] != *value_of(r->start_gfn + i)) {
			fuzz_wrong(f, "GET_CMMA_BITS", "the value of each frame",
				   "%#x in place of %#x at frame %#llx", p->alias[i],
				   *value_of(r->start_gfn + i),
				   (unsigned long long)(r->start_gfn + i));
			return;
		}
}

static void cmma_case(struct fuzz *f, bool get)
{
	struct kvm_s390_cmma_log r = cmma_drawn(&f->draw, get), answer = r;
	struct fuzz_place data = fuzz_place(&tables, &f->draw, r.count, 4);
	struct fuzz_call call = { .nr = get ? KVM_S390_GET_CMMA_BITS : KVM_S390_SET_CMMA_BITS,
				  .request = &r,
				  .raw.unreadable = "CMMA-01" };
	struct user_area area = { data.readable, data.writable };
	struct answers a;
	char text[160];
	bool right;

	fill_keys(&f->draw, r.count);
	r.values = (uintptr_t)data.user;
	fuzz_lay(&call, f, &requests);
	fuzz_fill(&data, bytes);
	if (!contract_raw(&call.raw, get, &a))
		contract_cmma(&arena->state, attributes.enabled, get, &r, area, &a);
	snprintf(text, sizeof(text),
		 "%s start_gfn %#llx count %#x flags %#x mask %#llx, %zu usable",
		 get ? "GET_CMMA_BITS" : "SET_CMMA_BITS", (unsigned long long)r.start_gfn, r.count,
		 r.flags, (unsigned long long)r.mask, get ? data.writable : data.readable);
	fuzz_issue(&call, &attributes.files);
	right = fuzz_judge(f, &call, &a, get ? &answer : NULL, text);
	if (!get && call.raw.file == RAW_RIGHT && call.raw.readable && data.readable >= r.count &&
	    attributes.enabled)
		take_values(&r, call.outcome);
	if (right && get && !call.outcome.ret && r.count)
		given_values(f, &r, &answer, &data);
	if (fuzz_changed(&data, get && data.writable ? NULL : bytes) != LONG_MIN && right)
		fuzz_wrong(f, text, "only the bytes named are changed", "others are");
}

static void cmma(void)
{
	struct kvm_device_attr attr = { .group = KVM_S390_VM_MEM_CTRL,
					.attr = KVM_S390_VM_MEM_ENABLE_CMMA };

	attributes_begin();
	if (ioctl(attributes.vm->fd, KVM_HAS_DEVICE_ATTR, &attr))
		report_skip(SKIP_ARCHITECTURE, "needs a machine with CMMA");
	for (struct fuzz f = fuzz_begin(3, 200); !report_skipped() && fuzz_next(&f);) {
		if (f.number > f.steps / 8 && !attributes.enabled)
			attributes_enable();
		cmma_case(&f, draw_one_in(&f.draw, 2));
	}
	attributes_end();
}

/* ------------------------------------------------------------------ what goes away meanwhile */

/* One case: what it comes to with its memory, or EFAULT; a write moves all bytes or none */
static void stolen_case(struct fuzz *f)
{
	struct fuzz_place at =
		fuzz_place(&requests, &f->draw, sizeof(struct kvm_s390_mem_op), 1000);
	bool write = draw_one_in(&f->draw, 2), logical = draw_one_in(&f->draw, 2);
	struct kvm_s390_mem_op op = {
		.op = (uint32_t)(logical ? KVM_S390_MEMOP_LOGICAL_READ
					 : KVM_S390_MEMOP_ABSOLUTE_READ) +
		      write,
		.gaddr = pick(&f->draw, slots, SLOTS) + draw_below(&f->draw, ARENA_UNIT - ROOM),
		.size = (uint32_t)(STOLEN -
				   draw_below(&f->draw, draw_one_in(&f->draw, 2) ? STOLEN : 4096)),
	};
	struct fuzz_place data = fuzz_place(&stolen_data, &f->draw, op.size, 1000);
	const uint8_t *rest = arena_rest(arena, op.gaddr, false), *is = arena_at(arena, op.gaddr);
	const uint8_t *stored = arena_rest(arena, op.gaddr, true);
	char text[MEMOP_TEXT], got[OUTCOME_TEXT];
	struct outcome o;
	bool moved;

	op.buf = (uintptr_t)data.user;
	fuzz_fill(&at, &op);
	fuzz_fill(&data, stored);
	o = memop(logical ? arena->vcpu->fd : arena->vm->fd, at.user);
	moved = !o.ret;
	memop_text(&op, text);
	if (report_case()) {
		report_decided("SLOT-26");
		if (!moved && !outcome_equal(o, outcome_error(EFAULT)))
			fuzz_wrong(f, text, "success or EFAULT", "%s", outcome_text(o, got));
		else if (bytes_differ(is, moved && write ? stored : rest, op.size) >= 0)
			fuzz_wrong(f, text, "a write moves all bytes, or none", "some are others");
	}
	arena_reset(arena, op.gaddr, op.size);
	/* A read that fails may have filled a part */
	if (fuzz_changed(&data, write	? stored
				: moved ? rest
					: NULL) != LONG_MIN ||
	    fuzz_changed(&at, &op) != LONG_MIN)
		fuzz_wrong(f, text, "bytes that were not named stay", "some are others");
}

static void stolen(void)
{
	struct fuzz_thief *request = fuzz_thief(&requests), *buffer = fuzz_thief(&stolen_data);
	unsigned long times;

	for (struct fuzz f = fuzz_begin(4, 150); fuzz_next(&f);)
		stolen_case(&f);
	times = fuzz_thief_end(request) + fuzz_thief_end(buffer);
	report_note("taken_away", (double)times, "times");
}

static const struct line lines[] = {
	{ "MEM_OP with anything in its fields is as the oracle predicts (observed)",
	  "MEMOP-OP-01 MEMOP-SIZE-01 MEMOP-SIZE-02 MEMOP-FLAG-01 MEMOP-BUF-01 MEMOP-BUF-05 "
	  "MEMOP-ADDR-01 SLOT-25",
	  memops },
	{ "storage keys: requests with anything in their fields (observed)",
	  "SKEY-02 SKEY-03 SKEY-04 SKEY-05 SKEY-06 SKEY-07 SKEY-08 SKEY-09 SLOT-25", skeys },
	{ "storage attributes: requests with anything in their fields (observed)",
	  "CMMA-01 CMMA-02 CMMA-03 CMMA-04 SLOT-25 SLOT-26", cmma },
	{ "memory of requests that goes away while they are made (observed)", "SLOT-26", stolen },
};

static void set_up(void)
{
	max = (uint32_t)memop_max_size();
	requests = fuzz_memory(3000);
	tables = fuzz_memory(3000);
	buffers = fuzz_memory(ROOM);
	stolen_data = fuzz_memory(STOLEN);
	bytes = malloc(buffers.size);
	TEST_ASSERT(bytes, "no memory");
	kvm = open_kvm_dev_path_or_exit();
	vm_files = fuzz_files(arena->vm->fd, kvm);
	vcpu_files = fuzz_files(arena->vcpu->fd, kvm);
	for (size_t i = 0; i < SLOTS; i++)
		arena_key(arena, slots[i] + ARENA_UNIT / 2, 64, skey_byte(ACC, i % 2));
}

static void tear_down(void)
{
	fuzz_files_close(&vm_files);
	fuzz_files_close(&vcpu_files);
	close(kvm);
	free(bytes);
	fuzz_memory_free(&stolen_data);
	fuzz_memory_free(&buffers);
	fuzz_memory_free(&tables);
	fuzz_memory_free(&requests);
}

static const struct bench bench = {
	.need = MEMOP_KEYED,
	.slots = slots,
	.count = SLOTS,
	.arena = &arena,
	.begin = set_up,
	.end = tear_down,
};

int main(int argc, char **argv)
{
	fuzz_options();
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), bench.need);
	report_need(kvm_check_cap(KVM_CAP_S390_SKEYS) > 0, SKIP_CAPABILITY, "KVM_CAP_S390_SKEYS");
	return bench_run(&bench);
}
