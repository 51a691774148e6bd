/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores the connection of a new packet. */
#include <errno.h>
#include <netinet/in.h>

#include "../flow/key.h"
#include "ct_packet.h"

#define ATTEMPTS 4 /* whatever other threads do meanwhile */

/* Count one more of the zone and of all. Returns 0, -ENOSPC (zone full), or -ENOBUFS. */
static int reserve(struct hd_ct *ct, struct hd_ct_owner *owner, uint16_t zone)
{
	uint32_t limit = hd_ct_get(ct->zone_limit[zone]);

	if (atomic_fetch_add_explicit(&ct->zone_count[zone], 1, memory_order_relaxed) >= limit && limit != 0) {
		atomic_fetch_sub_explicit(&ct->zone_count[zone], 1, memory_order_relaxed);
		hd_count(&owner->refused_zone, 1);
		return -ENOSPC;
	}
	if (atomic_fetch_add_explicit(&ct->count, 1, memory_order_relaxed) >= ct->limit) {
		atomic_fetch_sub_explicit(&ct->count, 1, memory_order_relaxed);
		atomic_fetch_sub_explicit(&ct->zone_count[zone], 1, memory_order_relaxed);
		return -ENOBUFS;
	}
	return 0;
}

static void unreserve(struct hd_ct *ct, uint16_t zone)
{
	atomic_fetch_sub_explicit(&ct->count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&ct->zone_count[zone], 1, memory_order_relaxed);
}

/* Nobody sees the connection yet, but a hint may lead to it: what those who follow one read first is atomic. */
static void set_up(struct hd_ct *ct, struct hd_ct_conn *conn, const struct hd_pkt *pkt,
		   const struct hd_ct_packet *packet, uint32_t now)
{
	bool icmp = packet->proto == IPPROTO_ICMP || packet->proto == IPPROTO_ICMPV6;
	struct hd_ct_segment segment;

	hd_ct_put(conn->label[0], 0);
	hd_ct_put(conn->label[1], 0);
	hd_ct_put(conn->mark, 0);
	hd_ct_put(conn->last, now);
	hd_ct_put(conn->flags, 0);
	hd_ct_put(conn->tcp, HD_CT_TCPS_NONE);
	if (packet->proto == IPPROTO_TCP) {
		hd_ct_tcp_read(&segment, pkt, packet->l4, packet->first);
		hd_ct_tcp_begin(conn, &segment);
		if (packet->first)
			hd_ct_put(conn->flags, HD_CT_CONN_LIBERAL);
		return;
	}
	hd_ct_put(conn->timeout, packet->proto == IPPROTO_UDP ? HD_CT_UDP_SINGLE
				 : icmp                       ? HD_CT_ICMP_FIRST
							      : HD_CT_OTHER);
}

/* What is to be done. */
struct commit {
	struct hd_ct *ct;
	struct hd_ct_owner *owner;
	struct hd_pkt *pkt;
	const struct hd_nat *nat;
	struct hd_ct_packet packet;
	uint64_t hash;
	uint32_t now;
	struct hd_ct_view *view;
};

static int insert(const struct commit *commit, struct hd_ct_conn *conn)
{
	const struct hd_nat *nat = commit->nat;
	struct hd_ct_key key[2] = {commit->packet.key};
	uint64_t hash[2] = {commit->hash, commit->hash};

	if (nat != NULL && (nat->flags & (HD_NAT_SRC | HD_NAT_DST)))
		return hd_ct_nat_insert(commit->ct, commit->owner, conn, nat, key, commit->now);
	hd_ct_turn(&key[1], &key[0]);
	return hd_ct_insert(commit->ct, conn, key, hash);
}

/*
 * Give it a slot and put it into the table. As hd_ct_insert, and -ENOSPC (zone full, or all free slots wait for their
 * grace period), -ENOBUFS (as many connections as there may be).
 */
static int store(const struct commit *commit, struct hd_ct_conn **conn)
{
	uint16_t zone = (uint16_t)(commit->packet.key.rest >> 32);
	int result = reserve(commit->ct, commit->owner, zone);
	uint32_t slot;

	if (result != 0)
		return result;
	slot = hd_ct_slot_take(commit->ct, commit->owner);
	if (slot == 0) {
		unreserve(commit->ct, zone);
		hd_count(&commit->owner->refused_full, 1);
		return -ENOSPC;
	}
	*conn = &commit->ct->conns[slot];
	set_up(commit->ct, *conn, commit->pkt, &commit->packet, commit->now);
	result = insert(commit, *conn);
	if (result != 0) {
		hd_ct_slot_return(commit->ct, commit->owner, slot);
		unreserve(commit->ct, zone);
	}
	return result;
}

