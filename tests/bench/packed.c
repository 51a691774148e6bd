/* SPDX-License-Identifier: BSD-3-Clause */
/* Readying a packed virtqueue: what its descriptors will say, the indirect tables, and the first buffers posted. */
#include "packed.h"

/* The tables of all slots, whose entries follow each other without being chained. They are never written again. */
static void write_tables(struct vring_packed_desc *tables, uint16_t slots, uint64_t gpa,
			 const struct hd_vring_layout *l)
{
	uint32_t last_len = l->bytes - (l->chain - 1) * l->buffer;
	uint32_t slot;
	uint32_t i;

	for (slot = 0; slot < slots; slot++) {
		for (i = 0; i < l->chain; i++) {
			*tables++ = (struct vring_packed_desc){
				.addr = gpa,
				.len = i + 1 < l->chain ? l->buffer : last_len,
			};
			gpa += l->stride;
		}
	}
}

void hd_packed_fill(struct hd_vring *vr, const struct hd_memory *mem, struct vring_packed_desc *tables,
		    const struct hd_vring_layout *l)
{
	uint64_t buffers = hd_memory_gpa(mem, vr->buffers);
	uint32_t slot;

	if (l->indirect) {
		uint32_t bytes = (uint32_t)(l->chain * sizeof(*tables));

		write_tables(tables, vr->slots, buffers, l);
		vr->packed = (struct hd_packed){
			.gpa = hd_memory_gpa(mem, tables),
			.gpa_step = bytes,
			.last_len = bytes,
			.flags = VRING_DESC_F_INDIRECT,
		};
	} else {
		vr->packed = (struct hd_packed){
			.gpa = buffers,
			.gpa_step = l->stride,
			.part_len = l->buffer,
			.last_len = l->bytes - (l->chain - 1) * l->buffer,
			.flags = l->receive ? VRING_DESC_F_WRITE : 0,
		};
	}
	vr->driver->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	if (!l->receive)
		return;
	for (slot = 0; slot < vr->slots; slot++)
		hd_packed_give(vr, slot * l->chain);
	hd_packed_expose(vr);
	vr->fresh = vr->slots;
}
