# SPDX-License-Identifier: BSD-3-Clause
"""One switch with one PMD, two neighbours that must not notice, and ports for whatever is done to it.

    bridge good:  n0 ---- n1        heddle-neighbours, paced traffic all the time
    bridge bad:   evil* -- witness  the port under attack, and an honest front-end that sees what comes through
"""

import itertools
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

from front_end import BASIC, FrontEnd
from guest_memory import MIB, Memory, Region  # noqa: F401
from heddle import BUILD, SLOW, Heddle
from proc import NetNS, die_with_parent, stop_process, wait_until
from vhost_user import Closed, Request, Session, Virtio

ENGINE = os.environ.get("HEDDLE_ENGINE", "native")
RATE = "20k"
DEADLINE = 10 * SLOW
BROADCAST = b"\xff" * 6
ETHERTYPE = b"\x88\xb5"  # local experimental
MULTIQUEUE = BASIC | Virtio.MQ
CONFIG = """\
bridges:
  good:
    ports:
      n0: {{vhost: {run}/n0.sock, engine: {engine}}}
      n1: {{vhost: {run}/n1.sock, engine: {engine}}}
  bad:
    ports:
      witness: {{vhost: {run}/witness.sock, engine: {engine}}}
"""
# A witness takes everything that a guest may leave undone.
WITNESS = BASIC | Virtio.GUEST_CSUM | Virtio.GUEST_TSO4 | Virtio.GUEST_TSO6


def mac(number):
    return bytes((2, 0, 0, 0, number >> 8, number & 0xFF))


