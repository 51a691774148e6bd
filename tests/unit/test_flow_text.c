/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows as text: what is read, how it is written again, and what is refused with which words at which column. */
#include "flow/text.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_ports.h"

/* canonical NULL: the text itself. */
struct good {
	const char *text, *canonical;
};

static const struct good good_matches[] = {
	{"", ""},
	{" , ,", ""},
	{"tcp,tp_dst=80", NULL},
	{"tcp tp_dst=80", "tcp,tp_dst=80"},
	{"tp_dst=80 tcp", "tcp,tp_dst=80"},
	{"tcp,tcp_dst=80", "tcp,tp_dst=80"},
	{"dl_type=0x0800,nw_proto=6,tp_dst=80", "tcp,tp_dst=80"},
	{"eth_type=0x800,ip_proto=17,udp_src=5", "udp,tp_src=5"},
	{"ip,tcp", "tcp"},
	{"udp6,tp_src=5/0xff", "udp6,tp_src=0x5/0xff"},
	{"sctp,sctp_src=5,sctp_dst=6", "sctp,tp_src=5,tp_dst=6"},
	{"sctp6", NULL},
	{"ip,nw_proto=47", NULL},
	{"ipv6,nw_proto=47", NULL},
	{"arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.0/8,arp_sha=00:00:00:00:00:01,arp_tha=00:00:00:00:00:02", NULL},
	{"arp,nw_proto=2,nw_src=10.0.0.1,nw_dst=1.2.3.4", "arp,arp_op=2,arp_spa=10.0.0.1,arp_tpa=1.2.3.4"},
	{"rarp", NULL},
	{"dl_type=0x88cc", NULL},
	{"dl_type=0x5ff", "dl_type=0x05ff"},
	{"in_port=1", "in_port=vm1"},
	{"in_port=vm2", NULL},
	{"in_port=\"vm2\"", "in_port=vm2"},
	{"in_port=3", "in_port=\"normal\""},
	{"in_port=5x", "in_port=\"5x\""},
	{"in_port=local", "in_port=LOCAL"},
	{"in_port:vm1", "in_port=vm1"},
	{"dl_src=1:2:3:4:5:6,eth_dst=ff:FF:ff:ff:ff:ff", "dl_src=01:02:03:04:05:06,dl_dst=ff:ff:ff:ff:ff:ff"},
	{"dl_dst=01:00:00:00:00:00/01:00:00:00:00:00", NULL},
	{"dl_dst=*,nw_src=any,ip", "ip"},
	{"ip,nw_src=10.1.2.3/8", "ip,nw_src=10.0.0.0/8"},
	{"ip,ip_src=10.1.2.3/255.255.0.0", "ip,nw_src=10.1.0.0/16"},
	{"ip,nw_src=10.1.2.3/0xff000000", "ip,nw_src=10.0.0.0/8"},
	{"ip,nw_dst=1.2.3.4/255.0.255.0", "ip,nw_dst=1.0.3.0/255.0.255.0"},
	{"ip,nw_dst=1.2.3.4/0", "ip"},
	{"ip,nw_dst=1.2.3.4/32", "ip,nw_dst=1.2.3.4"},
	{"ipv6,ipv6_src=fe80::1/10,ipv6_dst=2001:DB8::1", "ipv6,ipv6_src=fe80::/10,ipv6_dst=2001:db8::1"},
	{"ipv6,ipv6_src=1:2::3/ffff::ffff", "ipv6,ipv6_src=1::3/ffff::ffff"},
	{"ipv6,ipv6_label=0x12345", NULL},
	{"ip,nw_tos=9,nw_ecn=1,nw_ttl=64", "ip,nw_tos=8,nw_ecn=1,nw_ttl=64"},
	{"ip,ip_dscp=2,ip_ecn=3", "ip,nw_tos=8,nw_ecn=3"},
	{"ip,ip_frag=no", NULL},
	{"ip,nw_frag=yes", "ip,ip_frag=yes"},
	{"ip,ip_frag=first", NULL},
	{"ipv6,ip_frag=later", NULL},
	{"ip,ip_frag=not_later", NULL},
	{"tcp,tcp_flags=+syn-ack", NULL},
	{"tcp,tcp_flags=0x12/0x3f", "tcp,tcp_flags=-fin+syn-rst-psh+ack-urg"},
	{"tcp,tcp_flags=ack|syn", "tcp,tcp_flags=syn|ack"},
	{"tcp,tcp_flags=0x800/0xf00", NULL},
	{"tcp,tcp_flags=0xfff", NULL},
	{"tcp,tcp_flags=0", "tcp,tcp_flags=0x0"},
	{"ct_state=+trk+new-est", "ct_state=+new-est+trk"},
	{"ct_state=0x21/0x21", "ct_state=+new+trk"},
	{"ct_state=trk|est", "ct_state=est|trk"},
	{"ct_state=0x21", "ct_state=new|trk"},
	{"ct_state=-trk", NULL},
	{"ct_zone=5,ct_mark=1/1,ct_label=0xff", "ct_zone=5,ct_mark=0x1/0x1,ct_label=0xff"},
	{"ct_label=0x123456789abcdef0123456789abcdef0/0xffffffff000000000000000000000000",
	 "ct_label=0x12345678000000000000000000000000/0xffffffff000000000000000000000000"},
	{"ct_label=340282366920938463463374607431768211455", "ct_label=0xffffffffffffffffffffffffffffffff"},
	{"icmp,icmp_type=8,icmp_code=0", NULL},
	{"icmp6,icmp_type=135", "icmp6,icmpv6_type=135"},
	{"icmp6,icmpv6_type=135,icmpv6_code=0,nd_target=fe80::1,nd_sll=00:00:00:00:00:01", NULL},
	{"icmp6,icmpv6_type=136,nd_target=fe80::/64,nd_tll=00:00:00:00:00:01", NULL},
	{"reg0=5,reg15=0x5/0xf", "reg0=0x5,reg15=0x5/0xf"},
	{"reg0=5/0xf0", "reg0=0x0/0xf0"},
	{"xreg1=0x100000002", "reg2=0x1,reg3=0x2"},
	{"xxreg3=5", "reg12=0x0,reg13=0x0,reg14=0x0,reg15=0x5"},
	{"metadata=3/0xff", "metadata=0x3/0xff"},
	{"vlan_tci=0x1000/0x1000", NULL},
	{"vlan_tci=0x1005", "dl_vlan=5,dl_vlan_pcp=0"},
	{"vlan_tci=0", "vlan_tci=0x0000"},
	{"dl_vlan=0xffff", "vlan_tci=0x0000/0x1fff"},
	{"dl_vlan=100", NULL},
	{"dl_vlan=100,dl_vlan_pcp=3", NULL},
	{"vlan_pcp=3", "dl_vlan_pcp=3"},
	{"vlan_vid=0x1064/0x1fff", "dl_vlan=100"},
	{"vlan_vid=0x1064/0x107f", "vlan_tci=0x1064/0x107f"},
	{"vlan_tci=0x1000/0x1000,dl_vlan=7", "dl_vlan=7"},
	{"vlan_vid=0", "vlan_tci=0x0000/0x1fff"},
	{"dl_vlan=5,dl_vlan2=6,dl_vlan_pcp2=1", NULL},
	{"vlan_tci2=0", "vlan_tci2=0x0000"},
};

