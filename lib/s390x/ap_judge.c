// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that shows what a guest has, against the model: see s390x/ap.h.
 *
 * Over 300 lines: each thing that shows what a guest has, beside the others.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ap/deviation.h"
#include "s390x/ap.h"
#include "test_util.h"

static bool __attribute__((format(printf, 4, 5)))
wrong(struct ap_wrong *w, const char *clause, const char *expected, const char *format, ...)
{
	va_list args;

	w->clause = clause;
	w->fault = NULL;
	w->in_step = false;
	snprintf(w->expected, sizeof(w->expected), "%s", expected);
	va_start(args, format);
	vsnprintf(w->observed, sizeof(w->observed), format, args);
	va_end(args);
	return false;
}

/* In one line */
static const char *flat(char *text)
{
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	return text;
}

static bool file_is(struct ap_wrong *w, const char *clause, const char *path, const char *expected)
{
	char is[AP_TEXT + 100], to_be[AP_TEXT], name[AP_WORDS];

	if (ap_read(path, is, sizeof(is)) && !strcmp(is, expected))
		return true;
	snprintf(to_be, sizeof(to_be), "%s", expected);
	snprintf(name, sizeof(name), "%.60s has '%.300s'", strrchr(path, '/') + 1, flat(to_be));
	return wrong(w, clause, name, "'%.300s'", flat(is));
}

static const struct ap_model *model_before; /* of the step that is judged, NULL: none */
static bool step_binds;
static struct ap_trace trace;

/* Adapters with a queue whose last reset failed */
static struct ap_mask unreset(void)
{
	struct ap_mask adapters = { { 0 } };

	for (unsigned int queue = 0; queue < AP_QUEUES; queue++)
		if (trace.failed[queue])
			ap_put(&adapters, queue >> 8, true);
	return adapters;
}

/* Adapters of the host that were the device's, and not its guest's */
static struct ap_mask filtered_before(unsigned int mdev)
{
	const struct ap_mask *own = &model_before->mdev[mdev].matrix.adapters;
	struct ap_mask both = ap_both(own, &model_before->host.config.adapters);
	struct ap_matrix had = ap_model_guest(model_before, mdev);

	return ap_without(&both, &had.adapters);
}

/* Is it a known fault that the guest of this device has @is, and not what it has to have? */
static void explain(struct ap_wrong *w, unsigned int mdev, const struct ap_matrix *is)
{
	struct ap_seen seen = { .to_be = ap_model_guest(&ap.model, mdev),
				.is = *is,
				.left = ap.controls_left };

	if (!model_before)
		return;
	seen.had = ap_model_guest(model_before, mdev);
	seen.filtered = filtered_before(mdev);
	seen.bound = step_binds;
	if (ap.minds_resets)
		seen.unreset = unreset();
	seen.host_changed = !ap_matrix_equal(&model_before->host.config, &ap.model.host.config);
	w->fault = ap_known_fault(&seen);
}

/* What the file guest_matrix says; control domains are not in it */
static struct ap_matrix read_guest_matrix(unsigned int mdev)
{
	struct ap_matrix is = { .controls = ap_model_guest(&ap.model, mdev).controls };
	char text[AP_TEXT + 100];

	ap_read(ap_mdev_file(mdev, "guest_matrix"), text, sizeof(text));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		const char *point = strchr(line, '.');

		if (!point)
			break;
		if (point > line)
			ap_put(&is.adapters, (unsigned int)strtoul(line, NULL, 16) & 255, true);
		if (point[1])
			ap_put(&is.domains, (unsigned int)strtoul(point + 1, NULL, 16) & 255, true);
	}
	return is;
}

static bool masks_are(struct ap_wrong *w)
{
	char text[AP_MASK_TEXT + 1];

	strcat(strcpy(text, ap_mask_text(&ap.model.apmask, text)), "\n");
	if (!file_is(w, "AP-MASK-06", AP_BUS "apmask", text))
		return false;
	ap_mask_text(&ap.model.aqmask, text);
	strcat(text, "\n");
	return file_is(w, "AP-MASK-06", AP_BUS "aqmask", text);
}

