# SPDX-License-Identifier: BSD-3-Clause
"""The switches under comparison. Each starts with two vhost-user ports in a directory of its own, its data path on one
CPU and everything else on another, and leaves nothing behind."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from rules import RULES

# a process that dies with us, even when we are killed
TIED = ('setpriv', '--pdeathsig', 'KILL')
STOP_SECONDS = 10
START_SECONDS = 30
MAX_CONNECTIONS = 3000000
MAX_FLOWS = 2500000


def eal_memory(huge, megabytes):
    """EAL options: no files shared with other DPDK programs, no device of this machine touched."""
    return ['--no-pci', *(['--in-memory'] if huge else ['--no-huge', '--no-shconf']), '-m', str(megabytes)]


class SwitchError(Exception):
    pass


class Switch:
    """A running switch. The caller owns `dir`; sockets are dir/a and dir/b."""

    listens = True  # False: the switch connects to the sockets of the traffic source

    def __init__(self, name):
        self.name = name
        self.dir = None
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            stop(process)
        self.processes = []

    def can(self, work):
        """Whether it has what the workload needs."""
        return True

    def memory(self):
        """What it says of its memory: bytes of its data path's process ('rss', huge pages too), and more."""
        kilobytes = 0
        with open(f'/proc/{self.processes[-1].pid}/status') as file:
            for line in file:
                if line.startswith(('VmRSS:', 'HugetlbPages:')):
                    kilobytes += int(line.split()[1])
        return {'rss': kilobytes * 1024}

    def applied(self):
        """(packets that rules have seen, connections there are): what shows that a figure is of its workload. The
        bridge's default rule is not counted."""
        raise NotImplementedError

    def churn(self, rate):
        """Starts changing rules at a rate; see stop_churn."""
        kind, path = self.churned()
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'churn.py')
        return subprocess.Popen([*TIED, sys.executable, '-B', program, kind, path, str(rate)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stop_churn(self, process):
        """Returns the changes there were in a second."""
        process.terminate()
        printed, said = process.communicate(timeout=STOP_SECONDS)
        if process.returncode != 0:
            raise SwitchError(f'{self.name}: {said.strip()}\n{self.log_tail()}')
        report = json.loads(printed)
        return report['changes'] / report['seconds']

    def write_rules(self, work):
        """The file of the workload's rules."""
        path = os.path.join(self.dir, 'rules')
        with open(path, 'w') as file:
            file.writelines(line + '\n' for line in RULES[work.rules]())
        return path

    def run(self, *command, **options):
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, **options)
        if done.returncode != 0:
            raise SwitchError(f'{self.name}: {" ".join(command)}: {done.stderr.strip()}\n{self.log_tail()}')
        return done.stdout

    def effort(self):
        """(busy cycles, packets) of its data path since it started; None if it does not say."""
        return None

    def sockets(self):
        return [os.path.join(self.dir, port) for port in ('a', 'b')]

    def spawn(self, command, log, **options):
        with open(os.path.join(self.dir, log), 'ab') as out:
            process = subprocess.Popen([*TIED, *command], stdout=out, stderr=out,
                                       start_new_session=True, **options)
        self.processes.append(process)
        return process

    def check(self):
        """Raises SwitchError, with the end of its log, if a process of the switch has ended."""
        for process in self.processes:
            if process.poll() is not None:
                raise SwitchError(f'{self.name}: a process ended with {process.returncode}: '
                                  f'{" ".join(process.args[len(TIED):])}\n{self.log_tail()}')

    def log_tail(self, lines=8):
        tails = []
        for name in sorted(os.listdir(self.dir)):
            if name.endswith('.log'):
                with open(os.path.join(self.dir, name), errors='replace') as file:
                    tails += [f'  {name}: {line.rstrip()}' for line in file.readlines()[-lines:]]
        return '\n'.join(tails)

    def wait_for(self, what, condition):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise SwitchError(f'{self.name}: {what} did not appear\n{self.log_tail()}')
            time.sleep(0.05)


def stop(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.stdin:
        process.stdin.close()


class Heddle(Switch):
    def __init__(self, name, build, engine=None):
        super().__init__(name)
        self.daemon = os.path.join(build, 'vswitchd', 'heddle-vswitchd')
        self.cli = os.path.join(build, 'control', 'cli', 'heddle')
        self.engine = engine

    def available(self):
        return None if os.access(self.daemon, os.X_OK) else f'{self.daemon} is not there'

    def version(self):
        return output([self.daemon, '--version'])

    def start(self, directory, cpus, huge, work):
        self.dir = directory
        config = os.path.join(directory, 'heddle.yaml')
        keys = f', engine: {self.engine}' if self.engine else ''
        if work.frame > 1514 and not work.tso:
            keys += f', mtu: {work.frame - 14}'
        with open(config, 'w') as file:
            file.write('bridges:\n  br0:\n    ports:\n')
            for port, path in zip('ab', self.sockets()):
                file.write(f'      {port}: {{vhost: {path}{keys}}}\n')
        # it takes no CPU that it was not given, and keeps its other threads off those of the data path itself
        self.spawn(['taskset', '-c', ','.join(map(str, cpus)), self.daemon, '-s', self.control(), '-c', config,
                    '--pmd-cpus', str(cpus[0]), *([] if huge else ['--no-huge'])], 'heddle.log')
        self.wait_for('its sockets', lambda: all(map(os.path.exists, self.sockets())) and self.listening())
        if work.rules:
            self.run(self.cli, '-s', self.control(), 'flow', 'add-file', 'br0', self.write_rules(work))

    def control(self):
        return os.path.join(self.dir, 'control')

    def listening(self):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(self.control()) == 0

    def call(self, method, **params):
        """The result of a method; None if there is none such."""
        request = {'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': params}
        # its own protocol: starting the CLI would take CPU time from the traffic source
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(self.control())
            client.sendall(json.dumps(request).encode() + b'\n')
            with client.makefile() as answers:
                return json.loads(answers.readline()).get('result')

    def memory(self):
        return {**super().memory(), 'cache': self.call('cache.show'), 'ct': self.call('ct.stats')}

    def applied(self):
        page = self.call('flow.show', bridge='br0', max=4096)  # more than any workload's
        table = self.call('ct.stats') or {}
        return (sum(rule['packets'] for rule in page['flows'] if rule['priority'] > 0), table.get('connections', 0))

    def churned(self):
        return 'heddle', self.control()

    def effort(self):
        pmds = self.call('pmd.show')
        return sum(pmd['busy_cycles'] for pmd in pmds), sum(pmd['packets'] for pmd in pmds)


class Testpmd(Switch):
    program = 'dpdk-testpmd'

    def __init__(self):
        super().__init__('testpmd')

    def available(self):
        return None if shutil.which(self.program) else 'dpdk-testpmd is not there (package dpdk-dev)'

    def can(self, work):
        return not work.rules

    def version(self):
        text = output([self.program, '-v', *eal_memory(False, 64), '--', '--version'])
        return next((line for line in text.splitlines() if 'RTE Version' in line), None)

    def start(self, directory, cpus, huge, work):
        self.dir = directory
        # legacy-ol-flags: a received segmentation request is in the form that transmission expects
        options = ',tso=1,legacy-ol-flags=1' if work.tso else ''
        vdevs = [f'--vdev=net_vhost{i},iface={path},queues=1{options}' for i, path in enumerate(self.sockets())]
        self.spawn([self.program, '-l', f'{cpus[0]},{cpus[1]}', '--main-lcore', str(cpus[1]), *eal_memory(huge, 256),
                    *vdevs, '--', '--forward-mode=io', '--nb-cores=1', '--auto-start', '--disable-link-check',
                    '--total-num-mbufs=32768'], 'testpmd.log', stdin=subprocess.PIPE)
        self.wait_for('its sockets', lambda: all(map(os.path.exists, self.sockets())))


class Ovs(Switch):
    listens = False
    schema = '/usr/share/openvswitch/vswitch.ovsschema'
    # its pool of 262,144 buffers and a little more, all from the start; what is left is for the guests
    huge_memory = ('other_config:dpdk-socket-mem=768', 'other_config:dpdk-socket-limit=768')
    daemons = ('/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk', '/usr/sbin/ovs-vswitchd')

    def __init__(self, mac_table=None, name='ovs', smc=False):
        super().__init__(name)
        self.mac_table = mac_table
        self.smc = smc

    def daemon(self):
        for path in self.daemons:
            if os.access(path, os.X_OK) and 'DPDK' in (output([path, '--version']) or ''):
                return path
        return None

    def available(self):
        return None if self.daemon() else 'no ovs-vswitchd with DPDK (package openvswitch-switch-dpdk)'

    def version(self):
        return ', '.join(output([self.daemon(), '--version']).splitlines())

    def vsctl(self, *arguments):
        database = os.path.join(self.dir, 'db.sock')
        self.run('ovs-vsctl', f'--db=unix:{database}', f'--timeout={START_SECONDS}', *arguments)

    def add_rules(self, work, environment):
        """With room for as many connections as there will be."""
        self.run('ovs-appctl', '-t', os.path.join(self.dir, 'vs.ctl'), 'dpctl/ct-set-maxconns', str(MAX_CONNECTIONS))
        self.run('ovs-ofctl', 'add-flows', 'br0', self.write_rules(work), env=environment)

    def applied(self):
        rules = self.run('ovs-ofctl', 'dump-flows', f'unix:{self.dir}/br0.mgmt')
        packets = sum(int(count) for count in re.findall(r'n_packets=(\d+),.*priority=[1-9]', rules))
        return packets, int(self.run('ovs-appctl', '-t', os.path.join(self.dir, 'vs.ctl'), 'dpctl/ct-get-nconns'))

    def churned(self):
        return 'ovs', os.path.join(self.dir, 'br0.mgmt')

    def start(self, directory, cpus, huge, work):
        self.dir = directory
        database = os.path.join(directory, 'conf.db')
        subprocess.run(['ovsdb-tool', 'create', database, self.schema], check=True)
        environment = dict(os.environ, OVS_RUNDIR=directory, OVS_LOGDIR=directory, OVS_DBDIR=directory,
                           OVS_SYSCONFDIR=directory)
        self.spawn(['ovsdb-server', database, f'--remote=punix:{directory}/db.sock',
                    f'--unixctl={directory}/db.ctl'], 'ovsdb.log', env=environment)
        self.wait_for('its database', lambda: os.path.exists(os.path.join(directory, 'db.sock')))
        # it adds --in-memory by itself, which does not go with --no-huge, unless --legacy-mem is there;
        # in ordinary pages its 262,144 buffers take one page each
        eal = '--no-pci --in-memory' if huge else '--no-pci --no-huge --legacy-mem -m 2048'
        self.vsctl('--no-wait', 'init', '--', 'set', 'Open_vSwitch', '.', 'other_config:dpdk-init=true',
                   f'other_config:pmd-cpu-mask={1 << cpus[0]:#x}', f'other_config:dpdk-lcore-mask={1 << cpus[1]:#x}',
                   f'other_config:dpdk-extra="{eal}"', *(self.huge_memory if huge else []),
                   f'other_config:flow-limit={MAX_FLOWS}', f'other_config:smc-enable={str(self.smc).lower()}',
                   *(['other_config:userspace-tso-enable=true'] if work.tso else []))
        # a namespace of its own: the bridge's own interface must not show up among the host's
        self.spawn(['unshare', '-n', self.daemon(), f'unix:{directory}/db.sock', f'--unixctl={directory}/vs.ctl',
                    '--no-chdir'], 'ovs.log', env=environment)
        bridge = ['add-br', 'br0', '--', 'set', 'Bridge', 'br0', 'datapath_type=netdev']
        if self.mac_table:
            bridge.append(f'other_config:mac-table-size={self.mac_table}')
        for port, path in zip('ab', self.sockets()):
            bridge += ['--', 'add-port', 'br0', port, '--', 'set', 'Interface', port, 'type=dpdkvhostuserclient',
                       f'options:vhost-server-path={path}']
            if work.frame > 1514 and not work.tso:
                bridge.append(f'mtu_request={work.frame - 14}')
        self.vsctl(*bridge)
        if work.rules:
            self.add_rules(work, environment)
        self.check()


def output(command):
    """What a program prints, None if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip()
