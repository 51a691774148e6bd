/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts of flows that are refused: at which column, with which words; and speed in proportion to length. */
#include "flow/text.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow_ports.h"

struct bad {
	const char *text;
	size_t column;
	const char *error; /* how it begins */
};

static const struct bad bad_flows[] = {
	{"tcp", 4, "actions= is missing"},
	{"", 1, "actions= is missing"},
	{"tpc actions=1", 1, "unknown field tpc (did you mean tcp?)"},
	{"tcp,tp_dts=3 actions=1", 5, "unknown field tp_dts (did you mean tp_dst?)"},
	{"priorty=3 actions=1", 1, "unknown field priorty (did you mean priority?)"},
	{"something_else=3 actions=1", 1, "unknown field something_else"},
	{"tun_id=3 actions=1", 1, "field tun_id is not supported"},
	{"ct_nw_src=1.2.3.4 actions=1", 1, "field ct_nw_src is not supported"},
	{"mpls actions=1", 1, "mpls is not supported"},
	{"dl_src actions=1", 1, "dl_src needs a value"},
	{"=5 actions=1", 1, "a name is missing in front of ="},
	{"dl_src= actions=1", 8, "dl_src needs a value"},
	{"in_port=\"vm1 actions=1", 9, "\" is not closed"},
	/* What is needed. */
	{"tp_dst=80 actions=1", 1, "tp_dst needs tcp, udp, sctp"},
	{"ip,tp_dst=80 actions=1", 4, "tp_dst needs tcp"},
	{"udp,tcp_dst=80 actions=1", 5, "tcp_dst needs tcp or tcp6"},
	{"nw_src=10.0.0.1 actions=1", 1, "nw_src needs ip"},
	{"ipv6,nw_src=10.0.0.1 actions=1", 6, "nw_src needs ip"},
	{"dl_type=0x600,ip_proto=5 actions=1", 15, "nw_proto needs ip or ipv6"},
	{"icmp6,nd_target=fe80::1 actions=1", 7, "nd_target needs icmp6 with icmpv6_type=135 or 136"},
	{"icmp6,icmpv6_type=136,nd_sll=0:0:0:0:0:1 actions=1", 23, "nd_sll needs icmp6 with icmpv6_type=135"},
	{"icmp,tp_src=8 actions=1", 6, "tp_src needs"},
	/* Contradictions. */
	{"tcp,udp actions=1", 5, "udp contradicts"},
	{"ip,ipv6 actions=1", 4, "ipv6 contradicts"},
	{"tcp,tp_dst=80,tp_dst=80 actions=1", 15, "tp_dst is given twice"},
	{"tcp,tp_dst=80,tcp_dst=81 actions=1", 15, "tcp_dst contradicts"},
	{"reg1=1,xreg0=2 actions=1", 8, "xreg0 contradicts"},
	{"dl_vlan=0xffff,dl_vlan_pcp=1 actions=1", 16, "dl_vlan_pcp contradicts"},
	{"priority=1,priority=2 actions=1", 12, "priority is given twice"},
	{"vlan_vid=100 actions=1", 1, "never matches"},
	{"vlan_tci=0x64 actions=1", 1, "never matches"},
	/* Values. */
	{"table=255 actions=1", 7, "table: 255 is not a number in 0..254"},
	{"priority=65536 actions=1", 10, "priority: 65536 is not a number in 0..65535"},
	{"priority=010 actions=1", 10, "priority: 010 is not a number"},
	{"idle_timeout=x actions=1", 14, "idle_timeout: x is not a number"},
	{"cookie=1/1 actions=1", 10, "a new flow's cookie takes no mask"},
	{"out_port=1 actions=1", 1, "out_port does not belong here"},
	{"check_overlap=1 actions=1", 1, "check_overlap takes no value"},
	{"table actions=1", 1, "table takes a value"},
	{"in_port=vm9 actions=1", 9, "no port vm9"},
	{"in_port=vm1/1 actions=1", 13, "in_port takes no mask"},
	{"dl_src=1:2:3:4:5 actions=1", 8, "1:2:3:4:5 is not a MAC address"},
	{"dl_src=1:2:3:4:5:6:7 actions=1", 8, "1:2:3:4:5:6:7 is not a MAC address"},
	{"dl_src=1:2:3:4:5:6/8 actions=1", 20, "8 is not a mask for MAC"},
	{"ip,nw_src=10.0.0.300 actions=1", 11, "10.0.0.300 is not an IPv4 address"},
	{"ip,nw_src=10.0.0.1/33 actions=1", 20, "33 is neither a prefix length nor a mask"},
	{"ipv6,ipv6_src=10.0.0.1 actions=1", 15, "10.0.0.1 is not an IPv6 address"},
	{"ip,nw_ttl=5/1 actions=1", 13, "nw_ttl takes no mask"},
	{"ip,nw_ttl=256 actions=1", 11, "nw_ttl: 256 is not a number in 0..255"},
	{"ip,nw_ecn=4 actions=1", 11, "nw_ecn: 4 is not a number in 0..3"},
	{"arp,arp_op=256 actions=1", 12, "arp_op: 256 is not"},
	{"dl_vlan=4096 actions=1", 9, "dl_vlan: 4096 is not"},
	{"dl_vlan_pcp=8 actions=1", 13, "vlan_pcp: 8 is not"},
	{"ip,ip_frag=maybe actions=1", 12, "ip_frag is no, yes, first, later or not_later"},
	{"ct_state=+trk-xyz actions=1", 15, "unknown ct_state flag xyz"},
	{"ct_state=+trk-trk actions=1", 15, "ct_state flag trk twice"},
	{"ct_state=0x100 actions=1", 10, "ct_state: 0x100 is not"},
	{"reg0=0x100000000 actions=1", 6, "reg0: 0x100000000 is not a number in 0..4294967295"},
	{"reg0=1/0x100000000 actions=1", 8, "reg0: 0x100000000 is not a mask"},
	{"ct_label=0x100000000000000000000000000000000 actions=1", 10, "ct_label: 0x1000"},
	/* Actions. */
	{"actions=vm9", 9, "unknown action or port vm9"},
	{"actions=9", 9, "no port 9"},
	{"actions=outptu:5", 9, "unknown action outptu (did you mean output?)"},
	{"actions=output:vm9", 16, "no port vm9"},
	{"actions=output", 9, "output is written output:VALUE"},
	{"actions=output(port=vm1)", 16, "output(port=PORT,max_len=BYTES) needs both"},
	{"actions=output(port=vm1,max_len=5)", 33, "max_len: 5 is not a number in 14..65535"},
	{"actions=output:reg0[33]", 21, "reg0: 33 is not a number in 0..31"},
	{"actions=drop,1", 14, "drop stands alone"},
	{"actions=1,drop", 11, "drop stands alone"},
	{"actions=note:00", 9, "action note is not supported"},
	{"actions=clone(1)", 9, "action clone is not supported"},
	{"actions=set_queue:1", 9, "action set_queue is not supported"},
	{"actions=output:1(", 17, "( is not closed"},
	{"actions=ct_clear(1)", 9, "ct_clear is written ct_clear"},
	{"actions=learn(table=1))", 23, "a comma is missing"},
	{"actions=set_field:1->dl_type", 22, "dl_type can't be changed"},
	{"actions=set_field:1->vlan_vid", 22, "vlan_vid needs a VLAN tag"},
	{"actions=set_field:1->nw_ttl", 22, "nw_ttl needs ip or ipv6"},
	{"dl_vlan=1,actions=pop_vlan,set_field:1->vlan_pcp", 41, "vlan_pcp needs a VLAN tag"},
	{"actions=set_field:1", 19, "-> is missing"},
	{"actions=set_field:1->reg99", 22, "unknown field reg99"},
	{"actions=set_field:1/0->reg0", 24, "no bit of reg0 is set"},
	{"actions=load:5->reg0[0..1]", 14, "5 is not a number of 2 bits"},
	{"actions=move:reg0->reg1[0..4]", 20, "32 bits do not go into 5"},
	{"actions=set_field:1->ct_mark", 22, "ct_mark is changed in ct(commit,exec(...)) only"},
	{"actions=mod_nw_tos:9", 20, "mod_nw_tos sets the DSCP"},
	{"actions=mod_vlan_vid:4096", 22, "vlan_vid: 4096 is not"},
	{"actions=push_vlan:0x9100", 19, "push_vlan takes 0x8100 or 0x88a8"},
	{"ip,actions=dec_ttl(1)", 20, "dec_ttl with controllers"},
	{"actions=dec_ttl", 9, "nw_ttl needs ip or ipv6"},
	{"table=4,actions=goto_table:4", 28, "goto_table goes to later tables only, 4 is"},
	{"actions=goto_table:4,1", 22, "nothing may follow goto_table"},
	{"actions=resubmit(,1,ct)", 21, "resubmit with ct is not supported"},
	{"actions=resubmit()", 9, "resubmit(PORT,TABLE) needs"},
	{"actions=group:4294967041", 15, "group: 4294967041 is not"},
	{"actions=meter:0", 15, "meter: 0 is not"},
	{"actions=ct(commit)", 9, "ct needs ip or ipv6"},
	{"ip,actions=ct(table=4),1", 24, "nothing may follow ct(table=...)"},
	{"ip,actions=ct(table=255)", 21, "ct's table: 255 is not"},
	{"ip,actions=ct(commit,commit)", 22, "ct: commit twice"},
	{"ip,actions=ct(force)", 12, "ct: force, exec and nat(src or dst) need commit"},
	{"ip,actions=ct(alg=ftp)", 15, "ct's alg is not supported"},
	{"ip,actions=ct(timeout=x)", 15, "ct: timeout is not supported"},
	{"ip,actions=ct(zone=reg0[0..7])", 20, "a zone has 16 bits, not 8"},
	{"ip,actions=ct(commit,nat(src=10.0.0.9-10.0.0.1))", 39, "nat: the range ends before it begins"},
	{"ip,actions=ct(commit,nat(src=fe80::1))", 26, "nat: an IPv6 address, but the flow matches ip"},
	{"ip,actions=ct(commit,nat(src=10.0.0.1:0))", 39, "nat's port: 0 is not"},
	{"ip,actions=ct(commit,nat(src,dst))", 30, "nat takes src or dst, once"},
	{"ip,actions=ct(commit,nat(random))", 26, "nat: random and persistent go with"},
	{"ip,actions=ct(commit,exec(1))", 27, "exec() takes"},
	{"ip,actions=ct(commit,exec())", 27, "exec() is empty"},
	{"ip,actions=ct(commit,exec(load:1->reg0))", 35, "exec() changes ct_mark and ct_label, not reg0"},
	{"actions=learn(table=255)", 21, "table: 255 is not"},
	{"actions=learn(tcp_dst=5)", 15, "tcp_dst needs tcp or tcp6 in what is learnt"},
	{"actions=learn(fin_idle_timeout=5)", 15, "learn's fin_idle_timeout is not supported"},
	{"actions=learn(reg0[0..3]=reg1)", 26, "4 bits are not matched by 32"},
	{"actions=learn(dl_dst[]=nw_src[])", 24, "nw_src needs ip in the match"},
	{"actions=learn(reg0=5/1)", 20, "learn matches no masks"},
	{"actions=learn(load:1->ct_mark)", 23, "ct_mark can't be changed"},
	{"actions=learn(load:1->dl_type)", 23, "dl_type can't be changed"},
};

