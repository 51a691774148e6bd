# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams with checksums and TCP segmentation left to others, and what a NIC makes of them."""

import struct

from front_end import GSO_NONE, GSO_TCPV6, NEEDS_CSUM

TCP, UDP = 6, 17
FIN_PSH = 0x09
TAG = b"\x81\x00"


def ones(data):
    """The ones' complement sum of RFC 1071."""
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    return total % 0xFFFF or (0xFFFF if total else 0)


def put16(frame, at, value):
    return frame[:at] + struct.pack("!H", value) + frame[at + 2:]


def datagram(rng, ethernet, tcp, payload, partial):
    """(frame, csum_start, csum_offset); partial: its checksum is the pseudo-header's sum only."""
    v6, proto = rng.random() < 0.5, TCP if tcp else UDP
    options = rng.randbytes(rng.choice((0, 0, 12))) if tcp else b""
    if tcp:
        flags = rng.choice((0x10, 0x18, 0x11, 0x19))
        head = struct.pack("!HHIIBBHHH", 1024, 80, rng.getrandbits(32), 7, 5 + len(options) // 4 << 4, flags, 512, 0, 0)
    else:
        head = struct.pack("!HHHH", 1024, 53, 8 + len(payload), 0)
    segment = head + options + payload
    ends = rng.randbytes(32 if v6 else 8)
    if v6:
        pseudo = ends + struct.pack("!II", len(segment), proto)
        ip = struct.pack("!IHBB", 6 << 28, len(segment), proto, 64) + ends
    else:
        extra = bytes([1]) * rng.choice((0, 0, 4, 20))  # no-operation
        pseudo = ends + struct.pack("!HH", proto, len(segment))
        ip = struct.pack("!BBHHHBBH", 0x45 + len(extra) // 4, 0, 20 + len(extra) + len(segment), rng.getrandbits(16),
                         0x4000, 64, proto, 0) + ends + extra
        ip = put16(ip, 10, 0xFFFF - ones(ip))
    offset = 16 if tcp else 6
    total = ones(pseudo) if partial else 0xFFFF - ones(pseudo + segment)
    segment = put16(segment, offset, 0xFFFF if total == 0 and not tcp else total)
    frame = ethernet + (b"\x86\xdd" if v6 else b"\x08\x00") + ip
    return frame + segment, len(frame), offset


def completed(frame, start, offset):
    total = 0xFFFF - ones(frame[start:])
    return put16(frame, start + offset, 0xFFFF if total == 0 and offset == 6 else total)


def segments(frame, header):
    """As a NIC cuts TCP; checksums are still partial."""
    l3, l4 = (18 if frame[12:14] == TAG else 14), header.csum_start
    head = l4 + (frame[l4 + 12] >> 4) * 4
    total, payload, cut = len(frame) - l4, frame[head:], []
    for i in range(0, max(len(payload), 1), header.gso_size):
        part = frame[:head] + payload[i:i + header.gso_size]
        last = i + header.gso_size >= len(payload)
        sequence = struct.unpack_from("!I", part, l4 + 4)[0] + i & 0xFFFFFFFF
        flags = part[l4 + 13] if last else part[l4 + 13] & ~FIN_PSH
        part = part[:l4 + 4] + struct.pack("!I", sequence) + part[l4 + 8:l4 + 13] + bytes([flags]) + part[l4 + 14:]
        if header.gso_type == GSO_TCPV6:
            part = put16(part, l3 + 4, len(part) - l3 - 40)
        else:
            number = struct.unpack_from("!H", part, l3 + 4)[0] + i // header.gso_size & 0xFFFF
            part = put16(put16(put16(part, l3 + 2, len(part) - l3), l3 + 4, number), l3 + 10, 0)
            part = put16(part, l3 + 10, 0xFFFF - ones(part[l3:l4]))
        # the pseudo-header's sum holds the length
        field = part[l4 + 16:l4 + 18] + struct.pack("!HH", 0xFFFF - total, len(part) - l4)
        cut.append(put16(part, l4 + 16, ones(field)))
    return cut


def wire(frame, header):
    """What a frame and its virtio-net header stand for: complete frames, as they would be on a wire.

    This is what guests' frames are compared as. Left out of the headers: hdr_len, a hint.
    """
    frames = [frame] if header.gso_type == GSO_NONE else segments(frame, header)
    if header.flags & NEEDS_CSUM:
        frames = [completed(f, header.csum_start, header.csum_offset) for f in frames]
    return frames


def mended(frame, header):
    """Of engine dpdk: librte_vhost (rte_net_intel_cksum_prepare) leaves the length out of the pseudo-header's sum where
    it passes TCP on to be segmented, as NICs want it and VIRTIO does not. Put it in.
    """
    if header.gso_type == GSO_NONE:
        return frame
    l4 = header.csum_start
    return put16(frame, l4 + 16, ones(frame[l4 + 16:l4 + 18] + struct.pack("!H", len(frame) - l4)))


def longest(frame, header):
    """Bytes of the longest frame on the wire, without headers' tags."""
    if header.gso_type == GSO_NONE:
        return len(frame)
    return min(len(frame), header.csum_start + (frame[header.csum_start + 12] >> 4) * 4 + header.gso_size)
