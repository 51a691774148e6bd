/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods flow.add, mod, del and show: a bridge's rules, one by one or a few at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "flow_bundle.h"
#include "flow_names.h"
#include "flow_show.h"
#include "rpc.h"

#define PAGE_DEFAULT 1024 /* rules an answer */
#define PAGE_MAX 4096
#define SCAN_MAX 65536 /* rules that a page looks at: the rest is for the next one */

static int refuse_params(struct hd_error *error)
{
	hd_error_set(error, "takes either flow, a text, or flows, a list of them");
	return -EINVAL;
}

/* The texts of the request; `empty` is what it means to bring none, NULL: that is refused. */
static int read_texts(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const json_t *params,
		      const char *empty, struct hd_error *error)
{
	const json_t *one = json_object_get(params, "flow"), *list = json_object_get(params, "flows");

	if (one != NULL && list == NULL)
		return hd_flow_bundle_add(bundle, runtime, json_string_value(one), json_string_length(one), UINT32_MAX,
					  error);
	if (one == NULL && list != NULL)
		return hd_flow_bundle_add_list(bundle, runtime, list, error);
	if (one != NULL || empty == NULL)
		return refuse_params(error);
	return hd_flow_bundle_add(bundle, runtime, empty, strlen(empty), UINT32_MAX, error);
}

static int change(struct hd_control *control, const json_t *params, enum hd_mod_command command, json_t **result,
		  struct hd_error *error)
{
	struct hd_runtime *runtime = hd_control_runtime(control);
	struct hd_flow_outcome outcome = {0};
	struct hd_flow_bundle bundle;
	int rc = hd_flow_bundle_init(&bundle, runtime, hd_cmd_string(params, "bridge"), error);

	if (rc < 0)
		return hd_cmd_code(rc);
	bundle.command = command;
	rc = read_texts(&bundle, runtime, params, command == HD_MOD_DELETE ? "" : NULL, error);
	if (rc == 0)
		rc = hd_flow_bundle_commit(&bundle, runtime, &outcome, error);
	hd_flow_bundle_clear(&bundle);
	if (rc < 0)
		return hd_cmd_code(rc);
	*result = json_pack("{s:I, s:I, s:I}", "added", (json_int_t)outcome.added, "modified",
			    (json_int_t)outcome.modified, "removed", (json_int_t)outcome.removed);
	return 0;
}

static bool is_strict(const json_t *params)
{
	return json_is_true(json_object_get(params, "strict"));
}

static int add(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return change(control, params, HD_MOD_ADD, result, error);
}

static int mod(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return change(control, params, is_strict(params) ? HD_MOD_MODIFY_STRICT : HD_MOD_MODIFY, result, error);
}

static int del(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return change(control, params, is_strict(params) ? HD_MOD_DELETE_STRICT : HD_MOD_DELETE, result, error);
}

/* Which rules a request wants to see. */
struct filter {
	const struct hd_tables *tables; /* NULL: there are none */
	int guard;                      /* whose they are, or -1 */
	bool any, hidden;
	struct hd_flow_mod mod; /* as for a loose delete */
};

static bool outputs_to(const struct hd_actions *actions, uint16_t ofport)
{
	for (uint32_t i = 0; i < actions->n; i++)
		if (actions->action[i].type == HD_ACT_OUTPUT && actions->action[i].output.ofport == ofport)
			return true;
	return false;
}

/* Does the rule match only packets that the filter matches? */
static bool is_within(const struct hd_match *match, const struct hd_match *filter)
{
	uint64_t differs = 0;

	for (unsigned int i = 0; i < HD_KEY_WORDS; i++)
		differs |= (~match->mask.word[i] | (match->key.word[i] ^ filter->key.word[i])) & filter->mask.word[i];
	return differs == 0;
}

static bool wanted(const struct filter *filter, const struct hd_rule_spec *spec)
{
	const struct hd_flow_mod *mod = &filter->mod;

	if (spec->hidden && !filter->hidden)
		return false;
	if (filter->any)
		return true;
	return (mod->any_table || mod->spec.table == spec->table) &&
	       ((spec->cookie ^ mod->spec.cookie) & mod->cookie_mask) == 0 &&
	       (mod->out_port == HD_OFPORT_NONE || outputs_to(spec->actions, mod->out_port)) &&
	       is_within(&spec->match, &mod->spec.match);
}

static int read_filter(const json_t *params, const struct hd_flow_names *names, struct filter *filter,
		       struct hd_error *error)
{
	const json_t *text = json_object_get(params, "match");
	struct hd_flow_error why;
	int rc;

