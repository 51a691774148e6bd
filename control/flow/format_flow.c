/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing flows and groups. */
#include "format.h"
#include "group_text.h"

void hd_flow_format(struct hd_text *text, const struct hd_rule_spec *spec, const struct hd_flow_names *names)
{
	bool first = true;

	if (spec->cookie) {
		hd_text_comma(text, &first);
		hd_text_add(text, "cookie=0x%llx", (unsigned long long)spec->cookie);
	}
	if (spec->table) {
		hd_text_comma(text, &first);
		hd_text_add(text, "table=%u", spec->table);
	}
	if (spec->idle_timeout) {
		hd_text_comma(text, &first);
		hd_text_add(text, "idle_timeout=%u", spec->idle_timeout);
	}
	if (spec->hard_timeout) {
		hd_text_comma(text, &first);
		hd_text_add(text, "hard_timeout=%u", spec->hard_timeout);
	}
	if (spec->priority != 32768) {
		hd_text_comma(text, &first);
		hd_text_add(text, "priority=%u", spec->priority);
	}
	hd_text_match(text, &spec->match, names, &first);
	hd_text_add(text, "%sactions=", first ? "" : " ");
	hd_flow_format_actions(text, spec->actions, names);
}

static void add_bucket(struct hd_text *text, const struct hd_bucket *bucket, const struct hd_flow_names *names)
{
	hd_text_add(text, ",bucket=bucket_id:%u", bucket->id);
	if (bucket->weight != 1)
		hd_text_add(text, ",weight:%u", bucket->weight);
	if (bucket->watch_port != HD_OFPORT_NONE) {
		hd_text_add(text, ",watch_port:");
		hd_text_port(text, names, bucket->watch_port);
	}
	if (bucket->watch_group != UINT32_MAX)
		hd_text_add(text, ",watch_group:%u", bucket->watch_group);
	hd_text_add(text, ",actions=");
	hd_flow_format_actions(text, bucket->actions, names);
}

void hd_flow_format_group(struct hd_text *text, const struct hd_group *group, const struct hd_flow_names *names)
{
	hd_text_add(text, "group_id=%u,type=%s", group->id, hd_group_types[group->type]);
	for (uint32_t i = 0; i < group->n_buckets; i++)
		add_bucket(text, &group->bucket[i], names);
}
