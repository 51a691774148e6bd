/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow caches, and the way of an imagined packet. */
#include <string.h>

#include "show.h"

/* Growth of a counter since the last round, or the counter itself. */
static double grown(const struct hd_view *view, const json_t *now, const json_t *before, const char *path)
{
	double value = (double)hd_show_count(now, path);

	return view->before != NULL ? value - (double)hd_show_count(before, path) : value;
}

static void pmd_row(struct hd_table *table, const struct hd_view *view, const json_t *pmd, const json_t *before)
{
	static const char *const counters[] = {"hits", "revalidated", "misses", "evictions", "flushes"};
	double lookups = grown(view, pmd, before, "lookups");
	char text[16];

	hd_table_cell(table, "%lld", (long long)hd_show_count(pmd, "cpu"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(pmd, "lookups"));
	if (view->seconds > 0)
		hd_show_rate(table, view, pmd, before, "lookups", 1);
	if (lookups > 0)
		hd_table_cell(table, "%.2f%%", 100 * grown(view, pmd, before, "hits") / lookups);
	else
		hd_table_cell(table, "-");
	for (size_t i = 1; i < sizeof(counters) / sizeof(counters[0]); i++)
		hd_table_cell(table, "%lld", (long long)hd_show_count(pmd, counters[i]));
	hd_table_cell(table, "%lld/%lld", (long long)hd_show_count(pmd, "entries"),
		      (long long)hd_show_count(pmd, "capacity"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(pmd, "programs"));
	hd_show_scaled((double)hd_show_count(pmd, "bytes"), text);
	hd_table_cell(table, "%sB", text);
}

static void print_fields(const json_t *fields)
{
	const json_t *field;
	size_t i;

	json_array_foreach (fields, i, field)
		printf("%s%s", i > 0 ? ", " : "", json_string_value(field));
	if (json_array_size(fields) == 0)
		printf("none");
	putchar('\n');
}

void hd_show_cache(const struct hd_view *view)
{
	struct hd_table *table = hd_table_new(
		view->seconds > 0
			? ">CPU >LOOKUPS >PPS >HITS >REVALIDATED >MISSES >EVICTIONS >FLUSHES >ENTRIES >PROGRAMS >MEMORY"
			: ">CPU >LOOKUPS >HITS >REVALIDATED >MISSES >EVICTIONS >FLUSHES >ENTRIES >PROGRAMS >MEMORY");
	const json_t *item, *former = json_object_get(view->before, "pmds");
	size_t i;

	json_array_foreach (json_object_get(view->result, "pmds"), i, item)
		pmd_row(table, view, item, hd_show_same(former, item, "cpu"));
	hd_table_print(table, 0);
	json_array_foreach (json_object_get(view->result, "bridges"), i, item) {
		printf("\n%s: %lld rules in %lld tables%s\n  keys on: ", hd_show_text(item, "name"),
		       (long long)hd_show_count(item, "rules"), (long long)hd_show_count(item, "tables"),
		       json_is_true(json_object_get(item, "plain")) ? ", a plain bridge" : "");
		print_fields(json_object_get(item, "fields"));
	}
}

static void trace_rule(const json_t *step, int indent)
{
	const json_t *rule = json_object_get(step, "rule");
	const char *cookie = hd_show_text(rule, "cookie"), *match = hd_show_text(rule, "match");

	printf("%*stable %lld: ", indent, "", (long long)hd_show_count(step, "table"));
	if (rule == NULL) {
		puts("no rule matches");
		return;
	}
	printf("%s, priority %lld%s%s\n", match[0] != '\0' ? match : "any packet",
	       (long long)hd_show_count(rule, "priority"), strcmp(cookie, "0x0") != 0 ? ", cookie " : "",
	       strcmp(cookie, "0x0") != 0 ? cookie : "");
}

static void trace_ct(const json_t *step, int indent)
{
	printf("%*s-> connection tracking, zone %lld: %s", indent, "", (long long)hd_show_count(step, "zone"),
	       hd_show_text(step, "state"));
	if (hd_show_count(step, "mark") != 0)
		printf(", mark 0x%llx", (unsigned long long)hd_show_count(step, "mark"));
	putchar('\n');
}

static void trace_step(const json_t *step)
{
	const char *kind = hd_show_text(step, "step");
	int indent = 4 * (int)hd_show_count(step, "depth");

	if (strcmp(kind, "rule") == 0)
		trace_rule(step, indent);
	else if (strcmp(kind, "action") == 0)
		printf("%*s  %s\n", indent, "", hd_show_text(step, "action"));
	else if (strcmp(kind, "output") == 0)
		printf("%*s    -> out of %s\n", indent, "", hd_show_text(step, "port"));
	else if (strcmp(kind, "flood") == 0)
		printf("%*s    -> flooded to %s\n", indent, "", hd_show_text(step, "port"));
	else if (strcmp(kind, "drop") == 0)
		printf("%*s    -> dropped: %s (%s)\n", indent, "", hd_show_text(step, "text"),
		       hd_show_text(step, "reason"));
	else if (strcmp(kind, "ct") == 0)
		trace_ct(step, indent + 4);
	else if (strcmp(kind, "bucket") == 0)
		printf("%*s    -> bucket %lld\n", indent, "", (long long)hd_show_count(step, "bucket"));
	else if (strcmp(kind, "normal") == 0)
		printf("%*s    -> the bridge decides, VLAN %lld\n", indent, "", (long long)hd_show_count(step, "vlan"));
	else
		printf("%*s    -> would learn a rule\n", indent, "");
}

void hd_show_trace(const struct hd_view *view)
{
	const json_t *outputs = json_object_get(view->result, "outputs"), *item;
	size_t i;

	json_array_foreach (json_object_get(view->result, "steps"), i, item)
		trace_step(item);
	printf("\nverdict: ");
	json_array_foreach (outputs, i, item)
		printf("%s%s", i > 0 ? ", " : "out of ", json_string_value(item));
	if (json_array_size(outputs) > 0)
		putchar('\n');
	else
		printf("dropped%s%s\n", json_object_get(view->result, "drop") != NULL ? ": " : "",
		       json_object_get(view->result, "drop") != NULL ? hd_show_text(view->result, "drop") : "");
	printf("the cache keys on: ");
	print_fields(json_object_get(view->result, "fields"));
}
