/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams in fragments: only the first one has ports, so a PMD remembers them for those that follow.
 *
 * A table of fixed size, each datagram in one of four places; the oldest one makes room for another. Nothing is
 * reassembled, and what overlaps is for the receiver to judge.
 */
#include "ct_packet.h"

#define WAYS 4
#define SECONDS 5

/* The key without ports, and the datagram's identification in their place. */
static struct hd_ct_key fragment_key(const struct hd_ct_key *key, uint32_t id)
{
	struct hd_ct_key result = *key;

	result.rest = (result.rest & 0xffffffff00000000ull) | id;
	return result;
}

static struct hd_ct_fragment *set_of(const struct hd_ct *ct, const struct hd_ct_owner *owner,
				     const struct hd_ct_key *key)
{
	return &owner->fragments[hd_ct_hash(ct, key) % (HD_CT_FRAGMENTS / WAYS) * WAYS];
}

static bool is_same(const struct hd_ct_fragment *fragment, const struct hd_ct_key *key)
{
	return fragment->id == key->rest && fragment->addr == key->addr &&
	       memcmp(fragment->v6, key->v6, sizeof(key->v6)) == 0;
}

void hd_ct_fragment_store(struct hd_ct *ct, struct hd_ct_owner *owner, const struct hd_ct_key *key, uint32_t id,
			  uint32_t now)
{
	struct hd_ct_key mine = fragment_key(key, id);
	struct hd_ct_fragment *set = set_of(ct, owner, &mine), *place = set;

	for (unsigned int i = 0; i < WAYS; i++) {
		if (is_same(&set[i], &mine)) {
			place = &set[i];
			break;
		}
		if (set[i].id == 0 || (place->id != 0 && now - set[i].seen > now - place->seen))
			place = &set[i];
	}
	*place = (struct hd_ct_fragment){.addr = mine.addr, .id = mine.rest, .ports = (uint32_t)key->rest, .seen = now};
	memcpy(place->v6, mine.v6, sizeof(place->v6));
}

bool hd_ct_fragment_find(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_key *key, uint32_t id, uint32_t now)
{
	struct hd_ct_key mine = fragment_key(key, id);
	const struct hd_ct_fragment *set = set_of(ct, owner, &mine);

	for (unsigned int i = 0; i < WAYS; i++) {
		if (!is_same(&set[i], &mine) || (uint64_t)(now - set[i].seen) << ct->shift > SECONDS * ct->tsc_hz)
			continue;
		key->rest |= set[i].ports;
		return true;
	}
	return false;
}
