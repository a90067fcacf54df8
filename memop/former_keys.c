// SPDX-License-Identifier: GPL-2.0-only
/*
 * What another VM's storage keys leave behind in the frames that it gave back: nothing.
 *
 * memop/contract.md, SKEY-11, MEMOP-KEY-03, MEMOP-KEY-08. PoP, chapter 4, "Clear Reset": the
 * storage keys of a configuration that begins are zero, whoever had its frames before.
 *
 * How it is seen: a process sets keys in a VM with much memory and ends. A new VM's memory
 * then gets frames of it, and requests and instructions with a key of their own go to
 * every page: while the new VM uses no storage keys, and once it does, with pages that
 * were read-only to the process at that moment, or not there, among them. The same in huge
 * pages, whose keys are in their frames only.
 *
 * Over 300 lines: two kinds of memory, before and after keys are in use, have one way to tell.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "case/bytes.h"
#include "case/report.h"
#include "compat.h"
#include "s390x/judge.h"
#include "s390x/memop.h"
#include "s390x/memop_deviation.h"
#include "s390x/page_op.h"
#include "s390x/skey.h"
#include "slot/backing.h"

#define BASE 0x200000UL
#define SLOTS 3
#define FORMER (32UL << 20)	/* bytes that the former VM has: KVM_S390_SKEYS_MAX pages */
#define FORMER_HUGE (8UL << 20) /* the same in huge pages, or more */
#define KEY 5			/* of page_ops whose key is neither 0 nor the page's */

/* The fetch is denied to KEY; the store is allowed, which key 0 does not allow */
static const uint8_t former[2] = { 0xf8, KEY << SKEY_ACC_SHIFT };

static const uint64_t slots[SLOTS] = { BASE, 2 * BASE, 3 * BASE };

static struct arena *arena;
static bool keys_used, in_huge_pages;

/* Two keys by turns */
static void set_keys(struct kvm_vm *vm, size_t size, const uint8_t *by_turns)
{
	static uint8_t keys[FORMER / CONTRACT_PAGE];
	struct kvm_s390_skeys request = { .count = size / CONTRACT_PAGE,
					  .skeydata_addr = (uintptr_t)keys };

	for (size_t i = 0; i < request.count; i++)
		keys[i] = by_turns[i % 2];
	TEST_ASSERT(!ioctl(vm->fd, KVM_S390_SET_SKEYS, &request), "KVM_S390_SET_SKEYS, errno %d",
		    errno);
}

/* From 7.1 on a frame has its key only once KVM has mapped it, as for an access with a key */
static void meet(struct kvm_vm *vm, size_t size)
{
	static const uint8_t none[2];
	struct kvm_s390_mem_op op = {
		.op = KVM_S390_MEMOP_ABSOLUTE_READ,
		.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION,
		.size = (uint32_t)memop_max_size(),
		.buf = (uintptr_t)malloc(memop_max_size()),
		.key = KEY,
	};

	set_keys(vm, size, none); /* or it is denied what a VM before this one has left */
	for (; op.gaddr < size; op.gaddr += op.size)
		TEST_ASSERT(!memop(vm->fd, &op).ret, "the former VM's accesses");
	free((void *)(uintptr_t)op.buf);
}

/* A process whose VM leaves its keys in the frames */
static void leave_keys(size_t size, bool huge)
{
	struct kvm_userspace_memory_region region = { .memory_size = size };
	struct kvm_vm *vm;
	uint8_t *memory;
	int status = 0;
	pid_t child = fork();

	TEST_ASSERT(child >= 0, "fork");
	if (child) {
		TEST_ASSERT(waitpid(child, &status, 0) == child && !status,
			    "the former VM's process: status %#x", status);
		return;
	}
	vm = vm_create_barebones();
	if (huge)
		vm_enable_cap(vm, KVM_CAP_S390_HPAGE_1M, 0);
	memory = huge ? region_huge_memory(size) : region_memory(size);
	TEST_ASSERT(memory, "no memory");
	memset(memory, 0, size);
	region.userspace_addr = (uintptr_t)memory;
	TEST_ASSERT(!ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region), "the former VM's slot");
	if (compat_new_memory_management())
		meet(vm, size);
	set_keys(vm, size, former);
	_exit(0);
}

