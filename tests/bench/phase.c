/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops over all guests: sending by count, time and pace, and draining. */
#include "phase.h"
#include "ticks.h"

#define QUIET_SECONDS 0.1
#define LEARN_RATE 200e3
#define LEARN_FRAMES 1024u
#define LEARN_SECONDS 1.0
#define LEARN_LIMIT 3.0

static uint64_t allowance(const struct hd_guest *g, const struct hd_phase *phase, double passed)
{
	uint64_t limit = phase->count != 0 ? phase->count : UINT64_MAX;

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
		const struct hd_guest *g = &run->guests[i];

		if ((g->sends || phase->both_ways) && g->count.sent < phase->count)
			return false;
	}
	return true;
}

static double send_and_receive(struct hd_run *run, const struct hd_phase *phase)
{
	uint64_t start = hd_ticks();
	double passed = 0;
	unsigned int i;

	while (passed < phase->seconds && !all_sent(run, phase)) {
		for (i = 0; i < run->count; i++) {
			struct hd_guest *g = &run->guests[i];

			hd_guest_receive(g);
			if (g->sends || phase->both_ways)
				hd_guest_send(g, allowance(g, phase, passed));
		}
		passed = (double)(hd_ticks() - start) / run->hz;
	}
	return passed;
}

static void drain(struct hd_run *run, double limit)
{
	uint64_t start = hd_ticks();
	uint64_t last = start;
	double wait = limit > 0 ? limit : QUIET_SECONDS;
	unsigned int i;

	while (!hd_phase_complete(run)) {
		unsigned int taken = 0;

		for (i = 0; i < run->count; i++)
			taken += hd_guest_receive(&run->guests[i]);
		if (taken > 0 && limit <= 0)
			last = hd_ticks();
		if ((double)(hd_ticks() - last) > wait * run->hz)
			break;
	}
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

void hd_phase_run(struct hd_run *run, const struct hd_phase *phase, struct hd_phase_result *result)
{
	uint64_t start;
	unsigned int i;

	run->epoch++;
	for (i = 0; i < run->count; i++) {
		run->guests[i].paced = phase->stamp;
		hd_guest_restart(&run->guests[i], run->epoch);
	}
	start = hd_ticks();
	*result = (struct hd_phase_result){.seconds = send_and_receive(run, phase)};
	snapshot(run, result);
	drain(run, phase->drain);
	if (phase->count != 0) {
		/* what was counted off may be sent long before it arrives: the end is when the last frame is here */
		result->seconds = (double)(hd_ticks() - start) / run->hz;
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
		.both_ways = true,
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
