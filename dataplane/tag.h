/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts an 802.1Q tag on a packet and takes it off, in the private header, moving the twelve address bytes. */
#ifndef HD_TAG_H
#define HD_TAG_H

#include "pkt.h"

/* PMD threads. The packet has no tag and HD_HEADROOM writable bytes in front of hdr; keeps the PCP and DEI of tci. */
void hd_tag_push(struct hd_pkt *pkt, uint16_t vid);
/* The packet has a tag (HD_PKT_TAGGED). */
void hd_tag_pop(struct hd_pkt *pkt);

/* The frame's first byte moves by `by` towards the front: all that counts from it moves along, but no bytes. */
void hd_tag_shift(struct hd_pkt *pkt, int by);

#endif
