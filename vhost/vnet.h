/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio-net header of a frame (VIRTIO 1.2 section 5.1.6) and the offload metadata it stands for. */
#ifndef HD_VNET_H
#define HD_VNET_H

#include <linux/virtio_net.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "offload.h"
#include "port.h"

#define HD_VNET_MAX 12    /* bytes */
#define HD_VNET_LEGACY 10 /* without num_buffers */

/* The general cases of the two below, out of the way of packets that ask for nothing. */
void hd_vnet_parse(const uint8_t *header, uint8_t negotiated, struct hd_offload *off);
void hd_vnet_write(uint8_t *header, const struct hd_pkt *pkt, uint32_t len, bool csum_valid, uint16_t num_buffers);

/*
 * What the guest asks for, from our copy of its header. Only what it negotiated (HD_CAP_*) counts, the rest is ignored;
 * parse checks it against the frame. A segmentation type that nobody offers is kept, for parse to refuse.
 */
static __rte_always_inline void hd_vnet_take(const uint8_t *header, uint8_t negotiated, struct hd_offload *off)
{
	uint16_t asks; /* flags and gso_type */

	memcpy(&asks, header, sizeof(asks));
	*off = (struct hd_offload){.gso = HD_GSO_NONE};
	if (unlikely(asks != 0))
		hd_vnet_parse(header, negotiated, off);
}

/* Write the header in front of a frame for a guest: `len` bytes, 12 or 10. `csum_valid`: it takes DATA_VALID. */
static __rte_always_inline void hd_vnet_give(uint8_t *header, const struct hd_pkt *pkt, uint32_t len, bool csum_valid,
					     uint16_t num_buffers)
{
	/* In stores as wide as the loads of the copy that follows at once: little endian. */
	const uint64_t nothing = 0;
	uint32_t rest = (uint32_t)num_buffers << 16;

	if (unlikely(pkt->off.flags | pkt->off.gso)) {
		hd_vnet_write(header, pkt, len, csum_valid, num_buffers);
		return;
	}
	memcpy(header, &nothing, sizeof(nothing));
	if (likely(len == HD_VNET_MAX))
		memcpy(header + sizeof(nothing), &rest, sizeof(rest));
	else
		memcpy(header + sizeof(nothing), &rest, HD_VNET_LEGACY - sizeof(nothing));
}

#endif
