// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_S390_GET_SKEYS and KVM_S390_SET_SKEYS.
 *
 * docs/contract.md, SKEY: bounds of "count", exactly the named frames, invalid
 * keys, holes, bad buffers, and that the guest's own ISKE and SSKE mean the same
 * keys. PoP, chapter 3, "Storage Key", and chapter 10, "INSERT STORAGE KEY
 * EXTENDED", "SET STORAGE KEY EXTENDED".
 *
 * How it is seen: keys of every value are set and read back between neighbours
 * that must stay; buffers have guard bytes; the guest reads and sets keys with
 * its own instructions.
 *
 * Over 300 lines: two ioctls, and the guest that sets and reads keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "case/bytes.h"
#include "compat.h"
#include "s390x/bench.h"
#include "s390x/judge.h"
#include "s390x/memop_deviation.h"
#include "case/report.h"
#include "s390x/skey.h"
#include "slot/backing.h"
#include "slot/region.h"

#define BASE 0x100000UL
#define HOLE 0x200000UL /* the end of the slot at BASE */
#define COUNT 128	/* of the possible key values: the last bit is not one */

static const uint64_t slots[] = { 0, BASE };

static struct arena *arena;
static uint8_t *keys; /* KVM_S390_SKEYS_MAX + 1 and guards */

static struct outcome call(unsigned long ioctl_nr, uint64_t gfn, uint64_t count, const void *data,
			   uint32_t flags, uint32_t reserved)
{
	struct kvm_s390_skeys request = {
		.start_gfn = gfn,
		.count = count,
		.skeydata_addr = (uintptr_t)data,
		.flags = flags,
	};

	memset(request.reserved, (int)reserved, sizeof(request.reserved));
	return outcome_of(ioctl(arena->vm->fd, ioctl_nr, &request));
}

/* One case: a call and what it is to come to */
static void call_case(struct outcome expected, unsigned long nr, uint64_t gfn, uint64_t count,
		      const void *data, uint32_t flags)
{
	char request[120];

	snprintf(request, sizeof(request), "%s start_gfn %#llx count %llu flags %#x",
		 nr == KVM_S390_GET_SKEYS ? "GET_SKEYS" : "SET_SKEYS", (unsigned long long)gfn,
		 (unsigned long long)count, flags);
	report_outcome(expected, call(nr, gfn, count, data, flags, 0), request);
}

static void none_before_use(void)
{
	struct kvm_s390_skeys request = { .start_gfn = 0,
					  .count = 1,
					  .skeydata_addr = (uintptr_t)keys };
	int ret;

	keys[0] = 0x77;
	ret = ioctl(arena->vm->fd, KVM_S390_GET_SKEYS, &request);
	report_check(ret == KVM_S390_GET_SKEYS_NONE, "GET_SKEYS before any key was set",
		     "KVM_S390_GET_SKEYS_NONE", "%d", ret);
	report_check(keys[0] == 0x77, "GET_SKEYS before any key was set",
		     "the buffer is left alone", "%#04x in place of 0x77", keys[0]);
}

static void enable(void)
{
	arena_key(arena, BASE, ARENA_PAGES, 0);
	arena_key(arena, 0, ARENA_PAGES, 0);
}

static void counts(void)
{
	static const uint64_t beyond[] = { KVM_S390_SKEYS_MAX + 1, 1UL << 31, 1UL << 32,
					   (1UL << 32) + 1, -1UL };
	const unsigned long nrs[] = { KVM_S390_GET_SKEYS, KVM_S390_SET_SKEYS };

	enable();
	memset(keys, 0, KVM_S390_SKEYS_MAX);
	for (size_t n = 0; n < ARRAY_SIZE(nrs); n++) {
		report_deciding("SKEY-02");
		call_case(outcome_error(EINVAL), nrs[n], 0, 0, keys, 0);
		report_deciding("SKEY-03");
		call_case(outcome_success(), nrs[n], 0, 1, keys, 0);
		call_case(outcome_success(), nrs[n], 0, 2 * ARENA_PAGES, keys, 0);
		/* Taken, and then there is no such storage: more than this VM has */
		report_deciding("SKEY-08");
		call_case(outcome_error(EFAULT), nrs[n], 0, KVM_S390_SKEYS_MAX, keys, 0);
		report_deciding("SKEY-03");
		for (size_t i = 0; i < ARRAY_SIZE(beyond); i++)
			call_case(outcome_error(EINVAL), nrs[n], 0, beyond[i], keys, 0);
	}
}

