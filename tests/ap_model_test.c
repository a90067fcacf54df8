// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model of vfio-ap (include/ap/model.h) against histories worked out by hand from
 * Documentation/arch/s390/vfio-ap.rst: runs on any host, without KVM. After each step the
 * answer, and of the mediated device that the step is about "matrix", "guest_matrix" and
 * "control_domains".
 *
 * Over 300 lines: one table, worked out by hand.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ap/model.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ALL "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

/* The host: adapters 3 to 6, 9 older than CEX4; domains 4, 6, 0x47; control domains 4, 0x10 */
static struct ap_host host(void)
{
	struct ap_host h = { .max_adapter = 63, .max_domain = 84 };

	for (unsigned int a = 3; a <= 6; a++)
		ap_put(&h.config.adapters, a, true);
	ap_put(&h.config.adapters, 9, true);
	ap_put(&h.old, 9, true);
	ap_put(&h.config.domains, 4, true);
	ap_put(&h.config.domains, 6, true);
	ap_put(&h.config.domains, 0x47, true);
	ap_put(&h.config.controls, 4, true);
	ap_put(&h.config.controls, 0x10, true);
	return h;
}

enum step_kind {
	HISTORY, /* begins anew: masks as after a start, device 0 there */
	CREATE,
	REMOVE,
	ADAPTER,
	DOMAIN,
	CONTROL,
	NO_ADAPTER,
	NO_DOMAIN,
	NO_CONTROL,
	CONFIG, /* number is the device that it is copied from, plus an adapter 5, or 64 */
	APMASK,
	AQMASK,
	BIND,
	UNBIND,
	OPEN,
	CLOSE,
	CARD_GOES, /* from the host's configuration, or comes */
	CARD_COMES,
	DOMAIN_GOES,
	DOMAIN_COMES,
	CONTROL_GOES,
	CARD_OFF,
};

struct step {
	enum step_kind kind;
	unsigned int mdev;
	unsigned long number;
	const char *mask;
	int err, or ; /* either, if the second is there */
	const char *matrix, *guest, *controls;
};

