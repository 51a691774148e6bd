/* SPDX-License-Identifier: BSD-3-Clause */
/* heddle: configures and shows the running switch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/protocol.h>

#include "client.h"
#include "commands.h"
#include "run.h"
#include "version.h"

#define ROUNDS_MAX 1000000000
#define INTERVAL_MIN 0.1 /* seconds */
#define INTERVAL_MAX 86400

struct options {
	bool help, version;
};

/* An option's value: the rest of the word ("-w1") or the next word. NULL, having said so, if there is none. */
static const char *option_value(const char *word, size_t length, int n, char **words, int *i)
{
	if (word[length] != '\0')
		return word + length + (word[length] == '=');
	if (*i + 1 < n)
		return words[++*i];
	hd_cli_usage("%s: its value is missing", word);
	return NULL;
}

static int set_interval(struct hd_cli *cli, const char *text)
{
	char *end;

	cli->interval = strtod(text, &end);
	if (end == text || *end != '\0' || !(cli->interval >= INTERVAL_MIN && cli->interval <= INTERVAL_MAX))
		return hd_cli_usage("-w %s: not a number of seconds, %g..%d", text, INTERVAL_MIN, INTERVAL_MAX);
	return HD_EXIT_OK;
}

static int set_rounds(struct hd_cli *cli, const char *text)
{
	char *end;
	long rounds = strtol(text, &end, 10);

	if (end == text || *end != '\0' || rounds < 1 || rounds > ROUNDS_MAX)
		return hd_cli_usage("-n %s: not a number of rounds, 1..%d", text, ROUNDS_MAX);
	cli->rounds = (unsigned int)rounds;
	return HD_EXIT_OK;
}

/* Which option a word is: its letter, and in *length where a value joined to it would begin. 0: none. */
static char option_letter(const char *word, size_t *length)
{
	static const struct {
		const char *name;
		char letter;
		bool valued;
	} known[] = {
		{"--socket", 's', true},   {"-s", 's', true},  {"--watch", 'w', true}, {"-w", 'w', true},
		{"--rounds", 'n', true},   {"-n", 'n', true},  {"--json", 'j', false}, {"-j", 'j', false},
		{"--version", 'V', false}, {"-V", 'V', false}, {"--help", 'h', false}, {"-h", 'h', false},
	};
	bool is_long;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		*length = strlen(known[i].name);
		is_long = *length > 2;
		if (strcmp(word, known[i].name) == 0)
			return known[i].letter;
		if (known[i].valued && strncmp(word, known[i].name, *length) == 0 && (!is_long || word[*length] == '='))
			return known[i].letter;
	}
	return 0;
}

static int set_option(struct hd_cli *cli, struct options *options, char letter, const char *value)
{
	switch (letter) {
	case 's':
		cli->socket = value;
		return HD_EXIT_OK;
	case 'w':
		return set_interval(cli, value);
	case 'n':
		return set_rounds(cli, value);
	case 'j':
		cli->json = true;
		return HD_EXIT_OK;
	case 'V':
		options->version = true;
		return HD_EXIT_OK;
	default:
		options->help = true;
		return HD_EXIT_OK;
	}
}

/* Options may stand anywhere; what is left in `words` is the command. */
static int take_options(struct hd_cli *cli, struct options *options, int *n, char **words)
{
	int left = 0, code = HD_EXIT_OK;
	const char *value;
	size_t length;
	char letter;

	for (int i = 0; i < *n && code == HD_EXIT_OK; i++) {
		letter = option_letter(words[i], &length);
		if (letter == 0) {
			words[left++] = words[i];
			continue;
		}
		value = strchr("swn", letter) != NULL ? option_value(words[i], length, *n, words, &i) : "";
		code = value != NULL ? set_option(cli, options, letter, value) : HD_EXIT_USAGE;
	}
	*n = left;
	return code;
}

static int run_help(struct hd_cli *cli, const struct hd_command *about)
{
	json_t *params = json_object();

	if (about != NULL)
		json_object_set_new(params, "noun", json_string(about->noun));
	if (about != NULL && about->verb != NULL)
		json_object_set_new(params, "verb", json_string(about->verb));
	return hd_run_help(cli, NULL, params);
}

static int run_command(struct hd_cli *cli, const struct options *options, int n, char *const *words)
{
	const struct hd_command *command;
	json_t *params;
	int used, code;

	if (words[0][0] == '-')
		return hd_cli_usage("%s: unknown option, see heddle help", words[0]);
	if (n == 1 && options->help)
		return hd_run_help(cli, NULL, json_pack("{s:s}", "noun", words[0]));
	code = hd_command_find(n, words, &command, &used);
	if (code != HD_EXIT_OK)
		return code;
	if (options->help)
		return run_help(cli, command);
	if (cli->interval > 0 && !command->repeats)
		return hd_cli_usage(
			"-w is for port show, port stats, mirror show, flow show, meter stats, cache show, ct stats, "
			"pmd show and drop show");
	code = hd_command_parse(command, n - used, words + used, &params);
	if (code != HD_EXIT_OK)
		return code;
	return command->run != NULL ? command->run(cli, command, params) : hd_run(cli, command, params);
}

int main(int argc, char **argv)
{
	struct hd_cli cli = {.socket = HD_SOCKET_DEFAULT, .fd = -1};
	bool complete = argc > 1 && strcmp(argv[1], "complete") == 0; /* the completion script asks */
	struct options options = {false};
	int n = argc - 1 - complete, code;
	char **words = argv + 1 + complete;

	cli.quiet = complete;
	code = take_options(&cli, &options, &n, words);
	if (code != HD_EXIT_OK)
		return code;
	if (complete) {
		code = hd_complete(&cli, n, words);
	} else if (options.version) {
		printf("heddle %s\n", HD_VERSION);
	} else if (n > 0) {
		code = run_command(&cli, &options, n, words);
	} else if (options.help) {
		code = run_help(&cli, NULL);
	} else {
		code = hd_cli_usage("no command given; heddle help lists them");
	}
	hd_client_close(&cli);
	if (fflush(stdout) != 0 && code == HD_EXIT_OK) {
		fprintf(stderr, "heddle: can't write: %m\n");
		code = HD_EXIT_REFUSED;
	}
	return code;
}
