/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods: what they change and show, what they refuse and in which words, with a data path that is made up. */
#include <sys/stat.h>
#include <unistd.h>

#include "rpc_ask.h"

static const struct {
	const char *method, *params;
	int code;
	const char *message;
} refusals[] = {
	{"bridge.add", "{}", HD_RPC_INVALID_PARAMS, "name: missing"},
	{"bridge.add", "{\"name\":5}", HD_RPC_INVALID_PARAMS, "name: 5 is not of type string"},
	{"bridge.add", "{\"name\":\"br0\"}", HD_RPC_REFUSED, "bridges.br0: exists already"},
	{"bridge.add", "{\"name\":\"br2\",\"ageing\":-1}", HD_RPC_INVALID_PARAMS, "bridges.br2.ageing: -1"},
	{"bridge.add", "{\"name\":\"br2\",\"agein\":1}", HD_RPC_INVALID_PARAMS, "bridges.br2.agein"},
	{"bridge.set", "{\"name\":\"br9\",\"ageing\":1}", HD_RPC_REFUSED, "bridges.br9: no such bridge"},
	{"bridge.del", "{\"name\":\"br9\"}", HD_RPC_REFUSED, "bridges.br9: no such bridge"},
	{"bridge.del", "{\"name\":\"br0\"}", HD_RPC_REFUSED, "has 2 ports (vm1, ...)"},
	{"bridge.del", "{\"name\":\"br0\",\"force\":\"yes\"}", HD_RPC_INVALID_PARAMS, "force: \"yes\" is not of type"},
	{"bridge.show", "{\"name\":\"br9\"}", HD_RPC_REFUSED, "bridges.br9: no such bridge"},
	{"bridge.show", "{\"nam\":\"br9\"}", HD_RPC_INVALID_PARAMS, "nam: unknown parameter"},
	{"port.add", "{\"name\":\"vm9\",\"vhost\":\"/x\"}", HD_RPC_INVALID_PARAMS, "bridge: missing"},
	{"port.add", "{\"name\":\"vm9\",\"bridge\":\"br9\",\"vhost\":\"/x\"}", HD_RPC_REFUSED, "bridges.br9"},
	{"port.add", "{\"name\":\"vm1\",\"bridge\":\"br1\",\"vhost\":\"/x\"}", HD_RPC_REFUSED,
	 "bridges.br0.ports.vm1: exists already"},
	{"port.add", "{\"name\":\"vm9\",\"bridge\":\"br0\",\"vhost\":\"/x\",\"vlan\":5000}", HD_RPC_INVALID_PARAMS,
	 "bridges.br0.ports.vm9.vlan: 5000"},
	{"port.add", "{\"name\":\"vm9\",\"bridge\":\"br0\"}", HD_RPC_INVALID_PARAMS, "bridges.br0.ports.vm9"},
	{"port.add", "{\"name\":\"vm9\",\"bridge\":\"br0\",\"vhost\":\"/run/vm1\"}", HD_RPC_INVALID_PARAMS,
	 "already used by bridges.br0.ports.vm1.vhost"},
	{"port.set", "{\"name\":\"vm9\",\"vlan\":1}", HD_RPC_REFUSED, "ports.vm9: no such port"},
	{"port.set", "{\"name\":\"vm1\",\"bridge\":\"br9\"}", HD_RPC_REFUSED, "bridges.br9: no such bridge"},
	{"port.set", "{\"name\":\"vm1\",\"vhost\":null}", HD_RPC_INVALID_PARAMS, "bridges.br0.ports.vm1"},
	{"port.del", "{\"name\":\"vm9\"}", HD_RPC_REFUSED, "ports.vm9: no such port"},
	{"port.show", "{\"name\":\"vm9\"}", HD_RPC_REFUSED, "ports.vm9: no such port"},
	{"port.stats", "{\"bridge\":\"br9\"}", HD_RPC_REFUSED, "bridges.br9: no such bridge"},
	{"fdb.show", "{\"bridge\":\"br9\"}", HD_RPC_REFUSED, "bridges.br9: no such bridge"},
	{"fdb.show", "{\"bridge\":\"br0\",\"vlan\":4095}", HD_RPC_INVALID_PARAMS, "vlan: 4095 is not 0..4094"},
	{"fdb.show", "{\"bridge\":\"br0\",\"cursor\":-1}", HD_RPC_INVALID_PARAMS, "cursor: -1"},
	{"fdb.show", "{\"bridge\":\"br0\",\"max\":0}", HD_RPC_INVALID_PARAMS, "max: 0"},
	{"fdb.show", "{\"bridge\":\"br0\",\"mac\":\"x\"}", HD_RPC_INVALID_PARAMS, "mac: "},
	{"fdb.show", "{\"bridge\":\"br1\",\"port\":\"vm1\"}", HD_RPC_REFUSED, "it is in br0"},
	{"fdb.add", "{\"bridge\":\"br0\",\"mac\":\"01:00:5e:00:00:01\",\"port\":\"vm1\"}", HD_RPC_INVALID_PARAMS,
	 "mac"},
	{"fdb.add", "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:01\",\"port\":\"vm1\",\"vlan\":11}",
	 HD_RPC_INVALID_PARAMS, "vlan"},
	{"fdb.add", "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:01\",\"port\":\"vm9\"}", HD_RPC_REFUSED, "ports.vm9"},
	{"fdb.del", "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:99\"}", HD_RPC_REFUSED, "no such entry"},
	{"mirror.add", "{\"name\":\"m\",\"bridge\":\"br9\",\"to\":\"vm1\"}", HD_RPC_REFUSED,
	 "bridges.br9: no such bridge"},
	{"mirror.add", "{\"name\":\"m\",\"bridge\":\"br1\",\"to\":\"vm1\"}", HD_RPC_INVALID_PARAMS,
	 "bridges.br1.mirrors.m.to: no port vm1 in bridge br1"},
	{"mirror.set", "{\"name\":\"m\",\"snap\":64}", HD_RPC_REFUSED, "mirrors.m: no such mirror"},
	{"mirror.del", "{\"name\":\"m\"}", HD_RPC_REFUSED, "mirrors.m: no such mirror"},
	{"mirror.show", "{\"name\":\"m\"}", HD_RPC_REFUSED, "mirrors.m: no such mirror"},
	{"drop.frames", "{\"port\":\"vm9\"}", HD_RPC_REFUSED, "ports.vm9: no such port"},
	{"drop.frames", "{\"reason\":\"tx\"}", HD_RPC_INVALID_PARAMS, "reason: tx: no such reason"},
	{"drop.frames", "{\"max\":4097}", HD_RPC_INVALID_PARAMS, "max: 4097 is not 1..4096"},
	{"config.apply", "{}", HD_RPC_INVALID_PARAMS, "either yaml or document"},
	{"config.apply", "{\"yaml\":\"bridges: {br0: {agein: 3}}\",\"file\":\"a.yaml\"}", HD_RPC_INVALID_PARAMS,
	 "a.yaml:1"},
	{"config.apply", "{\"yaml\":\"a: [\",\"file\":\"a.yaml\"}", HD_RPC_INVALID_PARAMS, "a.yaml:2:1: while parsing"},
	{"config.apply", "{\"document\":{\"bridge\":1}}", HD_RPC_INVALID_PARAMS, "bridge"},
	{"config.apply", "{\"document\":{},\"confirm\":0}", HD_RPC_INVALID_PARAMS, "confirm: 0"},
	{"config.save", "{}", HD_RPC_REFUSED, "config save FILE"},
	{"config.save", "{\"file\":\"/etc/passwd\"}", HD_RPC_INVALID_PARAMS, "file: unknown parameter"},
	{"config.confirm", "{}", HD_RPC_REFUSED, "nothing to confirm"},
	{"log.level", "{\"level\":\"loud\"}", HD_RPC_INVALID_PARAMS, "level: loud"},
};

