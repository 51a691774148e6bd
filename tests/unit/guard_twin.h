/* SPDX-License-Identifier: BSD-3-Clause */
/* What guards must be like: in every snapshot that is published, and once a change is made. For runtime_twin.h. */
#ifndef GUARD_TWIN_H
#define GUARD_TWIN_H

#include <check.h>

#include "guard/acl_compile.h"
#include "guard/secure.h"
#include "runtime.h"

static inline const struct hd_rule *guard_entry(const struct hd_tables *tables, uint16_t ofport)
{
	struct hd_key key = {.in_port = ofport};

	return hd_tables_lookup(tables, hd_tables_version(tables), 0, &key);
}

/* No port is open without its rules, neither in the snapshot that is in force nor in the one to come. */
static inline void guards_hold(const struct hd_snapshot *former, const struct hd_snapshot *snapshot)
{
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		const struct hd_snapshot_port *port = snapshot->ports[id], *was = former->ports[id];
		bool stays = port != NULL && was != NULL && was->port == port->port &&
			     was->bridge->serial == port->bridge->serial;

		for (int guard = 0; guard < HD_GUARDS && port != NULL; guard++) {
			if (port->guarded[guard])
				ck_assert_ptr_nonnull(guard_entry(port->bridge->guard[guard], port->ofport));
			if (stays && was->guarded[guard])
				ck_assert_ptr_nonnull(guard_entry(was->bridge->guard[guard], was->ofport));
		}
	}
}

static inline struct hd_acl_port guard_lists(const struct hd_config *config, const struct hd_port_conf *conf)
{
	struct hd_acl_port lists = {.default_allow = conf->acl_allow};

	for (int dir = 0; dir < HD_ACL_DIRS; dir++)
		for (unsigned int i = 0; i < conf->acl[dir].n; i++)
			lists.lists[dir][lists.n_lists[dir]++] = hd_config_acl(config, conf->acl[dir].name[i]);
	return lists;
}

static inline void guard_port_is(const struct hd_config *config, const struct hd_port_conf *conf,
				 const struct hd_snapshot_port *port)
{
	struct hd_acl_port lists = guard_lists(config, conf);

	ck_assert_int_eq(port->guarded[HD_GUARD_IN], conf->secure.n_macs != 0 || hd_acl_guards(&lists, HD_ACL_IN));
	ck_assert_int_eq(port->guarded[HD_GUARD_OUT], hd_acl_guards(&lists, HD_ACL_OUT));
}

static inline const struct hd_rule *guard_find(const struct hd_tables *tables, const struct hd_rule_spec *spec)
{
	const struct hd_rule *rule;
	uint32_t cursor = 0;

	while ((rule = hd_tables_next(tables, &cursor)) != NULL)
		if (rule->spec.table == spec->table && rule->spec.priority == spec->priority &&
		    memcmp(&rule->spec.match, &spec->match, sizeof(spec->match)) == 0)
			return rule;
	return NULL;
}

/* A bridge's guard has the rules of its ports, and no others; none if no port has needed any yet. */
static inline void guard_is(const struct hd_config *config, const struct hd_bridge_conf *conf,
			    const struct hd_snapshot *snapshot, const struct hd_run_bridge *bridge, int guard)
{
	static const struct hd_secure_conf open;
	struct hd_guard_rules rules = {0};
	bool guarded = false;

	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		const struct hd_snapshot_port *port = snapshot->ports[id];
		const struct hd_port_conf *of = port != NULL ? hd_bridge_conf_port(conf, port->port->name) : NULL;
		struct hd_acl_port lists;

		if (of == NULL)
			continue;
		guarded |= port->guarded[HD_GUARD_IN] || port->guarded[HD_GUARD_OUT];
		lists = guard_lists(config, of);
		lists.ofport = port->ofport;
		hd_secure_compile(&rules, guard == HD_GUARD_IN ? &of->secure : &open, port->ofport);
		hd_acl_compile(&rules, &lists, (enum hd_acl_dir)guard);
	}
	if (guarded || hd_tables_count(bridge->guard[guard]) != 0)
		ck_assert_uint_eq(hd_tables_count(bridge->guard[guard]), rules.n);
	for (size_t i = 0; i < rules.n && guarded; i++) {
		const struct hd_rule *rule = guard_find(bridge->guard[guard], &rules.specs[i]);

		ck_assert_ptr_nonnull(rule);
		ck_assert_uint_eq(rule->spec.cookie, rules.specs[i].cookie);
		ck_assert(hd_actions_equal(rule->spec.actions, rules.specs[i].actions));
	}
	hd_guard_rules_clear(&rules);
}

#endif
