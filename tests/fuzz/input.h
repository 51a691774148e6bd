/* SPDX-License-Identifier: BSD-3-Clause */
/* A fuzzer's input as a stream of numbers, which goes on with zeros behind its end. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Unlike assert, whatever NDEBUG says. */
#define must(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: must be: %s\n", __func__, __LINE__, #condition);                       \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/*
 * Around code of the fuzzers' own that runs for every byte: its branches are no discoveries, and watching them costs
 * more than they do.
 */
#define UNWATCHED_BEGIN _Pragma("clang attribute push(__attribute__((no_sanitize(\"coverage\"))), apply_to = function)")
#define UNWATCHED_END _Pragma("clang attribute pop")

struct input {
	const uint8_t *at;
	size_t left;
};

UNWATCHED_BEGIN

static inline void take_bytes(struct input *input, void *to, size_t n)
{
	size_t have = n < input->left ? n : input->left;

	memset(to, 0, n);
	if (have == 0)
		return;
	memcpy(to, input->at, have);
	input->at += have;
	input->left -= have;
}

static inline uint8_t take8(struct input *input)
{
	uint8_t value;

	take_bytes(input, &value, sizeof(value));
	return value;
}

static inline uint16_t take16(struct input *input)
{
	uint16_t value;

	take_bytes(input, &value, sizeof(value));
	return value;
}

static inline uint32_t take32(struct input *input)
{
	uint32_t value;

	take_bytes(input, &value, sizeof(value));
	return value;
}

static inline uint64_t take64(struct input *input)
{
	uint64_t value;

	take_bytes(input, &value, sizeof(value));
	return value;
}

UNWATCHED_END

#endif
