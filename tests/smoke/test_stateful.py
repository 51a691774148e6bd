# SPDX-License-Identifier: BSD-3-Clause
"""Connections, translation and learnt rules between kernel interfaces: taps p1 (inside), p2 (outside), p3 on br0."""
import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from net import mac
from proc import wait_until

A, B = mac(1), mac(2)
INSIDE, OUTSIDE, PUBLIC = "10.0.0.1", "10.0.0.2", "192.0.2.1"

STATEFUL = """
priority=1,actions=NORMAL
priority=10,ip,actions=ct(table=1)
table=1,priority=10,ip,ct_state=+trk+new-inv,in_port=p1,actions=ct(commit),output:p2
table=1,priority=10,ip,ct_state=+trk+est-inv,in_port=p1,actions=output:p2
table=1,priority=10,ip,ct_state=+trk+est-inv,in_port=p2,actions=output:p1
table=1,priority=10,ip,ct_state=+trk+rel-inv,in_port=p2,actions=output:p1
"""


@pytest.fixture
def lab(lab):
    for name in ("p1", "p2", "p3"):
        lab.tap(name)
    return lab


def out(l4, src=INSIDE, dst=OUTSIDE):
    return bytes(Ether(src=A, dst=B) / IP(src=src, dst=dst) / l4)


def back(l4, src=OUTSIDE, dst=INSIDE):
    return bytes(Ether(src=B, dst=A) / IP(src=src, dst=dst) / l4)


def load(lab, rules):
    path = lab.switch.rundir / "rules"
    path.write_text(rules)
    lab.switch.cli("flow del br0")
    lab.switch.cli("flow add-file br0", str(path))


def drops(lab, name):
    return {reason: count for reason, count in lab.switch.drops(name).items() if count}


def test_udp_answers_only(lab):
    load(lab, STATEFUL)
    question, answer = out(UDP(sport=1000, dport=53)), back(UDP(sport=53, dport=1000))
    assert lab.exchange("p2", answer) == {}, "nobody has asked"
    assert lab.exchange("p1", question) == {"p2": [question]}
    assert lab.exchange("p2", answer) == {"p1": [answer]}
    assert lab.exchange("p2", back(UDP(sport=53, dport=1001))) == {}, "another port"
    assert lab.exchange("p1", question, question) == {"p2": [question, question]}
    shown = lab.switch.cli("ct show")
    assert len(shown) == 1, shown
    assert lab.switch.cli("ct stats")["connections"] == 1
    assert lab.switch.cli("ct flush")["flushed"] == 1
    assert lab.exchange("p2", answer) == {}, "it is forgotten"


def test_tcp_handshake(lab):
    load(lab, STATEFUL)
    ports, swapped = {"sport": 4000, "dport": 80}, {"sport": 80, "dport": 4000}
    syn = out(TCP(**ports, flags="S", seq=100))
    syn_ack = back(TCP(**swapped, flags="SA", seq=500, ack=101))
    ack = out(TCP(**ports, flags="A", seq=101, ack=501))
    data = back(TCP(**swapped, flags="PA", seq=501, ack=101) / b"hello")
    assert lab.exchange("p2", syn_ack) == {}
    assert lab.exchange("p1", syn) == {"p2": [syn]}
    assert lab.exchange("p2", syn_ack) == {"p1": [syn_ack]}
    assert lab.exchange("p1", ack) == {"p2": [ack]}
    assert lab.exchange("p2", data) == {"p1": [data]}
    assert lab.exchange("p2", back(TCP(**swapped, flags="A", seq=0x40000000, ack=101))) == {}, "out of the window"
    assert "ESTABLISHED" in lab.switch.text("ct show")


def test_icmp_error_is_related(lab):
    load(lab, STATEFUL)
    question = out(UDP(sport=1000, dport=53))
    error = back(ICMP(type=3, code=3) / question[14:14 + 28])
    other = back(ICMP(type=3, code=3) / out(UDP(sport=9, dport=9))[14:14 + 28])
    assert lab.exchange("p1", question) == {"p2": [question]}
    assert lab.exchange("p2", other) == {}
    assert lab.exchange("p2", error) == {"p1": [error]}


def test_source_translation(lab):
    """The checksums are those of the packet that leaves: scapy computes them."""
    load(lab, f"""
        priority=1,actions=NORMAL
        priority=10,ip,in_port=p1,actions=ct(commit,nat(src={PUBLIC})),output:p2
        priority=10,ip,in_port=p2,actions=ct(table=1,nat)
        table=1,ip,ct_state=+trk+est,actions=output:p1
    """)
    for l4, answer in ((UDP(sport=1000, dport=53) / b"ask", UDP(sport=53, dport=1000) / b"answer"),
                       (TCP(sport=4000, dport=80, flags="S", seq=9), TCP(sport=80, dport=4000, flags="SA", ack=10)),
                       (ICMP(type=8, id=7) / b"ping", ICMP(type=0, id=7) / b"ping")):
        assert lab.exchange("p1", out(l4)) == {"p2": [out(l4, src=PUBLIC)]}
        assert lab.exchange("p2", back(answer, dst=PUBLIC)) == {"p1": [back(answer)]}
    assert lab.exchange("p2", back(UDP(sport=54, dport=1000), dst=PUBLIC)) == {}
    assert len(lab.switch.cli("ct show")) == 3


def test_mark_and_zone(lab):
    load(lab, """
        priority=10,udp,actions=ct(table=1,zone=5)
        table=1,udp,ct_state=+new,actions=ct(commit,zone=5,exec(set_field:7->ct_mark)),output:p2
        table=1,udp,ct_state=-new,ct_mark=7,actions=output:p3
    """)
    first = out(UDP(sport=1000, dport=53))
    assert lab.exchange("p1", first) == {"p2": [first]}
    answer = back(UDP(sport=53, dport=1000))
    assert lab.exchange("p2", answer) == {"p3": [answer]}
    assert lab.exchange("p1", first) == {"p3": [first]}
    lab.switch.cli("ct limit zone 5 1")
    second = out(UDP(sport=1001, dport=53))
    assert lab.exchange("p1", second) == {}
    assert drops(lab, "p1") == {"ct-full": 1}


def test_learn(lab):
    """The learning switch of ovs-actions(7): a rule for each address that was seen, and floods until then."""
    load(lab, """
        actions=learn(table=10,idle_timeout=300,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),resubmit(,1)
        table=1,priority=0,actions=resubmit(,10),resubmit(,2)
        table=2,priority=0,actions=flood
    """)
    there, answer = out(UDP(sport=1, dport=2)), back(UDP(sport=2, dport=1))
    assert lab.exchange("p1", there) == {"p2": [there], "p3": [there]}

    def learnt():
        return {rule["match"] for rule in lab.switch.cli("flow show br0", "table=10")}

    wait_until(lambda: learnt() == {f"dl_dst={A}"}, 10, "a rule for A")
    assert lab.exchange("p2", answer)["p1"] == [answer] * 2, "by the rule, and by the flood behind it"
    wait_until(lambda: len(learnt()) == 2, 10, "a rule for B")


def test_arp_goes_by(lab):
    load(lab, STATEFUL)
    request = bytes(Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=A, psrc=INSIDE, pdst=OUTSIDE))
    assert lab.exchange("p1", request) == {"p2": [request], "p3": [request]}
