"""`Held`: vectors of one beat, kept in the register behind the stream as long as they are read."""

from functools import cached_property

import numpy as np
from amaranth import Module, Signal

from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.timing import Counts, Inlet
from icepop.compiler.types import Beats
from icepop.hdl.sources.vector import VectorSource
from icepop.hdl.units.base import lone_registers, registered_cells


class Held(VectorSource):
    """A register that a beat is loaded into when it is taken for the first time.

    Parameters
    ----------
    beats : Beats
        Layout of the stream; each beat is a vector.
    repeats : int
        How often a beat is read.
    """

    def __init__(self, beats: Beats, repeats: int):
        super().__init__(beats, 1, repeats)

    @cached_property
    def inlet(self) -> Inlet:
        """Only the first reading of a beat needs a new one."""
        return Inlet(self.whole)

    @property
    def cycles(self) -> Counts:
        """Each step is a beat."""
        return np.ones(self.vectors * self.repeats, np.int64)

    @property
    def cost(self) -> Resources:
        """The register, its enable, and whether a new beat is due."""
        return lone_registers(self.beats.width) + registered_cells(2)

    def elaborate(self, platform: object) -> Module:
        """After the last reading a new beat is due."""
        m = Module()
        fresh = Signal(init=1)
        m.d.comb += [self.valid.eq(self.i.valid | ~fresh), self.i.ready.eq(self.take & fresh)]
        with m.If(self.take):
            m.d.sync += fresh.eq(self.last)
        with m.If(self.i.ready):
            m.d.sync += self.data.eq(self.i.payload)
        return m