class Control:
    """The control socket, kept open: quicker to ask than a command."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30 * SLOW)
        self.sock.connect(str(path))
        self.lines = self.sock.makefile("rb")

    def __call__(self, method, **params):
        self.sock.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
        answer = json.loads(self.lines.readline())
        assert "result" in answer, f"{method} {params}: {answer}"
        return answer["result"]

    def close(self):
        self.lines.close()
        self.sock.close()


class Arena:
    def __init__(self):
        self.run = pathlib.Path(tempfile.mkdtemp(prefix="hdh-", dir="/tmp"))
        self.ns = NetNS()
        self.switch = Heddle(self.run, self.ns, config=CONFIG.format(run=self.run, engine=ENGINE))
        self.control = self.neighbours = self.witness = None
        self.inbox = []
        self.serial = itertools.count(1)
        self.ports = itertools.count()

    def start(self):
        self.switch.start()
        self.control = Control(self.switch.socket)
        self.pid = self.switch.process.pid
        self.neighbours = subprocess.Popen(
            [BUILD / "tests" / "hostile" / "heddle-neighbours", "--rate", RATE, "--ring", "8192", "--buffer", "256",
             "--huge", "off", "--json", self.run / "n0.sock", self.run / "n1.sock"], stdout=subprocess.PIPE,
            stderr=open(self.run / "neighbours.log", "wb"), stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        assert self.neighbours.stdout.readline() == b"ready\n", (self.run / "neighbours.log").read_text()
        self.witness = FrontEnd(self.run / "witness.sock", deadline=DEADLINE).start(WITNESS, size=1024)
        self.witness.post(256)
        wait_until(lambda: self.port("witness")["up"], DEADLINE, "witness up")
        return self

    # ---- what the switch says

    def port(self, name):
        return self.control("port.show", name=name)[0]

    def stats(self, name):
        return self.control("port.stats", name=name)[0]

    def drops(self, name, reason=None):
        drops = self.stats(name)["drops"]
        return drops if reason is None else drops.get(reason, 0)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def mappings(self):
        """Front-ends' files that are mapped."""
        with open(f"/proc/{self.pid}/maps", encoding="ascii") as maps:
            return sum("memfd:" in line for line in maps)

    def rss(self):
        """Bytes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def footprint(self):
        return {"descriptors": self.descriptors(), "mappings": self.mappings()}

    # ---- the neighbours

    def exchanged(self):
        """Counters of n0 and n1, and that nothing of theirs was dropped."""
        stats = {s["name"]: s for s in self.control("port.stats") if s["name"] in ("n0", "n1")}
        assert stats["n0"]["drops"] == {} and stats["n1"]["drops"] == {}, f"neighbours lose packets: {stats}"
        return [(stats[n]["rx"]["packets"], stats[n]["tx"]["packets"]) for n in ("n0", "n1")]

    def unharmed(self, since):
        """Both neighbours have received what the other sent, and have gone on since."""
        assert self.switch.alive(), f"the switch is gone\n{self.switch.log()[-4000:]}"
        assert self.neighbours.poll() is None, "the neighbours have ended"
        now = wait_until(lambda: self._moved(since), DEADLINE, f"neighbours' traffic goes on after {since}")
        # what has come in by one has gone out by the other, but for what is under way in this moment
        for here, there in ((0, 1), (1, 0)):
            assert abs(now[here][0] - now[there][1]) <= 4096, f"n{here} sent, n{there} did not get it: {now}"

    def _moved(self, since):
        now = self.exchanged()
        return now if all(n > s for end, old in zip(now, since) for n, s in zip(end, old)) else None

    # ---- frames between an evil port and the witness

    def frame(self, source=0xEE, length=64, target=BROADCAST):
        """A frame of its own: nothing else looks like it."""
        head = target + mac(source) + ETHERTYPE + next(self.serial).to_bytes(8, "big")
        return head + bytes(i & 0xFF for i in range(max(length - len(head), 0)))

    def look(self):
        """Take what the witness has received into the inbox; its buffers go back."""
        got = self.witness.take()
        self.witness.reap()
        if got:
            self.witness.post(sum(r.buffers for r in got))
        self.inbox += got

    def seen(self):
        """What the witness has received and nobody has asked for yet."""
        self.look()
        got, self.inbox = self.inbox, []
        return got

    def arrives(self, frame, deadline=DEADLINE):
        """Wait for this very frame at the witness; returns it with its header."""
        def found():
            self.look()
            return next((r for r in self.inbox if r.frame == frame), None)
        received = wait_until(found, deadline, f"frame {frame[14:22].hex()} at the witness", interval=0.002)
        self.inbox.remove(received)
        return received

    def passes(self, guest, pair=0, **how):
        """A frame from the guest to the witness."""
        frame = self.frame()
        guest.send(frame, pair=pair, **how)
        received = self.arrives(frame)
        guest.returned(1, pair, DEADLINE)
        return received

    def reaches(self, guest, source=0x77):
        """A frame from the witness to the guest, by whichever pair; the buffers are posted here."""
        for pair in range(len(guest.queues) // 2):
            if not guest.rx(pair).buffers:
                guest.post(1, pair=pair)
        frame = self.frame(source)
        self.witness.send(frame)

        def look():
            return [r for p in range(len(guest.queues) // 2) for r in guest.take(p) if r.frame == frame]
        wait_until(look, DEADLINE, "frame from the witness", interval=0.002)

    # ---- the end

    def stop(self, check=True):
        """Returns what was wrong."""
        problems = []
        try:
            if check:
                problems += self._last_words()
            if self.witness:
                self.witness.close()
            if self.control:
                self.control.close()
            self.switch.stop(check)
        except AssertionError as error:
            problems.append(str(error))
        finally:
            for process in (self.neighbours, self.switch.process):
                if process:
                    stop_process(process)
            if problems or not check:
                sys.stderr.write(f"--- vswitchd.log\n{self.switch.log()[-6000:]}\n")
            self.ns.close()
            shutil.rmtree(self.run, ignore_errors=True)
        return problems

    def _last_words(self):
        self.neighbours.terminate()
        out, _ = self.neighbours.communicate(timeout=DEADLINE + 10)
        if not out:
            return [f"neighbours ended with {self.neighbours.returncode}: {(self.run / 'neighbours.log').read_text()}"]
        said = json.loads(out)
        wrong = [d for d in said["directions"] if d["lost"] or d["foreign"] or d["bad"] or d["sent"] == 0]
        return [f"neighbours: {said}"] if wrong or said["broken"] or self.neighbours.returncode != 0 else []


class Evil:
    """Ports under attack. Each is new, in the bridge `bad`; what is opened here is closed when the test ends."""

    def __init__(self, arena):
        self.arena = arena
        self.opened = []
        self.names = []
        self.new()

    def new(self, **options):
        """Another port, and from now on the one that is meant."""
        self.name = f"evil{next(self.arena.ports)}"
        self.path = self.arena.run / f"{self.name}.sock"
        self.arena.control("port.add", name=self.name, bridge="bad", vhost=str(self.path), engine=ENGINE,
                           **{"queues": 2, **options})
        self.names.append(self.name)
        return self

    # ---- connections

    def session(self):
        """A connection on which nothing was said."""
        session = Session(self.path, deadline=DEADLINE)
        self.opened.append(session)
        return session

    def front_end(self, *regions, deadline=DEADLINE):
        """A front-end on which nothing was said yet."""
        guest = FrontEnd(self.path, memory=Memory(*regions), deadline=deadline)
        self.opened.append(guest)
        return guest

    def guest(self, features=MULTIQUEUE, *, regions=(), up=True, deadline=DEADLINE, **how):
        """An honest front-end, up to now."""
        how.setdefault("pairs", 2 if features & Virtio.MQ else 1)
        guest = self.front_end(*regions, deadline=deadline).start(features, **how)
        if up:
            wait_until(lambda: self.port()["up"], DEADLINE, f"{self.name} up")
        return guest

    def close(self, opened):
        self.opened.remove(opened)
        opened.close()

    # ---- outcomes

    def port(self):
        return self.arena.port(self.name)

    def drops(self, reason=None):
        return self.arena.drops(self.name, reason)

    def fault(self, queue):
        """Why the switch has stopped this ring, in the words of `heddle port show -j`; None if it has not."""
        return self.ring(queue).get("broken")

    def ring(self, queue):
        """What `heddle port show -j` tells of a ring. Its rx is what the guest transmits on."""
        name = (queue.index // 2, "rx" if queue.index % 2 else "tx")
        return next(r for r in self.port()["rings"] if (r["queue"], r["direction"]) == name)

    def stopped(self, guest, queue, *words):
        """Q: the ring is stopped, its error descriptor says so, and so does the switch."""
        assert queue.signalled(queue.error, DEADLINE) > 0, "the error descriptor was not signalled"
        why = wait_until(lambda: self.fault(queue), DEADLINE, f"{self.name} tells that ring {queue.index} is broken")
        assert any(word in why for word in words), f"stopped for {why!r}, not for {words}"
        assert not self.ring(queue)["running"]
        status, shown, _ = self.arena.switch.heddle("port", "show", self.name)
        assert status == 0 and why in shown, f"heddle port show does not tell {why!r}: {shown}"
        # the other pair goes on, both ways
        if len(guest.queues) > 2:
            self.arena.passes(guest, pair=1)
        # and this one, set up again
        guest.restart(queue)
        if queue.index % 2:
            self.arena.passes(guest, pair=queue.index // 2)
        assert self.fault(queue) is None

    def dropped(self, guest, reason, act, count=1, pair=0):
        """D: what act() sends is counted, its chains come back, and the queue goes on."""
        before = self.drops()
        act()
        guest.returned(count, pair, DEADLINE)
        wait_until(lambda: sum(self.drops().values()) >= sum(before.values()) + count, DEADLINE, f"{count} drops")
        gained = {k: v - before.get(k, 0) for k, v in self.drops().items() if v != before.get(k, 0)}
        assert gained == {reason: count}, f"dropped for {gained}, not {count} for {reason}"
        self.arena.passes(guest, pair)

    def refused(self, prepare, request, payload=b"", fds=(), answers=False):
        """N: refused where the sender asks to know, and the session goes on; else the connection is closed.

        `prepare(front_end)` brings a front-end to where the message is sent. `answers`: the request has an answer of its
        own, which can't say no.
        """
        for asked in (True, False):
            if asked and answers:
                continue
            guest = self.front_end()
            prepare(guest)
            data = payload(guest) if callable(payload) else payload
            files = fds(guest) if callable(fds) else fds
            if asked:
                assert guest.session.acks, "REPLY_ACK was not negotiated"
                assert guest.session.acked(request, data, files) != 0, f"{request!r} was not refused"
                assert guest.session.ask_u64(Request.GET_FEATURES) == guest.offered
            else:
                guest.session.send(request, data, files)
                assert guest.session.closed(DEADLINE), f"{request!r} was not refused"
            self.close(guest)
        self.honest()

    def ends(self, act, prepare=lambda session: None):
        """C: what act(session) does ends the connection."""
        session = self.session()
        prepare(session)
        try:
            act(session)
        except Closed:
            pass
        assert session.closed(DEADLINE), "the connection was not closed"
        self.close(session)

    def honest(self, deadline=DEADLINE):
        """A well-behaved front-end can come, and frames pass."""
        guest = self.guest(BASIC, deadline=deadline)
        self.arena.passes(guest)
        self.arena.reaches(guest)
        self.close(guest)

    def finish(self):
        for opened in self.opened:
            opened.close()
        self.opened = []


def negotiated(guest):
    """For Evil.refused: features are agreed upon, with REPLY_ACK."""
    guest.negotiate()


def with_memory(guest):
    negotiated(guest)
    guest.share_memory()
    guest.make_queues()


def running(guest):
    guest.start()
