/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way of a burst through a bridge with flow tables: keys, flow cache, programs. */
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_prefetch.h>

#include "../bridge.h"
#include "../dataplane.h"
#include "../offload.h"
#include "key_extract.h"
#include "state.h"

/* Above an ofport, in the cache's keys only, so that a key is no other pass's: the pass. */
#define PASS_SHIFT 14
static_assert(HD_OFPORT_MAX < 1 << PASS_SHIFT && HD_PASSES <= 4, "both fit in_port");

/* A packet on its way through the stages. */
struct flow {
	struct hd_pkt *pkt;
	const struct hd_layout *layout;
	struct hd_cache_entry *hit; /* or NULL */
	uint64_t hash;
	uint32_t guess; /* the first entry whose signature fits, or HD_CACHE_NONE */
	uint64_t key[HD_KEY_PACKET_WORDS];
};

struct work {
	struct hd_pmd *pmd;
	const struct hd_snapshot_port *in; /* or by which they leave: HD_PASS_OUT */
	struct hd_flow_bridge *bridge;
	struct hd_flow_scratch *scratch;
	struct hd_cache_tables *tables;
	struct hd_run run;
	enum hd_pass pass;
	uint32_t puts;  /* the cache's, when it was looked at */
	uint64_t stamp; /* of entries that are right without a further look */
	uint32_t hits, revalidated, misses;
	uint16_t n;
	struct flow flow[HD_BURST];
};

/* ---- Keys. ---- */

static const struct hd_layout *layout_of(const struct hd_flow_bridge *bridge, uint16_t eth_type)
{
	switch (eth_type) {
	case RTE_BE16(RTE_ETHER_TYPE_IPV4):
		return &bridge->layout[HD_CLASS_IPV4];
	case RTE_BE16(RTE_ETHER_TYPE_IPV6):
		return &bridge->layout[HD_CLASS_IPV6];
	case RTE_BE16(RTE_ETHER_TYPE_ARP):
		return &bridge->layout[HD_CLASS_ARP];
	default:
		return &bridge->layout[HD_CLASS_OTHER];
	}
}

/* Products of words under secrets; the first two do not wait for one another. */
static inline uint64_t hash_ipv4(const uint64_t key[HD_KEY_IPV4_WORDS], const uint64_t secret[HD_CACHE_SECRETS])
{
	uint64_t macs = hd_cache_product(key[1] ^ secret[0], key[2] ^ secret[1]);
	uint64_t rest = hd_cache_product(key[3] ^ secret[2], key[4] ^ secret[3]);

	return hd_cache_product(macs ^ key[0] ^ secret[1], rest ^ secret[2]);
}

static inline void make_ipv4_key(struct work *work, struct flow *flow, const uint64_t words[HD_KEY_IPV4_WORDS])
{
	const struct hd_layout *layout = &work->bridge->layout[HD_CLASS_IPV4];

	for (int i = 0; i < HD_KEY_IPV4_WORDS; i++)
		flow->key[i] = words[i] & layout->mask[i];
	flow->key[0] |= (uint64_t)work->pass << PASS_SHIFT;
	flow->layout = layout;
	flow->hash = hash_ipv4(flow->key, work->pmd->flow->cache.secret);
}

static void make_other_key(struct work *work, struct flow *flow)
{
	uint64_t hash = work->pmd->flow->cache.secret[0];
	const struct hd_layout *layout;
	struct hd_key key;

	hd_key_extract(&key, flow->pkt, work->in->ofport);
	layout = layout_of(work->bridge, key.eth_type);
	if (layout == &work->bridge->layout[HD_CLASS_IPV4]) {
		make_ipv4_key(work, flow, key.word);
		return;
	}
	flow->key[0] = 0; /* every shape has the input port: it is never empty */
	for (uint32_t i = 0; i < layout->n; i++)
		flow->key[i] = key.word[layout->word[i]] & layout->mask[i];
	flow->key[0] |= (uint64_t)work->pass << PASS_SHIFT;
	for (uint32_t i = 0; i < layout->n; i++)
		hash = hd_cache_mix(hash, flow->key[i]);
	flow->layout = layout;
	flow->hash = hash;
}

static inline void make_key(struct work *work, struct flow *flow)
{
	uint64_t words[HD_KEY_IPV4_WORDS];

	if (likely(hd_key_ipv4_words(words, flow->pkt, work->in->ofport)))
		make_ipv4_key(work, flow, words);
	else
		make_other_key(work, flow);
}

