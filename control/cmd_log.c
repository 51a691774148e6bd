/* SPDX-License-Identifier: BSD-3-Clause */
/* Method log.level: how much the daemon says. */
#include "cmd.h"
#include "log.h"
#include "rpc.h"

static int level(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "level");
	enum hd_log_level wanted;

	if (name != NULL && !hd_log_level_parse(name, &wanted)) {
		hd_error_set(error, "level: %.64s is not one of error, warning, info, debug", name);
		return HD_RPC_INVALID_PARAMS;
	}
	if (name != NULL)
		hd_log_set_level(wanted);
	*result = json_pack("{s:s}", "level", hd_log_level_name(hd_log_get_level()));
	return 0;
}

const struct hd_rpc_method hd_cmd_log[] = {
	{"log.level", "level?: string", level,
	 "Set the log's level (error, warning, info, debug); answers the one in force.", true},
	{NULL},
};
