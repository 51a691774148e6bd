# SPDX-License-Identifier: BSD-3-Clause
"""Two QEMU guests talk through the switch: ping, TCP, offloads, VLANs, large frames, queues, restarts."""

import itertools
import signal

import pytest

from guest import Guest
from proc import wait_until

OFFLOADS = {"on": "eth0", "off": "eth1"}


def average(before, after, direction):
    """Bytes a packet between two readings of a port's counters."""
    packets = after[direction]["packets"] - before[direction]["packets"]
    return (after[direction]["bytes"] - before[direction]["bytes"]) / max(packets, 1)


def test_ping(pair):
    pair.address()
    for size in (56, 1400, 8000):
        out = pair.guests[0].sh(f"ping -c 5 -i 0.1 -s {size} 10.0.0.2")
        assert "5 packets received" in out
    out = pair.guests[1].sh(f"ping -c 5 -i 0.1 {pair.HOST}")
    assert "5 packets received" in out
    macs = {entry["mac"]: entry["port"] for entry in pair.switch.fdb("br0")}
    assert macs["52:54:00:00:01:00"] == "a0" and macs["52:54:00:00:02:00"] == "b0"


@pytest.mark.parametrize("sender, receiver", itertools.product(OFFLOADS, OFFLOADS))
def test_tcp_between_guests(pair, sender, receiver):
    """Every combination of offloads: data arrive whole, checksums are right, large segments cross whole where they
    may and are cut where they may not."""
    pair.address(OFFLOADS[sender], OFFLOADS[receiver])
    ports = [f"a{'01'[sender == 'off']}", f"b{'01'[receiver == 'off']}"]
    before = pair.switch.all_stats()
    segments = pair.switch.balance()["segments"]
    bad = pair.bad_checksums()
    pair.transfer(pair.guests[0], "10.0.0.2")
    after = pair.switch.all_stats()
    entered = average(before[ports[0]], after[ports[0]], "rx")
    left = average(before[ports[1]], after[ports[1]], "tx")
    assert (entered > 1514) == (sender == "on"), f"{entered:.0f} bytes a packet from the sender"
    assert (left > 1514) == (sender == receiver == "on"), f"{left:.0f} bytes a packet to the receiver"
    cut = pair.switch.balance()["segments"] - segments
    assert (cut > 0) == (sender == "on" and receiver == "off"), f"{cut} segments"
    # The other direction, on the same pair.
    pair.transfer(pair.guests[1], "10.0.0.1")
    assert pair.bad_checksums() == bad


@pytest.mark.parametrize("offloads", OFFLOADS)
def test_tcp_with_the_host(pair, offloads):
    """A tap negotiates nothing: what leaves by it is cut and summed."""
    device = OFFLOADS[offloads]
    pair.address(device, device)
    bad = pair.bad_checksums()
    for guest in pair.guests:
        pair.transfer(guest, pair.HOST)
    pair.transfer(None, "10.0.0.1")
    pair.transfer(None, "10.0.0.2")
    assert pair.bad_checksums() == bad


def test_mtu_is_told_to_the_guest(pair):
    """eth2 comes up with 9000 bytes without anybody setting it, and such frames pass whole."""
    for guest in pair.guests:
        assert guest.sh("cat /sys/class/net/eth2/mtu").strip() == "9000"
    assert pair.switch.port("a2")["guest_mtu"] == 9000
    pair.address("eth2", "eth2")
    # The payload that fills the frame: less the headers of IP and ICMP.
    out = pair.guests[0].sh("ping -c 3 -i 0.1 -s 8972 10.0.0.2")
    assert "3 packets received" in out
    assert pair.switch.stats("a2")["drops"] == {}
    pair.transfer(pair.guests[0], "10.0.0.2")


def test_vlans_separate_guests(pair):
    pair.address()
    switch = pair.switch
    switch.cli("port set a0 vlan 10")
    switch.cli("port set b0 vlan 20")
    try:
        assert pair.guests[0].sh("ping -c 2 -W 1 10.0.0.2", check=False)[0] != 0
        switch.cli("port set b0 vlan 10")
        pair.reach(15)
    finally:
        switch.cli("port set a0 vlan none")
        switch.cli("port set b0 vlan none")


