# SPDX-License-Identifier: BSD-3-Clause
"""vhost-user, the front-end's side (QEMU docs/interop/vhost-user.rst): messages, legal or not."""

import enum
import os
import socket
import struct
import time
from collections import namedtuple

VERSION, REPLY, NEED_REPLY = 1, 4, 8
HEADER = struct.Struct("=III")
NOFD = 1 << 8  # in the u64 of SET_VRING_KICK, _CALL, _ERR


class Request(enum.IntEnum):
    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    RESET_OWNER = 4
    SET_MEM_TABLE = 5
    SET_LOG_BASE = 6
    SET_LOG_FD = 7
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    SET_VRING_ERR = 14
    GET_PROTOCOL_FEATURES = 15
    SET_PROTOCOL_FEATURES = 16
    GET_QUEUE_NUM = 17
    SET_VRING_ENABLE = 18
    SEND_RARP = 19
    NET_SET_MTU = 20
    SET_SLAVE_REQ_FD = 21
    IOTLB_MSG = 22
    GET_CONFIG = 24
    POSTCOPY_ADVISE = 28
    GET_INFLIGHT_FD = 31
    SET_INFLIGHT_FD = 32
    RESET_DEVICE = 34
    GET_MAX_MEM_SLOTS = 36
    ADD_MEM_REG = 37
    REM_MEM_REG = 38
    SET_STATUS = 39
    GET_STATUS = 40


class Protocol(enum.IntFlag):
    MQ = 1 << 0
    LOG_SHMFD = 1 << 1
    RARP = 1 << 2
    REPLY_ACK = 1 << 3
    MTU = 1 << 4
    INFLIGHT_SHMFD = 1 << 12
    RESET_DEVICE = 1 << 13
    CONFIGURE_MEM_SLOTS = 1 << 15
    STATUS = 1 << 16


class Virtio(enum.IntFlag):
    CSUM = 1 << 0
    GUEST_CSUM = 1 << 1
    MTU = 1 << 3
    GUEST_TSO4 = 1 << 7
    GUEST_TSO6 = 1 << 8
    HOST_TSO4 = 1 << 11
    HOST_TSO6 = 1 << 12
    MRG_RXBUF = 1 << 15
    GUEST_ANNOUNCE = 1 << 21
    MQ = 1 << 22
    LOG_ALL = 1 << 26
    INDIRECT = 1 << 28
    EVENT_IDX = 1 << 29
    PROTOCOL_FEATURES = 1 << 30
    VERSION_1 = 1 << 32
    PACKED = 1 << 34
    IN_ORDER = 1 << 35


Message = namedtuple("Message", "request flags payload fds")


class Closed(ConnectionError):
    """The switch has closed the connection."""


class Nack(Exception):
    """A message was refused by REPLY_ACK."""


def u64(value):
    return struct.pack("=Q", value & (1 << 64) - 1)


def state(index, number):
    return struct.pack("=II", index, number)


def vring_addr(index, desc, used, avail, log=0, flags=0):
    return struct.pack("=IIQQQQ", index, flags, desc, used, avail, log)


def mem_table(regions, count=None):
    """Regions as bytes or with wire(); `count` may lie."""
    wires = [r if isinstance(r, bytes) else r.wire() for r in regions]
    return struct.pack("=II", len(wires) if count is None else count, 0) + b"".join(wires)


def connect(path, deadline=10.0):
    """A connected socket. While the switch does not listen, or holds us off, keep trying."""
    end = time.monotonic() + deadline
    while True:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(max(0.01, end - time.monotonic()))
        try:
            sock.connect(str(path))
            return sock
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError, TimeoutError):
            sock.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


class Session:
    """A connection to the switch. What is sent is what the caller says, not what is right."""

    def __init__(self, path=None, *, sock=None, deadline=10.0):
        self.sock = sock or connect(path, deadline)
        self.deadline = deadline
        self.acks = False  # REPLY_ACK is negotiated

    # ---- raw

    def send_bytes(self, data, fds=()):
        """Some bytes of a message. Raises Closed if the switch has hung up."""
        self.sock.settimeout(self.deadline)
        try:
            done = socket.send_fds(self.sock, [data], list(fds)) if fds else 0
            if data[done:]:
                self.sock.sendall(data[done:])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(str(error)) from error

    def send(self, request, payload=b"", fds=(), flags=VERSION, size=None):
        """One message; size and flags may lie."""
        head = HEADER.pack(request, flags, len(payload) if size is None else size)
        self.send_bytes(head + payload, fds)

    def receive(self, deadline=None):
        """The next message. Raises Closed at the connection's end, TimeoutError."""
        end = time.monotonic() + (self.deadline if deadline is None else deadline)
        data, fds = b"", []
        while len(data) < HEADER.size or len(data) < HEADER.size + HEADER.unpack_from(data)[2]:
            want = HEADER.size - len(data) if len(data) < HEADER.size else \
                HEADER.size + HEADER.unpack_from(data)[2] - len(data)
            self.sock.settimeout(max(0.001, end - time.monotonic()))
            try:
                more, got, _, _ = socket.recv_fds(self.sock, want, 16)
            except ConnectionResetError:
                more, got = b"", []
            fds += got
            if not more:
                for fd in fds:
                    os.close(fd)
                raise Closed("the switch has closed the connection")
            data += more
        request, flags, _ = HEADER.unpack_from(data)
        return Message(request, flags, data[HEADER.size:], fds)

    def closed(self, deadline=5.0):
        """Wait for the switch to hang up; whatever it says before is passed over. False: it did not."""
        end = time.monotonic() + deadline
        try:
            while True:
                self.receive(max(0.001, end - time.monotonic()))
        except Closed:
            return True
        except TimeoutError:
            return False

    # ---- with answers

    def ask(self, request, payload=b"", fds=()):
        """The answer to a request that has one."""
        self.send(request, payload, fds)
        answer = self.receive()
        if answer.request != request or answer.flags & 7 != VERSION | REPLY:
            raise AssertionError(f"asked {request!r}, got {answer}")
        return answer

    def ask_u64(self, request, payload=b"", fds=()):
        return struct.unpack("=Q", self.ask(request, payload, fds).payload)[0]

    def acked(self, request, payload=b"", fds=()):
        """The u64 of REPLY_ACK: 0 if all is well."""
        self.send(request, payload, fds, VERSION | NEED_REPLY)
        answer = self.receive()
        if answer.request != request or answer.flags & 7 != VERSION | REPLY or len(answer.payload) != 8:
            raise AssertionError(f"acknowledgement of {request!r} asked for, got {answer}")
        return struct.unpack("=Q", answer.payload)[0]

    def tell(self, request, payload=b"", fds=()):
        """A request without an answer, acknowledged if that is negotiated. Raises Nack."""
        if not self.acks:
            self.send(request, payload, fds)
        elif self.acked(request, payload, fds) != 0:
            raise Nack(f"{Request(request).name} {payload.hex()}")

    def vring_base(self, index):
        """GET_VRING_BASE: stops the ring."""
        answered, base = struct.unpack("=II", self.ask(Request.GET_VRING_BASE, state(index, 0)).payload)
        assert answered == index
        return base

    def close(self):
        self.sock.close()
