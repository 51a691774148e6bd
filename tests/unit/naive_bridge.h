/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A learning bridge written straight from the rules of drop.h, vlan.h and bridge.h: one frame at a time, flat bytes,
 * lists searched from front to back. The oracle of test_bridge.c.
 */
#ifndef NAIVE_BRIDGE_H
#define NAIVE_BRIDGE_H

#include <check.h>

#include "burst.h"
#include "frames.h"
#include "stats.h"
#include "vlan.h"

#define NAIVE_PORTS 8
#define NAIVE_ENTRIES 512
#define NAIVE_OUT_MAX 8192

/*
 * A frame: its bytes, of which the first `first` lie together, and what its source asks for. A guest's is a snapshot:
 * more of it is read if its headers need it.
 */
struct naive_frame {
	uint8_t *bytes;
	uint32_t len, first;
	bool snapshot;
	struct hd_offload off;
};

struct naive_entry {
	uint8_t mac[6];
	uint16_t vlan;
	int bridge;
	uint16_t port; /* id; may be of no port at all */
	bool fixed;
	uint32_t last_seen;
};

struct naive_port {
	int bridge;
	struct hd_vlan_conf vlan;
	uint16_t mtu;
	bool isolated, up;
	enum hd_drop stuck; /* why it takes no frame at all; HD_DROP_NONE: it does */
	uint32_t room;      /* of its receivers' buffers: longer frames are too long for them */
	uint16_t n_tx;
	uint8_t caps;
	struct hd_port_totals totals;
};

/* A frame that has to leave. */
struct naive_out {
	uint16_t port;
	struct naive_frame frame;
	bool flooded; /* its checksum may be complete already */
};

static struct {
	unsigned int n_ports, n_entries, n_out;
	struct naive_port ports[NAIVE_PORTS];
	struct naive_entry entries[NAIVE_ENTRIES];
	struct naive_out out[NAIVE_OUT_MAX];
	uint32_t now;
} naive;

/* What parsing found. */
struct naive_headers {
	bool tagged, ipv4, ipv6;
	uint16_t tci;
	uint32_t l3, l4, header_len; /* header_len: to the end of TCP */
	uint8_t proto;
};

static inline struct naive_entry *naive_find(int bridge, const uint8_t *mac, uint16_t vlan)
{
	for (unsigned int i = 0; i < naive.n_entries; i++)
		if (naive.entries[i].bridge == bridge && memcmp(naive.entries[i].mac, mac, 6) == 0 &&
		    naive.entries[i].vlan == vlan)
			return &naive.entries[i];
	return NULL;
}

/* TCP, UDP or ICMP between `at` and `end`, of which only `first` bytes can be read. */
static inline enum hd_drop naive_l4(const struct naive_frame *frame, struct naive_headers *h, uint32_t at, uint32_t end)
{
	uint32_t there = end < frame->first ? end : frame->first, need;

	if (h->proto == IPPROTO_TCP) {
		if (at + 20 > there)
			return HD_DROP_MALFORMED_L4;
		need = (frame->bytes[at + 12] >> 4) * 4u;
		if (need < 20)
			return HD_DROP_MALFORMED_L4;
		h->header_len = at + need;
	} else if (h->proto == IPPROTO_UDP) {
		need = 8;
	} else if (h->proto == IPPROTO_ICMP || h->proto == IPPROTO_ICMPV6) {
		need = 4;
	} else {
		return HD_DROP_NONE;
	}
	if (at + need > there)
		return HD_DROP_MALFORMED_L4;
	h->l4 = at;
	return HD_DROP_NONE;
}

static inline enum hd_drop naive_ipv4(const struct naive_frame *frame, struct naive_headers *h, uint32_t at)
{
	const uint8_t *ip = frame->bytes + at;
	uint32_t ihl, total;

	if (at + 20 > frame->first || ip[0] >> 4 != 4)
		return HD_DROP_MALFORMED_IP;
	ihl = (ip[0] & 15) * 4u;
	total = get16(ip + 2);
	if (ihl < 20 || total < ihl || at + ihl > frame->first || at + total > frame->len)
		return HD_DROP_MALFORMED_IP;
	h->l3 = at;
	h->ipv4 = true;
	h->proto = ip[9];
	if (get16(ip + 6) & 0x3fff)
		return HD_DROP_NONE; /* a fragment */
	return naive_l4(frame, h, at + ihl, at + total);
}

