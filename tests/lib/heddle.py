# SPDX-License-Identifier: BSD-3-Clause
"""The switch under test: a daemon of its own in a namespace and a run directory of its own."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess

from proc import die_with_parent, settle, stop_process, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("HEDDLE_BUILD", ROOT / "build")).resolve()
VSWITCHD = BUILD / "vswitchd" / "heddle-vswitchd"
CLI = BUILD / "control" / "cli" / "heddle"
# A sanitised daemon starts and runs several times slower.
SLOW = 5 if "san" in os.environ.get("HEDDLE_VARIANT", "") else 1
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer")


class Refused(AssertionError):
    """A command exited with 1: .text is what it said."""

    def __init__(self, argv, status, text):
        super().__init__(f"{' '.join(argv)}: exit {status}: {text}")
        self.status, self.text = status, text


class Heddle:
    """One daemon. Everything it leaves behind is checked when it stops."""

    def __init__(self, rundir, netns, pmd_cpus="0", config=None, args=()):
        self.rundir = pathlib.Path(rundir)
        self.netns = netns
        self.pmd_cpus = str(pmd_cpus)
        self.socket = self.rundir / "heddle.sock"
        self.args = [str(a) for a in args]
        self.log_path = self.rundir / "vswitchd.log"
        self.process = None
        self.config = None
        if config is not None:
            self.config = self.rundir / "heddle.yaml"
            self.config.write_text(config)

    # ---- life

    def argv(self):
        argv = [str(VSWITCHD), "-s", str(self.socket), "--pmd-cpus", self.pmd_cpus]
        if self.config:
            argv += ["-c", str(self.config)]
        if os.environ.get("HEDDLE_NO_HUGE") == "1":
            argv.append("--no-huge")
        return argv + self.args

    def spawn(self):
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:halt_on_error=0:exitcode=99",
                   UBSAN_OPTIONS="print_stacktrace=1")
        log = open(self.log_path, "ab")
        self.log_start = log.tell()
        argv = self.netns.argv(*self.argv()) if self.netns else self.argv()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.rundir,
                                        env=env, preexec_fn=die_with_parent)
        log.close()
        return self

    def start(self):
        self.spawn()
        wait_until(self._answers, 20 * SLOW, lambda: None)
        return self

    def _answers(self):
        status = self.process.poll()
        if status is not None:
            raise AssertionError(f"heddle-vswitchd exited with {status}\n{self.log()}")
        if not self.socket.exists():
            return False
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(self.socket))
            return True
        except OSError:
            return False
        finally:
            sock.close()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, check=True):
        """SIGTERM. With check: nothing is unaccounted for, exit 0, sockets gone, no sanitiser's report."""
        if self.process is None:
            return
        sockets, problems = [], []
        if check and self.alive():
            try:
                self.balanced()
                configs = [port["config"] for port in self.ports().values()]
                sockets = [c["vhost"] for c in configs if "vhost" in c and c.get("mode") != "client"]
            except AssertionError as error:
                problems.append(str(error))
        status = stop_process(self.process, 15 * SLOW)
        self.process = None
        if not check:
            return
        if status != 0:
            problems.append(f"exit status {status}, not 0" if status is not None else "had to be killed")
        problems += [f"left behind: {path}" for path in [str(self.socket), *sockets] if os.path.lexists(path)]
        if REPORT.search(self.log()):
            problems.append("sanitiser report")
        if problems:
            raise AssertionError("; ".join(problems) + "\n" + self.log()[-8000:])

    def restart(self, sig=signal.SIGTERM):
        """A stop (or with SIGKILL a crash) and a start with the same files."""
        if sig == signal.SIGKILL:
            self.process.kill()
            self.process.wait()
            self.process = None
        else:
            self.stop()
        return self.start()

    # ---- commands

    def heddle(self, *args, json_output=True, timeout=30):
        """(status, stdout, stderr) of a CLI command."""
        argv = [str(CLI), "-s", str(self.socket)] + (["-j"] if json_output else []) + [str(a) for a in args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout * SLOW, stdin=subprocess.DEVNULL,
                              preexec_fn=die_with_parent, cwd=self.rundir)
        if REPORT.search(done.stderr):
            raise AssertionError(f"{' '.join(argv)}:\n{done.stderr}")
        return done.returncode, done.stdout, done.stderr

    def cli(self, *args):
        """The parsed JSON of a command given as words or as one line: cli("port add", name, "bridge br0")."""
        words = [w for a in args for w in str(a).split()]
        status, out, err = self.heddle(*words)
        if status != 0:
            raise Refused(words, status, err.strip())
        return json.loads(out) if out.strip() else None

    def text(self, *args):
        """What a command prints for people."""
        words = [w for a in args for w in str(a).split()]
        status, out, err = self.heddle(*words, json_output=False)
        if status != 0:
            raise Refused(words, status, err.strip())
        return out

    def refuses(self, *args, words=()):
        """The command must be refused with exit 1 and a message holding all `words`; returns the message."""
        try:
            self.cli(*args)
        except Refused as refused:
            assert refused.status == 1, refused
            for word in words:
                assert str(word) in refused.text, f"{word!r} is not in: {refused.text}"
            return refused.text
        raise AssertionError(f"not refused: {' '.join(str(a) for a in args)}")

    # ---- state, whatever its place in the JSON

    def ports(self):
        return {port["name"]: port for port in self.cli("port show")}

    def port(self, name):
        return self.ports()[name]

    def config_show(self):
        """The configuration in force, as a document."""
        return self.cli("config show")

    def up(self, *names, deadline=15):
        wait_until(lambda: all(self.ports()[n]["up"] for n in names), deadline * SLOW, f"{names} up")

    def stats(self, name):
        return next(s for s in self.cli("port stats", name) if s["name"] == name)

    def all_stats(self):
        return {s["name"]: s for s in self.cli("port stats")}

    def packets(self, name, direction):
        return self.stats(name)[direction]["packets"]

    def drops(self, name):
        """Drops of one port by reason."""
        return self.stats(name)["drops"]

    def fdb(self, bridge, *words):
        return self.cli("fdb show", bridge, *words)

    def learnt(self, bridge, mac, port=None, vlan=None):
        """Wait until the bridge has learnt an address."""
        def there():
            return [e for e in self.fdb(bridge) if e["mac"] == mac and port in (None, e["port"])
                    and vlan in (None, e["vlan"])]
        return wait_until(there, 5 * SLOW, f"{mac} learnt in {bridge} at {port}")[0]

    def balance(self):
        return self.cli("drop show")["balance"]

    def balanced(self, deadline=10):
        """Wait until nothing moves; then every packet that came in has gone out or is counted as a drop."""
        balance = settle(self.balance, quiet=0.15, deadline=deadline * SLOW)
        assert balance["difference"] == 0, f"rx + copies + segments is not tx + drops: {balance}"
        assert balance["rx"] + balance["copies"] + balance["segments"] == balance["tx"] + balance["drops"], balance
        return balance
