/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of virtio-net features (VIRTIO 1.2 sections 5.1.3 and 6) and of vhost-user protocol features. */
#ifndef HD_VIRTIO_FEATURES_H
#define HD_VIRTIO_FEATURES_H

#include <jansson.h>
#include <stdint.h>

/* ["csum", "guest_csum", ...]: the names of the bits that are set, "bit41" for those without. A new reference. */
json_t *hd_features_names(uint64_t features);
/* The same of protocol features: ["mq", "log_shmfd", ...]. */
json_t *hd_protocol_features_names(uint64_t features);

#endif
