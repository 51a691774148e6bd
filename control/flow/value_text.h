/* SPDX-License-Identifier: BSD-3-Clause */
/* Forms of fields' values, for hd_scan_value and the formatter. */
#ifndef HD_FLOW_VALUE_TEXT_H
#define HD_FLOW_VALUE_TEXT_H

#include "scan.h"

/* "VALUE/MASK". */
struct hd_value_words {
	struct hd_word value, mask;
	bool masked;
};

/* These set *mask only if there is one. 0 or -EINVAL and the error. */
int hd_value_ip(const struct hd_scan *scan, const struct hd_value_words *words, unsigned int bits, hd_u128 *value,
		hd_u128 *mask);
int hd_value_mac(const struct hd_scan *scan, const struct hd_value_words *words, hd_u128 *value, hd_u128 *mask);

/* Names of bits, the lowest first; NULL where there is none. */
#define HD_FLAG_NAMES 12
extern const char *const hd_ct_state_names[HD_FLAG_NAMES], *const hd_tcp_flag_names[HD_FLAG_NAMES];

/* ip_frag's words. */
struct hd_frag_word {
	const char *name;
	uint8_t value, mask;
};
#define HD_FRAG_WORDS 5
extern const struct hd_frag_word hd_frag_words[HD_FRAG_WORDS];

#endif
