// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adapters, domains and control domains are assigned to a device and taken away.
 *
 * vfio-ap.rst, "In order to successfully assign an adapter", and "mdev_attr_groups"; clauses
 * AP-ASSIGN. How it is seen: after each write its errno, and then every file of every device,
 * every queue's driver and status, both masks, and what a guest finds by PQAP(QCI) and
 * PQAP(TAPQ), are those of the model. If a refused write left something behind, or a
 * permitted one reached too far, the next comparison shows it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ap/deviation.h"
#include "s390x/ap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* All three kinds, in this order and in the other, each one twice */
static void take_and_give_back(void)
{
	static const enum ap_kind kinds[] = { AP_ADAPTER, AP_DOMAIN, AP_CONTROL };
	static const char *const decides[] = { "AP-ASSIGN-01", "AP-ASSIGN-01", "AP-ASSIGN-08" };

	for (unsigned int from = 0; from < 2; from++) {
		for (unsigned int i = 0; i < 6; i++) {
			unsigned int k = (from + i) % 3;
			unsigned int *spare = kinds[k] == AP_ADAPTER ? ap.adapter : ap.domain;

			ap_assign(0, kinds[k], spare[i / 3], decides[k]);
			ap_assign(0, kinds[k], spare[i / 3], "AP-ASSIGN-04");
		}
		for (unsigned int i = 0; i < 6; i++) {
			unsigned int k = (2 * from + i) % 3;
			unsigned int *spare = kinds[k] == AP_ADAPTER ? ap.adapter : ap.domain;

			ap_unassign(0, kinds[k], spare[i / 3], "AP-ASSIGN-09");
			ap_unassign(0, kinds[k], spare[i / 3], "AP-ASSIGN-04");
		}
	}
}

static void assigned(void)
{
	take_and_give_back();
}

/* With a guest, and once it is gone */
static void assigned_in_use(void)
{
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-02");
	take_and_give_back();
	ap_look(false, "AP-GUEST-02");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-01");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-ASSIGN-01");
	ap_do(AP_CLOSE, 0, 0, "AP-GUEST-02");
	ap_unassign(0, AP_DOMAIN, ap.domain[0], "AP-ASSIGN-09");
	ap_assign(0, AP_DOMAIN, ap.domain[1], "AP-ASSIGN-01");
	ap_assign(0, AP_CONTROL, ap.domain[1], "AP-ASSIGN-08");
	ap_do(AP_OPEN, 0, 1, "AP-GUEST-02");
	ap_unassign(0, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-09");
}

/* ------------------------------------------------------------------- numbers */

static void beyond_the_maximum(void)
{
	for (enum ap_kind kind = AP_ADAPTER; kind <= AP_CONTROL; kind++) {
		uint64_t most =
			kind == AP_ADAPTER ? ap.model.host.max_adapter : ap.model.host.max_domain;
		const uint64_t numbers[] = { most + 1,	most + 2,  most + 256,	    1UL << 16,
					     1UL << 31, 1UL << 32, (1UL << 32) + 1, UINT64_MAX };

		/* Without the other kind neither can be reserved; both at once are not assigned */
		ap_assign(0, kind, most, "AP-ASSIGN-02");
		for (size_t i = 0; i < COUNT(numbers); i++) {
			ap_assign(0, kind, numbers[i], "AP-ASSIGN-02");
			ap_unassign(0, kind, numbers[i], "AP-ASSIGN-02");
		}
		ap_unassign(0, kind, most, "AP-ASSIGN-02");
	}
}

static const char *const files[] = { "assign_adapter",	      "unassign_adapter",
				     "assign_domain",	      "unassign_domain",
				     "assign_control_domain", "unassign_control_domain" };

/* A whole case: this text is refused, and nothing changes */
static void refused(const char *file, const char *text, int expected, const char *decides)
{
	char shown[60];
	const char *known;
	int err;

	if (ap.lost || !report_case())
		return;
	report_decided(decides);
	err = ap_write(ap_mdev_file(0, file), text);
	known = expected == ENODEV ? ap_known_number(text, err) : NULL;
	snprintf(shown, sizeof(shown), "'%.30s' to %s", text, file);
	if (known)
		report_deviation(known);
	else
		report_outcome(outcome_error(expected),
			       err ? outcome_error(err) : outcome_success(), shown);
	ap_look(false, decides);
}

static void longer_than_a_word(void)
{
	static char many[900];
	static const char *const texts[] = { "18446744073709551616", "0x10000000000000000",
					     "99999999999999999999999999", many };

	memset(many, '9', sizeof(many) - 1);
	for (size_t f = 0; f < COUNT(files); f++)
		for (size_t i = 0; i < COUNT(texts); i++)
			refused(files[f], texts[i], ENODEV, "AP-ASSIGN-02");
}

