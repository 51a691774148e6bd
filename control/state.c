/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the JSON that says how ports, bridges and PMD threads are doing. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_version.h>

#include "control.h"
#include "fdb.h"
#include "virtio_features.h"
#include "runtime.h"
#include "state.h"

static json_t *counters(const struct hd_queue_totals *totals, uint64_t errors)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "packets", (json_int_t)totals->packets, "bytes",
			 (json_int_t)totals->bytes, "unicast",
			 (json_int_t)(totals->packets - totals->multicast - totals->broadcast), "multicast",
			 (json_int_t)totals->multicast, "broadcast", (json_int_t)totals->broadcast, "errors",
			 (json_int_t)errors);
}

static int cpu_of(const struct hd_runtime *runtime, const struct hd_run_port *run, uint16_t queue)
{
	return runtime->dataplane->pmds[run->pmd[queue]]->cpu;
}

static json_t *queues(const struct hd_runtime *runtime, const struct hd_run_port *run)
{
	json_t *list = json_array();

	for (uint16_t queue = 0; queue < run->port->n_queues; queue++) {
		bool enabled = run->port->ops->queue_enabled(run->port, HD_PORT_RX, queue);

		json_array_append_new(list, json_pack("{s:i, s:b, s:i}", "queue", queue, "enabled", enabled, "pmd",
						      cpu_of(runtime, run, queue)));
	}
	return list;
}

static json_t *ring_of(const struct hd_run_port *run, enum hd_port_direction direction, uint16_t queue)
{
	struct hd_ring_status ring;
	json_t *out;

	run->port->ops->ring_status(run->port, direction, queue, &ring);
	out = json_pack("{s:i, s:s, s:s, s:I, s:b, s:b, s:b, s:I, s:I, s:I, s:I}", "queue", queue, "direction",
			direction == HD_PORT_RX ? "rx" : "tx", "layout", ring.packed ? "packed" : "split", "size",
			(json_int_t)ring.size, "running", ring.running, "enabled", ring.enabled, "interruptible",
			ring.interruptible, "interrupts", (json_int_t)ring.interrupts, "suppressed",
			(json_int_t)ring.suppressed, "stalls", (json_int_t)ring.stalls, "stalled_us",
			(json_int_t)ring.stalled_us);
	if (ring.broken != NULL)
		json_object_set_new(out, "broken", json_string(ring.broken));
	return out;
}

static json_t *rings(const struct hd_run_port *run)
{
	json_t *list = json_array();

	for (uint16_t queue = 0; queue < run->port->n_queues; queue++) {
		json_array_append_new(list, ring_of(run, HD_PORT_RX, queue));
		json_array_append_new(list, ring_of(run, HD_PORT_TX, queue));
	}
	return list;
}

static void add_vhost(json_t *out, const struct hd_run_port *run, const struct hd_port_status *status)
{
	json_object_set_new(out, "engine", json_string(run->conf.engine == HD_ENGINE_DPDK ? "dpdk" : "native"));
	if (status->guest_mtu != 0)
		json_object_set_new(out, "guest_mtu", json_integer(status->guest_mtu));
	if (status->has_features)
		json_object_set_new(out, "features", hd_features_names(status->features));
	if (status->has_session) {
		json_object_set_new(out, "protocol_features", hd_protocol_features_names(status->protocol_features));
		json_object_set_new(out, "memory",
				    json_pack("{s:I, s:I}", "regions", (json_int_t)status->n_regions, "bytes",
					      (json_int_t)status->memory));
	}
	if (run->port->ops->ring_status != NULL)
		json_object_set_new(out, "rings", rings(run));
}

static void add_details(json_t *out, const struct hd_run_port *run)
{
	struct hd_port_status status;

	run->port->ops->status(run->port, &status);
	if (!atomic_load(&run->port->up) && status.reason[0] != '\0')
		json_object_set_new(out, "reason", json_string(status.reason));
	if (run->conf.kind == HD_PORT_VHOST)
		add_vhost(out, run, &status);
	if (status.speed != 0)
		json_object_set_new(out, "speed", json_integer(status.speed));
	if (status.has_mac)
		json_object_set_new(out, "mac",
				    json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", status.mac[0], status.mac[1],
						 status.mac[2], status.mac[3], status.mac[4], status.mac[5]));
	if (run->conf.kind == HD_PORT_ETHDEV)
		json_object_set_new(out, "driver",
				    json_stringn(run->conf.device, strcspn(run->conf.device, ",0123456789")));
}

