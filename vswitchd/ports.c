/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the choice of a driver for a configured port. */
#include "port_ethdev.h"
#include "port_librte.h"
#include "port_native.h"
#include "ports.h"

static int open_ethdev(const struct hd_ports *ports, const struct hd_port_conf *conf, struct hd_port **port,
		       char reason[HD_REASON_MAX])
{
	struct hd_ethdev_args args = {
		.name = conf->name,
		.device = conf->device,
		.queues = conf->queues,
		.mtu = conf->mtu,
		.n_pmds = ports->dataplane->n_pmds,
	};

	return hd_port_ethdev_open(&args, port, reason);
}

static int open_vhost(const struct hd_ports *ports, const struct hd_port_conf *conf, struct hd_port **port,
		      char reason[HD_REASON_MAX])
{
	struct hd_vhost_args args = {
		.base = ports->base,
		.dataplane = ports->dataplane,
		.name = conf->name,
		.path = conf->socket,
		.client = conf->mode == HD_VHOST_CLIENT,
		.owner = conf->owner,
		.group = conf->group,
		.socket_mode = conf->socket_mode,
		.queues = conf->queues,
		.mtu = conf->mtu,
	};

	return conf->engine == HD_ENGINE_DPDK ? hd_port_librte_open(&args, port, reason)
					      : hd_port_native_open(&args, port, reason);
}

int hd_ports_open(void *opener, const struct hd_port_conf *conf, struct hd_port **port, char reason[HD_REASON_MAX])
{
	const struct hd_ports *ports = opener;

	return conf->kind == HD_PORT_ETHDEV ? open_ethdev(ports, conf, port, reason)
					    : open_vhost(ports, conf, port, reason);
}
