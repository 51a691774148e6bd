/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the methods share: a change is a copy of the document in force, edited, and handed to hd_control_change.
 *
 * Functions that return int return 0 or an enum hd_rpc_error and the text, as a method does.
 */
#ifndef HD_CMD_H
#define HD_CMD_H

#include <heddle/protocol.h>

#include "control.h"

/* Objects of a document, borrowed; NULL if there is none of that name. */
json_t *hd_cmd_bridge_find(const json_t *document, const char *name);
json_t *hd_cmd_port_find(const json_t *document, const char *name, const char **bridge);

/* A copy of the document in force to edit, with a "bridges" object. */
json_t *hd_cmd_copy(struct hd_control *control);
/* Make it the configuration in force and release it; *result gets {"changes": [...]}. */
int hd_cmd_commit(struct hd_control *control, json_t *document, json_t **result, struct hd_error *error);

/* Set in `object` every member of params, save those in `except` (ends with NULL); null unsets. */
void hd_cmd_assign(json_t *object, json_t *params, const char *const *except);

/* A bridge or port that the request names, by the model; the refusal if there is none. */
int hd_cmd_bridge_conf(struct hd_control *control, const char *name, const struct hd_bridge_conf **bridge,
		       struct hd_error *error);
int hd_cmd_port_conf(struct hd_control *control, const char *name, const struct hd_port_conf **port,
		     const struct hd_bridge_conf **bridge, struct hd_error *error);

/* The answer to a failed call: -EINVAL and -ENOMEM have codes of their own. The error text is set already. */
int hd_cmd_code(int rc);

/* A string member, or NULL. */
const char *hd_cmd_string(const json_t *params, const char *key);
/* An integer member within min..max, or `absent`. */
int hd_cmd_integer(const json_t *params, const char *key, int min, int max, int absent, int *value,
		   struct hd_error *error);
/* The same of 64 bits: *value says on entry what it is if there is no such member. */
int hd_cmd_number(const json_t *params, const char *key, json_int_t min, json_int_t max, json_int_t *value,
		  struct hd_error *error);

struct hd_run_bridge;
/* A bridge's running state, by the request's "bridge"; the refusal if there is none. */
int hd_cmd_run_bridge(struct hd_control *control, const json_t *params, const struct hd_run_bridge **bridge,
		      struct hd_error *error);

#endif
