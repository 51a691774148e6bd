# SPDX-License-Identifier: BSD-3-Clause
"""Changes around two ports under load lose nothing between them, and random changes break nothing."""

import random
import threading
import time

from heddle import SLOW, Refused
from net import mac
from proc import settle, wait_until
from testpmd import Testpmd, virtio_user


def loaded(switch, cleanup):
    """v0 and v1 on br0 with frames going round through their front-end."""
    switch.cli("bridge add br0")
    for index in range(2):
        switch.cli(f"port add v{index} bridge br0 vhost {switch.rundir}/v{index}.sock")
    front = Testpmd(switch.rundir, [virtio_user(switch.rundir / f"v{i}.sock", mac(i + 1)) for i in range(2)],
                    peers=[mac(2), mac(1)], args=["--forward-mode=io"])
    cleanup(front.stop)
    switch.up("v0", "v1")
    # Both addresses are known before the test begins: nothing of this traffic is flooded.
    switch.cli(f"fdb add br0 {mac(1)} port v0")
    switch.cli(f"fdb add br0 {mac(2)} port v1")
    front.cmd("start tx_first 2")
    wait_until(lambda: front.stats(0)["rx"] > 1000, 30 * SLOW, "traffic")
    return front


def nothing_lost(switch, front):
    """What the front-end sent is what it got, to the packet, at both ports."""
    front.cmd("stop")
    front.cmd("set fwd rxonly")
    front.cmd("start")
    settle(lambda: [front.stats(index) for index in range(2)])
    switch.balanced()
    ends = [front.stats(index) for index in range(2)]
    for index in range(2):
        port = switch.stats(f"v{index}")
        assert port["drops"] == {}, port["drops"]
        assert port["rx"]["packets"] == ends[index]["tx"]
        assert port["tx"]["packets"] == ends[index]["rx"]
    assert ends[0]["tx"] == ends[1]["rx"] and ends[1]["tx"] == ends[0]["rx"]
    return ends[0]["rx"] + ends[1]["rx"]


def test_other_ports_change_in_a_loop(heddle, cleanup, rundir):
    switch = heddle()
    front = loaded(switch, cleanup)
    for round_ in range(12):
        switch.cli(f"port add x bridge br0 vhost {rundir}/x.sock vlan 10")
        switch.cli("port add t bridge br0 device net_tap4,iface=t")
        switch.cli("port set x vlan 20 storm-broadcast 100")
        switch.cli("port set t isolated on")
        switch.cli("bridge add br1")
        switch.cli("port set t bridge br1")
        switch.cli(f"fdb add br0 {mac(100 + round_)} port x vlan 20")
        switch.cli("port del x")
        switch.cli("port del t")
        switch.cli("bridge del br1")
    assert nothing_lost(switch, front) > 10000


def test_apply_touches_only_what_changed(heddle, cleanup):
    switch = heddle()
    front = loaded(switch, cleanup)
    base = switch.text("config show")
    more = switch.rundir / "more.yaml"
    less = switch.rundir / "less.yaml"
    less.write_text(base)
    switch.cli("port add t bridge br0 device net_tap4,iface=t vlan 7")
    switch.cli("bridge add br1 ageing 5")
    more.write_text(switch.text("config show"))
    for _ in range(10):
        switch.cli("config apply", less)
        switch.cli("config apply", more)
    assert nothing_lost(switch, front) > 10000


def random_changes(switch, rng, seconds, rundir):
    """Ports and bridges come, change and go; refusals are part of it, anything else is not."""
    end = time.monotonic() + seconds
    done = refused = 0
    names = [f"r{i}" for i in range(6)]
    bridges = ["br0", "br1", "br2"]
    while time.monotonic() < end:
        name, bridge = rng.choice(names), rng.choice(bridges)
        number = names.index(name) + 10
        command = rng.choice([
            f"port add {name} bridge {bridge} vhost {rundir}/{name}.sock queues {rng.choice([1, 2])}",
            f"port add {name} bridge {bridge} device net_tap{number},iface={name}",
            f"port add {name} bridge {bridge} device net_null{number},copy=0 pmd {rng.choice([0, 1])}",
            f"port del {name}", f"port del {name}",
            f"port set {name} bridge {bridge}",
            f"port set {name} vlan {rng.randrange(1, 4095)}",
            f"port set {name} vlan none trunk 1-{rng.randrange(2, 4095)}",
            f"port set {name} isolated {rng.choice(['on', 'off'])} storm-unknown {rng.randrange(100)}",
            f"port set {name} mtu {rng.choice([1500, 4000, 9000])}",
            f"port set {name} pmd {rng.choice([0, 1])}",
            f"bridge add {rng.choice(bridges[1:])} fdb-limit {rng.choice([16, 4096])}",
            f"bridge del {rng.choice(bridges[1:])} force",
            f"bridge set {rng.choice(bridges[1:])} ageing {rng.randrange(1, 10)}",
            f"fdb add {bridge} {mac(rng.randrange(1000, 1100))} port {name}",
            f"fdb flush {rng.choice(bridges[1:])}",
            "port show", "port stats", "drop show", "pmd show",
        ])
        try:
            switch.cli(command)
            done += 1
        except Refused as error:
            assert error.status == 1 and error.text, error
            refused += 1
    return done, refused


def test_random_changes_under_traffic(heddle, cleanup, rundir):
    """Ten seconds of control stress, two PMDs, frames going round all the time."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    switch = heddle(pmd_cpus="0,1")
    front = loaded(switch, cleanup)
    done, refused = random_changes(switch, random.Random(seed), 10 * min(SLOW, 2), rundir)
    print(f"{done} changes made, {refused} refused")
    assert done > 50
    for name in list(switch.ports()):
        if name.startswith("r"):
            switch.cli(f"port del {name}")
    assert nothing_lost(switch, front) > 1000


def test_several_clients_change_at_once(heddle, cleanup, rundir):
    """Changes from four clients at a time: each whole, in some order."""
    switch = heddle()
    switch.cli("bridge add br0")
    errors = []

    def client(index):
        try:
            for _ in range(15):
                switch.cli(f"port add c{index} bridge br0 vhost {rundir}/c{index}.sock")
                switch.cli(f"port set c{index} vlan {index + 1}")
                switch.cli(f"port del c{index}")
        except AssertionError as error:
            errors.append(error)
    threads = [threading.Thread(target=client, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]
    assert switch.ports() == {}
