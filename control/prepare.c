/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the opening of what a plan needs, and the way back when some of it can't be had. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "fdb.h"
#include "log.h"
#include "plan.h"

/* Do both need the same socket or device? */
static bool contend(const struct hd_port_conf *a, const struct hd_port_conf *b)
{
	size_t length = strcspn(a->device, ",");

	if (a->kind != b->kind)
		return false;
	if (a->kind == HD_PORT_VHOST)
		return strcmp(a->socket, b->socket) == 0;
	return length == strcspn(b->device, ",") && strncmp(a->device, b->device, length) == 0;
}

static int prepare_bridges(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_bridges; i++) {
		struct planned_bridge *bridge = &plan->bridges[i];
		int rc;

		if (bridge->run != NULL && hd_fdb_limit(bridge->run->fdb) == bridge->conf->fdb_limit)
			continue;
		rc = hd_fdb_create(bridge->conf->name, bridge->conf->fdb_limit, plan->runtime->dataplane->rcu,
				   &bridge->fdb);
		if (rc == 0 && bridge->run == NULL) {
			bridge->run = calloc(1, sizeof(*bridge->run));
			bridge->created = bridge->run != NULL;
			rc = bridge->created ? 0 : -ENOMEM;
		}
		if (rc < 0) {
			hd_error_set(plan->error, "bridges.%s.fdb-limit: no memory for %u addresses",
				     bridge->conf->name, bridge->conf->fdb_limit);
			return rc;
		}
		if (!bridge->created)
			continue;
		snprintf(bridge->run->name, sizeof(bridge->run->name), "%s", bridge->conf->name);
		bridge->run->serial = ++plan->runtime->serial;
		bridge->run->tables = hd_tables_create(plan->runtime->dataplane->rcu, plan->runtime->dataplane->n_pmds,
						       rte_get_tsc_hz());
		if (bridge->run->tables == NULL) {
			hd_error_set(plan->error, "bridges.%s: no memory for its flow tables", bridge->conf->name);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Does a port that is to be opened need what `run`, which is not to stay, has? */
static bool in_the_way(const struct plan *plan, const struct hd_run_port *run)
{
	for (unsigned int i = 0; i < plan->n_ports; i++) {
		if (plan->ports[i].run == NULL && contend(&run->conf, plan->ports[i].conf))
			return true;
	}
	return false;
}

/* Close those ports that stand in the way of new ones: the same device with other queues, say. */
static int evict(struct plan *plan)
{
	bool leave[HD_PORTS_MAX] = {false};
	bool any = false;
	int rc;

	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		struct hd_run_port *run = plan->runtime->ports[id];

		leave[id] = run != NULL && run->port != NULL && in_the_way(plan, run);
		any |= leave[id];
	}
	rc = any ? hd_plan_publish_without(plan, leave) : 0;
	for (unsigned int id = 0; id < HD_PORTS_MAX && rc == 0; id++) {
		struct hd_run_port *run = plan->runtime->ports[id];

		if (!leave[id])
			continue;
		/*
		 * Its shell stays, and with it its id: it says what to open again if the plan fails, and its static
		 * entries must not lead to some other port.
		 */
		hd_run_port_retire(plan->runtime, run->port);
		run->port->ops->close(run->port);
		run->port = NULL;
	}
	return rc;
}

static int prepare_ports(struct plan *plan)
{
	char reason[HD_REASON_MAX] = "";

	for (unsigned int i = 0; i < plan->n_ports; i++) {
		struct planned_port *port = &plan->ports[i];
		int rc;

		if (port->run != NULL)
			continue;
		rc = hd_run_port_open(plan->runtime, hd_run_port_free_id(plan->runtime), port->conf, &port->run,
				      reason);
		if (rc < 0)
			return hd_plan_refuse(plan, rc, port, port->conf->kind == HD_PORT_VHOST ? "vhost" : "device",
					      reason);
		port->opened = true;
	}
	return 0;
}

static bool changes_mtu(const struct planned_port *port)
{
	return !port->opened && port->run->conf.mtu != port->conf->mtu;
}

/* Some devices must be stopped to change their MTU: they rest meanwhile. */
static int prepare_mtus(struct plan *plan)
{
	bool leave[HD_PORTS_MAX] = {false};
	bool any = false;
	int rc;

	for (unsigned int i = 0; i < plan->n_ports; i++) {
		struct planned_port *port = &plan->ports[i];

		if (!changes_mtu(port) || port->conf->kind != HD_PORT_ETHDEV)
			continue;
		leave[port->run->port->id] = true;
		any = true;
	}
	rc = any ? hd_plan_publish_without(plan, leave) : 0;
	for (unsigned int i = 0; i < plan->n_ports && rc == 0; i++) {
		struct planned_port *port = &plan->ports[i];

		if (!changes_mtu(port))
			continue;
		rc = port->run->port->ops->set_mtu(port->run->port, port->conf->mtu);
		if (rc < 0) {
			char reason[80];

			snprintf(reason, sizeof(reason), "the device refuses %u: %s", port->conf->mtu, strerror(-rc));
			return hd_plan_refuse(plan, rc, port, "mtu", reason);
		}
		port->mtu_set = true;
	}
	return rc;
}

int hd_plan_prepare(struct plan *plan)
{
	int rc = prepare_bridges(plan);

	if (rc == 0)
		rc = hd_plan_prepare_mirrors(plan);
	if (rc == 0)
		rc = hd_plan_guards(plan);
	if (rc == 0)
		rc = evict(plan);
	if (rc == 0)
		rc = prepare_ports(plan);
	return rc == 0 ? prepare_mtus(plan) : rc;
}

static void reopen_evicted(struct plan *plan)
{
	char reason[HD_REASON_MAX];

	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		struct hd_run_port *shell = plan->runtime->ports[id], *run;

		if (shell == NULL || shell->port != NULL)
			continue;
		if (hd_run_port_open(plan->runtime, (uint16_t)id, &shell->conf, &run, reason) < 0) {
			hd_error(shell->conf.name, "can't be opened again: %s", reason);
			continue; /* its shell stays in the configuration, as a port that is down */
		}
		run->bridge = shell->bridge;
		memcpy(run->guarded, shell->guarded, sizeof(run->guarded));
		run->tracked = shell->tracked;
		memcpy(run->pmd, shell->pmd, sizeof(run->pmd));
		free(shell);
		plan->resting = true; /* it may be one that an earlier change could not open again */
	}
}

void hd_plan_take_back(struct plan *plan)
{
	static const bool nobody[HD_PORTS_MAX];

	for (unsigned int i = 0; i < plan->n_ports; i++) {
		struct planned_port *port = &plan->ports[i];

		if (port->opened)
			hd_run_port_close(plan->runtime, port->run);
		else if (port->mtu_set)
			port->run->port->ops->set_mtu(port->run->port, port->run->conf.mtu);
	}
	reopen_evicted(plan);
	if (plan->resting && hd_plan_publish_without(plan, nobody) < 0)
		hd_error("configuration", "out of memory while going back to the former one");
	hd_plan_take_back_mirrors(plan);
	for (unsigned int i = 0; i < plan->n_bridges; i++) {
		hd_fdb_destroy(plan->bridges[i].fdb);
		if (plan->bridges[i].created) {
			hd_tables_destroy(plan->bridges[i].run->tables);
			hd_run_guards_free(plan->bridges[i].run);
			free(plan->bridges[i].run);
		}
	}
}
