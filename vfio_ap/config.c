// SPDX-License-Identifier: GPL-2.0-only
/*
 * ap_config: a device's adapters, domains and control domains in one shot.
 *
 * vfio-ap.rst, "ap_config"; clauses AP-CONFIG. How it is seen: every file and guest after each
 * write. What is refused must leave all three masks as they were, also where the first one
 * alone could have been set; what is taken must not reset a queue that stays with its guest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ap/deviation.h"
#include "s390x/ap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ONES "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define ZEROS "0x0000000000000000000000000000000000000000000000000000000000000000"

/* Bits are indices of spare adapters and domains */
static struct ap_matrix matrix_of(unsigned int adapters, unsigned int domains,
				  unsigned int controls)
{
	struct ap_matrix m = { 0 };

	for (unsigned int i = 0; i < AP_SPARE; i++) {
		if (i < ap.adapters && adapters >> i & 1)
			ap_put(&m.adapters, ap.adapter[i], true);
		if (i < ap.domains && domains >> i & 1)
			ap_put(&m.domains, ap.domain[i], true);
		if (i < ap.domains && controls >> i & 1)
			ap_put(&m.controls, ap.domain[i], true);
	}
	return m;
}

static void put(unsigned int mdev, struct ap_matrix m, const char *decides)
{
	ap_case(&(struct ap_step){ .deed = AP_CONFIG, .mdev = mdev, .matrix = &m }, decides);
}

static bool need_config(void)
{
	if (!ap.has_config)
		report_skip(SKIP_CAPABILITY, "ap_config of a device");
	return ap.has_config;
}

static void replace(void)
{
	put(0, matrix_of(1, 1, 1), "AP-CONFIG-02");
	put(0, matrix_of(2, 1, 2), "AP-CONFIG-02");
	put(0, matrix_of(3, 3, 0), "AP-CONFIG-02");
	put(0, matrix_of(3, 3, 0), "AP-CONFIG-01");
	put(0, matrix_of(4, 0, 3), "AP-CONFIG-02");
	put(0, matrix_of(0, 3, 3), "AP-CONFIG-02");
	put(0, matrix_of(6, 2, 1), "AP-CONFIG-02");
	put(0, ap.model.mdev[0].matrix, "AP-CONFIG-01");
	put(0, matrix_of(0, 0, 0), "AP-CONFIG-02");
}

static void replaced(void)
{
	if (need_config())
		replace();
}

static void replaced_in_use(void)
{
	if (!need_config())
		return;
	ap_do(AP_OPEN, 0, 1, "AP-CONFIG-02");
	replace();
}

static void not_possible(void)
{
	struct ap_matrix absent;
	char text[20];

	if (!need_config())
		return;
	ap_do(AP_CREATE, 1, 0, "AP-CONFIG-03");
	put(0, matrix_of(1, 3, 1), "AP-CONFIG-02");
	put(1, matrix_of(2, 3, 1), "AP-CONFIG-02");
	put(1, matrix_of(3, 1, 2), "AP-CONFIG-03");
	put(0, matrix_of(3, 2, 2), "AP-CONFIG-03");
	snprintf(text, sizeof(text), "+%u", ap.adapter[2]);
	ap_edit(AP_ADAPTER, text, "AP-CONFIG-03");
	put(0, matrix_of(4, 0, 2), "AP-CONFIG-02");
	put(0, matrix_of(4, 2, 2), "AP-CONFIG-03");
	put(0, matrix_of(5, 1, 0), "AP-CONFIG-03");
	absent = matrix_of(1, 1, 0);
	if (ap.model.host.max_adapter < AP_NUMBERS - 1) {
		ap_put(&absent.adapters, AP_NUMBERS - 1, true);
		put(0, absent, "AP-CONFIG-03");
	}
}

/* Texts that are not three masks */
static const char *const formats[] = {
	"",
	"hugo",
	ZEROS,
	ZEROS "," ZEROS,
	ZEROS "," ZEROS ",",
	ZEROS "," ZEROS "," ZEROS "0",
	ZEROS "," ZEROS "," ZEROS "," ZEROS,
	ZEROS "," ZEROS "," ZEROS "hugo",
	ZEROS ";" ZEROS ";" ZEROS,
	ZEROS "0," ZEROS "," ZEROS,
	"0x0g," ZEROS "," ZEROS,
	"+5,+4,+4",
	"0,0,0",
	ONES ONES "," ONES "," ONES,
};

static void no_three_masks(void)
{
	if (!need_config())
		return;
	put(0, matrix_of(1, 1, 1), "AP-CONFIG-02");
	for (size_t i = 0; i < COUNT(formats) && !ap.lost; i++) {
		char line[1000], shown[100];
		const char *known;
		int err;

		snprintf(line, sizeof(line), "%s\n", formats[i]);
		if (!report_case())
			continue;
		report_decided("AP-CONFIG-04");
		err = ap_write_bytes(ap_mdev_file(0, "ap_config"), line, strlen(line));
		known = ap_known_config(line, err);
		snprintf(shown, sizeof(shown), "'%.30s...' (%zu bytes)", formats[i], strlen(line));
		if (known) {
			report_deviation(known);
			ap.model.mdev[0].matrix = matrix_of(0, 0, 0);
			put(0, matrix_of(1, 1, 1), "AP-CONFIG-02");
		} else {
			report_outcome(outcome_error(EINVAL),
				       err ? outcome_error(err) : outcome_success(), shown);
		}
		ap_look(false, "AP-CONFIG-04");
	}
}

static const struct line lines[] = {
	{ "three masks replace what a device has, and can be written as they are read",
	  "AP-CONFIG-01 AP-CONFIG-02", replaced },
	{ "the same while a guest has it", "AP-CONFIG-01 AP-CONFIG-02", replaced_in_use },
	{ "what cannot be set is refused, and nothing changes", "AP-CONFIG-03", not_possible },
	{ "what is not three masks is EINVAL (observed)", "AP-CONFIG-04", no_three_masks },
};

int main(int argc, char **argv)
{
	ap_options(argc, argv, lines, COUNT(lines));
	report_around(ap_begin, ap_end);
	return report_run();
}
