// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps at the kernel and at the model: see s390x/ap.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "ap/deviation.h"
#include "s390x/ap.h"
#include "test_util.h"

static const struct ap_answer good;
static const char *const kinds[] = { "adapter", "domain", "control_domain" };

static struct ap_answer assign(const struct ap_step *s, int *err)
{
	char file[40], number[30];
	bool on = s->deed == AP_ASSIGN;

	snprintf(file, sizeof(file), "%sassign_%s", on ? "" : "un", kinds[s->kind]);
	/* One way to write a number is as good as another */
	snprintf(number, sizeof(number), s->number % 3 ? "%llu" : "%#llx",
		 (unsigned long long)s->number);
	*err = ap_write(ap_mdev_file(s->mdev, file), number);
	return ap_model_assign(&ap.model, s->mdev, s->kind, s->number, on);
}

static struct ap_answer edit(const struct ap_step *s, int *err)
{
	struct ap_mask apmask = ap.model.apmask, aqmask = ap.model.aqmask;

	*err = ap_write(s->kind == AP_ADAPTER ? AP_BUS "apmask" : AP_BUS "aqmask", s->text);
	if (ap_mask_edit(s->kind == AP_ADAPTER ? &apmask : &aqmask, s->text))
		return (struct ap_answer){ EINVAL, EINVAL };
	return ap_model_masks(&ap.model, &apmask, &aqmask);
}

static struct ap_answer bind(const struct ap_step *s, int *err)
{
	char name[20];
	bool on = s->deed == AP_BIND;

	snprintf(name, sizeof(name), "%02x.%04x", (unsigned int)s->number >> 8,
		 (unsigned int)s->number & 255);
	*err = ap_write(on ? AP_BUS "drivers/vfio_ap/bind" : AP_BUS "drivers/vfio_ap/unbind", name);
	return ap_model_bind(&ap.model, (unsigned int)s->number, on);
}

static struct ap_answer open_it(const struct ap_step *s, int *err)
{
	struct ap_answer answer = ap_model_open(&ap.model, s->mdev, (unsigned int)s->number);
	struct ap_guest **vm = &ap.vm[(s->number ? s->number : 1) - 1];

	if (!*vm)
		*vm = ap_guest_create(true);
	*err = ap_guest_open(s->number ? *vm : NULL, s->mdev);
	return answer;
}

static struct ap_answer config(const struct ap_step *s, int *err)
{
	char text[AP_TEXT];

	ap_config_text(s->matrix, text);
	*err = ap_write_bytes(ap_mdev_file(s->mdev, "ap_config"), text, strlen(text));
	return ap_model_replace(&ap.model, s->mdev, s->matrix);
}

static struct ap_answer exist(const struct ap_step *s, int *err)
{
	if (s->deed == AP_CREATE) {
		*err = ap_write(AP_MATRIX "mdev_supported_types/vfio_ap-passthrough/create",
				ap_mdev_uuid(s->mdev));
		return ap_model_create(&ap.model, s->mdev);
	}
	*err = ap_write(ap_mdev_file(s->mdev, "remove"), "1");
	return ap_model_remove(&ap.model, s->mdev);
}

static void note_controls(const struct ap_host *host)
{
	struct ap_mask left = ap_without(&ap.model.host.config.controls, &host->config.controls);

	AP_EACH(d, &left)
	{
		ap_put(&ap.controls_left, d, true);
	}
}

/* Nothing can be reset of a card that is not there to be used: that may be an error, or not */
static struct ap_answer reset(const struct ap_step *s, int *err)
{
	const struct ap_guest *g = ap.vm[ap.model.mdev[s->mdev].vm - 1];
	struct ap_answer answer = good;

	*err = ioctl(ap_guest_device(g), VFIO_DEVICE_RESET) ? errno : 0;
	AP_EACH(a, &ap.model.mdev[s->mdev].matrix.adapters)
	{
		if (ap.model.host.state[a] != AP_ONLINE)
			answer.or = *err;
	}
	return answer;
}

struct ap_came ap_take(const struct ap_step *s)
{
	struct ap_came came = { .expected = good };

