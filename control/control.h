/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control thread's state: the configuration in force and the only way to change it, a transaction.
 *
 * hd_control_change takes a whole candidate document: it validates it, computes the difference, opens what is new,
 * publishes the new snapshot, waits for the grace period, closes what is gone. Any failure leaves the old
 * configuration in force. All functions: control thread only.
 */
#ifndef HD_CONTROL_H
#define HD_CONTROL_H

#include <time.h>

#include "diff.h"
#include "model.h"
#include "runtime.h"

struct event_base;
struct hd_control;

/* `open`, given `opener`, opens the ports of a configuration (runtime.h). */
int hd_control_create(struct event_base *base, struct hd_dataplane *dataplane, hd_open_port open, void *opener,
		      struct hd_control **control);
void hd_control_destroy(struct hd_control *control); /* closes every port */

struct hd_dataplane *hd_control_dataplane(const struct hd_control *control);
struct hd_runtime *hd_control_runtime(const struct hd_control *control);
time_t hd_control_started(const struct hd_control *control); /* CLOCK_MONOTONIC seconds */
/* The file of -c, that `config save` writes when it names none; NULL if there was none. */
void hd_control_set_file(struct hd_control *control, const char *file);
const char *hd_control_file(const struct hd_control *control);

/* The document in force, without flows (flow_plan.h): borrowed, never to be modified. And its model. */
const json_t *hd_control_document(const struct hd_control *control);
const struct hd_config *hd_control_config(const struct hd_control *control);

/*
 * Make `document` the configuration in force. *changes (if not NULL) gets what changed (hd_diff_document). With
 * dry_run, only validate, compute and check that CPUs have PMDs. Returns 0, or -EINVAL (not valid), another -errno
 * (could not be done), and the error.
 */
int hd_control_change(struct hd_control *control, const json_t *document, const struct hd_marks *marks, bool dry_run,
		      json_t **changes, struct hd_error *error);

/*
 * The same with a document that is all of the configuration, as a file is: bridges of which it says nothing of flows
 * get the default. hd_control_change leaves flows as they are where the document does not say them.
 */
int hd_control_replace(struct hd_control *control, const json_t *document, const struct hd_marks *marks, bool dry_run,
		       json_t **changes, struct hd_error *error);
/* The document in force with its flows, groups and meters: a new reference, NULL if out of memory. Takes time with
 * many rules. */
json_t *hd_control_whole(const struct hd_control *control);

/* Arm: return to the configuration in force now, unless confirmed within `seconds`. Call before the change. */
int hd_control_arm(struct hd_control *control, unsigned int seconds, struct hd_error *error);
int hd_control_confirm(struct hd_control *control, struct hd_error *error);
/*
 * Return now. Without an armed change: to the configuration before the last change, and to its flows where that change
 * changed them. If it fails, it stays armed.
 */
int hd_control_rollback(struct hd_control *control, json_t **changes, struct hd_error *error);
/* Seconds left to confirm, or -1. */
int hd_control_pending(const struct hd_control *control);

#endif
