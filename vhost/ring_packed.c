/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns packed virtqueues (VIRTIO 1.2 section 2.8).
 *
 * Works in the passes of ring_split.c. One table holds what the driver makes available and what we give back: which of
 * them a slot holds is told by its flags and the wrap counter, and a chain's id and slots are kept in private memory,
 * for the driver may rewrite the slots meanwhile.
 */
#include <rte_common.h>

#include "ring_copy.h"

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED (1u << VRING_PACKED_DESC_F_USED)

/* A descriptor, read once. */
struct entry {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};
static_assert(sizeof(struct entry) == sizeof(struct vring_packed_desc), "as the guest has it");

/* A slot of the ring, and the wrap counter there. */
struct place {
	uint32_t slot;
	bool wrap;
};

static __rte_always_inline void step(const struct hd_vring *ring, struct place *at, uint32_t slots)
{
	at->slot += slots;
	if (unlikely(at->slot >= ring->size)) {
		at->slot -= ring->size;
		at->wrap = !at->wrap;
	}
}

static __rte_always_inline struct place next_avail(const struct hd_vring *ring)
{
	return (struct place){.slot = ring->last_avail, .wrap = ring->avail_wrap};
}

static __rte_always_inline void take_until(struct hd_vring *ring, const struct place *at)
{
	ring->last_avail = (uint16_t)at->slot;
	ring->avail_wrap = at->wrap;
}

/* All but the address are one word of 64 bits, the flags its last: read at once, and written at once. */
static __rte_always_inline uint64_t *tail_of(struct vring_packed_desc *desc)
{
	return (uint64_t *)(void *)desc + 1;
}

static __rte_always_inline struct entry load(struct vring_packed_desc *desc)
{
	struct entry entry;
	uint64_t words[2];

	words[1] = __atomic_load_n(tail_of(desc), __ATOMIC_ACQUIRE); /* pairs with the driver's store of the flags */
	words[0] = __atomic_load_n((uint64_t *)(void *)desc, __ATOMIC_RELAXED);
	memcpy(&entry, words, sizeof(entry));
	return entry;
}

/* False if the driver has not made it available. */
static __rte_always_inline bool load_available(const struct hd_vring *ring, const struct place *at, struct entry *entry)
{
	*entry = load(&ring->packed_desc[at->slot]);
	return (entry->flags & (AVAIL | USED)) == (at->wrap ? AVAIL : USED);
}

/* Where the buffers of a chain go, as in ring_split.c. Returns false if the buffer is no good. */
typedef bool (*take_buffer)(struct hd_vring *ring, void *to, uint64_t gpa, uint32_t len);

static __rte_always_inline enum hd_vring_fault walk_buffer(struct hd_vring *ring, const struct entry *entry, bool write,
							   take_buffer take, void *to, bool *sound)
{
	if (((entry->flags & VRING_DESC_F_WRITE) != 0) != write)
		return HD_VRING_DIRECTION;
	if (unlikely(entry->len == 0))
		hd_count(&ring->empty_buffers, 1);
	else if (*sound)
		*sound = take(ring, to, entry->addr, entry->len);
	return HD_VRING_SOUND;
}

/* A table of buffers, all of them used, in order. It may cross regions, and be misaligned. */
static __rte_always_inline enum hd_vring_fault walk_table(struct hd_vring *ring, const struct entry *indirect,
							  bool write, take_buffer take, void *to, bool *sound)
{
	uint32_t n = indirect->len / (uint32_t)sizeof(struct vring_packed_desc);
	struct vring_packed_desc copy, *table = NULL;

	if (!ring->indirect)
		return HD_VRING_INDIRECT_OFF;
	if (indirect->len == 0 || indirect->len % sizeof(copy) != 0 || n > HD_VRING_PIECES)
		return HD_VRING_INDIRECT_TABLE;
	if (indirect->addr % sizeof(uint64_t) == 0)
		table = (void *)hd_window_at(&ring->window, indirect->addr, indirect->len);
	for (uint32_t i = 0; i < n; i++) {
		enum hd_vring_fault fault;
		struct entry entry;

		if (unlikely(table == NULL) &&
		    !hd_guest_read(ring, indirect->addr + i * sizeof(copy), sizeof(copy), &copy))
			return HD_VRING_INDIRECT_TABLE;
		entry = load(table != NULL ? &table[i] : &copy);
		if (entry.flags & VRING_DESC_F_INDIRECT)
			return HD_VRING_NESTED;
		fault = walk_buffer(ring, &entry, write, take, to, sound);
		if (fault != HD_VRING_SOUND)
			return fault;
	}
	return HD_VRING_SOUND;
}

