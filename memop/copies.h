/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lines of absolute_copy and logical_copy: reads and writes move exactly the bytes
 * they name.
 *
 * Both enumerate the same sizes and offsets, and differ in how the memory is reached.
 * A case is one trial: its bytes, those around it, the buffer and its guards are
 * compared. In two lines the guest copies the same bytes with MVCLE, so that memory
 * which only the host sees would be found too.
 */
#ifndef COPIES_H
#define COPIES_H

#include "case/bytes.h"
#include "case/report.h"
#include "s390x/bench.h"
#include "s390x/judge.h"
#include "s390x/skey.h"
#include "s390x/trial.h"

#define FRAMES 0x100000UL      /* the slot that is read and written */
#define MIRROR 0x300000UL      /* where the guest copies to, and from */
#define START (3 * BYTES_PAGE) /* offset of the first byte */
#define KEYS 16

static const uint64_t slots[] = { FRAMES, MIRROR };
static struct arena *arena;
static uint32_t max;

/* How the memory is reached; set for each line */
static struct {
	bool on_vcpu;
	uint64_t base;	 /* guest address of the slot's first page */
	uint64_t mirror; /* of the mirror, for the guest's instructions */
	uint64_t flags;
	uint8_t key;
} path;

static struct trial copy(bool store, size_t offset, size_t size)
{
	const uint32_t read =
		path.on_vcpu ? KVM_S390_MEMOP_LOGICAL_READ : KVM_S390_MEMOP_ABSOLUTE_READ;

	return (struct trial){
		.arena = arena,
		.request = { .on_vcpu = path.on_vcpu,
			     .op = { .op = store ? read + 1 : read,
				     .gaddr = path.base + offset,
				     .size = (uint32_t)size,
				     .flags = path.flags,
				     .key = path.key } },
	};
}

static void plain(bool store, size_t offset, size_t size)
{
	struct trial t = copy(store, offset, size);

	trial_run(&t);
}

/* The guest copies @len bytes between @from and @to, with its own instructions */
static void guest_copies(uint64_t to, uint64_t from, size_t len)
{
	struct judge_order order = { .address = from,
				     .value = to,
				     .length = (uint32_t)len,
				     .psw_mask = arena->state.cpu.psw_mask,
				     .kind = JUDGE_MOVE };

	judge_run(arena, &order, 1);
	TEST_ASSERT(!order.code, "the guest's copy met exception %#x", order.code);
	arena_cpu(arena);
}

/* A write whose bytes the guest then copies to the mirror */
static void guest_fetches(size_t offset, size_t size)
{
	struct trial t = copy(true, offset, size);
	uint64_t at = MIRROR + BYTES_PAGE;
	long d;

	if (!report_case())
		return;
	t.keep = true;
	if (trial_issue(&t)) {
		guest_copies(path.mirror + BYTES_PAGE, path.base + offset, size);
		d = bytes_differ(arena_at(arena, at), (const void *)(uintptr_t)t.request.op.buf,
				 size);
		if (d >= 0)
			trial_fail(&t, "the guest's own fetch gets the given bytes", "another byte",
				   d);
		arena_reset(arena, at, size);
	}
	trial_restore(&t);
}

/* A read of bytes that the guest has copied there from the mirror */
static void guest_stores(size_t offset, size_t size)
{
	static uint8_t buf[1 << 17];
	struct trial t = copy(false, offset, size);
	uint64_t at = MIRROR + 5 * BYTES_PAGE;
	char got[OUTCOME_TEXT];
	struct outcome o;
	long d;

	if (!report_case() || !trial_issue(&t))
		return;
	TEST_ASSERT(size <= sizeof(buf), "a buffer of %zu bytes", size);
	guest_copies(path.base + offset, path.mirror + 5 * BYTES_PAGE, size);
	t.request.op.buf = (uintptr_t)buf;
	o = memop(path.on_vcpu ? arena->vcpu->fd : arena->vm->fd, &t.request.op);
	d = bytes_differ(buf, arena_rest(arena, at, false), size);
	if (o.ret || d >= 0)
		trial_fail(&t, "success, and the bytes that the guest has stored",
			   o.ret ? outcome_text(o, got) : "another byte", d);
	trial_restore(&t);
}

/* Sizes around each number of whole pages up to the maximum, from offsets 0, 1, half and last */
static void around_pages(bool store)
{
	static const size_t offsets[] = { 0, 1, BYTES_PAGE / 2, BYTES_PAGE - 1 };

	for (size_t size = BYTES_PAGE; size <= max; size += BYTES_PAGE)
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
			for (int beside = -1; beside <= 1; beside++)
				if (size + (size_t)beside <= max)
					plain(store, START + offsets[i], size + (size_t)beside);
}

