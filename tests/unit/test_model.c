/* SPDX-License-Identifier: BSD-3-Clause */
/* The validator: what is accepted and how it is shown, what is refused and in which words. */
#include "model.h"

#include <check.h>
#include <errno.h>
#include <glob.h>

#include "arbitrary.h"
#include "schema.h"
#include "yaml.h"

/* 107 bytes, as many as a UNIX socket's path may have. */
#define LONG_PATH                                                                                                      \
	"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* A configuration from YAML, which must be good YAML. */
static int parse(const char *text, struct hd_config **config, struct hd_error *error)
{
	struct hd_marks *marks;
	json_t *document;
	int rc;

	memset(error, 0, sizeof(*error));
	ck_assert_msg(hd_yaml_parse(text, strlen(text), "f", &document, &marks, error) == 0, "%s", error->text);
	rc = hd_config_parse(document, marks, config, error);
	json_decref(document);
	hd_marks_free(marks);
	return rc;
}

static struct hd_config *good(const char *text)
{
	struct hd_config *config;
	struct hd_error error;

	ck_assert_msg(parse(text, &config, &error) == 0, "%s: %s", text, error.text);
	return config;
}

START_TEST(test_defaults)
{
	struct hd_config *config = good("bridges: {br0: {ports: {vm1: {vhost: /a}}}}");
	const struct hd_bridge_conf *bridge;
	const struct hd_port_conf *port = hd_config_port(config, "vm1", &bridge);

	ck_assert_ptr_eq(bridge, hd_config_bridge(config, "br0"));
	ck_assert_uint_eq(bridge->fdb_limit, 262144);
	ck_assert_uint_eq(bridge->ageing, 300);
	ck_assert_int_eq(port->kind, HD_PORT_VHOST);
	ck_assert_str_eq(port->socket, "/a");
	ck_assert_int_eq(port->mode, HD_VHOST_SERVER);
	ck_assert_int_eq(port->engine, HD_ENGINE_NATIVE);
	ck_assert_str_eq(port->owner, "");
	ck_assert_uint_eq(port->socket_mode, 0660);
	ck_assert_uint_eq(port->queues, 1);
	ck_assert_uint_eq(port->mtu, 1500);
	ck_assert_int_eq(port->pmd[0], -1);
	ck_assert_int_eq(port->pmd[HD_QUEUES_MAX - 1], -1);
	ck_assert_int_eq(port->vlan.mode, HD_VLAN_TRANSPARENT);
	ck_assert(hd_vlan_allowed(&port->vlan, 0) && hd_vlan_allowed(&port->vlan, 4094));
	ck_assert(!port->isolated);
	ck_assert_uint_eq(port->storm[HD_STORM_UNKNOWN], 0);
	ck_assert_ptr_null(hd_config_port(config, "vm2", NULL));
	ck_assert_ptr_null(hd_config_bridge(config, "br1"));
	hd_config_free(config);
}
END_TEST

