// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions on slots: add, delete, move, flags, and requests that have to be refused.
 *
 * Over 300 lines: one table of what can be done to a slot.
 */
#include <stdio.h>

#include "slot/deviation.h"
#include "slot/region.h"
#include "world/action.h"

static unsigned int units_of(const struct world *w, unsigned int memory)
{
	return w->memory[memory].units;
}

/* Is [@place, + @units) free of slots but @except? */
static bool is_free(const struct world *w, unsigned int place, unsigned int units, int except)
{
	for (unsigned int i = 0; i < WORLD_SLOTS; i++)
		if (w->slot[i].used && (int)i != except &&
		    place < w->slot[i].place + units_of(w, w->slot[i].memory) &&
		    w->slot[i].place < place + units)
			return false;
	return true;
}

static struct outcome set(struct world *w, unsigned int slot, const struct slot *s,
			  unsigned int units)
{
	struct region r = {
		.slot = w->first_slot + slot,
		.flags = s->flags,
		.gpa = w->base + s->place * WORLD_UNIT,
		.size = units * WORLD_UNIT,
		.user = (uintptr_t)w->memory[s->memory].host,
	};

	return region_set(w->vm->fd, region_has_second() && slot & 1, &r);
}

/* A place beside another slot half of the time: ranges across slots */
static unsigned int draw_place(struct world *w, unsigned int units)
{
	unsigned int other = world_below(w, WORLD_SLOTS);
	unsigned int place = world_below(w, WORLD_PLACES - units + 1);

	if (w->slot[other].used && world_one_in(w, 2)) {
		place = w->slot[other].place + units_of(w, w->slot[other].memory);
		if (world_one_in(w, 2) && w->slot[other].place >= units)
			place = w->slot[other].place - units;
	}
	return place + units <= WORLD_PLACES ? place : WORLD_PLACES - units;
}

/* slot, place, memory, flags */
static void draw_add(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
	a[2] = world_below(w, WORLD_MEMORIES);
	a[1] = draw_place(w, units_of(w, (unsigned int)a[2]));
	a[3] = world_one_in(w, 4) ? 0 : KVM_MEM_LOG_DIRTY_PAGES;
	if (w->may_read_only && world_one_in(w, 6))
		a[3] |= KVM_MEM_READONLY;
}

static bool ready_add(struct world *w, const uint64_t *a)
{
	return a[0] < WORLD_SLOTS && a[2] < WORLD_MEMORIES && !w->slot[a[0]].used &&
	       world_slot_with(w, (unsigned int)a[2]) < 0 &&
	       a[1] + units_of(w, (unsigned int)a[2]) <= WORLD_PLACES &&
	       is_free(w, (unsigned int)a[1], units_of(w, (unsigned int)a[2]), -1);
}

/*
 * The memory keeps its bytes. Whether it keeps storage keys, and pages written before,
 * nobody says (DIRTY-07).
 */
static void open_keys(struct memory *m)
{
	for (size_t p = 0; p < m->units * WORLD_UNIT_PAGES; p++)
		m->state[p] |= PAGE_KEY_OPEN | PAGE_RC_OPEN;
}

static void forget_log(struct memory *m)
{
	for (size_t p = 0; p < m->units * WORLD_UNIT_PAGES; p++)
		m->state[p] &= (uint8_t)~PAGE_MUST_LOG;
}

/* A log that begins: without a page that it must have, or with all (DIRTY-05) */
static void begin_log(struct world *w, const struct slot *s)
{
	struct memory *m = &w->memory[s->memory];

	forget_log(m);
	if (!(s->flags & KVM_MEM_LOG_DIRTY_PAGES) ||
	    !(w->has.manual_log & KVM_DIRTY_LOG_INITIALLY_SET))
		return;
	for (size_t p = 0; p < m->units * WORLD_UNIT_PAGES; p++)
		m->state[p] |= PAGE_MUST_LOG | PAGE_MAY_LOG;
}

static void act_add(struct world *w, const uint64_t *a)
{
	struct slot s = { .used = true,
			  .place = (unsigned int)a[1],
			  .memory = (unsigned int)a[2],
			  .flags = (uint32_t)a[3] };
	struct memory *m = &w->memory[a[2]];
	bool fresh = true;

	if (!world_expect(w, "SLOT-01", outcome_success(),
			  set(w, (unsigned int)a[0], &s, m->units)))
		return;
	w->slot[a[0]] = s;
	for (size_t p = 0; p < m->units * WORLD_UNIT_PAGES; p++)
		fresh &= !m->state[p];
	/* Memory that never was in a slot: its keys are 0 */
	if (!fresh)
		open_keys(m);
	begin_log(w, &s);
}

