/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the mirrors of a plan and their counters, which carry on while a bridge has a mirror of that name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

static struct hd_mirror *counters_of(const struct hd_run_bridge *bridge, const char *name)
{
	for (unsigned int i = 0; bridge != NULL && i < bridge->n_mirrors; i++) {
		if (strcmp(bridge->mirrors[i].conf.name, name) == 0)
			return bridge->mirrors[i].counters;
	}
	return NULL;
}

static int prepare(struct planned_bridge *bridge)
{
	const struct hd_bridge_conf *conf = bridge->conf;

	bridge->mirrors = calloc(conf->n_mirrors + 1, sizeof(*bridge->mirrors));
	if (bridge->mirrors == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < conf->n_mirrors; i++) {
		struct hd_run_mirror *mirror = &bridge->mirrors[i];

		mirror->conf = conf->mirrors[i];
		mirror->counters = counters_of(bridge->run, mirror->conf.name);
		if (mirror->counters == NULL)
			mirror->counters = hd_mirror_create();
		if (mirror->counters == NULL)
			return -ENOMEM;
		bridge->n_mirrors++;
	}
	return 0;
}

int hd_plan_prepare_mirrors(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_bridges; i++) {
		int rc = prepare(&plan->bridges[i]);

		if (rc < 0) {
			hd_error_set(plan->error, "bridges.%s.mirrors: out of memory", plan->bridges[i].conf->name);
			return rc;
		}
	}
	return 0;
}

static bool has_counters(const struct hd_run_mirror *mirrors, unsigned int n, const struct hd_mirror *counters)
{
	for (unsigned int i = 0; i < n; i++) {
		if (mirrors[i].counters == counters)
			return true;
	}
	return false;
}

void hd_plan_settle_mirrors(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_bridges; i++) {
		struct planned_bridge *bridge = &plan->bridges[i];
		struct hd_run_bridge *run = bridge->run;

		for (unsigned int m = 0; m < run->n_mirrors; m++) {
			if (!has_counters(bridge->mirrors, bridge->n_mirrors, run->mirrors[m].counters))
				hd_mirror_destroy(run->mirrors[m].counters);
		}
		free(run->mirrors);
		run->mirrors = bridge->mirrors;
		run->n_mirrors = bridge->n_mirrors;
		bridge->mirrors = NULL;
	}
}

void hd_plan_take_back_mirrors(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_bridges; i++) {
		struct planned_bridge *bridge = &plan->bridges[i];
		const struct hd_run_bridge *run = bridge->run;

		for (unsigned int m = 0; m < bridge->n_mirrors; m++) {
			if (run == NULL || !has_counters(run->mirrors, run->n_mirrors, bridge->mirrors[m].counters))
				hd_mirror_destroy(bridge->mirrors[m].counters);
		}
		free(bridge->mirrors);
		bridge->mirrors = NULL;
		bridge->n_mirrors = 0;
	}
}

void hd_run_mirrors_free(struct hd_run_bridge *bridge)
{
	for (unsigned int i = 0; i < bridge->n_mirrors; i++)
		hd_mirror_destroy(bridge->mirrors[i].counters);
	free(bridge->mirrors);
}
