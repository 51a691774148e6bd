/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP and ICMPv6: which types belong together, and errors, which belong to the connection of the packet in them. */
#include <netinet/in.h>

#include "../flow/rewrite.h"
#include "ct_packet.h"

#define EXTENSIONS_MAX 8

int hd_ct_icmp_request(uint8_t type, bool v6, bool *answer)
{
	static const struct {
		bool v6;
		uint8_t request, answer;
	} pairs[] = {
		{false, 8, 0},    /* echo, RFC 792 */
		{false, 13, 14},  /* timestamp */
		{false, 15, 16},  /* information */
		{true, 128, 129}, /* echo, RFC 4443 */
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (pairs[i].v6 != v6 || (type != pairs[i].request && type != pairs[i].answer))
			continue;
		*answer = type == pairs[i].answer;
		return pairs[i].request;
	}
	return -1;
}

bool hd_ct_icmp_is_error(uint8_t type, bool v6)
{
	if (v6)
		return type >= 1 && type <= 4;                                  /* RFC 4443 section 3 */
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12; /* RFC 792 */
}

/* ---- Reading ---- */

static bool read_inner_ipv4(const uint8_t *ip, uint32_t room, struct hd_ct_packet *packet, struct hd_ct_key *key)
{
	uint32_t header = (ip[0] & 0xfu) * 4;

	if (room < 20 || ip[0] >> 4 != 4 || header < 20 || header > room || (hd_ct_be16(ip + 6) & 0x1fff) != 0)
		return false;
	key->addr = hd_ct_load64(ip + 12);
	packet->inner_proto = ip[9];
	packet->inner_l4 = (uint16_t)(packet->inner + header);
	return true;
}

static bool read_inner_ipv6(const uint8_t *ip, uint32_t room, struct hd_ct_packet *packet, struct hd_ct_key *key)
{
	uint32_t at = 40;
	uint8_t proto;

	if (room < 40 || ip[0] >> 4 != 6)
		return false;
	hd_ct_load_v6(key, ip + 8);
	proto = ip[6];
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		bool fragment = proto == IPPROTO_FRAGMENT;

		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING && proto != IPPROTO_DSTOPTS && !fragment)
			break;
		if (at + 8 > room || (fragment && hd_ct_be16(ip + at + 2) >> 3 != 0))
			return false;
		proto = ip[at];
		at += fragment ? 8 : (ip[at + 1] + 1u) * 8;
	}
	if (at > room)
		return false;
	packet->inner_proto = proto;
	packet->inner_l4 = (uint16_t)(packet->inner + at);
	return true;
}

bool hd_ct_icmp_read_error(const struct hd_pkt *pkt, struct hd_ct_packet *packet)
{
	bool v6 = packet->key.rest & HD_CT_V6_BIT;
	uint16_t zone = (uint16_t)(packet->key.rest >> 32);
	struct hd_ct_key inner = {0};
	struct hd_ct_ports ports;
	const uint8_t *ip;
	uint32_t room;

	packet->error = true;
	packet->inner = (uint16_t)(packet->l4 + 8);
	if (packet->inner + 1 > packet->end)
		return false;
	ip = pkt->hdr + packet->inner;
	room = (uint32_t)(packet->end - packet->inner);
	if (!(v6 ? read_inner_ipv6(ip, room, packet, &inner) : read_inner_ipv4(ip, room, packet, &inner)))
		return false;
	if (!hd_ct_read_ports(pkt->hdr + packet->inner_l4, (uint32_t)(packet->end - packet->inner_l4),
			      packet->inner_proto, v6, &ports))
		return false;
	inner.rest = hd_ct_rest(ports.ports, zone, packet->inner_proto, v6 ? 6 : 4);
	hd_ct_turn(&packet->key, &inner);
	return true;
}

/* ---- Translation of the packet in an error ---- */

/* Bytes that are replaced, and the sums of 16-bit words that this changes. Everything is at even distances. */
struct patch {
	struct hd_pkt *pkt;
	uint32_t end;
	uint32_t inner_sum; /* what checksums in the inner packet's headers lack */
	uint32_t outer_sum; /* what the error's own lacks */
};

