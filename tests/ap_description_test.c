// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the machine that a description on standard input makes (targets/hercules/ap), on top of
 * one with card 9 and domain 9, so that "unchanged" can be seen.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "description.h"

static struct ap_description d;
static char text[AP_TEXT + 1];

static void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

static void print_mask(const char *name, const uint8_t mask[AP_MASK])
{
	printf("%s", name);
	for (unsigned int n = 0; n < AP_IDS; n++)
		if (ap_mask_has(mask, n))
			printf(" %u", n);
	printf("\n");
}

int main(void)
{
	char before[] = "card 9 cex7 cca\ndomains 9\nend\n";
	ssize_t n = read(0, text, AP_TEXT);

	if (n < 0 || !ap_describe(&d, before, say))
		return 1;
	text[n] = 0;
	if (!ap_describe(&d, text, say))
		printf("unchanged\n");
	printf("max %u %u%s busy %u trace %d%s\n", d.max_ap, d.max_domain, d.apxa ? "" : " noapxa",
	       d.busy, d.trace, d.raw_qci ? " rawqci" : "");
	print_mask("domains", d.aqm);
	print_mask("cdomains", d.adm);
	for (unsigned int ap = 0; ap < AP_IDS; ap++)
		if (ap_mask_has(d.apm, ap))
			printf("card %u type %u mode %02x rc %02x\n", ap, d.card[ap].type,
			       d.card[ap].mode, d.card[ap].rc);
	for (unsigned int qid = 0; qid < AP_IDS * AP_IDS; qid++)
		if (ap_queue_rc(&d, qid) != AP_NOT_AVAILABLE)
			printf("queue %02x.%04x rc %02x\n", qid / AP_IDS, qid % AP_IDS,
			       ap_queue_rc(&d, qid));
	for (unsigned int qid = 0; qid < AP_IDS * AP_IDS; qid++)
		if (d.interrupt[qid])
			printf("irq %02x.%04x\n", qid / AP_IDS, qid % AP_IDS);
	return 0;
}
