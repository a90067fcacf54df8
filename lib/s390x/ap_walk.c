// SPDX-License-Identifier: GPL-2.0-only
/*
 * What walks of vfio-ap go through, and how each of their steps is judged: see s390x/ap_walk.h.
 *
 * An action is a step (s390x/ap.h) with arguments by chance: the model says what has to come of
 * it, and everything that shows is held against the model after it.
 *
 * Over 300 lines: one table of actions, and what they share.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s390x/ap.h"
#include "s390x/ap_walk.h"

/* Numbers that steps are about: what can be used, what is the default drivers', what is absent */
static const unsigned int adapters[] = { 4, 5, 6, 7, 3, 8, 63 };
static const unsigned int domains[] = { 4, 6, 11, 7, 15 };

static struct ap_host host;
static struct ap_matrix matrix;
static char text[AP_MASK_TEXT];

static struct world *create(bool excuse)
{
	struct world *w = calloc(1, sizeof(*w));

	w->excuse = excuse;
	ap_begin();
	ap.more = "rawqci\n";
	ap_machine_describe(&ap.model.host, ap.more);
	return w;
}

/* Guests look at all queue numbers once more */
static void judge_end(struct world *w)
{
	struct ap_wrong wrong;

	if (!ap.lost && !ap_judge(NULL, NULL, true, &wrong))
		world_wrong(w, wrong.clause, wrong.expected, "%s", wrong.observed);
}

const struct walk_subject ap_walk_subject = { create, judge_end, "AP-GUEST-02" };

/* ----------------------------------------------------------------- steps of actions */

/* What an action stands for, with its arguments: a[0] the device, a[1] a kind, a[2] a number */
struct form {
	enum ap_deed deed;
	bool on;
};

static enum ap_kind kind_of(const uint64_t *a)
{
	return (enum ap_kind)(a[1] % 3);
}

static unsigned int number_of(const uint64_t *a)
{
	return kind_of(a) == AP_ADAPTER ? adapters[a[2] % (sizeof(adapters) / sizeof(*adapters))]
					: domains[a[2] % (sizeof(domains) / sizeof(*domains))];
}

/* A queue of the spare adapters */
static unsigned int queue_of(const uint64_t *a)
{
	return ap_queue(adapters[a[1] % 4], domains[a[2] % 3]);
}

/* Bits of the three masks by the bits of a number */
static struct ap_matrix matrix_of(uint64_t bits)
{
	struct ap_matrix m = { 0 };

	for (unsigned int i = 0; i < 4; i++)
		ap_put(&m.adapters, adapters[i], bits >> i & 1);
	for (unsigned int i = 0; i < 3; i++) {
		ap_put(&m.domains, domains[i], bits >> (4 + i) & 1);
		ap_put(&m.controls, domains[i], bits >> (8 + i) & 1);
	}
	return m;
}

/* A bit of a mask, switched by its number, or written with all the others */
static void edit_of(const uint64_t *a, bool on)
{
	unsigned int n = kind_of(a) == AP_ADAPTER ? adapters[a[2] % 6] : domains[a[2] % 4];

	if (a[3] & 1) {
		struct ap_mask mask = kind_of(a) == AP_ADAPTER ? ap.model.apmask : ap.model.aqmask;

		ap_put(&mask, n, on);
		ap_mask_text(&mask, text);
	} else {
		snprintf(text, sizeof(text), "%c%u", on ? '+' : '-', n);
	}
}

static void host_of(const uint64_t *a, bool on)
{
	host = ap.model.host;
	if (kind_of(a) == AP_ADAPTER && a[3] && on)
		host.state[adapters[a[2] % 5]] = a[3] % 2 ? AP_DECONFIGURED : AP_CHECKSTOPPED;
	else if (kind_of(a) == AP_ADAPTER && on)
		host.state[adapters[a[2] % 5]] = AP_ONLINE;
	ap_put(kind_of(a) == AP_ADAPTER	 ? &host.config.adapters
	       : kind_of(a) == AP_DOMAIN ? &host.config.domains
					 : &host.config.controls,
	       number_of(a), on);
}

static struct ap_step step_of(const struct form *f, const uint64_t *a)
{
	struct ap_step s = { .deed = f->deed, .mdev = (unsigned int)(a[0] % AP_MDEVS) };

	switch (f->deed) {
	case AP_ASSIGN:
	case AP_UNASSIGN:
		s.kind = kind_of(a);
		s.number = number_of(a);
		break;
	case AP_CONFIG:
		matrix = matrix_of(a[1]);
		s.matrix = &matrix;
		break;
	case AP_EDIT:
		edit_of(a, f->on);
		s.kind = kind_of(a) == AP_ADAPTER ? AP_ADAPTER : AP_DOMAIN;
		s.text = text;
		break;
	case AP_BIND:
	case AP_UNBIND:
		s.number = queue_of(a);
		break;
	case AP_OPEN:
		s.number = a[1] % (AP_MDEVS + 1);
		break;
	case AP_HOST:
		host_of(a, f->on);
		s.host = &host;
		break;
	default:
		break;
	}
	return s;
}

