/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of connection tracking share: connections, the table that finds them, and the memory of both.
 *
 * A connection lies in a fixed array and is known by its index. It has two tuples: that of packets of its first one's
 * direction (0, "original") and that of the answers (1, "reply"), each as such packets arrive, before translation.
 * Without translation the one is the other turned round.
 *
 * FINDING. The hash of a tuple is the same for the tuple turned round, so that a connection without translation is in
 * the table once and found from both sides; with translation it is there twice, under either tuple. An entry is a
 * signature of 16 bits and an index, in one of two buckets of eight; it never moves. Hash and buckets depend on a
 * random secret.
 *
 * LIFE. A connection is alive from the moment its tuples' `rest` words are not 0 until they are 0 again. Both happen
 * under the locks of all buckets that it is in. Readers take no lock: whoever has matched `rest` (acquire) sees a
 * whole connection, and may use it until its next quiescent state, though it may be deleted meanwhile. The slot is used
 * again after a grace period.
 */
#ifndef HD_CT_CONN_H
#define HD_CT_CONN_H

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_pause.h>

#include "../stats.h"
#include "ct.h"

/* ---- Tuples ---- */

/*
 * A tuple in the form that is compared. For IPv6 `addr` has the last four bytes of each address. ICMP's ports: the side
 * that asks has the identifier, the side that answers the request's type << 8 | code; so an answer is the question
 * turned round, as with ports.
 */
struct hd_ct_key {
	uint64_t addr; /* source, destination << 32, as they lie in the packet */
	uint64_t rest; /* source port, destination port << 16, both as in the packet; zone << 32; proto << 48; family <<
			  56 */
	uint64_t v6[4]; /* source, destination; IPv6 only */
};

#define HD_CT_V6_BIT (1ull << 57) /* of rest: family 6, not 4 */

static inline uint64_t hd_ct_rest(uint32_t ports, uint16_t zone, uint8_t proto, uint8_t family)
{
	return ports | (uint64_t)zone << 32 | (uint64_t)proto << 48 | (uint64_t)family << 56;
}

static inline uint64_t hd_ct_turn_addr(uint64_t addr)
{
	return addr << 32 | addr >> 32;
}

static inline uint64_t hd_ct_turn_rest(uint64_t rest)
{
	uint32_t ports = (uint32_t)rest;

	return (rest & 0xffffffff00000000ull) | (uint32_t)(ports << 16 | ports >> 16);
}

static inline void hd_ct_turn(struct hd_ct_key *turned, const struct hd_ct_key *key)
{
	*turned = (struct hd_ct_key){
		.addr = hd_ct_turn_addr(key->addr),
		.rest = hd_ct_turn_rest(key->rest),
		.v6 = {key->v6[2], key->v6[3], key->v6[0], key->v6[1]},
	};
}

static inline uint8_t hd_ct_rest_proto(uint64_t rest)
{
	return (uint8_t)(rest >> 48);
}

/* ---- Connections ---- */

enum hd_ct_tcp {
	HD_CT_TCPS_NONE, /* not TCP */
	HD_CT_TCPS_SYN_SENT,
	HD_CT_TCPS_SYN_SENT2, /* both have sent one */
	HD_CT_TCPS_SYN_RECV,
	HD_CT_TCPS_ESTABLISHED,
	HD_CT_TCPS_FIN_WAIT,
	HD_CT_TCPS_CLOSE_WAIT,
	HD_CT_TCPS_LAST_ACK,
	HD_CT_TCPS_TIME_WAIT,
	HD_CT_TCPS_CLOSE,
	HD_CT_TCPS_COUNT,
};
extern const char *const hd_ct_tcp_names[HD_CT_TCPS_COUNT];

/* One side of a TCP connection, as sender. */
struct hd_ct_peer {
	uint32_t end;    /* highest sequence number it has sent, plus one */
	uint32_t maxend; /* what it may send up to: the other's highest acknowledgement plus window */
	uint32_t maxwin; /* the largest window it has offered, scaled; 0: no segment of it seen yet */
	uint32_t acked;  /* the highest acknowledgement it has sent; in SYN_SENT, the least that answers its SYN */
	uint8_t scale;   /* of windows it offers */
	uint8_t flags;   /* PEER_* of ct_tcp.c */
	uint16_t pad;
};