json_t *hd_state_port(struct hd_control *control, const struct hd_port_conf *conf)
{
	const struct hd_runtime *runtime = hd_control_runtime(control);
	const struct hd_run_port *run = hd_runtime_port(runtime, conf->name);
	json_t *out;

	if (run == NULL || run->port == NULL)
		return json_pack("{s:b, s:s, s:i, s:[]}", "up", 0, "reason", "could not be opened again", "mtu",
				 conf->mtu, "queues");
	out = json_pack("{s:i, s:b, s:i, s:o}", "id", run->port->id, "up", atomic_load(&run->port->up), "mtu",
			run->conf.mtu, "queues", queues(runtime, run));
	add_details(out, run);
	return out;
}

static json_t *drops_of(const struct hd_port_totals *totals)
{
	json_t *out = json_object();

	for (unsigned int reason = 0; reason < HD_DROP_COUNT; reason++) {
		if (totals->drops[reason] != 0)
			json_object_set_new(out, hd_drop_name(reason), json_integer((json_int_t)totals->drops[reason]));
	}
	return out;
}

static json_t *queue_stats(const struct hd_runtime *runtime, const struct hd_run_port *run, uint16_t queue)
{
	struct hd_queue_totals rx, tx;

	hd_port_queue_totals(run->port, HD_PORT_RX, queue, &rx);
	hd_port_queue_totals(run->port, HD_PORT_TX, queue, &tx);
	return json_pack("{s:i, s:i, s:o, s:o}", "queue", queue, "pmd", cpu_of(runtime, run, queue), "rx",
			 counters(&rx, 0), "tx", counters(&tx, 0));
}

json_t *hd_state_port_stats(struct hd_control *control, const struct hd_port_conf *conf)
{
	const struct hd_runtime *runtime = hd_control_runtime(control);
	const struct hd_run_port *run = hd_runtime_port(runtime, conf->name);
	struct hd_port_totals totals = {.copies = 0};
	struct hd_port_status status = {.rx_errors = 0};
	json_t *list = json_array();

	if (run != NULL && run->port != NULL) {
		hd_port_totals(run->port, &totals);
		run->port->ops->status(run->port, &status);
		for (uint16_t queue = 0; queue < run->port->n_queues; queue++)
			json_array_append_new(list, queue_stats(runtime, run, queue));
	}
	return json_pack("{s:o, s:o, s:o, s:o}", "rx", counters(&totals.rx, status.rx_errors), "tx",
			 counters(&totals.tx, 0), "drops", drops_of(&totals), "queues", list);
}

json_t *hd_state_bridge(struct hd_control *control, const struct hd_bridge_conf *conf)
{
	const struct hd_run_bridge *bridge = hd_runtime_bridge(hd_control_runtime(control), conf->name);

	if (bridge == NULL)
		return json_pack("{s:{s:i, s:i, s:I, s:i}}", "fdb", "entries", 0, "static", 0, "limit",
				 (json_int_t)conf->fdb_limit, "refused", 0);
	return json_pack("{s:{s:I, s:I, s:I, s:I}}", "fdb", "entries", (json_int_t)hd_fdb_count(bridge->fdb), "static",
			 (json_int_t)hd_fdb_count_static(bridge->fdb), "limit", (json_int_t)hd_fdb_limit(bridge->fdb),
			 "refused", (json_int_t)bridge->refused);
}

json_t *hd_state_mirror(struct hd_control *control, const struct hd_bridge_conf *conf,
			const struct hd_mirror_conf *mirror)
{
	const struct hd_run_bridge *bridge = hd_runtime_bridge(hd_control_runtime(control), conf->name);
	struct hd_mirror_totals totals = {.packets = 0};

	for (unsigned int i = 0; bridge != NULL && i < bridge->n_mirrors; i++) {
		if (strcmp(bridge->mirrors[i].conf.name, mirror->name) == 0)
			hd_mirror_totals(bridge->mirrors[i].counters, &totals);
	}
	return json_pack("{s:I, s:I, s:I}", "packets", (json_int_t)totals.packets, "bytes", (json_int_t)totals.bytes,
			 "dropped", (json_int_t)totals.dropped);
}

