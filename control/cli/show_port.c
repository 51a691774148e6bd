/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports: the table of all, all about one, and counters. */
#include <stdbool.h>
#include <string.h>

#include "drop.h"
#include "show.h"

static json_int_t total_drops(const json_t *stats)
{
	json_t *drops = json_object_get(stats, "drops"), *value;
	json_int_t sum = 0;
	const char *key;

	json_object_foreach (drops, key, value)
		sum += json_integer_value(value);
	return sum;
}

/* "10", "trunk 10,20 native 1", "-". */
static void vlan_text(const json_t *config, char *text, size_t size)
{
	const json_t *trunk = json_object_get(config, "trunk"), *vlan = json_object_get(config, "vlan");
	char set[128];

	if (trunk != NULL) {
		hd_show_value(trunk, set, sizeof(set));
		if (json_object_get(config, "native") != NULL)
			snprintf(text, size, "trunk %s native %lld", set, (long long)hd_show_count(config, "native"));
		else
			snprintf(text, size, "trunk %s", set);
	} else if (vlan != NULL) {
		snprintf(text, size, "%lld", (long long)json_integer_value(vlan));
	} else {
		snprintf(text, size, "-");
	}
}

/* CPUs of the PMDs that poll the port's queues, each once. */
static void pmd_text(const json_t *queues, char *text, size_t size)
{
	const json_t *queue, *pmd;
	char cpu[16];
	size_t i, used = 0;

	snprintf(text, size, "-");
	json_array_foreach (queues, i, queue) {
		pmd = json_object_get(queue, "pmd");
		if (pmd == NULL)
			continue;
		snprintf(cpu, sizeof(cpu), "%lld", (long long)json_integer_value(pmd));
		for (size_t j = 0; j < i; j++)
			if (json_equal(json_object_get(json_array_get(queues, j), "pmd"), pmd))
				cpu[0] = '\0';
		if (cpu[0] != '\0' && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? "," : "", cpu);
	}
}

static const char *state_text(const json_t *port)
{
	return json_is_true(json_object_get(port, "up")) ? "up" : "down";
}

static unsigned int queues_enabled(const json_t *queues)
{
	unsigned int n = 0;
	const json_t *queue;
	size_t i;

	json_array_foreach (queues, i, queue)
		n += json_is_true(json_object_get(queue, "enabled"));
	return n;
}

static void rates(struct hd_table *table, const struct hd_view *view, const json_t *now, const json_t *before)
{
	hd_show_rate(table, view, now, before, "rx.packets", 1);
	hd_show_rate(table, view, now, before, "tx.packets", 1);
	hd_show_rate(table, view, now, before, "rx.bytes", 8);
	hd_show_rate(table, view, now, before, "tx.bytes", 8);
}

static void port_row(struct hd_table *table, const struct hd_view *view, const json_t *port)
{
	const json_t *stats = json_object_get(port, "stats"), *queues = json_object_get(port, "queues");
	const json_t *before = hd_show_same(view->before, port, "name");
	char text[192];

	hd_table_cell(table, "%s", hd_show_text(port, "name"));
	hd_table_cell(table, "%s", hd_show_text(port, "bridge"));
	hd_table_cell(table, "%s", hd_show_text(port, "kind"));
	hd_table_cell(table, "%s", state_text(port));
	vlan_text(json_object_get(port, "config"), text, sizeof(text));
	hd_table_cell(table, "%s", text);
	hd_table_cell(table, "%lld", (long long)hd_show_count(port, "mtu"));
	hd_table_cell(table, "%u/%zu", queues_enabled(queues), json_array_size(queues));
	pmd_text(queues, text, sizeof(text));
	hd_table_cell(table, "%s", text);
	hd_table_cell(table, "%lld", (long long)hd_show_count(stats, "rx.packets"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(stats, "tx.packets"));
	hd_table_cell(table, "%lld", (long long)total_drops(stats));
	if (view->seconds > 0)
		rates(table, view, stats, json_object_get(before, "stats"));
	hd_table_cell(table, "%s", json_object_get(port, "reason") != NULL ? hd_show_text(port, "reason") : "");
}

static void ports_table(const struct hd_view *view)
{
	struct hd_table *table =
		hd_table_new("NAME BRIDGE KIND STATE VLAN >MTU >QUEUES PMD >RX-PACKETS >TX-PACKETS >DROPS");
	const json_t *port;
	size_t i;

	if (view->seconds > 0) {
		hd_table_column(table, ">RX-PPS");
		hd_table_column(table, ">TX-PPS");
		hd_table_column(table, ">RX-BIT/S");
		hd_table_column(table, ">TX-BIT/S");
	}
	hd_table_column(table, "WHY-DOWN");
	json_array_foreach (view->result, i, port)
		port_row(table, view, port);
	hd_table_print(table, 0);
}

static void print_line(const char *key, const char *value)
{
	printf("%-16s %s\n", key, value);
}

/* Keys that are shown as in force, or below. */
static bool shown_elsewhere(const char *key)
{
	return strcmp(key, "mtu") == 0 || strcmp(key, "engine") == 0;
}

static void print_config(const json_t *config)
{
	char text[512];
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)config, key, value) {
		if (shown_elsewhere(key))
			continue;
		hd_show_value(value, text, sizeof(text));
		print_line(key, text);
	}
}

