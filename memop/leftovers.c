// SPDX-License-Identifier: GPL-2.0-only
/*
 * What requests that fail leave behind in the kernel, when there are very many of them.
 *
 * memop/contract.md, MEMOP-RET-02 and what refuses each: api.rst, KVM_S390_MEM_OP,
 * KVM_S390_GET_SKEYS. A request that has failed is over: no memory, no file, no lock.
 *
 * How it is seen: each kind of refusal and of exception so often that what the kernel says
 * of its memory (case/usage.h) tells one object or page of each; --times makes it more. Then
 * good requests, a slot added and deleted, which waits for whoever is still within
 * kvm->srcu, and a mapping, which waits for mmap_lock: what was not let go of hangs there.
 * At last processes that made each request end: nothing of their VMs and memory is left.
 *
 * Over 300 lines: a table of failures for each operation.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case/bytes.h"
#include "case/report.h"
#include "case/usage.h"
#include "compat.h"
#include "s390x/bench.h"
#include "s390x/skey.h"
#include "slot/backing.h"
#include "slot/hold.h"
#include "slot/region.h"

#define BASE 0x100000UL
#define END (BASE + ARENA_UNIT) /* and a hole */
#define DENIES (BASE + 64 * CONTRACT_PAGE)
#define KEY 4
#define TABLES 0x400000UL
#define CHILDREN 3
#define ROUNDS 5 /* in each of which one is left of each child */
#define SPARE_SLOT 20
#define SPARE 0x10000000UL
#define VIRTUAL 0x80000000UL

static const uint64_t slots[] = { 0, BASE };
static struct arena *arena;
static struct dat dat;
static uint8_t *buf; /* of which the second half cannot be accessed */
static uint32_t max;
static unsigned long times;

/* ------------------------------------------------------------------ one kind of failure */

static struct {
	int fd;
	unsigned long request;
	const void *arg;
	const struct prediction *expected; /* NULL: refused */
	struct outcome other;		   /* that was not expected */
} now;

static bool once(void)
{
	struct outcome o = outcome_of(ioctl(now.fd, now.request, now.arg));
	bool good = now.expected ? prediction_allows(now.expected, o)
				 : outcome_equal(o, outcome_refused());

	if (!good)
		now.other = o;
	return good;
}

static struct {
	struct outcome read, read_by_vcpu, added, deleted;
} after;

/* What a lock that is still held would stop */
static void good_requests(void)
{
	struct kvm_s390_mem_op op = {
		.op = KVM_S390_MEMOP_ABSOLUTE_READ, .gaddr = BASE, .size = 8, .buf = (uintptr_t)buf
	};
	struct region r = { .slot = SPARE_SLOT,
			    .gpa = SPARE,
			    .size = ARENA_UNIT,
			    .user = (uintptr_t)region_memory(ARENA_UNIT) };
	uint64_t user = r.user;

	after.added = region_set(arena->vm->fd, false, &r);
	r.size = 0;
	after.deleted = region_set(arena->vm->fd, false, &r);
	region_free_memory((uint8_t *)(uintptr_t)user, ARENA_UNIT);
	after.read = memop(arena->vm->fd, &op);
	op.op = KVM_S390_MEMOP_SIDA_READ; /* refused, since the guest is not protected */
	after.read_by_vcpu = memop(arena->vcpu->fd, &op);
}

static void goes_on(const char *name)
{
	if (!hold_comes_back(good_requests)) {
		report_wrong(name, "good requests come back afterwards", "one is stuck");
		TEST_ASSERT(false, "a thread of this process cannot be ended");
	}
	if (after.read.ret || after.added.ret || after.deleted.ret || !after.read_by_vcpu.ret)
		report_wrong(name, "good requests are carried out afterwards", "one is not");
}

static void many(const char *name, const char *clause, int fd, unsigned long request,
		 const void *arg, const struct prediction *expected)
{
	char text[OUTCOME_TEXT];

	now.fd = fd;
	now.request = request;
	now.arg = arg;
	now.expected = expected;
	if (!usage_kind(name, clause, once))
		report_wrong(name, "it fails, each time in the same way", "%s",
			     outcome_text(now.other, text));
}

/* ----------------------------------------------------------------------- MEM_OP */