static void begin(void)
{
	leave_keys(FORMER, false);
	arena = arena_create(slots, SLOTS, 0);
	judge_create(arena);
}

static void end(void)
{
	arena_free(arena);
}

static struct outcome outcome_for(const struct page_op *o, uint8_t storage_key)
{
	return page_op_denied(o, storage_key) ? outcome_exception(PGM_PROTECTION)
					      : outcome_success();
}

/* The slot that the process could only read when keys came into use */
static bool was_read_only(uint64_t gpa)
{
	return gpa - slots[1] < ARENA_UNIT;
}

/* The one that had no memory then */
static bool was_discarded(uint64_t gpa)
{
	return gpa - slots[2] < ARENA_UNIT;
}

static const char *fault_at(uint64_t gpa)
{
	if (keys_used && in_huge_pages && (was_read_only(gpa) || was_discarded(gpa)))
		return fault_of_huge_keys();
	return fault_of_former_keys(keys_used, was_read_only(gpa));
}

/* What the page's key comes to has to be that of key 0; where it is a former one it is the fault */
static void judge_access(const struct page_op *o, struct page_access *x)
{
	struct outcome expected = outcome_for(o, 0);
	char want[OUTCOME_TEXT], got[OUTCOME_TEXT];

	report_decided(o->kind == PAGE_OP_GUEST ? "SKEY-11 MEMOP-KEY-08" : "SKEY-11 MEMOP-KEY-03");
	if (outcome_equal(x->outcome, expected))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(former) && fault_at(x->gpa); i++)
		if (outcome_equal(x->outcome, outcome_for(o, former[i]))) {
			report_fault(fault_at(x->gpa));
			return;
		}
	report_wrong(o->name, outcome_text(expected, want), "%s at %#lx",
		     outcome_text(x->outcome, got), (unsigned long)x->gpa);
}

static void one_access(const struct page_op *o, uint64_t gpa)
{
	struct page_access x = { .arena = arena, .gpa = gpa };

	if (!report_case())
		return;
	bytes_copy(x.now, arena_at(arena, gpa), PAGE_OP_BYTES);
	bytes_copy(x.new, bytes_inverted(gpa / CONTRACT_PAGE % 64), PAGE_OP_BYTES);
	page_op_run(o, &x);
	judge_access(o, &x);
}

static void accesses(void)
{
	for (size_t i = 0; i < page_op_count; i++) {
		if (page_ops[i].key != KEY)
			continue;
		report_about("%s", page_ops[i].name);
		for (size_t s = 0; s < SLOTS; s++)
			for (uint64_t page = 0; page < ARENA_PAGES; page++)
				one_access(&page_ops[i], slots[s] + page * CONTRACT_PAGE);
	}
}

static void before_use(void)
{
	keys_used = false;
	accesses();
}

static void use_keys(void)
{
	struct judge_order iske = { .address = slots[0],
				    .psw_mask = JUDGE_PSW,
				    .kind = JUDGE_ISKE };

	judge_run(arena, &iske, 1);
	report_check(iske.code == 0 && !(iske.value & ~(uint64_t)(SKEY_REFERENCE | SKEY_CHANGE)),
		     "ISKE", "ACC and F are 0", "code %#x, key %#llx", iske.code,
		     (unsigned long long)iske.value);
}

static void key_is_zero(uint64_t gpa, uint8_t key)
{
	if (!report_case() || !(key & ~(SKEY_REFERENCE | SKEY_CHANGE)))
		return;
	if (fault_at(gpa))
		report_fault(fault_at(gpa));
	else
		report_wrong("GET_SKEYS", "ACC and F are 0", "key %#04x at %#lx", key,
			     (unsigned long)gpa);
}