static void not_numbers(void)
{
	static char many[900];
	static const char *const texts[] = { "hugo", "",    " ",   "-1",  "0x", "5 6",	"5,6", "+",
					     "1e3",  "0xg", "5.0", "--5", "5h", "0b11", many };

	memset(many, 'x', sizeof(many) - 1);
	for (size_t f = 0; f < COUNT(files); f++)
		for (size_t i = 0; i < COUNT(texts); i++)
			refused(files[f], texts[i], EINVAL, "AP-ASSIGN-03");
}

/* ------------------------------------------------------ what others have, or nobody */

/* A queue of the default drivers, by an adapter and by a domain, and beside queues that are not */
static void of_default_drivers(void)
{
	char text[60];

	snprintf(text, sizeof(text), "+%u", ap.adapter[1]);
	ap_edit(AP_ADAPTER, text, "AP-ASSIGN-05");
	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-05");
	ap_assign(0, AP_ADAPTER, ap.adapter[1], "AP-ASSIGN-05");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-ASSIGN-05 AP-ASSIGN-07");
	ap_unassign(0, AP_ADAPTER, ap.adapter[1], "AP-ASSIGN-05");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-ASSIGN-05");
	ap_assign(0, AP_ADAPTER, ap.adapter[1], "AP-ASSIGN-05 AP-ASSIGN-07");
	/* A domain that the masks give away frees its queues of all adapters */
	snprintf(text, sizeof(text), "-%u", ap.domain[0]);
	ap_edit(AP_DOMAIN, text, "AP-ASSIGN-05");
	ap_assign(0, AP_ADAPTER, ap.adapter[1], "AP-ASSIGN-05");
	ap_assign(0, AP_DOMAIN, ap.domain[1], "AP-ASSIGN-05 AP-ASSIGN-07");
	snprintf(text, sizeof(text), "-%u", ap.adapter[1]);
	ap_edit(AP_ADAPTER, text, "AP-ASSIGN-05");
	ap_assign(0, AP_DOMAIN, ap.domain[1], "AP-ASSIGN-05");
}

static unsigned int absent(const struct ap_mask *mask)
{
	unsigned int n = 1;

	while (ap_has(mask, n))
		n++;
	return n;
}

static void not_there(void)
{
	unsigned int adapter = absent(&ap.model.host.config.adapters);
	unsigned int domain = absent(&ap.model.host.config.domains);
	char text[60];

	ap_assign(0, AP_ADAPTER, ap.adapter[0], "AP-ASSIGN-11");
	ap_assign(0, AP_DOMAIN, ap.domain[0], "AP-ASSIGN-11");
	ap_assign(0, AP_DOMAIN, domain, "AP-ASSIGN-11");
	ap_assign(0, AP_ADAPTER, adapter, "AP-ASSIGN-05");
	snprintf(text, sizeof(text), "-%u", adapter);
	ap_edit(AP_ADAPTER, text, "AP-ASSIGN-11");
	ap_assign(0, AP_ADAPTER, adapter, "AP-ASSIGN-11");
	ap_do(AP_OPEN, 0, 1, "AP-ASSIGN-11");
	ap_unassign(0, AP_DOMAIN, domain, "AP-ASSIGN-11");
	ap_assign(0, AP_DOMAIN, domain, "AP-ASSIGN-11");
	ap_unassign(0, AP_ADAPTER, adapter, "AP-ASSIGN-11");
	ap_assign(0, AP_ADAPTER, adapter, "AP-ASSIGN-11");
}

static const struct line lines[] = {
	{ "adapters, domains and control domains are assigned, and taken away again",
	  "AP-ASSIGN-01 AP-ASSIGN-04 AP-ASSIGN-08 AP-ASSIGN-09", assigned },
	{ "the same while a guest has the device, and after it",
	  "AP-ASSIGN-01 AP-ASSIGN-04 AP-ASSIGN-08 AP-ASSIGN-09 AP-GUEST-02", assigned_in_use },
	{ "a number beyond the maximum is ENODEV", "AP-ASSIGN-02", beyond_the_maximum },
	{ "so is one of more than 64 bits", "AP-ASSIGN-02", longer_than_a_word },
	{ "what is not a number is EINVAL (observed)", "AP-ASSIGN-03", not_numbers },
	{ "queues that the masks reserve for the default drivers cannot be assigned",
	  "AP-ASSIGN-05 AP-ASSIGN-07", of_default_drivers },
	{ "adapters and domains that the host does not have can be assigned",
	  "AP-ASSIGN-05 AP-ASSIGN-11", not_there },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
