/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksums and segmentation in software, for destinations that did not negotiate the offload a packet asks for.
 *
 * Runs on PMD threads, on packets that parse has accepted: l3, l4 and l4_proto are set and hdr holds all headers.
 * Payload of a packet without an mbuf may be a guest's memory: it is copied before it is summed. Segments are summed
 * in the copy that is sent, so there what is summed is what is sent.
 *
 * As VIRTIO says, a checksum runs from csum_start to the end of the frame, and the source has put the sum of the
 * pseudo-header into its field. A source that puts something else there gets a wrong checksum, at its own cost.
 */
#ifndef HD_OFFLOAD_H
#define HD_OFFLOAD_H

#include "drop.h"
#include "pkt.h"

struct rte_mempool;

/*
 * Bytes: what is left of an MSS of 48, the least that Linux sends with, after 40 bytes of options. A smaller gso_size
 * would only make a 64 KiB packet cost its PMD tens of thousands of segments.
 */
#define HD_GSO_SIZE_MIN 8

/*
 * Check what a source asked for against the parsed frame, and make it consistent: csum_start must be the L4 header,
 * csum_offset that protocol's (TCP 16, UDP 6), both inside hdr; GSO needs TCP over the right IP version, NEEDS_CSUM,
 * gso_size of HD_GSO_SIZE_MIN or more, a datagram that IP can describe, and a frame longer than one segment (else GSO
 * is cleared). Fields and flags that mean nothing are zeroed. Called by parse for packets with off.flags or off.gso
 * set. Returns HD_DROP_NONE or HD_DROP_BAD_OFFLOAD.
 */
enum hd_drop hd_offload_sanitise(struct hd_pkt *pkt);

/*
 * Fill in the checksum that NEEDS_CSUM asks for, in hdr, and clear the flag. A packet with GSO is to be segmented
 * instead. False, and nothing changed, if the frame is shorter than it says.
 */
bool hd_offload_checksum(struct hd_pkt *pkt);

/* The bytes of headers that every segment repeats: up to the end of TCP. Of a GSO packet. */
uint32_t hd_offload_header_len(const struct hd_pkt *pkt);
/* Bytes on the wire of the longest segment (Ethernet header and tag included); pkt->len without GSO. */
uint32_t hd_offload_segment_len(const struct hd_pkt *pkt);
/* How many segments a GSO packet makes; 1 without GSO. */
uint32_t hd_offload_segments(const struct hd_pkt *pkt);

/* Cuts a GSO packet into segments, one mbuf (chain, where a segment exceeds one buffer) each. */
struct hd_segmenter {
	const struct hd_pkt *pkt;
	struct hd_pkt_cursor payload; /* where the next segment's begins; payload.todo bytes are left */
	uint32_t header_len;
	uint16_t index; /* segments done */
	bool checksum;  /* complete checksums; otherwise segments carry NEEDS_CSUM with a pseudo-header sum */
};

/* The packet must stay as it is until the segmenter is done with. */
void hd_segmenter_init(struct hd_segmenter *seg, const struct hd_pkt *pkt, bool checksum);
/*
 * The next segment: allocates from `pool` (whose buffers hold the headers, at least) and describes it in *out (mbuf
 * owned by the caller; hdr, len, hdr_len, off, l3, l4, flags, vlan... as for a received packet, without
 * HD_PKT_SHARED). IPv4 id and total length, IPv6 payload length, TCP sequence and flags (FIN and PSH on the last only,
 * CWR on the first only) are set, IPv4's header checksum always.
 * Returns 1, 0 at the end (or without GSO), -ENOMEM (try later or give up; nothing leaked, nothing skipped), or
 * -EFAULT (the frame is shorter than it says).
 */
int hd_segmenter_next(struct hd_segmenter *seg, struct rte_mempool *pool, struct hd_pkt *out);

#endif
