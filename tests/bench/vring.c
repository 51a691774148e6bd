/* SPDX-License-Identifier: BSD-3-Clause */
/* Laying out a virtqueue and its buffers in guest memory. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "packed.h"
#include "vring.h"

#define PAGE 4096u

static size_t pages(size_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

static uint32_t slot_count(const struct hd_vring_layout *l)
{
	return l->indirect ? l->size : l->size / l->chain;
}

static size_t avail_bytes(const struct hd_vring_layout *l)
{
	if (l->packed)
		return sizeof(struct vring_packed_desc_event);
	return sizeof(struct vring_avail) + (size_t)l->size * 2 + 2;
}

static size_t used_bytes(const struct hd_vring_layout *l)
{
	if (l->packed)
		return sizeof(struct vring_packed_desc_event);
	return sizeof(struct vring_used) + (size_t)l->size * sizeof(struct vring_used_elem) + 2;
}

static size_t indirect_bytes(const struct hd_vring_layout *l)
{
	return l->indirect ? (size_t)slot_count(l) * l->chain * sizeof(struct vring_desc) : 0;
}

static size_t buffer_bytes(const struct hd_vring_layout *l)
{
	return (size_t)slot_count(l) * l->chain * l->stride;
}

size_t hd_vring_memory(const struct hd_vring_layout *l)
{
	return pages(l->size * sizeof(struct vring_desc)) + pages(avail_bytes(l)) + pages(used_bytes(l)) +
	       pages(indirect_bytes(l)) + pages(buffer_bytes(l));
}

/* Writes the chain of one slot to table, whose first entry is called number first in it. */
static void write_chain(struct vring_desc *table, uint32_t first, uint64_t gpa, const struct hd_vring_layout *l)
{
	uint32_t left = l->bytes;
	uint32_t i;

	for (i = 0; i < l->chain; i++) {
		bool last = i + 1 == l->chain;

		table[i] = (struct vring_desc){
			.addr = gpa + (uint64_t)i * l->stride,
			.len = last ? left : l->buffer,
			.flags = (uint16_t)((last ? 0 : VRING_DESC_F_NEXT) | (l->receive ? VRING_DESC_F_WRITE : 0)),
			.next = (uint16_t)(last ? 0 : first + i + 1),
		};
		left -= table[i].len;
	}
}

static void write_descriptors(struct hd_vring *vr, const struct hd_memory *mem, struct vring_desc *tables,
			      const struct hd_vring_layout *l)
{
	uint32_t slot;

	for (slot = 0; slot < vr->slots; slot++) {
		uint64_t gpa = hd_memory_gpa(mem, vr->buffers + (size_t)slot * vr->slot_stride);

		if (!l->indirect) {
			write_chain(&vr->desc[slot * l->chain], slot * l->chain, gpa, l);
			continue;
		}
		write_chain(&tables[slot * l->chain], 0, gpa, l);
		vr->desc[slot] = (struct vring_desc){
			.addr = hd_memory_gpa(mem, &tables[slot * l->chain]),
			.len = (uint32_t)(l->chain * sizeof(struct vring_desc)),
			.flags = VRING_DESC_F_INDIRECT,
		};
	}
}

static void fill_split(struct hd_vring *vr, const struct hd_memory *mem, struct vring_desc *tables,
		       const struct hd_vring_layout *l)
{
	uint32_t slot;

	write_descriptors(vr, mem, tables, l);
	vr->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	if (!l->receive)
		return;
	for (slot = 0; slot < vr->slots; slot++)
		hd_vring_give(vr, slot * l->chain);
	vr->avail->idx = vr->avail_idx;
	vr->fresh = vr->slots;
}

int hd_vring_init(struct hd_vring *vr, struct hd_memory *mem, const struct hd_vring_layout *l)
{
	void *tables;

	*vr = (struct hd_vring){
		.mask = (uint16_t)(l->size - 1),
		.slots = (uint16_t)slot_count(l),
		.chain = (uint16_t)(l->indirect ? 1 : l->chain),
		.ids = slot_count(l) * (l->indirect ? 1 : l->chain),
		.slot_stride = l->chain * l->stride,
		.is_packed = l->packed,
		.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (vr->kick < 0 || vr->call < 0)
		return -errno;
	vr->desc = hd_memory_take(mem, l->size * sizeof(struct vring_desc));
	vr->avail = hd_memory_take(mem, avail_bytes(l));
	vr->used = hd_memory_take(mem, used_bytes(l));
	tables = hd_memory_take(mem, indirect_bytes(l));
	vr->buffers = hd_memory_take(mem, buffer_bytes(l));
	if (vr->desc == NULL || vr->avail == NULL || vr->used == NULL || vr->buffers == NULL)
		return -ENOMEM;
	if (l->packed)
		hd_packed_fill(vr, mem, tables, l);
	else
		fill_split(vr, mem, tables, l);
	return 0;
}

void hd_vring_close(struct hd_vring *vr)
{
	/* a ring that was never initialised is all zero and owns no descriptor */
	if (vr->mask == 0)
		return;
	if (vr->kick >= 0)
		close(vr->kick);
	if (vr->call >= 0)
		close(vr->call);
	vr->mask = 0;
}
