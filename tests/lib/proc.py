# SPDX-License-Identifier: BSD-3-Clause
"""Processes that end with the test that started them, network namespaces, and waiting for conditions."""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """For preexec_fn: a test run that is killed leaves nothing behind."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Timeout(AssertionError):
    pass


def wait_until(predicate, deadline=10.0, what=None, interval=0.02):
    """Poll until predicate() is true and return its value; fail loudly after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"not within {deadline} s: {what or predicate.__name__}, last seen: {value!r}")
        time.sleep(interval)


def settle(read, quiet=0.3, deadline=10.0):
    """Poll read() until its value has stayed the same for `quiet` seconds; return it."""
    end = time.monotonic() + deadline
    value, since = read(), time.monotonic()
    while time.monotonic() - since < quiet:
        if time.monotonic() > end:
            raise Timeout(f"still changing after {deadline} s: {value!r}")
        time.sleep(0.03)
        seen = read()
        if seen != value:
            value, since = seen, time.monotonic()
    return value


def run(*argv, check=True, timeout=30, **kwargs):
    """Run a command and return its standard output; its standard error is part of the failure."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, preexec_fn=die_with_parent, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(done.args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def stop_process(process, deadline=10.0, sig=signal.SIGTERM):
    """End a process: ask, wait, then kill. Returns its exit status, None if it had to be killed."""
    if process.poll() is None:
        process.send_signal(sig)
    try:
        return process.wait(deadline)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


class NetNS:
    """A network namespace that lives as long as a process of ours: nothing is left in /run/netns."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], preexec_fn=die_with_parent,
                                       stdin=subprocess.DEVNULL, close_fds=True)
        own = os.stat("/proc/self/ns/net").st_ino
        wait_until(lambda: os.stat(self.path).st_ino != own and self._is_sleep(), 10, "namespace")
        self.fd = os.open(self.path, os.O_RDONLY)
        self.sh("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; "
                "ip link set lo up")

    def _is_sleep(self):
        with open(f"/proc/{self.holder.pid}/comm", encoding="ascii") as comm:
            return comm.read().strip() == "sleep"

    @property
    def path(self):
        return f"/proc/{self.holder.pid}/ns/net"

    def argv(self, *argv):
        """A command line that runs inside."""
        return ["nsenter", f"--net={self.path}", "--", *[str(a) for a in argv]]

    def run(self, *argv, **kwargs):
        return run(*self.argv(*argv), **kwargs)

    def sh(self, script, **kwargs):
        return run(*self.argv("sh", "-ec", script), **kwargs)

    def popen(self, *argv, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.argv(*argv), preexec_fn=die_with_parent, **kwargs)

    def enter(self):
        """Context: this thread works inside."""
        return _Inside(self.fd)

    def close(self):
        os.close(self.fd)
        self.holder.kill()
        self.holder.wait()


class _Inside:
    def __init__(self, fd):
        self.fd = fd

    def __enter__(self):
        self.back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _setns(self.fd)

    def __exit__(self, *_):
        _setns(self.back)
        os.close(self.back)


def _setns(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
