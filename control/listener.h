/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket's file: made with the right mode and group, never taken from a living daemon. */
#ifndef HD_LISTENER_H
#define HD_LISTENER_H

#include "model.h"

/*
 * A bound, non-blocking UNIX stream socket, not yet listening: nobody can connect before its mode and group are set.
 * Returns the descriptor, or -errno and the error, which names the path.
 */
int hd_listener_bind(const char *path, const char *group, struct hd_error *error);

#endif