START_TEST(test_every_key)
{
	struct hd_config *config =
		good("acls: {web: {rules: [allow tcp port 80, deny any]}, ssh: {stateless: true}}\n"
		     "bridges:\n"
		     "  br0:\n"
		     "    fdb-limit: 4096\n"
		     "    ageing: 0\n"
		     "    fdb:\n"
		     "      - {mac: 52:54:00:00:00:0A, vlan: 20, port: up0}\n"
		     "    ports:\n"
		     "      vm1: {vhost: /a, mode: server, engine: dpdk, queues: 2, socket-owner: libvirt-qemu,\n"
		     "            socket-group: 1000, socket-mode: 0600, vlan: 10, isolated: true, mtu: 9000,\n"
		     "            pmd: [1, 2], storm-broadcast: 1, storm-multicast: 2, storm-unknown: 3,\n"
		     "            secure: {mac: [52:54:00:00:00:0A], ip: \"10.0.0.5, fd00::/64\"},\n"
		     "            acl-in: [web, ssh], acl-out: web, acl-default: allow}\n"
		     "      up0: {device: \"01:00.0,x=Y\", trunk: [20, 100-102], native: 1, queues: 4, pmd: 3}\n");
	const struct hd_bridge_conf *bridge = hd_config_bridge(config, "br0");
	const struct hd_port_conf *vm1 = hd_config_port(config, "vm1", NULL),
				  *up0 = hd_config_port(config, "up0", NULL);

	ck_assert_uint_eq(bridge->fdb_limit, 4096);
	ck_assert_uint_eq(bridge->ageing, 0);
	ck_assert_uint_eq(bridge->n_fdb, 1);
	ck_assert_mem_eq(bridge->fdb[0].mac, ((uint8_t[]){0x52, 0x54, 0, 0, 0, 0x0a}), 6);
	ck_assert_uint_eq(bridge->fdb[0].vlan, 20);
	ck_assert_str_eq(bridge->fdb[0].port, "up0");
	ck_assert_uint_eq(vm1->queues, 2);
	ck_assert_str_eq(vm1->owner, "libvirt-qemu");
	ck_assert_str_eq(vm1->group, "1000");
	ck_assert_uint_eq(vm1->socket_mode, 0600);
	ck_assert_int_eq(vm1->vlan.mode, HD_VLAN_ACCESS);
	ck_assert_uint_eq(vm1->vlan.pvid, 10);
	ck_assert(vm1->isolated);
	ck_assert_uint_eq(vm1->mtu, 9000);
	ck_assert_int_eq(vm1->pmd[0], 1);
	ck_assert_int_eq(vm1->pmd[1], 2);
	ck_assert_int_eq(vm1->pmd[2], -1);
	ck_assert_uint_eq(vm1->storm[HD_STORM_BROADCAST], 1);
	ck_assert_uint_eq(vm1->storm[HD_STORM_MULTICAST], 2);
	ck_assert_uint_eq(vm1->storm[HD_STORM_UNKNOWN], 3);
	ck_assert_uint_eq(vm1->secure.n_macs, 1);
	ck_assert_mem_eq(vm1->secure.macs[0], ((uint8_t[]){0x52, 0x54, 0, 0, 0, 0x0a}), 6);
	ck_assert_uint_eq(vm1->secure.n_ips, 2);
	ck_assert_uint_eq(vm1->secure.ips[1].length, 64);
	ck_assert_uint_eq(vm1->acl[HD_ACL_IN].n, 2);
	ck_assert_str_eq(vm1->acl[HD_ACL_IN].name[0], "web");
	ck_assert_str_eq(vm1->acl[HD_ACL_OUT].name[0], "web");
	ck_assert(vm1->acl_allow && !up0->acl_allow);
	ck_assert_uint_eq(hd_config_acl(config, "web")->n_rules, 2);
	ck_assert(hd_config_acl(config, "ssh")->stateless);
	ck_assert_int_eq(up0->kind, HD_PORT_ETHDEV);
	ck_assert_str_eq(up0->device, "0000:01:00.0,x=Y");
	ck_assert_int_eq(up0->vlan.mode, HD_VLAN_TRUNK);
	ck_assert_uint_eq(up0->vlan.pvid, 1);
	for (uint16_t vlan = 0; vlan < 4096; vlan++)
		ck_assert_int_eq(hd_vlan_allowed(&up0->vlan, vlan),
				 vlan == 1 || vlan == 20 || (vlan >= 100 && vlan <= 102));
	ck_assert_int_eq(up0->pmd[3], 3);
	ck_assert_int_eq(up0->pmd[4], -1);
	hd_config_free(config);
}
END_TEST

/* A port's keys as written and as shown. */
static const struct {
	const char *keys, *shown;
} canonical[] = {
	{"vhost: /a", "{\"vhost\": \"/a\"}"},
	{"mtu: 1500, queues: 1, isolated: false, mode: server, socket-mode: 0660, vhost: /a", "{\"vhost\": \"/a\"}"},
	{"vhost: /a, vlan: null, mtu: , trunk: ~", "{\"vhost\": \"/a\"}"},
	{"vhost: /a, trunk: 10", "{\"vhost\": \"/a\", \"trunk\": [10]}"},
	{"vhost: /a, trunk: [4, 3, 2-3, 9, 10]", "{\"vhost\": \"/a\", \"trunk\": [\"2-4\", 9, 10]}"},
	{"vhost: /a, trunk: \"10, 20,100-200\"", "{\"vhost\": \"/a\", \"trunk\": [10, 20, \"100-200\"]}"},
	{"vhost: /a, trunk: all, native: 5", "{\"vhost\": \"/a\", \"trunk\": \"all\", \"native\": 5}"},
	{"vhost: /a, trunk: 1-4094", "{\"vhost\": \"/a\", \"trunk\": \"all\"}"},
	{"vhost: /a, trunk: [10], native: 1", "{\"vhost\": \"/a\", \"trunk\": [10], \"native\": 1}"},
	{"vhost: /a, trunk: [1, 10], native: 1", "{\"vhost\": \"/a\", \"trunk\": [1, 10], \"native\": 1}"},
	{"vhost: /a, trunk: [1], native: 1", "{\"vhost\": \"/a\", \"trunk\": [1], \"native\": 1}"},
	{"vhost: /a, trunk: 2-4094, native: 1", "{\"vhost\": \"/a\", \"trunk\": [\"2-4094\"], \"native\": 1}"},
	{"vhost: /a, pmd: [4]", "{\"vhost\": \"/a\", \"pmd\": 4}"},
	{"vhost: /a, queues: 2, pmd: 4", "{\"vhost\": \"/a\", \"queues\": 2, \"pmd\": 4}"},
	{"vhost: /a, queues: 2, pmd: [4]", "{\"vhost\": \"/a\", \"queues\": 2, \"pmd\": [4]}"},
	{"vhost: /a, socket-group: 12", "{\"vhost\": \"/a\", \"socket-group\": \"12\"}"},
	{"vhost: /a, socket-mode: \"777\"", "{\"vhost\": \"/a\", \"socket-mode\": \"0777\"}"},
	{"device: 01:0A.7", "{\"device\": \"0000:01:0a.7\"}"},
	{"device: \"pci:00AB:01:00.0\"", "{\"device\": \"00ab:01:00.0\"}"},
	{"vhost: " LONG_PATH, "{\"vhost\": \"" LONG_PATH "\"}"},
	{"device: net_null0", "{\"device\": \"net_null0\"}"},
};

