/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a request to KVM comes to: a value, with one printer and one comparison.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include <stdbool.h>

#define OUTCOME_TEXT 64

/* Program interruption codes: z/Architecture Principles of Operation, chapter 6 */
enum pgm {
	PGM_OPERATION = 0x01,
	PGM_PRIVILEGED_OPERATION = 0x02,
	PGM_PROTECTION = 0x04,
	PGM_ADDRESSING = 0x05,
	PGM_SPECIFICATION = 0x06,
	PGM_SEGMENT_TRANSLATION = 0x10,
	PGM_PAGE_TRANSLATION = 0x11,
	PGM_TRANSLATION_SPECIFICATION = 0x12,
	PGM_ALET_SPECIFICATION = 0x28,
	PGM_ALEN_TRANSLATION = 0x29,
	PGM_ALE_SEQUENCE = 0x2a,
	PGM_ASTE_VALIDITY = 0x2b,
	PGM_ASTE_SEQUENCE = 0x2c,
	PGM_EXTENDED_AUTHORITY = 0x2d,
	PGM_ASCE_TYPE = 0x38,
	PGM_REGION_FIRST_TRANSLATION = 0x39,
	PGM_REGION_SECOND_TRANSLATION = 0x3a,
	PGM_REGION_THIRD_TRANSLATION = 0x3b,
};

/* KVM_S390_MEM_OP: 0 is success, > 0 a program interruption code, -1 an error */
struct outcome {
	int ret;
	int err; /* errno, where ret is -1; 0 otherwise */
};

/* outcome_of - the value for what an ioctl() returned, with errno taken at once */
struct outcome outcome_of(int ret);

/* Short forms for the expected side */
struct outcome outcome_success(void);
struct outcome outcome_exception(enum pgm code);
struct outcome outcome_error(int err);
/* Any error: where the documentation says that a request is refused, and not how */
struct outcome outcome_refused(void);

/* Is @observed what @expected says? */
bool outcome_equal(struct outcome observed, struct outcome expected);

/*
 * outcome_text - e.g. "success", "PGM 0x04 (protection)", "errno 22 (Invalid argument)"
 * @text: OUTCOME_TEXT bytes
 * Returns @text.
 */
const char *outcome_text(struct outcome o, char *text);

#endif
