/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading keys fast, for code that runs once a packet.
 *
 * Words of a key that a packet can make other than zero, by what it is (bits of HD_KEY_WORDS_*):
 *
 *   IPv4  0..4             IPv6  0, 1, 2, 4..8, 13; neighbour discovery 9..12 as well
 *   ARP   0..3, 11, 12     other 0, 1, 2
 *
 * Any thread. Little endian only, as is the rest of the data path.
 */
#ifndef HD_FLOW_KEY_EXTRACT_H
#define HD_FLOW_KEY_EXTRACT_H

#include <netinet/in.h>
#include <string.h>

#include "../pkt.h"
#include "key.h"

#define HD_KEY_WORDS_OTHER 0x0007u
#define HD_KEY_WORDS_IPV4 0x001fu
#define HD_KEY_WORDS_ARP 0x180fu
#define HD_KEY_WORDS_IPV6 0x21f7u
#define HD_KEY_WORDS_ND 0x3ff7u

#define HD_KEY_IPV4_WORDS 5

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are put together by shifting");
static_assert(offsetof(struct hd_key, eth_dst) == 8 && offsetof(struct hd_key, ip_proto) == 14, "word 1");
static_assert(offsetof(struct hd_key, eth_src) == 16 && offsetof(struct hd_key, ip_ttl) == 23, "word 2");
static_assert(offsetof(struct hd_key, ipv4_src) == 24 && offsetof(struct hd_key, tp_src) == 32, "words 3 and 4");
static_assert(offsetof(struct hd_key, tcp_flags) == 36 && offsetof(struct hd_key, vlan_tci) == 4, "words 4 and 0");

static inline uint64_t hd_key_load(const uint8_t *at, size_t n)
{
	uint64_t value = 0;

	memcpy(&value, at, n);
	return value;
}

/*
 * The words that an IPv4 packet's key has, if it is one of the common ones: TCP, UDP or ICMP that hd_parse has found,
 * at most one tag. False, and words undefined, if not: hd_key_extract does it then. All other words are zero. Words
 * are made in registers and stored once: whoever reads them next does not wait for narrower stores.
 */
static inline bool hd_key_ipv4_words(uint64_t words[HD_KEY_IPV4_WORDS], const struct hd_pkt *pkt, uint16_t ofport)
{
	const uint64_t mac = UINT64_C(0xffffffffffff);
	const uint8_t *hdr = pkt->hdr, *ip = hdr + pkt->l3, *l4 = hdr + pkt->l4;
	uint64_t tag = 0, ports;

	if (__builtin_expect(pkt->eth_type != 0x0800 || pkt->l4 == 0 || pkt->l3 > 18, 0))
		return false;
	if (pkt->l4_proto == IPPROTO_TCP)
		ports = hd_key_load(l4, 4) | (hd_key_load(l4 + 12, 2) & 0xff0f) << 32;
	else if (pkt->l4_proto == IPPROTO_UDP)
		ports = hd_key_load(l4, 4);
	else if (pkt->l4_proto == IPPROTO_ICMP)
		ports = (uint64_t)l4[0] << 8 | (uint64_t)l4[1] << 24;
	else
		return false;
	if (pkt->l3 == 18) /* one tag, of whichever kind */
		tag = hd_key_load(hdr + 14, 2) | htons(HD_KEY_VLAN_PRESENT);
	words[0] = ofport | (uint64_t)htons(0x0800) << 16 | tag << 32;
	words[1] = (hd_key_load(hdr, 8) & mac) | (uint64_t)pkt->l4_proto << 48;
	words[2] = (hd_key_load(hdr + 6, 8) & mac) | (uint64_t)ip[1] << 48 | (uint64_t)ip[8] << 56;
	words[3] = hd_key_load(ip + 12, 8);
	words[4] = ports;
	return true;
}

/*
 * Zero the words from the one behind IPv4's on. Written out: of a memset of this length compilers make an instruction
 * that takes as long as all the rest.
 */
static inline void hd_key_zero_rest(struct hd_key *key)
{
	typedef uint64_t words_4 __attribute__((vector_size(32), aligned(8), may_alias));
	const words_4 zero = {0};
	uint64_t *at = &key->word[HD_KEY_IPV4_WORDS];

	static_assert(HD_KEY_WORDS - HD_KEY_IPV4_WORDS == 5 * 4 + 1, "as many as are written here");
	*(words_4 *)at = zero;
	*(words_4 *)(at + 4) = zero;
	*(words_4 *)(at + 8) = zero;
	*(words_4 *)(at + 12) = zero;
	*(words_4 *)(at + 16) = zero;
	at[20] = 0;
}

/* As hd_key_extract; inline as far as packets are common. */
static inline void hd_key_extract_fast(struct hd_key *key, const struct hd_pkt *pkt, uint16_t ofport)
{
	if (__builtin_expect(!hd_key_ipv4_words(key->word, pkt, ofport), 0)) {
		hd_key_extract(key, pkt, ofport);
		return;
	}
	hd_key_zero_rest(key);
}

#endif
