/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of a guard, on their way into its tables: a growing list, and what makes writing them short.
 *
 * In guards, a key's in_port is the ofport of the guarded port: the one by which the packet comes in (HD_GUARD_IN) or
 * is to leave (HD_GUARD_OUT). Every rule of a port's matches it exactly, so ports share tables without meeting.
 *
 * TABLES. 0: where packets begin. 1..: port security (secure.h). HD_GUARD_ACL..: access lists (acl_compile.h).
 *
 * Control thread. No DPDK.
 */
#ifndef HD_GUARD_RULES_H
#define HD_GUARD_RULES_H

#include <arpa/inet.h>
#include <string.h>

#include "drop.h"
#include "flow/tables.h"

#define HD_GUARD_ACL 16 /* the first table of access lists */

#define HD_ETH_IPV4 0x0800
#define HD_ETH_ARP 0x0806
#define HD_ETH_RARP 0x8035
#define HD_ETH_IPV6 0x86dd

/*
 * Cookies say what a rule was compiled from: the kind in the top byte; of access lists, below it, a hash of the list's
 * name and the rule's place in it, from 1.
 */
enum hd_guard_kind {
	HD_GUARD_OPEN = 1,    /* a port without security and lists */
	HD_GUARD_SECURE,      /* port security */
	HD_GUARD_RULE,        /* a rule of an access list */
	HD_GUARD_DEFAULT,     /* what happens if no rule of the lists decides */
	HD_GUARD_ESTABLISHED, /* answers of connections that lists allowed, ARP, neighbour discovery */
};

static inline uint64_t hd_guard_cookie(enum hd_guard_kind kind)
{
	return (uint64_t)kind << 56;
}

static inline enum hd_guard_kind hd_guard_cookie_kind(uint64_t cookie)
{
	return (enum hd_guard_kind)(cookie >> 56);
}

/* Of rule `line` (1..) of a list. */
uint64_t hd_guard_cookie_rule(const char *list, uint16_t line);

static inline uint16_t hd_guard_cookie_line(uint64_t cookie)
{
	return (uint16_t)cookie;
}

/* "acl web:3", "acl default", "port security"; `list`: the name that the cookie has, if it is known. */
#define HD_GUARD_TEXT_MAX 64
void hd_guard_cookie_text(uint64_t cookie, const char *list, char text[HD_GUARD_TEXT_MAX]);

/* Zero it to begin. Out of memory is remembered: the rest is not added. */
struct hd_guard_rules {
	struct hd_rule_spec *specs;
	size_t n, room;
	bool failed;
};

struct hd_guard_place {
	uint8_t table;
	uint16_t priority;
	uint64_t cookie;
};

/* Copies the actions, and what they point to. */
void hd_guard_rules_add(struct hd_guard_rules *rules, struct hd_guard_place place, const struct hd_match *match,
			const struct hd_action *actions, uint32_t n);
/* Frees what is left in it. */
void hd_guard_rules_clear(struct hd_guard_rules *rules);

/* ---- Actions. ---- */

static inline struct hd_action hd_guard_pass(void)
{
	return (struct hd_action){.type = HD_ACT_PASS};
}

static inline struct hd_action hd_guard_blame(enum hd_drop reason)
{
	return (struct hd_action){.type = HD_ACT_BLAME, .id = reason};
}

static inline struct hd_action hd_guard_table(uint8_t table)
{
	return (struct hd_action){.type = HD_ACT_RESUBMIT, .resubmit = {.table = table}};
}

/* ---- Matches. ---- */

#define HD_MATCH(match, field, value)                                                                                  \
	((match)->key.field = (value), (match)->mask.field = (__typeof__((match)->mask.field))(-1))

static inline void hd_match_mac(uint8_t key[6], uint8_t mask[6], const uint8_t mac[6])
{
	memcpy(key, mac, 6);
	memset(mask, 0xff, 6);
}

/* The first `length` bits of an address of `size` bytes. */
static inline void hd_match_prefix(void *key, void *mask, const uint8_t *addr, unsigned int size, unsigned int length)
{
	uint8_t *k = (uint8_t *)key, *m = (uint8_t *)mask;

	for (unsigned int i = 0; i < size; i++) {
		unsigned int bits = length > 8 * i ? length - 8 * i : 0;

		m[i] = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
		k[i] = addr[i] & m[i];
	}
}

/* An IP packet of protocol `proto`; eth_type in host order. */
static inline void hd_match_proto(struct hd_match *match, uint16_t eth_type, uint8_t proto)
{
	HD_MATCH(match, eth_type, htons(eth_type));
	HD_MATCH(match, ip_proto, proto);
}

/* Not a later fragment: what the key says of L4 is true. */
static inline void hd_match_not_later(struct hd_match *match)
{
	match->mask.ip_frag |= HD_KEY_FRAG_LATER;
}

#endif
