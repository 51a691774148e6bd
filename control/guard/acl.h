/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access lists: rules in order, of which the first that fits decides; and their text.
 *
 *   allow|deny PROTO [from ADDRS [port PORTS]] [to ADDRS [port PORTS]] [type N [code N]] [stateless]
 *
 * PROTO   any (IPv4 and IPv6), tcp, udp, sctp, icmp (of IPv4), icmp6, arp, or a number of IP's
 * ADDRS   any, or addresses and prefixes of either version, separated by commas
 * PORTS   numbers and ranges, separated by commas: 80,443,8000-8999
 *
 * Behind "from A", "port" means the sender's, anywhere else the receiver's. A rule is stateful unless it or its list
 * says otherwise: answers to what it allows pass too, in the other direction. No DPDK; no state of their own.
 */
#ifndef HD_GUARD_ACL_H
#define HD_GUARD_ACL_H

#include <heddle/limits.h>

#include "prefix.h"

#define HD_ACLS_MAX 1024          /* lists */
#define HD_ACL_LISTS_MAX 8        /* of a port, in one direction */
#define HD_ACL_RULES_MAX 4000     /* of a list */
#define HD_ACL_TEXT_MAX 4096      /* bytes of a rule */
#define HD_ACL_ADDRS_MAX 256      /* on one side of a rule */
#define HD_ACL_RANGES_MAX 64      /* of ports, likewise */
#define HD_ACL_ALTERNATIVES 16384 /* matches that a rule may need */

enum hd_acl_what {
	HD_ACL_ANY,   /* IP */
	HD_ACL_PROTO, /* IP of protocol `proto` */
	HD_ACL_ARP,
};

#define HD_ACL_V4 1
#define HD_ACL_V6 2

struct hd_acl_range {
	uint16_t first, last;
};

/* Where from, or where to. Lists are sorted, without doubles; ranges neither touch nor overlap. */
struct hd_acl_side {
	uint16_t n_addrs, n_ranges; /* 0: any */
	struct hd_prefix *addrs;
	struct hd_acl_range *ranges;
};

struct hd_acl_rule {
	bool allow, stateless;
	enum hd_acl_what what;
	uint8_t proto;
	uint8_t families;   /* HD_ACL_V4, HD_ACL_V6: in which there are such packets */
	int16_t type, code; /* of ICMP; -1: any */
	struct hd_acl_side from, to;
};

/* As the switch sees it: what comes in by a port, what leaves by it. */
enum hd_acl_dir { HD_ACL_IN, HD_ACL_OUT, HD_ACL_DIRS };

struct hd_acl {
	char name[HD_NAME_MAX + 1];
	bool stateless; /* all of its rules */
	uint16_t n_rules;
	struct hd_acl_rule *rules;
};

struct hd_acl_error {
	size_t column; /* 1.. */
	char text[192];
};

/* Returns 0, -EINVAL and the error, or -ENOMEM. hd_acl_rule_clear the rule. */
int hd_acl_rule_parse(const char *text, struct hd_acl_rule *rule, struct hd_acl_error *error);
void hd_acl_rule_clear(struct hd_acl_rule *rule);
void hd_acl_clear(struct hd_acl *acl);
/* The rule's one canonical text, which parses to the same rule. NULL if out of memory; free() it. */
char *hd_acl_rule_format(const struct hd_acl_rule *rule);

/*
 * The fewest values under masks that make up a range of ports, in host order. Returns how many, at most
 * HD_ACL_MASKS_MAX.
 */
#define HD_ACL_MASKS_MAX 30
struct hd_acl_mask {
	uint16_t value, mask;
};
unsigned int hd_acl_range_masks(struct hd_acl_range range, struct hd_acl_mask masks[HD_ACL_MASKS_MAX]);

/* Values under masks that a side's ports need; 1 if any. */
unsigned int hd_acl_side_masks(const struct hd_acl_side *side);

#endif
