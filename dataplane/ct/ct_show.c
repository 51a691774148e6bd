/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections as clients see them: listing and flushing. */
#include <netinet/in.h>
#include <stdio.h>

#include "ct_packet.h"

static uint16_t request_answer(uint16_t type_code, uint8_t proto)
{
	uint8_t type = (uint8_t)(type_code >> 8);

	return (uint16_t)((proto == IPPROTO_ICMPV6 || type != 8 ? type + 1 : 0) << 8 | (type_code & 0xff));
}

/* ICMP's two sides are identifier and type (ct_conn.h): clients have the identifier first, and the type in the packet.
 */
static void show_icmp(struct hd_ct_tuple *tuple, unsigned int dir)
{
	uint16_t type = dir == 0 ? tuple->dst_port : request_answer(tuple->src_port, tuple->proto);

	tuple->src_port = dir == 0 ? tuple->src_port : tuple->dst_port;
	tuple->dst_port = type;
}

static bool is_icmp(const struct hd_ct_tuple *tuple)
{
	return tuple->proto == (tuple->family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

static void show_tuple(const struct hd_ct *ct, const struct hd_ct_conn *conn, unsigned int dir,
		       struct hd_ct_tuple *tuple)
{
	struct hd_ct_key key;

	hd_ct_key_of(ct, conn, dir, &key);
	memset(tuple, 0, sizeof(*tuple));
	tuple->family = (uint8_t)(key.rest >> 56);
	tuple->proto = hd_ct_rest_proto(key.rest);
	tuple->src_port = hd_ct_swap16((uint16_t)key.rest);
	tuple->dst_port = hd_ct_swap16((uint16_t)(key.rest >> 16));
	if (tuple->family == 6) {
		memcpy(tuple->src, key.v6, 16);
		memcpy(tuple->dst, key.v6 + 2, 16);
	} else {
		memcpy(tuple->src, &key.addr, 4);
		memcpy(tuple->dst, (const uint8_t *)&key.addr + 4, 4);
	}
	if (is_icmp(tuple))
		show_icmp(tuple, dir);
}

static uint32_t seconds_left(const struct hd_ct *ct, const struct hd_ct_conn *conn)
{
	uint32_t allowed = hd_ct_get(ct->ticks[hd_ct_get(conn->timeout)]), age = hd_ct_age(conn, hd_ct_get(ct->now));

	if (age >= allowed)
		return 0;
	return (uint32_t)(((unsigned __int128)(allowed - age) << ct->shift) / ct->tsc_hz);
}

static void show(const struct hd_ct *ct, const struct hd_ct_conn *conn, struct hd_ct_entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	show_tuple(ct, conn, 0, &entry->orig);
	show_tuple(ct, conn, 1, &entry->reply);
	entry->zone = (uint16_t)(hd_ct_get(conn->half[0].rest) >> 32);
	entry->mark = hd_ct_get(conn->mark);
	entry->label[0] = hd_ct_get(conn->label[0]);
	entry->label[1] = hd_ct_get(conn->label[1]);
	entry->timeout = seconds_left(ct, conn);
	entry->state = hd_ct_tcp_names[hd_ct_get(conn->tcp)];
	entry->seen_reply = hd_ct_get(conn->flags) & HD_CT_CONN_REPLIED;
}

bool hd_ct_next(const struct hd_ct *ct, uint64_t *cursor, struct hd_ct_entry *entry)
{
	struct hd_ct *held = (struct hd_ct *)ct; /* only its locks are taken */
	uint32_t high = hd_ct_get(ct->high);
	struct hd_ct_locks locks;

	for (uint64_t slot = *cursor + 1; slot < high; slot++) {
		struct hd_ct_conn *conn = &held->conns[slot];

		if (!hd_ct_hold(held, conn, &locks))
			continue;
		show(ct, conn, entry);
		hd_ct_release(&locks);
		*cursor = slot;
		return true;
	}
	return false;
}

/* ---- Flushing ---- */

static bool any_or_same(const uint8_t wanted[16], const uint8_t have[16])
{
	static const uint8_t any[16];

	return memcmp(wanted, any, 16) == 0 || memcmp(wanted, have, 16) == 0;
}

static bool is_like(const struct hd_ct_tuple *wanted, const struct hd_ct_tuple *have)
{
	return (wanted->family == 0 || wanted->family == have->family) &&
	       (wanted->proto == 0 || wanted->proto == have->proto) &&
	       (wanted->src_port == 0 || wanted->src_port == have->src_port) &&
	       (wanted->dst_port == 0 || wanted->dst_port == have->dst_port) && any_or_same(wanted->src, have->src) &&
	       any_or_same(wanted->dst, have->dst);
}

/* Of a connection that is held. */
static bool is_wanted(const struct hd_ct *ct, const struct hd_ct_conn *conn, int zone, const struct hd_ct_tuple *tuple)
{
	struct hd_ct_tuple have;

	if (zone >= 0 && (uint16_t)(hd_ct_get(conn->half[0].rest) >> 32) != zone)
		return false;
	if (tuple == NULL)
		return true;
	show_tuple(ct, conn, 0, &have);
	if (is_like(tuple, &have))
		return true;
	show_tuple(ct, conn, 1, &have);
	return is_like(tuple, &have);
}

uint32_t hd_ct_flush(struct hd_ct *ct, int zone, const struct hd_ct_tuple *tuple)
{
	struct hd_ct_owner *owner = &ct->owners[ct->n_pmds];
	uint32_t high = hd_ct_get(ct->high), n = 0;
	struct hd_ct_locks locks;

	for (uint32_t slot = 1; slot < high; slot++) {
		struct hd_ct_conn *conn = &ct->conns[slot];

		if (!hd_ct_alive(conn) || !hd_ct_slot_may_retire(ct, owner) || !hd_ct_hold(ct, conn, &locks))
			continue;
		if (is_wanted(ct, conn, zone, tuple)) {
			hd_ct_delete_held(ct, owner, conn, &locks);
			n++;
		} else {
			hd_ct_release(&locks);
		}
	}
	if (hd_ct_slot_may_retire(ct, owner))
		hd_ct_slot_close(ct, owner);
	return n;
}