static const struct step steps[] = {
	{ .kind = HISTORY, .mask = "numbers" },
	{ ADAPTER, 0, 63, NULL, 0, 0, "3f.\n", "", "" },
	{ ADAPTER, 0, 64, NULL, ENODEV, 0, "3f.\n", "", "" },
	{ DOMAIN, 0, 85, NULL, ENODEV, 0, "3f.\n", "", "" },
	{ CONTROL, 0, 85, NULL, ENODEV, 0, "3f.\n", "", "" },
	{ NO_ADAPTER, 0, 64, NULL, ENODEV, 0, "3f.\n", "", "" },
	{ NO_ADAPTER, 0, 63, NULL, 0, 0, "", "", "" },
	{ NO_ADAPTER, 0, 63, NULL, 0, 0, "", "", "" },
	{ DOMAIN, 0, 4, NULL, 0, 0, ".0004\n", ".0004\n", "" },
	{ DOMAIN, 0, 84, NULL, 0, 0, ".0004\n.0054\n", ".0004\n", "" },

	{ .kind = HISTORY, .mask = "queues of the default drivers" },
	{ ADAPTER, 0, 5, NULL, 0, 0, "05.\n", "05.\n", "" },
	{ DOMAIN, 0, 4, NULL, EADDRNOTAVAIL, 0, "05.\n", "05.\n", "" },
	{ APMASK, 0, 0, "-5", 0, 0, "05.\n", "05.\n", "" },
	{ DOMAIN, 0, 4, NULL, 0, 0, "05.0004\n", "05.0004\n", "" },
	{ ADAPTER, 0, 6, NULL, EADDRNOTAVAIL, 0, "05.0004\n", "05.0004\n", "" },
	{ DOMAIN, 0, 7, NULL, 0, 0, "05.0004\n05.0007\n", "05.0004\n", "" },
	{ AQMASK, 0, 0, "-4,-7", 0, 0, "05.0004\n05.0007\n", "05.0004\n", "" },
	{ ADAPTER, 0, 6, NULL, 0, 0, "05.0004\n05.0007\n06.0004\n06.0007\n", "05.0004\n06.0004\n",
	  "" },
	{ APMASK, 0, 0, "+5", 0, 0, "05.0004\n05.0007\n06.0004\n06.0007\n", "05.0004\n06.0004\n",
	  "" },
	{ AQMASK, 0, 0, "+4", EBUSY, 0, "05.0004\n05.0007\n06.0004\n06.0007\n",
	  "05.0004\n06.0004\n", "" },
	{ AQMASK, 0, 0, ALL, EBUSY, 0, "05.0004\n05.0007\n06.0004\n06.0007\n", "05.0004\n06.0004\n",
	  "" },
	{ AQMASK, 0, 0, "+8,-9", 0, 0, "05.0004\n05.0007\n06.0004\n06.0007\n", "05.0004\n06.0004\n",
	  "" },
	{ NO_DOMAIN, 0, 4, NULL, 0, 0, "05.0007\n06.0007\n", "05.\n06.\n", "" },
	{ AQMASK, 0, 0, "+4", 0, 0, "05.0007\n06.0007\n", "05.\n06.\n", "" },
	{ AQMASK, 0, 0, "+7", EBUSY, 0, "05.0007\n06.0007\n", "05.\n06.\n", "" },

	{ .kind = HISTORY, .mask = "two devices" },
	{ APMASK, 0, 0, "0x00", 0, 0, "", "", "" },
	{ CREATE, 0, 0, NULL, EEXIST, 0, "", "", "" },
	{ CREATE, 1, 0, NULL, 0, 0, "", "", "" },
	{ ADAPTER, 0, 5, NULL, 0, 0, "05.\n", "05.\n", "" },
	{ DOMAIN, 0, 4, NULL, 0, 0, "05.0004\n", "05.0004\n", "" },
	{ DOMAIN, 1, 4, NULL, 0, 0, ".0004\n", ".0004\n", "" },
	{ ADAPTER, 1, 5, NULL, EBUSY, 0, ".0004\n", ".0004\n", "" },
	{ ADAPTER, 1, 6, NULL, 0, 0, "06.0004\n", "06.0004\n", "" },
	{ ADAPTER, 0, 6, NULL, EBUSY, 0, "05.0004\n", "05.0004\n", "" },
	{ CONFIG, 1, 0, NULL, EBUSY, 0, "06.0004\n", "06.0004\n", "" },
	{ CONFIG, 1, 64, NULL, EBUSY, ENODEV, "06.0004\n", "06.0004\n", "" },
	{ CONTROL, 0, 0x10, NULL, 0, 0, "05.0004\n", "05.0004\n", "0010\n" },
	{ CONTROL, 1, 0x10, NULL, 0, 0, "06.0004\n", "06.0004\n", "0010\n" },
	{ REMOVE, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
	{ ADAPTER, 1, 5, NULL, 0, 0, "05.0004\n06.0004\n", "05.0004\n06.0004\n", "0010\n" },
	{ CREATE, 0, 0, NULL, 0, 0, "", "", "" },

	{ .kind = HISTORY, .mask = "what is not there, or not bound" },
	{ AQMASK, 0, 0, "0x0", 0, 0, "", "", "" },
	{ ADAPTER, 0, 3, NULL, 0, 0, "03.\n", "03.\n", "" },
	{ ADAPTER, 0, 7, NULL, 0, 0, "03.\n07.\n", "03.\n", "" },
	{ ADAPTER, 0, 9, NULL, 0, 0, "03.\n07.\n09.\n", "03.\n09.\n", "" },
	{ DOMAIN, 0, 6, NULL, 0, 0, "03.0006\n07.0006\n09.0006\n", "03.0006\n", "" },
	{ NO_ADAPTER, 0, 9, NULL, 0, 0, "03.0006\n07.0006\n", "03.0006\n", "" },
	{ CARD_COMES, 0, 7, NULL, 0, 0, "03.0006\n07.0006\n", "03.0006\n07.0006\n", "" },
	{ DOMAIN, 0, 0x47, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n",
	  "03.0006\n03.0047\n07.0006\n07.0047\n", "" },
	{ UNBIND, 0, 0x0347, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n",
	  "07.0006\n07.0047\n", "" },
	{ UNBIND, 0, 0x0347, NULL, ENODEV, 0, "03.0006\n03.0047\n07.0006\n07.0047\n",
	  "07.0006\n07.0047\n", "" },
	{ NO_DOMAIN, 0, 0x47, NULL, 0, 0, "03.0006\n07.0006\n", "03.0006\n07.0006\n", "" },
	{ DOMAIN, 0, 0x47, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n", "07.0006\n07.0047\n",
	  "" },
	{ DOMAIN_GOES, 0, 0x47, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n",
	  "03.0006\n07.0006\n", "" },
	{ DOMAIN_COMES, 0, 0x47, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n",
	  "03.0006\n03.0047\n07.0006\n07.0047\n", "" },
	{ UNBIND, 0, 0x0306, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n",
	  "07.0006\n07.0047\n", "" },
	{ BIND, 0, 0x0347, NULL, EBUSY, ENODEV, NULL, "07.0006\n07.0047\n", "" },
	{ BIND, 0, 0x0306, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n",
	  "03.0006\n03.0047\n07.0006\n07.0047\n", "" },
	{ CARD_GOES, 0, 3, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n", "07.0006\n07.0047\n",
	  "" },
	{ CARD_GOES, 0, 7, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n", ".0006\n.0047\n",
	  "" },
	{ CONTROL, 0, 4, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n", ".0006\n.0047\n",
	  "0004\n" },
	{ CONTROL_GOES, 0, 4, NULL, 0, 0, "03.0006\n03.0047\n07.0006\n07.0047\n", ".0006\n.0047\n",
	  "0004\n" },

	{ .kind = HISTORY, .mask = "guests" },
	{ APMASK, 0, 0, "0x", EINVAL, 0, "", "", "" },
	{ APMASK, 0, 0, "-5,-0x6", 0, 0, "", "", "" },
	{ ADAPTER, 0, 5, NULL, 0, 0, "05.\n", "05.\n", "" },
	{ DOMAIN, 0, 4, NULL, 0, 0, "05.0004\n", "05.0004\n", "" },
	{ OPEN, 0, 0, NULL, EINVAL, 0, "05.0004\n", "05.0004\n", "" },
	{ OPEN, 0, 1, NULL, 0, 0, "05.0004\n", "05.0004\n", "" },
	{ REMOVE, 0, 0, NULL, EBUSY, 0, "05.0004\n", "05.0004\n", "" },
	{ CREATE, 1, 0, NULL, 0, 0, "", "", "" },
	{ OPEN, 1, 1, NULL, EPERM, 0, "", "", "" },
	{ OPEN, 1, 2, NULL, 0, 0, "", "", "" },
	{ OPEN, 0, 3, NULL, EBUSY, 0, "05.0004\n", "05.0004\n", "" },
	{ OPEN, 0, 0, NULL, EINVAL, EBUSY, "05.0004\n", "05.0004\n", "" },
	{ OPEN, 0, 2, NULL, EBUSY, EPERM, "05.0004\n", "05.0004\n", "" },
	{ CARD_OFF, 0, 5, NULL, 0, 0, "05.0004\n", "05.0004\n", "" },
	{ CLOSE, 0, 0, NULL, 0, 0, "05.0004\n", "05.0004\n", "" },
	{ OPEN, 1, 1, NULL, EBUSY, 0, "", "", "" },
	{ REMOVE, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};

static const struct ap_answer good;

static struct ap_answer assign(struct ap_model *m, const struct step *s)
{
	bool on = s->kind < NO_ADAPTER;

	return ap_model_assign(m, s->mdev, (enum ap_kind)(s->kind - (on ? ADAPTER : NO_ADAPTER)),
			       s->number, on);
}

static struct ap_answer mask(struct ap_model *m, const struct step *s)
{
	struct ap_mask apmask = m->apmask, aqmask = m->aqmask;

	if (ap_mask_edit(s->kind == APMASK ? &apmask : &aqmask, s->mask))
		return (struct ap_answer){ EINVAL, EINVAL };
	return ap_model_masks(m, &apmask, &aqmask);
}

static struct ap_answer config(struct ap_model *m, const struct step *s)
{
	struct ap_matrix matrix = m->mdev[s->mdev].matrix;

	ap_put(&matrix.adapters, 5, true);
	if (s->number)
		ap_put(&matrix.adapters, (unsigned int)s->number, true);
	return ap_model_replace(m, s->mdev, &matrix);
}

static struct ap_answer hardware(struct ap_model *m, const struct step *s)
{
	struct ap_host h = m->host;
	unsigned int n = (unsigned int)s->number;

	if (s->kind == CARD_OFF)
		h.state[n] = AP_DECONFIGURED;
	else if (s->kind == CARD_GOES || s->kind == CARD_COMES)
		ap_put(&h.config.adapters, n, s->kind == CARD_COMES);
	else if (s->kind == CONTROL_GOES)
		ap_put(&h.config.controls, n, false);
	else
		ap_put(&h.config.domains, n, s->kind == DOMAIN_COMES);
	ap_model_host(m, &h);
	return good;
}

static struct ap_answer take(struct ap_model *m, const struct step *s)
{
	switch (s->kind) {
	case CREATE:
		return ap_model_create(m, s->mdev);
	case REMOVE:
		return ap_model_remove(m, s->mdev);
	case APMASK:
	case AQMASK:
		return mask(m, s);
	case CONFIG:
		return config(m, s);
	case BIND:
	case UNBIND:
		return ap_model_bind(m, (unsigned int)s->number, s->kind == BIND);
	case OPEN:
		return ap_model_open(m, s->mdev, (unsigned int)s->number);
	case CLOSE:
		ap_model_close(m, s->mdev);
		return good;
	default:
		return s->kind < CONFIG ? assign(m, s) : hardware(m, s);
	}
}

static bool is_as(const char *expected, const char *is)
{
	return !expected || !strcmp(expected, is);
}

static int step_is_right(struct ap_model *m, const struct step *s)
{
	struct ap_answer a = take(m, s), e = { s->err, s->or ? s->or : s->err };
	struct ap_matrix guest = ap_model_guest(m, s->mdev);
	char matrix[AP_TEXT], guests[AP_TEXT], controls[AP_TEXT];

	ap_matrix_text(&m->mdev[s->mdev].matrix, matrix);
	ap_matrix_text(&guest, guests);
	ap_controls_text(&m->mdev[s->mdev].matrix, controls);
	if (a.err == e.err && a.or == e.or
	    &&is_as(s->matrix, matrix) && is_as(s->guest, guests) && is_as(s->controls, controls))
		return 1;
	printf("not ok step %zu: %d or %d, matrix '%s' guest_matrix '%s' control_domains '%s'\n",
	       (size_t)(s - steps), a.err, a.or, matrix, guests, controls);
	return 0;
}

/* What a string makes of the mask 0x41 and zeros, and whether it is one */
static const struct {
	const char *text;
	int err;
	const char *first; /* digits of the mask, the rest is 0 */
} edits[] = {
	{ "0x41", 0, "41" },	   { "0x", EINVAL, "41" },  { "0x4g", EINVAL, "41" },
	{ "+0,-1", 0, "81" },	   { "+0x0f", 0, "4101" },  { "+256", EINVAL, "41" },
	{ "0", EINVAL, "41" },	   { "", EINVAL, "41" },    { "+1,", EINVAL, "41" },
	{ "+2;+3", EINVAL, "41" }, { "-", EINVAL, "41" },   { "+1,+2,-256", EINVAL, "41" },
	{ ALL "0", EINVAL, "41" }, { "0x0000", 0, "0" },    { "-1,-7,+1", 0, "4" },
	{ "hugo", EINVAL, "41" },  { "++1", EINVAL, "41" },
};

static int edit_is_right(size_t i)
{
	char expected[AP_MASK_TEXT], is[AP_MASK_TEXT];
	struct ap_mask m = { { 0x41UL << 56 } };
	int err = ap_mask_edit(&m, edits[i].text);

	memset(expected, '0', sizeof(expected) - 1);
	expected[1] = 'x';
	memcpy(expected + 2, edits[i].first, strlen(edits[i].first));
	expected[AP_MASK_TEXT - 1] = 0;
	if (err == edits[i].err && !strcmp(ap_mask_text(&m, is), expected))
		return 1;
	printf("not ok mask '%s': %d, %s\n", edits[i].text, err, is);
	return 0;
}

/* A queue's driver, "status", TAPQ in the guest, and whether it has left one: by hand */
static int queues_are_right(void)
{
	struct ap_host h = host();
	struct ap_model m, before;
	int right;

	ap_model_begin(&m, &h);
	ap_model_create(&m, 0);
	right = ap_model_driver(&m, 0x0504) == AP_DEFAULT_DRIVER && !ap_model_status(&m, 0x0504) &&
		ap_model_driver(&m, 0x0904) == AP_NO_DEVICE &&
		ap_model_driver(&m, 0x0505) == AP_NO_DEVICE;
	m.apmask = m.aqmask = (struct ap_mask){ { 0 } };
	right += ap_model_driver(&m, 0x0504) == AP_VFIO &&
		 !strcmp(ap_model_status(&m, 0x0504), "unassigned\n");
	ap_model_assign(&m, 0, AP_ADAPTER, 5, true);
	ap_model_assign(&m, 0, AP_ADAPTER, 6, true);
	ap_model_assign(&m, 0, AP_DOMAIN, 4, true);
	right += !strcmp(ap_model_status(&m, 0x0504), "assigned\n") &&
		 ap_model_test(&m, 0, 0x0504) == 1;
	ap_model_open(&m, 0, 1);
	m.host.state[6] = AP_DECONFIGURED;
	right += !strcmp(ap_model_status(&m, 0x0504), "in use\n") &&
		 ap_model_test(&m, 0, 0x0504) == 0 && ap_model_test(&m, 0, 0x0604) == 3 &&
		 ap_model_test(&m, 0, 0x0506) == 1;
	before = m;
	ap_model_bind(&m, 0x0504, false);
	right += ap_model_has_left(&before, &m, 0x0504) &&
		 !ap_model_has_left(&before, &m, 0x0604) &&
		 ap_model_driver(&m, 0x0504) == AP_NO_DRIVER && !ap_model_status(&m, 0x0504) &&
		 ap_model_test(&m, 0, 0x0504) == 1;
	ap_put(&h.config.adapters, 5, false);
	m = before;
	ap_model_host(&m, &h);
	right += !ap_model_has_left(&before, &m, 0x0504) && ap_model_test(&m, 0, 0x0504) == 1;
	return right;
}

int main(void)
{
	struct ap_host h = host();
	struct ap_model m;
	size_t right = 0, histories = 0;

	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i].kind == HISTORY) {
			ap_model_begin(&m, &h);
			ap_model_create(&m, 0);
			histories++;
		} else {
			right += (size_t)step_is_right(&m, &steps[i]);
		}
	}
	for (size_t i = 0; i < COUNT(edits); i++)
		right += (size_t)edit_is_right(i);
	right += (size_t)queues_are_right();
	printf("%zu right\n", right);
	return right != COUNT(steps) - histories + COUNT(edits) + 6;
}
