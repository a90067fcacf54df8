// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract of vfio-ap: see ap/model.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ap/model.h"

static const struct ap_answer done;

static struct ap_answer error(int err)
{
	return (struct ap_answer){ err, err };
}

bool ap_matrix_equal(const struct ap_matrix *a, const struct ap_matrix *b)
{
	return ap_mask_equal(&a->adapters, &b->adapters) &&
	       ap_mask_equal(&a->domains, &b->domains) && ap_mask_equal(&a->controls, &b->controls);
}

void ap_model_begin(struct ap_model *m, const struct ap_host *host)
{
	memset(m, 0, sizeof(*m));
	m->host = *host;
	memset(&m->apmask, 0xff, sizeof(m->apmask));
	memset(&m->aqmask, 0xff, sizeof(m->aqmask));
}

struct ap_answer ap_model_create(struct ap_model *m, unsigned int mdev)
{
	if (m->mdev[mdev].there)
		return error(EEXIST);
	m->mdev[mdev] = (struct ap_mdev){ .there = true };
	return done;
}

struct ap_answer ap_model_remove(struct ap_model *m, unsigned int mdev)
{
	if (m->mdev[mdev].vm)
		return error(EBUSY);
	m->mdev[mdev].there = false;
	return done;
}

/* Have both a queue in common? */
static bool share(const struct ap_mask *adapters, const struct ap_mask *domains,
		  const struct ap_matrix *other)
{
	struct ap_mask a = ap_both(adapters, &other->adapters);
	struct ap_mask d = ap_both(domains, &other->domains);

	return !ap_is_empty(&a) && !ap_is_empty(&d);
}

/* "In order to successfully assign an adapter", and a domain */
static struct ap_answer permitted(const struct ap_model *m, unsigned int mdev,
				  const struct ap_matrix *matrix)
{
	struct ap_answer answer = done;

	if (share(&m->apmask, &m->aqmask, matrix))
		answer = error(EADDRNOTAVAIL);
	for (unsigned int i = 0; i < AP_MDEVS; i++) {
		if (i == mdev || !m->mdev[i].there ||
		    !share(&matrix->adapters, &matrix->domains, &m->mdev[i].matrix))
			continue;
		answer.or = EBUSY;
		answer.err = answer.err ? answer.err : EBUSY;
	}
	return answer;
}

static bool beyond(const struct ap_mask *mask, unsigned int most)
{
	AP_EACH(n, mask)
	{
		if (n > most)
			return true;
	}
	return false;
}

struct ap_answer ap_model_replace(struct ap_model *m, unsigned int mdev,
				  const struct ap_matrix *matrix)
{
	struct ap_answer answer = permitted(m, mdev, matrix);

	if (beyond(&matrix->adapters, m->host.max_adapter) ||
	    beyond(&matrix->domains, m->host.max_domain) ||
	    beyond(&matrix->controls, m->host.max_domain)) {
		answer.or = ENODEV;
		answer.err = answer.err ? answer.err : ENODEV;
	}
	if (!answer.err)
		m->mdev[mdev].matrix = *matrix;
	return answer;
}

struct ap_answer ap_model_assign(struct ap_model *m, unsigned int mdev, enum ap_kind kind,
				 uint64_t number, bool on)
{
	unsigned int most = kind == AP_ADAPTER ? m->host.max_adapter : m->host.max_domain;
	struct ap_matrix matrix = m->mdev[mdev].matrix;
	struct ap_mask *mask = kind == AP_ADAPTER  ? &matrix.adapters
			       : kind == AP_DOMAIN ? &matrix.domains
						   : &matrix.controls;
	struct ap_answer answer = done;

	if (number > most)
		return error(ENODEV);
	if (ap_has(mask, (unsigned int)number) == on)
		return done;
	ap_put(mask, (unsigned int)number, on);
	if (on)
		answer = permitted(m, mdev, &matrix);
	if (!answer.err)
		m->mdev[mdev].matrix = matrix;
	return answer;
}

struct ap_answer ap_model_masks(struct ap_model *m, const struct ap_mask *apmask,
				const struct ap_mask *aqmask)
{
	for (unsigned int i = 0; i < AP_MDEVS; i++)
		if (m->mdev[i].there && share(apmask, aqmask, &m->mdev[i].matrix))
			return error(EBUSY);
	m->apmask = *apmask;
	m->aqmask = *aqmask;
	return done;
}

static bool is_host_s(const struct ap_model *m, unsigned int queue)
{
	return ap_has(&m->host.config.adapters, queue >> 8) &&
	       ap_has(&m->host.config.domains, queue & 255);
}

enum ap_driver ap_model_driver(const struct ap_model *m, unsigned int queue)
{
	if (!is_host_s(m, queue) || ap_has(&m->host.old, queue >> 8))
		return AP_NO_DEVICE;
	if (ap_has(&m->unbound[queue >> 8], queue & 255))
		return AP_NO_DRIVER;
	if (ap_has(&m->apmask, queue >> 8) && ap_has(&m->aqmask, queue & 255))
		return AP_DEFAULT_DRIVER;
	return AP_VFIO;
}

