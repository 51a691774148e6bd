/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes Ethernet frames as a pcapng file (draft-ietf-opsawg-pcapng), one section, little-endian, times in nanoseconds.
 *
 * A header, then interfaces and packets in any order, an interface before its packets. Errors are the stream's:
 * ferror.
 */
#ifndef HD_PCAPNG_H
#define HD_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

struct hd_pcapng_packet {
	uint32_t interface;  /* 0: the first that was written */
	uint64_t ns;         /* since 1970-01-01 UTC */
	uint32_t len;        /* of the frame */
	uint32_t captured;   /* bytes of it */
	const uint8_t *data; /* these bytes */
	const char *comment; /* UTF-8, or NULL; cut at HD_PCAPNG_TEXT_MAX bytes */
};

#define HD_PCAPNG_TEXT_MAX 1024 /* bytes of a name or comment */

/* `application` wrote it: "heddle 1.0". */
void hd_pcapng_header(FILE *file, const char *application);
void hd_pcapng_interface(FILE *file, const char *name, uint32_t snap);
void hd_pcapng_packet(FILE *file, const struct hd_pcapng_packet *packet);

#endif
