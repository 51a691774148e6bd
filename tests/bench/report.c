/* SPDX-License-Identifier: BSD-3-Clause */
/* Summing up what the guests counted. A direction is named by the guest that receives it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"

/* Preamble, start delimiter, gap and FCS are not counted: bits of the frames as the guests see them. */
static double gbps(double pps, uint32_t size)
{
	return pps * size * 8 / 1e9;
}

static double rate_of(const struct hd_report *r, unsigned int guest)
{
	return r->result->seconds > 0 ? (double)r->result->received[guest] / r->result->seconds : 0;
}

static double sum_rate(const struct hd_report *r)
{
	double sum = 0;
	unsigned int i;

	for (i = 0; i < r->run->count; i++)
		sum += rate_of(r, i);
	return sum;
}

/* New connections are counted where they arrive: one frame each, or a SYN and the ACK that ends a handshake. */
static double connection_rate(const struct hd_report *r)
{
	double sum = 0;
	unsigned int i;

	for (i = 1; i < r->run->count; i += 2)
		sum += rate_of(r, i);
	return r->opts->handshake ? sum / 2 : sum;
}

static double full_fraction(const struct hd_report *r)
{
	uint64_t attempts = 0;
	uint64_t full = 0;
	unsigned int i;

	for (i = 0; i < r->run->count; i++) {
		attempts += r->run->guests[i].count.attempts;
		full += r->run->guests[i].count.full;
	}
	return attempts > 0 ? (double)full / (double)attempts : 0;
}

static int64_t lost(const struct hd_report *r, unsigned int guest)
{
	return (int64_t)(r->run->guests[guest ^ 1].count.sent - r->run->guests[guest].count.received);
}

static double microseconds(const struct hd_report *r, const struct hd_histogram *h, double fraction)
{
	return (double)hd_histogram_percentile(h, fraction) * 1e6 / r->run->hz;
}

static void print_json_direction(const struct hd_report *r, unsigned int i)
{
	const struct hd_counters *c = &r->run->guests[i].count;

	printf("%s\n    {\"to\": \"%s\", \"mpps\": %.6f, \"gbps\": %.6f, \"sent\": %" PRIu64 ", \"received\": %" PRIu64
	       ", \"lost\": %" PRId64,
	       i == 0 ? "" : ",", r->run->guests[i].session.channel.path, rate_of(r, i) / 1e6,
	       gbps(rate_of(r, i), r->opts->size), r->run->guests[i ^ 1].count.sent, c->received, lost(r, i));
	printf(", \"reordered\": %" PRIu64 ", \"reordered_flow\": %" PRIu64 ", \"foreign\": %" PRIu64
	       ", \"bad\": %" PRIu64 ", \"stale\": %" PRIu64,
	       c->reordered, c->reordered_flow, c->foreign, c->bad, c->stale);
	printf(", \"tx_attempts\": %" PRIu64 ", \"tx_full\": %" PRIu64 ", \"kicks\": %" PRIu64 "}", c->attempts,
	       c->full, r->run->guests[i].tx.kicks + r->run->guests[i].rx.kicks);
}

static void print_json(const struct hd_report *r, const struct hd_histogram *latency)
{
	unsigned int i;

	printf("{\"size\": %u, \"seconds\": %.6f, \"mpps\": %.6f, \"gbps\": %.6f, \"tx_full_fraction\": %.4f, "
	       "\"learned\": %s, \"broken\": %s, \"huge\": %s,\n",
	       r->opts->size, r->result->seconds, sum_rate(r) / 1e6, gbps(sum_rate(r), r->opts->size), full_fraction(r),
	       r->learned ? "true" : "false", r->result->broken ? "true" : "false",
	       r->run->guests[0].memory.huge ? "true" : "false");
	if (latency->total > 0)
		printf("  \"latency_us\": {\"p50\": %.3f, \"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f},\n",
		       microseconds(r, latency, 0.5), microseconds(r, latency, 0.99), microseconds(r, latency, 0.999),
		       (double)latency->max * 1e6 / r->run->hz);
	if (r->opts->prime)
		printf("  \"primed\": %s,\n", r->primed ? "true" : "false");
	if (r->opts->fresh != 0)
		printf("  \"mcps\": %.6f,\n", connection_rate(r) / 1e6);
	printf("  \"directions\": [");
	for (i = 0; i < r->run->count; i++)
		print_json_direction(r, i);
	printf("]}\n");
}

static void print_text_direction(const struct hd_report *r, unsigned int i)
{
	const struct hd_counters *c = &r->run->guests[i].count;

	printf("to %s: %.3f Mpps, %.3f Gb/s; sent %" PRIu64 ", received %" PRIu64 ", lost %" PRId64
	       ", reordered %" PRIu64 " (%" PRIu64 " within a flow), foreign %" PRIu64 ", bad %" PRIu64 "\n",
	       r->run->guests[i].session.channel.path, rate_of(r, i) / 1e6, gbps(rate_of(r, i), r->opts->size),
	       r->run->guests[i ^ 1].count.sent, c->received, lost(r, i), c->reordered, c->reordered_flow, c->foreign,
	       c->bad);
}

static void print_text(const struct hd_report *r, const struct hd_histogram *latency)
{
	unsigned int i;

	for (i = 0; i < r->run->count; i++)
		print_text_direction(r, i);
	printf("sum: %.3f Mpps, %.3f Gb/s in %.2f s; transmit ring full in %.1f %% of the attempts\n",
	       sum_rate(r) / 1e6, gbps(sum_rate(r), r->opts->size), r->result->seconds, full_fraction(r) * 100);
	if (r->opts->fresh != 0)
		printf("new connections: %.3f M/s\n", connection_rate(r) / 1e6);
	if (latency->total > 0)
		printf("latency: p50 %.2f us, p99 %.2f us, p99.9 %.2f us, max %.2f us\n", microseconds(r, latency, 0.5),
		       microseconds(r, latency, 0.99), microseconds(r, latency, 0.999),
		       (double)latency->max * 1e6 / r->run->hz);
}

int hd_report_print(const struct hd_report *report)
{
	struct hd_histogram *latency = calloc(1, sizeof(*latency));
	unsigned int i;

	if (latency == NULL)
		return -ENOMEM;
	for (i = 0; i < report->run->count; i++)
		hd_histogram_merge(latency, report->run->guests[i].latency);
	if (report->opts->json)
		print_json(report, latency);
	else
		print_text(report, latency);
	free(latency);
	return 0;
}
