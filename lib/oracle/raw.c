// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle for requests whose fields may hold anything: see raw.h. Each rule stands
 * once, with its clause.
 */
#include <errno.h>
#include <stdio.h>

#include "oracle/raw.h"

#define MOST_PAGES ((1UL << 31) - 1)

static void allow(struct answers *a, struct outcome o, const char *clause)
{
	for (size_t i = 0; i < a->count; i++)
		if (outcome_equal(a->any[i], o))
			return;
	if (a->count < ANSWERS) {
		a->any[a->count] = o;
		a->by[a->count++] = clause;
	}
}

static void refuse(struct answers *a, bool wrong, int err, const char *clause)
{
	if (wrong)
		allow(a, outcome_error(err), clause);
}

/* What is not refused takes place */
static void succeed(struct answers *a, const char *clause)
{
	if (!a->count)
		allow(a, outcome_success(), clause);
}

const char *answers_clause(const struct answers *a, struct outcome o)
{
	for (size_t i = 0; i < a->count; i++)
		if (outcome_equal(o, a->any[i]))
			return a->by[i];
	return NULL;
}

const char *answers_text(const struct answers *a, char *text)
{
	char one[OUTCOME_TEXT];
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < a->count && used < ANSWERS_TEXT; i++)
		used += (size_t)snprintf(text + used, ANSWERS_TEXT - used, "%s%s (%s)",
					 i ? " or " : "", outcome_text(a->any[i], one), a->by[i]);
	return text;
}

bool contract_raw(const struct raw *r, bool answered, struct answers *a)
{
	a->count = 0;
	refuse(a, r->file == RAW_CLOSED, EBADF, "SLOT-25");
	refuse(a, r->file == RAW_FOREIGN || r->file == RAW_OTHER, ENOTTY, "SLOT-25");
	refuse(a, r->file == RAW_OTHER, EINVAL, "SLOT-25");
	if (!a->count)
		refuse(a, !r->readable, EFAULT, r->unreadable);
	if (a->count)
		return true;
	refuse(a, answered && !r->writable, EFAULT, r->unreadable);
	return false;
}

/* How many of @count frames from @gfn on are there, up to the first that is not */
static uint64_t there(const struct state *s, uint64_t gfn, uint64_t count)
{
	uint64_t found = 0;

	for (size_t i = 0; i < s->slots && found < count; i++) {
		uint64_t first = s->storage[i].gpa / CONTRACT_PAGE;
		uint64_t pages = s->storage[i].size / CONTRACT_PAGE, at = gfn + found - first;

		if (at < pages) {
			found += pages - at;
			i = (size_t)-1; /* another slot may go on from here */
		}
	}
	return found < count ? found : count;
}

static bool all_there(const struct state *s, uint64_t gfn, uint64_t count)
{
	return there(s, gfn, count) == count;
}

void contract_skeys(const struct state *s, bool get, const struct kvm_s390_skeys *r, bool invalid,
		    struct user_area data, struct answers *a)
{
	bool bad_count = r->count < 1 || r->count > KVM_S390_SKEYS_MAX;

	refuse(a, r->flags, EINVAL, "SKEY-07");
	refuse(a, !r->count, EINVAL, "SKEY-02");
	refuse(a, r->count > KVM_S390_SKEYS_MAX, EINVAL, "SKEY-03");
	refuse(a, (get ? data.writable : data.readable) < r->count, EFAULT, "SKEY-09");
	refuse(a, !get && invalid, EINVAL, "SKEY-06");
	refuse(a, !bad_count && !all_there(s, r->start_gfn, r->count), EFAULT, "SKEY-08");
	succeed(a, get ? "SKEY-04" : "SKEY-05");
}

void contract_cmma(const struct state *s, bool enabled, bool get, const struct kvm_s390_cmma_log *r,
		   struct user_area values, struct answers *a)
{
	const uint32_t flags = get ? KVM_S390_CMMA_PEEK : 0;
	uint64_t count = r->count;

