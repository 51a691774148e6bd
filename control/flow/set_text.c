/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading actions that change fields: set_field, load, move, mod_*, VLAN tags, the stack. */
#include <errno.h>
#include <string.h>

#include "action_text.h"

#define SUB_MASK(sub) (((sub)->n_bits >= 128 ? ~(hd_u128)0 : ((hd_u128)1 << (sub)->n_bits) - 1) << (sub)->ofs)

static bool connection_field(uint16_t field)
{
	return field == HD_FIELD_CT_MARK || field == HD_FIELD_CT_LABEL;
}

/* tp_src and tp_dst, when it is known of which protocol. */
static uint16_t own_port_field(uint16_t field, const struct hd_match *match)
{
	if (match->mask.ip_proto != UINT8_MAX)
		return field;
	switch (match->key.ip_proto) {
	case 6:
		return field == HD_FIELD_TP_SRC ? HD_FIELD_TCP_SRC : HD_FIELD_TCP_DST;
	case 17:
		return field == HD_FIELD_TP_SRC ? HD_FIELD_UDP_SRC : HD_FIELD_UDP_DST;
	case 132:
		return field == HD_FIELD_TP_SRC ? HD_FIELD_SCTP_SRC : HD_FIELD_SCTP_DST;
	default:
		return field;
	}
}

static bool needs_met(const struct hd_list *list, uint16_t field)
{
	if (!list->match)
		return true;
	if (field == HD_FIELD_VLAN_VID || field == HD_FIELD_VLAN_PCP)
		return list->vlan == HD_LIST_VLAN_TAGGED;
	return hd_field_prereq_met(field, list->match);
}

int hd_list_check(const struct hd_list *list, const struct hd_scan *scan, const char *where, uint16_t *field,
		  bool write)
{
	const struct hd_field *f = &hd_fields[*field];

	if (!needs_met(list, *field))
		return hd_scan_fail(scan, where, "%s needs %s in the match", f->name, hd_prereq_text(f->prereq));
	if ((*field == HD_FIELD_TP_SRC || *field == HD_FIELD_TP_DST) && list->match)
		*field = own_port_field(*field, list->match);
	if (!write)
		return 0;
	if (!f->writable)
		return hd_scan_fail(scan, where, "%s can't be changed", f->name);
	if (list->kind == HD_LIST_EXEC && !connection_field(*field))
		return hd_scan_fail(scan, where, "exec() changes ct_mark and ct_label, not %s", f->name);
	if (list->kind != HD_LIST_EXEC && connection_field(*field))
		return hd_scan_fail(scan, where, "%s is changed in ct(commit,exec(...)) only", f->name);
	return 0;
}

int hd_list_source(const struct hd_list *list, const struct hd_scan *scan, struct hd_word word, bool bare,
		   struct hd_subfield *sub)
{
	if (hd_scan_subfield(scan, word, bare, sub) < 0)
		return -EINVAL;
	return hd_list_check(list, scan, word.text, &sub->field, false);
}

/* bits: value and mask of the field, which was checked. */
static int add_set(struct hd_list *list, uint16_t field, const hd_u128 bits[2])
{
	struct hd_action *action;

	if (field == HD_FIELD_VLAN_TCI && (bits[1] & HD_KEY_VLAN_PRESENT))
		list->vlan = bits[0] & HD_KEY_VLAN_PRESENT ? HD_LIST_VLAN_TAGGED : HD_LIST_VLAN_NONE;
	action = hd_list_add(list, HD_ACT_SET);
	if (!action)
		return -ENOMEM;
	action->set.field = field;
	action->set.value = bits[0] & bits[1];
	action->set.mask = bits[1];
	return 0;
}

static int set(struct hd_list *list, const struct hd_scan *scan, const char *where, uint16_t field,
	       const hd_u128 given[2])
{
	hd_u128 bits[2] = {given[0], given[1]};

	if (hd_list_check(list, scan, where, &field, true) < 0)
		return -EINVAL;
	/* nw_tos is the DSCP in its place in the byte. */
	if (field == HD_FIELD_IP_TOS) {
		field = HD_FIELD_IP_DSCP;
		bits[0] >>= 2;
		bits[1] >>= 2;
	}
	if (bits[1] == 0)
		return hd_scan_fail(scan, where, "no bit of %s is set", hd_fields[field].name);
	return add_set(list, field, bits);
}

