/* SPDX-License-Identifier: BSD-3-Clause */
/* What the last versions changed, and which packets that may concern. */
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "change_log.h"

void hd_change_note(struct hd_change_notes *notes, const struct hd_match *match, const struct hd_key *wild)
{
	struct hd_change_match changed;

	if (notes->everything)
		return;
	for (int i = 0; i < HD_KEY_PACKET_WORDS; i++) {
		changed.mask[i] = match->mask.word[i] & ~(wild != NULL ? wild->word[i] : 0);
		changed.key[i] = match->key.word[i] & changed.mask[i];
	}
	for (uint32_t i = 0; i < notes->n; i++)
		if (memcmp(&notes->match[i], &changed, sizeof(changed)) == 0)
			return;
	if (notes->n == HD_CHANGE_MATCHES)
		notes->everything = true;
	else
		notes->match[notes->n++] = changed;
}

struct hd_change_entry *hd_change_entry_create(const struct hd_change_notes *notes, uint64_t version)
{
	uint32_t n = notes->everything ? 0 : notes->n;
	struct hd_change_entry *entry = malloc(sizeof(*entry) + n * sizeof(entry->match[0]));

	if (entry == NULL)
		return NULL;
	entry->version = version;
	entry->everything = notes->everything;
	entry->n = n;
	memcpy(entry->match, notes->match, n * sizeof(entry->match[0]));
	return entry;
}

static void release_entry(struct hd_retired *retired, void *context)
{
	free(container_of(retired, struct hd_change_entry, retired));
}

void hd_change_log_publish(struct hd_change_log *log, struct hd_change_entry *entry, struct hd_retire_queue *queue)
{
	/* Pairs with the acquire in hd_change_log_untouched. */
	struct hd_change_entry *former =
		atomic_exchange_explicit(&log->entry[entry->version % HD_CHANGES], entry, memory_order_acq_rel);

	if (former != NULL)
		hd_retire(queue, &former->retired, release_entry);
}

void hd_change_log_fini(struct hd_change_log *log)
{
	for (int i = 0; i < HD_CHANGES; i++)
		free(atomic_load_explicit(&log->entry[i], memory_order_relaxed));
}

static inline bool agrees(const struct hd_change_match *match, const struct hd_key *key)
{
	uint64_t differs = 0;

	for (int i = 0; i < HD_KEY_PACKET_WORDS; i++)
		differs |= (key->word[i] & match->mask[i]) ^ match->key[i];
	return differs == 0;
}

static bool concerns(const struct hd_change_entry *entry, const struct hd_key *key)
{
	if (entry->everything)
		return true;
	for (uint32_t i = 0; i < entry->n; i++)
		if (agrees(&entry->match[i], key))
			return true;
	return false;
}

bool hd_change_log_untouched(const struct hd_change_log *log, uint64_t since, uint64_t now, const struct hd_key *key)
{
	if (since > now || now - since > HD_CHANGES)
		return false;
	for (uint64_t version = since + 1; version <= now; version++) {
		const struct hd_change_entry *entry =
			atomic_load_explicit(&log->entry[version % HD_CHANGES], memory_order_acquire);

		if (entry == NULL || entry->version != version || concerns(entry, key))
			return false;
	}
	return true;
}
