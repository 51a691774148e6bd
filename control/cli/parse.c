/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the command that words name, and turns the words after it into the request's parameters. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

#define WORDS_MAX 64 /* candidates for a misspelt word */

int hd_cli_usage(const char *format, ...)
{
	va_list args;

	fputs("heddle: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return HD_EXIT_USAGE;
}

/* Words to choose from, as the schema's search for the nearest wants them. */
struct choice {
	unsigned int n;
	struct hd_schema_key words[WORDS_MAX + 1];
};

static void choose_from(struct choice *choice, const char *word)
{
	for (unsigned int i = 0; i < choice->n; i++)
		if (strcmp(choice->words[i].name, word) == 0)
			return;
	if (choice->n < WORDS_MAX)
		choice->words[choice->n++].name = word;
}

static void list_choice(const struct choice *choice, const char *prefix)
{
	const char *comma = "";

	for (unsigned int i = 0; i < choice->n; i++) {
		if (strncmp(choice->words[i].name, prefix, strlen(prefix)) != 0)
			continue;
		fprintf(stderr, "%s%s", comma, choice->words[i].name);
		comma = ", ";
	}
	fputc('\n', stderr);
}

/* The word that `text` is, or is the only beginning of; NULL if there is none, or several. */
static const char *pick(const struct choice *choice, const char *text)
{
	const char *found = NULL;
	unsigned int matches = 0;

	for (unsigned int i = 0; i < choice->n; i++) {
		if (strcmp(choice->words[i].name, text) == 0)
			return choice->words[i].name;
		if (strncmp(choice->words[i].name, text, strlen(text)) == 0) {
			found = choice->words[i].name;
			matches++;
		}
	}
	return matches == 1 ? found : NULL;
}

static bool ambiguous(const struct choice *choice, const char *text)
{
	for (unsigned int i = 0; i < choice->n; i++)
		if (strncmp(choice->words[i].name, text, strlen(text)) == 0)
			return true;
	return false;
}

/* `after` is what the word stands behind: "heddle" or "heddle port". */
static int reject(const struct choice *choice, const char *text, const char *after)
{
	const char *nearest = hd_schema_nearest(choice->words, text);

	if (ambiguous(choice, text)) {
		fprintf(stderr, "heddle: %s %s: ambiguous: ", after, text);
		list_choice(choice, text);
	} else if (nearest != NULL) {
		hd_cli_usage("%s %s: no such command, did you mean %s?", after, text, nearest);
	} else {
		fprintf(stderr, "heddle: %s %s: no such command, there are: ", after, text);
		list_choice(choice, "");
	}
	return HD_EXIT_USAGE;
}

int hd_command_find_noun(const char *text, const char **noun)
{
	struct choice nouns = {0};

	for (const struct hd_command *row = hd_commands; row->noun != NULL; row++)
		choose_from(&nouns, row->noun);
	*noun = pick(&nouns, text);
	return *noun != NULL ? HD_EXIT_OK : reject(&nouns, text, "heddle");
}

static int find_verb(const char *noun, const char *text, const char **verb)
{
	struct choice verbs = {0};
	char after[64];

	*verb = NULL;
	for (const struct hd_command *row = hd_commands; row->noun != NULL; row++)
		if (strcmp(row->noun, noun) == 0 && row->verb != NULL)
			choose_from(&verbs, row->verb);
	if (verbs.n == 0)
		return HD_EXIT_OK;
	if (text == NULL) {
		fprintf(stderr, "heddle: %s: the verb is missing: ", noun);
		list_choice(&verbs, "");
		return HD_EXIT_USAGE;
	}
	snprintf(after, sizeof(after), "heddle %s", noun);
	*verb = pick(&verbs, text);
	return *verb != NULL ? HD_EXIT_OK : reject(&verbs, text, after);
}

int hd_command_find(int n, char *const *words, const struct hd_command **command, int *used)
{
	const char *noun, *verb;
	int code = hd_command_find_noun(words[0], &noun);

	if (code == HD_EXIT_OK)
		code = find_verb(noun, n > 1 ? words[1] : NULL, &verb);
	if (code != HD_EXIT_OK)
		return code;
	for (const struct hd_command *row = hd_commands; row->noun != NULL; row++)
		if (strcmp(row->noun, noun) == 0 && (verb == NULL || strcmp(row->verb, verb) == 0))
			*command = row;
	*used = verb != NULL ? 2 : 1;
	return HD_EXIT_OK;
}

/* One walk over the words after the verb. */
struct walk {
	const struct hd_command *command;
	json_t *params;
	const struct hd_arg *arg;          /* named, its value comes next */
	const struct hd_schema_key *key;   /* the same */
	const struct hd_schema_key *group; /* whose keys may come next ... */
	json_t *into;                      /* ... and where they go */
	bool quiet;
};

static bool is_set(const struct walk *walk, const char *member)
{
	return json_object_get(walk->params, member) != NULL;
}

static const struct hd_arg *next_word(const struct walk *walk)
{
	for (const struct hd_arg *arg = walk->command->args; arg->name != NULL; arg++)
		if ((arg->flags & HD_ARG_WORD) && ((arg->flags & HD_ARG_MANY) || !is_set(walk, arg->member)))
			return arg;
	return NULL;
}

static const struct hd_arg *find_named(const struct hd_command *command, const char *word)
{
	for (const struct hd_arg *arg = command->args; arg->name != NULL; arg++)
		if (!(arg->flags & HD_ARG_WORD) && strcmp(arg->name, word) == 0)
			return arg;
	return NULL;
}

static const struct hd_schema_key *find_key(const struct hd_command *command, const char *word)
{
	const struct hd_schema_key *key = command->keys != NULL ? hd_schema_find(command->keys, word) : NULL;

	return key != NULL && hd_command_has_key(key) ? key : NULL;
}

static json_t *read_duration(const char *text)
{
	static const struct {
		const char *unit;
		long seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text || number < 1 || number > 86400)
		return NULL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0)
			return json_integer(number * units[i].seconds);
	return NULL;
}