static void write_around_pages(void)
{
	around_pages(true);
}

static void read_around_pages(void)
{
	around_pages(false);
}

/* Every size from 1 to a page and one byte, at an offset of its own; then the maximum */
static void every_size(bool store)
{
	/* 37 is odd: the offsets run through all of a page */
	for (size_t size = 1; size <= BYTES_PAGE + 1 && size <= max; size++)
		plain(store, START + size * 37 % BYTES_PAGE, size);
	plain(store, START, max);
}

static void write_every_size(void)
{
	every_size(true);
}

static void read_every_size(void)
{
	every_size(false);
}

/* Every offset within a page, with a size from 1 to 16: all short ones across a page's end */
static void every_offset(bool store)
{
	for (size_t offset = 0; offset < BYTES_PAGE; offset++)
		plain(store, START + offset, 1 + (BYTES_PAGE - offset) % 16);
}

static void write_every_offset(void)
{
	every_offset(true);
}

static void read_every_offset(void)
{
	every_offset(false);
}

/* Sizes in powers of 2 up to the maximum, across page ends */
static void some(void (*check)(size_t offset, size_t size))
{
	for (size_t size = 1; size <= max; size *= 2) {
		check(START, size);
		check(START + BYTES_PAGE - 1 - size / 2 % BYTES_PAGE, size);
	}
}

static void guest_sees_write(void)
{
	some(guest_fetches);
}

static void read_sees_guest(void)
{
	some(guest_stores);
}

/* Within a page, across a page's end, and the largest */
static void few(bool store, uint8_t key)
{
	path.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
	path.key = key;
	plain(store, START, 1);
	plain(store, START + 8, 256);
	plain(store, START + BYTES_PAGE - 3, 7);
	plain(store, START + 2048, BYTES_PAGE);
	plain(store, START + 1, max);
}

static bool has_keys(void)
{
	if (arena->state.extension)
		return true;
	report_skip(SKIP_CAPABILITY, "needs KVM_CAP_S390_MEM_OP_EXTENSION");
	return false;
}

/* Each access key on storage of its own ACC with fetch protection, and key 0 on each ACC */
static void matching_keys(bool store)
{
	for (unsigned int acc = 0; has_keys() && acc < KEYS; acc++) {
		arena_key(arena, FRAMES, ARENA_PAGES, skey_byte(acc, true));
		few(store, (uint8_t)acc);
		few(store, 0);
	}
}

static void write_matching_keys(void)
{
	matching_keys(true);
}

static void read_matching_keys(void)
{
	matching_keys(false);
}

/* Access keys 1 to 15 on storage of another ACC with fetch protection */
static void other_keys(void)
{
	for (unsigned int acc = 0; has_keys() && acc < KEYS; acc++) {
		arena_key(arena, FRAMES, ARENA_PAGES, skey_byte(acc, true));
		for (unsigned int key = 1; key < KEYS; key++) {
			path.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
			path.key = (uint8_t)key;
			for (int store = 0; store < 2 && key != acc; store++) {
				plain(store, START + 8, 256);
				plain(store, START + BYTES_PAGE - 3, 7);
			}
		}
	}
}

#define MOVED MOVES " MEMOP-RET-01 MEMOP-BUF-04"

static const struct line lines[] = {
	{ "write: sizes around whole pages, up to the maximum", MOVED " MEMOP-SIZE-02",
	  write_around_pages },
	{ "read: sizes around whole pages, up to the maximum", MOVED " MEMOP-SIZE-02",
	  read_around_pages },
	{ "write: every size up to a page", MOVED, write_every_size },
	{ "read: every size up to a page", MOVED, read_every_size },
	{ "write: every offset in a page", MOVED, write_every_offset },
	{ "read: every offset in a page", MOVED, read_every_offset },
	{ "write: the guest fetches what was written", MOVES, guest_sees_write },
	{ "read: what the guest stored is read", MOVES, read_sees_guest },
	{ "write: a matching access key, or key 0, is permitted", MOVED " MEMOP-KEY-03",
	  write_matching_keys },
	{ "read: a matching access key, or key 0, is permitted", MOVED " MEMOP-KEY-03",
	  read_matching_keys },
	{ "another access key is denied and moves nothing", "MEMOP-KEY-03 MEMOP-KEY-06",
	  other_keys },
};

#endif
