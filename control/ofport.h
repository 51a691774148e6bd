/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The numbers by which rules call ports: one a name, over all bridges, the lowest that is free.
 *
 * A number stays while there is a port of that name, and while a rule or group names it: a port that comes back has
 * its rules again. Numbers are given up only when a new name needs one (hd_ofports_take sweeps), and never while a
 * change is being prepared that may yet use them (held, until hd_ofports_settle). Control thread only; names are found
 * by hash.
 */
#ifndef HD_OFPORT_H
#define HD_OFPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/key.h"

struct hd_ofports;

/* A set of numbers. */
struct hd_ofport_set {
	uint64_t bits[(HD_OFPORT_MAX + 64) / 64];
};

static inline void hd_ofport_set_add(struct hd_ofport_set *set, uint64_t ofport)
{
	if (ofport != HD_OFPORT_NONE && ofport <= HD_OFPORT_MAX)
		set->bits[ofport / 64] |= 1ull << (ofport % 64);
}

static inline bool hd_ofport_set_has(const struct hd_ofport_set *set, uint16_t ofport)
{
	return ofport <= HD_OFPORT_MAX && (set->bits[ofport / 64] >> (ofport % 64) & 1) != 0;
}

/* `used` adds to the set what rules and groups name; it is asked before numbers of ports that are gone are given up. */
struct hd_ofports *hd_ofports_create(void (*used)(void *context, struct hd_ofport_set *set), void *context);
void hd_ofports_destroy(struct hd_ofports *ofports); /* accepts NULL */

/* The number of a name, or HD_OFPORT_NONE. */
uint16_t hd_ofports_find(const struct hd_ofports *ofports, const char *name, size_t length);
/* The same, a new one if it has none; it is held until hd_ofports_settle. HD_OFPORT_NONE if there is none left. */
uint16_t hd_ofports_take(struct hd_ofports *ofports, const char *name, size_t length);
/* The name of a number, or NULL. Valid until the next take. */
const char *hd_ofports_name(const struct hd_ofports *ofports, uint16_t ofport);

/* Grows when a number is given up: as long as it is the same, numbers mean what they meant. */
uint64_t hd_ofports_generation(const struct hd_ofports *ofports);

/* Which bridge, by its serial, the number's port is in; 0: there is no such port. */
uint32_t hd_ofports_bridge(const struct hd_ofports *ofports, uint16_t ofport);
void hd_ofports_bind(struct hd_ofports *ofports, uint16_t ofport, uint32_t bridge);
void hd_ofports_unbind_all(struct hd_ofports *ofports);
/* A change is over, one way or the other: what was taken for it is held no longer. */
void hd_ofports_settle(struct hd_ofports *ofports);

#endif
