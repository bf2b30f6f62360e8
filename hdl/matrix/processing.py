# amaranth: UnusedElaboratable=no
"""`ProcessingElement`: one row at a time, a beat of it a cycle, or some rows in turn."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.planner.plan import Resources
from icepop.hdl.arithmetic.bit_sum import PITCH, BitSum
from icepop.hdl.products.base import Product
from icepop.hdl.units.base import adder_cells, look_ups, registered_cells


@dataclass(frozen=True, eq=False)
class Row:
    """How a row is computed.

    Parameters
    ----------
    product : Product
        Weights times activations.
    width : int
        Bits of a beat of activations.
    bits : int
        Bits of the result, modulo which it is counted.
    several : bool
        Whether a row takes several beats.
    starts : bool
        Whether a row begins with a number.
    shift : int
        Exponent of what a sum counts in the result.
    pitch : int
        Bits that are summed between two registers; 0 is the sum's own.
    turns : int
        Rows that take turns, a beat each, all of which start from 0.
    """

    product: Product
    width: int
    bits: int
    several: bool
    starts: bool = False
    shift: int = 0
    pitch: int = 0
    turns: int = 1

    @property
    def accumulates(self) -> bool:
        """Whether there is an accumulator."""
        return self.several or self.starts

    @property
    def latency(self) -> int:
        """Cycles from a word and its beat to the result: product, sum, and the accumulator."""
        latency, _ = known_sum(self.product.shifts, self.pitch or PITCH)
        return self.product.latency + latency + self.accumulates

    @property
    def cost(self) -> Resources:
        """Accumulator, and the choice of what is added to; what products and their sum cost depends on the weights.

        Bits below what a sum counts never change, and synthesis sees it.
        """
        parts, bits = [], self.bits - self.shift
        if self.accumulates:
            parts += [adder_cells(bits), registered_cells((self.turns - 1) * bits)]
        if self.starts and self.several:
            parts.append(look_ups(bits))
        return Resources.total(parts)


@cache
def known_sum(shifts: tuple[int, ...], pitch: int) -> tuple[int, Resources]:
    """Latency and cost of a sum of bits."""
    adder = BitSum(shifts, pitch)
    return adder.latency, adder.cost


class ProcessingElement(wiring.Component):
    """Product, sum, and an accumulator where a row takes several beats or begins with a number.

    Parameters
    ----------
    row : Row
        What it computes.

    Members
    -------
    word : In(product.bits)
        Weights.
    x : In(width)
        A beat.
    inside : In(1)
        Whether the beat is no padding.
    summed : In(1)
        The sum of a beat is there.
    first : In(1)
        That beat is the row's first; of rows that take turns, the sum before it was its row's last.
    start : In(bits)
        What the row begins with.
    o : Out(bits)
        The result so far, `Row.latency` cycles after the beat.
    """

    def __init__(self, row: Row):
        self.row = row
        super().__init__(
            {
                "word": In(row.product.bits),
                "x": In(row.width),
                "inside": In(1),
                "summed": In(1),
                "first": In(1),
                "start": In(row.bits),
                "o": Out(row.bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Product, sum, accumulator."""
        m = Module()
        row, product = self.row, self.row.product
        m.submodules.sum = adder = BitSum(product.shifts, row.pitch or PITCH)
        terms = product.terms(m, self.word, self.x, self.inside if product.operands.padded else None)
        m.d.comb += adder.i.eq(Cat(terms))
        added = Cat(Const(0, row.shift), adder.o)
        if not row.accumulates:
            m.d.comb += self.o.eq(added)
            return m
        with m.If(self.summed):
            if row.turns > 1:
                # the other rows' sums go round until it is their turn again; one that is whole comes back as 0
                others = [Signal(row.bits, name=f"other_{k}") for k in range(row.turns - 1)]
                m.d.sync += [later.eq(before) for before, later in pairwise([Mux(self.first, 0, self.o), *others])]
                m.d.sync += self.o.eq(others[-1] + added)
            elif row.starts:
                m.d.sync += self.o.eq((Mux(self.first, self.start, self.o) if row.several else self.start) + added)
            else:
                # the choice shares a cell with the adder, which it would not do in front of it
                m.d.sync += self.o.eq(Mux(self.first, added, self.o + added))
        return m
