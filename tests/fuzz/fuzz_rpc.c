/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzes the control protocol: any line gets no answer or one line of valid JSON, and a configuration stays valid. */
#include <stddef.h>
#include <stdint.h>

#include "fake_control.h"
#include "log.h"
#include "rpc.h"

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
