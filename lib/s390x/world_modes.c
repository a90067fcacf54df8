// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modes of vCPUs: see s390x/world_modes.h. PoP, chapter 3, "Dynamic Address Translation";
 * chapter 5, "Access-Register Translation".
 *
 * Four address spaces map the places of slots, each in an order of its own, some pages
 * badly. Instructions come from the primary or the home space, which have the guest's
 * home where it is.
 */
#include <sys/ioctl.h>

#include "s390x/dat.h"
#include "s390x/world_modes.h"

#define SPACES 4U
#define MAPPED (WORLD_PLACES + 3) /* units: places, a hole, the home */
#define REAL_SPACE DAT_ASCE_REAL
#define SEQUENCE 3U

/* Offsets into the home's tables */
#define SEGMENTS(space) (HOME_TABLES + (space)*0x4000UL)
#define PAGES(space, unit) (0x40000UL + ((space)*16UL + (unit)) * 0x800UL)
#define CONTROL 0x34000UL /* dispatchable-unit control table */
#define LIST 0x34080UL
#define ASTE 0x34100UL

static uint64_t asce[SPACES];

static uint64_t *word_at(uint64_t offset)
{
	return (uint64_t *)(world_home + offset);
}

/* Which absolute page the page @n of the space is, and what is wrong with it */
static uint64_t page_entry(unsigned int space, unsigned int unit, unsigned int n)
{
	uint64_t frame;

	if (HOME_GPA / WORLD_UNIT == unit)
		return unit * WORLD_UNIT + n * WORLD_PAGE;
	frame = ((unit + 5 * space) % WORLD_PLACES) * WORLD_UNIT + (n ^ space * 0x11) * WORLD_PAGE;
	switch ((n + 7 * space + unit) % 37) {
	case 30:
		return frame | DAT_PAGE_INVALID;
	case 31:
		return frame | DAT_PROTECTED;
	case 32:
		return space ? frame | DAT_PAGE_BIT_52 : frame;
	}
	return frame;
}

static void build_space(unsigned int space)
{
	for (unsigned int i = 0; i < 2048; i++)
		word_at(SEGMENTS(space))[i] = DAT_INVALID;
	for (unsigned int unit = 0; unit < MAPPED; unit++) {
		for (unsigned int n = 0; n < WORLD_UNIT_PAGES; n++)
			word_at(PAGES(space, unit))[n] = page_entry(space, unit, n);
		word_at(SEGMENTS(space))[unit] = HOME_GPA + PAGES(space, unit);
	}
	word_at(SEGMENTS(space))[3 + space] |= DAT_PROTECTED;
	asce[space] = (HOME_GPA + SEGMENTS(space)) | 3;
}

/* Entries of an access list: 2 the fourth space, 3 the same for fetches only */
static void build_list(void)
{
	uint32_t *entry = (uint32_t *)word_at(LIST) + 4 * 2;

	*((uint32_t *)word_at(CONTROL) + 4) = (uint32_t)(HOME_GPA + LIST);
	for (unsigned int i = 0; i < 2; i++, entry += 4) {
		entry[0] = SEQUENCE << 16 | (i ? 1U << 25 : 0);
		entry[2] = (uint32_t)(HOME_GPA + ASTE);
	}
	*((uint32_t *)word_at(LIST) + 4 * 4) = 1U << 31;
	for (unsigned int i = 5; i < 8; i++)
		*((uint32_t *)word_at(LIST) + 4 * i) = 1U << 31;
	word_at(ASTE)[1] = asce[3];
}

void world_modes_build(struct world *w)
{
	(void)w;
	for (unsigned int space = 0; space < SPACES; space++)
		build_space(space);
	build_list();
}

struct mode {
	const char *name;
	uint64_t psw_mask, cr0;
	bool real;	  /* the primary space is the real one */
	uint64_t private; /* bits of each ASCE */
};

