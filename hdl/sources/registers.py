"""`Registers`: small vectors that wait in flip-flops until they are whole, and are then read several times."""

from functools import cached_property

import numpy as np
from amaranth import Cat, Module, Mux, Signal
from amaranth.utils import ceil_log2

from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.timing import Counts, Inlet
from icepop.hdl.sources.vector import VectorSource
from icepop.hdl.units.base import counter_cells, lone_registers, registered_cells


class Registers(VectorSource):
    """Double buffer in flip-flops: one register is filled from the stream while the other one turns, a beat a cycle.

    The first beat taken of a vector moves it from one register to the other, so that the first can be filled again
    from the next cycle on.

    Parameters
    ----------
    beats : Beats
        Layout of the stream.
    depth : int
        Beats of a vector, at least two.
    repeats : int
        How often a vector is read.
    """

    @cached_property
    def inlet(self) -> Inlet:
        """The first beat of a vector's first reading needs the whole vector, and frees all of it."""
        ends = np.repeat(np.arange(1, self.vectors + 1) * self.depth, self.repeats + 1)
        return Inlet(ends, self.depth, ends)

    @property
    def cycles(self) -> Counts:
        """A step for the first beat of a vector, one for the rest of the first reading, one for each other."""
        return np.tile([1, self.depth - 1, *[self.depth] * (self.repeats - 1)], self.vectors)

    @property
    def cost(self) -> Resources:
        """Two cells a bit, the write counter and two flags."""
        bits = self.depth * self.beats.width
        return Resources.total(
            [lone_registers(bits), registered_cells(bits), counter_cells(self.depth), registered_cells(4)]
        )

    def elaborate(self, platform: object) -> Module:
        """What is taken goes to the end of the turning register, where it is seen."""
        m = Module()
        width = self.beats.width
        fill, turn = Signal(self.depth * width), Signal(self.depth * width)
        full, fresh = Signal(), Signal(init=1)
        position = Signal(ceil_log2(self.depth))
        m.d.comb += [
            self.valid.eq(full | ~fresh),
            self.i.ready.eq(~full),
            self.data.eq(turn[-width:]),
        ]
        with m.If(self.take):
            whole = Mux(fresh, fill, turn)
            m.d.sync += [turn.eq(Cat(whole[width:], whole[:width])), fresh.eq(self.last)]
            with m.If(fresh):
                m.d.sync += full.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [fill.eq(Cat(fill, self.i.payload)[width:]), position.eq(position + 1)]
            with m.If(position == self.depth - 1):
                m.d.sync += [position.eq(0), full.eq(1)]
        return m
