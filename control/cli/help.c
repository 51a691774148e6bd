/* SPDX-License-Identifier: BSD-3-Clause */
/* Explains the table of commands: on the terminal and for docs/cli.md. */
#include <string.h>

#include <heddle/protocol.h>

#include "run.h"
#include "table.h"

static const char *const options[][2] = {
	{"-s, --socket SOCKET", "the daemon's control socket, default " HD_SOCKET_DEFAULT},
	{"-j, --json", "print JSON"},
	{"-w, --watch SECONDS", "repeat port show, port stats, mirror show, flow show, meter stats, cache show, ct "
				"stats, pmd show or drop show, "
				"with rates; JSON: a line a round"},
	{"-n, --rounds COUNT", "with -w: end after so many rounds"},
	{"-V, --version", "print the version of this command"},
	{"-h, --help", "print this help; after a command, that command's"},
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static const char usage[] = "heddle [-s SOCKET] [-j] [-w SECONDS [-n COUNT]] NOUN VERB [ARGUMENT]...";

static void overview(const char *noun)
{
	if (noun == NULL) {
		printf("usage: %s\n\n", usage);
		for (size_t i = 0; i < N_OPTIONS; i++)
			printf("  %-20s  %s\n", options[i][0], options[i][1]);
		printf("\nNouns and verbs may be shortened as long as they are unique.\n\n");
	}
	for (const struct hd_command *command = hd_commands; command->noun != NULL; command++) {
		if (noun != NULL && strcmp(command->noun, noun) != 0)
			continue;
		printf("  heddle ");
		hd_command_synopsis(command, stdout);
		printf("      %s\n", command->help);
	}
	if (noun == NULL)
		printf("\nMore: heddle help NOUN VERB\n");
}

static void print_args(const struct hd_command *command)
{
	for (const struct hd_arg *arg = command->args; arg->name != NULL; arg++)
		printf("  %-16s  %s\n", arg->name, arg->help);
}

static void print_keys(const struct hd_command *command)
{
	struct hd_table *table = hd_table_new("KEY VALUE DEFAULT MEANING");
	char text[128];

	for (const struct hd_schema_key *key = command->keys; key->name != NULL; key++) {
		if (!hd_command_has_key(key))
			continue;
		hd_table_cell(table, "%s", key->name);
		hd_schema_type_text(key, text, sizeof(text));
		hd_table_cell(table, "%s", text);
		hd_schema_default_text(key, text, sizeof(text));
		hd_table_cell(table, "%s", text);
		hd_table_cell(table, "%s", key->help);
	}
	putchar('\n');
	hd_table_print(table, 2);
}

static void explain(const struct hd_command *command)
{
	printf("heddle ");
	hd_command_synopsis(command, stdout);
	printf("    %s\n", command->help);
	if (command->args[0].name != NULL) {
		putchar('\n');
		print_args(command);
	}
	if (command->keys != NULL)
		print_keys(command);
	if (command->repeats)
		printf("\nRepeated with rates: heddle -w SECONDS ...\n");
	printf("\nexamples:\n");
	for (const char *const *example = command->examples; *example != NULL; example++)
		printf("  %s\n", *example);
}

static void markdown_command(const struct hd_command *command)
{
	printf("\n### `heddle %s%s%s`\n\n", command->noun, command->verb != NULL ? " " : "",
	       command->verb != NULL ? command->verb : "");
	printf("%c%s.\n\n```\nheddle ", command->help[0] & ~0x20, command->help + 1);
	hd_command_synopsis(command, stdout);
	printf("```\n\n");
	for (const struct hd_arg *arg = command->args; arg->name != NULL; arg++)
		printf("- `%s`: %s\n", arg->name, arg->help);
	if (command->keys != NULL)
		printf("- `KEY VALUE`: any key of a %s, see [config.md](config.md); `none` unsets it\n", command->noun);
	if (command->repeats)
		printf("- repeats with `-w SECONDS`, with rates\n");
	if (command->args[0].name != NULL || command->keys != NULL || command->repeats)
		putchar('\n');
	printf("```\n");
	for (const char *const *example = command->examples; *example != NULL; example++)
		printf("%s\n", *example);
	printf("```\n");
}

static void markdown(void)
{
	printf("```\n%s\n```\n\n| option | meaning |\n|---|---|\n", usage);
	for (size_t i = 0; i < N_OPTIONS; i++)
		printf("| `%s` | %s |\n", options[i][0], options[i][1]);
	for (const struct hd_command *command = hd_commands; command->noun != NULL; command++)
		markdown_command(command);
}

int hd_run_help(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	const char *noun = json_string_value(json_object_get(params, "noun"));
	const char *verb = json_string_value(json_object_get(params, "verb"));
	char *words[] = {(char *)noun, (char *)verb};
	const struct hd_command *about = NULL;
	int used, code = HD_EXIT_OK;

	if (json_is_true(json_object_get(params, "markdown"))) {
		markdown();
	} else if (noun == NULL) {
		overview(NULL);
	} else if (verb != NULL) {
		code = hd_command_find(2, words, &about, &used);
		if (code == HD_EXIT_OK)
			explain(about);
	} else {
		code = hd_command_find_noun(noun, &noun);
		if (code == HD_EXIT_OK)
			overview(noun);
	}
	json_decref(params);
	return code;
}
