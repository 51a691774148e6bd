/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of the traffic source: parsing, defaults and the checks that join several options. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "options.h"

static const char usage[] =
	"usage: heddle-bench [options] SOCKET SOCKET [SOCKET SOCKET ...]\n"
	"Plays one guest per vhost-user socket; guests 1 and 2, 3 and 4, ... exchange frames.\n"
	"\n"
	"  --listen           create the sockets and wait for the switch to connect\n"
	"  --wait SECONDS     how long to wait for the switch (10)\n"
	"  --cpu N            CPU to run on (1)\n"
	"  --size BYTES       frame length without FCS (60; 62000 with --tso)\n"
	"  --one-way          only the first guest of each pair sends\n"
	"  --macs N           addresses of each guest (1)\n"
	"  --flows N          UDP or TCP flows of each pair (1)\n"
	"  --prime            send every flow once before measuring: first guest's, then the second's replies\n"
	"  --fresh N          N flows of one frame each, never seen before: new connections, until all have arrived;\n"
	"                     a tenth as many more to warm up; --seconds is the deadline\n"
	"  --handshake        with --fresh: TCP, SYN, SYN and ACK, ACK\n"
	"  --nat ADDRESS      the switch translates the first guest's addresses to this one, and keeps ports\n"
	"  --tso              TCP frames larger than the MTU, segmentation left to the device\n"
	"  --seconds S        measured time (5); with --count the deadline\n"
	"  --warmup S         time before measuring (1)\n"
	"  --rate PPS         pace each sender and report latency\n"
	"  --count N          each sender sends N frames; exit 1 unless all arrive, and nothing else\n"
	"  --no-learn         do not announce the addresses first\n"
	"  --ring N           ring size (1024; 64 with --tso)\n"
	"  --buffer BYTES     buffer of one descriptor (4096; 65536 with --tso); larger frames are chained\n"
	"  --stride BYTES     distance between buffers (same as --buffer)\n"
	"  --packed           packed rings instead of split ones\n"
	"  --indirect         transmit through indirect descriptors\n"
	"  --no-mrg           do not negotiate mergeable receive buffers\n"
	"  --huge auto|on|off guest memory in huge pages (auto)\n"
	"  --json             print the report as JSON\n"
	"Numbers take the suffixes k and M.\n";

enum {
	OPT_LISTEN = 1,
	OPT_WAIT,
	OPT_CPU,
	OPT_SIZE,
	OPT_ONE_WAY,
	OPT_MACS,
	OPT_FLOWS,
	OPT_PRIME,
	OPT_FRESH,
	OPT_HANDSHAKE,
	OPT_NAT,
	OPT_TSO,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_RATE,
	OPT_COUNT,
	OPT_NO_LEARN,
	OPT_RING,
	OPT_BUFFER,
	OPT_STRIDE,
	OPT_PACKED,
	OPT_INDIRECT,
	OPT_NO_MRG,
	OPT_HUGE,
	OPT_JSON,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"listen", no_argument, NULL, OPT_LISTEN},
	{"wait", required_argument, NULL, OPT_WAIT},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"size", required_argument, NULL, OPT_SIZE},
	{"one-way", no_argument, NULL, OPT_ONE_WAY},
	{"macs", required_argument, NULL, OPT_MACS},
	{"flows", required_argument, NULL, OPT_FLOWS},
	{"prime", no_argument, NULL, OPT_PRIME},
	{"fresh", required_argument, NULL, OPT_FRESH},
	{"handshake", no_argument, NULL, OPT_HANDSHAKE},
	{"nat", required_argument, NULL, OPT_NAT},
	{"tso", no_argument, NULL, OPT_TSO},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"warmup", required_argument, NULL, OPT_WARMUP},
	{"rate", required_argument, NULL, OPT_RATE},
	{"count", required_argument, NULL, OPT_COUNT},
	{"no-learn", no_argument, NULL, OPT_NO_LEARN},
	{"ring", required_argument, NULL, OPT_RING},
	{"buffer", required_argument, NULL, OPT_BUFFER},
	{"stride", required_argument, NULL, OPT_STRIDE},
	{"packed", no_argument, NULL, OPT_PACKED},
	{"indirect", no_argument, NULL, OPT_INDIRECT},
	{"no-mrg", no_argument, NULL, OPT_NO_MRG},
	{"huge", required_argument, NULL, OPT_HUGE},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* The numeric options: where the value goes and what it may be. Exactly one of u32 and real is set, or neither for
 * the one 64-bit count. */
