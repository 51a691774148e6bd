/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the ring of what learn() actions have to say. */
#include <string.h>

#include "lesson.h"

void hd_lessons_push(struct hd_lessons *lessons, uint32_t bridge, const struct hd_learn *learn,
		     const struct hd_key *key)
{
	uint32_t head = atomic_load_explicit(&lessons->head, memory_order_relaxed);
	struct hd_lesson *lesson = &lessons->lesson[head % HD_LESSONS];

	/* Pairs with hd_lessons_done. */
	if (head - atomic_load_explicit(&lessons->tail, memory_order_acquire) == HD_LESSONS ||
	    learn->n_specs > HD_LEARN_SPECS_MAX) {
		hd_count(&lessons->lost, 1);
		return;
	}
	lesson->bridge = bridge;
	lesson->key = *key;
	memcpy(&lesson->learn, learn, sizeof(*learn));
	memcpy(lesson->spec, learn->spec, learn->n_specs * sizeof(learn->spec[0]));
	/* Pairs with hd_lessons_next. */
	atomic_store_explicit(&lessons->head, head + 1, memory_order_release);
}

const struct hd_lesson *hd_lessons_next(struct hd_lessons *lessons)
{
	uint32_t tail = atomic_load_explicit(&lessons->tail, memory_order_relaxed);

	/* Pairs with hd_lessons_push. */
	if (atomic_load_explicit(&lessons->head, memory_order_acquire) == tail)
		return NULL;
	return &lessons->lesson[tail % HD_LESSONS];
}

void hd_lessons_done(struct hd_lessons *lessons)
{
	uint32_t tail = atomic_load_explicit(&lessons->tail, memory_order_relaxed);

	/* Pairs with hd_lessons_push. */
	atomic_store_explicit(&lessons->tail, tail + 1, memory_order_release);
}
