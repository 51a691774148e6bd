/* SPDX-License-Identifier: BSD-3-Clause */
/* The two rings that fuzz_ring.c plays with, and what the device may write while it works on them. */
#ifndef FUZZ_RING_LANE_H
#define FUZZ_RING_LANE_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_common.h>

#include "guest_pages.h"
#include "vring.h"

#ifdef FUZZ_PACKED
#define PACKED true
#define device_rx hd_packed_rx
#define device_rx_done hd_packed_rx_done
#define device_tx hd_packed_tx
#define device_notify hd_packed_notify
#else
#define PACKED false
#define device_rx hd_split_rx
#define device_rx_done hd_split_rx_done
#define device_tx hd_split_tx
#define device_notify hd_split_notify
#endif

#define BIT64(n) (UINT64_C(1) << (n))
#define WRITABLE_MAX 512
#define TABLES_MAX 64

enum { RX, TX, RINGS }; /* what the switch does with the ring */

struct recipe {
	struct {
		uint8_t size, features;
		uint16_t base;
	} ring[RINGS];
	uint8_t log;   /* bytes of it */
	uint8_t order; /* of the parts of rings: which of them ends its region */
	uint8_t other; /* features of both */
	uint8_t unused;
};
static_assert(sizeof(struct recipe) == 12, "no holes");

/* A ring as the guest has it. */
struct lane {
	struct hd_vring *ring;
	struct hd_vring_setup setup;
	uint64_t part[3]; /* descriptors, available, used; packed: device events last */
	uint32_t size, slot;
	uint16_t idx;
	bool wrap;
};

static struct {
	struct lane lane[RINGS];
	struct hd_dirty_log log;
	uint8_t *log_page;
	unsigned int bursts, sendings, cuts;

	/* What the guest does in the middle. */
	bool armed;
	unsigned int after; /* looks at its memory */
	uint64_t race_gpa;
	uint8_t race[16];
	uint32_t race_len;

	/* What the device may write during the call at hand, and the tables that say so. */
	struct range {
		uint64_t gpa, len;
	} writable[WRITABLE_MAX], table[TABLES_MAX];
	unsigned int n_writable, n_tables;
	bool gathered, anything, wrong; /* anything: too much to keep account of */
} world;

UNWATCHED_BEGIN

/* What the device may write. */

static void allow(uint64_t gpa, uint32_t len)
{
	if (world.n_writable == WRITABLE_MAX)
		world.anything = true;
	else
		world.writable[world.n_writable++] = (struct range){gpa, len};
}

/* Both formats have address, length and flags of a descriptor, though not all in one place. */
static bool get_desc(uint64_t gpa, uint64_t *addr, uint32_t *len, uint16_t *flags)
{
	union {
		struct vring_desc split;
		struct vring_packed_desc packed;
	} desc;

	if (!guest_get(gpa, &desc, sizeof(desc)))
		return false;
	*addr = desc.split.addr;
	*len = desc.split.len;
	*flags = PACKED ? desc.packed.flags : desc.split.flags;
	return true;
}

/* The buffers of an indirect table; an entry may lie across regions, where we do not follow. */
static void allow_table(uint64_t gpa, uint32_t n)
{
	uint32_t len;
	uint64_t addr;
	uint16_t flags;

	for (unsigned int i = 0; i < world.n_tables; i++)
		if (world.table[i].gpa == gpa && world.table[i].len == n * 16)
			return;
	if (world.n_tables == TABLES_MAX || n > HD_VRING_PIECES) {
		world.anything = true;
		return;
	}
	world.table[world.n_tables++] = (struct range){gpa, n * 16};
	for (uint32_t i = 0; i < n && !world.anything; i++) {
		if (!get_desc(gpa + i * 16, &addr, &len, &flags))
			world.anything = region_of(gpa + i * 16) < REGIONS;
		else if (flags & VRING_DESC_F_WRITE)
			allow(addr, len);
	}
}

/* Every buffer for writing that any descriptor of a ring names, posted or not. */
static void allow_buffers(const struct lane *lane)
{
	uint32_t len;
	uint64_t addr;
	uint16_t flags;

	for (uint32_t i = 0; i < lane->size && !world.anything; i++) {
		must(get_desc(lane->part[0] + i * 16, &addr, &len, &flags));
		if (flags & VRING_DESC_F_INDIRECT)
			allow_table(addr, RTE_MIN(len / 16, HD_VRING_PIECES + 1));
		else if (flags & VRING_DESC_F_WRITE)
			allow(addr, len);
	}
}

static bool overlap(struct range a, struct range b)
{
	return a.gpa - b.gpa < b.len || b.gpa - a.gpa < a.len;
}

/* Frames may be written over descriptors, which then say what may be written. */
static bool writes_tables(const struct lane *lane)
{
	struct range ring = {lane->part[0], (uint64_t)lane->size * 16};

	for (unsigned int i = 0; i < world.n_writable; i++) {
		if (overlap(world.writable[i], ring))
			return true;
		for (unsigned int k = 0; k < world.n_tables; k++)
			if (overlap(world.writable[i], world.table[k]))
				return true;
	}
	return false;
}

