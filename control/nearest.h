/* SPDX-License-Identifier: BSD-3-Clause */
/* "Did you mean": the candidate that a misspelt word is fewest steps away from. No state but the caller's; any thread.
 */
#ifndef HD_NEAREST_H
#define HD_NEAREST_H

#include <stddef.h>

struct hd_nearest {
	const char *word;
	size_t length;
	unsigned int best;
	const char *found; /* the best candidate so far, or NULL */
	size_t found_length;
};

void hd_nearest_init(struct hd_nearest *nearest, const char *word, size_t length);
/* One more candidate; it must stay as long as `found` is used. */
void hd_nearest_try(struct hd_nearest *nearest, const char *candidate, size_t length);

#endif
