# SPDX-License-Identifier: BSD-3-Clause
"""Guests that rewrite their memory while the switch reads it (heddle-racer): whatever is read twice shows here. A ring
that breaks is set up again and again while the race goes on."""

import itertools
import os
import struct
import subprocess
import time

import pytest

from arena import BASIC, BROADCAST, DEADLINE, MIB, MULTIQUEUE, Region, mac
from front_end import OFFLOADS, Header
from heddle import BUILD
from proc import die_with_parent, wait_until
from vhost_user import Virtio
from vring import AVAIL, INDIRECT, NEXT, USED, WRITE, Desc

RACER = BUILD / "tests" / "hostile" / "heddle-racer"
SECONDS = 2.0
NOWHERE = 1 << 40


class Race:
    """A guest and what is written into its memory meanwhile."""

    def __init__(self, guest, seed):
        self.guest, self.seed, self.words = guest, seed, []
        self.region = guest.memory.regions[0]

    def offset(self, gpa):
        return gpa - self.region.gpa + self.region.offset

    def cell(self, gpa, width, *values):
        self.words.append(f"{self.offset(gpa)}:{width}:{','.join(str(value) for value in values)}")

    def index(self, ring):
        """Keep a split ring fed."""
        self.words.append(f"i:{self.offset(ring.avail + 2)}:{self.offset(ring.used + 2)}:{ring.size}")

    def desc(self, gpa, packed, *, addr=(), length=(), flags=(), other=()):
        """Values for the fields of a descriptor; other is `next` or `id`."""
        for at, width, values in ((0, 8, addr), (8, 4, length), (14 if packed else 12, 2, flags),
                                  (12 if packed else 14, 2, other)):
            if values:
                self.cell(gpa + at, width, *values)

    def run(self, meanwhile, seconds=SECONDS):
        """meanwhile() is called again and again; returns how often memory was written."""
        racer = subprocess.Popen([RACER, str(self.region.fd), str(self.region.offset + self.region.size), str(seconds),
                                  str(self.seed), *self.words], pass_fds=[self.region.fd], stdout=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        end = time.monotonic() + seconds + DEADLINE
        while racer.poll() is None:
            assert time.monotonic() < end, "the racer does not end"
            meanwhile()
        out, _ = racer.communicate()
        assert racer.returncode == 0
        return int(out)


def revive(guest, lay):
    """Set up again what has broken, with the ring as lay(queue) makes it. Returns how many there were."""
    count = 0
    for queue in guest.queues:
        if queue.signalled(queue.error):
            guest.restart(queue)
            lay(queue)
            count += 1
    return count


def finish(arena, evil, guest):
    """The race is over: the guest becomes honest."""
    for queue in guest.queues:
        guest.restart(queue)
    arena.seen()
    arena.passes(guest)
    arena.reaches(guest)
    evil.close(guest)


def flags_of(packed, *flags):
    """For a packed ring with every state of its wrap: the racer makes descriptors available by chance."""
    return [f | wrap for f in flags for wrap in (AVAIL, USED)] if packed else list(flags)


def frames_processed(evil):
    stats = evil.arena.stats(evil.name)
    return stats["rx"]["packets"] + stats["tx"]["packets"] + sum(stats["drops"].values())


@pytest.mark.parametrize("seed", [1])
def test_10_indirect_table_changes(arena, evil, packed, seed):
    """Entries' next, flags, lengths and addresses change while the chain is walked."""
    guest = evil.guest(packed=packed, size=64)
    buffer = guest.memory.alloc(1 << 17)
    guest.memory.write(buffer, bytes(12) + arena.frame(length=200))
    table = guest.memory.alloc(16 * 16)
    race = Race(guest, seed)
    for i in range(16):
        race.desc(table + 16 * i, packed, addr=(buffer, buffer + 100, buffer, NOWHERE, "random"),
                  length=(0, 60, 100, 200, 1500), flags=(NEXT, NEXT, NEXT, NEXT, NEXT, 0, INDIRECT, WRITE),
                  other=(i + 1, i + 1, i + 2, 0, 15, 16))

    def lay(queue):
        if queue is guest.tx():
            while queue.ring.room() and not packed or queue.ring.room() > 32:
                queue.ring.chain([Desc(table, 256, INDIRECT)])
            queue.publish()

    def feed():
        if packed:
            queue = guest.tx()
            queue.ring.harvest()
            while queue.ring.room() > 8:
                queue.ring.chain([Desc(table, 256, INDIRECT)])
            queue.publish()
        broken[0] += revive(guest, lay)
        arena.seen()
    broken = [0]
    lay(guest.tx())
    if not packed:
        race.index(guest.tx().ring)
    before = frames_processed(evil)
    assert race.run(feed) > 100000
    assert broken[0] > 0 or frames_processed(evil) > before, "nothing was looked at"
    finish(arena, evil, guest)


@pytest.mark.parametrize("direction", ["transmit", "receive"])
def test_21_descriptors_change(arena, evil, packed, direction):
    """Between its check and its use a descriptor says something else. The ring itself stays right, so that it goes on."""
    sink = direction == "receive"
    guest = evil.guest(BASIC, packed=packed, size=64)
    queue = guest.rx() if sink else guest.tx()
    write = WRITE if sink else 0
    buffer = guest.memory.alloc(1 << 17)
    end = guest.memory.regions[0].end
    guest.memory.write(buffer, bytes(12) + arena.frame(length=1000))
    canary = guest.memory.alloc(4096)
    guest.memory.write(canary, b"\xa5" * 4096)
    race = Race(guest, 21)
    for i in range(64):
        race.desc(queue.ring.desc + 16 * i, packed, addr=(buffer, buffer, end - 64, end - 1, NOWHERE),
                  length=(0, 12, 60, 1012, 0x10000, 0xFFFFFFFF), flags=flags_of(packed, write))

    def lay(which):
        if which is not queue:
            return
        for i in range(64):
            queue.ring.set_desc(i, buffer, 1012, flags=write | (AVAIL if packed else 0))
            if not packed:
                queue.ring.set_avail(i, i)
        if not packed:
            queue.ring.avail_idx = 64
        queue.notify()

    def feed():
        revive(guest, lay)
        if sink:
            for source in range(8):
                if arena.witness.tx().ring.room() > 8:
                    arena.witness.send(arena.frame(source, length=900), publish=False)
            arena.witness.tx().publish()
        arena.seen()
    lay(queue)
    if not packed:
        race.index(queue.ring)
    before = frames_processed(evil)
    race.run(feed)
    assert frames_processed(evil) > before + 100, "hardly anything was looked at"
    assert guest.memory.read(canary, 4096) == b"\xa5" * 4096
    finish(arena, evil, guest)


def test_21_packed_chains_change(arena, evil):
    """Everything in the descriptors, ids and chains too: the ring breaks, or not, and can always be set up again."""
    guest = evil.guest(MULTIQUEUE, packed=True, size=16)
    buffer = guest.memory.alloc(1 << 16)
    race = Race(guest, 77)
    for queue in guest.queues:
        for i in range(16):
            race.desc(queue.ring.desc + 16 * i, True, addr=(buffer, NOWHERE, queue.ring.desc), length=(0, 100, 5000, "random"),
                      flags=flags_of(True, 0, NEXT, WRITE, INDIRECT), other=(0, 1, 15, 16, "random"))
        race.cell(queue.ring.avail, 4, 0, 1 << 16, 2 << 16, 3 << 16, "random")
        race.cell(queue.ring.used, 4, 0, "random")
    broken = [0]

    def feed():
        broken[0] += revive(guest, lambda queue: None)
        provoke(arena)
    race.run(feed)
    assert broken[0] > 3, "it hardly ever broke"
    finish(arena, evil, guest)


def test_21_split_everything_changes(arena, evil):
    guest = evil.guest(MULTIQUEUE | Virtio.EVENT_IDX, size=16)
    buffer = guest.memory.alloc(1 << 16)
    race = Race(guest, 78)
    for queue in guest.queues:
        ring = queue.ring
        for i in range(16):
            race.desc(ring.desc + 16 * i, False, addr=(buffer, NOWHERE, ring.desc), length=(0, 100, 5000, "random"),
                      flags=(0, NEXT, WRITE, INDIRECT, WRITE, 0), other=(0, 1, 15, 16))
            race.cell(ring.avail + 4 + 2 * i, 2, i, i, i, 15, 16)
        race.cell(ring.avail + 36, 2, "random")
        race.cell(ring.used + 2, 2, 0, 5, "random")
        race.index(ring)
    broken = [0]

    def feed():
        broken[0] += revive(guest, lambda queue: None)
        provoke(arena)
    race.run(feed)
    assert broken[0] > 3, "it hardly ever broke"
    finish(arena, evil, guest)


def provoke(arena):
    for source in range(8):
        if arena.witness.tx().ring.room() > 8:
            arena.witness.send(arena.frame(source, length=300), publish=False)
    arena.witness.tx().publish()
    arena.witness.reap()
    arena.seen()


def ports(arena, evil, count):
    """Witnesses at ports of their own, each with a static address."""
    made = []
    for number in range(count):
        evil.new()
        front = evil.guest(BASIC, size=1024)
        front.post(512)
        arena.control("fdb.add", bridge="bad", mac=":".join(f"{b:02x}" for b in mac(0x200 + number)), port=evil.name)
        made.append(front)
    return made


def test_22_header_changes_after_classification(arena, evil, packed):
    """The destination flips between two addresses: what was looked up is what goes out. Nobody sees another's frames."""
    name, path = evil.name, evil.path
    first, second = ports(arena, evil, 2)
    evil.name, evil.path = name, path
    guest = evil.guest(BASIC, packed=packed, size=256)
    queue = guest.tx()
    frame = mac(0x200) + mac(0xEE) + b"\x88\xb5" + bytes(200)
    race = Race(guest, 22)
    buffers = []
    for i in range(256):
        gpa = guest.place(bytes(12) + frame)[0][0]
        buffers.append(gpa)
        race.cell(gpa + 12 + 4, 2, *(int.from_bytes(mac(0x200 + n)[4:], "little") for n in (0, 1)))
        if i >= 128:  # and what decides how much else is read
            race.cell(gpa + 12 + 12, 2, *(int.from_bytes(t, "little") for t in (b"\x88\xb5", b"\x08\0", b"\x86\xdd")))
            race.cell(gpa + 12 + 14, 8, "random", 0)
            race.cell(gpa, 8, 0, "random")
    counts = [0, 0]

    def feed():
        queue.ring.harvest()
        while queue.ring.room():
            queue.ring.chain([Desc(buffers[queue.ring.free[0] if not packed else queue.ring.slot], 226)])
        queue.publish()
        for number, front in enumerate((first, second)):
            got = front.take()
            wrong = [r for r in got if r.frame[:6] not in (mac(0x200 + number), BROADCAST)]
            assert not wrong, f"port {number} got a frame of another's: {wrong[0].frame[:20].hex()}"
            counts[number] += len(got)
            if got:
                front.post(sum(r.buffers for r in got))
        arena.seen()
    race.run(feed)
    assert min(counts) > 50, f"frames came to {counts}"
    arena.seen()
    finish(arena, evil, guest)


def test_22_offloads_change_after_classification(arena, evil, packed):
    """The virtio-net header and the headers it speaks of change: what goes out was checked together."""
    guest = evil.guest(BASIC | OFFLOADS, packed=packed, size=64)
    queue = guest.tx()
    race = Race(guest, 23)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 3040, 1, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    tcp = struct.pack("!HHIIBBHHH", 1, 2, 3, 4, 0x50, 0x10, 100, 0, 0)
    data = Header(1, 1, 54, 1000, 34, 16).pack() + BROADCAST + mac(0xEE) + b"\x08\0" + ip + tcp + bytes(3000)
    buffers = []
    for _ in range(64):
        gpa = guest.place(data)[0][0]
        buffers.append(gpa)
        for at, values in ((0, (0x101, 1, 0, 0x401)), (4, (1000, 0, 1, 1460, 0xFFFF)), (6, (34, 0, 54, 0xFFFF)),
                           (8, (16, 6, 0xFFFF)), (2, (0, 54, 0xFFFF)), (28, (3040 << 8 & 0xFF00 | 3040 >> 8, 0, 0xFFFF))):
            race.cell(gpa + at, 2, *values)
        race.cell(gpa + 26, 1, 0x45, 0x46, 0x4F, 0x40)
        race.cell(gpa + 26 + 20 + 12, 1, 0x50, 0xF0, 0x00)

    def feed():
        queue.ring.harvest()
        while queue.ring.room():
            queue.ring.chain([Desc(buffers[queue.ring.free[0] if not packed else queue.ring.slot], len(data))])
        queue.publish()
        for received in arena.seen():
            header, frame = received.header, received.frame
            if header.gso_type:
                assert header.gso_size > 0 and header.hdr_len <= len(frame), header
            if header.flags & 1:
                assert header.csum_start + header.csum_offset + 2 <= len(frame), header
    before = frames_processed(evil)
    race.run(feed)
    assert frames_processed(evil) > before + 100
    finish(arena, evil, guest)


def test_35_packed_used_descriptors_rewritten(arena, evil):
    """What we have written into the ring is no memory of ours: id, length and flags of used descriptors change."""
    guest = evil.guest(BASIC, packed=True, size=64)
    buffer = guest.memory.alloc(1 << 12)
    guest.memory.write(buffer, bytes(12) + arena.frame(length=300))
    ring = guest.tx().ring
    race = Race(guest, 35)
    for i in range(64):
        race.desc(ring.desc + 16 * i, True, length=(312, 312, 0, 100), flags=(AVAIL, USED, AVAIL | USED, 0, AVAIL | NEXT),
                  other=(0, i, 63, 5))
    for i in range(64):
        ring.set_desc(i, buffer, 312, i, AVAIL)
    guest.tx().notify()

    def lay(queue):
        for i in range(64):
            queue.ring.set_desc(i, buffer, 312, i, AVAIL)

    def feed():
        revive(guest, lambda queue: lay(queue) if queue is guest.tx() else None)
        arena.seen()
    before = frames_processed(evil)
    race.run(feed)
    assert frames_processed(evil) > before + 100
    finish(arena, evil, guest)


def test_35_split_used_ring_rewritten(arena, evil):
    """The same with a split ring's used index and elements: the switch writes them and never reads them back."""
    guest = evil.guest(BASIC, size=64)
    ring = guest.tx().ring
    buffer = guest.memory.alloc(1 << 12)
    guest.memory.write(buffer, bytes(12) + arena.frame(length=300))
    race = Race(guest, 36)
    race.cell(ring.used, 4, 0, "random")
    for i in range(64):
        race.cell(ring.used + 4 + 8 * i, 8, 0, "random")
        ring.set_desc(i, buffer, 312)
        ring.set_avail(i, i)
    counter = itertools.count(32, 32)
    before = frames_processed(evil)

    def feed():
        target = next(counter)
        ring.avail_idx = target
        guest.tx().notify()
        wait_until(lambda: frames_processed(evil) >= before + target, DEADLINE, f"{target} frames")
        arena.seen()
    race.run(feed)
    assert frames_processed(evil) - before > 100
    assert evil.fault(guest.tx()) is None
    finish(arena, evil, guest)


def test_truncation_in_the_middle_of_a_race(arena, evil, packed):
    """Memory goes while PMDs copy: again and again, at any moment."""
    for kept in (0, 4096, 0, 8192):  # of the rings
        guest = evil.new().guest(BASIC, packed=packed, size=256, regions=(Region(8 * MIB, MIB),))
        guest.post(128)
        for _ in range(128):
            guest.send(arena.frame(length=1400), publish=False)
        for source in range(32):
            if arena.witness.tx().ring.room() > 8:
                arena.witness.send(arena.frame(source, length=1400), publish=False)
        guest.tx().publish()
        arena.witness.tx().publish()
        os.ftruncate(guest.memory.regions[0].fd, kept)
        assert guest.session.closed(DEADLINE)
        evil.close(guest)
        arena.witness.reap()
        arena.seen()
    evil.honest()
