/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the choice of a driver for a configured port. */
#include "port_ethdev.h"
#include "port_librte.h"
#include "ports.h"

static int open_ethdev(struct hd_dataplane *dataplane, const struct hd_port_conf *conf, struct hd_port **port,
		       char reason[HD_REASON_MAX])
{
	struct hd_ethdev_args args = {
		.name = conf->name,
		.device = conf->device,
		.queues = conf->queues,
		.mtu = conf->mtu,
		.n_pmds = dataplane->n_pmds,
	};

	return hd_port_ethdev_open(&args, port, reason);
}

static int open_vhost(struct hd_dataplane *dataplane, const struct hd_port_conf *conf, struct hd_port **port,
		      char reason[HD_REASON_MAX])
{
	struct hd_librte_args args = {
		.name = conf->name,
		.path = conf->socket,
		.client = conf->mode == HD_VHOST_CLIENT,
		.owner = conf->owner,
		.group = conf->group,
		.socket_mode = conf->socket_mode,
		.queues = conf->queues,
		.mtu = conf->mtu,
		.dataplane = dataplane,
	};

	return hd_port_librte_open(&args, port, reason);
}

int hd_ports_open(struct hd_dataplane *dataplane, const struct hd_port_conf *conf, struct hd_port **port,
		  char reason[HD_REASON_MAX])
{
	static const hd_open_port by_kind[] = {
		[HD_PORT_VHOST] = open_vhost,
		[HD_PORT_ETHDEV] = open_ethdev,
	};

	return by_kind[conf->kind](dataplane, conf, port, reason);
}