static void two_bridges(void)
{
	done("bridge.add", "{\"name\":\"br0\"}");
	done("bridge.add", "{\"name\":\"br1\",\"ageing\":60}");
	done("port.add", "{\"name\":\"vm1\",\"bridge\":\"br0\",\"vhost\":\"/run/vm1\",\"vlan\":10}");
	done("port.add",
	     "{\"name\":\"vm2\",\"bridge\":\"br0\",\"vhost\":\"/run/vm2\",\"trunk\":[10,20],\"native\":20}");
}

/* What is refused says why and leaves the configuration as it was. */
START_TEST(test_refusals)
{
	json_t *before;

	two_bridges();
	before = json_deep_copy(control.document);
	refused(refusals[_i].method, refusals[_i].params, refusals[_i].code, refusals[_i].message);
	ck_assert(json_equal(before, control.document));
	ck_assert_uint_eq(control.changes_made, 4);
	json_decref(before);
}
END_TEST

static void check_document(const char *text)
{
	json_t *wanted = json_loads(text, 0, NULL);

	ck_assert_ptr_nonnull(wanted);
	ck_assert_msg(json_equal(control.document, wanted), "%s", json_dumps(control.document, 0));
	json_decref(wanted);
}

START_TEST(test_ports)
{
	two_bridges();
	done("port.set", "{\"name\":\"vm1\",\"vlan\":20}");
	done("port.set", "{\"name\":\"vm1\",\"vlan\":null,\"trunk\":[10,20]}");
	check_document("{\"bridges\":{\"br0\":{\"ports\":{\"vm1\":{\"vhost\":\"/run/vm1\",\"trunk\":[10,20]},\"vm2\":"
		       "{\"vhost\":\"/run/vm2\",\"trunk\":[10,20],\"native\":20}}},\"br1\":{\"ageing\":60}}}");
	done("fdb.add", "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:01\",\"port\":\"vm1\",\"vlan\":10}");
	done("port.set", "{\"name\":\"vm1\",\"bridge\":\"br1\"}");
	check_document(
		"{\"bridges\":{\"br0\":{\"ports\":{\"vm2\":{\"vhost\":\"/run/vm2\",\"trunk\":[10,20],\"native\":20}}},"
		"\"br1\":{\"ageing\":60,\"fdb\":[{\"mac\":\"52:54:00:00:00:01\",\"vlan\":10,\"port\":\"vm1\"}],"
		"\"ports\":{\"vm1\":{\"vhost\":\"/run/vm1\",\"trunk\":[10,20]}}}}}");
	done("port.del", "{\"name\":\"vm1\"}");
	done("bridge.set", "{\"name\":\"br1\",\"ageing\":null}");
	done("bridge.del", "{\"name\":\"br0\",\"force\":true}");
	check_document("{\"bridges\":{\"br1\":{}}}");
}
END_TEST

