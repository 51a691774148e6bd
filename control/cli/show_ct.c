/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracked connections. */
#include "show.h"

/* "10.0.0.1:1024 > 10.0.0.2:80", "[fd00::1]:5 > ..."; ICMP: no ports. */
static void tuple_cell(struct hd_table *table, const json_t *tuple)
{
	const char *src = hd_show_text(tuple, "src"), *dst = hd_show_text(tuple, "dst");

	if (json_object_get(tuple, "sport") == NULL)
		hd_table_cell(table, "%s > %s id %lld type %lld", src, dst, (long long)hd_show_count(tuple, "id"),
			      (long long)hd_show_count(tuple, "type"));
	else
		hd_table_cell(table, "%s %lld > %s %lld", src, (long long)hd_show_count(tuple, "sport"), dst,
			      (long long)hd_show_count(tuple, "dport"));
}

void hd_show_ct(const struct hd_view *view)
{
	struct hd_table *table = hd_table_new("PROTO >ZONE STATE >TIMEOUT >PACKETS >BYTES >MARK ORIGINAL REPLY");
	const json_t *entry;
	size_t i;

	json_array_foreach (view->result, i, entry) {
		const json_t *packets = json_object_get(entry, "packets"), *bytes = json_object_get(entry, "bytes");

		hd_table_cell(table, "%s", hd_show_text(entry, "protocol"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(entry, "zone"));
		if (json_object_get(entry, "state") != NULL)
			hd_table_cell(table, "%s", hd_show_text(entry, "state"));
		else
			hd_table_cell(table, "%s",
				      json_is_true(json_object_get(entry, "seen_reply")) ? "REPLIED" : "UNREPLIED");
		hd_table_cell(table, "%llds", (long long)hd_show_count(entry, "timeout"));
		hd_table_cell(table, "%lld/%lld", (long long)json_integer_value(json_array_get(packets, 0)),
			      (long long)json_integer_value(json_array_get(packets, 1)));
		hd_table_cell(table, "%lld/%lld", (long long)json_integer_value(json_array_get(bytes, 0)),
			      (long long)json_integer_value(json_array_get(bytes, 1)));
		hd_table_cell(table, "0x%llx", (unsigned long long)hd_show_count(entry, "mark"));
		tuple_cell(table, json_object_get(entry, "orig"));
		tuple_cell(table, json_object_get(entry, "reply"));
	}
	hd_table_print(table, 0);
}

void hd_show_ct_stats(const struct hd_view *view)
{
	static const char *const counters[] = {"created",      "expired",     "evicted", "refused_full",
					       "refused_zone", "refused_nat", "invalid", "bytes"};
	struct hd_table *table = hd_table_new(view->seconds > 0 ? "WHAT >COUNT >A-SECOND" : "WHAT >COUNT");
	json_t *value;
	const char *name;

	printf("connections: %lld of %lld\n", (long long)hd_show_count(view->result, "connections"),
	       (long long)hd_show_count(view->result, "limit"));
	if (json_object_get(view->result, "zone") != NULL)
		printf("zone %lld: %lld\n", (long long)hd_show_count(view->result, "zone.zone"),
		       (long long)hd_show_count(view->result, "zone.connections"));
	putchar('\n');
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		hd_table_cell(table, "%s", counters[i]);
		hd_table_cell(table, "%lld", (long long)hd_show_count(view->result, counters[i]));
		if (view->seconds > 0)
			hd_show_rate(table, view, view->result, view->before, counters[i], 1);
	}
	hd_table_print(table, 0);
	putchar('\n');
	table = hd_table_new("TIMEOUT >SECONDS");
	json_object_foreach (json_object_get(view->result, "timeouts"), name, value) {
		hd_table_cell(table, "%s", name);
		hd_table_cell(table, "%lld", (long long)json_integer_value(value));
	}
	hd_table_print(table, 0);
}
