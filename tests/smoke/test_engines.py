# SPDX-License-Identifier: BSD-3-Clause
"""The two vhost engines side by side: random legal traffic and control gives guests the same frames on both.

    bridge br-n:  n1 ---- n2    engine native
    bridge br-d:  d1 ---- d2    engine dpdk

A seed makes a list of steps. Each is played to both pairs of guests, and what they see is compared, with each other and
with what was sent. HEDDLE_SEED=N plays one seed, N-M a range.
"""

import os
import pathlib
import random
import shutil
import tempfile
import time
from collections import Counter, deque

import pytest

from front_end import GSO_NONE, NEEDS_CSUM, FrontEnd
from guest_memory import MIB, Memory, Region
from heddle import SLOW, Heddle
from proc import NetNS, Timeout, wait_until
from scenario import BUFFERS_MAX, Batch, Mtu, Scenario, brief, takes
from vhost_user import Closed, Nack, Request, Virtio
from wire import TAG, longest, mended, wire

CONFIG = """\
bridges:
  br-n:
    ports:
      n1: {{vhost: {run}/n1.sock, engine: native, mtu: 9000}}
      n2: {{vhost: {run}/n2.sock, engine: native, mtu: 9000}}
  br-d:
    ports:
      d1: {{vhost: {run}/d1.sock, engine: dpdk, mtu: 9000}}
      d2: {{vhost: {run}/d2.sock, engine: dpdk, mtu: 9000}}
"""


def seeds(text):
    if not text:
        return [*range(1, 9), random.SystemRandom().randrange(10 ** 9)]
    first, _, last = text.partition("-")
    return [*range(int(first), int(last or first) + 1)]


SEEDS = seeds(os.environ.get("HEDDLE_SEED"))
DEADLINE = 10 * SLOW


# ---- one pair of guests on one engine

