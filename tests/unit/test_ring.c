/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueues of both formats, the device's side, against a driver and a naive account of what a device does: frames,
 * offloads, order, every byte of guest memory, dirty pages, interrupts and indices.
 */
#include <check.h>
#include <malloc.h>

#include "eal.h"
#include "frames.h"
#include "ring_copy.h"
#include "ring_driver.h"
#include "ring_sent.h"

#define PIECES_MAX 24
#define STEPS 60
#define CHAINS_PER_STEP 48 /* more than a burst */

static struct rte_mempool *pool;
static struct random rng;
static struct guest guest;
static struct driver driver;
static struct hd_burst burst;
static uint8_t flat[HD_GUEST_FRAME_MAX + HD_VNET_MAX];
static uint64_t empty_buffers; /* that this device should have seen */

static uint32_t vnet_len(void)
{
	return driver.features & (BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_NET_F_MRG_RXBUF)) ? 12 : 10;
}

static bool has(unsigned int feature)
{
	return driver.features >> feature & 1;
}

static bool chance(uint32_t n)
{
	return percent(&rng, n);
}

/* Rare lengths are the corners: the shortest and longest frames, and those that fill a snapshot exactly. */
static uint32_t frame_len(uint32_t longest)
{
	static const uint32_t corners[] = {1, 13, 14, 60, 115, 116, 117, 118, 119, 128, 1514, HD_GUEST_FRAME_MAX};
	uint32_t len = chance(10)   ? corners[random_below(&rng, RTE_DIM(corners))]
		       : chance(70) ? between(&rng, 14, 200)
				    : between(&rng, 200, chance(20) ? HD_GUEST_FRAME_MAX : 1514);

	return RTE_MIN(len, longest);
}

/* Up to `pieces` buffers of together `total` bytes. NULL if the guest has no memory now. */
static struct buffer *make_buffers(uint32_t total, uint32_t *pieces)
{
	struct buffer *buffer = calloc(PIECES_MAX, sizeof(*buffer));
	uint32_t n = 0, most = *pieces;

	while (total > 0 || (n < most && chance(2))) {
		uint32_t len = n + 1 == most || chance(20) ? total : between(&rng, chance(3) ? 0 : 1, total);
		uint64_t gap;

		if (n == 0 && most > 1 && chance(10))
			len = RTE_MIN(total, between(&rng, 1, 13)); /* part of a header */
		if (!guest_alloc(&guest, between(&rng, 0, 70), &gap) || !guest_alloc(&guest, len, &buffer[n].gpa)) {
			free(buffer);
			return NULL;
		}
		buffer[n++].len = len;
		total -= len;
	}
	*pieces = n;
	return buffer;
}

/* Post a chain of `total` bytes in random pieces, direct or not. */
static bool post(uint32_t total, bool write)
{
	bool indirect = has(VIRTIO_RING_F_INDIRECT_DESC) && chance(50);
	uint32_t n = chance(50) ? 1 : between(&rng, 1, PIECES_MAX), direct;
	uint64_t table = 0, head = guest.arena_head;
	struct buffer *buffer;

	if (driver.slots_free == 0)
		return false;
	if (!indirect)
		n = RTE_MIN(n, driver.slots_free);
	buffer = make_buffers(total, &n);
	if (buffer == NULL)
		goto err_arena;
	direct = indirect ? 0 : n;
	if (indirect && !driver.packed && chance(20)) /* a chain may end in a table */
		direct = RTE_MIN(between(&rng, 0, n - 1), driver.slots_free - 1);
	if (direct < n) {
		uint64_t gap;

		if (!guest_alloc(&guest, chance(50) ? 0 : between(&rng, 0, 15), &gap) ||
		    !guest_alloc(&guest, (n - direct) * 16, &table))
			goto err_buffer;
	}
	must(driver_post(&driver, buffer, n, direct, table, write));
	return true;

err_buffer:
	free(buffer);
err_arena:
	guest.arena_head = head;
	return false;
}

static struct posted *last_posted(void)
{
	return driver.fifo[(driver.made - 1) % driver.size];
}

/* Rx: what a guest sends. */

