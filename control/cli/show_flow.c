/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of rules, groups and meters. */
#include <stdlib.h>
#include <string.h>

#include "show.h"

/* Rules sorted by table and falling priority; then by match, so that the order stays. */
static int order_flows(const void *a, const void *b)
{
	const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
	json_int_t order = hd_show_count(x, "table") - hd_show_count(y, "table");

	if (order == 0)
		order = hd_show_count(y, "priority") - hd_show_count(x, "priority");
	if (order == 0)
		order = strcmp(hd_show_text(x, "match"), hd_show_text(y, "match"));
	return order < 0 ? -1 : order > 0;
}

static const json_t **sort_flows(const json_t *list)
{
	const json_t **flows = calloc(json_array_size(list) + 1, sizeof(json_t *)), *flow;
	size_t i;

	if (flows == NULL)
		abort(); /* the CLI has nothing to save */
	json_array_foreach (list, i, flow)
		flows[i] = flow;
	qsort(flows, json_array_size(list), sizeof(json_t *), order_flows);
	return flows;
}

/* The same rule in the sorted list of the round before, or NULL. */
static const json_t *find_before(const json_t *const *flows, size_t n, const json_t *flow)
{
	const json_t *const *found = n > 0 ? bsearch(&flow, flows, n, sizeof(json_t *), order_flows) : NULL;

	return found != NULL ? *found : NULL;
}

static void age_cell(struct hd_table *table, const json_t *flow, const char *key)
{
	double seconds = json_real_value(json_object_get(flow, key));

	if (seconds < 120)
		hd_table_cell(table, "%.0fs", seconds);
	else if (seconds < 7200)
		hd_table_cell(table, "%.0fm", seconds / 60);
	else if (seconds < 172800)
		hd_table_cell(table, "%.0fh", seconds / 3600);
	else
		hd_table_cell(table, "%.0fd", seconds / 86400);
}

/* "cookie=0x2a,idle_timeout=60,tcp,tp_dst=80 actions=output:vm2" */
static void flow_cell(struct hd_table *table, const json_t *flow)
{
	static const char *const timeouts[] = {"idle_timeout", "hard_timeout"};
	const char *cookie = hd_show_text(flow, "cookie"), *match = hd_show_text(flow, "match");
	char before[128] = "";
	size_t used = 0;

	if (strcmp(cookie, "0x0") != 0)
		used += (size_t)snprintf(before, sizeof(before), "cookie=%.20s,", cookie);
	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
		if (json_object_get(flow, timeouts[i]) != NULL)
			used += (size_t)snprintf(before + used, sizeof(before) - used, "%s=%lld,", timeouts[i],
						 (long long)hd_show_count(flow, timeouts[i]));
	if (match[0] == '\0' && used > 0)
		before[used - 1] = '\0'; /* the comma */
	hd_table_cell(table, "%s%s%sactions=%s%s", before, match, used > 0 || match[0] != '\0' ? " " : "",
		      hd_show_text(flow, "actions"),
		      json_is_true(json_object_get(flow, "hidden")) ? "  (the switch's own)" : "");
}