def test_trunk_to_a_guest(pair):
    """vm1 has VLAN 10 tagged and VLAN 1 untagged on one device; vm2 is in VLAN 10, with offloads at work."""
    pair.address()
    one, two = pair.guests
    pair.switch.cli("port set a0 trunk 10,20 native 1")
    pair.switch.cli("port set b0 vlan 10")
    try:
        one.sh("ip addr flush dev eth0; ip link add link eth0 name v10 type vlan id 10;"
               "ip link add link eth0 name v20 type vlan id 20; ip addr add 10.0.0.1/24 dev v10;"
               "ip addr add 10.0.1.1/24 dev v20; ip link set v10 up; ip link set v20 up")
        pair.reach(15)
        pair.transfer(one, "10.0.0.2")
        pair.transfer(two, "10.0.0.1")
        two.sh("ip addr add 10.0.1.2/24 dev eth0")
        assert one.sh("ping -c 2 -W 1 10.0.1.2", check=False)[0] != 0  # VLAN 20 is not vm2's
    finally:
        one.sh("ip link del v10; ip link del v20", check=False)
        pair.switch.cli("port set a0 trunk none native none")
        pair.switch.cli("port set b0 vlan none")


def test_queues_follow_the_guest(pair):
    def enabled():
        return [queue["enabled"] for queue in pair.switch.port("a3")["queues"]]
    guest = pair.guests[0]
    guest.sh("ip link set eth3 up; ethtool -L eth3 combined 2")
    wait_until(lambda: enabled() == [True, True], 10, "two queues enabled")
    guest.sh("ethtool -L eth3 combined 1")
    wait_until(lambda: enabled() == [True, False], 10, "one queue enabled")


def test_other_port_removed_under_load(pair):
    """vm1's second device loses its port while its first one sends: not a byte is lost."""
    pair.address()
    drops = {name: pair.switch.drops(name) for name in ("a0", "b0")}
    transfer = pair.guests[0].start("head -c 8388608 /dev/urandom >/tmp/x; sha256sum </tmp/x; nc 10.0.0.2 5000 </tmp/x")
    for _ in range(3):
        pair.switch.cli("port del a1")
        pair.switch.cli(f"port add a1 bridge br0 vhost {pair.run}/a1.sock")
    hashes = transfer.wait(120).split()
    assert hashes[0] == hashes[2]
    assert {name: pair.switch.drops(name) for name in ("a0", "b0")} == drops
    pair.switch.up("a1", deadline=20)  # QEMU comes back by itself


def test_own_port_removed_under_load(pair):
    """The receiver's port goes while data flow to it; it comes back and so does the traffic."""
    pair.address()
    transfer = pair.guests[0].start("head -c 16777216 /dev/zero | timeout 20 nc 10.0.0.2 5000")
    before = pair.switch.packets("b0", "tx")
    wait_until(lambda: pair.switch.packets("b0", "tx") > before + 100, 30, "traffic")
    pair.switch.cli("port del b0")
    pair.switch.cli(f"port add b0 bridge br0 vhost {pair.run}/b0.sock")
    pair.switch.up("b0", deadline=20)
    transfer.wait(60, check=False)
    pair.reach()
    pair.transfer(pair.guests[0], "10.0.0.2")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "crash"])
def test_switch_restarts(pair, how):
    """Guests reconnect and go on with the addresses and connections that they have."""
    pair.address()
    pair.switch.restart(how)
    pair.host_up()
    pair.guests[1].sh("ip neigh flush all")  # the tap is new, and so is its address
    pair.reach()
    pair.transfer(pair.guests[0], "10.0.0.2")
    pair.transfer(pair.guests[1], pair.HOST)


def test_guest_restarts(pair):
    """A guest is switched off and another boots on the same sockets."""
    pair.guests[1].stop()
    wait_until(lambda: not pair.switch.port("b0")["up"], 10, "b0 down")
    pair.guests[1] = Guest("vm2", pair.run, pair.nics(2)).boot()
    pair.prepare(pair.guests[1])
    pair.address()
    pair.transfer(pair.guests[0], "10.0.0.2")


def test_guest_resets_its_driver(pair):
    """The virtio device is reset and set up anew on a connection that stays."""
    pair.guests[1].sh("rmmod virtio_net; insmod /modules/virtio_net.ko")
    wait_until(lambda: pair.guests[1].sh("ls /sys/class/net").split().count("eth2"), 20, "devices")
    pair.guests[1].sh("for i in eth0 eth1 eth2; do ip link set $i up; done")
    pair.address()
    pair.transfer(pair.guests[0], "10.0.0.2")
