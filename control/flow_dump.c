/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the text of a bridge's rules, groups and meters in documents. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_names.h"
#include "flow_plan.h"

int hd_flow_default(struct hd_rule_spec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->actions = calloc(1, sizeof(*spec->actions) + sizeof(spec->actions->action[0]));
	if (spec->actions == NULL)
		return -ENOMEM;
	spec->actions->n = 1;
	spec->actions->action[0].type = HD_ACT_NORMAL;
	return 0;
}

static bool is_configuration(const struct hd_rule *rule)
{
	return !rule->spec.hidden && rule->spec.idle_timeout == 0 && rule->spec.hard_timeout == 0;
}

static bool matches_all(const struct hd_match *match)
{
	uint64_t any = 0;

	for (unsigned int i = 0; i < HD_KEY_WORDS; i++)
		any |= match->mask.word[i];
	return any == 0;
}

static bool is_default(const struct hd_rule *rule)
{
	const struct hd_rule_spec *spec = &rule->spec;

	return spec->table == 0 && spec->priority == 0 && spec->cookie == 0 && spec->actions->n == 1 &&
	       spec->actions->action[0].type == HD_ACT_NORMAL && matches_all(&spec->match);
}

static int order_rules(const void *a, const void *b)
{
	const struct hd_rule_spec *x = &(*(const struct hd_rule *const *)a)->spec;
	const struct hd_rule_spec *y = &(*(const struct hd_rule *const *)b)->spec;
	int order = (int)x->table - (int)y->table;

	if (order == 0)
		order = (int)y->priority - (int)x->priority;
	if (order == 0)
		order = memcmp(x->match.mask.word, y->match.mask.word, sizeof(x->match.mask.word));
	return order != 0 ? order : memcmp(x->match.key.word, y->match.key.word, sizeof(x->match.key.word));
}

/* The rules that are configuration, sorted. NULL if out of memory. */
static const struct hd_rule **list_rules(const struct hd_tables *tables, size_t *n)
{
	const struct hd_rule **rules = calloc(hd_tables_count(tables) + 1, sizeof(struct hd_rule *)), *rule;
	uint32_t cursor = 0;

	*n = 0;
	if (rules == NULL)
		return NULL;
	for (rule = hd_tables_next(tables, &cursor); rule != NULL; rule = hd_tables_next(tables, &cursor))
		if (is_configuration(rule))
			rules[(*n)++] = rule;
	qsort(rules, *n, sizeof(struct hd_rule *), order_rules);
	return rules;
}

/* Append the text, and empty it. */
static int append(json_t *list, struct hd_text *text)
{
	int rc = text->failed ? -ENOMEM : json_array_append_new(list, json_stringn(text->data, text->length));

	hd_text_clear(text);
	return rc < 0 ? -ENOMEM : 0;
}

static int dump_rules(json_t *list, const struct hd_rule *const *rules, size_t n, const struct hd_flow_names *names)
{
	struct hd_text text = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		hd_flow_format(&text, &rules[i]->spec, names);
		rc = append(list, &text);
	}
	free(text.data);
	return rc;
}

static int dump_groups(json_t *list, const struct hd_tables *tables, const struct hd_flow_names *names)
{
	struct hd_text text = {0};
	const struct hd_group *group;
	uint32_t cursor = 0;
	int rc = 0;

	while (rc == 0 && (group = hd_tables_group_next(tables, &cursor)) != NULL) {
		hd_flow_format_group(&text, group, names);
		rc = append(list, &text);
	}
	free(text.data);
	return rc;
}

static int dump_meters(json_t *list, const struct hd_tables *tables)
{
	struct hd_text text = {0};
	struct hd_meter *meter;
	uint32_t cursor = 0;
	int rc = 0;

	while (rc == 0 && (meter = hd_tables_meter_next(tables, &cursor)) != NULL) {
		hd_flow_format_meter(&text, hd_meter_conf(meter));
		rc = append(list, &text);
	}
	free(text.data);
	return rc;
}

/* What rules name and is no port of the bridge: said, so that the document can be read again. */
static int dump_absent(json_t *list, struct hd_runtime *runtime, const struct hd_run_bridge *bridge)
{
	struct hd_ofport_set named = {{0}};
	int rc = 0;

	hd_flow_names_of_bridge(bridge, &named);
	for (uint16_t i = 1; rc == 0 && i <= HD_OFPORT_MAX; i++)
		if (hd_ofport_set_has(&named, i) && hd_ofports_name(runtime->ofports, i) != NULL &&
		    hd_ofports_bridge(runtime->ofports, i) != bridge->serial)
			rc = json_array_append_new(list, json_string(hd_ofports_name(runtime->ofports, i)));
	return rc < 0 ? -ENOMEM : 0;
}

/* Take the list into the object, unless it is empty. */
static int put(json_t *object, const char *key, json_t *list, int rc)
{
	if (rc == 0 && json_array_size(list) > 0)
		return json_object_set_new(object, key, list) < 0 ? -ENOMEM : 0;
	json_decref(list);
	return rc;
}

static int dump_lists(struct hd_runtime *runtime, const struct hd_run_bridge *bridge, const struct hd_flow_names *names,
		      json_t *object)
{
	json_t *absent = json_array(), *meters = json_array(), *groups = json_array();
	int rc = put(object, "absent-ports", absent, dump_absent(absent, runtime, bridge));

	rc = put(object, "meters", meters, rc < 0 ? rc : dump_meters(meters, bridge->tables));
	return put(object, "groups", groups, rc < 0 ? rc : dump_groups(groups, bridge->tables, names));
}

json_t *hd_flow_dump(struct hd_runtime *runtime, const struct hd_run_bridge *bridge, bool always)
{
	struct hd_flow_resolver resolver;
	json_t *object = json_object(), *flows = json_array();
	const struct hd_rule **rules;
	size_t n;
	int rc = -ENOMEM;

	hd_flow_resolver_init(&resolver, runtime, bridge, NULL);
	rules = list_rules(bridge->tables, &n);
	if (object == NULL || flows == NULL || rules == NULL)
		goto out;
	rc = dump_lists(runtime, bridge, &resolver.names, object);
	if (rc < 0 || (!always && n == 1 && is_default(rules[0])))
		goto out;
	rc = dump_rules(flows, rules, n, &resolver.names);
	if (rc == 0)
		rc = json_object_set(object, "flows", flows) < 0 ? -ENOMEM : 0;
out:
	free(rules);
	json_decref(flows);
	if (rc == 0)
		return object;
	json_decref(object);
	return NULL;
}

int hd_flow_dump_into(struct hd_runtime *runtime, json_t *document)
{
	for (unsigned int i = 0; i < runtime->n_bridges; i++) {
		json_t *object = json_object_get(json_object_get(document, "bridges"), runtime->bridges[i]->name);
		json_t *dump = hd_flow_dump(runtime, runtime->bridges[i], false);

		if (dump == NULL)
			return -ENOMEM;
		if (object != NULL)
			json_object_update(object, dump);
		json_decref(dump);
	}
	return 0;
}