struct number {
	int option;
	const char *name;
	double min;
	double max;
	uint32_t *u32;
	double *real;
};

static int parse_number(const char *text, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	if (end == text || errno != 0 || !isfinite(*value))
		return -EINVAL;
	if (*end == 'k') {
		*value *= 1e3;
		end++;
	} else if (*end == 'M') {
		*value *= 1e6;
		end++;
	}
	return *end == '\0' ? 0 : -EINVAL;
}

static int set_number(struct hd_options *opts, int option, const char *text)
{
	const struct number numbers[] = {
		{OPT_WAIT, "wait", 0, 3600, NULL, &opts->wait},
		{OPT_CPU, "cpu", 0, 1023, &opts->cpu, NULL},
		{OPT_SIZE, "size", HD_FRAME_MIN, HD_FRAME_MAX, &opts->size, NULL},
		{OPT_MACS, "macs", 1, HD_BENCH_MACS, &opts->macs, NULL},
		{OPT_FLOWS, "flows", 1, HD_BENCH_FLOWS, &opts->flows, NULL},
		{OPT_FRESH, "fresh", 10, HD_BENCH_FRESH, &opts->fresh, NULL},
		{OPT_SECONDS, "seconds", 0.01, 86400, NULL, &opts->seconds},
		{OPT_WARMUP, "warmup", 0, 3600, NULL, &opts->warmup},
		{OPT_RATE, "rate", 1, 1e9, NULL, &opts->rate},
		{OPT_RING, "ring", 2, 32768, &opts->ring, NULL},
		{OPT_BUFFER, "buffer", 256, 65536 * 2, &opts->buffer, NULL},
		{OPT_STRIDE, "stride", 256, 65536 * 4, &opts->stride, NULL},
		{OPT_COUNT, "count", 1, 1e12, NULL, NULL},
	};
	double value;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct number *n = &numbers[i];

		if (n->option != option)
			continue;
		if (parse_number(text, &value) != 0 || value < n->min || value > n->max) {
			fprintf(stderr, "heddle-bench: --%s: %s is not a number in %.10g..%.10g\n", n->name, text,
				n->min, n->max);
			return -EINVAL;
		}
		if (n->u32 != NULL)
			*n->u32 = (uint32_t)value;
		else if (n->real != NULL)
			*n->real = value;
		else
			opts->count = (uint64_t)value;
		return 0;
	}
	return -EINVAL;
}

static int set_huge(struct hd_options *opts, const char *text)
{
	static const char *const names[] = {[HD_HUGE_AUTO] = "auto", [HD_HUGE_ON] = "on", [HD_HUGE_OFF] = "off"};
	int i;

	for (i = HD_HUGE_AUTO; i <= HD_HUGE_OFF; i++) {
		if (strcmp(text, names[i]) == 0) {
			opts->huge = (enum hd_huge)i;
			return 0;
		}
	}
	fprintf(stderr, "heddle-bench: --huge: %s is not auto, on or off\n", text);
	return -EINVAL;
}

static int set_nat(struct hd_options *opts, const char *text)
{
	if (inet_pton(AF_INET, text, &opts->nat) == 1 && opts->nat != 0)
		return 0;
	fprintf(stderr, "heddle-bench: --nat: %s is not an IPv4 address\n", text);
	return -EINVAL;
}

