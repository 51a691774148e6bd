/* SPDX-License-Identifier: BSD-3-Clause */
/* The difference of two configurations: its kinds one by one, and that carrying it out leads from one to the other. */
#include "diff.h"

#include <check.h>

#include "arbitrary.h"
#include "schema.h"
#include "yaml.h"

static struct hd_config *config_of(const json_t *document)
{
	struct hd_config *config;
	struct hd_error error = {0};

	ck_assert_msg(hd_config_parse(document, NULL, &config, &error) == 0, "%s", error.text);
	return config;
}

static struct hd_config *config_text(const char *text)
{
	struct hd_marks *marks;
	struct hd_error error = {0};
	struct hd_config *config;
	json_t *document;

	ck_assert_msg(hd_yaml_parse(text, strlen(text), "f", &document, &marks, &error) == 0, "%s", error.text);
	config = config_of(document);
	json_decref(document);
	hd_marks_free(marks);
	return config;
}

#define BR0(rest) "bridges: {br0: {" rest "}}"
#define VM1(keys) BR0("ports: {vm1: {vhost: /a" keys "}}")

static const struct {
	const char *from, *to, *changes;
} cases[] = {
	{"", "", "[]"},
	{VM1(", vlan: 10"), VM1(", vlan: 10, mtu: 1500"), "[]"},
	{BR0("ports: {p: {device: 01:00.0}}"), BR0("ports: {p: {device: '0000:01:00.0'}}"), "[]"},
	{"acls: {a: {rules: [allow any]}, b: {}}", "acls: {a: {rules: ['allow  any', deny tcp]}, c: {stateless: true}}",
	 "[{'change': 'acl add', 'acl': 'c', 'keys': {'stateless': [null, true]}},"
	 "{'change': 'acl set', 'acl': 'a', 'keys': {'rules': [['allow any from any to any'], "
	 "['allow any from any to any', 'deny tcp from any to any']]}}, {'change': 'acl del', 'acl': 'b'}]"},
	{"", "bridges: {br0: {ageing: 5}}",
	 "[{'change': 'bridge add', 'bridge': 'br0', 'keys': {'ageing': [null, 5]}}]"},
	{"bridges: {br0: }", "", "[{'change': 'bridge del', 'bridge': 'br0'}]"},
	{"bridges: {br0: }", BR0("ageing: 5"),
	 "[{'change': 'bridge set', 'bridge': 'br0', 'keys': {'ageing': [300, 5]}}]"},
	{BR0(""), VM1(", vlan: 5"),
	 "[{'change': 'port add', 'bridge': 'br0', 'port': 'vm1', 'keys': {'vhost': [null, '/a'], 'vlan': [null, "
	 "5]}}]"},
	{VM1(""), BR0(""), "[{'change': 'port del', 'bridge': 'br0', 'port': 'vm1'}]"},
	{VM1(", vlan: 10"), VM1(", vlan: 20"),
	 "[{'change': 'port set', 'bridge': 'br0', 'port': 'vm1', 'keys': {'vlan': [10, 20]}}]"},
	{VM1(", vlan: 10"), VM1(", trunk: [10, 11-20], native: 1, pmd: 3, isolated: true"),
	 "[{'change': 'port set', 'bridge': 'br0', 'port': 'vm1', 'keys': {'vlan': [10, null], 'trunk': [null, "
	 "['10-20']], 'native': [null, 1], 'pmd': [null, 3], 'isolated': [false, true]}}]"},
	{VM1(""), VM1(", queues: 2, mtu: 9000"),
	 "[{'change': 'port replace', 'bridge': 'br0', 'port': 'vm1', 'keys': {'queues': [1, 2], 'mtu': [1500, "
	 "9000]}}]"},
	{VM1(""), BR0("ports: {vm1: {device: net_null0}}"),
	 "[{'change': 'port replace', 'bridge': 'br0', 'port': 'vm1', 'keys': {'vhost': ['/a', null], 'device': [null, "
	 "'net_null0']}}]"},
	{"bridges: {br0: {ports: {vm1: {vhost: /a}}}, br1: }",
	 "bridges: {br0: , br1: {ports: {vm1: {vhost: /a, mtu: 9000}}}}",
	 "[{'change': 'port move', 'bridge': 'br1', 'from': 'br0', 'port': 'vm1', 'keys': {'mtu': [1500, 9000]}}]"},
	{"bridges: {br0: {ports: {vm1: {vhost: /a}}}, br1: }", "bridges: {br0: , br1: {ports: {vm1: {vhost: /b}}}}",
	 "[{'change': 'port replace', 'bridge': 'br1', 'from': 'br0', 'port': 'vm1', 'keys': {'vhost': ['/a', "
	 "'/b']}}]"},
	{BR0("fdb: [{mac: 52:54:00:00:00:01, port: p}], ports: {p: {vhost: /a}, q: {vhost: /b}}"),
	 BR0("fdb: [{mac: 52:54:00:00:00:01, port: q}], ports: {p: {vhost: /a}, q: {vhost: /b}}"),
	 "[{'change': 'fdb add', 'bridge': 'br0', 'mac': '52:54:00:00:00:01', 'port': 'q'}, "
	 "{'change': 'fdb del', 'bridge': 'br0', 'mac': '52:54:00:00:00:01', 'port': 'p'}]"},
	{BR0("mirrors: {m: {to: p}}, ports: {p: {vhost: /a}, q: {vhost: /b}}"),
	 BR0("mirrors: {m: {to: p, ports: q, snap: 64}, n: {to: p}}, ports: {p: {vhost: /a}, q: {vhost: /b}}"),
	 "[{'change': 'mirror add', 'bridge': 'br0', 'mirror': 'n', 'keys': {'to': [null, 'p']}}, "
	 "{'change': 'mirror set', 'bridge': 'br0', 'mirror': 'm', 'keys': {'ports': [null, ['q']], 'snap': [0, "
	 "64]}}]"},
	{BR0("mirrors: {m: {to: p}}, ports: {p: {vhost: /a}}"), BR0("ports: {p: {vhost: /a}}"),
	 "[{'change': 'mirror del', 'bridge': 'br0', 'mirror': 'm'}]"},
	{VM1(""), "",
	 "[{'change': 'bridge del', 'bridge': 'br0'}, {'change': 'port del', 'bridge': 'br0', 'port': 'vm1'}]"},
};

