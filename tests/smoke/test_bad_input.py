# SPDX-License-Identifier: BSD-3-Clause
"""Bad input: each is refused with its path and value, and the configuration in force stays in force."""

import json
import os
import socket
import time

import pytest

from heddle import SLOW
from net import mac
from proc import wait_until

BASE = """\
bridges:
  br0:
    ports:
      base: {{vhost: "{run}/base.sock", vlan: 10}}
      dev0: {{device: "net_null7,copy=0"}}
  br1: {{}}
"""


@pytest.fixture
def switch(heddle, rundir):
    """A switch with something to lose; afterwards nothing may be lost and the daemon must be well."""
    made = heddle(config=BASE.format(run=rundir))
    made.cli("port del dev0")  # an endless source; its name is used below
    made.before = made.config_show()
    yield made
    assert made.alive(), "the daemon died"
    assert made.config_show() == made.before
    assert os.path.exists(rundir / "base.sock")
    assert set(made.ports()) == {"base"}


VALUES = [
    # options of `port add x bridge br0`, what the message must name
    ("vhost {run}/x.sock vlan 0", ["vlan", "0", "1..4094"]),
    ("vhost {run}/x.sock vlan 5000", ["bridges.br0.ports.x.vlan", "5000 is not 1..4094"]),
    ("vhost {run}/x.sock trunk 10,5000", ["trunk", "5000"]),
    ("vhost {run}/x.sock trunk 20-10", ["trunk", "20-10"]),
    ("vhost {run}/x.sock native 1", ["native"]),
    ("vhost {run}/x.sock vlan 1 trunk 2", ["trunk"]),
    ("vhost {run}/x.sock mtu 67", ["mtu", "67"]),
    ("vhost {run}/x.sock mtu 9217", ["mtu", "9217"]),
    ("vhost {run}/x.sock queues 0", ["queues", "0"]),
    ("vhost {run}/x.sock queues 1000", ["queues", "1000"]),
    ("vhost {run}/x.sock storm-broadcast 99999999999", ["storm-broadcast", "99999999999"]),
    ("vhost {run}/x.sock pmd 511", ["pmd", "511"]),
    ("vhost {run}/x.sock socket-owner nosuchuser", ["nosuchuser"]),
    ("vhost {run}/x.sock socket-group nosuchgroup", ["nosuchgroup"]),
    ("vhost {run}/x.sock mode client socket-mode 0600", ["socket-mode"]),
    ("vhost relative.sock", ["vhost", "relative.sock"]),
    ("vhost {run}/base.sock", ["vhost", "base.sock", "base"]),
    ("vhost {run}/missing/x.sock", ["vhost", "missing/x.sock"]),
    ("vhost {run}/" + "y" * 120 + ".sock", ["vhost", "107"]),
    ("device net_nosuch0", ["device", "net_nosuch0"]),
    ("device 0000:fe:1f.7", ["device", "0000:fe:1f.7"]),
    ("device net_af_packet0,iface=nosuchif", ["device", "net_af_packet0"]),
    ("device net_pcap3,rx_pcap=/nonexistent.pcap", ["device", "net_pcap3"]),
    ("device net_null3 vhost {run}/x.sock", ["device", "vhost"]),
    ("device net_null3 socket-mode 0600", ["socket-mode"]),
    ("vlan 10", ["vhost", "device"]),
]


@pytest.mark.parametrize("options, words", VALUES, ids=[options.replace("{run}/", "")[:40] for options, _ in VALUES])
def test_values(switch, rundir, options, words):
    switch.refuses("port add x bridge br0", options.format(run=rundir), words=words)
    assert not os.path.exists(rundir / "x.sock")


