/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules, groups and meters by JSON-RPC and in configurations, with a real control thread and real tables. */
#include <time.h>

#include <rte_cycles.h>

#include "flow_control.h"

#include "ct/ct.h"
#include "flow_bundle.h"

static const struct {
	const char *method, *key, *text, *words;
} refusals[] = {
	{"flow.add", "flow", "tp_dts=80,actions=drop", "column 1: "},
	{"flow.add", "flow", "tp_dts=80,actions=drop", "did you mean tp_dst?"},
	{"flow.add", "flow", "in_port=vm9,actions=drop", "vm9"},
	{"flow.add", "flow", "actions=output:vm9", "column 16: "},
	{"flow.add", "flow", "priority=70000,actions=drop", "70000"},
	{"flow.add", "flow", "actions=group:7", "group"},
	{"flow.add", "flow", "actions=meter:7,output:vm1", "meter"},
	{"flow.add", "flows", "actions=drop", "flows: \"actions=drop\" is not of type array"},
	{"flow.add", "flwo", "actions=drop", "unknown parameter"},
	{"flow.mod", "match", "x", "unknown parameter"},
	{"flow.del", "flow", "nw_src=300.0.0.1", "column "},
	{"flow.show", "match", "tcp,tp_dts=1", "column 5: "},
	{"flow.add-file", "text", "priority=5,actions=drop\n\n  # note\nadd priority=6,actoins=drop\n",
	 "line:4: column "},
	{"flow.add-file", "text", "  delete tcp,tp_dts=80\n", "line:1: column 14: "},
	{"flow.replace", "text", "priority=5,actions=drop\ndelete tcp\n", "line:2: column 1: a replacement"},
	{"flow.replace", "file", "x", "takes either text"},
	{"group.add", "group", "group_id=1,type=selct,bucket=actions=drop", "column "},
	{"group.mod", "group", "group_id=1,type=all,bucket=actions=output:vm1", "no such group"},
	{"meter.add", "meter", "meter=1,pktps,band=type=drop,rate=x", "column "},
	{"meter.mod", "meter", "meter=1,pktps,band=type=drop,rate=5", "no such meter"},
	{"trace", "flow", "tcp", "in_port"},
	{"trace", "flow", "in_port=vm1,tpc", "column 13: "},
};

/* What is refused says what and where, and leaves everything as it was. */
START_TEST(test_refusals)
{
	world_start();
	refused(refusals[_i].method, with(refusals[_i].key, refusals[_i].text), refusals[_i].words);
	check_flows("null");
	world_stop();
}
END_TEST

START_TEST(test_unknown_bridge)
{
	static const char *const methods[] = {"flow.add",   "flow.mod",   "flow.del",  "flow.show",  "flow.replace",
					      "flow.begin", "group.show", "group.del", "meter.show", "meter.stats"};

	world_start();
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		refused(methods[i], json_pack("{s:s}", "bridge", "br9"), "bridges.br9: no such bridge");
	world_stop();
}
END_TEST

START_TEST(test_add_mod_del)
{
	json_t *result;

	world_start();
	check_flows("null"); /* the default goes without saying */
	done("flow.add", with("flow", "table=0,priority=100,tcp,nw_src=10.0.0.0/8,tp_dst=80,actions=output:vm2"));
	check_flows("[\"priority=100,tcp,nw_src=10.0.0.0/8,tp_dst=80 actions=output:vm2\","
		    " \"priority=0 actions=NORMAL\"]");
	result = call("flow.add", json_pack("{s:s, s:[s, s]}", "bridge", "br0", "flows", "priority=7,udp,actions=drop",
					    "priority=6,arp,actions=NORMAL"));
	ck_assert_int_eq(number(result, "added"), 2);
	json_decref(result);
	/* A list with one that is bad: none. */
	refused("flow.add",
		json_pack("{s:s, s:[s, s]}", "bridge", "br0", "flows", "priority=8,udp,actions=drop", "actions=dorp"),
		"flows[1]: column ");
	result = call("flow.mod", with("flow", "tcp,actions=output:vm1"));
	ck_assert_int_eq(number(result, "modified"), 1);
	json_decref(result);
	result = call("flow.del", json_pack("{s:s, s:s, s:b}", "bridge", "br0", "flow", "priority=7,udp", "strict", 1));
	ck_assert_int_eq(number(result, "removed"), 1);
	json_decref(result);
	check_flows("[\"priority=100,tcp,nw_src=10.0.0.0/8,tp_dst=80 actions=output:vm1\","
		    " \"priority=6,arp actions=NORMAL\", \"priority=0 actions=NORMAL\"]");
	result = call("flow.del", json_pack("{s:s}", "bridge", "br0"));
	ck_assert_int_eq(number(result, "removed"), 3);
	json_decref(result);
	check_flows("[]");
	world_stop();
}
END_TEST

