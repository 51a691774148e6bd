/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the tuple of a packet, of whatever kind; within hdr, with every length checked. */
#include <netinet/in.h>

#include "ct_packet.h"

#define IPV4_MF 0x2000
#define IPV4_OFFSET 0x1fff
#define EXTENSIONS_MAX 8 /* as parse */
/* l4 is a byte (pkt.h); room for a TCP header behind it. */
#define L4_MAX (UINT8_MAX - 20)

static bool read_ipv4(const struct hd_pkt *pkt, struct hd_ct_packet *packet, uint32_t *id)
{
	const uint8_t *ip = pkt->hdr + pkt->l3;
	uint16_t fragment = hd_ct_be16(ip + 6);
	uint32_t end = pkt->l3 + hd_ct_be16(ip + 2);

	packet->key.addr = hd_ct_load64(ip + 12);
	packet->end = (uint16_t)(end < pkt->hdr_len ? end : pkt->hdr_len);
	packet->l4 = (uint16_t)(pkt->l3 + (ip[0] & 0xfu) * 4);
	packet->proto = ip[9];
	packet->later = (fragment & IPV4_OFFSET) != 0;
	packet->first = !packet->later && (fragment & IPV4_MF) != 0;
	*id = hd_ct_be16(ip + 4);
	return true;
}

/* One extension header (RFC 8200 section 4). Its length, 0 if `proto` is none, -1 if it is cut off. */
static int read_extension(const struct hd_pkt *pkt, struct hd_ct_packet *packet, uint32_t at, uint32_t *id)
{
	const uint8_t *extension = pkt->hdr + at;
	int length;

	switch (packet->proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_FRAGMENT:
		break;
	default:
		return 0;
	}
	if (at + 8 > packet->end)
		return -1;
	length = packet->proto == IPPROTO_FRAGMENT ? 8 : (extension[1] + 1) * 8;
	if (packet->proto == IPPROTO_FRAGMENT) {
		packet->later = hd_ct_be16(extension + 2) >> 3 != 0;
		packet->first = !packet->later;
		*id = (uint32_t)hd_ct_be16(extension + 4) << 16 | hd_ct_be16(extension + 6);
	}
	packet->proto = extension[0];
	return length;
}

static bool read_ipv6(const struct hd_pkt *pkt, struct hd_ct_packet *packet, uint32_t *id)
{
	const uint8_t *ip = pkt->hdr + pkt->l3;
	uint32_t end = pkt->l3 + 40u + hd_ct_be16(ip + 4), at = pkt->l3 + 40u;

	hd_ct_load_v6(&packet->key, ip + 8);
	packet->end = (uint16_t)(end < pkt->hdr_len ? end : pkt->hdr_len);
	packet->proto = ip[6];
	for (int i = 0; i < EXTENSIONS_MAX && !packet->later; i++) {
		int length = read_extension(pkt, packet, at, id);

		if (length < 0)
			return false;
		if (length == 0)
			break;
		at += (uint32_t)length;
	}
	packet->l4 = (uint16_t)at;
	return true;
}

static bool is_icmp(uint8_t proto, bool v6)
{
	return proto == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

bool hd_ct_read_ports(const uint8_t *l4, uint32_t room, uint8_t proto, bool v6, struct hd_ct_ports *ports)
{
	int request;

	*ports = (struct hd_ct_ports){0};
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP) {
		if (room < 8)
			return false;
		ports->ports = hd_ct_load32(l4);
		return true;
	}
	if (!is_icmp(proto, v6))
		return true;
	if (room < 8)
		return false;
	request = hd_ct_icmp_request(l4[0], v6, &ports->answer);
	if (request < 0)
		return false;
	ports->ports = hd_ct_load16(l4 + 4) | (uint32_t)hd_ct_swap16((uint16_t)(request << 8 | l4[1])) << 16;
	if (ports->answer)
		ports->ports = ports->ports << 16 | ports->ports >> 16;
	return true;
}

/* Is the L4 header all there, where it must be read? */
static bool has_l4(const struct hd_pkt *pkt, const struct hd_ct_packet *packet, bool v6)
{
	uint32_t need = packet->proto == IPPROTO_TCP ? 20 : 8;

	if (packet->l4 > L4_MAX || packet->l4 + need > packet->end)
		return false;
	if (packet->proto == IPPROTO_TCP)
		need = (uint32_t)(pkt->hdr[packet->l4 + 12] >> 4) * 4;
	return need >= 8 && packet->l4 + need <= packet->end;
}

static bool read_l4(struct hd_ct *ct, struct hd_ct_owner *owner, const struct hd_pkt *pkt, struct hd_ct_packet *packet,
		    struct hd_ct_clue clue)
{
	bool v6 = packet->key.rest & HD_CT_V6_BIT;
	bool known = packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP || is_icmp(packet->proto, v6);
	struct hd_ct_ports ports;

	if (packet->later) {
		packet->l4 = 0;
		return !known || hd_ct_fragment_find(ct, owner, &packet->key, clue.id, clue.now);
	}
	if (!known) {
		packet->l4 = 0;
		return true;
	}
	if (!has_l4(pkt, packet, v6))
		return false;
	if (is_icmp(packet->proto, v6) && hd_ct_icmp_is_error(pkt->hdr[packet->l4], v6))
		return !packet->first && hd_ct_icmp_read_error(pkt, packet);
	if (!hd_ct_read_ports(pkt->hdr + packet->l4, (uint32_t)(packet->end - packet->l4), packet->proto, v6, &ports))
		return false;
	packet->key.rest |= ports.ports;
	packet->answer = ports.answer;
	if (packet->first)
		hd_ct_fragment_store(ct, owner, &packet->key, clue.id, clue.now);
	return true;
}

bool hd_ct_read(struct hd_ct *ct, struct hd_ct_owner *owner, const struct hd_pkt *pkt, uint16_t zone, uint32_t now,
		struct hd_ct_packet *packet)
{
	bool v6 = pkt->eth_type == 0x86dd;
	struct hd_ct_clue clue = {.now = now};

	memset(packet, 0, sizeof(*packet));
	if (pkt->l3 == 0 || !(v6 ? read_ipv6(pkt, packet, &clue.id) : read_ipv4(pkt, packet, &clue.id)))
		return false;
	packet->key.rest = hd_ct_rest(0, zone, packet->proto, v6 ? 6 : 4);
	return read_l4(ct, owner, pkt, packet, clue);
}