static void text_add(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "slot %u is added: %u MiB at %#llx with memory %u%s%s%s",
		 (unsigned int)a[0], units_of(w, (unsigned int)a[2]),
		 (unsigned long long)(w->base + a[1] * WORLD_UNIT), (unsigned int)a[2],
		 w->memory[a[2]].file < 0 ? "" : ", a file",
		 a[3] & KVM_MEM_LOG_DIRTY_PAGES ? ", with a log" : "",
		 a[3] & KVM_MEM_READONLY ? ", read-only" : "");
}

static void draw_slot(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
}

static bool ready_slot(struct world *w, const uint64_t *a)
{
	return a[0] < WORLD_SLOTS && w->slot[a[0]].used;
}

bool world_spares_log(const struct world *w, unsigned int slot)
{
	const struct memory *m = &w->memory[w->slot[slot].memory];

	if (!w->avoid || !fault_of_moved_log())
		return true;
	for (size_t p = 0; p < m->units * WORLD_UNIT_PAGES; p++)
		if (m->state[p] & PAGE_MUST_LOG)
			return false;
	return true;
}

void world_slot_deleted(struct world *w, unsigned int slot)
{
	forget_log(world_memory(w, slot));
	w->slot[slot].used = false;
}

void world_slot_moved(struct world *w, unsigned int slot, unsigned int place)
{
	struct memory *m = world_memory(w, slot);

	w->slot[slot].place = place;
	open_keys(m);
	for (size_t p = 0; p < m->units * WORLD_UNIT_PAGES; p++)
		if (m->state[p] & PAGE_MUST_LOG)
			m->state[p] |= PAGE_MOVED;
}

static void act_delete(struct world *w, const uint64_t *a)
{
	struct slot s = w->slot[a[0]];

	if (world_expect(w, "SLOT-04", outcome_success(), set(w, (unsigned int)a[0], &s, 0)))
		world_slot_deleted(w, (unsigned int)a[0]);
}

static void text_delete(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "slot %u at %#llx is deleted", (unsigned int)a[0],
		 (unsigned long long)world_gpa(w, (unsigned int)a[0]));
}

/* slot, place */
static void draw_move(struct world *w, uint64_t *a)
{
	draw_slot(w, a);
	a[1] = draw_place(w, units_of(w, w->slot[a[0]].memory));
}

static bool ready_move(struct world *w, const uint64_t *a)
{
	return ready_slot(w, a) && a[1] != w->slot[a[0]].place &&
	       world_spares_log(w, (unsigned int)a[0]) &&
	       !(w->slot[a[0]].flags & KVM_MEM_READONLY) &&
	       a[1] + units_of(w, w->slot[a[0]].memory) <= WORLD_PLACES &&
	       is_free(w, (unsigned int)a[1], units_of(w, w->slot[a[0]].memory), (int)a[0]);
}

static void act_move(struct world *w, const uint64_t *a)
{
	struct slot s = w->slot[a[0]];

	s.place = (unsigned int)a[1];
	if (world_expect(w, "SLOT-05", outcome_success(),
			 set(w, (unsigned int)a[0], &s, units_of(w, s.memory))))
		world_slot_moved(w, (unsigned int)a[0], s.place);
}

static void text_move(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "slot %u is moved from %#llx to %#llx", (unsigned int)a[0],
		 (unsigned long long)world_gpa(w, (unsigned int)a[0]),
		 (unsigned long long)(w->base + a[1] * WORLD_UNIT));
}

static void act_flags(struct world *w, const uint64_t *a)
{
	struct slot s = w->slot[a[0]];

	s.flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	if (!world_expect(w, "SLOT-05", outcome_success(),
			  set(w, (unsigned int)a[0], &s, units_of(w, s.memory))))
		return;
	w->slot[a[0]] = s;
	begin_log(w, &s);
}

static void text_flags(struct world *w, const uint64_t *a, char *text)
{
	snprintf(text, WORLD_TEXT, "the log of slot %u is switched %s", (unsigned int)a[0],
		 w->slot[a[0]].flags & KVM_MEM_LOG_DIRTY_PAGES ? "off" : "on");
}

/* Requests that are refused: what is wrong, slot */
enum { OVERLAP, RESIZE, MISSING, ODD_USER, UNDEFINED_FLAG, KINDS };

