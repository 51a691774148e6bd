#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures Heddle beside testpmd io and Open vSwitch-DPDK, in turns within one run, with heddle-bench as both guests.

Absolute figures differ between machines and from run to run: compare the ratios of one run. Nothing else may run on
the machine meanwhile."""
import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from switches import TIED, Heddle, Ovs, SwitchError, Testpmd

HUGE_PAGES_NEEDED = 420

# name: (options of heddle-bench, what is compared)
WORKLOADS = {
    '60-both': ([], 'mpps'),
    '60-oneway': (['--one-way'], 'mpps'),
    '1514-both': (['--size', '1514'], 'mpps'),
    'macs-1k': (['--macs', '1k'], 'mpps'),
    'macs-100k': (['--macs', '100k'], 'mpps'),
    '1514-macs-1k': (['--size', '1514', '--macs', '1k'], 'mpps'),
    '1514-macs-100k': (['--size', '1514', '--macs', '100k'], 'mpps'),
    'flows-1M': (['--flows', '1M'], 'mpps'),
    'latency': (['--one-way', '--rate', '1M'], 'p50'),
    'tso': (['--tso'], 'gbps'),
}
UNITS = {'mpps': 'Mpps', 'gbps': 'Gb/s', 'p50': 'us p50', 'p99': 'us p99', 'p999': 'us p99.9'}


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_huge_pages():
    with open('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages') as file:
        return int(file.read())


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('workloads', nargs='*', metavar='WORKLOAD', help='all by default: ' + ', '.join(WORKLOADS))
    parser.add_argument('--heddle', action='append', default=[], metavar='[NAME=]BUILD',
                        help='a build directory of Heddle; several are compared with each other')
    parser.add_argument('--engine', help='vhost engine of Heddle')
    parser.add_argument('--source', metavar='FILE', help='heddle-bench (from the first build directory)')
    parser.add_argument('--peers', default='testpmd,ovs', help='comma-separated: testpmd, ovs; empty for none')
    parser.add_argument('--ovs-mac-table', type=int, metavar='N', help='MAC table of Open vSwitch (its own 2,048)')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--warmup', type=float, default=1)
    parser.add_argument('--cpus', default='0,1', help='the CPU of the data path, and that of everything else')
    parser.add_argument('--huge', choices=('auto', 'on', 'off'), default='auto', help='huge pages, for all alike')
    parser.add_argument('--json', metavar='FILE', help='write all results there')
    args = parser.parse_args()
    unknown = [name for name in args.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f'no such workload: {", ".join(unknown)}; there are {", ".join(WORKLOADS)}')
    try:
        args.cpus = tuple(int(cpu) for cpu in args.cpus.split(','))
    except ValueError:
        args.cpus = ()
    if len(set(args.cpus)) != 2:
        parser.error('--cpus: two different CPUs are needed')
    if args.rounds < 1:
        parser.error('--rounds: at least 1')
    args.workloads = args.workloads or list(WORKLOADS)
    return args


def build_switches(args):
    """The switches that can run here, in the order of their turns."""
    wanted = []
    for spec in args.heddle:
        name, _, build = spec.rpartition('=')
        wanted.append(Heddle(name or 'heddle', build, args.engine))
    peers = {'testpmd': Testpmd, 'ovs': lambda: Ovs(args.ovs_mac_table)}
    for name in filter(None, args.peers.split(',')):
        if name not in peers:
            sys.exit(f'compare.py: no such peer: {name}')
        wanted.append(peers[name]())
    if len({switch.name for switch in wanted}) < len(wanted):
        sys.exit('compare.py: give each build a name of its own: --heddle NAME=BUILD')
    switches = []
    for switch in wanted:
        missing = switch.available()
        if missing:
            say(f'{switch.name} is left out: {missing}')
        else:
            switches.append(switch)
    return switches


def find_source(args):
    builds = [spec.rpartition('=')[2] for spec in args.heddle]
    candidates = [args.source] if args.source else [os.path.join(b, 'tests', 'bench', 'heddle-bench') for b in builds]
    for path in candidates:
        if os.access(path, os.X_OK):
            return path
    sys.exit('compare.py: no heddle-bench: build it and name it with --source, or its build directory with --heddle')


def measure(args, source, switch, workload, huge):
    """One run of one switch. Returns the report of heddle-bench."""
    options, _ = WORKLOADS[workload]
    directory = tempfile.mkdtemp(prefix='heddle-bench-')
    command = [*TIED, source, '--json', '--cpu', str(args.cpus[1]), '--seconds', str(args.seconds), '--warmup',
               str(args.warmup), '--wait', '20', '--huge', 'on' if huge else 'off', *options]
    try:
        with switch:
            switch.start(directory, args.cpus, huge, '--tso' in options)
            done = subprocess.run(command + ([] if switch.listens else ['--listen']) + switch.sockets(),
                                  capture_output=True, text=True, timeout=args.seconds + args.warmup + 120)
            switch.check()
            if done.returncode != 0:
                raise SwitchError(f'{switch.name}: heddle-bench: {done.stderr.strip()}\n{switch.log_tail()}')
            report = json.loads(done.stdout)
            if report['mpps'] == 0:
                raise SwitchError(f'{switch.name}: nothing arrived: {done.stdout}{done.stderr}{switch.log_tail()}')
            return report
    except (subprocess.SubprocessError, OSError) as error:
        raise SwitchError(f'{switch.name}: {error}') from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def value_of(report, metric):
    return report[metric] if metric in report else report['latency_us'][metric]


def remarks(reports, workload):
    """What makes a figure doubtful, or is worth knowing beside it."""
    notes = []
    directions = [d for r in reports for d in r['directions']]
    sent = sum(d['sent'] for d in directions)
    lost = sum(d['lost'] for d in directions)
    if lost > 0:
        notes.append(f'lost {100 * lost / sent:.2g} %')
    for key in ('reordered', 'foreign', 'bad'):
        count = sum(d[key] for d in directions)
        if count > 0:
            notes.append(f'{key} {count}')
    if '--rate' not in WORKLOADS[workload][0]:
        idle = sum(r['tx_full_fraction'] <= 0.5 for r in reports)
        if idle > 0:
            notes.append(f'not saturated in {idle} of {len(reports)}')
    unlearned = sum(not r['learned'] for r in reports)
    if unlearned > 0:
        notes.append(f'announcing lost frames in {unlearned}')
    return ', '.join(notes)


def run_all(args, source, switches, huge):
    """{workload: {switch name: [report]}} and the number of runs that failed."""
    results = {}
    failed = 0
    total = len(args.workloads) * args.rounds * len(switches)
    number = 0
    for workload in args.workloads:
        metric = WORKLOADS[workload][1]
        results[workload] = {switch.name: [] for switch in switches}
        for turn in range(args.rounds):
            for switch in switches:
                number += 1
                head = f'[{number}/{total}] {workload}, round {turn + 1}, {switch.name}: '
                try:
                    report = measure(args, source, switch, workload, huge)
                    say(f'{head}{value_of(report, metric):.3f} {UNITS[metric]} '
                        f'{remarks([report], workload)}'.rstrip())
                    results[workload][switch.name].append(report)
                except SwitchError as error:
                    failed += 1
                    say(f'{head}failed\n{error}')
    return results, failed


def ratios(figures, name):
    return [f'{figures[name] / figures[peer]:.2f}' if figures.get(peer) else '-' for peer in ('testpmd', 'ovs')]


def row(workload, metric, name, values, notes):
    """What else a machine does only ever slows a switch down: the best runs compare best where runs differ a lot."""
    values = {switch: v for switch, v in values.items() if v}
    if name not in values:
        return [workload, UNITS[metric], name, '-', '-', '-', '-', '-', '-', 'failed']
    medians = {switch: statistics.median(v) for switch, v in values.items()}
    best = {switch: min(v) if metric.startswith('p') else max(v) for switch, v in values.items()}
    span = f'{min(values[name]):.3f}-{max(values[name]):.3f}'
    return [workload, UNITS[metric], name, f'{medians[name]:.3f}', span, *ratios(medians, name), *ratios(best, name), notes]


def table(results):
    """Rows of text, the head first."""
    rows = [['work', 'unit', 'switch', 'median', 'min-max', '/ testpmd', '/ ovs', 'best / testpmd', 'best / ovs', 'remarks']]
    for workload, by_switch in results.items():
        first = WORKLOADS[workload][1]
        for metric in ('p50', 'p99', 'p999') if first == 'p50' else (first,):
            values = {name: [value_of(r, metric) for r in reports] for name, reports in by_switch.items()}
            for name, reports in by_switch.items():
                notes = remarks(reports, workload) if metric == first else ''
                rows.append(row(workload, metric, name, values, notes))
    return rows


def print_table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    rows = [rows[0], ['-' * width for width in widths], *rows[1:]]
    for cells in rows:
        print('| ' + ' | '.join(cell.ljust(width) for cell, width in zip(cells, widths)) + ' |')


def cpu_model():
    with open('/proc/cpuinfo') as file:
        return next((line.split(':', 1)[1].strip() for line in file if line.startswith('model name')), 'unknown')


def main():
    args = parse_arguments()
    if os.geteuid() != 0:
        sys.exit('compare.py: must run as root (huge pages, network namespace, CPU pinning)')
    source = find_source(args)
    switches = build_switches(args)
    if not switches:
        sys.exit('compare.py: there is no switch to measure')
    # what is killed politely still cleans up
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # we, the source and whatever thread of a switch is not its data path; data paths pin themselves
    os.sched_setaffinity(0, {args.cpus[1]})
    huge = args.huge == 'on' or (args.huge == 'auto' and free_huge_pages() >= HUGE_PAGES_NEEDED)
    host = {'cpu': cpu_model(), 'kernel': platform.release(), 'huge_pages': huge, 'load': os.getloadavg()[0],
            'switches': {switch.name: switch.version() for switch in switches}}
    say(f'{host["cpu"]}, {host["kernel"]}, huge pages {"on" if huge else "off"}, load {host["load"]:.2f}')
    if host['load'] > 0.5:
        say('the machine is busy: the figures will be doubtful')
    started = time.monotonic()
    results, failed = run_all(args, source, switches, huge)
    print_table(table(results))
    say(f'{failed} runs failed, {time.monotonic() - started:.0f} s')
    if args.json:
        with open(args.json, 'w') as file:
            json.dump({'host': host, 'seconds': args.seconds, 'rounds': args.rounds, 'results': results}, file,
                      indent=1)
    return 1 if failed else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
