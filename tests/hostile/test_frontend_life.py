# SPDX-License-Identifier: BSD-3-Clause
"""Front-ends that are slow, come in storms, go in the middle, or take their memory away."""

import os
import random
import socket
import struct
import time

import pytest

from arena import BASIC, DEADLINE, MIB, MULTIQUEUE, Closed, Region
from heddle import SLOW
from proc import wait_until
from vhost_user import HEADER, NEED_REPLY, NOFD, VERSION, Request, Session, Virtio, mem_table, state, u64
from vring import WRITE, Desc

R = Request
MESSAGE = HEADER.pack(R.SET_FEATURES, VERSION, 8) + bytes(8)


def ask_others(arena):
    """Seconds that ten questions to others take."""
    started = time.monotonic()
    for _ in range(5):
        arena.witness.session.ask_u64(R.GET_FEATURES)
        arena.port("witness")
    return time.monotonic() - started


def served_at_once(arena):
    """Another port's session does not wait for the hostile one's. The machine may be busy: the best of a few counts."""
    took = min(ask_others(arena) for _ in range(3))
    assert took < 0.2 * SLOW, f"{took:.2f} s for ten questions"


@pytest.mark.parametrize("length", [1, 4, 11, 12, 13, 19])
def test_38_truncated_message(arena, evil, length):
    """The rest never comes: after a second or so the connection is closed."""
    session = evil.session()
    session.send_bytes(MESSAGE[:length])
    served_at_once(arena)
    assert session.closed(DEADLINE)
    evil.honest()


def test_38_truncated_message_with_descriptors(evil):
    session = evil.session()
    data = HEADER.pack(R.SET_MEM_TABLE, VERSION, 72) + bytes(20)
    session.send_bytes(data, [os.memfd_create("x")] * 8)
    assert session.closed(DEADLINE)
    evil.honest()


def test_38_byte_by_byte(arena, evil):
    """The deadline is the message's, not the byte's."""
    session = evil.session()
    with pytest.raises(Closed):
        for byte in HEADER.pack(R.SET_FEATURES, VERSION, 264) + bytes(264):
            session.send_bytes(bytes([byte]))
            if session.closed(0.05):
                raise Closed
    served_at_once(arena)
    evil.honest()


def test_38_message_in_pieces(arena, evil):
    """Slow, but not too slow, is legal."""
    guest = evil.front_end()
    for part in (HEADER.pack(R.GET_FEATURES, VERSION, 0)[:5], HEADER.pack(R.GET_FEATURES, VERSION, 0)[5:]):
        guest.session.send_bytes(part)
        served_at_once(arena)
    assert len(guest.session.receive().payload) == 8
    guest.start()
    arena.passes(guest)


def test_38_half_a_message_and_gone(evil):
    for length in (1, 12, 15):
        session = evil.session()
        session.send_bytes(MESSAGE[:length], [os.memfd_create("x")])
        evil.close(session)
    evil.honest()


def truncatable(evil, packed, features=MULTIQUEUE):
    """A guest with two regions: rings in the first, buffers in the second."""
    return evil.guest(features, packed=packed, regions=(Region(4 * MIB, MIB), Region(4 * MIB, 64 * MIB)))


@pytest.mark.parametrize("region", [0, 1])
@pytest.mark.parametrize("direction", ["transmit", "receive"])
def test_46_file_truncated(arena, evil, packed, region, direction):
    """SIGBUS is caught: the port is poisoned and its connection closed."""
    guest = truncatable(evil, packed)
    buffer = guest.memory.regions[1].gpa
    guest.memory.write(buffer, bytes(12) + arena.frame(length=1000))
    cut = guest.memory.regions[region]
    raw = [Desc(buffer, 1012, WRITE if direction == "receive" else 0)]
    queue = guest.rx() if direction == "receive" else guest.tx()
    for _ in range(8):
        queue.ring.chain(raw)
    if region == 1:
        os.ftruncate(cut.fd, 0)
        queue.publish()
    else:
        queue.publish()
        os.ftruncate(cut.fd, 0)
    for source in range(16):
        arena.witness.send(arena.frame(0x100 + source, length=1000))
    assert guest.session.closed(DEADLINE), "the session goes on without its memory"
    assert "truncated" in wait_until(lambda: evil.port().get("reason"), DEADLINE)
    evil.close(guest)
    evil.honest()


def test_46_truncated_again_and_again(arena, evil):
    for _ in range(5):
        guest = evil.new().guest(BASIC)
        os.ftruncate(guest.memory.regions[0].fd, 0)
        assert guest.session.closed(DEADLINE)
        evil.close(guest)
    evil.honest()