START_TEST(test_canonical)
{
	char text[512];
	struct hd_config *config;
	json_t *document, *shown = json_loads(canonical[_i].shown, 0, NULL);

	snprintf(text, sizeof(text), "bridges: {br0: {ports: {p: {%s}}}}", canonical[_i].keys);
	config = good(text);
	document = hd_config_document(config);
	ck_assert_ptr_nonnull(shown);
	ck_assert_msg(
		json_equal(json_object_get(json_object_get(json_object_get(json_object_get(document, "bridges"), "br0"),
							   "ports"),
					   "p"),
			   shown),
		"%s: %s", canonical[_i].keys, json_dumps(document, 0));
	json_decref(document);
	json_decref(shown);
	hd_config_free(config);
}
END_TEST

/* All of a port's keys but the ones under test. */
#define PORT(keys) "bridges: {br0: {ports: {p: {vhost: /a, " keys "}}}}"
#define IN_PORT "f:1: bridges.br0.ports.p"
#define FDB(entry) "bridges: {br0: {" FDB_PORTS ", fdb: [" entry "]}}"
#define MIRROR(keys) "bridges: {br0: {" FDB_PORTS ", mirrors: {m: {" keys "}}}}"
#define IN_MIRROR "f:1: bridges.br0.mirrors.m"
#define FDB_PORTS "ports: {p: {vhost: /a}, q: {vhost: /b, vlan: 5}, t: {vhost: /c, trunk: 7}}"