/* With "actions=" in front, of a flow that matches tcp and a tag. */
static const struct good good_actions[] = {
	{"", "drop"},
	{"drop", NULL},
	{"1", "output:vm1"},
	{"vm1,vm2 5x", "output:vm1,output:vm2,output:\"5x\""},
	{"output:vm1", NULL},
	{"output:\"drop\",\"drop\"", "output:drop,output:drop"},
	{"output:LOCAL,local", "LOCAL,LOCAL"},
	{"output:normal,output:\"normal\"", "NORMAL,output:\"normal\""},
	{"output:reg0[..]", "output:reg0[]"},
	{"output:reg0[0..15],output:NXM_NX_REG1[]", "output:reg0[0..15],output:reg1[]"},
	{"output(port=vm1,max_len=100)", NULL},
	{"NORMAL,flood,ALL,in_port", "NORMAL,FLOOD,ALL,IN_PORT"},
	{"controller,controller:100,CONTROLLER:65535", "CONTROLLER:65535,CONTROLLER:100,CONTROLLER:65535"},
	{"controller(reason=no_match,max_len=128,id=3)", "CONTROLLER:128"},
	{"mod_dl_src:00:00:00:00:00:01", "set_field:00:00:00:00:00:01->dl_src"},
	{"mod_nw_src:10.0.0.1,mod_nw_dst:10.0.0.2", "set_field:10.0.0.1->nw_src,set_field:10.0.0.2->nw_dst"},
	{"mod_nw_tos:8,mod_nw_ecn:2,mod_nw_ttl:3", "set_field:2->ip_dscp,set_field:2->nw_ecn,set_field:3->nw_ttl"},
	{"mod_tp_src:5,mod_tp_dst:6", "set_field:5->tcp_src,set_field:6->tcp_dst"},
	{"mod_vlan_vid:5,mod_vlan_pcp:3", "set_field:4101->vlan_vid,set_field:3->vlan_pcp"},
	{"set_field:5->vlan_vid,set_field:0x1006->dl_vlan", "set_field:4101->vlan_vid,set_field:4102->vlan_vid"},
	{"load:5->OXM_OF_VLAN_VID[0..3]", "set_field:0x1005/0x100f->vlan_vid"},
	{"strip_vlan,pop_vlan", "pop_vlan,pop_vlan"},
	{"pop_vlan,mod_vlan_vid:5", "pop_vlan,set_field:0x1005/0x1fff->vlan_tci"},
	{"pop_vlan,push_vlan:0x88a8,set_field:3->vlan_pcp", NULL},
	{"load:0->NXM_OF_VLAN_TCI[],mod_vlan_vid:5",
	 "set_field:0x0000->vlan_tci,push_vlan:0x8100,set_field:4101->vlan_vid"},
	{"set_field:10.0.0.1->ip_src", "set_field:10.0.0.1->nw_src"},
	{"set_field:10.0.0.1/24->ip_src", "set_field:10.0.0.0/24->nw_src"},
	{"set_field:0x5/0xf->reg3", NULL},
	{"set_field:5->reg3[4..7]", "set_field:0x50/0xf0->reg3"},
	{"load:0xa->NXM_NX_REG0[3..8]", "set_field:0x50/0x1f8->reg0"},
	{"load:0x001122334455->NXM_OF_ETH_DST[]", "set_field:00:11:22:33:44:55->dl_dst"},
	{"load:1->nw_ttl[7]", "load:0x1->nw_ttl[7]"},
	{"load:8->NXM_OF_IP_TOS[]", "set_field:2->ip_dscp"},
	{"load:0->NXM_OF_IN_PORT[],set_field:vm1->in_port", "load:0x0->in_port[],set_field:vm1->in_port"},
	{"set_field:0x10000000000000002->xxreg0", NULL},
	{"set_field:80->tp_dst", "set_field:80->tcp_dst"},
	{"move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],move:reg0[0..15]->reg1[16..31]",
	 "move:nw_src[]->nw_dst[],move:reg0[0..15]->reg1[16..31]"},
	{"push:reg1,pop:NXM_NX_REG0[0..5]", "push:reg1[],pop:reg0[0..5]"},
	{"dec_ttl", NULL},
	{"resubmit(,5),resubmit(1,6)", "resubmit(,5),resubmit(vm1,6)"},
	{"resubmit:1,resubmit(vm1),resubmit(in_port,3)", "resubmit(vm1,7),resubmit(vm1,7),resubmit(,3)"},
	{"resubmit(,255),resubmit(\"5x\",1)", "resubmit(,7),resubmit(\"5x\",1)"},
	{"goto_table:9", NULL},
	{"group:4294967040,meter:65535", NULL},
	{"write_metadata:5/0xff", "set_field:0x5/0xff->metadata"},
	{"ct", "ct()"},
	{"ct(commit,force)", NULL},
	{"ct(zone=5,table=9)", "ct(table=9,zone=5)"},
	{"ct(commit,zone=NXM_NX_REG0[0..15])", "ct(commit,zone=reg0[0..15])"},
	{"ct(nat),ct(commit,nat(src))", NULL},
	{"ct(commit,nat(src=10.0.0.1-10.0.0.5:100-200,random,persistent))",
	 "ct(commit,nat(src=10.0.0.1-10.0.0.5:100-200,persistent,random))"},
	{"ct(commit,nat(dst=10.0.0.1:80,hash))", "ct(commit,nat(dst=10.0.0.1:80))"},
	{"ct(commit,exec(load:1->ct_mark,set_field:5/7->ct_label,move:reg0[]->ct_mark[]))",
	 "ct(commit,exec(set_field:0x1->ct_mark,set_field:0x5/0x7->ct_label,move:reg0[]->ct_mark[]))"},
	{"ct_clear", NULL},
	{"learn()", "learn(table=1)"},
	{"learn(table=10,priority=99,idle_timeout=60,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],"
	 "load:0->NXM_OF_VLAN_TCI[],output:NXM_OF_IN_PORT[])",
	 "learn(table=10,idle_timeout=60,priority=99,vlan_tci[0..11],dl_dst[]=dl_src[],load:0x0->vlan_tci[],"
	 "output:in_port[])"},
	{"learn(dl_type=0x800,nw_proto=6,tcp_dst=tcp_src,tp_src=5,load:reg0->reg1,delete_learned,limit=5,cookie=1)",
	 "learn(table=1,cookie=0x1,limit=5,delete_learned,dl_type=0x0800,nw_proto=6,tcp_dst[]=tcp_src[],tcp_src=5,"
	 "load:reg0[]->reg1[])"},
	{"learn(NXM_OF_ETH_TYPE[],NXM_OF_IP_PROTO[],tcp_dst=tcp_src)",
	 "learn(table=1,dl_type[],nw_proto[],tcp_dst[]=tcp_src[])"},
	{"learn(dl_vlan=5,in_port=vm1,eth_dst=00:00:00:00:00:01,reg0[0..3]=5)",
	 "learn(table=1,dl_vlan=5,in_port=vm1,dl_dst=00:00:00:00:00:01,reg0[0..3]=0x5)"},
};