	switch (s->deed) {
	case AP_CREATE:
	case AP_REMOVE:
		came.expected = exist(s, &came.err);
		break;
	case AP_ASSIGN:
	case AP_UNASSIGN:
		came.expected = assign(s, &came.err);
		break;
	case AP_CONFIG:
		came.expected = config(s, &came.err);
		break;
	case AP_EDIT:
		came.expected = edit(s, &came.err);
		break;
	case AP_BIND:
	case AP_UNBIND:
		came.expected = bind(s, &came.err);
		break;
	case AP_OPEN:
		came.expected = open_it(s, &came.err);
		break;
	case AP_CLOSE:
		ap_guest_close(ap.vm[ap.model.mdev[s->mdev].vm - 1]);
		ap_model_close(&ap.model, s->mdev);
		break;
	case AP_RESET:
		came.expected = reset(s, &came.err);
		break;
	case AP_HOST:
		note_controls(s->host);
		ap_machine_describe(s->host, ap.more);
		ap_model_host(&ap.model, s->host);
		break;
	case AP_DEEDS:
		break;
	}
	return came;
}

static void host_words(const struct ap_host *host, char *text)
{
	size_t used = (size_t)snprintf(text, AP_WORDS, "the host's adapters become");

	AP_EACH(a, &host->config.adapters)
	{
		used += (size_t)snprintf(text + used, AP_WORDS - used, " %u%s", a,
					 host->state[a] ? "(off)" : "");
	}
	used += (size_t)snprintf(text + used, AP_WORDS - used, ", its domains");
	AP_EACH(d, &host->config.domains)
	{
		used += (size_t)snprintf(text + used, AP_WORDS - used, " %u", d);
	}
	used += (size_t)snprintf(text + used, AP_WORDS - used, ", its control domains");
	AP_EACH(d, &host->config.controls)
	{
		used += (size_t)snprintf(text + used, AP_WORDS - used, " %u", d);
	}
}

const char *ap_words(const struct ap_step *s, char *text)
{
	static const char *const deeds[] = {
		[AP_CREATE] = "is made",
		[AP_REMOVE] = "is removed",
		[AP_CLOSE] = "is closed",
		[AP_RESET] = "is reset (VFIO_DEVICE_RESET)",
	};
	char config_text[AP_TEXT];

	if (s->deed == AP_ASSIGN || s->deed == AP_UNASSIGN)
		snprintf(text, AP_WORDS, "%s %llu is %sassigned to device %u", kinds[s->kind],
			 (unsigned long long)s->number, s->deed == AP_ASSIGN ? "" : "un", s->mdev);
	else if (s->deed == AP_CONFIG)
		snprintf(text, AP_WORDS, "ap_config of device %u becomes %s", s->mdev,
			 ap_config_text(s->matrix, config_text));
	else if (s->deed == AP_EDIT)
		snprintf(text, AP_WORDS, "'%s' is written to %s", s->text,
			 s->kind == AP_ADAPTER ? "apmask" : "aqmask");
	else if (s->deed == AP_BIND || s->deed == AP_UNBIND)
		snprintf(text, AP_WORDS, "queue %02x.%04x is %s vfio_ap",
			 (unsigned int)s->number >> 8, (unsigned int)s->number & 255,
			 s->deed == AP_BIND ? "bound to" : "unbound from");
	else if (s->deed == AP_OPEN)
		snprintf(text, AP_WORDS, "device %u is opened for VM %llu", s->mdev,
			 (unsigned long long)s->number);
	else if (s->deed == AP_HOST)
		host_words(s->host, text);
	else
		snprintf(text, AP_WORDS, "device %u %s", s->mdev, deeds[s->deed]);
	return text;
}

const char *ap_known_answer(const struct ap_model *before, const struct ap_step *s,
			    const struct ap_came *came)
{
	const char *known = ap_known_sharing(came->expected, came->err);

	if (!known && s->deed == AP_EDIT && !came->expected.err) {
		known = ap_known_mask(before, &ap.model, came->err);
		if (known)
			ap.model = *before;
	}
	return known;
}