static inline enum hd_drop naive_ipv6(const struct naive_frame *frame, struct naive_headers *h, uint32_t at)
{
	uint32_t end, next = at + 40;

	if (next > frame->first || frame->bytes[at] >> 4 != 6)
		return HD_DROP_MALFORMED_IP;
	end = next + get16(frame->bytes + at + 4);
	if (end > frame->len)
		return HD_DROP_MALFORMED_IP;
	h->l3 = at;
	h->ipv6 = true;
	h->proto = frame->bytes[at + 6];
	for (int i = 0; i < 8 && (h->proto == 0 || h->proto == 43 || h->proto == 60); i++) {
		uint32_t there = end < frame->first ? end : frame->first;

		if (next + 8 > there || next + (frame->bytes[next + 1] + 1) * 8u > there)
			return HD_DROP_MALFORMED_IP;
		h->proto = frame->bytes[next];
		next += (frame->bytes[next + 1] + 1) * 8u;
		if (next > 235)
			return HD_DROP_NONE; /* deeper than anyone looks */
	}
	return naive_l4(frame, h, next, end);
}

static inline enum hd_drop naive_offload(struct naive_frame *frame, const struct naive_headers *h)
{
	struct hd_offload *off = &frame->off;
	uint32_t field = h->proto == IPPROTO_TCP ? 16 : 6;
	bool tcp = h->l4 != 0 && h->proto == IPPROTO_TCP, udp = h->l4 != 0 && h->proto == IPPROTO_UDP;

	if (off->flags & HD_OFF_NEEDS_CSUM) {
		if (!(tcp || udp) || off->csum_start != h->l4 || off->csum_offset != field)
			return HD_DROP_BAD_OFFLOAD;
	} else {
		off->csum_start = off->csum_offset = 0;
	}
	if (off->gso != HD_GSO_NONE &&
	    (!tcp || !(off->flags & HD_OFF_NEEDS_CSUM) || off->gso != (h->ipv4 ? HD_GSO_TCP4 : HD_GSO_TCP6) ||
	     off->gso_size < 8 || frame->len - h->l3 > 65535))
		return HD_DROP_BAD_OFFLOAD;
	if (off->gso == HD_GSO_NONE || frame->len <= h->header_len + off->gso_size) {
		off->gso = HD_GSO_NONE;
		off->gso_size = 0;
	}
	return HD_DROP_NONE;
}

static inline enum hd_drop naive_parse(struct naive_frame *frame, struct naive_headers *h)
{
	uint32_t type, at = 14;
	enum hd_drop drop = HD_DROP_NONE;

	memset(h, 0, sizeof(*h));
	if (frame->first < 14)
		return frame->len < 14 ? HD_DROP_RUNT : HD_DROP_HEADER_SPLIT;
	type = get16(frame->bytes + 12);
	if (type == 0x8100) {
		if (frame->first < 18)
			return HD_DROP_MALFORMED_VLAN;
		h->tagged = true;
		h->tci = (uint16_t)get16(frame->bytes + 14);
		type = get16(frame->bytes + 16);
		at = 18;
	}
	while ((type == 0x8100 || type == 0x88a8) && at < 22) {
		at += 4;
		if (frame->first < at)
			return HD_DROP_MALFORMED_VLAN;
		type = get16(frame->bytes + at - 2);
	}
	if (type == 0x0800)
		drop = naive_ipv4(frame, h, at);
	else if (type == 0x86dd)
		drop = naive_ipv6(frame, h, at);
	if (drop == HD_DROP_NONE && (frame->off.flags != 0 || frame->off.gso != 0))
		drop = naive_offload(frame, h);
	return drop;
}

