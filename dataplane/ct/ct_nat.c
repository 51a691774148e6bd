/* SPDX-License-Identifier: BSD-3-Clause */
/* Address translation: the choice of a tuple that no other connection has, and the rewriting of packets. */
#include <errno.h>
#include <netinet/in.h>

#include "../flow/rewrite.h"
#include "ct_packet.h"

#define PROBES_MAX 128    /* tuples that are tried */
#define PROBES_ADDRESS 32 /* of them with one address, if there are others */

/* ---- The choice ---- */

struct choice {
	const struct hd_nat *nat;
	bool source;           /* SNAT, not DNAT */
	uint64_t hash;         /* of whom the address is for */
	uint64_t n_addresses;  /* 1: the only one, maybe the packet's own */
	uint32_t low, n_ports; /* host order; n_ports 0: ports stay */
	uint16_t own;          /* the port as it is */
	bool keep;             /* own is as good as any in the range */
	uint32_t port_hash;    /* where in the range ports are tried first */
	unsigned int probes;
};

static unsigned __int128 load_address(const uint8_t *address, unsigned int bytes)
{
	unsigned __int128 value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value = value << 8 | address[i];
	return value;
}

static void store_address(uint8_t *address, unsigned int bytes, unsigned __int128 value)
{
	for (unsigned int i = bytes; i-- > 0; value >>= 8)
		address[i] = (uint8_t)value;
}

static uint64_t count_addresses(const struct hd_nat *nat)
{
	unsigned int bytes = nat->family == 6 ? 16 : 4;
	unsigned __int128 span;

	if (nat->family == 0)
		return 1;
	span = load_address(nat->max, bytes) - load_address(nat->min, bytes);
	return span >= UINT64_MAX ? UINT64_MAX : (uint64_t)span + 1;
}

/* Without a range a source port may become another of its kind, as Linux has it; a destination port stays. */
static void choose_ports(struct choice *choice, uint8_t proto)
{
	const struct hd_nat *nat = choice->nat;
	bool icmp = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
	uint32_t high;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && !(icmp && choice->source))
		return;
	if (nat->port_min != 0 || nat->port_max != 0) {
		choice->low = nat->port_min;
		high = nat->port_max > nat->port_min ? nat->port_max : nat->port_min;
		choice->keep = choice->own >= choice->low && choice->own <= high;
		choice->n_ports = high - choice->low + 1;
		return;
	}
	choice->keep = true;
	if (!choice->source)
		return;
	choice->low = icmp ? 0 : choice->own < 512 ? 1 : choice->own < 1024 ? 600 : 1024;
	high = icmp || choice->own >= 1024 ? 65535 : choice->own < 512 ? 511 : 1023;
	choice->n_ports = high - choice->low + 1;
}

static void begin_choice(struct hd_ct *ct, struct hd_ct_owner *owner, struct choice *choice, const struct hd_nat *nat,
			 const struct hd_ct_key *key)
{
	struct hd_ct_key who = *key;
	uint64_t hash = hd_ct_hash(ct, key);

	*choice = (struct choice){.nat = nat, .source = nat->flags & HD_NAT_SRC, .n_addresses = count_addresses(nat)};
	choice->own = __builtin_bswap16((uint16_t)(choice->source ? key->rest : key->rest >> 16));
	choose_ports(choice, hd_ct_rest_proto(key->rest));
	who.rest &= 0xffffffff00000000ull;
	if (nat->flags & HD_NAT_PERSISTENT) { /* the same for all that the client talks to */
		who.addr &= 0xffffffff;
		who.v6[2] = who.v6[3] = 0;
	}
	choice->hash = hd_ct_hash(ct, &who);
	if (nat->flags & HD_NAT_RANDOM) {
		choice->keep = choice->keep && choice->n_ports == 0;
		owner->random = owner->random * 6364136223846793005ull + 1442695040888963407ull;
		hash ^= owner->random >> 20 ^ ct->secret[1];
	}
	choice->port_hash = (uint32_t)(hash >> 16);
}

