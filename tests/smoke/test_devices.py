# SPDX-License-Identifier: BSD-3-Clause
"""DPDK devices by device string: null, pcap, memif, bonded taps."""

from heddle import SLOW
from net import BROADCAST, frame, mac
from pcap import read_pcap
from proc import settle, wait_until
from testpmd import Testpmd

A = mac(1)


def test_null(lab):
    """net_null is an endless source of zeroed frames and a sink."""
    lab.tap("p1")
    lab.switch.cli("port add null bridge br0 device net_null0")
    wait_until(lambda: lab.switch.drops("null").get("source-multicast", 0) > 1000, 10, "zeroed frames")
    lab.raw["p1"].send(frame(BROADCAST, A))
    wait_until(lambda: lab.switch.packets("null", "tx") == 1, 10, "a frame into the sink")
    lab.switch.cli("port del null")


def test_pcap_records_what_leaves(lab):
    lab.tap("p1")
    path = lab.switch.rundir / "tx.pcap"
    lab.switch.cli(f"port add cap bridge br0 device net_pcap0,tx_pcap={path}")
    sent = [frame(BROADCAST, A, bytes([i]) * 50) for i in range(20)]
    lab.inject("p1", *sent)
    lab.switch.cli("port del cap")
    assert read_pcap(path) == sent


def test_memif(heddle, cleanup):
    """Two memif ports, testpmd at the far ends: frames go round."""
    switch = heddle()
    switch.cli("bridge add br0")
    path = switch.rundir / "memif.sock"
    for index in range(2):
        switch.cli(f"port add m{index} bridge br0 device "
                   f"net_memif{index},role=server,id={index},socket={path},socket-abstract=no")
    macs = [mac(1), mac(2)]
    front = Testpmd(switch.rundir, [f"role=client,id={i},socket={path},socket-abstract=no,mac={macs[i]}"
                                    for i in range(2)],
                    kind="net_memif", peers=macs[::-1], args=["--forward-mode=io"])
    cleanup(front.stop)
    switch.up("m0", "m1")
    front.cmd("start tx_first 1")
    wait_until(lambda: front.stats(0)["rx"] >= 5000, 30 * SLOW, "packets")
    front.cmd("stop")
    front.cmd("set fwd rxonly")
    front.cmd("start")
    settle(lambda: [front.stats(i) for i in range(2)])
    switch.balanced()
    for index in range(2):
        assert switch.packets(f"m{index}", "rx") == front.stats(index)["tx"]
        assert switch.packets(f"m{index}", "tx") == front.stats(index)["rx"]


def test_several_queues_of_a_tap(lab):
    lab.tap("p1", "queues 4")
    lab.tap("p2", "queues 4")
    sent = [frame(BROADCAST, mac(100 + i)) for i in range(64)]
    out = lab.exchange("p1", *sent)
    assert sorted(out["p2"]) == sorted(sent)


def test_devices_come_and_go(lab):
    """The same device again and again: whatever the driver holds is given back."""
    lab.tap("p1")
    for round_ in range(8):
        lab.tap("p2")
        sent = frame(BROADCAST, A, bytes([round_]))
        assert lab.exchange("p1", sent) == {"p2": [sent]}
        lab.detach("p2")
        lab.switch.cli("port del p2")
        lab.count = 1
