/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The naive twin of test_runtime.c: the document that should be in force, and what follows from it for ports, the
 * published snapshot and the FDBs. Included by one file a program, which is linked with --wrap=hd_dataplane_publish.
 */
#ifndef RUNTIME_TWIN_H
#define RUNTIME_TWIN_H

#include <check.h>
#include <event2/event.h>
#include <time.h>

#include <rte_cycles.h>

#include "arbitrary.h"
#include "control.h"
#include "eal.h"
#include "fake_port.h"
#include "fdb.h"
#include "guard_twin.h"
#include "learn.h"

#define LEARNT_MAX 48

void __real_hd_dataplane_publish(struct hd_dataplane *dataplane, struct hd_snapshot *snapshot);
void __wrap_hd_dataplane_publish(struct hd_dataplane *dataplane, struct hd_snapshot *snapshot);

/* A port as it was in the snapshot before the step. */
struct before {
	const struct fake_port *port;
	struct hd_port_conf conf;
	char bridge[HD_NAME_MAX + 1];
	uint64_t serial;
	uint16_t pmd[HD_QUEUES_MAX];
	bool left; /* some snapshot of the step was without it */
};

struct learnt {
	char bridge[HD_NAME_MAX + 1], port[HD_NAME_MAX + 1];
	uint64_t key;
};

static struct {
	struct event_base *base;
	struct hd_dataplane *dataplane;
	struct hd_control *control;
	json_t *document, *former, *armed; /* canonical, as they should be */
	struct hd_config *config;          /* of document */
	json_t *lost;                      /* names of ports that could not be opened again */
	unsigned int n_before, n_learnt;
	struct before before[HD_PORTS_MAX];
	struct learnt learnt[LEARNT_MAX];
	size_t heap;
	unsigned int applied, failed, moved, published, addresses;
} twin;

static const struct hd_snapshot *in_force(void)
{
	return atomic_load(&twin.dataplane->snapshot);
}

/* The PMD that polls a queue, or -1. */
static int poller(const struct hd_snapshot *snapshot, const struct hd_port *port, uint16_t queue)
{
	int found = -1;

	for (int pmd = 0; pmd < HD_PMDS_MAX; pmd++)
		for (uint16_t i = 0; i < snapshot->pmds[pmd].n_rxqs; i++)
			if (snapshot->pmds[pmd].rxqs[i].port == port && snapshot->pmds[pmd].rxqs[i].queue == queue) {
				ck_assert_int_eq(found, -1);
				found = pmd;
			}
	return found;
}

static bool is_open(const struct hd_port *port)
{
	for (unsigned int i = 0; i < fake.n; i++)
		if (&fake.open[i]->port == port)
			return true;
	return false;
}

void __wrap_hd_dataplane_publish(struct hd_dataplane *dataplane, struct hd_snapshot *snapshot)
{
	const struct hd_snapshot *former = atomic_load(&dataplane->snapshot);

	twin.published++;
	guards_hold(former, snapshot);
	for (unsigned int i = 0; i < twin.n_before; i++) {
		const struct fake_port *port = twin.before[i].port;
		bool here = false;

		for (unsigned int id = 0; id < HD_PORTS_MAX; id++)
			here |= snapshot->ports[id] != NULL && snapshot->ports[id]->port == &port->port;
		twin.before[i].left |= !here;
	}
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		const struct hd_snapshot_port *port = snapshot->ports[id];

		if (port == NULL)
			continue;
		ck_assert(is_open(port->port));
		for (uint16_t queue = 0; queue < port->port->n_queues; queue++) {
			int was = poller(former, port->port, queue), is = poller(snapshot, port->port, queue);

			ck_assert_int_ge(is, 0);
			ck_assert_msg(was < 0 || was == is, "%s queue %u goes from PMD %d to %d without a rest",
				      port->port->name, queue, was, is);
		}
	}
	__real_hd_dataplane_publish(dataplane, snapshot);
}

