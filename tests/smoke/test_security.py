# SPDX-License-Identifier: BSD-3-Clause
"""Port security and access lists: what a guest may not say is dropped for the right reason, and the rest passes."""

import socket

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Advertise
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment)
from scapy.layers.l2 import ARP, Dot1Q, Ether

from net import BROADCAST, mac
from proc import wait_until

OWN, ALIEN, PEER = mac(1), mac(2), mac(9)
IP4, IP6, LOCAL = "10.0.0.5", "fd00::5", "fe80::ff:fe00:1"
EVERYONE = "33:33:00:00:00:01"


def ether(payload, src=OWN, dst=PEER, **fields):
    return bytes(Ether(src=src, dst=dst, **fields) / payload).ljust(60, b"\0")


def icmp6(message, src=LOCAL, dst="ff02::1", option=None, extension=None):
    packet = IPv6(src=src, dst=dst, hlim=255)
    packet = packet / extension / message if extension else packet / message
    return ether(packet / option if option else packet, dst=EVERYONE)


ND_OWN, ND_ALIEN = ICMPv6NDOptDstLLAddr(lladdr=OWN), ICMPv6NDOptDstLLAddr(lladdr=ALIEN)

GOOD = {
    "ip": ether(IP(src=IP4, dst="10.0.0.9") / UDP(sport=1000, dport=53)),
    "ip tagged": ether(Dot1Q(vlan=7) / IP(src=IP4, dst="10.0.0.9") / UDP(sport=1000, dport=53)),
    "ipv6": ether(IPv6(src=IP6, dst="fd00::9") / TCP(sport=1000, dport=80)),
    "arp": ether(ARP(hwsrc=OWN, psrc=IP4, pdst="10.0.0.9"), dst=BROADCAST),
    "arp probe": ether(ARP(hwsrc=OWN, psrc="0.0.0.0", pdst=IP4), dst=BROADCAST),
    "dhcp": ether(IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / BOOTP() /
                  DHCP(options=[("message-type", "discover"), "end"]), dst=BROADCAST),
    "nd": icmp6(ICMPv6ND_NS(tgt="fd00::9"), option=ICMPv6NDOptSrcLLAddr(lladdr=OWN)),
    "dad": icmp6(ICMPv6ND_NS(tgt=IP6), src="::"),
    "na": icmp6(ICMPv6ND_NA(tgt=IP6), src=IP6, option=ND_OWN),
    "link-local": icmp6(ICMPv6EchoRequest()),
    "rarp": ether(ARP(op=3, hwsrc=OWN, hwdst=OWN), dst=BROADCAST, type=0x8035),
}

BAD = {
    "another's mac": ("secure-mac", ether(IP(src=IP4, dst="10.0.0.9") / UDP(), src=ALIEN)),
    "another's ip": ("secure-ip", ether(IP(src="10.0.0.6", dst="10.0.0.9") / UDP(sport=1, dport=2))),
    "another's ip, tagged": ("secure-ip", ether(Dot1Q(vlan=7) / IP(src="10.0.0.6") / UDP(sport=1, dport=2))),
    "another's ip, fragment": ("secure-ip", ether(fragment(IP(src="10.0.0.6") / UDP() / (b"x" * 1000), 400)[1])),
    "another's ipv6": ("secure-ip", ether(IPv6(src="fd00::6", dst="fd00::9") / TCP(sport=1, dport=2))),
    "lldp": ("secure-ip", ether(b"lldp" * 12, type=0x88CC)),
    "arp, another's ip": ("secure-arp", ether(ARP(op=2, hwsrc=OWN, psrc="10.0.0.1", pdst=IP4), dst=BROADCAST)),
    "arp, another's mac": ("secure-arp", ether(ARP(op=2, hwsrc=ALIEN, psrc=IP4, pdst=IP4), dst=BROADCAST)),
    "na, another's target": ("secure-nd", icmp6(ICMPv6ND_NA(tgt="fe80::1"), src=IP6, option=ND_OWN)),
    "na, another's mac": ("secure-nd", icmp6(ICMPv6ND_NA(tgt=IP6), src=IP6, option=ND_ALIEN)),
    "ns, another's mac": ("secure-nd",
                          icmp6(ICMPv6ND_NS(tgt="fd00::9"), option=ICMPv6NDOptSrcLLAddr(lladdr=ALIEN))),
    "dad, another's": ("secure-nd", icmp6(ICMPv6ND_NS(tgt="fd00::9"), src="::")),
    "rogue dhcp": ("secure-dhcp", ether(IP(src=IP4) / UDP(sport=67, dport=68) / BOOTP(op=2), dst=BROADCAST)),
    "rogue dhcpv6": ("secure-dhcp", ether(IPv6(src=LOCAL, dst="ff02::1:2") / UDP(sport=547, dport=546) /
                                          DHCP6_Advertise(), dst=EVERYONE)),
    "rogue ra": ("secure-ra", icmp6(ICMPv6ND_RA())),
    "rogue ra behind options": ("secure-ra", icmp6(ICMPv6ND_RA(), extension=IPv6ExtHdrDestOpt())),
    "rogue ra, atomic fragment": ("secure-ra", icmp6(ICMPv6ND_RA(), extension=IPv6ExtHdrFragment())),
    "redirect": ("secure-ra", icmp6(ICMPv6ND_Redirect(tgt="fe80::9", dst="fd00::9"))),
}


