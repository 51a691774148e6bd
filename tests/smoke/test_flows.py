# SPDX-License-Identifier: BSD-3-Clause
"""Flow rules between kernel interfaces, by the command, by files and by the configuration: taps p1, p2, p3 on br0."""

import struct

import pytest

from heddle import SLOW
from net import Lab, frame, mac
from proc import wait_until

A, B = mac(1), mac(2)
IPV4 = 0x0800


def ipv4(proto=17, src="10.0.0.1", dst="10.0.0.2", sport=1000, dport=53):
    """A frame from A to B with an IPv4 packet of UDP or TCP; nobody looks at its checksums."""
    ports = struct.pack("!HH", sport, dport)
    l4 = ports + (struct.pack("!HH", 8, 0) if proto == 17 else struct.pack("!IIBBHHH", 1, 0, 0x50, 2, 1000, 0, 0))
    addresses = bytes(int(part) for part in f"{src}.{dst}".split("."))
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(l4), 1, 0, 64, proto, 0) + addresses
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", total ^ 0xFFFF) + header[12:]
    return frame(B, A, header + l4, ethertype=IPV4)


UDP, TCP = ipv4(), ipv4(proto=6)


@pytest.fixture
def lab(lab):
    for name in ("p1", "p2", "p3"):
        lab.tap(name)
    return lab


def flows(switch, *words):
    """{(table, priority, match): rule}"""
    return {(f["table"], f["priority"], f["match"]): f for f in switch.cli("flow show br0", *words)}


def texts(switch):
    """The bridge's rules as the configuration shows them; None: the default."""
    return switch.config_show()["bridges"]["br0"].get("flows")


def write(switch, name, text):
    path = switch.rundir / name
    path.write_text(text)
    return path


# ---- packets


def test_default_forwards(lab):
    assert lab.exchange("p1", UDP) == {"p2": [UDP], "p3": [UDP]}
    assert texts(lab.switch) is None
    assert list(flows(lab.switch)) == [(0, 0, "")]


def test_output_drop_normal(lab):
    """A rule that outputs, one that drops, and what is left goes the bridge's way."""
    lab.switch.cli("flow add br0", "priority=100,in_port=p1,udp,tp_dst=53,actions=output:p2")
    lab.switch.cli("flow add br0", "priority=100,in_port=p1,tcp,actions=drop")
    other = frame(B, A)
    assert lab.exchange("p1", UDP) == {"p2": [UDP]}
    assert lab.exchange("p1", TCP) == {}
    assert lab.exchange("p1", ipv4(dport=54)) == {"p2": [ipv4(dport=54)], "p3": [ipv4(dport=54)]}
    assert lab.exchange("p1", other) == {"p2": [other], "p3": [other]}


def test_no_rule_no_forwarding(lab):
    """Without any rule nothing passes; one rule, and its packets do."""
    assert lab.switch.cli("flow del br0")["removed"] == 1
    assert texts(lab.switch) == []
    assert lab.exchange("p1", UDP) == {}
    lab.switch.cli("flow add br0", "udp,actions=output:p3")
    assert lab.exchange("p1", UDP, TCP) == {"p3": [UDP]}


def test_counters(lab):
    lab.switch.cli("flow add br0", "priority=9,udp,actions=output:p2")
    lab.exchange("p1", *[UDP] * 5)
    rule = flows(lab.switch)[0, 9, "udp"]
    assert (rule["packets"], rule["bytes"]) == (5, 5 * len(UDP)), rule
    lab.exchange("p1", *[UDP] * 7)
    assert flows(lab.switch)[0, 9, "udp"]["packets"] == 12
    assert flows(lab.switch)[0, 0, ""]["packets"] == 0
    assert "n_packets=12" in lab.switch.text("flow show br0 --ofctl")


def test_change_under_traffic(lab):
    """What is cached follows a change of rules at once."""
    lab.switch.cli("flow add br0", "priority=9,udp,actions=output:p2")
    assert lab.exchange("p1", UDP) == {"p2": [UDP]}
    assert lab.switch.cli("flow mod br0", "udp,actions=output:p3")["modified"] == 1
    assert lab.exchange("p1", UDP) == {"p3": [UDP]}
    lab.switch.cli("flow del br0", "udp")
    assert set(lab.exchange("p1", UDP)) == {"p2", "p3"}


