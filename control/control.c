/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the configuration in force, its transactions, and the control thread's timers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include <event2/event.h>

#include "control.h"
#include "log.h"
#include "runtime.h"

#define TICKS_PER_SECOND 5
#define LEARN_BUDGET 4096u /* events of a PMD before other clients get their turn */

struct hd_control {
	struct event_base *base;
	struct hd_dataplane *dataplane;
	struct hd_runtime *runtime;
	json_t *document;
	struct hd_config *config;
	json_t *former; /* the document before the last change */
	json_t *armed;  /* the document to return to, or NULL */
	char *file;
	time_t started, deadline; /* monotonic seconds */
	unsigned int ticks;
	struct event *tick, *learn, *confirm;
};

static time_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct hd_control *control = arg;

	hd_runtime_tick(control->runtime, hd_dataplane_tick(control->dataplane));
	if (control->ticks++ % TICKS_PER_SECOND == 0)
		hd_runtime_measure(control->runtime);
}

static void on_learn(evutil_socket_t fd, short what, void *arg)
{
	struct hd_control *control = arg;
	eventfd_t count;

	eventfd_read(control->dataplane->learn_fd, &count);
	if (hd_runtime_learn(control->runtime, LEARN_BUDGET))
		event_active(control->learn, EV_READ, 0); /* after the clients that wait */
}

static void on_confirm_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct hd_control *control = arg;
	struct hd_error error;

	hd_warning("configuration", "not confirmed in time: going back to the former one");
	if (hd_control_rollback(control, NULL, &error) < 0)
		hd_error("configuration", "%s", error.text);
}

static int create_events(struct hd_control *control)
{
	const struct timeval period = {.tv_usec = 1000000 / TICKS_PER_SECOND};

	control->tick = event_new(control->base, -1, EV_PERSIST, on_tick, control);
	control->learn =
		event_new(control->base, control->dataplane->learn_fd, EV_READ | EV_PERSIST, on_learn, control);
	control->confirm = event_new(control->base, -1, 0, on_confirm_deadline, control);
	if (control->tick == NULL || control->learn == NULL || control->confirm == NULL)
		return -ENOMEM;
	if (event_add(control->tick, &period) < 0 || event_add(control->learn, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int hd_control_create(struct event_base *base, struct hd_dataplane *dataplane, hd_open_port open, void *opener,
		      struct hd_control **out)
{
	struct hd_control *control = calloc(1, sizeof(*control));
	struct hd_error error;
	int rc = -ENOMEM;

	if (control == NULL)
		return -ENOMEM;
	control->base = base;
	control->dataplane = dataplane;
	control->started = monotonic();
	control->document = json_pack("{s:{}}", "bridges"); /* canonical: hd_config_document */
	control->runtime = hd_runtime_create(dataplane, open, opener);
	if (control->document == NULL || control->runtime == NULL)
		goto err;
	rc = hd_config_parse(control->document, NULL, &control->config, &error);
	if (rc == 0)
		rc = create_events(control);
	if (rc < 0)
		goto err;
	*out = control;
	return 0;
err:
	hd_control_destroy(control);
	return rc;
}

static void free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void hd_control_destroy(struct hd_control *control)
{
	if (control == NULL)
		return;
	free_event(control->tick);
	free_event(control->learn);
	free_event(control->confirm);
	hd_runtime_destroy(control->runtime);
	hd_config_free(control->config);
	json_decref(control->document);
	json_decref(control->former);
	json_decref(control->armed);
	free(control->file);
	free(control);
}

struct hd_dataplane *hd_control_dataplane(const struct hd_control *control)
{
	return control->dataplane;
}

struct hd_runtime *hd_control_runtime(const struct hd_control *control)
{
	return control->runtime;
}

time_t hd_control_started(const struct hd_control *control)
{
	return control->started;
}

void hd_control_set_file(struct hd_control *control, const char *file)
{
	free(control->file);
	control->file = file != NULL ? strdup(file) : NULL;
}

const char *hd_control_file(const struct hd_control *control)
{
	return control->file;
}

const json_t *hd_control_document(const struct hd_control *control)
{
	return control->document;
}

const struct hd_config *hd_control_config(const struct hd_control *control)
{
	return control->config;
}

/* The validated configuration takes the place of the one in force. */
static int put_in_force(struct hd_control *control, struct hd_config *config, struct hd_error *error)
{
	json_t *document = hd_config_document(config); /* canonical: what was given may say defaults */
	int rc;

	if (document == NULL) {
		hd_error_set(error, "out of memory");
		return -ENOMEM;
	}
	rc = hd_runtime_apply(control->runtime, config, error);
	if (rc < 0) {
		json_decref(document);
		return rc;
	}
	json_decref(control->former);
	control->former = control->document;
	control->document = document;
	hd_config_free(control->config);
	control->config = config;
	return 0;
}

int hd_control_change(struct hd_control *control, const json_t *document, const struct hd_marks *marks, bool dry_run,
		      json_t **changes, struct hd_error *error)
{
	struct hd_config *config;
	struct hd_diff diff;
	int rc = hd_config_parse(document, marks, &config, error);

	if (rc < 0)
		return rc;
	rc = hd_diff_compute(control->config, config, &diff);
	if (rc < 0) {
		hd_error_set(error, "out of memory");
		hd_config_free(config);
		return rc;
	}
	if (changes != NULL)
		*changes = hd_diff_document(&diff);
	if (dry_run)
		rc = hd_runtime_check(control->runtime, config, error);
	else if (diff.n != 0)
		rc = put_in_force(control, config, error);
	hd_diff_clear(&diff);
	if (config != control->config)
		hd_config_free(config);
	if (rc < 0 && changes != NULL) {
		json_decref(*changes);
		*changes = NULL;
	}
	return rc;
}

int hd_control_arm(struct hd_control *control, unsigned int seconds, struct hd_error *error)
{
	const struct timeval deadline = {.tv_sec = (time_t)seconds};

	if (control->armed == NULL)
		control->armed = json_incref(control->document); /* a second change returns to before the first */
	if (evtimer_add(control->confirm, &deadline) < 0) {
		hd_error_set(error, "out of memory");
		return -ENOMEM;
	}
	control->deadline = monotonic() + (time_t)seconds;
	return 0;
}

static void disarm(struct hd_control *control)
{
	evtimer_del(control->confirm);
	json_decref(control->armed);
	control->armed = NULL;
}

int hd_control_confirm(struct hd_control *control, struct hd_error *error)
{
	if (control->armed == NULL) {
		hd_error_set(error, "no change waits to be confirmed");
		return -ENOENT;
	}
	disarm(control);
	return 0;
}

int hd_control_rollback(struct hd_control *control, json_t **changes, struct hd_error *error)
{
	json_t *target = json_incref(control->armed != NULL ? control->armed : control->former);
	int rc;

	if (target == NULL) {
		hd_error_set(error, "there is no former configuration");
		return -ENOENT;
	}
	rc = hd_control_change(control, target, NULL, false, changes, error);
	if (rc == 0)
		disarm(control); /* else it can be tried again */
	json_decref(target);
	return rc;
}

int hd_control_pending(const struct hd_control *control)
{
	time_t left = control->deadline - monotonic();

	if (control->armed == NULL)
		return -1;
	return left > 0 ? (int)left : 0;
}
