// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle against tables worked out by hand from api.rst and the Principles of
 * Operation (PoP): runs on any host, without KVM. And the tables against the
 * oracle: with any one of its rules left out, a row has to fail.
 */
#include <errno.h>
#include <stdio.h>

#include "contract.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CHECK KVM_S390_MEMOP_F_CHECK_ONLY
#define INJECT KVM_S390_MEMOP_F_INJECT_EXCEPTION
#define KEYED KVM_S390_MEMOP_F_SKEY_PROTECTION
#define LREAD KVM_S390_MEMOP_LOGICAL_READ
#define LWRITE KVM_S390_MEMOP_LOGICAL_WRITE
#define SREAD KVM_S390_MEMOP_SIDA_READ
#define AREAD KVM_S390_MEMOP_ABSOLUTE_READ
#define AWRITE KVM_S390_MEMOP_ABSOLUTE_WRITE
#define XCHG KVM_S390_MEMOP_ABSOLUTE_CMPXCHG
#define BOTH 3 /* extension bits */

/*
 * Storage: pages 0 to 3 in one slot, 4 and 5 in the next, a hole, 16 and 17.
 * Keys: page 0 ACC 0; 1 ACC 3; 2 ACC 3, fetch-protected; 3 ACC 5, fetch-protected;
 * 4 ACC 9, fetch-protected; 5 ACC 3, fetch-protected; 16 and 17 ACC 0.
 */
static const uint8_t keys_low[] = { 0x00, 0x30, 0x38, 0x58 };
static const uint8_t keys_next[] = { 0x98, 0x38 };
static const uint8_t contents[4 * 4096] = { [0x100] = 1, 2, 3, 4, 5, 6, 7, 8 };
static const struct storage storage[] = {
	{ .gpa = 0, .size = 0x4000, .key = keys_low, .bytes = contents },
	{ .gpa = 0x4000, .size = 0x2000, .key = keys_next },
	{ .gpa = 0x10000, .size = 0x2000 },
};

#define GOOD { UINT64_MAX, UINT64_MAX }

struct row {
	const char *why; /* the reason for what is expected, with its source */
	bool vcpu;
	uint32_t op;
	uint64_t gaddr;
	uint32_t size;
	uint64_t flags;
	uint8_t key, ar;
	unsigned int no_extension; /* bits that the kernel lacks */
	uint64_t cr0, psw, prefix;
	bool bad_buf, bad_old, differs, protected_guest;
	uint32_t sida_offset;
	/* Expected: up to three outcomes, > 0 a code, < 0 an errno; ends with END */
	int expected[4];
	int moves;
	uint64_t reachable;
};

#define END 0x7fffffff
#define OK { 0, END }
#define BAD(e) { -(e), END }
#define PGM(c) { (c), END }