static bool device_is(struct ap_wrong *w, unsigned int mdev)
{
	const struct ap_mdev *m = &ap.model.mdev[mdev];
	struct ap_matrix guest = ap_model_guest(&ap.model, mdev), is;
	char text[AP_TEXT];

	if (!access(ap_mdev_file(mdev, NULL), F_OK) != m->there)
		return wrong(w, m->there ? "AP-MDEV-02" : "AP-MDEV-04",
			     m->there ? "the device is there" : "the device is not there",
			     "device %u is not so", mdev);
	if (!m->there)
		return true;
	if (!file_is(w, "AP-ASSIGN-01", ap_mdev_file(mdev, "matrix"),
		     ap_matrix_text(&m->matrix, text)) ||
	    !file_is(w, "AP-ASSIGN-08", ap_mdev_file(mdev, "control_domains"),
		     ap_controls_text(&m->matrix, text)))
		return false;
	if (!file_is(w, "AP-GUEST-02", ap_mdev_file(mdev, "guest_matrix"),
		     ap_matrix_text(&guest, text))) {
		is = read_guest_matrix(mdev);
		explain(w, mdev, &is);
		return false;
	}
	return !ap.has_config || file_is(w, "AP-CONFIG-01", ap_mdev_file(mdev, "ap_config"),
					 ap_config_text(&m->matrix, text));
}

/* ---------------------------------------------------------------- queues on the bus */

#define LISTED 512 /* queues on the bus, at most */

static uint8_t driver[AP_QUEUES]; /* enum ap_driver, as the bus has it */
static uint16_t listed[LISTED];	  /* those that are there */
static size_t listed_count;
static bool no_default;

/* The queue that a name like "05.0047" means, -1: it is another one */
static int queue_named(const char *name)
{
	char *end;
	unsigned long adapter = strtoul(name, &end, 16), domain;

	if (end != name + 2 || *end != '.')
		return -1;
	domain = strtoul(end + 1, &end, 16);
	return *end || domain > 255 ? -1
				    : (int)ap_queue((unsigned int)adapter, (unsigned int)domain);
}

/* What the folder has is known as @what; false: there is no such folder */
static bool look_into(const char *folder, enum ap_driver what)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		int queue = queue_named(entry->d_name);

		if (queue < 0)
			continue;
		driver[queue] = (uint8_t)what;
		if (what == AP_NO_DRIVER && listed_count < LISTED)
			listed[listed_count++] = (uint16_t)queue;
	}
	closedir(dir);
	return true;
}

static bool queue_is(struct ap_wrong *w, unsigned int queue)
{
	static const char *const names[] = { "no device", "no driver", "a default driver",
					     "vfio_ap" };
	enum ap_driver to_be = ap_model_driver(&ap.model, queue), is = driver[queue];
	const char *status = ap_model_status(&ap.model, queue);
	char path[AP_PATH], text[100];

	/* An older card's queue is nobody's or a default driver's, if there is one at all */
	if (ap_has(&ap.model.host.old, queue >> 8) && is != AP_VFIO)
		is = to_be;
	/* Where there is no default driver nobody can have it */
	if (to_be == AP_DEFAULT_DRIVER && is == AP_NO_DRIVER && no_default)
		is = to_be;
	if (is != to_be) {
		snprintf(text, sizeof(text), "queue %02x.%04x: %s", queue >> 8, queue & 255,
			 names[to_be]);
		return wrong(w, "AP-BUS-02", text, "%s", names[is]);
	}
	if (!status)
		return true;
	snprintf(path, sizeof(path), AP_BUS "devices/%02x.%04x/status", queue >> 8, queue & 255);
	if (file_is(w, "AP-STATUS-01", path, status))
		return true;
	snprintf(text, sizeof(text), " of queue %02x.%04x", queue >> 8, queue & 255);
	strncat(w->expected, text, sizeof(w->expected) - strlen(w->expected) - 1);
	return false;
}