def test_tables(lab):
    """resubmit and goto_table."""
    lab.switch.cli("flow add br0", "priority=9,udp,actions=resubmit(,1)", "table=1,actions=goto_table:2",
                   "table=2,priority=5,tp_dst=53,udp,actions=output:p3")
    assert lab.exchange("p1", UDP) == {"p3": [UDP]}
    assert lab.exchange("p1", ipv4(dport=54)) == {}
    found = flows(lab.switch, "table=2")
    assert [key[:2] for key in found] == [(2, 5)]


# ---- changes


def test_mod_and_del(lab):
    add = "flow add br0"
    lab.switch.cli(add, "priority=5,cookie=0x2a,tcp,tp_dst=80,actions=output:p2",
                   "priority=6,tcp,tp_dst=80,nw_src=10.0.0.0/8,actions=output:p2", "priority=7,udp,actions=drop")
    assert lab.switch.cli("flow mod br0", "priority=5,tcp,tp_dst=80,actions=output:p3", "--strict")["modified"] == 1
    assert flows(lab.switch)[0, 5, "tcp,tp_dst=80"]["actions"] == "output:p3"
    assert len(flows(lab.switch, "cookie=0x2a/-1")) == 1
    assert len(flows(lab.switch, "out_port=p2")) == 1
    assert lab.switch.cli("flow del br0", "priority=7,udp", "--strict")["removed"] == 1
    assert lab.switch.cli("flow del br0", "tcp,tp_dst=80")["removed"] == 2
    assert texts(lab.switch) is None


def test_bad_flow(lab):
    """What is wrong, where, with a mark under it; and nothing is changed."""
    status, _, err = lab.switch.heddle("flow", "add", "br0", "priority=9,udp,actions=drop",
                                       "tcp,tp_dts=80,actions=drop")
    assert status == 1
    lines = err.splitlines()
    assert "flows[1]: column 5: " in lines[0] and "tp_dst" in lines[0], err
    assert lines[1].strip() == "tcp,tp_dts=80,actions=drop"
    assert lines[2].index("^") == lines[1].index("tp_dts")
    lab.switch.refuses("flow add br0", "in_port=p9,actions=drop", words=["p9"])
    lab.switch.refuses("flow add br9", "actions=drop", words=["br9", "no such bridge"])
    assert texts(lab.switch) is None


def test_port_comes_back(lab):
    """Rules stay when their port goes, and work again when it is back."""
    lab.switch.cli("flow add br0", "priority=9,udp,actions=output:p3")
    lab.detach("p3")
    lab.switch.cli("port del p3")
    assert texts(lab.switch)[0] == "priority=9,udp actions=output:p3"
    assert lab.exchange("p1", UDP) == {}
    lab.tap("p3")
    assert lab.exchange("p1", UDP) == {"p3": [UDP]}


def test_timeouts(lab):
    """Rules go after their time; one that is used, only after the hard timeout."""
    lab.switch.cli("flow add br0", "priority=9,udp,idle_timeout=1,actions=drop",
                   "priority=8,tcp,hard_timeout=2,actions=drop")
    assert len(flows(lab.switch)) == 3
    assert texts(lab.switch) is None, "rules with timeouts are no configuration"
    wait_until(lambda: len(flows(lab.switch)) == 1, 10 * SLOW, "rules expired")


# ---- files


RULES = """\
# comments and blank lines

table=0,priority=9,udp,actions=output:p2   # to the right
add priority=8,tcp,actions=drop
priority=0,actions=NORMAL
"""


def test_file(lab):
    switch = lab.switch
    path = write(switch, "rules.txt", RULES)
    assert switch.cli("flow add-file br0", path) == {"added": 2, "modified": 1, "removed": 0}
    assert lab.exchange("p1", UDP, TCP) == {"p2": [UDP]}
    path = write(switch, "less.txt", "delete_strict priority=8,tcp\nmodify udp,actions=output:p3\n")
    switch.cli("flow add-file br0", path)
    assert lab.exchange("p1", UDP) == {"p3": [UDP]}
    assert set(lab.exchange("p1", TCP)) == {"p2", "p3"}


