#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Test guests: QEMU with Debian's cloud kernel and busybox, driven by commands over a serial port.

As a program: `guest.py SOCKET COMMAND` runs COMMAND in the guest whose command channel is SOCKET, prints its output
and exits with its status.
"""

import base64
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
IMAGE_SCRIPT = HERE.parent / "guests" / "image.sh"


class ChannelError(AssertionError):
    pass


class Channel:
    """The command channel of a guest: the host's end of its second serial port (tests/guests/init)."""

    def __init__(self, path, alive=lambda: True):
        self.path = str(path)
        self.alive = alive
        self.sock = None
        self.buffer = b""
        self.answers = {}

    def connect(self, deadline):
        end = time.monotonic() + deadline
        while self.sock is None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(self.path)
                self.sock = sock
            except OSError as error:
                sock.close()
                if time.monotonic() > end or not self.alive():
                    raise ChannelError(f"{self.path}: {error}") from error
                time.sleep(0.05)

    def ready(self, deadline):
        """Wait until the guest answers: a question gets lost while nobody listens, so ask again."""
        end = time.monotonic() + deadline
        while time.monotonic() < end and self.alive():
            ident = self.send("true")
            if self._collect(ident, time.monotonic() + 1.0):
                return
        raise ChannelError(f"{self.path}: the guest does not answer within {deadline} s")

    def send(self, command):
        ident = uuid.uuid4().hex[:8]
        self.sock.sendall(f"{ident} {base64.b64encode(command.encode()).decode()}\n".encode())
        return ident

    def receive(self, ident, deadline):
        answer = self._collect(ident, time.monotonic() + deadline)
        if answer is None:
            raise ChannelError(f"{self.path}: no answer within {deadline} s")
        return answer

    def _collect(self, ident, end):
        while ident not in self.answers:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                return None
            data = self.sock.recv(65536)
            if not data:
                raise ChannelError(f"{self.path}: the guest is gone")
            self.buffer += data
            *lines, self.buffer = self.buffer.split(b"\n")
            for line in lines:
                self._line(line)
        return self.answers.pop(ident)

    def _line(self, line):
        parts = line.decode(errors="replace").split()
        if len(parts) in (2, 3) and len(parts[0]) == 8 and parts[1].isdigit():
            output = base64.b64decode(parts[2]) if len(parts) == 3 else b""
            self.answers[parts[0]] = (int(parts[1]), output.decode(errors="replace"))

    def close(self):
        if self.sock:
            self.sock.close()
            self.sock = None


class Monitor:
    """QEMU's own command channel (QMP)."""

    def __init__(self, path, alive, deadline=20.0):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end = time.monotonic() + deadline
        while True:
            try:
                self.sock.connect(str(path))
                break
            except OSError as error:
                if time.monotonic() > end or not alive():
                    raise ChannelError(f"{path}: {error}") from error
                time.sleep(0.05)
        self.sock.settimeout(deadline)
        self.lines = self.sock.makefile("r")
        self.lines.readline()  # the greeting
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self.sock.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def close(self):
        self.lines.close()
        self.sock.close()


class Command:
    """A command that runs in the guest while the test goes on."""

    def __init__(self, guest, text):
        self.guest, self.text = guest, text
        self.ident = guest.channel.send(text)

    def wait(self, timeout=30.0, check=True):
        status, output = self.guest.channel.receive(self.ident, timeout)
        if check and status != 0:
            raise AssertionError(f"{self.guest.name}: {self.text}: exit {status}\n{output}")
        return output if check else (status, output)


def nic(path, mac, *, server=False, host_mtu=None, queues=1, vhost=True, **options):
    """QEMU's arguments for one vhost-user device: `server` if the switch is the client; options are device options
    like guest_tso4="off" (written with underscores as in QEMU)."""
    ident = "n" + mac.replace(":", "")
    chardev = f"socket,id=c{ident},path={path}," + ("server=on,wait=off" if server else "reconnect=1")
    device = f"virtio-net-pci,netdev={ident},mac={mac},vectors=0,romfile="
    if host_mtu:
        device += f",host_mtu={host_mtu}"
    if queues > 1:
        device += ",mq=on"
    for key, value in options.items():
        device += f",{key}={value}"
    return ["-chardev", chardev, "-netdev", f"vhost-user,id={ident},chardev=c{ident},queues={queues}", "-device", device]


