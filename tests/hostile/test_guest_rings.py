# SPDX-License-Identifier: BSD-3-Clause
"""Guests that break the rules of the ring itself: it stops, and nothing else does."""

import itertools
import random

import pytest

from arena import DEADLINE, MIB, MULTIQUEUE, Region
from front_end import BASIC
from proc import wait_until
from vhost_user import Virtio
from vring import INDIRECT, NEXT, WRITE, Desc

# Words of the faults, as vhost/vring.c has them.
AVAIL, HEAD, NEXT_BEYOND, LONGER = "available index", "begins beyond", "next is beyond", "longer than its table"
NESTED, HAS_NEXT, BAD_TABLE = "in an indirect table", "has a next", "no, too many or half"
NOT_NEGOTIATED, DIRECTION, BAD_ID = "not negotiated", "or the reverse", "buffer id"

DIRECTIONS = ["transmit", "receive"]


@pytest.fixture(params=DIRECTIONS)
def sink(request):
    """Whether the switch writes into the ring under attack."""
    return request.param == "receive"


class Attack:
    """A guest with two pairs, and a ring of its first one to be broken."""

    def __init__(self, arena, evil, packed, sink, features=MULTIQUEUE, **how):
        self.arena, self.evil, self.sink = arena, evil, sink
        self.guest = evil.guest(features, packed=packed, **how)
        self.queue = self.guest.rx() if sink else self.guest.tx()
        self.ring = self.queue.ring
        self.write = WRITE if sink else 0
        if not sink:
            arena.passes(self.guest)

    def buffer(self, length=256):
        """Somewhere a frame lies, or could."""
        data = bytes(12) + self.arena.frame(length=length - 12)
        return self.guest.place(data)[0][0]

    def desc(self, flags=0, following=None, length=256):
        return Desc(self.buffer(length), length, self.write | flags, following)

    def chain(self, *descs):
        return self.ring.chain(list(descs))

    def fire(self):
        """Show it to the switch; a receive ring is looked at when there is something to receive."""
        self.queue.publish()
        if self.sink:
            self.provoke()

    def provoke(self):
        """Frames that come to every pair of the guest."""
        for source in range(16):
            self.arena.witness.send(self.arena.frame(0x100 + source))

    def stops(self, *words):
        self.evil.stopped(self.guest, self.queue, *words)

    def fires(self, *words):
        self.fire()
        self.stops(*words)


@pytest.fixture
def attack(arena, evil, sink):
    return lambda packed=False, **how: Attack(arena, evil, packed, sink, **how)


@pytest.mark.parametrize("ahead", [1, 0x4000, 0x8000 - 256])
def test_01_avail_jumps(attack, ahead):
    it = attack()
    it.ring.avail_idx = it.ring.next_avail + it.ring.size + ahead
    it.queue.notify()
    if it.sink:
        it.provoke()
    it.stops(AVAIL)


def test_01_avail_goes_back(attack):
    it = attack()
    it.ring.avail_idx = it.ring.next_avail - 1
    it.queue.notify()
    if it.sink:
        it.provoke()
    it.stops(AVAIL)


@pytest.mark.parametrize("head", ["size", 0x7FFF, 0xFFFF])
def test_02_head_beyond_ring(attack, head):
    it = attack()
    it.ring.push(it.ring.size if head == "size" else head)
    it.fires(HEAD)


@pytest.mark.parametrize("following", ["size", 0xFFFF])
def test_03_next_beyond_table(attack, following):
    it = attack()
    it.chain(it.desc(NEXT, it.ring.size if following == "size" else following))
    it.fires(NEXT_BEYOND)


@pytest.mark.parametrize("following", [2, 3, 0xFFFF])
def test_03_next_beyond_indirect_table(attack, following):
    it = attack()
    table = it.ring.table([it.desc(NEXT), it.desc(NEXT, following)])
    it.chain(Desc(table, 32, INDIRECT))
    it.fires(NEXT_BEYOND)


@pytest.mark.parametrize("length", [1, 2, 7])
def test_04_loop(attack, length):
    it = attack()
    first = it.ring.free[0]
    it.chain(*[it.desc(NEXT) for _ in range(length - 1)], it.desc(NEXT, first))
    it.fires(LONGER)


@pytest.mark.parametrize("length", [1, 3])
def test_04_loop_in_indirect_table(attack, length):
    it = attack()
    table = it.ring.table([it.desc(NEXT) for _ in range(length - 1)] + [it.desc(NEXT, 0)])
    it.chain(Desc(table, 16 * length, INDIRECT))
    it.fires(LONGER)


def test_04_loop_of_empty_buffers(attack):
    """Nothing is copied, and it ends all the same."""
    it = attack()
    it.chain(Desc(it.buffer(), 0, it.write | NEXT), Desc(it.buffer(), 0, it.write | NEXT, it.ring.free[0]))
    it.fires(LONGER)


