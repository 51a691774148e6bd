#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures Heddle beside testpmd io and Open vSwitch-DPDK, in turns within one run, with heddle-bench as both guests.

Absolute figures differ between machines and from run to run: compare the ratios of one run. Nothing else may run on
the machine meanwhile. tests/bench/run.sh does this with all preparations."""
import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import report as reporting
from switches import TIED, Heddle, Ovs, SwitchError, Testpmd
from workloads import UNITS, WORKLOADS

HUGE_PAGES_NEEDED = 420
BUSY = 0.1             # of the machine, before we begin
PRIME_SECONDS = 300    # at most: a switch may take long to learn a million flows
OVERHEAD_SECONDS = 4   # of a run: starting, announcing, stopping; a first guess


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_huge_pages():
    with open('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages') as file:
        return int(file.read())


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('workloads', nargs='*', metavar='WORKLOAD', help='all by default: ' + ', '.join(WORKLOADS))
    parser.add_argument('--heddle', action='append', default=[], metavar='[NAME=]BUILD[@ENGINE]',
                        help='a build directory of Heddle, and the vhost engine if not the default; several are '
                        'compared with each other: native=build@native dpdk=build@dpdk')
    parser.add_argument('--source', metavar='FILE', help='heddle-bench (from the first build directory)')
    parser.add_argument('--peers', default='testpmd,ovs', help='comma-separated: testpmd, ovs, ovs-smc; empty '
                        'for none')
    parser.add_argument('--ovs-mac-table', type=int, metavar='N', help='MAC table of Open vSwitch (its own 2,048)')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--warmup', type=float, default=1)
    parser.add_argument('--cpus', default='0,1', help='the CPU of the data path, and that of everything else')
    parser.add_argument('--huge', choices=('auto', 'on', 'off'), default='auto', help='huge pages, for all alike')
    parser.add_argument('--out', metavar='DIR', help='write results.json, results.md and curves there')
    parser.add_argument('--force', action='store_true', help='measure on a busy machine too')
    args = parser.parse_args()
    unknown = [name for name in args.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f'no such workload: {", ".join(unknown)}; there are {", ".join(WORKLOADS)}')
    try:
        args.cpus = tuple(int(cpu) for cpu in args.cpus.split(','))
    except ValueError:
        args.cpus = ()
    if len(set(args.cpus)) != 2 or not set(args.cpus) <= os.sched_getaffinity(0):
        parser.error('--cpus: two different CPUs of this machine are needed')
    if args.rounds < 1:
        parser.error('--rounds: at least 1')
    args.workloads = args.workloads or list(WORKLOADS)
    return args


def parse_heddle(spec):
    """(name, build directory, engine or None) of [NAME=]BUILD[@ENGINE]."""
    name, _, build = spec.rpartition('=')
    build, _, engine = build.partition('@')
    return name or 'heddle', build, engine or None


def build_switches(args):
    """The switches that can run here, in the order of their turns."""
    wanted = [Heddle(*parse_heddle(spec)) for spec in args.heddle]
    peers = {'testpmd': Testpmd, 'ovs': lambda: Ovs(args.ovs_mac_table),
             'ovs-smc': lambda: Ovs(args.ovs_mac_table, 'ovs-smc', smc=True)}
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
    builds = [parse_heddle(spec)[1] for spec in args.heddle]
    candidates = [args.source] if args.source else [os.path.join(b, 'tests', 'bench', 'heddle-bench') for b in builds]
    for path in candidates:
        if os.access(path, os.X_OK):
            return path
    sys.exit('compare.py: no heddle-bench: build it and name it with --source, or its build directory with --heddle')


def cpu_times():
    """All time of all CPUs so far, the idle part of it, and that which the host took, in ticks."""
    with open('/proc/stat') as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4], ticks[7]


def busy_fraction():
    """Of the whole machine, over a second."""
    total, idle, _ = cpu_times()
    time.sleep(1)
    total_then, idle_then, _ = cpu_times()
    return 1 - (idle_then - idle) / max(total_then - total, 1)


def drive(command, limit, switch):
    """Runs heddle-bench. Returns its report with what the switch says of the cycles it spent meanwhile."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = threading.Timer(limit, process.kill)
        deadline.start()
        try:
            said = []
            before = None
            for line in process.stderr:
                said.append(line)
                if 'running for' in line:
                    before = switch.effort()
            printed = process.stdout.read()
            process.wait()
            after = switch.effort() if process.returncode == 0 else None
        finally:
            deadline.cancel()
            process.kill()
    if process.returncode != 0:
        raise SwitchError(f'{switch.name}: heddle-bench: {"".join(said).strip()}\n{switch.log_tail()}')
    report = json.loads(printed)
    if report['mpps'] == 0:
        raise SwitchError(f'{switch.name}: nothing arrived: {printed}{"".join(said)}{switch.log_tail()}')
    if before and after and after[1] > before[1]:
        report['cycles_per_packet'] = (after[0] - before[0]) / (after[1] - before[1])
    return report


def drive_changing(command, limit, switch, work):
    """The same while rules change, if the workload says so; with what memory was taken by it."""
    before = switch.memory()
    changing = switch.churn(work.churn) if work.churn else None
    try:
        report = drive(command, limit, switch)
        report['memory'] = {'before': before, 'after': switch.memory()}
        if changing:
            report['changes'] = switch.stop_churn(changing)
    finally:
        if changing:
            changing.kill()
            changing.communicate()
    return report


