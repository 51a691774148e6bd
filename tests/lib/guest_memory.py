# SPDX-License-Identifier: BSD-3-Clause
"""A guest's memory: regions of memfds, addressed as the guest does, and a small allocator in each."""

import ctypes
import mmap
import os
import struct

PAGE = 4096
MIB = 1 << 20
NUMBERS = {"B": ctypes.c_uint8, "H": ctypes.c_uint16, "I": ctypes.c_uint32, "Q": ctypes.c_uint64}
UVA = 0x7F00_0000_0000  # where the front-end pretends to have mapped the guest's address 0


def round_up(value, unit):
    return -(-value // unit) * unit


class Region:
    """[gpa, gpa + size) of guest memory, `offset` bytes into a file of its own, or into one that is given."""

    def __init__(self, size=16 * MIB, gpa=MIB, uva=None, offset=0, fd=None):
        self.size, self.gpa, self.offset = size, gpa, offset
        self.uva = UVA + gpa if uva is None else uva
        if fd is None:
            self.fd = os.memfd_create("heddle-test-guest")
            os.ftruncate(self.fd, round_up(offset + size, PAGE))
        else:
            self.fd = os.dup(fd)
        self.map = mmap.mmap(self.fd, os.fstat(self.fd).st_size)  # all of it, beyond the region too
        self.top = gpa  # what the allocator has given out ends here
        self.free = {}  # size class -> addresses

    @property
    def end(self):
        return self.gpa + self.size

    def wire(self):
        """As SET_MEM_TABLE and ADD_MEM_REG have it."""
        return struct.pack("=4Q", self.gpa, self.size, self.uva, self.offset)

    def close(self):
        if self.fd >= 0:
            self.map.close()
            os.close(self.fd)
            self.fd = -1


class Memory:
    """Regions, by default one of 16 MiB. Accesses stay inside one region."""

    def __init__(self, *regions):
        self.regions = list(regions) or [Region()]
        self.sizes = {}

    def region(self, gpa, length=1):
        for region in self.regions:
            if region.gpa <= gpa and gpa + length <= region.end:
                return region
        raise ValueError(f"{gpa:#x}, {length} bytes: not in one region")

    def at(self, gpa, length=1):
        """(mapping, offset in it) of bytes of the guest."""
        region = self.region(gpa, length)
        return region.map, region.offset + gpa - region.gpa

    def uva(self, gpa):
        region = self.region(gpa)
        return region.uva + gpa - region.gpa

    # ---- access

    def read(self, gpa, length):
        where, at = self.at(gpa, max(length, 1))
        return where[at:at + length]

    def write(self, gpa, data):
        where, at = self.at(gpa, max(len(data), 1))
        where[at:at + len(data)] = bytes(data)

    # A number is read and written in one access, as rings need it; struct.pack_into writes zeros first.

    def number(self, kind, gpa):
        """In place: kind is one of struct's B H I Q."""
        where, at = self.at(gpa, ctypes.sizeof(NUMBERS[kind]))
        return NUMBERS[kind].from_buffer(where, at)

    def get(self, kind, gpa):
        return self.number(kind, gpa).value

    def put(self, kind, gpa, value):
        self.number(kind, gpa).value = value

    # ---- an allocator: classes of powers of two, never merged

    def alloc(self, size, align=64, region=0):
        """The guest's address of `size` bytes, aligned as asked up to a page."""
        room = 1 << max(size - 1, align - 1, 63).bit_length()
        owner = self.regions[region]
        free = owner.free.setdefault(room, [])
        if free:
            gpa = free.pop()
        else:
            gpa = round_up(owner.top, min(room, PAGE))
            if gpa + room > owner.end:
                raise MemoryError(f"no {size} bytes left in region {region}")
            owner.top = gpa + room
        self.sizes[gpa] = (owner, room)
        return gpa

    def release(self, gpa):
        owner, room = self.sizes.pop(gpa)
        owner.free[room].append(gpa)

    def close(self):
        for region in self.regions:
            region.close()
