/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's side of a packed ring against a naive device that goes by the specification's words. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/random.h"
#include "packed.h"

#define RING 64
#define CHAIN 3
#define TURNS 1000

static struct random draw;

/* A packed ring's device, as VIRTIO 1.2, 2.8 describes it: a position and a wrap counter for either direction. */
struct device {
	const struct hd_vring *vr;
	const struct hd_memory *mem;
	uint32_t at[2]; /* the next available, the next used */
	bool wrap[2];
	uint16_t held[RING]; /* taken, not returned */
	uint32_t count;
	uint32_t returned; /* and not yet seen by the driver */
};

static void advance(struct device *dev, int way, uint32_t by)
{
	dev->at[way] += by;
	if (dev->at[way] >= RING) {
		dev->at[way] -= RING;
		dev->wrap[way] = !dev->wrap[way];
	}
}

static bool is_available(const struct device *dev)
{
	uint16_t flags = dev->vr->packed_desc[dev->at[0]].flags;

	return (flags >> 7 & 1) == dev->wrap[0] && (flags >> 15 & 1) != dev->wrap[0];
}

/* Buffers of one chain: as long as the layout says, one after the other from where the id says. */
static void check_parts(const struct device *dev, const struct hd_vring_layout *l,
			const struct vring_packed_desc *parts, uint32_t slot)
{
	uint64_t gpa = hd_memory_gpa(dev->mem, dev->vr->buffers) + (uint64_t)slot * l->chain * l->stride;
	uint32_t i;

	for (i = 0; i < l->chain; i++) {
		ck_assert_uint_eq(parts[i].addr, gpa + (uint64_t)i * l->stride);
		ck_assert_uint_eq(parts[i].len, i + 1 < l->chain ? l->buffer : l->bytes - i * l->buffer);
	}
}

static void device_take(struct device *dev, const struct hd_vring_layout *l)
{
	struct vring_packed_desc parts[CHAIN];
	uint16_t id = dev->vr->packed_desc[dev->at[0]].id;
	uint32_t descs = l->indirect ? 1 : l->chain;
	uint32_t i;

	for (i = 0; i < descs; i++) {
		ck_assert(is_available(dev));
		parts[i] = dev->vr->packed_desc[dev->at[0]];
		ck_assert_uint_eq(parts[i].id, id);
		ck_assert_uint_eq(parts[i].flags & VRING_DESC_F_NEXT, i + 1 < descs ? VRING_DESC_F_NEXT : 0);
		ck_assert_uint_eq(parts[i].flags & VRING_DESC_F_WRITE, l->receive ? VRING_DESC_F_WRITE : 0);
		ck_assert_uint_eq(parts[i].flags & VRING_DESC_F_INDIRECT, l->indirect ? VRING_DESC_F_INDIRECT : 0);
		advance(dev, 0, 1);
	}
	if (l->indirect) {
		ck_assert_uint_eq(parts[0].len, l->chain * sizeof(parts[0]));
		memcpy(parts, dev->mem->base + (parts[0].addr - HD_MEMORY_GPA), parts[0].len);
	}
	check_parts(dev, l, parts, id / descs);
	ck_assert_uint_lt(dev->count, dev->vr->slots);
	dev->held[dev->count++] = id;
}

/* Returns any of those it holds, not the oldest. */
static void device_return(struct device *dev, const struct hd_vring_layout *l)
{
	struct vring_packed_desc *desc = &dev->vr->packed_desc[dev->at[1]];
	uint32_t which = random_below(&draw, dev->count);

	desc->id = dev->held[which];
	desc->len = 1000u + dev->held[which];
	desc->flags = dev->wrap[1] ? 1u << 7 | 1u << 15 : 0;
	dev->held[which] = dev->held[--dev->count];
	dev->returned++;
	advance(dev, 1, l->indirect ? 1 : l->chain);
}

/* The driver takes what it finds, up to a burst, and knows of each slot whether the device has it. */
static uint32_t driver_take(struct hd_vring *vr, struct device *dev, bool *lent, uint16_t *ids)
{
	uint32_t limit = 1 + random_below(&draw, HD_BURST);
	uint32_t ready = hd_packed_poll(vr, limit);
	uint32_t i;

	ck_assert_uint_eq(ready, limit < dev->returned ? limit : dev->returned);
	dev->returned -= ready;
	for (i = 0; i < ready; i++) {
		uint32_t len = hd_packed_peek(vr, vr->used_idx)->len;

		ids[i] = (uint16_t)hd_packed_take(vr);
		ck_assert_uint_eq(len, 1000u + ids[i]);
		ck_assert(lent[ids[i]]);
		lent[ids[i]] = false;
	}
	return ready;
}