static const struct bad bad_mods[] = {
	{"cookie=5", 8, "which bits of the cookie? cookie=5/-1"},
	{"priority=5", 1, "priority is for deleting with --strict"},
	{"actions=1", 1, "actions does not belong here"},
	{"out_group=1", 1, "out_group is not supported"},
	{"idle_timeout=1", 1, "idle_timeout does not belong here"},
	{"tp_dst=1", 1, "tp_dst needs"},
};

static const struct bad bad_groups[] = {
	{"type=all", 9, "group_id= is missing"},
	{"group_id=1", 11, "type= is missing"},
	{"group_id=1,type=some", 17, "type is all, select, ff or indirect, not some"},
	{"group_id=1,group_id=1,type=all", 12, "group_id is given twice"},
	{"group_id=4294967041,type=all", 10, "group_id: 4294967041 is not"},
	{"group_id=2,type=ff,bucket=1", 20, "buckets of type ff need"},
	{"group_id=2,type=all,bucket=weight:5,1", 28, "weight is for groups of type select"},
	{"group_id=2,type=all,bucket=resubmit:1", 28, "resubmit needs a table here"},
	{"group_id=2,type=all,bucket=goto_table:1", 28, "goto_table does not belong into a bucket"},
	{"group_id=2,type=all,bucket=bucket_id:1,1,bucket=bucket_id=1,2", 21, "bucket_id 1 is given twice"},
	{"group_id=2,type=indirect", 25, "a group of type indirect has one bucket, not 0"},
	{"group_id=1,type=all,bucket=actions=1,type=all", 38, "unknown action type"},
	{"group_id=1,type=all,fields(ip_src)", 21, "groups have group_id, type and bucket, not fields"},
	{"group_id=1,type=all,bucket=watch_port:vm9,1", 39, "no port vm9"},
};

