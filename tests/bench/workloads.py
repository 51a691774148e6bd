# SPDX-License-Identifier: BSD-3-Clause
"""What is measured, and the curves that are drawn of it."""
from typing import NamedTuple

from rules import NAT


class Workload(NamedTuple):
    options: tuple     # of heddle-bench
    text: str          # for people
    metric: str = 'mpps'
    base: str = None   # the workload of the same run that each switch is also compared with
    rules: str = None  # a set of rules.py
    churn: int = 0     # changes of rules in a second meanwhile
    entries: int = 0   # flows or connections that take memory, if that is worth knowing
    tracked: int = 0   # connections that there are at the end

    @property
    def tso(self):
        return '--tso' in self.options

    @property
    def paced(self):
        return '--rate' in self.options

    @property
    def saturates(self):
        """Whether the source sends all that there is room for."""
        return not self.paced and '--handshake' not in self.options

    @property
    def primes(self):
        return '--prime' in self.options

    @property
    def frame(self):
        """Bytes of a frame without FCS."""
        if '--size' in self.options:
            return int(self.options[self.options.index('--size') + 1])
        return 62000 if self.tso else 60


SIZES = (60, 128, 256, 512, 1024, 1514, 4000, 9000)
FLOWS = {'1k': 1000, '100k': 100000, '1M': 1000000}
RULED_FLOWS = {'1': 1, **FLOWS}
FRESH = {'ct-new': 1500000, 'tcp-new': 1000000}  # and a tenth: fewer than a table of 2,097,152 connections holds
MACS = {'100': 100, '1k': 1000, '10k': 10000, '100k': 100000}
UNITS = {'mpps': 'Mpps', 'mcps': 'M conn/s', 'gbps': 'Gb/s', 'p50': 'us p50', 'p99': 'us p99', 'p999': 'us p99.9'}


def scaled(kind, rules, text, tracks=False):
    """One workload for each number of flows; the first is the base of the others."""
    return {f'{kind}-{name}': Workload(('--flows', str(n), '--prime'), text.format(n=f'{n:,}', s='s' if n > 1 else ''),
                                       base='60-both' if n == 1 else f'{kind}-1', rules=rules, entries=n,
                                       tracked=n if tracks else 0)
            for name, n in RULED_FLOWS.items()}


# in the order of their turns: what is compared with each other stands together
WORKLOADS = {
    '60-both': Workload((), '60 B frames both ways, one MAC pair, split rings of 1,024, mergeable buffers'),
    'packed': Workload(('--packed',), 'packed rings', base='60-both'),
    'indirect': Workload(('--indirect',), 'sent through indirect descriptors', base='60-both'),
    'no-mergeable': Workload(('--no-mrg',), 'without mergeable receive buffers', base='60-both'),
    'packed-indirect': Workload(('--packed', '--indirect'), 'packed rings, sent through indirect descriptors',
                                base='60-both'),
    '60-oneway': Workload(('--one-way',), '60 B one way'),
    **{f'{size}-both': Workload(('--size', str(size)), f'{size} B both ways') for size in SIZES[1:]},
    **{f'macs-{name}': Workload(('--macs', name), f'{n:,} MAC pairs') for name, n in MACS.items()},
    **{f'1514-macs-{name}': Workload(('--size', '1514', '--macs', name), f'1514 B, {MACS[name]:,} MAC pairs')
       for name in ('1k', '100k')},
    **{f'flows-{name}': Workload(('--flows', name), f'{n:,} UDP flows over one MAC pair, bridges without rules')
       for name, n in FLOWS.items()},
    **scaled('acl', 'acl', '{n} UDP flow{s} under an access list of 1,000 rules of five fields'),
    'churn-1k': Workload(('--flows', '1000', '--prime'), 'acl-1k, while 500 rules a second are added and as many '
                         'deleted, each by itself', base='acl-1k', rules='acl', churn=1000),
    **scaled('ct', 'ct-udp', '{n} established UDP connection{s}, of which a alone may begin new ones',
             tracks=True),
    'snat-100k': Workload(('--flows', '100000', '--prime', '--nat', NAT), '100,000 established UDP connections with '
                          'their source address translated', base='ct-100k', rules='snat', entries=100000,
                          tracked=100000),
    'ct-new': Workload(('--fresh', str(FRESH['ct-new']), '--seconds', '60'), 'every frame a new UDP connection, one '
                       f'way, until there are {FRESH["ct-new"]:,}', metric='mcps', rules='ct-udp',
                       tracked=FRESH['ct-new']),
    'tcp-new': Workload(('--fresh', str(FRESH['tcp-new']), '--handshake', '--seconds', '60'), 'TCP handshakes (SYN, '
                        f'SYN and ACK, ACK), until there are {FRESH["tcp-new"]:,} connections', metric='mcps',
                        rules='ct-tcp', tracked=FRESH['tcp-new']),
    'tables-1': Workload((), 'a table of one rule, NORMAL', base='60-both', rules='tables-1'),
    'tables-64': Workload((), '64 tables, one after the other by resubmit; the last says NORMAL', base='tables-1',
                          rules='tables-64'),
    'latency': Workload(('--one-way', '--rate', '1M'), '60 B one way, paced at 1 Mpps', metric='p50'),
    'tso': Workload(('--tso',), '62,000 B TCP frames both ways, rings of 64; counted only if they arrive whole, as one '
                    'frame still to be segmented', metric='gbps'),
}


class Curve(NamedTuple):
    title: str
    x_label: str
    metric: str
    points: dict  # x: workload


_SIZE_POINTS = {size: f'{size}-both' for size in SIZES}

# file name without .svg: what is in it
CURVES = {
    'frame-size': Curve('Frames of one size, both ways', 'frame size in bytes, without FCS', 'mpps', _SIZE_POINTS),
    'throughput': Curve('Throughput by frame size, both ways', 'frame size in bytes, without FCS', 'gbps',
                        _SIZE_POINTS),
    'flows': Curve('UDP flows over an L2 bridge, 60 B both ways', 'flows', 'mpps',
                   {1: '60-both', **{n: f'flows-{name}' for name, n in FLOWS.items()}}),
    'macs': Curve('MAC pairs, 60 B both ways', 'pairs of addresses', 'mpps',
                  {1: '60-both', **{n: f'macs-{name}' for name, n in MACS.items()}}),
    'acl': Curve('UDP flows under 1,000 rules of five fields, 60 B both ways', 'flows', 'mpps',
                 {n: f'acl-{name}' for name, n in RULED_FLOWS.items()}),
    'ct': Curve('Tracked UDP connections, 60 B both ways', 'connections', 'mpps',
                {n: f'ct-{name}' for name, n in RULED_FLOWS.items()}),
}

if __name__ == '__main__':
    for key, work in WORKLOADS.items():
        print(f'{key:18}{work.text}')
