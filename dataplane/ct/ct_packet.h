/* SPDX-License-Identifier: BSD-3-Clause */
/* What tracking reads of a packet, and how it reads bytes. */
#ifndef HD_CT_PACKET_H
#define HD_CT_PACKET_H

#include "ct_conn.h"

static inline uint16_t hd_ct_load16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint32_t hd_ct_load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint64_t hd_ct_load64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint16_t hd_ct_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t hd_ct_be32(const uint8_t *at)
{
	return __builtin_bswap32(hd_ct_load32(at));
}

static inline uint16_t hd_ct_swap16(uint16_t value)
{
	return __builtin_bswap16(value);
}

/* Both addresses, 32 bytes as they lie in an IPv6 header. */
static inline void hd_ct_load_v6(struct hd_ct_key *key, const uint8_t *addresses)
{
	memcpy(key->v6, addresses, 32);
	key->addr = hd_ct_load32(addresses + 12) | (uint64_t)hd_ct_load32(addresses + 28) << 32;
}

struct hd_ct_packet {
	struct hd_ct_key key; /* of an ICMP error: of the answer to the packet that it is about */
	uint16_t l4;          /* offset of the L4 header; 0: later fragment, other protocol */
	uint16_t end;         /* offset behind the last byte of the datagram that is in hdr */
	uint8_t proto;
	bool first, later; /* fragment */
	bool answer;       /* ICMP: answers a request */
	bool error;        /* an ICMP error; in it: */
	uint8_t inner_proto;
	uint16_t inner, inner_l4; /* offsets of the headers */
};

/* What a fragment is known by, besides its key. */
struct hd_ct_clue {
	uint32_t id, now;
};

struct hd_ct_ports {
	uint32_t ports; /* as the low half of hd_ct_key.rest */
	bool answer;
};

/* ct_packet.c */
/* False if it is not a packet that can be tracked. */
bool hd_ct_read(struct hd_ct *ct, struct hd_ct_owner *owner, const struct hd_pkt *pkt, uint16_t zone, uint32_t now,
		struct hd_ct_packet *packet);
/* Ports of an L4 header of which `room` bytes are there. False if there are too few, or of an ICMP type without. */
bool hd_ct_read_ports(const uint8_t *l4, uint32_t room, uint8_t proto, bool v6, struct hd_ct_ports *ports);

/* ct_fragment.c */
void hd_ct_fragment_store(struct hd_ct *ct, struct hd_ct_owner *owner, const struct hd_ct_key *key, uint32_t id,
			  uint32_t now);
/* Fills in the key's ports. False if the first fragment was not seen. */
bool hd_ct_fragment_find(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_key *key, uint32_t id, uint32_t now);

/* ct_icmp.c */
/* The request type that this type asks or answers, or -1. */
int hd_ct_icmp_request(uint8_t type, bool v6, bool *answer);
bool hd_ct_icmp_is_error(uint8_t type, bool v6);
/* Reads the packet in an error; packet->key has zone and family. */
bool hd_ct_icmp_read_error(const struct hd_pkt *pkt, struct hd_ct_packet *packet);
/* Translate an error that goes in direction `dir`. */
bool hd_ct_icmp_translate(struct hd_ct *ct, struct hd_pkt *pkt, const struct hd_ct_packet *packet,
			  const struct hd_ct_conn *conn, unsigned int dir);

/* ct_nat.c */
/* Translate a packet of direction `dir`. */
bool hd_ct_nat_apply(struct hd_ct *ct, struct hd_pkt *pkt, const struct hd_ct_packet *packet,
		     const struct hd_ct_conn *conn, unsigned int dir);
/* The tuples that a packet of direction `dir` has before and after translation; rest 0: no longer alive. */
void hd_ct_nat_keys(const struct hd_ct *ct, const struct hd_ct_conn *conn, unsigned int dir, struct hd_ct_key *from,
		    struct hd_ct_key *to);
/* Choose a reply tuple and make the connection alive. As hd_ct_insert; key[1] and hash[1] are set. */
int hd_ct_nat_insert(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_conn *conn, const struct hd_nat *nat,
		     struct hd_ct_key key[2], uint32_t now);

/* ct_tcp.c */
struct hd_ct_segment {
	uint32_t seq, ack, end; /* end: sequence number behind its last byte, SYN and FIN counted */
	uint16_t window;
	uint8_t flags;
	int8_t scale;  /* of a SYN's option; -1: none */
	bool fragment; /* end is not known */
};
enum hd_ct_verdict { HD_CT_VALID, HD_CT_INVALID, HD_CT_REOPEN };

/* l4: where TCP starts, all of whose header is in hdr. */
void hd_ct_tcp_read(struct hd_ct_segment *segment, const struct hd_pkt *pkt, uint16_t l4, bool fragment);
bool hd_ct_tcp_may_begin(const struct hd_ct *ct, const struct hd_ct_segment *segment);
void hd_ct_tcp_begin(struct hd_ct_conn *conn, const struct hd_ct_segment *segment);
/* A segment of a connection. REOPEN: it begins another one. */
enum hd_ct_verdict hd_ct_tcp_advance(struct hd_ct *ct, struct hd_ct_conn *conn, unsigned int dir,
				     const struct hd_ct_segment *segment);

/* ct_track.c */
struct hd_ct_when {
	uint32_t now; /* ticks */
	bool nat;     /* translate */
};
/* May such a packet be the first of a connection? */
bool hd_ct_may_begin(const struct hd_ct *ct, const struct hd_pkt *pkt, const struct hd_ct_packet *packet);
/*
 * A packet of a connection: advance it, translate the packet, fill in the view (but its zone). False: the connection
 * is over, or this begins another one; the view is unchanged.
 */
bool hd_ct_follow(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_pkt *pkt, const struct hd_ct_packet *packet,
		  const struct hd_ct_hit *hit, struct hd_ct_when when, struct hd_ct_view *view);

#endif