static const struct good good_flows[] = {
	{"actions=drop", NULL},
	{"action=drop", "actions=drop"},
	{"priority=5 actions=1", "priority=5 actions=output:vm1"},
	{"table=3,priority=0,ip,actions=resubmit(,2)", "table=3,priority=0,ip actions=resubmit(,2)"},
	{"cookie=5,idle_timeout=5,hard_timeout=6,send_flow_rem,priority=5,check_overlap,reset_counts,importance=3,"
	 "actions=drop",
	 "cookie=0x5,idle_timeout=5,hard_timeout=6,priority=5 actions=drop"},
	{" cookie=0x0, duration=10.5s, table=3, n_packets=5, n_bytes=300, idle_age=5, hard_age=7, "
	 "priority=5,ip,in_port=\"vm1\" actions=drop",
	 "table=3,priority=5,ip,in_port=vm1 actions=drop"},
	{"actions=mod_vlan_vid:5,mod_vlan_pcp:3", "actions=set_field:0x1005/0x1fff->vlan_tci,set_field:3->vlan_pcp"},
	{"actions=mod_vlan_pcp:3", "actions=set_field:0x7000/0xf000->vlan_tci"},
	{"dl_vlan=0xffff,actions=mod_vlan_vid:5",
	 "vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,set_field:4101->vlan_vid"},
	{"ipv6,actions=ct(commit,nat(dst=[fe80::1]-[fe80::5]:5-6))",
	 "ipv6 actions=ct(commit,nat(dst=[fe80::1]-[fe80::5]:5-6))"},
	{"ipv6,actions=ct(commit,nat(src=fe80::1-fe80::5))", "ipv6 actions=ct(commit,nat(src=[fe80::1]-[fe80::5]))"},
	{"arp,actions=load:2->NXM_OF_ARP_OP[],move:arp_spa[]->arp_tpa[],in_port",
	 "arp actions=set_field:2->arp_op,move:arp_spa[]->arp_tpa[],IN_PORT"},
};