def check_applied(report, switch, work):
    """A switch that passed the frames by without the rules has no figure."""
    packets, connections = switch.applied()
    arrived = sum(direction['received'] for direction in report['directions'])
    if packets < arrived / 10:  # some counters lag behind
        raise SwitchError(f'{switch.name}: rules have seen {packets} packets, {arrived} arrived')
    if connections < work.tracked / 2:  # some may be old
        raise SwitchError(f'{switch.name}: there are {connections} connections, not {work.tracked}')


def measure(args, source, switch, workload, huge):
    """One run of one switch. Returns the report of heddle-bench, with what we saw beside it."""
    work = WORKLOADS[workload]
    directory = tempfile.mkdtemp(prefix='heddle-bench-')
    command = [*TIED, source, '--json', '--cpu', str(args.cpus[1]), '--seconds', str(args.seconds), '--warmup',
               str(args.warmup), '--wait', '60', '--huge', 'on' if huge else 'off', *work.options]
    limit = args.seconds + args.warmup + 120 + (PRIME_SECONDS if work.primes else 0)
    total, _, stolen = cpu_times()
    try:
        with switch:
            switch.start(directory, args.cpus, huge, work)
            command += [] if switch.listens else ['--listen']
            report = drive_changing(command + switch.sockets(), limit, switch, work)
            switch.check()
            if work.rules:
                check_applied(report, switch, work)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        raise SwitchError(f'{switch.name}: {error}') from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    total_then, _, stolen_then = cpu_times()
    report['stolen'] = (stolen_then - stolen) / max(total_then - total, 1)
    return report


def clock(seconds):
    return f'{seconds / 60:.0f} min' if seconds >= 90 else f'{seconds:.0f} s'


def run_all(args, source, switches, huge, results):
    """Fills results, {workload: {switch name: [report]}}. Rounds are the outermost loop, so that a time in which the
    machine is slow falls on all alike. Returns the number of runs that failed."""
    failed = 0
    turns = [(turn, workload, switch) for turn in range(args.rounds) for workload in args.workloads
             for switch in switches if switch.can(WORKLOADS[workload])]
    started = time.monotonic()
    say(f'{len(turns)} runs, about {clock(len(turns) * (args.seconds + args.warmup + OVERHEAD_SECONDS))}')
    for number, (turn, workload, switch) in enumerate(turns):
        left = (time.monotonic() - started) / number * (len(turns) - number) if number else 0
        head = (f'[{number + 1}/{len(turns)}{f", {clock(left)} left" if number else ""}] round {turn + 1}, {workload}, '
                f'{switch.name}: ')
        by_switch = results.setdefault(workload, {s.name: [] for s in switches if s.can(WORKLOADS[workload])})
        try:
            report = measure(args, source, switch, workload, huge)
        except SwitchError as error:
            failed += 1
            say(f'{head}failed\n{error}')
            continue
        report['round'] = turn
        by_switch[switch.name].append(report)
        metric = WORKLOADS[workload].metric
        say(f'{head}{reporting.value_of(report, metric):.3f} {UNITS[metric]} '
            f'{reporting.remarks([report], workload)}'.rstrip())
    return failed


def cpu_model():
    with open('/proc/cpuinfo') as file:
        return next((line.split(':', 1)[1].strip() for line in file if line.startswith('model name')), 'unknown')


def check_quiet(force):
    busy = busy_fraction()
    if busy <= BUSY:
        return
    say(f'the machine is busy: {100 * busy:.0f} % of its CPUs are in use')
    if not force:
        sys.exit('compare.py: figures would mean nothing; stop what runs, or insist with --force')


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    args = parse_arguments()
    if os.geteuid() != 0:
        sys.exit('compare.py: must run as root (huge pages, network namespace, CPU pinning)')
    source = find_source(args)
    switches = build_switches(args)
    if not switches:
        sys.exit('compare.py: there is no switch to measure')
    # what is killed politely still cleans up, and tells what it has
    signal.signal(signal.SIGTERM, interrupt)
    # we, the source and whatever thread of a switch is not its data path; data paths pin themselves
    os.sched_setaffinity(0, {args.cpus[1]})
    check_quiet(args.force)
    huge = args.huge == 'on' or (args.huge == 'auto' and free_huge_pages() >= HUGE_PAGES_NEEDED)
    host = {'cpu': cpu_model(), 'kernel': platform.release(), 'huge_pages': huge, 'load': os.getloadavg()[0],
            'switches': {switch.name: switch.version() for switch in switches}}
    say(f'{host["cpu"]}, {host["kernel"]}, huge pages {"on" if huge else "off"}')
    results = {}
    status = 130
    try:
        failed = run_all(args, source, switches, huge, results)
        say(f'{failed} runs failed')
        status = 1 if failed else 0
    except KeyboardInterrupt:
        say('interrupted: these are the runs that were complete')
    results = {name: by_switch for name, by_switch in results.items() if any(by_switch.values())}
    print('\n'.join(reporting.table(results)))
    if args.out:
        say(f'in {args.out}: {", ".join(reporting.write(args.out, host, args, results))}')
    return status


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
