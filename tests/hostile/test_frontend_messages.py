# SPDX-License-Identifier: BSD-3-Clause
"""Front-ends whose messages are wrong: each is refused, or ends the connection, and nothing is left of it."""

import os
import socket
import struct
import tempfile

import pytest

from arena import BASIC, MIB, Closed, Region, negotiated, running, with_memory
from vhost_user import NEED_REPLY, NOFD, REPLY, VERSION, Protocol, Request, Virtio, mem_table, state, u64, vring_addr

R = Request
RING_FILES = [R.SET_VRING_KICK, R.SET_VRING_CALL, R.SET_VRING_ERR]


def region(size=MIB, gpa=MIB, uva=MIB, offset=0):
    """As on the wire."""
    return struct.pack("=4Q", gpa, size, uva, offset)


@pytest.fixture
def files():
    """files(open): a descriptor, closed when the test ends."""
    opened = []

    def keep(fd):
        opened.append(fd)
        return fd
    yield keep
    for fd in opened:
        os.close(fd)


@pytest.fixture
def memfd(files):
    def make(size=MIB):
        fd = files(os.memfd_create("heddle-test-hostile"))
        os.ftruncate(fd, size)
        return fd
    return make


def no_eventfds(files):
    """Descriptors that are none, by name."""
    ours, theirs = socket.socketpair()
    files(ours.detach())
    reading, writing = os.pipe()
    files(reading)
    return {"memfd": files(os.memfd_create("x")), "null": files(os.open("/dev/null", os.O_RDWR)),
            "directory": files(os.open("/", os.O_RDONLY)), "socket": files(theirs.detach()),
            "pipe": files(writing), "path": files(os.open("/", os.O_PATH)),
            "file": files(os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR))}


@pytest.mark.parametrize("request_", RING_FILES, ids=lambda r: r.name)
def test_37_not_an_eventfd(evil, files, request_):
    for what, fd in no_eventfds(files).items():
        evil.new().refused(with_memory, request_, u64(0), [fd])
        assert what in ("memfd", "null", "directory", "socket", "pipe", "path", "file")


SIZES = {
    R.SET_FEATURES: 8, R.SET_MEM_TABLE: 8 + 32, R.SET_VRING_NUM: 8, R.SET_VRING_ADDR: 40, R.SET_VRING_BASE: 8,
    R.GET_VRING_BASE: 8, R.SET_VRING_KICK: 8, R.SET_VRING_CALL: 8, R.SET_VRING_ERR: 8, R.SET_PROTOCOL_FEATURES: 8,
    R.SET_VRING_ENABLE: 8, R.NET_SET_MTU: 8, R.SEND_RARP: 8, R.SET_LOG_BASE: 16, R.ADD_MEM_REG: 40, R.REM_MEM_REG: 40,
    R.GET_FEATURES: 0, R.SET_OWNER: 0, R.GET_PROTOCOL_FEATURES: 0, R.GET_QUEUE_NUM: 0, R.GET_MAX_MEM_SLOTS: 0,
}
WITH_FILE = {R.SET_MEM_TABLE, R.SET_LOG_BASE, R.ADD_MEM_REG, *RING_FILES}


def prepared(evil):
    """A new port and a front-end on it that may send anything."""
    guest = evil.new().front_end()
    guest.negotiate()
    return guest


def closes(evil, guest, request_, payload=b"", fds=(), flags=VERSION | NEED_REPLY, size=None):
    try:
        guest.session.send(request_, payload, fds, flags, size)
    except Closed:
        pass
    assert guest.session.closed(), f"{request_!r} with {len(payload)} bytes and {len(fds)} descriptors was taken"
    evil.close(guest)


@pytest.mark.parametrize("request_", SIZES, ids=lambda r: r.name)
def test_39_size_not_exact(evil, memfd, request_):
    right = SIZES[request_]
    for length in sorted({0, right - 1, right + 1, right + 8, 264} - {right, -1}):
        payload = (mem_table([region()]) if request_ == R.SET_MEM_TABLE else b"").ljust(length, b"\0")[:length]
        closes(evil, prepared(evil), request_, payload, [memfd()] if request_ in WITH_FILE else [])
    evil.honest()


@pytest.mark.parametrize("size", [265, 4096, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF4])
def test_39_size_beyond_any_message(evil, size):
    closes(evil, prepared(evil), R.SET_FEATURES, u64(0), size=size)
    evil.honest()


