# SPDX-License-Identifier: BSD-3-Clause
"""The forwarding database seen from outside: learning, moving, ageing, static entries, limit, flush."""

from net import BROADCAST, frame, mac
from proc import wait_until

A, B = mac(1), mac(2)


def taps(lab, *names):
    for name in names:
        lab.tap(name)


def test_a_station_moves(lab):
    taps(lab, "p1", "p2", "p3")
    lab.exchange("p1", frame(BROADCAST, A))
    lab.switch.learnt("br0", A, port="p1")
    lab.exchange("p2", frame(BROADCAST, A))
    lab.switch.learnt("br0", A, port="p2")
    assert set(lab.exchange("p3", frame(A, B))) == {"p2"}


def test_ageing(lab):
    lab.switch.cli("bridge set br0 ageing 3")  # time to see it before it goes: stamps are whole seconds
    taps(lab, "p1", "p2", "p3")
    lab.exchange("p1", frame(BROADCAST, A))
    lab.switch.learnt("br0", A)
    wait_until(lambda: not lab.switch.fdb("br0"), 15, "entry aged")
    assert set(lab.exchange("p2", frame(A, B))) == {"p1", "p3"}


def test_traffic_keeps_an_entry(lab):
    """An address that keeps sending outlives the ageing time, though nothing about it is new."""
    lab.switch.cli("bridge set br0 ageing 4")
    taps(lab, "p1", "p2")
    lab.exchange("p2", frame(BROADCAST, B))
    lab.exchange("p1", frame(BROADCAST, A))
    lab.switch.learnt("br0", A)
    lab.switch.learnt("br0", B)

    def b_gone():
        lab.raw["p1"].send(frame(BROADCAST, A))
        return not [e for e in lab.switch.fdb("br0") if e["mac"] == B]
    wait_until(b_gone, 20, "the silent address aged", interval=0.1)
    lab.switch.learnt("br0", A, port="p1")


def test_static_entry(lab):
    taps(lab, "p1", "p2", "p3")
    lab.switch.cli(f"fdb add br0 {A} port p1")
    assert set(lab.exchange("p2", frame(A, B))) == {"p1"}
    # A learnt address does not take a static one over.
    lab.exchange("p3", frame(BROADCAST, A))
    lab.switch.learnt("br0", A, port="p1")
    entry = next(e for e in lab.switch.fdb("br0") if e["mac"] == A)
    assert entry["static"] is True
    lab.switch.cli("fdb flush br0")
    lab.switch.learnt("br0", A, port="p1")
    lab.switch.cli(f"fdb del br0 {A}")
    assert set(lab.exchange("p2", frame(A, B))) == {"p1", "p3"}


def test_static_entry_with_vlan(lab):
    lab.tap("p1", "trunk 10,20")
    lab.tap("p2", "vlan 10")
    lab.tap("p3", "vlan 10")
    lab.switch.cli(f"fdb add br0 {A} port p1 vlan 10")
    assert set(lab.exchange("p2", frame(A, B))) == {"p1"}
    assert lab.switch.fdb("br0", "vlan 20") == []


def test_flush_by_port(lab):
    taps(lab, "p1", "p2", "p3")
    lab.exchange("p1", frame(BROADCAST, A))
    lab.exchange("p2", frame(BROADCAST, B))
    lab.switch.learnt("br0", A)
    lab.switch.learnt("br0", B)
    assert lab.switch.cli("fdb flush br0 port p1")["flushed"] == 1
    assert [e["mac"] for e in lab.switch.fdb("br0")] == [B]


def test_limit(lab):
    """Addresses beyond the limit are not learnt and still flooded; the limit is exact."""
    lab.switch.cli("bridge set br0 fdb-limit 16")
    taps(lab, "p1", "p2", "p3")
    lab.exchange("p1", *[frame(BROADCAST, mac(100 + i)) for i in range(40)])
    wait_until(lambda: len(lab.switch.fdb("br0")) == 16, 5, "16 entries")
    assert lab.switch.cli("bridge show br0")[0]["fdb"]["entries"] == 16
    known = {e["mac"] for e in lab.switch.fdb("br0")}
    unknown = next(mac(100 + i) for i in range(40) if mac(100 + i) not in known)
    assert set(lab.exchange("p2", frame(unknown, B))) == {"p1", "p3"}
    assert set(lab.exchange("p2", frame(sorted(known)[0], B))) == {"p1"}


def test_raising_the_limit_keeps_what_is_known(lab):
    lab.switch.cli("bridge set br0 fdb-limit 16")
    taps(lab, "p1", "p2")
    lab.exchange("p1", *[frame(BROADCAST, mac(100 + i)) for i in range(40)])
    wait_until(lambda: len(lab.switch.fdb("br0")) == 16, 5, "16 entries")
    known = {e["mac"] for e in lab.switch.fdb("br0")}
    lab.switch.cli("bridge set br0 fdb-limit 64")
    assert known == {e["mac"] for e in lab.switch.fdb("br0")}
    lab.exchange("p1", *[frame(BROADCAST, mac(100 + i)) for i in range(40)])
    wait_until(lambda: len(lab.switch.fdb("br0")) == 40, 5, "40 entries")


def test_thousands_of_addresses(lab):
    taps(lab, "p1", "p2", "p3")
    for start in range(0, 5000, 250):
        lab.exchange("p1", *[frame(BROADCAST, mac(1000 + start + i)) for i in range(250)])
    wait_until(lambda: lab.switch.cli("bridge show br0")[0]["fdb"]["entries"] == 5000, 10, "5000 entries")
    assert len(lab.switch.fdb("br0")) == 5000  # over several pages
    assert set(lab.exchange("p2", frame(mac(3456), B))) == {"p1"}


def test_removing_a_port_forgets_its_addresses(lab):
    taps(lab, "p1", "p2", "p3")
    lab.exchange("p1", frame(BROADCAST, A))
    lab.exchange("p2", frame(BROADCAST, B))
    lab.switch.learnt("br0", A)
    lab.switch.learnt("br0", B)
    lab.detach("p1")
    lab.switch.cli("port del p1")
    wait_until(lambda: [e["mac"] for e in lab.switch.fdb("br0")] == [B], 5, "only B left")
    lab.tap("p4")
    assert set(lab.exchange("p2", frame(A, B))) == {"p3", "p4"}
