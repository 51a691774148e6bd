/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The drop recorder: the last frames that a PMD dropped, by reason.
 *
 * For each reason a ring of HD_RECORD_FRAMES slots. A slot has the frame's first HD_RECORD_SNAP bytes as they were when
 * it was dropped (its tag may have been taken off or put on by then), its length, when, at which port, and the rule
 * that asked for it. Only private bytes are recorded, those at hdr: guest memory is not looked at again. The port is
 * kept by its name, which outlives the port.
 *
 * COST. Nothing for packets that are not dropped. A drop compares two numbers; a frame that is recorded is copied
 * twice, some 200 bytes, out of line. So that a flood of drops stays cheap, each reason has a bucket of
 * HD_RECORD_FRAMES frames, which fills again at HD_RECORD_RATE a second: rare drops are all recorded, of a burst of
 * them the first, and of a flood one each 100 us.
 *
 * THREADS. One writer, the PMD. Readers never stop it: each slot has a version, odd while the slot is written, and a
 * reader leaves out a slot whose version is odd or has changed. All words are atomic.
 */
#ifndef HD_RECORDER_H
#define HD_RECORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <heddle/limits.h>

#include "drop.h"
#include "pkt.h"

#define HD_RECORD_FRAMES 16 /* of a reason; a power of two */
#define HD_RECORD_SNAP 128  /* bytes of a frame */
#define HD_RECORD_RATE 10000
#define HD_RECORD_NO_TABLE 255 /* no rule asked for it */

struct hd_record {
	uint64_t tsc;    /* the burst's arrival */
	uint64_t cookie; /* of the rule in `table` that dropped it */
	uint32_t len;    /* of the whole frame */
	uint32_t serial; /* grows with each frame of this PMD; wraps */
	uint16_t snap;   /* bytes[0..snap-1] are the frame's */
	uint8_t table;   /* or HD_RECORD_NO_TABLE */
	uint8_t reason;  /* enum hd_drop */
	uint32_t pad;
	char port[HD_NAME_MAX + 1]; /* at which it is counted */
	uint8_t bytes[HD_RECORD_SNAP];
};

#define HD_RECORD_WORDS (sizeof(struct hd_record) / sizeof(uint64_t))
static_assert(sizeof(struct hd_record) % sizeof(uint64_t) == 0, "a record is whole words");

struct hd_record_slot {
	_Atomic uint64_t version; /* 0: never written; odd: being written */
	_Atomic uint64_t word[HD_RECORD_WORDS];
};

struct hd_recorder {
	/* The PMD's own. */
	uint64_t interval;            /* TSC cycles a frame costs */
	uint64_t depth;               /* TSC cycles that a bucket holds */
	uint64_t full[HD_DROP_COUNT]; /* when the bucket is full again */
	uint32_t serial;
	uint8_t next[HD_DROP_COUNT];
	/* Shared. */
	struct hd_record_slot slot[HD_DROP_COUNT][HD_RECORD_FRAMES];
};

/* What packets are dropped for. */
struct hd_dropped {
	const char *port; /* its name, HD_NAME_MAX + 1 bytes */
	uint64_t cookie;
	enum hd_drop reason;
	uint8_t table; /* or HD_RECORD_NO_TABLE */
};

/* The recorder is zeroed memory. Before the PMD runs. */
void hd_recorder_init(struct hd_recorder *recorder, uint64_t tsc_hz);

/* PMD thread. Would hd_recorder_add record a frame? `now` never goes back. */
static inline bool hd_recorder_wants(const struct hd_recorder *recorder, enum hd_drop reason, uint64_t now)
{
	return recorder->full[reason] <= now + recorder->depth;
}

/* PMD thread. Records as many of the packets, from the first on, as the bucket allows. */
void hd_recorder_add(struct hd_recorder *recorder, uint64_t now, const struct hd_dropped *dropped,
		     struct hd_pkt *const *pkts, uint16_t n) __attribute__((cold));

/* Any thread. Returns how many frames of a reason were read, in no order. */
unsigned int hd_recorder_read(struct hd_recorder *recorder, enum hd_drop reason,
			      struct hd_record records[HD_RECORD_FRAMES]);

#endif
