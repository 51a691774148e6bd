/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of connections: hash, look-up without locks, insertion and deletion under the locks of the buckets. */
#include <errno.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "ct_conn.h"

const char *const hd_ct_tcp_names[HD_CT_TCPS_COUNT] = {
	[HD_CT_TCPS_SYN_SENT] = "SYN_SENT", [HD_CT_TCPS_SYN_SENT2] = "SYN_SENT2",
	[HD_CT_TCPS_SYN_RECV] = "SYN_RECV", [HD_CT_TCPS_ESTABLISHED] = "ESTABLISHED",
	[HD_CT_TCPS_FIN_WAIT] = "FIN_WAIT", [HD_CT_TCPS_CLOSE_WAIT] = "CLOSE_WAIT",
	[HD_CT_TCPS_LAST_ACK] = "LAST_ACK", [HD_CT_TCPS_TIME_WAIT] = "TIME_WAIT",
	[HD_CT_TCPS_CLOSE] = "CLOSE",
};

/* Where a connection with this hash may be. */
struct place {
	struct hd_ct_bucket *bucket[2];
	uint16_t sig;
};

static inline uint64_t multiply(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* One number for address and port of either side. */
static inline uint64_t endpoint(const struct hd_ct *ct, const struct hd_ct_key *key, unsigned int side)
{
	uint64_t port = (uint16_t)(key->rest >> (16 * side));

	if (likely(!(key->rest & HD_CT_V6_BIT)))
		return (uint64_t)(uint32_t)(key->addr >> (32 * side)) << 16 | port;
	return multiply(key->v6[2 * side] ^ ct->secret[3], key->v6[2 * side + 1] ^ ct->secret[4]) ^ port << 48 ^ port;
}

/*
 * Guests choose the tuples, so the function must not tell them which collide: products with secret factors, as in the
 * FDB. What collides nevertheless fills two buckets and is then refused; it makes nothing slow.
 */
uint64_t hd_ct_hash(const struct hd_ct *ct, const struct hd_ct_key *key)
{
	uint64_t a = endpoint(ct, key, 0), b = endpoint(ct, key, 1);
	uint64_t low = a < b ? a : b, high = a < b ? b : a;
	uint64_t hash = multiply(low ^ ct->secret[0], high ^ ct->secret[1]);

	return multiply(hash ^ key->rest >> 32 << 7, ct->secret[2]);
}

static inline struct place place_of(const struct hd_ct *ct, uint64_t hash)
{
	return (struct place){
		.bucket = {&ct->buckets[(uint64_t)(uint32_t)hash * ct->n_buckets >> 32],
			   &ct->buckets[(hash >> 32) * ct->n_buckets >> 32]},
		.sig = (uint16_t)(hash ^ hash >> 32),
	};
}

/* A bit for each way with this signature. */
static inline uint32_t match_sigs(const struct hd_ct_bucket *bucket, uint16_t sig)
{
#ifdef __SSE2__
	uint64_t low = atomic_load_explicit((_Atomic uint64_t *)&bucket->sig[0], memory_order_relaxed);
	uint64_t high = atomic_load_explicit((_Atomic uint64_t *)&bucket->sig[4], memory_order_relaxed);
	__m128i same = _mm_cmpeq_epi16(_mm_set_epi64x((long long)high, (long long)low), _mm_set1_epi16((short)sig));

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(same, _mm_setzero_si128()));
#else
	uint32_t ways = 0;

	for (unsigned int i = 0; i < HD_CT_WAYS; i++)
		ways |= (uint32_t)(hd_ct_get(bucket->sig[i]) == sig) << i;
	return ways;
#endif
}

static inline struct hd_ct_conn *conn_in(const struct hd_ct *ct, const struct hd_ct_bucket *bucket, unsigned int way)
{
	uint32_t index = atomic_load_explicit((_Atomic uint32_t *)&bucket->index[way], memory_order_acquire);

	return &ct->conns[index]; /* slot 0 is like no tuple */
}

void hd_ct_key_of(const struct hd_ct *ct, const struct hd_ct_conn *conn, unsigned int dir, struct hd_ct_key *key)
{
	*key = (struct hd_ct_key){
		.addr = conn->half[dir].addr,
		.rest = atomic_load_explicit(&conn->half[dir].rest, memory_order_acquire),
	};
	if (key->rest & HD_CT_V6_BIT)
		memcpy(key->v6, ct->v6[conn - ct->conns].addr[dir], sizeof(key->v6));
}

/* Is the key a tuple of a connection in this bucket? */
static bool find_in(const struct hd_ct *ct, const struct hd_ct_bucket *bucket, uint16_t sig,
		    const struct hd_ct_key *key, struct hd_ct_hit *hit)
{
	for (uint32_t ways = match_sigs(bucket, sig); ways != 0; ways &= ways - 1) {
		struct hd_ct_conn *conn = conn_in(ct, bucket, (unsigned int)__builtin_ctz(ways));

		for (uint8_t dir = 0; dir < 2; dir++) {
			if (hd_ct_match(ct, conn, dir, key)) {
				*hit = (struct hd_ct_hit){.conn = conn, .dir = dir};
				return true;
			}
		}
	}
	return false;
}