static const struct {
	const char *text, *error;
} refusals[] = {
	{"[]", "f:1: [] is not a mapping"},
	{"bridge: {}", "f:1: bridge: unknown key (did you mean bridges?)"},
	{"bridges: 1", "f:1: bridges: 1 is not a mapping"},
	{"bridges: {br0: 1}", "f:1: bridges.br0: 1 is not a mapping"},
	{"bridges: {br0: {ports: [a]}}", "f:1: bridges.br0.ports: [\"a\"] is not a mapping"},
	{"bridges: {br0: {ports: {p: }}}",
	 IN_PORT ": needs vhost (a socket's path) or device (a PCI address or device string)"},
	{"bridges:\n  br0:\n    ports:\n      vm1:\n        vhost: /a\n        vlna: 1\n",
	 "f:6: bridges.br0.ports.vm1.vlna: unknown key (did you mean vlan?)"},
	{PORT("qeues: 2"), IN_PORT ".qeues: unknown key (did you mean queues?)"},
	{PORT("zzz: 2"), IN_PORT ".zzz: unknown key"},
	{PORT("\"\\x1b\\n\": 2"), "f:1: bridges.br0.ports.p.?\?: unknown key"},
	{PORT("vlan: 5000"), IN_PORT ".vlan: 5000 is not 1..4094"},
	{PORT("vlan: 0"), IN_PORT ".vlan: 0 is not 1..4094"},
	{PORT("vlan: -1"), IN_PORT ".vlan: -1 is not 1..4094"},
	{PORT("vlan: \"10\""), IN_PORT ".vlan: \"10\" is not a whole number"},
	{PORT("vlan: 1, trunk: 2"), IN_PORT ".trunk: a port has either vlan (access) or trunk, not both"},
	{PORT("vlan: 1, native: 2"), IN_PORT ".native: goes with trunk, not with vlan"},
	{PORT("native: 2"), IN_PORT ".native: needs trunk"},
	{PORT("trunk: []"), IN_PORT ".trunk: is empty: name VLANs, or \"all\""},
	{PORT("trunk: [0]"), IN_PORT ".trunk: 0 is not 1..4094"},
	{PORT("trunk: 4000-5000"), IN_PORT ".trunk: 5000 is not 1..4094"},
	{PORT("trunk: 20-10"), IN_PORT ".trunk: \"20-10\" runs backwards"},
	{PORT("trunk: \"10,,20\""), IN_PORT ".trunk: \"10,,20\" is not a VLAN or a range such as \"100-200\""},
	{PORT("trunk: \"10,\""), IN_PORT ".trunk: \"10,\" is not a VLAN or a range such as \"100-200\""},
	{PORT("trunk: 10-x"), IN_PORT ".trunk: \"10-x\" is not a VLAN or a range such as \"100-200\""},
	{PORT("trunk: true"), IN_PORT ".trunk: true is not a VLAN or a range such as \"100-200\""},
	{PORT("trunk: 99999999999999999999"),
	 IN_PORT ".trunk: \"99999999999999999999\" is not a VLAN or a range such as \"100-200\""},
	{PORT("mtu: big"), IN_PORT ".mtu: \"big\" is not a whole number"},
	{PORT("mtu: 1500.5"), IN_PORT ".mtu: 1500.5 is not a whole number"},
	{PORT("mtu: 67"), IN_PORT ".mtu: 67 is not 68..9216"},
	{PORT("mtu: 9217"), IN_PORT ".mtu: 9217 is not 68..9216"},
	{PORT("mtu: {a: 1}"), IN_PORT ".mtu: an object is not a whole number"},
	{PORT("queues: 0"), IN_PORT ".queues: 0 is not 1..256"},
	{PORT("queues: 257"), IN_PORT ".queues: 257 is not 1..256"},
	{PORT("queues: 129"),
	 IN_PORT ".queues: 129 is not 1..128: vhost-user, and engine dpdk, know no more than 128 queue pairs"},
	{PORT("isolated: yes"), IN_PORT ".isolated: \"yes\" is not true or false"},
	{PORT("isolated: 1"), IN_PORT ".isolated: 1 is not true or false"},
	{PORT("mode: servre"), IN_PORT ".mode: \"servre\" is not server or client"},
	{PORT("engine: vpp"), IN_PORT ".engine: \"vpp\" is not native or dpdk"},
	{PORT("socket-mode: 660"), IN_PORT ".socket-mode: 660 is not permissions in octal such as \"0660\""},
	{PORT("socket-mode: 0689"), IN_PORT ".socket-mode: \"0689\" is not permissions in octal such as \"0660\""},
	{PORT("socket-mode: 1777"), IN_PORT ".socket-mode: 1777 is not permissions in octal such as \"0660\""},
	{PORT("socket-owner: a:b"), IN_PORT ".socket-owner: \"a:b\" is not the name of a user or group"},
	{PORT("socket-owner: \"\""), IN_PORT ".socket-owner: is empty"},
	{PORT("mode: client, socket-group: kvm"),
	 IN_PORT ".socket-group: only with mode server: in mode client the other end creates the socket"},
	{PORT("pmd: -1"), IN_PORT ".pmd: -1 is not 0..1023"},
	{PORT("pmd: [1024]"), IN_PORT ".pmd: 1024 is not 0..1023"},
	{PORT("pmd: [1, 2]"), IN_PORT ".pmd: 2 CPUs for 1 queue"},
	{PORT("pmd: []"), IN_PORT ".pmd: is empty: name CPUs"},
	{PORT("storm-unknown: 100000001"), IN_PORT ".storm-unknown: 100000001 is not 0..100000000"},
	{PORT("device: net_null0"), IN_PORT ".device: a port has either vhost or device, not both"},
	{"bridges: {br0: {ports: {p: {device: net_null0, mode: client}}}}",
	 IN_PORT ".mode: only a vhost port has this"},
	{"bridges: {br0: {ports: {p: {vhost: a.sock}}}}", IN_PORT ".vhost: \"a.sock\" is not an absolute path"},
	{"bridges: {br0: {ports: {p: {vhost: /a//b}}}}",
	 IN_PORT ".vhost: \"/a//b\" is not a plain path to a file, without \"//\", \"/.\" and \"/..\""},
	{"bridges: {br0: {ports: {p: {vhost: /a/}}}}",
	 IN_PORT ".vhost: \"/a/\" is not a plain path to a file, without \"//\", \"/.\" and \"/..\""},
	{"bridges: {br0: {ports: {p: {vhost: 10}}}}", IN_PORT ".vhost: 10 is not text: put it in quotes"},
	{"bridges: {br0: {ports: {p: {vhost: " LONG_PATH "a}}}}", IN_PORT
	 ".vhost: \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... has 108 bytes, at most 107 fit"},
	{"bridges: {br0: {ports: {p: {vhost: \"/a\\nb\"}}}}", IN_PORT ".vhost: \"/a\\nb\" has a control character"},
	{"bridges: {br0: {ports: {p: {device: \",x\"}}}}",
	 IN_PORT ".device: \",x\" is not a PCI address or device string"},
	{"bridges: {br0: {ports: {p: {vhost: /a}, q: {vhost: /a}}}}",
	 "f:1: bridges.br0.ports.q.vhost: /a is already used by bridges.br0.ports.p.vhost"},
	{"bridges: {br0: {ports: {p: {device: 01:00.0}, q: {device: \"0000:01:00.0,a=b\"}}}}",
	 "f:1: bridges.br0.ports.q.device: 0000:01:00.0 is already used by bridges.br0.ports.p.device"},
	{"bridges: {br0: {ports: {p: {vhost: /a}}}, br1: {ports: {p: {vhost: /b}}}}",
	 "f:1: bridges.br1.ports.p: a port's name is unique; it is also bridges.br0.ports.p"},
	{"bridges: {br0: {fdb-limit: 15}}", "f:1: bridges.br0.fdb-limit: 15 is not 16..1048576"},
	{"bridges: {br0: {ageing: -1}}", "f:1: bridges.br0.ageing: -1 is not 0..1000000"},
	{"bridges: {br0: {fdb: {}}}", "f:1: bridges.br0.fdb: an object is not a list"},
	{FDB("1"), "f:1: bridges.br0.fdb[0]: 1 is not a mapping"},
	{FDB("{port: p}"), "f:1: bridges.br0.fdb[0]: mac is missing"},
	{FDB("{mac: 52:54:00:00:00:01}"), "f:1: bridges.br0.fdb[0]: port is missing"},
	{FDB("{mac: 52:54:00:00:00, port: p}"),
	 "f:1: bridges.br0.fdb[0].mac: \"52:54:00:00:00\" is not a MAC address such as 52:54:00:00:00:01"},
	{FDB("{mac: 53:54:00:00:00:01, port: p}"),
	 "f:1: bridges.br0.fdb[0].mac: \"53:54:00:00:00:01\" is not a unicast address: its multicast bit is set"},
	{FDB("{mac: 00:00:00:00:00:00, port: p}"),
	 "f:1: bridges.br0.fdb[0].mac: \"00:00:00:00:00:00\" is not an address of a station"},
	{FDB("{mac: 52:54:00:00:00:01, port: r}"), "f:1: bridges.br0.fdb[0].port: no port r in bridge br0"},
	{FDB("{mac: 52:54:00:00:00:01, vlan: 4095, port: p}"), "f:1: bridges.br0.fdb[0].vlan: 4095 is not 0..4094"},
	{FDB("{mac: 52:54:00:00:00:01, port: q}"), "f:1: bridges.br0.fdb[0].vlan: port q does not carry VLAN 0"},
	{FDB("{mac: 52:54:00:00:00:01, vlan: 6, port: q}"),
	 "f:1: bridges.br0.fdb[0].vlan: port q does not carry VLAN 6"},
	{FDB("{mac: 52:54:00:00:00:01, vlan: 8, port: t}"),
	 "f:1: bridges.br0.fdb[0].vlan: port t does not carry VLAN 8"},
	{FDB("{mac: 52:54:00:00:00:0a, vlan: 5, port: q}, {mac: 52:54:00:00:00:0A, vlan: 5, port: p}"),
	 "f:1: bridges.br0.fdb[1].mac: already used by bridges.br0.fdb[0].mac"},
	{"bridges: {br0: {mirrors: 1}}", "f:1: bridges.br0.mirrors: 1 is not a mapping"},
	{"bridges: {br0: {mirrors: {\"a b\": }}}", "f:1: bridges.br0.mirrors.a b: not a name: 1 to 31 letters, digits, "
						   "\"_\", \".\" and \"-\", the first a letter or "
						   "digit, none of the commands' words"},
	{MIRROR(""), IN_MIRROR ": to is missing"},
	{MIRROR("to: p, snp: 64"), IN_MIRROR ".snp: unknown key (did you mean snap?)"},
	{MIRROR("to: r"), IN_MIRROR ".to: no port r in bridge br0"},
	{MIRROR("to: p, ports: [q, r]"), IN_MIRROR ".ports: no port r in bridge br0"},
	{MIRROR("to: p, ports: [q, p]"), IN_MIRROR ".ports: p is a mirror's destination"},
	{MIRROR("to: p, ports: []"), IN_MIRROR ".ports: [] is not a list of ports, or \"all\""},
	{MIRROR("to: p, ports: 7"), IN_MIRROR ".ports: 7 is not a list of ports, or \"all\""},
	{MIRROR("to: p, ports: [7]"), IN_MIRROR ".ports: 7 is not a port's name"},
	{MIRROR("to: p, ports: \"q,,t\""), IN_MIRROR ".ports: \"q,,t\" is not a port's name"},
	{MIRROR("to: p, ports: \"q,\""), IN_MIRROR ".ports: \"q,\" is not a port's name"},
	{MIRROR("to: p, direction: in"), IN_MIRROR ".direction: \"in\" is not both, rx or tx"},
	{MIRROR("to: p, snap: 63"), IN_MIRROR ".snap: 63 is less than 64"},
	{MIRROR("to: p, snap: 65536"), IN_MIRROR ".snap: 65536 is not 0..65535"},
	{MIRROR("to: p, vlan: 4095"), IN_MIRROR ".vlan: 4095 is not 0..4094"},
	{"bridges: {br0: {" FDB_PORTS ", mirrors: {m: {to: p}, n: {to: q, ports: [p]}}}}",
	 "f:1: bridges.br0.mirrors.n.ports: p is a mirror's destination"},
	{"bridges: {br0: {" FDB_PORTS ", fdb: [{mac: 52:54:00:00:00:01, port: p}], mirrors: {m: {to: p}}}}",
	 IN_MIRROR ".to: p has a static address"},
	{"bridges: {br0: {" FDB_PORTS
	 ", mirrors: {m: {to: p}}}, br1: {ports: {x: {vhost: /x}}, mirrors: {m: {to: x}}}}",
	 "f:1: bridges.br1.mirrors.m: a mirror's name is unique; it is also bridges.br0.mirrors.m"},
};