static const struct mode modes[] = {
	[MODE_PLAIN] = { "DAT off", PLAIN_PSW, 0, true, 0 },
	{ "DAT off, low-address protection, overrides", PLAIN_PSW,
	  CR0_LOW_ADDRESS_PROTECTION | CR0_FETCH_PROTECTION_OVERRIDE |
		  CR0_STORAGE_PROTECTION_OVERRIDE,
	  true, 0 },
	{ "31 bits, DAT off", PSW_BA, 0, true, 0 },
	{ "24 bits, DAT off", 0, CR0_LOW_ADDRESS_PROTECTION, true, 0 },
	{ "primary space", PLAIN_PSW | PSW_DAT, 0, false, 0 },
	{ "primary space, 31 bits, low-address protection", PSW_BA | PSW_DAT,
	  CR0_LOW_ADDRESS_PROTECTION, false, 0 },
	{ "24 bits, secondary space", PSW_DAT | PSW_AS_SECONDARY, 0, true, 0 },
	{ "secondary space, low-address protection, fetch override",
	  PLAIN_PSW | PSW_DAT | PSW_AS_SECONDARY,
	  CR0_LOW_ADDRESS_PROTECTION | CR0_FETCH_PROTECTION_OVERRIDE, false, 0 },
	{ "home space, storage override", PLAIN_PSW | PSW_DAT | PSW_AS_HOME,
	  CR0_STORAGE_PROTECTION_OVERRIDE, true, 0 },
	{ "access-register mode", PLAIN_PSW | PSW_DAT | PSW_AS_REGISTER, 0, false, 0 },
	{ "access-register mode, low-address protection", PLAIN_PSW | PSW_DAT | PSW_AS_REGISTER,
	  CR0_LOW_ADDRESS_PROTECTION, true, 0 },
	{ "real primary space", PLAIN_PSW | PSW_DAT, 0, true, 0 },
	{ "private secondary space, low-address protection, fetch override",
	  PLAIN_PSW | PSW_DAT | PSW_AS_SECONDARY,
	  CR0_LOW_ADDRESS_PROTECTION | CR0_FETCH_PROTECTION_OVERRIDE, false, DAT_ASCE_PRIVATE },
};

unsigned int world_modes_count(void)
{
	return ARRAY_SIZE(modes);
}

const char *world_modes_name(unsigned int mode)
{
	return modes[mode].name;
}

void world_modes_set(struct world *w, struct cpu_model *model, unsigned int mode)
{
	static const uint32_t alets[16] = {
		0,
		0,
		1,
		SEQUENCE << 16 | 2,
		SEQUENCE << 16 | 2,
		SEQUENCE << 16 | 3,
		SEQUENCE << 16 | 2,
		(SEQUENCE + 1) << 16 | 2,
		SEQUENCE << 16 | 4,
		SEQUENCE << 16 | 100,
		1U << 25,
		SEQUENCE << 16 | 3,
	};
	const struct mode *m = &modes[mode];
	struct cpu *cpu = &model->cpu;

	(void)w;
	model->mode = mode;
	cpu->psw_mask = m->psw_mask;
	for (int i = 0; i < 16; i++) {
		cpu->cr[i] = 0;
		cpu->ar[i] = alets[i];
	}
	cpu->cr[0] = m->cr0;
	cpu->cr[1] = m->real ? REAL_SPACE : asce[0] | m->private;
	cpu->cr[2] = HOME_GPA + CONTROL;
	cpu->cr[7] = asce[1] | m->private;
	cpu->cr[13] = asce[2] | m->private;
}

/* Which of the spaces it is, -1: addresses are real */
static int space_of(const struct cpu_model *model, unsigned int ar)
{
	const struct cpu *cpu = &model->cpu;
	uint64_t primary = cpu->cr[1] & REAL_SPACE ? -1 : 0;

	if (!(cpu->psw_mask & PSW_DAT))
		return -1;
	switch (cpu->psw_mask & PSW_AS_HOME) {
	case PSW_AS_SECONDARY:
		return 1;
	case PSW_AS_HOME:
		return 2;
	case PSW_AS_REGISTER:
		if (ar && cpu->ar[ar % 16] == 1)
			return 1;
		return ar && cpu->ar[ar % 16] ? 3 : (int)primary;
	}
	return (int)primary;
}

uint64_t world_modes_virtual(const struct cpu_model *model, uint64_t gpa, unsigned int ar)
{
	int space = space_of(model, ar);
	uint64_t unit = gpa / WORLD_UNIT, page = gpa / WORLD_PAGE % WORLD_UNIT_PAGES;

	if (space <= 0 || unit >= WORLD_PLACES)
		return gpa;
	unit = (unit + SPACES * WORLD_PLACES - 5 * (unsigned int)space) % WORLD_PLACES;
	return unit * WORLD_UNIT + (page ^ (unsigned int)space * 0x11) * WORLD_PAGE +
	       gpa % WORLD_PAGE;
}

void world_modes_facilities(struct world *w, struct cpu *cpu)
{
	struct kvm_s390_vm_cpu_processor processor;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_CPU_MODEL,
		.attr = KVM_S390_VM_CPU_PROCESSOR,
		.addr = (uintptr_t)&processor,
	};
	const uint8_t *facilities = (const uint8_t *)processor.fac_list;

	TEST_ASSERT(!ioctl(w->vm->fd, KVM_GET_DEVICE_ATTR, &attr), "the guest's CPU model");
	cpu->edat1 = facilities[1] & 0x80;
	cpu->edat2 = facilities[78 / 8] & 0x80 >> 78 % 8;
}
