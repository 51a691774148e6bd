# SPDX-License-Identifier: BSD-3-Clause
"""What tests share: every test gets its own run directory, namespaces and switches, and leaves nothing."""

import os
import pathlib
import shutil
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

from heddle import CLI, VSWITCHD, Heddle  # noqa: E402
from net import Lab  # noqa: E402
from proc import NetNS  # noqa: E402


def interrupt(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # timeout(1) sends it twice; cleaning up goes on
    raise KeyboardInterrupt


def pytest_sessionstart(session):
    signal.signal(signal.SIGTERM, interrupt)  # a run that is ended cleans up, as after Ctrl-C
    if os.geteuid() != 0:
        pytest.exit("the tests make network namespaces and devices: run them as root", 2)
    for program in (VSWITCHD, CLI):
        if not program.exists():
            pytest.exit(f"{program} is not there: build first (tests/run.sh does) or set HEDDLE_BUILD", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let fixtures know whether the test failed, so that their checks do not hide its error."""
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


def failed(request):
    report = getattr(request.node, "report_call", None)
    return report is None or report.failed


@pytest.fixture
def rundir(request):
    """A short path (UNIX sockets), gone afterwards, shown after a failure."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="hdt-", dir="/tmp"))
    yield path
    if failed(request):
        for log in sorted(path.rglob("*.log")) + sorted(path.rglob("*.qemu")):
            sys.stderr.write(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}\n")
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def netns(request):
    """netns() makes a network namespace."""
    made = []

    def make():
        made.append(NetNS())
        return made[-1]

    yield make
    for namespace in made:
        namespace.close()


@pytest.fixture
def heddle(request, rundir, netns):
    """heddle(...) starts a switch in a namespace of its own; its balance is checked when the test ends."""
    made = []

    def make(start=True, **kwargs):
        own = rundir / f"sw{len(made)}"
        own.mkdir()
        switch = Heddle(own, kwargs.pop("netns", None) or netns(), **kwargs)
        made.append(switch)
        return switch.start() if start else switch

    yield make
    problems = []
    for switch in made:
        try:
            switch.stop(check=not failed(request))
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def lab(request, heddle):
    """A switch with a bridge br0 and no ports yet."""
    made = Lab(heddle())
    yield made
    made.close()


@pytest.fixture
def cleanup():
    """cleanup(callable): called when the test ends, last first."""
    calls = []
    yield calls.append
    for call in reversed(calls):
        call()