/* hd_ct_conn.flags */
#define HD_CT_CONN_SNAT 0x01 /* the original direction's source is translated, the reply's destination back */
#define HD_CT_CONN_DNAT 0x02
#define HD_CT_CONN_REPLIED 0x04 /* a packet of the reply direction was seen */
#define HD_CT_CONN_LIBERAL 0x08 /* TCP in fragments: windows can't be followed */
#define HD_CT_CONN_NAT (HD_CT_CONN_SNAT | HD_CT_CONN_DNAT)

struct hd_ct_half {
	uint64_t addr; /* constant while alive */
	_Atomic uint64_t
		rest; /* writers: whoever holds the buckets' locks. Stored last, release, in publish; read acquire */
};

struct hd_ct_conn {
	/* What a packet of an established connection needs; of UDP over IPv4 no more than this line. */
	alignas(64) struct hd_ct_half half[2];
	_Atomic uint64_t label[2]; /* writers: PMDs under `lock` if there are several */
	_Atomic uint32_t mark;     /* likewise */
	_Atomic uint32_t last;     /* ticks of its last packet, a little late; writers: PMDs */
	_Atomic uint8_t tcp;       /* enum hd_ct_tcp; writers: PMDs under `lock`; control reads */
	_Atomic uint8_t timeout;   /* enum hd_ct_timeout that counts; likewise */
	_Atomic uint8_t flags;     /* HD_CT_CONN_*; likewise */
	_Atomic uint8_t lock;      /* of TCP's state, mark and label; only if there are several PMDs */
	uint32_t pad;
	/* TCP, and the rest. */
	struct hd_ct_peer peer[2]; /* PMDs, under `lock` */
	_Atomic uint64_t hash[2];  /* of both tuples; one number: it is in the table once. Constant while alive */
	uint64_t pad2;
};
static_assert(sizeof(struct hd_ct_conn) == 128, "two cache lines");
static_assert(offsetof(struct hd_ct_conn, peer) == 64, "the first line is for every protocol");

/* IPv6 addresses of a connection: constant while it is alive. */
struct hd_ct_v6 {
	uint64_t addr[2][4]; /* of either tuple: source, destination */
};
static_assert(sizeof(struct hd_ct_v6) == 64, "one cache line");

/* ---- The table ---- */

#define HD_CT_WAYS 8

struct hd_ct_bucket {
	alignas(64) _Atomic uint16_t sig[HD_CT_WAYS]; /* writers: under `lock` */
	_Atomic uint32_t index[HD_CT_WAYS];           /* 0: empty. Stored after sig, release; read acquire */
	_Atomic uint32_t lock;
	uint32_t pad[3];
};
static_assert(sizeof(struct hd_ct_bucket) == 64, "a bucket is one cache line");

/* ---- Slots ---- */

#define HD_CT_BATCH 61  /* slots that go back and forth together */
#define HD_CT_STOCK 256 /* free slots that a thread keeps */
#define HD_CT_RING 64   /* batches of a PMD that wait for their grace period */
#define HD_CT_FRAGMENTS 4096

/* Slots of deleted connections, free once all PMDs have passed the token. */
struct hd_ct_batch {
	uint64_t token;
	uint32_t n;
	uint32_t slot[HD_CT_BATCH];
};
static_assert(sizeof(struct hd_ct_batch) == 256, "four cache lines");

/* A datagram of which the first fragment was seen. */
struct hd_ct_fragment {
	uint64_t addr;  /* as of a key */
	uint64_t id;    /* as a key's rest, with the datagram's identification for ports; 0: empty */
	uint64_t v6[4]; /* as of a key */
	uint32_t ports;
	uint32_t seen; /* ticks */
};