static void driver_give(struct hd_vring *vr, struct device *dev, bool *lent, const uint16_t *ids, uint32_t count)
{
	uint64_t kicks = vr->kicks;
	bool quiet = random_below(&draw, 2) != 0;
	bool before = is_available(dev);
	uint32_t i;

	for (i = 0; i < count; i++) {
		hd_packed_give(vr, ids[i]);
		lent[ids[i]] = true;
		ck_assert(is_available(dev) == before); /* a burst appears as a whole */
	}
	if (count == 0)
		return;
	vr->device->flags = quiet ? VRING_PACKED_EVENT_FLAG_DISABLE : VRING_PACKED_EVENT_FLAG_ENABLE;
	hd_packed_publish(vr);
	ck_assert(is_available(dev));
	ck_assert_uint_eq(vr->kicks - kicks, quiet ? 0 : 1);
}

START_TEST(packed_ring_agrees_with_a_device)
{
	const struct hd_vring_layout layout = {
		.size = RING,
		.chain = _i % 2 != 0 ? CHAIN : 1,
		.bytes = _i % 2 != 0 ? (CHAIN - 1) * 256 + 100 : 100,
		.buffer = 256,
		.stride = 320,
		.packed = true,
		.indirect = _i >= 4,
		.receive = _i / 2 == 1,
	};
	struct hd_memory mem;
	struct hd_vring vr;
	struct device dev = {.vr = &vr, .mem = &mem, .wrap = {true, true}};
	bool lent[RING] = {false};
	uint16_t ids[RING];
	uint32_t count = 0;
	uint32_t turn;
	uint32_t i;

	random_start(&draw, "packed ring");
	ck_assert_int_eq(hd_memory_open(&mem, hd_vring_memory(&layout), HD_HUGE_OFF), 0);
	ck_assert_int_eq(hd_vring_init(&vr, &mem, &layout), 0);
	ck_assert_uint_eq(vr.driver->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
	for (i = 0; i < vr.slots && layout.receive; i++)
		lent[i * layout.chain] = true;
	for (i = 0; i < vr.slots && !layout.receive; i++)
		ids[count++] = (uint16_t)(i * vr.chain);
	for (turn = 0; turn < TURNS; turn++) {
		driver_give(&vr, &dev, lent, ids, count);
		for (i = random_below(&draw, RING); i > 0 && is_available(&dev); i--)
			device_take(&dev, &layout);
		for (i = random_below(&draw, RING); i > 0 && dev.count > 0; i--)
			device_return(&dev, &layout);
		count = driver_take(&vr, &dev, lent, ids);
	}
	ck_assert(!vr.broken);
	hd_vring_close(&vr);
	hd_memory_close(&mem);
}
END_TEST

START_TEST(packed_ring_breaks_at_a_wrong_id)
{
	const struct hd_vring_layout layout = {
		.size = RING, .chain = 1, .bytes = 100, .buffer = 256, .stride = 256, .packed = true, .receive = true};
	struct hd_memory mem;
	struct hd_vring vr;

	ck_assert_int_eq(hd_memory_open(&mem, hd_vring_memory(&layout), HD_HUGE_OFF), 0);
	ck_assert_int_eq(hd_vring_init(&vr, &mem, &layout), 0);
	ck_assert_uint_eq(hd_packed_poll(&vr, 1), 0);
	vr.packed_desc[0].id = RING;
	vr.packed_desc[0].flags = 1u << 7 | 1u << 15;
	ck_assert_uint_eq(hd_packed_poll(&vr, 2), 1);
	ck_assert_uint_eq(hd_packed_take(&vr), 0);
	ck_assert(vr.broken);
	hd_vring_close(&vr);
	hd_memory_close(&mem);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("packed ring of the traffic source");
	TCase *tests = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, packed_ring_agrees_with_a_device, 0, 6);
	tcase_add_test(tests, packed_ring_breaks_at_a_wrong_id);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
