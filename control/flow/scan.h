/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a text term by term: words, "name=value" and "name(value)", numbers, and errors that know their column.
 *
 * A scan is a part of a text; parts of parts (what is in parentheses) are scans of their own over the same text, so a
 * column is always of the whole. Nothing is copied and nothing is written to.
 */
#ifndef HD_FLOW_SCAN_H
#define HD_FLOW_SCAN_H

#include "flow/field.h"
#include "text.h"

/* Some characters of the text. */
struct hd_word {
	const char *text;
	size_t length;
};
/* For printf's %.*s: cut when long. */
#define HD_WORD_SHOWN 40
#define HD_WORD(word) (int)((word).length < HD_WORD_SHOWN ? (word).length : HD_WORD_SHOWN), (word).text

struct hd_scan {
	const char *text; /* the whole */
	const char *at, *end;
	const struct hd_flow_names *names; /* may be NULL */
	struct hd_flow_error *error;
};

/* A name alone (form 0), name=value ('='), name:value (':') or name(value) ('('). */
struct hd_term {
	struct hd_word name, value;
	char form;
};

/* The part `word` of a scan. */
struct hd_scan hd_scan_part(const struct hd_scan *scan, struct hd_word word);
/*
 * The next term; terms are separated by commas and white space. Values end at the next separator that is outside
 * parentheses and quotes. 1, 0 at the end, or -EINVAL and the error.
 */
int hd_scan_term(struct hd_scan *scan, struct hd_term *term);
/* Put the error down; returns -EINVAL. */
int hd_scan_fail(const struct hd_scan *scan, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

bool hd_word_is(struct hd_word word, const char *text);
bool hd_word_is_nocase(struct hd_word word, const char *text);
/* Splits at the first `separator` (one or more characters, as a whole): false, and *tail empty, if there is none. */
bool hd_word_split(struct hd_word word, const char *separator, struct hd_word *head, struct hd_word *tail);
/* Without the quotes around it, if there are any. */
struct hd_word hd_word_unquote(struct hd_word word);

/* Numbers: decimal or 0x. hd_word_number is true if the word is one that fits. */
bool hd_word_number(struct hd_word word, hd_u128 *value);
/* A number in min..max, or the error, with `what` it is. */
int hd_scan_number(const struct hd_scan *scan, struct hd_word word, const char *what, uint64_t min, uint64_t max,
		   uint64_t *value);

/* A port's name or number. */
int hd_scan_port(const struct hd_scan *scan, struct hd_word word, uint16_t *ofport);

/* A field's name, or the error with what may have been meant. */
int hd_scan_field(const struct hd_scan *scan, struct hd_word word, enum hd_field_id *field);
/* The error for a word that is no field and none of `others` (which end with NULL, and may be what was meant). */
int hd_scan_unknown(const struct hd_scan *scan, struct hd_word word, const char *const *others);
/* "reg0[3..7]", "reg0[]", "reg0[4]", and with `bare` "reg0" too. */
int hd_scan_subfield(const struct hd_scan *scan, struct hd_word word, bool bare, struct hd_subfield *sub);

/*
 * A field's value as its form is written, with a mask behind "/" if it is maskable; bits outside the mask are cleared.
 * "*" is a mask of 0.
 */
int hd_scan_value(const struct hd_scan *scan, enum hd_field_id field, struct hd_word word, hd_u128 *value,
		  hd_u128 *mask);

/* Addresses, whole words. IPv4 into the first four bytes. */
bool hd_word_ipv4(struct hd_word word, uint8_t *address);
bool hd_word_ipv6(struct hd_word word, uint8_t address[16]);

#endif
