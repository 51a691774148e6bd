/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a match term by term. Terms may come in any order: what each field needs is checked at the end
 * (hd_match_reader_finish), when all is known.
 */
#ifndef HD_FLOW_MATCH_TEXT_H
#define HD_FLOW_MATCH_TEXT_H

#include "scan.h"

struct hd_match_reader {
	struct hd_match match;
	uint64_t seen[(HD_FIELD_COUNT + 63) / 64]; /* fields, by bit */
	const char *where[HD_FIELD_COUNT];         /* of those seen */
};

/* One term, a protocol or a field. 0, or -EINVAL and the error. */
int hd_match_reader_term(struct hd_match_reader *reader, const struct hd_scan *scan, const struct hd_term *term);
int hd_match_reader_finish(struct hd_match_reader *reader, const struct hd_scan *scan);

#endif
