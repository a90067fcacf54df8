// SPDX-License-Identifier: QPL-1.0 OR GPL-2.0-only
/*
 * From a text to the machine's crypto cards. A line is a word and its values; whatever is
 * not understood is told, since a test would otherwise judge another machine than it asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "description.h"

#define BLANKS " \t\r"
#define VALUES 4

struct reader {
	struct ap_description *d;
	ap_say *say;
	char *value[VALUES + 1]; /* of the line, NULL after the last */
	bool control;		 /* control domains were named */
};

void ap_no_cards(struct ap_description *d)
{
	memset(d, 0, sizeof(*d));
	d->max_ap = d->max_domain = AP_IDS - 1;
	d->apxa = true;
}

static void mask_set(uint8_t mask[AP_MASK], unsigned int n)
{
	mask[n / 8] |= 0x80 >> n % 8;
}

/* A whole number from 0 to @max at the head of @text; what follows it, or NULL */
static char *number_at(char *text, int base, unsigned long max, unsigned int *n)
{
	unsigned long value;
	char *end;

	if (*text < '0' || (*text > '9' && (base != 16 || *text < 'A')))
		return NULL;
	/* A leading 0 is no octal number */
	if (!base && strncasecmp(text, "0x", 2))
		base = 10;
	value = strtoul(text, &end, base);
	*n = value;
	return end == text || value > max ? NULL : end;
}

static bool number(char *text, unsigned int max, unsigned int *n)
{
	char *end = text ? number_at(text, 0, max, n) : NULL;

	return end && !*end;
}

/* 4,6,10-12 */
static bool list(char *text, uint8_t mask[AP_MASK])
{
	unsigned int from, to;

	memset(mask, 0, AP_MASK);
	while (text && *text) {
		text = number_at(text, 0, AP_IDS - 1, &from);
		to = from;
		if (text && *text == '-')
			text = number_at(text + 1, 0, AP_IDS - 1, &to);
		if (!text || to < from || (*text && *text != ','))
			return false;
		while (from <= to)
			mask_set(mask, from++);
		if (*text == ',' && !*++text)
			return false;
	}
	return true;
}

static bool read_max(struct reader *r)
{
	unsigned int ap, domain;

	if (!number(r->value[0], AP_IDS - 1, &ap) || !number(r->value[1], AP_IDS - 1, &domain) ||
	    r->value[2])
		return false;
	r->d->max_ap = ap;
	r->d->max_domain = domain;
	return true;
}

static bool read_card(struct reader *r)
{
	static const struct {
		const char *word;
		uint8_t code;
	} types[] = { { "cex3", 9 },  { "cex4", 10 }, { "cex5", 11 },
		      { "cex6", 12 }, { "cex7", 13 }, { "cex8", 14 } },
	  modes[] = { { "cca", AP_CCA }, { "accel", AP_ACCEL }, { "ep11", AP_EP11 } },
	  states[] = { { "off", AP_DECONFIGURED }, { "chkstop", AP_CHECKSTOPPED } };
	struct ap_card card = { 0 };
	unsigned int id;

	if (!number(r->value[0], AP_IDS - 1, &id) || !r->value[1] || !r->value[2])
		return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(r->value[1], types[i].word))
			card.type = types[i].code;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(r->value[2], modes[i].word))
			card.mode = modes[i].code;
	for (size_t i = 0; r->value[3] && i < sizeof(states) / sizeof(*states); i++)
		if (!strcmp(r->value[3], states[i].word))
			card.rc = states[i].code;
	if (!card.type || !card.mode || (r->value[3] && !card.rc) || ap_mask_has(r->d->apm, id))
		return false;
	r->d->card[id] = card;
	mask_set(r->d->apm, id);
	return true;
}

static bool read_domains(struct reader *r)
{
	return list(r->value[0], r->d->aqm) && !r->value[1];
}

static bool read_cdomains(struct reader *r)
{
	r->control = true;
	return list(r->value[0], r->d->adm) && !r->value[1];
}

/* 04.0006 */
static bool queue(char *text, unsigned int *qid)
{
	unsigned int card, domain;
	char *end = text ? number_at(text, 16, AP_IDS - 1, &card) : NULL;

	if (!end || *end != '.')
		return false;
	end = number_at(end + 1, 16, AP_IDS - 1, &domain);
	*qid = card * AP_IDS + domain;
	return end && !*end;
}