static bool oversize(const struct work *work, const struct hd_pkt *pkt)
{
	uint32_t max_len = work->in->max_len + (pkt->flags & HD_PKT_TAGGED ? sizeof(struct rte_vlan_hdr) : 0);

	return pkt->len > max_len && hd_offload_segment_len(pkt) > max_len;
}

static void stage_key(struct work *work, struct hd_pkt **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct flow *flow = &work->flow[work->n];

		if (unlikely(pkts[i]->len > work->in->max_len) && work->pass != HD_PASS_OUT &&
		    oversize(work, pkts[i])) {
			hd_pmd_drop_pkt(work->pmd, work->in->port, HD_DROP_OVERSIZE, pkts[i]);
			continue;
		}
		flow->pkt = pkts[i];
		make_key(work, flow);
		rte_prefetch0(&work->tables->signatures[hd_cache_set(work->tables, flow->hash)]);
		work->n++;
	}
}

/* ---- The flow cache. ---- */

static void stage_signature(struct work *work)
{
	struct hd_cache_tables *tables = work->tables;

	for (uint16_t i = 0; i < work->n; i++) {
		struct flow *flow = &work->flow[i];
		uint32_t set = hd_cache_set(tables, flow->hash);
		uint32_t ways = hd_cache_ways(&tables->signatures[set], hd_cache_signature(flow->hash));

		flow->guess = HD_CACHE_NONE;
		if (unlikely(ways == 0))
			continue;
		flow->guess = set * HD_CACHE_WAYS + (uint32_t)__builtin_ctz(ways);
		rte_prefetch0(&tables->entries[flow->guess]);
		if (flow->layout->n > HD_CACHE_NEAR && tables->far != NULL)
			rte_prefetch0(&tables->far[flow->guess]);
	}
}