/* A number as load has it, for some bits of a field. */
static int scan_bits(const struct hd_scan *scan, struct hd_word word, const struct hd_subfield *sub, hd_u128 bits[2])
{
	hd_u128 most = SUB_MASK(sub) >> sub->ofs;

	/* OpenFlow's vlan_vid has a 13th bit, that there is a tag. */
	if (sub->field == HD_FIELD_VLAN_VID && sub->n_bits == 12)
		most |= HD_KEY_VLAN_PRESENT;
	if (!hd_word_number(word, &bits[0]) || bits[0] > most)
		return hd_scan_fail(scan, word.text, "%.*s is not a number of %u bits", HD_WORD(word), sub->n_bits);
	bits[1] = SUB_MASK(sub);
	bits[0] = bits[0] << sub->ofs & bits[1];
	return 0;
}

/* 5, 0x1005 and 0x1005/0x1fff are all of vlan_vid. */
static int scan_vid(const struct hd_scan *scan, struct hd_word word, hd_u128 bits[2])
{
	struct hd_word value, mask;
	uint64_t number = 0x1fff;

	if (hd_word_split(word, "/", &value, &mask) &&
	    hd_scan_number(scan, mask, "vlan_vid's mask", 0, 0x1fff, &number) < 0)
		return -EINVAL;
	bits[1] = number & 0xfff;
	if (hd_scan_number(scan, value, "vlan_vid", 0, 0x1fff, &number) < 0)
		return -EINVAL;
	bits[0] = number & bits[1];
	return 0;
}

/* A value as the whole field is written. */
static int scan_whole(const struct hd_scan *scan, struct hd_word word, uint16_t field, hd_u128 bits[2])
{
	hd_u128 number;

	if (field == HD_FIELD_VLAN_VID)
		return scan_vid(scan, word, bits);
	/* in_port may be set to no port: packets may leave by the port they came in by then. */
	if (field == HD_FIELD_IN_PORT && hd_word_number(word, &number) && number == 0) {
		bits[0] = 0;
		bits[1] = hd_field_mask(HD_FIELD_IN_PORT);
		return 0;
	}
	return hd_scan_value(scan, (enum hd_field_id)field, word, &bits[0], &bits[1]);
}

static int split_arrow(const struct hd_scan *scan, struct hd_word word, struct hd_word *from, struct hd_word *to)
{
	if (!hd_word_split(word, "->", from, to))
		return hd_scan_fail(scan, word.text, "-> is missing");
	return 0;
}

/* VALUE[/MASK]->FIELD, or VALUE->FIELD[a..b] */
int hd_read_set_field(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct hd_word value, name;
	struct hd_subfield dst;
	hd_u128 bits[2];
	int ret;

	if (split_arrow(scan, term->value, &value, &name) < 0 || hd_scan_subfield(scan, name, true, &dst) < 0)
		return -EINVAL;
	if (dst.n_bits < hd_fields[dst.field].bits)
		ret = scan_bits(scan, value, &dst, bits);
	else
		ret = scan_whole(scan, value, dst.field, bits);
	return ret < 0 ? ret : set(list, scan, name.text, dst.field, bits);
}

/* VALUE->FIELD[a..b], VALUE a number; or as set_field has it, for all of a field. */
int hd_read_load(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct hd_word value, name;
	struct hd_subfield dst;
	hd_u128 bits[2];
	int ret;

	if (split_arrow(scan, term->value, &value, &name) < 0 || hd_scan_subfield(scan, name, true, &dst) < 0)
		return -EINVAL;
	if (dst.n_bits == hd_fields[dst.field].bits && !hd_word_number(value, &bits[0]))
		ret = scan_whole(scan, value, dst.field, bits);
	else
		ret = scan_bits(scan, value, &dst, bits);
	return ret < 0 ? ret : set(list, scan, name.text, dst.field, bits);
}

/* The list's knowledge of the tag, after TCI bits were written that are not known. */
static void forget_tag(struct hd_list *list, const struct hd_subfield *dst)
{
	if (dst->field == HD_FIELD_VLAN_TCI && (SUB_MASK(dst) & HD_KEY_VLAN_PRESENT))
		list->vlan = HD_LIST_VLAN_UNKNOWN;
}