START_TEST(test_cases)
{
	struct hd_config *from = config_text(cases[_i].from), *to = config_text(cases[_i].to);
	char expected_text[512];
	json_t *changes, *expected;
	struct hd_diff diff;

	snprintf(expected_text, sizeof(expected_text), "%s", cases[_i].changes);
	for (char *c = expected_text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	expected = json_loads(expected_text, 0, NULL);
	ck_assert_ptr_nonnull(expected);
	ck_assert_int_eq(hd_diff_compute(from, to, &diff), 0);
	changes = hd_diff_document(&diff);
	ck_assert_msg(json_equal(changes, expected), "%s", json_dumps(changes, 0));
	json_decref(changes);
	json_decref(expected);
	hd_diff_clear(&diff);
	hd_config_free(from);
	hd_config_free(to);
}
END_TEST

/* What the changes say, told from two documents by looking everything up: slow and plain. */
static unsigned int naive_count(const json_t *from, const json_t *to, const char *what, bool common)
{
	unsigned int count = 0;
	const char *bridge_name, *name;
	json_t *bridge, *value;

	json_object_foreach (json_object_get((json_t *)from, "bridges"), bridge_name, bridge) {
		if (strcmp(what, "bridge") == 0) {
			count += (json_object_get(json_object_get(to, "bridges"), bridge_name) != NULL) == common;
			continue;
		}
		json_object_foreach (json_object_get(bridge, "ports"), name, value) {
			const char *other_name;
			json_t *other;
			bool found = false;

			json_object_foreach (json_object_get((json_t *)to, "bridges"), other_name, other) {
				found = found || json_object_get(json_object_get(other, "ports"), name);
			}
			count += found == common;
		}
	}
	return count;
}

static unsigned int kinds(const struct hd_diff *diff, enum hd_change_kind kind)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < diff->n; i++)
		count += diff->changes[i].kind == kind;
	return count;
}

/* Carry a change out on a document, knowing nothing of how it was found. */
static json_t *member(json_t *parent, const char *name)
{
	if (!json_object_get(parent, name))
		json_object_set_new(parent, name, json_object());
	return json_object_get(parent, name);
}

static json_t *whole(const struct hd_bridge_conf *bridge)
{
	struct hd_config config = {.n_bridges = 1, .bridges = (struct hd_bridge_conf *)bridge};
	json_t *document = hd_config_document(&config);
	json_t *part = json_incref(json_object_get(json_object_get(document, "bridges"), bridge->name));

	json_decref(document);
	return part;
}