/* What a change of makes a port another one. */
static bool same_port(const struct hd_port_conf *a, const struct hd_port_conf *b)
{
	return a->kind == b->kind && strcmp(a->socket, b->socket) == 0 && strcmp(a->device, b->device) == 0 &&
	       a->mode == b->mode && a->engine == b->engine && a->queues == b->queues &&
	       strcmp(a->owner, b->owner) == 0 && strcmp(a->group, b->group) == 0 && a->socket_mode == b->socket_mode;
}

static bool same_vlan(const struct hd_vlan_conf *a, const struct hd_vlan_conf *b)
{
	return a->mode == b->mode && a->pvid == b->pvid && memcmp(a->allowed, b->allowed, sizeof(a->allowed)) == 0;
}

static bool is_lost(const char *name)
{
	return json_object_get(twin.lost, name) != NULL;
}

/* Does some port that the change must open need what this one has? */
static bool stands_in_the_way(const struct before *old, const struct hd_config *to)
{
	for (unsigned int b = 0; b < to->n_bridges; b++)
		for (unsigned int p = 0; p < to->bridges[b].n_ports; p++) {
			const struct hd_port_conf *new = &to->bridges[b].ports[p];
			const struct hd_port_conf *was = hd_config_port(twin.config, new->name, NULL);
			bool carries_on = was != NULL && same_port(was, new) && !is_lost(new->name);

			if (!carries_on && fake_contend(&old->conf, new))
				return true;
		}
	return false;
}

/* --- What the snapshot should say. --- */

static const struct hd_snapshot_port *published(const char *name)
{
	const struct hd_snapshot_port *found = NULL;

	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		const struct hd_snapshot_port *port = in_force()->ports[id];

		if (port == NULL || strcmp(port->port->name, name) != 0)
			continue;
		ck_assert_ptr_null(found);
		ck_assert_uint_eq(port->port->id, id);
		found = port;
	}
	return found;
}

static void check_storm(const struct hd_snapshot_port *port, const struct hd_port_conf *conf)
{
	uint64_t hz = rte_get_tsc_hz();
	bool any = false;

	for (int class = 0; class < HD_STORM_CLASSES; class ++) {
		uint32_t rate = conf->storm[class];

		ck_assert_uint_eq(port->storm[class].interval, rate == 0 ? 0 : hz / rate + (hz % rate != 0));
		any |= rate != 0;
	}
	ck_assert_int_eq(port->storm_limited, any);
}

static void check_queues(const struct hd_snapshot_port *port, const struct hd_port_conf *conf)
{
	for (uint16_t queue = 0; queue < conf->queues; queue++) {
		int pmd = poller(in_force(), port->port, queue);

		ck_assert_int_ge(pmd, 0);
		ck_assert_int_lt(pmd, (int)twin.dataplane->n_pmds);
		if (conf->pmd[queue] >= 0)
			ck_assert_int_eq(twin.dataplane->pmds[pmd]->cpu, conf->pmd[queue]);
	}
}

static void check_port(const struct hd_port_conf *conf, const struct hd_run_bridge *bridge)
{
	const struct hd_snapshot_port *port = published(conf->name);
	const struct fake_port *fake_port;

	if (is_lost(conf->name)) {
		ck_assert_ptr_null(port);
		return;
	}
	ck_assert_msg(port != NULL, "%s is not there", conf->name);
	ck_assert(is_open(port->port));
	fake_port = fake_of(port->port);
	ck_assert(same_port(&fake_port->conf, conf));
	ck_assert_uint_eq(fake_port->mtu, conf->mtu);
	ck_assert_uint_eq(port->max_len, conf->mtu + 14u);
	ck_assert_int_eq(port->isolated, conf->isolated);
	ck_assert(same_vlan(&port->vlan, &conf->vlan));
	ck_assert_uint_eq(port->bridge->serial, bridge->serial);
	guard_port_is(twin.config, conf, port);
	check_storm(port, conf);
	check_queues(port, conf);
}

