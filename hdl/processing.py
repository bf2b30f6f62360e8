# amaranth: UnusedElaboratable=no
"""`ProcessingElement`: one row at a time, a beat of it a cycle."""

from functools import cached_property

from amaranth import Cat, Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from icepop.compiler.plan import Resources
from icepop.hdl.bit_sum import PITCH, BitSum
from icepop.hdl.products.base import Product
from icepop.hdl.units.base import adder_cells


class ProcessingElement(wiring.Component):
    """Product, sum, and an accumulator where a row takes several beats or begins with a number.

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
        Whether rows begin with a number.
    shift : int
        Exponent of what a sum counts in the accumulator.
    padded : bool
        Whether beats may be padding.
    pitch : int
        Bits that are summed between two registers; 0 is the sum's own.

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
        That beat is the row's first.
    start : In(bits)
        What the row begins with.
    o : Out(bits)
        The result so far, `latency` cycles after the beat.
    """

    def __init__(
        self,
        product: Product,
        width: int,
        bits: int,
        *,
        several: bool = True,
        starts: bool = False,
        shift: int = 0,
        padded: bool = False,
        pitch: int = 0,
    ):
        self.product, self.bits = product, bits
        self.several, self.starts, self.shift, self.padded = several, starts, shift, padded
        self.sum = BitSum(product.shifts, pitch or PITCH)
        super().__init__(
            {
                "word": In(product.bits),
                "x": In(width),
                "inside": In(1),
                "summed": In(1),
                "first": In(1),
                "start": In(bits),
                "o": Out(bits),
            }
        )

    @property
    def accumulates(self) -> bool:
        """Whether there is an accumulator."""
        return self.several or self.starts

    @property
    def latency(self) -> int:
        """Cycles from a word and its beat to the result: product, sum, and the accumulator."""
        return self.product.latency + self.sum.latency + self.accumulates

    @cached_property
    def cost(self) -> Resources:
        """Sum and accumulator, and the choice of what is added to; what a product costs depends on its weights."""
        parts = [self.sum.cost]
        if self.accumulates:
            parts.append(adder_cells(self.bits))
        if self.starts and self.several:
            parts.append(Resources(lut4=self.bits, cells=self.bits))
        return Resources.total(parts)

    def elaborate(self, platform: object) -> Module:
        """Product, sum, accumulator."""
        m = Module()
        m.submodules.sum = self.sum
        terms = self.product.terms(m, self.word, self.x, self.inside if self.padded else None)
        m.d.comb += self.sum.i.eq(Cat(terms))
        added = Cat(Const(0, self.shift), self.sum.o)
        if not self.accumulates:
            m.d.comb += self.o.eq(added)
            return m
        with m.If(self.summed):
            if self.starts:
                m.d.sync += self.o.eq((Mux(self.first, self.start, self.o) if self.several else self.start) + added)
            else:
                # the choice shares a cell with the adder, which it would not do in front of it
                m.d.sync += self.o.eq(Mux(self.first, added, self.o + added))
        return m
