/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tables share, and the small ones: bridges, FDB, changes, log level. */
#include <string.h>

#include "show.h"

const json_t *hd_show_get(const json_t *object, const char *path)
{
	char key[64];
	size_t n;

	while (object != NULL) {
		n = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		object = json_object_get(object, key);
		if (path[n] == '\0')
			return object;
		path += n + 1;
	}
	return NULL;
}

json_int_t hd_show_count(const json_t *object, const char *path)
{
	return json_integer_value(hd_show_get(object, path));
}

const char *hd_show_text(const json_t *object, const char *path)
{
	const char *text = json_string_value(hd_show_get(object, path));

	return text != NULL ? text : "-";
}

static size_t append_scalar(const json_t *value, char *text, size_t size)
{
	size_t n;

	if (json_is_string(value))
		return (size_t)snprintf(text, size, "%s", json_string_value(value));
	if (json_is_boolean(value))
		return (size_t)snprintf(text, size, "%s", json_is_true(value) ? "on" : "off");
	n = json_dumpb(value, text, size - 1, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	text[n < size ? n : size - 1] = '\0';
	return n;
}

/* "mac 52:54:00:00:00:01 ip 10.0.0.5,fd00::5" */
static void show_group(const json_t *value, char *text, size_t size)
{
	const char *name;
	size_t used = 0;
	json_t *item;

	json_object_foreach ((json_t *)value, name, item) {
		if (used + strlen(name) + 8 >= size)
			return;
		used += (size_t)snprintf(text + used, size - used, "%s%s ", used > 0 ? " " : "", name);
		hd_show_value(item, text + used, size - used);
		used += strlen(text + used);
	}
}

void hd_show_value(const json_t *value, char *text, size_t size)
{
	size_t used = 0, i;
	const json_t *item;

	text[0] = '\0';
	if (json_is_object(value)) {
		show_group(value, text, size);
		return;
	}
	if (!json_is_array(value)) {
		if (value != NULL)
			append_scalar(value, text, size);
		return;
	}
	json_array_foreach (value, i, item) {
		if (used + 8 >= size)
			return;
		if (i > 0)
			text[used++] = ',';
		used += append_scalar(item, text + used, size - used);
	}
}

const json_t *hd_show_same(const json_t *list, const json_t *like, const char *key)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (json_equal(json_object_get(item, key), json_object_get(like, key)))
			return item;
	return NULL;
}

void hd_show_scaled(double number, char text[16])
{
	static const char units[] = " kMGTP";
	size_t unit = 0;

	while (number >= 999.5 && unit < sizeof(units) - 2) {
		number /= 1000;
		unit++;
	}
	if (unit == 0)
		snprintf(text, 16, "%.0f", number);
	else
		snprintf(text, 16, "%.*f%c", number < 9.995 ? 2 : number < 99.95 ? 1 : 0, number, units[unit]);
}

void hd_show_rate(struct hd_table *table, const struct hd_view *view, const json_t *now, const json_t *before,
		  const char *path, double factor)
{
	double grown = (double)(hd_show_count(now, path) - hd_show_count(before, path));
	char text[16];

	if (before == NULL || view->seconds <= 0) {
		hd_table_cell(table, "-");
		return;
	}
	/* A port deleted and made anew counts from 0 again. */
	hd_show_scaled(grown > 0 ? grown * factor / view->seconds : 0, text);
	hd_table_cell(table, "%s", text);
}

