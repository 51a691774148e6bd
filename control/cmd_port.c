/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods port.*: ports come, change, move, go and are shown with their counters. */
#include <string.h>

#include "cmd.h"
#include "rpc.h"
#include "state.h"

static const char *const envelope[] = {"name", "bridge", NULL};

/* Put the port's object into a bridge's "ports". Takes the reference. */
static int put_port(json_t *document, const char *bridge, const char *name, json_t *port, struct hd_error *error)
{
	json_t *object = hd_cmd_bridge_find(document, bridge);

	if (object == NULL) {
		json_decref(port);
		hd_error_set(error, "bridges.%.64s: no such bridge", bridge);
		return HD_RPC_REFUSED;
	}
	if (!json_is_object(json_object_get(object, "ports")))
		json_object_set_new(object, "ports", json_object());
	json_object_set_new(json_object_get(object, "ports"), name, port);
	return 0;
}

/* Take a port's static FDB entries out of a bridge. Returns them. */
static json_t *take_fdb(json_t *bridge, const char *port)
{
	json_t *fdb = json_object_get(bridge, "fdb"), *taken = json_array(), *entry;
	const char *name;

	for (size_t i = json_array_size(fdb); i-- > 0;) {
		entry = json_array_get(fdb, i);
		name = json_string_value(json_object_get(entry, "port"));
		if (name == NULL || strcmp(name, port) != 0)
			continue;
		json_array_insert(taken, 0, entry);
		json_array_remove(fdb, i);
	}
	return taken;
}

static void put_fdb(json_t *bridge, json_t *entries)
{
	if (json_array_size(entries) > 0 && !json_is_array(json_object_get(bridge, "fdb")))
		json_object_set_new(bridge, "fdb", json_array());
	json_array_extend(json_object_get(bridge, "fdb"), entries);
	json_decref(entries);
}

static int add(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name"), *other = NULL;
	json_t *document, *port;
	int code;

	if (hd_cmd_port_find(hd_control_document(control), name, &other) != NULL) {
		hd_error_set(error, "bridges.%s.ports.%.64s: exists already", other, name);
		return HD_RPC_REFUSED;
	}
	document = hd_cmd_copy(control);
	port = json_object();
	hd_cmd_assign(port, params, envelope);
	code = put_port(document, hd_cmd_string(params, "bridge"), name, port, error);
	if (code == 0)
		return hd_cmd_commit(control, document, result, error);
	json_decref(document);
	return code;
}

/* Static addresses go along: they say where the port's stations are. */
static int move(json_t *document, const char *name, const char *from, const char *to, struct hd_error *error)
{
	json_t *bridge = hd_cmd_bridge_find(document, from), *ports = json_object_get(bridge, "ports");
	json_t *port = json_incref(json_object_get(ports, name));
	int code;

	json_object_del(ports, name);
	code = put_port(document, to, name, port, error);
	if (code == 0)
		put_fdb(hd_cmd_bridge_find(document, to), take_fdb(bridge, name));
	return code;
}

static int set(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name"), *to = hd_cmd_string(params, "bridge");
	const struct hd_bridge_conf *from;
	const struct hd_port_conf *port;
	json_t *document;
	int code = hd_cmd_port_conf(control, name, &port, &from, error);

	if (code != 0)
		return code;
	document = hd_cmd_copy(control);
	hd_cmd_assign(hd_cmd_port_find(document, name, NULL), params, envelope);
	if (to != NULL && strcmp(to, from->name) != 0)
		code = move(document, name, from->name, to, error);
	if (code == 0)
		return hd_cmd_commit(control, document, result, error);
	json_decref(document);
	return code;
}

static int del(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	const struct hd_bridge_conf *from;
	const struct hd_port_conf *port;
	json_t *document, *bridge;
	int code = hd_cmd_port_conf(control, name, &port, &from, error);

	if (code != 0)
		return code;
	document = hd_cmd_copy(control);
	bridge = hd_cmd_bridge_find(document, from->name);
	json_object_del(json_object_get(bridge, "ports"), name);
	json_decref(take_fdb(bridge, name));
	return hd_cmd_commit(control, document, result, error);
}

static json_t *show_one(struct hd_control *control, const struct hd_bridge_conf *bridge,
			const struct hd_port_conf *port)
{
	json_t *config = hd_cmd_port_find(hd_control_document(control), port->name, NULL);
	json_t *object = json_pack("{s:s, s:s, s:s, s:o}", "name", port->name, "bridge", bridge->name, "kind",
				   port->kind == HD_PORT_VHOST ? "vhost" : "ethdev", "config", json_deep_copy(config));

	json_object_update_new(object, hd_state_port(control, port));
	json_object_set_new(object, "stats", hd_state_port_stats(control, port));
	return object;
}

static json_t *stats_one(struct hd_control *control, const struct hd_bridge_conf *bridge,
			 const struct hd_port_conf *port)
{
	json_t *object = json_pack("{s:s, s:s}", "name", port->name, "bridge", bridge->name);

	json_object_update_new(object, hd_state_port_stats(control, port));
	return object;
}

/* A list of what `one` makes of every port, of a bridge's ports, or of one port. */
static int list(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error,
		json_t *(*one)(struct hd_control *, const struct hd_bridge_conf *, const struct hd_port_conf *))
{
	const struct hd_config *config = hd_control_config(control);
	const char *name = hd_cmd_string(params, "name"), *of = hd_cmd_string(params, "bridge");
	const struct hd_bridge_conf *only_bridge = NULL, *bridge;
	const struct hd_port_conf *only = NULL;
	int code = name != NULL ? hd_cmd_port_conf(control, name, &only, &bridge, error) : 0;

	if (code == 0 && of != NULL)
		code = hd_cmd_bridge_conf(control, of, &only_bridge, error);
	if (code != 0)
		return code;
	*result = json_array();
	for (unsigned int i = 0; i < config->n_bridges; i++) {
		bridge = &config->bridges[i];
		if (only_bridge != NULL && only_bridge != bridge)
			continue;
		for (unsigned int j = 0; j < bridge->n_ports; j++)
			if (only == NULL || only == &bridge->ports[j])
				json_array_append_new(*result, one(control, bridge, &bridge->ports[j]));
	}
	return 0;
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return list(control, params, result, error, show_one);
}

static int stats(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return list(control, params, result, error, stats_one);
}

const struct hd_rpc_method hd_cmd_port[] = {
	{"port.add", "name: string, bridge: string, *", add, "Make a port, with the keys of a port as further members.",
	 true},
	{"port.set", "name: string, bridge?: string, *", set,
	 "Change a port's keys (null unsets one) or its bridge; static FDB entries go along.", true},
	{"port.del", "name: string", del, "Delete a port and its static FDB entries.", true},
	{"port.show", "name?: string, bridge?: string", show, "Ports with their settings, state and counters: a list.",
	 false},
	{"port.stats", "name?: string, bridge?: string", stats, "Ports' counters, by queue and by drop reason: a list.",
	 false},
	{NULL},
};
