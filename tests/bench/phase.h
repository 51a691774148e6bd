/* SPDX-License-Identifier: BSD-3-Clause */
/* A phase of a run: all guests send and receive for a while, then what is under way is awaited. */
#ifndef HD_BENCH_PHASE_H
#define HD_BENCH_PHASE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"

struct hd_run {
	struct hd_guest *guests;
	unsigned int count;
	double hz; /* ticks per second */
	uint8_t epoch;
	uint32_t first; /* flow that no fresh phase has used */
};

enum hd_senders {
	HD_SENDERS_AS_ASKED, /* see --one-way */
	HD_SENDERS_ALL,
	HD_SENDERS_FIRST, /* of each pair */
	HD_SENDERS_SECOND,
};

struct hd_phase {
	double seconds;  /* of sending */
	double drain;    /* seconds to wait for what is under way, 0: until nothing came for 100 ms */
	double rate;     /* packets/s of each sender, 0 is unpaced */
	uint64_t window; /* frames of each sender under way at once, 0 is unlimited */
	uint64_t count;  /* frames of each sender, 0 is unlimited; TCP handshakes of each pair */
	enum hd_senders senders;
	bool stamp;     /* frames carry time stamps */
	bool announce;  /* frames that rules about IP do not touch */
	bool fresh;     /* flows that no phase has used before */
	bool handshake; /* TCP handshakes */
};

/* What a phase adds to the guests' counters. */
struct hd_phase_result {
	double seconds;                     /* of sending; of a counted phase, until the last frame arrived */
	uint64_t received[HD_BENCH_GUESTS]; /* by each guest within those seconds */
	bool broken;                        /* a switch hung up or returned a descriptor that does not exist */
};

void hd_phase_run(struct hd_run *run, const struct hd_phase *phase, struct hd_phase_result *result);

/* Whether every guest received all that its peer sent. */
bool hd_phase_complete(const struct hd_run *run);

/* Sends every address both ways, and again, until a round arrived whole and a second has passed. Returns false when
 * nothing arrived within wait seconds, or no round whole within a few seconds of the first frame. */
bool hd_phase_learn(struct hd_run *run, uint32_t macs, double wait);

/* Sends every flow, then the reply of every flow, each until it arrived whole or a few times. Returns false if not. */
bool hd_phase_prime(struct hd_run *run, uint32_t flows);

#endif
