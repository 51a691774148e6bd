/* SPDX-License-Identifier: BSD-3-Clause */
/* Method trace: the way of an imagined packet through a bridge's tables. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "flow/pipeline.h"
#include "flow_names.h"
#include "flow_show.h"
#include "rpc.h"

#define CT_NEXT_MAX 32 /* ct actions of a packet whose outcome can be told */
#define STEPS_MAX 10000

/* What a trace collects. */
struct walk {
	const struct hd_runtime *runtime;
	const struct hd_run_bridge *bridge;
	const struct hd_flow_names *names;
	json_t *steps, *outputs;
	const char *drop; /* reason, or NULL */
};

static const char *port_name(const struct hd_runtime *runtime, uint16_t id)
{
	const struct hd_run_port *run = id < HD_PORTS_MAX ? runtime->ports[id] : NULL;

	return run != NULL ? run->conf.name : "?";
}

static json_t *text_of(struct hd_text *text)
{
	json_t *value = text->length > 0 && !text->failed ? json_stringn(text->data, text->length) : json_string("");

	free(text->data);
	return value;
}

static void tell_rule(const struct walk *walk, const struct hd_trace_step *step, json_t *out)
{
	json_object_set_new(out, "table", json_integer(step->table));
	if (step->rule != NULL)
		json_object_set_new(out, "rule", hd_flow_show_rule(walk->bridge->tables, step->rule, walk->names));
}

static void tell_action(const struct walk *walk, const struct hd_trace_step *step, json_t *out)
{
	struct hd_text text = {0};

	if (step->action == NULL)
		return;
	hd_flow_format_action(&text, step->action, walk->names);
	json_object_set_new(out, "action", text_of(&text));
}

static void tell_ct(const struct hd_trace_step *step, json_t *out)
{
	char state[64];

	if (step->key == NULL)
		return;
	hd_flow_show_ct_state(step->key->ct_state, state);
	json_object_set_new(out, "state", json_string(state));
	json_object_set_new(out, "zone", json_integer(step->key->ct_zone));
	json_object_set_new(out, "mark", json_integer(step->key->ct_mark));
}

static void tell_output(struct walk *walk, const struct hd_trace_step *step, json_t *out)
{
	const char *name = port_name(walk->runtime, step->port);

	json_object_set_new(out, "port", json_string(name));
	json_array_append_new(walk->outputs, json_string(name));
}

static void tell_drop(struct walk *walk, const struct hd_trace_step *step, json_t *out)
{
	if (step->reason >= HD_DROP_COUNT)
		return;
	walk->drop = hd_drop_name(step->reason);
	json_object_set_new(out, "reason", json_string(walk->drop));
	json_object_set_new(out, "text", json_string(hd_drop_text(step->reason)));
}

static void tell(struct walk *walk, const struct hd_trace_step *step, json_t *out)
{
	switch (step->kind) {
	case HD_TRACE_RULE:
		tell_rule(walk, step, out);
		break;
	case HD_TRACE_ACTION:
	case HD_TRACE_LEARN:
		tell_action(walk, step, out);
		break;
	case HD_TRACE_OUTPUT:
	case HD_TRACE_FLOOD:
		tell_output(walk, step, out);
		break;
	case HD_TRACE_DROP:
		tell_drop(walk, step, out);
		break;
	case HD_TRACE_CT:
		tell_ct(step, out);
		break;
	case HD_TRACE_BUCKET:
		json_object_set_new(out, "bucket", json_integer(step->port));
		break;
	case HD_TRACE_NORMAL:
		json_object_set_new(out, "vlan", json_integer(step->port));
		break;
	}
}

static void on_step(void *context, const struct hd_trace_step *step)
{
	static const char *const kinds[] = {
		[HD_TRACE_RULE] = "rule",     [HD_TRACE_ACTION] = "action", [HD_TRACE_OUTPUT] = "output",
		[HD_TRACE_FLOOD] = "flood",   [HD_TRACE_DROP] = "drop",     [HD_TRACE_CT] = "ct",
		[HD_TRACE_BUCKET] = "bucket", [HD_TRACE_NORMAL] = "normal", [HD_TRACE_LEARN] = "learn",
	};
	struct walk *walk = context;
	json_t *out;

	if (json_array_size(walk->steps) >= STEPS_MAX)
		return;
	out = json_pack("{s:s, s:i}", "step", kinds[step->kind], "depth", (int)step->depth);
	tell(walk, step, out);
	json_array_append_new(walk->steps, out);
}

static int refuse_text(const char *what, int rc, const struct hd_flow_error *why, struct hd_error *error)
{
	if (rc == -EINVAL)
		hd_error_set(error, "%scolumn %zu: %s", what, why->column, why->text);
	else
		hd_error_set(error, "out of memory");
	return hd_cmd_code(rc);
}

