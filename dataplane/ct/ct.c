/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection tracker's life and settings, and memory for it ahead of need. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <rte_common.h>

#include "ct_conn.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define LIMIT_MAX (1u << 28)
#define ZONES 65536u
#define SLACK_MIN 1024u    /* slots beyond the limit: threads keep some, and deleted ones wait for a grace period */
#define AHEAD_SLOTS 65536u /* that have memory and were not used yet */
#define POPULATE_MAX (8u << 20) /* bytes that a tick makes ready of each array */
#define SECONDS_MAX 100000000u

const char *const hd_ct_timeout_names[HD_CT_TIMEOUTS] = {
	[HD_CT_TCP_SYN_SENT] = "tcp-syn-sent",
	[HD_CT_TCP_SYN_RECV] = "tcp-syn-recv",
	[HD_CT_TCP_ESTABLISHED] = "tcp-established",
	[HD_CT_TCP_FIN_WAIT] = "tcp-fin-wait",
	[HD_CT_TCP_CLOSE_WAIT] = "tcp-close-wait",
	[HD_CT_TCP_LAST_ACK] = "tcp-last-ack",
	[HD_CT_TCP_TIME_WAIT] = "tcp-time-wait",
	[HD_CT_TCP_CLOSE] = "tcp-close",
	[HD_CT_UDP_SINGLE] = "udp-single",
	[HD_CT_UDP_MULTIPLE] = "udp-multiple",
	[HD_CT_ICMP_FIRST] = "icmp-first",
	[HD_CT_ICMP_REPLY] = "icmp-reply",
	[HD_CT_OTHER] = "other",
};

const uint32_t hd_ct_timeout_defaults[HD_CT_TIMEOUTS] = {
	[HD_CT_TCP_SYN_SENT] = 30,  [HD_CT_TCP_SYN_RECV] = 30,   [HD_CT_TCP_ESTABLISHED] = 86400,
	[HD_CT_TCP_FIN_WAIT] = 120, [HD_CT_TCP_CLOSE_WAIT] = 60, [HD_CT_TCP_LAST_ACK] = 30,
	[HD_CT_TCP_TIME_WAIT] = 60, [HD_CT_TCP_CLOSE] = 10,      [HD_CT_UDP_SINGLE] = 30,
	[HD_CT_UDP_MULTIPLE] = 120, [HD_CT_ICMP_FIRST] = 30,     [HD_CT_ICMP_REPLY] = 30,
	[HD_CT_OTHER] = 600,
};

void hd_ct_set_timeout(struct hd_ct *ct, enum hd_ct_timeout which, uint32_t seconds)
{
	uint32_t taken = RTE_MIN(seconds, SECONDS_MAX);

	hd_ct_put(ct->seconds[which], taken);
	hd_ct_put(ct->ticks[which], (uint32_t)(((unsigned __int128)taken * ct->tsc_hz >> ct->shift) + 1));
}

uint32_t hd_ct_timeout(const struct hd_ct *ct, enum hd_ct_timeout which)
{
	return hd_ct_get(ct->seconds[which]);
}

int hd_ct_set_zone_limit(struct hd_ct *ct, uint16_t zone, uint32_t limit)
{
	hd_ct_put(ct->zone_limit[zone], limit);
	return 0;
}

uint32_t hd_ct_zone_count(const struct hd_ct *ct, uint16_t zone)
{
	return hd_ct_get(ct->zone_count[zone]);
}

/* Both tuples of each connection fill two thirds of the buckets at the limit, without translation a third. */
static uint32_t buckets_for(uint32_t limit)
{
	uint64_t n = (uint64_t)limit * 2 * 3 / (HD_CT_WAYS * 2);

	return (uint32_t)RTE_MAX(RTE_ALIGN_CEIL(n, 2u), 64u);
}

static void set_sizes(struct hd_ct *ct, const struct hd_ct_conf *conf)
{
	ct->limit = conf->limit;
	ct->tsc_hz = conf->tsc_hz;
	ct->n_pmds = conf->n_pmds;
	ct->shared = conf->n_pmds > 1;
	ct->strict = conf->tcp_strict;
	ct->rcu = conf->rcu;
	ct->n_slots = 1 + ct->limit + RTE_MAX(ct->limit / 16, SLACK_MIN) + (ct->n_pmds + 1) * 2 * HD_CT_STOCK;
	ct->n_buckets = buckets_for(ct->limit);
	ct->high = 1;
	for (uint64_t cycles = ct->tsc_hz / 4; cycles > 1; cycles /= 2)
		ct->shift++;
	for (unsigned int i = 0; i < HD_CT_TIMEOUTS; i++)
		hd_ct_set_timeout(ct, i, hd_ct_timeout_defaults[i]);
}

