// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle against tables worked out by hand from api.rst and the Principles of
 * Operation (PoP): runs on any host, without KVM. And the tables against the
 * oracle: with any one of its rules left out, a row has to fail.
 *
 * Over 300 lines: one table, worked out by hand.
 */
#include <errno.h>
#include <stdio.h>

#include "oracle/contract.h"
#include "../lib/oracle/rules.h"

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

#define GOOD                                                                                       \
	{                                                                                          \
		UINT64_MAX, UINT64_MAX                                                             \
	}

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
	bool bad_buf, bad_old, differs, protected_guest, private_real;
	uint32_t sida_offset;
	/* Expected: up to three outcomes, > 0 a code, < 0 an errno; ends with END */
	int expected[4];
	int moves;
	uint64_t reachable;
};

#define END 0x7fffffff
#define OK                                                                                         \
	{                                                                                          \
		0, END                                                                             \
	}
#define BAD(e)                                                                                     \
	{                                                                                          \
		-(e), END                                                                          \
	}
#define PGM(c)                                                                                     \
	{                                                                                          \
		(c), END                                                                           \
	}

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
	{ "operation 7 where there is no storage: no order is named", false, 7, 0x8000, 8,
	  .expected = { -EINVAL, PGM_ADDRESSING, END } },
	{ "a vCPU's operation there, for the VM", false, LREAD, 0x8000, 8,
	  .expected = { -EINVAL, PGM_ADDRESSING, END } },
	{ "one for the VM there, of no size", false, AREAD, 0x8000, 0, .expected = BAD(EINVAL) },
	{ "operation 7 there, for a vCPU", true, 7, 0x8000, 8, .expected = BAD(EINVAL) },
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
	{ "no cmpxchg bit and no storage", false, XCHG, 0x8000, 8, .no_extension = 2,
	  .expected = { -EINVAL, PGM_ADDRESSING, END } },
	/* api.rst: flags */
	{ "bit 3 is not defined", false, AWRITE, 0x100, 8, 8, .expected = BAD(EINVAL) },
	{ "bit 63 is not defined", true, LREAD, 0x100, 8, 1UL << 63, .expected = BAD(EINVAL) },
	{ "absolute accesses take no INJECT_EXCEPTION", false, AREAD, 0x100, 8, INJECT,
	  .expected = BAD(EINVAL) },
	{ "cmpxchg takes no CHECK_ONLY", false, XCHG, 0x100, 8, CHECK, .expected = BAD(EINVAL) },
	{ "logical accesses take all three", true, LREAD, 0x100, 8, CHECK | INJECT | KEYED,
	  .key = 3, .expected = OK },
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
	{ "fetch, key 4 on ACC 3 without fetch protection", false, AREAD, 0x1100, 8, KEYED,
	  .key = 4, .expected = OK, .moves = MOVES_TO_BUF },
	{ "fetch, key 4 on ACC 3 with fetch protection", false, AREAD, 0x2100, 8, KEYED, .key = 4,
	  .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_BUF },
	{ "fetch, key 0 on ACC 3 with fetch protection", false, AREAD, 0x2100, 8, KEYED, .key = 0,
	  .expected = OK, .moves = MOVES_TO_BUF },
	{ "store, key 4 without the flag", false, AWRITE, 0x1100, 8, .key = 4, .expected = OK,
	  .moves = MOVES_TO_GUEST },
	{ "store, key 3, the second page has ACC 5: the first may be stored", false, AWRITE, 0x2ffc,
	  8, KEYED, .key = 3, .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_GUEST,
	  .reachable = 4 },
	/* PoP, chapter 3, "Low-Address Protection", "Suppression on Protection" */
	{ "store, the second page begins with low addresses: suppressed, nothing is stored", true,
	  LWRITE, 0xffc, 8, .cr0 = CR0_LOW_ADDRESS_PROTECTION, .expected = PGM(PGM_PROTECTION),
	  .moves = MOVES_TO_GUEST, .reachable = 0 },
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
	{ "differs: the old value is replaced", false, XCHG, 0x100, 8, .differs = true,
	  .expected = OK, .moves = MOVES_TO_OLD },
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
	{ "the same in a private space: it does not apply", true, LREAD, 0x100, 8, KEYED, .key = 4,
	  .prefix = 0x2000, .cr0 = CR0_FETCH_PROTECTION_OVERRIDE, .psw = PSW_DAT | PSW_EA | PSW_BA,
	  .private_real = true, .expected = PGM(PGM_PROTECTION), .moves = MOVES_TO_BUF },
	{ "fetch of the last bytes of all, override on: not below 2048", true, LREAD, -8UL, 8,
	  KEYED, .key = 4, .prefix = 0x2000, .cr0 = CR0_FETCH_PROTECTION_OVERRIDE,
	  .psw = PSW_EA | PSW_BA, .expected = PGM(PGM_ADDRESSING), .moves = MOVES_TO_BUF },
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

