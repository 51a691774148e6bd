/* SPDX-License-Identifier: BSD-3-Clause */
/* Method version: what runs here. */
#include "rpc.h"
#include "state.h"
#include "version.h"

static int version(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	*result = json_pack("{s:s}", "version", HD_VERSION);
	json_object_update_new(*result, hd_state_daemon(control));
	return 0;
}

const struct hd_rpc_method hd_cmd_version[] = {
	{"version", "", version, "The daemon's version, DPDK's, its process, and seconds since it started.", false},
	{NULL},
};
