/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP handshakes instead of a stream of frames: the first guest of a pair sends SYN, the second answers SYN and ACK,
 * the first ends it with ACK. Each frame is sent as soon as that which it answers has come; a limited number of
 * handshakes is under way at once.
 *
 * A switch that tracks connections looks at all of a header, so there is no room for a sequence number of ours: the
 * number of the connection is the initial sequence number of both its ends. The window carries magic byte and epoch.
 * A stream's handshake struct says what is sent next, or, of the stream that a guest expects, what comes next.
 */
#ifndef HD_BENCH_HANDSHAKE_H
#define HD_BENCH_HANDSHAKE_H

#include "frame.h"

#define HD_HANDSHAKE_WINDOW 512u /* begun and not answered: half a ring of 1,024 */

/* How many frames may be sent now, given what hs->seen says. */
uint64_t hd_handshake_credit(const struct hd_stream *out);

/* Judges a received line against the stream that should have sent it. *frame is for the expectation. */
enum hd_verdict hd_handshake_check(const struct hd_stream *in, const struct hd_line *line, uint32_t *frame);

/* Moves the expectation past a frame. Returns false if a later one was here already. */
bool hd_handshake_expect(struct hd_stream *in, uint32_t frame);

#endif