static void draw_refused(struct world *w, uint64_t *a)
{
	a[0] = world_below(w, WORLD_SLOTS);
	a[1] = world_below(w, KINDS);
	a[2] = world_below(w, WORLD_SLOTS);
	a[3] = world_below(w, WORLD_MEMORIES);
}

static bool ready_refused(struct world *w, const uint64_t *a)
{
	if (a[0] >= WORLD_SLOTS || a[2] >= WORLD_SLOTS || a[3] >= WORLD_MEMORIES)
		return false;
	if (a[1] == OVERLAP)
		return !w->slot[a[0]].used && w->slot[a[2]].used &&
		       w->slot[a[2]].place + units_of(w, (unsigned int)a[3]) <= WORLD_PLACES;
	if (a[1] == MISSING)
		return !w->slot[a[0]].used;
	return w->slot[a[0]].used && !(w->slot[a[0]].flags & KVM_MEM_READONLY);
}

static void act_refused(struct world *w, const uint64_t *a)
{
	static const char *const clauses[] = { "SLOT-03", "SLOT-05", "SLOT-16", "SLOT-15",
					       "SLOT-10" };
	struct slot s = w->slot[a[1] == OVERLAP ? a[2] : a[0]];
	unsigned int units = units_of(w, s.memory);
	struct region r;
	struct outcome o;

	if (a[1] == OVERLAP)
		s.memory = (unsigned int)a[3], units = units_of(w, s.memory);
	r = (struct region){ .slot = w->first_slot + (uint32_t)a[0],
			     .flags = s.flags,
			     .gpa = w->base + s.place * WORLD_UNIT,
			     .size = units * WORLD_UNIT,
			     .user = (uintptr_t)w->memory[s.memory].host };
	if (a[1] == RESIZE)
		r.size += WORLD_UNIT;
	if (a[1] == MISSING)
		r.size = 0;
	if (a[1] == ODD_USER)
		r.user += 512;
	if (a[1] == UNDEFINED_FLAG)
		r.flags |= 1U << 30;
	o = region_set(w->vm->fd, false, &r);
	world_expect(w, clauses[a[1]], outcome_error(a[1] == OVERLAP ? EEXIST : EINVAL), o);
}

static void text_refused(struct world *w, const uint64_t *a, char *text)
{
	static const char *const what[] = { "an overlap with slot", "another size", "deleting none",
					    "half a page of user address", "an undefined flag" };

	(void)w;
	snprintf(text, WORLD_TEXT, "slot %u: %s %u is refused", (unsigned int)a[0], what[a[1]],
		 (unsigned int)a[2]);
}

static uint64_t manual_there(void)
{
	return (uint64_t)kvm_check_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
}

/* How the next VM is made: manual log, limit; 0 is as it comes */
static void draw_renew(struct world *w, uint64_t *a)
{
	if (world_one_in(w, 2))
		a[0] = manual_there() & (world_one_in(w, 2) ? 3 : 1);
	if (world_one_in(w, 2))
		a[1] = world_one_in(w, 2) ? 1UL << 42 : 1UL << 31;
}

static bool ready_renew(struct world *w, const uint64_t *a)
{
	return !(a[0] & ~manual_there()) && (!a[1] || (w->most != UINT64_MAX && a[1] <= w->most));
}

static void act_renew(struct world *w, const uint64_t *a)
{
	w->asked = (struct vm_options){ .manual_log = a[0], .limit = a[1] };
	world_renew_vm(w);
}

static void text_renew(struct world *w, const uint64_t *a, char *text)
{
	(void)w;
	snprintf(text, WORLD_TEXT, "the VM is destroyed, another one is made%s%s%s",
		 a[0] ? ", whose logs are cleared on demand" : "",
		 a[0] & KVM_DIRTY_LOG_INITIALLY_SET ? ", and begin with all pages" : "",
		 !a[1]		     ? ""
		 : a[1] == 1UL << 31 ? ", with a limit of 2 GiB"
				     : ", with a limit of 4 TiB");
}

static const struct action table[] = {
	{ "slot-add", 30, draw_add, ready_add, act_add, text_add },
	{ "slot-delete", 6, draw_slot, ready_slot, act_delete, text_delete },
	{ "slot-move", 6, draw_move, ready_move, act_move, text_move },
	{ "slot-log", 4, draw_slot, ready_slot, act_flags, text_flags },
	{ "slot-refused", 4, draw_refused, ready_refused, act_refused, text_refused },
	{ "vm-renew", 2, draw_renew, ready_renew, act_renew, text_renew },
};

const struct actions world_slot_actions = { .action = table, .count = ARRAY_SIZE(table) };