static void set_bridge(json_t *bridges, const struct hd_bridge_conf *bridge)
{
	json_t *part = whole(bridge), *target = member(bridges, bridge->name);

	json_object_del(target, "fdb-limit");
	json_object_del(target, "ageing");
	json_object_del(part, "ports");
	json_object_del(part, "fdb");
	json_object_del(part, "mirrors");
	json_object_update(target, part);
	json_decref(part);
}

static void set_port(json_t *bridges, const struct hd_change *change)
{
	json_t *part, *target;

	if (change->old_port)
		json_object_del(member(member(bridges, change->old_bridge->name), "ports"), change->old_port->name);
	if (!change->new_port)
		return;
	part = whole(change->new_bridge);
	target = member(member(bridges, change->new_bridge->name), "ports");
	json_object_set(target, change->new_port->name,
			json_object_get(json_object_get(part, "ports"), change->new_port->name));
	json_decref(part);
}

static bool same_entry(const json_t *entry, const struct hd_fdb_conf *fdb)
{
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", fdb->mac[0], fdb->mac[1], fdb->mac[2], fdb->mac[3],
		 fdb->mac[4], fdb->mac[5]);
	return strcmp(json_string_value(json_object_get(entry, "mac")), mac) == 0 &&
	       json_integer_value(json_object_get(entry, "vlan")) == fdb->vlan &&
	       strcmp(json_string_value(json_object_get(entry, "port")), fdb->port) == 0;
}

static void set_fdb(json_t *bridges, const struct hd_change *change)
{
	json_t *target, *part, *entry;
	size_t i;

	if (change->old_fdb) {
		target = json_object_get(member(bridges, change->old_bridge->name), "fdb");
		for (i = 0; !same_entry(json_array_get(target, i), change->old_fdb); i++)
			ck_assert_uint_lt(i + 1, json_array_size(target));
		json_array_remove(target, i);
		return;
	}
	target = member(bridges, change->new_bridge->name);
	if (!json_object_get(target, "fdb"))
		json_object_set_new(target, "fdb", json_array());
	part = whole(change->new_bridge);
	json_array_foreach (json_object_get(part, "fdb"), i, entry) {
		if (same_entry(entry, change->new_fdb))
			json_array_append(json_object_get(target, "fdb"), entry);
	}
	json_decref(part);
}

static void set_mirror(json_t *bridges, const struct hd_change *change)
{
	json_t *part, *target;

	if (!change->new_mirror) {
		json_object_del(json_object_get(member(bridges, change->old_bridge->name), "mirrors"),
				change->old_mirror->name);
		return;
	}
	part = whole(change->new_bridge);
	target = member(member(bridges, change->new_bridge->name), "mirrors");
	json_object_set(target, change->new_mirror->name,
			json_object_get(json_object_get(part, "mirrors"), change->new_mirror->name));
	json_decref(part);
}

static void set_acl(json_t *document, const struct hd_change *change)
{
	json_t *acls = member(document, "acls");

	if (change->new_acl)
		json_object_set_new(acls, change->new_acl->name, hd_schema_document(hd_schema_acl, change->new_acl));
	else
		json_object_del(acls, change->old_acl->name);
}

static void set_root(json_t *document, const struct hd_config *to)
{
	json_t *part = hd_config_document(to);

	json_object_del(document, "flow-cache");
	json_object_del(document, "ct-limit");
	json_object_del(part, "bridges");
	json_object_del(part, "acls");
	json_object_update(document, part);
	json_decref(part);
}

