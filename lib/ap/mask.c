// SPDX-License-Identifier: GPL-2.0-only
/*
 * Masks and their texts: see ap/mask.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ap/mask.h"

const char *ap_mask_text(const struct ap_mask *m, char *text)
{
	snprintf(text, AP_MASK_TEXT, "0x%016llx%016llx%016llx%016llx",
		 (unsigned long long)m->word[0], (unsigned long long)m->word[1],
		 (unsigned long long)m->word[2], (unsigned long long)m->word[3]);
	return text;
}

/* All of the mask: digits from the left, and zeros behind them */
static int absolute(struct ap_mask *m, const char *digits)
{
	size_t count = strspn(digits, "0123456789abcdefABCDEF");

	*m = (struct ap_mask){ { 0 } };
	if (!count || digits[count] || count > AP_NUMBERS / 4)
		return EINVAL;
	for (size_t i = 0; i < count; i++) {
		char digit[2] = { digits[i], 0 };

		m->word[i / 16] |= (uint64_t)strtoul(digit, NULL, 16) << (60 - 4 * (i % 16));
	}
	return 0;
}

/* A list of bits, each with its sign */
static int relative(struct ap_mask *m, const char *at)
{
	for (;; at++) {
		char sign = *at, *end;
		unsigned long bit;

		if ((sign != '+' && sign != '-') || !isdigit((unsigned char)at[1]))
			return EINVAL;
		bit = strtoul(at + 1, &end, 0);
		if (bit >= AP_NUMBERS)
			return EINVAL;
		ap_put(m, (unsigned int)bit, sign == '+');
		at = end;
		if (!*at)
			return 0;
		if (*at != ',')
			return EINVAL;
	}
}

int ap_mask_edit(struct ap_mask *m, const char *text)
{
	struct ap_mask edited = *m;
	int wrong = !strncmp(text, "0x", 2) ? absolute(&edited, text + 2) : relative(&edited, text);

	if (!wrong)
		*m = edited;
	return wrong;
}