static const struct bad bad_meters[] = {
	{"kbps,band=type=drop,rate=5", 27, "meter= is missing"},
	{"meter=0,kbps,band=type=drop,rate=5", 7, "meter: 0 is not a number in 1..65535"},
	{"meter=1,kbps", 13, "a band is missing"},
	{"meter=1,kbps,band=type=dscp_remark,rate=5", 24, "bands of type dscp_remark are not supported"},
	{"meter=1,kbps,band=type=drop,rate=5,band=type=drop,rate=6", 36, "band is given twice"},
	{"meter=1,kbps,pktps,band=type=drop,rate=5", 41, "kbps or pktps, not both"},
	{"meter=1,kbps,band=type=drop,rate=0", 34, "rate: 0 is not"},
	{"meter=1,speed=1", 9, "meters have no speed"},
};

static void check_error(const struct bad *bad, int ret, const struct hd_flow_error *error)
{
	ck_assert_msg(ret == -EINVAL, "%s is accepted", bad->text);
	ck_assert_msg(strncmp(error->text, bad->error, strlen(bad->error)) == 0, "%s: %s", bad->text, error->text);
	ck_assert_msg(error->column == bad->column, "%s: column %zu: %s", bad->text, error->column, error->text);
}

START_TEST(test_flows)
{
	struct hd_flow_error error = {0};
	struct hd_flow_mod mod;
	int ret = hd_flow_parse(bad_flows[_i].text, strlen(bad_flows[_i].text), HD_MOD_ADD, &flow_names, &mod, &error);

	check_error(&bad_flows[_i], ret, &error);
	ck_assert_ptr_null(mod.spec.actions);
}
END_TEST