START_TEST(test_refusals)
{
	struct hd_config *config;
	struct hd_error error;

	ck_assert_msg(parse(refusals[_i].text, &config, &error) == -EINVAL, "%s: accepted", refusals[_i].text);
	ck_assert_str_eq(error.text, refusals[_i].error);
	ck_assert_ptr_null(config);
}
END_TEST

START_TEST(test_names)
{
	static const char *const valid[] = {"a",    "0",    "br0", "A-b_c.d", "1234567890123456789012345678901",
					    "vlan", "ports"};
	static const char *const invalid[] = {
		"",     ".a",       "-a",
		"_a",   "a b",      "a/b",
		"a\n",  "\xc3\xa4", "12345678901234567890123456789012",
		"all",  "bridge",   "default",
		"help", "none",     "port",
	};
	struct hd_config *config;
	struct hd_error error;
	json_t *document;

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		ck_assert_msg(hd_schema_name_valid(valid[i]), "%s", valid[i]);
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		ck_assert_msg(!hd_schema_name_valid(invalid[i]), "%s", invalid[i]);
		document = json_pack("{s:{s:{}}}", "bridges", invalid[i]);
		ck_assert_int_eq(hd_config_parse(document, NULL, &config, &error), -EINVAL);
		ck_assert_ptr_nonnull(strstr(error.text, "not a name"));
		json_decref(document);
	}
}
END_TEST

