"""`Direct`: beats that are read once, straight from the stream."""

from functools import cached_property

import numpy as np
from amaranth import Module

from icepop.compiler.planner.plan import Resources
from icepop.compiler.planner.timing import Counts, Inlet
from icepop.compiler.types import Beats
from icepop.hdl.sources.vector import VectorSource
from icepop.hdl.units.base import lone_registers


class Direct(VectorSource):
    """A register behind the stream; there is nothing to wait in.

    Parameters
    ----------
    beats : Beats
        Layout of the stream.
    """

    def __init__(self, beats: Beats):
        super().__init__(beats, beats.count, 1)

    @cached_property
    def inlet(self) -> Inlet:
        """A beat a step."""
        return Inlet(np.arange(1, self.beats.count + 1))

    @property
    def cycles(self) -> Counts:
        """Each step is a beat."""
        return np.ones(self.beats.count, np.int64)

    @property
    def cost(self) -> Resources:
        """The register."""
        return lone_registers(self.beats.width)

    def elaborate(self, platform: object) -> Module:
        """Hand the stream's handshake through."""
        m = Module()
        m.d.comb += [self.valid.eq(self.i.valid), self.i.ready.eq(self.take)]
        with m.If(self.take):
            m.d.sync += self.data.eq(self.i.payload)
        return m