static const struct row rows[] = {
	/* api.rst: operations and file descriptors */
	{ "absolute read of 8 bytes for the VM", false, AREAD, 0x100, 8, .expected = OK,
	  .moves = MOVES_TO_BUF },
	{ "absolute write for the VM", false, AWRITE, 0x100, 8, .expected = OK,
	  .moves = MOVES_TO_GUEST },
	{ "absolute accesses are not permitted for a vCPU", true, AREAD, 0x100, 8,
	  .expected = BAD(EINVAL) },
	{ "logical accesses are not permitted for the VM", false, LREAD, 0x100, 8,
	  .expected = BAD(EINVAL) },
	{ "logical read for a vCPU", true, LREAD, 0x100, 8, .expected = OK, .moves = MOVES_TO_BUF },
	{ "operation 7 does not exist", false, 7, 0x100, 8, .expected = BAD(EINVAL) },
	{ "operation 2^32-1 does not exist", true, UINT32_MAX, 0x100, 8, .expected = BAD(EINVAL) },
	{ "SIDA for a guest that is not protected", true, SREAD, 0, 8, .expected = BAD(EINVAL) },
	{ "SIDA beyond a page: no size is named", true, SREAD, 0, 8, .sida_offset = 4090,
	  .expected = { -EINVAL, -E2BIG, END } },
	{ "SIDA for a protected guest", true, SREAD, 0, 8, .protected_guest = true, .expected = OK,
	  .moves = MOVES_TO_BUF },
	{ "absolute accesses are for guests that are not protected", false, AREAD, 0x100, 8,
	  .protected_guest = true, .expected = BAD(EINVAL) },
	/* api.rst: KVM_CAP_S390_MEM_OP_EXTENSION */
	{ "no base bit: no absolute access", false, AREAD, 0x100, 8, .no_extension = 1,
	  .expected = BAD(EINVAL) },
	{ "extension 0: no key flag", true, LREAD, 0x100, 8, KEYED, .no_extension = BOTH,
	  .expected = BAD(EINVAL) },
	{ "no cmpxchg bit: no cmpxchg", false, XCHG, 0x100, 8, .no_extension = 2,
	  .expected = BAD(EINVAL) },
	/* api.rst: flags */
	{ "bit 3 is not defined", false, AWRITE, 0x100, 8, 8, .expected = BAD(EINVAL) },
	{ "bit 63 is not defined", true, LREAD, 0x100, 8, 1UL << 63, .expected = BAD(EINVAL) },
	{ "absolute accesses take no INJECT_EXCEPTION", false, AREAD, 0x100, 8, INJECT,
	  .expected = BAD(EINVAL) },
	{ "cmpxchg takes no CHECK_ONLY", false, XCHG, 0x100, 8, CHECK, .expected = BAD(EINVAL) },
	{ "logical accesses take all three", true, LREAD, 0x100, 8, CHECK | INJECT | KEYED, .key = 3,
	  .expected = OK },
	/* api.rst: size; KVM_CAP_S390_MEM_OP is 65536 here */
	{ "size 0", false, AREAD, 0x100, 0, .expected = BAD(EINVAL) },
	{ "the maximum, over an end of storage", false, AREAD, 0x100, 65536,
	  .expected = PGM(PGM_ADDRESSING), .moves = MOVES_TO_BUF, .reachable = 0x5f00 },
	{ "one more than the maximum", false, AREAD, 0x100, 65537, .expected = BAD(E2BIG) },
	/* api.rst: key and ar */
	{ "key 16", false, AREAD, 0x100, 8, KEYED, .key = 16, .expected = BAD(EINVAL) },
	{ "key 255 without the flag is ignored", false, AREAD, 0x100, 8, .key = 255, .expected = OK,
	  .moves = MOVES_TO_BUF },
	{ "ar 16", true, LREAD, 0x100, 8, .ar = 16, .expected = BAD(EINVAL) },
	/* PoP, chapter 3, "Key-Controlled Protection" */
	{ "store, key 0 on ACC 3", false, AWRITE, 0x1100, 8, KEYED, .key = 0, .expected = OK,
	  .moves = MOVES_TO_GUEST },
	{ "store, key 3 on ACC 3", false, AWRITE, 0x2100, 8, KEYED, .key = 3, .expected = OK,
	  .moves = MOVES_TO_GUEST },
	{ "store, key 4 on ACC 3", false, AWRITE, 0x1100, 8, KEYED, .key = 4,
	  .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_GUEST },
	{ "fetch, key 4 on ACC 3 without fetch protection", false, AREAD, 0x1100, 8, KEYED, .key = 4,
	  .expected = OK, .moves = MOVES_TO_BUF },
	{ "fetch, key 4 on ACC 3 with fetch protection", false, AREAD, 0x2100, 8, KEYED, .key = 4,
	  .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_BUF },
	{ "fetch, key 0 on ACC 3 with fetch protection", false, AREAD, 0x2100, 8, KEYED, .key = 0,
	  .expected = OK, .moves = MOVES_TO_BUF },
	{ "store, key 4 without the flag", false, AWRITE, 0x1100, 8, .key = 4, .expected = OK,
	  .moves = MOVES_TO_GUEST },
	{ "store, key 3, the second page has ACC 5: the first may be stored", false, AWRITE, 0x2ffc,
	  8, KEYED, .key = 3, .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_GUEST,
	  .reachable = 4 },
	{ "fetch, key 3, the second page has ACC 5", false, AREAD, 0x2ffc, 8, KEYED, .key = 3,
	  .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_BUF, .reachable = 4 },
	/* PoP, chapter 6, "Addressing Exception" */
	{ "across two slots", false, AREAD, 0x3ffc, 8, .expected = OK, .moves = MOVES_TO_BUF },
	{ "the byte behind the last", false, AREAD, 0x6000, 1, .expected = PGM(PGM_ADDRESSING),
	  .moves = MOVES_TO_BUF },
	{ "one byte too far", false, AWRITE, 0x5ffc, 5, .expected = PGM(PGM_ADDRESSING),
	  .moves = MOVES_TO_GUEST, .reachable = 4 },
	{ "a denied page and a missing one: either is reported", false, AWRITE, 0x5ffc, 8, KEYED,
	  .key = 4, .expected = { PGM_PROTECTION, PGM_ADDRESSING, END }, .moves = MOVES_TO_GUEST },
	{ "up to 2^64 and on", false, AREAD, -4UL, 8, .expected = PGM(PGM_ADDRESSING),
	  .moves = MOVES_TO_BUF },
	/* api.rst: buffers and CHECK_ONLY */
	{ "a buffer that cannot be read", false, AWRITE, 0x100, 8, .bad_buf = true,
	  .expected = BAD(EFAULT), .moves = MOVES_TO_GUEST },
	{ "with CHECK_ONLY it is not used", false, AWRITE, 0x100, 8, CHECK, .bad_buf = true,
	  .expected = OK },
	{ "CHECK_ONLY of a denied store", false, AWRITE, 0x1100, 8, CHECK | KEYED, .key = 4,
	  .bad_buf = true, .expected = PGM(PGM_PROTECTION) },
	{ "a bad buffer and a denied page", false, AWRITE, 0x1100, 8, KEYED, .key = 4,
	  .bad_buf = true, .expected = { PGM_PROTECTION, -EFAULT, END }, .moves = MOVES_TO_GUEST },
	/* api.rst: cmpxchg */
	{ "equal: exchanged", false, XCHG, 0x100, 8, .expected = OK, .moves = MOVES_TO_GUEST },
	{ "differs: the old value is replaced", false, XCHG, 0x100, 8, .differs = true, .expected = OK,
	  .moves = MOVES_TO_OLD },
	{ "size 3 is no power of two", false, XCHG, 0x100, 3, .expected = BAD(EINVAL) },
	{ "size 32 is above 16", false, XCHG, 0x100, 32, .expected = BAD(EINVAL) },
	{ "4 bytes at an odd halfword", false, XCHG, 0x102, 4, .differs = true,
	  .expected = BAD(EINVAL), .moves = MOVES_TO_OLD },
	{ "it is a store: key 4 on ACC 3 is denied", false, XCHG, 0x1100, 8, KEYED, .key = 4,
	  .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_GUEST },
	{ "key 4 on ACC 3, fetch-protected, is denied", false, XCHG, 0x2100, 8, KEYED, .key = 4,
	  .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_GUEST },
	{ "old_addr that cannot be read", false, XCHG, 0x100, 8, .bad_old = true,
	  .expected = BAD(EFAULT) },
	{ "the new value cannot be read", false, XCHG, 0x100, 8, .bad_buf = true,
	  .expected = BAD(EFAULT), .moves = MOVES_TO_GUEST },
	/* PoP, chapter 3, "Prefixing": real 0 to 8191 and the prefix area are swapped */
	{ "real 0x100 is in the prefix area: key 3 is denied there", true, LWRITE, 0x100, 8, KEYED,
	  .key = 4, .psw = PSW_EA | PSW_BA, .prefix = 0x2000, .expected = PGM(PGM_PROTECTION),
	  .moves = MOVES_TO_GUEST },
	{ "the prefix area is absolute 0", true, LWRITE, 0x3100, 8, KEYED, .key = 3,
	  .psw = PSW_EA | PSW_BA, .prefix = 0x2000, .expected = OK, .moves = MOVES_TO_GUEST },
	/* PoP, chapter 5, "Address Size and Wraparound" */
	{ "24 bit: the high bits of an address mean nothing", true, LREAD, 0xff000100, 8,
	  .expected = OK, .moves = MOVES_TO_BUF },
	{ "31 bit: likewise the first", true, LREAD, 0x80000100, 8, .psw = PSW_BA, .expected = OK,
	  .moves = MOVES_TO_BUF },
	{ "64 bit: all count", true, LREAD, 0x80000100, 8, .psw = PSW_EA | PSW_BA,
	  .expected = PGM(PGM_ADDRESSING), .moves = MOVES_TO_BUF },
	/* PoP, chapter 3, "Low-Address Protection": 0 to 511 and 4096 to 4607 */
	{ "store at 508 with it on", true, LWRITE, 508, 4, .cr0 = CR0_LOW_ADDRESS_PROTECTION,
	  .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_GUEST },
	{ "store at 512 with it on", true, LWRITE, 512, 4, .cr0 = CR0_LOW_ADDRESS_PROTECTION,
	  .expected = OK, .moves = MOVES_TO_GUEST },
	{ "fetch at 0 with it on", true, LREAD, 0, 4, .cr0 = CR0_LOW_ADDRESS_PROTECTION,
	  .expected = OK, .moves = MOVES_TO_BUF },
	{ "absolute store at 0 with it on", false, AWRITE, 0, 4, .cr0 = CR0_LOW_ADDRESS_PROTECTION,
	  .expected = OK, .moves = MOVES_TO_GUEST },
	/* PoP, chapter 3, "Fetch-Protection-Override Control" and the storage one */
	{ "fetch below 2048 of fetch-protected storage, override on", true, LREAD, 0x100, 8, KEYED,
	  .key = 4, .prefix = 0x2000, .cr0 = CR0_FETCH_PROTECTION_OVERRIDE, .expected = OK,
	  .moves = MOVES_TO_BUF },
	{ "fetch of 2044 to 2051, override on", true, LREAD, 2044, 8, KEYED, .key = 4,
	  .prefix = 0x2000, .cr0 = CR0_FETCH_PROTECTION_OVERRIDE, .expected = PGM(PGM_PROTECTION),
	  .moves = MOVES_TO_BUF },
	{ "store below 2048, override on", true, LWRITE, 0x100, 8, KEYED, .key = 4,
	  .prefix = 0x2000, .cr0 = CR0_FETCH_PROTECTION_OVERRIDE, .expected = PGM(PGM_PROTECTION),
	  .moves = MOVES_TO_GUEST },
	{ "store on ACC 9 with storage-protection override", true, LWRITE, 0x4100, 8, KEYED,
	  .key = 4, .cr0 = CR0_STORAGE_PROTECTION_OVERRIDE, .expected = OK,
	  .moves = MOVES_TO_GUEST },
	{ "store on ACC 5 with it", true, LWRITE, 0x3100, 8, KEYED, .key = 4,
	  .cr0 = CR0_STORAGE_PROTECTION_OVERRIDE, .expected = PGM(PGM_PROTECTION),
	  .moves = MOVES_TO_GUEST },
	{ "absolute store on ACC 9 with it: a vCPU's register", false, AWRITE, 0x4100, 8, KEYED,
	  .key = 4, .cr0 = CR0_STORAGE_PROTECTION_OVERRIDE, .expected = PGM(PGM_PROTECTION),
	  .moves = MOVES_TO_GUEST },
};

