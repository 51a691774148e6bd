/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP: states, and the windows that a segment must lie in.
 *
 * Windows follow van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2001), as Linux does too: of each side
 * what it has sent, what it may send, and the largest window that it has offered. A segment is in the window if
 *   its first byte is not beyond what the other side allows, its last not more than a window behind what was sent
 *   before, and its acknowledgement neither of what was never sent nor very old.
 * A segment out of the window changes nothing.
 */
#include "ct_packet.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define SCALE_MAX 14             /* RFC 7323 section 2.3 */
#define ACK_WINDOW 66000u        /* how old acknowledgements may be at least: a window without scaling, and some more */
#define PICKED_UP_MAX (1u << 30) /* how far the first segment may be from what the other side has acknowledged */

/* hd_ct_peer.flags */
#define PEER_SYN 0x01       /* its SYN was seen, so its sequence numbers are known */
#define PEER_FIN 0x02       /* it has sent a FIN ... */
#define PEER_FIN_ACKED 0x04 /* ... which the other side has acknowledged */
#define PEER_SCALE 0x08     /* its SYN had a window scale */

static inline bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* A SYN's window scale, or -1. */
static int8_t read_scale(const uint8_t *option, uint32_t length)
{
	uint32_t at = 0;

	while (at < length && option[at] != 0) {
		if (option[at] == 1) { /* no operation */
			at++;
			continue;
		}
		if (at + 2 > length || option[at + 1] < 2 || at + option[at + 1] > length)
			break;
		if (option[at] == 3 && option[at + 1] == 3)
			return (int8_t)(option[at + 2] < SCALE_MAX ? option[at + 2] : SCALE_MAX);
		at += option[at + 1];
	}
	return -1;
}

void hd_ct_tcp_read(struct hd_ct_segment *segment, const struct hd_pkt *pkt, uint16_t l4, bool fragment)
{
	const uint8_t *tcp = pkt->hdr + l4, *ip = pkt->hdr + pkt->l3;
	uint32_t header = (uint32_t)(tcp[12] >> 4) * 4;
	uint32_t end = ip[0] >> 4 == 4 ? hd_ct_be16(ip + 2) : hd_ct_be16(ip + 4) + 40u; /* of the datagram */
	uint32_t headers = (uint32_t)(l4 - pkt->l3) + header;

	segment->flags = tcp[13];
	segment->seq = hd_ct_be32(tcp + 4);
	segment->ack = hd_ct_be32(tcp + 8);
	segment->window = hd_ct_be16(tcp + 14);
	segment->end = segment->seq + (end > headers ? end - headers : 0);
	segment->scale = -1;
	segment->fragment = fragment;
	if (unlikely(segment->flags & (SYN | FIN))) {
		segment->end += ((segment->flags & SYN) != 0) + ((segment->flags & FIN) != 0);
		if (segment->flags & SYN)
			segment->scale = read_scale(tcp + 20, header - 20);
	}
}

/* Flags that no TCP sends: SYN with RST or FIN, RST with FIN, and none of SYN, RST and ACK. */
static bool has_bad_flags(uint8_t flags)
{
	if (!(flags & (SYN | RST | ACK)))
		return true;
	return ((flags & SYN) && (flags & (RST | FIN))) || ((flags & RST) && (flags & FIN));
}

bool hd_ct_tcp_may_begin(const struct hd_ct *ct, const struct hd_ct_segment *segment)
{
	if (has_bad_flags(segment->flags) || (segment->flags & RST))
		return false;
	if (segment->flags & SYN)
		return !(segment->flags & ACK);
	return !ct->strict;
}

static inline void set_state(struct hd_ct_conn *conn, uint8_t state)
{
	static const uint8_t timeouts[HD_CT_TCPS_COUNT] = {
		[HD_CT_TCPS_SYN_SENT] = HD_CT_TCP_SYN_SENT, [HD_CT_TCPS_SYN_SENT2] = HD_CT_TCP_SYN_SENT,
		[HD_CT_TCPS_SYN_RECV] = HD_CT_TCP_SYN_RECV, [HD_CT_TCPS_ESTABLISHED] = HD_CT_TCP_ESTABLISHED,
		[HD_CT_TCPS_FIN_WAIT] = HD_CT_TCP_FIN_WAIT, [HD_CT_TCPS_CLOSE_WAIT] = HD_CT_TCP_CLOSE_WAIT,
		[HD_CT_TCPS_LAST_ACK] = HD_CT_TCP_LAST_ACK, [HD_CT_TCPS_TIME_WAIT] = HD_CT_TCP_TIME_WAIT,
		[HD_CT_TCPS_CLOSE] = HD_CT_TCP_CLOSE,
	};

	hd_ct_put(conn->tcp, state);
	hd_ct_put(conn->timeout, timeouts[state]);
}

