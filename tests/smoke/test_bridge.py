# SPDX-License-Identifier: BSD-3-Clause
"""Learning bridges between kernel interfaces: taps p1, p2, ... on br0, raw frames in and out."""

import pytest

from net import BROADCAST, Lab, frame, mac
from pcap import replay
from proc import wait_until

A, B, C, UNKNOWN = mac(1), mac(2), mac(3), mac(99)
MULTICAST = "01:00:5e:00:00:05"


def test_ping_between_tap_and_veth(heddle, netns):
    """The namespace of the switch, by a net_tap port, and another one, by veth and net_af_packet."""
    switch, other = heddle(), netns()
    switch.cli("bridge add br0")
    add_veth(switch, other, 1)
    switch.cli("port add tap bridge br0 device net_tap0,iface=tap")
    switch.netns.sh("ip addr add 10.9.0.9/24 dev tap; ip link set tap up")
    switch.up("tap", "af1")
    switch.netns.run("ping", "-c", "1", "-w", "10", "10.9.0.1")
    out = switch.netns.run("ping", "-c", "20", "-i", "0.01", "10.9.0.1")
    assert "20 received" in out


def add_veth(switch, namespace, number):
    """10.9.0.NUMBER in a namespace, behind a veth pair and a net_af_packet port. veth would leave checksums to the far
    end, so it must not."""
    switch.netns.sh(f"ip link add sw{number} type veth peer name e0 netns {namespace.holder.pid};"
                    f"ip link set sw{number} up; ethtool -K sw{number} tx off gro off >/dev/null")
    namespace.sh(f"ethtool -K e0 tx off tso off gso off >/dev/null; ip addr add 10.9.0.{number}/24 dev e0;"
                 "ip link set e0 up")
    switch.cli(f"port add af{number} bridge br0 device net_af_packet{number},iface=sw{number}")


def test_ping_between_af_packet_ports(heddle, netns):
    switch, one, two = heddle(), netns(), netns()
    switch.cli("bridge add br0")
    add_veth(switch, one, 1)
    add_veth(switch, two, 2)
    one.run("ping", "-c", "1", "-w", "10", "10.9.0.2")  # waits for the links and for ARP
    out = one.run("ping", "-c", "20", "-i", "0.01", "-s", "1400", "10.9.0.2")
    assert "20 received" in out


def test_unknown_floods_known_does_not(lab):
    for name in ("p1", "p2", "p3"):
        lab.tap(name)
    hello = frame(B, A)
    assert lab.exchange("p1", hello) == {"p2": [hello], "p3": [hello]}
    lab.switch.learnt("br0", A, port="p1")
    answer = frame(A, B)
    assert lab.exchange("p2", answer) == {"p1": [answer]}
    lab.switch.learnt("br0", B, port="p2")
    assert lab.exchange("p1", hello) == {"p2": [hello]}


@pytest.mark.parametrize("destination", [BROADCAST, MULTICAST])
def test_groups_flood(lab, destination):
    for name in ("p1", "p2", "p3"):
        lab.tap(name)
    sent = frame(destination, A)
    for _ in range(2):
        assert lab.exchange("p1", sent) == {"p2": [sent], "p3": [sent]}
    kind = "broadcast" if destination == BROADCAST else "multicast"
    assert lab.switch.stats("p1")["rx"][kind] == 2
    assert lab.switch.stats("p2")["tx"][kind] == 2


def test_same_port_is_dropped(lab):
    lab.tap("p1")
    lab.tap("p2")
    lab.exchange("p1", frame(B, A))
    lab.switch.learnt("br0", A)
    lab.exchange("p1", frame(A, B))
    lab.switch.learnt("br0", B)
    assert lab.exchange("p1", frame(B, A)) == {}
    assert lab.switch.drops("p1") == {"same-port": 2}


def test_lone_port_has_nobody_to_flood_to(lab):
    lab.tap("p1")
    assert lab.exchange("p1", frame(BROADCAST, A)) == {}
    assert lab.switch.drops("p1") == {"no-destination": 1}


