/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the planning of a change: what carries on, what is new, which PMD polls what. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "plan.h"

int hd_plan_refuse(struct plan *plan, int rc, const struct planned_port *port, const char *key, const char *reason)
{
	hd_error_set(plan->error, "bridges.%s.ports.%s%s%s: %s", plan->bridges[port->bridge].conf->name,
		     port->conf->name, key[0] != '\0' ? "." : "", key, reason);
	return rc;
}

/* What runs already and carries on as this port; settings that change under traffic may differ. */
static int take_over(struct planned_port *port, struct hd_run_port *run)
{
	int replaces;

	/* One whose port could not be opened again after a failed change gets another chance. */
	if (run == NULL || run->port == NULL)
		return 0;
	replaces = hd_diff_replaces(&run->conf, port->conf);
	if (replaces == 0)
		port->run = run;
	return replaces < 0 ? replaces : 0;
}

struct planned_port *hd_plan_port(struct plan *plan, const char *name)
{
	for (unsigned int i = 0; i < plan->n_ports; i++) {
		if (strcmp(plan->ports[i].conf->name, name) == 0)
			return &plan->ports[i];
	}
	return NULL;
}

/* Lists what there shall be, and takes over what runs already. */
int hd_plan_make(struct plan *plan, const struct hd_config *to)
{
	plan->bridges = calloc(to->n_bridges + 1, sizeof(*plan->bridges));
	plan->ports = calloc(HD_PORTS_MAX, sizeof(*plan->ports));
	if (plan->bridges == NULL || plan->ports == NULL)
		return -ENOMEM;
	plan->n_bridges = to->n_bridges;
	plan->to = to;
	for (unsigned int b = 0; b < to->n_bridges; b++) {
		const struct hd_bridge_conf *bridge = &to->bridges[b];

		plan->bridges[b].conf = bridge;
		plan->bridges[b].run = hd_runtime_bridge(plan->runtime, bridge->name);
		for (unsigned int p = 0; p < bridge->n_ports; p++) {
			struct planned_port *port = &plan->ports[plan->n_ports++];
			int rc;

			port->conf = &bridge->ports[p];
			port->bridge = b;
			rc = take_over(port, hd_runtime_port(plan->runtime, port->conf->name));
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int hd_plan_check(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_ports; i++) {
		const struct planned_port *port = &plan->ports[i];

		for (uint16_t queue = 0; queue < port->conf->queues; queue++) {
			int cpu = port->conf->pmd[queue];
			char reason[80];

			if (cpu < 0 || hd_dataplane_pmd_of(plan->runtime->dataplane, cpu) >= 0)
				continue;
			snprintf(reason, sizeof(reason), "no PMD thread runs on CPU %d (--pmd-cpus, heddle pmd show)",
				 cpu);
			return hd_plan_refuse(plan, -EINVAL, port, "pmd", reason);
		}
	}
	return 0;
}

/* What a queue weighs whose load is not known: idle queues spread evenly. Parts of a million of a CPU. */
#define QUEUE_WEIGHT 1000

static uint16_t least_loaded(const struct plan *plan, const uint64_t *load)
{
	uint16_t best = 0;

	for (uint16_t pmd = 1; pmd < plan->runtime->dataplane->n_pmds; pmd++) {
		if (load[pmd] < load[best])
			best = pmd;
	}
	return best;
}

/* The queues whose place is given, or the others. */
static void place_queues(struct plan *plan, bool given, uint64_t *load)
{
	for (unsigned int i = 0; i < plan->n_ports; i++) {
		struct planned_port *port = &plan->ports[i];

		for (uint16_t queue = 0; queue < port->conf->queues; queue++) {
			int cpu = port->conf->pmd[queue];

			if (given != (cpu >= 0 || !port->opened))
				continue;
			if (cpu >= 0)
				port->pmd[queue] = (uint16_t)hd_dataplane_pmd_of(plan->runtime->dataplane, cpu);
			else
				port->pmd[queue] = given ? port->run->pmd[queue] : least_loaded(plan, load);
			load[port->pmd[queue]] += port->run->load[queue] + QUEUE_WEIGHT;
		}
	}
}

/* As configured, as before, or, once those are known, the least loaded. */
void hd_plan_place(struct plan *plan)
{
	uint64_t load[HD_PMDS_MAX] = {0};

	place_queues(plan, true, load);
	place_queues(plan, false, load);
}

void hd_plan_clear(struct plan *plan)
{
	free(plan->bridges);
	free(plan->ports);
}
