/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the translation of virtio-net headers that ask for something. */
#include "vnet.h"

void hd_vnet_parse(const uint8_t *header, uint8_t negotiated, struct hd_offload *off)
{
	struct virtio_net_hdr vnet;
	uint8_t gso;

	memcpy(&vnet, header, sizeof(vnet));
	if ((vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && (negotiated & HD_CAP_CSUM)) {
		off->flags = HD_OFF_NEEDS_CSUM;
		off->csum_start = vnet.csum_start;
		off->csum_offset = vnet.csum_offset;
	}
	gso = vnet.gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN; /* *_ECN is never negotiated */
	if ((gso == VIRTIO_NET_HDR_GSO_TCPV4 && !(negotiated & HD_CAP_TSO4)) ||
	    (gso == VIRTIO_NET_HDR_GSO_TCPV6 && !(negotiated & HD_CAP_TSO6)))
		return;
	off->gso = gso;
	off->gso_size = vnet.gso_size;
}

void hd_vnet_write(uint8_t *header, const struct hd_pkt *pkt, uint32_t len, bool csum_valid, uint16_t num_buffers)
{
	struct virtio_net_hdr_v1 vnet = {.num_buffers = num_buffers};

	vnet.gso_type = pkt->off.gso;
	vnet.gso_size = pkt->off.gso_size;
	if (pkt->off.gso != HD_GSO_NONE)
		vnet.hdr_len = (uint16_t)hd_offload_header_len(pkt);
	if (pkt->off.flags & HD_OFF_NEEDS_CSUM) {
		vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet.csum_start = pkt->off.csum_start;
		vnet.csum_offset = pkt->off.csum_offset;
	} else if ((pkt->off.flags & HD_OFF_CSUM_VALID) && csum_valid) {
		vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
	memcpy(header, &vnet, len);
}
