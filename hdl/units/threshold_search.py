# amaranth: UnusedElaboratable=no
"""`ThresholdSearch`: many levels by binary search, a stage for each bit of the result."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.utils import ceil_log2

from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.planner.plan import Folding, Resources, Span
from icepop.compiler.types import IntArray
from icepop.hdl.arithmetic.comparator import BEYOND, compare_cost, cuts, delay, ordinal, ordinal_bits, reaches
from icepop.hdl.channelwise import ChannelUnit, Parameters
from icepop.hdl.levels import code_cost, code_of, level_bits, needs_sum
from icepop.hdl.memory import Rom
from icepop.hdl.pipeline import behind
from icepop.hdl.units.base import counter_cells, lone_registers, registered_cells

FEWEST = 4
"""Fewest thresholds that are searched: fewer are cheaper to compare one by one."""


class ThresholdSearch(ChannelUnit):
    """Levels of elements, from the highest bit to the lowest, each by one comparison with the middle of what is left.

    Stage s reads the threshold that the s bits before it have come to: its memory holds ``C * 2**s`` words, or
    ``2**s`` where all channels have the same thresholds.

    Parameters
    ----------
    span : Span
        A `Threshold` of at least five levels.
    folding : Folding
        One lane, whatever it says; the spacing of shared constants, which are those of the first stage.

    Notes
    -----
    A cycle for each bit of the result, or two where accumulators have more than 16 bits, and one for the code where
    that is not the level itself.
    """

    def __init__(self, span: Span, folding: Folding):
        (op,) = span.ops
        if not isinstance(op, Threshold):
            raise TypeError(f"ThresholdSearch takes a Threshold, not a {type(op).__name__}")
        super().__init__(span, Folding(spacing=folding.spacing))
        self.bits = ordinal_bits(self.input.domain)
        self.stages = level_bits(self.output.domain)
        self.mixed = len(np.unique(op.sign)) > 1
        self.falls = bool(op.sign[0] < 0)
        channels, count = op.thresholds.shape
        thresholds = np.full((channels, (1 << self.stages) - 1), BEYOND)
        thresholds[:, :count] = op.thresholds
        table = np.concatenate(
            [cuts(thresholds, op.sign, self.input.domain), (op.sign < 0).astype(np.int64)[:, None]], axis=1
        )
        self.table = table[:1] if (table == table[:1]).all() else table

    @staticmethod
    def matches(span: Span) -> int:
        """A Threshold of many levels."""
        first = span.ops[0]
        return int(isinstance(first, Threshold) and first.thresholds.shape[1] >= FEWEST)

    @staticmethod
    def foldings(span: Span) -> Iterator[Folding]:
        """One lane."""
        yield Folding()

    @property
    def delay(self) -> int:
        """The stages, and the code."""
        return self.stages * (1 + delay(self.bits)) + needs_sum(self.output.domain)

    def _words(self, stage: int) -> list[int]:
        """Words of a stage, by channel and then by the bits found before, the first of them highest."""
        middle = ((2 * np.arange(1 << stage) + 1) << (self.stages - 1 - stage)) - 1
        falls: IntArray = self.table[:, -1:] << self.bits if self.mixed else np.zeros((1, 1), np.int64)
        complements = ~self.table[:, middle] & ((1 << self.bits) - 1)
        return [int(word) for word in (complements | falls).reshape(-1)]

    @cached_property
    def parameters(self) -> Parameters:
        """Constants of the first stage."""
        repeated = self._words(0) * (self.input.pixel_beats // len(self.table))
        return Parameters(self.bits + self.mixed, repeated)

    @cached_property
    def memories(self) -> list[Rom]:
        """Memories of the stages behind the first."""
        return [Rom(self.bits + self.mixed, self._words(stage)) for stage in range(1, self.stages)]

    @cached_property
    def lanes_cost(self) -> Resources:
        """Memories and comparators, and registers for what goes along: element, channel and the bits found."""
        channel, wait = ceil_log2(len(self.table)), 1 + delay(self.bits)
        parts = [rom.cost for rom in self.memories]
        parts += [(compare_cost(self.bits) + registered_cells(1)) * self.stages, counter_cells(len(self.table))]
        along = (self.stages - 1) * (wait * self.bits + wait * channel) - channel
        found = wait * self.stages * (self.stages - 1) // 2 + 1
        return Resources.total([*parts, lone_registers(along + found), code_cost(self.output.domain)])

    def compute(self, m: Module, x: Value, parameters: Parameters) -> Value:
        """Stage after stage; what goes along is delayed with it."""
        along = [ordinal(x, self.input.domain), self._channel(m, parameters)]
        found: Value = Const(0, 0)
        word: Value = parameters.word
        for stage in range(self.stages):
            falls = word[-1] if self.mixed else Const(self.falls, 1)
            reached = reaches(m, along[0], word[: self.bits], self.bits)
            if delay(self.bits):
                falls, found, *along = behind(m, falls, found, *along)
            found = Cat(reached ^ falls, found)
            if stage + 1 < self.stages:
                m.submodules[f"stage_{stage + 1}"] = memory = self.memories[stage]
                m.d.comb += memory.address.eq(Cat(found, along[1]))
                word = memory.data
                found, *along = behind(m, found, *along)
        domain = self.output.domain
        if needs_sum(domain):
            (found,) = behind(m, found)
        (code,) = behind(m, code_of(found, domain))
        return code

    def _channel(self, m: Module, parameters: Parameters) -> Value:
        """Channel of this beat; nothing where all have the same thresholds."""
        if len(self.table) == 1:
            return Const(0, 0)
        channel = Signal(range(len(self.table)))
        with m.If(parameters.take):
            m.d.sync += channel.eq(Mux(channel == len(self.table) - 1, 0, channel + 1))
        return channel