/*
 * Every buffer of the chain that begins with `entry`, read at `at`; the chain may have `left` slots. *sound: all
 * buffers were taken; the walk goes on without them, for a ring whose chains are wrong must be stopped whatever they
 * hold.
 */
static __rte_always_inline enum hd_vring_fault walk(struct hd_vring *ring, struct place at, struct entry entry,
						    uint32_t left, bool write, take_buffer take, void *to,
						    struct hd_vring_chain *chain, bool *sound)
{
	uint32_t descs = 1;

	*sound = true;
	for (;; descs++) {
		enum hd_vring_fault fault;

		if (!(entry.flags & VRING_DESC_F_INDIRECT))
			fault = walk_buffer(ring, &entry, write, take, to, sound);
		else if (descs > 1 || (entry.flags & VRING_DESC_F_NEXT))
			fault = HD_VRING_INDIRECT_NEXT;
		else
			fault = walk_table(ring, &entry, write, take, to, sound);
		if (fault != HD_VRING_SOUND)
			return fault;
		if (!(entry.flags & VRING_DESC_F_NEXT))
			break;
		if (descs == left)
			return HD_VRING_LOOP;
		step(ring, &at, 1);
		if (!load_available(ring, &at, &entry))
			return HD_VRING_NEXT; /* all of a chain was made available before its first descriptor */
	}
	if (entry.id >= ring->size)
		return HD_VRING_ID;
	*chain = (struct hd_vring_chain){.id = entry.id, .descs = (uint16_t)descs};
	return HD_VRING_SOUND;
}

/* Chains to be given back at once: the driver sees none of them before the first, which is written last. */
struct batch {
	struct place at; /* where the next one goes */
	uint32_t slots;  /* of those that are in it */
	uint32_t first;  /* slot, and what is to be written there */
	uint64_t tail;
};

static __rte_always_inline struct batch batch_start(const struct hd_vring *ring)
{
	return (struct batch){.at = {.slot = ring->last_used, .wrap = ring->used_wrap}};
}

static __rte_always_inline void log_slot(const struct hd_vring *ring, uint32_t slot)
{
	if (unlikely(ring->log != NULL && ring->log_used))
		hd_dirty_log_mark(ring->log, ring->log_gpa + slot * sizeof(struct vring_packed_desc),
				  sizeof(struct vring_packed_desc));
}

/* A chain into which `len` bytes were written. */
static __rte_always_inline void use(const struct hd_vring *ring, struct batch *batch, struct hd_vring_chain chain,
				    uint32_t len)
{
	uint64_t flags = (batch->at.wrap ? AVAIL | USED : 0) | (len != 0 ? VRING_DESC_F_WRITE : 0);
	uint64_t tail = len | (uint64_t)chain.id << 32 | flags << 48;

	if (batch->slots == 0) {
		batch->first = batch->at.slot;
		batch->tail = tail;
	} else {
		__atomic_store_n(tail_of(&ring->packed_desc[batch->at.slot]), tail, __ATOMIC_RELAXED);
		log_slot(ring, batch->at.slot);
	}
	batch->slots += chain.descs;
	step(ring, &batch->at, chain.descs);
}

