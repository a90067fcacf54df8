// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps as cases of a test: see s390x/ap.h.
 */
#include <errno.h>
#include <string.h>

#include "ap/deviation.h"
#include "s390x/ap.h"

static bool is_expected(const struct ap_step *s, const struct ap_came *came)
{
	/* That a device in use cannot be removed is documented, and not with which error */
	if (s->deed == AP_REMOVE && came->expected.err)
		return came->err;
	return came->err == came->expected.err || came->err == came->expected.or ;
}

static const char *answer_text(struct ap_answer a, char *text)
{
	char other[OUTCOME_TEXT];

	outcome_text(a.err ? outcome_error(a.err) : outcome_success(), text);
	if (a.or != a.err) {
		strcat(text, " or ");
		strcat(text, outcome_text(outcome_error(a.or), other));
	}
	return text;
}

static bool fail(const char *clause, const char *request, const char *expected,
		 const char *observed)
{
	ap.lost = true;
	report_fail(&(struct finding){ .clause = clause,
				       .request = request,
				       .expected = expected,
				       .observed = observed,
				       .offset = -1 });
	return false;
}

static bool judge(const struct ap_model *before, const struct ap_step *s, bool all)
{
	struct ap_wrong wrong;
	char words[AP_WORDS];

	if (ap_judge(before, s, all, &wrong))
		return true;
	if (wrong.fault) {
		report_fault(wrong.fault);
		ap.lost = !wrong.in_step;
		return false;
	}
	return fail(wrong.clause, s ? ap_words(s, words) : "a look at everything", wrong.expected,
		    wrong.observed);
}

bool ap_case(const struct ap_step *s, const char *decides)
{
	static struct ap_model before;
	char words[AP_WORDS], expected[2 * OUTCOME_TEXT + 4], observed[OUTCOME_TEXT];
	struct ap_came came;
	bool begun;

	if (ap.lost)
		return false;
	before = ap.model;
	begun = report_case();
	came = ap_take(s);
	if (!begun)
		return true;
	report_decided(decides);
	if (!is_expected(s, &came)) {
		const char *known = ap_known_answer(&before, s, &came);

		if (!known)
			return fail(
				NULL, ap_words(s, words), answer_text(came.expected, expected),
				outcome_text(came.err ? outcome_error(came.err) : outcome_success(),
					     observed));
		report_deviation(known);
	}
	return judge(&before, s, false);
}

bool ap_look(bool all, const char *decides)
{
	if (ap.lost || !report_case())
		return !ap.lost;
	report_decided(decides);
	return judge(NULL, NULL, all);
}

bool ap_assign(unsigned int mdev, enum ap_kind kind, uint64_t number, const char *decides)
{
	return ap_case(
		&(struct ap_step){
			.deed = AP_ASSIGN, .mdev = mdev, .kind = kind, .number = number },
		decides);
}

bool ap_unassign(unsigned int mdev, enum ap_kind kind, uint64_t number, const char *decides)
{
	return ap_case(
		&(struct ap_step){
			.deed = AP_UNASSIGN, .mdev = mdev, .kind = kind, .number = number },
		decides);
}

bool ap_edit(enum ap_kind kind, const char *text, const char *decides)
{
	return ap_case(&(struct ap_step){ .deed = AP_EDIT, .kind = kind, .text = text }, decides);
}

bool ap_do(enum ap_deed deed, unsigned int mdev, uint64_t number, const char *decides)
{
	return ap_case(&(struct ap_step){ .deed = deed, .mdev = mdev, .number = number }, decides);
}

bool ap_host(const struct ap_host *host, const char *decides)
{
	return ap_case(&(struct ap_step){ .deed = AP_HOST, .host = host }, decides);
}
