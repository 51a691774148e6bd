/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connection tracking: which connection a packet belongs to, in which state that is, and how addresses are translated.
 *
 * One table for all PMDs: both directions of a connection find it whichever PMD they arrive on. A connection is found
 * by (zone, protocol, addresses, ports) of either direction. Its state is changed under its own lock, and only if there
 * is more than one PMD.
 *
 * The memory is taken at creation or by the control thread as the table fills up, never on the packet path, and is
 * bounded by `limit`. A full table, or a full zone, refuses new connections and goes on serving those there are: what
 * may make room for others says docs/conntrack.md.
 *
 * THREADS. hd_ct_track and hd_ct_commit: PMD threads. Others: control thread. A connection that is deleted is freed
 * after a grace period.
 */
#ifndef HD_CT_H
#define HD_CT_H

#include <stdbool.h>
#include <stdint.h>

#include <heddle/limits.h>

#include "../flow/action.h"
#include "../pkt.h"

struct rte_rcu_qsbr;
struct hd_ct;
struct hd_ct_conn;

#define HD_CT_HINT_NONE 0

/* What tracking says of a packet; the ct_* fields of its key. */
struct hd_ct_view {
	struct hd_ct_conn *conn; /* NULL: none, or not committed yet; until the PMD's next quiescent state */
	uint32_t hint;           /* finds conn again quickly: pass it to the next hd_ct_track of the same flow */
	uint32_t mark;
	uint64_t label[2]; /* high word, low word */
	uint16_t zone;
	uint8_t state;   /* HD_CT_*; HD_CT_TRK always set */
	uint8_t reverse; /* the packet goes against the direction of the connection's first */
};

struct hd_ct_conf {
	uint32_t limit; /* connections, default 2,097,152 */
	uint64_t tsc_hz;
	unsigned int n_pmds;
	struct rte_rcu_qsbr *rcu; /* PMDs report to it */
	bool tcp_strict;          /* TCP that does not begin with a SYN is +inv, not +new */
};

/* Timeouts, seconds; by name for clients: "tcp-established" and so on. */
enum hd_ct_timeout {
	HD_CT_TCP_SYN_SENT,
	HD_CT_TCP_SYN_RECV,
	HD_CT_TCP_ESTABLISHED,
	HD_CT_TCP_FIN_WAIT,
	HD_CT_TCP_CLOSE_WAIT,
	HD_CT_TCP_LAST_ACK,
	HD_CT_TCP_TIME_WAIT,
	HD_CT_TCP_CLOSE,
	HD_CT_UDP_SINGLE, /* seen in one direction */
	HD_CT_UDP_MULTIPLE,
	HD_CT_ICMP_FIRST,
	HD_CT_ICMP_REPLY,
	HD_CT_OTHER,
	HD_CT_TIMEOUTS,
};
extern const char *const hd_ct_timeout_names[HD_CT_TIMEOUTS];
extern const uint32_t hd_ct_timeout_defaults[HD_CT_TIMEOUTS];

/* ---- PMD ---- */

/*
 * Find the packet's connection in `zone`, advance its state by this packet, and say what it is. l3, l4 and l4_proto
 * must be right. `hint` is a former view's or HD_CT_HINT_NONE. With `nat`, a packet of a connection that has a
 * translation is translated (addresses, ports, checksums, also inside ICMP errors). A packet that belongs to no
 * connection is +new (or +inv); nothing is stored.
 */
void hd_ct_track(struct hd_ct *ct, uint16_t pmd, struct hd_pkt *pkt, uint16_t zone, uint32_t hint, bool nat,
		 uint64_t now, struct hd_ct_view *view);
/* Where hd_ct_track with this hint will look: ask for these lines early. */
void hd_ct_prefetch(const struct hd_ct *ct, uint32_t hint);

/*
 * Store the connection of a +new packet, with `nat` (may be NULL) chosen and applied to the packet; updates *view
 * (conn, hint, state's snat and dnat). For one that is stored already, nothing changes (with HD_CT_ACT_FORCE in flags:
 * if the packet is of the reply direction, the connection is deleted and made anew in this direction). Returns 0, or
 * -ENOSPC (table or zone full), -EADDRINUSE (no port left in nat's range), -EINVAL (not a packet that is tracked): the
 * caller drops the packet and counts it.
 */
int hd_ct_commit(struct hd_ct *ct, uint16_t pmd, struct hd_pkt *pkt, uint8_t flags, const struct hd_nat *nat,
		 uint64_t now, struct hd_ct_view *view);
/* Set mark and label of the view's connection under masks, and in the view. */
void hd_ct_set_mark(struct hd_ct *ct, struct hd_ct_view *view, uint32_t mark, uint32_t mask);
void hd_ct_set_label(struct hd_ct *ct, struct hd_ct_view *view, const uint64_t label[2], const uint64_t mask[2]);

/* ---- Control ---- */

int hd_ct_create(const struct hd_ct_conf *conf, struct hd_ct **ct); /* 0 or -errno */
void hd_ct_destroy(struct hd_ct *ct);                               /* no PMD uses it; accepts NULL */
void hd_ct_set_timeout(struct hd_ct *ct, enum hd_ct_timeout which, uint32_t seconds);
uint32_t hd_ct_timeout(const struct hd_ct *ct, enum hd_ct_timeout which);
/* Connections that a zone may have, 0: as many as there is room for. */
int hd_ct_set_zone_limit(struct hd_ct *ct, uint16_t zone, uint32_t limit);
/* Delete what has expired, a bounded number of table slots a call; grow the table if it fills up; several times a
 * second. Never waits. */
void hd_ct_tick(struct hd_ct *ct, uint64_t now);

struct hd_ct_tuple {
	uint8_t family; /* 4, 6 */
	uint8_t proto;
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port; /* host order; ICMP: identifier, type << 8 | code */
};

struct hd_ct_entry {
	struct hd_ct_tuple orig, reply;
	uint16_t zone;
	uint32_t mark, timeout; /* seconds left */
	uint64_t label[2];
	uint64_t packets[2], bytes[2]; /* original, reply direction; 0 if not counted */
	const char *state;             /* "ESTABLISHED", for TCP; else NULL */
	bool seen_reply;
};

/* Connections, page by page: *cursor starts at 0; false at the end. */
bool hd_ct_next(const struct hd_ct *ct, uint64_t *cursor, struct hd_ct_entry *entry);
/* Delete: zone < 0: of all zones; tuple NULL: whatever; fields of it that are 0 count as any. Returns how many. */
uint32_t hd_ct_flush(struct hd_ct *ct, int zone, const struct hd_ct_tuple *tuple);

struct hd_ct_stats {
	uint32_t connections, limit;
	uint64_t created, expired, evicted, refused_full, refused_zone, refused_nat, invalid;
	uint64_t bytes; /* of memory */
};
void hd_ct_stats(const struct hd_ct *ct, struct hd_ct_stats *stats);
uint32_t hd_ct_zone_count(const struct hd_ct *ct, uint16_t zone);

#endif