/* Changes of ports and bridges leave flows as they are, and their document has none. */
START_TEST(test_port_change_keeps_flows)
{
	world_start();
	done("flow.add", with("flow", "priority=5,in_port=vm1,actions=output:vm2"));
	add_port("br0", "vm3");
	done("bridge.set", json_pack("{s:s, s:i}", "name", "br0", "ageing", 77));
	ck_assert_ptr_null(json_object_get(
		json_object_get(json_object_get(hd_control_document(world.control), "bridges"), "br0"), "flows"));
	check_flows("[\"priority=5,in_port=vm1 actions=output:vm2\", \"priority=0 actions=NORMAL\"]");
	world_stop();
}
END_TEST

static uint16_t ofport(const char *name)
{
	const struct hd_run_port *port = hd_runtime_port(hd_control_runtime(world.control), name);

	return port != NULL ? port->ofport : 0;
}

/* A number stays with a name that rules use; others are given again, the lowest first. */
START_TEST(test_ofports)
{
	uint16_t two;

	world_start();
	ck_assert_uint_eq(ofport("vm1"), 1);
	two = ofport("vm2");
	ck_assert_uint_eq(two, 2);
	done("flow.add", with("flow", "priority=5,in_port=vm2,actions=output:vm1"));
	done("port.del", json_pack("{s:s}", "name", "vm2"));
	add_port("br0", "vm3");
	ck_assert_uint_eq(ofport("vm3"), 3);
	/* It is named already, so it may be named again. */
	done("flow.add", with("flow", "priority=6,in_port=vm2,actions=drop"));
	check_flows("[\"priority=6,in_port=vm2 actions=drop\", \"priority=5,in_port=vm2 actions=output:vm1\","
		    " \"priority=0 actions=NORMAL\"]");
	add_port("br0", "vm2");
	ck_assert_uint_eq(ofport("vm2"), two);
	done("port.del", json_pack("{s:s}", "name", "vm2"));
	done("flow.del", with("flow", "in_port=vm2"));
	refused("flow.add", with("flow", "in_port=vm2,actions=drop"), "vm2");
	add_port("br0", "vm4");
	ck_assert_uint_eq(ofport("vm4"), two);
	/* Only ports of the same bridge. */
	done("bridge.add", json_pack("{s:s}", "name", "br1"));
	add_port("br1", "vm5");
	refused("flow.add", with("flow", "in_port=vm5,actions=drop"), "vm5");
	world_stop();
}
END_TEST

START_TEST(test_snapshot)
{
	const struct hd_snapshot *snapshot;
	uint64_t serial;
	uint16_t id;

	world_start();
	snapshot = atomic_load(&world.dataplane->snapshot);
	serial = snapshot->serial;
	id = snapshot->by_ofport[ofport("vm2")];
	ck_assert_uint_gt(id, 0);
	ck_assert_str_eq(snapshot->ports[id - 1]->port->name, "vm2");
	ck_assert_uint_eq(snapshot->ports[id - 1]->ofport, ofport("vm2"));
	ck_assert_ptr_eq(snapshot->ports[id - 1]->bridge->tables, run_bridge("br0")->tables);
	add_port("br0", "vm3");
	snapshot = atomic_load(&world.dataplane->snapshot);
	ck_assert_uint_gt(snapshot->serial, serial);
	world_stop();
}
END_TEST

