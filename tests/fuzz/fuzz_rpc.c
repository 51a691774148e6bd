/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzes the control protocol: any line gets no answer or one line of valid JSON, and a configuration stays valid. */
#include <stddef.h>
#include <stdint.h>

#include "fake_control.h"
#include "flow_bundle.h"
#include "log.h"
#include "rpc.h"

/* Methods that work on flow tables and connections need a data path, which is not here: fuzz_flow has their texts. */
const struct hd_rpc_method hd_cmd_flow[] = {{NULL}}, hd_cmd_flow_bundle[] = {{NULL}}, hd_cmd_group[] = {{NULL}},
			   hd_cmd_meter[] = {{NULL}}, hd_cmd_trace[] = {{NULL}}, hd_cmd_cache[] = {{NULL}},
			   hd_cmd_ct[] = {{NULL}};

void hd_flow_bundles_drop(struct hd_runtime *runtime, const char *owner)
{
}

struct hd_run_bridge *hd_runtime_bridge(const struct hd_runtime *runtime, const char *name)
{
	return NULL;
}

static struct hd_control control;
static json_t *start;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	hd_log_set_level(HD_LOG_ERROR);
	fake_control_init(&control);
	control.learnt = 10;
	start = json_loads("{\"bridges\": {\"br0\": {\"ports\": {\"vm1\": {\"vhost\": \"/run/vm1\", \"vlan\": 10}}}}}",
			   0, NULL);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hd_config *config;
	struct hd_error error;
	json_t *answer;
	char *line;

	/* Every input meets the same state. */
	if (hd_control_change(&control, start, NULL, false, NULL, &error) < 0)
		abort();
	line = hd_rpc_handle(&control, "fuzzer", (const char *)data, size);
	answer = line != NULL ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (line != NULL && (answer == NULL || strchr(line, '\n') != NULL))
		abort();
	json_decref(answer);
	free(line);
	if (hd_config_parse(control.document, NULL, &config, &error) < 0)
		abort();
	hd_config_free(config);
	return 0;
}
