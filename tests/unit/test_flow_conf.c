/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows, groups and meters in configurations: applied, refused, compared, rolled back and shown as what can be read. */
#include <time.h>

#include "flow_control.h"

static json_t *yaml(const char *text)
{
	return json_pack("{s:s, s:s}", "yaml", text, "file", "switch.yaml");
}

/* br0 with its two ports, and what follows, indented by four. */
static const char base[] = "bridges:\n"
			   "  br0:\n"
			   "    ports:\n"
			   "      vm1: {vhost: /run/vm1}\n"
			   "      vm2: {vhost: /run/vm2}\n";

static json_t *with_base(const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", base, more);
	return yaml(text);
}

static const struct {
	const char *more, *words;
} refusals[] = {
	{"    flows: {}\n", "switch.yaml:6: bridges.br0.flows: an object is not a list"},
	{"    flows:\n    - 5\n", "switch.yaml:7: bridges.br0.flows[0]: 5 is not text"},
	{"    flows: [actions=drop, \"priority=7,tp_dts=1,actions=drop\"]\n",
	 "switch.yaml:6: bridges.br0.flows[1]: column 12: "},
	{"    flows:\n    - actions=drop\n    - \"tcp,tp_dts=1,actions=drop\"\n",
	 "switch.yaml:8: bridges.br0.flows[1]: column 5: "},
	{"    flows: [\"actions=output:vm9\"]\n", "vm9"},
	{"    flows: [\"actions=group:9\"]\n", "flows[0]: there is no group 9"},
	{"    flows: [\"actions=meter:9,output:vm1\"]\n", "flows[0]: there is no meter 9"},
	{"    groups: [\"group_id=1,type=all,bucket=actions=group:2\"]\n", "groups[0]: there is no group 2"},
	{"    groups: [\"group_id=1,type=all,bucket=actions=drop\", \"group_id=1,type=all,bucket=actions=drop\"]\n",
	 "groups[1]: group 1 is in groups[0] already"},
	{"    meters: [\"meter=1,pktps,band=type=drop,rate=5\", \"meter=1,pktps,band=type=drop,rate=5\"]\n",
	 "meters[1]: meter 1 is in meters[0] already"},
	{"    meters: [\"meter=x\"]\n", "bridges.br0.meters[0]: column "},
	{"    absent-ports: [all]\n", "absent-ports[0]: not a name"},
	{"    flow: [x]\n", "unknown key (did you mean flows?)"},
	{"flow-cache: 0\n", "switch.yaml:6: flow-cache: 0 is not 1..65536"},
	{"ct-limit: many\n", "ct-limit: \"many\" is not a whole number"},
};

START_TEST(test_refusals)
{
	json_t *before, *after;

	world_start();
	done("flow.add", with("flow", "priority=5,tcp,actions=output:vm2"));
	before = call("config.show", json_object());
	refused("config.apply", with_base(refusals[_i].more), refusals[_i].words);
	after = call("config.show", json_object());
	ck_assert(json_equal(before, after));
	json_decref(before);
	json_decref(after);
	world_stop();
}
END_TEST

static const char full[] = "flow-cache: 64\n"
			   "bridges:\n"
			   "  br0:\n"
			   "    ports:\n"
			   "      vm1: {vhost: /run/vm1}\n"
			   "      vm2: {vhost: /run/vm2}\n"
			   "      vm3: {vhost: /run/vm3}\n"
			   "    groups:\n"
			   "    - \"group_id=1,type=all,bucket=actions=group:2\"\n" /* before the one that it needs */
			   "    - \"group_id=2,type=all,bucket=actions=output:vm3\"\n"
			   "    - \"group_id=3,type=all,bucket=actions=group:1\"\n"
			   "    meters:\n"
			   "    - \"meter=4,pktps,band=type=drop,rate=1000\"\n"
			   "    flows:\n"
			   "    - \"priority=9,in_port=vm3,actions=meter:4,group:1\"\n"
			   "    - \"priority=0,actions=NORMAL\"\n";

static const char full_flows[] = "[\"priority=9,in_port=vm3 actions=meter:4,group:1\", \"priority=0 actions=NORMAL\"]";

