/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the one-line description of a frame's headers. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "summary.h"

#define TAGS_MAX 2 /* that are looked behind */
#define EXTENSIONS_MAX 8

enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_VLAN = 0x8100, TYPE_IPV6 = 0x86dd, TYPE_QINQ = 0x88a8 };
enum { TYPE_MIN = 0x0600 }; /* IEEE 802.3-2018 3.2.6: less is a length */

/* What is left of the frame, and what has been said of it. */
struct walk {
	const uint8_t *at;
	size_t left, used;
	char *text;
};

static __attribute__((format(printf, 2, 3))) void say(struct walk *walk, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(walk->text + walk->used, HD_SUMMARY_MAX - walk->used, format, args);
	va_end(args);
	walk->used += n > 0 ? (size_t)n : 0;
	if (walk->used >= HD_SUMMARY_MAX)
		walk->used = HD_SUMMARY_MAX - 1;
}

/* The next n bytes, or NULL, having said so. */
static const uint8_t *take(struct walk *walk, size_t n)
{
	const uint8_t *at = walk->at;

	if (walk->left < n) {
		say(walk, ", cut off");
		return NULL;
	}
	walk->at += n;
	walk->left -= n;
	return at;
}

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static void say_mac(struct walk *walk, const uint8_t *mac)
{
	say(walk, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* `port` < 0: none. */
static void say_address(struct walk *walk, int family, const uint8_t *address, int port)
{
	char text[INET6_ADDRSTRLEN] = "?";

	inet_ntop(family, address, text, sizeof(text));
	if (port < 0)
		say(walk, "%s", text);
	else if (family == AF_INET6)
		say(walk, "[%s]:%d", text, port);
	else
		say(walk, "%s:%d", text, port);
}

static void arp(struct walk *walk)
{
	const uint8_t *arp = take(walk, 28);

	if (arp == NULL)
		return;
	switch (get16(arp + 6)) {
	case 1:
		say(walk, "ARP who-has ");
		say_address(walk, AF_INET, arp + 24, -1);
		say(walk, " tell ");
		say_address(walk, AF_INET, arp + 14, -1);
		break;
	case 2:
		say(walk, "ARP ");
		say_address(walk, AF_INET, arp + 14, -1);
		say(walk, " is-at ");
		say_mac(walk, arp + 8);
		break;
	default:
		say(walk, "ARP operation %u", get16(arp + 6));
	}
}

static void say_tcp_flags(struct walk *walk, uint8_t flags)
{
	static const char letters[] = "FSRP.UEW";

	say(walk, " [");
	for (int i = 0; i < 8; i++)
		if (flags >> i & 1)
			say(walk, "%c", letters[i]);
	say(walk, "]");
}

/* An IP packet: where from, where to, and what is in it. */
struct ip {
	int family;
	const uint8_t *source, *destination;
	uint8_t protocol;
	unsigned int offset; /* of a fragment, bytes */
	bool fragment;
};

static void say_addresses(struct walk *walk, const struct ip *ip, const uint8_t *ports)
{
	say(walk, ip->family == AF_INET ? "IPv4 " : "IPv6 ");
	say_address(walk, ip->family, ip->source, ports != NULL ? (int)get16(ports) : -1);
	say(walk, " > ");
	say_address(walk, ip->family, ip->destination, ports != NULL ? (int)get16(ports + 2) : -1);
}

static void l4(struct walk *walk, const struct ip *ip)
{
	bool has_ports = ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_SCTP;
	const uint8_t *at = walk->at;

	say_addresses(walk, ip, has_ports && ip->offset == 0 && walk->left >= 4 ? at : NULL);
	switch (ip->protocol) {
	case IPPROTO_TCP:
		say(walk, " TCP");
		if (ip->offset == 0 && take(walk, 14) != NULL)
			say_tcp_flags(walk, at[13]);
		break;
	case IPPROTO_UDP:
		say(walk, " UDP");
		break;
	case IPPROTO_SCTP:
		say(walk, " SCTP");
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		say(walk, ip->protocol == IPPROTO_ICMP ? " ICMP" : " ICMPv6");
		if (ip->offset == 0 && take(walk, 2) != NULL)
			say(walk, " type %u code %u", at[0], at[1]);
		break;
	default:
		say(walk, " protocol %u", ip->protocol);
	}
	if (ip->fragment)
		say(walk, ", fragment at %u", ip->offset);
}

static void ipv4(struct walk *walk)
{
	const uint8_t *header = take(walk, 20);
	struct ip ip = {.family = AF_INET};
	unsigned int length;

	if (header == NULL)
		return;
	length = (header[0] & 15u) * 4;
	if (header[0] >> 4 != 4 || length < 20) {
		say(walk, "IPv4, bad header");
		return;
	}
	ip.source = header + 12;
	ip.destination = header + 16;
	ip.protocol = header[9];
	ip.offset = (get16(header + 6) & 0x1fff) * 8;
	ip.fragment = get16(header + 6) & 0x3fff; /* more follow, or it has an offset */
	if (take(walk, length - 20) != NULL)
		l4(walk, &ip);
}

/* RFC 8200 section 4. */
static bool extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_DSTOPTS;
}

static void ipv6(struct walk *walk)
{
	const uint8_t *header = take(walk, 40);
	struct ip ip = {.family = AF_INET6};

	if (header == NULL)
		return;
	if (header[0] >> 4 != 6) {
		say(walk, "IPv6, bad header");
		return;
	}
	ip.source = header + 8;
	ip.destination = header + 24;
	ip.protocol = header[6];
	for (int i = 0; i < EXTENSIONS_MAX && extension(ip.protocol) && ip.offset == 0; i++) {
		bool fragment = ip.protocol == IPPROTO_FRAGMENT;

		header = take(walk, 8);
		if (header == NULL || (!fragment && take(walk, header[1] * 8u) == NULL))
			return;
		ip.protocol = header[0];
		ip.fragment |= fragment;
		ip.offset = fragment ? get16(header + 2) & 0xfff8 : 0;
	}
	l4(walk, &ip);
}

/* What stands behind addresses and tags. */
static void payload(struct walk *walk, unsigned int type)
{
	say(walk, ", ");
	switch (type) {
	case TYPE_ARP:
		arp(walk);
		break;
	case TYPE_IPV4:
		ipv4(walk);
		break;
	case TYPE_IPV6:
		ipv6(walk);
		break;
	default:
		if (type < TYPE_MIN)
			say(walk, "802.3 length %u", type);
		else
			say(walk, "type 0x%04x", type);
	}
}

void hd_summary_frame(const uint8_t *frame, size_t n, char text[HD_SUMMARY_MAX])
{
	struct walk walk = {.at = frame, .left = n, .text = text};
	const uint8_t *ether, *tag;
	unsigned int type;

	text[0] = '\0';
	if (n < 14) {
		say(&walk, "%zu bytes", n);
		return;
	}
	ether = take(&walk, 14);
	say_mac(&walk, ether + 6);
	say(&walk, " > ");
	say_mac(&walk, ether);
	type = get16(ether + 12);
	for (int i = 0; i < TAGS_MAX && (type == TYPE_VLAN || type == TYPE_QINQ); i++) {
		tag = take(&walk, 4);
		if (tag == NULL)
			return;
		say(&walk, ", VLAN %u", get16(tag) & 0xfff);
		type = get16(tag + 2);
	}
	payload(&walk, type);
}
