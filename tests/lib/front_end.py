# SPDX-License-Identifier: BSD-3-Clause
"""A virtio-net guest in Python: the whole legal handshake, frames out of and into its rings, each field in reach."""

import os
import select
import struct
import time
from collections import namedtuple

from guest_memory import Memory
from proc import Timeout
from vhost_user import Protocol, Request, Session, Virtio, mem_table, state, u64, vring_addr
from vring import Packed, Split

BASIC = Virtio.VERSION_1 | Virtio.MRG_RXBUF | Virtio.INDIRECT | Virtio.PROTOCOL_FEATURES
OFFLOADS = (Virtio.CSUM | Virtio.GUEST_CSUM | Virtio.GUEST_TSO4 | Virtio.GUEST_TSO6 | Virtio.HOST_TSO4 |
            Virtio.HOST_TSO6)
PROTOCOL = Protocol.MQ | Protocol.REPLY_ACK | Protocol.LOG_SHMFD | Protocol.RARP | Protocol.MTU | \
    Protocol.CONFIGURE_MEM_SLOTS

NEEDS_CSUM, DATA_VALID = 1, 2
GSO_NONE, GSO_TCPV4, GSO_UDP, GSO_TCPV6, GSO_UDP_L4, GSO_ECN = 0, 1, 3, 4, 5, 0x80

Received = namedtuple("Received", "header frame buffers")


class Header(namedtuple("Header", "flags gso_type hdr_len gso_size csum_start csum_offset num_buffers",
                        defaults=(0,) * 7)):
    """struct virtio_net_hdr."""

    def pack(self, length=12):
        return struct.pack("<BBHHHHH", *self)[:length]

    @classmethod
    def parse(cls, data):
        return cls(*struct.unpack("<BBHHHHH", bytes(data).ljust(12, b"\0")))


class Queue:
    """A ring, its three eventfds, and the buffers that are under way in it."""

    def __init__(self, index, ring):
        self.index, self.ring = index, ring
        self.kick, self.call, self.error = (os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(3))
        self.buffers = {}  # chain id -> [(gpa, length)]
        self.partial = []  # chains of a frame whose other buffers have not come yet

    def notify(self):
        os.eventfd_write(self.kick, 1)

    def publish(self):
        self.ring.publish()
        self.notify()

    def signalled(self, fd, deadline=0.0):
        """Wait for an eventfd, and take what it holds; 0: nothing came."""
        if not select.select([fd], [], [], deadline)[0]:
            return 0
        return os.eventfd_read(fd)

    def close(self):
        for fd in (self.kick, self.call, self.error):
            os.close(fd)


