/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the making and unmaking of virtqueues. */
#include <errno.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_malloc.h>

#include "port.h"
#include "virtio_caps.h"
#include "vring.h"

#define BIT(features, n) (((features) >> (n)) & 1)

void hd_vring_layout(uint32_t size, bool packed, bool event_idx, struct hd_vring_layout *layout)
{
	/* VIRTIO 1.2 sections 2.7 and 2.8.10.1; event suppression structures are 4 bytes. */
	if (packed) {
		*layout = (struct hd_vring_layout){
			.desc_len = (uint64_t)size * sizeof(struct vring_packed_desc),
			.desc_align = 16,
			.avail_len = sizeof(struct vring_packed_desc_event),
			.avail_align = 4,
			.used_len = sizeof(struct vring_packed_desc_event),
			.used_align = 4,
		};
		return;
	}
	*layout = (struct hd_vring_layout){
		.desc_len = (uint64_t)size * sizeof(struct vring_desc),
		.desc_align = 16,
		.avail_len = sizeof(struct vring_avail) + (uint64_t)size * 2 + (event_idx ? 2 : 0),
		.avail_align = 2,
		.used_len = sizeof(struct vring_used) + (uint64_t)size * sizeof(struct vring_used_elem) +
			    (event_idx ? 2 : 0),
		.used_align = 4,
	};
}

/* What the features make of a ring. */
static void follow_features(struct hd_vring *ring, uint64_t features, bool receive)
{
	bool whole = BIT(features, VIRTIO_F_VERSION_1) || BIT(features, VIRTIO_NET_F_MRG_RXBUF);

	ring->vnet_len = whole ? sizeof(struct virtio_net_hdr_v1) : sizeof(struct virtio_net_hdr);
	ring->packed = BIT(features, VIRTIO_F_RING_PACKED);
	ring->indirect = BIT(features, VIRTIO_RING_F_INDIRECT_DESC);
	ring->event_idx = BIT(features, VIRTIO_RING_F_EVENT_IDX);
	ring->mergeable = BIT(features, VIRTIO_NET_F_MRG_RXBUF);
	ring->csum_valid = BIT(features, VIRTIO_NET_F_GUEST_CSUM);
	if (receive)
		ring->offloads = hd_virtio_host_caps(features);
}

static void start_packed(struct hd_vring *ring, uint32_t base)
{
	ring->last_avail = base & 0x7fff;
	ring->avail_wrap = base & 0x8000;
	ring->last_used = ring->last_avail; /* nothing is in flight between runs */
	ring->used_wrap = ring->avail_wrap;
	if (ring->last_avail >= ring->size)
		ring->last_avail = ring->last_used = 0;
	ring->device_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE; /* we poll */
}

static void start_split(struct hd_vring *ring)
{
	/* All that was taken has been given back, in order: the guest's memory knows best where that was. */
	ring->last_used = __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);
	ring->last_avail = ring->last_used;
	ring->avail_seen = ring->last_avail;
	ring->used->flags = VRING_USED_F_NO_NOTIFY; /* we poll */
	if (ring->log != NULL && ring->log_used)
		hd_dirty_log_mark(ring->log, ring->log_gpa, sizeof(ring->used->flags));
}

struct hd_vring *hd_vring_create(const struct hd_vring_setup *setup)
{
	struct hd_vring *ring = rte_zmalloc("vring", sizeof(*ring), RTE_CACHE_LINE_SIZE);

	if (ring == NULL)
		return NULL;
	ring->desc = setup->desc;
	ring->avail = setup->avail;
	ring->used = setup->used;
	ring->memory = setup->memory;
	ring->log = setup->log;
	ring->log_gpa = setup->log_gpa;
	ring->log_used = setup->log_used;
	ring->size = setup->size;
	ring->call = setup->call;
	ring->shared = setup->shared;
	atomic_init(&ring->enabled, setup->enabled);
	rte_spinlock_init(&ring->lock);
	follow_features(ring, setup->features, setup->receive);
	if (ring->packed)
		start_packed(ring, setup->base);
	else
		start_split(ring);
	return ring;
}

void hd_vring_destroy(struct hd_vring *ring)
{
	rte_free(ring);
}

uint32_t hd_vring_base(const struct hd_vring *ring)
{
	if (!ring->packed)
		return ring->last_avail;
	return (uint32_t)ring->last_avail | (uint32_t)ring->avail_wrap << 15 | (uint32_t)ring->last_used << 16 |
	       (uint32_t)ring->used_wrap << 31;
}

const char *hd_vring_fault_text(enum hd_vring_fault fault)
{
	static const char *const texts[HD_VRING_FAULTS] = {
		[HD_VRING_SOUND] = "nothing",
		[HD_VRING_AVAIL] = "the available index is ahead by more than the ring's size",
		[HD_VRING_HEAD] = "a chain begins beyond the ring",
		[HD_VRING_NEXT] = "a descriptor's next is beyond its table",
		[HD_VRING_LOOP] = "a chain is longer than its table",
		[HD_VRING_NESTED] = "an indirect descriptor in an indirect table",
		[HD_VRING_INDIRECT_NEXT] = "an indirect descriptor that has a next",
		[HD_VRING_INDIRECT_TABLE] = "an indirect table of no, too many or half a descriptor, or not in memory",
		[HD_VRING_INDIRECT_OFF] = "an indirect descriptor, which was not negotiated",
		[HD_VRING_DIRECTION] = "a buffer for writing among those to read, or the reverse",
		[HD_VRING_CALL] = "its call descriptor was made blocking, and filled",
		[HD_VRING_ID] = "a buffer id beyond the ring",
	};

	return fault < HD_VRING_FAULTS && texts[fault] != NULL ? texts[fault] : "?";
}
