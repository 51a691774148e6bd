/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion: the script for bash, and the words that it asks for. */
#include <string.h>

#include "client.h"
#include "drop.h"
#include "log.h"
#include "run.h"

/*
 * Words are split at blanks here, not by readline: its COMP_WORDS breaks at the colons of MAC and PCI addresses.
 * Where nothing fits, bash completes file names: socket paths and files.
 */
static const char script[] = "_heddle()\n"
			     "{\n"
			     "\tlocal line=\"${COMP_LINE:0:COMP_POINT}\" words IFS\n"
			     "\tread -ra words <<< \"$line\"\n"
			     "\t[[ $line == *[[:space:]] ]] && words+=(\"\")\n"
			     "\tIFS=$'\\n'\n"
			     "\tCOMPREPLY=($(\"${words[0]}\" complete \"${words[@]:1}\" 2>/dev/null))\n"
			     "}\n"
			     "complete -o bashdefault -o default -F _heddle heddle\n";

int hd_run_completion(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	const char *shell = json_string_value(json_object_get(params, "shell"));
	int code = HD_EXIT_OK;

	if (strcmp(shell, "bash") == 0)
		fputs(script, stdout);
	else
		code = hd_cli_usage("completion: %s: only bash is known", shell);
	json_decref(params);
	return code;
}

static void offer(const char *word, const char *prefix)
{
	if (strncmp(word, prefix, strlen(prefix)) == 0)
		puts(word);
}

static void offer_nouns(const char *prefix)
{
	const char *last = "";

	for (const struct hd_command *command = hd_commands; command->noun != NULL; command++) {
		if (strcmp(command->noun, last) != 0)
			offer(command->noun, prefix);
		last = command->noun;
	}
}

static bool offer_verbs(const char *noun, const char *prefix)
{
	bool any = false;

	for (const struct hd_command *command = hd_commands; command->noun != NULL; command++) {
		if (strcmp(command->noun, noun) != 0 || command->verb == NULL)
			continue;
		offer(command->verb, prefix);
		any = true;
	}
	return any;
}

/* Names of what there is, as the running daemon says; none if there is none. */
static void offer_names(struct hd_cli *cli, const char *method, const json_t *bridge, const char *prefix)
{
	json_t *params = json_object(), *result = NULL, *item;
	size_t i;

	cli->quiet = true;
	if (bridge != NULL && strncmp(method, "port.", 5) == 0)
		json_object_set(params, "bridge", (json_t *)bridge);
	if (hd_client_call(cli, method, params, &result) == HD_EXIT_OK)
		json_array_foreach (result, i, item)
			offer(json_string_value(json_object_get(item, "name")), prefix);
	json_decref(result);
}

static void offer_value(struct hd_cli *cli, const struct hd_command *command, const struct hd_arg *arg,
			const json_t *params, const char *prefix)
{
	/* `port set vm1 bridge br1`: the bridge says where to, not where from. */
	const json_t *bridge = strcmp(command->noun, "fdb") == 0 ? json_object_get(params, "bridge") : NULL;
	const char *noun = json_string_value(json_object_get(params, "noun"));

	switch (arg->value) {
	case HD_VALUE_BRIDGE:
		offer_names(cli, "bridge.show", NULL, prefix);
		break;
	case HD_VALUE_PORT:
		offer_names(cli, "port.stats", bridge, prefix);
		break;
	case HD_VALUE_MIRROR:
		offer_names(cli, "mirror.show", NULL, prefix);
		break;
	case HD_VALUE_ACL:
		offer_names(cli, "acl.show", NULL, prefix);
		break;
	case HD_VALUE_LEVEL:
		for (int level = HD_LOG_ERROR; level <= HD_LOG_DEBUG; level++)
			offer(hd_log_level_name((enum hd_log_level)level), prefix);
		break;
	case HD_VALUE_REASON:
		for (int reason = 0; reason < HD_DROP_COUNT; reason++)
			offer(hd_drop_name((enum hd_drop)reason), prefix);
		break;
	case HD_VALUE_WORD:
		if (strcmp(arg->member, "shell") == 0)
			offer("bash", prefix);
		else if (noun == NULL)
			offer_nouns(prefix);
		else
			offer_verbs(noun, prefix);
		break;
	default:
		break;
	}
}

static void offer_key_value(const struct hd_schema_key *key, const char *prefix)
{
	if (key->type == HD_SCHEMA_ENUM)
		for (const char *const *word = key->words; *word != NULL; word++)
			offer(*word, prefix);
	if (key->type == HD_SCHEMA_BOOL) {
		offer("on", prefix);
		offer("off", prefix);
	}
	if (key->type == HD_SCHEMA_TRUNK || key->type == HD_SCHEMA_PORTS)
		offer("all", prefix);
	if (key->type != HD_SCHEMA_PATH && prefix[0] != '\0')
		offer("none", prefix);
}

/* Keys of a group that are not set yet. */
static void offer_group(const struct hd_expected *expected, const char *prefix)
{
	for (const struct hd_schema_key *key = expected->group->group; key->name != NULL; key++)
		if (json_object_get(expected->into, key->name) == NULL)
			offer(key->name, prefix);
	if (json_object_size(expected->into) == 0)
		offer("none", prefix);
}

/* Names of arguments and keys that are not set yet. */
static void offer_options(const struct hd_command *command, const json_t *params, const char *prefix)
{
	for (const struct hd_arg *arg = command->args; arg->name != NULL; arg++)
		if (!(arg->flags & HD_ARG_WORD) && json_object_get(params, arg->member) == NULL)
			offer(arg->name, prefix);
	for (const struct hd_schema_key *key = command->keys; key != NULL && key->name != NULL; key++)
		if (hd_command_has_key(key) && json_object_get(params, key->name) == NULL)
			offer(key->name, prefix);
}

int hd_complete(struct hd_cli *cli, int n, char *const *words)
{
	const char *prefix = n > 0 ? words[n - 1] : "";
	const struct hd_command *command;
	struct hd_expected expected;
	json_t *params;
	int used;

	if (n <= 1) {
		offer_nouns(prefix);
		return HD_EXIT_OK;
	}
	if (n == 2 && offer_verbs(words[0], prefix))
		return HD_EXIT_OK;
	if (hd_command_find(n - 1, words, &command, &used) != HD_EXIT_OK)
		return HD_EXIT_OK;
	params = json_object();
	if (hd_command_expect(command, n - 1 - used, words + used, params, &expected)) {
		if (expected.word != NULL)
			offer_value(cli, command, expected.word, params, prefix);
		if (expected.value != NULL)
			offer_key_value(expected.value, prefix);
		if (expected.group != NULL)
			offer_group(&expected, prefix);
		if (expected.names)
			offer_options(command, params, prefix);
	}
	json_decref(params);
	return HD_EXIT_OK;
}
