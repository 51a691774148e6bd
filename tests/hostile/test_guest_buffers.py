# SPDX-License-Identifier: BSD-3-Clause
"""Guests whose rings are right and whose buffers, headers or frames are not: the packet is lost, and nothing else."""

import random
import struct
import time

import pytest

from arena import DEADLINE, MIB, MULTIQUEUE, Region, mac
from front_end import BASIC, GSO_TCPV4, GSO_UDP, NEEDS_CSUM, OFFLOADS, FrontEnd, Header
from proc import wait_until
from vhost_user import Virtio
from vring import NEXT, WRITE, Desc

NOWHERE = 1 << 40
TOP = 1 << 64


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp4(arena, payload):
    """A TCP segment to everybody, with the sum of its pseudo header, as a guest leaves it to be completed."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + payload, 1, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    pseudo = struct.pack("!4s4sBBH", b"\x0a\0\0\1", b"\x0a\0\0\2", 0, 6, 20 + payload)
    tcp = struct.pack("!HHIIBBHHH", 1000, 2000, 1, 1, 0x50, 0x10, 1000, checksum(pseudo) ^ 0xFFFF, 0)
    data = next(arena.serial).to_bytes(8, "big")
    return b"\xff" * 6 + mac(0xEE) + b"\x08\0" + ip + tcp + (data + bytes(payload))[:payload]


TSO = Header(NEEDS_CSUM, GSO_TCPV4, 54, 1000, 34, 16)


def in_table(guest, descs, indirect):
    """As a chain of the transmit ring, of its own or through a table."""
    ring = guest.tx().ring
    if indirect:
        ring.chain([Desc(ring.table(descs), 16 * len(descs), 4)])
    else:
        ring.chain(descs)
    guest.tx().publish()


@pytest.mark.parametrize("indirect", [False, True])
@pytest.mark.parametrize("address", [0, NOWHERE, TOP - 4096, "behind", "before"])
def test_13_unmapped_address(arena, evil, packed, indirect, address):
    guest = evil.guest(packed=packed)
    region = guest.memory.regions[0]
    address = {"behind": region.end, "before": region.gpa - 1}.get(address, address)
    evil.dropped(guest, "rx-address", lambda: in_table(guest, [Desc(address, 100)], indirect))
    good = guest.place(bytes(50))[0][0]
    evil.dropped(guest, "rx-address", lambda: in_table(guest, [Desc(good, 50, NEXT), Desc(address, 100)], indirect))


def to_guest_fails(arena, evil, guest, *chains):
    """A frame from the witness for a receive queue that has just these chains: it is dropped, the chains come back."""
    before = evil.drops("tx-small")
    for descs in chains:
        guest.rx().ring.chain(descs)
    guest.rx().publish()
    arena.witness.send(arena.frame(0x77, length=200))
    wait_until(lambda: evil.drops("tx-small") > before, DEADLINE, "tx-small")
    returned = []
    wait_until(lambda: returned.extend(guest.rx().ring.harvest()) or len(returned) == len(chains), DEADLINE,
               f"{len(chains)} chains to come back")
    assert all(used.len == 0 for used in returned), returned
    arena.reaches(guest)


@pytest.mark.parametrize("address", [0, NOWHERE, TOP - 4096])
def test_13_unmapped_receive_buffer(arena, evil, packed, address):
    guest = evil.guest(BASIC & ~Virtio.MRG_RXBUF, packed=packed)
    to_guest_fails(arena, evil, guest, [Desc(address, 2048, WRITE)])
    good = guest.memory.alloc(64)
    to_guest_fails(arena, evil, guest, [Desc(good, 64, WRITE | NEXT), Desc(address, 2048, WRITE)])


@pytest.mark.parametrize("address, length", [(TOP - 8, 64), (TOP - 1, 2), (TOP - 64, 0xFFFFFFFF), ("last", 0xFFFFFFFF),
                                             ("last", 2), ("first", 0xFFFFFFFF)])
def test_14_address_and_length_wrap(arena, evil, packed, address, length):
    guest = evil.guest(packed=packed)
    region = guest.memory.regions[0]
    address = {"last": region.end - 1, "first": region.gpa}.get(address, address)
    evil.dropped(guest, "rx-address", lambda: in_table(guest, [Desc(address, length)], False))


def test_14_receive_buffer_wraps(arena, evil, packed):
    guest = evil.guest(BASIC & ~Virtio.MRG_RXBUF, packed=packed)
    for address, length in ((TOP - 8, 64), (guest.memory.regions[0].end - 100, 0xFFFFFFFF)):
        to_guest_fails(arena, evil, guest, [Desc(address, length, WRITE)])


def test_14_lengths_wrap_together(arena, evil, packed):
    """The sum of the lengths of a chain is more than 32 bits hold."""
    guest = evil.guest(packed=packed, size=64, regions=(Region(16 * MIB, MIB),))
    gpa = guest.memory.regions[0].gpa
    before = sum(evil.drops().values())
    in_table(guest, [Desc(gpa, 8 * MIB, NEXT)] * 1023 + [Desc(gpa, 8 * MIB)], True)
    guest.returned(1)
    wait_until(lambda: sum(evil.drops().values()) == before + 1, DEADLINE)
    assert set(evil.drops()) == {"rx-long"}
    arena.passes(guest)


BORDER = 9 * MIB


def two_regions():
    """Next to each other for the guest, apart for everybody else."""
    return Region(8 * MIB, MIB, offset=4096), Region(8 * MIB, BORDER, uva=0x1_0000_0000)


def write_across(memory, at, data):
    split = max(0, min(BORDER - at, len(data)))
    if split:
        memory.write(at, data[:split])
    if split < len(data):
        memory.write(at + split, data[split:])


@pytest.mark.parametrize("before", [1, 11, 12, 13, 26, 100, 139, 140, 299])
def test_15_buffer_across_regions(arena, evil, packed, before):
    guest = evil.guest(regions=two_regions(), packed=packed)
    frame = arena.frame(length=300)
    write_across(guest.memory, BORDER - before, bytes(12) + frame)
    in_table(guest, [Desc(BORDER - before, 312)], False)
    arena.arrives(frame)
    guest.returned(1)


@pytest.mark.parametrize("before", [1, 11, 12, 13, 26, 100, 299])
def test_15_receive_buffer_across_regions(arena, evil, packed, before):
    guest = evil.guest(BASIC, regions=two_regions(), packed=packed)
    guest.rx().ring.chain([Desc(BORDER - before, 312, WRITE)])
    guest.rx().publish()
    frame = arena.frame(0x77, length=300)
    arena.witness.send(frame)
    wait_until(guest.rx().ring.harvest, DEADLINE, "frame across regions")
    got = guest.memory.read(BORDER - before, before) + guest.memory.read(BORDER, 312 - before)
    assert got[12:] == frame


@pytest.mark.parametrize("length", [60, 61, 116, 117, 127, 128, 129, 200, 1514])
def test_16_buffer_at_the_end_of_memory(arena, evil, packed, length):
    """A region that ends where its file and its last page do: behind it is nothing, or somebody else's."""
    guest = evil.guest(regions=(Region(2 * MIB, MIB),), packed=packed, size=64)
    end = guest.memory.regions[0].end
    frame = arena.frame(length=length)
    guest.memory.write(end - 12 - length, bytes(12) + frame)
    in_table(guest, [Desc(end - 12 - length, 12 + length)], False)
    arena.arrives(frame)
    guest.returned(1)


