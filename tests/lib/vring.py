# SPDX-License-Identifier: BSD-3-Clause
"""Virtqueues, the driver's side (VIRTIO 1.2, 2.7 and 2.8): legal helpers, and raw access to every field."""

from collections import deque, namedtuple

NEXT, WRITE, INDIRECT = 1, 2, 4
AVAIL, USED = 1 << 7, 1 << 15  # packed
NO_INTERRUPT = 1               # split: avail.flags

# A descriptor. next: of split rings; None is the one that follows.
Desc = namedtuple("Desc", "addr len flags next", defaults=(0, None))
# A chain that the device has returned.
Used = namedtuple("Used", "id len")


def chained(pieces):
    """Descriptors of [(address, length, device writes)]."""
    last = len(pieces) - 1
    return [Desc(addr, length, (WRITE if write else 0) | (NEXT if i < last else 0))
            for i, (addr, length, write) in enumerate(pieces)]


class Ring:
    """What both layouts share. A chain is known by its id: a split ring's head, a packed ring's buffer id."""

    def __init__(self, memory, size, region):
        self.memory, self.size, self.region = memory, size, region
        self.chains = {}  # id -> descriptors or slots it takes
        self.tables = {}  # id -> its indirect table

    def add(self, pieces, indirect=False):
        """A legal chain of [(address, length, device writes)]; publish() shows it. Returns its id."""
        descs = chained(pieces)
        if not indirect:
            return self.chain(descs)
        table = self.table(descs)
        ident = self.chain([Desc(table, 16 * len(descs), INDIRECT)])
        self.tables[ident] = table
        return ident

    def table(self, descs):
        """An indirect table of exactly these descriptors."""
        gpa = self.memory.alloc(16 * max(len(descs), 1), region=self.region)
        for i, desc in enumerate(descs):
            self.write_desc(gpa + 16 * i, desc, i + 1)
        return gpa

    def forget(self, ident):
        """The device has returned a chain: its indirect table can be used again."""
        if ident in self.tables:
            self.memory.release(self.tables.pop(ident))

    def _put_desc(self, gpa, desc, half, flags, last):
        """The last field that is written makes a packed descriptor visible."""
        self.memory.put("Q", gpa, desc.addr & (1 << 64) - 1)
        self.memory.put("I", gpa + 8, desc.len & 0xFFFFFFFF)
        if last:
            self.memory.put("H", gpa + 12, half & 0xFFFF)
            self.memory.put("H", gpa + 14, flags & 0xFFFF)
        else:
            self.memory.put("H", gpa + 14, half & 0xFFFF)
            self.memory.put("H", gpa + 12, flags & 0xFFFF)


class Split(Ring):
    packed = False

    def __init__(self, memory, size, region=0):
        super().__init__(memory, size, region)
        self.desc = memory.alloc(16 * size, 4096, region)
        self.avail = memory.alloc(6 + 2 * size, 4096, region)
        self.used = memory.alloc(6 + 8 * size, 4096, region)
        self.reset()

    def reset(self, base=0):
        """As a driver does before it starts the queue anew."""
        self.memory.write(self.desc, bytes(16 * self.size))
        self.memory.write(self.avail, bytes(6 + 2 * self.size))
        self.memory.write(self.used, bytes(6 + 8 * self.size))
        self.chains.clear()
        self.free = deque(range(self.size))
        self.next_avail = self.next_used = base
        self.avail_idx = base
        self.memory.put("H", self.used + 2, base)

    def parts(self):
        """Guest addresses of descriptors, driver's and device's area."""
        return self.desc, self.avail, self.used

    def base(self):
        """For SET_VRING_BASE."""
        return self.next_used

    # ---- raw

    def write_desc(self, gpa, desc, following):
        self._put_desc(gpa, desc, following if desc.next is None else desc.next, desc.flags, last=False)

    def set_desc(self, index, addr, length, flags=0, following=0):
        self.write_desc(self.desc + 16 * index, Desc(addr, length, flags, following), following)

    def set_avail(self, slot, head):
        self.memory.put("H", self.avail + 4 + 2 * (slot % self.size), head)

    @property
    def avail_idx(self):
        return self.memory.get("H", self.avail + 2)

    @avail_idx.setter
    def avail_idx(self, value):
        self.memory.put("H", self.avail + 2, value & 0xFFFF)

    @property
    def used_idx(self):
        return self.memory.get("H", self.used + 2)

    def used_at(self, slot):
        at = self.used + 4 + 8 * (slot % self.size)
        return Used(self.memory.get("I", at), self.memory.get("I", at + 4))

    def quiet(self, quiet):
        """Ask for no interrupts, or for them (without EVENT_IDX)."""
        self.memory.put("H", self.avail, NO_INTERRUPT if quiet else 0)

    def set_event(self, value, _flags=None):
        """used_event: the index whose use is to interrupt us (EVENT_IDX)."""
        self.memory.put("H", self.avail + 4 + 2 * self.size, value & 0xFFFF)

    def push(self, head):
        """Any head, in the next slot of the available ring."""
        self.set_avail(self.next_avail, head)
        self.next_avail = (self.next_avail + 1) & 0xFFFF

    # ---- chains

    def chain(self, descs):
        """These descriptors, exactly, in free places of the ring. Returns the head."""
        if len(descs) > len(self.free):
            raise BufferError("ring full")
        places = [self.free.popleft() for _ in descs]
        for i, desc in enumerate(descs):
            following = places[i + 1] if i + 1 < len(places) else 0
            self.write_desc(self.desc + 16 * places[i], desc, following)
        self.chains[places[0]] = places
        self.push(places[0])
        return places[0]

    def room(self):
        return len(self.free)

    def publish(self):
        self.avail_idx = self.next_avail

    def harvest(self):
        """Chains returned since the last call."""
        done = []
        while self.next_used != self.used_idx:
            used = self.used_at(self.next_used)
            self.next_used = (self.next_used + 1) & 0xFFFF
            self.free.extend(self.chains.pop(used.id, ()))
            self.forget(used.id)
            done.append(used)
        return done