def test_reserved_addresses_are_not_forwarded(lab):
    lab.tap("p1")
    lab.tap("p2")
    frames = [frame(f"01:80:c2:00:00:{last:02x}", A) for last in range(16)]
    assert lab.exchange("p1", *frames) == {}
    assert lab.switch.drops("p1") == {"link-local": 16}
    beyond = frame("01:80:c2:00:00:10", A)
    assert lab.exchange("p1", beyond) == {"p2": [beyond]}


@pytest.mark.parametrize("source", [BROADCAST, "01:00:00:00:00:01", "00:00:00:00:00:00"])
def test_group_or_zero_source_is_dropped(lab, source):
    lab.tap("p1")
    lab.tap("p2")
    assert lab.exchange("p1", frame(B, source)) == {}
    assert lab.switch.drops("p1") == {"source-multicast": 1}
    assert lab.switch.fdb("br0") == []


def test_bridges_are_apart(lab):
    """The same addresses in two bridges: no frame crosses, each learns its own."""
    lab.switch.cli("bridge add br1")
    for name in ("a1", "a2"):
        lab.tap(name, bridge="br0")
    for name in ("b1", "b2"):
        lab.tap(name, bridge="br1")
    assert set(lab.exchange("a1", frame(BROADCAST, A))) == {"a2"}
    assert set(lab.exchange("b2", frame(BROADCAST, A))) == {"b1"}
    lab.switch.learnt("br0", A, port="a1")
    lab.switch.learnt("br1", A, port="b2")
    assert set(lab.exchange("a2", frame(A, B))) == {"a1"}
    assert set(lab.exchange("b1", frame(A, B))) == {"b2"}


def test_port_moves_to_another_bridge(lab):
    lab.switch.cli("bridge add br1")
    for name, bridge in (("p1", "br0"), ("p2", "br0"), ("p3", "br1")):
        lab.tap(name, bridge=bridge)
    assert set(lab.exchange("p1", frame(BROADCAST, A))) == {"p2"}
    lab.switch.cli("port set p2 bridge br1")
    lab.switch.up("p2")
    assert set(lab.exchange("p3", frame(BROADCAST, B))) == {"p2"}
    assert lab.exchange("p1", frame(BROADCAST, A)) == {}


def test_isolated_ports(lab):
    """Isolated ports reach the others, not each other."""
    lab.tap("i1", "isolated on")
    lab.tap("i2", "isolated on")
    lab.tap("up")
    assert set(lab.exchange("i1", frame(BROADCAST, A))) == {"up"}
    assert set(lab.exchange("up", frame(BROADCAST, C))) == {"i1", "i2"}
    lab.exchange("i2", frame(BROADCAST, B))
    lab.switch.learnt("br0", B, port="i2")
    lab.switch.learnt("br0", C, port="up")
    assert lab.exchange("i1", frame(B, A)) == {}
    assert lab.switch.drops("i1")["isolated"] >= 1
    assert set(lab.exchange("i1", frame(C, A))) == {"up"}
    lab.switch.cli("port set i1 isolated off")
    assert set(lab.exchange("i1", frame(B, A))) == {"i2"}


@pytest.mark.parametrize("key, destination", [("storm-broadcast", BROADCAST), ("storm-multicast", MULTICAST),
                                              ("storm-unknown", UNKNOWN)])
def test_storm_control(lab, key, destination):
    """A burst over the limit is cut; the other classes pass; lifting the limit lets all pass."""
    lab.tap("p1", f"{key} 10")
    lab.tap("p2")
    burst = [frame(destination, A)] * 200
    passed = len(lab.exchange("p1", *burst).get("p2", []))
    dropped = lab.switch.drops("p1")[key]
    assert passed + dropped == 200
    # The bucket holds 32; at 10 a second a few more may come in while the burst lasts.
    assert 32 <= passed <= 100
    others = [frame(d, A) for d in (BROADCAST, MULTICAST, UNKNOWN) if d != destination] * 50
    assert len(lab.exchange("p1", *others)["p2"]) == 100
    lab.switch.cli(f"port set p1 {key} 0")
    assert len(lab.exchange("p1", *burst)["p2"]) == 200