static struct outcome outcome_from(int value)
{
	return value < 0 ? outcome_error(-value) : (struct outcome){ .ret = value };
}

static bool row_holds(const struct row *row, struct prediction *p)
{
	static const uint8_t other[16] = { 9 };
	const struct user_area good = GOOD, bad = { 0, 0 };
	struct state s = {
		.max_size = 65536,
		.extension = BOTH & ~row->no_extension,
		.protected_guest = row->protected_guest,
		.storage = storage,
		.slots = COUNT(storage),
		.buf = row->bad_buf ? bad : good,
		.old = row->bad_old ? bad : good,
		.old_value = row->differs || row->gaddr >= sizeof(contents) ? other
									   : contents + row->gaddr,
		.cpu = { .psw_mask = row->psw, .prefix = row->prefix, .cr[0] = row->cr0 },
	};
	struct request r = {
		.on_vcpu = row->vcpu,
		.op = { .op = row->op, .gaddr = row->gaddr, .size = row->size, .flags = row->flags },
	};
	size_t n = 0;

	r.op.key = row->key;
	r.op.ar = row->ar;
	if (row->sida_offset)
		r.op.sida_offset = row->sida_offset;
	contract_memop(&s, &r, p);
	for (; row->expected[n] != END; n++)
		if (!prediction_allows(p, outcome_from(row->expected[n])))
			return false;
	if (p->answers != n)
		return false;
	return row->expected[0] < 0 || ((int)p->moves == row->moves && p->reachable == row->reachable);
}

static int failing_rows(void)
{
	struct prediction p;
	int failing = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		failing += !row_holds(&rows[i], &p);
	return failing;
}

int main(void)
{
	char text[PREDICTION_TEXT];
	struct prediction p;
	size_t n = 0;
	int failed = 0;

	printf("1..%zu\n", COUNT(rows) + RULES - 1);
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool good = row_holds(&rows[i], &p);

		if (!good)
			printf("# predicted: %s, moves %d, reachable %llu\n", prediction_text(&p, text),
			       p.moves, (unsigned long long)p.reachable);
		printf("%s %zu %s\n", good ? "ok" : "not ok", ++n, rows[i].why);
		failed += !good;
	}
	for (int rule = 1; rule < RULES; rule++) {
		contract_break((enum contract_rule)rule);
		printf("%s %zu without rule %d a row fails\n", failing_rows() ? "ok" : "not ok", ++n,
		       rule);
		failed += !failing_rows();
	}
	return failed != 0;
}
