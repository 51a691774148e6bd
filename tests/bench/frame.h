/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frames of the traffic source.
 *
 * Everything that changes from one frame to the next lies in the first cache line of its buffer: the virtio-net header,
 * the addresses, the ports, and a tag: a magic byte, the epoch (which phase of which run sent it) and a 64-bit sequence
 * number per sender. With UDP the tag is the start of the payload; with TCP it takes the place of the sequence,
 * acknowledgement and window fields, which a switch has no business to touch. A paced run puts the time of sending
 * first into the second line.
 *
 * A frame is wholly determined by sender, epoch and sequence number: frame s goes from address s % macs of the sender
 * to address s % macs of its peer and belongs to flow s % flows, of which the second guest of a pair sends the
 * reverse direction: addresses and ports swapped, so that it is the reply of a connection. The receiver recomputes and
 * compares. Handshakes are another matter: handshake.h.
 *
 * Where the switch translates the first guest's source address, flows differ in the second guest's address too: a port
 * that is kept is then never taken, and the second guest knows whom to answer.
 *
 * Frames that announce addresses are of an Ethertype that rules about IP do not touch.
 */
#ifndef HD_BENCH_FRAME_H
#define HD_BENCH_FRAME_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "options.h"

#define HD_VNET_LEN 12u
#define HD_FRAME_MIN 60u
#define HD_FRAME_MIN_TSO 1514u
#define HD_FRAME_MAX_UDP 9216u
#define HD_FRAME_MAX 65000u
#define HD_FRAME_MAGIC 0x48
#define HD_FRAME_PORT_SERVER 9   /* discard */
#define HD_FRAME_ANNOUNCE 0x88b5 /* IEEE 802: local experimental */
#define HD_FRAME_STAMP 64u       /* offset of the time stamp in the buffer */

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are written in host order");

struct hd_mac_pair {
	uint8_t dst[6];
	uint8_t src[6];
} __attribute__((packed));

struct hd_line {
	uint8_t vnet[10];
	uint16_t num_buffers;
	struct hd_mac_pair mac;
	uint16_t ether_type;
	uint8_t ip[10];
	uint16_t ip_sum;
	uint32_t ip_src;
	uint32_t ip_dst;
	uint16_t port_src;
	uint16_t port_dst;
	union {
		struct {
			uint16_t len;
			uint16_t sum;
			uint8_t magic;
			uint8_t epoch;
			uint64_t seq;
		} __attribute__((packed)) udp;
		struct {
			uint64_t seq; /* sequence and acknowledgement */
			uint16_t flags;
			uint8_t magic; /* window */
			uint8_t epoch;
			uint16_t sum;
		} __attribute__((packed)) tcp;
	} __attribute__((packed)) l4;
} __attribute__((packed));

static_assert(sizeof(struct hd_line) == 64, "what changes in a frame is one cache line");

/* How far TCP handshakes are, of one sender; connections are numbered from 0. */
struct hd_handshake {
	uint32_t total; /* 0: there are none */
	uint32_t syn;   /* the next SYN, or SYN and ACK */
	uint32_t ack;   /* the next ACK that ends a handshake */
	uint32_t seen;  /* of the peer's frames with SYN: what may be answered */
};

/* What a phase starts with. */
struct hd_stream_start {
	uint8_t epoch;
	bool announce;
	uint32_t first;      /* flow of frame 0 */
	uint32_t handshakes; /* TCP handshakes instead of a stream of frames */
};

/* What one sender's frames have in common. Sequence-dependent indices are kept beside the sequence number so that no
 * frame costs a division. */
struct hd_stream {
	struct hd_line template;
	uint64_t seq;  /* the next frame */
	uint32_t mac;  /* seq % macs */
	uint32_t flow; /* seq % flows */
	uint32_t macs;
	uint32_t flows;
	uint32_t ip_sum;  /* of the template, not folded */
	uint32_t tcp_sum; /* of the pseudo header, not folded */
	bool tcp;
	bool reverse;
	uint32_t nat;    /* the first guest's address as the second sees it; 0 if it is not translated */
	uint32_t client; /* the first guest's own */
	uint32_t first;  /* flow of frame 0 */
	struct hd_handshake handshake;
};

enum hd_verdict {
	HD_FRAME_OURS,    /* the frame the stream says it is */
	HD_FRAME_STALE,   /* ours, of an earlier phase */
	HD_FRAME_FOREIGN, /* not ours, or not for this guest */
	HD_FRAME_BAD,     /* carries our tag but wrong addresses */
};

/* The frames that guest sends to guest ^ 1. */
void hd_stream_init(struct hd_stream *s, const struct hd_options *opts, unsigned int guest);

/* Starts a phase: sequence 0, a new epoch. */
void hd_stream_restart(struct hd_stream *s, const struct hd_stream_start *start);

/* Writes a handshake's next frame (handshake.c). */
void hd_handshake_write(struct hd_stream *s, struct hd_line *line);

static inline void hd_stream_step(struct hd_stream *s)
{
	s->seq++;
	s->mac = s->mac + 1 == s->macs ? 0 : s->mac + 1;
	s->flow = s->flow + 1 == s->flows ? 0 : s->flow + 1;
}

static inline void hd_frame_index(uint8_t mac[6], uint32_t index)
{
	mac[3] = (uint8_t)(index >> 16);
	mac[4] = (uint8_t)(index >> 8);
	mac[5] = (uint8_t)index;
}