/* Loose filters, paging, members. */
START_TEST(test_show)
{
	json_t *result, *flow, *seen = json_object(), *cursor;
	char text[64];
	json_int_t at = 0;
	size_t i;

	world_start();
	for (unsigned int n = 0; n < 1000; n++) {
		snprintf(text, sizeof(text), "priority=%u,cookie=%u,tcp,tp_dst=%u,actions=output:vm%u", 100 + n % 10, n,
			 n + 1, 1 + n % 2);
		done("flow.add", with("flow", text));
	}
	do {
		result = call("flow.show", json_pack("{s:s, s:i, s:I}", "bridge", "br0", "max", 64, "cursor", at));
		ck_assert_uint_le(json_array_size(json_object_get(result, "flows")), 64);
		json_array_foreach (json_object_get(result, "flows"), i, flow) {
			const char *match = json_string_value(json_object_get(flow, "match"));

			ck_assert_ptr_null(json_object_get(seen, match));
			json_object_set_new(seen, match, json_true());
		}
		cursor = json_object_get(result, "cursor");
		at = json_integer_value(cursor);
		json_decref(result);
	} while (cursor != NULL);
	ck_assert_uint_eq(json_object_size(seen), 1001);
	json_decref(seen);
	result = call("flow.show", with("match", "tcp,tp_dst=17"));
	ck_assert_uint_eq(json_array_size(json_object_get(result, "flows")), 1);
	flow = json_array_get(json_object_get(result, "flows"), 0);
	ck_assert_int_eq(number(flow, "priority"), 106);
	ck_assert_str_eq(json_string_value(json_object_get(flow, "cookie")), "0x10");
	ck_assert_str_eq(json_string_value(json_object_get(flow, "match")), "tcp,tp_dst=17");
	ck_assert_str_eq(json_string_value(json_object_get(flow, "actions")), "output:vm1");
	ck_assert_int_eq(number(flow, "packets"), 0);
	json_decref(result);
	result = call("flow.show", with("match", "out_port=vm2"));
	ck_assert_uint_eq(json_array_size(json_object_get(result, "flows")), 500);
	json_decref(result);
	result = call("flow.show", with("match", "cookie=5/-1"));
	ck_assert_uint_eq(json_array_size(json_object_get(result, "flows")), 1);
	json_decref(result);
	result = call("flow.show", with("match", "udp"));
	ck_assert_uint_eq(json_array_size(json_object_get(result, "flows")), 0);
	json_decref(result);
	world_stop();
}
END_TEST

START_TEST(test_file)
{
	json_t *result;

	world_start();
	result = call("flow.add-file",
		      with("text", "# rules\n\npriority=5,tcp,actions=drop # all of it\r\n"
				   "add priority=6,udp actions=NORMAL\n\tflow add priority=7,arp,actions=NORMAL\n"
				   "delete_strict priority=5,tcp\nmodify udp,actions=drop"));
	ck_assert_int_eq(number(result, "added"), 3);
	json_decref(result);
	check_flows("[\"priority=7,arp actions=NORMAL\", \"priority=6,udp actions=drop\","
		    " \"priority=0 actions=NORMAL\"]");
	world_stop();
}
END_TEST

START_TEST(test_replace)
{
	json_t *result;

	world_start();
	done("flow.replace", with("text", "priority=5,tcp,actions=drop\npriority=6,udp,actions=drop\n"));
	check_flows("[\"priority=6,udp actions=drop\", \"priority=5,tcp actions=drop\"]");
	result = call("flow.replace",
		      json_pack("{s:s, s:[s, s, s]}", "bridge", "br0", "flows", "priority=6,udp,actions=drop",
				"priority=5,tcp,actions=NORMAL", "priority=4,arp,actions=NORMAL"));
	ck_assert_int_eq(number(result, "added"), 1);
	ck_assert_int_eq(number(result, "changed"), 1);
	ck_assert_int_eq(number(result, "removed"), 0);
	ck_assert_int_eq(number(result, "kept"), 1);
	json_decref(result);
	/* The last one of two counts. */
	result = call("flow.replace", with("text", "priority=6,udp,actions=NORMAL\npriority=6,udp,actions=drop\n"));
	ck_assert_int_eq(number(result, "removed"), 2);
	ck_assert_int_eq(number(result, "kept"), 1);
	json_decref(result);
	check_flows("[\"priority=6,udp actions=drop\"]");
	world_stop();
}
END_TEST

static json_int_t begin(bool replace)
{
	json_t *result = call("flow.begin", json_pack("{s:s, s:b, s:s}", "bridge", "br0", "replace", (int)replace,
						      "file", "rules.txt"));
	json_int_t id = number(result, "bundle");

	json_decref(result);
	return id;
}

static json_t *piece(json_int_t bundle, const char *text, int line)
{
	return json_pack("{s:I, s:s, s:i}", "bundle", bundle, "text", text, "line", line);
}

