/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one table of commands. Parsing, help, completion and docs/cli.md come from it and from the schema of keys.
 */
#ifndef HD_COMMANDS_H
#define HD_COMMANDS_H

#include "cli.h"
#include "schema.h"

enum hd_value {
	HD_VALUE_SWITCH, /* no value: there or not */
	HD_VALUE_NEW,    /* a name that is not taken */
	HD_VALUE_BRIDGE,
	HD_VALUE_PORT,
	HD_VALUE_MIRROR,
	HD_VALUE_MAC,
	HD_VALUE_VLAN,
	HD_VALUE_FILE,
	HD_VALUE_LEVEL,
	HD_VALUE_DURATION, /* "30s", "5m"; a JSON integer of seconds */
	HD_VALUE_REASON,   /* to drop a packet */
	HD_VALUE_WORD,
	HD_VALUE_TEXT,   /* whatever */
	HD_VALUE_NUMBER, /* a whole number */
	HD_VALUE_FLOW,
	HD_VALUE_ACL,
	HD_VALUE_RULES, /* of an access list, each as one word or several; with HD_ARG_MANY */
};

#define HD_ARG_WORD (1u << 0)     /* stands alone, in order; otherwise it is `name` and its value, anywhere */
#define HD_ARG_REQUIRED (1u << 1) /* else optional */
#define HD_ARG_MANY (1u << 2)     /* may be given several times: an array. As a word, the last one */

struct hd_arg {
	const char *name;   /* "bridge"; for HD_ARG_WORD what help shows: "NAME" */
	const char *member; /* of the request's parameters */
	enum hd_value value;
	unsigned int flags;
	const char *help;
};

#define HD_ARGS_MAX 6
#define HD_EXAMPLES_MAX 5

/* What a round of a repeated command can compare with. */
struct hd_view {
	const json_t *result;
	const json_t *before; /* the last round's result, or NULL */
	double seconds;       /* between the two */
	bool one;             /* a single thing was asked for: show all of it */
};

struct hd_command {
	const char *noun, *verb; /* verb NULL: the noun is all */
	const char *method;      /* NULL: `run` does without */
	struct hd_arg args[HD_ARGS_MAX + 1];
	const struct hd_schema_key *keys; /* of a bridge, port or mirror, as further "KEY VALUE" */
	/* Instead of calling the method and showing what comes back. Takes the reference to params. */
	int (*run)(struct hd_cli *cli, const struct hd_command *command, json_t *params);
	void (*show)(const struct hd_view *view); /* NULL: nothing to say */
	bool repeats;                             /* -w */
	const char *help;
	const char *examples[HD_EXAMPLES_MAX + 1];
};

extern const struct hd_command hd_commands[]; /* ends with noun NULL */

/* Look-up by unique prefix. On failure HD_EXIT_USAGE, having said why. *used gets the words taken: 1 or 2. */
int hd_command_find(int n, char *const *words, const struct hd_command **command, int *used);
int hd_command_find_noun(const char *text, const char **noun);
/* The words after noun and verb as parameters. Returns HD_EXIT_OK and *params, or HD_EXIT_USAGE, having said why. */
int hd_command_parse(const struct hd_command *command, int n, char *const *words, json_t **params);
/* "port add NAME bridge BRIDGE [KEY VALUE]..." */
void hd_command_synopsis(const struct hd_command *command, FILE *file);

/* What may come next after some words: for completion. */
struct hd_expected {
	const struct hd_arg *word;         /* a value of this; NULL: none */
	const struct hd_schema_key *value; /* a value of this key; NULL: none */
	bool names;                        /* names of arguments and keys, too */
	const struct hd_schema_key *group; /* names of its keys, and */
	json_t *into;                      /* what of them is set; borrowed from params */
};
/* `params` (an object) gets what the words before set. False if they are no beginning of the command. */
bool hd_command_expect(const struct hd_command *command, int n, char *const *words, json_t *params,
		       struct hd_expected *expected);

/* Is it a key that the CLI sets? */
static inline bool hd_command_has_key(const struct hd_schema_key *key)
{
	return key->type != HD_SCHEMA_NESTED && key->type != HD_SCHEMA_RULES;
}

#endif