/* A list of words. */
static void print_words(const char *title, const json_t *words)
{
	if (words == NULL)
		return;
	printf("%-16s", title);
	for (size_t i = 0; i < json_array_size(words); i++)
		printf(" %s", json_string_value(json_array_get(words, i)));
	putchar('\n');
}

static void print_memory(const json_t *memory)
{
	long long regions = hd_show_count(memory, "regions");

	if (memory != NULL)
		printf("%-16s %lld MiB in %lld region%s\n", "guest memory",
		       (long long)hd_show_count(memory, "bytes") >> 20, regions, regions == 1 ? "" : "s");
}

static void print_state(const json_t *port)
{
	static const char *const keys[] = {"engine", "mtu", "guest_mtu", "mac", "driver", "speed"};
	const json_t *value;
	char text[128];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		value = json_object_get(port, keys[i]);
		hd_show_value(value, text, sizeof(text));
		if (value == NULL)
			continue;
		if (strcmp(keys[i], "speed") == 0)
			snprintf(text, sizeof(text), "%lld Mbit/s", (long long)json_integer_value(value));
		print_line(strcmp(keys[i], "guest_mtu") == 0 ? "guest mtu" : keys[i], text);
	}
	print_words("features", json_object_get(port, "features"));
	print_words("protocol", json_object_get(port, "protocol_features"));
	print_memory(json_object_get(port, "memory"));
}

static void print_directions(const struct hd_view *view, const json_t *stats, const json_t *before)
{
	static const char *const names[] = {"rx", "tx"};
	static const char *const counters[] = {"packets", "bytes", "unicast", "multicast", "broadcast", "errors"};
	struct hd_table *table = hd_table_new("DIRECTION >PACKETS >BYTES >UNICAST >MULTICAST >BROADCAST >ERRORS");
	const json_t *now, *then;

	if (view->seconds > 0) {
		hd_table_column(table, ">PPS");
		hd_table_column(table, ">BIT/S");
	}
	for (size_t i = 0; i < 2; i++) {
		now = json_object_get(stats, names[i]);
		then = json_object_get(before, names[i]);
		hd_table_cell(table, "%s", names[i]);
		for (size_t j = 0; j < sizeof(counters) / sizeof(counters[0]); j++)
			hd_table_cell(table, "%lld", (long long)hd_show_count(now, counters[j]));
		if (view->seconds > 0) {
			hd_show_rate(table, view, now, then, "packets", 1);
			hd_show_rate(table, view, now, then, "bytes", 8);
		}
	}
	hd_table_print(table, 0);
}

