/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes virtqueues: split ones as fuzz_split, packed ones (FUZZ_PACKED) as fuzz_packed.
 *
 * An input is what a guest does with two rings, one to send with and one to receive with: struct recipe, then steps
 * (`steps` below), each with a few numbers. A guest can post chains as drivers do, or write anything anywhere; also in
 * the middle of the device's work, at the n-th look at guest memory (RACE). Of what comes out everything is checked
 * that holds whatever a guest does: packets lie in guest memory and snapshots, they go through parse, offloads and out
 * again, nothing is written but used entries and buffers for writing, and all that was written is in the dirty log.
 */
#include <rte_mbuf.h>

#include "../unit/eal.h"
#include "burst.h"
#include "offload.h"
#include "parse.h"
#include "ring_copy.h"
#include "ring_lane.h"
#include "tag.h"

#define STEPS_MAX 48
#define RX_MAX 12 /* bursts of an input */
#define TX_MAX 12
#define LENGTH_MAX (HD_GUEST_FRAME_MAX + 1) /* of what the switch sends */
#define SEGMENTS_MAX 8                      /* looked at, of one packet */
#define CUTS_MAX 4                          /* packets of an input that are cut into segments */
#define CANARY UINT64_C(0x5afe5afe5afe5afe)

static struct hd_burst burst;
static struct hd_snapshot_buffer snapshots[HD_BURST];
static uint8_t *payload; /* LENGTH_MAX bytes in front of a page that nobody may touch */
static struct rte_mempool *pool;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
uint8_t *__real_hd_memory_find(const struct hd_memory *memory, struct hd_window *window, uint64_t gpa, uint64_t *len);
uint8_t *__wrap_hd_memory_find(const struct hd_memory *memory, struct hd_window *window, uint64_t gpa, uint64_t *len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	size_t whole = (LENGTH_MAX + PAGE - 1) / PAGE * PAGE;

	eal_start();
	pool = rte_pktmbuf_pool_create("fuzz", 8 * HD_BURST - 1, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	must(pool != NULL);
	guest_init();
	world.log_page = map_guarded(PAGE, -1, 0);
	payload = map_guarded(whole, -1, 0) + whole - LENGTH_MAX;
	for (uint32_t i = 0; i < LENGTH_MAX; i++)
		payload[i] = (uint8_t)(i * 7 + 1);
	return 0;
}

uint8_t *__wrap_hd_memory_find(const struct hd_memory *memory, struct hd_window *window, uint64_t gpa, uint64_t *len)
{
	if (world.armed && world.after-- == 0) {
		world.armed = false;
		allow_buffers(&world.lane[TX]);
		world.n_tables = 0; /* they may have changed */
		guest_put(world.race_gpa, world.race, world.race_len);
	}
	return __real_hd_memory_find(memory, window, gpa, len);
}

/* Numbers that matter. */

static uint64_t take_gpa(struct input *input)
{
	uint8_t where = take8(input);
	unsigned int i = where % 16 % REGIONS;

	if (where >= 0xf0)
		return take64(input);
	if (where >= 0x80)
		return layout[i].gpa + layout[i].size - take8(input);
	return layout[i].gpa + take16(input);
}

static uint32_t take_length(struct input *input)
{
	static const uint32_t special[] = {0,
					   1,
					   10,
					   11,
					   12,
					   13,
					   26,
					   127,
					   128,
					   129,
					   1526,
					   4096,
					   HD_GUEST_FRAME_MAX + 10,
					   HD_GUEST_FRAME_MAX + 12,
					   HD_GUEST_FRAME_MAX + 13,
					   UINT32_MAX};
	uint8_t code = take8(input);

	if (code >= 0xf0)
		return special[code & 15];
	if (code >= 0xe0)
		return take32(input);
	return code < 0x80 ? code : (uint32_t)(code & 0x1f) << 8 | take8(input);
}

/* The guest's steps. */

UNWATCHED_BEGIN

static void put_desc(const struct lane *lane, uint64_t gpa, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_packed_desc packed = {.addr = addr, .len = len, .id = next, .flags = flags};
	struct vring_desc split = {.addr = addr, .len = len, .flags = flags, .next = next};

	if (PACKED)
		guest_put(gpa, &packed, sizeof(packed));
	else
		guest_put(gpa, &split, sizeof(split));
}

static void put_slot(struct lane *lane, uint64_t addr, uint32_t len, uint16_t flags, uint16_t id)
{
	uint32_t slot = lane->slot;

	if (PACKED)
		flags |= 1u << (lane->wrap ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED);
	lane->slot = slot + 1 == lane->size ? 0 : slot + 1;
	lane->wrap ^= lane->slot == 0;
	put_desc(lane, lane->part[0] + slot * 16, addr, len, flags, PACKED ? id : (uint16_t)lane->slot);
}

static void publish(struct lane *lane, uint16_t head)
{
	if (PACKED)
		return;
	guest_put(lane->part[1] + 4 + lane->idx % lane->size * 2, &head, sizeof(head));
	lane->idx++;
	guest_put(lane->part[1] + 2, &lane->idx, sizeof(lane->idx));
}

/* A chain of up to 8 buffers, or of many that are those 8 over and over, in the ring or in a table. */
static void post(struct input *input, struct lane *lane)
{
	uint8_t how = take8(input), n = how % 8 + 1;
	uint16_t flags = lane == &world.lane[TX] ? VRING_DESC_F_WRITE : 0, head = (uint16_t)lane->slot;
	uint32_t total = how & 8 ? take16(input) % (HD_VRING_PIECES + 8) : n;
	uint64_t table = how & 16 ? take_gpa(input) : 0, addr[8];
	uint32_t len[8];

	if (how & 32)
		flags ^= take8(input);
	for (unsigned int i = 0; i < n; i++) {
		addr[i] = take_gpa(input);
		len[i] = take_length(input);
	}
	for (uint32_t i = 0; i < total; i++) {
		uint16_t next = i + 1 < total ? VRING_DESC_F_NEXT : 0;

		if (table != 0)
			put_desc(lane, table + i * 16, addr[i % n], len[i % n], flags | next, (uint16_t)(i + 1));
		else if (i < 2 * lane->size)
			put_slot(lane, addr[i % n], len[i % n], flags | next, head);
	}
	if (table != 0)
		put_slot(lane, table, total * 16, VRING_DESC_F_INDIRECT, head);
	if ((how & 64) == 0)
		publish(lane, head);
}

UNWATCHED_END

static void write_anywhere(struct input *input, struct lane *lane)
{
	uint64_t gpa = take_gpa(input);
	uint8_t len = take8(input);
	uint8_t bytes[256];

	take_bytes(input, bytes, len);
	guest_put(gpa, bytes, len);
}

/* Into a ring's part. */
static void write_ring(struct input *input, struct lane *lane)
{
	uint8_t part = take8(input), bytes[16];
	uint16_t off = take16(input);

	take_bytes(input, bytes, part / 3 % 16 + 1);
	guest_put(lane->part[part % 3] + off % (lane->size * 16), bytes, part / 3 % 16 + 1);
}

static void arm(struct input *input, struct lane *lane)
{
	world.after = take8(input);
	world.race_gpa = take_gpa(input);
	world.race_len = take8(input) % sizeof(world.race) + 1;
	take_bytes(input, world.race, world.race_len);
	world.armed = true;
}

/* The switch's steps. */

/* What was given back since the ring stood at `from` are chains of this ring: nothing was written over them since. */
static void check_ids(const struct lane *lane, uint16_t from)
{
	const struct hd_vring *ring = lane->ring;

	if (PACKED) /* of several chains, the first */
		must(ring->last_used == from || ring->packed_desc[from].id < lane->size);
	for (; !PACKED && from != ring->last_used; from++)
		must(ring->used->ring[from & (lane->size - 1)].id < lane->size);
}

/* As tx.c does. */
static void put_out(struct hd_pkt **pkts, uint16_t n)
{
	struct lane *lane = &world.lane[TX];
	uint16_t done = 0, rounds = 0;

	if (hd_vring_broken(lane->ring))
		return;
	while (done < n && rounds++ < HD_BURST) {
		enum hd_drop why = HD_DROP_COUNT;
		uint16_t sent = device_tx(lane->ring, pkts + done, (uint16_t)(n - done), &why);

		must(sent <= n - done);
		check_memory(lane, true);
		done = (uint16_t)(done + sent);
		if (done == n)
			break;
		must(why == HD_DROP_TX_FULL || why == HD_DROP_TX_BROKEN || why == HD_DROP_TX_SMALL);
		must((why == HD_DROP_TX_BROKEN) == hd_vring_broken(lane->ring));
		if (why != HD_DROP_TX_SMALL)
			break;
		done++;
	}
}

UNWATCHED_BEGIN

static void check_packet(const struct hd_pkt *pkt, uint16_t i)
{
	const uint8_t *first = burst.snapshot[i].bytes + HD_SNAPSHOT_FRAME;
	uint64_t sum = pkt->hdr_len;

	must(pkt->hdr == first && pkt->mbuf == NULL);
	must(pkt->hdr_len <= HD_SNAPSHOT_ROOM);
	for (uint16_t k = 0; k < pkt->n_seg; k++) {
		must(pkt->seg + k >= burst.seg && pkt->seg + k < burst.seg + HD_BURST_SEGS);
		must(guest_holds(pkt->seg[k].addr, pkt->seg[k].len));
		sum += pkt->seg[k].len;
	}
	must(sum == pkt->len && pkt->len > 0 && pkt->len <= HD_GUEST_FRAME_MAX);
}

UNWATCHED_END

static void cut(const struct hd_pkt *pkt, bool checksum)
{
	struct hd_segmenter segmenter;
	struct hd_pkt out;

	hd_segmenter_init(&segmenter, pkt, checksum);
	for (int n = 0; n < SEGMENTS_MAX && hd_segmenter_next(&segmenter, pool, &out) == 1; n++)
		rte_pktmbuf_free(out.mbuf);
}

/* As pmd.c does. Returns whether it goes on. */
static bool parse(struct hd_pkt *pkt, uint16_t i)
{
	enum hd_drop drop = hd_parse(pkt);

	if (drop != HD_DROP_NONE && hd_pkt_pull(pkt, HD_SNAPSHOT_ROOM)) {
		check_packet(pkt, i);
		drop = hd_parse(pkt);
	}
	if (drop != HD_DROP_NONE)
		return false;
	must(hd_parse_hash(pkt) != 0);
	return true;
}

static void offload(struct hd_pkt *pkt, bool tag)
{
	if (tag && (pkt->flags & HD_PKT_TAGGED))
		hd_tag_pop(pkt);
	else if (tag)
		hd_tag_push(pkt, 7);
	if (pkt->off.gso != HD_GSO_NONE) {
		if (world.cuts++ < CUTS_MAX)
			cut(pkt, tag);
	} else if (tag && (pkt->off.flags & HD_OFF_NEEDS_CSUM)) {
		must(hd_offload_checksum(pkt));
	}
}

static uint64_t *canary(uint16_t i)
{
	return (uint64_t *)(void *)burst.snapshot[i].bytes; /* a header or a tag never reaches it */
}

/* A burst, which may be forwarded to the other ring. */
static void receive(struct input *input, struct lane *lane)
{
	uint8_t how = take8(input);
	struct hd_pkt *sound[HD_BURST];
	uint16_t n = 0, received, from;

	lane = &world.lane[RX];
	if (hd_vring_broken(lane->ring) || world.bursts++ >= RX_MAX)
		return;
	burst.n_refused = 0;
	for (uint16_t i = 0; i < HD_BURST; i++)
		*canary(i) = CANARY;
	received = device_rx(lane->ring, &burst);
	must(received == burst.n + burst.n_refused && received <= HD_BURST && burst.n_seg <= HD_BURST_SEGS);
	for (uint16_t i = 0; i < burst.n_refused; i++)
		must(burst.refused[i] <= HD_DROP_RX_PIECES);
	for (uint16_t i = 0; i < burst.n; i++)
		check_packet(&burst.pkt[i], i);
	for (uint16_t i = 0; i < burst.n; i++) {
		if (!parse(&burst.pkt[i], i))
			continue;
		offload(&burst.pkt[i], how & 1);
		sound[n++] = &burst.pkt[i];
	}
	for (uint16_t i = 0; i < HD_BURST; i++)
		must(*canary(i) == CANARY);
	if ((how & 2) && n > 0)
		put_out(sound, n);
	from = lane->ring->last_used;
	if (received > 0)
		device_rx_done(lane->ring);
	check_ids(lane, from);
	check_memory(lane, false);
}

/* The rest of a frame: `len` bytes in up to 3 further mbufs or 4 segments. */
static void add_rest(struct hd_pkt *pkt, struct hd_seg *seg, uint32_t len, uint8_t pieces)
{
	uint32_t piece = len / (pieces % 4 + 1) + 1;

	for (const uint8_t *from = payload + LENGTH_MAX - len; len > 0; from += piece) {
		uint32_t n = RTE_MIN(piece, len);

		if (pkt->mbuf != NULL) {
			struct rte_mbuf *more = rte_pktmbuf_alloc(pool);

			must(more != NULL);
			n = RTE_MIN(n, rte_pktmbuf_tailroom(more));
			memcpy(rte_pktmbuf_append(more, (uint16_t)n), from, n);
			if (pkt->mbuf->nb_segs == 4 || rte_pktmbuf_chain(pkt->mbuf, more) != 0) {
				rte_pktmbuf_free(more);
				break;
			}
			piece = n;
		} else {
			seg[pkt->n_seg++] = (struct hd_seg){.addr = from, .len = n};
		}
		len -= n;
		pkt->len += n;
	}
}

/* A frame of ours: Ethernet, and where the offloads need it, a TCP header. */
static void make_packet(struct input *input, struct hd_pkt *pkt, struct hd_snapshot_buffer *snapshot,
			struct hd_seg *seg)
{
	uint8_t kind = take8(input), head = take8(input);
	uint32_t len = RTE_MIN(take_length(input), HD_GUEST_FRAME_MAX - HD_SNAPSHOT_ROOM);
	uint16_t hdr_len = (uint16_t)(14 + head % (HD_SNAPSHOT_ROOM - 13));

	*pkt = (struct hd_pkt){.hdr = snapshot->bytes + HD_SNAPSHOT_FRAME, .seg = seg};
	if (kind & 1) {
		pkt->mbuf = rte_pktmbuf_alloc(pool);
		must(pkt->mbuf != NULL);
		pkt->mbuf->data_off = kind & 2 ? head % 16 : RTE_PKTMBUF_HEADROOM;
		pkt->hdr = (uint8_t *)rte_pktmbuf_append(pkt->mbuf, hdr_len);
	}
	memset(pkt->hdr, 0x3c, hdr_len);
	pkt->hdr_len = hdr_len;
	pkt->len = hdr_len;
	if ((kind & 4) && hdr_len >= 54) {
		pkt->hdr[46] = 0x50;
		pkt->l3 = 14;
		pkt->l4 = 34;
		pkt->off = (struct hd_offload){.gso = kind & 8 ? HD_GSO_TCP4 : HD_GSO_NONE,
					       .flags = HD_OFF_NEEDS_CSUM,
					       .gso_size = 1448,
					       .csum_start = 34,
					       .csum_offset = 16};
	} else if (kind & 8) {
		pkt->off.flags = HD_OFF_CSUM_VALID;
	}
	add_rest(pkt, seg, len, kind >> 4);
}

static void send(struct input *input, struct lane *lane)
{
	struct hd_pkt pkt[HD_BURST], *pkts[HD_BURST];
	struct hd_seg seg[HD_BURST][4];
	uint8_t count = take8(input);
	uint16_t n = count >= 0xf8 ? HD_BURST : count % 8 + 1;

	if (world.sendings++ >= TX_MAX)
		return;
	for (uint16_t i = 0; i < n; i++) {
		pkts[i] = &pkt[i];
		make_packet(input, &pkt[i], &snapshots[i], seg[i]);
	}
	put_out(pkts, n);
	for (uint16_t i = 0; i < n; i++)
		rte_pktmbuf_free(pkt[i].mbuf);
}

static void notify(struct input *input, struct lane *lane)
{
	uint64_t before = lane->ring->suppressed + lane->ring->interrupts;

	device_notify(lane->ring);
	must(lane->ring->suppressed + lane->ring->interrupts - before <= 1);
	check_memory(lane, false);
}

/* Stopped and made anew, as after each change of the session's. */
static void reconnect(struct input *input, struct lane *lane)
{
	bool sound = !hd_vring_broken(lane->ring);
	uint16_t last_avail = lane->ring->last_avail;

	lane->setup.base = hd_vring_base(lane->ring);
	hd_vring_destroy(lane->ring);
	connect(lane);
	must(!PACKED || !sound || lane->ring->last_avail == last_avail);
}

static void (*const steps[])(struct input *input, struct lane *lane) = {
	post, post, receive, send, write_anywhere, write_ring, arm, notify, reconnect};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct recipe recipe;

	take_bytes(&input, &recipe, sizeof(recipe));
	guest_clear();
	world.armed = false;
	world.bursts = world.sendings = world.cuts = 0;
	world.log.size = recipe.log % 64 + 1;
	world.log.bits = (_Atomic uint8_t *)world.log_page + PAGE - world.log.size;
	memset((void *)world.log.bits, 0, world.log.size);
	for (unsigned int i = 0; i < RINGS; i++)
		begin(&world.lane[i], i, &recipe);
	for (unsigned int n = 0; n < STEPS_MAX && input.left > 0; n++) {
		uint8_t step = take8(&input);

		steps[step % 16 % RTE_DIM(steps)](&input, &world.lane[step >> 4 & 1]);
	}
	check_memory(&world.lane[RX], true);
	for (unsigned int i = 0; i < RINGS; i++)
		hd_vring_destroy(world.lane[i].ring);
	return 0;
}
