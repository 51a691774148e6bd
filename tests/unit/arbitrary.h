/* SPDX-License-Identifier: BSD-3-Clause */
/* Random documents for property tests: valid configurations, mutations of them, and any JSON. */
#ifndef HD_TEST_ARBITRARY_H
#define HD_TEST_ARBITRARY_H

#include <heddle/limits.h>
#include <jansson.h>
#include <string.h>

#include "random.h"

static struct random arbitrary_random;

static inline uint32_t below(uint32_t n)
{
	return random_below(&arbitrary_random, n);
}

static inline void maybe(json_t *object, const char *key, uint32_t chance, json_t *value)
{
	if (below(chance) == 0)
		json_object_set_new(object, key, value);
	else
		json_decref(value);
}

static inline json_t *arbitrary_trunk(void)
{
	json_t *list;
	int vlan = 0;

	if (below(8) == 0)
		return json_string("all");
	if (below(8) == 0)
		return json_string("7, 10,100-200,4094");
	list = json_array();
	for (uint32_t n = 1 + below(5); n > 0; n--) {
		int first = vlan + 1 + (int)below(400), last = first + (int)below(4);

		json_array_append_new(list, below(2) ? json_integer(first) : json_sprintf("%d-%d", first, last));
		vlan = last;
	}
	return list;
}

static inline void arbitrary_vlans(json_t *port)
{
	switch (below(3)) {
	case 0:
		json_object_set_new(port, "vlan", json_integer(1 + below(4094)));
		break;
	case 1:
		json_object_set_new(port, "trunk", arbitrary_trunk());
		maybe(port, "native", 2, json_integer(1 + below(30)));
		break;
	}
}

static inline json_t *arbitrary_port(int number)
{
	json_t *port = json_object();
	uint32_t queues = 1 + below(4);
	json_t *cpus = json_array();

	for (uint32_t n = 1 + below(queues); n > 0; n--)
		json_array_append_new(cpus, json_integer(below(1024)));
	if (below(3) == 0) {
		json_object_set_new(port, "device",
				    below(2) ? json_sprintf("0000:%02x:00.%u", number, below(2))
					     : json_sprintf("net_tap%d,iface=t%u", number, below(2)));
	} else {
		json_object_set_new(port, "vhost", json_sprintf("/run/heddle/%d-%u.sock", number, below(2)));
		maybe(port, "engine", 3, json_string(below(2) ? "dpdk" : "native"));
		if (below(2)) {
			json_object_set_new(port, "mode", json_string("client"));
		} else {
			maybe(port, "mode", 2, json_string("server"));
			maybe(port, "socket-owner", 3, json_string("libvirt-qemu"));
			maybe(port, "socket-group", 3, json_string(below(2) ? "kvm" : "1000"));
			maybe(port, "socket-mode", 3, json_sprintf("0%o", 0100 + below(0700)));
		}
	}
	json_object_set_new(port, "queues", json_integer(queues));
	arbitrary_vlans(port);
	maybe(port, "isolated", 3, json_boolean(below(2)));
	maybe(port, "mtu", 3, below(4) ? json_integer(68 + below(9000)) : json_null());
	maybe(port, "pmd", 4, json_integer(below(1024)));
	maybe(port, "pmd", 4, json_incref(cpus));
	json_decref(cpus);
	maybe(port, "secure", 4,
	      below(2) ? json_pack("{s:s}", "mac", "52:54:00:00:00:01")
		       : json_pack("{s:[s,s], s:s}", "mac", "52:54:00:00:00:01", "52:54:00:00:00:02", "ip",
				   below(2) ? "10.0.0.1" : "10.0.0.0/8,fd00::1"));
	maybe(port, "acl-in", 4, json_string(below(2) ? "web" : "web,ssh"));
	maybe(port, "acl-out", 4, json_pack("[s]", "ssh"));
	maybe(port, "acl-default", 4, json_string(below(2) ? "deny" : "allow"));
	maybe(port, "storm-broadcast", 4, json_integer(below(100000001)));
	maybe(port, "storm-multicast", 4, json_integer(below(100000001)));
	maybe(port, "storm-unknown", 4, json_integer(below(100000001)));
	return port;
}