@pytest.mark.parametrize("count", [2, 8])
def test_39_memory_table_shorter_than_it_says(evil, memfd, count):
    closes(evil, prepared(evil), R.SET_MEM_TABLE, mem_table([region()], count), [memfd()] * count)
    closes(evil, prepared(evil), R.SET_MEM_TABLE, mem_table([region()], count), [memfd()])
    evil.honest()


@pytest.mark.parametrize("version", [0, 2, 3])
def test_40_bad_version(evil, version):
    """What its answer would look like nobody knows: the connection ends."""
    closes(evil, prepared(evil), R.GET_FEATURES, flags=version | NEED_REPLY)
    evil.honest()


def test_40_reply_to_nothing(evil):
    closes(evil, prepared(evil), R.GET_FEATURES, u64(1), flags=VERSION | REPLY)
    evil.honest()


@pytest.mark.parametrize("number", [0, 21, 22, 23, 24, 25, 28, 33, 41, 42, 63, 1000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_40_unknown_request(evil, number):
    evil.refused(negotiated, number, u64(0))


def test_40_unknown_request_with_files(evil, memfd):
    evil.refused(negotiated, 1000, u64(0), [memfd() for _ in range(8)])


@pytest.mark.parametrize("request_, fds", [
    (R.GET_FEATURES, 1), (R.SET_FEATURES, 1), (R.SET_OWNER, 2), (R.SET_VRING_NUM, 1), (R.SET_VRING_ADDR, 8),
    (R.GET_VRING_BASE, 1), (R.SET_VRING_KICK, 0), (R.SET_VRING_KICK, 2), (R.SET_VRING_CALL, 0), (R.SET_VRING_CALL, 8),
    (R.SET_VRING_ERR, 0), (R.SET_LOG_BASE, 0), (R.SET_LOG_BASE, 2), (R.ADD_MEM_REG, 0), (R.ADD_MEM_REG, 2),
    (R.SET_VRING_ENABLE, 3)], ids=lambda v: getattr(v, "name", v))
def test_41_wrong_number_of_descriptors(evil, memfd, request_, fds):
    closes(evil, prepared(evil), request_, bytes(SIZES[request_]), [memfd()] * fds)
    evil.honest()


@pytest.mark.parametrize("regions, fds", [(1, 0), (1, 2), (2, 1), (8, 7), (7, 8)])
def test_41_descriptors_do_not_match_regions(evil, memfd, regions, fds):
    table = mem_table([region(gpa=MIB * (i + 1), uva=MIB * (i + 1)) for i in range(regions)])
    closes(evil, prepared(evil), R.SET_MEM_TABLE, table, [memfd()] * fds)
    evil.honest()


@pytest.mark.parametrize("count", [9, 16, 64, 253])
def test_41_more_descriptors_than_any_message_has(evil, memfd, count):
    """The kernel cuts them off; none that came is kept."""
    fd = memfd()
    for request_ in (R.GET_FEATURES, R.SET_MEM_TABLE):
        closes(evil, prepared(evil), request_, bytes(SIZES[request_]), [fd] * count)
    evil.honest()


def test_41_descriptors_in_the_middle(evil, memfd):
    """Those of a message come with its first byte."""
    def late(session):
        data = struct.pack("=IIIQ", R.SET_VRING_KICK, VERSION, 8, 0)
        session.send_bytes(data[:14])
        session.send_bytes(data[14:], [memfd()])
    for _ in range(2):
        evil.new().ends(late)
    evil.honest()


UNSPOKEN = {
    R.SET_LOG_BASE: (Protocol.LOG_SHMFD, struct.pack("=QQ", MIB, 0), True),
    R.SEND_RARP: (Protocol.RARP, u64(0x123456789A), False),
    R.NET_SET_MTU: (Protocol.MTU, u64(1500), False),
    R.RESET_DEVICE: (Protocol.RESET_DEVICE, b"", False),
    R.ADD_MEM_REG: (Protocol.CONFIGURE_MEM_SLOTS, u64(0) + region(), True),
    R.REM_MEM_REG: (Protocol.CONFIGURE_MEM_SLOTS, u64(0) + region(), False),
    R.SET_STATUS: (Protocol.STATUS, u64(1), False),
    R.GET_MAX_MEM_SLOTS: (Protocol.CONFIGURE_MEM_SLOTS, b"", False),
    R.GET_STATUS: (Protocol.STATUS, b"", False),
    R.GET_QUEUE_NUM: (Protocol.MQ, b"", False),
}


@pytest.mark.parametrize("request_", UNSPOKEN, ids=lambda r: r.name)
def test_42_feature_not_negotiated(evil, memfd, request_):
    feature, payload, file = UNSPOKEN[request_]
    spoken = (Protocol.REPLY_ACK | Protocol.MQ) & ~feature
    evil.refused(lambda guest: guest.negotiate(BASIC, spoken), request_, payload, [memfd()] if file else [],
                 answers=request_.name.startswith("GET_"))


def test_42_acknowledgement_without_the_feature(evil):
    """NEED_REPLY means nothing then: a request is done, and not answered."""
    guest = evil.front_end().negotiate(BASIC, Protocol.MQ)
    guest.session.send(R.SET_OWNER, flags=VERSION | NEED_REPLY)
    assert guest.session.ask_u64(R.GET_FEATURES) == guest.offered


def overlapping():
    return {"same": (region(), region()), "guest": (region(), region(gpa=MIB + 4096, uva=8 * MIB)),
            "front-end": (region(), region(gpa=8 * MIB, uva=MIB + 4096)),
            "one byte": (region(), region(gpa=2 * MIB - 1, uva=8 * MIB)),
            "inside": (region(), region(size=4096, gpa=MIB + 4096, uva=8 * MIB))}


@pytest.mark.parametrize("count", [0, 9, 64, 0xFFFFFFFF])
def test_43_number_of_regions(evil, memfd, count):
    held = [region(gpa=MIB * (i + 1), uva=MIB * (i + 1)) for i in range(8)]
    table = mem_table(held[:min(count, 8)], count)
    evil.refused(negotiated, R.SET_MEM_TABLE, table, [memfd() for _ in range(min(count, 8))])


@pytest.mark.parametrize("how", overlapping())
def test_43_overlapping_regions(evil, memfd, how):
    for regions in (overlapping()[how], overlapping()[how][::-1]):
        evil.new().refused(negotiated, R.SET_MEM_TABLE, mem_table(regions), [memfd(), memfd()])
    first, second = overlapping()[how]

    def with_first(guest):
        guest.negotiate()
        guest.session.tell(R.ADD_MEM_REG, u64(0) + first, [memfd()])
    evil.new().refused(with_first, R.ADD_MEM_REG, u64(0) + second, [memfd()])


def test_43_more_regions_than_slots(evil, memfd):
    """As many as were announced, and one more."""
    fd = memfd(4096)

    def fill(guest):
        guest.negotiate()
        for i in range(guest.session.ask_u64(R.GET_MAX_MEM_SLOTS)):
            guest.session.tell(R.ADD_MEM_REG, u64(0) + region(4096, MIB + 4096 * i, MIB + 4096 * i), [fd])
    evil.refused(fill, R.ADD_MEM_REG, u64(0) + region(4096, 1 << 40, 1 << 40), [fd])


def test_43_unknown_region_removed(evil):
    """With several queue pairs QEMU may say it for each of them."""
    evil.new(queues=1).refused(with_memory, R.REM_MEM_REG, u64(0) + region(gpa=77 * MIB))


TOP = 1 << 64
BAD_REGIONS = {
    "empty": region(size=0), "guest wraps": region(gpa=TOP - 4096), "front-end wraps": region(uva=TOP - 4096),
    "offset wraps": region(offset=TOP - 4096), "offset is negative": region(offset=1 << 63),
    "huge": region(size=TOP - 1), "huge and wraps": region(size=TOP - MIB, gpa=2 * MIB),
    "offset beyond the file": region(offset=MIB), "larger than the file": region(size=MIB + 1),
    "offset and size beyond the file": region(offset=1),
}


@pytest.mark.parametrize("what", BAD_REGIONS)
def test_44_region_that_cannot_be(evil, memfd, what):
    evil.refused(negotiated, R.SET_MEM_TABLE, mem_table([BAD_REGIONS[what]]), [memfd()])
    evil.new().refused(negotiated, R.ADD_MEM_REG, u64(0) + BAD_REGIONS[what], [memfd()])
    # one sound region in front of it: nothing is left of that one either
    both = mem_table([region(gpa=64 * MIB, uva=64 * MIB), BAD_REGIONS[what]])
    evil.new().refused(with_memory, R.SET_MEM_TABLE, both, [memfd(), memfd()])


@pytest.mark.parametrize("what", ["read-only", "short", "empty", "eventfd", "socket", "directory", "null", "path"])
def test_45_file_that_cannot_be_memory(evil, files, memfd, what):
    def fd():
        if what == "read-only":
            return files(os.open(f"/proc/self/fd/{memfd()}", os.O_RDONLY))
        if what in ("short", "empty"):
            return memfd(MIB - 1 if what == "short" else 0)
        if what == "eventfd":
            return files(os.eventfd(0))
        return no_eventfds(files)[what]
    evil.refused(negotiated, R.SET_MEM_TABLE, mem_table([region()]), [fd()])
    evil.new().refused(negotiated, R.ADD_MEM_REG, u64(0) + region(), [fd()])


@pytest.mark.parametrize("size", [0, 3, 255, 1000, 32769, 65536, 0xFFFFFFFF])
def test_48_ring_size(evil, size):
    evil.refused(with_memory, R.SET_VRING_NUM, state(1, size))


@pytest.mark.parametrize("size", [0, 32769, 65536, 0xFFFFFFFF])
def test_48_packed_ring_size(evil, size):
    evil.refused(lambda guest: guest.negotiate(BASIC | Virtio.PACKED), R.SET_VRING_NUM, state(1, size))


def test_48_size_changed_live(evil):
    evil.refused(running, R.SET_VRING_NUM, state(1, 128))


@pytest.mark.parametrize("index", [4, 5, 100, 255, 0xFFFF, 0x80000001, 0xFFFFFFFF])
def test_49_queue_index(arena, evil, files, index):
    """The port has two pairs: 0 to 3."""
    evil.refused(with_memory, R.SET_VRING_NUM, state(index, 256))
    evil.new().refused(with_memory, R.SET_VRING_BASE, state(index, 0))
    evil.new().refused(with_memory, R.SET_VRING_ENABLE, state(index, 1))
    evil.new().refused(with_memory, R.SET_VRING_ADDR, vring_addr(index, 0, 0, 0))
    evil.new().refused(with_memory, R.GET_VRING_BASE, state(index, 0), answers=True)
    if index < 256:
        for request_ in RING_FILES:
            evil.new().refused(with_memory, request_, u64(index), [files(os.eventfd(0))])
    assert len(evil.port()["rings"]) == 4


@pytest.mark.parametrize("bits", [1 << 9, 1 << 32, 1 << 63])
def test_49_unknown_bits_beside_the_index(evil, files, bits):
    evil.refused(with_memory, R.SET_VRING_KICK, u64(bits), [files(os.eventfd(0))])


def placed(part, address):
    """A ring with one part elsewhere: (where it should be, region) -> where."""
    def payload(guest):
        queue = guest.queues[1]
        parts = dict(zip(("desc", "avail", "used"), (guest.memory.uva(p) for p in queue.ring.parts())))
        parts[part] = address(parts[part], guest.memory.regions[0]) & (1 << 64) - 1
        return vring_addr(1, parts["desc"], parts["used"], parts["avail"])
    return payload


def sized(features=BASIC):
    def prepare(guest):
        guest.negotiate(features)
        guest.share_memory()
        guest.make_queues()
        guest.session.tell(R.SET_VRING_NUM, state(1, 256))
    return prepare


WRONG_PLACES = {
    "nowhere": lambda at, r: 1 << 46, "null": lambda at, r: 0, "at the top": lambda at, r: -16,
    "guest address": lambda at, r: at - r.uva + r.gpa, "at the end": lambda at, r: r.uva + r.size,
    "across the end": lambda at, r: r.uva + r.size - 2, "in front": lambda at, r: r.uva - 16,
}


@pytest.mark.parametrize("part", ["desc", "avail", "used"])
@pytest.mark.parametrize("where", WRONG_PLACES)
def test_50_ring_not_in_memory(evil, packed, part, where):
    evil.refused(sized(BASIC | (Virtio.PACKED if packed else 0)), R.SET_VRING_ADDR, placed(part, WRONG_PLACES[where]))


@pytest.mark.parametrize("part, off, packed", [("desc", 1, False), ("desc", 8, False), ("avail", 1, False),
                                               ("used", 1, False), ("used", 2, False), ("desc", 8, True),
                                               ("avail", 2, True), ("used", 1, True)])
def test_50_ring_misaligned(evil, part, off, packed):
    evil.refused(sized(BASIC | (Virtio.PACKED if packed else 0)), R.SET_VRING_ADDR, placed(part, lambda at, r: at + off))


@pytest.mark.parametrize("part", ["desc", "avail", "used"])
def test_50_ring_across_regions(evil, part):
    """Two regions that are neighbours in the front-end too: a ring does not lie across them."""
    def prepare(guest):
        guest.memory.regions.append(Region(MIB, 17 * MIB))
        sized()(guest)
    evil.refused(prepare, R.SET_VRING_ADDR, placed(part, lambda at, r: r.uva + r.size - 64))


@pytest.mark.parametrize("feature", [1 << 5, 1 << 10, 1 << 14, 1 << 33, 1 << 60, 1 << 63])
def test_52_feature_not_offered(evil, feature):
    evil.refused(negotiated, R.SET_FEATURES, u64(BASIC | feature))


@pytest.mark.parametrize("feature", [1 << 5, 1 << 8, 1 << 9, 1 << 11, 1 << 40])
def test_52_protocol_feature_not_offered(evil, feature):
    evil.refused(negotiated, R.SET_PROTOCOL_FEATURES, u64(Protocol.REPLY_ACK | feature))


@pytest.mark.parametrize("change", [Virtio.MRG_RXBUF, Virtio.VERSION_1, Virtio.PACKED, Virtio.INDIRECT, Virtio.CSUM])
def test_52_features_changed_live(evil, change):
    evil.refused(running, R.SET_FEATURES, u64(BASIC ^ change))


def test_52_logging_changes_live(arena, evil):
    """The exception: a migration."""
    guest = evil.guest(BASIC)
    for features in (BASIC | Virtio.LOG_ALL, BASIC, BASIC):
        guest.session.tell(R.SET_FEATURES, u64(features))
        arena.passes(guest)


def test_53_base_of_a_live_ring(arena, evil):
    evil.refused(running, R.SET_VRING_BASE, state(1, 0))
    guest = evil.guest(BASIC)
    arena.passes(guest)
    assert guest.session.acked(R.SET_VRING_BASE, state(1, 77)) != 0
    arena.passes(guest)


@pytest.mark.parametrize("base", [0x10000, 0xFFFFFFFF])
def test_53_base_out_of_range(evil, base):
    evil.refused(with_memory, R.SET_VRING_BASE, state(1, base))


@pytest.mark.parametrize("base", [256, 0x7FFF, 0x8100, 0xFFFF, 0x81008000])
def test_53_packed_base_beyond_the_ring(evil, base):
    """It may be refused when it comes, or when the ring's size is known; it must not run."""
    def prepare(guest):
        sized(BASIC | Virtio.PACKED)(guest)
        guest.session.tell(R.SET_VRING_ADDR, guest.address(guest.queues[1]))
    evil.refused(prepare, R.SET_VRING_BASE, state(1, base))


BAD_LOGS = {"short": (1, 0, MIB), "no bytes": (0, 0, MIB), "longer than its file": (MIB + 1, 0, MIB),
            "offset beyond its file": (4096, MIB, MIB), "offset wraps": (4096, TOP - 4096, MIB),
            "wraps": (TOP - 1, 4096, MIB), "empty file": (4096, 0, 0)}


@pytest.mark.parametrize("what", BAD_LOGS)
def test_55_log_that_cannot_be(evil, memfd, what):
    """Guest memory ends at 17 MiB: 544 bytes of log."""
    size, offset, file = BAD_LOGS[what]
    evil.refused(with_memory, R.SET_LOG_BASE, struct.pack("=QQ", size, offset), [memfd(file)])


def test_55_log_in_no_file(evil, files):
    for fd in no_eventfds(files).values():
        evil.new().refused(with_memory, R.SET_LOG_BASE, struct.pack("=QQ", 4096, 0), [fd])


@pytest.mark.parametrize("address", [1 << 40, TOP - 8, 17 * MIB - 8])
def test_56_log_address_out_of_range(evil, address):
    def payload(guest):
        return guest.address(guest.queues[1], log=address, flags=1)
    evil.refused(sized(), R.SET_VRING_ADDR, payload)


@pytest.mark.parametrize("geometry", [(0, 0, 0, 0), (MIB, 0, 4, 256), (TOP - 1, TOP - 1, 0xFFFF, 0xFFFF)])
def test_57_inflight(evil, memfd, geometry):
    """We do not offer it: buffers complete in order. Whoever speaks of it lies."""
    data = struct.pack("=QQHH", *geometry)
    evil.refused(with_memory, R.SET_INFLIGHT_FD, data, [memfd()])
    evil.new().refused(with_memory, R.GET_INFLIGHT_FD, data, answers=True)
    guest = evil.new().front_end().negotiate()
    assert guest.session.ask_u64(R.GET_PROTOCOL_FEATURES) & Protocol.INFLIGHT_SHMFD == 0


@pytest.mark.parametrize("request_", RING_FILES, ids=lambda r: r.name)
def test_58_no_descriptor_together_with_one(evil, files, request_):
    closes(evil, prepared(evil), request_, u64(NOFD), [files(os.eventfd(0))])
    closes(evil, prepared(evil), request_, u64(NOFD | 1), [files(os.eventfd(0))] * 2)
    evil.honest()