static void check_statics(const struct hd_bridge_conf *conf, const struct hd_fdb *fdb)
{
	ck_assert_uint_eq(hd_fdb_count_static(fdb), conf->n_fdb);
	for (unsigned int i = 0; i < conf->n_fdb; i++) {
		const struct hd_fdb_conf *entry = &conf->fdb[i];
		const struct hd_snapshot_port *port = published(entry->port);
		int32_t position = hd_fdb_find(fdb, hd_fdb_key(entry->mac, entry->vlan));

		ck_assert_int_ge(position, 0);
		ck_assert(atomic_load((_Atomic uint16_t *)(uintptr_t)&hd_fdb_entries(fdb)[position].flags) &
			  HD_FDB_STATIC);
		if (port != NULL)
			ck_assert_uint_eq(
				atomic_load((_Atomic uint16_t *)(uintptr_t)&hd_fdb_entries(fdb)[position].port),
				port->port->id);
		else
			ck_assert(is_lost(entry->port));
	}
}

/* No entry leads to a port that is not of the bridge. */
static void check_leads(const struct hd_run_bridge *bridge)
{
	const struct hd_runtime *runtime = hd_control_runtime(twin.control);
	const struct hd_fdb_entry *entry;
	uint32_t cursor = 0;

	while (hd_fdb_next(bridge->fdb, &cursor, &entry)) {
		uint16_t id = atomic_load((_Atomic uint16_t *)(uintptr_t)&entry->port);

		ck_assert_ptr_nonnull(runtime->ports[id]);
		ck_assert_ptr_eq(runtime->ports[id]->bridge, bridge);
	}
}

static void check_bridge(const struct hd_bridge_conf *conf)
{
	const struct hd_run_bridge *bridge = hd_runtime_bridge(hd_control_runtime(twin.control), conf->name);
	const struct hd_snapshot_bridge *seen = NULL;
	unsigned int lost = 0;

	ck_assert_ptr_nonnull(bridge);
	for (uint16_t i = 0; i < in_force()->n_bridges; i++)
		if (in_force()->bridges[i].serial == bridge->serial) {
			ck_assert_ptr_null(seen);
			seen = &in_force()->bridges[i];
		}
	ck_assert_ptr_nonnull(seen);
	ck_assert_ptr_eq(seen->fdb, bridge->fdb);
	ck_assert_uint_eq(hd_fdb_limit(bridge->fdb), conf->fdb_limit);
	ck_assert_uint_eq(bridge->ageing, conf->ageing);
	for (unsigned int p = 0; p < conf->n_ports; p++) {
		check_port(&conf->ports[p], bridge);
		lost += is_lost(conf->ports[p].name);
	}
	ck_assert_uint_eq(seen->n_ports, conf->n_ports - lost);
	for (uint16_t i = 0; i < seen->n_ports; i++) {
		ck_assert_ptr_nonnull(in_force()->ports[seen->ports[i]]);
		ck_assert_ptr_eq(in_force()->ports[seen->ports[i]]->bridge, seen);
	}
	for (int guard = 0; guard < HD_GUARDS && lost == 0; guard++)
		if (bridge->guard[guard] != NULL)
			guard_is(twin.config, conf, in_force(), bridge, guard);
	check_statics(conf, bridge->fdb);
	check_leads(bridge);
}

static void check_all(void)
{
	unsigned int ports = 0, seen = 0;

	ck_assert(json_equal(hd_control_document(twin.control), twin.document));
	ck_assert_uint_eq(in_force()->n_bridges, twin.config->n_bridges);
	for (unsigned int b = 0; b < twin.config->n_bridges; b++) {
		check_bridge(&twin.config->bridges[b]);
		ports += twin.config->bridges[b].n_ports;
	}
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++)
		seen += in_force()->ports[id] != NULL;
	ck_assert_uint_eq(seen, ports - json_object_size(twin.lost));
	ck_assert_uint_eq(fake.n, seen);
}

/* --- What was learnt. --- */

