/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods bridge.*: bridges come, change, go and are shown. */
#include "cmd.h"
#include "rpc.h"
#include "schema.h"
#include "state.h"

static const char *const envelope[] = {"name", NULL};

static int add(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	json_t *document, *bridge;

	if (hd_cmd_bridge_find(hd_control_document(control), name) != NULL) {
		hd_error_set(error, "bridges.%.64s: exists already", name);
		return HD_RPC_REFUSED;
	}
	document = hd_cmd_copy(control);
	bridge = json_object();
	hd_cmd_assign(bridge, params, envelope);
	json_object_set_new(json_object_get(document, "bridges"), name, bridge);
	return hd_cmd_commit(control, document, result, error);
}

static int set(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	const struct hd_bridge_conf *bridge;
	json_t *document;
	int code = hd_cmd_bridge_conf(control, name, &bridge, error);

	if (code != 0)
		return code;
	document = hd_cmd_copy(control);
	hd_cmd_assign(hd_cmd_bridge_find(document, name), params, envelope);
	return hd_cmd_commit(control, document, result, error);
}

static int del(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	const struct hd_bridge_conf *bridge;
	json_t *document;
	int code = hd_cmd_bridge_conf(control, name, &bridge, error);

	if (code != 0)
		return code;
	if (bridge->n_ports > 0 && !json_is_true(json_object_get(params, "force"))) {
		hd_error_set(error, "bridges.%s: has %u port%s (%s%s); force deletes them too", name, bridge->n_ports,
			     bridge->n_ports == 1 ? "" : "s", bridge->ports[0].name,
			     bridge->n_ports > 1 ? ", ..." : "");
		return HD_RPC_REFUSED;
	}
	document = hd_cmd_copy(control);
	json_object_del(json_object_get(document, "bridges"), name);
	return hd_cmd_commit(control, document, result, error);
}

static json_t *show_one(struct hd_control *control, const struct hd_bridge_conf *bridge)
{
	json_t *ports = json_array(), *object;

	for (unsigned int i = 0; i < bridge->n_ports; i++)
		json_array_append_new(ports, json_string(bridge->ports[i].name));
	object = json_pack("{s:s, s:i, s:i, s:o}", "name", bridge->name, "fdb-limit", (int)bridge->fdb_limit, "ageing",
			   (int)bridge->ageing, "ports", ports);
	json_object_update_new(object, hd_state_bridge(control, bridge));
	return object;
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_config *config = hd_control_config(control);
	const char *name = hd_cmd_string(params, "name");
	const struct hd_bridge_conf *only = NULL;
	int code = name != NULL ? hd_cmd_bridge_conf(control, name, &only, error) : 0;

	if (code != 0)
		return code;
	*result = json_array();
	for (unsigned int i = 0; i < config->n_bridges; i++)
		if (only == NULL || only == &config->bridges[i])
			json_array_append_new(*result, show_one(control, &config->bridges[i]));
	return 0;
}

const struct hd_rpc_method hd_cmd_bridge[] = {
	{"bridge.add", "name: string, *", add, "Make a bridge, with the keys of a bridge as further members.", true},
	{"bridge.set", "name: string, *", set, "Change a bridge's keys; null unsets one.", true},
	{"bridge.del", "name: string, force?: boolean", del, "Delete a bridge; with its ports only if force is true.",
	 true},
	{"bridge.show", "name?: string", show, "Bridges with their settings, ports and FDB figures: a list.", false},
	{NULL},
};