def test_file_with_a_bad_line(lab):
    path = write(lab.switch, "rules.txt", RULES + "\n  priority=7,tcp,tp_dts=80,actions=drop\n")
    status, _, err = lab.switch.heddle("flow", "add-file", "br0", path)
    assert status == 1
    lines = err.splitlines()
    assert f"{path}:7: column 18: " in lines[0] and "tp_dst" in lines[0], err
    assert lines[2].index("^") == lines[1].index("tp_dts"), err
    assert texts(lab.switch) is None


def test_replace(lab):
    """Only what differs is touched: the rule that stays keeps its counters."""
    switch = lab.switch
    switch.cli("flow add br0", "priority=9,udp,actions=output:p2", "priority=8,tcp,actions=drop")
    lab.exchange("p1", UDP, UDP)
    path = write(switch, "rules.txt", "priority=9,udp,actions=output:p2\npriority=7,arp,actions=NORMAL\n"
                                      "priority=0,actions=drop\n")
    assert switch.cli("flow replace br0", path) == {"added": 1, "changed": 1, "removed": 1, "kept": 1}
    assert flows(switch)[0, 9, "udp"]["packets"] == 2
    assert lab.exchange("p1", UDP, TCP) == {"p2": [UDP]}


def test_many(lab):
    """100,000 rules in one file; ports change as quickly as without them."""
    path = write(lab.switch, "rules.txt", "".join(
        f"priority=100,tcp,nw_src=10.{i >> 16}.{i >> 8 & 255}.{i & 255},actions=output:p2\n" for i in range(100000)))
    assert lab.switch.cli("flow add-file br0", path)["added"] == 100000
    assert lab.exchange("p1", ipv4(proto=6, src="10.1.134.159")) == {"p2": [ipv4(proto=6, src="10.1.134.159")]}
    lab.switch.cli("port set p3 isolated on")
    assert lab.switch.cli("flow del br0", "tcp")["removed"] == 100000
    assert texts(lab.switch) is None


# ---- configuration


CONFIG = """\
bridges:
  br0:
    ports:
      p1: {{device: "net_tap0,iface=p1"}}
      p2: {{device: "net_tap1,iface=p2"}}
      p3: {{device: "net_tap2,iface=p3"}}
{}"""
FLOWS = """\
    groups:
    - "group_id=1,type=all,bucket=actions=output:p2,bucket=actions=output:p3"
    meters:
    - "meter=4,pktps,band=type=drop,rate=100000"
    flows:
    - "priority=9,udp,actions=meter:4,group:1"
    - "priority=0,actions=drop"
"""


def start(heddle, more):
    switch = heddle(config=CONFIG.format(more))
    made = Lab(switch, bridge=None)
    for name in ("p1", "p2", "p3"):
        made.attach(name)
    return made


def test_config(heddle):
    """Flows of a file are there from the start; what is shown loads and changes nothing."""
    made = start(heddle, FLOWS)
    switch = made.switch
    assert made.exchange("p1", UDP, TCP) == {"p2": [UDP], "p3": [UDP]}
    shown = write(switch, "shown.yaml", switch.text("config show"))
    assert switch.cli("config apply", shown)["changes"] == []
    switch.cli("flow add br0", "priority=8,tcp,actions=output:p2")
    changes = switch.cli("config apply", shown, "--dry-run")["changes"]
    assert [(c["change"], c["flows"]) for c in changes] == [
        ("flow set", {"added": 0, "changed": 0, "removed": 1})], changes
    assert (0, 8, "tcp") in flows(switch)
    switch.cli("config apply", shown)
    assert (0, 8, "tcp") not in flows(switch)
    switch.cli("config rollback")
    assert (0, 8, "tcp") in flows(switch)
    made.close()


