/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the last step from one configuration to the next: publish, then take away what is gone. Can't fail halfway. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fdb.h"
#include "learn.h"
#include "log.h"
#include "plan.h"

/* Statics as configured: those of replaced ports point to their new ids. */
static void set_statics(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_bridges; i++) {
		const struct planned_bridge *bridge = &plan->bridges[i];

		for (unsigned int e = 0; e < bridge->conf->n_fdb; e++) {
			const struct hd_fdb_conf *entry = &bridge->conf->fdb[e];
			const struct planned_port *port = hd_plan_port(plan, entry->port);

			if (port != NULL && hd_fdb_add_static(bridge->run->fdb, hd_fdb_key(entry->mac, entry->vlan),
							      port->run->port->id) < 0)
				hd_error(bridge->conf->name, "no room for a static entry of %s", entry->port);
		}
	}
}

/* Static entries that the configuration no longer has. */
static void drop_statics(const struct planned_bridge *bridge)
{
	const struct hd_fdb_entry *entry;
	uint32_t cursor = 0;

	if (hd_fdb_count_static(bridge->run->fdb) == 0)
		return;
	while (hd_fdb_next(bridge->run->fdb, &cursor, &entry)) {
		uint64_t key = atomic_load(&((struct hd_fdb_entry *)(uintptr_t)entry)->key);
		bool wanted = !(atomic_load(&((struct hd_fdb_entry *)(uintptr_t)entry)->flags) & HD_FDB_STATIC);

		for (unsigned int e = 0; e < bridge->conf->n_fdb && !wanted; e++)
			wanted = key == hd_fdb_key(bridge->conf->fdb[e].mac, bridge->conf->fdb[e].vlan);
		if (!wanted)
			hd_fdb_del(bridge->run->fdb, key);
	}
}

static bool leads_to(const struct hd_run_mirror *mirrors, unsigned int n, const char *port)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(mirrors[i].conf.to, port) == 0)
			return true;
	}
	return false;
}

/* What ports had learnt in a bridge or a VLAN that they have left, or before they became a mirror's destination. */
static void flush_moved(const struct planned_port *port, const struct planned_bridge *to)
{
	struct hd_run_bridge *bridge = to->run;
	bool moved = port->run->bridge != bridge || (leads_to(to->mirrors, to->n_mirrors, port->conf->name) &&
						     !leads_to(bridge->mirrors, bridge->n_mirrors, port->conf->name));
	struct hd_fdb_filter filter = {.port = port->run->port->id, .vlan = -1, .statics = false};

	if (port->opened || (!moved && hd_vlan_equal(&port->run->conf.vlan, &port->conf->vlan)))
		return;
	hd_fdb_flush(port->run->bridge->fdb, &filter);
}

static void settle_bridges(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_bridges; i++) {
		struct planned_bridge *bridge = &plan->bridges[i];

		if (bridge->fdb != NULL) { /* published, the former one is out of use */
			hd_fdb_destroy(bridge->run->fdb);
			bridge->run->fdb = bridge->fdb;
		}
		bridge->run->ageing = bridge->conf->ageing;
	}
}

static void settle_ports(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_ports; i++) {
		struct planned_port *port = &plan->ports[i];
		const struct planned_bridge *bridge = &plan->bridges[port->bridge];

		flush_moved(port, bridge);
		port->run->bridge = bridge->run;
		port->run->conf = *port->conf;
		memcpy(port->run->pmd, port->pmd, sizeof(port->pmd));
		memcpy(port->run->guarded, port->guarded, sizeof(port->guarded));
		port->run->tracked = port->tracked;
	}
}

static bool plans_port(const struct plan *plan, const struct hd_run_port *run)
{
	for (unsigned int i = 0; i < plan->n_ports; i++) {
		if (plan->ports[i].run == run)
			return true;
	}
	return false;
}

static void close_gone(struct plan *plan)
{
	struct hd_runtime *runtime = plan->runtime;

	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		struct hd_run_port *run = runtime->ports[id];

		if (run == NULL || plans_port(plan, run))
			continue;
		hd_fdb_flush(run->bridge->fdb, &(struct hd_fdb_filter){.port = (int)id, .vlan = -1, .statics = true});
		if (run->port != NULL) {
			hd_run_port_close(runtime, run);
		} else { /* evicted */
			runtime->ports[id] = NULL;
			free(run);
		}
	}
}