/* Not before a request that is taken are keys in use */
static void none_after_refusals(void)
{
	static const struct {
		uint64_t count;
		uint32_t flags;
		bool no_buffer;
		int err;
	} bad[] = {
		{ 1, 1, false, EINVAL }, { 1, 1U << 31, false, EINVAL },
		{ 0, 0, false, EINVAL }, { KVM_S390_SKEYS_MAX + 1, 0, false, EINVAL },
		{ 1, 0, true, EFAULT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		keys[0] = 0;
		call_case(outcome_error(bad[i].err), KVM_S390_SET_SKEYS, 0, bad[i].count,
			  bad[i].no_buffer ? NULL : keys, bad[i].flags);
		none_before_use();
	}
}

/* The same while no key is in use */
static void counts_before_use(void)
{
	static const uint64_t bad[] = { 0, KVM_S390_SKEYS_MAX + 1, 1UL << 31, 1UL << 32, -1UL };
	char request[80];
	struct outcome o;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		/* Refused, so that it puts none in use */
		report_deciding(bad[i] ? "SKEY-03" : "SKEY-02");
		call_case(outcome_error(EINVAL), KVM_S390_SET_SKEYS, 0, bad[i], keys, 0);
		if (!report_case())
			continue;
		o = call(KVM_S390_GET_SKEYS, 0, bad[i], keys, 0, 0);
		snprintf(request, sizeof(request),
			 "GET_SKEYS with count %#llx before keys are used",
			 (unsigned long long)bad[i]);
		if (deviation_of_unused_keys(o))
			report_deviation(deviation_of_unused_keys(o));
		else if (!outcome_equal(o, outcome_error(EINVAL)))
			report_wrong(request, "EINVAL", "%d, errno %d", o.ret, o.err);
	}
}

static uint8_t value(unsigned int n)
{
	return (uint8_t)(2 * n);
}

/* What GET finds in all frames of the slot, except @from to @to, is @rest */
static void neighbours(uint64_t from, uint64_t to, uint8_t rest, const char *request)
{
	uint8_t *all = keys + COUNT;

	TEST_ASSERT(skey_get(arena->vm, BASE, ARENA_PAGES, all).ret == 0, "KVM_S390_GET_SKEYS");
	for (uint64_t i = 0; i < ARENA_PAGES; i++)
		if ((i < from || i >= to) && all[i] != rest) {
			report_wrong(request, "frames beside those named keep their keys",
				     "key %#04x, %ld frames from the first named", all[i],
				     (long)(i - from));
			return;
		}
}

/* Every value to every frame of a run, at several places and lengths */
static void round_trip(void)
{
	static const unsigned int lengths[] = { 1, 2, 3, 7, 64, COUNT };
	uint8_t *back = keys + 1024;

	report_deciding("SKEY-04 SKEY-05");
	enable();
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		for (unsigned int first = 0; first < COUNT; first += i ? 16 : 1) {
			uint64_t page = 5 + first % 100;

			if (!report_case())
				continue;
			arena_key(arena, BASE, ARENA_PAGES, 0x30);
			for (unsigned int n = 0; n < lengths[i]; n++)
				keys[n] = value((first + n) % COUNT);
			memset(back, 0xa5, COUNT + 64);
			call(KVM_S390_SET_SKEYS, BASE / CONTRACT_PAGE + page, lengths[i], keys, 0,
			     0);
			call(KVM_S390_GET_SKEYS, BASE / CONTRACT_PAGE + page, lengths[i], back + 32,
			     0, 0);
			report_same(back + 32, keys, lengths[i], "SET_SKEYS, then GET_SKEYS",
				    "the same keys");
			for (size_t g = 0; g < 32; g++)
				if (back[g] != 0xa5 || back[32 + lengths[i] + g] != 0xa5)
					report_wrong("GET_SKEYS", "exactly count bytes are filled",
						     "a byte beside them has changed");
			neighbours(page, page + lengths[i], 0x30, "SET_SKEYS");
		}
}

