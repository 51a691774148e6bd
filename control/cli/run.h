/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that are more than one call and one table. */
#ifndef HD_RUN_H
#define HD_RUN_H

#include "commands.h"

/* Call, show, and with -w again. Takes the reference to params, as all of these. */
int hd_run(struct hd_cli *cli, const struct hd_command *command, json_t *params);
/* The same, where `fetch` gets a round's result. Params are as long as its last call. */
typedef int (*hd_run_fetch)(struct hd_cli *cli, const struct hd_command *command, json_t *params, json_t **result);
int hd_run_rounds(struct hd_cli *cli, const struct hd_command *command, json_t *params, hd_run_fetch fetch);
/*
 * All pages of a method whose results are {key: [...], "cursor"}: their items, onto the end of `list`. Keeps the
 * reference to params, where it leaves the last "cursor".
 */
int hd_run_pages(struct hd_cli *cli, const char *method, json_t *params, const char *key, json_t *list);

/* run_flow.c: commands with texts of flows. What is refused is shown with a mark under the column. */
int hd_run_text(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_flow_texts(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_flow_file(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_flow_show(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_ct_show(struct hd_cli *cli, const struct hd_command *command, json_t *params);

int hd_run_fdb_show(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_drop_save(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_config_show(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_config_apply(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_config_save(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_version(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_help(struct hd_cli *cli, const struct hd_command *command, json_t *params);
int hd_run_completion(struct hd_cli *cli, const struct hd_command *command, json_t *params);

/* `heddle complete WORDS...`: prints what the last word may become, a line each. */
int hd_complete(struct hd_cli *cli, int n, char *const *words);

void hd_run_print_json(const struct hd_cli *cli, const json_t *value);

#endif
