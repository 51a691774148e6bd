/* SPDX-License-Identifier: BSD-3-Clause */
/* The constant part of a sender's frames: addresses, headers and the sums that each frame completes. */
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stddef.h>

#include "frame.h"

#define ETH_LEN 14
#define IP_LEN 20
#define TCP_LEN 20

static uint32_t sum_words(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;
	uint16_t word;
	size_t i;

	for (i = 0; i + 1 < len; i += 2) {
		memcpy(&word, bytes + i, sizeof(word));
		sum += word;
	}
	return sum;
}

/* 02:00:GG:xx:xx:xx, GG the guest counted from 1, x the index. */
static void set_mac(uint8_t mac[6], unsigned int guest)
{
	memset(mac, 0, 6);
	mac[0] = 0x02;
	mac[2] = (uint8_t)(guest + 1);
}

/* 10.G.128.0; the flow fills the ten lowest bits. */
static uint32_t guest_ip(unsigned int guest)
{
	return htonl(10u << 24 | (guest + 1) << 16 | 0x8000);
}

static void set_ip(struct hd_stream *s, uint32_t size, unsigned int guest, bool tcp)
{
	struct hd_line *t = &s->template;
	uint16_t total = htons((uint16_t)(size - ETH_LEN));

	t->ip[0] = 0x45;
	memcpy(&t->ip[2], &total, sizeof(total));
	t->ip[6] = 0x40; /* do not fragment */
	t->ip[8] = 64;
	t->ip[9] = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	t->ip_src = guest_ip(guest);
	t->ip_dst = s->reverse && s->nat != 0 ? s->nat : guest_ip(guest ^ 1);
	s->client = guest_ip(guest & ~1u);
	s->ip_sum = sum_words(t->ip, sizeof(t->ip)) + sum_words(&t->ip_src, 4) + sum_words(&t->ip_dst, 4);
}

static void set_tcp_sum(struct hd_stream *s, uint32_t len)
{
	const struct hd_line *t = &s->template;

	s->tcp_sum = sum_words(&t->ip_src, 4) + sum_words(&t->ip_dst, 4) + htons(IPPROTO_TCP) + htons((uint16_t)len);
}

static void set_tso(struct hd_stream *s, uint32_t size)
{
	struct virtio_net_hdr_v1 vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = ETH_LEN + IP_LEN + TCP_LEN,
		.gso_size = 1448,
		.csum_start = ETH_LEN + IP_LEN,
		.csum_offset = 16,
	};
	struct hd_line *t = &s->template;

	memcpy(t->vnet, &vnet, sizeof(t->vnet));
	t->l4.tcp.magic = HD_FRAME_MAGIC;
	t->l4.tcp.flags = htons((TCP_LEN / 4) << 12 | 0x10); /* ACK */
	set_tcp_sum(s, size - ETH_LEN - IP_LEN);
}

void hd_stream_init(struct hd_stream *s, const struct hd_options *opts, unsigned int guest)
{
	struct hd_line *t = &s->template;

	*s = (struct hd_stream){
		.macs = opts->macs,
		.flows = opts->flows,
		.tcp = opts->tso,
		.reverse = guest % 2 != 0,
		.nat = opts->nat,
	};
	set_mac(t->mac.dst, guest ^ 1);
	set_mac(t->mac.src, guest);
	/* a handshake's frame has no payload: what follows is padding */
	set_ip(s, opts->handshake ? ETH_LEN + IP_LEN + TCP_LEN : opts->size, guest, opts->tso || opts->handshake);
	t->port_src = htons(HD_FRAME_PORT_SERVER);
	t->port_dst = htons(HD_FRAME_PORT_SERVER);
	if (s->tcp) {
		set_tso(s, opts->size);
	} else {
		set_tcp_sum(s, TCP_LEN);
		t->l4.udp.len = htons((uint16_t)(opts->size - ETH_LEN - IP_LEN));
		t->l4.udp.magic = HD_FRAME_MAGIC;
	}
}

void hd_stream_restart(struct hd_stream *s, const struct hd_stream_start *start)
{
	s->seq = 0;
	s->mac = 0;
	s->first = start->first;
	s->flow = start->first % s->flows;
	s->handshake = (struct hd_handshake){.total = start->handshakes};
	/* what is to be segmented must say what it is */
	s->template.ether_type = htons(start->announce && !s->tcp ? HD_FRAME_ANNOUNCE : ETH_P_IP);
	if (s->tcp)
		s->template.l4.tcp.epoch = start->epoch;
	else
		s->template.l4.udp.epoch = start->epoch;
}
