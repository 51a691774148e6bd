/* SPDX-License-Identifier: BSD-3-Clause */
/* The constant part of a sender's frames: addresses, headers and the sums that each frame completes. */
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stddef.h>

#include "frame.h"

#define ETH_LEN 14
#define IP_LEN 20
#define TCP_LEN 20
#define PORT_SERVER 9 /* discard */

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

static void set_ip(struct hd_stream *s, uint32_t size, unsigned int guest)
{
	struct hd_line *t = &s->template;
	uint16_t total = htons((uint16_t)(size - ETH_LEN));

	t->ether_type = htons(0x0800);
	t->ip[0] = 0x45;
	memcpy(&t->ip[2], &total, sizeof(total));
	t->ip[6] = 0x40; /* do not fragment */
	t->ip[8] = 64;
	t->ip[9] = s->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	t->ip_src = guest_ip(guest);
	t->ip_dst = guest_ip(guest ^ 1);
	s->ip_sum = sum_words(t->ip, sizeof(t->ip)) + sum_words(&t->ip_src, 4) + sum_words(&t->ip_dst, 4);
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
	s->tcp_sum = sum_words(&t->ip_src, 4) + sum_words(&t->ip_dst, 4) + htons(IPPROTO_TCP) +
		     htons((uint16_t)(size - ETH_LEN - IP_LEN));
}

void hd_stream_init(struct hd_stream *s, const struct hd_options *opts, unsigned int guest)
{
	struct hd_line *t = &s->template;

	*s = (struct hd_stream){
		.macs = opts->macs,
		.flows = opts->flows,
		.tcp = opts->tso,
		.reverse = guest % 2 != 0,
	};
	set_mac(t->mac.dst, guest ^ 1);
	set_mac(t->mac.src, guest);
	set_ip(s, opts->size, guest);
	t->port_src = htons(PORT_SERVER);
	t->port_dst = htons(PORT_SERVER);
	if (s->tcp) {
		set_tso(s, opts->size);
	} else {
		t->l4.udp.len = htons((uint16_t)(opts->size - ETH_LEN - IP_LEN));
		t->l4.udp.magic = HD_FRAME_MAGIC;
	}
}

void hd_stream_restart(struct hd_stream *s, uint8_t epoch)
{
	s->seq = 0;
	s->mac = 0;
	s->flow = 0;
	if (s->tcp)
		s->template.l4.tcp.epoch = epoch;
	else
		s->template.l4.udp.epoch = epoch;
}