static json_t *many(const char *prefix, int n, const char *format)
{
	json_t *object = json_object();
	char name[32], value[64];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		snprintf(value, sizeof(value), format, prefix, i);
		json_object_set_new(object, name, json_loads(value, 0, NULL));
	}
	return object;
}

START_TEST(test_limits)
{
	static const char port[] = "{\"vhost\": \"/%s%d\"}";
	struct hd_config *config;
	struct hd_error error;
	json_t *document = json_pack("{s:o}", "bridges", many("b", HD_BRIDGES_MAX, "{}"));

	ck_assert_int_eq(hd_config_parse(document, NULL, &config, &error), 0);
	hd_config_free(config);
	json_object_set_new(json_object_get(document, "bridges"), "x", json_object());
	ck_assert_int_eq(hd_config_parse(document, NULL, &config, &error), -EINVAL);
	ck_assert_str_eq(error.text, "bridges: 257 bridges, at most 256");
	json_decref(document);

	document = json_pack("{s:{s:{s:o},s:{s:o}}}", "bridges", "br0", "ports", many("p", HD_PORTS_MAX - 1, port),
			     "br1", "ports", many("q", 1, port));
	ck_assert_int_eq(hd_config_parse(document, NULL, &config, &error), 0);
	ck_assert_ptr_nonnull(hd_config_port(config, "p1000", NULL));
	hd_config_free(config);
	json_decref(document);
	document = json_pack("{s:{s:{s:o},s:{s:o}}}", "bridges", "br0", "ports", many("p", HD_PORTS_MAX, port), "br1",
			     "ports", many("q", 1, port));
	ck_assert_int_eq(hd_config_parse(document, NULL, &config, &error), -EINVAL);
	ck_assert_str_eq(error.text, "bridges.br1.ports: more than 1024 ports in all");
	json_decref(document);
}
END_TEST

