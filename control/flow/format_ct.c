/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing ct(...) and learn(...). */
#include <arpa/inet.h>

#include "format.h"

static void add_address(struct hd_text *text, const struct hd_nat *nat, const uint8_t *address)
{
	char string[INET6_ADDRSTRLEN];

	if (nat->family == 4 && inet_ntop(AF_INET, address, string, sizeof(string)))
		hd_text_add(text, "%s", string);
	else if (nat->family == 6 && inet_ntop(AF_INET6, address, string, sizeof(string)))
		hd_text_add(text, "[%s]", string);
}

static void add_range(struct hd_text *text, const struct hd_nat *nat)
{
	bool one = true;

	for (unsigned int i = 0; i < sizeof(nat->min); i++)
		one &= nat->min[i] == nat->max[i];
	hd_text_add(text, "=");
	add_address(text, nat, nat->min);
	if (!one) {
		hd_text_add(text, "-");
		add_address(text, nat, nat->max);
	}
	if (nat->port_min)
		hd_text_add(text, ":%u", nat->port_min);
	if (nat->port_min != nat->port_max)
		hd_text_add(text, "-%u", nat->port_max);
}

static void add_nat(struct hd_text *text, const struct hd_nat *nat)
{
	hd_text_add(text, "nat");
	if (!(nat->flags & (HD_NAT_SRC | HD_NAT_DST)))
		return;
	hd_text_add(text, "(%s", nat->flags & HD_NAT_SRC ? "src" : "dst");
	if (nat->family)
		add_range(text, nat);
	hd_text_add(text, "%s%s)", nat->flags & HD_NAT_PERSISTENT ? ",persistent" : "",
		    nat->flags & HD_NAT_RANDOM ? ",random" : "");
}

static void add_zone(struct hd_text *text, const struct hd_ct_action *ct, bool *first)
{
	if (ct->zone_src.n_bits == 0 && ct->zone == 0)
		return;
	hd_text_comma(text, first);
	hd_text_add(text, "zone=");
	if (ct->zone_src.n_bits)
		hd_text_subfield(text, &ct->zone_src);
	else
		hd_text_add(text, "%u", ct->zone);
}

static void add_options(struct hd_text *text, const struct hd_ct_action *ct, const struct hd_flow_names *names)
{
	bool first = true;

	if (ct->flags & HD_CT_ACT_COMMIT) {
		hd_text_comma(text, &first);
		hd_text_add(text, "commit");
	}
	if (ct->flags & HD_CT_ACT_FORCE) {
		hd_text_comma(text, &first);
		hd_text_add(text, "force");
	}
	if (ct->has_table) {
		hd_text_comma(text, &first);
		hd_text_add(text, "table=%u", ct->table);
	}
	add_zone(text, ct, &first);
	if (ct->flags & HD_CT_ACT_NAT) {
		hd_text_comma(text, &first);
		add_nat(text, &ct->nat);
	}
	if (ct->exec) {
		hd_text_comma(text, &first);
		hd_text_add(text, "exec(");
		hd_flow_format_actions(text, ct->exec, names);
		hd_text_add(text, ")");
	}
}

void hd_text_ct(struct hd_text *text, const struct hd_ct_action *ct, const struct hd_flow_names *names)
{
	hd_text_add(text, "ct(");
	add_options(text, ct, names);
	hd_text_add(text, ")");
}

/* A value that learn reads for all or some of a field. */
static void add_learnt(struct hd_text *text, const struct hd_learn_spec *spec, const struct hd_flow_names *names)
{
	const struct hd_field *field = &hd_fields[spec->dst.field];
	bool whole = spec->dst.n_bits == field->bits;
	const hd_u128 bits[2] = {spec->value, hd_field_mask((enum hd_field_id)spec->dst.field)};

	if (!whole || field->form == HD_FORM_TCP_FLAGS || field->form == HD_FORM_CT_STATE ||
	    field->form == HD_FORM_FRAG)
		hd_text_hex(text, spec->value);
	else
		hd_text_value(text, names, (enum hd_field_id)spec->dst.field, bits);
}

static void add_value_match(struct hd_text *text, const struct hd_learn_spec *spec, const struct hd_flow_names *names)
{
	if (spec->dst.field == HD_FIELD_VLAN_TCI && spec->dst.ofs == 0 && spec->dst.n_bits == 13 &&
	    (spec->value & HD_KEY_VLAN_PRESENT)) {
		hd_text_add(text, "dl_vlan=%u", (unsigned int)spec->value & 0xfff);
		return;
	}
	if (spec->dst.n_bits == hd_fields[spec->dst.field].bits)
		hd_text_add(text, "%s=", hd_fields[spec->dst.field].name);
	else {
		hd_text_subfield(text, &spec->dst);
		hd_text_add(text, "=");
	}
	add_learnt(text, spec, names);
}

static void add_spec(struct hd_text *text, const struct hd_learn_spec *spec, const struct hd_flow_names *names)
{
	switch (spec->kind) {
	case HD_LEARN_MATCH_VALUE:
		add_value_match(text, spec, names);
		return;
	case HD_LEARN_MATCH_FIELD:
		hd_text_subfield(text, &spec->dst);
		if (spec->dst.field == spec->src.field && spec->dst.ofs == spec->src.ofs)
			return;
		hd_text_add(text, "=");
		hd_text_subfield(text, &spec->src);
		return;
	case HD_LEARN_LOAD_FIELD:
		hd_text_add(text, "load:");
		hd_text_subfield(text, &spec->src);
		break;
	case HD_LEARN_LOAD_VALUE:
		hd_text_add(text, "load:");
		hd_text_hex(text, spec->value);
		break;
	default:
		hd_text_add(text, "output:");
		hd_text_subfield(text, &spec->src);
		return;
	}
	hd_text_add(text, "->");
	hd_text_subfield(text, &spec->dst);
}

void hd_text_learn(struct hd_text *text, const struct hd_learn *learn, const struct hd_flow_names *names)
{
	hd_text_add(text, "learn(table=%u", learn->table);
	if (learn->idle_timeout)
		hd_text_add(text, ",idle_timeout=%u", learn->idle_timeout);
	if (learn->hard_timeout)
		hd_text_add(text, ",hard_timeout=%u", learn->hard_timeout);
	if (learn->priority != 32768)
		hd_text_add(text, ",priority=%u", learn->priority);
	if (learn->cookie)
		hd_text_add(text, ",cookie=0x%llx", (unsigned long long)learn->cookie);
	if (learn->limit)
		hd_text_add(text, ",limit=%u", learn->limit);
	if (learn->delete_learned)
		hd_text_add(text, ",delete_learned");
	for (uint32_t i = 0; i < learn->n_specs; i++) {
		hd_text_add(text, ",");
		add_spec(text, &learn->spec[i], names);
	}
	hd_text_add(text, ")");
}