START_TEST(test_mods)
{
	struct hd_flow_error error = {0};
	struct hd_flow_mod mod;
	int ret = hd_flow_parse(bad_mods[_i].text, strlen(bad_mods[_i].text), HD_MOD_DELETE, &flow_names, &mod, &error);

	check_error(&bad_mods[_i], ret, &error);
}
END_TEST

START_TEST(test_groups)
{
	const struct bad *bad = &bad_groups[_i];
	struct hd_flow_error error = {0};
	struct hd_group *group;
	int ret = hd_flow_parse_group(bad->text, strlen(bad->text), &flow_names, &group, &error);

	check_error(bad, ret, &error);
	ck_assert_ptr_null(group);
}
END_TEST

START_TEST(test_meters)
{
	struct hd_flow_error error = {0};
	struct hd_meter_conf conf;
	int ret = hd_flow_parse_meter(bad_meters[_i].text, strlen(bad_meters[_i].text), &conf, &error);

	check_error(&bad_meters[_i], ret, &error);
}
END_TEST

START_TEST(test_match)
{
	struct hd_flow_error error = {0};
	struct hd_match match;

	ck_assert_int_eq(hd_flow_parse_match("tcp,priority=5", 14, NULL, &match, &error), -EINVAL);
	ck_assert_uint_eq(error.column, 5);
	ck_assert_str_eq(error.text, "priority does not belong into a match");
}
END_TEST

