# SPDX-License-Identifier: BSD-3-Clause
"""The last dropped frames: what is recorded of them, how it is shown, and the pcapng file.

    acc     access 10
    trunk   10,20 without native
"""

import json
import subprocess
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Ether
from scapy.utils import PcapNgReader

from heddle import CLI
from net import BROADCAST, frame, mac, tagged
from pcap import read_pcapng

A, B = mac(1), mac(2)
MULTICAST_SOURCE = frame(B, "01:00:5e:00:00:01")
KEPT, SNAP = 16, 128  # dataplane/recorder.h


@pytest.fixture
def dropping(lab):
    lab.tap("acc", "vlan 10")
    lab.tap("trunk", "trunk 10,20")
    return lab


def frames(lab, *words):
    return lab.switch.cli("drop frames", *words)


def of(recorded):
    return [(f["port"], f["reason"], bytes.fromhex(f["frame"])) for f in recorded]


def test_newest_first(dropping):
    assert frames(dropping) == []
    filtered = tagged(frame(BROADCAST, A), 30)
    dropping.inject("acc", MULTICAST_SOURCE)
    dropping.inject("trunk", filtered)
    expected = [("trunk", "vlan-filtered", filtered), ("acc", "source-multicast", MULTICAST_SOURCE)]
    recorded = frames(dropping)
    assert of(recorded) == expected
    assert [f["length"] for f in recorded] == [len(filtered), len(MULTICAST_SOURCE)]
    assert [f["text"] for f in recorded] == ["VLAN not allowed on the port it came in by", "multicast or zero source address"]
    assert all("table" not in f and "cookie" not in f for f in recorded)
    assert 0 <= recorded[0]["age"] <= recorded[1]["age"] < 60
    assert all(abs(f["time"] / 1e9 + f["age"] - time.time()) < 10 for f in recorded)
    assert of(frames(dropping, "acc")) == expected[1:]
    assert of(frames(dropping, "reason vlan-filtered")) == expected[:1]
    assert frames(dropping, "acc reason vlan-filtered") == []


def test_what_is_asked_for_must_exist(dropping):
    dropping.switch.refuses("drop frames acd", words=["ports.acd: no such port"])
    dropping.switch.refuses("drop frames reason vlan-filter", words=["vlan-filter: no such reason"])


def test_each_reason_keeps_its_last(dropping):
    """A reason has 16 places of its own; drops that are far enough apart are all recorded."""
    sent = [frame(B, "01:00:5e:00:00:01", bytes([number]) * 46) for number in range(3 * KEPT)]
    dropping.inject("trunk", frame(BROADCAST, A))
    for data in sent:
        dropping.inject("acc", data)
    recorded = frames(dropping, "reason source-multicast")
    assert of(recorded) == [("acc", "source-multicast", data) for data in sent[:-KEPT - 1:-1]]
    assert of(frames(dropping, "trunk")) == [("trunk", "vlan-untagged", frame(BROADCAST, A))]


def test_a_burst_is_recorded_in_part(dropping):
    dropping.inject("acc", *[MULTICAST_SOURCE] * 1000)
    assert dropping.switch.drops("acc") == {"source-multicast": 1000}
    assert of(frames(dropping)) == [("acc", "source-multicast", MULTICAST_SOURCE)] * KEPT


def test_long_frames_are_cut(dropping):
    data = frame(B, "01:00:5e:00:00:01", bytes(range(256)) * 5)
    dropping.inject("acc", data)
    recorded = frames(dropping)
    assert of(recorded) == [("acc", "source-multicast", data[:SNAP])]
    assert recorded[0]["length"] == len(data)


def test_dropped_on_the_way_out(lab):
    """Longer than the MTU of the port it should leave by: recorded at that port."""
    lab.tap("p1")
    lab.tap("p2")
    lab.exchange("p2", frame(BROADCAST, B))
    lab.switch.learnt("br0", B, port="p2")
    lab.switch.cli("port set p2 mtu 1000")
    lab.switch.up("p2")
    data = frame(B, A, b"x" * 1400)
    lab.exchange("p1", data)
    assert of(frames(lab)) == [("p2", "egress-mtu", data[:SNAP])]


def test_frames_outlive_their_port(dropping):
    dropping.inject("acc", MULTICAST_SOURCE)
    dropping.switch.cli("port del acc")
    assert of(frames(dropping)) == of(frames(dropping, "acc")) == [("acc", "source-multicast", MULTICAST_SOURCE)]


def test_shown_in_a_line_each(dropping):
    dropping.inject("trunk", bytes(Ether(src=A, dst=BROADCAST) / ARP(op=1, psrc="10.0.0.1", pdst="10.0.0.2")))
    dropping.inject("trunk", bytes(Ether(src=A, dst=B) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(dport=80, sport=1234)))
    lines = dropping.switch.text("drop frames").splitlines()
    assert lines[0].split() == ["AGE", "PORT", "REASON", "LENGTH", "FRAME"]
    assert f"{A} > {B}, IPv4 10.0.0.1:1234 > 10.0.0.2:80 TCP [S]" in lines[1]
    assert f"{A} > {BROADCAST}, ARP who-has 10.0.0.2 tell 10.0.0.1" in lines[2]
    assert all("trunk" in line and "vlan-untagged" in line for line in lines[1:])


def test_saved_as_pcapng(dropping):
    long = tagged(frame(BROADCAST, A, b"y" * 500), 30)
    dropping.inject("acc", MULTICAST_SOURCE)
    dropping.inject("trunk", long)
    dropping.inject("acc", tagged(MULTICAST_SOURCE, 10))
    path = dropping.switch.rundir / "drops.pcapng"
    assert dropping.switch.cli("drop save", path) == {"frames": 3}
    with PcapNgReader(str(path)) as reader:
        saved = list(reader)
    expected = [MULTICAST_SOURCE, long[:SNAP], tagged(MULTICAST_SOURCE, 10)]
    assert [bytes(p) for p in saved] == expected
    assert [p.wirelen for p in saved] == [len(MULTICAST_SOURCE), len(long), len(MULTICAST_SOURCE) + 4]
    times = [float(p.time) for p in saved]
    assert times == sorted(times) and abs(times[0] - time.time()) < 60
    multicast = "source-multicast: multicast or zero source address"
    filtered = "vlan-filtered: VLAN not allowed on the port it came in by"
    assert read_pcapng(path) == list(zip(["acc", "trunk", "acc"], [multicast, filtered, multicast], expected))
    assert dropping.switch.cli("drop save", path, "trunk reason vlan-filtered") == {"frames": 1}
    assert read_pcapng(path) == [("trunk", filtered, long[:SNAP])]


def test_saved_to_standard_output(dropping):
    dropping.inject("acc", MULTICAST_SOURCE)
    path = dropping.switch.rundir / "drops.pcapng"
    dropping.switch.cli("drop save", path)
    argv = [CLI, "-s", dropping.switch.socket, "drop", "save", "-"]
    out = subprocess.run(argv, capture_output=True, check=True, timeout=30).stdout
    # But for the times, which the daemon reckons anew each time.
    assert len(out) == path.stat().st_size and out[:64] == path.read_bytes()[:64]
    assert MULTICAST_SOURCE in out


def test_nothing_recorded_is_an_empty_file(dropping):
    path = dropping.switch.rundir / "none.pcapng"
    assert dropping.switch.text("drop save", path) == f"0 frames saved to {path}\n"
    assert json.loads(dropping.switch.heddle("drop", "frames")[1]) == []
    assert path.stat().st_size > 0