static inline uint16_t hd_frame_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* A flow's port at the first guest: 16 k of them, then the next address. Network order. */
static inline uint16_t hd_frame_port(uint32_t flow)
{
	return __builtin_bswap16((uint16_t)(1024 + (flow & 0x3fff)));
}

/* What a flow adds to addresses. Network order. */
static inline uint32_t hd_frame_host(uint32_t flow)
{
	return __builtin_bswap32(flow >> 14);
}

static inline uint32_t hd_frame_host_sum(uint32_t host)
{
	return (host & 0xffff) + (host >> 16);
}

/* The template with addresses and port of a flow. Returns what the flow adds to the sums. */
static inline uint32_t hd_stream_address(const struct hd_stream *s, struct hd_line *line, uint32_t flow)
{
	uint32_t host = hd_frame_host(flow);
	uint32_t host_sum = hd_frame_host_sum(host);

	*line = s->template;
	hd_frame_index(line->mac.dst, s->mac);
	hd_frame_index(line->mac.src, s->mac);
	if (s->reverse)
		line->port_dst = hd_frame_port(flow);
	else
		line->port_src = hd_frame_port(flow);
	/* of a translated flow the second guest knows its own address only */
	if (!s->reverse || s->nat != 0)
		line->ip_src = s->template.ip_src + host;
	if (s->reverse ? s->nat == 0 : s->nat != 0)
		line->ip_dst = s->template.ip_dst + host;
	if (!s->reverse && s->nat != 0)
		host_sum *= 2;
	line->ip_sum = (uint16_t)~hd_frame_fold(s->ip_sum + host_sum);
	return host_sum;
}

/* Writes the next frame's first line and steps the stream. */
static inline void hd_stream_write(struct hd_stream *s, struct hd_line *line)
{
	uint32_t host_sum;

	if (s->handshake.total != 0) {
		hd_handshake_write(s, line);
		return;
	}
	host_sum = hd_stream_address(s, line, s->flow);
	if (s->tcp) {
		line->l4.tcp.seq = s->seq;
		line->l4.tcp.sum = hd_frame_fold(s->tcp_sum + host_sum);
	} else {
		line->l4.udp.seq = s->seq;
	}
	hd_stream_step(s);
}

/* A frame of more than the MTU that no longer says how to segment it would be no frame at all. Open vSwitch is known to
 * put its own segment size in place of the sender's, so the size need only be there. */
static inline bool hd_stream_gso_kept(const struct hd_stream *s, const struct hd_line *line)
{
	const size_t type = 1; /* offsets in the virtio-net header */
	const size_t size = 4;

	return !s->tcp ||
	       (line->vnet[type] == s->template.vnet[type] && (line->vnet[size] | line->vnet[size + 1]) != 0);
}

/* Whether a frame of a translated flow arrived as it should: from the one address at the second guest, back at the
 * address it came from at the first. Ports are kept. */
static inline bool hd_stream_translated(const struct hd_stream *s, const struct hd_line *line, uint64_t seq)
{
	uint32_t flow = seq == s->seq ? s->flow : (uint32_t)((s->first + seq) % s->flows);
	uint16_t port = hd_frame_port(flow);
	uint32_t host = hd_frame_host(flow);

	if (s->template.ether_type == __builtin_bswap16(HD_FRAME_ANNOUNCE))
		return true;
	if (s->reverse)
		return line->ip_dst == s->client + host && line->port_dst == port;
	return line->ip_src == s->nat && line->port_src == port && line->ip_dst == s->template.ip_dst + host;
}

/* Judges a received line against the stream that should have sent it; *seq is set for HD_FRAME_OURS. The stream's
 * position is the frame expected next: a frame in order costs no division. */
static inline enum hd_verdict hd_stream_check(const struct hd_stream *s, const struct hd_line *line, uint64_t *seq)
{
	uint8_t magic = s->tcp ? line->l4.tcp.magic : line->l4.udp.magic;
	uint8_t epoch = s->tcp ? line->l4.tcp.epoch : line->l4.udp.epoch;
	uint8_t ours = s->tcp ? s->template.l4.tcp.epoch : s->template.l4.udp.epoch;
	struct hd_mac_pair want = s->template.mac;
	uint32_t index = s->mac;

	if (magic != HD_FRAME_MAGIC || line->mac.dst[2] != want.dst[2] || line->mac.src[2] != want.src[2])
		return HD_FRAME_FOREIGN;
	if (epoch != ours)
		return HD_FRAME_STALE;
	if (line->ether_type != s->template.ether_type)
		return HD_FRAME_FOREIGN;
	*seq = s->tcp ? line->l4.tcp.seq : line->l4.udp.seq;
	if (*seq != s->seq)
		index = (uint32_t)(*seq % s->macs);
	hd_frame_index(want.dst, index);
	hd_frame_index(want.src, index);
	if (memcmp(&line->mac, &want, sizeof(want)) != 0 || !hd_stream_gso_kept(s, line))
		return HD_FRAME_BAD;
	if (s->nat != 0 && !hd_stream_translated(s, line, *seq))
		return HD_FRAME_BAD;
	return HD_FRAME_OURS;
}

/* Moves the expectation past seq. */
static inline void hd_stream_expect(struct hd_stream *s, uint64_t seq)
{
	if (seq == s->seq) {
		hd_stream_step(s);
		return;
	}
	s->seq = seq + 1;
	s->mac = (uint32_t)(s->seq % s->macs);
	s->flow = (uint32_t)((s->seq + s->first) % s->flows);
}

#endif