/* What a thread has for itself: one a PMD, and the last of them the control thread's. */
struct hd_ct_owner {
	alignas(64) uint32_t n_free;
	uint32_t head, tail, n_ring; /* of ring, which has n_ring batches; the one at tail is being filled */
	struct hd_ct_batch *ring;
	struct hd_ct_fragment *fragments; /* HD_CT_FRAGMENTS; PMDs only */
	uint64_t random;
	hd_counter created, expired, evicted, refused_full, refused_zone, refused_nat, invalid;
	uint32_t free[HD_CT_STOCK];
};

struct hd_ct {
	/* Constant, read by PMDs. */
	struct hd_ct_conn *conns;
	struct hd_ct_v6 *v6;
	struct hd_ct_bucket *buckets;
	struct hd_ct_owner *owners;
	uint32_t n_buckets;
	uint32_t n_slots;   /* of conns; slot 0 is never used */
	unsigned int shift; /* a tick is 2^shift cycles, between a quarter and an eighth of a second */
	unsigned int n_pmds;
	bool shared; /* among several PMDs */
	bool strict; /* TCP begins with SYN */
	uint32_t limit;
	uint64_t tsc_hz;
	uint64_t secret[5];
	struct rte_rcu_qsbr *rcu;
	_Atomic uint32_t *zone_count; /* writers: all */
	_Atomic uint32_t *zone_limit; /* writer: control */

	/* Writer: control; PMDs read. */
	alignas(64) _Atomic uint32_t ticks[HD_CT_TIMEOUTS];
	_Atomic uint32_t seconds[HD_CT_TIMEOUTS];

	/* Writers: all. */
	alignas(64) _Atomic uint32_t count;
	_Atomic bool has_v6;
	alignas(64) _Atomic uint32_t pool_lock;
	_Atomic uint32_t high; /* slots from here on were never used */
	uint32_t n_pool;
	uint32_t *pool; /* free slots below `high` that no thread keeps */

	/* Control thread. */
	alignas(64) uint32_t cursor;                 /* of expiry */
	_Atomic uint32_t now;                        /* of the last tick; statistics and listings read it */
	size_t ready_conns, ready_v6, ready_buckets; /* bytes of them that have memory */
};

static inline uint32_t hd_ct_tick_of(const struct hd_ct *ct, uint64_t now)
{
	return (uint32_t)(now >> ct->shift);
}

static inline bool hd_ct_alive(const struct hd_ct_conn *conn)
{
	return atomic_load_explicit(&conn->half[0].rest, memory_order_acquire) != 0;
}

static inline uint32_t hd_ct_index(const struct hd_ct *ct, const struct hd_ct_conn *conn)
{
	return (uint32_t)(conn - ct->conns);
}

#define hd_ct_get(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define hd_ct_put(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

/* Is this connection's tuple of direction `dir` the key? Pairs with the release in publish. */
static inline bool hd_ct_match(const struct hd_ct *ct, const struct hd_ct_conn *conn, unsigned int dir,
			       const struct hd_ct_key *key)
{
	if (atomic_load_explicit(&conn->half[dir].rest, memory_order_acquire) != key->rest ||
	    conn->half[dir].addr != key->addr)
		return false;
	return likely(!(key->rest & HD_CT_V6_BIT)) || memcmp(ct->v6[conn - ct->conns].addr[dir], key->v6, 32) == 0;
}

/* The key of a live connection's tuple. */
void hd_ct_key_of(const struct hd_ct *ct, const struct hd_ct_conn *conn, unsigned int dir, struct hd_ct_key *key);

/* Only for sections of a few dozen instructions: nobody sleeps with one. */
static inline void hd_ct_lock(_Atomic uint32_t *lock)
{
	while (atomic_exchange_explicit(lock, 1, memory_order_acquire) != 0)
		while (hd_ct_get(*lock) != 0)
			rte_pause();
}

static inline void hd_ct_unlock(_Atomic uint32_t *lock)
{
	atomic_store_explicit(lock, 0, memory_order_release);
}

static inline void hd_ct_lock_conn(const struct hd_ct *ct, struct hd_ct_conn *conn)
{
	if (likely(!ct->shared))
		return;
	while (atomic_exchange_explicit(&conn->lock, 1, memory_order_acquire) != 0)
		while (hd_ct_get(conn->lock) != 0)
			rte_pause();
}