/* -------------------------------------------------------- what can be done, and when */

/* Does an adapter come back that only an unbound queue kept away? Kernels are known to miss it */
static bool meets_late_adapter(const struct ap_step *s)
{
	static struct ap_model after;

	if (s->deed != AP_UNASSIGN && s->deed != AP_HOST && s->deed != AP_CONFIG)
		return false;
	after = ap.model;
	if (s->deed == AP_UNASSIGN)
		ap_model_assign(&after, s->mdev, s->kind, s->number, false);
	else if (s->deed == AP_HOST)
		ap_model_host(&after, s->host);
	for (unsigned int i = 0; i < AP_MDEVS; i++) {
		struct ap_matrix had = ap_model_guest(&ap.model, i);
		struct ap_matrix has = ap_model_guest(&after, i);
		struct ap_mask back = ap_without(&has.adapters, &had.adapters);

		back = ap_both(&back, &ap.model.host.config.adapters);
		if (!ap_is_empty(&back))
			return true;
	}
	return false;
}

/* Does what leaves the host leave a guest's masks empty, or a control domain leave? */
static bool meets_host_fault(const struct ap_step *s)
{
	struct ap_mask controls;

	if (s->deed != AP_HOST)
		return false;
	controls = ap_without(&ap.model.host.config.controls, &s->host->config.controls);
	for (unsigned int i = 0; i < AP_MDEVS; i++) {
		struct ap_matrix had = ap_model_guest(&ap.model, i);
		struct ap_mask a = ap_both(&had.adapters, &s->host->config.adapters);
		struct ap_mask d = ap_both(&had.domains, &s->host->config.domains);
		struct ap_mask c = ap_both(&had.controls, &controls);

		if (!ap_is_empty(&c) || (ap_is_empty(&a) && !ap_is_empty(&had.adapters)) ||
		    (ap_is_empty(&d) && !ap_is_empty(&had.domains)))
			return true;
	}
	return false;
}

/* Will resets of an adapter fail, on a kernel that may mind it? */
static bool meets_failed_reset(const struct ap_step *s)
{
	for (unsigned int a = 0; a < AP_NUMBERS && ap.minds_resets && s->deed == AP_HOST; a++)
		if (s->host->state[a] != AP_ONLINE)
			return true;
	return false;
}

/* A queue without a driver: the documentation does not say whether a new mask gives it one */
static bool is_open_question(const struct ap_step *s)
{
	if (s->deed != AP_EDIT)
		return false;
	for (unsigned int a = 0; a < AP_NUMBERS; a++)
		if (!ap_is_empty(&ap.model.unbound[a]))
			return true;
	return false;
}

static bool can(struct world *w, const struct ap_step *s)
{
	const struct ap_mdev *m = &ap.model.mdev[s->mdev];

	if (ap.lost || is_open_question(s) || (s->deed == AP_CONFIG && !ap.has_config))
		return false;
	if (w->avoid && (meets_late_adapter(s) || meets_host_fault(s) || meets_failed_reset(s)))
		return false;
	switch (s->deed) {
	case AP_CREATE:
	case AP_EDIT:
	case AP_HOST:
		return true;
	case AP_CLOSE:
	case AP_RESET:
		return m->there && m->vm;
	case AP_REMOVE:
		return m->there && !m->vm;
	case AP_BIND:
	case AP_UNBIND:
		return ap_model_driver(&ap.model, (unsigned int)s->number) != AP_NO_DEVICE;
	default:
		return m->there;
	}
}

/* ------------------------------------------------------------------ taking a step */

static void answer(struct world *w, const struct ap_model *before, const struct ap_step *s,
		   const struct ap_came *came)
{
	static const char *const clauses[AP_DEEDS] = {
		[AP_CREATE] = "AP-MDEV-03",   [AP_REMOVE] = "AP-MDEV-04",
		[AP_ASSIGN] = "AP-ASSIGN-05", [AP_UNASSIGN] = "AP-ASSIGN-09",
		[AP_CONFIG] = "AP-CONFIG-03", [AP_EDIT] = "AP-MASK-06",
		[AP_BIND] = "AP-PLUG-05",     [AP_UNBIND] = "AP-PLUG-05",
		[AP_OPEN] = "AP-GUEST-03",    [AP_CLOSE] = "AP-GUEST-05",
		[AP_RESET] = "AP-GUEST-04",   [AP_HOST] = "AP-PLUG-04",
	};

	const char *known = NULL;

	if (came->err == came->expected.err || came->err == came->expected.or) {
		world_decided(clauses[s->deed]);
		return;
	}
	known = ap_known_answer(before, s, came);
	if (known)
		world_found(w, known);
	else
		world_wrong(w, clauses[s->deed],
			    came->expected.err ? strerror(came->expected.err) : "success", "%s",
			    came->err ? strerror(came->err) : "success");
}

