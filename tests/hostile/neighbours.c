/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two well-behaved guests that exchange paced traffic until SIGTERM, and then say what was lost: heddle-bench's guests,
 * options and report, but as long as others need, and asleep most of the time.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "options.h"
#include "phase.h"
#include "report.h"
#include "ticks.h"

#define NAP_US 300
#define DRAIN_SECONDS 5

static volatile sig_atomic_t stopping;

static void stop(int signum)
{
	stopping = signum;
}

static int start_guests(struct hd_run *run, const struct hd_options *opts)
{
	int rc = 0;

	for (unsigned int i = 0; i < run->count && rc == 0; i++)
		rc = hd_guest_init(&run->guests[i], opts, i);
	for (unsigned int i = 0; i < run->count && rc == 0; i++)
		rc = hd_guest_start(&run->guests[i], opts);
	return rc;
}

static double seconds_since(const struct hd_run *run, uint64_t start)
{
	return (double)(hd_ticks() - start) / run->hz;
}

/* What guest i may send now. No more is under way than its peer has buffers for: a switch that was not run for a while
 * must not be blamed for the flood that follows. */
static uint64_t allowance(const struct hd_run *run, const struct hd_options *opts, unsigned int i, double passed)
{
	uint64_t due = (uint64_t)(passed * opts->rate), limit = run->guests[i ^ 1].count.received + opts->ring / 2;
	uint64_t sent = run->guests[i].count.sent;

	due = due < limit ? due : limit;
	return due > sent ? due - sent : 0;
}

static void exchange(struct hd_run *run, const struct hd_options *opts, struct hd_phase_result *result)
{
	uint64_t start = hd_ticks();

	while (!stopping) {
		for (unsigned int i = 0; i < run->count; i++) {
			hd_guest_receive(&run->guests[i]);
			hd_guest_send(&run->guests[i], allowance(run, opts, i, seconds_since(run, start)));
		}
		usleep(NAP_US);
	}
	result->seconds = seconds_since(run, start);
}

static void drain(struct hd_run *run)
{
	uint64_t start = hd_ticks();

	while (!hd_phase_complete(run) && seconds_since(run, start) < DRAIN_SECONDS) {
		for (unsigned int i = 0; i < run->count; i++)
			hd_guest_receive(&run->guests[i]);
	}
}

static int report(const struct hd_run *run, const struct hd_options *opts, struct hd_phase_result *result)
{
	struct hd_report said = {.opts = opts, .run = run, .result = result, .learned = true};

	for (unsigned int i = 0; i < run->count; i++) {
		const struct hd_guest *g = &run->guests[i];

		result->received[i] = g->count.received;
		result->broken |= g->rx.broken || g->tx.broken || !hd_frontend_alive(&g->session);
	}
	return hd_report_print(&said);
}

int main(int argc, char **argv)
{
	struct hd_phase_result result = {0};
	struct hd_run run = {0};
	struct hd_options opts;
	int rc;

	if (hd_options_parse(&opts, argc, argv) != 0 || opts.rate <= 0)
		return 2;
	signal(SIGTERM, stop);
	run.count = opts.guests;
	run.guests = calloc(run.count, sizeof(*run.guests));
	if (run.guests == NULL)
		return 1;
	rc = start_guests(&run, &opts);
	if (rc == 0) {
		run.hz = hd_ticks_hz();
		if (!hd_phase_learn(&run, opts.macs, opts.wait))
			fprintf(stderr, "heddle-neighbours: not all frames that announce addresses arrived\n");
		run.epoch++;
		for (unsigned int i = 0; i < run.count; i++)
			hd_guest_restart(&run.guests[i], &(struct hd_stream_start){.epoch = run.epoch});
		puts("ready");
		fflush(stdout);
		exchange(&run, &opts, &result);
		drain(&run);
		rc = report(&run, &opts, &result);
	}
	for (unsigned int i = 0; i < run.count; i++)
		hd_guest_close(&run.guests[i]);
	free(run.guests);
	return rc == 0 ? 0 : 1;
}