def test_46_log_truncated(arena, evil, packed):
    """The dirty log's file is the front-end's too."""
    guest = evil.guest(BASIC, packed=packed)
    log = os.memfd_create("heddle-test-log")
    os.ftruncate(log, 4 * MIB)
    guest.session.ask(R.SET_LOG_BASE, struct.pack("=QQ", 4 * MIB, 0), [log])
    guest.session.tell(R.SET_FEATURES, u64(guest.features | Virtio.LOG_ALL))
    arena.reaches(guest)
    os.ftruncate(log, 0)
    guest.post(4)
    for _ in range(4):
        arena.witness.send(arena.frame(0x77))
    assert guest.session.closed(DEADLINE), "the session goes on without its log"
    os.close(log)
    evil.close(guest)
    evil.honest()


def swapped(guest):
    """The same memory from other descriptors; where the front-end has it may change."""
    return mem_table(guest.memory.regions), [os.dup(r.fd) for r in guest.memory.regions]


def test_47_memory_swapped_live(arena, evil, packed):
    """Under traffic, the same table again and again: not a frame is lost, indices go on."""
    guest = evil.guest(BASIC, packed=packed)
    for _ in range(30):
        frames = [arena.frame() for _ in range(16)]
        for frame in frames:
            guest.send(frame)
        table, fds = swapped(guest)
        guest.session.tell(R.SET_MEM_TABLE, table, fds)
        for fd in fds:
            os.close(fd)
        for frame in frames:
            arena.arrives(frame)
        guest.returned(16)
        arena.reaches(guest)


def test_47_memory_taken_away_live(arena, evil, packed):
    """The rings are no longer in memory: they do not run, until they are again."""
    guest = evil.guest(BASIC, packed=packed)
    other = Region(4 * MIB, 64 * MIB)
    guest.session.tell(R.SET_MEM_TABLE, mem_table([other]), [other.fd])
    other.close()
    guest.tx().notify()
    wait_until(lambda: not evil.port()["up"], DEADLINE, "port down")
    guest.share_memory()
    wait_until(lambda: evil.port()["up"], DEADLINE, "port up again")
    arena.passes(guest)


def test_47_buffers_taken_away_live(arena, evil, packed):
    """The rings stay, what they point to does not."""
    guest = truncatable(evil, packed, BASIC)
    buffers = guest.memory.regions[1]
    guest.memory.write(buffers.gpa, bytes(12) + arena.frame())
    guest.session.tell(R.REM_MEM_REG, u64(0) + buffers.wire())

    def send():
        guest.tx().ring.chain([Desc(buffers.gpa, 76)])
        guest.tx().publish()
    evil.dropped(guest, "rx-address", send)
    guest.session.tell(R.ADD_MEM_REG, u64(0) + buffers.wire(), [buffers.fd])
    send()
    guest.returned(1)
    assert evil.drops("rx-address") == 1


@pytest.mark.parametrize("seed", range(3))
def test_51_kick_and_enable_before_set_up(arena, evil, packed, seed):
    """Any order: nothing runs before all is there, everything then."""
    rnd = random.Random(seed)
    guest = evil.front_end()
    guest.negotiate(BASIC | (Virtio.PACKED if packed else 0))
    guest.make_queues()
    ready = False
    for queue in guest.queues:
        steps = [(R.SET_VRING_KICK, u64(queue.index), [queue.kick]), (R.SET_VRING_ENABLE, state(queue.index, 1), []),
                 (R.SET_VRING_NUM, state(queue.index, 256), []), (R.SET_VRING_ADDR, guest.address(queue), []),
                 (R.SET_VRING_CALL, u64(queue.index), [queue.call]),
                 (R.SET_VRING_ERR, u64(queue.index), [queue.error])]
        rnd.shuffle(steps)
        for step in steps:
            guest.session.tell(*step)
            queue.notify()
            assert not evil.port()["up"] or ready
    guest.share_memory()
    wait_until(lambda: evil.port()["up"], DEADLINE)
    arena.passes(guest)
    arena.reaches(guest)


def test_51_kick_before_everything(arena, evil):
    """Before features even."""
    guest = evil.front_end()
    guest.make_queues()
    for queue in guest.queues:
        guest.session.send(R.SET_VRING_KICK, u64(queue.index), [queue.kick])
        guest.session.send(R.SET_VRING_ENABLE, state(queue.index, 1))
        queue.notify()
    guest.start(BASIC)
    arena.passes(guest)


def test_51_disabled_ring_is_drained(arena, evil, packed):
    """A transmit ring that was not enabled: its frames are taken, and go nowhere."""
    guest = evil.guest(BASIC, packed=packed, enable=False, up=False)
    for _ in range(3):
        guest.send(arena.frame())
    guest.returned(3)
    assert evil.drops("rx-disabled") == 3
    for queue in guest.queues:
        guest.enable(queue)
    arena.passes(guest)


