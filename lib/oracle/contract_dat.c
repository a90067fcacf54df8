// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle's translation of logical addresses: see contract.h. PoP, chapter 3,
 * "Dynamic Address Translation", and chapter 5, "Access-Register Translation".
 * Tables are read from the state's storage, in the machine's byte order.
 *
 * Over 300 lines: one chapter of the Principles of Operation, with its tables.
 */
#include "oracle/contract.h"
#include "rules.h"

#define on contract_on

/* Address-space-control element */
#define ASCE_PRIVATE 0x100UL
#define ASCE_REAL 0x20UL
#define ASCE_DT(asce) ((asce) >> 2 & 3)
#define ASCE_TL(asce) ((asce)&3)

/* Entries of region and segment tables */
#define ENTRY_INVALID 0x20UL
#define ENTRY_PROTECTED 0x200UL
#define ENTRY_LARGE 0x400UL /* format control */
#define ENTRY_COMMON 0x10UL
#define ENTRY_TT(e) ((e) >> 2 & 3)
#define ENTRY_TF(e) ((e) >> 6 & 3)
#define ENTRY_TL(e) ((e)&3)

/* Entries of page tables */
#define PAGE_INVALID 0x400UL
#define PAGE_PROTECTED 0x200UL
#define PAGE_BIT_52 0x800UL

/* Levels, as DT and TT number them */
enum { SEGMENT, REGION_THIRD, REGION_SECOND, REGION_FIRST };

static bool read_bytes(const struct state *s, uint64_t gpa, unsigned int len, uint64_t *value)
{
	for (size_t i = 0; i < s->slots; i++) {
		const struct storage *m = &s->storage[i];

		if (gpa < m->gpa || gpa - m->gpa > m->size - len || !m->bytes)
			continue;
		*value = 0;
		for (unsigned int b = 0; b < len; b++)
			*value = *value << 8 | m->bytes[gpa - m->gpa + b];
		return true;
	}
	*value = 0;
	return !on(RULE_TABLE_STORAGE);
}

/* PoP, chapter 3, "Prefixing" */
static uint64_t prefixed(const struct cpu *cpu, uint64_t real)
{
	if (!on(RULE_PREFIX))
		return real;
	if (real < 2 * CONTRACT_PAGE)
		return cpu->prefix + real;
	if (real - cpu->prefix < 2 * CONTRACT_PAGE)
		return real - cpu->prefix;
	return real;
}

/* What access-register translation reads is at real addresses */
static bool read_real(const struct state *s, uint64_t real, unsigned int len, uint64_t *value)
{
	return read_bytes(s, prefixed(&s->cpu, real), len, value);
}

static struct cause met(int code)
{
	return (struct cause){ .code = code };
}

static struct cause denied(enum protection protection)
{
	return (struct cause){ .code = PGM_PROTECTION, .protection = protection };
}

/* The index that @address has into a table of @level, 11 bits */
static uint64_t table_index(uint64_t address, int level)
{
	return address >> (20 + 11 * level) & 0x7ff;
}

/* The exception for an index that a table of @level does not have */
static int translation_code(int level)
{
	static const int codes[] = {
		[SEGMENT] = PGM_SEGMENT_TRANSLATION,
		[REGION_THIRD] = PGM_REGION_THIRD_TRANSLATION,
		[REGION_SECOND] = PGM_REGION_SECOND_TRANSLATION,
		[REGION_FIRST] = PGM_REGION_FIRST_TRANSLATION,
	};

	return codes[level];
}

struct walk {
	const struct state *s;
	uint64_t asce, address;
	bool store, protect;
	uint64_t entry;
};

static bool edat1(const struct walk *w)
{
	return w->s->cpu.edat1 && w->s->cpu.cr[0] & CR0_EDAT;
}

static bool edat2(const struct walk *w)
{
	return edat1(w) && w->s->cpu.edat2;
}

static struct cause arrive(const struct walk *w, uint64_t gpa, uint64_t *result)
{
	*result = gpa;
	if (w->store && w->protect)
		return denied(PROTECTED_DAT);
	return met(0);
}

/* Read and check the entry of @level for the address, in the table at @origin */
static struct cause fetch_entry(struct walk *w, uint64_t origin, int level)
{
	int invalid_rule = level == SEGMENT ? RULE_INVALID_SEGMENT : RULE_INVALID_REGION;

