/* SPDX-License-Identifier: QPL-1.0 OR GPL-2.0-only */
/*
 * The machine's crypto cards as a text says they are: docs/targets.md, "AP". Nothing of
 * Hercules in it.
 */
#ifndef AP_DESCRIPTION_H
#define AP_DESCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AP_IDS 256
#define AP_MASK (AP_IDS / 8)
#define AP_TEXT 65536

/* Facilities of a card as TAPQ has them */
enum { AP_CCA = 0x10, AP_ACCEL = 0x08, AP_EP11 = 0x04 };

/* Response codes */
enum ap_rc {
	AP_NORMAL = 0x00,
	AP_NOT_AVAILABLE = 0x01,
	AP_RESET_IN_PROGRESS = 0x02,
	AP_DECONFIGURED = 0x03,
	AP_CHECKSTOPPED = 0x04,
	AP_BUSY = 0x05,
	AP_INVALID_ADDRESS = 0x06,
	AP_OTHERWISE_CHANGED = 0x07,
	AP_NO_REPLY = 0x10,
	AP_NOT_INSTALLED = 0x16,
};

enum ap_trace { AP_TRACE_OFF, AP_TRACE_ON, AP_TRACE_NEW };

struct ap_card {
	uint8_t type, mode, rc;
};

struct ap_description {
	unsigned int max_ap, max_domain, busy;
	bool apxa, raw_qci;
	enum ap_trace trace;
	struct ap_card card[AP_IDS];
	uint8_t apm[AP_MASK], aqm[AP_MASK], adm[AP_MASK]; /* as QCI has them */
	uint8_t rc[AP_IDS * AP_IDS];
	bool interrupt[AP_IDS * AP_IDS]; /* make an interruption now */
};

/* Says what is wrong with a description, a line without its end */
typedef void ap_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline bool ap_mask_has(const uint8_t mask[AP_MASK], unsigned int n)
{
	return mask[n / 8] >> (7 - n % 8) & 1;
}

/* ap_no_cards - a machine that nobody has described yet */
void ap_no_cards(struct ap_description *d);

/*
 * ap_describe - read the description @text, which is written to
 * @say: is told of each word that is not understood; the rest of the text holds all the same
 * Returns false, with @d as it was, if @text does not end with "end".
 */
bool ap_describe(struct ap_description *d, char *text, ap_say *say);

/* ap_queue_rc - what every function answers for the queue @qid, no guest's masks considered */
enum ap_rc ap_queue_rc(const struct ap_description *d, unsigned int qid);

#endif