class Pair:
    """Two guests on one bridge; what its ports should have dropped and passed on since."""

    def __init__(self, switch, letter):
        self.switch, self.engine = switch, {"n": "native", "d": "dpdk"}[letter]
        self.names = [f"{letter}1", f"{letter}2"]
        self.fronts, self.guests, self.posted, self.mtus = [None, None], [None, None], [0, 0], [9000, None]
        self.waiting = [deque(), deque()]  # bytes of the receive buffers under way
        self.drops, self.arrived = Counter(), Counter()
        self.before = switch.all_stats()

    def play(self, step):
        """Returns what is to be the same on both engines."""
        return getattr(self, type(step).__name__.lower())(step)

    # ---- steps

    def connect(self, step):
        who, name = step.who, self.names[step.who]
        if self.fronts[who]:
            self.fronts[who].close()
            self.fronts[who] = None
            wait_until(lambda: not self.switch.port(name)["up"], DEADLINE, f"{name} down")
        self.guests[who], self.posted[who] = step.guest, 0
        self.waiting[who].clear()
        end = time.monotonic() + DEADLINE
        while not self.fronts[who]:
            front = FrontEnd(self.switch.rundir / f"{name}.sock", memory=Memory(Region(32 * MIB)), deadline=DEADLINE)
            try:
                self.fronts[who] = front.start(step.guest.features, size=step.guest.size)
            except (Closed, Nack):  # the switch has not seen the former one go
                front.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            except BaseException:
                front.close()
                raise
        self.done(who)
        self.switch.up(name, deadline=DEADLINE)

    def batch(self, step):
        expected = [self.expect(who, step.sends[1 - who]) for who in (0, 1)]
        for who in (0, 1):
            self.post(who)
        for who in (0, 1):
            self.send(who, step.sends[who], step.together)
        got = [self.collect(who, expected[who]) for who in (0, 1)]
        for who in (0, 1):
            self.fronts[who].returned(len(step.sends[who]), deadline=DEADLINE)
        return got

    def deaf(self, step):
        """Frames to a disabled receive ring are dropped and counted, by both engines."""
        front, before = self.fronts[step.who], sum(self.drops.values())
        front.enable(front.rx(), False)
        self.done(step.who)
        expected = self.expect(step.who, step.sends)
        self.drops[step.who, "tx-disabled"] += sum(count for _, count, _ in expected)
        self.send(1 - step.who, step.sends)
        self.fronts[1 - step.who].returned(len(step.sends), deadline=DEADLINE)
        if sum(self.drops.values()) > before:
            self.counted()
        front.enable(front.rx())
        self.done(step.who)

    def mute(self, step):
        """Known difference: engine native drains a disabled transmit ring and discards the frames, as vhost-user says;
        librte_vhost leaves them in the ring, and they come once it is enabled.
        """
        front, peer = self.fronts[step.who], 1 - step.who
        front.enable(front.tx(), False)
        self.done(step.who)
        self.post(peer)
        self.send(step.who, step.sends)
        if self.engine == "native":
            front.returned(len(step.sends), deadline=DEADLINE)
            self.drops[step.who, "rx-disabled"] += len(step.sends)
        front.enable(front.tx())
        self.done(step.who)
        if self.engine == "dpdk":
            self.collect(peer, self.expect(peer, step.sends))
            front.returned(len(step.sends), deadline=DEADLINE)

    def restart(self, step):
        front = self.fronts[step.who]
        queue = front.queues[step.ring]
        if step.fresh:
            front.restart(queue)
            if step.ring == 0:
                self.waiting[step.who].clear()
            self.done(step.who)
            return
        base = front.session.vring_base(queue.index)
        # of a packed ring the upper half is where chains are returned; librte_vhost does not tell
        assert base in (queue.ring.base(), queue.ring.base() * 0x10001), f"{base:#x}, not {queue.ring.base():#x}"
        front.setup_ring(queue, base)
        front.enable(queue)
        self.done(step.who)

    def remap(self, step):
        front = self.fronts[step.who]
        regions = front.memory.regions
        former, regions[1:] = regions[1:], []
        for at, (offset, size) in enumerate(step.regions):
            gpa = (256 + 64 * at) * MIB + offset
            regions.append(Region(size, gpa=gpa, offset=offset))
        front.share_memory()
        self.done(step.who)
        for region in former:
            region.close()

    def mtu(self, step):
        if self.mtus[1] != step.mtu:
            self.switch.cli(f"port set {self.names[1]} mtu {step.mtu}")
        self.mtus[1] = step.mtu

    # ---- what they are made of

    def done(self, who):
        """librte_vhost acts on some messages after it has acknowledged them, but before it reads the next."""
        self.fronts[who].session.ask_u64(Request.GET_FEATURES)

    def post(self, who):
        """Receive buffers, as many as there is room for."""
        front, guest = self.fronts[who], self.guests[who]
        queue = front.rx()
        most = max(1 if indirect else len(sizes) for sizes, indirect in guest.shapes)
        while len(queue.buffers) < BUFFERS_MAX and queue.ring.room() >= most:
            sizes, indirect = guest.shapes[self.posted[who] % len(guest.shapes)]
            if self.engine == "dpdk" and guest.features & Virtio.PACKED:
                # librte_vhost's batches (virtio_dev_rx_batch_packed) take every descriptor for a buffer of its own
                sizes, indirect = [sum(sizes)], False
            front.post(1, sizes, indirect, publish=False)
            self.waiting[who].append(sum(sizes))
            self.posted[who] += 1
        if guest.features & Virtio.EVENT_IDX:  # interrupt when the next buffer is used
            ring = queue.ring
            ring.set_event(ring.used_slot | ring.used_wrap << 15 if ring.packed else ring.next_used)
        queue.signalled(queue.call)
        queue.publish()

    def send(self, who, sends, together=False):
        front = self.fronts[who]
        queue = front.tx()
        for sent in sends:
            pieces = front.place(sent.header.pack(front.header_len) + sent.frame, sent.cuts, sent.region)
            ident = queue.ring.add([(gpa, length, False) for gpa, length in pieces], sent.indirect)
            queue.buffers[ident] = pieces
            if not together:
                queue.publish()
        queue.publish()

    def expect(self, who, sends):
        """What this guest is to get of what its peer sends: [(frames on the wire, frames it gets, as what sent)].
        Drops are noted.
        """
        expected = []
        for sent in sends:
            frame, header = sent.frame, sent.header
            size = longest(frame, header) - (18 if frame[12:14] == TAG else 14)
            if frame[6] & 1:
                self.drops[1 - who, "source-multicast"] += 1
            elif frame[:5] == b"\x01\x80\xc2\x00\x00":
                self.drops[1 - who, "link-local"] += 1
            elif size > self.mtus[1 - who]:
                self.drops[1 - who, "oversize"] += 1
            elif size > self.mtus[who]:
                self.drops[who, "egress-mtu"] += 1
            else:
                frames = wire(frame, header)
                whole = takes(self.guests[who].features, header)
                expected.append((frames, 1 if whole else len(frames), sent))
        return expected

    def collect(self, who, expected):
        """Wait for these frames and check them. Returns them as received, with what their headers say."""
        front, features = self.fronts[who], self.guests[who].features
        count = sum(count for _, count, _ in expected)
        got, end = front.take(), time.monotonic() + DEADLINE
        while len(got) < count and time.monotonic() < end:
            time.sleep(0.001)
            got += front.take()
        self.arrived[who] += len(got)
        if self.engine == "dpdk":
            got = [r._replace(frame=mended(r.frame, r.header)) for r in got]
        for received in got:
            header, large = received.header, received.header.gso_type != GSO_NONE
            assert features & Virtio.GUEST_CSUM or not header.flags, f"flags without GUEST_CSUM: {header}"
            assert takes(features, header), f"segmentation not negotiated: {header}"
            assert not large or header.flags & NEEDS_CSUM, f"TSO without NEEDS_CSUM: {header}"
            room = buffers = 0
            while room < len(received.frame) + front.header_len:
                room += self.waiting[who].popleft()
                buffers += 1
            assert received.buffers == buffers, f"{received.buffers} buffers, not {buffers}: {header}"
            # librte_vhost leaves num_buffers as it is where buffers are not merged
            if self.engine == "native" and features & Virtio.VERSION_1:
                assert header.num_buffers == received.buffers, f"{received.buffers} buffers: {header}"
        same_frames([f for r in got for f in wire(r.frame, r.header)], [f for fs, _, _ in expected for f in fs],
                    f"guest {who + 1}, engine {self.engine}, and what was sent")
        if got:
            assert front.rx().signalled(front.rx().call, DEADLINE), f"guest {who + 1} was not interrupted"
        return [(r.header._replace(hdr_len=0, num_buffers=0), r.frame) for r in got]

    # ---- counters

    def counted(self):
        """Wait until the drops are those that are expected, and what went out is what has come."""
        def gained():
            now, drops, sent = self.switch.all_stats(), Counter(), Counter()
            for who, name in enumerate(self.names):
                for reason, count in now[name]["drops"].items():
                    drops[who, reason] = count - self.before[name]["drops"].get(reason, 0)
                sent[who] = now[name]["tx"]["packets"] - self.before[name]["tx"]["packets"]
            return +drops, +sent
        wanted = (+self.drops, +self.arrived)
        try:
            wait_until(lambda: gained() == wanted, DEADLINE)
        except Timeout:
            raise AssertionError(f"drops and packets {gained()}, wanted {wanted}, engine {self.engine}") from None

    def end(self):
        for who, front in enumerate(self.fronts):
            assert front.take() == [], f"guest {who + 1}, engine {self.engine}: more than was sent"
        self.counted()

    def close(self):
        for front in self.fronts:
            if front:
                front.close()
        for who, name in enumerate(self.names):
            wait_until(lambda n=name: not self.switch.port(n)["up"], DEADLINE, f"{name} down")