	if (!read_bytes(w->s, origin + 8 * table_index(w->address, level), 8, &w->entry))
		return met(PGM_ADDRESSING);
	if (on(invalid_rule) && w->entry & ENTRY_INVALID)
		return met(translation_code(level));
	if (on(RULE_TABLE_TYPE) && ENTRY_TT(w->entry) != (unsigned int)level)
		return met(PGM_TRANSLATION_SPECIFICATION);
	if (on(RULE_COMMON_SEGMENT) && w->asce & ASCE_PRIVATE && w->entry & ENTRY_COMMON &&
	    (level == SEGMENT || (level == REGION_THIRD && edat2(w))))
		return met(PGM_TRANSLATION_SPECIFICATION);
	if (w->entry & ENTRY_PROTECTED && on(RULE_DAT_PROTECTION) &&
	    (level == SEGMENT || (edat1(w) && on(RULE_REGION_PROTECTION))))
		w->protect = true;
	return met(0);
}

static struct cause walk_page(struct walk *w, uint64_t *gpa)
{
	uint64_t pte;

	if (!read_bytes(w->s, (w->entry & ~0x7ffUL) + 8 * (w->address >> 12 & 0xff), 8, &pte))
		return met(PGM_ADDRESSING);
	if (on(RULE_INVALID_PAGE) && pte & PAGE_INVALID)
		return met(PGM_PAGE_TRANSLATION);
	if (on(RULE_PAGE_BIT_52) && pte & PAGE_BIT_52)
		return met(PGM_TRANSLATION_SPECIFICATION);
	if (pte & PAGE_PROTECTED && on(RULE_DAT_PROTECTION))
		w->protect = true;
	return arrive(w, (pte & ~0xfffUL) | (w->address & 0xfff), gpa);
}

/* @real: what comes out is a real address, to be prefixed */
static struct cause walk_tables(struct walk *w, uint64_t *gpa, bool *real)
{
	int level = (int)ASCE_DT(w->asce);
	uint64_t origin = w->asce & ~0xfffUL;

	*real = false;
	if (on(RULE_ASCE_TYPE) && level < REGION_FIRST && w->address >> (31 + 11 * level))
		return met(PGM_ASCE_TYPE);
	if (on(RULE_TABLE_LENGTH) && table_index(w->address, level) >> 9 > ASCE_TL(w->asce))
		return met(translation_code(level));
	for (;; level--) {
		struct cause c = fetch_entry(w, origin, level);
		uint64_t high;

		if (c.code)
			return c;
		if (level == REGION_THIRD && w->entry & ENTRY_LARGE && edat2(w) &&
		    on(RULE_LARGE_REGION))
			return arrive(w, (w->entry & ~0x7fffffffUL) | (w->address & 0x7fffffff),
				      gpa);
		if (level == SEGMENT)
			break;
		high = table_index(w->address, level - 1) >> 9;
		if (on(RULE_TABLE_OFFSET) && high < ENTRY_TF(w->entry))
			return met(translation_code(level - 1));
		if (on(RULE_TABLE_LENGTH) && high > ENTRY_TL(w->entry))
			return met(translation_code(level - 1));
		origin = w->entry & ~0xfffUL;
	}
	if (w->entry & ENTRY_LARGE && edat1(w) && on(RULE_LARGE_SEGMENT))
		return arrive(w, (w->entry & ~0xfffffUL) | (w->address & 0xfffff), gpa);
	*real = true;
	return walk_page(w, gpa);
}

/* The authority table permits what the private access-list entry restricts */
static struct cause authority(const struct state *s, const uint64_t *aste, uint64_t ale)
{
	uint16_t eax = (uint16_t)(s->cpu.cr[8] >> 16), aleax = (uint16_t)(ale >> 32);
	uint64_t byte, table = aste[0] >> 32 & 0x7ffffffc, length = aste[0] >> 4 & 0xfff;

	if (!on(RULE_AUTHORITY) || !(ale >> 56 & 1) || eax == aleax)
		return met(0);
	if (eax / 16U > length)
		return met(PGM_EXTENDED_AUTHORITY);
	if (!read_real(s, table + eax / 4U, 1, &byte))
		return met(PGM_ADDRESSING);
	return met(byte & 0x40 >> (eax & 3) * 2 ? 0 : PGM_EXTENDED_AUTHORITY);
}

