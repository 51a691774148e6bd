/* SPDX-License-Identifier: BSD-3-Clause */
/* One run of `heddle`: its options and exit codes, which everything in this folder shares. */
#ifndef HD_CLI_H
#define HD_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum hd_exit {
	HD_EXIT_OK,
	HD_EXIT_REFUSED,  /* the daemon (or the file system) refused; the reason is on stderr */
	HD_EXIT_USAGE,    /* not a command */
	HD_EXIT_NO_DAEMON /* nobody to ask */
};

struct hd_cli {
	const char *socket;
	bool json;
	double interval;     /* seconds between rounds; 0: one round */
	unsigned int rounds; /* 0: until interrupted */
	bool quiet;          /* completion: failures are not told */
	int fd;              /* connection, -1: none yet */
	FILE *in;            /* reads it */
	char refusal[640];   /* what the daemon said last, if it refused */
};

/* "heddle: ..." on stderr. Returns HD_EXIT_USAGE. */
int hd_cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