static __rte_always_inline void publish(struct hd_vring *ring, const struct batch *batch)
{
	if (unlikely(batch->slots == 0))
		return;
	/* Pairs with the driver. */
	__atomic_store_n(tail_of(&ring->packed_desc[batch->first]), batch->tail, __ATOMIC_RELEASE);
	log_slot(ring, batch->first);
	ring->last_used = (uint16_t)batch->at.slot;
	ring->used_wrap = batch->at.wrap;
	ring->signalled = (uint16_t)RTE_MIN(ring->signalled + batch->slots, (uint32_t)UINT16_MAX);
}

/* Rx. */

struct rx_take {
	struct hd_burst *burst;
	struct hd_source source;
	enum hd_drop why;
	uint32_t buffers;
};

static bool take_source(struct hd_vring *ring, void *to, uint64_t gpa, uint32_t len)
{
	struct rx_take *rx = to;

	rx->why = HD_DROP_RX_PIECES;
	if (++rx->buffers > HD_VRING_PIECES)
		return false;
	rx->why = hd_source_add(ring, rx->burst, &rx->source, gpa, len);
	return rx->why == HD_DROP_NONE;
}

/* A chain that is not plain. False: the burst must end before it. */
static bool rx_walk(struct hd_vring *ring, struct hd_burst *burst, const struct place *at, const struct entry *entry,
		    uint32_t left, struct hd_vring_chain *chain)
{
	struct rx_take rx = {.burst = burst, .source.first = burst->n_seg};
	enum hd_vring_fault fault;
	bool sound;

	fault = walk(ring, *at, *entry, left, false, take_source, &rx, chain, &sound);
	if (fault == HD_VRING_SOUND && sound) {
		hd_source_end(ring, burst, &rx.source);
		return true;
	}
	burst->n_seg = rx.source.first;
	if (fault != HD_VRING_SOUND) {
		hd_vring_break(ring, fault);
		return false;
	}
	if (rx.why == HD_DROP_RX_PIECES && rx.buffers <= HD_VRING_PIECES && rx.source.first != 0)
		return false; /* it may fit into the next burst */
	hd_burst_refuse(burst, rx.why);
	return true;
}

/*
 * One descriptor in the window, with room to read two lines where it begins: *plain is where. False if it is not that.
 */
static __rte_always_inline bool rx_plain(const struct hd_vring *ring, struct hd_burst *burst, const struct entry *entry,
					 const uint8_t **plain)
{
	const uint16_t special = VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE;
	uint64_t off = entry->addr - ring->window.gpa;
	uint64_t reach = RTE_MAX(entry->len, HD_SNAPSHOT_LINES);

	if (unlikely((entry->flags & special) || entry->id >= ring->size || entry->len <= ring->vnet_len ||
		     entry->len > HD_GUEST_FRAME_MAX + ring->vnet_len || off >= ring->window.size ||
		     reach > ring->window.size - off))
		return false;
	*plain = ring->window.host + off;
	hd_prefetch_read(*plain, entry->len);
	burst->pkt[burst->n++].len = entry->len - ring->vnet_len;
	return true;
}

/* A table of one descriptor, in the window, is read in place of the descriptor that names it: as good as plain. */
static __rte_always_inline void rx_indirect(const struct hd_vring *ring, struct entry *entry)
{
	const uint16_t kind = VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE;
	struct vring_packed_desc *table;

	if (!ring->indirect || (entry->flags & kind) != VRING_DESC_F_INDIRECT || entry->len != sizeof(*table) ||
	    entry->addr % sizeof(uint64_t) != 0)
		return;
	table = (void *)hd_window_at(&ring->window, entry->addr, sizeof(*table));
	if (likely(table != NULL)) {
		uint16_t id = entry->id; /* the chain's; in a table it means nothing */

		*entry = load(table);
		entry->id = id;
	}
}

