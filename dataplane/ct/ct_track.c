/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds a packet's connection, advances it and says what the packet is: on the way of every tracked packet. */
#include <netinet/in.h>

#include "../flow/key.h"
#include "ct_packet.h"

void hd_ct_prefetch(const struct hd_ct *ct, uint32_t hint)
{
	const struct hd_ct_conn *conn = &ct->conns[hint >> 1];

	if (hint >> 1 >= ct->n_slots)
		return;
	__builtin_prefetch(conn);
	__builtin_prefetch(conn->peer, 1);
}

/* ct_state of a packet of the connection, untranslated. */
static inline uint8_t state_of(uint8_t flags, unsigned int dir)
{
	if (dir == 1)
		return HD_CT_TRK | HD_CT_EST | HD_CT_RPL;
	return HD_CT_TRK | (flags & HD_CT_CONN_REPLIED ? HD_CT_EST : HD_CT_NEW);
}

/* What of a packet is translated if it goes in direction `dir`. */
static inline uint8_t translation_of(uint8_t flags, unsigned int dir)
{
	uint8_t source = dir == 0 ? HD_CT_CONN_SNAT : HD_CT_CONN_DNAT;

	if (!(flags & HD_CT_CONN_NAT))
		return 0;
	return flags & source ? HD_CT_SNAT : HD_CT_DNAT;
}

static inline void fill_view(const struct hd_ct *ct, struct hd_ct_view *view, struct hd_ct_conn *conn, unsigned int dir)
{
	view->conn = conn;
	view->hint = hd_ct_index(ct, conn) << 1 | dir;
	view->mark = hd_ct_get(conn->mark);
	view->label[0] = hd_ct_get(conn->label[0]);
	view->label[1] = hd_ct_get(conn->label[1]);
	view->reverse = (uint8_t)dir;
}

static inline void fill_none(struct hd_ct_view *view, uint8_t state)
{
	view->conn = NULL;
	view->hint = HD_CT_HINT_NONE;
	view->mark = 0;
	view->label[0] = view->label[1] = 0;
	view->state = state;
	view->reverse = 0;
}

static void fill_invalid(struct hd_ct_owner *owner, struct hd_ct_view *view)
{
	hd_count(&owner->invalid, 1);
	fill_none(view, HD_CT_TRK | HD_CT_INV);
}

/* Note the time now and then, so that the line stays clean. */
static inline void refresh(struct hd_ct_conn *conn, uint32_t now)
{
	if (unlikely(hd_ct_age(conn, now) >= HD_CT_STAMP))
		hd_ct_put(conn->last, now);
}

static inline bool is_over(const struct hd_ct *ct, const struct hd_ct_conn *conn, uint32_t now)
{
	return unlikely(hd_ct_age(conn, now) >= HD_CT_STAMP) && hd_ct_is_over(ct, conn, now);
}

/* UDP, ICMP and others: the first answer. */
static void note_reply(const struct hd_ct *ct, struct hd_ct_conn *conn)
{
	uint8_t timeout = hd_ct_get(conn->timeout);

	hd_ct_lock_conn(ct, conn);
	if (timeout == HD_CT_UDP_SINGLE)
		hd_ct_put(conn->timeout, HD_CT_UDP_MULTIPLE);
	else if (timeout == HD_CT_ICMP_FIRST)
		hd_ct_put(conn->timeout, HD_CT_ICMP_REPLY);
	hd_ct_put(conn->flags, hd_ct_get(conn->flags) | HD_CT_CONN_REPLIED);
	hd_ct_unlock_conn(ct, conn);
}

/* An error tells of a connection; it is not one of its packets. */
static void follow_error(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_pkt *pkt,
			 const struct hd_ct_packet *packet, const struct hd_ct_hit *hit, struct hd_ct_view *view,
			 bool nat)
{
	uint8_t flags = hd_ct_get(hit->conn->flags), translation = 0;

	if (nat && !hit->translated && (flags & HD_CT_CONN_NAT)) {
		if (!hd_ct_icmp_translate(ct, pkt, packet, hit->conn, hit->dir)) {
			fill_invalid(owner, view);
			return;
		}
		translation = translation_of(flags, hit->dir);
	}
	fill_view(ct, view, hit->conn, hit->dir);
	view->state = (uint8_t)(HD_CT_TRK | HD_CT_REL | (hit->dir == 1 ? HD_CT_RPL : 0) | translation);
}

