/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How kernels are known to deviate from the contract of vfio-ap: vfio_ap/contract.md. Pure.
 */
#ifndef AP_DEVIATION_H
#define AP_DEVIATION_H

#include <stdbool.h>

#include "ap/model.h"

/*
 * ap_known_sharing - EADDRINUSE for EBUSY, of a queue that another device has
 * Returns the deviation's name, or NULL.
 */
const char *ap_known_sharing(struct ap_answer expected, int err);

/*
 * ap_known_mask - EBUSY for a bit of a mask that a device has queues of, though the other mask
 * leaves them to it; between @before and @after the mask has changed
 */
const char *ap_known_mask(const struct ap_model *before, const struct ap_model *after, int err);

/* ap_known_number - ERANGE for ENODEV, of a number that no unsigned long can hold */
const char *ap_known_number(const char *text, int err);

/* ap_known_features - a word for hot plug that is not the documented one */
const char *ap_known_features(const char *text);

/* ap_known_config - what follows three masks is not looked at */
const char *ap_known_config(const char *text, int err);

/* ap_known_removal - of a device in use: the request does not come back until it is not */
const char *ap_known_removal(bool came_back);

/* ap_known_takeover - the answer to a guest's AQIC once a second device was refused to its VM */
const char *ap_known_takeover(unsigned int rc);

/* What a fault of a guest's masks is seen by */
struct ap_seen {
	struct ap_matrix had;	 /* what the guest had before the step, by the model */
	struct ap_matrix to_be;	 /* what it has to have */
	struct ap_matrix is;	 /* what it has */
	struct ap_mask filtered; /* adapters of the host that it had not before, though assigned */
	struct ap_mask unreset;	 /* adapters with a queue whose last reset failed */
	bool host_changed;	 /* by the step */
	bool bound;		 /* a queue, by the step: the kernel filters anew then */
	struct ap_mask left;	 /* control domains that have left the host */
};

/*
 * ap_known_fault - what a guest has after a step is not what it has to have, in the way that a
 * fault of released kernels explains (docs/findings.md)
 * Returns its name, or NULL.
 */
const char *ap_known_fault(const struct ap_seen *s);

/* ap_known_reset - a guest's queue was reset by the host though it stays, between these two */
const char *ap_known_reset(const struct ap_model *before, const struct ap_model *after,
			   unsigned int queue);

/* ap_known_kept - a queue has left a guest between these two, and was not zeroized */
const char *ap_known_kept(const struct ap_model *before, const struct ap_model *after,
			  unsigned int queue);

#endif
