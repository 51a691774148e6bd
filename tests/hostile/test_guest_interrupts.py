# SPDX-License-Identifier: BSD-3-Clause
"""Guests whose call descriptors nobody reads. They are files of the front-end's, and so is whether they block: if a PMD
waited, all its ports would."""

import os

from front_end import BASIC
from vhost_user import Virtio


def fill(eventfd):
    """Up to where a write would block."""
    os.set_blocking(eventfd, False)
    try:
        os.eventfd_write(eventfd, 0xFFFFFFFFFFFFFFFE)
    except BlockingIOError:
        pass


def block(eventfd):
    os.set_blocking(eventfd, True)


def test_36_interrupts_always_on(arena, evil, packed):
    """A call descriptor that nobody reads, full: writing to it would block."""
    guest = evil.guest(packed=packed)
    for queue in guest.queues:
        queue.ring.quiet(False)
    for pair in (0, 1):
        for queue in (guest.rx(pair), guest.tx(pair)):
            fill(queue.call)
    for _ in range(100):
        arena.passes(guest)
        arena.reaches(guest)


def test_36_blocking_call_descriptor(arena, evil, packed):
    """The same with a descriptor that blocks whoever writes: the PMD's timer ends the wait, and the session is ended."""
    guest = evil.front_end()
    guest.negotiate(BASIC | (Virtio.PACKED if packed else 0))
    guest.make_queues()
    for queue in guest.queues:
        block(queue.call)
        block(queue.error)
    guest.share_memory()
    for queue in guest.queues:
        guest.setup_ring(queue)
        guest.enable(queue)
        fill(queue.call)
        block(queue.call)  # the switch's descriptor is the same file
    frame = arena.frame()
    guest.send(frame)
    arena.arrives(frame)
    assert guest.session.closed(), "the front-end may block the PMD again and again"
    evil.new().guest(packed=packed)