/* TCP, with its header or (a later fragment) without. */
static enum hd_ct_verdict follow_tcp(struct hd_ct *ct, const struct hd_pkt *pkt, const struct hd_ct_packet *packet,
				     const struct hd_ct_hit *hit)
{
	struct hd_ct_segment segment;

	if (packet->later)
		return HD_CT_VALID;
	hd_ct_tcp_read(&segment, pkt, packet->l4, packet->first);
	return hd_ct_tcp_advance(ct, hit->conn, hit->dir, &segment);
}

bool hd_ct_follow(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_pkt *pkt, const struct hd_ct_packet *packet,
		  const struct hd_ct_hit *hit, struct hd_ct_when when, struct hd_ct_view *view)
{
	struct hd_ct_conn *conn = hit->conn;
	enum hd_ct_verdict verdict = HD_CT_VALID;
	uint8_t flags, translation = 0;

	if (is_over(ct, conn, when.now))
		return false;
	if (packet->error) {
		follow_error(ct, owner, pkt, packet, hit, view, when.nat);
		return true;
	}
	if (packet->proto == IPPROTO_TCP)
		verdict = follow_tcp(ct, pkt, packet, hit);
	else if (hit->dir == 1 && !(hd_ct_get(conn->flags) & HD_CT_CONN_REPLIED))
		note_reply(ct, conn);
	if (verdict == HD_CT_REOPEN)
		return false;
	flags = hd_ct_get(conn->flags);
	if (flags & HD_CT_CONN_NAT) {
		if (when.nat || hit->translated)
			translation = translation_of(flags, hit->dir);
		if (verdict == HD_CT_VALID && when.nat && !hit->translated &&
		    !hd_ct_nat_apply(ct, pkt, packet, conn, hit->dir))
			verdict = HD_CT_INVALID;
	}
	if (verdict == HD_CT_INVALID) {
		fill_invalid(owner, view);
		return true;
	}
	if (!packet->later)
		refresh(conn, when.now);
	fill_view(ct, view, conn, hit->dir);
	view->state = state_of(flags, hit->dir) | translation;
	return true;
}

bool hd_ct_may_begin(const struct hd_ct *ct, const struct hd_pkt *pkt, const struct hd_ct_packet *packet)
{
	struct hd_ct_segment segment;

	if (packet->error || packet->answer)
		return false;
	if (packet->proto != IPPROTO_TCP)
		return true;
	if (packet->later)
		return false;
	hd_ct_tcp_read(&segment, pkt, packet->l4, packet->first);
	return hd_ct_tcp_may_begin(ct, &segment);
}

/* By the hint, if it is right, else by the table. */
static bool find(struct hd_ct *ct, const struct hd_ct_packet *packet, uint32_t hint, struct hd_ct_hit *hit)
{
	if (likely(hint >> 1 < ct->n_slots) && hd_ct_match(ct, &ct->conns[hint >> 1], hint & 1, &packet->key)) {
		*hit = (struct hd_ct_hit){.conn = &ct->conns[hint >> 1], .dir = hint & 1};
		return true;
	}
	return hd_ct_find(ct, &packet->key, hd_ct_hash(ct, &packet->key), hit);
}

/* Everything: fragments, IPv6, ICMP, packets without a hint, new ones, translation. */
static __attribute__((noinline)) void track_any(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_pkt *pkt,
						uint32_t hint, struct hd_ct_when when, struct hd_ct_view *view)
{
	struct hd_ct_packet packet;
	struct hd_ct_hit hit;

	if (!hd_ct_read(ct, owner, pkt, view->zone, when.now, &packet)) {
		fill_invalid(owner, view);
		return;
	}
	if (find(ct, &packet, hint, &hit)) {
		if (hd_ct_follow(ct, owner, pkt, &packet, &hit, when, view))
			return;
		/* Over, or reopened by a SYN: make room for another one. */
		if (!hd_ct_delete(ct, owner, hit.conn)) {
			fill_invalid(owner, view);
			return;
		}
		hd_count(&owner->expired, 1);
	}
	if (hd_ct_may_begin(ct, pkt, &packet))
		fill_none(view, HD_CT_TRK | HD_CT_NEW);
	else
		fill_invalid(owner, view);
}

