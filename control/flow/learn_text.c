/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading learn(...): the rule that packets make. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "action_text.h"

struct learner {
	const struct hd_list *list;
	struct hd_scan scan;
	struct hd_learn *learn;
	uint32_t room;
	struct hd_match match; /* the new rule's, as far as it is known */
};

static struct hd_learn_spec *add_spec(struct learner *learner, enum hd_learn_kind kind)
{
	struct hd_learn *learn = learner->learn;

	if (learn->n_specs == learner->room) {
		uint32_t room = learner->room ? 2 * learner->room : 4;
		struct hd_learn *larger = realloc(learn, sizeof(*larger) + room * sizeof(learn->spec[0]));

		if (!larger)
			return NULL;
		learner->learn = learn = larger;
		learner->room = room;
	}
	memset(&learn->spec[learn->n_specs], 0, sizeof(learn->spec[0]));
	learn->spec[learn->n_specs].kind = kind;
	return &learn->spec[learn->n_specs++];
}

/* vlan_vid's bits are vlan_tci's, which needs no tag in the match to be matched. */
static void as_tci(struct hd_subfield *sub)
{
	if (sub->field != HD_FIELD_VLAN_VID && sub->field != HD_FIELD_VLAN_PCP)
		return;
	sub->ofs += hd_fields[sub->field].shift;
	sub->field = HD_FIELD_VLAN_TCI;
}

static uint16_t port_field(uint16_t field, const struct hd_match *match)
{
	struct hd_list list = {.match = match};
	struct hd_flow_error ignored;
	struct hd_scan scan = {.text = "", .error = &ignored};

	hd_list_check(&list, &scan, scan.text, &field, false);
	return field;
}

/* What the new rule matches so far must have the field. */
static int check_new(const struct learner *learner, const char *where, struct hd_subfield *dst, bool write)
{
	const struct hd_field *f = &hd_fields[dst->field];

	if (!hd_field_prereq_met((enum hd_field_id)dst->field, &learner->match))
		return hd_scan_fail(&learner->scan, where, "%s needs %s in what is learnt, before it", f->name,
				    hd_prereq_text(f->prereq));
	dst->field = port_field(dst->field, &learner->match);
	if (!write)
		return 0;
	if (!f->writable || dst->field == HD_FIELD_CT_MARK || dst->field == HD_FIELD_CT_LABEL)
		return hd_scan_fail(&learner->scan, where, "%s can't be changed", f->name);
	return 0;
}

static void know(struct learner *learner, const struct hd_subfield *dst, hd_u128 value)
{
	hd_subfield_set(&learner->match.key, dst, value);
	hd_subfield_set(&learner->match.mask, dst, ~(hd_u128)0);
}

/* The source's value is known if the flow matches it exactly. */
static void know_source(struct learner *learner, const struct hd_subfield *src, const struct hd_subfield *dst)
{
	const struct hd_match *match = learner->list->match;
	hd_u128 ones = src->n_bits >= 128 ? ~(hd_u128)0 : ((hd_u128)1 << src->n_bits) - 1;

	if (match && hd_subfield_get(&match->mask, src) == ones)
		know(learner, dst, hd_subfield_get(&match->key, src));
}

static int add_field_match(struct learner *learner, const struct hd_subfield *dst, const struct hd_subfield *src)
{
	struct hd_learn_spec *spec = add_spec(learner, HD_LEARN_MATCH_FIELD);

	if (!spec)
		return -ENOMEM;
	spec->dst = *dst;
	spec->src = *src;
	know_source(learner, src, dst);
	return 0;
}

/* dl_vlan and vlan_vid with a value say that there is a tag as well, as in a match. */
static int scan_vid(const struct learner *learner, const struct hd_term *term, struct hd_subfield *dst, hd_u128 *value)
{
	bool dl = term->name.text[0] == 'd';
	uint64_t vid = 0;
	hd_u128 number;

	*dst = (struct hd_subfield){HD_FIELD_VLAN_TCI, 0, 13};
	*value = 0;
	if (dl && hd_word_number(term->value, &number) && number == 0xffff)
		return 0;
	if (hd_scan_number(&learner->scan, term->value, dl ? "dl_vlan" : "vlan_vid", 0, dl ? 4095 : 0x1fff, &vid) < 0)
		return -EINVAL;
	*value = vid | (dl ? HD_KEY_VLAN_PRESENT : 0);
	return 0;
}