static const struct good good_groups[] = {
	{"group_id=1,type=select,bucket=weight:10,actions=output:1,bucket=watch_port:2,actions=output:2",
	 "group_id=1,type=select,bucket=bucket_id:0,weight:10,actions=output:vm1,bucket=bucket_id:1,watch_port:vm2,"
	 "actions=output:vm2"},
	{"group_id=1,type=ff,bucket=bucket_id:5,watch_port:2,output:2,bucket=watch_group:7,actions=1,2",
	 "group_id=1,type=ff,bucket=bucket_id:5,watch_port:vm2,actions=output:vm2,bucket=bucket_id:0,watch_group:7,"
	 "actions=output:vm1,output:vm2"},
	{"group_id=2 type=all bucket=1,2,bucket=", "group_id=2,type=all,bucket=bucket_id:0,actions=output:vm1,output:"
						   "vm2,bucket=bucket_id:1,actions=drop"},
	{"group_id=2,type=indirect,bucket=set_field:1->nw_ttl,ct(commit),resubmit(,3),1",
	 "group_id=2,type=indirect,bucket=bucket_id:0,actions=set_field:1->nw_ttl,ct(commit),resubmit(,3),output:vm1"},
	{"group_id=0,type=fast_failover", "group_id=0,type=ff"},
};