/* A dry run tells and changes nothing; what is shown can be applied and changes nothing. */
START_TEST(test_apply)
{
	json_t *result, *change, *params = yaml(full), *shown;

	world_start();
	json_object_set_new(params, "dry_run", json_true());
	result = call("config.apply", params);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "changes")), 3);
	change = json_array_get(json_object_get(result, "changes"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(change, "change")), "config set");
	change = json_array_get(json_object_get(result, "changes"), 2);
	ck_assert_str_eq(json_string_value(json_object_get(change, "change")), "flow set");
	ck_assert_int_eq(number(json_object_get(change, "flows"), "added"), 1);
	ck_assert_int_eq(number(json_object_get(change, "flows"), "removed"), 0);
	ck_assert_int_eq(number(json_object_get(change, "groups"), "added"), 3);
	ck_assert_int_eq(number(json_object_get(change, "meters"), "added"), 1);
	json_decref(result);
	check_flows("null");
	ck_assert_ptr_null(hd_runtime_port(hd_control_runtime(world.control), "vm3"));

	done("config.apply", yaml(full));
	check_flows(full_flows);
	shown = call("config.show", json_object());
	result = call("config.apply", json_pack("{s:O}", "yaml", json_object_get(shown, "yaml")));
	ck_assert_uint_eq(json_array_size(json_object_get(result, "changes")), 0);
	json_decref(result);
	done("config.apply", yaml("{}"));
	result = call("config.apply", json_pack("{s:O}", "document", json_object_get(shown, "document")));
	check_flows(full_flows);
	json_decref(result);
	json_decref(shown);
	/* Without flows: the default again. */
	done("config.apply", with_base(""));
	check_flows("null");
	for (uint32_t id = 1; id <= 3; id++)
		ck_assert_ptr_null(hd_tables_group(run_bridge("br0")->tables, id));
	ck_assert_ptr_null(hd_tables_meter(run_bridge("br0")->tables, 4));
	ck_assert_uint_eq(hd_tables_count(run_bridge("br0")->tables), 1);
	ck_assert(hd_tables_plain(run_bridge("br0")->tables));
	/* And none at all, which is not the same. */
	done("config.apply", with_base("    flows: []\n"));
	check_flows("[]");
	world_stop();
}
END_TEST

/* Rules that stay are not touched. */
START_TEST(test_apply_keeps)
{
	const struct hd_rule *rule, *kept = NULL;
	uint32_t cursor = 0;
	bool found = false;

	world_start();
	done("config.apply",
	     with_base("    flows: [\"priority=5,tcp,actions=drop\", \"priority=4,udp,actions=drop\"]\n"));
	while ((rule = hd_tables_next(run_bridge("br0")->tables, &cursor)) != NULL)
		if (rule->spec.priority == 5)
			kept = rule;
	ck_assert_ptr_nonnull(kept);
	done("config.apply",
	     with_base("    flows: [\"priority=5,tcp,actions=drop\", \"priority=4,udp,actions=NORMAL\"]\n"));
	cursor = 0;
	while ((rule = hd_tables_next(run_bridge("br0")->tables, &cursor)) != NULL)
		found |= rule == kept;
	ck_assert(found);
	world_stop();
}
END_TEST

START_TEST(test_rollback)
{
	world_start();
	done("flow.add", with("flow", "priority=5,tcp,actions=output:vm2"));
	done("config.apply", yaml(full));
	done("config.rollback", json_object());
	check_flows("[\"priority=5,tcp actions=output:vm2\", \"priority=0 actions=NORMAL\"]");
	ck_assert_ptr_null(hd_runtime_port(hd_control_runtime(world.control), "vm3"));
	ck_assert_ptr_null(hd_tables_group(run_bridge("br0")->tables, 1));
	done("config.rollback", json_object()); /* forth again */
	check_flows(full_flows);
	/* A bridge that was deleted comes back with its flows. */
	done("bridge.del", json_pack("{s:s, s:b}", "name", "br0", "force", 1));
	done("config.rollback", json_object());
	check_flows(full_flows);
	/* A change that is not about flows leaves later ones. */
	done("bridge.set", json_pack("{s:s, s:i}", "name", "br0", "ageing", 5));
	done("flow.del", json_pack("{s:s}", "bridge", "br0"));
	done("config.rollback", json_object());
	ck_assert_int_eq(hd_control_config(world.control)->bridges[0].ageing, HD_AGEING_DEFAULT);
	check_flows("[]");
	world_stop();
}
END_TEST