/* The connection has been stored: now for its first packet. */
static int created(const struct commit *commit, struct hd_ct_conn *conn)
{
	uint8_t flags = hd_ct_get(conn->flags);
	struct hd_ct_view *view = commit->view;

	hd_count(&commit->owner->created, 1);
	if (unlikely((commit->packet.key.rest & HD_CT_V6_BIT) && !hd_ct_get(commit->ct->has_v6)))
		hd_ct_put(commit->ct->has_v6, true);
	view->state = HD_CT_TRK | HD_CT_NEW;
	if (flags & HD_CT_CONN_NAT) {
		if (!hd_ct_nat_apply(commit->ct, commit->pkt, &commit->packet, conn, 0)) {
			hd_ct_delete(commit->ct, commit->owner, conn);
			return -EINVAL;
		}
		view->state |= flags & HD_CT_CONN_SNAT ? HD_CT_SNAT : HD_CT_DNAT;
	}
	view->conn = conn;
	view->hint = hd_ct_index(commit->ct, conn) << 1;
	view->reverse = 0;
	view->mark = 0;
	view->label[0] = view->label[1] = 0;
	return 0;
}

/*
 * It was stored by a packet just before this one, which was tracked already. Returns 0, -EINVAL (this packet is not one
 * of it), or -EAGAIN (it is gone).
 */
static int follow_existing(const struct commit *commit)
{
	struct hd_ct_when when = {.now = commit->now, .nat = commit->nat != NULL};
	struct hd_ct_hit hit;

	if (!hd_ct_find(commit->ct, &commit->packet.key, commit->hash, &hit))
		return -EAGAIN;
	if (hd_ct_follow(commit->ct, commit->owner, commit->pkt, &commit->packet, &hit, when, commit->view))
		return commit->view->state & HD_CT_INV ? -EINVAL : 0;
	if (!hd_ct_delete(commit->ct, commit->owner, hit.conn))
		return -ENOSPC;
	hd_count(&commit->owner->expired, 1);
	return -EAGAIN;
}

/* Another connection has the reply's tuple. If it is over, it makes room: then -EAGAIN. */
static int clear_reply(const struct commit *commit)
{
	struct hd_ct_key turned;
	struct hd_ct_hit hit;

	hd_ct_turn(&turned, &commit->packet.key);
	if (hd_ct_find(commit->ct, &turned, commit->hash, &hit) && !hit.translated &&
	    hd_ct_delete_over(commit->ct, commit->owner, hit.conn, commit->now))
		return -EAGAIN;
	hd_count(&commit->owner->refused_nat, 1);
	return -EADDRINUSE;
}

static int make_room(const struct commit *commit, bool wide)
{
	if (hd_ct_evict(commit->ct, commit->owner, commit->hash, commit->now, wide))
		return -EAGAIN;
	hd_count(&commit->owner->refused_full, 1);
	return -ENOSPC;
}

/* -EAGAIN: what was in the way is gone. */
static int try_commit(const struct commit *commit)
{
	struct hd_ct_conn *conn;
	int result = store(commit, &conn);

	switch (result) {
	case 0:
		return created(commit, conn);
	case -EEXIST:
		return follow_existing(commit);
	case -EADDRINUSE:
		return clear_reply(commit);
	case -ENOBUFS:
		return make_room(commit, true);
	case -EAGAIN:
		return make_room(commit, false);
	default:
		return result;
	}
}

int hd_ct_commit(struct hd_ct *ct, uint16_t pmd, struct hd_pkt *pkt, uint8_t flags, const struct hd_nat *nat,
		 uint64_t now, struct hd_ct_view *view)
{
	struct commit commit = {
		.ct = ct,
		.owner = &ct->owners[pmd],
		.pkt = pkt,
		.nat = nat,
		.now = hd_ct_tick_of(ct, now),
		.view = view,
	};
	int result = -EAGAIN;

	if (!(view->state & HD_CT_TRK) || (view->state & HD_CT_INV))
		return -EINVAL;
	if (view->conn != NULL && (!(flags & HD_CT_ACT_FORCE) || !view->reverse || (view->state & HD_CT_REL)))
		return 0;
	if (!hd_ct_read(ct, commit.owner, pkt, view->zone, commit.now, &commit.packet) ||
	    !hd_ct_may_begin(ct, pkt, &commit.packet))
		return -EINVAL;
	if (view->conn != NULL)
		hd_ct_delete(ct, commit.owner, view->conn);
	commit.hash = hd_ct_hash(ct, &commit.packet.key);
	for (int i = 0; i < ATTEMPTS && result == -EAGAIN; i++)
		result = try_commit(&commit);
	return result == -EAGAIN ? -ENOSPC : result;
}
