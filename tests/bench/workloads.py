# SPDX-License-Identifier: BSD-3-Clause
"""What is measured, and the curves that are drawn of it."""
from typing import NamedTuple


class Workload(NamedTuple):
    options: tuple     # of heddle-bench
    text: str          # for people
    metric: str = 'mpps'
    base: str = None   # the workload of the same run that each switch is also compared with

    @property
    def tso(self):
        return '--tso' in self.options

    @property
    def paced(self):
        return '--rate' in self.options

    @property
    def frame(self):
        """Bytes of a frame without FCS."""
        if '--size' in self.options:
            return int(self.options[self.options.index('--size') + 1])
        return 62000 if self.tso else 60


SIZES = (60, 128, 256, 512, 1024, 1514, 4000, 9000)
FLOWS = {'1k': 1000, '100k': 100000, '1M': 1000000}
MACS = {'100': 100, '1k': 1000, '10k': 10000, '100k': 100000}
UNITS = {'mpps': 'Mpps', 'gbps': 'Gb/s', 'p50': 'us p50', 'p99': 'us p99', 'p999': 'us p99.9'}

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
}

if __name__ == '__main__':
    for key, work in WORKLOADS.items():
        print(f'{key:18}{work.text}')
