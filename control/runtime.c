/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what runs between changes: learning, ageing, links, loads. */
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "fdb.h"
#include "flow_bundle.h"
#include "flow_learn.h"
#include "flow_names.h"
#include "learn.h"
#include "runtime.h"

#define AGE_BUDGET 16384u /* FDB slots of a bridge a tick */
#define LEARN_BATCH 256u

struct hd_runtime *hd_runtime_create(struct hd_dataplane *dataplane, hd_open_port open, void *opener)
{
	struct hd_runtime *runtime = calloc(1, sizeof(*runtime));

	if (runtime == NULL)
		return NULL;
	runtime->dataplane = dataplane;
	runtime->open = open;
	runtime->opener = opener;
	runtime->ofports = hd_ofports_create(hd_flow_names_used, runtime);
	if (runtime->ofports == NULL) {
		free(runtime);
		return NULL;
	}
	return runtime;
}

void hd_runtime_destroy(struct hd_runtime *runtime)
{
	struct hd_config nothing = {.n_bridges = 0};
	struct hd_error error;

	if (runtime == NULL)
		return;
	hd_runtime_apply(runtime, &nothing, &error);
	hd_flow_bundles_drop(runtime, NULL);
	hd_ofports_destroy(runtime->ofports);
	free(runtime);
}

struct hd_run_port *hd_runtime_port(const struct hd_runtime *runtime, const char *name)
{
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		if (runtime->ports[id] != NULL && strcmp(runtime->ports[id]->conf.name, name) == 0)
			return runtime->ports[id];
	}
	return NULL;
}

struct hd_run_bridge *hd_runtime_bridge(const struct hd_runtime *runtime, const char *name)
{
	for (unsigned int i = 0; i < runtime->n_bridges; i++) {
		if (strcmp(runtime->bridges[i]->name, name) == 0)
			return runtime->bridges[i];
	}
	return NULL;
}

/* The port an event speaks of, if it is still the one that it was. */
static struct hd_run_port *source_of(const struct hd_runtime *runtime, const struct hd_learn_event *event)
{
	struct hd_run_port *run = event->port < HD_PORTS_MAX ? runtime->ports[event->port] : NULL;

	/* A port that is only being opened has no bridge yet. */
	return run != NULL && run->bridge != NULL && run->bridge->serial == event->bridge ? run : NULL;
}

static void learn_one(const struct hd_runtime *runtime, const struct hd_learn_event *event, uint32_t now)
{
	struct hd_run_port *run = source_of(runtime, event);

	if (run != NULL && hd_fdb_learn(run->bridge->fdb, event->key, event->port, now) == -ENOSPC)
		run->bridge->refused++;
}

bool hd_runtime_learn(struct hd_runtime *runtime, unsigned int budget)
{
	uint32_t now = atomic_load(&runtime->dataplane->seconds);
	struct hd_learn_event events[LEARN_BATCH];
	bool more = false;

	for (unsigned int pmd = 0; pmd < runtime->dataplane->n_pmds; pmd++) {
		struct hd_learner *learner = &runtime->dataplane->pmds[pmd]->learner;
		unsigned int done = 0, n;

		do {
			n = hd_learner_pop(learner, events, LEARN_BATCH);
			for (unsigned int i = 0; i < n; i++)
				learn_one(runtime, &events[i], now);
			done += n;
		} while (n != 0 && done < budget);
		more |= n != 0 || hd_learner_arm(learner);
		more |= hd_flow_learn(runtime, pmd, budget); /* armed: what comes from here on wakes us again */
	}
	return more;
}

/* Timeouts go by what rules have seen, which PMDs add up first; a plain bridge has no rule that could time out. */
static void expire_rules(struct hd_runtime *runtime)
{
	uint64_t now = rte_rdtsc();
	bool timed = false;

	for (unsigned int i = 0; i < runtime->n_bridges; i++)
		timed |= !hd_tables_plain(runtime->bridges[i]->tables);
	if (timed)
		hd_dataplane_fold(runtime->dataplane);
	for (unsigned int i = 0; i < runtime->n_bridges; i++) {
		hd_tables_expire(runtime->bridges[i]->tables, now, NULL, NULL);
		hd_tables_reclaim(runtime->bridges[i]->tables);
		for (int guard = 0; guard < HD_GUARDS; guard++) {
			struct hd_tables *tables = runtime->bridges[i]->guard[guard];

			if (tables == NULL)
				continue;
			hd_tables_expire(tables, now, NULL, NULL);
			hd_tables_reclaim(tables);
		}
	}
}

void hd_runtime_tick(struct hd_runtime *runtime, uint32_t now)
{
	expire_rules(runtime);
	for (unsigned int i = 0; i < runtime->n_bridges; i++)
		hd_fdb_age(runtime->bridges[i]->fdb, now, runtime->bridges[i]->ageing, AGE_BUDGET);
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		struct hd_run_port *run = runtime->ports[id];

		if (run != NULL && run->port != NULL && run->port->ops->poll != NULL)
			run->port->ops->poll(run->port);
	}
}

void hd_runtime_measure(struct hd_runtime *runtime)
{
	uint64_t now = rte_rdtsc();
	uint64_t passed = now - runtime->measured;

	runtime->measured = now;
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		struct hd_run_port *run = runtime->ports[id];

		for (uint16_t queue = 0; run != NULL && run->port != NULL && queue < run->conf.queues; queue++) {
			uint64_t busy = hd_counted(&run->port->busy[queue]);

			run->load[queue] = (uint32_t)((double)(busy - run->busy[queue]) * 1e6 / (double)passed);
			run->busy[queue] = busy;
		}
	}
}