/* Each device of the bus is one that has to be there, and the other way round */
static bool bus_is(struct ap_wrong *w)
{
	const struct ap_matrix *host = &ap.model.host.config;
	bool good = true;

	while (listed_count)
		driver[listed[--listed_count]] = AP_NO_DEVICE;
	TEST_ASSERT(look_into(AP_BUS "devices", AP_NO_DRIVER), AP_BUS "devices");
	look_into(AP_BUS "drivers/vfio_ap", AP_VFIO);
	no_default = !look_into(AP_BUS "drivers/cex4queue", AP_DEFAULT_DRIVER);
	for (size_t i = 0; i < listed_count && good; i++)
		if (ap_model_driver(&ap.model, listed[i]) == AP_NO_DEVICE &&
		    !ap_has(&ap.model.host.old, listed[i] >> 8))
			good = wrong(w, "AP-BUS-01", "no device for this queue", "%02x.%04x",
				     listed[i] >> 8, listed[i] & 255);
	AP_EACH(a, &host->adapters)
	{
		AP_EACH(d, &host->domains)
		{
			good = good && queue_is(w, ap_queue(a, d));
		}
	}
	return good;
}

/* ------------------------------------------------------------------ guests' own view */

/* Numbers that a quick scan asks for: what is there, what is assigned, and their neighbours */
static struct ap_mask near(bool adapters)
{
	const struct ap_matrix *host = &ap.model.host.config;
	struct ap_mask known = adapters ? host->adapters : host->domains, near = { { 0 } };

	for (unsigned int i = 0; i < AP_MDEVS; i++) {
		const struct ap_matrix *m = &ap.model.mdev[i].matrix;

		for (unsigned int k = 0; k < 4; k++)
			known.word[k] |= (adapters ? m->adapters : m->domains).word[k];
	}
	AP_EACH(n, &known)
	{
		ap_put(&near, n, true);
		ap_put(&near, (n + 1) & 255, true);
	}
	return near;
}

static void choose(struct ap_scan *scan, bool all)
{
	struct ap_mask every = { { ~0UL, ~0UL, ~0UL, ~0UL } };
	struct ap_mask adapters = all ? every : near(true), domains = all ? every : near(false);

	if (all && scan->count == AP_QUEUES)
		return;
	scan->count = 0;
	AP_EACH(a, &adapters)
	{
		AP_EACH(d, &domains)
		{
			scan->queue[scan->count++] = (uint16_t)ap_queue(a, d);
		}
	}
}

static unsigned int code_of(const struct ap_matrix *guest, unsigned int queue)
{
	return ap_has(&guest->adapters, queue >> 8) && ap_has(&guest->domains, queue & 255)
		       ? ap.model.host.state[queue >> 8]
		       : AP_NOT_VALID;
}

/* Of all queues, in order: one comparison, where nothing is wrong */
static bool all_are(const struct ap_scan *scan, const struct ap_matrix *guest)
{
	static uint8_t code[AP_QUEUES];

	if (scan->count != AP_QUEUES)
		return false;
	memset(code, AP_NOT_VALID, sizeof(code));
	AP_EACH(a, &guest->adapters)
	{
		AP_EACH(d, &guest->domains)
		{
			code[ap_queue(a, d)] = ap.model.host.state[a];
		}
	}
	return !memcmp(code, scan->rc, sizeof(code));
}

static bool found_is(struct ap_wrong *w, const struct ap_scan *scan, const struct ap_matrix *guest)
{
	char text[100];

	if (all_are(scan, guest))
		return true;
	for (size_t i = 0; i < scan->count; i++) {
		unsigned int queue = scan->queue[i], code = code_of(guest, queue);

		if (code == scan->rc[i])
			continue;
		snprintf(text, sizeof(text), "response code %02x for queue %02x.%04x in the guest",
			 code, queue >> 8, queue & 255);
		return wrong(w, "AP-GUEST-01", text, "%02x", scan->rc[i]);
	}
	return true;
}

