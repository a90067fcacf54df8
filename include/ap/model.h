/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract of vfio-ap as a model: masks, what the host's configuration has, which driver
 * has which queue, mediated devices with their matrices, and guests. It predicts the answer
 * to each operation and each file that shows something, from
 * Documentation/arch/s390/vfio-ap.rst alone. Pure: it knows neither sysfs nor KVM.
 */
#ifndef AP_MODEL_H
#define AP_MODEL_H

#include "ap/mask.h"

#define AP_MDEVS 3U
#define AP_QUEUES 65536U
#define AP_TEXT 4096 /* of a file, with its end */

/* An APQN: adapter and domain */
static inline unsigned int ap_queue(unsigned int adapter, unsigned int domain)
{
	return adapter << 8 | domain;
}

struct ap_matrix {
	struct ap_mask adapters, domains, controls;
};

/* An adapter's state, by the response code that a test of its queues comes to */
enum ap_state { AP_ONLINE = 0x00, AP_DECONFIGURED = 0x03, AP_CHECKSTOPPED = 0x04 };
#define AP_NOT_VALID 0x01 /* the response code for a queue that is not there */

/* What the machine gives the host */
struct ap_host {
	struct ap_matrix config;
	uint8_t state[AP_NUMBERS]; /* of adapters: enum ap_state */
	struct ap_mask old;	   /* adapters older than CEX4 */
	unsigned int max_adapter, max_domain;
};

struct ap_mdev {
	bool there;
	unsigned int vm; /* the guest that has it, 0: none */
	struct ap_matrix matrix;
};

struct ap_model {
	struct ap_host host;
	struct ap_mask apmask, aqmask;
	struct ap_mask unbound[AP_NUMBERS]; /* of each adapter: queues without a driver */
	struct ap_mdev mdev[AP_MDEVS];
};

enum ap_kind { AP_ADAPTER, AP_DOMAIN, AP_CONTROL };
enum ap_driver { AP_NO_DEVICE, AP_NO_DRIVER, AP_DEFAULT_DRIVER, AP_VFIO };

/* 0, or an error; where the documentation leaves the order of two open, either */
struct ap_answer {
	int err, or ;
};

/* ap_model_begin - as after a start: all queues for the default drivers, no mdev */
void ap_model_begin(struct ap_model *m, const struct ap_host *host);

struct ap_answer ap_model_create(struct ap_model *m, unsigned int mdev);
/* ap_model_remove - EBUSY stands for any error: the documentation does not say which */
struct ap_answer ap_model_remove(struct ap_model *m, unsigned int mdev);

/* ap_model_assign - assign or unassign: any number may be asked for */
struct ap_answer ap_model_assign(struct ap_model *m, unsigned int mdev, enum ap_kind kind,
				 uint64_t number, bool on);
/* ap_model_replace - ap_config with three masks */
struct ap_answer ap_model_replace(struct ap_model *m, unsigned int mdev,
				  const struct ap_matrix *matrix);
/* ap_model_masks - both masks become these */
struct ap_answer ap_model_masks(struct ap_model *m, const struct ap_mask *apmask,
				const struct ap_mask *aqmask);
/* ap_model_bind - by hand, to vfio_ap, or away from the driver it has */
struct ap_answer ap_model_bind(struct ap_model *m, unsigned int queue, bool on);
/* ap_model_open - a guest gets the device; @vm 0: without KVM */
struct ap_answer ap_model_open(struct ap_model *m, unsigned int mdev, unsigned int vm);
void ap_model_close(struct ap_model *m, unsigned int mdev);
/* ap_model_host - the host's configuration has become this */
void ap_model_host(struct ap_model *m, const struct ap_host *host);

/* ap_model_driver - who has this queue */
enum ap_driver ap_model_driver(const struct ap_model *m, unsigned int queue);
/* ap_model_guest - what a guest has of the device's matrix, or would have */
struct ap_matrix ap_model_guest(const struct ap_model *m, unsigned int mdev);
/* ap_model_is_used - does a guest have this queue? */
bool ap_model_is_used(const struct ap_model *m, unsigned int queue);
/* ap_model_status - what the file "status" of the queue says; NULL: there is none */
const char *ap_model_status(const struct ap_model *m, unsigned int queue);
/* ap_model_test - the response code of TAPQ for the queue, in the guest that has this device */
unsigned int ap_model_test(const struct ap_model *m, unsigned int mdev, unsigned int queue);
/* ap_model_has_left - has this queue, which is still the host's, left a guest in between? */
bool ap_model_has_left(const struct ap_model *before, const struct ap_model *after,
		       unsigned int queue);

/* What files show, to AP_TEXT bytes; they return @text */
const char *ap_matrix_text(const struct ap_matrix *matrix, char *text);
const char *ap_controls_text(const struct ap_matrix *matrix, char *text);
const char *ap_config_text(const struct ap_matrix *matrix, char *text);

bool ap_matrix_equal(const struct ap_matrix *a, const struct ap_matrix *b);

#endif
