/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns changes of rules from their texts to the tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_bundle.h"
#include "flow_names.h"

static int refuse_bridge(const char *bridge, struct hd_error *error)
{
	hd_error_set(error, "bridges.%.64s: no such bridge", bridge);
	return -ENOENT;
}

int hd_flow_bundle_init(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const char *bridge,
			struct hd_error *error)
{
	const struct hd_run_bridge *run = hd_runtime_bridge(runtime, bridge);

	if (run == NULL)
		return refuse_bridge(bridge, error);
	memset(bundle, 0, sizeof(*bundle));
	memcpy(bundle->bridge, run->name, sizeof(bundle->bridge));
	bundle->serial = run->serial;
	bundle->generation = hd_ofports_generation(runtime->ofports);
	return 0;
}

void hd_flow_bundle_clear(struct hd_flow_bundle *bundle)
{
	for (size_t i = 0; i < bundle->n; i++)
		hd_actions_free(bundle->mods[i].spec.actions);
	free(bundle->mods);
	free(bundle->places);
	bundle->mods = NULL;
	bundle->places = NULL;
	bundle->n = bundle->room = 0;
}

void hd_flow_bundle_set_file(struct hd_flow_bundle *bundle, const char *file)
{
	size_t length = strlen(file);
	bool cut = length > HD_BUNDLE_FILE_MAX;

	snprintf(bundle->file, sizeof(bundle->file), "%s%s", cut ? "..." : "",
		 cut ? file + length - HD_BUNDLE_FILE_MAX : file);
}

/* The bridge, if it is still the one, and numbers of ports mean what they meant. */
static const struct hd_run_bridge *bridge_of(const struct hd_flow_bundle *bundle, const struct hd_runtime *runtime,
					     struct hd_error *error)
{
	const struct hd_run_bridge *run = hd_runtime_bridge(runtime, bundle->bridge);

	if (run != NULL && run->serial == bundle->serial &&
	    bundle->generation == hd_ofports_generation(runtime->ofports))
		return run;
	hd_error_set(error, "bridges.%s: it or its ports have changed meanwhile: begin again", bundle->bridge);
	return NULL;
}

static int no_memory(struct hd_error *error)
{
	hd_error_set(error, "out of memory");
	return -ENOMEM;
}

/* "rules.txt:17: ", "flows[3]: " or "". */
static void describe_place(const struct hd_flow_bundle *bundle, uint32_t place, char *text, size_t size)
{
	if (place == UINT32_MAX)
		text[0] = '\0';
	else if (bundle->lines)
		snprintf(text, size, "%s:%u: ", bundle->file[0] != '\0' ? bundle->file : "line", place);
	else
		snprintf(text, size, "flows[%u]: ", place);
}

static int grow(struct hd_flow_bundle *bundle)
{
	size_t room = bundle->room == 0 ? 1 : bundle->room * 2;
	struct hd_flow_mod *mods;
	uint32_t *places;

	if (bundle->n < bundle->room)
		return 0;
	mods = reallocarray(bundle->mods, room, sizeof(*mods));
	if (mods == NULL)
		return -ENOMEM;
	bundle->mods = mods;
	places = reallocarray(bundle->places, room, sizeof(*places));
	if (places == NULL)
		return -ENOMEM;
	bundle->places = places;
	bundle->room = room;
	return 0;
}

/* One text that is being read. */
struct piece {
	const char *text;
	size_t length;
	size_t before; /* bytes of its line that stand in front of it */
	uint32_t place;
	enum hd_mod_command command;
};

static int add_piece(struct hd_flow_bundle *bundle, struct hd_flow_resolver *resolver, const struct piece *piece,
		     struct hd_error *error)
{
	char where[HD_BUNDLE_FILE_MAX + 32];
	struct hd_flow_error why;
	int rc = grow(bundle);

	if (rc == 0)
		rc = hd_flow_parse(piece->text, piece->length, piece->command, &resolver->names,
				   &bundle->mods[bundle->n], &why);
	if (rc == 0) {
		bundle->places[bundle->n++] = piece->place;
		return 0;
	}
	if (rc != -EINVAL)
		return no_memory(error);
	describe_place(bundle, piece->place, where, sizeof(where));
	hd_error_set(error, "%scolumn %zu: %s", where, piece->before + why.column, why.text);
	return rc;
}

int hd_flow_bundle_add(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const char *text, size_t length,
		       uint32_t place, struct hd_error *error)
{
	const struct hd_run_bridge *run = bridge_of(bundle, runtime, error);
	struct piece piece = {.text = text, .length = length, .place = place, .command = bundle->command};
	struct hd_flow_resolver resolver;

	if (run == NULL)
		return -ESTALE;
	hd_flow_resolver_init(&resolver, runtime, run, NULL);
	return add_piece(bundle, &resolver, &piece, error);
}

int hd_flow_bundle_add_list(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const json_t *list,
			    struct hd_error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		if (!json_is_string(item)) {
			hd_error_set(error, "flows[%zu]: is not text", i);
			return -EINVAL;
		}
		rc = hd_flow_bundle_add(bundle, runtime, json_string_value(item), json_string_length(item), (uint32_t)i,
					error);
	}
	return rc;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip(struct piece *piece, size_t n)
{
	piece->text += n;
	piece->length -= n;
	piece->before += n;
}

static void skip_blanks(struct piece *piece)
{
	while (piece->length > 0 && is_blank(piece->text[0]))
		skip(piece, 1);
	while (piece->length > 0 && is_blank(piece->text[piece->length - 1]))
		piece->length--;
}