START_TEST(test_mirrors)
{
	json_t *result, *mirror;

	two_bridges();
	done("mirror.add", "{\"name\":\"m\",\"bridge\":\"br0\",\"to\":\"vm2\",\"snap\":64}");
	refused("mirror.add", "{\"name\":\"m\",\"bridge\":\"br1\",\"to\":\"vm1\"}", HD_RPC_REFUSED,
		"bridges.br0.mirrors.m: exists already");
	refused("port.del", "{\"name\":\"vm2\"}", HD_RPC_INVALID_PARAMS, "bridges.br0.mirrors.m.to: no port vm2");
	done("mirror.set", "{\"name\":\"m\",\"snap\":null,\"direction\":\"rx\"}");
	result = call("mirror.show", "{\"name\":\"m\"}");
	mirror = json_array_get(result, 0);
	ck_assert_str_eq(json_string_value(json_object_get(mirror, "to")), "vm2");
	ck_assert_str_eq(json_string_value(json_object_get(mirror, "direction")), "rx");
	ck_assert_int_eq(json_integer_value(json_object_get(mirror, "snap")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(mirror, "packets")), 7);
	ck_assert_uint_eq(json_array_size(json_object_get(mirror, "ports")), 1);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(mirror, "ports"), 0)), "vm1");
	json_decref(result);
	done("mirror.del", "{\"name\":\"m\"}");
	done("port.del", "{\"name\":\"vm2\"}");
}
END_TEST