static uint32_t add_change(uint32_t sum, const uint8_t *from, const uint8_t *to, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i += 2)
		sum += (uint16_t)~hd_ct_be16(from + i) + hd_ct_be16(to + i);
	return sum;
}

static void replace(struct patch *patch, uint32_t at, const void *to, uint32_t bytes)
{
	uint8_t *from = patch->pkt->hdr + at;

	patch->inner_sum = add_change(patch->inner_sum, from, to, bytes);
	patch->outer_sum = add_change(patch->outer_sum, from, to, bytes);
	memcpy(from, to, bytes);
}

/* RFC 1624 equation 3. */
static uint16_t corrected(uint16_t checksum, uint32_t change)
{
	uint32_t sum = (uint16_t)~checksum + (change & 0xffff) + (change >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A checksum in the inner packet, for what was replaced so far. None where it is cut off. */
static void correct(struct patch *patch, uint32_t at, uint32_t change, bool udp)
{
	uint8_t *from = patch->pkt->hdr + at, to[2];
	uint16_t checksum;

	if (at + 2 > patch->end)
		return;
	checksum = hd_ct_be16(from);
	if (udp && checksum == 0)
		return;
	checksum = corrected(checksum, change);
	if (udp && checksum == 0)
		checksum = 0xffff;
	to[0] = (uint8_t)(checksum >> 8);
	to[1] = (uint8_t)checksum;
	patch->outer_sum = add_change(patch->outer_sum, from, to, 2);
	memcpy(from, to, 2);
}

static void replace_ports(struct patch *patch, const struct hd_ct_packet *packet, const struct hd_ct_key *to, bool v6)
{
	uint32_t ports = (uint32_t)to->rest, at = packet->inner_l4;
	uint32_t addresses = patch->inner_sum;
	uint8_t proto = packet->inner_proto;
	bool answer = false;
	uint16_t id;

	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP) {
		replace(patch, at, &ports, 4);
		correct(patch, at + (proto == IPPROTO_TCP ? 16 : 6), patch->inner_sum, proto == IPPROTO_UDP);
		return;
	}
	if (proto != (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return;
	hd_ct_icmp_request(patch->pkt->hdr[at], v6, &answer);
	id = (uint16_t)(answer ? ports >> 16 : ports);
	replace(patch, at + 4, &id, 2);
	/* ICMPv6's checksum covers the addresses. */
	correct(patch, at + 2, v6 ? patch->inner_sum : patch->inner_sum - addresses, false);
}

static void translate_inner(struct hd_pkt *pkt, const struct hd_ct_packet *packet, const struct hd_ct_key *to)
{
	bool v6 = to->rest & HD_CT_V6_BIT;
	struct patch patch = {.pkt = pkt, .end = packet->end};
	uint8_t *checksum = pkt->hdr + packet->l4 + 2;
	uint16_t value;

	if (v6) {
		replace(&patch, packet->inner + 8u, to->v6, 32);
	} else {
		replace(&patch, packet->inner + 12u, &to->addr, 8);
		correct(&patch, packet->inner + 10u, patch.inner_sum, false);
	}
	replace_ports(&patch, packet, to, v6);
	value = corrected(hd_ct_be16(checksum), patch.outer_sum);
	checksum[0] = (uint8_t)(value >> 8);
	checksum[1] = (uint8_t)value;
}

bool hd_ct_icmp_translate(struct hd_ct *ct, struct hd_pkt *pkt, const struct hd_ct_packet *packet,
			  const struct hd_ct_conn *conn, unsigned int dir)
{
	struct hd_ct_key inner;

	/* The packet in it as its sender knows it: as it was before its own translation. */
	hd_ct_key_of(ct, conn, !dir, &inner);
	if (inner.rest == 0 || !hd_ct_nat_apply(ct, pkt, packet, conn, dir))
		return false;
	translate_inner(pkt, packet, &inner);
	return true;
}