/* The tuple of answers to `key` once its source (or destination) is the given address and port. */
static void make_reply(const struct choice *choice, const struct hd_ct_key *key, uint64_t nth, uint16_t port,
		       struct hd_ct_key *reply)
{
	const struct hd_nat *nat = choice->nat;
	uint8_t address[16];

	hd_ct_turn(reply, key);
	if (nat->family == 4) {
		unsigned int shift = choice->source ? 32 : 0;

		store_address(address, 4, load_address(nat->min, 4) + nth);
		reply->addr = (reply->addr & ~(0xffffffffull << shift)) | (uint64_t)hd_ct_load32(address) << shift;
	} else if (nat->family == 6) {
		uint8_t both[32];

		store_address(address, 16, load_address(nat->min, 16) + nth);
		memcpy(both, reply->v6, 32);
		memcpy(both + (choice->source ? 16 : 0), address, 16);
		hd_ct_load_v6(reply, both);
	}
	reply->rest &= ~(0xffffull << (choice->source ? 16 : 0));
	reply->rest |= (uint64_t)hd_ct_swap16(port) << (choice->source ? 16 : 0);
}

static bool same_key(const struct hd_ct_key *a, const struct hd_ct_key *b)
{
	return a->addr == b->addr && a->rest == b->rest &&
	       (!(a->rest & HD_CT_V6_BIT) || memcmp(a->v6, b->v6, sizeof(a->v6)) == 0);
}

/* Is there a connection with this tuple, that is not over? */
static bool in_use(struct hd_ct *ct, struct hd_ct_owner *owner, const struct hd_ct_key *key, uint64_t hash,
		   uint32_t now)
{
	struct hd_ct_hit hit;

	return hd_ct_find(ct, key, hash, &hit) && !hit.translated && !hd_ct_delete_over(ct, owner, hit.conn, now);
}

struct attempt {
	struct hd_ct_conn *conn;
	struct hd_ct_key *key;
	uint32_t now;
};

static int try_reply(struct hd_ct *ct, struct hd_ct_owner *owner, struct choice *choice, const struct attempt *attempt,
		     uint64_t nth, uint16_t port)
{
	struct hd_ct_key *key = attempt->key, turned;
	uint64_t hash[2] = {hd_ct_hash(ct, &key[0])};
	unsigned int flags;
	bool changes;

	choice->probes++;
	make_reply(choice, &key[0], nth, port, &key[1]);
	hd_ct_turn(&turned, &key[0]);
	changes = !same_key(&turned, &key[1]);
	hash[1] = changes ? hd_ct_hash(ct, &key[1]) : hash[0];
	if (in_use(ct, owner, &key[1], hash[1], attempt->now))
		return -EADDRINUSE;
	flags = hd_ct_get(attempt->conn->flags) & ~HD_CT_CONN_NAT;
	if (changes)
		flags |= choice->source ? HD_CT_CONN_SNAT : HD_CT_CONN_DNAT;
	hd_ct_put(attempt->conn->flags, (uint8_t)flags);
	return hd_ct_insert(ct, attempt->conn, key, hash);
}

/*
 * Ports in use lie side by side, so the next one to try is far away. A prime above any number of ports shares no factor
 * with it: as many tries as there are ports try all of them.
 */
static uint16_t next_port(const struct choice *choice)
{
	uint64_t step = 1299709;

	return (uint16_t)(choice->low + (choice->port_hash + choice->probes * step) % choice->n_ports);
}

/* With one address: the port as it is, then those of the range. */
static int try_address(struct hd_ct *ct, struct hd_ct_owner *owner, struct choice *choice,
		       const struct attempt *attempt, uint64_t nth)
{
	unsigned int budget =
		choice->n_addresses > 1 && !(choice->nat->flags & HD_NAT_PERSISTENT) ? PROBES_ADDRESS : PROBES_MAX;
	int result = -EADDRINUSE;

	if (choice->keep || choice->n_ports == 0)
		result = try_reply(ct, owner, choice, attempt, nth, choice->own);
	for (uint32_t i = 0; result == -EADDRINUSE && i < choice->n_ports && i < budget && choice->probes < PROBES_MAX;
	     i++)
		result = try_reply(ct, owner, choice, attempt, nth, next_port(choice));
	return result;
}

