/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the translator's way through groups: which buckets, and the packet as it was after each. */
#include <math.h>
#include <string.h>

#include "cache.h"
#include "translate_impl.h"

static bool port_alive(struct hd_translation *t, uint16_t ofport)
{
	uint16_t place = ofport <= HD_OFPORT_MAX ? t->snapshot->by_ofport[ofport] : 0;
	bool up;

	if (place == 0)
		return false; /* until the ports change, and then nothing is remembered */
	up = atomic_load_explicit(&t->snapshot->ports[place - 1]->port->up, memory_order_relaxed);
	hd_draft_watch(t->draft, (uint16_t)(place - 1), up);
	return up;
}

static bool bucket_alive(struct hd_translation *t, const struct hd_bucket *bucket, unsigned int depth);

static bool group_alive(struct hd_translation *t, uint32_t id, unsigned int depth)
{
	const struct hd_group *group = hd_tables_group(t->tables, id);

	if (group == NULL || depth == 0)
		return false;
	for (uint32_t i = 0; i < group->n_buckets; i++)
		if (bucket_alive(t, &group->bucket[i], depth - 1))
			return true;
	return false;
}

static bool bucket_alive(struct hd_translation *t, const struct hd_bucket *bucket, unsigned int depth)
{
	if (bucket->watch_port != HD_OFPORT_NONE && !port_alive(t, bucket->watch_port))
		return false;
	return bucket->watch_group == UINT32_MAX || group_alive(t, bucket->watch_group, depth);
}

/* The same for both directions of a flow. */
static uint64_t symmetric(const struct hd_key *key)
{
	uint64_t hash = (uint64_t)key->eth_type << 32 | (uint64_t)key->ip_proto << 16 | (key->vlan_tci & 0xff0fu);

	hash = hd_cache_mix(hash, (key->word[1] ^ key->word[2]) & 0xffffffffffffull); /* the two Ethernet addresses */
	hash = hd_cache_mix(hash, key->ipv4_src ^ key->ipv4_dst);
	for (int i = 5; i < 7; i++)
		hash = hd_cache_mix(hash, key->word[i] ^ key->word[i + 2]);
	return hd_cache_mix(hash, (uint64_t)(key->tp_src ^ key->tp_dst) + 1);
}

/*
 * By weight: the highest of the buckets' draws, so that one that dies moves only its own flows (weighted rendezvous:
 * with u even over 0..1, weight / -ln u is the highest in proportion to the weights).
 */
static int select_bucket(struct hd_translation *t, const struct hd_group *group)
{
	uint64_t hash = symmetric(&t->key);
	double best = 0;
	int chosen = -1;

	for (uint32_t i = 0; i < group->n_buckets; i++) {
		const struct hd_bucket *bucket = &group->bucket[i];
		double even = ((double)(uint32_t)hd_cache_mix(hash, bucket->id + 1) + 0.5) / 4294967296.0;
		double draw = bucket->weight / -log(even);

		if (bucket->weight != 0 && bucket_alive(t, bucket, HD_RUN_SAVES) && (chosen < 0 || draw > best)) {
			best = draw;
			chosen = (int)i;
		}
	}
	return chosen;
}

static int first_alive(struct hd_translation *t, const struct hd_group *group)
{
	for (uint32_t i = 0; i < group->n_buckets; i++)
		if (bucket_alive(t, &group->bucket[i], HD_RUN_SAVES))
			return (int)i;
	return -1;
}

static void enter_bucket(struct hd_translation *t, struct hd_group_frame *frame)
{
	const struct hd_bucket *bucket = &frame->group->bucket[frame->bucket];

	hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_BUCKET, .port = (uint16_t)frame->bucket});
	frame->bucket++;
	hd_translate_list(t, bucket->actions, frame->depth != 0 ? t->frame[frame->depth - 1].table : 0);
}

/* Each bucket of an "all" group begins with the packet as it came; a chosen one's changes end with it as well. */
void hd_translate_group(struct hd_translation *t, uint32_t id)
{
	const struct hd_group *group = hd_tables_group(t->tables, id);
	struct hd_group_frame *frame;
	struct hd_op *op;
	int chosen = 0;

	if (group == NULL)
		return;
	if (t->n_groups == HD_RUN_SAVES) {
		hd_translate_refuse(t, HD_DROP_FLOW_DEPTH);
		return;
	}
	if (group->type == HD_GROUP_SELECT)
		chosen = select_bucket(t, group);
	else if (group->type == HD_GROUP_FF)
		chosen = first_alive(t, group);
	else if (group->n_buckets == 0)
		chosen = -1;
	if (chosen < 0) {
		hd_translate_blame(t, HD_DROP_FLOW_GROUP);
		hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_DROP, .reason = HD_DROP_FLOW_GROUP});
		return;
	}
	op = hd_draft_op(t->draft, HD_OP_SAVE, 0);
	if (op == NULL)
		return;
	op->a = (uint8_t)t->n_groups;
	frame = &t->group[t->n_groups++];
	frame->group = group;
	frame->bucket = (uint32_t)chosen;
	frame->depth = t->depth;
	frame->saved_at = t->draft->n_ops - 1;
	frame->only = group->type != HD_GROUP_ALL;
	frame->key = t->key;
	enter_bucket(t, frame);
}

static bool changes_headers(const struct hd_draft *draft, uint32_t from)
{
	for (uint32_t i = from; i < draft->n_ops; i += 1 + hd_op_slots(&draft->op[i])) {
		switch (draft->op[i].type) {
		case HD_OP_SET:
		case HD_OP_PUSH_VLAN:
		case HD_OP_POP_VLAN:
		case HD_OP_DEC_TTL:
		case HD_OP_CT_TRACK:
		case HD_OP_CT_COMMIT:
			return true;
		default:
			break;
		}
	}
	return false;
}

/* A bucket is done: the packet is again as it was before. */
void hd_translate_leave_bucket(struct hd_translation *t)
{
	struct hd_group_frame *frame = &t->group[t->n_groups - 1];
	bool more = !frame->only && frame->bucket < frame->group->n_buckets;
	struct hd_op *op;

	t->key = frame->key;
	if (changes_headers(t->draft, frame->saved_at + 1)) {
		op = hd_draft_op(t->draft, HD_OP_RESTORE, 0);
		if (op != NULL)
			op->a = (uint8_t)(t->n_groups - 1);
	} else if (!more && frame->saved_at >= t->done) {
		/* Nothing to restore: nothing to save. */
		t->draft->n_ops--;
		memmove(&t->draft->op[frame->saved_at], &t->draft->op[frame->saved_at + 1],
			(t->draft->n_ops - frame->saved_at) * sizeof(t->draft->op[0]));
	}
	if (more)
		enter_bucket(t, frame);
	else
		t->n_groups--;
}
