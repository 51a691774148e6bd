/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet, described. The currency between port rx, parse, bridge and port tx.
 *
 * A packet is its first bytes, private to the switch and safe to read twice and to rewrite (`hdr`), and the
 * rest, described and not moved (`payload`). Where the first bytes are depends on where the packet came from:
 *
 *  - from an mbuf (ethdev, librte_vhost): hdr points into the mbuf's first segment, whose data nobody else
 *    writes; hdr_len is that segment's length; the payload is the mbuf's other segments.
 *  - from guest memory (native vhost engine): hdr points to a snapshot with headroom, and `seg` lists the guest memory
 *    that follows it. mbuf is NULL. Headers that are longer than the snapshot are pulled into it (hd_pkt_pull).
 *
 * A packet lives as long as the burst it came in with. A port's tx copies what it needs; an ethdev may take the
 * mbuf (set pkt->mbuf to NULL) unless HD_PKT_SHARED is set, which says that other destinations follow.
 *
 * One cache line: written by rx and parse, read by everything after.
 */
#ifndef HD_PKT_H
#define HD_PKT_H

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HD_BURST 64         /* packets a burst holds */
#define HD_SNAPSHOT 116     /* bytes of a guest's frame that are read at first: with its virtio-net header two lines */
#define HD_HEADROOM 24      /* writable bytes in front of hdr: three tags (rules put on two) and a virtio-net header */
#define HD_FRAME_MAX 65549u /* bytes: a 64 KiB GSO datagram and an Ethernet header */

struct rte_mbuf;

/* A piece of payload in memory that a peer may change at any time: only ever copied, never looked at. */
struct hd_seg {
	const void *addr;
	uint32_t len;
};

/* Offload metadata, meant as in struct virtio_net_hdr (VIRTIO 1.2 section 5.1.6). Sanitised by parse. */
enum hd_gso { HD_GSO_NONE = 0, HD_GSO_TCP4 = 1, HD_GSO_TCP6 = 4 }; /* values of virtio_net_hdr.gso_type */

#define HD_OFF_NEEDS_CSUM (1u << 0) /* fill the checksum at csum_start + csum_offset, from csum_start on */
#define HD_OFF_CSUM_VALID (1u << 1) /* the source vouches for the checksum (VIRTIO_NET_HDR_F_DATA_VALID) */

struct hd_offload {
	uint8_t gso;          /* enum hd_gso */
	uint8_t flags;        /* HD_OFF_* */
	uint16_t gso_size;    /* payload bytes of a segment */
	uint16_t csum_start;  /* from the frame's first byte; a VLAN push or pop moves it */
	uint16_t csum_offset; /* from csum_start */
};

#define HD_PKT_SHARED (1u << 0)    /* more destinations follow: copy, do not take */
#define HD_PKT_TAGGED (1u << 1)    /* hdr wears an 802.1Q tag */
#define HD_PKT_MULTICAST (1u << 2) /* destination address has the group bit, not broadcast */
#define HD_PKT_BROADCAST (1u << 3)
#define HD_PKT_RAW (1u << 4) /* leaves as it is: its VLAN tags are the rules' business */

struct hd_pkt {
	alignas(64) uint8_t *hdr; /* the Ethernet header and what follows, hdr_len bytes of it */
	struct rte_mbuf *mbuf;    /* where hdr lies, or NULL: then hdr is a snapshot */
	struct hd_seg *seg;       /* payload behind hdr, when mbuf is NULL */
	uint32_t len;             /* of the whole frame, without FCS, with its tag if HD_PKT_TAGGED */
	uint32_t hash;            /* of the flow, 0 until someone asks (hd_parse_hash) */
	struct hd_offload off;
	uint16_t hdr_len;
	uint16_t n_seg;
	uint16_t eth_type; /* host order, behind up to two tags */
	uint16_t tci;      /* of the outer tag, if HD_PKT_TAGGED, as it came (PCP, DEI, VID), or 0 */
	uint16_t vlan;     /* effective VLAN (vlan.h) */
	uint16_t in_port;  /* index into the snapshot's ports */
	uint8_t l3;        /* offset of the IP header, 0 if not IP; a VLAN push or pop moves it */
	uint8_t l4;        /* offset of the L4 header, 0 if none (fragments have none); moves too */
	uint8_t l4_proto;  /* IPPROTO_*, valid if l4 */
	uint8_t flags;     /* HD_PKT_* */
};
static_assert(sizeof(struct hd_pkt) == 64, "a packet's description is one cache line");

/*
 * Copy bytes [off, off + len) of the frame to dst, wherever they lie. Returns false, and leaves dst undefined,
 * if the frame is shorter.
 */
bool hd_pkt_read(const struct hd_pkt *pkt, uint32_t off, uint32_t len, void *dst);

/*
 * Let hdr hold up to `len` bytes, as much of the payload as that takes moved into the snapshot, whose room the caller
 * knows. Each byte of guest memory is still read once. False if there was nothing to move.
 */
bool hd_pkt_pull(struct hd_pkt *pkt, uint16_t len);

/* A description of the frame's beginning, for which no offload makes sense. The packet itself is to be another one. */
static inline void hd_pkt_cut(struct hd_pkt *pkt, uint32_t len)
{
	if (pkt->len <= len)
		return;
	pkt->len = len;
	pkt->hdr_len = pkt->hdr_len < len ? pkt->hdr_len : (uint16_t)len;
	pkt->off = (struct hd_offload){0};
	pkt->l3 = 0;
	pkt->l4 = 0;
}

/*
 * A place in a frame, for reading it from front to back: a frame of n pieces costs n steps in all, however many
 * reads there are (a guest decides n). The packet and its pieces must stay as they are meanwhile.
 */
struct hd_pkt_cursor {
	const struct hd_pkt *pkt;
	const struct rte_mbuf *mbuf; /* the piece after this one, if the packet is an mbuf */
	const uint8_t *addr;         /* what is left of this piece ... */
	uint32_t left;               /* ... and its bytes */
	uint32_t todo;               /* bytes to the frame's end, by the packet's len */
	uint16_t seg;                /* the piece after this one, if the packet is a snapshot */
};

/* Start at the frame's first byte. */
void hd_pkt_cursor_init(struct hd_pkt_cursor *cursor, const struct hd_pkt *pkt);
/*
 * Step over up to `max` bytes that lie in one piece. Returns how many, and where they are in *addr; 0 at the end of
 * the frame or of its pieces. If the packet has no mbuf, what is not in hdr may change at any time: copy it.
 */
uint32_t hd_pkt_cursor_next(struct hd_pkt_cursor *cursor, uint32_t max, const uint8_t **addr);
/* Copy `len` bytes to dst (NULL: only step over them). False, and dst undefined, if there are fewer. */
bool hd_pkt_cursor_read(struct hd_pkt_cursor *cursor, uint32_t len, void *dst);

#endif
