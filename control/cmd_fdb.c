/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods fdb.*: static entries are configuration, learnt ones are looked at and deleted where they are. */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "rpc.h"
#include "schema.h"
#include "state.h"

#define PAGE_DEFAULT 1024 /* entries an answer */
#define PAGE_MAX 4096
#define CURSOR_MAX 0x7fffffff

/* The filter that a request's members make. `mac` is where the address goes. */
static int read_filter(struct hd_control *control, const json_t *params, struct hd_state_fdb *filter,
		       struct hd_fdb_conf *conf, struct hd_error *error)
{
	const struct hd_bridge_conf *bridge, *of = NULL;
	const json_t *mac = json_object_get(params, "mac");
	const struct hd_port_conf *port;
	struct hd_error why;
	int code;

	filter->bridge = hd_cmd_string(params, "bridge");
	filter->port = hd_cmd_string(params, "port");
	filter->mac = NULL;
	code = hd_cmd_bridge_conf(control, filter->bridge, &bridge, error);
	if (code == 0 && filter->port != NULL)
		code = hd_cmd_port_conf(control, filter->port, &port, &of, error);
	if (code == 0)
		code = hd_cmd_integer(params, "vlan", 0, HD_VLAN_MAX, -1, &filter->vlan, error);
	if (code != 0)
		return code;
	if (of != NULL && of != bridge) {
		hd_error_set(error, "bridges.%s.ports.%s: no such port, it is in %s", bridge->name, filter->port,
			     of->name);
		return HD_RPC_REFUSED;
	}
	if (mac == NULL)
		return 0;
	if (hd_schema_read(hd_schema_find(hd_schema_fdb, "mac"), mac, conf, &why) < 0) {
		hd_error_set(error, "mac: %s", why.text);
		return HD_RPC_INVALID_PARAMS;
	}
	filter->mac = conf->mac;
	return 0;
}

/* For what the state refused: -ENOENT is all that is left after read_filter. */
static int refuse(const struct hd_state_fdb *filter, int rc, struct hd_error *error)
{
	hd_error_set(error, "bridges.%s.fdb: %s", filter->bridge, strerror(-rc));
	return hd_cmd_code(rc);
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_state_fdb filter;
	struct hd_fdb_conf conf;
	int code, rc, cursor, max;

	code = read_filter(control, params, &filter, &conf, error);
	if (code == 0)
		code = hd_cmd_integer(params, "cursor", 0, CURSOR_MAX, 0, &cursor, error);
	if (code == 0)
		code = hd_cmd_integer(params, "max", 1, PAGE_MAX, PAGE_DEFAULT, &max, error);
	if (code != 0)
		return code;
	rc = hd_state_fdb(control, &filter, (uint32_t)cursor, (uint32_t)max, result);
	return rc < 0 ? refuse(&filter, rc, error) : 0;
}

/* The VLAN in which an address behind the port is looked up when it sends untagged. */
static int untagged_vlan(const struct hd_bridge_conf *bridge, const char *name)
{
	for (unsigned int i = 0; i < bridge->n_ports; i++)
		if (strcmp(bridge->ports[i].name, name) == 0)
			return bridge->ports[i].vlan.pvid;
	return 0;
}

static int add(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_bridge_conf *bridge;
	json_t *document, *object, *entry;
	struct hd_state_fdb filter;
	struct hd_fdb_conf conf;
	int code = read_filter(control, params, &filter, &conf, error);

	if (code == 0)
		code = hd_cmd_bridge_conf(control, filter.bridge, &bridge, error);
	if (code != 0)
		return code;
	if (filter.vlan < 0)
		filter.vlan = untagged_vlan(bridge, filter.port);
	entry = json_pack("{s:O, s:s}", "mac", json_object_get(params, "mac"), "port", filter.port);
	if (filter.vlan > 0)
		json_object_set_new(entry, "vlan", json_integer(filter.vlan));
	document = hd_cmd_copy(control);
	object = hd_cmd_bridge_find(document, filter.bridge);
	if (!json_is_array(json_object_get(object, "fdb")))
		json_object_set_new(object, "fdb", json_array());
	json_array_append_new(json_object_get(object, "fdb"), entry);
	return hd_cmd_commit(control, document, result, error);
}

