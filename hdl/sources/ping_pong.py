# amaranth: UnusedElaboratable=no
"""`PingPong`: vectors that wait in block memory until they are whole, and are then read several times."""

from functools import cached_property

import numpy as np
from amaranth import Cat, Module, Mux, Signal
from amaranth.utils import ceil_log2

from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.timing import Counts, Inlet
from icepop.compiler.types import Beats
from icepop.hdl.memory import Ram, memory_cost
from icepop.hdl.sources.vector import VectorSource


class PingPong(VectorSource):
    """Double buffer in EBR: one vector is written from the stream while the other is read.

    Parameters
    ----------
    beats : Beats
        Layout of the stream.
    depth : int
        Beats of a vector, at least two.
    repeats : int
        How often a vector is read.
    """

    def __init__(self, beats: Beats, depth: int, repeats: int):
        super().__init__(beats, depth, repeats)
        self.address_bits = ceil_log2(depth)

    @cached_property
    def inlet(self) -> Inlet:
        """A reading needs the whole vector; the last one frees it."""
        last = np.tile(np.arange(self.repeats) == self.repeats - 1, self.vectors)
        return Inlet(self.whole, 2 * self.depth, self.whole - np.where(last, 0, self.depth))

    @property
    def cycles(self) -> Counts:
        """Each step is a whole reading."""
        return np.full(self.vectors * self.repeats, self.depth)

    @property
    def cost(self) -> Resources:
        """EBR, the write counter and the two pointers."""
        counter = self.address_bits
        control = Resources(lut4=counter + 9, ff=counter + 4, carry=max(0, counter - 2), cells=counter + 9)
        return memory_cost(2 << counter, self.beats.width) + control

    def elaborate(self, platform: object) -> Module:
        """Flags tell whether one vector or two are whole; they are registers, as much hangs on them."""
        m = Module()
        m.submodules.ram = ram = Ram(self.beats.width, 2 << self.address_bits)
        written, read = Signal(), Signal()
        whole, both, comes, goes = Signal(), Signal(), Signal(), Signal()
        position = Signal(self.address_bits)
        m.d.comb += [
            self.valid.eq(whole),
            self.i.ready.eq(~both),
            comes.eq(self.i.valid & ~both & (position == self.depth - 1)),
            goes.eq(self.take & self.last),
            ram.write_address.eq(Cat(position, written)),
            ram.write_data.eq(self.i.payload),
            ram.write_en.eq(self.i.valid & self.i.ready),
            ram.address.eq(Cat(self.beat, read)),
            ram.en.eq(self.take),
            self.data.eq(ram.data),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += position.eq(Mux(comes, 0, position + 1))
        m.d.sync += [written.eq(written ^ comes), read.eq(read ^ goes)]
        with m.If(comes & ~goes):
            m.d.sync += [whole.eq(1), both.eq(whole)]
        with m.Elif(goes & ~comes):
            m.d.sync += [whole.eq(both), both.eq(0)]
        return m
