/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the guards of bridges in a change: which ports need them, and their rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "ct/ct.h"
#include "guard/acl_compile.h"
#include "guard/secure.h"
#include "log.h"
#include "plan.h"

static_assert((int)HD_GUARD_IN == HD_ACL_IN && (int)HD_GUARD_OUT == HD_ACL_OUT && (int)HD_GUARDS == HD_ACL_DIRS,
	      "a list's direction is a guard's");

/* Every list that a port names is there: the validator has seen to it. */
static void describe(const struct plan *plan, const struct hd_port_conf *conf, struct hd_acl_port *out)
{
	*out = (struct hd_acl_port){.default_allow = conf->acl_allow};
	for (int dir = 0; dir < HD_ACL_DIRS; dir++) {
		for (unsigned int i = 0; i < conf->acl[dir].n; i++) {
			const struct hd_acl *list = hd_config_acl(plan->to, conf->acl[dir].name[i]);

			if (list != NULL)
				out->lists[dir][out->n_lists[dir]++] = list;
		}
	}
}

/* Tables are made with a rule that lets everything go its way: a guard must not have it. */
static struct hd_tables *create_guard(const struct hd_dataplane *dataplane)
{
	struct hd_tables *tables = hd_tables_create(dataplane->rcu, dataplane->n_pmds, rte_get_tsc_hz());
	struct hd_mod_result result;

	if (tables == NULL || hd_tables_replace(tables, false, NULL, 0, &result) == 0)
		return tables;
	hd_tables_destroy(tables);
	return NULL;
}

static int create(struct plan *plan, struct hd_run_bridge *bridge)
{

	for (int guard = 0; guard < HD_GUARDS; guard++) {
		if (bridge->guard[guard] != NULL)
			continue;
		bridge->guard[guard] = create_guard(plan->runtime->dataplane);
		if (bridge->guard[guard] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int hd_plan_guards(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->n_ports; i++) {
		struct planned_port *port = &plan->ports[i];
		struct hd_acl_port lists;
		int rc = 0;

		describe(plan, port->conf, &lists);
		port->tracked = hd_acl_tracks(&lists);
		port->guarded[HD_GUARD_IN] = port->conf->secure.n_macs != 0 || hd_acl_guards(&lists, HD_ACL_IN);
		port->guarded[HD_GUARD_OUT] = hd_acl_guards(&lists, HD_ACL_OUT);
		if (port->guarded[HD_GUARD_IN] || port->guarded[HD_GUARD_OUT])
			rc = create(plan, plan->bridges[port->bridge].run);
		if (rc < 0)
			return hd_plan_refuse(plan, rc, port, "", "no memory for port security and access lists");
	}
	return 0;
}

/* The rules of all ports of a bridge: of those that are open too, as long as they may be guarded. */
static void compile(const struct plan *plan, unsigned int bridge, enum hd_guard guard, struct hd_guard_rules *rules)
{
	static const struct hd_secure_conf open;

	for (unsigned int i = 0; i < plan->n_ports; i++) {
		const struct planned_port *port = &plan->ports[i];
		struct hd_acl_port lists;

		if (port->bridge != bridge)
			continue;
		describe(plan, port->conf, &lists);
		lists.ofport = port->run->ofport;
		hd_secure_compile(rules, guard == HD_GUARD_IN ? &port->conf->secure : &open, lists.ofport);
		hd_acl_compile(rules, &lists, (enum hd_acl_dir)guard);
	}
}

/* What the tables hold, to go back to. */
static void copy(const struct hd_tables *tables, struct hd_guard_rules *rules)
{
	const struct hd_rule *rule;
	uint32_t cursor = 0;

	while ((rule = hd_tables_next(tables, &cursor)) != NULL)
		hd_guard_rules_add(rules,
				   (struct hd_guard_place){rule->spec.table, rule->spec.priority, rule->spec.cookie},
				   &rule->spec.match, rule->spec.actions->action, rule->spec.actions->n);
}

static int refuse(struct plan *plan, int rc, const struct planned_bridge *bridge, const char *reason)
{
	hd_error_set(plan->error, "bridges.%s: port security and access lists: %s", bridge->conf->name,
		     reason != NULL ? reason : "out of memory");
	return rc;
}

static int fill(struct plan *plan, unsigned int number, enum hd_guard guard, struct hd_guard_rules *former)
{
	struct planned_bridge *bridge = &plan->bridges[number];
	struct hd_mod_result result = {0};
	struct hd_guard_rules rules = {0};
	int rc = -ENOMEM;

	copy(bridge->run->guard[guard], former);
	compile(plan, number, guard, &rules);
	if (!former->failed && !rules.failed)
		rc = hd_tables_replace(bridge->run->guard[guard], true, rules.specs, rules.n, &result);
	hd_guard_rules_clear(&rules);
	return rc < 0 ? refuse(plan, rc, bridge, result.reason) : 0;
}

static void go_back(struct plan *plan, struct hd_guard_rules *former, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct hd_run_bridge *bridge = plan->bridges[i / HD_GUARDS].run;
		struct hd_mod_result result;

		if (bridge->guard[i % HD_GUARDS] != NULL &&
		    hd_tables_replace(bridge->guard[i % HD_GUARDS], true, former[i].specs, former[i].n, &result) < 0)
			hd_error(bridge->name, "out of memory while going back to the former port security");
	}
}

int hd_plan_fill_guards(struct plan *plan)
{
	struct hd_guard_rules *former = calloc((size_t)plan->n_bridges * HD_GUARDS + 1, sizeof(*former));
	unsigned int n = 0;
	int rc = former != NULL ? 0 : -ENOMEM;

	for (; rc == 0 && n < plan->n_bridges * HD_GUARDS; n++) {
		if (plan->bridges[n / HD_GUARDS].run->guard[n % HD_GUARDS] != NULL)
			rc = fill(plan, n / HD_GUARDS, (enum hd_guard)(n % HD_GUARDS), &former[n]);
	}
	if (rc < 0 && n > 0)
		go_back(plan, former, n - 1);
	for (unsigned int i = 0; i < n; i++)
		hd_guard_rules_clear(&former[i]);
	free(former);
	return rc;
}

static void forget(struct plan *plan, uint16_t ofport)
{
	hd_ct_flush(plan->runtime->dataplane->ct, hd_acl_zone(ofport), NULL);
}

void hd_plan_settle_guards(struct plan *plan)
{
	bool stays[HD_PORTS_MAX] = {false};

	for (unsigned int i = 0; i < plan->n_ports; i++) {
		const struct planned_port *port = &plan->ports[i];

		stays[port->run->port->id] = true;
		if (!port->opened && port->run->tracked && !port->tracked)
			forget(plan, port->run->ofport);
	}
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		const struct hd_run_port *run = plan->runtime->ports[id];

		if (run != NULL && run->tracked && !stays[id])
			forget(plan, run->ofport);
	}
}

void hd_run_guards_free(struct hd_run_bridge *bridge)
{
	for (int guard = 0; guard < HD_GUARDS; guard++)
		hd_tables_destroy(bridge->guard[guard]);
}
