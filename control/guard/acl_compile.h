/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access lists of a port as rules of its guards.
 *
 * DIRECTIONS are the switch's: HD_ACL_IN is what comes in by the port (its guest sends it), HD_ACL_OUT what leaves by
 * it. A direction with lists is filtered: what none of its rules decides meets the port's default. One without passes
 * everything. ARP that no arp rule decides, RARP and neighbour discovery always pass: they are port security's.
 *
 * CONNECTIONS. If any rule of a port's lists is stateful, both directions are tracked in a zone of the port's own
 * (hd_acl_zone). Rules decide on each packet of the side that opened the connection, not only on the first; an answer
 * passes if the connection was allowed when that was last looked at. So a changed list takes effect at once. Which it
 * was is in the connection's mark: HD_ACL_ALLOWED or HD_ACL_DENIED. Later fragments pass with their connection.
 *
 * Where a direction is filtered, packets that hide their L4 header from the switch are dropped.
 *
 * TABLES, of both guards. ENTRY: what is tracked and what always passes; TRACKED: answers; RULES: the lists, then the
 * default; ACCEPT: what allow does.
 */
#ifndef HD_GUARD_ACL_COMPILE_H
#define HD_GUARD_ACL_COMPILE_H

#include "acl.h"
#include "rules.h"

static_assert(HD_ACL_LISTS_MAX * HD_ACL_RULES_MAX * 2 < 65536 - 4, "each rule has two priorities of its own");

enum {
	HD_ACL_TABLE_ENTRY = HD_GUARD_ACL,
	HD_ACL_TABLE_TRACKED,
	HD_ACL_TABLE_RULES,
	HD_ACL_TABLE_ACCEPT,
};

#define HD_ACL_ALLOWED 1 /* ct_mark, in the port's zone */
#define HD_ACL_DENIED 2

struct hd_acl_port {
	uint16_t ofport;
	bool default_allow;
	uint8_t n_lists[HD_ACL_DIRS];
	const struct hd_acl *lists[HD_ACL_DIRS][HD_ACL_LISTS_MAX]; /* in the order in which they are asked */
};

/* The zone in which a port's connections are tracked: the uppermost 4096 are the ports'. */
static inline uint16_t hd_acl_zone(uint16_t ofport)
{
	return (uint16_t)(0xf000 | ofport);
}
static_assert(HD_OFPORT_MAX <= 0xfff, "each port has a zone");

/* Is any rule of its lists stateful? */
bool hd_acl_tracks(const struct hd_acl_port *port);
/* Must packets pass the lists, or be tracked, in this direction? */
bool hd_acl_guards(const struct hd_acl_port *port, enum hd_acl_dir dir);
/* Adds the rules of one direction, from HD_ACL_TABLE_ENTRY on. If it does not guard: everything passes. */
void hd_acl_compile(struct hd_guard_rules *rules, const struct hd_acl_port *port, enum hd_acl_dir dir);

#endif
