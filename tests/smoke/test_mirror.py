# SPDX-License-Identifier: BSD-3-Clause
"""Mirrors: copies of what ports receive and send, put out by a port of their own.

    p1, p2, p3      ports of br0
    probe           where copies go
"""

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from net import BROADCAST, frame, mac, tagged

A, B = mac(1), mac(2)
HELLO = frame(BROADCAST, A)


@pytest.fixture
def mirrored(lab):
    for name in ("p1", "p2", "p3", "probe"):
        lab.tap(name)
    return lab


def add(lab, *words, name="m0"):
    lab.switch.cli("mirror add", name, "bridge br0 to probe", *words)


def counters(lab, name="m0"):
    mirror = lab.switch.cli("mirror show", name)[0]
    return mirror["packets"], mirror["bytes"], mirror["dropped"]


def meet(lab):
    """Let br0 know A behind p1 and B behind p2."""
    lab.exchange("p1", frame(BROADCAST, A))
    lab.exchange("p2", frame(BROADCAST, B))
    lab.switch.learnt("br0", A, port="p1")
    lab.switch.learnt("br0", B, port="p2")


def test_one_port_both_ways(mirrored):
    meet(mirrored)
    add(mirrored, "ports p1")
    there, back, other = frame(B, A, b"there"), frame(A, B, b"back"), frame(B, mac(3), b"other")
    assert mirrored.exchange("p1", there) == {"p2": [there], "probe": [there]}
    assert mirrored.exchange("p2", back) == {"p1": [back], "probe": [back]}
    assert mirrored.exchange("p3", other) == {"p2": [other]}
    assert counters(mirrored) == (2, 120, 0)


def test_directions(mirrored):
    meet(mirrored)
    add(mirrored, "ports p1 direction rx")
    there, back = frame(B, A, b"there"), frame(A, B, b"back")
    assert mirrored.exchange("p1", there)["probe"] == [there]
    assert mirrored.exchange("p2", back) == {"p1": [back]}
    mirrored.switch.cli("mirror set m0 direction tx")
    assert mirrored.exchange("p1", there) == {"p2": [there]}
    assert mirrored.exchange("p2", back)["probe"] == [back]
    assert counters(mirrored) == (2, 120, 0)


def test_all_ports(mirrored):
    """A flooded frame is seen as it comes in and at each port by which it goes out."""
    add(mirrored)
    assert mirrored.exchange("p1", HELLO) == {"p2": [HELLO], "p3": [HELLO], "probe": [HELLO] * 3}
    assert mirrored.switch.cli("mirror show m0")[0]["ports"] == ["p1", "p2", "p3"]


def test_two_mirrors_are_two_copies(mirrored):
    add(mirrored, "ports p1 direction rx")
    add(mirrored, "ports p1,p2 direction rx", name="m1")
    assert mirrored.exchange("p1", HELLO)["probe"] == [HELLO] * 2
    assert counters(mirrored, "m0") == counters(mirrored, "m1") == (1, 60, 0)


def test_destination_puts_out_copies_only(mirrored):
    """Nothing is flooded or switched to it, and what it receives is dropped."""
    mirrored.exchange("probe", frame(BROADCAST, mac(9)))
    mirrored.switch.learnt("br0", mac(9), port="probe")
    add(mirrored, "ports p1 direction tx")
    assert all(entry["port"] != "probe" for entry in mirrored.switch.fdb("br0"))
    assert mirrored.exchange("probe", HELLO) == {}
    assert mirrored.switch.drops("probe") == {"mirror-port": 1}
    assert set(mirrored.exchange("p2", HELLO)) == {"p1", "p3", "probe"}
    to_nine = frame(mac(9), B)
    assert mirrored.exchange("p2", to_nine) == {"p1": [to_nine], "p3": [to_nine], "probe": [to_nine]}
    mirrored.switch.cli("mirror del m0")
    assert set(mirrored.exchange("p2", HELLO)) == {"p1", "p3", "probe"}


def test_tags_are_as_on_the_port(lab):
    lab.tap("acc", "vlan 10")
    lab.tap("trunk", "trunk 10,20")
    lab.tap("probe", "vlan 99")
    add(lab)
    assert lab.exchange("acc", HELLO)["probe"] == [HELLO, tagged(HELLO, 10)]
    assert lab.exchange("trunk", tagged(HELLO, 10, 5))["probe"] == [tagged(HELLO, 10, 5), HELLO]
    # What the port is not allowed to send is seen all the same.
    assert lab.exchange("trunk", tagged(HELLO, 30)) == {"probe": [tagged(HELLO, 30)]}


def test_one_vlan(lab):
    lab.tap("acc10", "vlan 10")
    lab.tap("acc20", "vlan 20")
    lab.tap("trunk", "trunk 10,20")
    lab.tap("probe")
    add(lab, "vlan 10")
    assert lab.exchange("acc10", HELLO)["probe"] == [HELLO, tagged(HELLO, 10)]
    assert lab.exchange("acc20", HELLO) == {"trunk": [tagged(HELLO, 20)]}
    assert "probe" not in lab.exchange("trunk", tagged(HELLO, 20))
    assert lab.exchange("trunk", tagged(HELLO, 10))["probe"] == [tagged(HELLO, 10), HELLO]


def test_snap(mirrored):
    long = bytes(Ether(src=A, dst=BROADCAST) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP() / (b"x" * 1000))
    add(mirrored, "ports p1 direction rx snap 100")
    out = mirrored.exchange("p1", long, HELLO)
    assert out["p2"] == [long, HELLO]
    assert out["probe"] == [long[:100], HELLO]
    assert counters(mirrored) == (2, 160, 0)


def test_copies_that_do_not_go_out_are_counted(mirrored):
    mirrored.switch.cli("port set probe mtu 500")
    mirrored.switch.up("probe")
    add(mirrored, "ports p1 direction rx")
    long = frame(BROADCAST, A, b"x" * 1000)
    assert mirrored.exchange("p1", long) == {"p2": [long], "p3": [long]}
    assert mirrored.switch.drops("probe") == {"egress-mtu": 1}
    assert counters(mirrored) == (1, len(long), 1)


def test_what_is_refused(mirrored):
    switch = mirrored.switch
    switch.refuses("mirror add m0 bridge br0 to p9", words=["bridges.br0.mirrors.m0.to", "no port p9"])
    switch.refuses("mirror add m0 bridge br0 to probe ports probe", words=["probe is a mirror's destination"])
    add(mirrored, "ports p1")
    switch.refuses("mirror add m1 bridge br0 to p1 ports probe", words=["is a mirror's destination"])
    switch.refuses("port del probe", words=["bridges.br0.mirrors.m0.to", "no port probe"])
    switch.refuses("fdb add br0", A, "port probe", words=["has a static address"])
    assert mirrored.exchange("p1", HELLO)["probe"] == [HELLO]


def test_saved_and_loaded(mirrored):
    add(mirrored, "ports p1,p2 snap 128")
    file = mirrored.switch.rundir / "saved.yaml"
    mirrored.switch.cli("config save", file)
    mirrored.switch.cli("mirror del m0")
    assert mirrored.switch.cli("mirror show") == []
    changes = mirrored.switch.cli("config apply", file)["changes"]
    assert [change["change"] for change in changes] == ["mirror add"]
    assert mirrored.switch.config_show()["bridges"]["br0"]["mirrors"] == {
        "m0": {"to": "probe", "ports": ["p1", "p2"], "snap": 128}}
    assert mirrored.exchange("p1", HELLO)["probe"] == [HELLO] * 2