static int take_memory(struct hd_ct *ct)
{
	ct->conns = hd_ct_map(ct->n_slots * sizeof(*ct->conns));
	ct->v6 = hd_ct_map(ct->n_slots * sizeof(*ct->v6));
	ct->pool = hd_ct_map(ct->n_slots * sizeof(*ct->pool));
	ct->buckets = hd_ct_map(ct->n_buckets * sizeof(*ct->buckets));
	ct->zone_count = hd_ct_map(ZONES * sizeof(*ct->zone_count));
	ct->zone_limit = hd_ct_map(ZONES * sizeof(*ct->zone_limit));
	ct->owners = hd_ct_map((ct->n_pmds + 1) * sizeof(*ct->owners));
	if (ct->conns == NULL || ct->v6 == NULL || ct->pool == NULL || ct->buckets == NULL || ct->zone_count == NULL ||
	    ct->zone_limit == NULL || ct->owners == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i <= ct->n_pmds; i++)
		if (hd_ct_owner_init(ct, i) != 0)
			return -ENOMEM;
	return 0;
}

int hd_ct_create(const struct hd_ct_conf *conf, struct hd_ct **result)
{
	struct hd_ct *ct;

	if (conf->limit == 0 || conf->limit > LIMIT_MAX || conf->tsc_hz == 0 || conf->n_pmds == 0 ||
	    conf->n_pmds > HD_PMDS_MAX)
		return -EINVAL;
	ct = aligned_alloc(alignof(struct hd_ct), sizeof(*ct));
	if (ct == NULL)
		return -ENOMEM;
	memset(ct, 0, sizeof(*ct));
	set_sizes(ct, conf);
	if (getrandom(ct->secret, sizeof(ct->secret), 0) != sizeof(ct->secret) || take_memory(ct) != 0) {
		hd_ct_destroy(ct);
		return -ENOMEM;
	}
	ct->secret[2] |= 1; /* a factor */
	hd_ct_grow(ct);
	*result = ct;
	return 0;
}

void hd_ct_destroy(struct hd_ct *ct)
{
	if (ct == NULL)
		return;
	for (unsigned int i = 0; ct->owners != NULL && i <= ct->n_pmds; i++) {
		hd_ct_unmap(ct->owners[i].ring, ct->owners[i].n_ring * sizeof(*ct->owners[i].ring));
		hd_ct_unmap(ct->owners[i].fragments, HD_CT_FRAGMENTS * sizeof(*ct->owners[i].fragments));
	}
	hd_ct_unmap(ct->owners, (ct->n_pmds + 1) * sizeof(*ct->owners));
	hd_ct_unmap((void *)ct->zone_limit, ZONES * sizeof(*ct->zone_limit));
	hd_ct_unmap((void *)ct->zone_count, ZONES * sizeof(*ct->zone_count));
	hd_ct_unmap(ct->buckets, ct->n_buckets * sizeof(*ct->buckets));
	hd_ct_unmap(ct->pool, ct->n_slots * sizeof(*ct->pool));
	hd_ct_unmap(ct->v6, ct->n_slots * sizeof(*ct->v6));
	hd_ct_unmap(ct->conns, ct->n_slots * sizeof(*ct->conns));
	free(ct);
}

/*
 * Let the kernel find pages for bytes up to `wanted` of an array, a few at a time, so that PMDs do not wait for them.
 * What is there stays as it is. If the kernel does not know how, PMDs wait: nothing else changes. Returns how far.
 */
static size_t populate(void *array, size_t ready, size_t wanted)
{
	size_t end = RTE_MIN(wanted, ready + POPULATE_MAX);

	end = RTE_ALIGN_CEIL(end, 4096u);
	if (end <= ready)
		return ready;
	madvise((uint8_t *)array + ready, end - ready, MADV_POPULATE_WRITE);
	return end;
}

void hd_ct_grow(struct hd_ct *ct)
{
	uint32_t high = hd_ct_get(ct->high), slots = RTE_MIN(high + AHEAD_SLOTS, ct->n_slots);
	size_t bytes = slots * sizeof(*ct->conns), v6 = slots * sizeof(*ct->v6);

	ct->ready_buckets = populate(ct->buckets, ct->ready_buckets, ct->n_buckets * sizeof(*ct->buckets));
	ct->ready_conns = populate(ct->conns, ct->ready_conns, bytes);
	/* IPv6 costs its memory when it is used; until then only the first slots have it. */
	if (hd_ct_get(ct->has_v6) || ct->ready_v6 == 0)
		ct->ready_v6 = populate(ct->v6, ct->ready_v6, v6);
}

void hd_ct_stats(const struct hd_ct *ct, struct hd_ct_stats *stats)
{
	*stats = (struct hd_ct_stats){
		.connections = hd_ct_get(ct->count),
		.limit = ct->limit,
		.bytes = ct->ready_buckets + ct->ready_conns + ct->ready_v6,
	};
	for (unsigned int i = 0; i <= ct->n_pmds; i++) {
		const struct hd_ct_owner *owner = &ct->owners[i];

		stats->created += hd_counted(&owner->created);
		stats->expired += hd_counted(&owner->expired);
		stats->evicted += hd_counted(&owner->evicted);
		stats->refused_full += hd_counted(&owner->refused_full);
		stats->refused_zone += hd_counted(&owner->refused_zone);
		stats->refused_nat += hd_counted(&owner->refused_nat);
		stats->invalid += hd_counted(&owner->invalid);
	}
}