static const struct good good_meters[] = {
	{"meter=1,pktps,burst,band=type=drop,rate=1000,burst_size=100", NULL},
	{"meter=1,band=type=drop rate=5", "meter=1,kbps,band=type=drop,rate=5"},
	{"meter=1 kbps burst stats bands=\ntype=drop rate=5 burst_size=3",
	 "meter=1,kbps,burst,band=type=drop,rate=5,burst_size=3"},
};

static void check_text(const struct good *good, struct hd_text *text)
{
	const char *written = text->data ? text->data : "";

	ck_assert(!text->failed);
	ck_assert_str_eq(written, good->canonical ? good->canonical : good->text);
	free(text->data);
}

START_TEST(test_matches)
{
	const struct good *good = &good_matches[_i];
	struct hd_flow_error error = {0};
	struct hd_match match, again;
	struct hd_text text = {0};

	ck_assert_msg(hd_flow_parse_match(good->text, strlen(good->text), &flow_names, &match, &error) == 0,
		      "%s: %zu: %s", good->text, error.column, error.text);
	hd_flow_format_match(&text, &match, &flow_names);
	ck_assert_int_eq(hd_flow_parse_match(text.data ? text.data : "", text.length, &flow_names, &again, &error), 0);
	ck_assert_mem_eq(&match, &again, sizeof(match));
	for (int i = 0; i < HD_KEY_WORDS; i++)
		ck_assert_uint_eq(match.key.word[i] & ~match.mask.word[i], 0);
	check_text(good, &text);
}
END_TEST

static void check_flow(const struct good *good, const char *prefix)
{
	struct hd_flow_error error = {0};
	struct hd_flow_mod mod, again;
	struct hd_text text = {0};
	char line[1024];

	snprintf(line, sizeof(line), "%s%s", prefix, good->text);
	ck_assert_msg(hd_flow_parse(line, strlen(line), HD_MOD_ADD, &flow_names, &mod, &error) == 0, "%s: %zu: %s",
		      line, error.column, error.text);
	hd_flow_format(&text, &mod.spec, &flow_names);
	ck_assert_msg(hd_flow_parse(text.data, text.length, HD_MOD_ADD, &flow_names, &again, &error) == 0,
		      "%s: %zu: %s", text.data, error.column, error.text);
	ck_assert_mem_eq(&mod.spec.match, &again.spec.match, sizeof(mod.spec.match));
	ck_assert(hd_actions_equal(mod.spec.actions, again.spec.actions));
	if (*prefix) {
		hd_text_clear(&text);
		hd_flow_format_actions(&text, mod.spec.actions, &flow_names);
	}
	check_text(good, &text);
	hd_actions_free(mod.spec.actions);
	hd_actions_free(again.spec.actions);
}

