/* SPDX-License-Identifier: BSD-3-Clause */
/* Edits copies of the document in force for the methods that change it. */
#include <errno.h>
#include <string.h>

#include "cmd.h"

json_t *hd_cmd_bridge_find(const json_t *document, const char *name)
{
	return json_object_get(json_object_get(document, "bridges"), name);
}

json_t *hd_cmd_port_find(const json_t *document, const char *name, const char **bridge)
{
	json_t *bridges = json_object_get(document, "bridges"), *object, *port;
	const char *key;

	json_object_foreach (bridges, key, object) {
		port = json_object_get(json_object_get(object, "ports"), name);
		if (port == NULL)
			continue;
		if (bridge != NULL)
			*bridge = key;
		return port;
	}
	return NULL;
}

json_t *hd_cmd_copy(struct hd_control *control)
{
	json_t *document = json_deep_copy(hd_control_document(control));

	if (!json_is_object(document)) {
		json_decref(document);
		document = json_object();
	}
	if (!json_is_object(json_object_get(document, "bridges")))
		json_object_set_new(document, "bridges", json_object());
	return document;
}

int hd_cmd_commit(struct hd_control *control, json_t *document, json_t **result, struct hd_error *error)
{
	json_t *changes = NULL;
	int rc = hd_control_change(control, document, NULL, false, &changes, error);

	json_decref(document);
	if (rc < 0)
		return hd_cmd_code(rc);
	*result = json_pack("{s:o}", "changes", changes != NULL ? changes : json_array());
	return 0;
}

static bool is_one_of(const char *key, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(key, *words) == 0)
			return true;
	return false;
}

void hd_cmd_assign(json_t *object, json_t *params, const char *const *except)
{
	const char *key;
	json_t *value;

	json_object_foreach (params, key, value) {
		if (is_one_of(key, except))
			continue;
		if (json_is_null(value))
			json_object_del(object, key);
		else
			json_object_set(object, key, value);
	}
}

int hd_cmd_bridge_conf(struct hd_control *control, const char *name, const struct hd_bridge_conf **bridge,
		       struct hd_error *error)
{
	*bridge = hd_config_bridge(hd_control_config(control), name);
	if (*bridge != NULL)
		return 0;
	hd_error_set(error, "bridges.%.64s: no such bridge", name);
	return HD_RPC_REFUSED;
}

int hd_cmd_port_conf(struct hd_control *control, const char *name, const struct hd_port_conf **port,
		     const struct hd_bridge_conf **bridge, struct hd_error *error)
{
	*port = hd_config_port(hd_control_config(control), name, bridge);
	if (*port != NULL)
		return 0;
	hd_error_set(error, "ports.%.64s: no such port", name);
	return HD_RPC_REFUSED;
}

int hd_cmd_code(int rc)
{
	switch (rc) {
	case -EINVAL:
		return HD_RPC_INVALID_PARAMS;
	case -ENOMEM:
		return HD_RPC_INTERNAL;
	default:
		return HD_RPC_REFUSED;
	}
}

const char *hd_cmd_string(const json_t *params, const char *key)
{
	return json_string_value(json_object_get(params, key));
}

int hd_cmd_integer(const json_t *params, const char *key, int min, int max, int absent, int *value,
		   struct hd_error *error)
{
	json_int_t number = absent;
	int code = hd_cmd_number(params, key, min, max, &number, error);

	*value = (int)number;
	return code;
}

int hd_cmd_number(const json_t *params, const char *key, json_int_t min, json_int_t max, json_int_t *value,
		  struct hd_error *error)
{
	const json_t *member = json_object_get(params, key);
	json_int_t number = json_integer_value(member);

	if (member == NULL)
		return 0;
	if (number < min || number > max) {
		hd_error_set(error,
			     "%s: %" JSON_INTEGER_FORMAT " is not %" JSON_INTEGER_FORMAT "..%" JSON_INTEGER_FORMAT, key,
			     number, min, max);
		return HD_RPC_INVALID_PARAMS;
	}
	*value = number;
	return 0;
}

int hd_cmd_run_bridge(struct hd_control *control, const json_t *params, const struct hd_run_bridge **bridge,
		      struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "bridge");

	*bridge = hd_runtime_bridge(hd_control_runtime(control), name);
	if (*bridge != NULL)
		return 0;
	hd_error_set(error, "bridges.%.64s: no such bridge", name);
	return HD_RPC_REFUSED;
}
