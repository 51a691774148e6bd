/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the parsing of the daemon's command line. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <rte_version.h>

#include <heddle/protocol.h>
#include <version.h>

#include "options.h"

enum { OPT_GROUP = 256, OPT_PMD_CPUS, OPT_NO_HUGE, OPT_LOG_LEVEL, OPT_VERSION };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"socket", required_argument, NULL, 's'},
	{"group", required_argument, NULL, OPT_GROUP},
	{"pmd-cpus", required_argument, NULL, OPT_PMD_CPUS},
	{"no-huge", no_argument, NULL, OPT_NO_HUGE},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char usage[] =
	"Usage: heddle-vswitchd [OPTION]...\n"
	"The Heddle virtual switch. Configure it with a YAML file or with heddle(1).\n"
	"\n"
	"  -c, --config FILE     YAML file to start with; `heddle config save` writes it\n"
	"  -s, --socket PATH     control socket (default " HD_SOCKET_DEFAULT ")\n"
	"      --group NAME      group that may use the control socket\n"
	"      --pmd-cpus LIST   CPUs of the poll-mode threads, as in 2,4-6 (default: the last CPU)\n"
	"      --no-huge         ordinary memory even if there are hugepages\n"
	"      --log-level LEVEL error, warning, info (default) or debug\n"
	"  -h, --help            show this and exit\n"
	"      --version         show the version and exit\n";

static int fail(const char *option, const char *value, const char *reason)
{
	fprintf(stderr, "heddle-vswitchd: %s: %s: %s\n", option, value, reason);
	return 2;
}

static int parse_one(struct hd_options *options, int option)
{
	char reason[128];

	switch (option) {
	case 'c':
		options->config = optarg;
		return -1;
	case 's':
		options->socket = optarg;
		return -1;
	case OPT_GROUP:
		options->group = optarg;
		return -1;
	case OPT_PMD_CPUS:
		if (hd_cpus_parse(optarg, &options->pmd_cpus, reason, sizeof(reason)) < 0)
			return fail("--pmd-cpus", optarg, reason);
		return -1;
	case OPT_NO_HUGE:
		options->no_huge = true;
		return -1;
	case OPT_LOG_LEVEL:
		if (!hd_log_level_parse(optarg, &options->log_level))
			return fail("--log-level", optarg, "is not error, warning, info or debug");
		return -1;
	case OPT_VERSION:
		printf("heddle-vswitchd %s, %s\n", HD_VERSION, rte_version());
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 0;
	default:
		fputs("Try 'heddle-vswitchd --help'.\n", stderr);
		return 2;
	}
}

int hd_options_parse(struct hd_options *options, int argc, char **argv)
{
	*options = (struct hd_options){.socket = HD_SOCKET_DEFAULT, .log_level = HD_LOG_INFO};
	for (;;) {
		int option = getopt_long(argc, argv, "c:s:h", long_options, NULL);
		int status;

		if (option == -1)
			break;
		status = parse_one(options, option);
		if (status >= 0)
			return status;
	}
	if (optind < argc)
		return fail("argument", argv[optind], "not understood; try --help");
	return -1;
}
