# amaranth: UnusedElaboratable=no
"""`AffineScores`: scores made comparable by a multiplier and an offset for each class."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from amaranth import Cat, Module, Value

from icepop.compiler.ops.scores import Scores
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.hdl.arithmetic.comparator import ordinal, origin
from icepop.hdl.arithmetic.multiply_add import MultiplyAdd
from icepop.hdl.channelwise import ChannelUnit, Parameters, joined
from icepop.hdl.pipeline import behind
from icepop.hdl.units.base import parallelisms

MOST_LANES = 4
"""Most lanes that are planned."""


class AffineScores(ChannelUnit):
    """``y[c] = multiplier[c] * x[c] + offset[c]``.

    Parameters
    ----------
    span : Span
        `Scores` of a vector whose elements it takes in order.
    folding : Folding
        ``pe`` lanes in and out.

    Notes
    -----
    A cycle for the partial products, unless all multipliers are the same, and one for each level of their sum. Sums of
    more than 40 bits, which scores of very different scales need, are slower than 48 MHz on UP5K.
    """

    def __init__(self, span: Span, folding: Folding):
        (op,) = span.ops
        if not isinstance(op, Scores):
            raise TypeError(f"AffineScores takes Scores, not a {type(op).__name__}")
        super().__init__(span, folding)
        self.op = op
        self.multiply = self._datapath()

    @staticmethod
    def matches(span: Span) -> int:
        """Scores that take each element of a vector once and in order."""
        first = span.ops[0]
        if not isinstance(first, Scores) or span.input.length != span.input.shape[0]:
            return 0
        return int(np.array_equal(first.source, np.arange(span.input.length)))

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """A few lanes."""
        for pe in parallelisms(span.input.length):
            if pe <= MOST_LANES:
                yield Folding(pe, pe)

    def _datapath(self) -> MultiplyAdd:
        """Multiplier for ordinals; a lane that pads the last beat gives 0, as it is given the code 0."""
        domain, op = self.input.domain, self.op
        multipliers = [int(m) * domain.step for m in op.multiplier]
        addends = [int(b) + int(m) * origin(domain) for m, b in zip(op.multiplier, op.offset, strict=True)]
        idle = self.input.count * self.folding.pe - len(multipliers)
        unmoved = int(op.multiplier[-1]) * origin(domain) if domain.step == 1 else 0
        multipliers, addends = multipliers + multipliers[-1:] * idle, addends + [unmoved] * idle
        return MultiplyAdd(domain.bits, multipliers, addends, self.output.domain.bits)

    @property
    def delay(self) -> int:
        """Multiplication; a register where there is none."""
        return max(1, self.multiply.delay)

    @cached_property
    def parameters(self) -> Parameters:
        """Words of the multipliers."""
        bits = self.multiply.word_bits
        return Parameters(bits * self.folding.pe, joined(self.multiply.words, bits, self.folding.pe))

    @property
    def lanes_cost(self) -> Resources:
        """Multipliers."""
        return self.multiply.cost(self.folding.pe)

    def compute(self, m: Module, x: Value, parameters: Parameters) -> Value:
        """All lanes."""
        scores: list[Value] = []
        for k in range(self.folding.pe):
            m.submodules[f"multiply_{k}"] = multiply = self._datapath()
            m.d.comb += [
                multiply.x.eq(ordinal(x.word_select(k, multiply.width), self.input.domain)),
                multiply.word.eq(parameters.word.word_select(k, multiply.word_bits)),
            ]
            score: Value = multiply.o
            if multiply.delay == 0:
                (score,) = behind(m, score)
            scores.append(score)
        return Cat(scores)
