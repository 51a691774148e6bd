#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Changes a switch's rules at a steady rate until told to stop (SIGTERM): adds one, deletes the one that was added a
hundred rules before, each a change of its own, over one connection. Then prints how many changes there were, as JSON.

Heddle is spoken to by its own JSON-RPC, Open vSwitch by OpenFlow 1.0: a client that starts anew for each change would
measure process creation. compare.py runs this."""
import json
import signal
import socket
import struct
import sys
import time

from rules import CHURN_PRIORITY, churned

ALIVE = 100       # rules that are there at any time
TICK = 0.01       # seconds; what is due in one is sent together, and its answers are awaited
ADD, DELETE = 0, 1


class ChurnError(Exception):
    pass


class HeddleRules:
    def __init__(self, path):
        self.socket = connect(path)
        self.answers = self.socket.makefile()
        self.id = 0

    def request(self, change, number):
        source, destination, tp_src, tp_dst = churned(number)
        match = (f'priority={CHURN_PRIORITY},udp,nw_src={source},nw_dst={destination},tp_src={tp_src},'
                 f'tp_dst={tp_dst}')
        self.id += 1
        if change == ADD:
            method, params = 'flow.add', {'bridge': 'br0', 'flows': [f'{match},actions=drop']}
        else:
            method, params = 'flow.del', {'bridge': 'br0', 'flow': match, 'strict': True}
        return json.dumps({'jsonrpc': '2.0', 'id': self.id, 'method': method, 'params': params}).encode() + b'\n'

    def apply(self, changes):
        self.socket.sendall(b''.join(self.request(*change) for change in changes))
        for _ in changes:
            answer = json.loads(self.answers.readline())
            if 'error' in answer:
                raise ChurnError(str(answer['error']))


class OpenFlowRules:
    """OpenFlow 1.0: the least that changes rules."""

    HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, FLOW_MOD, BARRIER_REQUEST, BARRIER_REPLY = 0, 1, 2, 3, 14, 18, 19
    # wildcards: in_port, VLAN, both MACs, VLAN priority, TOS; the other fields are exact
    WILDCARDS = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 20 | 1 << 21
    COMMAND = {ADD: 0, DELETE: 4}  # 4: delete strictly
    NONE = 0xffff

    def __init__(self, path):
        self.socket = connect(path)
        self.incoming = self.socket.makefile('rb')
        self.socket.sendall(self.message(self.HELLO))
        self.await_type(self.HELLO)

    @staticmethod
    def message(kind, body=b'', xid=1):
        return struct.pack('!BBHI', 1, kind, 8 + len(body), xid) + body

    def await_type(self, wanted):
        while True:
            _, kind, length, xid = struct.unpack('!BBHI', self.incoming.read(8))
            body = self.incoming.read(length - 8)
            if kind == self.ERROR:
                raise ChurnError(f'OpenFlow error {body[:4].hex()}')
            if kind == self.ECHO_REQUEST:
                self.socket.sendall(self.message(self.ECHO_REPLY, body, xid))
            if kind == wanted:
                return

    def request(self, change, number):
        source, destination, tp_src, tp_dst = churned(number)
        match = struct.pack('!IH6s6sHBxHBB2x4s4sHH', self.WILDCARDS, 0, b'', b'', 0, 0, 0x0800, 0, 17,
                            socket.inet_aton(source), socket.inet_aton(destination), tp_src, tp_dst)
        rest = struct.pack('!QHHHHIHH', 0, self.COMMAND[change], 0, 0, CHURN_PRIORITY, 0xffffffff, self.NONE, 0)
        return self.message(self.FLOW_MOD, match + rest)  # no actions: drop

    def apply(self, changes):
        requests = [self.request(*change) for change in changes]
        self.socket.sendall(b''.join([*requests, self.message(self.BARRIER_REQUEST)]))
        self.await_type(self.BARRIER_REPLY)


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(path)
    return client


def sequence():
    """(change, number) without end."""
    number = 0
    while True:
        yield ADD, number
        if number >= ALIVE:
            yield DELETE, number - ALIVE
        number += 1


def run(switch, rate, stopped):
    """Returns changes made and the seconds they took."""
    changes = sequence()
    done = 0
    started = time.monotonic()
    while not stopped:
        due = int((time.monotonic() - started) * rate) - done
        # a switch that does not keep up gets no more than a tick's worth at once
        batch = [next(changes) for _ in range(min(due, int(rate * TICK)))]
        if batch:
            switch.apply(batch)
            done += len(batch)
        if due <= rate * TICK:
            time.sleep(TICK)
    return done, time.monotonic() - started


def main():
    kinds = {'heddle': HeddleRules, 'ovs': OpenFlowRules}
    if len(sys.argv) != 4 or sys.argv[1] not in kinds:
        sys.exit('usage: churn.py heddle|ovs SOCKET CHANGES-PER-SECOND')
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    try:
        done, seconds = run(kinds[sys.argv[1]](sys.argv[2]), float(sys.argv[3]), stopped)
    except (OSError, ValueError, struct.error, ChurnError) as error:
        sys.exit(f'churn.py: {error}')
    print(json.dumps({'changes': done, 'seconds': seconds}))


if __name__ == '__main__':
    main()
