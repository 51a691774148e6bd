/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What learn() actions have to say, on its way from the PMDs to the tables' one writer.
 *
 * A lesson is whole in itself: the action and the packet's key, copied, so that the rule it comes from may go
 * meanwhile. A flow repeats its lesson once a second, which keeps what was learnt from ageing. A PMD's lessons wait
 * in a ring of its own; one that finds it full is lost and counted, and repeated by the flow's next second.
 */
#ifndef HD_FLOW_LESSON_H
#define HD_FLOW_LESSON_H

#include <stdatomic.h>

#include "../stats.h"
#include "action.h"

#define HD_LESSONS 256 /* a power of two */

struct hd_lesson {
	uint32_t bridge; /* serial */
	struct hd_key key;
	struct hd_learn learn;
	struct hd_learn_spec spec[HD_LEARN_SPECS_MAX]; /* learn.spec[] */
};
static_assert(offsetof(struct hd_lesson, spec) == offsetof(struct hd_lesson, learn) + offsetof(struct hd_learn, spec),
	      "spec follows as in struct hd_learn");

struct hd_lessons {
	_Atomic uint32_t head; /* writer: the PMD (release) */
	_Atomic uint32_t tail; /* writer: control (release) */
	hd_counter lost;
	struct hd_lesson lesson[HD_LESSONS];
};

/* PMD. */
void hd_lessons_push(struct hd_lessons *lessons, uint32_t bridge, const struct hd_learn *learn,
		     const struct hd_key *key);
/* Control thread: the oldest, or NULL; hd_lessons_done gives its place back. */
const struct hd_lesson *hd_lessons_next(struct hd_lessons *lessons);
void hd_lessons_done(struct hd_lessons *lessons);

#endif
