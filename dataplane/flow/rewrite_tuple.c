/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns changes to addresses and ports, and the L4 checksums that cover them. */
#include "rewrite_impl.h"

#define IPV4_CHECKSUM 10
#define IPV4_SRC 12
#define IPV4_DST 16
#define IPV6_SRC 8
#define IPV6_DST 24
#define PORT_LEN 2
#define ICMP_ID 4
#define SCTP_CHECKSUM 8
#define CRC32C_POLY 0x82f63b78u /* bits reversed, as all here */

/* TCP's and UDP's are where hd_parse has found them, unless extension headers may have more to say. */
static inline void find_headers(struct hd_headers *headers, const struct hd_pkt *pkt)
{
	bool known = pkt->l4 != 0 && (pkt->l4_proto == IPPROTO_TCP || pkt->l4_proto == IPPROTO_UDP);

	if (known && (pkt->eth_type == HD_TYPE_IPV4 || pkt->l4 == pkt->l3 + HD_IPV6_LEN))
		*headers = (struct hd_headers){.l4 = pkt->l4, .end = pkt->hdr_len, .proto = pkt->l4_proto};
	else
		hd_headers_find(headers, pkt);
}

/*
 * ICMP has no pseudo-header, so its message may become nothing but zeros. Differences don't tell that sum, 0, from
 * one of 0xffff, whose checksum 0 is.
 */
static bool all_zero(const uint8_t *at, const uint8_t *end)
{
	while (at < end && *at == 0)
		at++;
	return at == end;
}

void hd_l4_checksum_update(struct hd_pkt *pkt, const struct hd_headers *headers, uint32_t pseudo, uint32_t own)
{
	uint8_t *l4 = pkt->hdr + headers->l4;

	if (headers->l4 == 0)
		return;
	switch (headers->proto) {
	case IPPROTO_TCP:
		if (pkt->off.flags & HD_OFF_NEEDS_CSUM)
			hd_sum_add(l4 + 16, pseudo);
		else
			hd_sum_update(l4 + 16, pseudo + own);
		break;
	case IPPROTO_UDP:
		if (pkt->off.flags & HD_OFF_NEEDS_CSUM) {
			hd_sum_add(l4 + 6, pseudo);
		} else if (l4[6] != 0 || l4[7] != 0) {
			hd_sum_update(l4 + 6, pseudo + own);
			if (l4[6] == 0 && l4[7] == 0)
				hd_store16(l4 + 6, 0xffff); /* RFC 768: 0 says that there is none */
		}
		break;
	case IPPROTO_ICMP:
		hd_sum_update(l4 + 2, own);
		if (all_zero(l4, pkt->hdr + headers->end))
			hd_store16(l4 + 2, 0xffff);
		break;
	case IPPROTO_ICMPV6:
		hd_sum_update(l4 + 2, pseudo + own);
		break;
	default:
		break;
	}
}

/* A change of addresses changes a checksum that is not in reach. */
static bool checksum_out_of_reach(const struct hd_pkt *pkt, const struct hd_headers *headers)
{
	if (headers->l4 != 0 || (headers->frag & HD_KEY_FRAG_LATER))
		return false;
	return headers->lost || headers->proto == IPPROTO_TCP || headers->proto == IPPROTO_UDP ||
	       (headers->proto == IPPROTO_ICMPV6 && pkt->eth_type == HD_TYPE_IPV6);
}

/* ---- SCTP: the CRC of a difference, by its place in the packet ---- */

/* Product of two polynomials modulo CRC-32C's; the top bit is x^0. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = UINT32_C(1) << 31; bit != 0; bit >>= 1) {
		product ^= a & bit ? b : 0;
		b = b >> 1 ^ (b & 1 ? CRC32C_POLY : 0);
	}
	return product;
}

/* x^(8 * n): what the CRC of `n` bytes multiplies by. */
static uint32_t power(uint32_t n)
{
	uint32_t result = UINT32_C(1) << 31, square = UINT32_C(1) << 23;

	for (; n != 0; n >>= 1) {
		if (n & 1)
			result = multiply(result, square);
		square = multiply(square, square);
	}
	return result;
}

