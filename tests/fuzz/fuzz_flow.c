/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a flow, a change of flows, a match, a group or a meter (the first byte says which): refused with an
 * error in the text, or written and read back as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flow/text.h"
#include "flow_ports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_error(int ret, const struct hd_flow_error *error, size_t size)
{
	require(ret == -22);
	require(error->column >= 1 && error->column <= size + 1);
	require(error->text[0] != '\0' && memchr(error->text, '\0', sizeof(error->text)) != NULL);
	for (const char *c = error->text; *c; c++)
		require(*c >= 0x20 && *c < 0x7f);
}

static void fuzz_match(const char *data, size_t size)
{
	struct hd_flow_error error = {0};
	struct hd_match match, again;
	struct hd_text text = {0};
	int ret = hd_flow_parse_match(data, size, &flow_names, &match, &error);

	if (ret < 0) {
		check_error(ret, &error, size);
		return;
	}
	hd_flow_format_match(&text, &match, &flow_names);
	if (text.length <= HD_FLOW_TEXT_MAX) {
		require(hd_flow_parse_match(text.data ? text.data : "", text.length, &flow_names, &again, &error) == 0);
		require(memcmp(&match, &again, sizeof(match)) == 0);
	}
	free(text.data);
}

static bool same(const struct hd_rule_spec *a, const struct hd_rule_spec *b)
{
	return a->table == b->table && a->priority == b->priority && a->idle_timeout == b->idle_timeout &&
	       a->hard_timeout == b->hard_timeout && a->cookie == b->cookie &&
	       memcmp(&a->match, &b->match, sizeof(a->match)) == 0 && hd_actions_equal(a->actions, b->actions);
}

static void fuzz_flow(const char *data, size_t size, enum hd_mod_command command)
{
	struct hd_flow_error error = {0};
	struct hd_flow_mod mod, again;
	struct hd_text text = {0};
	int ret = hd_flow_parse(data, size, command, &flow_names, &mod, &error);

	if (ret < 0) {
		check_error(ret, &error, size);
		require(mod.spec.actions == NULL);
		return;
	}
	require((mod.spec.actions == NULL) == (command == HD_MOD_DELETE || command == HD_MOD_DELETE_STRICT));
	/* What a change says is not all of what a flow is: goto_table may be right for some tables only. */
	if (command == HD_MOD_ADD) {
		hd_flow_format(&text, &mod.spec, &flow_names);
		if (text.length <= HD_FLOW_TEXT_MAX) {
			require(hd_flow_parse(text.data, text.length, command, &flow_names, &again, &error) == 0);
			require(same(&mod.spec, &again.spec));
			hd_actions_free(again.spec.actions);
		}
	}
	hd_actions_free(mod.spec.actions);
	free(text.data);
}

static void fuzz_group(const char *data, size_t size)
{
	struct hd_flow_error error = {0};
	struct hd_group *group, *again;
	struct hd_text text = {0}, second = {0};
	int ret = hd_flow_parse_group(data, size, &flow_names, &group, &error);

	if (ret < 0) {
		check_error(ret, &error, size);
		return;
	}
	hd_flow_format_group(&text, group, &flow_names);
	if (text.length <= HD_FLOW_TEXT_MAX) {
		require(hd_flow_parse_group(text.data, text.length, &flow_names, &again, &error) == 0);
		hd_flow_format_group(&second, again, &flow_names);
		require(strcmp(text.data, second.data) == 0 && group->n_buckets == again->n_buckets);
		for (uint32_t i = 0; i < group->n_buckets; i++)
			require(hd_actions_equal(group->bucket[i].actions, again->bucket[i].actions));
		hd_group_free(again);
	}
	hd_group_free(group);
	free(text.data);
	free(second.data);
}

static void fuzz_meter(const char *data, size_t size)
{
	struct hd_flow_error error = {0};
	struct hd_meter_conf conf, again;
	struct hd_text text = {0};
	int ret = hd_flow_parse_meter(data, size, &conf, &error);

	if (ret < 0) {
		check_error(ret, &error, size);
		return;
	}
	hd_flow_format_meter(&text, &conf);
	require(hd_flow_parse_meter(text.data, text.length, &again, &error) == 0);
	require(conf.id == again.id && conf.packets == again.packets && conf.rate == again.rate &&
		conf.burst == again.burst);
	free(text.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *rest = (const char *)data + 1;

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'm':
		fuzz_match(rest, size - 1);
		break;
	case 'g':
		fuzz_group(rest, size - 1);
		break;
	case 't':
		fuzz_meter(rest, size - 1);
		break;
	case 'c':
		fuzz_flow(rest, size - 1, HD_MOD_MODIFY);
		break;
	case 'd':
		fuzz_flow(rest, size - 1, HD_MOD_DELETE);
		break;
	case 's':
		fuzz_flow(rest, size - 1, HD_MOD_DELETE_STRICT);
		break;
	default:
		fuzz_flow(rest, size - 1, HD_MOD_ADD);
	}
	return 0;
}