@pytest.mark.parametrize("command, words", [
    ("bridge add br0", ["br0"]),
    ("bridge add br2 fdb-limit 0", ["fdb-limit", "0"]),
    ("bridge add br2 fdb-limit 99999999", ["fdb-limit", "99999999"]),
    ("bridge add br2 ageing -1", ["ageing"]),
    ("bridge add -x", []),
    ("bridge set nosuch ageing 5", ["nosuch"]),
    ("bridge del nosuch", ["nosuch"]),
    ("bridge del br0", ["base"]),
    ("port add base bridge br1 device net_null3", ["base"]),
    ("port add x bridge nosuch device net_null3", ["nosuch"]),
    ("port set nosuch vlan 5", ["nosuch"]),
    ("port set base vlan 5000", ["5000"]),
    ("port set base bridge nosuch", ["nosuch"]),
    ("port del nosuch", ["nosuch"]),
    (f"fdb add br0 01:00:00:00:00:01 port base", ["01:00:00:00:00:01"]),
    (f"fdb add br0 ff:ff:ff:ff:ff:ff port base", ["ff:ff:ff:ff:ff:ff"]),
    (f"fdb add br0 00:00:00:00:00:00 port base", ["00:00:00:00:00:00"]),
    (f"fdb add br0 {mac(1)} port nosuch", ["nosuch"]),
    (f"fdb add br0 {mac(1)} port base vlan 20", ["20"]),
    (f"fdb add br1 {mac(1)} port base", ["base"]),
    (f"fdb del br0 {mac(1)}", [mac(1)]),
    ("config confirm", []),
])
def test_commands(switch, command, words):
    try:
        switch.refuses(command, words=words)
    except AssertionError as error:
        # What the command line itself can tell to be wrong is a matter of usage.
        if "exit 2" not in str(error):
            raise


def test_socket_path_taken(switch, rundir):
    """A file, a directory or somebody's live socket at the path is left alone."""
    (rundir / "file").write_text("precious")
    (rundir / "dir").mkdir()
    live = socket.socket(socket.AF_UNIX)
    live.bind(str(rundir / "live"))
    live.listen()
    for name in ("file", "dir", "live"):
        switch.refuses(f"port add x bridge br0 vhost {rundir}/{name}", words=[name])
    assert (rundir / "file").read_text() == "precious"
    assert (rundir / "dir").is_dir()
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(rundir / "live"))
    client.close()
    live.close()


def test_stale_socket_is_replaced(switch, rundir):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(rundir / "stale"))
    stale.close()
    switch.cli(f"port add x bridge br0 vhost {rundir}/stale")
    switch.cli("port del x")
    assert not (rundir / "stale").exists()


def test_device_used_twice(switch):
    switch.cli("port add x bridge br0 device net_tap3,iface=x")
    switch.refuses("port add y bridge br1 device net_tap3,iface=y", words=["net_tap3"])
    switch.cli("port del x")


YAML = [
    # name, text, line or None, words
    ("unknown key", "bridges:\n  br0:\n    agein: 5\n", 3, ["bridges.br0.agein"]),
    ("misspelt root", "bridge:\n  br0: {}\n", 1, ["bridge"]),
    ("wrong type", "bridges:\n  br0:\n    ageing: soon\n", 3, ["bridges.br0.ageing", "soon"]),
    ("list for mapping", "bridges: [br0]\n", 1, ["bridges"]),
    ("scalar", "hello\n", 1, []),
    ("out of range", "bridges:\n  br0:\n    fdb-limit: 3\n", 3, ["fdb-limit", "3"]),
    ("duplicate key", "bridges:\n  br0: {}\n  br0: {}\n", 3, ["br0"]),
    ("duplicate port", "bridges:\n  a:\n    ports:\n      p: {device: net_null1}\n  b:\n    ports:\n"
                       "      p: {device: net_null2}\n", 7, ["p"]),
    ("device twice", "bridges:\n  a:\n    ports:\n      p: {device: net_null1}\n      q: {device: net_null1}\n", 5,
     ["net_null1"]),
    ("socket twice", "bridges:\n  a:\n    ports:\n      p: {vhost: /tmp/q.sock}\n      q: {vhost: /tmp/q.sock}\n", 5,
     ["already used"]),
    ("vlan", "bridges:\n  a:\n    ports:\n      p:\n        vhost: /tmp/q.sock\n        vlan: 5000\n", 6,
     ["bridges.a.ports.p.vlan: 5000 is not 1..4094"]),
    ("alias", "bridges:\n  a: &x {ageing: 5}\n  b: *x\n", 2, []),
    ("bomb", "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n", 1, []),
    ("truncated", "bridges:\n  br0:\n    ports: {p: {vhost: '/tmp/q", None, []),
    ("tabs", "bridges:\n\tbr0: {}\n", 2, []),
    ("tag", "bridges: !!python/object {}\n", 1, []),
    ("two documents", "bridges: {}\n---\nbridges: {}\n", None, []),
    ("deep", "bridges: " + "{a: " * 5000 + "}" * 5000 + "\n", 1, []),
    ("static multicast", "bridges:\n  a:\n    ports: {p: {vhost: /tmp/q.sock}}\n    fdb:\n"
                         "      - {mac: '01:00:00:00:00:01', port: p}\n", 5, ["01:00:00:00:00:01"]),
    ("name", "bridges:\n  'a b': {}\n", 2, ["a b"]),
    ("long name", "bridges:\n  " + "n" * 32 + ": {}\n", 2, ["nnn"]),
    ("nul", "bridges:\n  br0: {}\0\n", None, []),
]


