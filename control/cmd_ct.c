/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods ct.*: the connections that are tracked. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cmd.h"
#include "ct/ct.h"
#include "rpc.h"

#define PAGE_DEFAULT 1024 /* connections an answer */
#define PAGE_MAX 4096
#define SCAN_MAX 65536 /* connections that a page looks at */
#define SECONDS_MAX 31536000

/* NULL, and why, if there is no data path: that is so in tests of the rest. */
static struct hd_ct *table_of(const struct hd_control *control, struct hd_error *error)
{
	struct hd_dataplane *dataplane = hd_control_dataplane(control);
	struct hd_ct *ct = dataplane != NULL ? atomic_load(&dataplane->ct) : NULL;

	if (ct == NULL)
		hd_error_set(error, "connections are not tracked");
	return ct;
}

static const char *protocol_name(uint8_t proto, char text[8])
{
	switch (proto) {
	case 1:
		return "icmp";
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 58:
		return "icmpv6";
	case 132:
		return "sctp";
	default:
		snprintf(text, 8, "%u", proto);
		return text;
	}
}

static bool is_icmp(uint8_t proto)
{
	return proto == 1 || proto == 58;
}

static json_t *show_tuple(const struct hd_ct_tuple *tuple)
{
	int family = tuple->family == 4 ? AF_INET : AF_INET6;
	char src[INET6_ADDRSTRLEN] = "", dst[INET6_ADDRSTRLEN] = "";

	inet_ntop(family, tuple->src, src, sizeof(src));
	inet_ntop(family, tuple->dst, dst, sizeof(dst));
	if (is_icmp(tuple->proto))
		return json_pack("{s:s, s:s, s:i, s:i, s:i}", "src", src, "dst", dst, "id", tuple->src_port, "type",
				 tuple->dst_port >> 8, "code", tuple->dst_port & 0xff);
	return json_pack("{s:s, s:s, s:i, s:i}", "src", src, "dst", dst, "sport", tuple->src_port, "dport",
			 tuple->dst_port);
}

static json_t *show_entry(const struct hd_ct_entry *entry)
{
	char number[8];
	json_t *out = json_pack(
		"{s:s, s:i, s:o, s:o, s:I, s:I, s:b, s:[I, I], s:[I, I]}", "protocol",
		protocol_name(entry->orig.proto, number), "zone", entry->zone, "orig", show_tuple(&entry->orig),
		"reply", show_tuple(&entry->reply), "timeout", (json_int_t)entry->timeout, "mark",
		(json_int_t)entry->mark, "seen_reply", (int)entry->seen_reply, "packets", (json_int_t)entry->packets[0],
		(json_int_t)entry->packets[1], "bytes", (json_int_t)entry->bytes[0], (json_int_t)entry->bytes[1]);

	if (entry->state != NULL)
		json_object_set_new(out, "state", json_string(entry->state));
	if ((entry->label[0] | entry->label[1]) != 0)
		json_object_set_new(out, "label",
				    json_sprintf("0x%" PRIx64 "%016" PRIx64, entry->label[0], entry->label[1]));
	return out;
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_ct *ct = table_of(control, error);
	json_int_t zone = -1, max = PAGE_DEFAULT, at = 0;
	struct hd_ct_entry entry;
	uint64_t cursor;
	json_t *list;
	bool more = true;
	int code = ct == NULL ? HD_RPC_REFUSED : hd_cmd_number(params, "zone", 0, UINT16_MAX, &zone, error);

	if (code == 0)
		code = hd_cmd_number(params, "max", 1, PAGE_MAX, &max, error);
	if (code == 0)
		code = hd_cmd_number(params, "cursor", 0, INT64_MAX, &at, error);
	if (code != 0)
		return code;
	cursor = (uint64_t)at;
	list = json_array();
	for (unsigned int seen = 0; more && seen < SCAN_MAX && json_array_size(list) < (size_t)max; seen++) {
		more = hd_ct_next(ct, &cursor, &entry);
		if (more && (zone < 0 || entry.zone == zone))
			json_array_append_new(list, show_entry(&entry));
	}
	*result = json_pack("{s:o}", "connections", list);
	if (more)
		json_object_set_new(*result, "cursor", json_integer((json_int_t)cursor));
	return 0;
}

static int read_address(const json_t *params, const char *key, struct hd_ct_tuple *tuple, uint8_t address[16],
			struct hd_error *error)
{
	const char *text = hd_cmd_string(params, key);
	uint8_t family;

	if (text == NULL)
		return 0;
	family = strchr(text, ':') != NULL ? 6 : 4;
	if (inet_pton(family == 6 ? AF_INET6 : AF_INET, text, address) != 1) {
		hd_error_set(error, "%s: %.64s is not an address", key, text);
		return HD_RPC_INVALID_PARAMS;
	}
	if (tuple->family != 0 && tuple->family != family) {
		hd_error_set(error, "%s: %.64s: src and dst are of different versions of IP", key, text);
		return HD_RPC_INVALID_PARAMS;
	}
	tuple->family = family;
	return 0;
}

static int read_protocol(const json_t *params, struct hd_ct_tuple *tuple, struct hd_error *error)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} known[] = {{"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"icmpv6", 58}, {"sctp", 132}};
	const char *text = hd_cmd_string(params, "protocol");

	if (text == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, text) == 0) {
			tuple->proto = known[i].proto;
			return 0;
		}
	}
	hd_error_set(error, "protocol: %.64s is not one of icmp, tcp, udp, icmpv6, sctp", text);
	return HD_RPC_INVALID_PARAMS;
}

