/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes of a bridge's rules that are read text by text and then made as one.
 *
 * A request may bring a bundle whole, or a client sends it piece by piece (flow.begin, flow.stage, flow.commit), so
 * that a million lines neither need one huge request nor keep other clients waiting. What is staged belongs to the
 * client, by its name, and goes with its connection. Memory is bounded: HD_BUNDLES_MAX bundles with HD_STAGED_MAX
 * changes in all. Control thread only.
 */
#ifndef HD_FLOW_BUNDLE_H
#define HD_FLOW_BUNDLE_H

#include "flow_diff.h"
#include "runtime.h"

#define HD_BUNDLES_MAX 64
#define HD_STAGED_MAX 2097152u
#define HD_BUNDLE_FILE_MAX 100 /* last bytes of a file's name that messages show */

struct hd_flow_bundle {
	struct hd_flow_bundle *next;
	uint32_t id;
	char owner[64];
	char bridge[HD_NAME_MAX + 1];
	uint32_t serial;             /* the bridge's: it may be deleted, and made anew, meanwhile */
	uint64_t generation;         /* of port numbers: they may change their meaning meanwhile */
	enum hd_mod_command command; /* of texts that do not begin with one */
	bool replace;                /* the rules are to be all there are */
	bool lines;                  /* texts came as lines of `file`, else as items of a list */
	char file[HD_BUNDLE_FILE_MAX + 4];
	size_t n, room;
	struct hd_flow_mod *mods;
	uint32_t *places; /* where each was: its line, or its index */
};

/* What a request does to the rules it made. */
struct hd_flow_outcome {
	uint32_t added, modified, removed;
	uint32_t kept; /* of a replacement */
};

/* For one request's use: zero it, then init. Returns 0, or -ENOENT and the error (no such bridge). */
int hd_flow_bundle_init(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const char *bridge,
			struct hd_error *error);
void hd_flow_bundle_clear(struct hd_flow_bundle *bundle);

/*
 * One text. `place` names it in messages: "flows[3]: column 5: ...", or only the column if `place` is UINT32_MAX.
 * Returns 0, -EINVAL, -ENOSPC, -ESTALE (bridge or ports changed meanwhile) or -ENOMEM, and the error.
 */
int hd_flow_bundle_add(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const char *text, size_t length,
		       uint32_t place, struct hd_error *error);
/* A list of texts. */
int hd_flow_bundle_add_list(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const json_t *list,
			    struct hd_error *error);
/*
 * Lines, the first of which is number `line`. Blank ones and what follows '#' are skipped; a line may begin with
 * add, modify, modify_strict, delete or delete_strict. Errors: "rules.txt:17: column 12: ...".
 */
int hd_flow_bundle_add_lines(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const char *text, size_t length,
			     uint32_t line, struct hd_error *error);
/* The name of the file in messages. */
void hd_flow_bundle_set_file(struct hd_flow_bundle *bundle, const char *file);

/* Make the change. Returns 0 and the outcome, or -errno and the error: then nothing has changed. */
int hd_flow_bundle_commit(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, struct hd_flow_outcome *outcome,
			  struct hd_error *error);

/* ---- staged ---- */

/* Returns 0 and the bundle, which is in the runtime's list until hd_flow_bundle_end; -ENOENT, -ENOSPC, -ENOMEM. */
int hd_flow_bundle_begin(struct hd_runtime *runtime, const char *owner, const char *bridge,
			 struct hd_flow_bundle **bundle, struct hd_error *error);
struct hd_flow_bundle *hd_flow_bundle_find(const struct hd_runtime *runtime, const char *owner, uint32_t id);
void hd_flow_bundle_end(struct hd_runtime *runtime, struct hd_flow_bundle *bundle);
/* Changes that are staged, over all bundles: HD_STAGED_MAX is where to stop. */
size_t hd_flow_bundles_staged(const struct hd_runtime *runtime);
/* Forget what a client has staged; NULL: all clients. */
void hd_flow_bundles_drop(struct hd_runtime *runtime, const char *owner);

#endif
