# SPDX-License-Identifier: BSD-3-Clause
"""One switch a file of tests. Every test is followed by what holds for all: see `evil`."""

import pytest

from arena import Arena, DEADLINE, Evil
from proc import wait_until


@pytest.fixture(scope="module")
def arena(request):
    made = Arena()
    try:
        made.start()
        yield made
    except BaseException:
        made.stop(check=False)
        raise
    problems = made.stop(check=not request.session.testsfailed)
    assert not problems, "\n".join(problems)


@pytest.fixture
def evil(arena):
    """A port to be attacked. Afterwards, whatever was done to it: the neighbours have not lost a packet, the switch
    lives, and descriptors and mappings are as many as before."""
    exchanged, footprint = arena.exchanged(), arena.footprint()
    attacked = Evil(arena)
    idle = arena.footprint()
    one_port = {key: idle[key] - footprint[key] for key in idle}
    yield attacked
    attacked.finish()
    wanted = {key: footprint[key] + one_port[key] * len(attacked.names) for key in footprint}
    wait_until(lambda: arena.footprint() == wanted, DEADLINE, f"with all front-ends gone {wanted}, before: {footprint}")
    for name in attacked.names:
        arena.control("port.del", name=name)
    wait_until(lambda: arena.footprint() == footprint, DEADLINE, f"with the ports gone {footprint}")
    arena.unharmed(exchanged)
    arena.seen()


@pytest.fixture(params=["split", "packed"])
def packed(request):
    return request.param == "packed"