bool hd_ct_find(const struct hd_ct *ct, const struct hd_ct_key *key, uint64_t hash, struct hd_ct_hit *hit)
{
	struct place place = place_of(ct, hash);
	struct hd_ct_key turned;

	__builtin_prefetch(place.bucket[1]);
	if (find_in(ct, place.bucket[0], place.sig, key, hit) || find_in(ct, place.bucket[1], place.sig, key, hit))
		return true;
	/*
	 * A packet that was translated already and is tracked again: it is its connection's other tuple turned round.
	 * No other connection could have it, because they would have that tuple in common.
	 */
	hd_ct_turn(&turned, key);
	if (!find_in(ct, place.bucket[0], place.sig, &turned, hit) &&
	    !find_in(ct, place.bucket[1], place.sig, &turned, hit))
		return false;
	hit->dir ^= 1;
	hit->translated = true;
	return true;
}

/* ---- Locks ---- */

static void add_bucket(struct hd_ct_locks *locks, struct hd_ct_bucket *bucket)
{
	unsigned int at = locks->n;

	for (unsigned int i = 0; i < locks->n; i++)
		if (locks->bucket[i] == bucket)
			return;
	for (; at > 0 && locks->bucket[at - 1] > bucket; at--)
		locks->bucket[at] = locks->bucket[at - 1];
	locks->bucket[at] = bucket;
	locks->n++;
}

/* In order of address, so that two threads never wait for each other. */
static void lock_places(const struct hd_ct *ct, const uint64_t hash[2], struct hd_ct_locks *locks)
{
	struct place place = place_of(ct, hash[0]);

	locks->n = 0;
	add_bucket(locks, place.bucket[0]);
	add_bucket(locks, place.bucket[1]);
	if (hash[1] != hash[0]) {
		place = place_of(ct, hash[1]);
		add_bucket(locks, place.bucket[0]);
		add_bucket(locks, place.bucket[1]);
	}
	for (unsigned int i = 0; i < locks->n; i++)
		hd_ct_lock(&locks->bucket[i]->lock);
}

void hd_ct_release(const struct hd_ct_locks *locks)
{
	for (unsigned int i = 0; i < locks->n; i++)
		hd_ct_unlock(&locks->bucket[i]->lock);
}

bool hd_ct_hold(struct hd_ct *ct, struct hd_ct_conn *conn, struct hd_ct_locks *locks)
{
	uint64_t hash[2] = {hd_ct_get(conn->hash[0]), hd_ct_get(conn->hash[1])};

	if (!hd_ct_alive(conn))
		return false;
	lock_places(ct, hash, locks);
	/* The slot may have been deleted and used again meanwhile. If it is in these buckets, it stays now. */
	if (hd_ct_alive(conn) && hd_ct_get(conn->hash[0]) == hash[0] && hd_ct_get(conn->hash[1]) == hash[1])
		return true;
	hd_ct_release(locks);
	return false;
}

/* ---- Insertion ---- */

static unsigned int count_ways(const struct hd_ct_bucket *bucket, unsigned int *empty)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < HD_CT_WAYS; i++) {
		if (hd_ct_get(bucket->index[i]) == 0)
			*empty = i;
		else
			n++;
	}
	return n;
}

/* Into the emptier one of its buckets. Returns where, or NULL if both are full. */
static _Atomic uint32_t *put_entry(const struct place *place, uint32_t index)
{
	unsigned int empty[2] = {0, 0};
	unsigned int n[2] = {count_ways(place->bucket[0], &empty[0]), count_ways(place->bucket[1], &empty[1])};
	unsigned int which = n[1] < n[0];
	struct hd_ct_bucket *bucket = place->bucket[which];

	if (n[which] == HD_CT_WAYS)
		return NULL;
	hd_ct_put(bucket->sig[empty[which]], place->sig);
	atomic_store_explicit(&bucket->index[empty[which]], index, memory_order_release); /* pairs with conn_in */
	return &bucket->index[empty[which]];
}

static void publish(struct hd_ct *ct, struct hd_ct_conn *conn, const struct hd_ct_key key[2])
{
	for (unsigned int dir = 0; dir < 2; dir++) {
		conn->half[dir].addr = key[dir].addr;
		if (key[dir].rest & HD_CT_V6_BIT)
			memcpy(ct->v6[conn - ct->conns].addr[dir], key[dir].v6, sizeof(key[dir].v6));
	}
	/* The original's last: whoever sees it alive sees both. Pairs with hd_ct_match and hd_ct_alive. */
	atomic_store_explicit(&conn->half[1].rest, key[1].rest, memory_order_release);
	atomic_store_explicit(&conn->half[0].rest, key[0].rest, memory_order_release);
}

static bool taken(const struct hd_ct *ct, const struct hd_ct_key *key, const struct place *place)
{
	struct hd_ct_hit hit;

	return find_in(ct, place->bucket[0], place->sig, key, &hit) ||
	       find_in(ct, place->bucket[1], place->sig, key, &hit);
}