static json_t *read_number(const char *text, struct hd_error *error)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	hd_error_set(error, "%s is not a whole number", text);
	return text[0] == '\0' || *end != '\0' || errno != 0 ? NULL : json_integer(number);
}

static json_t *read_value(const struct hd_arg *arg, const char *text, struct hd_error *error)
{
	json_t *value;

	switch (arg->value) {
	case HD_VALUE_VLAN:
		return hd_schema_value(hd_schema_find(hd_schema_fdb, "vlan"), text, error);
	case HD_VALUE_NUMBER:
		return read_number(text, error);
	case HD_VALUE_DURATION:
		value = read_duration(text);
		hd_error_set(error, "%s is not a time of 1s..24h, such as 30s or 5m", text);
		return value;
	default:
		value = json_string(text);
		hd_error_set(error, "not valid UTF-8");
		return value;
	}
}

static const char *verb_of(const struct hd_command *command)
{
	return command->verb != NULL ? command->verb : "";
}

static void put_value(json_t *params, const char *member, json_t *value, bool many)
{
	json_t *list = json_object_get(params, member);

	if (!many) {
		json_object_set_new(params, member, value);
		return;
	}
	if (list == NULL) {
		list = json_array();
		json_object_set_new(params, member, list);
	}
	json_array_append_new(list, value);
}

/* A word that goes on with the rule that the last one was of: it is put there. */
static bool continue_rule(struct walk *walk, const char *text)
{
	json_t *list = json_object_get(walk->params, walk->arg->member);
	size_t n = json_array_size(list);
	json_t *whole;

	if (n == 0 || strpbrk(text, " \t") != NULL || strcmp(text, "allow") == 0 || strcmp(text, "deny") == 0)
		return false;
	whole = json_sprintf("%s %s", json_string_value(json_array_get(list, n - 1)), text);
	if (whole == NULL)
		return false;
	json_array_set_new(list, n - 1, whole);
	walk->arg = NULL;
	return true;
}

/* Set what is `name` to the word, by the way of its type. */
static int set_value(struct walk *walk, const char *text)
{
	const struct hd_command *command = walk->command;
	const char *name = walk->arg != NULL ? walk->arg->name : walk->key->name;
	const char *member = walk->arg != NULL ? walk->arg->member : walk->key->name;
	bool many = walk->arg != NULL && (walk->arg->flags & HD_ARG_MANY);
	struct hd_error error = {""};
	json_t *value, *target = walk->group != NULL && walk->key != NULL ? walk->into : walk->params;

	if (walk->arg != NULL && walk->arg->value == HD_VALUE_RULES && continue_rule(walk, text))
		return HD_EXIT_OK;
	value = walk->arg != NULL ? read_value(walk->arg, text, &error) : hd_schema_value(walk->key, text, &error);
	walk->arg = NULL;
	walk->key = NULL;
	if (value == NULL) {
		if (!walk->quiet)
			hd_cli_usage("%s %s: %s: %s", command->noun, verb_of(command), name, error.text);
		return HD_EXIT_USAGE;
	}
	put_value(target, member, value, many);
	return HD_EXIT_OK;
}

