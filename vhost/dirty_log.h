/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dirty page log of a migration: one bit a 4 KiB page of guest memory, in memory the front-end shares (vhost-user
 * specification, "Migration"). Several back-ends may write one log: bits are set atomically. Bits are set after the
 * data they speak of. What lies beyond the log's end is not marked.
 */
#ifndef HD_DIRTY_LOG_H
#define HD_DIRTY_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HD_LOG_PAGE_SHIFT 12

struct hd_mapping; /* mapping.h */

struct hd_dirty_log {
	_Atomic uint8_t *bits; /* bit p of the log: page p */
	uint64_t size;         /* bytes */
	struct hd_mapping *mapping;
};

/*
 * Takes fd, whatever it returns: 0, -EINVAL (size 0, wraps, not a file, not open for both, too short), mmap's -errno or
 * -ENOSPC (fault.h). Control thread.
 */
int hd_dirty_log_create(int fd, uint64_t size, uint64_t offset, struct hd_dirty_log **log);
void hd_dirty_log_destroy(struct hd_dirty_log *log); /* after a grace period; accepts NULL */
/* Whether the log's file was truncated: the session is to be closed. Accepts NULL. Control thread. */
bool hd_dirty_log_poisoned(const struct hd_dirty_log *log);

/* PMD threads. Mark the pages of [gpa, gpa + len); len 0 marks nothing. */
static inline void hd_dirty_log_mark(const struct hd_dirty_log *log, uint64_t gpa, uint64_t len)
{
	uint64_t last;

	if (len == 0)
		return;
	last = (gpa + len - 1) >> HD_LOG_PAGE_SHIFT;
	for (uint64_t page = gpa >> HD_LOG_PAGE_SHIFT; page <= last && page / 8 < log->size; page++)
		atomic_fetch_or_explicit(&log->bits[page / 8], (uint8_t)(1u << page % 8), memory_order_release);
}

#endif