@pytest.mark.parametrize("length", [60, 61, 116, 117, 128, 129, 200, 1514])
def test_16_nothing_behind_the_buffer_is_written(arena, evil, packed, length):
    """At the region's last byte, in the middle of a page; and the same with room behind it that is the guest's."""
    region = Region(2 * MIB - 1000, MIB)
    guest = evil.guest(BASIC, regions=(region,), packed=packed, size=64)
    for end in (region.end, region.end - 4096):
        at = end - 12 - length
        behind = end - region.gpa
        region.map[behind:behind + 1000] = b"\xa5" * 1000
        before = b"\x5a" * 200
        guest.memory.write(at - 200, before)
        guest.rx().ring.chain([Desc(at, 12 + length, WRITE)])
        guest.rx().publish()
        frame = arena.frame(0x77, length=length)
        arena.witness.send(frame)
        used = wait_until(guest.rx().ring.harvest, DEADLINE, "frame at the end")
        assert used[0].len == 12 + length
        assert guest.memory.read(at + 12, length) == frame
        assert region.map[behind:behind + 1000] == b"\xa5" * 1000, "written behind the buffer"
        assert guest.memory.read(at - 200, 200) == before, "written in front of the buffer"


@pytest.mark.parametrize("indirect", [False, True])
def test_17_empty_descriptors(arena, evil, packed, indirect):
    guest = evil.guest(packed=packed)
    for cuts in ([0, 12, 0], [0, 0, 5, 0, 0, 7, 30, 0], [12, 20, 0, 0, 0]):
        arena.passes(guest, cuts=cuts, indirect=indirect)
    # an empty last one, and addresses that are nowhere: they are not looked at
    frame = arena.frame()
    gpa = guest.place(bytes(12) + frame)[0][0]
    in_table(guest, [Desc(NOWHERE, 0, NEXT), Desc(gpa, 12 + len(frame), NEXT), Desc(TOP - 1, 0)], indirect)
    arena.arrives(frame)
    guest.returned(1)