def test_config_saved(heddle):
    """Rules made by command outlive a restart once they are saved."""
    made = start(heddle, "")
    switch = made.switch
    switch.cli("flow add br0", "priority=9,in_port=p1,udp,actions=output:p2")
    before = texts(switch)
    switch.cli("config save")
    for name in ("p1", "p2", "p3"):
        made.detach(name)
    switch.restart()
    for name in ("p1", "p2", "p3"):
        made.attach(name)
    assert len(before) == 2 and texts(switch) == before
    assert made.exchange("p1", UDP) == {"p2": [UDP]}
    made.close()


def test_config_bad(heddle):
    made = start(heddle, "")
    path = write(made.switch, "bad.yaml", CONFIG.format("    flows:\n    - \"tcp,tp_dts=1,actions=drop\"\n"))
    made.switch.refuses("config apply", path, words=["bad.yaml:8: bridges.br0.flows[0]: column 5: ", "tp_dst"])
    made.close()


def test_confirm(heddle):
    """Not confirmed: flows go back, too."""
    made = start(heddle, FLOWS)
    switch = made.switch
    before = texts(switch)
    path = write(switch, "none.yaml", CONFIG.format("    flows: []\n"))
    switch.cli("config apply", path, "--confirm 1s")
    assert texts(switch) == []
    wait_until(lambda: texts(switch) == before, 10 * SLOW, "rolled back")
    assert made.exchange("p1", UDP) == {"p2": [UDP], "p3": [UDP]}
    made.close()


# ---- looking


def test_trace(lab):
    switch = lab.switch
    switch.cli("flow add br0", "priority=9,udp,tp_dst=53,actions=resubmit(,1)", "table=1,actions=output:p2",
               "priority=9,tcp,actions=drop")
    result = switch.cli("trace br0", "in_port=p1,udp,nw_src=10.0.0.1,tp_dst=53")
    assert result["outputs"] == ["p2"]
    assert [s["table"] for s in result["steps"] if s["step"] == "rule"] == [0, 1]
    assert "in_port" in result["fields"] and "tp_dst" in result["fields"]
    assert switch.cli("trace br0", "in_port=p1,tcp")["outputs"] == []
    text = switch.text("trace br0", "in_port=p1,udp,tp_dst=53")
    assert "verdict: out of p2" in text and "table 1: " in text
    assert all(rule["packets"] == 0 for rule in flows(switch).values()), "a trace counts nothing"
    switch.refuses("trace br0", "udp", words=["in_port"])


def test_cache_show(lab):
    lab.switch.cli("flow add br0", "priority=9,udp,tp_dst=53,actions=output:p2")
    lab.exchange("p1", *[UDP] * 10)
    shown = lab.switch.cli("cache show")
    assert sum(pmd["lookups"] for pmd in shown["pmds"]) >= 10
    assert sum(pmd["misses"] for pmd in shown["pmds"]) >= 1
    bridge = shown["bridges"][0]
    assert bridge["rules"] == 2 and "tp_dst" in bridge["fields"] and "nw_src" not in bridge["fields"]
    assert "keys on: " in lab.switch.text("cache show")


def test_truncated_copy(lab):
    """A rule that gives one port the frame and another its beginning: a mirror of a flow."""
    lab.switch.cli("flow add br0", "priority=9,udp,actions=output(port=p3,max_len=34),output:p2")
    assert lab.exchange("p1", UDP) == {"p2": [UDP], "p3": [UDP[:34]]}


def test_groups_and_meters(lab):
    switch = lab.switch
    switch.cli("group add br0", "group_id=7,type=all,bucket=actions=output:p2,bucket=actions=output:p3")
    switch.cli("meter add br0", "meter=2,pktps,band=type=drop,rate=1000000")
    switch.cli("flow add br0", "priority=9,udp,actions=meter:2,group:7")
    assert lab.exchange("p1", UDP) == {"p2": [UDP], "p3": [UDP]}
    meter = switch.cli("meter show br0")[0]
    assert (meter["packets"], meter["dropped_packets"]) == (1, 0)
    switch.cli("group mod br0", "group_id=7,type=all,bucket=actions=output:p3")
    assert lab.exchange("p1", UDP) == {"p3": [UDP]}
    assert switch.cli("group del br0 7")["removed"] == 1
    assert (0, 9, "udp") not in flows(switch)
    switch.refuses("flow add br0", "priority=9,udp,actions=group:7", words=["group"])
