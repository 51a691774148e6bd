# SPDX-License-Identifier: BSD-3-Clause
"""VLANs: access, trunk, native and transparent ports.

    acc10  access 10          trunk  10,20 native 1
    acc20  access 20          strict 10,20 without native
"""

import itertools

import pytest

from net import BROADCAST, frame, mac, tagged

A, B = mac(1), mac(2)
HELLO = frame(BROADCAST, A)


@pytest.fixture
def vlans(lab):
    lab.tap("acc10", "vlan 10")
    lab.tap("acc20", "vlan 20")
    lab.tap("trunk", "trunk 10,20 native 1")
    lab.tap("strict", "trunk 10,20")
    return lab


def test_access_to_access_and_trunk(vlans):
    assert vlans.exchange("acc10", HELLO) == {"trunk": [tagged(HELLO, 10)], "strict": [tagged(HELLO, 10)]}


def test_trunk_to_access(vlans):
    sent = tagged(HELLO, 20)
    assert vlans.exchange("trunk", sent) == {"acc20": [HELLO], "strict": [sent]}


def test_native(vlans):
    vlans.tap("acc1", "vlan 1")
    assert vlans.exchange("acc1", HELLO) == {"trunk": [HELLO]}
    assert vlans.exchange("trunk", HELLO) == {"acc1": [HELLO]}
    # Tagged with the native VLAN's id it belongs to that VLAN too.
    assert vlans.exchange("trunk", tagged(HELLO, 1)) == {"acc1": [HELLO]}


@pytest.mark.parametrize("port, sent, reason", [
    ("acc10", tagged(HELLO, 10), "vlan-tagged"),
    ("acc10", tagged(HELLO, 20), "vlan-tagged"),
    ("strict", HELLO, "vlan-untagged"),
    ("strict", tagged(HELLO, 30), "vlan-filtered"),
    ("strict", tagged(HELLO, 4095), "vlan-filtered"),
    ("trunk", tagged(HELLO, 2), "vlan-filtered"),
])
def test_filtered(vlans, port, sent, reason):
    assert vlans.exchange(port, sent) == {}
    assert vlans.switch.drops(port) == {reason: 1}


def test_priority_tag_counts_as_untagged(vlans):
    """VLAN id 0 carries only a priority (802.1Q 6.9.1)."""
    out = vlans.exchange("acc10", tagged(HELLO, 0, priority=5))
    assert set(out) == {"trunk", "strict"}
    assert int.from_bytes(out["trunk"][0][14:16], "big") & 0xFFF == 10


def test_priority_survives_the_trunk(vlans):
    sent = tagged(HELLO, 10, priority=6)
    assert vlans.exchange("trunk", sent)["strict"] == [sent]


def test_addresses_are_learnt_by_vlan(vlans):
    """One address in two VLANs is two entries, at two ports."""
    vlans.exchange("acc10", HELLO)
    vlans.exchange("acc20", HELLO)
    vlans.switch.learnt("br0", A, port="acc10", vlan=10)
    vlans.switch.learnt("br0", A, port="acc20", vlan=20)
    answer = frame(A, B)
    assert vlans.exchange("strict", tagged(answer, 10)) == {"acc10": [answer]}
    assert vlans.exchange("strict", tagged(answer, 20)) == {"acc20": [answer]}


def test_transparent_ports_carry_everything(lab):
    lab.tap("t1")
    lab.tap("t2")
    sent = [HELLO] + [tagged(HELLO, vlan) for vlan in (1, 10, 4094)]
    assert lab.exchange("t1", *sent) == {"t2": sent}


def test_every_vlan_of_a_trunk(lab):
    """4094 VLANs from trunk to trunk, each in its own; the other side allows every third."""
    lab.tap("t1", "trunk 1-4094")
    lab.tap("t2", "trunk " + ",".join(str(v) for v in range(3, 600, 3)))
    sent = [tagged(HELLO, vlan) for vlan in range(1, 601)]
    out = lab.exchange("t1", *sent)
    assert out == {"t2": [tagged(HELLO, vlan) for vlan in range(3, 600, 3)]}


def test_change_of_vlan_takes_effect(lab):
    lab.tap("p1", "vlan 10")
    lab.tap("p2", "vlan 10")
    assert lab.exchange("p1", HELLO) == {"p2": [HELLO]}
    lab.switch.cli("port set p2 vlan 11")
    assert lab.exchange("p1", HELLO) == {}
    lab.switch.cli("port set p1 vlan 11")
    assert lab.exchange("p1", HELLO) == {"p2": [HELLO]}


def test_all_pairs_of_modes(lab):
    """Against a naive model: every kind of port to every other, every kind of tag."""
    kinds = {"a10": "vlan 10", "a20": "vlan 20", "t": "trunk 10,20", "n": "trunk 10,20 native 10", "x": ""}
    for name, options in kinds.items():
        lab.tap(name, options)

    def vlan_in(name, tag):
        if name == "x":
            return tag or 0
        if name.startswith("a"):
            return int(name[1:]) if not tag else None
        if not tag:
            return 10 if name == "n" else None
        return tag if tag in (10, 20) else None

    def out(name, vlan):
        if name == "x":
            return HELLO if vlan == 0 else tagged(HELLO, vlan)
        if name.startswith("a"):
            return HELLO if vlan == int(name[1:]) else None
        if vlan not in (10, 20):
            return None
        return HELLO if name == "n" and vlan == 10 else tagged(HELLO, vlan)

    for source, tag in itertools.product(kinds, (None, 10, 20, 30)):
        vlan = vlan_in(source, tag)
        expected = {}
        for name in kinds:
            data = out(name, vlan) if vlan is not None and name != source else None
            if data:
                expected[name] = [data]
        sent = tagged(HELLO, tag) if tag else HELLO
        assert lab.exchange(source, sent) == expected, f"{source} with tag {tag}"
