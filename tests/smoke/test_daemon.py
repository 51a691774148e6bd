# SPDX-License-Identifier: BSD-3-Clause
"""The daemon itself: options, start, stop, two side by side."""

import grp
import os
import pwd
import signal
import socket
import subprocess

import pytest

from heddle import CLI, SLOW, VSWITCHD, Heddle
from net import BROADCAST, Lab, frame, mac
from proc import run, stop_process, wait_until


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_clean_stop(heddle, rundir, sig):
    switch = heddle()
    switch.cli("bridge add br0")
    switch.cli(f"port add v1 bridge br0 vhost {rundir}/v1.sock")
    switch.cli("port add p1 bridge br0 device net_tap0,iface=p1")
    process = switch.process
    process.send_signal(sig)
    assert process.wait(10 * SLOW) == 0
    assert not switch.socket.exists() and not (rundir / "v1.sock").exists()
    assert "p1" not in switch.netns.run("ip", "-br", "link")


def test_version():
    assert run(VSWITCHD, "--version").split()[0] == "heddle-vswitchd"
    assert run(CLI, "--version").split()[0] == "heddle"


def test_exit_codes(heddle, rundir):
    switch = heddle()
    assert switch.heddle("bridge", "add", "br0")[0] == 0
    assert switch.heddle("bridge", "add", "br0")[0] == 1
    assert switch.heddle("bridge", "frobnicate")[0] == 2
    switch.stop()
    status, _, err = switch.heddle("bridge", "show")
    assert status == 3 and str(switch.socket) in err


@pytest.mark.parametrize("args", [["--frobnicate"], ["--pmd-cpus", "banana"], ["--log-level", "loud"], ["-s"]])
def test_bad_options(rundir, args):
    done = subprocess.run([VSWITCHD, "-s", str(rundir / "x.sock"), *args], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip()


def test_a_cpu_that_does_not_exist(rundir):
    done = subprocess.run([VSWITCHD, "-s", str(rundir / "x.sock"), "--pmd-cpus", "0,511"], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV)
    assert "511" in done.stderr


def test_second_daemon_on_one_socket_is_refused(heddle, rundir):
    switch = heddle()
    other = subprocess.run(switch.argv(), capture_output=True, text=True, timeout=30 * SLOW, stdin=subprocess.DEVNULL)
    assert other.returncode == 1
    assert str(switch.socket) in other.stderr
    switch.cli("bridge show")  # the first is untouched


@pytest.mark.parametrize("place", ["missing/too/heddle.sock", "x" * 120 + ".sock"])
def test_socket_that_cannot_be(rundir, netns, place):
    done = subprocess.run([VSWITCHD, "-s", str(rundir / place), "--pmd-cpus", "0"], capture_output=True, text=True,
                          timeout=20 * SLOW)
    assert done.returncode in (1, 2), done.stderr
    assert place[:20] in done.stderr


def test_bad_file_at_start(rundir, netns):
    """Not started rather than started with something else than asked for; file and line are named."""
    config = rundir / "bad.yaml"
    config.write_text("bridges:\n  br0:\n    ports:\n      p1:\n        vhost: /tmp/x.sock\n        vlan: 5000\n")
    done = subprocess.run([VSWITCHD, "-s", str(rundir / "x.sock"), "--pmd-cpus", "0", "-c", str(config)],
                          capture_output=True, text=True, timeout=30 * SLOW)
    assert done.returncode == 1
    assert "bad.yaml:6: bridges.br0.ports.p1.vlan: 5000 is not 1..4094" in done.stderr
    assert not (rundir / "x.sock").exists()


def test_two_side_by_side(heddle):
    """Two daemons, two sockets, the same names: each forwards its own."""
    labs = [Lab(heddle(pmd_cpus=str(cpu))) for cpu in (0, 1)]
    for lab in labs:
        lab.tap("p1")
        lab.tap("p2")
    sent = [frame(BROADCAST, mac(1), bytes([number])) for number in range(2)]
    for lab, data in zip(labs, sent):
        assert lab.exchange("p1", data) == {"p2": [data]}
    labs[0].switch.stop()
    assert labs[1].exchange("p2", sent[0]) == {"p1": [sent[0]]}
    for lab in labs:
        lab.close()


def test_no_huge(heddle):
    switch = heddle(args=["--no-huge"])
    lab = Lab(switch)
    lab.tap("p1")
    lab.tap("p2")
    data = frame(BROADCAST, mac(1))
    assert lab.exchange("p1", data) == {"p2": [data]}
    assert "ordinary memory" in switch.log()
    lab.close()


def test_readiness_is_notified(rundir, netns):
    """sd_notify: READY=1 once the control socket answers, STOPPING=1 on the way out."""
    path = str(rundir / "notify")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    sock.settimeout(20 * SLOW)
    switch = Heddle(rundir, netns())
    os.environ["NOTIFY_SOCKET"] = path
    try:
        switch.spawn()
    finally:
        del os.environ["NOTIFY_SOCKET"]
    try:
        message = sock.recv(4096)
        assert b"READY=1" in message
        switch.cli("bridge show")
    finally:
        switch.stop()
        sock.close()


def test_socket_permissions(heddle, rundir):
    switch = heddle()
    assert switch.socket.stat().st_mode & 0o777 == 0o660
    switch.cli("bridge add br0")
    switch.cli(f"port add v1 bridge br0 vhost {rundir}/v1.sock socket-mode 0600 socket-owner nobody socket-group daemon")
    status = os.stat(rundir / "v1.sock")
    assert (status.st_mode & 0o777, pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name) == \
        (0o600, "nobody", "daemon")


def test_log_level(heddle):
    switch = heddle(args=["--log-level", "error"])
    switch.cli("log level debug")
    switch.cli("bridge add br0")
    wait_until(lambda: "br0" in switch.log() or "client" in switch.log(), 5, "a line at level debug")
    assert stop_process(switch.process, 10 * SLOW) == 0
    switch.process = None
