/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading and writing meters. */
#include <errno.h>

#include "scan.h"

struct reader {
	struct hd_scan scan;
	struct hd_meter_conf *conf;
	unsigned int seen; /* enum word */
};

enum word { METER, KBPS, PKTPS, BURST, STATS, BAND, BANDS, TYPE, RATE, BURST_SIZE, WORDS };

static const struct {
	const char *name;
	bool value;
} words[WORDS] = {
	[METER] = {"meter", true},           [KBPS] = {"kbps", false},   [PKTPS] = {"pktps", false},
	[BURST] = {"burst", false},          [STATS] = {"stats", false}, [BAND] = {"band", true},
	[BANDS] = {"bands", true},           [TYPE] = {"type", true},    [RATE] = {"rate", true},
	[BURST_SIZE] = {"burst_size", true},
};

static int read_number(struct reader *reader, const struct hd_term *term, enum word word, uint32_t *number)
{
	uint64_t max = word == METER ? HD_METER_ID_MAX : HD_METER_RATE_MAX, value;

	if (hd_scan_number(&reader->scan, term->value, words[word].name, word != BURST_SIZE, max, &value) < 0)
		return -EINVAL;
	*number = (uint32_t)value;
	return 0;
}

static int read_word(struct reader *reader, const struct hd_term *term, enum word word)
{
	switch (word) {
	case METER:
		return read_number(reader, term, word, &reader->conf->id);
	case RATE:
		return read_number(reader, term, word, &reader->conf->rate);
	case BURST_SIZE:
		return read_number(reader, term, word, &reader->conf->burst);
	case PKTPS:
		reader->conf->packets = true;
		return 0;
	case BAND:
	case BANDS:
		reader->scan.at = term->value.text; /* "band=type=drop" */
		return 0;
	case TYPE:
		if (!hd_word_is(term->value, "drop"))
			return hd_scan_fail(&reader->scan, term->value.text, "bands of type %.*s are not supported",
					    HD_WORD(term->value));
		return 0;
	default:
		return 0;
	}
}

static int read_one(struct reader *reader, const struct hd_term *term)
{
	unsigned int i = 0;

	while (i < WORDS && !hd_word_is(term->name, words[i].name))
		i++;
	if (i == WORDS)
		return hd_scan_fail(&reader->scan, term->name.text, "meters have no %.*s", HD_WORD(term->name));
	if (words[i].value != (term->form == '=' || term->form == ':'))
		return hd_scan_fail(&reader->scan, term->name.text, "%s takes %s", words[i].name,
				    words[i].value ? "a value" : "no value");
	if (reader->seen >> i & 1)
		return hd_scan_fail(&reader->scan, term->name.text, "%s is given twice%s", words[i].name,
				    i == METER ? "" : ": a meter has one band");
	reader->seen |= 1u << i;
	return read_word(reader, term, (enum word)i);
}

static int check(const struct reader *reader)
{
	if (!(reader->seen >> METER & 1))
		return hd_scan_fail(&reader->scan, reader->scan.end, "meter= is missing");
	if ((reader->seen >> KBPS & 1) && (reader->seen >> PKTPS & 1))
		return hd_scan_fail(&reader->scan, reader->scan.end, "kbps or pktps, not both");
	if (!(reader->seen >> TYPE & 1) || !(reader->seen >> RATE & 1))
		return hd_scan_fail(&reader->scan, reader->scan.end, "a band is missing: band=type=drop,rate=RATE");
	return 0;
}

int hd_flow_parse_meter(const char *text, size_t length, struct hd_meter_conf *conf, struct hd_flow_error *error)
{
	struct reader reader = {.scan = {text, text, text + length, NULL, error}, .conf = conf};
	struct hd_term term;
	int ret;

	*conf = (struct hd_meter_conf){0};
	if (length > HD_FLOW_TEXT_MAX)
		return hd_scan_fail(&reader.scan, text + HD_FLOW_TEXT_MAX, "longer than %u bytes", HD_FLOW_TEXT_MAX);
	while ((ret = hd_scan_term(&reader.scan, &term)) > 0) {
		ret = read_one(&reader, &term);
		if (ret < 0)
			return ret;
	}
	return ret < 0 ? ret : check(&reader);
}

void hd_flow_format_meter(struct hd_text *text, const struct hd_meter_conf *conf)
{
	hd_text_add(text, "meter=%u,%s", conf->id, conf->packets ? "pktps" : "kbps");
	if (conf->burst)
		hd_text_add(text, ",burst");
	hd_text_add(text, ",band=type=drop,rate=%u", conf->rate);
	if (conf->burst)
		hd_text_add(text, ",burst_size=%u", conf->burst);
}
