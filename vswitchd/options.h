/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's command line. */
#ifndef HD_OPTIONS_H
#define HD_OPTIONS_H

#include <stdbool.h>

#include "cpus.h"
#include "log.h"

struct hd_options {
	const char *config;      /* -c: YAML file, or NULL */
	const char *socket;      /* -s */
	const char *group;       /* --group: of the socket, or NULL */
	struct hd_cpus pmd_cpus; /* --pmd-cpus; empty: the last CPU that this process may use */
	bool no_huge;
	enum hd_log_level log_level;
};

/*
 * Parse argv. Returns -1 to go on, or the exit status: 0 after --help and --version, 2 after a usage error, which has
 * been said on stderr.
 */
int hd_options_parse(struct hd_options *options, int argc, char **argv);

#endif