static int scan_value(const struct learner *learner, struct hd_word word, const struct hd_subfield *dst, hd_u128 *value)
{
	hd_u128 mask, most = hd_field_mask((enum hd_field_id)dst->field);

	if (dst->n_bits == hd_fields[dst->field].bits && !hd_word_number(word, value)) {
		if (hd_scan_value(&learner->scan, (enum hd_field_id)dst->field, word, value, &mask) < 0)
			return -EINVAL;
		return mask == most ? 0 : hd_scan_fail(&learner->scan, word.text, "learn matches no masks");
	}
	if (!hd_word_number(word, value) || *value > most >> (hd_fields[dst->field].bits - dst->n_bits))
		return hd_scan_fail(&learner->scan, word.text, "%.*s is not a number of %u bits", HD_WORD(word),
				    dst->n_bits);
	return 0;
}

static int add_value_match(struct learner *learner, const struct hd_term *term, struct hd_subfield *dst)
{
	struct hd_learn_spec *spec;
	hd_u128 value;
	int ret;

	if (dst->field == HD_FIELD_VLAN_VID && dst->n_bits == 12)
		ret = scan_vid(learner, term, dst, &value);
	else
		ret = scan_value(learner, term->value, dst, &value);
	if (ret < 0)
		return ret;
	as_tci(dst);
	if (check_new(learner, term->name.text, dst, false) < 0)
		return -EINVAL;
	spec = add_spec(learner, HD_LEARN_MATCH_VALUE);
	if (!spec)
		return -ENOMEM;
	spec->dst = *dst;
	spec->value = value;
	know(learner, dst, value);
	return 0;
}

static bool is_field(struct hd_word word)
{
	struct hd_word name, rest;

	hd_word_split(word, "[", &name, &rest);
	return hd_field_find(name.text, name.length) >= 0;
}

/* FIELD[a..b], FIELD[a..b]=FIELD[c..d] or FIELD=VALUE */
static int read_match(struct learner *learner, const struct hd_term *term)
{
	bool alone = term->form == 0;
	struct hd_subfield dst, src;

	if (hd_scan_subfield(&learner->scan, term->name, true, &dst) < 0)
		return -EINVAL;
	if (!alone && term->form != '=')
		return hd_scan_fail(&learner->scan, term->name.text, "learn: FIELD, FIELD=FIELD or FIELD=VALUE");
	if (!alone && !is_field(term->value))
		return add_value_match(learner, term, &dst);
	if (hd_list_source(learner->list, &learner->scan, alone ? term->name : term->value, true, &src) < 0)
		return -EINVAL;
	as_tci(&dst);
	if (check_new(learner, term->name.text, &dst, false) < 0)
		return -EINVAL;
	if (src.n_bits != dst.n_bits)
		return hd_scan_fail(&learner->scan, term->value.text, "%u bits are not matched by %u", dst.n_bits,
				    src.n_bits);
	return add_field_match(learner, &dst, &src);
}

/* load:VALUE->FIELD[a..b] or load:FIELD[c..d]->FIELD[a..b] */
static int read_load(struct learner *learner, struct hd_word word)
{
	struct hd_learn_spec *spec;
	struct hd_subfield src = {0}, dst;
	struct hd_word from, to;
	hd_u128 value = 0;
	bool field;

	if (!hd_word_split(word, "->", &from, &to))
		return hd_scan_fail(&learner->scan, word.text, "-> is missing");
	if (hd_scan_subfield(&learner->scan, to, true, &dst) < 0)
		return -EINVAL;
	field = is_field(from);
	if (field ? hd_list_source(learner->list, &learner->scan, from, true, &src) < 0
		  : scan_value(learner, from, &dst, &value) < 0)
		return -EINVAL;
	if (field && src.n_bits != dst.n_bits)
		return hd_scan_fail(&learner->scan, to.text, "%u bits do not go into %u", src.n_bits, dst.n_bits);
	if (check_new(learner, to.text, &dst, true) < 0)
		return -EINVAL;
	spec = add_spec(learner, field ? HD_LEARN_LOAD_FIELD : HD_LEARN_LOAD_VALUE);
	if (!spec)
		return -ENOMEM;
	spec->src = src;
	spec->dst = dst;
	spec->value = value;
	return 0;
}

