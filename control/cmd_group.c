/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods group.*: a bridge's groups of buckets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "flow_names.h"
#include "rpc.h"

static int refuse(int rc, uint32_t id, const struct hd_mod_result *result, struct hd_error *error)
{
	const char *why = result->reason;

	if (why == NULL)
		why = rc == -EEXIST ? "exists already" : rc == -ENOENT ? "no such group" : strerror(-rc);
	hd_error_set(error, "group %u: %s", id, why);
	return hd_cmd_code(rc);
}

static int read_group(struct hd_control *control, const json_t *params, const struct hd_run_bridge **bridge,
		      struct hd_group **group, struct hd_error *error)
{
	const json_t *text = json_object_get(params, "group");
	struct hd_flow_resolver resolver;
	struct hd_flow_error why;
	int rc, code = hd_cmd_run_bridge(control, params, bridge, error);

	if (code != 0)
		return code;
	hd_flow_resolver_init(&resolver, hd_control_runtime(control), *bridge, NULL);
	rc = hd_flow_parse_group(json_string_value(text), json_string_length(text), &resolver.names, group, &why);
	if (rc == 0)
		return 0;
	if (rc == -EINVAL)
		hd_error_set(error, "column %zu: %s", why.column, why.text);
	else
		hd_error_set(error, "out of memory");
	return hd_cmd_code(rc);
}

static int set(struct hd_control *control, const json_t *params, bool exists, struct hd_error *error)
{
	struct hd_mod_result result = {.reason = NULL};
	const struct hd_run_bridge *bridge;
	struct hd_group *group;
	uint32_t id;
	int rc, code = read_group(control, params, &bridge, &group, error);

	if (code != 0)
		return code;
	id = group->id;
	rc = exists ? hd_tables_group_mod(bridge->tables, group, &result)
		    : hd_tables_group_add(bridge->tables, group, &result);
	if (rc == 0)
		return 0;
	hd_group_free(group);
	return refuse(rc, id, &result, error);
}

static int add(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return set(control, params, false, error);
}

static int mod(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return set(control, params, true, error);
}

static int del(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_mod_result done = {.reason = NULL};
	const struct hd_run_bridge *bridge;
	json_int_t id = UINT32_MAX; /* all */
	int rc, code = hd_cmd_run_bridge(control, params, &bridge, error);

	if (code == 0)
		code = hd_cmd_number(params, "id", 0, HD_GROUP_MAX, &id, error);
	if (code != 0)
		return code;
	rc = hd_tables_group_del(bridge->tables, (uint32_t)id, &done);
	if (rc < 0)
		return refuse(rc, (uint32_t)id, &done, error);
	*result = json_pack("{s:I}", "removed", (json_int_t)done.removed);
	return 0;
}

static json_t *describe(const struct hd_group *group, const struct hd_flow_names *names)
{
	static const char *const types[] = {
		[HD_GROUP_ALL] = "all",
		[HD_GROUP_SELECT] = "select",
		[HD_GROUP_FF] = "fast_failover",
		[HD_GROUP_INDIRECT] = "indirect",
	};
	struct hd_text text = {0};
	json_t *out;

	hd_flow_format_group(&text, group, names);
	out = json_pack("{s:I, s:s, s:i, s:o}", "id", (json_int_t)group->id, "type", types[group->type], "buckets",
			(int)group->n_buckets, "group", json_stringn(text.data, text.length));
	free(text.data);
	return out;
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_run_bridge *bridge;
	struct hd_flow_resolver resolver;
	const struct hd_group *group;
	uint32_t cursor = 0;
	int code = hd_cmd_run_bridge(control, params, &bridge, error);

	if (code != 0)
		return code;
	hd_flow_resolver_init(&resolver, hd_control_runtime(control), bridge, NULL);
	*result = json_array();
	while ((group = hd_tables_group_next(bridge->tables, &cursor)) != NULL)
		json_array_append_new(*result, describe(group, &resolver.names));
	return 0;
}

const struct hd_rpc_method hd_cmd_group[] = {
	{"group.add", "bridge: string, group: string", add, "Add a group.", true},
	{"group.mod", "bridge: string, group: string", mod, "Give a group other buckets.", true},
	{"group.del", "bridge: string, id?: integer", del,
	 "Delete a group, or all, and the rules that use it; answers how many.", true},
	{"group.show", "bridge: string", show, "A bridge's groups: a list.", false},
	{NULL},
};