static int set_option(struct hd_options *opts, int option, const char *text)
{
	switch (option) {
	case OPT_LISTEN:
		opts->listen = true;
		return 0;
	case OPT_ONE_WAY:
		opts->one_way = true;
		return 0;
	case OPT_TSO:
		opts->tso = true;
		return 0;
	case OPT_PRIME:
		opts->prime = true;
		return 0;
	case OPT_HANDSHAKE:
		opts->handshake = true;
		return 0;
	case OPT_NAT:
		return set_nat(opts, text);
	case OPT_NO_LEARN:
		opts->learn = false;
		return 0;
	case OPT_PACKED:
		opts->packed = true;
		return 0;
	case OPT_INDIRECT:
		opts->indirect = true;
		return 0;
	case OPT_NO_MRG:
		opts->mergeable = false;
		return 0;
	case OPT_JSON:
		opts->json = true;
		return 0;
	case OPT_HUGE:
		return set_huge(opts, text);
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	case '?':
		return -EINVAL; /* getopt has said why */
	default:
		return set_number(opts, option, text);
	}
}

static void set_defaults(struct hd_options *opts)
{
	if (opts->size == 0)
		opts->size = opts->tso ? 62000 : 60;
	if (opts->buffer == 0)
		opts->buffer = opts->tso ? 65536 : 4096;
	if (opts->stride == 0)
		opts->stride = opts->buffer;
	if (opts->ring == 0)
		opts->ring = opts->tso ? 64 : 1024;
	if (opts->fresh != 0) {
		opts->flows = HD_BENCH_FLOWS;
		opts->one_way = !opts->handshake;
	}
}

static int refuse(const char *why)
{
	fprintf(stderr, "heddle-bench: %s\n", why);
	return -EINVAL;
}

static int check_connections(const struct hd_options *opts)
{
	if (opts->handshake && (opts->fresh == 0 || opts->size != HD_FRAME_MIN || opts->macs != 1))
		return refuse("--handshake needs --fresh, frames of 60 bytes and one address");
	if (opts->fresh != 0 && (opts->prime || opts->count != 0 || opts->rate > 0 || opts->nat != 0 || opts->tso))
		return refuse("--fresh goes without --prime, --count, --rate, --nat and --tso");
	if (opts->nat != 0 && opts->tso)
		return refuse("--nat goes without --tso");
	return 0;
}

static int check(const struct hd_options *opts)
{
	uint32_t bytes = opts->size + HD_VNET_LEN;
	uint32_t chain = (bytes + opts->buffer - 1) / opts->buffer;

	if (opts->guests == 0 || opts->guests % 2 != 0)
		return refuse("an even number of sockets is needed (--help lists the options)");
	if ((opts->ring & (opts->ring - 1)) != 0)
		return refuse("--ring: a power of two is needed");
	if (opts->stride < opts->buffer || opts->stride % 64 != 0)
		return refuse("--stride: a multiple of 64, at least --buffer, is needed");
	if (!opts->tso && opts->size > HD_FRAME_MAX_UDP)
		return refuse("--size: frames of more than 9216 bytes need --tso");
	if (opts->tso && opts->size < HD_FRAME_MIN_TSO)
		return refuse("--size: frames to be segmented have at least 1514 bytes");
	if (chain > opts->ring / 2)
		return refuse("--ring: a frame needs more than half the ring's buffers");
	if (!opts->mergeable && chain > 1)
		return refuse("--no-mrg: a frame must fit one buffer");
	return check_connections(opts);
}

int hd_options_parse(struct hd_options *opts, int argc, char **argv)
{
	int option;
	int rc;

	*opts = (struct hd_options){
		.mergeable = true,
		.learn = true,
		.macs = 1,
		.flows = 1,
		.cpu = 1,
		.seconds = 5,
		.warmup = 1,
		.wait = 10,
	};
	for (;;) {
		option = getopt_long(argc, argv, "", long_options, NULL);
		if (option == -1)
			break;
		rc = set_option(opts, option, optarg);
		if (rc != 0)
			return rc;
	}
	if (argc - optind > HD_BENCH_GUESTS)
		return refuse("too many sockets");
	for (; optind < argc; optind++)
		opts->sockets[opts->guests++] = argv[optind];
	set_defaults(opts);
	return check(opts);
}
