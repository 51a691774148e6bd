/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP handshakes: which frame is next, what it looks like, whether a received one is right. */
#include <arpa/inet.h>

#include "handshake.h"

#define FLAG_SYN 0x02u
#define FLAG_ACK 0x10u
#define HEADER_WORDS (5u << 12) /* data offset, above the flags */
#define ENDS 0x80000000u        /* of a frame that ends a handshake, beside the connection's number */

uint64_t hd_handshake_credit(const struct hd_stream *out)
{
	const struct hd_handshake *hs = &out->handshake;
	uint32_t left = hs->total - hs->syn;
	uint32_t under_way = hs->syn - hs->seen;
	uint32_t room = under_way < HD_HANDSHAKE_WINDOW ? HD_HANDSHAKE_WINDOW - under_way : 0;

	if (out->reverse)
		return hs->seen - hs->syn;
	return (hs->seen - hs->ack) + (left < room ? left : room);
}

static uint32_t halves(uint32_t word)
{
	return (word & 0xffff) + (word >> 16);
}

static void write_tcp(const struct hd_stream *s, struct hd_line *line, uint32_t connection, unsigned int flags)
{
	uint32_t host_sum = hd_stream_address(s, line, (s->first + connection) % s->flows);
	uint32_t seq = htonl(connection + ((flags & FLAG_SYN) == 0));
	uint32_t ack = (flags & FLAG_ACK) != 0 ? htonl(connection + 1) : 0;
	uint8_t epoch = s->template.l4.udp.epoch;
	uint32_t sum = s->tcp_sum + host_sum + line->port_src + line->port_dst + halves(seq) + halves(ack);

	line->l4.tcp.seq = (uint64_t)ack << 32 | seq;
	line->l4.tcp.flags = htons((uint16_t)(HEADER_WORDS | flags));
	line->l4.tcp.magic = HD_FRAME_MAGIC;
	line->l4.tcp.epoch = epoch;
	sum += line->l4.tcp.flags + (HD_FRAME_MAGIC | (uint32_t)epoch << 8);
	line->l4.tcp.sum = (uint16_t)~hd_frame_fold(sum);
}

void hd_handshake_write(struct hd_stream *s, struct hd_line *line)
{
	struct hd_handshake *hs = &s->handshake;

	if (s->reverse)
		write_tcp(s, line, hs->syn++, FLAG_SYN | FLAG_ACK);
	else if (hs->ack < hs->seen)
		write_tcp(s, line, hs->ack++, FLAG_ACK);
	else
		write_tcp(s, line, hs->syn++, FLAG_SYN);
}

enum hd_verdict hd_handshake_check(const struct hd_stream *in, const struct hd_line *line, uint32_t *frame)
{
	unsigned int flags = ntohs(line->l4.tcp.flags) & (FLAG_SYN | FLAG_ACK);
	uint32_t seq = ntohl((uint32_t)line->l4.tcp.seq);
	uint32_t ack = ntohl((uint32_t)(line->l4.tcp.seq >> 32));
	uint32_t connection = (flags & FLAG_SYN) != 0 ? seq : seq - 1;

	if (line->l4.tcp.magic != HD_FRAME_MAGIC || memcmp(&line->mac, &in->template.mac, sizeof(line->mac)) != 0)
		return HD_FRAME_FOREIGN;
	if (line->l4.tcp.epoch != in->template.l4.udp.epoch)
		return HD_FRAME_STALE;
	if (connection >= in->handshake.total || ack != ((flags & FLAG_ACK) != 0 ? connection + 1 : 0) ||
	    (in->reverse && flags != (FLAG_SYN | FLAG_ACK)) || (!in->reverse && flags == (FLAG_SYN | FLAG_ACK)))
		return HD_FRAME_BAD;
	*frame = (flags & FLAG_SYN) != 0 ? connection : connection | ENDS;
	return HD_FRAME_OURS;
}

bool hd_handshake_expect(struct hd_stream *in, uint32_t frame)
{
	uint32_t *next = (frame & ENDS) != 0 ? &in->handshake.ack : &in->handshake.syn;
	uint32_t connection = frame & ~ENDS;

	if (connection < *next)
		return false;
	*next = connection + 1;
	return true;
}