/*
 * Translation: tables at 1 MiB, as the machine stores them. Frames are not looked
 * at, so what is expected is an exception code, or 0 and an absolute address.
 */
#define TABLES 0x100000UL
#define SEGMENTS (TABLES + 0x00000)
#define PAGES (TABLES + 0x10000)
#define THIRDS (TABLES + 0x20000)
#define SECONDS (TABLES + 0x30000)
#define FIRSTS (TABLES + 0x40000)
#define UNIT (TABLES + 0x50000)	   /* dispatchable-unit control table */
#define PRIMARY (TABLES + 0x50040) /* primary address-space table entry */
#define LIST (TABLES + 0x51000)
#define OTHER_LIST (TABLES + 0x52000)
#define ASTES (TABLES + 0x53000)
#define AUTHORITY (TABLES + 0x54000)
#define MISSING 0x70000000UL

static uint8_t tables[0x60000];
static const struct storage table_storage[] = {
	{ .gpa = TABLES, .size = sizeof(tables), .bytes = tables },
};

static void put(uint64_t gpa, uint64_t value, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		tables[gpa - TABLES + i] = (uint8_t)(value >> 8 * (len - 1 - i));
}

static void put_ale(uint64_t list, unsigned int n, uint64_t first, uint64_t aste)
{
	put(list + 16 * n, first | 5UL << 48, 8);
	put(list + 16 * n + 8, aste << 32 | 7, 8);
}

/* PoP, chapter 3, "Region-Table Entries" and the following; chapter 5, "Access-List Entry" */
static void make_tables(void)
{
	put(SEGMENTS + 0, PAGES, 8);
	put(SEGMENTS + 8, PAGES | 0x20, 8);   /* invalid */
	put(SEGMENTS + 16, PAGES | 0x04, 8);  /* of type 1 */
	put(SEGMENTS + 24, PAGES | 0x200, 8); /* protected */
	put(SEGMENTS + 32, PAGES | 0x10, 8);  /* common */
	put(SEGMENTS + 40, MISSING, 8);
	put(SEGMENTS + 48, 0x300000 | 0x400, 8); /* large */
	put(SEGMENTS + 8 * 512, PAGES, 8);
	put(PAGES + 0, 0x5000, 8);
	put(PAGES + 8, 0x5000 | 0x400, 8);  /* invalid */
	put(PAGES + 16, 0x5000 | 0x800, 8); /* bit 52 */
	put(PAGES + 24, 0x6000 | 0x200, 8); /* protected */
	put(PAGES + 32, 0, 8);
	put(THIRDS + 0, SEGMENTS | 4 | 3, 8);
	put(THIRDS + 8, SEGMENTS | 4 | 3 | 0x40, 8);   /* offset 1 */
	put(THIRDS + 16, SEGMENTS | 4 | 0, 8);	       /* length 0 */
	put(THIRDS + 24, SEGMENTS | 4 | 3 | 0x200, 8); /* protected */
	put(THIRDS + 32, SEGMENTS | 4 | 3 | 0x20, 8);  /* invalid */
	put(THIRDS + 40, 0x80000000 | 4 | 0x400, 8);   /* large */
	put(SECONDS + 0, THIRDS | 8 | 3, 8);
	put(FIRSTS + 0, SECONDS | 0xc | 3, 8);

	put(UNIT + 16, LIST | 0, 4); /* 8 entries */
	put(PRIMARY + 16, OTHER_LIST | 0, 4);
	put_ale(LIST, 2, 0, ASTES);
	put_ale(LIST, 3, 1UL << 63, ASTES);		/* invalid */
	put_ale(LIST, 4, 1UL << 57, ASTES);		/* fetch-only */
	put_ale(LIST, 5, 1UL << 56 | 1UL << 32, ASTES); /* private, index 1 */
	put_ale(LIST, 6, 0, ASTES + 64);
	put_ale(LIST, 7, 0, ASTES + 128);
	put_ale(LIST, 8, 0, ASTES); /* behind the list */
	put_ale(OTHER_LIST, 2, 1UL << 63, ASTES);
	put(ASTES, AUTHORITY << 32, 8);
	put(ASTES + 8, SEGMENTS | 3, 8);
	put(ASTES + 20, 7, 4);
	put(ASTES + 64, 1UL << 63, 8); /* invalid */
	put(ASTES + 84, 7, 4);
	put(ASTES + 128 + 20, 8, 4); /* another sequence number */
	put(AUTHORITY, 0x04, 1);     /* index 2: the secondary bit */
}