/* An entry of another version: if no change since then concerns it, it is of this one. */
static bool revalidate(struct work *work, const struct flow *flow, struct hd_cache_entry *entry)
{
	const uint64_t versions = ((uint64_t)1 << HD_CACHE_VERSION_BITS) - 1;
	uint64_t since = entry->stamp & versions;
	struct hd_key key = {0};

	if (entry->stamp >> HD_CACHE_VERSION_BITS != work->pmd->flow->cache.epoch || since < work->bridge->valid_from)
		return false;
	for (uint32_t i = 0; i < flow->layout->n; i++)
		/* make_key wrote as many. NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
		key.word[flow->layout->word[i]] = flow->key[i];
	key.in_port &= (1 << PASS_SHIFT) - 1;
	if (!hd_tables_untouched(work->bridge->tables, since, work->bridge->version, &key))
		return false;
	entry->stamp = work->stamp;
	work->revalidated++;
	return true;
}

static uint32_t search(struct work *work, const struct flow *flow)
{
	struct hd_cache *cache = &work->pmd->flow->cache;
	uint32_t at = hd_cache_find(work->tables, flow->hash, flow->key, flow->layout->n);

	if (at == HD_CACHE_NONE && cache->former != NULL)
		at = hd_cache_recall(cache, flow->hash, flow->key, flow->layout->n);
	return at;
}

/* The packet's entry, if there is one and it is right. */
static inline struct hd_cache_entry *look(struct work *work, const struct flow *flow)
{
	struct hd_cache_tables *tables = work->tables;
	struct hd_cache_entry *entry;
	uint32_t at = flow->guess;

	if (unlikely(flow->layout->n > HD_CACHE_NEAR) && tables->far == NULL)
		return NULL;
	if (unlikely(at == HD_CACHE_NONE || !hd_cache_holds(tables, at, flow->key, flow->layout->n)))
		at = search(work, flow);
	if (unlikely(at == HD_CACHE_NONE))
		return NULL;
	entry = &tables->entries[at];
	if (likely(entry->stamp == work->stamp) || revalidate(work, flow, entry))
		return entry;
	return NULL;
}

static void stage_entry(struct work *work)
{
	work->puts = work->pmd->flow->cache.puts;
	for (uint16_t i = 0; i < work->n; i++) {
		struct flow *flow = &work->flow[i];

		flow->hit = look(work, flow);
		if (likely(flow->hit != NULL) && flow->hit->hint != HD_CT_HINT_NONE)
			hd_ct_prefetch(work->pmd->ct, flow->hit->hint);
	}
}

/* ---- Misses. ---- */

static struct hd_translation *translation(struct work *work)
{
	struct hd_translation *t = &work->scratch->translation;

	t->snapshot = work->pmd->snapshot;
	t->in = work->in;
	t->tables = work->bridge->tables;
	t->shape = hd_tables_shape(work->bridge->tables);
	t->version = work->bridge->version;
	t->pmd = work->pmd->id;
	t->draft = &work->scratch->draft;
	t->run = &work->run;
	t->trace = NULL;
	return t;
}

/* What was decided, for the flow's next packets. Counts this one. `len`: as the packet came in. */
static void remember(struct work *work, const struct flow *flow, uint32_t len, uint32_t hint)
{
	struct hd_flow_state *state = work->pmd->flow;
	struct hd_program *program = NULL;
	struct hd_cache_entry *entry;

	if (!work->scratch->draft.unstorable && !work->scratch->draft.overflow)
		program = hd_programs_store(&state->programs, &work->scratch->draft);
	if (program == NULL) {
		hd_draft_count(&work->scratch->draft, len, work->pmd->now);
		return;
	}
	hd_program_count(&state->programs, program, len, work->pmd->now);
	if (flow->layout->n > HD_CACHE_NEAR && work->tables->far == NULL)
		return;
	entry = hd_cache_put(&state->cache, flow->hash, flow->key, flow->layout->n);
	entry->stamp = work->stamp;
	entry->program = hd_program_index(&state->programs, program);
	entry->hint = hint;
}

static void miss(struct work *work, const struct flow *flow)
{
	struct hd_translation *t = translation(work);
	uint32_t len = flow->pkt->len, hint = HD_CT_HINT_NONE;

	work->misses++;
	hd_run_init(&work->run, flow->pkt, &t->draft->last, &hint);
	hd_key_extract(&t->key, flow->pkt, work->in->ofport);
	hd_translate(t);
	hd_run_finish(&work->run, t->draft->reason);
	remember(work, flow, len, hint);
}

/* ---- Programs. ---- */

static bool watches_hold(const struct work *work, const struct hd_program *program)
{
	const struct hd_watch *watch = hd_program_watches(program);

	for (uint32_t i = 0; i < program->n_watches; i++) {
		const struct hd_snapshot_port *port = work->pmd->snapshot->ports[watch[i].port];

		if (atomic_load_explicit(&port->port->up, memory_order_relaxed) != (watch[i].up != 0))
			return false;
	}
	return true;
}

/* Tracking says something else than it did when the program was written: the walk goes on from there. */
static void go_on(struct work *work, const struct flow *flow, const struct hd_program *program, uint32_t at)
{
	struct hd_translation *t = translation(work);

	work->misses++;
	work->run.shared = true;
	work->run.last = &t->draft->last;
	hd_draft_resume(t->draft, program, at);
	hd_translate_resume(t, (const struct hd_expect *)(const void *)&program->op[at + 1]);
	hd_run_finish(&work->run, t->draft->reason);
	remember(work, flow, flow->pkt->len, *work->run.hint);
}

static void run_ops(struct work *work, const struct flow *flow, struct hd_program *program)
{
	uint32_t len = flow->pkt->len, at;

	if (unlikely(program->n_watches != 0) && !watches_hold(work, program)) {
		miss(work, flow);
		return;
	}
	hd_run_init(&work->run, flow->pkt, hd_program_last(program), &flow->hit->hint);
	work->run.shared = program->n_out > 1;
	at = hd_run_ops(&work->run, program->op, 0, program->n_ops);
	if (unlikely(at != program->n_ops)) {
		go_on(work, flow, program, at);
		return;
	}
	hd_run_finish(&work->run, program->reason);
	hd_program_count(&work->pmd->flow->programs, program, len, work->pmd->now);
	work->hits++;
}

/* Tracking, and it says what it said before: the packet's program goes on. Else it has been dealt with. */
static inline bool track(struct work *work, const struct flow *flow, const struct hd_program *program)
{
	hd_run_init(&work->run, flow->pkt, hd_program_last(program), &flow->hit->hint);
	hd_ct_track(work->pmd->ct, work->pmd->id, flow->pkt, program->op[0].b, flow->hit->hint, false, work->pmd->now,
		    &work->run.view);
	if (unlikely(work->run.view.hint != flow->hit->hint))
		flow->hit->hint = work->run.view.hint;
	if (likely(hd_run_expected(&work->run, &program->op[1])))
		return true;
	go_on(work, flow, program, 1);
	return false;
}

static inline void run(struct work *work, const struct flow *flow)
{
	struct hd_programs *programs = &work->pmd->flow->programs;
	struct hd_program *program = hd_program_at(programs, flow->hit->program);

	if (program->tracks && !track(work, flow, program))
		return;
	switch (program->kind) {
	case HD_PROGRAM_OUTPUT:
		flow->pkt->flags |= HD_PKT_RAW;
		hd_pmd_output(work->pmd, program->port, flow->pkt);
		break;
	case HD_PROGRAM_ONWARD:
		work->run.onward->pkts[work->run.onward->n++] = flow->pkt;
		break;
	case HD_PROGRAM_DROP:
		hd_pmd_drop_rule(work->pmd, work->in->port, program->reason, flow->pkt,
				 hd_program_last(program)->cookie, hd_program_last(program)->table);
		break;
	default:
		run_ops(work, flow, program);
		return;
	}
	hd_program_count(programs, program, flow->pkt->len, work->pmd->now);
	work->hits++;
}

static void stage_run(struct work *work)
{
	for (uint16_t i = 0; i < work->n; i++) {
		struct flow *flow = &work->flow[i];

		/* A miss may have made this packet's entry, or taken its place. */
		if (unlikely(work->puts != work->pmd->flow->cache.puts))
			flow->hit = look(work, flow);
		if (likely(flow->hit != NULL))
			run(work, flow);
		else
			miss(work, flow);
	}
}

static void count(struct work *work)
{
	struct hd_flow_state *state = work->pmd->flow;

	hd_count(&state->cache.lookups, work->n);
	hd_count(&state->cache.hits, work->hits);
	if (unlikely(work->revalidated != 0))
		hd_count(&state->cache.revalidated, work->revalidated);
	if (unlikely(work->misses != 0))
		hd_count(&state->cache.misses, work->misses);
}

static void begin(struct work *work, struct hd_pmd *pmd, const struct hd_snapshot_port *port, enum hd_pass pass)
{
	work->pmd = pmd;
	work->in = port;
	work->pass = pass;
	work->bridge = hd_flow_state_bridge(pmd, port->bridge, pass);
	work->scratch = &pmd->flow->scratch[pass == HD_PASS_OUT];
	work->tables = pmd->flow->cache.tables;
	work->stamp = hd_cache_stamp(&pmd->flow->cache, work->bridge->version);
	work->run.pmd = pmd;
	work->run.in = port;
	work->run.onward = &work->scratch->onward;
	work->hits = 0;
	work->revalidated = 0;
	work->misses = 0;
	work->n = 0;
}

static void run_stages(struct work *work, struct hd_pkt **pkts, uint16_t n)
{
	stage_key(work, pkts, n);
	stage_signature(work);
	stage_entry(work);
	stage_run(work);
	count(work);
}

void hd_pipeline_forward(struct hd_pmd *pmd, const struct hd_snapshot_port *in, struct hd_pkt **pkts, uint16_t n)
{
	struct work work;

	begin(&work, pmd, in, HD_PASS_FLOWS);
	run_stages(&work, pkts, n);
	hd_run_normals(&work.run);
}

uint16_t hd_pipeline_guard(struct hd_pmd *pmd, const struct hd_snapshot_port *port, enum hd_guard guard,
			   struct hd_pkt **pkts, uint16_t n)
{
	struct work work;
	uint16_t passed;

	begin(&work, pmd, port, guard == HD_GUARD_IN ? HD_PASS_IN : HD_PASS_OUT);
	run_stages(&work, pkts, n);
	passed = work.run.onward->n;
	memcpy(pkts, work.run.onward->pkts, passed * sizeof(struct hd_pkt *));
	work.run.onward->n = 0;
	return passed;
}

void hd_pipeline_cache_stats(const struct hd_pmd *pmd, struct hd_cache_stats *stats)
{
	const struct hd_flow_state *state = pmd->flow;
	const struct hd_cache *cache = &state->cache;

	*stats = (struct hd_cache_stats){
		.lookups = hd_counted(&cache->lookups),
		.hits = hd_counted(&cache->hits),
		.revalidated = hd_counted(&cache->revalidated),
		.misses = hd_counted(&cache->misses),
		.evictions = hd_counted(&cache->evictions),
		.flushes = hd_counted(&cache->flushes),
		.entries = (uint32_t)hd_counted(&cache->entries),
		.capacity = cache->n_sets * HD_CACHE_WAYS,
		.programs = (uint32_t)hd_counted(&state->programs.n),
		.bytes = hd_cache_bytes(cache) + (uint64_t)state->programs.size * 64,
	};
}