START_TEST(test_actions)
{
	check_flow(&good_actions[_i], "table=7,tcp,dl_vlan=9,actions=");
}
END_TEST

START_TEST(test_flows)
{
	check_flow(&good_flows[_i], "");
}
END_TEST

START_TEST(test_groups)
{
	const struct good *good = &good_groups[_i];
	struct hd_flow_error error = {0};
	struct hd_text text = {0};
	struct hd_group *group;

	ck_assert_msg(hd_flow_parse_group(good->text, strlen(good->text), &flow_names, &group, &error) == 0,
		      "%s: %zu: %s", good->text, error.column, error.text);
	hd_flow_format_group(&text, group, &flow_names);
	check_text(good, &text);
	hd_group_free(group);
}
END_TEST

START_TEST(test_meters)
{
	const struct good *good = &good_meters[_i];
	struct hd_flow_error error = {0};
	struct hd_meter_conf conf;
	struct hd_text text = {0};

	ck_assert_msg(hd_flow_parse_meter(good->text, strlen(good->text), &conf, &error) == 0, "%s: %zu: %s",
		      good->text, error.column, error.text);
	hd_flow_format_meter(&text, &conf);
	check_text(good, &text);
}
END_TEST

/* What changes and deletions say of the flows that they are about. */
START_TEST(test_mods)
{
	struct hd_flow_error error;
	struct hd_flow_mod mod;

	ck_assert_int_eq(hd_flow_parse("", 0, HD_MOD_DELETE, &flow_names, &mod, &error), 0);
	ck_assert(mod.any_table && mod.cookie_mask == 0 && mod.out_port == HD_OFPORT_NONE && !mod.spec.actions);
	ck_assert_int_eq(
		hd_flow_parse("cookie=0x15/0xf,table=0,out_port=vm2", 36, HD_MOD_DELETE, &flow_names, &mod, &error), 0);
	ck_assert(!mod.any_table && mod.cookie_mask == 0xf && mod.spec.cookie == 5 && mod.out_port == 2);
	ck_assert_int_eq(hd_flow_parse("cookie=1/-1,priority=7", 22, HD_MOD_DELETE_STRICT, NULL, &mod, &error), 0);
	ck_assert(mod.cookie_mask == UINT64_MAX && mod.spec.priority == 7);
	ck_assert_int_eq(hd_flow_parse("reset_counts,cookie=3,actions=9", 31, HD_MOD_MODIFY, NULL, &mod, &error), 0);
	ck_assert(mod.any_table && mod.spec.reset_counts && mod.cookie_mask == 0 && mod.spec.cookie == 3);
	ck_assert_uint_eq(mod.spec.actions->action[0].output.ofport, 9); /* without names, numbers */
	hd_actions_free(mod.spec.actions);
	ck_assert_int_eq(hd_flow_parse("check_overlap,actions=", 22, HD_MOD_ADD, NULL, &mod, &error), 0);
	ck_assert(!mod.any_table && mod.spec.check_overlap && mod.spec.priority == 32768);
	ck_assert_int_eq(mod.spec.actions->action[0].type, HD_ACT_DROP);
	hd_actions_free(mod.spec.actions);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_text");
	TCase *tests = tcase_create("flow_text");
	SRunner *runner;
	int failed;

#define LOOP(test, table) tcase_add_loop_test(tests, test, 0, sizeof(table) / sizeof((table)[0]))
	LOOP(test_matches, good_matches);
	LOOP(test_actions, good_actions);
	LOOP(test_flows, good_flows);
	LOOP(test_groups, good_groups);
	LOOP(test_meters, good_meters);
	tcase_add_test(tests, test_mods);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