static void random_header(struct virtio_net_hdr_v1 *vnet)
{
	static const uint8_t types[] = {0, 1, 3, 4, 5, 0x81, 0x84, 0xff};

	memset(vnet, 0, sizeof(*vnet));
	if (chance(50))
		return;
	vnet->flags = chance(70) ? (uint8_t)between(&rng, 0, 3) : (uint8_t)random_next(&rng);
	vnet->gso_type = types[random_below(&rng, RTE_DIM(types))];
	vnet->hdr_len = (uint16_t)random_next(&rng); /* nobody believes it */
	vnet->gso_size = (uint16_t)random_next(&rng);
	vnet->csum_start = (uint16_t)random_next(&rng);
	vnet->csum_offset = (uint16_t)random_next(&rng);
	vnet->num_buffers = (uint16_t)random_next(&rng);
}

static bool send_frame(void)
{
	uint32_t len = vnet_len() + frame_len(HD_GUEST_FRAME_MAX), at = 0;
	struct virtio_net_hdr_v1 vnet;
	struct posted *posted;
	uint8_t *data;

	if (!post(len, false))
		return false;
	posted = last_posted();
	ck_assert_uint_eq(posted->total, len);
	data = malloc(len);
	for (uint32_t i = 0; i < len; i++)
		data[i] = (uint8_t)random_next(&rng);
	random_header(&vnet);
	memcpy(data, &vnet, vnet_len());
	posted->data = data;
	for (uint32_t i = 0; i < posted->n_buffers; i++) {
		guest_put(&guest, posted->buffer[i].gpa, data + at, posted->buffer[i].len);
		at += posted->buffer[i].len;
	}
	return true;
}

