/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VLAN membership of a bridge port: which VLAN a frame belongs to on the way in, and what tag it wears on
 * the way out (IEEE 802.1Q-2018 6.9 and 8.8; terms as in Open vSwitch and Linux bridges).
 *
 * - access: carries one VLAN, untagged. A tagged frame is refused, save a priority tag (VID 0), which is removed.
 * - trunk: carries the VLANs of its set, tagged; the native VLAN, if any, untagged.
 * - transparent (no VLAN settings): carries every VLAN tagged, and VLAN 0, the untagged traffic, untagged.
 */
#ifndef HD_VLAN_H
#define HD_VLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "drop.h"

#define HD_VLAN_IDS 4096
#define HD_VLAN_NONE 0 /* no native VLAN; as an effective VLAN: untagged traffic of transparent ports */

enum hd_vlan_mode { HD_VLAN_TRANSPARENT, HD_VLAN_ACCESS, HD_VLAN_TRUNK };

struct hd_vlan_conf {
	enum hd_vlan_mode mode;
	uint16_t pvid;                      /* access: its VLAN; trunk: its native VLAN or HD_VLAN_NONE */
	uint64_t allowed[HD_VLAN_IDS / 64]; /* trunk: a bit per VLAN; derived for the other modes by init */
};

static inline bool hd_vlan_allowed(const struct hd_vlan_conf *conf, uint16_t vid)
{
	return conf->allowed[(vid & 4095) / 64] >> (vid % 64) & 1;
}

bool hd_vlan_equal(const struct hd_vlan_conf *a, const struct hd_vlan_conf *b);

/* A frame of effective VLAN `vid` leaves this port tagged (true) or untagged. */
static inline bool hd_vlan_tags(const struct hd_vlan_conf *conf, uint16_t vid)
{
	return vid != conf->pvid;
}

/*
 * Make a port's membership: access to VLAN `pvid`; trunk with native VLAN `pvid` or HD_VLAN_NONE (carries its native
 * VLAN; the others are added with hd_vlan_allow); or transparent, whatever pvid is.
 */
void hd_vlan_init(struct hd_vlan_conf *conf, enum hd_vlan_mode mode, uint16_t pvid);
/* Trunk: carry `vid` as well. What is not 1..4094 is ignored. */
void hd_vlan_allow(struct hd_vlan_conf *conf, uint16_t vid);

/*
 * The effective VLAN of a frame that came in with the tag `tci` (tagged) or without one.
 * Returns HD_DROP_NONE and sets *vid, or the reason to drop the frame.
 */
static inline enum hd_drop hd_vlan_classify(const struct hd_vlan_conf *conf, bool tagged, uint16_t tci, uint16_t *vid)
{
	uint16_t tag = tagged ? tci & 0xfff : 0;

	if (tag == 0) { /* untagged, or only a priority */
		if (conf->mode == HD_VLAN_TRUNK && conf->pvid == HD_VLAN_NONE)
			return HD_DROP_VLAN_UNTAGGED;
		*vid = conf->pvid;
		return HD_DROP_NONE;
	}
	if (conf->mode == HD_VLAN_ACCESS)
		return HD_DROP_VLAN_TAGGED;
	if (!hd_vlan_allowed(conf, tag))
		return HD_DROP_VLAN_FILTERED;
	*vid = tag;
	return HD_DROP_NONE;
}

#endif