static inline uint8_t state_of(const struct hd_ct_conn *conn)
{
	return hd_ct_get(conn->tcp);
}

static void begin_with_syn(struct hd_ct_peer *peer, const struct hd_ct_segment *segment)
{
	*peer = (struct hd_ct_peer){
		.end = segment->end,
		.maxend = segment->end,
		.maxwin = larger(segment->window, 1),
		.acked = segment->seq + 1,
		.scale = (uint8_t)(segment->scale >= 0 ? segment->scale : 0),
		.flags = (uint8_t)(PEER_SYN | (segment->scale >= 0 ? PEER_SCALE : 0)),
	};
}

/* In the middle of a connection: its scale is not known, so the largest is assumed. */
static void pick_up(struct hd_ct_peer *peer, const struct hd_ct_segment *segment)
{
	uint8_t flags = peer->flags;

	*peer = (struct hd_ct_peer){
		.end = segment->end,
		.maxwin = larger((uint32_t)segment->window << SCALE_MAX, 1),
		.acked = segment->ack,
		.scale = SCALE_MAX,
		.flags = flags,
	};
	peer->maxend = peer->end + peer->maxwin;
}

/* From the FINs that were sent and acknowledged. */
static uint8_t closing_state(const struct hd_ct_conn *conn)
{
	uint8_t a = conn->peer[0].flags, b = conn->peer[1].flags;

	if (a & b & PEER_FIN)
		return a & b & PEER_FIN_ACKED ? HD_CT_TCPS_TIME_WAIT : HD_CT_TCPS_LAST_ACK;
	if ((a | b) & PEER_FIN)
		return (a | b) & PEER_FIN_ACKED ? HD_CT_TCPS_CLOSE_WAIT : HD_CT_TCPS_FIN_WAIT;
	return HD_CT_TCPS_ESTABLISHED;
}

void hd_ct_tcp_begin(struct hd_ct_conn *conn, const struct hd_ct_segment *segment)
{
	memset(conn->peer, 0, sizeof(conn->peer));
	if (segment->flags & SYN) {
		begin_with_syn(&conn->peer[0], segment);
		set_state(conn, HD_CT_TCPS_SYN_SENT);
		return;
	}
	conn->peer[0].flags = segment->flags & FIN ? PEER_FIN : 0;
	pick_up(&conn->peer[0], segment);
	conn->peer[1].end = conn->peer[1].maxend = segment->ack;
	set_state(conn, closing_state(conn));
}

/* ---- The opening ---- */

/* Does it acknowledge the SYN (and of what came with it, at most all)? */
static bool acks_syn(const struct hd_ct_peer *peer, const struct hd_ct_segment *segment)
{
	return (segment->flags & ACK) && !before(segment->ack, peer->acked) && !after(segment->ack, peer->end);
}

/* A SYN and an acknowledgement of the other's: the scales are agreed on (RFC 7323 section 2.2: both or none). */
static void answer_syn(struct hd_ct_peer *sender, struct hd_ct_peer *receiver, const struct hd_ct_segment *segment)
{
	begin_with_syn(sender, segment);
	if (!(sender->flags & receiver->flags & PEER_SCALE))
		sender->scale = receiver->scale = 0;
	sender->maxend = sender->end + receiver->maxwin;
	receiver->maxend = segment->ack + larger(segment->window, 1);
	sender->acked = segment->ack;
}

/* From the side that sent the first SYN, which has no answer yet. */
static enum hd_ct_verdict opening_original(struct hd_ct_conn *conn, const struct hd_ct_segment *segment)
{
	if (segment->flags & RST) {
		/* It gives up; or answers an old connection's segment, which the other side still has. */
		if (segment->seq == conn->peer[0].end)
			set_state(conn, HD_CT_TCPS_CLOSE);
		else if (!(conn->peer[1].acked != 0 && segment->seq == conn->peer[1].acked))
			return HD_CT_INVALID;
		return HD_CT_VALID;
	}
	if (!(segment->flags & SYN) || (segment->flags & ACK))
		return HD_CT_INVALID;
	begin_with_syn(&conn->peer[0], segment); /* again, maybe with another sequence number */
	return HD_CT_VALID;
}

