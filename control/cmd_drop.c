/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods drop.*: where packets ended, that none is missing, and what the last ones looked like. */
#include "cmd.h"
#include "rpc.h"
#include "state.h"

#define FRAMES_DEFAULT 1024 /* in an answer */

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	*result = hd_state_drops(control);
	return 0;
}

static int read_reason(const json_t *params, enum hd_drop *reason, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "reason");

	*reason = name != NULL ? hd_drop_find(name) : HD_DROP_NONE;
	if (name == NULL || *reason != HD_DROP_NONE)
		return 0;
	hd_error_set(error, "reason: %.64s: no such reason to drop a packet", name);
	return HD_RPC_INVALID_PARAMS;
}

static int frames(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_state_frames filter = {.port = hd_cmd_string(params, "port")};
	const struct hd_bridge_conf *bridge;
	const struct hd_port_conf *port;
	int max, code = read_reason(params, &filter.reason, error);

	if (code == 0)
		code = hd_cmd_integer(params, "max", 1, HD_FRAMES_MAX, FRAMES_DEFAULT, &max, error);
	if (code != 0)
		return code;
	filter.max = (uint32_t)max;
	*result = hd_state_drop_frames(control, &filter);
	if (*result == NULL) {
		hd_error_set(error, "out of memory");
		return HD_RPC_INTERNAL;
	}
	/* Frames outlive their port: it is unknown only if there are none. */
	if (filter.port == NULL || json_array_size(*result) > 0)
		return 0;
	code = hd_cmd_port_conf(control, filter.port, &port, &bridge, error);
	if (code != 0) {
		json_decref(*result);
		*result = NULL;
	}
	return code;
}

const struct hd_rpc_method hd_cmd_drop[] = {
	{"drop.show", "", show, "The balance of all packets, and drops by port and reason.", false},
	{"drop.frames", "port?: string, reason?: string, max?: integer", frames,
	 "The last frames dropped for each reason, newest first: a list.", false},
	{NULL},
};