@pytest.mark.parametrize("text, line, words", [case[1:] for case in YAML], ids=[case[0] for case in YAML])
def test_yaml(switch, text, line, words):
    path = switch.rundir / "bad.yaml"
    path.write_text(text)
    message = switch.refuses("config apply", path, words=words)
    assert "bad.yaml" in message
    if line:
        assert f"bad.yaml:{line}:" in message, message


def test_yaml_invalid_utf8(switch):
    path = switch.rundir / "bad.yaml"
    path.write_bytes(b"bridges:\n  br\xff\xfe: {}\n")
    switch.refuses("config apply", path, words=["bad.yaml"])


def test_yaml_of_100_megabytes(switch):
    path = switch.rundir / "big.yaml"
    with open(path, "wb") as out:
        out.truncate(100 << 20)
    switch.refuses("config apply", path, words=["big.yaml"])
    with open(path, "w", encoding="ascii") as out:
        out.write("bridges:\n")
        for _ in range(100):
            out.write("# " + "x" * (1 << 20) + "\n")
    switch.refuses("config apply", path, words=["big.yaml"])


def test_yaml_missing_or_directory(switch):
    switch.refuses("config apply", switch.rundir / "none.yaml", words=["none.yaml"])
    switch.refuses("config apply", switch.rundir, words=[switch.rundir.name])


# ---- the socket


class Client:
    def __init__(self, switch, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(switch.socket))  # waits while the queue of the listener is full
        self.sock.settimeout(timeout * SLOW)
        self.file = self.sock.makefile("rb")

    def ask(self, data):
        self.sock.sendall(data + b"\n")
        line = self.file.readline()
        return json.loads(line) if line else None

    def close(self):
        self.file.close()
        self.sock.close()


def works(switch):
    client = Client(switch)
    answer = client.ask(b'{"jsonrpc": "2.0", "id": 7, "method": "version"}')
    client.close()
    return answer["id"] == 7 and "result" in answer


JSON = [
    (b"{", -32700),
    (b"not json", -32700),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "version"', -32700),
    (b'"\xff\xfe"', -32700),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "br\xc3"}', -32700),
    (b"[" * 100000 + b"]" * 100000, -32700),
    (b"[]", -32600),
    (b"17", -32600),
    (b'{"jsonrpc": "1.0", "id": 1, "method": "version"}', -32600),
    (b'{"jsonrpc": "2.0", "id": 1}', -32600),
    (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
    (b'{"jsonrpc": "2.0", "id": {}, "method": "version"}', -32600),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "no.such"}', -32601),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "bridge.add"}', -32602),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "bridge.add", "params": [1]}', -32602),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "bridge.add", "params": {"name": 5}}', -32602),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "bridge.del", "params": {"name": "br0", "frobnicate": 1}}', -32602),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "bridge.add", "params": {"name": "a\\u0000b"}}', None),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "config.apply", "params": {"document": {"bridges": 5}}}', None),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "config.apply", "params": {"document": 1e999}}', -32700),
]


