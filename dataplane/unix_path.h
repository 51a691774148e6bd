/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims a path for a UNIX socket to listen on: a dead socket is replaced, anything else is respected. */
#ifndef HD_UNIX_PATH_H
#define HD_UNIX_PATH_H

#include <stddef.h>

/*
 * Make `path` free to bind: nothing is there, or a socket that nobody listens on, which is unlinked. Returns 0, or
 * -ENAMETOOLONG, -ENOENT (no such directory), -ENOTDIR, -EADDRINUSE (somebody listens), -EEXIST (not a socket), and the
 * reason in words. Control thread.
 */
int hd_unix_path_claim(const char *path, char *reason, size_t size);

/*
 * Give a socket its owner, group (names or numbers) and permission bits. "" or NULL leaves owner or group. Returns 0 or
 * -errno and the reason.
 */
int hd_unix_path_own(const char *path, const char *owner, const char *group, unsigned int mode, char *reason,
		     size_t size);

/*
 * Every connection that this process has at the path fails once it has waited so long to read or to write. For a
 * library that keeps its connections to itself and would wait for ever.
 */
void hd_unix_path_set_deadline(const char *path, unsigned int seconds);

#endif
