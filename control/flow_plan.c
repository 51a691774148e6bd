/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of flows, groups and meters from a document, and what changes with them. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "flow_names.h"
#include "flow_plan.h"
#include "yaml.h"

#define FILE_SHOWN 100 /* last bytes of the file's name that messages show */
#define PATH_TEXT_MAX 96

/* One list of one bridge that is being read. */
struct reading {
	const char *bridge, *key;
	const struct hd_marks *marks;
	struct hd_flow_resolver *resolver;
	struct hd_error *error;
};

static int __attribute__((format(printf, 3, 4)))
refuse(const struct reading *reading, size_t index, const char *format, ...)
{
	const char *file = hd_marks_file(reading->marks);
	char what[HD_ERROR_MAX], path[PATH_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "bridges.%s.%s[%zu]", reading->bridge, reading->key, index);
	if (file != NULL) {
		size_t length = strlen(file);

		hd_error_set(reading->error, "%s%s:%u: %s: %s", length > FILE_SHOWN ? "..." : "",
			     length > FILE_SHOWN ? file + length - FILE_SHOWN : file,
			     hd_marks_line(reading->marks, path), path, what);
	} else {
		hd_error_set(reading->error, "%s: %s", path, what);
	}
	return -EINVAL;
}

static int no_memory(struct hd_error *error)
{
	hd_error_set(error, "out of memory");
	return -ENOMEM;
}

static int refuse_text(const struct reading *reading, size_t index, int rc, const struct hd_flow_error *why)
{
	if (rc != -EINVAL)
		return no_memory(reading->error);
	return refuse(reading, index, "column %zu: %s", why->column, why->text);
}