@pytest.mark.parametrize("data, code", JSON, ids=range(len(JSON)))
def test_json(switch, data, code):
    """Each gets an error answer, and the connection goes on."""
    client = Client(switch)
    answer = client.ask(data)
    assert answer is not None, "no answer"
    assert "error" in answer and answer["error"]["message"], answer
    if code:
        assert answer["error"]["code"] == code, answer
    assert client.ask(b'{"jsonrpc": "2.0", "id": 9, "method": "version"}')["id"] == 9
    client.close()


def test_json_half_sent(switch):
    """Half a line hinders nobody; when its sender goes, nothing remains."""
    halves = [Client(switch) for _ in range(20)]
    for half in halves:
        half.sock.sendall(b'{"jsonrpc": "2.0", "id": 1, "method": "bridge.add", "params": {"name": "bx"}}')
    assert works(switch)
    for half in halves:
        half.close()
    assert works(switch)


def test_json_huge_line(switch):
    """A line beyond 48 MiB ends the connection, not the daemon."""
    client = Client(switch)
    try:
        for _ in range(256):
            client.sock.sendall(b"x" * 262144)
        rest = client.file.read()
        assert b"error" in rest or rest == b""
    except (BrokenPipeError, ConnectionResetError):
        pass
    client.close()
    assert works(switch)


def test_json_byte_by_byte(switch):
    client = Client(switch)
    for byte in b'{"jsonrpc": "2.0", "id": 3, "method": "version"}\n':
        client.sock.sendall(bytes([byte]))
    assert json.loads(client.file.readline())["id"] == 3
    client.close()


def test_pipelining(switch):
    """Many requests in one go: as many answers, in order."""
    client = Client(switch)
    client.sock.sendall(b"".join(b'{"jsonrpc": "2.0", "id": %d, "method": "version"}\n' % i for i in range(500)))
    assert [json.loads(client.file.readline())["id"] for _ in range(500)] == list(range(500))
    client.close()


def test_a_thousand_clients(switch):
    clients = [Client(switch) for _ in range(1000)]
    assert clients[0].ask(b'{"jsonrpc": "2.0", "id": 1, "method": "version"}')["id"] == 1
    assert clients[-1].ask(b'{"jsonrpc": "2.0", "id": 2, "method": "version"}')["id"] == 2
    assert works(switch)
    for client in clients:
        client.close()
    assert works(switch)


def test_a_client_that_never_reads(switch):
    """It asks and asks and reads nothing: in the end it is disconnected, and nobody else notices."""
    client = Client(switch)
    client.sock.setblocking(False)
    request = b'{"jsonrpc": "2.0", "id": 1, "method": "port.show"}\n' * 1000
    end = time.monotonic() + 60 * SLOW
    slowest = 0.0
    while time.monotonic() < end:
        try:
            client.sock.send(request)
        except BlockingIOError:
            time.sleep(0.01)
        except (BrokenPipeError, ConnectionResetError):
            break
        before = time.monotonic()
        assert works(switch)
        slowest = max(slowest, time.monotonic() - before)
    else:
        raise AssertionError("still connected")
    assert slowest < 5 * SLOW
    client.close()


def test_clients_come_and_go(switch):
    """Connections cut at every stage; the daemon's descriptors do not grow."""
    def descriptors():
        return len(os.listdir(f"/proc/{switch.process.pid}/fd"))
    before = descriptors()
    for size in range(0, 200):
        client = Client(switch)
        client.sock.sendall(b'{"jsonrpc": "2.0", "id": 1, "method": "port.show"}\n'[:size % 60])
        client.close()
    wait_until(lambda: descriptors() <= before + 2, 10, "descriptors given back")