static int read_output(struct learner *learner, struct hd_word word)
{
	struct hd_learn_spec *spec;
	struct hd_subfield src;

	if (hd_list_source(learner->list, &learner->scan, word, true, &src) < 0)
		return -EINVAL;
	spec = add_spec(learner, HD_LEARN_OUTPUT);
	if (!spec)
		return -ENOMEM;
	spec->src = src;
	return 0;
}

static const struct {
	const char *name;
	uint64_t max;
} numbers[] = {
	{"table", HD_TABLES - 1},     {"priority", UINT16_MAX}, {"idle_timeout", UINT16_MAX},
	{"hard_timeout", UINT16_MAX}, {"cookie", UINT64_MAX},   {"limit", UINT32_MAX},
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* 1 if it is none of the options. */
static int read_option(struct learner *learner, const struct hd_term *term)
{
	struct hd_learn *learn = learner->learn;
	uint64_t value = 0;
	size_t i = 0;

	while (i < NUMBERS && !hd_word_is(term->name, numbers[i].name))
		i++;
	if (i == NUMBERS)
		return 1;
	if (hd_scan_number(&learner->scan, term->value, numbers[i].name, 0, numbers[i].max, &value) < 0)
		return -EINVAL;
	switch (i) {
	case 0:
		learn->table = (uint8_t)value;
		break;
	case 1:
		learn->priority = (uint16_t)value;
		break;
	case 2:
		learn->idle_timeout = (uint16_t)value;
		break;
	case 3:
		learn->hard_timeout = (uint16_t)value;
		break;
	case 4:
		learn->cookie = value;
		break;
	default:
		learn->limit = (uint32_t)value;
	}
	return 0;
}

static int read_one(struct learner *learner, const struct hd_term *term)
{
	int ret = read_option(learner, term);

	if (ret <= 0)
		return ret;
	if (hd_word_is(term->name, "delete_learned") && term->form == 0) {
		learner->learn->delete_learned = true;
		return 0;
	}
	if (hd_word_is(term->name, "send_flow_rem") && term->form == 0)
		return 0;
	if (hd_word_is(term->name, "fin_idle_timeout") || hd_word_is(term->name, "fin_hard_timeout") ||
	    hd_word_is(term->name, "result_dst"))
		return hd_scan_fail(&learner->scan, term->name.text, "learn's %.*s is not supported",
				    HD_WORD(term->name));
	if (hd_word_is(term->name, "load") && term->form == ':')
		return read_load(learner, term->value);
	if (hd_word_is(term->name, "output") && term->form == ':')
		return read_output(learner, term->value);
	return read_match(learner, term);
}

static int read_all(struct learner *learner)
{
	struct hd_term term;
	int ret;

	while ((ret = hd_scan_term(&learner->scan, &term)) > 0) {
		ret = read_one(learner, &term);
		if (ret < 0)
			return ret;
		if (learner->learn->n_specs > HD_LEARN_SPECS_MAX)
			return hd_scan_fail(&learner->scan, term.name.text, "learn matches and does at most %d things",
					    HD_LEARN_SPECS_MAX);
	}
	return ret;
}

int hd_read_learn(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct learner learner = {.list = list, .scan = hd_scan_part(scan, term->value)};
	struct hd_action *action;
	int ret = -ENOMEM;

	learner.learn = calloc(1, sizeof(*learner.learn));
	if (!learner.learn)
		return -ENOMEM;
	learner.learn->table = 1;
	learner.learn->priority = 32768;
	ret = read_all(&learner);
	if (ret < 0)
		goto err_free;
	action = hd_list_add(list, HD_ACT_LEARN);
	if (!action) {
		ret = -ENOMEM;
		goto err_free;
	}
	action->learn = learner.learn;
	return 0;

err_free:
	free(learner.learn);
	return ret;
}