/* A member of the bridge's object that is there and not null. The validator has seen that it is a list of texts. */
static const json_t *member(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

/* Reads item `index` of a list. */
typedef int (*read_item)(const struct reading *reading, const json_t *item, size_t index, struct hd_flow_conf *set);

static int read_flow(const struct reading *reading, const json_t *item, size_t index, struct hd_flow_conf *set)
{
	struct hd_flow_error why;
	struct hd_flow_mod mod;
	int rc = hd_flow_parse(json_string_value(item), json_string_length(item), HD_MOD_ADD, &reading->resolver->names,
			       &mod, &why);

	if (rc < 0)
		return refuse_text(reading, index, rc, &why);
	set->rules[set->n_rules++] = mod.spec;
	return 0;
}

static int read_group(const struct reading *reading, const json_t *item, size_t index, struct hd_flow_conf *set)
{
	struct hd_group *group = NULL;
	struct hd_flow_error why;
	int rc = hd_flow_parse_group(json_string_value(item), json_string_length(item), &reading->resolver->names,
				     &group, &why);

	if (rc < 0 || group == NULL)
		return refuse_text(reading, index, rc, &why);
	set->groups[set->n_groups++] = group;
	for (size_t i = 0; i < index; i++)
		if (set->groups[i] != NULL && set->groups[i]->id == group->id)
			return refuse(reading, index, "group %u is in groups[%zu] already", group->id, i);
	return 0;
}

static int read_meter(const struct reading *reading, const json_t *item, size_t index, struct hd_flow_conf *set)
{
	struct hd_meter_conf *meter = &set->meters[index];
	struct hd_flow_error why;
	int rc = hd_flow_parse_meter(json_string_value(item), json_string_length(item), meter, &why);

	if (rc < 0)
		return refuse_text(reading, index, rc, &why);
	for (size_t i = 0; i < index; i++)
		if (set->meters[i].id == meter->id)
			return refuse(reading, index, "meter %u is in meters[%zu] already", meter->id, i);
	set->n_meters++;
	return 0;
}

static int read_absent(const struct reading *reading, const json_t *item, size_t index, struct hd_flow_conf *set)
{
	uint16_t ofport =
		hd_ofports_take(reading->resolver->runtime->ofports, json_string_value(item), json_string_length(item));

	if (ofport == HD_OFPORT_NONE)
		return refuse(reading, index, "no port number is left");
	hd_ofport_set_add(&reading->resolver->absent, ofport);
	return 0;
}

static int read_list(struct reading *reading, const json_t *object, const char *key, read_item read,
		     struct hd_flow_conf *set)
{
	const json_t *list = member(object, key);
	int rc = 0;

	reading->key = key;
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
		rc = read(reading, json_array_get(list, i), i, set);
	return rc;
}

static int make_room(const json_t *object, struct hd_flow_conf *set)
{
	set->rules = calloc(json_array_size(member(object, "flows")) + 1, sizeof(*set->rules));
	set->groups = calloc(json_array_size(member(object, "groups")) + 1, sizeof(struct hd_group *));
	set->meters = calloc(json_array_size(member(object, "meters")) + 1, sizeof(*set->meters));
	return set->rules == NULL || set->groups == NULL || set->meters == NULL ? -ENOMEM : 0;
}

static int read_set(struct reading *reading, const json_t *object, struct hd_flow_conf *set)
{
	struct hd_error what;
	int rc = make_room(object, set);

	if (rc == 0)
		rc = read_list(reading, object, "absent-ports", read_absent, set);
	if (rc == 0)
		rc = read_list(reading, object, "meters", read_meter, set);
	if (rc == 0)
		rc = read_list(reading, object, "groups", read_group, set);
	if (rc == 0 && member(object, "flows") != NULL)
		rc = read_list(reading, object, "flows", read_flow, set);
	else if (rc == 0 && hd_flow_default(&set->rules[set->n_rules++]) < 0)
		rc = -ENOMEM;
	if (rc == 0 && hd_flow_conf_check(set, &what) < 0) {
		hd_error_set(reading->error, "bridges.%s.%.400s", reading->bridge, what.text);
		rc = -EINVAL;
	}
	return rc == -ENOMEM ? no_memory(reading->error) : rc;
}

static void count_groups(const struct hd_tables *tables, struct hd_flow_conf *set)
{
	struct hd_flow_counts *counts = &set->group_counts;
	uint32_t cursor = 0, there = 0;

	for (size_t i = 0; i < set->n_groups; i++) {
		const struct hd_group *group = set->groups[i], *former;

		if (group == NULL)
			continue;
		former = hd_flow_find_group(tables, group->id);
		if (former == NULL)
			counts->added++;
		else if (hd_flow_same_group(former, group))
			counts->kept++;
		else
			counts->changed++;
	}
	while (tables != NULL && hd_tables_group_next(tables, &cursor) != NULL)
		there++;
	counts->removed = there - counts->kept - counts->changed;
}

static void count_meters(const struct hd_tables *tables, struct hd_flow_conf *set)
{
	struct hd_flow_counts *counts = &set->meter_counts;
	uint32_t cursor = 0, there = 0;

	for (size_t i = 0; i < set->n_meters; i++) {
		const struct hd_meter_conf *former = hd_flow_find_meter(tables, set->meters[i].id);

		if (former == NULL)
			counts->added++;
		else if (hd_flow_same_meter(former, &set->meters[i]))
			counts->kept++;
		else
			counts->changed++;
	}
	while (tables != NULL && hd_tables_meter_next(tables, &cursor) != NULL)
		there++;
	counts->removed = there - counts->kept - counts->changed;
}

static int plan_bridge(struct hd_flow_plan *plan, const struct hd_bridge_conf *conf, const json_t *object,
		       const struct hd_marks *marks, struct hd_error *error)
{
	const struct hd_run_bridge *run = hd_runtime_bridge(plan->runtime, conf->name);
	const struct hd_tables *tables = run != NULL ? run->tables : NULL;
	struct planned_flows *planned = &plan->bridges[plan->n++];
	struct hd_flow_resolver resolver;
	struct reading reading = {.bridge = conf->name, .marks = marks, .resolver = &resolver, .error = error};
	int rc;

	snprintf(planned->bridge, sizeof(planned->bridge), "%s", conf->name);
	planned->created = run == NULL;
	hd_flow_resolver_init(&resolver, plan->runtime, run, conf);
	rc = read_set(&reading, object, &planned->set);
	if (rc < 0)
		return rc;
	count_groups(tables, &planned->set);
	count_meters(tables, &planned->set);
	if (hd_flow_diff_rules(tables, planned->set.rules, &planned->set.n_rules, &planned->set.rule_counts) < 0)
		return no_memory(error);
	return 0;
}

static bool says_something(const json_t *object)
{
	return member(object, "flows") != NULL || member(object, "groups") != NULL || member(object, "meters") != NULL;
}

int hd_flow_plan_make(struct hd_flow_plan *plan, struct hd_runtime *runtime, const struct hd_config *to,
		      const json_t *document, const struct hd_marks *marks, bool whole, struct hd_error *error)
{
	const json_t *bridges = json_object_get(document, "bridges");
	int rc = 0;

	memset(plan, 0, sizeof(*plan));
	plan->runtime = runtime;
	plan->bridges = calloc(to->n_bridges + 1, sizeof(*plan->bridges));
	if (plan->bridges == NULL)
		return no_memory(error);
	for (unsigned int i = 0; rc == 0 && i < to->n_bridges; i++) {
		const struct hd_bridge_conf *conf = &to->bridges[i];
		const json_t *object = json_object_get(bridges, conf->name);

		if (whole || says_something(object) || hd_runtime_bridge(runtime, conf->name) == NULL)
			rc = plan_bridge(plan, conf, object, marks, error);
	}
	if (rc < 0)
		hd_flow_plan_clear(plan);
	return rc;
}

static void clear_set(struct hd_flow_conf *set)
{
	hd_flow_specs_free(set->rules, set->n_rules);
	for (size_t i = 0; set->groups != NULL && i < set->n_groups; i++)
		hd_group_free(set->groups[i]);
	free(set->groups);
	free(set->meters);
}

void hd_flow_plan_clear(struct hd_flow_plan *plan)
{
	for (unsigned int i = 0; i < plan->n; i++)
		clear_set(&plan->bridges[i].set);
	free(plan->bridges);
	json_decref(plan->former);
	memset(plan, 0, sizeof(*plan));
}

static bool differs(const struct hd_flow_conf *set)
{
	return hd_flow_counts_differ(&set->rule_counts) || hd_flow_counts_differ(&set->group_counts) ||
	       hd_flow_counts_differ(&set->meter_counts);
}

bool hd_flow_plan_empty(const struct hd_flow_plan *plan)
{
	for (unsigned int i = 0; i < plan->n; i++)
		if (!plan->bridges[i].created && differs(&plan->bridges[i].set))
			return false;
	return true;
}

static void tell_counts(json_t *change, const char *key, const struct hd_flow_counts *counts)
{
	if (hd_flow_counts_differ(counts))
		json_object_set_new(change, key,
				    json_pack("{s:I, s:I, s:I}", "added", (json_int_t)counts->added, "changed",
					      (json_int_t)counts->changed, "removed", (json_int_t)counts->removed));
}

/* The one rule of a new bridge that says nothing of flows goes without saying. */
static bool is_plain(const struct planned_flows *planned)
{
	const struct hd_flow_conf *set = &planned->set;
	const struct hd_rule_spec *rule = set->rules;

	return planned->created && set->n_rules == 1 && set->n_groups == 0 && set->n_meters == 0 && rule->table == 0 &&
	       rule->priority == 0 && rule->cookie == 0 && rule->actions->n == 1 &&
	       rule->actions->action[0].type == HD_ACT_NORMAL;
}

void hd_flow_plan_tell(const struct hd_flow_plan *plan, json_t *changes)
{
	for (unsigned int i = 0; i < plan->n; i++) {
		const struct planned_flows *planned = &plan->bridges[i];
		json_t *change;

		if (!differs(&planned->set) || is_plain(planned))
			continue;
		change = json_pack("{s:s, s:s}", "change", "flow set", "bridge", planned->bridge);
		tell_counts(change, "flows", &planned->set.rule_counts);
		tell_counts(change, "groups", &planned->set.group_counts);
		tell_counts(change, "meters", &planned->set.meter_counts);
		json_array_append_new(changes, change);
	}
}

static int keep(struct hd_flow_plan *plan, const char *bridge)
{
	const struct hd_run_bridge *run = hd_runtime_bridge(plan->runtime, bridge);
	json_t *dump = run != NULL ? hd_flow_dump(plan->runtime, run, true) : NULL;

	if (run == NULL)
		return 0;
	return dump == NULL || json_object_set_new(plan->former, bridge, dump) < 0 ? -ENOMEM : 0;
}

int hd_flow_plan_keep(struct hd_flow_plan *plan, const struct hd_config *to)
{
	const struct hd_runtime *runtime = plan->runtime;
	int rc = 0;

	plan->former = json_object();
	if (plan->former == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; rc == 0 && i < plan->n; i++)
		if (differs(&plan->bridges[i].set))
			rc = keep(plan, plan->bridges[i].bridge);
	for (unsigned int i = 0; rc == 0 && i < runtime->n_bridges; i++)
		if (hd_config_bridge(to, runtime->bridges[i]->name) == NULL)
			rc = keep(plan, runtime->bridges[i]->name);
	return rc;
}

int hd_flow_plan_commit(struct hd_flow_plan *plan, struct hd_error *error)
{
	int rc = 0;

	for (unsigned int i = 0; rc == 0 && i < plan->n; i++) {
		struct planned_flows *planned = &plan->bridges[i];
		const struct hd_run_bridge *run = hd_runtime_bridge(plan->runtime, planned->bridge);

		if (run != NULL && differs(&planned->set))
			rc = hd_flow_conf_commit(&planned->set, run, error);
	}
	return rc;
}
