/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the opening and closing of ports. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

uint16_t hd_run_port_free_id(const struct hd_runtime *runtime)
{
	uint16_t id = 0;

	while (id < HD_PORTS_MAX && runtime->ports[id] != NULL)
		id++;
	return id;
}

/* Opens a port under a free id. */
int hd_run_port_open(struct hd_runtime *runtime, uint16_t id, const struct hd_port_conf *conf, struct hd_run_port **out,
		     char reason[HD_REASON_MAX])
{
	struct hd_run_port *run = calloc(1, sizeof(*run));
	int rc;

	if (run == NULL || id == HD_PORTS_MAX) {
		snprintf(reason, HD_REASON_MAX, run == NULL ? "out of memory" : "too many ports");
		free(run);
		return -ENOMEM;
	}
	run->ofport = hd_ofports_take(runtime->ofports, conf->name, strlen(conf->name));
	if (run->ofport == HD_OFPORT_NONE) {
		snprintf(reason, HD_REASON_MAX, "rules keep all %u port numbers", HD_OFPORT_MAX);
		free(run);
		return -ENOSPC;
	}
	rc = runtime->open(runtime->opener, conf, &run->port, reason);
	if (rc < 0) {
		free(run);
		return rc;
	}
	run->conf = *conf;
	run->port->id = id;
	runtime->ports[id] = run;
	*out = run;
	return 0;
}

void hd_run_port_retire(struct hd_runtime *runtime, const struct hd_port *port)
{
	struct hd_port_totals *sum = &runtime->retired;
	struct hd_port_totals totals;

	hd_port_totals(port, &totals);
	sum->rx.packets += totals.rx.packets;
	sum->tx.packets += totals.tx.packets;
	sum->copies += totals.copies;
	sum->segments += totals.segments;
	for (unsigned int reason = 0; reason < HD_DROP_COUNT; reason++)
		sum->drops[reason] += totals.drops[reason];
}

/* No snapshot names it any more. What it was is remembered in the totals. */
void hd_run_port_close(struct hd_runtime *runtime, struct hd_run_port *run)
{
	hd_run_port_retire(runtime, run->port);
	runtime->ports[run->port->id] = NULL;
	run->port->ops->close(run->port);
	free(run);
}
