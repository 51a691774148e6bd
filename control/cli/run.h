/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that are more than one call and one table. */
#ifndef HD_RUN_H
#define HD_RUN_H

#include "commands.h"

/* Call, show, and with -w again. Takes the reference to params, as all of these. */
int hd_run(struct hd_cli *cli, const struct hd_command *command, json_t *params);

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