/* Bytes of an unfragmented packet from L4 on, wherever they lie. */
static uint32_t l4_total(const struct hd_pkt *pkt, uint32_t l4)
{
	const uint8_t *ip = pkt->hdr + pkt->l3;

	if (pkt->eth_type == HD_TYPE_IPV4)
		return pkt->l3 + (uint32_t)hd_load16(ip + 2) - l4;
	return pkt->l3 + HD_IPV6_LEN + (uint32_t)hd_load16(ip + 4) - l4;
}

/*
 * CRCs are linear, but for constants that cancel out: the difference in the ports, which begin the packet, makes the
 * difference in the CRC of all of it.
 */
static void replace_sctp_ports(struct hd_pkt *pkt, uint32_t l4, const uint8_t *ports)
{
	uint8_t *sctp = pkt->hdr + l4;
	uint32_t difference = 0;

	for (uint32_t i = 0; i < 2 * PORT_LEN; i++)
		difference |= (uint32_t)(sctp[i] ^ ports[i]) << (8 * i);
	memcpy(sctp, ports, 2 * PORT_LEN);
	difference = multiply(difference, power(l4_total(pkt, l4)));
	for (uint32_t i = 0; i < 4; i++)
		sctp[SCTP_CHECKSUM + i] ^= (uint8_t)(difference >> (8 * i));
}

/* ---- */

