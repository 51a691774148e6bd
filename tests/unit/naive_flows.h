/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flow tables, naively: rules in an array, each packet's bytes parsed, matched and changed one by one, checksums
 * computed anew from all bytes. The oracle of test_pipeline.c. Included by one file a program.
 *
 * Of all that rules can say it knows enough that each kind of operation of the pipeline occurs: outputs, the bridge,
 * floods, tags, addresses, ports, TTL, registers, resubmits, groups.
 */
#ifndef NAIVE_FLOWS_H
#define NAIVE_FLOWS_H

#include <string.h>

#include "flow/tables.h"
#include "frames.h"
#include "random.h"

#define NF_PORTS 4 /* ofports 1..4 */
#define NF_RULES 64
#define NF_ACTS 5
#define NF_TABLES 4
#define NF_GROUPS 3
#define NF_BUCKETS 3
#define NF_OUT 512
#define NF_FRAME 160

struct nf_frame {
	uint32_t len;
	uint8_t bytes[NF_FRAME];
};

enum nf_act_type {
	NF_OUTPUT,
	NF_IN_PORT,
	NF_NORMAL,
	NF_FLOOD,
	NF_SET_DST,    /* eth_dst: the last byte's MAC */
	NF_SET_NW_DST, /* of IPv4 */
	NF_SET_TP_DST, /* of UDP */
	NF_SET_VID,
	NF_PUSH,
	NF_POP,
	NF_DEC_TTL,
	NF_SET_REG,
	NF_OUTPUT_REG,
	NF_RESUBMIT,
	NF_GROUP,
	NF_ACT_TYPES,
};

struct nf_act {
	enum nf_act_type type;
	uint32_t arg;
};

struct nf_list {
	unsigned int n;
	struct nf_act act[NF_ACTS];
};

/* What a rule wants; -1: whatever. */
struct nf_rule {
	bool used;
	uint8_t table;
	uint16_t priority;
	int in_port, mac, tagged, vid, eth_type, ip_bits, ttl, tp, reg;
	uint32_t ip; /* nw_dst, ip_bits of it */
	struct nf_list acts;
};

struct nf_bucket {
	int watch; /* ofport, or -1 */
	struct nf_list acts;
};

struct nf_group {
	bool used;
	enum hd_group_type type;
	unsigned int n;
	struct nf_bucket bucket[NF_BUCKETS];
};

static struct {
	struct nf_rule rule[NF_RULES];
	struct nf_group group[NF_GROUPS + 1];
	bool up[NF_PORTS + 1];
	unsigned int n_out, packet; /* packet: which of the burst, for messages */
	struct {
		unsigned int port, packet;
		struct nf_frame frame;
	} out[NF_OUT];
} nf;

/* A packet under way. */
struct nf_packet {
	struct nf_frame frame;
	unsigned int in_port;
	uint32_t reg;
	unsigned int depth, lookups;
	bool dead;
};

static inline void nf_mac(uint8_t *at, unsigned int number)
{
	const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, (uint8_t)number};

	memcpy(at, mac, 6);
}

static inline unsigned int nf_tags(const struct nf_frame *frame)
{
	unsigned int n = 0;

	while (n < 2 && (get16(&frame->bytes[12 + 4 * n]) == 0x8100 || get16(&frame->bytes[12 + 4 * n]) == 0x88a8))
		n++;
	return n;
}

static inline unsigned int nf_l3(const struct nf_frame *frame)
{
	return 14 + 4 * nf_tags(frame);
}

static inline unsigned int nf_type(const struct nf_frame *frame)
{
	return get16(&frame->bytes[nf_l3(frame) - 2]);
}

static inline bool nf_ipv4(const struct nf_frame *frame)
{
	return nf_type(frame) == 0x0800;
}

/* The L4 checksum at `at`, over all of it; UDP's may be 0, "none". */
static inline void nf_l4_checksum(struct nf_frame *frame, uint32_t l3, uint32_t at, uint8_t proto)
{
	uint32_t len = get16(&frame->bytes[l3 + 2]) - 20, sum;

	put16(&frame->bytes[at], 0);
	sum = naive_sum(&frame->bytes[l3 + 20], len, naive_pseudo(frame->bytes, l3, len, false, proto));
	put16(&frame->bytes[at], ~sum & 0xffff);
	if (proto == 17 && get16(&frame->bytes[at]) == 0)
		put16(&frame->bytes[at], 0xffff);
}