/* Bundles in pieces: nothing before the commit; they are their client's and end with it, or with an error. */
START_TEST(test_bundles)
{
	struct hd_runtime *runtime;
	json_int_t one, other;

	world_start();
	runtime = hd_control_runtime(world.control);
	one = begin(false);
	done("flow.stage", piece(one, "priority=5,tcp,actions=drop\n", 1));
	done("flow.stage", piece(one, "priority=6,tcp,actions=drop\n", 2));
	check_flows("null");
	world.client = "other";
	refused("flow.commit", json_pack("{s:I}", "bundle", one), "no such bundle");
	other = begin(true);
	done("flow.stage", piece(other, "priority=9,actions=drop\n", 1));
	hd_rpc_gone(world.control, "other");
	refused("flow.commit", json_pack("{s:I}", "bundle", other), "no such bundle");
	world.client = "tester";
	done("flow.commit", json_pack("{s:I}", "bundle", one));
	check_flows("[\"priority=6,tcp actions=drop\", \"priority=5,tcp actions=drop\","
		    " \"priority=0 actions=NORMAL\"]");
	refused("flow.commit", json_pack("{s:I}", "bundle", one), "no such bundle");
	one = begin(false);
	done("flow.stage", piece(one, "priority=7,tcp,actions=drop\n", 1));
	refused("flow.stage", piece(one, "priority=8,actions=drop\n  tp_dts=1,actions=drop\n", 16),
		"rules.txt:17: column 3: ");
	refused("flow.commit", json_pack("{s:I}", "bundle", one), "no such bundle");
	one = begin(false);
	done("flow.abort", json_pack("{s:I}", "bundle", one));
	one = begin(false);
	done("flow.stage", piece(one, "priority=7,in_port=vm2,actions=drop\n", 1));
	done("port.del", json_pack("{s:s}", "name", "vm2"));
	add_port("br0", "vm3"); /* vm2's number may be vm3's now */
	refused("flow.commit", json_pack("{s:I}", "bundle", one), "begin again");
	ck_assert_ptr_null(runtime->bundles);
	for (int i = 0; i < HD_BUNDLES_MAX; i++)
		begin(false);
	refused("flow.begin", with("file", "x"), "under way already");
	world_stop(); /* frees them */
}
END_TEST

/* As hd_tables_apply refuses them: with the line. */
START_TEST(test_refused_line)
{
	json_int_t id;

	world_start();
	id = begin(false);
	done("flow.stage", piece(id, "priority=5,tcp,actions=drop\n\npriority=6,tcp,actions=group:9\n", 1));
	refused("flow.commit", json_pack("{s:I}", "bundle", id), "rules.txt:3: ");
	check_flows("null");
	world_stop();
}
END_TEST

START_TEST(test_groups_and_meters)
{
	json_t *result;

	world_start();
	done("group.add",
	     with("group", "group_id=1,type=select,bucket=actions=output:vm1,bucket=weight:2,actions=output:vm2"));
	refused("group.add", with("group", "group_id=1,type=all,bucket=actions=drop"), "group 1: ");
	done("meter.add", with("meter", "meter=3,pktps,band=type=drop,rate=1000"));
	refused("meter.add", with("meter", "meter=3,pktps,band=type=drop,rate=1"), "meter 3: exists already");
	done("meter.mod", with("meter", "meter=3,pktps,band=type=drop,rate=2000"));
	done("flow.add", with("flow", "priority=9,tcp,actions=meter:3,group:1"));
	result = call("group.show", json_pack("{s:s}", "bridge", "br0"));
	ck_assert_uint_eq(json_array_size(result), 1);
	ck_assert_int_eq(number(json_array_get(result, 0), "buckets"), 2);
	json_decref(result);
	result = call("meter.show", json_pack("{s:s}", "bridge", "br0"));
	ck_assert_uint_eq(json_array_size(result), 1);
	ck_assert_int_eq(number(json_array_get(result, 0), "rate"), 2000);
	json_decref(result);
	done("group.del", json_pack("{s:s, s:i}", "bridge", "br0", "id", 1));
	check_flows("null"); /* its rule went with it */
	refused("group.del", json_pack("{s:s, s:i}", "bridge", "br0", "id", 1), "group 1: ");
	refused("meter.del", json_pack("{s:s, s:i}", "bridge", "br0", "id", 9), "meter 9: ");
	done("meter.del", json_pack("{s:s}", "bridge", "br0"));
	world_stop();
}
END_TEST