/* RFC 792, 950 and 4443: echo, timestamp, information, address mask. */
static bool has_identifier(const uint8_t *icmp, uint8_t proto)
{
	uint8_t type = icmp[0];

	if (proto == IPPROTO_ICMPV6)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

static bool ports_in_reach(const struct hd_pkt *pkt, const struct hd_headers *headers)
{
	if (headers->l4 == 0)
		return false;
	switch (headers->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return true;
	case IPPROTO_SCTP:
		return headers->frag == 0;
	default: /* ICMP, ICMPv6: no other protocol has l4 */
		return headers->l4 + ICMP_ID + PORT_LEN <= headers->end &&
		       has_identifier(pkt->hdr + headers->l4, headers->proto);
	}
}

/* Returns the difference that the checksum has to take in. */
static uint32_t replace_ports(struct hd_pkt *pkt, const struct hd_headers *headers,
			      const struct hd_rewrite_tuple *tuple)
{
	uint8_t *l4 = pkt->hdr + headers->l4, ports[2 * PORT_LEN];

	memcpy(ports, l4, sizeof(ports));
	if (tuple->set_src_port)
		memcpy(ports, &tuple->src_port, PORT_LEN);
	if (tuple->set_dst_port)
		memcpy(ports + PORT_LEN, &tuple->dst_port, PORT_LEN);
	switch (headers->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return hd_sum_replace(l4, ports, sizeof(ports));
	case IPPROTO_SCTP:
		replace_sctp_ports(pkt, headers->l4, ports);
		return 0;
	default:
		return hd_sum_replace(l4 + ICMP_ID, tuple->set_src_port ? ports : ports + PORT_LEN, PORT_LEN);
	}
}

/* Returns the difference that the pseudo-header's sum has to take in. */
static uint32_t replace_addresses(struct hd_pkt *pkt, const struct hd_headers *headers,
				  const struct hd_rewrite_tuple *tuple)
{
	uint8_t *ip = pkt->hdr + pkt->l3;
	uint32_t pseudo = 0, destination = 0;

	if (pkt->eth_type == HD_TYPE_IPV4) {
		if (tuple->src != NULL)
			pseudo += hd_sum_replace(ip + IPV4_SRC, tuple->src, 4);
		if (tuple->dst != NULL)
			pseudo += hd_sum_replace(ip + IPV4_DST, tuple->dst, 4);
		hd_sum_update(ip + IPV4_CHECKSUM, pseudo);
		return pseudo;
	}
	if (tuple->src != NULL)
		pseudo += hd_sum_replace(ip + IPV6_SRC, tuple->src, 16);
	if (tuple->dst != NULL)
		destination = hd_sum_replace(ip + IPV6_DST, tuple->dst, 16);
	return headers->routed ? pseudo : pseudo + destination; /* RFC 8200 section 8.1: the last destination counts */
}

bool hd_rewrite_tuple(struct hd_pkt *pkt, const struct hd_rewrite_tuple *tuple)
{
	bool addresses = tuple->src != NULL || tuple->dst != NULL;
	bool ports = tuple->set_src_port || tuple->set_dst_port;
	uint32_t pseudo = 0, own = 0;
	struct hd_headers headers;

	if (pkt->l3 == 0)
		return false;
	find_headers(&headers, pkt);
	if (headers.frag & HD_KEY_FRAG_LATER)
		ports = false;
	if ((addresses && checksum_out_of_reach(pkt, &headers)) || (ports && !ports_in_reach(pkt, &headers)))
		return false;
	if (addresses)
		pseudo = replace_addresses(pkt, &headers, tuple);
	if (ports)
		own = replace_ports(pkt, &headers, tuple);
	hd_l4_checksum_update(pkt, &headers, pseudo, own);
	return true;
}

bool hd_rewrite_address(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	bool ipv4 = field == HD_FIELD_IPV4_SRC || field == HD_FIELD_IPV4_DST;
	bool src = field == HD_FIELD_IPV4_SRC || field == HD_FIELD_IPV6_SRC;
	const uint8_t *ip = pkt->hdr + pkt->l3;
	struct hd_rewrite_tuple tuple = {0};
	uint8_t address[16];

	if (ipv4 ? !hd_pkt_is_ipv4(pkt) : !hd_pkt_is_ipv6(pkt))
		return false;
	if (ipv4)
		hd_merge(address, ip + (src ? IPV4_SRC : IPV4_DST), 4, value, mask);
	else
		hd_merge(address, ip + (src ? IPV6_SRC : IPV6_DST), 16, value, mask);
	*(src ? &tuple.src : &tuple.dst) = address;
	return hd_rewrite_tuple(pkt, &tuple);
}

/* The protocol that a field is of; 0: any that has ports. */
static uint8_t proto_of(enum hd_field_id field)
{
	switch (field) {
	case HD_FIELD_TCP_SRC:
	case HD_FIELD_TCP_DST:
		return IPPROTO_TCP;
	case HD_FIELD_UDP_SRC:
	case HD_FIELD_UDP_DST:
		return IPPROTO_UDP;
	case HD_FIELD_SCTP_SRC:
	case HD_FIELD_SCTP_DST:
		return IPPROTO_SCTP;
	default:
		return 0;
	}
}

bool hd_rewrite_port(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	bool src = field == HD_FIELD_TCP_SRC || field == HD_FIELD_UDP_SRC || field == HD_FIELD_SCTP_SRC ||
		   field == HD_FIELD_TP_SRC;
	uint8_t proto = proto_of(field), port[PORT_LEN];
	struct hd_rewrite_tuple tuple = {.set_src_port = src, .set_dst_port = !src};
	struct hd_headers headers;

	if (pkt->l3 == 0)
		return false;
	find_headers(&headers, pkt);
	if (headers.l4 == 0 || headers.proto == IPPROTO_ICMP || headers.proto == IPPROTO_ICMPV6 ||
	    (proto != 0 && headers.proto != proto))
		return false;
	hd_merge(port, pkt->hdr + headers.l4 + (src ? 0 : PORT_LEN), PORT_LEN, value, mask);
	memcpy(src ? &tuple.src_port : &tuple.dst_port, port, PORT_LEN);
	return hd_rewrite_tuple(pkt, &tuple);
}
