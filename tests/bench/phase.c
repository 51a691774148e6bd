/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops over all guests: sending by count, time and pace, and draining. */
#include "handshake.h"
#include "phase.h"
#include "ticks.h"

#define QUIET_SECONDS 0.1
#define LEARN_RATE 200e3
#define LEARN_FRAMES 1024u
#define LEARN_SECONDS 1.0
#define LEARN_LIMIT 3.0
#define PRIME_SECONDS 120.0
#define PRIME_ROUNDS 3u
#define PRIME_WINDOW 512u /* half a ring of 1,024, so that a slow receiver loses nothing */
#define STALL_SECONDS 0.5

static bool sends(const struct hd_run *run, unsigned int i, const struct hd_phase *phase)
{
	switch (phase->senders) {
	case HD_SENDERS_ALL:
		return true;
	case HD_SENDERS_FIRST:
		return i % 2 == 0;
	case HD_SENDERS_SECOND:
		return i % 2 != 0;
	default:
		return run->guests[i].sends;
	}
}

/* Frames that a guest sends in all. */
static uint64_t quota(unsigned int i, const struct hd_phase *phase)
{
	if (phase->count == 0)
		return UINT64_MAX;
	return phase->handshake && i % 2 == 0 ? 2 * phase->count : phase->count;
}

static uint64_t allowance(struct hd_run *run, unsigned int i, const struct hd_phase *phase, double passed)
{
	struct hd_guest *g = &run->guests[i];
	uint64_t limit = quota(i, phase);

	if (phase->handshake) {
		g->out.handshake.seen = g->in.handshake.syn;
		return hd_handshake_credit(&g->out);
	}

	if (phase->window != 0) {
		uint64_t end = run->guests[i ^ 1].in.seq + phase->window;

		limit = end < limit ? end : limit;
	}
	if (phase->rate > 0) {
		uint64_t due = (uint64_t)(passed * phase->rate) + 1;

		limit = due < limit ? due : limit;
	}
	return limit > g->count.sent ? limit - g->count.sent : 0;
}

static bool all_sent(const struct hd_run *run, const struct hd_phase *phase)
{
	unsigned int i;

	if (phase->count == 0)
		return false;
	for (i = 0; i < run->count; i++) {
		if (sends(run, i, phase) && run->guests[i].count.sent < quota(i, phase))
			return false;
	}
	return true;
}

/* Whether those who wait for what they sent have waited in vain for long. *received and *last are what was there when.
 */
static bool stalled(const struct hd_run *run, const struct hd_phase *phase, uint64_t *received, double *last,
		    double passed)
{
	uint64_t now = 0;
	unsigned int i;

	if (phase->window == 0 && !phase->handshake)
		return false;
	for (i = 0; i < run->count; i++)
		now += run->guests[i].count.received;
	if (now != *received) {
		*received = now;
		*last = passed;
	}
	return passed - *last > STALL_SECONDS;
}

static double send_and_receive(struct hd_run *run, const struct hd_phase *phase)
{
	uint64_t start = hd_ticks();
	uint64_t received = 0;
	double passed = 0;
	double last = 0;
	unsigned int i;

	while (passed < phase->seconds && !all_sent(run, phase) && !stalled(run, phase, &received, &last, passed)) {
		for (i = 0; i < run->count; i++) {
			hd_guest_receive(&run->guests[i]);
			if (sends(run, i, phase))
				hd_guest_send(&run->guests[i], allowance(run, i, phase, passed));
		}
		passed = (double)(hd_ticks() - start) / run->hz;
	}
	return passed;
}

/* Returns when the last frame came. */
static uint64_t drain(struct hd_run *run, double limit)
{
	uint64_t start = hd_ticks();
	uint64_t last = start;
	double wait = limit > 0 ? limit : QUIET_SECONDS;
	unsigned int i;

	while (!hd_phase_complete(run)) {
		unsigned int taken = 0;

		for (i = 0; i < run->count; i++)
			taken += hd_guest_receive(&run->guests[i]);
		if (taken > 0)
			last = hd_ticks();
		if ((double)(hd_ticks() - (limit > 0 ? start : last)) > wait * run->hz)
			break;
	}
	return last;
}