/* Deleted entries first, then everything but deleted bridges, and those last. */
static void carry_out(json_t *document, const struct hd_diff *diff)
{
	json_t *bridges = json_object_get(document, "bridges");

	for (unsigned int i = 0; i < diff->n; i++)
		if (diff->changes[i].kind == HD_CHANGE_FDB_DEL)
			set_fdb(bridges, &diff->changes[i]);
	for (unsigned int i = 0; i < diff->n; i++) {
		const struct hd_change *change = &diff->changes[i];

		if (change->kind == HD_CHANGE_CONFIG_SET)
			set_root(document, change->new_config);
		else if (change->kind == HD_CHANGE_BRIDGE_ADD || change->kind == HD_CHANGE_BRIDGE_SET)
			set_bridge(bridges, change->new_bridge);
		else if (change->kind == HD_CHANGE_FDB_ADD)
			set_fdb(bridges, change);
		else if (change->kind >= HD_CHANGE_ACL_ADD)
			set_acl(document, change);
		else if (change->kind >= HD_CHANGE_MIRROR_ADD)
			set_mirror(bridges, change);
		else if (change->kind >= HD_CHANGE_PORT_ADD && change->kind <= HD_CHANGE_PORT_DEL)
			set_port(bridges, change);
	}
	for (unsigned int i = 0; i < diff->n; i++) {
		const struct hd_bridge_conf *bridge = diff->changes[i].old_bridge;
		json_t *left;

		if (diff->changes[i].kind != HD_CHANGE_BRIDGE_DEL)
			continue;
		/* All that was in it has been listed too. */
		left = json_object_get(bridges, bridge->name);
		ck_assert_uint_eq(json_object_size(json_object_get(left, "ports")), 0);
		ck_assert_uint_eq(json_array_size(json_object_get(left, "fdb")), 0);
		ck_assert_uint_eq(json_object_size(json_object_get(left, "mirrors")), 0);
		json_object_del(bridges, bridge->name);
	}
}

static void assert_sorted(const struct hd_diff *diff)
{
	for (unsigned int i = 1; i < diff->n; i++)
		ck_assert_int_le(diff->changes[i - 1].kind, diff->changes[i].kind);
}

static void assert_leads(const json_t *source, const json_t *target)
{
	struct hd_config *from = config_of(source), *to = config_of(target), *reached;
	json_t *document = hd_config_document(from), *wanted = hd_config_document(to), *canonical, *changes;
	struct hd_diff diff;

	ck_assert_int_eq(hd_diff_compute(from, to, &diff), 0);
	assert_sorted(&diff);
	ck_assert_uint_eq(kinds(&diff, HD_CHANGE_BRIDGE_DEL), naive_count(document, wanted, "bridge", false));
	ck_assert_uint_eq(kinds(&diff, HD_CHANGE_BRIDGE_ADD), naive_count(wanted, document, "bridge", false));
	ck_assert_uint_eq(kinds(&diff, HD_CHANGE_PORT_DEL), naive_count(document, wanted, "port", false));
	ck_assert_uint_eq(kinds(&diff, HD_CHANGE_PORT_ADD), naive_count(wanted, document, "port", false));
	changes = hd_diff_document(&diff);
	ck_assert_uint_eq(json_array_size(changes), diff.n);
	carry_out(document, &diff);
	reached = config_of(document);
	canonical = hd_config_document(reached);
	ck_assert_msg(json_equal(canonical, wanted), "reached %s\nwanted %s", json_dumps(canonical, 0),
		      json_dumps(wanted, 0));
	json_decref(canonical);
	json_decref(document);
	json_decref(wanted);
	json_decref(changes);
	hd_diff_clear(&diff);
	hd_config_free(from);
	hd_config_free(to);
	hd_config_free(reached);
}

START_TEST(test_leads_there)
{
	json_t *from;

	random_start(&arbitrary_random, "diff");
	from = arbitrary_config();
	for (int i = 0; i < 1500; i++) {
		json_t *to = arbitrary_config();

		arbitrary_mirrors(to);
		assert_leads(from, to);
		json_decref(from);
		from = to;
	}
	json_decref(from);
}
END_TEST

START_TEST(test_none)
{
	random_start(&arbitrary_random, "no diff");
	for (int i = 0; i < 200; i++) {
		json_t *document = arbitrary_config();
		struct hd_config *a = config_of(document), *b = config_of(document);
		struct hd_diff diff;

		ck_assert_int_eq(hd_diff_compute(a, b, &diff), 0);
		ck_assert_uint_eq(diff.n, 0);
		hd_diff_clear(&diff);
		ck_assert_int_eq(hd_diff_compute(NULL, NULL, &diff), 0);
		ck_assert_uint_eq(diff.n, 0);
		ck_assert_int_eq(hd_diff_compute(a, NULL, &diff), 0);
		ck_assert_uint_eq(kinds(&diff, HD_CHANGE_BRIDGE_DEL), a->n_bridges);
		hd_diff_clear(&diff);
		hd_config_free(a);
		hd_config_free(b);
		json_decref(document);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("diff");
	TCase *tests = tcase_create("diff");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_cases, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tests, test_leads_there);
	tcase_add_test(tests, test_none);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
