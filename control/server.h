/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket: accepts clients, frames lines, hands them to hd_rpc_handle and writes the answers.
 *
 * Nothing here waits for a client: a line longer than HD_REQUEST_MAX, another request with HD_BACKLOG_MAX of
 * unread answers, answers unread or half a line unfinished for HD_CLIENT_DEADLINE seconds end the connection. At most
 * HD_CLIENTS_MAX clients, at most HD_LONG_MAX of them with a line longer than HD_REQUEST_LONG under way;
 * one that pipelines requests gets a few answered a turn of the event loop, so that the others get theirs.
 */
#ifndef HD_SERVER_H
#define HD_SERVER_H

#include "model.h"

struct event_base;
struct hd_control;
struct hd_server;

#define HD_CLIENT_DEADLINE 30 /* seconds */

/*
 * Listen on `path`, created with mode 0660 and `group` (name or number; NULL: as is). A missing last directory is
 * made. A stale socket is replaced; a live one, or anything else at that path, is refused. Sets SIGPIPE to be
 * ignored and raises the soft limit of open files to hold the clients. Returns 0 or -errno and the error.
 */
int hd_server_create(struct event_base *base, struct hd_control *control, const char *path, const char *group,
		     struct hd_server **created, struct hd_error *error);
/* Disconnects all and unlinks the socket. Accepts NULL. */
void hd_server_destroy(struct hd_server *server);

#endif
