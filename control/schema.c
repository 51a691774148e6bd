/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of configuration keys, and finding a key in them. */
#include "schema.h"

#include <string.h>
#include <strings.h>

#include "nearest.h"

#define FIELD(type, member) .offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)
#define BRIDGE(member) FIELD(hd_bridge_conf, member)
#define PORT(member) FIELD(hd_port_conf, member)
#define FDB(member) FIELD(hd_fdb_conf, member)
#define MIRROR(member) FIELD(hd_mirror_conf, member)
#define SECURE(member) FIELD(hd_secure_conf, member)
#define ACL(member) FIELD(hd_acl, member)
#define ROOT(member) FIELD(hd_config, member)

static const char *const modes[] = {[HD_VHOST_SERVER] = "server", [HD_VHOST_CLIENT] = "client", NULL};
static const char *const directions[] = {[HD_MIRROR_BOTH] = "both", [HD_MIRROR_RX] = "rx", [HD_MIRROR_TX] = "tx", NULL};
static const char *const verdicts[] = {"deny", "allow", NULL};
static const char *const engines[] = {[HD_ENGINE_NATIVE] = "native", [HD_ENGINE_DPDK] = "dpdk", NULL};

const struct hd_schema_key hd_schema_secure[] = {
	{.name = "mac",
	 .type = HD_SCHEMA_MACS,
	 SECURE(macs),
	 .help = "addresses that what comes in may have as its source, also in ARP and neighbour discovery",
	 .example = "52:54:00:00:00:01"},
	{.name = "ip",
	 .type = HD_SCHEMA_ADDRS,
	 SECURE(ips),
	 .help = "its IP addresses or prefixes; without: any. IPv6's link-local address of each MAC comes with them",
	 .example = "10.0.0.5,fd00::5"},
	{.name = NULL},
};

const struct hd_schema_key hd_schema_acl[] = {
	{.name = "rules",
	 .type = HD_SCHEMA_RULES,
	 .offset = offsetof(struct hd_acl, rules),
	 .size = sizeof(void *), /* where the list is */
	 .help = "its rules in order: the first that fits decides",
	 .example = "allow tcp from any to any port 80,443"},
	{.name = "stateless",
	 .type = HD_SCHEMA_BOOL,
	 ACL(stateless),
	 .help = "none of its rules tracks connections: answers need rules too",
	 .example = "on"},
	{.name = NULL},
};

const struct hd_schema_key hd_schema_root[] = {
	{.name = "flow-cache",
	 .type = HD_SCHEMA_INT,
	 .min = HD_FLOW_CACHE_MIN,
	 .max = HD_FLOW_CACHE_MAX,
	 .initial = HD_FLOW_CACHE_DEFAULT,
	 ROOT(flow_cache),
	 .help = "MiB that the flow cache of each PMD may take",
	 .example = "512"},
	{.name = "ct-limit",
	 .type = HD_SCHEMA_INT,
	 .min = HD_CT_LIMIT_MIN,
	 .max = HD_CT_LIMIT_MAX,
	 .initial = HD_CT_LIMIT_DEFAULT,
	 ROOT(ct_limit),
	 .help = "connections that are tracked, over all zones",
	 .example = "4194304"},
	{.name = "acls", .type = HD_SCHEMA_NESTED, .help = "access lists, by name"},
	{.name = "bridges", .type = HD_SCHEMA_NESTED, .help = "the bridges, by name"},
	{.name = NULL},
};

const struct hd_schema_key hd_schema_bridge[] = {
	{.name = "fdb-limit",
	 .type = HD_SCHEMA_INT,
	 .min = HD_FDB_LIMIT_MIN,
	 .max = HD_FDB_LIMIT_MAX,
	 .initial = HD_FDB_LIMIT_DEFAULT,
	 BRIDGE(fdb_limit),
	 .help = "addresses that the forwarding database holds, static ones included",
	 .example = "65536"},
	{.name = "ageing",
	 .type = HD_SCHEMA_INT,
	 .min = 0,
	 .max = HD_AGEING_MAX,
	 .initial = HD_AGEING_DEFAULT,
	 BRIDGE(ageing),
	 .help = "seconds after which an address not seen again is forgotten; 0: never",
	 .example = "600"},
	{.name = "fdb", .type = HD_SCHEMA_NESTED, .help = "static entries: a list"},
	{.name = "absent-ports", .type = HD_SCHEMA_NESTED, .help = "ports that flows may name although they are gone"},
	{.name = "meters", .type = HD_SCHEMA_NESTED, .help = "meters: a list of texts"},
	{.name = "groups", .type = HD_SCHEMA_NESTED, .help = "groups: a list of texts"},
	{.name = "flows", .type = HD_SCHEMA_NESTED, .help = "rules: a list of texts"},
	{.name = "ports", .type = HD_SCHEMA_NESTED, .help = "the ports, by name"},
	{.name = "mirrors", .type = HD_SCHEMA_NESTED, .help = "the mirrors, by name"},
	{.name = NULL},
};