static int read_tuple(const json_t *params, struct hd_ct_tuple *tuple, struct hd_error *error)
{
	json_int_t sport = 0, dport = 0;
	int code = read_protocol(params, tuple, error);

	if (code == 0)
		code = read_address(params, "src", tuple, tuple->src, error);
	if (code == 0)
		code = read_address(params, "dst", tuple, tuple->dst, error);
	if (code == 0)
		code = hd_cmd_number(params, "sport", 1, UINT16_MAX, &sport, error);
	if (code == 0)
		code = hd_cmd_number(params, "dport", 1, UINT16_MAX, &dport, error);
	tuple->src_port = (uint16_t)sport;
	tuple->dst_port = (uint16_t)dport;
	return code;
}

static int flush(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	static const struct hd_ct_tuple any;
	struct hd_ct *ct = table_of(control, error);
	struct hd_ct_tuple tuple = {0};
	json_int_t zone = -1;
	uint32_t flushed;
	int code = ct == NULL ? HD_RPC_REFUSED : hd_cmd_number(params, "zone", 0, UINT16_MAX, &zone, error);

	if (code == 0)
		code = read_tuple(params, &tuple, error);
	if (code != 0)
		return code;
	flushed = hd_ct_flush(ct, (int)zone, memcmp(&tuple, &any, sizeof(any)) == 0 ? NULL : &tuple);
	*result = json_pack("{s:I}", "flushed", (json_int_t)flushed);
	return 0;
}

static json_t *show_timeouts(const struct hd_ct *ct)
{
	json_t *out = json_object();

	for (int i = 0; i < HD_CT_TIMEOUTS; i++)
		json_object_set_new(out, hd_ct_timeout_names[i],
				    json_integer(hd_ct_timeout(ct, (enum hd_ct_timeout)i)));
	return out;
}

static int stats(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_ct *ct = table_of(control, error);
	json_int_t zone = -1;
	struct hd_ct_stats now;
	int code = ct == NULL ? HD_RPC_REFUSED : hd_cmd_number(params, "zone", 0, UINT16_MAX, &zone, error);

	if (code != 0)
		return code;
	hd_ct_stats(ct, &now);
	*result = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "connections",
			    (json_int_t)now.connections, "limit", (json_int_t)now.limit, "created",
			    (json_int_t)now.created, "expired", (json_int_t)now.expired, "evicted",
			    (json_int_t)now.evicted, "refused_full", (json_int_t)now.refused_full, "refused_zone",
			    (json_int_t)now.refused_zone, "refused_nat", (json_int_t)now.refused_nat, "invalid",
			    (json_int_t)now.invalid, "bytes", (json_int_t)now.bytes, "timeouts", show_timeouts(ct));
	if (zone >= 0)
		json_object_set_new(*result, "zone",
				    json_pack("{s:I, s:I}", "zone", zone, "connections",
					      (json_int_t)hd_ct_zone_count(ct, (uint16_t)zone)));
	return 0;
}

static int set(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_ct *ct = table_of(control, error);
	const char *name = hd_cmd_string(params, "name");
	json_int_t seconds = 0;
	int code = ct == NULL ? HD_RPC_REFUSED : hd_cmd_number(params, "seconds", 1, SECONDS_MAX, &seconds, error);

	if (code != 0)
		return code;
	for (int i = 0; i < HD_CT_TIMEOUTS; i++) {
		if (strcmp(hd_ct_timeout_names[i], name) == 0) {
			hd_ct_set_timeout(ct, (enum hd_ct_timeout)i, (uint32_t)seconds);
			return 0;
		}
	}
	hd_error_set(error, "name: %.64s is no timeout; ct.stats lists them", name);
	return HD_RPC_INVALID_PARAMS;
}

static int limit(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	struct hd_ct *ct = table_of(control, error);
	json_int_t zone = 0, most = 0;
	int rc, code = ct == NULL ? HD_RPC_REFUSED : hd_cmd_number(params, "zone", 0, UINT16_MAX, &zone, error);

	if (code == 0)
		code = hd_cmd_number(params, "limit", 0, HD_CT_LIMIT_MAX, &most, error);
	if (code != 0)
		return code;
	rc = hd_ct_set_zone_limit(ct, (uint16_t)zone, (uint32_t)most);
	if (rc == 0)
		return 0;
	hd_error_set(error, "zone %d: %s", (int)zone, strerror(-rc));
	return hd_cmd_code(rc);
}

const struct hd_rpc_method hd_cmd_ct[] = {
	{"ct.show", "zone?: integer, cursor?: integer, max?: integer", show,
	 "A page of the connections that are tracked; its cursor, if there is one, asks for the next.", false},
	{"ct.flush", "zone?: integer, protocol?: string, src?: string, dst?: string, sport?: integer, dport?: integer",
	 flush, "Forget connections: all, or those of a zone, or with these values in their original direction.", true},
	{"ct.stats", "zone?: integer", stats, "How many connections there are and were, and the timeouts.", false},
	{"ct.set", "name: string, seconds: integer", set, "Set a timeout, such as tcp-established.", true},
	{"ct.limit", "zone: integer, limit: integer", limit, "How many connections a zone may have; 0: no limit.",
	 true},
	{NULL},
};