/* A guest's frame whose headers end in what was read first is read on. */
static inline enum hd_drop naive_read(struct naive_frame *frame, struct naive_headers *h)
{
	enum hd_drop drop = naive_parse(frame, h);

	if (drop == HD_DROP_NONE || !frame->snapshot || frame->first >= HD_SNAPSHOT_ROOM)
		return drop;
	frame->first = frame->len < HD_SNAPSHOT_ROOM ? frame->len : HD_SNAPSHOT_ROOM;
	return naive_parse(frame, h);
}

/* The longest frame on the wire that it becomes. */
static inline uint32_t naive_wire_len(const struct naive_frame *frame, const struct naive_headers *h)
{
	uint32_t segment = h->header_len + frame->off.gso_size;

	return frame->off.gso != HD_GSO_NONE && segment < frame->len ? segment : frame->len;
}

static inline bool naive_carries(const struct naive_port *port, uint16_t vlan)
{
	return port->vlan.allowed[vlan / 64] >> (vlan % 64) & 1;
}

static inline enum hd_drop naive_vlan(const struct naive_port *in, const struct naive_headers *h, uint16_t *vlan)
{
	uint16_t vid = h->tagged ? h->tci & 0xfff : 0;

	switch (in->vlan.mode) {
	case HD_VLAN_ACCESS:
		*vlan = in->vlan.pvid;
		return vid != 0 ? HD_DROP_VLAN_TAGGED : HD_DROP_NONE;
	case HD_VLAN_TRUNK:
		*vlan = vid != 0 ? vid : in->vlan.pvid;
		if (*vlan == 0)
			return HD_DROP_VLAN_UNTAGGED;
		return naive_carries(in, *vlan) ? HD_DROP_NONE : HD_DROP_VLAN_FILTERED;
	default:
		*vlan = vid;
		return vid == 4095 ? HD_DROP_VLAN_FILTERED : HD_DROP_NONE;
	}
}

static inline void naive_count(struct hd_queue_totals *totals, const struct naive_frame *frame)
{
	totals->packets++;
	totals->bytes += frame->len;
	if (frame->first < 14 || !(frame->bytes[0] & 1))
		return;
	if (memcmp(frame->bytes, "\xff\xff\xff\xff\xff\xff", 6) == 0)
		totals->broadcast++;
	else
		totals->multicast++;
}

/* The bytes as they leave: tagged or not. Its own copy. */
static inline void naive_retag(struct naive_frame *to, const struct naive_frame *from, struct naive_headers *h,
			       bool tag, uint16_t vlan)
{
	int by = (int)tag * 4 - (int)h->tagged * 4;
	uint32_t body = h->tagged ? 16 : 12;

	*to = *from;
	to->len = (uint32_t)((int)from->len + by);
	to->first = to->len;
	to->bytes = malloc(to->len);
	memcpy(to->bytes, from->bytes, 12);
	if (tag) {
		put16(to->bytes + 12, 0x8100);
		put16(to->bytes + 14, h->tagged && (h->tci & 0xfff) == vlan ? h->tci : (h->tci & 0xf000) | vlan);
	}
	memcpy(to->bytes + (tag ? 16 : 12), from->bytes + body, from->len - body);
	h->l3 += h->l3 != 0 ? (uint32_t)by : 0;
	h->l4 += h->l4 != 0 ? (uint32_t)by : 0;
	h->header_len += h->header_len != 0 ? (uint32_t)by : 0;
	if (to->off.flags & HD_OFF_NEEDS_CSUM)
		to->off.csum_start = (uint16_t)(to->off.csum_start + by);
}

static inline void naive_checksum(struct naive_frame *frame, bool udp)
{
	uint32_t at = frame->off.csum_start;
	uint32_t sum = ~naive_sum(frame->bytes + at, frame->len - at, 0) & 0xffff;

	put16(frame->bytes + at + frame->off.csum_offset, udp && sum == 0 ? 0xffff : sum);
	frame->off.flags &= (uint8_t)~HD_OFF_NEEDS_CSUM;
	frame->off.csum_start = frame->off.csum_offset = 0;
}

