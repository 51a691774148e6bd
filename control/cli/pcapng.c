/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the pcapng format: blocks and their options. */
#include <stddef.h>
#include <string.h>

#include "pcapng.h"

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { OPTION_END = 0, OPTION_COMMENT = 1, OPTION_IF_NAME = 2, OPTION_APPLICATION = 4, OPTION_IF_TSRESOL = 9 };

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_ETHERNET 1
#define TSRESOL_NS 9 /* times are in 10^-9 seconds */

static void put16(FILE *file, uint32_t value)
{
	const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};

	fwrite(bytes, 1, sizeof(bytes), file);
}

static void put32(FILE *file, uint32_t value)
{
	put16(file, value & 0xffff);
	put16(file, value >> 16);
}

/* Everything is padded to 32 bits. */
static uint32_t padded(uint32_t length)
{
	return (length + 3) & ~3u;
}

static void put_bytes(FILE *file, const void *bytes, uint32_t length)
{
	static const uint8_t zeros[4];

	if (length > 0)
		fwrite(bytes, 1, length, file);
	fwrite(zeros, 1, padded(length) - length, file);
}

static uint32_t text_length(const char *text)
{
	size_t length = strnlen(text, HD_PCAPNG_TEXT_MAX);

	/* Not in the middle of a character. */
	while (length == HD_PCAPNG_TEXT_MAX && length > 0 && (text[length] & 0xc0) == 0x80)
		length--;
	return (uint32_t)length;
}

static uint32_t option_size(uint32_t length)
{
	return 4 + padded(length);
}

static void put_option(FILE *file, uint32_t code, const void *value, uint32_t length)
{
	put16(file, code);
	put16(file, length);
	put_bytes(file, value, length);
}

/* A block begins and ends with its length. */
static void begin(FILE *file, uint32_t type, uint32_t size)
{
	put32(file, type);
	put32(file, size);
}

void hd_pcapng_header(FILE *file, const char *application)
{
	uint32_t length = text_length(application);
	uint32_t size = 28 + option_size(length) + option_size(0);

	begin(file, BLOCK_SECTION, size);
	put32(file, BYTE_ORDER_MAGIC);
	put16(file, 1); /* version 1.0 */
	put16(file, 0);
	put32(file, UINT32_MAX); /* the section's length is not told */
	put32(file, UINT32_MAX);
	put_option(file, OPTION_APPLICATION, application, length);
	put_option(file, OPTION_END, NULL, 0);
	put32(file, size);
}

void hd_pcapng_interface(FILE *file, const char *name, uint32_t snap)
{
	static const uint8_t resolution = TSRESOL_NS;
	uint32_t length = text_length(name);
	uint32_t size = 20 + option_size(length) + option_size(1) + option_size(0);

	begin(file, BLOCK_INTERFACE, size);
	put16(file, LINKTYPE_ETHERNET);
	put16(file, 0);
	put32(file, snap);
	put_option(file, OPTION_IF_NAME, name, length);
	put_option(file, OPTION_IF_TSRESOL, &resolution, 1);
	put_option(file, OPTION_END, NULL, 0);
	put32(file, size);
}

void hd_pcapng_packet(FILE *file, const struct hd_pcapng_packet *packet)
{
	uint32_t length = packet->comment != NULL ? text_length(packet->comment) : 0;
	uint32_t size = 32 + padded(packet->captured);

	if (length > 0)
		size += option_size(length) + option_size(0);
	begin(file, BLOCK_PACKET, size);
	put32(file, packet->interface);
	put32(file, (uint32_t)(packet->ns >> 32));
	put32(file, (uint32_t)packet->ns);
	put32(file, packet->captured);
	put32(file, packet->len);
	put_bytes(file, packet->data, packet->captured);
	if (length > 0) {
		put_option(file, OPTION_COMMENT, packet->comment, length);
		put_option(file, OPTION_END, NULL, 0);
	}
	put32(file, size);
}