HD_WIDE uint16_t hd_packed_rx(struct hd_vring *ring, struct hd_burst *burst)
{
	struct place at = next_avail(ring);
	const uint8_t *plain[HD_BURST];
	uint32_t taken = 0;
	uint16_t n = 0;

	burst->n = 0;
	burst->n_seg = 0;
	/* A driver that makes slots available again before they were given back is not followed round the ring. */
	while (n < HD_BURST && taken < ring->size) {
		struct entry entry, buffer;
		uint32_t descs = 1;

		if (!load_available(ring, &at, &entry))
			break;
		buffer = entry;
		rx_indirect(ring, &buffer);
		if (likely(rx_plain(ring, burst, &buffer, &plain[burst->n]))) {
			ring->chain[n] = (struct hd_vring_chain){.id = entry.id, .descs = 1};
		} else {
			plain[burst->n] = NULL;
			if (!rx_walk(ring, burst, &at, &entry, ring->size - taken, &ring->chain[n]))
				break;
			descs = ring->chain[n].descs;
		}
		n++;
		taken += descs;
		step(ring, &at, descs);
	}
	ring->n_chains = n;
	if (n == 0)
		return 0;
	take_until(ring, &at);
	for (uint16_t i = 0; i < burst->n; i++)
		/* Whatever adds to burst->n sets it first. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
		hd_source_snapshot(burst, i, plain[i], ring->vnet_len, ring->offloads);
	return (uint16_t)(burst->n + burst->n_refused);
}

void hd_packed_rx_done(struct hd_vring *ring)
{
	struct batch batch = batch_start(ring);

	for (uint16_t i = 0; i < ring->n_chains; i++)
		use(ring, &batch, ring->chain[i], 0);
	publish(ring, &batch);
	ring->n_chains = 0;
}

/* Tx. */

static bool take_sink(struct hd_vring *ring, void *to, uint64_t gpa, uint32_t len)
{
	return hd_sink_add(ring, to, gpa, len);
}

/* The chains that one frame goes into. */
struct chains {
	uint16_t n;
	uint32_t slots;
	struct hd_vring_chain chain[HD_SINK_PIECES];
	uint64_t end[HD_SINK_PIECES]; /* bytes of the sink up to the chain's end */
};

/* Gives the chains back with the first `len` bytes of them written. */
static void return_chains(struct hd_vring *ring, const struct chains *chains, uint64_t len)
{
	struct batch batch = batch_start(ring);
	uint64_t start = 0;

	for (uint16_t i = 0; i < chains->n; i++) {
		uint64_t end = RTE_MIN(chains->end[i], len);

		use(ring, &batch, chains->chain[i], (uint32_t)(end - start));
		start = end;
	}
	publish(ring, &batch);
}

/*
 * A frame into chains of any kind, as many as it needs. HD_DROP_NONE, or why it was not sent. Chains that can't hold it
 * are given back, or the guest's ring would stand still.
 */
static enum hd_drop tx_walk(struct hd_vring *ring, const struct hd_pkt *pkt)
{
	uint32_t need = ring->vnet_len + pkt->len;
	struct place at = next_avail(ring);
	struct chains chains;
	struct hd_sink sink;
	bool sound, enough;

	chains.n = 0;
	chains.slots = 0;
	sink.n = 0;
	sink.len = 0;
	do {
		struct hd_vring_chain *chain = &chains.chain[chains.n];
		enum hd_vring_fault fault;
		struct entry entry;

		if (chains.slots == ring->size || !load_available(ring, &at, &entry))
			return HD_DROP_TX_FULL;
		fault = walk(ring, at, entry, ring->size - chains.slots, true, take_sink, &sink, chain, &sound);
		if (fault != HD_VRING_SOUND) {
			hd_vring_break(ring, fault);
			return HD_DROP_TX_BROKEN;
		}
		chains.end[chains.n++] = sink.len;
		chains.slots += chain->descs;
		step(ring, &at, chain->descs);
		enough = sink.len >= need;
	} while (sound && !enough && ring->mergeable && chains.n < HD_SINK_PIECES);
	if (enough)
		hd_sink_put(ring, &sink, pkt, chains.n);
	take_until(ring, &at);
	return_chains(ring, &chains, enough ? need : 0);
	return enough ? HD_DROP_NONE : HD_DROP_TX_SMALL;
}

/* Plain buffers, one for each packet. */
struct plain {
	uint16_t id[HD_BURST];
	uint8_t *to[HD_BURST];
};

/* How many packets, from the front, have a plain buffer waiting that is large enough. */
static __rte_always_inline uint16_t tx_plain(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n,
					     struct plain *plain)
{
	const uint16_t kind = VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE;
	struct place at = next_avail(ring);

	n = (uint16_t)RTE_MIN(n, RTE_MIN(ring->size, (uint32_t)HD_BURST));
	for (uint16_t i = 0; i < n; i++, step(ring, &at, 1)) {
		uint32_t need = ring->vnet_len + pkts[i]->len;
		struct entry entry;

		if (!load_available(ring, &at, &entry))
			return i;
		plain->id[i] = entry.id;
		plain->to[i] = hd_window_at(&ring->window, entry.addr, entry.len);
		if (unlikely((entry.flags & kind) != VRING_DESC_F_WRITE || entry.len < need || plain->to[i] == NULL ||
			     entry.id >= ring->size || !hd_header_room(pkts[i])))
			return i; /* the walk will see to it */
		hd_prefetch_write(plain->to[i], need);
	}
	return n;
}

static __rte_always_inline void tx_copy(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n,
					const struct plain *plain)
{
	struct place at = next_avail(ring);
	struct batch batch = batch_start(ring);

	for (uint16_t i = 0; i < n; i++)
		hd_vnet_give(pkts[i]->hdr - ring->vnet_len, pkts[i], ring->vnet_len, ring->csum_valid, 1);
	for (uint16_t i = 0; i < n; i++) {
		struct hd_vring_chain chain = {.id = plain->id[i], .descs = 1};
		uint32_t len = ring->vnet_len + pkts[i]->len;

		hd_frame_put(plain->to[i], pkts[i], ring->vnet_len);
		if (unlikely(ring->log != NULL))
			hd_dirty_log_mark(ring->log, ring->window.gpa + (uint64_t)(plain->to[i] - ring->window.host),
					  len);
		use(ring, &batch, chain, len);
	}
	publish(ring, &batch);
	step(ring, &at, n);
	take_until(ring, &at);
}

HD_WIDE uint16_t hd_packed_tx(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	struct plain plain;
	uint16_t done = 0;

	while (done < n) {
		uint16_t easy = tx_plain(ring, pkts + done, (uint16_t)(n - done), &plain);

		if (likely(easy != 0))
			tx_copy(ring, pkts + done, easy, &plain);
		done = (uint16_t)(done + easy);
		if (likely(done == n))
			break;
		*why = tx_walk(ring, pkts[done]);
		if (*why != HD_DROP_NONE)
			break;
		done++;
	}
	hd_vring_follow(ring, done < n && *why == HD_DROP_TX_FULL);
	return done;
}

/* VIRTIO 1.2 section 2.8.10: is the slot that the driver waits for among those given back since we last asked? */
static __rte_always_inline bool wanted(const struct hd_vring *ring)
{
	uint32_t word = __atomic_load_n((const uint32_t *)(const void *)ring->driver_event, __ATOMIC_RELAXED);
	struct vring_packed_desc_event event;
	int32_t past; /* slots from that one to the next that we give back */

	memcpy(&event, &word, sizeof(event));
	if ((event.flags & 3) == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if ((event.flags & 3) != VRING_PACKED_EVENT_FLAG_DESC || !ring->event_idx || !ring->signalled_valid)
		return true;
	past = (int32_t)ring->last_used - (event.off_wrap & ~(1 << VRING_PACKED_EVENT_F_WRAP_CTR));
	if ((event.off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR & 1) != ring->used_wrap)
		past += (int32_t)ring->size;
	if (past <= 0)
		past += 2 * (int32_t)ring->size; /* not given back yet, or in the round before the last */
	return past > 0 && past <= ring->signalled;
}

void hd_packed_notify(struct hd_vring *ring)
{
	bool now;

	if (ring->signalled_valid && ring->signalled == 0)
		return;
	now = wanted(ring);
	ring->signalled = 0;
	ring->signalled_valid = true;
	hd_vring_signal(ring, now);
}