static inline void naive_send(uint16_t id, struct naive_frame *frame, bool flooded)
{
	struct naive_port *port = &naive.ports[id];

	enum hd_drop drop = port->stuck;

	if (port->n_tx == 0)
		drop = HD_DROP_TX_DISABLED;
	else if (drop == HD_DROP_NONE && frame->len > port->room)
		drop = HD_DROP_TX_SMALL;
	if (drop != HD_DROP_NONE) {
		port->totals.drops[drop]++;
		free(frame->bytes);
		return;
	}
	ck_assert_uint_lt(naive.n_out, NAIVE_OUT_MAX);
	naive_count(&port->totals.tx, frame);
	naive.out[naive.n_out++] = (struct naive_out){id, *frame, flooded};
}

/* Segment `index` with the payload bytes [from, to) of the frame. */
static inline void naive_segment(uint16_t id, const struct naive_frame *frame, const struct naive_headers *h,
				 uint32_t index, uint32_t from, uint32_t to)
{
	struct naive_frame segment = *frame;
	uint8_t *ip, *tcp, lengths[4];
	uint32_t tcp_len;

	segment.len = segment.first = h->header_len + to - from;
	segment.bytes = malloc(segment.len);
	memcpy(segment.bytes, frame->bytes, h->header_len);
	memcpy(segment.bytes + h->header_len, frame->bytes + from, to - from);
	ip = segment.bytes + h->l3;
	tcp = segment.bytes + h->l4;
	tcp_len = segment.len - h->l4;
	if (h->ipv4) {
		put16(ip + 2, segment.len - h->l3);
		put16(ip + 4, get16(ip + 4) + index);
		put16(ip + 10, 0);
		put16(ip + 10, ~naive_sum(ip, h->l4 - h->l3, 0));
	} else {
		put16(ip + 4, segment.len - h->l3 - 40);
	}
	put16(tcp + 6, (get32(tcp + 4) + from - h->header_len) & 0xffff);
	put16(tcp + 4, (get32(frame->bytes + h->l4 + 4) + from - h->header_len) >> 16);
	if (to < frame->len)
		tcp[13] &= (uint8_t)~0x09; /* FIN and PSH on the last */
	if (index > 0)
		tcp[13] &= 0x7f; /* CWR on the first */
	/* The source's sum of the pseudo-header, right or not, with this segment's length in place of the frame's. */
	put16(lengths, ~(frame->len - h->l4));
	put16(lengths + 2, tcp_len);
	put16(tcp + 16, naive_sum(lengths, 4, get16(tcp + 16)));
	segment.off.gso = HD_GSO_NONE;
	segment.off.gso_size = 0;
	if (!(naive.ports[id].caps & HD_CAP_CSUM))
		naive_checksum(&segment, false);
	naive_send(id, &segment, false);
}

/* To one port: its tag, its MTU, its offloads. */
static inline void naive_output(uint16_t id, const struct naive_frame *from, const struct naive_headers *parsed,
				uint16_t vlan, bool flooded)
{
	struct naive_port *port = &naive.ports[id];
	struct naive_headers h = *parsed;
	bool tag = vlan != port->vlan.pvid;
	struct naive_frame frame;
	uint8_t needs;

	if (!port->up) {
		port->totals.drops[HD_DROP_TX_DOWN]++;
		return;
	}
	naive_retag(&frame, from, &h, tag, vlan);
	if (naive_wire_len(&frame, &h) > port->mtu + 14u + (tag ? 4 : 0)) {
		port->totals.drops[HD_DROP_EGRESS_MTU]++;
		free(frame.bytes);
		return;
	}
	needs = frame.off.gso == HD_GSO_TCP4 ? HD_CAP_TSO4 : HD_CAP_TSO6;
	if (frame.off.gso != HD_GSO_NONE && !(port->caps & needs)) {
		uint32_t index = 0;

		for (uint32_t at = h.header_len; at < frame.len; at += frame.off.gso_size)
			naive_segment(id, &frame, &h, index++, at, RTE_MIN(at + frame.off.gso_size, frame.len));
		port->totals.segments += index - 1;
		free(frame.bytes);
		return;
	}
	if (frame.off.gso == HD_GSO_NONE && (frame.off.flags & HD_OFF_NEEDS_CSUM) && !(port->caps & HD_CAP_CSUM))
		naive_checksum(&frame, h.proto == IPPROTO_UDP);
	naive_send(id, &frame, flooded);
}

