/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods mirror.*: mirrors come, change, go and are shown with their counters. */
#include <string.h>

#include "cmd.h"
#include "rpc.h"
#include "schema.h"
#include "state.h"

static const char *const envelope[] = {"name", "bridge", NULL};

/* The mirror by the model and its bridge's mirrors in a document, or the refusal. */
static int find(struct hd_control *control, const char *name, const json_t *document, json_t **mirrors,
		struct hd_error *error)
{
	const struct hd_bridge_conf *bridge;

	if (hd_config_mirror(hd_control_config(control), name, &bridge) == NULL) {
		hd_error_set(error, "mirrors.%.64s: no such mirror", name);
		return HD_RPC_REFUSED;
	}
	*mirrors = json_object_get(hd_cmd_bridge_find(document, bridge->name), "mirrors");
	return 0;
}

static int add(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	const struct hd_bridge_conf *bridge;
	json_t *document, *object, *mirror;
	int code = hd_cmd_bridge_conf(control, hd_cmd_string(params, "bridge"), &bridge, error);

	if (code != 0)
		return code;
	if (hd_config_mirror(hd_control_config(control), name, &bridge) != NULL) {
		hd_error_set(error, "bridges.%s.mirrors.%.64s: exists already", bridge->name, name);
		return HD_RPC_REFUSED;
	}
	document = hd_cmd_copy(control);
	object = hd_cmd_bridge_find(document, bridge->name);
	if (!json_is_object(json_object_get(object, "mirrors")))
		json_object_set_new(object, "mirrors", json_object());
	mirror = json_object();
	hd_cmd_assign(mirror, params, envelope);
	json_object_set_new(json_object_get(object, "mirrors"), name, mirror);
	return hd_cmd_commit(control, document, result, error);
}

static int set(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	json_t *document = hd_cmd_copy(control), *mirrors;
	int code = find(control, name, document, &mirrors, error);

	if (code != 0) {
		json_decref(document);
		return code;
	}
	hd_cmd_assign(json_object_get(mirrors, name), params, envelope);
	return hd_cmd_commit(control, document, result, error);
}

static int del(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	json_t *document = hd_cmd_copy(control), *mirrors;
	int code = find(control, name, document, &mirrors, error);

	if (code != 0) {
		json_decref(document);
		return code;
	}
	json_object_del(mirrors, name);
	return hd_cmd_commit(control, document, result, error);
}

/* The names of the ports that it is about. */
static json_t *ports_of(const struct hd_bridge_conf *bridge, const struct hd_mirror_conf *mirror)
{
	json_t *ports = json_array();

	for (unsigned int i = 0; i < bridge->n_ports; i++) {
		const char *name = bridge->ports[i].name;

		if (hd_mirror_conf_covers(mirror, name) && !hd_bridge_conf_mirrors_to(bridge, name))
			json_array_append_new(ports, json_string(name));
	}
	return ports;
}

static json_t *show_one(struct hd_control *control, const struct hd_bridge_conf *bridge,
			const struct hd_mirror_conf *mirror)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:i}", "name", mirror->name, "bridge", bridge->name,
				   "to", mirror->to, "ports", ports_of(bridge, mirror), "direction",
				   hd_schema_write(hd_schema_find(hd_schema_mirror, "direction"), mirror), "snap",
				   (json_int_t)mirror->snap, "vlan", mirror->vlan);

	json_object_update_new(object, hd_state_mirror(control, bridge, mirror));
	return object;
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_config *config = hd_control_config(control);
	const char *name = hd_cmd_string(params, "name");
	json_t *ignored;
	int code = name != NULL ? find(control, name, hd_control_document(control), &ignored, error) : 0;

	if (code != 0)
		return code;
	*result = json_array();
	for (unsigned int i = 0; i < config->n_bridges; i++) {
		const struct hd_bridge_conf *bridge = &config->bridges[i];

		for (unsigned int j = 0; j < bridge->n_mirrors; j++)
			if (name == NULL || strcmp(name, bridge->mirrors[j].name) == 0)
				json_array_append_new(*result, show_one(control, bridge, &bridge->mirrors[j]));
	}
	return 0;
}

const struct hd_rpc_method hd_cmd_mirror[] = {
	{"mirror.add", "name: string, bridge: string, *", add,
	 "Make a mirror, with the keys of a mirror as further members.", true},
	{"mirror.set", "name: string, *", set, "Change a mirror's keys; null unsets one.", true},
	{"mirror.del", "name: string", del, "Delete a mirror; its destination becomes a port like others.", true},
	{"mirror.show", "name?: string", show, "Mirrors with their settings and counters: a list.", false},
	{NULL},
};