/* A run of keys, each another, that lies in two slots */
static void across_slots(void)
{
	uint8_t *back = keys + 1024;

	report_deciding("SKEY-04 SKEY-05");
	enable();
	for (unsigned int before = 1; before < 64; before += 7) {
		uint64_t gfn = BASE / CONTRACT_PAGE - before;

		if (!report_case())
			continue;
		for (unsigned int n = 0; n < COUNT; n++)
			keys[n] = value((n * 5 + before) % COUNT);
		memset(back, 0xa5, COUNT);
		call(KVM_S390_SET_SKEYS, gfn, COUNT, keys, 0, 0);
		call(KVM_S390_GET_SKEYS, gfn, COUNT, back, 0, 0);
		report_same(back, keys, COUNT, "SET_SKEYS, then GET_SKEYS, over two slots",
			    "the same keys");
	}
}

/* The last bit is on in one key of @count, at each place */
static void invalid_keys(void)
{
	enable();
	for (unsigned int count = 1; count <= 257; count = count < 9 ? count + 4 : count * 4 + 9)
		for (unsigned int at = 0; at < count; at += count < 10 ? 1 : 7)
			for (unsigned int n = 0; n < COUNT; n += count < 10 ? 9 : 50) {
				memset(keys, 0x40, count);
				keys[at] = value(n) | 1;
				call_case(outcome_error(EINVAL), KVM_S390_SET_SKEYS,
					  BASE / CONTRACT_PAGE + 3, count, keys, 0);
			}
	/* What is refused is not set, nor anything in its place */
	for (unsigned int n = 0; n < COUNT; n++) {
		if (!report_case())
			continue;
		arena_key(arena, BASE, ARENA_PAGES, 0x30);
		keys[0] = value(n) | 1;
		call(KVM_S390_SET_SKEYS, BASE / CONTRACT_PAGE + 3, 1, keys, 0, 0);
		neighbours(0, 0, 0x30, "SET_SKEYS of an invalid key");
	}
}

static void flags(void)
{
	const unsigned long nrs[] = { KVM_S390_GET_SKEYS, KVM_S390_SET_SKEYS };

	enable();
	memset(keys, 0, 16);
	for (size_t n = 0; n < ARRAY_SIZE(nrs); n++)
		for (unsigned int bit = 0; bit < 32; bit++)
			call_case(outcome_error(EINVAL), nrs[n], 0, 1, keys, 1U << bit);
	for (size_t n = 0; n < ARRAY_SIZE(nrs); n++)
		report_outcome(outcome_success(), call(nrs[n], 0, 1, keys, 0, 0xff),
			       "a request with junk in reserved");
}

static void holes(void)
{
	const unsigned long nrs[] = { KVM_S390_GET_SKEYS, KVM_S390_SET_SKEYS };
	const uint64_t last = HOLE / CONTRACT_PAGE;
	static const uint64_t far[] = { 1UL << 40, (1UL << 52) - 1, 1UL << 52, -1UL };
	static const uint8_t zero[64];

	enable();
	arena_key(arena, HOLE - 16 * CONTRACT_PAGE, 16, 0x50);
	for (size_t n = 0; n < ARRAY_SIZE(nrs); n++) {
		memset(keys, 0x50, 64);
		call_case(outcome_success(), nrs[n], last - 1, 1, keys, 0);
		call_case(outcome_error(EFAULT), nrs[n], last, 1, keys, 0);
		for (uint64_t before = 1; before < 9; before++) {
			memset(keys, 0, 64);
			call_case(outcome_error(EFAULT), nrs[n], last - before, before + 1, keys,
				  0);
			/* What fails fills nothing */
			if (report_case())
				report_same(keys, zero, before + 1, "GET_SKEYS that fails",
					    "the buffer is left alone");
		}
		for (size_t i = 0; i < ARRAY_SIZE(far); i++)
			call_case(outcome_error(EFAULT), nrs[n], far[i], 1, keys, 0);
	}
}

