// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page that a MEM_OP has stored to stays in the dirty log, whatever happens to it after that.
 *
 * mem_slot/contract.md, DIRTY-03; api.rst, KVM_GET_DIRTY_LOG: the pages dirtied since the
 * last call, of which a request's are some. The guest's own stores are found in its page
 * tables, those of a request are told to the log by KVM itself: a history that takes the
 * page tables away must not take these with it, and where the guest has never been they are
 * all that there is.
 *
 * How it is seen: as in mem_slot/dirty_history, with requests for the guest's accesses: each
 * operation that stores, without a key, with one, and in memory with storage keys.
 */
#include <sys/mman.h>

#include "case/bytes.h"
#include "case/report.h"
#include "compat.h"
#include "guest/history_log.h"
#include "s390x/memop.h"
#include "s390x/skey.h"
#include "slot/backing.h"
#include "slot/region.h"

#define CLAUSES "DIRTY-03"
#define SLOT 9
#define HERE 0x40000000UL
#define SIZE (2UL << 20)
#define PAGES (SIZE / BYTES_PAGE)
#define KEY 9

static struct worker worker;
static uint8_t *memory;

/* How a request stores */
static const struct writer {
	const char *name;
	uint32_t op;
	bool keyed;
} writers[] = {
	{ "an absolute write", KVM_S390_MEMOP_ABSOLUTE_WRITE, false },
	{ "an absolute write with a key", KVM_S390_MEMOP_ABSOLUTE_WRITE, true },
	{ "a logical write", KVM_S390_MEMOP_LOGICAL_WRITE, false },
	{ "a logical write with a key", KVM_S390_MEMOP_LOGICAL_WRITE, true },
	{ "a cmpxchg", KVM_S390_MEMOP_ABSOLUTE_CMPXCHG, false },
	{ "a cmpxchg with a key", KVM_S390_MEMOP_ABSOLUTE_CMPXCHG, true },
};

static const struct writer *writer;
static uint8_t key; /* of the pages, once there are keys */

/* ---------------------------------------------------------------- the requests */

static struct kvm_s390_mem_op request(uint32_t op, uint64_t gpa, void *bytes)
{
	return (struct kvm_s390_mem_op){
		.op = op,
		.gaddr = gpa,
		.size = 8,
		.flags = writer->keyed ? KVM_S390_MEMOP_F_SKEY_PROTECTION : 0,
		.buf = (uintptr_t)bytes,
		.key = writer->keyed ? key : 0,
	};
}

static void issue(const struct kvm_s390_mem_op *op)
{
	bool on_vcpu = op->op == KVM_S390_MEMOP_LOGICAL_WRITE;
	struct outcome o = memop(on_vcpu ? worker.vcpu->fd : worker.vm->fd, op);

	TEST_ASSERT(o.ret == 0, "%s at %#llx: returned %d, errno %d", writer->name,
		    (unsigned long long)op->gaddr, o.ret, o.err);
}

/* A history may have taken the page's storage key with its backing */
static void renew_key(uint64_t gpa)
{
	/* Twice: the first key of a segment that nobody touched may be lost (FIND-01) */
	for (int i = 0; i < 2 && key; i++) {
		struct outcome o = skey_set(worker.vm, gpa, 1, skey_byte(key, true));

		TEST_ASSERT(o.ret == 0, "KVM_S390_SET_SKEYS, errno %d", o.err);
	}
}

static void read_by(uint64_t gpa)
{
	uint64_t value;
	struct kvm_s390_mem_op op = request(KVM_S390_MEMOP_ABSOLUTE_READ, gpa, &value);

	op.flags = 0;
	issue(&op);
}

static void write_by(uint64_t gpa, uint64_t value)
{
	struct kvm_s390_mem_op op = request(writer->op, gpa, &value);
	uint64_t old;

	renew_key(gpa);
	if (op.op == KVM_S390_MEMOP_ABSOLUTE_CMPXCHG) {
		struct kvm_s390_mem_op find = request(KVM_S390_MEMOP_ABSOLUTE_READ, gpa, &old);

		issue(&find);
		compat_set_old_addr(&op, &old);
	}
	issue(&op);
}