@pytest.fixture
def secured(lab):
    lab.tap("vm1", f"secure mac {OWN} ip {IP4},{IP6}")
    lab.tap("up")
    return lab


@pytest.mark.parametrize("kind", GOOD)
def test_own_addresses_pass(secured, kind):
    assert secured.exchange("vm1", GOOD[kind]) == {"up": [GOOD[kind]]}
    assert secured.switch.drops("vm1") == {}


@pytest.mark.parametrize("kind", BAD)
def test_spoofs_are_dropped_and_counted(secured, kind):
    reason, data = BAD[kind]
    assert secured.exchange("vm1", data, data) == {}
    assert secured.switch.drops("vm1") == {reason: 2}
    recorded = secured.switch.cli("drop frames vm1")
    assert [(f["reason"], f["rule"]) for f in recorded] == [(reason, "port security")] * 2


def test_mac_alone_checks_no_ip(lab):
    lab.tap("vm1", f"secure mac {OWN}")
    lab.tap("up")
    anywhere = ether(IP(src="10.9.9.9", dst="10.0.0.9") / UDP(sport=1, dport=2))
    assert lab.exchange("vm1", anywhere) == {"up": [anywhere]}
    for kind in ("another's mac", "arp, another's mac", "rogue dhcp", "rogue ra", "redirect"):
        assert lab.exchange("vm1", BAD[kind][1]) == {}
    assert lab.switch.drops("vm1") == {"secure-mac": 1, "secure-arp": 1, "secure-dhcp": 1, "secure-ra": 2}


def test_security_changes_under_traffic(secured):
    switch, spoof = secured.switch, BAD["another's ip"][1]
    answer = ether(IP(src="10.0.0.9", dst=IP4) / UDP(sport=53, dport=1000), src=PEER, dst=OWN)
    assert secured.exchange("vm1", spoof) == {}
    assert secured.exchange("up", answer) == {"vm1": [answer]}  # what is sent to it is not looked at
    switch.cli("port set vm1 secure none")
    assert secured.exchange("vm1", spoof) == {"up": [spoof]}
    switch.cli(f"port set vm1 secure mac {OWN},{ALIEN} ip 10.0.0.0/24")
    assert secured.exchange("vm1", spoof) == {"up": [spoof]}
    assert switch.cli("port show vm1")[0]["config"]["secure"] == {
        "mac": [OWN, ALIEN], "ip": ["10.0.0.0/24"]}
    switch.refuses("port set vm1 secure ip 10.0.0.1", words=["bridges.br0.ports.vm1.secure: ip needs mac"])
    switch.refuses(f"port set vm1 secure mac {OWN} ip 10.0.0.5/24", words=["has bits behind its prefix"])
    assert switch.drops("vm1") == {"secure-ip": 1}


# ---- Access lists ----