int hd_read_move(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct hd_subfield src, dst;
	struct hd_action *action;
	struct hd_word from, to;

	if (split_arrow(scan, term->value, &from, &to) < 0 || hd_list_source(list, scan, from, true, &src) < 0 ||
	    hd_scan_subfield(scan, to, true, &dst) < 0 || hd_list_check(list, scan, to.text, &dst.field, true) < 0)
		return -EINVAL;
	if (src.n_bits != dst.n_bits)
		return hd_scan_fail(scan, to.text, "%u bits do not go into %u", src.n_bits, dst.n_bits);
	action = hd_list_add(list, HD_ACT_MOVE);
	if (!action)
		return -ENOMEM;
	action->move.src = src;
	action->move.dst = dst;
	forget_tag(list, &dst);
	return 0;
}

int hd_read_push(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct hd_action *action;
	struct hd_subfield src;

	if (hd_list_source(list, scan, term->value, true, &src) < 0)
		return -EINVAL;
	action = hd_list_add(list, HD_ACT_STACK_PUSH);
	if (!action)
		return -ENOMEM;
	action->src = src;
	return 0;
}

int hd_read_pop(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct hd_action *action;
	struct hd_subfield dst;

	if (hd_scan_subfield(scan, term->value, true, &dst) < 0 ||
	    hd_list_check(list, scan, term->value.text, &dst.field, true) < 0)
		return -EINVAL;
	action = hd_list_add(list, HD_ACT_STACK_POP);
	if (!action)
		return -ENOMEM;
	action->dst = dst;
	forget_tag(list, &dst);
	return 0;
}

int hd_read_mod(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	hd_u128 bits[2];

	if (hd_scan_value(scan, (enum hd_field_id)arg, term->value, &bits[0], &bits[1]) < 0)
		return -EINVAL;
	if (arg == HD_FIELD_IP_TOS && (bits[0] & 3))
		return hd_scan_fail(scan, term->value.text, "mod_nw_tos sets the DSCP: a multiple of 4");
	return set(list, scan, term->name.text, (uint16_t)arg, bits);
}

static int add_push_vlan(struct hd_list *list, uint16_t ethertype)
{
	struct hd_action *action = hd_list_add(list, HD_ACT_PUSH_VLAN);

	if (!action)
		return -ENOMEM;
	action->ethertype = ethertype;
	list->vlan = HD_LIST_VLAN_TAGGED;
	return 0;
}

/*
 * These give an untagged packet a tag. Where the match says which there is, that is one action or two; else it is a
 * write to the TCI with the bit that there is a tag, which does the same.
 */
int hd_read_mod_vlan(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	unsigned int shift = hd_fields[arg].shift;
	hd_u128 bits[2];
	uint64_t number;
	int ret = 0;

	if (hd_scan_number(scan, term->value, hd_fields[arg].name, 0, (uint64_t)hd_field_mask(arg), &number) < 0)
		return -EINVAL;
	bits[0] = number;
	bits[1] = hd_field_mask((enum hd_field_id)arg);
	if (list->vlan == HD_LIST_VLAN_UNKNOWN) {
		bits[0] = bits[0] << shift | HD_KEY_VLAN_PRESENT;
		bits[1] = bits[1] << shift | HD_KEY_VLAN_PRESENT;
		return add_set(list, HD_FIELD_VLAN_TCI, bits);
	}
	if (list->vlan == HD_LIST_VLAN_NONE)
		ret = add_push_vlan(list, 0x8100);
	return ret < 0 ? ret : add_set(list, (uint16_t)arg, bits);
}

int hd_read_push_vlan(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	hd_u128 type;

	if (!hd_word_number(term->value, &type) || (type != 0x8100 && type != 0x88a8))
		return hd_scan_fail(scan, term->value.text, "push_vlan takes 0x8100 or 0x88a8, not %.*s",
				    HD_WORD(term->value));
	return add_push_vlan(list, (uint16_t)type);
}

int hd_read_pop_vlan(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	/* There may be another tag underneath. */
	if (list->vlan == HD_LIST_VLAN_TAGGED)
		list->vlan = HD_LIST_VLAN_UNKNOWN;
	return hd_list_add(list, HD_ACT_POP_VLAN) ? 0 : -ENOMEM;
}

/* write_metadata:VALUE[/MASK] */
int hd_read_metadata(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	hd_u128 bits[2];

	if (hd_scan_value(scan, HD_FIELD_METADATA, term->value, &bits[0], &bits[1]) < 0)
		return -EINVAL;
	return set(list, scan, term->name.text, HD_FIELD_METADATA, bits);
}