static void replace_bridges(struct plan *plan)
{
	struct hd_runtime *runtime = plan->runtime;

	for (unsigned int i = 0; i < runtime->n_bridges; i++) {
		bool stays = false;

		for (unsigned int b = 0; b < plan->n_bridges; b++)
			stays |= plan->bridges[b].run == runtime->bridges[i];
		if (!stays) {
			hd_fdb_destroy(runtime->bridges[i]->fdb);
			hd_run_mirrors_free(runtime->bridges[i]);
			hd_tables_destroy(runtime->bridges[i]->tables);
			hd_run_guards_free(runtime->bridges[i]);
			free(runtime->bridges[i]);
		}
	}
	runtime->n_bridges = plan->n_bridges;
	for (unsigned int b = 0; b < plan->n_bridges; b++)
		runtime->bridges[b] = plan->bridges[b].run;
}

/* Rules may name the ports that there are now, each in its bridge. */
static void bind_ofports(struct hd_runtime *runtime)
{
	hd_ofports_unbind_all(runtime->ofports);
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		const struct hd_run_port *run = runtime->ports[id];

		if (run != NULL)
			hd_ofports_bind(runtime->ofports, run->ofport, run->bridge->serial);
	}
}

static int commit(struct plan *plan)
{
	struct hd_snapshot *snapshot;
	int rc;

	for (unsigned int i = 0; i < plan->n_bridges; i++) {
		struct planned_bridge *bridge = &plan->bridges[i];

		rc = bridge->fdb != NULL && !bridge->created ? hd_fdb_copy(bridge->fdb, bridge->run->fdb) : 0;
		/* Without space for the former static entries there is still space for those that are to stay. */
		if (rc < 0 && rc != -ENOSPC)
			return rc;
	}
	snapshot = hd_plan_snapshot(plan->bridges, plan->n_bridges, plan->ports, plan->n_ports);
	if (snapshot == NULL)
		return -ENOMEM;
	rc = hd_plan_rest_moving(plan);
	if (rc == 0)
		rc = hd_plan_fill_guards(plan);
	if (rc < 0) {
		hd_snapshot_free(snapshot);
		return rc;
	}
	hd_dataplane_publish(plan->runtime->dataplane, snapshot);
	/* From here on nothing can fail. */
	settle_bridges(plan);
	/* While the ids still mean what they meant. What was learnt before fits a ring; more may come without end. */
	hd_runtime_learn(plan->runtime, HD_LEARN_RING);
	hd_plan_settle_guards(plan);
	settle_ports(plan);
	hd_plan_settle_mirrors(plan);
	close_gone(plan);
	for (unsigned int i = 0; i < plan->n_bridges; i++)
		drop_statics(&plan->bridges[i]);
	set_statics(plan);
	replace_bridges(plan);
	bind_ofports(plan->runtime);
	return 0;
}

int hd_runtime_check(struct hd_runtime *runtime, const struct hd_config *to, struct hd_error *error)
{
	struct plan plan = {.runtime = runtime, .error = error};
	int rc;

	hd_error_set(error, "out of memory");
	rc = hd_plan_make(&plan, to);
	if (rc == 0)
		rc = hd_plan_check(&plan);
	hd_plan_clear(&plan);
	return rc;
}

int hd_runtime_apply(struct hd_runtime *runtime, const struct hd_config *to, struct hd_error *error)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int rc;

	hd_error_set(error, "out of memory");
	if (plan == NULL)
		return -ENOMEM;
	plan->runtime = runtime;
	plan->error = error;
	rc = hd_plan_make(plan, to);
	if (rc == 0)
		rc = hd_plan_check(plan);
	if (rc == 0)
		rc = hd_plan_prepare(plan);
	if (rc == 0) {
		hd_plan_place(plan);
		rc = commit(plan);
	}
	if (rc < 0)
		hd_plan_take_back(plan);
	hd_plan_clear(plan);
	free(plan);
	return rc;
}