def test_17_empty_receive_descriptors(arena, evil, packed):
    guest = evil.guest(BASIC, packed=packed)
    gpa = guest.memory.alloc(2048)
    guest.rx().ring.chain([Desc(NOWHERE, 0, WRITE | NEXT), Desc(gpa, 20, WRITE | NEXT), Desc(0, 0, WRITE | NEXT),
                           Desc(gpa + 20, 2000, WRITE)])
    guest.rx().publish()
    frame = arena.frame(0x77)
    arena.witness.send(frame)
    wait_until(guest.rx().ring.harvest, DEADLINE)
    assert guest.memory.read(gpa + 12, len(frame)) == frame


@pytest.mark.parametrize("lengths", [[0], [1], [11], [12], [5, 7], [0, 0, 0], [4, 4, 4]])
def test_18_no_more_than_a_header(arena, evil, packed, lengths):
    guest = evil.guest(packed=packed)
    gpa = guest.memory.alloc(64)
    descs = [Desc(gpa, n, NEXT) for n in lengths[:-1]] + [Desc(gpa, lengths[-1])]
    for indirect in (False, True):
        evil.dropped(guest, "rx-short", lambda: in_table(guest, descs, indirect))


def test_18_legacy_header(arena, evil):
    """Without VERSION_1 and mergeable buffers it has 10 bytes."""
    guest = evil.guest(Virtio.PROTOCOL_FEATURES)
    gpa = guest.memory.alloc(64)
    evil.dropped(guest, "rx-short", lambda: in_table(guest, [Desc(gpa, 10)], False))
    evil.dropped(guest, "runt", lambda: in_table(guest, [Desc(gpa, 11)], False))


@pytest.mark.parametrize("indirect", [False, True])
@pytest.mark.parametrize("cuts", [[1] * 12, [4, 4, 4], [1, 10, 1], [5, 5, 5], [3] * 30, [1] * 60])
def test_19_header_in_pieces(arena, evil, packed, cuts, indirect):
    """The virtio-net header and those of the frame, byte by byte, are put together."""
    guest = evil.guest(packed=packed)
    arena.passes(guest, cuts=cuts, indirect=indirect)
    evil.close(guest)
    tcp = evil.new().guest(BASIC | OFFLOADS, packed=packed)
    frame = tcp4(arena, 3000)
    tcp.send(frame, TSO, cuts, indirect)
    received = arena.arrives(frame)
    assert received.header[:6] == TSO[:6]


@pytest.mark.parametrize("length", [1, 6, 12, 13])
def test_20_runt(arena, evil, packed, length):
    guest = evil.guest(packed=packed)
    for cuts in ((), (12,), (3, 10)):
        evil.dropped(guest, "runt", lambda: guest.send(bytes(length), cuts=cuts))


@pytest.mark.parametrize("length, reason", [(1515, "oversize"), (9000, "oversize"), (65549, "oversize"),
                                            (65554, "rx-long"), (200000, "rx-long"), (4 * MIB, "rx-long")])
def test_20_frame_too_long(arena, evil, packed, length, reason):
    guest = evil.guest(packed=packed)
    for cuts in ((), (12, 1000)):
        evil.dropped(guest, reason, lambda: guest.send(arena.frame(length=length), cuts=cuts, indirect=bool(cuts)))


def test_20_longest_frame_passes(arena, evil, packed):
    guest = evil.guest(BASIC | OFFLOADS, packed=packed)
    frame = tcp4(arena, 65535 - 40)
    guest.send(frame, TSO)
    arena.arrives(frame)


