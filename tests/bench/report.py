# SPDX-License-Identifier: BSD-3-Clause
"""What a run's figures say: the table, its notes, and the curves. Results are {workload: {switch: [report]}}."""
import json
import os
import statistics

import plot
from workloads import CURVES, UNITS, WORKLOADS

HEAD = ['work', 'unit', 'switch', 'median', 'min-max', '/ testpmd', '/ ovs', 'best / testpmd', 'best / ovs',
        '/ base', 'cycles/packet', 'remarks']


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
    if WORKLOADS[workload].saturates:
        idle = sum(r['tx_full_fraction'] <= 0.5 for r in reports)
        if idle > 0:
            notes.append(f'not saturated in {idle} of {len(reports)}')
    unlearned = sum(not r['learned'] for r in reports)
    if unlearned > 0:
        notes.append(f'announcing lost frames in {unlearned}')
    unprimed = sum(not r.get('primed', True) for r in reports)
    if unprimed > 0:
        notes.append(f'priming lost frames in {unprimed}')
    changes = [r['changes'] for r in reports if 'changes' in r]
    if changes:
        notes.append(f'{statistics.median(changes):.0f} changes/s')
    stolen = max(r['stolen'] for r in reports)
    if stolen > 0.01:
        notes.append(f'the host took up to {100 * stolen:.0f} % of the CPUs')
    return ', '.join(notes)


def ratio_to_base(reports, base, metric, name):
    """The median of the rounds' ratios: what a machine does to one round, it does to both. With the base's name."""
    before = {r['round']: value_of(r, metric) for r in base}
    pairs = [value_of(r, metric) / before[r['round']] for r in reports if before.get(r['round'])]
    return f'{statistics.median(pairs):.2f} of {name}' if pairs else '-'


def cycles(reports):
    known = [r['cycles_per_packet'] for r in reports if r.get('cycles_per_packet')]
    return f'{statistics.median(known):.0f}' if known else '-'


def ratios(figures, name):
    return [f'{figures[name] / figures[peer]:.2f}' if figures.get(peer) else '-' for peer in ('testpmd', 'ovs')]


def row(results, workload, metric, name):
    """What else a machine does only ever slows a switch down: the best runs compare best where runs differ a lot."""
    by_switch = results[workload]
    work = WORKLOADS[workload]
    values = {switch: [value_of(r, metric) for r in reports] for switch, reports in by_switch.items() if reports}
    if name not in values:
        return [workload, UNITS[metric], name, *['-'] * 8, 'no figure']
    medians = {switch: statistics.median(v) for switch, v in values.items()}
    best = {switch: min(v) if metric.startswith('p') else max(v) for switch, v in values.items()}
    reports = by_switch[name]
    base = results.get(work.base, {}).get(name, [])
    main = metric == work.metric
    return [workload, UNITS[metric], name, f'{medians[name]:.3f}', f'{min(values[name]):.3f}-{max(values[name]):.3f}',
            *ratios(medians, name), *ratios(best, name), ratio_to_base(reports, base, metric, work.base),
            cycles(reports) if main else '-', remarks(reports, workload) if main else '']


def table(results):
    """Lines of a Markdown table; its columns align as plain text too."""
    rows = [HEAD]
    for workload, by_switch in results.items():
        first = WORKLOADS[workload].metric
        for metric in ('p50', 'p99', 'p999') if first == 'p50' else (first,):
            rows += [row(results, workload, metric, name) for name in by_switch]
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    rows.insert(1, ['-' * width for width in widths])
    return ['| ' + ' | '.join(cell.ljust(width) for cell, width in zip(cells, widths)) + ' |' for cells in rows]


def grown(reports):
    """Bytes, the median of the runs."""
    return statistics.median(r['memory']['after']['rss'] - r['memory']['before']['rss'] for r in reports)


def cache_memory(said):
    """What Heddle's PMDs cache; '-' for a switch that does not say."""
    pmds = (said.get('cache') or {}).get('pmds', [])
    return share(sum(pmd['entries'] for pmd in pmds), sum(pmd['bytes'] for pmd in pmds))


def connection_memory(said):
    table = said.get('ct') or {}
    return share(table.get('connections', 0), table.get('bytes', 0))


def share(used, size):
    return f'{used:,} in {size / 1e6:,.1f} MB' if used and size else '-'


def single(workload):
    """The workload of one flow that it grew from."""
    while workload and WORKLOADS[workload].entries > 1:
        workload = WORKLOADS[workload].base
    return workload


def memory_table(results):
    """Lines of Markdown: what a flow or a connection takes. [] if nothing was measured that tells."""
    rows = []
    for workload, by_switch in results.items():
        work = WORKLOADS[workload]
        for name, reports in by_switch.items():
            base = results.get(single(workload), {}).get(name)
            if work.entries > 1 and reports and base:
                each = (grown(reports) - grown(base)) / work.entries
                said = reports[-1]['memory']['after']
                rows.append(f'| {workload} | {name} | {grown(reports) / 1e6:,.0f} | {each:,.0f} | '
                            f'{cache_memory(said)} | {connection_memory(said)} |')
    head = ['| work | switch | grown by, MB | bytes each | flow cache | connections |', '|---|---|---|---|---|---|']
    return head + rows if rows else []


def draw(results, directory):
    """Writes the curves of which there are two points or more. Returns their file names."""
    files = []
    for name, curve in CURVES.items():
        by_switch = {}
        for x, workload in curve.points.items():
            for switch, reports in results.get(workload, {}).items():
                values = [value_of(r, curve.metric) for r in reports]
                if values:
                    by_switch.setdefault(switch, []).append((x, statistics.median(values), min(values), max(values)))
        svg = plot.curves(curve.title, curve.x_label, f'{UNITS[curve.metric]}, sum of both ways', by_switch)
        if svg:
            files.append(f'{name}.svg')
            with open(os.path.join(directory, files[-1]), 'w') as file:
                file.write(svg)
    return files


def write(directory, host, args, results):
    """results.json, results.md and the curves."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, 'results.json'), 'w') as file:
        json.dump({'host': host, 'seconds': args.seconds, 'rounds': args.rounds, 'results': results}, file, indent=1)
    files = draw(results, directory)
    lines = ['# Heddle beside its peers', '',
             f'{host["cpu"]}, Linux {host["kernel"]}, huge pages {"on" if host["huge_pages"] else "off"}; '
             f'{args.rounds} rounds of {args.seconds:g} s, the switches in turns; one core for the data path, one for '
             'both guests. Rates are the sum of all directions. Absolute figures are of this machine: '
             'compare the ratios.', '',
             *[f'- {name}: {version}' for name, version in host['switches'].items()], '', *table(results), '',
             '`/ testpmd` and `/ ovs` divide the medians, `best` the best runs, `/ base` by the same switch\'s other '
             'workload of the same round. '
             '`cycles/packet`: busy cycles of Heddle\'s PMD while it was measured.', '']
    memory = memory_table(results)
    if memory:
        lines += ['Memory: what a process has more after the run than before it, beside the same with one flow, '
                  'divided by the flows or connections; what Heddle says of its own tables.', '', *memory, '']
    lines += [f'- `{name}`: {WORKLOADS[name].text}' for name in results]
    lines += ['', *[f'![{CURVES[name[:-4]].title}]({name})\n' for name in files]]
    with open(os.path.join(directory, 'results.md'), 'w') as file:
        file.write('\n'.join(lines))
    return ['results.json', 'results.md', *files]
