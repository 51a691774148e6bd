/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the last HD_CHANGES versions changed: a ring of pointers to immutable entries. The control thread puts an entry
 * in its place before it publishes the version, and retires the one that was there; PMDs check that what they find is
 * of the version they look for, so a ring that has gone round under them only costs them a look-up.
 */
#ifndef HD_FLOW_CHANGE_LOG_H
#define HD_FLOW_CHANGE_LOG_H

#include "retire.h"
#include "tables.h"

#define HD_CHANGE_MATCHES 16 /* that an entry can name; more are "everything" */

/* The part of a match that a packet has when it comes in. Key bits outside the mask are zero. */
struct hd_change_match {
	uint64_t key[HD_KEY_PACKET_WORDS];
	uint64_t mask[HD_KEY_PACKET_WORDS];
};

struct hd_change_entry {
	uint64_t version;
	struct hd_retired retired;
	bool everything;
	uint32_t n;
	struct hd_change_match match[];
};

struct hd_change_log {
	_Atomic(struct hd_change_entry *) entry[HD_CHANGES]; /* version modulo HD_CHANGES. Writer: control */
};

/* What a change has come to so far. Control thread. */
struct hd_change_notes {
	bool everything;
	uint32_t n;
	struct hd_change_match match[HD_CHANGE_MATCHES];
};

/* A rule with this match came or went; bits of `wild` may have been rewritten before it is looked up (NULL: none). */
void hd_change_note(struct hd_change_notes *notes, const struct hd_match *match, const struct hd_key *wild);
/* NULL if out of memory; free() it if it is not published. */
struct hd_change_entry *hd_change_entry_create(const struct hd_change_notes *notes, uint64_t version);

void hd_change_log_publish(struct hd_change_log *log, struct hd_change_entry *entry, struct hd_retire_queue *queue);
void hd_change_log_fini(struct hd_change_log *log);

/* PMD. As hd_tables_untouched. */
bool hd_change_log_untouched(const struct hd_change_log *log, uint64_t since, uint64_t now, const struct hd_key *key);

#endif
