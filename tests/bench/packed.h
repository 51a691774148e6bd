/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a packed virtqueue (VIRTIO 1.2, 2.8). One table of descriptors goes round: the driver writes a
 * slot's descriptors and marks them available, the switch overwrites the first of them with the slot's number and
 * marks it used. avail_idx and used_idx count descriptors and run freely; the bit above the ring's size tells in which
 * sense a mark is to be read in this round (the wrap counter, inverted). Buffer numbers are those of split rings.
 *
 * The first descriptor of a burst is marked last, so that a burst becomes visible as a whole, as it does in a split
 * ring.
 */
#ifndef HD_BENCH_PACKED_H
#define HD_BENCH_PACKED_H

#include "vring.h"

#define HD_PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define HD_PACKED_USED (1u << VRING_PACKED_DESC_F_USED)

/* Readies a ring whose areas are there: all slots of a receiving ring are posted. tables has room for the indirect
 * tables, if the layout has them. */
void hd_packed_fill(struct hd_vring *vr, const struct hd_memory *mem, struct vring_packed_desc *tables,
		    const struct hd_vring_layout *l);

/* Whether the wrap counter of that index is 0. */
static inline bool hd_packed_odd(const struct hd_vring *vr, uint16_t at)
{
	return (at & (vr->mask + 1u)) != 0;
}

static inline const struct vring_packed_desc *hd_packed_peek(const struct hd_vring *vr, uint16_t at)
{
	return &vr->packed_desc[at & vr->mask];
}

/* Pairs with the switch's release of the flags. */
static inline bool hd_packed_is_used(const struct hd_vring *vr, uint16_t at)
{
	unsigned int marks = HD_PACKED_AVAIL | HD_PACKED_USED;
	uint16_t flags = __atomic_load_n(&hd_packed_peek(vr, at)->flags, __ATOMIC_ACQUIRE);

	return (flags & marks) == (hd_packed_odd(vr, at) ? 0 : marks);
}

/* Looks for returned slots until there are limit of them. Returns how many are ready to be taken. */
static inline uint16_t hd_packed_poll(struct hd_vring *vr, unsigned int limit)
{
	uint16_t at = (uint16_t)(vr->used_idx + vr->packed.ready * vr->chain);

	while (vr->packed.ready < limit && hd_packed_is_used(vr, at)) {
		vr->packed.ready++;
		at = (uint16_t)(at + vr->chain);
	}
	return vr->packed.ready;
}

/* Takes the next of the ready slots; see hd_vring_take. */
static inline uint32_t hd_packed_take(struct hd_vring *vr)
{
	uint32_t id = hd_packed_peek(vr, vr->used_idx)->id;

	vr->used_idx = (uint16_t)(vr->used_idx + vr->chain);
	vr->packed.ready--;
	if (id >= vr->ids) {
		vr->broken = true;
		return 0;
	}
	return id;
}

static inline void hd_packed_give(struct hd_vring *vr, uint32_t id)
{
	uint64_t gpa = vr->packed.gpa + (uint64_t)id * vr->packed.gpa_step;
	uint16_t left;

	for (left = vr->chain; left > 0; left--) {
		struct vring_packed_desc *desc = &vr->packed_desc[vr->avail_idx & vr->mask];
		unsigned int flags = vr->packed.flags | (left > 1 ? VRING_DESC_F_NEXT : 0) |
				     (hd_packed_odd(vr, vr->avail_idx) ? HD_PACKED_USED : HD_PACKED_AVAIL);

		desc->addr = gpa;
		desc->len = left > 1 ? vr->packed.part_len : vr->packed.last_len;
		desc->id = (uint16_t)id;
		if (vr->avail_idx == vr->packed.head)
			vr->packed.withheld = (uint16_t)flags;
		else
			desc->flags = (uint16_t)flags;
		gpa += vr->packed.gpa_step;
		vr->avail_idx++;
	}
}

/* Makes the given slots (at least one) visible without telling the switch. Pairs with its acquire of the flags. */
static inline void hd_packed_expose(struct hd_vring *vr)
{
	__atomic_store_n(&vr->packed_desc[vr->packed.head & vr->mask].flags, vr->packed.withheld, __ATOMIC_RELEASE);
	vr->packed.head = vr->avail_idx;
}

/* Makes the given slots (at least one) visible, and kicks if the switch asks for it. */
static inline void hd_packed_publish(struct hd_vring *vr)
{
	hd_packed_expose(vr);
	/* as in hd_vring_publish */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&vr->device->flags, __ATOMIC_RELAXED) != VRING_PACKED_EVENT_FLAG_DISABLE) {
		eventfd_write(vr->kick, 1);
		vr->kicks++;
	}
}

#endif
