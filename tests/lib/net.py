# SPDX-License-Identifier: BSD-3-Clause
"""Kernel interfaces as the far ends of a switch's ports: raw frames in and out of taps."""

import errno
import select
import socket
import struct

from proc import wait_until

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
TP_STATUS_VLAN_VALID = 0x10
SO_RCVBUFFORCE = 33


class RawPort:
    """An AF_PACKET socket on an interface: what the switch put out, tags as on the wire."""

    def __init__(self, netns, iface):
        self.iface = iface
        with netns.enter():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            self.sock.bind((iface, ETH_P_ALL))
        self.sock.setblocking(False)

    def send(self, *frames):
        for frame in frames:
            while True:
                try:
                    self.sock.send(bytes(frame))
                    break
                except BlockingIOError:
                    select.select([], [self.sock], [], 1)

    def receive(self):
        """The next frame, or None if none is there."""
        try:
            data, ancillary, _, _ = self.sock.recvmsg(65600, 256)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENETDOWN:  # told once, after the interface went down
                return None
            raise
        for level, kind, value in ancillary:
            # struct tpacket_auxdata: the kernel takes the tag off and tells it here
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
                if status & TP_STATUS_VLAN_VALID:
                    data = data[:12] + struct.pack("!HH", tpid or 0x8100, tci) + data[12:]
        return data

    def drain(self):
        frames = []
        while True:
            frame = self.receive()
            if frame is None:
                return frames
            frames.append(frame)

    def close(self):
        self.sock.close()


class Lab:
    """Taps on a switch, and what comes out of which port when a frame goes in."""

    def __init__(self, switch, bridge="br0"):
        self.switch = switch
        self.ns = switch.netns
        self.raw = {}
        self.count = 0
        if bridge:
            switch.cli("bridge add", bridge)

    def tap(self, name, options="", bridge="br0", iface_mtu=None):
        """Add the port `name`, a net_tap device of the same name, and listen at its kernel side."""
        self.count += 1
        unit = self.count
        self.switch.cli("port add", name, "bridge", bridge, "device", f"net_tap{unit},iface={name}", options)
        return self.attach(name, iface_mtu)

    def attach(self, name, iface_mtu=None):
        """Listen at the kernel side of a port that is there."""
        if iface_mtu:
            self.ns.run("ip", "link", "set", "dev", name, "mtu", iface_mtu)
        self.ns.run("ip", "link", "set", "dev", name, "up")
        self.switch.up(name)
        self.raw[name] = RawPort(self.ns, name)
        return self.raw[name]

    def detach(self, name):
        self.raw.pop(name).close()

    def inject(self, port, *frames):
        """Send frames into a port and wait until the switch has dealt with all of them."""
        before = self.switch.packets(port, "rx")
        self.raw[port].send(*frames)
        wait_until(lambda: self.switch.packets(port, "rx") >= before + len(frames), 10,
                   f"{len(frames)} frames at {port}")
        got = self.switch.packets(port, "rx") - before
        assert got == len(frames), f"{port} counted {got} of {len(frames)} frames"
        self.switch.balanced()

    def exchange(self, port, *frames):
        """What comes out when frames go in: {port: [frame, ...]}, only ports where anything did."""
        for raw in self.raw.values():
            raw.drain()
        self.inject(port, *frames)
        out = {name: raw.drain() for name, raw in self.raw.items()}
        return {name: seen for name, seen in out.items() if seen}

    def close(self):
        for raw in self.raw.values():
            raw.close()


def mac(number):
    """A unicast address of our own: mac(1) is 02:00:00:00:00:01."""
    return ":".join(f"{byte:02x}" for byte in struct.pack("!HI", 0x0200, number))


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


BROADCAST = "ff:ff:ff:ff:ff:ff"


def frame(dst, src, payload=b"heddle", vlan=None, priority=0, ethertype=0x88B5, length=60):
    """An Ethernet frame of an experimental type, padded to `length`."""
    tag = struct.pack("!HH", 0x8100, priority << 13 | vlan) if vlan is not None else b""
    data = mac_bytes(dst) + mac_bytes(src) + tag + struct.pack("!H", ethertype) + payload
    return data + bytes(max(0, length - len(data)))


def tagged(data, vlan, priority=0):
    """The same frame with a tag."""
    return data[:12] + struct.pack("!HH", 0x8100, priority << 13 | vlan) + data[12:]
