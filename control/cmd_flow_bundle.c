/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods flow.add-file and flow.replace, and flow.begin, stage, commit and abort: many rules as one change. */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "flow_bundle.h"
#include "rpc.h"

#define TEXT_MAX 1048576 /* bytes of lines in one request: parsing them keeps others waiting for some milliseconds */
#define LINES_MAX 0x7fffffff

static json_t *describe(const struct hd_flow_bundle *bundle, const struct hd_flow_outcome *outcome)
{
	if (bundle->replace)
		return json_pack("{s:I, s:I, s:I, s:I}", "added", (json_int_t)outcome->added, "changed",
				 (json_int_t)outcome->modified, "removed", (json_int_t)outcome->removed, "kept",
				 (json_int_t)outcome->kept);
	return json_pack("{s:I, s:I, s:I}", "added", (json_int_t)outcome->added, "modified",
			 (json_int_t)outcome->modified, "removed", (json_int_t)outcome->removed);
}

static int read_lines(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const json_t *text, uint32_t line,
		      struct hd_error *error)
{
	if (json_string_length(text) > TEXT_MAX) {
		hd_error_set(error, "text: more than %d bytes: send them in pieces, flow.begin and flow.stage",
			     TEXT_MAX);
		return -EINVAL;
	}
	return hd_flow_bundle_add_lines(bundle, runtime, json_string_value(text), json_string_length(text), line,
					error);
}

static int read_rules(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const json_t *params,
		      struct hd_error *error)
{
	const json_t *text = json_object_get(params, "text"), *list = json_object_get(params, "flows");

	if ((text == NULL) == (list == NULL)) {
		hd_error_set(error, "flow.replace: takes either text, of lines, or flows, a list");
		return -EINVAL;
	}
	return text != NULL ? read_lines(bundle, runtime, text, 1, error)
			    : hd_flow_bundle_add_list(bundle, runtime, list, error);
}

static void name_file(struct hd_flow_bundle *bundle, const json_t *params)
{
	const char *file = hd_cmd_string(params, "file");

	if (file != NULL)
		hd_flow_bundle_set_file(bundle, file);
}

/* A change that one request brings whole. */
static int change(struct hd_control *control, const json_t *params, bool whole, json_t **result, struct hd_error *error)
{
	struct hd_runtime *runtime = hd_control_runtime(control);
	struct hd_flow_outcome outcome = {0};
	struct hd_flow_bundle bundle;
	int rc = hd_flow_bundle_init(&bundle, runtime, hd_cmd_string(params, "bridge"), error);

	if (rc < 0)
		return hd_cmd_code(rc);
	bundle.replace = whole;
	name_file(&bundle, params);
	rc = read_rules(&bundle, runtime, params, error);
	if (rc == 0)
		rc = hd_flow_bundle_commit(&bundle, runtime, &outcome, error);
	if (rc == 0)
		*result = describe(&bundle, &outcome);
	hd_flow_bundle_clear(&bundle);
	return rc < 0 ? hd_cmd_code(rc) : 0;
}

static int add_file(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return change(control, params, false, result, error);
}

static int replace(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return change(control, params, true, result, error);
}

static int begin(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_flow_bundle *bundle;
	int rc = hd_flow_bundle_begin(hd_control_runtime(control), hd_rpc_client(), hd_cmd_string(params, "bridge"),
				      &bundle, error);

	if (rc < 0)
		return hd_cmd_code(rc);
	bundle->replace = json_is_true(json_object_get(params, "replace"));
	name_file(bundle, params);
	*result = json_pack("{s:I}", "bundle", (json_int_t)bundle->id);
	return 0;
}

static int find(struct hd_control *control, const json_t *params, struct hd_flow_bundle **bundle,
		struct hd_error *error)
{
	json_int_t id = 0;
	int code = hd_cmd_number(params, "bundle", 1, UINT32_MAX, &id, error);

	if (code != 0)
		return code;
	*bundle = hd_flow_bundle_find(hd_control_runtime(control), hd_rpc_client(), (uint32_t)id);
	if (*bundle != NULL)
		return 0;
	hd_error_set(error, "bundle: %" JSON_INTEGER_FORMAT ": this client has no such bundle", id);
	return HD_RPC_REFUSED;
}

static int stage(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_runtime *runtime = hd_control_runtime(control);
	struct hd_flow_bundle *bundle;
	json_int_t line = 1;
	int rc, code = find(control, params, &bundle, error);

	if (code == 0)
		code = hd_cmd_number(params, "line", 1, LINES_MAX, &line, error);
	if (code != 0)
		return code;
	rc = read_lines(bundle, runtime, json_object_get(params, "text"), (uint32_t)line, error);
	if (rc == 0 && hd_flow_bundles_staged(runtime) > HD_STAGED_MAX) {
		hd_error_set(error, "more than %u changes are staged", HD_STAGED_MAX);
		rc = -ENOSPC;
	}
	if (rc < 0) {
		hd_flow_bundle_end(runtime, bundle); /* all or nothing: it can't become whole any more */
		return hd_cmd_code(rc);
	}
	*result = json_pack("{s:I}", "staged", (json_int_t)bundle->n);
	return 0;
}

static int commit(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_runtime *runtime = hd_control_runtime(control);
	struct hd_flow_outcome outcome = {0};
	struct hd_flow_bundle *bundle;
	int rc, code = find(control, params, &bundle, error);

	if (code != 0)
		return code;
	rc = hd_flow_bundle_commit(bundle, runtime, &outcome, error);
	if (rc == 0)
		*result = describe(bundle, &outcome);
	hd_flow_bundle_end(runtime, bundle);
	return rc < 0 ? hd_cmd_code(rc) : 0;
}

static int abandon(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_flow_bundle *bundle;
	int code = find(control, params, &bundle, error);

	if (code == 0)
		hd_flow_bundle_end(hd_control_runtime(control), bundle);
	return code;
}

const struct hd_rpc_method hd_cmd_flow_bundle[] = {
	{"flow.add-file", "bridge: string, text: string, file?: string", add_file,
	 "Carry out lines of rules, each of which may begin with add, modify, modify_strict, delete or delete_strict, "
	 "as "
	 "one change; file is the name in messages. At most 1 MiB.",
	 true},
	{"flow.replace", "bridge: string, text?: string, flows?: array, file?: string", replace,
	 "Make these the bridge's rules, as one change; those that stay keep their counters.", true},
	{"flow.begin", "bridge: string, replace?: boolean, file?: string", begin,
	 "Begin a change (or a replacement) that comes in pieces; it is forgotten when the client disconnects.", true,
	 true},
	{"flow.stage", "bundle: integer, text: string, line?: integer", stage,
	 "Add lines to it, at most 1 MiB; line is the number of the first. An error ends the bundle.", true, true},
	{"flow.commit", "bundle: integer", commit, "Make the change.", true},
	{"flow.abort", "bundle: integer", abandon, "Forget it.", true, true},
	{NULL},
};