/* `enabled`: the port's own list of queues, or NULL. */
static void print_queues(const struct hd_view *view, const json_t *stats, const json_t *before, const json_t *enabled)
{
	struct hd_table *table = hd_table_new("QUEUE ENABLED PMD >RX-PACKETS >RX-BYTES >TX-PACKETS >TX-BYTES");
	const json_t *queues = json_object_get(stats, "queues"), *queue, *state;
	char text[32];
	size_t i;

	if (view->seconds > 0) {
		hd_table_column(table, ">RX-PPS");
		hd_table_column(table, ">TX-PPS");
		hd_table_column(table, ">RX-BIT/S");
		hd_table_column(table, ">TX-BIT/S");
	}
	json_array_foreach (queues, i, queue) {
		state = hd_show_same(enabled, queue, "queue");
		hd_table_cell(table, "%lld", (long long)hd_show_count(queue, "queue"));
		hd_show_value(json_object_get(state, "enabled"), text, sizeof(text));
		hd_table_cell(table, "%s", state != NULL ? text : "-");
		hd_show_value(json_object_get(queue, "pmd"), text, sizeof(text));
		hd_table_cell(table, "%s", text[0] != '\0' ? text : "-");
		hd_table_cell(table, "%lld", (long long)hd_show_count(queue, "rx.packets"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(queue, "rx.bytes"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(queue, "tx.packets"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(queue, "tx.bytes"));
		if (view->seconds > 0)
			rates(table, view, queue, hd_show_same(json_object_get(before, "queues"), queue, "queue"));
	}
	hd_table_print(table, 0);
}

/* What a ring does, or why it does not. */
static const char *ring_state(const json_t *ring)
{
	if (json_object_get(ring, "broken") != NULL)
		return "broken";
	if (!json_is_true(json_object_get(ring, "running")))
		return "stopped";
	return json_is_true(json_object_get(ring, "enabled")) ? "running" : "disabled";
}

static void ring_row(struct hd_table *table, const json_t *ring)
{
	bool runs = json_is_true(json_object_get(ring, "running"));

	hd_table_cell(table, "%s %lld", hd_show_text(ring, "direction"), (long long)hd_show_count(ring, "queue"));
	hd_table_cell(table, "%s", ring_state(ring));
	hd_table_cell(table, "%s", hd_show_text(ring, "layout"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(ring, "size"));
	hd_table_cell(table, "%s", !runs ? "-" : json_is_true(json_object_get(ring, "interruptible")) ? "on" : "off");
	hd_table_cell(table, "%lld", (long long)hd_show_count(ring, "interrupts"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(ring, "suppressed"));
	hd_table_cell(table, "%lld", (long long)hd_show_count(ring, "stalls"));
	hd_table_cell(table, "%.1f", (double)hd_show_count(ring, "stalled_us") / 1000);
	hd_table_cell(table, "%s", json_object_get(ring, "broken") != NULL ? hd_show_text(ring, "broken") : "");
}

/* The guest's rings that are set up; rx is what it sends by. */
static void print_rings(const json_t *rings)
{
	struct hd_table *table;
	const json_t *ring;
	size_t i, n = 0;

	json_array_foreach (rings, i, ring)
		n += hd_show_count(ring, "size") != 0;
	if (n == 0)
		return;
	table = hd_table_new("RING STATE LAYOUT >SIZE IRQ >INTERRUPTS >SUPPRESSED >STALLS >STALLED-MS");
	hd_table_column(table, "WHAT-THE-GUEST-DID");
	json_array_foreach (rings, i, ring)
		if (hd_show_count(ring, "size") != 0)
			ring_row(table, ring);
	hd_table_print(table, 0);
	putchar('\n');
}

static void print_drops(const json_t *stats)
{
	const json_t *drops = json_object_get(stats, "drops"), *count;
	struct hd_table *table;

	if (json_object_size(drops) == 0) {
		puts("no drops");
		return;
	}
	table = hd_table_new("DROPPED >PACKETS WHY");
	for (int i = 0; i < HD_DROP_COUNT; i++) {
		count = json_object_get(drops, hd_drop_name((enum hd_drop)i));
		if (count == NULL)
			continue;
		hd_table_cell(table, "%s", hd_drop_name((enum hd_drop)i));
		hd_table_cell(table, "%lld", (long long)json_integer_value(count));
		hd_table_cell(table, "%s", hd_drop_text((enum hd_drop)i));
	}
	hd_table_print(table, 0);
}

static void one_port(const struct hd_view *view)
{
	const json_t *port = json_array_get(view->result, 0);
	const json_t *stats = json_object_get(port, "stats");
	const json_t *before = json_object_get(hd_show_same(view->before, port, "name"), "stats");
	char text[192];

	print_line("name", hd_show_text(port, "name"));
	print_line("bridge", hd_show_text(port, "bridge"));
	print_line("kind", hd_show_text(port, "kind"));
	snprintf(text, sizeof(text), "%s%s%s", state_text(port), json_object_get(port, "reason") != NULL ? ": " : "",
		 json_object_get(port, "reason") != NULL ? hd_show_text(port, "reason") : "");
	print_line("state", text);
	print_config(json_object_get(port, "config"));
	print_state(port);
	putchar('\n');
	print_directions(view, stats, before);
	putchar('\n');
	print_queues(view, stats, before, json_object_get(port, "queues"));
	putchar('\n');
	print_rings(json_object_get(port, "rings"));
	print_drops(stats);
}

void hd_show_ports(const struct hd_view *view)
{
	if (view->one)
		one_port(view);
	else
		ports_table(view);
}

void hd_show_port_stats(const struct hd_view *view)
{
	const json_t *port, *before;
	size_t i;

	json_array_foreach (view->result, i, port) {
		before = hd_show_same(view->before, port, "name");
		if (i > 0)
			putchar('\n');
		printf("%s:\n", hd_show_text(port, "name"));
		print_directions(view, port, before);
		if (view->one) {
			putchar('\n');
			print_queues(view, port, before, NULL);
			putchar('\n');
		}
		if (view->one || json_object_size(json_object_get(port, "drops")) > 0)
			print_drops(port);
	}
}
