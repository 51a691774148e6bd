/* SPDX-License-Identifier: BSD-3-Clause */
/* Terms, words, numbers and errors of a text. */
#include "scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct hd_scan hd_scan_part(const struct hd_scan *scan, struct hd_word word)
{
	struct hd_scan part = *scan;

	part.at = word.text;
	part.end = word.text + word.length;
	return part;
}

int hd_scan_fail(const struct hd_scan *scan, const char *where, const char *format, ...)
{
	struct hd_flow_error *error = scan->error;
	va_list args;

	error->column = (size_t)(where - scan->text) + 1;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	/* What was typed may be anything; what is logged and sent is not. */
	for (char *c = error->text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	return -EINVAL;
}

static bool separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Past the parenthesis that closes the one at `at`, or NULL. */
static const char *closing(const char *at, const char *end)
{
	unsigned int depth = 0;
	bool quoted = false;

	for (; at < end; at++) {
		if (*at == '"')
			quoted = !quoted;
		if (quoted)
			continue;
		if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return NULL;
}

/* Where the value at `at` ends; NULL with *where if quotes or parentheses stay open. */
static const char *value_end(const char *at, const char *end, const char **where)
{
	while (at < end && !separator(*at)) {
		const char *next = at + 1;

		if (*at == '(')
			next = closing(at, end);
		else if (*at == '"') {
			next = memchr(at + 1, '"', (size_t)(end - at - 1));
			next = next ? next + 1 : NULL;
		}
		if (!next) {
			*where = at;
			return NULL;
		}
		at = next;
	}
	return at;
}

static const char *name_end(const char *at, const char *end)
{
	if (at < end && *at == '"') {
		const char *quote = memchr(at + 1, '"', (size_t)(end - at - 1));

		return quote ? quote + 1 : NULL;
	}
	while (at < end && !separator(*at) && *at != '=' && *at != ':' && *at != '(')
		at++;
	return at;
}

static int scan_value(struct hd_scan *scan, struct hd_term *term)
{
	const char *start = scan->at, *where, *end;

	term->form = *start;
	end = value_end(start + (*start != '('), scan->end, &where);
	if (!end)
		return hd_scan_fail(scan, where, "%c is not closed", *where);
	scan->at = end;
	term->value = (struct hd_word){start + 1, (size_t)(end - start - 1)};
	if (term->form != '(')
		return 1;
	/* name(value): nothing may stand behind the parenthesis. */
	if (closing(start, end) != end)
		return hd_scan_fail(scan, closing(start, end), "a comma is missing");
	term->value.length--;
	return 1;
}

int hd_scan_term(struct hd_scan *scan, struct hd_term *term)
{
	const char *end;

	while (scan->at < scan->end && separator(*scan->at))
		scan->at++;
	if (scan->at == scan->end)
		return 0;
	*term = (struct hd_term){.name = {scan->at, 0}};
	end = name_end(scan->at, scan->end);
	if (!end)
		return hd_scan_fail(scan, scan->at, "\" is not closed");
	if (end == scan->at)
		return hd_scan_fail(scan, scan->at, "a name is missing in front of %c", *scan->at);
	term->name.length = (size_t)(end - scan->at);
	term->value.text = end;
	scan->at = end;
	if (end == scan->end || separator(*end))
		return 1;
	if (*end != '=' && *end != ':' && *end != '(')
		return hd_scan_fail(scan, end, "a comma is missing");
	return scan_value(scan, term);
}

bool hd_word_is(struct hd_word word, const char *text)
{
	size_t length = strlen(text);

	return word.length == length && memcmp(word.text, text, length) == 0;
}

bool hd_word_is_nocase(struct hd_word word, const char *text)
{
	size_t length = strlen(text);

	return word.length == length && strncasecmp(word.text, text, length) == 0;
}

bool hd_word_split(struct hd_word word, const char *separator, struct hd_word *head, struct hd_word *tail)
{
	const char *at = memmem(word.text, word.length, separator, strlen(separator));

	*head = word;
	*tail = (struct hd_word){word.text + word.length, 0};
	if (!at)
		return false;
	head->length = (size_t)(at - word.text);
	tail->text = at + strlen(separator);
	tail->length = word.length - head->length - strlen(separator);
	return true;
}

struct hd_word hd_word_unquote(struct hd_word word)
{
	if (word.length >= 2 && word.text[0] == '"' && word.text[word.length - 1] == '"')
		return (struct hd_word){word.text + 1, word.length - 2};
	return word;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

bool hd_word_number(struct hd_word word, hd_u128 *value)
{
	const hd_u128 most = ~(hd_u128)0;
	unsigned int base = 10;
	size_t i = 0;

	if (word.length > 2 && word.text[0] == '0' && (word.text[1] | 0x20) == 'x') {
		base = 16;
		i = 2;
	}
	/* Octal or decimal? Programs disagree, so nobody has to guess. */
	if (word.length == 0 || (base == 10 && word.length > 1 && word.text[0] == '0'))
		return false;
	for (*value = 0; i < word.length; i++) {
		unsigned int next = (unsigned int)digit(word.text[i]);

		if (next >= base || *value > (most - next) / base)
			return false;
		*value = *value * base + next;
	}
	return true;
}

int hd_scan_number(const struct hd_scan *scan, struct hd_word word, const char *what, uint64_t min, uint64_t max,
		   uint64_t *value)
{
	hd_u128 number;

	if (!hd_word_number(word, &number) || number < min || number > max)
		return hd_scan_fail(scan, word.text, "%s: %.*s is not a number in %llu..%llu", what, HD_WORD(word),
				    (unsigned long long)min, (unsigned long long)max);
	*value = (uint64_t)number;
	return 0;
}

int hd_scan_port(const struct hd_scan *scan, struct hd_word word, uint16_t *ofport)
{
	struct hd_word name = hd_word_unquote(word);
	hd_u128 number;

	if (hd_word_is_nocase(word, "local")) {
		*ofport = HD_OFPORT_LOCAL;
		return 0;
	}
	*ofport = HD_OFPORT_NONE;
	if (scan->names && scan->names->port)
		*ofport = scan->names->port(scan->names->context, name.text, name.length);
	else if (hd_word_number(name, &number) && number <= HD_OFPORT_MAX)
		*ofport = (uint16_t)number;
	if (*ofport == HD_OFPORT_NONE)
		return hd_scan_fail(scan, word.text, "no port %.*s", HD_WORD(name));
	return 0;
}
