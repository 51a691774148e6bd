/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints access lists: in short, or one with its rules and what they have seen. */
#include "show.h"

static void show_short(const json_t *lists)
{
	struct hd_table *table = hd_table_new("NAME >RULES STATELESS IN OUT");
	char text[512];
	const json_t *list;
	size_t i;

	json_array_foreach (lists, i, list) {
		hd_table_cell(table, "%s", hd_show_text(list, "name"));
		hd_table_cell(table, "%zu", json_array_size(json_object_get(list, "rules")));
		hd_table_cell(table, "%s", json_is_true(json_object_get(list, "stateless")) ? "yes" : "no");
		for (int dir = 0; dir < 2; dir++) {
			hd_show_value(json_object_get(list, dir == 0 ? "in" : "out"), text, sizeof(text));
			hd_table_cell(table, "%s", text[0] != '\0' ? text : "-");
		}
	}
	hd_table_print(table, 0);
}

static void show_rules(const struct hd_view *view, const json_t *list, const json_t *before)
{
	struct hd_table *table =
		hd_table_new(view->seconds > 0 ? ">LINE RULE >PACKETS >BYTES >PPS" : ">LINE RULE >PACKETS >BYTES");
	const json_t *rule;
	size_t i;

	json_array_foreach (json_object_get(list, "rules"), i, rule) {
		const json_t *former = json_array_get(json_object_get(before, "rules"), i);

		hd_table_cell(table, "%lld", (long long)hd_show_count(rule, "line"));
		hd_table_cell(table, "%s", hd_show_text(rule, "rule"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(rule, "packets"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(rule, "bytes"));
		if (view->seconds > 0)
			hd_show_rate(table, view, rule, former, "packets", 1);
	}
	hd_table_print(table, 0);
}

static void show_one(const struct hd_view *view, const json_t *list)
{
	char in[512], out[512];

	hd_show_value(json_object_get(list, "in"), in, sizeof(in));
	hd_show_value(json_object_get(list, "out"), out, sizeof(out));
	printf("%s%s, in: %s, out: %s\n", hd_show_text(list, "name"),
	       json_is_true(json_object_get(list, "stateless")) ? " (stateless)" : "", in[0] != '\0' ? in : "-",
	       out[0] != '\0' ? out : "-");
	show_rules(view, list, hd_show_same(view->before, list, "name"));
}

void hd_show_acls(const struct hd_view *view)
{
	if (view->one)
		show_one(view, json_array_get(view->result, 0));
	else
		show_short(view->result);
}