static bool guest_is(struct ap_wrong *w, unsigned int vm, bool all)
{
	static struct ap_scan wide, narrow;
	struct ap_scan *scan = all ? &wide : &narrow;
	struct ap_matrix guest = { 0 };
	char to_be[AP_TEXT], is[AP_TEXT];
	int mdev = -1;

	for (unsigned int i = 0; i < AP_MDEVS; i++)
		if (ap.model.mdev[i].there && ap.model.mdev[i].vm == vm)
			mdev = (int)i;
	if (mdev >= 0)
		guest = ap_model_guest(&ap.model, (unsigned int)mdev);
	choose(scan, all);
	if (!ap_guest_scan(ap.vm[vm - 1], scan))
		return wrong(w, "AP-GUEST-01", "the guest's instructions are carried out",
			     "they came to user space");
	if (!found_is(w, scan, &guest))
		return false;
	if (ap_matrix_equal(&scan->qci, &guest))
		return true;
	ap_config_text(&guest, to_be);
	ap_config_text(&scan->qci, is);
	wrong(w, "AP-GUEST-01", flat(to_be), "QCI of the guest has %.300s", flat(is));
	if (mdev >= 0)
		explain(w, (unsigned int)mdev, &scan->qci);
	return false;
}

/* ------------------------------------------------------------------------- resets */

/* The first queue that was, or was not, reset against the rules */
static bool resets_are(struct ap_wrong *w, const struct ap_model *before, const struct ap_step *s)
{
	bool ends = s->deed == AP_RESET || s->deed == AP_CLOSE;

	AP_EACH(a, &before->host.config.adapters)
	{
		AP_EACH(d, &before->host.config.domains)
		{
			unsigned int queue = ap_queue(a, d);
			const struct ap_matrix *own = &before->mdev[s->mdev].matrix;
			bool resets = ends && ap_has(&own->adapters, a) &&
				      ap_has(&own->domains, d) &&
				      ap_model_driver(before, queue) == AP_VFIO;
			bool has_left = ap_model_has_left(before, &ap.model, queue);
			bool stays = ap_model_is_used(before, queue) &&
				     ap_model_is_used(&ap.model, queue) && !resets;
			char text[100];

			if ((!resets && !has_left && !stays) ||
			    (stays ? !trace.zeroized[queue] && !trace.reset[queue]
				   : trace.zeroized[queue]))
				continue;
			snprintf(text, sizeof(text), "queue %02x.%04x %s", a, d,
				 stays ? "is not reset" : "is zeroized");
			wrong(w,
			      stays    ? "AP-RESET-03"
			      : resets ? "AP-RESET-02"
				       : "AP-RESET-01",
			      text, "it was%s", stays ? "" : " not");
			w->in_step = !stays;
			if (stays)
				w->fault = ap_known_reset(before, &ap.model, queue);
			else if (!resets && ap.minds_resets)
				w->fault = ap_known_kept(before, &ap.model, queue);
			return false;
		}
	}
	return true;
}

bool ap_judge(const struct ap_model *before, const struct ap_step *s, bool all, struct ap_wrong *w)
{
	bool good = masks_are(w);

	model_before = before;
	step_binds = s && s->deed == AP_BIND;
	if (ap.machine) {
		memset(trace.zeroized, 0, sizeof(trace.zeroized));
		memset(trace.reset, 0, sizeof(trace.reset));
		ap_trace(&trace);
	}
	for (unsigned int i = 0; i < AP_MDEVS; i++)
		good = good && device_is(w, i);
	good = good && bus_is(w);
	for (unsigned int i = 0; i < AP_MDEVS; i++)
		good = good && (!ap.vm[i] || guest_is(w, i + 1, all));
	return good && (!before || !ap.machine || resets_are(w, before, s));
}