static inline void nf_checksums(struct nf_frame *frame)
{
	uint32_t l3 = nf_l3(frame);

	if (!nf_ipv4(frame))
		return;
	put16(&frame->bytes[l3 + 10], 0);
	put16(&frame->bytes[l3 + 10], ~naive_sum(&frame->bytes[l3], 20, 0) & 0xffff);
	if (frame->bytes[l3 + 9] == 6)
		nf_l4_checksum(frame, l3, l3 + 36, 6);
	else if (get16(&frame->bytes[l3 + 26]) != 0)
		nf_l4_checksum(frame, l3, l3 + 26, 17);
}

static inline bool nf_matches(const struct nf_rule *rule, const struct nf_packet *packet)
{
	const struct nf_frame *frame = &packet->frame;
	unsigned int tags = nf_tags(frame), l3 = nf_l3(frame);
	uint8_t mac[6];

	nf_mac(mac, (unsigned int)rule->mac);
	if (rule->in_port >= 0 && (unsigned int)rule->in_port != packet->in_port)
		return false;
	if (rule->mac >= 0 && memcmp(frame->bytes, mac, 6) != 0)
		return false;
	if (rule->tagged >= 0 && rule->tagged != (tags > 0))
		return false;
	if (rule->vid >= 0 && (tags == 0 || rule->vid != (int)(get16(&frame->bytes[14]) & 0xfff)))
		return false;
	if (rule->eth_type >= 0 && rule->eth_type != (int)nf_type(frame))
		return false;
	if (rule->ip_bits > 0 && (get32(&frame->bytes[l3 + 16]) ^ rule->ip) >> (32 - rule->ip_bits) != 0)
		return false;
	if (rule->ttl >= 0 && rule->ttl != frame->bytes[l3 + 8])
		return false;
	if (rule->tp >= 0 && (frame->bytes[l3 + 9] != 17 || rule->tp != (int)get16(&frame->bytes[l3 + 22])))
		return false;
	return rule->reg < 0 || (uint32_t)rule->reg == packet->reg;
}

static inline const struct nf_rule *nf_lookup(const struct nf_packet *packet, uint8_t table)
{
	const struct nf_rule *best = NULL;

	for (int i = 0; i < NF_RULES; i++) {
		const struct nf_rule *rule = &nf.rule[i];

		if (rule->used && rule->table == table && nf_matches(rule, packet) &&
		    (best == NULL || rule->priority > best->priority))
			best = rule;
	}
	return best;
}

static inline void nf_send(const struct nf_packet *packet, unsigned int port)
{
	if (!nf.up[port])
		return;
	nf.out[nf.n_out].port = port;
	nf.out[nf.n_out].packet = nf.packet;
	nf.out[nf.n_out++].frame = packet->frame;
}

static inline void nf_flood(const struct nf_packet *packet)
{
	for (unsigned int port = 1; port <= NF_PORTS; port++)
		if (port != packet->in_port)
			nf_send(packet, port);
}

/* Transparent ports; MAC n, untagged, is at port n for n in 1..NF_PORTS; a priority tag is taken off. */
static inline void nf_normal(const struct nf_packet *packet)
{
	struct nf_packet copy = *packet;
	unsigned int port = packet->frame.bytes[5];
	uint8_t mac[6];
	bool tagged = get16(&packet->frame.bytes[12]) == 0x8100;

	if (packet->frame.bytes[6] & 1)
		return;
	if (tagged && (get16(&packet->frame.bytes[14]) & 0xfff) == 0) {
		memmove(&copy.frame.bytes[12], &copy.frame.bytes[16], copy.frame.len - 16);
		copy.frame.len -= 4;
		tagged = false;
	}
	nf_mac(mac, port);
	if (tagged || port < 1 || port > NF_PORTS || memcmp(mac, packet->frame.bytes, 6) != 0)
		nf_flood(&copy);
	else if (port != packet->in_port)
		nf_send(&copy, port);
}