def test_54_get_base_twice(arena, evil, packed):
    """The answer is the same, and the ring starts where it stood."""
    guest = evil.guest(MULTIQUEUE, packed=packed)
    for _ in range(7):
        arena.passes(guest)
    queue = guest.tx()
    bases = [guest.session.vring_base(queue.index) for _ in range(3)]
    assert len(set(bases)) == 1 and bases[0] & 0xFFFF == queue.ring.base()
    assert guest.session.vring_base(guest.tx(1).index) == guest.session.vring_base(guest.tx(1).index)
    guest.setup_ring(queue, base=bases[0])
    arena.passes(guest)


def test_54_get_base_of_a_ring_never_set_up(evil):
    guest = evil.front_end().negotiate()
    for index in range(4):
        guest.session.vring_base(index)


@pytest.mark.parametrize("offset", [0, 4096, 100])
def test_55_log_is_bounded(arena, evil, packed, offset):
    """A log that covers memory as it was: what lies beyond is not marked, nor written anywhere else."""
    guest = evil.guest(BASIC, packed=packed, regions=(Region(4 * MIB, MIB),))
    size = 160 + 8  # 5 MiB are 160 bytes of log
    log = os.memfd_create("heddle-test-log")
    os.ftruncate(log, 16384)
    os.pwrite(log, b"\xa5" * 16384, 0)
    os.pwrite(log, bytes(size), offset)
    guest.session.ask(R.SET_LOG_BASE, struct.pack("=QQ", size, offset), [log])
    guest.session.tell(R.SET_FEATURES, u64(guest.features | Virtio.LOG_ALL))
    far = Region(MIB, 1 << 30)
    guest.session.tell(R.ADD_MEM_REG, u64(0) + far.wire(), [far.fd])
    guest.memory.regions.append(far)
    guest.rx().ring.chain([Desc(far.gpa + 100, 2000, WRITE)])
    guest.rx().publish()
    arena.witness.send(arena.frame(0x77))
    wait_until(guest.rx().ring.harvest, DEADLINE, "frame in the far region")
    for _ in range(4):
        arena.reaches(guest)
    data = os.pread(log, 16384, 0)
    assert data[:offset] + data[offset + size:] == b"\xa5" * (16384 - size), "written outside the log"
    assert any(data[offset:offset + size]), "nothing was logged"
    os.close(log)


def memory_is_constant(arena, flood, rounds=3):
    """After a first round nothing grows."""
    flood()
    before, resident = arena.footprint(), arena.rss()
    for _ in range(rounds):
        flood()
    assert arena.footprint() == before
    grown = arena.rss() - resident
    assert grown < 2 * MIB * SLOW, f"{grown} bytes more"


def test_59_message_flood(arena, evil):
    guest = evil.guest(BASIC)

    def flood():
        # answered now and then, so that the replies fit the socket
        for _ in range(40):
            guest.session.send_bytes((HEADER.pack(R.SET_VRING_ENABLE, VERSION, 8) + state(0, 1)) * 100)
            guest.session.ask_u64(R.GET_FEATURES)
        served_at_once(arena)
    memory_is_constant(arena, flood)
    arena.passes(guest)


def test_59_flood_of_descriptors(arena, evil):
    guest = evil.guest(BASIC)
    queue = guest.tx()

    def flood():
        for i in range(300):
            request, fd = ((R.SET_VRING_ERR, queue.error), (R.SET_VRING_CALL, queue.call),
                           (R.SET_VRING_KICK, queue.kick))[i % 3]
            guest.session.tell(request, u64(queue.index), [fd])
        guest.session.tell(R.SET_VRING_ERR, u64(queue.index | NOFD))
        guest.session.tell(R.SET_VRING_ERR, u64(queue.index), [queue.error])
    memory_is_constant(arena, flood)
    arena.passes(guest)


def test_59_flood_of_memory_tables(arena, evil):
    guest = evil.guest(BASIC)
    log = os.memfd_create("heddle-test-log")
    os.ftruncate(log, MIB)

    def flood():
        for _ in range(30):
            guest.share_memory()
            guest.session.ask(R.SET_LOG_BASE, struct.pack("=QQ", 4096, 0), [log])
    memory_is_constant(arena, flood)
    os.close(log)
    arena.passes(guest)