static int reject_word(const struct walk *walk, const char *word)
{
	const struct hd_command *command = walk->command;
	struct choice choice = {0};
	const char *nearest;

	if (walk->quiet)
		return HD_EXIT_USAGE;
	for (const struct hd_arg *arg = command->args; arg->name != NULL; arg++)
		if (!(arg->flags & HD_ARG_WORD))
			choose_from(&choice, arg->name);
	for (const struct hd_schema_key *key = command->keys; key != NULL && key->name != NULL; key++)
		if (hd_command_has_key(key))
			choose_from(&choice, key->name);
	nearest = hd_schema_nearest(choice.words, word);
	if (nearest != NULL)
		return hd_cli_usage("%s %s: %s: unknown, did you mean %s?", command->noun, verb_of(command), word,
				    nearest);
	fprintf(stderr, "heddle: %s %s: %s: not expected here%s", command->noun, verb_of(command), word,
		choice.n > 0 ? ", there may be: " : "\n");
	if (choice.n > 0)
		list_choice(&choice, "");
	fprintf(stderr, "usage: heddle ");
	hd_command_synopsis(command, stderr);
	return HD_EXIT_USAGE;
}

static int take_name(struct walk *walk, const char *word)
{
	const char *member = walk->arg != NULL ? walk->arg->member : walk->key->name;

	if (is_set(walk, member) && !(walk->arg != NULL && (walk->arg->flags & HD_ARG_MANY))) {
		if (!walk->quiet)
			hd_cli_usage("%s %s: %s: given twice", walk->command->noun, verb_of(walk->command), word);
		return HD_EXIT_USAGE;
	}
	if (walk->arg != NULL && walk->arg->value == HD_VALUE_SWITCH) {
		json_object_set_new(walk->params, member, json_true());
		walk->arg = NULL;
	}
	if (walk->key != NULL && walk->key->type == HD_SCHEMA_GROUP) {
		walk->group = walk->key;
		walk->into = json_object();
		json_object_set_new(walk->params, member, walk->into);
		walk->key = NULL;
	}
	return HD_EXIT_OK;
}

static int want_members(const struct walk *walk, const char *word)
{
	const struct hd_command *command = walk->command;

	if (walk->quiet)
		return HD_EXIT_USAGE;
	fprintf(stderr, "heddle: %s %s: %s: ", command->noun, verb_of(command), walk->group->name);
	if (word != NULL)
		fprintf(stderr, "%s is none of its keys: ", word);
	else
		fprintf(stderr, "its keys are missing: ");
	for (const struct hd_schema_key *key = walk->group->group; key->name != NULL; key++)
		fprintf(stderr, "%s%s", key == walk->group->group ? "" : ", ", key->name);
	fprintf(stderr, ", with values; or none\n");
	return HD_EXIT_USAGE;
}

/* A word behind a group's name or its keys' values. False: it is none of the group's. */
static bool take_member(struct walk *walk, const char *word, int *code)
{
	bool first = json_object_size(walk->into) == 0;

	*code = HD_EXIT_OK;
	walk->key = hd_schema_find(walk->group->group, word);
	if (walk->key != NULL && json_object_get(walk->into, word) != NULL)
		*code = walk->quiet ? HD_EXIT_USAGE
				    : hd_cli_usage("%s %s: %s: given twice", walk->command->noun,
						   verb_of(walk->command), word);
	if (walk->key != NULL)
		return true;
	if (first && strcmp(word, "none") != 0 && strcmp(word, "default") != 0)
		*code = want_members(walk, word);
	else if (first)
		json_object_set_new(walk->params, walk->group->name, json_null());
	walk->group = NULL;
	return first;
}

static int take_word(struct walk *walk, const char *word)
{
	const struct hd_arg *next = next_word(walk);
	int code;

	if (walk->arg != NULL || walk->key != NULL)
		return set_value(walk, word);
	if (walk->group != NULL && take_member(walk, word, &code))
		return code;
	walk->arg = find_named(walk->command, word);
	if (walk->arg == NULL && (next == NULL || !(next->flags & HD_ARG_REQUIRED)))
		walk->key = find_key(walk->command, word);
	if (walk->arg != NULL || walk->key != NULL)
		return take_name(walk, word);
	if (next == NULL || (word[0] == '-' && word[1] != '\0'))
		return reject_word(walk, word);
	walk->arg = next;
	return set_value(walk, word);
}