static const struct access {
	uint32_t op;
	bool on_vcpu;
} accesses[] = {
	{ KVM_S390_MEMOP_LOGICAL_READ, true },
	{ KVM_S390_MEMOP_LOGICAL_WRITE, true },
	{ KVM_S390_MEMOP_ABSOLUTE_READ, false },
	{ KVM_S390_MEMOP_ABSOLUTE_WRITE, false },
};

/* The oracle tells what comes of it; it must not be success */
static void memop_many(const char *clause, bool on_vcpu, struct kvm_s390_mem_op op, bool good_buf,
		       bool good_old)
{
	struct request r = { .on_vcpu = on_vcpu, .op = op };
	const struct user_area all = { UINT64_MAX, UINT64_MAX }, none = { 0, 0 };
	uint8_t old[16] = { 0 };
	struct state s = arena->state;
	struct prediction p;
	char text[MEMOP_TEXT];

	s.buf = good_buf ? all : none;
	s.old = good_old ? all : none;
	s.old_value = old;
	compat_set_old_addr(&r.op, good_old ? old : NULL);
	contract_memop(&s, &r, &p);
	TEST_ASSERT(!prediction_allows(&p, outcome_success()), "%s is no failure",
		    memop_text(&r.op, text));
	many(memop_text(&r.op, text), clause, on_vcpu ? arena->vcpu->fd : arena->vm->fd,
	     KVM_S390_MEM_OP, &r.op, &p);
}

static struct kvm_s390_mem_op good(uint32_t op)
{
	return (struct kvm_s390_mem_op){
		.op = op, .gaddr = BASE, .size = 16, .buf = (uintptr_t)buf
	};
}

static void refused(void)
{
	struct kvm_s390_mem_op op = good(7);

	memop_many("MEMOP-OP-01", false, op, true, true);
	memop_many("MEMOP-OP-01", true, op, true, true);
	op = good(KVM_S390_MEMOP_SIDA_READ);
	memop_many("MEMOP-RET-02", true, op, true, true);
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		bool on_vcpu = accesses[i].on_vcpu;

		op = good(accesses[i].op);
		memop_many("MEMOP-RET-02", !on_vcpu, op, true, true);
		op.size = 0;
		memop_many("MEMOP-SIZE-01", on_vcpu, op, true, true);
		op.size = max + 1;
		memop_many("MEMOP-SIZE-02", on_vcpu, op, true, true);
		op.size = 16;
		op.flags = 1UL << 63;
		memop_many("MEMOP-FLAG-01", on_vcpu, op, true, true);
		op.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
		op.key = 16;
		memop_many("MEMOP-KEY-02", on_vcpu, op, true, true);
	}
}

/* Small ones may lie in another kind of memory than large ones */
static const uint32_t sizes[] = { 16, 16384 };

static void bad_buffers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
		for (size_t n = 0; n < ARRAY_SIZE(sizes); n++) {
			struct kvm_s390_mem_op op = good(accesses[i].op);

			op.size = sizes[n];
			op.buf = 0;
			memop_many("MEMOP-BUF-01", accesses[i].on_vcpu, op, false, true);
			op.buf = (uintptr_t)buf + ARENA_UNIT - sizes[n] / 2;
			memop_many("MEMOP-BUF-01", accesses[i].on_vcpu, op, false, true);
			op.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
			memop_many("MEMOP-BUF-01", accesses[i].on_vcpu, op, false, true);
		}
}

static void exceptions(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
		for (size_t n = 0; n < ARRAY_SIZE(sizes); n++) {
			bool on_vcpu = accesses[i].on_vcpu;
			struct kvm_s390_mem_op op = good(accesses[i].op);

			op.size = sizes[n];
			op.gaddr = END;
			memop_many("MEMOP-RET-02", on_vcpu, op, true, true);
			op.gaddr = END - sizes[n] / 2;
			memop_many("MEMOP-RET-02", on_vcpu, op, true, true);
			op.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
			op.key = KEY + 1;
			op.gaddr = DENIES;
			memop_many("MEMOP-KEY-03", on_vcpu, op, true, true);
			op.gaddr = DENIES - sizes[n] / 2;
			memop_many("MEMOP-KEY-03", on_vcpu, op, true, true);
			op.flags |= KVM_S390_MEMOP_F_CHECK_ONLY;
			memop_many("MEMOP-KEY-03", on_vcpu, op, true, true);
			op.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION |
				   KVM_S390_MEMOP_F_INJECT_EXCEPTION;
			if (on_vcpu)
				memop_many("MEMOP-KEY-03", true, op, true, true);
		}
}

