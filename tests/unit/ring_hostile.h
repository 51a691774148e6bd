/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests of hostile guests share: one guest with one ring, whose descriptors can be written at will. Include after
 * <check.h>.
 */
#ifndef RING_HOSTILE_H
#define RING_HOSTILE_H

#include <rte_common.h>

#include "eal.h"
#include "ring_copy.h"
#include "ring_driver.h"

#define SIZE 8u
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE /* in the tables below: the wrong direction */
#define INDIRECT VRING_DESC_F_INDIRECT

#define BUFFER (GUEST_ARENA + 0x8000)
#define TABLE (GUEST_ARENA + 0x4000)
#define LENGTH 200u /* of good frames, with their headers */

static struct random rng;
static struct guest guest;
static struct driver driver;
static struct hd_burst burst;

static struct hd_snapshot_buffer snapshot;
static struct hd_pkt sent;

/* A descriptor as a test wants it. `next` is for split rings. */
struct raw {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static inline void start(bool packed, bool receive, uint64_t features, uint32_t size)
{
	guest_init(&guest);
	features |= BIT64(VIRTIO_F_VERSION_1) | (packed ? BIT64(VIRTIO_F_RING_PACKED) : 0);
	driver_init(&driver, &guest, &rng, size, features, receive, 0);
	sent = (struct hd_pkt){
		.hdr = snapshot.bytes + HD_SNAPSHOT_FRAME,
		.hdr_len = LENGTH - HD_VNET_MAX,
		.len = LENGTH - HD_VNET_MAX,
	};
	memset(snapshot.bytes, 0x5a, sizeof(snapshot.bytes));
}

static inline void stop(void)
{
	driver_fini(&driver);
	guest_fini(&guest);
}

/* Write a descriptor: the index-th of the ring or of a table. In a ring for receiving, directions are the other way. */
static inline void put(uint64_t table, uint32_t index, const struct raw *raw, uint16_t id)
{
	uint16_t flags = raw->flags;

	if (!driver.receive && !(flags & INDIRECT))
		flags ^= WRITE;
	if (driver.packed) {
		struct vring_packed_desc desc = {.addr = raw->addr, .len = raw->len, .id = id, .flags = flags};

		if (table == driver.desc)
			desc.flags |= PACKED_AVAIL;
		guest_put(&guest, table + index * sizeof(desc), &desc, sizeof(desc));
	} else {
		struct vring_desc desc = {.addr = raw->addr, .len = raw->len, .flags = flags, .next = raw->next};

		guest_put(&guest, table + index * sizeof(desc), &desc, sizeof(desc));
	}
}

static inline void put_avail(uint16_t at, uint16_t head)
{
	if (!driver.packed)
		guest_put(&guest, driver.avail + 4 + at % driver.size * 2u, &head, 2);
}

static inline void put_avail_idx(uint16_t idx)
{
	if (!driver.packed)
		guest_put(&guest, driver.avail + 2, &idx, 2);
}

/* The k-th chain given back, which began in `slot`. False: it was not. */
static inline bool used(uint16_t k, uint32_t slot, uint32_t *id, uint32_t *len)
{
	uint16_t idx;

	if (driver.packed) {
		const struct vring_packed_desc *desc =
			guest_at(&guest, driver.desc + slot * sizeof(*desc), sizeof(*desc));

		*id = desc->id;
		*len = desc->len;
		return (desc->flags & (PACKED_AVAIL | PACKED_USED)) == (PACKED_AVAIL | PACKED_USED);
	}
	memcpy(&idx, guest_at(&guest, driver.used + 2, 2), 2);
	memcpy(id, guest_at(&guest, driver.used + 4 + k % driver.size * 8, 8), 4);
	memcpy(len, guest_at(&guest, driver.used + 4 + k % driver.size * 8 + 4, 4), 4);
	return k < idx;
}

#define check_used(k, slot, id_, len_)                                                                                 \
	do {                                                                                                           \
		uint32_t id_is, len_is;                                                                                \
		ck_assert(used(k, slot, &id_is, &len_is));                                                             \
		ck_assert_uint_eq(id_is, id_);                                                                         \
		ck_assert_uint_eq(len_is, len_);                                                                       \
	} while (0)

static inline enum hd_vring_fault fault(void)
{
	return atomic_load_explicit(&driver.ring->broken, memory_order_relaxed);
}

/* A legal chain of `n` buffers of `len` bytes, upon each other, in the ring or in a table; published. */
static inline void post_many(uint32_t n, uint32_t len, bool chained, uint64_t table)
{
	struct buffer *buffer = calloc(n, sizeof(*buffer));

	for (uint32_t i = 0; i < n; i++)
		buffer[i] = (struct buffer){BUFFER + i % 0x8000, len};
	must(driver_post(&driver, buffer, n, chained ? n : 0, table, !driver.receive));
	driver_publish(&driver);
}

static inline int run_suite(Suite *suite)
{
	SRunner *runner;
	int failed;

	eal_start();
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
