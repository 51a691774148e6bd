/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the numbers of ports, and which name each of them belongs to. */
#include <stdlib.h>
#include <string.h>

#include <heddle/limits.h>

#include "ofport.h"

#define BUCKETS 4096u /* a power of two */

struct entry {
	char name[HD_NAME_MAX + 1]; /* "": the number is free */
	uint32_t bridge;
	uint16_t next; /* in its bucket, 0: none */
	bool held;
};

struct hd_ofports {
	void (*used)(void *context, struct hd_ofport_set *set);
	void *context;
	uint64_t generation;
	uint16_t bucket[BUCKETS];
	struct entry entries[HD_OFPORT_MAX + 1]; /* by number; 0 is none */
};

struct hd_ofports *hd_ofports_create(void (*used)(void *context, struct hd_ofport_set *set), void *context)
{
	struct hd_ofports *ofports = calloc(1, sizeof(*ofports));

	if (ofports == NULL)
		return NULL;
	ofports->used = used;
	ofports->context = context;
	return ofports;
}

void hd_ofports_destroy(struct hd_ofports *ofports)
{
	free(ofports);
}

/* FNV-1a. */
static uint32_t bucket_of(const char *name, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return (hash ^ hash >> 16) & (BUCKETS - 1);
}

uint16_t hd_ofports_find(const struct hd_ofports *ofports, const char *name, size_t length)
{
	uint16_t at;

	if (length == 0 || length > HD_NAME_MAX)
		return HD_OFPORT_NONE;
	for (at = ofports->bucket[bucket_of(name, length)]; at != 0; at = ofports->entries[at].next) {
		const char *known = ofports->entries[at].name;

		if (strncmp(known, name, length) == 0 && known[length] == '\0')
			return at;
	}
	return HD_OFPORT_NONE;
}

static void give_up(struct hd_ofports *ofports, uint16_t ofport)
{
	struct entry *entry = &ofports->entries[ofport];
	uint16_t *link = &ofports->bucket[bucket_of(entry->name, strlen(entry->name))];

	while (*link != ofport)
		link = &ofports->entries[*link].next;
	*link = entry->next;
	memset(entry, 0, sizeof(*entry));
	ofports->generation++;
}

static bool is_idle(const struct entry *entry)
{
	return entry->name[0] != '\0' && entry->bridge == 0 && !entry->held;
}

/* Give up the numbers that neither a port nor a rule nor a change under way needs. Asks for rules only if it matters.
 */
static void sweep(struct hd_ofports *ofports)
{
	struct hd_ofport_set used = {{0}};
	bool asked = false;

	for (uint16_t i = 1; i <= HD_OFPORT_MAX; i++) {
		if (!is_idle(&ofports->entries[i]))
			continue;
		if (!asked)
			ofports->used(ofports->context, &used);
		asked = true;
		if (!hd_ofport_set_has(&used, i))
			give_up(ofports, i);
	}
}

uint16_t hd_ofports_take(struct hd_ofports *ofports, const char *name, size_t length)
{
	uint16_t at = hd_ofports_find(ofports, name, length);
	struct entry *entry;
	uint16_t *bucket;

	if (at == HD_OFPORT_NONE && length > 0 && length <= HD_NAME_MAX) {
		sweep(ofports);
		for (at = 1; at <= HD_OFPORT_MAX && ofports->entries[at].name[0] != '\0'; at++)
			;
		if (at > HD_OFPORT_MAX)
			return HD_OFPORT_NONE;
		entry = &ofports->entries[at];
		bucket = &ofports->bucket[bucket_of(name, length)];
		memcpy(entry->name, name, length);
		entry->next = *bucket;
		*bucket = at;
	}
	ofports->entries[at].held = at != HD_OFPORT_NONE;
	return at;
}

const char *hd_ofports_name(const struct hd_ofports *ofports, uint16_t ofport)
{
	return ofport <= HD_OFPORT_MAX && ofports->entries[ofport].name[0] != '\0' ? ofports->entries[ofport].name
										   : NULL;
}

uint64_t hd_ofports_generation(const struct hd_ofports *ofports)
{
	return ofports->generation;
}

uint32_t hd_ofports_bridge(const struct hd_ofports *ofports, uint16_t ofport)
{
	return ofport <= HD_OFPORT_MAX ? ofports->entries[ofport].bridge : 0;
}

void hd_ofports_bind(struct hd_ofports *ofports, uint16_t ofport, uint32_t bridge)
{
	if (ofport != HD_OFPORT_NONE && ofport <= HD_OFPORT_MAX)
		ofports->entries[ofport].bridge = bridge;
}

void hd_ofports_unbind_all(struct hd_ofports *ofports)
{
	for (unsigned int i = 1; i <= HD_OFPORT_MAX; i++)
		ofports->entries[i].bridge = 0;
}

void hd_ofports_settle(struct hd_ofports *ofports)
{
	for (unsigned int i = 1; i <= HD_OFPORT_MAX; i++)
		ofports->entries[i].held = false;
}
