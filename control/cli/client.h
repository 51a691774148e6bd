/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks the daemon: one connection, one request at a time. */
#ifndef HD_CLIENT_H
#define HD_CLIENT_H

#include "cli.h"

/*
 * Call a method; takes the reference to params (NULL: none). Returns HD_EXIT_OK and *result (a new reference), or
 * another exit code, having said why on stderr.
 */
int hd_client_call(struct hd_cli *cli, const char *method, json_t *params, json_t **result);
void hd_client_close(struct hd_cli *cli);

#endif