START_TEST(test_ct)
{
	json_t *result;

	world_start();
	ck_assert_int_eq(hd_dataplane_set_ct_limit(world.dataplane, 1024), 0);
	done("ct.set", json_pack("{s:s, s:i}", "name", "tcp-established", "seconds", 77));
	refused("ct.set", json_pack("{s:s, s:i}", "name", "tcp-tired", "seconds", 77), "tcp-tired is no timeout");
	refused("ct.set", json_pack("{s:s, s:i}", "name", "tcp-established", "seconds", 0), "seconds: 0 is not 1..");
	done("ct.limit", json_pack("{s:i, s:i}", "zone", 5, "limit", 100));
	refused("ct.limit", json_pack("{s:i, s:i}", "zone", 65536, "limit", 100), "zone: 65536 is not 0..65535");
	result = call("ct.stats", json_pack("{s:i}", "zone", 5));
	ck_assert_int_eq(number(json_object_get(result, "timeouts"), "tcp-established"), 77);
	ck_assert_int_eq(number(result, "connections"), 0);
	ck_assert_int_eq(number(result, "limit"), 1024);
	ck_assert_int_eq(number(json_object_get(result, "zone"), "connections"), 0);
	json_decref(result);
	result = call("ct.show", json_object());
	ck_assert_uint_eq(json_array_size(json_object_get(result, "connections")), 0);
	ck_assert_ptr_null(json_object_get(result, "cursor"));
	json_decref(result);
	result = call("ct.flush", json_pack("{s:s, s:s, s:i}", "protocol", "tcp", "dst", "10.0.0.2", "dport", 80));
	ck_assert_int_eq(number(result, "flushed"), 0);
	json_decref(result);
	refused("ct.flush", json_pack("{s:s}", "src", "10.0.0"), "src: 10.0.0 is not an address");
	refused("ct.flush", json_pack("{s:s, s:s}", "src", "10.0.0.1", "dst", "::1"), "different versions");
	refused("ct.flush", json_pack("{s:s}", "protocol", "tpc"), "protocol: tpc is not one of");
	world_stop();
}
END_TEST

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A hundred thousand rules: loading them, and what other commands then cost. Generous limits: machines differ. */
START_TEST(test_many_rules)
{
	static char text[131072];
	double began = seconds(), loaded;
	json_int_t id;
	json_t *result;

	world_start();
	id = begin(false);
	for (unsigned int n = 0; n < 100000; n += 1000) {
		size_t used = 0;

		for (unsigned int i = n; i < n + 1000; i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used,
						 "priority=100,tcp,nw_src=10.%u.%u.%u,tp_dst=80,actions=output:vm2\n",
						 i >> 16, i >> 8 & 255, i & 255);
		done("flow.stage", piece(id, text, (int)n + 1));
	}
	result = call("flow.commit", json_pack("{s:I}", "bundle", id));
	ck_assert_int_eq(number(result, "added"), 100000);
	json_decref(result);
	loaded = seconds();
	ck_assert_msg(loaded - began < 20, "%.1f s to load", loaded - began);
	add_port("br0", "vm3");
	ck_assert_msg(seconds() - loaded < 2, "%.1f s to add a port", seconds() - loaded);
	printf("100,000 rules: %.0f ms to load, %.1f ms to add a port\n", (loaded - began) * 1e3,
	       (seconds() - loaded) * 1e3);
	world_stop();
}
END_TEST

/* One by one. */
START_TEST(test_many_requests)
{
	double began;
	char text[128];

	world_start();
	began = seconds();
	for (unsigned int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "priority=100,tcp,nw_src=10.0.%u.%u,tp_dst=80,actions=output:vm2", i >> 8,
			 i & 255);
		done("flow.add", with("flow", text));
	}
	printf("flow.add: %.0f a second\n", 20000 / (seconds() - began));
	ck_assert_uint_eq(hd_tables_count(run_bridge("br0")->tables), 20001);
	world_stop();
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("cmd_flow");
	TCase *tcase = tcase_create("cmd_flow");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start_workers(2);
	tcase_set_timeout(tcase, 100);
	tcase_add_loop_test(tcase, test_refusals, 0, N(refusals));
	tcase_add_test(tcase, test_unknown_bridge);
	tcase_add_test(tcase, test_add_mod_del);
	tcase_add_test(tcase, test_port_change_keeps_flows);
	tcase_add_test(tcase, test_ofports);
	tcase_add_test(tcase, test_snapshot);
	tcase_add_test(tcase, test_show);
	tcase_add_test(tcase, test_file);
	tcase_add_test(tcase, test_replace);
	tcase_add_test(tcase, test_bundles);
	tcase_add_test(tcase, test_refused_line);
	tcase_add_test(tcase, test_groups_and_meters);
	tcase_add_test(tcase, test_ct);
	tcase_add_test(tcase, test_many_rules);
	tcase_add_test(tcase, test_many_requests);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
