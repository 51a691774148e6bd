/* SPDX-License-Identifier: BSD-3-Clause */
/* PMD threads and drops: what the data path does with its cycles and its packets. */
#include "show.h"

/* Growth of a counter since the last round, or the counter itself. */
static double grown(const struct hd_view *view, const json_t *now, const json_t *before, const char *path)
{
	double value = (double)hd_show_count(now, path);

	return view->before != NULL ? value - (double)hd_show_count(before, path) : value;
}

static void ratio_cell(struct hd_table *table, double part, double whole, double factor, const char *unit)
{
	if (whole > 0)
		hd_table_cell(table, "%.1f%s", factor * part / whole, unit);
	else
		hd_table_cell(table, "-");
}

static void rxqs_cell(struct hd_table *table, const json_t *rxqs)
{
	char text[1024] = "";
	const json_t *rxq;
	size_t i, used = 0;

	json_array_foreach (rxqs, i, rxq)
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s:%lld", i > 0 ? " " : "",
						 hd_show_text(rxq, "port"), (long long)hd_show_count(rxq, "queue"));
	hd_table_cell(table, "%s", text);
}

void hd_show_pmds(const struct hd_view *view)
{
	struct hd_table *table =
		hd_table_new(view->seconds > 0 ? ">CPU >BUSY >PACKETS >PPS >CYCLES/PACKET >PACKETS/BURST"
						 " >LEARN-DROPPED RXQS"
					       : ">CPU >BUSY >PACKETS >CYCLES/PACKET >PACKETS/BURST"
						 " >LEARN-DROPPED RXQS");
	const json_t *pmd, *before;
	double busy, idle, packets;
	size_t i;

	json_array_foreach (view->result, i, pmd) {
		before = hd_show_same(view->before, pmd, "cpu");
		busy = grown(view, pmd, before, "busy_cycles");
		idle = grown(view, pmd, before, "idle_cycles");
		packets = grown(view, pmd, before, "packets");
		hd_table_cell(table, "%lld", (long long)hd_show_count(pmd, "cpu"));
		ratio_cell(table, busy, busy + idle, 100, "%");
		hd_table_cell(table, "%lld", (long long)hd_show_count(pmd, "packets"));
		if (view->seconds > 0)
			hd_show_rate(table, view, pmd, before, "packets", 1);
		ratio_cell(table, busy, packets, 1, "");
		ratio_cell(table, packets, grown(view, pmd, before, "bursts"), 1, "");
		hd_table_cell(table, "%lld", (long long)hd_show_count(pmd, "learn_dropped"));
		rxqs_cell(table, json_object_get(pmd, "rxqs"));
	}
	hd_table_print(table, 0);
}

static const json_t *same_drop(const json_t *list, const json_t *like)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (json_equal(json_object_get(item, "port"), json_object_get(like, "port")) &&
		    json_equal(json_object_get(item, "reason"), json_object_get(like, "reason")))
			return item;
	return NULL;
}

static void print_balance(const json_t *balance)
{
	json_int_t difference = hd_show_count(balance, "difference");

	printf("rx %lld + copies %lld + segments %lld = tx %lld + drops %lld", (long long)hd_show_count(balance, "rx"),
	       (long long)hd_show_count(balance, "copies"), (long long)hd_show_count(balance, "segments"),
	       (long long)hd_show_count(balance, "tx"), (long long)hd_show_count(balance, "drops"));
	if (difference != 0)
		printf(" + %lld under way", (long long)difference);
	putchar('\n');
}

void hd_show_drops(const struct hd_view *view)
{
	const json_t *drops = json_object_get(view->result, "drops"), *drop, *before;
	struct hd_table *table =
		hd_table_new(view->seconds > 0 ? "PORT REASON >PACKETS >PPS WHY" : "PORT REASON >PACKETS WHY");
	size_t i;

	json_array_foreach (drops, i, drop) {
		hd_table_cell(table, "%s", hd_show_text(drop, "port"));
		hd_table_cell(table, "%s", hd_show_text(drop, "reason"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(drop, "packets"));
		before = same_drop(json_object_get(view->before, "drops"), drop);
		if (before == NULL && view->before != NULL)
			before = json_object(); /* the first of its reason: it was 0 */
		else
			json_incref((json_t *)before);
		if (view->seconds > 0)
			hd_show_rate(table, view, drop, before, "packets", 1);
		json_decref((json_t *)before);
		hd_table_cell(table, "%s", hd_show_text(drop, "text"));
	}
	hd_table_print(table, 0);
	print_balance(json_object_get(view->result, "balance"));
}