/* The static entry's place in the document's list, or -1. */
static int find_static(const json_t *fdb, const uint8_t mac[6], int vlan)
{
	const struct hd_schema_key *key = hd_schema_find(hd_schema_fdb, "mac");
	struct hd_fdb_conf conf;
	struct hd_error ignored;
	json_t *entry;
	size_t i;

	json_array_foreach (fdb, i, entry)
		if (hd_schema_read(key, json_object_get(entry, "mac"), &conf, &ignored) == 0 &&
		    memcmp(conf.mac, mac, 6) == 0 && json_integer_value(json_object_get(entry, "vlan")) == vlan)
			return (int)i;
	return -1;
}

/* A request without VLAN means the one entry of that address, if it has but one. */
static int find_vlan(struct hd_control *control, struct hd_state_fdb *filter, struct hd_error *error)
{
	json_t *page = NULL, *entries;
	int rc = hd_state_fdb(control, filter, 0, 2, &page);
	int code = 0;

	if (rc < 0)
		return refuse(filter, rc, error);
	entries = json_object_get(page, "entries");
	if (json_array_size(entries) > 1) {
		hd_error_set(error, "bridges.%s.fdb: the address is known in several VLANs: name one", filter->bridge);
		code = HD_RPC_REFUSED;
	} else if (json_array_size(entries) == 1) {
		filter->vlan = (int)json_integer_value(json_object_get(json_array_get(entries, 0), "vlan"));
	} else {
		filter->vlan = 0;
	}
	json_decref(page);
	return code;
}

static int del(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_state_fdb filter;
	struct hd_fdb_conf conf;
	json_t *document, *fdb;
	int code, rc, at;

	code = read_filter(control, params, &filter, &conf, error);
	if (code == 0 && filter.vlan < 0)
		code = find_vlan(control, &filter, error);
	if (code != 0)
		return code;
	document = hd_cmd_copy(control);
	fdb = json_object_get(hd_cmd_bridge_find(document, filter.bridge), "fdb");
	at = find_static(fdb, conf.mac, filter.vlan);
	if (at >= 0) {
		json_array_remove(fdb, (size_t)at);
		return hd_cmd_commit(control, document, result, error);
	}
	json_decref(document);
	rc = hd_state_fdb_del(control, filter.bridge, conf.mac, (uint16_t)filter.vlan);
	if (rc == 0)
		return 0;
	hd_error_set(error, "bridges.%s.fdb: %s in VLAN %d: %s", filter.bridge, hd_cmd_string(params, "mac"),
		     filter.vlan, rc == -ENOENT ? "no such entry" : strerror(-rc));
	return HD_RPC_REFUSED;
}

static int flush(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_state_fdb filter;
	struct hd_fdb_conf conf;
	uint32_t flushed = 0;
	int rc, code = read_filter(control, params, &filter, &conf, error);

	if (code != 0)
		return code;
	rc = hd_state_fdb_flush(control, &filter, &flushed);
	if (rc < 0)
		return refuse(&filter, rc, error);
	*result = json_pack("{s:I}", "flushed", (json_int_t)flushed);
	return 0;
}

const struct hd_rpc_method hd_cmd_fdb[] = {
	{"fdb.show", "bridge: string, port?: string, vlan?: integer, mac?: string, cursor?: integer, max?: integer",
	 show, "A page of a bridge's addresses; its cursor, if there is one, asks for the next.", false},
	{"fdb.add", "bridge: string, mac: string, port: string, vlan?: integer", add,
	 "Add a static entry; without vlan, in that of the port's untagged traffic.", true},
	{"fdb.del", "bridge: string, mac: string, vlan?: integer", del, "Delete an entry, static or learnt.", true},
	{"fdb.flush", "bridge: string, port?: string, vlan?: integer", flush,
	 "Forget learnt addresses; answers how many.", true},
	{NULL},
};
