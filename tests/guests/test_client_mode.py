# SPDX-License-Identifier: BSD-3-Clause
"""A guest that owns its socket (QEMU server=on): the switch connects, and again whenever it has to."""

from guest import Guest, nic
from proc import wait_until


def test_switch_connects_to_the_guest(heddle, rundir, cleanup):
    """Before the guest is there, after it went, and after the switch itself restarted."""
    switch = heddle(config=f"""\
bridges:
  br0:
    ports:
      v1: {{vhost: {rundir}/v1.sock, mode: client}}
      up: {{device: "net_tap0,iface=up"}}
""")
    for _ in range(2):
        guest = Guest("vm1", rundir, [nic(rundir / "v1.sock", "52:54:00:00:01:00", server=True)])
        cleanup(guest.stop)
        guest.boot().up()
        guest.sh("ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up")
        reaches(switch, guest)
        guest.stop()
        wait_until(lambda: not switch.port("v1")["up"], 10, "v1 down")
        (rundir / "v1.sock").unlink(missing_ok=True)
    guest.boot().up()
    guest.sh("ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up")
    reaches(switch, guest)
    switch.restart()
    reaches(switch, guest)


def reaches(switch, guest):
    switch.up("v1", "up", deadline=30)
    switch.netns.sh("ip addr replace 10.0.0.3/24 dev up; ip link set dev up up")
    # The tap is new after a restart, and so is its address.
    wait_until(lambda: guest.sh("ip neigh flush all; ping -c 1 -W 1 10.0.0.3", check=False)[0] == 0, 30,
               "guest reaches the host")
