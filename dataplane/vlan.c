/* SPDX-License-Identifier: BSD-3-Clause */
/* VLAN membership: building the set of VLANs that a port carries. */
#include <heddle/limits.h>

#include <string.h>

#include "vlan.h"

void hd_vlan_init(struct hd_vlan_conf *conf, enum hd_vlan_mode mode, uint16_t pvid)
{
	memset(conf, 0, sizeof(*conf));
	conf->mode = mode;
	if (mode == HD_VLAN_TRANSPARENT) {
		conf->pvid = HD_VLAN_NONE; /* and VLAN 0 is carried */
		memset(conf->allowed, 0xff, sizeof(conf->allowed));
		conf->allowed[HD_VLAN_IDS / 64 - 1] &= ~(UINT64_C(1) << 63); /* 4095 is reserved */
		return;
	}
	conf->pvid = pvid;
	hd_vlan_allow(conf, pvid);
}

void hd_vlan_allow(struct hd_vlan_conf *conf, uint16_t vid)
{
	if (vid >= HD_VLAN_MIN && vid <= HD_VLAN_MAX)
		conf->allowed[vid / 64] |= UINT64_C(1) << (vid % 64);
}

bool hd_vlan_equal(const struct hd_vlan_conf *a, const struct hd_vlan_conf *b)
{
	return a->mode == b->mode && a->pvid == b->pvid && memcmp(a->allowed, b->allowed, sizeof(a->allowed)) == 0;
}
