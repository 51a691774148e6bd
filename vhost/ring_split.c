/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns split virtqueues (VIRTIO 1.2 section 2.7).
 *
 * Both directions work on up to a burst of chains in passes: heads and descriptors, then the buffers they name, with
 * each pass asking for the cache lines of the next. A plain chain, one descriptor in the window of the last one, stays
 * on the short way; everything else goes through a walk of the chain.
 */
#include <rte_common.h>

#include "ring_copy.h"

#define WALK_MAX (2 * HD_VRING_PIECES) /* descriptors of a burst's chains: others wait for their turn */

/* A descriptor, read once. */
struct entry {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static __rte_always_inline struct entry load(const struct vring_desc *desc)
{
	struct entry entry;
	uint64_t words[2];

	words[0] = __atomic_load_n((const uint64_t *)(const void *)desc, __ATOMIC_RELAXED);
	words[1] = __atomic_load_n((const uint64_t *)(const void *)desc + 1, __ATOMIC_RELAXED);
	memcpy(&entry, words, sizeof(entry));
	return entry;
}

static __rte_always_inline uint16_t head_at(const struct hd_vring *ring, uint16_t at)
{
	return __atomic_load_n(&ring->avail->ring[at & (ring->size - 1)], __ATOMIC_RELAXED);
}

/* How many chains wait, up to `want`. Looks at the guest's index only if what is known of it does not suffice. */
static __rte_always_inline uint16_t available(struct hd_vring *ring, uint16_t want)
{
	uint16_t n = (uint16_t)(ring->avail_seen - ring->last_avail);

	if (n < want) {
		ring->avail_seen = __atomic_load_n(&ring->avail->idx, __ATOMIC_ACQUIRE); /* pairs with the driver */
		n = (uint16_t)(ring->avail_seen - ring->last_avail);
		if (unlikely(n > ring->size)) {
			hd_vring_break(ring, HD_VRING_AVAIL);
			ring->avail_seen = ring->last_avail; /* tx asks again */
			return 0;
		}
	}
	return RTE_MIN(n, want);
}

/* The table that a walk is in: the ring's own, or an indirect one that may cross regions. */
struct table {
	const struct vring_desc *desc; /* NULL: read it by gpa */
	uint64_t gpa;
	uint32_t size;
};

static bool read_entry(struct hd_vring *ring, const struct table *table, uint16_t index, struct entry *entry)
{
	struct vring_desc copy;

	if (likely(table->desc != NULL)) {
		*entry = load(&table->desc[index]);
		return true;
	}
	if (!hd_guest_read(ring, table->gpa + (uint64_t)index * sizeof(copy), sizeof(copy), &copy))
		return false;
	*entry = load(&copy);
	return true;
}

static enum hd_vring_fault enter_indirect(struct hd_vring *ring, const struct entry *entry, struct table *table)
{
	if (!ring->indirect)
		return HD_VRING_INDIRECT_OFF;
	if (entry->flags & VRING_DESC_F_NEXT)
		return HD_VRING_INDIRECT_NEXT;
	if (entry->len == 0 || entry->len % sizeof(struct vring_desc) != 0 ||
	    entry->len / sizeof(struct vring_desc) > HD_VRING_PIECES)
		return HD_VRING_INDIRECT_TABLE;
	table->gpa = entry->addr;
	table->size = entry->len / (uint32_t)sizeof(struct vring_desc);
	table->desc = NULL;
	if (entry->addr % sizeof(uint64_t) == 0)
		table->desc = (const void *)hd_window_at(&ring->window, entry->addr, entry->len);
	return HD_VRING_SOUND;
}

/*
 * Where the buffers of a chain go: for a frame's pieces to read, or the sink's to write. Returns false if the buffer is
 * no good; the walk goes on, for a ring whose chains are wrong must be stopped whatever they hold.
 */
typedef bool (*take_buffer)(struct hd_vring *ring, void *to, uint64_t gpa, uint32_t len);

/*
 * Every buffer of the chain at `head`, in order. *sound: all were taken. A chain that is longer than HD_VRING_PIECES is
 * not followed further: it is given back by its head.
 */
static __rte_always_inline enum hd_vring_fault walk(struct hd_vring *ring, uint16_t head, bool write, take_buffer take,
						    void *to, bool *sound)
{
	struct table table = {.desc = ring->desc, .size = ring->size};
	uint16_t at = head;
	bool nested = false;
	enum hd_vring_fault fault;
	struct entry entry;

	*sound = true;
	for (uint32_t left = RTE_MIN(table.size, HD_VRING_PIECES); left > 0; left--) {
		ring->walked++;
		if (!read_entry(ring, &table, at, &entry))
			return HD_VRING_INDIRECT_TABLE;
		if (entry.flags & VRING_DESC_F_INDIRECT) {
			if (nested)
				return HD_VRING_NESTED;
			fault = enter_indirect(ring, &entry, &table);
			if (fault != HD_VRING_SOUND)
				return fault;
			nested = true;
			at = 0;
			left = table.size + 1;
			continue;
		}
		if (((entry.flags & VRING_DESC_F_WRITE) != 0) != write)
			return HD_VRING_DIRECTION;
		if (unlikely(entry.len == 0))
			hd_count(&ring->empty_buffers, 1);
		else if (*sound)
			*sound = take(ring, to, entry.addr, entry.len);
		if (!(entry.flags & VRING_DESC_F_NEXT))
			return HD_VRING_SOUND;
		if (entry.next >= table.size)
			return HD_VRING_NEXT;
		at = entry.next;
	}
	*sound = false;
	return table.size <= HD_VRING_PIECES ? HD_VRING_LOOP : HD_VRING_SOUND;
}

/* Rx. */

struct rx_take {
	struct hd_burst *burst;
	struct hd_source source;
	enum hd_drop why;
};

static bool take_source(struct hd_vring *ring, void *to, uint64_t gpa, uint32_t len)
{
	struct rx_take *rx = to;

	rx->why = hd_source_add(ring, rx->burst, &rx->source, gpa, len);
	return rx->why == HD_DROP_NONE;
}

/* A chain that is not plain. False: the burst must end before it. */
static bool rx_walk(struct hd_vring *ring, struct hd_burst *burst, uint16_t head)
{
	struct rx_take rx = {.burst = burst, .source.first = burst->n_seg, .why = HD_DROP_NONE};
	enum hd_vring_fault fault;
	bool sound;

	fault = walk(ring, head, false, take_source, &rx, &sound);
	if (fault != HD_VRING_SOUND) {
		burst->n_seg = rx.source.first;
		hd_vring_break(ring, fault);
		return false;
	}
	if (sound) {
		hd_source_end(ring, burst, &rx.source);
		return true;
	}
	burst->n_seg = rx.source.first;
	if (rx.why == HD_DROP_RX_PIECES && rx.source.first != 0)
		return false; /* it may fit into the next burst */
	hd_burst_refuse(burst, rx.why != HD_DROP_NONE ? rx.why : HD_DROP_RX_PIECES);
	return true;
}

/*
 * One descriptor in the window, with room to read two lines where it begins: returns where that is, or NULL if it is
 * not that. The window is the caller's copy: stores through byte pointers would make the compiler load it again and
 * again.
 */
static __rte_always_inline const uint8_t *rx_plain(const struct hd_window *window, const struct entry *entry,
						   uint32_t vnet_len)
{
	const uint16_t special = VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE;
	uint64_t off = entry->addr - window->gpa;
	uint64_t reach = RTE_MAX(entry->len, HD_SNAPSHOT_LINES);

	if (unlikely((entry->flags & special) || entry->len - vnet_len - 1 >= HD_GUEST_FRAME_MAX ||
		     off >= window->size || reach > window->size - off))
		return NULL;
	return window->host + off;
}

/* A table of one descriptor, in the window, is read in place of the descriptor that names it: as good as plain. */
static __rte_always_inline void rx_indirect(const struct hd_window *window, struct entry *entry)
{
	const struct vring_desc *table;

	if (entry->flags != VRING_DESC_F_INDIRECT || entry->len != sizeof(*table) ||
	    entry->addr % sizeof(uint64_t) != 0)
		return;
	table = (const void *)hd_window_at(window, entry->addr, sizeof(*table));
	if (likely(table != NULL))
		*entry = load(table);
}

/* The chains at hand become packets, or are refused. Returns how many were taken: all, unless the burst must end. */
static __rte_always_inline uint16_t rx_chains(struct hd_vring *ring, struct hd_burst *burst, uint16_t n,
					      uint32_t vnet_len, const uint8_t **plain)
{
	const struct vring_desc *desc = ring->desc;
	struct hd_window window = ring->window;
	uint32_t size = ring->size;
	bool indirect = ring->indirect;

	for (uint16_t i = 0; i < n; i++) {
		uint16_t head = ring->chain[i].id;
		struct entry entry;

		if (unlikely(head >= size)) {
			hd_vring_break(ring, HD_VRING_HEAD);
			return i;
		}
		entry = load(&desc[head]);
		if (indirect)
			rx_indirect(&window, &entry);
		plain[burst->n] = rx_plain(&window, &entry, vnet_len);
		if (likely(plain[burst->n] != NULL)) {
			hd_prefetch_read(plain[burst->n], entry.len);
			burst->pkt[burst->n++].len = entry.len - vnet_len;
			continue;
		}
		if (!rx_walk(ring, burst, head))
			return i;
		if (ring->walked > WALK_MAX)
			return (uint16_t)(i + 1);
		window = ring->window;
	}
	return n;
}

static __rte_always_inline void rx(struct hd_vring *ring, struct hd_burst *burst, uint16_t n, uint32_t vnet_len)
{
	const uint8_t *plain[HD_BURST];
	uint8_t offloads = ring->offloads;

	n = rx_chains(ring, burst, n, vnet_len, plain);
	ring->n_chains = n;
	ring->last_avail = (uint16_t)(ring->last_avail + n);
	n = burst->n;
	for (uint16_t i = 0; i < n; i++)
		/* Whatever adds to burst->n sets it first. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
		hd_source_snapshot(burst, i, plain[i], vnet_len, offloads);
}

HD_WIDE uint16_t hd_split_rx(struct hd_vring *ring, struct hd_burst *burst)
{
	uint16_t n = available(ring, HD_BURST);

	burst->n = 0;
	burst->n_seg = 0;
	ring->walked = 0;
	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		ring->chain[i].id = head_at(ring, (uint16_t)(ring->last_avail + i));
		rte_prefetch0(&ring->desc[ring->chain[i].id & (ring->size - 1)]);
	}
	if (likely(ring->vnet_len == HD_VNET_MAX))
		rx(ring, burst, n, HD_VNET_MAX);
	else
		rx(ring, burst, n, HD_VNET_LEGACY);
	return (uint16_t)(burst->n + burst->n_refused);
}

/* Put used elements in front of the guest: `n` have been written. */
static __rte_always_inline void publish(struct hd_vring *ring, uint16_t n)
{
	uint16_t first = ring->last_used;

	ring->last_used = (uint16_t)(first + n);
	__atomic_store_n(&ring->used->idx, ring->last_used, __ATOMIC_RELEASE); /* pairs with the driver */
	if (unlikely(ring->log != NULL && ring->log_used)) {
		for (uint16_t i = 0; i < n; i++)
			hd_dirty_log_mark(ring->log,
					  ring->log_gpa + offsetof(struct vring_used, ring) +
						  ((first + i) & (ring->size - 1)) * sizeof(struct vring_used_elem),
					  sizeof(struct vring_used_elem));
		hd_dirty_log_mark(ring->log, ring->log_gpa + offsetof(struct vring_used, idx), sizeof(uint16_t));
	}
}

static __rte_always_inline void set_used(struct vring_used_elem *at, uint32_t id, uint32_t len)
{
	__atomic_store_n((uint64_t *)(void *)at, id | (uint64_t)len << 32, __ATOMIC_RELAXED);
}

/* The n-th used element from the next on. */
static __rte_always_inline void use(struct hd_vring *ring, uint16_t n, uint32_t id, uint32_t len)
{
	set_used(&ring->used->ring[(ring->last_used + n) & (ring->size - 1)], id, len);
}

void hd_split_rx_done(struct hd_vring *ring)
{
	for (uint16_t i = 0; i < ring->n_chains; i++)
		use(ring, i, ring->chain[i].id, 0);
	publish(ring, ring->n_chains);
	ring->n_chains = 0;
}

/* Tx. */

static bool take_sink(struct hd_vring *ring, void *to, uint64_t gpa, uint32_t len)
{
	return hd_sink_add(ring, to, gpa, len);
}

/* Gives `n` chains back with nothing in them. */
static void return_unused(struct hd_vring *ring, const uint16_t *heads, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		use(ring, i, heads[i], 0);
	publish(ring, n);
	ring->last_avail = (uint16_t)(ring->last_avail + n);
}

/*
 * A frame into chains of any kind, as many as it needs. HD_DROP_NONE, or why it was not sent. Chains that can't hold it
 * are given back, or the guest's ring would stand still.
 */
static enum hd_drop tx_walk(struct hd_vring *ring, const struct hd_pkt *pkt)
{
	uint32_t need = ring->vnet_len + pkt->len, left = need;
	uint16_t heads[HD_SINK_PIECES];
	uint64_t ends[HD_SINK_PIECES];
	struct hd_sink sink;
	uint16_t n = 0;
	bool sound;

	sink.n = 0;
	sink.len = 0;
	do {
		enum hd_vring_fault fault;

		if (available(ring, (uint16_t)(n + 1)) <= n)
			return hd_vring_broken(ring) ? HD_DROP_TX_BROKEN : HD_DROP_TX_FULL;
		heads[n] = head_at(ring, (uint16_t)(ring->last_avail + n));
		fault = heads[n] < ring->size ? walk(ring, heads[n], true, take_sink, &sink, &sound) : HD_VRING_HEAD;
		if (fault != HD_VRING_SOUND) {
			hd_vring_break(ring, fault);
			return HD_DROP_TX_BROKEN;
		}
		ends[n++] = sink.len;
	} while (sound && sink.len < need && ring->mergeable && n < HD_SINK_PIECES);
	if (sink.len < need) {
		return_unused(ring, heads, n);
		return HD_DROP_TX_SMALL;
	}
	hd_sink_put(ring, &sink, pkt, n);
	for (uint16_t i = 0; i < n; i++) {
		uint32_t part = (uint32_t)RTE_MIN(ends[i] - (i > 0 ? ends[i - 1] : 0), left);

		use(ring, i, heads[i], part);
		left -= part;
	}
	publish(ring, n);
	ring->last_avail = (uint16_t)(ring->last_avail + n);
	return HD_DROP_NONE;
}

/* Plain buffers, one for each packet. */
struct plain {
	uint16_t head[HD_BURST];
	uint8_t *to[HD_BURST];
};

/* How many packets, from the front, have a plain buffer waiting that is large enough. */
static __rte_always_inline uint16_t tx_plain(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n, uint32_t vnet_len,
					     struct plain *plain)
{
	const uint16_t kind = VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE;
	const struct hd_window window = ring->window;
	const struct vring_desc *desc = ring->desc;
	uint32_t size = ring->size;

	n = available(ring, n);
	for (uint16_t i = 0; i < n; i++) {
		uint16_t head = head_at(ring, (uint16_t)(ring->last_avail + i));
		uint32_t need = vnet_len + pkts[i]->len;
		struct entry entry;
		uint8_t *to;

		if (unlikely(head >= size))
			return i; /* the walk will say so */
		entry = load(&desc[head]);
		to = hd_window_at(&window, entry.addr, entry.len);
		if (unlikely((entry.flags & kind) != VRING_DESC_F_WRITE || entry.len < need || to == NULL ||
			     !hd_header_room(pkts[i])))
			return i;
		hd_prefetch_write(to, need);
		plain->head[i] = head;
		plain->to[i] = to;
	}
	return n;
}

static __rte_always_inline void tx_copy(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n, uint32_t vnet_len,
					const struct plain *plain)
{
	struct vring_used_elem *used = ring->used->ring;
	uint16_t last_used = ring->last_used, mask = (uint16_t)(ring->size - 1);
	bool csum_valid = ring->csum_valid;

	for (uint16_t i = 0; i < n; i++)
		hd_vnet_give(pkts[i]->hdr - vnet_len, pkts[i], vnet_len, csum_valid, 1);
	for (uint16_t i = 0; i < n; i++) {
		hd_frame_put(plain->to[i], pkts[i], vnet_len);
		set_used(&used[(last_used + i) & mask], plain->head[i], vnet_len + pkts[i]->len);
	}
	for (uint16_t i = 0; unlikely(ring->log != NULL) && i < n; i++)
		hd_dirty_log_mark(ring->log, ring->window.gpa + (uint64_t)(plain->to[i] - ring->window.host),
				  vnet_len + pkts[i]->len);
	publish(ring, n);
	ring->last_avail = (uint16_t)(ring->last_avail + n);
}

/* As many packets as have plain buffers, from the front. */
static __rte_always_inline uint16_t tx_easy(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n, uint32_t vnet_len)
{
	struct plain plain;

	n = tx_plain(ring, pkts, n, vnet_len, &plain);
	if (likely(n != 0))
		tx_copy(ring, pkts, n, vnet_len, &plain);
	return n;
}

HD_WIDE uint16_t hd_split_tx(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	uint16_t done = 0;

	while (done < n) {
		if (likely(ring->vnet_len == HD_VNET_MAX))
			done += tx_easy(ring, pkts + done, (uint16_t)(n - done), HD_VNET_MAX);
		else
			done += tx_easy(ring, pkts + done, (uint16_t)(n - done), HD_VNET_LEGACY);
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

/* VIRTIO 1.2 section 2.7.7.1: has the index moved past the one the driver waits for? */
static __rte_always_inline bool wanted(struct hd_vring *ring)
{
	uint16_t event, former = ring->signalled;

	if (!ring->event_idx)
		return !(__atomic_load_n(&ring->avail->flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT);
	if (!ring->signalled_valid)
		return true;
	event = __atomic_load_n(&ring->avail->ring[ring->size], __ATOMIC_RELAXED); /* used_event */
	return (uint16_t)(ring->last_used - event - 1) < (uint16_t)(ring->last_used - former);
}

void hd_split_notify(struct hd_vring *ring)
{
	bool now;

	if (ring->signalled_valid && ring->signalled == ring->last_used)
		return;
	now = wanted(ring);
	ring->signalled = ring->last_used;
	ring->signalled_valid = true;
	hd_vring_signal(ring, now);
}