/* "trk,est" or "+trk+est": the flags that the packet has behind its next ct action. */
static int read_state(const json_t *item, const struct hd_flow_names *names, uint8_t *state, struct hd_error *error)
{
	char text[96] = "ct_state=", *at = text + strlen(text);
	const char *given = json_string_value(item);
	struct hd_flow_error why;
	struct hd_match match;
	int rc;

	if (given == NULL || strlen(given) > 64) {
		hd_error_set(error, "ct_next: not a list of flags such as trk,est");
		return HD_RPC_INVALID_PARAMS;
	}
	if (given[0] != '+' && given[0] != '-')
		*at++ = '+';
	for (; *given != '\0'; given++)
		*at++ = (char)(*given == ',' || *given == '|' || *given == ' ' ? '+' : *given);
	*at = '\0';
	rc = hd_flow_parse_match(text, strlen(text), names, &match, &why);
	if (rc < 0) {
		hd_error_set(error, "ct_next: %.64s: %s", json_string_value(item), why.text);
		return hd_cmd_code(rc);
	}
	*state = match.key.ct_state | HD_CT_TRK;
	return 0;
}

static int read_states(const json_t *params, const struct hd_flow_names *names, uint8_t states[CT_NEXT_MAX],
		       unsigned int *n, struct hd_error *error)
{
	const json_t *list = json_object_get(params, "ct_next");
	int code = 0;

	*n = (unsigned int)json_array_size(list);
	if (*n > CT_NEXT_MAX) {
		hd_error_set(error, "ct_next: more than %d", CT_NEXT_MAX);
		return HD_RPC_INVALID_PARAMS;
	}
	for (unsigned int i = 0; code == 0 && i < *n; i++)
		code = read_state(json_array_get(list, i), names, &states[i], error);
	return code;
}

/* The snapshot's port by which the packet comes in. */
static int find_input(struct hd_control *control, const struct hd_run_bridge *bridge, const struct hd_match *match,
		      const struct hd_snapshot_port **in, struct hd_error *error)
{
	const struct hd_snapshot *snapshot = atomic_load(&hd_control_dataplane(control)->snapshot);
	uint16_t ofport = match->key.in_port, id;

	if (match->mask.in_port != UINT16_MAX || ofport > HD_OFPORT_MAX || ofport == HD_OFPORT_NONE) {
		hd_error_set(error, "flow: in_port=PORT is missing: where does the packet come in?");
		return HD_RPC_INVALID_PARAMS;
	}
	id = snapshot->by_ofport[ofport];
	*in = id != 0 ? snapshot->ports[id - 1] : NULL;
	if (*in != NULL && (*in)->bridge != NULL && (*in)->bridge->serial == bridge->serial)
		return 0;
	hd_error_set(error, "flow: in_port: there is no such port in %s at the moment", bridge->name);
	return HD_RPC_REFUSED;
}

static json_t *describe(struct walk *walk)
{
	const struct hd_shape *shape = hd_tables_shape(walk->bridge->tables);
	json_t *out = json_pack("{s:O, s:O, s:o}", "steps", walk->steps, "outputs", walk->outputs, "fields",
				hd_flow_show_mask(&shape->mask));

	if (walk->drop != NULL)
		json_object_set_new(out, "drop", json_string(walk->drop));
	return out;
}

static int trace(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const json_t *flow = json_object_get(params, "flow");
	struct walk walk = {.runtime = hd_control_runtime(control)};
	struct hd_trace wish = {.step = on_step, .context = &walk};
	const struct hd_snapshot_port *in;
	struct hd_flow_resolver resolver;
	uint8_t states[CT_NEXT_MAX];
	struct hd_flow_error why;
	struct hd_match match;
	int rc, code = hd_cmd_run_bridge(control, params, &walk.bridge, error);

	if (code != 0)
		return code;
	hd_flow_resolver_init(&resolver, hd_control_runtime(control), walk.bridge, NULL);
	walk.names = &resolver.names;
	rc = hd_flow_parse_match(json_string_value(flow), json_string_length(flow), walk.names, &match, &why);
	if (rc < 0)
		return refuse_text("", rc, &why, error);
	code = read_states(params, walk.names, states, &wish.n_ct_next, error);
	if (code == 0)
		code = find_input(control, walk.bridge, &match, &in, error);
	if (code != 0)
		return code;
	wish.ct_next = states;
	walk.steps = json_array();
	walk.outputs = json_array();
	rc = hd_pipeline_trace(atomic_load(&hd_control_dataplane(control)->snapshot), in, &match.key, &wish);
	*result = rc == 0 ? describe(&walk) : NULL;
	json_decref(walk.steps);
	json_decref(walk.outputs);
	if (rc < 0)
		hd_error_set(error, "out of memory");
	return rc < 0 ? hd_cmd_code(rc) : 0;
}

const struct hd_rpc_method hd_cmd_trace[] = {
	{"trace", "bridge: string, flow: string, ct_next?: array", trace,
	 "The way of a packet with these fields (in_port is needed) through the tables; ct_next: what each ct action "
	 "finds, "
	 "such as \"trk,est\". Nothing is changed by it.",
	 false},
	{NULL},
};