	filter->hidden = json_is_true(json_object_get(params, "hidden"));
	filter->any = text == NULL;
	if (filter->any)
		return 0;
	rc = hd_flow_parse(json_string_value(text), json_string_length(text), HD_MOD_DELETE, names, &filter->mod, &why);
	if (rc == 0)
		hd_actions_free(filter->mod.spec.actions);
	else if (rc == -EINVAL)
		hd_error_set(error, "column %zu: %s", why.column, why.text);
	else
		hd_error_set(error, "out of memory");
	return rc < 0 ? hd_cmd_code(rc) : 0;
}

/* Of a bridge's own tables, or of a guard's. */
static int read_tables(const json_t *params, const struct hd_run_bridge *bridge, struct filter *filter,
		       struct hd_error *error)
{
	static const char *const guards[HD_GUARDS] = {[HD_GUARD_IN] = "in", [HD_GUARD_OUT] = "out"};
	const char *guard = hd_cmd_string(params, "guard");

	filter->tables = bridge->tables;
	filter->guard = -1;
	for (int i = 0; guard != NULL && i < HD_GUARDS; i++)
		if (strcmp(guards[i], guard) == 0)
			filter->guard = i;
	if (guard == NULL)
		return 0;
	if (filter->guard < 0) {
		hd_error_set(error, "guard: %.64s is not in or out", guard);
		return HD_RPC_REFUSED;
	}
	filter->tables = bridge->guard[filter->guard];
	filter->hidden = true;
	return 0;
}

/* In a guard, in_port is the guarded port; in that of what leaves, the one that it leaves by. */
static json_t *show_rule(const struct filter *filter, const struct hd_rule *rule, const struct hd_flow_names *names)
{
	static const char in_port[] = "in_port=";
	json_t *shown = hd_flow_show_rule(filter->tables, rule, names);
	const char *match = hd_cmd_string(shown, "match"), *at;

	if (filter->guard != HD_GUARD_OUT || match == NULL)
		return shown;
	at = strstr(match, in_port);
	if (at != NULL)
		json_object_set_new(shown, "match",
				    json_sprintf("%.*sout_port=%s", (int)(at - match), match, at + strlen(in_port)));
	return shown;
}

static json_t *make_page(const struct filter *filter, uint32_t *cursor, unsigned int max,
			 const struct hd_flow_names *names)
{
	const struct hd_rule *rule = NULL;
	json_t *list = json_array(), *page;

	for (unsigned int seen = 0; filter->tables != NULL && seen < SCAN_MAX && json_array_size(list) < max; seen++) {
		rule = hd_tables_next(filter->tables, cursor);
		if (rule == NULL)
			break;
		if (wanted(filter, &rule->spec))
			json_array_append_new(list, show_rule(filter, rule, names));
	}
	page = json_pack("{s:o}", "flows", list);
	if (rule != NULL)
		json_object_set_new(page, "cursor", json_integer(*cursor));
	return page;
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_run_bridge *bridge;
	struct hd_flow_resolver resolver;
	struct filter filter;
	json_int_t at = 0, max = PAGE_DEFAULT;
	uint32_t cursor;
	int code = hd_cmd_run_bridge(control, params, &bridge, error);

	if (code != 0)
		return code;
	hd_flow_resolver_init(&resolver, hd_control_runtime(control), bridge, NULL);
	code = read_filter(params, &resolver.names, &filter, error);
	if (code == 0)
		code = read_tables(params, bridge, &filter, error);
	if (code == 0)
		code = hd_cmd_number(params, "cursor", 0, UINT32_MAX, &at, error);
	if (code == 0)
		code = hd_cmd_number(params, "max", 1, PAGE_MAX, &max, error);
	if (code != 0)
		return code;
	if (at == 0)
		hd_dataplane_fold(hd_control_dataplane(control)); /* counters of the pages that follow are as old */
	cursor = (uint32_t)at;
	*result = make_page(&filter, &cursor, (unsigned int)max, &resolver.names);
	return 0;
}

const struct hd_rpc_method hd_cmd_flow[] = {
	{"flow.add", "bridge: string, flow?: string, flows?: array", add,
	 "Add rules, or replace those of the same table, priority and match; a list is added whole or not at all.",
	 true, true},
	{"flow.mod", "bridge: string, flow?: string, flows?: array, strict?: boolean", mod,
	 "Change the actions of all rules that the match covers, or (strict) of the one with this match and priority.",
	 true, true},
	{"flow.del", "bridge: string, flow?: string, flows?: array, strict?: boolean", del,
	 "Delete all rules that the match covers, or (strict) the one with this match and priority; without flow, all.",
	 true, true},
	{"flow.show",
	 "bridge: string, match?: string, cursor?: integer, max?: integer, hidden?: boolean, guard?: string", show,
	 "A page of a bridge's rules, in no order, with counters; its cursor, if there is one, asks for the next. With "
	 "guard, in or out, of those that port security and access lists are compiled to.",
	 false},
	{NULL},
};