static void keys_are_zero(void)
{
	static uint8_t keys[ARENA_PAGES];

	for (size_t s = 0; s < SLOTS; s++) {
		TEST_ASSERT(!skey_get(arena->vm, slots[s], ARENA_PAGES, keys).ret,
			    "KVM_S390_GET_SKEYS");
		for (size_t p = 0; p < ARENA_PAGES; p++)
			key_is_zero(slots[s] + p * CONTRACT_PAGE, keys[p]);
	}
}

/* The guest fetches from each page: those that it has mapped are to be cleared, too */
static void map_all(void)
{
	static struct judge_order fetches[SLOTS * ARENA_PAGES];

	for (size_t i = 0; i < ARRAY_SIZE(fetches); i++)
		fetches[i] = (struct judge_order){
			.address = slots[i / ARENA_PAGES] + i % ARENA_PAGES * CONTRACT_PAGE,
			.psw_mask = JUDGE_PSW,
			.kind = JUDGE_FETCH,
		};
	judge_run(arena, fetches, ARRAY_SIZE(fetches));
}

/* Among them pages that are read-only to the process when keys come into use, or not there */
static void in_use(void)
{
	keys_used = true;
	report_deciding("SKEY-11");
	map_all();
	TEST_ASSERT(!mprotect(arena->host[1], ARENA_UNIT, PROT_READ) &&
			    !madvise(arena->host[2], ARENA_UNIT, MADV_DONTNEED),
		    "mprotect, madvise");
	use_keys();
	TEST_ASSERT(!mprotect(arena->host[1], ARENA_UNIT, PROT_READ | PROT_WRITE), "mprotect");
	keys_are_zero();
	accesses();
}

static bool are_huge_pages(size_t size)
{
	uint8_t *memory = region_huge_memory(size);

	if (memory)
		munmap(memory, size);
	return memory;
}

/* All that there are, as what the new VM gets is to be among them */
static size_t all_huge_pages(void)
{
	size_t size = FORMER_HUGE;

	if (kvm_check_cap(KVM_CAP_S390_HPAGE_1M) <= 0 || !are_huge_pages(size))
		return 0;
	while (size < FORMER && are_huge_pages(size + ARENA_UNIT))
		size += ARENA_UNIT;
	return size;
}

static void in_huge(void (*check)(void))
{
	/* Not by the child: who makes them ready takes them away, by exit() */
	size_t size = all_huge_pages();

	if (!size) {
		report_skip(SKIP_RESOURCE, "needs huge pages (root, or reserved), and "
					   "KVM_CAP_S390_HPAGE_1M (module parameter hpage=1)");
		return;
	}
	arena_free(arena);
	leave_keys(size, true);
	arena = arena_create_huge(slots, SLOTS);
	TEST_ASSERT(arena, "no huge pages");
	judge_create(arena);
	in_huge_pages = true;
	check();
	in_huge_pages = false;
}

static void huge_before_use(void)
{
	in_huge(before_use);
}

static void huge_in_use(void)
{
	in_huge(in_use);
}

static const struct line lines[] = {
	{ "the keys of a VM that uses none are 0, whoever had its frames before",
	  "SKEY-11 MEMOP-KEY-03 MEMOP-KEY-08", before_use },
	{ "the same in huge pages", "SKEY-11 MEMOP-KEY-03 MEMOP-KEY-08", huge_before_use },
	/* Storage keys cannot be given up again */
	{ "keys that nobody set are 0 once keys are in use", "SKEY-11 MEMOP-KEY-03 MEMOP-KEY-08",
	  in_use },
	{ "the same in huge pages, once keys are in use", "SKEY-11 MEMOP-KEY-03 MEMOP-KEY-08",
	  huge_in_use },
};

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), MEMOP_CMPXCHG);
	report_around(begin, end);
	return report_run();
}