BAD_GSO = [TSO._replace(gso_size=0), TSO._replace(gso_type=2), TSO._replace(gso_type=0x7F), TSO._replace(gso_type=0xFF),
           TSO._replace(gso_size=1), TSO._replace(gso_type=GSO_UDP)]


@pytest.mark.parametrize("header", BAD_GSO, ids=lambda h: f"type{h.gso_type}-size{h.gso_size}")
def test_23_bad_segmentation(arena, evil, packed, header):
    guest = evil.guest(BASIC | OFFLOADS, packed=packed)
    evil.dropped(guest, "bad-offload", lambda: guest.send(tcp4(arena, 3000), header))


BAD_CSUM = [(0xFFFF, 0xFFFF), (0xFFFF, 1), (0xFFF0, 0x10), (34, 0xFFFF), (94, 0), (93, 1), (34, 59), (0x8000, 0x8000)]


@pytest.mark.parametrize("start, offset", BAD_CSUM)
def test_24_checksum_beyond_the_frame(arena, evil, packed, start, offset):
    """Frames of 94 bytes."""
    guest = evil.guest(BASIC | OFFLOADS, packed=packed)
    header = Header(NEEDS_CSUM, 0, 0, 0, start, offset)
    evil.dropped(guest, "bad-offload", lambda: guest.send(tcp4(arena, 40), header))


@pytest.mark.parametrize("hdr_len", [0, 1, 53, 55, 4000, 65535])
def test_25_header_length_lies(arena, evil, packed, hdr_len):
    guest = evil.guest(BASIC | OFFLOADS, packed=packed)
    frame = tcp4(arena, 3000)
    guest.send(frame, TSO._replace(hdr_len=hdr_len))
    assert arena.arrives(frame).header == TSO._replace(num_buffers=arena_buffers(frame))


