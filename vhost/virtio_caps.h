/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtio-net features (VIRTIO 1.2 section 5.1.3) as the offloads that they allow. */
#ifndef HD_VIRTIO_CAPS_H
#define HD_VIRTIO_CAPS_H

#include <linux/virtio_net.h>
#include <stdint.h>

#include "port.h"

static inline uint8_t hd_virtio_caps(uint64_t features, unsigned int csum, unsigned int tso4, unsigned int tso6)
{
	uint8_t caps = HD_CAP_CSUM;

	if (!(features >> csum & 1))
		return 0; /* section 5.1.3.1: the others require it */
	if (features >> tso4 & 1)
		caps |= HD_CAP_TSO4;
	if (features >> tso6 & 1)
		caps |= HD_CAP_TSO6;
	return caps;
}

/* What we may leave to the guest, in frames that it receives. */
static inline uint8_t hd_virtio_guest_caps(uint64_t features)
{
	return hd_virtio_caps(features, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6);
}

/* What the guest may leave to us, in frames that it sends. */
static inline uint8_t hd_virtio_host_caps(uint64_t features)
{
	return hd_virtio_caps(features, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6);
}

#endif