/* Nothing at all is a configuration too. */
START_TEST(test_empty)
{
	static const char *const texts[] = {"", "---", "bridges:", "bridges: {}", "bridges: ~"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct hd_config *config = good(texts[i]);
		json_t *document = hd_config_document(config), *expected = json_loads("{\"bridges\": {}}", 0, NULL);

		ck_assert_uint_eq(config->n_bridges, 0);
		ck_assert_ptr_null(hd_config_bridge(config, "a"));
		ck_assert_ptr_null(hd_config_port(config, "a", NULL));
		ck_assert(json_equal(document, expected));
		json_decref(document);
		json_decref(expected);
		hd_config_free(config);
	}
	hd_config_free(NULL);
}
END_TEST

/* The example files are good ones. HD_SOURCE_ROOT is the build's. */
START_TEST(test_examples)
{
	glob_t files;

	ck_assert_int_eq(glob(HD_SOURCE_ROOT "/examples/*.yaml", 0, NULL, &files), 0);
	ck_assert_uint_ge(files.gl_pathc, 3);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct hd_config *config = NULL;
		struct hd_marks *marks;
		struct hd_error error = {0};
		json_t *document;
		int rc = hd_yaml_load(files.gl_pathv[i], &document, &marks, &error);

		if (rc == 0)
			rc = hd_config_parse(document, marks, &config, &error);
		ck_assert_msg(rc == 0, "%s", error.text);
		json_decref(document);
		hd_marks_free(marks);
		hd_config_free(config);
	}
	globfree(&files);
}
END_TEST

static void assert_ports_equal(const struct hd_port_conf *a, const struct hd_port_conf *b)
{
	ck_assert_str_eq(a->name, b->name);
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_str_eq(a->socket, b->socket);
	ck_assert_int_eq(a->mode, b->mode);
	ck_assert_int_eq(a->engine, b->engine);
	ck_assert_str_eq(a->owner, b->owner);
	ck_assert_str_eq(a->group, b->group);
	ck_assert_uint_eq(a->socket_mode, b->socket_mode);
	ck_assert_str_eq(a->device, b->device);
	ck_assert_uint_eq(a->queues, b->queues);
	ck_assert_uint_eq(a->mtu, b->mtu);
	ck_assert_mem_eq(a->pmd, b->pmd, sizeof(a->pmd));
	ck_assert_int_eq(a->vlan.mode, b->vlan.mode);
	ck_assert_uint_eq(a->vlan.pvid, b->vlan.pvid);
	ck_assert_mem_eq(a->vlan.allowed, b->vlan.allowed, sizeof(a->vlan.allowed));
	ck_assert_int_eq(a->isolated, b->isolated);
	ck_assert_mem_eq(a->storm, b->storm, sizeof(a->storm));
}

static void assert_equal(const struct hd_config *a, const struct hd_config *b)
{
	ck_assert_uint_eq(a->n_bridges, b->n_bridges);
	for (unsigned int i = 0; i < a->n_bridges; i++) {
		const struct hd_bridge_conf *x = &a->bridges[i], *y = &b->bridges[i];

		ck_assert_str_eq(x->name, y->name);
		ck_assert_uint_eq(x->fdb_limit, y->fdb_limit);
		ck_assert_uint_eq(x->ageing, y->ageing);
		ck_assert_uint_eq(x->n_ports, y->n_ports);
		for (unsigned int j = 0; j < x->n_ports; j++)
			assert_ports_equal(&x->ports[j], &y->ports[j]);
		ck_assert_uint_eq(x->n_fdb, y->n_fdb);
		for (unsigned int j = 0; j < x->n_fdb; j++) {
			ck_assert_int_eq(hd_fdb_conf_order(&x->fdb[j], &y->fdb[j]), 0);
			ck_assert_str_eq(x->fdb[j].port, y->fdb[j].port);
		}
	}
}