static void flow_row(struct hd_table *table, const struct hd_view *view, const json_t *flow, const json_t *before)
{
	hd_table_cell(table, "%lld", (long long)hd_show_count(flow, "table"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(flow, "priority"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(flow, "packets"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(flow, "bytes"));
	if (view->seconds > 0) {
		hd_show_rate(table, view, flow, before, "packets", 1);
		hd_show_rate(table, view, flow, before, "bytes", 8);
	}
	age_cell(table, flow, "age");
	age_cell(table, flow, "idle");
	flow_cell(table, flow);
}

void hd_show_flows(const struct hd_view *view)
{
	struct hd_table *table =
		hd_table_new(view->seconds > 0 ? ">TABLE >PRIO >PACKETS >BYTES >PPS >BPS >AGE >IDLE FLOW"
					       : ">TABLE >PRIO >PACKETS >BYTES >AGE >IDLE FLOW");
	const json_t **flows = sort_flows(view->result), **former = sort_flows(view->before);

	for (size_t i = 0; i < json_array_size(view->result); i++)
		flow_row(table, view, flows[i], find_before(former, json_array_size(view->before), flows[i]));
	hd_table_print(table, 0);
	free(flows);
	free(former);
}

static void print_ofctl(const json_t *flow)
{
	static const char *const timeouts[] = {"idle_timeout", "hard_timeout"};
	const char *match = hd_show_text(flow, "match");
	json_int_t priority = hd_show_count(flow, "priority");

	printf(" cookie=%s, duration=%.3fs, table=%lld, n_packets=%lld, n_bytes=%lld, ", hd_show_text(flow, "cookie"),
	       json_real_value(json_object_get(flow, "age")), (long long)hd_show_count(flow, "table"),
	       (long long)hd_show_count(flow, "packets"), (long long)hd_show_count(flow, "bytes"));
	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
		if (json_object_get(flow, timeouts[i]) != NULL)
			printf("%s=%lld, ", timeouts[i], (long long)hd_show_count(flow, timeouts[i]));
	printf("idle_age=%.0f, ", json_real_value(json_object_get(flow, "idle")));
	if (priority != 32768)
		printf("priority=%lld%s", (long long)priority, match[0] != '\0' ? "," : "");
	printf("%s%sactions=%s\n", match, priority != 32768 || match[0] != '\0' ? " " : "",
	       hd_show_text(flow, "actions"));
}

void hd_show_flows_ofctl(const struct hd_view *view)
{
	const json_t **flows = sort_flows(view->result);

	for (size_t i = 0; i < json_array_size(view->result); i++)
		print_ofctl(flows[i]);
	free(flows);
}

void hd_show_flow_change(const struct hd_view *view)
{
	static const char *const kinds[] = {"added", "modified", "changed", "removed", "kept"};
	const char *comma = "";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (json_object_get(view->result, kinds[i]) == NULL)
			continue;
		printf("%s%lld %s", comma, (long long)hd_show_count(view->result, kinds[i]), kinds[i]);
		comma = ", ";
	}
	putchar('\n');
}

void hd_show_groups(const struct hd_view *view)
{
	struct hd_table *table = hd_table_new(">ID TYPE >BUCKETS GROUP");
	const json_t *group;
	size_t i;

	json_array_foreach (view->result, i, group) {
		hd_table_cell(table, "%lld", (long long)hd_show_count(group, "id"));
		hd_table_cell(table, "%s", hd_show_text(group, "type"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(group, "buckets"));
		hd_table_cell(table, "%s", hd_show_text(group, "group"));
	}
	hd_table_print(table, 0);
}

void hd_show_meters(const struct hd_view *view)
{
	struct hd_table *table = hd_table_new(">ID >RATE UNIT >BURST >PACKETS >BYTES >DROPPED >DROPPED-BYTES");
	static const char *const counters[] = {"packets", "bytes", "dropped_packets", "dropped_bytes"};
	const json_t *meter;
	size_t i;

	json_array_foreach (view->result, i, meter) {
		hd_table_cell(table, "%lld", (long long)hd_show_count(meter, "id"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(meter, "rate"));
		hd_table_cell(table, "%s", hd_show_text(meter, "unit"));
		if (hd_show_count(meter, "burst") > 0)
			hd_table_cell(table, "%lld", (long long)hd_show_count(meter, "burst"));
		else
			hd_table_cell(table, "-");
		for (size_t c = 0; c < sizeof(counters) / sizeof(counters[0]); c++)
			hd_table_cell(table, "%lld", (long long)hd_show_count(meter, counters[c]));
	}
	hd_table_print(table, 0);
}

void hd_show_meter_stats(const struct hd_view *view)
{
	struct hd_table *table =
		hd_table_new(view->seconds > 0 ? ">ID >PACKETS >PPS >BYTES >BPS >DROPPED >DROPPED-PPS >DROPPED-BYTES"
					       : ">ID >PACKETS >BYTES >DROPPED >DROPPED-BYTES");
	const json_t *meter, *before;
	size_t i;

	json_array_foreach (view->result, i, meter) {
		before = hd_show_same(view->before, meter, "id");
		hd_table_cell(table, "%lld", (long long)hd_show_count(meter, "id"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(meter, "packets"));
		if (view->seconds > 0)
			hd_show_rate(table, view, meter, before, "packets", 1);
		hd_table_cell(table, "%lld", (long long)hd_show_count(meter, "bytes"));
		if (view->seconds > 0)
			hd_show_rate(table, view, meter, before, "bytes", 8);
		hd_table_cell(table, "%lld", (long long)hd_show_count(meter, "dropped_packets"));
		if (view->seconds > 0)
			hd_show_rate(table, view, meter, before, "dropped_packets", 1);
		hd_table_cell(table, "%lld", (long long)hd_show_count(meter, "dropped_bytes"));
	}
	hd_table_print(table, 0);
}