const struct hd_schema_key hd_schema_port[] = {
	{.name = "vhost",
	 .type = HD_SCHEMA_PATH,
	 .replaces = true,
	 PORT(socket),
	 .help = "vhost-user socket of a guest or container; a port has either this or `device`",
	 .example = "/run/heddle/vm1.sock"},
	{.name = "device",
	 .type = HD_SCHEMA_DEVICE,
	 .replaces = true,
	 PORT(device),
	 .help = "DPDK device: a PCI address or a device string",
	 .example = "0000:01:00.0"},
	{.name = "mode",
	 .type = HD_SCHEMA_ENUM,
	 .scope = HD_SCHEMA_VHOST,
	 .replaces = true,
	 .words = modes,
	 PORT(mode),
	 .help = "`server`: the switch creates the socket; `client`: it connects to the front-end's",
	 .example = "client"},
	{.name = "engine",
	 .type = HD_SCHEMA_ENUM,
	 .scope = HD_SCHEMA_VHOST,
	 .replaces = true,
	 .words = engines,
	 PORT(engine),
	 .help = "what serves the rings; `native`: the switch itself; `dpdk`: librte_vhost",
	 .example = "dpdk"},
	{.name = "queues",
	 .type = HD_SCHEMA_INT,
	 .replaces = true,
	 .min = 1,
	 .max = HD_QUEUES_MAX,
	 .initial = 1,
	 PORT(queues),
	 .help = "queue pairs, of vhost ports at most 128; a guest may enable fewer",
	 .example = "4"},
	{.name = "socket-owner",
	 .type = HD_SCHEMA_ACCOUNT,
	 .scope = HD_SCHEMA_SERVER,
	 .replaces = true,
	 PORT(owner),
	 .help = "user that owns the socket",
	 .example = "libvirt-qemu"},
	{.name = "socket-group",
	 .type = HD_SCHEMA_ACCOUNT,
	 .scope = HD_SCHEMA_SERVER,
	 .replaces = true,
	 PORT(group),
	 .help = "group of the socket",
	 .example = "kvm"},
	{.name = "socket-mode",
	 .type = HD_SCHEMA_MODE,
	 .scope = HD_SCHEMA_SERVER,
	 .replaces = true,
	 .max = 0777,
	 .initial = 0660,
	 PORT(socket_mode),
	 .help = "permissions of the socket",
	 .example = "0660"},
	{.name = "vlan",
	 .type = HD_SCHEMA_ACCESS,
	 .min = HD_VLAN_MIN,
	 .max = HD_VLAN_MAX,
	 PORT(vlan),
	 .help = "access port: its one VLAN, untagged at the port",
	 .example = "10"},
	{.name = "trunk",
	 .type = HD_SCHEMA_TRUNK,
	 .min = HD_VLAN_MIN,
	 .max = HD_VLAN_MAX,
	 PORT(vlan),
	 .help = "trunk port: the VLANs that it carries tagged",
	 .example = "10,20,100-200"},
	{.name = "native",
	 .type = HD_SCHEMA_NATIVE,
	 .min = HD_VLAN_MIN,
	 .max = HD_VLAN_MAX,
	 PORT(vlan),
	 .help = "trunk port: the VLAN of its untagged frames, in `trunk` or besides it",
	 .example = "1"},
	{.name = "isolated",
	 .type = HD_SCHEMA_BOOL,
	 PORT(isolated),
	 .help = "no traffic from and to other isolated ports",
	 .example = "on"},
	{.name = "mtu",
	 .type = HD_SCHEMA_INT,
	 .min = HD_MTU_MIN,
	 .max = HD_MTU_MAX,
	 .initial = HD_MTU_DEFAULT,
	 PORT(mtu),
	 .help = "largest payload of an Ethernet frame, in bytes",
	 .example = "9000"},
	{.name = "pmd",
	 .type = HD_SCHEMA_CPUS,
	 .min = 0,
	 .max = HD_CPU_MAX,
	 PORT(pmd),
	 .help = "CPU whose PMD polls the port; a list: one CPU a queue, the rest chosen by the switch",
	 .example = "1,2"},
	{.name = "storm-broadcast",
	 .type = HD_SCHEMA_INT,
	 .max = HD_STORM_MAX,
	 PORT(storm[HD_STORM_BROADCAST]),
	 .help = "broadcast packets a second that the port lets in; 0: no limit",
	 .example = "1000"},
	{.name = "storm-multicast",
	 .type = HD_SCHEMA_INT,
	 .max = HD_STORM_MAX,
	 PORT(storm[HD_STORM_MULTICAST]),
	 .help = "multicast packets a second that the port lets in; 0: no limit",
	 .example = "1000"},
	{.name = "storm-unknown",
	 .type = HD_SCHEMA_INT,
	 .max = HD_STORM_MAX,
	 PORT(storm[HD_STORM_UNKNOWN]),
	 .help = "packets to unknown addresses a second that the port lets in; 0: no limit",
	 .example = "1000"},
	{.name = "secure",
	 .type = HD_SCHEMA_GROUP,
	 .group = hd_schema_secure,
	 PORT(secure),
	 .help = "port security: whose addresses what comes in may have; see below",
	 .example = "mac 52:54:00:00:00:01 ip 10.0.0.5"},
	{.name = "acl-in",
	 .type = HD_SCHEMA_ACLS,
	 PORT(acl[HD_ACL_IN]),
	 .help = "access lists for what comes in by the port: what its guest sends",
	 .example = "web,ssh"},
	{.name = "acl-out",
	 .type = HD_SCHEMA_ACLS,
	 PORT(acl[HD_ACL_OUT]),
	 .help = "access lists for what leaves by the port: what is sent to its guest",
	 .example = "web"},
	{.name = "acl-default",
	 .type = HD_SCHEMA_ENUM,
	 .words = verdicts,
	 PORT(acl_allow),
	 .help = "what happens to packets for which no rule of the lists decides",
	 .example = "allow"},
	{.name = NULL},
};

