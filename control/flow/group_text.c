/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading groups, with their buckets, and meters. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "action_text.h"
#include "group_text.h"

const char *const hd_group_types[] = {
	[HD_GROUP_ALL] = "all",
	[HD_GROUP_SELECT] = "select",
	[HD_GROUP_FF] = "ff",
	[HD_GROUP_INDIRECT] = "indirect",
};
#define TYPES (sizeof(hd_group_types) / sizeof(hd_group_types[0]))
static_assert(TYPES == HD_GROUP_INDIRECT + 1, "a name each");

struct reader {
	struct hd_scan scan;
	struct hd_group *group; /* with room for HD_GROUP_BUCKETS_MAX */
	bool has_id, has_type;
	const char *where[HD_GROUP_BUCKETS_MAX]; /* of the buckets */
	bool numbered[HD_GROUP_BUCKETS_MAX];     /* has an id of its own */
	bool weighed;
	const char *weight_at;
};

/* Each bucket parameter is written name:value or name=value. 1 if it is none. */
static int read_parameter(struct reader *reader, const struct hd_term *term, uint32_t n)
{
	struct hd_bucket *bucket = &reader->group->bucket[n];
	uint64_t value;

	if (hd_word_is(term->name, "watch_port"))
		return hd_scan_port(&reader->scan, term->value, &bucket->watch_port);
	if (hd_word_is(term->name, "weight")) {
		if (hd_scan_number(&reader->scan, term->value, "weight", 0, UINT16_MAX, &value) < 0)
			return -EINVAL;
		bucket->weight = (uint16_t)value;
		reader->weighed = true;
		reader->weight_at = term->name.text;
		return 0;
	}
	if (hd_word_is(term->name, "bucket_id")) {
		if (hd_scan_number(&reader->scan, term->value, "bucket_id", 0, HD_GROUP_MAX, &value) < 0)
			return -EINVAL;
		bucket->id = (uint32_t)value;
		reader->numbered[n] = true;
		return 0;
	}
	if (hd_word_is(term->name, "watch_group")) {
		if (hd_scan_number(&reader->scan, term->value, "watch_group", 0, HD_GROUP_MAX, &value) < 0)
			return -EINVAL;
		bucket->watch_group = (uint32_t)value;
		return 0;
	}
	return 1;
}

/* Parameters, then actions, with or without "actions=". */
static int read_bucket(struct reader *reader, const struct hd_term *bucket_term)
{
	struct hd_list list = {.kind = HD_LIST_BUCKET, .table = -1};
	uint32_t n = reader->group->n_buckets;
	struct hd_term term;
	int ret;

	if (n == HD_GROUP_BUCKETS_MAX)
		return hd_scan_fail(&reader->scan, bucket_term->name.text, "more than %u buckets", n);
	reader->where[n] = bucket_term->name.text;
	reader->group->bucket[n] = (struct hd_bucket){.weight = 1, .watch_group = UINT32_MAX};
	reader->scan.at = bucket_term->value.text;
	for (;;) {
		const char *start = reader->scan.at;

		ret = hd_scan_term(&reader->scan, &term);
		if (ret < 0)
			return ret;
		if (ret > 0 && term.form == '=' &&
		    (hd_word_is(term.name, "actions") || hd_word_is(term.name, "action"))) {
			reader->scan.at = term.value.text;
			break;
		}
		if (ret > 0)
			ret = read_parameter(reader, &term, n);
		else
			ret = 1; /* the end: no actions */
		if (ret < 0)
			return ret;
		if (ret > 0) {
			reader->scan.at = start;
			break;
		}
	}
	ret = hd_list_parse(&list, &reader->scan);
	if (ret < 0)
		return ret;
	reader->group->bucket[n].actions = list.actions;
	reader->group->n_buckets++;
	return 0;
}

static int read_type(struct reader *reader, struct hd_word word)
{
	for (unsigned int i = 0; i < TYPES; i++)
		if (hd_word_is(word, hd_group_types[i]) || (i == HD_GROUP_FF && hd_word_is(word, "fast_failover"))) {
			reader->group->type = (enum hd_group_type)i;
			reader->has_type = true;
			return 0;
		}
	return hd_scan_fail(&reader->scan, word.text, "type is all, select, ff or indirect, not %.*s", HD_WORD(word));
}

static int read_method(struct reader *reader, struct hd_word word)
{
	if (hd_word_is(word, "hash") || hd_word_is(word, "dp_hash"))
		return 0;
	return hd_scan_fail(&reader->scan, word.text, "selection_method %.*s is not supported", HD_WORD(word));
}

