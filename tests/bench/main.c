/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * heddle-bench: a traffic source and sink that plays the guests of a virtual switch. It speaks the vhost-user
 * front-end protocol itself and drives the rings directly from one pinned thread, so that the switch, not a driver,
 * is what saturates. See options.c for what it can be asked.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "options.h"
#include "phase.h"
#include "report.h"
#include "ticks.h"

static int pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return 0;
	fprintf(stderr, "heddle-bench: --cpu %u: %s\n", cpu, strerror(errno));
	return -errno;
}

static int start_guests(struct hd_run *run, const struct hd_options *opts)
{
	unsigned int i;
	int rc = 0;

	/* all sockets exist before the first is waited for: a switch may connect in any order */
	for (i = 0; i < run->count && rc == 0; i++)
		rc = hd_guest_init(&run->guests[i], opts, i);
	for (i = 0; i < run->count && rc == 0; i++)
		rc = hd_guest_start(&run->guests[i], opts);
	return rc;
}

static struct hd_phase main_phase(const struct hd_options *opts)
{
	if (opts->fresh != 0)
		return (struct hd_phase){
			.seconds = opts->seconds,
			.count = opts->fresh,
			.fresh = true,
			.handshake = opts->handshake,
		};
	return (struct hd_phase){
		.seconds = opts->seconds,
		.drain = opts->count != 0 ? opts->seconds : 0,
		.rate = opts->rate,
		.count = opts->count,
		.stamp = opts->rate > 0,
	};
}

/* A counted run succeeds when everything arrived, as it was sent, and nothing else did. */
static bool delivered(const struct hd_run *run)
{
	unsigned int i;

	for (i = 0; i < run->count; i++) {
		const struct hd_counters *c = &run->guests[i].count;

		if (c->received != run->guests[i ^ 1].count.sent || c->foreign != 0 || c->bad != 0)
			return false;
	}
	return true;
}

/* Addresses, flows, and a while of what will be measured. */
static void prepare(struct hd_run *run, const struct hd_options *opts, struct hd_report *report)
{
	struct hd_phase warmup = main_phase(opts);
	struct hd_phase_result result;

	if (opts->learn) {
		fprintf(stderr, "heddle-bench: announcing %u addresses of each guest\n", opts->macs);
		report->learned = hd_phase_learn(run, opts->macs, opts->wait);
		if (!report->learned)
			fprintf(stderr, "heddle-bench: not all frames that announce addresses arrived\n");
	}
	if (opts->prime) {
		fprintf(stderr, "heddle-bench: priming %u flows\n", opts->flows);
		report->primed = hd_phase_prime(run, opts->flows);
		if (!report->primed)
			fprintf(stderr, "heddle-bench: not all frames of the flows arrived\n");
	}
	if (opts->fresh != 0)
		warmup.count = opts->fresh / 10;
	else
		warmup.seconds = opts->warmup;
	if (opts->warmup > 0 && opts->count == 0)
		hd_phase_run(run, &warmup, &result);
}

static int run_phases(struct hd_run *run, const struct hd_options *opts)
{
	struct hd_phase phase = main_phase(opts);
	struct hd_phase_result result = {0};
	struct hd_report report = {.opts = opts, .run = run, .result = &result, .learned = true};

	prepare(run, opts, &report);
	fprintf(stderr, "heddle-bench: running for up to %g s\n", opts->seconds);
	hd_phase_run(run, &phase, &result);
	if (hd_report_print(&report) != 0)
		return -ENOMEM;
	if (result.broken) {
		fprintf(stderr, "heddle-bench: a switch hung up or broke a ring\n");
		return -EPIPE;
	}
	if (opts->count != 0 && (!delivered(run) || run->guests[0].count.sent != opts->count))
		return -EIO;
	return 0;
}

int main(int argc, char **argv)
{
	struct hd_options opts;
	struct hd_run run = {0};
	unsigned int i;
	int rc = hd_options_parse(&opts, argc, argv);

	if (rc != 0)
		return rc < 0 ? 2 : 0;
	run.count = opts.guests;
	run.guests = calloc(run.count, sizeof(*run.guests));
	if (run.guests == NULL)
		return 1;
	rc = pin(opts.cpu);
	if (rc == 0)
		rc = start_guests(&run, &opts);
	if (rc == 0) {
		run.hz = hd_ticks_hz();
		rc = run_phases(&run, &opts);
	}
	for (i = 0; i < run.count; i++)
		hd_guest_close(&run.guests[i]);
	free(run.guests);
	return rc == 0 ? 0 : 1;
}
