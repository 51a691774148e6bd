/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the text of IP prefixes. */
#include "prefix.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool read_length(const char *text, unsigned int max, uint8_t *length)
{
	unsigned int value = 0;

	if (text[0] == '\0' || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
		return false;
	for (; *text != '\0'; text++)
		value = value * 10 + (unsigned int)(*text - '0');
	*length = (uint8_t)value;
	return value <= max;
}

/* Are all bits behind the prefix zero? */
static bool is_network(const struct hd_prefix *prefix)
{
	for (unsigned int bit = prefix->length; bit < 128; bit++)
		if (prefix->addr[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

const char *hd_prefix_parse(const char *text, size_t length, struct hd_prefix *prefix)
{
	char copy[HD_PREFIX_TEXT_MAX], *slash;
	bool v6;

	*prefix = (struct hd_prefix){0};
	if (length == 0 || length >= sizeof(copy) || memchr(text, '\0', length))
		return "not an IP address or prefix";
	memcpy(copy, text, length);
	copy[length] = '\0';
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	v6 = strchr(copy, ':') != NULL;
	if (inet_pton(v6 ? AF_INET6 : AF_INET, copy, prefix->addr) != 1)
		return "not an IP address or prefix";
	prefix->family = v6 ? 6 : 4;
	prefix->length = v6 ? 128 : 32;
	if (slash && !read_length(slash + 1, prefix->length, &prefix->length))
		return v6 ? "its prefix length is not 0..128" : "its prefix length is not 0..32";
	if (!is_network(prefix))
		return "has bits behind its prefix: give the address alone, or the prefix with zeros";
	return NULL;
}

void hd_prefix_format(const struct hd_prefix *prefix, char text[HD_PREFIX_TEXT_MAX])
{
	bool v6 = prefix->family == 6;
	size_t n;

	inet_ntop(v6 ? AF_INET6 : AF_INET, prefix->addr, text, HD_PREFIX_TEXT_MAX);
	n = strlen(text);
	if (prefix->length != (v6 ? 128 : 32))
		snprintf(text + n, HD_PREFIX_TEXT_MAX - n, "/%u", prefix->length);
}

bool hd_prefix_equal(const struct hd_prefix *a, const struct hd_prefix *b)
{
	return a->family == b->family && a->length == b->length && memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}
