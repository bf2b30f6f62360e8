"""`BitSource`: the bits that voters read, as they come or as comparisons of integers with constants."""

import numpy as np
from amaranth import Const, Module, Signal, Value
from numpy.typing import NDArray

from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.lut_vote import BITS, LutVote
from icepop.compiler.planner.plan import Resources, Span
from icepop.compiler.types import Beats


class BitSource:
    """Where each bit comes from: an element of the input, and the level that it has to reach.

    Parameters
    ----------
    span : Span
        A `LutVote`, or an `Encode` of integers and a `LutVote`.

    Attributes
    ----------
    length : int
        Elements of the input.
    domain : Domain
        Their values.
    element : int64 array (B,)
        Which element each bit reads.
    level : int64 array (B,)
        Number of the level that the element has to reach.
    levels : tuple of int
        Different levels, ascending, as the numbers that a stream carries.
    """

    def __init__(self, span: Span):
        ops = span.ops
        self.length, self.domain = span.input.length, span.input.integers
        self.encoded = isinstance(ops[0], Encode)
        if isinstance(ops[0], Encode):
            self.element = ops[0].source
            cuts = ops[0].thresholds[:, 0].clip(self.domain.lo, self.domain.hi + 1) - self.domain.lo
        else:
            self.element = np.arange(self.length)
            cuts = np.ones(self.length, np.int64)
        found, level = np.unique(cuts, return_inverse=True)
        self.levels: tuple[int, ...] = tuple(found.tolist())
        self.level: NDArray[np.int64] = level

    @staticmethod
    def matches(span: Span) -> int:
        """How many of a span's first ops are votes and the ops around them: an encoder of integers, and an argmax.

        The stream must bring elements in the order in which they are counted: of a map, the only channel.
        """
        ops, first = span.ops, span.ops[0]
        if not isinstance(first, Encode | LutVote) or (len(span.input.shape) > 1 and span.input.shape[0] > 1):
            return 0
        if isinstance(first, Encode):
            source = span.input.domain
            if source is None or source.step > 1 or first.domain not in BITS or len(ops) < 3:
                return 0
            return 3 if isinstance(ops[1], LutVote) and isinstance(ops[2], ArgMax) else 0
        return 2 if len(ops) > 1 and isinstance(first, LutVote) and isinstance(ops[1], ArgMax) else 0

    def beats(self, lanes: int) -> Beats:
        """Layout of the input's stream."""
        return Beats(self.domain, self.length, lanes)

    def reached(self, m: Module, value: Value, level: int) -> Value:
        """Whether an element, as a stream carries it, reaches a level.

        From the lowest bit up, a constant's 1 needs a 1, and its 0 is passed by a 1: one more input of a look-up table
        a bit, where an adder would take a cell a bit. Zeros at the end of the constant take none.
        """
        cut = self.levels[level]
        if not self.encoded:
            return value
        if cut >> len(value):
            return Const(0, 1)
        # a negative number's highest bit is set, although it is below all others
        bits = [bit ^ (self.domain.signed and place == len(value) - 1) for place, bit in enumerate(value)]
        result: Value = Const(1, 1)
        for place, bit in enumerate(bits):
            result = (bit & result) if cut >> place & 1 else (bit | result)
        bit = Signal()
        m.d.comb += bit.eq(result)
        return bit

    def cost(self, level: int) -> Resources:
        """Look-up tables of one comparison."""
        cut = self.levels[level]
        if not self.encoded or cut == 0 or cut >> self.domain.bits:
            return Resources()
        inputs = self.domain.bits - ((cut & -cut).bit_length() - 1)
        tables = -(-(inputs - 1) // 3)
        return Resources(lut4=tables, cells=tables)