#define ON PSW_DAT | PSW_EA | PSW_BA
#define ALET(n) (5U << 16 | (n))

struct walk {
	const char *why;
	uint64_t psw, asce; /* of the primary space, or of that which the PSW selects */
	uint64_t address;
	bool store;
	uint32_t alet;
	uint64_t cr0, cr8;
	int code;
	uint64_t gpa;
};

static const struct walk walks[] = {
	/* PoP, chapter 3, "Dynamic Address Translation" */
	{ "segment and page", ON, SEGMENTS | 3, 0x123, .gpa = 0x5123 },
	{ "from the secondary space", ON | PSW_AS_SECONDARY, SEGMENTS | 3, 0x123, .gpa = 0x5123 },
	{ "from the home space", ON | PSW_AS_HOME, SEGMENTS | 3, 0x123, .gpa = 0x5123 },
	{ "a frame in the first 8 KiB is prefixed", ON, SEGMENTS | 3, 0x4123, .gpa = 0x8123 },
	{ "a real space", ON, 0x20, 0x12345, .gpa = 0x12345 },
	{ "beyond a segment table's 2 GiB", ON, SEGMENTS | 3, 1UL << 31, .code = PGM_ASCE_TYPE },
	{ "beyond 512 entries", ON, SEGMENTS | 0, 512UL << 20, .code = PGM_SEGMENT_TRANSLATION },
	{ "beyond a region-third table's length", ON, THIRDS | 4 | 0, 512UL << 31,
	  .code = PGM_REGION_THIRD_TRANSLATION },
	{ "through four tables", ON, FIRSTS | 0xc | 3, 0x123, .gpa = 0x5123 },
	{ "invalid segment", ON, SEGMENTS | 3, 1UL << 20, .code = PGM_SEGMENT_TRANSLATION },
	{ "segment-table entry of type 1", ON, SEGMENTS | 3, 2UL << 20,
	  .code = PGM_TRANSLATION_SPECIFICATION },
	{ "protected segment: fetch", ON, SEGMENTS | 3, 3UL << 20, .gpa = 0x5000 },
	{ "protected segment: store", ON, SEGMENTS | 3, 3UL << 20, true, .code = PGM_PROTECTION,
	  .gpa = 0x5000 },
	{ "common segment", ON, SEGMENTS | 3, 4UL << 20, .gpa = 0x5000 },
	{ "common segment in a private space", ON, SEGMENTS | 0x100 | 3, 4UL << 20,
	  .code = PGM_TRANSLATION_SPECIFICATION },
	{ "page table outside of storage", ON, SEGMENTS | 3, 5UL << 20, .code = PGM_ADDRESSING },
	{ "large segment, enhanced DAT on", ON, SEGMENTS | 3, (6UL << 20) + 0x1234, .cr0 = CR0_EDAT,
	  .gpa = 0x301234 },
	{ "invalid page", ON, SEGMENTS | 3, 0x1000, .code = PGM_PAGE_TRANSLATION },
	{ "bit 52 of a page", ON, SEGMENTS | 3, 0x2000, .code = PGM_TRANSLATION_SPECIFICATION },
	{ "protected page: store", ON, SEGMENTS | 3, 0x3000, true, .code = PGM_PROTECTION,
	  .gpa = 0x6000 },
	{ "before a table's offset", ON, THIRDS | 4 | 3, 1UL << 31,
	  .code = PGM_SEGMENT_TRANSLATION },
	{ "behind a table's length", ON, THIRDS | 4 | 3, (2UL << 31) + (512UL << 20),
	  .code = PGM_SEGMENT_TRANSLATION },
	{ "protected region, enhanced DAT off", ON, THIRDS | 4 | 3, 3UL << 31, true,
	  .gpa = 0x5000 },
	{ "protected region, enhanced DAT on", ON, THIRDS | 4 | 3, 3UL << 31, true, .cr0 = CR0_EDAT,
	  .code = PGM_PROTECTION, .gpa = 0x5000 },
	{ "invalid region", ON, THIRDS | 4 | 3, 4UL << 31, .code = PGM_REGION_THIRD_TRANSLATION },
	{ "large region, enhanced DAT 2", ON, THIRDS | 4 | 3, (5UL << 31) + 0x1234, .cr0 = CR0_EDAT,
	  .gpa = 0x80001234 },
	/* PoP, chapter 5, "Access-Register Translation" */
	{ "ALET 0 is the primary space", ON | PSW_AS_REGISTER, SEGMENTS | 3, 0x123, .gpa = 0x5123 },
	{ "ALET 1 is the secondary space, a real one here", ON | PSW_AS_REGISTER, SEGMENTS | 3,
	  0x12123, .alet = 1, .gpa = 0x12123 },
	{ "reserved bits of an ALET", ON | PSW_AS_REGISTER, 0, 0x123, .alet = 1U << 25 | ALET(2),
	  .code = PGM_ALET_SPECIFICATION },
	{ "an entry of the unit's list", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(2),
	  .gpa = 0x5123 },
	{ "the primary list has another", ON | PSW_AS_REGISTER, 0, 0x123,
	  .alet = 1U << 24 | ALET(2), .code = PGM_ALEN_TRANSLATION },
	{ "behind the list", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(8),
	  .code = PGM_ALEN_TRANSLATION },
	{ "invalid entry", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(3),
	  .code = PGM_ALEN_TRANSLATION },
	{ "another entry sequence", ON | PSW_AS_REGISTER, 0, 0x123, .alet = 6U << 16 | 2,
	  .code = PGM_ALE_SEQUENCE },
	{ "invalid address space", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(6),
	  .code = PGM_ASTE_VALIDITY },
	{ "another address-space sequence", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(7),
	  .code = PGM_ASTE_SEQUENCE },
	{ "private entry, same index", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(5),
	  .cr8 = 1UL << 16, .gpa = 0x5123 },
	{ "private entry, permitted by the table", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(5),
	  .cr8 = 2UL << 16, .gpa = 0x5123 },
	{ "private entry, not permitted", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(5),
	  .cr8 = 3UL << 16, .code = PGM_EXTENDED_AUTHORITY },
	{ "fetch-only entry: fetch", ON | PSW_AS_REGISTER, 0, 0x123, .alet = ALET(4),
	  .gpa = 0x5123 },
	{ "fetch-only entry: store", ON | PSW_AS_REGISTER, 0, 0x123, true, .alet = ALET(4),
	  .code = PGM_PROTECTION },
};