def same_frames(got, wanted, what):
    """Tell where two lists of frames differ, and not more than that."""
    for i, (one, other) in enumerate(zip(got, wanted)):
        if one != other:
            at = next((k for k, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
            raise AssertionError(f"{what}: frame {i}, {len(one)} and {len(other)} bytes, differs at {at}: "
                                 f"{one[at:at + 24].hex()} and {other[at:at + 24].hex()}; {other[:64].hex()}")
    assert len(got) == len(wanted), f"{what}: frames of {[len(f) for f in got]} and {[len(f) for f in wanted]} bytes"


@pytest.fixture(scope="module")
def switch():
    """One daemon for all seeds: what a scenario leaves behind, the next one would notice."""
    rundir = pathlib.Path(tempfile.mkdtemp(prefix="hdt-", dir="/tmp"))
    netns = NetNS()
    made = Heddle(rundir, netns, config=CONFIG.format(run=rundir))
    try:
        yield made.start()
        made.stop()
    finally:
        made.stop(check=False)
        netns.close()
        shutil.rmtree(rundir, ignore_errors=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_same_frames(switch, seed):
    pairs = [Pair(switch, letter) for letter in "nd"]
    steps, number = Scenario(seed).steps, 0
    try:
        for number, step in enumerate(steps):
            native, dpdk = (pair.play(step) for pair in pairs)
            if isinstance(step, Batch):
                for who in (0, 1):
                    for one, other in zip(native[who], dpdk[who]):
                        assert one[0] == other[0], f"headers at guest {who + 1}: {one[0]} and {other[0]}"
                    same_frames([f for _, f in native[who]], [f for _, f in dpdk[who]], f"guest {who + 1}, engines")
        for pair in pairs:
            pair.end()
    except (AssertionError, OSError) as error:
        played = "\n".join(f"{i}: {type(s).__name__} {brief(s)}" for i, s in enumerate(steps[:number + 1]))
        raise AssertionError(f"HEDDLE_SEED={seed}, step {number}: {type(error).__name__}: {error}\n{played}\n"
                             f"{switch.log()[-1000:]}") from error
    finally:
        for pair in pairs:
            pair.close()
