"""`Comparison`: whether a number reaches another one, a part of the carry chain a cycle."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.plan import Resources
from icepop.hdl.units.base import adder_cells, registered_cells

WHOLE = 11
"""Bits that are compared in one cycle."""


def comparison_latency(bits: int) -> int:
    """Cycles from two numbers to their comparison."""
    return 1 if bits <= WHOLE else 2


def comparison_cost(bits: int) -> Resources:
    """A carry a bit, twice so for the upper half of a wide number, which is compared both ways."""
    if comparison_latency(bits) == 1:
        return adder_cells(bits) + registered_cells(1)
    return adder_cells(bits + -(-bits // 2)) + registered_cells(4)


class Comparison(wiring.Component):
    """``o = a >= b`` of unsigned numbers, `comparison_latency` cycles later.

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

    def elaborate(self, platform: object) -> Module:
        """The upper half decides, the lower one where it is equal."""
        m = Module()
        if comparison_latency(self.bits) == 1:
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