def arena_buffers(frame):
    """The witness has buffers of 2 KiB."""
    return -(-(12 + len(frame)) // 2048)


def test_26_flags_that_were_not_negotiated(arena, evil, packed):
    """Nothing of it comes out."""
    guest = evil.guest(packed=packed)
    for header in (Header(NEEDS_CSUM, 0, 0, 0, 34, 16), TSO, Header(0xFF, 0, 1, 2, 3, 4), Header(2), Header(4)):
        frame = tcp4(arena, 40)
        guest.send(frame, header)
        assert arena.arrives(frame).header == Header(num_buffers=1), header
    evil.close(guest)  # for a port without checksums they are computed, once for all
    only_csum = evil.new().guest(BASIC | Virtio.CSUM, packed=packed)
    frame = tcp4(arena, 40)
    only_csum.send(frame, TSO)
    assert arena.arrives(frame).header == Header(NEEDS_CSUM, csum_start=34, csum_offset=16, num_buffers=1)


@pytest.mark.parametrize("number", [0, 2, 0xFFFF])
def test_27_number_of_buffers_from_the_guest(arena, evil, packed, number):
    guest = evil.guest(packed=packed)
    frame = arena.frame(length=1000)
    guest.send(frame, Header(num_buffers=number))
    assert arena.arrives(frame).header.num_buffers == 1


@pytest.mark.parametrize("lengths", [[1], [12], [13], [100, 50], [211]])
def test_28_receive_chain_too_small(arena, evil, packed, lengths):
    guest = evil.guest(BASIC & ~Virtio.MRG_RXBUF, packed=packed)
    gpa = guest.memory.alloc(4096)
    descs = [Desc(gpa, n, WRITE | NEXT) for n in lengths[:-1]] + [Desc(gpa, lengths[-1], WRITE)]
    guest.memory.write(gpa, b"\xa5" * 4096)
    to_guest_fails(arena, evil, guest, descs)
    assert guest.memory.read(gpa + max(lengths), 2000) == b"\xa5" * 2000, "written behind the buffer"


def test_29_receive_buffers_of_one_byte(arena, evil, packed):
    """A mergeable frame over hundreds of them: there is an end to it, and the queue goes on."""
    guest = evil.guest(BASIC, packed=packed, size=1024)
    gpa = guest.memory.alloc(2048)
    for _ in range(1000):
        guest.rx().ring.chain([Desc(gpa, 1, WRITE)])
    guest.rx().publish()
    arena.witness.send(arena.frame(0x77, length=1500))
    wait_until(lambda: evil.drops("tx-small") >= 1, DEADLINE, "tx-small")
    for _ in range(20):
        arena.witness.send(arena.frame(0x77, length=1500))
    taken = []
    wait_until(lambda: taken.extend(guest.rx().ring.harvest()) or len(taken) == 1000 or
               evil.drops("tx-full") > 0, DEADLINE, "all of them used up")
    guest.restart(guest.rx())
    arena.reaches(guest)


def test_29_few_small_buffers_are_used(arena, evil, packed):
    guest = evil.guest(BASIC, packed=packed)
    guest.post(100, (1,))
    frame = arena.frame(0x77, length=60)
    arena.witness.send(frame)
    assert guest.receive(1)[0].frame == frame


def test_30_receive_ring_never_refilled(arena, evil, packed):
    """It costs its own frames, and no time: the neighbours are looked at as after every test."""
    guest = evil.guest(packed=packed)
    before = evil.drops("tx-full")
    for _ in range(300):
        arena.witness.send(arena.frame(0x77), publish=False)
        if arena.witness.tx().ring.room() < 10:
            break
    arena.witness.tx().publish()
    wait_until(lambda: evil.drops("tx-full") >= before + 100, DEADLINE, "tx-full")
    started = time.monotonic()
    arena.passes(guest)
    assert time.monotonic() - started < DEADLINE / 2
    arena.reaches(guest)


@pytest.mark.parametrize("what", ["desc", "avail", "used", "tables"])
def test_32_receive_buffer_over_a_ring(arena, evil, packed, what):
    """The guest has us write frames over its own rings: what they say then is checked as ever."""
    guest = evil.guest(packed=packed)
    for queue in guest.queues:
        part = dict(zip(("desc", "avail", "used"), queue.ring.parts())).get(what, queue.ring.desc)
        for _ in range(20):
            if what == "tables":
                table = queue.ring.table([Desc(0, 0)] * 16)
                guest.rx().ring.chain([Desc(table, 256, WRITE)])
            else:
                guest.rx().ring.chain([Desc(part, 2048, WRITE)])
    guest.rx().publish()
    rnd = random.Random(32)
    for _ in range(100):
        arena.witness.send(arena.frame(0x77)[:14] + rnd.randbytes(rnd.randrange(60, 400)))
        guest.rx().notify()
    arena.switch.balance()
    # whatever it has become, it can be set up again
    for queue in guest.queues:
        guest.restart(queue)
    arena.passes(guest)
    arena.reaches(guest)


def test_32_receive_buffer_over_the_source(arena, evil, packed):
    """Two ports of one guest, which share its memory: a frame is copied over itself, with every overlap."""
    source = evil.guest(BASIC, packed=packed)
    evil.new()
    sink = FrontEnd(evil.path, memory=source.memory, deadline=DEADLINE)
    evil.opened.insert(0, sink)
    sink.close = lambda: [sink.session.close(), [queue.close() for queue in sink.queues]]
    sink.start(BASIC, packed=packed)
    wait_until(lambda: evil.port()["up"], DEADLINE)
    base = source.memory.alloc(8192)
    for offset in (-1500, -100, -12, -1, 0, 1, 12, 64, 100, 1500):
        frame = arena.frame(length=1400)
        source.memory.write(base + 2000, bytes(12) + frame)
        sink.rx().ring.chain([Desc(base + 2000 + offset, 2000, WRITE)])
        sink.rx().publish()
        in_table(source, [Desc(base + 2000, 1412)], False)
        source.returned(1)
        used = wait_until(sink.rx().ring.harvest, DEADLINE, "frame at the second port")
        assert used[0].len == 1412
        if offset in (-1500, 1500, 0):
            assert source.memory.read(base + 2012 + offset, 1400) == frame, offset
    arena.passes(source)
    arena.seen()


def test_every_reason_is_told(arena, evil):
    """What is counted by port is told by `heddle drop show`, with its text."""
    guest = evil.guest(MULTIQUEUE)
    evil.dropped(guest, "rx-address", lambda: in_table(guest, [Desc(NOWHERE, 100)], False))
    rows = [d for d in arena.switch.cli("drop show")["drops"] if d["port"] == evil.name]
    assert [(row["reason"], row["packets"]) for row in rows] == [("rx-address", 1)] and rows[0]["text"]