static enum hd_ct_verdict opening_reply(struct hd_ct_conn *conn, const struct hd_ct_segment *segment)
{
	struct hd_ct_peer *sender = &conn->peer[1], *receiver = &conn->peer[0];

	if (segment->flags & RST) {
		if (!acks_syn(receiver, segment))
			return HD_CT_INVALID;
		set_state(conn, HD_CT_TCPS_CLOSE);
	} else if ((segment->flags & (SYN | ACK)) == (SYN | ACK)) {
		if (!acks_syn(receiver, segment))
			return HD_CT_INVALID;
		answer_syn(sender, receiver, segment);
		set_state(conn, HD_CT_TCPS_SYN_RECV);
	} else if (segment->flags & SYN) {
		begin_with_syn(sender, segment);
		set_state(conn, HD_CT_TCPS_SYN_SENT2);
	} else {
		sender->acked = segment->ack; /* of an old connection: the answer is a RST with this number */
	}
	return HD_CT_VALID;
}

/* Both have sent SYNs, nobody has acknowledged one (RFC 9293 section 3.5, simultaneous open). */
static enum hd_ct_verdict opening_both(struct hd_ct_conn *conn, unsigned int dir, const struct hd_ct_segment *segment)
{
	struct hd_ct_peer *sender = &conn->peer[dir], *receiver = &conn->peer[!dir];

	if (segment->flags & RST) {
		if (segment->seq != sender->end && !acks_syn(receiver, segment))
			return HD_CT_INVALID;
		set_state(conn, HD_CT_TCPS_CLOSE);
		return HD_CT_VALID;
	}
	if (segment->flags & SYN) {
		if (!(segment->flags & ACK))
			return segment->end == sender->end ? HD_CT_VALID : HD_CT_INVALID;
		if (!acks_syn(receiver, segment) || segment->end != sender->end)
			return HD_CT_INVALID;
		answer_syn(sender, receiver, segment);
		set_state(conn, HD_CT_TCPS_SYN_RECV);
		return HD_CT_VALID;
	}
	return HD_CT_INVALID;
}

/* ---- Windows ---- */

static inline bool in_window(const struct hd_ct_peer *sender, const struct hd_ct_peer *receiver,
			     const struct hd_ct_segment *segment, uint32_t ack)
{
	return !after(segment->seq, sender->maxend) && !before(segment->end, sender->end - receiver->maxwin) &&
	       !after(ack, receiver->end) && !before(ack, receiver->end - larger(sender->maxwin, ACK_WINDOW));
}

static inline void follow_window(struct hd_ct_peer *sender, struct hd_ct_peer *receiver,
				 const struct hd_ct_segment *segment)
{
	uint32_t window = segment->window;

	if (after(segment->end, sender->end))
		sender->end = segment->end;
	if (!(segment->flags & ACK))
		return;
	if (likely(!(segment->flags & SYN)))
		window <<= sender->scale;
	if (window > sender->maxwin)
		sender->maxwin = window;
	if (after(segment->ack, sender->acked))
		sender->acked = segment->ack;
	if (window == 0)
		window = 1; /* a probe */
	if (after(segment->ack + window, receiver->maxend))
		receiver->maxend = segment->ack + window;
}

/* FINs, and acknowledgements of them. Returns the state to be in. */
static uint8_t close_on(struct hd_ct_conn *conn, unsigned int dir, const struct hd_ct_segment *segment)
{
	struct hd_ct_peer *sender = &conn->peer[dir], *receiver = &conn->peer[!dir];

	if (segment->flags & FIN)
		sender->flags |= PEER_FIN;
	if ((receiver->flags & PEER_FIN) && (segment->flags & ACK) && !before(segment->ack, receiver->end))
		receiver->flags |= PEER_FIN_ACKED;
	return closing_state(conn);
}

/*
 * A reset ends the connection if its receiver will take it, which it does of exactly the number that it waits for (RFC
 * 5961 section 3.2): what the sender has sent up to, or what the receiver has acknowledged. Others in the window pass,
 * so that the receiver can challenge them.
 */
static void reset_on(struct hd_ct_conn *conn, unsigned int dir, const struct hd_ct_segment *segment)
{
	if (segment->seq == conn->peer[dir].end || segment->seq == conn->peer[!dir].acked)
		set_state(conn, HD_CT_TCPS_CLOSE);
}

