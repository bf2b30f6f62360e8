# amaranth: UnusedElaboratable=no
"""FIFOs of beats: `ShiftFifo` in flip-flops, `RamFifo` in EBR. Both offer a beat two cycles after it was written."""

from abc import abstractmethod
from functools import cached_property

from amaranth import Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from icepop.compiler.planner.plan import Resources
from icepop.hdl.memory import CELLS_PER_EBR, Ram
from icepop.hdl.units.base import adder_cells, counter_cells, registered_cells

LATENCY = 2
"""Cycles from a beat's being written to its being offered: what an EBR needs to be written, then read."""


class Fifo(wiring.Component):
    """Queue of ``depth`` beats; a place is free from the cycle after its beat was transferred.

    Parameters
    ----------
    width : int
        Bits of a beat.
    depth : int
        Places.

    Members
    -------
    full : Out(1)
        There is no place.
    write : In(1)
        Put ``data`` into a place; only while not ``full``.
    data : In(width)
        The beat.
    o : Out(stream.Signature(unsigned(width)))
        Beats in the order in which they were written, each `LATENCY` cycles after that or later.
    """

    def __init__(self, width: int, depth: int):
        self.width, self.depth = width, depth
        super().__init__(
            {
                "full": Out(1),
                "write": In(1),
                "data": In(width),
                "o": Out(stream.Signature(unsigned(width))),
            }
        )

    @property
    @abstractmethod
    def cost(self) -> Resources:
        """Estimated resources; EBR exactly."""


class ShiftFifo(Fifo):
    """A FIFO in flip-flops: the oldest beat stands at place 0, and all move down when it is taken."""

    @cached_property
    def cost(self) -> Resources:
        """A cell a bit and place, the flags of the places with their enables, and valid."""
        control = registered_cells(3 * self.depth + 2)
        return registered_cells(self.width * self.depth) + control

    def elaborate(self, platform: object) -> Module:
        """Places that hold nothing follow the input, so that a beat is there once its place counts as used."""
        m = Module()
        used = Signal(self.depth)
        places = [Signal(self.width, name=f"place_{k}") for k in range(self.depth)]
        taken = Signal()
        m.d.comb += [
            taken.eq(self.o.valid & self.o.ready),
            self.o.payload.eq(places[0]),
            self.full.eq(used[-1]),
        ]
        m.d.sync += self.o.valid.eq((used[1] if self.depth > 1 else 0) | (used[0] & ~taken))
        for k, place in enumerate(places):
            below: Value | int = used[k - 1] if k else 1
            above: Value | int = used[k + 1] if k + 1 < self.depth else 0
            with m.If(taken & ~self.write):
                m.d.sync += used[k].eq(above)
            with m.Elif(self.write & ~taken):
                m.d.sync += used[k].eq(below)
            with m.If(taken | ~used[k]):
                m.d.sync += place.eq(Mux(above, places[k + 1], self.data) if k + 1 < self.depth else self.data)
        return m


class RamFifo(Fifo):
    """A FIFO in EBR, whose read register holds the beat that is offered; at least 3 places.

    That beat leaves its address free, so that the memory never holds ``depth`` unread beats: its two addresses are
    equal exactly when there is none.
    """

    def __init__(self, width: int, depth: int):
        super().__init__(width, depth)
        self.ram = Ram(width, depth)

    @cached_property
    def cost(self) -> Resources:
        """EBR, two addresses that wrap, the number of beats, a comparison of the addresses, and flags."""
        bits = ceil_log2(self.depth)
        address = adder_cells(bits) if self.depth == 1 << bits else counter_cells(self.depth)
        compare = Resources(lut4=bits + 12, ff=2, cells=bits + 12)
        return Resources.total([self.ram.cost, address * 2, adder_cells(bits + 1), compare])

    def elaborate(self, platform: object) -> Module:
        """Fetch the next beat whenever the one offered goes or there is none."""
        m = Module()
        m.submodules.ram = ram = self.ram
        count, taken, fetch = Signal(range(self.depth + 1)), Signal(), Signal()
        m.d.comb += [
            taken.eq(self.o.valid & self.o.ready),
            fetch.eq(ram.write_address != ram.address),
            ram.write_en.eq(self.write),
            ram.write_data.eq(self.data),
            ram.en.eq(~self.o.valid | self.o.ready),
            self.o.payload.eq(ram.data),
        ]
        written, read = Signal(range(self.depth)), Signal(range(self.depth))
        m.d.comb += [ram.write_address.eq(written), ram.address.eq(read)]
        with m.If(self.write):
            m.d.sync += written.eq(following(written, self.depth))
        with m.If(ram.en):
            m.d.sync += self.o.valid.eq(fetch)
            with m.If(fetch):
                m.d.sync += read.eq(following(read, self.depth))
        with m.If(self.write != taken):
            m.d.sync += [
                count.eq(count + Mux(taken, -1, 1)),
                self.full.eq(self.write & (count == self.depth - 1)),
            ]
        return m


def following(address: Signal, depth: int) -> Value:
    """The next address of a ring."""
    return address + 1 if depth == 1 << len(address) else Mux(address == depth - 1, 0, address + 1)


def fifo(width: int, depth: int) -> Fifo:
    """The FIFO that takes less, with an EBR weighed as synthesis does."""
    shift = ShiftFifo(width, depth)
    if depth < 3:
        return shift
    ram = RamFifo(width, depth)
    return ram if ram.cost.cells + CELLS_PER_EBR * ram.cost.ebr < shift.cost.cells else shift
