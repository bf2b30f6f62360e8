# amaranth: UnusedElaboratable=no
"""`ThresholdCompare`: few levels, every threshold by a comparator of its own."""

from collections.abc import Iterator
from functools import cached_property, reduce
from operator import xor

import numpy as np
from amaranth import Cat, Const, Module, Mux, Signal, Value

from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.types import IntArray, pack_words
from icepop.hdl.arithmetic.comparator import (
    BEYOND,
    compare_cost,
    cuts,
    delay,
    idle_bits,
    ordinal,
    ordinal_bits,
    reaches,
)
from icepop.hdl.channelwise import ChannelUnit, Parameters
from icepop.hdl.levels import check_padding, lane_counts
from icepop.hdl.memory import LUT_DEPTH
from icepop.hdl.pipeline import behind
from icepop.hdl.units.base import lone_registers, registered_cells

MOST = 15
"""Most thresholds that are compared at once."""


class ThresholdCompare(ChannelUnit):
    """Levels of elements by comparing each with all its channel's thresholds at once.

    The comparisons of ascending thresholds are a thermometer code; a bit of the result toggles at those thresholds
    where the level's code does, so it is the parity of their comparisons.

    Parameters
    ----------
    span : Span
        A `Threshold` of at most 16 levels.
    folding : Folding
        ``pe`` lanes in and out.

    Notes
    -----
    One cycle for the comparison, one more where it has more than 16 bits, and one for the code where there are more
    than two levels.
    """

    def __init__(self, span: Span, folding: Folding):
        (op,) = span.ops
        if not isinstance(op, Threshold):
            raise TypeError(f"ThresholdCompare takes a Threshold, not a {type(op).__name__}")
        check_padding(span, folding)
        super().__init__(span, folding)
        self.op = op
        self.bits = ordinal_bits(self.input.domain)
        self.mixed = len(np.unique(op.sign)) > 1
        thresholds, self.sign = padded_thresholds(op, self.input.pixel_beats * folding.pe)
        self.cuts = cuts(thresholds, self.sign, self.input.domain)

    @staticmethod
    def matches(span: Span) -> int:
        """A Threshold of few levels."""
        first = span.ops[0]
        return int(isinstance(first, Threshold) and first.thresholds.shape[1] <= MOST)

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """Every sensible number of lanes."""
        for pe in lane_counts(span):
            yield Folding(pe, pe)

    @property
    def levels(self) -> list[int]:
        """Code of each level."""
        domain = self.output.domain
        return domain.encode(np.arange(domain.lo, domain.hi + 1, domain.step)).tolist()

    @property
    def delay(self) -> int:
        """Comparison and code."""
        return 1 + delay(self.bits) + (len(self.levels) > 2)

    @cached_property
    def parameters(self) -> Parameters:
        """Complements of a lane's cuts, then whether its channel falls where some do."""
        falls = (self.sign < 0).astype(np.int64)[:, None][:, : self.mixed]
        planes = (~self.cuts[:, :, None] >> np.arange(self.bits) & 1).reshape(len(self.cuts), -1)
        lanes = np.concatenate([planes, falls], axis=1)
        return Parameters(self.folding.pe * lanes.shape[1], pack_words(lanes.reshape(self.input.pixel_beats, -1), 1))

    @cached_property
    def lanes_cost(self) -> Resources:
        """A comparator and a register for each threshold, and parities."""
        count, pe = len(self.levels) - 1, self.folding.pe
        chains = self._chains
        idle = sum(idle_bits(cut, self.bits) for cut in chains)
        compared = (compare_cost(self.bits) + registered_cells(1)) * len(chains) + Resources(carry=-idle, cells=-idle)
        if count == 1:
            return compared + lone_registers(pe)
        gates = sum(-(-(len(places) - 1) // 3) for places in self._toggles)
        return compared + registered_cells(gates * pe)

    @property
    def _chains(self) -> list[int]:
        """A number for each carry chain: low bits that are 0 are so in all words, and it begins behind them.

        Synthesis sees into constants in look-up tables: of a lane those that are the same in all words share a chain.
        """
        words = self.cuts.reshape(-1, self.folding.pe, self.cuts.shape[1])
        if self.folding.spacing or len(words) > LUT_DEPTH:
            return [1] * words[0].size
        steady = (words == words[0]).all(axis=0)
        shared = [cut for lane, same in zip(words[0], steady, strict=True) for cut in np.unique(lane[same]).tolist()]
        return [*shared, *np.bitwise_or.reduce(words[:, ~steady], axis=0).tolist()]

    @property
    def _toggles(self) -> list[list[int]]:
        """Thresholds at which each bit of the code changes."""
        levels = self.levels
        bits = range(self.output.domain.bits)
        return [[k for k in range(len(levels) - 1) if (levels[k] ^ levels[k + 1]) >> bit & 1] for bit in bits]

    def compute(self, m: Module, x: Value, parameters: Parameters) -> Value:
        """All lanes."""
        bits, pe = self.input.domain.bits, self.folding.pe
        return Cat(
            self._lane(m, x.word_select(k, bits), parameters.word.word_select(k, len(parameters.word) // pe))
            for k in range(pe)
        )

    def _lane(self, m: Module, x: Value, word: Value) -> Value:
        """Code of one element."""
        value, count = ordinal(x, self.input.domain), len(self.levels) - 1
        falls: Value = word[-1] if self.mixed else Const(int(self.op.sign[0] < 0), 1)
        if self.mixed and delay(self.bits):
            (falls,) = behind(m, falls)
        compared = [reaches(m, value, word.word_select(k, self.bits), self.bits) for k in range(count)]
        code = Signal(self.output.domain.bits)
        if count == 1:
            m.d.sync += code.eq(Mux(compared[0] ^ falls, *reversed(self.levels)))
            return code
        # the opposite is held: the end of a carry chain then is a look-up table, which shares its register's cell
        missed = Signal(count)
        m.d.sync += missed.eq(Cat(~(bit ^ falls) for bit in compared))
        highest = self.levels[-1]
        for bit, places in enumerate(self._toggles):
            m.d.sync += code[bit].eq(reduce(xor, (missed[k] for k in places), Const(highest >> bit & 1, 1)))
        return code


def padded_thresholds(op: Threshold, lanes: int) -> tuple[IntArray, IntArray]:
    """Thresholds and signs of all lanes; those that pad the last beat always have the level whose code is 0."""
    channels, count = op.thresholds.shape
    domain = op.domain
    level = 0 if domain.step > 1 else min(max(-domain.lo, 0), count)
    idle = np.where(np.arange(count) < level, -BEYOND, BEYOND)
    thresholds = np.broadcast_to(idle, (lanes, count)).copy()
    thresholds[:channels] = op.thresholds
    sign = np.full(lanes, op.sign[-1])
    sign[:channels] = op.sign
    return thresholds, sign