class FrontEnd:
    """queues[2q] is what the guest receives from, queues[2q + 1] what it transmits on."""

    def __init__(self, path=None, *, memory=None, sock=None, deadline=10.0):
        self.deadline = deadline
        self.memory = memory or Memory()
        self.session = Session(path, sock=sock, deadline=deadline)
        self.features = self.protocol = 0
        self.queues = []

    # ---- handshake

    def negotiate(self, features=BASIC, protocol=PROTOCOL):
        """As QEMU does; what is not offered is an error, but for protocol features."""
        session = self.session
        offered = session.ask_u64(Request.GET_FEATURES)
        assert offered & features == features, f"not offered: {Virtio(features & ~offered)!r}"
        self.features, self.offered = features, offered
        session.tell(Request.SET_OWNER)
        if features & Virtio.PROTOCOL_FEATURES:
            self.protocol = session.ask_u64(Request.GET_PROTOCOL_FEATURES) & protocol
            session.tell(Request.SET_PROTOCOL_FEATURES, u64(self.protocol))
            session.acks = bool(self.protocol & Protocol.REPLY_ACK)
            if self.protocol & Protocol.MQ:
                self.queue_num = session.ask_u64(Request.GET_QUEUE_NUM)
        session.tell(Request.SET_FEATURES, u64(features))
        return self

    @property
    def header_len(self):
        return 12 if self.features & (Virtio.VERSION_1 | Virtio.MRG_RXBUF) else 10

    def share_memory(self):
        regions = self.memory.regions
        if self.protocol & Protocol.CONFIGURE_MEM_SLOTS and len(regions) > 8:
            for region in regions:
                self.session.tell(Request.ADD_MEM_REG, u64(0) + region.wire(), [region.fd])
        else:
            self.session.tell(Request.SET_MEM_TABLE, mem_table(regions), [r.fd for r in regions])

    def make_queues(self, pairs=1, size=256, region=0):
        kind = Packed if self.features & Virtio.PACKED else Split
        for index in range(len(self.queues), 2 * pairs):
            self.queues.append(Queue(index, kind(self.memory, size, region)))

    def address(self, queue, log=0, flags=0):
        """The payload of SET_VRING_ADDR."""
        desc, avail, used = (self.memory.uva(part) for part in queue.ring.parts())
        return vring_addr(queue.index, desc, used, avail, log, flags)

    def setup_ring(self, queue, base=None, kick=True):
        """Everything but enabling it."""
        tell = self.session.tell
        tell(Request.SET_VRING_NUM, state(queue.index, queue.ring.size))
        tell(Request.SET_VRING_BASE, state(queue.index, queue.ring.base() if base is None else base))
        tell(Request.SET_VRING_ADDR, self.address(queue))
        tell(Request.SET_VRING_ERR, u64(queue.index), [queue.error])
        if kick:
            tell(Request.SET_VRING_KICK, u64(queue.index), [queue.kick])
        tell(Request.SET_VRING_CALL, u64(queue.index), [queue.call])

    def enable(self, queue, on=True):
        if self.features & Virtio.PROTOCOL_FEATURES:
            self.session.tell(Request.SET_VRING_ENABLE, state(queue.index, int(on)))

    def start(self, features=BASIC, *, pairs=1, size=256, packed=False, protocol=PROTOCOL, enable=True, region=0):
        """The whole of it: afterwards frames can pass."""
        self.negotiate(features | (Virtio.PACKED if packed else 0), protocol)
        self.share_memory()
        self.make_queues(pairs, size, region)
        for queue in self.queues:
            self.setup_ring(queue)
        for queue in self.queues if enable else ():
            self.enable(queue)
        return self

    def restart(self, queue):
        """Stop a ring and start it from nothing, as a driver resets a queue."""
        self.session.vring_base(queue.index)
        for pieces in queue.buffers.values():
            for gpa, _ in pieces:
                self.memory.release(gpa)
        queue.buffers.clear()
        queue.partial.clear()
        queue.ring.reset()
        queue.signalled(queue.error)
        self.setup_ring(queue)
        self.enable(queue)

    # ---- frames out

    def tx(self, pair=0):
        return self.queues[2 * pair + 1]

    def rx(self, pair=0):
        return self.queues[2 * pair]

    def place(self, data, cuts=None, region=0):
        """Data in guest memory, cut into pieces of these lengths (the last takes the rest): [(gpa, length)]."""
        pieces, at = [], 0
        for length in [*(cuts or ()), None]:
            part = data[at:] if length is None else data[at:at + length]
            if length is None and not part and pieces:
                break
            gpa = self.memory.alloc(max(len(part), 1), region=region)
            self.memory.write(gpa, part)
            pieces.append((gpa, len(part)))
            at += len(part)
        return pieces

    def send(self, frame, header=Header(), cuts=None, indirect=False, pair=0, publish=True):
        """One frame behind its virtio-net header. `cuts` are over both together. Returns the chain's id."""
        queue = self.tx(pair)
        head = header if isinstance(header, bytes) else header.pack(self.header_len)
        pieces = self.place(head + bytes(frame), cuts)
        ident = queue.ring.add([(gpa, length, False) for gpa, length in pieces], indirect)
        queue.buffers[ident] = pieces
        if publish:
            queue.publish()
        return ident

    def reap(self, pair=0):
        """Take back what the switch has finished with; returns the chains."""
        return self._returned(self.tx(pair))

    def _returned(self, queue):
        done = queue.ring.harvest()
        for used in done:
            for gpa, _ in queue.buffers.pop(used.id, ()):
                self.memory.release(gpa)
        return done

    def returned(self, count, pair=0, deadline=None):
        """Wait until so many more transmit chains have come back; returns them."""
        return _collect(lambda: self.reap(pair), count, deadline or self.deadline, "transmitted chains")

    # ---- frames in

    def post(self, count=1, sizes=(2048,), indirect=False, pair=0, publish=True):
        """Receive buffers, each a chain of pieces of these sizes."""
        queue = self.rx(pair)
        for _ in range(count):
            pieces = [(self.memory.alloc(size), size) for size in sizes]
            ident = queue.ring.add([(gpa, size, True) for gpa, size in pieces], indirect)
            queue.buffers[ident] = pieces
        if publish:
            queue.publish()

    def take(self, pair=0):
        """Frames that have arrived. A frame over several buffers is joined; buffers are not posted again."""
        queue, frames = self.rx(pair), []
        queue.partial += queue.ring.harvest()
        while queue.partial:
            header = self._header(queue)
            count = header.num_buffers if self.features & Virtio.MRG_RXBUF else 1
            if len(queue.partial) < count:
                break
            chains = [queue.partial.pop(0) for _ in range(max(count, 1))]
            data = b"".join(self._collect_chain(queue, used) for used in chains)
            frames.append(Received(header, data[self.header_len:], count))
        return frames

    def _header(self, queue):
        """Of the first frame that has arrived, which may begin with the smallest of buffers."""
        data = b""
        for used in queue.partial[:self.header_len]:
            pieces = queue.buffers[used.id]
            data += b"".join(self.memory.read(gpa, length) for gpa, length in pieces)[:used.len]
            if len(data) >= self.header_len:
                break
        return Header.parse(data[:self.header_len])

    def _collect_chain(self, queue, used):
        data, left = b"", used.len
        for gpa, length in queue.buffers.pop(used.id):
            data += self.memory.read(gpa, min(left, length))
            left -= min(left, length)
            self.memory.release(gpa)
        assert left == 0, f"{used.len} bytes said to be written, {left} more than the buffer has"
        return data

    def receive(self, count=1, deadline=None, pair=0):
        """Wait for so many frames."""
        return _collect(lambda: self.take(pair), count, deadline or self.deadline, "frames")

    def close(self):
        self.session.close()
        for queue in self.queues:
            queue.close()
        self.queues = []
        self.memory.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _collect(take, count, deadline, what):
    end = time.monotonic() + deadline
    got = take()
    while len(got) < count:
        if time.monotonic() > end:
            raise Timeout(f"{len(got)} of {count} {what} within {deadline} s")
        time.sleep(0.002)
        got += take()
    return got
