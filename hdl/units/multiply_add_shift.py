# amaranth: UnusedElaboratable=no
"""`MultiplyAddShift`: many levels by one multiplication."""

from collections.abc import Iterator
from functools import cached_property, lru_cache

import numpy as np
from amaranth import Cat, Module, Mux, Signal, Value

from icepop.compiler import requantize
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.types import Domain
from icepop.hdl.arithmetic.comparator import ordinal, origin
from icepop.hdl.arithmetic.multiply_add import MultiplyAdd
from icepop.hdl.channelwise import ChannelUnit, Parameters, joined
from icepop.hdl.levels import check_padding, code_cost, code_of, lane_counts, level_bits
from icepop.hdl.units.base import adder_cells, registered_cells

FEWEST = 7
"""Fewest thresholds that are worth a multiplier."""

MOST_LANES = 4
"""Most lanes that are planned."""

MULTIPLIER_BITS = 20
"""Bits of the largest multiplier that is looked for."""


@lru_cache(maxsize=256)
def requantized(op: Threshold, source: Domain) -> requantize.MultiplyAddShift | None:
    """Multiplier, addend and shift of an op; kept, because every folding asks for them."""
    return requantize.multiply_add_shift(op, source, MULTIPLIER_BITS, ties=True)


class MultiplyAddShift(ChannelUnit):
    """Levels of elements as ``clip((x * multiplier + addend) >> shift)`` with constants that make it exact.

    Parameters
    ----------
    span : Span
        A `Threshold` of at least eight levels for which there are such constants.
    folding : Folding
        ``pe`` lanes in and out.

    Notes
    -----
    A cycle each for the partial products, every level of their sum, and clipping; one more where ties are rounded to
    even or odd levels.
    """

    def __init__(self, span: Span, folding: Folding):
        (op,) = span.ops
        found = requantized(op, span.input.integers) if isinstance(op, Threshold) else None
        if found is None:
            raise TypeError(f"MultiplyAddShift takes a Threshold that is one, not '{span.name}'")
        check_padding(span, folding)
        super().__init__(span, folding)
        self.found, self.level_bits = found, level_bits(self.output.domain)
        self.multiply = self._datapath()

    @staticmethod
    def matches(span: Span) -> int:
        """A Threshold of many levels that are almost evenly spaced."""
        first = span.ops[0]
        many = isinstance(first, Threshold) and first.thresholds.shape[1] >= FEWEST
        return int(many and isinstance(first, Threshold) and requantized(first, span.input.integers) is not None)

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """A few lanes."""
        for pe in lane_counts(span):
            if pe <= MOST_LANES:
                yield Folding(pe, pe)

    @cached_property
    def _constants(self) -> tuple[list[int], list[int]]:
        """Multiplier and addend of each lane for ordinals; lanes that pad a beat have the level whose code is 0."""
        domain, target = self.input.domain, self.output.domain
        multipliers = [int(m) * domain.step for m in self.found.multiplier]
        addends = [
            int(b) + int(m) * origin(domain) for m, b in zip(self.found.multiplier, self.found.addend, strict=True)
        ]
        idle = self.input.pixel_beats * self.folding.pe - len(multipliers)
        level = 0 if target.step > 1 else -target.lo
        return multipliers + [0] * idle, addends + [level << self.found.shift] * idle

    def _datapath(self) -> MultiplyAdd:
        """Multiplier wide enough for every sum, and for levels from 0 to what `level_bits` hold."""
        multipliers, addends = self._constants
        domain = self.input.domain
        ends = [(end - origin(domain)) // domain.step for end in (domain.lo, domain.hi)]
        sums = [m * end + b for m, b in zip(multipliers, addends, strict=True) for end in ends]
        largest = max(max(sums) + 1, (1 << (self.found.shift + self.level_bits)) - 1, ~min(sums))
        return MultiplyAdd(domain.bits, multipliers, addends, largest.bit_length() + 1)

    @property
    def delay(self) -> int:
        """Multiplication, ties, clipping."""
        return self.multiply.delay + (0 if self.found.ties is None else 1) + 1

    @cached_property
    def parameters(self) -> Parameters:
        """Words of the multipliers."""
        bits = self.multiply.word_bits
        return Parameters(bits * self.folding.pe, joined(self.multiply.words, bits, self.folding.pe))

    @cached_property
    def lanes_cost(self) -> Resources:
        """Multipliers; each with the test for what lies outside, and a look-up table for a bit of the code."""
        bits, domain, pe = self.multiply.bits - self.found.shift, self.output.domain, self.folding.pe
        odd = domain.size & (domain.size - 1) > 0
        outside = -(-(bits - self.level_bits - 1) // 3) + odd * (self.level_bits if self.level_bits > 4 else 1)
        parts = [Resources(lut4=outside, cells=outside), registered_cells(domain.bits), code_cost(domain)]
        if self.found.ties is not None:
            parts += [adder_cells(bits), registered_cells(-(-self.found.shift // 3))]
        return Resources.total(parts) * pe + self.multiply.cost(pe)

    def compute(self, m: Module, x: Value, parameters: Parameters) -> Value:
        """All lanes."""
        bits, width = self.input.domain.bits, self.multiply.word_bits
        return Cat(
            self._lane(m, k, x.word_select(k, bits), parameters.word.word_select(k, width))
            for k in range(self.folding.pe)
        )

    def _lane(self, m: Module, k: int, x: Value, word: Value) -> Value:
        """Code of one element."""
        m.submodules[f"multiply_{k}"] = multiply = self._datapath()
        m.d.comb += [multiply.x.eq(ordinal(x, self.input.domain)), multiply.word.eq(word)]
        level = self._tied(m, multiply.o)
        domain, count = self.output.domain, self.level_bits
        inside = level[:count]
        below, above = level[-1], level[count:].any() | (inside > domain.size - 1)
        first, last = domain.encode(np.array([domain.lo, domain.hi])).tolist()
        code = Signal(domain.bits)
        m.d.sync += code.eq(Mux(below, first, Mux(above, last, code_of(inside, domain))))
        return code

    def _tied(self, m: Module, total: Value) -> Value:
        """Level before it is clipped: the sum without its low bits, one more for a tie that goes up."""
        shift, ties = self.found.shift, self.found.ties
        if ties is None:
            return total[shift:]
        up = total[shift] != ties
        if shift:
            up &= total[:shift].all()
        level = Signal(len(total) - shift)
        m.d.sync += level.eq(total[shift:] + up)
        return level