/* Frames that are on no one's account: floods that arrive a moment after the last frame that was waited for. */
static void sweep(struct hd_run *run)
{
	uint64_t start = hd_ticks();
	unsigned int i;

	while ((double)(hd_ticks() - start) < 0.002 * run->hz) {
		for (i = 0; i < run->count; i++)
			hd_guest_receive(&run->guests[i]);
	}
}

bool hd_phase_complete(const struct hd_run *run)
{
	unsigned int i;

	for (i = 0; i < run->count; i++) {
		if (run->guests[i].count.received < run->guests[i ^ 1].count.sent)
			return false;
	}
	return true;
}

static void snapshot(const struct hd_run *run, struct hd_phase_result *result)
{
	unsigned int i;

	for (i = 0; i < run->count; i++)
		result->received[i] = run->guests[i].count.received;
}

static void restart(struct hd_run *run, const struct hd_phase *phase)
{
	const struct hd_stream_start start = {
		.epoch = ++run->epoch,
		.announce = phase->announce,
		.first = phase->fresh ? run->first : 0,
		.handshakes = phase->handshake ? (uint32_t)phase->count : 0,
	};
	unsigned int i;

	if (phase->fresh)
		run->first += (uint32_t)phase->count;
	for (i = 0; i < run->count; i++) {
		run->guests[i].paced = phase->stamp;
		hd_guest_restart(&run->guests[i], &start);
	}
}

void hd_phase_run(struct hd_run *run, const struct hd_phase *phase, struct hd_phase_result *result)
{
	uint64_t start;
	uint64_t last;
	unsigned int i;

	restart(run, phase);
	start = hd_ticks();
	*result = (struct hd_phase_result){.seconds = send_and_receive(run, phase)};
	snapshot(run, result);
	last = drain(run, phase->drain);
	if (phase->count != 0) {
		/* what was counted off may be sent long before it arrives: the end is when the last frame is here */
		result->seconds = (double)(last - start) / run->hz;
		snapshot(run, result);
	}
	sweep(run);
	for (i = 0; i < run->count; i++) {
		const struct hd_guest *g = &run->guests[i];

		result->broken |= g->rx.broken || g->tx.broken || !hd_frontend_alive(&g->session);
	}
}

static bool any_received(const struct hd_run *run)
{
	unsigned int i;

	for (i = 0; i < run->count; i++) {
		if (run->guests[i].count.received > 0)
			return true;
	}
	return false;
}

bool hd_phase_learn(struct hd_run *run, uint32_t macs, double wait)
{
	uint64_t start = hd_ticks();
	bool forwarding = false;
	struct hd_phase_result result;
	struct hd_phase round = {
		.count = macs > LEARN_FRAMES ? macs : LEARN_FRAMES,
		.rate = LEARN_RATE,
		.senders = HD_SENDERS_ALL,
		.announce = true,
	};
	double limit = wait;
	double passed;

	/* as long as the pace takes twice, and for large frames as long as their bytes may take */
	round.seconds = 2 * (double)round.count / round.rate;
	if (round.seconds < LEARN_SECONDS)
		round.seconds = LEARN_SECONDS;
	do {
		hd_phase_run(run, &round, &result);
		passed = (double)(hd_ticks() - start) / run->hz;
		if (all_sent(run, &round) && hd_phase_complete(run) && passed >= LEARN_SECONDS)
			return true;
		if (!forwarding && any_received(run)) {
			/* a switch may still be setting up its ports; from here on it has no excuse */
			forwarding = true;
			limit = passed + LEARN_LIMIT + 3 * round.seconds;
		}
	} while (passed < limit && !result.broken);
	return false;
}

static bool prime_direction(struct hd_run *run, uint32_t flows, enum hd_senders senders)
{
	const struct hd_phase phase = {
		.seconds = PRIME_SECONDS, .window = PRIME_WINDOW, .count = flows, .senders = senders};
	struct hd_phase_result result = {0};
	unsigned int i;

	for (i = 0; i < PRIME_ROUNDS && !result.broken; i++) {
		hd_phase_run(run, &phase, &result);
		if (all_sent(run, &phase) && hd_phase_complete(run))
			return true;
	}
	return false;
}

bool hd_phase_prime(struct hd_run *run, uint32_t flows)
{
	bool there = prime_direction(run, flows, HD_SENDERS_FIRST);
	bool back = prime_direction(run, flows, HD_SENDERS_SECOND);

	return there && back;
}