static inline void hd_ct_unlock_conn(const struct hd_ct *ct, struct hd_ct_conn *conn)
{
	if (unlikely(ct->shared))
		atomic_store_explicit(&conn->lock, 0, memory_order_release);
}

/* Ticks since its last packet. PMDs' clocks may differ a little. */
static inline uint32_t hd_ct_age(const struct hd_ct_conn *conn, uint32_t now)
{
	int32_t age = (int32_t)(now - hd_ct_get(conn->last));

	return age > 0 ? (uint32_t)age : 0;
}

#define HD_CT_STAMP 2 /* ticks that a stamp may be late */

static inline bool hd_ct_is_over(const struct hd_ct *ct, const struct hd_ct_conn *conn, uint32_t now)
{
	return hd_ct_age(conn, now) > hd_ct_get(ct->ticks[hd_ct_get(conn->timeout)]) + HD_CT_STAMP;
}

/* ct.c: make memory ready ahead of need. Control thread. */
void hd_ct_grow(struct hd_ct *ct);

/* ct_table.c */
uint64_t hd_ct_hash(const struct hd_ct *ct, const struct hd_ct_key *key);

struct hd_ct_hit {
	struct hd_ct_conn *conn;
	uint8_t dir;
	bool translated; /* the key is that of a packet of direction `dir` after its translation */
};
bool hd_ct_find(const struct hd_ct *ct, const struct hd_ct_key *key, uint64_t hash, struct hd_ct_hit *hit);
/*
 * Make the connection alive under both keys; hash[0] == hash[1] if one is the other turned round. Returns 0, -EEXIST
 * (there is one with key[0]), -EADDRINUSE (there is one with key[1]), -EAGAIN (buckets full).
 */
int hd_ct_insert(struct hd_ct *ct, struct hd_ct_conn *conn, const struct hd_ct_key key[2], const uint64_t hash[2]);

/* The buckets that are locked, each once, in order. */
struct hd_ct_locks {
	struct hd_ct_bucket *bucket[4];
	unsigned int n;
};
/* Lock a connection's buckets. False, and nothing locked, if it is not alive. */
bool hd_ct_hold(struct hd_ct *ct, struct hd_ct_conn *conn, struct hd_ct_locks *locks);
void hd_ct_release(const struct hd_ct_locks *locks);
/* Delete the connection that is held, and let go of it. */
void hd_ct_delete_held(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_conn *conn, struct hd_ct_locks *locks);
/* Delete, if it is still alive and there is room for its slot to wait. */
bool hd_ct_delete(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_conn *conn);
/* The same, if it is over. */
bool hd_ct_delete_over(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_conn *conn, uint32_t now);
/*
 * Make room in the buckets of this hash: delete the one that has waited longest of those that may go. `wide`: room
 * anywhere will do, so look at more buckets.
 */
bool hd_ct_evict(struct hd_ct *ct, struct hd_ct_owner *owner, uint64_t hash, uint32_t now, bool wide);

/* ct_slot.c */
int hd_ct_owner_init(struct hd_ct *ct, unsigned int which);
uint32_t hd_ct_slot_take(struct hd_ct *ct, struct hd_ct_owner *owner);              /* 0: none */
void hd_ct_slot_return(struct hd_ct *ct, struct hd_ct_owner *owner, uint32_t slot); /* never was alive */
bool hd_ct_slot_may_retire(struct hd_ct *ct, struct hd_ct_owner *owner);
void hd_ct_slot_retire(struct hd_ct *ct, struct hd_ct_owner *owner, uint32_t slot);
void hd_ct_slot_reclaim(struct hd_ct *ct, struct hd_ct_owner *owner);
void hd_ct_slot_close(struct hd_ct *ct, struct hd_ct_owner *owner); /* let the batch at hand begin to wait */
void *hd_ct_map(size_t bytes);                                      /* zeroes, taken as they are touched; or NULL */
void hd_ct_unmap(void *memory, size_t bytes);

#endif