class Packed(Ring):
    packed = True

    def __init__(self, memory, size, region=0):
        super().__init__(memory, size, region)
        self.desc = memory.alloc(16 * size, 4096, region)
        self.avail = memory.alloc(4, 4096, region)  # driver event suppression
        self.used = memory.alloc(4, 4096, region)   # device event suppression
        self.reset()

    def reset(self, base=0x8000):
        """Before the queue starts anew; like a driver, only from slot 0 (wrap 1): descriptors are all unavailable."""
        self.memory.write(self.desc, bytes(16 * self.size))
        self.memory.write(self.avail, bytes(4))
        self.memory.write(self.used, bytes(4))
        self.chains.clear()
        self.ids = deque(range(self.size))
        self.slots = self.size
        self.slot = self.used_slot = base & 0x7FFF
        self.wrap = self.used_wrap = bool(base & 0x8000)
        self.hidden = []  # heads written but for their flags

    def parts(self):
        return self.desc, self.avail, self.used

    def base(self):
        return self.used_slot | self.used_wrap << 15

    # ---- raw

    def write_desc(self, gpa, desc, _following):
        self._put_desc(gpa, desc, 0, desc.flags, last=True)

    def set_desc(self, slot, addr, length, ident=0, flags=0):
        self._put_desc(self.desc + 16 * slot, Desc(addr, length), ident, flags, last=True)

    def set_flags(self, slot, flags):
        self.memory.put("H", self.desc + 16 * slot + 14, flags)

    def desc_at(self, slot):
        at = self.desc + 16 * slot
        return (self.memory.get("Q", at), self.memory.get("I", at + 8), self.memory.get("H", at + 12),
                self.memory.get("H", at + 14))

    def available(self):
        """Flags that make a descriptor available in this round of the ring."""
        return AVAIL if self.wrap else USED

    def quiet(self, quiet):
        self.memory.put("H", self.avail + 2, 1 if quiet else 0)

    def set_event(self, value, flags=2):
        """off_wrap and flags of the driver's event suppression."""
        self.memory.put("H", self.avail, value & 0xFFFF)
        self.memory.put("H", self.avail + 2, flags)

    def step(self):
        self.slot += 1
        if self.slot == self.size:
            self.slot, self.wrap = 0, not self.wrap

    # ---- chains

    def chain(self, descs, ident=None):
        """These descriptors, exactly, in the next slots. Returns the buffer id."""
        if len(descs) > self.slots:
            raise BufferError("ring full")
        own = self.ids.popleft()
        ident = own if ident is None else ident
        for i, desc in enumerate(descs):
            flags = desc.flags | self.available()
            if i == 0:
                # flags of before: not available
                self.hidden.append((self.slot, flags))
                flags = self.desc_at(self.slot)[3]
            self._put_desc(self.desc + 16 * self.slot, desc, ident, flags, last=True)
            self.step()
        self.slots -= len(descs)
        self.chains[ident] = (own, len(descs))
        return ident

    def room(self):
        return self.slots

    def publish(self):
        for slot, flags in reversed(self.hidden):
            self.set_flags(slot, flags)
        self.hidden = []

    def harvest(self):
        done = []
        while self.chains:
            flags = self.desc_at(self.used_slot)[3]  # before what they speak of
            if bool(flags & AVAIL) != self.used_wrap or bool(flags & USED) != self.used_wrap:
                break
            _, length, ident, _ = self.desc_at(self.used_slot)
            assert ident in self.chains, f"chain {ident} returned, which is not with the device"
            own, slots = self.chains.pop(ident)
            self.ids.append(own)
            self.slots += slots
            self.used_slot += slots
            if self.used_slot >= self.size:
                self.used_slot, self.used_wrap = self.used_slot - self.size, not self.used_wrap
            self.forget(ident)
            done.append(Used(ident, length))
        return done