int hd_ct_nat_insert(struct hd_ct *ct, struct hd_ct_owner *owner, struct hd_ct_conn *conn, const struct hd_nat *nat,
		     struct hd_ct_key key[2], uint32_t now)
{
	struct attempt attempt = {conn, key, now};
	struct choice choice;
	int result = -EADDRINUSE;

	if (nat->family != 0 && (nat->family == 6) != ((key[0].rest & HD_CT_V6_BIT) != 0))
		return -EINVAL;
	begin_choice(ct, owner, &choice, nat, &key[0]);
	for (uint64_t i = 0; result == -EADDRINUSE && i < choice.n_addresses && choice.probes < PROBES_MAX; i++) {
		/* i is small, but hash and range may be as large as can be. */
		uint64_t nth = (choice.hash % choice.n_addresses + i) % choice.n_addresses;

		result = try_address(ct, owner, &choice, &attempt, nth);
		if (nat->flags & HD_NAT_PERSISTENT)
			break;
	}
	return result;
}

/* ---- The rewriting ---- */

static const void *half_of(const struct hd_ct_key *key, unsigned int side)
{
	if (key->rest & HD_CT_V6_BIT)
		return &key->v6[2 * side];
	return (const uint8_t *)&key->addr + 4 * side;
}

static bool same_half(const struct hd_ct_key *a, const struct hd_ct_key *b, unsigned int side)
{
	return memcmp(half_of(a, side), half_of(b, side), a->rest & HD_CT_V6_BIT ? 16 : 4) == 0;
}

static void set_ports(struct hd_rewrite_tuple *tuple, const struct hd_ct_key *from, const struct hd_ct_key *to,
		      unsigned int dir)
{
	uint8_t proto = hd_ct_rest_proto(to->rest);

	tuple->src_port = (uint16_t)to->rest;
	tuple->dst_port = (uint16_t)(to->rest >> 16);
	tuple->set_src_port = tuple->src_port != (uint16_t)from->rest;
	tuple->set_dst_port = tuple->dst_port != (uint16_t)(from->rest >> 16);
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP)
		return;
	/* ICMP: there is one identifier, on the side that asked. */
	tuple->set_src_port = tuple->set_dst_port = tuple->set_src_port || tuple->set_dst_port;
	if (dir == 0)
		tuple->dst_port = tuple->src_port;
	else
		tuple->src_port = tuple->dst_port;
}

void hd_ct_nat_keys(const struct hd_ct *ct, const struct hd_ct_conn *conn, unsigned int dir, struct hd_ct_key *from,
		    struct hd_ct_key *to)
{
	struct hd_ct_key other;

	hd_ct_key_of(ct, conn, dir, from);
	hd_ct_key_of(ct, conn, !dir, &other);
	hd_ct_turn(to, &other);
}

bool hd_ct_nat_apply(struct hd_ct *ct, struct hd_pkt *pkt, const struct hd_ct_packet *packet,
		     const struct hd_ct_conn *conn, unsigned int dir)
{
	struct hd_rewrite_tuple tuple = {0};
	struct hd_ct_key from, to;
	uint8_t l4 = pkt->l4;
	bool done;

	hd_ct_nat_keys(ct, conn, dir, &from, &to);
	if (from.rest == 0 || to.rest == 0)
		return false; /* deleted meanwhile */
	tuple.src = same_half(&from, &to, 0) ? NULL : half_of(&to, 0);
	tuple.dst = same_half(&from, &to, 1) ? NULL : half_of(&to, 1);
	if (packet->l4 != 0 && !packet->error)
		set_ports(&tuple, &from, &to, dir);
	/* A first fragment has an L4 header with ports and a checksum, though l4 does not say so. */
	if (packet->first) {
		pkt->l4 = (uint8_t)packet->l4;
		pkt->l4_proto = packet->proto;
	}
	done = hd_rewrite_tuple(pkt, &tuple);
	pkt->l4 = l4;
	return done;
}