void hd_show_bridges(const struct hd_view *view)
{
	struct hd_table *table = hd_table_new("NAME >PORTS >FDB-ENTRIES >STATIC >FDB-LIMIT >AGEING");
	const json_t *bridge;
	size_t i;

	json_array_foreach (view->result, i, bridge) {
		hd_table_cell(table, "%s", hd_show_text(bridge, "name"));
		hd_table_cell(table, "%zu", json_array_size(json_object_get(bridge, "ports")));
		hd_table_cell(table, "%lld", (long long)hd_show_count(bridge, "fdb.entries"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(bridge, "fdb.static"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(bridge, "fdb-limit"));
		if (hd_show_count(bridge, "ageing") > 0)
			hd_table_cell(table, "%llds", (long long)hd_show_count(bridge, "ageing"));
		else
			hd_table_cell(table, "never");
	}
	hd_table_print(table, 0);
	if (!view->one)
		return;
	bridge = json_array_get(view->result, 0);
	printf("ports:");
	for (i = 0; i < json_array_size(json_object_get(bridge, "ports")); i++)
		printf(" %s", json_string_value(json_array_get(json_object_get(bridge, "ports"), i)));
	if (hd_show_count(bridge, "fdb.refused") > 0)
		printf("\naddresses not learnt, the FDB was full: %lld",
		       (long long)hd_show_count(bridge, "fdb.refused"));
	putchar('\n');
}

void hd_show_fdb(const struct hd_view *view)
{
	struct hd_table *table = hd_table_new("BRIDGE MAC >VLAN PORT KIND >AGE");
	const json_t *entry;
	size_t i;

	json_array_foreach (view->result, i, entry) {
		hd_table_cell(table, "%s", hd_show_text(entry, "bridge"));
		hd_table_cell(table, "%s", hd_show_text(entry, "mac"));
		if (hd_show_count(entry, "vlan") > 0)
			hd_table_cell(table, "%lld", (long long)hd_show_count(entry, "vlan"));
		else
			hd_table_cell(table, "-");
		hd_table_cell(table, "%s", hd_show_text(entry, "port"));
		hd_table_cell(table, "%s", json_is_true(json_object_get(entry, "static")) ? "static" : "learnt");
		if (json_object_get(entry, "age") != NULL)
			hd_table_cell(table, "%llds", (long long)hd_show_count(entry, "age"));
		else
			hd_table_cell(table, "-");
	}
	hd_table_print(table, 0);
}

void hd_show_mirrors(const struct hd_view *view)
{
	struct hd_table *table = hd_table_new("NAME BRIDGE TO DIRECTION >SNAP >VLAN >PACKETS >BYTES >DROPPED");
	const json_t *mirror, *before;
	char text[512];
	size_t i;

	if (view->seconds > 0)
		hd_table_column(table, ">PPS");
	hd_table_column(table, "PORTS");
	json_array_foreach (view->result, i, mirror) {
		hd_table_cell(table, "%s", hd_show_text(mirror, "name"));
		hd_table_cell(table, "%s", hd_show_text(mirror, "bridge"));
		hd_table_cell(table, "%s", hd_show_text(mirror, "to"));
		hd_table_cell(table, "%s", hd_show_text(mirror, "direction"));
		for (int key = 0; key < 2; key++) {
			json_int_t value = hd_show_count(mirror, key == 0 ? "snap" : "vlan");

			if (value > 0)
				hd_table_cell(table, "%lld", (long long)value);
			else
				hd_table_cell(table, "all");
		}
		hd_table_cell(table, "%lld", (long long)hd_show_count(mirror, "packets"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(mirror, "bytes"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(mirror, "dropped"));
		before = hd_show_same(view->before, mirror, "name");
		if (view->seconds > 0)
			hd_show_rate(table, view, mirror, before, "packets", 1);
		hd_show_value(json_object_get(mirror, "ports"), text, sizeof(text));
		hd_table_cell(table, "%s", text);
	}
	hd_table_print(table, 0);
}

/* What a key was and is: "vlan 10 -> 20", "vlan 20" where it is new. */
static void print_key(const char *key, const json_t *pair)
{
	const json_t *before = json_array_get(pair, 0), *after = json_array_get(pair, 1);
	char text[256];

	printf("  %s", key);
	if (!json_is_null(before)) {
		hd_show_value(before, text, sizeof(text));
		printf(" %s ->", text);
	}
	hd_show_value(after, text, sizeof(text));
	printf(" %s", json_is_null(after) ? "none" : text);
}

/* "flows: 3 added, 1 removed". */
static void print_counts(const char *what, const json_t *counts)
{
	static const char *const kinds[] = {"added", "changed", "removed"};
	const char *comma = "";

	if (counts == NULL)
		return;
	printf("  %s: ", what);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (hd_show_count(counts, kinds[i]) == 0)
			continue;
		printf("%s%lld %s", comma, (long long)hd_show_count(counts, kinds[i]), kinds[i]);
		comma = ", ";
	}
}

/* "port set      br0 vm1  vlan 10 -> 20" */
static void print_change(const json_t *change)
{
	static const char *const parts[] = {"port", "mac", "mirror"}, *const lists[] = {"flows", "groups", "meters"};
	json_t *pair;
	const char *key;

	printf("%-12s  %s", hd_show_text(change, "change"),
	       json_object_get(change, "bridge") != NULL ? hd_show_text(change, "bridge") : "");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (json_object_get(change, parts[i]) != NULL)
			printf(" %s", hd_show_text(change, parts[i]));
	if (json_object_get(change, "vlan") != NULL)
		printf(" vlan %lld", (long long)hd_show_count(change, "vlan"));
	if (json_object_get(change, "from") != NULL)
		printf(" from %s", hd_show_text(change, "from"));
	json_object_foreach (json_object_get(change, "keys"), key, pair)
		print_key(key, pair);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		print_counts(lists[i], json_object_get(change, lists[i]));
	putchar('\n');
}

void hd_show_changes(const struct hd_view *view)
{
	const json_t *changes = json_object_get(view->result, "changes"), *change;
	size_t i;

	json_array_foreach (changes, i, change)
		print_change(change);
	if (json_array_size(changes) == 0)
		puts("nothing changes");
	if (json_object_get(view->result, "confirm") != NULL)
		printf("rolled back in %lld s unless confirmed: heddle config confirm\n",
		       (long long)hd_show_count(view->result, "confirm"));
}

void hd_show_level(const struct hd_view *view)
{
	puts(hd_show_text(view->result, "level"));
}

void hd_show_flushed(const struct hd_view *view)
{
	printf("%lld flushed\n", (long long)hd_show_count(view->result, "flushed"));
}