static bool walk_holds(const struct walk *w)
{
	struct state s = {
		.storage = table_storage,
		.slots = 1,
		.cpu = { .psw_mask = w->psw,
			 .prefix = 0x8000,
			 .cr = { [0] = w->cr0,
				 [1] = w->asce,
				 [2] = UNIT,
				 [5] = PRIMARY,
				 [7] = 0x20,
				 [8] = w->cr8,
				 [13] = 0x20 },
			 .ar = { [3] = w->alet },
			 .edat1 = true,
			 .edat2 = true },
	};
	struct cause c;
	uint64_t gpa;

	if ((w->psw & PSW_AS_HOME) == PSW_AS_SECONDARY || (w->psw & PSW_AS_HOME) == PSW_AS_HOME) {
		s.cpu.cr[1] = 0x20;
		s.cpu.cr[(w->psw & PSW_AS_HOME) == PSW_AS_HOME ? 13 : 7] = w->asce;
	}
	c = contract_translate(&s, w->address, 3, w->store, &gpa);
	return c.code == w->code && (!w->gpa || gpa == w->gpa);
}

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
		.cpu = { .psw_mask = row->psw,
			 .prefix = row->prefix,
			 .cr[0] = row->cr0,
			 .cr[1] = row->private_real ? 0x120 : 0 },
	};
	struct request r = {
		.on_vcpu = row->vcpu,
		.op = { .op = row->op,
			.gaddr = row->gaddr,
			.size = row->size,
			.flags = row->flags },
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
	return row->expected[0] < 0 ||
	       ((int)p->moves == row->moves &&
		prediction_reach(p, outcome_from(row->expected[0])) == row->reachable);
}