static inline enum hd_drop naive_leaves(const struct naive_port *in, const struct naive_port *out, uint16_t vlan)
{
	if (in->isolated && out->isolated)
		return HD_DROP_ISOLATED;
	return naive_carries(out, vlan) ? HD_DROP_NONE : HD_DROP_EGRESS_VLAN;
}

static inline enum hd_drop naive_unicast(uint16_t in, uint16_t out, const struct naive_frame *frame,
					 const struct naive_headers *h, uint16_t vlan)
{
	enum hd_drop drop;

	if (in == out)
		return HD_DROP_SAME_PORT;
	if (out >= naive.n_ports || naive.ports[out].bridge != naive.ports[in].bridge)
		return HD_DROP_NO_BRIDGE;
	drop = naive_leaves(&naive.ports[in], &naive.ports[out], vlan);
	if (drop == HD_DROP_NONE)
		naive_output(out, frame, h, vlan, false);
	return drop;
}

static inline enum hd_drop naive_flood(uint16_t in, const struct naive_frame *frame, const struct naive_headers *h,
				       uint16_t vlan)
{
	uint16_t targets[NAIVE_PORTS], n = 0;

	for (uint16_t out = 0; out < naive.n_ports; out++)
		if (out != in && naive.ports[out].bridge == naive.ports[in].bridge && naive.ports[out].up &&
		    naive_leaves(&naive.ports[in], &naive.ports[out], vlan) == HD_DROP_NONE)
			targets[n++] = out;
	if (n == 0)
		return HD_DROP_NO_DESTINATION;
	naive.ports[in].totals.copies += n - 1u;
	for (uint16_t i = 0; i < n; i++)
		naive_output(targets[i], frame, h, vlan, n > 1);
	return HD_DROP_NONE;
}

/* What a source address makes of the FDB; *event: the control thread should hear of it. */
static inline void naive_source(uint16_t in, const uint8_t *mac, uint16_t vlan, bool *event)
{
	struct naive_entry *entry = naive_find(naive.ports[in].bridge, mac, vlan);

	if (entry != NULL && entry->port == in)
		entry->last_seen = naive.now;
	*event = entry == NULL || (entry->port != in && !entry->fixed);
}

/* A frame comes in. Sets *vlan and *event of frames that get as far as learning. */
static inline void naive_receive(uint16_t in, struct naive_frame *frame, uint16_t *vlan, bool *event)
{
	struct naive_port *port = &naive.ports[in];
	const uint8_t *mac = frame->bytes;
	const struct naive_entry *entry;
	struct naive_headers h;
	enum hd_drop drop;

	*event = false;
	drop = naive_read(frame, &h);
	naive_count(&port->totals.rx, frame);
	if (drop == HD_DROP_NONE && ((mac[6] & 1) || memcmp(mac + 6, "\0\0\0\0\0", 6) == 0))
		drop = HD_DROP_SOURCE_MULTICAST;
	if (drop == HD_DROP_NONE && memcmp(mac, "\x01\x80\xc2\0\0", 5) == 0 && mac[5] < 16)
		drop = HD_DROP_LINK_LOCAL;
	if (drop == HD_DROP_NONE && naive_wire_len(frame, &h) > port->mtu + 14u + (h.tagged ? 4 : 0))
		drop = HD_DROP_OVERSIZE;
	if (drop == HD_DROP_NONE)
		drop = naive_vlan(port, &h, vlan);
	if (drop == HD_DROP_NONE) {
		naive_source(in, mac + 6, *vlan, event);
		entry = naive_find(port->bridge, mac, *vlan);
		if (entry != NULL && !(mac[0] & 1))
			drop = naive_unicast(in, entry->port, frame, &h, *vlan);
		else
			drop = naive_flood(in, frame, &h, *vlan);
	}
	if (drop != HD_DROP_NONE)
		port->totals.drops[drop]++;
}

#endif
