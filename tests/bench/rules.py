#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The rule sets of the workloads, in ovs-ofctl's syntax: all switches load the same lines. `rules.py NAME` prints one.

A bridge has its default rule (priority=0 actions=NORMAL) beside them. The traffic (frame.h) is UDP or TCP between
clients 10.1.128.0 + h, ports 1024..17407, behind port a and 10.2.128.0, port 9, behind port b."""
import ipaddress
import random
import sys

CLIENTS = ipaddress.ip_network('10.1.128.0/22')
SERVER = ipaddress.ip_address('10.2.128.0')
SERVER_PORT = 9
CLIENT_PORTS = range(1024, 1024 + (1 << 14))
NAT = '10.9.0.1'
ACL_RULES = 1000
SEED = 20240117
SERVICES = (22, 25, 53, 80, 110, 123, 143, 161, 389, 443, 445, 514, 636, 993, 1433, 1521, 3128, 3306, 3389, 5060, 5432,
            5672, 6379, 8080, 8443, 9092, 9200, 11211, 27017)


class Acl:
    """What an edited access list looks like: most rules are of other hosts than the traffic's; a tenth name the
    traffic's own networks with ports that it does not use; a twentieth allow a few of its flows by all five fields,
    above the others, so that a look-up cannot stop at addresses. The last two allow what is left."""

    def __init__(self, count):
        self.random = random.Random(SEED)
        self.seen = set()
        exact, near = count // 20, count // 10
        self.matches = [self.unique(self.exact) for _ in range(exact)]
        others = [self.unique(self.near) for _ in range(near)]
        others += [self.unique(self.other) for _ in range(count - exact - near - 2)]
        self.random.shuffle(others)
        self.matches += others

    def unique(self, make):
        while True:
            rule = make()
            match = rule.split(' actions=')[0]
            if match not in self.seen:
                self.seen.add(match)
                return rule

    def around(self, address, shortest=16):
        """A network of some length that has the address in it."""
        length = self.random.choice([n for n in (16, 20, 24, 28, 32) if n >= shortest])
        return str(ipaddress.ip_network((int(address), length), strict=False))

    def client(self):
        return CLIENTS[self.random.randrange(8)]  # all but the largest flow counts have fewer

    def exact(self):
        """Some of the traffic's flows, there or back."""
        client, server = self.around(self.client()), self.around(SERVER)
        port = self.random.choice(CLIENT_PORTS)
        if self.random.random() < 0.5:
            return f'udp,nw_src={client},nw_dst={server},tp_src={port},tp_dst={SERVER_PORT} actions=NORMAL'
        return f'udp,nw_src={server},nw_dst={client},tp_src={SERVER_PORT},tp_dst={port} actions=NORMAL'

    def near(self):
        """The traffic's networks, a service that it does not use."""
        source, destination = self.around(self.client()), self.around(SERVER)
        protocol = self.random.choice(('tcp', 'udp'))
        port = self.random.choice(SERVICES)
        return f'{protocol},nw_src={source},nw_dst={destination},tp_dst={port} actions={self.verdict()}'

    def network(self):
        """Somebody's, not the traffic's; nothing (any) now and then."""
        while self.random.random() > 0.15:
            block = ipaddress.ip_network(self.random.choice(('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16',
                                                             '100.64.0.0/10', '203.0.0.0/8')))
            address = block[self.random.randrange(block.num_addresses)]
            network = ipaddress.ip_network((int(address), self.random.choice((16, 20, 24, 24, 28, 32, 32))),
                                           strict=False)
            if not network.overlaps(CLIENTS) and SERVER not in network:
                return network
        return None

    def other(self):
        source, destination = self.network(), self.network()
        protocol = self.random.choices(('tcp', 'udp', 'icmp'), (12, 7, 1))[0]
        fields = [protocol]
        if source:
            fields.append(f'nw_src={source}')
        if destination:
            fields.append(f'nw_dst={destination}')
        if protocol != 'icmp':
            if self.random.random() < 0.15:
                fields.append(f'tp_src={self.random.choice(SERVICES)}')
            fields.append(f'tp_dst={self.random.choice(SERVICES)}')
        # what names no network at one of its ends may be the traffic: it must pass
        verdict = self.verdict() if source or destination else 'NORMAL'
        return f'{",".join(fields)} actions={verdict}'

    def verdict(self):
        return self.random.choice(('NORMAL', 'NORMAL', 'drop'))

    def lines(self):
        for number, rule in enumerate(self.matches):
            yield f'priority={len(self.matches) + 1 - number},{rule}'
        yield 'priority=1,udp actions=NORMAL'
        yield 'priority=1,tcp actions=NORMAL'


def acl():
    return list(Acl(ACL_RULES).lines())


def stateful(protocol):
    """What a may begin, b may answer."""
    return [
        f'table=0,priority=10,{protocol},ct_state=-trk,actions=ct(table=1)',
        f'table=1,priority=10,in_port=a,{protocol},ct_state=+trk+new,actions=ct(commit),NORMAL',
        f'table=1,priority=10,{protocol},ct_state=+trk+est,actions=NORMAL',
    ]


def snat():
    """The same, and b sees one address of all that a sends."""
    return [
        'table=0,priority=10,udp,ct_state=-trk,actions=ct(table=1,nat)',
        f'table=1,priority=10,in_port=a,udp,ct_state=+trk+new,actions=ct(commit,nat(src={NAT})),NORMAL',
        'table=1,priority=10,udp,ct_state=+trk+est,actions=NORMAL',
    ]


def tables(count):
    """One table after the other; the last forwards."""
    rules = [f'table={n},priority=10,actions=resubmit(,{n + 1})' for n in range(count - 1)]
    return [*rules, f'table={count - 1},priority=10,actions=NORMAL']


def churned(number):
    """Rule `number` of those that come and go above an access list: five fields of a stranger, or, every other one, of
    the traffic's own addresses with a port that it does not use. (source, destination, source port, destination
    port); UDP; they drop."""
    source = CLIENTS[number % 1000] if number % 2 else ipaddress.ip_address('172.20.0.0') + number % 60000
    return str(source), str(SERVER), 20000 + number % 40000, 5000 + number % 7


CHURN_PRIORITY = 2000

RULES = {
    'acl': acl,
    'ct-udp': lambda: stateful('udp'),
    'ct-tcp': lambda: stateful('tcp'),
    'snat': snat,
    'tables-1': lambda: tables(1),
    'tables-64': lambda: tables(64),
}

if __name__ == '__main__':
    if len(sys.argv) != 2 or sys.argv[1] not in RULES:
        sys.exit(f'usage: rules.py {"|".join(RULES)}')
    print('\n'.join(RULES[sys.argv[1]]()))