def test_05_chain_longer_than_table(attack, packed):
    """Every descriptor of the ring has a next."""
    it = attack(packed)
    while it.ring.slot != 0 if packed else it.ring.next_avail:  # a chain that begins where the ring does
        it.guest.restart(it.queue)
        if not packed:
            break
    # the buffers are small, so that it is the number that is wrong
    gpa = it.buffer()
    it.chain(*[Desc(gpa, 1, it.write | NEXT, (i + 1) % it.ring.size) for i in range(it.ring.size)])
    it.fires(LONGER)


def test_06_nested_indirect(attack, packed):
    it = attack(packed)
    inner = it.ring.table([it.desc()])
    it.chain(Desc(it.ring.table([Desc(inner, 16, INDIRECT)]), 16, INDIRECT))
    it.fires(NESTED)


def test_06_indirect_table_in_itself(attack, packed):
    it = attack(packed)
    table = it.ring.table([it.desc(NEXT), Desc(0, 32, INDIRECT)])
    it.ring.write_desc(table + 16, Desc(table, 32, INDIRECT, 0), 0)
    it.chain(Desc(table, 32, INDIRECT))
    it.fires(NESTED)


def test_07_indirect_with_next(attack, packed):
    it = attack(packed)
    it.chain(Desc(it.ring.table([it.desc()]), 16, INDIRECT | NEXT), it.desc())
    it.fires(HAS_NEXT)


@pytest.mark.parametrize("length", [0, 1, 15, 17, 0xFFFFFFFF, 0xFFFFFFF0, 16 << 16])
def test_08_indirect_length(attack, packed, length):
    it = attack(packed)
    it.chain(Desc(it.ring.table([it.desc()]), length, INDIRECT))
    it.fires(BAD_TABLE)


@pytest.mark.parametrize("address", [0, 1 << 40, (1 << 64) - 16, (1 << 64) - 8])
def test_08_indirect_table_not_in_memory(attack, packed, address):
    it = attack(packed)
    it.chain(Desc(address, 32, INDIRECT))
    it.fires(BAD_TABLE)


def neighbouring_regions():
    """The second follows the first for the guest, and for nobody else."""
    return (Region(8 * MIB, MIB), Region(8 * MIB, 9 * MIB, uva=0x1_0000_0000))


@pytest.mark.parametrize("before", [16, 8, 24, 1])
def test_09_indirect_table_crosses_regions(arena, evil, packed, before):
    """Legal, if odd: it is read piece by piece, even a descriptor that lies in both."""
    guest = evil.guest(regions=neighbouring_regions(), packed=packed)
    ring, border = guest.tx().ring, guest.memory.regions[1].gpa
    frame = arena.frame(length=300)
    descs = [Desc(gpa, length, NEXT) for gpa, length in guest.place(bytes(12) + frame, [12, 100])]
    descs[-1] = descs[-1]._replace(flags=0)
    source = ring.table(descs)
    raw = b"".join(guest.memory.read(source + 16 * i, 16) for i in range(3))
    at = border - before
    guest.memory.write(at, raw[:before])
    guest.memory.write(border, raw[before:])
    ring.chain([Desc(at, 48, INDIRECT)])
    guest.tx().publish()
    arena.arrives(frame)
    guest.returned(1)
    arena.passes(guest)


def test_09_indirect_table_crosses_into_nothing(attack, packed):
    it = attack(packed)
    end = it.guest.memory.regions[0].end
    table = it.ring.table([it.desc(NEXT), it.desc()])
    it.guest.memory.write(end - 16, it.guest.memory.read(table, 16))
    it.chain(Desc(end - 16, 32, INDIRECT))
    it.fires(BAD_TABLE)


def test_11_indirect_not_negotiated(attack, packed):
    it = attack(packed, features=MULTIQUEUE & ~Virtio.INDIRECT)
    it.chain(Desc(it.ring.table([it.desc()]), 16, INDIRECT))
    it.fires(NOT_NEGOTIATED)


@pytest.mark.parametrize("place", ["head", "next", "indirect"])
def test_12_wrong_direction(attack, packed, place):
    it = attack(packed)
    good, bad = it.desc(NEXT), it.desc()._replace(flags=it.write ^ WRITE)
    if place == "head":
        it.chain(bad)
    elif place == "next":
        it.chain(good, bad)
    else:
        it.chain(Desc(it.ring.table([good, bad]), 32, INDIRECT))
    it.fires(DIRECTION)


