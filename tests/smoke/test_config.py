# SPDX-License-Identifier: BSD-3-Clause
"""The configuration as a whole: YAML at start, apply, dry run, confirm, rollback, save, restart."""

import json
import os
import signal

from net import BROADCAST, Lab, frame, mac
from proc import wait_until

BASE = """\
bridges:
  br0:
    ageing: 600
    ports:
      p1:
        device: net_tap0,iface=p1
        vlan: 10
      p2:
        device: net_tap1,iface=p2
        trunk: [10, 20-22]
        native: 1
        storm-broadcast: 5000
    fdb:
      - mac: 02:00:00:00:00:77
        vlan: 10
        port: p1
  br1:
    ports:
      v1:
        vhost: {run}/v1.sock
        queues: 2
        mtu: 9000
        isolated: true
"""


def start(heddle, rundir, text=BASE):
    return heddle(config=text.format(run=rundir))


def write(switch, name, text):
    path = switch.rundir / name
    path.write_text(text)
    return path


def show(switch, name):
    """`config show` into a file."""
    return write(switch, name, switch.text("config show"))


def kinds(result):
    return [change["change"] for change in result["changes"]]


def test_start_from_file(heddle, rundir):
    switch = start(heddle, rundir)
    ports = switch.ports()
    assert set(ports) == {"p1", "p2", "v1"}
    assert (ports["v1"]["mtu"], ports["v1"]["bridge"]) == (9000, "br1")
    assert os.path.exists(rundir / "v1.sock")
    assert [e["mac"] for e in switch.fdb("br0") if e["static"]] == [mac(0x77)]


def test_what_is_shown_loads(heddle, rundir):
    """config show, applied to the same switch, changes nothing; to an empty one, makes the same."""
    switch = start(heddle, rundir)
    shown = show(switch, "shown.yaml")
    assert switch.cli("config apply", shown)["changes"] == []
    document = switch.config_show()
    switch.stop()
    other = heddle(config=shown.read_text())
    assert other.config_show() == document


def test_apply_makes_only_the_difference(heddle, rundir):
    """An unrelated change leaves a port's counters (hence the port) alone."""
    switch = start(heddle, rundir)
    lab = Lab(switch, bridge=None)
    for name in ("p1", "p2"):
        lab.attach(name)
    lab.exchange("p1", frame(BROADCAST, mac(1)))
    text = switch.text("config show").replace("5000", "6000")
    path = write(switch, "new.yaml", text)
    dry = switch.cli("config apply", path, "--dry-run")
    assert kinds(dry) == ["port set"]
    assert switch.cli("config apply", path, "--dry-run") == dry  # nothing was done
    nowhere = write(switch, "nowhere.yaml", text.replace("        vlan: 10\n", "        vlan: 10\n        pmd: 1000\n"))
    assert "p1.pmd: no PMD thread runs on CPU 1000" in switch.refuses("config apply", nowhere, "--dry-run")
    assert kinds(switch.cli("config apply", path)) == ["port set"]
    assert switch.packets("p1", "rx") == 1 and switch.packets("p2", "tx") == 1
    assert switch.config_show()["bridges"]["br0"]["ports"]["p2"]["storm-broadcast"] == 6000
    lab.close()


def test_apply_is_whole_or_not_at_all(heddle, rundir):
    """The second port can't be made: the first is not either, nor is anything removed."""
    switch = start(heddle, rundir)
    before = switch.config_show()
    path = write(switch, "bad.yaml", f"""\
bridges:
  br0:
    ports:
      new1: {{device: "net_tap5,iface=new1"}}
      new2: {{vhost: {rundir}/missing/dir/v.sock}}
""")
    text = switch.refuses("config apply", path)
    assert "new2" in text
    assert switch.config_show() == before
    assert set(switch.ports()) == {"p1", "p2", "v1"}
    assert "new1" not in switch.netns.run("ip", "-br", "link")
    assert os.path.exists(rundir / "v1.sock")


def test_apply_from_nothing_and_to_nothing(heddle, rundir):
    switch = heddle()
    path = write(switch, "all.yaml", BASE.format(run=rundir))
    assert len(switch.cli("config apply", path)["changes"]) >= 5
    assert set(switch.ports()) == {"p1", "p2", "v1"}
    empty = write(switch, "empty.yaml", "bridges: {}\n")
    switch.cli("config apply", empty)
    assert switch.ports() == {} and switch.cli("bridge show") == []
    assert not os.path.exists(rundir / "v1.sock")


def test_confirm(heddle, rundir):
    switch = start(heddle, rundir)
    path = write(switch, "new.yaml", switch.text("config show").replace("5000", "6000"))
    switch.cli("config apply", path, "--confirm 30s")
    switch.cli("config confirm")
    assert switch.config_show()["bridges"]["br0"]["ports"]["p2"]["storm-broadcast"] == 6000
    switch.refuses("config confirm")  # nothing left to confirm


def test_not_confirmed_rolls_back(heddle, rundir):
    switch = start(heddle, rundir)
    before = switch.config_show()
    path = write(switch, "new.yaml", "bridges: {br9: {}}\n")
    switch.cli("config apply", path, "--confirm 2s")
    assert set(switch.config_show()["bridges"]) == {"br9"}
    wait_until(lambda: switch.config_show() == before, 15, "rolled back")
    assert set(switch.ports()) == {"p1", "p2", "v1"}
    switch.up("p1", "p2")


def test_rollback(heddle, rundir):
    switch = start(heddle, rundir)
    before = switch.config_show()
    switch.cli("port set p2 storm-broadcast 1")
    switch.cli("config rollback")
    assert switch.config_show() == before


def test_save_and_restart(heddle, rundir):
    switch = start(heddle, rundir)
    switch.cli("bridge add br7 ageing 77")
    switch.cli(f"port add v7 bridge br7 vhost {rundir}/v7.sock vlan 70")
    inode = switch.config.stat().st_ino
    switch.cli("config save")
    assert switch.config.stat().st_ino != inode  # written beside and renamed: never half a file
    document = switch.config_show()
    switch.restart()
    assert switch.config_show() == document


def test_save_to_a_file(heddle, rundir):
    switch = heddle()
    switch.cli("bridge add br0")
    switch.refuses("config save")  # started without -c
    path = rundir / "saved.yaml"
    switch.cli("config save", path)
    assert switch.cli("config apply", path)["changes"] == []


def test_restart_after_a_crash(heddle, rundir):
    """SIGKILL leaves sockets behind; the next start takes them over."""
    switch = start(heddle, rundir)
    document = switch.config_show()
    switch.restart(signal.SIGKILL)
    assert switch.config_show() == document
    assert os.path.exists(rundir / "v1.sock")


def test_json_everywhere(heddle, rundir):
    switch = start(heddle, rundir)
    for command in ("bridge show", "port show", "port stats", "fdb show br0", "pmd show", "drop show", "drop frames",
                    "config show", "version"):
        status, out, err = switch.heddle(*command.split())
        assert (status, err) == (0, ""), command
        json.loads(out)
        assert switch.text(command).strip(), command
