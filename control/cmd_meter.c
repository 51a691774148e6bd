/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods meter.*: a bridge's meters. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "flow/text.h"
#include "rpc.h"

static int refuse(int rc, uint32_t id, const char *why, struct hd_error *error)
{
	if (why == NULL)
		why = rc == -EEXIST ? "exists already" : rc == -ENOENT ? "no such meter" : strerror(-rc);
	hd_error_set(error, "meter %u: %s", id, why);
	return hd_cmd_code(rc);
}

static int set(struct hd_control *control, const json_t *params, bool exists, struct hd_error *error)
{
	const json_t *text = json_object_get(params, "meter");
	const struct hd_run_bridge *bridge;
	struct hd_meter_conf conf;
	struct hd_flow_error why;
	int rc, code = hd_cmd_run_bridge(control, params, &bridge, error);

	if (code != 0)
		return code;
	rc = hd_flow_parse_meter(json_string_value(text), json_string_length(text), &conf, &why);
	if (rc < 0) {
		hd_error_set(error, "column %zu: %s", why.column, why.text);
		return hd_cmd_code(rc);
	}
	if (exists != (hd_tables_meter(bridge->tables, conf.id) != NULL))
		return refuse(exists ? -ENOENT : -EEXIST, conf.id, NULL, error);
	rc = hd_tables_meter_set(bridge->tables, &conf, exists);
	return rc < 0 ? refuse(rc, conf.id, NULL, error) : 0;
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
	json_int_t id = 0; /* all */
	int rc, code = hd_cmd_run_bridge(control, params, &bridge, error);

	if (code == 0)
		code = hd_cmd_number(params, "id", 1, HD_METER_ID_MAX, &id, error);
	if (code != 0)
		return code;
	rc = hd_tables_meter_del(bridge->tables, (uint32_t)id, &done);
	if (rc < 0)
		return refuse(rc, (uint32_t)id, done.reason, error);
	*result = json_pack("{s:I}", "removed", (json_int_t)done.removed);
	return 0;
}

static json_t *describe_stats(const struct hd_meter *meter)
{
	struct hd_meter_stats stats;

	hd_meter_stats(meter, &stats);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "id", (json_int_t)hd_meter_conf(meter)->id, "packets",
			 (json_int_t)stats.packets, "bytes", (json_int_t)stats.bytes, "dropped_packets",
			 (json_int_t)stats.dropped_packets, "dropped_bytes", (json_int_t)stats.dropped_bytes);
}

static json_t *describe(const struct hd_meter *meter)
{
	const struct hd_meter_conf *conf = hd_meter_conf(meter);
	json_t *out = describe_stats(meter);
	struct hd_text text = {0};

	hd_flow_format_meter(&text, conf);
	json_object_set_new(out, "unit", json_string(conf->packets ? "packets/s" : "kbit/s"));
	json_object_set_new(out, "rate", json_integer(conf->rate));
	json_object_set_new(out, "burst", json_integer(conf->burst));
	json_object_set_new(out, "meter", json_stringn(text.data, text.length));
	free(text.data);
	return out;
}

static int list(struct hd_control *control, const json_t *params, json_t *(*item)(const struct hd_meter *meter),
		json_t **result, struct hd_error *error)
{
	const struct hd_run_bridge *bridge;
	const struct hd_meter *meter;
	uint32_t cursor = 0;
	int code = hd_cmd_run_bridge(control, params, &bridge, error);

	if (code != 0)
		return code;
	*result = json_array();
	while ((meter = hd_tables_meter_next(bridge->tables, &cursor)) != NULL)
		json_array_append_new(*result, item(meter));
	return 0;
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return list(control, params, describe, result, error);
}

static int stats(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	return list(control, params, describe_stats, result, error);
}

const struct hd_rpc_method hd_cmd_meter[] = {
	{"meter.add", "bridge: string, meter: string", add, "Add a meter.", true},
	{"meter.mod", "bridge: string, meter: string", mod, "Give a meter another rate; its counters stay.", true},
	{"meter.del", "bridge: string, id?: integer", del,
	 "Delete a meter, or all, and the rules that use it; answers how many.", true},
	{"meter.show", "bridge: string", show, "A bridge's meters with their counters: a list.", false},
	{"meter.stats", "bridge: string", stats, "The counters of a bridge's meters: a list.", false},
	{NULL},
};