/* What the lowcore shows; the cause as the oracle gives it */
static const struct lowcore {
	const char *why;
	uint32_t op;
	uint64_t psw;
	struct cause cause;
	int code;
	bool changed, no_facility;
	uint64_t back, teid, mask;
	bool access_id;
} lowcores[] = {
	{ "page translation nullifies; address, store, home space",
	  LWRITE,
	  PSW_EA | PSW_BA | PSW_DAT | PSW_AS_HOME,
	  { PGM_PAGE_TRANSLATION, 0, 0x12345678 },
	  PGM_PAGE_TRANSLATION,
	  .back = 4,
	  .teid = 0x12345403,
	  .mask = ~0x3fcUL },
	{ "segment translation: fetch, access-register mode, access id",
	  LREAD,
	  PSW_DAT | PSW_AS_REGISTER,
	  { PGM_SEGMENT_TRANSLATION, 0, 0x5000 },
	  PGM_SEGMENT_TRANSLATION,
	  .back = 4,
	  .teid = 0x5801,
	  .mask = ~0x3fcUL,
	  .access_id = true },
	{ "ASCE type, without facility 75",
	  LREAD,
	  PSW_DAT | PSW_AS_SECONDARY,
	  { PGM_ASCE_TYPE, 0, 1UL << 40 },
	  PGM_ASCE_TYPE,
	  .no_facility = true,
	  .back = 4,
	  .teid = 1UL << 40 | 2,
	  .mask = ~0xffcUL },
	{ "ALEN translation nullifies: no TEID",
	  LREAD,
	  PSW_DAT | PSW_AS_REGISTER,
	  { PGM_ALEN_TRANSLATION, 0, 0x5000 },
	  PGM_ALEN_TRANSLATION,
	  .back = 4,
	  .access_id = true },
	{ "addressing: no TEID, not nullified",
	  LREAD,
	  PSW_DAT,
	  { PGM_ADDRESSING, 0, 0x5000 },
	  PGM_ADDRESSING,
	  .changed = false },
	{ "key: bit 60",
	  LWRITE,
	  PSW_DAT | PSW_AS_SECONDARY,
	  { PGM_PROTECTION, PROTECTED_KEY, 0x7008 },
	  PGM_PROTECTION,
	  .teid = 0x740a,
	  .mask = ~0x370UL },
	{ "key, and an earlier page is changed: no suppression",
	  LWRITE,
	  PSW_DAT | PSW_AS_SECONDARY,
	  { PGM_PROTECTION, PROTECTED_KEY, 0x7008 },
	  PGM_PROTECTION,
	  true,
	  .mask = 0x8c },
	{ "low address: bit 56; DAT off has no space",
	  LWRITE,
	  0,
	  { PGM_PROTECTION, PROTECTED_LOW_ADDRESS, 0x1008 },
	  PGM_PROTECTION,
	  .teid = 0x1480,
	  .mask = ~0x373UL },
	{ "DAT: bit 61, access id",
	  LWRITE,
	  PSW_DAT | PSW_AS_REGISTER,
	  { PGM_PROTECTION, PROTECTED_DAT, 0x7008 },
	  PGM_PROTECTION,
	  .teid = 0x7405,
	  .mask = ~0x370UL,
	  .access_id = true },
	{ "access list: bits 60 and 61, access id",
	  LWRITE,
	  PSW_DAT | PSW_AS_REGISTER,
	  { PGM_PROTECTION, PROTECTED_LIST, 0x7008 },
	  PGM_PROTECTION,
	  .teid = 0x740d,
	  .mask = ~0x370UL,
	  .access_id = true },
	{ "protection of a later page than the first that fails: nothing defined",
	  LWRITE,
	  PSW_DAT,
	  { PGM_PAGE_TRANSLATION, 0, 0x7008 },
	  PGM_PROTECTION,
	  .changed = false },
};