/* What is neither plain data nor an opening. */
static void advance_state(struct hd_ct_conn *conn, unsigned int dir, const struct hd_ct_segment *segment, uint8_t state)
{
	uint8_t next;

	if (state == HD_CT_TCPS_CLOSE)
		return;
	if (segment->flags & RST) {
		reset_on(conn, dir, segment);
		return;
	}
	if (state == HD_CT_TCPS_SYN_RECV && (segment->flags & SYN))
		return; /* sent again */
	next = close_on(conn, dir, segment);
	if (next != state)
		set_state(conn, next);
}

/* The first segment of the other side of a connection that was picked up. */
static bool pick_up_other(struct hd_ct_peer *sender, const struct hd_ct_peer *receiver,
			  const struct hd_ct_segment *segment, uint32_t ack, bool liberal)
{
	struct hd_ct_peer picked = *sender;

	if (segment->seq - sender->end + PICKED_UP_MAX > 2 * PICKED_UP_MAX)
		return false;
	if (segment->flags & RST)
		return true;
	pick_up(&picked, segment);
	if (!in_window(&picked, receiver, segment, ack) && !liberal)
		return false;
	*sender = picked;
	return true;
}

static enum hd_ct_verdict established(struct hd_ct_conn *conn, unsigned int dir, const struct hd_ct_segment *segment)
{
	struct hd_ct_peer *sender = &conn->peer[dir], *receiver = &conn->peer[!dir];
	uint8_t state = state_of(conn), flags = segment->flags;
	bool liberal = hd_ct_get(conn->flags) & HD_CT_CONN_LIBERAL;
	/* A reset's acknowledgement is often 0. */
	uint32_t ack = likely((flags & (ACK | RST)) == ACK) ? segment->ack : receiver->end;

	if (unlikely(sender->maxwin == 0) && !pick_up_other(sender, receiver, segment, ack, liberal))
		return HD_CT_INVALID;
	if (unlikely(!in_window(sender, receiver, segment, ack)) && !liberal)
		return HD_CT_INVALID;
	if (likely(!(flags & RST)))
		follow_window(sender, receiver, segment);
	if (unlikely(state != HD_CT_TCPS_ESTABLISHED || (flags & (SYN | FIN | RST))))
		advance_state(conn, dir, segment, state);
	return HD_CT_VALID;
}

static enum hd_ct_verdict syn_later(const struct hd_ct_conn *conn)
{
	uint8_t state = state_of(conn);

	/* Elsewhere it is for the endpoints to judge (RFC 5961 section 4): nothing changes. */
	return state == HD_CT_TCPS_TIME_WAIT || state == HD_CT_TCPS_CLOSE ? HD_CT_REOPEN : HD_CT_VALID;
}

static enum hd_ct_verdict opening(struct hd_ct_conn *conn, unsigned int dir, const struct hd_ct_segment *segment)
{
	if (state_of(conn) == HD_CT_TCPS_SYN_SENT2)
		return opening_both(conn, dir, segment);
	return dir == 0 ? opening_original(conn, segment) : opening_reply(conn, segment);
}

/* What a valid segment says of the connection for good. */
static inline void note(struct hd_ct_conn *conn, unsigned int dir, const struct hd_ct_segment *segment)
{
	uint8_t flags = hd_ct_get(conn->flags), wanted = flags;

	if (dir == 1 && state_of(conn) != HD_CT_TCPS_SYN_SENT)
		wanted |= HD_CT_CONN_REPLIED;
	if (unlikely(segment->fragment))
		wanted |= HD_CT_CONN_LIBERAL;
	if (unlikely(wanted != flags))
		hd_ct_put(conn->flags, wanted);
}

enum hd_ct_verdict hd_ct_tcp_advance(struct hd_ct *ct, struct hd_ct_conn *conn, unsigned int dir,
				     const struct hd_ct_segment *segment)
{
	enum hd_ct_verdict verdict;

	if (unlikely(has_bad_flags(segment->flags)))
		return HD_CT_INVALID;
	hd_ct_lock_conn(ct, conn);
	if (unlikely(state_of(conn) <= HD_CT_TCPS_SYN_SENT2))
		verdict = opening(conn, dir, segment);
	else if (unlikely((segment->flags & (SYN | ACK)) == SYN))
		verdict = syn_later(conn);
	else
		verdict = established(conn, dir, segment);
	if (likely(verdict == HD_CT_VALID))
		note(conn, dir, segment);
	hd_ct_unlock_conn(ct, conn);
	return verdict;
}
