// SPDX-License-Identifier: GPL-2.0-only
/*
 * Outcomes as values: see outcome.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "case/outcome.h"

struct outcome outcome_of(int ret)
{
	return (struct outcome){ .ret = ret, .err = ret == -1 ? errno : 0 };
}

struct outcome outcome_success(void)
{
	return (struct outcome){ 0 };
}

struct outcome outcome_exception(enum pgm code)
{
	return (struct outcome){ .ret = code };
}

struct outcome outcome_error(int err)
{
	return (struct outcome){ .ret = -1, .err = err };
}

struct outcome outcome_refused(void)
{
	return (struct outcome){ .ret = -1 };
}

bool outcome_equal(struct outcome observed, struct outcome expected)
{
	if (expected.ret == -1 && !expected.err)
		return observed.ret == -1;
	return observed.ret == expected.ret && observed.err == expected.err;
}

static const char *pgm_name(int code)
{
	switch (code) {
	case PGM_OPERATION:
		return "operation";
	case PGM_PROTECTION:
		return "protection";
	case PGM_ADDRESSING:
		return "addressing";
	case PGM_SPECIFICATION:
		return "specification";
	case PGM_SEGMENT_TRANSLATION:
		return "segment translation";
	case PGM_PAGE_TRANSLATION:
		return "page translation";
	case PGM_TRANSLATION_SPECIFICATION:
		return "translation specification";
	case PGM_ALET_SPECIFICATION:
		return "ALET specification";
	case PGM_ALEN_TRANSLATION:
		return "ALEN translation";
	case PGM_ALE_SEQUENCE:
		return "ALE sequence";
	case PGM_ASTE_VALIDITY:
		return "ASTE validity";
	case PGM_ASTE_SEQUENCE:
		return "ASTE sequence";
	case PGM_EXTENDED_AUTHORITY:
		return "extended authority";
	case PGM_ASCE_TYPE:
		return "ASCE type";
	case PGM_REGION_FIRST_TRANSLATION:
		return "region-first translation";
	case PGM_REGION_SECOND_TRANSLATION:
		return "region-second translation";
	case PGM_REGION_THIRD_TRANSLATION:
		return "region-third translation";
	}
	return "?";
}

const char *outcome_text(struct outcome o, char *text)
{
	if (o.ret == 0)
		snprintf(text, OUTCOME_TEXT, "success");
	else if (o.ret > 0)
		snprintf(text, OUTCOME_TEXT, "PGM %#04x (%s)", (unsigned int)o.ret,
			 pgm_name(o.ret));
	else if (!o.err)
		snprintf(text, OUTCOME_TEXT, "refused, with any errno");
	else
		snprintf(text, OUTCOME_TEXT, "errno %d (%s)", o.err, strerror(o.err));
	return text;
}
