# SPDX-License-Identifier: BSD-3-Clause
"""Vhost ports of engine native: what is shown of them, announcements, and queues that a guest turns off."""

import pytest

from front_end import BASIC, FrontEnd
from net import BROADCAST, frame, mac, mac_bytes
from proc import wait_until
from vhost_user import Request, Virtio

A, B, MOVED = mac(1), mac(2), mac(3)


@pytest.fixture(params=["split", "packed"])
def packed(request):
    return request.param == "packed"


@pytest.fixture
def switch(heddle):
    made = heddle()
    made.cli("bridge add br0")
    return made


@pytest.fixture
def guest(switch, cleanup):
    """guest(name) adds a port and connects to it."""
    def make(name, options="", **how):
        path = switch.rundir / f"{name}.sock"
        switch.cli(f"port add {name} bridge br0 vhost {path}", options)
        front = FrontEnd(path)
        cleanup(front.close)
        return front.start(**how) if how.pop("started", True) else front

    return make


def rarp(address):
    """RFC 903, by hand: a request in which a station asks for its own address."""
    station = mac_bytes(address)
    return (b"\xff" * 6 + station + b"\x80\x35" + bytes((0, 1, 8, 0, 6, 4, 0, 3)) + station + bytes(4) + station +
            bytes(4)).ljust(60, b"\0")


def announce(front, address):
    front.session.tell(Request.SEND_RARP, mac_bytes(address) + bytes(2))


def test_announcement(switch, guest, packed):
    """SEND_RARP goes out as if the guest had said it: when its rings do not run yet, and when they do."""
    listener, moved = guest("listener", packed=packed), guest("moved", started=False)
    switch.up("listener")
    listener.post(8)
    moved.negotiate()
    announce(moved, MOVED)
    assert [bytes(got.frame) for got in listener.receive()] == [rarp(MOVED)]
    switch.learnt("br0", MOVED, port="moved")
    moved.share_memory()
    moved.make_queues()
    for queue in moved.queues:
        moved.setup_ring(queue)
        moved.enable(queue)
    switch.up("moved")
    announce(moved, B)
    assert [bytes(got.frame) for got in listener.receive()] == [rarp(B)]
    moved.send(frame(BROADCAST, A))
    assert [bytes(got.frame) for got in listener.receive()] == [frame(BROADCAST, A)]
    moved.returned(1)
    assert switch.packets("moved", "rx") == 3
    switch.balanced()


def ring(switch, name, direction, queue=0):
    return next(r for r in switch.port(name)["rings"] if (r["direction"], r["queue"]) == (direction, queue))


def test_rings_are_shown(switch, guest, packed):
    one = guest("one", "queues 2", packed=packed, pairs=2, size=64)
    two = guest("two", packed=packed)
    switch.up("one", "two")
    port = switch.port("one")
    assert port["engine"] == "native" and "reason" not in port
    assert port["memory"] == {"regions": len(one.memory.regions), "bytes": sum(r.size for r in one.memory.regions)}
    assert {"mq", "reply_ack", "rarp"} <= set(port["protocol_features"])
    assert ("ring_packed" in port["features"]) == packed
    assert [(r["queue"], r["direction"]) for r in port["rings"]] == [(0, "rx"), (0, "tx"), (1, "rx"), (1, "tx")]
    for shown in port["rings"]:
        assert shown["layout"] == ("packed" if packed else "split") and shown["size"] == 64
        assert shown["running"] and shown["enabled"] and "broken" not in shown
    two.post(1)
    one.send(frame(BROADCAST, A))
    two.receive(1)
    wait_until(lambda: ring(switch, "two", "tx")["interrupts"] == 1, 5, "an interrupt")
    assert ring(switch, "two", "tx")["interruptible"]
    two.rx().ring.quiet(True)
    wait_until(lambda: not ring(switch, "two", "tx")["interruptible"], 5, "no interrupts wanted")
    two.post(1)
    one.send(frame(BROADCAST, A))
    two.receive(1)
    wait_until(lambda: ring(switch, "two", "tx")["suppressed"] == 1, 5, "an interrupt not sent")
    one.send(frame(BROADCAST, A))
    wait_until(lambda: ring(switch, "two", "tx")["stalls"] > 0, 5, "a stall")
    text = switch.text("port show one")
    assert "engine           native" in text and "RING" in text
    assert [line.split()[:5] for line in text.splitlines() if line.startswith(("rx 1", "tx 1"))] == [
        [direction, "1", "running", "packed" if packed else "split", "64"] for direction in ("rx", "tx")]