/* Whether it is where the device gives chains back. */
static bool is_used(const struct lane *lane, uint64_t gpa)
{
	if (PACKED)
		return gpa - lane->part[0] < lane->size * 16 && gpa % 16 >= 8; /* length, id, flags */
	return gpa - lane->part[2] - 2 < 2 + lane->size * 8;
}

/* The device has changed a byte while it worked on one ring. */
static void check_written(uint64_t gpa, const void *arg)
{
	const struct lane *lane = arg;
	bool used = is_used(lane, gpa), allowed = used;
	uint64_t page = gpa >> HD_LOG_PAGE_SHIFT;

	if (lane == &world.lane[TX] && !world.gathered) {
		allow_buffers(lane);
		world.gathered = true;
	}
	for (unsigned int i = 0; i < world.n_writable && !allowed; i++)
		allowed = gpa - world.writable[i].gpa < world.writable[i].len;
	world.wrong |= !allowed;
	if (lane->ring->log != NULL && page / 8 < world.log.size && (!used || lane->ring->log_used))
		must(world.log.bits[page / 8] >> page % 8 & 1);
}

/* Frames are only read on the way in: the large regions are looked at when something was sent, and at the end. */
static void check_memory(const struct lane *lane, bool whole)
{
	guest_compare(whole ? REGIONS : 2, check_written, lane);
	must(!world.wrong || world.anything || writes_tables(lane));
	world.n_writable = world.n_tables = 0;
	world.gathered = world.anything = world.wrong = false;
	/* Nothing is in flight between two calls. */
	must(lane->ring->last_avail == lane->ring->last_used && lane->ring->avail_wrap == lane->ring->used_wrap);
	must(!PACKED || lane->ring->last_avail < lane->size);
}

static void connect(struct lane *lane)
{
	lane->ring = hd_vring_create(&lane->setup);
	must(lane->ring != NULL);
	guest_put(lane->part[2] + (PACKED ? 2 : 0), "\1\0", 2); /* no kicks, please: into the twin */
	check_memory(lane, false);
}

static void place(struct lane *lane, unsigned int region, uint8_t order)
{
	uint64_t end = layout[region].gpa + layout[region].size;
	bool event_idx = lane->setup.features & BIT64(VIRTIO_RING_F_EVENT_IDX);
	struct hd_vring_layout parts;
	void *host[3];

	hd_vring_layout(lane->size, PACKED, event_idx, &parts);
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int k = (order + i) % 3;
		uint64_t len = k == 0 ? parts.desc_len : k == 1 ? parts.avail_len : parts.used_len;
		uint64_t align = k == 0 ? parts.desc_align : k == 1 ? parts.avail_align : parts.used_align;

		end = (end - len) / align * align;
		must(end >= layout[region].gpa);
		lane->part[k] = end;
		host[k] = lane->setup.memory->region[region].host + (end - layout[region].gpa);
	}
	lane->setup.desc = host[0];
	lane->setup.avail = host[1];
	lane->setup.used = host[2];
}

static uint64_t features_of(uint8_t own, uint8_t other)
{
	static const uint8_t bits[] = {VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_NET_F_MRG_RXBUF,
				       VIRTIO_F_VERSION_1};
	uint64_t features = PACKED ? BIT64(VIRTIO_F_RING_PACKED) : 0;

	for (unsigned int i = 0; i < RTE_DIM(bits); i++)
		features |= own >> i & 1 ? BIT64(bits[i]) : 0;
	if (other & 1)
		features |= BIT64(VIRTIO_NET_F_CSUM) | BIT64(VIRTIO_NET_F_GUEST_CSUM);
	if (other & 2)
		features |= BIT64(VIRTIO_NET_F_HOST_TSO4) | BIT64(VIRTIO_NET_F_HOST_TSO6);
	return features;
}

static void begin(struct lane *lane, unsigned int i, const struct recipe *recipe)
{
	uint8_t code = recipe->ring[i].size, own = recipe->ring[i].features;
	uint16_t base = recipe->ring[i].base;

	*lane = (struct lane){.size = PACKED ? code % 128 + 1u : 1u << code % 8, .wrap = true};
	lane->setup = (struct hd_vring_setup){
		.size = lane->size,
		.base = base,
		.features = features_of(own, recipe->other),
		.memory = i == TX ? guest.alias : guest.memory,
		.log = recipe->log != 0 ? &world.log : NULL,
		.log_used = own & 32,
		.call = -1,
		.enabled = true,
		.shared = i == TX && (own & 16),
		.receive = i == RX,
	};
	place(lane, i, recipe->order);
	lane->setup.log_gpa = lane->part[PACKED ? 0 : 2];
	if (PACKED) {
		lane->slot = (base & 0x7fffu) < lane->size ? base & 0x7fffu : 0;
		lane->wrap = base & 0x8000;
	} else {
		lane->idx = base;
		guest_put(lane->part[1] + 2, &base, sizeof(base));
		guest_put(lane->part[2] + 2, &base, sizeof(base));
	}
	connect(lane);
}

UNWATCHED_END

#endif
