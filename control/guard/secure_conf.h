/* SPDX-License-Identifier: BSD-3-Clause */
/* What a secured port is configured with: whose addresses it may use. What that means: secure.h. */
#ifndef HD_GUARD_SECURE_CONF_H
#define HD_GUARD_SECURE_CONF_H

#include "prefix.h"

#define HD_SECURE_MACS_MAX 16
#define HD_SECURE_IPS_MAX 64

struct hd_secure_conf {
	uint8_t n_macs; /* 0: not secured */
	uint8_t n_ips;  /* 0: whatever IP addresses */
	uint8_t macs[HD_SECURE_MACS_MAX][6];
	struct hd_prefix ips[HD_SECURE_IPS_MAX];
};

#endif