/* A range that begins, or goes on, where there is storage again */
static void holes_within(void)
{
	const unsigned long nrs[] = { KVM_S390_GET_SKEYS, KVM_S390_SET_SKEYS };
	const uint64_t hole = HOLE / CONTRACT_PAGE, behind = hole + ARENA_PAGES;
	static const struct {
		uint64_t before, after;
	} frames[] = { { 1, 1 }, { 0, 1 }, { 3, ARENA_PAGES }, { 2 * ARENA_PAGES, 2 } };

	arena_scratch(arena, HOLE + ARENA_UNIT);
	enable();
	for (size_t n = 0; n < ARRAY_SIZE(nrs); n++)
		for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
			uint64_t from = hole - frames[i].before;
			uint64_t count = behind + frames[i].after - from;

			memset(keys, 0xa4, count);
			call_case(outcome_error(EFAULT), nrs[n], from, count, keys, 0);
			if (report_case())
				report_check(keys[0] == 0xa4 && !memcmp(keys, keys + 1, count - 1),
					     "GET_SKEYS over frames without storage",
					     "the buffer is left alone", "it has changed");
		}
}

/* Keys that are set before the VM has a vCPU, as after a migration */
static void without_vcpu(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	uint8_t *memory = region_memory(ARENA_UNIT), *back = keys + 1024;
	struct region r = { .size = ARENA_UNIT, .user = (uintptr_t)memory };
	struct kvm_s390_skeys request = { .start_gfn = 3, .count = COUNT };

	TEST_ASSERT(!region_set(vm->fd, false, &r).ret, "the slot");
	memset(memory, 0, ARENA_UNIT); /* or it is FIND-01's state */
	for (unsigned int n = 0; n < COUNT; n++)
		keys[n] = value(n);
	memset(back, 0xa5, COUNT);
	request.skeydata_addr = (uintptr_t)keys;
	report_outcome(outcome_success(), outcome_of(ioctl(vm->fd, KVM_S390_SET_SKEYS, &request)),
		       "SET_SKEYS in a VM without a vCPU");
	request.skeydata_addr = (uintptr_t)back;
	report_outcome(outcome_success(), outcome_of(ioctl(vm->fd, KVM_S390_GET_SKEYS, &request)),
		       "GET_SKEYS in a VM without a vCPU");
	if (report_case())
		report_same(back, keys, COUNT, "SET_SKEYS, then GET_SKEYS", "the same keys");
	kvm_vm_free(vm);
	region_free_memory(memory, ARENA_UNIT);
}

/* One case: the @count keys from @gfn on are @key, or frames among them are @refused */
static void get_without_memory(uint64_t gfn, uint64_t count, uint8_t key, bool refused)
{
	uint8_t *back = keys + 1024;
	struct outcome o;

	if (!report_case())
		return;
	memset(back, 0xa5, 16);
	o = call(KVM_S390_GET_SKEYS, gfn, count, back, 0, 0);
	if (!outcome_equal(o, refused ? outcome_error(EFAULT) : outcome_success()))
		report_wrong("GET_SKEYS", refused ? "EFAULT" : "0", "%d, errno %d", o.ret, o.err);
	for (unsigned int i = 0; i < 16; i++) {
		bool filled = !refused && i < count;

		if (filled ? (back[i] & 0xf8) != key : back[i] != 0xa5)
			report_wrong("GET_SKEYS", "the keys that were set, and no byte beside them",
				     "byte %u is %#04x, the key %#04x", i, back[i], key);
	}
}

/*
 * Frames of a slot behind which the process has no memory, as it is in the end of a range. A
 * kernel that keeps keys beside the memory may do without it: these are keys as any others then.
 */