/* Unless it is confirmed, everything goes back, flows that were changed meanwhile included. */
START_TEST(test_unconfirmed)
{
	json_t *params = with_base("    flows: []\n");
	struct timespec began, now;

	world_start();
	done("flow.add", with("flow", "priority=5,tcp,actions=output:vm2"));
	json_object_set_new(params, "confirm", json_integer(1));
	done("config.apply", params);
	check_flows("[]");
	done("flow.add", with("flow", "priority=6,udp,actions=drop"));
	clock_gettime(CLOCK_MONOTONIC, &began);
	do {
		event_base_loop(world.base, EVLOOP_ONCE);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (hd_control_pending(world.control) >= 0 && now.tv_sec - began.tv_sec < 10);
	check_flows("[\"priority=5,tcp actions=output:vm2\", \"priority=0 actions=NORMAL\"]");
	world_stop();
}
END_TEST

/* A port that does not open: nothing of the flows is changed. */
START_TEST(test_port_fails)
{
	world_start();
	done("flow.add", with("flow", "priority=5,tcp,actions=output:vm2"));
	fake.fail_open = 1;
	refused("config.apply", yaml(full), "made to fail");
	check_flows("[\"priority=5,tcp actions=output:vm2\", \"priority=0 actions=NORMAL\"]");
	ck_assert_ptr_null(hd_tables_group(run_bridge("br0")->tables, 1));
	world_stop();
}
END_TEST

/* Flows that the tables refuse, though each is right: ports go back as well. */
START_TEST(test_tables_refuse)
{
	world_start();
	done("group.add", with("group", "group_id=2,type=all,bucket=actions=output:vm1"));
	done("flow.add", with("flow", "priority=5,tcp,actions=group:2"));
	refused("config.apply",
		yaml("bridges:\n"
		     "  br0:\n"
		     "    ports:\n"
		     "      vm1: {vhost: /run/vm1}\n"
		     "      vm3: {vhost: /run/vm3}\n"
		     "    groups: [\"group_id=1,type=all,bucket=actions=group:2\","
		     " \"group_id=2,type=all,bucket=actions=group:1\"]\n"),
		"bridges.br0.groups: ");
	check_flows("[\"priority=5,tcp actions=group:2\", \"priority=0 actions=NORMAL\"]");
	ck_assert_ptr_nonnull(hd_runtime_port(hd_control_runtime(world.control), "vm2"));
	ck_assert_ptr_null(hd_runtime_port(hd_control_runtime(world.control), "vm3"));
	ck_assert_ptr_null(hd_tables_group(run_bridge("br0")->tables, 1));
	ck_assert_uint_eq(hd_tables_group(run_bridge("br0")->tables, 2)->bucket[0].actions->action[0].type,
			  HD_ACT_OUTPUT);
	world_stop();
}
END_TEST

/* What is shown while a port is gone that rules name can be read by a switch that has never seen it. */
START_TEST(test_absent_ports)
{
	json_t *shown;

	world_start();
	done("flow.add", with("flow", "priority=5,in_port=vm1,actions=output:vm2"));
	done("port.del", json_pack("{s:s}", "name", "vm2"));
	shown = call("config.show", json_object());
	world_stop();
	world_start();
	done("bridge.del", json_pack("{s:s, s:b}", "name", "br0", "force", 1));
	done("config.apply", json_pack("{s:O}", "yaml", json_object_get(shown, "yaml")));
	json_decref(shown);
	check_flows("[\"priority=5,in_port=vm1 actions=output:vm2\", \"priority=0 actions=NORMAL\"]");
	world_stop();
}
END_TEST

/* Rules with timeouts are no configuration. */
START_TEST(test_timeouts)
{
	world_start();
	done("flow.add", with("flow", "priority=5,tcp,idle_timeout=60,actions=output:vm2"));
	done("flow.add", with("flow", "priority=6,tcp,hard_timeout=60,actions=output:vm2"));
	ck_assert_uint_eq(hd_tables_count(run_bridge("br0")->tables), 3);
	check_flows("null");
	world_stop();
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("flow_conf");
	TCase *tcase = tcase_create("flow_conf");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start_workers(2);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_refusals, 0, N(refusals));
	tcase_add_test(tcase, test_apply);
	tcase_add_test(tcase, test_apply_keeps);
	tcase_add_test(tcase, test_rollback);
	tcase_add_test(tcase, test_unconfirmed);
	tcase_add_test(tcase, test_port_fails);
	tcase_add_test(tcase, test_tables_refuse);
	tcase_add_test(tcase, test_absent_ports);
	tcase_add_test(tcase, test_timeouts);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
