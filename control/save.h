/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes a configuration file so that it is the old or the new one, whole, whatever happens. No DPDK, no libevent. */
#ifndef HD_SAVE_H
#define HD_SAVE_H

#include "model.h"

/*
 * Replace (or make) `path` by a file with `text`: temporary file in the same directory, fsync, rename. Mode and, where
 * permitted, owner of an old file are kept; a symbolic link is followed. Returns 0 or -errno and the error.
 */
int hd_save(const char *path, const char *text, struct hd_error *error);

#endif
