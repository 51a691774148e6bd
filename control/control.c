/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the configuration in force, its transactions, and the control thread's timers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include <event2/event.h>

#include "control.h"
#include "flow_plan.h"
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
	json_t *former; /* the document before the last change, with the flows that it changed */
	json_t *armed;  /* the document to return to, with all flows, or NULL */
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

json_t *hd_control_whole(const struct hd_control *control)
{
	json_t *document = json_deep_copy(control->document);

	if (document != NULL && hd_flow_dump_into(control->runtime, document) < 0) {
		json_decref(document);
		return NULL;
	}
	return document;
}

/* The document in force with the flows that a change takes away: what a rollback returns to. */
static json_t *remember(const struct hd_control *control, const struct hd_flow_plan *plan)
{
	json_t *document, *flows;
	const char *bridge;

	if (json_object_size(plan->former) == 0)
		return json_incref(control->document);
	document = json_deep_copy(control->document);
	json_object_foreach (plan->former, bridge, flows)
		json_object_update(json_object_get(json_object_get(document, "bridges"), bridge), flows);
	return document;
}

/* Bridges and ports, then the flows; if these can't be had, back with all. */
static int put_in_tables(struct hd_control *control, const struct hd_config *config, struct hd_flow_plan *plan,
			 const json_t *former, struct hd_error *error)
{
	struct hd_flow_plan back;
	struct hd_error ignored;
	int rc = hd_runtime_apply(control->runtime, config, error);

	if (rc < 0)
		return rc;
	rc = hd_flow_plan_commit(plan, error);
	if (rc == 0)
		return 0;
	if (hd_runtime_apply(control->runtime, control->config, &ignored) < 0)
		hd_error("configuration", "going back to the former one: %s", ignored.text);
	if (hd_flow_plan_make(&back, control->runtime, control->config, former, NULL, false, &ignored) < 0 ||
	    hd_flow_plan_commit(&back, &ignored) < 0)
		hd_error("configuration", "going back to the former flows: %s", ignored.text);
	hd_flow_plan_clear(&back);
	return rc;
}

/* The validated configuration takes the place of the one in force. */
static int put_in_force(struct hd_control *control, struct hd_config *config, struct hd_flow_plan *plan,
			struct hd_error *error)
{
	json_t *document = hd_config_document(config); /* canonical: what was given may say defaults */
	json_t *former = hd_flow_plan_keep(plan, config) == 0 ? remember(control, plan) : NULL;
	int rc = -ENOMEM;

	hd_error_set(error, "out of memory");
	if (document != NULL && former != NULL)
		rc = put_in_tables(control, config, plan, former, error);
	if (rc < 0) {
		json_decref(document);
		json_decref(former);
		return rc;
	}
	if (config->flow_cache != control->config->flow_cache)
		hd_dataplane_set_flow_cache(control->dataplane, config->flow_cache);
	if (config->ct_limit != control->config->ct_limit &&
	    hd_dataplane_set_ct_limit(control->dataplane, config->ct_limit) < 0)
		hd_error("configuration", "no memory for %u connections: the former limit stays", config->ct_limit);
	json_decref(control->former);
	control->former = former;
	json_decref(control->document);
	control->document = document;
	hd_config_free(control->config);
	control->config = config;
	return 0;
}

/* A change that was asked for. */
struct wish {
	const json_t *document;
	const struct hd_marks *marks;
	bool whole; /* the document is all there shall be */
	bool dry_run;
};

/* What `config`, which is valid, changes; and unless it is a dry run, the change. */
static int change_to(struct hd_control *control, const struct wish *wish, struct hd_config *config, json_t **changes,
		     struct hd_error *error)
{
	struct hd_flow_plan plan;
	struct hd_diff diff;
	int rc = hd_flow_plan_make(&plan, control->runtime, config, wish->document, wish->marks, wish->whole, error);

	if (rc < 0)
		return rc;
	rc = hd_diff_compute(control->config, config, &diff);
	if (rc < 0) {
		hd_error_set(error, "out of memory");
		goto out;
	}
	if (changes != NULL) {
		*changes = hd_diff_document(&diff);
		hd_flow_plan_tell(&plan, *changes);
	}
	if (wish->dry_run)
		rc = hd_runtime_check(control->runtime, config, error);
	else if (diff.n != 0 || !hd_flow_plan_empty(&plan))
		rc = put_in_force(control, config, &plan, error);
	hd_diff_clear(&diff);
out:
	hd_flow_plan_clear(&plan);
	return rc;
}

static int transact(struct hd_control *control, const struct wish *wish, json_t **changes, struct hd_error *error)
{
	struct hd_config *config;
	int rc;

	if (changes != NULL)
		*changes = NULL;
	rc = hd_config_parse(wish->document, wish->marks, &config, error);
	if (rc < 0)
		return rc;
	rc = change_to(control, wish, config, changes, error);
	if (config != control->config)
		hd_config_free(config);
	hd_ofports_settle(control->runtime->ofports);
	if (rc < 0 && changes != NULL) {
		json_decref(*changes);
		*changes = NULL;
	}
	return rc;
}

int hd_control_change(struct hd_control *control, const json_t *document, const struct hd_marks *marks, bool dry_run,
		      json_t **changes, struct hd_error *error)
{
	struct wish wish = {.document = document, .marks = marks, .whole = false, .dry_run = dry_run};

	return transact(control, &wish, changes, error);
}

int hd_control_replace(struct hd_control *control, const json_t *document, const struct hd_marks *marks, bool dry_run,
		       json_t **changes, struct hd_error *error)
{
	struct wish wish = {.document = document, .marks = marks, .whole = true, .dry_run = dry_run};

	return transact(control, &wish, changes, error);
}

int hd_control_arm(struct hd_control *control, unsigned int seconds, struct hd_error *error)
{
	const struct timeval deadline = {.tv_sec = (time_t)seconds};

	if (control->armed == NULL)
		control->armed = hd_control_whole(control); /* a second change returns to before the first */
	if (control->armed == NULL || evtimer_add(control->confirm, &deadline) < 0) {
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
	bool whole = control->armed != NULL;
	struct wish wish = {.document = whole ? control->armed : control->former, .whole = whole};
	json_t *target = json_incref((json_t *)wish.document);
	int rc;

	if (target == NULL) {
		hd_error_set(error, "there is no former configuration");
		return -ENOENT;
	}
	rc = transact(control, &wish, changes, error);
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
