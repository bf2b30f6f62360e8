"""`Comparison`: whether a number reaches another one, a part of the carry chain a cycle."""

from functools import cached_property

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.plan import Resources
from icepop.hdl.units.base import adder_cells, registered_cells

WHOLE = 11
"""Bits that are compared in one cycle."""


class Comparison(wiring.Component):
    """``o = a >= b`` of unsigned numbers, `latency` cycles later.

    Parameters
    ----------
    bits : int
        Of each number; more than `WHOLE` are compared in two halves at once, whose results are joined a cycle later.

    Members
    -------
    a, b : In(bits)
    o : Out(1)
    """

    def __init__(self, bits: int):
        self.bits = bits
        super().__init__({"a": In(bits), "b": In(bits), "o": Out(1)})

    @property
    def latency(self) -> int:
        """Cycles from the numbers to the result."""
        return 1 if self.bits <= WHOLE else 2

    @cached_property
    def cost(self) -> Resources:
        """A carry a bit, twice so for the upper half, which is compared both ways."""
        if self.latency == 1:
            return adder_cells(self.bits) + registered_cells(1)
        return adder_cells(self.bits + -(-self.bits // 2)) + registered_cells(4)

    def elaborate(self, platform: object) -> Module:
        """The upper half decides, the lower one where it is equal."""
        m = Module()
        if self.latency == 1:
            m.d.sync += self.o.eq(self.a >= self.b)
            return m
        low = self.bits // 2
        above, reached, low_reached = Signal(), Signal(), Signal()
        m.d.sync += [
            above.eq(self.a[low:] > self.b[low:]),
            reached.eq(self.a[low:] >= self.b[low:]),
            low_reached.eq(self.a[:low] >= self.b[:low]),
            self.o.eq(above | (reached & low_reached)),
        ]
        return m