def test_59_flood_of_refusals(arena, evil):
    """Each has a reason, and the log does not grow with them."""
    guest = evil.guest(BASIC)

    def flood():
        for i in range(300):
            assert guest.session.acked(R.SET_VRING_NUM, state(i, 3)) != 0
    flood()
    told = arena.switch.log().count("refused")
    memory_is_constant(arena, flood)
    assert arena.switch.log().count("refused") == told
    arena.passes(guest)


def test_60_second_connection(arena, evil):
    """It is closed at once, and the first goes on."""
    guest = evil.guest(BASIC)
    for _ in range(20):
        second = evil.session()
        assert second.closed(DEADLINE)
        evil.close(second)
        arena.passes(guest)
    assert arena.switch.log().count(f"{evil.name}: a second") <= 1


def test_60_reconnect_storm(arena, evil):
    """Connections that end badly, one after the other: each is held off longer, and none of it costs others."""
    began = time.monotonic()
    served = 0
    while time.monotonic() - began < 2:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(DEADLINE)
        sock.connect(str(evil.path))
        session = Session(sock=sock)
        try:
            session.send(R.GET_FEATURES, flags=0)
        except Closed:
            pass
        served += session.closed(DEADLINE)
        session.close()
    assert 2 <= served < 30, f"{served} connections in 2 s"
    served_at_once(arena)
    evil.honest()


def test_60_storm_of_silent_connections(arena, evil):
    """Connect and go, a hundred times."""
    def flood():
        for _ in range(50):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(0.02)
            try:
                sock.connect(str(evil.path))
            except (BlockingIOError, TimeoutError):
                pass
            sock.close()
        served_at_once(arena)
        wait_until(lambda: arena.footprint() == idle, DEADLINE, "all of them gone")
    idle = arena.footprint()
    memory_is_constant(arena, flood, rounds=1)
    evil.honest(deadline=30 * SLOW)  # those that came before and have gone are held against it


@pytest.mark.parametrize("how", ["close", "reset"])
def test_61_disconnect_in_the_middle_of_a_burst(arena, evil, packed, how):
    """Rings full both ways when the connection, and then the memory, goes."""
    for _ in range(6):
        guest = evil.new().guest(MULTIQUEUE, packed=packed)
        for pair in (0, 1):
            guest.post(100, pair=pair)
            for _ in range(100):
                guest.send(arena.frame(), pair=pair, publish=False)
        for _ in range(60):
            arena.witness.send(arena.frame(0x77), publish=False)
        arena.witness.tx().publish()
        for pair in (0, 1):
            guest.tx(pair).publish()
        if how == "reset":  # an unread answer makes it a reset
            guest.session.send(R.GET_FEATURES)
        regions = guest.memory.regions
        evil.close(guest)
        assert all(region.fd < 0 for region in regions)
        arena.seen()
    evil.honest()


def test_61_disconnect_in_any_state(evil):
    """The handshake broken off after each of its messages."""
    for length in range(1, 24):
        guest = evil.new().front_end()
        sent = 0

        class Enough(Exception):
            pass

        def tell(*message, send=guest.session.tell):
            nonlocal sent
            sent += 1
            if sent > length:
                raise Enough
            send(*message)
        guest.session.tell = tell
        try:
            guest.start()
        except Enough:
            pass
        evil.close(guest)
    evil.honest()


def ask_until_gone(arena, session, messages):
    """Ask without reading an answer, until the switch has enough; others are served meanwhile."""
    end = time.monotonic() + DEADLINE
    gone = False
    while not gone and time.monotonic() < end:
        try:
            session.sock.send(messages)
        except BlockingIOError:
            served_at_once(arena)
            time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            gone = True
    assert gone, "the switch waits for ever"


def test_62_replies_never_read(arena, evil):
    """Questions as long as the socket takes them: the answers have nowhere to go."""
    session = evil.session()
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    session.sock.setblocking(False)
    question = HEADER.pack(R.GET_FEATURES, VERSION, 0)
    ask_until_gone(arena, session, question * 100)
    evil.honest()


def test_62_acknowledgements_never_read(arena, evil):
    guest = evil.guest(BASIC)
    guest.session.sock.setblocking(False)
    message = HEADER.pack(R.SET_VRING_ENABLE, VERSION | NEED_REPLY, 8) + state(0, 1)
    ask_until_gone(arena, guest.session, message * 50)
    evil.honest()


def test_legal_handshakes(arena, evil):
    """What the tests above break off or bend works when it is whole: without protocol features, with many regions."""
    legacy = evil.guest(Virtio(0))
    arena.passes(legacy)
    arena.reaches(legacy)
    evil.close(legacy)
    many = evil.new().guest(BASIC, regions=[Region(MIB, MIB * (2 * i + 1)) for i in range(40)])
    assert evil.port()["memory"]["regions"] == 40
    arena.passes(many)