def udp(sport, dport, src="10.0.0.1", dst="10.0.0.2"):
    return bytes(Ether(src=OWN, dst=PEER) / IP(src=src, dst=dst) / UDP(sport=sport, dport=dport)).ljust(60, b"\0")


def back(sport, dport):
    return bytes(Ether(src=PEER, dst=OWN) / IP(src="10.0.0.2", dst="10.0.0.1") /
                 UDP(sport=sport, dport=dport)).ljust(60, b"\0")


@pytest.fixture
def listed(lab):
    lab.switch.cli("acl add dns allow udp from any to any port 53")
    lab.tap("vm1", "acl-in dns")
    lab.tap("up")
    return lab


def test_answers_pass_and_nothing_else_does(listed):
    switch = listed.switch
    switch.cli("port set vm1 acl-out dns")
    assert listed.exchange("up", back(53, 1000)) == {}
    assert listed.exchange("vm1", udp(1000, 53)) == {"up": [udp(1000, 53)]}
    assert listed.exchange("up", back(53, 1000)) == {"vm1": [back(53, 1000)]}
    assert listed.exchange("up", back(54, 1000)) == {}
    assert listed.exchange("vm1", udp(1000, 54)) == {}
    assert switch.drops("vm1") == {"acl-in": 1, "acl-out": 2}
    arp = ether(ARP(hwsrc=OWN, psrc=IP4, pdst="10.0.0.9"), dst=BROADCAST)
    assert listed.exchange("vm1", arp) == {"up": [arp]}


def test_rules_are_counted_and_named(listed):
    switch = listed.switch
    switch.cli("acl add dns line 1 deny udp from 10.0.0.66 to any port 53")
    switch.cli("acl add dns deny udp port 1-1023")
    for _ in range(3):
        listed.exchange("vm1", udp(1000, 53))
    listed.exchange("vm1", udp(1000, 53, src="10.0.0.66"))
    listed.exchange("vm1", udp(1000, 80), udp(1000, 8080))
    (dns,) = switch.cli("acl show dns")
    assert [(r["rule"], r["packets"]) for r in dns["rules"]] == [
        ("deny udp from 10.0.0.66 to any port 53", 1),
        ("allow udp from any to any port 53", 3),
        ("deny udp from any to any port 1-1023", 1)]
    assert (dns["in"], dns["out"]) == (["vm1"], [])
    assert [f["rule"] for f in switch.cli("drop frames vm1")] == ["acl default", "acl dns:3", "acl dns:1"]
    assert switch.drops("vm1") == {"acl-in": 3}


def test_a_change_reaches_connections_that_there_are(listed):
    switch = listed.switch
    switch.cli("port set vm1 acl-out dns")
    listed.exchange("vm1", udp(1000, 53))
    assert listed.exchange("up", back(53, 1000)) == {"vm1": [back(53, 1000)]}
    switch.cli("acl add dns line 1 deny udp from 10.0.0.1")
    assert listed.exchange("vm1", udp(1000, 53)) == {}
    assert listed.exchange("up", back(53, 1000)) == {}
    switch.cli("acl del dns line 1")
    assert listed.exchange("vm1", udp(1000, 53)) == {"up": [udp(1000, 53)]}
    assert listed.exchange("up", back(53, 1000)) == {"vm1": [back(53, 1000)]}


def test_stateless_lists_track_nothing(listed):
    switch = listed.switch
    switch.cli("acl set dns stateless on")
    switch.cli("port set vm1 acl-out dns")
    assert listed.exchange("vm1", udp(1000, 53)) == {"up": [udp(1000, 53)]}
    assert listed.exchange("up", back(53, 1000)) == {}
    switch.cli("port set vm1 acl-out none acl-default allow")
    assert listed.exchange("vm1", udp(1000, 54)) == {"up": [udp(1000, 54)]}


