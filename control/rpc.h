/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0: a request's text in, the answer's text out. Knows nothing of sockets.
 *
 * Methods are rows of tables, one table a file (cmd_bridge.c, cmd_port.c, ...). A method gets its parameters,
 * already checked to be an object with none but the named members, of the right types, and returns a result or a
 * refusal.
 */
#ifndef HD_RPC_H
#define HD_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "model.h"

struct hd_control; /* the control thread's state: the configuration in force, transactions, the data path */

struct hd_rpc_method {
	const char *name; /* "port.add" */
	/*
	 * The members: "name: string, force?: boolean, *". '?': optional. Types: string, integer, boolean, array,
	 * object.
	 * '*', last: the keys of a bridge, port or mirror as well, which the validator checks.
	 */
	const char *params;
	/*
	 * Returns 0 and *result (a new reference; NULL is an empty object), or an enum hd_rpc_error and the text.
	 */
	int (*call)(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error);
	const char *help; /* one line for docs/control-protocol.md */
	bool changes;     /* logged with the client that asked */
	bool often;       /* only at level debug: many a second are usual */
};

/* Tables end with a row whose name is NULL. */
extern const struct hd_rpc_method hd_cmd_bridge[], hd_cmd_port[], hd_cmd_fdb[], hd_cmd_mirror[], hd_cmd_acl[],
	hd_cmd_pmd[], hd_cmd_drop[], hd_cmd_config[], hd_cmd_log[], hd_cmd_version[], hd_cmd_flow[],
	hd_cmd_flow_bundle[], hd_cmd_group[], hd_cmd_meter[], hd_cmd_cache[], hd_cmd_trace[], hd_cmd_ct[];

/*
 * Handle one request line (a single request, a notification or a batch). `client` names who asks in the log. Returns
 * the answer, malloced and without newline, or NULL where none is due (or no memory is left). Bad input gives an
 * error answer.
 */
char *hd_rpc_handle(struct hd_control *control, const char *client, const char *text, size_t length);

/* Who sent the request that is being handled: the client's name; "" outside of hd_rpc_handle. For methods. */
const char *hd_rpc_client(void);
/* The client is gone, and with it what it had not completed. */
void hd_rpc_gone(struct hd_control *control, const char *client);

/* An error answer to no request in particular, malloced and without newline; NULL if out of memory. */
char *hd_rpc_error_line(int code, const char *text);

/* Every method, for the documentation: calls visit for each row. */
void hd_rpc_each(void (*visit)(const struct hd_rpc_method *method, void *arg), void *arg);

#endif
