/* SPDX-License-Identifier: BSD-3-Clause */
/* The union of many masks, from which each can be taken away again: a count for every bit of a key. Control thread. */
#ifndef HD_FLOW_COUNTED_MASK_H
#define HD_FLOW_COUNTED_MASK_H

#include "key.h"

struct hd_counted_mask {
	struct hd_key any; /* bits that at least one mask has */
	uint32_t count[HD_KEY_WORDS * 64];
};

static inline void hd_counted_mask_add(struct hd_counted_mask *counted, const struct hd_key *mask)
{
	for (unsigned int i = 0; i < HD_KEY_WORDS; i++) {
		counted->any.word[i] |= mask->word[i];
		for (uint64_t left = mask->word[i]; left != 0; left &= left - 1)
			counted->count[i * 64 + (unsigned int)__builtin_ctzll(left)]++;
	}
}

/* One that was added. */
static inline void hd_counted_mask_remove(struct hd_counted_mask *counted, const struct hd_key *mask)
{
	for (unsigned int i = 0; i < HD_KEY_WORDS; i++)
		for (uint64_t left = mask->word[i]; left != 0; left &= left - 1)
			if (--counted->count[i * 64 + (unsigned int)__builtin_ctzll(left)] == 0)
				counted->any.word[i] &= ~(left & -left);
}

static inline void hd_key_or(struct hd_key *key, const struct hd_key *other)
{
	for (int i = 0; i < HD_KEY_WORDS; i++)
		key->word[i] |= other->word[i];
}

/* Does `outer` have all bits of `inner`? */
static inline bool hd_key_includes(const struct hd_key *outer, const struct hd_key *inner)
{
	uint64_t missing = 0;

	for (int i = 0; i < HD_KEY_WORDS; i++)
		missing |= inner->word[i] & ~outer->word[i];
	return missing == 0;
}

#endif