START_TEST(test_show)
{
	json_t *result, *port;

	two_bridges();
	result = call("port.show", "{\"bridge\":\"br0\"}");
	ck_assert_uint_eq(json_array_size(result), 2);
	port = json_array_get(result, 0);
	ck_assert_str_eq(json_string_value(json_object_get(port, "name")), "vm1");
	ck_assert_str_eq(json_string_value(json_object_get(port, "kind")), "vhost");
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(port, "config"), "vlan")), 10);
	ck_assert(json_is_false(json_object_get(port, "up")));
	ck_assert(json_is_object(json_object_get(json_object_get(port, "stats"), "rx")));
	json_decref(result);
	result = call("port.stats", "{\"name\":\"vm2\"}");
	ck_assert_uint_eq(json_array_size(result), 1);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(result, 0), "name")), "vm2");
	json_decref(result);
	result = call("bridge.show", "{}");
	ck_assert_uint_eq(json_array_size(result), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(result, 0), "ports")), 2);
	json_decref(result);
	result = call("drop.show", "{}");
	ck_assert(json_is_object(json_object_get(result, "balance")));
	json_decref(result);
	result = call("drop.frames", "{\"max\":1}");
	ck_assert_uint_eq(json_array_size(result), 1);
	json_decref(result);
	result = call("drop.frames", "{\"port\":\"old\"}");
	ck_assert_uint_eq(json_array_size(result), 1);
	json_decref(result);
	result = call("drop.frames", "{\"port\":\"vm2\"}");
	ck_assert_uint_eq(json_array_size(result), 0);
	json_decref(result);
	result = call("version", "{}");
	ck_assert(json_is_string(json_object_get(result, "version")));
	ck_assert(json_is_string(json_object_get(result, "dpdk")));
	json_decref(result);
}
END_TEST

/* Pages hold every entry once. */
START_TEST(test_fdb_pages)
{
	char params[128];
	json_t *result, *seen = json_object(), *entry, *cursor;
	long long at = 0;
	size_t i;

	two_bridges();
	control.learnt = 5000;
	do {
		snprintf(params, sizeof(params), "{\"bridge\":\"br0\",\"cursor\":%lld,\"max\":700}", at);
		result = call("fdb.show", params);
		ck_assert_uint_le(json_array_size(json_object_get(result, "entries")), 700);
		json_array_foreach (json_object_get(result, "entries"), i, entry)
			ck_assert_int_eq(json_object_set_new_nocheck(
						 seen, json_string_value(json_object_get(entry, "mac")), json_null()),
					 0);
		cursor = json_object_get(result, "cursor");
		at = json_integer_value(cursor);
		json_decref(result);
	} while (at > 0);
	ck_assert_uint_eq(json_object_size(seen), 5000);
	json_decref(seen);
	result = call("fdb.flush", "{\"bridge\":\"br0\",\"port\":\"vm1\"}");
	ck_assert_int_eq(json_integer_value(json_object_get(result, "flushed")), 5000);
	json_decref(result);
}
END_TEST