/* What is printed is printable, whatever was typed, and is cut to size. */
START_TEST(test_bytes)
{
	struct hd_flow_error error = {0};
	struct hd_flow_mod mod;
	char text[300];

	memset(text, 0xff, sizeof(text));
	ck_assert_int_eq(hd_flow_parse(text, sizeof(text), HD_MOD_ADD, &flow_names, &mod, &error), -EINVAL);
	for (const char *c = error.text; *c; c++)
		ck_assert(*c >= 0x20 && *c < 0x7f);
	ck_assert_uint_lt(strlen(error.text), 100);
	memcpy(text, "dl\0src=1", 8);
	ck_assert_int_eq(hd_flow_parse(text, 8, HD_MOD_ADD, &flow_names, &mod, &error), -EINVAL);
}
END_TEST

/* The longest text, of many actions, and one byte more. */
START_TEST(test_long)
{
	size_t size = HD_FLOW_TEXT_MAX + 1;
	char *text = malloc(size + 1);
	struct hd_flow_error error;
	struct hd_flow_mod mod;

	memcpy(text, "actions=", 8);
	for (size_t i = 8; i < size; i++)
		text[i] = i % 2 ? ',' : '1';
	ck_assert_int_eq(hd_flow_parse(text, size - 1, HD_MOD_ADD, NULL, &mod, &error), 0);
	ck_assert_uint_eq(mod.spec.actions->n, (HD_FLOW_TEXT_MAX - 8) / 2);
	hd_actions_free(mod.spec.actions);
	ck_assert_int_eq(hd_flow_parse(text, size, HD_MOD_ADD, NULL, &mod, &error), -EINVAL);
	ck_assert_uint_eq(error.column, HD_FLOW_TEXT_MAX + 1);
	/* Parentheses to the bottom: read once, not once a level. */
	memset(text + 8, '(', size - 9);
	memcpy(text + 8, "learn", 5);
	ck_assert_int_eq(hd_flow_parse(text, size - 1, HD_MOD_ADD, NULL, &mod, &error), -EINVAL);
	free(text);
}
END_TEST

/* 100,000 rules are far below a second; sanitizers get ten times that. */
START_TEST(test_speed)
{
	static const char text[] = "table=0,priority=100,ct_state=+trk+est,tcp,in_port=vm1,dl_src=00:11:22:33:44:55,"
				   "nw_src=10.1.2.0/24,nw_dst=10.1.2.3,tp_dst=80,"
				   "actions=set_field:00:11:22:33:44:66->eth_dst,dec_ttl,output:vm2";
	clock_t start = clock();
	struct hd_flow_error error;
	struct hd_flow_mod mod;

	for (int i = 0; i < 100000; i++) {
		ck_assert_int_eq(hd_flow_parse(text, sizeof(text) - 1, HD_MOD_ADD, &flow_names, &mod, &error), 0);
		hd_actions_free(mod.spec.actions);
	}
	ck_assert_msg(clock() - start < 10 * CLOCKS_PER_SEC, "%g s", (double)(clock() - start) / CLOCKS_PER_SEC);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_errors");
	TCase *tests = tcase_create("flow_errors");
	SRunner *runner;
	int failed;

#define LOOP(test, table) tcase_add_loop_test(tests, test, 0, sizeof(table) / sizeof((table)[0]))
	tcase_set_timeout(tests, 60);
	LOOP(test_flows, bad_flows);
	LOOP(test_mods, bad_mods);
	LOOP(test_groups, bad_groups);
	LOOP(test_meters, bad_meters);
	tcase_add_test(tests, test_match);
	tcase_add_test(tests, test_bytes);
	tcase_add_test(tests, test_long);
	tcase_add_test(tests, test_speed);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
