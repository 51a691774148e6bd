/* SPDX-License-Identifier: BSD-3-Clause */
/* Method pmd.show: what the poll-mode threads do. */
#include "rpc.h"
#include "state.h"

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	*result = hd_state_pmds(control);
	return 0;
}

const struct hd_rpc_method hd_cmd_pmd[] = {
	{"pmd.show", "", show, "PMD threads with their cycles, packets and rx queues: a list.", false},
	{NULL},
};
