/* SPDX-License-Identifier: BSD-3-Clause */
/* What one run of the traffic source is asked to do. */
#ifndef HD_BENCH_OPTIONS_H
#define HD_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define HD_BENCH_GUESTS 16
#define HD_BENCH_MACS (1u << 20)
#define HD_BENCH_FLOWS (1u << 24)
#define HD_BENCH_FRESH 15000000u /* and a tenth more are flows */

enum hd_huge { HD_HUGE_AUTO, HD_HUGE_ON, HD_HUGE_OFF };

struct hd_options {
	const char *sockets[HD_BENCH_GUESTS];
	unsigned int guests; /* even: guest i talks to guest i ^ 1 */
	bool listen;         /* the switch connects to us */
	bool one_way;        /* only even guests send */
	bool tso;            /* TCP frames that a guest would have segmented by the device */
	bool mergeable;
	bool packed;
	bool indirect;
	bool learn;
	bool prime;     /* every flow once, one direction after the other, before measuring */
	bool handshake; /* new connections are TCP handshakes */
	bool json;
	enum hd_huge huge;
	uint32_t size;   /* frame bytes without FCS */
	uint32_t buffer; /* bytes of one buffer */
	uint32_t stride; /* bytes from one buffer to the next */
	uint32_t ring;
	uint32_t macs;  /* addresses of each guest */
	uint32_t flows; /* L4 flows of each pair of guests */
	uint32_t fresh; /* new connections of each pair, 0: a stream of frames */
	uint32_t nat;   /* what the switch makes of the first guests' addresses, network order; 0: nothing */
	unsigned int cpu;
	double seconds;
	double warmup;
	double wait;    /* seconds for the switch to appear and to answer */
	double rate;    /* packets/s of each sending guest, 0 is unpaced */
	uint64_t count; /* frames of each sending guest, 0 is unlimited */
};

/* Fills *opts. Returns 0, 1 when help was printed and there is nothing to do, or -EINVAL after saying on stderr
 * what is wrong. */
int hd_options_parse(struct hd_options *opts, int argc, char **argv);

#endif