/* Static entries at ports without VLAN settings, which carry every VLAN. */
static inline json_t *arbitrary_fdb(const json_t *ports)
{
	json_t *fdb = json_array();
	const char *name;
	json_t *port;
	uint32_t serial = 0;

	json_object_foreach ((json_t *)ports, name, port) {
		if (json_object_get(port, "vlan") || json_object_get(port, "trunk"))
			continue;
		for (uint32_t n = below(4); n > 0; n--) {
			json_t *entry =
				json_pack("{s:o,s:s}", "mac", json_sprintf("52:54:00:00:%02x:%02x", serial++, below(3)),
					  "port", name);

			maybe(entry, "vlan", 2, json_integer(below(4095)));
			json_array_append_new(fdb, entry);
		}
	}
	return fdb;
}

/* The lists that ports name, and one that comes and goes. */
static inline json_t *arbitrary_acls(void)
{
	static const char *const names[] = {"ssh", "web", "more"};
	static const char *const rules[] = {"allow tcp from any to any port 22,80-85", "deny any",
					    "allow udp from 10.0.0.1,fd00::/8 port 53 stateless"};
	json_t *acls = json_object(), *list;

	for (uint32_t i = 0; i < 2 + below(2); i++) {
		list = json_array();
		for (uint32_t n = below(4); n > 0; n--)
			json_array_append_new(list, json_string(rules[below(3)]));
		json_object_set_new(acls, names[i], json_pack("{s:o}", "rules", list));
		maybe(json_object_get(acls, names[i]), "stateless", 2, json_boolean(below(2)));
	}
	return acls;
}

/* A valid configuration of few names, so that two of them have much in common. */
static inline json_t *arbitrary_config(void)
{
	json_t *ports[3] = {json_object(), json_object(), json_object()};
	json_t *bridges = json_object(), *document;

	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), i % 2 ? "vm%d" : "up-%d.x", i);
		if (below(4))
			json_object_set_new(ports[below(3)], name, arbitrary_port(i));
	}
	for (int i = 0; i < 3; i++) {
		json_t *bridge = json_object();
		char name[16];

		snprintf(name, sizeof(name), "br%d", i);
		maybe(bridge, "fdb-limit", 3, json_integer(16 + below(1000000)));
		maybe(bridge, "ageing", 3, json_integer(below(1000001)));
		maybe(bridge, "fdb", 2, arbitrary_fdb(ports[i]));
		if (below(4) || json_array_size(json_object_get(bridge, "fdb")))
			json_object_set(bridge, "ports", ports[i]);
		json_decref(ports[i]);
		if (below(4))
			json_object_set(bridges, name, bridge);
		json_decref(bridge);
	}
	document = json_pack("{s:o, s:o}", "acls", arbitrary_acls(), "bridges", bridges);
	if (below(3) == 0)
		json_object_set_new(document, "flow-cache", json_integer(1 + below(HD_FLOW_CACHE_MAX)));
	if (below(3) == 0)
		json_object_set_new(document, "ct-limit", json_integer(HD_CT_LIMIT_MIN + below(1000000)));
	return document;
}

/* Give bridges mirrors: one port that is in no static entry for a destination, others or all to be copied. */
static inline void arbitrary_mirrors(json_t *config)
{
	const char *bridge_name, *name, *to;
	json_t *bridge, *port, *mirrors, *mirror, *list, *entry;
	size_t i;

	json_object_foreach (json_object_get(config, "bridges"), bridge_name, bridge) {
		to = NULL;
		json_object_foreach (json_object_get(bridge, "ports"), name, port)
			to = to == NULL || below(2) ? name : to;
		json_array_foreach (json_object_get(bridge, "fdb"), i, entry)
			if (to != NULL && strcmp(json_string_value(json_object_get(entry, "port")), to) == 0)
				to = NULL;
		mirrors = json_object();
		for (int n = 0; to != NULL && n < 3; n++) {
			list = json_array();
			json_object_foreach (json_object_get(bridge, "ports"), name, port)
				if (strcmp(name, to) != 0 && below(2))
					json_array_append_new(list, json_string(name));
			mirror = json_pack("{s:s}", "to", to);
			maybe(mirror, "ports", 2, json_array_size(list) > 0 ? json_incref(list) : json_string("all"));
			json_decref(list);
			maybe(mirror, "direction", 2, json_string(below(2) ? "rx" : below(2) ? "tx" : "both"));
			maybe(mirror, "snap", 2, json_integer(below(2) ? 0 : 64 + below(1000)));
			maybe(mirror, "vlan", 2, json_integer(below(4095)));
			if (below(2))
				json_object_set_new(mirrors, (char[]){'m', bridge_name[2], (char)('0' + n), '\0'},
						    mirror);
			else
				json_decref(mirror);
		}
		maybe(bridge, "mirrors", 2, json_incref(mirrors));
		json_decref(mirrors);
	}
}