/* TCP or UDP over IPv4, whole, of a connection that the hint finds and that has no translation. False: see above. */
static inline bool track_known(struct hd_ct *ct, struct hd_pkt *pkt, uint32_t hint, uint32_t now,
			       struct hd_ct_view *view)
{
	struct hd_ct_conn *conn = &ct->conns[hint >> 1];
	unsigned int dir = hint & 1;
	struct hd_ct_segment segment;
	uint64_t rest;
	uint8_t flags;

	if (unlikely(hint >> 1 >= ct->n_slots || pkt->l4 == 0 || pkt->eth_type != 0x0800))
		return false;
	rest = hd_ct_rest(hd_ct_load32(pkt->hdr + pkt->l4), view->zone, pkt->l4_proto, 4);
	/* ICMP's first bytes are no ports: it may be taken for no connection, but not for another one's. */
	if (unlikely(atomic_load_explicit(&conn->half[dir].rest, memory_order_acquire) != rest ||
		     conn->half[dir].addr != hd_ct_load64(pkt->hdr + pkt->l3 + 12)))
		return false;
	flags = hd_ct_get(conn->flags);
	if (unlikely((flags & HD_CT_CONN_NAT) || is_over(ct, conn, now)))
		return false;
	if (pkt->l4_proto == IPPROTO_TCP) {
		hd_ct_tcp_read(&segment, pkt, pkt->l4, false);
		if (unlikely(hd_ct_tcp_advance(ct, conn, dir, &segment) != HD_CT_VALID))
			return false; /* nothing has changed: it will be found out again */
		flags = hd_ct_get(conn->flags);
	} else if (unlikely(pkt->l4_proto != IPPROTO_UDP || (dir == 1 && !(flags & HD_CT_CONN_REPLIED)))) {
		return false;
	}
	refresh(conn, now);
	fill_view(ct, view, conn, dir);
	view->state = state_of(flags, dir);
	return true;
}

void hd_ct_track(struct hd_ct *ct, uint16_t pmd, struct hd_pkt *pkt, uint16_t zone, uint32_t hint, bool nat,
		 uint64_t now, struct hd_ct_view *view)
{
	struct hd_ct_when when = {.now = hd_ct_tick_of(ct, now), .nat = nat};

	view->zone = zone;
	if (likely(track_known(ct, pkt, hint, when.now, view)))
		return;
	track_any(ct, &ct->owners[pmd], pkt, hint, when, view);
}

/* ---- Mark and label ---- */

void hd_ct_set_mark(struct hd_ct *ct, struct hd_ct_view *view, uint32_t mark, uint32_t mask)
{
	struct hd_ct_conn *conn = view->conn;

	if (conn == NULL)
		return;
	hd_ct_lock_conn(ct, conn);
	view->mark = (hd_ct_get(conn->mark) & ~mask) | (mark & mask);
	if (view->mark != hd_ct_get(conn->mark))
		hd_ct_put(conn->mark, view->mark);
	hd_ct_unlock_conn(ct, conn);
}

void hd_ct_set_label(struct hd_ct *ct, struct hd_ct_view *view, const uint64_t label[2], const uint64_t mask[2])
{
	struct hd_ct_conn *conn = view->conn;

	if (conn == NULL)
		return;
	hd_ct_lock_conn(ct, conn);
	for (unsigned int i = 0; i < 2; i++) {
		view->label[i] = (hd_ct_get(conn->label[i]) & ~mask[i]) | (label[i] & mask[i]);
		if (view->label[i] != hd_ct_get(conn->label[i]))
			hd_ct_put(conn->label[i], view->label[i]);
	}
	hd_ct_unlock_conn(ct, conn);
}