static json_t *rxqs_of(const struct hd_runtime *runtime, uint16_t pmd)
{
	json_t *list = json_array();

	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		const struct hd_run_port *run = runtime->ports[id];

		for (uint16_t queue = 0; run != NULL && run->port != NULL && queue < run->port->n_queues; queue++) {
			if (run->pmd[queue] == pmd)
				json_array_append_new(list, json_pack("{s:s, s:i, s:I}", "port", run->conf.name,
								      "queue", queue, "busy_cycles",
								      (json_int_t)hd_counted(&run->port->busy[queue])));
		}
	}
	return list;
}

static double ratio(uint64_t a, uint64_t b)
{
	return b != 0 ? (double)a / (double)b : 0;
}

static json_t *pmd_of(const struct hd_runtime *runtime, uint16_t id)
{
	const struct hd_pmd *pmd = runtime->dataplane->pmds[id];
	uint64_t busy = hd_counted(&pmd->stats.busy), packets = hd_counted(&pmd->stats.packets);
	uint64_t bursts = hd_counted(&pmd->stats.bursts);

	return json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:o}", "cpu", pmd->cpu, "id", id,
			 "hz", (json_int_t)rte_get_tsc_hz(), "busy_cycles", (json_int_t)busy, "idle_cycles",
			 (json_int_t)hd_counted(&pmd->stats.idle), "packets", (json_int_t)packets, "bursts",
			 (json_int_t)bursts, "cycles_per_packet", ratio(busy, packets), "packets_per_burst",
			 ratio(packets, bursts), "cache_misses", (json_int_t)hd_counted(&pmd->stats.misses),
			 "learn_dropped", (json_int_t)hd_counted(&pmd->learner.lost), "rxqs", rxqs_of(runtime, id));
}

json_t *hd_state_pmds(struct hd_control *control)
{
	const struct hd_runtime *runtime = hd_control_runtime(control);
	json_t *list = json_array();

	for (uint16_t id = 0; id < runtime->dataplane->n_pmds; id++) {
		unsigned int before = 0;

		/* The few there are, sorted by CPU. */
		while (before < json_array_size(list) &&
		       json_integer_value(json_object_get(json_array_get(list, before), "cpu")) <
			       runtime->dataplane->pmds[id]->cpu)
			before++;
		json_array_insert_new(list, before, pmd_of(runtime, id));
	}
	return list;
}

static void add_drops(json_t *list, const char *port, const struct hd_port_totals *totals)
{
	for (unsigned int reason = 0; reason < HD_DROP_COUNT; reason++) {
		if (totals->drops[reason] != 0)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "port", port, "reason",
							      hd_drop_name(reason), "text", hd_drop_text(reason),
							      "packets", (json_int_t)totals->drops[reason]));
	}
}

static uint64_t sum_drops(const struct hd_port_totals *totals)
{
	uint64_t sum = 0;

	for (unsigned int reason = 0; reason < HD_DROP_COUNT; reason++)
		sum += totals->drops[reason];
	return sum;
}

json_t *hd_state_drops(struct hd_control *control)
{
	const struct hd_runtime *runtime = hd_control_runtime(control);
	const struct hd_config *config = hd_control_config(control);
	struct hd_port_totals totals = runtime->retired;
	uint64_t rx = totals.rx.packets, tx = totals.tx.packets, drops = sum_drops(&totals);
	uint64_t copies = totals.copies, segments = totals.segments;
	json_t *list = json_array();

	for (unsigned int b = 0; b < config->n_bridges; b++) {
		for (unsigned int p = 0; p < config->bridges[b].n_ports; p++) {
			const char *name = config->bridges[b].ports[p].name;
			const struct hd_run_port *run = hd_runtime_port(runtime, name);

			if (run == NULL || run->port == NULL)
				continue;
			hd_port_totals(run->port, &totals);
			add_drops(list, name, &totals);
			rx += totals.rx.packets;
			tx += totals.tx.packets;
			copies += totals.copies;
			segments += totals.segments;
			drops += sum_drops(&totals);
		}
	}
	return json_pack("{s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:o}", "balance", "rx", (json_int_t)rx, "copies",
			 (json_int_t)copies, "segments", (json_int_t)segments, "tx", (json_int_t)tx, "drops",
			 (json_int_t)drops, "difference", (json_int_t)(rx + copies + segments - tx - drops), "drops",
			 list);
}

json_t *hd_state_daemon(struct hd_control *control)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return json_pack("{s:s, s:i, s:I, s:s}", "dpdk", rte_version(), "pid", (int)getpid(), "uptime",
			 (json_int_t)(now.tv_sec - hd_control_started(control)), "memory",
			 rte_eal_has_hugepages() ? "hugepages" : "ordinary");
}
