/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns how rules and masks are shown. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "flow_show.h"

static double seconds_since(uint64_t then, uint64_t now)
{
	return now > then ? (double)(now - then) / (double)rte_get_tsc_hz() : 0;
}

static json_t *text_json(struct hd_text *text)
{
	json_t *value = text->length > 0 && !text->failed ? json_stringn(text->data, text->length) : json_string("");

	hd_text_clear(text);
	return value;
}

static void set_optional(json_t *out, const json_t *value, const char *key, bool wanted)
{
	if (wanted)
		json_object_set(out, key, (json_t *)value);
	json_decref((json_t *)value);
}

json_t *hd_flow_show_rule(const struct hd_tables *tables, const struct hd_rule *rule, const struct hd_flow_names *names)
{
	const struct hd_rule_spec *spec = &rule->spec;
	uint64_t now = rte_rdtsc();
	struct hd_rule_stats stats;
	struct hd_text text = {0};
	json_t *out;

	hd_tables_stats(tables, rule, &stats);
	out = json_pack("{s:i, s:i, s:o, s:I, s:I, s:f, s:f}", "table", spec->table, "priority", spec->priority,
			"cookie", json_sprintf("0x%" PRIx64, spec->cookie), "packets", (json_int_t)stats.packets,
			"bytes", (json_int_t)stats.bytes, "age", seconds_since(rule->created, now), "idle",
			seconds_since(stats.used != 0 ? stats.used : rule->created, now));
	set_optional(out, json_integer(spec->idle_timeout), "idle_timeout", spec->idle_timeout != 0);
	set_optional(out, json_integer(spec->hard_timeout), "hard_timeout", spec->hard_timeout != 0);
	set_optional(out, json_true(), "hidden", spec->hidden);
	hd_flow_format_match(&text, &spec->match, names);
	json_object_set_new(out, "match", text_json(&text));
	hd_flow_format_actions(&text, spec->actions, names);
	json_object_set_new(out, "actions", text_json(&text));
	free(text.data);
	return out;
}

/* The fields that cover a key, each bit once. */
static const enum hd_field_id shown[] = {
	HD_FIELD_IN_PORT,   HD_FIELD_ETH_SRC,    HD_FIELD_ETH_DST,  HD_FIELD_ETH_TYPE,  HD_FIELD_VLAN_TCI,
	HD_FIELD_VLAN_TCI2, HD_FIELD_IPV4_SRC,   HD_FIELD_IPV4_DST, HD_FIELD_IPV6_SRC,  HD_FIELD_IPV6_DST,
	HD_FIELD_IP_PROTO,  HD_FIELD_IPV6_LABEL, HD_FIELD_IP_DSCP,  HD_FIELD_IP_ECN,    HD_FIELD_IP_TTL,
	HD_FIELD_IP_FRAG,   HD_FIELD_TP_SRC,     HD_FIELD_TP_DST,   HD_FIELD_TCP_FLAGS, HD_FIELD_ND_TARGET,
	HD_FIELD_ARP_SHA,   HD_FIELD_ARP_THA,    HD_FIELD_CT_STATE, HD_FIELD_CT_ZONE,   HD_FIELD_CT_MARK,
	HD_FIELD_CT_LABEL,  HD_FIELD_METADATA,
};

/* How many of the leading bits are set, or -1 if others are, too. */
static int prefix_length(hd_u128 mask, unsigned int bits)
{
	unsigned int n = 0;

	while (n < bits && (mask >> (bits - 1 - n) & 1) != 0)
		n++;
	for (unsigned int i = n; i < bits; i++)
		if ((mask >> (bits - 1 - i) & 1) != 0)
			return -1;
	return (int)n;
}

static json_t *show_field(const struct hd_field *field, hd_u128 mask, hd_u128 all)
{
	bool address = field->form == HD_FORM_IPV4 || field->form == HD_FORM_IPV6;
	int prefix = prefix_length(mask, field->bits);

	if (mask == all)
		return json_string(field->name);
	if (address && prefix >= 0)
		return json_sprintf("%s/%d", field->name, prefix);
	if ((uint64_t)(mask >> 64) != 0)
		return json_sprintf("%s/0x%" PRIx64 "%016" PRIx64, field->name, (uint64_t)(mask >> 64), (uint64_t)mask);
	return json_sprintf("%s/0x%" PRIx64, field->name, (uint64_t)mask);
}

static void add_field(json_t *list, const struct hd_key *mask, enum hd_field_id id)
{
	hd_u128 bits = hd_field_get(mask, id);

	if (bits != 0)
		json_array_append_new(list, show_field(&hd_fields[id], bits, hd_field_mask(id)));
}

json_t *hd_flow_show_mask(const struct hd_key *mask)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		add_field(list, mask, shown[i]);
	for (int reg = HD_FIELD_REG0; reg <= HD_FIELD_REG15; reg++)
		add_field(list, mask, (enum hd_field_id)reg);
	return list;
}

void hd_flow_show_ct_state(uint8_t state, char text[64])
{
	static const char *const names[] = {"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"};
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int bit = 0; bit < 8; bit++)
		if (state >> bit & 1)
			used += (size_t)snprintf(text + used, 64 - used, "+%s", names[bit]);
}