const struct hd_schema_key hd_schema_fdb[] = {
	{.name = "mac",
	 .type = HD_SCHEMA_MAC,
	 .required = true,
	 FDB(mac),
	 .help = "the address, unicast",
	 .example = "52:54:00:00:00:01"},
	{.name = "vlan",
	 .type = HD_SCHEMA_INT,
	 .max = HD_VLAN_MAX,
	 FDB(vlan),
	 .help = "its VLAN, one that the port carries; 0: untagged traffic of a port without VLAN settings",
	 .example = "10"},
	{.name = "port",
	 .type = HD_SCHEMA_NAME,
	 .required = true,
	 FDB(port),
	 .help = "where it is: a port of the same bridge",
	 .example = "vm1"},
	{.name = NULL},
};

const struct hd_schema_key hd_schema_mirror[] = {
	{.name = "to",
	 .type = HD_SCHEMA_NAME,
	 .required = true,
	 MIRROR(to),
	 .help = "where copies go: a port of the same bridge, which puts out nothing else and lets nothing in",
	 .example = "tap0"},
	{.name = "ports",
	 .type = HD_SCHEMA_PORTS,
	 MIRROR(ports),
	 .help = "whose frames are copied; without: all ports of the bridge that are no mirror's `to`",
	 .example = "vm1,vm2"},
	{.name = "direction",
	 .type = HD_SCHEMA_ENUM,
	 .words = directions,
	 MIRROR(direction),
	 .help = "`rx`: what the ports receive; `tx`: what they send",
	 .example = "rx"},
	{.name = "snap",
	 .type = HD_SCHEMA_INT,
	 .max = HD_MIRROR_SNAP_MAX,
	 MIRROR(snap),
	 .help = "bytes that are kept of each frame, at least 64; 0: all",
	 .example = "128"},
	{.name = "vlan",
	 .type = HD_SCHEMA_INT,
	 .max = HD_VLAN_MAX,
	 MIRROR(vlan),
	 .help = "only frames of this VLAN; 0: of any",
	 .example = "10"},
	{.name = NULL},
};

const struct hd_schema_key *hd_schema_find(const struct hd_schema_key *table, const char *name)
{
	for (const struct hd_schema_key *key = table; key->name; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

const char *hd_schema_nearest(const struct hd_schema_key *table, const char *name)
{
	struct hd_nearest nearest;

	hd_nearest_init(&nearest, name, strlen(name));
	for (const struct hd_schema_key *key = table; key->name; key++)
		hd_nearest_try(&nearest, key->name, strlen(key->name));
	return nearest.found;
}

static bool name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool hd_schema_name_valid(const char *name)
{
	/* Words that may stand where the CLI takes a name. */
	static const char *const taken[] = {"all", "bridge", "default", "help", "none", "port"};
	size_t length = strlen(name);

	if (length == 0 || length > HD_NAME_MAX || !name_char(name[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!name_char(name[i]) && !strchr("_.-", name[i]))
			return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcmp(name, taken[i]) == 0)
			return false;
	return true;
}
