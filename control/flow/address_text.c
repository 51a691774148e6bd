/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as text: MAC, IPv4 and IPv6, and their masks. */
#include "value_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* inet_pton wants a string of its own. */
static bool convert(int family, struct hd_word word, uint8_t *address)
{
	char text[INET6_ADDRSTRLEN];

	if (word.length >= sizeof(text) || memchr(word.text, '\0', word.length))
		return false;
	memcpy(text, word.text, word.length);
	text[word.length] = '\0';
	return inet_pton(family, text, address) == 1;
}

bool hd_word_ipv4(struct hd_word word, uint8_t *address)
{
	return convert(AF_INET, word, address);
}

bool hd_word_ipv6(struct hd_word word, uint8_t address[16])
{
	return convert(AF_INET6, word, address);
}

static hd_u128 number_of(const uint8_t *bytes, unsigned int n)
{
	hd_u128 number = 0;

	for (unsigned int i = 0; i < n; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* An address as the number that its field is. */
static bool scan_ip(struct hd_word word, unsigned int bits, hd_u128 *number)
{
	uint8_t bytes[16];

	if (bits == 32 ? !hd_word_ipv4(word, bytes) : !hd_word_ipv6(word, bytes))
		return false;
	*number = number_of(bytes, bits / 8);
	return true;
}

/* "24", "255.255.255.0", "0xffffff00", or an IPv6 address. */
static bool scan_ip_mask(struct hd_word word, unsigned int bits, hd_u128 *mask)
{
	hd_u128 all = bits == 32 ? UINT32_MAX : ~(hd_u128)0, number;

	if (scan_ip(word, bits, mask))
		return true;
	if (!hd_word_number(word, &number))
		return false;
	if (word.length > 2 && word.text[1] == 'x') {
		*mask = number;
		return number <= all;
	}
	if (number > bits)
		return false;
	*mask = number == 0 ? 0 : all << (bits - (unsigned int)number) & all;
	return true;
}

int hd_value_ip(const struct hd_scan *scan, const struct hd_value_words *words, unsigned int bits, hd_u128 *value,
		hd_u128 *mask)
{
	unsigned int version = bits == 32 ? 4 : 6;

	if (!scan_ip(words->value, bits, value))
		return hd_scan_fail(scan, words->value.text, "%.*s is not an IPv%u address", HD_WORD(words->value),
				    version);
	if (words->masked && !scan_ip_mask(words->mask, bits, mask))
		return hd_scan_fail(scan, words->mask.text, "%.*s is neither a prefix length nor a mask for IPv%u",
				    HD_WORD(words->mask), version);
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six parts of one or two digits. */
static bool scan_mac(struct hd_word word, hd_u128 *number)
{
	uint64_t mac = 0;
	size_t at = 0;

	for (unsigned int part = 0; part < 6; part++) {
		unsigned int byte = 0, digits = 0;

		if (part > 0 && (at == word.length || word.text[at++] != ':'))
			return false;
		for (; digits < 2 && at < word.length && hex_digit(word.text[at]) >= 0; digits++)
			byte = byte << 4 | (unsigned int)hex_digit(word.text[at++]);
		if (digits == 0)
			return false;
		mac = mac << 8 | byte;
	}
	*number = mac;
	return at == word.length;
}

int hd_value_mac(const struct hd_scan *scan, const struct hd_value_words *words, hd_u128 *value, hd_u128 *mask)
{
	if (!scan_mac(words->value, value))
		return hd_scan_fail(scan, words->value.text, "%.*s is not a MAC address", HD_WORD(words->value));
	if (words->masked && !scan_mac(words->mask, mask))
		return hd_scan_fail(scan, words->mask.text, "%.*s is not a mask for MAC addresses",
				    HD_WORD(words->mask));
	return 0;
}