/* What the guest asked for, as far as it may. */
static void check_offload(const struct hd_offload *off, const uint8_t *header)
{
	bool csum = has(VIRTIO_NET_F_CSUM);
	uint8_t gso;
	struct virtio_net_hdr vnet;

	memcpy(&vnet, header, sizeof(vnet));
	gso = vnet.gso_type & 0x7f;
	if ((gso == 1 && !(csum && has(VIRTIO_NET_F_HOST_TSO4))) ||
	    (gso == 4 && !(csum && has(VIRTIO_NET_F_HOST_TSO6))))
		gso = 0;
	ck_assert_uint_eq(off->gso, gso);
	if (gso != 0) /* else it means nothing, and parse clears it */
		ck_assert_uint_eq(off->gso_size, vnet.gso_size);
	if ((vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && csum) {
		ck_assert_uint_eq(off->flags, HD_OFF_NEEDS_CSUM);
		ck_assert_uint_eq(off->csum_start, vnet.csum_start);
		ck_assert_uint_eq(off->csum_offset, vnet.csum_offset);
	} else {
		ck_assert_uint_eq(off->flags & HD_OFF_NEEDS_CSUM, 0);
	}
}

static void check_received(const struct hd_pkt *pkt, const struct posted *posted)
{
	uint32_t len = (uint32_t)posted->total - vnet_len();

	ck_assert_uint_eq(pkt->len, len);
	ck_assert_uint_ge(pkt->hdr_len, RTE_MIN(len, (uint32_t)HD_SNAPSHOT));
	ck_assert_uint_le(pkt->hdr_len, len);
	ck_assert_ptr_null(pkt->mbuf);
	ck_assert_uint_eq(pkt->hash, 0);
	ck_assert_uint_eq(pkt->flags, 0);
	ck_assert(hd_pkt_read(pkt, 0, len, flat));
	ck_assert_mem_eq(flat, posted->data + vnet_len(), len);
	check_offload(&pkt->off, posted->data);
}

static void receive_burst(void)
{
	uint16_t n = device_rx(&driver, &burst), expected = 0;

	while (expected < HD_BURST && driver_waiting(&driver, expected) != NULL)
		expected++;
	ck_assert(!hd_vring_broken(driver.ring));
	ck_assert_uint_eq(n, expected);
	ck_assert_uint_eq(burst.n, expected);
	for (uint16_t i = 0; i < n; i++) {
		const struct posted *posted = driver_waiting(&driver, i);

		check_received(&burst.pkt[i], posted);
		for (uint32_t j = 0; j < posted->n_buffers; j++)
			empty_buffers += posted->buffer[j].len == 0;
	}
	ck_assert_uint_eq(hd_counted(&driver.ring->empty_buffers), empty_buffers);
	/* The guest's memory is as it was as long as the burst lives. */
	guest_check(&guest);
	if (n == 0)
		return;
	device_rx_done(&driver);
	for (uint16_t i = 0; i < n; i++)
		driver_expect_used(&driver, 0);
}

/* Tx: what a guest receives. */

/* The header that VIRTIO 1.2 5.1.6.4 asks for. */
static void naive_header(const struct sent *sent, uint16_t num_buffers, uint8_t *to)
{
	const struct hd_offload *off = &sent->pkt.off;
	struct virtio_net_hdr_v1 vnet = {.num_buffers = num_buffers, .gso_type = off->gso, .gso_size = off->gso_size};

	if (off->gso != HD_GSO_NONE)
		vnet.hdr_len = (uint16_t)(34 + (sent->frame[34 + 12] >> 4) * 4);
	if (off->flags & HD_OFF_NEEDS_CSUM) {
		vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet.csum_start = off->csum_start;
		vnet.csum_offset = off->csum_offset;
	} else if ((off->flags & HD_OFF_CSUM_VALID) && has(VIRTIO_NET_F_GUEST_CSUM)) {
		vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
	memcpy(to, &vnet, vnet_len());
}

/* Header and frame over the next `chains` chains' buffers, as many bytes of each as it has. */
static void expect_frame(const struct sent *sent, uint16_t chains)
{
	uint32_t len = vnet_len() + sent->pkt.len, at = 0;

	naive_header(sent, chains, flat);
	memcpy(flat + vnet_len(), sent->frame, sent->pkt.len);
	for (uint16_t i = 0; i < chains; i++) {
		struct posted *posted = driver_waiting(&driver, 0);
		uint32_t before = at;

		for (uint32_t j = 0; j < posted->n_buffers; j++) {
			uint32_t n = RTE_MIN(posted->buffer[j].len, len - at);

			guest_expect(&guest, posted->buffer[j].gpa, flat + at, n);
			at += n;
		}
		driver_expect_used(&driver, at - before);
	}
	ck_assert_uint_eq(at, len);
}

/* One frame, naively. HD_DROP_NONE: it goes out. */
static enum hd_drop expect_tx(const struct sent *sent)
{
	uint32_t need = vnet_len() + sent->pkt.len;
	uint64_t sum = 0;
	uint16_t chains = 0;

	do {
		struct posted *posted = driver_waiting(&driver, chains);

		if (posted == NULL)
			return HD_DROP_TX_FULL;
		sum += posted->total;
		chains++;
	} while (has(VIRTIO_NET_F_MRG_RXBUF) && sum < need);
	if (sum < need) {
		driver_expect_used(&driver, 0);
		return HD_DROP_TX_SMALL;
	}
	expect_frame(sent, chains);
	return HD_DROP_NONE;
}

/* A few frames; those that the guest has no room for are dropped, as the caller would. */
static void send_burst(uint32_t longest)
{
	struct sent sent[HD_BURST];
	struct hd_pkt *pkts[HD_BURST];
	uint16_t n = (uint16_t)between(&rng, 1, HD_BURST), at = 0;

	for (uint16_t i = 0; i < n; i++) {
		sent_make(&rng, pool, &sent[i], frame_len(longest));
		pkts[i] = &sent[i].pkt;
	}
	while (at < n) {
		enum hd_drop why = HD_DROP_COUNT, expected = HD_DROP_NONE;
		uint16_t done = device_tx(&driver, pkts + at, (uint16_t)(n - at), &why), i = 0;

		while (at + i < n && (expected = expect_tx(&sent[at + i])) == HD_DROP_NONE)
			i++;
		ck_assert_uint_eq(done, i);
		if (at + i < n)
			ck_assert_uint_eq(why, expected);
		if (expected == HD_DROP_TX_FULL)
			break;
		at = (uint16_t)(at + i + 1);
	}
	for (uint16_t i = 0; i < n; i++) {
		ck_assert_mem_eq(sent[i].pkt.hdr, sent[i].frame, sent[i].pkt.hdr_len);
		sent_free(&sent[i]);
	}
}

/* Both. */

static void random_want(void)
{
	driver_want(&driver, (enum interrupts)between(&rng, INTERRUPTS_ON, INTERRUPTS_EVENT),
		    chance(70) ? between(&rng, 0, 8) : between(&rng, 0, driver.size));
}

static void run(uint64_t features, uint32_t size, bool receive, int steps)
{
	uint32_t largest = chance(30) ? between(&rng, 300, 20000) : between(&rng, 300, 2100); /* of receive buffers */

	guest_init(&guest);
	if (chance(50))
		guest_log(&guest, chance(70) ? (guest_layout[3].gpa + guest_layout[3].size) / GUEST_PAGE
					     : guest_layout[1].gpa / GUEST_PAGE - 5);
	driver_init(&driver, &guest, &rng, size, features, receive, (uint16_t)(chance(50) ? 65500 : random_next(&rng)));
	empty_buffers = 0;
	for (int i = 0; i < steps; i++) {
		uint32_t chains = between(&rng, 0, CHAINS_PER_STEP);

		random_want();
		while (chains-- > 0 && (receive ? send_frame() : post(between(&rng, 200, largest), true)))
			;
		if (chance(90))
			driver_publish(&driver);
		if (receive)
			receive_burst();
		else
			send_burst(largest * 20);
		guest_check(&guest);
		if (chance(70))
			driver_check_notify(&driver);
		driver_harvest(&driver, chance(70) ? UINT32_MAX : between(&rng, 0, 10));
		if (chance(5)) {
			driver_reconnect(&driver);
			empty_buffers = 0;
		}
		if (guest.logging && chance(10))
			guest_log_clear(&guest);
	}
	driver_fini(&driver);
	guest_fini(&guest);
}

static const struct {
	uint32_t size;
	bool packed_only;
} sizes[] = {{1}, {2}, {5, true}, {7, true}, {64}, {256}, {1000, true}, {HD_VRING_SIZE_MAX}};

#define OPTIONS 64 /* bits: legacy, mergeable, indirect, event_idx, csum, tso */

static uint64_t features_of(uint32_t options, bool packed)
{
	uint64_t features = packed ? BIT64(VIRTIO_F_RING_PACKED) | BIT64(VIRTIO_F_VERSION_1) : 0;

	features |= options & 1 ? 0 : BIT64(VIRTIO_F_VERSION_1);
	features |= options & 2 ? BIT64(VIRTIO_NET_F_MRG_RXBUF) : 0;
	features |= options & 4 ? BIT64(VIRTIO_RING_F_INDIRECT_DESC) : 0;
	features |= options & 8 ? BIT64(VIRTIO_RING_F_EVENT_IDX) : 0;
	features |= options & 16 ? BIT64(VIRTIO_NET_F_CSUM) | BIT64(VIRTIO_NET_F_GUEST_CSUM) : 0;
	features |= options & 32 ? BIT64(VIRTIO_NET_F_HOST_TSO4) | BIT64(VIRTIO_NET_F_HOST_TSO6) : 0;
	return features;
}

/* _i: size, format, direction. All options but those of offloads, which are drawn. */
START_TEST(test_random)
{
	bool packed = _i / 2 % 2, receive = _i % 2;
	uint32_t size = sizes[_i / 4].size;

	if (sizes[_i / 4].packed_only && !packed)
		return;
	random_start(&rng, __func__);
	for (uint32_t options = 0; options < OPTIONS / 4; options++)
		run(features_of(options | between(&rng, 0, 3) << 4, packed), size, receive, STEPS);
}
END_TEST

/* A burst ends where its pieces do not suffice; what follows comes with the next, plain frames among it. */
START_TEST(test_many_pieces)
{
	static const uint32_t shape[] = {1000, 1, 1000, 1, 40, 1, 1, 8, 1, 1000, 1, 1, 1024, 1024, 1, 1, 1023, 1};
	uint32_t all = RTE_DIM(shape), seen = 0;

	random_start(&rng, __func__);
	guest_init(&guest);
	driver_init(&driver, &guest, &rng, 64, features_of(4, _i), true, 0);
	for (uint32_t i = 0; i < all; i++) {
		struct buffer *buffer = calloc(shape[i], sizeof(*buffer));
		uint32_t len = shape[i] == 1 ? 1500 : 2;
		uint64_t table;
		struct posted *posted;

		for (uint32_t j = 0; j < shape[i]; j++) {
			must(guest_alloc(&guest, len, &buffer[j].gpa));
			buffer[j].len = len;
		}
		ck_assert(guest_alloc(&guest, shape[i] * 16, &table));
		ck_assert(driver_post(&driver, buffer, shape[i], shape[i] == 1, table, false));
		posted = last_posted();
		posted->data = malloc(posted->total);
		for (uint32_t j = 0; j < posted->total; j++)
			posted->data[j] = j < 12 ? 0 : (uint8_t)random_next(&rng);
		for (uint32_t j = 0; j < shape[i]; j++)
			guest_put(&guest, buffer[j].gpa, posted->data + j * len, len);
	}
	driver_publish(&driver);
	while (seen < all) {
		uint16_t n = device_rx(&driver, &burst);

		ck_assert_uint_gt(n, 0);
		ck_assert_uint_eq(n, burst.n);
		ck_assert_uint_le(burst.n_seg, HD_BURST_SEGS);
		for (uint16_t i = 0; i < n; i++)
			check_received(&burst.pkt[i], driver_waiting(&driver, i));
		device_rx_done(&driver);
		for (uint16_t i = 0; i < n; i++)
			driver_expect_used(&driver, 0);
		guest_check(&guest);
		seen += n;
	}
	driver_fini(&driver);
	guest_fini(&guest);
}
END_TEST

/* Indices go round: 65536 of split rings, and packed rings' counters. Small frames, one memory check in many steps. */
static void go_round(bool packed, uint32_t size, bool receive, uint64_t chains)
{
	guest_init(&guest);
	driver_init(&driver, &guest, &rng, size, features_of(8, packed), receive, 0);
	for (uint32_t step = 0; driver.next_device < chains; step++) {
		random_want();
		while (driver.slots_free > 0 && driver.made - driver.first < 64) {
			struct buffer *buffer = calloc(1, sizeof(*buffer));
			uint32_t len = between(&rng, 13, 90);

			must(guest_alloc(&guest, len, &buffer->gpa));
			buffer->len = len;
			must(driver_post(&driver, buffer, 1, 1, 0, !receive));
			last_posted()->data = calloc(1, len);
			if (receive)
				guest_put(&guest, buffer->gpa, last_posted()->data, len);
		}
		driver_publish(&driver);
		if (receive)
			device_rx(&driver, &burst);
		for (uint16_t i = 0; receive && i < burst.n; i++)
			driver_expect_used(&driver, 0);
		if (receive)
			device_rx_done(&driver);
		else
			send_burst(40);
		driver_check_notify(&driver);
		if (step % 64 == 0)
			guest_check(&guest);
		driver_harvest(&driver, UINT32_MAX);
	}
	guest_check(&guest);
	driver_reconnect(&driver);
	driver_fini(&driver);
	guest_fini(&guest);
}

START_TEST(test_wrap)
{
	random_start(&rng, __func__);
	go_round(false, 256, _i, 3 * 65536);
	go_round(true, 7, _i, 1000);
	go_round(true, 300, _i, 3 * 65536);
	go_round(true, HD_VRING_SIZE_MAX, _i, 3 * HD_VRING_SIZE_MAX);
}
END_TEST

static Suite *ring_suite(void)
{
	Suite *suite = suite_create("ring");
	TCase *tcase = tcase_create("ring");

	tcase_set_timeout(tcase, 100);
	tcase_add_loop_test(tcase, test_random, 0, 4 * RTE_DIM(sizes));
	tcase_add_loop_test(tcase, test_many_pieces, 0, 2);
	tcase_add_loop_test(tcase, test_wrap, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner;
	int failed;

	/* Frames come and go by the thousand: let their memory stay. */
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	mallopt(M_MMAP_THRESHOLD, 256 << 20);
	eal_start();
	pool = rte_pktmbuf_pool_create("test", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		return EXIT_FAILURE;
	runner = srunner_create(ring_suite());
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