static int read_one(struct reader *reader, const struct hd_term *term)
{
	uint64_t id;

	if (hd_word_is(term->name, "bucket") && term->form == '=')
		return read_bucket(reader, term);
	if (reader->group->n_buckets > 0)
		return hd_scan_fail(&reader->scan, term->name.text, "buckets stand behind all else");
	if (hd_word_is(term->name, "type"))
		return reader->has_type ? hd_scan_fail(&reader->scan, term->name.text, "type is given twice")
					: read_type(reader, term->value);
	if (hd_word_is(term->name, "selection_method"))
		return read_method(reader, term->value);
	if (!hd_word_is(term->name, "group_id"))
		return hd_scan_fail(&reader->scan, term->name.text, "groups have group_id, type and bucket, not %.*s",
				    HD_WORD(term->name));
	if (reader->has_id)
		return hd_scan_fail(&reader->scan, term->name.text, "group_id is given twice");
	if (hd_scan_number(&reader->scan, term->value, "group_id", 0, HD_GROUP_MAX, &id) < 0)
		return -EINVAL;
	reader->group->id = (uint32_t)id;
	reader->has_id = true;
	return 0;
}

static bool id_taken(const struct reader *reader, uint32_t id, uint32_t but)
{
	for (uint32_t i = 0; i < reader->group->n_buckets; i++)
		if (i != but && reader->numbered[i] && reader->group->bucket[i].id == id)
			return true;
	return false;
}

/* Those without an id get the lowest that are free. */
static int number_buckets(struct reader *reader)
{
	struct hd_group *group = reader->group;
	uint32_t next = 0;

	for (uint32_t i = 0; i < group->n_buckets; i++)
		if (reader->numbered[i] && id_taken(reader, group->bucket[i].id, i))
			return hd_scan_fail(&reader->scan, reader->where[i], "bucket_id %u is given twice",
					    group->bucket[i].id);
	for (uint32_t i = 0; i < group->n_buckets; i++) {
		if (reader->numbered[i])
			continue;
		while (id_taken(reader, next, i))
			next++;
		group->bucket[i].id = next++;
	}
	return 0;
}

static int check(struct reader *reader)
{
	const struct hd_group *group = reader->group;

	if (!reader->has_id || !reader->has_type)
		return hd_scan_fail(&reader->scan, reader->scan.end, "%s= is missing",
				    reader->has_id ? "type" : "group_id");
	if (reader->weighed && group->type != HD_GROUP_SELECT)
		return hd_scan_fail(&reader->scan, reader->weight_at, "weight is for groups of type select");
	if (group->type == HD_GROUP_INDIRECT && group->n_buckets != 1)
		return hd_scan_fail(&reader->scan, reader->scan.end, "a group of type indirect has one bucket, not %u",
				    group->n_buckets);
	for (uint32_t i = 0; i < group->n_buckets && group->type == HD_GROUP_FF; i++)
		if (group->bucket[i].watch_port == HD_OFPORT_NONE && group->bucket[i].watch_group == UINT32_MAX)
			return hd_scan_fail(&reader->scan, reader->where[i],
					    "buckets of type ff need watch_port or watch_group");
	return number_buckets(reader);
}

static int read_all(struct reader *reader)
{
	struct hd_term term;
	int ret;

	while ((ret = hd_scan_term(&reader->scan, &term)) > 0) {
		ret = read_one(reader, &term);
		if (ret < 0)
			return ret;
	}
	return ret < 0 ? ret : check(reader);
}

int hd_flow_parse_group(const char *text, size_t length, const struct hd_flow_names *names, struct hd_group **group,
			struct hd_flow_error *error)
{
	struct reader reader = {.scan = {text, text, text + length, names, error}};
	struct hd_group *exact;
	int ret;

	*group = NULL;
	if (length > HD_FLOW_TEXT_MAX)
		return hd_scan_fail(&reader.scan, text + HD_FLOW_TEXT_MAX, "longer than %u bytes", HD_FLOW_TEXT_MAX);
	reader.group = calloc(1, sizeof(**group) + HD_GROUP_BUCKETS_MAX * sizeof(struct hd_bucket));
	if (!reader.group)
		return -ENOMEM;
	ret = read_all(&reader);
	if (ret < 0) {
		hd_group_free(reader.group);
		return ret;
	}
	exact = realloc(reader.group, sizeof(*exact) + reader.group->n_buckets * sizeof(struct hd_bucket));
	*group = exact ? exact : reader.group;
	return 0;
}