/* Takes a word off the piece if it begins with it. */
static bool take_word(struct piece *piece, const char *word)
{
	size_t length = strlen(word);

	if (piece->length < length || memcmp(piece->text, word, length) != 0 ||
	    (piece->length > length && !is_blank(piece->text[length])))
		return false;
	skip(piece, length);
	skip_blanks(piece);
	return true;
}

/* "flow add ...", "delete_strict ...": as in ovs-ofctl's files. */
static void take_command(struct piece *piece)
{
	static const struct {
		const char *word;
		enum hd_mod_command command;
	} words[] = {
		{"add", HD_MOD_ADD},
		{"modify", HD_MOD_MODIFY},
		{"modify_strict", HD_MOD_MODIFY_STRICT},
		{"delete", HD_MOD_DELETE},
		{"delete_strict", HD_MOD_DELETE_STRICT},
	};

	take_word(piece, "flow");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (take_word(piece, words[i].word)) {
			piece->command = words[i].command;
			return;
		}
	}
}

static int refuse_line(const struct hd_flow_bundle *bundle, const struct piece *piece, struct hd_error *error)
{
	char where[HD_BUNDLE_FILE_MAX + 32];

	describe_place(bundle, piece->place, where, sizeof(where));
	hd_error_set(error, "%scolumn 1: a replacement lists rules: it modifies and deletes none", where);
	return -EINVAL;
}

static int add_line(struct hd_flow_bundle *bundle, struct hd_flow_resolver *resolver, struct piece *piece,
		    struct hd_error *error)
{
	const char *comment = memchr(piece->text, '#', piece->length);

	if (comment != NULL)
		piece->length = (size_t)(comment - piece->text);
	skip_blanks(piece);
	if (piece->length == 0)
		return 0;
	take_command(piece);
	if (bundle->replace && piece->command != HD_MOD_ADD)
		return refuse_line(bundle, piece, error);
	return add_piece(bundle, resolver, piece, error);
}

int hd_flow_bundle_add_lines(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, const char *text, size_t length,
			     uint32_t line, struct hd_error *error)
{
	const struct hd_run_bridge *run = bridge_of(bundle, runtime, error);
	const char *end = text + length;
	struct hd_flow_resolver resolver;
	int rc = 0;

	if (run == NULL)
		return -ESTALE;
	hd_flow_resolver_init(&resolver, runtime, run, NULL);
	bundle->lines = true;
	while (rc == 0 && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline != NULL ? newline : end;
		struct piece piece = {
			.text = text,
			.length = (size_t)(stop - text),
			.place = line++,
			.command = bundle->command,
		};

		rc = add_line(bundle, &resolver, &piece, error);
		text = stop + 1;
	}
	return rc;
}

static int refuse_change(const struct hd_flow_bundle *bundle, int rc, const struct hd_mod_result *result, size_t place,
			 struct hd_error *error)
{
	char where[HD_BUNDLE_FILE_MAX + 32] = "";

	if (place < bundle->n)
		describe_place(bundle, bundle->places[place], where, sizeof(where));
	hd_error_set(error, "%s%s", where, result->reason != NULL ? result->reason : strerror(-rc));
	return rc;
}

static int commit_mods(struct hd_flow_bundle *bundle, const struct hd_run_bridge *run, struct hd_flow_outcome *outcome,
		       struct hd_error *error)
{
	struct hd_mod_result result = {.reason = NULL};
	int rc = hd_tables_apply(run->tables, bundle->mods, bundle->n, &result);

	if (rc < 0)
		return refuse_change(bundle, rc, &result, result.failed, error);
	outcome->added = result.added;
	outcome->modified = result.modified;
	outcome->removed = result.removed;
	return 0;
}

/* The rules' lines are forgotten on the way: of two that are the same but one stays. */
static int commit_all(struct hd_flow_bundle *bundle, const struct hd_run_bridge *run, struct hd_flow_outcome *outcome,
		      struct hd_error *error)
{
	struct hd_rule_spec *specs = calloc(bundle->n + 1, sizeof(*specs));
	struct hd_mod_result result = {.reason = NULL};
	struct hd_flow_counts counts;
	size_t n = bundle->n;
	int rc;

	if (specs == NULL)
		return no_memory(error);
	for (size_t i = 0; i < n; i++) {
		specs[i] = bundle->mods[i].spec;
		bundle->mods[i].spec.actions = NULL;
	}
	rc = hd_flow_diff_rules(run->tables, specs, &n, &counts);
	if (rc == 0)
		rc = hd_tables_replace(run->tables, false, specs, n, &result);
	if (rc < 0)
		refuse_change(bundle, rc, &result, SIZE_MAX, error);
	else
		*outcome = (struct hd_flow_outcome){counts.added, counts.changed, counts.removed, counts.kept};
	hd_flow_specs_free(specs, n);
	return rc;
}

int hd_flow_bundle_commit(struct hd_flow_bundle *bundle, struct hd_runtime *runtime, struct hd_flow_outcome *outcome,
			  struct hd_error *error)
{
	const struct hd_run_bridge *run = bridge_of(bundle, runtime, error);

	memset(outcome, 0, sizeof(*outcome));
	if (run == NULL)
		return -ESTALE;
	if (bundle->replace)
		return commit_all(bundle, run, outcome, error);
	return bundle->n > 0 ? commit_mods(bundle, run, outcome, error) : 0;
}