def test_31_duplicate_head(arena, evil):
    """A chain made available again and again is sent again and again."""
    guest = evil.guest()
    queue = guest.tx()
    frame = arena.frame()
    head = guest.send(frame, publish=False)
    for _ in range(9):
        queue.ring.push(head)
    queue.publish()
    got = []
    wait_until(lambda: got.extend(r for r in arena.seen() if r.frame == frame) or len(got) == 10, DEADLINE, "10 of them")
    assert [used.id for used in guest.returned(10)] == [head] * 10
    arena.passes(guest)


def test_31_duplicate_receive_head(arena, evil):
    """The same buffer is written twice; what is in it is the guest's loss."""
    guest = evil.guest(BASIC)
    queue = guest.rx()
    guest.post(1, publish=False)
    head = queue.ring.next_avail - 1
    for _ in range(7):
        queue.ring.push(head)
    queue.publish()
    for _ in range(8):
        arena.witness.send(arena.frame())
    returned = []
    wait_until(lambda: returned.extend(queue.ring.harvest()) or len(returned) == 8, DEADLINE, "8 of them")
    assert {used.id for used in returned} == {head}
    queue.buffers.clear()
    arena.reaches(guest)


def test_31_duplicate_packed_id(arena, evil):
    """Ids that are in use twice come back twice."""
    guest = evil.guest(packed=True)
    queue = guest.tx()
    frames = [arena.frame() for _ in range(3)]
    for frame in frames:
        gpa, length = guest.place(bytes(12) + frame)[0]
        queue.ring.chain([Desc(gpa, length)], ident=5)
    queue.publish()
    for frame in frames:
        arena.arrives(frame)
    slots = [queue.ring.desc_at(slot) for slot in range(3)]
    assert [slot[2] for slot in slots] == [5, 5, 5]
    guest.restart(queue)
    arena.passes(guest)


@pytest.mark.parametrize("seed", range(3))
def test_33_garbage_event_index(arena, evil, packed, seed):
    """Interrupts may be lost, packets not."""
    rnd = random.Random(seed)
    guest = evil.guest(MULTIQUEUE | Virtio.EVENT_IDX, packed=packed)
    for _ in range(60):
        for queue in guest.queues:
            queue.ring.set_event(rnd.randrange(1 << 16), rnd.randrange(1 << 16))
        arena.passes(guest, rnd.randrange(2))
        arena.reaches(guest, rnd.randrange(64))


def test_33_interrupts_follow_a_sane_event_index(arena, evil, packed):
    """After garbage the next sane value works."""
    guest = evil.guest(BASIC | Virtio.EVENT_IDX, packed=packed)
    queue = guest.tx()
    queue.ring.set_event(0xFFFF, 3)
    arena.passes(guest)
    if packed:
        queue.ring.set_event(0, 0)  # always
    else:
        queue.ring.set_event(queue.ring.next_used)
    queue.signalled(queue.call)
    arena.passes(guest)
    assert queue.signalled(queue.call, 5) == 1


@pytest.mark.parametrize("ident", ["size", 0xFFFF])
def test_34_packed_bad_id(attack, ident):
    it = attack(True)
    it.ring.chain([it.desc()], ident=it.ring.size if ident == "size" else ident)
    it.fires(BAD_ID)


@pytest.mark.parametrize("flags", [0, 1 << 7 | 1 << 15])
def test_34_packed_bad_wrap(attack, flags):
    """Flags of no round of the ring: the descriptor is not available, and nothing waits for it."""
    it = attack(True)
    slot = it.ring.slot
    gpa = it.buffer()
    it.ring.set_desc(slot, gpa, 256, 0, flags | it.write)
    it.queue.notify()
    if it.sink:
        it.provoke()
    for _ in range(3):
        it.arena.passes(it.guest, pair=1)
    assert it.evil.fault(it.queue) is None
    assert it.ring.desc_at(slot)[:2] == (gpa, 256), "it was taken"


def test_34_packed_chain_that_goes_on_elsewhere(attack):
    """The head is available, what follows is not: the chain is not whole, or broken; nobody waits for it."""
    it = attack(True)
    slot = it.ring.slot
    it.ring.set_desc(slot + 1, it.buffer(), 256, 0, it.write)
    it.ring.set_desc(slot, it.buffer(), 256, 0, it.ring.available() | NEXT | it.write)
    it.queue.notify()
    if it.sink:
        it.provoke()
    for _ in range(3):
        it.arena.passes(it.guest, pair=1)
    it.guest.restart(it.queue)
    if not it.sink:
        it.arena.passes(it.guest)


def test_rings_of_all_sizes_work(arena, evil, packed):
    """The attacks above would prove nothing if these failed."""
    for size in (1, 2, 64, 1024, *([3, 100] if packed else [])):
        guest = evil.guest(BASIC, packed=packed, size=size)
        for indirect, _ in itertools.product((False, True), range(2 * size if size < 100 else 3)):
            arena.passes(guest, indirect=indirect)
            arena.reaches(guest)
        evil.close(guest)
