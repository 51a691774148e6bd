/* SPDX-License-Identifier: BSD-3-Clause */
/* Method drop.show: where packets ended, and that none is missing. */
#include "rpc.h"
#include "state.h"

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	*result = hd_state_drops(control);
	return 0;
}

const struct hd_rpc_method hd_cmd_drop[] = {
	{"drop.show", "", show, "The balance of all packets, and drops by port and reason.", false},
	{NULL},
};