START_TEST(test_fdb_static)
{
	static const char vm1[] = "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:0A\",\"port\":\"vm1\"}";

	two_bridges();
	control.learnt = 3;
	done("fdb.add", vm1); /* in VLAN 10, the port's */
	refused("fdb.add", vm1, HD_RPC_INVALID_PARAMS, "already used by bridges.br0.fdb[0].mac");
	ck_assert_int_eq(control.config->bridges[0].fdb[0].vlan, 10);
	done("fdb.add", "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:0a\",\"port\":\"vm2\",\"vlan\":20}");
	refused("fdb.del", "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:0a\"}", HD_RPC_REFUSED, "several VLANs");
	done("fdb.del", "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:0a\",\"vlan\":20}");
	done("fdb.del", "{\"bridge\":\"br0\",\"mac\":\"52:54:00:00:00:0a\"}");
	ck_assert_uint_eq(control.config->bridges[0].n_fdb, 0);
	ck_assert_uint_eq(control.changes_made, 8);
	done("fdb.del", "{\"bridge\":\"br0\",\"mac\":\"02:00:00:00:00:01\"}"); /* learnt */
	ck_assert_uint_eq(control.learnt, 2);
	ck_assert_uint_eq(control.changes_made, 8);
}
END_TEST

START_TEST(test_config)
{
	json_t *result;
	char *yaml, *text;

	two_bridges();
	result = call("config.show", "{}");
	yaml = json_dumps(json_object_get(result, "yaml"), JSON_ENCODE_ANY);
	ck_assert_int_ge(asprintf(&text, "{\"yaml\":%s}", yaml), 0);
	free(yaml);
	json_decref(result);
	done("bridge.del", "{\"name\":\"br0\",\"force\":true}");
	result = call("config.apply", "{\"document\":{\"bridges\":{}},\"dry_run\":true}");
	ck_assert_uint_eq(json_array_size(json_object_get(result, "changes")), 1);
	ck_assert_uint_eq(control.config->n_bridges, 1);
	json_decref(result);
	result = call("config.apply", text); /* what it showed, it takes */
	ck_assert_uint_eq(json_array_size(json_object_get(result, "changes")), 3);
	ck_assert_uint_eq(control.config->n_bridges, 2);
	json_decref(result);
	result = call("config.apply", text);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "changes")), 0);
	json_decref(result);
	free(text);
}
END_TEST

START_TEST(test_confirm)
{
	static const char timed[] = "{\"document\":{},\"confirm\":30}";

	two_bridges();
	control.broken = true;
	refused("config.apply", timed, HD_RPC_REFUSED, "Address already in use");
	ck_assert_int_eq(control.pending, -1);
	control.broken = false;
	done("config.apply", timed);
	ck_assert_int_eq(control.pending, 30);
	refused("config.apply", timed, HD_RPC_REFUSED, "not confirmed (30 s left)");
	done("config.confirm", "{}");
	ck_assert_int_eq(control.pending, -1);
	done("config.rollback", "{}");
	ck_assert_uint_eq(control.config->n_bridges, 2);
}
END_TEST

/* The file is replaced as a whole, keeps its mode, and nothing is left beside it. */
START_TEST(test_save)
{
	char directory[] = "/tmp/heddle-test-XXXXXX", file[64], link[64];
	struct stat st;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/a.yaml", directory);
	snprintf(link, sizeof(link), "%s/link.yaml", directory);
	two_bridges();
	control.file = file;
	done("config.save", "{}");
	ck_assert_int_eq(chmod(file, 0600), 0);
	ck_assert_int_eq(symlink(file, link), 0);
	control.file = link;
	done("config.save", "{}");
	ck_assert_int_eq(lstat(link, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_gt(st.st_size, 0);
	control.file = directory;
	refused("config.save", "{}", HD_RPC_REFUSED, "Is a directory");
	control.file = "/nonexistent/a.yaml";
	refused("config.save", "{}", HD_RPC_REFUSED, "/nonexistent/a.yaml: can't save: No such file");
	unlink(link);
	unlink(file);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("cmd");
	TCase *tcase = tcase_create("cmd");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_refusals, 0, N(refusals));
	tcase_add_test(tcase, test_ports);
	tcase_add_test(tcase, test_mirrors);
	tcase_add_test(tcase, test_show);
	tcase_add_test(tcase, test_fdb_pages);
	tcase_add_test(tcase, test_fdb_static);
	tcase_add_test(tcase, test_config);
	tcase_add_test(tcase, test_confirm);
	tcase_add_test(tcase, test_save);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
