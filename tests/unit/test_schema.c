/* SPDX-License-Identifier: BSD-3-Clause */
/* The schema: the table itself, and values as typed in the CLI. */
#include "schema.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Values as typed in the CLI; NULL: refused. */
static const struct {
	const char *key, *text, *json;
} typed[] = {
	{"vlan", "10", "10"},
	{"vlan", "5000", "5000"}, /* the range is the daemon's to check */
	{"vlan", "none", "null"},
	{"vlan", "default", "null"},
	{"vlan", "ten", NULL},
	{"vlan", "10x", NULL},
	{"vlan", " 10", NULL},
	{"vlan", "", NULL},
	{"vlan", "99999999999999999999", NULL},
	{"trunk", "10,20-30", "\"10,20-30\""},
	{"trunk", "all", "\"all\""},
	{"isolated", "on", "true"},
	{"isolated", "true", "true"},
	{"isolated", "off", "false"},
	{"isolated", "maybe", NULL},
	{"mode", "client", "\"client\""},
	{"mode", "clinet", NULL},
	{"pmd", "3", "3"},
	{"pmd", "3,4", "[3, 4]"},
	{"pmd", "3,", NULL},
	{"pmd", "3,x", NULL},
	{"socket-mode", "0660", "\"0660\""},
	{"vhost", "/a", "\"/a\""},
	{"vhost", "\xff", NULL},
};

START_TEST(test_typed)
{
	const struct hd_schema_key *key = hd_schema_find(hd_schema_port, typed[_i].key);
	struct hd_error error = {0};
	json_t *value = hd_schema_value(key, typed[_i].text, &error);

	if (typed[_i].json) {
		json_t *expected = json_loads(typed[_i].json, JSON_DECODE_ANY, NULL);

		ck_assert_msg(value && json_equal(value, expected), "%s %s", typed[_i].key, typed[_i].text);
		json_decref(expected);
	} else {
		ck_assert_ptr_null(value);
		ck_assert_msg(strncmp(error.text, typed[_i].key, strlen(typed[_i].key)) == 0, "%s", error.text);
	}
	json_decref(value);
}
END_TEST

/* The table itself: every key has help and an example that the CLI and the validator take. */
static void check_table(const struct hd_schema_key *table, void *object)
{
	struct hd_error error = {0};

	hd_schema_defaults(table, object);
	for (const struct hd_schema_key *key = table; key->name; key++) {
		json_t *value;

		ck_assert_ptr_nonnull(key->help);
		if (key->type == HD_SCHEMA_NESTED)
			continue;
		value = hd_schema_value(key, key->example, &error);
		ck_assert_msg(value != NULL, "%s", error.text);
		ck_assert_msg(hd_schema_read(key, value, object, &error) == 0, "%s: %s", key->name, error.text);
		json_decref(value);
	}
}

START_TEST(test_table)
{
	struct hd_bridge_conf bridge = {0};
	struct hd_port_conf port = {0};
	struct hd_fdb_conf fdb = {0};
	static struct hd_mirror_conf mirror;
	struct hd_secure_conf secure = {0};

	check_table(hd_schema_secure, &secure);
	check_table(hd_schema_bridge, &bridge);
	check_table(hd_schema_port, &port);
	check_table(hd_schema_fdb, &fdb);
	check_table(hd_schema_mirror, &mirror);
	ck_assert_str_eq(hd_schema_nearest(hd_schema_port, "vlna"), "vlan");
	ck_assert_str_eq(hd_schema_nearest(hd_schema_port, "storm-brodcast"), "storm-broadcast");
	ck_assert_ptr_null(hd_schema_nearest(hd_schema_port, "x"));
	ck_assert_ptr_null(hd_schema_nearest(hd_schema_port, "something else entirely, and long too"));
}
END_TEST

/* Mirrors of more than so many ports name none. */
START_TEST(test_mirror_ports)
{
	struct hd_schema_key const *key = hd_schema_find(hd_schema_mirror, "ports");
	static struct hd_mirror_conf mirror;
	json_t *list = json_array();
	struct hd_error error;

	for (int i = HD_MIRROR_PORTS_MAX; i > 0; i--)
		json_array_append_new(list, json_sprintf("vm%02d", i));
	ck_assert_int_eq(hd_schema_read(key, list, &mirror, &error), 0);
	ck_assert_uint_eq(mirror.n_ports, HD_MIRROR_PORTS_MAX);
	ck_assert_str_eq(mirror.ports[0], "vm01");
	ck_assert_str_eq(mirror.ports[HD_MIRROR_PORTS_MAX - 1], "vm64");
	json_array_append_new(list, json_string("vm65"));
	ck_assert_int_eq(hd_schema_read(key, list, &mirror, &error), -EINVAL);
	ck_assert_str_eq(error.text, "more than 64 ports: \"all\" takes all of the bridge");
	json_decref(list);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schema");
	TCase *tests = tcase_create("schema");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, test_typed, 0, sizeof(typed) / sizeof(typed[0]));
	tcase_add_test(tests, test_table);
	tcase_add_test(tests, test_mirror_ports);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
