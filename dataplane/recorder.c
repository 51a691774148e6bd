/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rings of dropped frames: the PMD's writing, and the reading that does not stop it. */
#include <string.h>

#include "recorder.h"

static_assert((HD_RECORD_FRAMES & (HD_RECORD_FRAMES - 1)) == 0 && HD_RECORD_FRAMES <= 256, "`next` is masked");
static_assert(HD_DROP_COUNT < 256, "a reason is a byte");

void hd_recorder_init(struct hd_recorder *recorder, uint64_t tsc_hz)
{
	recorder->interval = tsc_hz / HD_RECORD_RATE;
	recorder->depth = recorder->interval * (HD_RECORD_FRAMES - 1);
}

/* The odd version precedes each word, and each word the even one: pairs with the acquiring loads of read_slot. */
static void write_slot(struct hd_record_slot *slot, const struct hd_record *record)
{
	uint64_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
	uint64_t word[HD_RECORD_WORDS];

	memcpy(word, record, sizeof(word));
	atomic_store_explicit(&slot->version, version + 1, memory_order_relaxed);
	for (unsigned int i = 0; i < HD_RECORD_WORDS; i++)
		atomic_store_explicit(&slot->word[i], word[i], memory_order_release);
	atomic_store_explicit(&slot->version, version + 2, memory_order_release);
}

/* False if there is nothing in it, or it was being written. */
static bool read_slot(struct hd_record_slot *slot, struct hd_record *record)
{
	uint64_t version = atomic_load_explicit(&slot->version, memory_order_acquire); /* pairs with write_slot */
	uint64_t word[HD_RECORD_WORDS];

	if (version == 0 || version % 2 != 0)
		return false;
	for (unsigned int i = 0; i < HD_RECORD_WORDS; i++)
		word[i] = atomic_load_explicit(&slot->word[i], memory_order_acquire);
	if (atomic_load_explicit(&slot->version, memory_order_relaxed) != version)
		return false;
	memcpy(record, word, sizeof(word));
	return true;
}

static void add_one(struct hd_recorder *recorder, uint64_t now, const struct hd_dropped *dropped,
		    const struct hd_pkt *pkt)
{
	uint8_t *next = &recorder->next[dropped->reason];
	struct hd_record record = {
		.tsc = now,
		.cookie = dropped->cookie,
		.len = pkt->len,
		.serial = recorder->serial++,
		.snap = pkt->hdr_len < HD_RECORD_SNAP ? pkt->hdr_len : HD_RECORD_SNAP,
		.table = dropped->table,
		.reason = (uint8_t)dropped->reason,
	};

	memcpy(record.port, dropped->port, HD_NAME_MAX);
	memcpy(record.bytes, pkt->hdr, record.snap);
	write_slot(&recorder->slot[dropped->reason][*next], &record);
	*next = (*next + 1) % HD_RECORD_FRAMES;
}

void hd_recorder_add(struct hd_recorder *recorder, uint64_t now, const struct hd_dropped *dropped,
		     struct hd_pkt *const *pkts, uint16_t n)
{
	uint64_t *full = &recorder->full[dropped->reason];

	for (uint16_t i = 0; i < n && hd_recorder_wants(recorder, dropped->reason, now); i++) {
		add_one(recorder, now, dropped, pkts[i]);
		*full = (*full > now ? *full : now) + recorder->interval;
	}
}

unsigned int hd_recorder_read(struct hd_recorder *recorder, enum hd_drop reason,
			      struct hd_record records[HD_RECORD_FRAMES])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < HD_RECORD_FRAMES; i++)
		n += read_slot(&recorder->slot[reason][i], &records[n]);
	return n;
}
