# SPDX-License-Identifier: BSD-3-Clause
"""A guest moves from one QEMU to another on this host while it receives a TCP stream.

    vm2 --- v2 -- br0 -- v1 --- vm1, until it moves
                   +---- v1b -- vm1, afterwards
"""

import pytest

from guest import Guest, nic
from proc import wait_until

MAC = "52:54:00:00:01:00"
CHUNKS = 100  # of 1 MiB, one about every 60 ms
# What is sent: the same bytes each time it is run.
STREAM = f"i=0; while [ $i -lt {CHUNKS} ]; do cat /tmp/chunk; {{pause}} i=$((i+1)); done"
CONFIG = """\
bridges:
  br0:
    ports:
      v1: {{vhost: {run}/v1.sock}}
      v1b: {{vhost: {run}/v1b.sock}}
      v2: {{vhost: {run}/v2.sock}}
"""


def guest(cleanup, name, rundir, *args, **kwargs):
    made = Guest(name, rundir, *args, **kwargs)
    cleanup(made.stop)
    return made.boot()


def migrate(source, target, path):
    monitor = source.monitor()
    monitor("migrate-set-parameters", **{"max-bandwidth": 400 << 20, "downtime-limit": 500})
    monitor("migrate", uri=f"unix:{path}")

    def done():
        state = monitor("query-migrate")
        assert state.get("status") not in ("failed", "cancelled"), state
        return state if state.get("status") == "completed" else None
    state = wait_until(done, 120, "migration")
    monitor.close()
    return state


@pytest.mark.parametrize("packed, announce", [("off", "on"), ("off", "off"), ("on", "off")],
                         ids=["split", "split-rarp", "packed-rarp"])
def test_guest_moves_while_it_receives(heddle, rundir, cleanup, packed, announce):
    """The stream arrives whole, and the bridge knows at once where the guest is: by the guest's own announcement,
    or, where the guest makes none, by the switch's (SEND_RARP)."""
    switch = heddle(config=CONFIG.format(run=rundir))
    options = {"packed": packed, "guest_announce": announce}
    one = guest(cleanup, "vm1", rundir, [nic(rundir / "v1.sock", MAC, **options)])
    two = guest(cleanup, "vm2", rundir, [nic(rundir / "v2.sock", "52:54:00:00:02:00", packed=packed)])
    for number, each in enumerate((one, two), 1):
        each.up()
        each.sh(f"ip addr add 10.0.0.{number}/24 dev eth0; ip link set eth0 up")
    two.sh("head -c 1048576 /dev/urandom >/tmp/chunk")
    one.sh("printf '#!/bin/sh\\nsha256sum >/tmp/part\\nmv /tmp/part /tmp/sum\\n' >/tmp/receive; chmod +x /tmp/receive;"
           "nc -l -p 5001 -e /tmp/receive >/dev/null 2>&1 &")
    wait_until(lambda: two.sh("ping -c 1 -W 1 10.0.0.1", check=False)[0] == 0, 30, "vm2 reaches vm1")
    sender = two.start(f"({STREAM.format(pause='usleep 60000;')}) | nc 10.0.0.1 5001")
    before = switch.packets("v1", "tx")
    wait_until(lambda: switch.packets("v1", "tx") > before + 200, 30, "the stream flows")

    target = guest(cleanup, "vm1b", rundir, [nic(rundir / "v1b.sock", MAC, **options)], incoming=rundir / "move")
    wait_until(lambda: (rundir / "move").exists(), 20, "the target waits")
    migrate(one, target, rundir / "move")
    switch.learnt("br0", MAC, "v1b")
    one.stop()
    sender.wait(180)
    target.channel.connect(30)
    wait_until(lambda: target.sh("test -f /tmp/sum", check=False)[0] == 0, 60, "the receiver's end")
    received = target.sh("cat /tmp/sum").split()[0]
    sent = two.sh(f"({STREAM.format(pause='')}) | sha256sum", timeout=120).split()[0]
    assert received == sent
    assert switch.packets("v1b", "tx") > 0
    # Both ways, on a connection of its own.
    target.sh("ping -c 3 -i 0.2 -W 2 10.0.0.2")