static void unmapped(void)
{
	const uint64_t away = 20, gfn = BASE / CONTRACT_PAGE;
	uint8_t *at, key = 0x30;
	bool refused;

	enable();
	arena_key(arena, BASE, ARENA_PAGES, key);
	at = arena_at(arena, BASE + away * CONTRACT_PAGE);
	TEST_ASSERT(!munmap(at, CONTRACT_PAGE), "munmap");
	refused = call(KVM_S390_GET_SKEYS, gfn + away, 1, keys, 0, 0).ret;
	get_without_memory(gfn + away - 3, 5, key, refused);
	for (uint64_t before = 0; before < 4; before++) {
		const uint64_t from = gfn + away - before, count = before + 2;

		key += 0x10;
		memset(keys, key, count);
		call_case(refused ? outcome_error(EFAULT) : outcome_success(), KVM_S390_SET_SKEYS,
			  from, count, keys, 0);
		get_without_memory(from, count, key, refused);
	}
	TEST_ASSERT(mmap(at, CONTRACT_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at,
		    "mmap");
	arena_key(arena, BASE, ARENA_PAGES, 0);
	arena_reset(arena, BASE, ARENA_UNIT);
}

static void buffers(void)
{
	uint8_t *area = mmap(NULL, 2 * CONTRACT_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t gfn = BASE / CONTRACT_PAGE;
	uint8_t *border = area + CONTRACT_PAGE;

	TEST_ASSERT(area != MAP_FAILED, "mmap");
	enable();
	memset(area, 0x60, 2 * CONTRACT_PAGE);
	TEST_ASSERT(!mprotect(border, CONTRACT_PAGE, PROT_READ), "mprotect");
	call_case(outcome_error(EFAULT), KVM_S390_GET_SKEYS, gfn, 4, border, 0);
	call_case(outcome_error(EFAULT), KVM_S390_GET_SKEYS, gfn, 4, border - 2, 0);
	call_case(outcome_success(), KVM_S390_SET_SKEYS, gfn, 4, border - 2, 0);
	arena_key(arena, BASE, 4, 0);
	TEST_ASSERT(!munmap(border, CONTRACT_PAGE), "munmap");
	for (unsigned int part = 0; part < 4; part++) {
		call_case(outcome_error(EFAULT), KVM_S390_SET_SKEYS, gfn, 4, border - part, 0);
		call_case(outcome_error(EFAULT), KVM_S390_GET_SKEYS, gfn, 4, border - part, 0);
		if (report_case())
			neighbours(0, 0, 0, "SET_SKEYS from a bad buffer");
	}
	call_case(outcome_error(EFAULT), KVM_S390_SET_SKEYS, gfn, 1, NULL, 0);
	call_case(outcome_error(EFAULT), KVM_S390_GET_SKEYS, gfn, 1, NULL, 0);
	munmap(area, CONTRACT_PAGE);
}

/* The request lies at the border of what can be read: as a whole, or a part of it */
static void request_memory(void)
{
	const unsigned long nrs[] = { KVM_S390_GET_SKEYS, KVM_S390_SET_SKEYS };
	uint8_t *area = mmap(NULL, 2 * CONTRACT_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *border = area + CONTRACT_PAGE;
	struct kvm_s390_skeys request = { .start_gfn = BASE / CONTRACT_PAGE,
					  .count = 1,
					  .skeydata_addr = (uintptr_t)keys };

	TEST_ASSERT(area != MAP_FAILED && !mprotect(border, CONTRACT_PAGE, PROT_NONE), "mmap");
	enable();
	keys[0] = 0;
	for (size_t n = 0; n < ARRAY_SIZE(nrs); n++)
		for (size_t part = 0; part <= sizeof(request); part += 4) {
			bool whole = part == sizeof(request);

			memcpy(border - part, &request, part);
			report_outcome(whole ? outcome_success() : outcome_error(EFAULT),
				       outcome_of(ioctl(arena->vm->fd, nrs[n], border - part)),
				       nrs[n] == KVM_S390_GET_SKEYS ? "GET_SKEYS" : "SET_SKEYS");
		}
	munmap(area, 2 * CONTRACT_PAGE);
}

/* All values, one frame each, in one run of the guest */
static void guest(enum judge_kind kind, struct judge_order *orders)
{
	for (unsigned int n = 0; n < COUNT; n++)
		orders[n] = (struct judge_order){ .address = BASE + n * CONTRACT_PAGE,
						  .psw_mask = JUDGE_PSW,
						  .kind = kind,
						  .value = kind == JUDGE_SSKE ? value(n) : 0 };
	judge_run(arena, orders, COUNT);
}

static void guest_sets(void)
{
	static struct judge_order orders[COUNT];

	enable();
	guest(JUDGE_SSKE, orders);
	TEST_ASSERT(skey_get(arena->vm, BASE, COUNT, keys).ret == 0, "KVM_S390_GET_SKEYS");
	for (unsigned int n = 0; n < COUNT; n++)
		report_check(keys[n] == value(n), "the guest's SSKE, then GET_SKEYS",
			     "the key that the guest set", "%#04x in place of %#04x", keys[n],
			     value(n));
}

static void guest_finds(void)
{
	static struct judge_order orders[COUNT];

	enable();
	for (unsigned int n = 0; n < COUNT; n++)
		keys[n] = value(n);
	call(KVM_S390_SET_SKEYS, BASE / CONTRACT_PAGE, COUNT, keys, 0, 0);
	guest(JUDGE_ISKE, orders);
	for (unsigned int n = 0; n < COUNT; n++)
		report_check(orders[n].value == value(n), "SET_SKEYS, then the guest's ISKE",
			     "the key that was set", "%#lx in place of %#04x",
			     (unsigned long)orders[n].value, value(n));
}

static const struct line lines[] = {
	{ "GET_SKEYS_NONE before keys are used", "SKEY-01", none_before_use },
	{ "a request that is refused brings none into use", "SKEY-01", none_after_refusals },
	{ "count: 0 and too many are refused before keys are used", "SKEY-02 SKEY-03",
	  counts_before_use },
	/* The first that brings them into use: lines of one run are one process */
	{ "keys that are set before there is a vCPU", "SKEY-05", without_vcpu },
	{ "count: 1 to KVM_S390_SKEYS_MAX are taken", "SKEY-02 SKEY-03 SKEY-08", counts },
	{ "what is set is found across slots", "SKEY-04 SKEY-05", across_slots },
	{ "what is set is found, in exactly the frames named", "SKEY-04 SKEY-05", round_trip },
	{ "an invalid key is refused wherever it is", "SKEY-06", invalid_keys },
	{ "flags are refused, reserved fields ignored (observed)", "SKEY-07", flags },
	{ "frames without storage (observed)", "SKEY-08", holes },
	{ "ranges that begin, or go on, where there is storage again (observed)", "SKEY-08",
	  holes_within },
	{ "frames behind which the process has no memory (observed)", "SKEY-08", unmapped },
	{ "buffers that cannot be read or written (observed)", "SKEY-09", buffers },
	{ "a request of which a part cannot be read (observed)", "SKEY-09", request_memory },
	{ "the guest's SSKE is seen by GET_SKEYS", "SKEY-10", guest_sets },
	{ "SET_SKEYS is seen by the guest's ISKE", "SKEY-10", guest_finds },
};

static void set_up(void)
{
	keys = malloc(KVM_S390_SKEYS_MAX + CONTRACT_PAGE);
	TEST_ASSERT(keys, "no memory");
}

static void tear_down(void)
{
	free(keys);
}

static const struct bench bench = {
	.need = MEMOP_ANY,
	.slots = slots,
	.count = ARRAY_SIZE(slots),
	.arena = &arena,
	.judge = true,
	.begin = set_up,
	.end = tear_down,
};

int main(int argc, char **argv)
{
	memop_begin(argc, argv, lines, ARRAY_SIZE(lines), bench.need);
	report_need(kvm_check_cap(KVM_CAP_S390_SKEYS) > 0, SKIP_CAPABILITY, "KVM_CAP_S390_SKEYS");
	return bench_run(&bench);
}