def test_storm_control_spares_known_unicast(lab):
    lab.tap("p1", "storm-unknown 1 storm-broadcast 1 storm-multicast 1")
    lab.tap("p2")
    lab.exchange("p2", frame(BROADCAST, B))
    lab.switch.learnt("br0", B, port="p2")
    assert len(lab.exchange("p1", *[frame(B, A)] * 300)["p2"]) == 300


def test_mtu(lab):
    """A frame of MTU and header passes (and a tag on top); one byte more is oversize."""
    fits = [frame(BROADCAST, A, length=2014), frame(BROADCAST, A, vlan=5, length=2018)]
    over = [frame(BROADCAST, A, length=2015), frame(BROADCAST, A, vlan=5, length=2019), frame(BROADCAST, A, length=9000)]
    drops, out = replay(lab.switch, fits + over, {"sink": "mtu 9000"}, "mtu 2000")
    assert drops == {"source": {"oversize": 3}, "sink": {}}
    assert out == {"sink": fits}


def test_egress_mtu(lab):
    """A port with a smaller MTU drops what it can't carry, the others get it."""
    large = frame(BROADCAST, A, length=9014)
    drops, out = replay(lab.switch, [large], {"small": "mtu 1500", "large": "mtu 9000"}, "mtu 9000")
    assert drops == {"source": {}, "small": {"egress-mtu": 1}, "large": {}}
    assert out == {"small": [], "large": [large]}


def test_frames_of_every_size(lab):
    """Around the sizes of snapshots, buffers and MTUs, each byte where it was."""
    sent = [frame(BROADCAST, A, bytes((size + i) & 255 for i in range(size - 14)), length=size)
            for size in (14, 15, 59, 60, 61, 127, 128, 129, 1514, 2047, 2048, 2049, 2176, 4096, 8192, 9229, 9230)]
    drops, out = replay(lab.switch, sent, {"sink": "mtu 9216"}, "mtu 9216")
    assert drops == {"source": {}, "sink": {}}
    assert [len(data) for data in out["sink"]] == [len(data) for data in sent]
    assert out["sink"] == sent


def test_counters(lab):
    lab.tap("p1")
    lab.tap("p2")
    lab.exchange("p1", frame(BROADCAST, A), frame(MULTICAST, A), frame(B, A, length=100))
    rx, tx = lab.switch.stats("p1")["rx"], lab.switch.stats("p2")["tx"]
    for side in (rx, tx):
        assert (side["packets"], side["bytes"], side["errors"]) == (3, 60 + 60 + 100, 0)
        assert (side["unicast"], side["multicast"], side["broadcast"]) == (1, 1, 1)
    balance = lab.switch.balance()
    assert (balance["rx"], balance["tx"], balance["drops"], balance["copies"]) == (3, 3, 0, 0)


def test_link_state_is_followed(lab):
    lab.tap("p1")
    lab.tap("p2")
    lab.ns.run("ip", "link", "set", "p2", "down")
    wait_until(lambda: not lab.switch.port("p2")["up"], 15, "p2 down")
    assert lab.exchange("p1", frame(BROADCAST, A)) == {}
    lab.ns.run("ip", "link", "set", "p2", "up")
    lab.switch.up("p2")
    assert set(lab.exchange("p1", frame(BROADCAST, A))) == {"p2"}


def test_two_pmds(heddle):
    """Ports polled by different PMDs forward to each other."""
    lab = Lab(heddle(pmd_cpus="0,1"))
    try:
        for index, name in enumerate(("p1", "p2", "p3", "p4")):
            lab.tap(name, f"pmd {index % 2}")
        for index, name in enumerate(("p1", "p2", "p3", "p4")):
            assert len(lab.exchange(name, frame(BROADCAST, mac(10 + index)))) == 3
        pmds = {pmd["cpu"]: {rxq["port"] for rxq in pmd["rxqs"]} for pmd in lab.switch.cli("pmd show")}
        assert pmds == {0: {"p1", "p3"}, 1: {"p2", "p4"}}
    finally:
        lab.close()
