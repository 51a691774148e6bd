/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Port security: whose addresses a port may use.
 *
 * A secured port has MAC addresses, one at least, and possibly IP addresses or prefixes. What comes in by it
 *
 *   must have one of the MACs as its source, also as ARP's sender and in the options of neighbour discovery;
 *   must not answer for a DHCP server (UDP to port 68 or 546) or for a router (router advertisements, redirects);
 *   must not hide from these checks: IPv6 extension headers that end out of sight, ICMPv6 and UDP without a header.
 *
 * With IP addresses, it also
 *
 *   must come from one of them, or from the link-local address that RFC 4291 (appendix A) makes of one of the MACs;
 *   from no address only as far as that is how a station begins: DHCP requests, ARP probes, duplicate address
 *   detection of one of these addresses, router solicitations and MLD reports;
 *   must claim no others in ARP and neighbour discovery;
 *   is IPv4, IPv6, ARP or RARP, and nothing else.
 *
 * If the addresses are of one IP version, the other one is not for the port (of IPv6, link-local addresses remain).
 * It is compiled to tables 0..SECURE of the bridge's HD_GUARD_IN; what passes goes on to table HD_GUARD_ACL.
 */
#ifndef HD_GUARD_SECURE_H
#define HD_GUARD_SECURE_H

#include "rules.h"
#include "secure_conf.h"

/* Adds the rules for the port of this ofport; of one that is not secured, the way to table HD_GUARD_ACL. */
void hd_secure_compile(struct hd_guard_rules *rules, const struct hd_secure_conf *conf, uint16_t ofport);

#endif