/* A store may have changed what is before the page that denies it */
static void exceptions_and_rest(void)
{
	exceptions();
	arena_reset(arena, BASE, ARENA_UNIT);
}

static void exchanges(void)
{
	struct kvm_s390_mem_op op = good(KVM_S390_MEMOP_ABSOLUTE_CMPXCHG);

	op.size = 3;
	memop_many("MEMOP-RET-02", false, op, true, true);
	op.size = 8;
	op.gaddr = BASE + 4;
	memop_many("MEMOP-XCHG-08", false, op, true, true);
	op.gaddr = BASE;
	memop_many("MEMOP-XCHG-09", false, op, true, false);
	op.buf = 0;
	memop_many("MEMOP-BUF-01", false, op, false, true);
	op.buf = (uintptr_t)buf;
	op.gaddr = END;
	memop_many("MEMOP-RET-02", false, op, true, true);
	op.gaddr = DENIES;
	op.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION;
	op.key = KEY + 1;
	memop_many("MEMOP-RET-02", false, op, true, true);
}

/* Each level's entry in turn is invalid, or leads where there is no storage */
static void translations(void)
{
	struct cpu *cpu = &arena->state.cpu;
	uint64_t asce;

	for (enum dat_level level = DAT_PAGE; level <= DAT_REGION_THIRD; level++)
		for (int missing = 0; missing < 2; missing++) {
			uint64_t *entry;

			dat_reset(&dat);
			asce = cpu->cr[1] = dat_space(&dat, DAT_REGION_THIRD);
			cpu->psw_mask = PSW_EA | PSW_BA | PSW_DAT;
			for (uint64_t page = 0; page < 4; page++)
				dat_map(&dat, asce, VIRTUAL + page * CONTRACT_PAGE,
					BASE + page * CONTRACT_PAGE);
			entry = dat_entry(&dat, asce, VIRTUAL + 3 * CONTRACT_PAGE, level);
			if (missing)
				*entry += 0x10000000;
			else
				*entry |= level == DAT_PAGE ? DAT_PAGE_INVALID : DAT_INVALID;
			arena_cpu(arena);
			for (uint32_t op = 0; op <= KVM_S390_MEMOP_LOGICAL_WRITE; op++) {
				struct kvm_s390_mem_op m = good(op);

				m.gaddr = VIRTUAL;
				m.size = 16384;
				memop_many("MEMOP-LOG-06", true, m, true, true);
			}
		}
}

/* -------------------------------------------------------------------- storage keys */

static void keys_many(const char *name, const char *clause, uint64_t gfn, uint64_t count,
		      const void *keys, uint32_t flags)
{
	const struct kvm_s390_skeys r = {
		.start_gfn = gfn, .count = count, .skeydata_addr = (uintptr_t)keys, .flags = flags
	};
	static const char *const who[] = { "GET_SKEYS", "SET_SKEYS" };
	char text[120];

	for (int set = 0; set < 2; set++) {
		snprintf(text, sizeof(text), "%s, %s", who[set], name);
		many(text, clause, arena->vm->fd, set ? KVM_S390_SET_SKEYS : KVM_S390_GET_SKEYS, &r,
		     NULL);
	}
}

static void storage_keys(void)
{
	const uint64_t gfn = BASE / CONTRACT_PAGE, hole = END / CONTRACT_PAGE;
	struct kvm_s390_skeys bad = { .start_gfn = gfn, .count = 200 };

	bytes_copy(buf, bytes_rest(0), 8192);
	keys_many("no keys", "SKEY-02", gfn, 0, buf, 0);
	keys_many("too many", "SKEY-03", gfn, KVM_S390_SKEYS_MAX + 1, buf, 0);
	keys_many("a flag", "SKEY-07", gfn, 1, buf, 1);
	memset(buf, 0, 8192);
	keys_many("no storage", "SKEY-08", hole, 200, buf, 0);
	keys_many("no storage, many keys", "SKEY-08", hole, 8192, buf, 0);
	keys_many("storage that ends", "SKEY-08", hole - 4, 8, buf, 0);
	keys_many("no buffer", "SKEY-09", gfn, 200, NULL, 0);
	keys_many("a buffer that ends", "SKEY-09", gfn, 16, buf + ARENA_UNIT - 8, 0);
	buf[3] = 1;
	bad.skeydata_addr = (uintptr_t)buf;
	many("SET_SKEYS, an invalid key", "SKEY-06", arena->vm->fd, KVM_S390_SET_SKEYS, &bad, NULL);
	buf[3] = 0;
}