static inline void nf_push(struct nf_packet *packet)
{
	struct nf_frame *frame = &packet->frame;
	unsigned int tags = nf_tags(frame);
	uint32_t tci = tags > 0 ? get16(&frame->bytes[14]) : 0;

	if (tags == 2) {
		packet->dead = true;
		return;
	}
	memmove(&frame->bytes[16], &frame->bytes[12], frame->len - 12);
	frame->len += 4;
	put16(&frame->bytes[12], 0x8100);
	put16(&frame->bytes[14], tci);
}

static inline void nf_pop(struct nf_packet *packet)
{
	struct nf_frame *frame = &packet->frame;

	if (nf_tags(frame) == 0)
		return;
	memmove(&frame->bytes[12], &frame->bytes[16], frame->len - 16);
	frame->len -= 4;
}

static inline void nf_run(struct nf_packet *packet, const struct nf_list *list);

static inline void nf_table(struct nf_packet *packet, uint8_t table)
{
	const struct nf_rule *rule;

	packet->lookups++;
	rule = nf_lookup(packet, table);
	if (rule != NULL)
		nf_run(packet, &rule->acts);
}

static inline bool nf_alive(const struct nf_bucket *bucket)
{
	return bucket->watch < 0 || nf.up[bucket->watch];
}

static inline void nf_bucket_run(struct nf_packet *packet, const struct nf_bucket *bucket)
{
	struct nf_frame frame = packet->frame;
	uint32_t reg = packet->reg;

	nf_run(packet, &bucket->acts);
	packet->frame = frame;
	packet->reg = reg;
}

static inline void nf_group_run(struct nf_packet *packet, const struct nf_group *group)
{
	for (unsigned int i = 0; i < group->n && !packet->dead; i++) {
		if (group->type == HD_GROUP_FF && !nf_alive(&group->bucket[i]))
			continue;
		nf_bucket_run(packet, &group->bucket[i]);
		if (group->type != HD_GROUP_ALL)
			return;
	}
}

static inline void nf_act(struct nf_packet *packet, const struct nf_act *act)
{
	struct nf_frame *frame = &packet->frame;
	uint32_t l3 = nf_l3(frame);

	switch (act->type) {
	case NF_OUTPUT:
		if (act->arg != packet->in_port)
			nf_send(packet, act->arg);
		break;
	case NF_IN_PORT:
		nf_send(packet, packet->in_port);
		break;
	case NF_NORMAL:
		nf_normal(packet);
		break;
	case NF_FLOOD:
		nf_flood(packet);
		break;
	case NF_SET_DST:
		nf_mac(frame->bytes, act->arg);
		break;
	case NF_SET_NW_DST:
		put16(&frame->bytes[l3 + 16], act->arg >> 16);
		put16(&frame->bytes[l3 + 18], act->arg & 0xffff);
		nf_checksums(frame);
		break;
	case NF_SET_TP_DST:
		put16(&frame->bytes[l3 + 22], act->arg);
		nf_checksums(frame);
		break;
	case NF_SET_VID:
		put16(&frame->bytes[14], (get16(&frame->bytes[14]) & 0xf000) | act->arg);
		break;
	case NF_PUSH:
		nf_push(packet);
		break;
	case NF_POP:
		nf_pop(packet);
		break;
	case NF_DEC_TTL:
		if (!nf_ipv4(frame))
			break;
		if (frame->bytes[l3 + 8] <= 1) {
			packet->dead = true;
			break;
		}
		frame->bytes[l3 + 8]--;
		nf_checksums(frame);
		break;
	case NF_SET_REG:
		packet->reg = act->arg;
		break;
	case NF_OUTPUT_REG:
		if (packet->reg >= 1 && packet->reg <= NF_PORTS && packet->reg != packet->in_port)
			nf_send(packet, packet->reg);
		break;
	case NF_RESUBMIT:
		nf_table(packet, (uint8_t)act->arg);
		break;
	case NF_GROUP:
		nf_group_run(packet, &nf.group[act->arg]);
		break;
	default:
		break;
	}
}

static inline void nf_run(struct nf_packet *packet, const struct nf_list *list)
{
	for (unsigned int i = 0; i < list->n && !packet->dead; i++)
		nf_act(packet, &list->act[i]);
}

/* The fate of a packet that comes in by an ofport: in nf.out. */
static inline void nf_forward(const struct nf_frame *frame, unsigned int in_port)
{
	struct nf_packet packet = {.frame = *frame, .in_port = in_port};

	nf_table(&packet, 0);
}

#endif