	refuse(a, !enabled, ENXIO, "CMMA-01");
	refuse(a, r->flags & ~flags, EINVAL, get ? "CMMA-02" : "CMMA-03");
	refuse(a, get && !(r->flags & KVM_S390_CMMA_PEEK), EINVAL, "CMMA-02");
	refuse(a, !get && count > KVM_S390_SKEYS_MAX, EINVAL, "CMMA-03");
	/* Fewer values than are asked for come at the end of memory */
	if (get)
		count = there(s, r->start_gfn, count);
	refuse(a, r->count && (get ? values.writable : values.readable) < count, EFAULT,
	       get ? "CMMA-04" : "CMMA-03");
	refuse(a, r->count && !(get ? count : all_there(s, r->start_gfn, count)), EFAULT,
	       get ? "CMMA-04" : "CMMA-03");
	succeed(a, get ? "CMMA-04" : "CMMA-03");
}

const struct raw_slot *raw_slot_of(const struct raw_slots *s, uint32_t id)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->slot[i].id == id)
			return &s->slot[i];
	return NULL;
}

static bool overlaps(const struct raw_slots *s, const struct raw_slot *r)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct raw_slot *other = &s->slot[i];

		if (other->id != r->id && other->id >> 16 == r->id >> 16 &&
		    r->gpa < other->gpa + other->size && other->gpa < r->gpa + r->size)
			return true;
	}
	return false;
}

static void region_ids(const struct raw_slots *s, uint32_t id, const char *clause,
		       struct answers *a)
{
	refuse(a, (id & 0xffff) >= s->limit, EINVAL, clause);
	refuse(a, id >> 16 >= s->spaces, EINVAL, clause);
}

/* A slot that is made, or comes to another place */
static void region_placed(const struct raw_slots *s, const struct raw_slot *r, struct answers *a)
{
	const uint64_t end = r->gpa + r->size;

	refuse(a, (r->size | r->user) & (s->unit - 1), EINVAL, "SLOT-15");
	refuse(a, overlaps(s, r), EEXIST, "SLOT-03");
	refuse(a, end > s->top, EINVAL, "SLOT-19");
}

void contract_region(const struct raw_slots *s, const struct raw_slot *r, struct answers *a)
{
	const struct raw_slot *old = raw_slot_of(s, r->id);
	const uint64_t end = r->gpa + r->size;

	refuse(a, r->flags & ~s->flags, EINVAL, "SLOT-10");
	refuse(a, (r->gpa | r->size | r->user) & (s->page - 1), EINVAL, "SLOT-15");
	refuse(a, r->user >= s->no_user || r->user + r->size < r->user, EINVAL, "SLOT-07");
	/* A range of user addresses that ends beyond them begins beyond them or is too long */
	refuse(a, r->user + r->size > s->no_user, EINVAL, "SLOT-07");
	region_ids(s, r->id, r->id >> 16 ? "SLOT-06" : "SLOT-02", a);
	refuse(a, end < r->gpa, EINVAL, "SLOT-16");
	refuse(a, r->size / s->page > MOST_PAGES, EINVAL, "SLOT-16");
	refuse(a, !r->size && !old, EINVAL, "SLOT-16");
	if (r->size && old) {
		refuse(a, r->size != old->size || r->user != old->user, EINVAL, "SLOT-05");
		refuse(a, (r->flags ^ old->flags) & KVM_MEM_READONLY, EINVAL, "SLOT-05");
	}
	if (r->size && (!old || old->gpa != r->gpa))
		region_placed(s, r, a);
	if (a->count)
		return;
	allow(a, outcome_success(), r->size ? "SLOT-14" : "SLOT-04");
	/* Whether the machine has so many guest addresses is not told */
	refuse(a, r->size && end > s->surely, EINVAL, "SLOT-19");
}

static void log_of(const struct raw_slots *s, uint32_t id, struct answers *a)
{
	const struct raw_slot *slot = raw_slot_of(s, id);

	region_ids(s, id, "DIRTY-08", a);
	refuse(a, !a->count && (!slot || !(slot->flags & KVM_MEM_LOG_DIRTY_PAGES)), ENOENT,
	       "DIRTY-08");
}

static uint64_t bitmap_bytes(uint64_t pages)
{
	return (pages + 63) / 64 * 8;
}

void contract_get_log(const struct raw_slots *s, uint32_t id, struct user_area bitmap,
		      struct answers *a)
{
	const struct raw_slot *slot = raw_slot_of(s, id);