static inline json_t *arbitrary_text(void)
{
	static const char *const texts[] = {
		"",
		"true",
		"no",
		"~",
		"null",
		"0660",
		"10",
		"-5",
		"1.5",
		"1e5",
		"0000:01:00.0",
		"52:54:00:00:00:01",
		"100-200",
		"a: b",
		"a #b",
		"- x",
		"[x",
		"{",
		"*a",
		"&a",
		"!t",
		"%d",
		"@",
		"`",
		"'",
		"\"",
		"\\",
		" lead",
		"trail ",
		"two\nlines\n",
		"\n",
		"\t",
		"\x01\x1b\x7f",
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		"\xc2\x85",
		"\xe2\x80\xa8",
		"\xef\xbb\xbf",
		"?",
		":",
		"-",
		"---",
		"...",
		"net_tap0,iface=x",
		"/run/a",
		"<<",
		"=",
		"|",
		">",
		"0x10",
		"0",
		"-",
		"x:",
		"\xef\xbf\xbd",
		"#",
	};
	char text[200];
	size_t length;

	if (below(3))
		return json_string(texts[below(sizeof(texts) / sizeof(texts[0]))]);
	length = below(sizeof(text));
	for (size_t i = 0; i < length; i++)
		text[i] = (char)(1 + below(127));
	return json_stringn(text, length);
}

static inline json_t *arbitrary_json(unsigned int depth)
{
	json_t *node;

	switch (below(depth ? 9 : 6)) {
	case 0:
		return json_integer((json_int_t)random_next(&arbitrary_random) >> below(64));
	case 1:
		return json_boolean(below(2));
	case 2:
		return json_null();
	case 3:
		return json_real((double)(int32_t)random_next(&arbitrary_random) / (1 + below(1000)));
	case 4:
	case 5:
		return arbitrary_text();
	case 6:
		node = json_array();
		for (uint32_t n = below(5); n > 0; n--)
			json_array_append_new(node, arbitrary_json(depth - 1));
		return node;
	default:
		node = json_object();
		for (uint32_t n = below(5); n > 0; n--) {
			json_t *key = arbitrary_text();

			json_object_set_new(node, json_string_value(key), arbitrary_json(depth - 1));
			json_decref(key);
		}
		return node;
	}
}

/* Replace, remove or add something, somewhere. */
static inline void mutate(json_t *node, unsigned int depth)
{
	const char *name = "";
	json_t *value = NULL;
	uint32_t chosen;

	if (json_array_size(node) > 0) {
		chosen = below((uint32_t)json_array_size(node));
		value = json_array_get(node, chosen);
		if (below(4) && (json_is_object(value) || json_is_array(value)))
			mutate(value, depth);
		else if (below(2))
			json_array_append(node, value);
		else
			json_array_set_new(node, chosen, arbitrary_json(depth));
		return;
	}
	if (json_object_size(node) == 0)
		return;
	chosen = below((uint32_t)json_object_size(node));
	json_object_foreach (node, name, value) {
		if (chosen-- == 0)
			break;
	}
	if (below(8) && (json_is_object(value) || json_is_array(value)))
		mutate(value, depth);
	else if (below(4) == 0)
		json_object_set_new(node, "vlna", arbitrary_json(depth));
	else if (below(4) == 0)
		json_object_del(node, name);
	else
		json_object_set_new(node, name, arbitrary_json(depth));
}

#endif
