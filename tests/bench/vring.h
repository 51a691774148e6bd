/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a virtqueue whose buffers never change: a buffer set ("slot") is one chain, called by the number
 * of its first buffer. What is said of indices and what is inline here is of split rings (VIRTIO 1.2, 2.7), whose
 * descriptors are written once, so that only the avail ring moves; packed.h has the other kind. Used elements are
 * believed for their id and length after a range check; a switch that returns an id out of range breaks the ring, which
 * ends the run.
 */
#ifndef HD_BENCH_VRING_H
#define HD_BENCH_VRING_H

#include <assert.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "memory.h"

#define HD_BURST 32u

/* What a packed ring needs beyond the fields of both kinds. */
struct hd_packed {
	uint64_t gpa;      /* of what the descriptor of buffer 0 points to */
	uint32_t gpa_step; /* from one buffer's to the next's */
	uint32_t part_len; /* of every descriptor of a chain but the last */
	uint32_t last_len; /* of the last */
	uint16_t flags;    /* of every descriptor */
	uint16_t ready;    /* slots that the switch has returned, seen and not yet taken */
	uint16_t head;     /* the first descriptor that was written and not published */
	uint16_t withheld; /* its flags */
};

struct hd_vring {
	union {
		struct vring_avail *avail;
		struct vring_packed_desc_event *driver;
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device;
	};
	uint8_t *buffers;
	uint32_t slot_stride; /* bytes from one slot's first buffer to the next's */
	uint32_t ids;         /* chains start below this descriptor */
	uint16_t mask;
	uint16_t chain; /* descriptors per slot; 1 with indirect descriptors */
	uint16_t slots;
	uint16_t fresh;     /* slots never handed out (transmit) */
	uint16_t avail_idx; /* ours, published by hd_vring_publish */
	uint16_t used_idx;  /* the next used element to take */
	uint16_t used_end;  /* the switch's index when last read */
	bool broken;
	bool is_packed;
	int kick;
	int call;
	uint64_t kicks;
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *packed_desc;
	};
	struct hd_packed packed;
};

static_assert(sizeof(struct vring_desc) == sizeof(struct vring_packed_desc), "one table holds either");

struct hd_vring_layout {
	uint32_t size;  /* descriptors */
	uint32_t chain; /* buffers per slot */
	uint32_t bytes; /* used of a slot's buffers together */
	uint32_t buffer;
	uint32_t stride;
	bool packed;
	bool indirect;
	bool receive; /* buffers are for the device to write, and all posted at the start */
};

/* Bytes of memory that hd_vring_init takes. */
size_t hd_vring_memory(const struct hd_vring_layout *layout);

/* 0 or -errno. */
int hd_vring_init(struct hd_vring *vr, struct hd_memory *mem, const struct hd_vring_layout *layout);
void hd_vring_close(struct hd_vring *vr);

/* Reads the switch's index: how many used elements wait. Pairs with its release of used->idx. */
static inline uint16_t hd_vring_poll(struct hd_vring *vr)
{
	vr->used_end = __atomic_load_n(&vr->used->idx, __ATOMIC_ACQUIRE);
	return (uint16_t)(vr->used_end - vr->used_idx);
}

static inline const struct vring_used_elem *hd_vring_peek(const struct hd_vring *vr, uint16_t at)
{
	return &vr->used->ring[at & vr->mask];
}

/* The first buffer of the slot whose chain starts at descriptor id. */
static inline void *hd_vring_buffer(const struct hd_vring *vr, uint32_t id)
{
	return vr->buffers + (size_t)(vr->chain == 1 ? id : id / vr->chain) * vr->slot_stride;
}

/* Takes the next used element's id; a broken ring yields descriptor 0 over and over, which is harmless. */
static inline uint32_t hd_vring_take(struct hd_vring *vr)
{
	uint32_t id = hd_vring_peek(vr, vr->used_idx++)->id;

	if (id >= vr->ids) {
		vr->broken = true;
		return 0;
	}
	return id;
}

static inline void hd_vring_give(struct hd_vring *vr, uint32_t id)
{
	vr->avail->ring[vr->avail_idx++ & vr->mask] = (uint16_t)id;
}

/* Makes the given buffers visible, and kicks if the switch asks for it. */
static inline void hd_vring_publish(struct hd_vring *vr)
{
	__atomic_store_n(&vr->avail->idx, vr->avail_idx, __ATOMIC_RELEASE);
	/* The flag must be read after the index is visible: pairs with the switch's fence between clearing
	 * NO_NOTIFY and looking at the ring a last time. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if ((__atomic_load_n(&vr->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY) == 0) {
		eventfd_write(vr->kick, 1);
		vr->kicks++;
	}
}

#endif