	log_of(s, id, a);
	refuse(a, slot && bitmap.writable < bitmap_bytes(slot->size / s->page), EFAULT, "DIRTY-08");
	succeed(a, "DIRTY-01");
}

void contract_clear_log(const struct raw_slots *s, uint32_t id, uint64_t first, uint32_t count,
			struct user_area bitmap, struct answers *a)
{
	const struct raw_slot *slot = raw_slot_of(s, id);
	uint64_t pages = slot ? slot->size / s->page : 0;

	if (!s->manual_log) {
		allow(a, outcome_error(EINVAL), "DIRTY-12");
		allow(a, outcome_error(ENOTTY), "DIRTY-12");
		return;
	}
	log_of(s, id, a);
	refuse(a, first % 64, EINVAL, "DIRTY-04");
	if (slot) {
		refuse(a, first > pages || count > pages - first, EINVAL, "DIRTY-04");
		refuse(a, count % 64 && first + count != pages, EINVAL, "DIRTY-04");
	}
	refuse(a, bitmap.readable < bitmap_bytes(count), EFAULT, "DIRTY-11");
	succeed(a, "DIRTY-10");
}

static bool is_known(const struct kvm_device_attr *r)
{
	return r->group == RAW_MEM_CTRL ? r->attr <= RAW_LIMIT_SIZE
					: r->group == RAW_MIGRATION && r->attr <= RAW_STATUS;
}

static void limit_attribute(const struct raw_attributes *s, enum raw_verb verb, uint64_t value,
			    struct user_area at, struct answers *a)
{
	if (verb == RAW_GET) {
		refuse(a, at.writable < 8, EFAULT, "SLOT-20");
	} else {
		refuse(a, s->vcpu, EBUSY, "SLOT-20");
		refuse(a, at.readable < 8, EFAULT, "SLOT-20");
		refuse(a, at.readable >= 8 && !value, EINVAL, "SLOT-20");
		refuse(a, at.readable >= 8 && value > s->top, E2BIG, "SLOT-20");
	}
	succeed(a, "SLOT-20");
}

static void cmma_attribute(const struct raw_attributes *s, bool clear, struct answers *a)
{
	refuse(a, !s->cmma, ENXIO, "CMMA-06");
	refuse(a, !clear && s->vcpu, EBUSY, "CMMA-06");
	refuse(a, clear && !s->enabled, EINVAL, "CMMA-06");
	succeed(a, "CMMA-06");
}

void contract_attribute(const struct raw_attributes *s, enum raw_verb verb,
			const struct kvm_device_attr *r, uint64_t value, struct user_area at,
			struct answers *a)
{
	bool limit = r->group == RAW_MEM_CTRL && r->attr == RAW_LIMIT_SIZE;
	bool status = r->group == RAW_MIGRATION && r->attr == RAW_STATUS;

	/* api.rst: no flags are defined, and not what comes of one */
	if (r->flags)
		allow(a, outcome_error(EINVAL), "SLOT-20");
	if (!is_known(r) || (verb == RAW_GET && !limit && !status) || (verb == RAW_SET && status)) {
		allow(a, outcome_error(ENXIO), r->group == RAW_MIGRATION ? "MIGR-05" : "SLOT-20");
	} else if (verb == RAW_HAS) {
		if (limit || r->group == RAW_MIGRATION || s->cmma)
			allow(a, outcome_success(), limit ? "SLOT-20" : "MIGR-05");
		else
			allow(a, outcome_error(ENXIO), "CMMA-06");
	} else {
		struct answers own = { .count = 0 };

		if (limit)
			limit_attribute(s, verb, value, at, &own);
		else if (r->group == RAW_MEM_CTRL)
			cmma_attribute(s, r->attr == RAW_CLR_CMMA, &own);
		else if (status)
			refuse(&own, at.writable < 8, EFAULT, "MIGR-01");
		else
			refuse(&own, r->attr == RAW_START && !s->all_logged, EINVAL, "MIGR-02");
		succeed(&own, status ? "MIGR-01" : "MIGR-04");
		for (size_t i = 0; i < own.count; i++)
			allow(a, own.any[i], own.by[i]);
	}
}