static void line_refused(void)
{
	usage_line(refused, times, goes_on);
}

static void line_bad_buffers(void)
{
	usage_line(bad_buffers, times, goes_on);
}

static void line_exceptions(void)
{
	usage_line(exceptions_and_rest, times, goes_on);
}

static void line_exchanges(void)
{
	usage_line(exchanges, times, goes_on);
}

static void line_translations(void)
{
	usage_line(translations, times, goes_on);
}

static void line_storage_keys(void)
{
	usage_line(storage_keys, times, goes_on);
}

/* -------------------------------------------------------------- processes that end */

/* Those last whose exceptions are injected, and pending then */
static void (*const kinds[])(void) = { refused,	     bad_buffers,  exchanges,
				       storage_keys, translations, exceptions_and_rest };
static bool children_good;

/* A VM of its own, each request, and nobody holds the VM when its last file is closed */
static bool is_good_child(void)
{
	bool good = true;
	long vms;

	arena = arena_create(slots, ARRAY_SIZE(slots), 0);
	dat_create(&dat, arena, TABLES);
	arena_key(arena, DENIES, 4, skey_byte(KEY, true));
	vms = usage_vms();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		arena->state.cpu.psw_mask = PSW_EA | PSW_BA;
		arena_cpu(arena);
		good &= usage_each_once(kinds[i]);
	}
	arena_free(arena);
	return good && vms && usage_vms() <= 0;
}

static void children(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		int status = 1;
		pid_t child = fork();

		if (!child)
			_exit(!is_good_child());
		children_good &= child > 0 && waitpid(child, &status, 0) == child && !status;
	}
}

static void line_processes(void)
{
	const char *name = "a process that makes each of them ends";
	long before, more = CHILDREN;

	if (!report_case())
		return;
	children_good = true;
	for (int i = 0; i < ROUNDS && more >= CHILDREN; i++) {
		before = usage_objects("mm_struct");
		children();
		more = usage_objects("mm_struct") - before;
	}
	if (more >= CHILDREN)
		report_wrong(name, "nobody holds its memory",
			     "%ld more mm_struct in /proc/slabinfo after %d of them", more,
			     CHILDREN);
	if (!children_good)
		report_wrong(name, "its VM goes with its last file", "it is still in debugfs");
}

static const struct line lines[] = {
	{ "requests that are refused",
	  "MEMOP-OP-01 MEMOP-RET-02 MEMOP-SIZE-01 MEMOP-SIZE-02 MEMOP-FLAG-01 MEMOP-KEY-02",
	  line_refused },
	{ "requests with buffers that are not there", "MEMOP-BUF-01", line_bad_buffers },
	{ "requests that meet an exception", "MEMOP-RET-02 MEMOP-KEY-03", line_exceptions },
	{ "cmpxchg, refused and denied", "MEMOP-RET-02 MEMOP-XCHG-08 MEMOP-XCHG-09 MEMOP-BUF-01",
	  line_exchanges },
	{ "requests that translation ends, at each level", "MEMOP-LOG-06", line_translations },
	{ "storage keys that cannot be set or read",
	  "SKEY-02 SKEY-03 SKEY-06 SKEY-07 SKEY-08 SKEY-09", line_storage_keys },
	{ "a VM and its process go, whatever requests failed", "MEMOP-RET-02", line_processes },
};

static void set_up(void)
{
	max = (uint32_t)memop_max_size();
	buf = mmap(NULL, 2 * ARENA_UNIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	TEST_ASSERT(buf != MAP_FAILED && !mprotect(buf + ARENA_UNIT, ARENA_UNIT, PROT_NONE),
		    "no memory");
	arena_key(arena, DENIES, 4, skey_byte(KEY, true));
	arena_cpu(arena);
}

static void tear_down(void)
{
	munmap(buf, 2 * ARENA_UNIT);
}

static const struct bench bench = {
	.need = MEMOP_CMPXCHG,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.dat = &dat,
	.tables = TABLES,
	.begin = set_up,
	.end = tear_down,
};

int main(int argc, char **argv)
{
	static const struct report_number numbers[] = {
		{ "--times", "how often each request is made", &times },
	};

	times = usage_enough();
	report_numbers(numbers, ARRAY_SIZE(numbers));
	return bench_main(argc, argv, lines, ARRAY_SIZE(lines), &bench);
}
