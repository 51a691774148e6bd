# SPDX-License-Identifier: BSD-3-Clause
"""Two guests behind one switch, booted once for a file of tests.

                  br0                         jumbo           mq
    vm1  eth0 a0 --+-- b0 eth0  vm2    eth2 a2 -- b2 eth2    eth3 a3
         eth1 a1 --+-- b1 eth1
                   +-- up (tap in a namespace: the host)

eth0 negotiates every offload, eth1 none, eth2 an MTU of 9000, eth3 two queue pairs.
"""

import pathlib
import shutil
import sys
import tempfile

import pytest

from guest import Guest, nic
from heddle import Heddle
from proc import NetNS, wait_until

NO_OFFLOAD = dict.fromkeys(("csum", "gso", "guest_csum", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo",
                            "host_tso4", "host_tso6", "host_ecn", "host_ufo"), "off")
CONFIG = """\
bridges:
  br0:
    ports:
      a0: {{vhost: {run}/a0.sock}}
      b0: {{vhost: {run}/b0.sock}}
      a1: {{vhost: {run}/a1.sock}}
      b1: {{vhost: {run}/b1.sock}}
      up: {{device: "net_tap0,iface=up"}}
  jumbo:
    ports:
      a2: {{vhost: {run}/a2.sock, mtu: 9000}}
      b2: {{vhost: {run}/b2.sock, mtu: 9000}}
  mq:
    ports:
      a3: {{vhost: {run}/a3.sock, queues: 2}}
"""
LISTEN = "nc -ll -p 5000 -e sha256sum"


def guest_mac(side, index):
    return f"52:54:00:00:{side:02x}:{index:02x}"


class Pair:
    """The topology above, and what tests do with it."""

    HOST = "10.0.0.3"

    def __init__(self):
        self.run = pathlib.Path(tempfile.mkdtemp(prefix="hdg-", dir="/tmp"))
        self.host = NetNS()
        self.switch = Heddle(self.run, self.host, config=CONFIG.format(run=self.run))
        self.guests = []
        self.listener = None

    def start(self):
        self.switch.start()
        self.guests = [Guest(f"vm{side}", self.run, self.nics(side)) for side in (1, 2)]
        for guest in self.guests:
            guest.boot()
        for guest in self.guests:
            self.prepare(guest)
        self.host_up()
        self.listener = self.host.popen("busybox", *LISTEN.split())
        return self

    def nics(self, side):
        name = "ab"[side - 1]
        def path(index):
            return self.run / f"{name}{index}.sock"
        nics = [nic(path(0), guest_mac(side, 0)),
                nic(path(1), guest_mac(side, 1), **NO_OFFLOAD),
                nic(path(2), guest_mac(side, 2), host_mtu=9000)]
        if side == 1:
            nics.append(nic(path(3), guest_mac(side, 3), queues=2))
        return nics

    def prepare(self, guest):
        guest.up()
        # Each device answers only for its own address: they share a bridge.
        guest.sh("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore; for i in eth0 eth1 eth2; do ip link set $i up; done; "
                 f"{LISTEN} >/dev/null 2>&1 &")

    def host_up(self):
        """The host's end of the tap, which is new after each start of the switch."""
        self.switch.up("up")
        self.host.sh(f"ip addr replace {self.HOST}/24 dev up; ip link set dev up up")

    def address(self, one="eth0", two="eth0"):
        """10.0.0.1 is vm1's `one`, 10.0.0.2 is vm2's `two`; returns when they reach each other."""
        for guest, device, number in zip(self.guests, (one, two), (1, 2)):
            guest.sh("for i in eth0 eth1 eth2; do ip addr flush dev $i; done; ip neigh flush all; "
                     f"ip addr add 10.0.0.{number}/24 dev {device}")
        self.reach()

    def reach(self, deadline=60.0):
        """Wait until vm1 reaches vm2."""
        wait_until(lambda: self.guests[0].sh("ping -c 1 -W 1 10.0.0.2", check=False)[0] == 0, deadline,
                   "vm1 reaches vm2")

    def transfer(self, source, address, megabytes=4):
        """Random data by TCP from a guest (or None: the host); the far end's hash must be the near one's."""
        script = (f"head -c {megabytes << 20} /dev/urandom >/tmp/data$$; sha256sum </tmp/data$$;"
                  f"busybox nc {address} 5000 </tmp/data$$; rm /tmp/data$$")
        out = source.sh(script, timeout=120) if source else self.host.sh(script, timeout=120)
        hashes = [line.split()[0] for line in out.splitlines()]
        assert len(hashes) == 2 and hashes[0] == hashes[1], f"data differs: {out}"

    def bad_checksums(self):
        """Segments that the three kernels found broken."""
        script = "grep ^Tcp: /proc/net/snmp | tail -n 1"
        rows = [guest.sh(script) for guest in self.guests] + [self.host.sh(script)]
        return sum(int(row.split()[-1]) + int(row.split()[13]) for row in rows)

    def close(self, check):
        for guest in self.guests:
            guest.stop()
        try:
            self.switch.stop(check)
        finally:
            if not check:
                sys.stderr.write(self.switch.log()[-4000:] + "".join(guest.log() for guest in self.guests))
            if self.listener:
                self.listener.kill()
                self.listener.wait()
            self.host.close()
            shutil.rmtree(self.run, ignore_errors=True)


@pytest.fixture(scope="module")
def pair(request):
    failures = request.session.testsfailed
    made = Pair()
    try:
        yield made.start()
    finally:
        made.close(check=request.session.testsfailed == failures)