static bool lowcore_holds(const struct lowcore *l)
{
	struct state s = { .cpu = { .psw_mask = l->psw, .fetch_store = !l->no_facility } };
	struct request r = { .on_vcpu = true, .op = { .op = l->op } };
	struct prediction p = { .cause = l->cause };
	struct interruption i;

	r.op.ar = 7;
	contract_interruption(&s, &r, &p, l->code, 4, l->changed, &i);
	return i.code == l->code && i.psw_back == l->back && i.teid_mask == l->mask &&
	       (i.teid & i.teid_mask) == l->teid && i.has_access_id == l->access_id &&
	       i.access_id == 7;
}

#define R KEY_REFERENCE
#define RC (KEY_REFERENCE | KEY_CHANGE)

/* What is left behind of a page */
static const struct mark {
	const char *why;
	uint32_t op;
	uint64_t flags;
	int moves, ret;
	bool changed;
	uint8_t must, may;
	bool logged;
} marks[] = {
	{ "a store: both bits, and the log", AWRITE, 0, MOVES_TO_GUEST, 0, true, RC, RC, true },
	{ "a fetch: reference", LREAD, 0, MOVES_TO_BUF, 0, false, R, R, false },
	{ "CHECK_ONLY: nothing", LWRITE, CHECK, MOVES_NOTHING, 0, false, 0, 0, false },
	{ "an unequal exchange may count as a store, but stores nothing", XCHG, 0, MOVES_TO_OLD, 0,
	  false, R, RC, false },
	{ "a denied store", AWRITE, KEYED, MOVES_TO_GUEST, PGM_PROTECTION, false, 0, R, false },
	{ "pages stored before the one that denies", AWRITE, KEYED, MOVES_TO_GUEST, PGM_PROTECTION,
	  true, RC, RC, true },
};

static bool mark_holds(const struct mark *m)
{
	struct request r = { .op = { .op = m->op, .flags = m->flags } };
	struct prediction p = { .moves = m->moves };
	struct record got = contract_record(&r, &p, (struct outcome){ .ret = m->ret }, m->changed);

	return got.must == m->must && got.may == m->may && got.logged == m->logged;
}

/* One result, if it is to be told; 1 if it failed */
static int result(bool telling, bool good, const char *why)
{
	static size_t number;

	if (telling)
		printf("%s %zu %s\n", good ? "ok" : "not ok", ++number, why);
	return !good;
}

static int request_row(bool telling, const struct row *row)
{
	struct prediction p;
	bool good = row_holds(row, &p);
	char text[PREDICTION_TEXT];

	if (telling && !good)
		printf("# predicted: %s, moves %d, reachable %llu\n", prediction_text(&p, text),
		       p.moves, (unsigned long long)p.reachable);
	return result(telling, good, row->why);
}

/* All rows of the four tables; how many of them failed */
static int all_rows(bool telling)
{
	int failed = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		failed += request_row(telling, &rows[i]);
	for (size_t i = 0; i < COUNT(walks); i++)
		failed += result(telling, walk_holds(&walks[i]), walks[i].why);
	for (size_t i = 0; i < COUNT(lowcores); i++)
		failed += result(telling, lowcore_holds(&lowcores[i]), lowcores[i].why);
	for (size_t i = 0; i < COUNT(marks); i++)
		failed += result(telling, mark_holds(&marks[i]), marks[i].why);
	return failed;
}

int main(void)
{
	char why[50];
	int failed;

	make_tables();
	printf("1..%zu\n", COUNT(rows) + COUNT(walks) + COUNT(lowcores) + COUNT(marks) + RULES - 1);
	failed = all_rows(true);
	for (int rule = 1; rule < RULES; rule++) {
		contract_break((enum contract_rule)rule);
		snprintf(why, sizeof(why), "without rule %d a row fails", rule);
		failed += result(true, all_rows(false) > 0, why);
	}
	return failed != 0;
}