def test_counters_outlive_a_ring(switch, guest, packed):
    """A ring is made anew when memory changes; what it counted stays."""
    one, two = guest("one", packed=packed), guest("two", packed=packed)
    switch.up("one", "two")
    for round_ in range(1, 4):
        two.post(1)
        one.send(frame(BROADCAST, A))
        two.receive(1)
        wait_until(lambda n=round_: ring(switch, "two", "tx")["interrupts"] == n, 5, "an interrupt")
        two.share_memory()
        assert ring(switch, "two", "tx")["interrupts"] == round_


def test_disabled_queue_is_drained(switch, guest, packed):
    one, two = guest("one", packed=packed), guest("two", packed=packed)
    switch.up("one", "two")
    one.enable(one.tx(), False)
    assert ring(switch, "one", "rx")["running"] and not ring(switch, "one", "rx")["enabled"]
    for _ in range(3):
        one.send(frame(BROADCAST, A))
    one.returned(3)
    assert switch.drops("one") == {"rx-disabled": 3}
    two.enable(two.rx(), False)
    one.enable(one.tx())
    one.send(frame(BROADCAST, A))
    one.returned(1)
    assert switch.drops("two") == {"tx-disabled": 1}
    switch.balanced()


def test_broken_ring_is_shown(switch, guest):
    one = guest("one", features=BASIC)
    switch.up("one")
    one.tx().ring.avail_idx = 1000
    wait_until(lambda: not ring(switch, "one", "rx")["running"], 5, "the ring stopped")
    wait_until(lambda: one.tx().signalled(one.tx().error), 5, "the guest told")
    assert "available index" in ring(switch, "one", "rx")["broken"]
    assert ring(switch, "one", "tx")["running"]
    line = next(li for li in switch.text("port show one").splitlines() if li.startswith("rx 0"))
    assert "broken" in line and "available index" in line
    one.restart(one.tx())
    shown = ring(switch, "one", "rx")
    assert shown["running"] and "broken" not in shown


def test_why_not_connected(switch, guest):
    path = switch.rundir / "client.sock"
    switch.cli(f"port add client bridge br0 vhost {path} mode client")
    wait_until(lambda: "No such file" in switch.port("client")["reason"], 5, "a reason")
    front = guest("server", started=False)
    wait_until(lambda: "driver is not ready" in switch.port("server")["reason"], 5, "a reason")
    front.session.send(77)
    wait_until(lambda: "sent away: request 77: unknown" in switch.port("server")["reason"], 5, "a reason")
    assert "state            down: the front-end was sent away" in switch.text("port show server")


def test_engines(switch):
    dpdk = switch.rundir / "dpdk.sock"
    switch.cli(f"port add dpdk bridge br0 vhost {dpdk} engine dpdk")
    assert switch.port("dpdk")["engine"] == "dpdk" and "rings" not in switch.port("dpdk")
    for engine in ("dpdk", "native"):
        switch.refuses(f"port add many bridge br0 vhost {switch.rundir}/many.sock queues 129 engine {engine}",
                       words=["bridges.br0.ports.many.queues", "129 is not 1..128"])


def test_many_queues(switch, guest):
    """All that vhost-user can name."""
    one = guest("one", "queues 128", features=BASIC | Virtio.MQ, pairs=128, size=16)
    switch.up("one")
    wait_until(lambda: all(r["running"] and r["enabled"] for r in switch.port("one")["rings"]), 10, "256 rings")
    for pair in range(128):
        one.send(frame(BROADCAST, A), pair=pair)
    for pair in range(128):
        one.returned(1, pair=pair)
    assert [q["rx"]["packets"] for q in switch.stats("one")["queues"]] == [1] * 128