static void take(struct world *w, const struct form *f, const uint64_t *a)
{
	static struct ap_model before;
	struct ap_step s = step_of(f, a);
	struct ap_came came;
	struct ap_wrong wrong;

	before = ap.model;
	came = ap_take(&s);
	answer(w, &before, &s, &came);
	if (world_is_wrong())
		return;
	if (ap_judge(&before, &s, false, &wrong)) {
		world_decided("AP-GUEST-01");
		world_decided("AP-GUEST-02");
		world_decided("AP-STATUS-01");
	} else if (wrong.fault && w->excuse) {
		/* Where the model is not the kernel's state nothing else comes of this walk */
		world_found(w, wrong.fault);
		ap.lost = !wrong.in_step;
	} else {
		world_wrong(w, wrong.clause, wrong.expected, "%s", wrong.observed);
	}
}

static void draw(struct world *w, uint64_t *a)
{
	/* One device and few numbers more often than the others: that is where things meet */
	a[0] = world_one_in(w, 2) ? 0 : world_below(w, AP_MDEVS);
	a[1] = world_below(w, 1 << 11);
	a[2] = world_one_in(w, 3) ? world_below(w, 2) : world_below(w, 8);
	a[3] = world_below(w, 4) ? 0 : 1 + world_below(w, 2);
}

static void draw_open(struct world *w, uint64_t *a)
{
	draw(w, a);
	a[1] = world_one_in(w, 8) ? 0 : 1 + a[0];
	if (world_one_in(w, 8))
		a[1] = 1 + world_below(w, AP_MDEVS);
}

static void words(const struct form *f, const uint64_t *a, char *to)
{
	struct ap_step s = step_of(f, a);
	char all[AP_WORDS];

	snprintf(to, WORLD_TEXT, "%.*s", WORLD_TEXT - 1, ap_words(&s, all));
}

#define ACTION(id, what, has)                                                                      \
	static const struct form id = { what, has };                                               \
	static bool ready_##id(struct world *w, const uint64_t *a)                                 \
	{                                                                                          \
		struct ap_step s = step_of(&id, a);                                                \
                                                                                                   \
		return can(w, &s);                                                                 \
	}                                                                                          \
	static void act_##id(struct world *w, const uint64_t *a)                                   \
	{                                                                                          \
		take(w, &id, a);                                                                   \
	}                                                                                          \
	static void text_##id(struct world *w, const uint64_t *a, char *to)                        \
	{                                                                                          \
		(void)w;                                                                           \
		words(&id, a, to);                                                                 \
	}

ACTION(made, AP_CREATE, true)
ACTION(removed, AP_REMOVE, false)
ACTION(assigned, AP_ASSIGN, true)
ACTION(unassigned, AP_UNASSIGN, false)
ACTION(config, AP_CONFIG, true)
ACTION(reserved, AP_EDIT, true)
ACTION(freed, AP_EDIT, false)
ACTION(bound, AP_BIND, true)
ACTION(unbound, AP_UNBIND, false)
ACTION(opened, AP_OPEN, true)
ACTION(closed, AP_CLOSE, false)
ACTION(reset, AP_RESET, true)
ACTION(comes, AP_HOST, true)
ACTION(goes, AP_HOST, false)

static const struct action table[] = {
	{ "create", 6, draw, ready_made, act_made, text_made },
	{ "remove", 2, draw, ready_removed, act_removed, text_removed },
	{ "assign", 24, draw, ready_assigned, act_assigned, text_assigned },
	{ "unassign", 10, draw, ready_unassigned, act_unassigned, text_unassigned },
	{ "config", 6, draw, ready_config, act_config, text_config },
	{ "mask-on", 6, draw, ready_reserved, act_reserved, text_reserved },
	{ "mask-off", 6, draw, ready_freed, act_freed, text_freed },
	{ "bind", 8, draw, ready_bound, act_bound, text_bound },
	{ "unbind", 6, draw, ready_unbound, act_unbound, text_unbound },
	{ "open", 10, draw_open, ready_opened, act_opened, text_opened },
	{ "close", 5, draw, ready_closed, act_closed, text_closed },
	{ "reset", 3, draw, ready_reset, act_reset, text_reset },
	{ "host-has", 10, draw, ready_comes, act_comes, text_comes },
	{ "host-lacks", 7, draw, ready_goes, act_goes, text_goes },
};

/* There is no device yet to look for the file in */
static bool is_there(const struct action *action)
{
	char features[100];

	return action->act != act_config ||
	       (ap_read(AP_MATRIX "features", features, sizeof(features)) &&
		strstr(features, "ap_config"));
}

const struct actions ap_walk_actions = {
	.action = table,
	.count = sizeof(table) / sizeof(*table),
	.there = is_there,
};