/* ------------------------------------------------------------------- the lines */

/*
 * At borders of the segments, and one whose place in its segment is no other's: of three, one is
 * written, one is read, one is left alone
 */
static const size_t pages[] = {
	0, 1, 2, PAGES / 2 - 1, PAGES / 2, PAGES / 2 + 1, PAGES - 9, PAGES - 8, PAGES - 2, PAGES - 1
};

/* A slot of which the guest has met each segment, away from these pages, or none */
static const char *with_slot(enum history h, bool met)
{
	struct region r = { .slot = SLOT,
			    .flags = KVM_MEM_LOG_DIRTY_PAGES,
			    .gpa = HERE,
			    .size = SIZE,
			    .user = (uintptr_t)memory };
	const struct history_log l = { .worker = &worker,
				       .slot = SLOT,
				       .gpa = HERE,
				       .size = SIZE,
				       .memory = memory,
				       .page = pages,
				       .count = ARRAY_SIZE(pages),
				       .read = met ? NULL : read_by,
				       .write = write_by,
				       .by = writer->name,
				       .keys_in_use = key };
	const char *missing;

	TEST_ASSERT(!region_set(worker.vm->fd, false, &r).ret, "slot, errno %d", errno);
	for (uint64_t at = 0; met && at < SIZE; at += 1UL << 20)
		worker_read(&worker, HERE + at + 3 * BYTES_PAGE);
	missing = history_log_cases(&l, h);
	r.size = 0;
	TEST_ASSERT(!region_set(worker.vm->fd, false, &r).ret, "slot, errno %d", errno);
	return missing;
}

static void line(enum history h)
{
	const char *missing = NULL;

	key = 0;
	for (size_t i = 0; i < ARRAY_SIZE(writers) && !missing; i++) {
		writer = &writers[i];
		missing = with_slot(h, false);
		if (!missing)
			with_slot(h, true);
	}
	if (missing)
		report_skip(SKIP_RESOURCE, "needs %s", missing);
}

HISTORY_EACH(HISTORY_CHECK)

/*
 * Storage keys cannot be given up again, and what uses them is not merged: these lines come
 * last, and a history that is missing is none of their business
 */
static void with_keys(uint32_t op)
{
	key = KEY;
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		writer = &writers[i];
		if (writer->op != op || !writer->keyed)
			continue;
		for (enum history h = 0; h < HISTORIES; h++) {
			with_slot(h, false);
			with_slot(h, true);
		}
	}
}

static void absolute_with_keys(void)
{
	with_keys(KVM_S390_MEMOP_ABSOLUTE_WRITE);
}

static void logical_with_keys(void)
{
	with_keys(KVM_S390_MEMOP_LOGICAL_WRITE);
}

static void exchanged_with_keys(void)
{
	with_keys(KVM_S390_MEMOP_ABSOLUTE_CMPXCHG);
}

static const struct line lines[] = {
	HISTORY_EACH(HISTORY_LINE) /**/
	{ "an absolute write with a key, into pages with storage keys", CLAUSES,
	  absolute_with_keys },
	{ "a logical write with a key, into pages with storage keys", CLAUSES, logical_with_keys },
	{ "a cmpxchg with a key, of pages with storage keys", CLAUSES, exchanged_with_keys },
};

static uint64_t nothing(uint64_t value)
{
	return value;
}

static void set_up(void)
{
	memory = region_memory(SIZE);
	worker_create(&worker);
	worker_map(&worker, HERE, PAGES);
	/* Before it has run once the vCPU has not the translation that logical writes use */
	worker_call(&worker, nothing, 0);
}

static void tear_down(void)
{
	worker_free(&worker);
	munmap(memory, SIZE);
}

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	report_around(set_up, tear_down);
	return report_run();
}