static int check_complete(const struct walk *walk)
{
	const struct hd_command *command = walk->command;

	if (walk->arg != NULL || walk->key != NULL)
		return hd_cli_usage("%s %s: %s: its value is missing", command->noun, verb_of(command),
				    walk->arg != NULL ? walk->arg->name : walk->key->name);
	if (walk->group != NULL && json_object_size(walk->into) == 0)
		return want_members(walk, NULL);
	for (const struct hd_arg *arg = command->args; arg->name != NULL; arg++) {
		if (!(arg->flags & HD_ARG_REQUIRED) || is_set(walk, arg->member))
			continue;
		hd_cli_usage("%s %s: %s is missing: %s", command->noun, verb_of(command), arg->name, arg->help);
		fprintf(stderr, "usage: heddle ");
		hd_command_synopsis(command, stderr);
		return HD_EXIT_USAGE;
	}
	return HD_EXIT_OK;
}

int hd_command_parse(const struct hd_command *command, int n, char *const *words, json_t **params)
{
	struct walk walk = {.command = command, .params = json_object()};
	int code = HD_EXIT_OK;

	for (int i = 0; i < n && code == HD_EXIT_OK; i++)
		code = take_word(&walk, words[i]);
	if (code == HD_EXIT_OK)
		code = check_complete(&walk);
	if (code == HD_EXIT_OK)
		*params = walk.params;
	else
		json_decref(walk.params);
	return code;
}

bool hd_command_expect(const struct hd_command *command, int n, char *const *words, json_t *params,
		       struct hd_expected *expected)
{
	struct walk walk = {.command = command, .params = params, .quiet = true};

	memset(expected, 0, sizeof(*expected));
	for (int i = 0; i < n; i++)
		if (take_word(&walk, words[i]) != HD_EXIT_OK)
			return false;
	expected->value = walk.key;
	expected->word = walk.arg;
	if (walk.key == NULL && walk.arg == NULL) {
		expected->word = next_word(&walk);
		expected->group = walk.group;
		expected->into = walk.into;
		if (walk.group != NULL && json_object_size(walk.into) == 0)
			return true;
		expected->names = expected->word == NULL || !(expected->word->flags & HD_ARG_REQUIRED);
	}
	return true;
}

static const char *placeholder(const struct hd_arg *arg)
{
	static const char *const names[] = {
		[HD_VALUE_NEW] = "NAME",    [HD_VALUE_BRIDGE] = "BRIDGE", [HD_VALUE_PORT] = "PORT",
		[HD_VALUE_MAC] = "MAC",     [HD_VALUE_VLAN] = "VLAN",     [HD_VALUE_FILE] = "FILE",
		[HD_VALUE_LEVEL] = "LEVEL", [HD_VALUE_DURATION] = "TIME", [HD_VALUE_WORD] = "WORD",
		[HD_VALUE_SWITCH] = "",     [HD_VALUE_REASON] = "REASON", [HD_VALUE_MIRROR] = "MIRROR",
		[HD_VALUE_TEXT] = "TEXT",   [HD_VALUE_NUMBER] = "NUMBER", [HD_VALUE_FLOW] = "FLOW",
		[HD_VALUE_ACL] = "ACL",     [HD_VALUE_RULES] = "RULE",
	};

	return names[arg->value];
}

void hd_command_synopsis(const struct hd_command *command, FILE *file)
{
	fprintf(file, "%s%s%s", command->noun, command->verb != NULL ? " " : "", verb_of(command));
	for (const struct hd_arg *arg = command->args; arg->name != NULL; arg++) {
		fprintf(file, arg->flags & HD_ARG_REQUIRED ? " " : " [");
		fprintf(file, "%s", arg->name);
		if ((arg->flags & HD_ARG_WORD) && (arg->flags & HD_ARG_MANY))
			fprintf(file, "...");
		if (!(arg->flags & HD_ARG_WORD) && arg->value != HD_VALUE_SWITCH)
			fprintf(file, " %s", placeholder(arg));
		if (!(arg->flags & HD_ARG_REQUIRED))
			fputc(']', file);
		if (!(arg->flags & HD_ARG_WORD) && (arg->flags & HD_ARG_MANY))
			fprintf(file, "...");
	}
	fprintf(file, "%s\n", command->keys != NULL ? " [KEY VALUE]..." : "");
}