/* The entry of the access list that @alet names, its two doublewords */
static struct cause find_entry(const struct state *s, uint32_t alet, uint64_t *ale)
{
	bool primary = alet >> 24 & 1 && on(RULE_ALET_PRIMARY);
	uint64_t list, origin = s->cpu.cr[primary ? 5 : 2] & 0x7fffffc0;
	uint64_t number = alet & 0xffff;

	if (!read_real(s, origin + 16, 4, &list))
		return met(PGM_ADDRESSING);
	if (on(RULE_LIST_LENGTH) && number / 8 > (list & 0x7f))
		return met(PGM_ALEN_TRANSLATION);
	origin = (list & 0x7fffff80) + 16 * number;
	if (!read_real(s, origin, 8, &ale[0]) || !read_real(s, origin + 8, 8, &ale[1]))
		return met(PGM_ADDRESSING);
	if (on(RULE_ALE_INVALID) && ale[0] >> 63)
		return met(PGM_ALEN_TRANSLATION);
	if (on(RULE_ALE_SEQUENCE) && (ale[0] >> 48 & 0xff) != (alet >> 16 & 0xff))
		return met(PGM_ALE_SEQUENCE);
	return met(0);
}

static struct cause register_asce(const struct state *s, uint8_t ar, bool store, uint64_t *asce)
{
	uint32_t alet = ar ? s->cpu.ar[ar] : 0;
	uint64_t ale[2], aste[3], origin;
	struct cause c;

	*asce = s->cpu.cr[alet == 1 ? 7 : 1];
	if (alet <= 1 && on(RULE_ALET_ZERO_ONE))
		return met(0);
	if (on(RULE_ALET_RESERVED) && alet >> 25)
		return met(PGM_ALET_SPECIFICATION);
	c = find_entry(s, alet, ale);
	if (c.code)
		return c;
	origin = ale[1] >> 32 & 0x7fffffc0;
	for (unsigned int i = 0; i < 3; i++)
		if (!read_real(s, origin + 8 * i, 8, &aste[i]))
			return met(PGM_ADDRESSING);
	if (on(RULE_ASTE_INVALID) && aste[0] >> 63)
		return met(PGM_ASTE_VALIDITY);
	if (on(RULE_ASTE_SEQUENCE) && (uint32_t)aste[2] != (uint32_t)ale[1])
		return met(PGM_ASTE_SEQUENCE);
	c = authority(s, aste, ale[0]);
	*asce = aste[1];
	if (!c.code && store && ale[0] >> 57 & 1 && on(RULE_FETCH_ONLY))
		return denied(PROTECTED_LIST);
	return c;
}

static struct cause asce_of(const struct state *s, uint8_t ar, bool store, uint64_t *asce)
{
	switch (on(RULE_ADDRESS_SPACE) ? s->cpu.psw_mask & PSW_AS_HOME : PSW_AS_PRIMARY) {
	case PSW_AS_SECONDARY:
		*asce = s->cpu.cr[7];
		return met(0);
	case PSW_AS_HOME:
		*asce = s->cpu.cr[13];
		return met(0);
	case PSW_AS_REGISTER:
		return register_asce(s, ar, store, asce);
	}
	*asce = s->cpu.cr[1];
	return met(0);
}

bool contract_private(const struct state *s, uint8_t ar)
{
	uint64_t asce;

	if (!(s->cpu.psw_mask & PSW_DAT) || !on(RULE_PRIVATE_SPACE))
		return false;
	asce_of(s, ar, false, &asce);
	return asce & ASCE_PRIVATE;
}

struct cause contract_translate(const struct state *s, uint64_t address, uint8_t ar, bool store,
				uint64_t *gpa)
{
	struct walk w = { .s = s, .address = address, .store = store };
	struct cause c;
	bool real = true;

	*gpa = address;
	if (s->cpu.psw_mask & PSW_DAT) {
		c = asce_of(s, ar, store, &w.asce);
		if (c.code)
			return c;
		if (!(w.asce & ASCE_REAL) || !on(RULE_REAL_SPACE)) {
			c = walk_tables(&w, gpa, &real);
			if (c.code && c.protection != PROTECTED_DAT)
				return c;
			if (real)
				*gpa = prefixed(&s->cpu, *gpa);
			return c;
		}
	}
	*gpa = prefixed(&s->cpu, *gpa);
	return met(0);
}
