// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and writes that move exactly the bytes they name: see copy_check.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "compat.h"
#include "kvm_util.h"
#include "s390x/copy_check.h"
#include "s390x/memop.h"
#include "case/report.h"
#include "s390x/skey.h"

#define BUFFER_MAX (1UL << 17)
/* Where the requests of the cases that enumerate offsets begin: page 3 and on */
#define START (3 * BYTES_PAGE)
#define KEYS 16

struct attempt {
	const struct copy_path *path;
	size_t offset, size;
	uint8_t *buf;
	struct kvm_s390_mem_op op;
	struct outcome outcome;
};

static void fail(const struct attempt *a, const char *expected, const char *observed, long byte)
{
	char request[MEMOP_TEXT], state[80];

	snprintf(state, sizeof(state), "view offset %#zx, %s of guest memory", a->offset,
		 a->path->view->page ? "scattered pages" : "adjacent pages");
	report_fail(&(struct finding){ .state = state,
				       .request = memop_text(&a->op, request),
				       .expected = expected,
				       .observed = observed,
				       .offset = byte });
}

static bool outcome_as(const struct attempt *a, struct outcome expected)
{
	char want[OUTCOME_TEXT], got[OUTCOME_TEXT];

	if (outcome_equal(a->outcome, expected))
		return true;
	fail(a, outcome_text(expected, want), outcome_text(a->outcome, got), -1);
	return false;
}

/*
 * The user's buffer for @size bytes that belong at @offset, at an alignment of
 * its own. It and its guards hold inverted bytes, so that no guest byte looks alike.
 */
static uint8_t *fill_buffer(size_t offset, size_t size)
{
	static uint8_t *buffer;
	uint8_t *buf;

	if (!buffer)
		buffer = malloc(BYTES_GUARD + 8 + BUFFER_MAX + BYTES_GUARD);
	TEST_ASSERT(buffer && size <= BUFFER_MAX, "no buffer of %zu bytes", size);
	buf = buffer + BYTES_GUARD + size % 8;
	bytes_copy(buf - BYTES_GUARD, bytes_inverted(offset - BYTES_GUARD), size + 2 * BYTES_GUARD);
	return buf;
}

static struct attempt issue(const struct copy_path *p, uint32_t op, size_t offset, size_t size)
{
	struct attempt a = {
		.path = p,
		.offset = offset,
		.size = size,
		.buf = fill_buffer(offset, size),
		.op = {
			.op = op,
			.gaddr = p->base + offset,
			.size = (uint32_t)size,
			.flags = p->flags,
			.key = p->key,
		},
	};

	a.op.buf = (uintptr_t)a.buf;
	a.outcome = memop(p->fd, &a.op);
	return a;
}

/* Each of these reports the first thing that is wrong, and is true if nothing is */

/* The buffer and its guards still hold what fill_buffer() put there */
static bool buffer_alone(const struct attempt *a)
{
	long d = bytes_differ(a->buf - BYTES_GUARD, bytes_inverted(a->offset - BYTES_GUARD),
			      a->size + 2 * BYTES_GUARD);

	if (d >= 0)
		fail(a, "the user's buffer is left alone",
		     "a byte of it, or beside it, has changed", d - (long)BYTES_GUARD);
	return d < 0;
}

static bool guards_alone(const struct attempt *a)
{
	long d = view_disturbed(a->path->view, a->offset, a->size);

	if (d >= 0)
		fail(a, "guest bytes beside the access are left alone", "one of them has changed",
		     d - (long)a->offset);
	return d < 0;
}

static bool guest_holds(const struct attempt *a, const uint8_t *bytes, const char *expected)
{
	long d = view_differ(a->path->view, a->offset, bytes, a->size);

	if (d >= 0)
		fail(a, expected, "another byte", d);
	return d < 0 && guards_alone(a);
}

static bool guest_alone(const struct attempt *a)
{
	return guest_holds(a, bytes_rest(a->offset), "guest memory is left alone");
}

static bool guest_stored(const struct attempt *a)
{
	return guest_holds(a, bytes_inverted(a->offset),
			   "the guest's memory holds the given bytes");
}

static bool buffer_filled(const struct attempt *a, const uint8_t *with)
{
	long d = bytes_differ(a->buf, with, a->size);

	if (d >= 0) {
		fail(a, "the buffer holds the guest's bytes", "another byte", d);
		return false;
	}
	d = bytes_differ(a->buf - BYTES_GUARD, bytes_inverted(a->offset - BYTES_GUARD),
			 BYTES_GUARD);
	if (d < 0)
		d = bytes_differ(a->buf + a->size, bytes_inverted(a->offset + a->size),
				 BYTES_GUARD);
	if (d >= 0)
		fail(a, "bytes beside the buffer are left alone", "one of them has changed", -1);
	return d < 0;
}