static int insert_held(struct hd_ct *ct, struct hd_ct_conn *conn, const struct hd_ct_key key[2], const uint64_t hash[2])
{
	struct place place[2] = {place_of(ct, hash[0]), place_of(ct, hash[1])};
	uint32_t index = hd_ct_index(ct, conn);
	_Atomic uint32_t *entry;

	if (taken(ct, &key[0], &place[0]))
		return -EEXIST;
	if (taken(ct, &key[1], &place[1]))
		return -EADDRINUSE;
	entry = put_entry(&place[0], index);
	if (entry == NULL)
		return -EAGAIN;
	if (hash[1] != hash[0] && put_entry(&place[1], index) == NULL) {
		hd_ct_put(*entry, 0);
		return -EAGAIN;
	}
	hd_ct_put(conn->hash[0], hash[0]);
	hd_ct_put(conn->hash[1], hash[1]);
	publish(ct, conn, key);
	return 0;
}

int hd_ct_insert(struct hd_ct *ct, struct hd_ct_conn *conn, const struct hd_ct_key key[2], const uint64_t hash[2])
{
	struct hd_ct_locks locks;
	int result;

	lock_places(ct, hash, &locks);
	result = insert_held(ct, conn, key, hash);
	hd_ct_release(&locks);
	return result;
}

/* ---- Deletion ---- */

static void remove_entry(const struct hd_ct *ct, uint64_t hash, uint32_t index)
{
	struct place place = place_of(ct, hash);

	for (unsigned int b = 0; b < 2; b++)
		for (unsigned int i = 0; i < HD_CT_WAYS; i++)
			if (hd_ct_get(place.bucket[b]->index[i]) == index)
				hd_ct_put(place.bucket[b]->index[i], 0);
}

void hd_ct_delete_held(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_conn *conn, struct hd_ct_locks *locks)
{
	uint16_t zone = (uint16_t)(hd_ct_get(conn->half[0].rest) >> 32);
	uint32_t index = hd_ct_index(ct, conn);

	remove_entry(ct, hd_ct_get(conn->hash[0]), index);
	remove_entry(ct, hd_ct_get(conn->hash[1]), index);
	hd_ct_put(conn->half[0].rest, 0);
	hd_ct_put(conn->half[1].rest, 0);
	hd_ct_release(locks);
	atomic_fetch_sub_explicit(&ct->count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&ct->zone_count[zone], 1, memory_order_relaxed);
	hd_ct_slot_retire(ct, owner, index);
}

bool hd_ct_delete(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_conn *conn)
{
	struct hd_ct_locks locks;

	if (!hd_ct_slot_may_retire(ct, owner) || !hd_ct_hold(ct, conn, &locks))
		return false;
	hd_ct_delete_held(ct, owner, conn, &locks);
	return true;
}

bool hd_ct_delete_over(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_conn *conn, uint32_t now)
{
	struct hd_ct_locks locks;

	if (!hd_ct_slot_may_retire(ct, owner) || !hd_ct_hold(ct, conn, &locks))
		return false;
	if (!hd_ct_is_over(ct, conn, now)) {
		hd_ct_release(&locks);
		return false;
	}
	hd_ct_delete_held(ct, owner, conn, &locks);
	hd_count(&owner->expired, 1);
	return true;
}

/* ---- Eviction ---- */

/* May it go before its time? What nobody has answered and what is closed. */
static bool is_dispensable(const struct hd_ct *ct, const struct hd_ct_conn *conn, uint32_t now)
{
	uint8_t tcp = hd_ct_get(conn->tcp);

	if (hd_ct_is_over(ct, conn, now))
		return true;
	if (tcp == HD_CT_TCPS_TIME_WAIT || tcp == HD_CT_TCPS_CLOSE || tcp == HD_CT_TCPS_SYN_RECV)
		return true;
	return !(hd_ct_get(conn->flags) & HD_CT_CONN_REPLIED);
}

static void look_for_victim(const struct hd_ct *ct, const struct hd_ct_bucket *bucket, uint32_t now,
			    struct hd_ct_conn **victim)
{
	for (unsigned int i = 0; i < HD_CT_WAYS; i++) {
		struct hd_ct_conn *conn = conn_in(ct, bucket, i);

		if (!hd_ct_alive(conn) || !is_dispensable(ct, conn, now))
			continue;
		if (*victim == NULL || hd_ct_age(conn, now) > hd_ct_age(*victim, now))
			*victim = conn;
	}
}

bool hd_ct_evict(struct hd_ct *ct, struct hd_ct_owner *owner, uint64_t hash, uint32_t now, bool wide)
{
	struct place place = place_of(ct, hash);
	struct hd_ct_conn *victim = NULL;

	for (unsigned int b = 0; b < 2; b++) {
		uint32_t index = (uint32_t)(place.bucket[b] - ct->buckets);

		look_for_victim(ct, place.bucket[b], now, &victim);
		if (wide)
			look_for_victim(ct, &ct->buckets[index ^ 1], now, &victim); /* their number is even */
	}
	if (victim == NULL || !hd_ct_delete(ct, owner, victim))
		return false;
	hd_count(&owner->evicted, 1);
	return true;
}
