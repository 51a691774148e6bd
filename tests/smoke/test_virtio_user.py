# SPDX-License-Identifier: BSD-3-Clause
"""Real DPDK front-ends on vhost ports: frames go round through testpmd (io mode) and both ports of the switch."""

import pytest

from heddle import SLOW
from net import BROADCAST, Lab, frame, mac
from proc import settle, wait_until
from testpmd import Testpmd, virtio_user

LAYOUTS = {
    "split": {},
    "split-in-order": {"in_order": 1},
    "split-no-mergeable": {"mrg_rxbuf": 0},
    "split-vectorized": {"mrg_rxbuf": 0, "in_order": 0, "vectorized": 1},
    "packed": {"packed_vq": 1},
    "packed-in-order": {"packed_vq": 1, "in_order": 1},
    "packed-no-mergeable": {"packed_vq": 1, "mrg_rxbuf": 0},
    "packed-vectorized": {"packed_vq": 1, "mrg_rxbuf": 0, "in_order": 1, "vectorized": 1},
}


MACS = [mac(1), mac(2)]


def front_ends(switch, cleanup, *, queues=1, server=False, layout=None):
    """Ports v0 and v1 with one testpmd behind both."""
    paths = [switch.rundir / f"v{index}.sock" for index in range(2)]
    mode = "mode client" if server else ""
    for index, path in enumerate(paths):
        switch.cli(f"port add v{index} bridge br0 vhost {path} queues {queues} {mode}")
    front = Testpmd(switch.rundir, [virtio_user(path, address, queues=queues, server=server, **(layout or {}))
                                    for path, address in zip(paths, MACS)],
                    queues=queues, peers=MACS[::-1], eal=["--force-max-simd-bitwidth=512"], args=["--forward-mode=io"])
    cleanup(front.stop)
    switch.up("v0", "v1")
    return front


def circulate(switch, front, packets=20000):
    """Let frames go round until `packets` have come by, then take them all out and compare every counter."""
    front.cmd("start tx_first 2")
    wait_until(lambda: front.stats(0)["rx"] + front.stats(1)["rx"] >= packets, 60 * SLOW, f"{packets} packets")
    front.cmd("stop")
    front.cmd("set fwd rxonly")
    front.cmd("start")
    settle(lambda: [front.stats(index) for index in range(2)])
    switch.balanced()
    front.cmd("stop")
    totals = switch.all_stats()
    for index in range(2):
        ends, port = front.stats(index), totals[f"v{index}"]
        assert port["rx"]["packets"] == ends["tx"], f"v{index} from its front-end"
        assert port["tx"]["packets"] == ends["rx"], f"v{index} to its front-end"
        assert port["drops"] == {}, f"v{index}"
    return totals


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(heddle, cleanup, layout):
    switch = heddle()
    switch.cli("bridge add br0")
    front = front_ends(switch, cleanup, layout=LAYOUTS[layout])
    circulate(switch, front)
    assert {e["mac"] for e in switch.fdb("br0")} == {mac(1), mac(2)}


@pytest.mark.parametrize("layout", ["split", "packed"])
def test_four_queues(heddle, cleanup, layout):
    """Four queue pairs over two PMDs: every queue of the front-end is served."""
    switch = heddle(pmd_cpus="0,1")
    switch.cli("bridge add br0")
    front = front_ends(switch, cleanup, queues=4, layout=LAYOUTS[layout])
    totals = circulate(switch, front)
    for name in ("v0", "v1"):
        assert [q["rx"]["packets"] > 0 for q in totals[name]["queues"]] == [True] * 4, name
    assert {queue["pmd"] for name in ("v0", "v1") for queue in switch.port(name)["queues"]} == {0, 1}


def test_client_mode(heddle, cleanup):
    """The front-end owns the sockets; the switch connects to them when they appear."""
    switch = heddle()
    switch.cli("bridge add br0")
    front = front_ends(switch, cleanup, server=True)
    circulate(switch, front)


def test_front_end_restarts(heddle, cleanup):
    switch = heddle()
    switch.cli("bridge add br0")
    front = front_ends(switch, cleanup)
    for again in (True, True, False):
        front.cmd("start tx_first 2")
        wait_until(lambda: front.stats(0)["rx"] >= 5000, 60 * SLOW, "packets")
        front.stop()
        wait_until(lambda: not switch.port("v0")["up"] and not switch.port("v1")["up"], 10, "both down")
        switch.balanced()
        if again:
            front = Testpmd(switch.rundir, [virtio_user(switch.rundir / f"v{i}.sock", MACS[i]) for i in range(2)],
                            peers=MACS[::-1], args=["--forward-mode=io"])
            cleanup(front.stop)
            switch.up("v0", "v1")


def test_front_end_killed_under_load(heddle, cleanup):
    """A front-end that dies takes its port down and nothing else."""
    switch = heddle()
    lab = Lab(switch)
    cleanup(lab.close)
    front = front_ends(switch, cleanup)
    lab.tap("p1")
    lab.tap("p2")
    front.cmd("start tx_first 2")
    wait_until(lambda: front.stats(0)["rx"] >= 2000, 60 * SLOW, "packets")
    front.process.kill()
    wait_until(lambda: not switch.port("v0")["up"] and not switch.port("v1")["up"], 10, "both down")
    sent = frame(BROADCAST, mac(50))
    assert lab.exchange("p1", sent) == {"p2": [sent]}


def test_slow_receiver_drops_are_counted(heddle, cleanup):
    """A front-end that sends flat out at one that never looks: the ring fills, the rest is tx-full."""
    switch = heddle()
    switch.cli("bridge add br0")
    front = front_ends(switch, cleanup)
    front.cmd("set fwd txonly")
    front.cmd("set portlist 0")
    front.cmd("start")
    wait_until(lambda: switch.drops("v1").get("tx-full", 0) > 10000, 60 * SLOW, "drops")
    front.cmd("stop")
    switch.balanced()
    assert switch.packets("v0", "rx") == front.stats(0)["tx"]
