# SPDX-License-Identifier: BSD-3-Clause
"""Hostile frames: every prefix of every header, from a capture file, so that nothing pads or refuses them."""

import random
import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from net import mac, mac_bytes
from pcap import replay

ETHER = Ether(dst=mac(2), src=mac(1))
FRAMES = {
    "ipv4-tcp": ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(options=[("MSS", 1460), ("Timestamp", (1, 2))]) / Raw(b"x" * 20),
    "ipv4-udp": ETHER / IP() / UDP() / Raw(b"x" * 20),
    "ipv4-icmp": ETHER / IP() / ICMP() / Raw(b"x" * 20),
    "ipv4-options": ETHER / IP(options=[b"\x94\x04\x00\x00"] * 3) / UDP() / Raw(b"x" * 8),
    "vlan-ipv4-tcp": ETHER / Dot1Q(vlan=10) / IP() / TCP() / Raw(b"x" * 20),
    "ipv6-tcp": ETHER / IPv6() / TCP() / Raw(b"x" * 20),
    "ipv6-udp": ETHER / IPv6() / UDP() / Raw(b"x" * 20),
    "ipv6-icmp": ETHER / IPv6() / ICMPv6EchoRequest() / Raw(b"x" * 20),
    "ipv6-hop-by-hop": ETHER / IPv6() / IPv6ExtHdrHopByHop() / UDP() / Raw(b"x" * 8),
    "vlan-ipv6-udp": ETHER / Dot1Q(vlan=10) / IPv6() / UDP() / Raw(b"x" * 20),
    "arp": ETHER / ARP(),
}


def drops_and_output(lab, frames):
    """Play frames into a bridge with one other port: what they were dropped for, and what came out."""
    drops, out = replay(lab.switch, frames, {"sink": ""})
    assert drops["sink"] == {}
    return drops["source"], out["sink"]


def offsets(data):
    """(offset of the IP header, its version) or None."""
    at = 12
    if data[at:at + 2] == b"\x81\x00":
        at += 4
    kind = data[at:at + 2]
    return {b"\x08\x00": (at + 2, 4), b"\x86\xdd": (at + 2, 6)}.get(kind)


def verdict(whole, size, lengths_fit):
    """What the first `size` bytes of a frame are to be dropped for, or None."""
    if size < 14:
        return "runt"
    tagged = whole[12:14] == b"\x81\x00"
    if tagged and size < 18:
        return "malformed-vlan"
    ip = offsets(whole)
    if ip is None:
        return None
    at, version = ip
    header = (whole[at] & 15) * 4 if version == 4 else 40
    if size < at + header or (not lengths_fit and size < len(whole)):
        return "malformed-ip"
    protocol = whole[at + 9] if version == 4 else whole[at + 6]
    l4 = at + header
    if version == 6 and protocol == 0:  # hop-by-hop
        protocol, l4 = whole[l4], l4 + 8
        if size < l4:
            return "malformed-ip"
    need = {6: (whole[l4 + 12] >> 4) * 4, 17: 8}.get(protocol, 4)
    return "malformed-l4" if size < l4 + need else None


def cut(whole, size, fit):
    """A prefix; with `fit` the IP header's length says so too."""
    data = bytearray(whole[:size])
    ip = offsets(whole)
    if fit and ip:
        at, version = ip
        if version == 4 and size >= at + 20:
            struct.pack_into("!H", data, at + 2, size - at)
        if version == 6 and size >= at + 40:
            struct.pack_into("!H", data, at + 4, size - at - 40)
    return bytes(data)


@pytest.mark.parametrize("lengths_fit", [False, True], ids=["cut", "short"])
@pytest.mark.parametrize("name", FRAMES)
def test_every_prefix(lab, name, lengths_fit):
    """Cut frames are dropped for the right reason, whole ones pass unchanged."""
    whole = bytes(FRAMES[name])
    frames = [cut(whole, size, lengths_fit) for size in range(1, len(whole) + 1)]
    expected, passed = {}, []
    for size, data in enumerate(frames, 1):
        reason = verdict(whole, size, lengths_fit)
        if reason:
            expected[reason] = expected.get(reason, 0) + 1
        else:
            passed.append(data)
    drops, out = drops_and_output(lab, frames)
    assert drops == expected
    assert out == passed


def test_lies_in_the_ip_header(lab):
    """Lengths and versions that contradict the frame."""
    whole = bytes(FRAMES["ipv4-udp"])
    lies = []
    for offset, value in ((14, 0x44), (14, 0x4F), (14, 0x65), (14, 0x00)):  # header length 16, 60; version 6, 0
        data = bytearray(whole)
        data[offset] = value
        lies.append(bytes(data))
    for total in (0, 19, len(whole) - 14 + 1, 65535):
        data = bytearray(whole)
        struct.pack_into("!H", data, 16, total)
        lies.append(bytes(data))
    drops, out = drops_and_output(lab, lies)
    # A header of 60 bytes fits neither the datagram nor the frame.
    assert drops == {"malformed-ip": len(lies)}
    assert out == []


def test_noise(lab):
    """Random bytes behind valid addresses: each is forwarded or counted, never both, never neither."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    frames = []
    for _ in range(3000):
        kind = rng.choice([b"\x08\x00", b"\x86\xdd", b"\x81\x00", b"\x88\xa8", rng.randbytes(2)])
        body = bytearray(rng.randbytes(rng.randrange(0, 200)))
        if body and kind in (b"\x08\x00", b"\x86\xdd"):
            body[0] = rng.choice([0x45, 0x46, 0x60, body[0]])
        frames.append(mac_bytes(mac(2)) + mac_bytes(mac(1)) + kind + bytes(body))
    drops, out = drops_and_output(lab, frames)
    assert len(out) + sum(drops.values()) == len(frames)
    assert lab.switch.alive()


def test_oversize_from_a_file(lab):
    frames = [bytes(ETHER / Raw(b"x" * size)) for size in (1500, 1501, 9000)]
    drops, out = drops_and_output(lab, frames)
    assert (drops, out) == ({"oversize": 2}, frames[:1])
