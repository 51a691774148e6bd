# SPDX-License-Identifier: BSD-3-Clause
"""Capture files: frames of any size and content into a switch and out of it, by net_pcap ports."""

import struct

from proc import wait_until


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for data in frames:
            out.write(struct.pack("=IIII", 0, 0, len(data), len(data)) + data)


def read_pcap(path):
    data = path.read_bytes()
    at, frames = 24, []
    while at + 16 <= len(data):
        size = struct.unpack_from("=I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return frames


def pcapng_options(data):
    """Of a block: {code: value}."""
    at, options = 0, {}
    while at + 4 <= len(data):
        code, size = struct.unpack_from("<HH", data, at)
        if code == 0:
            break
        options[code] = data[at + 4:at + 4 + size]
        at += 4 + (size + 3 & ~3)
    return options


def read_pcapng(path):
    """[(interface's name, comment, frame), ...] of a little-endian pcapng file. Scapy tells neither of the first two."""
    data = path.read_bytes()
    at, names, frames = 0, [], []
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert size % 4 == 0 and data[at + size - 4:at + size] == data[at + 4:at + 8], f"block at {at}"
        body = data[at + 8:at + size - 4]
        at += size
        if kind == 1:
            names.append(pcapng_options(body[8:])[2].decode())
        elif kind == 6:
            interface, captured = struct.unpack_from("<I8xI", body)
            options = pcapng_options(body[20 + (captured + 3 & ~3):])
            frames.append((names[interface], options[1].decode(), body[20:20 + captured]))
    return frames


def replay(switch, frames, sinks, options=""):
    """Play frames into a port made for them on br0.

    sinks: {port name: options} of ports that record what leaves by them. Returns (drops by port, what left by port).
    """
    source = switch.rundir / "source.pcap"
    write_pcap(source, frames)
    files = {name: switch.rundir / f"{name}.pcap" for name in sinks}
    for number, (name, path) in enumerate(files.items(), 1):
        switch.cli(f"port add {name} bridge br0 device net_pcap{number},tx_pcap={path}", sinks[name])
    switch.cli(f"port add source bridge br0 device net_pcap0,rx_pcap={source},tx_pcap={switch.rundir}/unused.pcap",
               options)
    wait_until(lambda: switch.packets("source", "rx") == len(frames), 10, f"{len(frames)} frames played")
    switch.balanced()
    drops = {name: switch.drops(name) for name in ("source", *sinks)}
    for name in ("source", *sinks):
        switch.cli(f"port del {name}")
    return drops, {name: read_pcap(path) for name, path in files.items()}
