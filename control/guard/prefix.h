/* SPDX-License-Identifier: BSD-3-Clause */
/* IP addresses and prefixes, as text and back. No DPDK. */
#ifndef HD_GUARD_PREFIX_H
#define HD_GUARD_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hd_prefix {
	uint8_t family;   /* 4 or 6 */
	uint8_t length;   /* bits, 0..32 or 0..128 */
	uint8_t addr[16]; /* network order; bits behind the prefix are zero */
};

#define HD_PREFIX_TEXT_MAX 50 /* with NUL */

/*
 * "10.0.0.5", "10.0.0.0/8", "fd00::5", "fd00::/8". Returns NULL, or what is wrong with it, a constant. An address with
 * a shorter prefix behind it (10.0.0.5/8) is refused: it could be meant either way.
 */
const char *hd_prefix_parse(const char *text, size_t length, struct hd_prefix *prefix);
void hd_prefix_format(const struct hd_prefix *prefix, char text[HD_PREFIX_TEXT_MAX]);
bool hd_prefix_equal(const struct hd_prefix *a, const struct hd_prefix *b);

#endif