START_TEST(test_mirrors)
{
	struct hd_config *config =
		good("bridges: {br0: {" FDB_PORTS ", mirrors: {z: {to: p}, a: {to: p, ports: \"t,q,t\","
		     " direction: rx, snap: 128, vlan: 5}}}}");
	const struct hd_bridge_conf *bridge;
	const struct hd_mirror_conf *a = hd_config_mirror(config, "a", &bridge),
				    *z = hd_config_mirror(config, "z", NULL);

	ck_assert_ptr_eq(bridge, &config->bridges[0]);
	ck_assert_ptr_eq(a, &bridge->mirrors[0]);
	ck_assert_ptr_null(hd_config_mirror(config, "m", NULL));
	ck_assert_str_eq(a->to, "p");
	ck_assert_int_eq(a->direction, HD_MIRROR_RX);
	ck_assert_uint_eq(a->snap, 128);
	ck_assert_uint_eq(a->vlan, 5);
	ck_assert_uint_eq(a->n_ports, 2);
	ck_assert_str_eq(a->ports[0], "q");
	ck_assert_str_eq(a->ports[1], "t");
	ck_assert(hd_mirror_conf_covers(a, "q") && !hd_mirror_conf_covers(a, "r"));
	ck_assert_int_eq(z->direction, HD_MIRROR_BOTH);
	ck_assert_uint_eq(z->n_ports, 0);
	ck_assert(hd_mirror_conf_covers(z, "q"));
	ck_assert(hd_bridge_conf_mirrors_to(bridge, "p") && !hd_bridge_conf_mirrors_to(bridge, "q"));
	hd_config_free(config);
}
END_TEST

/* model -> document -> YAML -> document -> model: nothing is lost, and the second document is the first. */
START_TEST(test_round_trip)
{
	random_start(&arbitrary_random, "model round trip");
	for (int i = 0; i < 3000; i++) {
		json_t *source = arbitrary_config(), *document, *again;
		struct hd_config *config, *config_again;
		struct hd_error error = {0};
		char *text;

		arbitrary_mirrors(source);
		ck_assert_msg(hd_config_parse(source, NULL, &config, &error) == 0, "%s", error.text);
		document = hd_config_document(config);
		text = hd_yaml_dump(document);
		config_again = good(text);
		assert_equal(config, config_again);
		again = hd_config_document(config_again);
		ck_assert_msg(json_equal(document, again), "%s", text);
		hd_config_free(config);
		hd_config_free(config_again);
		json_decref(source);
		json_decref(document);
		json_decref(again);
		free(text);
	}
}
END_TEST

/* A damaged document is accepted or refused with a path, and nothing is left behind. */
START_TEST(test_mutations)
{
	unsigned int refused = 0;

	random_start(&arbitrary_random, "model mutations");
	for (int i = 0; i < 10000; i++) {
		json_t *document = arbitrary_config();
		struct hd_config *config;
		struct hd_error error = {0};

		arbitrary_mirrors(document);
		for (uint32_t n = 1 + below(3); n > 0; n--)
			mutate(document, 3);
		if (hd_config_parse(document, NULL, &config, &error) == 0) {
			json_decref(hd_config_document(config));
		} else {
			const char *name = json_object_iter_key(json_object_iter(document));

			refused++;
			ck_assert_ptr_null(config);
			/* The path starts at the root: with a key that there is, or with the one unknown key. */
			ck_assert_msg(strncmp(error.text, "bridges", 7) == 0 || strncmp(error.text, "vlna: ", 6) == 0 ||
					      strncmp(error.text, "flow-cache: ", 12) == 0 ||
					      strncmp(error.text, "ct-limit: ", 10) == 0 ||
					      strncmp(error.text, "acls", 4) == 0 || !name,
				      "%s", error.text);
		}
		hd_config_free(config);
		json_decref(document);
	}
	ck_assert_uint_gt(refused, 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model");
	TCase *tests = tcase_create("model");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_defaults);
	tcase_add_test(tests, test_every_key);
	tcase_add_loop_test(tests, test_canonical, 0, sizeof(canonical) / sizeof(canonical[0]));
	tcase_add_loop_test(tests, test_refusals, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tests, test_names);
	tcase_add_test(tests, test_limits);
	tcase_add_test(tests, test_empty);
	tcase_add_test(tests, test_examples);
	tcase_add_test(tests, test_mirrors);
	tcase_add_test(tests, test_round_trip);
	tcase_add_test(tests, test_mutations);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