def test_fragments_follow_their_first(listed):
    pieces = [bytes(Ether(src=OWN, dst=PEER) / p) for p in
              fragment(IP(src="10.0.0.1", dst="10.0.0.2", id=7) / UDP(sport=9, dport=53) / (b"x" * 1000), 400)]
    alone = [bytes(Ether(src=OWN, dst=PEER) / p) for p in
             fragment(IP(src="10.0.0.1", dst="10.0.0.2", id=8) / UDP(sport=9, dport=54) / (b"x" * 1000), 400)]
    assert listed.exchange("vm1", *pieces) == {"up": pieces}
    assert listed.exchange("vm1", *alone) == {}
    assert listed.switch.drops("vm1") == {"acl-in": len(alone)}


def test_what_is_wrong_is_said(listed):
    switch = listed.switch
    switch.refuses("acl add dns allow tpc", words=["acls.dns.rules[1]: column 7: tpc is not a protocol"])
    switch.refuses("acl del dns", words=["acl-in: no access list dns"])
    switch.refuses("port set vm1 acl-in web", words=["bridges.br0.ports.vm1.acl-in: no access list web"])
    switch.refuses("acl del dns line 2", words=["line"])
    switch.cli("port set vm1 acl-in none")
    switch.cli("acl del dns")
    assert switch.cli("acl show") == []


def add_veth(switch, namespace, number, options=""):
    """10.9.0.NUMBER in a namespace, behind a veth pair and a net_af_packet port."""
    switch.netns.sh(f"ip link add sw{number} type veth peer name e0 netns {namespace.holder.pid};"
                    f"ip link set sw{number} up; ethtool -K sw{number} tx off gro off >/dev/null")
    namespace.sh(f"ethtool -K e0 tx off tso off gso off >/dev/null; ip addr add 10.9.0.{number}/24 dev e0;"
                 "ip link set e0 up")
    switch.cli(f"port add af{number} bridge br0 device net_af_packet{number},iface=sw{number} {options}")


def listen(namespace, port):
    with namespace.enter():
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", port))
        server.listen()
    server.settimeout(20)
    return server


def dial(namespace, address, port, timeout):
    with namespace.enter():
        return socket.create_connection((address, port), timeout=timeout)


def test_tcp_through_a_stateful_list(heddle, netns):
    """Namespace 1 may be reached on port 80 only, and may open no connection itself."""
    switch, server, client = heddle(), netns(), netns()
    switch.cli("bridge add br0")
    switch.cli("acl add web allow tcp from any to any port 80")
    switch.cli("acl add web allow icmp type 8")
    switch.cli("acl add nothing deny any")
    add_veth(switch, server, 1, "acl-out web acl-in nothing")
    add_veth(switch, client, 2)
    client.run("ping", "-c", "1", "-w", "10", "10.9.0.1")
    with listen(server, 80) as web, listen(server, 81) as other, listen(client, 82) as outside:
        with dial(client, "10.9.0.1", 80, 20) as caller:
            callee, _ = web.accept()
            with callee:
                data = bytes(range(256)) * 2000
                callee.sendall(data)
                received = b""
                while len(received) < len(data):
                    received += caller.recv(1 << 16)
                assert received == data
        with pytest.raises(OSError):
            dial(client, "10.9.0.1", 81, 2)
        with pytest.raises(OSError):
            dial(server, "10.9.0.2", 82, 2)
        other.close()
        outside.close()
    drops = switch.drops("af1")
    assert drops["acl-out"] >= 1 and drops["acl-in"] >= 1
    (web,) = switch.cli("acl show web")
    assert all(rule["packets"] > 0 for rule in web["rules"])
    wait_until(lambda: switch.balance()["difference"] == 0)


def test_what_they_are_compiled_to_is_shown(listed):
    switch = listed.switch
    switch.cli("port set vm1 secure mac", OWN)
    rules = switch.cli("flow show br0 guard in")
    assert any("in_port=vm1" in r["match"] and r["actions"] == "drop:secure-mac" for r in rules)
    assert any(r["actions"] == "pass" for r in rules) and all(r["hidden"] for r in rules)
    out = switch.cli("flow show br0 guard out")
    assert out and all(r["match"].startswith("out_port=") or ",out_port=" in r["match"] for r in out)
    assert [r["actions"] for r in switch.cli("flow show br0 --hidden")] == ["NORMAL"]  # the bridge's own
    switch.refuses("flow show br0 guard inn", words=["inn is not in or out"])