/* After the last case: no request has left a byte changed anywhere else */
static void all_at_rest(const struct copy_path *p)
{
	struct attempt a = { .path = p };
	long d;

	if (!report_case())
		return;
	d = view_differ(p->view, 0, bytes_rest(0), p->view->size);
	if (d >= 0)
		fail(&a, "no guest byte outside the requests has changed", "one has", d);
	view_rest(p->view);
}

static void restore(const struct copy_path *p, size_t offset, size_t size)
{
	view_store(p->view, offset, bytes_rest(offset), size);
}

void copy_check_write(const struct copy_path *p, size_t offset, size_t size)
{
	struct attempt a;

	if (!report_case())
		return;
	a = issue(p, p->write_op, offset, size);
	(void)(outcome_as(&a, outcome_success()) && guest_stored(&a) && buffer_alone(&a));
	restore(p, offset, size);
}

void copy_check_read(const struct copy_path *p, size_t offset, size_t size)
{
	struct attempt a;

	if (!report_case())
		return;
	a = issue(p, p->read_op, offset, size);
	(void)(outcome_as(&a, outcome_success()) && buffer_filled(&a, bytes_rest(offset)) &&
	       guest_alone(&a));
}

static bool guest_fetches(const struct attempt *a)
{
	const struct view *mirror = &a->path->guest->mirror;
	long d;

	copy_guest_fetch(a->path->guest, a->path->base + a->offset, a->offset, a->size);
	d = view_differ(mirror, a->offset, bytes_inverted(a->offset), a->size);
	if (d >= 0)
		fail(a, "the guest's own fetch gets the given bytes", "another byte", d);
	view_store(mirror, a->offset, bytes_rest(a->offset), a->size);
	return d < 0;
}

/* A write whose bytes the guest then copies with its own instructions */
static void copy_check_write_guest(const struct copy_path *p, size_t offset, size_t size)
{
	struct attempt a;

	if (!report_case())
		return;
	a = issue(p, p->write_op, offset, size);
	(void)(outcome_as(&a, outcome_success()) && guest_stored(&a) && guest_fetches(&a));
	restore(p, offset, size);
}

/* A read of bytes that the guest has stored with its own instructions */
static void copy_check_read_guest(const struct copy_path *p, size_t offset, size_t size)
{
	const struct view *mirror = &p->guest->mirror;
	/* Neither at rest nor in the buffer: the inverted bytes of another place */
	const uint8_t *stored = bytes_inverted(offset + BYTES_PAGE);
	struct attempt a;

	if (!report_case())
		return;
	view_store(mirror, offset, stored, size);
	copy_guest_store(p->guest, p->base + offset, offset, size);
	a = issue(p, p->read_op, offset, size);
	(void)(outcome_as(&a, outcome_success()) && buffer_filled(&a, stored) &&
	       guest_holds(&a, stored, "guest memory is left as the guest stored it"));
	restore(p, offset, size);
	view_store(mirror, offset, bytes_rest(offset), size);
}

/* Sizes around each number of whole pages up to the maximum, from offsets 0, 1, half and last */
static void copy_around_pages(const struct copy_path *p, copy_case *check)
{
	static const size_t offsets[] = { 0, 1, BYTES_PAGE / 2, BYTES_PAGE - 1 };

	for (size_t size = BYTES_PAGE; size <= p->max; size += BYTES_PAGE)
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
			for (int beside = -1; beside <= 1; beside++)
				if (size + (size_t)beside <= p->max)
					check(p, START + offsets[i], size + (size_t)beside);
	all_at_rest(p);
}

/* Every size from 1 to a page and one byte, at an offset of its own; then the maximum */
static void copy_every_size(const struct copy_path *p, copy_case *check)
{
	/* 37 is odd: the offsets run through all of a page */
	for (size_t size = 1; size <= BYTES_PAGE + 1 && size <= p->max; size++)
		check(p, START + size * 37 % BYTES_PAGE, size);
	check(p, START, p->max);
	all_at_rest(p);
}

void copy_every_offset(const struct copy_path *p, copy_case *check)
{
	for (size_t offset = 0; offset < BYTES_PAGE; offset++)
		check(p, START + offset, 1 + (BYTES_PAGE - offset) % 16);
	all_at_rest(p);
}

/* Sizes in powers of 2 up to the maximum, across page ends: few, as the guest copies by bytes */
static void copy_some(const struct copy_path *p, copy_case *check)
{
	for (size_t size = 1; size <= p->max; size *= 2) {
		check(p, START, size);
		check(p, START + BYTES_PAGE - 1 - size / 2 % BYTES_PAGE, size);
	}
	all_at_rest(p);
}

static bool set_key(const struct copy_path *p, unsigned int acc)
{
	struct outcome o;

	if (kvm_check_cap(KVM_CAP_S390_MEM_OP_EXTENSION) <= 0) {
		report_skip(SKIP_CAPABILITY, "needs KVM_CAP_S390_MEM_OP_EXTENSION");
		return false;
	}
	o = skey_set(p->guest->vm, p->guest->tested_gpa, COPY_GUEST_SIZE / BYTES_PAGE,
		     skey_byte(acc, true));
	if (!outcome_equal(o, outcome_success()))
		report_skip(SKIP_CAPABILITY, "needs KVM_S390_SET_SKEYS");
	return o.ret == 0;
}

