// SPDX-License-Identifier: GPL-2.0-only
/*
 * What files in sysfs show of a matrix: see ap/model.h.
 */
#include <stdarg.h>
#include <stdio.h>

#include "ap/model.h"

static void __attribute__((format(printf, 3, 4)))
add(char *text, size_t *used, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	*used += (size_t)vsnprintf(text + *used, AP_TEXT - *used, format, ap);
	if (*used >= AP_TEXT)
		*used = AP_TEXT - 1;
	va_end(ap);
}

/* Where there are only adapters, or only domains, these alone */
const char *ap_matrix_text(const struct ap_matrix *matrix, char *text)
{
	bool no_adapters = ap_is_empty(&matrix->adapters),
	     no_domains = ap_is_empty(&matrix->domains);
	size_t used = 0;

	text[0] = 0;
	AP_EACH(a, &matrix->adapters)
	{
		if (no_domains)
			add(text, &used, "%02x.\n", a);
		AP_EACH(d, &matrix->domains)
		{
			add(text, &used, "%02x.%04x\n", a, d);
		}
	}
	AP_EACH(d, &matrix->domains)
	{
		if (no_adapters)
			add(text, &used, ".%04x\n", d);
	}
	return text;
}

const char *ap_controls_text(const struct ap_matrix *matrix, char *text)
{
	size_t used = 0;

	text[0] = 0;
	AP_EACH(d, &matrix->controls)
	{
		add(text, &used, "%04x\n", d);
	}
	return text;
}

const char *ap_config_text(const struct ap_matrix *matrix, char *text)
{
	char a[AP_MASK_TEXT], d[AP_MASK_TEXT], c[AP_MASK_TEXT];

	snprintf(text, AP_TEXT, "%s,%s,%s\n", ap_mask_text(&matrix->adapters, a),
		 ap_mask_text(&matrix->domains, d), ap_mask_text(&matrix->controls, c));
	return text;
}
