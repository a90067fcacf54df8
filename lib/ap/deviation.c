// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known deviations of vfio-ap: see ap/deviation.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ap/deviation.h"

#define CONFIG_LENGTH (3 * AP_MASK_TEXT) /* of three masks, each with what follows it */

const char *ap_known_sharing(struct ap_answer expected, int err)
{
	return expected.or == EBUSY && err == EADDRINUSE ? "DEV-17" : NULL;
}

const char *ap_known_mask(const struct ap_model *before, const struct ap_model *after, int err)
{
	struct ap_mask a = ap_without(&after->apmask, &before->apmask);
	struct ap_mask d = ap_without(&after->aqmask, &before->aqmask);

	for (unsigned int i = 0; i < AP_MDEVS && err == EBUSY; i++) {
		const struct ap_matrix *has = &before->mdev[i].matrix;
		struct ap_mask adapters = ap_both(&a, &has->adapters);
		struct ap_mask domains = ap_both(&d, &has->domains);

		if (before->mdev[i].there && !ap_is_empty(&has->adapters) &&
		    !ap_is_empty(&has->domains) &&
		    (!ap_is_empty(&adapters) || !ap_is_empty(&domains)))
			return "DEV-22";
	}
	return NULL;
}

const char *ap_known_number(const char *text, int err)
{
	char *end;

	errno = 0;
	strtoull(text, &end, 0);
	return errno == ERANGE && end != text && !*end && err == ERANGE ? "DEV-19" : NULL;
}

const char *ap_known_features(const char *text)
{
	return !strcmp(text, "guest_matrix hotplug ap_config\n") ? "DEV-18" : NULL;
}

const char *ap_known_config(const char *text, int err)
{
	return !err && strlen(text) != CONFIG_LENGTH ? "DEV-20" : NULL;
}

const char *ap_known_removal(bool came_back)
{
	return came_back ? NULL : "DEV-21";
}

const char *ap_known_takeover(unsigned int rc)
{
	return rc == AP_NOT_VALID ? "FIND-36" : NULL;
}

/* Are these all of the other's, too? */
static bool within(const struct ap_mask *some, const struct ap_mask *of)
{
	struct ap_mask more = ap_without(some, of);

	return ap_is_empty(&more);
}

/* All that the guest lacks are adapters, and all of these are of @some */
static bool lacks_some(const struct ap_seen *s, const struct ap_mask *some)
{
	struct ap_mask late = ap_without(&s->to_be.adapters, &s->is.adapters);

	return !ap_is_empty(&late) && within(&late, some) &&
	       within(&s->is.adapters, &s->to_be.adapters) &&
	       ap_mask_equal(&s->is.domains, &s->to_be.domains) &&
	       ap_mask_equal(&s->is.controls, &s->to_be.controls);
}

/* The last adapter, or the last domain, has left the host: the guest keeps all that it had */
static bool keeps_all(const struct ap_seen *s)
{
	return s->host_changed && ap_matrix_equal(&s->is, &s->had) &&
	       ((ap_is_empty(&s->to_be.adapters) && !ap_is_empty(&s->had.adapters)) ||
		(ap_is_empty(&s->to_be.domains) && !ap_is_empty(&s->had.domains)));
}

/* A control domain has left the host, and is the guest's still */
static bool keeps_control(const struct ap_seen *s)
{
	struct ap_mask more = ap_without(&s->is.controls, &s->to_be.controls);

	return !ap_is_empty(&more) && within(&more, &s->left) &&
	       within(&s->to_be.controls, &s->is.controls) &&
	       ap_mask_equal(&s->is.adapters, &s->to_be.adapters) &&
	       ap_mask_equal(&s->is.domains, &s->to_be.domains);
}

const char *ap_known_fault(const struct ap_seen *s)
{
	/* An adapter that the filter had taken does not come back */
	if (!s->bound && lacks_some(s, &s->filtered))
		return "FIND-32";
	if (lacks_some(s, &s->unreset))
		return "FIND-41";
	if (keeps_all(s))
		return "FIND-33";
	return keeps_control(s) ? "FIND-34" : NULL;
}

/* Control domains have come, one of them a device's with a guest, and nothing else has changed */
static bool only_controls_came(const struct ap_model *before, const struct ap_model *after)
{
	const struct ap_matrix *old = &before->host.config, *new = &after->host.config;
	struct ap_mask came = ap_without(&new->controls, &old->controls);
	bool of_guest = false;

	for (unsigned int i = 0; i < AP_MDEVS; i++) {
		struct ap_mask own = ap_both(&came, &after->mdev[i].matrix.controls);

		of_guest = of_guest || (after->mdev[i].vm && !ap_is_empty(&own));
	}
	return of_guest && ap_mask_equal(&old->adapters, &new->adapters) &&
	       ap_mask_equal(&old->domains, &new->domains);
}

const char *ap_known_reset(const struct ap_model *before, const struct ap_model *after,
			   unsigned int queue)
{
	if (before->host.state[queue >> 8] != AP_ONLINE &&
	    after->host.state[queue >> 8] == AP_ONLINE)
		return "FIND-35";
	return only_controls_came(before, after) ? "FIND-38" : NULL;
}

/* The device has the queue still, and the filter has taken its adapter */
const char *ap_known_kept(const struct ap_model *before, const struct ap_model *after,
			  unsigned int queue)
{
	unsigned int a = queue >> 8, d = queue & 255;

	for (unsigned int i = 0; i < AP_MDEVS; i++) {
		const struct ap_mdev *now = &after->mdev[i];
		struct ap_matrix guest = ap_model_guest(after, i);

		if (now->there && now->vm && now->vm == before->mdev[i].vm &&
		    ap_has(&now->matrix.adapters, a) && ap_has(&guest.domains, d) &&
		    !ap_has(&guest.adapters, a) && ap_model_driver(after, queue) == AP_VFIO)
			return "FIND-40";
	}
	return NULL;
}
