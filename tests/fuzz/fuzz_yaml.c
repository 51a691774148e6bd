/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a configuration file: refused with an error, or a document that is written and read back equal. If it is
 * a valid configuration, so is its canonical form, and the two do not differ.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_again(const json_t *document)
{
	char *text = hd_yaml_dump(document);
	struct hd_marks *marks;
	struct hd_error error;
	json_t *again;

	require(text != NULL);
	if (strlen(text) <= HD_YAML_MAX) {
		require(hd_yaml_parse(text, strlen(text), "again", &again, &marks, &error) == 0);
		require(json_equal(document, again));
		json_decref(again);
		hd_marks_free(marks);
	}
	free(text);
}

static void check_config(const struct hd_config *config)
{
	json_t *document = hd_config_document(config);
	struct hd_config *again;
	struct hd_error error;
	struct hd_diff diff;

	require(document != NULL);
	require(hd_config_parse(document, NULL, &again, &error) == 0);
	require(hd_diff_compute(config, again, &diff) == 0);
	require(diff.n == 0);
	check_again(document);
	hd_config_free(again);
	json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hd_error error = {0};
	struct hd_config *config;
	struct hd_marks *marks;
	json_t *document;

	if (hd_yaml_parse((const char *)data, size, "f", &document, &marks, &error) < 0) {
		require(error.text[0] != '\0');
		return 0;
	}
	check_again(document);
	if (hd_config_parse(document, marks, &config, &error) == 0)
		check_config(config);
	else
		require(strncmp(error.text, "f:", 2) == 0);
	hd_config_free(config);
	hd_marks_free(marks);
	json_decref(document);
	return 0;
}