static bool read_rc(struct reader *r)
{
	unsigned int qid, rc;
	char *end;

	if (!queue(r->value[0], &qid) || !r->value[1] || r->value[2])
		return false;
	end = number_at(r->value[1], 16, 0xff, &rc);
	if (!end || *end)
		return false;
	r->d->rc[qid] = rc;
	return true;
}

static bool read_irq(struct reader *r)
{
	unsigned int qid;

	if (!queue(r->value[0], &qid) || r->value[1])
		return false;
	r->d->interrupt[qid] = true;
	return true;
}

static bool read_busy(struct reader *r)
{
	return number(r->value[0], 1000000, &r->d->busy) && !r->value[1];
}

static bool read_noapxa(struct reader *r)
{
	r->d->apxa = false;
	return !r->value[0];
}

static bool read_rawqci(struct reader *r)
{
	r->d->raw_qci = true;
	return !r->value[0];
}

static bool read_trace(struct reader *r)
{
	r->d->trace = r->value[0] ? AP_TRACE_NEW : AP_TRACE_ON;
	return !r->value[0] || (!strcmp(r->value[0], "new") && !r->value[1]);
}

static const struct {
	const char *word;
	bool (*read)(struct reader *r);
} words[] = {
	{ "max", read_max },	       { "card", read_card },	  { "domains", read_domains },
	{ "cdomains", read_cdomains }, { "rc", read_rc },	  { "busy", read_busy },
	{ "noapxa", read_noapxa },     { "rawqci", read_rawqci }, { "trace", read_trace },
	{ "irq", read_irq },
};

static void read_line(struct reader *r, const char *word, char *rest)
{
	char *value, *place;
	size_t n = 0;

	memset(r->value, 0, sizeof(r->value));
	while ((value = strtok_r(rest, BLANKS, &place)) && n < VALUES) {
		r->value[n++] = value;
		rest = NULL;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(word, words[i].word))
			continue;
		if (value || !words[i].read(r))
			r->say("error: values of %s %s", word, r->value[0] ? r->value[0] : "");
		return;
	}
	r->say("error: unknown word %s", word);
}

/* What lies beyond the machine's highest numbers is not there */
static void check_mask(struct reader *r, const char *what, uint8_t mask[AP_MASK], unsigned int max)
{
	for (unsigned int n = max + 1; n < AP_IDS; n++) {
		if (!ap_mask_has(mask, n))
			continue;
		mask[n / 8] &= ~(0x80 >> n % 8);
		r->say("error: %s %u is above %u", what, n, max);
	}
}

static bool ends(const char *text)
{
	const char *last = text + strlen(text);

	while (last > text && strchr(BLANKS "\n", last[-1]))
		last--;
	return last - text >= 3 && !strncmp(last - 3, "end", 3) &&
	       (last - 3 == text || strchr(BLANKS "\n", last[-4]));
}

bool ap_describe(struct ap_description *d, char *text, ap_say *say)
{
	struct reader r = { .d = d, .say = say };
	char *line, *lines, *word, *rest;

	if (!ends(text))
		return false;
	ap_no_cards(d);
	for (; (line = strtok_r(text, "\n", &lines)); text = NULL) {
		line[strcspn(line, "#")] = 0;
		word = strtok_r(line, BLANKS, &rest);
		if (word && strcmp(word, "end"))
			read_line(&r, word, rest);
	}
	if (!r.control)
		memcpy(d->adm, d->aqm, AP_MASK);
	if (!d->apxa) {
		d->max_ap = d->max_ap > 63 ? 63 : d->max_ap;
		d->max_domain = d->max_domain > 15 ? 15 : d->max_domain;
	}
	check_mask(&r, "card", d->apm, d->max_ap);
	check_mask(&r, "domain", d->aqm, d->max_domain);
	check_mask(&r, "control domain", d->adm, d->max_domain);
	return true;
}

enum ap_rc ap_queue_rc(const struct ap_description *d, unsigned int qid)
{
	if (!ap_mask_has(d->apm, qid / AP_IDS) || !ap_mask_has(d->aqm, qid % AP_IDS))
		return AP_NOT_AVAILABLE;
	return d->rc[qid] ? d->rc[qid] : d->card[qid / AP_IDS].rc;
}
