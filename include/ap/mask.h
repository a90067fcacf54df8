/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Masks of 256 bits as AP has them: bit 0 is the leftmost. And their texts in sysfs.
 */
#ifndef AP_MASK_H
#define AP_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AP_NUMBERS 256U
#define AP_MASK_TEXT 67 /* "0x", 64 digits */

struct ap_mask {
	uint64_t word[4];
};

static inline bool ap_has(const struct ap_mask *m, unsigned int n)
{
	return m->word[n / 64] >> (63 - n % 64) & 1;
}

static inline void ap_put(struct ap_mask *m, unsigned int n, bool on)
{
	uint64_t bit = 1UL << (63 - n % 64);

	m->word[n / 64] = on ? m->word[n / 64] | bit : m->word[n / 64] & ~bit;
}

static inline bool ap_is_empty(const struct ap_mask *m)
{
	return !(m->word[0] | m->word[1] | m->word[2] | m->word[3]);
}

static inline bool ap_mask_equal(const struct ap_mask *a, const struct ap_mask *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] &&
	       a->word[3] == b->word[3];
}

static inline struct ap_mask ap_both(const struct ap_mask *a, const struct ap_mask *b)
{
	return (struct ap_mask){ { a->word[0] & b->word[0], a->word[1] & b->word[1],
				   a->word[2] & b->word[2], a->word[3] & b->word[3] } };
}

static inline struct ap_mask ap_without(const struct ap_mask *a, const struct ap_mask *b)
{
	return (struct ap_mask){ { a->word[0] & ~b->word[0], a->word[1] & ~b->word[1],
				   a->word[2] & ~b->word[2], a->word[3] & ~b->word[3] } };
}

/* ap_next - the first number from @n on that the mask has; AP_NUMBERS: none */
static inline unsigned int ap_next(const struct ap_mask *m, unsigned int n)
{
	for (; n < AP_NUMBERS; n = (n | 63) + 1) {
		uint64_t rest = m->word[n / 64] << n % 64;

		if (rest)
			return n + (unsigned int)__builtin_clzl(rest);
	}
	return AP_NUMBERS;
}

/* for each number @n of the mask, in order; a number before it may leave the mask meanwhile */
#define AP_EACH(n, mask)                                                                           \
	for (unsigned int n = ap_next(mask, 0); n < AP_NUMBERS; n = ap_next(mask, n + 1))

/* ap_mask_text - "0x" and 64 digits, to AP_MASK_TEXT bytes; returns @text */
const char *ap_mask_text(const struct ap_mask *m, char *text);

/*
 * ap_mask_edit - what vfio-ap.rst says of a string that is written to apmask or aqmask
 * Returns 0, or EINVAL for what it does not allow; the mask is as it was then.
 */
int ap_mask_edit(struct ap_mask *m, const char *text);

#endif