/* Within a page, across a page's end, and the largest */
static void few(const struct copy_path *p, copy_case *check)
{
	check(p, START, 1);
	check(p, START + 8, 256);
	check(p, START + BYTES_PAGE - 3, 7);
	check(p, START + 2048, BYTES_PAGE);
	check(p, START + 1, p->max);
}

/*
 * Each access key on storage of its own ACC with fetch protection, and key 0 on
 * each ACC: all of it is permitted
 */
static void copy_matching_keys(const struct copy_path *p, copy_case *check)
{
	for (unsigned int acc = 0; acc < KEYS; acc++) {
		struct copy_path keyed = *p;

		if (!set_key(p, acc))
			return;
		keyed.flags |= KVM_S390_MEMOP_F_SKEY_PROTECTION;
		keyed.key = (uint8_t)acc;
		few(&keyed, check);
		keyed.key = 0;
		few(&keyed, check);
	}
	set_key(p, 0);
	all_at_rest(p);
}

static void check_denied(const struct copy_path *p, size_t offset, size_t size)
{
	const uint32_t ops[] = { p->write_op, p->read_op };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct attempt a;

		if (!report_case())
			continue;
		a = issue(p, ops[i], offset, size);
		(void)(outcome_as(&a, outcome_exception(PGM_PROTECTION)) && guest_alone(&a) &&
		       buffer_alone(&a));
		restore(p, offset, size);
	}
}

/*
 * Access keys 1 to 15 on storage of another ACC with fetch protection:
 * PGM_PROTECTION, and no byte moves (Principles of Operation, chapter 3,
 * "Key-Controlled Protection")
 */
static void copy_other_keys(const struct copy_path *p)
{
	for (unsigned int acc = 0; acc < KEYS; acc++) {
		if (!set_key(p, acc))
			return;
		for (unsigned int key = 1; key < KEYS; key++) {
			struct copy_path keyed = *p;

			if (key == acc)
				continue;
			keyed.flags |= KVM_S390_MEMOP_F_SKEY_PROTECTION;
			keyed.key = (uint8_t)key;
			check_denied(&keyed, START + 8, 256);
			check_denied(&keyed, START + BYTES_PAGE - 3, 7);
		}
	}
	set_key(p, 0);
	all_at_rest(p);
}

static struct copy_path path;

static void write_around_pages(void)
{
	copy_around_pages(&path, copy_check_write);
}

static void read_around_pages(void)
{
	copy_around_pages(&path, copy_check_read);
}

static void write_every_size(void)
{
	copy_every_size(&path, copy_check_write);
}

static void read_every_size(void)
{
	copy_every_size(&path, copy_check_read);
}

static void write_every_offset(void)
{
	copy_every_offset(&path, copy_check_write);
}

static void read_every_offset(void)
{
	copy_every_offset(&path, copy_check_read);
}

static void guest_sees_write(void)
{
	copy_some(&path, copy_check_write_guest);
}

static void read_sees_guest(void)
{
	copy_some(&path, copy_check_read_guest);
}

static void write_matching_keys(void)
{
	copy_matching_keys(&path, copy_check_write);
}

static void read_matching_keys(void)
{
	copy_matching_keys(&path, copy_check_read);
}

static void other_keys(void)
{
	copy_other_keys(&path);
}

/* Their clauses are those of the kind of access */
static struct line lines[] = {
	{ "write: sizes around whole pages, up to the maximum", NULL, write_around_pages },
	{ "read: sizes around whole pages, up to the maximum", NULL, read_around_pages },
	{ "write: every size up to a page", NULL, write_every_size },
	{ "read: every size up to a page", NULL, read_every_size },
	{ "write: every offset in a page", NULL, write_every_offset },
	{ "read: every offset in a page", NULL, read_every_offset },
	{ "write: the guest fetches what was written", NULL, guest_sees_write },
	{ "read: what the guest stored is read", NULL, read_sees_guest },
	{ "write: a matching access key, or key 0, is permitted", NULL, write_matching_keys },
	{ "read: a matching access key, or key 0, is permitted", NULL, read_matching_keys },
	{ "another access key is denied and moves nothing", NULL, other_keys },
};

int copy_check_main(int argc, char **argv, const char *clauses, void (*open)(struct copy_path *p))
{
	const char *why;
	int status;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		lines[i].clauses = clauses;
	report_options(argc, argv, lines, ARRAY_SIZE(lines));
	report_need(compat_kernel_fits(&why), SKIP_CAPABILITY, why);
	report_need(memop_max_size() > 0, SKIP_CAPABILITY, "KVM_CAP_S390_MEM_OP");
	path.max = memop_max_size();
	path.guest = copy_guest_create();
	open(&path);
	view_rest(path.view);
	status = report_run();
	copy_guest_free(path.guest);
	return status;
}