struct ap_answer ap_model_bind(struct ap_model *m, unsigned int queue, bool on)
{
	enum ap_driver driver = ap_model_driver(m, queue);

	if (on && driver == AP_VFIO)
		return (struct ap_answer){ EBUSY, ENODEV };
	if (on && driver == AP_DEFAULT_DRIVER)
		return (struct ap_answer){ ENODEV, EBUSY };
	if (driver != (on ? AP_NO_DRIVER : AP_VFIO))
		return error(ENODEV);
	if (on && ap_has(&m->apmask, queue >> 8) && ap_has(&m->aqmask, queue & 255))
		return error(ENODEV);
	ap_put(&m->unbound[queue >> 8], queue & 255, !on);
	return done;
}

/* Neither are open twice, nor a second one for a VM; which of it is told first is left open */
struct ap_answer ap_model_open(struct ap_model *m, unsigned int mdev, unsigned int vm)
{
	struct ap_answer answer = done;

	if (m->mdev[mdev].vm)
		answer = error(EBUSY);
	for (unsigned int i = 0; i < AP_MDEVS && vm; i++)
		if (m->mdev[i].there && m->mdev[i].vm == vm && i != mdev)
			answer = (struct ap_answer){ answer.err ? EBUSY : EPERM, EPERM };
	if (!vm)
		answer = (struct ap_answer){ EINVAL, answer.err ? EBUSY : EINVAL };
	if (!answer.err)
		m->mdev[mdev].vm = vm;
	return answer;
}

void ap_model_close(struct ap_model *m, unsigned int mdev)
{
	m->mdev[mdev].vm = 0;
}

/* A device that goes and comes again has the driver that the masks say */
void ap_model_host(struct ap_model *m, const struct ap_host *host)
{
	m->host = *host;
	for (unsigned int a = 0; a < AP_NUMBERS; a++) {
		m->unbound[a] = ap_both(&m->unbound[a], &host->config.domains);
		if (!ap_has(&host->config.adapters, a))
			m->unbound[a] = (struct ap_mask){ { 0 } };
	}
}

/* "filtered before providing the AP configuration to a guest", in the order of its two points */
struct ap_matrix ap_model_guest(const struct ap_model *m, unsigned int mdev)
{
	const struct ap_matrix *all = &m->mdev[mdev].matrix, *host = &m->host.config;
	struct ap_matrix guest = {
		.adapters = ap_both(&all->adapters, &host->adapters),
		.domains = ap_both(&all->domains, &host->domains),
		.controls = ap_both(&all->controls, &host->controls),
	};

	AP_EACH(a, &guest.adapters)
	{
		AP_EACH(d, &guest.domains)
		{
			if (ap_model_driver(m, ap_queue(a, d)) != AP_VFIO)
				ap_put(&guest.adapters, a, false);
		}
	}
	return guest;
}

/* The device that has this queue in its matrix, -1: none */
static int assigned_to(const struct ap_model *m, unsigned int queue)
{
	for (unsigned int i = 0; i < AP_MDEVS; i++)
		if (m->mdev[i].there && ap_has(&m->mdev[i].matrix.adapters, queue >> 8) &&
		    ap_has(&m->mdev[i].matrix.domains, queue & 255))
			return (int)i;
	return -1;
}

bool ap_model_is_used(const struct ap_model *m, unsigned int queue)
{
	int mdev = assigned_to(m, queue);
	struct ap_matrix guest;

	if (mdev < 0 || !m->mdev[mdev].vm)
		return false;
	guest = ap_model_guest(m, (unsigned int)mdev);
	return ap_has(&guest.adapters, queue >> 8) && ap_has(&guest.domains, queue & 255);
}

const char *ap_model_status(const struct ap_model *m, unsigned int queue)
{
	if (ap_model_driver(m, queue) != AP_VFIO)
		return NULL;
	if (assigned_to(m, queue) < 0)
		return "unassigned\n";
	return ap_model_is_used(m, queue) ? "in use\n" : "assigned\n";
}

unsigned int ap_model_test(const struct ap_model *m, unsigned int mdev, unsigned int queue)
{
	struct ap_matrix guest = ap_model_guest(m, mdev);

	if (!m->mdev[mdev].vm || !ap_has(&guest.adapters, queue >> 8) ||
	    !ap_has(&guest.domains, queue & 255))
		return AP_NOT_VALID;
	return m->host.state[queue >> 8];
}

bool ap_model_has_left(const struct ap_model *before, const struct ap_model *after,
		       unsigned int queue)
{
	return ap_model_is_used(before, queue) && is_host_s(after, queue) &&
	       (!ap_model_is_used(after, queue) ||
		assigned_to(before, queue) != assigned_to(after, queue));
}