static bool is_learnt(const struct learnt *learnt)
{
	const struct hd_run_bridge *bridge = hd_runtime_bridge(hd_control_runtime(twin.control), learnt->bridge);
	const struct hd_run_port *run = hd_runtime_port(hd_control_runtime(twin.control), learnt->port);
	const struct hd_fdb_entry *entry;
	int32_t position = bridge != NULL ? hd_fdb_find(bridge->fdb, learnt->key) : -1;

	if (position < 0)
		return false;
	entry = &hd_fdb_entries(bridge->fdb)[position];
	if (atomic_load((_Atomic uint16_t *)(uintptr_t)&entry->flags) & HD_FDB_STATIC)
		return false;
	ck_assert_ptr_nonnull(run);
	ck_assert_ptr_nonnull(run->port);
	ck_assert_uint_eq(atomic_load((_Atomic uint16_t *)(uintptr_t)&entry->port), run->port->id);
	return true;
}

/* A new address behind some port, through the ring that PMDs use. */
static void learn_something(void)
{
	const struct before *port = &twin.before[below(twin.n_before)];
	struct learnt *learnt = &twin.learnt[twin.n_learnt];
	struct hd_run_bridge *bridge = hd_runtime_bridge(hd_control_runtime(twin.control), port->bridge);
	uint8_t mac[6] = {0x06, 1, 2, 3, (uint8_t)(twin.addresses >> 8), (uint8_t)twin.addresses};

	if (twin.n_learnt == LEARNT_MAX || hd_fdb_limit(bridge->fdb) < 128)
		return;
	twin.addresses++;
	memcpy(learnt->bridge, port->bridge, sizeof(learnt->bridge));
	memcpy(learnt->port, port->conf.name, sizeof(learnt->port));
	learnt->key = hd_fdb_key(mac, (uint16_t)below(4));
	hd_learner_push(&twin.dataplane->pmds[0]->learner, learnt->key, bridge->serial, port->port->port.id, 0);
	twin.n_learnt++;
}

/* After a change from `old` (whose settings `before` has): what must be known still, and what must not. */
static void check_learnt(const struct hd_config *old)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < twin.n_learnt; i++) {
		struct learnt *learnt = &twin.learnt[i];
		const struct hd_bridge_conf *was_in, *is_in = NULL;
		const struct hd_port_conf *was = hd_config_port(old, learnt->port, &was_in);
		const struct hd_port_conf *is = hd_config_port(twin.config, learnt->port, &is_in);
		bool stays = is != NULL && same_port(was, is) && same_vlan(&was->vlan, &is->vlan) &&
			     strcmp(was_in->name, is_in->name) == 0 && !is_lost(learnt->port);

		if (!stays || is_in->fdb_limit < 128) {
			if (!stays && !is_lost(learnt->port))
				ck_assert_msg(!is_learnt(learnt), "%s: kept what it had learnt", learnt->port);
			continue;
		}
		ck_assert_msg(is_learnt(learnt), "%s: lost what it had learnt", learnt->port);
		twin.learnt[n++] = *learnt;
	}
	twin.n_learnt = n;
}

/* --- What was. --- */

static void remember_before(void)
{
	const struct hd_runtime *runtime = hd_control_runtime(twin.control);

	twin.n_before = 0;
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		const struct hd_snapshot_port *port = in_force()->ports[id];
		struct before *before = &twin.before[twin.n_before];

		if (port == NULL)
			continue;
		memset(before, 0, sizeof(*before));
		before->port = fake_of(port->port);
		before->conf = *hd_config_port(twin.config, port->port->name, NULL);
		before->serial = before->port->serial;
		snprintf(before->bridge, sizeof(before->bridge), "%s", runtime->ports[id]->bridge->name);
		for (uint16_t queue = 0; queue < port->port->n_queues; queue++)
			before->pmd[queue] = (uint16_t)poller(in_force(), port->port, queue);
		twin.n_before++;
	}
}

static bool changed_pmd(const struct before *old)
{
	for (uint16_t queue = 0; queue < old->conf.queues; queue++)
		if (poller(in_force(), &old->port->port, queue) != old->pmd[queue])
			return true;
	return false;
}

#endif