def image():
    """The directory with vmlinuz and init.gz, built if need be."""
    done = subprocess.run([str(IMAGE_SCRIPT)], stdout=subprocess.PIPE, text=True, check=True, timeout=300,
                          stdin=subprocess.DEVNULL)
    return pathlib.Path(done.stdout.strip())


class Guest:
    """A virtual machine. boot() starts it, up() waits until it takes commands; sh() runs one."""

    def __init__(self, name, rundir, nics, *, memory=192, cpus=1, reboot=False, incoming=None):
        self.name = name
        self.rundir = pathlib.Path(rundir)
        self.nics = nics
        self.memory, self.cpus, self.reboot = memory, cpus, reboot
        self.incoming = incoming  # wait for a migration there instead of booting
        self.process = None
        self.channel = None

    @property
    def console(self):
        return self.rundir / f"{self.name}.console"

    def boot(self):
        files = image()
        shell = self.rundir / f"{self.name}.sh"
        argv = ["qemu-system-x86_64", "-machine", f"q35,accel={os.environ.get('HEDDLE_ACCEL', 'tcg')}", "-cpu", "max",
                "-smp", self.cpus, "-m", self.memory, "-nodefaults", "-display", "none",
                "-kernel", files / "vmlinuz", "-initrd", files / "init.gz",
                "-append", f"console=ttyS0 quiet panic=-1 edd=off HOST={self.name}",
                "-object", f"memory-backend-memfd,id=mem,size={self.memory}M,share=on", "-numa", "node,memdev=mem",
                "-serial", f"file:{self.console}",
                "-chardev", f"socket,id=shell,path={shell},server=on,wait=off", "-serial", "chardev:shell"]
        argv += ["-qmp", f"unix:{self.rundir / self.name}.qmp,server=on,wait=off"]
        if not self.reboot:
            argv.append("-no-reboot")
        if self.incoming:
            argv += ["-incoming", f"unix:{self.incoming}"]
        for arguments in self.nics:
            argv += arguments
        from proc import die_with_parent  # the program below needs nothing of it
        with open(self.rundir / f"{self.name}.qemu", "wb") as log:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=die_with_parent)
        process = self.process
        self.channel = Channel(shell, lambda: process.poll() is None)
        return self

    def up(self, deadline=90.0):
        """Boots take about 5 s of a core; the deadline allows for a loaded machine."""
        try:
            self.channel.connect(deadline)
            self.channel.ready(deadline)
        except ChannelError as error:
            raise AssertionError(f"{self.name} did not boot: {error}\n{self.log()}") from error
        return self

    def log(self):
        return "".join(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}\n"
                       for path in (self.rundir / f"{self.name}.qemu", self.console) if path.exists())

    def monitor(self):
        process = self.process
        return Monitor(self.rundir / f"{self.name}.qmp", lambda: process.poll() is None)

    def start(self, command):
        """Run in the background of the test (not of the guest: the next command waits for this one)."""
        return Command(self, command)

    def sh(self, command, timeout=30.0, check=True):
        """The output of a command; with check=False (status, output)."""
        return self.start(command).wait(timeout, check)

    def stop(self):
        if self.channel:
            self.channel.close()
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        for suffix in ("sh", "qmp"):
            (self.rundir / f"{self.name}.{suffix}").unlink(missing_ok=True)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: guest.py SOCKET COMMAND")
    channel = Channel(sys.argv[1])
    try:
        channel.connect(10)
        channel.ready(90)
        status, output = channel.receive(channel.send(sys.argv[2]), 600)
    except ChannelError as error:
        sys.exit(f"guest.py: {error}")
    sys.stdout.write(output)
    sys.exit(status)


if __name__ == "__main__":
    main()
