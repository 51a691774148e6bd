/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the comparison of a bridge's rules, groups and meters with those that there shall be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_diff.h"

/* Specs by table, priority and match: open addressing, place holds index + 1. */
struct spec_index {
	const struct hd_rule_spec *specs;
	uint32_t *places;
	size_t mask;
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

static uint64_t hash_spec(const struct hd_rule_spec *spec)
{
	uint64_t hash = mix(spec->table, spec->priority);

	for (unsigned int i = 0; i < HD_KEY_WORDS; i++) {
		if (spec->match.mask.word[i] == 0)
			continue;
		hash = mix(hash, spec->match.mask.word[i] + i);
		hash = mix(hash, spec->match.key.word[i]);
	}
	return hash;
}

static bool same_place(const struct hd_rule_spec *a, const struct hd_rule_spec *b)
{
	return a->table == b->table && a->priority == b->priority &&
	       memcmp(a->match.key.word, b->match.key.word, sizeof(a->match.key.word)) == 0 &&
	       memcmp(a->match.mask.word, b->match.mask.word, sizeof(a->match.mask.word)) == 0;
}

/* Where the spec is, or where it would go. */
static uint32_t *find_place(const struct spec_index *index, const struct hd_rule_spec *spec)
{
	size_t at = hash_spec(spec) & index->mask;

	while (index->places[at] != 0 && !same_place(&index->specs[index->places[at] - 1], spec))
		at = (at + 1) & index->mask;
	return &index->places[at];
}

static int index_create(struct spec_index *index, const struct hd_rule_spec *specs, size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	index->specs = specs;
	index->mask = size - 1;
	index->places = calloc(size, sizeof(*index->places));
	return index->places == NULL ? -ENOMEM : 0;
}

/* Put all into the index; a later one takes the place of an earlier. */
static void index_fill(struct spec_index *index, struct hd_rule_spec *specs, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		uint32_t *place;

		if (kept != i) {
			specs[kept] = specs[i];
			specs[i].actions = NULL;
		}
		place = find_place(index, &specs[kept]);
		if (*place == 0) {
			*place = (uint32_t)++kept;
		} else {
			struct hd_rule_spec *former = &specs[*place - 1];

			hd_actions_free(former->actions);
			*former = specs[kept];
			specs[kept].actions = NULL;
		}
	}
	*n = kept;
}

static bool same_rule(const struct hd_rule_spec *a, const struct hd_rule_spec *b)
{
	return a->cookie == b->cookie && a->idle_timeout == b->idle_timeout && a->hard_timeout == b->hard_timeout &&
	       hd_actions_equal(a->actions, b->actions);
}

static void count_rules(const struct spec_index *index, const struct hd_tables *tables, size_t n,
			struct hd_flow_counts *counts)
{
	const struct hd_rule *rule;
	uint32_t cursor = 0;

	for (rule = hd_tables_next(tables, &cursor); rule != NULL; rule = hd_tables_next(tables, &cursor)) {
		uint32_t at = rule->spec.hidden ? 0 : *find_place(index, &rule->spec);

		if (rule->spec.hidden)
			continue;
		if (at == 0)
			counts->removed++;
		else if (same_rule(&index->specs[at - 1], &rule->spec))
			counts->kept++;
		else
			counts->changed++;
	}
	counts->added = (uint32_t)n - counts->kept - counts->changed;
}

int hd_flow_diff_rules(const struct hd_tables *tables, struct hd_rule_spec *specs, size_t *n,
		       struct hd_flow_counts *counts)
{
	struct spec_index index;

	memset(counts, 0, sizeof(*counts));
	if (index_create(&index, specs, *n) < 0)
		return -ENOMEM;
	index_fill(&index, specs, n);
	if (tables != NULL)
		count_rules(&index, tables, *n, counts);
	else
		counts->added = (uint32_t)*n;
	free(index.places);
	return 0;
}

static const char *number_of_port(void *context, uint16_t ofport)
{
	return NULL;
}

/* Groups are few: their texts, which mean the same if they are the same, will do. */
bool hd_flow_same_group(const struct hd_group *a, const struct hd_group *b)
{
	static const struct hd_flow_names numbers = {.name = number_of_port};
	struct hd_text one = {0}, other = {0};
	bool same;

	hd_flow_format_group(&one, a, &numbers);
	hd_flow_format_group(&other, b, &numbers);
	same = !one.failed && !other.failed && one.length == other.length &&
	       memcmp(one.data, other.data, one.length) == 0;
	free(one.data);
	free(other.data);
	return same;
}

bool hd_flow_same_meter(const struct hd_meter_conf *a, const struct hd_meter_conf *b)
{
	return a->id == b->id && a->packets == b->packets && a->rate == b->rate && a->burst == b->burst;
}

const struct hd_group *hd_flow_find_group(const struct hd_tables *tables, uint32_t id)
{
	return tables != NULL ? hd_tables_group(tables, id) : NULL;
}

const struct hd_meter_conf *hd_flow_find_meter(const struct hd_tables *tables, uint32_t id)
{
	const struct hd_meter *meter = tables != NULL ? hd_tables_meter(tables, id) : NULL;

	return meter != NULL ? hd_meter_conf(meter) : NULL;
}

void hd_flow_specs_free(struct hd_rule_spec *specs, size_t n)
{
	for (size_t i = 0; specs != NULL && i < n; i++)
		hd_actions_free(specs[i].actions);
	free(specs);
}
