/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon: starts its parts in order, runs until told to stop, unwinds them in reverse. */
#include <stdlib.h>

#include <event2/event.h>

#include <version.h>

#include "control.h"
#include "dataplane.h"
#include "descriptors.h"
#include "eal.h"
#include "fault.h"
#include "notify.h"
#include "nudge.h"
#include "options.h"
#include "pool.h"
#include "ports.h"
#include "server.h"
#include "signals.h"
#include "yaml.h"

/* The document of -c, validated before anything is started; without -c an empty one. */
static int load(const struct hd_options *options, json_t **document, struct hd_marks **marks, struct hd_config **config)
{
	struct hd_error error;
	int rc = 0;

	*marks = NULL;
	*document = NULL;
	if (options->config != NULL)
		rc = hd_yaml_load(options->config, document, marks, &error);
	else
		*document = json_object();
	if (rc == 0)
		rc = hd_config_parse(*document, *marks, config, &error);
	if (rc < 0)
		hd_error("configuration", "%s", error.text);
	return rc;
}

static int apply(struct hd_control *control, const struct hd_options *options, const json_t *document,
		 const struct hd_marks *marks)
{
	struct hd_error error;
	int rc = hd_control_replace(control, document, marks, false, NULL, &error);

	if (rc < 0)
		hd_error("configuration", "%s", error.text);
	hd_control_set_file(control, options->config);
	return rc;
}

static int serve(struct event_base *base, struct hd_control *control, const struct hd_options *options,
		 struct hd_server **server)
{
	struct hd_error error;
	int rc = hd_server_create(base, control, options->socket, options->group, server, &error);

	if (rc < 0)
		hd_error("control", "%s", error.text);
	return rc;
}

int main(int argc, char **argv)
{
	struct hd_dataplane *dataplane = NULL;
	struct hd_control *control = NULL;
	struct hd_signals *signals = NULL;
	struct hd_server *server = NULL;
	struct hd_config *config = NULL;
	struct hd_marks *marks = NULL;
	struct hd_ports ports;
	struct event_base *base;
	struct hd_options options;
	json_t *document = NULL;
	timer_t nudge;
	int status = hd_options_parse(&options, argc, argv);

	if (status >= 0)
		return status;
	status = EXIT_FAILURE;
	hd_log_set_level(options.log_level);
	hd_descriptors_raise();
	if (options.pmd_cpus.n == 0)
		hd_cpus_default(&options.pmd_cpus);
	if (load(&options, &document, &marks, &config) < 0)
		goto err_document;
	if (hd_eal_start(&options, config) < 0)
		goto err_document;
	if (hd_fault_init() < 0)
		goto err_eal;
	base = event_base_new();
	if (base == NULL)
		goto err_eal;
	if (hd_nudge_start(&nudge) < 0)
		goto err_base;
	if (hd_dataplane_create(&dataplane) < 0)
		goto err_nudge;
	ports = (struct hd_ports){.dataplane = dataplane, .base = base};
	if (hd_control_create(base, dataplane, hd_ports_open, &ports, &control) < 0)
		goto err_dataplane;
	if (hd_signals_create(base, &signals) < 0)
		goto err_control;
	if (hd_dataplane_start(dataplane) < 0)
		goto err_signals;
	if (apply(control, &options, document, marks) < 0)
		goto err_signals;
	if (serve(base, control, &options, &server) < 0)
		goto err_signals;
	hd_info("heddle", "version %s, %u PMD thread%s, socket %s", HD_VERSION, dataplane->n_pmds,
		dataplane->n_pmds == 1 ? "" : "s", options.socket);
	hd_notify_ready();
	event_base_dispatch(base);
	hd_notify_stopping();
	hd_info("heddle", "stopping");
	status = EXIT_SUCCESS;

	hd_server_destroy(server);
err_signals:
	hd_signals_destroy(signals);
err_control:
	hd_control_destroy(control);
err_dataplane:
	hd_dataplane_destroy(dataplane);
err_nudge:
	hd_nudge_stop(nudge);
err_base:
	event_base_free(base);
	hd_pool_fini();
err_eal:
	hd_eal_stop();
err_document:
	hd_config_free(config);
	hd_marks_free(marks);
	json_decref(document);
	return status;
}
